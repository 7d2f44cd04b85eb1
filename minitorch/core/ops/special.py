"""Activations and special functions, pointwise.

Formulas are chosen for their tails: relative accuracy where the result is tiny, no overflow on the way. SciPy is
imported when one of its functions is first needed.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from .. import dtypes
from ..aval import Aval
from ..errors import ArgumentError, DTypeError
from ..tracer import Value, aval_of
from .dtype_rules import floating, real_floating
from .families import LEADING, as_array, custom, elementwise
from .pointwise import (
    LN2,
    add,
    clip,
    div,
    equal,
    exp,
    expm1,
    greater,
    isinf,
    less,
    less_equal,
    log,
    logical_and,
    mul,
    neg,
    square,
    sub,
    where,
)
from .shaping import cast

SQRT_HALF = math.sqrt(0.5)
SQRT_PI = math.sqrt(math.pi)
INV_SQRT_2PI = 1 / math.sqrt(2 * math.pi)
# gelu in tanh form is x * sigmoid(p(x)) with p(x) = TANH_SCALE * (x + TANH_CUBE * x³).
TANH_SCALE = 2 * math.sqrt(2 / math.pi)
TANH_CUBE = 0.044715


@cache
def _scipy() -> Any:
    from scipy import special

    return special


# --------------------------------------------------------------------------- piecewise functions


def _elu_first(g: Value, x: Value, y: Value) -> Value:
    # Double where: the exponential of a large x, which is not taken, must not make the next derivative NaN.
    above = greater(x, 0)
    return where(above, g, mul(mul(g, y), exp(where(above, 0, x))))


def _elu_second(g: Value, x: Value) -> Value:
    above = greater(x, 0)
    return where(above, 0, mul(g, expm1(where(above, 0, x))))


def _hardtanh_rule(g: Value, x: Value, y: Value, z: Value) -> Value:
    return where(logical_and(greater(x, y), less(x, z)), g, 0)


# --------------------------------------------------------------------------- logistic functions


def _over_logistic(top: Any, p: Any) -> Any:
    """Compute `top / (1 + exp(-p))`, in two steps where `exp(-p)` overflows."""
    e = np.exp(np.negative(p))
    far = e == np.inf if np.fmax.reduce(e, axis=None, initial=0) == np.inf else None
    e += 1
    out = np.true_divide(top, e, out=e if type(e) is np.ndarray else None)
    if far is None:
        return out
    half = np.exp(0.5 * p)
    # The lowest number stands in for -inf, which times 0 would be NaN.
    return np.where(far, np.maximum(top, np.finfo(p.dtype).min) * half * half, out)


def _complex_logistic(z: Any) -> Any:
    e = np.exp(np.where(z.real < 0, z, -z))
    return np.where(z.real < 0, e, 1) / (1 + e)


def _sigmoid(x: Any) -> Any:
    return _complex_logistic(x) if x.dtype.kind == "c" else _over_logistic(1, x)


def _silu(x: Any) -> Any:
    return x * _complex_logistic(x) if x.dtype.kind == "c" else _over_logistic(x, x)


def _softplus(x: Any) -> Any:
    # np.logaddexp(x, 0) computes the same, at 18 ns an element instead of 1.
    e = np.exp(np.negative(np.abs(x)))
    return np.maximum(x, 0) + np.log1p(e)


def _logaddexp(x: Any, y: Any) -> Any:
    if np.result_type(x, y).kind != "c":
        return np.logaddexp(x, y)
    bigger = np.greater(np.real(x), np.real(y))
    high, low = np.where(bigger, x, y), np.where(bigger, y, x)
    return high + np.log1p(np.exp(np.where(high == low, 0, low - high)))


def _xlogy(x: Any, y: Any) -> Any:
    nothing = np.equal(x, 0) & np.equal(y, y)
    return np.where(nothing, 0, x * np.log(np.where(nothing, 1, y))).astype(np.result_type(x, y), copy=False)


def _gap(g: Value, x: Value, y: Value) -> Value:
    """`x - y` in the dtype of `g`, and 0 between equal infinities."""
    both = logical_and(equal(x, y), isinf(x))
    return where(both, 0, sub(cast(x, g.dtype), cast(y, g.dtype)))


def _xlogy_first(g: Value, x: Value, y: Value, out_aval: Aval) -> Value:
    odd = logical_and(equal(x, 0), less_equal(y, 0))
    return mul(g, log(where(odd, 1, cast(y, out_aval.dtype))))


def _xlogy_second(g: Value, x: Value, y: Value) -> Value:
    odd = logical_and(equal(x, 0), equal(y, 0))
    return mul(g, div(x, where(odd, 1, y)))


def _silu_rule(g: Value, x: Value) -> Value:
    s = sigmoid(x)
    return mul(g, mul(s, add(mul(x, sub(1.0, s)), 1.0)))


# --------------------------------------------------------------------------- gelu


def _scaled_gauss(x: Any) -> Any:
    """`exp(-x²)` with the rounding error of the square put back."""
    high = x.astype(np.float32).astype(np.float64)
    return np.exp(-high * high) * np.exp(-(x - high) * (x + high))


def _upper_tail(z: Any) -> Any:
    """`erfc(z)` for z >= 0.7."""
    return _scaled_gauss(np.minimum(z, 1e3)) * _scipy().erfcx(z)


# exp(t²/2) Φ(-t) = u q(u), where u = 1 / (1 + 0.35 t): a fit with a relative error of 3.2e-8 on 0 <= t <= 14.5.
MILLS_SCALE = 0.35
MILLS = (
    0.13962130688487653, 0.1398635146354419, 0.11982129381679854, 0.10555247715013392, -0.023212292445339337,
    0.15931960457554206, -0.25583892280870163, 0.1440308796543476, -0.029157877448936047,
)  # fmt: skip
BLOCK = 16384  # elements whose float64 intermediates stay in cache


def _tails(x: Any) -> tuple[Any, Any, Any]:
    """Return t = |x|, `exp(-t²/2)` and Φ(-t) in float64, good to float32."""
    t = np.minimum(np.abs(x), 40).astype(np.float64)
    u = t * MILLS_SCALE
    u += 1
    np.reciprocal(u, u)
    q = u * MILLS[-1]
    for a in MILLS[-2::-1]:
        q += a
        q *= u
    gauss = t * t
    gauss *= -0.5
    np.exp(gauss, gauss)
    q *= gauss
    return t, gauss, q


def _blockwise(block: Any, x: Any) -> Any:
    """Apply a function to a large float32 array block by block."""
    out = np.empty(x.shape, np.float32)
    source, target = np.ascontiguousarray(x).reshape(-1), out.reshape(-1)
    for i in range(0, source.size, BLOCK):
        target[i : i + BLOCK] = block(source[i : i + BLOCK])
    return out


def _gelu_block(x: Any) -> Any:
    t, _, lower = _tails(x)
    lower *= t
    return np.maximum(x, 0) - lower


def _gelu_slope_block(x: Any) -> Any:
    t, gauss, lower = _tails(x)
    gauss *= np.copysign(t, x)
    gauss *= INV_SQRT_2PI
    gauss += lower
    lower += lower
    lower -= 1
    lower *= np.greater_equal(x, 0)  # 1 - Φ(-t) on the right, without cancellation on the left
    gauss -= lower
    return gauss


def _gelu(x: Any) -> Any:
    if x.dtype == np.float32 and x.size > 4096:  # SciPy takes 15 ns an element, this 5
        return _blockwise(_gelu_block, x)
    wide = np.maximum(x, -1e4).astype(np.float64)
    out = np.asarray(wide * _scipy().ndtr(wide))
    if x.dtype != np.float64:
        return out.astype(x.dtype)
    tail = wide < -1
    t = wide[tail]
    high = t.astype(np.float32).astype(np.float64)
    gauss = np.exp(-0.5 * high * high) * np.exp(-0.5 * (t - high) * (t + high))
    out[tail] = 0.5 * t * gauss * _scipy().erfcx(-SQRT_HALF * t)
    return out


def _gelu_slope(x: Any) -> Any:
    if x.dtype == np.float32 and x.size > 4096:
        return _blockwise(_gelu_slope_block, x)
    wide = np.minimum(np.maximum(x, -40), 40).astype(np.float64)
    return (_scipy().ndtr(wide) + wide * np.exp(-0.5 * wide * wide) * INV_SQRT_2PI).astype(x.dtype)


def _gelu_slope_rule(g: Value, x: Value) -> Value:
    x2 = square(clip(x, -40.0, 40.0))
    return mul(g, mul(exp(mul(x2, -0.5)), mul(sub(2.0, x2), INV_SQRT_2PI)))


def _tanh_power(z: Any) -> Any:
    return z * (TANH_SCALE + (TANH_SCALE * TANH_CUBE) * (z * z))


def _gelu_tanh(x: Any) -> Any:
    return _over_logistic(x, _tanh_power(np.minimum(np.maximum(x, -40), 40)))


def _gelu_tanh_slope(x: Any) -> Any:
    z = np.minimum(np.maximum(x, -30), 30)
    s = _over_logistic(1, _tanh_power(z))
    return s + z * s * (1 - s) * (TANH_SCALE + (3 * TANH_SCALE * TANH_CUBE) * (z * z))


def _gelu_tanh_slope_rule(g: Value, x: Value) -> Value:
    # With s = sigmoid(p): (s + x s' p')' = s' (2 p' + x p'' + (1 - 2 s) x p' p'), where s' = s (1 - s).
    z = clip(x, -30.0, 30.0)
    z2 = square(z)
    p = mul(z, add(mul(z2, TANH_SCALE * TANH_CUBE), TANH_SCALE))
    p1 = add(mul(z2, 3 * TANH_SCALE * TANH_CUBE), TANH_SCALE)
    zp2 = mul(z2, 6 * TANH_SCALE * TANH_CUBE)
    s = sigmoid(p)
    bend = add(add(p1, p1), add(zp2, mul(mul(z, square(p1)), sub(1.0, add(s, s)))))
    return mul(g, mul(mul(s, sigmoid(neg(p))), bend))


# --------------------------------------------------------------------------- error functions, gamma functions


def _erfc(x: Any) -> Any:
    out = np.asarray(_scipy().erfc(x))
    if x.dtype == np.float64:
        # SciPy squares x with one rounding, an error of 400 ulp at x = 26.
        tail = x > 0.7
        out[tail] = _upper_tail(x[tail])
    return out


@cache
def _zeta_coefficients() -> list[float]:
    """Coefficients of `(log Γ(2 + t)) / t`, from the constant one: 1 - γ, then (-1)^k (ζ(k) - 1) / k."""
    k = np.arange(2, 38)
    return [1 - np.euler_gamma, *((-1.0) ** k * _scipy().zetac(k) / k).tolist()]


def _lgamma_near_zeros(x: Any) -> Any:
    """`log Γ(x)` for 0.5 < x < 2.6, to full relative accuracy at its zeros 1 and 2."""
    below = x < 1.5
    t = x - np.where(below, 1.0, 2.0)
    series = np.zeros_like(t)
    for a in reversed(_zeta_coefficients()):
        series = series * t + a
    return t * series - np.where(below, np.log1p(np.where(below, t, 0)), 0)


def _lgamma(x: Any) -> Any:
    out = np.asarray(_scipy().gammaln(np.maximum(x, np.finfo(x.dtype).min)))
    if x.dtype == np.float64:
        near = (x > 0.5) & (x < 2.6)
        out[near] = _lgamma_near_zeros(x[near])
    return out


def _digamma(x: Any) -> Any:
    out = np.asarray(_scipy().psi(x))
    if x.dtype == np.float64:
        # SciPy takes the tangent of πx without reducing x, an error of 100 ulp between -12 and -11.
        below = x < 0
        t = x[below]
        r = t - np.rint(t)
        out[below] = np.where(r == 0, np.nan, _scipy().psi(1 - t) - math.pi / np.tan(math.pi * r))
    return out


def _polygamma(x: Any, *, n: int) -> Any:
    wide = x.astype(np.float64)
    out = np.asarray(_scipy().polygamma(n, np.maximum(wide, -30.0)))
    far = wide < -30
    if far.any():
        out[far] = _reflected_polygamma(wide[far], n)
    return out.astype(x.dtype)


def _reflected_polygamma(x: Any, n: int) -> Any:
    """`(-1)^n ψₙ(1 - x) - π (d/dx)^n cot(πx)`: SciPy's series takes a time proportional to -x."""
    slope = np.polynomial.Polynomial([0.0, 1.0])  # in c = cot(πx), whose derivative is -π (1 + c²)
    for _ in range(n):
        slope = slope.deriv() * np.polynomial.Polynomial([-math.pi, 0.0, -math.pi])
    c = 1 / np.tan(math.pi * (x - np.rint(x)))
    return (-1) ** n * _scipy().polygamma(n, 1 - x) - math.pi * slope(c)


def _polygamma_aval(x: Aval, *, n: int) -> Aval:
    return x._replace(weak=False)


polygamma_p = custom(
    "polygamma",
    _polygamma,
    abstract=_polygamma_aval,
    vjp=(lambda g, x, n: mul(g, polygamma_p(x, n=n + 1)),),
    jvp=(lambda t, x, n: mul(t, polygamma_p(x, n=n + 1)),),
    batch=LEADING,
)


cube_root: Any = custom(
    "cube_root",
    lambda x: np.cbrt(x.astype(np.float32) if x.dtype in dtypes.HALVES else x).astype(x.dtype, copy=False),
    abstract=lambda x: x._replace(weak=False),
    vjp=(lambda g, out: div(g, mul(square(out), 3.0)),),
    jvp=(lambda t, out: div(t, mul(square(out), 3.0)),),
    batch=LEADING,
)


# fmt: off
# logistic functions
leaky_relu = elementwise("leaky_relu", "x if x > 0 else x * y", lambda g, x, y: where(greater(x, 0), g, mul(g, y)),
                         lambda g, x: where(greater(x, 0), 0, mul(g, x)), dtype=real_floating,
                         impl=lambda x, y: np.where(x > 0, x, x * y))
elu        = elementwise("elu", "x if x > 0 else y * expm1(x)", _elu_first, _elu_second, dtype=real_floating,
                         impl=lambda x, y: np.where(x > 0, x, y * np.expm1(np.minimum(x, 0))))
hardtanh   = elementwise("hardtanh", "minimum(maximum(x, y), z)", _hardtanh_rule, None, None, dtype=real_floating,
                         impl=lambda x, y, z: np.minimum(np.maximum(x, y), z))
sigmoid    = elementwise("sigmoid", "1 / (1 + exp(-x))", lambda g, out: mul(g, mul(out, sub(1.0, out))),
                         dtype=floating, impl=_sigmoid)
softplus   = elementwise("softplus", "(x if x > 0 else 0) + log1p(exp(-abs(x)))",
                         lambda g, x: mul(g, sigmoid(x)), dtype=real_floating, impl=_softplus)
silu       = elementwise("silu", "0 if x < -800 else x / (1 + exp(-x))", _silu_rule, dtype=floating, impl=_silu)
logaddexp  = elementwise("logaddexp",
                         "(x if x > y else y) + (log1p(exp(-abs(x - y))) if x != y else 0.6931471805599453)",
                         lambda g, x, y: mul(g, sigmoid(_gap(g, x, y))), lambda g, x, y: mul(g, sigmoid(_gap(g, y, x))),
                         dtype=floating, impl=_logaddexp)
logaddexp2 = elementwise("logaddexp2",
                         "(x if x > y else y) + (log1p(exp2(-abs(x - y))) * 1.4426950408889634 if x != y else 1)",
                         lambda g, x, y: mul(g, sigmoid(mul(_gap(g, x, y), LN2))),
                         lambda g, x, y: mul(g, sigmoid(mul(_gap(g, y, x), LN2))), dtype=real_floating)
xlogy      = elementwise("xlogy", "y if y != y else (0 if x == 0 else x * log(y))", _xlogy_first, _xlogy_second,
                         dtype=real_floating, impl=_xlogy)

# gelu and its derivative, exact and in tanh form
gelu_p          = elementwise("gelu", "0 if x < -40 else 0.5 * x * erfc(-0.7071067811865476 * x)",
                              lambda g, x: mul(g, gelu_slope(x)), dtype=real_floating, impl=_gelu)
gelu_slope      = elementwise("gelu_slope",
                              "0.5 * erfc(-0.7071067811865476 * x) + "
                              "(0 if abs(x) > 40 else 0.3989422804014327 * x * exp(-0.5 * x * x))",
                              _gelu_slope_rule, dtype=real_floating, impl=_gelu_slope)
gelu_tanh       = elementwise("gelu_tanh",
                              "0 if x < -40 else x / (1 + exp(-x * (1.5957691216057308 + 0.0713548162726009 * x * x)))",
                              lambda g, x: mul(g, gelu_tanh_slope(x)), dtype=real_floating, impl=_gelu_tanh)
gelu_tanh_slope = elementwise("gelu_tanh_slope",
                              "(1 if x > 0 else 0) if abs(x) > 30 else "
                              "1 / (1 + exp(-x * (1.5957691216057308 + 0.0713548162726009 * x * x))) + "
                              "x * (1.5957691216057308 + 0.2140644488178027 * x * x) / "
                              "(2 + 2 * cosh(x * (1.5957691216057308 + 0.0713548162726009 * x * x)))",
                              _gelu_tanh_slope_rule, dtype=real_floating, impl=_gelu_tanh_slope)

# error functions and gamma functions
erf     = elementwise("erf", "erf(x)", lambda g, x: mul(g, mul(exp(neg(mul(x, x))), 2 / SQRT_PI)),
                      dtype=real_floating, impl=lambda x: _scipy().erf(x))
erfc    = elementwise("erfc", "erfc(x)", lambda g, x: mul(g, mul(exp(neg(mul(x, x))), -2 / SQRT_PI)),
                      dtype=real_floating, impl=_erfc)
erfinv  = elementwise("erfinv", "erfinv(x)", lambda g, out: mul(g, mul(exp(mul(out, out)), SQRT_PI / 2)),
                      dtype=real_floating, impl=lambda x: _scipy().erfinv(x))
lgamma  = elementwise("lgamma", "lgamma(x)", lambda g, x: mul(g, digamma(x)), dtype=real_floating, impl=_lgamma)
digamma = elementwise("digamma", "digamma(x)", lambda g, x: mul(g, polygamma_p(x, n=1)),
                      dtype=real_floating, impl=_digamma)
# fmt: on


def gelu(x: Value, approximate: str = "none") -> Any:
    """Multiply by the normal distribution function, exactly or with `approximate="tanh"` (Hendrycks and Gimpel, 2016).

    >>> gelu(as_array([-1.0, 0.0, 1.0]))
    Array([-0.15865526,  0.        ,  0.8413448 ], dtype=float32)
    """
    if approximate not in ("none", "tanh"):
        given = f"{approximate!r} for {aval_of(as_array(x))}"
        raise ArgumentError(f"gelu: approximate must be 'none' or 'tanh', got {given}; choose one of them")
    return gelu_p(x) if approximate == "none" else gelu_tanh(x)


def polygamma(n: int, x: Value) -> Any:
    """Return the n-th derivative of the digamma function.

    >>> polygamma(1, 1.0)
    Array(1.644934, dtype=float32)
    """
    x = as_array(x)
    if not isinstance(n, int) or n < 0:
        raise ArgumentError(f"polygamma: n must be an integer >= 0, got {n!r} for {aval_of(x)}; name the derivative")
    if dtypes.is_complex(x.dtype):
        raise DTypeError(f"polygamma: has no meaning for complex numbers, got {aval_of(x)}; take .real first")
    x = cast(x, dtypes.floating(x.dtype))
    return polygamma_p(x, n=n) if n else digamma(x)
