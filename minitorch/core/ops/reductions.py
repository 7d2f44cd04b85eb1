"""Reductions over axes: means, products, extremes, truth, logsumexp. (`sum` is in `shaping.py`, with its transpose.)

All take `axis` (None, an integer or several) and `keepdims`. An extreme shares its cotangent evenly over ties, and a
NaN is an extreme.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import dtypes
from ..aval import Aval
from ..errors import DTypeError, ShapeError
from ..primitive import NO_DERIVATIVE
from ..tracer import Value, aval_of
from .families import LEADING, as_array, custom, linear
from .fusing import shortcut
from .pointwise import (
    add,
    detach,
    div,
    equal,
    exp,
    isfinite,
    isnan,
    log,
    logical_not,
    logical_or,
    mul,
    not_equal,
    real,
    sub,
    where,
)
from .scanning import cumprod_p, shifted
from .shaping import (
    canonical_axes,
    canonical_axis,
    cast,
    expand_reduced,
    expanded,
    flatten,
    reduced_shape,
    reshape,
    sum,
    transpose,
)
from .slicing import flip
from .summation import HALVES, add_reduce

Axes = tuple[int, ...]


def size_over(shape: tuple[int, ...], axes: Axes) -> int:
    """Return how many elements are reduced into one."""
    return math.prod(shape if len(axes) == len(shape) else [shape[a] for a in axes])


def reduced(x: Aval, *, axes: Axes, keepdims: bool) -> Aval:
    """Return the aval of a reduction that keeps the dtype."""
    return x._replace(shape=reduced_shape(x.shape, axes, keepdims), weak=False)


def _reduced_bool(x: Aval, *, axes: Axes, keepdims: bool) -> Aval:
    return reduced(x, axes=axes, keepdims=keepdims)._replace(dtype=dtypes.bool_)


def only_floats(name: str, x: Value) -> Value:
    """Return the operand, or raise a DTypeError that names `.float()`."""
    x = as_array(x)
    if x.dtype not in dtypes.INEXACT:
        raise DTypeError(f"{name}: takes floats, got {aval_of(x)}; convert it first with x.float()")
    return x


def only_reals(name: str, x: Value) -> Value:
    """Return the operand, or raise a DTypeError if it is complex."""
    x = as_array(x)
    if x.dtype in dtypes.COMPLEX:
        raise DTypeError(f"{name}: has no meaning for complex numbers, got {aval_of(x)}; take .real or .abs() first")
    return x


# --------------------------------------------------------------------------- mean


def _mean_impl(x: Any, *, axes: Axes, keepdims: bool) -> Any:
    out = add_reduce(x, axes, keepdims) / size_over(x.shape, axes)
    return out if out.dtype == x.dtype else out.astype(x.dtype)


def _shared(g: Any, x_aval: Aval, *, axes: Axes, keepdims: bool) -> Any:
    return expanded(g / size_over(x_aval.shape, axes), x_aval, axes=axes, keepdims=keepdims)


@shortcut(_shared)
def _mean_transpose(g: Value, x_aval: Aval, axes: Axes, keepdims: bool) -> Value:
    return expand_reduced(div(g, float(size_over(x_aval.shape, axes))), x_aval.shape, axes, keepdims)


mean_p: Any = linear(
    "mean",
    _mean_impl,
    _mean_transpose,
    abstract=reduced,
)


def mean(x: Value, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Value:
    """Average over axes. Integers raise a DTypeError: their mean is not an integer. No elements give NaN.

    >>> mean(np.array([[1.0, 2.0], [3.0, 6.0]]), axis=0)
    Array([2., 4.], dtype=float64)
    """
    x = only_floats("mean", x if dtype is None else cast(x, dtype))
    return mean_p(x, axes=canonical_axes("mean", axis, x.ndim), keepdims=bool(keepdims))


# --------------------------------------------------------------------------- prod


_multiply: Any = np.multiply.reduce


def _prod_impl(x: Any, *, axes: Axes, keepdims: bool) -> Any:
    wide = dtypes.float32 if x.dtype in HALVES else x.dtype
    return _multiply(x, axis=axes, dtype=wide, keepdims=keepdims).astype(x.dtype, copy=False)


def _others(x: Value, axes: Axes) -> Value:
    """The product of all other elements, for each. No division, so zeros are exact."""
    n = x.ndim
    kept = tuple(i for i in range(-n, 0) if i not in axes)
    order = kept + axes
    shape = tuple(x.shape[i] for i in order)
    flat = reshape(transpose(x, order), (*shape[: len(kept)], size_over(x.shape, axes)))
    before = shifted(cumprod_p(flat, axis=-1), -1, 1, 1)
    behind = flip(shifted(cumprod_p(flip(flat, -1), axis=-1), -1, 1, 1), -1)
    back = sorted(range(n), key=lambda i: order[i])
    return transpose(reshape(mul(before, behind), shape), back)


prod_p: Any = custom(
    "prod",
    _prod_impl,
    abstract=reduced,
    vjp=(lambda g, x, axes, keepdims: mul(expand_reduced(g, x.shape, axes, keepdims), _others(x, axes)),),
    jvp=(lambda t, x, axes, keepdims: sum(mul(t, _others(x, axes)), axes, keepdims),),
    batch=LEADING,
    holomorphic=True,
)


def prod(x: Value, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Value:
    """Multiply elements over axes. Bools and integers are multiplied as int64; no elements give 1.

    >>> mt.Array([[1, 2], [3, 4]]).prod(), mt.Array([[1, 2], [3, 4]]).prod(axis=0)
    (Array(24, dtype=int64), Array([3, 8], dtype=int64))
    """
    x = as_array(x)
    wanted = dtypes.canonical(dtype) if dtype is not None else dtypes.int64 if dtypes.rank(x.dtype) < 2 else x.dtype
    return prod_p(cast(x, wanted), axes=canonical_axes("prod", axis, x.ndim), keepdims=bool(keepdims))


# --------------------------------------------------------------------------- max and min


def _ties(x: Value, out: Value, axes: Axes, keepdims: bool) -> tuple[Value, Value]:
    """Where an extreme is taken, and how often. The extreme of anything with NaN is NaN."""
    hit = logical_or(equal(x, expand_reduced(out, x.shape, axes, keepdims)), isnan(x))
    return hit, sum(cast(hit, x.dtype), axes, keepdims)


def _extreme_vjp(g: Value, out: Value, x: Value, axes: Axes, keepdims: bool) -> Value:
    hit, count = _ties(x, out, axes, keepdims)
    return where(hit, expand_reduced(div(g, count), x.shape, axes, keepdims), 0.0)


def _extreme_jvp(t: Value, out: Value, x: Value, axes: Axes, keepdims: bool) -> Value:
    hit, count = _ties(x, out, axes, keepdims)
    return div(sum(where(hit, t, 0.0), axes, keepdims), count)


def _extreme(name: str, ufunc: Any) -> Any:
    return custom(
        name,
        lambda x, *, axes, keepdims: ufunc.reduce(x, axis=axes, keepdims=keepdims),
        abstract=reduced,
        vjp=(_extreme_vjp,),
        jvp=(_extreme_jvp,),
        batch=LEADING,
    )


max_p = _extreme("max", np.maximum)
min_p = _extreme("min", np.minimum)


def nonempty_axes(name: str, x: Value, axis: Any) -> Axes:
    """Return axes that have elements: there is no extreme of nothing."""
    axes = canonical_axes(name, axis, x.ndim)
    if 0 in x.shape and not size_over(x.shape, axes):
        raise ShapeError(f"{name}: {aval_of(x)} has no elements over axis {axis}; check its size first")
    return axes


def max(x: Value, axis: Any = None, keepdims: bool = False) -> Value:
    """Return the largest element over axes; NaN if there is one.

    >>> max(np.array([[1, 5], [7, 2]]), axis=1)
    Array([5, 7], dtype=int64)
    """
    x = only_reals("max", x)
    return max_p(x, axes=nonempty_axes("max", x, axis), keepdims=bool(keepdims))


def min(x: Value, axis: Any = None, keepdims: bool = False) -> Value:
    """Return the smallest element over axes; NaN if there is one.

    >>> mt.Array([[1, 5], [7, 2]]).min(axis=1)
    Array([1, 2], dtype=int64)
    """
    x = only_reals("min", x)
    return min_p(x, axes=nonempty_axes("min", x, axis), keepdims=bool(keepdims))


def _position(name: str) -> Any:
    return custom(
        name,
        # NumPy's argmax and argmin return the first NaN, as ours must.
        lambda x, *, axis, keepdims: getattr(x, name)(axis=axis, keepdims=keepdims),
        abstract=lambda x, *, axis, keepdims: reduced(x, axes=(axis,), keepdims=keepdims)._replace(dtype=dtypes.int64),
        vjp=NO_DERIVATIVE,
        jvp=NO_DERIVATIVE,
        batch=LEADING,
    )


argmax_p = _position("argmax")
argmin_p = _position("argmin")


def _indexed(name: str, primitive: Any, x: Value, axis: int | None, keepdims: bool) -> Value:
    x = only_reals(name, x)
    n = x.ndim
    flat = axis is None or n == 0
    canonical_axis(name, axis or 0, n or 1)
    nonempty_axes(name, x, None if flat else axis)
    if not flat:
        return primitive(x, axis=canonical_axis(name, axis, n), keepdims=bool(keepdims))  # type: ignore[arg-type]
    return reshape(primitive(flatten(x), axis=-1, keepdims=False), (1,) * n if keepdims else ())


def argmax(x: Value, axis: int | None = None, keepdims: bool = False) -> Value:
    """Return the index of the first largest element (int64), by default of the flattened array. NaN is the largest.

    >>> argmax(np.array([1.0, 3.0, np.nan, 3.0]))
    Array(2, dtype=int64)
    """
    return _indexed("argmax", argmax_p, x, axis, keepdims)


def argmin(x: Value, axis: int | None = None, keepdims: bool = False) -> Value:
    """Return the index of the first smallest element, as `argmax` does of the largest. NaN is the smallest.

    >>> mt.Array([3.0, 1.0, 1.0]).argmin()
    Array(1, dtype=int64)
    """
    return _indexed("argmin", argmin_p, x, axis, keepdims)


# --------------------------------------------------------------------------- truth and counts


def _truth(name: str, ufunc: Any) -> Any:
    return custom(
        name,
        lambda x, *, axes, keepdims: ufunc.reduce(x, axis=axes, keepdims=keepdims),
        abstract=_reduced_bool,
        vjp=NO_DERIVATIVE,
        jvp=NO_DERIVATIVE,
        batch=LEADING,
    )


all_p = _truth("all", np.logical_and)
any_p = _truth("any", np.logical_or)


def all(x: Value, axis: Any = None, keepdims: bool = False) -> Value:
    """Tell whether every element is nonzero (NaN is).

    >>> mt.Array([[1, 0], [2, 3]]).all(), mt.Array([[1, 0], [2, 3]]).all(axis=1)
    (Array(False, dtype=bool), Array([False,  True], dtype=bool))
    """
    x = as_array(x)
    return all_p(x, axes=canonical_axes("all", axis, x.ndim), keepdims=bool(keepdims))


def any(x: Value, axis: Any = None, keepdims: bool = False) -> Value:
    """Tell whether some element is nonzero (NaN is).

    >>> mt.Array([[0, 0], [2, 0]]).any(), mt.Array([[0, 0], [2, 0]]).any(axis=1)
    (Array(True, dtype=bool), Array([False,  True], dtype=bool))
    """
    x = as_array(x)
    return any_p(x, axes=canonical_axes("any", axis, x.ndim), keepdims=bool(keepdims))


def count_nonzero(x: Value, axis: Any = None, keepdims: bool = False) -> Value:
    """Count the elements that are not zero (int64)."""
    return sum(not_equal(as_array(x), 0), axis, keepdims)


def nansum(x: Value, axis: Any = None, keepdims: bool = False) -> Value:
    """Add elements over axes, taking NaN as 0."""
    x = only_reals("nansum", x)
    return sum(where(isnan(x), 0, x), axis, keepdims)


def nanmean(x: Value, axis: Any = None, keepdims: bool = False) -> Value:
    """Average the elements that are not NaN. Integers raise a DTypeError; no such element gives NaN."""
    x = only_reals("nanmean", only_floats("nanmean", x))
    count = sum(cast(logical_not(isnan(x)), x.dtype), axis, keepdims)
    return div(nansum(x, axis, keepdims), count)


# --------------------------------------------------------------------------- logsumexp


def _logsumexp_impl(x: Any, *, axes: Axes, keepdims: bool) -> Any:
    top = np.maximum.reduce(x, axis=axes, keepdims=True, initial=-np.inf)
    if x.dtype in HALVES:
        x, top = x.astype(dtypes.float32), top.astype(dtypes.float32)
    top = np.where(np.isfinite(top), top, np.zeros((), top.dtype))  # -inf - -inf would be NaN
    out = np.log(add_reduce(np.asarray(np.exp(x - top)), axes, keepdims))
    return out + top.reshape(out.shape)


def _softmax(x: Value, out: Value, axes: Axes, keepdims: bool) -> Value:
    """The derivative: zero where every element is -inf."""
    base = where(equal(out, -math.inf), 0.0, out)
    return exp(sub(x, expand_reduced(base, x.shape, axes, keepdims)))


logsumexp_p: Any = custom(
    "logsumexp",
    lambda x, *, axes, keepdims: _logsumexp_impl(x, axes=axes, keepdims=keepdims).astype(x.dtype, copy=False),
    abstract=reduced,
    vjp=(
        lambda g, out, x, axes, keepdims: mul(
            expand_reduced(g, x.shape, axes, keepdims), _softmax(x, out, axes, keepdims)
        ),
    ),
    jvp=(lambda t, out, x, axes, keepdims: sum(mul(t, _softmax(x, out, axes, keepdims)), axes, keepdims),),
    batch=LEADING,
)


def logsumexp(x: Value, axis: Any = None, keepdims: bool = False) -> Value:
    """Return `log(sum(exp(x)))` over axes without overflow. Rows of -inf give -inf, with gradient 0.

    Of complex numbers, the imaginary part lies between -pi and pi.

    >>> logsumexp(np.array([1000.0, 1000.0]))
    Array(1000.69314718, dtype=float64)
    """
    x = as_array(x)
    axes = canonical_axes("logsumexp", axis, x.ndim)
    if x.dtype in dtypes.COMPLEX:
        return _complex_logsumexp(x, axes, bool(keepdims))
    return logsumexp_p(cast(x, dtypes.floating(x.dtype)), axes=axes, keepdims=bool(keepdims))


def _complex_logsumexp(x: Value, axes: Axes, keepdims: bool) -> Value:
    """The same, on the principal branch. Terms are taken relative to the sum of their magnitudes."""
    scale = detach(logsumexp_p(real(x), axes=axes, keepdims=True))
    scale = where(isfinite(scale), scale, 0.0)
    total = sum(exp(sub(x, scale)), axes, keepdims)
    none = equal(total, 0.0)
    out = where(none, -math.inf, log(where(none, 1.0, total)))
    return add(out, reshape(scale, out.shape))
