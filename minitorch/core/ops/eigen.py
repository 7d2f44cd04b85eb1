"""Eigenvalues and eigenvectors of general square matrices (of Hermitian ones: `spectral.py`).

The vectors have length 1 and any phase, so only what does not depend on the phase has a derivative (Boeddeker et al.,
"On the computation of complex-valued gradients", 2017).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..aval import Aval
from ..tracer import Value
from .contractions import matmul
from .diagonal import diag_embed
from .families import LEADING, custom
from .linalg import adjoint, diagonal_of, guarded, solve, square_matrices
from .pointwise import add, conj, imag, real, sub
from .shaping import cast
from .spectral import STUCK, _check_phase, _columns, _gaps, _off_diagonal, _over


def _eig_impl(x: Any) -> Any:
    return tuple(guarded("eig", STUCK, np.linalg.eig, x))


def _eig_abstract(x: Aval) -> tuple[Aval, Aval]:
    return x._replace(shape=x.shape[:-1], weak=False), x._replace(weak=False)


def _eig_vjp(g: tuple[Value, Value], out: tuple[Value, Value]) -> Value:
    (gw, gv), (w, v) = g, out
    inner = matmul(adjoint(v), gv)
    turning = diagonal_of(inner)
    _check_phase("eig", imag(turning), gv)
    inner = sub(inner, matmul(adjoint(v), _columns(real(turning), v)))
    inner = add(_over(_off_diagonal(inner), conj(_gaps(w))), diag_embed(gw))
    return solve(adjoint(v), matmul(inner, adjoint(v)))


def _eig_jvp(t: Value, out: tuple[Value, Value]) -> tuple[Value, Value]:
    w, v = out
    moved = solve(v, matmul(t, v))
    turned = matmul(v, _over(_off_diagonal(moved), _gaps(w)))
    # The part along each vector would change its length.
    along = real(diagonal_of(matmul(adjoint(v), turned)))
    return diagonal_of(moved), sub(turned, _columns(along, v))


eig_p: Any = custom("eig", _eig_impl, abstract=_eig_abstract, vjp=(_eig_vjp,), jvp=(_eig_jvp,), batch=LEADING)


def eig(x: Value) -> tuple[Value, Value]:
    """Return the eigenvalues and eigenvectors (columns) of square matrices, always complex.

    The gradient is that of functions which do not depend on the phases of the vectors, where the eigenvalues differ.

    >>> eig([[2.0, 0.0], [1.0, 1.0]])[0]
    Array([1.+0.j, 2.+0.j], dtype=complex64)
    """
    x = square_matrices("eig", x)
    return eig_p(cast(x, dtypes.complex_of(x.dtype)))  # type: ignore[no-any-return]
