"""Key reuse: which keys a program has consumed while it looks for a key that is consumed twice.

Keys are told apart by their value where it is known, so that a copy counts as the key itself; while a function is being
staged, by how they were computed. Every row of an array of keys counts for itself.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from . import config
from .array import Array
from .errors import KeyReuseError
from .primitive import Tracer, Value
from .tape import user_line


class Ledger:
    """Who consumed which key, and where."""

    def __init__(self) -> None:
        self.consumed: dict[Hashable, str] = {}

    def consume(self, name: str, key: Value) -> None:
        """Note that a function consumes a key; raise if it was consumed before."""
        here = f"{name} at {user_line()}"
        rows = identities(key)
        for row in rows:
            if row in self.consumed:
                raise KeyReuseError(
                    f"{here}: the key {_shown(row)} was consumed before, by {self.consumed[row]}; the two would draw "
                    "dependent numbers. Make a key for each: a, b = split(key)"
                )
        for i, row in enumerate(rows):
            if row in self.consumed:
                raise KeyReuseError(
                    f"{here}: the batch of keys has {_shown(row)} more than once, at {i} the second time; the examples "
                    "would draw the same numbers. Make a key for each: split(key, n)"
                )
            self.consumed[row] = here

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


def _shown(row: Any) -> str:
    return "that is being traced" if row[0] == "traced" else f"{list(row)}"


def consume(name: str, key: Value) -> None:
    """Note that a function consumes a key, if somebody is watching."""
    ledger = config.key_ledger.get()
    if ledger is not None:
        ledger.consume(name, key)
