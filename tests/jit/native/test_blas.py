"""Matrix products as kernels against NumPy."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from minitorch.core.jit.native import blas, replay


def product(kernel: Any, dtype: Any, batch: int, m: int, n: int, k: int, ta: bool, tb: bool, keep: bool) -> None:
    rng = np.random.default_rng(0)
    pad = 3  # rows in memory are longer than the matrices
    a = rng.standard_normal((batch, *((k, m + pad) if ta else (m, k + pad)))).astype(dtype)
    b = rng.standard_normal((batch, *((n, k + pad) if tb else (k, n + pad)))).astype(dtype)
    c = rng.standard_normal((batch, m, n + pad)).astype(dtype)
    one = a[:, :, :m].transpose(0, 2, 1) if ta else a[:, :, :k]
    two = b[:, :, :k].transpose(0, 2, 1) if tb else b[:, :, :n]
    expected = c.copy()
    expected[:, :, :n] = 0.5 * (one @ two) + keep * c[:, :, :n]
    slots = np.zeros(len(blas.SLOT_NAMES), np.int64)
    slots[[blas.A, blas.B, blas.C]] = [x.ctypes.data for x in (a, b, c)]
    slots[[blas.TRANS_A, blas.TRANS_B, blas.ACCUMULATE]] = ta, tb, keep
    slots[[blas.M, blas.N, blas.K]] = m, n, k
    slots[[blas.LDA, blas.LDB, blas.LDC]] = [x.shape[2] for x in (a, b, c)]
    slots[[blas.STRIDE_A, blas.STRIDE_B, blas.STRIDE_C]] = [x[0].size for x in (a, b, c)]
    slots[blas.ALPHA], slots[blas.BLAS] = blas.alpha_bits(0.5), blas.address(dtype)
    replay.run(np.array([[kernel.address, slots.ctypes.data, 0, batch, 0]]))
    np.testing.assert_allclose(c, expected, rtol=0, atol=(k + 1) * 10 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", [blas.gemm, blas.small_gemm])
def test_products(make: Any, dtype: Any) -> None:
    sizes = [(1, 1, 1), (3, 4, 5), (1, 17, 2), (17, 1, 9), (32, 10, 64), (2, 3, 0)]
    for (m, n, k), ta, tb, keep in itertools.product(sizes, (0, 1), (0, 1), (0, 1)):
        product(make(dtype), dtype, 3, m, n, k, bool(ta), bool(tb), bool(keep))


def test_choice_by_size() -> None:
    assert blas.choose(np.float32, 100, 100, 100).name == "gemm"
    assert blas.choose(np.float32, 10, 10, 10).name == "small_gemm"
    assert blas.grain(500, 500, 500) == 0 and blas.grain(64, 64, 16) == 3 and blas.grain(0, 4, 4) > 0


def test_without_blas(monkeypatch: Any) -> None:
    monkeypatch.setattr(blas, "_extensions", lambda: [])
    blas.blas.cache_clear()
    try:
        assert blas.blas() is None and blas.address(np.float32) == 0
        assert blas.choose(np.float32, 100, 100, 100).name == "small_gemm"
    finally:
        blas.blas.cache_clear()


def test_scipy_is_not_imported() -> None:
    import subprocess
    import sys

    code = "import sys; from minitorch.core.jit.native import blas; assert blas.blas(); print('scipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False", done.stderr
