"""The LSTM layer: `c = f * c + i * g`, `h = o * tanh(c)`, over all steps.

Hochreiter and Schmidhuber (1997); gates are stored in PyTorch's order: input, forget, cell, output.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..array import Array, wrap
from ..aval import Aval
from ..ops.contractions import matmul
from ..ops.fusing import fused
from ..ops.joining import concatenate, split
from ..ops.pointwise import add, mul, sub, tanh, where
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


@lru_cache(maxsize=16)
def _curve(width: int, dtype: Any) -> tuple[Array, Array]:
    """Return the vectors s and b with which `s * tanh(s * x) + b` is the logistic function or, for the cell, tanh."""
    scale, offset = np.full(4 * width, 0.5, dtype), np.full(4 * width, 0.5, dtype)
    scale[2 * width : 3 * width], offset[2 * width : 3 * width] = 1, 0
    return wrap(scale), wrap(offset)


# --------------------------------------------------------------------------- forward


def _abstract(x: Aval, w: Aval, h: Aval, c: Aval, live: Aval | None, *, reverse: bool) -> tuple[Aval, ...]:
    checked("lstm", x, w, live, 4, h, c)
    states = x._replace(shape=(x.shape[0], *h.shape), weak=False)
    return states, states, x._replace(weak=False)


def _composed(x: Value, w: Value, h: Value, c: Value, live: Value | None, *, reverse: bool) -> tuple[Value, ...]:
    scale, offset = _curve(c.shape[-1], x.dtype)
    across = swapaxes(w, -1, -2)

    def step(carry: Any, now: Any) -> Any:
        (h, c), (x, live) = carry, now
        gates = add(mul(tanh(mul(add(x, matmul(h, across)), scale)), scale), offset)
        i, f, g, o = split(gates, 4, -1)
        made = add(mul(f, c), mul(i, g))
        new = chosen(live, mul(o, tanh(made)), h), chosen(live, made, c)
        return new, (*new, gates)

    return scan(step, (h, c), (x, live), reverse=reverse)[1]  # type: ignore[no-any-return]


def _rule(g: Any, out: Any, w: Value, h: Value, c: Value, live: Value | None, reverse: bool) -> Leaves:
    hs, cs, gates = out
    return *lstm_back_p(gates, hs, cs, h, c, w, *g, live, reverse=reverse), None


lstm_p = fused("lstm", native(_composed), abstract=_abstract, vjp=_rule, decompose=_composed, fills=False)


# --------------------------------------------------------------------------- backward


def _back_abstract(gates: Aval, hs: Aval, cs: Aval, h: Aval, c: Aval, w: Aval, *rest: Any, reverse: bool) -> Any:
    return gates, w, h, c


def _back_composed(
    gates: Value,
    hs: Value,
    cs: Value,
    h: Value,
    c: Value,
    w: Value,
    gh: Value | None,
    gc: Value | None,
    ggates: Value | None,
    live: Value | None,
    *,
    reverse: bool,
) -> tuple[Value, ...]:
    def step(carry: Any, now: Any) -> Any:
        (dh, dc), (gate, c, before, gh, gc, bent, live) = carry, now
        dh, dc = plus(dh, gh), plus(dc, gc)
        held = dh, dc
        dh, dc = chosen(live, dh, 0.0), chosen(live, dc, 0.0)
        i, f, g, o = split(gate, 4, -1)
        s = tanh(c)
        dc = add(dc, mul(mul(dh, o), sub(1.0, mul(s, s))))
        di, df = mul(mul(dc, g), mul(i, sub(1.0, i))), mul(mul(dc, before), mul(f, sub(1.0, f)))
        dg, do = mul(mul(dc, i), sub(1.0, mul(g, g))), mul(mul(dh, s), mul(o, sub(1.0, o)))
        da = plus(concatenate([di, df, dg, do], -1), bent)
        back = matmul(da, w), mul(dc, f)
        if live is not None:
            back = add(back[0], where(live, 0.0, held[0])), where(live, back[1], held[1])
        return back, da

    steps = gates, cs, previous(cs, c, reverse), gh, gc, _bent(gates, ggates), live
    zero = zeros_of(aval_of(c))
    (dh, dc), da = scan(step, (zero, zero), steps, reverse=not reverse)
    return da, weight_cotangent(da, previous(hs, h, reverse)), dh, dc


def _bent(gates: Value, ggates: Value | None) -> Value | None:
    """Return what cotangents of the gates themselves add to those of their sums."""
    if ggates is None:
        return None
    i, f, g, o = split(gates, 4, -1)
    slopes = [mul(x, sub(1.0, x)) for x in (i, f)] + [sub(1.0, mul(g, g)), mul(o, sub(1.0, o))]
    return mul(ggates, concatenate(slopes, -1))


def _back_rule(
    g: Any,
    gates: Value,
    hs: Value,
    cs: Value,
    h: Value,
    c: Value,
    w: Value,
    gh: Value | None,
    gc: Value | None,
    ggates: Value | None,
    live: Value | None,
    reverse: bool,
) -> Leaves:
    args = (gates, hs, cs, h, c, w, gh, gc, ggates, live)
    return pulled(lambda *xs: _back_composed(*xs, reverse=reverse), g, *args)


lstm_back_p = fused(
    "lstm_back", native(_back_composed), abstract=_back_abstract, vjp=_back_rule, decompose=_back_composed
)


# --------------------------------------------------------------------------- as layers call it


def lstm(
    x: Value, w: Value, h: Value, c: Value, live: Value | None = None, reverse: bool = False
) -> tuple[Value, Value]:
    """Return the hidden states and the cells after each step, both `[steps, batch, width]`.

    `x[steps, batch, 4 * width]` is what inputs and biases add to the gates, `w[4 * width, width]` what states are
    multiplied with, `h` and `c` `[batch, width]` the first states. With `reverse` the loop starts at the last step.

    >>> hs, cs = lstm(np.zeros((3, 1, 8)), np.zeros((8, 2)), np.zeros((1, 2)), np.ones((1, 2)))
    >>> cs[:, 0, 0].tolist()
    [0.5, 0.25, 0.125]
    """
    x, w, h, c = operands("lstm", x, w, h, c)
    hs, cs, _ = lstm_p(x, w, h, c, mask_of(live), reverse=bool(reverse))
    return hs, cs
