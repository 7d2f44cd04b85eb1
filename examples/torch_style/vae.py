"""A variational autoencoder of handwritten digits: "Auto-Encoding Variational Bayes", Kingma and Welling, 2013."""

import numpy as np
from common import Curves, batches, digits, draw_weights, show

import minitorch as torch
import minitorch.nn.functional as F
from minitorch import nn, optim


class VAE(nn.Module):
    def __init__(self, latent=8):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 128), nn.ReLU())
        self.mean = nn.Linear(128, latent)
        self.log_variance = nn.Linear(128, latent)
        self.decoder = nn.Sequential(nn.Linear(latent, 128), nn.ReLU(), nn.Linear(128, 64), nn.Sigmoid())

    def forward(self, x, noise):
        hidden = self.encoder(x)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        z = mean + noise * torch.exp(0.5 * log_variance)
        return self.decoder(z), mean, log_variance


def negative_elbo(predicted, x, mean, log_variance):
    """The reconstruction's cross-entropy, and the divergence of the code's distribution from a normal one."""
    reconstruction = F.binary_cross_entropy(predicted, x, reduction="sum")
    divergence = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
    return reconstruction, divergence


def main(epochs: int = 15, size: int = 64) -> Curves:
    images = torch.from_numpy(digits()[0]).flatten(1).double()
    generator = np.random.default_rng(1)
    model = draw_weights(VAE().double())  # Adam divides by small gradients, which amplifies rounding
    optimizer = optim.Adam(model.parameters(), lr=2e-3)

    curves = {"loss": [], "divergence": []}
    for indices in batches(len(images), size, epochs):
        x = images[torch.from_numpy(indices)]
        noise = torch.from_numpy(generator.normal(size=(size, 8)))
        predicted, mean, log_variance = model(x, noise)
        reconstruction, divergence = negative_elbo(predicted, x, mean, log_variance)
        loss = (reconstruction + divergence) / size
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curves["loss"].append(loss.item())
        curves["divergence"].append(divergence.item() / size)
    return curves


if __name__ == "__main__":
    show(main())
