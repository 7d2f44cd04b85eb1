"""Singular values and eigenvalues, and what follows from them: pseudo-inverses, least squares, matrix norms.

The vectors are unique only up to signs or phases (and rotations, where values coincide): derivatives are those of
functions that do not depend on the choice, and a complex function that does is refused where its value is known, as in
PyTorch. Formulas: Giles (2008), An extended collection of matrix derivative results; Wan and Zhang (2019),
arXiv:1909.02659, for the complex SVD; Golub and Pereyra (1973) for the pseudo-inverse.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import dtypes
from ..array import Array
from ..aval import Aval
from ..conversion import number
from ..errors import ArgumentError, GradError, ShapeError, UnsupportedError
from ..tracer import Value, aval_of
from .contractions import matmul, same_dtype
from .diagonal import diag_embed
from .families import LEADING, as_array, custom
from .linalg import (
    adjoint,
    diagonal_of,
    guarded,
    hermitian,
    identity,
    imaginary,
    matrices,
    min_size,
    skew,
    square_matrices,
    with_matrices,
)
from .norms import norm
from .pointwise import abs, add, div, equal, imag, logical_and, mul, real, sub, where
from .reductions import max, min
from .shaping import canonical_axes, moveaxis, reshape, sum

# --------------------------------------------------------------------------- helpers


def _columns(scale: Value, x: Value) -> Value:
    """Multiply the columns of x by numbers."""
    return mul(reshape(scale, (*scale.shape[:-1], 1, scale.shape[-1])), x)


def _rows(scale: Value, x: Value) -> Value:
    """Multiply the rows of x by numbers."""
    return mul(reshape(scale, (*scale.shape, 1)), x)


def _over(x: Value, y: Value) -> Value:
    """Divide, with 0 / 0 = 0, also in all derivatives: a direction nobody asks about has no say."""
    return div(x, where(logical_and(equal(x, 0.0), equal(y, 0.0)), 1.0, y))


def _gaps(values: Value) -> Value:
    """Return the differences `values[j] - values[i]`, with ones on the diagonal."""
    n = values.shape[-1]
    across, down = reshape(values, (*values.shape[:-1], 1, n)), reshape(values, (*values.shape, 1))
    return add(sub(across, down), identity(n, values.dtype))


def _off_diagonal(x: Value) -> Value:
    return sub(x, diag_embed(diagonal_of(x)))


def _outside(basis: Value, x: Value) -> Value:
    """Return the part of x orthogonal to the columns of a basis."""
    return sub(x, matmul(basis, matmul(adjoint(basis), x)))


def _check_phase(name: str, turned: Value, scale: Value) -> None:
    """Refuse a cotangent that depends on the phases of the vectors, which the matrix does not determine."""
    if type(turned) is not Array or type(scale) is not Array or not turned.size:
        return
    size = float(np.max(np.abs(scale._data))) or 1.0
    if float(np.max(np.abs(turned._data))) > 100 * math.sqrt(np.finfo(turned.dtype).eps) * size:
        raise GradError(
            f"{name}: the function depends on the phases of the vectors, which {aval_of(scale)} does not determine, so "
            "it has no gradient; use magnitudes, or products of a vector with its conjugate"
        )


def _real(aval: Aval, shape: tuple[int, ...]) -> Aval:
    return aval._replace(shape=shape, dtype=dtypes.real_of(aval.dtype), weak=False)


# --------------------------------------------------------------------------- singular values

STUCK = "the iteration did not converge; look for NaN and inf in the input"


def _svd_impl(x: Any, *, full_matrices: bool) -> Any:
    return tuple(guarded("svd", STUCK, np.linalg.svd, x, full_matrices=full_matrices))


def _svd_abstract(x: Aval, *, full_matrices: bool) -> tuple[Aval, Aval, Aval]:
    m, n = x.shape[-2:]
    k = min_size(m, n)
    u, v = (m, n) if full_matrices else (k, k)
    return with_matrices(x, m, u), _real(x, (*x.shape[:-2], k)), with_matrices(x, v, n)


def _needs_thin(x: Aval, full_matrices: bool) -> None:
    if full_matrices and x.shape[-1] != x.shape[-2]:
        raise UnsupportedError(
            f"svd: full_matrices=True has no derivative for {x}, because its extra vectors are arbitrary; use False"
        )


def _svd_vjp(g: tuple[Value, ...], out: tuple[Value, ...], x_aval: Aval, full_matrices: bool) -> Value:
    _needs_thin(x_aval, full_matrices)
    (gu, gs, gvh), (u, s, vh) = g, out
    m, n = x_aval.shape[-2:]
    left, right = matmul(adjoint(u), gu), matmul(vh, adjoint(gvh))
    gaps = _gaps(mul(s, s))
    inner = add(_columns(s, _over(skew(left), gaps)), _rows(s, _over(skew(right), gaps)))
    if x_aval.dtype in dtypes.COMPLEX:
        phase = imag(diagonal_of(left))
        _check_phase("svd", add(phase, imag(diagonal_of(right))), gu)
        inner = add(_off_diagonal(inner), diag_embed(_over(mul(phase, 1j), s)))
    inner = add(inner, diag_embed(gs))
    if m > n:
        across = _over(_outside(u, gu), reshape(s, (*s.shape[:-1], 1, s.shape[-1])))
        return matmul(add(matmul(u, inner), across), vh)
    inner = matmul(inner, vh)
    if m < n:
        down = adjoint(_outside(adjoint(vh), adjoint(gvh)))
        inner = add(inner, _over(down, reshape(s, (*s.shape, 1))))
    return matmul(u, inner)


def _svd_jvp(t: Value, out: tuple[Value, ...], x_aval: Aval, full_matrices: bool) -> tuple[Value, Value, Value]:
    _needs_thin(x_aval, full_matrices)
    u, s, vh = out
    v = adjoint(vh)
    m, n = x_aval.shape[-2:]
    moved = matmul(matmul(adjoint(u), t), v)
    gaps = _gaps(mul(s, s))
    left = _off_diagonal(_over(add(_columns(s, moved), _rows(s, adjoint(moved))), gaps))
    right = _off_diagonal(_over(add(_rows(s, moved), _columns(s, adjoint(moved))), gaps))
    if x_aval.dtype in dtypes.COMPLEX:
        left = add(left, diag_embed(_over(imaginary(diagonal_of(moved)), s)))
    tu, tv = matmul(u, left), matmul(v, right)
    row = reshape(s, (*s.shape[:-1], 1, s.shape[-1]))
    if m > n:
        tu = add(tu, _over(_outside(u, matmul(t, v)), row))
    if m < n:
        tv = add(tv, _over(_outside(v, matmul(adjoint(t), u)), row))
    return tu, real(diagonal_of(moved)), adjoint(tv)


svd_p: Any = custom("svd", _svd_impl, abstract=_svd_abstract, vjp=(_svd_vjp,), jvp=(_svd_jvp,), batch=LEADING)


def svd(x: Value, full_matrices: bool = False) -> tuple[Value, Value, Value]:
    """Return U, S and V^H with `U @ diag(S) @ V^H = x`, the singular values S in descending order.

    The vectors are unique up to signs (phases), so only functions that do not depend on them have a gradient, and only
    where the singular values differ. `full_matrices` completes U and V to square ones, without derivatives then.

    >>> svd([[3.0, 0.0], [0.0, 2.0]])[1]
    Array([3., 2.], dtype=float32)
    """
    return svd_p(matrices("svd", x), full_matrices=bool(full_matrices))  # type: ignore[no-any-return]


def svdvals(x: Value) -> Value:
    """Return the singular values in descending order."""
    return svd_p(matrices("svdvals", x), full_matrices=False)[1]


# --------------------------------------------------------------------------- Hermitian eigenvalues


def _eigh_impl(x: Any, *, lower: bool) -> Any:
    return tuple(guarded("eigh", STUCK, np.linalg.eigh, x, UPLO="L" if lower else "U"))


def _eigh_vjp(g: tuple[Value, Value], out: tuple[Value, Value]) -> Value:
    (gw, gv), (w, v) = g, out
    inner = matmul(adjoint(v), gv)
    if v.dtype in dtypes.COMPLEX:
        _check_phase("eigh", imag(diagonal_of(inner)), gv)
    inner = add(_over(mul(_off_diagonal(skew(inner)), 0.5), _gaps(w)), diag_embed(gw))
    return matmul(matmul(v, inner), adjoint(v))


def _eigh_jvp(t: Value, out: tuple[Value, Value]) -> tuple[Value, Value]:
    w, v = out
    moved = matmul(matmul(adjoint(v), hermitian(t)), v)
    return real(diagonal_of(moved)), matmul(v, _over(_off_diagonal(moved), _gaps(w)))


eigh_p: Any = custom(
    "eigh",
    _eigh_impl,
    abstract=lambda x, *, lower: (_real(x, x.shape[:-1]), x._replace(weak=False)),
    vjp=(_eigh_vjp,),
    jvp=(_eigh_jvp,),
    batch=LEADING,
)


def eigh(x: Value, lower: bool = True) -> tuple[Value, Value]:
    """Return the eigenvalues, ascending, and the eigenvectors (columns) of symmetric or Hermitian matrices.

    Only one triangle of x is read; the gradient is that of a Hermitian matrix, for functions that do not depend on the
    signs (phases) of the vectors, where the eigenvalues differ.

    >>> eigh([[2.0, 0.0], [0.0, 1.0]])[0]
    Array([1., 2.], dtype=float32)
    """
    return eigh_p(square_matrices("eigh", x), lower=bool(lower))  # type: ignore[no-any-return]


def eigvalsh(x: Value, lower: bool = True) -> Value:
    """Return the eigenvalues, ascending, of symmetric or Hermitian matrices."""
    return eigh_p(square_matrices("eigvalsh", x), lower=bool(lower))[0]


# --------------------------------------------------------------------------- pseudo-inverse, least squares


def _pinv_vjp(g: Value, out: Value, x: Value) -> Value:
    p, ph, gh = out, adjoint(out), adjoint(g)
    rows = matmul(sub(gh, matmul(x, matmul(p, gh))), matmul(p, ph))
    columns = matmul(matmul(ph, p), sub(gh, matmul(matmul(gh, p), x)))
    return sub(add(rows, columns), matmul(matmul(ph, g), ph))


def _pinv_jvp(t: Value, out: Value, x: Value) -> Value:
    p, ph, th = out, adjoint(out), adjoint(t)
    rows = matmul(matmul(p, ph), sub(th, matmul(matmul(th, x), p)))
    columns = matmul(sub(th, matmul(p, matmul(x, th))), matmul(ph, p))
    return sub(add(rows, columns), matmul(matmul(p, t), p))


pinv_p: Any = custom(
    "pinv",
    lambda x, *, rtol: guarded("pinv", STUCK, np.linalg.pinv, x, rcond=rtol),
    abstract=lambda x, *, rtol: with_matrices(x, x.shape[-1], x.shape[-2]),
    vjp=(_pinv_vjp,),
    jvp=(_pinv_jvp,),
    batch=LEADING,
)


def pinv(x: Value, rtol: float | None = None) -> Value:
    """Return the Moore-Penrose inverse; singular values up to `rtol` times the largest count as zero.

    By default `rtol` is the larger size times the dtype's epsilon. Derivatives hold where the rank is constant.

    >>> pinv([[2.0], [0.0]])
    Array([[0.5, 0. ]], dtype=float32)
    """
    return _pinv("pinv", x, rtol)


def _pinv(name: str, x: Value, rtol: float | None) -> Value:
    x = matrices(name, x)
    m, n = x.shape[-2:]
    bound = (m if m > n else n) * float(np.finfo(x.dtype).eps)
    return pinv_p(x, rtol=bound if rtol is None else number(rtol, "rtol"))


def lstsq(a: Value, b: Value, rtol: float | None = None) -> Value:
    """Return the x of least norm that minimizes the norm of `a @ x - b`, for `b` of shape (m,) or (..., m, k).

    >>> lstsq([[1.0], [1.0]], [1.0, 3.0]).round(4)
    Array([2.], dtype=float32)
    """
    a, b = same_dtype("lstsq", matrices("lstsq", a), as_array(b))
    if not b.ndim or b.shape[-1 if b.ndim == 1 else -2] != a.shape[-2]:
        raise ShapeError(
            f"lstsq: {aval_of(a)} with right-hand side {aval_of(b)}: it needs {a.shape[-2]} rows; give shape (m,) for "
            "a vector or (..., m, k) for matrices"
        )
    return matmul(_pinv("lstsq", a, rtol), b)


# --------------------------------------------------------------------------- matrix norms


def matrix_norm(x: Value, ord: Any = "fro", axis: Any = (-2, -1), keepdims: bool = False) -> Value:
    """Return the norm of matrices that lie along two axes.

    `ord`: 'fro' (root of the sum of squares), 'nuc' (sum of singular values), 2 and -2 (largest and smallest singular
    value), 1 and -1 (largest and smallest sum of magnitudes of a column), inf and -inf (of a row).

    >>> matrix_norm([[3.0, 0.0], [0.0, 4.0]]), matrix_norm([[3.0, 0.0], [0.0, 4.0]], "nuc")
    (Array(5., dtype=float32), Array(7., dtype=float32))
    """
    x = matrices("matrix_norm", x) if ord in ("nuc", 2, -2) else as_array(x)
    axes = canonical_axes("matrix_norm", axis, x.ndim)
    if len(axes) != 2:
        raise ShapeError(f"matrix_norm: axis={axis} for {aval_of(x)} must name two axes; use norm for vectors")
    x = moveaxis(x, axes, (-2, -1))
    if ord == "fro":
        out = norm(x, 2, (-2, -1))
    elif ord == "nuc":
        out = sum(svdvals(x), -1)
    elif ord in (2, -2):
        out = (_largest if ord > 0 else min)(svdvals(x), -1)
    elif ord in (1, -1, math.inf, -math.inf):
        sums = sum(abs(x), -1 if math.isinf(ord) else -2)
        out = (_largest if ord > 0 else min)(sums, -1)
    else:
        raise ArgumentError(f"matrix_norm: ord must be 'fro', 'nuc', 1, -1, 2, -2, inf or -inf, got {ord!r}")
    if not keepdims:
        return out
    return moveaxis(reshape(out, (*out.shape, 1, 1)), (-2, -1), axes)


def _largest(x: Value, axis: int) -> Value:
    """Return the largest of magnitudes; 0 where there are none, the norm of nothing."""
    return max(x, axis) if x.shape[axis] else sum(x, axis)
