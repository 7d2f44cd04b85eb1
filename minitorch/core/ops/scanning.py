"""Running sums and products, and the linear recurrence their derivatives are made of.

The derivative of a running product, of a running logsumexp and of the recurrence itself is a recurrence
`y[i] = a[i] * y[i - 1] + b[i]`. It takes linear time, divides by nothing (so zeros are exact) and may be differentiated
again. Running values are accumulated one precision up and rounded once, as in PyTorch.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import dtypes
from ..aval import Aval
from ..errors import DTypeError, ShapeError
from ..tracer import Value, aval_of
from .families import LEADING, as_array, custom, linear
from .pointwise import add, equal, exp, mul, sub, where
from .shaping import broadcast_arrays, canonical_axis, cast, flatten, reshape
from .slicing import pad_p, slice_axis

WIDER = {
    dtypes.float16: dtypes.float32,
    dtypes.bfloat16: dtypes.float32,
    dtypes.float32: dtypes.float64,
    dtypes.complex64: dtypes.complex128,
}


def _same_aval(x: Aval, *, axis: int) -> Aval:
    return x._replace(weak=False)


def _accumulated(ufunc: Any, x: Any, axis: int) -> Any:
    return ufunc.accumulate(x, axis=axis, dtype=WIDER.get(x.dtype, x.dtype)).astype(x.dtype, copy=False)


def shifted(x: Value, axis: int, by: int, fill: float) -> Value:
    """Move elements one place along an axis (`by` is 1 or -1), putting `fill` where none arrives."""
    n = x.shape[axis]
    if not n:
        return x
    rest = slice_axis(x, axis, max(-by, 0), n - max(by, 0))
    k = -axis
    starts = (max(by, 0),) + (0,) * (k - 1)
    return pad_p(rest, starts=starts, steps=(1,) * k, sizes=x.shape[axis:], value=fill)


# --------------------------------------------------------------------------- linear recurrence

FEW_LANES = 12  # below this, Python floats are faster than a NumPy call per step (0.1 against 1.5 microseconds)


def _recurrence_impl(*ab: Any, axis: int, reverse: bool) -> Any:
    dtype = ab[0].dtype
    wide = dtypes.float32 if WIDER.get(dtype) == dtypes.float32 else dtype
    first = -1 if reverse else 1
    a, out = (np.array(np.moveaxis(x, axis, 0)[::first], wide, order="C") for x in ab)
    n = out.shape[0]
    if out.size < FEW_LANES * n:
        a, lanes = a.reshape(n, -1), out.reshape(n, -1)
        for j in range(lanes.shape[1]):
            lanes[:, j] = _lane(a[:, j].tolist(), lanes[:, j].tolist())
    else:
        product = np.empty_like(out[:1])
        for i in range(1, n):
            np.multiply(a[i], out[i - 1], out=product[0])
            np.add(product[0], out[i], out=out[i])
    return np.moveaxis(out[::first], 0, axis).astype(dtype, copy=False)


def _lane(a: list[Any], b: list[Any]) -> list[Any]:
    out = b[:1]
    y = b[0]
    for c, d in zip(a[1:], b[1:]):
        y = c * y + d
        out.append(y)
    return out


def _recurrence_abstract(*ab: Aval, axis: int, reverse: bool) -> Aval:
    a, b = ab
    if a.shape != b.shape or a.dtype != b.dtype:
        raise ShapeError(f"linear_recurrence: {a} and {b} differ; broadcast and cast one to the other")
    return b._replace(weak=False)


def _previous(x: Value, axis: int, reverse: bool, fill: float = 0) -> Value:
    """What the recurrence saw one step before each element."""
    return shifted(x, axis, -1 if reverse else 1, fill)


def _recurrence_vjp(g: Value, out: Value, ab: tuple[Value, ...], axis: int, reverse: bool) -> tuple[Value, Value]:
    back = recurrence_p(_previous(ab[0], axis, not reverse), g, axis=axis, reverse=not reverse)
    return mul(back, _previous(out, axis, reverse)), back


def _recurrence_jvp(t: tuple[Value, ...], out: Value, ab: tuple[Value, ...], axis: int, reverse: bool) -> Value:
    return recurrence_p(ab[0], add(t[1], mul(t[0], _previous(out, axis, reverse))), axis=axis, reverse=reverse)


recurrence_p: Any = custom(
    "linear_recurrence",
    _recurrence_impl,
    abstract=_recurrence_abstract,
    vjp=_recurrence_vjp,
    jvp=_recurrence_jvp,
    batch=LEADING,
    holomorphic=True,
)


def linear_recurrence(a: Value, b: Value, axis: int = -1, reverse: bool = False) -> Value:
    """Compute `y[i] = a[i] * y[i - 1] + b[i]` along an axis, from `y[0] = b[0]`; or from the end, with `y[i + 1]`.

    >>> linear_recurrence(np.array([9.0, 2.0, 0.5]), np.array([1.0, 1.0, 1.0]))
    Array([1. , 3. , 2.5], dtype=float64)
    """
    a, b = broadcast_arrays(a, b)
    dtype = dtypes.floating(a.dtype, b.dtype)
    place = canonical_axis("linear_recurrence", axis, a.ndim)
    return recurrence_p(cast(a, dtype), cast(b, dtype), axis=place, reverse=bool(reverse))


# --------------------------------------------------------------------------- running sums and products


def _cumsum_impl(x: Any, *, axis: int, reverse: bool) -> Any:
    if not reverse:
        return _accumulated(np.add, x, axis)
    return np.flip(_accumulated(np.add, np.flip(x, axis), axis), axis)


cumsum_p: Any = linear(
    "cumsum",
    _cumsum_impl,
    lambda g, axis, reverse: cumsum_p(g, axis=axis, reverse=not reverse),
    abstract=lambda x, *, axis, reverse: x._replace(weak=False),
)

cumprod_p: Any = custom(
    "cumprod",
    lambda x, *, axis: _accumulated(np.multiply, x, axis),
    abstract=_same_aval,
    vjp=(
        lambda g, out, x, axis: mul(
            recurrence_p(shifted(x, axis, -1, 0), g, axis=axis, reverse=True), shifted(out, axis, 1, 1)
        ),
    ),
    jvp=(lambda t, out, x, axis: recurrence_p(x, mul(t, shifted(out, axis, 1, 1)), axis=axis, reverse=False),),
    batch=LEADING,
    holomorphic=True,
)


def _finite_below(out: Value) -> Value:
    """A running maximum to subtract: 0 where nothing but -inf has been seen, so that `-inf - it` is no NaN."""
    return where(equal(out, -math.inf), 0.0, out)


def _logcumsumexp_vjp(g: Value, out: Value, x: Value, axis: int) -> Value:
    base = _finite_below(out)
    decay = exp(sub(out, shifted(base, axis, -1, math.inf)))  # at most 1: the running value never falls
    return mul(recurrence_p(decay, g, axis=axis, reverse=True), exp(sub(x, base)))


def _logcumsumexp_jvp(t: Value, out: Value, x: Value, axis: int) -> Value:
    base = _finite_below(out)
    decay = exp(sub(shifted(out, axis, 1, -math.inf), base))
    return recurrence_p(decay, mul(t, exp(sub(x, base))), axis=axis, reverse=False)


logcumsumexp_p: Any = custom(
    "logcumsumexp",
    lambda x, *, axis: _accumulated(np.logaddexp, x, axis),
    abstract=_same_aval,
    vjp=(_logcumsumexp_vjp,),
    jvp=(_logcumsumexp_jvp,),
    batch=LEADING,
)


def scanned(name: str, x: Value, axis: int | None) -> tuple[Value, int]:
    """Prepare an operand: without an axis it is flattened, and a 0-d one becomes a vector of one element."""
    x = as_array(x)
    if axis is None or not x.ndim:
        canonical_axis(name, axis or 0, max(x.ndim, 1))
        return flatten(x), -1
    return x, canonical_axis(name, axis, x.ndim)


def _running(name: str, primitive: Any, x: Value, axis: int | None, dtype: Any, **params: Any) -> Value:
    x = as_array(x)
    wanted = dtypes.canonical(dtype) if dtype is not None else dtypes.int64 if dtypes.rank(x.dtype) < 2 else x.dtype
    operand, place = scanned(name, cast(x, wanted), axis)
    out = primitive(operand, axis=place, **params)
    return out if x.ndim or axis is None else reshape(out, ())


def cumsum(x: Value, axis: int | None = None, dtype: Any = None) -> Value:
    """Return the running sums along an axis (of the flattened array by default). Bools and integers give int64.

    >>> cumsum(np.array([1, 2, 3]))
    Array([1, 3, 6], dtype=int64)
    """
    return _running("cumsum", cumsum_p, x, axis, dtype, reverse=False)


def cumprod(x: Value, axis: int | None = None, dtype: Any = None) -> Value:
    """Return the running products along an axis (of the flattened array by default). Bools and integers give int64.

    >>> cumprod(np.array([2, 3, 4]))
    Array([ 2,  6, 24], dtype=int64)
    """
    return _running("cumprod", cumprod_p, x, axis, dtype)


def logcumsumexp(x: Value, axis: int | None = None) -> Value:
    """Return `log(cumsum(exp(x)))`, computed without overflow. Takes real floats."""
    x = as_array(x)
    if x.dtype not in dtypes.REALS:
        raise DTypeError(f"logcumsumexp: takes real floats, got {aval_of(x)}; convert it first with x.float()")
    return _running("logcumsumexp", logcumsumexp_p, x, axis, None)
