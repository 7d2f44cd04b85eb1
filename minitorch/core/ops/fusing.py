"""What fused operations share.

A fused operation is a composition of simpler ones, computed in fewer passes. Its forward runs on NumPy buffers; its
rules are written in ordinary operations, with a shortcut on buffers for values that are concrete. `decompose` gives
the composition to forward mode, batching and compilers. A test compares every shortcut with its composition.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import numpy as np

from .. import dtypes
from ..array import Array, wrap_scalar
from ..aval import Aval
from ..config import inspector
from ..errors import ArgumentError
from ..primitive import DECOMPOSE
from .families import custom

Function = Callable[..., Any]
_ndarray = np.ndarray
_new = object.__new__
_inspector = inspector.get
_HALVES = dtypes.HALVES
_buffer_of = attrgetter("_data")

REDUCTIONS = ("mean", "sum", "none")


def fused(
    name: str,
    impl: Function,
    *,
    abstract: Function,
    vjp: Any,
    decompose: Function | None = None,
    jvp: Any = DECOMPOSE,
    batch: Any = DECOMPOSE,
    holomorphic: bool = False,
    fills: bool = True,
) -> Function:
    """Declare a fused operation. Halves are computed in float32 and rounded once."""
    return custom(
        name,
        widened(impl),
        abstract=abstract,
        vjp=vjp,
        jvp=jvp,
        batch=batch,
        holomorphic=holomorphic,
        decompose=decompose,
        fills=fills,
    )


def widened(impl: Function) -> Function:
    """Return an implementation that computes halves in float32; `plain` is the one given, which computes all other dtypes.

    Another may take its place.
    """

    @functools.wraps(impl)
    def wide(first: Any, *rest: Any, **statics: Any) -> Any:
        dtype = first.dtype
        if first.itemsize != 2 or dtype not in _HALVES:
            return wide.plain(first, *rest, **statics)  # type: ignore[attr-defined]
        out = wide.plain(*map(_as_single, (first, *rest)), **statics)  # type: ignore[attr-defined]
        return tuple(o.astype(dtype) for o in out) if type(out) is tuple else np.asarray(out).astype(dtype)

    wide.plain = impl  # type: ignore[attr-defined]
    return wide


def _as_single(x: Any) -> Any:
    return x.astype(np.float32) if type(x) is _ndarray and x.dtype in _HALVES else x


def shortcut(fast: Function) -> Callable[[Function], Function]:
    """Let a rule compute with `fast`, on buffers, when all its values are concrete arrays in host memory.

    `fast` takes the rule's arguments by position, with buffers for arrays. Halves reach it in float32. The backward walk
    finds it under `on_buffers`.
    """

    def decorate(composed: Function) -> Function:
        def general(*values: Any, **statics: Any) -> Any:
            buffers = [v._data if type(v) is Array else v for v in values]
            narrow = False
            for b in buffers:
                if type(b) is _ndarray:
                    narrow = narrow or b.itemsize == 2
                elif b is not None and type(b) is not Aval:
                    return composed(*values, **statics)
            if narrow:
                buffers = [_as_single(b) for b in buffers]
            out = rule.on_buffers(*buffers, **statics)  # type: ignore[attr-defined]
            if type(out) is tuple:
                return tuple(None if o is None else wrap_scalar(o) for o in out)
            return wrap_scalar(out)

        @functools.wraps(composed)
        def rule(g: Any, *values: Any, **statics: Any) -> Any:
            # The common case in line: every value an array in host memory, as wide as the matrix library wants it.
            if _inspector() is not None:
                return composed(g, *values, **statics)
            if type(g) is Array and type(buffer := g._data) is _ndarray and buffer.itemsize > 2:
                try:
                    out = rule.on_buffers(buffer, *map(_buffer_of, values), **statics)  # type: ignore[attr-defined]
                except AttributeError:  # a tracer, an aval or an absent argument among the values
                    return general(g, *values, **statics)
                if type(out) is _ndarray:
                    array: Array = _new(Array)
                    array._data = out
                    return array
                if type(out) is tuple:
                    return tuple(None if o is None else wrap_scalar(o) for o in out)
                return wrap_scalar(out)
            return general(g, *values, **statics)

        rule.on_buffers = fast  # type: ignore[attr-defined]
        return rule

    return decorate


def check_reduction(name: str, reduction: str) -> None:
    """Raise unless the reduction is one of the three."""
    if reduction not in REDUCTIONS:
        raise ArgumentError(f"{name}: {reduction!r} is not a valid value for reduction; use 'mean', 'sum' or 'none'")
