"""Where the elements of a tensor lie in its storage, as PyTorch would have laid them out."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.array import wrap
from .handle import Tensor


def layout(x: Tensor) -> np.ndarray[Any, Any]:
    """Return an array, not to be read, with the strides that this tensor has in PyTorch.

    A tensor that is no view is contiguous; a view lies in its storage as its steps say. How NumPy happens to have laid
    out the value plays no part.
    """
    return _laid(x)[1]


def _laid(x: Tensor) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return a buffer for the storage of a tensor, and the part of it that the tensor is."""
    view = x._view
    if view is None:
        whole = np.empty(x.shape, x.dtype)
        return whole, whole
    whole = part = np.empty(view.storage.value.shape, view.storage.value.dtype)
    for step in view.steps:
        part = step.apply(wrap(part))._data if step.lay is None else step.lay(part)
    return whole, part


def is_contiguous(x: Tensor) -> bool:
    """Return whether the elements lie in their order without gaps.

    >>> x = mt.zeros(2, 3)
    >>> x.is_contiguous(), x.t().is_contiguous()
    (True, False)
    """
    return x._view is None or not x._view.steps or layout(x).flags.c_contiguous


def stride(x: Tensor, dim: int | None = None) -> Any:
    """Return how many elements lie between neighbors along each dimension, or along one.

    >>> x = mt.zeros(2, 3)
    >>> x.stride(), x.t().stride(), x.stride(0)
    ((3, 1), (1, 3), 3)
    """
    at = layout(x)
    strides = tuple(n // at.itemsize for n in at.strides)
    return strides if dim is None else strides[dim]


def storage_offset(x: Tensor) -> int:
    """Return how many elements of its storage lie before a tensor's first.

    >>> mt.arange(5)[2:].storage_offset()
    2
    """
    view = x._view
    if view is None or not view.steps:
        return 0
    whole, part = _laid(x)
    return int(part.__array_interface__["data"][0] - whole.__array_interface__["data"][0]) // part.itemsize


def fits_in_place(x: Tensor, shape: tuple[int, ...]) -> bool:
    """Return whether a tensor can be seen in another shape of the same size without moving elements."""
    if x._view is None or not x._view.steps:
        return True
    at = layout(x)
    old = [(n, s) for n, s in zip(at.shape, at.strides) if n != 1]
    new = [n for n in shape if n != 1]
    if at.flags.c_contiguous or 0 in new:
        return True
    i = j = 0
    while i < len(old):
        have, want, first = old[i][0], new[j], i
        while have != want:
            if have < want:
                i += 1
                have *= old[i][0]
            else:
                j += 1
                want *= new[j]
        if any(old[k][1] != old[k + 1][0] * old[k + 1][1] for k in range(first, i)):
            return False
        i, j = i + 1, j + 1
    return True
