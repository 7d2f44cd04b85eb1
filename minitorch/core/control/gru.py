"""The GRU layer: `n = tanh(x_n + r * m)`, `h = n + z * (h - n)`, over all steps.

Cho et al. (2014), arXiv:1406.1078, in the form of PyTorch: `m`, what the state adds to the new value, has a bias of its own
inside the product. Gates are stored in PyTorch's order: reset, update, new.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..aval import Aval
from ..errors import ShapeError
from ..ops.contractions import matmul
from ..ops.fusing import fused
from ..ops.joining import concatenate, split
from ..ops.pointwise import add, mul, sub, tanh, where
from ..ops.shaping import sum_p, swapaxes, zeros_of
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

# --------------------------------------------------------------------------- forward


def _gru(x: Any, w: Any, b: Any, h: Any, live: Any, *, reverse: bool) -> Any:
    steps, (batch, width), dtype = x.shape[0], h.shape, x.dtype
    hs, kept = np.empty((steps, batch, width), dtype), np.empty((steps, batch, 4 * width), dtype)
    product, w = np.empty((batch, 3 * width), dtype), np.ascontiguousarray(w.T)
    for t in order(steps, reverse):
        now, new = kept[t], hs[t]
        gates, n, m = now[:, : 2 * width], now[:, 2 * width : 3 * width], now[:, 3 * width :]
        np.dot(h, w, out=product)
        if b is not None:
            product += b
        np.add(x[t, :, : 2 * width], product[:, : 2 * width], gates)
        gates *= 0.5  # the logistic function is 0.5 * tanh(0.5 * x) + 0.5
        np.tanh(gates, gates)
        gates *= 0.5
        gates += 0.5
        np.copyto(m, product[:, 2 * width :])
        np.multiply(now[:, :width], m, n)
        n += x[t, :, 2 * width :]
        np.tanh(n, n)
        np.subtract(h, n, new)
        new *= now[:, width : 2 * width]
        new += n
        if live is not None:
            np.copyto(new, h, where=~live[t])
        h = new
    return hs, kept


def _abstract(x: Aval, w: Aval, b: Aval | None, h: Aval, live: Aval | None, *, reverse: bool) -> tuple[Aval, Aval]:
    checked("gru", x, w, live, 3, h)
    if b is not None and b.shape != w.shape[:1]:
        raise ShapeError(f"gru: the bias {b} must have shape {list(w.shape[:1])}, as many numbers as the weight rows")
    states = x._replace(shape=(x.shape[0], *h.shape), weak=False)
    return states, states._replace(shape=(*x.shape[:2], 4 * h.shape[-1]))


def _composed(
    x: Value, w: Value, b: Value | None, h: Value, live: Value | None, *, reverse: bool
) -> tuple[Value, Value]:
    width, across = h.shape[-1], swapaxes(w, -1, -2)

    def step(h: Any, now: Any) -> Any:
        x, live = now
        of_gates, of_n = split(x, [2 * width, width], -1)
        more, m = split(plus(matmul(h, across), b), [2 * width, width], -1)
        gates = add(mul(tanh(mul(add(of_gates, more), 0.5)), 0.5), 0.5)
        r, z = split(gates, 2, -1)
        n = tanh(add(of_n, mul(r, m)))
        new = chosen(live, add(n, mul(z, sub(h, n))), h)
        return new, (new, concatenate([gates, n, m], -1))

    return scan(step, h, (x, live), reverse=reverse)[1]  # type: ignore[no-any-return]


def _rule(g: Any, out: Any, w: Value, b: Value | None, h: Value, live: Value | None, reverse: bool) -> Leaves:
    hs, kept = out
    before = previous(hs, h, reverse)
    dx, da, dh = gru_back_p(kept, before, w, *g, live, reverse=reverse)
    return dx, weight_cotangent(da, before), None if b is None else sum_p(da, axes=(-3, -2), keepdims=False), dh, None


gru_p = fused("gru", _gru, abstract=_abstract, vjp=_rule, decompose=_composed, fills=False)


# --------------------------------------------------------------------------- backward


def _gru_back(kept: Any, before: Any, w: Any, gh: Any, gkept: Any, live: Any, *, reverse: bool) -> tuple[Any, ...]:
    """Return the cotangents of the inputs, of what the state adds to the gates, and of the first state."""
    (steps, batch, width), dtype = before.shape, before.dtype
    dx, da = (np.empty((steps, batch, 3 * width), dtype) for _ in "xa")
    dh, dn, part = np.zeros((batch, width), dtype), np.empty((batch, width), dtype), np.empty((batch, width), dtype)
    alive, dead = masks(live, dtype)
    for t in order(steps, not reverse):
        r, z, n, m = (kept[t, :, k * width : (k + 1) * width] for k in range(4))
        sums, out = dx[t], da[t]
        dr, dz = sums[:, :width], sums[:, width : 2 * width]
        if gh is not None:
            dh += gh[t]
        if alive is not None:
            held = dh * dead[t]
            dh *= alive[t]
        np.subtract(before[t], n, dz)
        dz *= dh
        np.multiply(dh, z, part)
        np.subtract(dh, part, dn)
        dh, part = part, dh
        if gkept is not None:
            of_r, of_z, of_n, of_m = (gkept[t, :, k * width : (k + 1) * width] for k in range(4))
            dn += of_n
            dz += of_z
        np.multiply(n, n, part)
        np.subtract(1, part, part)
        dn *= part
        np.multiply(dn, m, dr)
        if gkept is not None:
            dr += of_r
        gates = kept[t, :, : 2 * width]
        sums[:, : 2 * width] *= gates
        sums[:, : 2 * width] *= np.subtract(1, gates, out[:, : 2 * width])
        sums[:, 2 * width :] = dn
        out[:, : 2 * width] = sums[:, : 2 * width]
        np.multiply(dn, r, out[:, 2 * width :])
        if gkept is not None:
            out[:, 2 * width :] += of_m
        dh += np.dot(out, w, out=part)
        if alive is not None:
            dh += held
    return dx, da, dh


def _back_abstract(kept: Aval, before: Aval, *rest: Aval, reverse: bool) -> tuple[Aval, ...]:
    sums = before._replace(shape=(*before.shape[:-1], 3 * before.shape[-1]), weak=False)
    return sums, sums, before._replace(shape=before.shape[1:], weak=False)


def _back_composed(
    kept: Value,
    before: Value,
    w: Value,
    gh: Value | None,
    gkept: Value | None,
    live: Value | None,
    *,
    reverse: bool,
) -> tuple[Value, ...]:
    def step(dh: Any, now: Any) -> Any:
        kept, before, gh, gkept, live = now
        dh = plus(dh, gh)
        held, dh = dh, chosen(live, dh, 0.0)
        r, z, n, m = split(kept, 4, -1)
        of_r, of_z, of_n, of_m = (None,) * 4 if gkept is None else split(gkept, 4, -1)
        dn = mul(plus(mul(dh, sub(1.0, z)), of_n), sub(1.0, mul(n, n)))
        dz = mul(plus(mul(dh, sub(before, n)), of_z), mul(z, sub(1.0, z)))
        dr = mul(plus(mul(dn, m), of_r), mul(r, sub(1.0, r)))
        da = concatenate([dr, dz, plus(mul(dn, r), of_m)], -1)
        back = add(mul(dh, z), matmul(da, w))
        if live is not None:
            back = add(back, where(live, 0.0, held))
        return back, (concatenate([dr, dz, dn], -1), da)

    zero = zeros_of(_back_abstract(aval_of(kept), aval_of(before), reverse=reverse)[2])
    dh, (dx, da) = scan(step, zero, (kept, before, gh, gkept, live), reverse=not reverse)
    return dx, da, dh


def _back_rule(
    g: Any,
    kept: Value,
    before: Value,
    w: Value,
    gh: Value | None,
    gkept: Value | None,
    live: Value | None,
    reverse: bool,
) -> Leaves:
    return pulled(lambda *args: _back_composed(*args, reverse=reverse), g, kept, before, w, gh, gkept, live)


gru_back_p = fused("gru_back", _gru_back, abstract=_back_abstract, vjp=_back_rule, decompose=_back_composed)


# --------------------------------------------------------------------------- as layers call it


def gru(x: Value, w: Value, b: Value | None, h: Value, live: Value | None = None, reverse: bool = False) -> Value:
    """Return the hidden states after each step, `[steps, batch, width]`.

    `x[steps, batch, 3 * width]` is what inputs and their biases add to the gates, `w[3 * width, width]` what states are
    multiplied with, `b[3 * width]` what is added to that, `h[batch, width]` the first state. With `reverse` the loop starts
    at the last step.

    >>> gru(np.zeros((3, 1, 6)), np.zeros((6, 2)), None, np.ones((1, 2)))[:, 0, 0].tolist()
    [0.5, 0.25, 0.125]
    """
    x, w, b, h = operands("gru", x, w, b, h)
    return gru_p(x, w, b, h, mask_of(live), reverse=bool(reverse))[0]
