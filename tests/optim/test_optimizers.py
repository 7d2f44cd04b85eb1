"""Optimizers where PyTorch is no guide: one rule on buffers and on core values, views, states, hooks, user's own."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn, optim
from minitorch.core.array import Array
from minitorch.optim import rules
from minitorch.optim.values import CORE

KINDS = {
    "sgd": (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    "adam": (optim.Adam, {"lr": 0.1, "amsgrad": True, "weight_decay": 0.1}),
    "adamw": (optim.AdamW, {"lr": 0.1}),
    "rmsprop": (optim.RMSprop, {"lr": 0.1, "centered": True, "momentum": 0.5}),
    "adagrad": (optim.Adagrad, {"lr": 0.1, "lr_decay": 0.1}),
    "nadam": (optim.NAdam, {"lr": 0.1, "weight_decay": 0.1}),
    "radam": (optim.RAdam, {"lr": 0.1, "betas": (0.9, 0.9)}),
    "adamax": (optim.Adamax, {"lr": 0.1}),
    "adadelta": (optim.Adadelta, {"lr": 0.5}),
    "rprop": (optim.Rprop, {"lr": 0.1}),
    "asgd": (optim.ASGD, {"lr": 0.1, "lambd": 0.1, "t0": 1.0}),
    "adafactor": (optim.Adafactor, {"lr": 0.1, "eps": (1e-3, 1e-2)}),
    "lion": (optim.Lion, {"lr": 0.1, "weight_decay": 0.1}),
}


def made(name, p):
    kind, options = KINDS[name]
    return kind([p], **options)


@pytest.mark.parametrize("name", KINDS)
def test_a_rule_gives_the_same_on_buffers_and_on_arrays(name):
    rng = np.random.default_rng(0)
    p, g = rng.normal(size=(2, 3, 4))
    hyper = made(name, nn.Parameter(mt.zeros(1))).param_groups[0]
    rule = KINDS[name][0].rule
    states = [rule.init(np, p, hyper), rule.init(CORE, Array(p), hyper)]
    values = [p, Array(p)]
    kept = p.copy(), g.copy()
    for step in (1, 2, 3):
        changes = [None, None]
        changes[0], states[0] = rule.update(np, values[0], g, states[0], step, hyper)
        changes[1], states[1] = rule.update(CORE, values[1], Array(g), states[1], step, hyper)
        values = [x + change for x, change in zip(values, changes)]
    np.testing.assert_allclose(values[1].numpy(), values[0], rtol=1e-12)
    np.testing.assert_array_equal(p, kept[0])
    np.testing.assert_array_equal(g, kept[1])


@pytest.mark.parametrize("name", [*KINDS, "muon"])
def test_60_parameters_cost_one_run_of_the_rule(name):
    shapes = [(64, 2), (64, 64), (10, 3)] if name == "muon" else [(64,), (64, 64), (10,)]
    params = [nn.Parameter(mt.ones(shape)) for shape in 20 * shapes]
    kind, options = KINDS.get(name, (optim.Muon, {}))
    optimizer = kind(params, **options)
    rule, runs = kind.rule, []

    def update(*args):
        runs.append(args)
        return rule.update(*args)

    optimizer.rule = rule._replace(update=update)
    for _ in range(3):
        for p in params:
            p.grad = mt.full_like(p, 0.5)
        optimizer.step()
    assert len(runs) == 3 * (len(shapes) if rule.whole else 1)


@pytest.mark.parametrize("name", KINDS)
def test_a_step_inside_a_transform(name):
    """The rules run on traced values too: the derivative of a step in the gradient is that of the rule."""
    start, slope = np.array([1.0, -2.0]), np.array([0.3, 0.7])

    def stepped(g):
        p = nn.Parameter(mt.tensor(start))
        optimizer = made(name, p)
        p.grad = g
        optimizer.step()
        return p.sum()

    value, grad = mt.value_and_grad(stepped)(mt.tensor(slope))
    eps = 1e-6
    ends = [stepped(mt.tensor(slope + s * np.array([eps, 0]))).item() for s in (1, -1)]
    np.testing.assert_allclose(value.item(), stepped(mt.tensor(slope)).item(), rtol=1e-12)
    np.testing.assert_allclose(grad[0].item(), (ends[0] - ends[1]) / (2 * eps), rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("name", KINDS)
def test_views_of_a_parameter_see_the_update(name):
    base = mt.ones(4)
    p = nn.Parameter(base)
    view, whole = p.detach(), p.data[:2]
    optimizer = made(name, p)
    p.grad = mt.ones(4)
    optimizer.step()
    assert p.requires_grad
    assert p.is_leaf
    assert view.tolist() == p.tolist() == base.tolist() != [1.0] * 4
    assert whole.tolist() == p.tolist()[:2]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_a_copy_goes_on_alike(name, duplicate):
    p = nn.Parameter(mt.tensor([1.0, 2.0]))
    optimizer = made(name, p)

    def run(p, optimizer):
        for _ in range(3):
            optimizer.zero_grad()
            (p * p).sum().backward()
            optimizer.step()

    run(p, optimizer)
    q, twin = duplicate((p, optimizer))
    assert twin.param_groups[0]["params"][0] is q
    run(p, optimizer)
    run(q, twin)
    assert p.tolist() == q.tolist()


def test_the_learning_rate_is_read_at_each_step():
    p = nn.Parameter(mt.zeros(1))
    optimizer = optim.SGD([p], lr=1)
    for lr in (1.0, 0.5, mt.tensor(0.25)):
        optimizer.param_groups[0]["lr"] = lr
        p.grad = mt.ones(1)
        optimizer.step()
    assert p.tolist() == [-1.75]


def test_hooks():
    p, seen = nn.Parameter(mt.zeros(1)), []
    optimizer = optim.SGD([p], lr=1.0)
    optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append("before"))
    after = optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append("after"))
    optimizer.step()
    after.remove()
    optimizer.step()
    assert seen == ["before", "after", "before"]


@pytest.mark.parametrize("options", [{}, {"betas": (0.8, 0.95), "weight_decay": 0.3}, {"lr": 0.01, "maximize": True}])
def test_50_steps_of_lion(options):
    """Compare with the algorithm as it is written down, Chen et al. (2023), algorithm 2."""
    rng = np.random.default_rng(0)
    x, momentum = rng.normal(size=(4, 3)), np.zeros((4, 3))
    p = nn.Parameter(mt.tensor(x))
    optimizer = optim.Lion([p], **options)
    known = {"lr": 1e-4, "betas": (0.9, 0.99), "weight_decay": 0.0, "maximize": False} | options
    for _ in range(50):
        slope = rng.normal(size=x.shape) + x
        p.grad = mt.tensor(slope)
        optimizer.step()
        g = -slope if known["maximize"] else slope
        direction = np.sign(known["betas"][0] * momentum + (1 - known["betas"][0]) * g)
        momentum = known["betas"][1] * momentum + (1 - known["betas"][1]) * g
        x = x - known["lr"] * (direction + known["weight_decay"] * x)
    np.testing.assert_allclose(p.detach().numpy(), x, rtol=1e-12)


def test_a_users_optimizer():
    class Signed(optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        @mt.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    self.state[p]["count"] = self.state[p].get("count", 0) + 1
                    p.add_(p.grad.sign(), alpha=-group["lr"])

    p = nn.Parameter(mt.tensor([1.0, -1.0]))
    optimizer = Signed([p], lr=0.5)
    (p * p).sum().backward()
    optimizer.step()
    assert p.tolist() == [0.5, -0.5]
    assert optimizer.state_dict()["state"] == {0: {"count": 1}}


def test_options_that_are_not_supported_say_so():
    with pytest.raises(NotImplementedError, match="differentiable"):
        optim.Adam([nn.Parameter(mt.zeros(1))], differentiable=True)


def test_every_rule_is_an_optimizers():
    every = {v for v in vars(rules).values() if isinstance(v, rules.Rule)}
    assert every - {rules.TRACE, rules.MUON} == {kind.rule for kind, _ in KINDS.values()}


def test_e7_an_empty_batch_changes_nothing():
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    before = [p.detach().numpy().copy() for p in model.parameters()]
    model(mt.zeros(0, 3)).sum().backward()
    optimizer.step()
    for p, kept in zip(model.parameters(), before):
        np.testing.assert_array_equal(p.detach().numpy(), kept)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
def test_muon_makes_its_direction_orthogonal(shape):
    slope = np.random.default_rng(0).normal(size=shape)
    p = nn.Parameter(mt.zeros(shape, dtype=mt.float64))
    p.grad = mt.tensor(slope)
    optim.Muon([p], lr=1.0, weight_decay=0.0, ns_coefficients=(1.5, -0.5, 0.0), ns_steps=40).step()
    u, _, v = np.linalg.svd(slope, full_matrices=False)
    np.testing.assert_allclose(p.detach().numpy(), -(u @ v) * max(1, shape[0] / shape[1]) ** 0.5, atol=1e-9)
    q = nn.Parameter(mt.zeros(shape, dtype=mt.float64))
    q.grad = mt.tensor(slope)
    optim.Muon([q], lr=1.0, adjust_lr_fn="match_rms_adamw").step()
    sizes = np.linalg.svd(q.detach().numpy(), compute_uv=False) / (0.2 * max(shape) ** 0.5)
    assert sizes.min() > 0.5 and sizes.max() < 1.5


@pytest.mark.torch
def test_muon_is_near_pytorchs():
    torch = pytest.importorskip("torch")
    rng, found = np.random.default_rng(0), []
    start, slopes = rng.normal(size=(6, 4)), rng.normal(size=(5, 6, 4))
    for lib in (mt, torch):
        p = lib.nn.Parameter(lib.tensor(start.astype("float32")))
        optimizer = lib.optim.Muon([p], lr=0.02)
        for g in slopes:
            p.grad = lib.tensor(g.astype("float32"))
            optimizer.step()
        found.append(p.detach().numpy())
    np.testing.assert_allclose(*found, atol=5 * 0.02 * 0.03)  # PyTorch's steps have 8 bits


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.Muon([nn.Parameter(mt.zeros(3))]), "Muon.*matrices"),
        (lambda: optim.Muon([nn.Parameter(mt.zeros(3, 3))], adjust_lr_fn="x"), "Adjust learning rate"),
        (lambda: optim.Muon([nn.Parameter(mt.zeros(3, 3))], ns_steps=100), "fewer than 100"),
        (lambda: optim.Adafactor([nn.Parameter(mt.zeros(3, dtype=mt.complex64))]), "complex"),
        (lambda: optim.Adafactor([nn.Parameter(mt.zeros(3))], d=0.5), "threshold d"),
        (lambda: optim.Adafactor([nn.Parameter(mt.zeros(3))], beta2_decay=0.1), "beta2_decay"),
        (lambda: optim.Adafactor([nn.Parameter(mt.zeros(3))], eps=(None, -1.0)), "epsilon"),
        (lambda: optim.Rprop([nn.Parameter(mt.zeros(3))], etas=(1.1, 1.2)), "eta values"),
        (lambda: optim.Adadelta([nn.Parameter(mt.zeros(3))], rho=1.5), "rho"),
    ],
)
def test_options_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()
