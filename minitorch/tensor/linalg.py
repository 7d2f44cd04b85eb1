"""Linear algebra under PyTorch's names: `linalg.*`, and what of it has a name of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import ml_dtypes

from ..core import dtypes
from ..core.errors import ArgumentError, ShapeError
from ..core.ops import contractions, factorizations, linalg, norms, pointwise, reductions, shaping, spectral
from ..core.ops.diagonal import diagonal
from ..core.ops.families import as_array
from ..core.ops.indexing import getitem
from ..core.tracer import aval_of, concrete
from .algebra import _chain, _cross
from .table import Table, over


class QR(NamedTuple):
    """An orthonormal and an upper triangular matrix."""

    Q: Any
    R: Any


class SVD(NamedTuple):
    """Left singular vectors, singular values, and conjugate transposed right singular vectors."""

    U: Any
    S: Any
    Vh: Any


class OldSVD(NamedTuple):
    """As SVD, with the right singular vectors themselves."""

    U: Any
    S: Any
    V: Any


class Eigh(NamedTuple):
    """Eigenvalues in ascending order, and eigenvectors in columns."""

    eigenvalues: Any
    eigenvectors: Any


class SlogDet(NamedTuple):
    """Sign and logarithm of the absolute value of a determinant."""

    sign: Any
    logabsdet: Any


class LstSq(NamedTuple):
    """The solution, sums of squared residuals, the rank, the singular values; empty is what the driver does not say."""

    solution: Any
    residuals: Any
    rank: Any
    singular_values: Any


def _norm(A: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Compute a vector norm, or a matrix norm where two dimensions and an order are given.

    >>> x = mt.tensor([[3.0, 0.0], [0.0, 4.0]])
    >>> mt.linalg.norm(x), mt.linalg.norm(x, "nuc"), mt.linalg.norm(x, 1, dim=1)
    (tensor(5.), tensor(7.), tensor([3., 4.]))
    """
    x = as_array(A) if dtype is None else shaping.cast(A, dtype)
    axes = (dim,) if isinstance(dim, int) else dim
    if ord is None or (axes is None and x.ndim == 1) or (axes is not None and len(axes) == 1):
        return norms.norm(x, 2 if ord is None else ord, axes, keepdim)
    if axes is None and x.ndim != 2:
        raise ShapeError(f"linalg.norm: with ord={ord!r} the input must be 1-d or 2-d, got {aval_of(x)}; give dim")
    return spectral.matrix_norm(x, ord, (-2, -1) if axes is None else axes, keepdim)


def _vector_norm(x: Any, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Compute the norm of vectors along dimensions (of all elements by default).

    >>> x = mt.tensor([[3.0, 4.0], [6.0, 8.0]])
    >>> mt.linalg.vector_norm(x, dim=1), mt.linalg.vector_norm(x, ord=1)
    (tensor([ 5., 10.]), tensor(21.))
    """
    return norms.norm(x if dtype is None else shaping.cast(x, dtype), ord, over(x, dim), keepdim)


def _solve_triangular(A: Any, B: Any, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Any:
    """Solve `A X = B` (or `X A = B`) for a triangular A.

    >>> A, B = mt.tensor([[2.0, 1.0], [0.0, 4.0]]), mt.tensor([[4.0], [8.0]])
    >>> mt.linalg.solve_triangular(A, B, upper=True)
    tensor([[1.],
            [2.]])
    """
    if left:
        return linalg.triangular_solve(A, B, not upper, unitriangular)
    flipped = linalg.triangular_solve(_transposed(A), _transposed(B), upper, unitriangular)
    return _transposed(flipped)


def _solve(A: Any, B: Any, *, left: bool = True) -> Any:
    """Solve `A X = B`, or `X A = B` unless `left`; a B of A's shape without the last size has a vector for each matrix.

    >>> A = mt.tensor([[2.0, 0.0], [0.0, 4.0]])
    >>> mt.linalg.solve(A, mt.tensor([2.0, 8.0]))
    tensor([1., 2.])
    """
    a, b = as_array(A), as_array(B)
    if not left:
        return _transposed(_solve(_transposed(a), _transposed(b)))
    if b.ndim > 1 and b.shape == a.shape[:-1]:
        return shaping.squeeze(linalg.solve(a, shaping.expand_dims(b, -1)), -1)
    return linalg.solve(a, b)


def _pinv(A: Any, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Any:
    """Return the Moore-Penrose inverse; singular values up to `max(atol, rtol * largest)` count as zero.

    By default `rtol` is the larger size times the dtype's epsilon, 0 where `atol` is given. `hermitian` reads the
    lower triangle of a symmetric matrix.

    >>> mt.linalg.pinv(mt.tensor([[2.0, 0.0], [0.0, 0.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.0000]])
    """
    x, rtol = as_array(A), rcond if rtol is None else rtol
    if not hermitian and atol is None and (rtol is None or isinstance(rtol, (int, float))):
        return spectral.pinv(x, rtol)
    if hermitian:
        values, left = spectral.eigh(x)
        right = linalg.adjoint(left)
    else:
        left, values, right = spectral.svd(x, False)
    sizes = pointwise.abs(values)
    if not values.shape[-1]:
        return linalg.adjoint(x)
    if rtol is None:
        rtol = 0.0 if atol is not None else max(x.shape[-2:]) * float(ml_dtypes.finfo(values.dtype).eps)
    bound = pointwise.mul(reductions.max(sizes, -1, True), _column(rtol))
    bound = bound if atol is None else pointwise.maximum(bound, _column(atol))
    kept = pointwise.greater(sizes, bound)
    inverse = pointwise.where(kept, pointwise.reciprocal(pointwise.where(kept, values, 1.0)), 0.0)
    scaled = pointwise.mul(linalg.adjoint(right), shaping.expand_dims(inverse, -2))
    return contractions.matmul(scaled, linalg.adjoint(left))


def _column(bound: Any) -> Any:
    """Return a bound, one for each matrix, with an axis for its values."""
    return shaping.expand_dims(bound, -1) if getattr(bound, "shape", ()) else bound


def _transposed(x: Any) -> Any:
    return shaping.swapaxes(x, -2, -1)


def _matrix_rank(A: Any, *, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Any:
    """Count the singular values above `max(atol, rtol * largest)`; tolerances may be tensors, one for each matrix.

    >>> x = mt.tensor([[1.0, 0.0], [0.0, 1e-3]])
    >>> mt.linalg.matrix_rank(x), mt.linalg.matrix_rank(x, atol=0.1)
    (tensor(2), tensor(1))
    """
    x = as_array(A)
    atol, rtol = (shaping.expand_dims(t, -1) if getattr(t, "ndim", 0) else t for t in (atol, rtol))
    values = pointwise.abs(spectral.eigvalsh(x)) if hermitian else spectral.svdvals(x)
    if rtol is None:
        rtol = 0.0 if atol is not None else max(x.shape[-2:]) * float(ml_dtypes.finfo(values.dtype).eps)
    bound = pointwise.mul(reductions.max(values, -1, True), rtol) if values.shape[-1] else 0.0
    found = pointwise.greater(values, bound if atol is None else pointwise.maximum(bound, atol))
    return reductions.count_nonzero(found, -1)


def _cond(A: Any, p: Any = None) -> Any:
    """Compute the condition number: the norm times that of the inverse, by default by singular values.

    >>> x = mt.tensor([[1.0, 0.0], [0.0, 4.0]])
    >>> mt.linalg.cond(x), mt.linalg.cond(x, 1)
    (tensor(4.), tensor(4.))
    """
    if p is None or p == 2 or p == -2:
        values = spectral.svdvals(A)
        ends = getitem(values, (..., 0)), getitem(values, (..., -1))
        return pointwise.div(*(ends[::-1] if p == -2 else ends))
    return pointwise.mul(spectral.matrix_norm(A, p), spectral.matrix_norm(linalg.inv(A), p))


def _lstsq(A: Any, B: Any, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """Solve least squares; the solution of least norm where there are several.

    >>> A, B = mt.tensor([[1.0], [1.0]]), mt.tensor([[1.0], [3.0]])
    >>> mt.linalg.lstsq(A, B).solution
    tensor([[2.0000]])
    """
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise ArgumentError(f"linalg.lstsq: driver must be gels, gelsy, gelsd or gelss, got {driver!r}")
    a, b = as_array(A), as_array(B)
    solution = spectral.lstsq(a, b, rcond)
    nothing = getitem(pointwise.detach(pointwise.abs(shaping.ravel(solution))), slice(0, 0))
    rank = _matrix_rank(a, rtol=rcond)
    residuals = nothing
    if driver not in (None, "gelsy") and a.shape[-2] > a.shape[-1] and _is_full(rank, a):
        missing = pointwise.sub(contractions.matmul(a, solution), b)
        residuals = shaping.sum(pointwise.square(pointwise.abs(missing)), -2)
    values = spectral.svdvals(a) if driver in ("gelsd", "gelss") else nothing
    return LstSq(solution, residuals, getitem(shaping.ravel(rank), slice(0, 0)) if driver == "gels" else rank, values)


def _is_full(rank: Any, a: Any) -> bool:
    """Return whether the columns of every matrix are independent; only numbers can tell, so it needs them."""
    return bool((concrete(rank, "lstsq").numpy() == a.shape[-1]).all())


def _lower(name: str, UPLO: str) -> bool:
    if UPLO not in ("L", "U", "l", "u"):
        raise ArgumentError(f"{name}: UPLO must be 'L' or 'U', got {UPLO!r}")
    return UPLO in ("L", "l")


def _svd(input: Any, some: bool = True, compute_uv: bool = True) -> Any:
    """Return U, S and V with `input = U @ diag(S) @ V.mH`, as the older function of that name does.

    >>> x = mt.tensor([[3.0, 0.0], [0.0, 2.0]])
    >>> U, S, V = mt.svd(x)
    >>> S, mt.allclose(U @ mt.diag(S) @ V.mT, x)
    (tensor([3., 2.]), True)
    """
    if not compute_uv:
        raise ArgumentError("svd: compute_uv=False is not supported; use linalg.svdvals")
    u, s, vh = spectral.svd(input, not some)
    return OldSVD(u, s, linalg.adjoint(vh))


def _multi_dot(tensors: Sequence[Any]) -> Any:
    """Multiply matrices; the first and the last may be vectors.

    >>> mt.linalg.multi_dot([mt.tensor([1.0, 2.0]), mt.eye(2), mt.tensor([3.0, 4.0])])
    tensor(11.)
    """
    return _chain(*tensors)


def _logdet(input: Any) -> Any:
    """Compute the logarithm of a determinant; NaN where it is negative.

    >>> mt.logdet(mt.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor(2.0794)
    >>> mt.logdet(mt.tensor([[0.0, 1.0], [1.0, 0.0]]))
    tensor(nan)
    """
    sign, log = linalg.slogdet(input)
    if dtypes.is_complex(sign.dtype):
        return pointwise.add(log, pointwise.log(sign))
    return pointwise.where(pointwise.equal(sign, -1), float("nan"), log)


# fmt: off
LINALG: Table = {
    "inv": lambda A: linalg.inv(A),
    "solve": _solve,
    "solve_triangular": _solve_triangular,
    "det": lambda A: linalg.det(A),
    "slogdet": lambda A: SlogDet(*linalg.slogdet(A)),
    "cholesky": lambda A, *, upper=False: factorizations.cholesky(A, upper),
    "qr": lambda A, mode="reduced": QR(*factorizations.qr(A, mode)),
    "svd": lambda A, full_matrices=True: SVD(*spectral.svd(A, full_matrices)),
    "svdvals": lambda A: spectral.svdvals(A),
    "eigh": lambda A, UPLO="L": Eigh(*spectral.eigh(A, _lower("linalg.eigh", UPLO))),
    "eigvalsh": lambda A, UPLO="L": spectral.eigvalsh(A, _lower("linalg.eigvalsh", UPLO)),
    "pinv": _pinv,
    "lstsq": _lstsq,
    "matrix_power": lambda A, n: linalg.matrix_power(A, n),
    "matrix_exp": lambda A: linalg.matrix_exp(A),
    "matrix_rank": _matrix_rank,
    "matrix_norm": lambda A, ord="fro", dim=(-2, -1), keepdim=False: spectral.matrix_norm(A, ord, dim, keepdim),
    "vector_norm": _vector_norm,
    "norm": _norm,
    "cond": _cond,
    "multi_dot": _multi_dot,
    "matmul": lambda input, other: contractions.matmul(input, other),
    "cross": lambda input, other, *, dim=-1: _cross(input, other, dim),
    "vecdot": lambda x, y, *, dim=-1: contractions.vecdot(x, y, dim),
    "diagonal": lambda A, *, offset=0, dim1=-2, dim2=-1: diagonal(A, offset, dim1, dim2),
}
BOTH: Table = {
    "det": LINALG["det"],
    "inverse": lambda input: linalg.inv(input),
    "slogdet": LINALG["slogdet"],
    "logdet": _logdet,
    "cholesky": lambda input, upper=False: factorizations.cholesky(input, upper),
    "qr": lambda input, some=True: QR(*factorizations.qr(input, "reduced" if some else "complete")),
    "svd": _svd,
    "pinverse": lambda input, rcond=1e-15: spectral.pinv(input, rcond),
    "matrix_power": lambda input, n: linalg.matrix_power(input, n),
    "matrix_exp": lambda input: linalg.matrix_exp(input),
}
FUNCTIONS: Table = {}
METHODS: Table = {}
ALIASES: dict[str, str] = {}
# fmt: on
