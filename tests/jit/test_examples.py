"""What the programs in examples/ train, with a compiled step: the same losses and parameters."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import minitorch as mt
from minitorch import datasets, nn, tree
from minitorch.nn import functional as F
from minitorch.utils.data import DataLoader, TensorDataset

from .comparing import compare

FOLDER = Path(__file__).resolve().parents[2] / "examples"


def trainer(wrap, model, criterion, optimizer):
    def step(x, y):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return wrap(step)


def quadratic(wrap):
    x = mt.Tensor(2.0, requires_grad=True)

    def derivative(x):
        y = x**2 + 3.0 * x
        y.backward()
        return y

    compiled = wrap(derivative)
    return lambda i: compiled(x), x


def linear_regression(wrap):
    x = mt.rand(100, 1)
    y = 3.0 * x + 2.0 + 0.05 * mt.randn(100, 1)
    model = nn.Linear(1, 1)
    optimizer = mt.optim.SGD(model.parameters(), lr=0.5)
    step = trainer(wrap, model, nn.MSELoss(), optimizer)
    return lambda i: step(x, y), [model, optimizer]


def training_loop(wrap):
    x = mt.randn(64, 10)
    y = x @ mt.arange(10, dtype=mt.float32).reshape(10, 1) / 10
    model = nn.Sequential(nn.Linear(10, 1))
    optimizer = mt.optim.Adam(model.parameters(), lr=0.05)
    step = trainer(wrap, model, nn.MSELoss(), optimizer)
    return lambda i: step(x, y), [model, optimizer]


def migration(wrap):
    module = example("migration_784_128_10")
    images, labels = module.synthetic_digits(256)
    batches = list(DataLoader(TensorDataset(images, labels), batch_size=64, shuffle=True))
    model = module.Net()
    optimizer = mt.optim.SGD(model.parameters(), lr=0.05)
    step = trainer(wrap, model, nn.CrossEntropyLoss(), optimizer)
    return lambda i: step(*batches[i % 4]), [model, optimizer]


def digits_torch_style(wrap):
    pytest.importorskip("sklearn")
    x, y = datasets.digits(as_tensors=True)
    loader = list(DataLoader(TensorDataset(x / 16.0, y), batch_size=32, shuffle=True))
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 10)).double()
    optimizer = mt.optim.Adam(model.parameters(), lr=1e-3)
    step = trainer(wrap, model, nn.CrossEntropyLoss(), optimizer)

    def accuracy(x, y):
        with mt.no_grad():
            return (model(x).argmax(dim=1) == y).float().mean()

    right = wrap(accuracy)

    def call(i):
        loss = step(loader[i][0].double(), loader[i][1])
        model.eval()
        found = right(x.double() / 16.0, y)
        model.train()
        return loss, found

    return call, [model, optimizer]


def digits_functional(wrap):
    pytest.importorskip("sklearn")
    module = example("digits_functional")
    x, y = datasets.digits(as_tensors=True)
    state = {"params": {name: p.double() for name, p in module.init().items()}}
    state["velocity"] = tree.map(mt.zeros_like, state["params"])

    def update(params, velocity, x, y, lr, momentum):
        loss, grads = mt.value_and_grad(module.loss_fn)(params, x, y)
        velocity = tree.map(lambda v, g: momentum * v + g, velocity, grads)
        return tree.map(lambda p, v: p - lr * v, params, velocity), velocity, loss

    compiled = wrap(update)

    def call(i):
        batch = mt.randperm(len(y))[:32]
        state["params"], state["velocity"], loss = compiled(
            *state.values(), x[batch].double() / 16.0, y[batch], 0.1, 0.9
        )
        return loss

    return call, state


def example(name):
    """Import a program from the folder, which is no package."""
    import importlib.util

    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EXAMPLES = [quadratic, linear_regression, training_loop, migration, digits_torch_style, digits_functional]


@pytest.mark.parametrize("scene", EXAMPLES, ids=lambda f: f.__name__)
def test_example(scene):
    compare(scene, 12)


def test_loss_falls_as_far():
    """A whole training run in float32: rounding differs, the outcome does not."""
    losses = []
    for wrap in (lambda f: f, mt.jit):
        mt.manual_seed(0)
        call, _ = training_loop(wrap)
        losses.append([call(i).item() for i in range(100)])
    assert losses[1] == pytest.approx(losses[0], rel=1e-2, abs=1e-4)
    assert losses[1][-1] < 0.01 * losses[1][0]


def test_functional_training_loss_is_a_grad_of_a_jit():
    w = mt.ones(3)
    loss = mt.jit(lambda w, x: F.mse_loss(w * x, x))
    assert mt.grad(loss)(w * 2, w).tolist() == mt.grad(lambda w, x: F.mse_loss(w * x, x))(w * 2, w).tolist()


def test_each_example_is_here():
    names = {f.__name__ for f in EXAMPLES} | {"plots"}
    assert {re.sub(r"_\d.*", "", path.stem) for path in FOLDER.glob("*.py")} == names
