"""The shortest way into a program: one native look at everything it depends on, then its kernels.

`Quick` knows which objects have to be where; `Entrance` knows where they lie. State is read and written in its place,
gradients that nobody has looked at are written again, numbers are read from their dicts. Whatever cannot be read where it
lies has no entrance, and whatever is not as it was is left to `Quick`.
"""

from __future__ import annotations

from itertools import chain, count
from operator import attrgetter
from types import CellType
from typing import Any

import numpy as np

from ..core.array import Array
from ..core.config import default_float
from ..core.jit.lower.plan import Frame, OutOfBounds
from ..core.jit.native.entry import (
    ALIAS,
    ARGUMENT,
    GRADIENT,
    HELD,
    NEW,
    NUMBER,
    RECYCLED,
    TENSOR,
    VIEWED,
    Entry,
    Pairs,
    Row,
    Unreadable,
)
from ..core.tape import context
from ..tensor.handle import Tensor, ambient
from ..tensor.hooks import changes
from .capture import Argument, Field, Number, Shared
from .derivative import spent
from .guards import Names, Place
from .modes import ON, mode
from .program import Fresh, is_gradient, results
from .snapshots import Group, snapshot

MISS: Any = object()  # what a call returns that was not admitted
_value, _grad = attrgetter("value"), attrgetter("grad")
_context, _float, _mode = context.get, default_float.get, mode.get
_empty = np.empty
_new = object.__new__


class Entrance:
    """The entries of a program, one for each frame, and how its result is made. `quick` is a `Quick`.

    A short program runs inside of the look, while nobody else can have the GIL. A long one runs afterwards, and what it
    reads and writes is held meanwhile. A plain one is short, and its results are new arrays and nothing else.
    """

    def __init__(self, quick: Any):
        bound, program = quick.bound, quick.program
        if bound is None or quick.full:
            raise Unreadable("program")
        self.quick, self.bound, self.around = quick, bound, quick.around
        self.context, self.float = quick.context, quick.float
        self.views = any(quick.viewed)
        self.epoch = quick.around.epoch
        self.optimizers = [(o, o.param_groups, o.state) for o, _ in quick.around.optimizers]
        self.new = [(shape, dtype) for _, shape, dtype in bound.new]
        self.places = {out: i for i, (out, _, _) in enumerate(bound.new)}
        self.is_short = bound.is_short
        self.is_plain = self.is_short and program.derivative is None and all(map(self._is_new, _outputs(quick)))
        self.results, self.rest = self._of_new() if self.is_plain else ([], [])
        self.only = self.results[0] if self.is_plain and program.is_leaf else None
        self.may_hide, self.written = quick.around.may_hide, quick.written
        self.pairs = Pairs()
        # What cannot be read where it lies: tables with a key and its value, containers and their snapshots.
        self.scopes: list[tuple[Any, Any, Any]] = []
        self.mutable: list[tuple[Any, Any]] = []
        self._note_guards()
        self.is_wary = bool(self.scopes or self.may_hide or self.views or self.mutable)
        self.seats = [self._seat()]
        self.entry = self.seats[0][0]  # of a plain program, whose call is one native one: nobody comes in between

    # ------------------------------------------------------------------ calling

    def run(self, args: tuple[Any, ...]) -> Any:
        """Return the result; `MISS`, with nothing written, if anything is not as it was."""
        here = _context()
        if here is not self.context or _float() is not self.float or _mode() is not ON or self.epoch != changes.count:
            return MISS
        for o, groups, state in self.optimizers:
            if o.param_groups is not groups or o.state is not state:
                return MISS
        if self.is_wary and not self._is_readable(args):
            return MISS
        news = []
        for shape, dtype in self.new:
            made: Array = _new(Array)
            made._data = _empty(shape, dtype)
            news.append(made)
        if not self.is_plain:
            return self._seated(args, news)
        if not self.entry.run(args, news):
            return MISS
        for storage in self.written:
            storage.version += 1
        for target, at in self.rest:
            target.write(args, None if at is None else news[at])
        tape = here.frame.ambient or ambient()
        recording = here.muted < tape.level
        if self.only is not None:
            return _finished(self.only, news, tape, recording)
        return self.quick.program.structure.unflatten([_finished(r, news, tape, recording) for r in self.results])

    def _is_readable(self, args: tuple[Any, ...]) -> bool:
        """Return whether all is as it was which no native look can tell."""
        return (
            all(table[key] is value for table, key, value in self.scopes)
            and not (self.may_hide and self.around.hides())
            and not (self.views and not self.quick.has_views(args))
            and not any(snapshot(place.read()) != was for place, was in self.mutable)
        )

    def _seated(self, args: tuple[Any, ...], news: list[Array]) -> Any:
        """Look and run in a frame that no other thread has."""
        try:
            seat = self.seats.pop()
        except IndexError:
            seat = self._seat()
        try:
            return self._holding(*seat, args, news)
        finally:
            self.seats.append(seat)

    def _holding(self, entry: Entry, frame: Frame, args: tuple[Any, ...], news: list[Array]) -> Any:
        """Look and run, and return whatever the results are."""
        quick = self.quick
        try:
            values = [x if type(x) is Array else x.value for x in args]
            values += map(_value, quick.holders)
            values += map(_value, map(_grad, quick.read))
            again = list(map(_value, map(_grad, quick.again)))
        except AttributeError:  # an argument is no array, or there is no gradient
            return MISS
        fields = [getattr(s.owner, s.name) for s in quick.fields]
        if not entry.run(args, [*news, *values, *fields, *again]):
            return MISS
        values += [s.read(args) for s in quick.numbers]
        values += fields
        outs = self.bound.arranged(values, again, news)
        try:
            outs = frame.results(values, outs) if self.is_short else frame.replay(values, outs, outs + values)
        except OutOfBounds:
            return MISS
        quick.note_writes()
        for target, j in quick.rest:
            target.write(args, None if j is None else outs[j])
        return results(quick.program, outs, values, args)

    # ------------------------------------------------------------------ what comes out

    def _is_new(self, j: int) -> bool:
        """Return whether output number `j`, if there is one, is a new array, as it is."""
        if j < 0:
            return False
        kind, which, shape = self.bound.plan.recipes[j]
        return kind == "fresh" and which in self.places and shape == self.bound.plan.fresh[which][0]

    def _of_new(self) -> tuple[list[tuple[int, type | None, bool]], list[tuple[Any, int | None]]]:
        """Return which new arrays the results are, of which kind, and which ones are written to what is not in place."""
        at = {j: self.places[self.bound.plan.recipes[j][1]] for j in _outputs(self.quick)}
        made = [(at[r.index], r.kind, r.spent) for r in self.quick.program.results]
        return made, [(target, None if j is None else at[j]) for target, j in self.quick.rest]

    # ------------------------------------------------------------------ what has to be where

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
        for place, held, was in self.around.mutable:
            try:
                self._note_container(place, held)
            except Unreadable:
                self.mutable.append((place, was))
        lifted = {(id(n.owner), n.name) for n in quick.numbers}
        for group in self.around.groups:
            self._note_group(group, lifted)
        for table, owner, inner, name in zip(quick.tables, quick.owners, quick.dicts, quick.names):
            pairs.entry(table, owner)
            pairs.entry(inner, name)  # type: ignore[arg-type]

    def _note_container(self, place: Place, held: Any) -> None:
        """Note what a name must hold, and what must be in it."""
        pairs = self.pairs
        if isinstance(place, Names):
            pairs.size(place.where)
            for name in place.where:
                pairs.entry(place.where, name, compared=False)
            return
        if isinstance(place.where, CellType):
            pairs.slot(place.where, "cell_contents")
        else:
            pairs.entry(place.where, place.key)
        pairs.content(held)

    def _note_group(self, group: Group, lifted: set[tuple[int, str]]) -> None:
        self.pairs.items(group.groups)
        self.pairs.size(group.group)
        for name in group.group:
            if (id(group.group), name) not in lifted:
                self.pairs.entry(group.group, name)
        self.pairs.items(group.group["params"])

    # ------------------------------------------------------------------ where the arrays are

    def _seat(self) -> tuple[Entry, Frame]:
        """Return a frame and its entry."""
        frame = self.bound.take()
        quick, first = self.quick, len(self.bound.blank)
        rows = [*self._inputs(first, frame), *self._outputs(first, frame)]
        watched = [self.pairs.slot_address(cell, "grad") for cell in quick.cells]
        forbidden = list(chain(self.around.tensors, quick.held))
        addresses, parts = frame.leaves.addresses, frame.parts() if self.is_short else []
        if self.is_short:
            frame.enter()  # for good: it runs inside of the look
        rows = rows if self.is_plain else self._held(rows)
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
                kind = ARGUMENT if quick.kinds[i] is Array else VIEWED if quick.viewed[i] else TENSOR
                made.append(Row(kind, i, at, shape, dtype, id(quick.kinds[i]), quick.tracked[i], alone))
            elif isinstance(source, Number):
                if (shape, dtype) != ((), np.float64):
                    raise Unreadable("number")
                where = self.pairs.entry(source.owner, source.name, compared=False)
                number = np.zeros((), np.float64)
                self.pairs.kept.append(number)
                made.append(Row(NUMBER, where, at, kind_of=number.ctypes.data))
            elif is_gradient(source):
                where = self.pairs.slot_address(source.owner, "grad")
                made.append(Row(GRADIENT, where, at, shape, dtype, id(Tensor), False, alone))
            else:
                owner, name = (source.owner, source.name) if isinstance(source, Field) else (next(holders), "value")
                twin = self._tensor_on(source.storage) if isinstance(source, Shared) else 0
                made.append(Row(HELD, self.pairs.slot_address(owner, name), at, shape, dtype, 0, False, alone, twin))
        return made

    def _held(self, rows: list[Row]) -> list[Row]:
        """Say where each array stands in the list of those that are held, behind the new ones."""
        places = count(len(self.new))
        return [row if row.kind in (NEW, NUMBER, ALIAS) else row._replace(held=next(places)) for row in rows]

    def _tensor_on(self, storage: Any) -> int:
        """Return where a captured tensor on a storage keeps its value, which may be all of it; 0 if there is none."""
        views = ((c.tensor, c.tensor._view) for c in self.quick.program.handles)
        found = [x for x, view in views if view is not None and view.storage is storage]
        return self.pairs.slot_address(found[0], "value") if found else 0

    def _outputs(self, first: int, frame: Frame) -> list[Row]:
        bound = self.bound
        made = []
        for i, (out, shape, dtype) in enumerate(bound.new):
            made.append(Row(NEW, i, out, shape, dtype))
        for cell, out in zip(self.quick.again, bound.recycled):
            where = self.pairs.slot_address(cell, "grad")
            made.append(Row(RECYCLED, where, out, *frame.expected[out], id(Tensor), False, True))
        made += [Row(ALIAS, at, out) for (out, _), at in zip(bound.plan.donated, bound.plan.donated_arrays)]
        return made


def _outputs(quick: Any) -> list[int]:
    """Return the numbers of the outputs that results and writes need; -1 stands for a result of another kind."""
    made = [r.index if type(r) is Fresh else -1 for r in quick.program.results]
    return made + [j for _, j in quick.rest if j is not None]


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
