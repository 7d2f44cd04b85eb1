"""An LSTM that learns to continue a series: two sines whose periods have no common multiple, and some noise."""

import numpy as np
from common import Curves, draw_weights, show

import minitorch as torch
from minitorch import nn, optim


def series(length: int) -> np.ndarray:
    t = np.arange(length)
    noise = np.random.default_rng(0).normal(scale=0.02, size=length)
    return np.sin(t / 5) * 0.6 + np.sin(t / 11.3) * 0.4 + noise


class Forecaster(nn.Module):
    """Predicts, after each value, the next one."""

    def __init__(self, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, num_layers=2, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x, state=None):
        out, state = self.lstm(x, state)
        return self.head(out), state


@torch.no_grad()
def forecast(model, past, steps):
    """Continue a series: each prediction is the next input."""
    model.eval()
    out, state = model(past)
    value, found = out[:, -1:], []
    for _ in range(steps):
        found.append(value)
        value, state = model(value, state)
    return torch.cat(found, dim=1)


def main(steps: int = 300, size: int = 32, window: int = 40) -> Curves:
    values = torch.from_numpy(series(1000)).unsqueeze(-1)
    train, test = values[:900], values[900:]
    generator = np.random.default_rng(1)
    model = draw_weights(Forecaster().double())
    criterion = nn.MSELoss()
    optimizer = optim.Adam(model.parameters(), lr=1e-2)

    losses = []
    for _ in range(steps):
        starts = generator.integers(0, len(train) - window - 1, size)
        x = torch.stack([train[at : at + window] for at in starts.tolist()])
        y = torch.stack([train[at + 1 : at + window + 1] for at in starts.tolist()])
        predicted, _ = model(x)
        loss = criterion(predicted, y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())

    found = forecast(model, train[-window:].unsqueeze(0), 25)[0]
    error = (found - test[:25]).abs().flatten()
    return {"loss": losses, "error of the forecast": error.tolist()}


if __name__ == "__main__":
    show(main())
