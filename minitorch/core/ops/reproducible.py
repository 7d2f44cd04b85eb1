"""Functions that distributions are made by, from steps that are rounded alike everywhere: see `transforming.py`.

They take any number, unlike the functions there, and have derivatives, for parameters go through them.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan
from typing import Any

import numpy as np

from .. import dtypes
from ..dtypes import DType
from ..primitive import NO_DERIVATIVE
from ..tracer import Value
from .dtype_rules import real_floating
from .families import LEADING, custom, elementwise
from .pointwise import add, div, exp, mul, neg, sub
from .shaping import reshape, sum
from .slicing import slice_axis
from .transforming import DOUBLE, SINGLE, Draws, Function, from_bits, root, to_bits

where, magnitude = np.where, np.abs

ROOT_OF_HALF_PI, SLOPE_OF_ERF = 1.2533141373155003, 1.1283791670955126


def _natural(logarithm: Function, tiny: float, lift: float, lifted: float) -> Function:
    """Extend a logarithm of positive normal numbers to all others; `lifted` is the logarithm of `lift`."""

    def natural(x: Any) -> Any:
        small = x < tiny
        y = logarithm(where(small, x * lift, x))
        y = where(small, y - lifted, y)
        y = where(x == 0.0, -inf, y)
        y = where(x < 0.0, nan, y)
        return where(x < inf, y, x)  # inf and NaN are their own logarithms

    return natural


def _remainder_single(r: Any) -> Any:
    p = r * 0.000198912792
    p += 0.00139339105
    p *= r
    p += 0.00833331048
    p *= r
    p += 0.041666463
    p *= r
    p += 0.166666672
    p *= r
    p += 0.5
    return p


def _remainder_double(r: Any) -> Any:
    p = r * 2.091490745304636e-09
    p += 2.5105525761140995e-08
    p *= r
    p += 2.7557273111810967e-07
    p *= r
    p += 2.7557254656202336e-06
    p *= r
    p += 2.4801587325967827e-05
    p *= r
    p += 0.0001984126987540889
    p *= r
    p += 0.0013888888888883629
    p *= r
    p += 0.008333333333325966
    p *= r
    p += 0.04166666666666667
    p *= r
    p += 0.1666666666666667
    p *= r
    p += 0.5
    return p


def _power(
    remainder: Function,
    magic: float,
    bits: int,
    digits: int,
    bias: int,
    high: float,
    low: float,
    ends: tuple[float, float],
) -> Function:
    """exp by a fit of (exp(r) - 1 - r) / r**2 for |r| < 0.35; `bits` are those of `magic`."""
    floor, ceiling = ends

    def power(x: Any) -> Any:
        x = where(x < floor, floor, x)
        x = where(x > ceiling, ceiling, x)
        shifted = x * 1.4426950408889634 + magic
        n = shifted - magic
        r = (x - n * high) - n * low
        whole = to_bits(shifted) - bits
        half = whole >> 1  # in two factors, for one alone may overflow or be subnormal
        y = r * r * remainder(r) + r + 1.0
        return y * from_bits((half + bias) << digits) * from_bits((whole - half + bias) << digits)

    return power


def _sigmoid(power: Function) -> Function:
    def sigmoid(x: Any) -> Any:
        e = power(-magnitude(x))
        return where(x < 0.0, e, 1.0) / (e + 1.0)

    return sigmoid


def _cauchy(f: Draws) -> Function:
    """Return -1 / tan(pi u), which is tan(pi (u - 1 / 2)), exact to the ends of u in (0, 1)."""
    quarter, angle, sine, cosine, turned = f.quarter, f.angle, f.sine, f.cosine, f.turned

    def cauchy(u: Any) -> Any:
        turns = u * 0.5
        q, s, c = quarter(turns), sine(angle(turns)), cosine(angle(turns))
        return -(turned(q + 1, s, c) / turned(q, s, c))

    return cauchy


def _central(q: Any) -> Any:
    r = 0.180625 - q * q
    p = r * 2509.0809287301226727
    p += 33430.575583588128105
    p *= r
    p += 67265.770927008700853
    p *= r
    p += 45921.953931549871457
    p *= r
    p += 13731.693765509461125
    p *= r
    p += 1971.5909503065514427
    p *= r
    p += 133.14166789178437745
    p *= r
    p += 3.387132872796366608
    d = r * 5226.495278852854561
    d += 28729.085735721942674
    d *= r
    d += 39307.89580009271061
    d *= r
    d += 21213.794301586595867
    d *= r
    d += 5394.1960214247511077
    d *= r
    d += 687.1870074920579083
    d *= r
    d += 42.313330701600911252
    d *= r
    d += 1.0
    return q * p / d


def _outer(r: Any) -> Any:
    r = r - 1.6
    p = r * 7.7454501427834140764e-4
    p += 0.0227238449892691845833
    p *= r
    p += 0.24178072517745061177
    p *= r
    p += 1.27045825245236838258
    p *= r
    p += 3.64784832476320460504
    p *= r
    p += 5.7694972214606914055
    p *= r
    p += 4.6303378461565452959
    p *= r
    p += 1.42343711074968357734
    d = r * 1.05075007164441684324e-9
    d += 5.475938084995344946e-4
    d *= r
    d += 0.0151986665636164571966
    d *= r
    d += 0.14810397642748007459
    d *= r
    d += 0.68976733498510000455
    d *= r
    d += 1.6763848301838038494
    d *= r
    d += 2.05319162663775882187
    d *= r
    d += 1.0
    return p / d


def _farthest(r: Any) -> Any:
    r = r - 5.0
    p = r * 2.01033439929228813265e-7
    p += 2.71155556874348757815e-5
    p *= r
    p += 0.0012426609473880784386
    p *= r
    p += 0.026532189526576123093
    p *= r
    p += 0.29656057182850489123
    p *= r
    p += 1.7848265399172913358
    p *= r
    p += 5.4637849111641143699
    p *= r
    p += 6.6579046435011037772
    d = r * 2.04426310338993978564e-15
    d += 1.4215117583164458887e-7
    d *= r
    d += 1.8463183175100546818e-5
    d *= r
    d += 7.868691311456132591e-4
    d *= r
    d += 0.0148753612908506148525
    d *= r
    d += 0.13692988092273580531
    d *= r
    d += 0.59983220655588793769
    d *= r
    d += 1.0
    return p / d


def _quantile(natural: Function) -> Function:
    """Wichura, "The percentage points of the normal distribution", algorithm AS 241 (1988)."""

    central, outer, farthest = _central, _outer, _farthest

    def quantile(v: Any) -> Any:
        q = v * 0.5
        t = magnitude(q)
        r = root(-natural(where(t < 0.425, 0.25, 0.5 - t)))
        y = where(r < 5.0, outer(r), farthest(r))
        y = where(t == 0.5, inf, y)
        y = where(t > 0.5, nan, y)
        return where(t < 0.425, central(q), where(q < 0.0, -y, y))

    return quantile


def _product(x: Any, y: Any) -> Any:
    return x * y


def _made(f: Draws, natural: Function, power: Function) -> dict[str, Function]:
    return {
        "natural_of": natural,
        "power_of": power,
        "sigmoid_of": _sigmoid(power),
        "cauchy_of": _cauchy(f),
        "quantile_of": _quantile(natural),
        "product_of": _product,
    }


OF: dict[DType, dict[str, Function]] = {
    dtypes.float32: _made(
        SINGLE,
        _natural(SINGLE.logarithm, 2.0**-126, 2.0**24, 16.635532333438687),
        _power(_remainder_single, 12582912.0, 0x4B400000, 23, 127, 0.693359375, -2.12194440e-4, (-110.0, 100.0)),
    ),
    dtypes.float64: _made(
        DOUBLE,
        _natural(DOUBLE.logarithm, 2.0**-1022, 2.0**53, 36.7368005696771),
        _power(
            _remainder_double,
            6755399441055744.0,
            0x4338000000000000,
            52,
            1023,
            6.93147180369123816490e-01,
            1.90821492927058770002e-10,
            (-760.0, 720.0),
        ),
    ),
}

# --------------------------------------------------------------------------- primitives


PIECE = 1 << 14  # elements that stay in cache through all steps: up to twice as fast


def _in_pieces(name: str) -> Function:
    def evaluate(x: Any) -> Any:
        function = OF[x.dtype][name]
        if x.size <= PIECE:
            return function(x)
        flat, out = x.reshape(-1), np.empty(x.size, x.dtype)
        for i in range(0, x.size, PIECE):
            out[i : i + PIECE] = function(flat[i : i + PIECE])
        return out.reshape(x.shape)

    return evaluate


def _declare(name: str, rule: Any) -> Callable[..., Any]:
    return elementwise(name, f"{name}(x)", rule, dtype=real_floating, impl=_in_pieces(name))


natural_of = _declare("natural_of", lambda g, x: div(g, x))
power_of = _declare("power_of", lambda g, out: mul(g, out))
sigmoid_of = _declare("sigmoid_of", lambda g, out: mul(g, mul(out, sub(1.0, out))))
cauchy_of = _declare("cauchy_of", NO_DERIVATIVE)
# Of 2 p - 1 for a probability p, which is fine near 0 as p is near one half.
quantile_of = _declare("quantile_of", lambda g, out: mul(g, mul(exp(mul(mul(out, out), 0.5)), ROOT_OF_HALF_PI)))
# A product that no sum is joined to.
product_of = elementwise(
    "product_of",
    "product_of(x, y)",
    lambda g, y: mul(g, y),
    lambda g, x: mul(g, x),
    dtype=real_floating,
    impl=np.multiply,
)


def _erf(x: Any) -> Any:
    from scipy import special

    return special.erf(x)


# Staged functions call back for this one: it is taken of bounds, which are few.
erf_of: Callable[..., Any] = custom(
    "erf_of",
    _erf,
    abstract=lambda x: x._replace(weak=False),
    vjp=(lambda g, x: mul(g, mul(exp(neg(mul(x, x))), SLOPE_OF_ERF)),),
    jvp=(lambda t, x: mul(t, mul(exp(neg(mul(x, x))), SLOPE_OF_ERF)),),
    batch=LEADING,
)


def total(x: Value) -> Value:
    """Sum along the last axis, halves onto each other, in one order everywhere."""
    size, rest = x.shape[-1], None
    while size > 1:
        half = size // 2
        if size % 2:
            last = slice_axis(x, -1, size - 1, size)
            rest = last if rest is None else add(rest, last)
        x = add(slice_axis(x, -1, 0, half), slice_axis(x, -1, half, 2 * half))
        size = half
    if not size:
        return sum(x, -1)
    return reshape(x if rest is None else add(x, rest), x.shape[:-1])
