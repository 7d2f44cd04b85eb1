"""Rows of the structural operations: shaping, slicing, joining, diagonals."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.core.ops import diagonal as D
from minitorch.core.ops import joining as J
from minitorch.core.ops import shaping as S
from minitorch.core.ops import slicing as L

from . import Case, Row, complexes, real

MATRIX = Case((complexes(2, 3),))
EVERY = ("float32", "float16", "bfloat16", "int32", "bool", "complex64")


def params(shapes: list[tuple[int, ...]], *variants: dict[str, Any]) -> tuple[Case, ...]:
    """One case for each shape with each set of keywords."""
    return tuple(Case((real(*shape),), variant) for shape in shapes for variant in variants)


def unslice(x, shape, starts, steps):
    out = np.zeros(shape, x.dtype)
    for place in np.ndindex(x.shape):
        out[tuple(a + i * b for a, i, b in zip(starts, place, steps))] = x[place]
    return out


def unrepeat(x, counts, axis):
    parts = np.split(x, np.cumsum(counts)[:-1], axis)
    return np.stack([part.sum(axis) for part in parts], axis)


def pad(x, widths, mode="constant", value=0):
    return np.pad(x, widths, mode, **({"constant_values": value} if mode == "constant" else {}))


def split(x, sections, axis=0):
    return tuple(np.split(x, sections if isinstance(sections, int) else np.cumsum(sections)[:-1], axis))


def diag_embed(x, offset=0):
    n = x.shape[-1] + abs(offset)
    out = np.zeros((*x.shape[:-1], n, n), x.dtype)
    for i in range(x.shape[-1]):
        out[..., i - min(offset, 0), i + max(offset, 0)] = x[..., i]
    return out


def of_many(function):
    """Spread positional arrays into the list that the joining functions take."""
    return lambda *xs, **keywords: function(list(xs), **keywords)


def strided(x, starts, stops, steps):
    return x[tuple(map(slice, starts, stops, steps))]


SLICES = (
    Case((real(5),), {"starts": (1,), "stops": (4,), "steps": (1,)}),
    Case((real(7),), {"starts": (None,), "stops": (None,), "steps": (-2,)}),
    Case((real(7),), {"starts": (-2,), "stops": (0,), "steps": (-3,)}),
    Case((real(4, 5),), {"starts": (None, 1), "stops": (None, 5), "steps": (-1, 2)}),
    Case((real(4, 5),), {"starts": (3,), "stops": (1,), "steps": (1,)}),
    Case((real(2, 3),), {"starts": (None, None), "stops": (None, None), "steps": (-1, -1)}),
    Case((real(0, 3),), {"starts": (None, 1), "stops": (None, 9), "steps": (1, 1)}),
)

PADS = (
    *params([(3,), (2, 3), (0, 2)], {"widths": 1}, {"widths": (2, 0), "value": 1.5}),
    *params([(2, 3)], {"widths": ((0, 1), (2, 0))}, {"widths": ((0, 0), (0, 0))}),
    *params([(4,), (4, 5)], *({"widths": (1, 2), "mode": mode} for mode in ("edge", "reflect", "symmetric", "wrap"))),
    *params(
        [(3,)],
        {"widths": (2, 2), "mode": "reflect"},
        {"widths": (3, 0), "mode": "symmetric"},
        {"widths": (0, 5), "mode": "edge"},
    ),
)

ROWS = [
    Row("mark", lambda x: S.mark(x, "here"), lambda x: x, (Case((real(),)), Case((real(2, 3),)))),
    Row(
        "reshape",
        S.reshape,
        np.reshape,
        params([(2, 6)], {"shape": (3, 4)}, {"shape": (-1,)}, {"shape": (2, 1, 6)})
        + params([()], {"shape": (1, 1)})
        + params([(0, 3)], {"shape": (3, 0)}),
        dtypes=EVERY,
        complex_cases=(Case((complexes(2, 3),), {"shape": (6,)}),),
    ),
    Row(
        "broadcast_to",
        S.broadcast_to,
        np.broadcast_to,
        params([(3,), (1, 3), (2, 1)], {"shape": (2, 3)})
        + params([()], {"shape": (2,)}, {"shape": ()})
        + params([(1,)], {"shape": (0,)}, {"shape": (2, 0, 1)}),
        dtypes=EVERY,
    ),
    Row(
        "sum",
        S.sum,
        np.sum,
        params([(3, 4)], {}, {"axis": 0}, {"axis": 1, "keepdims": True}, {"axis": (1, 0)}, {"axis": ()})
        + params([()], {}, {"keepdims": True})
        + params([(0, 3)], {}, {"axis": 0}, {"axis": 1})
        + params([(2, 3, 4)], {"axis": (0, 2)}, {"axis": (0, 1), "keepdims": True}, {"axis": -1}, {"keepdims": True})
        + params([(1500, 2), (2, 1500), (2500,)], {"axis": 0}, {"axis": -1}),
        dtypes=("float32", "float16"),
        complex_cases=(MATRIX,),
        forward_rtol=1e-11,
    ),
    Row(
        "transpose",
        S.transpose,
        np.transpose,
        params([(2, 3, 4)], {}, {"axes": (1, 2, 0)}, {"axes": (-1, 0, 1)}) + params([(), (3,), (0, 2)], {}),
        dtypes=EVERY,
        complex_cases=(MATRIX,),
    ),
    Row(
        "moveaxis",
        S.moveaxis,
        np.moveaxis,
        params([(2, 3, 4)], {"source": 0, "destination": 2}, {"source": (0, 2), "destination": (1, 0)}),
        ("transpose",),
    ),
    Row("swapaxes", S.swapaxes, np.swapaxes, params([(2, 3, 4)], {"axis1": 0, "axis2": -1}), ("transpose",)),
    Row(
        "expand_dims", S.expand_dims, np.expand_dims, params([(2, 3), ()], {"axis": 0}, {"axis": (0, -1)}), ("reshape",)
    ),
    Row("squeeze", S.squeeze, np.squeeze, params([(1, 3, 1)], {}, {"axis": 0}, {"axis": (0, -1)}), ("reshape",)),
    Row(
        "flatten",
        S.flatten,
        lambda x, start_axis: x.reshape(*x.shape[:start_axis], -1),
        params([(2, 3, 4)], {"start_axis": 0}, {"start_axis": 1}),
        ("reshape",),
    ),
    Row("atleast_nd", S.atleast_nd, lambda x, n: np.array(x, ndmin=n), params([(), (2, 3)], {"n": 2}), ("reshape",)),
    Row(
        "broadcast_arrays",
        S.broadcast_arrays,
        lambda *xs: tuple(np.broadcast_arrays(*xs)),
        (Case((real(3), real(2, 1))), Case((real(), real(0, 2)))),
        ("broadcast_to",),
    ),
    Row(
        "meshgrid",
        S.meshgrid,
        lambda *xs, **k: tuple(np.meshgrid(*xs, **k)),
        (Case((real(2), real(3))), Case((real(2), real(3), real(4)), {"indexing": "ij"}), Case((real(2),))),
        ("broadcast_to",),
    ),
    Row(
        "tile",
        S.tile,
        lambda x, repetitions: np.tile(x, repetitions),
        params(
            [(2, 3), (), (0, 2)],
            {"repetitions": (2, 2)},
            {"repetitions": 3},
            {"repetitions": (2, 1, 3)},
            {"repetitions": (0, 1)},
        ),
        ("broadcast_to", "reshape"),
    ),
    Row(
        "cast",
        S.cast,
        lambda x, dtype: x.astype(dtype),
        params([(2, 3), ()], {"dtype": "float64"}, {"dtype": "complex128"}),
        dtypes=(),
    ),
    Row(
        "strided_slice",
        L.strided_slice,
        strided,
        SLICES,
        dtypes=EVERY,
        complex_cases=(Case((complexes(5),), {"starts": (None,), "stops": (None,), "steps": (-2,)}),),
    ),
    Row(
        "unslice",
        L.unslice,
        unslice,
        (
            Case((real(2),), {"shape": (5,), "starts": (1,), "steps": (2,)}),
            Case((real(2, 2),), {"shape": (4, 3), "starts": (3, 0), "steps": (-2, 1)}),
            Case((real(0, 2),), {"shape": (2, 2), "starts": (0, 0), "steps": (1, 1)}),
            Case((real(3),), {"shape": (3,), "starts": (2,), "steps": (-1,)}),
        ),
        ("pad",),
        dtypes=EVERY,
    ),
    Row("pad", J.pad, pad, PADS, dtypes=EVERY, complex_cases=(Case((complexes(2),), {"widths": 1, "value": 1j}),)),
    Row(
        "concatenate",
        of_many(J.concatenate),
        of_many(np.concatenate),
        (
            Case((real(2, 3), real(1, 3), real(0, 3))),
            Case((real(2, 3), real(2, 2)), {"axis": -1}),
            Case((real(3),)),
            Case((real(2, 2), real(3), real()), {"axis": None}),
        ),
        dtypes=EVERY,
        complex_cases=(Case((complexes(2), complexes(3))),),
    ),
    Row(
        "split",
        J.split,
        split,
        params([(6, 4)], {"sections": 3}, {"sections": (1, 0, 3), "axis": 1}, {"sections": 1})
        + params([(0, 2)], {"sections": 2}),
        dtypes=EVERY,
        complex_cases=(Case((complexes(4),), {"sections": 2}),),
    ),
    Row(
        "stack",
        of_many(J.stack),
        of_many(np.stack),
        (
            Case((real(2, 3), real(2, 3)), {"axis": -1}),
            Case((real(), real())),
            Case((real(0, 2), real(0, 2)), {"axis": 1}),
        ),
        ("concatenate",),
    ),
    Row(
        "unstack",
        J.unstack,
        lambda x, axis: tuple(np.moveaxis(x, axis, 0)),
        params([(2, 3, 4)], {"axis": 1}, {"axis": -1}),
        ("split",),
    ),
    Row(
        "flip",
        L.flip,
        np.flip,
        params([(2, 3)], {}, {"axis": 1}, {"axis": (0, 1)}) + params([(0, 2), (1,), ()], {}),
        ("strided_slice",),
    ),
    Row(
        "roll",
        J.roll,
        np.roll,
        params([(4, 3)], {"shift": 2}, {"shift": -1, "axis": 0}, {"shift": (1, 5), "axis": (0, 1)})
        + params([(0,), ()], {"shift": 1}),
        ("concatenate", "split"),
    ),
    Row(
        "rot90",
        J.rot90,
        np.rot90,
        params([(2, 3)], *({"k": k} for k in range(5))) + params([(2, 3, 4)], {"k": 1, "axes": (2, 0)}),
        ("transpose", "strided_slice"),
    ),
    Row(
        "repeat",
        J.repeat,
        np.repeat,
        params([(3, 2), ()], {"repeats": 2})
        + params(
            [(3, 2)],
            {"repeats": 2, "axis": 1},
            {"repeats": (2, 0, 1), "axis": 0},
            {"repeats": (0, 0, 0), "axis": 0},
            {"repeats": (1, 3), "axis": -1},
        ),
        dtypes=EVERY,
        complex_cases=(Case((complexes(2),), {"repeats": (1, 2)}),),
    ),
    Row(
        "unrepeat",
        J.unrepeat_p,
        unrepeat,
        params([(5, 2)], {"counts": (2, 0, 3), "axis": -2}, {"counts": (0, 5), "axis": -2})
        + params([(2, 5)], {"counts": (2, 2, 1), "axis": -1})
        + params([(0,)], {"counts": (0, 0), "axis": -1}),
    ),
    Row(
        "tril",
        D.tril,
        np.tril,
        params([(3, 4), (4, 3), (2, 3, 3), (0, 2)], {}, {"k": 1}, {"k": -1}, {"k": -9}),
        dtypes=EVERY,
    ),
    Row(
        "triu",
        D.triu,
        np.triu,
        params([(3, 4), (4, 3), (2, 3, 3), (2, 0)], {}, {"k": 1}, {"k": -2}, {"k": 9}),
        dtypes=EVERY,
    ),
    Row(
        "diagonal",
        D.diagonal,
        np.diagonal,
        params([(3, 4), (3, 3, 4)], {}, {"offset": 1}, {"offset": -2}, {"offset": 7})
        + params([(2, 3, 4)], {"axis1": 2, "axis2": 0}, {"offset": -1, "axis1": -2, "axis2": -1}),
        dtypes=EVERY,
    ),
    Row(
        "diag_embed",
        D.diag_embed,
        diag_embed,
        params([(3,), (2, 3), (0,)], {}, {"offset": 1}, {"offset": -2}),
        dtypes=EVERY,
    ),
    Row("diag", D.diag, np.diag, params([(3,), (3, 4)], {}, {"k": 1}, {"k": -1}), ("diagonal", "diag_embed")),
]
