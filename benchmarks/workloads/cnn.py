"""A convolutional network on 28x28 images, with batch norm and pooling."""

from __future__ import annotations

import numpy as np

from ..registry import contender, torch_style, workload
from .common import labels, normal, same_start, training_step

BATCH, SIZE, CHANNELS, OUT = 32, 28, (16, 32), 10
FEATURES = CHANNELS[1] * (SIZE // 4) ** 2
NAME = "cnn"


def data(batch):
    return normal(batch, 1, SIZE, SIZE), labels(batch, classes=OUT)


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
    data=data,
    batch=BATCH,
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
def build(lib, compiled):
    model = same_start(lib, network(lib.nn))
    criterion = lib.nn.CrossEntropyLoss()
    optimizer = lib.optim.Adam(model.parameters(), lr=1e-3)
    forward = compiled(lambda x, y: criterion(model(x), y))

    return training_step(forward, optimizer)


@contender(NAME, "jax")
def jitted():
    from jax import lax

    import minitorch

    from .jax_steps import adam, batch_norm, cross_entropy, max_pool, relu, starts, training

    def loss(p, running, x, y):
        x = x.transpose(0, 2, 3, 1)  # as XLA prefers
        means = {}
        for i in (0, 4):
            x = lax.conv_general_dilated(
                x, p[f"{i}.weight"], (1, 1), "SAME", dimension_numbers=("NHWC", "OIHW", "NHWC")
            )
            x, means[f"{i + 1}"] = batch_norm(p, f"{i + 1}", x + p[f"{i}.bias"], running[f"{i + 1}"])
            x = max_pool(relu(x))
        features = x.transpose(0, 3, 1, 2).reshape(len(x), FEATURES)
        return cross_entropy(features @ p["9.weight"].T + p["9.bias"], y), means

    running = {name: (np.zeros(c, np.float32), np.ones(c, np.float32)) for name, c in zip("15", CHANNELS, strict=True)}
    return training(loss, starts(network(minitorch.nn)), adam(1e-3), running)
