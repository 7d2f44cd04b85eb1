"""Programs: what one recording of a function produced, and how it is replayed.

A program reads its sources, runs its plan, writes its targets and builds the result. It has no Python side effects of
its own, so replaying it does what the function did, to whatever its handles hold now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, NamedTuple

from ..core.array import Array
from ..core.aval import Aval
from ..core.jit.graph import Graph, Mismatch, interpret
from ..core.jit.staging import StagedTracer
from ..core.ops.families import as_array
from ..core.tape import Node, context, muting
from ..core.tracer import Tracer, Value
from ..tensor.alias import Step
from ..tensor.handle import AmbientTape, Tensor, ambient
from .capture import Argument, ArgumentGrad, Begun, Field, Number, Slot
from .derivative import Derivative, attach, nodes_of, spent
from .guards import Surroundings
from .holding import Pin, held_by_slots
from .inspecting import run
from .windows import Window, window

_new = object.__new__
_context = context.get

# --------------------------------------------------------------------------- results


class Own(NamedTuple):
    """What a new tensor has besides its value: whether it requires grad on its own, and attributes that it was given."""

    is_leaf: bool
    attributes: dict[str, Any]

    def give(self, made: Tensor) -> None:
        """Give it to a tensor."""
        if self.is_leaf:
            made.requires_grad_()
        vars(made).update(self.attributes)


@dataclass(frozen=True, slots=True)
class Fresh:
    """A result that the program computes: output number `index`, as a tensor of a class or as a core value."""

    index: int
    kind: type | None
    spent: bool = False  # a tensor whose backward pass the function has run itself
    own: Own | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it is nothing but its value, and how that was computed."""
        return not self.spent and self.own is None

    def make(self, outs: Any, leaves: Sequence[Any], tape: AmbientTape, recording: bool) -> Any:
        """Return the array, or a new tensor of it."""
        value = outs[self.index]
        if self.kind is None:
            return value
        made: Tensor = _new(Tensor)
        made._trace = tape
        made.value = value
        made._view = None
        made.node = spent(value) if self.spent and recording else None
        if self.kind is not Tensor:
            made.__class__ = self.kind
        if self.own is not None:
            self.own.give(made)
        return made


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

    def make(self, outs: Any, leaves: Sequence[Any], tape: AmbientTape, recording: bool) -> Any:
        """Return the tensor."""
        return self.find(leaves)


@dataclass(frozen=True, slots=True)
class Again:
    """A result that is the same tensor as result number `position`."""

    position: int

    def take(self, made: Sequence[Any], leaves: Sequence[Any]) -> Any:
        """Return that tensor."""
        return made[self.position]


@dataclass(slots=True)
class Seen:
    """A result that shares memory: a view of a tensor from outside, or of what stands at a position of the results.

    The steps are taken when the program has run, as the function would take them; `tracked` says whether they are recorded.
    Where they are not, and lead to a `window` of the memory, that is looked through from the second time on.
    """

    base: Same | int
    steps: tuple[Step, ...]
    tracked: bool
    window: Window | None = None

    def take(self, made: Sequence[Any], leaves: Sequence[Any]) -> Any:
        """Return the view."""
        base = self.base
        x: Tensor = made[base] if type(base) is int else base.find(leaves)  # type: ignore[union-attr]
        whole = x.current()
        if self.tracked and x.node is not None:
            return self._from(x)  # which records the steps
        part = None if self.window is None or x._trace.closed else self.window.of(whole)
        if part is not None:
            return self._around(x, part)
        if self.tracked:
            seen = self._from(x)
        else:
            with muting(True):
                seen = self._from(x)
        self.window = window(whole, seen.value)
        return seen

    def _from(self, x: Any) -> Any:
        for step in self.steps:
            x = x._view_of(step)
        return x

    def _around(self, x: Tensor, part: Array) -> Tensor:
        """Return a handle on a part of a tensor's memory that knows how it was taken."""
        view = x._share()
        for step in self.steps:
            view = view.then(step)
        seen = x._trace.wrap(part, None)
        seen._view = view
        return seen  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Fixed:
    """A result that is no array."""

    value: Any

    def make(self, outs: Any, leaves: Sequence[Any], tape: AmbientTape, recording: bool) -> Any:
        """Return it."""
        return self.value


_HOLE = Fixed(None)


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
    watched: list[Slot | ArgumentGrad] = field(default_factory=list)
    held: frozenset[tuple[int, int]] = frozenset()  # what these hold that is elsewhere, too, see `held_by_slots`
    hidden: list[Fresh] = field(default_factory=list)  # what results are views of; behind the results
    pins: list[Pin] = field(default_factory=list)
    begun: list[Begun] = field(default_factory=list)  # state that must be there before the first run
    late: list[tuple[int, Seen | Again]] = field(init=False)  # results that are taken of others, and their positions
    made: list[Any] = field(init=False)  # what is made before those: results, with holes, and hidden ones
    single: Fresh | None = field(init=False)  # the only result, if it is made by itself
    arrays: Any = field(init=False)  # what picks the results from the outputs, if there are several core values
    tensors: Any = field(init=False)  # or several plain tensors
    live: list[int] = field(init=False)  # the positions, in that, of what carries a gradient

    def __post_init__(self) -> None:
        seen = [(i, r) for i, r in enumerate(self.results) if type(r) is Seen]
        self.late = seen + [(i, r) for i, r in enumerate(self.results) if type(r) is Again]
        self.made = [_HOLE if type(r) in (Seen, Again) else r for r in self.results] + self.hidden
        self.single = self.made[0] if self.is_leaf and len(self.made) == 1 and not self.late else None
        self.arrays, self.tensors = self._picking(None), self._picking(Tensor)
        places = {r.index: i for i, r in enumerate(self.made) if type(r) is Fresh}
        self.live = [] if self.derivative is None else [places[index] for index in self.derivative.live]

    def _picking(self, kind: type | None) -> Any:
        """Return what picks all results from the outputs, if there are several, of this kind."""
        plain = all(type(r) is Fresh and r.kind is kind and r.is_plain for r in self.made) and not self.late
        return itemgetter(*[r.index for r in self.made]) if plain and len(self.made) > 1 else None

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
    tensor: Same | None

    def write(self, leaves: list[Any], value: Value) -> None:
        """Fill the slot: with a new tensor of the value, if there is one."""
        held = None if self.tensor is None else self.tensor.find(leaves)
        self.slot.fill(leaves, held if value is None else ambient().wrap(value, None))


def is_gradient(source: Any) -> bool:
    """Return whether a source is the place of the gradient of a captured tensor."""
    return isinstance(source, Slot) and source.holder is None


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


def ready(program: Program, around: Surroundings, leaves: list[Any]) -> list[Value] | None:
    """Return the values of a program's inputs if it may be replayed now."""
    if not around.hold() or not all(check() for check in (*program.handles, *program.slots)):
        return None
    if {i: id(x) for i, x in enumerate(leaves) if id(x) in around.tensors} != program.entangled:
        return None
    if not all(pin.holds(leaves) for pin in program.pins):
        return None
    elsewhere = [*leaves, *(c.tensor for c in program.handles)]
    if held_by_slots([slot.held(leaves) for slot in program.watched], elsewhere) != program.held:
        return None
    values = [s.read(leaves) for s in program.sources]
    if program.storages:
        for x in leaves:
            if isinstance(x, Tensor) and x._view is not None and id(x._view.storage) in program.storages:
                return None
    return values if fits(program, values) else None


def replay(program: Program, leaves: list[Any], values: list[Value]) -> Any:
    """Run a program on the values of its inputs."""
    outs = run(program.plan, program.graph, values)
    for target, index in program.writes:
        target.write(leaves, None if index is None else outs[index])
    return results(program, outs, values, leaves)


def results(
    program: Program,
    outs: Any,
    values: Sequence[Value],
    leaves: Sequence[Any],
    nodes: tuple[Node | None, ...] | None = None,
) -> Any:
    """Return what the function returned; `outs` are the outputs, those that it needs at least, by their numbers.

    `nodes` are those that gradients go to, if they are known.
    """
    if program.arrays is not None:
        return program.structure.unflatten(program.arrays(outs))
    here = _context()
    tape = here.frame.ambient or ambient()
    recording = here.muted < tape.level
    derivative = program.derivative if recording else None
    if derivative is not None and nodes is None:
        nodes = nodes_of(derivative, leaves, tape)
    single = program.single
    if single is not None:
        only = single.make(outs, leaves, tape, recording)
        if derivative is not None:
            attach(derivative, (only,), outs, values, leaves, nodes)  # type: ignore[arg-type]
        return only
    if program.tensors is not None:
        made = plain_tensors(program.tensors(outs), tape)
    else:
        made = [r.make(outs, leaves, tape, recording) for r in program.made]
    if derivative is not None:
        attach(derivative, [made[i] for i in program.live], outs, values, leaves, nodes)  # type: ignore[arg-type]
    for position, r in program.late:
        made[position] = r.take(made, leaves)
    return made[0] if program.is_leaf else program.structure.unflatten(made[: len(program.results)])


def plain_tensors(values: Sequence[Value], tape: AmbientTape) -> list[Any]:
    """Return tensors of values, as `tape.wrap` makes one: 0.1 us each where that takes 0.16."""
    tensors = []
    for value in values:
        made: Tensor = _new(Tensor)
        made._trace = tape
        made.value = value
        made._view = made.node = None
        tensors.append(made)
    return tensors


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
