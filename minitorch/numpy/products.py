"""Products of vectors, matrices and more axes; comparisons of whole arrays; bits in bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import dtypes
from ..core.array import wrap
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.ops import contractions as C
from ..core.ops import joining as J
from ..core.ops import pointwise as P
from ..core.ops import reductions as R
from ..core.ops import shaping as S
from ..core.ops.einsum import einsum as core_einsum
from ..core.ops.families import broadcast_shapes
from ..core.tracer import Value, aval_of
from .arguments import array_of, no_out, together


def _as(x: Value, dtype: Any) -> Value:
    return x if dtype is None else S.cast(x, dtype)


def matmul(a: Any, b: Any, *, precision: Any = None, preferred_element_type: Any = None) -> Value:
    """Multiply matrices, stacks of them, or vectors. `precision` is for accelerators, and changes nothing here.

    >>> mnp.matmul(mnp.array([[1.0, 2.0]]), mnp.array([3.0, 4.0]))
    Array([11.], dtype=float32)
    """
    return _as(C.matmul(array_of(a), array_of(b)), preferred_element_type)


def dot(a: Any, b: Any, *, precision: Any = None, preferred_element_type: Any = None) -> Value:
    """Sum over the last axis of `a` and the second-to-last (or only) one of `b`.

    >>> mnp.dot(mnp.array([1, 2]), mnp.array([3, 4]))
    Array(11, dtype=int64)
    """
    return _as(C.dot(array_of(a), array_of(b)), preferred_element_type)


def vdot(a: Any, b: Any, *, precision: Any = None, preferred_element_type: Any = None) -> Value:
    """Sum the products of `conj(a)` and `b`, both flattened.

    >>> mnp.vdot(mnp.array([1 + 1j]), mnp.array([1 + 1j]))
    Array(2.+0.j, dtype=complex64)
    """
    return _as(C.vecdot(S.ravel(array_of(a)), S.ravel(array_of(b))), preferred_element_type)


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1, precision: Any = None, preferred_element_type: Any = None) -> Value:
    """Sum `conj(x1) * x2` over one axis; the others broadcast.

    >>> mnp.vecdot(mnp.array([[1.0, 2.0], [3.0, 4.0]]), mnp.array([1.0, 1.0]))
    Array([3., 7.], dtype=float32)
    """
    return _as(C.vecdot(array_of(x1), array_of(x2), axis), preferred_element_type)


def matvec(x1: Any, x2: Any, /) -> Value:
    """Multiply matrices with vectors; stacks of both broadcast.

    >>> mnp.matvec(mnp.array([[1.0, 2.0], [3.0, 4.0]]), mnp.array([1.0, 1.0]))
    Array([3., 7.], dtype=float32)
    """
    return C.matmul(array_of(x1), S.expand_dims(array_of(x2), -1))[..., 0]


def vecmat(x1: Any, x2: Any, /) -> Value:
    """Multiply conjugated vectors with matrices; stacks of both broadcast.

    >>> mnp.vecmat(mnp.array([1.0, 1.0]), mnp.array([[1.0, 2.0], [3.0, 4.0]]))
    Array([4., 6.], dtype=float32)
    """
    return C.matmul(S.expand_dims(P.conj(array_of(x1)), -2), array_of(x2))[..., 0, :]


def inner(a: Any, b: Any, *, precision: Any = None, preferred_element_type: Any = None) -> Value:
    """Sum products over the last axes of both operands.

    >>> mnp.inner(mnp.array([1, 2]), mnp.array([3, 4]))
    Array(11, dtype=int64)
    """
    return _as(C.inner(array_of(a), array_of(b)), preferred_element_type)


def outer(a: Any, b: Any, out: None = None) -> Value:
    """Multiply every element of `a` with every element of `b`, both flattened.

    >>> mnp.outer(mnp.array([1, 2]), mnp.array([3, 4]))
    Array([[3, 4],
           [6, 8]], dtype=int64)
    """
    no_out("outer", out)
    return C.outer(array_of(a), array_of(b))


def tensordot(a: Any, b: Any, axes: Any = 2, *, precision: Any = None, preferred_element_type: Any = None) -> Value:
    """Sum products over pairs of axes: the last n of `a` with the first n of `b`, or those that are named.

    >>> mnp.tensordot(mnp.ones((2, 3)), mnp.ones((3, 2)), axes=1)
    Array([[3., 3.],
           [3., 3.]], dtype=float32)
    """
    pairs = axes if isinstance(axes, int) else tuple(tuple(i) if hasattr(i, "__len__") else (i,) for i in axes)
    return _as(C.tensordot(array_of(a), array_of(b), pairs), preferred_element_type)


def einsum(
    subscripts: Any, /, *operands: Any, out: None = None, optimize: Any = "optimal", precision: Any = None,
    preferred_element_type: Any = None,
) -> Value:  # fmt: skip
    """Sum products of operands as an equation says; three and more are contracted in the cheapest order.

    >>> mnp.einsum("ij,j->i", mnp.array([[1.0, 2.0], [3.0, 4.0]]), mnp.array([1.0, 1.0]))
    Array([3., 7.], dtype=float32)
    """
    no_out("einsum", out)
    if isinstance(subscripts, str):
        return _as(core_einsum(subscripts, *map(array_of, operands)), preferred_element_type)
    return _as(core_einsum(array_of(subscripts), *operands), preferred_element_type)


def einsum_path(subscripts: str, /, *operands: Any, optimize: Any = "greedy") -> tuple[list[Any], str]:
    """Return the order in which `einsum` might contract operands, and its cost in words.

    >>> mnp.einsum_path("ij,jk,kl->il", *[mnp.ones((2, 2))] * 3)[0]
    ['einsum_path', (0, 1), (0, 1)]
    """
    shapes = [S.full(array_of(x).shape, 0, dtypes.float32).numpy() for x in operands]
    found, text = np.einsum_path(subscripts, *shapes, optimize=optimize)
    return found, text


def kron(a: Any, b: Any) -> Value:
    """Return the Kronecker product: `b` scaled by each element of `a`, laid out in blocks.

    >>> mnp.kron(mnp.array([1, 10]), mnp.array([1, 2]))
    Array([ 1,  2, 10, 20], dtype=int64)
    """
    return C.kron(array_of(a), array_of(b))


def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Value:
    """Return the cross products of vectors of 3 (or 2) elements; of two with 2, only the third element.

    >>> mnp.cross(mnp.array([1.0, 0.0, 0.0]), mnp.array([0.0, 1.0, 0.0]))
    Array([0., 0., 1.], dtype=float32)
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = together(array_of(a), array_of(b))
    a, b = S.moveaxis(a, axisa, -1), S.moveaxis(b, axisb, -1)
    if a.shape[-1] not in (2, 3) or b.shape[-1] not in (2, 3):
        raise ShapeError(f"cross: takes vectors of 2 or 3 elements, got {aval_of(a)} and {aval_of(b)}; choose the axis")
    flat = a.shape[-1] == b.shape[-1] == 2
    (a1, a2, *a3), (b1, b2, *b3) = (J.unstack(x, -1) for x in (a, b))
    third = P.sub(P.mul(a1, b2), P.mul(a2, b1))
    if flat:
        return third
    up_a, up_b = (x[0] if x else S.zeros_like(y) for x, y in ((a3, a1), (b3, b1)))
    first, second = P.sub(P.mul(a2, up_b), P.mul(up_a, b2)), P.sub(P.mul(up_a, b1), P.mul(a1, up_b))
    shape = broadcast_shapes("cross", aval_of(third), aval_of(first), aval_of(second))
    return S.moveaxis(J.stack([S.broadcast_to(x, shape) for x in (first, second, third)], -1), -1, axisc)


# --------------------------------------------------------------------------- comparisons


def isclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Value:
    """Tell where `|a - b| <= atol + rtol * |b|`, or both are the same infinity.

    >>> mnp.isclose(mnp.array([1.0, 2.0]), mnp.array([1.0 + 1e-6, 2.1]))
    Array([ True, False], dtype=bool)
    """
    a, b = together(a, b)
    if a.dtype not in dtypes.INEXACT:
        a, b = S.cast(a, dtypes.float64), S.cast(b, dtypes.float64)
    near = P.less_equal(P.abs(P.sub(a, b)), P.add(P.mul(P.abs(b), rtol), atol))
    near = P.where(P.logical_and(P.isfinite(a), P.isfinite(b)), near, P.equal(a, b))
    return P.logical_or(near, P.logical_and(P.isnan(a), P.isnan(b))) if equal_nan else near


def allclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Value:
    """Tell whether all elements are close. See `isclose`.

    >>> mnp.allclose(mnp.array([1.0, 2.0]), mnp.array([1.0, 2.0 + 1e-6]))
    Array(True, dtype=bool)
    """
    return R.all(isclose(a, b, rtol, atol, equal_nan))


def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Value:
    """Tell whether two arrays have the same shape and elements.

    >>> mnp.array_equal(mnp.array([1, 2]), mnp.array([1, 2]))
    Array(True, dtype=bool)
    """
    a, b = array_of(a1), array_of(a2)
    if a.shape != b.shape:
        return S.full((), False, dtypes.bool_)
    same = P.equal(a, b)
    return R.all(P.logical_or(same, P.logical_and(P.isnan(a), P.isnan(b))) if equal_nan else same)


def array_equiv(a1: Any, a2: Any) -> Value:
    """Tell whether two arrays broadcast to the same elements.

    >>> mnp.array_equiv(mnp.array([1, 1]), 1)
    Array(True, dtype=bool)
    """
    a, b = array_of(a1), array_of(a2)
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        return S.full((), False, dtypes.bool_)
    return R.all(P.equal(a, b))


# --------------------------------------------------------------------------- bits in bytes

_ORDERS = {"big": np.arange(7, -1, -1), "little": np.arange(8)}


def _order(name: str, bitorder: str) -> Value:
    if bitorder not in _ORDERS:
        raise ArgumentError(f"{name}: bitorder must be 'big' or 'little', got {bitorder!r}")
    return wrap(_ORDERS[bitorder].astype(np.uint8))


def packbits(a: Any, axis: int | None = None, bitorder: str = "big") -> Value:
    """Pack the truth of elements along an axis, or of the flattened array, into bytes.

    >>> mnp.packbits(mnp.array([1, 0, 1]))
    Array([160], dtype=uint8)
    """
    a, places = array_of(a), _order("packbits", bitorder)
    if dtypes.rank(a.dtype) > 1:
        raise DTypeError(f"packbits: takes integers or bools, got {aval_of(a)}; compare them with something first")
    a, axis = (S.ravel(a), 0) if axis is None else (a, axis)
    bits = S.moveaxis(P.not_equal(a, 0), axis, -1)
    missing = -bits.shape[-1] % 8
    bits = J.pad(bits, [(0, 0)] * (bits.ndim - 1) + [(0, missing)])
    groups = S.reshape(S.cast(bits, dtypes.uint8), (*bits.shape[:-1], bits.shape[-1] // 8, 8))
    packed = S.sum(P.left_shift(groups, places), -1, dtype=dtypes.uint8)
    return S.moveaxis(packed, -1, axis)


def unpackbits(a: Any, axis: int | None = None, count: int | None = None, bitorder: str = "big") -> Value:
    """Unpack bytes into bits along an axis, or the flattened array; `count` keeps that many (or leaves off -count).

    >>> mnp.unpackbits(mnp.array([160], dtype="uint8"), count=3)
    Array([1, 0, 1], dtype=uint8)
    """
    a, places = array_of(a), _order("unpackbits", bitorder)
    if a.dtype != dtypes.uint8:
        raise DTypeError(f"unpackbits: takes uint8, got {aval_of(a)}; cast it with .astype('uint8')")
    a, axis = (S.ravel(a), 0) if axis is None else (a, axis)
    last = S.moveaxis(a, axis, -1)
    bits = P.bitwise_and(P.right_shift(S.expand_dims(last, -1), places), array_of(1, dtypes.uint8))
    bits = S.reshape(bits, (*last.shape[:-1], last.shape[-1] * 8))
    if count is not None:
        missing = max(count - bits.shape[-1], 0)
        bits = J.pad(bits[..., :count], [(0, 0)] * (bits.ndim - 1) + [(0, missing)])
    return S.moveaxis(bits, -1, axis)


__all__ = [
    "allclose", "array_equal", "array_equiv", "cross", "dot", "einsum", "einsum_path", "inner", "isclose",
    "kron", "matmul", "matvec", "outer", "packbits", "tensordot", "unpackbits", "vdot", "vecdot", "vecmat",
]  # fmt: skip
