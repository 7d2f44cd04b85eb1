"""Donation: which results may be written over an input whose buffer nobody else holds.

A result takes an input's place if one pointwise kernel computes it, reading the input element by element where it writes,
or one row kernel a single number from a single number, and nothing reads the input afterwards. Kernels that may find an
index out of bounds must come before: an error leaves the inputs as they were. So all that waits for donated results goes
last, behind a fence where the plan looks at its flag.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..graph import Atom, Graph, Var
from .fuse import Fusion, Group, access
from .layout import packed
from .operations import Operation


def donated(
    fusion: Fusion, graph: Graph, results: list[Atom], donors: Mapping[int, int], is_nested: bool = False
) -> dict[Var, Var]:
    """Return the input that each result may replace, and put the groups that write them last.

    Carries of a loop are copies of what was given to it, so an error inside leaves the inputs as they were, anyhow.
    """
    pairs: dict[Var, Var] = {}
    taken: set[Var] = {v for v in results if isinstance(v, Var)}
    for j, i in donors.items():
        out, given = results[j], graph.inputs[i]
        fits = isinstance(out, Var) and (_fits(fusion, out, given) or (is_nested and _is_part(fusion, out, given)))
        if fits and out not in pairs and given not in taken:
            pairs[out] = given
            taken.add(given)
    while pairs:
        order, late = _with_writers_last(fusion, pairs)
        places = {group: i for i, group in enumerate(order)}
        last = {v: i for i, group in enumerate(order) for v in group.reads}
        wrong = [out for out, given in pairs.items() if last.get(given, -1) > places[fusion.owner[out]]]
        if not is_nested and any(is_checked(op) for group in late for op in group.operations):
            return {}
        if not wrong:
            fusion.order = order
            return pairs
        for out in wrong:
            del pairs[out]
    return {}


def is_checked(op: Operation) -> bool:
    """Tell whether an operation may find an index out of bounds, or raise otherwise."""
    return op.kind in ("take", "scatter_add", "check", "scan", "while", "switch", "python")


def _fits(fusion: Fusion, out: Var, given: Var) -> bool:
    group = fusion.owner.get(out)
    if group is None or out.aval.dtype != given.aval.dtype or given.aval.weak:
        return False
    size = out.aval.size
    reads = [(x, op) for op in group.operations for x in op.operands if x.source is given]
    if group.kind == "rows":  # of one row: what is the same all along it is read before anything is written
        return given.aval.size == size == group.rows == 1 and not any(s for x, op in reads for _, s in access(x, op))
    return (
        group.kind == "map"
        and given.aval.size == size == group.size
        and all(x.layout.offset == 0 and access(x, op) in (((size, 1),), ()) for x, op in reads)
    )


def _is_part(fusion: Fusion, out: Var, given: Var) -> bool:
    """Tell whether a result is an input with some of its elements written over."""
    group = fusion.owner.get(out)
    if group is None or group.kind not in ("scatter_add", "concatenate") or out.aval != given.aval:
        return False
    whole, *others = group.operations[0].operands
    is_whole = whole.source is given and whole.layout == packed(given.aval.shape)
    return is_whole and group.operations[0].formula != "concatenate" and all(x.source is not given for x in others)


def _with_writers_last(fusion: Fusion, pairs: dict[Var, Var]) -> tuple[list[Group], list[Group]]:
    """Return the order with all groups that write a donated input, or wait for one that does, at the end; and these."""
    late = {fusion.owner[out] for out in pairs}
    made = {v for group in late for op in group.operations for v in op.outputs}
    for group in fusion.order:
        if not made.isdisjoint(group.reads):
            late.add(group)
            made.update([v for op in group.operations for v in op.outputs])
    behind = [g for g in fusion.order if g in late]
    return [g for g in fusion.order if g not in late] + behind, behind
