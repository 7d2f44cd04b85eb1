"""Staging: run a function on tracers that only write down what is done to them.

Whatever needs the data of a traced value, a Python `if`, `int()`, `.item()`, `.numpy()`, raises a `JitError` that names
the user's line. Values of outer transforms that the function closes over become further inputs of the graph.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar, NoReturn

from ..array import Array
from ..aval import Aval
from ..errors import JitError, MinitorchError, TracerError
from ..naming import listed
from ..primitive import NO_BATCHING, Primitive, bind, oversized
from ..tape import context, entering, lower, user_line
from ..tracer import Params, Trace, Tracer, Value, leaked
from .graph import Atom, Copy, Graph, Template, Var, copied, equation


class StagedTracer(Tracer):
    """Stands for a value of the graph that is being written."""

    __slots__ = ()
    transform = "jit"
    _trace: StagingTrace

    def __init__(self, trace: StagingTrace, var: Var):
        self._trace = trace
        self.value = var

    @property
    def aval(self) -> Aval:
        """Shape, dtype and device."""
        return self.value.aval  # type: ignore[no-any-return]

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self.value.aval.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> Any:
        """The data type of the elements."""
        return self.value.aval.dtype

    def concrete(self, wanted: str) -> Array:
        """Raise: there is no data yet."""
        if self._trace.closed:
            raise self._trace.error(leaked(wanted, self._trace))
        raise self._trace.error(
            f"{wanted} at {user_line()} needs the data of {self.aval}, which {self._trace.where} computes only later"
            f"{self._trace.coming_from((self.value,))}. "
            f"{self._trace.advice.get(wanted, self._trace.advice['.item()'])}"
        )

    def __str__(self) -> str:
        return self._printed()

    def __format__(self, spec: str) -> str:
        return self._printed()

    def _printed(self) -> NoReturn:
        self.concrete("print or str()")
        raise AssertionError


_BRANCH = (
    "Use minitorch.where(condition, a, b) for a choice between values, pass what is decided as an argument of "
    "static_argnums, or decide outside the compiled function."
)
ADVICE = {
    "bool() or a Python `if`": _BRANCH,
    "int()": "Pass the number as a static argument (static_argnums), or compute with it as an array.",
    "float()": "Compute with it as an array, or return it and call float() outside the compiled function.",
    "an index": "Pass the number as a static argument (static_argnums), or index with the array itself.",
    "print or str()": "Return the value and print it outside the compiled function.",
    ".item()": "Return the value from the compiled function and read it outside.",
}


_SMALL = 127  # up to here, every dtype of numbers holds a Python integer


class Lifted:
    """The source of an input that a value of an outer transform has become, which the function closed over."""

    __slots__ = ("value",)

    def __init__(self, value: Value):
        self.value = value


class Numbering:
    """Numbers for the values of a graph that is being written: equal ones for equal operations on equal values."""

    __slots__ = ("done", "graph", "known", "numbers")

    def __init__(self, graph: Graph):
        self.graph = graph
        self.done = 0
        self.known: dict[Hashable, int] = {}
        self.numbers: dict[Var, int] = {}

    def of(self, var: Var) -> int:
        """Return the number of a value."""
        for eq in self.graph.equations[self.done :]:
            made = eq.primitive.name, repr(sorted(eq.params.items())), tuple(map(self._operand, eq.inputs))
            for i, v in enumerate(eq.outputs):
                self.numbers[v] = self._number((made, i))
        self.done = len(self.graph.equations)
        return self.numbers.setdefault(var, self._number(var))

    def _number(self, made: Hashable) -> int:
        return self.known.setdefault(made, len(self.known))

    def _operand(self, x: Atom) -> Hashable:
        if isinstance(x, Var):
            return self.numbers.setdefault(x, self._number(x))
        return (x.dtype, x.shape, x.numpy().tobytes()) if isinstance(x, Array) else (type(x), x)


class StagingTrace(Trace):
    """The interpreter that writes equations."""

    __slots__ = ("graph", "lifted", "made", "names", "numbering", "sources")
    transform = "jit"
    where: ClassVar[str] = "a compiled function"  # what is written down, for messages
    error: ClassVar[type[MinitorchError]] = JitError
    advice: ClassVar[dict[str, str]] = ADVICE

    def __init__(self, level: int):
        super().__init__(level)
        self.graph = Graph([])
        self.numbering = Numbering(self.graph)
        self.sources: list[Any] = []  # for each input, where its value comes from: a `Lifted`, or what the caller gave
        self.lifted: dict[int, Var] = {}
        self.names: Callable[[Any], str] | None = None  # says what a source is called
        self.made: list[tuple[weakref.ref[StagedTracer], str | None]] = []

    def input(self, aval: Aval, source: Any = None) -> StagedTracer:
        """Add an input to the graph."""
        var = Var(aval)
        self.graph.inputs.append(var)
        self.sources.append(source)
        return StagedTracer(self, var)

    def coming_from(self, atoms: Sequence[Atom]) -> str:
        """Say which inputs atoms were computed from."""
        if self.names is None:
            return ""
        needed = {a for a in atoms if isinstance(a, Var)}
        for eq in reversed(self.graph.equations):
            if not needed.isdisjoint(eq.outputs):
                needed.update(a for a in eq.inputs if isinstance(a, Var))
        found = [self.names(s) for v, s in zip(self.graph.inputs, self.sources) if v in needed]
        return f"; it comes from {listed(found)}" if found else ""

    def survivors(self) -> list[str | None]:
        """Return where those values were made that somebody still holds."""
        return [line for tracer, line in self.made if tracer() is not None]

    def atom(self, x: Value) -> Atom:
        """Return what an equation writes for a value."""
        if not isinstance(x, Tracer):
            return x
        if x._trace is self:
            return x.value
        if x._trace.level > self.level:
            raise TracerError(f"jit: {x.aval} is traced by {x.transform} that has finished or is not below this one")
        if id(x) not in self.lifted:
            self.lifted[id(x)] = self.input(x.aval, Lifted(x)).value
        return self.lifted[id(x)]

    def provenance(self, value: Any) -> Hashable:
        """Return a number that equals for values of the graph which are computed in the same way."""
        return self.numbering.of(value)

    def process(self, primitive: Primitive, args: tuple[Value, ...], params: Params) -> Any:
        """Write an equation."""
        if self.closed:
            raise self.error(leaked(primitive, self))
        stage = context.get().stage
        if stage is not None:
            known = stage.adopted(args)
            if known is not args:
                return bind(primitive, *known, **params)
        line = user_line()
        if primitive.batch is NO_BATCHING:
            sources = self.coming_from([self.atom(a) for a in args])
            raise self.error(
                f"{primitive.name} at {line}: the shape of its result depends on data, which {self.where} computes "
                f"only later{sources}; call it outside, use minitorch.where in the place of a mask, or give size= to the "
                "function of minitorch.numpy"
            )
        if any(type(a) is int and not 0 <= a <= _SMALL for a in args) and (error := oversized(primitive, args)):
            raise error
        eq = equation(primitive, [self.atom(a) for a in args], params, line)
        self.graph.equations.append(eq)
        outs = self._traced(eq.outputs, line)
        return outs if eq.many else outs[0]

    def copy(self, template: Template, values: Sequence[Value]) -> list[Value]:
        """Write the equations of a graph once more, on other values; return its outputs."""
        line, inputs = user_line(), tuple(map(self.atom, values))
        equations, found = copied(template.graph, inputs, line)
        copy = Copy(template, inputs, tuple(found))
        for eq in equations:
            eq.copy = copy
        self.graph.equations += equations
        return [self._traced((a,), line)[0] if isinstance(a, Var) else a for a in found]

    def _traced(self, variables: Sequence[Var], line: str | None) -> tuple[StagedTracer, ...]:
        outs = tuple(StagedTracer(self, v) for v in variables)
        self.made += [(weakref.ref(out), line) for out in outs]
        return outs


def stage(function: Callable[[list[Any]], Sequence[Value]], avals: Sequence[Aval]) -> Graph:
    """Write down a function from a list of values to a list of values; it must not close over tracers."""
    with entering(StagingTrace) as trace:
        outs = function([trace.input(a) for a in avals])
        trace.graph.outputs = [trace.atom(lower(x)) for x in outs]
    if trace.lifted:
        raise JitError("jit: the function closes over traced values where it may not; pass them as arguments")
    return trace.graph
