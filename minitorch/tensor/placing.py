"""Looking up and writing at computed places, under PyTorch's names. Results are copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.ops import gathering, indexing, joining, lookup, pointwise, reductions, shaping
from ..core.ops.families import as_array, broadcast_shapes
from ..core.ops.indexing import as_number
from ..core.ops.shaping import canonical_axis
from ..core.tracer import aval_of
from .pointwise import choose
from .table import Table
from .types import check_fits

# --------------------------------------------------------------------------- looking up


def _index_select(input: Any, dim: int, index: Any) -> Any:
    """Select positions of a dimension by a vector of integers.

    >>> x = mt.tensor([[1, 2, 3], [4, 5, 6]])
    >>> mt.index_select(x, 1, mt.tensor([2, 0, 2]))
    tensor([[3, 1, 3],
            [6, 4, 6]])
    """
    index, x = as_array(index), as_array(input)
    if index.ndim > 1:
        raise ShapeError(f"index_select: index must be a vector, got {aval_of(index)} for {aval_of(x)}; flatten it")
    if not x.ndim:
        return shaping.reshape(gathering.take(shaping.reshape(x, (1,)), shaping.ravel(index), dim), ())
    return gathering.take(x, shaping.ravel(index), dim)


def _gather(input: Any, dim: int, index: Any) -> Any:
    """Select, for every place of `index`, the element of a dimension whose number it holds.

    >>> x = mt.tensor([[1, 2], [3, 4]])
    >>> mt.gather(x, 1, mt.tensor([[0, 0], [1, 0]]))
    tensor([[1, 1],
            [4, 3]])
    """
    x, index = as_array(input), as_array(index)
    if x.ndim:
        return lookup.gather(x, index, dim)
    return shaping.reshape(lookup.gather(shaping.reshape(x, (1,)), shaping.ravel(index), dim), index.shape)


def _take_along_dim(input: Any, indices: Any, dim: int | None = None) -> Any:
    """Select one position of a dimension for every other position; without `dim`, of the flattened tensors.

    >>> x = mt.tensor([[3, 1, 2], [6, 5, 4]])
    >>> mt.take_along_dim(x, x.argsort(dim=1), dim=1)
    tensor([[1, 2, 3],
            [4, 5, 6]])
    """
    if dim is None:
        return lookup.take_along_axis(shaping.ravel(input), shaping.ravel(indices), 0)
    return lookup.take_along_axis(input, indices, dim)


def _masked_select(input: Any, mask: Any) -> Any:
    """Return the elements under a mask as a vector; both broadcast.

    >>> x = mt.tensor([[1, 5], [7, 2]])
    >>> mt.masked_select(x, x > 2)
    tensor([5, 7])
    """
    x, mask = as_array(input), _mask("masked_select", mask)
    broadcast_shapes("masked_select", aval_of(x), aval_of(mask))
    x, mask = shaping.broadcast_arrays(x, mask)
    return indexing.getitem(x, mask)


def _mask(name: str, mask: Any) -> Any:
    mask = as_array(mask)
    if mask.dtype != dtypes.bool_:
        raise DTypeError(f"{name}: expected a bool tensor for mask, got {aval_of(mask)}; compare it: mask != 0")
    return mask


def _nonzero(input: Any, *, as_tuple: bool = False) -> Any:
    """Return the indices of elements that are not zero: one row for each, or one vector for each dimension.

    >>> x = mt.tensor([[0, 5], [7, 0]])
    >>> mt.nonzero(x)
    tensor([[0, 1],
            [1, 0]])
    >>> mt.nonzero(x, as_tuple=True)
    (tensor([0, 1]), tensor([1, 0]))
    """
    x = as_array(input)
    found = indexing.nonzero(x if x.ndim else shaping.reshape(x, (1,)))
    if as_tuple:
        return found
    rows = joining.stack(found, 1)
    return rows if x.ndim else indexing.getitem(rows, (slice(None), slice(0, 0)))


# --------------------------------------------------------------------------- writing at places


def _number(name: str, value: Any, x: Any) -> Any:
    check_fits(name, value, x.dtype)
    value = as_number(value, x.dtype)
    if value.ndim:
        raise ShapeError(f"{name}: value must be a number or a 0-d tensor, got {aval_of(value)}; use where for more")
    if dtypes.rank(value.dtype) == 3 and not dtypes.is_complex(x.dtype):
        raise DTypeError(
            f"{name}: value {aval_of(value)} cannot be converted to {aval_of(x)} without overflow; use .real"
        )
    return shaping.cast(value, x.dtype)


def _masked_fill(input: Any, mask: Any, value: Any) -> Any:
    """Replace the elements under a mask by a number.

    >>> x = mt.tensor([1.0, -2.0, 3.0])
    >>> mt.masked_fill(x, x < 0, 0.0)
    tensor([1., 0., 3.])
    """
    x = as_array(input)
    return choose(_mask("masked_fill", mask), _number("masked_fill", value, x), x)


def _masked_scatter(input: Any, mask: Any, source: Any) -> Any:
    """Replace the elements under a mask by the first elements of `source`, in order.

    >>> x = mt.tensor([1, 2, 3, 4])
    >>> mt.masked_scatter(x, x > 2, mt.tensor([10, 20, 30]))
    tensor([ 1,  2, 10, 20])
    """
    source = as_array(source)
    x, mask = shaping.broadcast_arrays(input, _mask("masked_scatter", mask))
    if source.dtype != x.dtype:
        raise DTypeError(f"masked_scatter: source {aval_of(source)} must have the dtype of {aval_of(x)}; cast it")
    count = int(reductions.count_nonzero(mask).item())
    if count > source.size:
        raise ShapeError(
            f"masked_scatter: the mask selects {count} elements, source is {aval_of(source)}; it needs more"
        )
    return indexing.update(x, mask, indexing.getitem(shaping.ravel(source), slice(0, count)))


_REDUCE = {"add": "add", "multiply": "multiply", "sum": "add", "prod": "multiply", "amax": "max", "amin": "min"}


def _scatter(input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: str | None = None) -> Any:
    """Write `src` (or the number `value`) to the positions of a dimension that `index` holds.

    >>> x, index = mt.zeros(2, 3), mt.tensor([[0], [2]])
    >>> mt.scatter(x, 1, index, mt.tensor([[5.0], [6.0]]))
    tensor([[5., 0., 0.],
            [0., 0., 6.]])
    >>> mt.scatter(x, 1, index, value=1.0)
    tensor([[1., 0., 0.],
            [0., 0., 1.]])
    """
    given = value if src is None else src
    if given is None or (reduce is not None and reduce not in ("add", "multiply")):
        raise ArgumentError(f"scatter: needs src or value, and reduce None, 'add' or 'multiply', got reduce={reduce!r}")
    x = as_array(input)
    if not hasattr(given, "dtype"):
        given = _number("scatter", given, x)
    if given.dtype != x.dtype:
        raise DTypeError(
            f"scatter: expected self.dtype to be equal to src.dtype, got {aval_of(x)} and {aval_of(given)}"
        )
    if not as_array(index).size:
        return x
    mode = "set" if reduce is None else _REDUCE[reduce]
    return _scattered(x, index, given, dim, mode)


def _scatter_add(input: Any, dim: int, index: Any, src: Any) -> Any:
    """Add `src` at the positions of a dimension that `index` holds; repeated positions accumulate.

    >>> mt.scatter_add(mt.zeros(3), 0, mt.tensor([0, 2, 2]), mt.tensor([1.0, 2.0, 3.0]))
    tensor([1., 0., 5.])
    """
    x, src = as_array(input), as_array(src)
    if src.dtype != x.dtype:
        raise DTypeError(
            f"scatter_add: expected self.dtype to be equal to src.dtype, got {aval_of(x)} and {aval_of(src)}"
        )
    return _scattered(x, index, src, dim, "add") if as_array(index).size else x


def _scattered(x: Any, index: Any, src: Any, dim: int, mode: str = "set") -> Any:
    """Combine `src` with what stands at places; 0-d tensors are vectors of one element."""
    if x.ndim:
        return lookup.scatter(x, index, src, dim, mode)
    return shaping.reshape(lookup.scatter(*map(shaping.ravel, (x, index, src)), dim, mode), ())


def _scatter_reduce(input: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True) -> Any:
    """Combine `src` at the positions that `index` holds, by sum, prod, mean, amax or amin, with what was there.

    >>> x, index, src = mt.tensor([1.0, 9.0]), mt.tensor([0, 0, 1]), mt.tensor([3.0, 2.0, 4.0])
    >>> mt.scatter_reduce(x, 0, index, src, "amax")
    tensor([3., 9.])
    >>> mt.scatter_reduce(x, 0, index, src, "amax", include_self=False)
    tensor([3., 4.])
    """
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise ArgumentError(f"scatter_reduce: reduce must be sum, prod, mean, amax or amin, got {reduce!r}")
    x = as_array(input)
    mode = _REDUCE.get(reduce, "add")
    if not include_self:
        x = _scattered(x, index, _identity(mode, x.dtype), dim)
    out = _scattered(x, index, src, dim, mode)
    if reduce != "mean":
        return out
    ones = shaping.full(x.shape, 1, x.dtype) if include_self else _scattered(shaping.ones_like(x), index, 0, dim)
    counts = _scattered(ones, index, 1, dim, "add")
    return pointwise.div(out, counts) if dtypes.is_inexact(x.dtype) else pointwise.floor_divide(out, counts)


def _identity(mode: str, dtype: Any) -> Any:
    """Return the number that changes nothing when combined with another."""
    if mode in ("add", "multiply"):
        return int(mode == "multiply")
    if dtypes.is_inexact(dtype):
        return float("inf") if mode == "min" else float("-inf")
    if dtype == dtypes.bool_:
        return mode == "min"
    limits = np.iinfo(dtype)
    return int(limits.max if mode == "min" else limits.min)


def _at(dim: int, x: Any, index: Any) -> tuple[Any, ...]:
    """Return the index expression that selects positions of one dimension."""
    return (slice(None),) * (canonical_axis("index", dim, x.ndim) + x.ndim) + (index,)


def _vector_wise(function: Any) -> Any:
    """Let a function that writes slices along a dimension take 0-d tensors, as vectors of one element."""

    def call(input: Any, dim: int, index: Any, source: Any, *args: Any, **params: Any) -> Any:
        x, given = as_array(input), as_array(source)
        rows = x if x.ndim else shaping.reshape(x, (1,))
        axis = canonical_axis("index", dim, rows.ndim) + rows.ndim
        wanted = (*rows.shape[:axis], as_array(index).size, *rows.shape[axis + 1 :])
        if (tuple(given.shape) or (1,) * rows.ndim) != wanted:
            raise ShapeError(f"index: source {aval_of(given)} must have shape {wanted} for dim {dim} of {aval_of(x)}")
        out = function(rows, dim, index, source if given.ndim else shaping.reshape(source, (1,)), *args, **params)
        return out if x.ndim else shaping.reshape(out, ())

    call.__doc__ = function.__doc__
    return call


@_vector_wise
def _index_add(input: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Any:
    """Add slices of `source` to the positions of a dimension that `index` holds; repeated positions accumulate.

    >>> x, rows = mt.zeros(3, 2), mt.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> mt.index_add(x, 0, mt.tensor([2, 2]), rows)
    tensor([[0., 0.],
            [0., 0.],
            [4., 6.]])
    """
    x = as_array(input)
    values = source if alpha == 1 else pointwise.mul(source, shaping.cast(alpha, as_array(source).dtype))
    return indexing.update(x, _at(dim, x, as_array(index)), values, "add")


@_vector_wise
def _index_copy(input: Any, dim: int, index: Any, source: Any) -> Any:
    """Write slices of `source` to the positions of a dimension that `index` holds.

    >>> x, rows = mt.zeros(3, 2), mt.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> mt.index_copy(x, 0, mt.tensor([2, 0]), rows)
    tensor([[3., 4.],
            [0., 0.],
            [1., 2.]])
    """
    x = as_array(input)
    return indexing.update(x, _at(dim, x, as_array(index)), source)


def _index_fill(input: Any, dim: int, index: Any, value: Any) -> Any:
    """Write a number to the positions of a dimension that `index` holds.

    >>> mt.index_fill(mt.zeros(2, 3), 1, mt.tensor([0, 2]), 7.0)
    tensor([[7., 0., 7.],
            [7., 0., 7.]])
    """
    x = as_array(input)
    if not x.ndim:
        return shaping.reshape(_index_fill(shaping.reshape(x, (1,)), dim, index, value), ())
    return indexing.update(x, _at(dim, x, as_array(index)), _number("index_fill", value, x))


def _index_put(input: Any, indices: Sequence[Any], values: Any, accumulate: bool = False) -> Any:
    """Write (or add) values at `input[indices]`.

    >>> x, places = mt.zeros(3), (mt.tensor([0, 2, 0]),)
    >>> mt.index_put(x, places, mt.tensor([1.0, 2.0, 3.0]), accumulate=True)
    tensor([4., 0., 2.])
    """
    index = tuple(slice(None) if i is None else i for i in indices)
    return indexing.update(input, index, values, "add" if accumulate else "set", select_first=True)


# fmt: off
BOTH: Table = {
    "gather": _gather,
    "take": lambda input, index: gathering.take(input, index),
    "take_along_dim": _take_along_dim,
    "index_select": _index_select,
    "masked_select": _masked_select,
    "nonzero": _nonzero,
    "argwhere": lambda input: _nonzero(input),
    "masked_fill": _masked_fill,
    "masked_scatter": _masked_scatter,
    "scatter": _scatter,
    "scatter_add": _scatter_add,
    "scatter_reduce": _scatter_reduce,
    "index_add": _index_add,
    "index_copy": _index_copy,
    "index_fill": _index_fill,
    "index_put": _index_put,
}
FUNCTIONS: Table = {}
METHODS: Table = {}
ALIASES: dict[str, str] = {}
# fmt: on
