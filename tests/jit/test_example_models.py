"""The models of examples/torch_style, each trained by a compiled step, and the programs of examples/functional checked.

A scene takes a script's own classes and functions, and compiles what the script does for one batch: forward, backward,
clipping, optimizer and scheduler.
"""

from __future__ import annotations

import copy
import importlib
import sys
from pathlib import Path

import pytest

import minitorch as mt
from minitorch import nn, optim
from minitorch.compiling.modes import CHECK, mode
from minitorch.nn import functional as F

from .comparing import compare
from .steps import training

FOLDER = Path(__file__).resolve().parents[2] / "examples"
SCENES = {}


@pytest.fixture(autouse=True)
def folders(monkeypatch):
    for name in ("torch_style", "functional"):
        monkeypatch.syspath_prepend(FOLDER / name)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:  # other tests have modules of these names, too
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(FOLDER)):
            del sys.modules[name]


def scene(build):
    """Enter a function that returns an example's loss of a batch, how to draw a batch, the optimizer and what to look at."""

    def make(wrap):
        loss_of, batch, optimizer, seen = build(importlib.import_module(build.__name__))
        compiled = wrap(training(optimizer, loss_of))
        return lambda i: compiled(*batch(i)), [*seen, optimizer]

    SCENES[build.__name__] = make
    return make


@scene
def char_gpt(example):
    model = example.draw_weights(example.GPT(context=8, width=16)).double()
    optimizer = optim.AdamW(model.parameters(), lr=3e-3)

    def batch(i):
        chunk = mt.from_numpy(example.CODES[i * 40 : i * 40 + 36].reshape(4, 9))
        return chunk[:, :-1], chunk[:, 1:]

    def loss(x, y):
        return F.cross_entropy(model(x).flatten(0, 1), y.flatten())

    return loss, batch, optimizer, [model]


@scene
def deep_q_learning(example):
    policy = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2)).double()
    target = copy.deepcopy(policy)
    optimizer = optim.AdamW(policy.parameters(), lr=2e-3, amsgrad=True)

    def batch(i):
        ended = (mt.rand(8, 1) < 0.2).double()
        return mt.randn(8, 4).double(), mt.randint(0, 2, (8, 1)), mt.ones(8, 1).double(), mt.randn(8, 4).double(), ended

    def loss(states, actions, rewards, followings, ended):
        for slow, fast in zip(target.parameters(), policy.parameters()):
            slow.data.lerp_(fast.data, 0.02)
        with mt.no_grad():
            future = target(followings).max(dim=1, keepdim=True).values
        return F.smooth_l1_loss(policy(states).gather(1, actions), rewards + 0.98 * future * (1 - ended))

    return loss, batch, optimizer, [policy, target]


@scene
def digits_cnn(example):
    pytest.importorskip("sklearn")
    images, labels = map(mt.from_numpy, example.digits(64))
    model = example.draw_weights(example.Net()).double()
    optimizer = optim.SGD(model.parameters(), lr=0.02, momentum=0.9, nesterov=True)
    return (
        lambda x, y: F.cross_entropy(model(x), y),
        lambda i: (images[i * 16 : i * 16 + 16].double(), labels[i * 16 : i * 16 + 16]),
        optimizer,
        [model],
    )


@scene
def gan(example):
    forger = example.draw_weights(example.perceptron(8, 16, 2), seed=0)
    critic = example.draw_weights(example.perceptron(2, 16, 1), seed=1)
    forging, judging = (optim.Adam(net.parameters(), lr=1e-3, betas=(0.5, 0.999)) for net in (forger, critic))
    criterion = nn.BCEWithLogitsLoss()
    real, fake = mt.ones(16, 1).double(), mt.zeros(16, 1).double()

    def loss(noise, points):
        forged = forger(noise)
        judging.zero_grad()
        (criterion(critic(points), real) + criterion(critic(forged.detach()), fake)).backward()
        judging.step()
        return criterion(critic(forged), real)

    return loss, lambda i: (mt.randn(16, 8).double(), mt.randn(16, 2).double()), forging, [forger, critic, judging]


@scene
def lstm_time_series(example):
    model = example.draw_weights(example.Forecaster(hidden=8).double())
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    return (
        lambda x, y: F.mse_loss(model(x)[0], y),
        lambda i: (mt.randn(4, 6, 1).double(), mt.randn(4, 6, 1).double()),
        optimizer,
        [model],
    )


@scene
def polynomial_regression(example):
    weights = [mt.tensor(value, dtype=mt.float64, requires_grad=True) for value in (0.0, -1.0, 0.0, 0.3)]
    a, b, c, d = weights

    def loss(x):
        return (a + b * example.LegendrePolynomial3.apply(c + d * x) - mt.sin(x)).pow(2).mean()

    return loss, lambda i: (mt.linspace(-3, 3, 50).double(),), optim.SGD(weights, lr=0.01), weights


@scene
def resnet(example):
    model = example.draw_weights(example.ResNet(width=4).double())
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    return (
        lambda x, y: F.cross_entropy(model(x), y, label_smoothing=0.1),
        lambda i: (mt.rand(4, 1, 28, 28).double(), mt.randint(0, 10, (4,))),
        optimizer,
        [model],
    )


@scene
def style_transfer(example):
    network = example.draw_weights(example.Features().double())
    image = mt.rand(1, 1, 16, 16).double().requires_grad_(True)

    def loss(style):
        found, wanted = network(image), network(style)
        return sum(F.mse_loss(example.gram(x), example.gram(y).detach()) for x, y in zip(found, wanted))

    return loss, lambda i: (mt.rand(1, 1, 16, 16).double(),), optim.SGD([image], lr=10.0), [image, network]


@scene
def vae(example):
    model = example.draw_weights(example.VAE(latent=4).double())

    def loss(x, noise):
        predicted, mean, log_variance = model(x, noise)
        reconstruction, divergence = example.negative_elbo(predicted, x, mean, log_variance)
        return (reconstruction + divergence) / len(x)

    optimizer = optim.Adam(model.parameters(), lr=2e-3)
    return loss, lambda i: (mt.rand(8, 64).double(), mt.randn(8, 4).double()), optimizer, [model]


@scene
def word_embedding(example):
    model = example.SkipGram(50, width=8).double()
    drawn = lambda i: (mt.randint(0, 50, (16,)), mt.randint(0, 50, (16,)), mt.randint(0, 50, (16, 5)))  # noqa: E731
    return model, drawn, optim.SGD(model.parameters(), lr=1.0), [model]


@pytest.mark.parametrize("name", SCENES)
def test_a_models_compiled_step(name):
    compare(SCENES[name], 4)


FUNCTIONAL = {
    "custom_rules": {},
    "mlp_digits": {"epochs": 1},
    "neural_ode": {"steps": 8},
    "per_example_gradients": {"steps": 10},
    "scan_rnn": {"steps": 10},
}
WITHOUT_A_COMPILED_PART = ("hessian_vector_products", "implicit_differentiation")


@pytest.mark.parametrize("name", FUNCTIONAL)
def test_a_functional_program_is_checked_at_each_call(name):
    if name == "mlp_digits":
        pytest.importorskip("sklearn")
    programs = mt.jit_stats().programs
    before = mode.set(CHECK)
    try:
        importlib.import_module(name).main(**FUNCTIONAL[name])
    finally:
        mode.reset(before)
    assert mt.jit_stats().programs > programs


def test_functional_programs_without_a_compiled_part():
    products, roots = map(importlib.import_module, WITHOUT_A_COMPILED_PART)

    def products_three_ways(x, v):
        f = lambda x: mt.exp(x * 0.3).sum() + (x * x * x).sum()  # noqa: E731
        ways = products.forward_over_reverse, products.reverse_over_reverse, products.reverse_over_forward
        return [way(f, x, v) for way in ways]

    def root(start, a):
        return mt.jacrev(lambda a: roots.root_of(roots.curves)(start, a))(a)

    x, v, a = mt.randn(2, 3).double(), mt.randn(2, 3).double(), mt.tensor([2.0, 0.5]).double()
    for function, args in ((products_three_ways, (x, v)), (root, (mt.tensor([1.0, 1.0]).double(), a))):
        compare(lambda wrap: (lambda i: wrap(function)(*args), None), 2)  # noqa: B023 (used at once)


def test_each_example_is_here():
    assert {path.stem for path in (FOLDER / "torch_style").glob("*.py")} == SCENES.keys() | {"common"}
    assert {path.stem for path in (FOLDER / "functional").glob("*.py")} == {*FUNCTIONAL, *WITHOUT_A_COMPILED_PART}
