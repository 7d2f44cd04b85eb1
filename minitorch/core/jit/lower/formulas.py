"""The primitives' scalar formulas as kernel text: every literal typed, every choice without a branch.

`line(formula, dtype, operands)` prints one expression. Literals and integer results are converted to the dtype that the
operands have, so that the text says what it computes in. What cannot be printed so that it gives NumPy's answer (complex
numbers, `fmod` of integers) is refused: `formula_of` says so.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from ... import dtypes
from ...dtypes import DType
from ...primitive import Primitive
from ..native.functions import parsed

# How kernel text names a dtype: the conversion, and the pointer. Halves are computed in float32.
CODES: dict[DType, str] = {
    dtypes.bool_: "boolean",
    dtypes.float32: "float32",
    dtypes.float64: "float64",
    dtypes.float16: "float32",
    dtypes.bfloat16: "float32",
    **{d: d.name for d in dtypes.INTEGERS},
}
POINTERS: dict[DType, str] = {
    dtypes.bool_: "u8",
    dtypes.float32: "f32",
    dtypes.float64: "f64",
    dtypes.float16: "f16",
    dtypes.bfloat16: "bf16",
    **{d: f"{d.kind}{8 * d.itemsize}" for d in dtypes.INTEGERS},
}
REALS = frozenset((dtypes.float32, dtypes.float64))

# Functions of kernel text that take a vector's time: fine to compute again where a value is needed twice.
CHEAP = frozenset(
    ("abs", "sqrt", "floor", "ceil", "trunc", "rint", "copysign", "isinf", "isfinite", "signbit", "select")
)
FUNCTIONS = CHEAP | frozenset(
    (
        "exp",
        "exp2",
        "expm1",
        "log",
        "log2",
        "log10",
        "log1p",
        "sin",
        "cos",
        "tan",
        "asin",
        "acos",
        "atan",
        "atan2",
        "sinh",
    )
    + ("cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "erfinv", "lgamma", "digamma", "hypot", "fmod", "pow")
    + ("sigmoid", "maximum", "minimum", "floor_divide", "remainder", "left_shift", "right_shift")
    + ("exponential_of", "gumbel_of", "logarithm_of", "stretched")
    + ("natural_of", "power_of", "sigmoid_of", "cauchy_of", "quantile_of", "product_of")
)

# Formulas that depend on the kind of dtype: "f" real, "i" signed, "u" unsigned, "b" bool.
ALL_INTEGERS = "iu"
SPECIAL: dict[str, dict[str, str]] = {
    "abs": {"i": "-x if x < 0 else x", "u": "x", "f": "abs(x)"},
    "sigmoid": {"f": "sigmoid(x)"},
    "add": {"b": "x | y"},
    "mul": {"b": "x & y"},
    "maximum": {"b": "x | y", "i": "x if x > y else y", "u": "x if x > y else y", "f": "maximum(x, y)"},
    "minimum": {"b": "x & y", "i": "x if x < y else y", "u": "x if x < y else y", "f": "minimum(x, y)"},
    "conj": dict.fromkeys("fiub", "x"),
    "real": dict.fromkeys("fiub", "x"),
    "isnan": dict.fromkeys("fiub", "x != x"),
    "isinf": {**dict.fromkeys("iub", "x != x"), "f": "isinf(x)"},
    "isfinite": {**dict.fromkeys("iub", "x == x"), "f": "isfinite(x)"},
    "signbit": {"i": "x < 0", "u": "x != x", "f": "signbit(x)"},
    "sign": {"u": "1 if x > 0 else 0"},
    "clip": {"i": "(x if x > y else y) if (x if x > y else y) < z else z"},
    **{name: {"i": "x", "u": "x"} for name in ("floor", "ceil", "trunc", "round")},
    **{name: dict.fromkeys("fiu", f"{name}(x, y)") for name in ("floor_divide", "remainder")},
    **{name: dict.fromkeys("iu", f"{name}(x, y)") for name in ("left_shift", "right_shift")},
}
# What bools may go through: for all else their arithmetic is not Python's.
LOGIC = frozenset(
    ("logical_and", "logical_or", "logical_xor", "logical_not", "bitwise_and", "bitwise_or", "bitwise_xor", "equal")
    + ("not_equal", "where", "detach", "add", "mul", "maximum", "minimum", "conj", "real", "isnan", "isinf", "isfinite")
)
REFUSED: dict[str, frozenset[str]] = {
    "f": frozenset(),
    "b": frozenset(),
    "i": frozenset(("fmod",)),
    "u": frozenset(("fmod", "neg", "bitwise_not")),
}
PARTIAL = frozenset(("floor_divide", "remainder", "pow"))  # these raise for some integers
NEVER = frozenset(("imag", "angle", "sgn"))

BINARY: dict[type, str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
}
COMPARE: dict[type, str] = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}


def kind_of(dtype: DType) -> str:
    """Return the kind of a dtype that formulas depend on: f, i, u or b; c for what no kernel computes."""
    return "f" if dtype in REALS or dtype in dtypes.HALVES else dtype.kind


def formula_of(primitive: Primitive, dtype: DType) -> str | None:
    """Return the formula on operands of a dtype, None where no kernel gives the right answer."""
    name, kind = primitive.name, kind_of(dtype)
    if primitive.formula is None or name in NEVER or kind == "c" or name in REFUSED[kind]:
        return None
    if kind == "b" and name not in LOGIC:
        return None
    found = SPECIAL.get(name, {}).get(kind, primitive.formula)
    return found if functions_in(found) <= FUNCTIONS else None


@lru_cache(maxsize=1024)
def _tree(formula: str) -> Any:
    return parsed(formula, "eval")


@lru_cache(maxsize=1024)
def functions_in(formula: str) -> frozenset[str]:
    """Return the names of the functions that a formula calls."""
    calls = (n for n in ast.walk(_tree(formula)) if isinstance(n, ast.Call))
    return frozenset(n.func.id for n in calls if isinstance(n.func, ast.Name))


@lru_cache(maxsize=1024)
def is_cheap(formula: str) -> bool:
    """Tell whether to compute a formula again rather than keep its value."""
    has_division = any(isinstance(n, (ast.Div, ast.Pow)) for n in ast.walk(_tree(formula)))
    return functions_in(formula) <= CHEAP and not has_division


def literal(value: Any, dtype: DType) -> str:
    """Print a number so that it has exactly this dtype."""
    if dtype == dtypes.bool_:
        return str(bool(value))
    code = CODES[dtype]
    if kind_of(dtype) != "f":
        return f"{code}({int(value)})"
    number = float(np.asarray(value, dtype)) if dtype in dtypes.HALVES else float(value)
    if math.isfinite(number):
        return f"{code}({number!r})"
    return f"{code}(math.nan)" if number != number else f"{code}({'-' if number < 0 else ''}math.inf)"


class _Printer:
    """Prints one formula; operands are given as text."""

    def __init__(self, dtype: DType, names: Mapping[str, str]):
        self.dtype = dtype
        self.names = names
        code = CODES[dtype]
        self.wrap: Callable[[str], str] = (lambda s: s) if kind_of(dtype) in "fb" else lambda s: f"{code}({s})"

    def __call__(self, node: Any) -> str:
        found: str = getattr(self, type(node).__name__)(node)
        return found

    def Name(self, node: Any) -> str:
        return self.names[node.id]

    def Constant(self, node: Any) -> str:
        return literal(node.value, self.dtype)

    def UnaryOp(self, node: Any) -> str:
        if isinstance(node.op, ast.Invert):
            inner = self(node.operand)
            return f"(not {inner})" if self.dtype == dtypes.bool_ else self.wrap(f"~{inner}")
        if isinstance(node.operand, ast.Constant):
            return literal(-node.operand.value, self.dtype)  # type: ignore[operator]
        return self.wrap(f"(-{self(node.operand)})")

    def BinOp(self, node: Any) -> str:
        if isinstance(node.op, ast.Pow):
            return self.power(node)
        text = f"({self(node.left)} {BINARY[type(node.op)]} {self(node.right)})"
        is_logic = isinstance(node.left, ast.Compare)
        return text if is_logic else self.wrap(text)

    def power(self, node: Any) -> str:
        base, exponent = self(node.left), self(node.right)
        return POWERS.get(exponent.partition("(")[2].rstrip(")"), "pow({x}, {y})").format(
            x=base, y=exponent, one=literal(1, self.dtype)
        )

    def Compare(self, node: Any) -> str:
        return f"({self(node.left)} {COMPARE[type(node.ops[0])]} {self(node.comparators[0])})"

    def IfExp(self, node: Any) -> str:
        return f"select({self(node.test)}, {self(node.body)}, {self(node.orelse)})"

    def Call(self, node: Any) -> str:
        return f"{node.func.id}({', '.join(map(self, node.args))})"


# Powers by the text of the exponent, where a product or a root is exact enough and far faster.
POWERS = {
    "2.0": "({x} * {x})",
    "3.0": "({x} * {x} * {x})",
    "4.0": "(({x} * {x}) * ({x} * {x}))",
    "1.0": "{x}",
    "-1.0": "({one} / {x})",
    "-2.0": "({one} / ({x} * {x}))",
}


def line(formula: str, dtype: DType, names: Mapping[str, str]) -> str:
    """Print a formula on operands of one dtype.

    >>> line("0 if x < 0 else x", dtypes.float32, {"x": "t1"})
    'select((t1 < float32(0.0)), float32(0.0), t1)'
    """
    return _line(formula, dtype, tuple(names.items()))


@lru_cache(maxsize=4096)
def _line(formula: str, dtype: DType, names: tuple[tuple[str, str], ...]) -> str:
    text = _Printer(dtype, dict(names))(_tree(formula).body)
    return text[1:-1] if _is_wrapped(text) else text


def _is_wrapped(text: str) -> bool:
    """Tell whether one pair of parentheses encloses the whole text."""
    if not text.startswith("("):
        return False
    depth = 0
    for i, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if depth == 0:
            return i == len(text) - 1
    return False


def convert(text: str, source: DType, target: DType) -> str | None:
    """Print a conversion between dtypes as `cast` does it; None where a kernel's answer would differ."""
    if source == target and source in CODES:
        return text
    if target in dtypes.HALVES:
        exact = source in dtypes.HALVES or source == dtypes.float32 or source.itemsize == 1
        single = convert(text, source, dtypes.float32) if exact else None  # else it would be rounded twice
        return f"round_{POINTERS[target]}({single})" if single else None
    if CODES.get(source) == CODES.get(target) is not None:
        return text
    have, want = kind_of(source), kind_of(target)
    if "c" in (have, want):
        return None
    if want == "b":
        return f"({text} != {literal(0, source)})"
    if have == "b":
        return f"select({text}, {literal(1, target)}, {literal(0, target)})"
    if have == "f" and want != "f" and target not in (dtypes.int64, dtypes.int32):
        return None  # C leaves open what a float outside the range becomes; NumPy goes by way of wider integers
    return f"{CODES[target]}({text})"
