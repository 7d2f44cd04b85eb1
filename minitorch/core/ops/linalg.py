"""Linear systems and what belongs to them: inverses, determinants, triangular factors, powers and exponentials.

Matrices are the last two axes; the axes before them are a batch and broadcast. Derivatives are written in the same
operations. Singular input raises LinAlgError. Half precision is refused, because no matrix library factors it.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import index as as_int
from typing import Any

import numpy as np

from .. import dtypes
from ..array import wrap
from ..aval import Aval
from ..errors import DTypeError, LinAlgError, ShapeError
from ..tracer import Value, aval_of
from .contractions import matmul, matrix_transpose, same_dtype
from .diagonal import diagonal_p, tril_p, triu_p
from .families import LEADING, as_array, custom
from .joining import concatenate
from .pointwise import add, conj, imag, mul, neg, real, sub
from .reductions import only_floats
from .shaping import broadcast_to, full, reshape, sum_p
from .slicing import strided_slice_p

# --------------------------------------------------------------------------- arguments


def matrices(name: str, x: Value) -> Value:
    """Return an operand of float matrices, or raise."""
    x = only_floats(name, x)
    if x.dtype in dtypes.HALVES:
        raise DTypeError(f"{name}: is not computed in half precision, got {aval_of(x)}; cast with x.float()")
    if x.ndim < 2:
        raise ShapeError(f"{name}: needs matrices, at least 2 axes, got {aval_of(x)}; insert an axis with x[None]")
    return x


def square_matrices(name: str, x: Value) -> Value:
    """Return an operand of square float matrices, or raise."""
    x = matrices(name, x)
    if x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"{name}: needs square matrices, got {aval_of(x)}; slice it, or use pinv or lstsq")
    return x


def adjoint(x: Value) -> Value:
    """Transpose the last two axes and conjugate."""
    x = matrix_transpose(x)
    return conj(x) if x.dtype in dtypes.COMPLEX else x


def diagonal_of(x: Value) -> Value:
    """Take the diagonals of matrices."""
    return diagonal_p(x, offset=0)


def skew(x: Value) -> Value:
    """Return x minus its adjoint."""
    return sub(x, adjoint(x))


def hermitian(x: Value) -> Value:
    """Return the Hermitian part of x."""
    return mul(add(x, adjoint(x)), 0.5)


def imaginary(x: Value) -> Value:
    """Return the imaginary part, as an imaginary number."""
    return mul(imag(x), 1j)


def with_matrices(aval: Aval, *shape: int) -> Aval:
    """Return an aval with matrices of another shape."""
    return aval._replace(shape=(*aval.shape[:-2], *shape), weak=False)


def min_size(m: int, n: int) -> int:
    """Return the smaller of two sizes."""
    return m if m < n else n


def identity(n: int, dtype: Any) -> Value:
    """Return an identity matrix."""
    return wrap(np.eye(n, dtype=dtype))


def guarded(name: str, wrong: str, compute: Callable[..., Any], *buffers: Any, **options: Any) -> Any:
    """Call a routine of the matrix library, and say what is wrong in our words when it fails."""
    try:
        return compute(*buffers, **options)
    except np.linalg.LinAlgError as error:
        shown = ", ".join(str(Aval(b.shape, b.dtype)) for b in buffers)
        raise LinAlgError(f"{name}: {shown}: {wrong}") from error


SINGULAR = "a matrix is singular; add a small multiple of the identity, or use pinv or lstsq"


def _same(x: Aval, **_: Any) -> Aval:
    return x._replace(weak=False)


# --------------------------------------------------------------------------- inv, solve

inv_p: Any = custom(
    "inv",
    lambda x: guarded("inv", SINGULAR, np.linalg.inv, x),
    abstract=_same,
    vjp=(lambda g, out: neg(matmul(matmul(matrix_transpose(out), g), matrix_transpose(out))),),
    jvp=(lambda t, out: neg(matmul(matmul(out, t), out)),),
    batch=LEADING,
    holomorphic=True,
)


def inv(x: Value) -> Value:
    """Invert matrices.

    >>> inv([[2.0, 0.0], [0.0, 4.0]])
    Array([[0.5 , 0.  ],
           [0.  , 0.25]], dtype=float32)
    """
    return inv_p(square_matrices("inv", x))


def _solve_abstract(a: Aval, b: Aval, **_: Any) -> Aval:
    return b._replace(shape=np.broadcast_shapes(a.shape[:-2], b.shape[:-2]) + b.shape[-2:])


solve_p: Any = custom(
    "solve",
    lambda a, b: guarded("solve", SINGULAR, np.linalg.solve, a, b),
    abstract=_solve_abstract,
    vjp=(
        lambda g, out, a: neg(matmul(solve_p(matrix_transpose(a), g), matrix_transpose(out))),
        lambda g, a: solve_p(matrix_transpose(a), g),
    ),
    jvp=(lambda t, out, a: neg(solve_p(a, matmul(t, out))), lambda t, a: solve_p(a, t)),
    batch=LEADING,
    holomorphic=True,
)


def _system(name: str, a: Value, b: Value) -> tuple[Value, Value, bool]:
    """Return both sides with equal dtype and rank, and whether the right one was a vector."""
    a, b = same_dtype(name, square_matrices(name, a), as_array(b))
    is_vector = b.ndim == 1
    if not b.ndim or b.shape[-1 if is_vector else -2] != a.shape[-1]:
        raise ShapeError(
            f"{name}: {aval_of(a)} with right-hand side {aval_of(b)}: it needs {a.shape[-1]} rows; give shape (n,) for "
            "a vector or (..., n, k) for matrices"
        )
    b = reshape(b, (*b.shape, 1)) if is_vector else b
    try:
        np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise ShapeError(
            f"{name}: the batches of {aval_of(a)} and of the right-hand side {aval_of(b)} do not broadcast; sizes must "
            "match or be 1, counted from the last"
        ) from None
    rank = max(a.ndim, b.ndim)
    return (*(reshape(x, (1,) * (rank - x.ndim) + x.shape) for x in (a, b)), is_vector)


def solve(a: Value, b: Value) -> Value:
    """Return x with `a @ x = b`, for `b` of shape (n,) or (..., n, k).

    >>> solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0])
    Array([1. , 0.5], dtype=float32)
    """
    a, b, is_vector = _system("solve", a, b)
    out = solve_p(a, b)
    return reshape(out, out.shape[:-1]) if is_vector else out


def _triangular_impl(a: Any, b: Any, *, lower: bool, unit_diagonal: bool) -> Any:
    from scipy.linalg import get_lapack_funcs

    (trtrs,) = get_lapack_funcs(("trtrs",), (a, b))
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    out = np.empty(batch + b.shape[-2:], b.dtype)
    if not out.size:
        return out
    left, right = np.broadcast_to(a, batch + a.shape[-2:]), np.broadcast_to(b, out.shape)
    for i in np.ndindex(batch):
        out[i], failed = trtrs(left[i], right[i], lower=lower, unitdiag=unit_diagonal)
        if failed:
            shown = f"{Aval(a.shape, a.dtype)}, {Aval(b.shape, b.dtype)}"
            raise LinAlgError(f"triangular_solve: {shown}: a diagonal holds a zero at row {failed - 1}; use lstsq")
    return out


def _triangle(x: Value, lower: bool, unit_diagonal: bool) -> Value:
    return tril_p(x, k=-int(unit_diagonal)) if lower else triu_p(x, k=int(unit_diagonal))


def _triangular_pull_a(g: Value, out: Value, a: Value, lower: bool, unit_diagonal: bool) -> Value:
    pulled = _triangular_pull_b(g, a, lower, unit_diagonal)
    return neg(_triangle(matmul(pulled, matrix_transpose(out)), lower, unit_diagonal))


def _triangular_pull_b(g: Value, a: Value, lower: bool, unit_diagonal: bool) -> Value:
    return triangular_solve_p(matrix_transpose(a), g, lower=not lower, unit_diagonal=unit_diagonal)


def _triangular_push_a(t: Value, out: Value, a: Value, lower: bool, unit_diagonal: bool) -> Value:
    moved = matmul(_triangle(t, lower, unit_diagonal), out)
    return neg(triangular_solve_p(a, moved, lower=lower, unit_diagonal=unit_diagonal))


triangular_solve_p: Any = custom(
    "triangular_solve",
    _triangular_impl,
    abstract=_solve_abstract,
    vjp=(_triangular_pull_a, _triangular_pull_b),
    jvp=(
        _triangular_push_a,
        lambda t, a, lower, unit_diagonal: triangular_solve_p(a, t, lower=lower, unit_diagonal=unit_diagonal),
    ),
    batch=LEADING,
    holomorphic=True,
)


def triangular_solve(a: Value, b: Value, lower: bool = True, unit_diagonal: bool = False) -> Value:
    """Return x with `a @ x = b`, reading only one triangle of `a`; `unit_diagonal` takes ones for its diagonal.

    >>> triangular_solve([[2.0, 9.0], [1.0, 1.0]], [2.0, 3.0])
    Array([1., 2.], dtype=float32)
    """
    a, b, is_vector = _system("triangular_solve", a, b)
    out = triangular_solve_p(a, b, lower=bool(lower), unit_diagonal=bool(unit_diagonal))
    return reshape(out, out.shape[:-1]) if is_vector else out


# --------------------------------------------------------------------------- determinants


def _cofactor_impl(x: Any) -> Any:
    u, s, vh = np.linalg.svd(x)
    n = s.shape[-1]
    # Products of all singular values but one, without dividing: right for singular matrices too.
    others = np.stack([np.multiply.reduce(np.delete(s, i, -1), axis=-1) for i in range(n)], -1) if n else s
    sign = np.linalg.det(u) * np.linalg.det(vh)
    return np.asarray(sign)[..., None, None] * np.matmul(np.conj(u) * others[..., None, :], np.conj(vh))


def _column(x: Value) -> Value:
    """Append two axes, so that numbers scale matrices."""
    return reshape(x, (*x.shape, 1, 1))


def _cofactor_push(t: Value, out: Value, x: Value) -> Value:
    # Of det(x) * inv(x).T: unlike the first, the second derivatives of det need a regular matrix.
    inverse = matrix_transpose(inv_p(x))
    along = mul(_column(_total(mul(inverse, t))), out)
    return sub(along, matmul(matmul(out, matrix_transpose(t)), inverse))


def _total(x: Value) -> Value:
    return sum_p(x, axes=(-2, -1), keepdims=False)


# Both directions of cofactor's derivative are one formula: its Jacobian, a second derivative, is symmetric.
cofactor_p: Any = custom(
    "cofactor",
    _cofactor_impl,
    abstract=_same,
    vjp=(_cofactor_push,),
    jvp=(_cofactor_push,),
    batch=LEADING,
    holomorphic=True,
)
det_p: Any = custom(
    "det",
    lambda x: np.linalg.det(x),
    abstract=lambda x: x._replace(shape=x.shape[:-2], weak=False),
    vjp=(lambda g, x: mul(_column(g), cofactor_p(x)),),
    jvp=(lambda t, x: _total(mul(cofactor_p(x), t)),),
    batch=LEADING,
    holomorphic=True,
)


def det(x: Value) -> Value:
    """Return the determinants of matrices; the gradient is right for singular ones too.

    >>> det([[1.0, 2.0], [3.0, 5.0]])
    Array(-1., dtype=float32)
    """
    return det_p(square_matrices("det", x))


def _slogdet_vjp(g: tuple[Value, Value], out: tuple[Value, Value], x: Value) -> Value:
    scale = g[1]
    if x.dtype in dtypes.COMPLEX:  # the phase turns with the imaginary part of the trace
        scale = sub(g[1], mul(imag(mul(conj(g[0]), out[0])), 1j))
    return mul(_column(scale), adjoint(inv_p(x)))


def _slogdet_jvp(t: Value, out: tuple[Value, Value], x: Value) -> tuple[Value | None, Value]:
    moved = _total(mul(matrix_transpose(inv_p(x)), t))
    if x.dtype in dtypes.COMPLEX:
        return mul(out[0], mul(imag(moved), 1j)), real(moved)
    return None, moved


slogdet_p: Any = custom(
    "slogdet",
    lambda x: tuple(np.linalg.slogdet(x)),
    abstract=lambda x: (
        x._replace(shape=x.shape[:-2], weak=False),
        x._replace(shape=x.shape[:-2], dtype=dtypes.real_of(x.dtype), weak=False),
    ),
    vjp=(_slogdet_vjp,),
    jvp=(_slogdet_jvp,),
    batch=LEADING,
)


def slogdet(x: Value) -> tuple[Value, Value]:
    """Return the sign (or phase) and the logarithm of the magnitude of determinants; a singular matrix gives 0, -inf.

    >>> slogdet([[0.0, 1.0], [1.0, 0.0]])
    (Array(-1., dtype=float32), Array(0., dtype=float32))
    """
    return slogdet_p(square_matrices("slogdet", x))  # type: ignore[no-any-return]


# --------------------------------------------------------------------------- powers, exponential


def matrix_power(x: Value, n: int) -> Value:
    """Multiply a matrix with itself n times, by repeated squaring; a negative n inverts it first.

    >>> matrix_power([[1.0, 1.0], [0.0, 1.0]], 5)
    Array([[1., 5.],
           [0., 1.]], dtype=float32)
    """
    x = as_array(x)
    x = square_matrices("matrix_power", x) if x.dtype in dtypes.INEXACT or n < 0 else x
    exponent = abs(as_int(n))
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"matrix_power: needs square matrices, got {aval_of(x)}; slice it first")
    if exponent == 0:
        return broadcast_to(identity(x.shape[-1], x.dtype), x.shape)
    factor = inv(x) if n < 0 else x
    out = None
    while True:
        if exponent & 1:
            out = factor if out is None else matmul(out, factor)
        exponent >>= 1
        if not exponent:
            return out
        factor = matmul(factor, factor)


def _exp_impl(x: Any) -> Any:
    from scipy.linalg import expm

    return expm(x).astype(x.dtype, copy=False) if x.size else x


def _exp_push(t: Value, x: Value) -> Value:
    """The derivative of the exponential at x along t: the corner of the exponential of [[x, t], [0, x]].

    Mathias (1996), A chain rule for matrix functions and applications.
    """
    n = x.shape[-1]
    zeros = broadcast_to(full((), 0, x.dtype), x.shape)
    blocks = concatenate([concatenate([x, t], -1), concatenate([zeros, x], -1)], -2)
    return strided_slice_p(matrix_exp_p(blocks), starts=(0, n), stops=(n, 2 * n), steps=(1, 1))


matrix_exp_p: Any = custom(
    "matrix_exp",
    _exp_impl,
    abstract=_same,
    vjp=(lambda g, x: _exp_push(g, matrix_transpose(x)),),
    jvp=(_exp_push,),
    batch=LEADING,
    holomorphic=True,
)


def matrix_exp(x: Value) -> Value:
    """Return the exponential of square matrices, the sum of `x**n / n!` in matrix powers.

    >>> matrix_exp([[0.0, 1.0], [0.0, 0.0]])
    Array([[1., 1.],
           [0., 1.]], dtype=float32)
    """
    return matrix_exp_p(square_matrices("matrix_exp", x))
