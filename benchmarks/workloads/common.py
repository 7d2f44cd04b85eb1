"""What workloads share: data and parameters that are the same in every library."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np


def normal(*shape: int, seed: int = 0, scale: float = 1.0) -> np.ndarray:
    """Draw float32 normals from a fixed seed."""
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


def labels(*shape: int, classes: int, seed: int = 0) -> np.ndarray:
    """Draw int64 classes from a fixed seed."""
    return np.random.default_rng(seed).integers(0, classes, shape)


def same_start(lib: ModuleType, model: Any) -> Any:
    """Give a model parameters that do not depend on the library's generator: small normals, and 1 for norms."""
    state = dict(model.state_dict())
    for i, (name, parameter) in enumerate(model.named_parameters()):
        shape = tuple(parameter.shape)
        fan_in = int(np.prod(shape[1:]))
        start = normal(*shape, seed=i, scale=fan_in**-0.5) if len(shape) > 1 else np.zeros(shape, np.float32)
        state[name] = lib.tensor(start + (len(shape) == 1 and name.endswith("weight")))
    model.load_state_dict(state)
    return model


def training_step(loss_of: Callable[..., Any], optimizer: Any) -> Callable[..., Any]:
    """Return the step of a training loop in PyTorch's style."""

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = loss_of(x, y)
        loss.backward()
        optimizer.step()
        return loss

    return step


class HandAdam:
    """Adam in place on a list of NumPy arrays, without temporaries."""

    def __init__(self, parameters: list[np.ndarray], lr: float = 1e-3, betas=(0.9, 0.999), eps: float = 1e-8):
        self.lr, self.betas, self.eps, self.steps = lr, betas, eps, 0
        self.slots = [(p, np.zeros_like(p), np.zeros_like(p), np.empty_like(p)) for p in parameters]

    def step(self, gradients: list[np.ndarray]) -> None:
        self.steps += 1
        beta1, beta2 = self.betas
        scale1 = self.lr / (1 - beta1**self.steps)
        scale2 = (1 - beta2**self.steps) ** -0.5
        for (p, m, v, scratch), g in zip(self.slots, gradients, strict=True):
            m *= beta1
            m += np.multiply(g, 1 - beta1, out=scratch)
            v *= beta2
            np.multiply(g, g, out=scratch)
            scratch *= 1 - beta2
            v += scratch
            np.sqrt(v, out=scratch)
            scratch *= scale2
            scratch += self.eps
            np.divide(m, scratch, out=scratch)
            scratch *= scale1
            p -= scratch


def softmax_cross_entropy(logits: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean loss and its gradient, which overwrites the logits."""
    rows = np.arange(len(y))
    logits -= logits.max(axis=1, keepdims=True)
    picked = logits[rows, y]
    np.exp(logits, out=logits)
    total = logits.sum(axis=1)
    loss = (np.log(total) - picked).mean()
    logits /= total[:, None]
    logits[rows, y] -= 1
    logits *= 1 / len(y)
    return loss, logits
