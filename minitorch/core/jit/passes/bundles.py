"""Bundles: copies of a graph that has been written into another over and over, each as one equation.

An optimizer's update is recorded once for parameters of one kind, and copied for each: most of the equations of a training
step. As a bundle it is simplified once for all copies, in all later recordings, too, and lowered once (`lower/patterns.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...aval import Aval
from ...primitive import NO_BATCHING, NO_DERIVATIVE, Primitive
from ...tracer import Params, Value
from ..graph import Copy, Equation, Graph, Template, Var, atom_aval, copied, interpret
from .pipeline import optimize

FEW = 8  # equations, up to which a copy is optimized with what surrounds it


def _run(_: Primitive, args: Sequence[Value], params: Params) -> Any:
    return tuple(interpret(simplest(params["template"]), args))


def _abstract(*_: Aval, template: Template) -> tuple[Aval, ...]:
    return tuple(atom_aval(a) for a in template.graph.outputs)


BUNDLE = Primitive("bundle", {}, _run, _abstract, NO_BATCHING, NO_DERIVATIVE, NO_DERIVATIVE, (), ("template",))


def simplest(template: Template) -> Graph:
    """Return the optimized graph of a template."""
    if "simplest" not in template.known:
        template.known["simplest"] = optimize(template.graph)
    return template.known["simplest"]  # type: ignore[no-any-return]


def bundled(graph: Graph) -> Graph:
    """Return a graph with one equation for each copy of a template that it holds as a whole."""
    equations, made, at = graph.equations, [], 0
    while at < len(equations):
        copy = equations[at].copy
        whole = [] if copy is None else equations[at : at + len(copy.template.graph.equations)]
        if copy is not None and len(whole) > FEW and _is_whole(copy, whole):
            params = {"template": copy.template}
            made.append(Equation(BUNDLE, copy.inputs, params, copy.outputs, True, equations[at].line))
            at += len(whole)
        else:
            made.append(equations[at])
            at += 1
    return graph if len(made) == len(equations) else Graph(list(graph.inputs), made, list(graph.outputs))


def _is_whole(copy: Copy, equations: Sequence[Equation]) -> bool:
    """Tell whether equations are all of a copy, and its outputs their results, and different ones."""
    if len(equations) < len(copy.template.graph.equations) or any(eq.copy is not copy for eq in equations):
        return False
    made = {v for eq in equations for v in eq.outputs if not v.aval.weak}
    return all(isinstance(a, Var) and a in made for a in copy.outputs) and len(set(copy.outputs)) == len(copy.outputs)


def written_out(graph: Graph, results: Mapping[Equation, Mapping[Var, Var]] | None = None) -> Graph:
    """Return a graph with the optimized equations of its bundles in their places.

    `results` may say, of bundles, which variables their template's have become.
    """
    equations: list[Equation] = []
    known: dict[Any, Any] = {}
    for eq in graph.equations:
        if any(isinstance(a, Var) and a in known for a in eq.inputs):
            eq = eq.with_inputs(tuple([known.get(a, a) if isinstance(a, Var) else a for a in eq.inputs]))
        if eq.primitive is not BUNDLE:
            equations.append(eq)
            continue
        made, outputs = copied(simplest(eq.params["template"]), eq.inputs, eq.line, (results or {}).get(eq))
        equations += made
        known.update(zip(eq.outputs, outputs))
    return Graph(list(graph.inputs), equations, [known.get(a, a) if isinstance(a, Var) else a for a in graph.outputs])
