"""The pipeline: decompose what is fused, then simplify until nothing changes."""

from __future__ import annotations

from collections.abc import Set

from ..graph import Graph
from .algebra import simplified
from .common import common_rule
from .constants import folded
from .dead import eliminate_dead
from .decompositions import decompose
from .rewriting import in_turn, rewrite

# What `simplify`, `fold_constants` and `eliminate_common` do, in one walk.
RULES = in_turn(lambda: simplified, lambda: folded, common_rule)
ROUNDS = 8  # at most; two or three are usual


def optimize(graph: Graph, keep: Set[str] = frozenset()) -> Graph:
    """Return a graph that computes the same with fewer and simpler equations; primitives named in `keep` stay whole.

    Derivatives are taken of the graph as it was staged: the optimized one no longer knows what was detached.
    """
    graph = decompose(graph, keep)
    for _ in range(ROUNDS):
        before = graph
        graph = eliminate_dead(rewrite(graph, RULES))
        if graph is before:
            break
    return graph
