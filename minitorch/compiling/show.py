"""Look at what a function does, a whole training step included: its graph as recorded, before any pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..core.jit.graph import Atom, Graph, Names, Var, text
from .capture import Argument
from .containers import flatten
from .describing import Called
from .jit import Compiled, jit
from .looking import look_around, see
from .program import Fresh, Program


@dataclass(eq=False, slots=True)
class StepGraph(Graph):
    """A graph that knows which of its inputs are state, and where its outputs are written.

    `state` names the inputs that are read from tensors, optimizers and generators; `writes` pairs the names of what is
    written with the values that it gets, None for what is set to None. Of the outputs, `results` are what the function
    returns, and `kept` what their backward pass will need.
    """

    arguments: dict[Var, str] = field(default_factory=dict)
    state: dict[Var, str] = field(default_factory=dict)
    writes: list[tuple[str, Atom]] = field(default_factory=list)
    results: list[Atom] = field(default_factory=list)
    kept: list[Atom] = field(default_factory=list)

    def __str__(self) -> str:
        names = Names()
        lines = [text(self, names=names)]
        lines += [f"reads {names(var)} from {name}" for var, name in self.state.items()]
        lines += [f"writes {'None' if value is None else names(value)} to {name}" for name, value in self.writes]
        if self.kept:
            lines.append(f"keeps {', '.join(map(names, self.kept))} for the backward pass")
        return "\n".join(lines)


def make_graph(function: Callable[..., Any]) -> Callable[..., StepGraph]:
    """Return a function that takes the arguments of `function`, and returns the graph of what it does with them.

    `function` may be anything that `jit` takes: a function of arrays or tensors, a module, or a training step, whose
    state then follows the graph. It is recorded, not run: no parameter changes. Results that carry a gradient bring
    along what their backward pass will need, as further outputs. Raises JitError where `jit` does.

    >>> from minitorch.core.ops.pointwise import mul
    >>> print(make_graph(lambda p: mul(p["w"], 2.0))({"w": 3.0}))
    graph(a: float32[]):
        b: float32[] = mul a 2.0
        return b
    """
    compiled = function if isinstance(function, Compiled) else jit(function)

    def made(*args: Any, **kwargs: Any) -> StepGraph:
        program = compiled.recorded(*args, **kwargs)
        _, rest, named = compiled._split(args, kwargs)
        return _annotated(program, compiled, flatten((rest, named))[1])

    return made


def _annotated(program: Program, compiled: Compiled, structure: Any) -> StepGraph:
    around = look_around(compiled.function)
    for check in program.handles:
        see(around, check.tensor)
    called = Called(compiled.function, compiled.static, structure, around)
    graph = program.graph
    named = [(v, called.source(s), isinstance(s, Argument)) for s, v in zip(program.sources, graph.inputs, strict=True)]
    return StepGraph(
        graph.inputs,
        graph.equations,
        graph.outputs,
        {v: name for v, name, is_argument in named if is_argument},
        {v: name for v, name, is_argument in named if not is_argument},
        [(called.source(t), None if index is None else graph.outputs[index]) for t, index in program.writes],
        [graph.outputs[r.index] for r in program.results if isinstance(r, Fresh)],
        list(program.derivative.residuals) if program.derivative is not None and program.derivative.live else [],
    )
