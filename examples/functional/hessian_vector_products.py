"""Hessian-vector products three ways, none of which makes the Hessian; and Newton steps by conjugate gradients with them."""

import minitorch as mt


def forward_over_reverse(f, x, v):
    """The derivative of the gradient along v: one pass of each kind, the least memory."""
    return mt.jvp(mt.grad(f), (x,), (v,))[1]


def reverse_over_reverse(f, x, v):
    """The gradient of the gradient's product with v."""
    return mt.grad(lambda x: (mt.grad(f)(x) * v).sum())(x)


def reverse_over_forward(f, x, v):
    """The gradient of the directional derivative."""
    return mt.grad(lambda x: mt.jvp(f, (x,), (v,))[1])(x)


def conjugate_gradients(matvec, b, steps):
    """Solve `matvec(x) = b` for a symmetric positive definite map."""
    x, r = mt.zeros_like(b), b
    p, rr = r, (r * r).sum()
    for _ in range(steps):
        ap = matvec(p)
        alpha = rr / (p * ap).sum()
        x, r = x + alpha * p, r - alpha * ap
        before, rr = rr, (r * r).sum()
        p = r + rr / before * p
    return x


def main(n: int = 6) -> tuple[float, list[float]]:
    mt.manual_seed(0)
    a = mt.randn(2 * n, n).double()
    f = lambda x: mt.exp(a @ x * 0.3).sum() + (x * x).sum()  # noqa: E731
    x, v = mt.randn(n).double(), mt.randn(n).double()

    whole = mt.hessian(f)(x) @ v
    ways = (forward_over_reverse, reverse_over_reverse, reverse_over_forward)
    error = max((way(f, x, v) - whole).abs().max().item() for way in ways)

    norms = []
    for _ in range(6):  # Newton: the gradient's norm is squared at each step
        g = mt.grad(f)(x)
        norms.append((g * g).sum().sqrt().item())
        here = x
        x = x - conjugate_gradients(lambda v: forward_over_reverse(f, here, v), g, n)  # noqa: B023 (used at once)
    print(f"three ways agree to {error:.1e}; gradient norms of Newton's method: {', '.join(f'{g:.1e}' for g in norms)}")
    return error, norms


if __name__ == "__main__":
    main()
