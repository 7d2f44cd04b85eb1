"""Rows of matrix products and what is built on them."""

from __future__ import annotations

import numpy as np

from minitorch.core.ops import contractions as C
from minitorch.core.ops.einsum import einsum

from . import Case, Row, complexes, real

NUMBERS = ("float32", "float16", "bfloat16", "int64", "int32", "uint8")
EQUATIONS = (
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ba,ca", (2, 3), (4, 3)),
    ("ii->i", (3, 3)),
    ("ii", (3, 3)),
    ("iij->j", (3, 3, 2)),
    ("iii->i", (3, 3, 3)),
    ("ij->ji", (2, 3)),
    ("ij->", (2, 3)),
    ("ij->j", (2, 3)),
    ("i,j->ij", (2,), (3,)),
    ("i,i->i", (3,), (3,)),
    ("i,i->", (3,), (3,)),
    ("ij,ik->", (2, 3), (2, 4)),
    ("ij,k->ik", (2, 3), (4,)),
    ("ab,cd->", (2, 3), (3, 2)),
    (",->", (), ()),
    ("i,->i", (3,), ()),
    ("abc,cba->", (2, 3, 4), (4, 3, 2)),
    ("ii,ij->j", (3, 3), (3, 4)),
    ("bqhd,bkhd->bhqk", (2, 3, 2, 4), (2, 5, 2, 4)),
    ("bhqk,bkhd->bqhd", (2, 2, 3, 5), (2, 5, 2, 4)),
    ("...ij,...jk->...ik", (2, 3, 4), (4, 5)),
    ("...ij,...jk", (1, 3, 4), (2, 4, 5)),
    ("...i->...", (2, 3, 4)),
    ("i...,i...->i...", (2, 1, 3), (2, 4, 3)),
    ("...,...", (2, 3), (3,)),
    ("ij,jk->ik", (2, 1), (3, 4)),
    ("ij,jk->ik", (0, 3), (3, 2)),
    ("ij,jk->ik", (2, 0), (0, 3)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
    ("bn,anm,bm->ba", (2, 3), (4, 3, 2), (2, 2)),
    ("ij,jk,kl,lm->im", (2, 3), (3, 4), (4, 2), (2, 3)),
)


def pairs(make, *shapes, **params):
    return tuple(Case((make(*a), make(*b)), params) for a, b in shapes)


def vecdot(x, y, axis=-1):
    return np.sum(np.conj(x) * y, axis)


MATRICES = (
    ((2, 3), (3, 4)),
    ((3,), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3,)),
    ((1, 1), (1, 1)),
    ((2, 2, 3), (3, 4)),
    ((2, 3), (2, 3, 4)),
    ((2, 2, 3), (2, 3, 2)),
    ((1, 2, 3), (2, 3, 2)),
    ((2, 1, 2, 3), (2, 3, 2)),
    ((3,), (2, 3, 2)),
    ((2, 2, 3), (3,)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 3)),
    ((2, 3, 0), (0, 2)),
    ((0, 2, 3), (3, 2)),
)

ROWS = [
    Row(
        "matmul",
        C.matmul,
        np.matmul,
        pairs(real, *MATRICES),
        dtypes=NUMBERS,
        complex_cases=pairs(complexes, ((2, 3), (3, 2)), ((3,), (2, 3, 2)), ((2, 2, 3), (3, 2))),
    ),
    Row(
        "reproducible_matmul",
        C.reproducible_matmul,
        np.matmul,
        pairs(real, ((2, 3), (3, 2)), ((2, 2, 3), (3, 2)), ((2, 2, 3), (1, 3, 2)), ((0, 3), (3, 2))),
        dtypes=(),
    ),
    Row(
        "matvec",
        C.matvec_p,
        np.matmul,
        pairs(
            real, ((2, 3), (3,)), ((2, 2, 3), (3,)), ((0, 3), (3,)), ((2, 0), (0,)), ((2, 0, 3), (3,)), ((1, 1), (1,))
        ),
        dtypes=NUMBERS,
        complex_cases=pairs(complexes, ((2, 3), (3,)), ((2, 2, 3), (3,))),
    ),
    Row(
        "dot",
        C.dot,
        np.dot,
        pairs(real, ((3,), (3,)), ((2, 3), (3, 2)), ((2, 2, 3), (3,)), ((2, 3), (2, 3, 2)), ((), (3,))),
        ("matmul",),
        dtypes=NUMBERS,
    ),
    Row(
        "vecdot",
        C.vecdot,
        vecdot,
        (*pairs(real, ((3,), (3,)), ((2, 3), (2, 3)), ((2, 1, 3), (4, 3))), *pairs(real, ((3, 2), (3, 2)), axis=0)),
        ("mul", "sum"),
        dtypes=NUMBERS,
        complex_cases=pairs(complexes, ((3,), (3,)), ((2, 3), (2, 3))),
    ),
    Row(
        "tensordot",
        C.tensordot,
        np.tensordot,
        (
            *pairs(real, ((2, 3, 4), (3, 4, 2))),
            *pairs(real, ((2,), (3,)), axes=0),
            *pairs(real, ((2, 3), (4, 2)), axes=([0], [1])),
            *pairs(real, ((2, 3), (3, 2)), axes=(-1, 0)),
            *pairs(real, ((2, 3, 4), (4, 3, 2)), axes=([2, 1], [0, 1])),
            *pairs(real, ((3,), (3,)), axes=1),
            *pairs(real, ((2, 0), (0, 2)), axes=1),
        ),
        ("matmul",),
        dtypes=NUMBERS,
    ),
    Row(
        "inner",
        C.inner,
        np.inner,
        pairs(real, ((3,), (3,)), ((0,), (0,)), ((2, 3), (4, 3)), ((), (2, 3))),
        ("inner", "matmul"),
        dtypes=NUMBERS,
    ),
    Row("outer", C.outer, np.outer, pairs(real, ((2,), (3,)), ((2, 2), (3,)), ((), (3,)), ((0,), (2,))), ("mul",)),
    Row(
        "kron",
        C.kron,
        np.kron,
        pairs(real, ((2, 3), (3, 2)), ((2,), (3, 2)), ((2, 3, 2), (2,)), ((), (3,)), ((0,), (2,))),
        ("mul",),
    ),
    Row(
        "trace",
        C.trace,
        np.trace,
        (
            Case((real(3, 3),)),
            Case((real(3, 4),), {"offset": 1}),
            Case((real(2, 3, 3),), {"axis1": 1, "axis2": -1}),
        ),
        ("diagonal", "sum"),
    ),
    Row(
        "einsum",
        lambda *xs, equation: einsum(equation, *xs),
        lambda *xs, equation: np.einsum(equation, *xs),
        tuple(Case(tuple(real(*s) for s in shapes), {"equation": equation}) for equation, *shapes in EQUATIONS),
        ("matmul", "sum", "transpose", "diagonal", "mul"),
        complex_cases=(Case((complexes(2, 3), complexes(3, 2)), {"equation": "ij,jk->ki"}),),
    ),
]
