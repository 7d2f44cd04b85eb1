"""The pointwise operations: one line each.

The string is the scalar formula the kernel printers print; the lambdas take the cotangent and whatever they name.
"""

from __future__ import annotations

import numpy as np

from ..primitive import NO_DERIVATIVE, Value
from .families import boolean, elementwise, floating, magnitude, real
from .shaping import zeros_like


def zero(g: Value) -> Value:
    """Derivative of a function with steps: zero where it exists."""
    return zeros_like(g)


# fmt: off
# arithmetic
add  = elementwise("add", "x + y", lambda g: g, lambda g: g)
sub  = elementwise("sub", "x - y", lambda g: g, lambda g: neg(g), impl=np.subtract)
mul  = elementwise("mul", "x * y", lambda g, y: mul(g, y), lambda g, x: mul(g, x), impl=np.multiply)
div  = elementwise("div", "x / y", lambda g, y: div(g, y), lambda g, out, y: neg(div(mul(g, out), y)), dtype=floating, impl=np.true_divide)
neg  = elementwise("neg", "-x", lambda g: neg(g), impl=np.negative)
sqrt = elementwise("sqrt", "sqrt(x)", lambda g, out: div(g, add(out, out)), dtype=floating)
exp  = elementwise("exp", "exp(x)", lambda g, out: mul(g, out), dtype=floating)
log  = elementwise("log", "log(x)", lambda g, x: div(g, x), dtype=floating)
sin  = elementwise("sin", "sin(x)", lambda g, x: mul(g, cos(x)), dtype=floating)
cos  = elementwise("cos", "cos(x)", lambda g, x: neg(mul(g, sin(x))), dtype=floating)
tanh = elementwise("tanh", "tanh(x)", lambda g, out: mul(g, sub(1.0, mul(out, out))), dtype=floating)

# complex parts: not holomorphic, so cotangents and tangents have rules of their own
conj = elementwise("conj", "conj(x)", lambda g: conj(g), impl=np.conjugate, holomorphic=False)

# the identity with no derivative
detach = elementwise("detach", "x", NO_DERIVATIVE, impl=lambda x: x)

# comparisons
less = elementwise("less", "x < y", NO_DERIVATIVE, dtype=boolean)
# fmt: on
