"""Measures of spread and size: variance, standard deviation, vector norms.

Where a standard deviation or a norm is 0 its gradient is taken to be 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import dtypes
from ..aval import Aval
from ..conversion import number
from ..tracer import Tracer, Value
from .families import LEADING, custom
from .pointwise import abs, add, div, equal, hypot, imag, mul, not_equal, pow, real, sign, sub, where
from .reductions import Axes, max, mean_p, min, only_floats, reduced, size_over
from .shaping import canonical_axes, cast, expand_reduced, sum
from .summation import HALVES, add_reduce

# --------------------------------------------------------------------------- variance


def _freedom(shape: tuple[int, ...], axes: Axes, correction: float) -> float:
    """Degrees of freedom; no more than none."""
    freedom = size_over(shape, axes) - correction
    return freedom if freedom > 0 else 0


def _deviation_impl(x: Any, axes: Axes, correction: float, keepdims: bool) -> Any:
    # Two passes: subtracting the mean first keeps every digit when it is large.
    centered = np.asarray(x - add_reduce(x, axes, True) / size_over(x.shape, axes))
    return add_reduce(centered * centered, axes, keepdims) / _freedom(x.shape, axes, correction)


def _var_impl(x: Any, *, axes: Axes, correction: float, keepdims: bool) -> Any:
    return _deviation_impl(x, axes, correction, keepdims).astype(x.dtype, copy=False)


def _std_impl(x: Any, *, axes: Axes, correction: float, keepdims: bool) -> Any:
    return np.sqrt(_deviation_impl(x, axes, correction, keepdims)).astype(x.dtype, copy=False)


def _spread_aval(x: Aval, *, axes: Axes, correction: float, keepdims: bool) -> Aval:
    return reduced(x, axes=axes, keepdims=keepdims)


def _centered(x: Value, axes: Axes) -> Value:
    return sub(x, mean_p(x, axes=axes, keepdims=True))


def _slope(x: Value, axes: Axes, correction: float) -> float:
    freedom = _freedom(x.shape, axes, correction)
    return 2 / freedom if freedom else math.inf


def _over(g: Value, out: Value) -> Value:
    """`g / out`, and 0 where `out` is 0, with all derivatives 0 there too."""
    none = equal(out, 0.0)
    return where(none, 0.0, div(g, where(none, 1.0, out)))


def _std_slope(g: Value, out: Value, x: Value, axes: Axes, correction: float) -> Value:
    return mul(_over(g, out), _slope(x, axes, correction) / 2)


var_p: Any = custom(
    "var",
    _var_impl,
    abstract=_spread_aval,
    vjp=(
        lambda g, x, axes, correction, keepdims: mul(
            expand_reduced(mul(g, _slope(x, axes, correction)), x.shape, axes, keepdims), _centered(x, axes)
        ),
    ),
    jvp=(
        lambda t, x, axes, correction, keepdims: mul(
            sum(mul(t, _centered(x, axes)), axes, keepdims), _slope(x, axes, correction)
        ),
    ),
    batch=LEADING,
)
std_p: Any = custom(
    "std",
    _std_impl,
    abstract=_spread_aval,
    vjp=(
        lambda g, out, x, axes, correction, keepdims: mul(
            expand_reduced(_std_slope(g, out, x, axes, correction), x.shape, axes, keepdims), _centered(x, axes)
        ),
    ),
    jvp=(
        lambda t, out, x, axes, correction, keepdims: _std_slope(
            sum(mul(t, _centered(x, axes)), axes, keepdims), out, x, axes, correction
        ),
    ),
    batch=LEADING,
)


def var(x: Value, axis: Any = None, correction: Any = 0, keepdims: bool = False) -> Value:
    """Return the variance over axes: the sum of squared deviations over `n - correction`, NaN where that is 0.

    The variance of complex numbers is real: that of the real parts and that of the imaginary parts together.

    >>> var(np.array([1.0, 2.0, 3.0, 4.0])), var(np.array([1.0, 2.0, 3.0, 4.0]), correction=1)
    (Array(1.25, dtype=float64), Array(1.66666667, dtype=float64))
    """
    return _spread("var", var_p, add, x, axis, correction, keepdims)


def std(x: Value, axis: Any = None, correction: Any = 0, keepdims: bool = False) -> Value:
    """Return the standard deviation over axes, the root of `var`. Its gradient where it is 0 is 0.

    >>> mt.Array([1.0, 3.0]).std(), mt.Array([1.0, 3.0]).std(correction=1)
    (Array(1., dtype=float32), Array(1.4142135, dtype=float32))
    """
    return _spread("std", std_p, hypot, x, axis, correction, keepdims)


def _spread(name: str, primitive: Any, both: Any, x: Value, axis: Any, correction: Any, keepdims: bool) -> Value:
    """Apply a measure of spread; `both` makes that of complex numbers of those of their parts."""
    x = only_floats(name, x)
    if isinstance(correction, Tracer):
        correction = number(correction, "correction")
    params = {"axes": canonical_axes(name, axis, x.ndim), "correction": correction, "keepdims": bool(keepdims)}
    if x.dtype in dtypes.COMPLEX:
        return both(primitive(real(x), **params), primitive(imag(x), **params))
    return primitive(x, **params)


# --------------------------------------------------------------------------- norm

# Above the lower bound, what underflows in a square is too small to matter for the sum of squares.
_SAFE = {
    dtype: (np.sqrt(np.finfo(dtype).tiny) / np.finfo(dtype).eps, np.finfo(dtype).max)
    for dtype in (dtypes.float32, dtypes.float64)
}


def _norm_impl(x: Any, *, ord: float, axes: Axes, keepdims: bool) -> Any:
    wide = x.astype(dtypes.float32) if x.dtype in HALVES else x
    if ord == 2:
        out = np.sqrt(add_reduce(np.asarray(wide * wide), axes, keepdims))
        low, high = _SAFE[wide.dtype]
        if np.logical_and.reduce((out > low) & (out <= high), axis=None):
            return out.astype(x.dtype, copy=False)
    return _scaled_norm(np.asarray(np.abs(wide)), ord, axes, keepdims).astype(x.dtype, copy=False)


def _scaled_norm(x: Any, ord: float, axes: Axes, keepdims: bool) -> Any:
    """As the definition, over the largest element, so that powers neither overflow nor vanish."""
    top = np.maximum.reduce(x, axis=axes, keepdims=True, initial=0)
    top = np.where((top > 0) & np.isfinite(top), top, np.ones((), top.dtype))
    total = add_reduce(np.asarray((x / top) ** ord), axes, keepdims)
    return total ** (1 / ord) * top.reshape(total.shape)


def _unit(x: Value, out: Value, ord: float, axes: Axes, keepdims: bool) -> Value:
    """The derivative of the norm by each element, 0 where the norm or the element is 0."""
    safe = expand_reduced(where(equal(out, 0.0), 1.0, out), x.shape, axes, keepdims)
    if ord == 2:
        return div(x, safe)
    ratio = div(abs(where(equal(x, 0.0), 1.0, x)), safe)
    return mul(sign(x), pow(ratio, ord - 1))


def _norm_vjp(g: Value, out: Value, x: Value, ord: float, axes: Axes, keepdims: bool) -> Value:
    g = where(equal(out, 0.0), 0.0, g)
    return mul(expand_reduced(g, x.shape, axes, keepdims), _unit(x, out, ord, axes, keepdims))


def _norm_jvp(t: Value, out: Value, x: Value, ord: float, axes: Axes, keepdims: bool) -> Value:
    return where(equal(out, 0.0), 0.0, sum(mul(t, _unit(x, out, ord, axes, keepdims)), axes, keepdims))


norm_p: Any = custom(
    "norm",
    _norm_impl,
    abstract=lambda x, *, ord, axes, keepdims: reduced(x, axes=axes, keepdims=keepdims),
    vjp=(_norm_vjp,),
    jvp=(_norm_jvp,),
    batch=LEADING,
)


def norm(x: Value, ord: Any = 2, axis: Any = None, keepdims: bool = False) -> Value:
    """Return the vector norm `sum(abs(x)**ord)**(1/ord)` over axes, for any real `ord`.

    `inf` and `-inf` give the largest and the smallest magnitude, 0 the number of nonzero elements. Its gradient where
    it is 0 is 0. Integers raise a DTypeError.

    >>> norm(np.array([3.0, -4.0])), norm(np.array([3.0, -4.0]), 1), norm(np.array([3.0, -4.0]), float("inf"))
    (Array(5., dtype=float64), Array(7., dtype=float64), Array(4., dtype=float64))
    """
    x = only_floats("norm", x)
    if x.dtype in dtypes.COMPLEX:
        x = abs(x)
    axes = canonical_axes("norm", axis, x.ndim)
    if isinstance(ord, Tracer):  # before comparisons, which would let it go as a constant
        ord = number(ord, "ord")
    if ord == 0:
        return cast(sum(not_equal(x, 0.0), axes, keepdims), x.dtype)
    if ord == 1:
        return sum(abs(x), axes, keepdims)
    if math.isinf(ord):
        return (max if ord > 0 else min)(abs(x), axes, keepdims)
    return norm_p(x, ord=float(ord), axes=axes, keepdims=bool(keepdims))
