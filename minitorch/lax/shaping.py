"""Shapes, slices and dynamic slices, with the arguments of jax.lax."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from operator import index as as_int
from typing import Any

from ..core import dtypes
from ..core.array import Array
from ..core.errors import ArgumentError, ShapeError
from ..core.ops import gathering, joining, shaping, slicing
from ..core.ops.families import as_array
from ..core.ops.pointwise import add, less, maximum, minimum, where
from ..core.tracer import Tracer, Value, aval_of

Ints = Sequence[int]


def broadcast(operand: Any, sizes: Ints) -> Value:
    """Repeat an array over new axes in front.

    >>> from minitorch import lax
    >>> lax.broadcast(1.0, (2,))
    Array([1., 1.], dtype=float32)
    """
    operand = as_array(operand)
    return shaping.broadcast_to(operand, (*sizes, *operand.shape))


def broadcast_in_dim(operand: Any, shape: Ints, broadcast_dimensions: Ints) -> Value:
    """Repeat an array to a shape; `broadcast_dimensions` says which axis of the result each of its axes becomes.

    >>> from minitorch import lax
    >>> lax.broadcast_in_dim([1.0, 2.0], (2, 3), (0,)).tolist()
    [[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]
    """
    operand = as_array(operand)
    places = [as_int(d) for d in broadcast_dimensions]
    if len(places) != operand.ndim or sorted(set(places)) != places or any(not 0 <= d < len(shape) for d in places):
        raise ShapeError(
            f"broadcast_in_dim: broadcast_dimensions {tuple(places)} must name one axis of {tuple(shape)} for each axis of "
            f"{aval_of(operand)}, in rising order"
        )
    wide = [1] * len(shape)
    for d, n in zip(places, operand.shape):
        wide[d] = n
    return shaping.broadcast_to(shaping.reshape(operand, wide), tuple(shape))


def broadcasted_iota(dtype: Any, shape: Ints, dimension: int) -> Value:
    """Return an array of a shape that counts along one axis.

    >>> from minitorch import lax
    >>> lax.broadcasted_iota(int, (2, 3), 1).tolist()
    [[0, 1, 2], [0, 1, 2]]
    """
    at = shaping.canonical_axis("broadcasted_iota", dimension, len(shape)) % len(shape)
    counted = shaping.cast(gathering.iota(shape[at], len(shape), at), dtype)
    return shaping.broadcast_to(counted, tuple(shape))


def iota(dtype: Any, size: int) -> Value:
    """Return 0, 1, ..., size - 1.

    >>> from minitorch import lax
    >>> lax.iota(float, 3)
    Array([0., 1., 2.], dtype=float32)
    """
    return shaping.cast(gathering.iota(as_int(size)), dtype)


def collapse(operand: Any, start_dimension: int, stop_dimension: int | None = None) -> Value:
    """Make one axis of those from `start_dimension` up to, not including, `stop_dimension`.

    >>> from minitorch import lax
    >>> lax.collapse(lax.full((2, 3, 4), 0.0), 0, 2).shape
    (6, 4)
    """
    operand = as_array(operand)
    lo, hi, _ = builtins.slice(start_dimension, stop_dimension).indices(operand.ndim)
    return shaping.flatten(operand, lo, hi - 1)


def concatenate(operands: Sequence[Any], dimension: int) -> Value:
    """Put arrays one behind the other along an axis.

    >>> from minitorch import lax
    >>> lax.concatenate([[1.0], [2.0]], 0)
    Array([1., 2.], dtype=float32)
    """
    return joining.concatenate([as_array(x) for x in operands], dimension)


def convert_element_type(operand: Any, new_dtype: Any) -> Value:
    """Convert to another dtype.

    >>> from minitorch import lax
    >>> lax.convert_element_type(1.5, int)
    Array(1, dtype=int64)
    """
    return shaping.cast(operand, new_dtype)


def expand_dims(array: Any, dimensions: Ints) -> Value:
    """Insert axes of size 1 at these places of the result.

    >>> from minitorch import lax
    >>> lax.expand_dims([1.0, 2.0], (0, 2)).shape
    (1, 2, 1)
    """
    return shaping.expand_dims(as_array(array), tuple(dimensions))


def full(shape: Ints, fill_value: Any, dtype: Any = None) -> Value:
    """Return an array of one repeated number.

    >>> from minitorch import lax
    >>> lax.full((2,), 7)
    Array([7, 7], dtype=int64)
    """
    value = as_array(fill_value)
    return shaping.broadcast_to(value if dtype is None else shaping.cast(value, dtype), tuple(shape))


def full_like(x: Any, fill_value: Any, dtype: Any = None, shape: Ints | None = None) -> Value:
    """Return an array of one repeated number, with the shape and dtype of another.

    >>> from minitorch import lax
    >>> lax.full_like([1.0, 2.0], 0)
    Array([0., 0.], dtype=float32)
    """
    x = as_array(x)
    return full(x.shape if shape is None else shape, fill_value, x.dtype if dtype is None else dtype)


def pad(operand: Any, padding_value: Any, padding_config: Sequence[tuple[int, int, int]]) -> Value:
    """Put elements before, behind and between those of each axis: `(low, high, interior)`; negative ones cut off.

    >>> from minitorch import lax
    >>> lax.pad([1.0, 2.0], 0.0, [(1, -1, 2)])
    Array([0., 1., 0., 0.], dtype=float32)
    """
    operand = as_array(operand)
    config = [tuple(map(as_int, one)) for one in padding_config]
    if len(config) != operand.ndim or any(len(one) != 3 or one[2] < 0 for one in config):
        raise ArgumentError(
            f"pad: padding_config needs (low, high, interior) for each axis of {aval_of(operand)}, interior >= 0"
        )
    if not operand.ndim:
        return operand
    spread = [max(n + (n - 1) * inner, 0) for n, (_, _, inner) in zip(operand.shape, config)]
    starts = tuple(max(low, 0) for low, _, _ in config)
    sizes = tuple(n + max(low, 0) + max(high, 0) for n, (low, high, _) in zip(spread, config))
    steps = tuple(inner + 1 for _, _, inner in config)
    out = _filled(operand, padding_value, starts, steps, sizes)
    cuts = [(max(-low, 0), n - max(-high, 0)) for n, (low, high, _) in zip(sizes, config)]
    for axis, (lo, hi) in enumerate(cuts):
        out = slicing.slice_axis(out, axis, lo, max(hi, lo))
    return out


def _filled(x: Value, value: Any, starts: Any, steps: Any, sizes: Any) -> Value:
    if not isinstance(value, Tracer):
        number = shaping.cast(as_array(value), x.dtype).item()
        return slicing.pad_p(x, starts=starts, steps=steps, sizes=sizes, value=number)
    zeros = slicing.pad_p(x, starts=starts, steps=steps, sizes=sizes, value=0)
    inside = slicing.pad_p(
        shaping.full(x.shape, True, dtypes.bool_), starts=starts, steps=steps, sizes=sizes, value=False
    )
    return where(inside, zeros, shaping.cast(value, x.dtype))


def reshape(operand: Any, new_sizes: Ints, dimensions: Ints | None = None) -> Value:
    """Give the elements another shape, after a transposition if `dimensions` says so.

    >>> from minitorch import lax
    >>> lax.reshape([1.0, 2.0, 3.0, 4.0], (2, 2)).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    operand = as_array(operand)
    if dimensions is not None:
        operand = shaping.transpose(operand, dimensions)
    return shaping.reshape(operand, tuple(new_sizes))


def rev(operand: Any, dimensions: Ints) -> Value:
    """Reverse the order along axes.

    >>> from minitorch import lax
    >>> lax.rev([1.0, 2.0], (0,))
    Array([2., 1.], dtype=float32)
    """
    return slicing.flip(as_array(operand), tuple(dimensions))


def squeeze(array: Any, dimensions: Ints) -> Value:
    """Drop axes of size 1.

    >>> from minitorch import lax
    >>> lax.squeeze([[1.0, 2.0]], (0,))
    Array([1., 2.], dtype=float32)
    """
    return shaping.squeeze(as_array(array), tuple(dimensions))


def transpose(operand: Any, permutation: Ints) -> Value:
    """Put the axes into another order.

    >>> from minitorch import lax
    >>> lax.transpose([[1.0, 2.0]], (1, 0)).tolist()
    [[1.0], [2.0]]
    """
    return shaping.transpose(as_array(operand), tuple(permutation))


# --------------------------------------------------------------------------- slices at known places


def slice(operand: Any, start_indices: Ints, limit_indices: Ints, strides: Ints | None = None) -> Value:
    """Return the elements from `start_indices` up to, not including, `limit_indices`, `strides` apart.

    >>> from minitorch import lax
    >>> lax.slice([1.0, 2.0, 3.0, 4.0], (1,), (4,), (2,))
    Array([2., 4.], dtype=float32)
    """
    operand = as_array(operand)
    steps = (1,) * operand.ndim if strides is None else tuple(strides)
    given = list(zip(start_indices, limit_indices, steps))
    ends = len(start_indices), len(limit_indices), len(steps)
    if set(ends) != {operand.ndim} or any(not 0 <= a <= b <= n or s < 1 for (a, b, s), n in zip(given, operand.shape)):
        raise ShapeError(
            f"slice: start {tuple(start_indices)}, limit {tuple(limit_indices)}, strides {steps} do not lie inside of "
            f"{aval_of(operand)}; each needs 0 <= start <= limit <= size for every axis"
        )
    for axis, (a, b, s) in enumerate(given):
        operand = slicing.slice_axis(operand, axis, a, b, s)
    return operand


def slice_in_dim(
    operand: Any, start_index: int | None, limit_index: int | None, stride: int = 1, axis: int = 0
) -> Value:
    """Return a slice along one axis.

    >>> from minitorch import lax
    >>> lax.slice_in_dim([1.0, 2.0, 3.0], 1, None)
    Array([2., 3.], dtype=float32)
    """
    return slicing.slice_axis(as_array(operand), axis, start_index, limit_index, stride)


def index_in_dim(operand: Any, index: int, axis: int = 0, keepdims: bool = True) -> Value:
    """Return one element along an axis.

    >>> from minitorch import lax
    >>> lax.index_in_dim([1.0, 2.0], 1, keepdims=False)
    Array(2., dtype=float32)
    """
    operand = as_array(operand)
    n = operand.shape[shaping.canonical_axis("index_in_dim", axis, operand.ndim)]
    at = as_int(index) + (n if index < 0 else 0)
    if not 0 <= at < n:
        raise ShapeError(f"index_in_dim: index {index} is outside axis {axis} of {aval_of(operand)}")
    part = slicing.slice_axis(operand, axis, at, at + 1)
    return part if keepdims else shaping.squeeze(part, axis)


# --------------------------------------------------------------------------- slices at computed places


def dynamic_slice(operand: Any, start_indices: Sequence[Any], slice_sizes: Ints) -> Value:
    """Return the block of `slice_sizes` at computed `start_indices`; one that would reach over an end is moved inside.

    Negative starts count from the end.

    >>> from minitorch import lax
    >>> lax.dynamic_slice([1.0, 2.0, 3.0, 4.0], (3,), (2,))
    Array([3., 4.], dtype=float32)
    """
    operand = as_array(operand)
    sizes = tuple(map(as_int, slice_sizes))
    starts = _starts("dynamic_slice", operand, start_indices, sizes)
    for axis, (start, size) in enumerate(zip(starts, sizes)):
        if size != operand.shape[axis]:
            operand = gathering.take(operand, add(start, gathering.iota(size)), axis=axis)
    return operand


def _starts(name: str, operand: Value, start_indices: Any, sizes: Ints) -> list[Value]:
    """Return where a block starts, moved inside."""
    if isinstance(start_indices, (Array, Tracer)):
        start_indices = list(joining.unstack(start_indices))
    if len(start_indices) != operand.ndim or len(sizes) != operand.ndim:
        raise ShapeError(
            f"{name}: {len(start_indices)} start indices and {len(sizes)} sizes for {aval_of(operand)}; give one of each "
            "for every axis"
        )
    if any(not 0 <= k <= n for k, n in zip(sizes, operand.shape)):
        raise ShapeError(f"{name}: a block of {tuple(sizes)} does not fit into {aval_of(operand)}")
    found = []
    for start, size, n in zip(start_indices, sizes, operand.shape):
        start = shaping.cast(as_array(start), dtypes.int64)
        start = where(less(start, 0), add(start, n), start)
        found.append(minimum(maximum(start, 0), n - size))
    return found


def dynamic_update_slice(operand: Any, update: Any, start_indices: Sequence[Any]) -> Value:
    """Return an array with a block at computed `start_indices` replaced; one that would reach over an end is moved inside.

    >>> from minitorch import lax
    >>> lax.dynamic_update_slice([1.0, 2.0, 3.0], [9.0], (1,))
    Array([1., 9., 3.], dtype=float32)
    """
    operand = as_array(operand)
    update = shaping.cast(as_array(update), operand.dtype)
    if not operand.ndim:
        return update
    return _written(operand, update, _starts("dynamic_update_slice", operand, start_indices, update.shape), 0)


def _written(operand: Value, update: Value, starts: list[Value], axis: int) -> Value:
    """Write a block along an axis and those behind it: rows are taken, written, and put back."""
    while axis < operand.ndim and update.shape[axis] == operand.shape[axis]:
        axis += 1
    if axis == operand.ndim or not update.size:
        return update if axis == operand.ndim else operand
    rows = add(starts[axis], gathering.iota(update.shape[axis]))
    if update.shape[axis + 1 :] != operand.shape[axis + 1 :]:
        update = _written(gathering.take(operand, rows, axis=axis), update, starts, axis + 1)
    return gathering.scatter_set(operand, rows, update, axis=axis - operand.ndim)


def _along(operand: Value, axis: int, start: Any) -> list[Any]:
    at = shaping.canonical_axis("dynamic", axis, operand.ndim) % operand.ndim
    return [start if i == at else 0 for i in range(operand.ndim)]


def dynamic_slice_in_dim(operand: Any, start_index: Any, slice_size: int, axis: int = 0) -> Value:
    """Return `slice_size` elements along one axis, from a computed place on.

    >>> from minitorch import lax
    >>> lax.dynamic_slice_in_dim([1.0, 2.0, 3.0], 1, 2)
    Array([2., 3.], dtype=float32)
    """
    operand = as_array(operand)
    sizes = list(operand.shape)
    sizes[axis] = slice_size
    return dynamic_slice(operand, _along(operand, axis, start_index), sizes)


def dynamic_index_in_dim(operand: Any, index: Any, axis: int = 0, keepdims: bool = True) -> Value:
    """Return one element along an axis, at a computed place.

    >>> from minitorch import lax
    >>> lax.dynamic_index_in_dim([1.0, 2.0, 3.0], 1, keepdims=False)
    Array(2., dtype=float32)
    """
    part = dynamic_slice_in_dim(operand, index, 1, axis)
    return part if keepdims else shaping.squeeze(part, axis)


def dynamic_update_slice_in_dim(operand: Any, update: Any, start_index: Any, axis: int) -> Value:
    """Return an array with some elements along an axis replaced, from a computed place on.

    >>> from minitorch import lax
    >>> lax.dynamic_update_slice_in_dim([1.0, 2.0, 3.0], [8.0, 9.0], 1, 0)
    Array([1., 8., 9.], dtype=float32)
    """
    operand = as_array(operand)
    return dynamic_update_slice(operand, update, _along(operand, axis, start_index))


def dynamic_update_index_in_dim(operand: Any, update: Any, index: Any, axis: int) -> Value:
    """Return an array with one element along an axis replaced, at a computed place.

    >>> from minitorch import lax
    >>> lax.dynamic_update_index_in_dim([1.0, 2.0, 3.0], 9.0, 1, 0)
    Array([1., 9., 3.], dtype=float32)
    """
    operand, update = as_array(operand), as_array(update)
    if update.ndim < operand.ndim:
        update = shaping.expand_dims(update, axis)
    return dynamic_update_slice_in_dim(operand, update, index, axis)


__all__ = [
    "broadcast",
    "broadcast_in_dim",
    "broadcasted_iota",
    "collapse",
    "concatenate",
    "convert_element_type",
    "dynamic_index_in_dim",
    "dynamic_slice",
    "dynamic_slice_in_dim",
    "dynamic_update_index_in_dim",
    "dynamic_update_slice",
    "dynamic_update_slice_in_dim",
    "expand_dims",
    "full",
    "full_like",
    "index_in_dim",
    "iota",
    "pad",
    "reshape",
    "rev",
    "slice",
    "slice_in_dim",
    "squeeze",
    "transpose",
]
