"""Linear regression by gradient descent: 100 samples, mean squared error, SGD."""

import minitorch as mt
from minitorch import nn


def main(epochs: int = 100, seed: int = 0) -> tuple[float, float, float, float]:
    mt.manual_seed(seed)
    x = mt.rand(100, 1)
    y = 3.0 * x + 2.0 + 0.05 * mt.randn(100, 1)

    model = nn.Linear(1, 1)
    criterion = nn.MSELoss()
    optimizer = mt.optim.SGD(model.parameters(), lr=0.5)

    first = criterion(model(x), y).item()
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()

    slope, offset = model.weight.item(), model.bias.item()
    print(f"y = {slope:.2f} x + {offset:.2f}; the loss went from {first:.3f} to {loss.item():.4f}")
    return slope, offset, first, loss.item()


if __name__ == "__main__":
    main()
