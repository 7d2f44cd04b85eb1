"""Matrix products as kernels: BLAS behind the kernels' interface, and loops for products too small for it.

Both compute, for each item of a batch, row-major `C[M, N] = alpha * op(A)[M, K] @ op(B)[K, N]`, or add that to C. The range
is a range of items; the slots are numbered below. A leading dimension (`LDA`) is the distance between the rows of what lies
in memory, a stride (`STRIDE_A`) that between items, both in elements. `ALPHA` holds the bits of a float64 and `BLAS` the
address that `gemm` calls, so that no address is part of a kernel.

>>> choose(np.float32, 1, 2, 2).name
'small_gemm'
"""

from __future__ import annotations

import ctypes
import struct
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .compile import Kernel, compile_kernel

SLOT_NAMES = (
    "A", "B", "C", "TRANS_A", "TRANS_B", "M", "N", "K", "LDA", "LDB", "LDC", "ACCUMULATE",
    "STRIDE_A", "STRIDE_B", "STRIDE_C", "ALPHA", "BLAS",
)  # fmt: skip
A, B, C, TRANS_A, TRANS_B, M, N, K, LDA, LDB, LDC, ACCUMULATE, STRIDE_A, STRIDE_B, STRIDE_C, ALPHA, BLAS = range(17)

SMALL = 2000  # multiplications up to which the loops beat a call of BLAS, which costs 0.3 us at least
SERIAL = 200_000  # multiplications up to which OpenBLAS starts no threads of its own

FORMATS = {"float32": ("f32", "s", 4), "float64": ("f64", "d", 8)}


class Blas(NamedTuple):
    """Addresses of the C interface's gemm functions, and the width of the integers they take."""

    sgemm: int
    dgemm: int
    bits: int


@cache
def blas() -> Blas | None:
    """Find the BLAS that NumPy is linked with, or SciPy's; None if neither has the C interface."""
    for place in _extensions():
        try:
            library = ctypes.CDLL(str(place))  # looks names up in what the extension is linked with, too
        except OSError:
            continue
        for before, after, bits in (("scipy_cblas_", "64_", 64), ("cblas_", "64_", 64), ("scipy_cblas_", "", 32),
                                    ("cblas_", "", 32)):  # fmt: skip
            names = [f"{before}{kind}gemm{after}" for kind in "sd"]
            if all(hasattr(library, name) for name in names):
                single, double = (ctypes.cast(library[name], ctypes.c_void_p).value or 0 for name in names)
                return Blas(single, double, bits)
    return None


def _extensions() -> list[Path]:
    """Compiled modules that are linked with BLAS, by file; importing SciPy would take 0.1 s."""
    found = sorted((Path(np.__file__).parent / "linalg").glob("_umath_linalg*"))
    scipy = find_spec("scipy")
    if scipy is not None and scipy.origin is not None:
        found += sorted((Path(scipy.origin).parent / "linalg").glob("_fblas*"))
    return found


def address(dtype: Any) -> int:
    """Return what goes into the slot `BLAS` for matrices of a dtype; 0 without a BLAS."""
    found = blas()
    return 0 if found is None else found.sgemm if np.dtype(dtype) == np.float32 else found.dgemm


def alpha_bits(alpha: float) -> int:
    """Return what goes into the slot `ALPHA`."""
    return int(struct.unpack("<q", struct.pack("<d", alpha))[0])


def choose(dtype: Any, m: int, n: int, k: int) -> Kernel:
    """Return the kernel for products of one size."""
    if m * n * k <= SMALL or blas() is None:
        return small_gemm(dtype)
    return gemm(dtype)


def grain(m: int, n: int, k: int) -> int:
    """Return the grain of a batch in a program: 0, which keeps it whole, where BLAS brings threads of its own."""
    size = m * n * k
    return max(1, SERIAL // max(size, 1)) if size <= SERIAL else 0


CALL = """
def gemm(P, lo, hi):
    alpha = {t}(from_bits(P[{ALPHA}]))
    beta = {t}(1) if P[{ACCUMULATE}] != 0 else {t}(0)
    for i in range(lo, hi):
        cblas_{kind}gemm{bits}(
            P[{BLAS}], P[{TRANS_A}], P[{TRANS_B}], P[{M}], P[{N}], P[{K}],
            alpha, P[{A}] + i * P[{STRIDE_A}] * {size}, P[{LDA}],
            P[{B}] + i * P[{STRIDE_B}] * {size}, P[{LDB}],
            beta, P[{C}] + i * P[{STRIDE_C}] * {size}, P[{LDC}])
"""

# A row of C at a time, by the rows of B where they are contiguous and by dot products where its columns are.
LOOPS = """
def small_gemm(P, lo, hi):
    a = {p}(P[{A}]); b = {p}(P[{B}]); c = {p}(P[{C}])
    M = P[{M}]; N = P[{N}]; K = P[{K}]; ldb = P[{LDB}]; ldc = P[{LDC}]
    row = 1 if P[{TRANS_A}] != 0 else P[{LDA}]
    step = P[{LDA}] if P[{TRANS_A}] != 0 else 1
    by_columns = P[{TRANS_B}] != 0
    alpha = {t}(from_bits(P[{ALPHA}]))
    keep = P[{ACCUMULATE}] != 0
    for item in range(lo, hi):
        for i in range(M):
            at = item * P[{STRIDE_A}] + i * row
            to = item * P[{STRIDE_C}] + i * ldc
            from_b = item * P[{STRIDE_B}]
            if not keep:
                for j in range(N):
                    c[to + j] = {t}(0)
            if by_columns:
                for j in range(N):
                    total = {t}(0)
                    for k in range(K):
                        total += a[at + k * step] * b[from_b + j * ldb + k]
                    c[to + j] += alpha * total
            else:
                for k in range(K):
                    x = alpha * a[at + k * step]
                    for j in range(N):
                        c[to + j] += x * b[from_b + k * ldb + j]
"""


def _filled(template: str, dtype: Any, bits: int = 0) -> str:
    name = np.dtype(dtype).name
    pointer, kind, size = FORMATS[name]
    slots = {slot: i for i, slot in enumerate(SLOT_NAMES)}
    return template.format(t=name, p=pointer, kind=kind, size=size, bits=bits, **slots)


@cache
def gemm(dtype: Any) -> Kernel:
    """Return the kernel that calls BLAS, for float32 or float64."""
    found = blas()
    assert found is not None, "ask `choose`, which does without BLAS where there is none"
    return compile_kernel(_filled(CALL, dtype, found.bits), "gemm")


@cache
def small_gemm(dtype: Any) -> Kernel:
    """Return the kernel of loops, for float32 or float64."""
    return compile_kernel(_filled(LOOPS, dtype), "small_gemm", reassociate=True)
