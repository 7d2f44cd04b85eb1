"""Extremes with their positions, and running extremes.

Only the positions are computed here; the values are gathered from them, so derivatives all go to the returned element.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..primitive import NO_DERIVATIVE
from ..tracer import Value
from .families import LEADING, as_array, custom
from .lookup import take_along_axis
from .reductions import argmax, argmin, only_reals
from .scanning import scanned
from .shaping import reshape, squeeze

Pair = tuple[Value, Value]


def _with_indices(name: str, position: Any, x: Value, axis: int, keepdims: bool) -> Pair:
    x = only_reals(name, x)
    operand = x if x.ndim else reshape(x, (1,))
    indices = position(operand, axis, keepdims=True)
    values = take_along_axis(operand, indices, axis)
    if not x.ndim:
        return reshape(values, ()), reshape(indices, ())
    return (values, indices) if keepdims else (squeeze(values, axis), squeeze(indices, axis))


def max_with_indices(x: Value, axis: int = -1, keepdims: bool = False) -> Pair:
    """Return the largest element along an axis and the index of the first of its kind. NaN is the largest.

    >>> max_with_indices(np.array([[1.0, 5.0, 5.0], [7.0, 2.0, 0.0]]))
    (Array([5., 7.], dtype=float64), Array([1, 0], dtype=int64))
    """
    return _with_indices("max_with_indices", argmax, x, axis, keepdims)


def min_with_indices(x: Value, axis: int = -1, keepdims: bool = False) -> Pair:
    """Return the smallest element along an axis and the index of the first of its kind. NaN is the smallest."""
    return _with_indices("min_with_indices", argmin, x, axis, keepdims)


def _running_position(name: str, ufunc: Any) -> Any:
    def impl(x: Any, *, axis: int) -> Any:
        best = ufunc.accumulate(x, axis=axis)
        places = np.arange(x.shape[axis]).reshape((-1,) + (1,) * (-axis - 1))
        # Where the running extreme was last met; once a NaN has come, only another NaN equals it.
        return np.maximum.accumulate(np.where((x == best) | (x != x), places, 0), axis=axis)

    return custom(
        name,
        impl,
        abstract=lambda x, *, axis: x._replace(dtype=dtypes.int64, weak=False),
        vjp=NO_DERIVATIVE,
        jvp=NO_DERIVATIVE,
        batch=LEADING,
    )


argcummax_p = _running_position("argcummax", np.maximum)
argcummin_p = _running_position("argcummin", np.minimum)


def _running(name: str, primitive: Any, x: Value, axis: int) -> Pair:
    x = only_reals(name, as_array(x))
    operand, place = scanned(name, x, axis)
    indices = primitive(operand, axis=place)
    values = take_along_axis(operand, indices, place)
    return reshape(values, x.shape), reshape(indices, x.shape)


def cummax(x: Value, axis: int = 0) -> Pair:
    """Return the running maxima along an axis and where each was last met. NaN is the largest.

    >>> cummax(np.array([1.0, 3.0, 2.0, 3.0]))
    (Array([1., 3., 3., 3.], dtype=float64), Array([0, 1, 1, 3], dtype=int64))
    """
    return _running("cummax", argcummax_p, x, axis)


def cummin(x: Value, axis: int = 0) -> Pair:
    """Return the running minima along an axis and where each was last met. NaN is the smallest."""
    return _running("cummin", argcummin_p, x, axis)
