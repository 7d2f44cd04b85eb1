"""Programs: what one recording of a function produced, and how it is replayed.

A program reads its sources, runs its plan, writes its targets and builds the result. It has no Python side effects of
its own, so replaying it does what the function did, to whatever its handles hold now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..core.array import Array
from ..core.aval import Aval
from ..core.jit.graph import Graph, Mismatch, interpret
from ..core.jit.staging import StagedTracer
from ..core.ops.families import as_array
from ..core.primitive import Tracer, Value
from ..core.tape import context, muting
from ..tensor.alias import Step
from ..tensor.handle import AmbientTape, Tensor, ambient
from .capture import Argument, ArgumentGrad, Begun, Field, Number, Slot
from .derivative import Derivative, attach, spent
from .inspecting import run

# --------------------------------------------------------------------------- results


@dataclass(frozen=True, slots=True)
class Fresh:
    """A result that the program computes: output number `index`, as a tensor of a class or as a core value."""

    index: int
    kind: type | None
    spent: bool = False  # a tensor whose backward pass the function has run itself


@dataclass(frozen=True, slots=True)
class Same:
    """A result that is a tensor from outside: an argument, or one that the function closed over."""

    argument: int | None
    tensor: Tensor | None
    slot: Any = None  # where the tensor stands after the call: the gradient of a parameter, say

    def find(self, leaves: Sequence[Any]) -> Any:
        """Return the tensor."""
        if self.slot is not None:
            return self.slot.held(leaves)
        return self.tensor if self.argument is None else leaves[self.argument]


@dataclass(frozen=True, slots=True)
class Again:
    """A result that is the same tensor as result number `position`."""

    position: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A result that shares memory: a view of a tensor from outside, or of what stands at a position of the results.

    The steps are taken when the program has run, as the function would take them; `tracked` says whether they are recorded.
    """

    base: Same | int
    steps: tuple[Step, ...]
    tracked: bool

    def take(self, made: Sequence[Any], leaves: Sequence[Any]) -> Any:
        """Return the view."""
        x = made[self.base] if isinstance(self.base, int) else self.base.find(leaves)
        if self.tracked:
            return self._from(x)
        with muting(True):
            return self._from(x)

    def _from(self, x: Any) -> Any:
        for step in self.steps:
            x = x._view_of(step)
        return x


@dataclass(frozen=True, slots=True)
class Fixed:
    """A result that is no array."""

    value: Any


@dataclass(slots=True)
class Program:
    """A recorded function.

    `sources` say where the inputs come from; `writes` pair a target with the output that belongs there, or with None
    for a slot that is emptied; `results` and `structure` make what the function returned.
    """

    graph: Graph
    sources: list[Any]
    avals: list[Aval]
    writes: list[tuple[Any, int | None]]
    results: list[Any]
    structure: Any
    handles: list[HandleCheck]
    slots: list[SlotCheck]
    storages: frozenset[int]
    derivative: Derivative | None = None
    once: bool = False
    plan: Any = None
    is_leaf: bool = False
    given: dict[int, int] = field(default_factory=dict)  # results that may take the place of donated arguments
    entangled: dict[int, int] = field(default_factory=dict)  # arguments that are captured, too: leaf number and id
    watched: list[Slot] = field(default_factory=list)
    held: frozenset[tuple[int, int]] = frozenset()  # arguments that a slot holds: leaf number and slot number
    hidden: list[Fresh] = field(default_factory=list)  # what results are views of; behind the results
    views: list[tuple[int, Seen]] = field(default_factory=list)  # the results that share memory, and their positions
    begun: list[Begun] = field(default_factory=list)  # state that must be there before the first run

    def donors(self) -> dict[int, int]:
        """Return which outputs replace which inputs: they may be written into the same memory."""
        places = {id(s): i for i, s in enumerate(self.sources)}
        found = {j: places[id(t)] for t, j in self.writes if j is not None and id(t) in places}
        state = {j: i for j, i in found.items() if not isinstance(self.sources[i], (Argument, Number, Field))}
        return {**self.given, **state}

    @property
    def in_place(self) -> set[int]:
        """The outputs that the plan may write over what they replace."""
        recipes, fresh = self.plan.recipes, {at for at, _ in self.plan.donated}
        return {j for j in self.donors() if j not in self.given and recipes[j][0] == "fresh" and recipes[j][1] in fresh}


@dataclass(frozen=True, slots=True)
class HandleCheck:
    """A captured tensor, how it was taken, and whether it required grad."""

    tensor: Tensor
    view: Any
    leaf: bool | None  # None for what is not recorded at all

    def __call__(self) -> bool:
        x = self.tensor
        same = x._view is self.view or (
            x._view is not None and self.view is not None and x._view.storage is self.view.storage
        )
        node = x.node
        return same and (None if node is None else node.plan is None) is self.leaf


@dataclass(frozen=True, slots=True)
class SlotCheck:
    """Whether a slot was empty."""

    slot: Slot
    empty: bool

    def __call__(self) -> bool:
        return (self.slot.get() is None) is self.empty


@dataclass(frozen=True, slots=True)
class Refill:
    """The target of a slot that gets another tensor, or None."""

    slot: Slot | ArgumentGrad
    tensor: Tensor | None

    def write(self, leaves: list[Any], value: Value) -> None:
        """Fill the slot: with a new tensor of the value, if there is one."""
        self.slot.fill(leaves, self.tensor if value is None else ambient().wrap(value, None))


def is_gradient(source: Any) -> bool:
    """Return whether a source is the place of the gradient of a captured tensor."""
    return isinstance(source, Slot) and source.holder is None


def held_by_slots(slots: Sequence[Slot], leaves: Sequence[Any]) -> frozenset[tuple[int, int]]:
    """Return which arguments the slots hold now."""
    if not slots or not any(isinstance(x, Tensor) for x in leaves):
        return frozenset()
    now = [slot.get() for slot in slots]
    return frozenset((i, k) for i, x in enumerate(leaves) for k, t in enumerate(now) if x is t)


# --------------------------------------------------------------------------- replaying


def fits(program: Program, values: Sequence[Value]) -> bool:
    """Return whether values have the shapes and dtypes of the program's inputs."""
    for v, aval in zip(values, program.avals):
        if type(v) is Array:
            data = v._data
            if data.shape != aval.shape or data.dtype != aval.dtype:
                return False
        elif isinstance(v, Tracer) and (isinstance(v, StagedTracer) or v.shape != aval.shape or v.dtype != aval.dtype):
            return False
    return True


def replay(program: Program, leaves: list[Any], values: list[Value]) -> Any:
    """Run a program on the values of its inputs."""
    outs = run(program.plan, program.graph, values)
    for target, index in program.writes:
        target.write(leaves, None if index is None else outs[index])
    return results(program, outs, values, leaves)


def results(program: Program, outs: list[Value], values: list[Value], leaves: Sequence[Any]) -> Any:
    """Return what the function returned."""
    here = context.get()
    tape = here.frame.ambient or ambient()
    recording = here.muted < tape.level
    made: list[Any] = []
    for r in (*program.results, *program.hidden) if program.hidden else program.results:
        if type(r) is Fresh:
            value = outs[r.index]
            if r.kind is None:
                made.append(value)
                continue
            x = _tensor(value, r.kind, tape)
            if r.spent and recording:
                x.node = spent(value)
            made.append(x)
        elif type(r) is Again:
            made.append(made[r.position])
        elif type(r) is Same:
            made.append(r.find(leaves))
        else:
            made.append(r.value if type(r) is Fixed else None)
    if program.derivative is not None and recording:
        by_index = {r.index: x for r, x in zip((*program.results, *program.hidden), made) if type(r) is Fresh}
        attach(program.derivative, by_index, outs, values, leaves, tape)
    if program.views:
        made = _with_views(program, made, leaves)
    return made[0] if program.is_leaf else program.structure.unflatten(made)


def _with_views(program: Program, made: list[Any], leaves: Sequence[Any]) -> list[Any]:
    """Return the results with those that share memory in their places, and without what these are views of."""
    for position, view in program.views:
        made[position] = view.take(made, leaves)
    for position, r in enumerate(program.results):
        if type(r) is Again:
            made[position] = made[r.position]
    return made[: len(program.results)]


def _tensor(value: Value, kind: type, tape: AmbientTape) -> Tensor:
    made: Tensor = _new(Tensor)
    made._trace = tape
    made.value = value
    made.node = made._view = None
    if kind is not Tensor:
        made.__class__ = kind
    return made


_new = object.__new__


class Interpreter:
    """The plan that runs a graph equation by equation."""

    def __init__(self, graph: Graph):
        self.graph = graph

    def run(self, values: list[Value]) -> list[Value]:
        """Return the outputs as arrays."""
        for v, var in zip(values, self.graph.inputs, strict=True):
            if type(v) is Array and (v.shape != var.aval.shape or v.dtype != var.aval.dtype):
                raise Mismatch(f"the program expects {var.aval}, and was given {v.aval}")
        return [as_array(x) for x in interpret(self.graph, values)]
