"""Random keys that a loop consumes at every step, found while `debug_keys` looks for them."""

from __future__ import annotations

from ..errors import KeyReuseError
from ..jit.graph import Graph, Var
from ..reuse import Mark, shown
from .closing import Closed


def kept(body: Closed, carried: int) -> list[bool]:
    """Return which parts of the carry a body gives back as they came."""
    given = body.graph.inputs[len(body.consts) :]
    return [v is out for v, out in zip(given[:carried], body.graph.outputs)]


def check_steps(mark: Mark | None, step: Closed, carry_is_kept: list[bool]) -> None:
    """Raise if a function of a loop has since a mark consumed a key that no step changes."""
    if mark is None:
        return
    given = step.graph.inputs[len(step.consts) :]
    changing = _following(step.graph, set(given) - {v for v, is_kept in zip(given, carry_is_kept) if is_kept})
    own = {*step.graph.inputs, *(v for eq in step.graph.equations for v in eq.outputs)}
    for row, use in mark.since().items():
        is_of_a_loop_inside = use.level > mark.level and use.key not in own
        if use.level < mark.level or not (is_of_a_loop_inside or use.key in changing):
            raise KeyReuseError(
                f"{use.where}: the key {shown(row)} is consumed at every step of a loop, which would draw the same numbers "
                "each time. Make a key for each step: scan over split(key, n), or fold the number of the step in"
            )


def _following(graph: Graph, changing: set[Var]) -> set[Var]:
    """Return these variables and all that are computed from them."""
    found = set(changing)
    for eq in graph.equations:
        if not found.isdisjoint(a for a in eq.inputs if isinstance(a, Var)):
            found.update(eq.outputs)
    return found
