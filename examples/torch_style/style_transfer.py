"""The texture of one image on the shapes of another: "Image Style Transfer Using CNNs", Gatys, Ecker and Bethge, 2016.

The features are those of a convolutional network with random filters, which is enough for small textures (Ustyuzhaninov,
Brendel, Gatys and Bethge, 2016).
"""

import numpy as np
from common import Curves, digits, draw_weights, show

import minitorch as torch
import minitorch.nn.functional as F
from minitorch import nn, optim


class Features(nn.Module):
    """The images after each layer."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([
            nn.Conv2d(1, 16, 3, padding=1),
            nn.Conv2d(16, 24, 3, stride=2, padding=1),
            nn.Conv2d(24, 32, 3, stride=2, padding=1),
        ])  # fmt: skip

    def forward(self, x):
        found = []
        for layer in self.layers:
            x = F.softplus(4 * layer(x)) / 4
            found.append(x)
        return found


def gram(x):
    """How strongly each pair of channels is active together: `[N, C, H, W]` to `[N, C, C]`."""
    flat = x.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[-1]


def main(steps: int = 15) -> Curves:
    content = torch.from_numpy(digits(1)[0].repeat(4, axis=2).repeat(4, axis=3)).double()
    row, column = np.mgrid[:32, :32]
    style = torch.from_numpy(0.5 + 0.5 * np.sin((row + column) * 0.8)).view(1, 1, 32, 32)

    network = draw_weights(Features().double())
    for p in network.parameters():
        p.requires_grad_(False)
    shapes = network(content)[-1]
    textures = [gram(x) for x in network(style)]

    image = content.clone().requires_grad_(True)
    optimizer = optim.LBFGS([image], max_iter=4, line_search_fn="strong_wolfe")
    curves = {"loss": [], "content": [], "style": []}

    def closure():
        optimizer.zero_grad()
        found = network(image)
        content_loss = F.mse_loss(found[-1], shapes)
        style_loss = sum(F.mse_loss(gram(x), texture) for x, texture in zip(found, textures))
        loss = content_loss + 100 * style_loss
        loss.backward()
        for name, value in (("loss", loss), ("content", content_loss), ("style", style_loss)):
            curves[name].append(value.item())
        return loss

    for _ in range(steps):
        optimizer.step(closure)
    return curves


if __name__ == "__main__":
    show(main())
