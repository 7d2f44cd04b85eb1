"""A chain of pointwise ops, its value alone and with a tangent: what forward mode costs over the function itself."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..registry import contender, workload
from .common import normal

SIZES = {"1k": 1_000, "100k": 100_000}


def chain(lib, x):
    for _ in range(3):
        h = lib.tanh(x * 1.5 + 0.5)
        x = lib.exp(-h * h) * x
    return x


def chain_and_tangent(x, t):
    """What jvp does, by hand."""
    for _ in range(3):
        h = np.tanh(x * 1.5 + 0.5)
        dh = (1 - h * h) * (t * 1.5)
        e = np.exp(-h * h)
        x, t = e * x, e * t + x * (e * (-2 * h * dh))
    return x, t


def enter(size, count):
    value, pushed = f"chain_value_{size}", f"chain_jvp_{size}"
    workload(value, f"A pointwise chain, {size} floats", bytes=2 * 4 * count)
    workload(pushed, f"A pointwise chain with a tangent, {size} floats", bytes=4 * 4 * count)

    @contender(value, "torch")
    def torch_value():
        import torch

        return partial(chain, torch, torch.tensor(normal(count)))

    @contender(pushed, "torch")
    def torch_jvp():
        import torch

        x, t = torch.tensor(normal(count)), torch.tensor(normal(count, seed=1))
        return lambda: torch.func.jvp(partial(chain, torch), (x,), (t,))

    @contender(value, "minitorch")
    def our_value():
        import minitorch.numpy as mnp

        return partial(chain, mnp, mnp.asarray(normal(count)))

    @contender(pushed, "minitorch")
    def our_jvp():
        import minitorch as mt
        import minitorch.numpy as mnp

        x, t = mnp.asarray(normal(count)), mnp.asarray(normal(count, seed=1))
        return lambda: mt.jvp(partial(chain, mnp), (x,), (t,))

    @contender(value, "numpy")
    def numpy_value():
        return partial(chain, np, normal(count))

    @contender(pushed, "numpy")
    def numpy_jvp():
        return partial(chain_and_tangent, normal(count), normal(count, seed=1))


for size, count in SIZES.items():
    enter(size, count)
