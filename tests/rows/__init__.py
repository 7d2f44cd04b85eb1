"""The test table: one row per operation; `tests/test_table.py` multiplies rows by checks.

A row says how to call an operation, what it must equal (a NumPy or SciPy oracle), on which inputs, and what is special.
Inputs are made from a seeded generator in float64; checks cast them to other dtypes and lay them out differently.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Make = Callable[[np.random.Generator], Any]


def real(*shape: int, low: float = -2.0, high: float = 2.0, gap: float = 0.0) -> Make:
    """Uniform reals; `gap` keeps them that far from every integer (away from kinks and steps)."""

    def make(rng: np.random.Generator) -> np.ndarray:
        x = rng.uniform(low, high, shape)
        if gap:
            whole = np.floor(x)
            x = whole + gap + (x - whole) * (1 - 2 * gap)
        return x

    return make


def distinct(*shape: int, step: float = 0.1) -> Make:
    """Shuffled, evenly spaced values without ties: for max, sort and their kin."""

    def make(rng: np.random.Generator) -> np.ndarray:
        n = int(np.prod(shape))
        return (rng.permutation(n) - n / 2 + 0.25).reshape(shape) * step

    return make


def integers(*shape: int, low: int = 0, high: int = 5) -> Make:
    """Uniform int64 in [low, high)."""
    return lambda rng: rng.integers(low, high, shape)


def boolean(*shape: int) -> Make:
    """Fair coins."""
    return lambda rng: rng.random(shape) < 0.5


def complexes(*shape: int) -> Make:
    """Standard complex normals (complex128)."""
    return lambda rng: rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def made(function: Make) -> Make:
    """Any other generator: `made(lambda rng: ...)`; for example positive definite matrices."""
    return function


@dataclass(frozen=True)
class Case:
    """Arguments (generators; other values are passed as they are) and static keywords of one call."""

    args: tuple[Any, ...]
    params: dict[str, Any] = field(default_factory=dict)

    def build(self, rng: np.random.Generator) -> list[Any]:
        return [a(rng) if callable(a) else a for a in self.args]


@dataclass(frozen=True)
class Row:
    """One operation.

    `function(*arrays, **params)` is the core operation, `oracle` the same in NumPy or SciPy (same results, tuple for
    tuple). `primitives` are the registered primitives this row answers for. `grad` says whether derivatives are checked
    (in every float64 argument not listed in `nondiff`), `order` how often. `dtypes` are what the forward check tries
    besides float64. `special` are 1-d float values on which the result must equal the oracle's, NaN for NaN.
    `complex_cases` are checked like cases, for complex derivatives.
    """

    name: str
    function: Callable[..., Any]
    oracle: Callable[..., Any]
    cases: tuple[Case, ...]
    primitives: tuple[str, ...] = ()
    grad: bool = True
    nondiff: tuple[int, ...] = ()
    order: int = 2
    dtypes: tuple[str, ...] = ("float32",)
    special: tuple[float, ...] | None = None
    complex_cases: tuple[Case, ...] = ()
    batch: bool = True  # False where the result's shape depends on the data
    layouts: bool = True
    rtol: float = 1e-6  # of the float64 derivative checks
    forward_rtol: float = 1e-12  # float64 forward against the oracle
    outputs: Callable[[Any], Any] = lambda out: out  # fixes signs or phases before comparing (svd, qr, eigh)

    def covers(self) -> tuple[str, ...]:
        return self.primitives or (self.name,)
