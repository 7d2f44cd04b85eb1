"""The plain recurrent layer: `h = f(x + w @ h)`, over all steps, for f tanh or relu. Elman (1990)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..aval import Aval
from ..errors import ArgumentError
from ..ops.contractions import matmul
from ..ops.fusing import fused
from ..ops.pointwise import add, greater, maximum, mul, square, sub, tanh, where
from ..ops.shaping import swapaxes, zeros_of
from ..primitive import Value, aval_of
from .loops import scan
from .recurrence import (
    Leaves,
    checked,
    chosen,
    mask_of,
    operands,
    order,
    plus,
    previous,
    pulled,
    weight_cotangent,
)

ACTIVATIONS = ("tanh", "relu")

# --------------------------------------------------------------------------- forward


def _rnn(x: Any, w: Any, h: Any, live: Any, *, activation: str, reverse: bool) -> Any:
    hs, w = np.empty(x.shape, x.dtype), np.ascontiguousarray(w.T)
    for t in order(x.shape[0], reverse):
        new = np.dot(h, w, out=hs[t])
        new += x[t]
        if activation == "tanh":
            np.tanh(new, new)
        else:
            np.maximum(new, 0, out=new)
        if live is not None:
            np.copyto(new, h, where=~live[t])
        h = new
    return hs


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


def _slope(out: Value, activation: str) -> Value:
    """Return the slope of the activation, by its result. At the kink of relu it is 0."""
    return sub(1.0, square(out)) if activation == "tanh" else where(greater(out, 0.0), 1.0, zeros_of(aval_of(out)))


def _rule(g: Value, out: Value, w: Value, h: Value, live: Value | None, activation: str, reverse: bool) -> Leaves:
    slope = chosen(live, _slope(out, activation), 0.0)
    da, dh = rnn_back_p(g, slope, w, live, reverse=reverse)
    return da, weight_cotangent(da, previous(out, h, reverse)), dh, None


rnn_p = fused("rnn", _rnn, abstract=_abstract, vjp=_rule, decompose=_composed)


# --------------------------------------------------------------------------- backward


def _rnn_back(dhs: Any, slope: Any, w: Any, live: Any, *, reverse: bool) -> tuple[Any, Any]:
    da, dh = np.empty(dhs.shape, dhs.dtype), np.zeros(dhs.shape[1:], dhs.dtype)
    for t in order(dhs.shape[0], not reverse):
        out = da[t]
        dh += dhs[t]
        held = None if live is None else np.where(live[t], 0, dh)
        np.multiply(dh, slope[t], out)
        np.dot(out, w, out=dh)
        if held is not None:
            dh += held
    return da, dh


def _back_abstract(g: Aval, slope: Aval, w: Aval, live: Aval | None, *, reverse: bool) -> tuple[Aval, Aval]:
    return g._replace(weak=False), g._replace(shape=g.shape[1:], weak=False)


def _back_composed(g: Value, slope: Value, w: Value, live: Value | None, *, reverse: bool) -> tuple[Value, Value]:
    def step(dh: Any, now: Any) -> Any:
        g, slope, live = now
        dh = add(dh, g)
        da = mul(dh, slope)
        return plus(matmul(da, w), None if live is None else where(live, 0.0, dh)), da

    zero = zeros_of(aval_of(g)._replace(shape=g.shape[1:]))
    dh, da = scan(step, zero, (g, slope, live), reverse=not reverse)
    return da, dh


def _back_rule(g: Any, dhs: Value, slope: Value, w: Value, live: Value | None, reverse: bool) -> Leaves:
    return pulled(lambda *args: _back_composed(*args, reverse=reverse), g, dhs, slope, w, live)


rnn_back_p = fused("rnn_back", _rnn_back, abstract=_back_abstract, vjp=_back_rule, decompose=_back_composed)


# --------------------------------------------------------------------------- as layers call it


def rnn(
    x: Value, w: Value, h: Value, live: Value | None = None, activation: str = "tanh", reverse: bool = False
) -> Value:
    """Return the hidden states after each step, `[steps, batch, width]`.

    `x[steps, batch, width]` is what inputs and biases contribute, `w[width, width]` what states are multiplied with,
    `h[batch, width]` the first state. With `reverse` the loop starts at the last step.

    >>> rnn(np.ones((3, 1, 1)), np.ones((1, 1)), np.zeros((1, 1)), activation="relu").tolist()
    [[[1.0]], [[2.0]], [[3.0]]]
    """
    if activation not in ACTIVATIONS:
        raise ArgumentError(f"rnn: unknown nonlinearity {activation!r}; use 'tanh' or 'relu'")
    x, w, h = operands("rnn", x, w, h)
    return rnn_p(x, w, h, mask_of(live), activation=activation, reverse=bool(reverse))
