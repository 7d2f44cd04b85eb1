"""Pooling: the maximum, the sum and the mean over windows that slide over the last axes.

A maximum is a choice: `max_pool` returns the values and which tap of the window they came from, and its derivatives are
`pool_take` and `pool_put`, each other's transposes. Means are scaled sums of windows. Leading axes are free.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from operator import index as as_int
from typing import Any

import numpy as np

from .. import dtypes
from ..array import wrap
from ..aval import Aval
from ..errors import ArgumentError, ShapeError
from ..tracer import Value, aval_of
from .contractions import matmul
from .convolution import per_axis
from .families import LEADING, custom
from .gathering import iota, take
from .pointwise import add, div, floor_divide, mul, remainder
from .reductions import only_floats, only_reals
from .shaping import cast, moveaxis, reshape
from .windowing import Windows, counted, counts_of, pooled_axes, sized, sizes_of, sliding, taps_of, window_sum_p

# --------------------------------------------------------------------------- one element of each window


def _tap_dtype(windows: Windows) -> Any:
    return np.uint8 if math.prod(w.taps for w in windows) <= 256 else np.int32


def _max_impl(x: Any, *, windows: Windows) -> Any:
    taps = taps_of(windows)
    dtype = _tap_dtype(windows)
    shape = x.shape[: -len(windows)] + counts_of(windows)
    which = np.zeros(shape, dtype)
    inside = builtins.all(w.is_inside for w in windows)
    if inside:
        out = x[taps[0][1]].copy()
    else:
        out = np.full(shape, _lowest(x.dtype), x.dtype)
        for t in reversed(range(len(taps))):  # a window full of the lowest value answers with its first element
            which[taps[t][0]] = t
    for t in range(int(inside), len(taps)):
        here, there = taps[t]
        best, new, chosen = out[here], x[there], which[here]
        better = new > best
        np.maximum(best, new, out=best)
        # Taps come in rising order, so the maximum of their numbers is the last that was better: no masked copy.
        better = better.view(dtype) if dtype is np.uint8 else better.astype(dtype)
        np.maximum(chosen, np.multiply(better, dtype(t), out=better), out=chosen)
    if out.size and x.dtype in dtypes.INEXACT and np.isnan(np.maximum.reduce(out, axis=None)):
        for t, (here, there) in enumerate(taps):
            np.copyto(which[here], dtype(t), where=np.isnan(x[there]))
    return out, which


def _lowest(dtype: Any) -> Any:
    return -np.inf if dtype in dtypes.INEXACT else False if dtype == dtypes.bool_ else np.iinfo(dtype).min


def _max_abstract(x: Aval, *, windows: Windows) -> tuple[Aval, Aval]:
    values = counted(x, windows=windows)
    return values, values._replace(dtype=np.dtype(_tap_dtype(windows)))


def _take_impl(x: Any, which: Any, *, windows: Windows) -> Any:
    out = np.zeros(x.shape[: -len(windows)] + counts_of(windows), x.dtype)
    for t, (here, there) in enumerate(taps_of(windows)):
        np.copyto(out[here], x[there], where=which[here] == t)
    return out


def _put_impl(g: Any, which: Any, *, windows: Windows) -> Any:
    shape = g.shape[: -len(windows)] + sizes_of(windows)
    out = np.empty(shape, g.dtype) if builtins.all(w.is_tiling for w in windows) else np.zeros(shape, g.dtype)
    apart = builtins.all(w.is_apart for w in windows)
    # Bits times 0 or 1, unlike floats, cannot make NaN of inf; measured 5 times faster than np.where.
    bits = np.dtype(f"i{g.dtype.itemsize}")
    g_bits, out_bits = g.view(bits), out.view(bits)
    for t, (here, there) in enumerate(taps_of(windows)):
        chosen = which[here] == t
        if apart:
            np.multiply(g_bits[here], chosen, out=out_bits[there])
        else:
            target = out[there]
            np.add(target, np.multiply(g_bits[here], chosen).view(g.dtype), out=target)
    return out


max_pool_p: Any = custom(
    "max_pool",
    _max_impl,
    abstract=_max_abstract,
    vjp=(lambda g, out, windows: pool_put_p(g[0], out[1], windows=windows),),
    jvp=(lambda t, out, windows: (pool_take_p(t, out[1], windows=windows), None),),
    batch=LEADING,
)
pool_take_p: Any = custom(
    "pool_take",
    _take_impl,
    abstract=lambda x, which, *, windows: counted(x, windows=windows),
    vjp=(lambda g, which, windows: pool_put_p(g, which, windows=windows), None),
    jvp=(lambda t, which, windows: pool_take_p(t, which, windows=windows), None),
    batch=LEADING,
)
pool_put_p: Any = custom(
    "pool_put",
    _put_impl,
    abstract=lambda g, which, *, windows: sized(g, windows=windows),
    vjp=(lambda h, which, windows: pool_take_p(h, which, windows=windows), None),
    jvp=(lambda t, which, windows: pool_put_p(t, which, windows=windows), None),
    batch=LEADING,
)


def _check_padding(name: str, windows: Windows) -> None:
    for w in windows:
        met = {i for t in range(w.taps) for i in range(w.places)[w.tap(t)[0]]} if w.dilation > 1 else range(w.places)
        if 2 * w.before > (w.taps - 1) * w.dilation + 1 or len(met) < w.places:
            raise ArgumentError(
                f"{name}: padding {w.before} for an axis of size {w.size}, a window of {w.taps} and dilation "
                f"{w.dilation} leaves windows empty or more than half outside; use less padding, or pad x itself"
            )


# --------------------------------------------------------------------------- the functions


def max_pool(
    x: Value, window: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Value:
    """Return the largest element of each window; NaN if there is one.

    `window` has one number for each pooled axis, the last ones; `stride` is the window by default. Padding never wins.
    The gradient goes to the first maximum of each window. Raises ShapeError when a window does not fit.

    >>> max_pool(np.arange(16.0).reshape(4, 4), (2, 2))
    Array([[ 5.,  7.],
           [13., 15.]], dtype=float64)
    """
    return _max_pool("max_pool", x, window, stride, padding, dilation, ceil_mode)[0]


def max_pool_with_indices(
    x: Value, window: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> tuple[Value, Value]:
    """Return what `max_pool` does, and the positions (int64) of the maxima in the flattened pooled axes.

    >>> max_pool_with_indices(np.array([3.0, 1.0, 2.0, 7.0]), 2)
    (Array([3., 7.], dtype=float64), Array([0, 3], dtype=int64))
    """
    values, which, windows = _max_pool("max_pool_with_indices", x, window, stride, padding, dilation, ceil_mode)
    which = cast(which, dtypes.int64)
    flat: Value = 0
    plane, taps = 1, 1
    for i, w in reversed(list(enumerate(windows))):
        tap = remainder(floor_divide(which, taps), w.taps)
        start = add(mul(iota(w.places, len(windows), i), w.stride), -w.before)
        flat = add(flat, mul(add(start, mul(tap, w.dilation)), plane))
        plane, taps = plane * w.size, taps * w.taps
    return values, flat


def _max_pool(
    name: str, x: Value, window: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[Value, Value, Windows]:
    x = only_reals(name, x)
    windows = sliding(name, pooled_axes(name, x, window), window, stride, padding, dilation, ceil_mode)
    _check_padding(name, windows)
    values, which = max_pool_p(x, windows=windows)
    return values, which, windows


def sum_pool(
    x: Value, window: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Value:
    """Return the sum of each window over the last axes; padding counts as zeros."""
    x = only_floats("sum_pool", x)
    sizes = pooled_axes("sum_pool", x, window)
    return window_sum_p(x, windows=sliding("sum_pool", sizes, window, stride, padding, dilation, ceil_mode))


def avg_pool(
    x: Value,
    window: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Value:
    """Return the mean of each window over the last axes.

    Padding counts as zeros, and among the elements unless `count_include_pad` is False; `divisor_override` divides the
    sums by another number. Integers raise a DTypeError.

    >>> avg_pool(np.arange(16.0).reshape(4, 4), (2, 2))
    Array([[ 2.5,  4.5],
           [10.5, 12.5]], dtype=float64)
    """
    x = only_floats("avg_pool", x)
    windows = sliding("avg_pool", pooled_axes("avg_pool", x, window), window, stride, padding, 1, ceil_mode)
    _check_padding("avg_pool", windows)
    if divisor_override is not None and as_int(divisor_override) == 0:
        raise ArgumentError("avg_pool: divisor_override must not be 0; leave it out for the mean")
    total = window_sum_p(x, windows=windows)
    if divisor_override is not None:
        return div(total, float(divisor_override))
    if builtins.all(w.is_inside for w in windows):
        return div(total, float(math.prod(w.taps for w in windows)))
    counts = np.ones((), np.int64)
    for w in windows:
        starts = np.arange(w.places) * w.stride - w.before
        edge = w.before if count_include_pad else 0
        counts = counts[..., None] * (np.minimum(starts + w.taps, w.size + edge) - np.maximum(starts, -edge))
    return div(total, wrap(counts.astype(dtypes.real_of(x.dtype))))


def adaptive_avg_pool(x: Value, counts: Sequence[int | None]) -> Value:
    """Average the last axes down (or up) to the given counts; None keeps an axis.

    Window i of n covers the elements from `floor(i * size / n)` to `ceil((i + 1) * size / n)`.

    >>> adaptive_avg_pool(np.arange(6.0), (3,))
    Array([0.5, 2.5, 4.5], dtype=float64)
    """
    x = only_floats("adaptive_avg_pool", x)
    sizes, wanted = _adaptive("adaptive_avg_pool", x, counts)
    if builtins.all(n and size % n == 0 for size, n in zip(sizes, wanted)):
        return avg_pool(x, tuple(size // n for size, n in zip(sizes, wanted)))
    for axis, (size, n) in enumerate(zip(sizes, wanted), -len(sizes)):
        starts, stops = _adaptive_bounds(size, n)
        i = np.arange(size)
        inside = (i >= starts[:, None]) & (i < stops[:, None])
        weights = wrap((inside / (stops - starts)[:, None]).astype(x.dtype).T)
        x = moveaxis(matmul(moveaxis(x, axis, -1), weights), -1, axis)
    return x


def adaptive_max_pool(x: Value, counts: Sequence[int | None]) -> Value:
    """Return the largest element of each window, the windows being those of `adaptive_avg_pool`."""
    return adaptive_max_pool_with_indices(x, counts)[0]


def adaptive_max_pool_with_indices(x: Value, counts: Sequence[int | None]) -> tuple[Value, Value]:
    """Return what `adaptive_max_pool` does, and the positions of the maxima in the flattened pooled axes."""
    x = only_reals("adaptive_max_pool", x)
    sizes, wanted = _adaptive("adaptive_max_pool", x, counts)
    if 0 in sizes or 0 in wanted:
        raise ShapeError(f"adaptive_max_pool: {aval_of(x)} to {wanted}: an empty window has no maximum; use sizes > 0")
    if builtins.all(size % n == 0 for size, n in zip(sizes, wanted)):
        return max_pool_with_indices(x, tuple(size // n for size, n in zip(sizes, wanted)))
    # Windows of equal length, by repeating the last element of short ones: the first maximum is a true element.
    positions = wrap(np.arange(math.prod(sizes)).reshape(sizes))
    window = []
    for axis, (size, n) in enumerate(zip(sizes, wanted), -len(sizes)):
        starts, stops = _adaptive_bounds(size, n)
        length = int(np.max(stops - starts))
        chosen = wrap(np.minimum(starts[:, None] + np.arange(length), stops[:, None] - 1).reshape(-1))
        x, positions = take(x, chosen, axis), take(positions, chosen, axis)
        window.append(length)
    values, flat = max_pool_with_indices(x, tuple(window))
    return values, take(reshape(positions, (positions.size,)), flat)


def _adaptive(name: str, x: Value, counts: Sequence[int | None]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    sizes = pooled_axes(name, x, counts)
    given = tuple(counts) if isinstance(counts, (tuple, list)) else (counts,)
    filled = tuple(size if n is None else n for size, n in zip(sizes, given))
    return sizes, per_axis(name, "counts", filled, len(sizes), 0)


def _adaptive_bounds(size: int, n: int) -> tuple[Any, Any]:
    i = np.arange(n)
    return i * size // n, -(-(i + 1) * size // n)
