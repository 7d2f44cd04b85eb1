"""From indices, or a stream, to batches: the same in the caller's process and in workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .collate import default_collate
from .dataset import Subset, TensorDataset
from .sampler import batches


class Recipe(NamedTuple):
    """What makes batches of a dataset. Without a `batch_size` and not `is_batched`, single samples are converted."""

    dataset: Any
    collate_fn: Callable[[Any], Any]
    is_batched: bool
    is_stream: bool
    batch_size: int | None
    drop_last: bool

    def from_indices(self) -> Callable[[Any], Any]:
        """Return a function from the indices of a batch (or one index) to the batch."""
        dataset, collate = self.dataset, self.collate_fn
        if not self.is_batched:
            return lambda index: collate(dataset[index])
        rows = self.rows()
        if rows is not None:
            return lambda indices: rows(indices if isinstance(indices, slice) else np.asarray(indices, np.int64))
        together = getattr(dataset, "__getitems__", None)
        if together is not None:
            return lambda indices: collate(together(indices))
        return lambda indices: collate([dataset[i] for i in indices])

    def rows(self) -> Any:
        """Return a function from slices and arrays of indices to a batch, where one gather makes it; None elsewhere."""
        return _rows_of(self.dataset) if self.is_batched and self.collate_fn is default_collate else None

    def stream(self) -> Iterator[Any]:
        """Return what `collate_fn` makes the batches of a pass of: lists of samples, or single ones."""
        if not self.is_batched:
            return iter(self.dataset)
        assert self.batch_size is not None
        return batches(self.dataset, self.batch_size, self.drop_last)


def _rows_of(dataset: Any) -> Any:
    if isinstance(dataset, TensorDataset) and type(dataset).__getitem__ is TensorDataset.__getitem__:
        return dataset.rows
    if isinstance(dataset, Subset) and type(dataset).__getitem__ is Subset.__getitem__:
        inner = _rows_of(dataset.dataset)
        places = np.asarray(dataset.indices, np.int64)
        return None if inner is None else lambda index: inner(places[index])
    return None
