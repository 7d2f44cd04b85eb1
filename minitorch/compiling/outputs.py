"""Outputs: where those of a program stand, when it has run, in the list of what a call makes and holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from operator import itemgetter
from typing import Any

from ..core.array import wrap
from ..core.jit.native.pairs import Unreadable
from .capture import Number
from .program import Fresh


class Outputs:
    """The outputs that somebody wants, of a program entered by a `Quick`; `behind` is the first place of what is held.

    `found` pairs the number of each with its place, `shaped` with the shape that it has to get. Constants are entered here
    and now.
    """

    def __init__(self, quick: Any, behind: int):
        self.quick, self.program, self.bound = quick, quick.program, quick.bound
        self.count = len(self.bound.plan.recipes)
        derivative = self.program.derivative
        # Few, as a rule, but those that a backward pass keeps.
        self.blank: Any = {} if derivative is None else [None] * self.count
        self.found, self.shaped = self._found(behind)
        is_whole = len(self.found) == self.count if derivative is not None else not self.blank
        self.is_direct = is_whole and all(j == place for j, place in self.found) and not self.shaped
        in_order = [j for j, _ in self.found] == [*range(self.count)] and not self.shaped
        self.pick = itemgetter(*[place for _, place in self.found]) if in_order and self.count > 1 else None
        self.are_held = any(place >= len(self.bound.new) for _, place in self.found)

    def of(self, held: list[Any]) -> Any:
        """Return the outputs, by their numbers."""
        if self.pick is not None:
            return self.pick(held)
        if self.is_direct:
            return held[: self.count]
        outs = self.blank.copy()
        for j, place in self.found:
            outs[j] = held[place]
        for j, shape in self.shaped:
            outs[j] = wrap(outs[j]._data.reshape(shape))
        return outs

    def has(self, numbers: Iterable[int | None]) -> bool:
        """Return whether all outputs of these numbers have a place: those that are constant have none."""
        found = dict(self.found)
        return all(j is None or j in found for j in numbers)

    def residuals(self) -> Any:
        """Return what picks those that a backward pass keeps; Unreadable if one is no plain array of a call."""
        kept = self.kept()
        found = dict(self.found)
        if not self.has(kept):
            raise Unreadable("a constant that is kept")
        if len(kept) > 1:
            return itemgetter(*[found[j] for j in kept])
        first = slice(found[kept[0]], found[kept[0]] + 1) if kept else slice(0)
        return itemgetter(first)

    def kept(self) -> Sequence[int]:
        """Return the numbers of those that a backward pass keeps."""
        derivative = self.program.derivative
        return range(self.count - (0 if derivative is None else len(derivative.residuals)), self.count)

    def _found(self, behind: int) -> tuple[list[tuple[int, int]], list[tuple[int, Any]]]:
        plan, program = self.bound.plan, self.program
        wanted = {r.index for r in program.made if type(r) is Fresh}
        wanted.update(j for _, j in self.quick.rest if j is not None)
        wanted.update(self.kept())
        arrays = [i for i in plan.arrays if not isinstance(program.sources[i], Number)]
        given = dict(zip(arrays, count(behind)))
        places = {out: i for i, (out, _, _) in enumerate(self.bound.new)}
        places |= {out: given[i] for out, i in plan.donated}
        places |= dict(zip(self.bound.recycled, count(behind + len(arrays))))
        found, shaped = [], []
        for j in sorted(wanted):
            kind, which, shape = plan.recipes[j]
            if kind == "constant":
                self.blank[j] = which
                continue
            place = given.get(which) if kind == "input" else places[which]
            if place is None:
                raise Unreadable("a number that is a result")
            found.append((j, place))
            if kind == "fresh" and plan.fresh[which][0] != shape:
                shaped.append((j, shape))
        return found, shaped
