"""The arena: one block of memory for all values between the inputs and the outputs, shared by those not alive together.

It is needed while a plan runs, so that runs which follow one another take turns in one `Room`: those of the same function
for several sizes of the batch, and of its derivative. Memory that has not been touched before costs more than the
computation: 0.1 to 3 ms for each MiB.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

ALIGNMENT = 64  # a cache line, and the widest vector


@dataclass(slots=True)
class Arena:
    """Where each buffer lies, in bytes from the start."""

    places: dict[Hashable, int] = field(default_factory=dict)
    size: int = 0


class Room:
    """Memory for an arena, from the address `base` on."""

    __slots__ = ("base", "data", "size")

    def __init__(self, size: int):
        self.size = size
        self.data = np.empty(size + ALIGNMENT, np.uint8)
        self.base = -(-self.data.ctypes.data // ALIGNMENT) * ALIGNMENT

    def part(self, at: int, size: int) -> np.ndarray[Any, Any]:
        """Return some of it."""
        start = self.base - self.data.ctypes.data + at
        return self.data[start : start + size]


class Rooms:
    """What runs take turns in: who finds no room that is free and large enough makes one. Safe for threads.

    >>> rooms = Rooms()
    >>> large = rooms.take(100)
    >>> rooms.give(large)
    >>> rooms.take(10) is large
    True
    """

    __slots__ = ("_free",)

    def __init__(self) -> None:
        self._free: list[Room] = []

    def take(self, size: int) -> Room:
        """Return a room that is nobody else's until it is given back; one that is too small is let go."""
        try:
            room = self._free.pop()
        except IndexError:
            return Room(size)
        return room if room.size >= size else Room(size)

    def give(self, room: Room) -> None:
        """Give a room back."""
        self._free.append(room)


def lay_out(buffers: Sequence[tuple[Hashable, int, int, int]]) -> Arena:
    """Give each buffer (key, bytes, first step, last step) a place that no other alive at the same step overlaps.

    The largest come first, each at the lowest place that is free.

    >>> lay_out([("a", 64, 0, 1), ("b", 64, 1, 2), ("c", 64, 2, 3)]).places
    {'a': 0, 'b': 64, 'c': 0}
    """
    arena = Arena()
    placed: list[tuple[int, int, int, int]] = []
    for key, size, first, last in sorted(buffers, key=lambda b: -b[1]):
        size = -(-size // ALIGNMENT) * ALIGNMENT
        at = 0
        for start, end in [(start, end) for start, end, since, until in placed if since <= last and first <= until]:
            if start - at >= size:
                break
            if end > at:
                at = end
        arena.places[key] = at
        arena.size = max(arena.size, at + size)
        insort(placed, (at, at + size, first, last))
    return arena
