"""Patterns: how a bundle is lowered, found out once for all that are copies of one graph.

Its operations, their groups and the text of the kernels are the same for every copy whose operands lie in order; only the
variables are others. So a copy costs a few microseconds for each operation, in whatever program it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

from ..graph import Equation, Graph, Template, Var, copied
from ..passes.bundles import simplest
from .fuse import Fusion, Group
from .kernels import Kernel
from .layout import is_packed, packed
from .operations import LOWERINGS, Lowered, Operand, Operation, Operations
from .placement import is_copy

Printer = Callable[[Group, Set[Var], Mapping[Var, Var]], Kernel]


class Pattern:
    """The operations and groups of a graph on its own variables, and the kernels that have been printed for them."""

    def __init__(self, graph: Graph, operations: list[Operation], roots: list[Var]):
        self.inputs = graph.inputs
        self.operations = operations
        self.roots = roots  # the variables that the outputs lie in
        self.groups = Fusion(operations).order
        self.homes = [next(i for i, g in enumerate(self.groups) if op in g.operations) for op in operations]
        self.kernels: dict[Any, Kernel] = {}

    def applied(self, ops: Operations, eq: Equation, sources: list[Var]) -> list[Operation]:
        """Return the operations of a copy, each with its group."""
        variables = dict(zip(self.inputs, sources, strict=True))
        variables.update((op.out, Var(op.out.aval)) for op in self.operations)
        for root, out in zip(self.roots, eq.outputs, strict=True):
            if root.aval == out.aval:
                variables[root] = out
            else:
                ops.views[out] = Operand(variables[root], packed(out.aval.shape))
        ops.copies[eq] = variables
        groups = [Twin(self, i, variables).group() for i in range(len(self.groups))]
        return [self._copied(op, groups[home], variables) for op, home in zip(self.operations, self.homes)]

    def _copied(self, op: Operation, home: Group, variables: Mapping[Var, Var]) -> Operation:
        operands = tuple(
            [Operand(variables[x.source], x.layout) if isinstance(x.source, Var) else x for x in op.operands]
        )
        made = (variables[op.out],)
        copy = Operation(op.kind, made, operands, op.shape, op.dtype, op.formula, op.params, op.equation, op.reason)
        copy.home = home
        return copy


class Twin:
    """What a group is a copy of: a pattern's group, on these variables."""

    def __init__(self, pattern: Pattern, index: int, variables: Mapping[Var, Var]):
        self.pattern, self.index, self.variables = pattern, index, variables

    @property
    def original(self) -> Group:
        """The pattern's group."""
        return self.pattern.groups[self.index]

    def group(self) -> Group:
        """Return the copy, whose operations are still to come."""
        old, new = self.original, self.variables
        levels = {new[v]: level for v, level in old.levels.items()}
        reads = {new[v] for v in old.reads}
        made = Group(old.kind, [], old.size, old.rows, old.abc, levels, old.edges, old.row_edges, reads)
        made.sizes, made.spaces = set(old.sizes), set(old.spaces)
        made.twin = self
        return made

    def printed(self, printer: Printer, stored: Set[Var], donated: Mapping[Var, Var]) -> Kernel | None:
        """Return the kernel, printed once for all copies with the same results in memory and in place of inputs."""
        new = self.variables
        made = [v for op in self.original.operations for v in op.outputs]
        kept = frozenset(v for v in made if new[v] in stored)
        writers = {donated[new[v]]: v for v in made if new[v] in donated}
        pairs = {writers[new[v]]: v for v in self.original.reads if new[v] in writers}
        key = self.index, kept, tuple(pairs.items())
        kernel = self.pattern.kernels.get(key)
        if kernel is None:
            kernel = self.pattern.kernels[key] = printer(self.original, kept, pairs)
        if any(slot.kind == "scratch" for slot in kernel.slots):  # memory of its own
            return None
        slots = [s._replace(source=new[s.source]) if isinstance(s.source, Var) else s for s in kernel.slots]
        return Kernel(kernel.name, kernel.source, slots, kernel.range, kernel.seconds, kernel.unit, kernel.reassociate)


def _pattern(graph: Graph, nest: Callable[..., Any]) -> Pattern | None:
    """Return the pattern of a graph that is pointwise all through, None for others."""
    operations = Operations(graph, nest)
    live = operations.live()
    roots = [operations.operand(a).source for a in operations.outputs]
    made = [op.out for op in live if op.kind == "map" and not is_copy(op)]
    is_own = len(set(roots)) == len(roots) if all(isinstance(r, Var) for r in roots) else False
    return Pattern(graph, live, roots) if len(made) == len(live) and is_own and set(roots) <= set(made) else None


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
