"""Reductions, running ones, sorting and windows, with the arguments of jax.lax."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.errors import ArgumentError
from ..core.ops import extrema, lookup, pointwise, pooling, reductions, scanning, shaping, slicing, sorting
from ..core.ops.families import as_array
from ..core.tracer import Value, aval_of
from . import pointwise as named
from .shaping import pad

Ints = Sequence[int]


def _over(axes: Any) -> Any:
    return tuple(axes) if isinstance(axes, (tuple, list)) else axes


def reduce_sum(operand: Any, axes: Ints) -> Value:
    """Add up over axes, in the operand's dtype.

    >>> from minitorch import lax
    >>> lax.reduce_sum([1.0, 2.0], (0,))
    Array(3., dtype=float32)
    """
    operand = as_array(operand)
    return shaping.sum(operand, _over(axes), dtype=operand.dtype)


def reduce_prod(operand: Any, axes: Ints) -> Value:
    """Multiply over axes, in the operand's dtype.

    >>> from minitorch import lax
    >>> lax.reduce_prod([2.0, 3.0], (0,))
    Array(6., dtype=float32)
    """
    operand = as_array(operand)
    return reductions.prod(operand, _over(axes), dtype=operand.dtype)


def reduce_max(operand: Any, axes: Ints) -> Value:
    """Return the largest element over axes.

    >>> from minitorch import lax
    >>> lax.reduce_max([1.0, 2.0], (0,))
    Array(2., dtype=float32)
    """
    return reductions.max(as_array(operand), _over(axes))


def reduce_min(operand: Any, axes: Ints) -> Value:
    """Return the smallest element over axes.

    >>> from minitorch import lax
    >>> lax.reduce_min([1.0, 2.0], (0,))
    Array(1., dtype=float32)
    """
    return reductions.min(as_array(operand), _over(axes))


def reduce_and(operand: Any, axes: Ints) -> Value:
    """Return whether all bools over axes hold.

    >>> from minitorch import lax
    >>> lax.reduce_and([True, False], (0,))
    Array(False, dtype=bool)
    """
    return reductions.all(as_array(operand), _over(axes))


def reduce_or(operand: Any, axes: Ints) -> Value:
    """Return whether any bool over axes holds.

    >>> from minitorch import lax
    >>> lax.reduce_or([True, False], (0,))
    Array(True, dtype=bool)
    """
    return reductions.any(as_array(operand), _over(axes))


def argmax(operand: Any, axis: int, index_dtype: Any = dtypes.int64) -> Value:
    """Return the place of the largest element along an axis.

    >>> from minitorch import lax
    >>> lax.argmax([1.0, 3.0, 2.0], 0)
    Array(1, dtype=int64)
    """
    return shaping.cast(reductions.argmax(as_array(operand), axis), index_dtype)


def argmin(operand: Any, axis: int, index_dtype: Any = dtypes.int64) -> Value:
    """Return the place of the smallest element along an axis.

    >>> from minitorch import lax
    >>> lax.argmin([1.0, 3.0, 2.0], 0)
    Array(0, dtype=int64)
    """
    return shaping.cast(reductions.argmin(as_array(operand), axis), index_dtype)


# --------------------------------------------------------------------------- running ones


def _running(function: Callable[[Value], Value], operand: Any, axis: int, reverse: bool) -> Value:
    operand = as_array(operand)
    if not reverse:
        return function(operand)
    return slicing.flip(function(slicing.flip(operand, axis)), axis)


def cumsum(operand: Any, axis: int = 0, reverse: bool = False) -> Value:
    """Return the running sums along an axis, from its end with `reverse`.

    >>> from minitorch import lax
    >>> lax.cumsum([1.0, 2.0, 3.0], reverse=True)
    Array([6., 5., 3.], dtype=float32)
    """
    return _running(lambda x: scanning.cumsum(x, axis, x.dtype), operand, axis, reverse)


def cumprod(operand: Any, axis: int = 0, reverse: bool = False) -> Value:
    """Return the running products along an axis, from its end with `reverse`.

    >>> from minitorch import lax
    >>> lax.cumprod([1.0, 2.0, 3.0])
    Array([1., 2., 6.], dtype=float32)
    """
    return _running(lambda x: scanning.cumprod(x, axis, x.dtype), operand, axis, reverse)


def cummax(operand: Any, axis: int = 0, reverse: bool = False) -> Value:
    """Return the running maxima along an axis, from its end with `reverse`.

    >>> from minitorch import lax
    >>> lax.cummax([1.0, 3.0, 2.0])
    Array([1., 3., 3.], dtype=float32)
    """
    return _running(lambda x: extrema.cummax(x, axis)[0], operand, axis, reverse)


def cummin(operand: Any, axis: int = 0, reverse: bool = False) -> Value:
    """Return the running minima along an axis, from its end with `reverse`.

    >>> from minitorch import lax
    >>> lax.cummin([3.0, 1.0, 2.0])
    Array([3., 1., 1.], dtype=float32)
    """
    return _running(lambda x: extrema.cummin(x, axis)[0], operand, axis, reverse)


def cumlogsumexp(operand: Any, axis: int = 0, reverse: bool = False) -> Value:
    """Return `log(cumsum(exp(x)))` along an axis, without overflow, from its end with `reverse`.

    >>> from minitorch import lax
    >>> lax.cumlogsumexp([0.0, 0.0])
    Array([0.       , 0.6931472], dtype=float32)
    """
    return _running(lambda x: scanning.logcumsumexp(x, axis), operand, axis, reverse)


# --------------------------------------------------------------------------- sorting


def sort(operand: Any, dimension: int = -1, is_stable: bool = True, num_keys: int = 1) -> Any:
    """Sort along an axis; of several arrays, all in the order of the first, later keys (of `num_keys`) deciding ties.

    >>> from minitorch import lax
    >>> lax.sort(([2.0, 1.0], [10.0, 20.0]))
    (Array([1., 2.], dtype=float32), Array([20., 10.], dtype=float32))
    """
    if not isinstance(operand, (tuple, list)) or not operand or isinstance(operand[0], (int, float)):
        return sorting.sort(as_array(operand), dimension)[0]
    operands = [as_array(x) for x in operand]
    if not 1 <= num_keys <= len(operands):
        raise ArgumentError(f"sort: num_keys must be from 1 to the {len(operands)} operands, got {num_keys}")
    for key in reversed(range(num_keys)):  # stable: the first key decides last
        order = sorting.argsort(operands[key], dimension)
        operands = [lookup.take_along_axis(x, order, dimension) for x in operands]
    return tuple(operands)


def sort_key_val(keys: Any, values: Any, dimension: int = -1, is_stable: bool = True) -> tuple[Value, Value]:
    """Sort keys along an axis, and values with them.

    >>> from minitorch import lax
    >>> lax.sort_key_val([2.0, 1.0], [10, 20])
    (Array([1., 2.], dtype=float32), Array([20, 10], dtype=int64))
    """
    keys, values = sort((as_array(keys), as_array(values)), dimension)
    return keys, values


def top_k(operand: Any, k: int, *, axis: int = -1) -> tuple[Value, Value]:
    """Return the k largest elements along an axis, in falling order, and their places.

    >>> from minitorch import lax
    >>> lax.top_k([1.0, 3.0, 2.0], 2)
    (Array([3., 2.], dtype=float32), Array([1, 2], dtype=int64))
    """
    return sorting.topk(as_array(operand), k, axis)


# --------------------------------------------------------------------------- windows

KINDS: dict[Any, str] = {
    **dict.fromkeys((named.__dict__["add"], pointwise.add, operator.add, np.add), "add"),
    **dict.fromkeys((named.__dict__["mul"], pointwise.mul, operator.mul, np.multiply), "mul"),
    **dict.fromkeys((named.__dict__["max"], pointwise.maximum, max, np.maximum), "max"),
    **dict.fromkeys((named.__dict__["min"], pointwise.minimum, min, np.minimum), "min"),
}
WHOLE: dict[str, Callable[..., Any]] = {"add": reduce_sum, "mul": reduce_prod, "max": reduce_max, "min": reduce_min}
COMBINE = {"add": pointwise.add, "mul": pointwise.mul, "max": pointwise.maximum, "min": pointwise.minimum}


def reduce(operands: Any, init_values: Any, computation: Callable[..., Any], dimensions: Ints) -> Value:
    """Take together the elements of one array along axes, starting from one value.

    `computation` is as in `reduce_window`: an associative function, which is applied to halves at a time.

    >>> from minitorch import lax
    >>> lax.reduce([[1.0, 2.0], [3.0, 4.0]], 0.0, lax.add, (0,))
    Array([4., 6.], dtype=float32)
    """
    if isinstance(operands, (tuple, dict)):
        raise ArgumentError(f"reduce: takes one array, got a {type(operands).__name__} of them; reduce each on its own")
    operand = as_array(operands)
    axes = tuple(sorted(shaping.canonical_axes("reduce", tuple(dimensions), operand.ndim)))
    init, kind = shaping.cast(as_array(init_values), operand.dtype), KINDS.get(computation)
    combine: Any = computation if kind is None else COMBINE[kind]
    rest = tuple(n for i, n in enumerate(operand.shape) if i - operand.ndim not in axes)
    size = operand.size // math.prod(rest) if operand.size else math.prod(operand.shape[i] for i in axes)
    if not size:
        return shaping.broadcast_to(init, rest)
    if kind is not None:
        return combine(WHOLE[kind](operand, axes), init)
    parts = shaping.reshape(shaping.moveaxis(operand, axes, tuple(range(len(axes)))), (size, *rest))
    odd = []
    while size > 1:
        half = size // 2
        odd += [slicing.slice_axis(parts, 0, size - 1, size)] * (size % 2)
        parts = combine(slicing.slice_axis(parts, 0, 0, half), slicing.slice_axis(parts, 0, half, 2 * half))
        size = half
    for part in reversed(odd):
        parts = combine(parts, part)
    return combine(init, shaping.reshape(parts, rest))


def window_padding(name: str, padding: Any, sizes: Ints, window: Ints, strides: Ints) -> list[tuple[int, int]]:
    """Return the padding of each axis: pairs as they are, or what 'SAME', 'SAME_LOWER' or 'VALID' means."""
    if not isinstance(padding, str):
        pairs = [(operator.index(a), operator.index(b)) for a, b in padding]
        if len(pairs) != len(sizes):
            raise ArgumentError(f"{name}: padding has {len(pairs)} pairs for {len(sizes)} axes; give one for each")
        return pairs
    kind = padding.upper()
    if kind == "VALID":
        return [(0, 0)] * len(sizes)
    if kind not in ("SAME", "SAME_LOWER"):
        raise ArgumentError(f"{name}: padding must be 'SAME', 'SAME_LOWER', 'VALID' or pairs, got {padding!r}")
    totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(sizes, window, strides)]
    halves = [(t // 2, t - t // 2) for t in totals]
    return halves if kind == "SAME" else [(b, a) for a, b in halves]


def reduce_window(
    operand: Any,
    init_value: Any,
    computation: Callable[..., Any],
    window_dimensions: Ints,
    window_strides: Ints | None = None,
    padding: Any = "VALID",
    base_dilation: Ints | None = None,
    window_dilation: Ints | None = None,
) -> Value:
    """Take together the elements of each window, starting from `init_value`, which also fills the padding.

    `computation` is `lax.add`, `lax.mul`, `lax.max` or `lax.min`, or any associative function of two arrays that works
    element by element. There is one window size, stride and dilation for each axis; `padding` is 'SAME', 'SAME_LOWER',
    'VALID' or a pair for each axis. The gradient of max and min goes to the first extremum of each window.

    >>> from minitorch import lax
    >>> lax.reduce_window([1.0, 2.0, 3.0, 4.0], 0.0, lax.add, (2,), (2,))
    Array([3., 7.], dtype=float32)
    """
    operand = as_array(operand)
    ones = (1,) * operand.ndim
    window, strides = tuple(window_dimensions), ones if window_strides is None else tuple(window_strides)
    dilation = ones if window_dilation is None else tuple(window_dilation)
    base = ones if base_dilation is None else tuple(base_dilation)
    if any(len(one) != operand.ndim or any(n < 1 for n in one) for one in (window, strides, dilation, base)):
        raise ArgumentError(
            f"reduce_window: {aval_of(operand)} needs {operand.ndim} positive numbers each for the window {window}, the "
            f"strides {strides} and the dilations {base}, {dilation}"
        )
    reach = [(k - 1) * d + 1 for k, d in zip(window, dilation)]
    sizes = [max(n + (n - 1) * (b - 1), 0) for n, b in zip(operand.shape, base)]
    pairs = window_padding("reduce_window", padding, sizes, reach, strides)
    if any(a or b or d > 1 for (a, b), d in zip(pairs, base)):
        operand = pad(operand, init_value, [(a, b, d - 1) for (a, b), d in zip(pairs, base)])
    kind = KINDS.get(computation)
    counts = [max((n - r) // s + 1, 0) for n, r, s in zip(operand.shape, reach, strides)]
    if operand.dtype in dtypes.REALS and all(counts) and kind in ("add", "max", "min"):
        return _pooled(kind, operand, init_value, window, strides, dilation)
    combine: Any = computation if kind is None else COMBINE[kind]
    out = shaping.broadcast_to(shaping.cast(as_array(init_value), operand.dtype), tuple(counts))
    for tap in itertools.product(*map(range, window)):
        part = operand
        for axis, (t, n, s, d) in enumerate(zip(tap, counts, strides, dilation)):
            part = slicing.slice_axis(part, axis, t * d, t * d + max(n - 1, -1) * s + 1 if n else t * d, s)
        out = combine(out, part)
    return out


def _pooled(kind: str, x: Value, init: Any, window: Any, strides: Any, dilation: Any) -> Value:
    init = shaping.cast(as_array(init), x.dtype)
    if kind == "add":
        return pointwise.add(pooling.sum_pool(x, window, strides, 0, dilation), init)
    if kind == "max":
        return pointwise.maximum(pooling.max_pool(x, window, strides, 0, dilation), init)
    return pointwise.minimum(pointwise.neg(pooling.max_pool(pointwise.neg(x), window, strides, 0, dilation)), init)


__all__ = [
    "argmax",
    "argmin",
    "cumlogsumexp",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "reduce",
    "reduce_and",
    "reduce_max",
    "reduce_min",
    "reduce_or",
    "reduce_prod",
    "reduce_sum",
    "reduce_window",
    "sort",
    "sort_key_val",
    "top_k",
]
