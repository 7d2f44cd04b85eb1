"""Modules as arguments go the short way, whatever they hold, and what changes about them is seen."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn
from minitorch.compiling.entry import MISS
from minitorch.nn import functional as F

from .test_quick_calls import CALLS, entered


@pytest.fixture(autouse=True)
def same_numbers():
    mt.manual_seed(0)


class Scaling(mt.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = mt.nn.Sequential(mt.nn.Linear(2, 2), mt.nn.Dropout(0.5), mt.nn.Linear(2, 2, bias=False))
        self.scale, self.table = 2.0, None

    def forward(self, x):
        return self.inner(x) * self.scale + (0 if self.table is None else sum(self.table))


def doubled(model):
    return mt.tree.map(lambda x: x * 2, model)


def test_modules_are_the_same_while_nothing_about_them_changes():
    compiled = mt.jit(lambda model, x: model(x))
    x, models = mt.tensor([[1.0, 2.0]]), [Scaling().eval() for _ in range(2)]
    for _ in range(CALLS):
        for model in (*models, doubled(models[0])):
            np.testing.assert_allclose(compiled(model, x).detach().numpy(), model(x).detach().numpy(), 1e-6)
    compiled(models[0], x)
    assert entered(compiled) and compiled.records <= 2  # what tree.map makes are tensors, not parameters


CHANGES = {
    "an attribute": lambda model: setattr(model, "scale", 3.0),
    "its type": lambda model: setattr(model, "scale", 2),
    "the mode": lambda model: model.train(),
    "a part's attribute": lambda model: setattr(model.inner[1], "p", 0.25),
    "a part": lambda model: model.inner.__setitem__(1, mt.nn.ReLU()),
    "one more part": lambda model: model.inner.append(mt.nn.ReLU()),
    "a parameter that goes": lambda model: setattr(model.inner[0], "bias", None),
    "a tied parameter": lambda model: setattr(model.inner[2], "weight", model.inner[0].weight),
    "a list": lambda model: setattr(model, "table", [1.0]),
    "a new attribute": lambda model: setattr(model, "more", 1),
    "a hook": lambda model: model.inner[0].register_forward_hook(lambda module, args, out: out + 1),
    "a frozen parameter": lambda model: model.inner[0].weight.requires_grad_(False),
    "an attribute, past __setattr__": lambda model: object.__setattr__(model, "scale", 3.0),
    "an attribute, in the table of them": lambda model: vars(model).update(scale=3.0),
    "a part's attribute, in its table": lambda model: vars(model.inner[1]).update(training=True),
    "a part, in the table of them": lambda model: vars(model.inner).update({"1": mt.nn.ReLU()}),
    "all attributes": lambda model: setattr(model, "__dict__", {**vars(model), "scale": 3.0}),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("way", ["an argument", "captured"])
def test_what_changes_about_a_module_is_seen(name, way):
    def run(model, x):
        mt.manual_seed(0)
        return compiled(model, x) if way == "an argument" else closed(x), mt.manual_seed(0) and model(x)

    compiled, model, x = mt.jit(lambda model, x: model(x)), Scaling().eval(), mt.tensor([[1.0, 2.0]])
    closed = mt.jit(lambda x: model(x))
    for _ in range(CALLS):
        run(model, x)
    assert entered(compiled if way == "an argument" else closed)
    CHANGES[name](model)
    for _ in range(3):
        found, wanted = run(model, x)
        np.testing.assert_allclose(found.detach().numpy(), wanted.detach().numpy(), 1e-6)
        assert found.requires_grad == wanted.requires_grad
    if model.table is not None:
        model.table.append(5.0)
        found, wanted = run(model, x)
        np.testing.assert_allclose(found.detach().numpy(), wanted.detach().numpy(), 1e-6)


def test_training_by_values_and_gradients_of_a_module():
    def step(model, x, y):
        loss, slopes = mt.value_and_grad(lambda model: ((model(x) - y) ** 2).mean())(model)
        return loss, mt.tree.map(lambda p, g: p - 0.1 * g, model, slopes)

    compiled, x, y = mt.jit(step), mt.randn(4, 2), mt.randn(4, 2)
    start = mt.nn.Sequential(mt.nn.Linear(2, 3), mt.nn.Tanh(), mt.nn.Linear(3, 2))
    plain = quick = start
    for _ in range(3 * CALLS):
        wanted, plain = step(plain, x, y)
        found, quick = compiled(quick, x, y)
        np.testing.assert_allclose(found.detach().numpy(), wanted.detach().numpy(), 1e-5)
        names = [[name for name, _ in model.named_parameters()] for model in (quick, plain)]
        assert type(quick) is type(plain) and names[0] == names[1]
    assert entered(compiled)


@pytest.mark.parametrize("way", ["an argument", "captured"])
def test_changes_there_and_back_leave_the_short_way_open(way):
    model, x = mt.nn.Sequential(mt.nn.Linear(2, 2), mt.nn.Dropout(0.5)), mt.tensor([[1.0, 2.0]])
    compiled = mt.jit(lambda model, x: model(x)) if way == "an argument" else mt.jit(lambda x: model(x))
    args = (model, x) if way == "an argument" else (x,)
    for i in range(40):
        model.train(i % 2 == 0)
        for _ in range(3):
            y = compiled(*args)
        if not model.training:
            assert (y == model(x)).all()
    assert compiled.quick.entrance.run(compiled.quick.form.leaves(args, {})) is not MISS
    assert compiled.records == 2


def test_a_module_that_was_an_argument_is_let_go():
    compiled = mt.jit(lambda model, x: model(x))
    model = mt.nn.Linear(2, 2)
    for _ in range(CALLS):
        compiled(model, mt.ones(1, 2))
    assert entered(compiled)
    seen = weakref.ref(model), weakref.ref(model.weight)
    del model
    gc.collect()
    assert [r() for r in seen] == [None, None]


# --------------------------------------------------------------------------- what modules hold besides tensors of floats


class Rich(nn.Module):
    """Attributes of all kinds."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2, 2)
        self.shape, self.kind, self.activation = (1, (2, "a")), np.dtype("float32"), F.relu
        self.weights, self.options, self.offset = [1.0, 2.0], {"scale": 2.0, "more": [3.0]}, np.array([1.0, 2.0])
        self.register_buffer("count", mt.tensor(3))

    def forward(self, x):
        y = self.activation(self.inner(x)) * self.options["scale"] * self.options["more"][0] + sum(self.weights)
        return y * len(self.shape) + mt.tensor(self.offset, dtype=mt.float32) + self.count


RICH = {
    "a tuple": lambda model: setattr(model, "shape", (1, 2, 3)),
    "a function": lambda model: setattr(model, "activation", F.tanh),
    "a list, in place": lambda model: model.weights.append(5.0),
    "an element": lambda model: model.weights.__setitem__(0, 7.0),
    "a dict, in place": lambda model: model.options.update(scale=5.0),
    "a list in a dict": lambda model: model.options["more"].insert(0, 9.0),
    "an array, in place": lambda model: model.offset.__setitem__(1, 8.0),
    "a count": lambda model: model.count.add_(4),
    "a count that is another": lambda model: setattr(model, "count", mt.tensor(11)),
    "a count of another dtype": lambda model: setattr(model, "count", mt.tensor(2, dtype=mt.int32)),
    "a count that has a gradient now": lambda model: setattr(model, "count", mt.tensor(0.5)),
    "no count": lambda model: setattr(model, "count", mt.zeros(())),
}


@pytest.mark.parametrize("name", RICH)
@pytest.mark.parametrize("is_another", [False, True])
def test_what_a_module_holds_is_seen_when_it_changes(name, is_another):
    compiled, x = mt.jit(lambda model, x: model(x)), mt.tensor([[1.0, -2.0], [3.0, 0.5]])
    model, twin = Rich(), Rich()
    twin.load_state_dict(model.state_dict())
    for _ in range(CALLS):
        compiled(model, x)
    assert entered(compiled)
    changed = twin if is_another else model
    RICH[name](changed)
    for each in (changed, model, twin, changed):
        np.testing.assert_allclose(compiled(each, x).detach().numpy(), each(x).detach().numpy(), 1e-6)


def test_modules_that_count_go_the_short_way():
    compiled, (model, plain) = mt.jit(lambda model, x: model(x)), [nn.Sequential(nn.BatchNorm1d(3)) for _ in range(2)]
    for _ in range(CALLS):
        x = mt.randn(4, 3)
        np.testing.assert_allclose(compiled(model, x).detach().numpy(), plain(x).detach().numpy(), 1e-5, 1e-6)
        for name, value in model.state_dict().items():
            np.testing.assert_allclose(value.numpy(), plain.state_dict()[name].numpy(), 1e-5, 1e-6)
    assert entered(compiled) and compiled.records <= 2  # with what `state_dict` has taken views of
    for each in (model, plain):
        each.eval()
    for _ in range(CALLS):
        np.testing.assert_allclose(compiled(model, x).detach().numpy(), plain(x).detach().numpy(), 1e-5, 1e-6)
    assert entered(compiled) and compiled.records <= 3


LAYERS = {
    "convolution": lambda: (nn.Conv2d(1, 2, 3), mt.randn(1, 1, 5, 5)),
    "recurrent": lambda: (nn.LSTM(2, 3), mt.randn(3, 2)),
    "attention": lambda: (nn.TransformerEncoderLayer(4, 2, 8, 0.0), mt.randn(3, 4)),
    "embedding": lambda: (nn.Embedding(5, 3, padding_idx=1), mt.tensor([1, 4])),
    "made from tensors": lambda: (Made(), mt.randn(3, 2)),
    "statistics": lambda: (nn.BatchNorm2d(2), mt.randn(3, 2, 2, 2)),
}


class Made(nn.Module):
    """Parameters made from tensors, as scripts do."""

    def __init__(self):
        super().__init__()
        self.weight, self.bias = nn.Parameter(mt.randn(2, 3)), nn.Parameter(mt.zeros(3))

    def forward(self, x):
        return x @ self.weight + self.bias


def first(y):
    return y[0] if isinstance(y, tuple) else y


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("way", ["an argument", "captured"])
def test_layers_go_the_short_way(name, way):
    model, x = LAYERS[name]()
    compiled = mt.jit((lambda model, x: model(x)) if way == "an argument" else (lambda x: model(x)))
    args = (model, x) if way == "an argument" else (x,)
    slopes = mt.jit(mt.grad(lambda model, x: first(model(x)).square().mean()))
    for _ in range(CALLS):
        found = compiled(*args)
        slopes(model, x)
    assert entered(compiled) and compiled.records == 1 and slopes.records == 1
    assert (
        compiled.quick.entrance is None or compiled.quick.entrance.run(compiled.quick.form.leaves(args, {})) is not MISS
    )
    if name != "statistics":
        np.testing.assert_allclose(first(found).detach().numpy(), first(model(x)).detach().numpy(), 1e-5, 1e-6)


# --------------------------------------------------------------------------- tensors that shared their memory once


def test_a_parameter_made_from_a_tensor_goes_the_short_way():
    compiled, w, x = mt.jit(lambda w, x: x @ w), nn.Parameter(mt.randn(2, 3)), mt.randn(4, 2)
    for i in range(CALLS):
        (compiled(w, x).sum() * i).backward()
        np.testing.assert_allclose(w.grad.numpy(), i * x.sum(0)[:, None].expand(2, 3).numpy(), 1e-6)
        w.grad = None
    assert entered(compiled) and compiled.quick.entrance.run((w, x)) is not MISS


def test_one_that_still_shares_sees_what_is_written_through_the_other():
    compiled, source, x = mt.jit(lambda w, x: x @ w), mt.randn(2, 3), mt.randn(4, 2)
    w = nn.Parameter(source)
    for i in range(CALLS):
        source.fill_(i)
        np.testing.assert_allclose(compiled(w, x).detach().numpy(), (x @ w).detach().numpy(), 1e-6)
    column = w.detach()[:, 0]
    del source
    for i in range(CALLS):
        column.fill_(-i)
        np.testing.assert_allclose(compiled(w, x).detach().numpy(), (x @ w).detach().numpy(), 1e-6)
    del column
    for i in range(CALLS):
        w.T.detach().fill_(i / 2)
        y = compiled(w, x)
        np.testing.assert_allclose(y.detach().numpy(), (x @ w).detach().numpy(), 1e-6)
    assert compiled.records <= 3


def views_of_a_computed_tensor(function):
    """Write to a tensor in place, recorded, and call a function of views of it meanwhile."""
    leaf = mt.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    base, total = leaf * 1, 0
    views = base, base[1:], base[:2], base.view(2, 2)
    for i in range(CALLS):
        for x in views:
            total = total + function(x).sum()
        base.mul_(1.5)
        views[1].add_(leaf[0] * i)
        with mt.no_grad():
            views[2].sub_(0.25)
    total.backward()
    return [total.item(), leaf.grad.tolist()]


def test_views_among_the_arguments_follow_what_is_written():
    compiled = mt.jit(lambda x: (x * x).sin())
    found, wanted = views_of_a_computed_tensor(compiled), views_of_a_computed_tensor(lambda x: (x * x).sin())
    np.testing.assert_allclose(found[0], wanted[0], 1e-5)
    np.testing.assert_allclose(found[1], wanted[1], 1e-4)


def test_two_arguments_on_one_storage():
    compiled, wanted = mt.jit(lambda x, y: x * 2 + y[0]), lambda x, y: x * 2 + y[0]
    leaf = mt.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    base = leaf * 1
    one, other = base[1:], base[:2]
    for function in (compiled, compiled, compiled, wanted):
        base.mul_(1.0)
        (slope,) = mt.autograd.grad(function(one, other).sum(), leaf, retain_graph=True)
        assert slope.tolist() == [3.0, 2.0, 2.0, 2.0]


def test_versions_count_on_when_a_tensor_is_alone_again():
    w = nn.Parameter(mt.randn(2, 3))
    before = w._version
    w.detach().fill_(1.0)
    w.settle()
    assert w._view is None and w._version == before + 1
    with mt.no_grad():
        w.add_(1)
    assert w._version == before + 2


@pytest.mark.parametrize("count", [3, 5000])
def test_captured_tensors_that_do_not_lie_side_by_side(count):
    table, x = mt.randn(count, 2).T, mt.randn(2, 2)
    compiled = mt.jit(lambda x: x @ table)
    for i in range(CALLS):
        np.testing.assert_allclose(compiled(x).numpy(), (x @ table).numpy(), 1e-5)
        table.mul_(2) if i % 2 else table.add_(1)
    assert entered(compiled) and compiled.records <= 2
