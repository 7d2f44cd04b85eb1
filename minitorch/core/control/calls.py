"""Applications of functions with derivative rules of their own, inside the graphs of loops and branches.

Such an equation holds the function as a graph, for whoever only computes, and the application itself, which transforms
ask as they would have done outside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..aval import Aval
from ..jit.graph import Graph, atom_aval, interpret
from ..primitive import Primitive, Whole, bind, register
from ..tracer import Params, Value


def holding(
    name: str, evaluate: Callable[..., Any], abstract: Callable[..., Any], batch: Whole, vjp: Whole, jvp: Whole
) -> Any:
    """Declare a primitive that holds graphs. `evaluate(*args, **params)` computes on arrays and plain numbers."""

    def run(_: Primitive, args: Sequence[Value], params: Params) -> Any:
        return evaluate(*args, **params)

    primitive = register(Primitive(name, {}, run, abstract, batch, vjp, jvp, ("args",), (), True, holds_graphs=True))

    def call(*args: Value, **params: Any) -> Any:
        return bind(primitive, *args, **params)

    call.__name__, call.primitive = name, primitive  # type: ignore[attr-defined]
    return call


def outputs_of(graph: Graph) -> tuple[Aval, ...]:
    """Return the avals of a graph's outputs."""
    return tuple(atom_aval(a)._replace(weak=False) for a in graph.outputs)


def _evaluate(*args: Value, graph: Graph, call: Any) -> tuple[Value, ...]:
    return tuple(interpret(graph, args))


def _abstract(*avals: Aval, graph: Graph, call: Any) -> tuple[Aval, ...]:
    return outputs_of(graph)


def _asked(trace: Any, primitive: Primitive, args: tuple[Value, ...], params: Params) -> tuple[Value, ...]:
    """Apply the function to tracers: its own rules have the say."""
    return tuple(params["call"](list(args)))


call_p = holding("call", _evaluate, _abstract, Whole(_asked), Whole(_asked), Whole(_asked, _asked))
