"""Train a small network on 1,797 images of handwritten digits, PyTorch style.

Writes the loss curve and the computation graph of one step to `artifacts/`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import minitorch as mt
import minitorch.nn as nn
from minitorch import datasets
from minitorch.progress import progress
from minitorch.utils.data import DataLoader, TensorDataset


def plot(losses, path):
    """Draw the loss of every step."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4))
    axes.plot(losses, linewidth=0.8)
    axes.set(xlabel="step", ylabel="cross-entropy", yscale="log", title="Digits, 64-128-10")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def draw(loss, model, folder):
    """Write the graph as DOT, and as a picture where the dot program is installed."""
    graph = mt.draw_graph(loss, params=model)
    path = folder / "graph.dot"
    path.write_text(graph.source)
    if shutil.which("dot"):
        graph.render(outfile=str(folder / "graph.svg"))
        path = folder / "graph.svg"
    return path


def main(epochs: int = 40, folder: str | Path = "artifacts"):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    mt.manual_seed(0)
    images, labels = datasets.digits()
    split = datasets.train_test_split(images / 16.0, labels, test_size=0.2, seed=0)
    x_test, y_test = mt.tensor(split.x_test), mt.tensor(split.y_test)
    train = DataLoader(
        TensorDataset(mt.tensor(split.x_train), mt.tensor(split.y_train)), batch_size=32, shuffle=True
    )

    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    criterion = nn.CrossEntropyLoss()
    optimizer = mt.optim.Adam(model.parameters(), lr=2e-3)

    losses = []
    bar = progress(range(epochs), desc="digits")
    for _ in bar:
        for x, y in train:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        bar.set_postfix(loss=f"{losses[-1]:.4f}")

    with mt.no_grad():
        accuracy = (model(x_test).argmax(dim=1) == y_test).float().mean().item()
    plot(losses, folder / "loss.png")
    graph = draw(criterion(model(x_test), y_test), model, folder)
    print(f"test accuracy {accuracy:.2%}; wrote {folder / 'loss.png'} and {graph}")
    return accuracy


if __name__ == "__main__":
    main()
