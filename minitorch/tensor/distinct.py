"""Which elements there are: the most frequent, the distinct, those among others."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import dtypes
from ..core.array import wrap
from ..core.errors import ShapeError
from ..core.ops import extrema, gathering, joining, lookup, pointwise, reductions, shaping, slicing, sorting
from ..core.ops.families import as_array
from ..core.tracer import aval_of, concrete
from .table import Extremes, vector_like


def _mode_of(input: Any, dim: int, keepdim: bool) -> Any:
    """The value that occurs most often (the smallest of several), at its last place in sorted order."""
    x = shaping.moveaxis(input, dim, -1)
    if not x.shape[-1]:
        raise ShapeError(f"mode: dim {dim} of {aval_of(x)} is empty; it needs at least one element")
    order = sorting.argsort(x, -1)
    ordered = lookup.take_along_axis(x, order, -1)
    same = pointwise.equal(slicing.slice_axis(ordered, -1, 1, None), slicing.slice_axis(ordered, -1, None, -1))
    begins = joining.pad(pointwise.logical_not(same), [(0, 0)] * (x.ndim - 1) + [(1, 0)], "constant", True)
    places = wrap(np.arange(x.shape[-1]))
    start, _ = extrema.cummax(pointwise.where(begins, places, 0), -1)
    # How far each is into its run of equals; the furthest ends the longest run, the first of several.
    last = reductions.argmax(pointwise.sub(places, start), -1, True)
    index = lookup.take_along_axis(order, last, -1)
    parts = lookup.take_along_axis(x, index, -1), index
    return tuple(shaping.moveaxis(p, -1, dim) if keepdim else shaping.squeeze(p, -1) for p in parts)


_MODE = vector_like(_mode_of)


def mode(input: Any, dim: int = -1, keepdim: bool = False) -> Any:
    """Return `(values, indices)` of the most frequent element along a dimension; of several, the smallest.

    >>> values, indices = mt.mode(mt.tensor([[3, 1, 3], [2, 1, 0]]))
    >>> values
    tensor([3, 0])
    >>> indices
    tensor([2, 2])
    """
    return Extremes(*_MODE(input, dim, keepdim))


def unique_consecutive(
    input: Any, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """Return the elements (or slices of a dimension) that differ from the one before, in order.

    >>> mt.unique_consecutive(mt.tensor([1, 1, 2, 1]))
    tensor([1, 2, 1])
    >>> mt.unique_consecutive(mt.tensor([1, 1, 2, 1]), return_counts=True)
    (tensor([1, 2, 1]), tensor([2, 1, 1]))
    """
    x = as_array(input)
    rows = shaping.ravel(x) if dim is None else shaping.moveaxis(x, dim, 0)
    data = concrete(rows, "unique_consecutive").numpy().reshape(rows.shape[0], -1)
    starts = np.flatnonzero(np.r_[data.shape[0] > 0, (data[1:] != data[:-1]).any(1)][: data.shape[0]])
    found = gathering.take(rows, wrap(starts), 0)
    counts = np.diff(np.r_[starts, data.shape[0]])
    inverse = np.repeat(np.arange(len(starts)), counts).reshape(x.shape if dim is None else (-1,))
    more = ((return_inverse, inverse), (return_counts, counts))
    wanted = tuple(wrap(array) for asked, array in more if asked)
    values = found if dim is None else shaping.moveaxis(found, 0, dim)
    return (values, *wanted) if wanted else values


def unique_slices(input: Any, dim: int, return_inverse: bool, return_counts: bool) -> Any:
    """Return the distinct slices of a dimension in lexicographic order."""
    rows = shaping.moveaxis(as_array(input), dim, 0)
    data = concrete(rows, "unique").numpy().reshape(rows.shape[0], -1)
    _, first, inverse, counts = np.unique(data, True, True, True, axis=0)
    values = shaping.moveaxis(gathering.take(rows, wrap(first), 0), 0, dim)
    more = ((return_inverse, inverse.reshape(-1)), (return_counts, counts))
    wanted = tuple(wrap(array) for asked, array in more if asked)
    return (values, *wanted) if wanted else values


def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Any:
    """Tell which elements are among those of another tensor.

    >>> mt.isin(mt.tensor([[1, 2], [3, 4]]), mt.tensor([2, 4]))
    tensor([[False,  True],
            [False,  True]])
    """
    x, others = as_array(elements), sorting.sort(shaping.ravel(as_array(test_elements)))[0]
    dtype = dtypes.promote(x.dtype, others.dtype)
    x, others = shaping.cast(x, dtype), shaping.cast(others, dtype)
    if not others.size:
        found = (
            pointwise.not_equal(x, x) if dtypes.rank(dtype) < 2 else pointwise.logical_and(pointwise.isnan(x), False)
        )
    else:
        place = pointwise.minimum(lookup.searchsorted(others, x), others.size - 1)
        found = pointwise.equal(gathering.take(others, place, 0), x)
    return pointwise.logical_not(found) if invert else found
