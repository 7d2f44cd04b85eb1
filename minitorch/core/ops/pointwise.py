"""The pointwise operations: arithmetic, elementary functions, comparisons, logic, complex parts. One line each.

The string is the scalar formula that the kernel printers print; the lambdas take the cotangent and whatever they name.
Rules are written as "cotangent in, cotangent out": what a condition leaves out is 0, whatever was computed there.
"""

from __future__ import annotations

import builtins
import cmath
import math
from typing import Any

import numpy as np

from .. import dtypes
from ..array import Array, wrap_scalar
from ..aval import Aval
from ..errors import ArgumentError, DTypeError
from ..primitive import NO_DERIVATIVE
from ..tracer import Tracer, Value, aval_of, kind_of
from . import on_buffers
from .dtype_rules import (
    DIRECT,
    boolean,
    floating,
    integral,
    magnitude,
    numeric,
    ordering,
    real_floating,
    real_numeric,
)
from .dtype_rules import real as real_only
from .families import as_array, as_value, elementwise, primitive_of
from .fusing import shortcut
from .shaping import cast, zeros_like

LN2 = math.log(2.0)
LN10 = math.log(10.0)


def zero(g: Value) -> Value:
    """Derivative of a function with steps: zero where it exists."""
    return zeros_like(g)


# --------------------------------------------------------------------------- dtype rules of a few


def _selected(c: Any, *kinds: Any) -> Any:
    if dtypes.rank(c) != 0:
        given = c.__name__ if isinstance(c, type) else dtypes.name(c)
        raise DTypeError(f"the condition must be bool, got {given}; compare it with something: c != 0")
    dtype = dtypes.promote(*kinds)
    return (dtypes.bool_, dtype, dtype), dtype


def _modulus(kind: Any) -> Any:
    numeric(kind)
    return magnitude(kind)


def _of_parts(*kinds: Any) -> Any:
    dtype = real_floating(*kinds)[1]
    return (dtype, dtype), dtypes.complex_of(dtype)


def _phase(kind: Any) -> Any:
    dtype = dtypes.floating(kind)
    return (dtype,), dtypes.real_of(dtype)


def _shiftable(*kinds: Any) -> Any:
    numeric(*kinds)
    return integral(*kinds)


# --------------------------------------------------------------------------- rules too long for a line


def _is_number(x: Value) -> bool:
    return type(x) in dtypes.SCALARS


def _power_base(g: Value, x: Value, y: Value, out_aval: Aval) -> Value:
    """`y * x ** (y - 1)`, and 0 for `x ** 0` everywhere."""
    if _is_number(y):
        if y == 2:
            return mul(g, add(x, x))
        return mul(g, mul(pow(x, y - 1), y)) if y != 0 else zero(g)
    y = cast(y, out_aval.dtype)
    # Where y is 0 the product is 0 already, unless x is 0 or NaN; the exponent's own derivative survives this way.
    odd = logical_and(equal(y, 0), logical_or(equal(x, 0), isnan(x)))
    return mul(g, mul(pow(where(odd, 1, x), sub(y, 1)), y))


def _power_exponent(g: Value, out: Value, x: Value, y: Value) -> Value:
    """`out * log(x)`, and 0 for `0 ** y` with y >= 0."""
    if _is_number(x) and x != 0:
        slope = cmath.log(x) if type(x) is complex else math.log(x) if x > 0 else math.nan
        return mul(g, mul(out, slope))
    base = where(logical_and(equal(x, 0), greater_equal(real(y), 0)), 1, x)
    return mul(g, mul(out, log(cast(base, out.dtype))))


def _beats(g: Value, big: Value, small: Value) -> Value:
    """The cotangent of an argument that wins where big > small and shares where they are equal."""
    return where(less(big, small), 0, where(equal(big, small), mul(g, 0.5), g))


def _one_minus_square(x: Value) -> Value:
    return mul(sub(1.0, x), add(x, 1.0))


@shortcut(lambda g, out: on_buffers.select(out > 0, g, np.asarray(0, g.dtype)))
def _unrelu(g: Value, out: Value) -> Value:
    return where(greater(out, 0), g, 0)


def _unhypot(g: Value, out: Value, x: Value) -> Value:
    return mul(g, div(x, where(equal(out, 0), 1, out)))


def _unatan2(g: Value, x: Value, y: Value, other: Value) -> Value:
    """`other / (x² + y²)` without overflow, 0 at the origin."""
    radius = hypot(x, y)
    radius = where(equal(radius, 0), 1, radius)
    return mul(g, div(div(other, radius), radius))


def _unasinh(g: Value, x: Value) -> Value:
    return div(g, sqrt(add(mul(x, x), 1.0)) if dtypes.is_complex(x.dtype) else hypot(x, 1.0))


def _sgn_rule(g: Value, x: Value) -> Value:
    """The part of g across x, divided by |x|: its own adjoint."""
    size, unit = abs(x), sgn(x)
    across = sub(g, mul(unit, real(mul(conj(unit), g))))
    return div(across, where(equal(size, 0), math.inf, size))


def _abs_tangent(t: Value, x: Value) -> Value:
    return real(mul(conj(sgn(x)), t))


def _angle_slope(x: Value) -> Value:
    size = abs(x)
    size = where(equal(size, 0), 1, size)
    return div(div(mul(x, 1j), size), size)


def _angle_cotangent(g: Value, x: Value) -> Value:
    return mul(g, _angle_slope(x)) if dtypes.is_complex(x.dtype) else zero(g)


def _angle_tangent(t: Value, x: Value) -> Value:
    return real(mul(conj(_angle_slope(x)), t)) if dtypes.is_complex(x.dtype) else zero(t)


def _clip_inside(g: Value, x: Value, y: Value, z: Value) -> Value:
    return where(logical_and(greater_equal(x, y), less_equal(x, z)), g, 0)


def _clip_low(g: Value, x: Value, y: Value, z: Value) -> Value:
    return where(logical_and(less(x, y), less_equal(y, z)), g, 0)


def _clip_high(g: Value, x: Value, y: Value, z: Value) -> Value:
    return where(greater(maximum(x, y), z), g, 0)


# fmt: off
# arithmetic
add          = elementwise("add", "x + y", lambda g: g, lambda g: g)
sub          = elementwise("sub", "x - y", lambda g: g, lambda g: neg(g), dtype=numeric, impl=np.subtract)
mul          = elementwise("mul", "x * y", lambda g, y: mul(g, y), lambda g, x: mul(g, x), impl=np.multiply)
div          = elementwise("div", "x / y", lambda g, y: div(g, y), lambda g, out, y: neg(div(mul(g, out), y)),
                           dtype=floating, impl=np.true_divide)
floor_divide = elementwise("floor_divide", "x // y", zero, zero,
                           dtype=real_numeric, impl=on_buffers.dividing("floor_divide", np.floor_divide))
remainder    = elementwise("remainder", "x % y", lambda g: g, lambda g, x, y: neg(mul(g, floor_divide(x, y))),
                           dtype=real_numeric, impl=on_buffers.dividing("remainder", np.remainder))
fmod         = elementwise("fmod", "fmod(x, y)", lambda g: g, lambda g, x, y: neg(mul(g, trunc(div(x, y)))),
                           dtype=real_numeric, impl=on_buffers.dividing("fmod", np.fmod))
pow          = elementwise("pow", "x ** y", _power_base, _power_exponent, dtype=numeric, impl=on_buffers.power)
neg          = elementwise("neg", "-x", lambda g: neg(g), dtype=numeric, impl=np.negative)
square       = elementwise("square", "x * x", lambda g, x: mul(g, add(x, x)), dtype=numeric)
reciprocal   = elementwise("reciprocal", "1 / x", lambda g, out: neg(mul(g, mul(out, out))), dtype=floating)
sqrt         = elementwise("sqrt", "sqrt(x)", lambda g, out: div(g, add(out, out)), dtype=floating)
rsqrt        = elementwise("rsqrt", "1 / sqrt(x)", lambda g, out: mul(g, mul(out, mul(mul(out, out), -0.5))),
                           dtype=floating, impl=lambda x: np.reciprocal(np.sqrt(x)))
hypot        = elementwise("hypot", "hypot(x, y)", lambda g, out, x: _unhypot(g, out, x),
                           lambda g, out, y: _unhypot(g, out, y), dtype=real_floating)
lerp         = elementwise("lerp", "x + z * (y - x) if abs(z) < 0.5 else y - (y - x) * (1 - z)",
                           lambda g, z: sub(g, mul(g, z)), lambda g, z: mul(g, z),
                           lambda g, x, y: mul(g, sub(y, x)), dtype=floating, impl=on_buffers.lerp)

# exponentials and logarithms
exp   = elementwise("exp", "exp(x)", lambda g, out: mul(g, out), dtype=floating)
exp2  = elementwise("exp2", "exp2(x)", lambda g, out: mul(g, mul(out, LN2)), dtype=floating, impl=on_buffers.exp2)
expm1 = elementwise("expm1", "expm1(x)", lambda g, x: mul(g, exp(x)), dtype=floating)
log   = elementwise("log", "log(x)", lambda g, x: div(g, x), dtype=floating)
log2  = elementwise("log2", "log2(x)", lambda g, x: div(g, mul(x, LN2)), dtype=floating)
log10 = elementwise("log10", "log10(x)", lambda g, x: div(g, mul(x, LN10)), dtype=floating)
log1p = elementwise("log1p", "log1p(x)", lambda g, x: div(g, add(x, 1.0)), dtype=floating)

# circular and hyperbolic functions
sin   = elementwise("sin", "sin(x)", lambda g, x: mul(g, cos(x)), dtype=floating)
cos   = elementwise("cos", "cos(x)", lambda g, x: neg(mul(g, sin(x))), dtype=floating)
tan   = elementwise("tan", "tan(x)", lambda g, out: mul(g, add(mul(out, out), 1.0)), dtype=floating)
asin  = elementwise("asin", "asin(x)", lambda g, x: div(g, sqrt(_one_minus_square(x))), dtype=floating, impl=np.arcsin)
acos  = elementwise("acos", "acos(x)", lambda g, x: neg(div(g, sqrt(_one_minus_square(x)))),
                    dtype=floating, impl=np.arccos)
atan  = elementwise("atan", "atan(x)", lambda g, x: div(g, add(mul(x, x), 1.0)), dtype=floating, impl=np.arctan)
atan2 = elementwise("atan2", "atan2(x, y)", lambda g, x, y: _unatan2(g, x, y, y),
                    lambda g, x, y: neg(_unatan2(g, x, y, x)), dtype=real_floating, impl=np.arctan2)
sinh  = elementwise("sinh", "sinh(x)", lambda g, x: mul(g, cosh(x)), dtype=floating)
cosh  = elementwise("cosh", "cosh(x)", lambda g, x: mul(g, sinh(x)), dtype=floating)
tanh  = elementwise("tanh", "tanh(x)", lambda g, out: mul(g, sub(1.0, mul(out, out))), dtype=floating)
asinh = elementwise("asinh", "asinh(x)", _unasinh, dtype=floating, impl=np.arcsinh)
acosh = elementwise("acosh", "acosh(x)", lambda g, x: div(g, mul(sqrt(sub(x, 1.0)), sqrt(add(x, 1.0)))),
                    dtype=floating, impl=np.arccosh)
atanh = elementwise("atanh", "atanh(x)", lambda g, x: div(g, _one_minus_square(x)), dtype=floating, impl=np.arctanh)

# kinks, steps and choices
relu     = elementwise("relu", "0 if x < 0 else x", _unrelu,
                       dtype=real_numeric, impl=lambda x: np.maximum(x, 0))
maximum  = elementwise("maximum", "(x if x > y else y) if x == x else x", lambda g, x, y: _beats(g, x, y),
                       lambda g, x, y: _beats(g, y, x), dtype=real_only)
minimum  = elementwise("minimum", "(x if x < y else y) if x == x else x", lambda g, x, y: _beats(g, y, x),
                       lambda g, x, y: _beats(g, x, y), dtype=real_only)
where_p  = elementwise("where", "x if c else y", None, lambda g, c: where(c, g, 0), lambda g, c: where(c, 0, g),
                       dtype=_selected, impl=on_buffers.select)
clip_p   = elementwise("clip", "minimum(maximum(x, y), z)", _clip_inside, _clip_low, _clip_high,
                       dtype=real_numeric, impl=lambda x, y, z: np.minimum(np.maximum(x, y), z))
sign     = elementwise("sign", "x if x != x else (1 if x > 0 else (-1 if x < 0 else 0))", zero,
                       dtype=real_only, impl=on_buffers.sign)
floor    = elementwise("floor", "floor(x)", zero, dtype=real_numeric, impl=on_buffers.whole(np.floor))
ceil     = elementwise("ceil", "ceil(x)", zero, dtype=real_numeric, impl=on_buffers.whole(np.ceil))
trunc    = elementwise("trunc", "trunc(x)", zero, dtype=real_numeric, impl=on_buffers.whole(np.trunc))
rint     = elementwise("round", "rint(x)", zero, dtype=real_numeric, impl=on_buffers.whole(np.rint))
frac     = elementwise("frac", "x - trunc(x)", lambda g: g, dtype=real_floating, impl=lambda x: x - np.trunc(x))
copysign = elementwise("copysign", "copysign(x, y)", lambda g, x, y: mul(g, mul(sign(x), copysign(1.0, y))), zero,
                       dtype=real_floating)

# comparisons and logic
equal         = elementwise("equal", "x == y", NO_DERIVATIVE, dtype=boolean)
not_equal     = elementwise("not_equal", "x != y", NO_DERIVATIVE, dtype=boolean)
less          = elementwise("less", "x < y", NO_DERIVATIVE, dtype=ordering)
less_equal    = elementwise("less_equal", "x <= y", NO_DERIVATIVE, dtype=ordering)
greater       = elementwise("greater", "x > y", NO_DERIVATIVE, dtype=ordering)
greater_equal = elementwise("greater_equal", "x >= y", NO_DERIVATIVE, dtype=ordering)
isnan         = elementwise("isnan", "x != x", NO_DERIVATIVE, dtype=boolean)
isinf         = elementwise("isinf", "isinf(x)", NO_DERIVATIVE, dtype=boolean)
isfinite      = elementwise("isfinite", "isfinite(x)", NO_DERIVATIVE, dtype=boolean)
signbit       = elementwise("signbit", "signbit(x)", NO_DERIVATIVE, dtype=ordering, impl=on_buffers.signbit)
logical_and   = elementwise("logical_and", "(x != 0) & (y != 0)", NO_DERIVATIVE, dtype=boolean)
logical_or    = elementwise("logical_or", "(x != 0) | (y != 0)", NO_DERIVATIVE, dtype=boolean)
logical_xor   = elementwise("logical_xor", "(x != 0) ^ (y != 0)", NO_DERIVATIVE, dtype=boolean)
logical_not   = elementwise("logical_not", "x == 0", NO_DERIVATIVE, dtype=boolean)
bitwise_and   = elementwise("bitwise_and", "x & y", NO_DERIVATIVE, dtype=integral)
bitwise_or    = elementwise("bitwise_or", "x | y", NO_DERIVATIVE, dtype=integral)
bitwise_xor   = elementwise("bitwise_xor", "x ^ y", NO_DERIVATIVE, dtype=integral)
bitwise_not   = elementwise("bitwise_not", "~x", NO_DERIVATIVE, dtype=integral, impl=np.invert)
left_shift    = elementwise("left_shift", "x << y", NO_DERIVATIVE, dtype=_shiftable)
right_shift   = elementwise("right_shift", "x >> y", NO_DERIVATIVE, dtype=_shiftable)

# complex parts: not holomorphic, so cotangents and tangents have rules of their own
abs   = elementwise("abs", "abs(x)", lambda g, x: mul(g, sgn(x)), jvp=(_abs_tangent,), holomorphic=False,
                    dtype=_modulus, direct=DIRECT[numeric], impl=np.absolute)
conj  = elementwise("conj", "conj(x)", lambda g: conj(g), holomorphic=False, impl=on_buffers.conj)
real  = elementwise("real", "real(x)", lambda g: g, jvp=(lambda t: real(t),), holomorphic=False,
                    dtype=magnitude, impl=lambda x: x.real)
imag  = elementwise("imag", "imag(x)", lambda g: mul(g, 1j), jvp=(lambda t: imag(t),), holomorphic=False,
                    dtype=magnitude, impl=lambda x: x.imag)
joined = elementwise("complex", "complex(x, y)", lambda g: real(g), lambda g: imag(g),
                     jvp=(lambda t: joined(t, 0.0), lambda t: joined(0.0, t)), holomorphic=False,
                     dtype=_of_parts, impl=on_buffers.joined)
angle = elementwise("angle", "angle(x)", _angle_cotangent, jvp=(_angle_tangent,), holomorphic=False,
                    dtype=_phase, impl=on_buffers.angle)
sgn_p = elementwise("sgn", "x / abs(x) if x != 0 else x", _sgn_rule, holomorphic=False, impl=on_buffers.sgn)

# the identity with no derivative
detach = elementwise("detach", "x", NO_DERIVATIVE, impl=lambda x: x)
# fmt: on


def where(c: Value, x: Value, y: Value, /) -> Any:
    """Choose `x` where `c` holds and `y` elsewhere; the gradient of the side that was not taken is exactly 0.

    A function with an infinite or undefined slope on that side makes NaN of the 0, so guard its argument, too:
    `where(c, log(where(c, x, 1)), y)`.

    >>> where(Array([True, False]), 1.0, Array([5.0, 6.0]))
    Array([1., 6.], dtype=float32)
    """
    if type(c) is Array and c._data.dtype == dtypes.bool_:
        taken = x._data if type(x) is Array else x
        other = y._data if type(y) is Array else y
        data = taken if type(x) is Array else other
        if type(data) is np.ndarray and data.dtype in dtypes.NATIVE_INEXACT:
            kind = data.dtype.type
            traced = isinstance(x, Tracer) or isinstance(y, Tracer)
            try:
                taken = kind(x) if type(x) is int or type(x) is float else taken
                other = kind(y) if type(y) is int or type(y) is float else other
                if not traced and getattr(taken, "dtype", None) is data.dtype is getattr(other, "dtype", None):
                    return wrap_scalar(on_buffers.select(c._data, taken, other))
            except (ValueError, OverflowError):
                pass  # the shapes do not fit, or a number is too large: told below
    return where_p(c, x, y)


where.primitive = primitive_of(where_p)  # type: ignore[attr-defined]


def clip(x: Value, low: Value | None = None, high: Value | None = None) -> Any:
    """Limit `x` to [low, high]; either may be None. NaN stays NaN, and at a bound the gradient goes to `x`.

    >>> clip(Array([-2.0, 0.5, 2.0]), -1, 1)
    Array([-1. ,  0.5,  1. ], dtype=float32)
    """
    if low is None and high is None:
        raise ArgumentError(f"clip: needs a bound, got low=None and high=None for {aval_of(as_array(x))}; give one")
    bounds = [as_value(b) for b in (low, high) if b is not None]
    x = as_value(x)
    if not dtypes.is_inexact(dtypes.promote(*map(kind_of, (x, *bounds)))) and len(bounds) == 1:
        return (maximum if high is None else minimum)(x, *bounds)
    return clip_p(x, -math.inf if low is None else low, math.inf if high is None else high)


def round(x: Value, decimals: int = 0) -> Any:
    """Round to a number of decimals (negative: to tens, hundreds), halves to the even neighbor.

    >>> round(Array([0.5, 1.5, 2.5]))
    Array([0., 2., 2.], dtype=float32)
    """
    if not decimals:
        return rint(x)
    x = as_array(x)
    if not dtypes.is_inexact(x.dtype):
        raise DTypeError(f"round: decimals={decimals} needs floats, got {aval_of(x)}; cast with .to(float32)")
    scale = 10.0 ** builtins.abs(decimals)
    return div(rint(mul(x, scale)), scale) if decimals > 0 else mul(rint(div(x, scale)), scale)


def sgn(x: Value) -> Any:
    """Return `x / |x|`, 0 at 0: the sign of a real number, the direction of a complex one.

    >>> sgn(np.array([-2.0, 3j, 0.0]))
    Array([-1.+0.j,  0.+1.j,  0.+0.j], dtype=complex128)
    """
    x = as_array(x)
    return sgn_p(x) if dtypes.is_complex(x.dtype) else sign(x)
