"""Quantiles: places between sorted elements."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..core import dtypes
from ..core.array import Array
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.ops import lookup, pointwise, reductions, shaping, sorting
from ..core.ops.families import as_array
from ..core.ops.indexing import getitem
from ..core.ops.shaping import canonical_axis
from ..core.tracer import aval_of
from .table import over, vector_like

_SORT = vector_like(sorting.sort)
_BETWEEN: dict[str, Callable[[Any], Any]] = {
    "linear": lambda part: part,
    "lower": lambda part: pointwise.mul(part, 0.0),
    "higher": pointwise.ceil,
    "nearest": pointwise.rint,
    "midpoint": lambda part: pointwise.mul(pointwise.ceil(part), 0.5),
}


def _checked(name: str, x: Any, places: Any, interpolation: str) -> None:
    if x.dtype not in (dtypes.float32, dtypes.float64):
        raise DTypeError(f"{name}: input must be float32 or float64, got {aval_of(x)}; cast it with .float()")
    if interpolation not in _BETWEEN:
        raise ArgumentError(f"{name}: interpolation must be one of {', '.join(_BETWEEN)}, got {interpolation!r}")
    if places.ndim > 1:
        raise ShapeError(f"{name}: q must be a number or 1-d, got {aval_of(places)}; flatten it")


def _quantiles(name: str, last: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return the function that finds quantiles; `last(ordered)` is the highest place in each column, -1 for NaN."""

    def call(
        input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
    ) -> Any:
        x = as_array(input)
        places = as_array(q) if hasattr(q, "dtype") else Array(q, x.dtype)
        _checked(name, x, places, interpolation)
        dim = over(x, dim)
        if dim is not None:
            canonical_axis(name, dim, x.ndim)
        axis = -1 if dim is None else dim
        kept = [1] * x.ndim
        if dim is not None:
            kept = list(x.shape)
            kept[dim] = 1
        ordered = shaping.moveaxis(_SORT(shaping.ravel(x) if dim is None else x, axis)[0], axis, 0)
        columns = ordered.shape[1:]
        ordered = shaping.reshape(ordered, (ordered.shape[0], -1))
        out = _between(ordered, shaping.ravel(shaping.cast(places, x.dtype)), last(ordered), _BETWEEN[interpolation])
        return shaping.reshape(out, (*places.shape, *(kept if keepdim else columns)))

    return call


def _between(ordered: Any, q: Any, last: Any, weigh: Callable[[Any], Any]) -> Any:
    """Return the elements, or what lies between two, at the fractions `q` of the way up each sorted column."""
    highest = shaping.cast(pointwise.maximum(last, 0), q.dtype)
    place = pointwise.mul(shaping.expand_dims(q, 1), shaping.expand_dims(highest, 0))
    low = shaping.cast(pointwise.floor(place), dtypes.int64)
    high = shaping.cast(pointwise.ceil(place), dtypes.int64)
    weight = weigh(pointwise.sub(place, shaping.cast(low, q.dtype)))
    below, above = (lookup.take_along_axis(ordered, at, 0) for at in (low, high))
    return pointwise.where(pointwise.less(last, 0), math.nan, pointwise.lerp(below, above, weight))


def _all_or_none(ordered: Any) -> Any:
    return pointwise.where(pointwise.isnan(getitem(ordered, -1)), -1, ordered.shape[0] - 1)  # NaN sorts last


def _numbers(ordered: Any) -> Any:
    return pointwise.sub(reductions.count_nonzero(pointwise.logical_not(pointwise.isnan(ordered)), 0), 1)


quantile = _quantiles("quantile", _all_or_none)
nanquantile = _quantiles("nanquantile", _numbers)
