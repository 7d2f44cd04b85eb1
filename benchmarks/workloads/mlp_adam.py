"""The classic MLP on 28x28 images, with Adam: the optimizer weighs as much as the products."""

from __future__ import annotations

import numpy as np

from ..registry import contender, torch_style, workload
from .common import HandAdam, labels, normal, same_start, softmax_cross_entropy

BATCH, IN, HIDDEN, OUT = 64, 784, 128, 10
NAME = "mlp_adam"

workload(
    NAME,
    "MLP 784-128-10, batch 64, Adam",
    flops=2 * BATCH * (2 * IN * HIDDEN + 3 * HIDDEN * OUT),
    bytes=4 * (6 * (IN + OUT) * HIDDEN + BATCH * IN),  # Adam reads and writes parameters and both moments
)


@torch_style(NAME)
def build(lib):
    nn = lib.nn
    x, y = lib.tensor(normal(BATCH, IN)), lib.tensor(labels(BATCH, classes=OUT))
    model = same_start(lib, nn.Sequential(nn.Linear(IN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, OUT)))
    criterion = nn.CrossEntropyLoss()
    optimizer = lib.optim.Adam(model.parameters(), lr=1e-3)

    def step():
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


@contender(NAME, "numpy")
def by_hand():
    x, y = normal(BATCH, IN), labels(BATCH, classes=OUT)
    w1, w2 = normal(HIDDEN, IN, scale=IN**-0.5), normal(OUT, HIDDEN, seed=2, scale=HIDDEN**-0.5)
    b1, b2 = np.zeros(HIDDEN, np.float32), np.zeros(OUT, np.float32)
    optimizer = HandAdam([w1, b1, w2, b2], lr=1e-3)

    def step():
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
