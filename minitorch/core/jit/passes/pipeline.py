"""The pipeline: decompose what is fused, then simplify."""

from __future__ import annotations

from collections.abc import Hashable, Sequence, Set

from ..graph import Atom, Equation, Graph, Var
from .algebra import simplified
from .common import common_rule
from .constants import folded
from .dead import eliminate_dead
from .decompositions import decompose
from .rewriting import Rule, Writer, rewrite

ROUNDS = 8  # at most


def optimize(graph: Graph, keep: Set[str] = frozenset()) -> Graph:
    """Return a graph that computes the same with fewer and simpler equations; primitives named in `keep` stay whole.

    Derivatives are taken of the graph as it was staged: the optimized one no longer knows what was detached. One walk is
    enough, since the rules look at nothing but what operands are computed from, and at what they write themselves; only
    where something has been cut out of a loop is there more to simplify.
    """
    graph = decompose(graph, keep)
    rounds = _Rounds()
    for _ in range(ROUNDS):
        before = graph
        graph = eliminate_dead(rewrite(graph, rounds.rule))
        if graph is before or not any(eq.primitive.holds_graphs for eq in graph.equations):
            break
        rounds.turn()
    return graph


class _Rounds:
    """What `simplify`, `fold_constants` and `eliminate_common` do, in one walk, and, for loops, again until nothing changes.

    An equation is settled if there was nothing to simplify in the round before, and all that its operands are computed
    from is settled: the rules look at nothing else, so they are not asked again.
    """

    def __init__(self) -> None:
        self.before: set[Equation] = set()  # left alone in the last round
        self.left: set[Equation] = set()  # in this one
        self.settled: set[Equation] = set()
        self.keys: dict[Equation, Hashable] = {}

    def turn(self) -> None:
        """Begin the next round."""
        self.before, self.left, self.settled = self.left, set(), set()

    def rule(self) -> Rule:
        """Return the rule of this round for one graph."""
        common = common_rule(self.keys)

        def rule(writer: Writer, eq: Equation) -> Sequence[Atom] | None:
            if not self._is_settled(writer, eq):
                found = simplified(writer, eq)
                if found is None:
                    found = folded(writer, eq)
                if found is not None:
                    return found
            self.left.add(eq)
            return common(writer, eq)

        return rule

    def _is_settled(self, writer: Writer, eq: Equation) -> bool:
        if eq not in self.before:
            return False
        for a in eq.inputs:
            made = writer.definitions.get(a) if isinstance(a, Var) else None
            if made is not None and made not in self.settled:
                return False
        self.settled.add(eq)
        return True
