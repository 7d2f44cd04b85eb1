"""E19: grad, jvp, vmap (and checkpoint) nested in all orders agree with the algebra of polynomials."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from minitorch.core.array import Array
from minitorch.core.checkpoint import checkpoint
from minitorch.core.custom import custom_jvp
from minitorch.core.transforms import grad, jvp, vmap

COEFFICIENTS = [0.7, -1.3, 0.4, 0.9, -0.2, 0.15]  # of 1, x, x^2, ...
SCALES = np.array([1.0, -0.5, 2.0])
POINT = 0.6

# Each step turns a function of x into another, and closes over x: a transform that mistook an outer x for its own
# perturbation would count its derivative twice. Beside it stands what the step does to a polynomial's coefficients.


def with_grad(f):
    return lambda x: grad(lambda y: x * f(y))(x)


def with_jvp(f):
    return lambda x: jvp(lambda y: x * f(y), (x,), (x * 0.0 + 1.0,))[1]


def with_vmap(f):
    return lambda x: vmap(lambda s: x * f(s * x))(Array(SCALES)).sum()


def with_checkpoint(f):
    return lambda x: checkpoint(lambda y: x * f(y))(x)


def with_custom(f):
    """A product by its own rule."""
    times = custom_jvp(lambda x, y: x * y)
    times.defjvp(lambda p, t: (times(*p), t[0] * p[1] + p[0] * t[1]))
    return lambda x: times(x, f(x))


def times_x(c):
    return [0.0, *c]


def times_derivative(c):
    return times_x([i * a for i, a in enumerate(c)][1:])


def scaled_sum(c):
    return times_x([a * float((SCALES**i).sum()) for i, a in enumerate(c)])


STEPS = {
    "grad": (with_grad, times_derivative),
    "jvp": (with_jvp, times_derivative),
    "vmap": (with_vmap, scaled_sum),
    "checkpoint": (with_checkpoint, times_x),
    "custom": (with_custom, times_x),
}


def polynomial(x):
    total = x * 0.0 + COEFFICIENTS[-1]
    for a in reversed(COEFFICIENTS[:-1]):
        total = total * x + a
    return total


ORDERS = [order for depth in (1, 2, 3, 4) for order in product(("grad", "jvp", "vmap"), repeat=depth)]
ORDERS += [o for depth in (1, 2, 3) for o in product(STEPS, repeat=depth) if {"checkpoint", "custom"} & {*o}]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_E19_nesting_in_any_order(order):
    function, coefficients = polynomial, COEFFICIENTS
    for name in reversed(order):
        transform, algebra = STEPS[name]
        function, coefficients = transform(function), algebra(coefficients)
    wanted = sum(a * POINT**i for i, a in enumerate(coefficients))
    np.testing.assert_allclose(function(Array(np.array(POINT))).item(), wanted, 1e-11)


def test_E19_a_transform_in_another_thread_of_the_same_function():
    from threading import Thread

    def outer(x):
        found = []

        def work():  # a fresh context: its levels must still lie above the tracer it is given
            found.append(grad(lambda y: x * y * y)(3.0))

        thread = Thread(target=work)
        thread.start()
        thread.join()
        return x * found[0]

    np.testing.assert_allclose(grad(outer)(2.0).item(), 24.0)
