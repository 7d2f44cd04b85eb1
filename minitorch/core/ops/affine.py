"""The affine map of a layer, `x @ w.T + b`, and the lookup of rows in a table.

Weights are stored `[out, in]`, as in PyTorch. Leading axes of `x` are free.
"""

from __future__ import annotations

import math
from typing import Any

from .. import dtypes
from ..aval import Aval
from ..errors import DTypeError, OutOfBoundsError, ShapeError
from ..primitive import NO_DERIVATIVE
from ..tracer import Value, aval_of
from .contractions import matmul
from .families import LEADING, as_array, custom
from .fusing import fused, shortcut
from .gathering import scatter_add, take_p
from .pointwise import add, detach, div, equal, mul, where
from .shaping import broadcast_to, canonical_axis, cast, expand_dims, full, reshape, sum_p, swapaxes
from .summation import add_reduce, column_sums

# --------------------------------------------------------------------------- linear


def _rows(x: Any) -> Any:
    """Merge all axes but the last."""
    return x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def _linear(x: Any, w: Any, b: Any) -> Any:
    if w.ndim != 2 or (b is not None and (b.ndim != 1 or len(b) != len(w))):
        raise ValueError("linear: weight or bias")
    # ndarray.dot goes straight to the matrix library; np.matmul takes 0.5 us more on small operands.
    if x.ndim <= 2:
        out = x.dot(w.T)
    else:
        out = _rows(x).dot(w.T).reshape(*x.shape[:-1], w.shape[0])
    if b is None:
        return out
    out += b if b.size != 1 else b.reshape(())  # one number is added in half the time of a row of one
    return out


def _linear_abstract(x: Aval, w: Aval, b: Aval | None) -> Aval:
    shown = f"input {list(x.shape)}, weight {list(w.shape)}" + (f", bias {list(b.shape)}" if b is not None else "")
    if w.ndim != 2:
        raise ShapeError(f"linear: the weight must have two axes, [out, in], got {shown}; reshape the weight")
    if not x.ndim or x.shape[-1] != w.shape[1]:
        raise ShapeError(
            f"linear: mat1 and mat2 shapes cannot be multiplied: {shown}; the last size of the input must be "
            f"{w.shape[1]}, the second of the weight"
        )
    if b is not None and b.shape != (w.shape[0],):
        raise ShapeError(f"linear: the bias must have shape [{w.shape[0]}], got {shown}; reshape the bias")
    return x._replace(shape=(*x.shape[:-1], w.shape[0]), weak=False)


def _composed(x: Value, w: Value, b: Value | None) -> Value:
    out = matmul(x, swapaxes(w, -1, -2))
    return out if b is None else add(out, b)


def _batched(batched: tuple[bool, ...], x: Value, w: Value, b: Value | None) -> Value:
    if not batched[1] and not batched[2]:
        return linear_p(x, w, b)
    lead = x.shape[1:-1] if batched[0] else x.shape[:-1]
    out = _times(x, w, batched[0], lead) if batched[1] else linear_p(x, w, None)
    if b is None:
        return out
    return add(out, reshape(b, (b.shape[0],) + (1,) * len(lead) + b.shape[1:]) if batched[2] else b)


def _times(x: Value, w: Value, is_batched: bool, lead: tuple[int, ...]) -> Value:
    """Multiply with a weight per example."""
    rows, n = math.prod(lead), x.shape[-1]
    flat = reshape(x, (x.shape[0], rows, n) if is_batched else (rows, n))
    out = matmul(flat, swapaxes(w, -1, -2))
    return reshape(out, (w.shape[0], *lead, w.shape[1]))


@shortcut(lambda g, w: g.dot(w) if g.ndim <= 2 else _rows(g).dot(w).reshape(*g.shape[:-1], w.shape[1]))
def _input_rule(g: Value, w: Value) -> Value:
    return matmul(g, w)


@shortcut(lambda g, x: g.T.dot(x) if g.ndim == 2 else _rows(g).T.dot(_rows(x)))
def _weight_rule(g: Value, x: Value) -> Value:
    rows = math.prod(x.shape[:-1])
    return matmul(swapaxes(reshape(g, (rows, g.shape[-1])), 0, 1), reshape(x, (rows, x.shape[-1])))


def _bias_fast(g: Any) -> Any:
    if g.ndim == 2:
        return column_sums(g)
    return add_reduce(g, tuple(range(-g.ndim, -1))) if g.ndim > 1 else g


@shortcut(_bias_fast)
def _bias_rule(g: Value) -> Value:
    return sum_p(g, axes=tuple(range(-g.ndim, -1)), keepdims=False)


linear_p = fused(
    "linear",
    _linear,
    abstract=_linear_abstract,
    vjp=(_input_rule, _weight_rule, _bias_rule),
    jvp=(
        lambda t, w: linear_p(t, w, None),
        lambda t, x: linear_p(x, t, None),
        lambda t, out_aval: broadcast_to(t, out_aval.shape),
    ),
    batch=_batched,
    decompose=_composed,
    holomorphic=True,
)


def linear(x: Value, w: Value, b: Value | None = None) -> Value:
    """Return `x @ w.T + b` for `x[..., in]`, `w[out, in]` and `b[out]`.

    >>> linear([[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]], [0.0, 1.0])
    Array([[11., 18.]], dtype=float32)
    """
    x, w, b = as_array(x), as_array(w), None if b is None else as_array(b)
    operands = [a for a in (x, w, b) if a is not None]
    dtype = dtypes.promote(*(a.dtype for a in operands))
    _linear_abstract(*(None if a is None else aval_of(a) for a in (x, w, b)))  # type: ignore[arg-type]
    return linear_p(cast(x, dtype), cast(w, dtype), None if b is None else cast(b, dtype))


# --------------------------------------------------------------------------- embedding


def _lookup(indices: Any, *, rows: int) -> Any:
    if indices.size and not 0 <= indices.min() <= indices.max() < rows:
        bad = indices[(indices < 0) | (indices >= rows)].flat[0]
        raise OutOfBoundsError(f"embedding: index out of range: {bad} in a table of {rows} rows; use 0 to {rows - 1}")
    return indices


row_numbers_p = custom(
    "row_numbers",
    _lookup,
    abstract=lambda indices, *, rows: indices,
    vjp=NO_DERIVATIVE,
    jvp=NO_DERIVATIVE,
    batch=LEADING,
)


# The identity, whose derivative is multiplied with a factor.
scaled_gradient_p = custom(
    "scaled_gradient",
    lambda x, factor: x,
    abstract=lambda x, factor: x._replace(weak=False),
    vjp=(lambda g, factor: mul(g, factor), None),
    jvp=(lambda t, factor: mul(t, factor), None),
    batch=LEADING,
    decompose=lambda x, factor: x,
)


def embedding(indices: Value, table: Value, padding_row: int | None = None, by_frequency: bool = False) -> Value:
    """Look up rows of `table[rows, width]`; the result has shape `[*indices.shape, width]`.

    Negative indices raise, as in PyTorch. A `padding_row` is looked up like any other and receives no gradient. With
    `by_frequency`, the gradient of a row is divided by how often it is looked up.

    >>> embedding([1, 1, 0], [[1.0, 2.0], [3.0, 4.0]]).tolist()
    [[3.0, 4.0], [3.0, 4.0], [1.0, 2.0]]
    """
    indices, table = as_array(indices), as_array(table)
    if dtypes.rank(indices.dtype) != 1:
        raise DTypeError(f"embedding: indices must be integers, got {aval_of(indices)}; cast them with .long()")
    if table.ndim != 2:
        raise ShapeError(f"embedding: the table must have two axes, [rows, width], got {aval_of(table)}; reshape it")
    rows = row_numbers_p(cast(indices, dtypes.int64), rows=table.shape[0])
    out = take_p(table, rows, axis=-2)
    if by_frequency:
        ones = full(rows.shape, 1.0, table.dtype)
        counts = scatter_add(full(table.shape[:1], 0.0, table.dtype), rows, ones, axis=-1)
        out = scaled_gradient_p(out, expand_dims(div(1.0, take_p(counts, rows, axis=-1)), -1))
    if padding_row is None:
        return out
    padding = canonical_axis("embedding", padding_row, table.shape[0]) + table.shape[0]
    return where(expand_dims(equal(rows, padding), -1), detach(out), out)
