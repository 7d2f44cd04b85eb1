"""Polynomials as vectors of coefficients, the highest power first."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import dtypes
from ..core.array import wrap
from ..core.errors import ArgumentError, ShapeError
from ..core.ops import eigen, linalg, spectral
from ..core.ops import joining as J
from ..core.ops import pointwise as P
from ..core.ops import shaping as S
from ..core.ops.contractions import matmul, outer
from ..core.tracer import Value, aval_of
from .arguments import array_of, host, inexact, together
from .calculus import convolve
from .creation import vander


def _coefficients(name: str, p: Any) -> Value:
    p = S.atleast_nd(array_of(p), 1)
    if p.ndim != 1:
        raise ShapeError(f"{name}: coefficients must be a vector, got {aval_of(p)}; ravel them")
    return p


def polyval(p: Any, x: Any, *, unroll: int = 16) -> Value:
    """Evaluate a polynomial by Horner's rule. `unroll` is JAX's, and changes nothing.

    >>> mnp.polyval(mnp.array([1.0, 0.0, -1.0]), mnp.array([2.0, 3.0]))
    Array([3., 8.], dtype=float32)
    """
    p, x = together(p, x)
    out = S.zeros_like(x)
    for coefficient in J.unstack(p):
        out = P.add(P.mul(out, x), coefficient)
    return out


def polyadd(a1: Any, a2: Any) -> Value:
    """Add two polynomials.

    >>> mnp.polyadd(mnp.array([1, 2]), mnp.array([3, 0, 1]))
    Array([3, 1, 3], dtype=int64)
    """
    a, b = _aligned("polyadd", a1, a2)
    return P.add(a, b)


def polysub(a1: Any, a2: Any) -> Value:
    """Subtract two polynomials.

    >>> mnp.polysub(mnp.array([1, 2]), mnp.array([3, 0, 1]))
    Array([-3,  1,  1], dtype=int64)
    """
    a, b = _aligned("polysub", a1, a2)
    return P.sub(a, b)


def _aligned(name: str, a: Any, b: Any) -> tuple[Value, ...]:
    a, b = together(_coefficients(name, a), _coefficients(name, b))
    n = max(a.size, b.size)
    return tuple(J.pad(x, [(n - x.size, 0)]) for x in (a, b))


def polymul(a1: Any, a2: Any, *, trim_leading_zeros: bool = False) -> Value:
    """Multiply two polynomials; zeros in front stay unless they are to be trimmed (of concrete ones).

    >>> mnp.polymul(mnp.array([1, 1]), mnp.array([1, -1]))
    Array([ 1,  0, -1], dtype=int64)
    """
    a, b = _coefficients("polymul", a1), _coefficients("polymul", a2)
    if trim_leading_zeros:
        a, b = _trimmed(a), _trimmed(b)
    return convolve(a, b)


def _trimmed(p: Value) -> Value:
    there = np.flatnonzero(host(p, "trim_leading_zeros"))
    return p[int(there[0]) :] if there.size else p[-1:]


def polydiv(u: Any, v: Any, *, trim_leading_zeros: bool = False) -> tuple[Value, Value]:
    """Divide polynomials; return the quotient and the remainder, which keeps its zeros unless they are to be trimmed.

    >>> mnp.polydiv(mnp.array([1.0, 0.0, -1.0]), mnp.array([1.0, 1.0]))
    (Array([ 1., -1.], dtype=float32), Array([0., 0., 0.], dtype=float32))
    """
    u, v = together(_coefficients("polydiv", u), _coefficients("polydiv", v), floats=True)
    steps = u.size - v.size + 1
    quotient = []
    for k in range(steps):
        factor = P.div(u[k], v[0])
        quotient.append(factor)
        u = u.at[k : k + v.size].add(P.neg(P.mul(v, factor)))
    found = J.stack(quotient) if quotient else S.full((1,), 0, u.dtype)
    return found, _trimmed(u) if trim_leading_zeros else u


def polyder(p: Any, m: int = 1) -> Value:
    """Differentiate a polynomial `m` times.

    >>> mnp.polyder(mnp.array([1.0, 2.0, 3.0]))
    Array([2., 2.], dtype=float32)
    """
    p = _coefficients("polyder", p)
    if m < 0:
        raise ArgumentError(f"polyder: m must not be negative, got {m}; use polyint")
    p = p if p.dtype in dtypes.INEXACT or not m else inexact(p)
    for _ in range(m):
        p = P.mul(p[:-1], wrap(np.arange(p.size - 1, 0, -1).astype(dtypes.real_of(p.dtype))))
    return p


def polyint(p: Any, m: int = 1, k: Any = None) -> Value:
    """Integrate a polynomial `m` times, with the constants `k` (0), the one of the last integration last.

    >>> mnp.polyint(mnp.array([2.0, 2.0]))
    Array([1., 2., 0.], dtype=float32)
    """
    p = inexact(_coefficients("polyint", p))
    if m < 0:
        raise ArgumentError(f"polyint: m must not be negative, got {m}; use polyder")
    constants = S.full((m,), 0, p.dtype) if k is None else S.ravel(array_of(k))
    if constants.shape != (m,):
        constants = S.broadcast_to(constants, (m,)) if constants.size == 1 else constants
        if constants.shape != (m,):
            raise ShapeError(
                f"polyint: k must be one number, or one for each of {m} integrations, got {aval_of(constants)}"
            )
    for i in range(m):
        scaled = P.div(p, wrap(np.arange(p.size, 0, -1).astype(dtypes.real_of(p.dtype))))
        p = J.concatenate([scaled, S.cast(constants[i : i + 1], p.dtype)])
    return p


def poly(seq_of_zeros: Any) -> Value:
    """Return the polynomial with the given zeros, or the characteristic polynomial of a matrix.

    >>> mnp.poly(mnp.array([1.0, -1.0]))
    Array([ 1.,  0., -1.], dtype=float32)
    """
    zeros = inexact(seq_of_zeros)
    if zeros.ndim == 2:
        zeros = eigen.eig(zeros)[0]
    if zeros.ndim != 1:
        raise ShapeError(f"poly: takes the zeros, a vector, or a square matrix, got {aval_of(zeros)}")
    out = S.full((1,), 1, zeros.dtype)
    for zero in J.unstack(zeros):
        out = convolve(out, J.stack([S.full((), 1, zeros.dtype), P.neg(zero)]))
    return out


def roots(p: Any, *, strip_zeros: bool = True) -> Value:
    """Return the zeros of a polynomial, complex, from the eigenvalues of its companion matrix.

    Zeros in front are cut off, so the coefficients must be concrete, unless `strip_zeros` is false.

    >>> mnp.roots(mnp.array([1.0, 0.0, -4.0])).real
    Array([ 2., -2.], dtype=float32)
    """
    p = inexact(_coefficients("roots", p))
    trailing = 0
    if strip_zeros:
        there = np.flatnonzero(host(p, "roots"))
        if not there.size:
            return S.full((0,), 0, dtypes.complex_of(p.dtype))
        trailing = p.size - 1 - int(there[-1])
        p = p[int(there[0]) : int(there[-1]) + 1]
    n = p.size - 1
    none = S.full((trailing,), 0, dtypes.complex_of(p.dtype))
    if n < 1:
        return none
    below = wrap(np.eye(n, k=-1).astype(p.dtype))
    companion = below.at[0].set(P.neg(P.div(p[1:], p[0])))
    return J.concatenate([eigen.eig(companion)[0], none])


def polyfit(
    x: Any, y: Any, deg: int, rcond: float | None = None, full: bool = False, w: Any = None, cov: Any = False
) -> Any:
    """Fit a polynomial of a degree to points by least squares, the columns scaled to length 1 as in NumPy.

    With `full`, also return the residuals, the rank, the singular values and `rcond`; with `cov`, the covariances.

    >>> mnp.polyfit(mnp.array([0.0, 1.0, 2.0]), mnp.array([1.0, 3.0, 5.0]), 1).round(3)
    Array([2., 1.], dtype=float32)
    """
    x, y = together(array_of(x), array_of(y), floats=True)
    if x.ndim != 1 or y.ndim not in (1, 2) or x.shape[0] != y.shape[0] or deg < 0:
        raise ShapeError(
            f"polyfit: x {aval_of(x)} must be a vector, y {aval_of(y)} have its length, and deg={deg} be at least 0"
        )
    rcond = x.size * float(np.finfo(x.dtype).eps) if rcond is None else rcond
    left, right = vander(x, deg + 1), y
    if w is not None:
        w = array_of(w, x.dtype)
        left = P.mul(left, S.reshape(w, (-1, 1)))
        right = P.mul(right, S.reshape(w, (-1,) + (1,) * (y.ndim - 1)))
    scale = P.sqrt(S.sum(P.square(left), 0))
    left = P.div(left, scale)
    fitted = spectral.lstsq(left, right if y.ndim == 2 else S.reshape(right, (-1, 1)), rcond)
    fitted = fitted if y.ndim == 2 else S.reshape(fitted, (-1,))
    found = P.div(fitted, S.reshape(scale, (-1,) + (1,) * (y.ndim - 1)))
    if full:
        values = spectral.svdvals(left)
        rank = S.sum(P.greater(values, P.mul(values[0], rcond)))
        rest = S.sum(P.square(P.sub(matmul(left, fitted), right)), 0)
        return found, S.atleast_nd(rest, 1), rank, values, array_of(rcond)
    if not cov:
        return found
    base = P.div(linalg.inv(matmul(S.transpose(left), left)), outer(scale, scale))
    if cov != "unscaled":
        if x.size <= deg + 1:
            raise ArgumentError(f"polyfit: {x.size} points do not determine the covariances of degree {deg}; give more")
        factor = P.div(S.sum(P.square(P.sub(matmul(left, fitted), right)), 0), float(x.size - deg - 1))
        base = P.mul(base, factor) if y.ndim == 1 else P.mul(S.expand_dims(base, -1), factor)
    return found, base


__all__ = [
    "poly", "polyadd", "polyder", "polydiv", "polyfit", "polyint", "polymul", "polysub", "polyval", "roots",
]  # fmt: skip
