"""Contractions: products of two arrays, summed over the axes they share.

All of them come down to one primitive, `matmul` on stacks of matrices, which is its own transpose. Sums over broadcast
stacks are left to the backward loop, except where folding them into the product saves the memory of the stack. Products
with vectors have primitives of their own, for a vector made a matrix and back costs more than a small product; batching
and compilers see them as `matmul`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..array import Array
from ..aval import Aval
from ..config import inspector
from ..errors import DTypeError, ShapeError
from ..primitive import DECOMPOSE, FAILURES, LINEAR
from ..tracer import Value, aval_of
from .diagonal import diagonal_p
from .families import as_array, bilinear, primitive_of
from .fusing import fused, shortcut
from .pointwise import conj, mul
from .shaping import canonical_axes, canonical_axis, cast, expand_dims, moveaxis, reshape, sum, transpose, transpose_p

_asarray, _ndarray = np.asarray, np.ndarray
_new = object.__new__
_inspector = inspector.get
_DIRECT = dtypes.NATIVE - {dtypes.bool_}


# --------------------------------------------------------------------------- the primitive


def _matmul_impl(x: Any, y: Any) -> Any:
    if x.dtype in dtypes.HALVES:
        return _product(x.astype(np.float32), y.astype(np.float32)).astype(x.dtype)
    return _product(x, y)


def _of_copies(x: Any, y: Any) -> Any:
    return _matmul_impl(np.ascontiguousarray(x), np.ascontiguousarray(y))


def _product(x: Any, y: Any) -> Any:
    if y.ndim == 2 and x.ndim > 2 and x.flags.c_contiguous:
        # One large product instead of one for each matrix of the stack.
        return np.matmul(x.reshape(math.prod(x.shape[:-1]), x.shape[-1]), y).reshape(*x.shape[:-1], y.shape[-1])
    return np.matmul(x, y)


def _matmul_abstract(x: Aval, y: Aval) -> Aval:
    _check_inner(x, y)
    try:
        stack = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    except ValueError:
        raise ShapeError(
            f"matmul: {x} @ {y}: the stacks of matrices, {x.shape[:-2]} and {y.shape[:-2]}, do not broadcast; sizes "
            "must match or be 1, counted from the last: reshape an operand"
        ) from None
    return Aval((*stack, x.shape[-2], y.shape[-1]), x.dtype, x.device)


def _check_inner(x: Aval, y: Aval) -> None:
    inner = y.shape[-1] if y.ndim == 1 else y.shape[-2]
    if x.shape[-1] != inner:
        axis = "first" if y.ndim == 1 else "second-to-last"
        raise ShapeError(
            f"matmul: {x} @ {y}: the last axis of the left operand has size {x.shape[-1]}, the {axis} axis of the "
            f"right one {inner}; they must agree: transpose an operand, as in x @ y.mT"
        )


def _transpose_x(g: Value, y: Value) -> Value:
    return matmul(g, matrix_transpose(y))


def _transpose_y(g: Value, x: Value, y_aval: Aval) -> Value:
    if y_aval.ndim == 2 and x.ndim > 2 and x.shape[:-2] == g.shape[:-2]:
        # The sum over the stack becomes part of the product: nothing of the stack's size is made.
        rows = math.prod(x.shape[:-1])
        x, g = reshape(x, (rows, x.shape[-1])), reshape(g, (rows, g.shape[-1]))
    return matmul(matrix_transpose(x), g)


def _matmul_batch(batched: tuple[bool, ...], x: Value, y: Value) -> Value:
    if not batched[0] and x.ndim == 2 and y.ndim == 3 and y.shape[-1] == 1:
        # One matrix times many vectors is one product of two matrices.
        columns = reshape(y, y.shape[:-1])
        return reshape(matmul(columns, matrix_transpose(x)), (y.shape[0], x.shape[0], 1))
    x_rank, y_rank = x.ndim - batched[0], y.ndim - batched[1]
    return matmul_p(_aligned(x, batched[0], y_rank - x_rank), _aligned(y, batched[1], x_rank - y_rank))


def _aligned(x: Value, batched: bool, missing: int) -> Value:
    """Insert axes behind the batch axis, so that the stacks of both operands line up."""
    return reshape(x, (x.shape[0],) + (1,) * missing + x.shape[1:]) if batched and missing > 0 else x


matmul_p: Any = bilinear(
    "matmul", _matmul_impl, _transpose_x, _transpose_y, abstract=_matmul_abstract, batch=_matmul_batch
)
# The product as NumPy makes it of operands in one layout, so that random vectors agree to the last bit: compiled
# functions call back for it, for the order in which a kernel adds up is its own.
reproducible_matmul: Any = bilinear(
    "reproducible_matmul", _of_copies, _transpose_x, _transpose_y, abstract=_matmul_abstract, batch=_matmul_batch
)


# --------------------------------------------------------------------------- with vectors


def _flat(x: Any) -> Any:
    """Merge all axes but the last."""
    return x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def _matvec_impl(x: Any, y: Any) -> Any:
    return x.dot(y) if x.ndim == 2 else _flat(x).dot(y).reshape(x.shape[:-1])


def _matvec_abstract(x: Aval, y: Aval) -> Aval:
    _check_inner(x, y)
    return x._replace(shape=x.shape[:-1], weak=False)


def _matvec_composed(x: Value, y: Value) -> Value:
    return reshape(matmul_p(x, reshape(y, (*y.shape, 1))), x.shape[:-1])


@shortcut(lambda g, y: g[..., None] * y)
def _matvec_x(g: Value, y: Value) -> Value:
    return mul(expand_dims(g, -1), y)


@shortcut(lambda g, x: _flat(x).T.dot(g.reshape(-1)))
def _matvec_y(g: Value, x: Value) -> Value:
    rows = math.prod(x.shape[:-1])
    return matvec_p(matrix_transpose(reshape(x, (rows, x.shape[-1]))), reshape(g, (rows,)))


# Shapes [..., n, k] and [k] give [..., n].
matvec_p: Any = fused(
    "matvec",
    _matvec_impl,
    abstract=_matvec_abstract,
    vjp=(_matvec_x, _matvec_y),
    jvp=LINEAR,
    batch=DECOMPOSE,
    decompose=_matvec_composed,
    holomorphic=True,
)


def _inner_abstract(x: Aval, y: Aval) -> Aval:
    _check_inner(x, y)
    return x._replace(shape=(), weak=False)


def _inner_composed(x: Value, y: Value) -> Value:
    return reshape(matmul_p(reshape(x, (1, *x.shape)), reshape(y, (*y.shape, 1))), ())


@shortcut(lambda g, y: g * y)
def _inner_x(g: Value, y: Value) -> Value:
    return mul(g, y)


@shortcut(lambda g, x: x * g)
def _inner_y(g: Value, x: Value) -> Value:
    return mul(x, g)


# Two vectors give a number.
inner_p: Any = fused(
    "inner",
    lambda x, y: x.dot(y),
    abstract=_inner_abstract,
    vjp=(_inner_x, _inner_y),
    jvp=LINEAR,
    batch=DECOMPOSE,
    decompose=_inner_composed,
    holomorphic=True,
)


# --------------------------------------------------------------------------- for any of these


def matmul(x: Value, y: Value, /) -> Value:
    """Multiply matrices, stacks of matrices, or vectors; stacks broadcast.

    Shapes `[..., n, k] @ [..., k, m]` give `[..., n, m]`; a 1-d operand stands for a row on the left or a column on the
    right, and its axis is dropped from the result. Raises ShapeError when the inner sizes differ.

    >>> matmul(np.ones((2, 3), "f4"), np.ones(3, "f4"))
    Array([3., 3.], dtype=float32)
    """
    if type(x) is Array and type(y) is Array:
        a, b = x._data, y._data
        if a.dtype is b.dtype and a.dtype in _DIRECT and 0 < a.ndim < 3 and 0 < b.ndim < 3 and _inspector() is None:
            try:
                # Measured: ndarray.dot is 0.5 us faster than np.matmul on small matrices, and the same otherwise.
                out = a.dot(b)
            except FAILURES:
                return _general(x, y)
            array: Array = _new(Array)
            array._data = out if type(out) is _ndarray else _asarray(out)
            return array
    return _general(x, y)


def _general(x: Value, y: Value) -> Value:
    x, y = as_array(x), as_array(y)
    a, b = aval_of(x), aval_of(y)
    if not a.ndim or not b.ndim:
        raise ShapeError(f"matmul: {a} @ {b}: a 0-d operand has no axis to sum over; multiply it with *")
    x, y = same_dtype("matmul", x, y)
    if a.ndim > 1 and b.ndim > 1:
        return matmul_p(x, y)
    _check_inner(a, b)
    if a.ndim > 1:
        return matvec_p(x, y)
    return inner_p(x, y) if b.ndim == 1 else matvec_p(matrix_transpose(y), x)


def same_dtype(name: str, *operands: Value) -> tuple[Value, ...]:
    """Cast operands to their promoted dtype; sums of products of bools raise."""
    kinds = [x.dtype for x in operands]
    dtype = kinds[0] if all(kind is kinds[0] for kind in kinds) else dtypes.promote(*kinds)
    if dtype == dtypes.bool_:
        shown = " and ".join(str(aval_of(x)) for x in operands)
        raise DTypeError(f"{name}: does not multiply bools, got {shown}; cast with .to(int64) or .to(float32)")
    return tuple(x if kind is dtype else cast(x, dtype) for x, kind in zip(operands, kinds))


def matrix_transpose(x: Value) -> Value:
    """Swap the last two axes, without a copy."""
    return transpose_p(x, axes=(*range(-x.ndim, -2), -1, -2))


matmul.primitive = primitive_of(matmul_p)  # type: ignore[attr-defined]


# --------------------------------------------------------------------------- compositions


def dot(x: Value, y: Value) -> Value:
    """Multiply as NumPy's `dot`: sum over the last axis of `x` and the second-to-last of `y`.

    The same as `matmul` for vectors and matrices; a 0-d operand multiplies; stacks give every pair of matrices.

    >>> dot(np.array([1, 2]), np.array([3, 4]))
    Array(11, dtype=int64)
    """
    x, y = as_array(x), as_array(y)
    if not x.ndim or not y.ndim:
        return mul(x, y)
    return matmul(x, y) if y.ndim == 1 or (x.ndim <= 2 and y.ndim == 2) else tensordot(x, y, (-1, -2))


def vecdot(x: Value, y: Value, axis: int = -1) -> Value:
    """Sum `conj(x) * y` over one axis; the others broadcast."""
    x, y = same_dtype("vecdot", as_array(x), as_array(y))
    if not x.ndim or not y.ndim:
        raise ShapeError(f"vecdot: needs vectors, got {aval_of(x)} and {aval_of(y)}; multiply numbers with *")
    x, y = moveaxis(x, axis, -1), moveaxis(y, axis, -1)
    if x.shape[-1] != y.shape[-1]:
        raise ShapeError(
            f"vecdot: {aval_of(x)} and {aval_of(y)} have {x.shape[-1]} and {y.shape[-1]} elements along axis {axis}; "
            "the sizes must be equal: slice one, or choose another axis"
        )
    x = conj(x) if x.dtype in dtypes.COMPLEX else x
    return matmul(x, y) if x.ndim == 1 and y.ndim == 1 else sum(mul(x, y), -1, dtype=x.dtype)


def tensordot(x: Value, y: Value, axes: int | Sequence[Any] = 2) -> Value:
    """Sum products over pairs of axes.

    `axes` is a number n (the last n axes of `x` with the first n of `y`) or a pair of axes or sequences of axes. The
    result has the other axes of `x`, then those of `y`.

    >>> tensordot(np.ones((2, 3, 4)), np.ones((4, 3, 5)), ([1, 2], [1, 0])).shape
    (2, 5)
    """
    x, y = same_dtype("tensordot", as_array(x), as_array(y))
    a, b = _summed_axes(x, y, axes)
    if [x.shape[i] for i in a] != [y.shape[j] for j in b]:
        raise ShapeError(
            f"tensordot: {aval_of(x)} and {aval_of(y)}: axes {_shown(a, x)} of the first have sizes "
            f"{tuple(x.shape[i] for i in a)}, axes {_shown(b, y)} of the second {tuple(y.shape[j] for j in b)}; "
            "pair axes of equal size"
        )
    free_x = [i for i in range(-x.ndim, 0) if i not in a]
    free_y = [j for j in range(-y.ndim, 0) if j not in b]
    rows, columns = tuple(x.shape[i] for i in free_x), tuple(y.shape[j] for j in free_y)
    k = math.prod(x.shape[i] for i in a)
    left = reshape(transpose(x, [*free_x, *a]), (math.prod(rows), k))
    right = reshape(transpose(y, [*b, *free_y]), (k, math.prod(columns)))
    return reshape(matmul(left, right), rows + columns)


def _summed_axes(x: Value, y: Value, axes: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if isinstance(axes, int):
        most = min(x.ndim, y.ndim)
        if not 0 <= axes <= most:
            raise ShapeError(f"tensordot: axes={axes} for {aval_of(x)} and {aval_of(y)}; give 0 to {most}")
        return tuple(range(-axes, 0)), tuple(range(-y.ndim, axes - y.ndim))
    if not isinstance(axes, (tuple, list)) or len(axes) != 2:
        raise ShapeError(f"tensordot: axes must be a number or a pair of axes, got {axes!r}")
    a, b = (canonical_axes("tensordot", tuple(i) if isinstance(i, list) else i, v.ndim) for i, v in zip(axes, (x, y)))
    if len(a) != len(b):
        raise ShapeError(f"tensordot: axes {axes} name {len(a)} axes of the first operand and {len(b)} of the second")
    return a, b


def _shown(axes: tuple[int, ...], x: Value) -> tuple[int, ...]:
    return tuple(i + x.ndim for i in axes)


def inner(x: Value, y: Value) -> Value:
    """Sum products over the last axes of both operands; a 0-d operand multiplies."""
    x, y = as_array(x), as_array(y)
    if x.ndim == 1 == y.ndim:
        return matmul(x, y)
    return tensordot(x, y, (-1, -1)) if x.ndim and y.ndim else mul(x, y)


def outer(x: Value, y: Value) -> Value:
    """Multiply every element of `x` with every element of `y`, both flattened: a matrix.

    >>> outer([1.0, 2.0], [3.0, 4.0])
    Array([[3., 4.],
           [6., 8.]], dtype=float32)
    """
    x, y = as_array(x), as_array(y)
    return mul(reshape(x, (x.size, 1)), reshape(y, (1, y.size)))


def kron(x: Value, y: Value) -> Value:
    """Return the Kronecker product: `y` scaled by each element of `x`, laid out in blocks.

    >>> kron([1, 10], [1, 2, 3]).tolist()
    [1, 2, 3, 10, 20, 30]
    """
    x, y = as_array(x), as_array(y)
    n = max(x.ndim, y.ndim)
    a, b = (1,) * (n - x.ndim) + x.shape, (1,) * (n - y.ndim) + y.shape
    left = reshape(x, tuple(size for i in a for size in (i, 1)))
    right = reshape(y, tuple(size for j in b for size in (1, j)))
    return reshape(mul(left, right), tuple(i * j for i, j in zip(a, b)))


def trace(x: Value, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Value:
    """Sum a diagonal of two axes (of the first two, as NumPy).

    >>> mt.Array([[1, 2], [3, 4]]).trace(), mt.Array([[1, 2], [3, 4]]).trace(offset=1)
    (Array(5, dtype=int64), Array(2, dtype=int64))
    """
    x = as_array(x)
    if x.ndim < 2:
        raise ShapeError(f"trace: needs at least 2 axes, got {aval_of(x)}; sum a vector with .sum()")
    pair = canonical_axis("trace", axis1, x.ndim), canonical_axis("trace", axis2, x.ndim)
    return sum(diagonal_p(moveaxis(x, pair, (-2, -1)), offset=int(offset)), -1)
