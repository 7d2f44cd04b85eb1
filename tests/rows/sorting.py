"""Rows of sorting and order statistics."""

from __future__ import annotations

import numpy as np

from minitorch.core.ops import sorting as S

from . import Case, Row, boolean, distinct, integers

AXES = (
    Case((distinct(7),)),
    Case((distinct(3, 4),), {"axis": 0}),
    Case((distinct(2, 3, 4),), {"axis": 1}),
    Case((distinct(2, 3, 4),)),
)
SPECIAL = (1.0, np.nan, -np.inf, 0.0, np.inf, np.nan, 1.0, -0.0)


def argsort(x, axis=-1, descending=False):
    """Sort one row after the other, as Python does: NaN last, ties in their order."""

    def order(row):
        nan_last = [(v != v, 0 if v != v else v) for v in row.tolist()]
        if not descending:
            return sorted(range(len(row)), key=nan_last.__getitem__)
        return sorted(range(len(row)), key=lambda i: (not nan_last[i][0], -nan_last[i][1]))

    return np.apply_along_axis(order, axis, x) if x.size else np.zeros(x.shape, int)


def sort(x, axis=-1, descending=False):
    i = argsort(x, axis, descending)
    return np.take_along_axis(x, i, axis), i


def topk(x, k, axis=-1, largest=True):
    values, i = sort(x, axis, largest)
    return np.take(values, range(k), axis), np.take(i, range(k), axis)


def kthvalue(x, k, axis=-1, keepdims=False):
    found = [np.take(a, [k - 1], axis) for a in sort(x, axis)]
    return tuple(found if keepdims else (a.squeeze(axis) for a in found))


def median(x, axis=None, keepdims=False, skip=False):
    if axis is None:
        found = median(x.reshape(-1), 0, False, skip)
        return tuple(np.reshape(a, (1,) * x.ndim if keepdims else ()) for a in found)

    def index(row):
        nans = np.isnan(row).sum()
        rank = max(len(row) - nans - 1, 0) // 2 if skip or not nans else len(row) - nans
        return argsort(row)[rank]

    i = np.expand_dims(np.apply_along_axis(index, axis, x), axis)
    found = np.take_along_axis(x, i, axis), i
    return tuple(found if keepdims else (a.squeeze(axis) for a in found))


MEDIANS = (
    Case((distinct(6),)),
    Case((distinct(5),), {"keepdims": True}),
    Case((distinct(3, 4),)),
    Case((distinct(3, 4),), {"axis": 0}),
    Case((distinct(2, 3, 4),), {"axis": -1, "keepdims": True}),
)

ROWS = [
    Row(
        "sort",
        S.sort,
        sort,
        AXES
        + tuple(Case(c.args, {**c.params, "descending": True}) for c in AXES)
        + (Case((distinct(0),)), Case((integers(3, 6),)), Case((boolean(5),))),
        primitives=("argsort",),
        special=SPECIAL,
        dtypes=("float32", "float16", "bfloat16"),
    ),
    Row(
        "argsort",
        S.argsort,
        argsort,
        tuple(Case((integers(9),), {"descending": d}) for d in (False, True)) + AXES,
        grad=False,
        special=SPECIAL,
    ),
    Row(
        "topk",
        S.topk,
        topk,
        tuple(
            Case((distinct(3, 5),), {"k": k, "largest": largest, "axis": axis})
            for k in (0, 1, 3)
            for largest in (True, False)
            for axis in (0, -1)
        )
        + (Case((distinct(4),), {"k": 4}),),
        primitives=("top_indices",),
        dtypes=("float32", "bfloat16"),
    ),
    Row(
        "kthvalue",
        S.kthvalue,
        kthvalue,
        (
            Case((distinct(5),), {"k": 2}),
            Case((distinct(3, 4),), {"k": 3, "axis": 0}),
            Case((distinct(3, 4),), {"k": 1, "keepdims": True}),
        ),
        primitives=("argsort",),
    ),
    Row("median", S.median, median, MEDIANS, primitives=("argsort",), special=SPECIAL),
    Row(
        "nanmedian",
        S.nanmedian,
        lambda x, axis=None, keepdims=False: median(x, axis, keepdims, True),
        MEDIANS,
        primitives=("argsort",),
        special=SPECIAL,
    ),
]
