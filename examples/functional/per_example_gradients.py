"""Per-example gradients: `vmap(grad(loss_of_one))`, clipped and noised as differentially private training does it."""

import minitorch as mt
from minitorch import tree


def loss_of_one(params, x, y):
    """The loss of one example: no batch axis anywhere."""
    hidden = mt.tanh(x @ params["w1"] + params["b1"])
    return (hidden @ params["w2"] - y) ** 2


def mean_loss(params, xs, ys):
    return mt.vmap(loss_of_one, in_axes=(None, 0, 0))(params, xs, ys).mean()


def norm(grads):
    """The length of one example's gradient, over all parameters."""
    return mt.sqrt(sum((g * g).sum() for g in tree.leaves(grads)))


def clipped(grads, limit):
    """Shorten one example's gradient to a limit."""
    scale = mt.minimum(1.0, limit / norm(grads))
    return tree.map(lambda g: g * scale, grads)


@mt.jit
def private_step(params, xs, ys, lr, limit, noise):
    """Step along the mean of clipped gradients plus noise."""

    def of_one(params, x, y):
        return clipped(mt.grad(loss_of_one)(params, x, y), limit)

    each = mt.vmap(of_one, in_axes=(None, 0, 0))(params, xs, ys)
    return tree.map(lambda p, g, z: p - lr * (g.mean(0) + z / len(xs)), params, each, noise)


def main(steps: int = 200, limit: float = 1.0, sigma: float = 0.05) -> tuple[float, float, float]:
    mt.manual_seed(0)
    xs = mt.randn(64, 3)
    ys = mt.sin(xs).sum(1)
    params = {"w1": mt.randn(3, 16) * 0.5, "b1": mt.zeros(16), "w2": mt.randn(16) * 0.3}

    each = mt.vmap(mt.grad(loss_of_one), in_axes=(None, 0, 0))(params, xs, ys)
    mean = mt.grad(mean_loss)(params, xs, ys)
    gap = max(mt.abs(e.mean(0) - m).max().item() for e, m in zip(tree.leaves(each), tree.leaves(mean)))

    first = mean_loss(params, xs, ys).item()
    for _ in range(steps):
        noise = tree.map(lambda p: sigma * mt.randn(*p.shape), params)
        params = private_step(params, xs, ys, 0.2, limit, noise)
    last = mean_loss(params, xs, ys).item()
    print(
        f"mean of per-example gradients is the gradient to {gap:.1e}; private training: loss {first:.3f} to {last:.3f}"
    )
    return gap, first, last


if __name__ == "__main__":
    main()
