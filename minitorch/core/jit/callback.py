"""Calls of Python functions for what they do, such as printing, from inside transforms and compiled functions.

A call has no results, so nothing depends on it and no derivative passes through it. Batching makes one call that goes
through the examples; where a function is recorded the call becomes an equation, and runs in its place at every run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import tree
from ..array import Array, wrap
from ..primitive import NO_DERIVATIVE, Primitive
from ..tape import context
from ..tracer import Params, Tracer, Value, aval_of
from .staging import StagingTrace

Function = Callable[..., Any]


def _evaluate(primitive: Primitive, args: Sequence[Value], params: Params) -> tuple[()]:
    trace = _recording()
    if trace is not None:
        trace.process(primitive, tuple(args), params)
    else:
        params["function"](*map(_copied, args))
    return ()


def _recording() -> StagingTrace | None:
    """Return the innermost recording that is open."""
    here = context.get()
    trace = here.frame.trace if isinstance(here.frame.trace, StagingTrace) else getattr(here.stage, "trace", None)
    return None if trace is None or trace.closed else trace


def _copied(x: Value) -> Array:
    """Return an array that stays as it is, whatever memory it was computed in."""
    return wrap(np.array(x._data)) if type(x) is Array and type(x._data) is np.ndarray else Array(x)


def _abstract(*avals: Any, function: Function) -> tuple[()]:
    return ()


def _batch(batched: tuple[bool, ...], *values: Value, function: Function) -> Any:
    size = next(aval_of(x).shape[0] for x, b in zip(values, batched) if b)
    return callback_p(*values, function=_Each(function, batched, size))


# Not in the table of operations: it computes nothing.
callback_p = Primitive(
    "callback", {}, _evaluate, _abstract, _batch, NO_DERIVATIVE, NO_DERIVATIVE, ("args",), ("function",), variadic=True
)


@dataclass(frozen=True)
class _Each:
    """A function called once for each example of a batch."""

    function: Function
    batched: tuple[bool, ...]
    size: int

    def __call__(self, *arrays: Array) -> None:
        for i in range(self.size):
            self.function(*(x[i] if b else x for x, b in zip(arrays, self.batched)))  # type: ignore[index]

    @property
    def __name__(self) -> str:
        return self.function.__name__


@dataclass(frozen=True)
class _Called:
    """A user's function with those of its arguments that are no arrays."""

    function: Function
    structure: Any
    fixed: tuple[tuple[int, Any], ...]

    def __call__(self, *arrays: Array) -> None:
        given = iter(arrays)
        fixed = dict(self.fixed)
        leaves = [fixed[i] if i in fixed else next(given) for i in range(self.structure.num_leaves)]
        args, kwargs = tree.unflatten(self.structure, leaves)
        self.function(*args, **kwargs)

    @property
    def __name__(self) -> str:
        return str(getattr(self.function, "__name__", type(self.function).__name__))


def call(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Call a function for its effect. Arrays and tensors reach it as Arrays."""
    leaves, structure = tree.flatten_until((args, kwargs), Tracer)
    fixed = tuple((i, x) for i, x in enumerate(leaves) if not isinstance(x, (Array, Tracer)))
    arrays = [x for x in leaves if isinstance(x, (Array, Tracer))]
    callback_p(*arrays, function=_Called(function, structure, fixed))
