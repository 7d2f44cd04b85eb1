"""A table of 10,000 rows, 1,024 of them looked up; SGD on the whole table."""

from __future__ import annotations

from ..registry import torch_style, workload
from .common import labels, normal, same_start, training_step

ROWS, WIDTH, BATCH, STEPS = 10_000, 64, 32, 32
NAME = "embedding"


def data(batch):
    return labels(batch, STEPS, classes=ROWS), normal(batch, STEPS, WIDTH)


workload(
    NAME,
    "Embedding 10,000 x 64, 32 x 32 lookups, SGD",
    bytes=4 * (3 * ROWS * WIDTH + 4 * BATCH * STEPS * WIDTH),
    data=data,
    batch=BATCH,
)


@torch_style(NAME)
def build(lib, compiled):
    model = same_start(lib, lib.nn.Embedding(ROWS, WIDTH))
    optimizer = lib.optim.SGD(model.parameters(), lr=0.1)

    @compiled
    def forward(x, y):
        return lib.nn.functional.mse_loss(model(x), y)

    return training_step(forward, optimizer)
