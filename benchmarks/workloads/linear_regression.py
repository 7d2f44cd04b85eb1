"""Linear regression: overhead and nothing else. One step, and a program of 100 epochs."""

from __future__ import annotations

import importlib

from ..registry import as_is, contender, torch_style, workload
from .common import normal, same_start, training_step

SAMPLES, RATE, EPOCHS = 100, 0.01, 100
NAME, PROGRAM = "linear_regression", "linear_regression_program"


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

    return training_step(forward, optimizer)


def loss(p, x, y):
    return ((x @ p["w"].T + p["b"] - y) ** 2).mean()


@contender(NAME, "jax")
def jitted():
    from .jax_steps import sgd, training

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


workload(
    PROGRAM,
    f"Linear regression, a program of {EPOCHS} epochs",
    flops=4 * SAMPLES * EPOCHS,
    bytes=2 * 4 * SAMPLES * EPOCHS,
    data=data,
    batch=SAMPLES,
)


def epochs(step):
    def program(x, y):
        for _ in range(EPOCHS):
            found = step(x, y)
        return found

    return program


for name in ("torch", "minitorch"):
    contender(PROGRAM, name)(lambda name=name: epochs(build(importlib.import_module(name), as_is)))
contender(PROGRAM, "numpy")(lambda: epochs(by_hand()))


@contender(PROGRAM, "minitorch jit")
def in_one_call():
    import minitorch

    step = minitorch.jit(build(minitorch, as_is))
    return lambda x, y: minitorch.train_steps(step, [(x, y)] * EPOCHS)[-1]


@contender(PROGRAM, "jax")
def scanned():
    import jax

    def program(p, x, y):
        def epoch(p, _):
            found, slopes = jax.value_and_grad(loss)(p, x, y)
            return {name: p[name] - RATE * slopes[name] for name in p}, found

        p, losses = jax.lax.scan(epoch, p, length=EPOCHS)
        return p, losses[-1]

    compiled = jax.jit(program, donate_argnums=0)
    kept = {"w": jax.numpy.asarray(normal(1, 1)), "b": jax.numpy.zeros(1)}

    def run(x, y):
        nonlocal kept
        kept, found = jax.block_until_ready(compiled(kept, x, y))
        return found

    return run
