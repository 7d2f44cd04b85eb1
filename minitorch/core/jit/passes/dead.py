"""Dead code: equations none of whose results are used.

An equation without results is there for what it does, and stays. Else primitives have no effects: nothing is lost but a
complaint about data that nobody reads.
"""

from __future__ import annotations

from ..graph import Graph, Var, has_effect
from .loops import pruned
from .rewriting import with_subgraphs


def eliminate_dead(graph: Graph) -> Graph:
    """Drop the equations that no output depends on."""
    live = {a for a in graph.outputs if isinstance(a, Var)}
    kept = []
    for eq in reversed(graph.equations):
        if live.isdisjoint(eq.outputs) and not has_effect(eq):
            continue
        if eq.primitive.holds_graphs:
            eq = with_subgraphs(pruned(eq, live), eliminate_dead)
        live.update([a for a in eq.inputs if type(a) is Var])
        kept.append(eq)
    kept.reverse()
    same = len(kept) == len(graph.equations) and all(a is b for a, b in zip(kept, graph.equations, strict=True))
    return graph if same else Graph(list(graph.inputs), kept, list(graph.outputs))
