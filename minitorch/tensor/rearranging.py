"""Blocks, grids, parts written into a whole, and copies of views, under PyTorch's names."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from operator import index as as_int
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.array import wrap
from ..core.errors import ArgumentError, DTypeError, ShapeError, UnsupportedError
from ..core.ops import gathering, indexing, joining, lookup, pointwise, scanning, shaping
from ..core.ops.families import as_array
from ..core.ops.shaping import canonical_axis
from ..core.tracer import aval_of
from .alias import Step, function_step, index_step
from .arranging import _pad
from .conversion import _detach, clone
from .handle import Tensor
from .layout import is_contiguous, storage_offset
from .parts import BOTH as PARTS
from .parts import _diagonal, _narrow, _split, _tensor_split, _unfold, _view_as_complex, _view_as_real
from .placing import _at, _identity, _vector_wise
from .table import Function, Table, sizes
from .texts.written import docstring
from .views import BOTH as VIEWS
from .views import viewed

# --------------------------------------------------------------------------- blocks and grids


def _given(tensors: tuple[Any, ...]) -> Sequence[Any]:
    return tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors


def _block_diag(*tensors: Any) -> Any:
    """Lay matrices (vectors are rows, numbers 1 by 1) along the diagonal of a matrix of zeros.

    >>> mt.block_diag(mt.tensor([[1, 2], [3, 4]]), mt.tensor([5, 6]))
    tensor([[1, 2, 0, 0],
            [3, 4, 0, 0],
            [0, 0, 5, 6]])
    """
    blocks = [shaping.atleast_nd(x, 2) for x in _given(tensors)]
    if any(b.ndim > 2 for b in blocks):
        raise ShapeError(f"block_diag: takes at most 2-d tensors, got {', '.join(str(aval_of(b)) for b in blocks)}")
    width, before, rows = sum(b.shape[1] for b in blocks), 0, []
    for block in blocks:
        n = block.shape[1]
        rows.append(joining.pad(block, ((0, 0), (before, width - before - n))))
        before += n
    return joining.concatenate(rows, 0)


def _cartesian_prod(*tensors: Any) -> Any:
    """Return all ways to take one element of each vector, as rows.

    >>> mt.cartesian_prod(mt.tensor([1, 2]), mt.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    vectors = [as_array(x) for x in _given(tensors)]
    if any(v.ndim != 1 for v in vectors):
        raise ShapeError(f"cartesian_prod: takes vectors, got {', '.join(str(aval_of(v)) for v in vectors)}")
    if len(vectors) == 1:
        return vectors[0]
    grid = shaping.meshgrid(*vectors, indexing="ij")
    return joining.stack([shaping.ravel(g) for g in grid], 1)


def _combinations(input: Any, r: int = 2, with_replacement: bool = False) -> Any:
    """Return all ways to take `r` elements of a vector, in order, as rows.

    >>> mt.combinations(mt.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    >>> mt.combinations(mt.tensor([1, 2]), with_replacement=True)
    tensor([[1, 1],
            [1, 2],
            [2, 2]])
    """
    x = as_array(input)
    if x.ndim != 1 or r < 0:
        raise ArgumentError(f"combinations: takes a vector and r >= 0, got {aval_of(x)} and r={r}")
    if not r:
        return indexing.getitem(x, slice(0, 0))
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = np.array(list(choose(range(x.shape[0]), r)), np.int64).reshape(-1, r)
    return (
        gathering.take(x, wrap(places), 0) if r else shaping.reshape(gathering.take(x, wrap(places[:0, 0:]), 0), (0,))
    )


def _unravel_index(indices: Any, shape: Any) -> tuple[Any, ...]:
    """Return the coordinates, in a tensor of a shape, of positions in the flattened one.

    >>> mt.unravel_index(mt.tensor([1, 5]), (2, 3))
    (tensor([0, 1]), tensor([1, 2]))
    """
    places = as_array(indices)
    wanted = (shape,) if isinstance(shape, int) else tuple(map(as_int, shape))
    if dtypes.rank(places.dtype) != 1:
        raise DTypeError(f"unravel_index: indices must be integers, got {aval_of(places)}; cast them with .long()")
    if any(n < 0 for n in wanted):
        raise ArgumentError(f"unravel_index: sizes must not be negative, got shape {wanted} for {aval_of(places)}")
    places = shaping.cast(places, dtypes.int64)
    steps = [math.prod(wanted[i + 1 :]) for i in range(len(wanted))]
    return tuple(pointwise.remainder(pointwise.floor_divide(places, s), n) for s, n in zip(steps, wanted))


def _nonzero_static(input: Any, *, size: int, fill_value: int = -1) -> Any:
    """Return the indices of elements that are not zero, as exactly `size` rows: cut, or filled up.

    >>> x = mt.tensor([0, 5, 7])
    >>> mt.nonzero_static(x, size=3)
    tensor([[ 1],
            [ 2],
            [-1]])
    """
    x = as_array(input)
    if size < 0:
        raise ArgumentError(f"nonzero_static: size must not be negative, got {size} for {aval_of(x)}")
    taken = shaping.cast(pointwise.not_equal(shaping.reshape(x, (-1,)), 0), dtypes.int64)
    counts = scanning.cumsum(taken, 0)
    # The k-th element that is not zero stands where the running count reaches k.
    flat = lookup.searchsorted(counts, wrap(np.arange(1, size + 1)))
    is_there = pointwise.less(wrap(np.arange(size)), shaping.sum(taken))
    places = []
    for step, n in zip(_steps_of(x.shape), x.shape):
        at = pointwise.remainder(pointwise.floor_divide(flat, step), max(n, 1))
        places.append(pointwise.where(is_there, at, fill_value))
    return joining.stack(places, -1) if places else wrap(np.zeros((size, 0), np.int64))


def _steps_of(shape: tuple[int, ...]) -> list[int]:
    """Return how many elements one step along each axis passes."""
    return [max(math.prod(shape[i + 1 :]), 1) for i in range(len(shape))]


# --------------------------------------------------------------------------- parts

_LEAST = {"hsplit": 1, "vsplit": 2, "dsplit": 3}
_CUTS = {
    "hsplit": ("mt.hsplit(mt.tensor([[1, 2], [3, 4]]), 2)[1].tolist()", "[[2], [4]]"),
    "vsplit": ("[part.tolist() for part in mt.vsplit(mt.tensor([[1], [2], [3]]), (2,))]", "[[[1], [2]], [[3]]]"),
    "dsplit": ("[part.shape for part in mt.dsplit(mt.zeros(2, 3, 4), 2)]", "[(2, 3, 2), (2, 3, 2)]"),
}


def _splitter(name: str, dim: Callable[[int], int]) -> Function:
    def call(input: Any, *indices_or_sections: Any) -> tuple[Any, ...]:
        x = as_array(input)
        how = sizes(indices_or_sections) if len(indices_or_sections) > 1 else indices_or_sections[0]
        if x.ndim < _LEAST[name]:
            raise ShapeError(f"{name}: needs at least {_LEAST[name]} dimensions, got {aval_of(x)}; use tensor_split")
        axis = dim(x.ndim)
        if isinstance(how, int) and (how < 1 or x.shape[axis] % how):
            raise ShapeError(f"{name}: dim {axis} of {aval_of(x)} does not split into {how} equal parts")
        return _tensor_split(input, how, axis)

    summary = "Cut a tensor into views: that many of equal size, or at the given positions."
    call.__doc__ = docstring((summary, *_CUTS[name]))
    return call


def _written(name: str, input: Any, src: Any, step: Step) -> Any:
    """Return `input` with the part that a step takes of it replaced."""
    x, part = as_array(input), as_array(src)
    wanted = step.apply(x).shape
    if part.shape != wanted:
        raise ShapeError(f"{name}: src {aval_of(part)} must have the shape {wanted} of the part of {aval_of(x)}")
    return step.put(x, shaping.cast(part, x.dtype))


def _select_scatter(input: Any, src: Any, dim: int, index: int) -> Any:
    """Return a copy with one position of a dimension replaced by `src`.

    >>> mt.select_scatter(mt.zeros(2, 2), mt.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    x = as_array(input)
    axis = canonical_axis("select_scatter", dim, x.ndim)
    return _written("select_scatter", x, src, index_step((slice(None),) * (axis + x.ndim) + (as_int(index),)))


def _slice_scatter(
    input: Any, src: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Any:
    """Return a copy with a slice of a dimension replaced by `src`.

    >>> mt.slice_scatter(mt.zeros(4), mt.ones(2), start=1, end=3)
    tensor([0., 1., 1., 0.])
    """
    x = as_array(input)
    axis = canonical_axis("slice_scatter", dim, x.ndim)
    return _written("slice_scatter", x, src, index_step((slice(None),) * (axis + x.ndim) + (slice(start, end, step),)))


def _diagonal_scatter(input: Any, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """Return a copy with a diagonal replaced by `src`.

    >>> mt.diagonal_scatter(mt.zeros(2, 2), mt.tensor([1.0, 2.0]))
    tensor([[1., 0.],
            [0., 2.]])
    """
    return _written("diagonal_scatter", input, src, function_step(lambda x: _diagonal(x, offset, dim1, dim2)))


def _strided_step(x: Any, size: Sequence[int], stride: Sequence[int], start: int) -> Step:
    if len(size) != len(stride):
        raise ShapeError(f"as_strided: size {tuple(size)} and stride {tuple(stride)} must have the same length")
    if any(n < 0 for n in (*size, *stride)):
        raise ArgumentError(f"as_strided: size {tuple(size)} and stride {tuple(stride)} must not be negative")
    places = np.full((), start, np.int64)
    for n, s in zip(size, stride):
        places = places[..., None] + np.arange(n) * s
    count = math.prod(x.shape)
    if places.size and not 0 <= places.min() <= places.max() < count:
        raise UnsupportedError(
            f"as_strided: size {tuple(size)}, stride {tuple(stride)} and offset {start} reach beyond the {count} elements "
            f"of {aval_of(x)}; call it on the tensor that holds them all"
        )

    def lay(at: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        steps = [n * at.itemsize for n in stride]
        return np.lib.stride_tricks.as_strided(at.reshape(-1)[start:], size, steps)

    return function_step(lambda x: gathering.take(shaping.ravel(x), wrap(places), 0), lay)


def _strided(name: str, input: Any, size: Any, stride: Any, storage_offset_: int | None) -> Step:
    x = as_array(input)
    if isinstance(input, Tensor) and not is_contiguous(input):
        raise UnsupportedError(f"{name}: the elements of {aval_of(x)} do not lie in order; call .contiguous() first")
    own = storage_offset(input) if isinstance(input, Tensor) else 0
    return _strided_step(x, size, stride, 0 if storage_offset_ is None else as_int(storage_offset_) - own)


def _as_strided(input: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    """See the elements of a contiguous tensor with other strides, as a view; windows may overlap.

    >>> x = mt.arange(5)
    >>> mt.as_strided(x, (3, 2), (1, 1))
    tensor([[0, 1],
            [1, 2],
            [2, 3]])
    >>> mt.as_strided(x, (2,), (2,), 1)
    tensor([1, 3])
    """
    return viewed(input, _strided("as_strided", input, size, stride, storage_offset))


def _as_strided_scatter(input: Any, src: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    """Return a copy with the elements that `as_strided` takes replaced by `src`.

    >>> mt.as_strided_scatter(mt.zeros(5), mt.ones(2), (2,), (3,))
    tensor([1., 0., 0., 1., 0.])
    """
    return _written(
        "as_strided_scatter", input, src, _strided("as_strided_scatter", input, size, stride, storage_offset)
    )


# --------------------------------------------------------------------------- writing at places


def _put(input: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    """Write (or add) `source` at positions of the flattened tensor.

    >>> x = mt.tensor([[1, 2], [3, 4]])
    >>> mt.put(x, mt.tensor([0, 3]), mt.tensor([10, 40]))
    tensor([[10,  2],
            [ 3, 40]])
    >>> x.put(mt.tensor([0, 0]), mt.tensor([10, 40]), accumulate=True)
    tensor([[51,  2],
            [ 3,  4]])
    """
    x, places, values = as_array(input), as_array(index), as_array(source)
    if values.dtype != x.dtype or values.size != places.size:
        raise ShapeError(
            f"put: source {aval_of(values)} must have the dtype of {aval_of(x)} and as many elements as {aval_of(places)}"
        )
    mode = "add" if accumulate else "set"
    out = indexing.update(shaping.ravel(x), shaping.ravel(places), shaping.ravel(values), mode)
    return shaping.reshape(out, x.shape)


_REDUCE = {"prod": "multiply", "mean": "add", "amax": "max", "amin": "min"}


@_vector_wise
def _index_reduce(input: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True) -> Any:
    """Combine slices of `source` at the positions that `index` holds, by prod, mean, amax or amin, with what was there.

    >>> x, index = mt.tensor([1.0, 1.0]), mt.tensor([0, 0, 1])
    >>> mt.index_reduce(x, 0, index, mt.tensor([2.0, 3.0, 4.0]), "prod")
    tensor([6., 4.])
    """
    if reduce not in _REDUCE:
        raise ArgumentError(f"index_reduce: reduce must be one of {', '.join(_REDUCE)}, got {reduce!r}")
    x, mode = as_array(input), _REDUCE[reduce]
    at = _at(dim, x, as_array(index))
    start = x if include_self else indexing.update(x, at, _identity(mode, x.dtype))
    out = indexing.update(start, at, source, mode)
    if reduce != "mean":
        return out
    ones = shaping.ones_like(x)
    counts = indexing.update(ones if include_self else indexing.update(ones, at, 0), at, 1, "add")
    return pointwise.div(out, counts) if dtypes.is_inexact(x.dtype) else pointwise.floor_divide(out, counts)


def _fill(input: Any, value: Any) -> Any:
    """Return a tensor like another, of one number.

    >>> mt.fill(mt.zeros(2), 3.0)
    tensor([3., 3.])
    """
    x, number = as_array(input), as_array(value)
    if number.ndim:
        raise ShapeError(f"fill: value must be a number or a 0-d tensor, got {aval_of(number)}")
    return clone(shaping.broadcast_to(shaping.cast(number, x.dtype), x.shape))


# --------------------------------------------------------------------------- copies of views


def _split_with_sizes(input: Any, split_sizes: Sequence[int], dim: int = 0) -> tuple[Any, ...]:
    """Cut a tensor into views of the given sizes.

    >>> mt.split_with_sizes(mt.arange(5), [1, 4])
    (tensor([0]), tensor([1, 2, 3, 4]))
    """
    return _split(input, list(split_sizes), dim)


def _slice(input: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Any:
    x = as_array(input)
    axis = canonical_axis("slice_copy", dim, x.ndim)
    return viewed(input, index_step((slice(None),) * (axis + x.ndim) + (slice(start, end, step),)))


def _copied(name: str, view: Function, *shown: str) -> Function:
    """Return the function that copies what a view shows; the rest is an example."""

    def call(input: Any, *args: Any, **kwargs: Any) -> Any:
        out = view(input, *args, **kwargs)
        return tuple(map(clone, out)) if isinstance(out, tuple) else clone(out)

    call.__doc__ = docstring((f"As `{name}`, as a copy that shares nothing.", *shown))
    return call


# name: (what it shows, the arguments of an example, what is printed)
# fmt: off
_SEEN: dict[str, tuple[Function, str, str]] = {
    "alias": (lambda input: input, "mt.tensor([1, 2])", "tensor([1, 2])"),
    "as_strided": (_as_strided, "mt.arange(5), (2, 2), (2, 1)", "tensor([[0, 1],\n            [2, 3]])"),
    "detach": (_detach, "mt.tensor([1.0], requires_grad=True)", "tensor([1.])"),
    "diagonal": (PARTS["diagonal"], "mt.tensor([[1, 2], [3, 4]])", "tensor([1, 4])"),
    "expand": (lambda input, size: VIEWS["expand"](input, size), "mt.tensor([7]), (3,)", "tensor([7, 7, 7])"),
    "permute": (VIEWS["permute"], "mt.tensor([[1, 2]]), (1, 0)", "tensor([[1],\n            [2]])"),
    "select": (PARTS["select"], "mt.tensor([[1, 2], [3, 4]]), 0, 1", "tensor([3, 4])"),
    "slice": (_slice, "mt.arange(5), 0, 1, 3", "tensor([1, 2])"),
    "split": (_split, "mt.arange(5), 2", "(tensor([0, 1]), tensor([2, 3]), tensor([4]))"),
    "split_with_sizes": (_split_with_sizes, "mt.arange(5), [2, 3]", "(tensor([0, 1]), tensor([2, 3, 4]))"),
    "squeeze": (VIEWS["squeeze"], "mt.tensor([[1, 2]])", "tensor([1, 2])"),
    "t": (VIEWS["t"], "mt.tensor([[1, 2]])", "tensor([[1],\n            [2]])"),
    "transpose": (VIEWS["transpose"], "mt.tensor([[1, 2]]), 0, 1", "tensor([[1],\n            [2]])"),
    "unbind": (PARTS["unbind"], "mt.tensor([[1, 2], [3, 4]])", "(tensor([1, 2]), tensor([3, 4]))"),
    "unfold": (_unfold, "mt.arange(4), 0, 2, 2", "tensor([[0, 1],\n            [2, 3]])"),
    "unsqueeze": (VIEWS["unsqueeze"], "mt.tensor([1, 2]), 0", "tensor([[1, 2]])"),
    "view": (lambda input, size: VIEWS["reshape"](input, size), "mt.tensor([1, 2]), (1, 2)", "tensor([[1, 2]])"),
    "view_as_real": (_view_as_real, "mt.tensor([1 + 2j])", "tensor([[1., 2.]])"),
    "view_as_complex": (_view_as_complex, "mt.tensor([[1.0, 2.0]])", "tensor([1.+2.j])"),
}

BOTH: Table = {
    "hsplit": _splitter("hsplit", lambda n: 0 if n == 1 else 1),
    "vsplit": _splitter("vsplit", lambda n: 0),
    "dsplit": _splitter("dsplit", lambda n: 2),
    "split_with_sizes": _split_with_sizes,
    "unsafe_split": lambda input, split_size, dim=0: _split(input, split_size, dim),
    "unsafe_split_with_sizes": lambda input, split_sizes, dim=0: _split(input, list(split_sizes), dim),
    "unsafe_chunk": PARTS["chunk"],
    "narrow_copy": _copied("narrow", _narrow, "mt.narrow_copy(mt.arange(5), 0, 1, 3)", "tensor([1, 2, 3])"),
    "select_scatter": _select_scatter,
    "slice_scatter": _slice_scatter,
    "diagonal_scatter": _diagonal_scatter,
    "as_strided": _as_strided,
    "as_strided_scatter": _as_strided_scatter,
    "put": _put,
    "index_reduce": _index_reduce,
    "nonzero_static": _nonzero_static,
}
FUNCTIONS: Table = {
    "block_diag": _block_diag,
    "cartesian_prod": _cartesian_prod,
    "combinations": _combinations,
    "unravel_index": _unravel_index,
    "constant_pad_nd": lambda input, pad, value=0: _pad(input, pad, "constant", value),
    "fill": _fill,
} | {
    f"{name}_copy": _copied(name, view, f"mt.{name}_copy({arguments})", printed)
    for name, (view, arguments, printed) in _SEEN.items()
}
METHODS: Table = {}
ALIASES: dict[str, str] = {}
# fmt: on
