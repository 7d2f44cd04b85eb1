"""Generator: a key and a count of draws, as hidden state over the functions of `core/ops/sampling.py`.

Draw number n uses the key folded with n, so what a program draws follows from its seed alone. Each thread that calls
`manual_seed` has a default generator of its own from then on; the others share the process's.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.array import Array, wrap
from ..core.checkpoint import PRESERVED
from ..core.errors import ShapeError, UnsupportedError
from ..core.ops import sampling
from ..core.ops.pointwise import add
from ..core.tape import context
from ..core.tracer import Value, aval_of
from .handle import Tensor, tensor_of
from .types import device

# What the keys of draws pass through on their way: a map over examples may want other numbers for each, or none.
PASSING: ContextVar[tuple[Callable[[Value], Value], ...]] = ContextVar("PASSING", default=())

_ZERO = wrap(np.zeros((), np.int64))


class Generator:
    """A stream of random numbers.

    >>> a, b = Generator().manual_seed(3), Generator().manual_seed(3)
    >>> a.next_key().tolist() == b.next_key().tolist() != a.next_key().tolist()
    True
    """

    __slots__ = ("__weakref__", "_seed", "counter", "key", "lock")
    key: Value
    counter: Value

    def __init__(self, device: str = "cpu"):
        if str(device).partition(":")[0] != "cpu":
            raise UnsupportedError(f"Generator: device {device!r} is not supported; numbers are drawn on the cpu")
        self.lock = threading.Lock()
        self.manual_seed(_fresh_seed())

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream of a seed.

        >>> g = mt.Generator().manual_seed(3)
        >>> x = mt.rand(2, generator=g)
        >>> mt.equal(x, mt.rand(2, generator=g.manual_seed(3)))
        True
        """
        self._enter()
        self._seed = int(seed)
        self.key = sampling.key(self._seed)
        self.counter = _ZERO
        return self

    def restart(self, key: Value) -> None:
        """Start the stream of a key; `initial_seed` stays what it was."""
        self._enter()
        self.key, self.counter = key, _ZERO

    def seed(self) -> int:
        """Start the stream of a seed from the operating system, and return it."""
        return self.manual_seed(_fresh_seed())._seed

    def initial_seed(self) -> int:
        """Return the seed that the stream was started with."""
        return self._seed

    def next_key(self) -> Value:
        """Return a key that no other draw uses."""
        self._enter()
        with self.lock:
            count = self.counter
            self.counter = add(count, 1)
        key = sampling.fold_in(self.key, count)
        for each in PASSING.get():
            key = each(key)
        return key

    def _enter(self) -> None:
        """Let a function that is being recorded take this generator in as state."""
        stage: Any = context.get().stage
        if stage is not None and hasattr(self, "key"):
            stage.generator(self)

    @property
    def device(self) -> device:
        """Where numbers are drawn: the cpu."""
        return device("cpu")

    def clone_state(self) -> Generator:
        """Return another generator that continues from here."""
        made = Generator()
        made.set_state(self.get_state())
        made._seed = self._seed
        return made

    def get_state(self) -> Tensor:
        """Return the state, three uint64: the key and the count of draws."""
        key, count = Array(self.key).numpy(), Array(self.counter).item()
        return tensor_of(wrap(np.array([*key.tolist(), count], np.uint64)))

    def set_state(self, state: Any) -> None:
        """Continue from a state that `get_state` returned."""
        given = aval_of(state)
        if given.shape != (3,) or given.dtype != dtypes.uint64:
            raise ShapeError(f"set_state: a state is uint64[3], got {given}; use what get_state returned")
        low, high, count = state.tolist()
        self._enter()
        self._seed = low | high << 64
        self.key = sampling.key(self._seed)
        self.counter = wrap(np.asarray(count, np.int64))

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.get_state().numpy().copy(), self._seed)


def _restored(state: np.ndarray[Any, Any], seed: int) -> Generator:
    made = Generator()
    made.set_state(wrap(state))
    made._seed = seed
    return made


def _fresh_seed() -> int:
    return int.from_bytes(os.urandom(8), "little") >> 1


class _Own(threading.local):
    generator: Generator | None = None


_shared = Generator()
_own = _Own()


def default_generator() -> Generator:
    """Return the generator that functions without a `generator` argument draw from.

    >>> g = mt.manual_seed(5)
    >>> mt.default_generator() is g
    True
    """
    return _own.generator or _shared


def _after_fork() -> None:
    """Another thread may have been drawing when the process was forked; nobody will release that lock in the child."""
    _shared.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def manual_seed(seed: int) -> Generator:
    """Start the default generator's stream of a seed: for the whole process in the main thread, else for this thread.

    >>> manual_seed(0).initial_seed()
    0
    """
    if threading.current_thread() is not threading.main_thread() and _own.generator is None:
        _own.generator = Generator()
    return default_generator().manual_seed(seed)


def seed() -> int:
    """Start the default generator from a seed of the operating system, and return it.

    >>> number = mt.seed()
    >>> number == mt.initial_seed()
    True
    """
    return manual_seed(_fresh_seed()).initial_seed()


def initial_seed() -> int:
    """Return the seed of the default generator.

    >>> g = mt.manual_seed(5)
    >>> mt.initial_seed()
    5
    """
    return default_generator().initial_seed()


def get_rng_state() -> Tensor:
    """Return the state of the default generator.

    >>> state = mt.get_rng_state()
    >>> x = mt.rand(2)
    >>> mt.set_rng_state(state)
    >>> mt.equal(x, mt.rand(2))
    True
    """
    return default_generator().get_state()


def set_rng_state(new_state: Any) -> None:
    """Continue the default generator from a state that `get_rng_state` returned.

    >>> state = mt.get_rng_state()
    >>> x, _ = mt.rand(2), mt.set_rng_state(state)
    >>> mt.equal(x, mt.rand(2))
    True
    """
    default_generator().set_state(new_state)


def _preserve() -> Callable[[], AbstractContextManager[None]]:
    """Note the default generator's state, so that a checkpointed function draws the same numbers when it runs again."""
    generator = default_generator()
    key, counter = generator.key, generator.counter

    @contextmanager
    def repeat() -> Iterator[None]:
        now = generator.key, generator.counter
        generator.key, generator.counter = key, counter
        try:
            yield
        finally:
            generator.key, generator.counter = now

    return repeat


PRESERVED.append(_preserve)
