"""E8: broadcasting and its undoing, over all 7,225 ordered pairs of shapes of rank up to 3 with sizes 0 to 3."""

from itertools import product

import numpy as np
import pytest

from minitorch.core.array import Array
from minitorch.core.errors import ShapeError
from minitorch.core.ops.pointwise import add, mul
from minitorch.core.transforms import vjp

SHAPES = [shape for rank in range(4) for shape in product(range(4), repeat=rank)]


def unbroadcast(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Add each element of `g` to the one it was broadcast from, by number."""
    size = int(np.prod(shape))
    origin = np.broadcast_to(np.arange(size).reshape(shape), g.shape)
    return np.bincount(origin.ravel(), g.ravel(), minlength=size).reshape(shape)


def sample(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Small whole numbers, so that every sum is exact."""
    return rng.integers(-4, 5, shape).astype(np.float64)


def check(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> None:
    g = sample(rng, np.broadcast_shapes(x.shape, y.shape))
    for ours, theirs, dx, dy in ((add, np.add, g, g), (mul, np.multiply, g * y, g * x)):
        out, pull = vjp(ours, Array(x), Array(y))
        assert out.shape == g.shape
        assert np.array_equal(out.numpy(), theirs(x, y))
        for found, wanted, shape in zip(pull(Array(g)), (dx, dy), (x.shape, y.shape), strict=True):
            assert found.shape == shape
            assert found.dtype == np.float64
            assert np.array_equal(found.numpy(), unbroadcast(wanted, shape))


def broadcast(x: tuple[int, ...], y: tuple[int, ...]) -> bool:
    return all(a == b or 1 in (a, b) for a, b in zip(x[::-1], y[::-1], strict=False))


def test_e8_there_are_7225_pairs():
    assert len(SHAPES) ** 2 == 7225


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_e8_broadcast_pairs(shape):
    rng = np.random.default_rng(0)
    x = sample(rng, shape)
    for other in SHAPES:
        y = sample(rng, other)
        if broadcast(shape, other):
            check(x, y, rng)
        else:
            with pytest.raises(ShapeError, match="add") as raised:
                add(Array(x), Array(y))
            assert str(shape) in str(raised.value) and str(other) in str(raised.value)
