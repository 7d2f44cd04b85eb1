"""A generative adversarial network for eight normal distributions on a ring (Goodfellow et al., 2014)."""

import math
from itertools import pairwise

import numpy as np
from common import Curves, draw_weights, show

import minitorch as torch
from minitorch import nn, optim


def ring(generator, count):
    """Draw points around eight centers on the unit circle."""
    angle = 2 * math.pi / 8 * generator.integers(0, 8, count)
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1) + 0.05 * generator.normal(size=(count, 2))
    return torch.from_numpy(points)


def perceptron(*widths):
    layers = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers[:-1]).double()  # the game of the two amplifies rounding


def main(steps: int = 600, size: int = 128) -> Curves:
    generator = np.random.default_rng(2)
    forger = draw_weights(perceptron(8, 64, 64, 2), seed=0)
    critic = draw_weights(perceptron(2, 64, 64, 1), seed=1)
    forging = optim.Adam(forger.parameters(), lr=1e-3, betas=(0.5, 0.999))
    judging = optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.999))
    criterion = nn.BCEWithLogitsLoss()
    real, fake = torch.ones(size, 1).double(), torch.zeros(size, 1).double()

    curves = {"critic": [], "forger": [], "mean radius": []}
    for _ in range(steps):
        noise = torch.from_numpy(generator.normal(size=(size, 8)))
        forged = forger(noise)

        judging.zero_grad()
        loss = criterion(critic(ring(generator, size)), real) + criterion(critic(forged.detach()), fake)
        loss.backward()
        judging.step()
        curves["critic"].append(loss.item())

        forging.zero_grad()
        loss = criterion(critic(forged), real)
        loss.backward()
        forging.step()
        curves["forger"].append(loss.item())
        curves["mean radius"].append(forged.detach().norm(dim=1).mean().item())
    return curves


if __name__ == "__main__":
    show(main())
