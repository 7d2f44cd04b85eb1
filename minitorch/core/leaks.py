"""Leaks: values of a transform that are still held when it has finished.

While `check_leaks` is open, each trace that is entered tells of the tracers that it makes. Those that live on when the
block ends are leaks: somebody has stored them outside the transformed function.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from types import CellType, ModuleType
from typing import Any

from .errors import TracerError
from .naming import listed
from .primitive import Params, Primitive, Trace, Tracer, Value
from .tape import context, user_line


@dataclass(eq=False, slots=True)
class Leaks:
    """The tracers that have been made by transforms, and the lines that made them."""

    made: dict[int, tuple[weakref.ref[Tracer], str]] = field(default_factory=dict)

    def over(self, kind: type[Trace]) -> type[Trace]:
        """Return the kind of trace that tells of the tracers it makes."""
        return watched(kind)  # type: ignore[arg-type]  # a class is hashable

    def note(self, x: Value, line: str) -> None:
        """Remember a tracer for as long as it lives."""
        key = id(x)
        self.made[key] = weakref.ref(x, lambda _: self.made.pop(key, None)), line

    def found(self) -> list[tuple[Tracer, str]]:
        """Return the tracers of finished transforms that are alive."""
        gc.collect()
        alive = [(ref(), line) for ref, line in list(self.made.values())]
        return [(x, line) for x, line in alive if x is not None and x._trace.closed]


@cache
def watched(kind: type[Trace]) -> type[Trace]:
    """Make a kind of trace that tells the open `check_leaks` of its results, and of its inputs as it meets them."""

    def process(self: Trace, primitive: Primitive, args: tuple[Value, ...], params: Params) -> Any:
        leaks: Any = context.get().leaks
        out = kind.process(self, primitive, args, params)
        if leaks is not None:
            line = user_line()
            for x in out if type(out) is tuple else (out,):
                if isinstance(x, Tracer) and x._trace is self:
                    leaks.note(x, f"made by {primitive.name} at {line}")
            for x in args:
                if isinstance(x, Tracer) and x._trace is self and id(x) not in leaks.made:
                    leaks.note(x, f"an argument, used by {primitive.name} at {line}")
        return out

    return type(kind.__name__, (kind,), {"__slots__": (), "process": process})


@contextmanager
def check_leaks() -> Iterator[None]:
    """Raise a TracerError at the end of the block if a value of a transform is still held then.

    The error names the transform, the line that made the value, and what holds it. Without it, a leak shows only when the
    value is used: that always raises. An argument is noticed when an operation has used it. Costs some time for each
    operation on a traced value; other operations, and compiled functions that are not recorded anew, run as always.

    >>> from minitorch.core.transforms import grad
    >>> kept = []
    >>> with check_leaks():
    ...     grad(lambda x: kept.append(x * 2) or x * x)(3.0)
    Traceback (most recent call last):
    ...
    minitorch.core.errors.TracerError: check_leaks: float32[] is traced by grad, which has finished, and still held: ...
    """
    leaks = Leaks()
    token = context.set(replace(context.get(), leaks=leaks))
    try:
        yield
    finally:
        context.reset(token)
    found = leaks.found()
    if found:
        raise TracerError("check_leaks: " + "; ".join(_reported(x, line) for x, line in found[:3]) + _ADVICE)


_ADVICE = ". Return it from the transformed function instead (with has_aux=True beside its value)"


def _reported(x: Tracer, line: str) -> str:
    held = listed([f"in {place}" for place in dict.fromkeys(holders(x))])
    where = f", held {held}" if held else ""
    return f"{x.aval} is traced by {x._trace.transform}, which has finished, and still held: {line}{where}"


def holders(x: Any, depth: int = 3) -> Iterator[str]:
    """Say where an object is held, as far as can be told: a global, an attribute, a closure, a container."""
    for owner in gc.get_referrers(x):
        if isinstance(owner, CellType):
            yield from _closures(owner)
        elif isinstance(owner, dict):
            yield from _entries(owner, x, depth)
        elif isinstance(owner, (list, set, tuple)) and depth:
            kind = type(owner).__name__
            further = [place for place in holders(owner, depth - 1) if owner is not x]
            yield from (f"the {kind} in {place}" for place in further)
            if not further:
                yield f"a {kind}"
        elif isinstance(owner, Tracer) and depth:
            yield f"a {type(owner).__name__}"


def _closures(cell: CellType) -> Iterator[str]:
    for owner in gc.get_referrers(cell):
        for function in gc.get_referrers(owner) if isinstance(owner, tuple) else ():
            code = getattr(function, "__code__", None)
            if code is not None and function.__closure__ is owner:
                yield f"`{code.co_freevars[owner.index(cell)]}`, which {function.__qualname__} closes over"


def _entries(table: dict[Any, Any], x: Any, depth: int) -> Iterator[str]:
    keys = [key for key, value in table.items() if value is x]
    if not keys:
        return
    name = table.get("__name__")
    if isinstance(name, str) and "__builtins__" in table:
        yield f"the global `{keys[0]}` of {name}"
        return
    owners = [
        o for o in gc.get_referrers(table) if getattr(o, "__dict__", None) is table and not isinstance(o, ModuleType)
    ]
    if owners:
        yield f"the attribute {keys[0]!r} of a {type(owners[0]).__name__}"
    else:
        further = list(holders(table, depth - 1)) if depth else []
        yield from (f"{place}[{keys[0]!r}]" for place in further)
        if not further:
            yield f"a dict under {keys[0]!r}"
