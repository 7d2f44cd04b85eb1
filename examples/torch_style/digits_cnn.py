"""A convolutional network that reads handwritten digits of 8 x 8 pixels."""

import numpy as np
from common import Curves, batches, digits, draw_weights, show

import minitorch as torch
import minitorch.nn.functional as F
from minitorch import nn, optim
from minitorch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(32)
        self.fc = nn.Linear(32 * 2 * 2, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        return self.fc(x.flatten(1))


def main(epochs: int = 4) -> Curves:
    images, labels = map(torch.from_numpy, digits())
    train = TensorDataset(images[:1437], labels[:1437])
    order = [indices.tolist() for indices in batches(len(train), size=32, epochs=epochs)]
    loader = DataLoader(train, batch_sampler=order)

    model = draw_weights(Net())
    optimizer = optim.SGD(model.parameters(), lr=0.02, momentum=0.9, nesterov=True)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=len(loader))

    losses = []
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())

    model.eval()
    with torch.no_grad():
        predicted = model(images[1437:]).argmax(dim=1)
    accuracy = np.mean(predicted.numpy() == labels[1437:].numpy())
    return {"loss": losses, "test accuracy": [float(accuracy)]}


if __name__ == "__main__":
    show(main())
