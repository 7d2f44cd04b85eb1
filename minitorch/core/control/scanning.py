"""scan: a loop of a known number of steps, with a carry, inputs that are read step by step and outputs that are stacked.

Reverse mode runs the loop forward with what its steps' rules keep as further stacked outputs, and then a second loop the
other way round, which carries cotangents.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..array import wrap, wrap_scalar
from ..aval import Aval
from ..calling import Batch, batch_flags, batch_size, is_recorded, split
from ..errors import JitError
from ..jit.graph import Graph, Var, interpret
from ..linear import LinearTrace
from ..ops.families import as_array
from ..ops.pointwise import add
from ..ops.shaping import broadcast_to, moveaxis, zeros_of
from ..primitive import Plan, Primitive, RuleCall, Whole
from ..tape import Tape, context, user_line
from ..tracer import Params, Value, aval_of
from ..vmap import BatchTrace, BatchTracer
from .calls import holding, outputs_of
from .closing import transformed
from .deriving import (
    Directions,
    Linear,
    arranged,
    avals_of_inputs,
    batched,
    hoisted,
    interleaved,
    is_differentiable,
    linearized,
    picked,
    pushed,
    split_at,
    tangent_places,
    tangents_of,
    until_stable,
)
from .dividing import Division, divided, zero

Leaves = list[Any]


def loop(body: Graph, consts: Leaves, carry: Leaves, xs: Leaves, length: int, reverse: bool) -> tuple[Leaves, Leaves]:
    """Run a body `(consts, carry, x) -> (carry, y)` over steps; return the last carry and the stacked ys."""
    before, body = hoisted(body, len(consts))
    consts = interpret(before, consts)
    counts = (len(consts), len(carry))
    outs = scan_p(*consts, *carry, *xs, body=body, counts=counts, length=length, reverse=reverse)
    carry, ys = split_at(outs, len(carry))
    return carry, ys


def _evaluate(*args: Value, body: Graph, counts: tuple[int, int], length: int, reverse: bool) -> tuple[Value, ...]:
    consts, carry, xs = split_at(args, *counts)
    data = [as_array(x)._data for x in xs]
    avals = outputs_of(body)[len(carry) :]
    ys = [np.empty((length, *a.shape), a.dtype) for a in avals]
    for i in range(length)[:: -1 if reverse else 1]:
        outs = interpret(body, [*consts, *carry, *(wrap_scalar(x[i]) for x in data)])
        carry, made = split_at(outs, len(carry))
        for y, one in zip(ys, made):
            y[i] = as_array(one)._data
    return (*map(as_array, carry), *map(wrap, ys))


def _abstract(*avals: Aval, body: Graph, counts: tuple[int, int], length: int, reverse: bool) -> tuple[Aval, ...]:
    given = [*avals[: sum(counts)], *(a._replace(shape=a.shape[1:]) for a in avals[sum(counts) :])]
    if [a[:2] for a in given] != [v.aval[:2] for v in body.inputs]:
        raise JitError(f"scan: its body takes {avals_of_inputs(body)} and is given {given}; a pass changed one of them")
    outs = outputs_of(body)
    return (*outs[: counts[1]], *(a._replace(shape=(length, *a.shape)) for a in outs[counts[1] :]))


# --------------------------------------------------------------------------- forward mode and batches


def _push(trace: Any, primitive: Primitive, args: tuple[Value, ...], params: Params) -> tuple[Value, ...]:
    body, (c, k) = params["body"], params["counts"]
    values, parts, count = trace.taken(args)
    mine = [part is not None for part in parts]

    def run(flags: list[bool]) -> Any:
        wanted = [*flags, *[False] * (len(body.outputs) - k)]
        graph, out = pushed(body, [*mine[:c], *flags, *mine[c + k :]], wanted, Directions(type(trace), count))
        return (graph, out), out[:k]

    (graph, out), flags = until_stable(run, mine[c : c + k])
    mine[c : c + k] = flags
    order, ends = interleaved(mine, count, c, k), interleaved(out, count, k)
    both = values + tangents_of(values, parts, mine, count)
    consts, start, xs = split_at([both[i] for i in order], c + count * sum(mine[:c]), k + count * sum(flags))
    carry, ys = loop(arranged(graph, order, ends), consts, start, xs, params["length"], params["reverse"])
    found = dict(zip(ends, [*carry, *ys], strict=True))
    of = tangent_places(out, count)
    return tuple(trace.joined(found[i], [found[j] for j in of[i]]) if d else found[i] for i, d in enumerate(out))


def _batch(trace: BatchTrace, primitive: Primitive, args: tuple[Value, ...], params: Params) -> tuple[Value, ...]:
    body, (c, k) = params["body"], params["counts"]
    values, mine = batch_flags(trace, list(args))
    batch = Batch(batch_size(values, mine), trace.axis)

    def run(flags: list[bool]) -> Any:
        wanted = [*flags, *[False] * (len(body.outputs) - k)]
        graph, out = batched(body, [*mine[:c], *flags, *mine[c + k :]], batch, wanted)
        return (graph, out), out[:k]

    (graph, out), flags = until_stable(run, mine[c : c + k])
    consts, carry, xs = split_at(values, c, k)
    carry = [with_batch(x, m, f, batch.size) for x, m, f in zip(carry, mine[c : c + k], flags)]
    xs = [moveaxis(x, 1, 0) if m else x for x, m in zip(xs, mine[c + k :])]
    carry, ys = loop(graph, consts, carry, xs, params["length"], params["reverse"])
    ys = [moveaxis(y, 0, 1) if f else y for y, f in zip(ys, out[k:])]
    return tuple(BatchTracer(trace, x) if f else x for x, f in zip([*carry, *ys], out))


def with_batch(x: Value, has: bool, wanted: bool, size: int) -> Value:
    """Repeat a value over the batch if it has to have the axis and has not."""
    return broadcast_to(as_array(x), (size, *aval_of(x).shape)) if wanted and not has else x


# --------------------------------------------------------------------------- reverse mode


def _record(tape: Tape, primitive: Primitive, args: tuple[Value, ...], params: Params) -> Any:
    values, nodes = split(tape, list(args))
    body, (c, k) = params["body"], params["counts"]
    wanted = [node is not None and is_differentiable(x) for node, x in zip(nodes, values)]

    def run(flags: list[bool]) -> Any:
        linear = linearized(body, [*wanted[:c], *flags, *wanted[c + k :]])
        return linear, linear.active[:k]

    if not any(wanted) or context.get().muted >= tape.level:
        return tape.untracked(primitive(*values, **params))
    linear, wanted[c : c + k] = until_stable(run, wanted[c : c + k])
    pull = _Pull(primitive, linear, wanted, params)
    outs, residuals = pull.forward(values)
    if not any(linear.active):
        return tape.untracked(tuple(outs))
    plan = Plan(primitive, ((True, 0), (False, 1)), tuple, (RuleCall(-1, pull),), fills=False)
    line = user_line() if context.get().anomaly else None
    found = tape.record(plan, nodes, ((tape, residuals), tuple(values)), None, tuple(outs), line)
    flowing = wanted[c : c + k] + linear.active[k:]
    return tuple(x if on else tape.wrap(out, None) for x, out, on in zip(found, outs, flowing, strict=True))


class _Pull:
    """The rule of one application: what its steps keep, and the loop that pulls cotangents back."""

    def __init__(self, primitive: Primitive, linear: Linear, wanted: list[bool], params: Params):
        self.primitive, self.linear, self.wanted = primitive, linear, wanted
        self.body, self.counts = params["body"], params["counts"]
        self.length, self.reverse = params["length"], params["reverse"]

    def forward(self, values: Leaves) -> tuple[Leaves, Leaves]:
        """Run the loop; return its results, and the residuals: those of the steps are stacked."""
        c, k = self.counts
        graph, residuals = self.linear.forward, self.linear.residuals
        places = {v: i for i, v in enumerate(graph.inputs) if not c <= i < c + k}
        stacked = list(dict.fromkeys(v for v in residuals if v not in places and v not in graph.outputs[k:]))
        whole = Graph(graph.inputs, graph.equations, [*graph.outputs, *stacked])
        consts, carry, xs = split_at(values, c, k)
        carry, ys = loop(whole, consts, carry, xs, self.length, self.reverse)
        of = {v: y for v, y in zip(whole.outputs[k:], ys) if isinstance(v, Var)}
        return [*carry, *ys[: len(graph.outputs) - k]], [values[places[v]] if v in places else of[v] for v in residuals]

    def __call__(self, g: tuple[Any, ...], saved: tuple[Tape, Leaves], values: tuple[Value, ...]) -> Leaves:
        """Pull cotangents of the results back to the arguments."""
        tape, residuals = saved
        if is_recorded(tape, values):
            _, residuals = self.forward(list(values))
        c, k = self.counts
        fixed = [v in self.linear.forward.inputs[:c] for v in self.linear.residuals]
        _, wanted_k, _ = split_at(self.wanted, c, k)
        reached = iter(self.linear.reached)
        reached_c, _, reached_x = split_at([want and next(reached) for want in self.wanted], c, k)
        given = [one is not None and on for one, on in zip(g[k:], self.linear.active[k:], strict=True)]
        consts, carry, _ = split_at(values, c, k)
        cotangents = [zeros_of(aval_of(x)) if one is None else one for x, one in zip(carry, g[:k])]
        start = picked(cotangents, wanted_k) + [zeros_of(aval_of(x)) for x in picked(consts, reached_c)]
        steps = picked(residuals, [not f for f in fixed]) + picked(g[k:], given)
        body = self._body(picked(residuals, fixed), start, steps, fixed, given)
        last, dxs = loop(body, picked(residuals, fixed), start, steps, self.length, not self.reverse)
        ends, totals = split_at(last, sum(wanted_k))
        return [*_spread(totals, reached_c), *_spread(ends, wanted_k), *_spread(dxs, reached_x)]

    def _body(self, consts: Leaves, start: Leaves, steps: Leaves, fixed: list[bool], given: list[bool]) -> Graph:
        """Return one step back: `(residuals, cotangents and totals, residuals and cotangents of ys)`."""
        linear, (c, k) = self.linear, self.counts
        carries, outs = self.wanted[c : c + k], [a.aval for a in linear.backward.inputs[len(fixed) :]]

        def run(values: Leaves) -> Leaves:
            still, now, moving = split_at(values, len(consts), len(start))
            parts = iter(still), iter(moving)
            residuals = [next(parts[0] if f else parts[1]) for f in fixed]
            of_carry, totals = split_at(now, sum(carries))
            spread = [*_spread(of_carry, carries), *_spread(list(parts[1]), given)]
            cotangents = picked(spread, linear.active)
            cotangents = [zeros_of(a) if one is None else one for a, one in zip(outs, cotangents, strict=True)]
            found = _spread(interpret(linear.backward, [*residuals, *cotangents]), linear.reached)
            of_consts, of_carries, of_xs = split_at(_spread(found, self.wanted), c, k)
            back = [zeros_of(v.aval) if one is None else one for v, one in zip(linear.forward.inputs[c:], of_carries)]
            added = [
                add(total, one) for total, one in zip(totals, (x for x in of_consts if x is not None), strict=True)
            ]
            return [*picked(back, carries), *added, *(x for x in of_xs if x is not None)]

        avals = [aval_of(x) for x in (*consts, *start)]
        avals += [a._replace(shape=a.shape[1:]) for a in map(aval_of, steps)]
        return transformed(run, avals)


def _spread(values: Leaves, flags: list[bool]) -> Leaves:
    """Put values in the places that are flagged, None elsewhere."""
    left = iter(values)
    return [next(left) if flag else None for flag in flags]


# --------------------------------------------------------------------------- linear maps


def _divide(trace: LinearTrace, primitive: Primitive, args: tuple[Value, ...], params: Params) -> tuple[Value, ...]:
    """Run the loop of what is known, which stacks what its steps keep, and record the linear loop that reads it."""
    body, (c, k) = params["body"], params["counts"]
    mine = [trace.owns(a) for a in args]

    def run(flags: list[bool]) -> Any:
        wanted = [*flags, *[False] * (len(body.outputs) - k)]
        made = divided(body, [*mine[:c], *flags, *mine[c + k :]], wanted)
        return made, made.unknown[:k]

    division, mine[c : c + k] = until_stable(run, mine[c : c + k])
    if trace.name is not None:
        division = divided(body, mine, division.unknown, (trace, primitive))
    given = [a if trace.owns(a) else zero(trace, primitive, a) for a in picked(args, mine)]
    outs, residuals, fixed = _known(division, args, mine, params)
    n, rest = len(residuals), division.rest
    moved = split_at([*range(n, n + len(given))], sum(mine[:c]), sum(mine[c : c + k]))
    places = [i for i, f in enumerate(fixed) if f], *moved[:2], [i for i, f in enumerate(fixed) if not f], moved[2]
    order = [i for part in places for i in part]
    both = [*residuals, *given]
    found = trace.record(
        primitive,
        [both[i] for i in order],
        params | {"body": arranged(rest, order), "counts": (len(places[0]) + len(places[1]), len(places[2]))},
    )
    known, linear = iter(outs), iter(found)
    return tuple(next(linear) if u else next(known) for u in division.unknown)


def _known(
    division: Division, args: Sequence[Value], mine: list[bool], params: Params
) -> tuple[Leaves, Leaves, list[bool]]:
    """Run what is known of a loop; return its results, the residuals, and which of these are the same at each step."""
    c, k = params["counts"]
    consts, carry, xs = (
        [a for a, m in zip(part, flags) if not m]
        for part, flags in zip(split_at(args, c, k), split_at(mine, c, k), strict=True)
    )
    of_consts, of_carry, of_xs = split_at(division.known.inputs, len(consts), len(carry))
    whole = dict(zip(of_consts + of_xs, consts + xs, strict=True))
    stacked = [v for v in division.residuals if v not in whole]
    last, ys = loop(division.keeping(stacked), consts, carry, xs, params["length"], params["reverse"])
    count = len(division.known.outputs) - len(of_carry)
    of = whole | dict(zip(stacked, ys[count:], strict=True))
    return [*last, *ys[:count]], [of[v] for v in division.residuals], [v in of_consts for v in division.residuals]


scan_p = holding("scan", _evaluate, _abstract, Whole(_batch), Whole(_record), Whole(_push, _divide))
