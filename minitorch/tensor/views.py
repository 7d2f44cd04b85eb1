"""Functions whose results share elements with their argument: a write through one shows in the other, as in PyTorch.

Each computes its result by a core operation, recorded as any other, and notes as an alias step how the result was
taken. Core values pass through without aliases.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import index as as_int
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.errors import ShapeError
from ..core.ops import pointwise, shaping
from ..core.ops.bits import bitcast
from ..core.ops.families import as_array, broadcast_shapes
from ..core.ops.shaping import canonical_axes, canonical_axis
from ..core.tracer import aval_of
from .alias import Step, function_step, reshape_step, transpose_step
from .handle import Tensor
from .layout import fits_in_place, is_contiguous, storage_offset, stride
from .shortcut import structural
from .table import Table, sizes

# --------------------------------------------------------------------------- aliases

_quick_reshape, _quick_transpose = structural(shaping.reshape_p), structural(shaping.transpose_p)
_quick_broadcast = structural(shaping.broadcast_p)


def viewed(input: Any, step: Step) -> Any:
    """Return what a step takes of a tensor, as a view; of a core value, as a value."""
    return input._view_of(step) if isinstance(input, Tensor) else step.apply(as_array(input))


def aliased(input: Any, out: Any, step: Callable[[Any], Step]) -> Any:
    """Note that `out` is a view of `input`, taken by `step(out)`."""
    if not isinstance(input, Tensor):
        return out
    input.current()
    return input._alias(out, step(out))


def _in_shape(input: Any, shape: Any) -> Any:
    """Reshape; the tensor itself, too, comes back as a result with a node of its own."""
    if isinstance(input, Tensor):
        count = math.prod(input.value.shape)
        wanted = (as_int(shape),) if isinstance(shape, int) else tuple(map(as_int, shape))
        if -1 in wanted:
            rest = -math.prod(wanted)
            if rest > 0 and not count % rest:
                wanted = tuple(count // rest if n == -1 else n for n in wanted)
        if math.prod(wanted) == count and (not wanted or min(wanted) >= 0):
            return _quick_reshape(input, shape=wanted)
    return shaping.reshape(input, shape)


def _seen_in(input: Any, shape: tuple[int, ...]) -> Any:
    """Return a view in a shape that needs no copy, however the elements lie: sizes of 1 come and go, one size is split."""
    if isinstance(input, Tensor):
        return input._alias(_quick_reshape(input, shape=shape), reshape_step(shape))
    return shaping.reshape(input, shape)


def _same_elements(input: Any, out: Any) -> Any:
    """Return `out`, a reshape of `input`, as a view where PyTorch would not have to copy."""
    if not isinstance(input, Tensor) or not fits_in_place(input, out.shape):
        return out
    return aliased(input, out, lambda out: reshape_step(out.shape))


def _reshape(input: Any, *shape: Any) -> Any:
    """Give a tensor another shape with the same elements in the same order; one size may be -1.

    >>> x = mt.tensor([1, 2, 3, 4, 5, 6])
    >>> mt.reshape(x, (2, 3))
    tensor([[1, 2, 3],
            [4, 5, 6]])
    >>> mt.reshape(x, (3, -1)).shape
    (3, 2)
    """
    return _same_elements(input, _in_shape(input, sizes(shape)))


def _view(input: Any, *shape: Any) -> Any:
    """See a tensor in another shape; unlike `reshape`, raise where that needs a copy.

    >>> x = mt.tensor([1, 2, 3, 4])
    >>> y = x.view(2, -1)
    >>> y[0, 0] = 9
    >>> x
    tensor([9, 2, 3, 4])
    >>> mt.tensor([1.0]).view(mt.int32)
    tensor([1065353216], dtype=int32)
    """
    if len(shape) == 1 and isinstance(shape[0], (np.dtype, type)):
        return _view_bits(input, dtypes.canonical(shape[0]))
    try:
        out = _in_shape(input, sizes(shape))
    except ShapeError as error:
        raise ShapeError(f"view: {str(error).removeprefix('reshape: ')}") from None
    if isinstance(input, Tensor) and not fits_in_place(input, out.shape):
        raise ShapeError(
            f"view: size {out.shape} is not compatible with input tensor {aval_of(input)} of stride {stride(input)}: "
            "at least one dimension spans across two contiguous subspaces; use .reshape(...) instead"
        )
    return aliased(input, out, lambda out: reshape_step(out.shape))


def _view_bits(input: Any, dtype: Any) -> Any:
    """See the bits as another dtype; one of another width changes the last size."""
    return viewed(input, Step(lambda x: bitcast(x, dtype), lambda whole, part: bitcast(part, aval_of(whole).dtype)))


def _squeeze(input: Any, dim: Any = None) -> Any:
    """Drop dimensions of size 1: all of them, or those named that have it.

    >>> x = mt.zeros(1, 2, 1)
    >>> mt.squeeze(x).shape, mt.squeeze(x, 0).shape, mt.squeeze(x, 1).shape
    ((2,), (2, 1), (1, 2, 1))
    """
    shape = as_array(input).shape
    n = len(shape)
    axes = range(-n, 0) if dim is None else canonical_axes("squeeze", dim, max(n, 1))
    return _seen_in(input, tuple([size for i, size in enumerate(shape, -n) if size != 1 or i not in axes]))


def _unsqueeze(input: Any, dim: int) -> Any:
    """Insert a dimension of size 1.

    >>> x = mt.tensor([1, 2])
    >>> mt.unsqueeze(x, 0)
    tensor([[1, 2]])
    >>> mt.unsqueeze(x, -1).shape
    (2, 1)
    """
    shape = as_array(input).shape
    n = len(shape)
    at = canonical_axis("unsqueeze", dim, n + 1) + n + 1
    return _seen_in(input, (*shape[:at], 1, *shape[at:]))


def _flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Merge the dimensions from `start_dim` to `end_dim`, both included.

    >>> x = mt.zeros(2, 3, 4)
    >>> mt.flatten(x).shape, mt.flatten(x, 1).shape, mt.flatten(x, 0, 1).shape
    ((24,), (2, 12), (6, 4))
    """
    if not isinstance(input, Tensor):
        return shaping.flatten(input, start_dim, end_dim)
    shape = input.value.shape
    n = max(len(shape), 1)
    start, end = canonical_axis("flatten", start_dim, n) + n, canonical_axis("flatten", end_dim, n) + n
    if start > end:
        raise ShapeError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim} in {aval_of(input)}; swap them")
    wanted = (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :])
    return _same_elements(input, _quick_reshape(input, shape=wanted))


def _unflatten(input: Any, dim: int, sizes: Sequence[int]) -> Any:
    """Split a dimension into several; one size may be -1.

    >>> mt.unflatten(mt.arange(6), 0, (2, -1))
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    x = as_array(input)
    at = canonical_axis("unflatten", dim, x.ndim) + x.ndim
    part = list(sizes)
    known = math.prod([n for n in part if n != -1])
    if -1 in part and known and part.count(-1) == 1:
        part[part.index(-1)] = x.shape[at] // known
    if math.prod(part) != x.shape[at] or min(part, default=0) < 0:
        raise ShapeError(f"unflatten: sizes {tuple(sizes)} do not multiply up to the size of dim {dim} of {aval_of(x)}")
    return _seen_in(input, (*x.shape[:at], *part, *x.shape[at + 1 :]))


def _permuted(input: Any, axes: tuple[int, ...]) -> Any:
    """Return a view with the dimensions in another order, each named once and counted from the end."""
    if isinstance(input, Tensor):
        return input._alias(_quick_transpose(input, axes=axes), transpose_step(axes))
    return shaping.transpose(input, axes)


def _permute(input: Any, *dims: Any) -> Any:
    """Put the dimensions in another order.

    >>> mt.permute(mt.zeros(2, 3, 4), (2, 0, 1)).shape
    (4, 2, 3)
    """
    x = as_array(input)
    axes = tuple(sizes(dims))
    if len(axes) != x.ndim:
        raise ShapeError(
            f"permute: number of dimensions in dims {axes} ({len(axes)}) does not match the {x.ndim} of {aval_of(x)}"
        )
    return _permuted(input, canonical_axes("permute", axes, x.ndim)) if axes else _same_elements(input, x)


def _transpose(input: Any, dim0: int, dim1: int) -> Any:
    """Exchange two dimensions.

    >>> mt.transpose(mt.tensor([[1, 2, 3], [4, 5, 6]]), 0, 1)
    tensor([[1, 4],
            [2, 5],
            [3, 6]])
    """
    x = as_array(input)
    n = x.ndim
    a, b = canonical_axis("transpose", dim0, max(n, 1)), canonical_axis("transpose", dim1, max(n, 1))
    if not n:
        return _same_elements(input, x)
    axes = list(range(-n, 0))
    axes[a], axes[b] = b, a
    return _permuted(input, tuple(axes))


def _t(input: Any) -> Any:
    """Transpose a matrix; vectors and 0-d tensors are returned as they are.

    >>> mt.t(mt.tensor([[1, 2], [3, 4]]))
    tensor([[1, 3],
            [2, 4]])
    """
    n = as_array(input).ndim
    if n > 2:
        raise ShapeError(f"t: takes tensors with at most 2 dimensions, got {aval_of(input)}; use .mT or permute")
    return _transpose(input, 0, 1) if n == 2 else _same_elements(input, as_array(input))


def _reversed(input: Any) -> Any:
    """Reverse the order of the dimensions.

    >>> mt.zeros(2, 3).T.shape
    (3, 2)
    """
    n = as_array(input).ndim
    return _permute(input, tuple(range(n - 1, -1, -1)))


def _matrix_transposed(input: Any) -> Any:
    """Exchange the last two dimensions.

    >>> mt.zeros(2, 3, 4).mT.shape
    (2, 4, 3)
    """
    x = as_array(input)
    if x.ndim < 2:
        raise ShapeError(f"mT: needs at least 2 dimensions, got {aval_of(x)}; insert one with unsqueeze")
    return _transpose(input, -2, -1)


def _adjoint(input: Any) -> Any:
    """Exchange the last two dimensions and conjugate.

    >>> mt.adjoint(mt.tensor([[1 + 1j, 2], [3, 4j]]))
    tensor([[1.-1.j, 3.-0.j],
            [2.-0.j, 0.-4.j]])
    """
    out = _matrix_transposed(input)
    return pointwise.conj(out) if dtypes.is_complex(out.dtype) else out


def _movedim(input: Any, source: Any, destination: Any) -> Any:
    """Move dimensions to other positions, keeping the order of the rest.

    >>> x = mt.zeros(2, 3, 4)
    >>> mt.movedim(x, 0, -1).shape, mt.movedim(x, (0, 1), (1, 0)).shape
    ((3, 4, 2), (3, 2, 4))
    """
    x = as_array(input)
    n = x.ndim
    src, dst = canonical_axes("movedim", source, max(n, 1)), canonical_axes("movedim", destination, max(n, 1))
    if len(src) != len(dst):
        raise ShapeError(
            f"movedim: {source} and {destination} name different numbers of dimensions of {aval_of(x)}; give a destination "
            "for each source"
        )
    if not n:
        return _same_elements(input, x)
    order = [a for a in range(-n, 0) if a not in src]
    for d, a in sorted(zip(dst, src)):
        order.insert(d + n, a)
    return _permuted(input, tuple(order))


def _expand(input: Any, *size: Any) -> Any:
    """Repeat along dimensions of size 1, and along new ones in front, without a copy; -1 keeps a size.

    >>> x = mt.tensor([[1], [2]])
    >>> x.expand(2, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    >>> x.expand(4, -1, 3).shape
    (4, 2, 3)
    """
    x = as_array(input)
    wanted = tuple(map(as_int, sizes(size)))
    lead = len(wanted) - x.ndim
    if lead < 0 or -1 in wanted[:lead]:
        raise ShapeError(
            f"expand: the sizes {wanted} do not fit {aval_of(x)}; give at least {x.ndim}, and -1 only for existing ones"
        )
    shape = (*wanted[:lead], *[have if n == -1 else n for n, have in zip(wanted[lead:], x.shape)])
    fits = min(shape, default=0) >= 0 and all([n == have or have == 1 for n, have in zip(shape[lead:], x.shape)])
    if fits and isinstance(input, Tensor):
        out = _quick_broadcast(input, shape=shape)
    else:
        out = shaping.broadcast_to(x, shape)  # which tells what is wrong
    return aliased(input, out, lambda out: function_step(lambda x: shaping.broadcast_to(x, shape)))


def _broadcast_tensors(*tensors: Any) -> tuple[Any, ...]:
    """Expand tensors to their common shape.

    >>> x, y = mt.broadcast_tensors(mt.tensor([[1], [2]]), mt.tensor([3, 4]))
    >>> x
    tensor([[1, 1],
            [2, 2]])
    >>> y
    tensor([[3, 4],
            [3, 4]])
    """
    shape = broadcast_shapes("broadcast_tensors", *(aval_of(as_array(x)) for x in tensors))
    return tuple(_expand(x, shape) for x in tensors)


# fmt: off
BOTH: Table = {
    "reshape": _reshape,
    "squeeze": _squeeze,
    "unsqueeze": _unsqueeze,
    "flatten": _flatten,
    "ravel": lambda input: _reshape(input, -1),
    "unflatten": _unflatten,
    "permute": _permute,
    "transpose": _transpose,
    "t": _t,
    "adjoint": _adjoint,
    "movedim": _movedim,
    "expand": _expand,
    "expand_as": lambda input, other: _expand(input, as_array(other).shape),
    "broadcast_to": lambda input, size: _expand(input, size),
}
FUNCTIONS: Table = {"broadcast_tensors": _broadcast_tensors}
METHODS: Table = {
    "view": _view,
    "view_as": lambda self, other: _view(self, as_array(other).shape),
    "reshape_as": lambda self, other: _reshape(self, as_array(other).shape),
    "is_contiguous": is_contiguous, "stride": stride, "storage_offset": storage_offset,
}
PROPERTIES: Table = {
    "T": _reversed, "mT": _matrix_transposed, "H": _adjoint, "mH": _adjoint,
}
ALIASES = {"swapaxes": "transpose", "swapdims": "transpose", "moveaxis": "movedim"}
# fmt: on
