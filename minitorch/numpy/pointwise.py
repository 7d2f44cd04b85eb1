"""Pointwise functions: the core's under NumPy's names, and what is made of them.

`TABLE` gives a core operation its name, its summary and its example here; the functions below are compositions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..core import dtypes
from ..core.array import Array
from ..core.errors import DTypeError
from ..core.ops import bessel, bits, special
from ..core.ops import pointwise as P
from ..core.ops.shaping import cast, zeros_like
from ..core.tracer import Tracer, Value, aval_of
from .arguments import array_of, inexact, operand, together
from .types import finfo

Function = Callable[..., Any]


def _one(core: Function) -> Function:
    def call(x: Any, /) -> Value:
        return core(x if type(x) is Array or isinstance(x, Tracer) else operand(x))

    return call


def _two(core: Function) -> Function:
    def call(x1: Any, x2: Any, /) -> Value:
        return core(x1 if type(x1) is Array else operand(x1), x2 if type(x2) is Array else operand(x2))

    return call


def _positive(x: Value) -> Value:
    x = array_of(x)
    if x.dtype == dtypes.bool_:
        raise DTypeError(f"positive: has no meaning for bools, got {aval_of(x)}; cast with .astype(int)")
    return x


# name: (core operation, number of arguments, what it does, arguments of an example, what it prints)
# fmt: off
TABLE: dict[str, tuple[Function, int, str, str, str]] = {
    "abs": (P.abs, 1, "Return the magnitude: a real number, also of a complex one.", "[-2.0, 3.0]", "[2. 3.]"),
    "acos": (P.acos, 1, "Return the angle whose cosine this is, in radians.", "[0.0, 1.0]", "[1.5707... 0. ]"),
    "acosh": (P.acosh, 1, "Return the inverse hyperbolic cosine.", "[1.0, 2.0]", "[0. 1.3169...]"),
    "add": (P.add, 2, "Add.", "[1, 2]; 0.5", "[1.5 2.5]"),
    "asin": (P.asin, 1, "Return the angle whose sine this is, in radians.", "[0.0, 1.0]", "[0. 1.5707...]"),
    "asinh": (P.asinh, 1, "Return the inverse hyperbolic sine.", "[0.0, 1.0]", "[0. 0.8813...]"),
    "atan": (P.atan, 1, "Return the angle whose tangent this is, in radians.", "[0.0, 1.0]", "[0. 0.7853...]"),
    "atan2": (P.atan2, 2, "Return the angle of the point (x2, x1) in radians.", "[1, -1]; -1.0", "[ 2.356... -2.356...]"),
    "atanh": (P.atanh, 1, "Return the inverse hyperbolic tangent.", "[0.0, 0.5]", "[0. 0.5493...]"),
    "bitwise_and": (P.bitwise_and, 2, "Combine the bits of integers with AND.", "[12, 10]; 6", "[4 2]"),
    "bitwise_count": (bits.bit_count, 1, "Count the bits that are 1 in the magnitude of integers.", "[7, 8]", "[3 1]"),
    "bitwise_invert": (P.bitwise_not, 1, "Flip the bits of integers, or negate bools.", "[0, 5]", "[-1 -6]"),
    "bitwise_left_shift": (P.left_shift, 2, "Shift the bits of integers to the left.", "[1, 3]; 2", "[ 4 12]"),
    "bitwise_or": (P.bitwise_or, 2, "Combine the bits of integers with OR.", "[12, 10]; 6", "[14 14]"),
    "bitwise_right_shift": (P.right_shift, 2, "Shift the bits of integers to the right.", "[8, -8]; 2", "[ 2 -2]"),
    "bitwise_xor": (P.bitwise_xor, 2, "Combine the bits of integers with XOR.", "[12, 10]; 6", "[10 12]"),
    "ceil": (P.ceil, 1, "Round up to whole numbers.", "[-1.5, 1.5]", "[-1. 2.]"),
    "conj": (P.conj, 1, "Return the complex conjugate.", "[1 + 2j]", "[1.-2.j]"),
    "copysign": (P.copysign, 2, "Return the magnitude of x1 with the sign of x2.", "[1.0, -2.0]; -0.0", "[-1. -2.]"),
    "cos": (P.cos, 1, "Return the cosine of angles in radians.", "[0.0, 1.0]", "[1. 0.5403...]"),
    "cosh": (P.cosh, 1, "Return the hyperbolic cosine.", "[0.0, 1.0]", "[1. 1.5430...]"),
    "divide": (P.div, 2, "Divide; integers give floats.", "[1, 2]; 4", "[0.25 0.5 ]"),
    "equal": (P.equal, 2, "Tell where two arrays are equal.", "[1, 2]; 2", "[False True]"),
    "exp": (P.exp, 1, "Return e to the power of x.", "[0.0, 1.0]", "[1. 2.7182...]"),
    "exp2": (P.exp2, 1, "Return 2 to the power of x.", "[0.0, 3.0]", "[1. 8.]"),
    "expm1": (P.expm1, 1, "Return exp(x) - 1, accurately where x is small.", "[1e-6, 1.0]", "[1.0000005e-06 1.7182819e+00]"),
    "floor": (P.floor, 1, "Round down to whole numbers.", "[-1.5, 1.5]", "[-2. 1.]"),
    "floor_divide": (P.floor_divide, 2, "Divide and round down; integers by zero raise.", "[7, -7]; 2", "[ 3 -4]"),
    "fmod": (P.fmod, 2, "Return the remainder with the sign of x1.", "[5.0, -5.0]; 3.0", "[ 2. -2.]"),
    "gcd": (bits.gcd, 2, "Return the greatest common divisor of integers.", "[12, 9]; 6", "[6 3]"),
    "greater": (P.greater, 2, "Tell where x1 > x2.", "[1, 3]; 2", "[False True]"),
    "greater_equal": (P.greater_equal, 2, "Tell where x1 >= x2.", "[1, 2]; 2", "[False True]"),
    "hypot": (P.hypot, 2, "Return the length of the hypotenuse, without overflow.", "[3.0, 5.0]; [4.0, 12.0]", "[ 5. 13.]"),
    "i0": (bessel.i0, 1, "Return the modified Bessel function of the first kind, order 0.", "[0.0, 1.0]", "[1. 1.2660...]"),
    "imag": (P.imag, 1, "Return the imaginary part.", "[1 + 2j]", "[2.]"),
    "isfinite": (P.isfinite, 1, "Tell where numbers are neither infinite nor NaN.", "[1.0, float('inf')]", "[ True False]"),
    "isinf": (P.isinf, 1, "Tell where numbers are infinite.", "[1.0, float('inf')]", "[False True]"),
    "isnan": (P.isnan, 1, "Tell where there is NaN.", "[1.0, float('nan')]", "[False True]"),
    "less": (P.less, 2, "Tell where x1 < x2.", "[1, 3]; 2", "[ True False]"),
    "less_equal": (P.less_equal, 2, "Tell where x1 <= x2.", "[2, 3]; 2", "[ True False]"),
    "log": (P.log, 1, "Return the natural logarithm.", "[1.0, 2.0]", "[0. 0.6931...]"),
    "log10": (P.log10, 1, "Return the logarithm to base 10.", "[1.0, 10.0]", "[0. 1.]"),
    "log1p": (P.log1p, 1, "Return log(1 + x), accurately where x is small.", "[1e-6, 1.0]", "[9.999995e-07 6.931472e-01]"),
    "log2": (P.log2, 1, "Return the logarithm to base 2.", "[1.0, 8.0]", "[0. 3.]"),
    "logaddexp": (special.logaddexp, 2, "Return log(exp(x1) + exp(x2)), safely.", "[1000.0]; 1000.0", "[1000.6932]"),
    "logaddexp2": (special.logaddexp2, 2, "Return log2(2 ** x1 + 2 ** x2) without overflow.", "[1000.0]; 1000.0", "[1001.]"),
    "logical_and": (P.logical_and, 2, "Tell where both are nonzero.", "[0, 1]; [1, 2]", "[False True]"),
    "logical_not": (P.logical_not, 1, "Tell where there is zero.", "[0, 2]", "[ True False]"),
    "logical_or": (P.logical_or, 2, "Tell where one is nonzero.", "[0, 1]; [0, 2]", "[False True]"),
    "logical_xor": (P.logical_xor, 2, "Tell where exactly one is nonzero.", "[0, 1]; [1, 2]", "[ True False]"),
    "maximum": (P.maximum, 2, "Return the larger of two numbers; NaN if one is.", "[1.0, 3.0]; 2.0", "[2. 3.]"),
    "minimum": (P.minimum, 2, "Return the smaller of two numbers; NaN if one is.", "[1.0, 3.0]; 2.0", "[1. 2.]"),
    "multiply": (P.mul, 2, "Multiply.", "[1.0, 2.0]; 3.0", "[3. 6.]"),
    "negative": (P.neg, 1, "Change the sign.", "[1.0, -2.0]", "[-1. 2.]"),
    "nextafter": (bits.nextafter, 2, "Return the number next to x1 on the way to x2.", "[0.0]; 1.0", "[1.e-45]"),
    "not_equal": (P.not_equal, 2, "Tell where two arrays differ.", "[1, 2]; 2", "[ True False]"),
    "positive": (_positive, 1, "Return the argument.", "[1.0, -2.0]", "[ 1. -2.]"),
    "pow": (P.pow, 2, "Raise x1 to the power of x2; integers have no negative powers.", "[2.0, 3.0]; 2", "[4. 9.]"),
    "real": (P.real, 1, "Return the real part.", "[1 + 2j]", "[1.]"),
    "reciprocal": (P.reciprocal, 1, "Return 1 / x.", "[2.0, 4.0]", "[0.5 0.25]"),
    "remainder": (P.remainder, 2, "Return the remainder with the sign of x2.", "[5, -5]; 3", "[2 1]"),
    "rint": (P.rint, 1, "Round to the nearest whole numbers, halves to even ones.", "[0.5, 1.5]", "[0. 2.]"),
    "sign": (P.sgn, 1, "Return the sign, of a complex number the direction.", "[-2.0, 0.0, 3.0]", "[-1. 0. 1.]"),
    "signbit": (P.signbit, 1, "Tell where the sign bit is set, as it is in -0.0.", "[-0.0, 1.0]", "[ True False]"),
    "sin": (P.sin, 1, "Return the sine of angles in radians.", "[0.0, 1.0]", "[0. 0.8414...]"),
    "sinh": (P.sinh, 1, "Return the hyperbolic sine.", "[0.0, 1.0]", "[0. 1.1752...]"),
    "sqrt": (P.sqrt, 1, "Return the square root; NaN of negative numbers.", "[4.0, 9.0]", "[2. 3.]"),
    "square": (P.square, 1, "Return the square.", "[2.0, 3.0]", "[4. 9.]"),
    "subtract": (P.sub, 2, "Subtract.", "[1.0, 2.0]; 3", "[-2. -1.]"),
    "tan": (P.tan, 1, "Return the tangent of angles in radians.", "[0.0, 1.0]", "[0. 1.5574...]"),
    "tanh": (P.tanh, 1, "Return the hyperbolic tangent.", "[0.0, 1.0]", "[0. 0.7615...]"),
    "trunc": (P.trunc, 1, "Round to whole numbers toward zero.", "[-1.5, 1.5]", "[-1. 1.]"),
}
# fmt: on
# Several names for one function, as in NumPy and the Array API standard.
ALIASES: dict[str, str] = {
    "absolute": "abs",
    "arccos": "acos",
    "arccosh": "acosh",
    "arcsin": "asin",
    "arcsinh": "asinh",
    "arctan": "atan",
    "arctan2": "atan2",
    "arctanh": "atanh",
    "bitwise_not": "bitwise_invert",
    "invert": "bitwise_invert",
    "conjugate": "conj",
    "left_shift": "bitwise_left_shift",
    "power": "pow",
    "right_shift": "bitwise_right_shift",
    "true_divide": "divide",
    "mod": "remainder",
}  # fmt: skip


def _published(name: str, core: Function, count: int, summary: str, arguments: str, printed: str) -> Function:
    call = (_one if count == 1 else _two)(core)
    call.__name__ = call.__qualname__ = name
    call.__module__ = __name__
    call.__doc__ = f"{summary}\n\n    >>> print(mnp.{name}({spelled(arguments)}))\n    {printed}\n    "
    return call


def spelled(arguments: str) -> str:
    """Return the arguments of an example as code: lists stand for arrays, and `;` is between arguments.

    >>> spelled("[1, 2]; 3")
    'mnp.array([1, 2]), 3'
    """
    return ", ".join(f"mnp.array({a})" if a.startswith("[") else a for a in arguments.split("; "))


FUNCTIONS: dict[str, Function] = {name: _published(name, *row) for name, row in TABLE.items()}
FUNCTIONS |= {alias: FUNCTIONS[name] for alias, name in ALIASES.items()}
globals().update(FUNCTIONS)


# --------------------------------------------------------------------------- compositions


def angle(z: Any, deg: bool = False) -> Value:
    """Return the angle of complex numbers in radians, or in degrees; of reals 0 or pi.

    >>> mnp.angle(mnp.array([1j, -1.0 + 0j]), deg=True)
    Array([ 90., 180.], dtype=float32)
    """
    found = P.angle(array_of(z))
    return rad2deg(found) if deg else found


def cbrt(x: Any, /) -> Value:
    """Return the cube root, also of negative numbers; its derivative at 0 is infinite.

    >>> mnp.cbrt(mnp.array([-8.0, 27.0]))
    Array([-2.       ,  2.9999998], dtype=float32)
    """
    x = inexact(x)
    if x.dtype in dtypes.COMPLEX:
        raise DTypeError(f"cbrt: has no meaning for complex numbers, got {aval_of(x)}; use x ** (1 / 3)")
    return special.cube_root(x)


def clip(arr: Any, /, min: Any = None, max: Any = None) -> Value:
    """Limit numbers to [min, max]; either may be None. The dtype is the array's, for bounds that are numbers.

    >>> mnp.clip(mnp.array([-2.0, 0.5, 2.0]), -1, 1)
    Array([-1. ,  0.5,  1. ], dtype=float32)
    """
    arr = array_of(arr)
    if min is None and max is None:
        return arr
    return P.clip(arr, *(None if bound is None else operand(bound) for bound in (min, max)))


def deg2rad(x: Any, /) -> Value:
    """Turn degrees into radians.

    >>> mnp.deg2rad(mnp.array([0.0, 180.0]))
    Array([0.       , 3.1415927], dtype=float32)
    """
    return P.mul(inexact(x), math.pi / 180)


def rad2deg(x: Any, /) -> Value:
    """Turn radians into degrees.

    >>> mnp.rad2deg(mnp.array([0.0, mnp.pi]))
    Array([  0., 180.], dtype=float32)
    """
    return P.mul(inexact(x), 180 / math.pi)


def divmod(x1: Any, x2: Any, /) -> tuple[Value, Value]:
    """Return the quotient rounded down, and the remainder with the sign of x2.

    >>> mnp.divmod(mnp.array([7, -7]), 3)
    (Array([ 2, -3], dtype=int64), Array([1, 2], dtype=int64))
    """
    x1, x2 = operand(x1), operand(x2)
    return P.floor_divide(x1, x2), P.remainder(x1, x2)


def fabs(x: Any, /) -> Value:
    """Return the magnitude of reals as floats.

    >>> mnp.fabs(mnp.array([-1, 2]))
    Array([1., 2.], dtype=float32)
    """
    return P.abs(real_numbers("fabs", inexact(x)))


def real_numbers(name: str, x: Value) -> Value:
    """Return the operand, or raise a DTypeError if it is complex."""
    if x.dtype in dtypes.COMPLEX:
        raise DTypeError(f"{name}: has no meaning for complex numbers, got {aval_of(x)}; take .real or abs(x) first")
    return x


def float_power(x: Any, y: Any, /) -> Value:
    """Raise to a power, in floats.

    >>> mnp.float_power(mnp.array([1, 2]), -1)
    Array([1. , 0.5], dtype=float32)
    """
    return P.pow(*together(x, y, floats=True))


def fmax(x1: Any, x2: Any, /) -> Value:
    """Return the larger of two numbers, the other one where one is NaN.

    >>> mnp.fmax(mnp.array([1.0, float("nan")]), 0.0)
    Array([1., 0.], dtype=float32)
    """
    x1, x2 = together(x1, x2)
    return P.where(P.isnan(x1), x2, P.where(P.isnan(x2), x1, P.maximum(x1, x2)))


def fmin(x1: Any, x2: Any, /) -> Value:
    """Return the smaller of two numbers, the other one where one is NaN.

    >>> mnp.fmin(mnp.array([1.0, float("nan")]), 0.0)
    Array([0., 0.], dtype=float32)
    """
    x1, x2 = together(x1, x2)
    return P.where(P.isnan(x1), x2, P.where(P.isnan(x2), x1, P.minimum(x1, x2)))


def heaviside(x1: Any, x2: Any, /) -> Value:
    """Return 0 for negative x1, x2 for 0 and 1 for positive ones.

    >>> mnp.heaviside(mnp.array([-1.0, 0.0, 2.0]), 0.5)
    Array([0. , 0.5, 1. ], dtype=float32)
    """
    x1, x2 = together(x1, x2, floats=True)
    step = P.where(P.equal(x1, 0), x2, P.where(P.less(x1, 0), 0.0, 1.0))
    return P.where(P.isnan(x1), x1, cast(step, x1.dtype))


def iscomplex(x: Any) -> Value:
    """Tell where the imaginary part is not 0.

    >>> mnp.iscomplex(mnp.array([1j, 1.0 + 0j]))
    Array([ True, False], dtype=bool)
    """
    x = array_of(x)
    return P.not_equal(P.imag(x) if x.dtype in dtypes.COMPLEX else zeros_like(x), 0)


def isreal(x: Any) -> Value:
    """Tell where the imaginary part is 0.

    >>> mnp.isreal(mnp.array([1j, 1.0 + 0j]))
    Array([False,  True], dtype=bool)
    """
    return P.logical_not(iscomplex(x))


def isneginf(x: Any, /) -> Value:
    """Tell where there is minus infinity.

    >>> mnp.isneginf(mnp.array([-float("inf"), float("inf")]))
    Array([ True, False], dtype=bool)
    """
    x = real_numbers("isneginf", array_of(x))
    return P.logical_and(P.isinf(x), P.less(x, 0))


def isposinf(x: Any, /) -> Value:
    """Tell where there is infinity.

    >>> mnp.isposinf(mnp.array([-float("inf"), float("inf")]))
    Array([False,  True], dtype=bool)
    """
    x = real_numbers("isposinf", array_of(x))
    return P.logical_and(P.isinf(x), P.greater(x, 0))


def lcm(x1: Any, x2: Any, /) -> Value:
    """Return the least common multiple of integers.

    >>> mnp.lcm(mnp.array([4, 6]), 10)
    Array([20, 30], dtype=int64)
    """
    x1, x2 = together(x1, x2)
    divisor = bits.gcd(x1, x2)
    return P.abs(P.mul(P.floor_divide(x1, P.where(P.equal(divisor, 0), 1, divisor)), x2))


def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Value:
    """Replace NaN by a number (0), and infinities by numbers (the largest there are).

    >>> mnp.nan_to_num(mnp.array([float("nan"), 1.0]), nan=-1.0)
    Array([-1.,  1.], dtype=float32)
    """
    x = array_of(x)
    if x.dtype not in dtypes.INEXACT:
        return x
    if x.dtype in dtypes.COMPLEX:
        parts = (nan_to_num(part, copy, nan, posinf, neginf) for part in (P.real(x), P.imag(x)))
        return complex_of(*parts)
    limits = finfo(x.dtype)
    x = P.where(P.isnan(x), nan, x)
    x = P.where(isposinf(x), limits.max if posinf is None else posinf, x)
    return P.where(isneginf(x), limits.min if neginf is None else neginf, x)


def complex_of(re: Value, im: Value) -> Value:
    """Make complex numbers of real and imaginary parts."""
    return P.add(cast(re, dtypes.complex_of(re.dtype)), P.mul(im, 1j))


def sinc(x: Any, /) -> Value:
    """Return `sin(pi x) / (pi x)`, 1 at 0, with all derivatives.

    >>> mnp.sinc(mnp.array([0.0, 0.5]))
    Array([1.        , 0.63661975], dtype=float32)
    """
    z = P.mul(inexact(x), math.pi)
    near = P.less(P.abs(z), _SERIES_BELOW)
    square = P.square(P.where(near, z, 0.0))
    series: Value = 0.0
    for coefficient in reversed(_SINC):
        series = P.add(P.mul(square, series), coefficient)
    far = P.where(near, 1.0, z)
    return P.where(near, series, P.div(P.sin(far), far))


# Below a third, eight terms of the series leave less than one rounding of float64, in the second derivative too.
_SERIES_BELOW = 0.35
_SINC = [(-1.0) ** k / math.factorial(2 * k + 1) for k in range(9)]


__all__ = [
    *FUNCTIONS,
    "angle", "cbrt", "clip", "deg2rad", "divmod", "fabs", "float_power", "fmax", "fmin", "heaviside",
    "iscomplex", "isneginf", "isposinf", "isreal", "lcm", "nan_to_num", "rad2deg", "sinc",
]  # fmt: skip
