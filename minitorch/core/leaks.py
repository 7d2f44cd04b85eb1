"""Leaks: values of a transform that are still held when it has finished.

While `check_leaks` is open, each trace that is entered tells of the tracers that it makes. Those that live on when the
block ends are leaks: somebody has stored them outside the transformed function.
"""

from __future__ import annotations

import gc
import weakref
from collections import deque
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from types import CellType, FrameType, FunctionType
from typing import Any

from .errors import TracerError
from .naming import listed
from .primitive import Primitive
from .tape import context, user_line
from .tracer import Params, Trace, Tracer, Value


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

    def found(self) -> list[tuple[weakref.ref[Tracer], str]]:
        """Return the tracers of finished transforms that are alive."""
        gc.collect()
        return [(ref, line) for ref, line in list(self.made.values()) if (x := ref()) is not None and x._trace.closed]


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
    found = [_reported(ref, line, leaks.made) for ref, line in leaks.found()]
    if any(found):
        raise TracerError("check_leaks: " + "; ".join(list(filter(None, found))[:3]) + _ADVICE)


_ADVICE = ". Return it from the transformed function instead (with has_aux=True beside its value)"


def _reported(ref: weakref.ref[Tracer], line: str, known: Container[int]) -> str:
    """Describe a leak; nothing for a value that only another leaked value holds."""
    x = ref()
    if x is None:
        return ""
    places = list(dict.fromkeys(Search(known).places(x, 3)))
    if places == [BY_ANOTHER]:
        return ""
    held = [f"in {place}" for place in places if place != BY_ANOTHER]
    where = f", held {listed(held)}" if held else ""
    return f"{x.aval} is traced by {x._trace.transform}, which has finished, and still held: {line}{where}"


# --------------------------------------------------------------------------- who holds it

BY_ANOTHER = "another traced value"


class Search:
    """A search for what holds an object, as far as can be told, which leaves its own lists out of account."""

    def __init__(self, known: Container[int]):
        self.known = known  # the traced values that are leaks themselves
        self.own: set[int] = {id(vars(self))}

    def owners(self, x: Any) -> list[Any]:
        """Return what the garbage collector knows to hold an object."""
        found = gc.get_referrers(x)
        self.own.add(id(found))
        kept: list[Any] = []
        self.own.add(id(kept))
        for owner in found:
            if id(owner) not in self.own and not isinstance(owner, FrameType):
                kept.append(owner)
        return kept

    def places(self, x: Any, depth: int) -> list[str]:
        """Say where an object is held: a global, an attribute, a closure, a container, or another traced value."""
        found: list[str] = []
        self.own.add(id(found))
        for owner in self.owners(x):
            if isinstance(owner, CellType):
                found += self.closures(owner)
            elif isinstance(owner, dict):
                found += self.entries(owner, x, depth)
            elif isinstance(owner, (list, set, tuple, deque)) and depth:
                kind = type(owner).__name__
                further = self.places(owner, depth - 1)
                found += [f"the {kind} in {place}" for place in further] or [f"a {kind}"]
            elif isinstance(owner, Tracer) and id(owner) in self.known:
                found.append(BY_ANOTHER)
            elif isinstance(owner, Tracer) and depth:
                kind = type(owner).__name__
                found += [f"a {kind} in {place}" for place in self.places(owner, depth - 1)] or [f"a {kind}"]
            elif hasattr(owner, "__dict__"):  # of an instance, whose attributes may lie in itself
                kind = type(owner).__name__
                found += [f"the attribute {name!r} of a {kind}" for name, value in vars(owner).items() if value is x]
        return found

    def closures(self, cell: CellType) -> list[str]:
        """Name the variables of functions that a cell stands for."""
        found = []
        for owner in self.owners(cell):
            for function in self.owners(owner) if isinstance(owner, tuple) else ():
                if isinstance(function, FunctionType) and function.__closure__ is owner:
                    named = list(zip(function.__code__.co_freevars, owner))  # type: ignore[arg-type]
                    found += [f"`{name}`, which {function.__qualname__} closes over" for name, c in named if c is cell]
        return found

    def entries(self, table: dict[Any, Any], x: Any, depth: int) -> list[str]:
        """Name the entries of a dict, which may be the attributes of an object or the globals of a module."""
        keys = list(table)
        self.own.add(id(keys))
        key = next((key for key in keys if table.get(key) is x), None)
        if key is None:
            return []
        if "__builtins__" in table:
            return [f"the global `{key}` of {table.get('__name__')}"]
        for owner in self.owners(table):
            if getattr(owner, "__dict__", None) is table:
                return [f"the attribute {key!r} of a {type(owner).__name__}"]
        further = self.places(table, depth - 1) if depth else []
        return [f"[{key!r}] of {place}" for place in further] or [f"a dict under {key!r}"]
