"""Modules that a compiled function returns, and the nodes of its results, made natively, are those that Python makes."""

import gc
import sys

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn
from minitorch.compiling import handles
from minitorch.core.jit.native import making
from minitorch.core.jit.native.objects import supported

native = pytest.mark.skipif(not supported() or not making.functions(), reason="objects cannot be made natively")


class Tied(nn.Module):
    """A weight used twice, a module used twice, and names without a parameter."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(3, 3, bias=False)
        self.again = self.inner
        self.scale = nn.Parameter(mt.tensor([1.0, 2.0, 3.0]))
        self.register_parameter("shift", None)
        self.label = "tied"

    def forward(self, x):
        return self.again(self.inner(x)) * self.scale


def network():
    return nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 2))


NETWORKS = {
    "one layer": lambda: nn.Linear(3, 2),
    "several": network,
    "within one another": lambda: nn.Sequential(network(), nn.ReLU(), nn.Sequential(nn.Linear(2, 2))),
    "tied": Tied,
    "with statistics": lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)),
    "without parameters": nn.Tanh,
}


def loss(model, x):
    return model(x).square().mean()


def trees(module):
    """Describe a module: class, attributes in their order, and the values of its tensors."""
    held = {}
    for name, x in vars(module).items():
        if isinstance(x, nn.Module):
            held[name] = trees(x)
        elif isinstance(x, mt.Tensor):
            held[name] = (type(x), x.requires_grad, x.is_leaf, x.dtype, x.detach().numpy().round(5).tolist())
        else:
            held[name] = x
    return type(module), list(held.items())


def is_native(function, *args):
    """Return whether modules are made natively in a call."""
    seen = []
    whole = handles.Handles.module

    def noting(self, module):
        seen.append(whole(self, module))
        return seen[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handles.Handles, "module", noting)
        for _ in range(3):
            function(*args)
    return bool(seen)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("mode", [mt.enable_grad, mt.no_grad])
def test_a_module_of_gradients_is_the_one_of_an_eager_call(name, mode):
    mt.manual_seed(0)
    model, x = NETWORKS[name](), mt.randn(4, 3)
    plain = mt.value_and_grad(loss)
    compiled = mt.jit(plain)
    with mode():
        for _ in range(4):
            x = mt.randn(4, 3)
            value, slopes = compiled(model, x)
            expected, wanted = plain(model, x)
            assert abs(value.item() - expected.item()) < 1e-5
            assert trees(slopes) == trees(wanted)
            assert [n for n, _ in slopes.named_parameters()] == [n for n, _ in wanted.named_parameters()]
            assert slopes.state_dict().keys() == wanted.state_dict().keys()
            assert len({*map(id, slopes.modules())}) == len({*map(id, wanted.modules())})


@native
@pytest.mark.parametrize("name", ["one layer", "several", "within one another"])
def test_such_modules_are_made_natively(name):
    assert is_native(mt.jit(mt.value_and_grad(loss)), NETWORKS[name](), mt.randn(4, 3))


def test_counts_are_those_of_the_call():
    model, x = nn.BatchNorm1d(3), mt.randn(4, 3)
    step = mt.jit(mt.value_and_grad(loss))
    for k in range(4):
        model.num_batches_tracked.fill_(k)
        _, slopes = step(model, x)
        assert slopes.num_batches_tracked.item() == k and slopes.num_batches_tracked.dtype == mt.int64
        assert slopes.num_batches_tracked is not model.num_batches_tracked
    copy = mt.jit(lambda model: model)
    for k in (9, 12):
        model.num_batches_tracked.fill_(k)
        assert copy(model).num_batches_tracked.item() == k
    with pytest.raises(mt.errors.JitError, match=r"the result contains a BatchNorm1d, which a file cannot hold"):
        mt.export(lambda x: model, (x,), "never.mtx")


def test_each_call_returns_modules_of_its_own():
    model, x = network(), mt.randn(4, 3)
    slopes_of = mt.jit(mt.grad(loss))
    made = [slopes_of(model, x) for _ in range(4)]
    first, second = made[-2:]
    names = list(vars(second[0]))
    first.eval()
    first[0].extra = nn.Linear(2, 2)
    first[0].note = "changed"
    del first[2].bias
    first[0].weight.data.fill_(7.0)
    assert second.training and second[0].training and list(vars(second[0])) == names
    assert list(second[0]._kinds) == ["weight", "bias"] and second[2].bias is not None
    assert (second[0].weight != 7.0).all()
    third = slopes_of(model, x)
    assert list(vars(third[0])) == names and third.training and (third[0].weight != 7.0).all()
    assert trees(third) == trees(second)


def test_gradients_of_gradients_go_through_the_results():
    mt.manual_seed(1)
    model, x = network(), mt.randn(4, 3)

    def penalty(step):
        for p in model.parameters():
            p.grad = None
        value, slopes = step(model, x)
        (value + sum((p * p).sum() for p in slopes.parameters())).backward()
        return [p.grad.numpy() for p in model.parameters()]

    compiled = mt.jit(mt.value_and_grad(loss))
    wanted = penalty(mt.value_and_grad(loss))
    for _ in range(4):
        for found, expected in zip(penalty(compiled), wanted, strict=True):
            np.testing.assert_allclose(found, expected, 1e-4, 1e-6)


def test_results_may_be_reached_on_several_ways():
    w = mt.tensor([1.0, 2.0, 3.0], requires_grad=True)
    pair = mt.jit(lambda w: (w * w, w.exp()))
    for _ in range(4):
        w.grad = None
        a, b = pair(w)
        (a * b + a.sin() + (b * 2 + a)).sum().backward()
        c, d = w.detach() ** 2, w.detach().exp()
        slope = 2 * w.detach() * (d + c.cos() + 1) + d * (c + 2)
        np.testing.assert_allclose(w.grad.numpy(), slope.numpy(), 1e-5)
        assert a.grad_fn is not None and b.grad_fn is not None


def test_a_backward_pass_frees_what_a_call_kept():
    w = mt.tensor([1.0, 2.0], requires_grad=True)
    cube = mt.jit(lambda w: w**3)
    for _ in range(4):
        y = cube(w)
        y.sum().backward()
        with pytest.raises(mt.errors.GradError, match="second time"):
            y.sum().backward()


@native
def test_nothing_is_left_behind():
    model, x = network(), mt.randn(4, 3)
    step = mt.jit(mt.value_and_grad(loss))
    for _ in range(20):
        step(model, x)
    gc.collect()
    gc.disable()
    try:
        kinds = [vars(model)["_kinds"], nn.Linear, nn.Parameter, model[0].weight.node, "weight", None]
        before, objects = [sys.getrefcount(x) for x in kinds], len(gc.get_objects())
        for _ in range(1000):
            step(model, x)
        after = [sys.getrefcount(x) for x in kinds]
        assert len(gc.get_objects()) - objects < 100
        assert all(b - a < 100 for a, b in zip(before, after))
    finally:
        gc.enable()


def test_tracked_and_untracked_calls_may_alternate():
    model, x = network(), mt.randn(4, 3)
    step = mt.jit(mt.value_and_grad(loss))
    for k in range(8):
        if k % 2:
            with mt.no_grad():
                value, slopes = step(model, x)
            assert value.grad_fn is None and slopes[0].weight.grad_fn is None
        else:
            value, slopes = step(model, x)
            assert value.grad_fn is not None and slopes[0].weight.grad_fn is not None


def test_modules_in_containers():
    model, x = network(), mt.randn(4, 3)

    def both(model, x):
        value, slopes = mt.value_and_grad(loss)(model, x)
        return {"value": value, "slopes": [slopes, None], "x": (x * 2,)}

    compiled = mt.jit(both)
    for _ in range(4):
        found, wanted = compiled(model, x), both(model, x)
        assert list(found) == list(wanted) and found["slopes"][1] is None
        assert trees(found["slopes"][0]) == trees(wanted["slopes"][0])
        np.testing.assert_array_equal(found["x"][0].numpy(), wanted["x"][0].numpy())


def test_a_loss_whose_backward_pass_has_been_run():
    model, x = nn.Linear(3, 2), mt.randn(4, 3)
    optimizer = mt.optim.SGD(model.parameters(), lr=0.1)

    def step(x):
        optimizer.zero_grad()
        y = model(x).square().mean()
        y.backward()
        optimizer.step()
        return y, y.detach(), [y]

    compiled = mt.jit(lambda x: step(x)[0])
    for _ in range(5):
        y = compiled(x)
        assert y.requires_grad and not y.is_leaf and y.shape == () and y.dtype == mt.float32
        with pytest.raises(mt.errors.GradError, match="second time"):
            y.backward()
        with pytest.raises(mt.errors.GradError, match="second time"):
            (y * 2 + model(x).sum()).backward()
        model.zero_grad()
        assert y.detach().grad_fn is None and y.detach().item() == y.item()
    several = mt.jit(step)
    for _ in range(5):
        y, cut, (again,) = several(x)
        assert again is y and not cut.requires_grad and cut.item() == y.item()
        cut.fill_(7.0)
        assert y.item() == 7
    with mt.no_grad():
        assert not mt.jit(lambda x: model(x).sum())(x).requires_grad
