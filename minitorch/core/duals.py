"""Values with their tangents: the tracers of forward mode.

One of them keeps the buffers of both, or promises of buffers, for the operations that work on these.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import dtypes
from .array import Array, wrap
from .aval import Aval
from .deferring import Buffer, Promise, filled, settled
from .tracer import Trace, Tracer, Value

_new, _asarray = object.__new__, np.asarray


class JVPTracer(Tracer):
    """A value with its tangent."""

    __slots__ = ("tangent",)
    transform = "jvp"

    def __init__(self, trace: Trace, value: Value, tangent: Value):
        self._trace = trace
        self.value = value
        self.tangent = tangent

    def is_differentiated(self) -> bool:
        """Return True: there is a tangent."""
        return True


class Pushed(JVPTracer):
    """One that keeps the buffers of both, for operations that work on these.

    `negated` says that the tangent is minus what the buffer holds: a change of sign is exact, and waits for a sum. Where the
    value is minus another, `mirror` is the buffer of that.
    """

    __slots__ = ("data", "mirror", "moved", "negated")
    data: Any
    moved: Any
    negated: bool
    mirror: Any  # set by negation alone

    @property
    def value(self) -> Array:
        """The value."""
        return wrap(self.data)

    @property
    def tangent(self) -> Array:
        """The tangent."""
        return wrap(_asarray(-self.moved)) if self.negated else wrap(self.moved)

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self.data.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> dtypes.DType:
        """The data type of the elements."""
        return self.data.dtype  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.data.ndim  # type: ignore[no-any-return]


def pushed(trace: Trace, data: Any, moved: Any, negated: bool = False) -> Pushed:
    """Return a tracer of the buffers of a value and its tangent."""
    made: Pushed = _new(Pushed)
    made._trace = trace
    made.data, made.moved, made.negated = data, moved, negated
    return made


class Deferred(Pushed):
    """One whose buffers are computed when somebody asks for them.

    `held` has them, or promises of them; `like` is an array of the same shape and dtype.
    """

    __slots__ = ("held", "like")
    held: Pushed
    like: Buffer

    @property
    def data(self) -> Buffer:
        """The buffer of the value."""
        return filled(self.held.data)

    @property
    def moved(self) -> Buffer:
        """The buffer of the tangent, or of minus that."""
        return filled(self.held.moved)

    @property
    def aval(self) -> Aval:
        """Shape, dtype and device."""
        return Aval(self.like.shape, self.like.dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self.like.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> dtypes.DType:
        """The data type of the elements."""
        return self.like.dtype  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.like.ndim  # type: ignore[no-any-return]


def deferred(held: Pushed, like: Buffer) -> Deferred:
    """Return a tracer of what is promised."""
    made: Deferred = _new(Deferred)
    made._trace, made.negated = held._trace, held.negated
    made.held, made.like = held, like
    return made


def held(x: Pushed) -> Pushed:
    """Return a tracer with buffers, or with promises that have not been kept yet."""
    if type(x) is not Deferred:
        return x
    found = x.held
    if type(found.data) is Promise:
        found.data, found.moved = settled(found.data), settled(found.moved)
        if hasattr(found, "mirror"):
            found.mirror = settled(found.mirror)
    return found


# Kinds of one operand, of one with a number, and of two, by which tangents are negated; see `program`.
ALONE, BEFORE_NUMBER, AFTER_NUMBER = ("t", "m"), ("tn", "mn"), ("nt", "nm")
PAIRS = ("tt", "tm"), ("mt", "mm")
_SAME, _OPPOSITE = ("ts", "ms"), ("to", "mo")


def kinds_of(x: Pushed, y: Pushed) -> str:
    """Return the kinds of two operands."""
    if x.moved is y.moved:
        if x.negated is y.negated and x.data is y.data:
            return _SAME[x.negated]
        if x.negated is not y.negated and (
            getattr(x, "mirror", None) is y.data or getattr(y, "mirror", None) is x.data
        ):
            return _OPPOSITE[x.negated]
    return PAIRS[x.negated][y.negated]
