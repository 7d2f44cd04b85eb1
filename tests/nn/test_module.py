"""Module: attributes, names, modes, conversion, copies, saving; what the comparison with PyTorch leaves out."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn
from minitorch.errors import ShapeError, StateError


class Net(nn.Module):
    width = 2

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)
        self.norm = nn.BatchNorm1d(2)
        self.note = [1, 2]

    def forward(self, x):
        return self.norm(self.fc(x))


class Tied(nn.Module):
    width = 3

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 3, bias=False)
        self.second = nn.Linear(3, 3, bias=False)
        self.second.weight = self.first.weight
        self.again = self.first

    def forward(self, x):
        return self.again(self.second(self.first(x)))


def test_names_are_in_the_order_of_registration():
    net = Net()
    names = ["fc.weight", "fc.bias", "norm.weight", "norm.bias"]
    assert [n for n, _ in net.named_parameters()] == names
    assert list(net.state_dict()) == [*names, "norm.running_mean", "norm.running_var", "norm.num_batches_tracked"]


def test_assignment_moves_a_name_between_kinds():
    net = nn.Module()
    net.a = None
    net.b = nn.Parameter(mt.ones(1))
    net.a = nn.Parameter(mt.ones(1))
    assert list(net.state_dict()) == ["b", "a"]
    with pytest.raises(TypeError, match="parameter 'a'"):
        net.a = nn.Linear(1, 1)
    del net.a
    net.a = nn.Linear(1, 1)
    assert list(net.state_dict()) == ["b", "a.weight", "a.bias"]
    net.a = None
    assert list(net.state_dict()) == ["b"]
    del net.b
    assert not list(net.parameters())
    net.c = nn.Buffer(mt.zeros(1))
    net.d = nn.Buffer(mt.zeros(1), persistent=False)
    net.d = mt.ones(1)
    assert list(net.state_dict()) == ["c"]
    assert [n for n, _ in net.named_buffers()] == ["c", "d"]


def test_a_parameter_shares_its_data():
    data = mt.tensor([1.0, 2.0])
    p = nn.Parameter(data)
    data[0] = 5.0
    assert p.tolist() == [5.0, 2.0]
    with mt.no_grad():
        p.mul_(2)
    assert data.tolist() == [10.0, 4.0]
    assert isinstance(p.detach(), mt.Tensor)
    assert "Parameter containing" in repr(p)


def test_modes_and_apply():
    net, seen = Net(), []
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    net.apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["Linear", "BatchNorm1d", "Net"]
    assert not any(p.requires_grad for p in net.requires_grad_(False).parameters())


def test_conversion_keeps_the_handles():
    net = Net()
    handles = list(net.parameters())
    net(mt.randn(4, 3)).sum().backward()
    assert net.double() is net
    assert all(a is b for a, b in zip(handles, net.parameters()))
    assert {p.dtype.name for p in net.parameters()} == {p.grad.dtype.name for p in net.parameters()} == {"float64"}
    assert net.norm.num_batches_tracked.dtype == mt.int64
    net.to(mt.zeros(1), non_blocking=True).float()
    out = net(mt.randn(4, 3))
    out.sum().backward()
    assert out.dtype == mt.float32 == net.fc.weight.grad.dtype
    assert net.cpu() is net
    with pytest.raises(RuntimeError, match="cuda"):
        net.cuda()


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_independent_and_keep_ties(duplicate):
    for model, width in ((Net(), 3), (Tied(), 3)):
        x = mt.randn(4, width)
        model(x)
        twin = duplicate(model)
        assert type(twin) is type(model)
        model.eval()
        twin.eval()
        np.testing.assert_array_equal(twin(x).detach().numpy(), model(x).detach().numpy())
        with mt.no_grad():
            next(twin.parameters()).zero_()
        assert next(model.parameters()).detach().numpy().any()
    assert twin.first.weight is twin.second.weight
    assert twin.again is twin.first
    assert len(list(twin.parameters())) == 1


def test_state_is_shared_and_loading_is_all_or_nothing():
    net = Net()
    state = net.state_dict()
    with mt.no_grad():
        net.fc.bias.fill_(7.0)
    assert state["fc.bias"].tolist() == [7.0, 7.0]
    before = net.fc.weight.detach().numpy().copy()
    wrong = {**state, "fc.weight": mt.zeros(2, 3), "norm.bias": mt.zeros(5)}
    with pytest.raises(StateError, match=r"size mismatch for norm.bias.*\[5\].*\[2\]"):
        net.load_state_dict(wrong)
    np.testing.assert_array_equal(net.fc.weight.detach().numpy(), before)


def test_loading_takes_arrays_and_assigns():
    net, handle = Net(), None
    state = {name: np.ones(value.shape, value.dtype) for name, value in net.state_dict().items()}
    handle = net.fc.weight
    net.load_state_dict(state)
    assert net.fc.weight is handle
    assert handle.tolist() == [[1.0] * 3] * 2
    fresh = nn.Parameter(mt.zeros(2, 3))
    net.load_state_dict({**state, "fc.weight": fresh}, assign=True)
    assert net.fc.weight is fresh
    assert isinstance(net.fc.bias, nn.Parameter)


def test_extra_state():
    class Counted(nn.Linear):
        count = 3

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    first, second = Counted(2, 2), Counted(2, 2)
    first.count = 5
    second.load_state_dict(first.state_dict())
    assert second.count == 5


def test_containers():
    layers = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    assert isinstance(layers[1:], nn.Sequential)
    assert list(layers[1:]._modules) == ["1", "2"]
    layers.append(nn.Tanh()).insert(1, nn.Sigmoid())
    del layers[2]
    assert [type(m).__name__ for m in layers] == ["Linear", "Sigmoid", "Linear", "Tanh"]
    assert list(layers._modules) == ["0", "1", "2", "3"]
    layers[1] = nn.Identity()
    assert len(layers) == 4
    assert layers.pop(1) not in layers
    assert len(layers + nn.Sequential(nn.ReLU())) == 4
    named = nn.ModuleDict({"a": nn.ReLU()})
    named["b"] = nn.Tanh()
    named.update({"c": nn.Linear(1, 1)})
    assert list(named.keys()) == ["a", "b", "c"]
    assert "b" in named
    assert isinstance(named.pop("b"), nn.Tanh)
    assert len(named) == 2
    weights = nn.ParameterList([mt.zeros(2), nn.Parameter(mt.ones(3))])
    weights.append(mt.zeros(1))
    assert [p.shape for p in weights.parameters()] == [(2,), (3,), (1,)]
    table = nn.ParameterDict({"x": mt.zeros(2)})
    assert list(table.state_dict()) == ["x"]
    assert "Parameter containing" in repr(table)
    with pytest.raises(IndexError, match="out of range"):
        layers[7]


def test_an_error_names_the_layer_and_the_fix():
    with pytest.raises(ShapeError, match=r"Linear\(784 -> 128\) got input \[64, 785\].*flatten or reshape"):
        nn.Linear(784, 128)(mt.zeros(64, 785))


def test_e10_gradients_have_the_dtype_of_the_parameter():
    for dtype in (mt.float16, mt.bfloat16, mt.float32, mt.float64):
        net = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.GELU(), nn.Linear(4, 2)).to(dtype)
        x = mt.randn(5, 3).to(dtype).requires_grad_()
        loss = nn.functional.cross_entropy(net(x), mt.tensor([0, 1, 0, 1, 1]))
        assert loss.dtype == dtype
        loss.backward()
        assert x.grad.dtype == dtype
        assert all(p.grad.dtype == dtype and bool(mt.isfinite(p.grad).all()) for p in net.parameters())


def test_e14_an_update_does_not_touch_the_graph():
    layer = nn.Linear(2, 1, bias=False)
    x = mt.ones(1, 2, requires_grad=True)
    out = layer(x).sum()
    before = layer.weight.detach().clone()
    optimizer = mt.optim.SGD(layer.parameters(), lr=1.0)
    layer.weight.grad = mt.ones(1, 2)
    optimizer.step()
    out.backward()
    assert x.grad.tolist() == before.tolist()


def test_batch_statistics_carry_no_gradient_but_the_whole_derivative_is_there():
    x = mt.randn(6, 3, dtype=mt.float64, requires_grad=True)
    norm = nn.BatchNorm1d(3).double()
    (norm(x) * mt.arange(6)[:, None]).sum().backward()
    assert not norm.running_mean.requires_grad
    np.testing.assert_allclose(x.grad.sum(0).numpy(), 0, atol=1e-12)


def test_second_derivatives_go_through_fused_operations():
    x = mt.randn(4, 5, dtype=mt.float64, requires_grad=True)
    layer = nn.Sequential(nn.Linear(5, 3), nn.LayerNorm(3), nn.BatchNorm1d(3), nn.LogSoftmax(-1)).double()

    def loss(x):
        out = layer(x)
        return nn.functional.cross_entropy(out, mt.tensor([0, 2, 1, 0])) + nn.functional.mse_loss(out, x[:, :3])

    (g,) = mt.autograd.grad(loss(x), x, create_graph=True)
    (second,) = mt.autograd.grad((g * g).sum(), x)
    step, direction = 1e-6, mt.randn(4, 5, dtype=mt.float64)

    def norm_of_gradient(at):
        at = at.detach().requires_grad_()
        (found,) = mt.autograd.grad(loss(at), at)
        return float((found * found).sum())

    slope = (norm_of_gradient(x + step * direction) - norm_of_gradient(x - step * direction)) / (2 * step)
    np.testing.assert_allclose(float((second * direction).sum()), slope, rtol=1e-5)


def test_dropout():
    mt.manual_seed(0)
    x = mt.ones(100, 100)
    layer = nn.Dropout(0.3)
    out = layer(x)
    values = np.unique(out.numpy())
    np.testing.assert_allclose(values, [0.0, 1 / 0.7], rtol=1e-6)
    assert abs(float((out == 0).float().mean()) - 0.3) < 0.02
    assert layer.eval()(x) is x
    for n in (1, 2, 3):
        image, layer = mt.ones(8, 16, *[3] * n), getattr(nn, f"Dropout{n}d")(0.5)
        channels = layer(image).numpy().reshape(8, 16, -1)
        assert (channels == channels[:, :, :1]).all() and set(channels.flat) == {0.0, 2.0}
        assert layer.eval()(image) is image
    assert not nn.Dropout(1.0)(x).numpy().any()
    mt.manual_seed(1)
    first = nn.functional.dropout(x)
    mt.manual_seed(1)
    np.testing.assert_array_equal(first.numpy(), nn.functional.dropout(x).numpy())


def test_e5_a_row_that_sees_nothing():
    q, k, v = (mt.randn(1, 3, 4, requires_grad=True) for _ in range(3))
    mask = mt.tensor([[True, False, False], [False, False, False], [True, True, True]])
    out = nn.functional.scaled_dot_product_attention(q, k, v, mask)
    assert out[0, 1].tolist() == [0.0] * 4
    out.sum().backward()
    assert q.grad[0, 1].tolist() == [0.0] * 4
    assert all(bool(mt.isfinite(x.grad).all()) for x in (q, k, v))


@pytest.mark.parametrize("name", ["DataParallel", "SyncBatchNorm"])
def test_absent_layers_say_why(name):
    with pytest.raises(AttributeError, match=f"{name}.*: .*(process|device)"):
        getattr(nn, name)


def test_parameters_that_equal_one_another_are_all_found():
    model = mt.eval_shape(lambda: nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)))
    assert [name for name, _ in model.named_parameters()] == ["0.weight", "0.bias", "1.weight", "1.bias"]
