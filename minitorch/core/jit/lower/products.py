"""Matrix products: stacks of matrices as calls of one kernel, with transposes as flags.

A matrix can be passed on as it lies if one of its last two strides is 1; otherwise it is laid out in order first. The
result may go to a part of another value (`into`). A kernel walks two axes of a stack; with more there are several calls.
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
from .layout import VIEWS, Layout, Shape, collapse, packed, together
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
    if prod(n for n, _ in _stacked(shape, x.layout, y.layout)[:-2]) > MOST_CALLS:
        x, y = ops.laid_out(x, made), ops.laid_out(y, made)
    return [*made, Operation("gemm", eq.outputs, (x, y), shape, x.dtype, "matmul", {}, eq)]


def _stacked(shape: Shape, *layouts: Layout) -> list[tuple[int, tuple[int, ...]]]:
    """Return the axes of a stack, as few as there can be, with the strides along each."""
    return together(shape, *(_stack(layout, shape) for layout in layouts))


class Call(NamedTuple):
    """One call of a kernel: its machine code, slots, and range.

    It takes `seconds` on one thread, roughly, and threads may part the range at multiples of `unit`; 0 stands for a kernel
    that has threads of its own, or runs others.
    """

    code: Code
    slots: list[Slot]
    range: int
    seconds: float
    unit: int = 1


def target_of(op: Operation, into: Layout) -> Layout | None:
    """Return a layout of a product's result as the stack of matrices that is computed; None if no call writes that."""
    x, y = op.operands
    found = VIEWS["reshape"](into, shape=(*op.shape, x.layout.shape[-2], y.layout.shape[-1]))
    if found is None or matrix_of(found) is None or len(_stacked(op.shape, x.layout, y.layout, found)) > 2:
        return None
    made: Layout = found
    return made


def _swapped(layout: Layout) -> Layout:
    """Transpose the last two axes."""
    (*sizes, m, n), (*steps, down, across) = layout.shape, layout.strides
    return Layout((*sizes, n, m), (*steps, across, down), layout.offset)


def _is_row(into: Layout) -> bool:
    """Tell whether a result is one row whose numbers follow one another."""
    return into.shape[-2] == 1 and into.strides[-1] == 1


def is_tiled(op: Operation) -> bool:
    """Tell whether a product whose result lies in order is one call of the kernel of tiles."""
    x, y = op.operands
    (m, k), n = x.layout.shape[-2:], y.layout.shape[-1]
    into = packed((*op.shape, m, n))
    return len(_stacked(op.shape, x.layout, y.layout, into)) <= 2 and blas.is_tiled(m, n, k, prod(op.shape))


def product_calls(op: Operation) -> list[Call]:
    """Return the calls that compute a matrix product."""
    x, y = op.operands
    out, into = op.params.get("into") or (op.out, packed((*op.shape, x.layout.shape[-2], y.layout.shape[-1])))
    where = matrix_of(into)
    assert where is not None
    if where.transposed or _is_row(_swapped(into)):
        x, y = (v._replace(layout=_swapped(v.layout)) for v in (y, x))
        into = _swapped(into)
        where = matrix_of(into)
    (m, k), n = x.layout.shape[-2:], y.layout.shape[-1]
    a, b = matrix_of(x.layout), matrix_of(y.layout)
    assert a is not None and b is not None and where is not None
    axes = _stacked(op.shape, x.layout, y.layout, into)
    far, near = axes[:-2], [(1, (0, 0, 0))] * (2 - len(axes)) + axes[-2:]
    (outer, outer_steps), (inner, steps) = near
    dtype = np.dtype(op.dtype)
    code = blas.choose(dtype, m, n, k, outer * inner)
    share = blas.share(code, dtype, m, n, k)
    numbers = (a.transposed, b.transposed, m, n, k, a.leading, b.leading, where.leading, inner, *steps, *outer_steps)
    sizes = [Slot("size", int(v)) for v in (*numbers, share.chunks, share.rows, share.columns, blas.address(dtype), 0)]
    sources = ("load", x.source, x.layout.offset), ("load", y.source, y.layout.offset), ("store", out, into.offset)
    made = []
    for index in product(*(range(size) for size, _ in far)):
        at = [sum(i * by[v] for i, (_, by) in zip(index, far)) for v in range(3)]
        slots = [Slot(kind, source, op.dtype, offset + more) for (kind, source, offset), more in zip(sources, at)]
        made.append(Call(code, slots + sizes, outer * inner * share.chunks, outer * inner * share.seconds, share.unit))
    return made


LOWERINGS["matmul"] = _matmul
