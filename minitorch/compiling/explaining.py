"""What `explain` prints: one program, from what was recorded to the kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from textwrap import indent, wrap
from typing import Any

import numpy as np

from ..core.array import wrap as as_array
from ..core.jit.graph import Names, Var, text
from ..core.jit.lower.measure import measured
from ..core.jit.lower.plan import Plan
from ..core.jit.passes.bundles import written_out
from ..core.tracer import Value
from .capture import Argument, Number
from .describing import Called, conditions
from .guards import Surroundings
from .program import Again, Fixed, Fresh, Program, Refill, Seen

WIDTH = 112


@dataclass(frozen=True)
class Subject:
    """A compiled function with one of its programs, and the values of its inputs if there are any."""

    name: str
    function: Callable[..., Any]
    static: frozenset[int]
    key: Any
    program: Program
    around: Surroundings
    values: list[Value] | None

    @property
    def called(self) -> Called:
        """The names of what the program reads and writes."""
        return Called(self.function, self.static, self.key[0][0], self.around)


def explained(subject: Subject, is_measured: bool) -> str:
    """Return the text."""
    called, program = subject.called, subject.program
    names, plan = Names(), program.plan
    recorded = text(program.graph, names=names)
    parts = [
        _section(f"{subject.name}: what goes in", _inputs(program, names, called)),
        _section("what comes out", _outputs(program, names, called)),
        _section("recorded again unless these are as they were", _conditions(subject, called)),
        _section("graph, as recorded", recorded.splitlines()),
    ]
    parts += _planned("", plan, _times(subject) if is_measured and isinstance(plan, Plan) else None)
    derivative = program.derivative
    if derivative is not None and derivative.live:
        parts += _planned(" of the backward pass", derivative.plan, None)
    return "\n\n".join(parts)


def _section(title: str, lines: Iterable[str]) -> str:
    return f"{title}\n{indent(chr(10).join(lines), '    ')}"


def _conditions(subject: Subject, called: Called) -> Iterator[str]:
    for item in conditions(subject.program, subject.around, subject.key, called):
        yield from wrap(item, WIDTH, initial_indent="- ", subsequent_indent="  ")


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Align the columns."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()


# --------------------------------------------------------------------------- state


def _inputs(program: Program, names: Names, called: Called) -> Iterator[str]:
    rows = []
    for source, var in zip(program.sources, program.graph.inputs, strict=True):
        kind = {Argument: "argument", Number: "number, read at each call"}.get(type(source), "state, read at each call")
        rows.append((names(var), called.source(source), str(var.aval), kind))
    yield from _table(rows) if rows else ("nothing",)


def _outputs(program: Program, names: Names, called: Called) -> Iterator[str]:
    outputs = program.graph.outputs
    rows = [_result(i, result, outputs, names) for i, result in enumerate(program.results)]
    in_place = program.in_place if isinstance(program.plan, Plan) else set()
    for target, index in program.writes:
        name = called.source(target)
        if index is None:
            rows.append(("", name, "", "None" if target.tensor is None else f"the tensor {called.same(target.tensor)}"))
        else:
            manner = RECYCLED if isinstance(target, Refill) else IN_PLACE if index in in_place else NEW
            rows.append((names(outputs[index]), name, _aval(outputs[index]), manner))
    derivative = program.derivative
    for a in derivative.residuals if derivative is not None and derivative.live else ():
        rows.append((names(a), "kept for the backward pass", _aval(a), ""))
    yield from _table(rows) if rows else ("nothing",)
    if any(row[3] in (IN_PLACE, RECYCLED) for row in rows):
        yield f"{IN_PLACE}: over the old value, unless somebody else holds it; {RECYCLED}: over the last one, likewise"


IN_PLACE, RECYCLED, NEW = "in place", "a new tensor, recycled", "a new value"


def _result(i: int, result: Any, outputs: list[Any], names: Names) -> tuple[str, str, str, str]:
    if isinstance(result, Fresh):
        return names(outputs[result.index]), f"result {i}", _aval(outputs[result.index]), NEW
    if isinstance(result, Fixed):
        return "", f"result {i}", "", f"always {result.value!r}"
    if isinstance(result, Again):
        return "", f"result {i}", "", f"the same tensor as result {result.position}"
    if isinstance(result, Seen):
        return "", f"result {i}", "", "a view, which shares its memory with an argument, a tensor or another result"
    return "", f"result {i}", "", "the very tensor that was passed or closed over"


def _aval(atom: Any) -> str:
    return str(atom.aval) if isinstance(atom, Var) else ""


# --------------------------------------------------------------------------- plans


def _planned(which: str, plan: Any, times: list[float] | None) -> Iterator[str]:
    if isinstance(plan, Plan):
        names = Names()
        graph = written_out(plan.program.graph, plan.program.operations.copies)
        yield _section(f"graph{which}, optimized", text(graph, names=names).splitlines())
        yield _section(f"plan{which}", plan.explain(names, times).splitlines())


def _times(subject: Subject) -> list[float]:
    """Time the steps on the given values, or on zeros of the same kinds."""
    program = subject.program
    values = subject.values
    if values is None:
        pairs = zip(program.sources, program.graph.inputs, strict=True)
        values = [_zeros(v) if isinstance(s, Argument) else s.read([]) for s, v in pairs]
    return measured(program.plan, values)


def _zeros(var: Var) -> Any:
    if var.aval.weak:
        return var.aval.dtype.type(0).item()
    return as_array(np.zeros(var.aval.shape, var.aval.dtype))
