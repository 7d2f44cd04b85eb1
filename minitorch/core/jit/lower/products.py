"""Matrix products: stacks of matrices as calls of one BLAS kernel, with transposes as flags.

A matrix can be passed on as it lies if one of its last two strides is 1; otherwise it is laid out in order first. Stacks
whose strides are not one regular step become several calls.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np

from ... import dtypes
from ..graph import Equation
from ..native import blas
from ..native.compile import Kernel as Code
from .kernels import Slot
from .layout import Layout, Shape, collapse, packed
from .operations import LOWERINGS, Lowered, Operand, Operation, Operations, refusal

MOST_CALLS = 64  # for one product; with more, the operands are laid out in order


class Matrix(NamedTuple):
    """How BLAS is told of a matrix: whether what lies in memory is its transpose, and the distance of its rows."""

    transposed: bool
    leading: int


def matrix_of(layout: Layout) -> Matrix | None:
    """Describe the last two axes, None if they cannot be."""
    (rows, columns), (down, across) = layout.shape[-2:], layout.strides[-2:]
    if (across == 1 or columns == 1) and (down >= columns or rows == 1):
        return Matrix(False, max(down if rows > 1 else 1, columns))
    if (down == 1 or rows == 1) and (across >= rows or columns == 1):
        return Matrix(True, max(across if columns > 1 else 1, rows))
    return None


def _stack(layout: Layout, shape: Shape) -> tuple[int, ...]:
    """Return the strides of the axes before the last two, broadcast to a shape."""
    lead = len(shape) - (len(layout.shape) - 2)
    sizes, steps = layout.shape[:-2], layout.strides[:-2]
    return (0,) * lead + tuple(0 if n == 1 else step for n, step in zip(sizes, steps))


def _folded(x: Operand, y: Operand, shape: Shape) -> tuple[Operand, Operand, Shape]:
    """Make one tall product of a stack times one matrix, where the stack's rows follow one another."""
    rows = x.layout
    m, k = rows.shape[-2:]
    if not shape or prod(y.layout.shape[:-2]) != 1 or rows.shape[:-2] != shape:
        return x, y, shape
    dims = collapse(rows.shape[:-1], rows.strides[:-1])
    if len(dims) > 1 or (rows.strides[-1] != 1 and k != 1):
        return x, y, shape
    step = dims[0][1] if dims else k
    tall = Layout((prod(shape) * m, k), (step, 1), rows.offset)
    flat = Layout(y.layout.shape[-2:], y.layout.strides[-2:], y.layout.offset)
    return x._replace(layout=tall), y._replace(layout=flat), ()


def _matmul(ops: Operations, eq: Equation) -> Lowered:
    x, y = (ops.operand(a) for a in eq.inputs)
    reason = refusal(eq, (x, y))
    if reason or x.dtype not in (dtypes.float32, dtypes.float64):
        return reason or f"BLAS has no {dtypes.name(x.dtype)}"
    made: list[Operation] = []
    shape = eq.outputs[0].aval.shape[:-2]
    x, y = (v if matrix_of(v.layout) else ops.laid_out(v, made) for v in (x, y))
    x, y, shape = _folded(x, y, shape)
    steps = [_stack(v.layout, shape) for v in (x, y)]
    if prod(shape[: -_regular(shape, steps)]) > MOST_CALLS:
        x, y = ops.laid_out(x, made), ops.laid_out(y, made)
    return [*made, Operation("gemm", eq.outputs, (x, y), shape, x.dtype, "matmul", {}, eq)]


def _regular(shape: Shape, steps: list[tuple[int, ...]]) -> int:
    """Return how many of the last axes of a stack are walked by one step in both operands; at least 1."""
    for n in range(len(shape), 1, -1):
        if all(len(collapse(shape[-n:], one[-n:])) <= 1 for one in steps):
            return n
    return 1


class Call(NamedTuple):
    """One call of a BLAS kernel: its machine code, slots, and range."""

    code: Code
    slots: list[Slot]
    range: int
    grain: int


def product_calls(op: Operation) -> list[Call]:
    """Return the calls that compute a matrix product."""
    x, y = op.operands
    shape, out = op.shape, op.out
    (m, k), n = x.layout.shape[-2:], y.layout.shape[-1]
    a, b = matrix_of(x.layout), matrix_of(y.layout)
    assert a is not None and b is not None
    steps = [_stack(v.layout, shape) for v in (x, y)]
    regular = _regular(shape, steps)
    outer, count = shape[: len(shape) - regular], prod(shape[len(shape) - regular :])
    inner = [([s for _, s in collapse(shape[-regular:], one[-regular:])] or [0])[-1] if shape else 0 for one in steps]
    targets = packed((*outer, count, m, n)).strides
    dtype = np.dtype(op.dtype)
    made = []
    for index in product(*map(range, outer)):
        at = [sum(i * s for i, s in zip(index, one)) for one in (*steps, targets)]
        slots = [
            Slot("load", x.source, op.dtype, x.layout.offset + at[0]),
            Slot("load", y.source, op.dtype, y.layout.offset + at[1]),
            Slot("store", out, op.dtype, at[2]),
        ]
        numbers = (a.transposed, b.transposed, m, n, k, a.leading, b.leading, n, 0, inner[0], inner[1], m * n)
        slots += [Slot("size", v) for v in map(int, (*numbers, blas.alpha_bits(1.0), blas.address(dtype)))]
        made.append(Call(blas.choose(dtype, m, n, k), slots, count, blas.grain(m, n, k)))
    return made


LOWERINGS["matmul"] = _matmul
