"""Changing shapes and the order of elements."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.aval import Aval
from ..core.errors import ArgumentError, ShapeError
from ..core.ops import diagonal as D
from ..core.ops import joining as J
from ..core.ops import shaping as S
from ..core.ops import slicing
from ..core.ops.contractions import trace as core_trace
from ..core.ops.families import broadcast_shapes as core_broadcast
from ..core.tracer import Value, aval_of
from .arguments import array_of, host, no_out, sizes

# --------------------------------------------------------------------------- shapes


def shape(a: Any) -> tuple[int, ...]:
    """Return the length of each axis.

    >>> mnp.shape(mnp.zeros((2, 3)))
    (2, 3)
    """
    return array_of(a).shape


def size(a: Any, axis: Any = None) -> int:
    """Return the number of elements, or the length of axes.

    >>> mnp.size(mnp.zeros((2, 3))), mnp.size(mnp.zeros((2, 3)), 1)
    (6, 3)
    """
    a = array_of(a)
    return math.prod(a.shape[i] for i in S.canonical_axes("size", axis, a.ndim))


def ndim(a: Any) -> int:
    """Return the number of axes.

    >>> mnp.ndim(mnp.zeros((2, 3)))
    2
    """
    return array_of(a).ndim


def reshape(a: Any, shape: Any, order: str = "C", *, copy: bool | None = None) -> Value:
    """Give an array another shape, with the same elements in the same order; one size may be -1.

    `order="F"` reads and writes the elements with the first axis running fastest.

    >>> mnp.reshape(mnp.arange(4), (2, -1)), mnp.reshape(mnp.arange(4), (2, 2), order="F")
    (Array([[0, 1],
           [2, 3]], dtype=int64), Array([[0, 2],
           [1, 3]], dtype=int64))
    """
    a = array_of(a)
    wanted = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    if order == "F":
        return S.transpose(S.reshape(S.transpose(a), wanted[::-1]))
    if order not in ("C", "A"):
        raise ArgumentError(f"reshape: order must be 'C', 'F' or 'A', got {order!r}")
    return S.reshape(a, wanted)


def ravel(a: Any, order: str = "C") -> Value:
    """Merge all axes into one.

    >>> mnp.ravel(mnp.array([[1, 2], [3, 4]]))
    Array([1, 2, 3, 4], dtype=int64)
    """
    return reshape(a, (-1,) if array_of(a).size else (0,), order)


def resize(a: Any, new_shape: Any) -> Value:
    """Give an array another shape and size, its elements repeated or cut off as needed.

    >>> mnp.resize(mnp.array([1, 2, 3]), (2, 2))
    Array([[1, 2],
           [3, 1]], dtype=int64)
    """
    a, wanted = S.ravel(array_of(a)), sizes(new_shape)
    total = math.prod(wanted)
    if not a.size:
        return S.full(wanted, 0, a.dtype)
    tiled = S.tile(a, -(-total // a.size))
    return S.reshape(slicing.slice_axis(tiled, 0, 0, total), wanted)


def expand_dims(a: Any, axis: Any = 0) -> Value:
    """Insert axes of size 1.

    >>> mnp.expand_dims(mnp.array([1, 2]), 0).shape
    (1, 2)
    """
    return S.expand_dims(array_of(a), axis)


def squeeze(a: Any, axis: Any = None) -> Value:
    """Drop axes of size 1: those named, or all.

    >>> mnp.squeeze(mnp.zeros((1, 2, 1))).shape
    (2,)
    """
    return S.squeeze(array_of(a), axis)


def transpose(a: Any, axes: Sequence[int] | None = None) -> Value:
    """Permute the axes; by default reverse them.

    >>> mnp.transpose(mnp.zeros((2, 3, 4)), (1, 0, 2)).shape
    (3, 2, 4)
    """
    return S.transpose(array_of(a), axes)


def permute_dims(a: Any, /, axes: Sequence[int]) -> Value:
    """Permute the axes.

    >>> mnp.permute_dims(mnp.zeros((2, 3)), (1, 0)).shape
    (3, 2)
    """
    return S.transpose(array_of(a), axes)


def matrix_transpose(x: Any, /) -> Value:
    """Swap the last two axes.

    >>> mnp.matrix_transpose(mnp.zeros((2, 3, 4))).shape
    (2, 4, 3)
    """
    x = array_of(x)
    if x.ndim < 2:
        raise ShapeError(f"matrix_transpose: needs at least 2 axes, got {aval_of(x)}; insert one with x[None]")
    return S.swapaxes(x, -1, -2)


def swapaxes(a: Any, axis1: int, axis2: int) -> Value:
    """Exchange two axes.

    >>> mnp.swapaxes(mnp.zeros((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    return S.swapaxes(array_of(a), axis1, axis2)


def moveaxis(a: Any, source: Any, destination: Any) -> Value:
    """Move axes to other positions, keeping the order of the rest.

    >>> mnp.moveaxis(mnp.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    return S.moveaxis(array_of(a), source, destination)


def rollaxis(a: Any, axis: int, start: int = 0) -> Value:
    """Move an axis backwards until it lies in front of `start`.

    >>> mnp.rollaxis(mnp.zeros((2, 3, 4)), 2).shape
    (4, 2, 3)
    """
    a = array_of(a)
    if not -a.ndim <= start <= a.ndim:
        raise ArgumentError(f"rollaxis: start {start} is out of range for {aval_of(a)}; use {-a.ndim} to {a.ndim}")
    place = S.canonical_axis("rollaxis", axis, a.ndim) + a.ndim
    target = start + a.ndim if start < 0 else start
    return S.moveaxis(a, place, target - (place < target))


def atleast_1d(*arys: Any) -> Any:
    """Return arrays with at least one axis.

    >>> mnp.atleast_1d(3.0)
    Array([3.], dtype=float32)
    """
    return _each(lambda x: S.atleast_nd(x, 1), arys)


def atleast_2d(*arys: Any) -> Any:
    """Return arrays with at least two axes; new ones are in front.

    >>> mnp.atleast_2d(mnp.array([1, 2]))
    Array([[1, 2]], dtype=int64)
    """
    return _each(lambda x: S.atleast_nd(x, 2), arys)


def atleast_3d(*arys: Any) -> Any:
    """Return arrays with at least three axes; a vector becomes `(1, n, 1)`, a matrix `(m, n, 1)`.

    >>> mnp.atleast_3d(mnp.array([1, 2])).shape
    (1, 2, 1)
    """
    return _each(lambda x: S.expand_dims(S.atleast_nd(x, 2), -1) if x.ndim < 3 else x, arys)


def _each(function: Callable[[Value], Value], arrays: tuple[Any, ...]) -> Any:
    found = [function(array_of(x)) for x in arrays]
    return found[0] if len(found) == 1 else found


def broadcast_to(array: Any, shape: Any) -> Value:
    """Repeat an array along new and size-1 axes, without a copy.

    >>> mnp.broadcast_to(mnp.array([1, 2]), (2, 2))
    Array([[1, 2],
           [1, 2]], dtype=int64)
    """
    return S.broadcast_to(array_of(array), sizes(shape))


def broadcast_arrays(*args: Any) -> list[Value]:
    """Repeat arrays to their common shape.

    >>> [x.shape for x in mnp.broadcast_arrays(mnp.zeros((2, 1)), mnp.zeros(3))]
    [(2, 3), (2, 3)]
    """
    return list(S.broadcast_arrays(*map(array_of, args))) if args else []


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """Return the shape that arrays of these shapes broadcast to.

    >>> mnp.broadcast_shapes((2, 1), (3,))
    (2, 3)
    """
    return core_broadcast("broadcast_shapes", *(Aval(sizes(shape), dtypes.float32) for shape in shapes))


# --------------------------------------------------------------------------- order


def flip(m: Any, axis: Any = None) -> Value:
    """Reverse the order along axes (all by default).

    >>> mnp.flip(mnp.array([1, 2, 3]))
    Array([3, 2, 1], dtype=int64)
    """
    return slicing.flip(array_of(m), axis)


def fliplr(m: Any) -> Value:
    """Reverse the second axis.

    >>> mnp.fliplr(mnp.array([[1, 2], [3, 4]]))
    Array([[2, 1],
           [4, 3]], dtype=int64)
    """
    return slicing.flip(array_of(m), 1)


def flipud(m: Any) -> Value:
    """Reverse the first axis.

    >>> mnp.flipud(mnp.array([[1, 2], [3, 4]]))
    Array([[3, 4],
           [1, 2]], dtype=int64)
    """
    return slicing.flip(array_of(m), 0)


def roll(a: Any, shift: Any, axis: Any = None) -> Value:
    """Move elements along axes; what leaves at one end enters at the other.

    >>> mnp.roll(mnp.arange(4), 1)
    Array([3, 0, 1, 2], dtype=int64)
    """
    moves = shift if isinstance(shift, (tuple, list)) else host(shift, "roll").tolist()
    return J.roll(array_of(a), moves, axis)


def rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Value:
    """Turn by 90 degrees `k` times, from the first axis toward the second.

    >>> mnp.rot90(mnp.array([[1, 2], [3, 4]]))
    Array([[2, 4],
           [1, 3]], dtype=int64)
    """
    return J.rot90(array_of(m), k, axes)


def tile(A: Any, reps: Any) -> Value:
    """Lay copies of an array side by side.

    >>> mnp.tile(mnp.array([1, 2]), 2)
    Array([1, 2, 1, 2], dtype=int64)
    """
    return S.tile(array_of(A), reps)


def repeat(a: Any, repeats: Any, axis: int | None = None, *, total_repeat_length: int | None = None) -> Value:
    """Repeat each element, all as often or each as often as is said; the counts are static.

    With `total_repeat_length`, what is longer is cut off, and what is shorter is filled up with the last element.

    >>> mnp.repeat(mnp.array([1, 2]), 2), mnp.repeat(mnp.array([1, 2]), mnp.array([1, 3]))
    (Array([1, 1, 2, 2], dtype=int64), Array([1, 2, 2, 2], dtype=int64))
    """
    out = J.repeat(array_of(a), host(repeats, "repeat"), axis)
    if total_repeat_length is None:
        return out
    place = -1 if axis is None else axis
    n = out.shape[place]
    out = slicing.slice_axis(out, place, 0, total_repeat_length)
    missing = max(total_repeat_length - n, 0)
    widths = [
        (0, missing if i == S.canonical_axis("repeat", place, out.ndim) + out.ndim else 0) for i in range(out.ndim)
    ]
    return J.pad(out, widths, "edge")


def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Value:
    """Take a diagonal of two axes, which becomes the last axis.

    >>> mnp.diagonal(mnp.array([[1, 2], [3, 4]]))
    Array([1, 4], dtype=int64)
    """
    return D.diagonal(array_of(a), offset, axis1, axis2)


def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: None = None) -> Value:
    """Sum a diagonal of two axes.

    >>> mnp.trace(mnp.array([[1, 2], [3, 4]]))
    Array(5, dtype=int64)
    """
    no_out("trace", out)
    return core_trace(array_of(a, dtype), offset, axis1, axis2)


def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: str | None = None) -> Value:
    """Convert to another dtype.

    >>> mnp.astype(mnp.array([1.7, 2.2]), int)
    Array([1, 2], dtype=int64)
    """
    x = S.cast(array_of(x), dtype)
    return x if device is None else x.to_device(device)


def fill_diagonal(a: Any, val: Any, wrap: bool = False, *, inplace: bool = True) -> Value:
    """Return a copy with values on the main diagonal; say `inplace=False`, for arrays are immutable.

    >>> mnp.fill_diagonal(mnp.zeros((2, 2)), 1.0, inplace=False)
    Array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    a = array_of(a)
    if inplace:
        raise ArgumentError(f"fill_diagonal: {aval_of(a)} is immutable; say inplace=False and use what is returned")
    if a.ndim < 2 or (a.ndim > 2 and len(set(a.shape)) > 1):
        raise ShapeError(f"fill_diagonal: needs a matrix or axes of equal length, got {aval_of(a)}")
    if a.ndim == 2:
        step, end = a.shape[1] + 1, None if wrap else a.shape[1] * a.shape[1]
    else:
        step, end = 1 + sum(math.prod(a.shape[:i]) for i in range(1, a.ndim)), None
    flat, stop = S.ravel(a), a.size if end is None else min(end, a.size)
    count = len(range(0, stop, step))
    values = S.ravel(array_of(val))
    values = resize(values, count) if values.size != 1 else values
    return S.reshape(flat.at[slice(0, stop, step)].set(values), a.shape)


def trim_zeros(filt: Any, trim: str = "fb") -> Value:
    """Cut zeros off the front and the back of a concrete vector.

    >>> mnp.trim_zeros(mnp.array([0, 1, 0, 2, 0]))
    Array([1, 0, 2], dtype=int64)
    """
    filt = array_of(filt)
    there = np.flatnonzero(host(filt, "trim_zeros"))
    if not there.size:
        return filt[:0]
    start = int(there[0]) if "f" in trim.lower() else 0
    return filt[start : int(there[-1]) + 1 if "b" in trim.lower() else None]


__all__ = [
    "astype", "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_arrays", "broadcast_shapes", "broadcast_to",
    "diagonal", "expand_dims", "fill_diagonal", "flip", "fliplr", "flipud", "matrix_transpose", "moveaxis",
    "ndim", "permute_dims", "ravel", "repeat", "reshape", "resize", "roll", "rollaxis", "rot90", "shape",
    "size", "squeeze", "swapaxes", "tile", "trace", "transpose", "trim_zeros",
]  # fmt: skip
