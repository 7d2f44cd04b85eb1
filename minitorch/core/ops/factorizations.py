"""Triangular factorizations: Cholesky, LU and QR.

Where factors are not unique, LAPACK's choice is taken, which does not change along a derivative. Formulas: Giles
(2008), An extended collection of matrix derivative results, and Roberts and Roberts (2020), arXiv:2009.10071, for
wide QR.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..array import wrap
from ..aval import Aval
from ..errors import ArgumentError, UnsupportedError
from ..tracer import Value
from .contractions import matmul
from .diagonal import diag_embed, tril_p, triu_p
from .families import LEADING, custom
from .joining import concatenate
from .linalg import (
    adjoint,
    diagonal_of,
    guarded,
    hermitian,
    imaginary,
    matrices,
    min_size,
    skew,
    square_matrices,
    triangular_solve_p,
    with_matrices,
)
from .pointwise import add, mul, real, sub
from .slicing import slice_axis

# --------------------------------------------------------------------------- Cholesky


def _half_tril(x: Value) -> Value:
    """Keep the lower triangle and half of the diagonal."""
    n = x.shape[-1]
    return mul(tril_p(x, k=0), wrap((1 - 0.5 * np.eye(n)).astype(dtypes.real_of(x.dtype))))


def _solve_lower(a: Value, b: Value) -> Value:
    return triangular_solve_p(a, b, lower=True, unit_diagonal=False)


def _solve_upper(a: Value, b: Value) -> Value:
    return triangular_solve_p(a, b, lower=False, unit_diagonal=False)


def _cholesky_vjp(g: Value, out: Value) -> Value:
    inner = _solve_upper(adjoint(out), _half_tril(matmul(adjoint(out), g)))
    return hermitian(adjoint(_solve_upper(adjoint(out), adjoint(inner))))


def _cholesky_jvp(t: Value, out: Value) -> Value:
    inner = _solve_lower(out, adjoint(_solve_lower(out, hermitian(t))))
    return matmul(out, _half_tril(inner))


cholesky_p: Any = custom(
    "cholesky",
    lambda x: guarded(
        "cholesky", "a matrix is not positive definite; add a multiple of the identity", np.linalg.cholesky, x
    ),
    abstract=lambda x: x._replace(weak=False),
    vjp=(_cholesky_vjp,),
    jvp=(_cholesky_jvp,),
    batch=LEADING,
)


def cholesky(x: Value, upper: bool = False) -> Value:
    """Return lower triangular L with `L @ L^H = x` for positive definite x, or its adjoint with `upper`.

    Only the lower triangle of x is read; the gradient is that of a Hermitian matrix.

    >>> cholesky([[4.0, 2.0], [2.0, 5.0]])
    Array([[2., 0.],
           [1., 2.]], dtype=float32)
    """
    out = cholesky_p(square_matrices("cholesky", x))
    return adjoint(out) if upper else out


# --------------------------------------------------------------------------- LU


def _lu_impl(x: Any) -> Any:
    from scipy.linalg import lu as factor

    m, n = x.shape[-2:]
    if x.size:
        p, lower, upper = factor(x)
        return p.astype(x.dtype), lower, upper
    k = min_size(m, n)
    batch = x.shape[:-2]
    made = np.broadcast_to(np.eye(m, dtype=x.dtype), (*batch, m, m)), np.zeros((*batch, m, k), x.dtype)
    return (*made, np.zeros((*batch, k, n), x.dtype))


def _lu_abstract(x: Aval) -> tuple[Aval, Aval, Aval]:
    m, n = x.shape[-2:]
    k = min_size(m, n)
    return with_matrices(x, m, m), with_matrices(x, m, k), with_matrices(x, k, n)


def _square_lu_vjp(g_lower: Value, g_upper: Value, lower: Value, upper: Value) -> Value:
    inner = add(tril_p(matmul(adjoint(lower), g_lower), k=-1), triu_p(matmul(g_upper, adjoint(upper)), k=0))
    left = triangular_solve_p(adjoint(lower), inner, lower=False, unit_diagonal=True)
    return adjoint(_solve_upper(upper, adjoint(left)))


def _lu_vjp(g: tuple[Value, ...], out: tuple[Value, ...], x_aval: Aval) -> Value:
    """The square block in the corner has the rule; what lies below is `L2 = A2 / U1`, what lies beside `U2 = L1 \\ A2`."""
    p, lower, upper = out
    _, g_lower, g_upper = g
    m, n = x_aval.shape[-2:]
    if m > n:
        (_, below), (g_lower, g_below) = _cut(lower, -2, n), _cut(g_lower, -2, n)
        bottom = adjoint(_solve_upper(upper, adjoint(g_below)))
        corner = _square_lu_vjp(g_lower, sub(g_upper, matmul(adjoint(below), bottom)), _cut(lower, -2, n)[0], upper)
        return matmul(p, concatenate([corner, bottom], -2))
    if m < n:
        (first, beside), (g_upper, g_beside) = _cut(upper, -1, m), _cut(g_upper, -1, m)
        right = triangular_solve_p(adjoint(lower), g_beside, lower=False, unit_diagonal=True)
        corner = _square_lu_vjp(sub(g_lower, matmul(right, adjoint(beside))), g_upper, lower, first)
        return matmul(p, concatenate([corner, right], -1))
    return matmul(p, _square_lu_vjp(g_lower, g_upper, lower, upper))


def _cut(x: Value, axis: int, n: int) -> tuple[Value, Value]:
    return slice_axis(x, axis, 0, n), slice_axis(x, axis, n, None)


def _square_lu_jvp(t: Value, lower: Value, upper: Value) -> tuple[Value, Value]:
    left = triangular_solve_p(lower, t, lower=True, unit_diagonal=True)
    inner = _right_divided(left, upper)
    return matmul(lower, tril_p(inner, k=-1)), matmul(triu_p(inner, k=0), upper)


def _right_divided(x: Value, upper: Value) -> Value:
    return adjoint(_solve_lower(adjoint(upper), adjoint(x)))


def _lu_jvp(t: Value, out: tuple[Value, ...], x_aval: Aval) -> tuple[None, Value, Value]:
    p, lower, upper = out
    m, n = x_aval.shape[-2:]
    t = matmul(adjoint(p), t)
    if m > n:
        (first, below), (t, t_below) = _cut(lower, -2, n), _cut(t, -2, n)
        t_first, t_upper = _square_lu_jvp(t, first, upper)
        t_below = _right_divided(sub(t_below, matmul(below, t_upper)), upper)
        return None, concatenate([t_first, t_below], -2), t_upper
    if m < n:
        (first, beside), (t, t_beside) = _cut(upper, -1, m), _cut(t, -1, m)
        t_lower, t_first = _square_lu_jvp(t, lower, first)
        rest = sub(t_beside, matmul(t_lower, beside))
        t_beside = triangular_solve_p(lower, rest, lower=True, unit_diagonal=True)
        return None, t_lower, concatenate([t_first, t_beside], -1)
    return (None, *_square_lu_jvp(t, lower, upper))


lu_p: Any = custom("lu", _lu_impl, abstract=_lu_abstract, vjp=(_lu_vjp,), jvp=(_lu_jvp,), batch=LEADING)


def lu(x: Value) -> tuple[Value, Value, Value]:
    """Return a permutation P, a unit lower triangular L and an upper triangular U with `P @ L @ U = x`.

    Derivatives exist where the square block of the first rows and columns, as permuted, is regular.
    """
    return lu_p(matrices("lu", x))  # type: ignore[no-any-return]


# --------------------------------------------------------------------------- QR


def _qr_impl(x: Any, *, complete: bool) -> Any:
    return tuple(np.linalg.qr(x, "complete" if complete else "reduced"))


def _qr_abstract(x: Aval, *, complete: bool) -> tuple[Aval, Aval]:
    m, n = x.shape[-2:]
    k = m if complete else min_size(m, n)
    return with_matrices(x, m, k), with_matrices(x, k, n)


def _needs_reduced(x: Aval, complete: bool) -> None:
    if complete and x.shape[-2] > x.shape[-1]:
        raise UnsupportedError(
            f"qr: mode='complete' has no derivative for {x}, because its extra columns are arbitrary; use 'reduced'"
        )


def _right_solve(x: Value, r: Value) -> Value:
    """Return `x @ inv(r)^H` for upper triangular r."""
    return adjoint(_solve_upper(r, adjoint(x)))


def _tall_qr_vjp(gq: Value, gr: Value, q: Value, r: Value) -> Value:
    inner = triu_p(sub(matmul(gr, adjoint(r)), matmul(adjoint(q), gq)), k=0)
    both = sub(add(inner, adjoint(inner)), diag_embed(real(diagonal_of(inner))))
    return _right_solve(add(gq, matmul(q, both)), r)


def _qr_vjp(g: tuple[Value, Value], out: tuple[Value, Value], x_aval: Aval, complete: bool) -> Value:
    _needs_reduced(x_aval, complete)
    (gq, gr), (q, r) = g, out
    m, n = x_aval.shape[-2:]
    if m >= n:
        return _tall_qr_vjp(gq, gr, q, r)
    # The first m columns make Q; the others are only rotated by it.
    rest, g_rest = slice_axis(r, -1, m, None), slice_axis(gr, -1, m, None)
    gq = add(gq, matmul(matmul(q, rest), adjoint(g_rest)))
    first = _tall_qr_vjp(gq, slice_axis(gr, -1, 0, m), q, slice_axis(r, -1, 0, m))
    return concatenate([first, matmul(q, g_rest)], -1)


def _tall_qr_jvp(t: Value, q: Value, r: Value) -> tuple[Value, Value]:
    moved = adjoint(_solve_lower(adjoint(r), adjoint(t)))
    inside = matmul(adjoint(q), moved)
    turned = skew(tril_p(inside, k=-1))
    if q.dtype in dtypes.COMPLEX:
        turned = add(turned, diag_embed(imaginary(diagonal_of(inside))))
    return add(sub(moved, matmul(q, inside)), matmul(q, turned)), matmul(sub(inside, turned), r)


def _qr_jvp(t: Value, out: tuple[Value, Value], x_aval: Aval, complete: bool) -> tuple[Value, Value]:
    _needs_reduced(x_aval, complete)
    q, r = out
    m, n = x_aval.shape[-2:]
    if m >= n:
        return _tall_qr_jvp(t, q, r)
    tq, tr = _tall_qr_jvp(slice_axis(t, -1, 0, m), q, slice_axis(r, -1, 0, m))
    rest = matmul(q, slice_axis(r, -1, m, None))
    t_rest = add(matmul(adjoint(q), slice_axis(t, -1, m, None)), matmul(adjoint(tq), rest))
    return tq, concatenate([tr, t_rest], -1)


qr_p: Any = custom("qr", _qr_impl, abstract=_qr_abstract, vjp=(_qr_vjp,), jvp=(_qr_jvp,), batch=LEADING)


def qr(x: Value, mode: str = "reduced") -> tuple[Value, Value]:
    """Return Q with orthonormal columns and upper triangular R with `Q @ R = x`.

    `reduced` gives Q [m, k] and R [k, n] with k = min(m, n); `complete` gives Q [m, m] and R [m, n], which has no
    derivative for m > n. The first min(m, n) columns of x must be independent for derivatives.
    """
    if mode not in ("reduced", "complete"):
        raise ArgumentError(f"qr: mode must be 'reduced' or 'complete', got {mode!r}")
    return qr_p(matrices("qr", x), complete=mode == "complete")  # type: ignore[no-any-return]
