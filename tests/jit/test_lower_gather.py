"""Elements picked from each row of a matrix: all dtypes, negative positions, and positions outside."""

import numpy as np
import pytest

import minitorch as mt
from minitorch.core import dtypes

rng = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", [dtypes.bool_, *dtypes.INTEGERS, dtypes.float32, dtypes.float64], ids=dtypes.name)
@pytest.mark.parametrize("count", [0, 1, 7, 50])
def test_columns_by_index(dtype, count):
    x = mt.tensor((rng.normal(size=(3, 11, 9)) * 9).astype(dtype))
    i = mt.tensor(rng.integers(-9, 9, count))
    f = mt.jit(lambda x, i: x[..., i])
    found, expected = f(x, i), x[..., i]
    assert found.dtype is expected.dtype and found.shape == expected.shape
    np.testing.assert_array_equal(found.numpy(), expected.numpy())
    assert ("def pick(" in f.explain(x, i)) is (count > 0)  # nothing needs no kernel


@pytest.mark.parametrize("place", [9, -10, 2**40])
def test_an_index_outside_raises(place):
    x, i = mt.tensor(rng.normal(size=(11, 9))), mt.tensor([1, place, 2])
    f = mt.jit(lambda x, i: x[:, i])
    assert f(x, mt.tensor([1, -9, 2])).shape == (11, 3)
    with pytest.raises(IndexError):
        f(x, i)
    assert f(x, mt.tensor([8, 0, 2])).tolist() == x[:, [8, 0, 2]].tolist()
