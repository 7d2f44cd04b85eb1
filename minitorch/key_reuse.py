"""`debug_keys`: look for random keys that are consumed twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .compiling.modes import OFF, mode
from .core import config
from .core.reuse import Ledger


@contextmanager
def debug_keys() -> Iterator[None]:
    """Raise a `KeyReuseError`, which names both lines, when a key is consumed twice in this `with` block.

    Drawing and `split` consume a key, `fold_in` does not. Keys are compared by value, so equal keys are one key however
    they were made; inside `vmap` each key of a batch counts, a key that no step of a loop changes counts at each, and of
    several branches one. Compiled functions run as they are written, so that what they
    consume is seen at every call; while a graph is recorded (`make_graph`, `export`), keys are told apart by how they are
    computed. Hidden generators (`manual_seed`) never use a key twice.

    >>> import minitorch as mt
    >>> from minitorch import random
    >>> k = random.key(0)
    >>> with mt.debug_keys():
    ...     x = random.normal(k)
    ...     y = random.uniform(k)
    Traceback (most recent call last):
        ...
    minitorch.core.errors.KeyReuseError: uniform at ...: the key [0, 0] was consumed before, by normal at ...
    """
    with config.setting(config.key_ledger, Ledger()), config.setting(mode, OFF):
        yield
