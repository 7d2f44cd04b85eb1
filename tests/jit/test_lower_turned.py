"""Kernels with operands that lie across their rows: every element in its place, at all sizes, in all dtypes."""

import itertools

import numpy as np
import pytest

import minitorch as mt
from minitorch.core import dtypes

SIZES = [1, 8, 15, 16, 17, 33, 128, 129, 300]
DTYPES = [dtypes.bool_, *dtypes.INTEGERS, dtypes.float16, dtypes.float32, dtypes.float64]


def numbers(*shape, dtype=np.float32):
    """Return numbers that tell the places apart; special values keep their bits."""
    found = np.arange(np.prod(shape)).reshape(shape).astype(np.float64)
    if np.dtype(dtype).kind == "f":
        found = found * 0.25 - 3.0
        found.flat[::7] = np.nan
        found.flat[::5] = -0.0
    return mt.tensor((found % 200).astype(dtype) if np.dtype(dtype) != bool else found % 3 == 0)


def same(found, expected):
    a, b = found.numpy(), expected.numpy()
    assert a.dtype == b.dtype
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("rows", SIZES)
def test_all_sizes(rows):
    for columns in SIZES:
        x, y = numbers(columns, rows), numbers(rows, columns)
        same(mt.jit(lambda x, y: x.t() + y)(x, y), x.t() + y)


@pytest.mark.parametrize("dtype", DTYPES, ids=dtypes.name)
def test_all_dtypes(dtype):
    x, y = numbers(40, 70, dtype=dtype), numbers(70, 40, dtype=dtype)
    choose = mt.jit(lambda x, y: mt.where(y == y, x.t(), y))
    same(choose(x, y), mt.where(y == y, x.t(), y))
    assert "turn(" in choose.explain(x, y)


@pytest.mark.parametrize("axes", list(itertools.permutations(range(4))), ids=str)
def test_all_orders_of_axes(axes):
    x = numbers(3, 20, 5, 18)
    f = mt.jit(lambda x: x.permute(*axes) + 1)
    same(f(x), x.permute(*axes) + 1)


def test_parts_of_a_matrix_and_several_operands():
    x, y, z = numbers(90, 80), numbers(50, 60), numbers(60)
    f = mt.jit(lambda x, y, z: x[5:65, 7:57].t() * y + z - x[20:80, 30:].t() + y.t()[:50, :50].sum())
    same(f(x, y, z), x[5:65, 7:57].t() * y + z - x[20:80, 30:].t() + y.t()[:50, :50].sum())


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_take_blocks_of_rows(threads):
    before = mt.get_num_threads()
    x, y = numbers(700, 900), numbers(900, 700)
    try:
        mt.set_num_threads(threads)
        f = mt.jit(lambda x, y: mt.where(y > 0, x.t() * 3, y))
        for _ in range(3):
            same(f(x, y), mt.where(y > 0, x.t() * 3, y))
    finally:
        mt.set_num_threads(before)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: mt.softmax(x.t(), -1),
        lambda x: mt.softmax(x.t(), 0),
        lambda x: (x.t() * 2).sum(-1),
        lambda x: (x.t() * 2).sum(0),
        lambda x: x.t() - x.t().mean(-1, keepdim=True),
        lambda x: x.t().var(-1),
        lambda x: mt.nn.functional.layer_norm(x.t(), (x.shape[0],)),
    ],
    ids=["softmax", "softmax of columns", "sum", "sum of columns", "centered", "variance", "layer norm"],
)
def test_reductions_of_what_lies_across(f):
    x = mt.tensor(np.random.default_rng(0).normal(size=(64, 48)).astype(np.float32)).requires_grad_()
    compiled = mt.jit(f)
    for g in (f, compiled):
        x.grad = None
        out = g(x)
        out.exp().sum().backward()
        if g is f:
            expected, gradient = out.detach(), x.grad
    np.testing.assert_allclose(out.detach().numpy(), expected.numpy(), rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(x.grad.numpy(), gradient.numpy(), rtol=2e-5, atol=1e-5)
    assert "turn(" in compiled.explain(x)


def test_a_matrix_is_turned_once_for_a_reduction_and_what_follows_it():
    text = mt.jit(lambda x: mt.softmax(x.t(), -1)).explain(numbers(64, 48))
    assert text.count("turn(") == 1 and "in 2 kernel calls" in text
