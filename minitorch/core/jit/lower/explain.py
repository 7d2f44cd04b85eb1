"""A plan in words: every step with its shapes, bytes and operations, the kernels as readable Python, what stayed apart
and why, and the memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from ... import dtypes
from ..graph import Var
from .fuse import Group, why_apart
from .kernels import Slot
from .operations import Operation, memory_dtype
from .program import Program, Step


def explained(program: Program) -> str:
    """Return the text."""
    return "\n".join(_lines(program))


def _lines(program: Program) -> Iterator[str]:
    kernels = [s for s in program.steps if not s.python]
    fused = sum(len(s.group.operations) for s in kernels)
    yield (
        f"{len(program.graph.equations)} equations, {len(program.operations.list)} operations: {len(kernels)} calls of "
        f"kernels for {fused} of them, {len(program.steps) - len(kernels)} of Python"
    )
    numbers: dict[Group, int] = {}
    printed: dict[str, int] = {}
    for i, step in enumerate(program.steps, 1):
        numbers.setdefault(step.group, i)
        yield ""
        yield f"step {i}: {_title(step)}"
        if step.python:
            yield f"    Python, because: {step.python.reason}"
            continue
        yield f"    {_traffic(step)}"
        for maker in dict.fromkeys(program.fusion.owner[v] for v in step.group.reads if v in program.fusion.owner):
            if maker is not step.group:
                yield f"    apart from step {numbers[maker]}: {why_apart(maker, step.group)}"
        if step.source in printed:
            yield f"    the kernel of step {printed[step.source]}"
        else:
            printed[step.source] = i
            yield from (f"    | {line}" for line in step.source.strip().splitlines())
    yield ""
    yield from _memory(program)


def _title(step: Step) -> str:
    names = [_name(op) for op in step.group.operations]
    return f"{step.group.kind} {_space(step)}: {', '.join(names)}"


def _name(op: Operation) -> str:
    return op.equation.primitive.name if op.equation is not None else "copy" if op.formula == "x" else op.formula


def _space(step: Step) -> str:
    group = step.group
    if group.levels:
        return "x".join(map(str, group.axes() or (group.size,)))
    return " ".join(str(v.aval) for op in group.operations for v in op.outputs)


def _traffic(step: Step) -> str:
    sources = {slot.source for slot in step.slots if slot.kind in ("load", "store")}
    sizes = [v.aval.size * memory_dtype(v).itemsize for v in sources if isinstance(v, Var)]
    work = sum(_work(op) for op in step.group.operations)
    return f"{sum(sizes):,} bytes, {work:,} operations, range {step.range:,}, at least {step.grain:,} a thread"


def _work(op: Operation) -> int:
    if op.kind == "gemm":
        (m, k), n = op.operands[0].layout.shape[-2:], op.operands[1].layout.shape[-1]
        return 2 * prod(op.shape) * m * n * k
    return op.size


def _memory(program: Program) -> Iterator[str]:
    places = program.arena.places
    yield f"memory: an arena of {program.arena.size:,} bytes for {len(places)} buffers"
    for key, at in sorted(places.items(), key=lambda item: item[1]):
        what = (
            f"scratch {dtypes.name(key.dtype)}[{key.offset}]"
            if isinstance(key, Slot)
            else str(getattr(key, "aval", ""))
        )
        yield f"    {at:>12,}  {what}"
    fresh = [str(v.aval) for v in program.outputs if v not in program.donated]
    yield f"results in fresh memory: {', '.join(fresh) or 'none'}"
    if program.donated:
        over = [str(v.aval) for v in program.donated]
        yield f"results over the inputs that they replace: {', '.join(over)}"
