"""The update rules of the optimizers: one place, two pure functions each.

`init` makes a parameter's state, `update` returns what to add to the parameter, and the next state. Both are written
once for NumPy buffers and for values of the library (arrays, tensors, tracers): `xp` is the namespace that has their
functions. Augmented assignment works in place on buffers that the rule itself has just made, and makes new values of
immutable ones; arguments are not written, and the change is the caller's to write to, unless the rule has a `rate`. The
torch-style optimizers and `optim.functional` are made of these.

An option that stands in no group of the torch-style optimizer is off when it is absent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from ..core.errors import ShapeError

State = dict[str, Any]
Hyper = dict[str, Any]


class Rule(NamedTuple):
    """How one parameter is updated.

    `init(xp, p, hyper)` returns the state besides the count of steps, None for what begins with the first gradient;
    `update(xp, p, g, state, step, hyper)` the change of the parameter and the next state, for the step with number
    `step`, counted from 1. `counts` says whether the rule needs it, or PyTorch's state has it. `scalars` are the parts
    of the state that are one float32 number each. `looks` says that the change depends on the parameter, `whole` that
    it depends on the parameter's shape: any other rule treats every number on its own. Such a rule is given everything with
    one more axis in front, for several parameters of one shape.

    With a `rate`, the change is `rate(hyper)` times what `update` returns, which may be an argument or a part of the state.

    The weight decay is a part of the "gradient", unless an option decouples it, or always shrinks the "parameter", or
    is the rule's "own" affair.
    """

    init: Callable[[Any, Any, Hyper], State]
    update: Callable[[Any, Any, Any, State, Any, Hyper], tuple[Any, State]]
    counts: bool
    scalars: tuple[str, ...] = ()
    looks: bool = False
    whole: bool = False
    decay: Literal["gradient", "parameter", "own"] = "gradient"
    rate: Callable[[Hyper], float] | None = None

    def change(self, xp: Any, p: Any, g: Any, state: State, step: Any, hyper: Hyper) -> tuple[Any, State]:
        """Return the change of the parameter, which is the caller's to write to, and the next state."""
        change, found = self.update(xp, p, g, state, step, hyper)
        return (change if self.rate is None else change * self.rate(hyper)), found

    def is_plain(self, hyper: Hyper) -> bool:
        """Return whether the change is the gradient times the rate, and there is no state."""
        return self.rate is not None and not (hyper["momentum"] or hyper.get("weight_decay") or hyper.get("maximize"))


def decayed(rule: Rule, p: Any, g: Any, hyper: Hyper) -> tuple[Any, Any]:
    """Return the parameter and the gradient that a rule is given: turned for maximizing, with the weight decay.

    The decay is a part of the gradient, or, where it is decoupled, shrinks the parameter beforehand.
    """
    if hyper.get("maximize"):
        g = -g
    decay = hyper.get("weight_decay")
    if not decay or rule.decay == "own":
        return p, g
    if rule.decay == "parameter" or hyper.get("decoupled_weight_decay"):
        p = p * (1.0 - hyper["lr"] * decay)
    else:
        g = pulled(p, g, decay)
    return p, g


def pulled(p: Any, g: Any, decay: Any) -> Any:
    """Add the gradient of the weight decay."""
    pull = p * decay
    pull += g
    return pull


def _lerp(old: Any, new: Any, weight: float) -> Any:
    """Move from old to new by a part of the way."""
    moved = new - old
    moved *= weight
    moved += old
    return moved


def _square_average(old: Any, g: Any, decay: float) -> Any:
    """Return the running mean of squares."""
    squared = g * g
    squared *= 1.0 - decay
    mean = old * decay
    mean += squared
    return mean


def _root(xp: Any, square: Any, hyper: Hyper) -> Any:
    """Return the root of a mean square, kept from 0 by `eps` outside of the root, or inside with `eps_in_sqrt`."""
    if hyper.get("eps_in_sqrt"):
        return xp.sqrt(square + hyper["eps"])
    size = xp.sqrt(square)
    size += hyper["eps"]
    return size


def _zeros(*names: str) -> Callable[[Any, Any, Hyper], State]:
    return lambda xp, p, hyper: {name: xp.zeros_like(p) for name in names}


# --------------------------------------------------------------------------- SGD


def _accelerated(g: Any, buffer: Any, hyper: Hyper) -> tuple[Any, Any]:
    """Return the direction with momentum, and the next buffer."""
    momentum, dampening = hyper["momentum"], hyper["dampening"]
    if buffer is None:
        buffer = g
    else:
        buffer = buffer * momentum
        buffer += g * (1.0 - dampening) if dampening else g
    return (g + buffer * momentum if hyper["nesterov"] else buffer), buffer


def _descent(hyper: Hyper) -> Any:
    return -hyper["lr"]


def _sgd_update(xp: Any, p: Any, g: Any, state: State, step: Any, hyper: Hyper) -> tuple[Any, State]:
    if not hyper["momentum"]:
        return g, state
    direction, buffer = _accelerated(g, state.get("momentum_buffer"), hyper)
    return direction, {"momentum_buffer": buffer}


def _sgd_init(xp: Any, p: Any, hyper: Hyper) -> State:
    return {"momentum_buffer": None} if hyper["momentum"] else {}


SGD = Rule(_sgd_init, _sgd_update, counts=False, rate=_descent)


def _trace_update(xp: Any, p: Any, g: Any, state: State, step: Any, hyper: Hyper) -> tuple[Any, State]:
    direction, buffer = _accelerated(g, state["momentum_buffer"], hyper)
    return direction, {"momentum_buffer": buffer}


TRACE = Rule(_zeros("momentum_buffer"), _trace_update, counts=False, rate=_descent)

# --------------------------------------------------------------------------- Adam and its kin


def _adam_init(xp: Any, p: Any, hyper: Hyper) -> State:
    names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if hyper["amsgrad"] else ("exp_avg", "exp_avg_sq")
    return {name: xp.zeros_like(p) for name in names}


def _moments(g: Any, state: State, hyper: Hyper) -> tuple[Any, Any]:
    """Return the next running means of the gradient and of its square."""
    beta1, beta2 = hyper["betas"]
    return _lerp(state["exp_avg"], g, 1.0 - beta1), _square_average(state["exp_avg_sq"], g, beta2)


def _adam_update(xp: Any, p: Any, g: Any, state: State, step: Any, hyper: Hyper) -> tuple[Any, State]:
    beta1, beta2 = hyper["betas"]
    mean, square = _moments(g, state, hyper)
    found = {"exp_avg": mean, "exp_avg_sq": square}
    if hyper["amsgrad"]:
        square = found["max_exp_avg_sq"] = xp.maximum(state["max_exp_avg_sq"], square)
    rest = 1.0 - beta2**step
    if "eps_root" in hyper:
        square = square + hyper["eps_root"] * rest
    size = xp.sqrt(square)
    size *= rest**-0.5
    size += hyper["eps"]
    change = mean / size
    change *= hyper["lr"] / (beta1**step - 1.0)
    return change, found


ADAM = Rule(_adam_init, _adam_update, counts=True)


def _nadam_init(xp: Any, p: Any, hyper: Hyper) -> State:
    return {"mu_product": 1.0, "exp_avg": xp.zeros_like(p), "exp_avg_sq": xp.zeros_like(p)}


def _nadam_update(xp: Any, p: Any, g: Any, state: State, step: Any, hyper: Hyper) -> tuple[Any, State]:
    (beta1, beta2), decay = hyper["betas"], hyper["momentum_decay"]
    now, ahead = (beta1 * (1.0 - 0.5 * 0.96 ** (n * decay)) for n in (step, step + 1))
    mean, square = _moments(g, state, hyper)
    size = xp.sqrt(square / (1.0 - beta2**step))
    size += hyper["eps"]
    product = state["mu_product"] * now
    change = g * ((1.0 - now) / (1.0 - product))
    change += mean * (ahead / (1.0 - product * ahead))
    change /= size
    change *= -hyper["lr"]
    return change, {"mu_product": product, "exp_avg": mean, "exp_avg_sq": square}


NADAM = Rule(_nadam_init, _nadam_update, counts=True, scalars=("mu_product",))


def _radam_update(xp: Any, p: Any, g: Any, state: State, step: Any, hyper: Hyper) -> tuple[Any, State]:
    beta1, beta2 = hyper["betas"]
    mean, square = _moments(g, state, hyper)
    rest = 1.0 - beta2**step
    longest = 2.0 / (1.0 - beta2) - 1.0
    length = longest - 2.0 * step * beta2**step / rest
    # Below 5 the rectification is not used; 5 takes the place of lengths for which it would not be real.
    rectified = length > hyper.get("threshold", 5.0)
    safe = _either(xp, rectified, length, 5.0)
    ratio = (safe - 4.0) * (safe - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * safe)
    size = xp.sqrt(square)
    size += hyper["eps"]
    change = mean * (hyper["lr"] / (beta1**step - 1.0))
    change *= _either(xp, rectified, (ratio * rest) ** 0.5 / size, 1.0)
    return change, {"exp_avg": mean, "exp_avg_sq": square}


def _either(xp: Any, condition: Any, a: Any, b: Any) -> Any:
    """Return one of two values; both are computed, for the condition may be traced."""
    if isinstance(condition, bool):
        return a if condition else b
    return xp.where(condition, a, b)


RADAM = Rule(_zeros("exp_avg", "exp_avg_sq"), _radam_update, counts=True)


def _adamax_update(xp: Any, p: Any, g: Any, state: State, step: Any, hyper: Hyper) -> tuple[Any, State]:
    beta1, beta2 = hyper["betas"]
    mean = _lerp(state["exp_avg"], g, 1.0 - beta1)
    largest = xp.maximum(state["exp_inf"] * beta2, xp.abs(g) + hyper["eps"])
    change = mean / largest
    change *= hyper["lr"] / (beta1**step - 1.0)
    return change, {"exp_avg": mean, "exp_inf": largest}


ADAMAX = Rule(_zeros("exp_avg", "exp_inf"), _adamax_update, counts=True)


def _lion_update(xp: Any, p: Any, g: Any, state: State, step: Any, hyper: Hyper) -> tuple[Any, State]:
    beta1, beta2 = hyper["betas"]
    mean = state["exp_avg"]
    change = xp.sign(_lerp(mean, g, 1.0 - beta1))
    change *= -hyper["lr"]
    return change, {"exp_avg": _lerp(mean, g, 1.0 - beta2)}


LION = Rule(_zeros("exp_avg"), _lion_update, counts=False)

# --------------------------------------------------------------------------- steps scaled by mean squares


def _rmsprop_init(xp: Any, p: Any, hyper: Hyper) -> State:
    names = ["square_avg"] + ["momentum_buffer"] * (hyper["momentum"] > 0) + ["grad_avg"] * hyper["centered"]
    state = {name: xp.zeros_like(p) for name in names}
    if "initial_scale" in hyper:
        state["square_avg"] = state["square_avg"] + hyper["initial_scale"]
    return state


def _rmsprop_update(xp: Any, p: Any, g: Any, state: State, step: Any, hyper: Hyper) -> tuple[Any, State]:
    alpha, momentum = hyper["alpha"], hyper["momentum"]
    square = _square_average(state["square_avg"], g, alpha)
    found = {"square_avg": square}
    if hyper["centered"]:
        mean = _lerp(state["grad_avg"], g, 1.0 - alpha)
        square = square - mean * mean
        found["grad_avg"] = mean
    change = g / _root(xp, square, hyper)
    if momentum:
        buffer = state["momentum_buffer"] * momentum
        buffer += change
        found["momentum_buffer"] = buffer
        return buffer * -hyper["lr"], found
    change *= -hyper["lr"]
    return change, found


RMSPROP = Rule(_rmsprop_init, _rmsprop_update, counts=True)


def _adagrad_init(xp: Any, p: Any, hyper: Hyper) -> State:
    return {"sum": xp.zeros_like(p) + hyper["initial_accumulator_value"]}


def _adagrad_update(xp: Any, p: Any, g: Any, state: State, step: Any, hyper: Hyper) -> tuple[Any, State]:
    total = g * g
    total += state["sum"]
    change = g / _root(xp, total, hyper)
    change *= -hyper["lr"] / (1.0 + (step - 1) * hyper["lr_decay"])
    return change, {"sum": total}


ADAGRAD = Rule(_adagrad_init, _adagrad_update, counts=True)


def _adadelta_update(xp: Any, p: Any, g: Any, state: State, step: Any, hyper: Hyper) -> tuple[Any, State]:
    rho, eps = hyper["rho"], hyper["eps"]
    square = _square_average(state["square_avg"], g, rho)
    change = xp.sqrt(state["acc_delta"] + eps)
    change /= xp.sqrt(square + eps)
    change *= g
    found = {"square_avg": square, "acc_delta": _square_average(state["acc_delta"], change, rho)}
    change *= -hyper["lr"]
    return change, found


ADADELTA = Rule(_zeros("square_avg", "acc_delta"), _adadelta_update, counts=True)

# --------------------------------------------------------------------------- step sizes of their own


def _rprop_init(xp: Any, p: Any, hyper: Hyper) -> State:
    return {"prev": xp.zeros_like(p), "step_size": xp.zeros_like(p) + hyper["lr"]}


def _rprop_update(xp: Any, p: Any, g: Any, state: State, step: Any, hyper: Hyper) -> tuple[Any, State]:
    (shrink, grow), (smallest, largest) = hyper["etas"], hyper["step_sizes"]
    agreed = g * state["prev"]
    turned = agreed < 0
    size = state["step_size"]
    size = xp.where(turned, size * shrink, xp.where(agreed > 0, size * grow, size))
    size = xp.maximum(xp.minimum(size, largest), smallest)
    g = xp.where(turned, 0.0, g)
    change = xp.sign(g) * size
    return -change, {"prev": g, "step_size": size}


RPROP = Rule(_rprop_init, _rprop_update, counts=True)

# --------------------------------------------------------------------------- averages of the parameters


def _asgd_init(xp: Any, p: Any, hyper: Hyper) -> State:
    return {"eta": hyper["lr"], "mu": 1.0, "ax": xp.zeros_like(p)}


def _asgd_update(xp: Any, p: Any, g: Any, state: State, step: Any, hyper: Hyper) -> tuple[Any, State]:
    lr, lambd, eta = hyper["lr"], hyper["lambd"], state["eta"]
    change = p * (-lambd * eta)
    change -= g * eta
    moved = p + change
    average = _either(xp, state["mu"] == 1.0, moved, _lerp(state["ax"], moved, state["mu"]))
    late = step - hyper["t0"]
    found = {
        "eta": lr / (1.0 + lambd * lr * step) ** hyper["alpha"],
        "mu": 1.0 / _either(xp, late > 1.0, late, 1.0),
        "ax": average,
    }
    return change, found


ASGD = Rule(_asgd_init, _asgd_update, counts=True, scalars=("eta", "mu"), looks=True)

# --------------------------------------------------------------------------- for matrices


def _rms(xp: Any, x: Any) -> Any:
    return xp.sqrt(xp.mean(x * x, axis=tuple(range(1, x.ndim)), keepdims=True))


def _adafactor_init(xp: Any, p: Any, hyper: Hyper) -> State:
    if p.ndim < 3:
        return {"variance": xp.zeros_like(p)}
    return {"row_var": xp.zeros_like(p[..., :1]), "col_var": xp.zeros_like(p[..., :1, :])}


def _adafactor_update(xp: Any, p: Any, g: Any, state: State, step: Any, hyper: Hyper) -> tuple[Any, State]:
    lr, (least, smallest), part = hyper["lr"], hyper["eps"], step ** hyper["beta2_decay"]
    least = xp.finfo(g.dtype).eps if least is None else least
    squared = g * g
    if g.ndim < 3:
        found = {"variance": _lerp(state["variance"], squared, part)}
        square = found["variance"]
    else:
        rows = _lerp(state["row_var"], xp.mean(squared, axis=-1, keepdims=True), part)
        columns = _lerp(state["col_var"], xp.mean(squared, axis=-2, keepdims=True), part)
        found = {"row_var": rows, "col_var": columns}
        square = rows * columns / xp.maximum(xp.mean(rows, axis=-2, keepdims=True), least)
    change = g / xp.sqrt(xp.maximum(square, least * least))
    limit = step**-0.5
    rate = xp.maximum(_rms(xp, p), smallest) * _either(xp, lr < limit, lr, limit)
    change *= -rate / xp.maximum(_rms(xp, change) / hyper["d"], 1.0)
    if hyper.get("weight_decay"):
        change -= p * (lr * hyper["weight_decay"])
    return change, found


ADAFACTOR = Rule(_adafactor_init, _adafactor_update, counts=True, looks=True, whole=True, decay="own")


def _orthogonal(xp: Any, x: Any, hyper: Hyper) -> Any:
    """Bring the singular values of matrices near 1, by steps of a polynomial (Newton and Schulz)."""
    a, b, c = hyper["ns_coefficients"]
    wide = x.shape[-2] <= x.shape[-1]
    x = x if wide else x.mT
    x = x / xp.maximum(xp.sqrt((x * x).sum((-2, -1), keepdims=True)), hyper["eps"])
    for _ in range(hyper["ns_steps"]):
        gram = x @ x.mT
        x = x * a + (gram * b + (gram @ gram) * c) @ x
    return x if wide else x.mT


_RATIOS: dict[Any, Callable[[int, int], float]] = {
    None: lambda m, n: max(1.0, m / n) ** 0.5,
    "original": lambda m, n: max(1.0, m / n) ** 0.5,
    "match_rms_adamw": lambda m, n: 0.2 * max(m, n) ** 0.5,
}


def _muon_update(xp: Any, p: Any, g: Any, state: State, step: Any, hyper: Hyper) -> tuple[Any, State]:
    if g.ndim != 3:
        raise ShapeError(
            f"muon: only matrices have a direction to be made orthogonal, got shape {tuple(g.shape[1:])}; give the other "
            "parameters to another optimizer"
        )
    momentum = hyper["momentum"]
    buffer = _lerp(state["momentum_buffer"], g, 1.0 - momentum)
    direction = _lerp(g, buffer, momentum) if hyper["nesterov"] else buffer
    rate = hyper["lr"] * _RATIOS[hyper["adjust_lr_fn"]](*g.shape[1:])
    return _orthogonal(xp, direction, hyper) * -rate, {"momentum_buffer": buffer}


MUON = Rule(_zeros("momentum_buffer"), _muon_update, counts=False, whole=True, decay="parameter")
