"""Forms: what a call looks like, apart from its arrays.

Most calls come in the form of the call before: the same containers with the same keys, the same static arguments, numbers
where there were numbers. A form compares that, and finds the leaves, without asking the registry of trees.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import is_, itemgetter
from types import MappingProxyType
from typing import Any

import numpy as np

from ..core.array import Array
from ..core.ops.families import as_array
from ..core.primitive import Tracer

_BY_VALUE = (str, bytes, int, bool, type(None))  # of one type, these are the same if they are equal
NUMBERS = (int, float, complex)
_ARRAYS = (Array, Tracer, np.ndarray, np.generic)
_CONTAINERS = (tuple, list, dict, type(None))


def is_number(x: Any) -> bool:
    """Return whether a value is a number that may be another in the next call: one that an array can hold."""
    return type(x) in NUMBERS and not (type(x) is int and x.bit_length() > 63)


@dataclass(frozen=True, slots=True)
class Known:
    """A static argument, which is no leaf."""

    value: Any

    def same(self, x: Any) -> bool:
        """Return whether another value is sure to be the same."""
        return x is self.value or (type(x) is type(self.value) and type(x) in _BY_VALUE and x == self.value)


@dataclass(frozen=True, slots=True)
class Container:
    """A tuple, list, dict or None: a dict's keys as they stand, and what takes its values in the order of sorted keys.

    `parts` say what the parts are, if not all are leaves.
    """

    kind: type
    size: int
    keys: list[Any] | None
    take: Callable[[Any], Sequence[Any]]
    parts: tuple[Container | Known | None, ...]


class Reading:
    """The text of a function that finds the leaves in containers of a known form: 0.5 us for a dict of 20.

    >>> read = Reading([_container(({"x": 1.0}, 2))]).function()
    >>> read(({"x": 3.0}, 5)), read(({"y": 3.0}, 5))
    ((3.0, 5), None)
    """

    def __init__(self, roots: Sequence[Container]):
        self.space: dict[str, Any] = {}
        self.lines: list[str] = []
        self.names = [f"r{i}" for i in range(len(roots))]
        self.count = 0
        self.found = [leaf for name, root in zip(self.names, roots) for leaf in self.leaves(root, name)]

    def function(self) -> Callable[..., tuple[Any, ...] | None]:
        """Return the function, which takes the roots; its result is None if they are of another form."""
        lines = [*self.lines, f"return ({' '.join(f'{x},' for x in self.found)})"]
        exec("\n    ".join([f"def read({', '.join(self.names)}):", *lines]), self.space)
        return self.space["read"]  # type: ignore[no-any-return]

    def leaves(self, container: Container, value: str) -> list[str]:
        """Write what takes a container apart; return the expressions for its leaves."""
        kind = self.constant(container.kind)
        self.refuse(f"type({value}) is not {kind}")
        if container.keys is not None:
            self.refuse(f"[*{value}] != {self.constant(container.keys)}")
            value = f"{self.constant(container.take)}({value})"
        elif container.kind is type(None):
            return []
        else:
            self.refuse(f"len({value}) != {container.size}")
        if not container.parts:
            return [f"*{value}"]
        names = [self.name() for _ in container.parts]
        self.lines.append(f"[{', '.join(names)}] = {value}")
        return [leaf for part, name in zip(container.parts, names) for leaf in self.part(part, name)]

    def part(self, part: Container | Known | None, name: str) -> list[str]:
        """Write what takes a part apart; return the expressions for its leaves."""
        if part is None:
            return [name]
        if isinstance(part, Container):
            return self.leaves(part, name)
        self.refuse(f"not {self.constant(part.same)}({name})")
        return []

    def refuse(self, condition: str) -> None:
        """Write that there are no such leaves under a condition."""
        self.lines.append(f"if {condition}: return None")

    def constant(self, value: Any) -> str:
        """Return a name for an object."""
        self.space[name := self.name()] = value
        return name

    def name(self) -> str:
        """Return a new name."""
        self.count += 1
        return f"v{self.count}"


class Form:
    """The form of a call whose leaves are known. `leaves` finds those of another call of this form.

    >>> one = form(({"x": 1.0}, 2), {}, ((), ()), [1.0, 2])
    >>> one.leaves(({"x": 3.0}, 5), {}), one.leaves(({"x": 3.0}, "5"), {}), one.leaves(({"y": 3.0}, 5), {})
    ((3.0, 5), None, None)
    """

    __slots__ = ("buffers", "count", "has_kwargs", "numbers", "read", "static")

    def __init__(self, read: Callable[..., tuple[Any, ...] | None] | None, has_kwargs: bool, raw: Sequence[Any]):
        self.read = read  # what finds the leaves, None if the arguments are these themselves
        self.has_kwargs = has_kwargs
        self.count = len(raw)
        self.buffers = [i for i, x in enumerate(raw) if isinstance(x, (np.ndarray, np.generic))]
        self.numbers = [(i, type(x)) for i, x in enumerate(raw) if is_number(x)]
        self.static = [(i, Known(x)) for i, x in enumerate(raw) if not is_number(x) and not isinstance(x, _ARRAYS)]

    @property
    def is_plain(self) -> bool:
        """Whether the arguments themselves are the leaves, and arrays."""
        return self.read is None and not (self.numbers or self.static or self.buffers)

    def leaves(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...] | None:
        """Return the leaves of a call's arguments; None if it is of another form."""
        if kwargs and not self.has_kwargs:
            return None
        found = args
        if self.read is not None:
            read = self.read(args, kwargs) if self.has_kwargs else self.read(args)
            if read is None:
                return None
            found = read
        if len(found) != self.count:
            return None
        for i, kind in self.numbers:
            if type(found[i]) is not kind:
                return None
        for i, known in self.static:
            if not known.same(found[i]):
                return None
        return self._converted(found) if self.buffers else found

    def _converted(self, found: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Return the leaves with Arrays for NumPy's."""
        made = [*found]
        for i in self.buffers:
            if not isinstance(made[i], (np.ndarray, np.generic)):
                return None
            made[i] = as_array(made[i])
        return tuple(made)


def form(args: tuple[Any, ...], kwargs: dict[str, Any], static: Any, leaves: Sequence[Any]) -> Form | None:
    """Return the form of a call with these leaves; None if there are containers of other kinds."""
    positional, named = static or ((), ())
    roots = _container(args, dict(positional)), _container(kwargs, dict(named)) if kwargs else None
    is_nested = kwargs or positional or any(type(x) in _CONTAINERS for x in args)
    read = Reading([root for root in roots if root is not None]).function() if is_nested else None
    raw = args if read is None else read(args, kwargs) if kwargs else read(args)
    if raw is None:
        return None
    made = Form(read, bool(kwargs), raw)
    expected = [x if isinstance(y, (np.ndarray, np.generic)) else y for x, y in zip(leaves, raw)]
    return made if len(raw) == len(leaves) and all(map(is_, leaves, expected)) else None


def _container(value: Any, static: Mapping[Any, Any] = MappingProxyType({})) -> Container | None:
    """Return what a value is as a container, some parts of which are static; None if it is a leaf, or of another kind."""
    if type(value) not in _CONTAINERS:
        return None
    keys = [*value] if type(value) is dict else None
    try:
        order = sorted(keys or [])
    except TypeError:  # keys of several types
        return None
    items = [(k, value[k]) for k in order] if keys is not None else [*enumerate(value or ())]
    parts = tuple([Known(static[k]) if k in static else _container(x) for k, x in items])
    return Container(type(value), len(items), keys, _taking(order), parts if any(parts) else ())


def _taking(keys: list[Any]) -> Callable[[Any], Sequence[Any]]:
    """Return what takes the values of these keys."""
    if len(keys) > 1:
        return itemgetter(*keys)
    return lambda table: [table[k] for k in keys]
