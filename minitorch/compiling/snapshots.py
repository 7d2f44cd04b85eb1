"""Snapshots: values that differ when a container, a module or an optimizer has changed, and agree when it has not."""

from __future__ import annotations

from collections import ChainMap, UserDict, UserList, deque
from collections.abc import Callable, Sequence
from operator import is_
from types import MappingProxyType
from typing import Any

import numpy as np

from ..core.jit.native.pairs import CHANGEABLE
from ..nn.module import Module
from ..optim.optimizer import Optimizer

_MANY = 1000

Seen = dict[int, Any]  # the containers that a snapshot has gone through, which may hold one another


def snapshot(value: Any, seen: Seen | None = None) -> Any:
    """Return a value that changes when something plain inside a container does, however deep."""
    if isinstance(value, (bool, int, float, complex, str, bytes, type(None))):
        return (type(value), repr(value) if isinstance(value, (float, complex)) else value)
    if not isinstance(value, (*CHANGEABLE, tuple, frozenset)):
        return Same(value)
    seen = {} if seen is None else seen
    if id(value) in seen:
        return Same(value)
    seen[id(value)] = value
    return next((type(value), content(value, seen)) for kind, content in _CONTENTS if isinstance(value, kind))


def _elements(values: Sequence[Any], seen: Seen) -> Any:
    """Return what is in a sequence. Many elements that cannot change themselves are compared at the speed of C."""
    if len(values) > _MANY and not any(issubclass(k, (*CHANGEABLE, tuple)) for k in set(map(type, values))):
        return Many(values)
    return tuple([snapshot(v, seen) for v in values])


_CONTENTS: tuple[tuple[Any, Callable[[Any, Seen], Any]], ...] = (
    (np.ndarray, lambda x, seen: (x.shape, x.dtype, x.tobytes())),
    ((dict, MappingProxyType, ChainMap, UserDict), lambda x, seen: (*x, _elements([*x.values()], seen))),
    ((list, tuple, deque, UserList), lambda x, seen: _elements([*x], seen)),
    ((set, frozenset), lambda x, seen: frozenset(map(Same, x))),
    (object, lambda x, seen: bytes(x)),  # what C would make of it: an array of numbers, a structure
)


class Many:
    """Equal to what holds the same objects, or equal numbers."""

    __slots__ = ("values",)

    def __init__(self, values: Sequence[Any]):
        self.values = values

    def __eq__(self, other: object) -> bool:
        if type(other) is not Many or len(self.values) != len(other.values):
            return False
        pairs = zip(self.values, other.values)
        return all(map(is_, self.values, other.values)) or all(a is b or snapshot(a) == snapshot(b) for a, b in pairs)

    def __hash__(self) -> int:
        return len(self.values)


class Same:
    """Equal to what holds the very same object, which it keeps alive: an `id` could be given to another."""

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return type(other) is Same and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def kind(module: Module) -> Any:
    """Return the class, the mode and the plain attributes of a module and those inside it, but no tensors."""
    return tuple(
        (type(m), tuple((n, snapshot(v)) for n, v in vars(m).items() if n not in m._kinds)) for m in module.modules()
    )


def signature(module: Module) -> Any:
    """Return a module's structure, mode and plain attributes."""
    return tuple((name, snapshot(value)) for name, value in vars(module).items())


# Numbers that change from step to step; programs read them instead of remembering them, unless they are zero.
LIFTED = ("lr", "momentum", "weight_decay")


def options(optimizer: Optimizer) -> Any:
    """Return an optimizer's groups, without the numbers that a program reads at each call."""
    return [[(name, _option(name, value)) for name, value in group.items()] for group in optimizer.param_groups]


class Group:
    """A group of an optimizer, to be compared by identity."""

    __slots__ = ("count", "fixed", "group", "groups", "optimizer", "params", "values")

    def __init__(self, optimizer: Optimizer, group: dict[str, Any]):
        self.optimizer, self.groups, self.group = optimizer, optimizer.param_groups, group
        self.count = len(self.groups)
        self.params = list(group["params"])
        self.fixed = [(n, v) for n, v in group.items() if n != "params" and _option(n, v) is v]
        self.values = list(group.values())

    def same(self) -> bool:
        """Return whether it is as it was; False may only mean that equal values are other objects."""
        group = self.group
        if self.optimizer.param_groups is not self.groups or len(self.groups) != self.count:
            return False
        if len(group) != len(self.values):
            return False
        if not all(map(is_, group.values(), self.values)):
            if any(group.get(n) is not v for n, v in self.fixed) or options_differ(group, self.values):
                return False
            self.values = list(group.values())
        params = group["params"]
        return len(params) == len(self.params) and all(map(is_, params, self.params))


def options_differ(group: dict[str, Any], values: list[Any]) -> bool:
    """Return whether a number that a program reads has become zero, or something else than a number, or the reverse."""
    return any(_option(n, now) != _option(n, then) for (n, now), then in zip(group.items(), values) if n in LIFTED)


def _option(name: str, value: Any) -> Any:
    if name == "params":
        return [*map(id, value)]
    return float if name in LIFTED and type(value) is float and value != 0.0 else value
