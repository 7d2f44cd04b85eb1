"""Rows of the primitives behind NumPy's names: Fourier transforms, bits, Bessel functions, general eigenvalues."""

from __future__ import annotations

import numpy as np
import scipy.special

from minitorch.core.ops import bessel, bits, eigen, fourier, special

from . import Case, Row, complexes, integers, made, real

INF, NAN = np.inf, np.nan


def spread(n: int):
    """Complex matrices whose eigenvalues are well apart."""

    def make(rng: np.random.Generator) -> np.ndarray:
        return np.diag(3.0 * np.arange(n)) + 0.4 * (rng.standard_normal((n, n)) + 1j * rng.standard_normal((n, n)))

    return made(make)


def phaseless(x):
    """Eigenvalues, and what of the vectors does not depend on their phases."""
    w, v = eigen.eig_p(x)
    return w, v * v.conj()


def phaseless_oracle(x):
    w, v = np.linalg.eig(x)
    return w, v * v.conj()


ROWS = [
    Row(
        "fft",
        fourier.fft_p,
        lambda x, axis, inverse: np.fft.ifft(x, axis=axis, norm="forward") if inverse else np.fft.fft(x, axis=axis),
        (),
        complex_cases=(
            Case((complexes(3, 5),), {"axis": -1, "inverse": False}),
            Case((complexes(4, 2, 3),), {"axis": -2, "inverse": True}),
            Case((complexes(1),), {"axis": -1, "inverse": False}),
        ),
        dtypes=(),
    ),
    Row(
        "rfft",
        fourier.rfft_p,
        lambda x, axis: np.fft.rfft(x, axis=axis),
        (
            Case((real(3, 5),), {"axis": -1}),
            Case((real(6, 2),), {"axis": -2}),
            Case((real(1),), {"axis": -1}),
        ),
    ),
    Row(
        "irfft",
        fourier.irfft_p,
        lambda x, n, axis: np.fft.irfft(x, n, axis=axis, norm="forward"),
        (),
        complex_cases=(
            Case((complexes(2, 3),), {"n": 5, "axis": -1}),
            Case((complexes(4, 2),), {"n": 6, "axis": -2}),
            Case((complexes(1),), {"n": 1, "axis": -1}),
        ),
        dtypes=(),
    ),
    Row(
        "bitcast",
        bits.bitcast,
        lambda x, dtype: np.ascontiguousarray(x).view(dtype),
        (Case((real(3, 4),), {"dtype": "int64"}), Case((real(3, 4),), {"dtype": "int32"})),
        grad=False,
        dtypes=(),
    ),
    Row(
        "nextafter",
        bits.nextafter,
        np.nextafter,
        (Case((real(3, 1), real(4))), Case((real(0), real(0)))),
        grad=False,
        dtypes=(),
        special=(-INF, -1.0, -0.0, 0.0, 5e-324, 1.0, INF, NAN),
    ),
    Row(
        "gcd", bits.gcd, np.gcd, (Case((integers(3, 1, low=-20, high=20), integers(4, low=-20, high=20))),), grad=False
    ),
    Row("bit_count", bits.bit_count, np.bitwise_count, (Case((integers(3, 4, low=-99, high=99),)),), grad=False),
    Row(
        "ldexp",
        bits.ldexp,
        np.ldexp,
        (Case((real(3, 4), integers(4, low=-3, high=3))), Case((real(2), integers(3, 1, low=-3, high=3)))),
        dtypes=("float32", "float16", "bfloat16"),
    ),
    Row(
        "frexp",
        bits.frexp,
        np.frexp,
        (Case((real(3, 4, gap=0.05, low=0.5),)), Case((real(0),))),
        primitives=("exponent",),
        dtypes=("float32", "float16"),
        special=(-INF, -1.5, 0.0, 5e-324, 1.0, INF),
    ),
    Row(
        "bessel",
        bessel.i0,
        scipy.special.i0,
        (Case((real(3, 4),)), Case((made(lambda rng: np.array([0.0, -3.0, 8.0])),)), Case((real(0),))),
        primitives=("i0", "i1"),
        dtypes=("float32", "float16", "bfloat16"),
        special=(-INF, -1.0, 0.0, 1e-300, 1.0, 700.0, INF, NAN),
    ),
    Row(
        "cube_root",
        special.cube_root,
        np.cbrt,
        (Case((real(3, 4, gap=0.2),)), Case((real(0),))),
        dtypes=("float32", "float16", "bfloat16"),
        special=(-INF, -8.0, -0.0, 0.0, 1e-300, INF, NAN),
    ),
    Row(
        "eig",
        phaseless,
        phaseless_oracle,
        (),
        complex_cases=(Case((spread(3),)),),
        dtypes=(),
        forward_rtol=1e-10,
        rtol=1e-5,
    ),
]
