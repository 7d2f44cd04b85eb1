"""One pass over a dataset by workers: which tasks are out, what has come back, what is next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ...core.errors import WorkerError
from .worker import Answer, End, Failure, Pass, Task


class Progress:
    """How far the latest pass of a loader has come: what its `state_dict` tells."""

    __slots__ = ("batches", "is_over", "seed", "states", "task")

    def __init__(self, seed: int, states: dict[int, Any]):
        self.seed = seed
        self.batches = 0  # that have been handed out
        self.task = 0  # the number of the first that has not
        self.states = states  # of the workers' streams
        self.is_over = False


def counted(make: Callable[[Any], Any], items: Iterator[Any], progress: Progress) -> Iterator[Any]:
    """Hand out what is made of items, counting. A generator, so that a StopIteration out of `make` does not end the pass."""
    for item in items:
        batch = make(item)
        progress.batches += 1
        progress.task += 1
        yield batch
    progress.is_over = True


class ParallelPass:
    """The batches of a pass, as workers deliver them.

    Task `n` is worker `n % workers`' in order; out of order, whoever has the least to do gets the next. A worker that has
    no more to give (of a stream) is left out from then on.
    """

    def __init__(self, pool: Any, tasks: Iterator[tuple[int, Any]], number: int, progress: Progress, options: Any):
        self._pool = pool
        self._tasks = tasks
        self._number = number
        self._progress = progress
        self._options = options
        count = options.num_workers
        pool.of_pass = number
        self._load = [0] * count  # tasks that are out, by worker
        self._exhausted: set[int] = set()
        self._owner: dict[int, int] = {}  # worker of each task that is out or waits to be handed out
        self._waiting: dict[int, Answer] = {}  # answers, by task
        for worker in range(count):
            pool.send(worker, Pass(number, progress.seed, progress.states.get(worker)))
        self._feed()

    def __iter__(self) -> ParallelPass:
        return self

    def __next__(self) -> Any:
        while self._pool is not None:
            answer = self._ready()
            if answer is None:
                if not self._owner:
                    self._finish()
                    break
                self._receive()
                continue
            worker = self._owner.pop(answer.number)
            if isinstance(answer.result, End):
                continue
            self._feed()
            if isinstance(answer.result, Failure):
                answer.result.reraise()
            if answer.state is not None:
                self._progress.states[worker] = answer.state
            self._progress.batches += 1
            self._progress.task = answer.number + 1
            return answer.result
        raise StopIteration

    def _ready(self) -> Answer | None:
        """Take the answer to hand out next, if it has come."""
        if not self._waiting:
            return None
        number = next(iter(self._owner)) if self._options.in_order else next(iter(self._waiting))
        return self._waiting.pop(number, None)

    def _receive(self) -> None:
        if not self._pool.is_open or self._pool.of_pass != self._number:
            raise WorkerError(
                "DataLoader: the workers of this pass have ended, or make another one's batches; start anew"
            )
        answer = self._pool.receive(self._options.timeout or None)
        if answer.of_pass != self._number:  # of a pass that was given up
            return
        worker = self._owner[answer.number]
        self._load[worker] -= 1
        if isinstance(answer.result, End):
            self._exhausted.add(worker)
        self._waiting[answer.number] = answer
        self._feed()

    def _feed(self) -> None:
        """Send tasks until every worker has enough to do."""
        ahead = self._options.prefetch_factor
        while len(self._exhausted) < len(self._load) and len(self._owner) < ahead * len(self._load):
            found = next(self._tasks, None)
            if found is None:
                return
            number, indices = found
            worker = number % len(self._load) if self._options.in_order else self._idlest()
            if worker in self._exhausted:
                continue
            self._owner[number] = worker
            self._load[worker] += 1
            self._pool.send(worker, Task(self._number, number, indices))

    def _idlest(self) -> int:
        return min((w for w in range(len(self._load)) if w not in self._exhausted), key=self._load.__getitem__)

    def _finish(self) -> None:
        self._progress.is_over = True
        if not self._options.persistent_workers:
            self._pool.stop()
        self._pool = None
