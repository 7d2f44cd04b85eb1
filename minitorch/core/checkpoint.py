"""checkpoint: trade time for memory by computing a function again in the backward pass.

The tape keeps one node with the arguments instead of everything the function computes. Values the function closes over
get their gradients too: the nodes that its run reached are parents of that one node.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from typing import Any

from . import tree
from .calling import (
    Batch,
    Function,
    Leaves,
    Shape,
    batch_flags,
    batch_run,
    batch_size,
    called,
    filled,
    is_recorded,
    nameplate,
    recorded,
    split,
    top_trace,
    zero_tangent,
)
from .checkpoint_policies import Policy, everything_saveable, nothing_saveable
from .duals import JVPTracer
from .errors import TracerError
from .jvp import JVPTrace
from .keeping import Elsewhere, Kept, collect, pull_back
from .ops.shaping import mark
from .primitive import Primitive
from .recording import in_range, positions_of
from .tape import Frame, Node, Tape, TapeTracer, context, entering, lower, next_sequence, resuming
from .tracer import Trace, Tracer, Value, leaked
from .vjp import backward
from .vmap import BatchTrace, BatchTracer
from .walking import reachable

# State that a function may advance, such as a random generator's: each entry is called before a run, and returns what
# makes a context in which the run can be repeated.
PRESERVED: list[Callable[[], Callable[[], AbstractContextManager[Any]]]] = []


def checkpoint(
    function: Function | None = None,
    *,
    prevent_cse: bool = True,
    policy: Policy | None = None,
    static_argnums: int | Sequence[int] = (),
) -> Function:
    """Return a function that computes the same, but keeps only its arguments for the backward pass.

    Reverse mode runs the function a second time when its gradient is asked for. Works on pytrees, under every
    transform, nested, and on functions that close over traced values (a Module's parameters). One that closes over
    values of a transform inside the one that its arguments belong to runs as if it were not checkpointed.

    A `policy` from `checkpoint_policies` says what else is kept of the first run, and is not computed again; a function
    with a policy must compute the same in both runs, and not write to tensors from outside. Arguments in
    `static_argnums` are passed on as they are. Compiled, the second run starts from marked copies of the arguments, so
    that it is not merged with the first; without `prevent_cse` it may be, where that is faster and memory does not
    matter.

    Source: Griewank and Walther, "Algorithm 799: revolve", 2000; Chen et al., arXiv:1604.06174.

    >>> from minitorch.core.ops.pointwise import sin
    >>> from minitorch.core.transforms import grad
    >>> grad(checkpoint(lambda x: sin(sin(x))))(0.0)
    Array(1., dtype=float32)
    """
    if function is None:
        return functools.partial(checkpoint, prevent_cse=prevent_cse, policy=policy, static_argnums=static_argnums)
    primitive = nameplate(function)
    static, _ = positions_of(static_argnums)
    chosen = None if policy is nothing_saveable else policy

    @functools.wraps(function, updated=())
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        if policy is everything_saveable:
            return function(*args, **kwargs)
        fixed = {i % len(args): args[i] for i in in_range(static, args, function, "checkpoint: static_argnums")}
        leaves, structure = tree.flatten(([x for i, x in enumerate(args) if i not in fixed], kwargs))
        shape = Shape()

        def run(rest: list[Any], kwargs: dict[str, Any]) -> Any:
            others = iter(rest)
            return function(*(fixed[i] if i in fixed else next(others) for i in range(len(args))), **kwargs)

        flat = called(run, structure)
        return shape.unflatten(_Call(primitive, lambda inner: shape.flatten(flat(inner)), chosen, prevent_cse)(leaves))

    return checkpointed


@dataclass(frozen=True, slots=True)
class _Call:
    """One application of a function from leaves to leaves."""

    primitive: Primitive
    function: Function
    policy: Policy | None = None
    prevent_cse: bool = True

    def __call__(self, leaves: Leaves) -> Leaves:
        trace = top_trace(leaves) or _innermost()
        if trace is not None and trace.closed:
            raise TracerError(leaked(self.primitive, trace))
        try:
            if isinstance(trace, Tape):
                return self._on_tape(trace, leaves)
            if isinstance(trace, BatchTrace):
                return self._batched(trace, leaves)
            if isinstance(trace, JVPTrace):
                return self._pushed(trace, leaves)
        except Elsewhere:
            return self.function(leaves)  # type: ignore[no-any-return]
        outs: Leaves = self.function(leaves) if trace is None else trace.process_call(self, self.function, leaves)
        return outs

    def over(self, function: Function) -> _Call:
        """Return the same kind of call for a function that takes what this one closes over as further arguments."""
        return _Call(self.primitive, function, self.policy, self.prevent_cse)

    def _on_tape(self, tape: Tape, leaves: Leaves) -> Leaves:
        values, nodes = split(tape, leaves)
        muted = context.get().muted >= tape.level
        repeats = [preserve() for preserve in PRESERVED]
        if self.policy is not None and not muted and not isinstance(top_trace(values), Tape):
            found = collect(self.function, tape, values, nodes, self.policy)
            parents = (*nodes, *found.closed_over)
            if not any(found.live):
                return list(tape.untracked(tuple(found.values)))
            kept = _Kept(context.get().frame, tape, nodes, parents, repeats, found.kept)
            return self._recorded(kept, values, found.values)
        since = next_sequence()
        run = replace(self, policy=None) if _is_traced(values) else self.function
        outs = [_untracked(tape, x) for x in run(values)]
        closed_over = _captured([x.node for x in outs if isinstance(x, TapeTracer) and x._trace is tape], since)
        outs = [x.current() if isinstance(x, TapeTracer) and x._trace is tape else x for x in outs]
        parents = (*nodes, *closed_over)
        if muted or not any(parents):
            return list(tape.untracked(tuple(outs)))
        return self._recorded(_Kept(context.get().frame, tape, nodes, parents, repeats), values, outs)

    def _recorded(self, kept: _Kept, values: Leaves, outs: Leaves) -> Leaves:
        absent = [None] * (len(kept.parents) - len(values))
        return recorded(kept.tape, self.primitive, self._cotangents, kept.parents, (kept, (*values, *absent)), outs)

    def _cotangents(self, g: tuple[Value, ...], kept: _Kept, values: tuple[Value, ...]) -> Leaves:
        """Run the function again, recording it this time, and walk back through what it recorded."""
        tape, again = kept.tape, is_recorded(kept.tape, values)
        own = [_marked(tape, x) if self.prevent_cse else x for x in values[: len(kept.nodes)]]
        with ExitStack() as stack:
            stack.enter_context(resuming(kept.frame, tape))
            for repeat in kept.repeats:
                stack.enter_context(repeat())
            if kept.values is not None:
                return pull_back(self.function, tape, own, kept.nodes, kept.values, g, again)
            leaves = [tape.wrap(x, node) if node is not None and not again else x for x, node in zip(own, kept.nodes)]
            since = next_sequence()
            outs = self.function(leaves)
        seeds = [
            (x.node, c)
            for x, c in zip(outs, g, strict=True)
            if isinstance(x, TapeTracer) and x._trace is tape and x.node is not None
        ]
        found = backward(seeds, since=since, keep=again, recorder=tape if again else None)
        return [None if node is None else found.pop(node, None) for node in kept.parents]

    def _batched(self, trace: BatchTrace, leaves: Leaves) -> Leaves:
        values, flags = batch_flags(trace, leaves)
        batch = Batch(batch_size(values, flags), trace.axis)
        whole = replace(self, function=lambda inner: filled(*batch_run(self.function, inner, flags, batch), batch.size))
        return [BatchTracer(trace, _below(trace, x)) for x in whole(values)]

    def _pushed(self, trace: JVPTrace, leaves: Leaves) -> Leaves:
        mine = [isinstance(x, JVPTracer) and x._trace is trace for x in leaves]
        values = [x.value if m else x for x, m in zip(leaves, mine)]
        tangents = [x.tangent for x, m in zip(leaves, mine) if m]
        depends: list[bool] = []

        def both(inner: Leaves) -> Leaves:
            with entering(JVPTrace) as inside:
                ts = iter(inner[len(values) :])
                xs = [JVPTracer(inside, x, next(ts)) if m else x for x, m in zip(inner, mine)]
                outs = [lower(x) for x in self.function(xs)]
            depends[:] = [isinstance(x, JVPTracer) and x._trace is inside for x in outs]
            outs = [(x.value, x.tangent) if d else (x, zero_tangent(x)) for x, d in zip(outs, depends)]
            return [x for x, _ in outs] + [t for _, t in outs]

        found = [_below(trace, x) for x in replace(self, function=both)(values + tangents)]
        outs = zip(found, found[len(depends) :], depends)
        return [JVPTracer(trace, x, t) if d else x for x, t, d in outs]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a second run needs besides the arguments' values."""

    frame: Frame
    tape: Tape
    nodes: tuple[Node | None, ...]
    parents: tuple[Node | None, ...]
    repeats: list[Callable[[], AbstractContextManager[Any]]]
    values: Kept | None = None  # of the first run, by the policy


def _marked(tape: Tape, x: Value) -> Value:
    """Return a traced value under a mark, which compilers do not look through; what a tape knows of it stays."""
    if isinstance(x, TapeTracer) and x._trace is tape:
        return tape.wrap(_marked(tape, x.current()), x.node)
    return mark(x, "again") if isinstance(x, Tracer) else x


def _innermost() -> Tape | None:
    """Return the tape that would record what a function closes over, when its arguments are not traced."""
    frame = context.get().frame
    if frame.ambient is not None:
        return frame.ambient  # type: ignore[no-any-return]
    return frame.trace if isinstance(frame.trace, Tape) else None


def _is_traced(values: Leaves) -> bool:
    return any(isinstance(x, Tracer) for x in values)


def _captured(nodes: Sequence[Node | None], since: int) -> list[Node]:
    """Return the nodes older than a run that its results depend on."""
    return [n for n in reachable([n for n in nodes if n is not None], since) if n.sequence < since]


def _untracked(tape: Tape, x: Value) -> Value:
    """Return a result without tapes above, which must not have recorded it."""
    while isinstance(x, TapeTracer) and x.node is None and x._trace.level >= tape.level:
        x = x.current()
    if isinstance(x, Tracer) and x._trace is not tape and x._trace.level >= tape.level:
        raise Elsewhere
    return x


def _below(trace: Trace, x: Value) -> Value:
    if isinstance(x, Tracer) and x._trace.level >= trace.level:
        raise Elsewhere
    return x
