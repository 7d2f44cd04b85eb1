"""What the scripts in this folder share; NumPy's arrays only, so that it serves either library.

A script is plain PyTorch. Its imports name minitorch, and nothing else in it does: with `torch` written there it is the
same program (`sed s/minitorch/torch/ examples/torch_style/vae.py > examples/torch_style/theirs.py`). The two libraries draw
different random numbers, so data, initial weights and noise come from NumPy's generator, and both print the same losses.
`main` returns its curves by name; `--plot FILE` draws them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

Curves = dict[str, list[float]]


def draw_weights(model: Any, seed: int = 0) -> Any:
    """Fill a model of either library with the same numbers, and return it.

    Matrices and filters are uniform with PyTorch's usual bound, one over the root of the inputs of a unit; biases are 0.
    """
    generator = np.random.default_rng(seed)
    for name, p in model.named_parameters():
        if "bias" in name:
            p.data.zero_()
        elif p.dim() > 1:
            bound = (p.numel() / p.shape[0]) ** -0.5
            p.data.copy_(p.new_tensor(generator.uniform(-bound, bound, tuple(p.shape))))
    return model


def batches(count: int, size: int, epochs: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Yield the indices of each batch: every epoch in a new order, without a last batch that is not full."""
    generator = np.random.default_rng(seed)
    for _ in range(epochs):
        order = generator.permutation(count)
        yield from (order[at : at + size] for at in range(0, count - size + 1, size))


def digits(count: int = 1797) -> tuple[np.ndarray, np.ndarray]:
    """Return images of handwritten digits, float32 of shape (count, 1, 8, 8) in [0, 1], and their classes."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return (x[:count] / 16).astype(np.float32).reshape(-1, 1, 8, 8), y[:count].astype(np.int64)


def synthetic_mnist(count: int, train: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Return drawn digits in MNIST's format, float32 of shape (count, 1, 28, 28) in [0, 1], and their classes."""
    from minitorch.datasets import SyntheticMNIST

    drawn = SyntheticMNIST(train, count)
    return np.asarray(drawn.data, np.float32) / 255, np.array(drawn.targets)


def show(curves: Curves) -> None:
    """Print where each curve begins and ends; draw them where the command line says `--plot FILE`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the curves to this picture")
    file = parser.parse_args().plot
    for name, values in curves.items():
        print(f"{name}: {values[0]:.6g} -> {values[-1]:.6g}")
    if file:
        save_plot(file, curves)


def save_plot(file: Path, curves: Curves) -> None:
    """Draw one panel for each curve."""
    import matplotlib

    matplotlib.use("Agg")  # write files, open no window
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(curves), 1, figsize=(7, 2.5 * len(curves)), squeeze=False)
    for axis, (name, values) in zip(axes.flat, curves.items()):
        axis.plot(values, color="#3b73c4", linewidth=0.8)
        axis.set(xlabel="step", ylabel=name, yscale="log" if min(values) > 0 else "linear")
    figure.tight_layout()
    figure.savefig(file, dpi=120)
    plt.close(figure)
