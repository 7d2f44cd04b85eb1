"""What a worker is, be it a process or a thread: seeds, the batches it makes, and how its errors travel.

What a batch draws follows from the seed of the pass and the number of the batch alone: not from how many workers there are,
of which kind, nor what they made before. So a pass that is resumed in the middle draws the same numbers.
"""

from __future__ import annotations

import pickle
import random
import traceback
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ...core import config
from ...core.errors import WorkerError
from ...core.ops import sampling
from ...tensor.generator import default_generator, manual_seed
from .fetching import Recipe


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A worker's number, how many there are, its seed in this pass, its dataset, and whether it is a process or a thread."""

    id: int
    num_workers: int
    seed: int
    dataset: Any
    worker_type: str


_INFO: ContextVar[WorkerInfo | None] = ContextVar("worker_info", default=None)


def get_worker_info() -> WorkerInfo | None:
    """Return what is known of the worker that calls; None outside of workers.

    The `__iter__` of a stream shares its samples out by it: `islice(samples, info.id, None, info.num_workers)`.

    >>> get_worker_info() is None
    True
    """
    return _INFO.get()


# --------------------------------------------------------------------------- messages


class Pass(NamedTuple):
    """A pass begins: its number, its seed, and the state in which the dataset is to continue, if any."""

    number: int
    seed: int
    state: Any


class Task(NamedTuple):
    """A batch to make: the pass it belongs to, its number in the pass, the indices (None of a stream)."""

    of_pass: int
    number: int
    indices: Any


class Answer(NamedTuple):
    """What became of a task; `state` is the dataset's afterwards, if it has one."""

    of_pass: int
    number: int
    result: Any
    state: Any = None


class End(NamedTuple):
    """The stream of a worker is exhausted."""


_END = End()


class Failure(NamedTuple):
    """An exception on its way to the caller."""

    kind: type[BaseException]
    message: str

    def reraise(self) -> None:
        """Raise an exception of the same class, or WorkerError if it cannot be made of a message."""
        kind: Any = self.kind
        if issubclass(kind, StopIteration):  # it would end the pass, as if there were no more batches
            raise WorkerError(self.message)
        if kind is KeyError:
            raise KeyError(_Lines(self.message))
        try:
            error = kind(message=self.message) if getattr(kind, "message", None) else kind(self.message)
        except Exception:
            error = WorkerError(self.message)
        raise error


class _Lines(str):
    """A text that KeyError, which shows the repr of its argument, shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def caught(error: BaseException, place: str) -> Failure:
    """Return an exception with its traceback as text."""
    kind = type(error)
    lines = "".join(traceback.format_exception(error))
    message = f"Caught {kind.__name__} in DataLoader {place}.\nOriginal {lines}"
    try:
        pickle.dumps(kind)
    except Exception:  # a class made inside a function cannot be named in another process
        kind = WorkerError
    return Failure(kind, message)


# --------------------------------------------------------------------------- seeds


class _Numbers(NamedTuple):
    """A generator that belongs to a worker: how it is seeded for a batch, and what tells that somebody else did."""

    seed: Callable[[int, int], None]
    state: Callable[[], Any]


def _seed_ours(seed: int, number: int) -> None:
    generator = default_generator()
    generator.restart(sampling.fold_in(sampling.key(seed), number))


_OURS = _Numbers(_seed_ours, lambda: default_generator().get_state().tolist())
_PYTHON = _Numbers(lambda seed, number: random.seed(seed << 64 | number), random.getstate)
_NUMPY = _Numbers(
    lambda seed, number: np.random.seed([seed & 0xFFFFFFFF, seed >> 32, number & 0xFFFFFFFF, number >> 32]),
    lambda: [np.asarray(x).tolist() for x in np.random.get_state()[1:]],
)
# Threads share the generators of Python and NumPy with the program around them, so those are left alone there.
_NUMBERS = {"process": (_OURS, _PYTHON, _NUMPY), "thread": (_OURS,)}


# --------------------------------------------------------------------------- the worker


class Worker:
    """Makes batches in answer to messages."""

    def __init__(self, recipe: Recipe, id: int, count: int, kind: str, init_fn: Any, default_float: Any):
        self.recipe = recipe
        self.id = id
        self.count = count
        self.kind = kind
        self.init_fn = init_fn
        self.numbers = _NUMBERS[kind]
        self.place = f"worker {kind} {id}"
        self.of_pass = -1
        self.seed = 0
        self.failure: Failure | None = None
        self.is_new = True
        # Threads share the stream's object, so it cannot tell the state of one of them.
        self.tells_state = recipe.is_stream and kind == "process" and hasattr(recipe.dataset, "state_dict")
        self.make: Callable[[Any], Any] = self._next
        self.stream: Any = None
        config.default_float.set(default_float)

    def answer(self, message: Pass | Task) -> Answer | None:
        """Do what a message says."""
        if isinstance(message, Pass):
            self._begin(message)
            return None
        if message.of_pass != self.of_pass:
            return None
        if self.failure is not None:
            return Answer(message.of_pass, message.number, self.failure)
        return Answer(message.of_pass, message.number, *self._made(message))

    def _begin(self, message: Pass) -> None:
        self.of_pass, self.seed, _ = message
        seed = message.seed + self.id
        _INFO.set(WorkerInfo(self.id, self.count, seed, self.recipe.dataset, self.kind))
        try:
            manual_seed(seed)
            for each in self.numbers[1:]:
                each.seed(seed, 0)
            if self.is_new and self.init_fn is not None:
                before = [each.state() for each in self.numbers]
                self.init_fn(self.id)
                # A generator that the function has seeded is the user's from then on.
                self.numbers = tuple(n for n, state in zip(self.numbers, before) if n.state() == state)
            if self.is_new and not self.recipe.is_stream:
                self.make = self.recipe.from_indices()
            self.is_new = False
            self.failure = None
            if self.recipe.is_stream:
                if message.state is not None:
                    self.recipe.dataset.load_state_dict(message.state)
                self.stream = self.recipe.stream()
        except Exception as error:
            self.failure = caught(error, self.place)

    def _made(self, task: Task) -> tuple[Any, Any]:
        for each in self.numbers:
            each.seed(self.seed, task.number + 1)
        try:
            result = self.make(task.indices)
            return result, self.recipe.dataset.state_dict() if self.tells_state else None
        except Exception as error:
            return caught(error, self.place), None

    def _next(self, _: Any) -> Any:
        found = next(self.stream, _END)
        return found if found is _END else self.recipe.collate_fn(found)
