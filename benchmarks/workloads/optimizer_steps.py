"""The step of an optimizer alone, over 60 parameters of mixed sizes: the price of many small updates."""

from __future__ import annotations

from math import prod

from ..registry import torch_style, workload
from .common import normal

SHAPES = [(64,), (64, 64), (256, 64), (256,), (10, 64), (10,)] * 10
NUMBERS = sum(map(prod, SHAPES))

# Each line: a name, the class, its options, and how many arrays of the parameters' size a step reads and writes.
OPTIMIZERS = {
    "sgd": ("SGD with momentum", "SGD", {"lr": 1e-3, "momentum": 0.9}, 5),
    "adam": ("Adam", "Adam", {"lr": 1e-3}, 7),
    "adamw": ("AdamW", "AdamW", {"lr": 1e-3}, 7),
}


def enter(name, title, kind, options, arrays):
    workload(
        f"step_{name}", f"A step of {title}, {len(SHAPES)} parameters, {NUMBERS:,} numbers", bytes=4 * arrays * NUMBERS
    )

    @torch_style(f"step_{name}")
    def build(lib, compiled):
        params = [lib.nn.Parameter(lib.tensor(normal(*shape, seed=i))) for i, shape in enumerate(SHAPES)]
        optimizer = getattr(lib.optim, kind)(params, **options)
        for i, p in enumerate(params):
            p.grad = lib.tensor(normal(*p.shape, seed=100 + i))

        def step():
            optimizer.step()
            return params[0].detach()

        return step


for name, (title, kind, options, arrays) in OPTIMIZERS.items():
    enter(name, title, kind, options, arrays)
