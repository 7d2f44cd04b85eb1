"""The shortest way into a program: one native look at everything it depends on, then its kernels.

`Quick` knows which objects have to be where; `Entrance` knows where they lie. State is read and written in its place,
gradients that nobody has looked at are written again, numbers are read from their dicts. Whatever cannot be read where it
lies has no entrance, and whatever is not as it was is left to `Quick`.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np

from ..core.array import Array
from ..core.jit.lower.plan import Frame
from ..core.jit.native.entry import (
    ALIAS,
    ARGUMENT,
    GRADIENT,
    HELD,
    NEW,
    NUMBER,
    TENSOR,
    Entry,
    Pairs,
    Row,
    Unreadable,
)
from ..core.tape import context
from ..tensor.handle import Tensor, ambient
from ..tensor.hooks import changes
from .capture import Argument, Field, Number
from .derivative import spent
from .program import Fresh
from .snapshots import Group, snapshot

MISS: Any = object()  # what a call returns that was not admitted
_context = context.get
_empty = np.empty
_new = object.__new__


class Entrance:
    """The entries of a program, one for each frame, and how its result is made. `quick` is a `Quick`."""

    def __init__(self, quick: Any):
        bound, program = quick.bound, quick.program
        if bound is None or not bound.is_short or program.derivative is not None:
            raise Unreadable("program")
        self.quick, self.bound, self.around = quick, bound, quick.around
        self.epoch = quick.around.epoch
        self.optimizers = [(o, o.param_groups, o.state) for o, _ in quick.around.optimizers]
        self.new = [(shape, dtype) for _, shape, dtype in bound.new]
        places = {out: i for i, (out, _, _) in enumerate(bound.new)}
        self.results = [self._result(r, places) for r in program.results]
        self.rest = [(t, None if j is None else self._fresh(j, places)) for t, j in quick.rest]
        self.only = self.results[0] if program.is_leaf else None
        self.pairs = Pairs()
        self.scopes: list[tuple[Any, Any, Any]] = []  # what cannot be read where it lies: table, key, value
        self._note_guards()
        self.seats: list[tuple[Entry, Frame]] = []
        self.seats.append(self._seat())

    # ------------------------------------------------------------------ calling

    def run(self, args: tuple[Any, ...]) -> Any:
        """Return the result; `MISS`, with nothing written, if anything is not as it was."""
        if self.epoch != changes.count:
            return MISS
        for o, groups, state in self.optimizers:
            if o.param_groups is not groups or o.state is not state:
                return MISS
        if self.scopes and not all(table[key] is value for table, key, value in self.scopes):
            return MISS
        if self.around.mutable and any(snapshot(place.read()) != was for place, _, was in self.around.mutable):
            return MISS
        try:
            seat = self.seats.pop()
        except IndexError:
            seat = self._seat()
        news = []
        for shape, dtype in self.new:
            made: Array = _new(Array)
            made._data = _empty(shape, dtype)
            news.append(made)
        try:
            if not seat[0].run(args, news):
                return MISS
        finally:
            self.seats.append(seat)
        for target, at in self.rest:
            target.write(args, None if at is None else news[at])
        here = _context()
        tape = here.frame.ambient or ambient()
        recording = here.muted < tape.level
        if self.only is not None:
            return _finished(self.only, news, tape, recording)
        return self.quick.program.structure.unflatten([_finished(r, news, tape, recording) for r in self.results])

    # ------------------------------------------------------------------ what has to be where

    def _result(self, r: Any, places: dict[int, int]) -> tuple[int, type | None, bool]:
        if type(r) is not Fresh:
            raise Unreadable("result")
        return self._fresh(r.index, places), r.kind, r.spent

    def _fresh(self, j: int, places: dict[int, int]) -> int:
        """Return which of the new arrays output number `j` is."""
        kind, which, shape = self.bound.plan.recipes[j]
        if kind != "fresh" or which not in places or shape != self.bound.plan.fresh[which][0]:
            raise Unreadable("output")
        return places[which]

    def _note_guards(self) -> None:
        """Note the words that must be what they are: closures, globals, handles, options and state of optimizers."""
        quick, pairs = self.quick, self.pairs
        for owner, name in quick.guarded:
            pairs.slot(owner, name)
        for table, key, value in zip(self.around.maps, self.around.keys, self.around.values):
            try:
                pairs.entry(table, key)
            except Unreadable:
                self.scopes.append((table, key, value))
        lifted = {(id(n.owner), n.name) for n in quick.numbers}
        for group in self.around.groups:
            self._note_group(group, lifted)
        for table, owner, inner, name in zip(quick.tables, quick.owners, quick.dicts, quick.names):
            pairs.entry(table, owner)
            pairs.entry(inner, name)  # type: ignore[arg-type]

    def _note_group(self, group: Group, lifted: set[tuple[int, str]]) -> None:
        self.pairs.items(group.groups)
        self.pairs.size(group.group)
        for name in group.group:
            if (id(group.group), name) not in lifted:
                self.pairs.entry(group.group, name)
        self.pairs.items(group.group["params"])

    # ------------------------------------------------------------------ where the arrays are

    def _seat(self) -> tuple[Entry, Frame]:
        """Make a frame and its entry."""
        frame = self.bound.frame()
        quick, first = self.quick, len(self.bound.blank)
        rows = [*self._inputs(first, frame), *self._outputs(first, frame)]
        watched = [self.pairs.slot_address(cell, "grad") for cell in quick.cells]
        forbidden = list(chain(self.around.tensors, quick.held))
        addresses, parts = frame.leaves.addresses, frame.parts()
        kinds = len(quick.kinds)
        return Entry(kinds, self.pairs, rows, addresses, forbidden, watched, parts, frame.flag, Tensor), frame

    def _inputs(self, first: int, frame: Frame) -> list[Row]:
        quick = self.quick
        needed = set(self.bound.plan.donated_arrays)
        holders = iter(quick.holders)
        made = []
        for at, source in enumerate(quick.program.sources, first):
            shape, dtype = frame.expected[at]
            alone = at in needed
            if isinstance(source, Argument):
                i = source.index
                kind = ARGUMENT if quick.kinds[i] is Array else TENSOR
                made.append(Row(kind, i, at, shape, dtype, id(quick.kinds[i]), quick.tracked[i], alone))
            elif isinstance(source, Number):
                if (shape, dtype) != ((), np.float64):
                    raise Unreadable("number")
                where = self.pairs.entry(source.owner, source.name, compared=False)
                number = np.zeros((), np.float64)
                self.pairs.kept.append(number)
                made.append(Row(NUMBER, where, at, kind_of=number.ctypes.data))
            else:
                owner, name = (source.owner, source.name) if isinstance(source, Field) else (next(holders), "value")
                made.append(Row(HELD, self.pairs.slot_address(owner, name), at, shape, dtype, needed=alone))
        return made

    def _outputs(self, first: int, frame: Frame) -> list[Row]:
        bound = self.bound
        made = []
        for i, (out, shape, dtype) in enumerate(bound.new):
            made.append(Row(NEW, i, out, shape, dtype))
        for cell, out in zip(self.quick.again, bound.recycled):
            where = self.pairs.slot_address(cell, "grad")
            made.append(Row(GRADIENT, where, out, *frame.expected[out], id(Tensor), False, True))
        made += [Row(ALIAS, at, out) for (out, _), at in zip(bound.plan.donated, bound.plan.donated_arrays)]
        return made


def _finished(result: tuple[int, type | None, bool], news: list[Array], tape: Any, recording: bool) -> Any:
    """Return a result of the function: an array, or a tensor of it."""
    at, kind, is_spent = result
    if kind is None:
        return news[at]
    made: Tensor = _new(Tensor)
    made._trace = tape
    made.value = news[at]
    made._view = None
    made.node = spent(news[at]) if is_spent and recording else None
    if kind is not Tensor:
        made.__class__ = kind
    return made


def entrance(quick: Any) -> Entrance | None:
    """Return the shortest way into a program, None if something that it depends on cannot be read where it lies."""
    try:
        return Entrance(quick)
    except Unreadable:
        return None
