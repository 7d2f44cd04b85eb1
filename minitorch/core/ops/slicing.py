"""Slices, and pads, which are their transposes.

Both act on as many last axes as they are given numbers for, so an axis in front changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..aval import Aval
from ..errors import ArgumentError, ShapeError
from ..tracer import Value, aval_of
from .families import LEADING, as_array, custom, linear
from .shaping import canonical_axes, canonical_axis


def _slices(starts: tuple[int, ...], stops: Any, steps: tuple[int, ...]) -> tuple[Any, ...]:
    return (..., *map(slice, starts, stops, steps))


def _stop(start: int, n: int, step: int) -> int | None:
    """Where a slice of `n` elements ends: None says before the first element, which a negative number cannot."""
    stop = start + n * step
    return None if stop < 0 else stop


def _sliced_size(n: int, start: int, stop: int | None, step: int) -> int:
    return len(range(*slice(start, stop, step).indices(n)))


def _slice_abstract(x: Aval, *, starts: tuple[int, ...], stops: Any, steps: tuple[int, ...]) -> Aval:
    k = len(starts)
    return x._replace(shape=x.shape[:-k] + tuple(map(_sliced_size, x.shape[-k:], starts, stops, steps)), weak=False)


def _unslice(
    g: Value, x_aval: Aval, out_aval: Aval, starts: tuple[int, ...], stops: Any, steps: tuple[int, ...]
) -> Value:
    if x_aval.shape == out_aval.shape:  # axes were reversed at most, and reversing again undoes that without a copy
        return strided_slice_p(g, starts=starts, stops=stops, steps=steps)
    return pad_p(g, starts=starts, steps=steps, sizes=x_aval.shape[-len(starts) :], value=0)


strided_slice_p: Any = linear(
    "strided_slice",
    lambda x, *, starts, stops, steps: x[_slices(starts, stops, steps)],
    _unslice,
    abstract=_slice_abstract,
)


def strided_slice(
    x: Value,
    starts: Sequence[int | None],
    stops: Sequence[int | None],
    steps: Sequence[int | None] | None = None,
) -> Value:
    """Take `x[starts[0]:stops[0]:steps[0], ...]`, with Python's meaning of negative and missing numbers; no copy.

    >>> strided_slice(np.arange(6), [None], [None], [-2])
    Array([5, 3, 1], dtype=int64)
    """
    x = as_array(x)
    given = (None,) * len(starts) if steps is None else steps
    if not len(starts) == len(stops) == len(given) or len(starts) > x.ndim:
        raise ShapeError(
            f"strided_slice: {len(starts)} starts, {len(stops)} stops and {len(given)} steps for {aval_of(x)}; "
            f"give each for the same axes, at most {x.ndim}"
        )
    if 0 in given:
        raise ArgumentError(f"strided_slice: a step is 0 in {given} for {aval_of(x)}; use 1")
    cuts = [slice(*one).indices(n) for one, n in zip(zip(starts, stops, given), x.shape)]
    cuts += [(0, n, 1) for n in x.shape[len(cuts) :]]
    return cut(x, [(start, len(range(start, stop, step)), step) for start, stop, step in cuts])


def cut(x: Value, cuts: Sequence[tuple[int, int, int]]) -> Value:
    """Take `(start, size, step)` of every axis."""
    if all(one == (0, n, 1) for one, n in zip(cuts, x.shape)):
        return x
    starts, sizes, steps = zip(*cuts)
    return strided_slice_p(x, starts=starts, stops=tuple(map(_stop, starts, sizes, steps)), steps=steps)


def slice_axis(x: Value, axis: int, start: int | None, stop: int | None, step: int | None = None) -> Value:
    """Take `start:stop:step` of one axis."""
    x = as_array(x)
    place = canonical_axis("slice_axis", axis, x.ndim) + x.ndim
    everything = (None,) * place
    return strided_slice(x, (*everything, start), (*everything, stop), (*everything, step))


def _pad_impl(x: Any, *, starts: tuple[int, ...], steps: tuple[int, ...], sizes: tuple[int, ...], value: Any) -> Any:
    shape = x.shape[: -len(sizes)] + sizes
    # Fresh zeros cost nothing until touched; -0.0 is not among them.
    plain = type(value) is int and value == 0
    out = np.zeros(shape, x.dtype) if plain else np.full(shape, value, x.dtype)
    out[_slices(starts, map(_stop, starts, x.shape[-len(sizes) :], steps), steps)] = x
    return out


def _pad_vjp(g: Value, x_aval: Aval, starts: tuple[int, ...], steps: tuple[int, ...]) -> Value:
    stops = tuple(map(_stop, starts, x_aval.shape[-len(starts) :], steps))
    return strided_slice_p(g, starts=starts, stops=stops, steps=steps)


pad_p: Any = custom(
    "pad",
    _pad_impl,
    abstract=lambda x, *, starts, steps, sizes, value: x._replace(shape=x.shape[: -len(sizes)] + sizes, weak=False),
    vjp=(_pad_vjp,),
    jvp=(lambda t, starts, steps, sizes: pad_p(t, starts=starts, steps=steps, sizes=sizes, value=0),),
    batch=LEADING,
)


def unslice(x: Value, shape: Sequence[int], starts: Sequence[int], steps: Sequence[int] | None = None) -> Value:
    """Put an array into zeros of the given shape at `starts`, `steps` apart: the transpose of `strided_slice`.

    >>> unslice(np.array([1, 2]), (5,), (1,), (2,))
    Array([0, 1, 0, 2, 0], dtype=int64)
    """
    x = as_array(x)
    strides = (1,) * x.ndim if steps is None else tuple(steps)
    last = [start + (n - 1) * step for start, n, step in zip(starts, x.shape, strides)]
    fits = all(n == 0 or (0 <= a < size and 0 <= b < size) for n, a, b, size in zip(x.shape, starts, last, shape))
    if not len(shape) == len(starts) == len(strides) == x.ndim or not fits or 0 in strides:
        raise ShapeError(
            f"unslice: {aval_of(x)} does not fit into shape {tuple(shape)} at {tuple(starts)} with steps {strides}"
        )
    if not x.ndim:
        return x
    return pad_p(x, starts=tuple(starts), steps=strides, sizes=tuple(shape), value=0)


def flip(x: Value, axis: Any = None) -> Value:
    """Reverse the order along axes (all by default), without a copy."""
    x = as_array(x)
    axes = canonical_axes("flip", axis, x.ndim)
    return cut(x, [(n - 1, n, -1) if i - x.ndim in axes and n > 1 else (0, n, 1) for i, n in enumerate(x.shape)])
