"""A PyTorch script with its imports changed: `torch` became `minitorch`, and nothing else did."""

import minitorch as torch
import minitorch.nn as nn
import minitorch.optim as optim
from minitorch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 128)
        self.relu = nn.ReLU()
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = x.view(-1, 784)
        x = self.relu(self.fc1(x))
        return self.fc2(x)


def synthetic_digits(samples):
    """Ten random pictures of 28 x 28, and noisy copies of them."""
    pictures = torch.randn(10, 1, 28, 28)
    labels = torch.randint(0, 10, (samples,))
    return pictures[labels] + torch.randn(samples, 1, 28, 28), labels


def main(samples: int = 1024, epochs: int = 3, seed: int = 0) -> tuple[float, float, float]:
    torch.manual_seed(seed)
    images, labels = synthetic_digits(samples)
    loader = DataLoader(TensorDataset(images, labels), batch_size=64, shuffle=True)

    model = Net()
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=1e-3)

    losses = []
    model.train()
    for epoch in range(epochs):
        for batch, target in loader:
            optimizer.zero_grad()
            output = model(batch)
            loss = criterion(output, target)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch + 1}: loss {losses[-1]:.4f}")

    model.eval()
    with torch.no_grad():
        accuracy = (model(images).argmax(dim=1) == labels).float().mean().item()
    print(f"accuracy {accuracy:.1%}")
    return losses[0], losses[-1], accuracy


if __name__ == "__main__":
    main()
