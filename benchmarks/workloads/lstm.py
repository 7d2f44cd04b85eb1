"""An LSTM that reads series of 32 steps, and a linear layer on its last state; SGD."""

from __future__ import annotations

from ..registry import contender, torch_style, workload
from .common import normal, same_start, training_step

BATCH, STEPS, FEATURES, WIDTH = 32, 32, 64, 128
NAME = "lstm"


def data(batch):
    return normal(batch, STEPS, FEATURES), normal(batch, 1, seed=1)


workload(
    NAME,
    "LSTM 64-128 over 32 steps, batch 32, SGD",
    flops=6 * BATCH * STEPS * 4 * WIDTH * (FEATURES + WIDTH) - 2 * BATCH * STEPS * 4 * WIDTH * FEATURES,
    data=data,
    batch=BATCH,
)


def model_of(lib):
    nn = lib.nn

    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(FEATURES, WIDTH, batch_first=True)
            self.head = nn.Linear(WIDTH, 1)

        def forward(self, x):
            out, _ = self.lstm(x)
            return self.head(out[:, -1])

    return Reader()


@torch_style(NAME)
def build(lib, compiled):
    model = same_start(lib, model_of(lib))
    optimizer = lib.optim.SGD(model.parameters(), lr=0.01)

    @compiled
    def forward(x, y):
        return lib.nn.functional.mse_loss(model(x), y)

    return training_step(forward, optimizer)


@contender(NAME, "jax")
def jitted():
    import jax
    import jax.numpy as jnp

    import minitorch

    from .jax_steps import sgd, starts, training

    def cell(p, carry, gates):
        h, c = carry
        i, f, g, o = jnp.split(gates + h @ p["lstm.weight_hh_l0"].T, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), None

    def loss(p, x, y):
        bias = p["lstm.bias_ih_l0"] + p["lstm.bias_hh_l0"]
        gates = x.swapaxes(0, 1) @ p["lstm.weight_ih_l0"].T + bias
        first = jnp.zeros((x.shape[0], WIDTH), x.dtype)
        (h, _), _ = jax.lax.scan(lambda carry, x: cell(p, carry, x), (first, first), gates)
        return jnp.mean((h @ p["head.weight"].T + p["head.bias"] - y) ** 2)

    return training(loss, starts(model_of(minitorch)), sgd(0.01))
