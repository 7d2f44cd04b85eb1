"""DataLoader: batches of a dataset, in order or shuffled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ...core.errors import ArgumentError, UnsupportedError
from ...tensor.generator import Generator
from .collate import default_collate, default_convert
from .dataset import IterableDataset, rows_of
from .sampler import BatchSampler, RandomSampler, SequentialSampler, batches, whole_order


class DataLoader:
    """Iterate over a dataset in batches; each `iter` is one pass.

    With `shuffle`, every pass has an order of its own, drawn from `generator`. `batch_size=None` gives single samples. A
    `sampler` gives the indices, a `batch_sampler` lists of them; `collate_fn` makes a batch of a list of samples. Batches of
    a TensorDataset are cut from its tensors directly: slices in order, one gather each when shuffled. Data is loaded in the
    caller's process; `num_workers` must be 0. `pin_memory` has no effect on the CPU.

    >>> from minitorch.tensor.creation import arange
    >>> from .dataset import TensorDataset
    >>> [x for (x,) in DataLoader(TensorDataset(arange(5)), batch_size=2)]
    [tensor([0, 1]), tensor([2, 3]), tensor([4])]
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
    ):
        workers = {"num_workers": num_workers, "timeout": timeout, "prefetch_factor": prefetch_factor}
        workers |= {"persistent_workers": persistent_workers, "multiprocessing_context": multiprocessing_context}
        for name, value in workers.items():
            if value:
                raise UnsupportedError(
                    f"DataLoader: {name}={value!r} is not supported; data is loaded in the caller's process"
                )
        self.dataset = dataset
        self.num_workers = 0
        self.pin_memory = pin_memory
        self.worker_init_fn = worker_init_fn
        self.generator = generator
        self._is_stream = isinstance(dataset, IterableDataset)
        _check_exclusive(self._is_stream, batch_size, shuffle, sampler, batch_sampler, drop_last)
        if sampler is None and not self._is_stream:
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

    def __iter__(self) -> Iterator[Any]:
        if self._is_stream:
            return self._streamed()
        if self.batch_sampler is None:
            return (self.collate_fn(self.dataset[i]) for i in self.sampler)  # type: ignore[union-attr]
        if type(self.batch_sampler) is BatchSampler and self.collate_fn is default_collate:
            rows = rows_of(self.dataset)
            if rows is not None:
                return self._cut(rows)
        return (self.collate_fn(self._samples(batch)) for batch in self.batch_sampler)

    def _streamed(self) -> Iterator[Any]:
        if self.batch_size is None:
            return map(self.collate_fn, self.dataset)
        return map(self.collate_fn, batches(self.dataset, self.batch_size, self.drop_last))

    def _samples(self, indices: list[Any]) -> list[Any]:
        """Return several samples, in one call where the dataset offers that."""
        together = getattr(self.dataset, "__getitems__", None)
        return list(together(indices)) if together is not None else [self.dataset[i] for i in indices]

    def _cut(self, rows: Callable[[Any], Any]) -> Iterator[Any]:
        """Yield batches of a dataset made of tensors."""
        size = self.batch_size
        assert size is not None
        order = whole_order(self.sampler)
        n = len(order) - len(order) % size if self.drop_last else len(order)
        for start in range(0, n, size):
            stop = min(start + size, n)
            yield rows(slice(start, stop) if isinstance(order, range) else order[start:stop])

    def __len__(self) -> int:
        if self.batch_sampler is None:
            return len(self.sampler)  # type: ignore[arg-type]
        if not self._is_stream:
            return len(self.batch_sampler)  # type: ignore[arg-type]
        n = len(self.dataset)
        assert self.batch_size is not None
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


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
