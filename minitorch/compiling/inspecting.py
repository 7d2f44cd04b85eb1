"""Running plans while somebody looks for NaN: natively, and operation by operation if one has come out."""

from __future__ import annotations

from typing import Any

from ..core.config import inspector
from ..core.jit.graph import Graph, interpret
from ..core.tracer import Value


def run(plan: Any, graph: Graph, values: list[Value]) -> list[Value]:
    """Return the outputs of a plan that was made of a graph; raise a NonFiniteError that names the operation at fault."""
    look = inspector.get()
    if look is None:
        return plan.run(values)  # type: ignore[no-any-return]
    outs: list[Value] = plan.run([*values])  # `values` holds the inputs, too, so that none is written over
    if any(look.found(x) for x in outs):
        interpret(graph, values)  # which raises, unless the inputs held it and it was handed on
    return outs
