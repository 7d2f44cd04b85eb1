"""A parameter is written in place only where nobody else can see it, and comes out as it would otherwise."""

from __future__ import annotations

import copy
import sys

import numpy as np
import pytest

import minitorch as mt
from minitorch.optim import axpy

# What may still lead to a parameter's buffer, and how its numbers are read later.
HOLDERS = {
    "value": lambda p: p.value,
    "detach": lambda p: p.detach().value,
    "numpy": lambda p: p.detach().numpy(),
    "a part of numpy": lambda p: p.detach().numpy()[1:],
    "memoryview": lambda p: memoryview(p.detach().numpy()),
    "product with one": lambda p: (p * 1).value,
    "reshaped": lambda p: p.detach().reshape(-1).numpy(),
    "transposed": lambda p: p.detach().t().numpy(),
    "copy": lambda p: copy.copy(p).value,
    "state_dict": lambda p: mt.nn.ParameterList([p]).state_dict()["0"].value,
    "another handle": lambda p: mt.tensor(0.0).new_tensor(p.detach()).value,
}


def made(rows=3, columns=2, dtype=mt.float32):
    """Return a parameter that has been stepped once, so that its buffer is its own, and its optimizer."""
    p = mt.nn.Parameter(mt.randn(rows, columns, dtype=dtype))
    optimizer = mt.optim.SGD([p], lr=0.5)
    for _ in range(2):
        p.grad = mt.ones(rows, columns, dtype=dtype)
        optimizer.step()
    return p, optimizer


def address(p):
    return p.value._data.ctypes.data


def test_a_parameter_that_is_alone_is_written_in_place():
    p, optimizer = made()
    before, version = address(p), p._version
    expected = p.detach().numpy() - 0.5
    optimizer.step()
    assert address(p) == before and p._version == version + 1
    np.testing.assert_array_equal(p.detach().numpy(), expected)


@pytest.mark.parametrize("name", HOLDERS)
def test_what_somebody_holds_keeps_its_numbers(name):
    p, optimizer = made()
    held = HOLDERS[name](p)
    before = np.array(held)
    expected = p.detach().numpy() - 0.5
    optimizer.step()
    np.testing.assert_array_equal(np.array(held), before)
    np.testing.assert_array_equal(p.detach().numpy(), expected)


def test_a_graph_keeps_what_it_saved():
    p, optimizer = made()
    y = (p * p * p).sum()
    before = p.detach().clone()
    optimizer.step()
    p.grad = None
    y.backward()
    np.testing.assert_allclose(p.grad.numpy(), 3 * before.numpy() ** 2, rtol=1e-6)


def test_views_follow():
    p, optimizer = made()
    row = p.detach()[1]
    expected = p.detach().numpy() - 0.5
    optimizer.step()
    np.testing.assert_array_equal(p.detach().numpy(), expected)
    np.testing.assert_array_equal(row.numpy(), expected[1])


def test_a_storage_that_only_its_tensor_is_left_on():
    p, optimizer = made()
    p.data.add_(1.0)
    view, version = p._view, p._version
    assert view is not None
    optimizer.step()
    before = address(p)
    expected = p.value.numpy() - 0.5
    optimizer.step()
    assert address(p) == before and p._view is view and p._version == version + 2
    np.testing.assert_array_equal(p.detach().numpy(), expected)
    held = p.data
    optimizer.step()
    np.testing.assert_array_equal(held.numpy(), expected - 0.5)


def test_loading_a_state_leaves_no_storage_behind():
    model = mt.nn.Linear(2, 3)
    state = {name: x + 1 for name, x in model.state_dict().items()}
    held = model.weight.detach()
    model.load_state_dict(state)
    assert model.bias._view is None and model.weight._view is not None
    assert held.tolist() == model.weight.tolist() == state["weight"].tolist()
    version = model.bias._version
    model.bias.data.zero_()
    assert model.bias._version == version + 1 and model.bias.tolist() == [0.0, 0.0, 0.0]


def test_one_gradient_for_two():
    p, q = (mt.nn.Parameter(mt.ones(2)) for _ in range(2))
    optimizer = mt.optim.SGD([p, q], lr=1.0)
    p.grad = q.grad = mt.tensor([1.0, 2.0])
    for _ in range(3):
        optimizer.step()
    assert p.tolist() == q.tolist() == [-2.0, -5.0]


def test_a_gradient_that_is_the_parameter():
    p, optimizer = made()
    p.grad = p.detach()
    expected = p.detach().numpy() * 0.5
    optimizer.step()
    np.testing.assert_array_equal(p.detach().numpy(), expected)


SHAPES = [(), (0,), (1,), (7,), (1, 1), (3, 5), (0, 4), (33, 1)]


@pytest.mark.parametrize("dtype", [mt.float32, mt.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("options", [{}, {"momentum": 0.9}, {"weight_decay": 0.1}, {"maximize": True}], ids=str)
def test_equal_to_the_rule_by_hand(shape, dtype, options):
    generator = mt.Generator().manual_seed(0)
    start = mt.randn(*shape, dtype=dtype, generator=generator)
    p = mt.nn.Parameter(start.clone())
    optimizer = mt.optim.SGD([p], lr=0.125, **options)
    x, buffer = start.numpy().astype(np.float64), 0.0
    for i in range(4):
        gradient = mt.randn(*shape, dtype=dtype, generator=generator)
        p.grad = gradient
        g = (
            gradient.numpy().astype(np.float64) * (-1 if "maximize" in options else 1)
            + options.get("weight_decay", 0) * x
        )
        buffer = g if i == 0 else options.get("momentum", 0) * buffer + g
        x = x - 0.125 * (buffer if "momentum" in options else g)
        optimizer.step()
    np.testing.assert_allclose(p.detach().numpy(), x, rtol=1e-6 if dtype is mt.float32 else 1e-14, atol=1e-7)


def misaligned(x):
    """Return a copy that begins in the midst of a word."""
    made = np.empty(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    made[...] = x
    return made


LAYOUTS = {
    "C": np.copy,
    "F": lambda x: np.array(x, order="F"),
    "sliced": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "reversed": lambda x: np.copy(x[::-1])[::-1],
    "misaligned": misaligned,
}


@pytest.mark.parametrize("routine", [axpy.routine, lambda kind: axpy._plain], ids=["blas", "numpy"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout(routine, layout, monkeypatch):
    monkeypatch.setattr(axpy, "routine", routine)
    x, d = (np.random.default_rng(i).standard_normal((6, 8)) for i in range(2))
    for direction in (LAYOUTS[layout](d), d):
        got = LAYOUTS[layout](x)
        axpy.add_multiple(got, direction, 0.25)
        np.testing.assert_allclose(got, x + 0.25 * d, rtol=1e-15)


@pytest.mark.parametrize("rate", [0.0, 1e-50, 1e-40])
def test_a_rate_of_nothing_hides_no_nan(rate):
    p, _ = made()
    p.grad = mt.full((3, 2), float("nan"))
    mt.optim.SGD([p], lr=rate).step()
    assert bool(p.isnan().all())


def test_a_transposed_parameter():
    p = mt.nn.Parameter(mt.arange(6.0).reshape(2, 3).t())
    optimizer = mt.optim.SGD([p], lr=1.0)
    for _ in range(3):
        p.grad = mt.arange(6.0).reshape(3, 2)
        optimizer.step()
    assert p.tolist() == [[0.0, 0.0], [-5.0, -5.0], [-10.0, -10.0]]


def test_the_extension_is_loaded_once_and_the_package_stays_whole():
    assert axpy.routine("d") is not axpy._plain
    import scipy.linalg

    np.testing.assert_allclose(scipy.linalg.solve(2 * np.eye(2), np.ones(2)), [0.5, 0.5])
    assert sys.modules["scipy.linalg._fblas"].daxpy is scipy.linalg.blas.daxpy


def test_without_the_extension(monkeypatch):
    monkeypatch.setattr(axpy, "find_spec", lambda name: None)
    monkeypatch.delitem(sys.modules, "scipy.linalg._fblas", raising=False)
    assert axpy._blas() is None
