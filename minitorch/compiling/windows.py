"""Windows: where a chain of views looks in the memory of an array.

A view of an array is a shape, strides and an offset in its memory. These depend on the layout of the array alone, so
what the steps of a view have once come to need not be found out again for the next array of that layout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.array import Array, wrap
from ..core.tracer import Value

_ndarray = np.ndarray


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the memory of arrays that lie in order: of what shape and dtype they are, and where in them it is."""

    whole: tuple[tuple[int, ...], np.dtype[Any], tuple[int, ...]]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    strides: tuple[int, ...]

    def of(self, whole: Value) -> Array | None:
        """Return this part of an array; None if it does not lie as expected.

        >>> whole = Array([[1, 2, 3], [4, 5, 6]])
        >>> window(whole, wrap(whole._data[:, 1])).of(Array([[0, 1, 0], [0, 2, 0]]))
        Array([1, 2], dtype=int64)
        """
        if type(whole) is not Array:
            return None
        data: Any = whole._data
        if type(data) is not _ndarray or (data.shape, data.dtype, data.strides) != self.whole:
            return None
        return wrap(_ndarray(self.shape, self.dtype, data, self.offset, self.strides))


def window(whole: Value, part: Value) -> Window | None:
    """Return where a part lies in a whole; None if it was copied, or the whole does not lie in order."""
    if type(whole) is not Array or type(part) is not Array:
        return None
    outer, inner = whole._data, part._data
    if type(outer) is not _ndarray or type(inner) is not _ndarray or not outer.flags.c_contiguous:
        return None
    if not np.may_share_memory(outer, inner):
        return None
    offset = inner.ctypes.data - outer.ctypes.data
    return Window((outer.shape, outer.dtype, outer.strides), inner.shape, inner.dtype, offset, inner.strides)
