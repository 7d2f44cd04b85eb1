"""Forms: what a call looks like, apart from its arrays.

Most calls come in the form of the call before: the same containers with the same keys, the same static arguments, numbers
where there were numbers. A form compares that, and finds the leaves, without asking the registry of trees.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import is_, itemgetter
from types import MappingProxyType
from typing import Any

import numpy as np

from ..core import tree
from ..core.array import Array
from ..core.ops.families import as_array
from ..core.tracer import Tracer
from ..nn.module import Module
from .module_forms import ModuleForm, module_form

_BY_VALUE = (str, bytes, int, bool, type(None))  # of one type, these are the same if they are equal
NUMBERS = (int, float, complex)
_ARRAYS = (Array, Tracer, np.ndarray, np.generic)
_SEQUENCES = (tuple, list, type(None))


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

    def read(self, reading: Reading, value: str) -> Sequence[str]:
        """Write what compares another value."""
        reading.refuse(f"not {reading.constant(self.same)}({value})")
        return ()


@dataclass(frozen=True, slots=True)
class Container:
    """A tuple, list, dict, None, or node of a registered class: what it is made of.

    A dict has its keys as they stand, and what takes its values in the order of the leaves: that of sorted keys, or its own
    if it is an ordered one; a node has what takes it apart, and its metadata. `parts` say what the parts are, if not all
    are leaves.
    """

    kind: type
    size: int
    keys: list[Any] | None
    take: Callable[[Any], Any] | None
    parts: tuple[Container | ModuleForm | Known | None, ...]
    metadata: Any = None

    def read(self, reading: Reading, value: str) -> Sequence[str]:
        """Write what takes such a container apart; return the expressions for its leaves."""
        reading.refuse(f"type({value}) is not {reading.constant(self.kind)}")
        if self.keys is not None:
            reading.refuse(f"[*{value}] != {reading.constant(self.keys)}")
            value = f"{reading.constant(self.take)}({value})"
        elif self.kind is type(None):
            return ()
        elif self.take is not None:
            children = reading.bound(f"{reading.constant(self.take)}({value})")
            reading.refuse(f"{children}[1] != {reading.constant(self.metadata)}")
            value = f"{children}[0]"
        else:
            reading.refuse(f"len({value}) != {self.size}")
        if not self.parts:
            return (f"*{value}",)
        names = [reading.name() for _ in self.parts]
        reading.lines.append(f"[{', '.join(names)}] = {value}")
        return [
            x for part, name in zip(self.parts, names) for x in ([name] if part is None else part.read(reading, name))
        ]


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
        self.behind: list[str] = []  # expressions for leaves that come behind all others
        self.found = [leaf for name, root in zip(self.names, roots) for leaf in root.read(self, name)] + self.behind

    def function(self) -> Callable[..., tuple[Any, ...] | None]:
        """Return the function, which takes the roots; its result is None if they are of another form."""
        lines = [*self.lines, f"return ({' '.join(f'{x},' for x in self.found)})"]
        exec("\n    ".join([f"def read({', '.join(self.names)}):", *lines]), self.space)
        return self.space["read"]  # type: ignore[no-any-return]

    def refuse(self, condition: str) -> None:
        """Write that there are no such leaves under a condition."""
        self.lines.append(f"if {condition}: return None")

    @contextmanager
    def indented(self) -> Iterator[None]:
        """Write inside of the statement that was last begun."""
        outer, self.lines = self.lines, []
        yield
        outer += [f"    {line}" for line in self.lines]
        self.lines = outer

    def constant(self, value: Any) -> str:
        """Return a name for an object."""
        self.space[name := self.name()] = value
        return name

    def bound(self, expression: str) -> str:
        """Write an assignment to a new name, and return that."""
        self.lines.append(f"{(name := self.name())} = {expression}")
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

    __slots__ = ("are_arrays", "buffers", "count", "has_kwargs", "numbers", "read", "static", "twins")

    def __init__(self, read: Callable[..., tuple[Any, ...] | None] | None, has_kwargs: bool, raw: Sequence[Any]):
        self.read = read  # what finds the leaves, None if the arguments are these themselves
        self.has_kwargs = has_kwargs
        self.count = len(raw)
        self.buffers = [i for i, x in enumerate(raw) if isinstance(x, (np.ndarray, np.generic))]
        places = {id(x): i for i, x in reversed([*enumerate(raw)]) if isinstance(x, Tracer)}
        self.twins = [(i, places[id(x)]) for i, x in enumerate(raw) if places.get(id(x), i) != i]  # the same tensor
        self.numbers = [(i, type(x)) for i, x in enumerate(raw) if is_number(x)]
        self.static = [(i, Known(x)) for i, x in enumerate(raw) if not is_number(x) and not isinstance(x, _ARRAYS)]
        self.are_arrays = not (self.numbers or self.static or self.buffers or self.twins)  # each apart from the others

    @property
    def is_plain(self) -> bool:
        """Whether the arguments themselves are the leaves, and arrays."""
        return self.read is None and self.are_arrays

    def leaves(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...] | None:
        """Return the leaves of a call's arguments; None if it is of another form."""
        found: tuple[Any, ...] | None
        if self.read is None:
            found = None if kwargs or len(args) != self.count else args
        elif self.has_kwargs:
            found = self.read(args, kwargs)
        else:
            found = None if kwargs else self.read(args)
        return found if found is None or self.are_arrays else self._checked(found)

    def _checked(self, found: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Return the leaves, None if one is not of the kind that it was."""
        for i, kind in self.numbers:
            if type(found[i]) is not kind:
                return None
        for i, known in self.static:
            if not known.same(found[i]):
                return None
        for i, j in self.twins:
            if found[i] is not found[j]:
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
    assert roots[0] is not None
    is_nested = kwargs or roots[0].parts
    read = Reading([root for root in roots if root is not None]).function() if is_nested else None
    raw = args if read is None else read(args, kwargs) if kwargs else read(args)
    if raw is None:
        return None
    made = Form(read, bool(kwargs), raw)
    expected = [x if isinstance(y, (np.ndarray, np.generic)) else y for x, y in zip(leaves, raw)]
    return made if len(raw) == len(leaves) and all(map(is_, leaves, expected)) else None


def _part(value: Any) -> Container | ModuleForm | None:
    return module_form(value) if isinstance(value, Module) else _container(value)


def _container(value: Any, static: Mapping[Any, Any] = MappingProxyType({})) -> Container | None:
    """Return what a value is as a container, some parts of which are static; None if it is a leaf, or of another kind."""
    kind, metadata = type(value), None
    keys, take = None, None
    if kind in (dict, OrderedDict):
        keys = [*value]
        try:
            order = keys if kind is OrderedDict else sorted(keys)
        except TypeError:  # keys of several types
            return None
        items, take = [(k, value[k]) for k in order], _taking(order)
    elif kind in _SEQUENCES or (isinstance(value, tuple) and hasattr(kind, "_fields")):
        items = [*enumerate(value or ())]
    elif (take := None if isinstance(value, _ARRAYS) else tree.apart(kind)) is not None:
        children, metadata, *_ = take(value)
        items = [*enumerate(children)]
    else:
        return None
    parts = tuple([Known(static[k]) if k in static else _part(x) for k, x in items])
    return Container(kind, len(items), keys, take, parts if any(parts) else (), metadata)


def _taking(keys: list[Any]) -> Callable[[Any], Sequence[Any]]:
    """Return what takes the values of these keys."""
    if len(keys) > 1:
        return itemgetter(*keys)
    return lambda table: [table[k] for k in keys]
