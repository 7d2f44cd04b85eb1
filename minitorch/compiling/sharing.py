"""Results that share memory: with a tensor from outside the compiled function, or with one another.

A program computes values; what makes two of them one memory is how their handles were taken. A result that is a view is
therefore not computed: it is taken again, step by step, once the program has run, of the tensor that it is a view of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from ..core.errors import JitError
from ..core.tape import Node
from ..core.tracer import Value, aval_of
from ..tensor.alias import Storage, View
from ..tensor.handle import Tensor
from .capture import Argument, Capture
from .program import Same, Seen


@dataclass(frozen=True, slots=True)
class Whole:
    """A value that several results are views of, none of which is all of it; and its node."""

    value: Value
    node: Node | None


class Sharing:
    """The memory of a recording's results."""

    def __init__(self, capture: Capture, leaves: list[Any]):
        self.capture = capture
        self.hidden: list[Whole] = []
        self.count = len(leaves)
        self.places: dict[int, int] = {}  # of hidden ones, by storage
        self.groups: dict[int, dict[int, tuple[int, Tensor]]] = {}  # by storage: results by identity, with positions
        for position, x in enumerate(leaves):
            if isinstance(x, Tensor) and x._view is not None:
                self.groups.setdefault(id(x._view.storage), {}).setdefault(id(x), (position, x))

    def seen(self, x: Tensor) -> Seen | None:
        """Return how a result is taken of what it shares memory with; None if it has its memory to itself."""
        view: Any = x._view
        for base, start in self._outside(view.storage):
            if all(a is b for a, b in zip(start, view.steps)) and len(start) <= len(view.steps):
                return self._taken(x, base, len(start))
        if self._is_lost(view.storage):
            self.refuse(x)
        group = self.groups[id(view.storage)]
        if len(group) == 1:
            return None
        for position, other in group.values():
            if not other._view.steps:  # type: ignore[union-attr]
                return None if other is x else self._taken(x, position, 0)
        return self._taken(x, self._whole(view.storage, group), 0)

    def _taken(self, x: Tensor, base: Same | int, done: int) -> Seen:
        if type(x) is not Tensor or (x.node is not None and x.node.plan is None):
            self.refuse(x)
        return Seen(base, x._view.steps[done:], x.node is not None)  # type: ignore[union-attr]

    def _whole(self, storage: Storage, group: dict[int, tuple[int, Tensor]]) -> int:
        """Return the position, behind the results, of a tensor that holds a whole storage."""
        if id(storage) not in self.places:
            views: list[View] = [x._view for _, x in group.values()]  # type: ignore[misc]
            node = next((v.root.node for v in views if v.start == 0), None)
            self.places[id(storage)] = self.count + len(self.hidden)
            self.hidden.append(Whole(storage.value, node))
        return self.places[id(storage)]

    def _outside(self, storage: Storage) -> Iterator[tuple[Same, tuple[Any, ...]]]:
        """Iterate over the tensors on a storage that are there after a call, and how they are taken, long ways first."""
        found: list[tuple[Same, Tensor]] = []
        for a in self.capture.adoptions.values():
            if isinstance(a.source, Argument):
                found.append((Same(a.source.index, None), a.tensor))
            elif not hasattr(a.source, "held"):  # no slot, which may hold another tensor by then
                found.append((Same(None, a.tensor), a.tensor))
        for swapped in self.capture.slots.values():
            if (held := swapped.source.get()) is not None:
                found.append((Same(None, held, swapped.source), held))
        on_it = [(same, x._view.steps) for same, x in found if x._view is not None and x._view.storage is storage]
        return iter(sorted(on_it, key=lambda pair: -len(pair[1])))

    def _is_lost(self, storage: Storage) -> bool:
        """Return whether a storage is that of a tensor from outside which is not there any more after a call."""
        views = [a.tensor._view for a in self.capture.adoptions.values()]
        return id(storage) in self.capture.storages or any(v is not None and v.storage is storage for v in views)

    def refuse(self, x: Tensor) -> NoReturn:
        """Raise: a view that is taken anew in each call would not be what this one is."""
        raise JitError(
            f"jit: a result, {aval_of(x.current())}, shares its memory with an argument, a captured tensor or another "
            "result, and is a parameter, requires grad on its own, has attributes, or is a view of a gradient that has been "
            "replaced, so that it cannot be taken again after each call; return x.clone()"
        )
