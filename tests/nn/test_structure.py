"""A module is a pytree: every transform takes it; functional_call puts other tensors in the place of its own."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn
from minitorch.core import tree
from minitorch.errors import ArgumentError

from .test_module import Net, Tied

X, WEIGHTS = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)


@pytest.fixture(autouse=True)
def _seed():
    mt.manual_seed(0)


def loss_of(model):
    return (model(mt.tensor(X)) * mt.tensor(WEIGHTS[:, : model.width])).sum()


def gradients(model):
    model.zero_grad()
    loss_of(model).backward()
    return {name: p.grad.numpy() for name, p in model.named_parameters()}


@pytest.mark.parametrize("kind", [Net, Tied])
def test_grad_of_a_module_is_a_module(kind):
    model = kind()
    wanted = gradients(model)
    found = mt.grad(loss_of)(model)
    assert type(found) is kind
    for name, p in found.named_parameters():
        assert isinstance(p, nn.Parameter)
        np.testing.assert_allclose(p.detach().numpy(), wanted[name], rtol=1e-5, atol=1e-6)


def test_value_and_grad_with_a_dict():
    model = Net().eval()  # in training, batch normalization would write to a buffer that was not passed in
    weights = mt.tensor(WEIGHTS[:, :2])
    params = {name: p.detach() for name, p in model.named_parameters()}
    value, grads = mt.value_and_grad(lambda p: (nn.functional_call(model, p, mt.tensor(X)) * weights).sum())(params)
    for name, wanted in gradients(model).items():
        np.testing.assert_allclose(grads[name].numpy(), wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(value.item(), loss_of(model).item(), rtol=1e-6)


def test_maps_over_modules():
    model = Net()
    moved = tree.map(lambda p, g: p - 0.1 * g, model, mt.grad(loss_of)(model))
    assert type(moved) is Net
    assert loss_of(moved).item() < loss_of(model).item()
    average = tree.map(lambda a, b: (a + b) / 2, moved.eval(), model)
    assert isinstance(average, Net)
    with pytest.raises(ValueError, match=r"."):
        tree.map(lambda a, b: a, model, nn.Linear(3, 2))


def test_flattening_and_rebuilding():
    model = Net()
    leaves, structure = tree.flatten(model)
    assert len(leaves) == 6  # four parameters and two running statistics; the integer counter is carried along
    twin = tree.unflatten(structure, leaves)
    assert twin.norm.num_batches_tracked is not model.norm.num_batches_tracked
    assert list(twin.state_dict()) == list(model.state_dict())
    assert twin.note is model.note
    assert tree.structure(twin) == structure
    assert [p for p in tree.paths(model) if "norm.weight" in p]


def test_tied_weights_get_one_gradient_and_stay_tied():
    model = Tied()
    assert len(tree.leaves(model)) == 1
    twin = tree.map(lambda x: x * 2, model)
    assert twin.first.weight is twin.second.weight
    assert twin.again is twin.first


def test_the_model_is_left_alone():
    model = Net()
    before = model.norm.num_batches_tracked.item(), model.norm.running_mean.numpy().copy()
    mt.grad(loss_of)(model)
    assert model.norm.num_batches_tracked.item() == before[0]
    np.testing.assert_array_equal(model.norm.running_mean.numpy(), before[1])
    assert all(p.grad is None and p.requires_grad for p in model.parameters())


def test_transforms_nest_around_modules():
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    x = np.random.default_rng(1).normal(size=(5, 3))
    one = lambda m, x: m(x).sum()  # noqa: E731
    each = mt.vmap(mt.grad(one), in_axes=(None, 0))(model, mt.tensor(x))
    for i in range(5):
        wanted = mt.grad(one)(model, mt.tensor(x[i]))
        for a, b in zip(each.parameters(), wanted.parameters()):
            np.testing.assert_allclose(a[i].detach().numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-12)
    _, slope = mt.jvp(lambda m: one(m, mt.tensor(x[0])), (model,), (tree.map(lambda p: p * 0 + 1, model),))
    total = sum(float(g.sum()) for g in mt.grad(one)(model, mt.tensor(x[0])).parameters())
    np.testing.assert_allclose(slope.item(), total, rtol=1e-9)


def test_functional_call():
    model, x = Tied(), mt.tensor(X)
    eye = mt.eye(3)
    np.testing.assert_array_equal(nn.functional_call(model, {"first.weight": eye}, x).detach().numpy(), X)
    apart = nn.functional_call(model, {"first.weight": eye}, (x,), tie_weights=False)
    np.testing.assert_allclose(apart.detach().numpy(), X @ model.first.weight.detach().numpy().T, rtol=1e-5)
    np.testing.assert_array_equal(nn.functional_call(model, ({}, {"first.weight": eye}), x, strict=True).numpy(), X)
    with pytest.raises(ArgumentError, match=r"Unexpected key.*wait"):
        nn.functional_call(model, {"wait": eye}, x)
    with pytest.raises(ArgumentError, match="Missing key"):
        nn.functional_call(Net(), {}, x, strict=True)


def test_functional_call_is_safe_in_threads():
    model, wrong = nn.Linear(3, 3, bias=False), []

    def run(scale):
        for _ in range(200):
            out = nn.functional_call(model, {"weight": mt.eye(3) * scale}, mt.ones(1, 3))
            if out.tolist() != [[scale] * 3]:
                wrong.append(scale)

    threads = [threading.Thread(target=run, args=(float(i),)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_hooks_before_and_after():
    layer, seen = nn.Linear(2, 2), []
    before = layer.register_forward_pre_hook(lambda m, args: seen.append("before"))
    layer.register_forward_pre_hook(lambda m, args: (args[0] * 0,), prepend=True)
    after = layer.register_forward_hook(lambda m, args, out: out + 1)
    out = layer(mt.ones(1, 2))
    np.testing.assert_allclose(out.detach().numpy()[0], layer.bias.detach().numpy() + 1, rtol=1e-6)
    assert seen == ["before"]
    before.remove()
    after.remove()
    np.testing.assert_allclose(layer(mt.ones(1, 2)).detach().numpy()[0], layer.bias.detach().numpy(), rtol=1e-6)
    assert seen == ["before"]


def test_hooks_with_keywords():
    class Scaled(nn.Module):
        def forward(self, x, factor=1.0):
            return x * factor

    layer, seen = Scaled(), []
    layer.register_forward_pre_hook(lambda m, args, kwargs: (args, {"factor": 3.0}), with_kwargs=True)
    layer.register_forward_hook(lambda m, args, kwargs, out: seen.append(kwargs["factor"]), with_kwargs=True)
    assert layer(mt.ones(1), factor=2.0).tolist() == [3.0]
    layer.register_forward_hook(lambda m, args, out: seen.append(out), always_call=True)
    with pytest.raises(TypeError):
        layer("no tensor")
    assert seen == [3.0, None]


def test_hooks_on_the_backward_pass():
    layer, seen = nn.Linear(2, 3), []
    layer.register_full_backward_hook(lambda m, into, out: seen.append((into, out)))
    x = mt.ones(4, 2, requires_grad=True)
    layer(x).sum().backward()
    ((into, out),) = seen
    np.testing.assert_allclose(into[0].numpy(), x.grad.numpy())
    assert out[0].tolist() == [[1.0] * 3] * 4
    layer(mt.ones(4, 2)).sum().backward()
    assert seen[1][0] == (None,)
    layer.register_full_backward_hook(lambda m, into, out: (into[0] * 10,))
    layer.register_full_backward_pre_hook(lambda m, out: (out[0] * 2,))
    y = mt.ones(4, 2, requires_grad=True)
    layer(y).sum().backward()
    np.testing.assert_allclose(y.grad.numpy(), 20 * x.grad.numpy(), rtol=1e-6)


def test_e16_training_leaves_no_cycles():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Dropout(0.1), nn.Linear(3, 2))
    optimizer = mt.optim.Adam(model.parameters())
    x, y = mt.randn(4, 2), mt.tensor([0, 1, 0, 1])

    def step():
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    step()
    gc.collect()
    gc.disable()
    try:
        for _ in range(10_000):
            step()
        assert gc.collect() == 0
    finally:
        gc.enable()
