"""Where everything lies that a program depends on: words that must be what they are, and the arrays' places."""

from __future__ import annotations

from itertools import count
from types import CellType
from typing import Any

import numpy as np

from ..core.array import Array
from ..core.jit.lower.plan import Frame
from ..core.jit.native.enter import (
    ALIAS,
    ARGUMENT,
    FILLED,
    GRADIENT,
    HELD,
    NEW,
    NO_LEAF,
    NUMBER,
    RECYCLED,
    TENSOR,
    VIEWED,
    WEAK,
)
from ..core.jit.native.entry import Row
from ..core.jit.native.pairs import Pairs, Unreadable
from ..optim.optimizer import Optimizer
from ..tensor.handle import Tensor
from .capture import Argument, Field, Number, Shared
from .guards import Attributes, Names, Place
from .program import is_gradient
from .snapshots import Group


class Lay:
    """The words that a program depends on as `pairs`, and its arrays as `rows`. `quick` is a `Quick`.

    What cannot be read where it lies is in `scopes`, tables with a key and its value, and in `mutable`, containers and
    their snapshots. `versions` has the places among the pairs of those of modules' attributes, and the words compared.
    """

    def __init__(self, quick: Any):
        self.quick, self.bound, self.around = quick, quick.bound, quick.around
        self.pairs = Pairs()
        self.scopes: list[tuple[Any, Any, Any]] = []
        self.mutable: list[tuple[Any, Any]] = []
        self.versions: list[tuple[int, Any]] = []
        self.optimizers: list[Optimizer] = []  # whose groups and state are looked up in Python
        self._note_guards()

    def rows(self, frame: Frame, held: int | None) -> list[Row]:
        """Return the rows of the arrays in a frame; if they are held, each with its place in a list, from this one on."""
        first = len(self.bound.blank)
        rows = [*self._inputs(first, frame), *self._outputs(first, frame)]
        return rows if held is None else self._held(rows, held)

    def _note_guards(self) -> None:
        """Note the words that must be what they are: closures, globals, handles, options and state of optimizers."""
        quick, pairs = self.quick, self.pairs
        for owner, name in quick.guarded:
            pairs.slot(owner, name)
        for held, word, _ in self.around.versions:
            if (place := pairs.version(held)) is not None:
                self.versions.append((place, word))
        for owner, _, table in self.around.owners:
            pairs.kind(owner)
            try:
                if table is not None:
                    pairs.attributes(owner)
            except Unreadable:
                self.scopes.append((Attributes(owner), "__dict__", table))
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
        for optimizer, _ in self.around.optimizers:
            try:
                pairs.attributes(optimizer)
                for name in ("param_groups", "state"):
                    pairs.entry(vars(optimizer), name)
            except Unreadable:
                self.optimizers.append(optimizer)
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
                pairs.entry(place.where, name)
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

    def _inputs(self, first: int, frame: Frame) -> list[Row]:
        quick = self.quick
        needed = set(self.bound.plan.donated_arrays)
        given = {i: number for number, i in enumerate(quick.given)}
        holders = enumerate(quick.holders, len(given))
        places = count(first)  # of the arrays
        numbers = iter(range(frame.numbers.ctypes.data, frame.numbers.ctypes.data + frame.numbers.nbytes, 8))
        made = []
        for source, var in zip(quick.program.sources, self.bound.plan.program.graph.inputs):
            if var.aval.weak:
                kind_of = quick.kinds[source.index] if isinstance(source, Argument) else None
                if kind_of not in (int, float):
                    raise Unreadable("number")
                made.append(Row(WEAK, source.index, next(numbers), kind_of=id(kind_of)))
                continue
            at = next(places)
            shape, dtype = frame.expected[at]
            alone = at in needed
            if isinstance(source, Argument):
                i = source.index
                kind = ARGUMENT if quick.kinds[i] is Array else VIEWED if quick.viewed[i] else TENSOR
                row = Row(kind, i, at, shape, dtype, id(quick.kinds[i]), quick.tracked[i], alone)
                room = self._room(given[i], shape, dtype, alone)
                made.append(row._replace(leaf=quick.leaf.get(i, NO_LEAF), room=room))
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
                is_field = isinstance(source, Field)
                number, owner = (-1, source.owner) if is_field else next(holders)
                where = self.pairs.slot_address(owner, source.name if is_field else "value")
                twin = self._tensor_on(source.storage) if isinstance(source, Shared) else 0
                room = self._room(number, shape, dtype, alone)
                made.append(Row(HELD, where, at, shape, dtype, 0, False, alone, twin, room=room))
        return made

    def _room(self, number: int, shape: tuple[int, ...], dtype: Any, alone: bool) -> np.ndarray[Any, Any] | None:
        """Return what the elements of value number so much are copied to, None if they are read where they are."""
        is_copied = number in self.quick.strided and not (alone or self.bound.plan.calls_python)
        return np.empty(shape, dtype) if is_copied else None

    def _held(self, rows: list[Row], first: int) -> list[Row]:
        """Say where each array stands in the list of those that are held, behind what is new."""
        places = count(first)
        return [
            row if row.kind in (FILLED, NEW, NUMBER, WEAK, ALIAS) else row._replace(held=next(places)) for row in rows
        ]

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
        made += [Row(FILLED, self.pairs.slot_address(cell, "grad"), 0) for cell in self.quick.full]
        made += [Row(ALIAS, at, out) for (out, _), at in zip(bound.plan.donated, bound.plan.donated_arrays)]
        return made
