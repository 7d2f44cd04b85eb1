"""Functions whose results share elements with their argument: a write through one shows in the other, as in PyTorch.

Each computes its result by a core operation, recorded as any other, and notes as an alias step how the result was
taken. Core values pass through without aliases.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from operator import index as as_int
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.errors import ArgumentError, OutOfBoundsError, ShapeError, UnsupportedError
from ..core.ops import diagonal, joining, pointwise, shaping
from ..core.ops.bits import bitcast
from ..core.ops.families import as_array, broadcast_shapes
from ..core.ops.indexing import getitem
from ..core.ops.shaping import canonical_axes, canonical_axis
from ..core.primitive import Value, aval_of
from .alias import Step, function_step, index_step, reshape_step, transpose_step
from .handle import Tensor
from .indexing import take
from .layout import fits_in_place, is_contiguous, storage_offset, stride
from .shortcut import structural
from .table import Table, sizes

# --------------------------------------------------------------------------- aliases

_quick_reshape, _quick_transpose = structural(shaping.reshape_p), structural(shaping.transpose_p)
_quick_broadcast = structural(shaping.broadcast_p)


def viewed(input: Any, step: Step) -> Any:
    """Return what a step takes of a tensor, as a view; of a core value, as a value."""
    return input._view_of(step) if isinstance(input, Tensor) else step.apply(as_array(input))


def _indexed(input: Any, index: Any) -> Any:
    """Return what a basic index selects, as a view of a tensor; of a core value, as a value."""
    return take(input, index) if isinstance(input, Tensor) else getitem(as_array(input), index)


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
    """Give a tensor another shape with the same elements in the same order; one size may be -1."""
    return _same_elements(input, _in_shape(input, sizes(shape)))


def _view(input: Any, *shape: Any) -> Any:
    """See a tensor in another shape; unlike `reshape`, raise where that needs a copy."""
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
    """Drop dimensions of size 1: all of them, or those named that have it."""
    shape = as_array(input).shape
    n = len(shape)
    axes = range(-n, 0) if dim is None else canonical_axes("squeeze", dim, max(n, 1))
    return _seen_in(input, tuple([size for i, size in enumerate(shape, -n) if size != 1 or i not in axes]))


def _unsqueeze(input: Any, dim: int) -> Any:
    """Insert a dimension of size 1."""
    shape = as_array(input).shape
    n = len(shape)
    at = canonical_axis("unsqueeze", dim, n + 1) + n + 1
    return _seen_in(input, (*shape[:at], 1, *shape[at:]))


def _flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Merge the dimensions from `start_dim` to `end_dim`, both included."""
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
    """Split a dimension into several; one size may be -1."""
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
    """Put the dimensions in another order."""
    x = as_array(input)
    axes = tuple(sizes(dims))
    if len(axes) != x.ndim:
        raise ShapeError(
            f"permute: number of dimensions in dims {axes} ({len(axes)}) does not match the {x.ndim} of {aval_of(x)}"
        )
    return _permuted(input, canonical_axes("permute", axes, x.ndim)) if axes else _same_elements(input, x)


def _transpose(input: Any, dim0: int, dim1: int) -> Any:
    """Exchange two dimensions."""
    x = as_array(input)
    n = x.ndim
    a, b = canonical_axis("transpose", dim0, max(n, 1)), canonical_axis("transpose", dim1, max(n, 1))
    if not n:
        return _same_elements(input, x)
    axes = list(range(-n, 0))
    axes[a], axes[b] = b, a
    return _permuted(input, tuple(axes))


def _t(input: Any) -> Any:
    """Transpose a matrix; vectors and 0-d tensors are returned as they are."""
    n = as_array(input).ndim
    if n > 2:
        raise ShapeError(f"t: takes tensors with at most 2 dimensions, got {aval_of(input)}; use .mT or permute")
    return _transpose(input, 0, 1) if n == 2 else _same_elements(input, as_array(input))


def _reversed(input: Any) -> Any:
    """Reverse the order of the dimensions."""
    n = as_array(input).ndim
    return _permute(input, tuple(range(n - 1, -1, -1)))


def _matrix_transposed(input: Any) -> Any:
    """Exchange the last two dimensions."""
    x = as_array(input)
    if x.ndim < 2:
        raise ShapeError(f"mT: needs at least 2 dimensions, got {aval_of(x)}; insert one with unsqueeze")
    return _transpose(input, -2, -1)


def _adjoint(input: Any) -> Any:
    """Exchange the last two dimensions and conjugate."""
    out = _matrix_transposed(input)
    return pointwise.conj(out) if dtypes.is_complex(out.dtype) else out


def _movedim(input: Any, source: Any, destination: Any) -> Any:
    """Move dimensions to other positions, keeping the order of the rest."""
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
    """Repeat along dimensions of size 1, and along new ones in front, without a copy; -1 keeps a size."""
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
    """Expand tensors to their common shape."""
    shape = broadcast_shapes("broadcast_tensors", *(aval_of(as_array(x)) for x in tensors))
    return tuple(_expand(x, shape) for x in tensors)


# --------------------------------------------------------------------------- parts


def _along(x: Any, dim: int, chosen: Any) -> tuple[Any, ...]:
    """Return the index that selects along one dimension, counted from the end."""
    return (..., chosen) + (slice(None),) * (-1 - dim)


def _select(input: Any, dim: int, index: int) -> Any:
    """Take one position of a dimension, which disappears."""
    x = as_array(input)
    axis, at = canonical_axis("select", dim, x.ndim), as_int(index)
    if not -x.shape[axis] <= at < x.shape[axis]:
        raise OutOfBoundsError(f"select: index {at} is out of range for dim {dim} of {aval_of(x)}")
    return _indexed(input, _along(x, axis, at))


def _narrow(input: Any, dim: int, start: int, length: int) -> Any:
    """Take `length` positions of a dimension from `start` on."""
    x = as_array(input)
    axis, first, count = canonical_axis("narrow", dim, x.ndim), as_int(start), as_int(length)
    n = x.shape[axis]
    begin = first + n if first < 0 else first
    if not 0 <= begin <= begin + count <= n:
        raise OutOfBoundsError(
            f"narrow: start ({first}) + length ({count}) exceeds dim {dim} of {aval_of(x)}, whose size is {n}"
        )
    return _indexed(input, _along(x, axis, slice(begin, begin + count)))


def _parts(input: Any, axis: int, lengths: Sequence[int]) -> tuple[Any, ...]:
    """Cut a tensor along a dimension into views of the given lengths."""
    parts = joining.split(input, tuple(lengths), axis)
    if not isinstance(input, Tensor):
        return parts
    stops = np.cumsum(lengths).tolist()
    spans = [slice(stop - n, stop) for n, stop in zip(lengths, stops)]
    input.current()
    return tuple(input._alias(p, index_step(_along(input, axis, span))) for p, span in zip(parts, spans))


def _split(tensor: Any, split_size_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Cut a tensor into views of a size (the last may be smaller), or of the given sizes."""
    x = as_array(tensor)
    axis = canonical_axis("split", dim, x.ndim)
    n = x.shape[axis]
    if isinstance(split_size_or_sections, (tuple, list)):
        return _parts(tensor, axis, tuple(map(as_int, split_size_or_sections)))
    size = as_int(split_size_or_sections)
    if size < 0 or (size == 0 and n):
        raise ArgumentError(f"split: split_size must be positive, got {size} for {aval_of(x)}")
    lengths = [min(size, n - start) for start in range(0, n, size)] if n else [0]
    return _parts(tensor, axis, lengths)


def _chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """Cut a tensor into at most that many views of equal size (the last may be smaller)."""
    x = as_array(input)
    axis = canonical_axis("chunk", dim, x.ndim)
    if as_int(chunks) < 1:
        raise ArgumentError(f"chunk: chunks must be positive, got {chunks}")
    if not x.shape[axis]:
        return _parts(input, axis, [0] * as_int(chunks))
    return _split(input, -(-x.shape[axis] // as_int(chunks)), dim)


def _tensor_split(input: Any, indices_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Cut a tensor into views: that many of nearly equal size, or at the given positions."""
    x = as_array(input)
    axis = canonical_axis("tensor_split", dim, x.ndim)
    n = x.shape[axis]
    if hasattr(indices_or_sections, "tolist"):
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, (tuple, list)):
        cuts = [0, *(min(max(i + n if i < 0 else i, 0), n) for i in map(as_int, indices_or_sections)), n]
        spans = [slice(a, max(a, b)) for a, b in pairwise(cuts)]
        return tuple(_indexed(input, _along(x, axis, span)) for span in spans)
    count = as_int(indices_or_sections)
    if count < 1:
        raise ArgumentError(f"tensor_split: number of sections must be larger than 0, got {count}")
    return _parts(input, axis, [n // count + (i < n % count) for i in range(count)])


def _unbind(input: Any, dim: int = 0) -> tuple[Any, ...]:
    """Return the slices along a dimension, as views."""
    x = as_array(input)
    axis = canonical_axis("unbind", dim, x.ndim)
    if not isinstance(input, Tensor):
        return joining.unstack(input, axis)
    n, shape = x.shape[axis], x.shape[:axis] + x.shape[x.ndim + axis + 1 :]
    parts = joining.split(input, (1,) * n, axis) if n else ()
    return tuple(
        [input._alias(_quick_reshape(p, shape=shape), index_step(_along(x, axis, i))) for i, p in enumerate(parts)]
    )


def _diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """Take a diagonal of two dimensions, which becomes the last one, as a view."""
    return viewed(input, function_step(lambda x: diagonal.diagonal(x, offset, dim1, dim2)))


def _unfold(input: Any, dimension: int, size: int, step: int) -> Any:
    """Take all windows of a size along a dimension, `step` apart; a new last dimension runs through each."""
    x = as_array(input)
    axis = canonical_axis("unfold", dimension, max(x.ndim, 1))
    n = x.shape[axis] if x.ndim else 1
    if size > n or size < 0 or step < 1:
        fix = f"use a size from 0 to {n} and a step of 1 or more"
        raise ShapeError(f"unfold: size {size} and step {step} do not fit dim {dimension} of {aval_of(x)}; {fix}")
    places = np.arange(0, n - size + 1, step)[:, None] + np.arange(size)

    def windows(x: Value) -> Value:
        if not x.ndim:
            return shaping.reshape(x, (1,))
        found = getitem(x, (slice(None),) * (x.ndim + axis) + (places,))
        return shaping.moveaxis(found, x.ndim + axis + 1, -1)

    return viewed(input, function_step(windows))


# --------------------------------------------------------------------------- complex parts


def _real(input: Any) -> Any:
    """Return the real part, as a view of a complex tensor."""
    x = as_array(input)
    return viewed(input, _REAL) if dtypes.is_complex(x.dtype) else input


def _imag(input: Any) -> Any:
    """Return the imaginary part, as a view of a complex tensor."""
    x = as_array(input)
    if not dtypes.is_complex(x.dtype):
        raise UnsupportedError(f"imag: is not implemented for tensors with non-complex dtypes, got {aval_of(x)}")
    return viewed(input, _IMAG)


def _join(real: Value, imag: Value) -> Value:
    return pointwise.add(real, pointwise.mul(imag, 1j))


_REAL = Step(pointwise.real, lambda whole, part: _join(part, pointwise.imag(whole)))
_IMAG = Step(pointwise.imag, lambda whole, part: _join(pointwise.real(whole), part))

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
    "select": _select,
    "narrow": _narrow,
    "split": _split,
    "chunk": _chunk,
    "tensor_split": _tensor_split,
    "unbind": _unbind,
    "diagonal": _diagonal,
}
FUNCTIONS: Table = {"real": _real, "imag": _imag, "broadcast_tensors": _broadcast_tensors}
METHODS: Table = {
    "view": _view,
    "view_as": lambda self, other: _view(self, as_array(other).shape),
    "reshape_as": lambda self, other: _reshape(self, as_array(other).shape),
    "unfold": _unfold,
    "is_contiguous": is_contiguous, "stride": stride, "storage_offset": storage_offset,
}
PROPERTIES: Table = {
    "T": _reversed, "mT": _matrix_transposed, "H": _adjoint, "mH": _adjoint, "real": _real, "imag": _imag,
}
ALIASES = {"swapaxes": "transpose", "swapdims": "transpose", "moveaxis": "movedim"}
# fmt: on
