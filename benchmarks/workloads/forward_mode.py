"""Chains of pointwise ops, their value alone and with a tangent: what forward mode costs over the function itself."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..registry import contender, workload
from .common import normal


def waves(lib, x):
    """Alternate functions and arithmetic with numbers."""
    for _ in range(5):
        x = lib.tanh(lib.sin(x) * 0.9) + 0.1
    return x


def waves_by_hand(x, t):
    for _ in range(5):
        x, t = np.sin(x) * 0.9, np.cos(x) * t * 0.9
        h = np.tanh(x)
        x, t = h + 0.1, (1 - h * h) * t
    return x, t


def bell(lib, x):
    """Products of results, each of which has two tangents: 19 operations by the rules for 7."""
    h = lib.tanh(x * 1.5 + 0.5)
    return lib.exp(-h * h) * x


def bell_by_hand(x, t):
    h = np.tanh(x * 1.5 + 0.5)
    dh = (1 - h * h) * (t * 1.5)
    e = np.exp(-h * h)
    return e * x, e * t + x * (e * (-2 * h * dh))


def bells(lib, x):
    """Three of them."""
    return bell(lib, bell(lib, bell(lib, x)))


def bells_by_hand(x, t):
    return bell_by_hand(*bell_by_hand(*bell_by_hand(x, t)))


class Chain(NamedTuple):
    """A function of a library and an array, and what its jvp does, by hand."""

    function: Callable[[Any, Any], Any]
    by_hand: Callable[[Any, Any], Any]


CHAINS = {
    "20 operations": Chain(waves, waves_by_hand),
    "7 operations": Chain(bell, bell_by_hand),
    "21 operations": Chain(bells, bells_by_hand),
}
SIZES = {"1": 1, "1k": 1_000, "10k": 10_000, "100k": 100_000, "1M": 1_000_000}
# Where a library has its functions, how it takes an array in, and its jvp.
LIBRARIES = {
    "torch": ("torch", "tensor", "torch.func"),
    "minitorch": ("minitorch.numpy", "asarray", "minitorch"),
}


def enter(kind: str, chain: Chain, size: str, count: int) -> None:
    """Enter one workload with both, so that the two take turns: what is asked for is their ratio."""
    name = f"{chain.function.__name__}_{size}"
    workload(name, f"Pointwise chain of {kind}, {size} floats: its value, and with a tangent", bytes=2 * 4 * count)
    contender(name, "numpy")(lambda: partial(chain.function, np, normal(count)))
    contender(name, "numpy jvp")(lambda: valued(partial(chain.by_hand, normal(count), normal(count, seed=1))))
    for library in LIBRARIES:
        contender(name, library)(partial(value_of, library, chain, count))
        contender(name, f"{library} jvp")(partial(jvp_of, library, chain, count))


def value_of(name: str, chain: Chain, count: int) -> Callable[[], Any]:
    module, take, _ = LIBRARIES[name]
    lib = importlib.import_module(module)
    return partial(chain.function, lib, getattr(lib, take)(normal(count)))


def jvp_of(name: str, chain: Chain, count: int) -> Callable[[], Any]:
    module, take, transforms = LIBRARIES[name]
    lib = importlib.import_module(module)
    x, t = (getattr(lib, take)(normal(count, seed=seed)) for seed in range(2))
    both = partial(importlib.import_module(transforms).jvp, partial(chain.function, lib), (x,), (t,))
    wanted = chain.by_hand(normal(count), normal(count, seed=1))[1]
    np.testing.assert_allclose(np.array(both()[1]), wanted, 1e-3, 1e-4, err_msg=f"the tangent of {name}")
    return valued(both)


def valued(both: Callable[[], Any]) -> Callable[[], Any]:
    """Let a function that returns a value with its tangent return the value, as what is checked against."""
    return lambda: both()[0]


for kind, chain in CHAINS.items():
    for size, count in SIZES.items():
        enter(kind, chain, size, count)
