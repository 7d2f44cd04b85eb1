"""The classic MLP on 28x28 images, with Adam: the optimizer weighs as much as the products."""

from __future__ import annotations

import numpy as np

from ..registry import contender, torch_style, workload
from .common import HandAdam, labels, normal, same_start, softmax_cross_entropy, training_step

BATCH, IN, HIDDEN, OUT = 64, 784, 128, 10
NAME = "mlp_adam"


def data(batch):
    return normal(batch, IN), labels(batch, classes=OUT)


workload(
    NAME,
    "MLP 784-128-10, batch 64, Adam",
    flops=2 * BATCH * (2 * IN * HIDDEN + 3 * HIDDEN * OUT),
    bytes=4 * (6 * (IN + OUT) * HIDDEN + BATCH * IN),  # Adam reads and writes parameters and both moments
    data=data,
    batch=BATCH,
)


@torch_style(NAME)
def build(lib, compiled):
    nn = lib.nn
    model = same_start(lib, nn.Sequential(nn.Linear(IN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, OUT)))
    criterion = nn.CrossEntropyLoss()
    optimizer = lib.optim.Adam(model.parameters(), lr=1e-3)
    forward = compiled(lambda x, y: criterion(model(x), y))

    return training_step(forward, optimizer)


@contender(NAME, "jax")
def jitted():
    from .jax_steps import adam, cross_entropy, relu, training

    def loss(p, x, y):
        return cross_entropy(relu(x @ p["w1"].T + p["b1"]) @ p["w2"].T + p["b2"], y)

    start = {
        "w1": normal(HIDDEN, IN, scale=IN**-0.5),
        "b1": normal(HIDDEN) * 0,
        "w2": normal(OUT, HIDDEN, seed=2, scale=HIDDEN**-0.5),
        "b2": normal(OUT) * 0,
    }
    return training(loss, start, adam(1e-3))


@contender(NAME, "numpy")
def by_hand():
    w1, w2 = normal(HIDDEN, IN, scale=IN**-0.5), normal(OUT, HIDDEN, seed=2, scale=HIDDEN**-0.5)
    b1, b2 = np.zeros(HIDDEN, np.float32), np.zeros(OUT, np.float32)
    optimizer = HandAdam([w1, b1, w2, b2], lr=1e-3)

    def step(x, y):
        hidden = x @ w1.T
        hidden += b1
        np.maximum(hidden, 0, out=hidden)
        logits = hidden @ w2.T
        logits += b2
        loss, g = softmax_cross_entropy(logits, y)
        dw2, db2 = g.T @ hidden, g.sum(axis=0)
        g = g @ w2
        g *= hidden > 0
        optimizer.step([g.T @ x, g.sum(axis=0), dw2, db2])
        return loss

    return step
