"""Rows of the reductions, the running ones, and the norms."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import scipy.special

from minitorch.core.ops import norms as N
from minitorch.core.ops import reductions as R
from minitorch.core.ops import scanning as C

from . import Case, Row, boolean, complexes, distinct, integers, made, real

SPECIAL = (0.0, -0.0, 1.0, -2.0, np.inf, -np.inf, np.nan, 1e38, -1e38, 1e-40)
AXES: tuple[dict[str, Any], ...] = (
    {},
    {"axis": 0},
    {"axis": 1, "keepdims": True},
    {"axis": (0, 1)},
    {"keepdims": True},
)
HALVES = ("float32", "float16", "bfloat16")


def over(make: Any, *shapes: tuple[int, ...], variants: tuple[dict[str, Any], ...] = AXES) -> tuple[Case, ...]:
    """One case for each shape with each set of keywords."""
    return tuple(Case((make(*shape),), variant) for shape, variant in product(shapes, variants))


def with_zeros(*places: int) -> Any:
    """A vector with zeros at the given places."""

    def make(rng: np.random.Generator) -> np.ndarray:
        x = rng.uniform(0.5, 2, 5)
        x[list(places)] = 0
        return x

    return made(make)


def fixed(*values: Any) -> Any:
    return made(lambda rng: np.array(values, np.float64))


def recurrence(a, b, axis=-1, reverse=False):
    a, b = (np.moveaxis(x, axis, 0) for x in np.broadcast_arrays(a, b))
    out = np.zeros_like(b)
    order = range(len(b))[:: -1 if reverse else 1]
    y = 0
    for step, i in enumerate(order):
        y = out[i] = a[i] * y + b[i] if step else b[i]
    return np.moveaxis(out, 0, axis)


def norm(x, ord=2, axis=None, keepdims=False):
    axis = tuple(range(x.ndim)) if axis is None else axis
    size = np.abs(x)
    if ord == 0:
        return np.sum(size != 0, axis, x.dtype, keepdims=keepdims)
    if np.isinf(ord):
        return (np.max if ord > 0 else np.min)(size, axis, keepdims=keepdims)
    return np.sum(size**ord, axis, keepdims=keepdims) ** (1 / ord)


def running(ufunc: Any) -> Any:
    """An oracle for a running value; with an axis, a 0-d array stays 0-d."""

    def call(x, axis=None):
        return ufunc.accumulate(x.reshape(-1) if axis is None or not x.ndim else x, axis or 0).reshape(
            x.shape if axis is not None else -1
        )

    return call


def logsumexp(x, axis=None, keepdims=False):
    return scipy.special.logsumexp(x, axis, keepdims=keepdims) if x.ndim else x


def ddof(function: Any) -> Any:
    return lambda x, axis=None, correction=0, keepdims=False: function(x, axis, ddof=correction, keepdims=keepdims)


EMPTY = over(real, (0,), variants=({},)) + over(real, (0, 3), variants=({"axis": 0}, {"axis": 1}, {"keepdims": True}))
SCALAR = over(real, (), variants=({}, {"keepdims": True}))
CUBE = over(real, (2, 3, 4), variants=({"axis": (0, 2)}, {"axis": -1}, {"axis": (2, 0), "keepdims": True}))
SPREADS = (
    over(real, (3, 4), variants=({}, {"axis": 0, "correction": 1}, {"axis": 1, "keepdims": True}, {"axis": (1, 0)}))
    + CUBE
)
COMPLEX_SPREADS = over(complexes, (3, 4), variants=({}, {"axis": 0, "correction": 1}, {"axis": 1, "keepdims": True}))
RUNS = (
    over(real, (4,), variants=({}, {"axis": 0}))
    + over(real, (2, 3, 4), variants=({"axis": 0}, {"axis": -1}, {}))
    + (over(real, (0, 2), variants=({"axis": 0}, {"axis": 1})))
    + over(real, (), variants=({}, {"axis": 0}))
    + over(real, (1,), variants=({"axis": 0},))
)
PAIRS = (
    Case((real(4), real(4))),
    Case((real(4), real(3, 4)), {"reverse": True}),
    Case((real(5, 20), real(5, 20)), {"axis": 0}),
    Case((real(3, 20), real(3, 20)), {"axis": 0, "reverse": True}),
    Case((real(2, 0), real(2, 0))),
    Case((real(1), real(1))),
    Case((fixed(0, 0, 2, 0), real(4))),
)
POSITIONS = over(distinct, (3, 4), variants=({}, {"axis": 0}, {"axis": 1, "keepdims": True}, {"keepdims": True})) + (
    Case((fixed(1, 3, 3, 0, 0),)),
    Case((fixed(1, np.nan, 3, np.nan),)),
    Case((real(),)),
    Case((real(0, 2),), {"axis": 1}),
)
TRUTHS = (
    over(boolean, (3, 4))
    + over(boolean, (0, 2), variants=({}, {"axis": 0}, {"axis": 1}))
    + SCALAR
    + (
        Case((fixed(0, np.nan, 2),)),
        Case((fixed(1, np.nan, 2),)),
        Case((integers(2, 3, high=2),), {"axis": 1}),
        Case((complexes(2),)),
        Case((made(lambda rng: np.array([0, 1j])),)),
    )
)
ORDERS = (2, 1, 3, 1.5, 0.5, -1, np.inf, -np.inf)

ROWS = [
    Row(
        "mean",
        R.mean,
        np.mean,
        over(real, (3, 4)) + CUBE + SCALAR,
        dtypes=HALVES,
        complex_cases=(Case((complexes(2, 3),)),),
    ),
    Row(
        "prod",
        R.prod,
        np.prod,
        over(real, (3, 4))
        + CUBE
        + SCALAR
        + EMPTY
        + tuple(Case((with_zeros(*places),)) for places in [(2,), (0,), (4,), (1, 3), (0, 1, 2), (0, 1, 2, 3, 4)]),
        ("prod",),
        dtypes=HALVES,
        complex_cases=(Case((complexes(4),)), Case((complexes(2, 3),), {"axis": 1})),
        rtol=1e-5,
    ),
    Row(
        "max",
        R.max,
        np.max,
        over(distinct, (3, 4))
        + over(distinct, (2, 3, 4), variants=({"axis": (0, 2)},))
        + SCALAR
        + over(real, (0, 3), variants=({"axis": 1},)),
        dtypes=(*HALVES, "int32"),
        special=SPECIAL,
    ),
    Row(
        "min",
        R.min,
        np.min,
        over(distinct, (3, 4))
        + over(distinct, (2, 3, 4), variants=({"axis": (0, 2)},))
        + SCALAR
        + over(real, (3, 0), variants=({"axis": 0},)),
        dtypes=(*HALVES, "int32"),
        special=SPECIAL,
    ),
    Row("argmax", R.argmax, np.argmax, POSITIONS, grad=False, dtypes=(*HALVES, "int32")),
    Row("argmin", R.argmin, np.argmin, POSITIONS, grad=False, dtypes=(*HALVES, "int32")),
    Row("all", R.all, np.all, TRUTHS, grad=False, dtypes=(*HALVES, "int32", "bool")),
    Row("any", R.any, np.any, TRUTHS, grad=False, dtypes=(*HALVES, "int32", "bool")),
    Row("count_nonzero", R.count_nonzero, np.count_nonzero, TRUTHS, ("sum", "not_equal"), grad=False),
    Row("nansum", R.nansum, np.nansum, over(real, (3, 4)) + (Case((fixed(1, np.nan, 3),)),), ("sum", "where")),
    Row("nanmean", R.nanmean, np.nanmean, over(real, (3, 4)) + (Case((fixed(1, np.nan, 3),)),), ("sum", "where")),
    Row(
        "logsumexp",
        R.logsumexp,
        logsumexp,
        over(real, (3, 4)) + CUBE + SCALAR + (Case((fixed(1, -np.inf, 3),)), Case((fixed(1000, 1000, -1000),))),
        dtypes=HALVES,
        special=SPECIAL,
        complex_cases=(
            *over(complexes, (3, 4)),
            Case((made(lambda rng: np.array([800, 800 + 2j, -np.inf])),)),
            Case((complexes(0, 3),), {"axis": 1}),
        ),
    ),
    Row("var", N.var, ddof(np.var), SPREADS + SCALAR, dtypes=HALVES, complex_cases=COMPLEX_SPREADS),
    Row("std", N.std, ddof(np.std), SPREADS, dtypes=HALVES, rtol=1e-5, complex_cases=COMPLEX_SPREADS),
    Row(
        "norm",
        N.norm,
        norm,
        tuple(Case((real(3, 4, gap=0.1),), {"ord": p, **axes}) for p in ORDERS for axes in AXES)
        + tuple(Case((real(3, gap=0.1),), {"ord": p}) for p in (0, -2.5))
        + SCALAR
        + over(real, (0, 3), variants=({"axis": 0}, {"axis": 1})),
        dtypes=HALVES,
        rtol=1e-5,
        complex_cases=(Case((complexes(3),)), Case((complexes(2, 2),), {"ord": 3, "axis": 0})),
    ),
    Row(
        "linear_recurrence",
        C.linear_recurrence,
        recurrence,
        PAIRS,
        dtypes=HALVES,
        rtol=1e-5,
        complex_cases=(Case((complexes(4), complexes(4))),),
    ),
    Row(
        "cumsum", C.cumsum, running(np.add), RUNS, dtypes=HALVES, complex_cases=(Case((complexes(2, 3),), {"axis": 1}),)
    ),
    Row(
        "cumprod",
        C.cumprod,
        running(np.multiply),
        RUNS + tuple(Case((with_zeros(*places),)) for places in [(2,), (0,), (4,), (1, 3), (0, 1, 2)]),
        dtypes=HALVES,
        rtol=1e-5,
        complex_cases=(Case((complexes(2, 3),), {"axis": 1}),),
    ),
    Row(
        "logcumsumexp",
        C.logcumsumexp,
        running(np.logaddexp),
        RUNS + (Case((fixed(-np.inf, -np.inf, 1, -np.inf, 2),)), Case((fixed(1000, -1000, 1000),))),
        dtypes=HALVES,
        special=SPECIAL,
    ),
]
