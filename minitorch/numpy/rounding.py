"""Rounding, and taking numbers apart into their parts."""

from __future__ import annotations

import math
from typing import Any

from ..core import dtypes
from ..core.ops import bits
from ..core.ops import pointwise as P
from ..core.ops.shaping import cast
from ..core.tracer import Value
from .arguments import array_of, inexact, no_out
from .pointwise import complex_of, real_numbers


def fix(x: Any, out: None = None) -> Value:
    """Round to whole numbers toward zero.

    >>> mnp.fix(mnp.array([-1.5, 1.5]))
    Array([-1.,  1.], dtype=float32)
    """
    no_out("fix", out)
    return P.trunc(array_of(x))


def frexp(x: Any, /) -> tuple[Value, Value]:
    """Take numbers apart into a fraction from 0.5 to 1 and a power of 2.

    >>> mnp.frexp(mnp.array([1.0, 6.0]))
    (Array([0.5 , 0.75], dtype=float32), Array([1, 3], dtype=int32))
    """
    return bits.frexp(array_of(x))


def ldexp(x1: Any, x2: Any, /) -> Value:
    """Return `x1 * 2 ** x2`, without overflow on the way.

    >>> mnp.ldexp(mnp.array([0.5, 0.75]), mnp.array([1, 2]))
    Array([1., 3.], dtype=float32)
    """
    return bits.ldexp(array_of(x1), array_of(x2))


def modf(x: Any, /, out: None = None) -> tuple[Value, Value]:
    """Return the fraction and the whole number, both with the sign of x.

    >>> mnp.modf(mnp.array([-1.5, 2.25]))
    (Array([-0.5 ,  0.25], dtype=float32), Array([-1.,  2.], dtype=float32))
    """
    no_out("modf", out)
    x = real_numbers("modf", inexact(x))
    whole = P.trunc(x)
    return P.copysign(P.where(P.isinf(x), 0.0, P.sub(x, whole)), x), whole


def round(a: Any, decimals: int = 0, out: None = None) -> Value:
    """Round to a number of decimals, halves to even ones; a negative number of them means tens, hundreds.

    >>> mnp.round(mnp.array([1.25, 2.5]), 1), mnp.round(mnp.array([0.5, 1.5]))
    (Array([1.2, 2.5], dtype=float32), Array([0., 2.], dtype=float32))
    """
    no_out("round", out)
    a = array_of(a)
    if a.dtype in dtypes.COMPLEX:
        return complex_of(round(P.real(a), decimals), round(P.imag(a), decimals))
    if a.dtype in dtypes.INEXACT:
        return P.round(a, decimals)
    return a if decimals >= 0 else _to_multiples(a, 10**-decimals)


def _to_multiples(a: Value, unit: int) -> Value:
    """Round integers to multiples of a unit, halves to even ones."""
    below = P.floor_divide(a, unit)
    rest = P.mul(P.sub(a, P.mul(below, unit)), 2)
    odd = P.not_equal(P.remainder(below, 2), 0)
    up = P.logical_or(P.greater(rest, unit), P.logical_and(P.equal(rest, unit), odd))
    return P.mul(P.add(below, cast(up, a.dtype)), unit)


def spacing(x: Any, /) -> Value:
    """Return the distance to the next number away from zero; its slope is 0.

    >>> mnp.spacing(mnp.array([1.0]))
    Array([1.1920929e-07], dtype=float32)
    """
    x = P.detach(real_numbers("spacing", inexact(x)))
    distance = P.sub(bits.nextafter(P.abs(x), math.inf), P.abs(x))
    return P.where(P.isfinite(x), P.copysign(distance, x), math.nan)


__all__ = [
    "fix", "frexp", "ldexp", "modf", "round", "spacing",
]  # fmt: skip
