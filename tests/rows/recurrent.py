"""Rows of the recurrent layers: their loops forward and backward."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.core.control import gru, lstm, projection, rnn

from . import Case, Row, made, real

STEPS, BATCH, WIDTH = 3, 2, 2


def _logistic(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _steps(x: Any, reverse: bool) -> Any:
    return range(len(x))[:: -1 if reverse else 1]


def _alive(live: Any, t: int) -> Any:
    return True if live is None else live[t]


def _lstm(x: Any, w: Any, h: Any, c: Any, live: Any = None, reverse: bool = False) -> Any:
    hs, cs = [None] * len(x), [None] * len(x)
    for t in _steps(x, reverse):
        i, f, g, o = np.split(x[t] + h @ w.T, 4, -1)
        new = _logistic(f) * c + _logistic(i) * np.tanh(g)
        h, c = np.where(_alive(live, t), _logistic(o) * np.tanh(new), h), np.where(_alive(live, t), new, c)
        hs[t], cs[t] = h, c
    return np.stack(hs), np.stack(cs)


def _gru(x: Any, w: Any, b: Any, h: Any, live: Any = None, reverse: bool = False) -> Any:
    hs = [None] * len(x)
    for t in _steps(x, reverse):
        given, made = np.split(x[t], 3, -1), np.split(h @ w.T + (0 if b is None else b), 3, -1)
        r, z = (_logistic(a + b) for a, b in zip(given[:2], made[:2]))
        n = np.tanh(given[2] + r * made[2])
        hs[t] = h = np.where(_alive(live, t), (1 - z) * n + z * h, h)
    return np.stack(hs)


def _rnn(x: Any, w: Any, h: Any, live: Any = None, activation: str = "tanh", reverse: bool = False) -> Any:
    hs = [None] * len(x)
    for t in _steps(x, reverse):
        new = x[t] + h @ w.T
        hs[t] = h = np.where(_alive(live, t), np.tanh(new) if activation == "tanh" else np.maximum(new, 0), h)
    return np.stack(hs)


def inputs(gates: int) -> Any:
    return real(STEPS, BATCH, gates * WIDTH)


def weight(gates: int) -> Any:
    return real(gates * WIDTH, WIDTH)


STATE = real(BATCH, WIDTH)
# The second example ends after the first step.
LIVE = made(lambda rng: np.array([[True, True], [True, False], [True, False]])[..., None])


def cases(*args: Any, **params: Any) -> tuple[Case, ...]:
    """Forwards and backwards, with all steps and with some."""
    return tuple(
        Case((*args, *live), {**params, **({"reverse": True} if reverse else {})})
        for live in ((), (LIVE,))
        for reverse in (False, True)
    )


def _everything(x: Any, w: Any, h: Any, c: Any, live: Any = None, reverse: bool = False) -> Any:
    return lstm.lstm_p(x, w, h, c, live, reverse=reverse)


def _lstm_kept(x: Any, w: Any, h: Any, c: Any, live: Any = None, reverse: bool = False) -> Any:
    hs, cs = _lstm(x, w, h, c, live, reverse)
    before = np.concatenate([hs[1:], h[None]]) if reverse else np.concatenate([h[None], hs[:-1]])
    i, f, g, o = np.split(x + before @ w.T, 4, -1)
    return hs, cs, np.concatenate([_logistic(i), _logistic(f), np.tanh(g), _logistic(o)], -1)


def _gru_everything(x: Any, w: Any, b: Any, h: Any, live: Any = None, reverse: bool = False) -> Any:
    return gru.gru_p(x, w, b, h, live, reverse=reverse)


def _gru_kept(x: Any, w: Any, b: Any, h: Any, live: Any = None, reverse: bool = False) -> Any:
    hs = _gru(x, w, b, h, live, reverse)
    before = np.concatenate([hs[1:], h[None]]) if reverse else np.concatenate([h[None], hs[:-1]])
    (xr, xz, xn), (r, z, m) = np.split(x, 3, -1), np.split(before @ w.T + b, 3, -1)
    r, z = _logistic(xr + r), _logistic(xz + z)
    return hs, np.concatenate([r, z, np.tanh(xn + r * m), m], -1)


ROWS = [
    Row(
        "input_sums",
        projection.input_sums,
        lambda x, w, b=None: x @ w.T + (0 if b is None else b),
        (Case((real(3, 2, 4), real(5, 4), real(5))), Case((real(1, 3, 2), real(4, 2)))),
    ),
    Row(
        "lstm",
        lstm.lstm,
        _lstm,
        cases(inputs(4), weight(4), STATE, STATE),
        primitives=("lstm", "lstm_back"),
        forward_rtol=1e-10,
    ),
    # Gates are results too, for second derivatives flow through them.
    Row(
        "lstm(gates)",
        _everything,
        _lstm_kept,
        cases(inputs(4), weight(4), STATE, STATE),
        primitives=("lstm", "lstm_back"),
        forward_rtol=1e-10,
    ),
    Row(
        "gru",
        gru.gru,
        _gru,
        (*cases(inputs(3), weight(3), real(3 * WIDTH), STATE), *cases(inputs(3), weight(3), None, STATE)[:1]),
        primitives=("gru", "gru_back"),
        forward_rtol=1e-10,
    ),
    Row(
        "gru(gates)",
        _gru_everything,
        _gru_kept,
        cases(inputs(3), weight(3), real(3 * WIDTH), STATE),
        primitives=("gru", "gru_back"),
        forward_rtol=1e-10,
    ),
    Row(
        "rnn",
        rnn.rnn,
        _rnn,
        (
            *cases(inputs(1), weight(1), STATE),
            *cases(inputs(1), weight(1), STATE, activation="relu"),
        ),
        primitives=("rnn", "rnn_back"),
        forward_rtol=1e-10,
    ),
]
