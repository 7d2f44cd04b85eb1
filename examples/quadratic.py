"""The derivative of x**2 + 3x at x = 2, and a picture of how it was computed."""

from pathlib import Path

import minitorch as mt


def main(folder: str | Path = "artifacts") -> float:
    x = mt.Tensor(2.0, requires_grad=True)
    y = x**2 + 3.0 * x
    picture = mt.draw_graph(y, {"x": x})
    y.backward()
    print(x.grad.item())  # 2x + 3 = 7.0

    path = Path(folder) / "quadratic.dot"
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)
    print(f"wrote {path}")
    return x.grad.item()


if __name__ == "__main__":
    main()
