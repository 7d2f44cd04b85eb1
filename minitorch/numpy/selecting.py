"""Choosing elements: by conditions and by indices; where nonzero elements are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.array import wrap
from ..core.errors import ArgumentError, OutOfBoundsError, ShapeError
from ..core.ops import gathering, indexing, lookup
from ..core.ops import pointwise as P
from ..core.ops import shaping as S
from ..core.ops.joining import stack
from ..core.ops.scanning import cumsum
from ..core.tracer import Value, aval_of
from .arguments import array_of, host, no_out, operand, together

newaxis = None


def truth(x: Any) -> Value:
    """Return a condition as bools."""
    x = array_of(x)
    return x if x.dtype == dtypes.bool_ else P.not_equal(x, 0)


# --------------------------------------------------------------------------- by condition


def where(condition: Any, x: Any = None, y: Any = None, /, *, size: int | None = None, fill_value: Any = None) -> Any:
    """Choose `x` where the condition holds and `y` elsewhere; without them, return `nonzero(condition)`.

    >>> mnp.where(mnp.array([True, False]), 1.0, mnp.array([5.0, 6.0]))
    Array([1., 6.], dtype=float32)
    """
    if x is None and y is None:
        return nonzero(condition, size=size, fill_value=fill_value)
    if x is None or y is None:
        raise ArgumentError("where: takes the condition alone, or with both x and y; give the one that is missing")
    return P.where(truth(condition), operand(x), operand(y))


def nonzero(a: Any, *, size: int | None = None, fill_value: Any = None) -> tuple[Value, ...]:
    """Return the positions of the nonzero elements, one array of indices per axis.

    How many there are depends on the data. With `size`, the result has that length, also under `jit` and `vmap`: what
    is too much is left out, and what is missing is `fill_value` (0, or one number per axis).

    >>> mnp.nonzero(mnp.array([0, 2, 3])), mnp.nonzero(mnp.array([0, 2, 3]), size=3, fill_value=-1)
    ((Array([1, 2], dtype=int64),), (Array([ 1,  2, -1], dtype=int64),))
    """
    a = array_of(a)
    if size is None:
        return indexing.nonzero(a)
    if not a.ndim:
        raise ShapeError(f"nonzero: takes at least one axis, got {aval_of(a)}; reshape it to (1,)")
    counts = cumsum(truth(S.ravel(a)))
    # The k-th nonzero element is where the running count reaches k.
    flat = lookup.searchsorted(counts, wrap(np.arange(1, size + 1)))
    found = P.less(wrap(np.arange(size)), counts[-1] if a.size else 0)
    fills = fill_value if isinstance(fill_value, (tuple, list)) else (fill_value or 0,) * a.ndim
    places = unravelled(P.where(found, flat, 0), a.shape)
    return tuple(P.where(found, i, S.cast(fill, i.dtype)) for i, fill in zip(places, fills, strict=True))


def flatnonzero(a: Any, *, size: int | None = None, fill_value: Any = None) -> Value:
    """Return where the flattened array is nonzero.

    >>> mnp.flatnonzero(mnp.array([[0, 1], [2, 0]]))
    Array([1, 2], dtype=int64)
    """
    return nonzero(S.ravel(array_of(a)), size=size, fill_value=fill_value)[0]


def argwhere(a: Any, *, size: int | None = None, fill_value: Any = None) -> Value:
    """Return the positions of the nonzero elements, one row each.

    >>> mnp.argwhere(mnp.array([[0, 1], [2, 0]]))
    Array([[0, 1],
           [1, 0]], dtype=int64)
    """
    a = array_of(a)
    if not a.ndim:
        return S.reshape(nonzero(S.reshape(a, (1,)), size=size)[0], (-1, 1))[:, :0]
    return stack(list(nonzero(a, size=size, fill_value=fill_value)), 1)


def compress(condition: Any, a: Any, axis: int | None = None, *, size: int | None = None, fill_value: Any = 0) -> Value:
    """Select positions of an axis, or of the flattened array, where a condition (a vector) holds.

    With `size` the result has that many, filled up with `fill_value`.

    >>> mnp.compress(mnp.array([True, False, True]), mnp.array([1, 2, 3]))
    Array([1, 3], dtype=int64)
    """
    a, condition = array_of(a), truth(condition)
    if condition.ndim != 1:
        raise ShapeError(f"compress: the condition must be a vector, got {aval_of(condition)}; ravel it")
    if axis is None:
        a, axis = S.ravel(a), 0
    place = S.canonical_axis("compress", axis, a.ndim)
    if size is None:
        return gathering.take(a, indexing.nonzero(condition)[0], place)
    picked = gathering.take(a, nonzero(condition, size=size)[0], place)
    there = P.less(wrap(np.arange(size)), S.sum(condition))
    return P.where(S.reshape(there, (-1,) + (1,) * (-place - 1)), picked, S.cast(fill_value, a.dtype))


def extract(condition: Any, arr: Any, *, size: int | None = None, fill_value: Any = 0) -> Value:
    """Return the elements where a condition holds.

    >>> mnp.extract(mnp.array([True, False, True]), mnp.array([1, 2, 3]))
    Array([1, 3], dtype=int64)
    """
    return compress(S.ravel(truth(condition)), arr, size=size, fill_value=fill_value)


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Value:
    """Choose from the first array of a list whose condition holds, and the default where none does.

    >>> x = mnp.arange(4)
    >>> mnp.select([x < 1, x > 2], [x - 10, x + 10], default=7)
    Array([-10,   7,   7,  13], dtype=int64)
    """
    if len(condlist) != len(choicelist) or not condlist:
        raise ShapeError(
            f"select: got {len(condlist)} conditions and {len(choicelist)} choices; give as many, at least one"
        )
    *choices, out = together(*choicelist, default)
    for condition, choice in zip(reversed(condlist), reversed(choices)):
        out = P.where(truth(condition), choice, out)
    return out


def piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Value:
    """Apply to each element the function (or give the number) of the last condition that holds for it.

    One more function than conditions is the default; else that is 0. All functions see the whole of `x`, so guard
    their arguments as with `where`.

    >>> x = mnp.array([-1.0, 2.0])
    >>> mnp.piecewise(x, [x < 0, x >= 0], [lambda x: -x, lambda x: x * 10])
    Array([ 1., 20.], dtype=float32)
    """
    x = array_of(x)
    conditions = [condlist] if hasattr(condlist, "ndim") and condlist.ndim == x.ndim and x.ndim else list(condlist)
    conditions = [truth(c) for c in conditions]
    functions, default = list(funclist), 0
    if len(functions) == len(conditions) + 1:
        default = functions.pop()
    if len(functions) != len(conditions):
        raise ShapeError(
            f"piecewise: got {len(conditions)} conditions and {len(funclist)} functions; give as many, or one more"
        )
    out = _valued(default, x, args, kw)
    for condition, function in zip(conditions, functions):
        out = P.where(condition, _valued(function, x, args, kw), out)
    return out


def _valued(function: Any, x: Value, args: Any, kw: Any) -> Value:
    found = function(x, *args, **kw) if callable(function) else function
    return S.broadcast_to(array_of(found, x.dtype), x.shape)


def choose(a: Any, choices: Any, out: None = None, mode: str = "raise") -> Value:
    """Take each element from the array of a list that its index names.

    >>> mnp.choose(mnp.array([0, 1, 0]), [mnp.array([1, 2, 3]), mnp.array([10, 20, 30])])
    Array([ 1, 20,  3], dtype=int64)
    """
    no_out("choose", out)
    arrays = S.broadcast_arrays(array_of(a), *together(*choices))
    indices, options = arrays[0], stack(list(arrays[1:]))
    indices = bounded("choose", indices, len(arrays) - 1, mode)
    return lookup.take_along_axis(options, S.expand_dims(indices, 0), 0)[0]


def place(arr: Any, mask: Any, vals: Any, *, inplace: bool = True) -> Value:
    """Return a copy with the elements under a mask replaced by values, one after the other; say `inplace=False`.

    >>> mnp.place(mnp.zeros(4), mnp.array([True, False, True, True]), [1.0, 2.0], inplace=False)
    Array([1., 0., 2., 1.], dtype=float32)
    """
    arr, mask = _copying("place", arr, inplace), truth(mask)
    if mask.shape != arr.shape:
        raise ShapeError(f"place: the mask {aval_of(mask)} must have the shape of {aval_of(arr)}")
    vals = S.ravel(array_of(vals, arr.dtype))
    if not vals.size:
        raise ShapeError(f"place: needs at least one value for {aval_of(arr)}, got {aval_of(vals)}")
    order = P.maximum(P.sub(cumsum(S.ravel(mask)), 1), 0)
    chosen = gathering.take(vals, P.remainder(order, vals.size), 0)
    return P.where(mask, S.reshape(chosen, arr.shape), arr)


def _copying(name: str, x: Any, inplace: bool) -> Value:
    x = array_of(x)
    if inplace:
        raise ArgumentError(f"{name}: {aval_of(x)} is immutable; say inplace=False and use what is returned")
    return x


# --------------------------------------------------------------------------- by index


def bounded(name: str, indices: Any, size: int, mode: str | None) -> Value:
    """Treat indices outside an axis as NumPy's `mode` says."""
    indices = gathering.as_index(name, array_of(indices))
    if mode in (None, "raise"):
        return indices
    if mode == "wrap":
        return P.remainder(indices, size)
    if mode == "clip":
        return P.clip(indices, 0, size - 1)
    raise ArgumentError(f"{name}: mode must be 'raise', 'wrap', 'clip' or 'fill', got {mode!r}")


def take(
    a: Any, indices: Any, axis: int | None = None, out: None = None, mode: str | None = None, *, fill_value: Any = None
) -> Value:
    """Select positions of an axis, or of the flattened array.

    Indices outside raise, or as `mode` says: are counted around (`wrap`), moved to the border (`clip`), or give
    `fill_value` (`fill`; NaN for floats, else the smallest number).

    >>> mnp.take(mnp.array([10, 20, 30]), mnp.array([2, 0])), mnp.take(mnp.array([10, 20]), 5, mode="wrap")
    (Array([30, 10], dtype=int64), Array(20, dtype=int64))
    """
    no_out("take", out)
    a = array_of(a)
    if axis is None:
        a, axis = S.ravel(a), 0
    size = a.shape[S.canonical_axis("take", axis, a.ndim)]
    if mode == "fill":
        return _take_filled(a, indices, axis, size, fill_value)
    return gathering.take(a, bounded("take", indices, size, mode), axis)


def _take_filled(a: Value, indices: Any, axis: int, size: int, fill_value: Any) -> Value:
    indices = gathering.as_index("take", array_of(indices))
    inside = P.logical_and(P.greater_equal(indices, -size), P.less(indices, size))
    found = gathering.take(a, P.where(inside, indices, 0), axis)
    place = S.canonical_axis("take", axis, a.ndim)
    inside = S.reshape(inside, inside.shape + (1,) * (-place - 1))
    fill = _missing(a.dtype) if fill_value is None else fill_value
    return P.where(inside, found, S.cast(fill, a.dtype))


def _missing(dtype: dtypes.DType) -> Any:
    if dtype in dtypes.INEXACT:
        return math.nan
    if dtype == dtypes.bool_:
        return True
    info = np.iinfo(dtype)
    return int(info.max if info.min == 0 else info.min)


def take_along_axis(arr: Any, indices: Any, axis: int | None = -1, mode: str | None = None) -> Value:
    """Select one position of an axis for every other position; the other axes broadcast.

    >>> mnp.take_along_axis(mnp.array([[1, 2], [3, 4]]), mnp.array([[1], [0]]), axis=1)
    Array([[2],
           [3]], dtype=int64)
    """
    arr, indices = array_of(arr), array_of(indices)
    if axis is None:
        if indices.ndim != 1:
            raise ShapeError(f"take_along_axis: with axis=None the indices must be a vector, got {aval_of(indices)}")
        arr, axis = S.ravel(arr), 0
    size = arr.shape[S.canonical_axis("take_along_axis", axis, arr.ndim)]
    return lookup.take_along_axis(arr, bounded("take_along_axis", indices, size, mode), axis)


def put(a: Any, ind: Any, v: Any, mode: str | None = None, *, inplace: bool = True) -> Value:
    """Return a copy with values at positions of the flattened array; say `inplace=False`.

    >>> mnp.put(mnp.zeros(4), mnp.array([0, 2]), [1.0, 2.0], inplace=False)
    Array([1., 0., 2., 0.], dtype=float32)
    """
    a, flat = _copying("put", a, inplace), S.ravel(bounded("put", ind, array_of(a).size, mode))
    v = S.ravel(array_of(v, a.dtype))
    if not flat.size:
        return a
    values = gathering.take(v, wrap(np.arange(flat.size) % v.size), 0)
    return S.reshape(indexing.update(S.ravel(a), flat, values), a.shape)


def put_along_axis(
    arr: Any, indices: Any, values: Any, axis: int | None, inplace: bool = True, *, mode: str | None = None
) -> Value:
    """Return a copy with values at what `take_along_axis` would read; say `inplace=False`.

    >>> mnp.put_along_axis(mnp.zeros((2, 2)), mnp.array([[1], [0]]), 5.0, axis=1, inplace=False)
    Array([[0., 5.],
           [5., 0.]], dtype=float32)
    """
    arr = _copying("put_along_axis", arr, inplace)
    if axis is None:
        return S.reshape(
            lookup.put_along_axis(S.ravel(arr), array_of(indices), array_of(values, arr.dtype), 0), arr.shape
        )
    size = arr.shape[S.canonical_axis("put_along_axis", axis, arr.ndim)]
    places = bounded("put_along_axis", indices, size, mode)
    return lookup.put_along_axis(arr, places, array_of(values, arr.dtype), axis)


def delete(arr: Any, obj: Any, axis: int | None = None) -> Value:
    """Return an array without some positions of an axis; they are static.

    >>> mnp.delete(mnp.array([1, 2, 3]), 1)
    Array([1, 3], dtype=int64)
    """
    arr = array_of(arr)
    if axis is None:
        arr, axis = S.ravel(arr), 0
    place = S.canonical_axis("delete", axis, arr.ndim)
    chosen = obj if isinstance(obj, slice) else host(obj, "delete")
    kept = np.delete(np.arange(arr.shape[place]), chosen)
    return gathering.take(arr, kept, place)


def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Value:
    """Return an array with values in front of some positions of an axis; the positions are static.

    >>> mnp.insert(mnp.array([1, 2, 3]), 1, 9)
    Array([1, 9, 2, 3], dtype=int64)
    """
    arr = array_of(arr)
    values = array_of(values, arr.dtype)
    if axis is None:
        arr, axis = S.ravel(arr), 0
    place = S.canonical_axis("insert", axis, arr.ndim)
    moved = S.moveaxis(arr, place, 0)
    n = moved.shape[0]
    single = not isinstance(obj, slice) and host(obj, "insert").ndim == 0
    where_ = np.arange(n)[obj] if isinstance(obj, slice) else np.atleast_1d(host(obj, "insert")).astype(int)
    where_ = np.where(where_ < 0, where_ + n, where_)
    if where_.size and (where_.min() < 0 or where_.max() > n):
        raise OutOfBoundsError(f"insert: position {obj} is out of bounds for axis {axis} of {aval_of(arr)}")
    if single:  # one position takes as many values as there are along the axis
        values = S.atleast_nd(values, arr.ndim) if values.ndim else values
        count = values.shape[0] if values.ndim else 1
        where_ = np.repeat(where_, count)
    elif values.ndim:
        values = S.moveaxis(S.atleast_nd(values, arr.ndim), place, 0)
    order = np.argsort(where_, kind="stable")
    targets = np.empty(where_.size, int)
    targets[order] = where_[order] + np.arange(where_.size)
    values = S.broadcast_to(values, (where_.size, *moved.shape[1:]))
    old = np.setdiff1d(np.arange(n + where_.size), targets)
    out = S.full((n + where_.size, *moved.shape[1:]), 0, arr.dtype)
    out = indexing.update(indexing.update(out, array_of(old), moved), array_of(targets), values)
    return S.moveaxis(out, 0, place)


def unravelled(flat: Value, shape: tuple[int, ...]) -> list[Value]:
    """Return the coordinates, in a shape, of positions in the flattened array."""
    found = []
    for n in reversed(shape):
        size = n or 1
        found.append(P.remainder(flat, size))
        flat = P.floor_divide(flat, size)
    return found[::-1]


__all__ = [
    "argwhere", "choose", "compress", "delete", "extract", "flatnonzero", "insert", "newaxis", "nonzero",
    "piecewise", "place", "put", "put_along_axis", "select", "take", "take_along_axis", "where",
]  # fmt: skip
