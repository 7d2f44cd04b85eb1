"""Recording: run a function once on traced values, and account for everything that it read, wrote and returned."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum
from typing import Any

import numpy as np

from ..core.array import Array
from ..core.aval import Aval
from ..core.config import setting
from ..core.errors import JitError
from ..core.jit.graph import Atom, Graph
from ..core.jit.staging import Lifted, StagedTracer, StagingTrace
from ..core.tape import FREED, Node, context, entering, lower
from ..core.tracer import Tracer, Value, aval_of
from ..core.vjp import backward, unhooked
from ..core.walking import reachable
from ..tensor.handle import GradCell, Tensor, ambient
from .capture import Argument, ArgumentGrad, Capture, Field, Handle, Number, Shared, Slot
from .derivative import Derivative
from .guards import PLAIN
from .holding import Pin, held_by_slots
from .program import Again, Fixed, Fresh, HandleCheck, Own, Program, Refill, Same, SlotCheck, is_gradient
from .sharing import Sharing


def record(
    function: Callable[..., Any],
    arguments: Any,
    names: Callable[[Any], str] | None = None,
    groups: Iterable[dict[str, Any]] = (),
) -> Program:
    """Run a function once on traced values, and return the program of what it did.

    `names` says what a source is called, `groups` are the optimizers' that the function looks into.
    """
    made: list[Any] = []
    program = _recorded(function, arguments, made, names, groups)
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


@contextmanager
def uncollected() -> Iterator[None]:
    """Put collections of cyclic garbage off.

    A recording and its graphs are some 100,000 objects that stay: to walk them, and all others, now and again takes as
    long as all the rest. So does the collection that would follow at once: they are told to be old, unless somebody has
    set objects apart, who would get these back with them.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            if not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def _recorded(function: Callable[..., Any], arguments: Any, made: list[Any], names: Any, groups: Any) -> Program:
    outside = context.get()
    with entering(StagingTrace) as trace:
        trace.made, trace.names = made, names
        capture = Capture(trace, ambient(), outside)
        here = context.get()
        off = outside.muted >= outside.frame.level  # no_grad outside holds inside
        muted = here.frame.level if off else here.muted
        # With anomaly mode, nodes know their lines.
        token = context.set(replace(here, muted=muted, stage=capture, careful=True, anomaly=True))
        try:
            for group in groups:
                capture.lend(group)
            args, kwargs = arguments.staged(capture)
            out = function(*args, **kwargs)
            arguments.unchanged(args, kwargs)
            leaves, structure = arguments.apart(out)
            program = _Finish(capture, arguments).program(leaves, structure)
            del out, leaves, args, kwargs
        finally:
            context.reset(token)
            capture.restore()
    return program


def _ordered(graph: Graph, sources: list[Any]) -> list[Any]:
    """Sort a graph's inputs by the kind of their sources, so that each kind is read in one go; return the sources."""
    rank = [(_KINDS.index(type(s)), is_gradient(s), i) for i, s in enumerate(sources)]
    order = [i for *_, i in sorted(rank)]
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
        self.filled: dict[int, Any] = {}  # the slot that a tensor has been put in first, by the tensor's identity
        self.kept: set[int] = set()  # tensors from outside that are results, or put in a slot
        self.leaves: list[tuple[Tensor, Node]] = []  # results that require grad on their own

    def program(self, leaves: list[Any], structure: Any) -> Program:
        """Return the program."""
        self._check_numbers()
        results = self._results(leaves)
        self._check_leaves()
        writes = self._writes()
        forward_inputs = len(self.trace.graph.inputs)
        derivative = self._derivative(forward_inputs) if self.live else None
        graph = self.trace.graph
        if derivative is None:
            graph.outputs = self.outputs
        else:
            graph = derivative.forward(graph, self.outputs)
        sources = _ordered(graph, self.trace.sources[:forward_inputs])
        handles = list(self._handles())
        elsewhere = [*self.arguments.leaves, *(c.tensor for c in handles)]
        return Program(
            graph=graph,
            sources=sources,
            avals=[v.aval for v in graph.inputs],
            writes=writes,
            results=results,
            structure=structure,
            handles=handles,
            slots=list(self._slots()),
            storages=frozenset(self.capture.storages),
            derivative=derivative,
            is_leaf=structure.num_leaves == 1 and structure.num_nodes == 1,
            watched=[s.source for s in self.capture.slots.values()],
            held=held_by_slots([s.before for s in self.capture.slots.values()], elsewhere),
            once=any(isinstance(s, Lifted) for s in sources),
            begun=self.capture.begun,
            hidden=self.hidden,
            pins=list(self._pins()),
        )

    def _check_numbers(self) -> None:
        """Raise if a number of an optimizer was changed, which is no data."""
        for x in self.capture.lent:
            if x.group.get(x.name) is not x.staged:
                raise JitError(
                    f"jit: the function sets {x.name!r} in a group of an optimizer; a compiled function would do so only "
                    "when it is recorded. Set it outside: it is read at each call"
                )

    def _output(self, value: Value) -> int:
        """Add an output and return its number."""
        self.outputs.append(self.trace.atom(value))
        return len(self.outputs) - 1

    # ------------------------------------------------------------------ results

    def _results(self, leaves: list[Any]) -> list[Any]:
        """Say of each result where it comes from; a tensor that comes twice is one tensor."""
        first: dict[int, int] = {}
        self.sharing = Sharing(self.capture, leaves)
        found = []
        for position, x in enumerate(leaves):
            known = first.setdefault(id(x), position) if isinstance(x, Tensor) else position
            found.append(self._result(x) if known == position else Again(known))
        self.hidden = [self._fresh(s.value, s.node, Tensor) for s in self.sharing.hidden]
        return found

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
        if self._is_outside(x):
            return self._same(x)
        own = self._own(x)
        if x._view is not None and (seen := self.sharing.seen(x)) is not None:
            if own is not None:
                self.sharing.refuse(x)
            return seen
        return self._fresh(x.current(), x.node, type(x), own)

    def _is_outside(self, x: Tensor) -> bool:
        return id(x) in self.capture.adoptions or x._trace.level < self.trace.level

    def _same(self, x: Tensor) -> Same:
        """Return how a tensor from outside is found after each call; raise for one that its slot does not hold any more."""
        self.kept.add(id(x))
        source = self.capture.known.get(id(x))
        if isinstance(source, Argument):
            return Same(source.index, None)
        if not isinstance(source, (Slot, ArgumentGrad)):
            return Same(None, x)
        if source.get() is not x:
            raise JitError(
                f"jit: the function replaces {aval_of(x.current())}, a gradient or optimizer state from outside, by another "
                "tensor, and returns or keeps the old one, which would be another tensor in each call; use x.clone() of it"
            )
        return Same(None, None, source)

    def _own(self, x: Tensor) -> Own | None:
        """Return what a new tensor has besides its value; raise for what cannot be given to that of each call."""
        if x._cell is not None:
            refuse_cell(x, x._cell)
        attributes = {name: held for name, held in vars(x).items() if name != "_cell"}
        for name, held in attributes.items():
            if not isinstance(held, (*PLAIN, Enum)):
                raise JitError(
                    f"jit: a result, {x.aval}, has an attribute {name!r}, a {type(held).__name__}, which every call would "
                    "share; return that, too, and set the attribute outside"
                )
        is_leaf = x.requires_grad and x.is_leaf
        if is_leaf:
            self.leaves.append((x, x.node))  # type: ignore[arg-type]
        return Own(is_leaf, attributes) if is_leaf or attributes else None

    def _fresh(self, value: Value, node: Node | None, kind: type, own: Own | None = None) -> Fresh:
        index = self._output(value)
        is_leaf = own is not None and own.is_leaf
        done = node is not None and not is_leaf and is_spent(node)
        if node is not None and not is_leaf and not done:
            self.live.append((index, node))
        return Fresh(index, kind, done, own)

    def _check_leaves(self) -> None:
        """Raise if a result that requires grad on its own is one that others were computed from."""
        nodes = set(reachable([node for _, node in self.live])) if self.leaves else set()
        for x, node in self.leaves:
            if node in nodes:
                raise JitError(
                    f"jit: a result, {x.aval}, was made inside and requires grad on its own, and another result depends "
                    "on it, whose backward pass would not reach it; make it outside, and pass it as an argument"
                )

    # ------------------------------------------------------------------ writes

    def _writes(self) -> list[tuple[Any, int | None]]:
        found: list[tuple[Any, int | None]] = []
        capture = self.capture
        written: set[int] = set()
        for a in capture.adoptions.values():
            self._check_node(a)
            self._check_memory(a)
            if a.source is not None and self._changed(a.tensor.current(), a.staged):
                found.append((a.source, self._output(a.tensor.current())))
                written |= {id(a.view.storage)} if a.view is not None else set()
        for swapped, storage, _ in capture.storages.values():
            if self._changed(storage.value, swapped.staged):
                found.append((swapped.source, self._output(storage.value)))
                written.add(id(storage))
        self._check_aliases(written)
        for swapped in capture.fields:
            now = getattr(swapped.source.owner, swapped.source.name)
            if self._changed(now, swapped.staged):
                found.append((swapped.source, self._output(now)))
        for swapped in capture.slots.values():
            now = swapped.source.get()
            if now is not swapped.before:
                found.append(self._slot(swapped.source, now))
        return found

    def _changed(self, now: Value, staged: StagedTracer) -> bool:
        return not (isinstance(now, StagedTracer) and now.value is staged.value)

    def _slot(self, slot: Slot | ArgumentGrad, now: Any) -> tuple[Any, int | None]:
        if now is None:
            return Refill(slot, None), None
        first = self.filled.setdefault(id(now), slot)
        if first is not slot:
            return Refill(slot, Same(None, None, first)), None
        if self._is_outside(now):
            return Refill(slot, self._same(now)), None
        if now.node is not None and not is_spent(now.node):
            raise JitError(
                f"jit: a gradient, {aval_of(now.current())}, is recorded itself, as by backward(create_graph=True), and "
                "would be kept without its graph; return what mt.autograd.grad(..., create_graph=True) gives, or detach() it"
            )
        return Refill(slot, None), self._output(now.current())

    def _check_memory(self, a: Any) -> None:
        """Raise if a tensor that shares its memory has been given memory of its own."""
        if a.view is None:
            return
        now = a.tensor._view
        left = now is None or now.storage is not a.view.storage if a.source is None else False
        if left or aval_of(a.tensor.current()).shape != aval_of(a.value).shape:
            raise JitError(
                f"jit: {aval_of(a.value)}, a tensor from outside the compiled function that shares memory with another (a "
                "view, or a detached copy), was given other data of another shape; write to it in place, or return the value"
            )

    def _check_node(self, a: Any) -> None:
        node = a.tensor.node
        if node is a.inner or (node is None and a.node is None):
            return
        if aval_of(a.tensor.current()).shape != aval_of(a.value).shape:
            raise JitError(
                f"jit: {aval_of(a.value)}, a tensor from outside the compiled function that requires grad, was given "
                "another shape in place; use the version that returns a new tensor, such as x.t() in the place of x.t_()"
            )
        raise JitError(
            f"jit: {aval_of(a.value)}, a tensor from outside the compiled function, was made to require grad or not "
            "to, or was written in place with a value that does; return that value instead, or write under no_grad()"
        )

    def _check_aliases(self, written: set[int]) -> None:
        """A write must reach every handle on its storage; arguments are read by value."""
        held = Counter(s for s in self.arguments.storages if s is not None)
        if any(s in held and (held[s] > 1 or s in self.capture.storages) for s in written):
            raise JitError(
                "jit: two arguments, or an argument and a captured tensor, share memory, and the function writes to it "
                "in place; pass x.clone(), or compile without the write"
            )
        for a in self.capture.adoptions.values():
            if isinstance(a.source, (Slot, ArgumentGrad)) and a.view is not None and id(a.view.storage) in written:
                self._check_slot_memory(a)

    def _check_slot_memory(self, a: Any) -> None:
        """Raise if a gradient or state on a storage that is written overlaps with what else the function meets."""
        storage = a.view.storage
        adoptions = self.capture.adoptions.values()
        others = [b for b in adoptions if b is not a and b.view is not None and b.view.storage is storage]
        if id(storage) in self.capture.storages or any(_overlap(a.value, b.value) for b in others):
            raise JitError(
                f"jit: {aval_of(a.value)}, a gradient or optimizer state, shares its memory with another tensor that the "
                "function uses, and one of them is written in place; let one of them be a clone()"
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
        with setting(unhooked, {a.inner for a in wanted}):
            found = backward(seeds, wanted={a.inner for a in wanted}, keep=True) if wanted else {}
        grads = [self.trace.atom(found[a.inner]) if a.inner in found else None for a in wanted]
        return Derivative(
            live=[i for i, _ in live],
            parents=[a.source if isinstance(a.source, Argument) else a.tensor for a in wanted],
            joint=Graph(self.trace.graph.inputs, self.trace.graph.equations, list(grads)),
            cotangents=self.trace.graph.inputs[forward_inputs:],
        )

    # ------------------------------------------------------------------ what must hold

    def _handles(self) -> Iterator[HandleCheck]:
        """Iterate over the conditions on captured handles under which the program may be replayed."""
        for a in self.capture.adoptions.values():
            if not isinstance(a.source, (Argument, Slot, ArgumentGrad)):
                yield HandleCheck(a.tensor, a.view, None if a.node is None else a.node.plan is None)

    def _slots(self) -> Iterator[SlotCheck]:
        """Iterate over the slots that must be empty, or must not: those that are read, or end as they have begun."""
        for key, swapped in self.capture.slots.items():
            slot, before = swapped.source, swapped.before
            is_asked = key in self.capture.read_slots or slot.get() is before
            if is_asked and not isinstance(slot, ArgumentGrad):  # a part of the key
                yield SlotCheck(slot, before is None)

    def _pins(self) -> Iterator[Pin]:
        """Iterate over the tensors in slots that are used, and that the function may have from elsewhere."""
        used = {*self.capture.adoptions, *self.kept}
        return (pin for pin in self.capture.held_elsewhere if id(pin.tensor) in used)


def refuse_cell(x: Tensor, cell: GradCell) -> None:
    """Raise if a result waits for its gradient in a way that the tensor of another call would not."""
    if cell.grad is not None:
        fix = "has got a gradient in the function; return x.grad as a further result"
    elif x.is_leaf and (cell.hooks or cell.post_hooks):
        fix = "requires grad on its own, and has hooks; register them outside, on the result"
    elif not x.is_leaf and cell.accumulates:
        fix = "is told to retain its gradient; call retain_grad() outside, on the result"
    else:
        return
    raise JitError(f"jit: a result, {x.aval}, which is a new tensor in each call, {fix}")


def _overlap(x: Value, y: Value) -> bool:
    """Return whether two values may have elements in common."""
    return not (type(x) is type(y) is Array) or np.may_share_memory(x._data, y._data)


def is_spent(node: Node) -> bool:
    """Return whether a backward pass has already used what a node depends on."""
    return any(n.saved is FREED for n in reachable([node]))
