"""linearize and linear_transpose; values and derivatives of all kinds of arguments."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch as mt
from minitorch import lax
from minitorch.core.array import Array
from minitorch.core.checkpoint import checkpoint
from minitorch.core.custom import custom_jvp
from minitorch.core.linear import linear_transpose, linearize
from minitorch.core.ops.contractions import matmul
from minitorch.core.ops.pointwise import cos, exp, sin, tanh, where
from minitorch.core.transforms import grad, jvp, vjp, vmap
from minitorch.errors import DTypeError, GradError, ShapeError
from minitorch.tensor.handle import Tensor
from minitorch.test_util import check_grads

X = np.array([0.3, -0.7, 1.1])
T = np.array([1.0, 2.0, -0.5])
M = np.arange(6.0).reshape(2, 3) / 5


def same(found, wanted):
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), 1e-9, 1e-12)


def f(x):
    return sin(x * exp(x)).sum() * x


def test_linearize_is_jvp():
    out, push = linearize(f, Array(X))
    value, tangent = jvp(f, (Array(X),), (Array(T),))
    same(out, value)
    same(push(Array(T)), tangent)
    same(push(Array(2 * T)), 2 * tangent.numpy())


def test_the_function_runs_once():
    runs = []

    def counted(x):
        runs.append(1)
        return tanh(x)

    _, push = linearize(counted, Array(X))
    for _ in range(5):
        push(Array(T))
    assert len(runs) == 1


def test_nothing_of_the_function_is_computed_again(monkeypatch):
    _, push = linearize(lambda x: exp(sin(x)), Array(X))
    calls = []
    from minitorch.core import linear

    monkeypatch.setattr(linear, "bind", lambda p, *a, **k: calls.append(p.name) or p(*a, **k))
    push(Array(T))
    assert set(calls) == {"mul"}


def test_trees_aux_and_constants():
    def g(p, x):
        return {"y": p["w"] * x, "c": Array(X)}, ("aux", p["w"] + 1.0)

    out, push, aux = linearize(g, {"w": Array(X)}, Array(T), has_aux=True)
    same(out["y"], X * T)
    same(aux[1], X + 1)
    found = push({"w": Array(T)}, Array(X))
    same(found["y"], T * T + X * X)
    same(found["c"], 0 * X)
    with pytest.raises(ShapeError, match="linearize: the structure of a tangent"):
        push(Array(T))
    with pytest.raises(ShapeError, match="linearize: a tangent has shape"):
        push({"w": Array(T)}, 1.0)
    with pytest.raises(DTypeError, match=r"linearize: argument p\['w'\] is int64"):
        linearize(g, {"w": Array([1, 2])}, Array(T))


def test_under_other_transforms():
    same(vmap(linearize(sin, Array(X))[1])(Array(np.stack([T, X]))), np.stack([T, X]) * np.cos(X))
    same(vmap(lambda x: linearize(f, x)[1](x))(Array(np.stack([T, X])))[0], jvp(f, (Array(T),), (Array(T),))[1])
    check_grads(lambda x, t: linearize(f, x)[1](t), (X, T), order=2)
    check_grads(lambda x: linearize(grad(lambda x: f(x).sum()), x)[1](x), (X,), order=1)
    same(linearize(lambda x: linearize(f, x)[1](x), Array(X))[1](Array(T)),
         jvp(lambda x: jvp(f, (x,), (x,))[1], (Array(X),), (Array(T),))[1])  # fmt: skip
    same(mt.jit(lambda x, t: linearize(f, x)[1](t))(Array(X), Array(T)), jvp(f, (Array(X),), (Array(T),))[1])
    same(mt.jit(linearize(f, Array(X))[1])(Array(T)), jvp(f, (Array(X),), (Array(T),))[1])
    _, pull = vjp(linearize(f, Array(X))[1], Array(0 * X))
    same(pull(Array(T))[0], vjp(f, Array(X))[1](Array(T))[0])


@pytest.mark.parametrize(
    "wrap", [mt.jit, checkpoint, vmap, lambda f: vmap(mt.jit(f))], ids=["jit", "checkpoint", "vmap", "both"]
)
def test_around_other_transforms(wrap):
    g = wrap(lambda x: tanh(x * 2.0) * x)
    out, push = linearize(g, Array(X))
    value, tangent = jvp(g, (Array(X),), (Array(T),))
    same(out, value)
    same(push(Array(T)), tangent)


def test_a_rule_of_its_own_and_tensors():
    wave = custom_jvp(lambda x: sin(x))
    wave.defjvp(lambda p, t: (wave(*p), 2.0 * cos(p[0]) * t[0]))
    same(linearize(wave, Array(X))[1](Array(T)), 2 * np.cos(X) * T)
    out, push = linearize(lambda x: (x * x).sum(), Tensor(X))
    found = push(Tensor(T))
    assert isinstance(out, Tensor) and isinstance(found, Tensor)
    np.testing.assert_allclose(found.item(), 2 * (X * T).sum(), 1e-6)


# --------------------------------------------------------------------------- linear_transpose

LINEAR = {
    "scale": lambda x: 3.0 * x,
    "sum": lambda x: x.sum() * 2.0,
    "matmul": lambda x: matmul(Array(M), x),
    "divide": lambda x: x / Array(T),
    "reversed": lambda x: x[::-1] - x,
    "where": lambda x: where(Array([True, False, True]), x, 0),
    "sum of two": lambda x: x + x * Array(T) - sum([x, 2.0 * x]),
    "gather": lambda x: x[Array([0, 0, 2])],
    "set": lambda x: Array(np.zeros(4)).at[1:].set(x),
    "add at": lambda x: Array(np.zeros(4)).at[Array([1, 1, 0])].add(x),
    "gather along an axis": lambda x: mt.numpy.take_along_axis(x, Array([2, 0, 0, 1]), 0),
    "tangent of a sort": lambda t: jvp(mt.numpy.sort, (Array(X),), (t,))[1],
    "multiply at": lambda x: x.at[Array([1, 1, 0])].multiply(Array(T)),
    "powers of two": lambda x: mt.ldexp(x, Array([1, -2, 3])),
    "cumsum": lambda x: x.cumsum(0),
    "conditioned on a constant": lambda x: x * exp(Array(T)) if T[0] > 0 else x,
}


@pytest.mark.parametrize("name", LINEAR)
def test_linear_transpose_is_vjp(name):
    function = LINEAR[name]
    out, pull = vjp(function, Array(X))
    g = Array(np.random.default_rng(0).normal(size=out.shape))
    transpose = linear_transpose(function, Array(X))
    same(transpose(g)[0], pull(g)[0])
    again = linear_transpose(lambda g: transpose(g)[0], g)  # the transpose of the transpose
    same(again(Array(T))[0], function(Array(T)))


XS = Array(np.array([0.5, -1.5, 2.0, 0.3]))
LOOPS = {
    "carry and inputs": lambda x: lax.scan(lambda c, a: (c * a[0] + a[1], c + a[1]), x, (XS, XS[:, None] * x))[1],
    "a counter goes along": lambda x: lax.scan(lambda c, a: ((c[0] + 1, c[1] * c[0] * a), c[1]), (1.0, x), XS)[0][1],
    "starts with zeros": lambda x: lax.scan(lambda c, a: (c * 2.0 + a * x, c), 0.0 * X, XS, reverse=True)[1],
    "closed over": lambda x: lax.scan(lambda c, a: (c + sin(a) * x[0], None), Array(np.array(0.0)), XS)[0],
    "nothing known inside": lambda x: lax.scan(lambda c, _: (c + x, c), x, length=3)[1],
    "counting": lambda x: lax.fori_loop(0, 4, lambda i, c: c * i + x, x),
    "cond": lambda x: lax.cond(XS[0] > 0, lambda c: c * exp(XS[1]), lambda c: c + x, x),
    "switch": lambda x: lax.switch(2, [lambda c: c, lambda c: x, lambda c: 0.0 * X], x),
    "branches in a loop": lambda x: lax.scan(
        lambda c, a: (lax.cond(a > 0, lambda c: c * sin(a), lambda c: c + x, c), c), x, XS
    )[1],
    "a loop in a loop": lambda x: lax.scan(
        lambda c, a: (lax.fori_loop(0, 3, lambda i, d: d * sin(a * i) + x, c), c.sum()), x, XS
    )[0],
    "custom_linear_solve": lambda x: lax.custom_linear_solve(
        lambda y: Array(T) * y, x, lambda f, b: b / f(b * 0 + 1.0), symmetric=True
    ),
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops_are_transposed(name):
    function = LOOPS[name]
    out, pull = vjp(function, Array(X))
    g = Array(np.random.default_rng(0).normal(size=out.shape))
    same(linear_transpose(function, Array(X))(g)[0], pull(g)[0])
    same(mt.jit(lambda g: linear_transpose(function, Array(X))(g)[0])(g), pull(g)[0])
    again = linear_transpose(lambda g: linear_transpose(function, Array(X))(g)[0], g)
    same(again(Array(T))[0], function(Array(T)))
    several = Array(np.stack([g.numpy(), 2 * g.numpy()]))
    same(vmap(lambda g: linear_transpose(function, Array(X))(g)[0])(several)[1], pull(2.0 * g)[0])


def _deep(x):
    def step(c, a):
        inner = lax.fori_loop(0, 2, lambda i, s: sin(s * a) * exp(x), c)
        return lax.cond(a > 0, lambda s: tanh(s) * x, lambda s: s * s, inner), sin(c) * a

    return lax.scan(step, x, XS)


def _deep_in_python(x):
    c, ys = x, []
    for a in XS:
        ys.append(sin(c) * a)
        for _ in range(2):
            c = sin(c * a) * exp(x)
        c = tanh(c) * x if a.item() > 0 else c * c
    return c, mt.stack(ys)


def test_a_linearized_loop_is_the_unrolled_one():
    for x, t in ((X, T), (T, X)):
        out, push = linearize(_deep, Array(x))
        wanted, tangent = jvp(_deep_in_python, (Array(x),), (Array(t),))
        for found, one in zip([*out, *push(Array(t))], [*wanted, *tangent], strict=True):
            same(found, one)
    for found, one in zip(mt.jit(lambda x, t: linearize(_deep, x)[1](t))(Array(T), Array(X)), tangent, strict=True):
        same(found, one)
    both = Array(np.stack([X, T])), Array(np.stack([T, X]))
    for found, one in zip(vmap(lambda x, t: linearize(_deep, x)[1](t))(*both), tangent, strict=True):
        same(found[1], one)
    check_grads(lambda x: linearize(_deep, 0.1 * x)[1](Array(T))[0], (X,), order=1)
    waiting = lambda x: lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, sin(s[1] * x)), (0, x))  # noqa: E731
    (n, out), push = linearize(waiting, Array(X))
    assert n.item() == 3
    same(out, waiting(Array(X))[1])
    same(push(Array(T))[1], jvp(lambda x: waiting(x)[1], (Array(X),), (Array(T),))[1])


def test_a_loop_that_waits_is_a_scan_of_its_steps():
    def waiting(x):
        return lax.while_loop(lambda y: y.sum() < 50.0, lambda y: exp(sin(y)) * y * x, x)

    x = Array(np.array([1.3, 2.1]))
    wanted = jvp(waiting, (x,), (Array(np.array([0.5, -1.0])),))
    out, push = linearize(waiting, x)
    same(out, wanted[0])
    same(push(Array(np.array([0.5, -1.0]))), wanted[1])
    graph = str(mt.make_graph(push)(x))
    assert "scan[" in graph and not any(f" {name} " in graph for name in ("while", "sin", "exp", "cos"))
    (pulled,) = linear_transpose(push, x)(Array(np.array([1.0, 0.0])))
    same(pulled, mt.jacfwd(waiting)(x)[0])
    still, push = linearize(lambda x: lax.while_loop(lambda y: y < 0.0, lambda y: y * x, x), Array(3.0))
    assert (still.item(), push(2.0).item()) == (3.0, 2.0)
    both = mt.vmap(lambda x: linearize(lambda x: lax.while_loop(lambda y: y < 10.0, lambda y: y * x, x), x)[1](1.0))
    same(both(Array([2.0, 3.0])), np.array([32.0, 27.0], "f4"))  # the numbers of steps are traced


def test_nothing_of_a_loop_is_computed_again():
    for f in (_deep, lambda x: mt.jvp(_deep, (x,), (x,))[1]):
        _, push = linearize(f, Array(X))
        graph = str(mt.make_graph(push)(Array(T)))
        assert "scan[" in graph and "switch" in graph
        assert not any(f" {name} " in graph for name in ("sin", "exp", "tanh", "cos", "square"))


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: lax.scan(lambda c, a: (c * c, c), x, XS)[1], r"mul\("),
        (lambda x: lax.scan(lambda c, a: (c + a, c), x, XS)[1], r"add\("),
        (lambda x: lax.scan(lambda c, a: (c + x, c), Array(X), XS)[1], r"scan\("),
        (lambda x: lax.scan(lambda c, a: (X, c), x, XS)[1], r"scan\("),
        (lambda x: lax.cond(XS[0] > 0, lambda c: c, lambda c: X, x), r"switch\("),
        (lambda x: lax.cond(XS[0] > 0, lambda c: c, sin, x), r"sin\("),
        (lambda x: lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, s[1] * 2.0), (0, x))[1], "a while_loop has no"),
    ],
)  # fmt: skip
def test_loops_that_are_not_linear_are_refused(function, words):
    with pytest.raises(GradError, match=rf"linear_transpose: {words}"):
        linear_transpose(function, Array(X))


@pytest.mark.parametrize(
    ("function", "culprit"),
    [
        (lambda x: x * x, "mul"),
        (lambda x: sin(x), "sin"),
        (lambda x: x + 1.0, "add"),
        (lambda x: 1.0 / x, "div"),
        (lambda x: x % 2.0, "remainder"),
        (lambda x: mt.relu(x), "relu"),
        (lambda x: where(x > 0, x, 0), "greater"),
        (lambda x: matmul(x, x), "inner"),
        (lambda x: Array(np.ones(4)).at[1:].set(x), "basic_set"),
        (lambda x: mt.array([1.0]), "a constant that is not zero"),
    ],
)
def test_what_is_not_linear_is_named(function, culprit):
    with pytest.raises(GradError, match=rf"linear_transpose: .*{culprit}"):
        linear_transpose(function, Array(X))


def test_shapes_stand_for_arrays_and_complex_numbers_are_not_conjugated():
    class Struct:
        shape, dtype = (3,), "float64"

    found = linear_transpose(lambda p: p["a"] * Array(T), {"a": Struct()})(Array(X))
    same(found[0]["a"], X * T)
    c = Array(np.array([1 + 2j, 3 - 1j]))
    same(linear_transpose(lambda z: c * z, c)(c)[0], c.numpy() ** 2)
    with pytest.raises(ShapeError, match="linear_transpose: a cotangent has shape"):
        linear_transpose(lambda x: x.sum(), Array(X))(Array(X))
    with pytest.raises(DTypeError, match="linear_transpose: argument x is int64"):
        linear_transpose(lambda x: x, Array([1, 2]))
