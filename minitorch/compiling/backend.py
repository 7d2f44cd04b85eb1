"""From programs to plans: optimize the graphs, then compile them."""

from __future__ import annotations

from typing import Any

from ..core.jit.graph import Graph
from ..core.jit.lower import build as compiled
from ..core.jit.passes import optimize
from .program import Program
from .stats import tally


def build(program: Program) -> None:
    """Make the plans of a program."""
    program.plan = plan(program.graph, program.donors())
    derivative = program.derivative
    if derivative is not None and derivative.pull is not None:
        derivative.plan = plan(derivative.pull, {})


def plan(graph: Graph, donors: dict[int, int]) -> Any:
    """Return what runs a graph."""
    with tally.timed("optimizing"):
        optimized = optimize(graph)
    with tally.timed("compiling"):
        return compiled(optimized, donors)
