"""while: a loop whose end depends on data. It has forward mode; a reverse pass that reaches it raises.

Over a batch whose examples end at different times, it goes on until all are done. Examples that are done are left as they
are; their steps are computed on the carry of one that is not, so that nothing is evaluated where the body may not be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..aval import Aval
from ..calling import Batch, batch_flags, batch_size, split
from ..errors import GradError, JitError
from ..jit.graph import Graph, Var, interpret
from ..linear import LinearTrace
from ..ops.families import as_array
from ..ops.gathering import iota, take
from ..ops.pointwise import where
from ..ops.reductions import any as any_
from ..ops.reductions import min as min_
from ..ops.shaping import reshape
from ..primitive import Plan, Primitive, RuleCall, Whole
from ..tape import Tape, context, user_line
from ..tracer import Params, Tracer, Value, aval_of, concrete
from ..vmap import BatchTrace, BatchTracer
from .calls import holding, outputs_of
from .closing import transformed
from .deriving import (
    Directions,
    arranged,
    avals_of_inputs,
    batched,
    is_differentiable,
    linearized,
    pushed,
    split_at,
    tangent_places,
    tangents_of,
    until_stable,
)
from .dividing import divided
from .scanning import scan_p, with_batch

Leaves = list[Any]


def _carries(args: Sequence[Value], cond: Graph, body: Graph, counts: tuple[int, int]) -> Iterator[Leaves]:
    """Walk through the carries, the first and the last included."""
    of_cond, of_body, carry = split_at(args, *counts)
    yield carry
    while bool(concrete(interpret(cond, [*of_cond, *carry])[0], "while_loop")):
        carry = interpret(body, [*of_body, *carry])
        yield carry


def _evaluate(*args: Value, cond: Graph, body: Graph, counts: tuple[int, int]) -> tuple[Value, ...]:
    for carry in _carries(args, cond, body, counts):
        last = carry
    return tuple(map(as_array, last))


def _abstract(*avals: Aval, cond: Graph, body: Graph, counts: tuple[int, int]) -> tuple[Aval, ...]:
    of_cond, of_body, carry = split_at(avals, *counts)
    for graph, given in ((cond, [*of_cond, *carry]), (body, [*of_body, *carry])):
        if [a[:2] for a in given] != [v.aval[:2] for v in graph.inputs]:
            raise JitError(
                f"while: a graph takes {avals_of_inputs(graph)} and is given {given}; a pass changed one of them"
            )
    return outputs_of(body)


def _push(trace: Any, primitive: Primitive, args: tuple[Value, ...], params: Params) -> tuple[Value, ...]:
    cond, body, (a, b) = params["cond"], params["body"], params["counts"]
    values, parts, count = trace.taken(args)
    mine, directions = [part is not None for part in parts], Directions(type(trace), count)
    of_cond, consts, carry = split_at(values, a, b)
    k = len(carry)
    graph, flags = until_stable(lambda now: pushed(body, [*mine[a : a + b], *now], now, directions), mine[a + b :])
    _, of_consts, of_carry = split_at(parts, a, b)
    consts += tangents_of(consts, of_consts, mine[a : a + b], count)
    extra = tangents_of(carry, of_carry, flags, count)
    behind = k + len(consts)
    order = [*range(b), *range(b + k, behind), *range(b, b + k), *range(behind, len(graph.inputs))]
    longer = Graph([*cond.inputs, *(Var(aval_of(t)) for t in extra)], cond.equations, cond.outputs)
    counts = (a, len(consts))
    outs = while_p(*of_cond, *consts, *carry, *extra, cond=longer, body=arranged(graph, order), counts=counts)
    of = tangent_places(flags, count)
    return tuple(trace.joined(outs[i], [outs[j] for j in of[i]]) if f else outs[i] for i, f in enumerate(flags))


def _batch(trace: BatchTrace, primitive: Primitive, args: tuple[Value, ...], params: Params) -> tuple[Value, ...]:
    cond, body, (a, b) = params["cond"], params["body"], params["counts"]
    values, mine = batch_flags(trace, list(args))
    batch = Batch(batch_size(values, mine), trace.axis)
    of_cond, of_body, carry = split_at(values, a, b)
    graph, flags = until_stable(lambda now: batched(body, [*mine[a : a + b], *now], batch, now), mine[a + b :])
    test, (differs,) = batched(cond, [*mine[:a], *flags], batch)
    if differs:
        flags = [True] * len(carry)
        graph, _ = batched(body, [*mine[a : a + b], *flags], batch, flags)
        test, _ = batched(cond, [*mine[:a], *flags], batch, [True])
    carry = [with_batch(x, m, f, batch.size) for x, m, f in zip(carry, mine[a + b :], flags)]
    if differs:
        outs = _until_all_are_done(test, graph, of_cond, of_body, carry)
    else:
        outs = while_p(*of_cond, *of_body, *carry, cond=test, body=graph, counts=(a, b))
    return tuple(BatchTracer(trace, x) if f else x for x, f in zip(outs, flags))


def _until_all_are_done(test: Graph, body: Graph, of_cond: Leaves, of_body: Leaves, carry: Leaves) -> Leaves:
    """Run a batched loop whose condition differs from example to example; which go on is carried along."""
    (goes_on,) = interpret(test, [*of_cond, *carry])
    a, b = len(of_cond), len(of_body)

    def step(values: Leaves) -> Leaves:
        for_cond, for_body, (on, *now) = split_at(values, a, b)
        safe = [protected(on, x) for x in now]
        made = interpret(body, [*for_body, *safe])
        after = [chosen(on, new, old) for new, old in zip(made, now)]
        return [*interpret(test, [*for_cond, *after]), *after]

    avals = [aval_of(x) for x in (*of_cond, *of_body, goes_on, *carry)]
    stepping = transformed(step, avals)
    ask = transformed(lambda values: [any_(values[0])], avals[a + b :])
    outs = while_p(*of_cond, *of_body, goes_on, *carry, cond=ask, body=stepping, counts=(0, a + b))
    return list(outs[1:])


def chosen(flags: Value, new: Value, old: Value) -> Value:
    """Take the new value of those examples that are flagged, and the old one of the others."""
    return where(reshape(flags, (*flags.shape, *(1,) * (aval_of(new).ndim - 1))), new, old)


def protected(flags: Value, x: Value) -> Value:
    """Put the value of the first example that is flagged in the place of those that are not."""
    last = flags.shape[0] - 1
    first = min_(where(flags, iota(last + 1), last))
    return chosen(flags, x, take(x, first, axis=0))


def _record(tape: Tape, primitive: Primitive, args: tuple[Value, ...], params: Params) -> Any:
    values, nodes = split(tape, list(args))
    a, b = params["counts"]
    outs = primitive(*values, **params)
    wanted = [node is not None and is_differentiable(x) for node, x in zip(nodes, values)][a:]
    if not any(wanted) or context.get().muted >= tape.level:
        return tape.untracked(outs)

    def step(flags: list[bool]) -> Any:
        linear = linearized(params["body"], [*wanted[:b], *flags])
        return linear, linear.active

    _, flags = until_stable(step, wanted[b:])
    if not any(flags):
        return tape.untracked(outs)
    line = user_line() if context.get().anomaly else None
    plan = Plan(primitive, (), lambda _: (), (RuleCall(-1, _refuse),), fills=False)
    found = tape.record(plan, nodes, (), None, tuple(outs), line)
    return tuple(x if on else tape.wrap(out, None) for x, out, on in zip(found, outs, flags, strict=True))


def _refuse(g: Any) -> Any:
    raise GradError(
        "while_loop: reverse mode (grad, vjp, backward) would need every step's values, and their number is not known; use "
        "scan, or fori_loop with bounds that are known numbers, or jvp"
    )


def _divide(trace: LinearTrace, primitive: Primitive, args: tuple[Value, ...], params: Params) -> tuple[Value, ...]:
    """Count the steps, and record the loop as a scan of so many, which keeps what they need.

    Where their number depends on traced values, the whole loop is recorded; what is known runs now.
    """
    if trace.name is not None:
        raise GradError(
            f"{trace.name}: a while_loop has no transpose, for the number of its steps is not known; use scan, or fori_loop "
            "with bounds that are known numbers"
        )
    mine = [trace.owns(a) for a in args]
    a, b = params["counts"]
    values = [x.value if m else x for x, m in zip(args, mine)]
    if not any(isinstance(x, Tracer) for x in values):
        steps = sum(1 for _ in _carries(values, **params)) - 1
        counts = b, len(args) - a - b
        outs: tuple[Value, ...] = scan_p(*args[a:], body=params["body"], counts=counts, length=steps, reverse=False)
        return outs

    def run(flags: list[bool]) -> Any:
        made = divided(params["body"], [*mine[a : a + b], *flags], flags)
        return made, made.unknown

    _, flags = until_stable(run, mine[a + b :])
    outs = primitive(*values, **params)
    found = trace.record(primitive, args, params)
    return tuple(x if f else out for x, out, f in zip(found, outs, flags, strict=True))


while_p = holding("while", _evaluate, _abstract, Whole(_batch), Whole(_record), Whole(_push, _divide))
