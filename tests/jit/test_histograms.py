"""Histograms of values that a compiled function computes: their shapes are known, so they need no data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitorch as mt
from minitorch.errors import ArgumentError

X = np.random.default_rng(0).random((20, 2))
W = np.random.default_rng(1).random(20)
CALLS: dict[str, Any] = {
    "histogramdd": lambda x: mt.histogramdd(x, [3, 4]),
    "in a range": lambda x: mt.histogramdd(x, [3, 4], range=[0.0, 1.0, 0.2, 0.7]),
    "one number": lambda x: mt.histogramdd(x, 5, density=True),
    "weighted": lambda x: mt.histogramdd(x, [3, 4], weight=mt.tensor(W)),
    "edges": lambda x: mt.histogramdd(x, [mt.linspace(0, 1, 4).double(), mt.linspace(0, 1, 3).double()]),
    "histogram": lambda x: mt.histogram(x, 5),
    "histogram in a range": lambda x: mt.histogram(x[:, 0], 5, range=(0.1, 0.9), weight=mt.tensor(W), density=True),
    "array face": lambda x: mt.numpy.histogramdd(x, (3, 4)),
}


@pytest.mark.parametrize("name", CALLS)
def test_equal_to_eager(name: str) -> None:
    x = mt.tensor(X)
    found, wanted = mt.tree.leaves(mt.jit(CALLS[name])(x)), mt.tree.leaves(CALLS[name](x))
    assert len(found) == len(wanted) > 1
    for a, b in zip(found, wanted):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), 1e-12)
    assert np.asarray(wanted[0]).sum() > 0


@pytest.mark.parametrize("bins", [0, -1])
def test_bins_and_ranges_are_checked(bins: int) -> None:
    with pytest.raises(ArgumentError, match="bins must be positive"):
        mt.jit(lambda x: mt.histogramdd(x, [bins, 2]))(mt.tensor(X))
    with pytest.raises(ArgumentError, match="range must rise"):
        mt.jit(lambda x: mt.histogram(x, 2, range=(1.0, 0.0)))(mt.tensor(X))
