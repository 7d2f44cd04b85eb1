"""Joining, repeating, padding, turning and diagonals, under PyTorch's names. Results are copies."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index as as_int
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.array import Array, wrap
from ..core.aval import Aval
from ..core.errors import ArgumentError, ShapeError
from ..core.ops import diagonal, joining, pointwise, shaping, slicing
from ..core.ops.families import as_array, broadcast_shapes
from ..core.ops.shaping import canonical_axis
from ..core.tracer import Tracer, aval_of
from . import shortcut
from .creation import made
from .handle import Tensor
from .table import Table, sizes
from .texts.written import docstring

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
    """Join tensors along a dimension. Vectors of no elements are left out, whatever the others are.

    >>> x = mt.tensor([[1, 2], [3, 4]])
    >>> mt.cat([x, x[:1]])
    tensor([[1, 2],
            [3, 4],
            [1, 2]])
    >>> mt.cat([x, x], dim=1)
    tensor([[1, 2, 1, 2],
            [3, 4, 3, 4]])
    """
    _check_list("cat", tensors)
    parts = [x for x in tensors if getattr(x, "shape", None) != (0,)] or tensors
    quick = _quickly_joined(parts, dim) if parts else None
    return joining.concatenate(parts, dim) if quick is None else quick


def _stack(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Join tensors along a new dimension.

    >>> mt.stack([mt.tensor([1, 2]), mt.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    >>> mt.stack([mt.tensor([1, 2]), mt.tensor([3, 4])], dim=1)
    tensor([[1, 3],
            [2, 4]])
    """
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
    """Join along the second dimension, vectors along their only one.

    >>> mt.hstack([mt.tensor([1, 2]), mt.tensor([3])])
    tensor([1, 2, 3])
    >>> mt.hstack([mt.tensor([[1], [2]]), mt.tensor([[3], [4]])])
    tensor([[1, 3],
            [2, 4]])
    """
    rows = [shaping.atleast_nd(x, 1) for x in tensors]
    if not rows:
        raise ArgumentError("hstack: needs at least one tensor; give a list of them")
    return joining.concatenate(rows, 0 if rows[0].ndim == 1 else 1)


def _column_stack(tensors: Sequence[Any]) -> Any:
    """Join vectors, as columns, and matrices along the second dimension.

    >>> mt.column_stack([mt.tensor([1, 2]), mt.tensor([[3, 4], [5, 6]])])
    tensor([[1, 3, 4],
            [2, 5, 6]])
    """
    return joining.concatenate([shaping.reshape(x, (-1, 1)) if as_array(x).ndim < 2 else x for x in tensors], 1)


def _repeat(input: Any, *repeats: Any) -> Any:
    """Lay copies side by side, so many times along each dimension; there may be more dimensions than in the tensor.

    >>> x = mt.tensor([1, 2])
    >>> x.repeat(2)
    tensor([1, 2, 1, 2])
    >>> x.repeat(2, 1)
    tensor([[1, 2],
            [1, 2]])
    """
    counts = sizes(repeats)
    if len(counts) < as_array(input).ndim:
        raise ShapeError(
            f"repeat: number of dimensions of repeat dims {tuple(counts)} can not be smaller than those of "
            f"{aval_of(as_array(input))}; give one count for each"
        )
    return shaping.tile(input, tuple(counts))


def _repeat_interleave(input: Any, repeats: Any, dim: int | None = None, *, output_size: int | None = None) -> Any:
    """Repeat each element (along a dimension, or of the flattened tensor).

    >>> x = mt.tensor([[1, 2], [3, 4]])
    >>> mt.repeat_interleave(x, 2)
    tensor([1, 1, 2, 2, 3, 3, 4, 4])
    >>> mt.repeat_interleave(x, mt.tensor([2, 1]), dim=0)
    tensor([[1, 2],
            [1, 2],
            [3, 4]])
    """
    counts = repeats.numpy() if hasattr(repeats, "numpy") else repeats
    return joining.repeat(input, counts, dim)


PAD_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def _pad(input: Any, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Any:
    """Add elements before and after the last dimensions: `pad` holds (before, after) for the last, the one before, ...

    `mode` is constant (with `value`), reflect, replicate or circular; negative widths cut.

    >>> x = mt.tensor([[1, 2], [3, 4]])
    >>> mt.pad(x, (1, 0))
    tensor([[0, 1, 2],
            [0, 3, 4]])
    >>> mt.pad(x, (0, 0, 0, 1), value=9)
    tensor([[1, 2],
            [3, 4],
            [9, 9]])
    >>> mt.pad(x, (0, 1), mode="reflect")
    tensor([[1, 2, 1],
            [3, 4, 3]])
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
    """Reverse the order of elements along dimensions, given as `flip(x, 0, 1)`, `flip(x, (0, 1))` or by `dims=`.

    >>> x = mt.tensor([[1, 2], [3, 4]])
    >>> mt.flip(x, (0,))
    tensor([[3, 4],
            [1, 2]])
    >>> mt.flip(x, (0, 1))
    tensor([[4, 3],
            [2, 1]])
    """
    if named:
        if dims or set(named) != {"dims"}:
            raise TypeError(f"flip() takes dims once, got {dims} and {named}")
        dims = (named["dims"],)
    return slicing.flip(input, tuple(sizes(dims)))


def _rot90(input: Any, k: int = 1, dims: Sequence[int] = (0, 1)) -> Any:
    """Turn by 90 degrees `k` times in the plane of two dimensions, from the first toward the second.

    >>> x = mt.tensor([[1, 2], [3, 4]])
    >>> mt.rot90(x)
    tensor([[2, 4],
            [1, 3]])
    >>> mt.rot90(x, -1)
    tensor([[3, 1],
            [4, 2]])
    """
    if len(dims) != 2:
        raise ArgumentError(f"rot90: dims must name two dimensions, got {tuple(dims)}")
    return joining.rot90(input, k, tuple(dims))


def _diagflat(input: Any, offset: int = 0) -> Any:
    """Make a matrix with the flattened elements on a diagonal.

    >>> mt.diagflat(mt.tensor([1, 2]), offset=1)
    tensor([[0, 1, 0],
            [0, 0, 2],
            [0, 0, 0]])
    """
    return diagonal.diag_embed(shaping.ravel(input), offset)


def _broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """Return the shape that shapes (or single sizes) broadcast to.

    >>> mt.broadcast_shapes((3, 1), (2,), (1, 1, 1))
    (1, 3, 2)
    """
    avals = [Aval(s if isinstance(s, tuple) else (s,), dtypes.float32) for s in shapes]
    return broadcast_shapes("broadcast_shapes", *avals)


_CORNERS = {
    "lower": ("mt.tril_indices(2, 3).tolist()", "[[0, 1, 1], [0, 0, 1]]"),
    "upper": ("mt.triu_indices(2, 3, offset=1).tolist()", "[[0, 0, 1], [1, 2, 2]]"),
}


def _triangle(name: str, numpy_function: Any) -> Any:
    def call(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Tensor:
        row, col, offset = map(as_int, (row, col, offset))
        if row < 0 or col < 0:
            raise ArgumentError(f"{name} triangle: sizes must not be negative, got row={row} and col={col}")
        found = np.stack(numpy_function(row, offset, col)).astype(dtypes.canonical(dtype or dtypes.int64))
        return made(wrap(found), device, False)

    summary = f"Return the row and column numbers of the {name} triangle of a matrix."
    call.__doc__ = docstring((summary, *_CORNERS[name]))
    return call


def _diff(input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Subtract from each element the one before it along a dimension, `n` times.

    >>> x = mt.tensor([1, 4, 9, 16])
    >>> mt.diff(x), mt.diff(x, n=2)
    (tensor([3, 5, 7]), tensor([2, 2]))
    >>> mt.diff(x, prepend=mt.tensor([0]))
    tensor([1, 3, 5, 7])
    """
    parts = [x for x in (prepend, input, append) if x is not None] if n else [input]
    x = joining.concatenate(parts, dim) if len(parts) > 1 else as_array(input)
    axis = canonical_axis("diff", dim, x.ndim)
    if n < 0:
        raise ArgumentError(f"diff: n must not be negative, got {n} for {aval_of(x)}")
    minus = pointwise.logical_xor if x.dtype == dtypes.bool_ else pointwise.sub
    for _ in range(n):
        x = minus(slicing.slice_axis(x, axis, 1, None), slicing.slice_axis(x, axis, None, -1))
    return x


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
