"""Random numbers, compiled: the same to the last bit, drawn without a call of Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitorch as mt
from minitorch import random
from minitorch.core.ops.sampling import random_bits_p

KEY = random.key(7)
MANY = 1_000_001


def equal(function: Any, *args: Any, calls_python: bool = False) -> None:
    """Assert that a compiled function draws what eager draws, and says how."""
    run = mt.jit(function)
    np.testing.assert_array_equal(np.asarray(run(*args)), np.asarray(function(*args)))
    assert (" 0 calls of Python" not in run.explain(*args)) == calls_python


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
@pytest.mark.parametrize("shape", [(), (3,), (5, 7), (33,), (1000,), (4096,)])
def test_bits(shape: tuple[int, ...], dtype: Any) -> None:
    draw = lambda k: random_bits_p(k, shape=shape, dtype=np.dtype(dtype))  # noqa: E731
    equal(draw, KEY)
    equal(mt.vmap(draw), random.split(KEY, 5))


@pytest.mark.parametrize("dtype", ["int64", "int32", "int8", "uint8", "uint64"])
def test_keys(dtype: str) -> None:
    equal(lambda k: random.split(k, (2, 3)), KEY)
    for data in (3, 200 if dtype[0] == "u" else -7):
        equal(random.fold_in, KEY, mt.Array(np.array(data, dtype)))
    equal(mt.vmap(random.fold_in), random.split(KEY, 4), mt.Array(np.arange(4).astype(dtype)))


DRAWS: dict[str, Any] = {
    "normal": lambda k, dtype: random.normal(k, (MANY,), dtype),
    "uniform": lambda k, dtype: random.uniform(k, (MANY,), dtype),
    "uniform between bounds": lambda k, dtype: random.uniform(k, (MANY,), dtype, -1.3, 2.7),
    "bernoulli": lambda k, dtype: random.bernoulli(k, mt.array(0.3, dtype=dtype), (MANY,)),
    "exponential": lambda k, dtype: random.exponential(k, (MANY,), dtype),
    "gumbel": lambda k, dtype: random.gumbel(k, (MANY,), dtype),
    "laplace": lambda k, dtype: random.laplace(k, (MANY,), dtype),
    "logistic": lambda k, dtype: random.logistic(k, (MANY,), dtype),
    "categorical": lambda k, dtype: random.categorical(k, mt.cos(mt.arange(9).astype(dtype)), shape=(MANY // 9,)),
    "permutation": lambda k, dtype: random.permutation(k, mt.arange(999).astype(dtype)),
    "randint": lambda k, dtype: random.randint(k, (MANY,), -5, 1000),
}


@pytest.mark.parametrize("dtype", [mt.float32, mt.float64])
@pytest.mark.parametrize("name", DRAWS)
def test_streams_are_equal_to_the_last_bit(name: str, dtype: Any) -> None:
    equal(lambda k: DRAWS[name](k, dtype), KEY)


@pytest.mark.parametrize("name", ["normal", "uniform between bounds", "exponential", "categorical"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 2)])
def test_batches_of_keys(name: str, shape: tuple[int, ...]) -> None:
    draw: dict[str, Any] = {
        "normal": lambda k: random.normal(k, shape),
        "uniform between bounds": lambda k: random.uniform(k, shape, minval=-1.0, maxval=3.0),
        "exponential": lambda k: random.exponential(k, shape),
        "categorical": lambda k: random.categorical(k, mt.cos(mt.arange(9)), shape=shape),
    }
    equal(mt.vmap(draw[name]), random.split(KEY, 5))
    equal(mt.vmap(mt.vmap(draw[name])), random.split(KEY, (2, 3)))


@pytest.mark.parametrize("dtype", [mt.float32, mt.float64])
def test_gamma(dtype: Any) -> None:
    equal(lambda k: random.gamma(k, mt.array(1.7, dtype=dtype), (100_000,), dtype), KEY, calls_python=True)


def test_dropout_in_a_compiled_step() -> None:
    x = mt.array(np.ones(1000, np.float32))

    def step(x: Any) -> Any:
        return mt.nn.functional.dropout(mt.Tensor(x), 0.3)

    mt.manual_seed(3)
    wanted = [step(x).numpy() for _ in range(3)]
    mt.manual_seed(3)
    run = mt.jit(step)
    for one in wanted:
        np.testing.assert_array_equal(run(x).numpy(), one)
    assert not np.array_equal(wanted[0], wanted[1])
