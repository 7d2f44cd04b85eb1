"""float16 and bfloat16, compiled: computed in float32 and rounded after each operation, as eager does; no call of Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitorch as mt
from minitorch.core import dtypes
from minitorch.core.ops import pointwise

X, Y = np.random.default_rng(0).normal(size=(2, 40, 33))
ODD = [np.nan, np.inf, -np.inf, -0.0, 0.0, 6e4, -7e4, 1e-7, 1e-40, 3e38]

EPS = {dtypes.float16: 2.0**-10, dtypes.bfloat16: 2.0**-7}

FUNCTIONS: dict[str, Any] = {
    "sum of two": lambda x, y: x + y,
    "a number": lambda x, y: x * 0.1 - 3,
    "chain": lambda x, y: mt.sin(x * y + 1.5) * mt.exp(-y * y),
    "choice": lambda x, y: pointwise.where(x > y, x, y * 2),
    "quotient": lambda x, y: x / y,
    "comparison": lambda x, y: (x > y) | (y == y * 2),
    "extremes": lambda x, y: mt.maximum(x, y) + mt.abs(x),
    "transposed": lambda x, y: (x.T + 1) * y.T,
    "cut": lambda x, y: x[::2, 1:] + y[1::2, :-1],
    "laid out": lambda x, y: x.T.reshape(-1),
    "to float32": lambda x, y: x.astype("float32") * 3,
    "to and fro": lambda x, y: (x.astype("float32") * 3).astype(x.dtype) + y,
    "to the other": lambda x, y: x.astype("float16").astype("bfloat16"),
    "of bools": lambda x, y: (x > 0).astype(y.dtype) * y,
    "broadcast": lambda x, y: x[:1] * y[:, :1],
}
SMOOTH: dict[str, Any] = {
    "sums": lambda x, y: x.sum(1) + y.sum(),
    "columns": lambda x, y: (x * y).sum(0),
    "means": lambda x, y: x.mean(1, keepdims=True) * y,
    "largest": lambda x, y: x.max(0) - y.min(),
    "softmax": lambda x, y: mt.softmax(x, -1) * y,
    "gradient": lambda x, y: mt.grad(lambda x: (mt.tanh(x) * y).sum())(x),
}


def compare(function: Any, x: np.ndarray, y: np.ndarray, dtype: Any, rtol: float) -> None:
    """Assert that a compiled function of halves computes what eager does."""
    given = [mt.Array(v.astype(dtype)) for v in (x, y)]
    with np.errstate(all="ignore"):
        run = mt.jit(function)
        found, wanted = run(*given), function(*given)
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    np.testing.assert_allclose(found.numpy().astype(float), wanted.numpy().astype(float), rtol, rtol)
    assert " 0 calls of Python" in run.explain(*given)


@pytest.mark.parametrize("dtype", [dtypes.float16, dtypes.bfloat16], ids=["float16", "bfloat16"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_pointwise_is_exact(name: str, dtype: Any) -> None:
    x = X.copy()
    x.reshape(-1)[: len(ODD)] = ODD
    exact = name != "chain"  # sin and exp may differ in the last place of float32
    with np.errstate(all="ignore"):
        compare(FUNCTIONS[name], x, Y, dtype, 0 if exact else EPS[dtype])


@pytest.mark.parametrize("dtype", [dtypes.float16, dtypes.bfloat16], ids=["float16", "bfloat16"])
@pytest.mark.parametrize("name", SMOOTH)
def test_reductions(name: str, dtype: Any) -> None:
    compare(SMOOTH[name], X, Y, dtype, 2 * EPS[dtype])
