"""Looking things up: along an axis, by class, in a sorted sequence.

Compositions of `take` and the `scatter_*` with computed positions, and the searches whose results are integers.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from .. import dtypes
from ..aval import Aval
from ..errors import ArgumentError, DTypeError, OutOfBoundsError, ShapeError
from ..primitive import DECOMPOSE, NO_BATCHING, NO_DERIVATIVE
from ..tracer import Value, aval_of, concrete
from .families import LEADING, as_array, custom
from .fusing import shortcut
from .gathering import as_index, checked_index, iota, ravel_index, renamed, take_p
from .gathering import scatter_add as scatter_add_p
from .indexing import SCATTERS, as_values, fitted, getitem
from .pointwise import equal
from .shaping import broadcast_to, canonical_axis, cast, full, reshape

# --------------------------------------------------------------------------- along an axis


def take_along_axis(x: Value, indices: Any, axis: int) -> Value:
    """Select one position of `axis` for every other position; the other axes broadcast.

    >>> take_along_axis(np.array([[1, 2], [3, 4]]), np.array([[1], [0]]), axis=1).tolist()
    [[2], [3]]
    """
    x, indices, axis = _along("take_along_axis", x, indices, axis)
    at = x.ndim + axis
    if x.shape[:at] == indices.shape[:at] and x.shape[at + 1 :] == indices.shape[at + 1 :]:
        return _gathered("take_along_axis", x, indices, axis)
    if any(1 != n != m != 1 for a, (n, m) in enumerate(zip(x.shape, indices.shape, strict=True)) if a != at):
        raise ShapeError(
            f"take_along_axis: indices {aval_of(indices)} do not broadcast with {aval_of(x)} outside axis {axis}"
        )
    shape = tuple(n if n != 1 else m for n, m in zip(x.shape, indices.shape, strict=True))
    return take_p(reshape(x, (x.size,)), _positions("take_along_axis", indices, x, shape, axis), axis=-1)


def _along(name: str, x: Value, indices: Any, axis: int) -> tuple[Value, Value, int]:
    x, indices = as_array(x), as_index(name, indices)
    if x.ndim != indices.ndim or not x.ndim:
        raise ShapeError(f"{name}: indices {aval_of(indices)} must have as many axes as {aval_of(x)}, and at least one")
    return x, indices, canonical_axis(name, axis, x.ndim)


def _locate(indices: Any, *, sizes: tuple[int, ...], shape: tuple[int, ...], axis: int) -> Any:
    strides = [prod(sizes[len(sizes) + a + 1 :]) for a in range(-len(sizes), 0)]
    flat = checked_index("index", indices, sizes[axis]) * strides[axis]
    for a, stride in enumerate(strides, -len(sizes)):
        if a != axis and sizes[a] != 1:
            flat = flat + (np.arange(shape[a]) * stride).reshape((-1,) + (1,) * (-1 - a))
    return flat


def _located_shape(indices: Aval, shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    at = len(shape) + axis
    return (*indices.shape[: -len(shape)], *shape[:at], indices.shape[axis], *shape[at + 1 :])


# Turns positions along one axis into positions in the flattened array; `shape` counts through the other axes.
locate_p: Callable[..., Any] = custom(
    "locate",
    _locate,
    abstract=lambda indices, *, sizes, shape, axis: indices._replace(shape=_located_shape(indices, shape, axis)),
    vjp=NO_DERIVATIVE,
    jvp=NO_DERIVATIVE,
    batch=LEADING,
)


def _positions(name: str, indices: Value, x: Value, shape: tuple[int, ...], axis: int) -> Value:
    try:
        found: Value = locate_p(indices, sizes=x.shape, shape=shape, axis=axis)
    except OutOfBoundsError as error:
        raise renamed(name, error) from None
    return found


def gather(x: Value, indices: Any, axis: int) -> Value:
    """Select as `take_along_axis`, but only where `indices` reaches: its other axes may be shorter than `x`'s."""
    x, indices, axis = _along("gather", x, indices, axis)
    _check_reach("gather", indices, x, axis)
    return _gathered("gather", x, indices, axis)


def _gathered(name: str, x: Value, indices: Value, axis: int) -> Value:
    try:
        found: Value = gather_p(x, indices, axis=axis, sizes=x.shape)
    except OutOfBoundsError as error:
        raise renamed(name, error) from None
    return found


def _places(indices: Any, sizes: tuple[int, ...], axis: int) -> tuple[Any, ...]:
    """Return an index for each axis: the given one, and numbers that count along the others (0 along those of size 1)."""
    n = len(sizes)
    if n == 2 and axis == -1:
        return np.arange(len(indices) if sizes[0] != 1 else 1)[:, None], indices
    counted = [np.arange(m if size != 1 else 1) for m, size in zip(indices.shape, sizes)]
    return tuple([indices if a == axis else c.reshape((-1,) + (1,) * (-1 - a)) for a, c in enumerate(counted, -n)])


def _gather(x: Any, indices: Any, *, axis: int, sizes: tuple[int, ...]) -> Any:
    try:
        return x[_places(indices, sizes, axis)]
    except IndexError:
        checked_index("gather", indices, sizes[axis])  # which tells what is wrong
        raise


def gather_composed(x: Value, indices: Value, *, axis: int, sizes: tuple[int, ...]) -> Value:
    """Gather in the flattened array."""
    positions = locate_p(indices, sizes=sizes, shape=indices.shape, axis=axis)
    return take_p(reshape(x, (x.size,)), positions, axis=-1)


def _gather_back(g: Any, indices: Any, axis: int, sizes: tuple[int, ...]) -> Any:
    out = np.zeros(sizes, g.dtype)
    if indices.shape[axis] == 1 and 1 not in sizes:  # every place is chosen once
        out[_places(indices, sizes, axis)] = g
    else:
        np.add.at(
            out.reshape(-1), _locate(indices, sizes=sizes, shape=indices.shape, axis=axis).reshape(-1), g.reshape(-1)
        )
    return out


@shortcut(_gather_back)
def gather_back(g: Value, indices: Value, axis: int, sizes: tuple[int, ...]) -> Value:
    """Return zeros of the given sizes to which `g` is added where `gather` would read: the transpose of `gather`."""
    positions = locate_p(indices, sizes=sizes, shape=indices.shape, axis=axis)
    return reshape(scatter_add_p(full((prod(sizes),), 0, g.dtype, g.device), positions, g, axis=-1), sizes)


# What `take` does in the flattened array at the positions of `locate`, in one step; `sizes` are those of `x`.
gather_p: Callable[..., Any] = custom(
    "gather",
    _gather,
    abstract=lambda x, indices, *, axis, sizes: x._replace(shape=indices.shape, weak=False),
    vjp=(gather_back, None),
    jvp=(lambda t, indices, axis, sizes: gather_p(t, indices, axis=axis, sizes=sizes), None),
    batch=DECOMPOSE,
    decompose=gather_composed,
)


def scatter(x: Value, indices: Any, values: Any, axis: int, mode: str = "set") -> Value:
    """Return a copy of `x` with values written, or combined, at what `gather` with the same arguments would read.

    The axes of `values` may be longer than those of `indices`; what is beyond is left out. `mode` as in `update`.
    """
    x, indices, axis = _along("scatter", x, indices, axis)
    values = as_values("scatter", x, values, mode)
    _check_reach("scatter", indices, x, axis)
    if values.ndim:
        if values.ndim != indices.ndim or any(m > n for m, n in zip(indices.shape, values.shape, strict=True)):
            raise ShapeError(f"scatter: indices {aval_of(indices)} reach beyond the values {aval_of(values)}")
        values = getitem(values, tuple(slice(0, m) for m in indices.shape))
    return _put("scatter", x, indices, broadcast_to(values, indices.shape), axis, mode)


def _check_reach(name: str, indices: Value, x: Value, axis: int) -> None:
    pairs = enumerate(zip(indices.shape, x.shape, strict=True), -x.ndim)
    if any(m > n and a != axis for a, (m, n) in pairs):
        raise ShapeError(f"{name}: indices {aval_of(indices)} reach beyond {aval_of(x)} in an axis other than {axis}")


def _put(name: str, x: Value, indices: Value, values: Value, axis: int, mode: str) -> Value:
    if mode not in SCATTERS:
        raise ArgumentError(f"{name}: mode {mode!r} is not one of {', '.join(SCATTERS)}")
    positions = _positions(name, indices, x, indices.shape, axis)
    return reshape(SCATTERS[mode](reshape(x, (x.size,)), positions, values, axis=-1), x.shape)


def scatter_add(x: Value, indices: Any, values: Any, axis: int) -> Value:
    """Return a copy of `x` with values added where `gather` would read; repeated indices accumulate."""
    return scatter(x, indices, values, axis, "add")


def put_along_axis(x: Value, indices: Any, values: Any, axis: int, mode: str = "set") -> Value:
    """Return a copy of `x` with values written, or combined, at what `take_along_axis` would read; all broadcast."""
    x, indices, axis = _along("put_along_axis", x, indices, axis)
    values = as_values("put_along_axis", x, values, mode)
    at = x.ndim + axis
    shape = fitted("put_along_axis", indices, x.shape[:at] + indices.shape[at : at + 1] + x.shape[at + 1 :]).shape
    indices = broadcast_to(indices, shape)
    return _put("put_along_axis", x, indices, fitted("put_along_axis", values, shape), axis, mode)


# --------------------------------------------------------------------------- classes and counts


def one_hot(indices: Any, num_classes: int, dtype: Any = dtypes.int64) -> Value:
    """Return vectors, along a new last axis, that are 1 at the index and 0 elsewhere; -1 is the last class.

    >>> one_hot([0, 2], 3).tolist()
    [[1, 0, 0], [0, 0, 1]]
    """
    try:
        indices = ravel_index((as_index("one_hot", indices),), (num_classes,))
    except OutOfBoundsError as error:
        raise renamed("one_hot", error) from None
    classes = iota(num_classes, indices.ndim + 1, -1)
    return cast(equal(reshape(indices, (*indices.shape, 1)), classes), dtype)


def bincount(x: Any, weights: Value | None = None, minlength: int = 0) -> Value:
    """Count the occurrences of each integer in a 1-d array, or add up their weights.

    The length is the largest integer plus one, or `minlength` if that is more, so `x` must be concrete.

    >>> bincount([0, 2, 2], minlength=4).tolist()
    [1, 0, 2, 0]
    """
    x = as_index("bincount", x)
    if x.ndim != 1:
        raise ShapeError(f"bincount: takes one axis, got {aval_of(x)}; flatten it with .reshape(-1)")
    if minlength < 0:
        raise ArgumentError(f"bincount: minlength must not be negative, got {minlength} for {aval_of(x)}")
    host = concrete(x, "bincount").numpy()
    if host.size and host.min() < 0:
        raise ArgumentError(f"bincount: counts integers from 0, got {host.min()} in {aval_of(x)}; subtract the minimum")
    if weights is not None and as_array(weights).shape != x.shape:
        raise ShapeError(f"bincount: weights {aval_of(as_array(weights))} must have the shape of {aval_of(x)}")
    values = full(x.shape, 1, dtypes.int64) if weights is None else as_array(weights)
    length = max(int(host.max()) + 1 if host.size else 0, minlength)
    return scatter_add_p(full((length,), 0, values.dtype), x, values, axis=-1)


def _unique(x: Any) -> Any:
    return np.unique(x.reshape(-1), return_index=True, return_inverse=True, return_counts=True)[1:]


def _unknown_count(x: Aval) -> Any:
    raise ShapeError(f"unique: how many values there are depends on the data of {x}; call it on concrete arrays")


unique_p: Callable[..., Any] = custom(
    "unique", _unique, abstract=_unknown_count, vjp=NO_DERIVATIVE, jvp=NO_DERIVATIVE, batch=NO_BATCHING
)


def unique(
    x: Value, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False
) -> Value | tuple[Value, ...]:
    """Return the sorted distinct elements; all NaNs count as one.

    If asked, also where each occurs first in the flattened array, which of them each element of `x` is, and how often
    they occur. A gradient goes to the first occurrence.

    >>> unique(np.array([3, 1, 3]), return_counts=True)
    (Array([1, 3], dtype=int64), Array([1, 2], dtype=int64))
    """
    x = as_array(x)
    index, inverse, counts = unique_p(x)
    values = take_p(reshape(x, (x.size,)), index, axis=-1)
    more = ((return_index, index), (return_inverse, reshape(inverse, x.shape)), (return_counts, counts))
    wanted = tuple(found for asked, found in more if asked)
    return (values, *wanted) if wanted else values


# --------------------------------------------------------------------------- sorted sequences


def _searchsorted(a: Any, v: Any, *, side: Any) -> Any:
    if a.ndim == 1:
        return a.searchsorted(v, side)
    out = np.empty(v.shape, np.int64)
    for row in np.ndindex(a.shape[:-1]):
        out[row] = a[row].searchsorted(v[row], side)
    return out


def _searchsorted_batch(batched: tuple[bool, ...], a: Value, v: Value, *, side: str) -> Value:
    if not batched[0] and a.ndim == 1:
        return searchsorted_p(a, v, side=side)
    size = (a if batched[0] else v).shape[0]
    a = a if batched[0] else broadcast_to(a, (size, *a.shape))
    v = v if batched[1] else broadcast_to(v, (size, *v.shape))
    if a.ndim == 2:  # one sequence for values of any shape, now one row each
        return reshape(searchsorted_p(a, reshape(v, (size, v.size // size if size else 0)), side=side), v.shape)
    return searchsorted_p(a, v, side=side)


searchsorted_p: Callable[..., Any] = custom(
    "searchsorted",
    _searchsorted,
    abstract=lambda a, v, *, side: Aval(v.shape, dtypes.int64, v.device),
    vjp=NO_DERIVATIVE,
    jvp=NO_DERIVATIVE,
    batch=_searchsorted_batch,
)


def searchsorted(a: Value, v: Value, side: str = "left") -> Value:
    """Return where to insert values into a sorted sequence so that it stays sorted; NaN counts as the largest.

    `a` has one axis, or rows: then all axes of `v` but the last must be those of `a`, and each row is searched in its
    own. With side left, values equal to an element come before it, with right after.

    >>> searchsorted(np.array([1.0, 3.0, 5.0]), np.array([3.0, 4.0])).tolist()
    [1, 2]
    """
    a, v = as_array(a), as_array(v)
    if side not in ("left", "right"):
        raise ArgumentError(f"searchsorted: side must be 'left' or 'right', got {side!r}")
    if not a.ndim or (a.ndim > 1 and a.shape[:-1] != v.shape[:-1]):
        raise ShapeError(
            f"searchsorted: the sequence {aval_of(a)} needs one axis, or those of the values {aval_of(v)} but the last"
        )
    dtype = dtypes.promote(a.dtype, v.dtype)
    if dtypes.is_complex(dtype):
        raise DTypeError(f"searchsorted: complex numbers have no order, got {aval_of(a)} and {aval_of(v)}; take .real")
    dtype = dtypes.float32 if dtype == dtypes.bfloat16 else dtype
    found: Value = searchsorted_p(cast(a, dtype), cast(v, dtype), side=side)
    return found
