"""Linear regression: overhead and nothing else."""

from __future__ import annotations

from ..registry import contender, torch_style, workload
from .common import normal, same_start

SAMPLES, RATE = 100, 0.01
NAME = "linear_regression"


def data(samples):
    x = normal(samples, 1)
    return x, 3 * x + 0.5 + normal(samples, 1, seed=1, scale=0.1)


workload(
    NAME,
    "Linear regression, 100 samples, 1 feature, SGD",
    flops=4 * SAMPLES,
    bytes=2 * 4 * SAMPLES,
    data=data,
    batch=SAMPLES,
)


@torch_style(NAME)
def build(lib, compiled):
    model = same_start(lib, lib.nn.Linear(1, 1))
    criterion = lib.nn.MSELoss()
    optimizer = lib.optim.SGD(model.parameters(), lr=RATE)
    forward = compiled(lambda x, y: criterion(model(x), y))

    def step(x, y):
        optimizer.zero_grad()
        loss = forward(x, y)
        loss.backward()
        optimizer.step()
        return loss

    return step


@contender(NAME, "jax")
def jitted():
    from .jax_steps import sgd, training

    def loss(p, x, y):
        return ((x @ p["w"].T + p["b"] - y) ** 2).mean()

    return training(loss, {"w": normal(1, 1), "b": normal(1) * 0}, sgd(RATE))


@contender(NAME, "numpy")
def by_hand():
    w, b = normal(1, 1), normal(1) * 0

    def step(x, y):
        error = x @ w
        error += b
        error -= y
        loss = (error * error).mean()
        error *= 2 / len(x)
        dw, db = x.T @ error, error.sum(axis=0)
        w[...] -= RATE * dw
        b[...] -= RATE * db
        return loss

    return step
