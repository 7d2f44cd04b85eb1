"""The digits network as a pure function of a dict of parameters."""

from __future__ import annotations

import minitorch as mt
from minitorch import datasets


def predict(params, x):
    hidden = mt.relu(x @ params["w1"] + params["b1"])
    return hidden @ params["w2"] + params["b2"]


def loss_fn(params, x, y):
    return mt.nn.functional.cross_entropy(predict(params, x), y)


def main(steps: int = 400, rate: float = 0.5):
    mt.manual_seed(0)
    images, labels = datasets.digits()
    split = datasets.train_test_split(images / 16.0, labels, test_size=0.2, seed=0)
    x, x_test, y, y_test = map(mt.tensor, split)
    params = {
        "w1": mt.randn(64, 128) / 8.0,
        "b1": mt.zeros(128),
        "w2": mt.randn(128, 10) / 11.3,
        "b2": mt.zeros(10),
    }
    step = mt.value_and_grad(loss_fn)
    for _ in range(steps):
        loss, grads = step(params, x, y)
        params = {name: params[name] - rate * grads[name] for name in params}
    accuracy = (predict(params, x_test).argmax(dim=1) == y_test).float().mean().item()
    print(f"loss {loss.item():.4f}, test accuracy {accuracy:.2%}")
    return accuracy


if __name__ == "__main__":
    main()
