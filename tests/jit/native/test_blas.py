"""Matrix products as kernels against NumPy."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import numpy as np
import pytest

from minitorch.core.jit.native import blas, replay
from minitorch.core.jit.native.compile import compile_kernel
from minitorch.core.jit.native.width import lanes


def product(
    kernel: Any, dtype: Any, m: int, n: int, k: int, ta: bool, tb: bool, rows: int = 0, columns: int = 0
) -> None:
    """Compare a batch of two by three products, whose matrices are parts of longer rows, in a shuffled order."""
    rng = np.random.default_rng(0)
    pad = 3
    a = rng.standard_normal((3, 2, *((k, m + pad) if ta else (m, k + pad)))).astype(dtype)
    b = rng.standard_normal((2, 3, *((n, k + pad) if tb else (k, n + pad)))).astype(dtype)
    c = rng.standard_normal((2, 3, m, n + pad)).astype(dtype)
    one = a[..., :m].swapaxes(-1, -2) if ta else a[..., :k]
    two = b[..., :k].swapaxes(-1, -2) if tb else b[..., :n]
    expected = c.copy()
    expected[..., :n] = one.swapaxes(0, 1) @ two
    slots = np.zeros(len(blas.SLOT_NAMES), np.int64)
    slots[[blas.A, blas.B, blas.C]] = [x.ctypes.data for x in (a, b, c)]
    slots[[blas.TRANS_A, blas.TRANS_B, blas.M, blas.N, blas.K]] = ta, tb, m, n, k
    slots[[blas.LDA, blas.LDB, blas.LDC]] = [x.shape[-1] for x in (a, b, c)]
    size_a, size_b, size_c = (x[0, 0].size for x in (a, b, c))
    slots[[blas.INNER, blas.STRIDE_A, blas.STRIDE_B, blas.STRIDE_C]] = 3, 2 * size_a, size_b, size_c
    slots[[blas.OUTER_A, blas.OUTER_B, blas.OUTER_C]] = size_a, 3 * size_b, 3 * size_c
    rows = 0 if columns else rows or m
    chunks = -(-n // columns) if columns else -(-m // rows)
    slots[[blas.CHUNKS, blas.ROWS, blas.COLUMNS, blas.BLAS]] = chunks, rows, columns, blas.address(dtype)
    units = 6 * chunks
    cut = units // 2
    replay.run(np.array([[kernel.address, slots.ctypes.data, lo, hi] for lo, hi in ((0, cut), (cut, units))]))
    np.testing.assert_allclose(c, expected, rtol=0, atol=(k + 1) * 10 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", [blas.gemm, blas.small_gemm, blas.tiled_gemm])
def test_products(make: Any, dtype: Any) -> None:
    sizes = [(1, 1, 1), (3, 4, 5), (1, 17, 2), (17, 1, 9), (32, 10, 64), (2, 3, 0), (9, 150, 300), (1030, 5, 300)]
    for (m, n, k), ta, tb in itertools.product(sizes, (0, 1), (0, 1)):
        product(make(dtype), dtype, m, n, k, bool(ta), bool(tb))


@pytest.mark.parametrize("make", [blas.gemm, blas.tiled_gemm])
@pytest.mark.parametrize("rows", [1, 3, 5, 16])
def test_chunks_of_rows(rows: int, make: Any) -> None:
    for m, n, k in [(16, 70, 20), (23, 16, 700), (5, 5, 5)]:
        for ta in (False, True):
            product(make(np.float32), np.float32, m, n, k, ta, True, rows)


@pytest.mark.parametrize("make", [blas.small_gemm, blas.tiled_gemm])
@pytest.mark.parametrize("columns", [1, 32, 64, 100])
def test_chunks_of_columns(columns: int, make: Any) -> None:
    for m, n, k in [(16, 300, 20), (23, 130, 700), (5, 5, 5)]:
        for tb in (False, True):
            product(make(np.float32), np.float32, m, n, k, False, tb, columns=columns)


def test_choice_by_size() -> None:
    tiled, loops = (blas.choose(np.float32, n, n, n) for n in (100, 5))
    assert tiled.name == "tiled_gemm" and loops.name == "small_gemm"
    assert blas.choose(np.float32, 5, 5, 5, 100).name == "tiled_gemm"  # a stack of small ones
    assert blas.choose(np.float32, 1, 1000, 1000).name == "small_gemm"  # one row
    assert blas.choose(np.float32, 4000, 4000, 4000).name == "gemm"
    share = partial(blas.share, tiled, np.float32)
    assert share(64, 64, 16)[:3] == share(64, 64, 64)[:3] == (1, 64, 0)
    assert share(1024, 256, 64)[:3] == (64, 16, 0)
    assert share(64, 784, 64).rows == 0 and share(64, 784, 64).columns % lanes(np.float32) == 0


@pytest.mark.parametrize(("count", "large"), [(1, 1), (4, 0)])
def test_products_that_threads_may_share(monkeypatch: Any, count: int, large: int) -> None:
    found = blas.blas()
    assert found is not None and found.threads() >= 1
    monkeypatch.setattr(blas, "blas", lambda: found._replace(threads=lambda: count))
    sizes = [(n, n, n) for n in (5, 100, 4000)]
    shares = [blas.share(blas.choose(np.float32, *s), np.float32, *s) for s in sizes]
    assert [share.unit for share in shares] == [1, 1, large]
    assert (shares[-1].chunks > 1) == bool(large)
    long = [blas.share(blas.choose(np.float32, 64, 64, k), np.float32, 64, 64, k).seconds for k in (100, 1000)]
    assert 0 < long[0] < long[1]


def test_without_blas(monkeypatch: Any) -> None:
    monkeypatch.setattr(blas, "_extensions", lambda: [])
    blas.blas.cache_clear()
    try:
        assert blas.blas() is None and blas.address(np.float32) == 0
        assert blas.choose(np.float32, 1, 1000, 1000).name == "small_gemm"
    finally:
        blas.blas.cache_clear()


def test_scipy_is_not_imported() -> None:
    import subprocess
    import sys

    code = "import sys; from minitorch.core.jit.native import blas; assert blas.blas(); print('scipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False", done.stderr


# y = 2 y + bias, in place: what is done twice, or before the tile is there, shows.
TAIL = """
def tail(P, lo, hi):
    y = {p}(P[2]); bias = {p}(P[{first}]); n = P[6]
    for r in range(lo >> {bits}, hi >> {bits}):
        for c in free_range(lo & {mask}, hi & {mask}):
            y[r * n + c] = {t}(2) * y[r * n + c] + bias[c]
"""


def with_tail(
    dtype: Any, m: int, n: int, k: int, items: int, rows: int = 0, columns: int = 0, big: bool = False
) -> None:
    rng = np.random.default_rng(0)
    t, p = np.dtype(dtype).name, {4: "f32", 8: "f64"}[np.dtype(dtype).itemsize]
    bits, first = blas.COLUMN_BITS, len(blas.SLOT_NAMES)
    tail = compile_kernel(TAIL.format(t=t, p=p, bits=bits, mask=(1 << bits) - 1, first=first), "tail")
    a, b, bias = (rng.standard_normal(s).astype(dtype) for s in ((items, m, k), (items, k, n), n))
    c = np.full((items, m, n), np.nan, dtype)
    slots = np.zeros(first + 1, np.int64)
    slots[[blas.A, blas.B, blas.C, first]] = [x.ctypes.data for x in (a, b, c, bias)]
    slots[[blas.M, blas.N, blas.K, blas.LDA, blas.LDB, blas.LDC, blas.INNER]] = m, n, k, max(k, 1), n, n, items
    slots[[blas.STRIDE_A, blas.STRIDE_B, blas.STRIDE_C]] = m * k, k * n, m * n
    rows = 0 if columns else rows or m
    chunks = -(-n // columns) if columns else -(-m // rows)
    slots[[blas.CHUNKS, blas.ROWS, blas.COLUMNS, blas.TAIL]] = chunks, rows, columns, tail.address
    kernel, units = blas.tiled_gemm(dtype, big), items * chunks
    replay.run(np.array([[kernel.address, slots.ctypes.data, *cut] for cut in ((0, units // 2), (units // 2, units))]))
    np.testing.assert_allclose(c, 2 * (a @ b) + bias, rtol=0, atol=(k + 1) * 20 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_tail_comes_once_after_each_element(dtype: Any) -> None:
    sizes = (1, 3, 4, 7, 9, 16, 33, 64, 71, 130)
    for m, n in itertools.product(sizes, sizes):
        with_tail(dtype, m, n, 3, 2)
    for m, n, k in [(37, 70, 0), (33, 65, 300), (700, 150, 129), (5, 5, 1000)]:
        with_tail(dtype, m, n, k, 3)
        with_tail(dtype, m, n, k, 1, big=True)


@pytest.mark.parametrize("chunk", [1, 5, 16, 64])
def test_a_tail_of_chunks(chunk: int) -> None:
    for m, n, k in [(67, 70, 20), (16, 300, 140)]:
        with_tail(np.float32, m, n, k, 3, rows=chunk)
        with_tail(np.float32, m, n, k, 3, columns=chunk)
