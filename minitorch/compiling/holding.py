"""Holding: cells and slots, and who else holds what they hold.

A gradient, or an entry of an optimizer's state, is found by the slot it is in; the same tensor may be an argument, captured
by the function, or in another slot. A program is right for one such pattern only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from sys import getrefcount
from typing import Any

from ..core.errors import GradError
from ..core.tracer import Value
from ..tensor.handle import GradCell, Tensor


@dataclass(frozen=True, slots=True)
class Pin:
    """A tensor that must be the one in a slot: the recording has not told whether it was read there or elsewhere."""

    slot: Any
    tensor: Tensor

    def holds(self, leaves: Sequence[Any]) -> bool:
        """Return whether the slot holds it."""
        return self.slot.held(leaves) is self.tensor


def is_held_elsewhere(get: Callable[[], Any]) -> bool:
    """Return whether what a slot holds, which `get` returns, is held by anybody else."""
    return getrefcount(get()) > _references()


@cache
def _references() -> int:
    """Return how many references there are to what one slot alone holds, as they are counted in a call."""
    cell = GradCell(True, Tensor)
    cell.grad = object.__new__(Tensor)
    get = lambda: cell.grad  # noqa: E731
    return getrefcount(get())


def held_by_slots(tensors: Sequence[Tensor | None], elsewhere: Sequence[Any]) -> frozenset[tuple[int, int]]:
    """Return which of the tensors in slots are elsewhere, too: at place i of that, or in slot number ~i, and in slot k.

    Elsewhere are the leaves of the arguments, and captured tensors. The same for the memory that tensors share, behind.
    """
    own = [None if x is None else id(x) for x in tensors]
    others = [id(x) if isinstance(x, Tensor) else None for x in elsewhere]
    found = _coinciding(own, others)
    if any(x is not None and x._view is not None for x in tensors):
        found |= {
            (i, k + len(own)) for i, k in _coinciding(*([_memory(x) for x in each] for each in (tensors, elsewhere)))
        }
    return found


def _coinciding(own: Sequence[int | None], others: Sequence[int | None]) -> frozenset[tuple[int, int]]:
    places = {x: i for i, x in enumerate(others) if x is not None}
    found = ((places.setdefault(x, ~k), k) for k, x in enumerate(own) if x is not None)
    return frozenset((i, k) for i, k in found if i != ~k)


def _memory(x: Any) -> int | None:
    """Return the identity of the memory that a tensor shares, None if it shares none."""
    return id(x._view.storage) if isinstance(x, Tensor) and x._view is not None else None


class Refusing:
    """The cell of a tensor from outside that was itself computed: a backward pass inside must not reach it."""

    def receive(self, g: Value) -> Value:
        """Raise."""
        raise GradError(
            "backward: inside a compiled function it reached a tensor that was computed, and recorded, outside; call "
            "detach() on the tensor first, or compile the function that computes it, too"
        )

    def filtered(self, g: Value) -> Value:
        """Let pass: nobody takes this one."""
        return g
