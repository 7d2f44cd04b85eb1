"""Modified Bessel functions of the first kind, of order 0 and 1: each stands in the other's derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..aval import Aval
from ..errors import DTypeError
from ..tracer import Value, aval_of
from .families import LEADING, as_array, custom
from .pointwise import div, equal, mul, sub, where
from .shaping import cast


def _same(x: Aval) -> Aval:
    return x._replace(weak=False)


def _computed(name: str, x: Any) -> Any:
    from scipy import special

    wide = x.astype(np.float32) if x.dtype in dtypes.HALVES else x
    return np.asarray(getattr(special, name)(wide)).astype(x.dtype, copy=False)


def _slope(g: Value, out: Value, x: Value) -> Value:
    """`I1'(x) = I0(x) - I1(x) / x`, where `I1(x) / x` is 1/2 at 0."""
    none = equal(x, 0.0)
    return mul(g, sub(i0_p(x), where(none, 0.5, div(out, where(none, 1.0, x)))))


i0_p: Any = custom(
    "i0",
    lambda x: _computed("i0", x),
    abstract=_same,
    vjp=(lambda g, x: mul(g, i1_p(x)),),
    jvp=(lambda t, x: mul(t, i1_p(x)),),
    batch=LEADING,
)
i1_p: Any = custom("i1", lambda x: _computed("i1", x), abstract=_same, vjp=(_slope,), jvp=(_slope,), batch=LEADING)


def i0(x: Value) -> Value:
    """Return the modified Bessel function of the first kind and order 0 (Abramowitz and Stegun, 9.6).

    >>> i0(np.array([0.0, 1.0]))
    Array([1.        , 1.26606588], dtype=float64)
    """
    x = as_array(x)
    if dtypes.is_complex(x.dtype):
        raise DTypeError(f"i0: has no meaning here for complex numbers, got {aval_of(x)}; take .real")
    return i0_p(cast(x, dtypes.floating(x.dtype)))
