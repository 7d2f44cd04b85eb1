"""Bags of rows of a table, looked up and reduced together."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core import dtypes
from ...core.array import Array
from ...core.errors import ArgumentError, DTypeError, ShapeError, UnsupportedError
from ...core.ops import affine
from ...core.ops.gathering import iota, scatter_add, scatter_max, scatter_min, take
from ...core.ops.lookup import searchsorted, take_along_axis
from ...core.ops.pointwise import detach, div, equal, isnan, logical_or, maximum, minimum, mul, not_equal, sub, where
from ...core.ops.shaping import cast, expand_dims, full, reshape, sum
from ...core.tracer import aval_of
from ...tensor.handle import Tensor
from .layer import shorten

MODES = ("sum", "mean", "max")


def embedding_bag(
    input: Any,
    weight: Any,
    offsets: Any = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Any:
    """Look up bags of rows of a table, and reduce each by `mode`: "sum", "mean" or "max"; an empty bag gives 0.

    Bags are the rows of `input[bags, size]`, or the parts of `input[n]` that begin at `offsets[bags]`, which may end with n
    (`include_last_offset`). With "sum", rows are multiplied with `per_sample_weights`, of the input's shape. Rows
    `padding_idx` count for nothing. `max_norm` and `scale_grad_by_freq` are as in `embedding`. Where rows of a bag are
    equally large, the first gets the gradient.

    >>> table = mt.tensor([[1.0], [2.0], [4.0]])
    >>> embedding_bag(mt.tensor([[0, 1], [1, 2]]), table)
    tensor([[1.5000],
            [3.0000]])
    >>> embedding_bag(mt.tensor([0, 1, 2]), table, offsets=mt.tensor([0, 2]), mode="sum")
    tensor([[3.],
            [4.]])
    """
    _check(input, weight, offsets, mode, sparse, scale_grad_by_freq, per_sample_weights)
    if max_norm is not None:
        shorten(weight, max_norm, norm_type, input)
    rows = affine.embedding(input, weight, None, scale_grad_by_freq)
    if per_sample_weights is not None:
        rows = mul(rows, expand_dims(per_sample_weights, -1))
    kept = None
    if padding_idx is not None:
        kept = not_equal(input, padding_idx % weight.shape[0] if weight.shape[0] else padding_idx)
    if mode == "max":
        return _largest(rows, kept, *_places(input, offsets, include_last_offset))
    rows = rows if kept is None else where(expand_dims(kept, -1), rows, 0.0)
    if input.ndim == 2:
        total, counts = sum(rows, 1), None if kept is None else sum(cast(kept, rows.dtype), 1)
    else:
        bags, bag = _places(input, offsets, include_last_offset)
        total = scatter_add(full((bags, weight.shape[1]), 0.0, rows.dtype), bag, rows, axis=-2)
        counts = _counts(bag, bags, kept, rows.dtype) if mode == "mean" else None
    if mode == "sum":
        return total
    return div(total, max(input.shape[-1], 1) if counts is None else expand_dims(maximum(counts, 1.0), -1))


def _places(input: Any, offsets: Any, include_last: bool) -> tuple[int, Any]:
    """Return how many bags there are, and the bag of each index."""
    if input.ndim == 1:
        return _bags(offsets, input.size, include_last)
    bags, size = input.shape
    return bags, Array(np.repeat(np.arange(bags), size))


def _counts(bag: Any, bags: int, kept: Any, dtype: Any) -> Any:
    """Return how many rows of each bag count."""
    ones = full(bag.shape, 1.0, dtype) if kept is None else cast(kept, dtype)
    return scatter_add(full((bags,), 0.0, dtype), bag, ones, axis=-1)


def _bags(offsets: Any, count: int, include_last: bool) -> tuple[int, Any]:
    """Return how many bags there are, and the bag of each index."""
    bags = offsets.shape[0] - include_last
    if bags < 0:
        raise ShapeError("embedding_bag: include_last_offset: number of offsets should be at least 1")
    if isinstance(offsets, Tensor) and type(offsets.current()) is Array:
        given = offsets.tolist()
        if given and (given[0] != 0 or given != sorted(given) or given[-1] > count):
            raise ShapeError(
                f"embedding_bag: offsets must begin with 0, not fall, and not exceed the {count} indices, got {given}"
            )
    found = sub(searchsorted(offsets, iota(count), side="right"), 1)
    return bags, minimum(found, max(bags - 1, 0))


def _largest(rows: Any, kept: Any, bags: int, bag: Any) -> Any:
    """Return the largest number of each column of each bag; its first occurrence is where the gradient goes."""
    count, width = bag.shape[0], rows.shape[-1]
    rows = reshape(rows, (count, width))
    kept = None if kept is None else reshape(kept, (count,))
    if not count or not bags:
        return full((bags, width), 0.0, rows.dtype)
    seen = detach(rows) if kept is None else where(expand_dims(kept, -1), detach(rows), -math.inf)
    top = scatter_max(full((bags, width), -math.inf, rows.dtype), bag, seen, axis=-2)
    hit = logical_or(equal(seen, take(top, bag, axis=0)), isnan(seen))
    place = where(hit, expand_dims(iota(count), -1), count)
    first = scatter_min(full((bags, width), count, place.dtype), bag, place, axis=-2)
    found = take_along_axis(rows, minimum(first, count - 1), 0)
    return where(expand_dims(equal(_counts(bag, bags, kept, rows.dtype), 0.0), -1), 0.0, found)


def _check(
    input: Any, weight: Any, offsets: Any, mode: str, sparse: bool, by_frequency: bool, per_sample_weights: Any
) -> None:
    """Raise for what PyTorch refuses."""
    if sparse:
        raise UnsupportedError(
            "embedding_bag: sparse gradients are not supported; leave sparse off, gradients are dense"
        )
    if mode not in MODES:
        raise ArgumentError(f"embedding_bag: mode has to be one of sum, mean or max, got {mode!r}")
    if mode == "max" and by_frequency:
        raise ArgumentError("embedding_bag: max mode does not support scaling the gradient by the frequency")
    if weight.ndim != 2:
        raise ShapeError(f"embedding_bag: weight has to be a 2D Tensor, but got {aval_of(weight)}")
    if dtypes.rank(input.dtype) != 1:
        raise DTypeError(f"embedding_bag: indices must be integers, got {aval_of(input)}; cast them with .long()")
    if input.ndim not in (1, 2):
        raise ShapeError(f"embedding_bag: input has to be 1D or 2D Tensor, but got {aval_of(input)}")
    if input.ndim == 2 and offsets is not None:
        raise ArgumentError("embedding_bag: if input is 2D, then offsets has to be None; its rows are the bags")
    if input.ndim == 1 and (offsets is None or offsets.ndim != 1):
        raise ArgumentError("embedding_bag: offsets has to be a 1D Tensor for 1D input")
    if per_sample_weights is None:
        return
    if tuple(per_sample_weights.shape) != tuple(input.shape):
        raise ShapeError(
            f"embedding_bag: per_sample_weights {aval_of(per_sample_weights)} must have the shape of the input "
            f"{aval_of(input)}"
        )
    if mode != "sum":
        raise UnsupportedError(
            f"embedding_bag: per_sample_weights is only supported for mode='sum' (got mode={mode!r})"
        )
