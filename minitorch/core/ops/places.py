"""`x.at[...]`: changed copies of an array, and what an index that is out of bounds shall mean there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..errors import ArgumentError
from ..tracer import Value
from .families import as_array
from .indexing import entries_of, getitem, update
from .joining import pad
from .pointwise import add, clip, div, less, pow, sub, where
from .shaping import ones_like
from .slicing import slice_axis

LENIENT = ("clip", "fill", "drop")
STRICT = (None, "promise_in_bounds")


class At:
    """The way to write to an immutable array: `x.at[index].set(v)` returns a changed copy.

    Its methods take `mode`, which says what an index that is out of bounds means. By default it raises; with "clip" it is
    that of the nearest element; with "fill" or "drop" `get` returns `fill_value` there, and the others leave the value out.
    `indices_are_sorted` and `unique_indices` promise what nothing here needs to know.

    >>> At(np.arange(4))[1:3].multiply(10).tolist()
    [0, 10, 20, 3]
    >>> At(np.zeros(2))[[1, 2]].add(5.0, mode="drop").tolist()
    [0.0, 5.0]
    """

    __slots__ = ("_array",)

    def __init__(self, x: Value):
        self._array = x

    def __getitem__(self, index: Any) -> Place:
        return Place(self._array, index)


class Place:
    """The selected elements of an array, as `x.at[index]` gives them."""

    __slots__ = ("_array", "_index")

    def __init__(self, x: Value, index: Any):
        self._array = x
        self._index = index

    def get(
        self,
        *,
        indices_are_sorted: bool = False,
        unique_indices: bool = False,
        mode: str | None = None,
        fill_value: Any = None,
    ) -> Value:
        """Return the elements. A fill value not given is NaN for floats, and the lowest number, for unsigned the highest."""
        x, index = self._array, self._index
        if mode in LENIENT:
            x = as_array(x)
            x, index = _lenient("at[...].get", x, index, mode, _blank(x.dtype) if fill_value is None else fill_value)
        else:
            _check_strict("get", mode)
        return getitem(x, index)

    def apply(self, function: Callable[[Value], Value], **options: Any) -> Value:
        """Return a copy with a function applied to the elements, once also where an index repeats. Options are `set`'s."""
        reading = {**options, "fill_value": 0} if options.get("mode") in LENIENT else options
        return self.set(function(self.get(**reading)), **options)

    def set(self, values: Any, **options: Any) -> Value:
        """Return a copy with the elements replaced."""
        return self._updated(values, "set", **options)

    def add(self, values: Any, **options: Any) -> Value:
        """Return a copy with values added; repeated indices accumulate."""
        return self._updated(values, "add", **options)

    def subtract(self, values: Any, **options: Any) -> Value:
        """Return a copy with values subtracted; repeated indices accumulate."""
        return self._updated(sub(0, values), "add", **options)

    def multiply(self, values: Any, **options: Any) -> Value:
        """Return a copy with the elements multiplied; repeated indices accumulate."""
        return self._updated(values, "multiply", **options)

    def divide(self, values: Any, **options: Any) -> Value:
        """Return a copy with the elements divided; repeated indices accumulate. Integers become floats."""
        x = as_array(self._array)
        return div(x, Place(ones_like(x), self._index).multiply(values, **options))

    def power(self, exponents: Any, **options: Any) -> Value:
        """Return a copy with the elements raised to powers, once also where an index repeats."""
        return self.apply(lambda x: pow(x, exponents), **options)

    def min(self, values: Any, **options: Any) -> Value:
        """Return a copy with the minimum of elements and values."""
        return self._updated(values, "min", **options)

    def max(self, values: Any, **options: Any) -> Value:
        """Return a copy with the maximum of elements and values."""
        return self._updated(values, "max", **options)

    mul = multiply

    def _updated(
        self,
        values: Any,
        how: str,
        *,
        indices_are_sorted: bool = False,
        unique_indices: bool = False,
        mode: str | None = None,
    ) -> Value:
        if mode not in LENIENT:
            _check_strict(how, mode)
            return update(self._array, self._index, values, how)
        x = as_array(self._array)
        roomy, index = _lenient(f"at[...].{how}", x, self._index, mode, False)
        out = update(roomy, index, values, how)
        for axis, size in enumerate(x.shape):
            out = slice_axis(out, axis - x.ndim, 0, size) if out.shape[axis] > size else out
        return out


def _check_strict(how: str, mode: Any) -> None:
    if mode not in STRICT:
        raise ArgumentError(f"at[...].{how}: mode must be one of {', '.join(LENIENT)}, promise_in_bounds, got {mode!r}")


def _blank(dtype: dtypes.DType) -> Any:
    if dtype == dtypes.bool_:
        return True
    if dtype in dtypes.INEXACT:
        return np.nan
    return np.iinfo(dtype).max if dtype in dtypes.UNSIGNED else np.iinfo(dtype).min


def _lenient(name: str, x: Value, index: Any, mode: str, fill: Any) -> tuple[Value, Any]:
    """Return an array and an index that is in its bounds: clipped, or else into a further element along each axis."""
    found, axis, room = [], 0, [(0, 0)] * x.ndim
    for e in entries_of(name, index, x.ndim):
        is_mask = getattr(e, "dtype", None) == dtypes.bool_
        if e is None or e is Ellipsis or type(e) is slice or is_mask:
            found.append(e)
            axis += e.ndim if is_mask else type(e) is slice
            continue
        size, place = x.shape[axis], where(less(e, 0), add(e, x.shape[axis]), as_array(e))
        if mode == "clip":
            place = clip(place, 0, size - 1)
        else:
            place, room[axis] = where(less(place, 0), size, clip(place, None, size)), (0, 1)
        found.append(int(place.item()) if type(e) is int else place)
        axis += 1
    return (x if mode == "clip" else pad(x, room, value=fill)), found[0] if len(found) == 1 else tuple(found)
