"""Compiled programs on several threads: the results of one thread, the same bits each time, whatever runs beside."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn
from minitorch.core.jit.native import replay

Run = Callable[[int], list[np.ndarray[Any, Any]]]  # so many steps; the losses, and the parameters at the end


@pytest.fixture(autouse=True)
def many_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = mt.get_num_threads()
    monkeypatch.setattr(replay, "cores", lambda: 4)
    yield
    mt.set_num_threads(before)


def classifier() -> Run:
    """Return a training run of a small convolutional network."""
    mt.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(3136, 10),
    )
    return training(model, mt.randn(32, 1, 28, 28), mt.randint(0, 10, (32,)))


def perceptron() -> Run:
    """Return a training run with products, layer norm, dropout and softmax."""
    mt.manual_seed(1)
    model = nn.Sequential(
        nn.Linear(100, 256),
        nn.GELU(),
        nn.LayerNorm(256),
        nn.Dropout(0.1),
        nn.Linear(256, 256),
        nn.ReLU(),
        nn.Linear(256, 40),
    )
    return training(model, mt.randn(300, 100), mt.randint(0, 40, (300,)))


def training(model: Any, x: Any, y: Any) -> Run:
    optimizer = mt.optim.Adam(model.parameters(), lr=1e-3)

    @mt.jit
    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    def run(steps: int) -> list[np.ndarray[Any, Any]]:
        losses = [step(x, y) for _ in range(steps)]
        return [t.detach().numpy() for t in (*losses, *model.parameters())]

    return run


def trained(make: Callable[[], Run], threads: int) -> list[np.ndarray[Any, Any]]:
    mt.set_num_threads(threads)
    return make()(12)


@pytest.mark.parametrize("make", [classifier, perceptron])
def test_training_is_the_same(make: Callable[[], Run]) -> None:
    alone = trained(make, 1)
    for threads in (2, 3):
        first, second = trained(make, threads), trained(make, threads)
        for one, two, expected in zip(first, second, alone, strict=True):
            assert (one == two).all()
            np.testing.assert_allclose(one, expected, rtol=1e-4, atol=1e-5)


def test_several_callers_at_once() -> None:
    expected = trained(classifier, 2)
    starts = [classifier() for _ in range(8)]
    found: list[Any] = [None] * len(starts)

    def work(i: int) -> None:
        found[i] = starts[i](12)

    callers = [threading.Thread(target=work, args=(i,)) for i in range(len(starts))]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(120)
    for one in found:
        assert all((x == y).all() for x, y in zip(one, expected, strict=True))


@pytest.mark.parametrize("dtype", [mt.float32, mt.int64])
@pytest.mark.parametrize("shape", [(1 << 18,), (4, 1 << 16), (3, 5, 1 << 17)])
def test_long_reductions(shape: tuple[int, ...], dtype: Any) -> None:
    mt.set_num_threads(2)
    x = mt.randn(*shape).mul(100).to(dtype)
    values = x.numpy()
    axis = None if len(shape) < 3 else -1
    total = mt.jit(lambda x: x.sum() if axis is None else x.sum(-1))
    np.testing.assert_allclose(total(x).numpy(), values.astype(np.float64).sum(axis), rtol=1e-5, atol=1e-2)
    for name in ("amax", "amin"):
        f = mt.jit(lambda x, name=name: getattr(mt, name)(x, -1))
        assert (f(x).numpy() == getattr(values, name[1:])(-1)).all()
    assert mt.jit(lambda x: (x > 1000).any())(x).item() == bool((values > 1000).any())
    if dtype == mt.float32:
        scaled = mt.jit(lambda x: (x - x.mean()) / x.std())
        np.testing.assert_allclose(scaled(x).numpy(), scaled.__wrapped__(x).numpy(), rtol=1e-4, atol=1e-5)


def test_a_long_reduction_comes_in_parts() -> None:
    x = mt.ones(1 << 18)
    text = mt.jit(lambda x: (x * 2).sum()).explain(x)
    assert "rows 16x16384" in text and "rows 1x16" in text
    assert "16x16384" not in mt.jit(lambda x: x / x.sum()).explain(x)
