"""Constant folding: what depends on constants only is computed once, by the very functions that run eagerly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...errors import MinitorchError
from ...primitive import FAILURES, evaluate
from ..graph import Atom, Equation, Graph, Var, has_effect, subgraphs
from .rewriting import Writer, rewrite

LARGEST = 1 << 16  # bytes of a result; more is cheaper to compute again than to keep

# Repeating a constant is left to whoever reads it.
_LEFT = frozenset(("broadcast_to",))


def fold_constants(graph: Graph) -> Graph:
    """Replace equations on constants by their values, as long as these are small."""
    return rewrite(graph, lambda: folded)


def folded(writer: Writer, eq: Equation) -> Sequence[Atom] | None:
    """Return the value of an equation on constants, if it is small."""
    for a in eq.inputs:
        if isinstance(a, Var):
            return None
    if eq.primitive.name in _LEFT or subgraphs(eq) or has_effect(eq):
        return None
    if sum(v.aval.size * v.aval.dtype.itemsize for v in eq.outputs) > LARGEST:
        return None
    try:
        with np.errstate(all="ignore"):
            out = evaluate(eq.primitive, eq.inputs, eq.params)
    except (MinitorchError, *FAILURES):
        return None  # it complains when it runs, as it does eagerly
    return out if eq.many else (out,)
