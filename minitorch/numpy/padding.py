"""`pad`, in all of NumPy's modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.errors import ArgumentError, ShapeError
from ..core.ops import joining as J
from ..core.ops import pointwise as P
from ..core.ops import reductions as R
from ..core.ops import shaping as S
from ..core.ops import slicing
from ..core.tracer import Value, aval_of
from .arguments import array_of, host, inexact
from .statistics import median

_MODES = ("constant", "edge", "reflect", "symmetric", "wrap")


def pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Value:
    """Add elements before and after each axis.

    `pad_width` is one number, one `(before, after)`, one pair per axis, or a dict from axes to these. The modes are
    `constant` (with `constant_values`), `edge`, `reflect` and `symmetric` (with `reflect_type`), `wrap`,
    `linear_ramp` (with `end_values`), `maximum`, `minimum`, `mean` and `median` (with `stat_length`), and `empty`,
    which gives zeros.

    >>> mnp.pad(mnp.array([1, 2, 3]), (1, 2)), mnp.pad(mnp.array([1, 2, 3]), 2, mode="reflect")
    (Array([0, 1, 2, 3, 0, 0], dtype=int64), Array([3, 2, 1, 2, 3, 2, 1], dtype=int64))
    """
    array = array_of(array)
    widths = _widths(array, pad_width)
    if (np.asarray(widths) < 0).any():
        raise ArgumentError(f"pad: widths must not be negative, got {pad_width} for {aval_of(array)}; slice it instead")
    if mode == "empty":
        return J.pad(array, widths)
    allowed = _ALLOWED.get(mode)
    if allowed is None:
        raise ArgumentError(f"pad: mode must be one of {', '.join(_ALLOWED)}, got {mode!r}")
    stray = set(kwargs) - {allowed}
    if stray:
        raise ArgumentError(
            f"pad: mode {mode!r} does not take {', '.join(sorted(stray))}=; it takes {allowed or 'none'}="
        )
    for axis, (before, after) in enumerate(widths):
        if before or after:
            array = _extended(array, axis, before, after, mode, kwargs.get(allowed))
    return array


# The keyword that each mode takes.
_ALLOWED: dict[str, str] = {
    "constant": "constant_values",
    "linear_ramp": "end_values",
    "reflect": "reflect_type",
    "symmetric": "reflect_type",
    "maximum": "stat_length",
    "minimum": "stat_length",
    "mean": "stat_length",
    "median": "stat_length",
    "edge": "",
    "wrap": "",
    "empty": "",
}


def _widths(x: Value, given: Any) -> list[tuple[int, int]]:
    if isinstance(given, dict):
        pairs = [(0, 0)] * x.ndim
        for axis, width in given.items():
            before, after = np.broadcast_to(np.asarray(width), (2,)).tolist()
            pairs[S.canonical_axis("pad", axis, x.ndim)] = (before, after)
        return pairs
    return [(int(a), int(b)) for a, b in _pairs(x, "pad_width", given)]


def _pairs(x: Value, name: str, given: Any) -> list[tuple[Any, Any]]:
    try:
        return [tuple(pair) for pair in np.broadcast_to(np.asarray(given), (x.ndim, 2)).tolist()]
    except ValueError:
        raise ShapeError(
            f"pad: {name} {given!r} for {aval_of(x)}; give one number, one (before, after), or {x.ndim} such pairs"
        ) from None


def _extended(x: Value, axis: int, before: int, after: int, mode: str, option: Any) -> Value:
    if mode == "constant":
        return _constant(x, axis, before, after, 0 if option is None else option)
    if mode == "linear_ramp":
        return _ramped(x, axis, before, after, 0 if option is None else option)
    if mode in _STATISTICS:
        return _measured(x, axis, before, after, mode, option)
    if option == "odd":
        return _odd(x, axis, before, after, mode)
    if not x.shape[axis]:
        raise ShapeError(f"pad: mode {mode!r} cannot extend the empty axis {axis} of {aval_of(x)}; use 'constant'")
    return _mirrored(x, axis, before, after, mode)


def _on(axis: int, ndim: int, before: int, after: int) -> list[tuple[int, int]]:
    return [(before, after) if i == axis else (0, 0) for i in range(ndim)]


def _constant(x: Value, axis: int, before: int, after: int, values: Any) -> Value:
    numbers = S.broadcast_to(array_of(values, x.dtype), (x.ndim, 2))

    def part(k: int, n: int) -> Value:
        return S.broadcast_to(numbers[axis, k], (*x.shape[:axis], n, *x.shape[axis + 1 :]))

    return J.concatenate([part(0, before), x, part(1, after)], axis)


def _mirrored(x: Value, axis: int, before: int, after: int, mode: str) -> Value:
    """Extend by what is there, in steps where an axis is shorter than what is added to it."""
    n = x.shape[axis]
    if mode == "edge" or n == 1:
        return J.pad(x, _on(axis, x.ndim, before, after), "edge")
    places = np.arange(-before, n + after)
    if mode == "wrap":
        places %= n
    else:
        period = 2 * (n - 1) if mode == "reflect" else 2 * n
        places %= period
        places = np.minimum(places, period - places - (mode == "symmetric"))
    return S.moveaxis(S.moveaxis(x, axis, 0)[places], 0, axis)


def _odd(x: Value, axis: int, before: int, after: int, mode: str) -> Value:
    """Reflect through the point at the border."""
    n = x.shape[axis]
    if max(before, after) > n - (mode == "reflect"):
        raise ShapeError(
            f"pad: reflect_type='odd' can add at most {n - (mode == 'reflect')} elements to axis {axis} of {aval_of(x)}, "
            f"got {(before, after)}; pad in several steps"
        )
    wide = J.pad(x, _on(axis, x.ndim, before, after), mode)
    first, last = (slicing.slice_axis(x, axis, i, i + 1) for i in (0, n - 1))
    front = slicing.slice_axis(wide, axis, 0, before)
    back = slicing.slice_axis(wide, axis, before + n, before + n + after)
    return J.concatenate([P.sub(P.mul(first, 2), front), x, P.sub(P.mul(last, 2), back)], axis)


def _ramped(x: Value, axis: int, before: int, after: int, ends: Any) -> Value:
    n = x.shape[axis]
    numbers = S.broadcast_to(array_of(ends, dtypes.floating(x.dtype)), (x.ndim, 2))

    def ramp(edge: Value, end: Value, count: int) -> Value:
        steps = array_of(np.arange(count) / max(count, 1))
        steps = S.reshape(steps, (-1,) + (1,) * (x.ndim - axis - 1))
        wide = inexact(edge)
        out = P.add(P.mul(P.sub(wide, end), S.cast(steps, wide.dtype)), end)
        return S.cast(out if x.dtype in dtypes.INEXACT else P.floor(out), x.dtype)

    first, last = (slicing.slice_axis(x, axis, i, i + 1) for i in (0, n - 1))
    front, back = ramp(first, numbers[axis, 0], before), ramp(last, numbers[axis, 1], after)
    return J.concatenate([front, x, slicing.flip(back, axis)], axis)


_STATISTICS: dict[str, Callable[..., Value]] = {
    "maximum": R.max,
    "minimum": R.min,
    "mean": lambda x, axis, keepdims: R.mean(inexact(x), axis, keepdims),
    "median": lambda x, axis, keepdims: median(x, axis, keepdims=keepdims),
}


def _measured(x: Value, axis: int, before: int, after: int, mode: str, length: Any) -> Value:
    n = x.shape[axis]
    lengths = (n, n) if length is None else _pairs(x, "stat_length", host(length, "pad"))[axis]

    def part(source: Value, count: int) -> Value:
        found = _STATISTICS[mode](source, axis, True)
        if x.dtype not in dtypes.INEXACT and found.dtype in dtypes.INEXACT:
            found = P.rint(found)
        return S.broadcast_to(S.cast(found, x.dtype), (*x.shape[:axis], count, *x.shape[axis + 1 :]))

    front = part(slicing.slice_axis(x, axis, 0, lengths[0]), before)
    return J.concatenate([front, x, part(slicing.slice_axis(x, axis, max(n - lengths[1], 0), n), after)], axis)


__all__ = [
    "pad",
]  # fmt: skip
