"""A small MLP without biases: 4,736 parameters, matrices of at most 64x64."""

from __future__ import annotations

import numpy as np

from ..registry import contender, torch_style, workload
from .common import labels, normal, same_start, softmax_cross_entropy, training_step

BATCH, IN, HIDDEN, OUT, RATE = 32, 64, 64, 10, 0.1
NAME = "mlp"


def data(batch):
    return normal(batch, IN), labels(batch, classes=OUT)


workload(
    NAME,
    "MLP 64-64-10 without biases (4,736 parameters), batch 32, SGD",
    flops=2 * BATCH * (2 * IN * HIDDEN + 3 * HIDDEN * OUT),
    bytes=4 * (2 * (IN + OUT) * HIDDEN + BATCH * IN),
    data=data,
    batch=BATCH,
)


@torch_style(NAME)
def build(lib, compiled):
    nn = lib.nn
    model = nn.Sequential(nn.Linear(IN, HIDDEN, bias=False), nn.ReLU(), nn.Linear(HIDDEN, OUT, bias=False))
    same_start(lib, model)
    criterion = nn.CrossEntropyLoss()
    optimizer = lib.optim.SGD(model.parameters(), lr=RATE)
    forward = compiled(lambda x, y: criterion(model(x), y))

    return training_step(forward, optimizer)


@contender(NAME, "jax")
def jitted():
    from .jax_steps import cross_entropy, relu, sgd, training

    def loss(p, x, y):
        return cross_entropy(relu(x @ p["w1"].T) @ p["w2"].T, y)

    start = {"w1": normal(HIDDEN, IN, scale=IN**-0.5), "w2": normal(OUT, HIDDEN, seed=1, scale=HIDDEN**-0.5)}
    return training(loss, start, sgd(RATE))


@contender(NAME, "numpy")
def by_hand():
    w1, w2 = normal(HIDDEN, IN, scale=IN**-0.5), normal(OUT, HIDDEN, seed=1, scale=HIDDEN**-0.5)

    def step(x, y):
        nonlocal w1, w2
        hidden = x @ w1.T
        np.maximum(hidden, 0, out=hidden)
        loss, g = softmax_cross_entropy(hidden @ w2.T, y)
        dw2 = g.T @ hidden
        g = g @ w2
        g *= hidden > 0
        dw1 = g.T @ x
        dw1 *= RATE
        dw2 *= RATE
        w1 -= dw1
        w2 -= dw2
        return loss

    return step
