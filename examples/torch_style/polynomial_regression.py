"""A cubic fitted to one period of the sine, five ways, after "Learning PyTorch with Examples" by Justin Johnson."""

import math

import numpy as np
from common import Curves, draw_weights, show

import minitorch as torch
from minitorch import nn

X = torch.linspace(-math.pi, math.pi, 2000)
Y = torch.sin(X)
START = np.random.default_rng(0).normal(size=5).astype(np.float32)


def tensors(steps: int, rate: float = 1e-6) -> list[float]:
    """Gradients by hand."""
    a, b, c, d = torch.tensor(START[:4])
    losses = []
    for _ in range(steps):
        predicted = a + b * X + c * X**2 + d * X**3
        losses.append((predicted - Y).pow(2).sum().item())
        slope = 2.0 * (predicted - Y)
        a = a - rate * slope.sum()
        b = b - rate * (slope * X).sum()
        c = c - rate * (slope * X**2).sum()
        d = d - rate * (slope * X**3).sum()
    return losses


def autograd(steps: int, rate: float = 1e-6) -> list[float]:
    """Gradients by `backward`, the update by hand and in place."""
    weights = [torch.tensor(value, requires_grad=True) for value in START[:4]]
    a, b, c, d = weights
    losses = []
    for _ in range(steps):
        loss = (a + b * X + c * X**2 + d * X**3 - Y).pow(2).sum()
        loss.backward()
        with torch.no_grad():
            for w in weights:
                w -= rate * w.grad
                w.grad = None
        losses.append(loss.item())
    return losses


class LegendrePolynomial3(torch.autograd.Function):
    """P3(x) = (5 x^3 - 3 x) / 2, with its derivative."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return 0.5 * (5 * x**3 - 3 * x)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * 1.5 * (5 * x**2 - 1)


def function(steps: int, rate: float = 5e-6) -> list[float]:
    """An operation with a derivative of its own: y = a + b P3(c + d x)."""
    a, b, c, d = weights = [torch.tensor(value, requires_grad=True) for value in (0.0, -1.0, 0.0, 0.3)]
    losses = []
    for _ in range(steps):
        loss = (a + b * LegendrePolynomial3.apply(c + d * X) - Y).pow(2).sum()
        loss.backward()
        with torch.no_grad():
            for w in weights:
                w -= rate * w.grad
                w.grad = None
        losses.append(loss.item())
    return losses


def modules(steps: int) -> list[float]:
    """A linear layer on the powers of x, and an optimizer."""
    powers = X.unsqueeze(-1).pow(torch.tensor([1, 2, 3]))
    model = draw_weights(nn.Sequential(nn.Linear(3, 1), nn.Flatten(0, 1)))
    criterion = nn.MSELoss(reduction="sum")
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(steps):
        loss = criterion(model(powers), Y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


class DynamicNet(nn.Module):
    """A cubic, and now and then terms of order 4 and 5, which share one weight."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.d, self.e = (nn.Parameter(torch.tensor(value)) for value in START / 10)

    def forward(self, x, orders):
        y = self.a + self.b * x + self.c * x**2 + self.d * x**3
        for order in range(4, orders):
            y = y + self.e * x**order
        return y


def dynamic(steps: int) -> list[float]:
    """Another graph at every step, made by a loop of Python."""
    model = DynamicNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-8, momentum=0.9)
    generator = np.random.default_rng(1)
    losses = []
    for _ in range(steps):
        loss = (model(X, orders=int(generator.integers(4, 7))) - Y).pow(2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def main(steps: int = 2000) -> Curves:
    return {way.__name__: way(steps) for way in (tensors, autograd, function, modules, dynamic)}


if __name__ == "__main__":
    show(main())
