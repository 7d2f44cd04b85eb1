"""The plain recurrent layer: `h = f(x + w @ h)`, over all steps, for f tanh or relu. Elman (1990)."""

from __future__ import annotations

from typing import Any

from ..aval import Aval
from ..errors import ArgumentError
from ..ops.contractions import matmul
from ..ops.fusing import fused
from ..ops.pointwise import add, greater, maximum, mul, sub, tanh, where
from ..ops.shaping import swapaxes, zeros_of
from ..tracer import Value, aval_of
from .loops import scan
from .recurrence import (
    Leaves,
    checked,
    chosen,
    mask_of,
    native,
    operands,
    plus,
    previous,
    pulled,
    weight_cotangent,
)

ACTIVATIONS = ("tanh", "relu")

# --------------------------------------------------------------------------- forward


def _abstract(x: Aval, w: Aval, h: Aval, live: Aval | None, *, activation: str, reverse: bool) -> Aval:
    checked("rnn", x, w, live, 1, h)
    return x._replace(weak=False)


def _composed(x: Value, w: Value, h: Value, live: Value | None, *, activation: str, reverse: bool) -> Value:
    across = swapaxes(w, -1, -2)

    def step(h: Any, now: Any) -> Any:
        x, live = now
        made = add(x, matmul(h, across))
        new = chosen(live, tanh(made) if activation == "tanh" else maximum(made, 0.0), h)
        return new, new

    return scan(step, h, (x, live), reverse=reverse)[1]


def _rule(g: Value, out: Value, w: Value, h: Value, live: Value | None, activation: str, reverse: bool) -> Leaves:
    return *rnn_back_p(out, h, w, g, live, activation=activation, reverse=reverse), None


rnn_p = fused("rnn", native(_composed), abstract=_abstract, vjp=_rule, decompose=_composed)


# --------------------------------------------------------------------------- backward


def _back_abstract(
    hs: Aval, h: Aval, w: Aval, g: Aval, live: Aval | None, *, activation: str, reverse: bool
) -> tuple[Aval, ...]:
    return hs, w, h


def _back_composed(
    hs: Value, h: Value, w: Value, gh: Value, live: Value | None, *, activation: str, reverse: bool
) -> tuple[Value, ...]:
    def step(dh: Any, now: Any) -> Any:
        gh, h, live = now
        dh = add(dh, gh)
        # By the result of the activation: where relu gives 0, its slope is 0.
        da = mul(dh, sub(1.0, mul(h, h))) if activation == "tanh" else where(greater(h, 0.0), dh, 0.0)
        da = chosen(live, da, 0.0)
        return plus(matmul(da, w), None if live is None else where(live, 0.0, dh)), da

    dh, da = scan(step, zeros_of(aval_of(h)), (gh, hs, live), reverse=not reverse)
    return da, weight_cotangent(da, previous(hs, h, reverse)), dh


def _back_rule(
    g: Any,
    hs: Value,
    h: Value,
    w: Value,
    gh: Value,
    live: Value | None,
    activation: str,
    reverse: bool,
) -> Leaves:
    def function(*xs: Any) -> Any:
        return _back_composed(*xs, activation=activation, reverse=reverse)

    return pulled(function, g, hs, h, w, gh, live)


rnn_back_p = fused(
    "rnn_back", native(_back_composed), abstract=_back_abstract, vjp=_back_rule, decompose=_back_composed
)


# --------------------------------------------------------------------------- as layers call it


def rnn(
    x: Value, w: Value, h: Value, live: Value | None = None, activation: str = "tanh", reverse: bool = False
) -> Value:
    """Return the hidden states after each step, `[steps, batch, width]`.

    `x[steps, batch, width]` is what inputs and biases contribute, `w[width, width]` what states are multiplied with,
    `h[batch, width]` the first state. With `reverse` the loop starts at the last step.

    >>> import numpy as np
    >>> rnn(np.ones((3, 1, 1)), np.ones((1, 1)), np.zeros((1, 1)), activation="relu").tolist()
    [[[1.0]], [[2.0]], [[3.0]]]
    """
    if activation not in ACTIVATIONS:
        raise ArgumentError(f"rnn: unknown nonlinearity {activation!r}; use 'tanh' or 'relu'")
    x, w, h = operands("rnn", x, w, h)
    return rnn_p(x, w, h, mask_of(live), activation=activation, reverse=bool(reverse))
