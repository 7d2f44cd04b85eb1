"""The derivative of a compiled function: a second program, recorded together with the first and cut from it.

The recording writes the forward and the backward pass as one graph. What the backward pass needs of the forward one
becomes further outputs of the first program and inputs of the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..core.array import Array
from ..core.config import inspector
from ..core.dtypes import bool_
from ..core.jit.graph import Atom, Equation, Graph, Var, has_effect, interpret
from ..core.jit.lower import Brief
from ..core.jit.lower import Plan as Lowered
from ..core.jit.lower.layout import VIEWS
from ..core.primitive import NO_BATCHING, NO_DERIVATIVE, Plan, Primitive, RuleCall
from ..core.tape import FREED, Node, TapeTracer, make_node, pick, shape_and_dtype
from ..core.tracer import Value
from ..tensor.handle import AmbientTape, Tensor
from .capture import Argument
from .inspecting import run


def _unused(*_: Any, **__: Any) -> Any:
    raise AssertionError("a compiled function is recorded as a whole, never bound")


_inspector = inspector.get
COMPILED = Primitive("compiled", {}, _unused, _unused, NO_BATCHING, NO_DERIVATIVE, NO_DERIVATIVE, (), ())


@dataclass(slots=True)
class Derivative:
    """Which results carry a gradient, to which tensors, and the graph that pulls cotangents back."""

    live: list[int]
    parents: list[Any]
    joint: Graph
    cotangents: list[Var]
    residuals: list[Atom] = field(default_factory=list)
    pull: Graph | None = None
    plan: Any = None
    higher: Any = None  # what pulls cotangents back and is recorded itself
    rule: Plan | None = None  # what the nodes of all calls have in common; and the shapes and dtypes of live results
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    dtypes: list[Any] = field(default_factory=list)

    def forward(self, graph: Graph, outputs: list[Atom]) -> Graph:
        """Cut the joint graph in two, and return the first part, with the residuals as further outputs."""
        late = _dependent(graph, self.cotangents)
        is_late = [any(isinstance(a, Var) and a in late for a in eq.inputs) for eq in graph.equations]
        first = [eq for eq, after in zip(graph.equations, is_late) if not after]
        needed = _needed(graph, [a for a in self.joint.outputs if a is not None])
        kept = [has_effect(eq) or not needed.isdisjoint(eq.outputs) for eq in graph.equations]
        second = [eq for eq, after, keep in zip(graph.equations, is_late, kept) if after and keep]
        again, self.residuals = _again(first, self._read(second))
        second = [*again, *second]
        self.pull = Graph([*self.residuals, *self.cotangents], second, [a for a in self.joint.outputs if a is not None])
        inputs = graph.inputs[: len(graph.inputs) - len(self.cotangents)]
        return Graph(inputs, first, [*outputs, *self.residuals])

    def _read(self, second: list[Equation]) -> list[Atom]:
        """Return what the second part reads of the first."""
        own = {v for eq in second for v in eq.outputs} | set(self.cotangents)
        read = [a for eq in second for a in eq.inputs] + list(self.joint.outputs)
        return list(dict.fromkeys(a for a in read if isinstance(a, Var) and a not in own))


def _is_var(a: Atom) -> bool:
    return isinstance(a, Var)


def _again(first: list[Equation], read: list[Atom]) -> tuple[list[Equation], list[Atom]]:
    """Return the equations that the second part repeats, and what it reads then.

    A test of what is kept anyway takes less time again than an array of its own, and a view of it takes none.
    """
    kept = dict.fromkeys(read)
    again: list[Equation] = []
    for eq in reversed(first):
        inputs = [*filter(_is_var, eq.inputs)]
        if not kept.keys() >= {*eq.outputs}:
            continue
        if _is_view(eq) or (_is_test(eq) and kept.keys() >= {*inputs}):
            again.insert(0, eq)
            kept.update(dict.fromkeys(inputs))
            for v in eq.outputs:
                del kept[v]
    return again, [*kept]


def _is_view(eq: Equation) -> bool:
    """Return whether an equation only says how its operand is read, and reads all of it."""
    return eq.primitive.name in VIEWS and eq.outputs[0].aval.size >= eq.inputs[0].aval.size


def _is_test(eq: Equation) -> bool:
    """Return whether an equation compares numbers, element by element."""
    return eq.primitive.operand_dtypes is not None and all(v.aval.dtype == bool_ for v in eq.outputs)


def _dependent(graph: Graph, roots: list[Var]) -> set[Var]:
    found = set(roots)
    for eq in graph.equations:
        if any(isinstance(a, Var) and a in found for a in eq.inputs):
            found.update(eq.outputs)
    return found


def _needed(graph: Graph, outputs: list[Atom]) -> set[Var]:
    found = {a for a in outputs if isinstance(a, Var)}
    for eq in reversed(graph.equations):
        if found.intersection(eq.outputs) or has_effect(eq):
            found.update(a for a in eq.inputs if isinstance(a, Var))
    return found


class Kept(NamedTuple):
    """What one call leaves for its backward pass; `values` are those of the program's inputs."""

    residuals: Sequence[Value]
    values: Sequence[Value]
    leaves: Sequence[Any]
    nodes: tuple[Node | None, ...]


def attach(
    derivative: Derivative,
    live: Sequence[Tensor],
    outs: Sequence[Any],
    values: Sequence[Value],
    leaves: Sequence[Any],
    nodes: tuple[Node | None, ...],
) -> None:
    """Give the results that carry a gradient their nodes on a tape, whose parents are the nodes given."""
    kept = outs[len(outs) - len(derivative.residuals) :], values, leaves, nodes  # the fields of a `Kept`
    if derivative.rule is None:
        _prepare(derivative, live)
    rule, shapes, dtypes = derivative.rule, derivative.shapes, derivative.dtypes
    if len(live) == 1:
        live[0].node = make_node(rule, nodes, kept, None, shapes[0], dtypes[0])
        return
    node = make_node(rule, nodes, kept, None, shapes, dtypes)
    for i, x in enumerate(live):
        x.node = pick(node, i)


def _prepare(derivative: Derivative, live: Sequence[Tensor]) -> None:
    """Note what the nodes of all calls have in common."""
    assert derivative.pull is not None
    plan = Brief(derivative.plan) if type(derivative.plan) is Lowered else derivative.plan
    wanted = [a is not None for a in derivative.joint.outputs]
    pull = Pull(derivative.pull, plan, derivative.higher, None if all(wanted) else wanted)
    avals = [shape_and_dtype(x.value) for x in live]
    derivative.shapes, derivative.dtypes = [shape for shape, _ in avals], [dtype for _, dtype in avals]
    derivative.rule = Plan(COMPILED, ((True, 0),) * len(Kept._fields), _unused, (RuleCall(-1, pull),))


def nodes_of(derivative: Derivative, leaves: Sequence[Any], tape: AmbientTape) -> tuple[Node | None, ...]:
    """Return the nodes that cotangents of captured tensors, and of arguments, go to on this tape."""
    found = []
    for parent in derivative.parents:
        x = leaves[parent.index] if type(parent) is Argument else parent
        found.append(x.node if x._trace is tape else tape.foreign(x))
    return tuple(found)


def node_of(x: Tensor, tape: AmbientTape) -> Node | None:
    """Return the node that the cotangent of a tensor goes to on this tape."""
    return x.node if x._trace is tape else tape.foreign(x)


SPENT = Plan(COMPILED, (), _unused, ())


def spent(value: Array) -> Node:
    """Return the node of a result whose backward pass the program has run already."""
    data = value._data
    return make_node(SPENT, (), FREED, None, data.shape, data.dtype)


@dataclass(slots=True)
class Pull:
    """The rule of a compiled function's node: the backward pass, and which parents it has a gradient for, None for all."""

    graph: Graph
    plan: Any
    higher: Any
    wanted: list[bool] | None

    def __call__(self, g: Any, *saved: Any) -> Sequence[Value | None]:
        if type(g) is Array and self.wanted is None and _inspector() is None:  # in line: most have one result
            return self.plan.run([*saved[0], g])  # type: ignore[no-any-return]
        g = g if type(g) is tuple else (g,)
        for x in g:
            if type(x) is not Array:
                return self._of_tracers(g, saved)
        return self._placed(run(self.plan, self.graph, [*saved[0], *g]))

    def _of_tracers(self, g: Sequence[Value], saved: Any) -> Sequence[Value | None]:
        """Pull cotangents back that are recorded themselves, or batched."""
        if any(isinstance(x, TapeTracer) for x in g):
            return self.higher(g, Kept(*saved))  # type: ignore[no-any-return]
        return self._placed(interpret(self.graph, [*saved[0], *g]))

    def _placed(self, found: Sequence[Value]) -> Sequence[Value | None]:
        """Return what was found for each parent, None for those that have no gradient."""
        if self.wanted is None:
            return found
        given = iter(found)
        return [next(given) if wanted else None for wanted in self.wanted]
