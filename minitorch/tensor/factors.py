"""Factorizations kept in LAPACK's packed forms, and systems of tensors, under PyTorch's names."""

from __future__ import annotations

import math
from operator import index as as_int
from typing import Any, NamedTuple

import numpy as np

from ..core.array import wrap
from ..core.errors import ArgumentError, ShapeError
from ..core.ops import contractions, eigen, factorizations, linalg, norms, pointwise, shaping, slicing, spectral
from ..core.ops.diagonal import tril, triu
from ..core.ops.families import as_array
from ..core.ops.indexing import getitem
from ..core.ops.pivoting import permutation_p, pivots_p
from ..core.tracer import aval_of
from .linalg import LINALG as LINALG_ONE
from .statistics import vander
from .table import Table, over


class LU(NamedTuple):
    """A permutation, a unit lower and an upper triangular matrix."""

    P: Any
    L: Any
    U: Any


class PackedLU(NamedTuple):
    """Both triangles in one matrix, and the row exchanges (1-based)."""

    LU: Any
    pivots: Any


class Eig(NamedTuple):
    """Eigenvalues, and eigenvectors in columns; complex."""

    eigenvalues: Any
    eigenvectors: Any


class Checked(NamedTuple):
    """A result, and 0 for matrices where it exists."""

    result: Any
    info: Any


class Inverse(NamedTuple):
    """An inverse, and 0 for matrices that have one."""

    inverse: Any
    info: Any


class Lower(NamedTuple):
    """A Cholesky factor, and 0 for matrices that have one."""

    L: Any
    info: Any


class TriangularSolve(NamedTuple):
    """The solution, and the matrix as it was given."""

    solution: Any
    cloned_coefficient: Any


# --------------------------------------------------------------------------- LU


def _lu(A: Any, *, pivot: bool = True) -> LU:
    """Factor a matrix into a permutation, a unit lower and an upper triangular matrix.

    >>> x = mt.tensor([[0.0, 2.0], [4.0, 2.0]])
    >>> P, L, U = mt.linalg.lu(x)
    >>> P
    tensor([[0., 1.],
            [1., 0.]])
    >>> U
    tensor([[4., 2.],
            [0., 2.]])
    >>> mt.equal(P @ L @ U, x)
    True
    """
    if not pivot:
        raise ArgumentError(f"linalg.lu: pivot=False is not supported for {aval_of(as_array(A))}; leave it out")
    p, lower, upper = factorizations.lu(A)
    return LU(pointwise.detach(p), lower, upper)


def _lu_factor(A: Any, *, pivot: bool = True) -> PackedLU:
    """Factor a matrix; both triangles lie in one matrix.

    >>> LU, pivots = mt.linalg.lu_factor(mt.tensor([[1.0, 2.0], [4.0, 2.0]]))
    >>> LU
    tensor([[4.0000, 2.0000],
            [0.2500, 1.5000]])
    >>> pivots
    tensor([2, 2], dtype=int32)
    """
    p, lower, upper = _lu(A, pivot=pivot)
    m, n = lower.shape[-2], upper.shape[-1]
    k = min(m, n)
    below, above = tril(lower, -1), upper
    if n > k:
        below = _widened(below, m, n)
    if m > k:
        above = _widened(above, m, n)
    return PackedLU(pointwise.add(below, above), pivots_p(p, k=k))


class OldLU(NamedTuple):
    """Both triangles in one matrix, the row exchanges, and 0 for matrices that have a factorization."""

    LU: Any
    pivots: Any
    infos: Any


def _old_lu(self: Any, pivot: bool = True, get_infos: bool = False) -> Any:
    """As `linalg.lu_factor`; with `get_infos` the result has zeros for the matrices in a third part.

    >>> LU, pivots = mt.tensor([[1.0, 2.0], [4.0, 2.0]]).lu()
    >>> LU
    tensor([[4.0000, 2.0000],
            [0.2500, 1.5000]])
    """
    packed, pivots = _lu_factor(self, pivot=pivot)
    infos = wrap(np.zeros(packed.shape[:-2], np.int32))
    return OldLU(packed, pivots, infos) if get_infos else PackedLU(packed, pivots)


def _widened(x: Any, m: int, n: int) -> Any:
    rows, columns = x.shape[-2:]
    widths = [(0, 0)] * (x.ndim - 2) + [(0, m - rows), (0, n - columns)]
    return slicing.unslice(x, (*x.shape[:-2], m, n), [w[0] for w in widths])


def _lu_unpack(LU_data: Any, LU_pivots: Any, unpack_data: bool = True, unpack_pivots: bool = True) -> LU:
    """Return the permutation and the triangles of a packed factorization; what is not asked for comes back empty.

    >>> x = mt.tensor([[1.0, 2.0], [4.0, 2.0]])
    >>> P, L, U = mt.lu_unpack(*mt.linalg.lu_factor(x))
    >>> L
    tensor([[1.0000, 0.0000],
            [0.2500, 1.0000]])
    >>> mt.equal(P @ L @ U, x)
    True
    """
    x = linalg.matrices("lu_unpack", LU_data)
    m, n = x.shape[-2:]
    k = min(m, n)
    nothing = wrap(np.zeros((0,), x.dtype))
    p = shaping.cast(permutation_p(as_array(LU_pivots), m=m), x.dtype) if unpack_pivots else nothing
    if not unpack_data:
        return LU(p, nothing, nothing)
    unit = shaping.cast(wrap(np.eye(m, k)), x.dtype)
    lower = pointwise.add(tril(getitem(x, (..., slice(0, k))), -1), unit)
    return LU(p, lower, triu(getitem(x, (..., slice(0, k), slice(None)))))


def _lu_solve(LU: Any, pivots: Any, B: Any, *, left: bool = True, adjoint: bool = False) -> Any:
    """Solve `A X = B` by the packed factorization of A; with `left=False` `X A = B`, with `adjoint` for A's adjoint.

    >>> A, B = mt.tensor([[1.0, 2.0], [4.0, 2.0]]), mt.tensor([[3.0], [6.0]])
    >>> mt.linalg.lu_solve(*mt.linalg.lu_factor(A), B)
    tensor([[1.],
            [1.]])
    """
    if not left:
        return linalg.adjoint(_lu_solve(LU, pivots, linalg.adjoint(B), adjoint=not adjoint))
    p, lower, upper = _lu_unpack(LU, pivots)
    if adjoint:
        y = linalg.triangular_solve(linalg.adjoint(upper), B, True)
        return contractions.matmul(p, linalg.triangular_solve(linalg.adjoint(lower), y, False, True))
    y = linalg.triangular_solve(lower, contractions.matmul(linalg.adjoint(p), B), True, True)
    return linalg.triangular_solve(upper, y, False)


# --------------------------------------------------------------------------- results with a flag


def _info(x: Any) -> Any:
    return wrap(np.zeros(as_array(x).shape[:-2], np.int32))


def _solve_ex(A: Any, B: Any, *, left: bool = True, check_errors: bool = False) -> Checked:
    """Solve `A X = B`; a singular matrix raises, so that the second result is always 0.

    >>> result, info = mt.linalg.solve_ex(2 * mt.eye(2), mt.tensor([2.0, 4.0]))
    >>> result, info
    (tensor([1., 2.]), tensor(0, dtype=int32))
    """
    return Checked(LINALG_ONE["solve"](A, B, left=left), _info(A))


def _inv_ex(A: Any, *, check_errors: bool = False) -> Inverse:
    """Invert; a singular matrix raises, so that the second result is always 0.

    >>> inverse, info = mt.linalg.inv_ex(2 * mt.eye(2))
    >>> inverse
    tensor([[0.5000, 0.0000],
            [0.0000, 0.5000]])
    >>> info
    tensor(0, dtype=int32)
    """
    return Inverse(linalg.inv(A), _info(A))


def _cholesky_ex(A: Any, *, upper: bool = False, check_errors: bool = False) -> Lower:
    """Factor a positive definite matrix; any other raises, so that the second result is always 0.

    >>> L, info = mt.linalg.cholesky_ex(mt.tensor([[4.0, 2.0], [2.0, 5.0]]))
    >>> L
    tensor([[2., 0.],
            [1., 2.]])
    >>> info
    tensor(0, dtype=int32)
    """
    return Lower(factorizations.cholesky(A, upper), _info(A))


# --------------------------------------------------------------------------- systems


def _cholesky_solve(B: Any, L: Any, upper: bool = False) -> Any:
    """Solve `A X = B` by the Cholesky factor of A.

    >>> L = mt.linalg.cholesky(mt.tensor([[4.0, 2.0], [2.0, 5.0]]))
    >>> mt.cholesky_solve(mt.tensor([[8.0], [12.0]]), L)
    tensor([[1.],
            [2.]])
    """
    factor = as_array(L)
    lower = linalg.adjoint(factor) if upper else factor
    y = linalg.triangular_solve(lower, B, True)
    return linalg.triangular_solve(linalg.adjoint(lower), y, False)


def _cholesky_inverse(L: Any, upper: bool = False) -> Any:
    """Return the inverse of the matrix with that Cholesky factor.

    >>> mt.cholesky_inverse(mt.tensor([[2.0, 0.0], [1.0, 2.0]]))
    tensor([[ 0.3125, -0.1250],
            [-0.1250,  0.2500]])
    """
    x = as_array(L)
    return _cholesky_solve(linalg.identity(x.shape[-1], x.dtype), tril(x) if not upper else triu(x), upper)


def _triangular_solve(b: Any, A: Any, upper: bool = True, transpose: bool = False, unitriangular: bool = False) -> Any:
    """Solve a triangular system, in the older function's order of arguments.

    >>> A, b = mt.tensor([[2.0, 1.0], [0.0, 4.0]]), mt.tensor([[4.0], [8.0]])
    >>> mt.triangular_solve(b, A).solution
    tensor([[1.],
            [2.]])
    """
    a = as_array(A)
    turned = shaping.swapaxes(a, -2, -1) if transpose else a
    copied = shaping.reshape_p(a, shape=a.shape)
    return TriangularSolve(linalg.triangular_solve(turned, b, upper is transpose, unitriangular), copied)


def _tensorinv(A: Any, ind: int = 2) -> Any:
    """Invert a tensor as the matrix between its first `ind` and its other dimensions.

    >>> A = 2 * mt.eye(6).reshape(2, 3, 3, 2)
    >>> mt.linalg.tensorinv(A).shape, mt.linalg.tensorinv(A)[0, 0, 0]
    ((3, 2, 2, 3), tensor([0.5000, 0.0000, 0.0000]))
    """
    a = as_array(A)
    rows, columns = a.shape[:ind], a.shape[ind:]
    if not 1 <= ind < a.ndim or math.prod(rows) != math.prod(columns):
        raise ShapeError(f"linalg.tensorinv: the first ind={ind} sizes of {aval_of(a)} must multiply up to the others")
    flat = linalg.inv(shaping.reshape(a, (math.prod(rows), math.prod(columns))))
    return shaping.reshape(flat, (*columns, *rows))


def _tensorsolve(A: Any, B: Any, dims: Any = None) -> Any:
    """Solve `tensordot(A, X, X.ndim) = B`; `dims` of A are moved to its end first.

    >>> A = 2 * mt.eye(6).reshape(2, 3, 3, 2)
    >>> mt.linalg.tensorsolve(A, mt.ones(2, 3))
    tensor([[0.5000, 0.5000],
            [0.5000, 0.5000],
            [0.5000, 0.5000]])
    """
    a, b = as_array(A), as_array(B)
    if dims is not None:
        a = shaping.moveaxis(a, tuple(dims), tuple(range(a.ndim - len(dims), a.ndim)))
    wanted = a.shape[b.ndim :]
    if math.prod(wanted) != b.size or math.prod(a.shape[: b.ndim]) != b.size:
        raise ShapeError(f"linalg.tensorsolve: {aval_of(a)} is no square system for {aval_of(b)}")
    return shaping.reshape(linalg.solve(shaping.reshape(a, (b.size, b.size)), shaping.ravel(b)), wanted)


def _householder_product(A: Any, tau: Any) -> Any:
    """Return the first columns of the product of reflections `I - tau v v^H`, v below the diagonal of each column.

    >>> A, tau = mt.tensor([[1.0], [1.0]]), mt.tensor([1.0])
    >>> mt.linalg.householder_product(A, tau)
    tensor([[ 0.],
            [-1.]])
    """
    a, scale = as_array(A), as_array(tau)
    m, n = a.shape[-2:] if a.ndim > 1 else (0, 1)
    if m < n or not scale.ndim or scale.shape[-1] > n:
        raise ShapeError(
            f"linalg.householder_product: {aval_of(a)} must be tall, tau {aval_of(scale)} no longer than n"
        )
    unit = shaping.cast(wrap(np.eye(m, n)), a.dtype)
    vectors = pointwise.add(tril(a, -1), unit)
    out = shaping.broadcast_to(unit, a.shape)
    for i in reversed(range(scale.shape[-1])):
        v = getitem(vectors, (..., slice(i, i + 1)))
        along = contractions.matmul(linalg.adjoint(v), out)
        out = pointwise.sub(out, pointwise.mul(contractions.matmul(v, along), getitem(scale, (..., i, None, None))))
    return out


def _ormqr(input: Any, tau: Any, other: Any, left: bool = True, transpose: bool = False) -> Any:
    """Multiply by the full orthogonal matrix that the reflections make, from the left or the right.

    >>> A, tau = mt.tensor([[1.0], [1.0]]), mt.tensor([1.0])
    >>> mt.ormqr(A, tau, mt.tensor([[2.0], [3.0]]))
    tensor([[-3.],
            [-2.]])
    """
    a = as_array(input)
    k = as_array(tau).shape[-1:]
    if a.ndim < 2 or as_array(other).ndim < 2 or not k or k[0] > min(a.shape[-2:]):
        shown = ", ".join(str(aval_of(as_array(x))) for x in (input, tau, other))
        raise ShapeError(f"ormqr: takes matrices and no more reflections than columns, got {shown}")
    a = slicing.slice_axis(a, -1, 0, as_array(tau).shape[-1])
    m, n = a.shape[-2:]
    q = _householder_product(_widened(a, m, m) if m > n else a, tau)
    q = linalg.adjoint(q) if transpose else q
    return contractions.matmul(q, other) if left else contractions.matmul(other, q)


def _linalg_vander(x: Any, *, N: int | None = None) -> Any:
    """Return the powers 0 to N - 1 of numbers along a new last dimension.

    >>> mt.linalg.vander(mt.tensor([2, 3]), N=3)
    tensor([[1, 2, 4],
            [1, 3, 9]])
    """
    x = shaping.atleast_nd(x, 1)
    if N is not None and as_int(N) < 1:
        raise ArgumentError(f"linalg.vander: N must be at least 1, got {N} for {aval_of(x)}")
    return vander(x, x.shape[-1] if N is None else as_int(N), True)


def _frobenius(input: Any, dim: Any = (), keepdim: bool = False) -> Any:
    """Compute the 2-norm over dimensions, all by default.

    >>> mt.frobenius_norm(mt.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor(5.)
    """
    return norms.norm(input, 2, over(input, dim), keepdim)


# fmt: off
LINALG: Table = {
    "eig": lambda A: Eig(*eigen.eig(A)),
    "eigvals": lambda A: eigen.eig(A)[0],
    "lu": _lu,
    "lu_factor": _lu_factor,
    "lu_solve": _lu_solve,
    "solve_ex": _solve_ex,
    "inv_ex": _inv_ex,
    "cholesky_ex": _cholesky_ex,
    "tensorinv": _tensorinv,
    "tensorsolve": _tensorsolve,
    "householder_product": _householder_product,
    "vander": _linalg_vander,
}
BOTH: Table = {
    "cholesky_solve": _cholesky_solve,
    "cholesky_inverse": _cholesky_inverse,
    "triangular_solve": _triangular_solve,
    "lu_solve": lambda b, LU_data, LU_pivots: _lu_solve(LU_data, LU_pivots, b),
    "orgqr": _householder_product,
    "ormqr": _ormqr,
}
FUNCTIONS: Table = {
    "lu_unpack": _lu_unpack,
    "nuclear_norm": lambda input, dim=(-2, -1), keepdim=False: spectral.matrix_norm(input, "nuc", dim, keepdim),
    "frobenius_norm": _frobenius,
}
METHODS: Table = {"lu": _old_lu}
ALIASES: dict[str, str] = {}
# fmt: on
