"""Loops and branches without what nobody asks for: results that are not used, and the carries and arguments behind them.

Derivatives leave much of that: a forward loop whose own results only its backward one would have replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from ..graph import Atom, Equation, Graph, Var

Prune = Callable[[Equation, list[bool]], Equation]


def pruned(eq: Equation, live: Collection[Var]) -> Equation:
    """Return a loop or a branch that computes live results only, with its graphs as they are; others stay as they are."""
    prune = PRUNES.get(eq.primitive.name)
    if prune is None:
        return eq
    wanted = [v in live for v in eq.outputs]
    return prune(eq, wanted)


def _needed(graph: Graph, outputs: Sequence[Atom]) -> set[Var]:
    """Return the variables that some outputs of a graph depend on."""
    found = {a for a in outputs if isinstance(a, Var)}
    for eq in reversed(graph.equations):
        if not found.isdisjoint(eq.outputs):
            found.update(a for a in eq.inputs if isinstance(a, Var))
    return found


def _picked(values: Sequence[Atom], flags: Sequence[bool]) -> list[Atom]:
    return [x for x, flag in zip(values, flags, strict=True) if flag]


def _cut(graph: Graph, inputs: Sequence[bool], outputs: Sequence[bool]) -> Graph:
    return Graph(_picked(graph.inputs, inputs), graph.equations, _picked(graph.outputs, outputs))


def _with(eq: Equation, inputs: Sequence[bool], outputs: Sequence[bool], **params: object) -> Equation:
    kept = tuple(_picked(eq.inputs, inputs))
    return Equation(eq.primitive, kept, {**eq.params, **params}, tuple(_picked(eq.outputs, outputs)), True, eq.line)


def _scan(eq: Equation, wanted: list[bool]) -> Equation:
    body, (c, k) = eq.params["body"], eq.params["counts"]
    carries = body.inputs[c : c + k]
    while True:  # a carry that a live one depends on is live
        needed = _needed(body, _picked(body.outputs, wanted))
        more = [w or v in needed for w, v in zip(wanted[:k], carries)] + wanted[k:]
        if more == wanted:
            break
        wanted = more
    reads = [v in needed for v in body.inputs]
    reads[c : c + k] = wanted[:k]
    if all(wanted) and all(reads):
        return eq
    counts = (sum(reads[:c]), sum(wanted[:k]))
    return _with(eq, reads, wanted, body=_cut(body, reads, wanted), counts=counts)


def _while(eq: Equation, wanted: list[bool]) -> Equation:
    cond, body, (a, b) = eq.params["cond"], eq.params["body"], eq.params["counts"]
    asked = _needed(cond, cond.outputs)
    wanted = [w or v in asked for w, v in zip(wanted, cond.inputs[a:])]
    while True:
        needed = _needed(body, _picked(body.outputs, wanted))
        more = [w or v in needed for w, v in zip(wanted, body.inputs[b:])]
        if more == wanted:
            break
        wanted = more
    of_cond, of_body = [v in asked for v in cond.inputs[:a]], [v in needed for v in body.inputs[:b]]
    if all((*wanted, *of_cond, *of_body)):
        return eq
    graphs = {"cond": _cut(cond, [*of_cond, *wanted], [True]), "body": _cut(body, [*of_body, *wanted], wanted)}
    return _with(eq, [*of_cond, *of_body, *wanted], wanted, **graphs, counts=(sum(of_cond), sum(of_body)))


def _switch(eq: Equation, wanted: list[bool]) -> Equation:
    branches = eq.params["branches"]
    needed = [_needed(graph, _picked(graph.outputs, wanted)) for graph in branches]
    reads = [any(graph.inputs[i] in found for graph, found in zip(branches, needed)) for i in range(len(eq.inputs) - 1)]
    if all(wanted) and all(reads):
        return eq
    return _with(eq, [True, *reads], wanted, branches=tuple(_cut(graph, reads, wanted) for graph in branches))


PRUNES: dict[str, Prune] = {"scan": _scan, "while": _while, "switch": _switch}
