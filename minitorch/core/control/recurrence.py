"""What the recurrent layers share: how their loops run, the states that steps start from, and rules by composition.

A layer is one operation that runs over all steps: `x[steps, batch, ...]` holds what the input adds to the gates, one matrix
product for all steps. Its forward and its backward loop are operations of their own, each defined as a `scan`: that is what
transforms and compilers see. On buffers the same definition runs as the native loop that jit makes of it. What the scan's
own derivative would add up step by step, the weight's cotangent, the backward loop makes in one product for all steps.

`live[steps, batch, 1]`, where given, says which steps count: in the others the state stays what it was.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..array import wrap
from ..aval import Aval
from ..errors import DTypeError, ShapeError
from ..jit.lower import build
from ..jit.passes import optimize
from ..jit.staging import stage
from ..ops.contractions import matmul
from ..ops.families import as_array
from ..ops.joining import concatenate
from ..ops.pointwise import add, where
from ..ops.reductions import only_floats
from ..ops.shaping import cast, expand_dims, reshape, swapaxes
from ..ops.slicing import slice_axis
from ..tracer import Value
from ..transforms import vjp

Leaves = tuple[Value | None, ...]


def native(composed: Callable[..., Any]) -> Callable[..., Any]:
    """Return the implementation of a composition on buffers: a compiled plan for each set of shapes and dtypes.

    Measured for an LSTM of 128 units over 32 steps of 32 examples, forward and backward: 2.5 ms, and 7.5 ms for a loop of
    NumPy's functions.
    """

    @functools.lru_cache(maxsize=128)
    def plan(avals: tuple[Aval | None, ...], statics: tuple[tuple[str, Any], ...]) -> Any:
        places = [i for i, aval in enumerate(avals) if aval is not None]

        def run(values: list[Value]) -> list[Value]:
            args: list[Value | None] = [None] * len(avals)
            for i, x in zip(places, values, strict=True):
                args[i] = x
            out = composed(*args, **dict(statics))
            return list(out) if type(out) is tuple else [out]

        return build(optimize(stage(run, [aval for aval in avals if aval is not None])))

    @functools.wraps(composed)
    def impl(*buffers: Any, **statics: Any) -> Any:
        avals = tuple(None if b is None else Aval(b.shape, b.dtype) for b in buffers)
        outs = plan(avals, tuple(statics.items())).run([wrap(b) for b in buffers if b is not None])
        return tuple(out._data for out in outs) if len(outs) > 1 else outs[0]._data

    return impl


def previous(states: Value, first: Value, reverse: bool) -> Value:
    """Return the state that each step started from."""
    steps, first = states.shape[0], expand_dims(first, 0)
    if reverse:
        return concatenate([slice_axis(states, 0, 1, steps), first])
    return concatenate([first, slice_axis(states, 0, 0, steps - 1)])


def weight_cotangent(d: Value, states: Value) -> Value:
    """Return the cotangent of the weight that the states were multiplied with: one product for all steps."""
    rows = d.shape[0] * d.shape[1]
    return matmul(swapaxes(reshape(d, (rows, d.shape[2])), 0, 1), reshape(states, (rows, states.shape[2])))


def chosen(live: Value | None, new: Value, old: Value) -> Value:
    """Take the new value where a step counts."""
    return new if live is None else where(live, new, old)


def plus(x: Value, y: Value | None) -> Value:
    """Add what may be absent."""
    return x if y is None else add(x, y)


def pulled(function: Callable[..., Any], g: Any, *args: Value | None) -> Leaves:
    """Pull cotangents back through a composition; the arguments that are absent or no floats get none."""
    places = [i for i, x in enumerate(args) if x is not None and x.dtype in dtypes.INEXACT]

    def run(*values: Value) -> Any:
        full = list(args)
        for i, x in zip(places, values, strict=True):
            full[i] = x
        return function(*full)

    _, pull = vjp(run, *(args[i] for i in places))
    found = dict(zip(places, pull(g), strict=True))
    return tuple(found.get(i) for i in range(len(args)))


def operands(name: str, *values: Value | None) -> list[Value | None]:
    """Return arrays of one floating dtype."""
    given = [None if x is None else only_floats(name, as_array(x)) for x in values]
    dtype = dtypes.promote(*(x.dtype for x in given if x is not None))
    if dtype in dtypes.COMPLEX:
        raise DTypeError(f"{name}: complex numbers have no recurrent layers; pass real and imaginary parts as features")
    return [None if x is None else cast(x, dtype) for x in given]


def checked(name: str, x: Aval, w: Aval, live: Aval | None, gates: int, *states: Aval) -> None:
    """Raise unless the operands of a layer with so many gates fit each other."""
    if x.ndim != 3 or not x.shape[0] or states[0].ndim != 2:
        raise ShapeError(
            f"{name}: the gates' inputs must have shape [steps, batch, {gates} * width] with a step at least, and the "
            f"state [batch, width], got {x} and {', '.join(map(str, states))}; add an axis"
        )
    batch, width = states[0].shape
    wanted = (batch, gates * width), (gates * width, width), *[(batch, width)] * len(states)
    if (x.shape[1:], w.shape, *(s.shape for s in states)) != wanted:
        shown = ", ".join(map(str, states))
        raise ShapeError(
            f"{name}: inputs {x}, weight {w} and states {shown} do not fit; for {width} units the inputs have last size "
            f"{gates * width}, the weight is {[gates * width, width]} and each state [batch, {width}]"
        )
    if live is not None and live.shape != (*x.shape[:2], 1):
        raise ShapeError(f"{name}: the mask of live steps must have shape {[*x.shape[:2], 1]}, got {live}")


def mask_of(live: Value | None) -> Value | None:
    """Return the mask as an array of bools."""
    return None if live is None else cast(as_array(live), np.bool_)
