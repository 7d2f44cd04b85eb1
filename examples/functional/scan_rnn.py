"""A recurrent network whose steps are a `scan`: it learns to tell whether a sequence of bits has an odd number of ones."""

import minitorch as mt
import minitorch.nn.functional as F
from minitorch import lax, tree


def init(width=16):
    """Return the weights of a gated recurrent cell, and of the readout."""
    gate = lambda: {"x": mt.randn(width) * 0.5, "h": mt.randn(width, width) / width**0.5, "b": mt.zeros(width)}  # noqa: E731
    return {"update": gate(), "new": gate(), "out": {"w": mt.randn(width, 2) / width**0.5, "b": mt.zeros(2)}}


def cell(params, h, bit):
    """Advance the state of one sequence by one bit."""
    part = lambda gate: bit * gate["x"] + h @ gate["h"] + gate["b"]  # noqa: E731
    z = mt.sigmoid(part(params["update"]))
    h = (1 - z) * h + z * mt.tanh(part(params["new"]))
    return h, h @ params["out"]["w"] + params["out"]["b"]


def scores(params, bits):
    """Return the scores of even and odd after each bit of one sequence."""
    start = mt.zeros(params["new"]["b"].shape[0])
    return lax.scan(lambda h, bit: cell(params, h, bit), start, bits)[1]


def loss(params, batch):
    """The mean loss over all places of all sequences."""
    parity = batch.cumsum(1).long() % 2
    found = mt.vmap(scores, in_axes=(None, 0))(params, batch)
    return F.cross_entropy(found.reshape(-1, 2), parity.reshape(-1))


@mt.jit
def update(params, momentum, batch):
    value, grads = mt.value_and_grad(loss)(params, batch)
    momentum = tree.map(lambda m, g: 0.9 * m + g, momentum, grads)
    return tree.map(lambda p, m: p - 0.1 * m, params, momentum), momentum, value


def main(steps: int = 600, length: int = 8) -> tuple[float, float, float]:
    mt.manual_seed(1)
    params = init()
    momentum = tree.map(mt.zeros_like, params)
    losses = []
    for _ in range(steps):
        batch = (mt.rand(64, length) > 0.5).float()
        params, momentum, value = update(params, momentum, batch)
        losses.append(value.item())

    longer = (mt.rand(200, 3 * length) > 0.5).float()  # the same weights read sequences of any length
    found = mt.vmap(scores, in_axes=(None, 0))(params, longer).argmax(-1)
    accuracy = (found == longer.cumsum(1).long() % 2).float().mean().item()
    print(f"loss {losses[0]:.3f} to {losses[-1]:.4f}; accuracy on sequences three times as long: {accuracy:.1%}")
    return losses[0], losses[-1], accuracy


if __name__ == "__main__":
    main()
