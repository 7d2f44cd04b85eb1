"""A convolutional network on 28x28 images, with batch norm and pooling."""

from __future__ import annotations

from ..registry import torch_style, workload
from .common import labels, normal, same_start

BATCH, SIZE, CHANNELS, OUT = 32, 28, (16, 32), 10
FEATURES = CHANNELS[1] * (SIZE // 4) ** 2
NAME = "cnn"

workload(
    NAME,
    "CNN 28x28 (2 convolutions 3x3, batch norm, max pool), batch 32, Adam",
    flops=2
    * BATCH
    * (
        2 * SIZE**2 * 9 * CHANNELS[0]  # the images need no gradient
        + 3 * (SIZE // 2) ** 2 * 9 * CHANNELS[0] * CHANNELS[1]
        + 3 * FEATURES * OUT
    ),
)


def network(nn):
    layers = []
    for channels_in, channels_out in zip((1, *CHANNELS), CHANNELS, strict=False):
        layers += [
            nn.Conv2d(channels_in, channels_out, 3, padding=1),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(FEATURES, OUT))


@torch_style(NAME)
def build(lib):
    x, y = lib.tensor(normal(BATCH, 1, SIZE, SIZE)), lib.tensor(labels(BATCH, classes=OUT))
    model = same_start(lib, network(lib.nn))
    criterion = lib.nn.CrossEntropyLoss()
    optimizer = lib.optim.Adam(model.parameters(), lr=1e-3)

    def step():
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step
