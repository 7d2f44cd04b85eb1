"""The multilayer perceptron."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import nn
from ..core.errors import ArgumentError


class MLP(nn.Sequential):
    """Linear layers with activations between them: torchvision's `ops.MLP`, with its names.

    `hidden_channels` are the outputs of all layers, the last one's included. Each layer but the last is followed by
    `norm_layer(width)` where one is given, `activation_layer()` and dropout, the last one by dropout.

    >>> from minitorch.tensor.creation import zeros
    >>> MLP(64, [32, 10])(zeros(5, 64)).shape
    (5, 10)
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: Sequence[int],
        norm_layer: Callable[[int], Any] | None = None,
        activation_layer: Callable[[], Any] = nn.ReLU,
        bias: bool = True,
        dropout: float = 0.0,
    ):
        if not hidden_channels:
            raise ArgumentError("MLP: hidden_channels is empty; give the number of outputs of at least one layer")
        *hidden, last = hidden_channels
        layers: list[Any] = []
        for width in hidden:
            layers.append(nn.Linear(in_channels, width, bias=bias))
            if norm_layer is not None:
                layers.append(norm_layer(width))
            layers += [activation_layer(), nn.Dropout(dropout)]
            in_channels = width
        super().__init__(*layers, nn.Linear(in_channels, last, bias=bias), nn.Dropout(dropout))
