"""Order: sorting, searching, and what can be read off sorted elements: distinct values and sets."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core import dtypes
from ..core.array import wrap
from ..core.errors import ArgumentError, ShapeError
from ..core.ops import gathering, lookup, sorting
from ..core.ops import joining as J
from ..core.ops import pointwise as P
from ..core.ops import reductions as R
from ..core.ops import shaping as S
from ..core.ops.scanning import cumsum
from ..core.tracer import Value, aval_of
from .arguments import array_of, together
from .selecting import nonzero


def _kind(name: str, stable: Any, kind: Any, order: Any) -> None:
    """Sorting is always stable, so any kind will do; there are no fields to order by."""
    if order is not None:
        raise ArgumentError(f"{name}: order={order!r} names fields, which arrays do not have; leave it out")
    if kind not in (None, "stable", "mergesort", "quicksort", "heapsort"):
        raise ArgumentError(f"{name}: kind {kind!r} is no kind of sort; leave it out")


def _bool_as_number(x: Value) -> Value:
    return S.cast(x, dtypes.uint8) if x.dtype == dtypes.bool_ else x


def sort(
    a: Any, axis: int | None = -1, *, kind: Any = None, order: Any = None, stable: bool = True, descending: bool = False
) -> Value:
    """Sort along an axis, or the flattened array (`axis=None`). NaN counts as the largest.

    >>> mnp.sort(mnp.array([3, 1, 2])), mnp.sort(mnp.array([3, 1, 2]), descending=True)
    (Array([1, 2, 3], dtype=int64), Array([3, 2, 1], dtype=int64))
    """
    _kind("sort", stable, kind, order)
    a = array_of(a)
    return sorting.sort(*((S.ravel(a), 0) if axis is None else (a, axis)), descending)[0]


def argsort(
    a: Any, axis: int | None = -1, *, kind: Any = None, order: Any = None, stable: bool = True, descending: bool = False
) -> Value:
    """Return the indices that sort an axis; equal elements keep their order.

    >>> mnp.argsort(mnp.array([3, 1, 2]))
    Array([1, 2, 0], dtype=int64)
    """
    _kind("argsort", stable, kind, order)
    a = array_of(a)
    return sorting.argsort(*((S.ravel(a), 0) if axis is None else (a, axis)), descending)


def sort_complex(a: Any) -> Value:
    """Sort by the real part, then the imaginary one; the result is complex.

    >>> mnp.sort_complex(mnp.array([2.0 + 1j, 1.0, 2.0 - 1j]))
    Array([1.+0.j, 2.-1.j, 2.+1.j], dtype=complex64)
    """
    a = array_of(a)
    a = S.cast(a, dtypes.complex_of(a.dtype))
    return lookup.take_along_axis(a, lexsort((P.imag(a), P.real(a))), -1)


def lexsort(keys: Any, axis: int = -1) -> Value:
    """Return the indices that sort by several keys, the last one first.

    >>> mnp.lexsort((mnp.array([1, 0, 1]), mnp.array([2, 2, 1])))
    Array([2, 1, 0], dtype=int64)
    """
    arrays = [array_of(k) for k in keys]
    if not arrays:
        raise ShapeError("lexsort: needs at least one key, got none")
    arrays = list(S.broadcast_arrays(*arrays))
    if not arrays[0].ndim:
        return S.full((), 0, dtypes.int64)
    order = sorting.argsort(arrays[0], axis)
    for key in arrays[1:]:
        order = lookup.take_along_axis(order, sorting.argsort(lookup.take_along_axis(key, order, axis), axis), axis)
    return order


def partition(a: Any, kth: int, axis: int = -1) -> Value:
    """Put the element that belongs at position `kth` there, smaller ones before it, larger ones behind: a sort will do.

    >>> mnp.partition(mnp.array([3, 1, 2]), 1)
    Array([1, 2, 3], dtype=int64)
    """
    a = array_of(a)
    _checked_place("partition", a, kth, axis)
    return sort(a, axis)


def argpartition(a: Any, kth: int, axis: int = -1) -> Value:
    """Return indices that partition an axis at position `kth`.

    >>> mnp.argpartition(mnp.array([3, 1, 2]), 1)
    Array([1, 2, 0], dtype=int64)
    """
    a = array_of(a)
    _checked_place("argpartition", a, kth, axis)
    return argsort(a, axis)


def _checked_place(name: str, a: Value, kth: int, axis: int) -> None:
    n = a.shape[S.canonical_axis(name, axis, a.ndim)]
    if not -n <= kth < n:
        raise ArgumentError(f"{name}: kth {kth} is out of range for axis {axis} of {aval_of(a)}; use {-n} to {n - 1}")


def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None, *, method: str | None = None) -> Value:
    """Return where to insert values into a sorted vector so that it stays sorted.

    `method` is JAX's choice of algorithm, and changes nothing.

    >>> mnp.searchsorted(mnp.array([1.0, 3.0, 5.0]), mnp.array([3.0, 4.0]))
    Array([1, 2], dtype=int64)
    """
    a, v = together(a, v)
    if a.ndim != 1:
        raise ShapeError(f"searchsorted: the sorted values must be a vector, got {aval_of(a)}; use vmap for rows")
    if sorter is not None:
        a = gathering.take(a, array_of(sorter), 0)
    return lookup.searchsorted(a, v, side)


def digitize(x: Any, bins: Any, right: bool = False, *, method: str | None = None) -> Value:
    """Return the number of the bin that each value is in: `bins[i - 1] <= x < bins[i]`, or, if `right`, `< x <=`.

    Falling bins are allowed, too.

    >>> mnp.digitize(mnp.array([0.5, 2.5]), mnp.array([0.0, 1.0, 2.0]))
    Array([1, 3], dtype=int64)
    """
    x, bins = together(x, bins)
    if bins.ndim != 1:
        raise ShapeError(f"digitize: the bins must be a vector, got {aval_of(bins)}; ravel them")
    up = lookup.searchsorted(bins, x, "left" if right else "right")
    if bins.size < 2:
        return up
    down = P.sub(bins.size, lookup.searchsorted(bins[::-1], x, "right" if right else "left"))
    return P.where(P.less_equal(bins[0], bins[-1]), up, down)


# --------------------------------------------------------------------------- distinct values


class UniqueAll(NamedTuple):
    """Distinct values, where each occurs first, which of them each element is, and how often they occur."""

    values: Value
    indices: Value
    inverse_indices: Value
    counts: Value


class UniqueCounts(NamedTuple):
    """Distinct values and how often they occur."""

    values: Value
    counts: Value


class UniqueInverse(NamedTuple):
    """Distinct values and which of them each element is."""

    values: Value
    inverse_indices: Value


def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """Return the sorted distinct elements, or the distinct slices along an axis.

    If asked, also where each occurs first, which of them each element is, and how often they occur. How many there are
    depends on the data; with `size` the result has that many, also under `jit`: what is too much is left out, and what
    is missing is `fill_value` (the first of them), with counts of 0.

    >>> mnp.unique(mnp.array([3, 1, 3])), mnp.unique(mnp.array([3, 1, 3]), size=3, fill_value=0)
    (Array([1, 3], dtype=int64), Array([1, 3, 0], dtype=int64))
    """
    ar = array_of(ar)
    found = _distinct(ar, axis, equal_nan, size, fill_value)
    wanted = [x for x, asked in zip(found[1:], (return_index, return_inverse, return_counts)) if asked]
    return (found[0], *wanted) if wanted else found[0]


def _distinct(ar: Value, axis: int | None, equal_nan: bool, size: int | None, fill_value: Any) -> UniqueAll:
    rows = S.ravel(ar) if axis is None else S.moveaxis(ar, axis, 0)
    n = rows.shape[0]
    if not n or size == 0:
        return _none_distinct(ar, rows, axis, size, fill_value)
    table = S.reshape(rows, (n, -1)) if rows.ndim > 1 else S.reshape(rows, (n, 1))
    order = (
        lexsort([key for column in reversed(J.unstack(table, 1)) for key in _keys(column)])
        if table.shape[1]
        else (wrap(np.arange(n)))
    )
    ordered = gathering.take(table, order, 0)
    new = R.any(_differ(ordered[1:], ordered[:-1], equal_nan), 1)
    first = J.concatenate([S.full((1,), True, dtypes.bool_), new])
    number = P.sub(cumsum(first), 1)
    bounds = nonzero(J.concatenate([first, S.full((1,), True, dtypes.bool_)]), size=size and size + 1, fill_value=n)[0]
    starts = bounds[:-1]
    length = starts.shape[0]
    counts = P.sub(bounds[1:], starts)
    there = P.less(starts, n)
    at = P.where(there, starts, 0)
    indices = gathering.take(order, at, 0)
    values = gathering.take(rows, indices, 0)
    if size is not None:
        fill = values[0] if fill_value is None and length else S.cast(0 if fill_value is None else fill_value, ar.dtype)
        values = P.where(S.reshape(there, (-1,) + (1,) * (values.ndim - 1)), values, fill)
    inverse = S.full((n,), 0, dtypes.int64).at[order].set(number)
    if axis is None:
        return UniqueAll(values, indices, S.reshape(inverse, ar.shape), counts)
    return UniqueAll(S.moveaxis(values, 0, axis), indices, inverse, counts)


def _keys(column: Value) -> list[Value]:
    """Return what to sort by, the most important last: of complex numbers two keys."""
    return [P.imag(column), P.real(column)] if column.dtype in dtypes.COMPLEX else [column]


def _differ(x: Value, y: Value, equal_nan: bool) -> Value:
    unequal = P.not_equal(x, y)
    if not equal_nan or x.dtype not in dtypes.INEXACT:
        return unequal
    return P.logical_and(unequal, P.logical_not(P.logical_and(P.isnan(x), P.isnan(y))))


def _none_distinct(ar: Value, rows: Value, axis: int | None, size: int | None, fill_value: Any) -> UniqueAll:
    n = size or 0
    values = S.broadcast_to(S.cast(fill_value or 0, ar.dtype), (n, *rows.shape[1:]))
    none = S.full((n,), 0, dtypes.int64)
    inverse = S.full(ar.shape if axis is None else (0,), 0, dtypes.int64)
    return UniqueAll(values if axis is None else S.moveaxis(values, 0, axis), none, inverse, none)


def unique_all(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> UniqueAll:
    """Return distinct values (each NaN is one), where each occurs first, which each element is, and their counts.

    >>> mnp.unique_all(mnp.array([3, 1, 3])).counts
    Array([1, 2], dtype=int64)
    """
    return _distinct(array_of(x), None, False, size, fill_value)


def unique_counts(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> UniqueCounts:
    """Return distinct values (each NaN is one) and how often they occur.

    >>> mnp.unique_counts(mnp.array([3, 1, 3])).values
    Array([1, 3], dtype=int64)
    """
    found = _distinct(array_of(x), None, False, size, fill_value)
    return UniqueCounts(found.values, found.counts)


def unique_inverse(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> UniqueInverse:
    """Return distinct values (each NaN is one) and which of them each element is.

    >>> mnp.unique_inverse(mnp.array([3, 1, 3])).inverse_indices
    Array([1, 0, 1], dtype=int64)
    """
    found = _distinct(array_of(x), None, False, size, fill_value)
    return UniqueInverse(found.values, found.inverse_indices)


def unique_values(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> Value:
    """Return distinct values; each NaN is one.

    >>> mnp.unique_values(mnp.array([3, 1, 3]))
    Array([1, 3], dtype=int64)
    """
    return _distinct(array_of(x), None, False, size, fill_value).values


# --------------------------------------------------------------------------- sets


def _sets(a: Any, b: Any) -> tuple[Value, Value]:
    a, b = together(a, b)
    return S.ravel(a), S.ravel(b)


def isin(element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False) -> Value:
    """Tell which elements are among others.

    >>> mnp.isin(mnp.array([1, 2, 3]), mnp.array([2, 5]))
    Array([False,  True, False], dtype=bool)
    """
    x, others = together(element, test_elements)
    others = S.ravel(others)
    if x.dtype in dtypes.COMPLEX:
        hit = R.any(P.equal(S.expand_dims(x, -1), others), -1)
    elif not others.size:
        hit = S.full(x.shape, False, dtypes.bool_)
    else:
        ordered = sorting.sort(_bool_as_number(others))[0]
        x = _bool_as_number(x)
        at = P.minimum(lookup.searchsorted(ordered, x), others.size - 1)
        hit = P.equal(gathering.take(ordered, at, 0), x)
    return P.logical_not(hit) if invert else hit


def union1d(ar1: Any, ar2: Any, *, size: int | None = None, fill_value: Any = None) -> Value:
    """Return the sorted distinct elements of both arrays.

    >>> mnp.union1d(mnp.array([1, 2]), mnp.array([2, 3]))
    Array([1, 2, 3], dtype=int64)
    """
    return unique(J.concatenate(list(_sets(ar1, ar2))), size=size, fill_value=fill_value)


def intersect1d(
    ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False, *, size: int | None = None,
    fill_value: Any = None,
) -> Any:  # fmt: skip
    """Return the sorted distinct elements that are in both arrays; if asked, where each occurs first in either.

    >>> mnp.intersect1d(mnp.array([1, 2, 3]), mnp.array([3, 2, 5]))
    Array([2, 3], dtype=int64)
    """
    a, b = _sets(ar1, ar2)
    values, first, _, _ = _distinct(a, None, True, None if size is None else a.size, None)
    counts_there = isin(values, b)
    if size is not None:
        counts_there = P.logical_and(counts_there, _fresh(a, values.shape[0]))
    picked = nonzero(counts_there, size=size, fill_value=0)[0]
    common = gathering.take(values, picked, 0)
    there = None
    if size is not None:
        there = P.less(wrap(np.arange(size)), S.sum(counts_there))
        common = P.where(there, common, S.cast(0 if fill_value is None else fill_value, common.dtype))
    if not return_indices:
        return common
    return common, gathering.take(first, picked, 0), _first_of(b, common)


def _fresh(a: Value, length: int) -> Value:
    """Tell which of `length` slots for distinct values are filled."""
    counts = _distinct(a, None, True, length, None).counts
    return P.greater(counts, 0)


def _first_of(b: Value, values: Value) -> Value:
    order = sorting.argsort(b)
    at = P.minimum(lookup.searchsorted(gathering.take(b, order, 0), values), max(b.size - 1, 0))
    return gathering.take(order, at, 0)


def setdiff1d(
    ar1: Any, ar2: Any, assume_unique: bool = False, *, size: int | None = None, fill_value: Any = None
) -> Value:
    """Return the sorted distinct elements of the first array that are not in the second.

    >>> mnp.setdiff1d(mnp.array([1, 2, 3]), mnp.array([2]))
    Array([1, 3], dtype=int64)
    """
    a, b = _sets(ar1, ar2)
    values = a if assume_unique else _distinct(a, None, True, None if size is None else a.size, None).values
    keep = isin(values, b, invert=True)
    if size is None:
        return values[keep]
    keep = keep if assume_unique else P.logical_and(keep, _fresh(a, values.shape[0]))
    return _packed(values, keep, size, fill_value)


def _packed(values: Value, keep: Value, size: int, fill_value: Any) -> Value:
    picked = gathering.take(values, nonzero(keep, size=size)[0], 0)
    there = P.less(wrap(np.arange(size)), S.sum(keep))
    return P.where(there, picked, S.cast(0 if fill_value is None else fill_value, values.dtype))


def setxor1d(
    ar1: Any, ar2: Any, assume_unique: bool = False, *, size: int | None = None, fill_value: Any = None
) -> Value:
    """Return the sorted distinct elements that are in exactly one of the arrays.

    >>> mnp.setxor1d(mnp.array([1, 2, 3]), mnp.array([2, 3, 4]))
    Array([1, 4], dtype=int64)
    """
    a, b = _sets(ar1, ar2)
    values = J.concatenate([a, b])
    keep = J.concatenate([isin(a, b, invert=True), isin(b, a, invert=True)])
    if size is None:
        return unique(values[keep])
    order = sorting.argsort(values)
    values, keep = gathering.take(values, order, 0), gathering.take(keep, order, 0)
    repeated = J.concatenate([S.full((1,), False, dtypes.bool_), P.equal(values[1:], values[:-1])])
    return _packed(values, P.logical_and(keep, P.logical_not(repeated)), size, fill_value)


__all__ = [
    "argpartition", "argsort", "digitize", "intersect1d", "isin", "lexsort", "partition", "searchsorted",
    "setdiff1d", "setxor1d", "sort", "sort_complex", "union1d", "unique", "unique_all", "unique_counts",
    "unique_inverse", "unique_values",
]  # fmt: skip
