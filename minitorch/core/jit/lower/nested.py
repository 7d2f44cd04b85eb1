"""Loops and branches: an operation whose kernel runs the kernels of the graphs that its equation holds.

The graphs become programs of their own, whose values lie in a part of the arena around them. A graph with an operation that
has no kernel makes the whole loop Python's.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from ... import dtypes
from ...array import Array
from ..graph import Equation, Var, subgraphs
from ..native.compile import compile_kernel
from ..native.loops import SCAN, SWITCH, WHILE
from .gather import FLAG
from .kernels import Slot
from .layout import is_packed
from .operations import LOWERINGS, Lowered, Operand, Operation, Operations, memory_dtype, refusal, wrap_number
from .products import Call


def _nested(ops: Operations, eq: Equation) -> Lowered:
    """Lower a loop or a branch, with its graphs as programs."""
    graphs, donors = list(subgraphs(eq)), _donors(eq)
    if any(v.aval.weak for graph in graphs for inner in graph.equations for v in inner.outputs):
        return "arithmetic of plain numbers inside"
    programs = [ops.nest(graph, given) for graph, given in zip(graphs, donors, strict=True)]
    for program in programs:
        for step in program.steps:
            if step.python is not None:
                name = step.python.equation.primitive.name if step.python.equation is not None else "a copy"
                return f"inside, {name} is Python ({step.python.reason}), which is called back at every step"
    operands = tuple(_as_read(ops.operand(a), weak) for a, weak in zip(eq.inputs, _weak_inputs(eq), strict=True))
    reason = refusal(eq, ())
    if reason or any(not x.layout.size or (x.dtype not in KINDS) for x in operands):
        return reason or "operands without elements"
    made: list[Operation] = []
    ordered = tuple(x if is_packed(x.layout) else ops.laid_out(x, made) for x in operands)
    params = {**eq.params, "programs": programs}
    return [*made, Operation(eq.primitive.name, eq.outputs, ordered, (), dtypes.int64, "", params, eq)]


def _donors(eq: Equation) -> list[dict[int, int]]:
    """Return, for each graph, which inputs its outputs may be written over: the carries that they replace."""
    if eq.primitive.name == "scan":
        c, k = eq.params["counts"]
        return [{j: c + j for j in range(k)}]
    if eq.primitive.name == "while":
        return [{}, {j: eq.params["counts"][1] + j for j in range(len(eq.outputs))}]
    return [{}] * len(eq.params["branches"])


KINDS = frozenset((dtypes.bool_, dtypes.float32, dtypes.float64, *dtypes.INTEGERS))


def _weak_inputs(eq: Equation) -> list[bool]:
    """Return which operands go to inputs that are plain numbers."""
    name, params = eq.primitive.name, eq.params
    if name == "switch":
        return [False, *(v.aval.weak for v in params["branches"][0].inputs)]
    if name == "scan":
        return [v.aval.weak for v in params["body"].inputs]
    a, _ = params["counts"]
    return [v.aval.weak for v in (*params["cond"].inputs[:a], *params["body"].inputs)]


def _as_read(x: Operand, weak: bool) -> Operand:
    """Give a number that goes to an array's place the dtype of one."""
    if weak or isinstance(x.source, (Var, Array)):
        return x
    return Operand(wrap_number(x.source, dtypes.promote(type(x.source))), x.layout)


# --------------------------------------------------------------------------- calls


def arena_of(program: Any) -> Slot:
    """Return the slot that stands for the memory of a program inside."""
    return Slot("scratch", program, dtypes.uint8, max(program.arena.size, 1))


def _flag(programs: list[Any]) -> Slot:
    """Return where a kernel notes a position outside its axis; nowhere, if none of them checks any."""
    return FLAG if any(program.is_checked for program in programs) else Slot("number", 0, dtypes.int64)


def _loads(op: Operation) -> list[Slot]:
    return [Slot("load", x.source, x.dtype, x.layout.offset) for x in op.operands]


def _stores(op: Operation) -> list[Slot]:
    return [Slot("store", v, v.aval.dtype) for v in op.outputs]


def _in_place(program: Any, carries: tuple[Var, ...]) -> list[bool]:
    """Return which carries a step writes over."""
    return [program.root(out) in program.donated for out in program.results[: len(carries)]]


def _spare(op: Operation, carries: tuple[Var, ...], in_place: list[bool]) -> list[Slot]:
    """Return a second buffer for each carry that is not written over."""
    pairs = enumerate(zip(carries, in_place))
    return [Slot("scratch", (op.out, j), v.aval.dtype, 1 if alone else v.aval.size) for j, (v, alone) in pairs]


def _bytes(shape: tuple[int, ...], dtype: Any) -> Slot:
    return Slot("size", prod(shape) * dtype.itemsize)


def _sizes(*numbers: int) -> list[Slot]:
    return [Slot("size", int(n)) for n in numbers]


def scan_calls(op: Operation) -> list[Call]:
    """Return the call of a loop over known steps."""
    (program,) = op.params["programs"]
    c, k = op.params["counts"]
    xs, ys = op.operands[c + k :], op.outputs[k:]
    alone = _in_place(program, op.outputs[:k])
    slots = [Slot("block", program), _flag([program]), *_sizes(op.params["length"], op.params["reverse"])]
    slots += [*_sizes(c, k, len(xs), len(ys)), *_loads(op), *_stores(op), *_spare(op, op.outputs[:k], alone)]
    slots += [_bytes(x.layout.shape[1:], x.dtype) for x in xs] + [_bytes(v.aval.shape[1:], v.aval.dtype) for v in ys]
    slots += [_bytes(v.aval.shape, v.aval.dtype) if one else Slot("size", 0) for v, one in zip(op.outputs, alone)]
    return [Call(compile_kernel(SCAN, "scan"), [*slots, arena_of(program)], 1, 0.0, unit=0)]


def while_calls(op: Operation) -> list[Call]:
    """Return the call of a loop that asks."""
    test, body = programs = op.params["programs"]
    a, b = op.params["counts"]
    alone = _in_place(body, op.outputs)
    goes_on = Slot("scratch", (op.out, "goes on"), dtypes.bool_, 1)
    slots = [Slot("block", test), Slot("block", body), _flag(programs), goes_on, *_sizes(a, b, len(op.outputs))]
    slots += [*_loads(op), *_stores(op), *_spare(op, op.outputs, alone)]
    slots += [_bytes(v.aval.shape, memory_dtype(v)) for v in op.outputs] + _sizes(*alone)
    return [Call(compile_kernel(WHILE, "repeat"), [*slots, arena_of(test), arena_of(body)], 1, 0.0, unit=0)]


def switch_calls(op: Operation) -> list[Call]:
    """Return the call of one of several branches."""
    programs = op.params["programs"]
    index, *arguments = _loads(op)
    slots = [*_sizes(len(programs), len(arguments), len(op.outputs)), index]
    slots += [*(Slot("block", program) for program in programs), *arguments, *_stores(op)]
    checks = [FLAG] if any(program.is_checked for program in programs) else []
    return [Call(compile_kernel(SWITCH, "switch"), [*slots, *map(arena_of, programs), *checks], 1, 0.0, unit=0)]


LOWERINGS.update(dict.fromkeys(("scan", "while", "switch"), _nested))
CALLS: dict[str, Callable[[Operation], list[Call]]] = {"scan": scan_calls, "while": while_calls, "switch": switch_calls}
