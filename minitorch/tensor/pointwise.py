"""Pointwise functions under PyTorch's names."""

from __future__ import annotations

import math
from operator import index as as_int
from typing import Any, NamedTuple

from ..core import dtypes
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.ops import bits, special
from ..core.ops import pointwise as core
from ..core.ops.families import as_array
from ..core.ops.indexing import nonzero
from ..core.ops.reductions import all as core_all
from ..core.ops.shaping import cast, reshape
from ..core.tracer import Tracer, aval_of
from .handle import Tensor
from .table import Table, binary, ternary, unary
from .types import finfo

UNARY = {
    name: unary(getattr(core, name))
    for name in (
        *("neg", "square", "reciprocal", "sqrt", "rsqrt", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p"),
        *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "relu"),
        *("floor", "ceil", "trunc", "frac", "sign", "abs", "angle", "isnan", "isinf", "isfinite", "signbit"),
        *("logical_not", "bitwise_not"),
    )
} | {name: unary(getattr(special, name)) for name in ("sigmoid", "erf", "erfc", "erfinv", "lgamma", "digamma")}

_add, _sub, _mul, _div = (binary(f) for f in (core.add, core.sub, core.mul, core.div))
_floor_divide, _trunc = binary(core.floor_divide), UNARY["trunc"]

BINARY = {
    "mul": _mul,
    "floor_divide": _floor_divide,
    "eq": binary(core.equal),
    "ne": binary(core.not_equal),
    "lt": binary(core.less),
    "le": binary(core.less_equal),
    "gt": binary(core.greater),
    "ge": binary(core.greater_equal),
    "logaddexp": binary(special.logaddexp),
    "logaddexp2": binary(special.logaddexp2),
    "xlogy": binary(special.xlogy),
    "bitwise_left_shift": binary(core.left_shift),
    "bitwise_right_shift": binary(core.right_shift),
} | {
    name: binary(getattr(core, name))
    for name in (
        *("remainder", "fmod", "pow", "maximum", "minimum", "hypot", "atan2", "copysign"),
        *("logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor"),
    )
}

_ROUNDED = {
    None: _div,
    "floor": _floor_divide,
    "trunc": lambda x, y: _whole_quotient(x, y),
}


def _whole_quotient(x: Any, y: Any) -> Any:
    """Divide and round toward zero, in the dtype of the operands: integers stay integers, exactly."""
    if dtypes.is_inexact(as_array(x).dtype) or dtypes.is_inexact(as_array(y).dtype):
        return _trunc(core.div(x, y))
    return core.floor_divide(core.sub(x, core.fmod(x, y)), y)


def _divide(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """Divide; `rounding_mode` None gives floats, "trunc" rounds toward zero, "floor" downwards.

    >>> mt.div(mt.tensor([7, -7]), 2)
    tensor([ 3.5000, -3.5000])
    >>> mt.div(mt.tensor([7, -7]), 2, rounding_mode="trunc")
    tensor([ 3, -3])
    >>> mt.div(mt.tensor([7, -7]), 2, rounding_mode="floor")
    tensor([ 3, -4])
    """
    if rounding_mode not in _ROUNDED:
        raise ArgumentError(f"div: rounding_mode must be None, 'trunc' or 'floor', got {rounding_mode!r}")
    return _ROUNDED[rounding_mode](input, other)


def _scaled(other: Any, alpha: Any) -> Any:
    return other if alpha == 1 else core.mul(other, alpha)


choose = ternary(core.where)


def _where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """Choose `input` where the condition holds and `other` elsewhere; alone, return the indices where it holds.

    >>> x = mt.tensor([1.0, -2.0])
    >>> mt.where(x > 0, x, 0.0)
    tensor([1., 0.])
    >>> mt.where(x > 0)
    (tensor([0]),)
    """
    return nonzero(condition) if input is None and other is None else choose(condition, input, other)


_limited, _interpolated = ternary(core.clip_p), ternary(core.lerp)


def _clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    if (min is max is None) or not isinstance(input, Tensor) or not dtypes.is_inexact(input.value.dtype):
        return core.clip(input, min, max)
    return _limited(input, -math.inf if min is None else min, math.inf if max is None else max)


def _isclose(input: Any, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """Tell which elements differ by at most `atol + rtol * abs(other)`.

    >>> mt.isclose(mt.tensor([1.0, 2.0, mt.nan]), mt.tensor([1.0 + 1e-7, 2.1, mt.nan]))
    tensor([ True, False, False])
    >>> mt.isclose(mt.tensor([mt.nan]), mt.tensor([mt.nan]), equal_nan=True)
    tensor([True])
    """
    if rtol < 0 or atol < 0:
        raise ArgumentError(f"isclose: rtol and atol must not be negative, got {rtol} and {atol}")
    if as_array(input).dtype == dtypes.bool_ == as_array(other).dtype:
        return core.equal(input, other)
    allowed = core.add(core.mul(core.abs(other), rtol), atol)
    near = core.logical_and(core.less_equal(core.abs(core.sub(input, other)), allowed), core.isfinite(other))
    close = core.logical_or(core.equal(input, other), near)
    return core.logical_or(close, core.logical_and(core.isnan(input), core.isnan(other))) if equal_nan else close


def _allclose(input: Any, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Return whether all elements are close, as `isclose` says.

    >>> mt.allclose(mt.tensor([1.0, 2.0]), mt.tensor([1.0, 2.1]))
    False
    >>> mt.allclose(mt.tensor([1.0, 2.0]), mt.tensor([1.0, 2.1]), atol=0.2)
    True
    """
    return bool(core_all(_isclose(input, other, rtol, atol, equal_nan)))


def _equal(input: Any, other: Any) -> bool:
    """Return whether two tensors have the same shape and elements.

    >>> mt.equal(mt.tensor([1, 2]), mt.tensor([1, 2]))
    True
    >>> mt.equal(mt.tensor([1, 1]), mt.tensor([1]))
    False
    """
    x, y = as_array(input), as_array(other)
    return x.shape == y.shape and bool(core_all(core.equal(x, y)))


def _limit(number: Any, x: Any) -> Any:
    return cast(number, x.dtype) if isinstance(number, Tracer) else float(number)


def _nan_to_num(input: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    """Replace NaN and infinities by finite numbers; by default 0 and the extremes of the dtype.

    >>> mt.nan_to_num(mt.tensor([mt.nan, mt.inf, 1.0]), posinf=9.0)
    tensor([0., 9., 1.])
    """
    x = as_array(input)
    if not dtypes.is_inexact(x.dtype):
        return x
    limits = finfo(x.dtype)
    high = limits.max if posinf is None else posinf
    low = limits.min if neginf is None else neginf
    infinite, positive = core.isinf(x), core.greater(x, 0)
    x = core.where(core.logical_and(infinite, positive), _limit(high, x), x)
    x = core.where(core.logical_and(infinite, core.logical_not(positive)), _limit(low, x), x)
    return core.where(core.isnan(x), nan, x)


def _heaviside(input: Any, values: Any) -> Any:
    """Return 0 for negative numbers, 1 for positive ones, and `values` at 0.

    >>> mt.heaviside(mt.tensor([-2.0, 0.0, 3.0]), mt.tensor(0.5))
    tensor([0.0000, 0.5000, 1.0000])
    """
    x = as_array(input)
    return core.where(core.equal(x, 0), values, cast(core.greater(x, 0), x.dtype))


def _logit(input: Any, eps: float | None = None) -> Any:
    """Compute `log(x / (1 - x))`; with `eps`, of x limited to [eps, 1 - eps].

    >>> mt.logit(mt.tensor([0.5, 0.75, 1.0]))
    tensor([0.0000, 1.0986,    inf])
    >>> mt.logit(mt.tensor([1.0]), eps=0.25)
    tensor([1.0986])
    """
    x = cast(input, dtypes.floating(as_array(input).dtype))
    x = x if eps is None else core.clip(x, eps, 1 - eps)
    return core.log(core.div(x, core.sub(1.0, x)))


def _sinc(input: Any) -> Any:
    """Compute `sin(pi x) / (pi x)`, 1 at 0.

    >>> mt.sinc(mt.tensor([0.0, 0.5, 1.5]))
    tensor([ 1.0000,  0.6366, -0.2122])
    """
    zero = core.equal(input, 0)
    x = core.mul(core.where(zero, 1, input), math.pi)
    return core.where(zero, 1, core.div(core.sin(x), x))


def _float_power(input: Any, exponent: Any) -> Any:
    """Raise to a power in double precision.

    >>> mt.float_power(mt.tensor([2, 3]), -1)
    tensor([0.5000, 0.3333], dtype=float64)
    """
    return core.pow(*(x if isinstance(x, (int, float)) else _double(x) for x in (input, exponent)))


def _double(x: Any) -> Any:
    return cast(x, dtypes.complex128 if dtypes.is_complex(as_array(x).dtype) else dtypes.float64)


def _ignoring_nan(extreme: Any) -> Any:
    def call(input: Any, other: Any) -> Any:
        x, y = as_array(input), as_array(other)
        return core.where(core.isnan(x), y, core.where(core.isnan(y), x, extreme(x, y)))

    return call


def _conj(input: Any) -> Any:
    """Return the complex conjugate, the tensor itself when it is real.

    >>> mt.conj(mt.tensor([1 + 2j]))
    tensor([1.-2.j])
    """
    x = as_array(input)
    return core.conj(x) if dtypes.is_complex(x.dtype) else x


class Parts(NamedTuple):
    """Fractions from 0.5 to 1, and powers of 2."""

    mantissa: Any
    exponent: Any


def _ldexp(input: Any, other: Any) -> Any:
    """Compute `input * 2 ** other`.

    >>> mt.ldexp(mt.tensor([1.0, 3.0]), mt.tensor([4, -1]))
    tensor([16.0000,  1.5000])
    """
    x, y = as_array(input), as_array(other)
    kind = dtypes.floating(x.dtype)
    return core.mul(x, core.pow(2.0, cast(y, dtypes.promote(kind, y.dtype) if dtypes.is_complex(y.dtype) else kind)))


def _lcm(input: Any, other: Any) -> Any:
    """Compute the least common multiple of integers; 0 where one of them is 0.

    >>> mt.lcm(mt.tensor([4, 6, 0]), mt.tensor([6, 9, 5]))
    tensor([12, 18,  0])
    """
    divisor = bits.gcd(input, other)
    safe = core.where(core.equal(divisor, 0), 1, divisor)
    return core.abs(core.mul(core.floor_divide(input, cast(safe, divisor.dtype)), other))


def _polar(abs: Any, angle: Any) -> Any:
    """Make complex numbers of their absolute values and angles.

    >>> mt.polar(mt.tensor([3.0, 5.0]), mt.tensor([0.0, 0.927295]))
    tensor([3.0000+0.0000j, 3.0000+4.0000j])
    """
    if as_array(abs).dtype != as_array(angle).dtype or as_array(abs).dtype not in (dtypes.float32, dtypes.float64):
        given = f"{aval_of(as_array(abs))} and {aval_of(as_array(angle))}"
        raise DTypeError(f"polar: abs and angle must both be float32 or float64, got {given}; cast them")
    return core.joined(core.mul(abs, core.cos(angle)), core.mul(abs, core.sin(angle)))


def prelu(input: Any, weight: Any) -> Any:
    """Return x where it is positive, else x times a weight, one for all or one for each channel.

    >>> mt.prelu(mt.tensor([[-1.0, -1.0], [2.0, 2.0]]), mt.tensor([0.25, 0.5]))
    tensor([[-0.2500, -0.5000],
            [ 2.0000,  2.0000]])
    """
    x, w = as_array(input), as_array(weight)
    channels = x.shape[1] if x.ndim > 1 else 1
    if w.ndim > 1 or w.size not in (1, channels):
        raise ShapeError(
            f"prelu: Mismatch of parameter numbers and input channel size: weight {aval_of(w)} for {channels} channels of "
            f"{aval_of(x)}; give one weight, or one for each channel"
        )
    scale = reshape(w, () if w.size == 1 else (channels,) + (1,) * (x.ndim - 2))
    return core.where(core.greater(x, 0), x, core.mul(x, scale))


def _hardshrink(input: Any, lambd: float = 0.5) -> Any:
    """Return x where its absolute value is over `lambd`, else 0.

    >>> mt.hardshrink(mt.tensor([-1.0, 0.3, 0.5, 2.0]))
    tensor([-1.,  0.,  0.,  2.])
    """
    inside = core.logical_and(core.greater_equal(input, -lambd), core.less_equal(input, lambd))
    return core.where(inside, 0, input)


# fmt: off
OTHER: Table = {
    "add": lambda input, other, *, alpha=1: _add(input, _scaled(other, alpha)),
    "sub": lambda input, other, *, alpha=1: _sub(input, _scaled(other, alpha)),
    "rsub": lambda input, other, *, alpha=1: core.sub(other, _scaled(input, alpha)),
    "div": _divide,
    "positive": lambda input: as_array(input),
    "conj": _conj,
    "sgn": lambda input: core.sgn(input),
    "round": lambda input, *, decimals=0: core.round(input, as_int(decimals)),
    "clamp": _clamp,
    "clamp_min": lambda input, min: _clamp(input, min),
    "clamp_max": lambda input, max: _clamp(input, None, max),
    "fmax": _ignoring_nan(core.maximum),
    "fmin": _ignoring_nan(core.minimum),
    "lerp": lambda input, end, weight: _interpolated(input, end, weight),
    "addcmul": lambda input, tensor1, tensor2, *, value=1: core.add(input, _scaled(core.mul(tensor1, tensor2), value)),
    "addcdiv": lambda input, tensor1, tensor2, *, value=1: core.add(input, _scaled(core.div(tensor1, tensor2), value)),
    "isclose": _isclose,
    "allclose": _allclose,
    "equal": _equal,
    "nan_to_num": _nan_to_num,
    "isposinf": lambda input: core.logical_and(core.isinf(input), core.greater(input, 0)),
    "isneginf": lambda input: core.logical_and(core.isinf(input), core.less(input, 0)),
    "isreal": lambda input: core.equal(core.imag(input), 0),
    "heaviside": _heaviside,
    "logit": _logit,
    "sinc": _sinc,
    "deg2rad": lambda input: core.mul(input, math.pi / 180),
    "rad2deg": lambda input: core.mul(input, 180 / math.pi),
    "float_power": _float_power,
    "gcd": lambda input, other: bits.gcd(input, other),
    "lcm": _lcm,
    "nextafter": lambda input, other: bits.nextafter(input, other),
    "ldexp": _ldexp,
    "frexp": lambda input: Parts(*bits.frexp(input)),
    "hardshrink": _hardshrink,
    "resolve_conj": lambda input: as_array(input),
    "resolve_neg": lambda input: as_array(input),
    "is_conj": lambda input: False,
    "is_neg": lambda input: False,
}
ALIASES = {
    "absolute": "abs", "negative": "neg", "multiply": "mul", "subtract": "sub", "divide": "div", "true_divide": "div",
    "greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le", "not_equal": "ne", "fix": "trunc",
    "clip": "clamp", "arctan2": "atan2", "conj_physical": "conj",
    **{f"arc{f}": f"a{f}" for f in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
}
# fmt: on
BOTH: Table = UNARY | BINARY | OTHER
FUNCTIONS: Table = {
    "polar": _polar,
    "where": _where,
    "polygamma": lambda n, input: special.polygamma(n, input),
    "softplus": lambda input: special.softplus(input),
    "silu": lambda input: special.silu(input),
    "gelu": lambda input, approximate="none": special.gelu(input, approximate),
}
METHODS: Table = {
    "where": lambda self, condition, other: choose(condition, self, other),
    "polygamma": lambda self, n: special.polygamma(n, self),
    "prelu": prelu,
}
