"""Softmax and its logarithm over one axis.

The largest element is subtracted first, so nothing overflows. Both keep only their result.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..aval import Aval
from ..tracer import Value
from .families import LEADING
from .fusing import fused, shortcut
from .pointwise import exp, mul, sub
from .reductions import only_reals
from .shaping import canonical_axis, cast, reshape, sum_p
from .summation import add_reduce

_max = np.maximum.reduce


def row_max(x: Any, axis: int) -> Any:
    """Return the largest element along an axis, kept as an axis of size 1; empty rows have none."""
    return _max(x, axis=axis, keepdims=True, initial=None if x.shape[axis] else 0)


def _softmax(x: Any, *, axis: int) -> Any:
    out = x - row_max(x, axis)
    np.exp(out, out)
    out /= add_reduce(out, (axis,), True)
    return out


def _log_softmax(x: Any, *, axis: int) -> Any:
    out = x - row_max(x, axis)
    out -= np.log(add_reduce(np.exp(out), (axis,), True))
    return out


def _softmax_fast(g: Any, out: Any, axis: int) -> Any:
    product = g * out
    found = g - add_reduce(product, (axis,), True)
    return np.multiply(found, out, product)


def _log_softmax_fast(g: Any, out: Any, axis: int) -> Any:
    found = np.exp(out)
    found *= add_reduce(g, (axis,), True)
    return np.subtract(g, found, found)


def _centered(g: Value, weights: Value, axis: int) -> Value:
    """Subtract the weighted sum along the axis."""
    return sub(g, sum_p(mul(g, weights), axes=(axis,), keepdims=True))


@shortcut(_softmax_fast)
def _softmax_rule(g: Value, out: Value, axis: int) -> Value:
    return mul(out, _centered(g, out, axis))


@shortcut(_log_softmax_fast)
def _log_softmax_vjp(g: Value, out: Value, axis: int) -> Value:
    return sub(g, mul(exp(out), sum_p(g, axes=(axis,), keepdims=True)))


def _log_softmax_jvp(t: Value, out: Value, axis: int) -> Value:
    return _centered(t, exp(out), axis)


def _same(x: Aval, *, axis: int) -> Aval:
    return x._replace(weak=False)


softmax_p = fused("softmax", _softmax, abstract=_same, vjp=(_softmax_rule,), jvp=(_softmax_rule,), batch=LEADING)
log_softmax_p = fused(
    "log_softmax", _log_softmax, abstract=_same, vjp=(_log_softmax_vjp,), jvp=(_log_softmax_jvp,), batch=LEADING
)


def softmax(x: Value, axis: int = -1) -> Value:
    """Return `exp(x)` divided by its sum along an axis.

    >>> softmax(np.array([0.0, np.log(3.0)]))
    Array([0.25, 0.75], dtype=float64)
    """
    return _along("softmax", softmax_p, x, axis)


def log_softmax(x: Value, axis: int = -1) -> Value:
    """Return the logarithm of `softmax`, without its rounding and underflow.

    >>> log_softmax(np.array([0.0, 1000.0])).tolist()
    [-1000.0, 0.0]
    """
    return _along("log_softmax", log_softmax_p, x, axis)


def _along(name: str, primitive: Any, x: Value, axis: int) -> Value:
    x = only_reals(name, x)
    x = cast(x, dtypes.floating(x.dtype))
    at = canonical_axis(name, axis, x.ndim or 1)
    if not x.ndim:
        return reshape(primitive(reshape(x, (1,)), axis=at), ())
    return primitive(x, axis=at)
