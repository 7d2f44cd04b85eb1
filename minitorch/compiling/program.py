"""Programs: what one recording of a function produced, and how it is replayed.

A program reads its sources, runs its plan, writes its targets and builds the result. It has no Python side effects of
its own, so replaying it does what the function did, to whatever its handles hold now.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from ..core.array import Array
from ..core.aval import Aval
from ..core.errors import JitError
from ..core.jit.graph import Atom, Graph, Mismatch, interpret
from ..core.jit.staging import Lifted, StagedTracer, StagingTrace
from ..core.ops.families import as_array
from ..core.primitive import Tracer, Value, aval_of
from ..core.tape import FREED, Node, context, entering, lower
from ..core.vjp import backward, reachable
from ..tensor.handle import AmbientTape, Tensor, ambient
from .capture import Argument, ArgumentGrad, Capture, Field, Handle, Number, Shared, Slot
from .derivative import Derivative, attach, spent
from .guards import PLAIN

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
    handles: list[_HandleCheck]
    slots: list[_SlotCheck]
    storages: frozenset[int]
    derivative: Derivative | None = None
    once: bool = False
    plan: Any = None
    is_leaf: bool = False
    given: dict[int, int] = field(default_factory=dict)  # results that may take the place of donated arguments
    entangled: dict[int, int] = field(default_factory=dict)  # arguments that are captured, too: leaf number and id

    def donors(self) -> dict[int, int]:
        """Return which outputs replace which inputs: they may be written into the same memory."""
        places = {id(s): i for i, s in enumerate(self.sources)}
        found = {j: places[id(t)] for t, j in self.writes if j is not None and id(t) in places}
        state = {j: i for j, i in found.items() if not isinstance(self.sources[i], (Argument, Number, Field))}
        return {**self.given, **state}

    @property
    def in_place(self) -> set[int]:
        """The outputs that the plan may write over what they replace."""
        plan = self.plan
        fresh = {at for at, _ in plan.donated}
        return {
            j
            for j in self.donors()
            if j not in self.given and plan.recipes[j][0] == "fresh" and plan.recipes[j][1] in fresh
        }


# --------------------------------------------------------------------------- recording


def record(function: Callable[..., Any], arguments: Any) -> Program:
    """Run a function once on traced values, and return the program of what it did."""
    made: list[Any] = []
    program = _recorded(function, arguments, made)
    arguments.inner = []
    if any(tracer() is not None for tracer, _ in made):
        gc.collect()
        lines = sorted({line for tracer, line in made if tracer() is not None and line})
        if lines:
            raise JitError(
                f"jit: a value made inside, at {lines[0]}, was kept outside the compiled function (in a list, an "
                "attribute or a variable), where it would hold no data; return it, or write it to a tensor in place"
            )
    return program


def _recorded(function: Callable[..., Any], arguments: Any, made: list[Any]) -> Program:
    outside = context.get()
    with entering(StagingTrace) as trace:
        trace.made = made
        capture = Capture(trace, ambient(), outside)
        token = context.set(replace(context.get(), stage=capture, careful=True))
        try:
            args, kwargs = arguments.staged(capture)
            out = function(*args, **kwargs)
            arguments.unchanged(args, kwargs)
            leaves, structure = arguments.flatten(out)
            program = _Finish(capture, arguments).program(leaves, structure)
            del out, leaves, args, kwargs
        finally:
            context.reset(token)
            capture.restore()
    return program


def _ordered(graph: Graph, sources: list[Any]) -> list[Any]:
    """Sort a graph's inputs by the kind of their sources, so that each kind is read in one go; return the sources."""
    rank = [(_KINDS.index(type(s)), i) for i, s in enumerate(sources)]
    order = [i for _, i in sorted(rank)]
    graph.inputs = [graph.inputs[i] for i in order]
    return [sources[i] for i in order]


_KINDS = (Argument, Handle, Shared, Slot, Number, Field, Lifted, ArgumentGrad)


class _Finish:
    """The end of a recording: outputs are collected, and everything that is kept outside is accounted for."""

    def __init__(self, capture: Capture, arguments: Any):
        self.capture = capture
        self.trace = capture.trace
        self.arguments = arguments
        self.outputs: list[Atom] = []
        self.live: list[tuple[int, Node]] = []  # results that carry a gradient

    def program(self, leaves: list[Any], structure: Any) -> Program:
        """Return the program."""
        results = [self._result(x) for x in leaves]
        writes = self._writes()
        forward_inputs = len(self.trace.graph.inputs)
        derivative = self._derivative(forward_inputs) if self.live else None
        graph = self.trace.graph
        len(self.outputs)
        if derivative is None:
            graph.outputs = self.outputs
        else:
            graph = derivative.forward(graph, self.outputs)
        sources = _ordered(graph, self.trace.sources[:forward_inputs])
        return Program(
            graph=graph,
            sources=sources,
            avals=[v.aval for v in graph.inputs],
            writes=writes,
            results=results,
            structure=structure,
            handles=list(self._handles()),
            slots=list(self._slots()),
            storages=frozenset(self.capture.storages),
            derivative=derivative,
            is_leaf=structure.num_leaves == 1 and structure.num_nodes == 1,
            once=any(isinstance(s, Lifted) for s in sources),
        )

    def _output(self, value: Value) -> int:
        """Add an output and return its number."""
        self.outputs.append(self.trace.atom(value))
        return len(self.outputs) - 1

    # ------------------------------------------------------------------ results

    def _result(self, x: Any) -> Any:
        if isinstance(x, Tensor):
            return self._tensor(x)
        if isinstance(x, (Array, Tracer)):
            return Fresh(self._output(lower(x)), None)
        if not isinstance(x, (*PLAIN, Enum)):
            raise JitError(
                f"jit: the function returned a {type(x).__name__}, which every call would share; return arrays, tensors and "
                "plain values, in lists, tuples and dicts"
            )
        return Fixed(x)

    def _tensor(self, x: Tensor) -> Any:
        capture = self.capture
        for swapped in capture.slots.values():
            if swapped.source.get() is x and not isinstance(capture.known.get(id(x)), Argument):
                return Same(None, x if id(x) in capture.adoptions else None, swapped.source)
        if id(x) in capture.adoptions:
            source = capture.known.get(id(x))
            return Same(source.index, None) if isinstance(source, Argument) else Same(None, x)
        if x._trace.level < self.trace.level:
            return Same(None, x)
        if x._view is not None and self._is_shared(x):
            raise JitError(
                f"jit: a result, {aval_of(x.current())}, shares its memory with an argument, a captured tensor or another "
                "result (it is a view or was detached from it), so that a later write to one would have to reach the "
                "other; return x.clone()"
            )
        index = self._output(x.current())
        done = x.node is not None and is_spent(x.node)
        if x.node is not None and not done:
            self.live.append((index, x.node))
        return Fresh(index, type(x), done)

    def _is_shared(self, x: Tensor) -> bool:
        storage = x._view.storage  # type: ignore[union-attr]
        if id(storage) in self.capture.storages:
            return True
        if any(
            a.tensor._view is not None and a.tensor._view.storage is storage for a in self.capture.adoptions.values()
        ):
            return True
        self._returned = getattr(self, "_returned", set())
        known = id(storage) in self._returned
        self._returned.add(id(storage))
        return known

    # ------------------------------------------------------------------ writes

    def _writes(self) -> list[tuple[Any, int | None]]:
        found: list[tuple[Any, int | None]] = []
        capture = self.capture
        for a in capture.adoptions.values():
            self._check_node(a)
            self._check_memory(a)
            belongs = not isinstance(a.source, (Slot, ArgumentGrad)) or a.source.get() is a.tensor
            if a.source is not None and belongs and self._changed(a.tensor.current(), a.staged):
                found.append((a.source, self._output(a.tensor.current())))
        for swapped, storage, _ in capture.storages.values():
            if self._changed(storage.value, swapped.staged):
                found.append((swapped.source, self._output(storage.value)))
        for swapped in capture.fields:
            now = getattr(swapped.source.owner, swapped.source.name)
            if self._changed(now, swapped.staged):
                found.append((swapped.source, self._output(now)))
        for swapped in capture.slots.values():
            now = swapped.source.get()
            if now is not swapped.before:
                found.append(self._slot(swapped.source, now))
        if found:
            self._check_aliases()
        return found

    def _changed(self, now: Value, staged: StagedTracer) -> bool:
        return not (isinstance(now, StagedTracer) and now.value is staged.value)

    def _slot(self, slot: Slot | ArgumentGrad, now: Any) -> tuple[Any, int | None]:
        if now is None:
            return Refill(slot, None), None
        if now._trace.level < self.trace.level or id(now) in self.capture.adoptions:
            return Refill(slot, now), None
        return Refill(slot, None), self._output(now.current())

    def _check_memory(self, a: Any) -> None:
        """Raise if a tensor that shares its memory has been given memory of its own."""
        if a.view is None:
            return
        now = a.tensor._view
        left = now is None or now.storage is not a.view.storage if a.source is None else False
        if left or aval_of(a.tensor.current()).shape != aval_of(a.value).shape:
            raise JitError(
                f"jit: {aval_of(a.value)}, a tensor from outside the compiled function that shares its memory with another (a "
                "view, or a detached copy), was given other data of another shape; write to it in place, or return the value"
            )

    def _check_node(self, a: Any) -> None:
        node = a.tensor.node
        if node is a.inner or (node is None and a.node is None):
            return
        if aval_of(a.tensor.current()).shape != aval_of(a.value).shape:
            raise JitError(
                f"jit: {aval_of(a.value)}, a tensor from outside the compiled function that requires grad, was given another "
                "shape in place; use the version that returns a new tensor, such as x.t() in the place of x.t_()"
            )
        raise JitError(
            f"jit: {aval_of(a.value)}, a tensor from outside the compiled function, was made to require grad or not "
            "to, or was written in place with a value that does; return that value instead, or write under no_grad()"
        )

    def _check_aliases(self) -> None:
        """A write must reach every handle on its storage; arguments are read by value."""
        groups = [s for s in self.arguments.storages if s is not None]
        if len(set(groups)) < len(groups) or not set(groups).isdisjoint(self.capture.storages):
            raise JitError(
                "jit: two arguments, or an argument and a captured tensor, share memory, and the function writes to a "
                "tensor in place; pass x.clone(), or compile without the write"
            )

    # ------------------------------------------------------------------ derivatives

    def _derivative(self, forward_inputs: int) -> Derivative | None:
        """Record the backward pass of the results that carry a gradient, too."""
        live = self.live
        inner = {a.inner: a for a in self.capture.adoptions.values() if a.inner is not None}
        nodes = set(reachable([node for _, node in live])) if live else set()
        wanted = [a for node, a in inner.items() if node in nodes]
        seeds = []
        for _, node in live:
            seeds.append((node, self.trace.input(Aval(node.shape, node.dtype))))
        found = backward(seeds, wanted={a.inner for a in wanted}, keep=True) if wanted else {}
        grads = [self.trace.atom(found[a.inner]) if a.inner in found else None for a in wanted]
        return Derivative(
            live=[i for i, _ in live],
            parents=[a.source if isinstance(a.source, Argument) else a.tensor for a in wanted],
            joint=Graph(self.trace.graph.inputs, self.trace.graph.equations, list(grads)),
            cotangents=self.trace.graph.inputs[forward_inputs:],
        )

    # ------------------------------------------------------------------ what must hold

    def _handles(self) -> Iterator[_HandleCheck]:
        """Iterate over the conditions on captured handles under which the program may be replayed."""
        for a in self.capture.adoptions.values():
            if not isinstance(a.source, (Argument, Slot, ArgumentGrad)):
                yield _HandleCheck(a.tensor, a.view, None if a.node is None else a.node.plan is None)

    def _slots(self) -> Iterator[_SlotCheck]:
        """Iterate over the slots that must be empty, or must not."""
        for key, swapped in self.capture.slots.items():
            if isinstance(swapped.source, ArgumentGrad):  # a part of the key
                yield _SlotCheck(lambda: None, True, False)
            elif key in self.capture.read_slots:
                yield _SlotCheck(swapped.source.get, swapped.before is None, swapped.source.holder is not None)


@dataclass(frozen=True, slots=True)
class _HandleCheck:
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
class _SlotCheck:
    get: Callable[[], Any]
    empty: bool
    in_table: bool

    def __call__(self) -> bool:
        return (self.get() is None) is self.empty


@dataclass(frozen=True, slots=True)
class Refill:
    """The target of a slot that gets another tensor, or None."""

    slot: Slot | ArgumentGrad
    tensor: Tensor | None

    def write(self, leaves: list[Any], value: Value) -> None:
        """Fill the slot: with a new tensor of the value, if there is one."""
        self.slot.fill(leaves, self.tensor if value is None else ambient().wrap(value, None))


def is_spent(node: Node) -> bool:
    """Return whether a backward pass has already used what a node depends on."""
    return any(n.saved is FREED for n in reachable([node]))


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
    outs = program.plan.run(values)
    for target, index in program.writes:
        target.write(leaves, None if index is None else outs[index])
    return results(program, outs, leaves)


def results(program: Program, outs: list[Value], leaves: Sequence[Any]) -> Any:
    """Return what the function returned."""
    here = context.get()
    tape = here.frame.ambient or ambient()
    recording = here.muted < tape.level
    made: list[Any] = []
    for r in program.results:
        if type(r) is Fresh:
            value = outs[r.index]
            if r.kind is None:
                made.append(value)
                continue
            x = _tensor(value, r.kind, tape)
            if r.spent and recording:
                x.node = spent(value)
            made.append(x)
        elif type(r) is Same:
            made.append(r.find(leaves))
        else:
            made.append(r.value)
    if program.derivative is not None and recording:
        by_index = {r.index: x for r, x in zip(program.results, made) if type(r) is Fresh}
        attach(program.derivative, by_index, outs, leaves, tape)
    return made[0] if program.is_leaf else program.structure.unflatten(made)


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
