"""Reductions over axes, with NumPy's `where` and `initial`, and running sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import dtypes
from ..core.errors import ShapeError
from ..core.ops import norms, scanning
from ..core.ops import pointwise as P
from ..core.ops import reductions as R
from ..core.ops import shaping as S
from ..core.ops.families import broadcast_shapes
from ..core.ops.joining import concatenate
from ..core.tracer import Value, aval_of
from .arguments import array_of, inexact, no_out


def chosen(a: Any, where: Any, neutral: Any) -> Value:
    """Return the operand with what `where` leaves out replaced."""
    a = array_of(a)
    if where is None:
        return a
    mask = array_of(where)
    if mask.dtype != dtypes.bool_:
        mask = P.not_equal(mask, 0)
    return P.where(mask, a, S.cast(neutral, a.dtype))


def _accumulator(a: Value, dtype: Any) -> Any:
    """Return the dtype that sums and products have: small integers are added up in 64 bits."""
    if dtype is not None:
        return dtypes.canonical(dtype)
    if a.dtype in dtypes.UNSIGNED:
        return dtypes.uint64
    return dtypes.int64 if dtypes.rank(a.dtype) < 2 else a.dtype


def sum(
    a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False, initial: Any = None,
    where: Any = None,
) -> Value:  # fmt: skip
    """Add up elements over axes (all by default); small integers are added up in 64 bits.

    >>> mnp.sum(mnp.array([[1, 2], [3, 4]]), axis=0), mnp.sum(mnp.array([1.0, 2.0]), where=[True, False])
    (Array([4, 6], dtype=int64), Array(1., dtype=float32))
    """
    no_out("sum", out)
    a = chosen(a, where, 0)
    found = S.sum(a, axis, keepdims, dtype=_accumulator(a, dtype))
    return found if initial is None else P.add(found, initial)


def prod(
    a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False, initial: Any = None,
    where: Any = None,
) -> Value:  # fmt: skip
    """Multiply elements over axes (all by default); small integers are multiplied in 64 bits.

    >>> mnp.prod(mnp.array([[1, 2], [3, 4]]), axis=0)
    Array([3, 8], dtype=int64)
    """
    no_out("prod", out)
    a = chosen(a, where, 1)
    found = R.prod(a, axis, keepdims, dtype=_accumulator(a, dtype))
    return found if initial is None else P.mul(found, initial)


def extreme(
    core: Callable[..., Value], both: Callable[..., Value], a: Any, axis: Any, keepdims: bool, initial: Any, where: Any
) -> Value:
    """Reduce by `core`, with `both` taking in `initial`, over what `where` picks."""
    name = core.__name__
    a = array_of(a)
    if where is not None and initial is None:
        raise ShapeError(f"{name}: where= may leave nothing of {aval_of(a)}; give initial=, the result of nothing")
    if initial is None:
        return core(a, axis, keepdims)
    first = S.cast(initial, a.dtype)
    a = chosen(a, where, initial)
    if 0 in a.shape and not R.size_over(a.shape, S.canonical_axes(name, axis, a.ndim)):
        shape = S.reduced_shape(a.shape, S.canonical_axes(name, axis, a.ndim), keepdims)
        return S.broadcast_to(first, shape)
    return both(core(a, axis, keepdims), first)


def max(
    a: Any, axis: Any = None, out: None = None, keepdims: bool = False, initial: Any = None, where: Any = None
) -> Value:
    """Return the largest element over axes; NaN if there is one.

    >>> mnp.max(mnp.array([[1, 5], [7, 2]]), axis=1)
    Array([5, 7], dtype=int64)
    """
    no_out("max", out)
    return extreme(R.max, P.maximum, a, axis, keepdims, initial, where)


def min(
    a: Any, axis: Any = None, out: None = None, keepdims: bool = False, initial: Any = None, where: Any = None
) -> Value:
    """Return the smallest element over axes; NaN if there is one.

    >>> mnp.min(mnp.array([[1, 5], [7, 2]]), axis=1)
    Array([1, 2], dtype=int64)
    """
    no_out("min", out)
    return extreme(R.min, P.minimum, a, axis, keepdims, initial, where)


def all(a: Any, axis: Any = None, out: None = None, keepdims: bool = False, *, where: Any = None) -> Value:
    """Tell whether every element is nonzero (NaN is).

    >>> mnp.all(mnp.array([[True, False], [True, True]]), axis=1)
    Array([False,  True], dtype=bool)
    """
    no_out("all", out)
    return R.all(chosen(a, where, True), axis, keepdims)


def any(a: Any, axis: Any = None, out: None = None, keepdims: bool = False, *, where: Any = None) -> Value:
    """Tell whether some element is nonzero (NaN is).

    >>> mnp.any(mnp.array([[True, False], [False, False]]), axis=1)
    Array([ True, False], dtype=bool)
    """
    no_out("any", out)
    return R.any(chosen(a, where, False), axis, keepdims)


def count_nonzero(a: Any, axis: Any = None, keepdims: bool = False) -> Value:
    """Count the elements that are not zero.

    >>> mnp.count_nonzero(mnp.array([0, 1, 2]))
    Array(2, dtype=int64)
    """
    return R.count_nonzero(array_of(a), axis, keepdims)


def argmax(a: Any, axis: int | None = None, out: None = None, keepdims: bool = False) -> Value:
    """Return where the first largest element is, by default in the flattened array. NaN is the largest.

    >>> mnp.argmax(mnp.array([1.0, 3.0, 2.0]))
    Array(1, dtype=int64)
    """
    no_out("argmax", out)
    return R.argmax(array_of(a), axis, keepdims)


def argmin(a: Any, axis: int | None = None, out: None = None, keepdims: bool = False) -> Value:
    """Return where the first smallest element is, by default in the flattened array. NaN is the smallest.

    >>> mnp.argmin(mnp.array([1.0, 3.0, 2.0]))
    Array(0, dtype=int64)
    """
    no_out("argmin", out)
    return R.argmin(array_of(a), axis, keepdims)


# --------------------------------------------------------------------------- averages and spreads


def _count(a: Value, axis: Any, keepdims: bool, where: Any, dtype: Any) -> Value:
    """Count the elements that `where` picks, as numbers of a real dtype."""
    mask = array_of(where)
    mask = P.not_equal(mask, 0) if mask.dtype != dtypes.bool_ else mask
    mask = S.broadcast_to(mask, broadcast_shapes("where", aval_of(mask), aval_of(a)))
    return S.sum(S.cast(mask, dtypes.real_of(dtype)), axis, keepdims)


def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False, *, where: Any = None
) -> Value:
    """Average over axes; integers give floats. No elements give NaN.

    >>> mnp.mean(mnp.array([[1, 2], [3, 5]]), axis=0)
    Array([2. , 3.5], dtype=float32)
    """
    no_out("mean", out)
    a = inexact(a) if dtype is None else array_of(a, dtype)
    if where is None:
        return R.mean(a, axis, keepdims)
    return P.div(sum(a, axis, None, None, keepdims, None, where), _count(a, axis, keepdims, where, a.dtype))


def var(
    a: Any, axis: Any = None, dtype: Any = None, out: None = None, ddof: float = 0, keepdims: bool = False, *,
    where: Any = None, correction: float | None = None,
) -> Value:  # fmt: skip
    """Return the variance: the mean of squared deviations, with `n - ddof` in the place of n.

    `correction` is the Array API's name for `ddof`.

    >>> mnp.var(mnp.array([1.0, 2.0, 3.0, 4.0])), mnp.var(mnp.array([1.0, 2.0, 3.0, 4.0]), ddof=1)
    (Array(1.25, dtype=float32), Array(1.6666666, dtype=float32))
    """
    no_out("var", out)
    a = inexact(a) if dtype is None else array_of(a, dtype)
    ddof = ddof if correction is None else correction
    if where is None:
        return norms.var(a, axis, ddof, keepdims)
    centered = P.sub(a, mean(a, axis, keepdims=True, where=where))
    squares = P.square(P.abs(centered)) if a.dtype in dtypes.COMPLEX else P.square(centered)
    freedom = P.maximum(P.sub(_count(a, axis, keepdims, where, a.dtype), ddof), 0.0)
    return P.div(sum(squares, axis, None, None, keepdims, None, where), freedom)


def std(
    a: Any, axis: Any = None, dtype: Any = None, out: None = None, ddof: float = 0, keepdims: bool = False, *,
    where: Any = None, correction: float | None = None,
) -> Value:  # fmt: skip
    """Return the standard deviation, the square root of `var`. Where it is 0, so is its gradient.

    >>> mnp.std(mnp.array([1.0, 2.0, 3.0, 4.0]))
    Array(1.118034, dtype=float32)
    """
    no_out("std", out)
    a = inexact(a) if dtype is None else array_of(a, dtype)
    if where is None:
        return norms.std(a, axis, ddof if correction is None else correction, keepdims)
    return root(var(a, axis, None, None, ddof, keepdims, where=where, correction=correction))


def root(x: Value) -> Value:
    """Return the square root, with derivative 0 at 0."""
    none = P.equal(x, 0.0)
    return P.where(none, 0.0, P.sqrt(P.where(none, 1.0, x)))


def ptp(a: Any, axis: Any = None, out: None = None, keepdims: bool = False) -> Value:
    """Return the largest minus the smallest element.

    >>> mnp.ptp(mnp.array([3, 9, 5]))
    Array(6, dtype=int64)
    """
    no_out("ptp", out)
    a = array_of(a)
    return P.sub(R.max(a, axis, keepdims), R.min(a, axis, keepdims))


# --------------------------------------------------------------------------- running sums and products


def cumsum(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Value:
    """Return running sums along an axis, or of the flattened array.

    >>> mnp.cumsum(mnp.array([1, 2, 3]))
    Array([1, 3, 6], dtype=int64)
    """
    no_out("cumsum", out)
    a = array_of(a)
    return scanning.cumsum(a, axis, _accumulator(a, dtype))


def cumprod(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Value:
    """Return running products along an axis, or of the flattened array.

    >>> mnp.cumprod(mnp.array([2, 3, 4]))
    Array([ 2,  6, 24], dtype=int64)
    """
    no_out("cumprod", out)
    a = array_of(a)
    return scanning.cumprod(a, axis, _accumulator(a, dtype))


def _cumulative(name: str, running: Any, first: int, x: Any, axis: int | None, dtype: Any, initial: bool) -> Value:
    x = array_of(x)
    if axis is None and x.ndim != 1:
        raise ShapeError(f"{name}: {aval_of(x)} has {x.ndim} axes; name one with axis=")
    place = S.canonical_axis(name, 0 if axis is None else axis, x.ndim)
    out = running(x, place, dtype)
    if not initial:
        return out
    shape = tuple(1 if i == out.ndim + place else n for i, n in enumerate(out.shape))
    return concatenate([S.full(shape, first, out.dtype), out], place)


def cumulative_sum(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Value:
    """Return running sums along an axis, if wanted with a 0 in front.

    >>> mnp.cumulative_sum(mnp.array([1, 2, 3]), include_initial=True)
    Array([0, 1, 3, 6], dtype=int64)
    """
    return _cumulative("cumulative_sum", cumsum, 0, x, axis, dtype, include_initial)


def cumulative_prod(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Value:
    """Return running products along an axis, if wanted with a 1 in front.

    >>> mnp.cumulative_prod(mnp.array([2, 3, 4]), include_initial=True)
    Array([ 1,  2,  6, 24], dtype=int64)
    """
    return _cumulative("cumulative_prod", cumprod, 1, x, axis, dtype, include_initial)


__all__ = [
    "all", "any", "argmax", "argmin", "count_nonzero", "cumprod", "cumsum", "cumulative_prod", "cumulative_sum",
    "max", "mean", "min", "prod", "ptp", "std", "sum", "var",
]  # fmt: skip
