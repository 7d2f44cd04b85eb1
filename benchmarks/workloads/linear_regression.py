"""Linear regression: overhead and nothing else."""

from __future__ import annotations

from ..registry import contender, torch_style, workload
from .common import normal, same_start

SAMPLES, RATE = 100, 0.01
NAME = "linear_regression"

workload(
    NAME,
    "Linear regression, 100 samples, 1 feature, SGD",
    flops=4 * SAMPLES,
    bytes=2 * 4 * SAMPLES,
)


def data():
    x = normal(SAMPLES, 1)
    return x, 3 * x + 0.5 + normal(SAMPLES, 1, seed=1, scale=0.1)


@torch_style(NAME)
def build(lib):
    x, y = map(lib.tensor, data())
    model = same_start(lib, lib.nn.Linear(1, 1))
    criterion = lib.nn.MSELoss()
    optimizer = lib.optim.SGD(model.parameters(), lr=RATE)

    def step():
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


@contender(NAME, "numpy")
def by_hand():
    x, y = data()
    w, b = normal(1, 1), normal(1) * 0

    def step():
        error = x @ w
        error += b
        error -= y
        loss = (error * error).mean()
        error *= 2 / SAMPLES
        dw, db = x.T @ error, error.sum(axis=0)
        w[...] -= RATE * dw
        b[...] -= RATE * db
        return loss

    return step
