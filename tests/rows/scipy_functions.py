"""Rows of the special functions that SciPy computes."""

from __future__ import annotations

from typing import Any

import scipy.special as sp

from minitorch.core.ops import scipy_functions

from . import Case, Row, real

SPECIAL = (1.0, 0.5, 2.5, float("inf"), float("nan"))


def unary(name: str, low: float, high: float, **options: Any) -> Row:
    cases = (Case((real(2, 3, low=low, high=high),)), Case((real(low=low, high=high),)))
    oracle = options.pop("oracle", getattr(sp, name, None))
    return Row(
        name, options.pop("function", getattr(scipy_functions, name, None)), oracle, cases, special=SPECIAL, **options
    )


def binary(name: str) -> Row:
    """A function of two positive arrays, which has a derivative in the second."""
    first, second = real(2, 1, low=1.3, high=3.0), real(3, low=0.4, high=3.0)
    cases = (Case((first, second)), Case((real(low=1.3, high=3.0), real(2, 3, low=0.4, high=3.0))))
    return Row(name, getattr(scipy_functions, name), getattr(sp, name), cases, nondiff=(0,), dtypes=())


ROWS = [
    unary("i0e", -3.0, 3.0),
    unary("i1e", 0.2, 3.0),
    unary("entr", 0.2, 3.0),
    unary("erfcx", -2.0, 3.0),
    unary("log_ndtr", -3.0, 3.0),
    unary("ndtri", 0.05, 0.95),
    unary("airy", -3.0, 3.0, function=scipy_functions.airy_ai, oracle=lambda x: sp.airy(x)[0]),
    unary("airy_slope", -3.0, 3.0, function=scipy_functions.airy_slope_p, oracle=lambda x: sp.airy(x)[1]),
    *(unary(name, -3.0, 3.0) for name in ["j0", "j1"]),
    *(unary(name, 0.3, 4.0) for name in ["y0", "y1", "k0", "k1", "k0e", "k1e"]),
    *map(binary, ("gammainc", "gammaincc", "zeta")),
]
