"""The normal distribution cut off at bounds, by inverting its distribution function."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import dtypes
from ..errors import ArgumentError
from ..tracer import Value
from .families import as_value
from .pointwise import clip, mul, sub
from .reproducible import erf_of, quantile_of
from .sampling import checked_shape, consumed_key, float_dtype, midpoints, source_of
from .shaping import cast
from .transforming import stretched

sqrt_2 = 2.0**0.5


def truncated_normal(key: Value, low: Value, high: Value, shape: Sequence[int] = (), dtype: Any = None) -> Value:
    """Draw from the standard normal distribution restricted to [low, high], by inverting its distribution function.

    Bounds that are arrays broadcast to the shape, and have derivatives; they are not checked.
    """
    wanted, sizes = float_dtype("truncated_normal", dtype), checked_shape("truncated_normal", shape)
    # In float64, for float32 has few numbers near the bounds of its distribution function.
    if type(low) in dtypes.SCALARS and type(high) in dtypes.SCALARS:
        low, high = float(low), float(high)
        first, last = math.erf(low / sqrt_2), math.erf(high / sqrt_2)
        _check_interval(low, high, last - first)
    else:
        first, last = (erf_of(mul(cast(as_value(x), dtypes.float64), 1 / sqrt_2)) for x in (low, high))
    key = consumed_key("truncated_normal", key)
    unit = midpoints(key, sizes, source_of(wanted), dtypes.float64)
    inside = quantile_of(stretched(unit, sub(last, first), first))
    return clip(cast(inside, wanted), cast(low, wanted), cast(high, wanted))


def _check_interval(low: float, high: float, mass: float) -> None:
    if not low < high:
        raise ArgumentError(f"truncated_normal: needs low < high, got low {low} and high {high}")
    if mass < 1e-9:
        raise ArgumentError(f"truncated_normal: [{low}, {high}] is too far in the tail; shift and scale an exponential")
