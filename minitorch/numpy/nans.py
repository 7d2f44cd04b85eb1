"""Reductions and running sums that leave NaN out."""

from __future__ import annotations

import math
from typing import Any

from ..core import dtypes
from ..core.ops import pointwise as P
from ..core.ops import reductions as R
from ..core.tracer import Value
from .arguments import array_of, no_out
from .pointwise import fmax, fmin, isneginf, isposinf, real_numbers
from .reducing import chosen, cumprod, cumsum, extreme, mean, prod, root, sum, var


def _numbers(a: Any, where: Any = None) -> tuple[Value, Value]:
    """Return an operand and where it holds numbers."""
    a = array_of(a)
    there = P.logical_not(P.isnan(a))
    return a, there if where is None else P.logical_and(there, array_of(where))


def nansum(
    a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False, initial: Any = None,
    where: Any = None,
) -> Value:  # fmt: skip
    """Add up the elements that are not NaN.

    >>> mnp.nansum(mnp.array([1.0, float("nan"), 3.0]))
    Array(4., dtype=float32)
    """
    a, there = _numbers(a, where)
    return sum(a, axis, dtype, out, keepdims, initial, there)


def nanprod(
    a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False, initial: Any = None,
    where: Any = None,
) -> Value:  # fmt: skip
    """Multiply the elements that are not NaN.

    >>> mnp.nanprod(mnp.array([2.0, float("nan"), 3.0]))
    Array(6., dtype=float32)
    """
    a, there = _numbers(a, where)
    return prod(a, axis, dtype, out, keepdims, initial, there)


def nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False, where: Any = None
) -> Value:
    """Average the elements that are not NaN; NaN if there is none.

    >>> mnp.nanmean(mnp.array([1.0, float("nan"), 3.0]))
    Array(2., dtype=float32)
    """
    a, there = _numbers(a, where)
    return mean(a, axis, dtype, out, keepdims, where=there)


def nanvar(
    a: Any, axis: Any = None, dtype: Any = None, out: None = None, ddof: float = 0, keepdims: bool = False,
    where: Any = None,
) -> Value:  # fmt: skip
    """Return the variance of the elements that are not NaN; NaN if no more than `ddof` are there.

    >>> mnp.nanvar(mnp.array([1.0, float("nan"), 3.0]))
    Array(1., dtype=float32)
    """
    a, there = _numbers(a, where)
    return var(a, axis, dtype, out, ddof, keepdims, where=there)


def nanstd(
    a: Any, axis: Any = None, dtype: Any = None, out: None = None, ddof: float = 0, keepdims: bool = False,
    where: Any = None,
) -> Value:  # fmt: skip
    """Return the standard deviation of the elements that are not NaN.

    >>> mnp.nanstd(mnp.array([1.0, float("nan"), 3.0]))
    Array(1., dtype=float32)
    """
    return root(nanvar(a, axis, dtype, out, ddof, keepdims, where))


def _nan_extreme(name: str, core: Any, both: Any, last: float, a: Any, axis: Any, keepdims: bool, more: Any) -> Value:
    initial, where = more
    a = real_numbers(name, array_of(a))
    if a.dtype not in dtypes.INEXACT:
        return extreme(core, both, a, axis, keepdims, initial, where)
    a, there = _numbers(a, where)
    if initial is not None:
        return extreme(core, both, P.where(there, a, initial), axis, keepdims, initial, None)
    found = core(P.where(there, a, last), axis, keepdims)
    return P.where(R.any(there, axis, keepdims), found, math.nan)


def nanmax(
    a: Any, axis: Any = None, out: None = None, keepdims: bool = False, initial: Any = None, where: Any = None
) -> Value:
    """Return the largest element that is not NaN; NaN if there is none.

    >>> mnp.nanmax(mnp.array([1.0, float("nan"), 3.0]))
    Array(3., dtype=float32)
    """
    no_out("nanmax", out)
    return _nan_extreme("nanmax", R.max, fmax, -math.inf, a, axis, keepdims, (initial, where))


def nanmin(
    a: Any, axis: Any = None, out: None = None, keepdims: bool = False, initial: Any = None, where: Any = None
) -> Value:
    """Return the smallest element that is not NaN; NaN if there is none.

    >>> mnp.nanmin(mnp.array([1.0, float("nan"), 3.0]))
    Array(1., dtype=float32)
    """
    no_out("nanmin", out)
    return _nan_extreme("nanmin", R.min, fmin, math.inf, a, axis, keepdims, (initial, where))


def _nan_position(core: Any, last: float, a: Any, axis: int | None, keepdims: bool) -> Value:
    a = array_of(a)
    if a.dtype not in dtypes.INEXACT:
        return core(a, axis, keepdims)
    there = P.logical_not(P.isnan(a))
    # An infinity of the wrong sign ties with what stands for NaN, so the first number is asked for where all are so.
    worst = (isneginf if last < 0 else isposinf)(a)
    better = P.logical_and(there, P.logical_not(worst))
    found = core(P.where(there, a, last), axis, keepdims)
    first = R.argmax(there, axis, keepdims)
    found = P.where(R.any(better, axis, keepdims), found, first)
    return P.where(R.any(there, axis, keepdims), found, -1)


def nanargmax(a: Any, axis: int | None = None, out: None = None, keepdims: bool = False) -> Value:
    """Return where the first largest element that is not NaN is; -1 if all are NaN.

    >>> mnp.nanargmax(mnp.array([1.0, float("nan"), 3.0]))
    Array(2, dtype=int64)
    """
    no_out("nanargmax", out)
    return _nan_position(R.argmax, -math.inf, a, axis, keepdims)


def nanargmin(a: Any, axis: int | None = None, out: None = None, keepdims: bool = False) -> Value:
    """Return where the first smallest element that is not NaN is; -1 if all are NaN.

    >>> mnp.nanargmin(mnp.array([1.0, float("nan"), 3.0]))
    Array(0, dtype=int64)
    """
    no_out("nanargmin", out)
    return _nan_position(R.argmin, math.inf, a, axis, keepdims)


def nancumsum(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Value:
    """Return running sums along an axis, with 0 for NaN.

    >>> mnp.nancumsum(mnp.array([1.0, float("nan"), 3.0]))
    Array([1., 1., 4.], dtype=float32)
    """
    a, there = _numbers(a)
    return cumsum(chosen(a, there, 0), axis, dtype, out)


def nancumprod(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Value:
    """Return running products along an axis, with 1 for NaN.

    >>> mnp.nancumprod(mnp.array([2.0, float("nan"), 3.0]))
    Array([2., 2., 6.], dtype=float32)
    """
    a, there = _numbers(a)
    return cumprod(chosen(a, there, 1), axis, dtype, out)


__all__ = [
    "nanargmax", "nanargmin", "nancumprod", "nancumsum", "nanmax", "nanmean", "nanmin", "nanprod", "nanstd",
    "nansum", "nanvar",
]  # fmt: skip
