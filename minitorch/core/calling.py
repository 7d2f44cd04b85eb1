"""Applications of whole functions: what custom derivatives and checkpointing have in common.

A call works on leaves. It finds the highest transform among them, and is recorded, pushed or batched as one unit. Its
results must depend on traced values through its arguments only; `settled` finds those that do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from . import dtypes, tree
from .array import Array
from .duals import JVPTracer
from .errors import GradError, ShapeError
from .ops.collectives import Axis
from .ops.families import as_array
from .ops.shaping import broadcast_to, zeros_of
from .primitive import NO_BATCHING, NO_DERIVATIVE, Plan, Primitive, RuleCall
from .tape import Node, Tape, TapeTracer, context, entering, lower, muting, user_line
from .tracer import Trace, Tracer, Value, aval_of
from .vmap import BatchTrace, BatchTracer, naming

Function = Callable[..., Any]
Leaves = list[Any]


def top_trace(leaves: Leaves) -> Trace | None:
    """Return the interpreter with the highest level among the leaves."""
    traces = [x._trace for x in leaves if isinstance(x, Tracer)]
    return max(traces, key=lambda trace: trace.level) if traces else None


def nameplate(function: Function) -> Primitive:
    """Make a primitive that lends its name to the nodes of a user's function, and does nothing else."""

    def unused(*_: Any, **__: Any) -> Any:
        raise AssertionError("a user's function is recorded as a whole, never bound")

    name = getattr(function, "__name__", type(function).__name__)
    return Primitive(name, {}, unused, unused, NO_BATCHING, NO_DERIVATIVE, NO_DERIVATIVE, (), ())


def recorded(
    tape: Tape,
    primitive: Primitive,
    cotangents: Function,
    nodes: tuple[Node | None, ...],
    saved: Any,
    outs: Leaves,
    fills: bool = True,
) -> Leaves:
    """Record a call: `saved` is one object and the arguments, and `cotangents(g, *saved)` pulls back."""
    plan = Plan(primitive, ((True, 0), (False, 1)), lambda env: env, (RuleCall(-1, cotangents),), fills)
    line = user_line() if context.get().anomaly else None
    return list(tape.record(plan, nodes, saved, None, tuple(outs), line))


def is_recorded(tape: Tape, values: Sequence[Value]) -> bool:
    """Return whether a backward pass is itself being recorded: then it finds its arguments on the tape again."""
    return any(isinstance(v, TapeTracer) and v._trace is tape for v in values)


def split(tape: Tape, leaves: Leaves) -> tuple[Leaves, tuple[Node | None, ...]]:
    """Return the leaves one level down, and their nodes on a tape."""
    values: Leaves = []
    nodes: list[Node | None] = []
    for x in map(tape.adopted, leaves):
        if isinstance(x, TapeTracer) and x._trace is tape:
            values.append(x.current())
            nodes.append(x.node)
        else:
            values.append(x)
            nodes.append(tape.foreign(x) if isinstance(x, Tracer) else None)
    return values, tuple(nodes)


def called(function: Function, structure: tree.TreeDef) -> Function:
    """Return a function of leaves that unflattens them into the arguments of one of pytrees."""

    def call(leaves: Leaves) -> Any:
        with muting(True):
            args = tree.unflatten(structure, leaves)
        return function(*args)

    return call


class Shape:
    """The structure of a function's result, known once it has run."""

    structure: tree.TreeDef

    def flatten(self, out: Any) -> Leaves:
        """Take a result apart into arrays."""
        leaves, self.structure = tree.flatten(out)
        return [x if isinstance(x, (Array, Tracer)) else as_array(x) for x in leaves]

    def unflatten(self, leaves: Leaves) -> Any:
        """Put results together again."""
        return tree.unflatten(self.structure, leaves)


def zero_tangent(x: Any) -> Value:
    """Return zeros like an array, None for what is no array."""
    return zeros_of(aval_of(as_array(x))) if hasattr(x, "dtype") or type(x) in dtypes.SCALARS else None


# --------------------------------------------------------------------------- batches


class Batch(NamedTuple):
    """The mapped axis of a call: its length, the axis it is if that has a name, and the trace that asks."""

    size: int
    axis: Axis | None
    trace: BatchTrace | None = None

    @contextmanager
    def entered(self) -> Iterator[BatchTrace]:
        """Give a trace that maps the axis: the one that asks while it is open, for a function may close over its values."""
        if self.trace is not None and not self.trace.closed:
            yield self.trace
            return
        with entering(BatchTrace) as trace, naming(trace, self.axis):
            yield trace


def batch_flags(trace: BatchTrace, leaves: Leaves) -> tuple[Leaves, list[bool]]:
    """Return the leaves one level down, and which of them have the batch axis."""
    flags = [isinstance(x, BatchTracer) and x._trace is trace for x in leaves]
    return [x.value if flag else x for x, flag in zip(leaves, flags)], flags


def batch_size(leaves: Leaves, flags: Sequence[bool]) -> int:
    """Return the length of the batch axis."""
    return next(int(x.shape[0]) for x, flag in zip(leaves, flags) if flag)


def batch_run(function: Function, leaves: Leaves, flags: Sequence[bool], batch: Batch) -> tuple[Leaves, list[bool]]:
    """Run a function of leaves on a batch; return its results, the batch axis first, and which of them have it."""
    with batch.entered() as trace:
        inner = [_mapped(trace, x, flag, batch.size) for x, flag in zip(leaves, flags, strict=True)]
        return batch_flags(trace, [lower(x) for x in function(inner)])


def _mapped(trace: BatchTrace, x: Any, flag: bool, size: int) -> Any:
    """Give a leaf to a trace. One of a transform entered since is repeated, so that the trace is asked before that one."""
    if flag:
        return BatchTracer(trace, x)
    if isinstance(x, Tracer) and x._trace.level > trace.level:
        return BatchTracer(trace, broadcast_to(x, (size, *x.aval.shape)))
    return x


def filled(leaves: Leaves, flags: Sequence[bool], size: int) -> Leaves:
    """Repeat unbatched arrays over the batch."""
    arrays = [x if flag else as_array(x) for x, flag in zip(leaves, flags)]
    return [x if flag else broadcast_to(x, (size, *x.shape)) for x, flag in zip(arrays, flags)]


# --------------------------------------------------------------------------- checks


def settled(name: str, trace: Trace, leaves: Leaves) -> Leaves:
    """Return results as they are below a trace; one that depends on it, or on a higher one, was closed over."""
    found = []
    for x in leaves:
        while isinstance(x, TapeTracer) and x.node is None and x._trace.level >= trace.level:
            x = x.current()
        if isinstance(x, Tracer) and x._trace.level >= trace.level:
            raise closed_over(name, x)
        found.append(x)
    return found


def underived(name: str, leaves: Leaves) -> Leaves:
    """Return the results of a call without traced arguments; no derivative may pass through what it closes over."""
    for x in leaves:
        inner = x
        while isinstance(inner, Tracer):
            if isinstance(inner, JVPTracer) or (isinstance(inner, TapeTracer) and inner.node is not None):
                raise closed_over(name, inner)
            inner = inner.value
    return leaves


class ClosedOverError(GradError):
    """A result depends on a value of a transform that the function closes over."""

    def __init__(self, message: str, value: Tracer):
        super().__init__(message)
        self.value = value


def closed_over(name: str, x: Tracer) -> ClosedOverError:
    """Say that a derivative rule speaks of arguments only."""
    message = (
        f"{name}: its result depends on a value {x.aval}, traced by {x.transform}, that the function closes over, and "
        "its derivative rule speaks of arguments only; pass the value as an argument"
    )
    return ClosedOverError(message, x)


def matched(name: str, what: str, given: Any, structure: tree.TreeDef) -> Leaves:
    """Return one leaf, or None for zero, for each leaf of a structure."""
    if given is None:
        return [None] * structure.num_leaves
    leaves, found = tree.flatten(given)
    if tree.agree(found, structure):
        return leaves
    chosen = tree.spread(given, tree.unflatten(structure, range(structure.num_leaves)))
    if chosen is None or len(leaves) != sum(c is not None for c in chosen):
        raise ShapeError(
            f"{name}: {what} has the structure {tree.shown(found)}, where {tree.shown(structure)} was expected"
        )
    return chosen


def fitting(name: str, what: str, g: Any, value: Any) -> Any:
    """Check the shape of what a user's rule made for a value."""
    if g is None:
        return None
    g, aval = as_array(g), aval_of(as_array(value))
    if g.shape != aval.shape:
        raise ShapeError(f"{name}: {what} has shape {g.shape} for {aval}; they must agree: sum over what was broadcast")
    return g
