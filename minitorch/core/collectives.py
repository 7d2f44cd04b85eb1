"""Collectives: what the examples of a `vmap` with an `axis_name` compute together.

A collective sees the values of all examples along a named axis, and gives each the same result. In a derivative it counts
as what it is, a function of all of them: `grad` inside the `vmap` differentiates the sum of every example's result.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

import numpy as np

from . import dtypes, tree
from .array import Array
from .errors import ArgumentError, AxisNameError, JitError, OutOfBoundsError
from .ops.collectives import Axis, all_gather_p, psum_p
from .ops.families import as_array
from .ops.gathering import take
from .ops.pointwise import div, greater_equal, maximum, where
from .ops.reductions import max as max_
from .ops.reductions import min as min_
from .ops.shaping import cast, moveaxis, zeros_of
from .tape import context
from .tracer import Value
from .vmap import AXES, BatchTrace, BatchTracer


def psum(x: Any, axis_name: Any) -> Any:
    """Sum a value over all examples of a named axis: each gets the sum. A tree is summed leaf by leaf.

    `axis_name` is a name that a surrounding `vmap` has given, or a tuple of such names. Others raise AxisNameError.

    >>> from minitorch.core.transforms import vmap
    >>> vmap(lambda x: psum(x, "i"), axis_name="i")(Array([1.0, 2.0, 3.0]))
    Array([6., 6., 6.], dtype=float32)
    """
    return _over("psum", _sum, x, axis_name)


def pmean(x: Any, axis_name: Any) -> Any:
    """Average a value over all examples of a named axis. See `psum`.

    >>> from minitorch.core.transforms import vmap
    >>> vmap(lambda x: x - pmean(x, "i"), axis_name="i")(Array([1.0, 2.0, 3.0]))
    Array([-1.,  0.,  1.], dtype=float32)
    """
    return _over("pmean", lambda v, axis, at: div(_sum(v, axis, at), axis.size), x, axis_name)


def pmax(x: Any, axis_name: Any) -> Any:
    """Return the greatest of all examples' values along a named axis, element by element. See `psum`.

    The gradient is split evenly over ties.

    >>> from minitorch.core.transforms import vmap
    >>> vmap(lambda x: pmax(x, "i"), axis_name="i")(Array([1.0, 3.0, 2.0]))
    Array([3., 3., 3.], dtype=float32)
    """
    return _over("pmax", lambda v, axis, at: max_(_gather(v, axis, at), axis=0), x, axis_name)


def pmin(x: Any, axis_name: Any) -> Any:
    """Return the least of all examples' values along a named axis, element by element. See `psum`.

    >>> from minitorch.core.transforms import vmap
    >>> vmap(lambda x: pmin(x, "i"), axis_name="i")(Array([1.0, 3.0, 2.0]))
    Array([1., 1., 1.], dtype=float32)
    """
    return _over("pmin", lambda v, axis, at: min_(_gather(v, axis, at), axis=0), x, axis_name)


def all_gather(x: Any, axis_name: Hashable, *, axis: int = 0) -> Any:
    """Return the values of all examples of a named axis, stacked along a new axis of the result. See `psum`.

    >>> from minitorch.core.transforms import vmap
    >>> vmap(lambda x: all_gather(x, "i"), axis_name="i")(Array([1.0, 2.0])).tolist()
    [[1.0, 2.0], [1.0, 2.0]]
    """

    def gathered(v: Value, over: Axis, at: BatchTrace) -> Value:
        if not -v.ndim - 1 <= axis <= v.ndim:
            raise OutOfBoundsError(f"all_gather: axis {axis} is out of range; use {-v.ndim - 1} to {v.ndim}")
        return moveaxis(_gather(v, over, at), 0, axis)

    return _over("all_gather", gathered, x, (axis_name,))


def ppermute(x: Any, axis_name: Hashable, perm: Iterable[tuple[int, int]]) -> Any:
    """Send values from example to example along a named axis: `perm` holds pairs of sender and receiver. See `psum`.

    An example that nobody sends to gets zeros; two senders to one raise.

    >>> from minitorch.core.transforms import vmap
    >>> vmap(lambda x: ppermute(x, "i", [(0, 1), (1, 2)]), axis_name="i")(Array([1.0, 2.0, 3.0]))
    Array([0., 1., 2.], dtype=float32)
    """
    pairs = list(perm)

    def sent(v: Value, over: Axis, at: BatchTrace) -> Value:
        senders = {receiver: sender for sender, receiver in pairs}
        if len(senders) < len(pairs) or any(not 0 <= i < over.size for pair in pairs for i in pair):
            raise ArgumentError(f"ppermute: {pairs} must be pairs of examples of {over}, each receiving once at most")
        mine = take(Array(np.array([senders.get(i, -1) for i in range(over.size)])), _index(over, at), 0)
        return where(greater_equal(mine, 0), take(_gather(v, over, at), maximum(mine, 0), 0), zeros_of(v.aval))

    return _over("ppermute", sent, x, (axis_name,))


def axis_index(axis_name: Hashable) -> Value:
    """Return the number of the example along a named axis, counted from 0. See `psum`.

    >>> from minitorch.core.transforms import vmap
    >>> vmap(lambda x: x * axis_index("i"), axis_name="i")(Array([5.0, 6.0, 7.0]))
    Array([ 0.,  6., 14.], dtype=float32)
    """
    axis, trace = _named("axis_index", axis_name)
    return _index(axis, trace)


def axis_size(axis_name: Hashable) -> int:
    """Return the number of examples of a named axis. See `psum`.

    >>> from minitorch.core.transforms import vmap
    >>> vmap(lambda x: x / axis_size("i"), axis_name="i")(Array([1.0, 2.0]))
    Array([0.5, 1. ], dtype=float32)
    """
    return _named("axis_size", axis_name)[0].size


def _over(name: str, function: Callable[[Value, Axis, BatchTrace], Value], x: Any, axis_name: Any) -> Any:
    """Apply a collective to each leaf of a tree, over one axis after the other."""
    axes = [_named(name, each) for each in (axis_name if isinstance(axis_name, tuple) else (axis_name,))]

    def along_all(leaf: Any) -> Value:
        value = as_array(leaf)
        for axis, trace in axes:
            value = function(value, axis, trace)
        return value

    return tree.map(along_all, x)


def _sum(x: Value, axis: Axis, trace: BatchTrace) -> Value:
    return psum_p(cast(x, dtypes.int64) if x.dtype == dtypes.bool_ else x, over=axis)


def _gather(x: Value, axis: Axis, trace: BatchTrace) -> Value:
    return all_gather_p(x, _index(axis, trace), over=axis)


def _index(axis: Axis, trace: BatchTrace) -> Value:
    return BatchTracer(trace, Array(np.arange(axis.size)))


def _named(name: str, axis_name: Hashable) -> tuple[Axis, BatchTrace]:
    """Return the axis of a name, and the trace that maps over it."""
    trace = AXES.get().get(axis_name)
    if trace is None or trace.axis is None:
        known = ", ".join(map(repr, AXES.get())) or "none"
        raise AxisNameError(
            f"{name}: no axis is named {axis_name!r} here (in use: {known}); call it inside vmap(f, "
            f"axis_name={axis_name!r})"
        )
    stage = context.get().stage
    if stage is not None and trace.level < stage.level:
        raise JitError(
            f"{name}: the axis {axis_name!r} belongs to a vmap around the compiled function, none of whose arguments is "
            "mapped; map one, or call jit outside the vmap"
        )
    return trace.axis, trace


__all__ = ["all_gather", "axis_index", "axis_size", "pmax", "pmean", "pmin", "ppermute", "psum"]
