"""The training loop, as in PyTorch: 100 epochs of Adam on one linear layer."""

from __future__ import annotations

import minitorch as mt
import minitorch.nn as nn


def main(epochs: int = 100):
    mt.manual_seed(0)
    x = mt.randn(64, 10)
    y = x @ mt.randn(10, 1)
    model = nn.Sequential(nn.Linear(10, 1))
    criterion = nn.MSELoss()
    optimizer = mt.optim.Adam(model.parameters(), lr=0.05)
    losses = []
    for _ in range(epochs):
        optimizer.zero_grad()
        output = model(x)
        loss = criterion(output, y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")
    return losses


if __name__ == "__main__":
    main()
