"""Purity: the function of a loop or a branch is called once for all steps, so it must not change Python's state.

Looked at are the names that it closes over and the globals that it uses, with what stands in their containers; and so on
for the functions among these.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from operator import is_
from types import CellType, FunctionType, MethodType
from typing import Any, NamedTuple

from ..errors import TracerError
from ..tracebacks import is_internal

_LIMIT = 1000  # items of a container; functions
_CONTAINERS = (list, dict, set, deque, bytearray)
_EMPTY: Any = object()


class Seen(NamedTuple):
    """A name, and what it held."""

    label: str
    read: Callable[[], Any]
    value: Any
    items: tuple[Any, ...]


def seen_by(function: Any) -> list[Seen]:
    """Return the Python state that a function can see."""
    found: list[Seen] = []
    waiting, known = [function], set[int]()
    while waiting and len(known) < _LIMIT:
        each = waiting.pop()
        each = each.__func__ if isinstance(each, MethodType) else each
        if id(each) in known or not isinstance(each, FunctionType):
            continue
        known.add(id(each))
        names = list(_names_of(each))
        if not is_internal(each.__code__.co_filename):
            found += [
                Seen(label, read, value, _items(value)) for label, read in names if (value := read()) is not _EMPTY
            ]
        waiting += [value for _, read in names if isinstance(value := read(), (FunctionType, MethodType))]
    return found


def refuse_changes(function: Any, seen: list[Seen]) -> None:
    """Raise a TracerError if anything that a function could see is no longer what it was."""
    for label, read, value, items in seen:
        now = read()
        there = _items(now)
        if now is not value or len(there) != len(items) or not all(map(is_, there, items)):
            name = getattr(function, "__name__", type(function).__name__)
            raise TracerError(
                f"{name}: it changes {label}, but the function of a loop or a branch is called on traced values, and once "
                "for all steps; return what it computes (in the carry, or as an output), or look at it with debug.callback"
            )


def _names_of(function: FunctionType) -> Iterator[tuple[str, Callable[[], Any]]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        yield f"`{name}`, which it closes over", partial(_content, cell)
    scope = function.__globals__
    for name in function.__code__.co_names:
        if name in scope:
            yield f"the global `{name}`", partial(scope.get, name, _EMPTY)


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return _EMPTY


def _items(value: Any) -> tuple[Any, ...]:
    """Return what stands in a container."""
    if not isinstance(value, _CONTAINERS) or len(value) > _LIMIT:
        return ()
    return (*value, *value.values()) if isinstance(value, dict) else tuple(value)
