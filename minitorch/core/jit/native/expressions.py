"""Expressions of kernel text: Python's syntax, the types of NumPy's scalars, LLVM's instructions.

Operands of one type give that type, integers wrapping around; of two types, the smallest that holds both, as in NumPy (a
uint64 and a signed integer are refused). `/` makes floats of integers. `//` and `%` round down; by zero both give 0.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from .kinds import (
    SCALARS,
    CompileError,
    Integer,
    Real,
    Value,
    boolean,
    constant,
    float32,
    float64,
    int64,
    written,
)  # fmt: skip
from .writer import Writer

ARITHMETIC: dict[type, tuple[str, str, Callable[[Any, Any], Any]]] = {  # for integers, for floats, for written numbers
    ast.Add: ("add", "fadd", operator.add),
    ast.Sub: ("sub", "fsub", operator.sub),
    ast.Mult: ("mul", "fmul", operator.mul),
}
LOGIC: dict[type, tuple[str, Callable[[Any, Any], Any]]] = {
    ast.BitAnd: ("and", operator.and_),
    ast.BitOr: ("or", operator.or_),
    ast.BitXor: ("xor", operator.xor),
}
RELATIONS: dict[type, tuple[str, str, str]] = {  # for signed integers, for unsigned ones, for floats
    ast.Eq: ("icmp eq", "icmp eq", "fcmp oeq"),
    ast.NotEq: ("icmp ne", "icmp ne", "fcmp une"),
    ast.Lt: ("icmp slt", "icmp ult", "fcmp olt"),
    ast.LtE: ("icmp sle", "icmp ule", "fcmp ole"),
    ast.Gt: ("icmp sgt", "icmp ugt", "fcmp ogt"),
    ast.GtE: ("icmp sge", "icmp uge", "fcmp oge"),
}
OF_NUMBERS: dict[type, Callable[[Any, Any], Any]] = {  # what Python itself computes
    **{kind: function for kind, (_, _, function) in ARITHMETIC.items()},
    **{kind: function for kind, (_, function) in LOGIC.items()},
    ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.LShift: operator.lshift,
    ast.RShift: operator.rshift, ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
SYMBOLS: dict[type, str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.BitAnd: "&",
    ast.BitOr: "|", ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>", ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<",
    ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip


# --------------------------------------------------------------------------- types that meet


def common(x: Any, y: Any) -> Any:
    """Return the smallest type that holds two, as NumPy promotes them."""
    if x == y:
        return x
    if isinstance(x, Integer) and isinstance(y, Integer):
        if x.signed == y.signed:
            return x if x.bits > y.bits else y
        signed, other = (x, y) if x.signed else (y, x)
        bits = max(signed.bits, 2 * other.bits)
        if bits <= 64:
            return SCALARS[f"int{bits}"]
    elif isinstance(x, Real) and isinstance(y, Real):
        return float64
    elif isinstance(x, Real | Integer) and isinstance(y, Real | Integer):
        real, whole = (x, y) if isinstance(x, Real) else (y, x)
        return float32 if real == float32 and whole.bits <= 16 else float64
    raise CompileError(f"{x} and {y} do not mix; convert one of them")


def together(w: Writer, *values: Value) -> tuple[Value, ...]:
    """Return scalars in one type; numbers in the text take that of the others."""
    typed = [v.kind for v in values if v.number is None]
    if not typed:
        typed = [float64 if any(isinstance(v.number, float) for v in values) else int64]
    kind = typed[0]
    for other in typed[1:]:
        kind = common(kind, other)
    return tuple(_fitted(w, v, kind) for v in values)


def _fitted(w: Writer, v: Value, kind: Any) -> Value:
    if v.number is not None:
        if isinstance(kind, Integer) and isinstance(v.number, float):
            raise CompileError(f"{v.number} meets {kind}; convert one of them")
        if isinstance(kind, Integer) and not kind.holds(v.number):
            raise CompileError(f"{v.number} does not fit into {kind}")
        if not isinstance(kind, Integer | Real):
            raise CompileError(f"the number {v.number} meets {kind}; write bools as True and False")
    return w.converted(v, kind)


def alike(w: Writer, x: Value, y: Value) -> tuple[Value, Value]:
    """Return what one of two values will be, in one type: scalars, vectors or pointers."""
    if x.number is None and y.number is None and x.kind == y.kind:
        return x, y
    x, y = together(w, x, y)
    return x, y


def index_of(w: Writer, x: Value) -> Value:
    """Return an integer as int64."""
    if not isinstance(x.kind, Integer):
        raise CompileError(f"an index is an integer, not {x.kind}")
    return w.converted(x, int64)


# --------------------------------------------------------------------------- operators


def binary(w: Writer, op: ast.operator, x: Value, y: Value) -> Value:
    """Write an arithmetic operation."""
    how = type(op)
    if how not in SYMBOLS:
        raise CompileError(f"kernel text has no operator {how.__name__}")
    if x.number is not None and y.number is not None:
        return _of_numbers(how, x.number, y.number)
    if how in LOGIC and x.kind == y.kind == boolean:
        return w.integer(LOGIC[how][0], x, y)
    x, y = together(w, x, y)
    if isinstance(x.kind, Real):
        return _of_reals(w, how, x, y)
    if not isinstance(x.kind, Integer):
        raise CompileError(f"{x.kind} {SYMBOLS[how]} {y.kind} has no meaning")
    if how in ARITHMETIC:
        return w.integer(ARITHMETIC[how][0], x, y)
    if how in LOGIC:
        return w.integer(LOGIC[how][0], x, y)
    if how is ast.Div:
        return w.real("fdiv", w.converted(x, float64), w.converted(y, float64))
    if how in (ast.LShift, ast.RShift):
        return w.integer("shl" if how is ast.LShift else "ashr" if x.kind.signed else "lshr", x, y)
    return _whole(w, x, y, remainder=how is ast.Mod)


def _of_numbers(how: type, x: Any, y: Any) -> Value:
    """Compute with numbers of the text as Python does."""
    try:
        return written(OF_NUMBERS[how](x, y))
    except (ArithmeticError, TypeError, ValueError) as error:
        raise CompileError(f"{x} {SYMBOLS[how]} {y}: {error}") from error


def _of_reals(w: Writer, how: type, x: Value, y: Value) -> Value:
    if how in ARITHMETIC:
        return w.real(ARITHMETIC[how][1], x, y)
    if how is ast.Div:
        return w.real("fdiv", x, y)
    if how in (ast.FloorDiv, ast.Mod):
        raise CompileError(f"{SYMBOLS[how]} is for integers; write floor_divide or remainder for {x.kind}")
    raise CompileError(f"{x.kind} {SYMBOLS[how]} {y.kind} has no meaning")


def _whole(w: Writer, x: Value, y: Value, remainder: bool) -> Value:
    """Write a division that rounds down. LLVM's own may trap, so zero and -1 never reach it."""
    signed = x.kind.signed
    divide, rest_of = ("sdiv", "srem") if signed else ("udiv", "urem")
    if not y.text.startswith("%") and int(y.text) > 0:
        safe, zero, minus = y, None, None
    else:
        w.divisions += 1
        zero = w.compare("icmp eq", y, 0)
        minus = w.compare("icmp eq", y, -1) if signed else None
        bad = w.integer("or", zero, minus) if minus else zero
        safe = w.select(bad.text, "i1", Value(x.kind, "1"), y)
    out = w.integer(rest_of if remainder else divide, x, safe)
    if signed:
        rest = out if remainder else w.integer(rest_of, x, safe)
        other = w.compare("icmp slt", w.integer("xor", rest, safe), 0)
        down = w.integer("and", other, w.compare("icmp ne", rest, 0))
        fixed = w.integer("add", out, safe) if remainder else w.integer("sub", out, 1)
        out = w.select(down.text, "i1", fixed, out)
    if minus:
        opposite = Value(x.kind, "0") if remainder else w.integer("sub", Value(x.kind, "0"), x)
        out = w.select(minus.text, "i1", opposite, out)
    return w.select(zero.text, "i1", Value(x.kind, "0"), out) if zero else out


def unary(w: Writer, op: ast.unaryop, x: Value) -> Value:
    """Write an operation on one value."""
    if isinstance(op, ast.Not):
        return negated(w, truth(w, x))
    if x.number is not None:
        return written(-x.number if isinstance(op, ast.USub) else ~x.number if isinstance(op, ast.Invert) else x.number)
    if isinstance(op, ast.UAdd) and isinstance(x.kind, Integer | Real):
        return x
    if isinstance(op, ast.USub) and isinstance(x.kind, Real):
        return Value(x.kind, w.op(f"fneg {x.kind.llvm} {x.text}"))
    if isinstance(x.kind, Integer):
        return w.integer("sub", Value(x.kind, "0"), x) if isinstance(op, ast.USub) else w.integer("xor", x, -1)
    raise CompileError(f"no unary {type(op).__name__} of {x.kind}")


def comparison(w: Writer, op: ast.cmpop, x: Value, y: Value) -> Value:
    """Write a comparison; one with NaN is false, but for `!=`."""
    if type(op) not in RELATIONS:
        raise CompileError(f"kernel text has no comparison {type(op).__name__}")
    if x.number is not None and y.number is not None:
        return written(OF_NUMBERS[type(op)](x.number, y.number))
    if not x.kind == y.kind == boolean:
        x, y = together(w, x, y)
    signed, unsigned, real = RELATIONS[type(op)]
    if isinstance(x.kind, Real):
        return w.compare(real, x, y)
    if isinstance(x.kind, Integer):
        return w.compare(signed if x.kind.signed else unsigned, x, y)
    if x.kind == boolean and isinstance(op, ast.Eq | ast.NotEq):
        return w.compare(signed, x, y)
    raise CompileError(f"{x.kind} {SYMBOLS[type(op)]} {y.kind} has no meaning")


def truth(w: Writer, x: Value) -> Value:
    """Return whether a scalar is not zero."""
    if x.number is not None:
        return written(bool(x.number))
    if not (x.kind == boolean or isinstance(x.kind, Integer | Real)):
        raise CompileError(f"{x.kind} is neither true nor false")
    return w.converted(x, boolean)


def negated(w: Writer, x: Value) -> Value:
    """Return `not x` of a bool."""
    if x.text in ("true", "false"):
        return written(x.text == "false")
    return w.integer("xor", x, Value(boolean, "true"))


def chosen(w: Writer, condition: Value, x: Value, y: Value) -> Value:
    """Write `x if condition else y` with both computed, so that no branch stands in the way of vectors."""
    if condition.kind != boolean:
        raise CompileError(f"select: the condition is {condition.kind}, not boolean")
    x, y = alike(w, x, y)
    if not isinstance(x.kind, Integer | Real) and x.kind != boolean:
        raise CompileError(f"select: no choice between values of type {x.kind}")
    return w.select(condition.text, "i1", x, y)


def smaller_or_larger(w: Writer, relation: str, values: tuple[Value, ...]) -> Value:
    """Write Python's `min` and `max` of integers."""
    if all(v.number is not None for v in values):
        return written(min(v.number for v in values) if relation == "<" else max(v.number for v in values))
    found, *others = together(w, *values)
    if not isinstance(found.kind, Integer):
        raise CompileError(f"min and max are for integers; write minimum or maximum for {found.kind}")
    letter = "s" if found.kind.signed else "u"
    for other in others:
        before = w.compare(f"icmp {letter}{'lt' if relation == '<' else 'gt'}", other, found)
        found = w.select(before.text, "i1", other, found)
    return found


def number_outside(value: Any) -> Value | None:
    """Return the value of a number that a function finds outside itself; NumPy's have a type, Python's have not."""
    name = getattr(getattr(value, "dtype", None), "name", None)
    if name in SCALARS and getattr(value, "shape", None) == ():
        return Value(SCALARS[name], constant(SCALARS[name], value))
    if isinstance(value, bool | int | float):
        return written(value)
    return None
