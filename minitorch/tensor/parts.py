"""Parts of tensors as views: positions, slices, diagonals, windows, the parts of complex numbers.

A write through one shows in the other, as in PyTorch; core values pass through without aliases.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from operator import index as as_int
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.errors import ArgumentError, DTypeError, OutOfBoundsError, ShapeError, UnsupportedError
from ..core.ops import diagonal, joining, pointwise, shaping
from ..core.ops.families import as_array
from ..core.ops.indexing import getitem
from ..core.ops.shaping import canonical_axis
from ..core.tracer import Value, aval_of
from .alias import Step, function_step, index_step
from .handle import Tensor
from .indexing import take
from .shortcut import structural
from .table import Table
from .views import viewed

_quick_reshape = structural(shaping.reshape_p)


def _indexed(input: Any, index: Any) -> Any:
    """Return what a basic index selects, as a view of a tensor; of a core value, as a value."""
    return take(input, index) if isinstance(input, Tensor) else getitem(as_array(input), index)


# --------------------------------------------------------------------------- parts


def _along(x: Any, dim: int, chosen: Any) -> tuple[Any, ...]:
    """Return the index that selects along one dimension, counted from the end."""
    return (..., chosen) + (slice(None),) * (-1 - dim)


def _select(input: Any, dim: int, index: int) -> Any:
    """Take one position of a dimension, which disappears.

    >>> x = mt.tensor([[1, 2, 3], [4, 5, 6]])
    >>> mt.select(x, 0, 1), mt.select(x, 1, -1)
    (tensor([4, 5, 6]), tensor([3, 6]))
    """
    x = as_array(input)
    axis, at = canonical_axis("select", dim, x.ndim), as_int(index)
    if not -x.shape[axis] <= at < x.shape[axis]:
        raise OutOfBoundsError(f"select: index {at} is out of range for dim {dim} of {aval_of(x)}")
    return _indexed(input, _along(x, axis, at))


def _narrow(input: Any, dim: int, start: int, length: int) -> Any:
    """Take `length` positions of a dimension from `start` on.

    >>> mt.narrow(mt.tensor([10, 20, 30, 40]), 0, 1, 2)
    tensor([20, 30])
    """
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
    """Cut a tensor into views of a size (the last may be smaller), or of the given sizes.

    >>> x = mt.arange(5)
    >>> mt.split(x, 2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    >>> mt.split(x, [1, 4])
    (tensor([0]), tensor([1, 2, 3, 4]))
    """
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
    """Cut a tensor into at most that many views of equal size (the last may be smaller).

    >>> mt.chunk(mt.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    x = as_array(input)
    axis = canonical_axis("chunk", dim, x.ndim)
    if as_int(chunks) < 1:
        raise ArgumentError(f"chunk: chunks must be positive, got {chunks}")
    if not x.shape[axis]:
        return _parts(input, axis, [0] * as_int(chunks))
    return _split(input, -(-x.shape[axis] // as_int(chunks)), dim)


def _tensor_split(input: Any, indices_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Cut a tensor into views: that many of nearly equal size, or at the given positions.

    >>> x = mt.arange(5)
    >>> mt.tensor_split(x, 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    >>> mt.tensor_split(x, (1, 3))
    (tensor([0]), tensor([1, 2]), tensor([3, 4]))
    """
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
    """Return the slices along a dimension, as views.

    >>> mt.unbind(mt.tensor([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    >>> mt.unbind(mt.tensor([[1, 2], [3, 4]]), dim=1)
    (tensor([1, 3]), tensor([2, 4]))
    """
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
    """Take a diagonal of two dimensions, which becomes the last one, as a view.

    >>> x = mt.tensor([[1, 2, 3], [4, 5, 6]])
    >>> mt.diagonal(x), mt.diagonal(x, offset=1)
    (tensor([1, 5]), tensor([2, 6]))
    """
    return viewed(input, function_step(lambda x: diagonal.diagonal(x, offset, dim1, dim2)))


def _unfold(input: Any, dimension: int, size: int, step: int) -> Any:
    """Take all windows of a size along a dimension, `step` apart; a new last dimension runs through each.

    >>> mt.arange(5).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
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

    def lay(at: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        if not at.ndim:
            return at.reshape(1)
        found = np.lib.stride_tricks.sliding_window_view(at, size, at.ndim + axis)
        return found[(slice(None),) * (at.ndim + axis) + (slice(None, None, step),)]

    return viewed(input, function_step(windows, lay))


# --------------------------------------------------------------------------- complex parts


def _real(input: Any) -> Any:
    """Return the real part, as a view of a complex tensor.

    >>> mt.real(mt.tensor([1 + 2j, 3j]))
    tensor([1., 0.])
    """
    x = as_array(input)
    return viewed(input, _REAL) if dtypes.is_complex(x.dtype) else input


def _imag(input: Any) -> Any:
    """Return the imaginary part, as a view of a complex tensor.

    >>> mt.imag(mt.tensor([1 + 2j, 3j]))
    tensor([2., 3.])
    """
    x = as_array(input)
    if not dtypes.is_complex(x.dtype):
        raise UnsupportedError(f"imag: is not implemented for tensors with non-complex dtypes, got {aval_of(x)}")
    return viewed(input, _IMAG)


def _join(real: Value, imag: Value) -> Value:
    return pointwise.add(real, pointwise.mul(imag, 1j))


_REAL = Step(pointwise.real, lambda whole, part: _join(part, pointwise.imag(whole)))
_IMAG = Step(pointwise.imag, lambda whole, part: _join(pointwise.real(whole), part))

# --------------------------------------------------------------------------- complex numbers as pairs


def _pairs(x: Value) -> Value:
    return joining.stack([pointwise.real(x), pointwise.imag(x)], -1)


def _joined(x: Value) -> Value:
    real, imag = (getitem(x, (..., k)) for k in (0, 1))
    return pointwise.joined(real, imag)


def _lay_pairs(at: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return at[..., None].view(at.real.dtype)


def _lay_joined(at: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    pairs = at if at.strides[-1] == at.itemsize else np.ascontiguousarray(at)  # which PyTorch refuses
    return pairs.view(dtypes.complex_of(at.dtype))[..., 0]


_AS_REAL = Step(_pairs, lambda whole, part: _joined(part), lay=_lay_pairs)
_AS_COMPLEX = Step(_joined, lambda whole, part: _pairs(part), lay=_lay_joined)


def _view_as_real(input: Any) -> Any:
    """See complex numbers as pairs of a real and an imaginary part, along a new last dimension.

    >>> mt.view_as_real(mt.tensor([1 + 2j, 3j]))
    tensor([[1., 2.],
            [0., 3.]])
    """
    if not dtypes.is_complex(as_array(input).dtype):
        raise DTypeError(f"view_as_real: takes complex tensors, got {aval_of(as_array(input))}")
    return viewed(input, _AS_REAL)


def _view_as_complex(input: Any) -> Any:
    """See pairs along the last dimension as complex numbers.

    >>> mt.view_as_complex(mt.tensor([[1.0, 2.0], [0.0, 3.0]]))
    tensor([1.+2.j, 0.+3.j])
    """
    x = as_array(input)
    if not x.ndim or x.shape[-1] != 2 or x.dtype not in (dtypes.float32, dtypes.float64):
        raise ShapeError(f"view_as_complex: takes float32 or float64 with a last dimension of 2, got {aval_of(x)}")
    return viewed(input, _AS_COMPLEX)


# fmt: off
BOTH: Table = {
    "select": _select,
    "narrow": _narrow,
    "split": _split,
    "chunk": _chunk,
    "tensor_split": _tensor_split,
    "unbind": _unbind,
    "diagonal": _diagonal,
}
FUNCTIONS: Table = {
    "real": _real, "imag": _imag, "view_as_real": _view_as_real, "view_as_complex": _view_as_complex,
}
METHODS: Table = {"unfold": _unfold}
PROPERTIES: Table = {"real": _real, "imag": _imag}
ALIASES: dict[str, str] = {}
# fmt: on
