"""Pointwise functions under the names of jax.lax, made from a table of the core's operations.

They promote and broadcast as all functions here do, where jax.lax asks for equal shapes and dtypes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..core import dtypes
from ..core.ops import bits, pointwise, special
from ..core.ops.families import as_array
from ..core.tracer import Value, aval_of

Function = Callable[..., Any]


class Row(NamedTuple):
    """A function: its name, the operation, what it computes, and an example with its result."""

    name: str
    function: Function
    text: str
    example: str
    result: str


def _f(number: str) -> str:
    return f"Array({number}, dtype=float32)"


def _i(number: str) -> str:
    return f"Array({number}, dtype=int64)"


def _b(value: bool) -> str:
    return f"Array({value}, dtype=bool)"


# fmt: off
UNARY = (
    Row("abs", pointwise.abs, "the absolute value", "-2.0", _f("2.")),
    Row("neg", pointwise.neg, "the negative", "2.0", _f("-2.")),
    Row("sign", pointwise.sign, "-1, 0 or 1, by sign", "-2.0", _f("-1.")),
    Row("exp", pointwise.exp, "e to the power of x", "0.0", _f("1.")),
    Row("exp2", pointwise.exp2, "2 to the power of x", "3.0", _f("8.")),
    Row("expm1", pointwise.expm1, "e to the power of x, minus 1, exact near 0", "0.0", _f("0.")),
    Row("log", pointwise.log, "the natural logarithm", "1.0", _f("0.")),
    Row("log1p", pointwise.log1p, "the natural logarithm of 1 + x, exact near 0", "0.0", _f("0.")),
    Row("sin", pointwise.sin, "the sine", "0.0", _f("0.")),
    Row("cos", pointwise.cos, "the cosine", "0.0", _f("1.")),
    Row("tan", pointwise.tan, "the tangent", "0.0", _f("0.")),
    Row("asin", pointwise.asin, "the inverse sine", "0.0", _f("0.")),
    Row("acos", pointwise.acos, "the inverse cosine", "1.0", _f("0.")),
    Row("atan", pointwise.atan, "the inverse tangent", "0.0", _f("0.")),
    Row("sinh", pointwise.sinh, "the hyperbolic sine", "0.0", _f("0.")),
    Row("cosh", pointwise.cosh, "the hyperbolic cosine", "0.0", _f("1.")),
    Row("tanh", pointwise.tanh, "the hyperbolic tangent", "0.0", _f("0.")),
    Row("asinh", pointwise.asinh, "the inverse hyperbolic sine", "0.0", _f("0.")),
    Row("acosh", pointwise.acosh, "the inverse hyperbolic cosine", "1.0", _f("0.")),
    Row("atanh", pointwise.atanh, "the inverse hyperbolic tangent", "0.0", _f("0.")),
    Row("sqrt", pointwise.sqrt, "the square root", "4.0", _f("2.")),
    Row("rsqrt", pointwise.rsqrt, "one over the square root", "4.0", _f("0.5")),
    Row("square", pointwise.square, "x * x", "3.0", _f("9.")),
    Row("reciprocal", pointwise.reciprocal, "1 / x", "4.0", _f("0.25")),
    Row("floor", pointwise.floor, "the largest whole number that is not greater", "1.5", _f("1.")),
    Row("ceil", pointwise.ceil, "the smallest whole number that is not less", "1.5", _f("2.")),
    Row("erf", special.erf, "the error function", "0.0", _f("0.")),
    Row("erfc", special.erfc, "1 minus the error function, exact far out", "0.0", _f("1.")),
    Row("erf_inv", special.erfinv, "the inverse error function", "0.0", _f("0.")),
    Row("lgamma", special.lgamma, "the logarithm of the absolute gamma function", "1.0", _f("0.")),
    Row("digamma", special.digamma, "the derivative of lgamma", "1.0", _f("-0.5772157")),
    Row("logistic", special.sigmoid, "1 / (1 + exp(-x))", "0.0", _f("0.5")),
    Row("is_finite", pointwise.isfinite, "whether x is neither infinite nor NaN", "1.0", _b(True)),
    Row("bitwise_not", pointwise.bitwise_not, "all bits of an integer turned, or the negation of a bool", "1", _i("-2")),
    Row("real", pointwise.real, "the real part", "1.0", _f("1.")),
    Row("imag", pointwise.imag, "the imaginary part", "2j", _f("2.")),
    Row("conj", pointwise.conj, "the complex conjugate", "2j", "Array(0.-2.j, dtype=complex64)"),
)
BINARY = (
    Row("add", pointwise.add, "x + y", "1.0, 2.0", _f("3.")),
    Row("sub", pointwise.sub, "x - y", "1.0, 2.0", _f("-1.")),
    Row("mul", pointwise.mul, "x * y", "3.0, 2.0", _f("6.")),
    Row("pow", pointwise.pow, "x to the power of y", "3.0, 2.0", _f("9.")),
    Row("atan2", pointwise.atan2, "the angle of the point (y, x), given in this order", "0.0, 1.0", _f("0.")),
    Row("max", pointwise.maximum, "the larger of x and y; NaN if one is", "1.0, 2.0", _f("2.")),
    Row("min", pointwise.minimum, "the smaller of x and y; NaN if one is", "1.0, 2.0", _f("1.")),
    Row("nextafter", bits.nextafter, "the number next to x on the way to y", "0.0, 1.0", _f("1.e-45")),
    Row("eq", pointwise.equal, "whether x equals y", "1.0, 2.0", _b(False)),
    Row("ne", pointwise.not_equal, "whether x differs from y", "1.0, 2.0", _b(True)),
    Row("lt", pointwise.less, "whether x is less than y", "1.0, 2.0", _b(True)),
    Row("le", pointwise.less_equal, "whether x is less than y or equal", "1.0, 2.0", _b(True)),
    Row("gt", pointwise.greater, "whether x is greater than y", "1.0, 2.0", _b(False)),
    Row("ge", pointwise.greater_equal, "whether x is greater than y or equal", "1.0, 2.0", _b(False)),
    Row("bitwise_and", pointwise.bitwise_and, "the bits that both have", "6, 3", _i("2")),
    Row("bitwise_or", pointwise.bitwise_or, "the bits that either has", "6, 3", _i("7")),
    Row("bitwise_xor", pointwise.bitwise_xor, "the bits that one of both has", "6, 3", _i("5")),
    Row("shift_left", pointwise.left_shift, "the bits of x moved up by y places", "3, 2", _i("12")),
    Row("shift_right_arithmetic", pointwise.right_shift, "the bits of x moved down by y places, with its sign", "-12, 2",
        _i("-3")),
)
# fmt: on


def _unary(row: Row) -> Function:
    function = row.function

    def call(x: Any) -> Any:
        return function(as_array(x))

    return _named(call, row)


def _binary(row: Row) -> Function:
    function = row.function

    def call(x: Any, y: Any) -> Any:
        return function(x, y)

    return _named(call, row)


def _named(call: Any, row: Row) -> Function:
    call.__name__ = call.__qualname__ = row.name
    call.__doc__ = (
        f"Return {row.text}, element by element.\n\n"
        f"    >>> from minitorch import lax\n    >>> lax.{row.name}({row.example})\n    {row.result}\n    "
    )
    return call  # type: ignore[no-any-return]


globals().update({row.name: _unary(row) for row in UNARY}, **{row.name: _binary(row) for row in BINARY})


def div(x: Any, y: Any) -> Value:
    """Return x / y; of integers, the quotient rounded toward zero.

    >>> from minitorch import lax
    >>> lax.div(1.0, 4.0), lax.div(-7, 2)
    (Array(0.25, dtype=float32), Array(-3, dtype=int64))
    """
    if _are_integers(x, y):
        quotient = pointwise.floor_divide(x, y)
        short = pointwise.logical_and(pointwise.less(quotient, 0), pointwise.not_equal(pointwise.mul(quotient, y), x))
        return pointwise.add(quotient, pointwise.where(short, 1, 0))
    return pointwise.div(x, y)


def rem(x: Any, y: Any) -> Value:
    """Return the remainder of x / y, with the sign of x.

    >>> from minitorch import lax
    >>> lax.rem(-7, 2), lax.rem(7.5, -2.0)
    (Array(-1, dtype=int64), Array(1.5, dtype=float32))
    """
    return pointwise.fmod(x, y)


def _are_integers(*values: Any) -> bool:
    return all(dtypes.rank(aval_of(as_array(x)).dtype) == 1 for x in values)


def integer_pow(x: Any, y: int) -> Value:
    """Return x to the power of a Python integer.

    >>> from minitorch import lax
    >>> lax.integer_pow(2.0, -1)
    Array(0.5, dtype=float32)
    """
    return pointwise.pow(as_array(x), y)


class RoundingMethod:
    """How `round` decides halves: `AWAY_FROM_ZERO` or `TO_NEAREST_EVEN`.

    >>> round(0.5, RoundingMethod.TO_NEAREST_EVEN).item()
    0.0
    """

    AWAY_FROM_ZERO = 0
    TO_NEAREST_EVEN = 1


def round(x: Any, rounding_method: int = RoundingMethod.AWAY_FROM_ZERO) -> Value:
    """Return the nearest whole number; halves go away from zero, or to the even neighbor.

    >>> from minitorch import lax
    >>> lax.round(2.5), lax.round(2.5, lax.RoundingMethod.TO_NEAREST_EVEN)
    (Array(3., dtype=float32), Array(2., dtype=float32))
    """
    x = as_array(x)
    even = pointwise.rint(x)
    if rounding_method == RoundingMethod.TO_NEAREST_EVEN:
        return even
    whole = pointwise.trunc(x)
    is_half = pointwise.equal(pointwise.abs(pointwise.sub(x, whole)), 0.5)
    return pointwise.where(is_half, pointwise.add(whole, pointwise.sign(x)), even)


def clamp(min: Any, x: Any, max: Any) -> Value:
    """Return x moved into the range from `min` to `max`.

    >>> from minitorch import lax
    >>> lax.clamp(0.0, 1.5, 1.0)
    Array(1., dtype=float32)
    """
    return pointwise.minimum(pointwise.maximum(x, min), max)


def select(pred: Any, on_true: Any, on_false: Any) -> Value:
    """Return, element by element, `on_true` where `pred` holds and `on_false` elsewhere.

    >>> from minitorch import lax
    >>> lax.select(True, 1.0, 2.0)
    Array(1., dtype=float32)
    """
    return pointwise.where(as_array(pred), as_array(on_true), as_array(on_false))


def select_n(which: Any, *cases: Any) -> Value:
    """Return, element by element, the case whose number `which` says; a bool chooses between two.

    >>> from minitorch import lax
    >>> lax.select_n(2, 10.0, 20.0, 30.0)
    Array(30., dtype=float32)
    """
    which = as_array(which)
    out = as_array(cases[0])
    for k, case in enumerate(cases[1:], 1):
        out = pointwise.where(pointwise.greater_equal(which, k), as_array(case), out)
    return out


__all__ = [row.name for row in (*UNARY, *BINARY)]
__all__ += ["RoundingMethod", "clamp", "div", "integer_pow", "rem", "round", "select", "select_n"]
