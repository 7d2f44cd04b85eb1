"""The update rules of the optimizers: one place, two pure functions each.

`init` makes a parameter's state, `update` returns the next parameter and state. Both are written once for NumPy buffers
and for core values (arrays, tracers): `xp` is the namespace that has their functions. Augmented assignment works in
place on buffers that the rule itself has just made, and makes new values of immutable ones; arguments are not written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

State = dict[str, Any]
Hyper = dict[str, Any]


class Rule(NamedTuple):
    """How one parameter is updated.

    `init(xp, p, hyper)` returns the state besides the count of steps; `update(xp, p, g, state, step, hyper)` the next
    parameter and state, for the step with number `step`, counted from 1. `counts` says whether the rule needs it.
    """

    init: Callable[[Any, Any, Hyper], State]
    update: Callable[[Any, Any, Any, State, Any, Hyper], tuple[Any, State]]
    counts: bool


def _decayed(p: Any, g: Any, hyper: Hyper) -> Any:
    """Turn the gradient for maximizing, and add the gradient of the weight decay."""
    if hyper["maximize"]:
        g = -g
    decay = hyper["weight_decay"]
    if decay:
        pull = p * decay
        pull += g
        return pull
    return g


def _lerp(old: Any, new: Any, weight: float) -> Any:
    """Move from old to new by a part of the way."""
    moved = new - old
    moved *= weight
    moved += old
    return moved


# --------------------------------------------------------------------------- SGD


def _sgd_update(xp: Any, p: Any, g: Any, state: State, step: Any, hyper: Hyper) -> tuple[Any, State]:
    if hyper["weight_decay"] or hyper["maximize"]:
        g = _decayed(p, g, hyper)
    momentum = hyper["momentum"]
    if momentum:
        buffer = state.get("momentum_buffer")
        if buffer is None:
            buffer = g
        else:
            buffer = buffer * momentum
            buffer += g * (1.0 - hyper["dampening"]) if hyper["dampening"] else g
        state = {"momentum_buffer": buffer}
        g = g + buffer * momentum if hyper["nesterov"] else buffer
    moved = g * -hyper["lr"]
    moved += p
    return moved, state


SGD = Rule(lambda xp, p, hyper: {"momentum_buffer": None} if hyper["momentum"] else {}, _sgd_update, counts=False)

# --------------------------------------------------------------------------- Adam and AdamW


def _adam_init(xp: Any, p: Any, hyper: Hyper) -> State:
    names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if hyper["amsgrad"] else ("exp_avg", "exp_avg_sq")
    return {name: xp.zeros_like(p) for name in names}


def _adam_update(xp: Any, p: Any, g: Any, state: State, step: Any, hyper: Hyper) -> tuple[Any, State]:
    lr, (beta1, beta2) = hyper["lr"], hyper["betas"]
    if hyper["decoupled_weight_decay"]:
        g = -g if hyper["maximize"] else g
        p = p * (1.0 - lr * hyper["weight_decay"]) if hyper["weight_decay"] else p
    else:
        g = _decayed(p, g, hyper)
    mean = _lerp(state["exp_avg"], g, 1.0 - beta1)
    squared = g * g
    squared *= 1.0 - beta2
    square = state["exp_avg_sq"] * beta2
    square += squared
    found = {"exp_avg": mean, "exp_avg_sq": square}
    if hyper["amsgrad"]:
        square = found["max_exp_avg_sq"] = xp.maximum(state["max_exp_avg_sq"], square)
    size = xp.sqrt(square)
    size *= (1.0 - beta2**step) ** -0.5
    size += hyper["eps"]
    moved = mean / size
    moved *= lr / (beta1**step - 1.0)
    moved += p
    return moved, found


ADAM = Rule(_adam_init, _adam_update, counts=True)

# --------------------------------------------------------------------------- RMSprop


def _rmsprop_init(xp: Any, p: Any, hyper: Hyper) -> State:
    names = ["square_avg"] + ["momentum_buffer"] * (hyper["momentum"] > 0) + ["grad_avg"] * hyper["centered"]
    return {name: xp.zeros_like(p) for name in names}


def _rmsprop_update(xp: Any, p: Any, g: Any, state: State, step: Any, hyper: Hyper) -> tuple[Any, State]:
    alpha, momentum = hyper["alpha"], hyper["momentum"]
    g = _decayed(p, g, hyper)
    squared = g * g
    squared *= 1.0 - alpha
    square = state["square_avg"] * alpha
    square += squared
    found = {"square_avg": square}
    if hyper["centered"]:
        mean = _lerp(state["grad_avg"], g, 1.0 - alpha)
        square = square - mean * mean
        found["grad_avg"] = mean
    size = xp.sqrt(square)
    size += hyper["eps"]
    moved = g / size
    if momentum:
        buffer = state["momentum_buffer"] * momentum
        buffer += moved
        found["momentum_buffer"] = buffer
        moved = buffer * -hyper["lr"]
    else:
        moved *= -hyper["lr"]
    moved += p
    return moved, found


RMSPROP = Rule(_rmsprop_init, _rmsprop_update, counts=True)

# --------------------------------------------------------------------------- Adagrad


def _adagrad_init(xp: Any, p: Any, hyper: Hyper) -> State:
    return {"sum": xp.zeros_like(p) + hyper["initial_accumulator_value"]}


def _adagrad_update(xp: Any, p: Any, g: Any, state: State, step: Any, hyper: Hyper) -> tuple[Any, State]:
    g = _decayed(p, g, hyper)
    total = g * g
    total += state["sum"]
    size = xp.sqrt(total)
    size += hyper["eps"]
    moved = g / size
    moved *= -hyper["lr"] / (1.0 + (step - 1) * hyper["lr_decay"])
    moved += p
    return moved, {"sum": total}


ADAGRAD = Rule(_adagrad_init, _adagrad_update, counts=True)
