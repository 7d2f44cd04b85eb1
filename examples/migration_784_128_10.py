"""A PyTorch network after changing its imports: 784-128-10 on made-up classes."""

from __future__ import annotations

import minitorch as mt
import minitorch.nn as nn
import minitorch.optim as optim


class Net(nn.Module):
    """Two linear layers with a ReLU between."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 128)
        self.relu = nn.ReLU()
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        return self.fc2(self.relu(self.fc1(x)))


def main(steps: int = 60):
    mt.manual_seed(0)
    centers = mt.randn(10, 784)
    y = mt.randint(0, 10, (256,))
    x = centers[y] + mt.randn(256, 784)
    model = Net()
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    accuracy = (model(x).argmax(dim=1) == y).float().mean().item()
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}, accuracy {accuracy:.1%}")
    return losses, accuracy


if __name__ == "__main__":
    main()
