"""Rules of one's own: a function made stable, a gradient clipped on its way, and one that passes straight through."""

import minitorch as mt


def naive(x):
    """log(1 + exp(x)): right, but its derivative is inf / inf for large x."""
    return mt.log(1.0 + mt.exp(x))


@mt.custom_jvp
def log1pexp(x):
    """The same, with the derivative written so that it cannot overflow."""
    return mt.log(1.0 + mt.exp(x))


@log1pexp.defjvp
def _(primals, tangents):
    (x,), (t,) = primals, tangents
    return log1pexp(x), (1.0 - 1.0 / (1.0 + mt.exp(x))) * t


@mt.custom_vjp
def clip_gradient(low, high, x):
    """The identity, whose gradient is limited on the way back."""
    return x


def _clip_forward(low, high, x):
    return x, (low, high)


def _clip_backward(bounds, g):
    return None, None, mt.clip(g, *bounds)


clip_gradient.defvjp(_clip_forward, _clip_backward)


@mt.custom_vjp
def rounded(x):
    """Round, and let the gradient pass as if nothing had been done."""
    return mt.round(x)


rounded.defvjp(lambda x: (mt.round(x), None), lambda _, g: (g,))


def main() -> dict[str, float]:
    found = {
        "naive": mt.grad(naive)(mt.array(100.0)).item(),
        "stable": mt.grad(log1pexp)(mt.array(100.0)).item(),
        "second": mt.grad(mt.grad(log1pexp))(mt.array(0.0)).item(),
        "forward": mt.jvp(log1pexp, (mt.array(0.0),), (mt.array(1.0),))[1].item(),
        "clipped": mt.grad(lambda x: 100.0 * clip_gradient(-1.0, 1.0, x))(mt.array(3.0)).item(),
        "rounded": mt.grad(lambda x: rounded(3.3 * x))(mt.array(1.0)).item(),
        "all at once": mt.jit(mt.vmap(mt.grad(log1pexp)))(mt.array([0.0, 100.0]))[1].item(),
    }
    print(", ".join(f"{name} {value:.4g}" for name, value in found.items()))
    return found


if __name__ == "__main__":
    main()
