"""A plan in words: every step with its shapes, bytes and operations, the kernels as readable Python, what stayed apart
and why, and the memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from math import prod
from textwrap import wrap as wrapped
from typing import Any

from ... import dtypes
from ..graph import Names, Var
from ..passes.bundles import written_out
from .fuse import Group, why_apart
from .kernels import Slot
from .operations import Operation, memory_dtype
from .program import Program, Step

WIDTH = 110
# A name in a kernel and the slot that it stands for: `x0 = f32(P[1])`, `n0 = P[0]`.
NAMED = re.compile(r"\b(\w+) = \w*\(?P\[(\d+)\]\)?(?= *(?:;|$))", re.MULTILINE)


def explained(program: Program, names: Names | None = None, times: Sequence[float] | None = None) -> str:
    """Return the text: variables go by `names`, and `times` are the seconds that each step has taken."""
    for step in program.steps:
        step.group.unfold()
    return "\n".join(_lines(program, Names() if names is None else names, times))


def _lines(program: Program, names: Names, times: Sequence[float] | None) -> Iterator[str]:
    yield _summary(program, times)
    yield from _steps(program, names, times, {}, "")
    yield ""
    yield from _memory(program, names)


def _steps(
    program: Program, names: Names, times: Sequence[float] | None, printed: dict[str, str], prefix: str
) -> Iterator[str]:
    """Print the steps; those of programs inside are numbered 1.1, 1.2, ..."""
    numbers: dict[Group, str] = {}
    inside = {id(step): programs for step, programs in program.nested()}
    for i, step in enumerate(program.steps):
        number = f"{prefix}{i + 1}"
        numbers.setdefault(step.group, number)
        yield ""
        yield f"step {number}: {_title(step)}"
        seconds = None if times is None else times[i]
        if step.python:
            yield f"    Python, because: {step.python.reason}{_time(seconds)}"
            continue
        yield f"    {_traffic(step)}{_time(seconds)}"
        yield from _apart(program, step, numbers)
        for code in step.codes:
            if code is not step.code:
                yield f"    after some tiles, while they are in cache: {', '.join(map(_name, step.group.operations[1:]))}"
            if code.source in printed:
                yield f"    the kernel {code.name} of step {printed[code.source]}"
            else:
                printed[code.source] = number
                yield from (f"    | {line}" for line in code.source.strip().splitlines())
        yield from _listed("where ", _legend(program, step, names), "    ")
        for k, each in enumerate(inside.get(id(step), ())):
            yield f"    inside, natively: steps {number}.{k + 1}.1 to {number}.{k + 1}.{len(each.steps)}"
            yield from _steps(each, names, None, printed, f"{number}.{k + 1}.")


def _summary(program: Program, times: Sequence[float] | None) -> str:
    kernels = [s for s in program.steps if not s.python]
    groups = dict.fromkeys(s.group for s in kernels)
    fused, lowered = sum(group.count for group in groups), sum(op.count for op in program.operations.list)
    total_work = sum(_work(op) for group in groups for op in group.operations)
    total = "" if times is None else f", {_duration(sum(times))} in all steps"
    return (
        f"{len(written_out(program.graph).equations)} equations, {lowered} operations: {fused} in "
        f"{_counted(len(kernels), 'kernel call')}, {_counted(len(program.steps) - len(kernels), 'call')} of Python; "
        f"{sum(map(traffic, kernels)):,} bytes, {total_work:,} arithmetic operations{total}"
    )


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def _listed(head: str, items: Iterable[str], margin: str = "") -> Iterator[str]:
    whole = ", ".join(item.replace(" ", "\0") for item in items)  # no line ends inside of an item
    if whole:
        lines = wrapped(head + whole, WIDTH, initial_indent=margin, subsequent_indent=margin + "    ")
        yield from (line.replace("\0", " ") for line in lines)


def _title(step: Step) -> str:
    names = [_name(op) for op in step.group.operations]
    return f"{step.group.kind} {_space(step)}: {', '.join(names)}"


def _name(op: Operation) -> str:
    return op.equation.primitive.name if op.equation is not None else "copy" if op.formula == "x" else op.formula


def _space(step: Step) -> str:
    group = step.group
    if group.levels:
        return "x".join(map(str, group.axes() or (group.size,)))
    return " ".join(str(v.aval) for v in group.operations[0].outputs)


def _apart(program: Program, step: Step, numbers: dict[Group, str]) -> Iterator[str]:
    owner = program.fusion.owner
    for maker in dict.fromkeys(owner[v] for v in step.group.reads if v in owner):
        if maker is not step.group and maker in numbers:
            yield f"    apart from step {numbers[maker]}: {why_apart(maker, step.group)}"


# --------------------------------------------------------------------------- what the names in a kernel stand for


def _legend(program: Program, step: Step, names: Names) -> Iterator[str]:
    for name, number in NAMED.findall("\n".join(code.source for code in step.codes)):
        if int(number) < len(step.slots):
            yield f"{name} is {_content(program, step.slots[int(number)], names)}"


def _content(program: Program, slot: Slot, names: Names) -> str:
    if slot.kind == "size":
        return f"{slot.source[1] if isinstance(slot.source, tuple) else slot.source:,}"
    if slot.kind == "code":
        return f"the kernel {slot.source.name}"
    if slot.kind == "block":
        return "the kernels inside"
    if slot.kind == "scratch":
        return f"scratch {dtypes.name(slot.dtype)}[{slot.offset}]"
    if slot.kind not in ("load", "store"):
        return f"{slot.source!r}" if slot.kind == "number" else "set where an index is out of range"
    text = _typed(slot.source, names) if isinstance(slot.source, Var) else names(slot.source)
    if slot.offset:
        text += f" from element {slot.offset:,} on"
    replaced = program.donated.get(slot.source) if slot.kind == "store" else None
    return text if replaced is None else f"{text} in the place of {names(replaced)}"


# --------------------------------------------------------------------------- how much there is to do


def _traffic(step: Step) -> str:
    head = f"{traffic(step):,} bytes, {work(step):,} operations, range {step.range:,}"
    return f"{head}, about {_duration(step.seconds)}"


def work(step: Step) -> int:
    """Return how many arithmetic operations a step takes, about."""
    return sum(map(_work, step.group.operations))


def traffic(step: Step) -> int:
    """Return how many bytes a step reads and writes, apart from its constants."""
    sources = {slot.source for slot in step.slots if slot.kind in ("load", "store")}
    return sum(v.aval.size * memory_dtype(v).itemsize for v in sources if isinstance(v, Var))


def _work(op: Operation) -> int:
    if op.kind == "gemm":
        (m, k), n = op.operands[0].layout.shape[-2:], op.operands[1].layout.shape[-1]
        return 2 * prod(op.shape) * m * n * k
    return op.size * op.count


def _time(seconds: float | None) -> str:
    return "" if seconds is None else f", measured {_duration(seconds)}"


def _duration(seconds: float) -> str:
    """Print a time with three digits: `12.3 us`."""
    scale, unit = next(((s, u) for s, u in ((1, "s"), (1e-3, "ms"), (1e-6, "us")) if seconds >= s), (1e-9, "ns"))
    return f"{seconds / scale:.3g} {unit}"


# --------------------------------------------------------------------------- memory


def _memory(program: Program, names: Names) -> Iterator[str]:
    places = program.arena.places
    yield f"memory: an arena of {program.arena.size:,} bytes for {len(places)} buffers"
    for key, at in sorted(places.items(), key=lambda item: item[1]):
        what = f"scratch {dtypes.name(key.dtype)}[{key.offset}]" if isinstance(key, Slot) else _typed(key, names)
        yield f"    {at:>12,}  {what}"
    fresh = [_typed(v, names) for v in program.outputs if v not in program.donated]
    yield from _listed("results in fresh memory: ", fresh or ["none"])
    over = [f"{_typed(out, names)} over {names(given)}" for out, given in program.donated.items()]
    yield from _listed("results over the inputs that they replace: ", over)


def _typed(var: Any, names: Names) -> str:
    return f"{names(var)}: {var.aval}"
