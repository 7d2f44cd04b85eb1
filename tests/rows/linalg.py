"""Rows of linear algebra. The oracles are NumPy's and SciPy's; factors are compared after fixing signs."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from minitorch.core import dtypes
from minitorch.core.array import Array
from minitorch.core.ops import factorizations as F
from minitorch.core.ops import linalg as L
from minitorch.core.ops import spectral as S
from minitorch.core.ops.contractions import matmul
from minitorch.core.ops.pointwise import add, mul

from . import Case, Row, complexes, made, real


def regular(*shape: int, complex_too: bool = False) -> Any:
    """Square matrices far from singular ones."""

    def make(rng: np.random.Generator) -> np.ndarray:
        x = rng.uniform(-1, 1, shape)
        return (x + 1j * rng.uniform(-1, 1, shape) if complex_too else x) + 3 * np.eye(shape[-1])

    return made(make)


def complex_regular(*shape: int) -> Any:
    return regular(*shape, complex_too=True)


def spaced(*shape: int, complex_too: bool = False) -> Any:
    """Matrices with singular values near 1, 2, 3 ..., so that derivatives of vectors are tame."""

    def make(rng: np.random.Generator) -> np.ndarray:
        x = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if complex_too else 0)
        u, s, vh = np.linalg.svd(x, full_matrices=False)
        return (u * (1 + np.arange(s.shape[-1])[::-1])) @ vh

    return made(make)


def complex_spaced(*shape: int) -> Any:
    return spaced(*shape, complex_too=True)


# Derivatives of functions of Hermitian matrices are checked on a function of any matrix, which makes one of it.
def gram(x):
    """Positive definite."""
    return add(matmul(x, L.adjoint(x)), Array(np.eye(x.shape[-1]), dtypes.real_of(x.dtype)))


def np_gram(x):
    return x @ np.conj(np.swapaxes(x, -1, -2)) + np.eye(x.shape[-1])


def symmetric(x):
    return add(x, L.adjoint(x))


def np_symmetric(x):
    return x + np.conj(np.swapaxes(x, -1, -2))


def adjoint(x):
    return np.conj(np.swapaxes(x, -1, -2))


def solve_triangular(a, b, lower=True, unit_diagonal=False):
    triangle = np.tril(a) if lower else np.triu(a)
    if unit_diagonal:
        triangle = triangle - triangle * np.eye(a.shape[-1]) + np.eye(a.shape[-1])
    return np.linalg.solve(triangle, b)


def cofactor(x):
    n = x.shape[-1]
    out = np.zeros_like(x)
    for i in range(n):
        for j in range(n):
            minor = np.delete(np.delete(x, i, -2), j, -1)
            out[..., i, j] = (-1) ** (i + j) * np.linalg.det(minor)
    return out


def lstsq(a, b):
    return np.linalg.pinv(a) @ b


def lu(x):
    return tuple(scipy.linalg.lu(x))


def qr(x, mode="reduced"):
    return tuple(np.linalg.qr(x, mode))


def svd(x, full_matrices=False):
    return tuple(np.linalg.svd(x, full_matrices=full_matrices))


def signed_svd(out):
    """Make the largest entry of each left vector positive."""
    u, s, vh = out
    k = s.shape[-1]
    sign = signs(u[..., :k])
    return u[..., :k] * sign[..., None, :], s, vh[..., :k, :] * sign[..., :, None]


def signed_eigh(out):
    w, v = out
    return w, v * signs(v)[..., None, :]


def signs(vectors):
    largest = np.argmax(np.abs(vectors), axis=-2)[..., None, :]
    return np.sign(np.take_along_axis(vectors, largest, axis=-2))[..., 0, :]


def svd_parts(x):
    u, s, vh = S.svd(x)
    weighted = mul(u, Array(np.arange(1.0, s.shape[-1] + 1), s.dtype))
    return s, matmul(weighted, L.adjoint(u)), matmul(weighted, vh)


def np_svd_parts(x):
    u, s, vh = svd(x)
    weighted = u * np.arange(1.0, s.shape[-1] + 1)
    return s, weighted @ adjoint(u), weighted @ vh


def eigh_parts(x):
    w, v = S.eigh(symmetric(x))
    return w, matmul(mul(v, Array(np.arange(1.0, w.shape[-1] + 1), w.dtype)), L.adjoint(v))


def np_eigh_parts(x):
    w, v = np.linalg.eigh(np_symmetric(x))
    return w, (v * np.arange(1.0, w.shape[-1] + 1)) @ adjoint(v)


def cases(make, *shapes, **params):
    return tuple(Case((make(*shape),), params) for shape in shapes)


def systems(a, b, *shapes, **params):
    return tuple(Case((a(*left), b(*right)), params) for left, right in shapes)


SYSTEMS = (((3, 3), (3, 2)), ((3, 3), (3,)), ((2, 2, 2), (2, 3)), ((2, 2), (2, 2, 1)), ((0, 0), (0, 2)))
SQUARES = ((3, 3), (2, 2, 2), (1, 1), (0, 2, 2), (0, 0))
NORMS = ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)

ROWS = [
    Row("inv", L.inv, np.linalg.inv, cases(regular, *SQUARES), complex_cases=cases(complex_regular, (3, 3))),
    Row(
        "solve",
        L.solve,
        np.linalg.solve,
        systems(regular, real, *SYSTEMS),
        complex_cases=systems(complex_regular, complexes, ((2, 2), (2, 2)), ((3, 3), (3,))),
    ),
    Row(
        "triangular_solve",
        L.triangular_solve,
        solve_triangular,
        (
            *systems(regular, real, *SYSTEMS),
            *systems(regular, real, ((3, 3), (3, 2)), lower=False),
            *systems(regular, real, ((3, 3), (3, 2)), unit_diagonal=True),
            *systems(regular, real, ((2, 3, 3), (3,)), lower=False, unit_diagonal=True),
        ),
        complex_cases=systems(complex_regular, complexes, ((3, 3), (3, 2))),
    ),
    Row(
        "det",
        L.det,
        np.linalg.det,
        cases(regular, *SQUARES) + cases(real, (3, 3)),
        complex_cases=cases(complexes, (3, 3)),
    ),
    Row(
        "cofactor",
        L.cofactor_p,
        cofactor,
        cases(regular, (3, 3), (2, 2, 2), (0, 0)),
        complex_cases=cases(complex_regular, (3, 3)),
    ),
    Row(
        "slogdet",
        L.slogdet,
        lambda x: tuple(np.linalg.slogdet(x)),
        cases(regular, *SQUARES),
        complex_cases=cases(complex_regular, (3, 3)),
    ),
    Row(
        "matrix_power",
        L.matrix_power,
        np.linalg.matrix_power,
        (
            *cases(real, (2, 2), n=5),
            *cases(real, (2, 3, 3), n=2),
            *cases(real, (3, 3), n=0),
            *cases(real, (2, 2), n=1),
            *cases(regular, (2, 2), n=-2),
        ),
        ("matmul",),
    ),
    Row(
        "matrix_exp",
        L.matrix_exp,
        lambda x: scipy.linalg.expm(x) if x.size else x,
        cases(real, *SQUARES),
        complex_cases=cases(complexes, (2, 2)),
    ),
    Row(
        "cholesky",
        lambda x, **k: F.cholesky(gram(x), **k),
        lambda x, upper=False: adjoint(np.linalg.cholesky(np_gram(x))) if upper else np.linalg.cholesky(np_gram(x)),
        cases(real, (3, 3), (2, 2, 2), (0, 0)) + cases(real, (3, 3), upper=True),
        complex_cases=cases(complexes, (3, 3)),
    ),
    Row(
        "lu",
        F.lu,
        lu,
        cases(regular, (3, 3), (2, 2, 2)),
        complex_cases=cases(complex_regular, (3, 3)),
    ),
    Row("lu, not square", F.lu, lu, cases(real, (3, 2), (2, 4)), ("lu",)),
    Row(
        "qr",
        F.qr,
        qr,
        cases(spaced, (4, 3), (3, 3), (2, 4), (2, 3, 2), (0, 3, 2)) + cases(spaced, (2, 3), mode="complete"),
        complex_cases=cases(complex_spaced, (4, 3), (2, 3)),
    ),
    Row("qr, complete", F.qr, qr, cases(spaced, (4, 2), mode="complete"), ("qr",), grad=False),
    Row(
        "svd",
        S.svd,
        svd,
        cases(spaced, (4, 3), (3, 3), (2, 4), (2, 3, 2)) + cases(spaced, (3, 3), full_matrices=True),
        outputs=signed_svd,
    ),
    Row("svd, full", S.svd, svd, cases(spaced, (4, 2), full_matrices=True), ("svd",), grad=False, outputs=signed_svd),
    Row(
        "svd, invariant",
        svd_parts,
        np_svd_parts,
        cases(spaced, (3, 2)),
        ("svd",),
        complex_cases=cases(complex_spaced, (3, 3), (4, 2), (2, 4)),
    ),
    Row(
        "svdvals",
        S.svdvals,
        lambda x: np.linalg.svd(x, compute_uv=False),
        cases(real, (3, 4), (2, 3, 3), (0, 3)),
        ("svd",),
        complex_cases=cases(complexes, (3, 4)),
    ),
    Row(
        "eigh",
        lambda x, **k: S.eigh(symmetric(x), **k),
        lambda x, lower=True: tuple(np.linalg.eigh(np_symmetric(x))),
        cases(spaced, (3, 3), (2, 2, 2)) + cases(spaced, (3, 3), lower=False),
        outputs=signed_eigh,
    ),
    Row(
        "eigh, invariant",
        eigh_parts,
        np_eigh_parts,
        cases(real, (3, 3)),
        ("eigh",),
        complex_cases=cases(complexes, (3, 3)),
    ),
    Row(
        "eigvalsh",
        lambda x: S.eigvalsh(symmetric(x)),
        lambda x: np.linalg.eigvalsh(np_symmetric(x)),
        cases(real, (3, 3), (2, 2, 2), (0, 0)),
        ("eigh",),
        complex_cases=cases(complexes, (3, 3)),
    ),
    Row(
        "pinv",
        S.pinv,
        np.linalg.pinv,
        cases(spaced, (4, 3), (2, 3), (2, 2, 2), (3, 0)),
        complex_cases=cases(complex_spaced, (3, 2)),
    ),
    Row(
        "lstsq",
        S.lstsq,
        lstsq,
        systems(spaced, real, ((4, 3), (4, 2)), ((2, 3), (2,)), ((2, 3, 2), (3, 1))),
        ("pinv",),
        complex_cases=systems(complex_spaced, complexes, ((3, 2), (3, 2))),
    ),
    Row(
        "matrix_norm",
        S.matrix_norm,
        lambda x, ord="fro", axis=(-2, -1), keepdims=False: np.linalg.norm(x, ord, axis, keepdims),
        (
            *(Case((spaced(3, 4),), {"ord": ord}) for ord in NORMS),
            Case((real(2, 3, 4),)),
            Case((real(2, 3, 4),), {"ord": 1, "axis": (0, 2), "keepdims": True}),
            Case((real(2, 3, 4),), {"ord": "nuc", "axis": (2, 0)}),
        ),
        ("norm", "svd"),
        complex_cases=tuple(Case((complex_spaced(3, 2),), {"ord": ord}) for ord in NORMS),
    ),
]
