"""The quick way into a program: the same conditions as everywhere, checked a whole list at a time.

Most calls come with the arguments, handles and surroundings of the call before. `Quick` knows them as lists of objects and
compares by identity, natively where it can: a few ns for each handle. State is written where it lies, and the gradients
that nobody has looked at are written again. Whatever is not as it was is left to the careful way.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import attrgetter, getitem, is_
from sys import getrefcount
from typing import Any

from ..core.array import Array
from ..core.config import default_float
from ..core.jit.graph import Mismatch
from ..core.jit.lower.bound import Bound, bound
from ..core.jit.lower.plan import Plan
from ..core.jit.native.enter import HAS_GRAD, NO_GRAD, NO_LEAF
from ..core.jit.native.entry import is_copied
from ..core.jit.native.objects import Guards
from ..core.tape import context
from ..core.tracer import Tracer, Value
from ..tensor.handle import GradCell, Tensor
from .capture import Argument, ArgumentGrad, Field, Handle, Number, Shared, Slot
from .donation import giving
from .entry import MISS, Entrance, entrance
from .forms import Form, is_number
from .guards import Surroundings
from .modes import ON, mode
from .program import Program, Refill, is_gradient, replay, results

_setting = attrgetter("frame", "muted", "anomaly", "stage", "careful", "leaks")
_value, _grad, _state = attrgetter("value"), attrgetter("grad"), attrgetter("state")
_context, _float, _mode = context.get, default_float.get, mode.get
Last = tuple[Any, Program, Surroundings]  # a program with its key
_LEAVES = {(True, True): NO_GRAD, (True, False): HAS_GRAD}  # what waits at leaves without hooks
_TRIES = 16  # how often it is found out again where everything lies


class Quick:
    """A program, and what the last call of it looked like."""

    def __init__(self, last: Last, arguments: Any, form: Form):
        leaves: Sequence[Any] = arguments.leaves
        self.last = last
        _, program, around = last
        self.program = program
        self.around = around
        self.form = form
        self.is_plain = form.is_plain
        self.context, self.float = _context(), _float()
        self.setting = _setting(self.context)
        self.kinds = tuple(map(type, leaves))
        self.given = [s.index for s in program.sources if isinstance(s, Argument)]
        twins = {i for i, _ in form.twins}
        self.tensors = [i for i, x in enumerate(leaves) if isinstance(x, Tensor) and i not in twins]
        self.entangled = list(program.entangled.items())  # arguments that the function can see besides
        self.apart = [i for i in self.tensors if i not in program.entangled]
        self.tracked = tuple(isinstance(x, Tensor) and x.node is not None for x in leaves)
        self.viewed = arguments.viewed
        waits = [(i, waiting(leaves[i])) for i in self.tensors]
        self.bare = [i for i, was in waits if was is None]
        self.waiting = [(i, was) for i, was in waits if was is not None]
        self.leaf = {i: _LEAVES.get(was, NO_LEAF) for i, was in self.waiting}  # what is looked at natively
        self.is_hooked = NO_LEAF in self.leaf.values()
        self.shapes = [aval.shape for aval in program.avals[: len(self.given)]]
        sources = [s for s in program.sources if not isinstance(s, Argument)]
        self.holders = [_holder(s) for s in sources if isinstance(s, (Handle, Shared, Slot)) and not is_gradient(s)]
        self.numbers = [s for s in sources if isinstance(s, Number)]
        self.known = [s.owner[s.name] for s in self.numbers]
        self.arrays = [s.read([]) for s in self.numbers]
        self.fields = [s for s in sources if isinstance(s, Field)]
        self.read = [s.owner for s in sources if is_gradient(s)]
        tensors = [c.tensor for c in program.handles]
        self.captured = set(map(id, tensors))
        cells = [(cell, "cell_contents") for cell in around.cells]
        parts = [(f, name) for f in around.functions for name in ("__code__", "__defaults__", "__kwdefaults__")]
        cells += [(f, name) for f, name in parts if getattr(f, name) is not None]
        empty = [(c.slot.owner, "grad") for c in program.slots if c.empty]
        pinned = [(pin.slot.owner, "grad") for pin in program.pins if is_gradient(pin.slot)]
        self._note_items([s for s in sources if isinstance(s, Slot) and not is_gradient(s)])
        alone = [(t, "_view") for t in self.handles]
        self.guarded = [*cells, *empty, *pinned, *alone, *((t, name) for t in tensors for name in ("_view", "node"))]
        self.guards = Guards(self.guarded)
        self.held = set(map(id, self.handles))
        self.cells = [s.owner for s in program.watched if isinstance(s.owner, GradCell)]
        self._note_writes()
        self.loop: Any = None  # of `train_steps`
        self.donated = sorted(arguments.given)  # leaves whose data has to be moved before the program is entered
        self.inner: Entrance | None = None
        self.entrance: Entrance | None = None  # the same, if nothing is to be done before
        # The shortest way, where it is one native call, in whose course no other thread runs; it is closed while one that
        # goes a longer way holds what is written.
        self.atomic: Entrance | None = None
        self.tries = _TRIES
        self.strided: set[int] = set()  # values, by number, whose few elements are copied before the program runs

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

    def enter(self, args: tuple[Any, ...], kwargs: dict[str, Any], is_tried: bool) -> Any:
        """Return the result, `MISS` if anything is not as it was; `is_tried` says that the shortest way has been tried."""
        leaves = self.form.leaves(args, kwargs)
        if leaves is None:
            return MISS
        if self.donated:
            return giving(self._enter, leaves, self.donated, MISS)
        if self.entrance is not None and not is_tried and self.entrance is not self.atomic:
            out = self.entrance.run(leaves)
            if out is not MISS:
                return out
        return self.call(leaves)

    def _enter(self, leaves: tuple[Any, ...]) -> Any:
        out = MISS if self.inner is None else self.inner.run(leaves)
        return self.call(leaves) if out is MISS else out

    def is_here(self) -> bool:
        """Return whether the settings that a context holds are the same."""
        here = _context()
        if here is not self.context and _setting(here) != self.setting:
            return False
        return _float() is self.float and _mode() is ON

    def _wait(self, args: tuple[Any, ...]) -> bool:
        return all(args[i]._cell is None for i in self.bare) and self.waits(args)

    def waits(self, args: tuple[Any, ...]) -> bool:
        """Return whether what waits for the gradients of the arguments does so now, and these are apart from all else."""
        grads = []
        for i, was in self.waiting:
            x = args[i]
            if waiting(x) != was:
                return False
            if x._cell is not None and x._cell.grad is not None:
                grads.append(x._cell.grad)
        if grads:
            ids = set(map(id, grads))
            return len(ids) == len(grads) and ids.isdisjoint(map(id, args)) and ids.isdisjoint(self.held)
        return True

    def _renew(self) -> None:
        """Look again where everything lies, after a call that had to go the longer way."""
        if self.tries:
            self.tries -= 1
            self.inner = entrance(self)
            self.entrance = None if self.donated else self.inner
            self.atomic = self.entrance if self.entrance is not None and self.entrance.is_atomic else None

    def values(self, args: tuple[Any, ...]) -> list[Value] | None:
        """Return the values of the program's inputs; None if anything is not as it was."""
        if not self.is_here() or tuple(map(type, args)) != self.kinds:
            return None
        found: list[Value] = []
        for i in self.given:
            x = args[i]
            if not isinstance(x, Tensor):
                if type(x) is int and not is_number(x):
                    return None
                found.append(x)
                continue
            value = x.current()
            if (x._view is not None) is not self.viewed[i] or (x.node is not None) is not self.tracked[i]:
                return None
            found.append(value)
        if [getattr(x, "shape", ()) for x in found] != self.shapes:
            return None
        if any(self.viewed) and not self.has_views(args):
            return None
        if not self._same(args):
            return None
        found += map(_value, self.holders)
        if self.read:
            grads = list(map(_grad, self.read))
            ids = set(map(id, grads))
            if any(map(_is_missing, grads)) or len(ids) < len(grads) or not ids.isdisjoint(self.captured):
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
        if self.tensors:
            ids = {id(args[i]) for i in self.tensors}
            if len(ids) < len(self.tensors) or not self._wait(args) or not self.are_entangled(args):
                return False
            if not self.around.tensors.isdisjoint(id(args[i]) for i in self.apart):
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

    def are_entangled(self, args: tuple[Any, ...]) -> bool:
        """Return whether the arguments that the function can see besides are the ones that it could see."""
        return all(id(args[i]) == known for i, known in self.entangled)

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
        looked_at = values[: len(self.given) + len(self.holders)]
        strided = {k for k, x in enumerate(looked_at) if type(x) is Array and is_copied(x)}
        is_renewed = self.inner is not None and strided <= self.strided and self.inner.is_renewed()
        if not is_renewed and (outs is not None or self.inner is None or not strided <= self.strided):
            self.strided |= strided
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


def waiting(x: Tensor) -> Any:
    """Return whether a tensor is recorded, as a leaf or not, and what waits for its gradient; None if nothing does."""
    node, cell = x.node, x._cell
    if cell is None:
        return None if node is None else (node.plan is None,)
    is_leaf = None if node is None else node.plan is None
    return is_leaf, cell.grad is None, *cell.hooks.values(), *cell.post_hooks.values()


def quick(last: Last, arguments: Any) -> Quick | None:
    """Return the quick way into a program that has just run, None if it has none."""
    _, program, _ = last
    leaves = arguments.leaves
    plain = all(isinstance(x, Tensor) or not isinstance(x, Tracer) for x in leaves)
    if not plain or program.held or program.once or not _is_steady(program, leaves):
        return None
    form = arguments.form()
    if form is None:
        return None
    given = {s.index for s in program.sources if isinstance(s, Argument)}
    arrays = {i for i, x in enumerate(leaves) if isinstance(x, (Array, Tracer)) or is_number(x)}
    return Quick(last, arguments, form) if given == arrays - {i for i, _ in form.twins} else None


def _is_steady(program: Program, leaves: Sequence[Any]) -> bool:
    """Return whether all slots hold now, after a run, what they held before it, and no argument's gradient is touched."""
    slots = [s for s in program.sources if isinstance(s, Slot)]
    touched = chain(program.sources, (getattr(t, "slot", t) for t, _ in program.writes))
    return (
        all(s.get() is not None and (is_gradient(s) or s.get()._view is None) for s in slots)
        and all(c() and (is_gradient(c.slot) or not c.empty) for c in program.slots)
        and all(pin.holds(leaves) for pin in program.pins)
        and not any(isinstance(s, ArgumentGrad) for s in touched)
    )


def _holder(source: Any) -> Any:
    if isinstance(source, Handle):
        return source.tensor
    return source.storage if isinstance(source, Shared) else source.get()
