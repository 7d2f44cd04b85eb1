"""utils.checkpoint beside PyTorch's, and the memory that it saves."""

from __future__ import annotations

import gc
import tracemalloc
from contextlib import contextmanager

import numpy as np
import pytest

import minitorch as mt
from minitorch.errors import ArgumentError
from minitorch.utils.checkpoint import checkpoint, checkpoint_sequential

WEIGHT = np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)
X = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)
OPTIONS = [{"use_reentrant": True}, {"use_reentrant": False}, {"use_reentrant": False, "preserve_rng_state": False}]


def gradients(lib, wrapped, **options):
    """Return loss and gradients of a program with a checkpoint in it, or without."""
    call = lib.utils.checkpoint.checkpoint if wrapped else (lambda f, *args, **_: f(*args))
    weight, x = lib.tensor(WEIGHT.copy(), requires_grad=True), lib.tensor(X.copy(), requires_grad=True)

    def block(x, scale, extra):
        return (x @ weight).tanh() * scale, {"sum": (x * extra["y"]).sum()}

    y = lib.tensor(X.copy()) * 2
    out, more = call(block, x, 3, {"y": y}, **options)
    loss = (out * out).sum() + more["sum"]
    loss.backward()
    return [t.detach().numpy() for t in (loss, weight.grad, x.grad)]


@pytest.mark.torch
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_as_without_and_as_pytorch(options):
    mine = gradients(mt, True, **options)
    for a, b in zip(mine, gradients(mt, False), strict=True):
        np.testing.assert_array_equal(a, b)
    if options["use_reentrant"]:
        return  # PyTorch's takes no dicts then
    torch = pytest.importorskip("torch")
    pytest.importorskip("torch.utils.checkpoint")

    for a, b in zip(mine, gradients(torch, True, **options), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("segments", [1, 2, 3, 5])
@pytest.mark.parametrize("as_list", [False, True])
def test_sequential(segments, as_list):
    mt.manual_seed(0)
    model = mt.nn.Sequential(mt.nn.Linear(4, 6), mt.nn.Tanh(), mt.nn.Dropout(0.4), mt.nn.Linear(6, 3), mt.nn.Sigmoid())
    found = []
    functions = list(model) if as_list else model
    for call in (model, lambda x: checkpoint_sequential(functions, segments, x, use_reentrant=False)):
        model.zero_grad()
        x = mt.tensor(X.copy(), requires_grad=True)
        mt.manual_seed(3)
        call(x).square().sum().backward()
        found.append([x.grad.numpy(), *(p.grad.numpy() for p in model.parameters())])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_random_numbers_are_the_same_in_both_runs():
    x = mt.ones(100, requires_grad=True)
    mask = checkpoint(lambda x: mt.nn.functional.dropout(x, 0.5), x, use_reentrant=False)
    after = mt.rand(1)
    mask.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), mask.detach().numpy())
    assert mt.rand(1).item() != after.item()


def test_runs_twice_in_the_contexts_given():
    seen = []

    @contextmanager
    def noting(name):
        seen.append(name)
        yield

    x = mt.ones(2, requires_grad=True)
    out = checkpoint(lambda x: x.exp(), x, context_fn=lambda: (noting("first"), noting("again")), use_reentrant=False)
    assert seen == ["first"]
    out.sum().backward()
    assert seen == ["first", "again"]


def test_modules_keywords_and_no_gradients():
    layer = mt.nn.Linear(4, 2)
    out = checkpoint(lambda module, x, *, scale: module(x) * scale, layer, mt.tensor(X), scale=2.0, use_reentrant=False)
    out.sum().backward()
    np.testing.assert_allclose(layer.weight.grad.numpy(), 2 * np.tile(X.sum(0), (2, 1)), rtol=1e-5)
    with mt.no_grad():
        assert not checkpoint(layer, mt.tensor(X), use_reentrant=False).requires_grad


def test_inside_jit():
    layer = mt.nn.Linear(4, 4)

    def loss(x):
        return checkpoint(lambda x: layer(x).tanh(), x, use_reentrant=False).sum()

    loss(mt.tensor(X)).backward()
    eager = layer.weight.grad.numpy().copy()
    layer.zero_grad()

    @mt.jit
    def step(x):
        loss(x).backward()

    step(mt.tensor(X))
    np.testing.assert_allclose(layer.weight.grad.numpy(), eager, rtol=1e-5)


def test_memory_falls():
    layers = [mt.nn.Tanh() for _ in range(100)]

    def peak(function):
        x = mt.ones(10_000, requires_grad=True)  # 40 kB
        gc.collect()
        tracemalloc.start()
        function(x).sum().backward()
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    without = peak(mt.nn.Sequential(*layers))
    with_ = peak(lambda x: checkpoint_sequential(layers, 10, x, use_reentrant=False))
    assert without > 95 * 40_000
    assert with_ < 30 * 40_000


def test_refusals():
    with pytest.raises(ArgumentError, match="segments must lie between 1 and 2, got 3"):
        checkpoint_sequential([mt.sin, mt.cos], 3, mt.ones(1))
    with pytest.raises(ArgumentError, match="determinism_check"):
        checkpoint(mt.sin, mt.ones(1), determinism_check="strict")
