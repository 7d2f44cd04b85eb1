"""Special functions that SciPy computes, a line each; formulas of derivatives are in Abramowitz and Stegun."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..aval import Aval
from ..errors import DTypeError, GradError
from ..tracer import Value, aval_of
from .bessel import i0_p, i1_p
from .families import ALIGNED, LEADING, as_array, as_value, broadcast_shapes, custom
from .pointwise import add, div, equal, exp, log, mul, neg, sgn, square, sub, where
from .shaping import cast
from .special import SQRT_PI, lgamma

Function = Callable[..., Any]


def _computed(name: str, part: int | None = None) -> Function:
    """Return an implementation by SciPy's function of a name, in double precision; `part` picks one of its results."""

    def impl(*buffers: Any) -> Any:
        from scipy import special

        out = getattr(special, name)(*(x.astype(np.float64) for x in buffers))
        return np.asarray(out if part is None else out[part]).astype(buffers[0].dtype)

    return impl


def _same(x: Aval) -> Aval:
    return x._replace(weak=False)


def _unary(name: str, rule: Function, *, scipy: str | None = None, part: int | None = None) -> Function:
    """Declare a function of one real array; the same rule pulls back and pushes forward."""
    impl = _computed(scipy or name, part)
    return custom(name, lambda x: impl(x), abstract=_same, vjp=(rule,), jvp=(rule,), batch=LEADING)


def _binary(name: str, first: Function | None, second: Function) -> Function:
    impl = _computed(name)

    def missing(g: Value, x: Value) -> Value:
        raise GradError(f"{name}: has no derivative with respect to its first argument; detach() it")

    rules = (missing if first is None else first, second)
    return custom(
        name,
        lambda x, y: impl(x, y),
        abstract=lambda x, y: Aval(broadcast_shapes(name, x, y), x.dtype, x.device),
        vjp=rules,
        jvp=rules,
        batch=ALIGNED,
    )


def _i1e_rule(g: Value, out: Value, x: Value) -> Value:
    at_zero = equal(x, 0.0)
    slope = sub(i0e_p(x), mul(out, add(sgn(x), div(1.0, where(at_zero, 1.0, x)))))
    return mul(g, where(at_zero, 0.5, slope))


def _j1_rule(g: Value, out: Value, x: Value) -> Value:
    at_zero = equal(x, 0.0)
    return mul(g, sub(j0_p(x), where(at_zero, 0.5, div(out, where(at_zero, 1.0, x)))))


def _log_ndtr_rule(g: Value, x: Value) -> Value:
    return div(mul(g, math.sqrt(2 / math.pi)), erfcx_p(mul(x, -math.sqrt(0.5))))


def _ndtri_rule(g: Value, out: Value) -> Value:
    return mul(g, mul(exp(mul(square(out), 0.5)), math.sqrt(2 * math.pi)))


def _density(x: Value, y: Value) -> Value:
    """The gamma distribution's: the derivative of `gammainc(x, y)` with respect to y."""
    return exp(sub(sub(mul(sub(x, 1.0), log(y)), y), lgamma(x)))


# fmt: off
i0e_p      = _unary("i0e", lambda g, out, x: mul(g, sub(i1e_p(x), mul(sgn(x), out))))
i1e_p      = _unary("i1e", _i1e_rule)
entr_p     = _unary("entr", lambda g, x: mul(g, sub(-1.0, log(x))))
erfcx_p    = _unary("erfcx", lambda g, out, x: mul(g, sub(mul(mul(x, out), 2.0), 2 / SQRT_PI)))
log_ndtr_p = _unary("log_ndtr", _log_ndtr_rule)
ndtri_p    = _unary("ndtri", _ndtri_rule)
j0_p       = _unary("j0", lambda g, x: neg(mul(g, j1_p(x))))
j1_p       = _unary("j1", _j1_rule)
y0_p       = _unary("y0", lambda g, x: neg(mul(g, y1_p(x))))
y1_p       = _unary("y1", lambda g, out, x: mul(g, sub(y0_p(x), div(out, x))))
k0_p       = _unary("k0", lambda g, x: neg(mul(g, k1_p(x))))
k1_p       = _unary("k1", lambda g, out, x: neg(mul(g, add(k0_p(x), div(out, x)))))
k0e_p      = _unary("k0e", lambda g, out, x: mul(g, sub(out, k1e_p(x))))
k1e_p      = _unary("k1e", lambda g, out, x: mul(g, sub(sub(out, k0e_p(x)), div(out, x))))
airy_ai_p    = _unary("airy", lambda g, x: mul(g, airy_slope_p(x)), part=0)
airy_slope_p = _unary("airy_slope", lambda g, x: mul(g, mul(x, airy_ai_p(x))), scipy="airy", part=1)
gammainc_p  = _binary("gammainc", None, lambda g, x, y: mul(g, _density(x, y)))
gammaincc_p = _binary("gammaincc", None, lambda g, x, y: neg(mul(g, _density(x, y))))
zeta_p      = _binary("zeta", None, lambda g, x, y: neg(mul(g, mul(x, zeta_p(add(x, 1.0), y)))))
# fmt: on


def _of_floats(name: str, primitive: Function) -> Function:
    """Return the function that checks its arguments and makes floats of integers."""

    def call(*args: Value) -> Any:
        xs = [as_value(x) for x in args]
        dtype = dtypes.floating(*(type(x) if type(x) in dtypes.SCALARS else x.dtype for x in xs))
        if dtypes.is_complex(dtype):
            given = " and ".join(str(aval_of(as_array(x))) for x in args)
            raise DTypeError(f"{name}: has no meaning for complex numbers, got {given}; take .real first")
        return primitive(*(cast(x, dtype) for x in xs))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Compute `scipy.special.{name}`, element by element."
    return call


# fmt: off
i0, i1, i0e, i1e = (_of_floats(n, p) for n, p in (("i0", i0_p), ("i1", i1_p), ("i0e", i0e_p), ("i1e", i1e_p)))
j0, j1, y0, y1   = (_of_floats(n, p) for n, p in (("j0", j0_p), ("j1", j1_p), ("y0", y0_p), ("y1", y1_p)))
k0, k1, k0e, k1e = (_of_floats(n, p) for n, p in (("k0", k0_p), ("k1", k1_p), ("k0e", k0e_p), ("k1e", k1e_p)))
airy_ai, erfcx   = _of_floats("airy", airy_ai_p), _of_floats("erfcx", erfcx_p)
entr             = _of_floats("entr", entr_p)
log_ndtr, ndtri  = _of_floats("log_ndtr", log_ndtr_p), _of_floats("ndtri", ndtri_p)
gammainc, gammaincc, zeta = (
    _of_floats(n, p) for n, p in (("gammainc", gammainc_p), ("gammaincc", gammaincc_p), ("zeta", zeta_p))
)
# fmt: on
