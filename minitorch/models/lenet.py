"""LeNet-5."""

from __future__ import annotations

from typing import Any

from .. import nn
from ..nn import functional as F


class LeNet(nn.Module):
    """LeNet-5 for images of 28 x 28 pixels: two convolutions, each with averages over 2 x 2, and three linear layers.

    Maps `[N, in_channels, 28, 28]` to `[N, num_classes]`. "Gradient-Based Learning Applied to Document Recognition",
    LeCun, Bottou, Bengio and Haffner, 1998, section II; every map of the first layer is connected to every one of the
    second, and the last layer is linear.

    >>> from minitorch.tensor.creation import zeros
    >>> LeNet()(zeros(2, 1, 28, 28)).shape
    (2, 10)
    """

    def __init__(self, num_classes: int = 10, in_channels: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, num_classes)

    def forward(self, x: Any) -> Any:
        """Return the logits."""
        x = F.avg_pool2d(F.tanh(self.conv1(x)), 2)
        x = F.avg_pool2d(F.tanh(self.conv2(x)), 2)
        x = F.tanh(self.fc1(x.flatten(1)))
        return self.fc3(F.tanh(self.fc2(x)))
