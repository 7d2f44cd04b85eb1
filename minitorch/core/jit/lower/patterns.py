"""Patterns: how a bundle is lowered, found out once for all that are copies of one graph.

Its operations, their groups and the text of the kernels are the same for every copy whose operands lie in order; only the
variables are others. So a group of a copy is folded: one operation, in whatever program it is, until it is merged with
another group, or somebody wants to see more of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from ..graph import Equation, Graph, Template, Var, copied
from ..passes.bundles import simplest
from .fuse import Fusion, Group, access, merged
from .kernels import Kernel, Slot
from .layout import is_packed, packed
from .operations import LOWERINGS, Lowered, Operand, Operation, Operations
from .placement import is_copy

Printer = Callable[[Group, Set[Var], Mapping[Var, Var]], Kernel]


class Variables(dict[Var, Var]):
    """What the variables of a pattern have become in a copy; those that nothing else reads are made when asked for."""

    def __missing__(self, v: Var) -> Var:
        made = self[v] = Var(v.aval)
        return made


class Pattern:
    """The operations and groups of a graph on its own variables, and the kernels that have been printed for them."""

    def __init__(self, graph: Graph, groups: list[Group], roots: list[Var]):
        self.inputs = graph.inputs
        self.roots = roots  # the variables that the outputs lie in
        outward = {v for group in groups for v in group.reads}.union(roots)
        self.parts = [Part(group, outward) for group in groups]

    def applied(self, ops: Operations, eq: Equation, sources: list[Var]) -> list[Operation]:
        """Return a copy: an operation for each group, which it is at home in."""
        variables = Variables(zip(self.inputs, sources, strict=True))
        for root, out in zip(self.roots, eq.outputs, strict=True):
            if root.aval == out.aval:
                variables[root] = out
            else:
                ops.views[out] = Operand(variables[root], packed(out.aval.shape))
        ops.copies[eq] = variables
        return [part.copied(variables) for part in self.parts]


class Part:
    """A group of a pattern: a map of elements in order."""

    def __init__(self, group: Group, outward: Set[Var]):
        self.group = group
        self.outward = [op.out for op in group.operations if op.out in outward]  # what others may read
        sources = dict.fromkeys(x.source for op in group.operations for x in op.operands if isinstance(x.source, Var))
        self.reads = [(v, packed((v.aval.size,))) for v in sources if v in group.reads]
        self.kernels: dict[Any, Kernel] = {}

    def copied(self, variables: Variables) -> Operation:
        """Return the group on other variables, folded: its operations stand as one."""
        size, new = self.group.size, variables
        operands = tuple([Operand(new[v], layout) for v, layout in self.reads])
        op = Operation("map", tuple([new[v] for v in self.outward]), operands, (size,))
        op.count = len(self.group.operations)
        levels, reads = dict.fromkeys(op.outputs, "full"), {x.source for x in operands}
        op.home = Group("map", [op], size, levels=levels, reads=reads, sizes={size}, twin=Twin(self, variables))
        return op


class Twin:
    """What a group is a copy of: a part of a pattern, on these variables."""

    def __init__(self, part: Part, variables: Variables):
        self.part, self.variables = part, variables

    def unfold(self, group: Group) -> None:
        """Give the copy its operations, where it has but one that stands for them."""
        (folded, *others) = group.operations
        if not others:
            group.operations = [self._copied(op, folded.place) for op in self.part.group.operations]
            group.levels = dict.fromkeys([op.out for op in group.operations], "full")

    def _copied(self, op: Operation, place: int) -> Operation:
        new = self.variables
        operands = tuple([Operand(new[x.source], x.layout) if isinstance(x.source, Var) else x for x in op.operands])
        copy = replace(op, outputs=(new[op.out],), operands=operands)
        copy.place = place
        return copy

    def printed(self, printer: Printer, stored: Set[Var], donated: Mapping[Var, Var]) -> Kernel:
        """Return the kernel, printed once for all copies with the same results in memory and in place of inputs."""
        new, part = self.variables, self.part
        kept = frozenset([v for v in part.outward if new[v] in stored])
        writers = {donated[new[v]]: v for v in part.outward if new[v] in donated}
        pairs = {writers[new[v]]: v for v, _ in part.reads if new[v] in writers}
        key = kept, tuple(pairs.items())
        kernel = part.kernels.get(key)
        if kernel is None:
            kernel = part.kernels[key] = printer(part.group, kept, pairs)
        slots = [Slot(s[0], new[s[1]], s[2], s[3]) if isinstance(s[1], Var) else s for s in kernel.slots]
        return Kernel(kernel.name, kernel.source, slots, kernel.range, kernel.seconds, kernel.unit, kernel.reassociate)


def _pattern(graph: Graph, nest: Callable[..., Any]) -> Pattern | None:
    """Return the pattern of a graph that is pointwise all through, element by element; None for others."""
    operations = Operations(graph, nest)
    live = operations.live()
    roots = [operations.operand(a).source for a in operations.outputs]
    made = {op.out for op in live if op.kind == "map" and not is_copy(op)}
    if len(made) < len(live) or not all(isinstance(r, Var) for r in roots) or len(set(roots)) < len(roots):
        return None
    groups = _fewer(Fusion(live).order)
    return Pattern(graph, groups, roots) if made.issuperset(roots) and all(map(_is_in_order, groups)) else None


def _fewer(groups: list[Group]) -> list[Group]:
    """Return groups of which those that follow one another over the same elements are one, even if neither reads the other.

    So what an update computes once for all elements, as the factor of the decay and the corrections of a bias, is one
    kernel: there are as many steps to lower and to run as parameters.
    """
    found: list[Group] = []
    for group in groups:
        both = merged(found[-1], group) if found else None
        if both is None:
            found.append(group)
        else:
            found[-1] = both
    return found


def _is_in_order(group: Group) -> bool:
    """Tell whether a group reads each of its operands element by element, or is told one number for all."""
    reads = [(x, op) for op in group.operations for x in op.operands if isinstance(x.source, Var)]
    whole = ((group.size, 1),)
    return group.kind == "map" and all(
        x.source.aval.size == 1 or (not x.layout.offset and access(x, op) == whole) for x, op in reads
    )


def _sources(operands: Sequence[Operand], inputs: Sequence[Var]) -> list[Var] | None:
    """Return the variables that operands are all of, in order; None if one is not, or is there twice."""
    found: list[Var] = []
    for x, v in zip(operands, inputs, strict=True):
        is_one = isinstance(x.source, Var) and x.source.aval[1:] == v.aval[1:]
        if not is_one or x.layout.offset or not is_packed(x.layout):
            return None
        found.append(x.source)
    return found if len(set(found)) == len(found) else None


def _bundle(ops: Operations, eq: Equation) -> Lowered:
    """Lower a bundle by its pattern, else equation by equation."""
    template: Template = eq.params["template"]
    graph = simplest(template)
    if "pattern" not in template.known:
        template.known["pattern"] = _pattern(graph, ops.nest)
    pattern: Pattern | None = template.known["pattern"]
    sources = _sources([ops.operand(a) for a in eq.inputs], graph.inputs) if pattern else None
    if pattern and sources:
        return pattern.applied(ops, eq, sources)
    copies = ops.copies[eq] = {v: Var(v.aval) for each in graph.equations for v in each.outputs}
    equations, outputs = copied(graph, eq.inputs, eq.line, copies)
    for each in equations:
        ops.add(each)
    ops.views.update((v, ops.operand(a)) for v, a in zip(eq.outputs, outputs))
    return []


LOWERINGS["bundle"] = _bundle
