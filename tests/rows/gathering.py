"""Rows of indexing: gathering, scattering, index expressions, lookups."""

from __future__ import annotations

import numpy as np

from minitorch.core.ops import basic
from minitorch.core.ops import gathering as G
from minitorch.core.ops import lookup as L
from minitorch.core.ops.basic import BasicIndex
from minitorch.core.ops.families import as_array
from minitorch.core.ops.indexing import getitem, nonzero, update

from . import Case, Row, boolean, complexes, distinct, integers, made, real

EVERY = ("float32", "float16", "bfloat16", "int32", "bool", "complex64")
NUMBERS = ("float32", "float16", "bfloat16", "int32", "complex64")
STEP = BasicIndex(((3, None, -2), None, 1, (1, 4, 2)), (4, 2, 5))  # [3::-2, None, 1, 1:4:2]
WHOLE = slice(None)
AT = {
    "add": np.add,
    "multiply": np.multiply,
    "min": np.minimum,
    "max": np.maximum,
}


def near(*shape: int, size: int):
    """Indices into an axis of a size, from both ends."""
    return integers(*shape, low=-size, high=size)


def unique_indices(count: int, size: int):
    return made(lambda rng: rng.permutation(size)[:count] - size * (rng.random(count) < 0.5))


def basic_put(g):
    out = np.zeros((*g.shape[: g.ndim - 3], 4, 2, 5), g.dtype)
    out[(..., *STEP.key[1:])] = g
    return out


def basic_set(x, v):
    out = x.copy()
    out[STEP.key] = v
    return out


def written(x, i, v, mode="set", axis=0):
    """Update along one axis, one index after the other."""
    out = np.moveaxis(x.copy(), axis, 0)
    values = np.moveaxis(v, tuple(range(axis, axis + i.ndim)), tuple(range(i.ndim)))
    for place in np.ndindex(i.shape):
        k = i[place]
        out[k] = values[place] if mode == "set" else AT[mode](out[k], values[place])
    return np.moveaxis(out, 0, axis)


def write(x, i, v, mode="set", axis=0):
    return update(x, (WHOLE,) * axis + (i,), v, mode)


def along(x, i, v, axis, mode="set"):
    """torch's scatter, one element after the other."""
    out = x.copy()
    for place in np.ndindex(i.shape):
        target = list(place)
        target[axis] = i[place]
        target = tuple(target)
        out[target] = v[place] if mode == "set" else AT[mode](out[target], v[place])
    return out


def gather(x, i, axis):
    out = np.empty(i.shape, x.dtype)
    for place in np.ndindex(i.shape):
        source = list(place)
        source[axis] = i[place]
        out[place] = x[tuple(source)]
    return out


def put_along_axis(x, i, v, axis):
    out = x.copy()
    np.put_along_axis(out, i, v, axis)
    return out


def searchsorted(a, v, side="left"):
    if a.ndim == 1:
        return np.searchsorted(a, v, side)
    return np.stack([searchsorted(row, values, side) for row, values in zip(a, v, strict=True)])


def ascending(*shape: int):
    return made(lambda rng: np.sort(rng.integers(0, 6, shape) / 2.0, -1))


def writes(mode: str, x=real, v=real) -> tuple[Case, ...]:
    return (
        Case((x(5), near(7, size=5), v(7)), {"mode": mode}),
        Case((x(5), unique_indices(3, 5), v(3)), {"mode": mode}),
        Case((x(2, 4, 3), near(2, 3, size=4), v(2, 2, 3, 3)), {"mode": mode, "axis": 1}),
        Case((x(3, 2), near(size=3), v(2)), {"mode": mode}),
        Case((x(4, 2), integers(0), v(0, 2)), {"mode": mode}),
    )


def row_of(mode: str, **special) -> Row:
    return Row(f"scatter_{mode}", write, written, writes(mode, **special.pop("make", {})), nondiff=(1,), **special)


ROWS = [
    Row(
        "take",
        G.take,
        lambda x, i, axis=None: np.take(x, i, axis),
        (
            Case((real(5), near(4, size=5))),
            Case((real(3, 4), near(2, 3, size=12))),
            Case((real(3, 4), near(size=3)), {"axis": 0}),
            Case((real(2, 3, 4), near(2, 2, size=3)), {"axis": 1}),
            Case((real(2, 3, 4), near(5, size=4)), {"axis": -1}),
            Case((real(3, 0), integers(2, low=0, high=3)), {"axis": 0}),
            Case((real(3, 2), integers(0)), {"axis": 0}),
        ),
        nondiff=(1,),
        dtypes=EVERY,
        complex_cases=(Case((complexes(3, 2), near(4, size=3)), {"axis": 0}),),
    ),
    Row(
        "basic_index",
        getitem,
        lambda x, index: x[index],
        tuple(
            Case((real(*shape),), {"index": index})
            for shape, index in [
                ((5,), 2),
                ((5,), slice(None, None, -2)),
                ((), (None, ...)),
                ((4, 2, 5), (slice(3, None, -2), None, 1, slice(1, 4, 2))),
                ((2, 3, 4), (..., 0)),
                ((2, 3, 4), (-1, slice(2, 2))),
            ]
        ),
        dtypes=EVERY,
        complex_cases=(Case((complexes(5),), {"index": slice(1, 4)}),),
    ),
    Row(
        "basic_put",
        lambda g: basic.basic_put(g, index=STEP),
        basic_put,
        (Case((real(2, 1, 2),)), Case((real(3, 2, 1, 2),))),
        dtypes=EVERY,
    ),
    Row(
        "basic_set",
        lambda x, v: update(x, STEP.key, v),
        basic_set,
        (Case((real(4, 2, 5), real(2, 1, 2))), Case((real(4, 2, 5), real()))),
        dtypes=EVERY,
        complex_cases=(Case((complexes(4, 2, 5), complexes(2, 1, 2))),),
    ),
    Row(
        "ravel_index",
        lambda i, j: G.ravel_index((i, j), (3, 4)),
        lambda i, j: np.where(i < 0, i + 3, i) * 4 + np.where(j < 0, j + 4, j),
        (
            Case((near(5, size=3), near(5, size=4))),
            Case((near(2, 1, size=3), near(3, size=4))),
            Case((near(size=3), near(size=4))),
            Case((integers(0), near(1, size=4))),
        ),
        grad=False,
    ),
    row_of(
        "add", dtypes=NUMBERS, complex_cases=(Case((complexes(4), near(6, size=4), complexes(6)), {"mode": "add"}),)
    ),
    row_of("set", dtypes=EVERY, complex_cases=(Case((complexes(4), near(6, size=4), complexes(6)), {"mode": "set"}),)),
    row_of(
        "multiply",
        dtypes=("float32", "int32", "complex64"),
        complex_cases=(Case((complexes(4), near(6, size=4), complexes(6)), {"mode": "multiply"}),),
    ),
    row_of("min", dtypes=("float32", "float16", "int32"), make={"x": distinct}),
    row_of("max", dtypes=("float32", "bfloat16", "int32"), make={"v": distinct}),
    Row(
        "embedding_gradient",  # large enough for the sparse product
        write,
        written,
        (Case((real(9, 70), near(80, size=9), real(80, 70)), {"mode": "add"}),),
        primitives=("scatter_add",),
        nondiff=(1,),
        order=1,
        dtypes=("float32", "bfloat16", "complex64"),
    ),
    Row(
        "take_along_axis",
        L.take_along_axis,
        np.take_along_axis,
        (
            Case((real(5), near(3, size=5)), {"axis": 0}),
            Case((real(3, 4), near(3, 2, size=4)), {"axis": 1}),
            Case((real(3, 4, 2), near(1, 5, 2, size=4)), {"axis": -2}),
            Case((real(1, 4), near(3, 4, size=1)), {"axis": 0}),
            Case((real(3, 1), near(3, 4, size=1)), {"axis": 1}),
            Case((real(3, 4), integers(3, 0)), {"axis": 1}),
        ),
        primitives=("gather", "take", "locate"),
        nondiff=(1,),
    ),
    Row(
        "locate",
        lambda i: L.locate_p(as_array(i), sizes=(2, 4, 3), shape=(2, 9, 2), axis=-2),
        lambda i: np.ravel_multi_index((np.arange(2)[:, None, None], i % 4, np.arange(2)), (2, 4, 3)),
        (Case((near(2, 5, 2, size=4),)), Case((near(1, 5, 1, size=4),)), Case((near(2, 0, 1, size=4),))),
        grad=False,
    ),
    Row(
        "gather",
        L.gather,
        gather,
        (
            Case((real(3, 4), near(2, 5, size=4)), {"axis": 1}),
            Case((real(3, 4), near(5, 3, size=3)), {"axis": 0}),
            Case((real(2, 3, 2), near(1, 2, 2, size=3)), {"axis": 1}),
            Case((real(3, 4), near(3, 1, size=4)), {"axis": 1}),
            Case((real(4, 3, 2), near(1, 3, 2, size=4)), {"axis": 0}),
            Case((real(1, 4), near(1, 1, size=4)), {"axis": 1}),
        ),
        primitives=("gather",),
        nondiff=(1,),
    ),
    Row(
        "scatter",
        L.scatter,
        along,
        tuple(
            Case((real(3, 4), near(2, 5, size=4), distinct(3, 6)), {"axis": 1, "mode": mode})
            for mode in ("set", "add", "multiply", "min", "max")
        )
        + (Case((real(3, 2, 2), near(4, 1, 2, size=3), real(4, 2, 2)), {"axis": 0}),),
        primitives=("scatter_set", "scatter_add", "scatter_multiply", "scatter_min", "scatter_max"),
        nondiff=(1,),
    ),
    Row(
        "put_along_axis",
        L.put_along_axis,
        put_along_axis,
        (
            Case((real(3, 4), near(3, 1, size=4), real(3, 1)), {"axis": 1}),
            Case((real(3, 4), near(1, 4, size=3), real(1, 4)), {"axis": 0}),
            Case((real(3, 4), near(1, 2, size=4), real()), {"axis": 1}),
        ),
        primitives=("scatter_set",),
        nondiff=(1,),
    ),
    Row(
        "one_hot",
        lambda i: L.one_hot(i, 4, "float32"),
        lambda i: np.eye(4, dtype=np.float32)[i],
        (Case((near(3, 2, size=4),)), Case((near(size=4),)), Case((integers(0),))),
        primitives=("ravel_index", "equal"),
        grad=False,
    ),
    Row(
        "nonzero",
        nonzero,
        np.nonzero,
        (Case((boolean(3, 4),)), Case((integers(5, high=2),)), Case((real(0),))),
        grad=False,
        batch=False,
        dtypes=EVERY,
    ),
    Row(
        "unique",
        lambda x: L.unique(x, True, True, True),
        lambda x: np.unique(x, True, True, True),
        (Case((distinct(5),)), Case((distinct(2, 3),)), Case((real(0),)), Case((integers(8),))),
        batch=False,
    ),
    Row(
        "searchsorted",
        L.searchsorted,
        searchsorted,
        tuple(
            Case(args, {"side": side})
            for side in ("left", "right")
            for args in [
                (ascending(5), real(3, low=-1, high=4)),
                (ascending(5), real(2, 3, low=-1, high=4)),
                (ascending(2, 5), real(2, 4, low=-1, high=4)),
                (ascending(4), integers()),
                (ascending(0), real(2)),
            ]
        ),
        grad=False,
    ),
    Row(
        "bincount",
        lambda w: L.bincount([0, 2, 2, 5], w, 3),
        lambda w: np.bincount([0, 2, 2, 5], w, 3),
        (Case((real(4),)),),
        primitives=("scatter_add",),
    ),
]
