"""The gradient checker finds what is wrong, and says where."""

from __future__ import annotations

import numpy as np
import pytest

from minitorch.core.array import Array
from minitorch.core.custom import custom_jvp, custom_vjp
from minitorch.core.errors import ArgumentError
from minitorch.core.ops.contractions import matmul
from minitorch.core.ops.families import primitive_of
from minitorch.core.ops.pointwise import abs as magnitude
from minitorch.core.ops.pointwise import conj, cos, exp, relu, sin
from minitorch.core.primitive import Rule
from minitorch.core.transforms import stop_gradient
from minitorch.tensor.handle import Tensor
from minitorch.test_util import check_grads, check_jvp, check_vjp

X = np.array([0.3, -0.7, 1.1])


def with_vjp(bwd):
    @custom_vjp
    def product(x, y):
        return x * y

    product.defvjp(lambda x, y: (product(x, y), (x, y)), bwd)
    return product


def with_jvp(rule):
    @custom_jvp
    def wave(x):
        return sin(x)

    wave.defjvp(rule)
    return wave


def test_accepts_what_is_right():
    check_grads(lambda p, n: {"a": sin(p["x"]) * n, "b": exp(p["y"])}, ({"x": X, "y": 0.5}, 3), order=3)
    check_grads(lambda x: matmul(x, x), (np.ones((2, 2)) + 1j * np.eye(2),), order=2)
    check_grads(lambda z: conj(z) * z * magnitude(z), (X + 1j,), order=2)
    check_grads(lambda x: (x > 0, relu(x)), (Array(X),))
    check_grads(lambda x: x.sum() * x, (Tensor([1.0, 2.0]),))
    check_grads(lambda x: x.sum() * x, (Array(np.ones((0, 2))),))


def test_finds_a_wrong_reverse_rule_and_the_argument():
    wrong = with_vjp(lambda kept, g: (g * kept[1], 1.001 * g * kept[0]))
    with pytest.raises(AssertionError, match=r"product: the reverse derivative.*in argument args\[1\]: .* off by"):
        check_vjp(wrong, (X, X + 1))
    check_grads(with_vjp(lambda kept, g: (g * kept[1], g * kept[0])), (X, X + 1), modes=("rev",))


def test_finds_a_wrong_leaf():
    wrong = with_vjp(lambda kept, g: (g * kept[1], g * kept[0] * 2.0))
    with pytest.raises(AssertionError, match=r"in argument args\[0\]\['b'\]"):
        check_vjp(lambda p: wrong(p["a"], p["b"]), ({"a": X, "b": X},))


def test_finds_a_wrong_forward_rule():
    wrong = with_jvp(lambda p, t: (sin(p[0]), -cos(p[0]) * t[0]))
    with pytest.raises(AssertionError, match=r"the forward derivative \(jvp\) is wrong, in argument args\[0\]"):
        check_jvp(wrong, (X,))


def test_finds_a_wrong_second_derivative():
    @custom_vjp
    def square(x):
        return x * x

    square.defvjp(lambda x: (square(x), x), lambda x, g: (g * 2.0 * stop_gradient(x),))
    check_grads(square, (X,), order=1, modes=("rev",))
    with pytest.raises(AssertionError, match=r"the reverse derivative \(vjp\) of vjp is wrong"):
        check_grads(square, (X,), order=2, modes=("rev",))


def test_finds_rules_that_are_not_adjoint(monkeypatch):
    # Each mode is within the tolerance of finite differences, but they disagree with each other.
    primitive = primitive_of(sin)
    nearly = Rule(lambda t, x: t * cos(x) * (1 + 1e-8), primitive.jvp[0].sources, ())
    monkeypatch.setattr(primitive, "jvp", (nearly,))
    monkeypatch.setattr(primitive, "pushes", {})
    check_jvp(sin, (X,))
    check_vjp(sin, (X,))
    with pytest.raises(AssertionError, match="adjoint identity"):
        check_grads(sin, (X,), order=1)


def test_a_cotangent_of_ones_would_not_see_it():
    wrong = with_vjp(lambda kept, g: (g.sum() / 3.0 * kept[1], g * kept[0]))
    with pytest.raises(AssertionError, match=r"args\[0\]"):
        check_vjp(wrong, (X, X + 1))


def test_refusals():
    with pytest.raises(ArgumentError, match="modes"):
        check_grads(sin, (X,), modes=("reverse",))
    with pytest.raises(ArgumentError, match="no floating point argument"):
        check_grads(sin, (3,))
