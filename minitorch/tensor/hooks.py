"""RemovableHandle: what registering a hook returns, on tensors, modules and optimizers alike; hooks that hold nothing.

Knows only the table that the hook stands in, not who calls it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any


class Changes:
    """Counts the changes to hooks, and to any module's structure, mode or attributes: compiled programs notice them."""

    count = 0


changes = Changes()


class RemovableHandle:
    """Puts a hook into a table, before all others with `prepend`, and removes it again."""

    def __init__(self, table: dict[int, Any], hook: Any, prepend: bool = False):
        self.id = max(table, default=-1) + 1
        self.table = table
        others = dict(table) if prepend else {}
        if prepend:
            table.clear()
        table[self.id] = hook
        table.update(others)
        changes.count += 1

    def remove(self) -> None:
        """Take the hook out; a second time does nothing."""
        self.table.pop(self.id, None)
        changes.count += 1

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


class AfterGrad:
    """A hook that is called with its tensor, which it must not keep alive, when the gradient is there."""

    __slots__ = ("hook", "tensor")

    def __init__(self, hook: Callable[[Any], Any], tensor: Any):
        self.hook = hook
        self.tensor = weakref.ref(tensor)

    def run(self) -> None:
        tensor = self.tensor()
        if tensor is not None:
            self.hook(tensor)
