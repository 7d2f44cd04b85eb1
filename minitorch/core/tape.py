"""The tape: nodes, the trace that records them, and the levels of the transforms.

Nodes point to their inputs only; there are no closures and no cycles, so reference counting alone frees a graph.
Walking it backwards is `vjp.py`'s business.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import count
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from . import dtypes
from .array import Array
from .errors import TracerError
from .primitive import NO_DERIVATIVE, Plan, Primitive, Whole, bind, evaluate, plan_for
from .tracebacks import is_internal
from .tracer import Params, Trace, Tracer, Value, aval_of, leaked

next_sequence = count().__next__
_FLOAT32 = dtypes.float32


class Cell(Protocol):
    """What waits at a node for its finished cotangent (a `.grad`, hooks)."""

    def receive(self, g: Value) -> Value:
        """Take the cotangent; return the one to pass on."""

    def filtered(self, g: Value) -> Value:
        """Return the cotangent to pass on, without taking it."""


class Freed:
    """Takes the place of saved values once a backward pass has used them."""


FREED: Any = Freed()


class Node:
    """One recorded application: its plan, its parents, what its rules asked to keep, and its result's shape and dtype.

    A leaf has no plan. `line` is where it was recorded (anomaly mode only), `pick` the output number of a `Pick`.
    """

    __slots__ = ("__weakref__", "cell", "dtype", "params", "parents", "plan", "saved", "sequence", "shape")
    line: str | None = None
    pick: int | None = None
    plan: Plan | None
    parents: tuple[Node | None, ...]
    saved: Any
    params: Params | None
    shape: Any
    dtype: Any
    sequence: int
    cell: Cell | None

    @property
    def name(self) -> str:
        """The primitive's name, or `leaf`."""
        return self.plan.primitive.name if self.plan else "leaf"

    def __repr__(self) -> str:
        return f"<node {self.name} {self.dtype} {self.shape}>"


class LocatedNode(Node):
    """A node that knows the line that recorded it."""

    __slots__ = ("line",)


class Pick(Node):
    """One result of a many-result node."""

    __slots__ = ("line", "pick")


_new = object.__new__


def make_node(
    plan: Plan | None,
    parents: tuple[Node | None, ...],
    saved: Any,
    params: Params | None,
    shape: Any,
    dtype: Any,
    kind: type[Node] = Node,
) -> Node:
    """Make a node, stamped with its place in the order of creation. Setting slots costs half of what __init__ does."""
    node = _new(kind)
    node.plan = plan
    node.parents = parents
    node.saved = saved
    node.params = params
    node.shape = shape
    node.dtype = dtype
    node.sequence = next_sequence()
    node.cell = None
    return node


class TapeTracer(Tracer):
    """A value that a tape records."""

    __slots__ = ("node",)
    _trace: Tape
    node: Node | None
    transform = "grad"

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis.

        >>> mt.zeros(2, 3).shape
        (2, 3)
        """
        return self.value.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> dtypes.DType:
        """The data type of the elements.

        >>> mt.zeros(2, 3).dtype
        dtype('float32')
        """
        return self.value.dtype  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """The number of axes.

        >>> mt.zeros(2, 3).ndim
        2
        """
        return len(self.value.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.value.size  # type: ignore[no-any-return]

    @property
    def device(self) -> str:
        """The name of the device."""
        return self.value.device  # type: ignore[no-any-return]

    def current(self) -> Value:
        """Return the value one level down; a handle on shared storage brings it up to date first."""
        return self.value

    def __init__(self, trace: Tape, value: Value, node: Node | None):
        self._trace = trace
        self.value = value
        self.node = node

    def is_differentiated(self) -> bool:
        """Return whether a derivative flows back through this value, and recording is on.

        The graph of `backward` lets numbers go, as PyTorch does; only transforms do not.

        >>> seen = []
        >>> mt.grad(lambda x: seen.append(x.is_differentiated()) or x)(2.0), seen
        (Array(1., dtype=float32), [True])
        >>> mt.tensor(2.0, requires_grad=True).is_differentiated()
        False
        """
        return self.node is not None and not self._trace.lets_go and context.get().muted < self._trace.level


class Tape(Trace):
    """The trace that evaluates one level down and records a node when an argument needs a gradient."""

    __slots__ = ()
    transform = "grad"
    lets_go: ClassVar[bool] = False  # whether values on it turn into plain numbers, as PyTorch's tensors do

    def wrap(self, value: Value, node: Node | None) -> TapeTracer:
        """Make this tape's tracer."""
        return TapeTracer(self, value, node)

    def process(self, primitive: Primitive, args: tuple[Value, ...], params: Params) -> Any:
        """Evaluate and record."""
        if self.closed:
            raise TracerError(leaked(primitive, self))
        if type(primitive.vjp) is Whole:
            return primitive.vjp.process(self, primitive, args, params)
        values: list[Value] = []
        parents: list[Node | None] = []
        mask, bit, below = 0, 1, False
        for a in args:
            node = None
            if type(a) is not Array and isinstance(a, Tracer):
                if a._trace is self:
                    value = a.current()  # type: ignore[attr-defined]
                    a, node = value, a.node
                else:
                    node = self.foreign(a)
                if node is not None:
                    mask |= bit
                below = below or (type(a) is not Array and isinstance(a, Tracer))
            values.append(a)
            parents.append(node)
            bit <<= 1
        out = bind(primitive, *values, **params) if below else evaluate(primitive, values, params)
        if not mask:
            return self.untracked(out)
        here = context.get()
        if here.muted >= self.level or primitive.vjp is NO_DERIVATIVE:
            return self.untracked(out)
        plan = primitive.plans.get(mask) or plan_for(primitive, mask)
        if not plan.calls:
            return self.untracked(out)
        saved = plan.save((out, tuple(values)) if primitive.variadic else (out, *values))
        line = user_line() if here.anomaly else None
        return self.record(plan, tuple(parents), saved, params, out, line)

    def adopted(self, a: Value) -> Value:
        """Return the tracer that stands for a value here: itself, except on a tape that stands in for another."""
        return a

    def foreign(self, a: Tracer) -> Node | None:
        """Return the node that stands for a tracer of a lower level; there is none."""
        return None

    def untracked(self, out: Any) -> Any:
        """Wrap results that carry no gradient."""
        return tuple(self.wrap(o, None) for o in out) if type(out) is tuple else self.wrap(out, None)

    def record(
        self,
        plan: Plan,
        parents: tuple[Node | None, ...],
        saved: Any,
        params: Params | None,
        out: Any,
        line: str | None,
    ) -> Any:
        """Wrap a result with its node, or several results with one node and a pick for each."""
        if type(out) is not tuple:
            shape, dtype = shape_and_dtype(out)
            if dtype is not _FLOAT32 and dtype not in dtypes.INEXACT:
                return self.wrap(out, None)
            node = make_node(plan, parents, saved, params, shape, dtype)
            return self.wrap(out, node if line is None else located(node, line))
        avals = [aval_of(o) for o in out]
        node = make_node(plan, parents, saved, params, [a.shape for a in avals], [a.dtype for a in avals])
        node = located(node, line)
        return tuple(
            self.wrap(o, pick(node, i) if a.dtype in dtypes.INEXACT else None)
            for i, (o, a) in enumerate(zip(out, avals))
        )


def located(node: Node, line: str | None) -> Node:
    """Return the node, with its line when there is one (anomaly mode)."""
    if line is None:
        return node
    found = make_node(node.plan, node.parents, node.saved, node.params, node.shape, node.dtype, LocatedNode)
    found.line = line  # type: ignore[misc]
    return found


def pick(node: Node, i: int) -> Node:
    """Make the node of one result of a many-result node."""
    picked = make_node(node.plan, (node,), (), None, node.shape[i], node.dtype[i], Pick)
    picked.pick = i  # type: ignore[misc]
    picked.line = node.line  # type: ignore[misc]
    return picked


def leaf(x: Value) -> Node:
    """Make the node of an input."""
    return make_node(None, (), (), None, *shape_and_dtype(x))


def shape_and_dtype(x: Value) -> tuple[tuple[int, ...], dtypes.DType]:
    """Return the shape and dtype of a value."""
    if type(x) is Array:
        data = x._data
        return data.shape, data.dtype
    aval = aval_of(x)
    return aval.shape, aval.dtype


def user_line() -> str:
    """Return `file:line` of the nearest frame outside this library; in a rule, where its operation was recorded."""
    node = pulling.get()
    if node is not None:
        return f"{node.line}, in the backward pass of {node.name}"
    frame = sys._getframe(1)
    while frame.f_back is not None and is_internal(frame.f_code.co_filename):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


class Frame:
    """One transform's place in the nesting.

    `trace` is the transform's interpreter, `ambient` the tape of the Tensors made inside it (made on first use, one
    level above), `floor` the level up to which recording was off on entry: what is muted outside stays so.
    """

    __slots__ = ("ambient", "floor", "level", "trace")

    def __init__(self, level: int, trace: Trace | None = None, floor: int = 0):
        self.level = level
        self.trace = trace
        self.floor = floor
        self.ambient: Any = None


class Stage(Protocol):
    """What a compiled function that is being recorded does with the handles that its operations meet."""

    @property
    def level(self) -> int:
        """The level of the trace that records it."""

    def adopted(self, args: tuple[Value, ...]) -> tuple[Value, ...]:
        """Make handles from outside state of the program; return the arguments, the same object if none was one."""


class Watch(Protocol):
    """What notes the tracers that transforms make."""

    def over(self, kind: type[Trace]) -> type[Trace]:
        """Return the kind of trace that tells of the tracers it makes."""


@dataclass(eq=False, slots=True)  # never changed; a frozen one takes four times as long to make
class Context:
    """The innermost frame, the level up to which recording is off, whether nodes note their line, and the open stage.

    `careful` says that the shortcuts must not be taken: an operation has to be seen by the interpreters. `leaks` watches
    over the tracers that are made (`check_leaks`).
    """

    frame: Frame
    muted: int = 0
    anomaly: bool = False
    stage: Stage | None = None
    careful: bool = False
    leaks: Watch | None = None

    def inside(self, frame: Frame, muted: int) -> Context:
        """Return the context of a frame entered from here."""
        return Context(frame, muted, self.anomaly, self.stage, self.careful, self.leaks)


# The node whose rule is being run, where nodes know their lines.
pulling: ContextVar[Node | None] = ContextVar("pulling", default=None)
OUTERMOST = Context(Frame(level=1))
context: ContextVar[Context] = ContextVar("context", default=OUTERMOST)
# Levels are drawn from one counter: later transforms are higher, across threads too. Odd ones are for ambient tapes.
next_level = count(2, 2).__next__

AnyTrace = TypeVar("AnyTrace", bound=Trace)


class entering(Frame, Generic[AnyTrace]):
    """A fresh frame with a trace above everything in use, open until the end of the `with` block."""

    __slots__ = ("token",)

    def __init__(self, kind: type[AnyTrace]):
        outer = context.get()
        leaks = outer.leaks
        self.trace: AnyTrace = (kind if leaks is None else leaks.over(kind))(next_level())  # type: ignore[assignment]
        self.level = self.trace.level + 1
        self.floor = outer.muted
        self.ambient = None

    def __enter__(self) -> AnyTrace:
        self.token = context.set(context.get().inside(self, self.floor))
        return self.trace

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self.trace.closed = True
        if self.ambient is not None:
            self.ambient.closed = True
        context.reset(self.token)
        del self.token  # which holds the context around


class resuming:
    """Work again in an earlier frame, with a tape of that time (and the frame's ambient one) open and recording."""

    __slots__ = ("frame", "opened", "tape", "token")

    def __init__(self, frame: Frame, tape: Tape):
        self.frame = frame
        self.tape = tape

    def __enter__(self) -> None:
        outer = context.get()
        self.opened = [tape for tape in (self.tape, self.frame.ambient) if tape is not None and tape.closed]
        for tape in self.opened:
            tape.closed = False
        self.token = context.set(outer.inside(self.frame, min(outer.muted, self.tape.level - 1)))

    def __exit__(self, *exc: object) -> None:
        for tape in self.opened:
            tape.closed = True
        context.reset(self.token)


def lower(x: Value) -> Value:
    """Strip the ambient tape of the current frame from a value that leaves it."""
    ambient = context.get().frame.ambient
    while ambient is not None and isinstance(x, TapeTracer) and x._trace is ambient:
        x = x.current()
    return x


class muting:
    """Switch recording off for every level in use, or on again for those that were not muted from outside."""

    __slots__ = ("muted", "token")

    def __init__(self, muted: bool):
        self.muted = muted

    def __enter__(self) -> None:
        outer = context.get()
        frame = outer.frame
        self.token = context.set(outer.inside(frame, frame.level if self.muted else frame.floor))

    def __exit__(self, *exc: object) -> None:
        context.reset(self.token)
