"""Datasets: collections of samples, by index or in order."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, chain
from typing import Any, Generic, TypeVar

from ...core.array import Array, wrap
from ...core.errors import ArgumentError, OutOfBoundsError, ShapeError
from ...tensor.generator import Generator
from ...tensor.handle import Tensor, tensor_of
from ...tensor.random import randperm

Sample = TypeVar("Sample", covariant=True)


class Dataset(Generic[Sample]):
    """A collection of samples; a subclass defines `__getitem__` and `__len__`.

    >>> class Squares(Dataset):
    ...     def __getitem__(self, index):
    ...         return index**2
    ...     def __len__(self):
    ...         return 10
    >>> Squares()[3], len(Squares() + Squares())
    (9, 20)
    """

    def __getitem__(self, index: Any) -> Sample:
        raise NotImplementedError(f"{type(self).__name__}: a dataset needs a method __getitem__(index)")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[Sample]):
    """A stream of samples; a subclass defines `__iter__`.

    In a loader with workers each has the whole stream: `__iter__` gives the share of `get_worker_info()`. A stream with
    `state_dict()` and `load_state_dict(state)` is resumed by them; any other is read again up to where it was.

    >>> class Countdown(IterableDataset):
    ...     def __iter__(self):
    ...         return iter([3, 2, 1])
    >>> list(mt.utils.data.DataLoader(Countdown(), batch_size=2))
    [tensor([3, 2]), tensor([1])]
    """

    def __iter__(self) -> Iterator[Sample]:
        raise NotImplementedError(f"{type(self).__name__}: an iterable dataset needs a method __iter__()")

    def __add__(self, other: Dataset[Any]) -> ChainDataset:  # type: ignore[override]
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """The rows of tensors that have the same first axis: sample `i` is `(a[i], b[i], ...)`.

    >>> data = TensorDataset(Tensor([[1.0], [2.0]]), Tensor([3.0, 4.0]))
    >>> data[1]
    (tensor([2.]), tensor(4.))
    """

    def __init__(self, *tensors: Tensor):
        for x in tensors:
            if not isinstance(x, Tensor) or not x.shape:
                raise ShapeError(
                    f"TensorDataset: takes tensors of at least one axis, got {_described(x)}; make one with mt.tensor(...)"
                )
        if len({x.shape[0] for x in tensors}) != 1:
            sizes = ", ".join(str(x.shape) for x in tensors)
            raise ShapeError(
                f"TensorDataset: Size mismatch between tensors: got shapes {sizes}; the first axes must agree"
            )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(x[index] for x in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def rows(self, index: Any) -> list[Tensor]:
        """Return many samples at once: `index` is a slice, or a NumPy array of integers."""
        return [_rows(x, index) for x in self.tensors]


def _described(x: Any) -> str:
    return f"shape {x.shape}" if hasattr(x, "shape") else type(x).__name__


def _rows(x: Tensor, index: Any) -> Tensor:
    """Return rows of a tensor. Where nothing is recorded the buffer is read directly: 1 us instead of 10."""
    value = x.current()
    if x.node is None and type(value) is Array:
        return tensor_of(wrap(value._data[index]))
    return x[index if isinstance(index, slice) else tensor_of(wrap(index))]


class StackDataset(Dataset[Any]):
    """Several datasets side by side: sample `i` is a tuple, or a dict, of the samples `i` of each.

    >>> StackDataset(image=["a", "b"], label=[0, 1])[1]
    {'image': 'b', 'label': 1}
    """

    def __init__(self, *args: Any, **kwargs: Any):
        if bool(args) == bool(kwargs):
            raise ArgumentError("StackDataset: takes datasets either by position, for tuples, or by name, for dicts")
        self.datasets: Any = kwargs or args
        sizes = [len(x) for x in self._parts()]
        if len(set(sizes)) > 1:
            raise ShapeError(f"StackDataset: Size mismatch between datasets: got lengths {sizes}; they must agree")
        self._length = sizes[0]

    def _parts(self) -> list[Any]:
        return list(self.datasets.values() if isinstance(self.datasets, Mapping) else self.datasets)

    def _joined(self, samples: Iterable[Any]) -> Any:
        return dict(zip(self.datasets, samples)) if isinstance(self.datasets, Mapping) else tuple(samples)

    def __getitem__(self, index: int) -> Any:
        return self._joined(x[index] for x in self._parts())

    def __getitems__(self, indices: list[int]) -> list[Any]:
        return [self._joined(samples) for samples in zip(*(_samples(x, indices) for x in self._parts()))]

    def __len__(self) -> int:
        return self._length


class Subset(Dataset[Any]):
    """Some of the samples of a dataset.

    >>> part = Subset(["a", "b", "c", "d"], [3, 1])
    >>> len(part), part[0]
    (2, 'd')
    """

    def __init__(self, dataset: Any, indices: Sequence[int]):
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: list[int]) -> list[Any]:
        return _samples(self.dataset, [self.indices[i] for i in indices])

    def __len__(self) -> int:
        return len(self.indices)


class ConcatDataset(Dataset[Any]):
    """Datasets one after the other.

    >>> both = ConcatDataset([["a", "b"], ["c"]])
    >>> len(both), both[2], both[-3]
    (3, 'c', 'a')
    """

    def __init__(self, datasets: Iterable[Any]):
        self.datasets = list(datasets)
        if not self.datasets:
            raise ArgumentError("ConcatDataset: datasets is empty; give at least one")
        if any(isinstance(d, IterableDataset) for d in self.datasets):
            raise ArgumentError("ConcatDataset: an IterableDataset has no length; use ChainDataset")
        self.cumulative_sizes = list(accumulate(len(d) for d in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        n = len(self)
        if not -n <= index < n:
            raise OutOfBoundsError(f"ConcatDataset: index {index} is out of range for {n} samples")
        index %= n
        which = bisect_right(self.cumulative_sizes, index)
        return self.datasets[which][index - (self.cumulative_sizes[which - 1] if which else 0)]


class ChainDataset(IterableDataset[Any]):
    """Streams one after the other.

    >>> class Count(IterableDataset):
    ...     def __iter__(self):
    ...         return iter(range(3))
    >>> list(ChainDataset([Count(), Count()]))
    [0, 1, 2, 0, 1, 2]
    """

    def __init__(self, datasets: Iterable[Any]):
        self.datasets = list(datasets)
        if not all(isinstance(d, IterableDataset) for d in self.datasets):
            raise ArgumentError("ChainDataset: takes iterable datasets; use ConcatDataset for those with an index")

    def __iter__(self) -> Iterator[Any]:
        return chain.from_iterable(self.datasets)

    def __len__(self) -> int:
        return sum(len(d) for d in self.datasets)


def _samples(dataset: Any, indices: list[int]) -> list[Any]:
    """Return several samples, in one call where the dataset offers that."""
    together = getattr(dataset, "__getitems__", None)
    return [dataset[i] for i in indices] if together is None else list(together(indices))


def random_split(dataset: Any, lengths: Sequence[float], generator: Generator | None = None) -> list[Subset]:
    """Split a dataset at random into parts of the given lengths, or fractions that add up to 1.

    >>> [len(part) for part in random_split(range(10), [0.75, 0.25])]
    [8, 2]
    """
    n = len(dataset)
    sizes = list(lengths)
    if math.isclose(sum(sizes), 1) and sum(sizes) <= 1 + 1e-9 and n != 1:
        sizes = _from_fractions(n, sizes)
    if sum(sizes) != n or any(size < 0 for size in sizes):
        raise ArgumentError(
            f"random_split: the lengths {list(lengths)} do not add up to the {n} samples of the dataset; change one, "
            "or give fractions that add up to 1"
        )
    order = randperm(n, generator=generator).numpy()
    ends = list(accumulate(sizes))
    return [Subset(dataset, order[end - size : end].tolist()) for size, end in zip(sizes, ends)]


def _from_fractions(n: int, fractions: list[float]) -> list[int]:
    """Return whole lengths; what rounding down leaves goes to the first parts, one each."""
    if any(not 0 <= f <= 1 for f in fractions):
        raise ArgumentError(f"random_split: a fraction must lie between 0 and 1, got {fractions}")
    sizes = [math.floor(n * f) for f in fractions]
    for i in range(n - sum(sizes)):
        sizes[i % len(sizes)] += 1
    return sizes
