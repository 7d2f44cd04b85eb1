"""The LSTM layer: `c = f * c + i * g`, `h = o * tanh(c)`, over all steps.

Hochreiter and Schmidhuber (1997); gates are stored in PyTorch's order: input, forget, cell, output.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..array import wrap
from ..aval import Aval
from ..ops.contractions import matmul
from ..ops.fusing import fused
from ..ops.joining import concatenate, split
from ..ops.pointwise import add, mul, sub, tanh, where
from ..ops.shaping import swapaxes, zeros_of
from ..primitive import Value, aval_of
from .loops import scan
from .recurrence import (
    Leaves,
    checked,
    chosen,
    mask_of,
    masks,
    operands,
    order,
    plus,
    previous,
    pulled,
    weight_cotangent,
)


@lru_cache(maxsize=16)
def _curve(width: int, dtype: Any) -> tuple[Any, Any]:
    """Return the vectors s and b with which `s * tanh(s * x) + b` is the logistic function or, for the cell, tanh."""
    scale, offset = np.full(4 * width, 0.5, dtype), np.full(4 * width, 0.5, dtype)
    scale[2 * width : 3 * width], offset[2 * width : 3 * width] = 1, 0
    for x in (scale, offset):
        x.flags.writeable = False
    return scale, offset


def _parts(x: Any) -> tuple[Any, ...]:
    """Return views of the four gates."""
    n = x.shape[-1] // 4
    return tuple(x[..., k * n : (k + 1) * n] for k in range(4))


# --------------------------------------------------------------------------- forward


def _lstm(x: Any, w: Any, h: Any, c: Any, live: Any, *, reverse: bool) -> Any:
    scale, offset = _curve(c.shape[-1], x.dtype)
    gates = np.multiply(x, scale, order="C")
    w = np.multiply(w.T, scale, order="C")
    hs, cs = (np.empty((x.shape[0], *h.shape), x.dtype) for _ in "hc")
    product, part = np.empty(x.shape[1:], x.dtype), np.empty(h.shape, x.dtype)
    for t in order(x.shape[0], reverse):
        gate, new_h, new_c = gates[t], hs[t], cs[t]
        gate += np.dot(h, w, out=product)
        np.tanh(gate, gate)
        gate *= scale
        gate += offset
        i, f, g, o = _parts(gate)
        np.multiply(f, c, new_c)
        new_c += np.multiply(i, g, part)
        np.tanh(new_c, new_h)
        new_h *= o
        if live is not None:
            dead = ~live[t]
            np.copyto(new_h, h, where=dead)
            np.copyto(new_c, c, where=dead)
        h, c = new_h, new_c
    return hs, cs, gates


def _abstract(x: Aval, w: Aval, h: Aval, c: Aval, live: Aval | None, *, reverse: bool) -> tuple[Aval, ...]:
    checked("lstm", x, w, live, 4, h, c)
    states = x._replace(shape=(x.shape[0], *h.shape), weak=False)
    return states, states, x._replace(weak=False)


def _composed(x: Value, w: Value, h: Value, c: Value, live: Value | None, *, reverse: bool) -> tuple[Value, ...]:
    scale, offset = map(wrap, _curve(c.shape[-1], x.dtype))
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
    da, dh, dc = lstm_back_p(gates, cs, c, w, *g, live, reverse=reverse)
    return da, weight_cotangent(da, previous(hs, h, reverse)), dh, dc, None


lstm_p = fused("lstm", _lstm, abstract=_abstract, vjp=_rule, decompose=_composed, fills=False)


# --------------------------------------------------------------------------- backward


def _lstm_back(
    gates: Any, cs: Any, c: Any, w: Any, gh: Any, gc: Any, ggates: Any, live: Any, *, reverse: bool
) -> tuple[Any, ...]:
    steps, (batch, width), dtype = gates.shape[0], c.shape, gates.dtype
    da = np.empty(gates.shape, dtype)
    dh, dc = np.zeros(c.shape, dtype), np.zeros(c.shape, dtype)
    curve, part = np.empty(c.shape, dtype), np.empty(c.shape, dtype)
    alive, dead = masks(live, dtype)
    for t in order(steps, not reverse):
        before = t + 1 if reverse else t - 1
        gate, out = gates[t], da[t]
        i, f, g, o = _parts(gate)
        di, df, dg, do = _parts(out)
        if gh is not None:
            dh += gh[t]
        if gc is not None:
            dc += gc[t]
        if alive is not None:
            held = dh * dead[t], dc * dead[t]
            dh *= alive[t]
            dc *= alive[t]
        np.subtract(1, gate, out)
        out *= gate  # the slopes of i, f and o in their sums
        np.multiply(g, g, part)
        np.subtract(1, part, dg)
        bent = None if ggates is None else out * ggates[t]
        np.tanh(cs[t], curve)
        do *= curve
        do *= dh
        curve *= curve
        np.subtract(1, curve, curve)
        curve *= o
        curve *= dh
        dc += curve
        di *= g
        dg *= i
        df *= cs[before] if 0 <= before < steps else c
        out.reshape(batch, 4, width)[:, :3] *= dc[:, None]
        if bent is not None:
            out += bent
        dc *= f
        np.dot(out, w, out=dh)
        if alive is not None:
            dh += held[0]
            dc += held[1]
    return da, dh, dc


def _back_abstract(gates: Aval, cs: Aval, c: Aval, *rest: Aval, reverse: bool) -> tuple[Aval, ...]:
    return gates, c, c


def _back_composed(
    gates: Value,
    cs: Value,
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
    return da, dh, dc


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
    cs: Value,
    c: Value,
    w: Value,
    gh: Value | None,
    gc: Value | None,
    ggates: Value | None,
    live: Value | None,
    reverse: bool,
) -> Leaves:
    def function(*args: Any) -> Any:
        return _back_composed(*args, reverse=reverse)

    return pulled(function, g, gates, cs, c, w, gh, gc, ggates, live)


lstm_back_p = fused("lstm_back", _lstm_back, abstract=_back_abstract, vjp=_back_rule, decompose=_back_composed)


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
