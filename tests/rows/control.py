"""Loops and branches, as functions of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.core.control import branching, closing, implicit, loops
from minitorch.core.custom import custom_jvp
from minitorch.core.ops import pointwise as P
from minitorch.core.ops.contractions import matmul
from minitorch.core.ops.linalg import solve

from . import Case, Row, integers, made, real


def recurrence(w: Any, h: Any, xs: Any, reverse: bool = False) -> Any:
    """A small recurrent network: its states, and the last one."""

    def step(h: Any, x: Any) -> Any:
        h = P.tanh(P.add(matmul(h, w), x))
        return h, P.mul(h, x)

    return loops.scan(step, h, xs, reverse=reverse)


def recurrence_in_numpy(w: Any, h: Any, xs: Any, reverse: bool = False) -> Any:
    ys = [None] * len(xs)
    for i in range(len(xs))[:: -1 if reverse else 1]:
        h = np.tanh(h @ w + xs[i])
        ys[i] = h * xs[i]
    return h, np.stack(ys)


def halved(x: Any) -> Any:
    """Halve, all together, until the sum of squares is small."""
    return loops.while_loop(lambda x: P.greater(P.mul(x, x).sum(), 0.1), lambda x: P.mul(x, 0.5), x)


def halved_in_numpy(x: Any) -> Any:
    while (x * x).sum() > 0.1:
        x = x * 0.5
    return x


def chosen(index: Any, x: Any, y: Any) -> Any:
    branches = [lambda x, y: P.mul(x, y), lambda x, y: P.sin(x), lambda x, y: P.exp(y)]
    return branching.switch(index, branches, x, y)


def chosen_in_numpy(index: Any, x: Any, y: Any) -> Any:
    return [x * y, np.sin(x), np.exp(y)][min(max(int(index), 0), 2)]


def solved(a: Any, b: Any) -> Any:
    return implicit.custom_linear_solve(lambda x: matmul(a, x), b, lambda _, b: solve(a, b), lambda _, b: solve(a.T, b))


def root(a: Any) -> Any:
    """The cube root, by Newton's method."""

    def newton(f: Any, x: Any) -> Any:
        return loops.fori_loop(0, 40, lambda _, x: P.sub(x, P.div(f(x), P.mul(3.0, P.mul(x, x)))), x)

    def residual(x: Any) -> Any:
        return P.sub(P.mul(x, P.mul(x, x)), a)

    return implicit.custom_root(
        residual, P.add(P.mul(a, 0.0), 1.0), newton, lambda g, y: P.div(y, g(P.add(P.mul(y, 0.0), 1.0)))
    )


WAVE = custom_jvp(lambda x: P.sin(x))
WAVE.defjvp(lambda primals, tangents: (WAVE(*primals), P.mul(P.cos(*primals), *tangents)))

dominant = made(lambda rng: rng.uniform(-1, 1, (3, 3)) + 3 * np.eye(3))
CELL = (real(3, 3), real(2, 3), real(4, 2, 3))

ROWS = [
    Row(
        "scan",
        recurrence,
        recurrence_in_numpy,
        (Case(CELL), Case(CELL, {"reverse": True})),
        forward_rtol=1e-10,
    ),
    Row("while", halved, halved_in_numpy, (Case((real(3),)), Case((real(),))), grad=False),
    Row(
        "switch",
        chosen,
        chosen_in_numpy,
        tuple(Case((integers(low=k, high=k + 1), real(3), real(3))) for k in (-1, 0, 1, 5)),
        nondiff=(0,),
    ),
    Row("custom_linear_solve", solved, np.linalg.solve, (Case((dominant, real(3))),), forward_rtol=1e-10),
    Row("custom_root", root, np.cbrt, (Case((real(3, low=0.5),)), Case((real(low=0.5),))), forward_rtol=1e-10),
    Row("unrecorded", closing.unrecorded_p, lambda x: x, (Case((real(2, 3),)),), grad=False),
    Row(
        "call",
        lambda x: loops.scan(lambda c, _: (WAVE(c), None), x, length=2, unroll=True)[0],
        lambda x: np.sin(np.sin(x)),
        (Case((real(3),)),),
    ),
]
