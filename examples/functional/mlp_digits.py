"""An MLP on handwritten digits: parameters are a list of dicts, a training step is a compiled pure function."""

import minitorch as mt
import minitorch.nn.functional as F
from minitorch import datasets, tree

SIZES = (64, 64, 10)


def init(sizes=SIZES):
    """Return the weights and biases of each layer."""
    return [
        {"w": mt.randn(n, m) * (2 / n) ** 0.5, "b": mt.zeros(m)}
        for n, m in zip(sizes, sizes[1:])  # noqa: RUF007 (as it is read)
    ]


def predict(params, x):
    """Return the scores of the classes for one image, or for many."""
    *hidden, last = params
    for layer in hidden:
        x = mt.relu(x @ layer["w"] + layer["b"])
    return x @ last["w"] + last["b"]


def loss(params, x, y):
    return F.cross_entropy(predict(params, x), y)


@mt.jit
def update(params, x, y, lr):
    """Return the parameters after one step of gradient descent, and the loss before it."""
    value, grads = mt.value_and_grad(loss)(params, x, y)
    return tree.map(lambda p, g: p - lr * g, params, grads), value


def main(epochs: int = 15, lr: float = 0.3, seed: int = 0) -> tuple[float, float, float]:
    mt.manual_seed(seed)
    x, y = datasets.digits(as_tensors=True)
    data = datasets.train_test_split(x / 16.0, y, test_size=0.2)
    params, losses = init(), []
    for _ in range(epochs):
        for batch in mt.randperm(len(data.y_train)).split(32):
            if len(batch) == 32:  # one shape, one recording
                params, value = update(params, data.x_train[batch], data.y_train[batch], lr)
                losses.append(value.item())
    accuracy = (predict(params, data.x_test).argmax(-1) == data.y_test).float().mean().item()
    print(f"loss {losses[0]:.3f} to {losses[-1]:.4f}, test accuracy {accuracy:.1%}")
    return losses[0], losses[-1], accuracy


if __name__ == "__main__":
    main()
