"""The tape: nodes, the trace that records them, and the levels of the transforms.

Nodes point to their inputs only; there are no closures and no cycles, so reference counting alone frees a graph. Walking
it backwards is `vjp.py`'s business.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, Protocol, TypeVar

from . import config, dtypes
from .array import Array
from .errors import TracerError
from .primitive import NO_DERIVATIVE, Params, Plan, Primitive, Rule, Trace, Tracer, Value, aval_of, bind, plan_for

next_sequence = count().__next__


class Cell(Protocol):
    """What waits at a node for its finished cotangent (a `.grad`, hooks)."""

    def receive(self, g: Value) -> Value:
        """Take the cotangent; return the one to pass on."""


class Freed:
    """Takes the place of saved values once a backward pass has used them."""


FREED: Any = Freed()


class Node:
    """One recorded application: its plan, its parents, what its rules asked to keep, and its result's shape and dtype.

    A leaf has no plan. `pick` is the output number when the node stands for one result of a many-result primitive.
    """

    __slots__ = ("__weakref__", "cell", "dtype", "line", "params", "parents", "pick", "plan", "saved", "sequence", "shape")

    def __init__(
        self, plan: Plan | None, parents: tuple[Node | None, ...], saved: Any, params: Params | None, shape: Any, dtype: Any
    ):
        self.plan = plan
        self.parents = parents
        self.saved = saved
        self.params = params
        self.shape = shape
        self.dtype = dtype
        self.sequence = next_sequence()
        self.cell: Cell | None = None
        self.pick: int | None = None
        self.line: str | None = None

    @property
    def name(self) -> str:
        """The primitive's name, or `leaf`."""
        return self.plan.primitive.name if self.plan else "leaf"

    def __repr__(self) -> str:
        return f"<node {self.name} {dtypes.name(self.dtype)}{list(self.shape)}>"


class TapeTracer(Tracer):
    """A value that a tape records."""

    __slots__ = ("node",)
    node: Node | None
    transform = "grad"

    def __init__(self, trace: Trace, value: Value, node: Node | None):
        self.trace = trace
        self.value = value
        self.node = node


class Tape(Trace):
    """The trace that evaluates one level down and records a node when an argument needs a gradient."""

    __slots__ = ()

    def wrap(self, value: Value, node: Node | None) -> TapeTracer:
        """Make this tape's tracer."""
        return TapeTracer(self, value, node)

    def process(self, primitive: Primitive, args: tuple[Value, ...], params: Params) -> Any:
        """Evaluate and record."""
        if self.closed:
            raise TracerError(leaked(primitive, self))
        values, parents, mask = [], [], 0
        for i, a in enumerate(args):
            if isinstance(a, TapeTracer) and a.trace is self:
                values.append(a.value)
                parents.append(a.node)
                if a.node is not None:
                    mask |= 1 << i
            else:
                values.append(a)
                parents.append(None)
        out = bind(primitive, *values, **params)
        if not mask or primitive.vjp is NO_DERIVATIVE or context.get().muted >= self.level:
            return self.untracked(out)
        plan = plan_for(primitive, -1 if isinstance(primitive.vjp, Rule) else mask)
        if not plan.calls:
            return self.untracked(out)
        env = (out, tuple(values)) if primitive.variadic else (out, *values)
        return self.record(plan, tuple(parents), plan.save(env), params, out)

    def untracked(self, out: Any) -> Any:
        """Wrap results that carry no gradient."""
        return tuple(self.wrap(o, None) for o in out) if type(out) is tuple else self.wrap(out, None)

    def record(self, plan: Plan, parents: tuple[Node | None, ...], saved: Any, params: Params, out: Any) -> Any:
        """Wrap a result with its node, or several results with one node and a pick for each."""
        if type(out) is not tuple:
            shape, dtype = shape_and_dtype(out)
            if dtype not in dtypes.INEXACT:
                return self.wrap(out, None)
            node = Node(plan, parents, saved, params, shape, dtype)
            if config.anomaly.get():
                node.line = user_line()
            return self.wrap(out, node)
        avals = [aval_of(o) for o in out]
        node = Node(plan, parents, saved, params, [a.shape for a in avals], [a.dtype for a in avals])
        if config.anomaly.get():
            node.line = user_line()
        return tuple(
            self.wrap(o, pick(node, i) if a.dtype in dtypes.INEXACT else None) for i, (o, a) in enumerate(zip(out, avals))
        )


def pick(node: Node, i: int) -> Node:
    """Make the node of one result of a many-result node."""
    picked = Node(node.plan, (node,), (), None, node.shape[i], node.dtype[i])
    picked.pick = i
    picked.line = node.line
    return picked


def leaf(x: Value) -> Node:
    """Make the node of an input."""
    return Node(None, (), (), None, *shape_and_dtype(x))


def shape_and_dtype(x: Value) -> tuple[tuple[int, ...], dtypes.DType]:
    """Return the shape and dtype of a value."""
    if type(x) is Array:
        data = x._data
        return data.shape, data.dtype
    aval = aval_of(x)
    return aval.shape, aval.dtype


def leaked(primitive: Primitive, trace: Trace) -> str:
    """Say that a tracer outlived its transform."""
    return (
        f"{primitive.name}: an argument was traced by a {type(trace).__name__} that has finished; it was stored outside "
        "the transformed function. Return it from the function instead."
    )


_PACKAGE = str(Path(__file__).resolve().parents[1])


def user_line() -> str:
    """Return `file:line` of the nearest frame outside this library."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


class Frame:
    """One transform's place in the nesting. `ambient` is the tape of the Tensors made inside it, made on first use."""

    __slots__ = ("ambient", "level")

    def __init__(self, level: int):
        self.level = level
        self.ambient: Any = None


@dataclass(frozen=True, slots=True)
class Context:
    """The innermost frame, and the level up to which recording is off."""

    frame: Frame
    muted: int = 0


OUTERMOST = Context(Frame(level=1))
context: ContextVar[Context] = ContextVar("context", default=OUTERMOST)

AnyTrace = TypeVar("AnyTrace", bound=Trace)


@contextmanager
def entering(kind: type[AnyTrace]) -> Iterator[AnyTrace]:
    """Open a trace one level above everything in use, with a fresh ambient tape above it, and close it at the end."""
    outer = context.get()
    trace = kind(outer.frame.level + 1)
    token = context.set(Context(Frame(trace.level + 1), outer.muted))
    try:
        yield trace
    finally:
        trace.closed = True
        context.reset(token)


def lower(x: Value) -> Value:
    """Strip the ambient tape of the current frame from a value that leaves it."""
    ambient = context.get().frame.ambient
    while ambient is not None and isinstance(x, TapeTracer) and x.trace is ambient:
        x = x.value
    return x


@contextmanager
def muting(muted: bool) -> Iterator[None]:
    """Switch recording off for every level in use, or on again."""
    outer = context.get()
    token = context.set(replace(outer, muted=outer.frame.level if muted else 0))
    try:
        yield
    finally:
        context.reset(token)
