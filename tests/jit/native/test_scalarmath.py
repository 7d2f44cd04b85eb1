"""The functions that kernels call: accuracy against mpmath at log-spaced points (E27), tails, and what IEEE asks (E28)."""

from __future__ import annotations

import ctypes
import math
from typing import Any

import mpmath
import numpy as np
import pytest

from minitorch.core.jit.native.compile import compile_kernel

ULPS = {np.float32: 4.0, np.float64: 8.0}
POINTER = {np.float32: "f32", np.float64: "f64"}


def apply(expression: str, *operands: Any, out: Any = None) -> Any:
    """Evaluate an expression in x, y over arrays by a kernel."""
    pointers = {"float32": "f32", "float64": "f64", "bool": "u8"}
    kinds = [pointers.get(str(a.dtype)) or f"{a.dtype.kind}{8 * a.dtype.itemsize}" for a in operands]
    result = np.empty_like(operands[0], dtype=out)
    kinds.append(pointers.get(str(result.dtype)) or f"{result.dtype.kind}{8 * result.dtype.itemsize}")
    lines = [f"    p{i} = {kind}(P[{i}])" for i, kind in enumerate(kinds)]
    loads = "; ".join(f"{name} = p{i}[i]" for i, name in zip(range(len(operands)), "xyz"))
    source = "\n".join(
        ["def k(P, lo, hi):", *lines, "    for i in range(lo, hi):", f"        {loads}",
         f"        p{len(operands)}[i] = {expression}"]
    )  # fmt: skip
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(compile_kernel(source, "k").address)
    buffers = [*map(np.ascontiguousarray, operands), result]
    slots = np.array([b.ctypes.data for b in buffers])
    call(slots.ctypes.data, 0, result.size)
    return result


def spaced(scalar: Any, low: float, high: float, signs: str = "+-") -> Any:
    """1,000 log-spaced points between two magnitudes."""
    points = np.exp(np.linspace(np.log(low), np.log(high), 1000 // len(signs), dtype=np.longdouble))
    points = points.astype(scalar)
    points = points[np.isfinite(points)]
    return np.concatenate([points if sign == "+" else -points for sign in signs])


def exactly(function: Any, *operands: Any) -> list[Any]:
    mpmath.mp.prec = 200
    out = []
    for values in zip(*(a.tolist() for a in operands)):
        try:
            value = function(*map(mpmath.mpf, values))
            out.append(mpmath.re(value) if not mpmath.im(value) else mpmath.nan)
        except (ZeroDivisionError, ValueError):
            out.append(mpmath.nan)
    return out


def worst(got: Any, exact: list[Any]) -> tuple[float, int]:
    """The largest error in units in the last place, and where it is."""
    info = np.finfo(got.dtype)
    limit, tiny = mpmath.mpf(float(info.max)), mpmath.mpf(float(info.tiny))
    half = mpmath.ldexp(1, int(info.maxexp) - info.nmant - 2)
    most = (0.0, -1)
    for i, (g, e) in enumerate(zip(got.tolist(), exact)):
        if mpmath.isnan(e) or math.isnan(g):
            error = 0.0 if mpmath.isnan(e) and math.isnan(g) else math.inf
        elif abs(e) >= limit + half or math.isinf(g):
            fits = math.isinf(g) and (g > 0) == (e > 0) and abs(e) > limit * (1 - 4 * mpmath.mpf(float(info.eps)))
            error = 0.0 if fits else math.inf
        else:
            _, exponent = mpmath.frexp(max(abs(e), tiny))
            error = float(abs(mpmath.mpf(g) - e) / mpmath.ldexp(1, int(exponent) - 1 - info.nmant))
        most = max(most, (error, i))
    return most


def lgamma(x: Any) -> Any:
    return mpmath.log(abs(mpmath.gamma(x)))


BIG = {np.float32: 3e38, np.float64: 1.7e308}
SMALL = {np.float32: 1e-45, np.float64: 5e-324}
# name, reference, largest magnitude (None: the type's), signs
UNARY = [
    ("exp", mpmath.exp, 800, "+-"),
    ("exp2", lambda x: mpmath.mpf(2) ** x, 1200, "+-"),
    ("expm1", mpmath.expm1, 800, "+-"),
    ("log", mpmath.log, None, "+"),
    ("log2", lambda x: mpmath.log(x, 2), None, "+"),
    ("log10", mpmath.log10, None, "+"),
    ("log1p", mpmath.log1p, None, "+"),
    ("sigmoid", lambda x: 1 / (1 + mpmath.exp(-x)), 800, "+-"),
    ("tanh", mpmath.tanh, None, "+-"),
    ("sinh", mpmath.sinh, 800, "+-"),
    ("cosh", mpmath.cosh, 800, "+-"),
    ("erf", mpmath.erf, 1e3, "+-"),
    ("erfc", mpmath.erfc, 40, "+-"),
    ("sin", mpmath.sin, None, "+-"),
    ("cos", mpmath.cos, None, "+-"),
    ("tan", mpmath.tan, None, "+-"),
    ("asin", mpmath.asin, 1, "+-"),
    ("acos", mpmath.acos, 1, "+-"),
    ("atan", mpmath.atan, None, "+-"),
    ("asinh", mpmath.asinh, None, "+-"),
    ("acosh", mpmath.acosh, None, "+"),
    ("atanh", mpmath.atanh, 1, "+-"),
    ("sqrt", mpmath.sqrt, None, "+"),
    ("lgamma", lgamma, 1e4, "+"),
    ("digamma", mpmath.digamma, 1e4, "+"),
    ("erfinv", mpmath.erfinv, 1, "+-"),
]


@pytest.mark.parametrize("scalar", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize(("name", "reference", "high", "signs"), UNARY, ids=[row[0] for row in UNARY])
def test_E27_accuracy(name: str, reference: Any, high: float | None, signs: str, scalar: Any) -> None:
    x = spaced(scalar, SMALL[scalar] if name != "digamma" else 1e-30, high or BIG[scalar], signs)
    error, i = worst(apply(f"{name}(x)", x), exactly(reference, x))
    assert error <= ULPS[scalar], f"{name}({x[i]!r}) is {error:.3g} ulp off"


MIDDLE = ["exp", "expm1", "log", "log1p", "sigmoid", "tanh", "sinh", "cosh", "erf", "erfc", "sin", "cos", "tan"]


@pytest.mark.parametrize("scalar", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", MIDDLE)
def test_E27_accuracy_in_the_middle(name: str, scalar: Any) -> None:
    reference = next(row[1] for row in UNARY if row[0] == name)
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.standard_normal(2000), rng.uniform(-8, 8, 2000)]).astype(scalar)
    if name.startswith("log"):
        x = abs(x) if name == "log" else np.maximum(x, -1 + abs(x) / 10)
    error, i = worst(apply(f"{name}(x)", x), exactly(reference, x))
    assert error <= ULPS[scalar], f"{name}({x[i]!r}) is {error:.3g} ulp off"


@pytest.mark.parametrize("scalar", [np.float32, np.float64], ids=["float32", "float64"])
def test_digamma_of_negative_numbers(scalar: Any) -> None:
    # Its roots are sums that cancel, so the error is one of the sum's parts.
    x = -np.random.default_rng(0).uniform(0, 50, 500).astype(scalar)
    got = apply("digamma(x)", x)
    exact = np.array(list(map(float, exactly(mpmath.digamma, x))))
    np.testing.assert_allclose(got, exact, rtol=50 * np.finfo(scalar).eps, atol=50 * np.finfo(scalar).eps)
    assert np.isnan(apply("digamma(x)", np.array([-1.0, -7.0, np.nan, -np.inf], scalar))).all()
    np.testing.assert_array_equal(apply("digamma(x)", np.array([0.0, -0.0, np.inf], scalar)), [-np.inf, np.inf, np.inf])


NUMPYS = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "tanh", "sinh", "cosh", "sin", "cos", "tan", "sqrt",
    "floor", "ceil", "trunc", "rint",
)  # fmt: skip


@pytest.mark.parametrize("scalar", [np.float32, np.float64], ids=["float32", "float64"])
def test_E28_special_values(scalar: Any) -> None:
    inf, nan = np.inf, np.nan
    x = np.array([0.0, -0.0, inf, -inf, nan, 1.0, -1.0], scalar)
    pairs = [(name, getattr(np, name)) for name in NUMPYS]
    pairs += [(f"a{name}", getattr(np, f"arc{name}")) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")]
    with np.errstate(all="ignore"):
        for name, reference in pairs:
            got, expected = apply(f"{name}(x)", x), reference(x)
            np.testing.assert_allclose(got, expected, rtol=8 * np.finfo(scalar).eps, err_msg=name)
            known = ~np.isnan(expected)
            np.testing.assert_array_equal(np.signbit(got[known]), np.signbit(expected[known]), name)
    table = {
        "sigmoid": [0.5, 0.5, 1.0, 0.0, nan],
        "erf": [0.0, -0.0, 1.0, -1.0, nan],
        "erfc": [1.0, 1.0, 0.0, 2.0, nan],
        "erfinv": [0.0, -0.0, nan, nan, nan, inf, -inf],
        "lgamma": [inf, inf, inf, inf, nan, 0.0],
        "abs": [0.0, 0.0, inf, inf, nan, 1.0, 1.0],
    }
    for name, expected in table.items():
        np.testing.assert_allclose(apply(f"{name}(x)", x)[: len(expected)], expected, rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("scalar", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize(
    "name", ["maximum", "minimum", "copysign", "hypot", "atan2", "fmod", "power", "floor_divide", "remainder"]
)
def test_two_operands(name: str, scalar: Any) -> None:
    values = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        -0.5,
        2.0,
        -2.0,
        3.0,
        -3.0,
        7.3,
        -7.3,
        1e30,
        -1e30,
        1e-30,
        np.inf,
        -np.inf,
        np.nan,
    ]
    x, y = (a.ravel() for a in np.array(np.meshgrid(values, values), scalar))
    reference = getattr(np, {"atan2": "arctan2"}.get(name, name))
    with np.errstate(all="ignore"):
        expected = reference(x, y)
    got = apply(f"{name}(x, y)", x, y)
    np.testing.assert_allclose(got, expected, rtol=4 * np.finfo(scalar).eps)
    if name not in ("maximum", "minimum"):
        known = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(got[known]), np.signbit(expected[known]))


def test_power_of_float32_is_accurate() -> None:
    rng = np.random.default_rng(0)
    x, y = np.exp(rng.uniform(-20, 20, 2000)).astype("f"), rng.uniform(-4, 4, 2000).astype("f")
    error, i = worst(apply("pow(x, y)", x, y), exactly(mpmath.power, x, y))
    assert error <= 1, (x[i], y[i])


@pytest.mark.parametrize("kind", ["int8", "int32", "int64", "uint8"])
def test_integers(kind: str) -> None:
    info = np.iinfo(kind)
    x, y = (
        a.ravel() for a in np.meshgrid(*[np.array([0, 1, 2, 3, 7, 9, 70, info.min, info.max, info.max // 2], kind)] * 2)
    )
    if info.min < 0:
        x, y = np.concatenate([x, -x]), np.concatenate([y, -y])
    with np.errstate(all="ignore"):
        for name in ("maximum", "minimum", "floor_divide", "remainder", "left_shift", "right_shift"):
            np.testing.assert_array_equal(apply(f"{name}(x, y)", x, y), getattr(np, name)(x, y), name)
        np.testing.assert_array_equal(apply("abs(x)", x), np.abs(x))
        small = y[(y >= 0) & (y < 10)]
        np.testing.assert_array_equal(apply("pow(x, y)", x[: small.size], small), x[: small.size] ** small)


def test_predicates() -> None:
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -3.0], "f")
    for name in ("isinf", "isfinite", "signbit"):
        np.testing.assert_array_equal(apply(f"{name}(x)", x, out=bool), getattr(np, name)(x))


@pytest.mark.parametrize("kind", ["f16", "bf16"])
def test_half_precision(kind: str) -> None:
    import ml_dtypes

    dtype = np.dtype(np.float16 if kind == "f16" else ml_dtypes.bfloat16)
    x = np.arange(1 << 16, dtype=np.uint16).view(dtype)
    wide = apply(f"load_{kind}(p0, i)", x.view(np.uint16), out=np.float32)
    np.testing.assert_array_equal(wide, x.astype(np.float32))
    values = np.concatenate(
        [wide, np.random.default_rng(0).integers(0, 1 << 32, 100_000, np.uint64).astype("u4").view("f")]
    )
    narrow = narrowed(kind, values)
    with np.errstate(all="ignore"):
        expected = values.astype(dtype)
    np.testing.assert_array_equal(narrow.view(dtype).astype("f"), expected.astype("f"))


def narrowed(kind: str, values: Any) -> Any:
    source = f"""
def k(P, lo, hi):
    a = f32(P[0]); o = {kind}(P[1])
    for i in range(lo, hi):
        store_{kind}(o, i, a[i])
"""
    out = np.empty(values.size, np.uint16)
    slots = np.array([values.ctypes.data, out.ctypes.data])
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(compile_kernel(source, "k").address)
    call(slots.ctypes.data, 0, values.size)
    return out
