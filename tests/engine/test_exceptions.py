"""E20: an exception at any point of a transform leaves nothing behind."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from minitorch.core.array import Array
from minitorch.core.checkpoint import checkpoint
from minitorch.core.custom import custom_jvp, custom_vjp
from minitorch.core.errors import TracerError
from minitorch.core.ops.families import LEADING
from minitorch.core.ops.pointwise import sin
from minitorch.core.primitive import LINEAR, Primitive, bind, evaluate_plain, rule
from minitorch.core.tape import context
from minitorch.core.transforms import grad, jvp, vmap

OPERATIONS = 50


class Boom(Exception):
    """Raised on purpose."""


class Fuse:
    """Counts, and raises at a chosen count."""

    def __init__(self):
        self.count, self.at, self.error = 0, -1, Boom

    def burn(self):
        self.count += 1
        if self.count == self.at:
            raise self.error


fuse = Fuse()


def impl(x):
    fuse.burn()
    return x * 1.0


# A primitive of our own, not in the table: the identity, whose evaluation may raise, forwards and backwards.
identity = Primitive(
    "identity", {np.ndarray: impl}, evaluate_plain, lambda x: x, LEADING, (), LINEAR, ("x",), (), holomorphic=False
)
identity.vjp = (rule("identity", lambda g: bind(identity, g), ("x",), ()),)


def long(x):
    stored.append(x)
    for _ in range(OPERATIONS):
        x = bind(identity, x)
    return x.sum()


stored: list = []

TRANSFORMS = {
    "grad": lambda f: lambda x: grad(lambda y: f(y).sum())(x).sum(),
    "jvp": lambda f: lambda x: jvp(f, (x,), (x * 0.0 + 1.0,))[1],
    "vmap": lambda f: lambda x: vmap(lambda s: f(x * s))(Array(np.array([1.0, 2.0]))).sum(),
}
KINDS = {
    **TRANSFORMS,
    "checkpoint": lambda f: lambda x: grad(lambda y: checkpoint(f)(y))(x).sum(),
    "custom_vjp": lambda f: lambda x: grad(with_rule(custom_vjp, f))(x).sum(),
    "custom_jvp": lambda f: lambda x: grad(with_rule(custom_jvp, f))(x).sum(),
}


def with_rule(kind, f):
    made = kind(f)
    if kind is custom_vjp:
        made.defvjp(lambda x: (f(x), x), lambda x, g: (f(x) * g,))
    else:
        made.defjvp(lambda p, t: (f(*p), f(*t)))
    return made


def evaluations(program, x):
    """Return the result and the number of evaluations of the primitive."""
    fuse.count, fuse.at = 0, -1
    return program(x).item(), fuse.count


def assert_clean(program, x, wanted, before):
    assert context.get() is before
    assert evaluations(program, x)[0] == wanted
    assert grad(lambda x: x * sin(x))(0.0).item() == 0
    fuse.count, fuse.at = 0, -1
    for tracer in stored:
        if not isinstance(tracer, Array):
            with pytest.raises(TracerError, match="finished"):
                bind(identity, tracer)
    stored.clear()


def explode(order, error, places):
    before, program = context.get(), long
    for name in reversed(order):
        program = KINDS[name](program)
    x = Array(np.array(1.5))
    wanted, count = evaluations(program, x)
    stored.clear()
    for place in places(count):
        fuse.count, fuse.at, fuse.error = 0, place, error
        with pytest.raises(error):
            program(x)
        assert_clean(program, x, wanted, before)
    assert count >= OPERATIONS


@pytest.mark.parametrize("error", [Boom, KeyboardInterrupt])
@pytest.mark.parametrize("name", KINDS)
def test_E20_at_each_evaluation_of_a_transform(name, error):
    explode((name,), error, lambda count: range(1, count + 1))


@pytest.mark.parametrize("order", list(product(TRANSFORMS, repeat=3)), ids="-".join)
def test_E20_at_each_operation_of_three_nested(order):
    # All 50 operations of the function's own run, and as many places again spread over what the rules evaluate.
    error = KeyboardInterrupt if order.count("grad") % 2 else Boom
    explode(order, error, lambda count: sorted({*range(1, 51), *range(51, count + 1, max(1, (count - 50) // 50))}))
