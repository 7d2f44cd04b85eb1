"""Runs of a checkpointed function that keep some of its values: once to collect them, once more to put them back.

Both runs are on a tape that stands in for the one of the call: it takes over that tape's tracers, which the function may
close over, and sees every operation. Impure functions are found out when the second run asks for other values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .array import Array
from .errors import GradError, TracerError
from .primitive import NO_DERIVATIVE, Primitive, bind, plan_for
from .tape import Node, Tape, TapeTracer, context, entering, leaf, lower
from .tracer import Params, Tracer, Value, aval_of, avals_of, leaked
from .vjp import backward

Leaves = list[Any]
Policy = Callable[..., bool]
Nodes = Sequence[Node | None]


class Elsewhere(Exception):
    """The function closes over values of a transform that the call cannot stand in for."""


@dataclass(slots=True)
class Kept:
    """The values that a policy chose, in the order in which they were computed, each with its operation."""

    policy: Policy
    values: list[tuple[Primitive, Any]] = field(default_factory=list)


class StandIn(Tape):
    """A tape in the place of another one. Its nodes end at leaves that stand for nodes of the other."""

    __slots__ = ("again", "kept", "leaves", "original", "position")

    def begin(self, original: Tape, kept: Kept | None, again: bool) -> None:
        """Stand in for a tape; with `again`, values stay on that tape, so that it records what is done to them."""
        self.original = original
        self.kept = kept
        self.again = again
        self.leaves: dict[Node, Node] = {}
        self.position = 0

    def adopted(self, a: Value) -> Value:
        """Return this tape's tracer for one of the other tape."""
        if not (isinstance(a, TapeTracer) and a._trace is self.original):
            return a
        value = a.current()
        if a.node is None:
            return value
        inner = self.leaves.get(a.node)
        if inner is None:
            inner = self.leaves[a.node] = leaf(value)
        return self.wrap(a if self.again else value, inner)

    def process(self, primitive: Primitive, args: tuple[Value, ...], params: Params) -> Any:
        """Evaluate, or take what was kept, and record."""
        if self.closed:
            raise TracerError(leaked(primitive, self))
        args = tuple(self.adopted(a) for a in args)
        values: list[Value] = []
        parents: list[Node | None] = []
        mask = 0
        for i, a in enumerate(args):
            mine = isinstance(a, TapeTracer) and a._trace is self
            node = a.node if mine else None
            values.append(a.value if mine else a)
            parents.append(node)
            mask |= (node is not None) << i
        out = self.evaluated(primitive, values, params)
        muted = context.get().muted >= self.level
        if muted or not mask or primitive.vjp is NO_DERIVATIVE or not (plan := plan_for(primitive, mask)).calls:
            return self.untracked(out)
        saved = plan.save((out, tuple(values)) if primitive.variadic else (out, *values))
        return self.record(plan, tuple(parents), saved, params, out, None)

    def evaluated(self, primitive: Primitive, values: list[Value], params: Params) -> Any:
        """Return the result of an operation."""
        return bind(primitive, *values, **params)

    def parted(self, x: Value) -> tuple[Value, Node | None]:
        """Return a result's value below, and its node here."""
        x, node = self.adopted(lower(x)), None
        if isinstance(x, TapeTracer) and x._trace is self:
            x, node = x.value, x.node
        if isinstance(x, Tracer) and x._trace.level > self.original.level:
            raise Elsewhere
        return x, node


class Collecting(StandIn):
    """The stand-in of the first run. Nothing is recorded but what leads to nodes of the original tape."""

    __slots__ = ()

    def evaluated(self, primitive: Primitive, values: list[Value], params: Params) -> Any:
        """Compute, and keep what the policy chooses."""
        out = bind(primitive, *values, **params)
        kept = self.kept
        if kept is not None and kept.policy(primitive, *map(_aval, values), **params):
            kept.values.append((primitive, out))
        return out

    def record(self, plan: Any, parents: Any, saved: Any, params: Any, out: Any, line: str | None) -> Any:
        """Give the results a node without content: that there is one says that they carry a gradient."""
        return super().record(plan, (), (), None, out, None)


class Restoring(StandIn):
    """The stand-in of the second run."""

    __slots__ = ()

    def evaluated(self, primitive: Primitive, values: list[Value], params: Params) -> Any:
        """Take the next value that was kept if this is its operation, or compute."""
        kept = self.kept
        if kept is None or not kept.policy(primitive, *map(_aval, values), **params):
            return bind(primitive, *values, **params)
        if self.position >= len(kept.values) or kept.values[self.position][0] is not primitive:
            raise GradError(
                f"checkpoint: the second run of the function computed {primitive.name} where the first did not; a function "
                "that is checkpointed with a policy must do the same each time"
            )
        self.position += 1
        return kept.values[self.position - 1][1]


def _aval(x: Any) -> Any:
    return avals_of(x) if x is None or isinstance(x, (Array, Tracer)) else aval_of(x)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a first run gives: results, which of them carry a gradient, and the nodes that the function closed over."""

    values: Leaves
    live: list[bool]
    closed_over: list[Node]
    kept: Kept


def collect(function: Callable[[Leaves], Leaves], tape: Tape, values: Leaves, nodes: Nodes, policy: Policy) -> Outcome:
    """Run a function for the first time."""
    kept = Kept(policy)
    with entering(Collecting) as trace:
        trace.begin(tape, kept, again=False)
        ends = [trace.parted(x) for x in function(_wrapped(trace, values, nodes))]
    closed_over = [node for node in trace.leaves if node not in nodes]
    return Outcome([x for x, _ in ends], [node is not None for _, node in ends], closed_over, kept)


def pull_back(
    function: Callable[[Leaves], Leaves], tape: Tape, values: Leaves, nodes: Nodes, kept: Kept, g: Any, again: bool
) -> Leaves:
    """Run a function for the second time, and return cotangents: of its arguments, then of what it closed over.

    With `again`, the walk is itself recorded: kept values would be constants of it, so everything is computed.
    """
    with entering(Restoring) as trace:
        trace.begin(tape, None if again else kept, again)
        inner = _wrapped(trace, values, nodes)
        ends = [trace.parted(x) for x in function(inner)]
        outer = [inside for node, inside in trace.leaves.items() if node not in nodes]
    own = [x.node if node is not None else None for x, node in zip(inner, nodes)]
    found = backward([(node, c) for (_, node), c in zip(ends, g, strict=True) if node is not None])
    return [None if node is None else found.get(node) for node in (*own, *outer)]


def _wrapped(trace: StandIn, values: Leaves, nodes: Nodes) -> Leaves:
    """Return the arguments as tracers of a stand-in, each with a leaf of its own if it has a node."""
    found = []
    for x, node in zip(values, nodes, strict=True):
        inner = None if node is None else leaf(x)
        if node is not None and inner is not None:
            trace.leaves.setdefault(node, inner)
        found.append(trace.wrap(x, inner) if isinstance(x, (Array, Tracer)) else x)
    return found
