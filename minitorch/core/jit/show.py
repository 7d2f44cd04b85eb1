"""Look at what a function does: its graph, before any pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import tree
from ..calling import Shape, called
from ..ops.families import as_array
from ..tracer import aval_of
from .graph import Graph
from .staging import stage


def make_graph(function: Callable[..., Any]) -> Callable[..., Graph]:
    """Return a function that takes the arguments of `function`, any pytrees, and returns the graph of what it does.

    >>> from minitorch.core.ops.pointwise import mul
    >>> print(make_graph(lambda p: mul(p["w"], 2.0))({"w": 3.0}))
    graph(a: float32[]):
        b: float32[] = mul a 2.0
        return b
    """

    def made(*args: Any, **kwargs: Any) -> Graph:
        leaves, structure = tree.flatten((args, kwargs))
        run = called(lambda args, kwargs: function(*args, **kwargs), structure)
        return stage(lambda xs: Shape().flatten(run(xs)), [aval_of(as_array(x)) for x in leaves])

    return made
