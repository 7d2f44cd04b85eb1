"""What the transforms make of graphs: with tangents beside the values, over a batch, or cut into a forward and a backward
part.

Each runs the graph on its own interpreter and writes down what that does, so whatever has a rule there has one here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .. import dtypes
from ..aval import Aval
from ..calling import Batch, batch_run, filled
from ..errors import TracerError
from ..jit.graph import Atom, Graph, Var, atom_aval, interpret
from ..jvp import JVPTrace
from ..ops.families import as_array
from ..ops.shaping import zeros_of
from ..tape import Tape, TapeTracer, entering, leaf, lower
from ..tracer import Value, aval_of
from ..vjp import backward
from .closing import BodyTrace, transformed

Flags = Sequence[bool]
Leaves = list[Any]
VIEWS = frozenset(("reshape", "broadcast_to", "transpose"))  # what costs nothing to compute again


def avals_of_inputs(graph: Graph) -> list[Aval]:
    """Return the avals of a graph's inputs."""
    return [v.aval for v in graph.inputs]


def picked(values: Iterable[Any], flags: Flags) -> list[Any]:
    """Return those values that are flagged."""
    return [x for x, flag in zip(values, flags, strict=True) if flag]


def either(a: Flags, b: Flags) -> list[bool]:
    """Return which are flagged in one of two lists."""
    return [x or y for x, y in zip(a, b, strict=True)]


def until_stable(run: Callable[[list[bool]], tuple[Any, Flags]], flags: Flags) -> tuple[Any, list[bool]]:
    """Run with the flags of carries until what comes out flagged has gone in flagged; return the last result."""
    now = list(flags)
    while True:
        made, found = run(now)
        after = either(now, found)
        if after == now:
            return made, now
        now = after


# --------------------------------------------------------------------------- forward mode


@dataclass(frozen=True, slots=True)
class Directions:
    """What moves along with a value: one tangent, or the higher coefficients of its Taylor series."""

    trace: type[Any]  # the interpreter that pushes them
    count: int


TANGENTS = Directions(JVPTrace, 1)


def pushed(
    graph: Graph, flags: Flags, wanted: Flags | None = None, directions: Directions = TANGENTS
) -> tuple[Graph, list[bool]]:
    """Return the graph that also takes tangents of flagged inputs and returns those of outputs, and which have one.

    Its inputs are all values, then the tangents; so are its outputs. Outputs that are `wanted` get a tangent anyhow.
    Where there are several `directions`, each value has as many tangents.
    """
    n, depends = len(graph.inputs), [False] * len(graph.outputs)

    def run(values: Leaves) -> Leaves:
        tangents = iter(values[n:])
        with entering(directions.trace) as trace:
            xs = [trace.joined(x, [next(tangents) for _ in rest]) if f else x for x, f in zip(values, flags)]
            outs, parts, _ = trace.taken([as_array(lower(x)) for x in interpret(graph, xs)])
        depends[:] = either([part is not None for part in parts], wanted or [False] * len(parts))
        moved = [part or [zeros_of(aval_of(x))] * len(rest) for x, part, d in zip(outs, parts, depends) if d]
        return [*outs, *(t for part in moved for t in part)]

    rest = range(directions.count)
    avals = avals_of_inputs(graph)
    return transformed(run, avals + [a._replace(weak=False) for a in picked(avals, flags) for _ in rest]), depends


def interleaved(flags: Flags, count: int, *sizes: int) -> list[int]:
    """Return the places of values, in parts of given sizes, each part followed by its tangents.

    The values are numbered first, then the `count` tangents of each flagged one.

    >>> interleaved([True, False, True], 1, 2)
    [0, 1, 3, 2, 4]
    """
    behind = tangent_places(flags, count)
    return [i for part in split_at(range(len(flags)), *sizes) for i in (*part, *(j for n in part for j in behind[n]))]


def tangent_places(flags: Flags, count: int) -> list[range]:
    """Return the places of the tangents of each value, which are numbered behind all values."""
    ends = [len(flags) + count * sum(flags[:i]) for i in range(len(flags))]
    return [range(at, at + count * flag) for at, flag in zip(ends, flags)]


def tangents_of(args: Leaves, parts: Leaves, flags: Flags, count: int) -> Leaves:
    """Return the tangents of flagged values, zeros for those that have none."""
    filled = [part or [zeros_of(aval_of(x))] * count for x, part in zip(args, parts)]
    return [t for part in picked(filled, flags) for t in part]


# --------------------------------------------------------------------------- batches


def batched(graph: Graph, flags: Flags, batch: Batch, wanted: Flags | None = None) -> tuple[Graph, list[bool]]:
    """Return the graph whose flagged inputs have a batch axis in front, and which outputs have one.

    Outputs that are `wanted` get one anyhow.
    """
    found = [False] * len(graph.outputs)

    def run(values: Leaves) -> Leaves:
        outs, mine = batch_run(lambda xs: interpret(graph, xs), values, flags, batch)
        found[:] = either(mine, wanted or [False] * len(mine))
        return [x if m or not f else filled([x], [m], batch.size)[0] for x, m, f in zip(outs, mine, found)]

    avals = [with_axis(a, batch.size) if flag else a for a, flag in zip(avals_of_inputs(graph), flags, strict=True)]
    return transformed(run, avals), found


def with_axis(aval: Aval, size: int) -> Aval:
    """Return an aval with one more axis in front."""
    return aval._replace(shape=(size, *aval.shape), weak=False)


# --------------------------------------------------------------------------- reverse mode


@dataclass(slots=True)
class Linear:
    """A graph cut in two: what is computed on the way forward, and how cotangents are pulled back.

    `forward` has the inputs and outputs of the whole; `residuals` are those of its variables (inputs among them) that
    `backward` reads first, before one cotangent for each `active` output. It returns cotangents of the inputs that have
    one, of those that were asked for.
    """

    forward: Graph
    residuals: list[Var]
    backward: Graph
    active: list[bool]
    reached: list[bool]


def linearized(graph: Graph, wanted: Flags) -> Linear:
    """Cut a graph for the derivative in its wanted inputs. The primitives' own rules say what is kept."""
    with entering(BodyTrace) as trace:
        given = [trace.input(v.aval) for v in graph.inputs]
        with entering(Tape) as tape:
            nodes = [leaf(x) if want else None for x, want in zip(given, wanted, strict=True)]
            xs = [x if node is None else tape.wrap(x, node) for x, node in zip(given, nodes)]
            outs = [as_array(lower(x)) for x in interpret(graph, xs)]
        mine = [isinstance(x, TapeTracer) and x._trace is tape for x in outs]
        ends = [x.node if m else None for x, m in zip(outs, mine)]
        outputs = [trace.atom(x.value if m else x) for x, m in zip(outs, mine)]
        seeds = [(node, trace.input(Aval(node.shape, node.dtype))) for node in ends if node is not None]
        found = backward(seeds, wanted={n for n in nodes if n is not None}) if seeds else {}
        grads = [found.get(node) if node is not None else None for node in nodes]
        pulled = [trace.atom(g) for g in grads if g is not None]
    if trace.lifted:
        raise TracerError(
            "the derivative rule of a function inside a loop or a branch closes over a traced value; pass it to that "
            "function as an argument"
        )
    whole = trace.graph
    inputs, cotangents = whole.inputs[: len(given)], whole.inputs[len(given) :]
    return _cut(Graph(inputs, whole.equations, outputs), cotangents, pulled, [e is not None for e in ends],
                [g is not None for g in picked(grads, wanted)])  # fmt: skip


def _cut(graph: Graph, cotangents: list[Var], pulled: list[Atom], active: list[bool], reached: list[bool]) -> Linear:
    """Put what the outputs need into the first part, and the rest into the second."""
    needed = {a for a in graph.outputs if isinstance(a, Var)}
    first, second = [], []
    for eq in reversed(graph.equations):
        if needed.isdisjoint(eq.outputs):
            second.append(eq)
        else:
            first.append(eq)
            needed.update(a for a in eq.inputs if isinstance(a, Var))
    wanted = {a for a in pulled if isinstance(a, Var)}
    kept = []
    for eq in second:  # from the last to the first
        if not wanted.isdisjoint(eq.outputs):
            kept.append(eq)
            wanted.update(a for a in eq.inputs if isinstance(a, Var))
    for eq in first:  # views are taken again rather than kept
        if eq.primitive.name in VIEWS and not wanted.isdisjoint(eq.outputs):
            kept.append(eq)
            wanted.update(a for a in eq.inputs if isinstance(a, Var))
    own = {v for eq in kept for v in eq.outputs}.union(cotangents)
    reads = [a for eq in reversed(kept) for a in eq.inputs] + list(pulled)
    residuals = list(dict.fromkeys(a for a in reads if isinstance(a, Var) and a not in own))
    forward = Graph(graph.inputs, first[::-1], graph.outputs)
    return Linear(forward, residuals, Graph([*residuals, *cotangents], kept[::-1], list(pulled)), active, reached)


def is_differentiable(x: Any) -> bool:
    """Return whether a value can carry a derivative."""
    return aval_of(x).dtype in dtypes.INEXACT


# --------------------------------------------------------------------------- parts of graphs


def arranged(graph: Graph, inputs: Sequence[int], outputs: Sequence[int] | None = None) -> Graph:
    """Return the same graph with its inputs (and outputs) in another order."""
    outs = graph.outputs if outputs is None else [graph.outputs[i] for i in outputs]
    return Graph([graph.inputs[i] for i in inputs], graph.equations, list(outs))


def split_at(values: Sequence[Any], *counts: int) -> list[list[Any]]:
    """Split values into parts of given lengths, and the rest.

    >>> split_at([1, 2, 3, 4], 1, 2)
    [[1], [2, 3], [4]]
    """
    parts, at = [], 0
    for n in counts:
        parts.append(list(values[at : at + n]))
        at += n
    return [*parts, list(values[at:])]


def hoisted(graph: Graph, consts: int) -> tuple[Graph, Graph]:
    """Take out of a loop's body what depends on its first inputs alone.

    Return the graph from these to what the body needs of it, and the body that takes that in their place.
    """
    fixed: set[Var] = set(graph.inputs[:consts])
    early, late = [], []
    for eq in graph.equations:
        reads = [a for a in eq.inputs if isinstance(a, Var)]
        if reads and fixed.issuperset(reads) and not any(v.aval.size > _grown(reads) for v in eq.outputs):
            early.append(eq)
            fixed.update(eq.outputs)
        else:
            late.append(eq)
    read = [a for eq in late for a in eq.inputs] + graph.outputs
    needed = list(dict.fromkeys(a for a in read if isinstance(a, Var) and a in fixed))
    before = Graph(graph.inputs[:consts], early, list(needed))
    return before, Graph([*needed, *graph.inputs[consts:]], late, graph.outputs)


def _grown(reads: Sequence[Var]) -> int:
    """Return the size up to which a result is worth keeping: repeating a value is left to whoever reads it."""
    return max(v.aval.size for v in reads)


def output_avals(graph: Graph) -> list[Aval]:
    """Return the avals of a graph's outputs."""
    return [atom_aval(a)._replace(weak=False) for a in graph.outputs]


__all__ = [
    "Directions",
    "Linear",
    "Value",
    "arranged",
    "avals_of_inputs",
    "batched",
    "either",
    "hoisted",
    "interleaved",
    "is_differentiable",
    "linearized",
    "output_avals",
    "picked",
    "pushed",
    "split_at",
    "tangent_places",
    "tangents_of",
    "until_stable",
    "with_axis",
]
