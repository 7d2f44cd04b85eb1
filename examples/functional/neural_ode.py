"""An ordinary differential equation solved, and differentiated twice over: through the steps, and by the adjoint equation.

The adjoint runs the equation backwards and carries the gradient along, so its memory does not grow with the steps.
"""

import minitorch as mt
from minitorch import tree


def step(f, y, t, h, params):
    """Advance dy/dt = f(y, t, params) by one step of the classical Runge-Kutta method; y is any tree."""
    add = lambda y, s, k: tree.map(lambda a, b: a + s * b, y, k)  # noqa: E731
    k1 = f(y, t, params)
    k2 = f(add(y, h / 2, k1), t + h / 2, params)
    k3 = f(add(y, h / 2, k2), t + h / 2, params)
    k4 = f(add(y, h, k3), t + h, params)
    return tree.map(lambda y, a, b, c, d: y + h / 6 * (a + 2 * b + 2 * c + d), y, k1, k2, k3, k4)


def solve(f, y, params, end, steps):
    """Return y at the end."""
    h = end / steps
    for i in range(steps):
        y = step(f, y, i * h, h, params)
    return y


def by_adjoint(f, end, steps):
    """Return `solve` as a function of y and params whose gradient comes from the adjoint equation."""

    def adjoint(state, t, params):
        """Run time backwards: y, the cotangent of y, and what gathers for the parameters."""
        y, a, _ = state
        dy, pull = mt.vjp(lambda y, params: f(y, end - t, params), y, params)
        along_y, along_params = pull(a)
        return tree.map(mt.neg, dy), along_y, along_params

    @mt.custom_vjp
    def solved(y, params):
        return solve(f, y, params, end, steps)

    def forward(y, params):
        out = solved(y, params)
        return out, (out, params)

    def backward(kept, g):
        y, params = kept
        start = (y, g, tree.map(mt.zeros_like, params))
        _, along_y, along_params = solve(adjoint, start, params, end, steps)
        return along_y, along_params

    solved.defvjp(forward, backward)
    return solved


def pendulum(y, t, params):
    """The angle and speed of a pendulum with friction."""
    return mt.stack([y[1], -params["pull"] * mt.sin(y[0]) - params["friction"] * y[1]])


def main(end: float = 2.0, steps: int = 60) -> tuple[float, float, list[float]]:
    params = {"pull": mt.tensor(4.0).double(), "friction": mt.tensor(0.3).double()}
    start = mt.tensor([1.0, 0.0]).double()
    adjoint = by_adjoint(pendulum, end, steps)
    through = mt.grad(lambda y, p: solve(pendulum, y, p, end, steps)[0], argnums=(0, 1))(start, params)
    backwards = mt.grad(lambda y, p: adjoint(y, p)[0], argnums=(0, 1))(start, params)
    pairs = zip(tree.leaves(through), tree.leaves(backwards))
    gap = max(mt.abs(a - b).max().item() for a, b in pairs)

    # Which pendulum was it? Fit the parameters to where it is seen at the end.
    seen = solve(pendulum, start, params, end, steps)

    @mt.jit
    def update(guess):
        loss, grads = mt.value_and_grad(lambda p: ((adjoint(start, p) - seen) ** 2).sum())(guess)
        return tree.map(lambda p, g: p - 0.3 * g, guess, grads), loss

    guess = {"pull": mt.tensor(3.0).double(), "friction": mt.tensor(0.1).double()}
    for _ in range(150):
        guess, loss = update(guess)
    found = [guess["pull"].item(), guess["friction"].item()]
    print(f"adjoint = through the steps to {gap:.1e}; fitted pull {found[0]:.3f}, friction {found[1]:.3f}")
    return gap, loss.item(), found


if __name__ == "__main__":
    main()
