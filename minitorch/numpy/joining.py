"""Joining and splitting arrays."""

from __future__ import annotations

from typing import Any

from ..core.errors import ArgumentError, ShapeError
from ..core.ops import joining as J
from ..core.ops import shaping as S
from ..core.ops import slicing
from ..core.tracer import Value
from .arguments import array_of, host, no_out, together
from .arranging import atleast_3d


def _arrays(name: str, arrays: Any) -> list[Value]:
    """Return the arrays of a list; an array stands for its slices."""
    if hasattr(arrays, "ndim"):
        return list(J.unstack(array_of(arrays)))
    found = [array_of(x) for x in arrays]
    if not found:
        raise ShapeError(f"{name}: needs at least one array, got none; give some")
    return found


def _as(x: Value, dtype: Any) -> Value:
    return x if dtype is None else S.cast(x, dtype)


# --------------------------------------------------------------------------- joining


def concatenate(arrays: Any, axis: int | None = 0, dtype: Any = None) -> Value:
    """Join arrays along an axis, in their promoted dtype; with `axis=None` flattened.

    >>> mnp.concatenate([mnp.array([1, 2]), mnp.array([3])])
    Array([1, 2, 3], dtype=int64)
    """
    return _as(J.concatenate(_arrays("concatenate", arrays), axis), dtype)


def concat(arrays: Any, /, *, axis: int | None = 0) -> Value:
    """Join arrays along an axis, in their promoted dtype; with `axis=None` flattened.

    >>> mnp.concat([mnp.array([1, 2]), mnp.array([3])])
    Array([1, 2, 3], dtype=int64)
    """
    return J.concatenate(_arrays("concat", arrays), axis)


def stack(arrays: Any, axis: int = 0, out: None = None, dtype: Any = None) -> Value:
    """Join arrays of one shape along a new axis.

    >>> mnp.stack([mnp.array([1, 2]), mnp.array([3, 4])], axis=1)
    Array([[1, 3],
           [2, 4]], dtype=int64)
    """
    no_out("stack", out)
    return _as(J.stack(_arrays("stack", arrays), axis), dtype)


def hstack(tup: Any, dtype: Any = None) -> Value:
    """Join arrays along the second axis, vectors along the first.

    >>> mnp.hstack([mnp.array([1, 2]), mnp.array([3])])
    Array([1, 2, 3], dtype=int64)
    """
    parts = [S.atleast_nd(x, 1) for x in _arrays("hstack", tup)]
    return _as(J.concatenate(parts, 0 if parts[0].ndim == 1 else 1), dtype)


def vstack(tup: Any, dtype: Any = None) -> Value:
    """Join arrays along the first axis; vectors are rows.

    >>> mnp.vstack([mnp.array([1, 2]), mnp.array([3, 4])])
    Array([[1, 2],
           [3, 4]], dtype=int64)
    """
    return _as(J.concatenate([S.atleast_nd(x, 2) for x in _arrays("vstack", tup)], 0), dtype)


def dstack(tup: Any, dtype: Any = None) -> Value:
    """Join arrays along the third axis.

    >>> mnp.dstack([mnp.array([1, 2]), mnp.array([3, 4])]).shape
    (1, 2, 2)
    """
    return _as(J.concatenate([atleast_3d(x) for x in _arrays("dstack", tup)], 2), dtype)


def column_stack(tup: Any) -> Value:
    """Join vectors as the columns of a matrix.

    >>> mnp.column_stack([mnp.array([1, 2]), mnp.array([3, 4])])
    Array([[1, 3],
           [2, 4]], dtype=int64)
    """
    parts = [S.atleast_nd(x, 1) for x in _arrays("column_stack", tup)]
    return J.concatenate([S.expand_dims(x, 1) if x.ndim == 1 else x for x in parts], 1)


def block(arrays: Any) -> Value:
    """Put together an array from nested lists of blocks; the innermost lists run along the last axis.

    >>> mnp.block([[mnp.ones((1, 1)), mnp.zeros((1, 2))]])
    Array([[1., 0., 0.]], dtype=float32)
    """
    return _blocks(arrays, _depth(arrays))


def _depth(arrays: Any) -> int:
    if not isinstance(arrays, list):
        return 0
    if not arrays:
        raise ShapeError("block: a list is empty; leave it out")
    depths = {_depth(x) for x in arrays}
    if len(depths) > 1:
        raise ShapeError(f"block: lists are nested to different depths, {sorted(depths)}; nest all alike")
    return 1 + depths.pop()


def _blocks(arrays: Any, depth: int) -> Value:
    """Join blocks along the axis of their depth, counted from the end."""

    def leaves(x: Any) -> list[Any]:
        return [leaf for part in x for leaf in leaves(part)] if isinstance(x, list) else [x]

    rank = max([depth, *(array_of(x).ndim for x in leaves(arrays))])

    def join(x: Any, level: int) -> Value:
        if not isinstance(x, list):
            return S.atleast_nd(array_of(x), rank)
        return J.concatenate([join(part, level - 1) for part in x], -level)

    return join(arrays, depth)


def append(arr: Any, values: Any, axis: int | None = None) -> Value:
    """Join values to the end of an axis, or of the flattened array.

    >>> mnp.append(mnp.array([1, 2]), 3)
    Array([1, 2, 3], dtype=int64)
    """
    arr, values = together(arr, values)
    return J.concatenate([S.ravel(arr), S.ravel(values)], 0) if axis is None else J.concatenate([arr, values], axis)


# --------------------------------------------------------------------------- splitting


def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Value]:
    """Cut an array into parts, of which the first may be longer by one, or at given positions.

    >>> [x.tolist() for x in mnp.array_split(mnp.arange(5), 2)]
    [[0, 1, 2], [3, 4]]
    """
    ary = array_of(ary)
    n = ary.shape[S.canonical_axis("array_split", axis, ary.ndim)]
    cuts = host(indices_or_sections, "array_split")
    if cuts.ndim == 0:
        count = int(cuts)
        if count < 1:
            raise ArgumentError(f"array_split: needs at least one part, got {count}")
        parts = [n // count + (i < n % count) for i in range(count)]
        return list(J.split(ary, parts, axis))
    bounds = [min(max(int(c) + (n if c < 0 else 0), 0), n) for c in cuts]
    starts, stops = [0, *bounds], [*bounds, n]
    return [slicing.slice_axis(ary, axis, a, max(a, b)) for a, b in zip(starts, stops)]


def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Value]:
    """Cut an array into equal parts, or at given positions.

    >>> [x.tolist() for x in mnp.split(mnp.arange(4), 2)], [x.tolist() for x in mnp.split(mnp.arange(4), [1, 3])]
    ([[0, 1], [2, 3]], [[0], [1, 2], [3]])
    """
    if host(indices_or_sections, "split").ndim == 0:
        return list(J.split(array_of(ary), int(indices_or_sections), axis))
    return array_split(ary, indices_or_sections, axis)


def hsplit(ary: Any, indices_or_sections: Any) -> list[Value]:
    """Cut an array along the second axis, a vector along the first.

    >>> [x.shape for x in mnp.hsplit(mnp.zeros((2, 4)), 2)]
    [(2, 2), (2, 2)]
    """
    return split(ary, indices_or_sections, 0 if array_of(ary).ndim == 1 else 1)


def vsplit(ary: Any, indices_or_sections: Any) -> list[Value]:
    """Cut an array along the first axis.

    >>> [x.shape for x in mnp.vsplit(mnp.zeros((2, 4)), 2)]
    [(1, 4), (1, 4)]
    """
    return split(ary, indices_or_sections, 0)


def dsplit(ary: Any, indices_or_sections: Any) -> list[Value]:
    """Cut an array along the third axis.

    >>> [x.shape for x in mnp.dsplit(mnp.zeros((1, 2, 4)), 2)]
    [(1, 2, 2), (1, 2, 2)]
    """
    return split(ary, indices_or_sections, 2)


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Value, ...]:
    """Cut an array into its slices along an axis, which disappears.

    >>> mnp.unstack(mnp.array([[1, 2], [3, 4]]))
    (Array([1, 2], dtype=int64), Array([3, 4], dtype=int64))
    """
    return J.unstack(array_of(x), axis)


__all__ = [
    "append", "array_split", "block", "column_stack", "concat", "concatenate", "dsplit", "dstack", "hsplit",
    "hstack", "split", "stack", "unstack", "vsplit", "vstack",
]  # fmt: skip
