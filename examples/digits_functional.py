"""Handwritten digits, in functional style: the parameters are a dict, the gradient is a function of it."""

import minitorch as mt
import minitorch.nn.functional as F
from minitorch import datasets, tree

SIZES = (64, 128, 64, 10)


def init() -> dict[str, mt.Tensor]:
    params = {}
    for i, (n, m) in enumerate(zip(SIZES, SIZES[1:], strict=False)):  # noqa: RUF007
        bound = n**-0.5
        params[f"w{i}"] = (2 * mt.rand(m, n) - 1) * bound
        params[f"b{i}"] = (2 * mt.rand(m) - 1) * bound
    return params


def model(params: dict[str, mt.Tensor], x: mt.Tensor) -> mt.Tensor:
    last = len(SIZES) - 2
    for i in range(last):
        x = F.relu(F.linear(x, params[f"w{i}"], params[f"b{i}"]))
    return F.linear(x, params[f"w{last}"], params[f"b{last}"])


def loss_fn(params: dict[str, mt.Tensor], x: mt.Tensor, y: mt.Tensor) -> mt.Tensor:
    return F.cross_entropy(model(params, x), y)


def main(epochs: int = 40, seed: int = 0, lr: float = 0.1, momentum: float = 0.9) -> tuple[float, list[float]]:
    mt.manual_seed(seed)
    x, y = datasets.digits(as_tensors=True)
    data = datasets.train_test_split(x / 16.0, y, test_size=0.2)

    params = init()
    velocity = tree.map(mt.zeros_like, params)
    value_and_grad = mt.value_and_grad(loss_fn)
    losses = []
    for _ in range(epochs):
        order = mt.randperm(len(data.y_train))
        for batch in order.split(32):
            loss, grads = value_and_grad(params, data.x_train[batch], data.y_train[batch])
            velocity = tree.map(lambda v, g: momentum * v + g, velocity, grads)
            params = tree.map(lambda p, v: p - lr * v, params, velocity)
            losses.append(loss.item())

    accuracy = (model(params, data.x_test).argmax(dim=1) == data.y_test).float().mean().item()
    print(f"loss {losses[0]:.3f} to {losses[-1]:.4f}, test accuracy {accuracy:.2%}")
    return accuracy, losses


if __name__ == "__main__":
    main()
