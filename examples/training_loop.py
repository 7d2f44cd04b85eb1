"""The training loop of any PyTorch tutorial: a Sequential, Adam, 100 epochs."""

import minitorch as mt
import minitorch.nn as nn


def main(epochs: int = 100, seed: int = 0) -> list[float]:
    mt.manual_seed(seed)
    x = mt.randn(64, 10)
    y = x @ mt.arange(10, dtype=mt.float32).reshape(10, 1) / 10

    model = nn.Sequential(nn.Linear(10, 1))
    criterion = nn.MSELoss()
    optimizer = mt.optim.Adam(model.parameters(), lr=0.05)

    losses = []
    for epoch in range(epochs):
        optimizer.zero_grad()
        output = model(x)
        loss = criterion(output, y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if epoch % 20 == 0:
            print(f"epoch {epoch:3d}: loss {loss.item():.4f}")
    print(f"epoch {epochs:3d}: loss {losses[-1]:.4f}")
    return losses


if __name__ == "__main__":
    main()
