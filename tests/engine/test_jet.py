"""jet: equal to jvp of jvp of jvp, to known expansions, and under the other transforms."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minitorch as mt
from minitorch import lax
from minitorch.core.array import Array
from minitorch.core.custom import custom_jvp, custom_vjp
from minitorch.core.jet import jet
from minitorch.core.ops import pointwise as P
from minitorch.core.primitive import NO_DERIVATIVE, PRIMITIVES, bind
from minitorch.core.transforms import grad, jvp, vmap
from minitorch.errors import ArgumentError, DTypeError, GradError, ShapeError
from minitorch.tensor.handle import Tensor

from ..test_table import build, each_row

R = np.random.default_rng(0)
ORDER = 5


def close(found, wanted, rtol=1e-8):
    np.testing.assert_allclose(
        np.asarray(found), np.asarray(wanted), rtol, 1e-9 * (1 + np.abs(np.asarray(wanted)).max(initial=0))
    )


def along(function, xs, series):
    """The derivatives of t -> f(x + s1 t + s2 t²/2 + ...) at 0, by nested jvp."""

    def curve(t):
        points = [
            x + sum(s * (t**k) * (1 / math.factorial(k)) for k, s in enumerate(terms, 1))
            for x, terms in zip(xs, series)
        ]
        return function(*points)

    derivatives, current = [], curve
    for _ in series[0]:
        current = (lambda g: lambda t: jvp(g, (t,), (Array(np.array(1.0)),))[1])(current)
        derivatives.append(current(Array(np.array(0.0))))
    return derivatives


def agree(function, *xs, order=ORDER, rtol=1e-8):
    """Compare with nested jvp along a random curve."""
    xs = [Array(x) for x in xs]
    series = [[Array(R.normal(size=x.shape)) for _ in range(order)] for x in xs]
    value, terms = jet(function, xs, series)
    close(value, function(*xs))
    for found, wanted in zip(terms, along(function, xs, series), strict=True):
        close(found, wanted, rtol)


UNARY = sorted(n for n, p in PRIMITIVES.items() if p.formula and p.jvp is not NO_DERIVATIVE and len(p.args) == 1)
BINARY = sorted(n for n, p in PRIMITIVES.items() if p.formula and p.jvp is not NO_DERIVATIVE and len(p.args) == 2)


@pytest.mark.parametrize("name", UNARY)
def test_pointwise_of_one(name):
    shift = 1.0 if name == "acosh" else 0.0
    agree(lambda x: bind(PRIMITIVES[name], x), R.uniform(0.2, 0.7, 3) + shift, order=4)


@pytest.mark.parametrize("name", BINARY)
def test_pointwise_of_two(name):
    op = lambda x, y: bind(PRIMITIVES[name], x, y)  # noqa: E731
    x, y = R.uniform(0.2, 0.4, 3), R.uniform(0.5, 0.7, 3)
    agree(op, x, y, order=4)
    agree(lambda x: op(x, Array(y)), x, order=4)
    agree(lambda y: op(Array(x), y), y, order=4)
    agree(lambda x: op(x, x), x, order=4)


@pytest.mark.parametrize(
    ("function", "derivatives"),
    [
        (P.exp, [1, 1, 1, 1, 1, 1]),
        (P.sin, [0, 1, 0, -1, 0, 1]),
        (P.cos, [1, 0, -1, 0, 1, 0]),
        (P.tanh, [0, 1, 0, -2, 0, 16]),
        (P.tan, [0, 1, 0, 2, 0, 16]),
        (P.log1p, [0, 1, -1, 2, -6, 24]),
        (P.atan, [0, 1, 0, -2, 0, 24]),
        (P.asin, [0, 1, 0, 1, 0, 9]),
        (lambda x: 1.0 / (1.0 - x), [1, 1, 2, 6, 24, 120]),
        (lambda x: P.sqrt(1.0 + x), [1, 1 / 2, -1 / 4, 3 / 8, -15 / 16, 105 / 32]),
        (lambda x: x**3, [0, 0, 0, 6, 0, 0]),
        (mt.erf, [0, *(2 / math.sqrt(math.pi) * np.array([1, 0, -2, 0, 12]))]),
    ],
)
def test_known_expansions(function, derivatives):
    value, terms = jet(function, (Array(np.array(0.0)),), ([1.0, 0.0, 0.0, 0.0, 0.0],))
    np.testing.assert_allclose([value.item(), *(t.item() for t in terms)], derivatives, 1e-12, 1e-12)


FUNCTIONS = {
    "matmul": (lambda x, y: P.tanh(mt.matmul(x, y)), (2, 3), (3, 2)),
    "einsum": (lambda x, y: mt.einsum("ij,kj->ik", x, y).sum(0), (2, 3), (4, 3)),
    "linear with a moving bias": (lambda x, w, b: P.sin(mt.nn.functional.linear(x, w, b)), (2, 3), (4, 3), (4,)),
    "convolution": (lambda x, w, b: mt.nn.functional.conv1d(x, w, b), (1, 2, 5), (3, 2, 2), (3,)),
    "softmax": (lambda x: mt.softmax(x, -1) * mt.log_softmax(x, -1), (2, 3)),
    "reductions": (lambda x: mt.logsumexp(x, -1) * x.mean() + mt.var(x, -1) * mt.prod(x, -1), (2, 3)),
    "norm": (lambda x: mt.linalg.norm(x) + mt.cumprod(x, 0).sum(), (4,)),
    "gather": (lambda x: x[Array([0, 2, 2])] * x[1:4], (4,)),
    "joined": (lambda x, y: mt.cat([x * y, P.sin(x)]), (3,), (3,)),
    "written": (lambda x: Array(np.ones(4)).at[1:].set(x * x).at[Array([0, 0, 3])].add(x), (3,)),
    "choice": (lambda x: P.where(x > 0, x * x, P.sin(x)) + mt.relu(x) + P.maximum(x, 0.1), (5,)),
    "inverse": (lambda x: mt.linalg.inv(x @ x.T + Array(np.eye(3))), (3, 3)),
    "solve": (lambda x, y: mt.linalg.solve(x @ x.T + Array(np.eye(3)), y), (3, 3), (3, 2)),
    "cholesky": (lambda x: mt.linalg.cholesky(x @ x.T + Array(np.eye(3))), (3, 3)),
    "determinant": (lambda x: mt.linalg.det(x), (3, 3)),
    "cross entropy": (lambda x: mt.nn.functional.cross_entropy(x, mt.tensor([1, 0])), (2, 3)),
    "attention": (lambda q, k: mt.nn.functional.scaled_dot_product_attention(q, k, q), (1, 3, 2), (1, 3, 2)),
    "layer norm": (lambda x: mt.nn.functional.layer_norm(x, (4,)), (2, 4)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_everything_with_a_tangent_rule(name):
    function, *shapes = FUNCTIONS[name]
    agree(function, *(R.normal(size=s) for s in shapes), order=4, rtol=1e-6)


def moving(row):
    """The arguments of a row's first case, and which of them may move."""
    given = build(row, row.cases[0]) if row.grad and row.cases else []
    floats = [i for i, x in enumerate(given) if isinstance(x, np.ndarray) and x.dtype == np.float64]
    return given, [i for i in floats if i not in row.nondiff]


@each_row(lambda row: moving(row)[1])
def test_operations_of_the_table(row):
    given, moved = moving(row)

    def function(*xs):
        args = [Array(x) if isinstance(x, np.ndarray) else x for x in given]
        for i, x in zip(moved, xs, strict=True):
            args[i] = x
        outs = mt.tree.leaves(row.function(*args, **row.cases[0].params))
        return mt.cat([out.reshape((-1,)) for out in outs if out.dtype in (mt.float64, mt.complex128)])

    xs = [Array(given[i]) for i in moved]
    series = [[Array(R.normal(size=x.shape) * 0.3) for _ in range(4)] for x in xs]
    terms = jet(function, xs, series)[1]
    for found, wanted in zip(terms, along(function, xs, series), strict=True):
        close(found, wanted, 1e-6)


def test_under_other_transforms():
    x = Array(np.array([0.3, 0.5]))
    f = lambda x: P.sin(x * x) * P.exp(x)  # noqa: E731
    third = lambda x: jet(f, (x,), ([1.0, 0.0, 0.0],))[1][2]  # noqa: E731
    fourth = lambda x: jet(f, (x,), ([1.0, 0.0, 0.0, 0.0],))[1][3]  # noqa: E731
    close(vmap(third)(x), [third(v).item() for v in (x[0], x[1])])
    close(vmap(grad(third))(x), vmap(fourth)(x))
    close(jvp(third, (x[0],), (Array(np.array(1.0)),))[1], fourth(x[0]))
    close(jet(grad(f), (x[0],), ([1.0, 0.0, 0.0],))[1][2], fourth(x[0]))
    close(jet(lambda x: jvp(f, (x,), (Array(np.array(1.0)),))[1], (x[0],), ([1.0, 0.0, 0.0],))[1][2], fourth(x[0]))
    close(jet(lambda x: jet(f, (x,), ([1.0, 0.0],))[1][1], (x[0],), ([1.0, 0.0],))[1][1], fourth(x[0]))
    close(mt.jit(third)(x[0]), third(x[0]))
    close(jet(mt.jit(f), (x[0],), ([1.0, 0.0, 0.0],))[1][2], third(x[0]))
    close(jet(mt.checkpoint(f), (x[0],), ([1.0, 0.0, 0.0],))[1][2], third(x[0]))
    series = ([Array(np.ones(2)), *[Array(np.zeros(2))] * 2],)
    close(jet(vmap(f), (x,), series)[1][2], vmap(third)(x))
    assert jet(P.sin, (1.0,), ([],))[1] == []


def test_custom_rules():
    wave = custom_jvp(lambda x: P.sin(x))
    wave.defjvp(lambda p, t: (wave(*p), 2.0 * P.cos(p[0]) * t[0]))
    x = Array(np.array(0.4))
    series = [[Array(np.array(s)) for s in (1.0, 0.3, 0.2)]]
    value, terms = jet(lambda x: wave(x) * x, (x,), series)
    for found, wanted in zip(terms, along(lambda x: wave(x) * x, [x], series), strict=True):
        close(found, wanted)


def test_reverse_rules_are_transposed():
    @custom_vjp
    def f(x, y):
        return {"a": P.sin(x) * y.sum(), "n": mt.argmax(y), "z": x @ y}

    f.defvjp(
        lambda x, y: (f(x, y), (x, y)),
        lambda r, g: (3.0 * P.cos(r[0]) * r[1].sum() * g["a"] + r[1] * g["z"], (P.sin(r[0]) * g["a"]).sum() + r[0] * g["z"]),
    )  # fmt: skip
    twin = custom_jvp(f.function)
    twin.defjvp(
        lambda p, t: (
            twin(*p),
            {
                "a": 3.0 * P.cos(p[0]) * p[1].sum() * t[0] + P.sin(p[0]) * t[1].sum(),
                "n": None,
                "z": t[0] @ p[1] + p[0] @ t[1],
            },
        )
    )
    xs = [Array(R.normal(size=3)) for _ in range(2)]
    series = [[Array(R.normal(size=3)) for _ in range(3)] for _ in range(2)]
    for g, w in ((f, twin), (lambda x, y: f(x * x, x) | {"n": 0}, lambda x, y: twin(x * x, x) | {"n": 0})):
        found, wanted = jet(g, xs, series)[1], jet(w, xs, series)[1]
        for key in ("a", "z"):
            for one, other in zip(found[key], wanted[key], strict=True):
                close(one, other)
    constant = custom_vjp(lambda x: x * 1.0)
    constant.defvjp(lambda x: (x, None), lambda _, g: (None,))
    assert [t.item() for t in jet(constant, (2.0,), ([1.0, 1.0],))[1]] == [0.0, 0.0]
    clipped = custom_vjp(lambda x: x)
    clipped.defvjp(lambda x: (x, None), lambda _, g: (P.minimum(g, 1.0),))
    with pytest.raises(GradError, match=r"jet: the bwd of .*: minimum\(.*is not linear"):
        jet(clipped, (2.0,), ([1.0],))


XS = Array(R.normal(size=4))


def _step(x):
    return lambda c, a: (P.sin(c * x) + a, c * a)


LOOPS = {
    "carry": lambda x: lax.scan(_step(x), x * 0.5, XS)[0],
    "a carry that starts known": lambda x: lax.scan(_step(x), 0.5, XS)[1],
    "reverse": lambda x: lax.scan(
        lambda c, a: ((P.sin(c[0]) * a, c[1] + 1), c[0] * x * c[1]), (1.0, 0), mt.stack([x, x * x, XS[0]]), reverse=True
    )[1],
    "counting": lambda x: lax.fori_loop(0, 3, lambda i, s: P.sin(s) * x + i, x),
    "waiting": lambda x: lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, P.sin(s[1] * x) + x), (0, x))[1],
    "cond": lambda x: lax.cond(x > 0, lambda y: P.sin(y * x), lambda y: y * y, x * 2),
    "the other branch": lambda x: lax.cond(x < 0, lambda y: P.sin(y * x), lambda y: y * y, x * 2),
    "switch": lambda x: lax.switch(1, [lambda y: y, lambda y: P.exp(y * x), lambda y: x], x * 2),
    "nested": lambda x: lax.scan(
        lambda c, a: (
            lax.fori_loop(0, 2, lambda i, s: P.sin(s * a) + x, c),
            lax.cond(a > 0, lambda s: s * x, lambda s: P.exp(s), c),
        ),
        x * 0.5,
        XS,
    )[1],
    "custom_jvp inside": lambda x: lax.scan(lambda c, a: (_wave(c * x) + a, None), x, XS)[0],
    "custom_root": lambda x: lax.custom_root(
        lambda y: y * y * y - x,
        Array(np.array(1.0)),
        lambda f, y: lax.fori_loop(0, 30, lambda _, y: y - f(y) / (3 * y * y), y),
        lambda g, y: y / g(y * 0 + 1.0),
    ),
    "custom_linear_solve": lambda x: lax.custom_linear_solve(
        lambda y: P.sin(x) * y, x * x, lambda f, b: b / f(b * 0 + 1.0), symmetric=True
    ),
}

_wave = custom_jvp(lambda x: P.sin(x))
_wave.defjvp(lambda p, t: (_wave(*p), 2.0 * P.cos(p[0]) * t[0]))


@pytest.mark.parametrize("name", LOOPS)
def test_loops_and_branches(name):
    f, x = LOOPS[name], np.array(0.4)
    agree(f, x, order=4, rtol=1e-7)
    ones = ([1.0, 0.5, 0.0],)
    third = lambda x: jet(f, (x,), ones)[1][2]  # noqa: E731
    close(mt.jit(third)(Array(x)), third(Array(x)))
    several = Array(np.array([0.4, 0.7]))
    close(vmap(third)(several), np.stack([np.asarray(third(one)) for one in several]), 1e-7)


def test_trees_constants_and_tensors():
    x = Array(np.array(0.5))
    value, terms = jet(lambda x: {"a": x * x, "b": (Array(np.ones(2)), 3.0)}, (x,), ([1.0, 0.0],))
    assert [t.item() for t in terms["a"]] == [1.0, 2.0]
    close(terms["b"][0][1], [0, 0])
    assert terms["b"][1][0].item() == 0
    value, terms = jet(lambda x: (x * x).sum(), (Tensor([1.0, 2.0]),), ([Tensor([1.0, 1.0]), Tensor([0.0, 0.0])],))
    assert isinstance(value, Tensor) and isinstance(terms[0], Tensor)
    assert [t.item() for t in terms] == [6.0, 4.0]


def test_refusals():
    with pytest.raises(ArgumentError, match=r"lengths \[1, 2\]; pad them with zeros"):
        jet(lambda x, y: x * y, (1.0, 2.0), ([1.0], [1.0, 0.0]))
    with pytest.raises(ArgumentError, match="2 primals and 1 series"):
        jet(lambda x, y: x * y, (1.0, 2.0), ([1.0],))
    with pytest.raises(ShapeError, match="argument 0 is the tree"):
        jet(lambda p: p["a"], ({"a": 1.0, "b": 2.0},), ([1.0],))
    with pytest.raises(ShapeError, match="jet: a term of a series has shape"):
        jet(P.sin, (Array([1.0, 2.0]),), ([1.0],))
    with pytest.raises(DTypeError, match="jet: argument x is int64"):
        jet(lambda x: x, (Array([1, 2]),), ([1.0],))
