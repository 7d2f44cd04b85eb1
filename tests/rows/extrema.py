"""Rows of the extremes that come with their positions."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.core.ops import extrema as E

from . import Case, Row, distinct, made, real

HALVES = ("float32", "float16", "bfloat16", "int32")


def with_indices(values: Any, positions: Any) -> Any:
    def call(x, axis=-1, keepdims=False):
        return values(x, axis, keepdims=keepdims), positions(x, axis, keepdims=keepdims)

    return call


def running(better: Any) -> Any:
    """Walk along the axis; a tie moves the index on, and nothing but NaN replaces NaN."""

    def call(x, axis=0):
        if not x.ndim:
            return x, np.zeros((), np.int64)
        moved = np.moveaxis(x, axis, 0)
        values, indices = moved.copy(), np.zeros(moved.shape, np.int64)
        for i in range(1, len(moved)):
            last = values[i - 1]
            new = np.isnan(moved[i]) | (~np.isnan(last) & better(moved[i], last))
            values[i] = np.where(new, moved[i], last)
            indices[i] = np.where(new, i, indices[i - 1])
        return np.moveaxis(values, 0, axis), np.moveaxis(indices, 0, axis)

    return call


def fixed(*values: float) -> Any:
    return made(lambda rng: np.array(values))


TIES = (Case((fixed(1, 3, 3, 0, 0),)), Case((fixed(1, np.nan, 3, np.nan, 0),)))
AXES = tuple(Case((distinct(3, 4),), params) for params in ({"axis": 0}, {"axis": 1, "keepdims": True}, {}))
RUNS = tuple(Case((distinct(2, 3, 4),), {"axis": axis}) for axis in (0, 1, -1)) + (Case((real(0, 2),)), Case((real(),)))

ROWS = [
    Row(
        "max_with_indices",
        E.max_with_indices,
        with_indices(np.max, np.argmax),
        AXES + (Case((real(),)),),
        ("argmax", "take"),
        dtypes=HALVES,
    ),
    Row(
        "min_with_indices",
        E.min_with_indices,
        with_indices(np.min, np.argmin),
        AXES + (Case((real(),)),),
        ("argmin", "take"),
        dtypes=HALVES,
    ),
    Row("cummax", E.cummax, running(np.greater_equal), RUNS, ("argcummax",), dtypes=HALVES),
    Row("cummin", E.cummin, running(np.less_equal), RUNS, ("argcummin",), dtypes=HALVES),
    Row("cummax_ties", E.cummax, running(np.greater_equal), TIES, ("argcummax",), grad=False),
    Row("cummin_ties", E.cummin, running(np.less_equal), TIES, ("argcummin",), grad=False),
]
