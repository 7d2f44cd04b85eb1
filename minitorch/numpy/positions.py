"""Indices: of diagonals and triangles, of combinations, into flattened arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.array import Array, wrap
from ..core.errors import ShapeError
from ..core.ops import indexing
from ..core.ops import shaping as S
from ..core.ops.gathering import ravel_index
from ..core.tracer import Value, aval_of
from .arguments import array_of, sizes
from .selecting import bounded, nonzero, unravelled


def unravel_index(indices: Any, shape: Any) -> tuple[Value, ...]:
    """Return the coordinates, in a shape, of positions in the flattened array; negative ones count from the end.

    >>> mnp.unravel_index(mnp.array([5, -1]), (2, 3))
    (Array([1, 1], dtype=int64), Array([2, 2], dtype=int64))
    """
    wanted = sizes(shape)
    total = math.prod(wanted)
    flat = ravel_index((array_of(indices),), (total,))
    return tuple(unravelled(flat, wanted))


def ravel_multi_index(multi_index: Sequence[Any], dims: Any, mode: Any = "raise", order: str = "C") -> Value:
    """Return the positions in the flattened array of coordinates in a shape.

    >>> mnp.ravel_multi_index((mnp.array([1, 1]), mnp.array([2, 0])), (2, 3))
    Array([5, 3], dtype=int64)
    """
    wanted = sizes(dims)
    if len(wanted) != len(multi_index):
        raise ShapeError(
            f"ravel_multi_index: got {len(multi_index)} coordinates for the shape {wanted}; give one per axis"
        )
    modes = mode if isinstance(mode, (tuple, list)) else (mode,) * len(wanted)
    places = [bounded("ravel_multi_index", i, n, m) for i, n, m in zip(multi_index, wanted, modes, strict=True)]
    if order == "F":
        places, wanted = places[::-1], wanted[::-1]
    return ravel_index(places, wanted)


def ix_(*args: Any) -> tuple[Value, ...]:
    """Turn vectors into indices of all their combinations: `x[ix_(rows, columns)]`.

    >>> mnp.arange(9).reshape(3, 3)[mnp.ix_(mnp.array([0, 2]), mnp.array([1, 2]))]
    Array([[1, 2],
           [7, 8]], dtype=int64)
    """
    found = []
    for place_, given in enumerate(args):
        x = array_of(given)
        if x.ndim != 1:
            raise ShapeError(f"ix_: takes vectors, got {aval_of(x)}; ravel it")
        x = indexing.nonzero(x)[0] if x.dtype == dtypes.bool_ else x
        x = S.cast(x, dtypes.int64) if not x.size else x
        found.append(S.reshape(x, tuple(-1 if i == place_ else 1 for i in range(len(args)))))
    return tuple(found)


def diag_indices(n: int, ndim: int = 2) -> tuple[Value, ...]:
    """Return the indices of the main diagonal of an array with `ndim` axes of length `n`.

    >>> mnp.diag_indices(2)
    (Array([0, 1], dtype=int64), Array([0, 1], dtype=int64))
    """
    return (wrap(np.arange(n)),) * ndim


def diag_indices_from(arr: Any) -> tuple[Value, ...]:
    """Return the indices of the main diagonal of an array.

    >>> mnp.diag_indices_from(mnp.zeros((2, 2)))
    (Array([0, 1], dtype=int64), Array([0, 1], dtype=int64))
    """
    arr = array_of(arr)
    if arr.ndim < 2 or len(set(arr.shape)) > 1:
        raise ShapeError(f"diag_indices_from: needs at least two axes, all of one length, got {aval_of(arr)}; slice it")
    return diag_indices(arr.shape[0], arr.ndim)


def tril_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Array, ...]:
    """Return the indices of what lies on and below diagonal `k` of an n-by-m matrix.

    >>> mnp.tril_indices(2)
    (Array([0, 1, 1], dtype=int64), Array([0, 0, 1], dtype=int64))
    """
    return tuple(wrap(i) for i in np.tril_indices(n, k, m))


def triu_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Array, ...]:
    """Return the indices of what lies on and above diagonal `k` of an n-by-m matrix.

    >>> mnp.triu_indices(2)
    (Array([0, 0, 1], dtype=int64), Array([0, 1, 1], dtype=int64))
    """
    return tuple(wrap(i) for i in np.triu_indices(n, k, m))


def _matrix_shape(name: str, arr: Any) -> tuple[int, ...]:
    arr = array_of(arr)
    if arr.ndim != 2:
        raise ShapeError(f"{name}: takes a matrix, got {aval_of(arr)}; index it down to two axes")
    return arr.shape


def tril_indices_from(arr: Any, k: int = 0) -> tuple[Array, ...]:
    """Return the indices of what lies on and below diagonal `k` of a matrix.

    >>> mnp.tril_indices_from(mnp.zeros((2, 2)))
    (Array([0, 1, 1], dtype=int64), Array([0, 0, 1], dtype=int64))
    """
    n, m = _matrix_shape("tril_indices_from", arr)
    return tril_indices(n, k, m)


def triu_indices_from(arr: Any, k: int = 0) -> tuple[Array, ...]:
    """Return the indices of what lies on and above diagonal `k` of a matrix.

    >>> mnp.triu_indices_from(mnp.zeros((2, 2)))
    (Array([0, 0, 1], dtype=int64), Array([0, 1, 1], dtype=int64))
    """
    n, m = _matrix_shape("triu_indices_from", arr)
    return triu_indices(n, k, m)


def mask_indices(n: int, mask_func: Callable[..., Any], k: Any = 0, *, size: int | None = None) -> tuple[Value, ...]:
    """Return the indices of what a masking function such as `triu` leaves of an n-by-n matrix of ones.

    >>> mnp.mask_indices(2, mnp.triu)
    (Array([0, 0, 1], dtype=int64), Array([0, 1, 1], dtype=int64))
    """
    return nonzero(mask_func(S.full((n, n), 1, dtypes.int64), k), size=size)


__all__ = [
    "diag_indices", "diag_indices_from", "ix_", "mask_indices", "ravel_multi_index", "tril_indices",
    "tril_indices_from", "triu_indices", "triu_indices_from", "unravel_index",
]  # fmt: skip
