"""A chain of pointwise ops on 4M floats, forward and backward: memory traffic, and what fusion would save."""

from __future__ import annotations

import numpy as np

from ..registry import contender, torch_style, workload
from .common import normal

SIZE = 1 << 22
NAME = "pointwise_chain"

workload(
    NAME,
    "Pointwise chain, 4M floats, forward and backward",
    bytes=2 * 4 * SIZE,  # the input read once, its gradient written once
)


@torch_style(NAME)
def build(lib, compiled):
    x = lib.tensor(normal(SIZE), requires_grad=True)

    @compiled
    def forward(x):
        h = lib.tanh(x * 1.5 + 0.5)
        return (lib.exp(-h * h) * x).sum()

    def step():
        x.grad = None
        loss = forward(x)
        loss.backward()
        return x.grad

    return step


@contender(NAME, "jax")
def jitted():
    import jax
    import jax.numpy as jnp

    def forward(x):
        h = jnp.tanh(x * 1.5 + 0.5)
        return (jnp.exp(-h * h) * x).sum()

    x, gradient = jnp.asarray(normal(SIZE)), jax.jit(jax.grad(forward))
    return lambda: gradient(x).block_until_ready()


@contender(NAME, "numpy")
def by_hand():
    x = normal(SIZE)

    def step():
        h = x * 1.5
        h += 0.5
        np.tanh(h, out=h)
        square = h * h
        e = np.exp(-square)
        (e * x).sum()
        # d/dx (e * x) = e + x * e * (-2h) * (1 - h^2) * 1.5
        np.subtract(1, square, out=square)
        h *= square
        h *= x
        h *= e
        h *= -3
        e += h
        return e

    return step
