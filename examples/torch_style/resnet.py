"""A small residual network on handwritten digits, enlarged to 28 x 28 pixels and moved about."""

import numpy as np
from common import Curves, batches, digits, draw_weights, show

import minitorch as torch
import minitorch.nn.functional as F
from minitorch import nn, optim


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)


class ResNet(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, stride=2, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.blocks = nn.Sequential(
            Block(width, width),
            Block(width, 2 * width, stride=2),
            Block(2 * width, 4 * width, stride=2),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(4 * width, 10)

    def forward(self, x):
        x = self.blocks(F.relu(self.bn(self.stem(x))))
        return self.fc(torch.flatten(self.pool(x), 1))


def enlarged(images, seed=3):
    """Return images of 28 x 28 with each digit three times as large, somewhere in it."""
    large = images.repeat(3, axis=2).repeat(3, axis=3)
    result = np.zeros((len(images), 1, 28, 28), np.float32)
    for image, (row, column), place in zip(large, np.random.default_rng(seed).integers(0, 5, (len(large), 2)), result):
        place[:, row : row + 24, column : column + 24] = image
    return result


def main(steps: int = 100, size: int = 32) -> Curves:
    images, labels = digits()
    images, labels = torch.from_numpy(enlarged(images)).double(), torch.from_numpy(labels)
    model = draw_weights(ResNet().double())
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=steps)

    losses = []
    for _, indices in zip(range(steps), batches(1437, size, epochs=100)):
        indices = torch.from_numpy(indices)
        loss = F.cross_entropy(model(images[indices]), labels[indices], label_smoothing=0.1)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())

    model.eval()
    with torch.no_grad():
        right = (model(images[1437:]).argmax(1) == labels[1437:]).float().mean()
    return {"loss": losses, "test accuracy": [right.item()]}


if __name__ == "__main__":
    show(main())
