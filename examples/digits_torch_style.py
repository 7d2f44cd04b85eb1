"""Handwritten digits, in PyTorch's style: an MLP on 1,797 real images of 8 x 8 pixels. This is `make demo`."""

from pathlib import Path

from plots import save_loss_plot

import minitorch as mt
from minitorch import datasets, nn
from minitorch.errors import MissingProgramError
from minitorch.utils.data import DataLoader, TensorDataset


def accuracy(model: nn.Module, x: mt.Tensor, y: mt.Tensor) -> float:
    model.eval()
    with mt.no_grad():
        right = (model(x).argmax(dim=1) == y).float().mean().item()
    model.train()
    return right


def save_graph(folder: Path, loss: mt.Tensor, model: nn.Module) -> list[Path]:
    """Write the computation graph as DOT, and as pictures where the program `dot` is installed."""
    picture = mt.draw_graph(loss, model)
    dot = folder / "graph.dot"
    picture.save(dot)
    written = [dot]
    for kind in ("svg", "png"):
        try:
            written.append(Path(picture.render(outfile=folder / f"graph.{kind}")))
        except MissingProgramError as error:
            print(f"no picture of the graph: {error}")
            break
    return written


def main(epochs: int = 40, seed: int = 0, folder: str | Path = "artifacts", show_progress: bool = True) -> float:
    mt.manual_seed(seed)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)

    x, y = datasets.digits(as_tensors=True)
    data = datasets.train_test_split(x / 16.0, y, test_size=0.2)
    loader = DataLoader(TensorDataset(data.x_train, data.y_train), batch_size=32, shuffle=True)

    model = nn.Sequential(
        nn.Linear(64, 256),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(256, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )
    criterion = nn.CrossEntropyLoss()
    optimizer = mt.optim.Adam(model.parameters(), lr=1e-3)

    losses: list[float] = []
    accuracies: list[float] = []
    bar = mt.progress(total=epochs * len(loader), desc="training", unit="step", disable=not show_progress)
    for _ in range(epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            bar.update()
        accuracies.append(accuracy(model, data.x_test, data.y_test))
        bar.set_postfix(loss=f"{losses[-1]:.4f}", accuracy=f"{accuracies[-1]:.1%}")
    bar.close()

    plot = folder / "loss.png"
    save_loss_plot(plot, losses, accuracies)
    written = [plot, *save_graph(folder, criterion(model(data.x_train[:32]), data.y_train[:32]), model)]
    print(f"wrote {', '.join(map(str, written))}")
    print(f"test accuracy {accuracies[-1]:.2%} on {len(data.y_test)} images")
    return accuracies[-1]


if __name__ == "__main__":
    main()
