"""Reductions of everything to a number or two, in parts, so that threads can share them.

A row is for one thread. Where there are few rows and they are long, each is cut into `PARTS` rows, and their results are
reduced in turn. The parts depend on the sizes alone: results are the same whatever the number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...aval import Aval
from ..graph import Var
from .layout import packed
from .operations import Operand, Operation

PARTS = 16
LONG = 1 << 16  # elements of a row that are worth being parted: 50 us


def parted(operations: list[Operation]) -> list[Operation]:
    """Return the operations with their long reductions in parts, where no kernel reduces rows and then walks them again."""
    again = _walked_again(operations)
    spaces = {op.params["abc"] for op in operations if op.kind == "rows" and op.out in again}
    return [part for op in operations for part in (_parts(op) if _is_long(op, spaces) else (op,))]


def _is_long(op: Operation, spaces: set[tuple[int, int, int]]) -> bool:
    if op.kind != "rows" or op.params["abc"] in spaces:
        return False
    rows, length, _ = op.params["abc"]
    return bool(rows < PARTS and length >= LONG and length % PARTS == 0)


def _walked_again(operations: list[Operation]) -> set[Var]:
    """Return the values that something of a greater size depends on, as a row's sum on which the row's elements wait."""
    found: set[Var] = set()
    for op in reversed(operations):
        is_needed = not found.isdisjoint(op.outputs)
        for x in op.operands:
            if isinstance(x.source, Var) and (is_needed or x.source.aval.size < op.size):
                found.add(x.source)
    return found


def _parts(op: Operation) -> Iterator[Operation]:
    rows, length, _ = op.params["abc"]
    result = Var(Aval((rows, PARTS), op.out.aval.dtype))
    abc = {"abc": (rows * PARTS, length // PARTS, 1)}
    yield Operation("rows", (result,), op.operands, op.shape, op.dtype, op.formula, {**op.params, **abc}, op.equation)
    operands, abc = (Operand(result, packed((rows, PARTS))),), {"abc": (rows, PARTS, 1)}
    dtype = result.aval.dtype
    yield Operation("rows", op.outputs, operands, (rows, PARTS), dtype, op.formula, {**op.params, **abc}, op.equation)
