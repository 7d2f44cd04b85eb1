"""A small residual network on SyntheticMNIST, drawn digits of 28 x 28 pixels."""

from common import Curves, batches, draw_weights, show, synthetic_mnist

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


def main(steps: int = 100, size: int = 32) -> Curves:
    images, labels = map(torch.from_numpy, synthetic_mnist(2000))
    images_test, labels_test = map(torch.from_numpy, synthetic_mnist(500, train=False))
    images, images_test = images.double(), images_test.double()  # the steps amplify rounding
    model = draw_weights(ResNet().double())
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=steps)

    losses = []
    for _, indices in zip(range(steps), batches(len(images), size, epochs=100)):
        indices = torch.from_numpy(indices)
        loss = F.cross_entropy(model(images[indices]), labels[indices], label_smoothing=0.1)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())

    model.eval()
    with torch.no_grad():
        right = (model(images_test).argmax(1) == labels_test).float().mean()
    return {"loss": losses, "test accuracy": [right.item()]}


if __name__ == "__main__":
    show(main())
