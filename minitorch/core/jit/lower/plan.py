"""Plans: a graph made ready to run. `build(graph).run(values)` equals `interpret(graph, values)`.

Everything that can be known beforehand is: the machine code, the slots of each call, the arena. A run notes the addresses
of its inputs and of the fresh outputs, and replays. What a run writes to, it has for itself: a `Frame`. Runs at the same
time take different frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import groupby
from typing import Any

import numpy as np

from ... import dtypes
from ...array import Array, wrap
from ...primitive import evaluate
from ...tracer import Value
from ..graph import Atom, Graph, Mismatch, Names, Var, interpret
from ..native import replay
from ..native.compile import compile_kernel
from ..native.entry import Work
from ..native.objects import GATHER, Leaves
from ..native.schedule import Task
from .blocks import PATCH, Block, Constants, Inside
from .explain import explained, traffic, work
from .kernels import Slot
from .layout import packed
from .memory import Room, Rooms
from .nested import arena_of
from .operations import Operand, Operation, memory_dtype
from .program import Program, Step

# Arithmetic operations and bytes that take less than some 50 us: so long, others may wait for the GIL.
SHORT = 2_000_000
RUNTIME = ((replay.LOOP, "loop"), (PATCH, "patch"), (GATHER, "gather"))  # what every plan needs


def prepare() -> None:
    """Begin to compile what every plan needs, and to load the compiler, in the background."""
    for each in RUNTIME:
        compile_kernel(*each)


def build(
    graph: Graph, donors: Mapping[int, int] | None = None, references: int = 2, rooms: Rooms | None = None
) -> Plan:
    """Compile an optimized graph.

    `donors[j] = i` lets output j be written into the buffer of input i if nobody else holds it, which is when its Array
    has as many references as `references` says: its owner's and that of the list given to `run`, by default. Plans that
    are given the same `rooms` compute in the same memory, one after the other.
    """
    return Plan(Program(graph, donors or {}), references, Rooms() if rooms is None else rooms)


class Plan:
    """A compiled graph."""

    def __init__(self, program: Program, references: int, rooms: Rooms):
        self.program = program
        self.references = references
        self.rooms = rooms
        graph = program.graph
        self.arrays = [i for i, v in enumerate(graph.inputs) if not v.aval.weak]
        self.numbers = [i for i, v in enumerate(graph.inputs) if v.aval.weak]
        self.calls_python = any(step.python for step in program.steps)
        shapes = _shapes(program)
        self.fresh = [(shapes[v], v.aval.dtype) for v in program.outputs]
        self.constants = Constants(program)
        self.recipes = [_recipe(program, root, atom) for root, atom in zip(program.results, graph.outputs)]
        self.is_direct = self.recipes == [("fresh", i, shape) for i, (shape, _) in enumerate(self.fresh)]
        inputs = {v: i for i, v in enumerate(graph.inputs)}
        arrays = {i: at for at, i in enumerate(self.arrays, len(self.fresh))}
        # Of each donated input: its place among the fresh results, among the inputs, and among the arrays.
        self.donated = [(at, inputs[program.donated[v]]) for v, at in program.outputs.items() if v in program.donated]
        self.donated_arrays = [arrays[i] for _, i in self.donated]
        self.frames: list[Frame] = []
        program.finish()

    @cached_property
    def is_short(self) -> bool:
        """Whether a run is native, on one thread, and takes some ten microseconds."""
        steps = self.program.steps
        if self.calls_python or any(self.program.nested()):
            return False
        if sum(map(work, steps)) > SHORT or sum(map(traffic, steps)) > SHORT:
            return False
        return not (self.frames[-1] if self.frames else Frame(self)).is_split

    def run(self, values: list[Value]) -> list[Value]:
        """Compute the outputs, one value per input."""
        try:
            frame = self.frames.pop()
        except IndexError:
            frame = Frame(self)
        try:
            return frame.run(values)
        finally:
            self.frames.append(frame)

    def explain(self, names: Names | None = None, times: Sequence[float] | None = None) -> str:
        """Return the plan in words, with its kernels: variables go by `names`, steps have taken `times` in seconds."""
        return explained(self.program, names, times)


def _shapes(program: Program) -> dict[Atom, tuple[int, ...]]:
    """Return the shape of each result: of the input that it replaces, else of the outputs that are it, where they agree."""
    found: dict[Atom, tuple[int, ...]] = {}
    for result, atom in zip(program.results, program.graph.outputs):
        root = program.root(result)
        if isinstance(root, Var) and isinstance(atom, Var):
            agree = found.setdefault(root, atom.aval.shape) == atom.aval.shape
            found[root] = atom.aval.shape if agree else root.aval.shape
    return {**found, **{out: given.aval.shape for out, given in program.donated.items()}}


def _recipe(program: Program, result: Atom, atom: Atom) -> tuple[str, Any, Any]:
    """Say where an output comes from: the sources by name, the place in it, and the shape (None: as it is)."""
    root = program.root(result)
    if not isinstance(root, Var):
        return "constant", atom, None
    if root in program.outputs:
        return "fresh", program.outputs[root], atom.aval.shape
    if root in program.objects:
        return "object", root, atom.aval.shape
    return "input", program.graph.inputs.index(root), None


class OutOfBounds(Exception):
    """A kernel met a position outside its axis."""


class Frame:
    """What one run at a time writes to: slots, and the rows of instructions that point to them.

    The arena is a room that a run enters and leaves; the slots that point into it are changed when it is another one.
    """

    def __init__(self, plan: Plan):
        self.plan = plan
        program = plan.program
        self.room: Room | None = None
        self.base = 0  # where the slots say that the arena begins
        self.inside: list[Inside] = []  # the slots that point into it
        inputs = [program.graph.inputs[i] for i in plan.arrays]
        self.expected = plan.fresh + [(v.aval.shape, v.aval.dtype) for v in inputs]
        # The list of leaves holds each array, too; a donated one is there twice, and in the list of results.
        references = [plan.references + 1] * len(self.expected)
        for at in plan.donated_arrays:
            references[at] += 2
        self.leaves = Leaves(self.expected, references)
        self.numbers = np.zeros(max(len(plan.numbers), 1), np.int64)
        self.flag = np.zeros(1, np.int64)  # set by kernels that met a position outside its axis
        self.made = np.zeros(max(len(program.objects), 1), np.int64)
        self.places = {v: ("leaf", i) for i, v in enumerate([*program.outputs, *inputs])}
        self.places.update({v: ("object", i) for i, v in enumerate(program.objects)})
        self.values: dict[Var, Value] = {}
        self.arrays: list[Array] = []
        self.keep: list[Any] = []
        self.patches: list[tuple[int, int, int]] = []  # of the last segment: slot, place among the leaves, offset
        fence = program.fence if program.is_checked and program.fence is not None else len(program.steps)
        self.segments: list[Callable[[], None]] = [
            *self._segments(program.steps[:fence]),
            *([self._check] if program.is_checked else []),
            *self._segments(program.steps[fence:]),
        ]
        whole = getattr(self.segments[0], "__self__", None) if len(self.segments) == 1 else None
        self.stretch = whole if isinstance(whole, replay.Program) else None  # all there is to do, in one native call

    def _segments(self, steps: Sequence[Step]) -> Iterator[Callable[[], None]]:
        for is_python, run in groupby(steps, key=lambda step: step.python is not None):
            if is_python:
                yield from (partial(self._call, step.python) for step in run if step.python)
            else:
                yield self._segment(list(run))

    @property
    def is_split(self) -> bool:
        """Whether a run hands parts to other threads."""
        owners = (getattr(segment, "__self__", None) for segment in self.segments)
        return any(owner.is_split for owner in owners if isinstance(owner, replay.Program))

    def work(self) -> Work:
        """Return what runs natively: the segments' rows, and whether the flag is looked at after them."""
        parts: list[tuple[int, int, bool]] = []
        for segment in self.segments:
            owner = getattr(segment, "__self__", None)
            if isinstance(owner, replay.Program):
                parts.append((owner.rows.ctypes.data, len(owner.rows), False))
            elif segment == self._check:
                parts[-1] = (*parts[-1][:2], True)
        return Work(self.leaves.addresses, parts, self.flag)

    def _check(self) -> None:
        if self.flag[0]:
            self.flag[0] = 0
            raise OutOfBounds

    # ---------------------------------------------------------------- the arena

    def enter(self) -> Room:
        """Take a room for the arena, whose address goes into the slots; it is to be given back by `leave`."""
        room = self.room = self.plan.rooms.take(self.plan.program.arena.size)
        if room.base != self.base:
            for slots, where in self.inside:
                slots[where] += room.base - self.base
            self.base = room.base
        return room

    def leave(self, room: Room) -> None:
        """Give the room back: what is in the arena is lost."""
        self.room = None
        self.plan.rooms.give(room)

    # ---------------------------------------------------------------- addresses

    def _address(self, slot: Slot) -> tuple[str, int, int]:
        """Return what goes into a slot: ("fixed" or "arena", number, 0), or a table, the place in it, an offset in bytes."""
        if slot.kind == "size":
            value = slot.source[1] if isinstance(slot.source, tuple) else slot.source
            return "fixed", value, 0
        if slot.kind == "code":
            return "fixed", slot.source.address, 0
        if slot.kind == "flag":
            return "fixed", self.flag.ctypes.data, 0
        if slot.kind == "number":
            return "fixed", self.plan.constants.address(slot), 0
        places = self.plan.program.arena.places
        if slot.kind == "scratch":
            return "arena", self.base + places[slot], 0
        if slot.kind == "block":
            block = Block(slot.source, self.base + places[arena_of(slot.source)], self.flag.ctypes.data)
            self.keep.append(block)
            self.inside += block.inside
            return "fixed", block.record.ctypes.data, 0
        offset = slot.offset * slot.dtype.itemsize
        if not isinstance(slot.source, Var):
            return "fixed", self.plan.constants.address(slot), 0
        if slot.source in self.places:
            return (*self.places[slot.source], offset)
        if slot.source.aval.weak:
            index = self.plan.numbers.index(self.plan.program.graph.inputs.index(slot.source))
            return "fixed", self.numbers.ctypes.data + 8 * index, 0
        return "arena", self.base + places[slot.source] + offset, 0

    def _segment(self, steps: list[Step]) -> Callable[[], None]:
        total = sum(len(step.slots) for step in steps)
        slots = np.zeros(max(total, 1), np.int64)
        first = slots.ctypes.data
        tasks, patches = [], {"leaf": [], "object": []}  # type: ignore[var-annotated]
        inside: list[int] = []
        known: list[int] = []
        for step in steps:
            touches = self.plan.program.touches(step) if step.unit else None
            tasks.append(Task(step.address, first + 8 * len(known), 0, step.range, step.seconds, step.unit, touches))
            for slot in step.slots:
                source, value, offset = self._address(slot)
                if source == "arena":
                    inside.append(len(known))
                elif source != "fixed":
                    patches[source].append((first + 8 * len(known), value, offset))
                    value = 0
                known.append(value)
        slots[:total] = known
        self.inside.append((slots, np.array(inside, np.int64)))
        self.patches = patches["leaf"]
        head = [self._patch(t, p) for t, p in zip((self.leaves.addresses, self.made), patches.values()) if p]
        self.keep.append(slots)
        return replay.Program(head + tasks).run

    def _patch(self, addresses: np.ndarray[Any, Any], patches: list[tuple[int, int, int]]) -> Task:
        columns = [np.array(column, np.int64) for column in zip(*patches)]
        slots = np.array([addresses.ctypes.data, *(c.ctypes.data for c in columns)], np.int64)
        self.keep += [*columns, slots]
        return Task(compile_kernel(PATCH, "patch").address, slots.ctypes.data, 0, len(patches))

    # ---------------------------------------------------------------- running

    def run(self, values: list[Value]) -> list[Value]:
        """Run all segments."""
        plan = self.plan
        outs = [wrap(np.empty(shape, dtype)) for shape, dtype in plan.fresh]
        for at, i in plan.donated:
            outs[at] = values[i]
        leaves = outs + values if not plan.numbers else outs + [values[i] for i in plan.arrays]
        while (bad := self.leaves.gather(leaves)) >= 0:
            mended = _mended(leaves[bad], *self.expected[bad])
            if mended is None:
                return interpret(plan.program.graph, values)
            leaves[bad] = mended
        if plan.donated:
            self._take_over(outs, leaves)
        if plan.numbers:
            self.write_numbers(values)
        try:
            return self.replay(values, outs, leaves)
        except OutOfBounds:
            return interpret(plan.program.graph, values)

    def replay(self, values: list[Value], outs: list[Array], leaves: list[Array]) -> list[Value]:
        """Run all segments on arrays that have been looked at."""
        if self.plan.calls_python:
            self.values = dict(zip(self.plan.program.graph.inputs, values))
        self.arrays = leaves
        room = self.enter()
        try:
            for segment in self.segments:
                segment()
            return self.results(values, outs)
        finally:
            self.leave(room)
            self.values, self.arrays = {}, []

    def _take_over(self, outs: list[Array], leaves: list[Array]) -> None:
        """Let results take the buffers of donated inputs, or copies where somebody else holds them."""
        owned = self.leaves.owned.tolist()
        for (at, _), place in zip(self.plan.donated, self.plan.donated_arrays):
            buffer = leaves[place]._data
            if not owned[place]:
                buffer = buffer.copy()
                self.leaves.addresses[at] = buffer.ctypes.data
            outs[at] = leaves[at] = wrap(buffer)

    def write_numbers(self, values: Sequence[Value]) -> None:
        """Note the plain numbers among the inputs."""
        for at, i in enumerate(self.plan.numbers):
            dtype = memory_dtype(self.plan.program.graph.inputs[i])
            if dtype.itemsize <= 8:
                self.numbers[at : at + 1].view(dtype)[0] = values[i]

    def results(self, values: Sequence[Value], outs: list[Array]) -> list[Value]:
        """Return the outputs of the graph: of the inputs, and of what the kernels have written to."""
        plan = self.plan
        if plan.is_direct:
            return outs
        found: list[Value] = []
        sources: dict[str, Any] = {"fresh": outs, "input": values, "object": self.values}
        for kind, which, shape in plan.recipes:
            held = which if kind == "constant" else sources[kind][which]
            found.append(held if shape is None or held.shape == shape else wrap(held._data.reshape(shape)))
        return found

    def _call(self, op: Operation) -> None:
        """Compute one operation in Python."""
        eq = op.equation
        operands = iter(op.operands)
        if eq is None:
            args = [self._value(next(operands))]
            out: Any = wrap(np.array(args[0]._data, order="C"))
        else:
            args = [None if a is None else self._value(next(operands)) for a in eq.inputs]
            # Pointwise operations and loops tell a number from an array, others take arrays.
            if eq.primitive.operand_dtypes is None and not eq.primitive.holds_graphs:
                args = [Array(a) if type(a) in dtypes.SCALARS else a for a in args]
            out = evaluate(eq.primitive, args, eq.params)
        for var, value in zip(op.outputs, out if type(out) is tuple else (out,), strict=True):
            kept = self.values[var] = self._own(value, args)
            _, at = self.places[var]
            self.made[at] = kept._data.ctypes.data

    def _own(self, value: Array, args: list[Value]) -> Array:
        """Return a result of Python as an Array in order that shares no memory with its operands."""
        data = value._data
        is_new = data.base is None and not any(isinstance(a, Array) and a._data is data for a in args)
        if is_new and data.flags.c_contiguous:
            return value
        return wrap(np.array(data, order="C"))

    def _value(self, x: Operand) -> Value:
        """Return an operand of a Python call as an Array or a number."""
        source = x.source
        if not isinstance(source, Var):
            if isinstance(source, Array) and x.layout.shape != source.shape:
                return wrap(np.broadcast_to(source._data, x.layout.shape))
            return source
        if source.aval.weak:
            return self.values[source]
        if source in self.places:
            table, at = self.places[source]
            whole = self.arrays[at] if table == "leaf" else self.values[source]
            return whole if x.layout == packed(whole.shape) else wrap(_view(whole._data, x))
        assert self.room is not None
        size = source.aval.size * source.aval.dtype.itemsize
        return wrap(_view(self.room.part(self.plan.program.arena.places[source], size), x))


def _view(data: np.ndarray[Any, Any], x: Operand) -> np.ndarray[Any, Any]:
    """Return memory as an array with a layout."""
    dtype = x.dtype
    strides = tuple(s * dtype.itemsize for s in x.layout.strides)
    if 0 in x.layout.shape:
        return np.empty(x.layout.shape, dtype)
    made: np.ndarray[Any, Any] = np.ndarray(x.layout.shape, dtype, data, x.layout.offset * dtype.itemsize, strides)
    made.flags.writeable = False
    return made


def _mended(value: Value, shape: Any, dtype: Any) -> Array | None:
    """Lay out an input in order; None if it is not what the graph was made for."""
    if not isinstance(value, Array) or type(value._data) is not np.ndarray:
        return None
    if value.shape != shape or value.dtype != dtype:
        raise Mismatch(f"a plan made for {dtype}{shape} was given {value.aval}")
    made = np.empty(shape, dtype)
    made[...] = value._data
    return wrap(made)
