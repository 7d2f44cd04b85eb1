"""Conventions of the pointwise operations, by number."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from scipy.special import ndtr

from minitorch.core import dtypes
from minitorch.core.array import Array
from minitorch.core.errors import ArgumentError, DivisionByZeroError, DTypeError, MinitorchError, ShapeError
from minitorch.core.ops import pointwise as p
from minitorch.core.ops import special as s
from minitorch.core.transforms import grad, jvp, vjp

inf, nan = np.inf, np.nan


def slope(function: Callable[..., Any], *at: Any, argnums: int = 0, order: int = 1) -> Any:
    """Return the elementwise derivative of a pointwise function, in float64."""
    arrays = [Array(a, "float64") if not isinstance(a, Array) else a for a in at]
    for _ in range(order):
        function = grad_of_sum(function, argnums)
    return function(*arrays).numpy()


def grad_of_sum(function: Callable[..., Any], argnums: int) -> Callable[..., Any]:
    return grad(lambda *xs: function(*xs).sum(), argnums)


# --------------------------------------------------------------------------- E1 to E4: edges of derivatives


def test_E1_nan_of_the_side_not_taken_does_not_reach_the_gradient() -> None:
    _, pull = vjp(lambda x, y: p.where(Array([True, False]), x, y), Array([1.0, nan]), Array([nan, 1.0]))
    x_bar, y_bar = pull(Array([nan, inf]))
    np.testing.assert_array_equal(x_bar.numpy(), [nan, 0])
    np.testing.assert_array_equal(y_bar.numpy(), [0, inf])

    def guarded(x: Any) -> Any:
        positive = p.greater(x, 0)
        return p.where(positive, p.sqrt(p.where(positive, x, 1)), 0.0)

    np.testing.assert_array_equal(slope(guarded, [-1.0, 0.0, 4.0]), [0, 0, 0.25])
    x, tangents = (Array([1.0, nan]), Array([nan, 1.0])), (Array([2.0, nan]), Array([inf, 3.0]))
    _, tangent = jvp(lambda x, y: p.where(Array([True, False]), x, y), x, tangents)
    assert tangent.tolist() == [2.0, 3.0]


def test_E1_an_infinite_cotangent_stays_on_its_side() -> None:
    _, pull = vjp(p.relu, Array([-1.0, 2.0]))
    assert pull(Array([inf, inf]))[0].tolist() == [0.0, inf]
    _, pull = vjp(lambda x: p.clip(x, 0.0, 1.0), Array([-1.0, 0.5]))
    assert pull(Array([nan, inf]))[0].tolist() == [0.0, inf]
    big = np.where(np.arange(5000) % 3 == 0, 1.0, -1.0).astype(np.float32)
    _, pull = vjp(p.relu, Array(big))
    np.testing.assert_array_equal(pull(Array(np.full(5000, nan, np.float32)))[0].numpy(), np.where(big > 0, nan, 0))


def test_E2_sqrt_has_an_infinite_slope_at_zero_and_hypot_none() -> None:
    assert slope(p.sqrt, [0.0]) == inf
    for argnums in (0, 1):
        assert slope(p.hypot, [0.0], [0.0], argnums=argnums) == 0
        assert slope(p.atan2, [0.0], [0.0], argnums=argnums) == 0
    np.testing.assert_allclose(slope(p.hypot, [3e200], [4e200]), [0.6])
    np.testing.assert_allclose(slope(p.atan2, [3e200], [4e200]), [4 / 25 * 1e-200])
    np.testing.assert_allclose(slope(p.asinh, [1e200]), [1e-200])
    np.testing.assert_allclose(slope(p.acosh, [1e200]), [1e-200])


def test_E3_kinks() -> None:
    zeros = [0.0, -0.0]
    for function in (p.relu, p.abs, p.sign, p.sgn):
        assert slope(function, zeros).tolist() == [0, 0]
    for function in (p.sign, p.floor, p.ceil, p.round, p.trunc):
        assert slope(function, [0.3, -1.7]).tolist() == [0, 0]
    assert slope(p.frac, [0.3, -1.7]).tolist() == [1, 1]


def test_E3_ties_are_split_evenly() -> None:
    x, y = [1.0, 2.0, 3.0], [1.0, 3.0, 2.0]
    for argnums, maximum, minimum in ((0, [0.5, 0, 1], [0.5, 1, 0]), (1, [0.5, 1, 0], [0.5, 0, 1])):
        assert slope(p.maximum, x, y, argnums=argnums).tolist() == maximum
        assert slope(p.minimum, x, y, argnums=argnums).tolist() == minimum


def test_E3_clip_gives_the_bound_to_the_input() -> None:
    x = [0.0, 1.0, 2.0, 3.0, 4.0]
    assert slope(lambda x: p.clip(x, 1.0, 3.0), x).tolist() == [0, 1, 1, 1, 0]
    assert slope(lambda x: p.clip(x, None, 3.0), x).tolist() == [1, 1, 1, 1, 0]
    low, high = np.full(5, 1.0), np.full(5, 3.0)
    assert slope(p.clip, x, low, high, argnums=1).tolist() == [1, 0, 0, 0, 0]
    assert slope(p.clip, x, low, high, argnums=2).tolist() == [0, 0, 0, 0, 1]
    total = sum(slope(p.clip, x, high, low, argnums=i) for i in range(3))
    assert total.tolist() == [1] * 5, "with crossed bounds the upper one takes all"


def test_E4_powers_at_zero() -> None:
    bases = [0.0, -0.0, 2.0, -2.0, inf, -inf, nan]
    assert slope(lambda x: p.pow(x, 0), bases).tolist() == [0] * 7
    assert slope(lambda x: p.pow(x, 0.0), bases).tolist() == [0] * 7
    assert slope(p.pow, bases, np.zeros(7)).tolist() == [0] * 7
    assert slope(p.pow, [0.0] * 3, [0.0, 1.0, 2.5], argnums=1).tolist() == [0, 0, 0]
    assert slope(lambda y: p.pow(0.0, y), [0.0, 1.0, 2.5]).tolist() == [0, 0, 0]
    assert slope(p.pow, [0.0] * 3, [1.0, 2.0, 0.5]).tolist() == [1, 0, inf]
    assert slope(lambda x: p.pow(x, 2), [0.0, 3.0]).tolist() == [0, 6]
    assert slope(lambda x: p.pow(x, 1), [0.0, 3.0]).tolist() == [1, 1]


def test_E4_the_mixed_derivative_of_a_power_survives_the_guard() -> None:
    def mixed(x: Any, y: Any) -> Any:
        return grad_of_sum(grad_of_sum(p.pow, 0), 1)(x, y)

    x = Array([2.0, 5.0], "float64")
    np.testing.assert_allclose(mixed(x, Array([0.0, 0.0], "float64")).numpy(), 1 / x.numpy())


def test_E4_integer_powers_of_negative_numbers_are_exact() -> None:
    bases = np.arange(-9.0, 10.0)
    for dtype, y in itertools.product(("float32", "float64"), range(8)):
        exact = np.array([int(b) ** y for b in bases], dtype)
        np.testing.assert_array_equal(p.pow(Array(bases, dtype), y).numpy(), exact)
        np.testing.assert_array_equal(p.pow(Array(bases, dtype), Array(float(y), dtype)).numpy(), exact)
    assert p.pow(Array([3, -3]), 39).tolist() == [3**39, -(3**39)]


# --------------------------------------------------------------------------- E9 to E11: dtypes, complex numbers


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("other", ["float32", "float64", "int64"])
def test_E10_a_gradient_has_the_dtype_of_its_input(dtype: str, other: str) -> None:
    x, y = Array([1.5, 2.0], dtype), Array([2, 3], other)
    for function in (p.add, p.mul, p.div, p.pow, p.hypot, p.atan2, p.maximum, s.logaddexp, s.xlogy, p.remainder):
        assert grad(lambda x, function=function: function(x, y).sum())(x).dtype == x.dtype
    for unary in (p.exp, p.tanh, s.gelu, s.sigmoid, s.erf, s.lgamma, p.abs, p.relu):
        assert unary(x).dtype == x.dtype
        assert grad(lambda x, unary=unary: unary(x).sum())(x).dtype == x.dtype


def test_E10_half_precision_rounds_once() -> None:
    x = np.linspace(-9, 9, 200).astype(np.float16)
    wide = s.sigmoid(Array(x.astype(np.float32))).numpy()
    np.testing.assert_array_equal(s.sigmoid(Array(x)).numpy(), wide.astype(np.float16))


TAKES_COMPLEX = """
    add sub mul div pow neg square reciprocal sqrt rsqrt exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan
    sinh cosh tanh asinh acosh atanh sigmoid silu logaddexp lerp where abs sgn conj real imag angle equal not_equal
    isnan isinf isfinite logical_and logical_or logical_xor logical_not detach
"""
REFUSES_COMPLEX = """
    floor_divide remainder fmod hypot atan2 relu maximum minimum sign floor ceil trunc round frac copysign less
    less_equal greater greater_equal signbit bitwise_and bitwise_not left_shift softplus gelu gelu_tanh logaddexp2 xlogy
    erf erfc erfinv lgamma digamma clip
"""


def call(name: str, *values: Any) -> Any:
    """Call an operation with as many of the values as it takes."""
    function = getattr(p, name, None) or getattr(s, name)
    ternary = {"lerp": 3, "where": 3, "clip": 3}
    primitive = getattr(function, "primitive", None)
    count = ternary.get(name) or (len(primitive.args) if primitive else 1)
    if name == "where":
        return function(Array([True]), *values[:2])
    return function(*values[:count])


@pytest.mark.parametrize("name", TAKES_COMPLEX.split())
def test_E11_takes_complex(name: str) -> None:
    z = Array([0.3 + 0.4j])
    assert dtypes.name(call(name, z, z, z).dtype) in ("complex64", "float32", "bool")


@pytest.mark.parametrize("name", REFUSES_COMPLEX.split())
def test_E11_refuses_complex(name: str) -> None:
    z = Array([0.3 + 0.4j])
    with pytest.raises(DTypeError, match=rf"^{name.partition('_tanh')[0]}.*complex"):
        call(name, z, z, z)


def test_E11_the_gradient_is_the_conjugate_wirtinger_one() -> None:
    z = Array([1.0 + 2.0j, -0.5 + 0.1j, 0j], "complex128")
    value = z.numpy()
    for function, gradient in (
        (p.abs, np.array([value[0] / abs(value[0]), value[1] / abs(value[1]), 0])),
        (p.real, np.ones(3)),
        (p.imag, np.full(3, 1j)),
        (lambda z: p.real(p.mul(z, p.conj(z))), 2 * value),
        (lambda z: p.real(p.exp(z)), np.conj(np.exp(value))),
        (lambda z: p.real(p.mul(z, 1j)), np.full(3, -1j)),
    ):
        np.testing.assert_allclose(slope(function, z), gradient, atol=1e-15)


# --------------------------------------------------------------------------- E26 to E28: NaN, accuracy, infinities


def test_E26_nan_propagates() -> None:
    x, y = Array([nan, 1.0, nan]), Array([1.0, nan, nan])
    for function in (p.maximum, p.minimum):
        assert np.isnan(function(x, y).numpy()).all()
    assert np.isnan(p.clip(Array([nan]), -1.0, 1.0).numpy()).all()
    for low, high in ((nan, 1.0), (0.0, nan)):
        assert np.isnan(p.clip(Array([0.5]), low, high).numpy()).all()
    for name in (
        "relu",
        "sign",
        "floor",
        "round",
        "sigmoid",
        "softplus",
        "gelu",
        "gelu_tanh",
        "silu",
        "abs",
        "tanh",
        "erf",
    ):
        assert np.isnan(call(name, Array([nan])).numpy()).all(), name


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_E28_large_arguments(dtype: str) -> None:
    x = Array([-inf, -1e4, -100.0, 100.0, 1e4, inf], dtype)
    value = x.numpy()
    tiny = np.exp(np.array(-100.0)).astype(dtype)
    np.testing.assert_allclose(s.sigmoid(x).numpy(), np.array([0, 0, tiny, 1, 1, 1], dtype), rtol=1e-6)
    np.testing.assert_allclose(s.softplus(x).numpy(), np.array([0, 0, tiny, 100, 1e4, inf], dtype), rtol=1e-6)
    np.testing.assert_allclose(s.silu(x).numpy(), np.array([0, 0, -100 * np.exp(-100.0), 100, 1e4, inf]), rtol=1e-3)
    for gelu in (s.gelu, partial(s.gelu, approximate="tanh")):
        np.testing.assert_array_equal(gelu(x).numpy(), np.where(value < 0, 0, value))
        np.testing.assert_array_equal(grad_of_sum(gelu, 0)(x).numpy(), (value > 0).astype(dtype))
    np.testing.assert_array_equal(s.logaddexp(x, x).numpy()[[0, -1]], [-inf, inf])
    np.testing.assert_array_equal(s.logaddexp(x, Array([inf] * 6, dtype)).numpy(), [inf] * 6)
    np.testing.assert_allclose(slope(s.logaddexp, [inf, -inf, 1.0], [inf, -inf, -inf]), [0.5, 0.5, 1])
    np.testing.assert_allclose(slope(s.logaddexp, [3.0], [3.0], order=2), [0.25])


Domain = tuple[float, float, int]  # from, to, sign
TINY, HUGE = 1e-300, 1e300
ALL: tuple[Domain, ...] = ((TINY, HUGE, 1), (TINY, HUGE, -1))
ACCURACY: dict[str, tuple[Callable[[Any], Any], tuple[Domain, ...]]] = {
    "square": (lambda x: x * x, ((1e-150, 1e150, 1),)),
    "reciprocal": (lambda x: 1 / x, ALL),
    "sqrt": (mp.sqrt, ALL[:1]),
    "rsqrt": (lambda x: 1 / mp.sqrt(x), ALL[:1]),
    "exp": (mp.exp, ((TINY, 709, 1), (TINY, 745, -1))),
    "exp2": (lambda x: mp.mpf(2) ** x, ((TINY, 1023, 1), (TINY, 1074, -1))),
    "expm1": (mp.expm1, ((TINY, 709, 1), (TINY, 1e4, -1))),
    "log": (mp.log, (*ALL[:1], (0.5, 2, 1))),
    "log2": (lambda x: mp.log(x) / mp.log(2), (*ALL[:1], (0.5, 2, 1))),
    "log10": (mp.log10, (*ALL[:1], (0.5, 2, 1))),
    "log1p": (mp.log1p, (*ALL[:1], (TINY, 1 - 1e-6, -1))),
    "sin": (mp.sin, ALL),
    "cos": (mp.cos, ALL),
    "tan": (mp.tan, ALL),
    "asin": (mp.asin, ((TINY, 1, 1), (TINY, 1, -1))),
    "acos": (mp.acos, ((TINY, 1, 1), (TINY, 1, -1))),
    "atan": (mp.atan, ALL),
    "sinh": (mp.sinh, ((TINY, 710, 1), (TINY, 710, -1))),
    "cosh": (mp.cosh, ((TINY, 710, 1),)),
    "tanh": (mp.tanh, ALL),
    "asinh": (mp.asinh, ALL),
    "acosh": (mp.acosh, ((1, HUGE, 1),)),
    "atanh": (mp.atanh, ((TINY, 1 - 1e-6, 1), (TINY, 1 - 1e-6, -1))),
    "sigmoid": (lambda x: 1 / (1 + mp.exp(-x)), ((TINY, HUGE, 1), (TINY, 745, -1))),
    "softplus": (lambda x: mp.log1p(mp.exp(x)), ((TINY, 1e4, 1), (TINY, 745, -1))),
    "silu": (lambda x: x / (1 + mp.exp(-x)), ((TINY, 1e4, 1), (TINY, 745, -1))),
    "gelu": (lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2, ((TINY, 1e4, 1), (TINY, 37, -1))),
    "erf": (mp.erf, ALL),
    "erfc": (mp.erfc, ((TINY, 26.5, 1), (TINY, 1e4, -1), (0.3, 3, 1))),
    "erfinv": (mp.erfinv, ((TINY, 1 - 1e-6, 1),)),
    "lgamma": (mp.loggamma, (*ALL[:1], (0.5, 3.5, 1))),
    "digamma": (mp.digamma, (*ALL[:1], (0.5, 3.5, 1))),
}


def ulps(got: np.ndarray, exact: list[Any]) -> float:
    """Return the largest error in units in the last place; results beyond the dtype must be infinite."""
    worst = mp.mpf(0)
    largest = mp.mpf(float(np.finfo(got.dtype).max))
    with np.errstate(over="ignore", under="ignore"):
        rounded = [got.dtype.type(mp.nstr(e, 25)) for e in exact]
    for g, e, near in zip(got, exact, rounded, strict=True):
        if abs(e) > largest:
            assert abs(g) >= largest
            continue
        worst = max(worst, abs(mp.mpf(float(g)) - e) / mp.mpf(float(np.spacing(np.abs(near)))))
    return float(worst)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(ACCURACY))
def test_E27_accuracy(name: str, dtype: str) -> None:
    reference, domains = ACCURACY[name]
    kind = np.finfo(dtype)
    precise = name in ("sin", "cos", "tan")  # of 1e300, which takes a thousand bits of pi
    for low, high, sign in domains:
        low, high = max(low, float(kind.tiny)), min(high, float(kind.max) / 2)
        x = (sign * np.exp(np.linspace(np.log(low), np.log(high), 1000))).astype(dtype)
        x = x[np.abs(x) < 1] if name in ("erfinv", "atanh") or (name, sign) == ("log1p", -1) else x
        x = np.clip(x, -1, 1) if name in ("asin", "acos") else np.maximum(x, 1) if name == "acosh" else x
        with mp.workprec(1200 if precise else 160):
            error = ulps(call(name, Array(x)).numpy(), [mp.re(reference(mp.mpf(float(v)))) for v in x])
        assert error <= (4 if dtype == "float32" else 8), f"{error} ulp on {low} to {high}"


def test_E27_gelu_of_many_floats() -> None:
    """Large float32 arrays take another way than small ones."""
    x = np.concatenate([np.linspace(-14, 6, 12000), [0.0, -0.0, inf, -inf, nan, 1e30, -1e30]]).astype(np.float32)
    wide = np.clip(x.astype(np.float64), -100, None)
    value = wide * ndtr(wide)
    near_zero = np.clip(wide, -50, 50)
    slopes = ndtr(wide) + near_zero * np.exp(-(near_zero**2) / 2) / np.sqrt(2 * np.pi)
    for function, exact in ((s.gelu, value), (s.gelu_slope, slopes)):
        near = exact.astype(np.float32)
        large, small = function(Array(x)).numpy(), function(Array(x[-100:])).numpy()
        finite = np.isfinite(exact)
        error = np.abs(large[finite] - exact[finite])
        # The slope has a zero at -0.75, the difference of two terms as large as Φ.
        scale = np.abs(near) if function is s.gelu else np.maximum(np.abs(near), ndtr(wide).astype(np.float32))
        assert np.all(error <= 4 * np.spacing(scale[finite]))
        np.testing.assert_array_equal(large[~finite], near[~finite])
        np.testing.assert_allclose(small, large[-100:], rtol=3e-7)


@pytest.mark.parametrize("name", ["lgamma", "digamma"])
def test_E27_accuracy_between_the_poles(name: str) -> None:
    """On the negative axis, with zeros at irrational places, the error is relative to 1 where the result is smaller."""
    reference = {"lgamma": lambda x: mp.log(abs(mp.gamma(x))), "digamma": mp.digamma}[name]
    x = np.random.default_rng(0).uniform(-12, 0, 500)
    exact = np.array([float(reference(mp.mpf(v))) for v in x])
    np.testing.assert_allclose(call(name, Array(x)).numpy(), exact, rtol=8 * 2**-52, atol=8 * 2**-52)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_E27_polygamma(n: int) -> None:
    x = np.concatenate([np.exp(np.linspace(-30, 30, 300)), -np.linspace(0.05, 60.3, 300)])
    exact = np.array([float(mp.polygamma(n, mp.mpf(v))) for v in x])
    np.testing.assert_allclose(s.polygamma(n, Array(x)).numpy(), exact, rtol=1e-12, atol=1e-14)
    assert s.polygamma(1, Array([0.0, -1.0, inf])).tolist() == [inf, inf, 0]


# --------------------------------------------------------------------------- division, bools, errors


def test_division_signs() -> None:
    x, y = [7, -7, 7, -7], [2, 2, -2, -2]
    for dtype in ("int64", "float32", "float64"):
        a, b = Array(x, dtype), Array(y, dtype)
        assert p.floor_divide(a, b).tolist() == [3, -4, -4, 3]
        assert p.remainder(a, b).tolist() == [1, 1, -1, -1]
        assert p.fmod(a, b).tolist() == [1, -1, 1, -1]
        assert p.div(a, b).tolist() == [3.5, -3.5, -3.5, 3.5]
    assert p.div(Array([1]), 2).dtype == np.float32


@pytest.mark.parametrize("name", ["floor_divide", "remainder", "fmod"])
def test_integer_division_by_zero(name: str) -> None:
    for kind in (ZeroDivisionError, RuntimeError, DivisionByZeroError):
        with pytest.raises(kind, match=rf"{name}: ZeroDivisionError: .*int64\[2\].*int64\[3, 2\].*where"):
            call(name, Array(np.ones((3, 2), np.int64)), Array([1, 0]))
    with pytest.raises(ZeroDivisionError):
        call(name, Array([1]), 0)
    assert np.isnan(call(name, Array([0.0]), 0).numpy())


def test_halves_round_to_even() -> None:
    assert p.round(Array([0.5, 1.5, 2.5, -0.5])).tolist() == [0, 2, 2, 0]
    assert p.round(Array([1234.5678]), 2).tolist() == [pytest.approx(1234.57)]
    assert p.round(Array([1251.0, 1150.0]), -2).tolist() == [1300, 1200]
    assert p.floor(Array([2**62 + 1])).tolist() == [2**62 + 1]


def test_shifts_beyond_the_width() -> None:
    assert p.left_shift(Array([1, -1]), 64).tolist() == [0, 0]
    assert p.right_shift(Array([5, -5]), 70).tolist() == [0, -1]


ones, mask, ints = Array([1.0, 2.0]), Array([True, False]), Array([1, 2])
BAD: list[tuple[Callable[[], Any], type[MinitorchError], str]] = [
    (lambda: p.sub(mask, mask), DTypeError, r"sub: .*bool, bool.*\^ \(logical_xor\)"),
    (lambda: p.sub(True, mask), DTypeError, r"sub: .*bool, bool.*~ \(logical_not\)"),
    (lambda: p.neg(mask), DTypeError, r"neg: .*bool.*~ \(logical_not\)"),
    (lambda: p.abs(mask), DTypeError, r"abs: .*bool"),
    (lambda: p.relu(mask), DTypeError, r"relu: .*bool"),
    (lambda: p.floor(mask), DTypeError, r"floor: .*bool"),
    (lambda: p.floor_divide(mask, mask), DTypeError, r"floor_divide: .*bool"),
    (lambda: p.pow(mask, mask), DTypeError, r"pow: .*bool"),
    (lambda: p.left_shift(mask, mask), DTypeError, r"left_shift: .*bool"),
    (lambda: p.bitwise_and(ones, ones), DTypeError, r"bitwise_and: .*float32.*cast"),
    (lambda: p.bitwise_not(ones), DTypeError, r"bitwise_not: .*float32"),
    (lambda: p.left_shift(ints, ones), DTypeError, r"left_shift: .*int64, float32"),
    (lambda: p.pow(ints, -1), DTypeError, r"pow: .*negative.*int64\[2\] \*\* int64\[\].*cast"),
    (lambda: p.pow(ints, Array([1, -2])), DTypeError, r"pow: .*negative"),
    (lambda: p.pow(2, Array([1, -2])), DTypeError, r"pow: .*negative"),
    (lambda: p.where(ones, 1.0, 2.0), DTypeError, r"where: the condition must be bool, got float32; .*c != 0"),
    (lambda: p.where(1, ones, ones), DTypeError, r"where: the condition must be bool, got int"),
    (lambda: p.clip(ones), ArgumentError, r"clip: needs a bound.*float32\[2\].*give one"),
    (lambda: p.clip(mask, mask, mask), DTypeError, r"clip: .*bool"),
    (lambda: p.round(ints, 1), DTypeError, r"round: decimals=1 .*int64\[2\].*cast"),
    (lambda: s.gelu(ones, "exact"), ArgumentError, r"gelu: approximate .*'exact'.*float32\[2\]"),
    (lambda: s.polygamma(-1, ones), ArgumentError, r"polygamma: n .*-1.*float32\[2\]"),
    (lambda: s.polygamma(1, Array([1j])), DTypeError, r"polygamma: .*complex64"),
    (lambda: p.less(ones, Array([1j, 2j])), DTypeError, r"less: .*float32, complex64"),
    (
        lambda: p.add(ones, Array([1.0, 2.0, 3.0])),
        ShapeError,
        r"add: shapes \(2,\) and \(3,\).*float32\[2\], float32\[3\]",
    ),
    (lambda: p.where(mask, ones, Array([1.0, 2.0, 3.0])), ShapeError, r"where: shapes \(2,\) and \(2,\) and \(3,\)"),
    (lambda: p.add(ones, "a"), DTypeError, r"array: str"),
    (lambda: p.add(Array(1, "uint64"), Array(1, "int64")), DTypeError, r"uint64 and int64"),
]


@pytest.mark.parametrize(("bad", "kind", "message"), BAD)
def test_errors_say_what_to_do(bad: Callable[[], Any], kind: type[MinitorchError], message: str) -> None:
    with pytest.raises(kind, match=message):
        bad()


@pytest.mark.parametrize(
    "name", ["sin", "tanh", "exp", "rsqrt", "asinh", "sigmoid", "gelu", "gelu_tanh", "lgamma", "silu"]
)
def test_differentiable_as_often_as_one_likes(name: str) -> None:
    function = getattr(p, name, None) or getattr(s, name)
    references = {
        "sin": mp.sin, "tanh": mp.tanh, "exp": mp.exp, "rsqrt": lambda x: 1 / mp.sqrt(x), "asinh": mp.asinh,
        "sigmoid": lambda x: 1 / (1 + mp.exp(-x)), "gelu": lambda x: x * mp.ncdf(x), "lgamma": mp.loggamma,
        "gelu_tanh": lambda x: x * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3))) / 2,
        "silu": lambda x: x / (1 + mp.exp(-x)),
    }  # fmt: skip
    for order in range(1, 6):
        with mp.workdps(60):
            exact = float(mp.diff(references[name], mp.mpf("0.7"), order))
        np.testing.assert_allclose(slope(function, [0.7], order=order), [exact], rtol=1e-11)
