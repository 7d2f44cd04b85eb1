"""What the JAX contenders share: layers, optimizers and a compiled training step, in plain JAX.

Imported by the contenders as they are set up, so that the suite runs without JAX.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import minitorch

from .common import same_start

relu = jax.nn.relu


def starts(model: Any) -> dict[str, np.ndarray]:
    """Return the initial parameters of a model of minitorch's, by name."""
    return {name: p.detach().numpy() for name, p in same_start(minitorch, model).named_parameters()}


def training(
    loss: Callable[..., Any], params: Any, optimizer: tuple[Callable, Callable], state: Any = None
) -> Callable:
    """Compile a step: the loss, its gradient and the update; what a step replaces is donated.

    A loss with a state, such as running means, takes it after the parameters and returns it after the loss.
    """
    start, apply = optimizer
    has_state = state is not None

    def update(kept, *data):
        params, slots, state = kept
        extra = (state,) if has_state else ()
        value, grads = jax.value_and_grad(loss, has_aux=has_state)(params, *extra, *data)
        value, state = value if has_state else (value, None)
        return (*apply(params, slots, grads), state), value

    compiled = jax.jit(update, donate_argnums=0)
    params, state = jax.tree.map(jnp.array, (params, state))
    kept = (params, start(params), state)

    def step(*data):
        nonlocal kept
        kept, value = jax.block_until_ready(compiled(kept, *data))
        return value

    return step


def sgd(lr: float) -> tuple[Callable, Callable]:
    """Return the start and the update of gradient descent."""

    def apply(params, slots, grads):
        return jax.tree.map(lambda p, g: p - lr * g, params, grads), slots

    return lambda params: (), apply


def adam(lr: float, weight_decay: float = 0.0, betas=(0.9, 0.999), eps: float = 1e-8) -> tuple[Callable, Callable]:
    """Return the start and the update of Adam, or of AdamW."""
    beta1, beta2 = betas

    def start(params):
        return jax.tree.map(jnp.zeros_like, params), jax.tree.map(jnp.zeros_like, params), jnp.zeros((), jnp.int32)

    def apply(params, slots, grads):
        m, v, steps = slots
        steps = steps + 1
        m = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, m, grads)
        v = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, v, grads)
        scale1, scale2 = lr / (1 - beta1**steps), (1 - beta2**steps) ** -0.5

        def moved(p, m, v):
            return p * (1 - lr * weight_decay) - scale1 * m / (jnp.sqrt(v) * scale2 + eps)

        return jax.tree.map(moved, params, m, v), (m, v, steps)

    return start, apply


def cross_entropy(logits: jax.Array, y: jax.Array) -> jax.Array:
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1).mean()


def linear(p: dict[str, jax.Array], name: str, x: jax.Array) -> jax.Array:
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def layer_norm(p: dict[str, jax.Array], name: str, x: jax.Array, eps: float = 1e-5) -> jax.Array:
    centered = x - x.mean(axis=-1, keepdims=True)
    variance = (centered * centered).mean(axis=-1, keepdims=True)
    return centered * lax.rsqrt(variance + eps) * p[f"{name}.weight"] + p[f"{name}.bias"]


def batch_norm(p, name: str, x: jax.Array, running: Any, momentum: float = 0.1, eps: float = 1e-5) -> tuple[Any, Any]:
    """Normalize the channels, which come last; return the new running mean and variance, too."""
    mean, variance, count = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2)), x.size // x.shape[-1]
    out = (x - mean) * (lax.rsqrt(variance + eps) * p[f"{name}.weight"]) + p[f"{name}.bias"]
    seen = mean, variance * (count / (count - 1))
    return out, tuple((1 - momentum) * old + momentum * new for old, new in zip(running, seen, strict=True))


def max_pool(x: jax.Array, size: int = 2) -> jax.Array:
    window = (1, size, size, 1)
    return lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")
