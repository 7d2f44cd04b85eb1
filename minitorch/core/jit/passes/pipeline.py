"""The pipeline: decompose what is fused, then simplify until nothing changes."""

from __future__ import annotations

from collections.abc import Set

from ..graph import Graph
from .algebra import simplify
from .common import eliminate_common
from .constants import fold_constants
from .dead import eliminate_dead
from .decompositions import decompose
from .rewriting import Pass

PASSES: tuple[Pass, ...] = (simplify, fold_constants, eliminate_common, eliminate_dead)
ROUNDS = 8  # at most; two or three are usual


def optimize(graph: Graph, keep: Set[str] = frozenset()) -> Graph:
    """Return a graph that computes the same with fewer and simpler equations; primitives named in `keep` stay whole.

    Derivatives are taken of the graph as it was staged: the optimized one no longer knows what was detached.
    """
    graph = decompose(graph, keep)
    for _ in range(ROUNDS):
        before = graph
        for run in PASSES:
            graph = run(graph)
        if graph is before:
            break
    return graph
