"""The graph: what a function does, written down as equations over values that are known by shape and dtype only.

A graph is straight-line code in single assignment form. An atom, the operand of an equation, is a variable, an array (a
constant), a Python number (weak, as everywhere), or None for an argument that is absent. Equations may hold further
graphs among their static parameters. Knows no transform, no pass and no kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

from .. import dtypes
from ..array import Array
from ..aval import Aval
from ..errors import JitError, NonFiniteError
from ..primitive import Primitive, bind
from ..tracer import Params, Value, aval_of, avals_of


class Var:
    """A value of a graph: known by shape and dtype."""

    __slots__ = ("aval",)

    def __init__(self, aval: Aval):
        self.aval = aval

    def __repr__(self) -> str:
        return f"<var {self.aval}>"


Atom = Any  # Var | Array | bool | int | float | complex | None


@dataclass(eq=False, slots=True)
class Equation:
    """One application of a primitive. `many` says that it returns a tuple, even if of one."""

    primitive: Primitive
    inputs: tuple[Atom, ...]
    params: Params
    outputs: tuple[Var, ...]
    many: bool = False
    line: str | None = None
    copy: Copy | None = None  # that it is a part of

    def with_inputs(self, inputs: tuple[Atom, ...]) -> Equation:
        """Return the same application on other operands, with the same results."""
        return Equation(self.primitive, inputs, self.params, self.outputs, self.many, self.line)


@dataclass(eq=False, slots=True)
class Graph:
    """Equations between inputs and outputs."""

    inputs: list[Var]
    equations: list[Equation] = field(default_factory=list)
    outputs: list[Atom] = field(default_factory=list)

    def __str__(self) -> str:
        return text(self)

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(str(self))}</pre>"


@dataclass(eq=False, slots=True)
class Template:
    """A graph that is written into others over and over, and what has been found out about it."""

    graph: Graph
    known: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Copy:
    """One copy of a template: what it reads, and what the template's outputs have become."""

    template: Template
    inputs: tuple[Atom, ...]
    outputs: tuple[Atom, ...]


def atom_aval(atom: Atom) -> Aval:
    """Return the aval of an atom that is not None."""
    return atom.aval if isinstance(atom, Var) else aval_of(atom)


def equation(primitive: Primitive, inputs: Sequence[Atom], params: Params, line: str | None = None) -> Equation:
    """Make an equation; its results' shapes and dtypes follow from the primitive's rule."""
    out = primitive.abstract(*[a.aval if type(a) is Var else avals_of(a) for a in inputs], **params)
    many = type(out) is tuple
    avals = out if many else (out,)
    weak = is_of_numbers(primitive, inputs)
    if weak or any([a.weak for a in avals]):
        avals = [a._replace(weak=weak and a.dtype != dtypes.bool_) for a in avals]
    return Equation(primitive, tuple(inputs), params, tuple([Var(a) for a in avals]), many, line)


def is_of_numbers(primitive: Primitive, inputs: Sequence[Atom]) -> bool:
    """Return whether an application is arithmetic of plain numbers, whose result is as weak as they are."""
    if primitive.operand_dtypes is None:
        return False
    are_numbers = all(a.aval.weak if isinstance(a, Var) else type(a) in dtypes.SCALARS for a in inputs)
    return are_numbers and any(isinstance(a, Var) for a in inputs)


def number(primitive: Primitive, values: Sequence[Any]) -> Any:
    """Compute with plain numbers, in the widest dtypes, as Python would."""
    return bind(primitive, *(Array(v, _WIDEST.get(type(v))) for v in values)).item()


_WIDEST: dict[type, dtypes.DType] = {float: dtypes.float64, int: dtypes.int64, complex: dtypes.complex128}


def without_numbers(graph: Graph) -> tuple[Graph, Graph | None]:
    """Cut the arithmetic of plain numbers off: return the rest, which takes its results as further inputs, and that."""
    early = [eq for eq in graph.equations if any(v.aval.weak for v in eq.outputs)]
    if not early:
        return graph, None
    made = [v for eq in early for v in eq.outputs]
    rest = [eq for eq in graph.equations if not any(v.aval.weak for v in eq.outputs)]
    return Graph([*graph.inputs, *made], rest, graph.outputs), Graph(graph.inputs, early, list(made))


def interpret(graph: Graph, args: Sequence[Value]) -> list[Value]:
    """Run a graph equation by equation: the reference for everything faster. Arguments may be tracers."""
    env: dict[Var, Value] = dict(zip(graph.inputs, args, strict=True))

    def read(atom: Atom) -> Value:
        return env[atom] if isinstance(atom, Var) else atom

    for eq in graph.equations:
        values = map(read, eq.inputs)
        if any(v.aval.weak for v in eq.outputs):
            numbers = list(values)
            if all(type(v) in dtypes.SCALARS for v in numbers):
                env[eq.outputs[0]] = number(eq.primitive, numbers)
                continue
            values = iter(numbers)  # type: ignore[assignment]
        if eq.primitive.operand_dtypes is None and not eq.primitive.holds_graphs:  # they tell a number from an array
            values = (Array(v) if type(v) in dtypes.SCALARS else v for v in values)  # type: ignore[assignment]
        try:
            out = bind(eq.primitive, *values, **eq.params)
        except NonFiniteError as error:
            if error.is_recorded or eq.line is None:
                raise
            raise NonFiniteError(error.problem, eq.line, is_recorded=True) from None
        for var, value in zip(eq.outputs, out if eq.many else (out,), strict=True):
            env[var] = value
    return [read(atom) for atom in graph.outputs]


def subgraphs(eq: Equation) -> list[Graph]:
    """Return the graphs that an equation holds."""
    found: list[Graph] = []
    if not eq.primitive.holds_graphs:
        return found
    for value in eq.params.values():
        if isinstance(value, Graph):
            found.append(value)
        elif isinstance(value, tuple):
            found += [one for one in value if isinstance(one, Graph)]
    return found


def has_effect(eq: Equation) -> bool:
    """Return whether an equation is there for what it does: it has no results, or holds such a one in a graph."""
    if not eq.outputs or not eq.primitive.holds_graphs:
        return not eq.outputs
    return any(has_effect(inner) for graph in subgraphs(eq) for inner in graph.equations)


def copied(
    graph: Graph, inputs: Sequence[Atom], line: str | None, results: Mapping[Var, Var] | None = None
) -> tuple[list[Equation], list[Atom]]:
    """Return the equations of a graph on other inputs, with these results or new ones, and what its outputs become."""
    results = results or {}
    known: dict[Atom, Atom] = dict(zip(graph.inputs, inputs, strict=True))
    equations = []
    for eq in graph.equations:
        read = tuple([known[a] if type(a) is Var else a for a in eq.inputs])
        outputs = []
        for v in eq.outputs:
            made = known[v] = results.get(v) or Var(v.aval)
            outputs.append(made)
        equations.append(Equation(eq.primitive, read, eq.params, tuple(outputs), eq.many, line))
    return equations, [known[a] if isinstance(a, Var) else a for a in graph.outputs]


def uses(graph: Graph) -> dict[Var, int]:
    """Return how often each variable is read, outputs included."""
    found: dict[Var, int] = {}
    for atoms in (*(eq.inputs for eq in graph.equations), graph.outputs):
        for a in atoms:
            if isinstance(a, Var):
                found[a] = found.get(a, 0) + 1
    return found


class Mismatch(Exception):
    """A plan was given a value that it was not made for. Nothing has been computed."""


# --------------------------------------------------------------------------- checking


def check(graph: Graph) -> None:
    """Raise unless every variable is assigned once, before it is used, with the shape and dtype of its rule."""
    known: set[Var] = set()
    for var in graph.inputs:
        _define(known, var, "an input")
    for eq in graph.equations:
        for a in eq.inputs:
            _defined(known, a, eq.primitive.name)
        for sub in subgraphs(eq):
            check(sub)
        expected = equation(eq.primitive, eq.inputs, eq.params)
        if expected.many != eq.many or [v.aval for v in expected.outputs] != [v.aval for v in eq.outputs]:
            raise JitError(
                f"{eq.primitive.name}: the graph gives it {[str(v.aval) for v in eq.outputs]}, its rule "
                f"{[str(v.aval) for v in expected.outputs]}; a pass has changed one and not the other"
            )
        for var in eq.outputs:
            _define(known, var, eq.primitive.name)
    for a in graph.outputs:
        _defined(known, a, "the graph's outputs")


def _define(known: set[Var], var: Var, where: str) -> None:
    if var in known:
        raise JitError(f"{where}: the graph assigns a variable of {var.aval} twice; each needs one definition")
    known.add(var)


def _defined(known: set[Var], atom: Atom, where: str) -> None:
    if isinstance(atom, Var) and atom not in known:
        raise JitError(f"{where}: the graph reads a variable of {atom.aval} before it is assigned; reorder it")


# --------------------------------------------------------------------------- printing


def text(graph: Graph, name: str = "graph", names: Names | None = None) -> str:
    """Print a graph, one equation a line; `names` learns, or knows, what its variables are called.

    ```
    graph(a: float32[3], b: float32[]):
        c: float32[3] = mul a b
        return c
    ```
    """
    return "\n".join(_lines(graph, name, Names() if names is None else names, ""))


class Names:
    """Short names for variables, in order of appearance."""

    def __init__(self) -> None:
        self.known: dict[Var, str] = {}
        self.fresh = map(_letters, count())

    def __call__(self, atom: Atom) -> str:
        if isinstance(atom, Var):
            if atom not in self.known:
                self.known[atom] = next(self.fresh)
            return self.known[atom]
        if isinstance(atom, Array):
            return str(atom.item()) if atom.size == 1 else f"<{atom.aval}>"
        return repr(atom)


def _letters(n: int) -> str:
    """Number variables a, b, ..., z, aa, ab, ..."""
    tail = chr(ord("a") + n % 26)
    return tail if n < 26 else _letters(n // 26 - 1) + tail


def _lines(graph: Graph, name: str, names: Names, indent: str) -> Iterator[str]:
    typed: Callable[[Var], str] = lambda v: f"{names(v)}: {v.aval}"  # noqa: E731
    yield f"{indent}{name}({', '.join(map(typed, graph.inputs))}):"
    for eq in graph.equations:
        plain = {k: v for k, v in eq.params.items() if not list(subgraphs(Equation(eq.primitive, (), {k: v}, ())))}
        params = f"[{', '.join(f'{k}={_short(v)}' for k, v in plain.items())}]" if plain else ""
        parts = [", ".join(map(typed, eq.outputs)), "=", eq.primitive.name + params, *map(names, eq.inputs)]
        yield f"{indent}    {' '.join(parts)}"
        for key, value in eq.params.items():
            if isinstance(value, Graph):
                yield from _lines(value, key, names, indent + "        ")
            elif any(subgraphs(Equation(eq.primitive, (), {key: value}, ()))):
                for i, one in enumerate(value):
                    yield from _lines(one, f"{key}[{i}]", names, indent + "        ")
    yield f"{indent}    return {', '.join(map(names, graph.outputs))}"


def _short(value: Any) -> str:
    if isinstance(value, np.dtype):
        return dtypes.name(value)
    return getattr(value, "__name__", None) or repr(value)
