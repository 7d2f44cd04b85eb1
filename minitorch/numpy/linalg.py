"""Linear algebra under NumPy's names (`minitorch.numpy.linalg`). Matrices are the last two axes.

Integers become floats; half precision is refused, because no matrix library factors it. Singular input raises
LinAlgError.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..core import dtypes
from ..core.conversion import number
from ..core.errors import ArgumentError, LinAlgError, ShapeError
from ..core.ops import contractions as C
from ..core.ops import eigen, factorizations, norms, spectral
from ..core.ops import linalg as L
from ..core.ops import pointwise as P
from ..core.ops import reductions as R
from ..core.ops import shaping as S
from ..core.tracer import Tracer, Value, aval_of
from .arguments import array_of, inexact, operand, together
from .arranging import diagonal as _diagonal
from .arranging import matrix_transpose
from .arranging import trace as _trace
from .products import cross as _cross
from .products import matmul, outer, tensordot, vecdot


class EigResult(NamedTuple):
    """Eigenvalues and eigenvectors."""

    eigenvalues: Value
    eigenvectors: Value


class EighResult(NamedTuple):
    """Eigenvalues, ascending, and eigenvectors."""

    eigenvalues: Value
    eigenvectors: Value


class QRResult(NamedTuple):
    """An orthonormal and an upper triangular factor."""

    Q: Value
    R: Value


class SlogdetResult(NamedTuple):
    """The sign of determinants and the logarithms of their magnitudes."""

    sign: Value
    logabsdet: Value


class SVDResult(NamedTuple):
    """Left singular vectors, singular values, right singular vectors."""

    U: Value
    S: Value
    Vh: Value


def cholesky(a: Any, *, upper: bool = False, symmetrize_input: bool = True) -> Value:
    """Return lower triangular L with `L @ L.mH == a` for positive definite matrices, or its adjoint with `upper`.

    >>> mnp.linalg.cholesky(mnp.array([[4.0, 2.0], [2.0, 5.0]]))
    Array([[2., 0.],
           [1., 2.]], dtype=float32)
    """
    a = inexact(a)
    return factorizations.cholesky(L.hermitian(L.square_matrices("cholesky", a)) if symmetrize_input else a, upper)


def cond(x: Any, p: Any = None) -> Value:
    """Return the condition number: the ratio of the largest to the smallest singular value, or by another norm.

    >>> mnp.linalg.cond(mnp.array([[1.0, 0.0], [0.0, 4.0]]))
    Array(4., dtype=float32)
    """
    x = inexact(x)
    if p in (None, 2, -2):
        values = spectral.svdvals(x)
        high, low = values[..., 0], values[..., -1]
        return P.div(low, high) if p == -2 else P.div(high, low)
    return P.mul(spectral.matrix_norm(x, p), spectral.matrix_norm(L.inv(x), p))


def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Value:
    """Return the cross products of vectors of 3 elements.

    >>> mnp.linalg.cross(mnp.array([1.0, 0.0, 0.0]), mnp.array([0.0, 1.0, 0.0]))
    Array([0., 0., 1.], dtype=float32)
    """
    x1, x2 = array_of(x1), array_of(x2)
    if x1.shape[axis] != 3 or x2.shape[axis] != 3:
        raise ShapeError(f"cross: takes vectors of 3 elements, got {aval_of(x1)} and {aval_of(x2)}; choose the axis")
    return _cross(x1, x2, axis=axis)


def det(a: Any) -> Value:
    """Return determinants.

    >>> mnp.linalg.det(mnp.array([[1.0, 2.0], [3.0, 5.0]])).round(4)
    Array(-1., dtype=float32)
    """
    return L.det(inexact(a))


def diagonal(x: Any, /, *, offset: int = 0) -> Value:
    """Take a diagonal of the last two axes.

    >>> mnp.linalg.diagonal(mnp.array([[1, 2], [3, 4]]))
    Array([1, 4], dtype=int64)
    """
    return _diagonal(x, offset, -2, -1)


def eig(a: Any) -> EigResult:
    """Return the eigenvalues and eigenvectors of square matrices, always complex.

    >>> mnp.linalg.eig(mnp.array([[2.0, 0.0], [1.0, 1.0]])).eigenvalues
    Array([1.+0.j, 2.+0.j], dtype=complex64)
    """
    return EigResult(*eigen.eig(inexact(a)))


def eigh(a: Any, UPLO: str | None = None, symmetrize_input: bool = True) -> EighResult:
    """Return the eigenvalues, ascending, and eigenvectors of symmetric or Hermitian matrices.

    >>> mnp.linalg.eigh(mnp.array([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
    Array([1., 2.], dtype=float32)
    """
    return EighResult(*spectral.eigh(*_hermitian("eigh", a, UPLO, symmetrize_input)))


def _hermitian(name: str, a: Any, UPLO: str | None, symmetrize: bool) -> tuple[Value, bool]:
    if UPLO not in (None, "L", "U"):
        raise ArgumentError(f"{name}: UPLO must be 'L' or 'U', got {UPLO!r}")
    a = L.square_matrices(name, inexact(a))
    return (L.hermitian(a) if symmetrize and UPLO is None else a), UPLO != "U"


def eigvals(a: Any) -> Value:
    """Return the eigenvalues of square matrices, always complex.

    >>> mnp.linalg.eigvals(mnp.array([[2.0, 0.0], [1.0, 1.0]]))
    Array([1.+0.j, 2.+0.j], dtype=complex64)
    """
    return eigen.eig(inexact(a))[0]


def eigvalsh(a: Any, UPLO: str | None = None, *, symmetrize_input: bool = True) -> Value:
    """Return the eigenvalues, ascending, of symmetric or Hermitian matrices.

    >>> mnp.linalg.eigvalsh(mnp.array([[2.0, 0.0], [0.0, 1.0]]))
    Array([1., 2.], dtype=float32)
    """
    return spectral.eigvalsh(*_hermitian("eigvalsh", a, UPLO, symmetrize_input))


def inv(a: Any) -> Value:
    """Invert matrices; a singular one raises LinAlgError.

    >>> mnp.linalg.inv(mnp.array([[2.0, 0.0], [0.0, 4.0]]))
    Array([[0.5 , 0.  ],
           [0.  , 0.25]], dtype=float32)
    """
    return L.inv(inexact(a))


def lstsq(
    a: Any, b: Any, rcond: float | None = None, *, numpy_resid: bool = False
) -> tuple[Value, Value, Value, Value]:
    """Minimize the norm of `a @ x - b`; return x, the squared residuals, the rank and the singular values.

    >>> mnp.linalg.lstsq(mnp.array([[1.0], [1.0]]), mnp.array([1.0, 3.0]))[0].round(4)
    Array([2.], dtype=float32)
    """
    a, b = together(array_of(a), array_of(b), floats=True)
    if a.ndim != 2:
        raise ShapeError(f"lstsq: takes one matrix, got {aval_of(a)}; use vmap for stacks")
    rcond = float(np.finfo(a.dtype).eps) * max(a.shape) if rcond is None else rcond
    x = spectral.lstsq(a, b, rcond)
    values = spectral.svdvals(a)
    rank = S.sum(P.greater(values, P.mul(values[0], rcond)))
    rest = S.atleast_nd(S.sum(P.square(P.abs(P.sub(C.matmul(a, x), b))), 0), 1)
    if numpy_resid and not (a.shape[0] > a.shape[1] and int(rank) == a.shape[1]):
        rest = S.full((0,), 0, rest.dtype)
    return x, rest, rank, values


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Value:
    """Return the norm of matrices: 'fro', 'nuc', 1, -1, 2, -2, inf or -inf.

    >>> mnp.linalg.matrix_norm(mnp.array([[3.0, 0.0], [0.0, 4.0]]))
    Array(5., dtype=float32)
    """
    x = inexact(x)
    if x.ndim < 2:
        raise ShapeError(f"matrix_norm: needs matrices, got {aval_of(x)}; use vector_norm")
    return spectral.matrix_norm(x, ord, (-2, -1), keepdims)


def matrix_power(a: Any, n: int) -> Value:
    """Multiply square matrices with themselves n times; a negative n inverts them first.

    >>> mnp.linalg.matrix_power(mnp.array([[1.0, 1.0], [0.0, 1.0]]), 3)
    Array([[1., 3.],
           [0., 1.]], dtype=float32)
    """
    a = array_of(a)
    return L.matrix_power(inexact(a) if n < 0 else a, n)


def matrix_rank(M: Any, rtol: Any = None, *, tol: Any = None) -> Value:
    """Count the singular values above `rtol` times the largest (above `tol`).

    >>> mnp.linalg.matrix_rank(mnp.array([[1.0, 2.0], [2.0, 4.0]]))
    Array(1, dtype=int64)
    """
    M = inexact(M)
    if M.ndim < 2:
        return S.cast(R.any(P.not_equal(M, 0)), dtypes.int64)
    values = spectral.svdvals(M)
    if tol is None:
        rtol = max(M.shape[-2:]) * float(np.finfo(M.dtype).eps) if rtol is None else rtol
        tol = P.mul(R.max(values, -1), rtol) if values.shape[-1] else 0.0
    bound = S.cast(operand(tol), values.dtype)
    return S.sum(P.greater(values, S.expand_dims(bound, -1) if bound.ndim else bound), -1)


def multi_dot(arrays: Any, *, precision: Any = None) -> Value:
    """Multiply matrices in the cheapest order; the first and the last may be vectors.

    >>> mnp.linalg.multi_dot([mnp.ones((2, 3)), mnp.ones((3, 1)), mnp.ones((1, 2))]).shape
    (2, 2)
    """
    given = [array_of(x) for x in arrays]
    if len(given) < 2:
        raise ShapeError(f"multi_dot: needs at least two arrays, got {len(given)}")
    factors = [S.reshape(x, (1, -1)) if not i and x.ndim == 1 else x for i, x in enumerate(given)]
    if given[-1].ndim == 1:
        factors[-1] = S.reshape(given[-1], (-1, 1))
    if any(x.ndim != 2 for x in factors):
        raise ShapeError(f"multi_dot: takes matrices, got {', '.join(str(aval_of(x)) for x in given)}")
    out = _multiplied(factors, _splits([x.shape[0] for x in factors] + [factors[-1].shape[1]]), 0, len(factors) - 1)
    out = out[:, 0] if given[-1].ndim == 1 else out
    return out[0] if given[0].ndim == 1 else out


def _splits(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Return where to split each chain of factors (Cormen et al., "Introduction to Algorithms", 15.2)."""
    count = len(sizes) - 1
    costs = {(i, i): 0 for i in range(count)}
    split: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            options = {k: costs[i, k] + costs[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)}
            split[i, j] = min(options, key=options.__getitem__)
            costs[i, j] = options[split[i, j]]
    return split


def _multiplied(factors: list[Value], split: dict[tuple[int, int], int], i: int, j: int) -> Value:
    if i == j:
        return factors[i]
    k = split[i, j]
    return C.matmul(_multiplied(factors, split, i, k), _multiplied(factors, split, k + 1, j))


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Value:
    """Return the norm of vectors (one axis), of matrices (two), or of all elements (none). Its gradient at 0 is 0.

    >>> mnp.linalg.norm(mnp.array([3.0, -4.0])), mnp.linalg.norm(mnp.array([3.0, -4.0]), 1)
    (Array(5., dtype=float32), Array(7., dtype=float32))
    """
    x = inexact(x)
    if isinstance(ord, Tracer):  # before comparisons, which would let it go as a constant
        ord = number(ord, "ord")
    if axis is None and (ord is None or (ord in (2, "fro") and x.ndim == (1 if ord == 2 else 2))):
        return norms.norm(x, 2, None, keepdims)
    axes = S.canonical_axes("norm", axis, x.ndim)
    if len(axes) == 1:
        if isinstance(ord, str):
            raise ArgumentError(f"norm: ord={ord!r} is for matrices, got {aval_of(x)} over axis {axes}; give a number")
        return norms.norm(x, 2 if ord is None else ord, axes, keepdims)
    if len(axes) == 2:
        return spectral.matrix_norm(x, "fro" if ord is None else ord, axes, keepdims)
    raise ShapeError(f"norm: {aval_of(x)} over axes {axes}: give one axis for vectors or two for matrices")


def pinv(a: Any, rtol: Any = None, hermitian: bool = False, *, rcond: Any = None) -> Value:
    """Return the Moore-Penrose inverse; singular values up to `rtol` times the largest count as zero.

    >>> mnp.linalg.pinv(mnp.array([[2.0], [0.0]]))
    Array([[0.5, 0. ]], dtype=float32)
    """
    return spectral.pinv(inexact(a), rtol if rcond is None else rcond)


def qr(a: Any, mode: str = "reduced") -> Any:
    """Return orthonormal Q and upper triangular R with `Q @ R == a`: `reduced`, `complete`, or only R with `"r"`.

    >>> mnp.linalg.qr(mnp.array([[3.0], [4.0]])).R
    Array([[-5.]], dtype=float32)
    """
    if mode == "r":
        return factorizations.qr(inexact(a), "reduced")[1]
    return QRResult(*factorizations.qr(inexact(a), mode))


def slogdet(a: Any) -> SlogdetResult:
    """Return the sign of determinants and the logarithms of their magnitudes.

    >>> mnp.linalg.slogdet(mnp.array([[0.0, 1.0], [1.0, 0.0]])).sign
    Array(-1., dtype=float32)
    """
    return SlogdetResult(*L.slogdet(inexact(a)))


def solve(a: Any, b: Any) -> Value:
    """Return x with `a @ x == b`, for a vector `b` (one axis) or matrices.

    >>> mnp.linalg.solve(mnp.array([[2.0, 0.0], [0.0, 4.0]]), mnp.array([2.0, 2.0]))
    Array([1. , 0.5], dtype=float32)
    """
    a, b = together(array_of(a), array_of(b), floats=True)
    return L.solve(a, b)


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """Return U, S and Vh with `(U * S) @ Vh == a` for `full_matrices=False`; or only S.

    >>> mnp.linalg.svd(mnp.array([[3.0, 0.0], [0.0, 4.0]])).S
    Array([4., 3.], dtype=float32)
    """
    a = inexact(a)
    return SVDResult(*spectral.svd(a, full_matrices)) if compute_uv else spectral.svdvals(a)


def svdvals(x: Any, /) -> Value:
    """Return the singular values, descending.

    >>> mnp.linalg.svdvals(mnp.array([[3.0, 0.0], [0.0, 4.0]]))
    Array([4., 3.], dtype=float32)
    """
    return spectral.svdvals(inexact(x))


def tensorinv(a: Any, ind: int = 2) -> Value:
    """Invert the linear map that `tensordot` with `a` is; the first `ind` axes are its output.

    >>> mnp.linalg.tensorinv(mnp.eye(4).reshape(2, 2, 2, 2)).shape
    (2, 2, 2, 2)
    """
    a = inexact(a)
    if ind < 1:
        raise ArgumentError(f"tensorinv: ind must be positive, got {ind}")
    rows = math.prod(a.shape[:ind])
    return S.reshape(L.inv(S.reshape(a, (rows, -1))), (*a.shape[ind:], *a.shape[:ind]))


def tensorsolve(a: Any, b: Any, axes: Any = None) -> Value:
    """Return x with `tensordot(a, x, x.ndim) == b`.

    >>> mnp.linalg.tensorsolve(mnp.eye(4).reshape(2, 2, 2, 2), mnp.ones((2, 2)))
    Array([[1., 1.],
           [1., 1.]], dtype=float32)
    """
    a, b = together(array_of(a), array_of(b), floats=True)
    if axes is not None:
        moved = [S.canonical_axis("tensorsolve", i, a.ndim) + a.ndim for i in axes]
        a = S.transpose(a, [i for i in range(a.ndim) if i not in moved] + moved)
    shape = a.shape[b.ndim :]
    return S.reshape(L.solve(S.reshape(a, (b.size, -1)), S.ravel(b)), shape)


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Value:
    """Sum a diagonal of the last two axes.

    >>> mnp.linalg.trace(mnp.array([[1, 2], [3, 4]]))
    Array(5, dtype=int64)
    """
    x = array_of(x)
    return _trace(x, offset, -2, -1, dtype)


def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Value:
    """Return the norm `sum(abs(x)**ord)**(1/ord)` over axes (all by default).

    >>> mnp.linalg.vector_norm(mnp.array([3.0, -4.0]))
    Array(5., dtype=float32)
    """
    return norms.norm(inexact(x), ord, axis, keepdims)


__all__ = [
    "LinAlgError", "cholesky", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh", "inv", "lstsq",
    "matmul", "matrix_norm", "matrix_power", "matrix_rank", "matrix_transpose", "multi_dot", "norm", "outer", "pinv",
    "qr", "slogdet", "solve", "svd", "svdvals", "tensordot", "tensorinv", "tensorsolve", "trace", "vecdot",
    "vector_norm",
]  # fmt: skip
