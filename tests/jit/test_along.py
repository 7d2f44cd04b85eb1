"""What goes along an axis, compiled: exactly what eager computes, for every dtype and layout, without a call of Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitorch as mt
from minitorch.core.array import Array
from minitorch.core.ops import extrema, lookup, reductions, scanning, sorting

DTYPES = ["float32", "float64", "int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "uint64", "bool"]
SHAPES = [((7,), -1), ((3, 50), -1), ((3, 50), -2), ((4, 5, 6), -2), ((1000,), -1), ((2, 300), -1)]


def data(rng: np.random.Generator, shape: tuple[int, ...], name: str) -> np.ndarray:
    """Numbers with ties, and with NaN, infinity and zeros of both signs."""
    dtype = np.dtype(name)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind in "iu":
        return rng.integers(0 if dtype.kind == "u" else -50, 50, shape).astype(dtype)
    x = np.round(rng.normal(size=shape) * 4).astype(dtype) / 4
    flat = x.reshape(-1)
    for odd in (np.nan, -0.0, 0.0, np.inf, -np.inf):
        flat[rng.integers(0, x.size)] = odd
    return x


def check(function: Any, *xs: np.ndarray, rtol: float = 0) -> None:
    """Assert that a compiled function gives eager's result, and calls no Python."""
    values = [Array(x) for x in xs]
    run = mt.jit(function)
    found, wanted = np.asarray(run(*values)), np.asarray(function(*values))
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    np.testing.assert_allclose(found, wanted, rtol, rtol) if rtol else np.testing.assert_array_equal(found, wanted)
    assert " 0 calls of Python" in run.explain(*values)


FUNCTIONS: dict[str, Any] = {
    "cumsum": lambda axis: lambda x: scanning.cumsum_p(x, axis=axis, reverse=False),
    "cumsum from the end": lambda axis: lambda x: scanning.cumsum_p(x, axis=axis, reverse=True),
    "cumprod": lambda axis: lambda x: scanning.cumprod_p(x, axis=axis),
    "argmax": lambda axis: lambda x: reductions.argmax_p(x, axis=axis, keepdims=True),
    "argmin": lambda axis: lambda x: reductions.argmin_p(x, axis=axis, keepdims=False),
    "argcummax": lambda axis: lambda x: extrema.argcummax_p(x, axis=axis),
    "argcummin": lambda axis: lambda x: extrema.argcummin_p(x, axis=axis),
    "argsort": lambda axis: lambda x: sorting.argsort_p(x, axis=axis, descending=False),
    "argsort down": lambda axis: lambda x: sorting.argsort_p(x, axis=axis, descending=True),
    "sort": lambda axis: lambda x: sorting.sort(x, axis)[0],
    "median": lambda axis: lambda x: sorting.median(x, axis)[1],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_equal_to_eager(name: str, dtype: str) -> None:
    if dtype == "bool" and (("cum" in name and "arg" not in name) or name == "median"):
        return
    rng = np.random.default_rng(0)
    for shape, axis in SHAPES:
        check(FUNCTIONS[name](axis), data(rng, shape, dtype))
    check(lambda x: FUNCTIONS[name](-1)(x.T), data(rng, (5, 6), dtype))
    check(lambda x: FUNCTIONS[name](-1)(x[:, ::-2]), data(rng, (5, 6), dtype))
    check(mt.vmap(FUNCTIONS[name](-1)), data(rng, (5, 6), dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("side", ["left", "right"])
def test_searches(side: str, dtype: str) -> None:
    rng = np.random.default_rng(0)
    for n in (1, 2, 37, 64):
        a = np.sort(data(rng, (n,), dtype))
        check(lambda a, v: lookup.searchsorted(a, v, side), a, data(rng, (3, 40), dtype))
        check(lambda a, v: lookup.searchsorted(a, v, side), np.stack([a] * 3), data(rng, (3, 40), dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("reverse", [False, True])
def test_recurrences(reverse: bool, dtype: str) -> None:
    rng = np.random.default_rng(0)
    for shape, axis in SHAPES:
        a, b = (rng.normal(size=shape).astype(dtype) / 2 for _ in "ab")
        rtol = 1e-5 if dtype == "float32" else 1e-12
        check(lambda a, b, axis=axis: scanning.recurrence_p(a, b, axis=axis, reverse=reverse), a, b, rtol=rtol)


def test_positions_outside() -> None:
    x = Array(np.arange(12.0).reshape(3, 4))
    f = lambda x, i: lookup.take_along_axis(x, i, 1)  # noqa: E731
    check(f, x.numpy(), np.array([[0, -1], [1, 2], [3, -4]]))
    check(f, x.numpy(), np.array([[0, -1]]))
    check(lambda x, i: lookup.take_along_axis(x, i, 0), x.numpy(), np.array([[0, -1, 2, 1]]))
    with pytest.raises(IndexError, match="index 4 is out of bounds|index 4"):
        mt.jit(f)(x, Array(np.array([[0], [4], [1]])))


def test_derivatives_and_training_steps() -> None:
    x = np.random.default_rng(0).normal(size=(4, 9))
    check(mt.grad(lambda x: (mt.cumsum(x, 1) * mt.cummax(x, 1)[0]).sum()), x, rtol=1e-12)
    check(mt.grad(lambda x: (mt.cumprod(x, 1) * mt.sort(x, 1)[0]).sum()), x, rtol=1e-10)
