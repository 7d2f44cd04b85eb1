"""Self-attention as a layer: MultiheadAttention, forward and backward, and an SGD step."""

from __future__ import annotations

from ..registry import torch_style, workload
from .common import normal, same_start, training_step

BATCH, STEPS, WIDTH, HEADS = 8, 64, 128, 4
NAME = "attention"


def data(batch):
    return normal(batch, STEPS, WIDTH), normal(batch, STEPS, WIDTH, seed=1)


workload(
    NAME,
    "MultiheadAttention (width 128, 4 heads, 64 steps), batch 8, SGD",
    flops=BATCH * STEPS * (4 * 6 * WIDTH**2 - 3 * 2 * WIDTH**2 + 2 * 6 * STEPS * WIDTH),
    data=data,
    batch=BATCH,
)


@torch_style(NAME)
def build(lib, compiled):
    model = same_start(lib, lib.nn.MultiheadAttention(WIDTH, HEADS, batch_first=True))
    optimizer = lib.optim.SGD(model.parameters(), lr=0.01)

    @compiled
    def forward(x, y):
        out, _ = model(x, x, x, need_weights=False)
        return lib.nn.functional.mse_loss(out, y)

    return training_step(forward, optimizer)
