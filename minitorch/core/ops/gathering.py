"""Reading from and writing to computed positions of one axis.

Every selection by integers is a `take` along one axis, every update a `scatter_*` along one axis; several index arrays
are first combined into one by `ravel_index`, over axes merged by a reshape. What an index expression means is
`indexing.py`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from .. import dtypes
from ..array import Array, wrap
from ..aval import Aval
from ..errors import DTypeError, OutOfBoundsError, ShapeError
from ..primitive import NO_DERIVATIVE
from ..tracer import Tracer, Value, aval_of
from .families import ALIGNED, as_array, broadcast_shapes, custom
from .pointwise import add, div, equal, logical_and, maximum, mul, not_equal, where
from .reductions import prod as multiplied
from .shaping import broadcast_to, canonical_axis, cast, full, moveaxis, reshape, zeros_of

# --------------------------------------------------------------------------- index arrays


def as_index(name: str, indices: Any) -> Value:
    """Return an integer array with a dtype NumPy can index with; an empty list counts as integers."""
    indices = as_array(indices)
    if indices.dtype == dtypes.int64:
        return indices
    if dtypes.rank(indices.dtype) != 1 and indices.size:
        raise DTypeError(f"{name}: indices must be integers, got {aval_of(indices)}; cast them with .to(int64)")
    return cast(indices, dtypes.int64)


def checked_index(name: str, indices: Any, size: int) -> Any:
    """Count negative indices from the end; raise for those outside the axis."""
    if not indices.size:
        return indices
    low = indices.min()
    if low < -size or indices.max() >= size:
        raise _out_of_bounds(name, indices, size)
    return np.where(indices < 0, indices + size, indices) if low < 0 else indices


def _out_of_bounds(name: str, indices: Any, size: int) -> OutOfBoundsError:
    bad = indices[(indices < -size) | (indices >= size)]
    legal = f"use {-size} to {size - 1}" if size else "the axis is empty, so nothing can be selected from it"
    return OutOfBoundsError(f"{name}: index {bad.flat[0]} is out of bounds for an axis of size {size}; {legal}")


def renamed(name: str, error: OutOfBoundsError) -> OutOfBoundsError:
    """Return an error of a primitive as one of the operation that the user called."""
    return OutOfBoundsError(f"{name}: {str(error).partition(': ')[2]}")


def _ravel_index(*indices: Any, sizes: tuple[int, ...]) -> Any:
    flat = checked_index("index", indices[0], sizes[0])
    for each, size in zip(indices[1:], sizes[1:], strict=True):
        flat = flat * size + checked_index("index", each, size)
    return flat


_ravel_index_p = custom(
    "ravel_index",
    _ravel_index,
    abstract=lambda *indices, sizes: Aval(broadcast_shapes("index", *indices), dtypes.int64, indices[0].device),
    vjp=NO_DERIVATIVE,
    jvp=NO_DERIVATIVE,
    batch=ALIGNED,
)


def ravel_index(indices: Sequence[Any], sizes: Sequence[int]) -> Value:
    """Combine indices into axes of the given sizes into indices into those axes flattened; they broadcast.

    >>> ravel_index(([0, 1, -1], 2), (3, 4)).tolist()
    [2, 6, 10]
    """
    return _ravel_index_p(*(as_index("index", i) for i in indices), sizes=tuple(sizes))


def iota(size: int, ndim: int = 1, axis: int = 0) -> Value:
    """Return 0 ... size - 1 along one axis of `ndim`, the others having size 1."""
    shape = [1] * ndim
    shape[axis] = size
    return wrap(np.arange(size).reshape(shape))


# --------------------------------------------------------------------------- take


def _take(x: Any, indices: Any, *, axis: int) -> Any:
    try:
        if x.flags.c_contiguous:
            return x.take(indices, axis)
        # take() would first copy the whole of x.
        return x[(Ellipsis, indices, *(slice(None),) * (-1 - axis))]
    except IndexError:
        raise _out_of_bounds("take", indices, x.shape[axis]) from None


def _take_shape(x: Aval, indices: Aval, axis: int) -> tuple[int, ...]:
    at = x.ndim + axis
    return x.shape[:at] + indices.shape + x.shape[at + 1 :]


def _take_batch(batched: tuple[bool, ...], x: Value, indices: Value, *, axis: int) -> Value:
    if not batched[1]:
        return take_p(x, indices, axis=axis)
    count = indices.ndim
    if not batched[0]:
        return move_axes(take_p(x, indices, axis=axis), x.ndim + axis, 1, 0)
    flat, rows = _fold_batch(x, indices, axis)
    taken = take_p(flat, rows, axis=-flat.ndim)
    return move_axes(taken, 1, count - 1, x.ndim + axis)


def _fold_batch(x: Value, indices: Value, axis: int) -> tuple[Value, Value]:
    """Make the batch axis part of the indexed one, so that one array of indices serves the whole batch."""
    size, n = x.shape[0], x.shape[axis]
    moved = moveaxis(x, axis, 1)
    return reshape(moved, (size * n, *moved.shape[2:])), ravel_index((iota(size, indices.ndim), indices), (size, n))


def move_axes(x: Value, start: int, count: int, to: int) -> Value:
    """Move `count` consecutive axes so that they start at another position of the result."""
    if start == to or not count:
        return x
    return moveaxis(x, tuple(range(start, start + count)), tuple(range(to, to + count)))


take_p: Callable[..., Any] = custom(
    "take",
    _take,
    abstract=lambda x, indices, *, axis: x._replace(shape=_take_shape(x, indices, axis), weak=False),
    vjp=(lambda g, x_aval, indices, axis: scatter_add(zeros_of(x_aval), indices, g, axis=axis), None),
    jvp=(lambda t, indices, axis: take_p(t, indices, axis=axis), None),
    batch=_take_batch,
)


def take(x: Value, indices: Any, axis: int | None = None) -> Value:
    """Select positions of one axis, or of the flattened array; the axis is replaced by the axes of `indices`.

    Negative indices count from the end; others outside the axis raise OutOfBoundsError.

    >>> take(np.array([[1, 2, 3], [4, 5, 6]]), [2, 0], axis=1).tolist()
    [[3, 1], [6, 4]]
    """
    x = as_array(x)
    indices = as_index("take", indices)
    if axis is None:
        return take_p(reshape(x, (x.size,)), indices, axis=-1)
    return take_p(x, indices, axis=canonical_axis("take", axis, x.ndim))


# --------------------------------------------------------------------------- scatter


def _rows(x: Any, indices: Any, updates: Any, axis: int) -> tuple[tuple[int, int], Any, Any]:
    """See `x` as a matrix whose rows are what one index selects; return its shape, row numbers and updates to match."""
    n = x.shape[axis]
    at = x.ndim + axis
    lead, width = prod(x.shape[:at]), prod(x.shape[at + 1 :])
    rows = checked_index("scatter", indices, n).reshape(-1)
    if lead != 1:
        rows = (np.arange(lead)[:, None] * n + rows).reshape(-1)
    return (lead * n, width), rows, updates.reshape(rows.size, width)


def _copied(x: Any, shape: tuple[int, int]) -> Any:
    """Copy `x` as that matrix."""
    return (np.zeros(x.shape, x.dtype) if _is_blank(x) else np.array(x, order="C")).reshape(shape)


def _is_blank(x: Any) -> bool:
    """Return whether this is `zeros_of` an aval, which a cotangent starts from: one zero, repeated."""
    return bool(x.size) and not any(x.strides) and not x.item(0)


def _flat(rows: Any, width: int) -> Any:
    # ufunc.at is some ten times faster with one flat index than with rows.
    return rows if width == 1 else (rows[:, None] * width + np.arange(width)).reshape(-1)


# From this many updated numbers on, a sparse matrix product beats np.add.at (10 against 70 us at 1,024 rows of 64).
_SPARSE_FROM = 4096


def _scatter_add(x: Any, indices: Any, updates: Any, *, axis: int) -> Any:
    dtype = x.dtype
    if dtype in _NARROW:
        wide = _scatter_add(x.astype(np.float32), indices, updates.astype(np.float32), axis=axis)
        return wide.astype(dtype)
    shape, rows, values = _rows(x, indices, updates, axis)
    if shape[1] > 1 and values.size >= _SPARSE_FROM and dtype.kind in "fc":
        from scipy.sparse import csc_array

        ones, ends = np.ones(rows.size, dtype), np.arange(rows.size + 1)
        added = csc_array((ones, rows, ends), shape=(shape[0], rows.size)) @ values
        table = added if _is_blank(x) else x.reshape(shape) + added
    else:
        table = _copied(x, shape)
        np.add.at(table.reshape(-1), _flat(rows, shape[1]), values.reshape(-1))
    return table.reshape(x.shape)


_NARROW = (dtypes.float16, dtypes.bfloat16)


def _scatter_set(x: Any, indices: Any, updates: Any, *, axis: int) -> Any:
    shape, rows, values = _rows(x, indices, updates, axis)
    table = _copied(x, shape)
    table[rows] = values
    return table.reshape(x.shape)


def _scatter_at(ufunc: np.ufunc) -> Callable[..., Any]:
    def impl(x: Any, indices: Any, updates: Any, *, axis: int) -> Any:
        if x.dtype in _NARROW:
            return impl(x.astype(np.float32), indices, updates.astype(np.float32), axis=axis).astype(x.dtype)
        shape, rows, values = _rows(x, indices, updates, axis)
        table = _copied(x, shape)
        ufunc.at(table.reshape(-1), _flat(rows, shape[1]), values.reshape(-1))
        return table.reshape(x.shape)

    return impl


def _scatter_abstract(x: Aval, indices: Aval, updates: Aval, *, axis: int) -> Aval:
    wanted = _take_shape(x, indices, axis)
    if updates.shape != wanted:
        raise ShapeError(f"scatter: {indices} selects {list(wanted)} along axis {axis} of {x}, got updates {updates}")
    return x._replace(weak=False)


def _scatter_batch(scatter: Callable[..., Any]) -> Callable[..., Any]:
    def batch(batched: tuple[bool, ...], x: Value, indices: Value, updates: Value, *, axis: int) -> Value:
        size = next(v.shape[0] for v, b in zip((x, indices, updates), batched, strict=True) if b)
        x = x if batched[0] else broadcast_to(x, (size, *x.shape))
        updates = updates if batched[2] else broadcast_to(updates, (size, *updates.shape))
        if not batched[1]:
            return scatter(x, indices, updates, axis=axis)
        flat, rows = _fold_batch(x, indices, axis)
        first = move_axes(updates, x.ndim + axis, indices.ndim - 1, 1)
        folded = reshape(first, rows.shape + flat.shape[1:])
        out = scatter(flat, rows, folded, axis=-flat.ndim)
        return moveaxis(reshape(out, (size, x.shape[axis], *flat.shape[1:])), 1, axis)

    return batch


def _declare(name: str, impl: Callable[..., Any], vjp: tuple[Any, Any], jvp: tuple[Any, Any]) -> Callable[..., Any]:
    declared: Callable[..., Any] = custom(
        name,
        impl,
        abstract=_scatter_abstract,
        vjp=(vjp[0], None, vjp[1]),
        jvp=(jvp[0], None, jvp[1]),
        batch=_scatter_batch(lambda *arrays, axis: declared(*arrays, axis=axis)),
        holomorphic=True,
    )
    return declared


def _added(t: Value, x_aval: Aval, indices: Value, axis: int) -> Value:
    return scatter_add(zeros_of(x_aval), indices, t, axis=axis)


scatter_add: Callable[..., Any] = _declare(
    "scatter_add",
    _scatter_add,
    vjp=(lambda g: g, lambda g, indices, axis: take_p(g, indices, axis=axis)),
    jvp=(lambda t: t, _added),
)


def _erase(g: Value, indices: Value, updates_aval: Aval, axis: int) -> Value:
    return scatter_set(g, indices, zeros_of(updates_aval), axis=axis)


def _winners_only(g: Value, x_aval: Aval, indices: Value, axis: int) -> Value:
    """Keep the cotangent of the last update of each position, the only one that was not overwritten."""
    order = reshape(iota(indices.size), indices.shape)
    slots = full((x_aval.shape[axis],), 0, dtypes.int64, x_aval.device)
    last = take_p(scatter_set(slots, indices, order, axis=-1), indices, axis=-1)
    mine = equal(last, order)
    mine = reshape(mine, mine.shape + (1,) * (-1 - axis))
    return where(mine, take_p(g, indices, axis=axis), 0)


scatter_set: Callable[..., Any] = _declare(
    "scatter_set",
    _scatter_set,
    vjp=(_erase, _winners_only),
    jvp=(
        _erase,
        lambda t, x_aval, indices, axis: scatter_set(zeros_of(x_aval), indices, t, axis=axis),
    ),
)


def _cofactor(x: Value, indices: Value, updates: Value, axis: int) -> Value:
    """Return, for each update, the product of everything else that goes into its position.

    Exact also where factors are zero. Its derivative is not, as it divides by factors: what is to be differentiated once
    more, and may be zero, multiplies the others, for which each update is compared with each.
    """
    if any(map(_is_differentiated, (x, updates))) and _may_be_zero(updates):
        return mul(take_p(x, indices, axis=axis), _others(indices, updates, axis))
    zero = equal(updates, 0)
    factors = where(zero, 1, updates)
    product = take_p(scatter_multiply(x, indices, factors, axis=axis), indices, axis=axis)
    ones = cast(zero, dtypes.int64)
    zeros = take_p(_added(ones, aval_of(x)._replace(dtype=dtypes.int64), indices, axis), indices, axis=axis)
    return where(equal(zeros, ones), div(product, factors), 0)


def _is_differentiated(x: Value) -> bool:
    """Return whether a derivative is taken of what is computed with a value."""
    while isinstance(x, Tracer):
        if x.transform in ("jvp", "jet", "linearize") or getattr(x, "node", None) is not None:
            return True
        x = getattr(x, "value", None)
    return False


def _may_be_zero(x: Value) -> bool:
    """Return whether a value has zeros, or is not known yet."""
    while isinstance(x, Tracer):
        x = getattr(x, "value", None)
    return not isinstance(x, Array) or not x.numpy().all()


def _others(indices: Value, updates: Value, axis: int) -> Value:
    """Return, for each update, the product of the other updates of its position."""
    shape, n = updates.shape, indices.size
    behind = len(shape) + 1 + axis  # where the axes after those of the indices begin
    ahead, rest = shape[: behind - indices.ndim], shape[behind:]
    places = reshape(indices, (n,))
    mine = iota(n)
    is_other = logical_and(equal(reshape(places, (n, 1)), places), not_equal(reshape(mine, (n, 1)), mine))
    each = reshape(updates, (*ahead, 1, n, *rest))
    factors = where(reshape(is_other, (n, n) + (1,) * len(rest)), each, 1)
    return reshape(multiplied(factors, len(ahead) + 1), shape)


scatter_multiply: Callable[..., Any] = _declare(
    "scatter_multiply",
    _scatter_at(np.multiply),
    vjp=(
        lambda g, indices, updates, axis: scatter_multiply(g, indices, updates, axis=axis),
        lambda g, x, indices, updates, axis: mul(take_p(g, indices, axis=axis), _cofactor(x, indices, updates, axis)),
    ),
    jvp=(
        lambda t, indices, updates, axis: scatter_multiply(t, indices, updates, axis=axis),
        lambda t, x, indices, updates, axis: _added(
            mul(t, _cofactor(x, indices, updates, axis)), aval_of(x), indices, axis
        ),
    ),
)


def _shares(out: Value, x: Value, indices: Value, updates: Value, axis: int) -> tuple[Value, Value, Value]:
    """Return which elements and which updates equal the extremum, and how many do at each position."""
    kept = equal(x, out)
    chosen = equal(updates, take_p(out, indices, axis=axis))
    count = _added(cast(chosen, out.dtype), aval_of(out), indices, axis)
    return kept, chosen, maximum(add(count, cast(kept, out.dtype)), 1)


def _extremum_x(g: Value, out: Value, x: Value, indices: Value, updates: Value, axis: int) -> Value:
    kept, _, count = _shares(out, x, indices, updates, axis)
    return where(kept, div(g, count), 0)


def _extremum_updates(g: Value, out: Value, x: Value, indices: Value, updates: Value, axis: int) -> Value:
    _, chosen, count = _shares(out, x, indices, updates, axis)
    return where(chosen, take_p(div(g, count), indices, axis=axis), 0)


def _extremum_tangent(t: Value, out: Value, x: Value, indices: Value, updates: Value, axis: int) -> Value:
    _, chosen, count = _shares(out, x, indices, updates, axis)
    return div(_added(where(chosen, t, 0), aval_of(out), indices, axis), count)


def _declare_extremum(name: str, ufunc: np.ufunc) -> Callable[..., Any]:
    rules = (_extremum_x, _extremum_updates), (_extremum_x, _extremum_tangent)
    return _declare(name, _scatter_at(ufunc), *rules)


scatter_min = _declare_extremum("scatter_min", np.minimum)
scatter_max = _declare_extremum("scatter_max", np.maximum)
