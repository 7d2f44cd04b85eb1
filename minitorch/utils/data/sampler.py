"""Samplers: the order in which a loader visits a dataset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ...core.errors import ArgumentError
from ...tensor.generator import Generator
from ...tensor.handle import as_tensor
from ...tensor.random import multinomial, randint, randperm


class Sampler:
    """An order of indices; a subclass defines `__iter__`, and `__len__` where it is known."""

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__}: a sampler needs a method __iter__()")


class SequentialSampler(Sampler):
    """Every index, in order."""

    def __init__(self, data_source: Any):
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class _Ordered(Sampler):
    """A sampler that knows its whole order as an array, made anew for each pass."""

    def order(self) -> np.ndarray[Any, Any]:
        """Return the indices of one pass."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[int]:
        return iter(self.order().tolist())


class RandomSampler(_Ordered):
    """Indices in random order, or, with `replacement`, `num_samples` drawn independently."""

    def __init__(
        self,
        data_source: Any,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ):
        if num_samples is not None and num_samples <= 0:
            raise ArgumentError(f"RandomSampler: num_samples must be positive, got {num_samples}")
        self.data_source = data_source
        self.replacement = replacement
        self.generator = generator
        self._num_samples = num_samples

    @property
    def num_samples(self) -> int:
        """How many indices one pass has."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def order(self) -> np.ndarray[Any, Any]:
        """Draw the indices of one pass."""
        n, count = len(self.data_source), self.num_samples
        if self.replacement:
            return randint(n, (count,), generator=self.generator).numpy()
        passes = [randperm(n, generator=self.generator).numpy() for _ in range(-(-count // n) if n else 0)]
        return np.concatenate([np.empty(0, np.int64), *passes])[:count]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(_Ordered):
    """The given indices in random order."""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None):
        self.indices = indices
        self.generator = generator

    def order(self) -> np.ndarray[Any, Any]:
        """Shuffle the indices."""
        return np.asarray(self.indices, np.int64)[randperm(len(self.indices), generator=self.generator).numpy()]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(_Ordered):
    """Indices drawn with given (not necessarily normalized) probabilities."""

    def __init__(self, weights: Any, num_samples: int, replacement: bool = True, generator: Generator | None = None):
        if num_samples <= 0:
            raise ArgumentError(f"WeightedRandomSampler: num_samples must be positive, got {num_samples}")
        self.weights = as_tensor(weights)
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def order(self) -> np.ndarray[Any, Any]:
        """Draw the indices of one pass."""
        return multinomial(self.weights, self.num_samples, self.replacement, generator=self.generator).numpy()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler):
    """Lists of `batch_size` indices from another sampler; the last may be shorter, unless `drop_last`.

    >>> list(BatchSampler(range(5), 2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool):
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ArgumentError(f"BatchSampler: batch_size must be a positive integer, got {batch_size!r}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[Any]]:
        return batches(self.sampler, self.batch_size, self.drop_last)

    def __len__(self) -> int:
        n = len(self.sampler)  # type: ignore[arg-type]
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


def batches(stream: Iterable[Any], size: int, drop_last: bool) -> Iterator[list[Any]]:
    """Cut a stream into lists."""
    batch: list[Any] = []
    for x in stream:
        batch.append(x)
        if len(batch) == size:
            yield batch
            batch = []
    if batch and not drop_last:
        yield batch


def whole_order(sampler: Any) -> np.ndarray[Any, Any] | range:
    """Return the indices of one pass of a sampler, all at once."""
    if type(sampler) is SequentialSampler:
        return range(len(sampler))
    if isinstance(sampler, _Ordered):
        return sampler.order()
    return np.fromiter(sampler, np.int64)
