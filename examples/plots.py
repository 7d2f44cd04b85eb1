"""The loss plot that the examples share."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # write files, open no window
import matplotlib.pyplot as plt


def save_loss_plot(path: Path, losses: list[float], accuracies: list[float]) -> None:
    """Plot the loss of every step and the test accuracy of every epoch."""
    figure, axis = plt.subplots(figsize=(7, 4))
    axis.plot(losses, color="#3b73c4", linewidth=0.8)
    axis.set(xlabel="step", ylabel="training loss", yscale="log")
    steps = [(i + 1) * len(losses) / len(accuracies) for i in range(len(accuracies))]
    other = axis.twinx()
    other.plot(steps, accuracies, color="#c77700", marker=".")
    other.set(ylabel="test accuracy", ylim=(0, 1.02))
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)
