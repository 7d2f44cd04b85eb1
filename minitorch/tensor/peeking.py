"""Looking into handles: the numbers they stand for, alone or in lists, as far as those are known."""

from __future__ import annotations

from typing import Any

from ..core import dtypes
from ..core.array import Array
from ..core.conversion import converted
from ..core.errors import ArgumentError
from ..core.ops.families import as_array
from ..core.ops.shaping import cast
from ..core.tracer import Value
from .sharing import Shared


def known(x: Any) -> Array | None:
    """Return the Array behind a tensor or a core value, None for what is traced."""
    value = x.current() if isinstance(x, Shared) else x
    return value if type(value) is Array else None


def extent(x: Any) -> tuple[int, int] | None:
    """Return the least and the largest of integers; None if there are none, or they are traced."""
    array = known(x)
    if array is None or not array.size:
        return None
    host = array.numpy()
    return int(host.min()), int(host.max())


def lowered(data: Any) -> tuple[Any, dtypes.DType | None]:
    """Return data with NumPy numbers for the tensors inside lists, and the dtype for all numbers, None if there are none.

    A tensor of a single element counts as its number there, whatever its shape.
    """
    if not isinstance(data, (list, tuple)) or not _holds_tensors(data):
        return data, None
    kinds: set[Any] = set()
    return _numbers(data, kinds), dtypes.promote(*kinds)


def _holds_tensors(data: Any) -> bool:
    return any(map(_holds_tensors, data)) if isinstance(data, (list, tuple)) else isinstance(data, Shared)


def _numbers(data: Any, kinds: set[Any]) -> Any:
    """Return data with numbers for tensors, and note what kinds of numbers there are."""
    if isinstance(data, (list, tuple)):
        return [_numbers(x, kinds) for x in data]
    if not isinstance(data, Shared):
        kinds.add(getattr(data, "dtype", type(data)))
        return data
    if data.value.size != 1:
        raise ArgumentError(
            f"tensor: only one element tensors can be converted to Python scalars, got {data.aval} in a list; use stack"
        )
    kinds.add(data.dtype)
    return converted(data, "np.asarray()").numpy().reshape(())


def floats_of(data: Any, dtype: Any) -> Value:
    """Return data as an array of a dtype; without one, as default floats, unless it brings an inexact dtype."""
    if isinstance(data, Shared):
        data = data.current()
    array = as_array(lowered(data)[0])
    if dtype is not None:
        return cast(array, dtype)
    return array if array.dtype in dtypes.INEXACT and hasattr(data, "dtype") else cast(array, float)
