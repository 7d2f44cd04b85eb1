"""Key reuse: which keys a program has consumed while it looks for a key that is consumed twice.

Keys are told apart by their value where it is known, so that a copy counts as the key itself; while a function is being
staged, by how they were computed. Every row of an array of keys counts for itself. Branches are held against one another:
only one of them runs.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

from . import config
from .array import Array
from .errors import KeyReuseError
from .tape import next_level, user_line
from .tracer import Tracer, Value


class Use(NamedTuple):
    """Who consumed a key, and where; the key without its tracers; the level of the innermost of these, 0 for none."""

    where: str
    key: Any
    level: int


class Ledger:
    """The keys that have been consumed."""

    def __init__(self) -> None:
        self.consumed: dict[Hashable, Use] = {}

    def consume(self, name: str, key: Value) -> None:
        """Note that a function consumes a key; raise if it was consumed before."""
        here = f"{name} at {user_line()}"
        level, inside = _innermost(key)
        rows = identities(key)
        for row in rows:
            if row in self.consumed:
                raise KeyReuseError(
                    f"{here}: the key {shown(row)} was consumed before, by {self.consumed[row].where}; the two would draw "
                    "dependent numbers. Make a key for each: a, b = split(key)"
                )
        for i, row in enumerate(rows):
            if row in self.consumed:
                raise KeyReuseError(
                    f"{here}: the batch of keys has {shown(row)} more than once, at {i} the second time; the examples "
                    "would draw the same numbers. Make a key for each: split(key, n)"
                )
            self.consumed[row] = Use(here, inside, level)

    def forget(self, key: Value) -> None:
        """Let a key be consumed once more."""
        for row in identities(key):
            self.consumed.pop(row, None)


def identities(key: Value) -> list[Hashable]:
    """Return, for each key of an array of keys, what equals for equal keys."""
    trace = None
    while isinstance(key, Tracer):
        trace, key = key._trace, key.value
    if isinstance(key, Array):
        return [(int(low), int(high)) for low, high in key.numpy().reshape(-1, 2)]
    return [] if trace is None else [("traced", trace.level, trace.provenance(key))]


def _innermost(key: Value) -> tuple[int, Any]:
    level = 0
    while isinstance(key, Tracer):
        level, key = key._trace.level, key.value
    return level, key


def shown(row: Any) -> str:
    """Return how messages call a key."""
    return "that is being traced" if row[0] == "traced" else f"{list(row)}"


def consume(name: str, key: Value) -> None:
    """Note that a function consumes a key, if somebody is watching."""
    ledger = config.key_ledger.get()
    if ledger is not None:
        ledger.consume(name, key)


class Mark:
    """A moment of the watch: what had been consumed by then, and a level above every transform of that time."""

    __slots__ = ("before", "ledger", "level")

    def __init__(self, ledger: Ledger):
        self.ledger = ledger
        self.before = dict(ledger.consumed)
        self.level = next_level()

    def since(self) -> dict[Hashable, Use]:
        """Return what has been consumed since."""
        return {row: use for row, use in self.ledger.consumed.items() if row not in self.before}

    def take_back(self) -> dict[Hashable, Use]:
        """Forget what has been consumed since, and return it."""
        uses = self.since()
        self.ledger.consumed = dict(self.before)
        return uses


def mark() -> Mark | None:
    """Return a mark of this moment, None if nobody is watching."""
    ledger = config.key_ledger.get()
    return None if ledger is None else Mark(ledger)
