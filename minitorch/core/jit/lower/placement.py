"""Where results go: `concatenate` as copies into parts of its result, and products written straight to their place.

A product that only a copy or a concatenation reads can be written where that would put its elements: whole matrices, in
rows or in columns, at any distance. What the kernel then has done is left out of the copy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import prod

from ..graph import Atom, Equation, Var
from ..native.compile import compile_kernel
from .gather import WORDS
from .kernels import GRAIN, Slot
from .layout import VIEWS, Layout, packed, together
from .operations import LOWERINGS, Lowered, Operation, Operations, refusal
from .products import Call, target_of


def _concatenate(ops: Operations, eq: Equation) -> Lowered:
    operands = tuple(map(ops.operand, eq.inputs))
    kept = tuple(x for x in operands if x.layout.size)
    out = eq.outputs[0].aval
    reason = refusal(eq, kept)
    if reason or any(x.dtype != out.dtype for x in kept):
        return reason or "operands of several dtypes"
    return [Operation("concatenate", eq.outputs, kept, out.shape, out.dtype, "concatenate", {}, eq)]


def _targets(op: Operation) -> list[Layout]:
    """Return where each operand's elements go in the result."""
    whole = packed(op.out.aval.shape)
    if op.formula != "concatenate" or op.equation is None:
        return [VIEWS["reshape"](whole, shape=op.shape)]
    axis = op.equation.params["axis"]
    found, at = [], 0
    for x in op.operands:
        found.append(Layout(x.layout.shape, whole.strides, at * whole.strides[axis]))
        at += x.layout.shape[axis]
    return found


def placed(operations: list[Operation], results: Sequence[Atom]) -> list[Operation]:
    """Let products write to where they would be copied; return what is left to do."""
    makers = {op.out: op for op in operations if op.kind == "gemm"}
    reads = Counter(x.source for op in operations for x in op.operands if isinstance(x.source, Var))
    reads.update(v for v in results if isinstance(v, Var))
    for op in operations:
        if op.kind == "concatenate" or _is_copy(op):
            done = set()
            for i, (x, target) in enumerate(zip(op.operands, _targets(op))):
                maker = makers.get(x.source) if isinstance(x.source, Var) and reads[x.source] == 1 else None
                into = maker and _seen_from_maker(x.layout, target, maker)
                if maker and into:
                    maker.params["into"] = op.out, into
                    done.add(i)
            if done:
                op.kind, op.params["done"] = "concatenate", done
    return operations


def _is_copy(op: Operation) -> bool:
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
    return target_of(maker, Layout(sizes, tuple(to for _, (_, to) in axes), target.offset))


def concatenate_calls(op: Operation) -> list[Call]:
    """Return the calls that copy what has not been put into its place."""
    done = op.params.get("done", ())
    return [_copy(op, i, target) for i, target in enumerate(_targets(op)) if i not in done]


def _copy(op: Operation, i: int, target: Layout) -> Call:
    x = op.operands[i]
    strides = x.layout.strides
    lead = len(target.shape) - len(strides)
    axes = together(target.shape, (0,) * lead + strides, target.strides) or [(1, (1, 1))]
    *outer, (n, steps) = axes
    sizes = [n, *steps, *(number for size, (of, to) in outer for number in (size, of, to))]
    slots = [
        Slot("load", x.source, x.dtype, x.layout.offset),
        Slot("store", op.out, op.dtype, target.offset),
        *(Slot("size", number) for number in sizes),
    ]
    code = compile_kernel(_copy_text(WORDS[op.dtype.itemsize], len(outer), steps), "copy")
    return Call(code, slots, prod(size for size, _ in outer), max(1, GRAIN // n))


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


LOWERINGS["concatenate"] = _concatenate
CALLS = {"concatenate": concatenate_calls}
