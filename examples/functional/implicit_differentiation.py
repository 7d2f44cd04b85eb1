"""Newton's method, and the derivative of what it finds without differentiating through its steps.

Where f(x, a) = 0 defines x(a), the implicit function theorem gives dx/da = -(df/dx)^-1 df/da. So a rule needs one linear
solve, however many steps the search took.
"""

import minitorch as mt


def newton(f, x, steps):
    """Return a root of a function from vectors to vectors."""
    for _ in range(steps):
        x = x - mt.linalg.solve(mt.jacfwd(f)(x), f(x))
    return x


def root_of(f, steps=20):
    """Return the function that finds x with f(x, a) = 0 from a start, differentiable in a."""

    @mt.custom_vjp
    def root(start, a):
        return newton(lambda x: f(x, a), start, steps)

    def forward(start, a):
        x = root(start, a)
        return x, (x, a)

    def backward(kept, g):
        x, a = kept
        adjoint = mt.linalg.solve(mt.jacfwd(lambda x: f(x, a))(x).mT, g)
        (along_a,) = mt.vjp(lambda a: f(x, a), a)[1](-adjoint)
        return mt.zeros_like(x), along_a

    root.defvjp(forward, backward)
    return root


def curves(x, a):
    """A circle of radius a[0] and a parabola that is a[1] wide."""
    u, v = x[0], x[1]
    return mt.stack([u * u + v * v - a[0] * a[0], v - a[1] * u * u])


def main() -> tuple[float, float, float]:
    start, a = mt.tensor([1.0, 1.0]).double(), mt.tensor([2.0, 0.5]).double()
    meeting = root_of(curves)
    x = meeting(start, a)
    residual = curves(x, a).abs().max().item()

    implicit = mt.jacrev(lambda a: meeting(start, a))(a)
    unrolled = mt.jacrev(lambda a: newton(lambda x: curves(x, a), start, 20))(a)
    gap = (implicit - unrolled).abs().max().item()

    # Which circle meets the parabola at u = 1? Descent on a, through the root.
    width = a[1]
    miss = lambda radius: (meeting(start, mt.stack([radius, width]))[0] - 1.0) ** 2  # noqa: E731
    radius = a[0]
    for _ in range(100):
        radius = radius - 0.5 * mt.grad(miss)(radius)
    print(f"residual {residual:.1e}, implicit = unrolled to {gap:.1e}, radius for u = 1: {radius.item():.4f}")
    return residual, gap, radius.item()


if __name__ == "__main__":
    main()
