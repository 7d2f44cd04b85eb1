"""Every pointwise primitive's formula, the second implementation that kernels are printed from, against the first.

The formula is evaluated as Python, one element at a time, on float64 or int64 scalars with IEEE arithmetic.
"""

from __future__ import annotations

import ast
import itertools
import math
from typing import Any

import numpy as np
import pytest
import scipy.special as sp

import minitorch  # noqa: F401  (registers every primitive)
from minitorch.core.array import Array
from minitorch.core.primitive import PRIMITIVES, Primitive

FORMULAS = {name: p for name, p in PRIMITIVES.items() if p.formula is not None}
INTEGRAL = {"bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not", "left_shift", "right_shift"}
COMPLEX = {"real", "imag", "conj", "angle", "sgn"}
# The sign of a zero or of a zero's reciprocal is part of the answer.
SIGNED_ZEROS = {"add", "sub", "mul", "div", "neg", "copysign", "abs", "reciprocal", "where", "sqrt", "detach"}

REALS = (
    0.0,
    -0.0,
    0.5,
    -0.5,
    1.0,
    -1.0,
    1.5,
    2.5,
    -2.5,
    3.0,
    -3.0,
    0.3,
    -0.7,
    12.3,
    -45.6,
    1e-30,
    1e3,
    -1e3,
    1e30,
    -1e30,
)
EDGES = (*REALS, math.inf, -math.inf, math.nan)
INTEGERS = (0, 1, -1, 2, 3, -7, 100)


def _c(function: Any) -> Any:
    """Give a C math function to NumPy scalars, which follow IEEE rules where Python's math raises."""
    return lambda *args: np.float64(function(*map(np.float64, args)))


NUMPYS = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh",
    "floor", "ceil", "trunc", "rint", "hypot", "fmod", "copysign", "maximum", "minimum",
)  # fmt: skip
NAMES: dict[str, Any] = {
    **{name: _c(getattr(np, name)) for name in NUMPYS},
    **{f"a{name}": _c(getattr(np, f"arc{name}")) for name in ["sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh"]},
    **{name: _c(getattr(sp, name)) for name in ("erf", "erfc", "erfinv", "digamma")},
    "lgamma": _c(lambda x: sp.gammaln(np.inf if x == -np.inf else x)),
    "exponential_of": lambda x: -np.log1p(-x),
    "gumbel_of": lambda x: -np.log(-np.log1p(-x)),
    "logarithm_of": np.log,
    "stretched": lambda x, y, z: x * y + z,
    "natural_of": _c(np.log),
    "power_of": _c(np.exp),
    "sigmoid_of": _c(sp.expit),
    "cauchy_of": _c(lambda x: -sp.cosdg(180 * x) / sp.sindg(180 * x)),
    "quantile_of": _c(lambda x: 2**0.5 * sp.erfinv(x)),
    "product_of": lambda x, y: x * y,
    "abs": abs,
    "isinf": lambda x: bool(np.isinf(x)),
    "isfinite": lambda x: bool(np.isfinite(x)),
    "signbit": lambda x: bool(np.signbit(x)),
    "complex": complex,
    "real": np.real,
    "imag": np.imag,
    "conj": np.conjugate,
    "angle": lambda z: np.arctan2(np.imag(z), np.real(z)),
}


def arguments(primitive: Primitive) -> list[tuple[Any, ...]]:
    """Return the element tuples to try."""
    if primitive.name in INTEGRAL:
        return list(itertools.product(map(np.int64, INTEGERS), repeat=len(primitive.args)))
    if primitive.name in COMPLEX:
        return [(np.complex128(complex(a, b)),) for a in REALS for b in (0.5, -2.0, 1e3)]
    values = [np.float64(v) for v in (EDGES if len(primitive.args) < 3 else EDGES[::2])]
    choices = [(True, False) if a == "c" else values for a in primitive.args]
    return list(itertools.product(*choices))


def in_domain(name: str, args: tuple[Any, ...]) -> bool:
    """Leave out what is a matter of rounding, and integers that have no result."""
    if name in ("floor_divide", "remainder", "fmod", "pow") and isinstance(args[0], np.int64):
        return bool(args[1] != 0 if name != "pow" else 0 <= args[1] < 8)
    if name in ("exponential_of", "gumbel_of", "logarithm_of", "cauchy_of"):  # of what random words give
        return bool(0 < args[0] < (np.inf if name == "logarithm_of" else 1))
    if name == "lerp":  # the difference of huge numbers overflows on one side or the other
        return all(abs(a) < 1e20 or a != a for a in args)
    if name == "binary_cross_entropy":  # anything else than a probability raises
        return 0 <= args[0] <= 1 and 0 <= args[1] <= 1
    if name in ("remainder", "floor_divide"):  # a quotient beyond 2^53 is not exact
        return not (np.isfinite(args).all() and args[1] and abs(args[0] / args[1]) > 1e15)
    return True


def check(name: str, formula: str, tried: list[tuple[Any, ...]]) -> None:
    """Compare a formula with the primitive of that name on many elements."""
    primitive = FORMULAS[name]
    code = compile(formula, name, "eval")
    with np.errstate(all="ignore"):
        by_formula = np.array([eval(code, NAMES, dict(zip(primitive.args, a, strict=True))) for a in tried])
        columns = [Array(np.array(column)) for column in zip(*tried, strict=True)]
        by_primitive = primitive(*columns).numpy()
    np.testing.assert_allclose(by_formula.astype(by_primitive.dtype), by_primitive, rtol=1e-13, atol=1e-300)
    if name in SIGNED_ZEROS and by_primitive.dtype == np.float64:
        np.testing.assert_array_equal(np.signbit(by_formula), np.signbit(by_primitive))


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_formula_equals_primitive(name: str) -> None:
    check(name, str(FORMULAS[name].formula), [a for a in arguments(FORMULAS[name]) if in_domain(name, a)])


KEEPS_INTEGERS = [
    name
    for name, p in sorted(FORMULAS.items())
    if name not in INTEGRAL | COMPLEX
    and p.operand_dtypes(tuple(np.dtype(bool if a == "c" else int) for a in p.args))[1].kind in "ib"  # type: ignore[misc]
]


@pytest.mark.parametrize("name", KEEPS_INTEGERS)
def test_formula_on_integers(name: str) -> None:
    choices = [(True, False) if a == "c" else tuple(map(np.int64, INTEGERS)) for a in FORMULAS[name].args]
    check(name, str(FORMULAS[name].formula), [a for a in itertools.product(*choices) if in_domain(name, a)])


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_formula_uses_only_what_printers_know(name: str) -> None:
    tree = ast.parse(str(FORMULAS[name].formula), mode="eval")
    allowed = (
        ast.Expression, ast.BinOp, ast.UnaryOp, ast.Compare, ast.IfExp, ast.Call, ast.Name, ast.Load, ast.Constant,
        ast.operator, ast.unaryop, ast.cmpop,
    )  # fmt: skip
    for node in ast.walk(tree):
        assert isinstance(node, allowed), ast.dump(node)
        if isinstance(node, ast.Call):
            assert isinstance(node.func, ast.Name) and node.func.id in NAMES


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("relu", "x if x > 0 else 0"),
        ("maximum", "x if x > y else y"),
        ("add", "x - (0 - y)"),
        ("sigmoid", "exp(x) / (1 + exp(x))"),
    ],
)
def test_a_formula_wrong_in_one_edge_case_is_noticed(name: str, wrong: str) -> None:
    with pytest.raises(AssertionError):
        check(name, wrong, arguments(FORMULAS[name]))
