"""switch: one of several functions, chosen by a number; cond is a switch of two.

Over a batch whose examples choose differently, each function that any of them chooses runs on the whole batch, and each
example takes its own. The others' operands are replaced there by those of an example that has chosen the function: nothing
is evaluated, and no derivative taken, where the function may not be.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from .. import dtypes, reuse, tree
from ..aval import Aval
from ..calling import Batch, batch_flags, batch_size, is_recorded, split
from ..errors import ArgumentError, DTypeError, JitError, ShapeError
from ..jit.graph import Graph, Var, interpret
from ..linear import LinearTrace
from ..ops.families import as_array
from ..ops.pointwise import equal, maximum, minimum, not_equal
from ..ops.reductions import any as any_
from ..ops.shaping import cast, zeros_of
from ..primitive import Plan, Primitive, RuleCall, Whole
from ..tape import Tape, context, muting, user_line
from ..tracer import Params, Tracer, Value, aval_of, concrete
from ..vmap import BatchTrace, BatchTracer
from .calls import holding, outputs_of
from .closing import Closed, arrays, close, flattened, transformed
from .deriving import (
    Directions,
    Linear,
    avals_of_inputs,
    batched,
    either,
    is_differentiable,
    linearized,
    output_avals,
    picked,
    pushed,
    split_at,
    tangent_places,
    tangents_of,
)
from .dividing import Division, Slots, divided
from .whiling import chosen, protected

Function = Callable[..., Any]
Leaves = list[Any]
Branches = tuple[Graph, ...]


def _evaluate(index: Value, *args: Value, branches: Branches) -> tuple[Value, ...]:
    at = int(concrete(index, "switch"))
    return tuple(map(as_array, interpret(branches[min(max(at, 0), len(branches) - 1)], args)))


def _abstract(index: Aval, *avals: Aval, branches: Branches) -> tuple[Aval, ...]:
    for graph in branches:
        if [a[:2] for a in avals] != [v.aval[:2] for v in graph.inputs]:
            raise JitError(
                f"switch: a branch takes {avals_of_inputs(graph)} and is given {avals}; a pass changed one of them"
            )
        if outputs_of(graph) != outputs_of(branches[0]):
            raise JitError("switch: its branches return different shapes or dtypes; a pass changed one of them")
    return outputs_of(branches[0])


def _push(trace: Any, primitive: Primitive, args: tuple[Value, ...], params: Params) -> tuple[Value, ...]:
    (index, *values), (_, *parts), count = trace.taken(args)
    mine, directions = [part is not None for part in parts], Directions(type(trace), count)
    branches = params["branches"]
    flags = _of_all([pushed(graph, mine, None, directions)[1] for graph in branches])
    made = tuple(pushed(graph, mine, flags, directions)[0] for graph in branches)
    outs = switch_p(index, *values, *tangents_of(values, parts, mine, count), branches=made)
    of = tangent_places(flags, count)
    return tuple(trace.joined(outs[i], [outs[j] for j in of[i]]) if f else outs[i] for i, f in enumerate(flags))


def _of_all(lists: Sequence[Sequence[bool]]) -> list[bool]:
    """Return which outputs are flagged in any branch."""
    found = list(lists[0])
    for one in lists[1:]:
        found = either(found, one)
    return found


# --------------------------------------------------------------------------- batches


def _batch(trace: BatchTrace, primitive: Primitive, args: tuple[Value, ...], params: Params) -> tuple[Value, ...]:
    (index, *values), (differs, *mine) = batch_flags(trace, list(args))
    branches = params["branches"]
    batch = Batch(batch_size([index, *values], [differs, *mine]), trace.axis)
    if differs:
        return tuple(BatchTracer(trace, x) for x in _each_its_own(index, values, mine, branches, batch))
    flags = _of_all([batched(graph, mine, batch)[1] for graph in branches])
    made = tuple(batched(graph, mine, batch, flags)[0] for graph in branches)
    outs = switch_p(index, *values, branches=made)
    return tuple(BatchTracer(trace, x) if f else x for x, f in zip(outs, flags))


def _each_its_own(index: Value, values: Leaves, mine: list[bool], branches: Branches, batch: Batch) -> Leaves:
    """Run every branch that some example has chosen, and let each example take its own."""
    index = minimum(maximum(index, 0), len(branches) - 1)
    outs: Leaves = []
    for k, graph in enumerate(branches):
        taken = equal(index, k)
        found = _if_any(taken, values, mine, graph, batch)
        outs = [chosen(taken, new, old) for new, old in zip(found, outs)] if k else found
    return outs


def _if_any(taken: Value, values: Leaves, mine: list[bool], graph: Graph, batch: Batch) -> Leaves:
    """Run a branch on a batch if any example has chosen it; zeros otherwise."""
    whole, _ = batched(graph, mine, batch, [True] * len(graph.outputs))
    avals = [aval_of(taken), *map(aval_of, values)]

    def run(given: Leaves) -> Leaves:
        chooses, *xs = given
        return interpret(whole, [protected(chooses, x) if flag else x for x, flag in zip(xs, mine)])

    blank = Graph([Var(a) for a in avals], [], [zeros_of(a) for a in output_avals(whole)])
    return list(switch_p(cast(any_(taken), dtypes.int64), taken, *values, branches=(blank, transformed(run, avals))))


# --------------------------------------------------------------------------- reverse mode


def _record(tape: Tape, primitive: Primitive, args: tuple[Value, ...], params: Params) -> Any:
    values, nodes = split(tape, list(args))
    wanted = [node is not None and is_differentiable(x) for node, x in zip(nodes, values)]
    if not any(wanted) or context.get().muted >= tape.level:
        return tape.untracked(primitive(*values, **params))
    pull = _Pull([linearized(graph, wanted[1:]) for graph in params["branches"]], wanted[1:])
    outs, kept = pull.forward(values)
    if not any(pull.active):
        return tape.untracked(tuple(outs))
    plan = Plan(primitive, ((True, 0), (False, 1)), tuple, (RuleCall(-1, pull),), fills=False)
    line = user_line() if context.get().anomaly else None
    found = tape.record(plan, nodes, ((tape, kept), tuple(values)), None, tuple(outs), line)
    return tuple(x if on else tape.wrap(out, None) for x, out, on in zip(found, outs, pull.active, strict=True))


class _Pull:
    """The rule of one application: what its branches keep, in slots that they share, and the branches that pull back."""

    def __init__(self, linears: list[Linear], wanted: list[bool]):
        self.linears, self.wanted = linears, wanted
        self.active = _of_all([one.active for one in linears])
        self.slots = Slots([(one.residuals, one.forward.inputs) for one in linears])

    def forward(self, values: Leaves) -> tuple[Leaves, Leaves]:
        """Run the branch; return its results, and the slots."""
        branches = tuple(
            Graph(one.forward.inputs, one.forward.equations, [*one.forward.outputs, *self.slots.kept(i, zeros_of)])
            for i, one in enumerate(self.linears)
        )
        outs = switch_p(*values, branches=branches)
        outs, kept = split_at(outs, len(outs) - len(self.slots.avals))
        return outs, kept

    def __call__(self, g: tuple[Any, ...], saved: tuple[Tape, Leaves], values: tuple[Value, ...]) -> Leaves:
        """Pull cotangents of the results back to the operands."""
        tape, kept = saved
        if is_recorded(tape, values):
            _, kept = self.forward(list(values))
        index, *operands = values
        given = [one is not None and on for one, on in zip(g, self.active)]
        reached = _of_all([_reaching(one, self.wanted) for one in self.linears])
        avals = [aval_of(x) for x in (*operands, *kept, *picked(g, given))]
        branches = tuple(
            transformed(self._pulling(one, places, given, reached), avals)
            for one, places in zip(self.linears, self.slots.places)
        )
        found = iter(switch_p(index, *operands, *kept, *picked(g, given), branches=branches))
        return [None, *(next(found) if r else None for r in reached)]

    def _pulling(self, linear: Linear, places: dict[Var, int], given: list[bool], reached: list[bool]) -> Function:
        """Return the function `(operands, slots, cotangents) -> cotangents of the operands` of one branch."""
        n = len(self.wanted)
        cotangent_avals = [v.aval for v in linear.backward.inputs[len(linear.residuals) :]]

        def run(xs: Leaves) -> Leaves:
            of = dict(zip(linear.forward.inputs, xs[:n]))
            residuals = [of[v] if v in of else xs[n + places[v]] for v in linear.residuals]
            left = iter(xs[n + len(self.slots.avals) :])
            cotangents = picked([next(left) if flag else None for flag in given], linear.active)
            cotangents = [
                zeros_of(a) if one is None else one for a, one in zip(cotangent_avals, cotangents, strict=True)
            ]
            found = iter(interpret(linear.backward, [*residuals, *cotangents]))
            grads = [next(found) if r else None for r in _reaching(linear, self.wanted)]
            return [zeros_of(aval_of(x)) if one is None else one for one, x, r in zip(grads, xs, reached) if r]

        return run


def _reaching(linear: Linear, wanted: list[bool]) -> list[bool]:
    """Return which operands get a cotangent."""
    reached = iter(linear.reached)
    return [want and next(reached) for want in wanted]


# --------------------------------------------------------------------------- linear maps


def _divide(trace: LinearTrace, primitive: Primitive, args: tuple[Value, ...], params: Params) -> tuple[Value, ...]:
    """Run what is known of the branch, and record the linear rest of all."""
    index, *operands = args
    mine, branches = [trace.owns(a) for a in operands], params["branches"]
    blank = [False] * len(branches[0].outputs)
    unknown = _of_all([divided(graph, mine, blank).unknown for graph in branches])
    parts = [divided(graph, mine, unknown, (trace, primitive)) for graph in branches]
    slots = Slots([(one.residuals, one.known.inputs) for one in parts])
    given = [x for x, m in zip(operands, mine) if not m]
    known = tuple(one.keeping(slots.kept(i, zeros_of)) for i, one in enumerate(parts))
    outs, kept = split_at(switch_p(index, *given, branches=known), unknown.count(False))
    moved = picked(operands, mine)
    avals = [aval_of(x) for x in (*given, *kept, *moved)]
    rest = tuple(transformed(_resting(one, slots.places[i], len(slots.avals)), avals) for i, one in enumerate(parts))
    found = iter(trace.record(primitive, [index, *given, *kept, *moved], {"branches": rest}))
    values = iter(outs)
    return tuple(next(found) if u else next(values) for u in unknown)


def _resting(part: Division, places: dict[Var, int], slots: int) -> Function:
    """Return the function `(known operands, slots, the others) -> unknown results` of one branch."""
    n = len(part.known.inputs)

    def run(xs: Leaves) -> Leaves:
        of = dict(zip(part.known.inputs, xs[:n]))
        residuals = [of[v] if v in of else xs[n + places[v]] for v in part.residuals]
        return interpret(part.rest, [*residuals, *xs[n + slots :]])

    return run


switch_p = holding("switch", _evaluate, _abstract, Whole(_batch), Whole(_record), Whole(_push, _divide))


# --------------------------------------------------------------------------- as people call them


def switch(index: Any, branches: Sequence[Function], *operands: Any) -> Any:
    """Return `branches[index](*operands)`; an index outside is moved to the nearest end.

    The branches take the same operands, trees of arrays, and return trees of one structure, with the same shapes; where
    their dtypes differ, plain numbers give way. Only the chosen one is computed, except under `vmap` with an index that
    differs from example to example: then each that any example has chosen is computed for all.

    >>> switch(1, [lambda x: x, lambda x: -x], 2.0)
    Array(-2., dtype=float32)
    """
    if not branches:
        raise ArgumentError("switch: there are no branches; give at least one function")
    index = as_array(index)
    if index.shape or dtypes.rank(index.dtype) != 1:
        raise DTypeError(f"switch: the index must be one integer, got {aval_of(index)}")
    return _chosen("switch", cast(index, dtypes.int64), branches, operands)


def cond(pred: Any, true_fun: Function, false_fun: Function, *operands: Any) -> Any:
    """Return `true_fun(*operands)` if `pred` holds, else `false_fun(*operands)`.

    `pred` is one bool or number. Both functions return trees of one structure, with the same shapes and dtypes. Only the
    chosen one is computed, except under `vmap` with a predicate that differs from example to example: then both are, but
    none on an example that has not chosen it.

    >>> cond(True, lambda x: x + 1, lambda x: x - 1, 2.0)
    Array(3., dtype=float32)
    """
    if not callable(true_fun) or not callable(false_fun):
        raise ArgumentError("cond: takes (pred, true_fun, false_fun, *operands), with two functions")
    pred = as_array(pred)
    if pred.shape:
        raise ShapeError(f"cond: pred must be one bool, got {aval_of(pred)}; reduce it with .all() or .any()")
    if pred.dtype != dtypes.bool_:
        pred = not_equal(pred, 0)
    return _chosen("cond", cast(pred, dtypes.int64), (false_fun, true_fun), operands)


def _chosen(name: str, index: Value, functions: Sequence[Function], operands: tuple[Any, ...]) -> Any:
    leaves, structure = flattened(operands)
    given = arrays(leaves)
    closed = _closed(functions, structure, list(map(aval_of, given)))
    _agreeing(name, closed)
    consts = list({id(x): x for one in closed for x in one.consts}.values())
    branches = tuple(_taking(one, consts) for one in closed)
    outs = switch_p(index, *consts, *given, branches=branches)
    with muting(True):
        return closed[0].shape.unflatten(list(outs))


def _closed(functions: Sequence[Function], structure: tree.TreeDef, avals: list[Aval]) -> list[Closed]:
    """Close the branches, of which one will run: each may consume a key that the others consume."""
    mark = reuse.mark()
    closed: list[Closed] = []
    uses: dict[Hashable, reuse.Use] = {}
    for f in functions:
        closed.append(close(f, structure, avals))
        if mark is not None:
            uses |= mark.take_back()
    if mark is not None:
        mark.ledger.consumed |= uses
    return closed


def _taking(one: Closed, consts: Leaves) -> Graph:
    """Let a branch take what all branches close over."""
    own = {id(x): v for x, v in zip(one.consts, one.graph.inputs)}
    inputs = [own.get(id(x)) or Var(aval_of(x)) for x in consts]
    return Graph([*inputs, *one.graph.inputs[len(one.consts) :]], one.graph.equations, one.graph.outputs)


def _agreeing(name: str, closed: list[Closed]) -> None:
    """Raise unless all branches return the same structure, shapes and dtypes."""
    first, *others = closed
    for k, other in enumerate(others, 1):
        if not tree.agree(other.shape.structure, first.shape.structure):
            raise ShapeError(
                f"{name}: its branches return different structures: {tree.shown(first.shape.structure)} and "
                f"{tree.shown(other.shape.structure)} (branch {k}); return the same containers"
            )
        paths = tree.paths(first.shape.unflatten(list(first.graph.outputs)), "the result")
        for i, (a, b) in enumerate(zip(output_avals(first.graph), output_avals(other.graph), strict=True)):
            first.give_way(i, b)
            other.give_way(i, a)
        for path, a, b in zip(paths, output_avals(first.graph), output_avals(other.graph), strict=True):
            if a != b:
                raise (ShapeError if a.shape != b.shape else DTypeError)(
                    f"{name}: {path} is {a} from one branch and {b} from branch {k}; they must agree: cast or reshape one"
                )


__all__ = ["Tracer", "cond", "switch", "switch_p"]
