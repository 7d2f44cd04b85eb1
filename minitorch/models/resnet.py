"""Residual networks, with torchvision's parameter names.

"Deep Residual Learning for Image Recognition", He, Zhang, Ren and Sun, 2015 (arXiv:1512.03385). As in torchvision the
stride of a bottleneck is in its 3 x 3 convolution (ResNet v1.5). ResNeXt: "Aggregated Residual Transformations",
Xie et al., 2016 (arXiv:1611.05431); wide: "Wide Residual Networks", Zagoruyko and Komodakis, 2016 (arXiv:1605.07146).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import nn
from ..core.errors import ArgumentError
from .variants import variant


def _conv(inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> Any:
    return nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, groups=groups, bias=False)


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions, and the input added to what they give."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int, downsample: Any, norm_layer: Any, groups: int, base: int):
        super().__init__()
        if groups != 1 or base != 64:
            raise ArgumentError(f"BasicBlock: takes groups=1 and width_per_group=64 only, got {groups} and {base}")
        self.conv1 = _conv(inputs, width, 3, stride)
        self.bn1 = norm_layer(width)
        self.relu = nn.ReLU()
        self.conv2 = _conv(width, width, 3)
        self.bn2 = norm_layer(width)
        self.downsample = downsample

    def forward(self, x: Any) -> Any:
        """Return the images after the block."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """A 3 x 3 convolution between two of 1 x 1 that reduce and restore the channels; the input is added."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int, downsample: Any, norm_layer: Any, groups: int, base: int):
        super().__init__()
        inner, outputs = int(width * base / 64) * groups, width * self.expansion
        self.conv1 = _conv(inputs, inner, 1)
        self.bn1 = norm_layer(inner)
        self.conv2 = _conv(inner, inner, 3, stride, groups)
        self.bn2 = norm_layer(inner)
        self.conv3 = _conv(inner, outputs, 1)
        self.bn3 = norm_layer(outputs)
        self.relu = nn.ReLU()
        self.downsample = downsample

    def forward(self, x: Any) -> Any:
        """Return the images after the block."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """A residual network: `layers` counts the blocks of its four stages, of `width`, 2, 4 and 8 times `width` channels.

    Maps `[N, in_channels, H, W]` to `[N, num_classes]`; H and W are halved five times. `groups` and `width_per_group`
    are those of ResNeXt and wide networks. With `zero_init_residual` every block starts as the identity.

    >>> from minitorch.tensor.creation import zeros
    >>> small = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=10, in_channels=1, width=8)
    >>> small(zeros(2, 1, 32, 32)).shape
    (2, 10)
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        layers: Sequence[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        norm_layer: Callable[[int], Any] = nn.BatchNorm2d,
        in_channels: int = 3,
        width: int = 64,
    ):
        super().__init__()
        if len(layers) != 4:
            raise ArgumentError(f"ResNet: layers must count the blocks of 4 stages, got {list(layers)}")
        self.conv1 = nn.Conv2d(in_channels, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = norm_layer(width)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        inputs = width
        for i, count in enumerate(layers):
            stage, inputs = _stage(
                block, inputs, width << i, count, 1 if i == 0 else 2, norm_layer, groups, width_per_group
            )
            self.add_module(f"layer{i + 1}", stage)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(inputs, num_classes)
        _initialize(self, zero_init_residual)

    def forward(self, x: Any) -> Any:
        """Return the logits."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def _stage(
    block: Any, inputs: int, width: int, count: int, stride: int, norm_layer: Any, groups: int, base: int
) -> tuple[Any, int]:
    """Return the blocks of one stage, the first with the stride, and how many channels they give."""
    outputs = width * block.expansion
    blocks = []
    for _ in range(count):
        downsample = None
        if stride != 1 or inputs != outputs:
            downsample = nn.Sequential(_conv(inputs, outputs, 1, stride), norm_layer(outputs))
        blocks.append(block(inputs, width, stride, downsample, norm_layer, groups, base))
        inputs, stride = outputs, 1
    return nn.Sequential(*blocks), inputs


def _initialize(model: ResNet, zero_init_residual: bool) -> None:
    """Draw the convolutions as "Delving Deep into Rectifiers" (He et al., 2015, arXiv:1502.01852) says."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif zero_init_residual and isinstance(module, (BasicBlock, Bottleneck)):
            nn.init.zeros_((module.bn2 if isinstance(module, BasicBlock) else module.bn3).weight)


resnet18 = variant(
    "resnet18",
    """ResNet-18: 11,689,512 parameters.

    >>> small = resnet18(num_classes=10, width=8)
    >>> small(mt.zeros(2, 3, 32, 32)).shape
    (2, 10)
    """,
    ResNet, BasicBlock, (2, 2, 2, 2),
)  # fmt: skip
resnet34 = variant(
    "resnet34",
    """ResNet-34: 21,797,672 parameters.

    >>> small = resnet34(width=8)
    >>> len(small.layer1), len(small.layer2), len(small.layer3), len(small.layer4)
    (3, 4, 6, 3)
    """,
    ResNet, BasicBlock, (3, 4, 6, 3),
)  # fmt: skip
resnet50 = variant(
    "resnet50",
    """ResNet-50: 25,557,032 parameters.

    >>> small = resnet50(width=8)
    >>> type(small.layer1[0]).__name__, small.fc.in_features  # 8 * 8 channels, times 4 by the bottlenecks
    ('Bottleneck', 256)
    """,
    ResNet, Bottleneck, (3, 4, 6, 3),
)  # fmt: skip
resnet101 = variant(
    "resnet101",
    """ResNet-101: 44,549,160 parameters.

    >>> small = resnet101(width=8)
    >>> len(small.layer1), len(small.layer2), len(small.layer3), len(small.layer4)
    (3, 4, 23, 3)
    """,
    ResNet, Bottleneck, (3, 4, 23, 3),
)  # fmt: skip
resnet152 = variant(
    "resnet152",
    """ResNet-152: 60,192,808 parameters.

    >>> small = resnet152(width=8)
    >>> len(small.layer1), len(small.layer2), len(small.layer3), len(small.layer4)
    (3, 8, 36, 3)
    """,
    ResNet, Bottleneck, (3, 8, 36, 3),
)  # fmt: skip
resnext50_32x4d = variant(
    "resnext50_32x4d",
    """ResNeXt-50 with 32 groups of 4 channels: 25,028,904 parameters.

    >>> layer = resnext50_32x4d().layer1[0].conv2
    >>> layer.groups, layer.out_channels // layer.groups
    (32, 4)
    """,
    ResNet, Bottleneck, (3, 4, 6, 3), groups=32, width_per_group=4,
)  # fmt: skip
resnext101_32x8d = variant(
    "resnext101_32x8d",
    """ResNeXt-101 with 32 groups of 8 channels: 88,791,336 parameters.

    >>> small = resnext101_32x8d(width=16)
    >>> small.layer1[0].conv2.groups, len(small.layer3)
    (32, 23)
    """,
    ResNet, Bottleneck, (3, 4, 23, 3), groups=32, width_per_group=8,
)  # fmt: skip
wide_resnet50_2 = variant(
    "wide_resnet50_2",
    """ResNet-50 with bottlenecks twice as wide: 68,883,240 parameters.

    >>> wide_resnet50_2(width=8).layer1[0].conv2.out_channels, resnet50(width=8).layer1[0].conv2.out_channels
    (16, 8)
    """,
    ResNet, Bottleneck, (3, 4, 6, 3), width_per_group=128,
)  # fmt: skip
wide_resnet101_2 = variant(
    "wide_resnet101_2",
    """ResNet-101 with bottlenecks twice as wide: 126,886,696 parameters.

    >>> small = wide_resnet101_2(width=8)
    >>> small.layer1[0].conv2.out_channels, len(small.layer3)
    (16, 23)
    """,
    ResNet, Bottleneck, (3, 4, 23, 3), width_per_group=128,
)  # fmt: skip
