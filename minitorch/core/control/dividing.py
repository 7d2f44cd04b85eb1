"""Graphs divided for linear maps: what does not depend on their arguments is computed once, and the rest is recorded.

A loop that carries values and tangents becomes two: one of the values, which stacks what the other one needs, and one
that is linear. Both ways to ask for a linear map come here: `linearize`, and `linear_transpose`, which has a name and
wants every operation of the rest to be linear.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..aval import Aval
from ..jit.graph import Graph, Var, interpret
from ..jit.passes.dead import eliminate_dead
from ..jit.staging import StagedTracer
from ..linear import LinearTrace, Ref, is_zero
from ..ops.families import as_array
from ..primitive import Primitive
from ..tape import entering, lower
from ..tracer import Value
from .closing import BodyTrace, transformed
from .deriving import Flags, Leaves, avals_of_inputs, either, picked


@dataclass(slots=True)
class Division:
    """A graph cut in two.

    `known` takes the inputs that are not flagged to the outputs that do not depend on the others. `rest` takes
    `residuals`, variables of `known` (its inputs among them), and the flagged inputs to the `unknown` outputs.
    """

    known: Graph
    residuals: list[Var]
    rest: Graph
    unknown: list[bool]

    def keeping(self, kept: Sequence[Value]) -> Graph:
        """Return the first part, with further results."""
        return eliminate_dead(Graph(self.known.inputs, self.known.equations, [*self.known.outputs, *kept]))


def divided(
    graph: Graph, flags: Flags, wanted: Flags, checked: tuple[LinearTrace, Primitive] | None = None
) -> Division:
    """Cut a graph by what depends on its flagged inputs. Outputs that are `wanted` count as if they did.

    If it is `checked`, all that depends on the inputs has to be linear, as that trace wants it of that primitive.
    """
    with entering(BodyTrace) as outer:
        given = [outer.input(v.aval) for v in graph.inputs]
        with entering(LinearTrace) as trace:
            trace.name = None if checked is None else checked[0].name
            xs = [trace.input(x.aval) if flag else x for x, flag in zip(given, flags, strict=True)]
            ends = [lower(as_array(x)) for x in interpret(graph, xs)]
        unknown = either([trace.owns(x) for x in ends], wanted)
        program = trace.program
        if checked is not None:
            ends = [x if trace.owns(x) or not u else zero(*checked, x) for x, u in zip(ends, unknown)]
        program.finish([Ref(x.number) if trace.owns(x) else x for x in picked(ends, unknown)])
        outputs = [outer.atom(x) for x, u in zip(ends, unknown) if not u]
        residuals = program.capture(lambda x: x.value if isinstance(x, StagedTracer) and x._trace is outer else None)
    inputs = [v for v, flag in zip(outer.graph.inputs, flags) if not flag]
    known = eliminate_dead(Graph(inputs, outer.graph.equations, [*outputs, *residuals]))
    n, avals = len(residuals), [v.aval for v in residuals] + picked(avals_of_inputs(graph), flags)
    rest = transformed(lambda values: program.run(*values[n:], *values[:n]), avals)
    return Division(Graph(inputs, known.equations, outputs), residuals, rest, unknown)


def zero(trace: LinearTrace, primitive: Primitive, x: Value) -> Value:
    """Return a constant that stands for something linear: where this matters, it must be zero."""
    if trace.name is not None and not is_zero(x):
        trace.refuse(primitive, (x,))
    return x


class Slots:
    """Places for what branches keep, one after the other: those of one shape and dtype are shared.

    Each branch is given by what it keeps, and its inputs, which need no place.
    """

    def __init__(self, branches: Sequence[tuple[Sequence[Var], Sequence[Var]]]):
        self.avals: list[Aval] = []
        self.places = [self._placed(kept, inputs) for kept, inputs in branches]

    def _placed(self, kept: Sequence[Var], inputs: Sequence[Var]) -> dict[Var, int]:
        places: dict[Var, int] = {}
        for v in kept:
            if v not in inputs:
                free = (i for i, a in enumerate(self.avals) if a == v.aval and i not in places.values())
                at = next(free, len(self.avals))
                if at == len(self.avals):
                    self.avals.append(v.aval)
                places[v] = at
        return places

    def kept(self, branch: int, absent: Callable[[Aval], Value]) -> Leaves:
        """Return what a branch puts into each place."""
        of = {at: v for v, at in self.places[branch].items()}
        return [of.get(at) or absent(a) for at, a in enumerate(self.avals)]


__all__ = ["Division", "Slots", "divided", "zero"]
