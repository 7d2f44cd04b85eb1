"""Samplers: the order in which a loader visits a dataset.

A sampler that draws can say what its latest order was drawn from (`state_dict`), so that a resumed pass goes on in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from ...core.array import wrap
from ...core.errors import ArgumentError
from ...core.ops.sampling import fold_in
from ...tensor.generator import Generator, default_generator
from ...tensor.handle import as_tensor
from ...tensor.random import multinomial, randint, randperm

Index = TypeVar("Index", covariant=True)
State = dict[str, Any]


class Sampler(Generic[Index]):
    """An order of indices; a subclass defines `__iter__`, and `__len__` where it is known.

    >>> class Backward(Sampler):
    ...     def __init__(self, data):
    ...         self.data = data
    ...     def __iter__(self):
    ...         return iter(range(len(self.data) - 1, -1, -1))
    >>> list(Backward("abc"))
    [2, 1, 0]
    """

    def __init__(self, data_source: Any = None):
        pass

    def __iter__(self) -> Iterator[Index]:
        raise NotImplementedError(f"{type(self).__name__}: a sampler needs a method __iter__()")


class SequentialSampler(Sampler[int]):
    """Every index, in order.

    >>> list(SequentialSampler(["a", "b", "c"]))
    [0, 1, 2]
    """

    def __init__(self, data_source: Any):
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class _Keys:
    """What the draws of one order are drawn from: stands in for a generator, and gives the same keys each time."""

    def __init__(self, key: Any):
        self.key = key
        self.count = 0

    def next_key(self) -> Any:
        """Return the key itself at first, then others made of it."""
        self.count += 1
        return self.key if self.count == 1 else fold_in(self.key, self.count)


class _Drawn(Sampler[int]):
    """A sampler whose order is an array, drawn anew for each pass from one key of its generator."""

    generator: Generator | None
    _key: Any = None  # of the latest order
    _is_next = False  # whether that is also the next one's: after `load_state_dict`

    def order(self) -> np.ndarray[Any, Any]:
        """Draw the indices of one pass."""
        if not self._is_next:
            self._key = (self.generator or default_generator()).next_key()
        self._is_next = False
        return self._drawn(_Keys(self._key))

    def _drawn(self, keys: Any) -> np.ndarray[Any, Any]:
        raise NotImplementedError

    def __iter__(self) -> Iterator[int]:
        return iter(self.order().tolist())

    def state_dict(self) -> State:
        """Return the key of the latest order, and the state of the generator if the sampler has one of its own."""
        key = None if self._key is None else wrap(np.asarray(self._key)).tolist()
        return {"key": key, "generator": None if self.generator is None else self.generator.get_state()}

    def load_state_dict(self, state: State) -> None:
        """Let the next pass have the order whose key is in `state`."""
        self._is_next = state["key"] is not None
        self._key = wrap(np.array(state["key"], np.uint64)) if self._is_next else None
        if self.generator is not None and state["generator"] is not None:
            self.generator.set_state(state["generator"])


class RandomSampler(_Drawn):
    """Indices in random order, or, with `replacement`, `num_samples` drawn independently.

    >>> sorted(RandomSampler(range(4)))
    [0, 1, 2, 3]
    >>> drawn = list(RandomSampler(range(4), replacement=True, num_samples=10))
    >>> len(drawn), set(drawn) <= {0, 1, 2, 3}
    (10, True)
    """

    def __init__(
        self,
        data_source: Any,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ):
        _check_flag("RandomSampler", replacement)
        if num_samples is not None:
            _check_count("RandomSampler", num_samples)
        self.data_source = data_source
        self.replacement = replacement
        self.generator = generator
        self._num_samples = num_samples

    @property
    def num_samples(self) -> int:
        """How many indices one pass has."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def _drawn(self, keys: Any) -> np.ndarray[Any, Any]:
        n, count = len(self.data_source), self.num_samples
        if self.replacement:
            return randint(n, (count,), generator=keys).numpy()
        passes = [randperm(n, generator=keys).numpy() for _ in range(-(-count // n) if n else 0)]
        return np.concatenate([np.empty(0, np.int64), *passes])[:count]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(_Drawn):
    """The given indices in random order.

    >>> sorted(SubsetRandomSampler([5, 3, 8]))
    [3, 5, 8]
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None):
        self.indices = indices
        self.generator = generator

    def _drawn(self, keys: Any) -> np.ndarray[Any, Any]:
        return np.asarray(self.indices, np.int64)[randperm(len(self.indices), generator=keys).numpy()]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(_Drawn):
    """Indices drawn with given (not necessarily normalized) probabilities.

    >>> sorted(WeightedRandomSampler([0.0, 1.0, 3.0], 2, replacement=False))
    [1, 2]
    """

    def __init__(self, weights: Any, num_samples: int, replacement: bool = True, generator: Generator | None = None):
        _check_count("WeightedRandomSampler", num_samples)
        _check_flag("WeightedRandomSampler", replacement)
        self.weights = as_tensor(weights)
        if self.weights.ndim != 1:
            raise ArgumentError(
                f"WeightedRandomSampler: weights should be a 1d sequence but given weights have shape {self.weights.shape}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def _drawn(self, keys: Any) -> np.ndarray[Any, Any]:
        return multinomial(self.weights, self.num_samples, self.replacement, generator=keys).numpy()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of `batch_size` indices from another sampler; the last may be shorter, unless `drop_last`.

    >>> list(BatchSampler(range(5), 2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool):
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ArgumentError(f"BatchSampler: batch_size must be a positive integer, got {batch_size!r}")
        _check_flag("BatchSampler", drop_last, "drop_last")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[Any]]:
        return batches(self.sampler, self.batch_size, self.drop_last)

    def __len__(self) -> int:
        n = len(self.sampler)  # type: ignore[arg-type]
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def state_dict(self) -> State | None:
        """Return the state of the sampler, if it has one."""
        return state_of(self.sampler)

    def load_state_dict(self, state: State | None) -> None:
        """Let the sampler go on from a state."""
        load_state(self.sampler, state)


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
    if isinstance(sampler, _Drawn):
        return sampler.order()
    return np.fromiter(sampler, np.int64)


def state_of(x: Any) -> Any:
    """Return the state of a sampler or dataset, None if it has none."""
    return x.state_dict() if hasattr(x, "state_dict") else None


def load_state(x: Any, state: Any) -> None:
    """Let a sampler or dataset go on from a state, if it had one."""
    if state is not None and hasattr(x, "load_state_dict"):
        x.load_state_dict(state)


def forget_order(sampler: Any) -> None:
    """Let the next pass have an order of its own: the one whose key was loaded has been walked to its end."""
    while isinstance(sampler, BatchSampler):
        sampler = sampler.sampler
    if isinstance(sampler, _Drawn):
        sampler._is_next = False


def _check_count(name: str, num_samples: Any) -> None:
    if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples <= 0:
        raise ArgumentError(f"{name}: num_samples must be a positive integer, got {num_samples!r}")


def _check_flag(name: str, value: Any, argument: str = "replacement") -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{name}: {argument} should be a boolean value, but got {argument}={value!r}")
