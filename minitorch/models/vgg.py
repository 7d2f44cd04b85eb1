"""VGG, with torchvision's parameter names.

"Very Deep Convolutional Networks for Large-Scale Image Recognition", Simonyan and Zisserman, 2014 (arXiv:1409.1556):
the configurations A, B, D and E of its table 1.
"""

from __future__ import annotations

from typing import Any

from .. import nn
from .variants import variant

# The channels of each 3 x 3 convolution; M halves the image by maxima over 2 x 2.
_A = "64 M 128 M 256 256 M 512 512 M 512 512 M"
_B = "64 64 M 128 128 M 256 256 M 512 512 M 512 512 M"
_D = "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M"
_E = "64 64 M 128 128 M 256 256 256 256 M 512 512 512 512 M 512 512 512 512 M"


def _features(layers: str, batch_norm: bool, in_channels: int) -> tuple[Any, int]:
    """Return the convolutions, and how many channels they give."""
    made: list[Any] = []
    for layer in layers.split():
        if layer == "M":
            made.append(nn.MaxPool2d(2))
            continue
        made.append(nn.Conv2d(in_channels, int(layer), 3, padding=1))
        in_channels = int(layer)
        made += [nn.BatchNorm2d(in_channels), nn.ReLU()] if batch_norm else [nn.ReLU()]
    return nn.Sequential(*made), in_channels


class VGG(nn.Module):
    """Convolutions of 3 x 3 and three linear layers.

    Maps `[N, in_channels, H, W]` to `[N, num_classes]`. `layers` names the channels of each convolution, and M where
    the image is halved. `hidden` is the width of the linear layers, which hold most of the weights.

    >>> from minitorch.tensor.creation import zeros
    >>> small = VGG("8 M 16 M", num_classes=10, in_channels=1, hidden=32)
    >>> small(zeros(2, 1, 28, 28)).shape
    (2, 10)
    """

    def __init__(
        self,
        layers: str,
        batch_norm: bool = False,
        num_classes: int = 1000,
        init_weights: bool = True,
        dropout: float = 0.5,
        in_channels: int = 3,
        hidden: int = 4096,
    ):
        super().__init__()
        self.features, channels = _features(layers, batch_norm, in_channels)
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(channels * 7 * 7, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, num_classes),
        )
        if init_weights:
            _initialize(self)

    def forward(self, x: Any) -> Any:
        """Return the logits."""
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def _initialize(model: VGG) -> None:
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.01)
            nn.init.zeros_(module.bias)


vgg11 = variant(
    "vgg11",
    """VGG with 11 layers (configuration A): 132,863,336 parameters.

    >>> small = vgg11(num_classes=10, hidden=16)
    >>> small(mt.zeros(2, 3, 32, 32)).shape
    (2, 10)
    """,
    VGG, _A,
)  # fmt: skip
vgg13 = variant(
    "vgg13",
    """VGG with 13 layers (configuration B): 133,047,848 parameters.

    >>> small = vgg13(hidden=16)
    >>> sum(isinstance(layer, nn.Conv2d) for layer in small.features)  # and three linear ones
    10
    """,
    VGG, _B,
)  # fmt: skip
vgg16 = variant(
    "vgg16",
    """VGG with 16 layers (configuration D): 138,357,544 parameters.

    >>> small = vgg16(hidden=16)
    >>> sum(isinstance(layer, nn.Conv2d) for layer in small.features)  # and three linear ones
    13
    """,
    VGG, _D,
)  # fmt: skip
vgg19 = variant(
    "vgg19",
    """VGG with 19 layers (configuration E): 143,667,240 parameters.

    >>> small = vgg19(hidden=16)
    >>> sum(isinstance(layer, nn.Conv2d) for layer in small.features)  # and three linear ones
    16
    """,
    VGG, _E,
)  # fmt: skip
vgg11_bn = variant(
    "vgg11_bn",
    """VGG-11 with batch normalization: 132,868,840 parameters.

    >>> small = vgg11_bn(hidden=16)
    >>> sum(isinstance(layer, nn.BatchNorm2d) for layer in small.features)  # one for each convolution
    8
    """,
    VGG, _A, True,
)  # fmt: skip
vgg13_bn = variant(
    "vgg13_bn",
    """VGG-13 with batch normalization: 133,053,736 parameters.

    >>> small = vgg13_bn(hidden=16)
    >>> sum(isinstance(layer, nn.BatchNorm2d) for layer in small.features)  # one for each convolution
    10
    """,
    VGG, _B, True,
)  # fmt: skip
vgg16_bn = variant(
    "vgg16_bn",
    """VGG-16 with batch normalization: 138,365,992 parameters.

    >>> small = vgg16_bn(hidden=16)
    >>> sum(isinstance(layer, nn.BatchNorm2d) for layer in small.features)  # one for each convolution
    13
    """,
    VGG, _D, True,
)  # fmt: skip
vgg19_bn = variant(
    "vgg19_bn",
    """VGG-19 with batch normalization: 143,678,248 parameters.

    >>> small = vgg19_bn(hidden=16)
    >>> sum(isinstance(layer, nn.BatchNorm2d) for layer in small.features)  # one for each convolution
    16
    """,
    VGG, _E, True,
)  # fmt: skip
