"""Products with vectors, of either side and any layout, large enough to be parted."""

import numpy as np
import pytest

import minitorch as mt

rng = np.random.default_rng(0)
PRODUCTS = {
    "matrix, vector": lambda a, v, w: a @ v,
    "transposed matrix, vector": lambda a, v, w: a.t() @ w,
    "vector, matrix": lambda a, v, w: w @ a,
    "matrix, column": lambda a, v, w: a @ v[:, None],
    "matrix, part of a matrix": lambda a, v, w: a @ a.t()[:, 3:4],
    "row, transposed matrix": lambda a, v, w: v[None] @ a.t(),
    "every second number": lambda a, v, w: a[:, ::2] @ v[::2],
    "backwards": lambda a, v, w: a @ v.flip(0),
    "two vectors": lambda a, v, w: v @ v,
    "two columns": lambda a, v, w: a @ a.t()[:, :2],
    "a stack of matrices, vector": lambda a, v, w: a[: a.shape[0] // 2 * 2].reshape(2, -1, a.shape[1]) @ v,
    "a stack of columns": lambda a, v, w: a[None] @ v[None, :, None],
    "nothing in between": lambda a, v, w: a[:, :0] @ v[:0],
    "no rows": lambda a, v, w: a[:0] @ v,
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (33, 70), (700, 600)], ids=str)
@pytest.mark.parametrize("name", PRODUCTS)
def test_products_with_vectors(name, size, dtype):
    m, n = size
    a, v, w = (mt.tensor(rng.normal(size=s).astype(dtype)) for s in ((m, n), n, m))
    f = PRODUCTS[name]
    found, expected = mt.jit(f)(a, v, w), f(a, v, w)
    assert found.shape == expected.shape and found.dtype is expected.dtype
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=0, atol=2e3 * np.finfo(dtype).eps)


def test_threads_share_a_product_with_a_vector():
    before = mt.get_num_threads()
    a, v = (mt.tensor(rng.normal(size=s).astype(np.float32)) for s in ((1500, 1200), 1200))
    try:
        mt.set_num_threads(2)
        f = mt.jit(lambda a, v: (a @ v, a.t() @ (a @ v)))
        for _ in range(3):
            for found, expected in zip(f(a, v), (a @ v, a.t() @ (a @ v))):
                np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-4, atol=5e-2)
    finally:
        mt.set_num_threads(before)
