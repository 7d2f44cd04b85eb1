"""The programs that push tangents on buffers compute what the rules say; odd operands go the general way."""

from __future__ import annotations

import gc
from types import FunctionType

import numpy as np
import pytest

from minitorch.core import jvp as module
from minitorch.core import tree
from minitorch.core.array import Array
from minitorch.core.ops import pointwise as P
from minitorch.core.primitive import NO_DERIVATIVE, PRIMITIVES, bind
from minitorch.core.pushing import LARGE, MANY
from minitorch.core.transforms import grad, jvp

POINTWISE = sorted(
    name for name, p in PRIMITIVES.items() if p.formula is not None and p.jvp is not NO_DERIVATIVE and len(p.args) <= 2
)


def generally(monkeypatch, run):
    """Run without the programs."""
    with monkeypatch.context() as patch:
        patch.setattr(module.JVPTrace, "on_buffers", lambda *_: None)
        patch.setattr(module.JVPTrace, "linearly", lambda *_: None)
        return run()


def agree(monkeypatch, run, dtype, atol=1e-30):
    found, wanted = run(), generally(monkeypatch, run)
    found, wanted = tree.leaves(found), tree.leaves(wanted)
    for a, b in zip(found, wanted, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(a.numpy(), b.numpy(), 1e-5 if dtype == "float32" else 1e-13, atol)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (LARGE + 1,)], ids=str)
@pytest.mark.parametrize("name", POINTWISE)
def test_programs_are_the_rules(monkeypatch, name, shape, dtype):
    primitive = PRIMITIVES[name]
    r = np.random.default_rng(0)
    x, y, t, u = (Array(r.uniform(0.1, 0.9, shape).astype(dtype)) for _ in range(4))
    op = lambda *args: bind(primitive, *args)  # noqa: E731
    if len(primitive.args) == 1:
        agree(monkeypatch, lambda: jvp(op, (x,), (t,)), dtype)
        agree(monkeypatch, lambda: jvp(lambda x: -op(1 - x), (x,), (t,)), dtype)
        return
    for run in (
        lambda: jvp(op, (x, y), (t, u)),
        lambda: jvp(lambda x: op(x, y), (x,), (t,)),
        lambda: jvp(lambda y: op(x, y), (y,), (u,)),
        lambda: jvp(lambda x: op(x, x), (x,), (t,)),
        lambda: jvp(lambda x: op(x, 0.5), (x,), (t,)),
        lambda: jvp(lambda x: op(1, x), (x,), (t,)),
    ):
        agree(monkeypatch, run, dtype)
    # A change of sign waits for a sum, and one buffer may hold both tangents: terms of order one that may cancel.
    for run in (
        lambda: jvp(lambda x, y: op(1 - x, y), (x, y), (t, u)),
        lambda: jvp(lambda x, y: op(x, 1 - y), (x, y), (t, u)),
        lambda: jvp(lambda x, y: -op(1 - x, 1 - y), (x, y), (t, u)),
        lambda: jvp(lambda x: op(x, 1 - x), (x,), (t,)),
        lambda: jvp(lambda x: op(1 - x, x), (x,), (t,)),
        lambda: jvp(lambda x: op(1 - x, 0.5), (x,), (t,)),
        lambda: jvp(lambda x: op(0.5, 1 - x), (x,), (t,)),
    ):
        agree(monkeypatch, run, dtype, 16 * np.finfo(dtype).eps)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, -1, 0.5, 2.5])
def test_powers_of_numbers(monkeypatch, exponent):
    x, t = Array(np.array([0.5, 0.0, 2.0])), Array(np.array([1.0, 2.0, 3.0]))
    agree(monkeypatch, lambda: jvp(lambda x: x**exponent, (x,), (t,)), "float64")


@pytest.mark.parametrize("base", [0, 0.5, 1, 2.0, -0.0, -1.5])
def test_powers_of_arrays(monkeypatch, base):
    """One after the other: each base has a program of its own."""
    x, t = Array(np.array([0.5, 0.0, 2.0])), Array(np.array([1.0, 2.0, 3.0]))
    agree(monkeypatch, lambda: jvp(lambda x: base**x, (x,), (t,)), "float64")


def test_ever_new_exponents_are_not_kept():
    def kept():
        gc.collect()
        return sum(type(f) is FunctionType and f.__name__ == "push" for f in gc.get_objects())

    before = kept()
    for i in range(3 * MANY):
        found = jvp(lambda x: x ** (2.0 + i), (1.0,), (1.0,))[1]  # noqa: B023
        np.testing.assert_allclose(found.item(), 2.0 + i, 1e-6)
    assert kept() - before <= MANY


@pytest.mark.parametrize(
    "run",
    [
        lambda x, t: jvp(lambda x: x * Array(np.ones((2, 3))), (x,), (t,)),  # shapes that broadcast
        lambda x, t: jvp(lambda x: x * Array(np.ones(3, np.float32)), (x,), (t,)),  # dtypes that promote
        lambda x, t: jvp(lambda x: x * Array(np.arange(3)), (x,), (t,)),
        lambda x, t: jvp(lambda x, y: x * y, (x, x[:, None]), (t, t[:, None])),  # both move
        lambda x, t: jvp(lambda x, y: -x * y, (x, x[0].astype(np.float32)), (t, t[0].astype(np.float32))),
        lambda x, t: jvp(P.copysign, (x[:, None], x), (t[:, None], t)),  # only one of them counts
        lambda x, t: jvp(P.copysign, (x.astype(np.float32), x), (t.astype(np.float32), t)),
        lambda x, t: jvp(lambda x: x * 1j, (x,), (t,)),
        lambda x, t: jvp(lambda x: x * True, (x,), (t,)),
        lambda x, t: jvp(lambda x: x.astype(np.float16) * 2.0, (x,), (t,)),
        lambda x, t: jvp(lambda x: jvp(lambda y: y * x, (x,), (t,))[1], (x,), (t,)),
        lambda x, t: jvp(lambda x: jvp(lambda y: y * x, (t,), (t,))[1], (x,), (t,)),  # two levels, buffers in both
        lambda x, t: jvp(lambda x: jvp(lambda y: x - y, (t,), (t,))[1], (x,), (t,)),
        lambda x, t: jvp(grad(lambda x: (P.tanh(x) * x).sum()), (x,), (t,)),
        lambda x, t: jvp(lambda x: (-x).sum(), (x,), (t,)),  # negated tangents on their way out
        lambda x, t: jvp(lambda x: (-x, -x[1], (-x).reshape(3, 1)), (x,), (t,)),
        lambda x, t: jvp(lambda x: -x * Array(np.ones((2, 3))), (x,), (t,)),
        lambda x, t: jvp(lambda x: P.minimum(-x, x) * P.exp(-x), (x,), (t,)),
    ],
)
def test_other_operands(monkeypatch, run):
    x, t = Array(np.array([0.5, 0.1, 2.0])), Array(np.array([1.0, 2.0, 3.0]))
    agree(monkeypatch, lambda: run(x, t), "float64")


@pytest.mark.parametrize(
    "function",
    [
        lambda x: 1 / (1 + x * x),
        lambda x: 1 / (1 + -x * x),
        lambda x: 1 / (x * -x),
        lambda x: P.neg(P.neg(x)) * x,
        lambda x: 1 / (x * (1 - x)),
        lambda x: P.sqrt(x) * (1 - P.sqrt(x)),
        lambda x: (1 - x) * (-x),
    ],
)
@pytest.mark.parametrize("tangent", [0.0, 0.1, -1.0, np.inf])
def test_products_overflow_where_those_of_the_rules_do(monkeypatch, function, tangent):
    x = Array(np.array([2e38, -2e38, 3e38, 0.0, 1e-40, np.inf, -np.inf, np.nan, 0.5], np.float32))
    t = Array(np.full(9, tangent, np.float32))
    agree(monkeypatch, lambda: jvp(function, (x,), (t,)), "float32")


def test_values_are_not_overwritten():
    x = Array(np.linspace(0.1, 0.9, LARGE))
    t = Array(np.ones(LARGE))
    before = x.numpy().copy()
    for name in ("tanh", "div", "mul", "square", "rsqrt"):
        op = PRIMITIVES[name]
        out, tangent = jvp(lambda x: bind(op, *[x] * len(op.args)), (x,), (t,))  # noqa: B023
        assert not np.shares_memory(out.numpy(), tangent.numpy())
        np.testing.assert_array_equal(x.numpy(), before)
        np.testing.assert_array_equal(t.numpy(), 1)
