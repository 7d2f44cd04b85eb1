"""What every pass that replaces equations shares: a writer that copies a graph and asks a rule about each equation.

A rule looks at one equation whose operands are already rewritten. It returns None to keep the equation, or what stands
for its results from now on; what it needs for that it writes with `apply`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import is_not
from typing import Any

from ...array import Array, wrap
from ...primitive import Primitive
from ..graph import Atom, Equation, Graph, Var, atom_aval, copied, equation

Rule = Callable[["Writer", Equation], "Sequence[Atom] | None"]
Pass = Callable[[Graph], Graph]


class Writer:
    """A graph that is being written, with what stands for the variables of the one that is being read."""

    def __init__(self, graph: Graph, rule: Rule):
        self.graph = Graph(list(graph.inputs))
        self.rule = rule
        self.definitions: dict[Var, Equation] = {}
        self.replaced: dict[Var, Atom] = {}
        self.line: str | None = None

    def read(self, atom: Atom) -> Atom:
        """Return what stands for an atom of the graph that is being read."""
        return self.replaced.get(atom, atom) if isinstance(atom, Var) else atom

    def definition(self, atom: Atom, name: str) -> Equation | None:
        """Return the equation that computes an atom if its primitive has this name."""
        found = self.definitions.get(atom) if isinstance(atom, Var) else None
        return found if found is not None and found.primitive.name == name else None

    def apply(self, primitive: Primitive, *inputs: Atom, **params: Any) -> Atom:
        """Write an application of a primitive with one result; the rule has its say about it."""
        return self.write(equation(primitive, inputs, params, self.line))[0]

    def write(self, eq: Equation) -> Sequence[Atom]:
        """Write an equation, or what the rule makes of it; return what stands for its results."""
        found = self.rule(self, eq)
        if found is not None:
            return found
        self.graph.equations.append(eq)
        for var in eq.outputs:
            self.definitions[var] = eq
        return eq.outputs

    def copy(self, eq: Equation) -> bool:
        """Write an equation of the graph that is being read; return whether it has changed."""
        self.line = eq.line
        replaced, outputs = self.replaced, eq.outputs
        if replaced:
            inputs = tuple([replaced.get(a, a) if type(a) is Var else a for a in eq.inputs])
            if any(map(is_not, inputs, eq.inputs)):
                eq = eq.with_inputs(inputs)
        found = self.write(eq)
        if found is outputs:
            return False
        changed = {var: atom for var, atom in zip(outputs, found, strict=True) if atom is not var}
        self.replaced.update(changed)
        return bool(changed)

    def inline(self, graph: Graph, inputs: Sequence[Atom]) -> list[Atom]:
        """Write the equations of a graph in place of its application; return its outputs."""
        equations, outputs = copied(graph, inputs, self.line)
        self.graph.equations += equations
        self.definitions.update((var, eq) for eq in equations for var in eq.outputs)
        return outputs


def rewrite(graph: Graph, make_rule: Callable[[], Rule]) -> Graph:
    """Apply a rule, made afresh for each graph, to a graph and those inside it; the same graph if nothing changes."""
    writer = Writer(graph, make_rule())
    changed = False
    for eq in graph.equations:
        if eq.primitive.holds_graphs:
            nested = with_subgraphs(eq, lambda sub: rewrite(sub, make_rule))
            changed |= writer.copy(nested) or nested is not eq
        elif writer.copy(eq):
            changed = True
    if not changed:
        return graph
    writer.graph.outputs = list(map(writer.read, graph.outputs))
    return writer.graph


def with_subgraphs(eq: Equation, run: Pass) -> Equation:
    """Return an equation with a pass run over the graphs that it holds, the same equation if it changes none."""
    if not eq.primitive.holds_graphs:
        return eq
    params = {key: _each(value, run) for key, value in eq.params.items()}
    if all(params[key] is value for key, value in eq.params.items()):
        return eq
    return Equation(eq.primitive, eq.inputs, params, eq.outputs, eq.many, eq.line)


def _each(value: Any, run: Pass) -> Any:
    if isinstance(value, Graph):
        return run(value)
    if type(value) is tuple and any(isinstance(one, Graph) for one in value):
        found = tuple(_each(one, run) for one in value)
        return value if all(a is b for a, b in zip(found, value)) else found
    return value


def same_aval(atom: Atom, var: Var) -> bool:
    """Return whether an atom can stand for a variable: shape, dtype and device agree, and it is no weak number."""
    return atom is not None and atom_aval(atom) == var.aval


def repeated(x: Array) -> Array | None:
    """Return the one number that a constant repeats without a copy, as a 0-d array; None if it repeats none."""
    data = x._data
    if x.device != "cpu" or not data.size or any(step for n, step in zip(data.shape, data.strides) if n != 1):
        return None
    return wrap(data[(*(0,) * data.ndim, ...)])
