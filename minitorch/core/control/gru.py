"""The GRU layer: `n = tanh(x_n + r * m)`, `h = n + z * (h - n)`, over all steps.

Cho et al. (2014), arXiv:1406.1078, in the form of PyTorch: `m`, what the state adds to the new value, has a bias of its own
inside the product. Gates are stored in PyTorch's order: reset, update, new.
"""

from __future__ import annotations

from typing import Any

from ..aval import Aval
from ..errors import ShapeError
from ..ops.contractions import matmul
from ..ops.fusing import fused
from ..ops.joining import concatenate, split
from ..ops.pointwise import add, mul, sub, tanh, where
from ..ops.shaping import sum_p, swapaxes, zeros_of
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

# --------------------------------------------------------------------------- forward


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
    dx, dw, db, dh = gru_back_p(kept, hs, h, w, *g, live, reverse=reverse)
    return dx, dw, None if b is None else db, dh, None


gru_p = fused("gru", native(_composed), abstract=_abstract, vjp=_rule, decompose=_composed, fills=False)


# --------------------------------------------------------------------------- backward


def _back_abstract(kept: Aval, hs: Aval, h: Aval, w: Aval, *rest: Any, reverse: bool) -> tuple[Aval, ...]:
    sums = hs._replace(shape=(*hs.shape[:-1], w.shape[0]))
    return sums, w, w._replace(shape=w.shape[:1]), h


def _back_composed(
    kept: Value,
    hs: Value,
    h: Value,
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

    before = previous(hs, h, reverse)
    dh, (dx, da) = scan(step, zeros_of(aval_of(h)), (kept, before, gh, gkept, live), reverse=not reverse)
    return dx, weight_cotangent(da, before), sum_p(da, axes=(-3, -2), keepdims=False), dh


def _back_rule(
    g: Any,
    kept: Value,
    hs: Value,
    h: Value,
    w: Value,
    gh: Value | None,
    gkept: Value | None,
    live: Value | None,
    reverse: bool,
) -> Leaves:
    return pulled(lambda *args: _back_composed(*args, reverse=reverse), g, kept, hs, h, w, gh, gkept, live)


gru_back_p = fused(
    "gru_back", native(_back_composed), abstract=_back_abstract, vjp=_back_rule, decompose=_back_composed
)


# --------------------------------------------------------------------------- as layers call it


def gru(x: Value, w: Value, b: Value | None, h: Value, live: Value | None = None, reverse: bool = False) -> Value:
    """Return the hidden states after each step, `[steps, batch, width]`.

    `x[steps, batch, 3 * width]` is what inputs and their biases add to the gates, `w[3 * width, width]` what states are
    multiplied with, `b[3 * width]` what is added to that, `h[batch, width]` the first state. With `reverse` the loop starts
    at the last step.

    >>> import numpy as np
    >>> gru(np.zeros((3, 1, 6)), np.zeros((6, 2)), None, np.ones((1, 2)))[:, 0, 0].tolist()
    [0.5, 0.25, 0.125]
    """
    x, w, b, h = operands("gru", x, w, b, h)
    return gru_p(x, w, b, h, mask_of(live), reverse=bool(reverse))[0]
