"""Batching: run a function written for one example on many at once. The batch axis is always the first.

An axis may have a name, by which functions inside compute across the examples; `AXES` knows the names in use.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from .array import Array
from .aval import Aval
from .errors import TracerError, UnsupportedError
from .naming import listed
from .ops.collectives import MAPPED, Axis
from .ops.families import ALIGNED, LEADING
from .ops.shaping import broadcast_to, reshape
from .primitive import DECOMPOSE, NO_BATCHING, Primitive, Whole, bind
from .tape import user_line
from .tracer import Params, Trace, Tracer, Value, aval_of, leaked


class BatchTracer(Tracer):
    """One example, standing for a whole batch: the function sees the shape without the batch axis."""

    __slots__ = ("origin",)
    transform = "vmap"

    def __init__(self, trace: Trace, value: Value, origin: int = 0):
        self._trace = trace
        self.value = value
        self.origin = origin  # a bit set: the leaves of the arguments that it was computed from

    @property
    def aval(self) -> Aval:
        """Shape without the batch axis, dtype and device."""
        aval = aval_of(self.value)
        return aval._replace(shape=aval.shape[1:])

    def concrete(self, wanted: str) -> Array:
        """Raise: the value differs from example to example."""
        self.check_open(wanted)
        raise TracerError(
            f"{wanted} at {user_line()}: the value {self.aval} is batched by vmap and differs from example to example"
            f"{coming_from(self)}; use where(condition, a, b) instead of a Python branch, and return values instead of "
            "converting them"
        )


class BatchTrace(Trace):
    """The trace that applies the batching rules. It may belong to an axis with a name.

    `names` says what the leaves of the arguments are called.
    """

    __slots__ = ("axis", "names")
    transform = "vmap"

    def __init__(self, level: int):
        super().__init__(level)
        self.axis: Axis | None = None
        self.names: Callable[[], list[str]] = list

    def process(self, primitive: Primitive, args: tuple[Value, ...], params: Params) -> Any:
        """Apply a primitive to whole batches, one level down."""
        if self.closed:
            raise TracerError(leaked(primitive, self))
        rule = primitive.batch
        if rule is NO_BATCHING:
            sources = "".join(coming_from(a) for a in args if isinstance(a, BatchTracer) and a._trace is self)
            raise UnsupportedError(
                f"{primitive.name} at {user_line()}: the shape of its result depends on the data, so vmap cannot batch "
                f"it{sources}; use where(mask, x, 0) in the place of x[mask], call it outside vmap, loop over the "
                "examples, or give size= to the function of minitorch.numpy"
            )
        if rule is DECOMPOSE:
            assert primitive.decompose is not None
            return primitive.decompose(*args, **params)
        if type(rule) is Whole:
            return rule.process(self, primitive, args, params)
        batched = tuple(isinstance(a, BatchTracer) and a._trace is self for a in args)
        values = [a.value if b else a for a, b in zip(args, batched)]
        axis = self.axis
        if axis is not None and params.get("over") == axis:
            return MAPPED[primitive.name](axis, values[0], batched[0])
        if rule is ALIGNED:
            out = bind(primitive, *_aligned(values, batched), **params)
        elif rule is LEADING:
            out = bind(primitive, *_filled(values, batched), **params)
        else:
            out = rule(batched, *values, **params)
        origin = 0
        for a, b in zip(args, batched):
            if b:
                origin |= a.origin
        if type(out) is tuple:
            return tuple(BatchTracer(self, o, origin) for o in out)
        return BatchTracer(self, out, origin)


def coming_from(x: BatchTracer) -> str:
    """Say which arguments of the batched function a value was computed from."""
    names = x._trace.names()  # type: ignore[attr-defined]
    found = [name for i, name in enumerate(names) if x.origin >> i & 1]
    return f"; it comes from {listed(found)}" if found else ""


def _aligned(values: list[Value], batched: tuple[bool, ...]) -> list[Value]:
    """Insert axes behind the batch axis until every batched operand has the same rank."""
    ranks = [len(aval_of(v).shape) - b for v, b in zip(values, batched)]
    rank = max(ranks)
    return [
        reshape(v, (v.shape[0],) + (1,) * (rank - r) + v.shape[1:]) if b and r < rank else v
        for v, b, r in zip(values, batched, ranks)
    ]


def _filled(values: list[Value], batched: tuple[bool, ...]) -> list[Value]:
    """Repeat unbatched operands over the batch."""
    size = next(v.shape[0] for v, b in zip(values, batched) if b)
    return [v if b or v is None else broadcast_to(v, (size, *aval_of(v).shape)) for v, b in zip(values, batched)]


# The open axes by name, each with the innermost trace that maps over it.
AXES: ContextVar[Mapping[Hashable, BatchTrace]] = ContextVar("AXES", default=MappingProxyType({}))


@contextmanager
def naming(trace: BatchTrace, axis: Axis | None) -> Iterator[None]:
    """Let the functions called inside find a trace by the name of its axis, if it has one."""
    if axis is None:
        yield
        return
    trace.axis = axis
    token = AXES.set({**AXES.get(), axis.name: trace})
    try:
        yield
    finally:
        AXES.reset(token)
