"""From groups to steps: which kernels are called in which order with what in their slots, and where every value lives.

A value is an input, an output, a constant, a lone number, the result of a Python call, or lies in the arena. Native steps
that follow one another form a segment; Python calls stand between segments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..graph import Atom, Graph, Var
from ..native.compile import Kernel as Code
from ..native.compile import compile_kernel
from ..native.schedule import Touch
from . import along, convolution, drawing, epilogue, gather, nested, patterns, placement, pooling  # noqa: F401
from .columns import Columns
from .donation import donated
from .fuse import Fusion, Group
from .kernels import Kernel, Slot
from .memory import lay_out
from .operations import Operation, Operations, memory_dtype
from .parting import parted
from .rows import Rows
from .turned import Turned

CALLS = (
    gather.CALLS
    | convolution.CALLS
    | pooling.CALLS
    | placement.CALLS
    | drawing.CALLS
    | along.CALLS
    | nested.CALLS
    | epilogue.CALLS
)


@dataclass(slots=True)
class Step:
    """One call: of machine code with slots over a range, or of Python."""

    group: Group
    code: Code | None = None
    slots: list[Slot] = field(default_factory=list)
    range: int = 0
    seconds: float = 0.0  # on one thread, roughly
    unit: int = 1  # where threads may part the range; 0: not at all, for the kernel has threads of its own
    python: Operation | None = None
    touched: list[tuple[Any, int, bool]] = field(init=False)  # the buffers in its slots, see `_touched`

    def __post_init__(self) -> None:
        self.touched = list(_touched(self.slots))

    @property
    def address(self) -> int:
        """Where the machine code is; it may still be made when the step is, side by side with others."""
        return self.code.address if self.code else 0

    @property
    def codes(self) -> list[Code]:
        """The kernel, and those that it calls."""
        return [self.code, *(slot.source for slot in self.slots if slot.kind == "code")] if self.code else []


class Program:
    """The steps of a graph and the places of its values."""

    def __init__(self, graph: Graph, donors: Mapping[int, int], is_nested: bool = False):
        self.graph = graph
        self.operations = Operations(graph, lambda inside, donors: Program(inside, donors, True), is_nested)
        self.results: list[Atom] = self.operations.outputs
        live = self.operations.live()
        if not is_nested:  # loops run on one thread
            live = parted(live)
        self.fusion = Fusion(placement.placed(live, [self.root(a) for a in self.results]))
        self.donated = donated(self.fusion, graph, [self.root(a) for a in self.results], donors, is_nested)
        for out in self.donated:
            placement.leave_in_place(self.fusion.owner[out])
        epilogue.join(self.fusion, [self.root(a) for a in self.results], self.donated)
        self.steps: list[Step] = []
        self.stored = self._stored()
        self.fence: int | None = None  # the step before which the flag is looked at; None: after all
        for group in self.fusion.order:
            if self.fence is None and any(v in self.donated for op in group.operations for v in op.outputs):
                self.fence = len(self.steps)
            self.steps.extend(self._steps(group))
        self.outputs = self._fresh_outputs()
        self.objects = {v for s in self.steps if s.python for v in s.python.outputs}
        self.is_checked = any(slot.kind == "flag" for step in self.steps for slot in step.slots)
        self.arena = lay_out(list(self._buffers()))

    def finish(self) -> None:
        """Wait until all machine code is made. Raises JitError for a kernel that cannot be compiled."""
        for step in self.steps:
            for code in step.codes:
                code.address  # noqa: B018
        for _, programs in self.nested():
            for program in programs:
                program.finish()

    def nested(self) -> Iterator[tuple[Step, list[Program]]]:
        """Iterate over the steps that run programs inside, with these."""
        for step in self.steps:
            programs = step.group.operations[0].params.get("programs") if step.python is None else None
            if programs:
                yield step, programs

    def addresses(self) -> Iterator[int]:
        """Iterate over the addresses of all kernels, also those of programs inside."""
        yield from (code.address for step in self.steps for code in step.codes)
        for _, programs in self.nested():
            for program in programs:
                yield from program.addresses()

    def root(self, atom: Atom) -> Atom:
        """Return the variable whose memory holds an atom."""
        seen = self.operations.views.get(atom) if isinstance(atom, Var) else None
        return atom if seen is None else seen.source

    def _stored(self) -> set[Var]:
        read = {v for group in self.fusion.order for v in group.reads}
        return read | {r for r in map(self.root, self.results) if isinstance(r, Var)}

    def _fresh_outputs(self) -> dict[Var, int]:
        roots = dict.fromkeys(r for r in map(self.root, self.results) if isinstance(r, Var))
        groups = (group for group in self.fusion.order if group.kind != "python")
        made = {v for group in groups for op in group.operations for v in op.outputs}
        return {v: i for i, v in enumerate(v for v in roots if v in made)}

    def _steps(self, group: Group) -> Iterator[Step]:
        (first, *_) = group.operations
        if group.kind == "python":
            yield Step(group, python=first)
        elif group.kind in CALLS:
            for call in CALLS[group.kind](first):
                yield Step(group, call.code, call.slots, call.range, call.seconds, call.unit)
        else:
            kernel = printed(group, self.stored, self.donated)
            code = compile_kernel(kernel.source, kernel.name, kernel.reassociate)
            yield Step(group, code, kernel.slots, kernel.range, kernel.seconds, kernel.unit)

    def _buffers(self) -> Iterator[tuple[Any, int, int, int]]:
        """List what lies in the arena: key, bytes, the first and the last step that touch it."""
        spans: dict[Any, list[int]] = {}
        sizes: dict[Any, int] = {}
        for i, step in enumerate(self.steps):
            keys: dict[Any, int] = {}
            if step.python:
                keys = {x.source: 0 for x in step.python.operands if isinstance(x.source, Var)}
            keys.update([(key, size) for key, size, _ in step.touched])
            for key, size in keys.items():
                spans.setdefault(key, [i, i])[1] = i
                sizes[key] = max(size, sizes.get(key, 0))
        elsewhere = {*self.graph.inputs, *self.outputs, *self.objects}
        for key, (first, last) in spans.items():
            if key not in elsewhere:
                yield key, sizes[key], first, last

    def touches(self, step: Step) -> tuple[Touch, ...]:
        """Return the memory that a native step reads and writes; constants and the flag, which may only be set, left out."""
        found = []
        for key, size, writes in step.touched:
            at = self.arena.places.get(key)
            own = Touch("arena", at, at + size, writes) if at is not None else None
            found.append(own or Touch(self.donated.get(key, key), 0, 1, writes))
        return tuple(found)


def _touched(slots: list[Slot]) -> Iterator[tuple[Any, int, bool]]:
    """List the buffers in slots: key, bytes, whether they are written."""
    for slot in slots:
        if slot.kind == "scratch":
            yield slot, slot.offset * slot.dtype.itemsize, True
        elif slot.kind in ("load", "store") and isinstance(slot.source, Var):
            yield slot.source, slot.source.aval.size * memory_dtype(slot.source).itemsize, slot.kind == "store"


def printed(group: Group, stored: set[Var], donated: Mapping[Var, Var]) -> Kernel:
    """Print a group's kernel."""
    if group.twin is not None:
        return group.twin.printed(printed, stored, donated)  # type: ignore[no-any-return]
    if group.kind == "columns":
        return Columns(group, stored).print()
    in_place = {given: out for out, given in donated.items() if out in group.levels}
    if any(group.turned()):
        return Turned(group, stored, in_place).print()
    return Rows(group, stored, in_place).print()
