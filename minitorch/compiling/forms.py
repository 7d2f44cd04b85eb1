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

    def unfold(self, value: Any, found: list[Any]) -> bool:
        """Add the leaves of a container to those found; return whether it is of this form."""
        if type(value) is not self.kind:
            return False
        if self.keys is not None:
            if [*value] != self.keys:
                return False
            value = self.take(value)
        elif self.size == 0:
            return not value
        elif len(value) != self.size:
            return False
        if not self.parts:
            found += value
            return True
        for part, x in zip(self.parts, value):
            if part is None:
                found.append(x)
            elif not (part.same(x) if type(part) is Known else part.unfold(x, found)):  # type: ignore[union-attr]
                return False
        return True


class Form:
    """The form of a call whose leaves are known. `leaves` finds those of another call of this form.

    >>> one = form(({"x": 1.0}, 2), {}, ((), ()), [1.0, 2])
    >>> one.leaves(({"x": 3.0}, 5), {}), one.leaves(({"x": 3.0}, "5"), {}), one.leaves(({"y": 3.0}, 5), {})
    ((3.0, 5), None, None)
    """

    __slots__ = ("args", "buffers", "count", "kwargs", "numbers", "static")

    def __init__(self, args: Container | None, kwargs: Container | None, raw: Sequence[Any]):
        self.args = args  # None if they are the leaves themselves
        self.kwargs = kwargs  # None if there are none
        self.count = len(raw)
        self.buffers = [i for i, x in enumerate(raw) if isinstance(x, (np.ndarray, np.generic))]
        self.numbers = [(i, type(x)) for i, x in enumerate(raw) if type(x) in NUMBERS]
        self.static = [
            (i, Known(x)) for i, x in enumerate(raw) if type(x) not in NUMBERS and not isinstance(x, _ARRAYS)
        ]

    @property
    def is_plain(self) -> bool:
        """Whether the arguments themselves are the leaves, and arrays."""
        return self.args is None and not (self.numbers or self.static or self.buffers)

    def leaves(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...] | None:
        """Return the leaves of a call's arguments; None if it is of another form."""
        found = args
        if self.args is not None:
            made: list[Any] = []
            if not self.args.unfold(args, made):
                return None
            if self.kwargs is not None and not self.kwargs.unfold(kwargs, made):
                return None
            found = tuple(made)
        if (kwargs and self.kwargs is None) or len(found) != self.count:
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
    if not kwargs and not positional and not any(type(x) in _CONTAINERS for x in args):
        roots = None, None
    raw: list[Any] = [*args] if roots[0] is None else []
    for root, value in zip(roots, (args, kwargs)):
        if root is not None and not root.unfold(value, raw):
            return None
    made = Form(*roots, raw)
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
