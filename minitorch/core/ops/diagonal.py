"""Triangles and diagonals of the last two axes.

`tril` and `triu` are projections, so each is its own transpose; `diagonal` and `diag_embed` are each other's.
"""

from __future__ import annotations

from operator import index as as_int
from typing import Any

import numpy as np

from ..aval import Aval
from ..errors import ShapeError
from ..tracer import Value, aval_of
from .families import as_array, linear
from .shaping import canonical_axes, moveaxis


def _masked(x: Any, keep: Any) -> Any:
    return np.where(keep, x, np.zeros((), x.dtype))


def _lower(x: Any, k: int) -> Any:
    rows, columns = x.shape[-2:]
    return np.arange(columns) <= np.arange(k, k + rows)[:, None]


def _square_abstract(x: Aval, *, k: int) -> Aval:
    return x._replace(weak=False)


tril_p: Any = linear(
    "tril",
    lambda x, *, k: _masked(x, _lower(x, k)),
    lambda g, k: tril_p(g, k=k),
    abstract=_square_abstract,
)
triu_p: Any = linear(
    "triu",
    lambda x, *, k: _masked(x, ~_lower(x, k - 1)),
    lambda g, k: triu_p(g, k=k),
    abstract=_square_abstract,
)


def tril(x: Value, k: int = 0) -> Value:
    """Set everything above diagonal `k` of the last two axes to zero.

    >>> tril(np.ones((2, 3), "f4"))
    Array([[1., 0., 0.],
           [1., 1., 0.]], dtype=float32)
    """
    return tril_p(_matrix("tril", x), k=as_int(k))


def triu(x: Value, k: int = 0) -> Value:
    """Set everything below diagonal `k` of the last two axes to zero."""
    return triu_p(_matrix("triu", x), k=as_int(k))


def _matrix(name: str, x: Value) -> Value:
    x = as_array(x)
    if x.ndim < 2:
        raise ShapeError(f"{name}: needs at least 2 axes, got {aval_of(x)}; insert axes with x[None]")
    return x


def diagonal_size(rows: int, columns: int, offset: int) -> int:
    """Return the length of a diagonal of a matrix."""
    return max(0, min(rows + min(offset, 0), columns - max(offset, 0)))


def _diag_embed_impl(x: Any, *, offset: int, rows: int, columns: int) -> Any:
    out = np.zeros((*x.shape[:-1], rows, columns), x.dtype)
    i = np.arange(x.shape[-1])
    out[..., i + max(-offset, 0), i + max(offset, 0)] = x
    return out


diagonal_p: Any = linear(
    "diagonal",
    lambda x, *, offset: x.diagonal(offset, -2, -1),
    lambda g, x_aval, offset: diag_embed_p(g, offset=offset, rows=x_aval.shape[-2], columns=x_aval.shape[-1]),
    abstract=lambda x, *, offset: x._replace(
        shape=(*x.shape[:-2], diagonal_size(x.shape[-2], x.shape[-1], offset)), weak=False
    ),
)
diag_embed_p: Any = linear(
    "diag_embed",
    _diag_embed_impl,
    lambda g, offset: diagonal_p(g, offset=offset),
    abstract=lambda x, *, offset, rows, columns: x._replace(shape=(*x.shape[:-1], rows, columns), weak=False),
)


def diagonal(x: Value, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Value:
    """Take a diagonal of two axes, which becomes the last axis; a positive offset lies above the main one. No copy.

    >>> diagonal(np.array([[1, 2], [3, 4]]))
    Array([1, 4], dtype=int64)
    """
    x = _matrix("diagonal", x)
    return diagonal_p(moveaxis(x, canonical_axes("diagonal", (axis1, axis2), x.ndim), (-2, -1)), offset=as_int(offset))


def diag_embed(x: Value, offset: int = 0, axis1: int = -2, axis2: int = -1) -> Value:
    """Make square matrices of zeros with the last axis on a diagonal.

    >>> diag_embed(np.array([1, 2]))
    Array([[1, 0],
           [0, 2]], dtype=int64)
    """
    x = as_array(x)
    if not x.ndim:
        raise ShapeError(f"diag_embed: needs at least 1 axis, got {aval_of(x)}; insert one with x[None]")
    offset = as_int(offset)
    n = x.shape[-1] + abs(offset)
    out = diag_embed_p(x, offset=offset, rows=n, columns=n)
    return moveaxis(out, (-2, -1), canonical_axes("diag_embed", (axis1, axis2), out.ndim))


def diag(x: Value, k: int = 0) -> Value:
    """Make a matrix with a vector on diagonal `k`, or take diagonal `k` of a matrix."""
    x = as_array(x)
    if x.ndim not in (1, 2):
        raise ShapeError(f"diag: needs a vector or a matrix, got {aval_of(x)}; use diagonal or diag_embed for batches")
    return diag_embed(x, k) if x.ndim == 1 else diagonal(x, k)
