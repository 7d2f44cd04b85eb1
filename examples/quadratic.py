"""The derivative of x**2 + 3x at 2, and the graph that computed it."""

from __future__ import annotations

import minitorch as mt


def main():
    x = mt.Tensor(2.0, requires_grad=True)
    y = x**2 + 3.0 * x
    y.backward()
    print(x.grad.item())
    return x.grad.item(), mt.draw_graph(y)


if __name__ == "__main__":
    main()
