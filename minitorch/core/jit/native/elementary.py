"""Exponentials, logarithms and hyperbolic functions: range reduction, a polynomial, and no branch.

They are kernel text, written out where they are called, and so that a product and a sum may contract but sums never
reassociate: range reduction lives on rounding errors. The comments name the largest error that the tests have seen, in
units in the last place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .functions import Function
from .intrinsics import exponent, half_power, llvm, mantissa, polynomial, scale, select
from .kinds import float32, float64

FUNCTIONS: dict[str, Any] = {}

fabs = llvm("fabs")
copysign = llvm("copysign")
sqrt = llvm("sqrt")


class Format:
    """What differs between float32 and float64: constants of the type itself, so that nothing widens."""

    def __init__(
        self,
        scalar: Any,
        range_of_exp: tuple[float, float],
        log2: tuple[float, float],
        exponential: Sequence[float],
        logarithm: Sequence[float],
    ):
        info = np.finfo(scalar)
        self.scalar = scalar
        self.zero, self.quarter, self.half, self.one, self.two = map(scalar, (0.0, 0.25, 0.5, 1.0, 2.0))
        self.inf, self.nan, self.tiny = scalar(np.inf), scalar(np.nan), scalar(info.tiny)
        self.magic = scalar(1.5 * 2.0**info.nmant)  # x + MAGIC has no bits for a fraction: x is rounded to an integer
        self.digits, self.lift = scalar(info.nmant + 1), scalar(2.0 ** (info.nmant + 1))
        self.log2e = scalar(1.4426950408889634)
        self.log2_high, self.log2_low = map(scalar, log2)  # the first times an exponent is exact
        self.floor, self.ceiling = map(scalar, range_of_exp)  # where exp is 0 and inf for sure
        self.exponential = polynomial(exponential)  # (exp(r) - 1 - r) / r**2 for |r| < 0.35
        self.logarithm = polynomial(logarithm)


SINGLE = Format(
    np.float32,
    (-110.0, 100.0),
    (0.693359375, -2.12194440e-4),
    (0.5, 0.166666672, 0.041666463, 0.00833331048, 0.00139339105, 0.000198912792),
    # (log(1 + x) - x + x**2 / 2) / x**3 for |x| < 1/3
    (0.333333343, -0.249999449, 0.199999481, -0.166733161, 0.142918676, -0.122887217, 0.109156549, -0.124222003,
     0.113306172),
)  # fmt: skip
DOUBLE = Format(
    np.float64,
    (-760.0, 720.0),
    (6.93147180369123816490e-01, 1.90821492927058770002e-10),
    (0.5, 0.1666666666666667, 0.04166666666666667, 0.008333333333325966, 0.0013888888888883629, 0.0001984126987540889,
     2.4801587325967827e-05, 2.7557254656202336e-06, 2.7557273111810967e-07, 2.5105525761140995e-08,
     2.091490745304636e-09),
    # (2 atanh(s) / s - 2) / s**2 in s**2 for |s| < 0.2
    (0.6666666666666666, 0.4000000000000883, 0.28571428566878854, 0.2222222311396577, 0.1818173251619863,
     0.15389070377872469, 0.13205754467196695, 0.13639164309227264),
)  # fmt: skip


def define(name: str, single: Any, double: Any) -> None:
    """Enter a function in the table, by its implementations for float32 and for float64."""
    made = {float32: single, float64: double}

    def choose(x: Any, *others: Any) -> Any:
        return made.get(x) if all(other == x for other in others) else None

    FUNCTIONS[name] = Function(name, choose)


# --------------------------------------------------------------------------- exponentials


def make_exp(f: Format) -> Any:
    """exp(x + rest) for a rest of at most 0.01; the rest is 0 for exp itself.

    What is 0 for sure is chosen and not computed: an underflow costs over 100 cycles, and attention masks with -inf.
    """
    magic, log2e, high, low, zero, one = f.magic, f.log2e, f.log2_high, f.log2_low, f.zero, f.one
    floor, ceiling, exponential = f.floor, f.ceiling, f.exponential

    def exp_sum(x: Any, rest: Any) -> Any:
        vanishes = x < floor
        x = select(vanishes, zero, x)
        x = select(x > ceiling, ceiling, x)
        shifted = x * log2e + magic
        n = shifted - magic
        r = (x - n * high) - n * low + rest
        return select(vanishes, zero, scale(r * r * exponential(r) + r + one, shifted))

    return exp_sum


def _make_expm1(f: Format) -> Any:
    magic, log2e, high, low, half, zero = f.magic, f.log2e, f.log2_high, f.log2_low, f.half, f.zero
    floor, ceiling = f.scalar(-40), f.scalar(89 if f is SINGLE else 710)  # -1 from here on; the exponent is the last
    exponential = f.exponential

    def expm1(x: Any) -> Any:
        x = select(x < floor, floor, x)
        clipped = select(x > ceiling, ceiling, x)
        shifted = clipped * log2e + magic
        n = shifted - magic
        r = (clipped - n * high) - n * low
        p = r * r * exponential(r) + r
        power = half_power(shifted)
        big = power * p + (power - half)
        return select(n == zero, select(x == zero, x, p), big + big)

    return expm1


exp_sum = {f: make_exp(f) for f in (SINGLE, DOUBLE)}
expm1 = {f: _make_expm1(f) for f in (SINGLE, DOUBLE)}


def _make_exp(f: Format) -> Any:
    zero, exp_of = f.zero, exp_sum[f]
    return lambda x: exp_of(x, zero)


exp = {f: _make_exp(f) for f in (SINGLE, DOUBLE)}


def _make_sigmoid(f: Format) -> Any:
    one, zero, exp_of = f.one, f.zero, exp[f]

    def sigmoid(x: Any) -> Any:
        e = exp_of(-fabs(x))
        return select(x < zero, e, one) / (one + e)

    return sigmoid


def _make_tanh(f: Format) -> Any:
    two, limit, expm1_of = f.two, f.scalar(25), expm1[f]

    def tanh(x: Any) -> Any:
        t = fabs(x)
        t = select(t > limit, limit, t)
        e = expm1_of(t + t)
        return copysign(e / (e + two), x)

    return tanh


def _make_sinh(f: Format) -> Any:
    one, half, expm1_of, exp_of, limit = f.one, f.half, expm1[f], exp[f], f.digits

    def sinh(x: Any) -> Any:
        t = fabs(x)
        e = expm1_of(t)
        near = half * (e + e / (e + one))
        root = exp_of(half * t)  # half of exp(t), without overflow where sinh has none
        return copysign(select(t > limit, half * root * root, near), x)

    return sinh


def _make_cosh(f: Format) -> Any:
    quarter, half, exp_of, limit = f.quarter, f.half, exp[f], f.digits

    def cosh(x: Any) -> Any:
        t = fabs(x)
        e = half * exp_of(t)
        root = exp_of(half * t)
        return select(t > limit, half * root * root, e + quarter / e)

    return cosh


# --------------------------------------------------------------------------- logarithms


def _log_of_mantissa_single(f: Format) -> Any:
    half, high, low, logarithm = f.half, f.log2_high, f.log2_low, f.logarithm

    def combine(m: Any, e: Any) -> Any:
        tail = m * m * (m * logarithm(m) - half) + e * low
        return (tail + m) + e * high

    return combine


def _log_of_mantissa_double(f: Format) -> Any:
    half, two, high, low, logarithm = f.half, f.two, f.log2_high, f.log2_low, f.logarithm

    def combine(m: Any, e: Any) -> Any:
        s = m / (two + m)
        z = s * s
        square = half * m * m
        return e * high - ((square - (s * (square + z * logarithm(z)) + e * low)) - m)

    return combine


def _make_log(f: Format) -> Any:
    combine = (_log_of_mantissa_single if f is SINGLE else _log_of_mantissa_double)(f)
    zero, one, tiny, lift, digits, inf, nan = f.zero, f.one, f.tiny, f.lift, f.digits, f.inf, f.nan

    def log(x: Any) -> Any:
        small = x < tiny
        normal = select(small, x * lift, x)
        out = combine(mantissa(normal) - one, exponent(normal) - select(small, digits, zero))
        out = select(x == zero, -inf, out)
        out = select(x < zero, nan, out)
        return select(x < inf, out, x)  # inf and NaN are their own logarithms

    return log


log = {f: _make_log(f) for f in (SINGLE, DOUBLE)}


def _make_log1p(f: Format) -> Any:
    one, log_of = f.one, log[f]

    def log1p(x: Any) -> Any:
        u = one + x
        rounded = u - one  # the quotient puts back what rounding 1 + x took away
        return select(u == one, x, select(rounded == x, log_of(u), log_of(u) * (x / rounded)))

    return log1p


log1p = {f: _make_log1p(f) for f in (SINGLE, DOUBLE)}

for _name, _made in (("exp", exp), ("expm1", expm1), ("log", log), ("log1p", log1p)):
    define(_name, _made[SINGLE], _made[DOUBLE])
for _name, _make in (("sigmoid", _make_sigmoid), ("tanh", _make_tanh), ("sinh", _make_sinh), ("cosh", _make_cosh)):
    define(_name, _make(SINGLE), _make(DOUBLE))
