"""Where results go: copies into parts of a result (`concatenate`, `pad`), and products written straight to their place.

A product that only a copy or a concatenation reads can be written where that would put its elements: whole matrices, in
rows or in columns, at any distance. What the kernel then has done is left out of the copy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import prod
from operator import mul

from ...array import Array
from ..graph import Atom, Equation, Var
from ..native.compile import compile_kernel
from ..passes.decompositions import cuts_of
from .fuse import Group
from .gather import WORDS
from .kernels import ELEMENT, Slot
from .layout import VIEWS, Layout, packed, together
from .operations import LOWERINGS, Lowered, Operand, Operation, Operations, refusal, wrap_number
from .products import Call, target_of


def _concatenate(ops: Operations, eq: Equation) -> Lowered:
    operands = tuple(map(ops.operand, eq.inputs))
    kept = tuple(x for x in operands if x.layout.size)
    out = eq.outputs[0].aval
    reason = refusal(eq, kept)
    if reason or any(x.dtype != out.dtype for x in kept):
        return reason or "operands of several dtypes"
    return [Operation("concatenate", eq.outputs, kept, out.shape, out.dtype, "concatenate", dict(eq.params), eq)]


def _pad(ops: Operations, eq: Equation) -> Lowered:
    """Fill the result, then copy the operand into it."""
    x, out = ops.operand(eq.inputs[0]), eq.outputs[0].aval
    reason = refusal(eq, (x,) if x.layout.size else ())
    if reason or x.dtype != out.dtype:
        return reason or "a number to pad"
    fill = Operand(wrap_number(eq.params["value"], out.dtype), Layout(out.shape, (0,) * len(out.shape)))
    kept = (fill, x) if x.layout.size else (fill,)
    return [Operation("concatenate", eq.outputs, kept, out.shape, out.dtype, "pad", dict(eq.params), eq)]


def _basic_set(ops: Operations, eq: Equation) -> Lowered:
    """Copy the whole, then copy the part into it."""
    x, part = (ops.operand(a) for a in eq.inputs)
    out = eq.outputs[0].aval
    reason = refusal(eq, (x, part) if part.layout.size else (x,))
    starts, counts, steps = zip(*cuts_of(eq.params["index"])) if eq.params["index"].sizes else ((), (), ())
    lead = out.shape[: out.ndim - len(counts)]
    view = VIEWS["reshape"](part.layout, shape=(*lead, *counts))
    if reason or x.dtype != out.dtype or part.dtype != out.dtype or view is None:
        return reason or "a part of another dtype, or in another order"
    operands = (x, Operand(part.source, view)) if part.layout.size else (x,)
    params = {"starts": starts, "steps": steps}
    return [Operation("concatenate", eq.outputs, operands, out.shape, out.dtype, "pad", params, eq)]


def _split(ops: Operations, eq: Equation) -> Lowered:
    """Parts are views."""
    x, axis = ops.operand(eq.inputs[0]), eq.params["axis"]
    if not isinstance(x.source, (Var, Array)) or x.source.aval.weak:
        return "a view of a number"
    at = 0
    for var in eq.outputs:
        offset = x.layout.offset + at * x.layout.strides[axis]
        ops.views[var] = Operand(x.source, Layout(var.aval.shape, x.layout.strides, offset))
        at += var.aval.shape[axis]
    return []


def _targets(op: Operation) -> list[Layout]:
    """Return where each operand's elements go in the result."""
    whole = op.params["into"][1] if "into" in op.params else packed(op.out.aval.shape)
    if op.formula == "pad":
        lead = (0,) * (len(whole.shape) - len(op.params["starts"]))
        starts, steps = lead + tuple(op.params["starts"]), (1,) * len(lead) + tuple(op.params["steps"])
        offset = sum(start * step for start, step in zip(starts, whole.strides))
        inner = [Layout(x.layout.shape, tuple(map(mul, steps, whole.strides)), offset) for x in op.operands[1:]]
        return [whole, *inner]
    if op.formula != "concatenate":
        seen = VIEWS["reshape"](whole, shape=op.shape)
        assert seen is not None, "a place that a copy cannot fill is not given to it"
        return [seen]
    axis = op.params["axis"]
    found, at = [], 0
    for x in op.operands:
        found.append(Layout(x.layout.shape, whole.strides, at * whole.strides[axis]))
        at += x.layout.shape[axis]
    return found


def placed(operations: list[Operation], results: Sequence[Atom]) -> list[Operation]:
    """Let products and copies write to where they would be copied; copies know what is done already."""
    makers = {op.out: op for op in operations if op.kind == "gemm" or is_copy(op)}
    reads = Counter(x.source for op in operations for x in op.operands if isinstance(x.source, Var))
    reads.update(v for v in results if isinstance(v, Var))
    for op in reversed(operations):
        if op.formula == "concatenate" or is_copy(op):
            owner = op.params["into"][0] if "into" in op.params else op.out
            done = set()
            for i, (x, target) in enumerate(zip(op.operands, _targets(op))):
                maker = makers.get(x.source) if isinstance(x.source, Var) and reads[x.source] == 1 else None
                into = maker and _seen_from_maker(x.layout, target, maker)
                if maker and into:
                    maker.params["into"] = owner, into
                    done.add(i)
            if done or "into" in op.params:
                op.kind, op.params["done"] = "concatenate", done
    return operations


def is_copy(op: Operation) -> bool:
    """Tell whether an operation only lays out elements in another order."""
    return op.kind == "map" and op.formula == "x" and op.operands[0].dtype == op.dtype == op.out.aval.dtype


def _seen_from_maker(view: Layout, target: Layout, maker: Operation) -> Layout | None:
    """Return where a product must put its elements, if all of them are copied once."""
    if view.offset or view.size != maker.out.aval.size:
        return None
    axes = sorted(together(view.shape, view.strides, target.strides), key=lambda axis: -axis[1][0])
    sizes = tuple(n for n, _ in axes)
    if tuple(step for _, (step, _) in axes) != packed(sizes).strides:
        return None
    into = Layout(sizes, tuple(to for _, (_, to) in axes), target.offset)
    if maker.kind == "gemm":
        return target_of(maker, into)
    whole = VIEWS["reshape"](into, shape=maker.out.aval.shape)
    return whole if whole is not None and VIEWS["reshape"](whole, shape=maker.shape) is not None else None


def leave_in_place(group: Group) -> None:
    """Let a part be written into a whole that is there already, if that is what a group does."""
    (op, *_) = group.operations
    if group.kind == "concatenate":
        op.params["done"] = {*op.params.get("done", ()), 0}


def concatenate_calls(op: Operation) -> list[Call]:
    """Return the calls that copy what has not been put into its place."""
    done = op.params.get("done", ())
    return [_copy(op, i, target) for i, target in enumerate(_targets(op)) if i not in done]


def _copy(op: Operation, i: int, target: Layout) -> Call:
    x, owner = op.operands[i], op.params["into"][0] if "into" in op.params else op.out
    strides = x.layout.strides
    lead = len(target.shape) - len(strides)
    axes = together(target.shape, (0,) * lead + strides, target.strides) or [(1, (1, 1))]
    *outer, (n, steps) = axes
    sizes = [n, *steps, *(number for size, (of, to) in outer for number in (size, of, to))]
    slots = [
        Slot("load", x.source, x.dtype, x.layout.offset),
        Slot("store", owner, op.dtype, target.offset),
        *(Slot("size", number) for number in sizes),
    ]
    code = compile_kernel(_copy_text(WORDS[op.dtype.itemsize], len(outer), steps), "copy")
    rows = prod(size for size, _ in outer)
    return Call(code, slots, rows, rows * n * ELEMENT)


def _copy_text(pointer: str, outer: int, steps: tuple[int, ...]) -> str:
    """Print a kernel that copies rows; the row's number is split over the outer axes."""
    of, to = ("c" if step == 1 else "0" if step == 0 else f"c * P[{i}]" for i, step in enumerate(steps, 3))
    lines = [f"x = {pointer}(P[0]); y = {pointer}(P[1]); n = P[2]", "for r in range(lo, hi):"]
    lines += ["    rest = r", "    of = int64(0)", "    to = int64(0)"]
    for at in range(2 + 3 * outer, 2, -3):
        lines += [f"    over = rest // P[{at}]", f"    j = rest - over * P[{at}]"]
        lines += [f"    of += j * P[{at + 1}]", f"    to += j * P[{at + 2}]", "    rest = over"]
    lines += ["    for c in range(n):", f"        y[to + {to}] = x[of + {of}]"]
    return "\n".join(["def copy(P, lo, hi):", *("    " + line for line in lines), ""])


LOWERINGS.update(concatenate=_concatenate, pad=_pad, split=_split, basic_set=_basic_set)
CALLS = {"concatenate": concatenate_calls}
