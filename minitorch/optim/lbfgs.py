"""LBFGS: a quasi-Newton method on all parameters at once, with PyTorch's interface.

Each step calls a closure several times, so its course depends on the losses; only the closure can be compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import sqrt
from typing import Any, NamedTuple

from ..core.errors import ArgumentError
from ..tensor.functions import cat
from ..tensor.handle import Tensor
from ..tensor.modes import enable_grad, no_grad
from .optimizer import Optimizer
from .options import options


class Point(NamedTuple):
    """A place on the line of a search: how far, the loss, the gradient, and the slope along the line."""

    t: float
    loss: float
    grad: Tensor
    slope: float


class LBFGS(Optimizer):
    """Newton's method with the curvature estimated from the last steps. Nocedal (1980).

    `line_search_fn="strong_wolfe"` looks for a step that lowers the loss; without it every step is `lr` long.

    >>> from minitorch.tensor.handle import Tensor
    >>> w = Tensor([3.0, -1.0], requires_grad=True)
    >>> optimizer = LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((w - 2.0) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> loss = optimizer.step(closure)
    >>> [round(x, 4) for x in w.tolist()]
    [2.0, 2.0]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ):
        if line_search_fn not in (None, "strong_wolfe"):
            raise ArgumentError(f"LBFGS: only 'strong_wolfe' is supported as line_search_fn, got {line_search_fn!r}")
        max_eval = max_iter * 5 // 4 if max_eval is None else max_eval
        super().__init__(params, options(locals()))
        if len(self.param_groups) != 1:
            raise ArgumentError("LBFGS doesn't support per-parameter options (parameter groups); give one list")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make up to `max_iter` iterations; the closure computes the loss and its gradients anew. Return the first loss."""
        if closure is None:
            raise ArgumentError(
                "LBFGS: step needs a closure that clears the gradients, computes the loss and returns it"
            )
        with no_grad():
            return self._step(enable_grad()(closure))

    def _step(self, closure: Callable[[], Any]) -> Any:
        group = self.param_groups[0]
        state = self.state[group["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first = closure()
        loss, evaluations, tolerance = float(first), 1, group["tolerance_grad"]
        state["func_evals"] += 1
        grad = self._gradient()
        if _largest(grad) <= tolerance:
            return first
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            _remember(state, grad, group["history_size"])
            start = state["n_iter"] == 1
            state["d"] = d = -grad if start else _direction(state, grad)
            state["prev_flat_grad"], state["prev_loss"] = grad, loss
            lr = float(group["lr"])
            state["t"] = min(1.0, 1.0 / float(grad.abs().sum())) * lr if start else lr
            slope = float(grad.dot(d))
            if slope > -group["tolerance_change"]:
                break
            last = iteration == group["max_iter"]
            before = loss
            if group["line_search_fn"] is not None:
                left = group["max_eval"] - evaluations
                point, count = self._search(closure, Point(state["t"], loss, grad, slope), d, left)
                state["t"], loss, grad = point.t, point.loss, point.grad
                self._move(state["t"], d)
            else:
                self._move(state["t"], d)
                count = 0 if last else 1
                if not last:
                    loss, grad = float(closure()), self._gradient()
            evaluations += count
            state["func_evals"] += count
            still = float((d * state["t"]).abs().max()) <= group["tolerance_change"]
            if last or evaluations >= group["max_eval"] or _largest(grad) <= tolerance or still:
                break
            if abs(loss - before) < group["tolerance_change"]:
                break
        return first

    # ------------------------------------------------------------------ all parameters as one vector

    def _gradient(self) -> Tensor:
        params = self.param_groups[0]["params"]
        return cat([_flat(p.new_zeros(p.shape) if p.grad is None else p.grad) for p in params], 0)

    def _move(self, t: float, d: Tensor) -> None:
        """Add a multiple of a direction to the parameters."""
        change, start = d * t, 0
        for p in self.param_groups[0]["params"]:
            size = p.numel() * (2 if p.is_complex() else 1)
            part = change[start : start + size]
            p.add_(_complex(part).reshape(p.shape) if p.is_complex() else part.reshape(p.shape))
            start += size

    def _search(self, closure: Callable[[], Any], start: Point, d: Tensor, most: int) -> tuple[Point, int]:
        """Look along a direction for a point of the strong Wolfe conditions; return it, and how often it was looked."""
        params = self.param_groups[0]["params"]
        kept = [p.clone() for p in params]

        def evaluate(t: float) -> Point:
            self._move(t, d)
            loss = float(closure())
            grad = self._gradient()
            for p, before in zip(params, kept):
                p.copy_(before)
            return Point(t, loss, grad, float(grad.dot(d)))

        return _strong_wolfe(evaluate, start, float(d.abs().max()), most)


def _flat(x: Tensor) -> Tensor:
    x = x.reshape(-1)
    return cat([x.real.reshape(-1, 1), x.imag.reshape(-1, 1)], 1).reshape(-1) if x.is_complex() else x


def _complex(x: Tensor) -> Tensor:
    pairs = x.reshape(-1, 2)
    return pairs[:, 0] + pairs[:, 1] * 1j


def _largest(x: Tensor) -> float:
    return float(x.abs().max())


# --------------------------------------------------------------------------- directions


def _remember(state: dict[str, Any], grad: Tensor, size: int) -> None:
    """Note how the gradient changed over the last step."""
    if state["n_iter"] == 1:
        state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
        return
    change, move = grad - state["prev_flat_grad"], state["d"] * state["t"]
    product = change.dot(move)
    if float(product) <= 1e-10:
        return
    for name, value in (("old_dirs", change), ("old_stps", move), ("ro", 1.0 / product)):
        state[name].append(value)
        del state[name][:-size]
    state["H_diag"] = product / change.dot(change)


def _direction(state: dict[str, Any], grad: Tensor) -> Tensor:
    """Return minus the gradient times the estimated inverse of the Hessian."""
    history = list(zip(state["old_dirs"], state["old_stps"], state["ro"]))
    q, weights = -grad, []
    for change, move, ro in reversed(history):
        weights.append(move.dot(q) * ro)
        q = q - change * weights[-1]
    q = q * state["H_diag"]
    for (change, move, ro), weight in zip(history, reversed(weights)):
        q = q + move * (weight - change.dot(q) * ro)
    return q


# --------------------------------------------------------------------------- line search

ARMIJO, WOLFE = 1e-4, 0.9


def _cubic(a: Point, b: Point, bounds: tuple[float, float] | None = None) -> float:
    """Return where the cubic through two points and slopes has its minimum, within bounds."""
    low, high = bounds or (min(a.t, b.t), max(a.t, b.t))
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if square < 0:
        return (low + high) / 2.0
    first, last = (a, b) if a.t <= b.t else (b, a)
    d2 = sqrt(square)
    best = last.t - (last.t - first.t) * ((last.slope + d2 - d1) / (last.slope - first.slope + 2 * d2))
    return min(max(best, low), high)


def _strong_wolfe(evaluate: Callable[[float], Point], start: Point, length: float, most: int) -> tuple[Point, int]:
    """Bracket a point of the strong Wolfe conditions, then narrow the bracket. Nocedal and Wright (2006), 3.5 and 3.6."""
    origin = start._replace(t=0.0)
    now, before, count = evaluate(start.t), origin, 1
    bracket: list[Point] | None = None
    while count <= most:
        too_high = now.loss > start.loss + ARMIJO * now.t * start.slope
        if too_high or (count > 2 and now.loss >= before.loss):
            bracket = [before, now]
            break
        if abs(now.slope) <= -WOLFE * start.slope:
            return now, count
        if now.slope >= 0:
            bracket = [before, now]
            break
        t = _cubic(before, now, (now.t + 0.01 * (now.t - before.t), now.t * 10))
        before, now = now, evaluate(t)
        count += 1
    if bracket is None:
        bracket = [origin, now]
        return min(bracket, key=lambda point: point.loss), count
    return _zoom(evaluate, start, bracket, length, most, count)


def _zoom(
    evaluate: Callable[[float], Point], start: Point, bracket: list[Point], length: float, most: int, count: int
) -> tuple[Point, int]:
    low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
    stuck = False
    while count <= most and abs(bracket[1].t - bracket[0].t) * length >= 1e-9:
        t, stuck = _trial(bracket, stuck)
        now = evaluate(t)
        count += 1
        if now.loss > start.loss + ARMIJO * t * start.slope or now.loss >= bracket[low].loss:
            bracket[high] = now
            low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
            continue
        done = abs(now.slope) <= -WOLFE * start.slope
        if not done and now.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = now
        if done:
            break
    return bracket[low], count


def _trial(bracket: list[Point], stuck: bool) -> tuple[float, bool]:
    """Return the next place to look, kept from the ends of the bracket when that brings no progress."""
    t, (first, last) = _cubic(*bracket), sorted(point.t for point in bracket)
    margin = 0.1 * (last - first)
    if min(last - t, t - first) >= margin:
        return t, False
    if not stuck and first < t < last:
        return t, True
    return (last - margin if abs(t - last) < abs(t - first) else first + margin), False
