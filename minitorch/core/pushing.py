"""Pointwise operations with their tangents, on buffers.

A derivative rule is run once on symbols, which write down what it does; from that comes a Python function that computes
a result and its tangent with NumPy alone, and overwrites temporaries where it can. It is the rule itself, without the
dispatch and most of the memory traffic of its operations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from . import dtypes
from .aval import Aval
from .deferring import QUIET, Line, Operand, Promise, Recipe, written
from .duals import Pushed, deferred, held, pushed
from .errors import MinitorchError
from .ops.families import primitive_of
from .ops.on_buffers import select
from .ops.pointwise import add, div, mul, neg, sub, where_p
from .primitive import Primitive, Rule
from .tracer import Params, Trace, Tracer, Value, avals_of

_new, _asarray = object.__new__, np.asarray

# Rules of these ask whether an operand is a number, and which: each number gets a program of its own.
BY_VALUE = frozenset(("pow",))
LARGE = 1 << 12  # elements from which on temporaries are overwritten; NumPy's `out=` costs 0.4 us
# Bytes of an array from which on operations are deferred. Measured on a core with 1 MB of L2 cache: a chain of 20 operations
# takes 20 % less time that way, with twice the bytes 30 % less, with half 10 %; one of two operations, which gains nothing,
# takes up to 15 % more, and with half the bytes 30 %.
HUGE = 1 << 21
# How a program computes: making an array for each line, overwriting temporaries, or later, together with others.
AT_ONCE, IN_PLACE, DEFERRED = 0, 1, 2
MANY = 64  # programs of a primitive for numbers, which may keep changing
_ADD, _SUB, _MUL, _DIV, _NEG, _WHERE = (primitive_of(op) for op in (add, sub, mul, div, neg, where_p))


# What a program is: from the trace and one operand or two (else None) to the result with its tangent.
Push = Callable[[Trace, Any, Any], Pushed | None]


class Symbol(Tracer):
    """An operand of a rule, known by its name and dtype; it is minus what has the name if `negated`.

    `number` says that it is a Python number.
    """

    __slots__ = ("negated", "number")

    def __init__(self, trace: Trace, name: str, dtype: dtypes.DType, number: bool = False, negated: bool = False):
        self._trace = trace
        self.value = name
        self.number = Aval((), dtype), number
        self.negated = negated

    def __neg__(self) -> Symbol:
        return Symbol(self._trace, self.value, self.dtype, self.number[1], not self.negated)

    @property
    def aval(self) -> Aval:
        """Shape and dtype; the shape is that of one element."""
        return self.number[0]


# What an operation is when operands are negated (which): another of what they are minus of, in this order (1) or the
# other (-1), and whether its result is negated. Rounding is symmetric, so that only the signs of zeros can change.
TURNED = {
    (_ADD, (True, True)): (_ADD, 1, True),
    (_ADD, (True, False)): (_SUB, -1, False),
    (_ADD, (False, True)): (_SUB, 1, False),
} | {
    (p, minus): (p, 1, minus[0] is not minus[1])
    for p in (_MUL, _DIV)
    for minus in ((True, True), (True, False), (False, True))
}


class Unsuited(Exception):
    """A rule does something that a program of NumPy functions cannot do alike."""


class Writing(Trace):
    """The interpreter that writes lines."""

    __slots__ = ("dtype", "lines")

    def __init__(self, dtype: dtypes.DType):
        super().__init__(level=0)
        self.dtype = dtype
        self.lines: list[Line] = []

    def process(self, primitive: Primitive, args: tuple[Value, ...], params: Params) -> Any:
        """Write a line, for minus the result where that saves changing a sign."""
        if primitive is _NEG and isinstance(args[0], Symbol):
            return -args[0]
        minus: Any = tuple(isinstance(a, Symbol) and a.negated for a in args)
        if not any(minus):
            return self._line(primitive, args, params)
        if (primitive, minus) not in TURNED:
            return self._line(primitive, tuple(self._turned(a) if m else a for a, m in zip(args, minus)), params)
        instead, step, negated = TURNED[primitive, minus]
        made = self._line(instead, tuple(-a if m else a for a, m in zip(args, minus))[::step], params)
        return -made if negated else made

    def _turned(self, symbol: Symbol) -> Symbol:
        return self._line(_NEG, (-symbol,), {})

    def _line(self, primitive: Primitive, args: tuple[Value, ...], params: Params) -> Symbol:
        out = primitive.abstract(*map(avals_of, args), **params)
        if out.dtype not in (self.dtype, dtypes.bool_) or params:
            raise Unsuited
        if all(not isinstance(a, Symbol) or a.number[1] for a in args):
            raise Unsuited  # arithmetic of numbers alone, which NumPy does in float64
        operands = [a.value if isinstance(a, Symbol) else a for a in args]
        function = primitive.impls[np.ndarray]
        if primitive is _WHERE:
            function = select
        if not self._suits(primitive, function, operands):
            raise Unsuited
        line = Line(f"v{len(self.lines)}", function, operands, out.dtype)
        self.lines.append(line)
        return Symbol(self, line.name, out.dtype)

    def _suits(self, primitive: Primitive, function: Any, operands: list[Any]) -> bool:
        if isinstance(function, np.ufunc) or function is select:
            return all(isinstance(a, str) or _is_number(a) for a in operands)
        return self.dtype in primitive.direct and all(isinstance(a, str) for a in operands)


def _is_number(x: Any) -> bool:
    return type(x) is float or type(x) is int


def known(primitive: Primitive, key: tuple[str, dtypes.DType, int], operands: tuple[Any, Any]) -> Push:
    """Return the program for operands of the kinds, the dtype and the way of computing that a key has, and keep it."""
    kinds, dtype, how = key
    if primitive.name in BY_VALUE and "n" in kinds:
        made = _by_value(primitive, kinds, dtype, how)
    else:
        made = program(primitive, kinds, operands, dtype, how)
    primitive.pushes[key] = made
    return made


def _by_value(primitive: Primitive, kinds: str, dtype: Any, how: int) -> Push:
    """Return a function that makes a program for each number it meets, and keeps those used last."""
    place = kinds.index("n")

    @lru_cache(MANY)
    def of(number: float) -> Push:
        return program(primitive, kinds, (number, number), dtype, how)

    def push(trace: Trace, x: Any, y: Any) -> Pushed | None:
        return of((x, y)[place])(trace, x, y)

    return push


def _unsuited(trace: Trace, x: Any, y: Any) -> None:
    """Stand for a program where the rules are not suited for one."""


def program(primitive: Primitive, kinds: str, operands: tuple[Any, Any], dtype: Any, how: int) -> Push:
    """Return the function of operands that computes a primitive and its tangent, or nothing if its rules are not suited.

    For each operand, the kind is "t" for a `Pushed`, "m" for one with a negated tangent, "a" for an Array, "n" for a
    number; the second is "s" if it is the same as the first, tangent and all, "o" if it is minus the first.
    """
    by_value = primitive.name in BY_VALUE
    if type(primitive.jvp) is not tuple or dtype not in primitive.direct:
        return _unsuited
    if "n" in kinds and not (by_value or isinstance(primitive.impls[np.ndarray], np.ufunc)):
        return _unsuited  # only ufuncs and operators let numbers give way
    trace = Writing(dtype)
    inputs = [
        x if kind == "n" and by_value else Symbol(trace, name, dtype, kind == "n")
        for name, kind, x in zip("xy", kinds, operands)
    ]
    env = [Symbol(trace, "out", dtype), *inputs]
    try:
        total = _tangent(trace, primitive, kinds, env)
    except (Unsuited, MinitorchError):
        return _unsuited
    if not isinstance(total, Symbol) or total.dtype != dtype:
        return _unsuited
    lines = [Line("out", primitive.impls[np.ndarray], list("xy"[: len(kinds)]), dtype), *trace.lines]
    taken = [(kind, name) for kind, name in zip(kinds, "xy") if not (kind == "n" and by_value)]
    text, tangent = (_in_place if how else _at_once)(lines, total.value)
    push = _compiled([_TAKEN[kind].format(name) for kind, name in taken], text, tangent, total.negated, lines, dtype)
    if how != DEFERRED:
        return push
    numbers = dict(zip("xy", operands)) if len(taken) < len(kinds) else {}
    return _deferring(taken, _recipe(taken, numbers, lines, total.value, dtype), total.negated, push, dtype)


def _tangent(trace: Writing, primitive: Primitive, kinds: str, env: list[Any]) -> Any:
    """Write the sum over operands of what their rules say; the environment has the result and the operands."""
    directions = _directions(trace, kinds)
    if (
        primitive is _MUL and kinds[1] in "so"
    ):  # x dx + x dx, or minus that: a pass less if the terms are known to be one
        half = trace.process(_MUL, (env[1], directions[0]), {})
        double = trace.process(_ADD, (half, half), {})
        return double if kinds[1] == "s" else -double
    total: Any = None
    for i, direction in enumerate(directions):
        rule = primitive.jvp[i]
        if direction is not None and isinstance(rule, Rule):
            given = [avals_of(env[k]) if is_aval else env[k] for is_aval, k in rule.sources]
            part = rule.function(direction, *given)
            total = part if total is None else trace.process(_ADD, (total, part), {})
    return total


def _directions(trace: Writing, kinds: str) -> list[Symbol | None]:
    made: list[Symbol | None] = []
    for name, kind in zip("xy", kinds):
        if kind in "so":
            assert made[0] is not None
            made.append(made[0] if kind == "s" else -made[0])
        else:
            made.append(Symbol(trace, f"d{name}", trace.dtype, negated=kind == "m") if kind in "tm" else None)
    return made


# --------------------------------------------------------------------------- programs as Python text


# How a program takes an operand of a kind.
_TAKEN = {"a": "{0} = {0}._data", "n": "{0} = asarray({0}, dtype)"}
_TAKEN |= dict.fromkeys("tm", "{0}, d{0} = {0}.data, {0}.moved") | dict.fromkeys("so", "{0} = {0}.data")
_NAMES = {"asarray": _asarray, "ndarray": np.ndarray, "new": _new, "Pushed": Pushed}


def _compiled(given: list[str], text: list[str], tangent: str, negated: bool, lines: list[Line], dtype: Any) -> Push:
    """Make a function of the program's text. NumPy makes scalars of results without axes: these are arrays again."""
    space: dict[str, Any] = {"__name__": __name__, "dtype": dtype, **_NAMES}
    for k, line in enumerate(lines):
        space[f"f{k}"] = line.function
        # A ufunc takes a 0-d array in half the time of a number.
        space |= {f"c{k}_{i}": np.asarray(a, dtype) for i, a in enumerate(line.operands) if not isinstance(a, str)}
    computed = [line.name for line in lines]
    wrapped = [
        "made = new(Pushed)",
        "made._trace = trace",
        "made.data = out if type(out) is ndarray else asarray(out)",
        f"made.moved = {tangent}"
        + (f" if type({tangent}) is ndarray else asarray({tangent})" if tangent in computed else ""),
        f"made.negated = {negated}",
        *(["made.mirror = x"] if lines[0].function is _NEG.impls[np.ndarray] else []),
        "return made",
    ]
    source = "\n".join(["def push(trace, x, y):", *(f"    {line}" for line in given + text + wrapped)])
    exec(compile(source, __file__, "exec"), space)
    return space["push"]  # type: ignore[no-any-return]


def _call(k: int, line: Line, place: dict[str, str], out: str | None = None) -> str:
    operands = [place.get(a, a) if isinstance(a, str) else f"c{k}_{i}" for i, a in enumerate(line.operands)]
    return f"f{k}({', '.join(operands + ([f'out={out}'] if out else []))})"


def _at_once(lines: list[Line], result: str) -> tuple[list[str], str]:
    """Return the text, and the name that the result has in the end."""
    return [f"{line.name} = {_call(k, line, {})}" for k, line in enumerate(lines)], result


def _in_place(lines: list[Line], result: str) -> tuple[list[str], str]:
    """Let an operation overwrite an operand that is read for the last time: memory costs more than arithmetic."""
    last = {name: k for k, line in enumerate(lines) for name in line.operands if isinstance(name, str)}
    kind = {line.name: line.dtype for line in lines[1:]}
    for line in lines[1:]:
        if not isinstance(line.function, np.ufunc) and line.function is not select:
            for name in (line.name, *line.operands):  # it may return what it was given
                kind.pop(name, None)
    place: dict[str, str] = {}
    text = []
    for k, line in enumerate(lines):
        spent = [a for a in line.operands if a in kind and a != result and last[a] == k and kind[a] == line.dtype]
        over = None
        if spent and isinstance(line.function, np.ufunc):
            over = place.get(spent[-1], spent[-1])  # made last: memory that is given back in order stays ours
        text.append(f"{over or line.name} = {_call(k, line, place, over)}")
        place[line.name] = over or line.name
    return text, place.get(result, result)


# --------------------------------------------------------------------------- programs for later


# What a program takes of an operand of a kind; that of a number is not known before.
_BUFFERS: dict[str, Callable[[Any], tuple[Operand, ...]]] = {"a": lambda x: (x._data,)}
_BUFFERS |= dict.fromkeys("tm", lambda x: (held(x).data, held(x).moved)) | dict.fromkeys(
    "so", lambda x: (held(x).data,)
)


def _recipe(
    taken: list[tuple[str, str]], numbers: dict[str, Any], lines: list[Line], tangent: str, dtype: Any
) -> Recipe:
    """Return the program as a recipe; `numbers` are operands that it was made for."""
    inputs = [name for kind, x in taken for name in (x, f"d{x}")[: 1 + (kind in "tm")]]
    first, *others = lines
    given = [a if a in inputs else numbers[a] for a in first.operands]
    # As an array without axes, which is what the program that runs at once takes.
    lines = [Line(first.name, first.function, given, dtype)] + [
        replace(line, operands=[a if isinstance(a, str) else _asarray(a, dtype) for a in line.operands])
        for line in others
    ]
    made = [name for name in dict.fromkeys(("out", tangent)) if name not in inputs]
    row = [*inputs, *made]
    return Recipe(inputs, lines, made, [row.index("out"), row.index(tangent)])


def _deferring(taken: list[tuple[str, str]], recipe: Recipe, negated: bool, at_once: Push, dtype: Any) -> Push:
    """Make a function that writes the program down, for arrays without gaps, and leaves others to one that runs it."""
    negates = recipe.lines[0].function is _NEG.impls[np.ndarray]

    def push(trace: Any, x: Any, y: Any) -> Pushed | None:
        errors = np.geterr()
        if not QUIET.issuperset(errors.values()):
            return at_once(trace, x, y)  # which raises, or calls what was set, where the operation stands
        inputs: list[Operand] = []
        for kind, name in taken:
            operand = x if name == "x" else y
            inputs += (_asarray(operand, dtype),) if kind == "n" else _BUFFERS[kind](operand)
        if not all(type(a) is Promise or (type(a) is np.ndarray and a.flags.c_contiguous) for a in inputs):
            return at_once(trace, x, y)
        like = next(a.batch.like if type(a) is Promise else a for a in inputs if type(a) is Promise or a.ndim)
        batch, (data, moved) = written(trace.batches, recipe, inputs, like, errors)
        made = pushed(trace, data, moved, negated)
        if negates:
            made.mirror = inputs[0]
        return deferred(made, batch.like)

    return push
