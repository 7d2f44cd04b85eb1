"""Order: sorting and what can be read off a sorted axis.

The primitives return indices, which have no derivative; the values are taken along the axis at those indices, so their
gradient goes to the elements they came from. NaN counts as the largest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..aval import Aval
from ..errors import ArgumentError, DTypeError, ShapeError
from ..primitive import NO_DERIVATIVE
from ..tracer import Value, aval_of
from .families import LEADING, as_array, custom
from .indexing import getitem
from .lookup import take_along_axis
from .pointwise import floor_divide, greater, isnan, maximum, sub, where
from .shaping import canonical_axis, cast, moveaxis, reshape
from .shaping import sum as total

# --------------------------------------------------------------------------- indices


def _argsort(x: Any, *, axis: int, descending: bool) -> Any:
    if not descending:
        return x.argsort(axis, "stable")
    # Ascending order of the reversed array, read backwards: equal elements keep their order, NaN comes first.
    backwards = (Ellipsis, slice(None, None, -1), *(slice(None),) * (-1 - axis))
    return x.shape[axis] - 1 - x[backwards].argsort(axis, "stable")[backwards]


def _top_indices(x: Any, *, k: int, largest: bool) -> Any:
    n = x.shape[-1]
    if 0 < k < n:
        chosen = x.argpartition(n - k, -1)[..., n - k :] if largest else x.argpartition(k - 1, -1)[..., :k]
        chosen.sort(-1)  # equal elements come in their order
    else:
        chosen = np.broadcast_to(np.arange(k), (*x.shape[:-1], k))
    order = _argsort(np.take_along_axis(x, chosen, -1), axis=-1, descending=largest)
    return np.take_along_axis(chosen, order, -1)


argsort_p: Callable[..., Any] = custom(
    "argsort",
    _argsort,
    abstract=lambda x, *, axis, descending: x._replace(dtype=dtypes.int64, weak=False),
    vjp=NO_DERIVATIVE,
    jvp=NO_DERIVATIVE,
    batch=LEADING,
)
top_indices_p: Callable[..., Any] = custom(
    "top_indices",
    _top_indices,
    abstract=lambda x, *, k, largest: Aval((*x.shape[:-1], k), dtypes.int64, x.device),
    vjp=NO_DERIVATIVE,
    jvp=NO_DERIVATIVE,
    batch=LEADING,
)


def _sortable(name: str, x: Value) -> Value:
    """Return what to sort instead: bfloat16 has no sorting loops, and float32 holds all of its values."""
    if dtypes.is_complex(x.dtype):
        raise DTypeError(f"{name}: complex numbers have no order, got {aval_of(x)}; sort .real or .abs()")
    return cast(x, dtypes.float32) if x.dtype == dtypes.bfloat16 else x


def _with_axis(name: str, x: Value, axis: int) -> tuple[Value, int]:
    x = as_array(x)
    return x, canonical_axis(name, axis, x.ndim)


# --------------------------------------------------------------------------- sorting


def argsort(x: Value, axis: int = -1, descending: bool = False) -> Value:
    """Return the indices that sort an axis; equal elements keep their order, NaN counts as the largest.

    >>> argsort(np.array([3, 1, 2, 1])).tolist()
    [1, 3, 2, 0]
    """
    x, axis = _with_axis("argsort", x, axis)
    return argsort_p(_sortable("argsort", x), axis=axis, descending=bool(descending))


def sort(x: Value, axis: int = -1, descending: bool = False) -> tuple[Value, Value]:
    """Sort an axis and return the values and the indices they came from; equal elements keep their order.

    >>> [a.tolist() for a in sort(np.array([3.0, 1.0, 2.0]), descending=True)]
    [[3.0, 2.0, 1.0], [0, 2, 1]]
    """
    x, axis = _with_axis("sort", x, axis)
    indices = argsort_p(_sortable("sort", x), axis=axis, descending=bool(descending))
    return take_along_axis(x, indices, axis), indices


def topk(x: Value, k: int, axis: int = -1, largest: bool = True) -> tuple[Value, Value]:
    """Return the `k` largest (or smallest) values of an axis, best first, and their indices.

    Of equal elements at the boundary, any may be returned. NaN counts as the largest.

    >>> [a.tolist() for a in topk(np.array([3.0, 1.0, 2.0]), 2)]
    [[3.0, 2.0], [0, 2]]
    """
    x, axis = _with_axis("topk", x, axis)
    if not 0 <= k <= x.shape[axis]:
        raise ArgumentError(f"topk: k must be from 0 to the size of axis {axis} of {aval_of(x)}, got {k}")
    last = _sortable("topk", x)
    last = last if axis == -1 else moveaxis(last, axis, -1)
    indices = top_indices_p(last, k=k, largest=bool(largest))
    indices = indices if axis == -1 else moveaxis(indices, -1, axis)
    return take_along_axis(x, indices, axis), indices


# --------------------------------------------------------------------------- order statistics


def kthvalue(x: Value, k: int, axis: int = -1, keepdims: bool = False) -> tuple[Value, Value]:
    """Return the `k`-th smallest value of an axis, counting from 1, and its index.

    >>> [a.item() for a in kthvalue(np.array([3.0, 1.0, 2.0]), 2)]
    [2.0, 2]
    """
    x, axis = _with_axis("kthvalue", x, axis)
    if not 1 <= k <= x.shape[axis]:
        raise ArgumentError(f"kthvalue: k must be from 1 to the size of axis {axis} of {aval_of(x)}, got {k}")
    order = argsort_p(_sortable("kthvalue", x), axis=axis, descending=False)
    at = (Ellipsis, slice(k - 1, k), *(slice(None),) * (-1 - axis))
    return _picked(x, getitem(order, at), axis, keepdims)


def median(x: Value, axis: int | None = None, keepdims: bool = False) -> tuple[Value, Value]:
    """Return the median and its index: the lower one of two, and NaN if there is one.

    Without an axis, the index counts through the flattened array.

    >>> median(np.array([4.0, 1.0, 3.0, 2.0]))[0].item()
    2.0
    """
    return _median("median", x, axis, keepdims, lambda n, nans: where(greater(nans, 0), sub(n, nans), (n - 1) // 2))


def nanmedian(x: Value, axis: int | None = None, keepdims: bool = False) -> tuple[Value, Value]:
    """Return the median of what is not NaN, and its index: the lower one of two; NaN if nothing else is there."""
    return _median("nanmedian", x, axis, keepdims, lambda n, nans: floor_divide(maximum(sub(n - 1, nans), 0), 2))


def _median(
    name: str, x: Value, axis: int | None, keepdims: bool, rank: Callable[[int, Value], Value]
) -> tuple[Value, Value]:
    """Read the element at a rank, which depends on the number of NaNs, from the sorted axis."""
    x = as_array(x)
    if axis is None:
        value, index = _median(name, reshape(x, (x.size,)), 0, False, rank)
        shape = (1,) * x.ndim if keepdims else ()
        return reshape(value, shape), reshape(index, shape)
    axis = canonical_axis(name, axis, x.ndim)
    n = x.shape[axis]
    if not n:
        raise ShapeError(f"{name}: axis {axis} of {aval_of(x)} is empty, so it has no median; check the shape first")
    order = argsort_p(_sortable(name, x), axis=axis, descending=False)
    nans = total(isnan(x), axis, keepdims=True)
    return _picked(x, take_along_axis(order, rank(n, nans), axis), axis, keepdims)


def _picked(x: Value, index: Value, axis: int, keepdims: bool) -> tuple[Value, Value]:
    value = take_along_axis(x, index, axis)
    if keepdims:
        return value, index
    shape = value.shape[: x.ndim + axis] + value.shape[x.ndim + axis + 1 :]
    return reshape(value, shape), reshape(index, shape)
