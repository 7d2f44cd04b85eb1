"""linearize and linear_transpose; values and derivatives of all kinds of arguments."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch as mt
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
        (lambda x: matmul(x, x), "matmul"),
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
