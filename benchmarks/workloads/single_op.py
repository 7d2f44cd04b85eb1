"""One tracked op on a small tensor: the price of an entry on the tape."""

from __future__ import annotations

import operator

import numpy as np

from ..registry import contender, torch_style, workload
from .common import normal

SHAPE = (8, 8)
BINARY = {"mul": operator.mul, "add": operator.add}
UNARY = ("exp", "tanh")


def tensors(lib):
    return (lib.tensor(normal(*SHAPE, seed=seed), requires_grad=True) for seed in (0, 1))


def enter_binary(name, function):
    workload(f"op_{name}", f"One tracked op: {name}, two 8x8 tensors that require gradients")

    @torch_style(f"op_{name}")
    def build(lib, compiled):
        x, y = tensors(lib)
        return compiled(lambda: function(x, y))

    @contender(f"op_{name}", "numpy")
    def untracked():
        x, y = normal(*SHAPE), normal(*SHAPE, seed=1)
        return lambda: function(x, y)


def enter_unary(name):
    workload(f"op_{name}", f"One tracked op: {name}, an 8x8 tensor that requires gradients")

    @torch_style(f"op_{name}")
    def build(lib, compiled):
        x, _ = tensors(lib)
        function = getattr(lib, name)
        return compiled(lambda: function(x))

    @contender(f"op_{name}", "numpy")
    def untracked():
        x, function = normal(*SHAPE), getattr(np, name)
        return lambda: function(x)


for name, function in BINARY.items():
    enter_binary(name, function)
for name in UNARY:
    enter_unary(name)
