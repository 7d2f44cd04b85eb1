"""DataLoader: batches of a dataset, in order or shuffled, made here or by workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count, islice, repeat
from typing import Any, Generic, TypeVar

from ...core.errors import ArgumentError, StateError
from ...core.tracer import Tracer
from ...tensor.generator import Generator, default_generator
from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .fetching import Recipe
from .iterating import ParallelPass, Progress, counted
from .sampler import BatchSampler, RandomSampler, SequentialSampler, forget_order, load_state, state_of, whole_order

Batch = TypeVar("Batch", covariant=True)
# What other attributes were made of.
_FIXED = frozenset(("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"))


class DataLoader(Generic[Batch]):
    """Iterate over a dataset in batches; each `iter` is one pass.

    With `shuffle`, every pass has an order of its own, drawn from `generator`. `batch_size=None` gives single samples. A
    `sampler` gives the indices, a `batch_sampler` lists of them; `collate_fn` makes a batch of a list of samples. Batches of
    a TensorDataset are cut from its tensors directly: slices in order, one gather each when shuffled. `pin_memory` has no
    effect on the CPU.

    With `num_workers`, so many processes make the batches, each `prefetch_factor` of them (2 if not given) ahead; with
    `worker_type="thread"` threads do, which start at once, share the dataset and send nothing, and pay when samples are
    read from files or made by NumPy, which let others run. `multiprocessing_context` says how processes are started
    ("fork", "spawn", "forkserver"; None for Python's default). `worker_init_fn(id)` runs first in each. What a batch draws
    follows from `generator` and its number alone, not from the workers. `persistent_workers` stay for the next pass.
    `timeout` is in seconds for a batch. Without `in_order` batches are given as they come.

    `state_dict()` tells, at any time, where the latest pass is; a loader like this one goes on there after
    `load_state_dict`.

    Raises ArgumentError for options that contradict each other, WorkerError if a worker dies or is too late, and what the
    dataset raises in a worker, as an exception of the same class with the worker's traceback in its message.

    >>> from minitorch.tensor.creation import arange
    >>> from .dataset import TensorDataset
    >>> [x for (x,) in DataLoader(TensorDataset(arange(5)), batch_size=2)]
    [tensor([0, 1]), tensor([2, 3]), tensor([4])]
    >>> len(list(DataLoader(range(10), batch_size=3, num_workers=2, worker_type="thread")))
    4
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
        worker_type: str = "process",
    ):
        is_stream = isinstance(dataset, IterableDataset)
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context, worker_type)
        _check_exclusive(is_stream, batch_size, shuffle, sampler, batch_sampler, drop_last)
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self.worker_type = worker_type
        if sampler is None and not is_stream:
            sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        if batch_sampler is not None:
            batch_size, drop_last = None, False
        elif batch_size is not None:
            batch_sampler = BatchSampler(sampler or (), batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.collate_fn = collate_fn or (default_convert if batch_sampler is None else default_collate)
        self._is_stream = is_stream
        self._passes = 0
        self._pool: Any = None  # of persistent workers
        self._progress: Progress | None = None  # of the latest pass
        self._resumed: dict[str, Any] | None = None  # where the next pass starts

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and name in vars(self):
            raise ArgumentError(f"DataLoader: {name} cannot change after the loader was made; make another one")
        super().__setattr__(name, value)

    def __iter__(self) -> Iterator[Batch]:
        state, self._resumed = self._resumed, None
        if state is None:
            state = {"seed": self._drawn_seed(), "batches": 0, "task": 0, "streams": {}}
        self._progress = Progress(state["seed"], dict(state["streams"]))
        make = self._parallel if self.num_workers else self._serial
        return make(state["batches"], state["task"], self._progress)

    def _drawn_seed(self) -> int:
        """Draw what the draws of workers follow from: also without workers, so that the order is the same with them."""
        key = (self.generator or default_generator()).next_key()
        if isinstance(key, Tracer) and not self.num_workers:  # jit records the pass; nobody asks for the seed
            return 0
        seed: int = key.tolist()[0] >> 1
        return seed

    # ------------------------------------------------------------------ in this process

    def _recipe(self) -> Recipe:
        is_batched = self.batch_sampler is not None
        return Recipe(self.dataset, self.collate_fn, is_batched, self._is_stream, self.batch_size, self.drop_last)

    def _serial(self, done: int, task: int, progress: Progress) -> Iterator[Any]:
        recipe = self._recipe()
        if not self._is_stream:
            progress.batches, progress.task = done, task
            return counted(recipe.from_indices(), self._indices(recipe, done), progress)
        state = progress.states.get(0)
        load_state(self.dataset, state)
        batches = counted(self.collate_fn, recipe.stream(), progress)
        if state is not None:
            progress.batches, progress.task = done, task
        else:
            _skip(batches, done)
        return batches

    def _indices(self, recipe: Recipe, done: int) -> Iterator[Any]:
        """Return the indices of the batches after the first `done` ones, as slices or arrays where they can be."""
        if self.batch_sampler is None:
            return islice(self.sampler, done, None)  # type: ignore[arg-type]
        if type(self.batch_sampler) is BatchSampler and recipe.rows() is not None:
            return self._cut(done)
        return islice(self.batch_sampler, done, None)

    def _cut(self, done: int) -> Iterator[Any]:
        size = self.batch_size
        if size is None:  # a BatchSampler of the user's
            return islice(self.batch_sampler, done, None)  # type: ignore[arg-type]
        order = whole_order(self.sampler)
        n = len(order) - len(order) % size if self.drop_last else len(order)
        starts = range(done * size, n, size)
        if isinstance(order, range):
            return (slice(start, min(start + size, n)) for start in starts)
        return (order[start : min(start + size, n)] for start in starts)

    # ------------------------------------------------------------------ by workers

    def _parallel(self, done: int, task: int, progress: Progress) -> Iterator[Any]:
        recipe = self._recipe()
        repeated = done if self._is_stream and not progress.states else 0
        if not repeated:
            progress.batches, progress.task = done, task
        indices = repeat(None) if self._is_stream else self._indices(recipe, done)
        tasks = zip(count(progress.task), indices)
        self._passes += 1
        batches = ParallelPass(self._workers(recipe), tasks, self._passes, progress, self)
        _skip(batches, repeated)
        return batches

    def _workers(self, recipe: Recipe) -> Any:
        """Return workers: those of the last pass if they are to stay, else new ones."""
        if self._pool is not None and self._pool.is_open:
            return self._pool
        from .pool import Processes, Threads  # multiprocessing takes 10 ms to import

        if self.worker_type == "thread":
            pool: Any = Threads(recipe, self.num_workers, self.worker_init_fn)
        else:
            pool = Processes(recipe, self.num_workers, self.worker_init_fn, self.multiprocessing_context)
        self._pool = pool if self.persistent_workers else None
        return pool

    # ------------------------------------------------------------------ the rest

    def __len__(self) -> int:
        if self.batch_sampler is None:
            return len(self.dataset if self._is_stream else self.sampler)  # type: ignore[arg-type]
        if not self._is_stream:
            return len(self.batch_sampler)  # type: ignore[arg-type]
        n = len(self.dataset)
        assert self.batch_size is not None
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def state_dict(self) -> dict[str, Any]:
        """Return where the latest pass is, and what later passes are drawn from; `mt.save` takes it.

        A pass that has not been walked to its end goes on after the batches that have been handed out. The default
        generator is not part of it (`mt.get_rng_state`), nor are samplers and streams that have no `state_dict()`: their
        indices or samples are walked through again.
        """
        progress = self._progress
        state: dict[str, Any] = {"workers": self.num_workers, "pass": self._resumed}
        if progress is not None and not progress.is_over and self._resumed is None:
            if not self.in_order and self.num_workers:
                raise StateError("DataLoader.state_dict: a pass with in_order=False has no place to go on from")
            streams = progress.states
            if self._is_stream and not self.num_workers and hasattr(self.dataset, "state_dict"):
                streams = {0: self.dataset.state_dict()}
            places = {"batches": progress.batches, "task": progress.task, "streams": dict(streams)}
            state["pass"] = {"seed": progress.seed, **places}
        state["sampler"] = state_of(self.batch_sampler if self.batch_sampler is not None else self.sampler)
        state["generator"] = None if self.generator is None else self.generator.get_state()
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Let the next pass go on where `state_dict()` was taken, in a loader with the same dataset and options."""
        known = {"workers", "pass", "sampler", "generator"}
        if not isinstance(state_dict, dict) or not known <= state_dict.keys():
            raise StateError(f"DataLoader.load_state_dict: a state has the entries {sorted(known)}")
        running = state_dict["pass"]
        if self._is_stream and running is not None and state_dict["workers"] != self.num_workers:
            raise StateError(
                f"DataLoader.load_state_dict: the stream was shared by {state_dict['workers']} workers, this loader has "
                f"{self.num_workers}; resume with num_workers={state_dict['workers']}"
            )
        sampler = self.batch_sampler if self.batch_sampler is not None else self.sampler
        load_state(sampler, state_dict["sampler"])
        if running is None:
            forget_order(sampler)
        if self.generator is not None and state_dict["generator"] is not None:
            self.generator.set_state(state_dict["generator"])
        self._resumed = running
        self._progress = None


def _skip(batches: Iterator[Any], done: int) -> None:
    for _ in islice(batches, done):
        pass


def _check_workers(
    num_workers: Any, timeout: Any, prefetch: Any, persistent: Any, context: Any, worker_type: Any
) -> None:
    """Raise on options of workers that are wrong, or that nobody is there to follow."""
    if not isinstance(num_workers, int) or num_workers < 0:
        raise ArgumentError(f"DataLoader: num_workers option should be non-negative, got {num_workers!r}; 0 for none")
    if timeout < 0:
        raise ArgumentError(f"DataLoader: timeout option should be non-negative, got {timeout!r}; 0 for none")
    if worker_type not in ("process", "thread"):
        raise ArgumentError(f"DataLoader: worker_type is 'process' or 'thread', got {worker_type!r}")
    if prefetch is not None and prefetch < 1:
        raise ArgumentError(f"DataLoader: prefetch_factor must be positive, got {prefetch!r}; 1 for one batch ahead")
    given = {"prefetch_factor": prefetch, "persistent_workers": persistent, "multiprocessing_context": context}
    for name, value in given.items():
        if value and not num_workers:
            raise ArgumentError(f"DataLoader: {name} option needs num_workers > 0, got {name}={value!r}")
    if context is not None and worker_type == "thread":
        raise ArgumentError("DataLoader: multiprocessing_context does not apply to worker_type='thread'; leave one out")
    if isinstance(context, str):
        import multiprocessing

        methods = multiprocessing.get_all_start_methods()
        if context not in methods:
            raise ArgumentError(
                f"DataLoader: multiprocessing_context option should specify a valid start method in {methods!r}, got "
                f"{context!r}"
            )


def _check_exclusive(
    is_stream: bool, batch_size: int | None, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: bool
) -> None:
    """Raise on options that contradict each other."""
    if is_stream and (shuffle or sampler is not None or batch_sampler is not None):
        raise ArgumentError(
            "DataLoader: an IterableDataset has its own order; shuffle, sampler and batch_sampler do not apply"
        )
    if sampler is not None and shuffle:
        raise ArgumentError("DataLoader: sampler option is mutually exclusive with shuffle; give one of them")
    if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
        raise ArgumentError(
            "DataLoader: batch_sampler option is mutually exclusive with batch_size, shuffle, sampler and drop_last"
        )
    if batch_size is None and drop_last:
        raise ArgumentError("DataLoader: batch_size=None gives single samples, so drop_last does not apply")
