"""Reading from and adding to computed positions of one axis, and the check that positions lie inside it.

A kernel cannot raise: a position outside is taken for 0 and noted in the plan's flag, and the plan then runs the graph in
Python, which raises. Operands are seen as three axes, the middle one being the axis that is indexed.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from ... import dtypes
from ...aval import Aval
from ..graph import Equation, Var
from ..native.compile import compile_kernel
from . import formulas
from .kernels import ELEMENT, LINE, Slot
from .layout import is_packed, packed
from .operations import LOWERINGS, Lowered, Operand, Operation, Operations, refusal
from .products import Call

WRAPPED = """\
            at = k[{i}]
            at = select(at < 0, at + n, at)
            if at < 0 or at >= n:
                flag[0] = 1
                at = 0
"""
TAKE = """
def take(P, lo, hi):
    x = {p}(P[0]); k = i64(P[1]); y = {p}(P[2]); flag = i64(P[3])
    n = P[4]; count = P[5]; width = P[6]
    for a in range(lo // count, (hi - 1) // count + 1):
        for i in range(max(lo - a * count, 0), min(hi - a * count, count)):
{wrapped}
            source = (a * n + at) * width
            target = (a * count + i) * width
            for c in range(width):
                y[target + c] = x[source + c]
"""
# The same for single elements: positions are checked once, not for each row, and elements gathered by vectors.
PICK = """
def pick(P, lo, hi):
    x = {p}(P[0]); k = i64(P[1]); y = {p}(P[2]); flag = i64(P[3])
    n = P[4]; count = P[5]
    bad = int64(0)
    for i in range(count):
        bad = bad | select((k[i] < -n) | (k[i] >= n), int64(1), int64(0))
    if bad != 0:
        flag[0] = 1
        return
    for a in range(lo, hi):
        for i in range(count):
            at = k[i]
            y[a * count + i] = x[a * n + select(at < 0, at + n, at)]
"""
SCATTER = """
def {name}(P, lo, hi):
    u = {p}(P[0]); k = i64(P[1]); y = {p}(P[2]); flag = i64(P[3])
    n = P[4]; count = P[5]; width = P[6]; lead = P[7]; x = {p}(P[8])
    for a in range(lead):
        if P[2] != P[8]:
            for r in range(a * n, a * n + n):
                for c in range(lo, hi):
                    y[r * width + c] = {start}
        for i in range(count):
{wrapped}
            source = (a * count + i) * width
            target = (a * n + at) * width
            for c in range(lo, hi):
                y[target + c] = {t}({step})
"""
# How a scatter combines what is there, `a`, with what comes, `b`.
STEPS = {
    "scatter_add": "{a} + {b}",
    "scatter_set": "{b}",
    "scatter_multiply": "{a} * {b}",
    "scatter_min": "minimum({a}, {b})",
    "scatter_max": "maximum({a}, {b})",
}
CHECK = """
def check(P, lo, hi):
    k = i64(P[0]); flag = i64(P[1]); low = P[2]; high = P[3]
    bad = int64(0)
    for i in range(lo, hi):
        bad = bad | select((k[i] < low) | (k[i] >= high), int64(1), int64(0))
    if bad != 0:
        flag[0] = 1
"""
FLAG = Slot("flag", None)
MANY = 8  # rows from which the same elements are picked
WORDS = {1: "u8", 2: "u16", 4: "u32", 8: "u64"}


def _in_order(ops: Operations, x: Operand, made: list[Operation]) -> Operand:
    return x if is_packed(x.layout) else ops.laid_out(x, made)


def _indexed(ops: Operations, eq: Equation, kind: str) -> Lowered:
    """Lower a take or scatter with (table, indices, updates) as operands."""
    operands = [ops.operand(a) for a in eq.inputs]
    reason = refusal(eq, tuple(operands))
    if reason or operands[1].dtype != dtypes.int64:
        return reason or "indices that are not int64"
    if kind not in ("take", "scatter_set") and operands[0].dtype == dtypes.bool_:
        return "sums of bools"
    if kind in ("scatter_min", "scatter_max") and operands[0].dtype not in formulas.REALS:
        return "extrema of integers"
    shape, axis = operands[0].layout.shape, eq.params["axis"]
    at = len(shape) + axis
    abc = prod(shape[:at]), shape[at], prod(shape[at + 1 :])
    made: list[Operation] = []
    is_blank = kind != "take" and not any(operands[0].layout.strides)
    ordered = tuple(x if is_blank and i == 0 else _in_order(ops, x, made) for i, x in enumerate(operands))
    params = {"abc": abc, "count": operands[1].layout.size, "blank": is_blank}
    family = "take" if kind == "take" else "scatter_add"
    return [*made, Operation(family, eq.outputs, ordered, shape, operands[0].dtype, kind, params, eq)]


def _sizes(*numbers: int) -> list[Slot]:
    return [Slot("size", n) for n in numbers]


def take_calls(op: Operation) -> list[Call]:
    """Return the call that reads rows."""
    x, k = op.operands
    lead, n, width = op.params["abc"]
    count, word = op.params["count"], WORDS[op.dtype.itemsize]
    slots = [_load(x), _load(k), Slot("store", op.out, op.dtype), FLAG, *_sizes(n, count, width)]
    if width == 1 and lead >= MANY:
        code = compile_kernel(PICK.format(p=word), "pick")
        return [Call(code, slots[:-1], lead, lead * count * ELEMENT)]
    text = TAKE.format(p=word, wrapped=WRAPPED.format(i="i"))
    return [Call(compile_kernel(text, "take"), slots, lead * count, lead * count * width * ELEMENT)]


def scatter_calls(op: Operation) -> list[Call]:
    """Return the call that adds rows (or sets them, ...); threads take columns, so that no two write to one place."""
    x, k, u = op.operands
    lead, n, width = op.params["abc"]
    count = op.params["count"]
    start = "x[0]" if op.params["blank"] else "x[r * width + c]"
    pointer, code = formulas.POINTERS[op.dtype], formulas.CODES[op.dtype]
    step = STEPS[op.formula].format(a="y[target + c]", b="u[source + c]")
    text = SCATTER.format(name=op.formula, p=pointer, t=code, start=start, step=step, wrapped=WRAPPED.format(i="i"))
    slots = [_load(u), _load(k), Slot("store", op.out, op.dtype), FLAG, *_sizes(n, count, width, lead), _load(x)]
    seconds = lead * (n + count) * width * ELEMENT
    return [Call(compile_kernel(text, op.formula), slots, width, seconds, 16)]


def check_calls(op: Operation) -> list[Call]:
    """Return the call that checks positions."""
    slots = [_load(op.operands[0]), FLAG, *_sizes(*op.params["range"])]
    return [Call(compile_kernel(CHECK, "check"), slots, op.size, op.size * ELEMENT, LINE)]


def _load(x: Operand) -> Slot:
    return Slot("load", x.source, x.dtype, x.layout.offset)


def _checked(ops: Operations, x: Operand, low: int, high: int, made: list[Operation]) -> Operand:
    x = _in_order(ops, x, made)
    made.append(Operation("check", (), (x,), x.layout.shape, dtypes.int64, "check", {"range": (low, high)}))
    return x


def _row_numbers(ops: Operations, eq: Equation) -> Lowered:
    """Row numbers are the indices themselves, once they are checked."""
    x = ops.operand(eq.inputs[0])
    reason = refusal(eq, (x,))
    if reason or x.dtype != dtypes.int64:
        return reason or "indices that are not int64"
    made: list[Operation] = []
    ops.views[eq.outputs[0]] = _checked(ops, x, 0, eq.params["rows"], made)
    return made


def _map(formula: str, shape: Any, *operands: Operand, out: Var | None = None) -> Operation:
    params = {"names": ("x", "y", "z")[: len(operands)], "wanted": (dtypes.int64,) * len(operands)}
    made = out or Var(Aval(shape, dtypes.int64))
    return Operation("map", (made,), operands, made.aval.shape, dtypes.int64, formula, params)


def _ravel_index(ops: Operations, eq: Equation) -> Lowered:
    """Combine indices: the last result is checked piece by piece."""
    operands = [ops.operand(a) for a in eq.inputs]
    reason = refusal(eq, tuple(operands))
    if reason or any(x.dtype != dtypes.int64 for x in operands):
        return reason or "indices that are not int64"
    made: list[Operation] = []
    shape = eq.outputs[0].aval.shape
    total: Operand | None = None
    for i, (x, size) in enumerate(zip(operands, eq.params["sizes"])):
        number = Operand(size, packed(()))
        x = _checked(ops, x, -size, size, made)
        last = eq.outputs[0] if i == len(operands) - 1 else None
        if total is None:
            op = _map("x + y if x < 0 else x", shape, x, number, out=last)
        else:
            op = _map("z * y + (x + y if x < 0 else x)", shape, x, number, total, out=last)
        made.append(op)
        total = Operand(op.out, packed(shape))
    return made


LOWERINGS.update(
    take=lambda ops, eq: _indexed(ops, eq, "take"),
    **{name: lambda ops, eq: _indexed(ops, eq, eq.primitive.name) for name in STEPS},
    row_numbers=_row_numbers,
    ravel_index=_ravel_index,
)
CALLS: dict[str, Callable[[Operation], list[Call]]] = {
    "take": take_calls,
    "scatter_add": scatter_calls,
    "check": check_calls,
}
