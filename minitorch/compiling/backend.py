"""From programs to plans: optimize the graphs, then compile them."""

from __future__ import annotations

from typing import Any

from ..core.jit.graph import Graph, interpret, without_numbers
from ..core.jit.lower import build as compiled
from ..core.jit.lower import prepare
from ..core.jit.lower.memory import Rooms
from ..core.jit.passes import optimize
from ..core.jit.passes.bundles import bundled
from ..core.ops.families import as_array
from ..core.tracer import Value
from .program import Program
from .stats import tally

__all__ = ["Rooms", "build", "plan", "prepare"]


def build(program: Program, rooms: Rooms) -> None:
    """Make the plans of a program, which compute in these rooms."""
    program.plan = plan(program.graph, program.donors(), rooms)
    derivative = program.derivative
    if derivative is not None and derivative.pull is not None:
        derivative.plan = plan(derivative.pull, {}, rooms)


def plan(graph: Graph, donors: dict[int, int], rooms: Rooms) -> Any:
    """Return what runs a graph."""
    main, numbers = without_numbers(graph)
    with tally.timed("optimizing"):
        optimized = optimize(bundled(main))
    with tally.timed("compiling"):
        made = compiled(optimized, donors, rooms=rooms)
    return made if numbers is None else WithNumbers(made, numbers)


class WithNumbers:
    """A plan that first computes with the plain numbers among its inputs, in Python."""

    def __init__(self, plan: Any, numbers: Graph):
        self.plan = plan
        self.numbers = numbers
        self.recipes, self.donated = plan.recipes, plan.donated

    def run(self, values: list[Value]) -> list[Value]:
        """Return the outputs; a number that is a result is an array, as an operation's result always is."""
        outs = self.plan.run([*values, *interpret(self.numbers, values)])
        return [as_array(x) for x in outs]

    def explain(self, *args: Any, **options: Any) -> str:
        """Return the plan in words."""
        return str(self.plan.explain(*args, **options))
