"""Pointwise operations with their tangents, on buffers.

A derivative rule is run once on symbols, which write down what it does; from that comes a Python function that computes
a result and its tangent with NumPy alone, and overwrites temporaries where it can. It is the rule itself, without the
dispatch and most of the memory traffic of its operations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import dtypes
from .aval import Aval
from .errors import MinitorchError
from .ops.families import primitive_of
from .ops.pointwise import add, select, where_p
from .primitive import Params, Primitive, Rule, Trace, Tracer, Value, avals_of

Push = Callable[..., tuple[Any, Any]]

# Rules of these ask whether an operand is a number, and which: each number gets a program of its own.
BY_VALUE = frozenset(("pow",))
LARGE = 1 << 12  # elements from which on temporaries are overwritten; NumPy's `out=` costs 0.4 us
MANY = 64  # programs of a primitive, for exponents that keep changing
_ADD, _WHERE = primitive_of(add), primitive_of(where_p)


class Symbol(Tracer):
    """An operand of a rule, known by its name and dtype. `number` says that it is a Python number."""

    __slots__ = ("number",)

    def __init__(self, trace: Trace, name: str, dtype: dtypes.DType, number: bool = False):
        self._trace = trace
        self.value = name
        self.number = Aval((), dtype), number

    @property
    def aval(self) -> Aval:
        """Shape and dtype; the shape is that of one element."""
        return self.number[0]


class Unsuited(Exception):
    """A rule does something that a program of NumPy functions cannot do alike."""


@dataclass(frozen=True, slots=True)
class Line:
    """`name = function(*operands)`; operands are names or numbers."""

    name: str
    function: Any
    operands: list[Any]
    dtype: dtypes.DType


class Writing(Trace):
    """The interpreter that writes lines."""

    __slots__ = ("dtype", "lines")

    def __init__(self, dtype: dtypes.DType):
        super().__init__(level=0)
        self.dtype = dtype
        self.lines: list[Line] = []

    def process(self, primitive: Primitive, args: tuple[Value, ...], params: Params) -> Any:
        """Write a line."""
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


class Missing:
    """Says that a program has not been asked for yet."""


MISSING: Any = Missing()


def known(primitive: Primitive, key: Any, kinds: str, operands: Sequence[Any]) -> Push | None:
    """Return the program for operands, and keep it under a key; it is not kept when there are many already."""
    data = next(a for a in operands if isinstance(a, np.ndarray))
    made = program(primitive, kinds, operands, data.dtype, data.size >= LARGE)
    if len(primitive.pushes) < MANY:
        primitive.pushes[key] = made
    return made


def program(primitive: Primitive, kinds: Sequence[str], numbers: Sequence[Any], dtype: Any, large: bool) -> Push | None:
    """Return the function of buffers that computes a primitive and its tangent, None if its rules are not suited.

    For each operand, the kind is "t" for an array with a tangent, "a" for one without, "n" for a number. The function
    takes the operands, then the tangents. For `large` arrays it overwrites temporaries.
    """
    by_value = primitive.name in BY_VALUE
    if type(primitive.jvp) is not tuple or dtype not in primitive.direct:
        return None
    if "n" in kinds and not (by_value or isinstance(primitive.impls[np.ndarray], np.ufunc)):
        return None  # only ufuncs and operators let numbers give way
    trace = Writing(dtype)
    inputs = [
        x if kind == "n" and by_value else Symbol(trace, f"x{i}", dtype, kind == "n")
        for i, (kind, x) in enumerate(zip(kinds, numbers))
    ]
    env = [Symbol(trace, "out", dtype), *inputs]
    moving = [i for i, kind in enumerate(kinds) if kind == "t" and isinstance(primitive.jvp[i], Rule)]
    try:
        total: Any = None
        for i in moving:
            rule = primitive.jvp[i]
            given = [avals_of(env[k]) if is_aval else env[k] for is_aval, k in rule.sources]
            part = rule.function(Symbol(trace, f"t{i}", dtype), *given)
            total = part if total is None else trace.process(_ADD, (total, part), {})
    except (Unsuited, MinitorchError):
        return None
    if not isinstance(total, Symbol) or total.dtype != dtype:
        return None
    operands = [f"x{i}" for i in range(len(kinds))]
    tangents = [f"t{i}" for i, kind in enumerate(kinds) if kind == "t"]
    lines = [Line("out", primitive.impls[np.ndarray], operands, dtype), *trace.lines]
    numbers = [] if by_value else [f"x{i}" for i, kind in enumerate(kinds) if kind == "n"]
    text = _in_place(lines, total.value) if large else _at_once(lines, total.value)
    return _compiled(operands + tangents, [f"{n} = asarray({n}, dtype)" for n in numbers] + text, lines, dtype)


# --------------------------------------------------------------------------- programs as Python text


def _compiled(arguments: list[str], text: list[str], lines: list[Line], dtype: Any) -> Push:
    """Make a function of the program's text."""
    space: dict[str, Any] = {"__name__": __name__, "asarray": np.asarray, "dtype": dtype}
    for k, line in enumerate(lines):
        space[f"f{k}"] = line.function
        # A ufunc takes a 0-d array in half the time of a number.
        space |= {f"c{k}_{i}": np.asarray(a, dtype) for i, a in enumerate(line.operands) if not isinstance(a, str)}
    source = "\n".join([f"def push({', '.join(arguments)}):", *(f"    {line}" for line in text)])
    exec(compile(source, __file__, "exec"), space)
    return space["push"]  # type: ignore[no-any-return]


def _call(k: int, line: Line, place: dict[str, str], out: str | None = None) -> str:
    operands = [place.get(a, a) if isinstance(a, str) else f"c{k}_{i}" for i, a in enumerate(line.operands)]
    return f"f{k}({', '.join(operands + ([f'out={out}'] if out else []))})"


def _at_once(lines: list[Line], result: str) -> list[str]:
    return [f"{line.name} = {_call(k, line, {})}" for k, line in enumerate(lines)] + [f"return out, {result}"]


def _in_place(lines: list[Line], result: str) -> list[str]:
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
    return [*text, f"return out, {place.get(result, result)}"]
