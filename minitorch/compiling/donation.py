"""Donation: arguments that the caller gives up, so that results may be written into their memory.

A donated array is emptied when the program runs: using it afterwards raises. If the run fails it gets its data back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from ..core import tree
from ..core.array import Array, wrap
from ..core.errors import JitError
from ..core.tracer import Value
from ..tensor.handle import Tensor
from .capture import Argument
from .program import Fresh, Program


class Donated:
    """Stands where the data of a donated array was."""

    __slots__ = ()

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # what Python itself asks every object for
            raise AttributeError(name)
        raise JitError(
            "jit: this array was donated to a compiled function (donate_argnums) and its memory used for a result; use the "
            "result instead, or do not donate the argument"
        )


_GONE: Any = Donated()


def donated_leaves(args: Sequence[Any], positions: frozenset[int]) -> set[int]:
    """Return the numbers of the leaves of donated arguments."""
    found: set[int] = set()
    at = 0
    for i, arg in enumerate(args):
        count = len(tree.flatten_until(arg, Tensor)[0])
        if i in positions or i - len(args) in positions:
            found.update(range(at, at + count))
        at += count
    return found


def pairs(program: Program, leaves: set[int]) -> dict[int, int]:
    """Return which result may take which donated argument's place: those of one shape and dtype, in order."""
    free = [r.index for r in program.results if type(r) is Fresh]
    outputs = program.graph.outputs
    found: dict[int, int] = {}
    for i, source in enumerate(program.sources):
        if isinstance(source, Argument) and source.index in leaves:
            aval = program.graph.inputs[i].aval
            fitting = [j for j in free if getattr(outputs[j], "aval", None) == aval]
            if fitting:
                found[fitting[0]] = i
                free.remove(fitting[0])
    return found


def giving(run: Callable[[tuple[Any, ...]], Any], leaves: Sequence[Any], donated: Sequence[int], missed: Any) -> Any:
    """Run on leaves of which the donated ones are Arrays that only the run holds; return `missed` if some are none.

    The arguments get their data back if the run raises, or returns `missed`.
    """
    for i in donated:
        if type(leaves[i]) is not Array:
            return missed
    moved: Any = [*leaves]
    for i in donated:
        x = leaves[i]
        moved[i] = wrap(x._data)
        x._data = _GONE
    moved, out = (*moved,), missed  # which alone holds them
    try:
        out = run(moved)
    finally:
        if out is missed:
            for i in reversed(donated):  # an array that is given twice has its data where it came first
                leaves[i]._data = moved[i]._data
    return out


@contextmanager
def given_up(program: Program, leaves: set[int], values: list[Value]) -> Iterator[None]:
    """Move the data of donated arguments into Arrays that only the run holds."""
    given: list[Array] = []
    taken: list[Array] = []
    for i, source in enumerate(program.sources):
        x = values[i]
        if isinstance(source, Argument) and source.index in leaves and type(x) is Array and x._data is not _GONE:
            values[i] = wrap(x._data)  # held by two lists, as by an owner and the run
            taken.append(values[i])
            given.append(x)
            x._data = _GONE
    try:
        yield
    except BaseException:
        for x, y in zip(given, taken):
            x._data = y._data
        raise
