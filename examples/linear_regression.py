"""Linear regression by gradient descent: y = 3x + 0.5 with noise."""

from __future__ import annotations

import minitorch as mt
import minitorch.nn as nn


def main(epochs: int = 200):
    mt.manual_seed(0)
    x = mt.randn(100, 1)
    y = 3.0 * x + 0.5 + 0.1 * mt.randn(100, 1)
    model = nn.Linear(1, 1)
    criterion = nn.MSELoss()
    optimizer = mt.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    print(f"loss {loss.item():.4f}, weight {model.weight.item():.3f}, bias {model.bias.item():.3f}")
    return model.weight.item(), model.bias.item()


if __name__ == "__main__":
    main()
