"""Rows of the pointwise operations: arithmetic, elementary and special functions, comparisons, logic, complex parts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import scipy.special as sp

from minitorch.core.ops import pointwise, special

from . import Case, Make, Row, boolean, complexes, integers, made, real

EDGES = (0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -2.5, 1e-30, 1e30, -1e30, np.inf, -np.inf, np.nan)
WIDE = (0.0, -0.0, 1.0, -1.0, 20.0, -20.0, 100.0, -100.0, 1e4, -1e4, np.inf, -np.inf, np.nan)
PAIRS = np.array([(a, b) for a in EDGES for b in EDGES]).T
FIRST, SECOND = made(lambda rng: PAIRS[0].copy()), made(lambda rng: PAIRS[1].copy())


def unary(
    name: str,
    oracle: Callable[..., Any],
    low: float = -2.0,
    high: float = 2.0,
    *,
    gap: float = 0.0,
    holomorphic: bool = False,
    **options: Any,
) -> Row:
    """A function of one array on [low, high], and on complex numbers where it takes them."""
    make = partial(real, low=low, high=high, gap=gap)
    options.setdefault("special", EDGES)
    if holomorphic:
        options.setdefault("complex_cases", (Case((complexes(2, 3),)), Case((complexes(),))))
    module = special if hasattr(special, name) and not hasattr(pointwise, name) else pointwise
    return Row(
        name,
        options.pop("function", getattr(module, name, None)),
        oracle,
        (Case((make(2, 3),)), Case((make(),)), Case((make(0, 3),))),
        **options,
    )


def binary(
    name: str,
    oracle: Callable[..., Any],
    x: Callable[..., Make] = real,
    y: Callable[..., Make] = real,
    *,
    holomorphic: bool = False,
    edges: bool = True,
    **options: Any,
) -> list[Row]:
    """A function of two arrays with all ways to broadcast, and a row for pairs of edge values."""
    function = getattr(special if not hasattr(pointwise, name) else pointwise, name)
    cases = (
        Case((x(2, 3), y(2, 3))),
        Case((x(2, 1), y(3))),
        Case((x(), y(2, 3))),
        Case((x(2, 3), y())),
        Case((x(), y())),
        Case((x(0, 3), y(1, 3))),
    )
    if holomorphic:
        options["complex_cases"] = (Case((complexes(2, 1), complexes(3))),)
    rows = [Row(name, function, oracle, cases, **options)]
    if edges:
        dtypes = options.get("dtypes", ("float32",))
        plain = {"primitives": options.get("primitives", (name,)), "grad": False, "dtypes": dtypes}
        rows.append(Row(f"{name} at edges", function, oracle, (Case((FIRST, SECOND)),), **plain))
    return rows


def discrete(name: str, oracle: Callable[..., Any], *args: Make, **options: Any) -> Row:
    """A function of integers or bools, without a gradient."""
    cases = (Case(args),) + tuple(options.pop("more", ()))
    return Row(name, options.pop("function", getattr(pointwise, name)), oracle, cases, grad=False, dtypes=(), **options)


positive = partial(real, low=0.3, high=3.0)
away = partial(real, low=-2.9, high=2.9, gap=0.15)  # away from integers
counts = partial(integers, low=-9, high=10)
nonzero = partial(integers, low=1, high=10)

LN2 = np.log(2.0)
HALVES = ("float32", "float16", "bfloat16")


def _sigmoid(x: Any) -> Any:
    return np.where(x < 0, np.exp(np.minimum(x, 0)), 1) / (1 + np.exp(-np.abs(x)))


def _times(x: Any, share: Any) -> Any:
    """x * share(x), with the limit 0 at -inf."""
    x = np.maximum(x, -1e300)
    return x * share(x)


def _gelu_tanh(x: Any) -> Any:
    z = np.clip(x, -50, 50)
    return _times(x, lambda _: _sigmoid(2 * np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)))


def _gelu_slope(x: Any) -> Any:
    z = np.clip(x, -50, 50)
    return sp.ndtr(x) + z * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)


def _gelu_tanh_slope(x: Any) -> Any:
    z = np.clip(x, -25, 25)
    k = np.sqrt(2 / np.pi)
    u = k * (z + 0.044715 * z**3)
    return _sigmoid(2 * u) + 0.5 * z * k * (1 + 3 * 0.044715 * z**2) / np.cosh(u) ** 2


def _gelu(x: Any) -> Any:
    return _times(x, sp.ndtr)


def _phase(z: Any) -> Any:
    return np.arctan2(np.imag(z), np.real(z))


def _direction(z: Any) -> Any:
    return z / np.abs(z)


def _lerp(x: Any, y: Any, z: Any) -> Any:
    return x * (1 - z) + y * z


def _select_big(rng: np.random.Generator) -> Any:
    return rng.random((40, 50)) < 0.5


ARITHMETIC = [
    *binary("add", np.add, holomorphic=True, dtypes=(*HALVES, "int32")),
    *binary("sub", np.subtract, holomorphic=True, dtypes=(*HALVES, "int32")),
    *binary("mul", np.multiply, holomorphic=True, dtypes=(*HALVES, "int32")),
    *binary("div", np.true_divide, y=positive, holomorphic=True, dtypes=HALVES),
    *binary("floor_divide", np.floor_divide, x=partial(real, low=3.1, high=3.9), y=partial(real, low=1.1, high=1.5)),
    *binary("remainder", np.remainder, x=partial(real, low=-3.9, high=-3.1), y=partial(real, low=1.1, high=1.5)),
    *binary("fmod", np.fmod, x=partial(real, low=-3.9, high=-3.1), y=partial(real, low=1.1, high=1.5)),
    *binary("pow", np.power, x=positive, holomorphic=True),
    *binary("hypot", np.hypot, x=positive),
    *binary("atan2", np.arctan2, x=positive),
    *binary("logaddexp", np.logaddexp),
    *binary("logaddexp2", np.logaddexp2),
    *binary("xlogy", sp.xlogy, y=positive),
    *binary("copysign", np.copysign, x=positive, y=positive),
    *binary("maximum", np.maximum, y=partial(real, low=2.1, high=3.0)),
    *binary("minimum", np.minimum, y=partial(real, low=2.1, high=3.0)),
    unary("neg", np.negative, holomorphic=True, dtypes=(*HALVES, "int32")),
    unary("abs", np.absolute, 0.2, 2.0, holomorphic=True, dtypes=(*HALVES, "int32")),
    unary("square", np.square, holomorphic=True, dtypes=(*HALVES, "int32")),
    unary("reciprocal", np.reciprocal, 0.3, 2.0, holomorphic=True),
    unary("sqrt", np.sqrt, 0.2, 3.0, holomorphic=True, dtypes=HALVES),
    unary("rsqrt", lambda x: 1 / np.sqrt(x), 0.2, 3.0, holomorphic=True),
    Row(
        "lerp",
        pointwise.lerp,
        _lerp,
        (
            Case((real(2, 3), real(2, 3), real(2, 3))),
            Case((real(2, 1), real(3), real())),
            Case((real(), real(), real(4, 1))),
            Case((real(0, 3), real(3), real())),
        ),
        complex_cases=(Case((complexes(2, 3), complexes(3), complexes())),),
        forward_rtol=1e-10,
    ),
    Row(
        "pow of a number",
        lambda x: pointwise.add(pointwise.pow(x, 3), pointwise.pow(x, -0.5)),
        lambda x: x**3 + x**-0.5,
        (Case((positive(2, 3),)), Case((positive(),))),
        primitives=("pow",),
    ),
    Row(
        "number to a power",
        lambda y: pointwise.pow(2.5, y),
        lambda y: 2.5**y,
        (Case((real(2, 3),)),),
        primitives=("pow",),
    ),
]

ELEMENTARY = [
    unary("exp", np.exp, holomorphic=True, dtypes=HALVES, special=WIDE),
    unary("exp2", np.exp2, special=WIDE),
    unary("expm1", np.expm1, holomorphic=True, special=WIDE),
    unary("log", np.log, 0.3, 3.0, holomorphic=True),
    unary("log2", np.log2, 0.3, 3.0, holomorphic=True),
    unary("log10", np.log10, 0.3, 3.0, holomorphic=True),
    unary("log1p", np.log1p, -0.7, 2.0, holomorphic=True),
    unary("sin", np.sin, holomorphic=True),
    unary("cos", np.cos, holomorphic=True),
    unary("tan", np.tan, -1.2, 1.2, holomorphic=True),
    unary("asin", np.arcsin, -0.9, 0.9, holomorphic=True),
    unary("acos", np.arccos, -0.9, 0.9, holomorphic=True),
    unary("atan", np.arctan, holomorphic=True),
    unary("sinh", np.sinh, holomorphic=True, special=WIDE),
    unary("cosh", np.cosh, holomorphic=True, special=WIDE),
    unary("tanh", np.tanh, holomorphic=True, dtypes=HALVES),
    unary("asinh", np.arcsinh, holomorphic=True),
    unary("acosh", np.arccosh, 1.2, 3.0, holomorphic=True),
    unary("atanh", np.arctanh, -0.9, 0.9, holomorphic=True),
    Row(
        "exp2 of complex",
        pointwise.exp2,
        lambda z: np.exp(z * LN2),
        (Case((real(2),)),),
        primitives=("exp2",),
        complex_cases=(Case((complexes(2, 3),)),),
    ),
]

SPECIAL = [
    unary("sigmoid", _sigmoid, special=WIDE, dtypes=HALVES),
    unary("softplus", lambda x: np.logaddexp(x, 0), special=WIDE),
    unary("silu", lambda x: _times(x, _sigmoid), special=WIDE),
    unary("gelu", _gelu, special=WIDE),
    unary("gelu_slope", _gelu_slope, special=WIDE),
    unary("gelu_tanh", _gelu_tanh, special=WIDE, forward_rtol=1e-11),
    unary("gelu_tanh_slope", _gelu_tanh_slope, special=WIDE),
    unary("erf", sp.erf, special=WIDE),
    unary("erfc", sp.erfc, special=WIDE),
    unary("erfinv", sp.erfinv, -0.9, 0.9),
    unary("lgamma", lambda x: sp.gammaln(np.where(x == -np.inf, np.inf, x)), 0.3, 4.0),
    unary("digamma", sp.digamma, 0.3, 4.0),
    *(
        unary(
            f"polygamma {n}",
            partial(sp.polygamma, n),
            low,
            high,
            function=partial(special.polygamma, n),
            primitives=("polygamma",),
            special=EDGES[2:6],
        )
        for n, low, high in ((1, 0.3, 4.0), (2, -0.9, -0.1), (3, -40.8, -40.2))
    ),
    Row(
        "sigmoid of complex",
        lambda z: pointwise.add(special.sigmoid(z), special.silu(z)),
        lambda z: (1 + z) / (1 + np.exp(-z)),
        (Case((real(2),)),),
        primitives=("sigmoid", "silu"),
        complex_cases=(Case((complexes(2, 3),)),),
    ),
    Row(
        "logaddexp of complex",
        special.logaddexp,
        lambda x, y: np.log(np.exp(x) + np.exp(y)),
        (Case((real(2), real(2))),),
        primitives=("logaddexp",),
        complex_cases=(Case((complexes(2, 3), complexes(3))),),
    ),
]

STEPS = [
    *binary("leaky_relu", lambda x, y: np.where(x > 0, x, x * y), partial(real, gap=0.1), edges=False),
    *binary(
        "elu", lambda x, y: np.where(x > 0, x, y * np.expm1(np.minimum(x, 0))), partial(real, gap=0.1), edges=False
    ),
    unary(
        "hardtanh",
        lambda x: np.clip(x, -1, 1),
        gap=0.1,
        function=lambda x: special.hardtanh(x, -1.0, 1.0),
    ),
    unary("relu", lambda x: np.maximum(x, 0), gap=0.1, dtypes=(*HALVES, "int32")),
    unary("sign", np.sign, gap=0.1, dtypes=("float32", "int32")),
    unary("floor", np.floor, gap=0.1, dtypes=("float32", "int64")),
    unary("ceil", np.ceil, gap=0.1, dtypes=("float32", "int64")),
    unary("trunc", np.trunc, gap=0.1, dtypes=("float32", "int64")),
    unary("round", np.rint, gap=0.1, function=partial(pointwise.round), dtypes=("float32", "int64")),
    unary("frac", lambda x: x - np.trunc(x), gap=0.1),
    Row(
        "round to decimals",
        pointwise.round,
        lambda x, decimals: np.round(x, decimals),
        (Case((real(2, 3),), {"decimals": 2}), Case((real(4, low=100, high=900),), {"decimals": -2})),
        primitives=("round",),
        grad=False,
    ),
    Row(
        "where",
        pointwise.where,
        np.where,
        (
            Case((boolean(2, 3), real(2, 3), real(2, 3))),
            Case((boolean(3), real(2, 1), real())),
            Case((boolean(2, 1), real(), real(3))),
            Case((boolean(), real(2), real(2))),
            Case((boolean(0, 3), real(3), real())),
            Case((made(_select_big), real(40, 50), real(50))),
            Case((made(_select_big), real(40, 50), 0.0)),
            Case((made(_select_big), 0, real(40, 50))),
        ),
        nondiff=(0,),
        dtypes=(*HALVES, "int32"),
        complex_cases=(Case((boolean(2, 3), complexes(2, 3), complexes(3))),),
    ),
    Row(
        "clip",
        pointwise.clip,
        np.clip,
        (
            Case((real(3, 4, gap=0.1), -1.0, 1.0)),
            Case((real(3, 4), real(4, low=-3, high=-2.1), real(4, low=2.1, high=3))),
            Case((real(3, 4, low=4, high=5), real(4, low=1, high=2), real(3, 1, low=2.1, high=3))),
            Case((real(3, 4, gap=0.1), None, 1.0)),
            Case((real(3, 4, gap=0.1), -1.0, None)),
            Case((real(gap=0.1), -1, 1)),
            Case((real(0, 4), -1.0, real(4))),
        ),
        dtypes=("float32", "int32"),
    ),
]

LOGIC = [
    *(
        row
        for name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
        for row in binary(name, getattr(np, name), grad=False)
    ),
    *(
        row
        for name in ("logical_and", "logical_or", "logical_xor")
        for row in binary(name, getattr(np, name), grad=False)
    ),
    unary("logical_not", np.logical_not, grad=False),
    *(unary(name, getattr(np, name), grad=False) for name in ("isnan", "isinf", "isfinite", "signbit")),
    discrete("bitwise_and", np.bitwise_and, counts(2, 3), counts(3), more=(Case((boolean(2, 3), boolean(3))),)),
    discrete("bitwise_or", np.bitwise_or, counts(2, 3), counts(3), more=(Case((boolean(2, 3), boolean(3))),)),
    discrete("bitwise_xor", np.bitwise_xor, counts(2, 3), counts(3), more=(Case((boolean(2, 3), boolean(3))),)),
    discrete("bitwise_not", np.invert, counts(2, 3), more=(Case((boolean(2, 3),)), Case((counts(),)))),
    discrete("left_shift", np.left_shift, counts(2, 3), integers(3)),
    discrete("right_shift", np.right_shift, counts(2, 3), integers(3)),
    discrete("equal", np.equal, counts(2, 3), counts(3), more=(Case((boolean(2, 3), boolean(3))),)),
    discrete("floor_divide", np.floor_divide, counts(2, 3), nonzero(3)),
    discrete("remainder", np.remainder, counts(2, 3), nonzero(3)),
    discrete("fmod", np.fmod, counts(2, 3), nonzero(3)),
    discrete("pow", np.power, counts(2, 3), integers(3)),
]

COMPLEX = [
    unary("conj", np.conjugate, holomorphic=True),
    unary("real", np.real, holomorphic=True),
    unary("imag", np.imag, holomorphic=True),
    Row(
        "complex",
        pointwise.joined,
        lambda x, y: x + 1j * y,
        (Case((real(2, 3), real(2, 3))), Case((real(2, 1), real(3))), Case((real(), real()))),
    ),
    unary("angle", _phase, 0.2, 2.0, special=None, holomorphic=True),
    unary("sgn", _direction, 0.2, 2.0, special=None, holomorphic=True),
    unary("detach", lambda x: x, grad=False),
]

ROWS = [*ARITHMETIC, *ELEMENTARY, *SPECIAL, *STEPS, *LOGIC, *COMPLEX]
