"""Joining, repeating, padding, looking up and writing at computed places, under PyTorch's names. Results are copies."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index as as_int
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.array import Array, wrap
from ..core.aval import Aval
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.ops import diagonal, gathering, indexing, joining, lookup, pointwise, reductions, shaping, slicing
from ..core.ops.families import as_array, broadcast_shapes
from ..core.ops.indexing import as_number
from ..core.ops.shaping import canonical_axis
from ..core.primitive import Tracer, aval_of
from . import shortcut
from .creation import made
from .handle import Tensor
from .pointwise import choose
from .table import Table, sizes
from .types import check_fits

# --------------------------------------------------------------------------- joining and repeating


def _at_least(n: int) -> Any:
    def call(*tensors: Any) -> Any:
        given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
        shaped = tuple(_padded(as_array(x), n) for x in given)
        return shaped if given is not tensors or len(shaped) != 1 else shaped[0]

    return call


def _padded(x: Any, n: int) -> Any:
    if n == 3 and x.ndim == 2:
        return shaping.expand_dims(x, -1)
    if n == 3 and x.ndim == 1:
        return shaping.reshape(x, (1, x.size, 1))
    return shaping.atleast_nd(x, n)


def _cat(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Join tensors along a dimension. Vectors of no elements are left out, whatever the others are."""
    _check_list("cat", tensors)
    parts = [x for x in tensors if getattr(x, "shape", None) != (0,)] or tensors
    quick = _quickly_joined(parts, dim) if parts else None
    return joining.concatenate(parts, dim) if quick is None else quick


def _stack(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Join tensors along a new dimension."""
    _check_list("stack", tensors)
    first = tensors[0] if isinstance(tensors, (tuple, list)) and tensors else None
    if isinstance(first, Tensor) and all(isinstance(x, Tensor) and x.shape == first.shape for x in tensors):
        n = len(first.shape) + 1
        if type(dim) is int and -n <= dim < n:
            at = dim % n
            wanted = (*first.shape[:at], 1, *first.shape[at:])
            quick = _quickly_joined([_quick_reshape(x, shape=wanted) for x in tensors], dim)
            if quick is not None:
                return quick
    return joining.stack(tensors, dim)


_quick_join, _quick_reshape = shortcut.joining(joining.concatenate_p), shortcut.structural(shaping.reshape_p)


def _quickly_joined(parts: Sequence[Any], dim: int) -> Any:
    """Join concrete tensors of one dtype by the shortcut; return None for any others."""
    n = len(getattr(parts[0], "shape", ()))
    return _quick_join(parts, axis=dim % n - n) if type(dim) is int and -n <= dim < n else None


def _check_list(name: str, tensors: Any) -> None:
    if isinstance(tensors, (Array, Tracer)):
        raise TypeError(
            f"{name}: takes a list of tensors, got {aval_of(tensors)}; put brackets around it: {name}([x, y])"
        )


def _hstack(tensors: Sequence[Any]) -> Any:
    """Join along the second dimension, vectors along their only one."""
    rows = [shaping.atleast_nd(x, 1) for x in tensors]
    if not rows:
        raise ArgumentError("hstack: needs at least one tensor; give a list of them")
    return joining.concatenate(rows, 0 if rows[0].ndim == 1 else 1)


def _column_stack(tensors: Sequence[Any]) -> Any:
    """Join vectors, as columns, and matrices along the second dimension."""
    return joining.concatenate([shaping.reshape(x, (-1, 1)) if as_array(x).ndim < 2 else x for x in tensors], 1)


def _repeat(input: Any, *repeats: Any) -> Any:
    """Lay copies side by side, so many times along each dimension; there may be more dimensions than in the tensor."""
    counts = sizes(repeats)
    if len(counts) < as_array(input).ndim:
        raise ShapeError(
            f"repeat: number of dimensions of repeat dims {tuple(counts)} can not be smaller than those of "
            f"{aval_of(as_array(input))}; give one count for each"
        )
    return shaping.tile(input, tuple(counts))


def _repeat_interleave(input: Any, repeats: Any, dim: int | None = None, *, output_size: int | None = None) -> Any:
    """Repeat each element (along a dimension, or of the flattened tensor)."""
    counts = repeats.numpy() if hasattr(repeats, "numpy") else repeats
    return joining.repeat(input, counts, dim)


PAD_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def _pad(input: Any, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Any:
    """Add elements before and after the last dimensions: `pad` holds (before, after) for the last, the one before, ...

    `mode` is constant (with `value`), reflect, replicate or circular; negative widths cut.
    """
    x = as_array(input)
    if mode not in PAD_MODES:
        raise ArgumentError(f"pad: mode must be one of {', '.join(PAD_MODES)}, got {mode!r}")
    if len(pad) % 2 or len(pad) > 2 * x.ndim:
        raise ShapeError(f"pad: {tuple(pad)} does not fit {aval_of(x)}; give a pair for each of the last dimensions")
    pairs = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)][::-1]
    widths = [(0, 0)] * (x.ndim - len(pairs)) + pairs
    return joining.pad(x, widths, PAD_MODES[mode], 0 if value is None else value) if x.ndim else x


def _meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Any, ...]:
    vectors = [as_array(x) for x in sizes(tensors)]
    if any(v.ndim > 1 for v in vectors):
        raise ShapeError(f"meshgrid: takes vectors, got {', '.join(str(aval_of(v)) for v in vectors)}; flatten them")
    return shaping.meshgrid(*vectors, indexing=indexing)


def _flip(input: Any, *dims: Any, **named: Any) -> Any:
    """Reverse the order of elements along dimensions, given as `flip(x, 0, 1)`, `flip(x, (0, 1))` or by `dims=`."""
    if named:
        if dims or set(named) != {"dims"}:
            raise TypeError(f"flip() takes dims once, got {dims} and {named}")
        dims = (named["dims"],)
    return slicing.flip(input, tuple(sizes(dims)))


def _rot90(input: Any, k: int = 1, dims: Sequence[int] = (0, 1)) -> Any:
    """Turn by 90 degrees `k` times in the plane of two dimensions, from the first toward the second."""
    if len(dims) != 2:
        raise ArgumentError(f"rot90: dims must name two dimensions, got {tuple(dims)}")
    return joining.rot90(input, k, tuple(dims))


def _diagflat(input: Any, offset: int = 0) -> Any:
    """Make a matrix with the flattened elements on a diagonal."""
    return diagonal.diag_embed(shaping.ravel(input), offset)


def _broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """Return the shape that shapes (or single sizes) broadcast to."""
    avals = [Aval(s if isinstance(s, tuple) else (s,), dtypes.float32) for s in shapes]
    return broadcast_shapes("broadcast_shapes", *avals)


def _triangle(name: str, numpy_function: Any) -> Any:
    def call(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Tensor:
        row, col, offset = map(as_int, (row, col, offset))
        if row < 0 or col < 0:
            raise ArgumentError(f"{name} triangle: sizes must not be negative, got row={row} and col={col}")
        found = np.stack(numpy_function(row, offset, col)).astype(dtypes.canonical(dtype or dtypes.int64))
        return made(wrap(found), device, False)

    call.__doc__ = f"Return the row and column numbers of the {name} triangle of a matrix."
    return call


def _diff(input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Subtract from each element the one before it along a dimension, `n` times."""
    parts = [x for x in (prepend, input, append) if x is not None] if n else [input]
    x = joining.concatenate(parts, dim) if len(parts) > 1 else as_array(input)
    axis = canonical_axis("diff", dim, x.ndim)
    if n < 0:
        raise ArgumentError(f"diff: n must not be negative, got {n} for {aval_of(x)}")
    minus = pointwise.logical_xor if x.dtype == dtypes.bool_ else pointwise.sub
    for _ in range(n):
        x = minus(slicing.slice_axis(x, axis, 1, None), slicing.slice_axis(x, axis, None, -1))
    return x


# --------------------------------------------------------------------------- looking up


def _index_select(input: Any, dim: int, index: Any) -> Any:
    """Select positions of a dimension by a vector of integers."""
    index, x = as_array(index), as_array(input)
    if index.ndim > 1:
        raise ShapeError(f"index_select: index must be a vector, got {aval_of(index)} for {aval_of(x)}; flatten it")
    if not x.ndim:
        return shaping.reshape(gathering.take(shaping.reshape(x, (1,)), shaping.ravel(index), dim), ())
    return gathering.take(x, shaping.ravel(index), dim)


def _gather(input: Any, dim: int, index: Any) -> Any:
    """Select, for every place of `index`, the element of a dimension whose number it holds."""
    x, index = as_array(input), as_array(index)
    if x.ndim:
        return lookup.gather(x, index, dim)
    return shaping.reshape(lookup.gather(shaping.reshape(x, (1,)), shaping.ravel(index), dim), index.shape)


def _take_along_dim(input: Any, indices: Any, dim: int | None = None) -> Any:
    """Select one position of a dimension for every other position; without `dim`, of the flattened tensors."""
    if dim is None:
        return lookup.take_along_axis(shaping.ravel(input), shaping.ravel(indices), 0)
    return lookup.take_along_axis(input, indices, dim)


def _masked_select(input: Any, mask: Any) -> Any:
    """Return the elements under a mask as a vector; both broadcast."""
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
    """Return the indices of elements that are not zero: one row for each, or one vector for each dimension."""
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
    """Replace the elements under a mask by a number."""
    x = as_array(input)
    return choose(_mask("masked_fill", mask), _number("masked_fill", value, x), x)


def _masked_scatter(input: Any, mask: Any, source: Any) -> Any:
    """Replace the elements under a mask by the first elements of `source`, in order."""
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
    """Write `src` (or the number `value`) to the positions of a dimension that `index` holds."""
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
    """Add `src` at the positions of a dimension that `index` holds; repeated positions accumulate."""
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
    """Combine `src` at the positions that `index` holds, by sum, prod, mean, amax or amin, with what was there."""
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
    """Add slices of `source` to the positions of a dimension that `index` holds; repeated positions accumulate."""
    x = as_array(input)
    values = source if alpha == 1 else pointwise.mul(source, shaping.cast(alpha, as_array(source).dtype))
    return indexing.update(x, _at(dim, x, as_array(index)), values, "add")


@_vector_wise
def _index_copy(input: Any, dim: int, index: Any, source: Any) -> Any:
    """Write slices of `source` to the positions of a dimension that `index` holds."""
    x = as_array(input)
    return indexing.update(x, _at(dim, x, as_array(index)), source)


def _index_fill(input: Any, dim: int, index: Any, value: Any) -> Any:
    """Write a number to the positions of a dimension that `index` holds."""
    x = as_array(input)
    if not x.ndim:
        return shaping.reshape(_index_fill(shaping.reshape(x, (1,)), dim, index, value), ())
    return indexing.update(x, _at(dim, x, as_array(index)), _number("index_fill", value, x))


def _index_put(input: Any, indices: Sequence[Any], values: Any, accumulate: bool = False) -> Any:
    """Write (or add) values at `input[indices]`."""
    index = tuple(slice(None) if i is None else i for i in indices)
    return indexing.update(input, index, values, "add" if accumulate else "set", select_first=True)


# fmt: off
BOTH: Table = {
    "tile": lambda input, *dims: shaping.tile(input, tuple(sizes(dims))),
    "repeat_interleave": _repeat_interleave,
    "diff": _diff,
    "roll": lambda input, shifts, dims=None: joining.roll(input, shifts, dims),
    "flip": _flip,
    "fliplr": lambda input: slicing.flip(input, 1),
    "flipud": lambda input: slicing.flip(input, 0),
    "rot90": _rot90,
    "tril": lambda input, diagonal=0: _TRIL(input, diagonal),
    "triu": lambda input, diagonal=0: _TRIU(input, diagonal),
    "diag": lambda input, diagonal=0: _DIAG(input, diagonal),
    "diag_embed": lambda input, offset=0, dim1=-2, dim2=-1: diagonal.diag_embed(input, offset, dim1, dim2),
    "diagflat": _diagflat,
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
FUNCTIONS: Table = {
    "cat": _cat,
    "stack": _stack,
    "hstack": _hstack,
    "vstack": lambda tensors: joining.concatenate([shaping.atleast_nd(x, 2) for x in tensors], 0),
    "dstack": lambda tensors: joining.concatenate([_padded(as_array(x), 3) for x in tensors], 2),
    "column_stack": _column_stack,
    "atleast_1d": _at_least(1),
    "atleast_2d": _at_least(2),
    "atleast_3d": _at_least(3),
    "meshgrid": _meshgrid,
    "pad": _pad,
    "tril_indices": _triangle("lower", np.tril_indices),
    "triu_indices": _triangle("upper", np.triu_indices),
    "broadcast_shapes": _broadcast_shapes,
}
METHODS: Table = {"repeat": _repeat}
ALIASES = {"concat": "cat", "concatenate": "cat", "row_stack": "vstack"}
_TRIL, _TRIU, _DIAG = diagonal.tril, diagonal.triu, diagonal.diag  # `diagonal` is also the name of an argument
# fmt: on
