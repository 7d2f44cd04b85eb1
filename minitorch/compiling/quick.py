"""The quick way into a program: the same conditions as everywhere, checked a whole list at a time.

Most calls come with the arguments, handles and surroundings of the call before. `Quick` knows them as lists of objects and
compares by identity, natively where it can: a few ns for each handle. State is written where it lies, and the gradients
that nobody has looked at are written again. Whatever is not as it was is left to the careful way.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter, getitem, is_, ne
from sys import getrefcount
from typing import Any

from ..core.array import Array
from ..core.config import default_float
from ..core.jit.graph import Mismatch
from ..core.jit.lower.bound import Bound, bound
from ..core.jit.lower.plan import Plan
from ..core.jit.native.objects import Guards
from ..core.primitive import Value
from ..core.tape import context
from ..tensor.handle import GradCell, Tensor
from .capture import Argument, ArgumentGrad, Field, Handle, Number, Shared, Slot
from .entry import MISS, Entrance, entrance
from .guards import Surroundings
from .modes import ON, mode
from .program import Program, Refill, is_gradient, replay, results

_value, _grad, _state, _shape = (attrgetter(name) for name in ("value", "grad", "state", "shape"))
_context, _float, _mode = context.get, default_float.get, mode.get
_TRIES = 16  # how often it is found out again where everything lies


class Quick:
    """A program, and what the last call of it looked like."""

    def __init__(self, program: Program, around: Surroundings, leaves: Sequence[Any]):
        self.program = program
        self.around = around
        self.context, self.float = _context(), _float()
        self.kinds = tuple(map(type, leaves))
        self.tracked = tuple(isinstance(x, Tensor) and x.node is not None for x in leaves)
        self.viewed = tuple(isinstance(x, Tensor) and x._view is not None for x in leaves)
        self.shapes = [aval.shape for aval in program.avals[: len(leaves)]]
        sources = [s for s in program.sources if not isinstance(s, Argument)]
        self.holders = [_holder(s) for s in sources if isinstance(s, (Handle, Shared, Slot)) and not is_gradient(s)]
        self.numbers = [s for s in sources if isinstance(s, Number)]
        self.known = [s.owner[s.name] for s in self.numbers]
        self.arrays = [s.read([]) for s in self.numbers]
        self.fields = [s for s in sources if isinstance(s, Field)]
        self.read = [s.owner for s in sources if is_gradient(s)]
        tensors = [c.tensor for c in program.handles]
        cells = [(cell, "cell_contents") for cell in around.cells]
        parts = [(f, name) for f in around.functions for name in ("__code__", "__defaults__", "__kwdefaults__")]
        cells += [(f, name) for f, name in parts if getattr(f, name) is not None]
        empty = [(c.slot.owner, "grad") for c in program.slots if c.empty]
        self.guarded = [*cells, *empty, *((t, name) for t in tensors for name in ("_view", "node"))]
        self.guards = Guards(self.guarded)
        self._note_items([s for s in sources if isinstance(s, Slot) and not is_gradient(s)])
        self.held = set(map(id, self.handles))
        self.cells = [s.owner for s in program.watched if isinstance(s.owner, GradCell)]
        self._note_writes()
        self.loop: Any = None  # of `train_steps`
        self.entrance: Entrance | None = None
        # The shortest way, where it is one native call, in whose course no other thread runs; it is closed while one that
        # goes a longer way holds what is written.
        self.atomic: Entrance | None = None
        self.tries = _TRIES

    def _note_items(self, items: list[Slot]) -> None:
        """Remember where the optimizer's state was found."""
        self.optimizers = list({id(s.holder): s.holder for s in items}.values())
        self.states = list(map(_state, self.optimizers))
        self.owners, self.names = [s.owner for s in items], [s.name for s in items]
        self.tables = [s.holder.state for s in items]
        self.dicts = [t.get(o) for t, o in zip(self.tables, self.owners)]
        self.handles = [s.get() for s in items]

    def _note_writes(self) -> None:
        """Find out which results can be written over what they replace."""
        again, rest, self.written = [], [], []
        in_place = self.program.in_place
        for target, index in self.program.writes:
            if isinstance(target, Refill) and is_gradient(target.slot) and self._may_recycle(target.slot, index):
                again.append((target.slot.owner, index))
            elif index not in in_place:
                rest.append((target, index))
            elif isinstance(target, Shared):
                self.written.append(target.storage)
        self.bound: Bound | None = None
        if isinstance(self.program.plan, Plan):
            self.bound = bound(self.program.plan, [index for _, index in again])
        self.again = [cell for cell, _ in again]
        known = {*map(id, self.again), *map(id, self.read)}
        self.full = [
            c.slot.owner
            for c in self.program.slots
            if is_gradient(c.slot) and not c.empty and id(c.slot.owner) not in known
        ]
        self.alone = [_references()] * len(again)
        self.rest = rest

    def _may_recycle(self, slot: Slot, index: int | None) -> bool:
        return index is not None and all(cell is not slot.owner for cell in self.read)

    # ------------------------------------------------------------------ calling

    def shortest(self, args: tuple[Any, ...]) -> Any:
        """Return the result, `MISS` if anything is not as it was, or not where it was."""
        return MISS if self.entrance is None else self.entrance.run(args)

    def _renew(self) -> None:
        """Look again where everything lies, after a call that had to go the longer way."""
        if self.tries:
            self.tries -= 1
            self.entrance = entrance(self)
            is_atomic = self.entrance is not None and self.entrance.is_plain and not self.rest
            self.atomic = self.entrance if is_atomic else None

    def values(self, args: tuple[Any, ...]) -> list[Value] | None:
        """Return the values of the program's inputs; None if anything is not as it was."""
        if _context() is not self.context or _float() is not self.float or _mode() is not ON:
            return None
        if tuple(map(type, args)) != self.kinds:
            return None
        found: list[Value] = []
        for x, viewed, tracked in zip(args, self.viewed, self.tracked):
            if type(x) is Array:
                found.append(x)
                continue
            value = x.current()
            if (x._view is not None) is not viewed or (x.node is not None) is not tracked:
                return None
            found.append(value)
        if any(map(ne, map(_shape, found), self.shapes)):
            return None
        if any(self.viewed) and not self.has_views(args):
            return None
        if not self._same(args):
            return None
        found += map(_value, self.holders)
        if self.read:
            grads = list(map(_grad, self.read))
            if any(map(_is_missing, grads)):
                return None
            found += map(_value, grads)
        if self.full and None in map(_grad, self.full):
            return None
        if self.numbers:
            now = [s.owner[s.name] for s in self.numbers]
            if not all(map(is_, now, self.known)):
                self.known, self.arrays = now, [s.read([]) for s in self.numbers]
            found += self.arrays
        for s in self.fields:
            found.append(getattr(s.owner, s.name))
        return found

    def _same(self, args: tuple[Any, ...]) -> bool:
        if args:
            ids = set(map(id, args))
            if len(ids) < len(args) or not ids.isdisjoint(self.around.tensors):
                return False
            if not (ids.isdisjoint(self.held) and ids.isdisjoint(map(id, map(_grad, self.cells)))):
                return False
        if self.names and not (
            all(map(is_, map(_state, self.optimizers), self.states))
            and all(map(is_, map(dict.get, self.tables, self.owners), self.dicts))
            and all(map(is_, map(getitem, self.dicts, self.names), self.handles))
        ):
            return False
        return self.guards.hold() and self.around.hold_but_cells()

    def has_views(self, args: tuple[Any, ...]) -> bool:
        """Return whether there are views among the arguments where there were, up to date, and apart from all else."""
        if tuple(map(type, args)) != self.kinds:
            return False
        views = [x._view for x, viewed in zip(args, self.viewed) if viewed]
        if None in views or any(view.version != view.storage.version for view in views):
            return False
        storages = {id(view.storage) for view in views}
        return len(storages) == len(views) and storages.isdisjoint(self.program.storages)

    def admits(self, args: tuple[Any, ...]) -> bool:
        """Return whether arguments are of the kinds of the last ones, apart from their shapes."""
        return (
            tuple(map(type, args)) == self.kinds
            and not any(self.viewed)
            and all(
                type(x) is Array or (x._view is None and (x.node is not None) is t) for x, t in zip(args, self.tracked)
            )
            and self.around.tensors.isdisjoint(map(id, args))
            and self.held.isdisjoint(map(id, args))
            and len(set(map(id, args))) == len(args)
        )

    def recycled(self) -> list[Array] | None:
        """Return the gradients' Arrays, to be written again; None if one is missing, not plain, or held elsewhere."""
        tensors = list(map(_grad, self.again))
        if list(map(getrefcount, tensors)) != self.alone or any(map(_is_missing, tensors)):
            return None
        return list(map(_value, tensors))

    def note_writes(self) -> None:
        """Tell the handles on a storage that was written in place: what they have taken of it may be a copy."""
        for storage in self.written:
            storage.version += 1

    def call(self, args: tuple[Any, ...]) -> Any:
        """Return the result; `MISS` if anything is not as it was."""
        values = self.values(args)
        if values is None:
            return MISS
        try:
            outs = self._in_place(args, values)
            if outs is None:
                out = replay(self.program, args, values)  # type: ignore[arg-type]
            else:
                out = results(self.program, outs, values, args)
        except Mismatch:  # another shape or dtype: the careful way finds or makes the program for it
            return MISS
        if outs is not None or self.entrance is None:
            self._renew()
        return out

    def _in_place(self, args: tuple[Any, ...], values: list[Value]) -> list[Value] | None:
        """Return the outputs; None, with nothing written, if state cannot be written in place."""
        again = self.recycled()
        if self.bound is None or again is None:
            return None
        outs = self.bound.run(values, again)
        if outs is not None:
            self.note_writes()
            for target, index in self.rest:
                target.write(args, None if index is None else outs[index])
        return outs


def _references() -> int:
    """Return how many references `getrefcount` sees to what one owner and one list hold."""
    cell = GradCell(True, Tensor)
    cell.grad = object()  # type: ignore[assignment]
    held = list(map(_grad, [cell]))
    (count,) = map(getrefcount, held)
    return count


def _is_missing(x: Any) -> bool:
    return type(x) is not Tensor or x._view is not None or x.node is not None


def quick(program: Program, around: Surroundings, arguments: Any) -> Quick | None:
    """Return the quick way into a program that has just run, None if it has none."""
    leaves = arguments.leaves
    plain = all(type(x) is Array or (isinstance(x, Tensor) and (x._view is None or x.node is None)) for x in leaves)
    each = sum(isinstance(s, Argument) for s in program.sources) == len(leaves)
    held = all(s.get() is not None for s in program.sources if isinstance(s, Slot))
    steady = all(c() and (is_gradient(c.slot) or not c.empty) for c in program.slots)  # as before the run
    steady = steady and not any(isinstance(s, ArgumentGrad) for s in program.watched)
    if (
        not (plain and each and held and steady and arguments.is_flat)
        or program.entangled
        or program.held
        or program.once
    ):
        return None
    return Quick(program, around, leaves)


def _holder(source: Any) -> Any:
    if isinstance(source, Handle):
        return source.tensor
    return source.storage if isinstance(source, Shared) else source.get()
