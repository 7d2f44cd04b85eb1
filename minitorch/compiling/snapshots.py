"""Snapshots: values that differ when a container, a module or an optimizer has changed, and agree when it has not."""

from __future__ import annotations

from collections import deque
from operator import is_
from typing import Any

import numpy as np

from ..nn.module import Module
from ..optim.optimizer import Optimizer

_DEPTH, _LIMIT = 4, 1000


def snapshot(value: Any, depth: int = _DEPTH) -> Any:
    """Return a value that changes when something plain inside a container does."""
    if isinstance(value, (bool, int, float, complex, str, bytes, type(None))):
        return (type(value), repr(value) if isinstance(value, (float, complex)) else value)
    if isinstance(value, np.ndarray):
        return (value.shape, value.dtype, value.tobytes())
    if depth and isinstance(value, dict) and len(value) <= _LIMIT:
        return tuple((k, snapshot(v, depth - 1)) for k, v in value.items())
    if depth and isinstance(value, (list, tuple, deque)) and len(value) <= _LIMIT:
        return (type(value), *(snapshot(v, depth - 1) for v in value))
    if isinstance(value, (set, frozenset)):
        return frozenset(map(Same, value))
    if isinstance(value, bytearray):
        return bytes(value)
    return Same(value)


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
