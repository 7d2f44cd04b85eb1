"""Capture: how the handles that a function meets while it is recorded become inputs and outputs of its program.

A handle from outside is swapped for a traced one when an operation first meets it, and restored when the recording
ends, whatever happens. Where its value came from is a `Source`, read at each call; where its last value belongs is a
`Target`, written after each call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.array import wrap
from ..core.aval import Aval
from ..core.config import default_float
from ..core.jit.graph import Template
from ..core.jit.staging import StagedTracer, StagingTrace, stage
from ..core.tape import Context, Node, context, leaf
from ..core.tracer import Value, aval_of
from ..tensor.alias import Storage, View
from ..tensor.generator import Generator
from ..tensor.handle import AmbientTape, GradCell, Tensor
from .holding import Pin, Refusing, is_held_elsewhere
from .snapshots import LIFTED

# --------------------------------------------------------------------------- where values come from, and go


@dataclass(frozen=True, slots=True)
class Argument:
    """Leaf number `index` of the arguments."""

    index: int

    def read(self, leaves: list[Any]) -> Value:
        """Return the value now."""
        x = leaves[self.index]
        return x.current() if isinstance(x, Tensor) else x

    def write(self, leaves: list[Any], value: Value) -> None:
        """Write to the tensor that was passed."""
        leaves[self.index].overwrite(value)


@dataclass(frozen=True, slots=True)
class Handle:
    """A tensor that shares its storage with no other."""

    tensor: Tensor

    def read(self, leaves: list[Any]) -> Value:
        """Return the value now."""
        return self.tensor.value

    def write(self, leaves: list[Any], value: Value) -> None:
        """Write to the tensor."""
        self.tensor.overwrite(value)


@dataclass(frozen=True, slots=True)
class Shared:
    """The storage of a tensor and its views."""

    storage: Storage

    def read(self, leaves: list[Any]) -> Value:
        """Return the value now."""
        return self.storage.value

    def write(self, leaves: list[Any], value: Value) -> None:
        """Write to the storage; its handles take themselves anew when they are next read."""
        self.storage.value = value
        self.storage.version += 1


@dataclass(frozen=True, slots=True)
class Slot:
    """Something that holds a tensor or None: the gradient of a parameter, or an entry of an optimizer's state.

    An entry is found as `holder.state[owner][name]`; a gradient has no holder.
    """

    get: Callable[[], Any]
    set: Callable[[Any], None]
    owner: Any
    name: str
    holder: Any = None

    def read(self, leaves: list[Any]) -> Value:
        """Return the value of the tensor that it holds now."""
        return self.get().current()

    def write(self, leaves: list[Any], value: Value) -> None:
        """Write to the tensor that it holds."""
        self.get().overwrite(value)

    def fill(self, leaves: list[Any], held: Any) -> None:
        """Let it hold another tensor, or None."""
        self.set(held)

    def held(self, leaves: Sequence[Any]) -> Any:
        """Return what it holds now."""
        return self.get()


@dataclass(frozen=True, slots=True)
class ArgumentGrad:
    """The gradient of leaf number `index` of the arguments; `get` and `set` are those of the recording's argument."""

    index: int
    get: Callable[[], Any]
    set: Callable[[Any], None]
    owner: Any
    name: str = "grad"
    holder: Any = None

    def read(self, leaves: list[Any]) -> Value:
        """Return the value of the gradient now."""
        return leaves[self.index].grad.current()

    def write(self, leaves: list[Any], value: Value) -> None:
        """Write to the gradient."""
        leaves[self.index].grad.overwrite(value)

    def fill(self, leaves: list[Any], held: Any) -> None:
        """Give the argument another gradient, or None."""
        leaves[self.index].grad = held

    def held(self, leaves: Sequence[Any]) -> Any:
        """Return the gradient now."""
        return leaves[self.index].grad


@dataclass(frozen=True, slots=True)
class Field:
    """An attribute that holds a value: a generator's key or its count of draws."""

    owner: Any
    name: str

    def read(self, leaves: list[Any]) -> Value:
        """Return the value now."""
        return getattr(self.owner, self.name)

    def write(self, leaves: list[Any], value: Value) -> None:
        """Set the attribute."""
        setattr(self.owner, self.name, value)


@dataclass(frozen=True, slots=True)
class Number:
    """A plain number in a dict, such as a learning rate."""

    owner: dict[str, Any]
    name: str

    def read(self, leaves: list[Any]) -> Value:
        """Return the number now."""
        return wrap(np.array(self.owner[self.name], np.float64))


@dataclass(frozen=True, slots=True)
class Begun:
    """The state of a parameter that an optimizer has begun in a recording: the program's first run makes it again."""

    holder: Any
    owner: Any
    group: dict[str, Any]

    def make(self) -> None:
        """Enter the state."""
        self.holder._start(self.owner, self.group)

    def remove(self) -> None:
        """Take it out again."""
        self.holder.state.pop(self.owner, None)


# --------------------------------------------------------------------------- one recording


@dataclass(slots=True)
class _Adopted:
    """A handle as it was before the recording, and the leaf that stood for it."""

    tensor: Tensor
    trace: Any
    value: Value
    node: Node | None
    inner: Node | None
    view: View | None
    source: Any = None
    staged: Any = None


@dataclass(slots=True)
class _Swapped:
    """A storage, generator field or slot: what it held before, what was put there, and where it comes from."""

    source: Any
    before: Any
    staged: Any


@dataclass(frozen=True, slots=True)
class _Lent:
    """A number of an optimizer's group, and what stands for it while a function is recorded."""

    group: dict[str, Any]
    name: str
    before: float
    staged: StagedTracer


class NonZero(Tensor):
    """A number that is known not to be zero, which rules ask of their options; zeros are not made inputs."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return True


class Capture:
    """The handles of one recording. It is the open stage of the context while the function runs."""

    def __init__(self, trace: StagingTrace, tape: AmbientTape, outside: Context):
        self.trace = trace
        self.tape = tape
        self.outside = outside
        self.adoptions: dict[int, _Adopted] = {}
        self.storages: dict[int, tuple[_Swapped, Storage, list[Any]]] = {}
        self.fields: list[_Swapped] = []
        self.slots: dict[tuple[int, str], _Swapped] = {}
        self.known: dict[int, Any] = {}  # tensors that are reached through an argument or a slot, by id
        self.lifted: dict[tuple[int, str], Tensor] = {}
        self.lent: list[_Lent] = []
        self.read_slots: set[tuple[int, str]] = set()
        self.held_elsewhere: list[Pin] = []  # what a slot holds and others do, too: the function may have it from these
        self.begun: list[Begun] = []

    @property
    def level(self) -> int:
        """The level of the trace that records."""
        return self.trace.level

    # ------------------------------------------------------------------ handles

    def adopted(self, args: tuple[Value, ...]) -> tuple[Value, ...]:
        """Take in the handles among the arguments; return the same tuple if there was none."""
        found = False
        for a in args:
            if isinstance(a, Tensor) and a._trace.level < self.trace.level:
                self.take(a)
                found = True
        return (*args,) if found else args  # a new tuple tells the caller to dispatch again

    def take(self, x: Tensor) -> None:
        """Make a handle from outside an input, and let it stand for that input."""
        source = self.known.get(id(x))
        value = self.aside(x.current)
        before = _Adopted(x, x._trace, value, x.node, None, x._view)
        self.adoptions[id(x)] = before
        if x._view is None or source is not None:
            x._view = None
            before.source = source or Handle(x)  # one object, by which the target is known as the source
            x.value = before.staged = self.trace.input(aval_of(value), before.source)
        else:
            self._take_storage(x._view)
            x.value = x._view.take(x._view.storage.value)
            x._view.version = x._view.storage.version
        x._trace = self.tape
        x.node = None
        if before.node is not None:
            inner = before.inner = leaf(x.value)
            is_leaf = before.node.plan is None
            inner.cell = x._cell if is_leaf and x._cell is not None else Refusing()
            x._set_node(inner)
        if x._cell is not None:
            self.watch_grad(x._cell, argument=source.index if isinstance(source, Argument) else None)

    def _take_storage(self, view: View) -> None:
        storage = view.storage
        if id(storage) not in self.storages:
            swapped = _Swapped(Shared(storage), storage.value, None)
            self.storages[id(storage)] = (swapped, storage, [])
            swapped.staged = storage.value = self.trace.input(aval_of(storage.value), swapped.source)
            storage.version += 1
        root = view.root
        roots = self.storages[id(storage)][2]
        if all(root is not r for r, *_ in roots):
            roots.append((root, root.node, root.version))

    # ------------------------------------------------------------------ slots

    def _watch(self, slot: Slot | ArgumentGrad, reads: bool) -> None:
        """Note what a slot holds before the recording changes it; `reads` says that the program depends on it."""
        key = (id(slot.owner), slot.name)
        if key not in self.slots:
            is_shared = is_held_elsewhere(slot.get)
            held = slot.get()
            self.slots[key] = _Swapped(slot, held, held)
            if reads:
                self.read_slots.add(key)
            if held is not None:
                self.known.setdefault(id(held), slot)
                if is_shared:
                    self.held_elsewhere.append(Pin(slot, held))

    def watch_grad(self, cell: GradCell, reads: bool = True, argument: int | None = None) -> None:
        """Note the gradient that a cell holds; `argument` is the number of the leaf that it belongs to."""
        get, put = lambda: cell.grad, lambda g: setattr(cell, "grad", g)
        slot = Slot(get, put, cell, "grad") if argument is None else ArgumentGrad(argument, get, put, cell)
        self._watch(slot, reads)

    def watch_new_cell(self, x: Tensor) -> None:
        """Note that a tensor from outside has got a place for a gradient."""
        if id(x) in self.adoptions and x._cell is not None:
            source = self.known.get(id(x))
            self.watch_grad(x._cell, reads=False, argument=source.index if isinstance(source, Argument) else None)

    def watch_item(self, holder: Any, owner: Any, name: str) -> None:
        """Note the tensor `holder.state[owner][name]`; the dicts may be exchanged between calls."""

        def get() -> Any:
            return holder.state.get(owner, {}).get(name)

        def put(held: Any) -> None:
            holder.state[owner][name] = held

        self._watch(Slot(get, put, owner, name, holder), True)

    def begin(self, holder: Any, owner: Any, group: dict[str, Any]) -> None:
        """Let an optimizer make the state of a parameter for the time of the recording."""
        self.begun.append(Begun(holder, owner, group))
        plain = {**group, **{x.name: x.before for x in self.lent if x.group is group}}
        self.aside(Begun(holder, owner, plain).make)

    # ------------------------------------------------------------------ fields and numbers

    def field(self, owner: Any, name: str) -> None:
        """Make an attribute that holds a value an input."""
        if any(s.source.owner is owner and s.source.name == name for s in self.fields):
            return
        before = getattr(owner, name)
        source = Field(owner, name)
        staged = self.trace.input(aval_of(before), source)
        self.fields.append(_Swapped(source, before, staged))
        setattr(owner, name, staged)

    def generator(self, generator: Generator) -> None:
        """Make a generator's state an input."""
        self.field(generator, "key")
        self.field(generator, "counter")

    def lend(self, group: dict[str, Any]) -> None:
        """Let a function that looks into an optimizer's group find numbers there that are read anew at each call."""
        for name in LIFTED:
            if type(group.get(name)) is float and group[name]:
                staged = self.trace.input(Aval((), dtypes.float64, weak=True), Number(group, name))
                self.lent.append(_Lent(group, name, group[name], staged))
                group[name] = staged

    def numbers(self, group: dict[str, Any]) -> dict[str, Tensor]:
        """Return the numbers of an optimizer's group that may change, as tensors that are read anew at each call."""
        plain = {**group, **{x.name: x.before for x in self.lent if x.group is group}}
        return {name: self.number(group, name) for name in LIFTED if type(plain.get(name)) is float and plain[name]}

    def number(self, owner: dict[str, Any], name: str) -> Tensor:
        """Return a plain number of a dict as a 0-d tensor."""
        key = (id(owner), name)
        if key not in self.lifted:
            staged = self.trace.input(Aval((), dtypes.float64), Number(owner, name))
            self.lifted[key] = self.non_zero(self.tape.wrap(staged, None))
        return self.lifted[key]

    def non_zero(self, x: Tensor) -> Tensor:
        """Make a tensor one that is known not to be zero."""
        x.__class__ = NonZero
        return x

    def copied(self, known: Any, key: Any, function: Callable[..., Any], values: list[Value]) -> dict[str, Any]:
        """Return what a function makes of traced values, by name; it depends on `key`, shapes and dtypes alone.

        Recorded once for these, its graph is copied from `known` wherever it is done again, in later recordings, too.
        """
        if not all(type(v) is StagedTracer and v._trace is self.trace for v in values):
            return function(values)
        key = key, *(avals := [aval_of(v) for v in values]), default_float.get()
        if key not in known:
            names: list[str] = []

            def run(values: list[Value]) -> list[Value]:
                found = function(values)
                names.extend(found)
                return list(found.values())

            known[key] = Template(stage(run, avals)), names
        template, names = known[key]
        return dict(zip(names, self.trace.copy(template, values), strict=True))

    def aside(self, action: Callable[[], Any]) -> Any:
        """Run something outside the recording."""
        token = context.set(self.outside)
        try:
            return action()
        finally:
            context.reset(token)

    # ------------------------------------------------------------------ the end

    def restore(self) -> None:
        """Put everything back as it was."""
        for swapped in self.slots.values():
            swapped.source.set(swapped.before)
        for x in self.lent:
            x.group[x.name] = x.before
        for begun in self.begun:
            begun.remove()
        for swapped in self.fields:
            setattr(swapped.source.owner, swapped.source.name, swapped.before)
        for swapped, storage, roots in self.storages.values():
            storage.value = swapped.before
            storage.version += 1
            for root, node, version in roots:
                root.node, root.version = node, version
        for a in self.adoptions.values():
            x = a.tensor
            x._trace, x.node, x._view = a.trace, a.node, a.view
            if a.view is None:
                x.value = a.value
            else:
                x.value = a.view.take(a.view.storage.value)
                a.view.version, a.view.seen = a.view.storage.version, a.view.root.version
