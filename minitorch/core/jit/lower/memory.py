"""The arena: one block of memory for all values between the inputs and the outputs, shared by those not alive together."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

ALIGNMENT = 64  # a cache line, and the widest vector


@dataclass(slots=True)
class Arena:
    """Where each buffer lies, in bytes from the start."""

    places: dict[Hashable, int] = field(default_factory=dict)
    size: int = 0


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
        for start, end, _, _ in sorted(p for p in placed if p[2] <= last and first <= p[3]):
            if start - at >= size:
                break
            at = max(at, end)
        arena.places[key] = at
        arena.size = max(arena.size, at + size)
        placed.append((at, at + size, first, last))
    return arena
