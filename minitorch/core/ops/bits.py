"""The bits of numbers: reinterpretation, neighbors, exponents, common divisors.

Nothing here but `ldexp` has a derivative.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..aval import Aval
from ..errors import DTypeError, ShapeError
from ..primitive import NO_DERIVATIVE
from ..tracer import Value, aval_of
from .families import ALIGNED, LEADING, as_array, as_value, broadcast_shapes, custom
from .pointwise import mul
from .shaping import cast


def _viewed(x: Aval, *, dtype: dtypes.DType) -> Aval:
    have, wanted = x.dtype.itemsize, dtype.itemsize
    if have == wanted:
        return x._replace(dtype=dtype, weak=False)
    if not x.ndim or x.shape[-1] * have % wanted:
        raise ShapeError(
            f"view: the last axis of {x} does not hold a whole number of {dtypes.name(dtype)}; cast with .astype(...)"
        )
    return x._replace(shape=(*x.shape[:-1], x.shape[-1] * have // wanted), dtype=dtype, weak=False)


def _view_impl(x: Any, *, dtype: dtypes.DType) -> Any:
    return (x if x.dtype.itemsize == dtype.itemsize else np.ascontiguousarray(x)).view(dtype)


bitcast_p: Any = custom("bitcast", _view_impl, abstract=_viewed, vjp=NO_DERIVATIVE, jvp=NO_DERIVATIVE, batch=LEADING)


def bitcast(x: Value, dtype: Any = None) -> Value:
    """Read the same bits as another dtype; one of another width changes the length of the last axis.

    >>> bitcast(np.array([1.0], "f4"), "int32")
    Array([1065353216], dtype=int32)
    """
    x = as_array(x)
    wanted = x.dtype if dtype is None else dtypes.canonical(dtype)
    if dtypes.bool_ in (wanted, x.dtype) and wanted != x.dtype:
        raise DTypeError(f"view: bools have no bits of their own, got {aval_of(x)} as {dtypes.name(wanted)}; cast them")
    return x if wanted == x.dtype else bitcast_p(x, dtype=wanted)


def _same_kind(name: str, x: Value, y: Value) -> tuple[Value, Value]:
    x, y = as_value(x), as_value(y)
    dtype = dtypes.promote(*(type(v) if type(v) in dtypes.SCALARS else v.dtype for v in (x, y)))
    return cast(x, dtype), cast(y, dtype)


def _pair(name: str) -> Any:
    return lambda x, y: Aval(broadcast_shapes(name, x, y), x.dtype, x.device)


nextafter_p: Any = custom(
    "nextafter",
    lambda x, y: np.nextafter(x, y),
    abstract=_pair("nextafter"),
    vjp=NO_DERIVATIVE,
    jvp=NO_DERIVATIVE,
    batch=ALIGNED,
)


def nextafter(x: Value, y: Value) -> Value:
    """Return the number next to `x` on the way to `y`. Takes real floats; has no derivative.

    >>> bool(nextafter(1.0, 2.0) > 1.0)
    True
    """
    x, y = _same_kind("nextafter", x, y)
    if dtypes.rank(x.dtype) < 2:
        x, y = cast(x, float), cast(y, float)
    if x.dtype not in dtypes.REALS:
        raise DTypeError(f"nextafter: complex numbers have no order, got {aval_of(x)}; take .real")
    return nextafter_p(x, y)


gcd_p: Any = custom(
    "gcd", lambda x, y: np.gcd(x, y), abstract=_pair("gcd"), vjp=NO_DERIVATIVE, jvp=NO_DERIVATIVE, batch=ALIGNED
)


def gcd(x: Value, y: Value) -> Value:
    """Return the greatest common divisor of integers; that of 0 and 0 is 0.

    >>> gcd(np.array([12, 0]), 18)
    Array([ 6, 18], dtype=int64)
    """
    x, y = _same_kind("gcd", x, y)
    if dtypes.rank(x.dtype) != 1:
        raise DTypeError(f"gcd: takes integers, got {aval_of(x)} and {aval_of(y)}; cast them with .astype(int)")
    return gcd_p(x, y)


bit_count_p: Any = custom(
    "bit_count",
    lambda x: np.bitwise_count(x),
    abstract=lambda x: x._replace(dtype=dtypes.uint8, weak=False),
    vjp=NO_DERIVATIVE,
    jvp=NO_DERIVATIVE,
    batch=LEADING,
)


def bit_count(x: Value) -> Value:
    """Count the bits that are 1 in the absolute value of integers, as uint8.

    >>> bit_count(np.array([7, -8]))
    Array([3, 1], dtype=uint8)
    """
    x = as_array(x)
    if dtypes.rank(x.dtype) > 1:
        raise DTypeError(f"bit_count: takes integers, got {aval_of(x)}; view floats as integers first")
    return bit_count_p(x)


# --------------------------------------------------------------------------- exponents


def _wide(x: Any) -> Any:
    return x.astype(np.float32) if x.dtype in dtypes.HALVES else x


ldexp_p: Any = custom(
    "ldexp",
    lambda x, n: np.ldexp(_wide(x), n).astype(x.dtype, copy=False),
    abstract=_pair("ldexp"),
    vjp=(lambda g, n: ldexp_p(g, n), None),
    jvp=(lambda t, n: ldexp_p(t, n), None),
    batch=ALIGNED,
)
exponent_p: Any = custom(
    "exponent",
    lambda x: np.frexp(_wide(x))[1],
    abstract=lambda x: x._replace(dtype=dtypes.int32, weak=False),
    vjp=NO_DERIVATIVE,
    jvp=NO_DERIVATIVE,
    batch=LEADING,
)


def _real_float(name: str, x: Value) -> Value:
    x = as_array(x)
    x = x if x.dtype in dtypes.INEXACT else cast(x, float)
    if x.dtype not in dtypes.REALS:
        raise DTypeError(f"{name}: complex numbers have no exponent, got {aval_of(x)}; take .real")
    return x


def ldexp(x: Value, n: Value) -> Value:
    """Return `x * 2 ** n` for integers `n`, without overflow on the way.

    >>> ldexp(np.array([0.5, 0.75]), np.array([1, 2]))
    Array([1., 3.], dtype=float64)
    """
    x, n = _real_float("ldexp", x), as_array(n)
    if dtypes.rank(n.dtype) > 1:
        raise DTypeError(f"ldexp: the exponents must be integers, got {aval_of(n)}; cast them with .astype(int)")
    return ldexp_p(x, cast(n, dtypes.int64))


def frexp(x: Value) -> tuple[Value, Value]:
    """Take numbers apart into a fraction from 0.5 to 1 and a power of 2: `x == fraction * 2 ** exponent`.

    >>> frexp(np.array([1.0, 6.0]))
    (Array([0.5 , 0.75], dtype=float64), Array([1, 3], dtype=int32))
    """
    x = _real_float("frexp", x)
    exponent = exponent_p(x)
    return ldexp_p(x, cast(mul(exponent, -1), dtypes.int64)), exponent
