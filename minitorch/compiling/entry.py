"""The shortest way into a program: one native look at everything it depends on, then its kernels.

`Quick` knows which objects have to be where; `Entrance` knows where they lie. State is read and written in its place,
gradients that nobody has looked at are written again, numbers are read from their dicts. Whatever cannot be read where it
lies has no entrance, and whatever is not as it was is left to `Quick`.
"""

from __future__ import annotations

from operator import attrgetter, itemgetter
from typing import Any

from ..core.array import Array
from ..core.config import default_float
from ..core.jit.lower.plan import Frame, OutOfBounds
from ..core.jit.native.enter import TAIL
from ..core.jit.native.entry import Classes, Entry
from ..core.jit.native.making import Objects, functions, maker
from ..core.jit.native.pairs import Unreadable
from ..core.tape import Node, context
from ..core.tracer import Value
from ..tensor.alias import Storage, View
from ..tensor.handle import GradCell, Tensor
from ..tensor.hooks import changes
from .building import builder
from .capture import Argument
from .derivative import attach, nodes_of
from .handles import Handles, Nodes
from .lay import Lay
from .modes import ON, mode
from .outputs import Outputs
from .program import results
from .snapshots import snapshot

MISS: Any = object()  # what a call returns that was not admitted
_value, _grad = attrgetter("value"), attrgetter("grad")
_context, _float, _mode = context.get, default_float.get, mode.get


class Entrance:
    """The entry of a program, and how its outputs are found. `quick` is a `Quick`.

    A short program runs inside of the look, while nobody else can have the GIL. A long one runs afterwards, in a frame that
    no other thread has, and what it reads and writes is held meanwhile.
    """

    def __init__(self, quick: Any):
        bound, program = quick.bound, quick.program
        if bound is None:
            raise Unreadable("program")
        self.quick, self.bound, self.around, self.program = quick, bound, quick.around, program
        self.context, self.float = quick.context, quick.float
        self.bare, self.waits = quick.bare, quick.waits if quick.is_hooked else None
        self.given = [(i, i in quick.tensors) for i in quick.given]
        self.are_tensors = self.given == [(i, True) for i in range(len(quick.kinds))]
        self.new = [(shape, dtype) for _, shape, dtype in bound.new]
        self.is_short = bound.plan.is_short
        self.objects = Objects(len(self.new))
        self.outputs = Outputs(quick, len(self.new)) if self.is_short else None
        # How results are made in the context of the last call, and the only one.
        self.tape = self.context.frame.ambient
        self.recording = self.tape is not None and self.context.muted < self.tape.level
        self.nodes = self._nodes()
        parents = [] if program.derivative is None else program.derivative.parents
        self.parents = [p.index for p in parents] if all(isinstance(p, Argument) for p in parents) else None
        self.only = program.single if self.tape is not None else None
        self.holds = self.outputs is None or self.outputs.are_held or program.derivative is not None
        self.is_atomic = not self.holds and not quick.rest
        self.holders = quick.holders
        self.is_simple = not (quick.read or quick.again or quick.fields or quick.numbers or bound.plan.numbers)
        self.may_hide, self.written, self.rest = quick.around.may_hide, quick.written, quick.rest
        self.is_brief = self.holds and self.is_simple and self.is_short and functions() is not None
        # What makes the result of the list of what is new, if nothing else is to be done in the context of the last call;
        # and what makes the call's node, if it has one.
        self.finish, self.handing = self._finishing()
        if self.outputs is not None and self.objects.count:
            self.outputs = Outputs(quick, len(self.new) + self.objects.count)
        self.kept: Any = None if self.handing is None else self.outputs.residuals()  # type: ignore[union-attr]
        self.is_direct = self.outputs is not None and self.outputs.is_direct
        self.has_writes = bool(self.written or self.rest)
        targets = self._targets() if self.finish is not None else []
        self.rewritten = [(t.index, place) for t, place in targets if type(t) is Argument and place is not None]
        self.targets = [(t, place) for t, place in targets if type(t) is not Argument or place is None]
        # Behind what is made stands what is held: where it is only arguments and handles, they are entered natively.
        self.first = len(self.new) + self.objects.count
        self.last = self.first + (len(self.given) + len(self.holders) if self.holds else 0)
        self.news = maker(self.new, self.objects.count, self.last - self.first if self.is_brief else 0)
        self.lay = lay = Lay(quick)
        self.pairs, self.scopes, self.mutable, self.versions = lay.pairs, lay.scopes, lay.mutable, lay.versions
        self.optimizers = [(o, o.param_groups, o.state) for o in lay.optimizers]
        self.looks_at_modules = bool(self.around.versions) and not self.versions
        self.is_entangled = bool(quick.entangled)
        self.is_wary = bool(self.scopes or self.may_hide or self.mutable or self.looks_at_modules)
        self.seats = [self._seat()]
        self.entry = self.seats[0][0]  # of a short program, whose call is one native one: nobody comes in between

    # ------------------------------------------------------------------ calling

    def run(self, args: tuple[Any, ...]) -> Any:
        """Run the program on the leaves of the arguments.

        Return the result; `MISS`, with nothing written, if anything is not as it was.
        """
        is_here = _context() is self.context and _float() is self.float and _mode() is ON
        if not (is_here or self.quick.is_here()):
            return MISS
        if self.around.epoch != changes.count and not self.around.catches_up():
            return MISS
        try:
            for i in self.bare:
                if args[i]._cell is not None:
                    return MISS
            if self.waits is not None and not self.waits(args):
                return MISS
            if self.is_wary and not self._is_readable():
                return MISS
            if self.is_entangled and not self.quick.are_entangled(args):
                return MISS
        except (AttributeError, LookupError):  # not a tensor, fewer arguments, or a name that is gone
            return MISS
        for o, groups, state in self.optimizers:
            if o.param_groups is not groups or o.state is not state:
                return MISS
        news = self.news()
        values: Any = ()
        outs: Any = news
        if self.is_brief:
            node = None if self.handing is None else self.handing.begin(news)
            if not self.entry.run(args, news):
                return MISS
            values = news[self.first : self.last]
            if is_here and self.finish is not None:
                if self.has_writes:
                    self._write(args, news)
                if node is not None:
                    nodes = self._nodes_of(args)
                    self.handing.end(node, nodes, (self.kept(news), values, args, nodes))
                return self.finish(news)
            outs = self.outputs.of(news)
        elif self.holds:
            found = self._holding(args, news)
            if found is None:
                return MISS
            outs, values = found
        elif not self.entry.run(args, news):
            return MISS
        elif is_here and self.finish is not None:
            if self.has_writes:
                self._write(args, news)
            return self.finish(news)
        elif not self.is_direct:
            outs = self.outputs.of(news)
        return self._result(outs, values, args, is_here)

    def _write(self, args: tuple[Any, ...], held: list[Any]) -> None:
        """Write the outputs that belong somewhere, of the list of what is new and held."""
        for storage in self.written:
            storage.version += 1
        for i, place in self.rewritten:
            args[i].overwrite(held[place])
        for target, place in self.targets:
            target.write(args, None if place is None else held[place])

    def _result(self, outs: Any, values: Any, args: tuple[Any, ...], is_here: bool) -> Any:
        """Write the outputs that belong somewhere, and return what the function returned."""
        for storage in self.written:
            storage.version += 1
        for target, j in self.rest:
            target.write(args, None if j is None else outs[j])
        if is_here and self.only is not None:
            only = self.only.make(outs, args, self.tape, self.recording)
            derivative = self.program.derivative
            if derivative is not None and self.recording:
                attach(derivative, (only,), outs, values, args, self._nodes_of(args))
            return only
        nodes = self._nodes_of(args) if is_here and self.recording and self.program.derivative is not None else None
        return results(self.program, outs, values, args, nodes)

    def _nodes_of(self, args: tuple[Any, ...]) -> tuple[Node | None, ...]:
        """Return the nodes that gradients go to, on the tape of the last call; the arguments have been looked at."""
        if self.nodes is not None:
            return self.nodes
        if self.parents is not None:
            return tuple([args[i].node for i in self.parents])
        return nodes_of(self.program.derivative, args, self.tape)  # type: ignore[arg-type]

    def _is_readable(self) -> bool:
        """Return whether all is as it was which no native look can tell."""
        if self.looks_at_modules and not self.around.catches_up():
            return False
        for table, key, value in self.scopes:
            if table[key] is not value:
                return False
        for place, was in self.mutable:
            if snapshot(place.read()) != was:
                return False
        return not (self.may_hide and self.around.hides())

    def is_renewed(self) -> bool:
        """Take the attributes of modules as they are now, where they have been written; return whether any had been."""
        stale = [(place, word.value) for place, word in self.versions if word.value != self.pairs.words[place]]
        for place, now in stale:
            self.pairs.words[place] = now
            for entry, _ in self.seats:
                entry.expect(place, now)
        return bool(stale)

    def _read(self, args: tuple[Any, ...]) -> list[Any] | None:
        """Return the values of arguments and handles; None if an argument is no array, or not there."""
        try:
            if self.are_tensors:
                return [*map(_value, args), *map(_value, self.holders)]
            values = [args[i].value if is_tensor else args[i] for i, is_tensor in self.given]
            values += map(_value, self.holders)
            return values
        except (AttributeError, IndexError):
            return None

    def _holding(self, args: tuple[Any, ...], news: list[Array]) -> Any:
        """Look and run, and hold what is read meanwhile; return the outputs and what was read, None for a miss."""
        values = self._read(args)
        if values is None:
            return None
        try:
            arrays, again = (values, []) if self.is_simple else self._others(values)
        except AttributeError:  # there is no gradient
            return None
        held = [*news, *arrays, *again]
        if not self.is_short:
            return self._seated(args, news, values, again, held)
        if not self.entry.run(args, held):
            return None
        return self.outputs.of(held), self._with_numbers(args, values)

    def _others(self, values: list[Any]) -> tuple[list[Any], list[Any]]:
        """Add the gradients and fields that are read; return what of it all are arrays, and the gradients to recycle."""
        quick = self.quick
        values += map(_value, map(_grad, quick.read))
        values += [getattr(s.owner, s.name) for s in quick.fields]
        arrays = [x for x in values if type(x) is Array] if self.bound.plan.numbers else values
        return arrays, list(map(_value, map(_grad, quick.again)))

    def _with_numbers(self, args: tuple[Any, ...], values: list[Any]) -> list[Any]:
        """Return the values of all inputs, in order: the numbers of options are read when they have been looked at."""
        if not self.quick.numbers:
            return values
        fields = len(values) - len(self.quick.fields)
        return [*values[:fields], *(s.read(args) for s in self.quick.numbers), *values[fields:]]

    def _seated(
        self,
        args: tuple[Any, ...],
        news: list[Array],
        values: list[Value],
        again: list[Array],
        held: list[Value],
    ) -> Any:
        """Look, and run in a frame that no other thread has."""
        try:
            entry, frame = seat = self.seats.pop()
        except IndexError:
            entry, frame = seat = self._seat()
        try:
            if not entry.run(args, held):
                return None
            values = self._with_numbers(args, values)
            outs = self.bound.arranged(values, again, held[: len(news)])
            outs = frame.replay(values, outs, self.bound.leaves(outs, values))
        except OutOfBounds:
            return None
        finally:
            self.seats.append(seat)
        return outs, values

    # ------------------------------------------------------------------ what comes out

    def _finishing(self) -> tuple[Any, Nodes | None]:
        """Return what makes the result of the list of what is new, if all of it is, else None; and the call's node."""
        program, outputs = self.program, self.outputs
        is_bare = self.is_simple or not self.holds
        if outputs is None or not is_bare or outputs.shaped or not outputs.has(j for _, j in self.rest):
            return None, None
        try:
            if self.recording and program.derivative is not None:
                outputs.residuals()
            handles = Handles(program, dict(outputs.found), self.tape, self.objects, self.recording)
            order = handles.places()
        except Unreadable:
            self.objects = Objects(len(self.new))
            return None, None
        if program.is_leaf:
            return itemgetter(*order), handles.nodes
        held = len(self.given) + len(self.holders) if self.holds else 0
        count = lambda: len(self.new) + self.objects.count + held + TAIL  # noqa: E731
        return builder(program.structure, order, count, handles.module), handles.nodes

    def _targets(self) -> list[tuple[Any, int | None]]:
        """Return what is written besides what is written in place, each with the place of its output, None for none."""
        assert self.outputs is not None
        found = dict(self.outputs.found)
        return [(target, None if j is None else found[j]) for target, j in self.rest]

    def _nodes(self) -> tuple[Node | None, ...] | None:
        """Return the nodes that gradients go to: those of captured tensors are the same in each call."""
        derivative, tape = self.program.derivative, self.tape
        if derivative is None or tape is None:
            return None
        captured = {id(c.tensor) for c in self.program.handles if c.tensor._trace is tape}
        return nodes_of(derivative, [], tape) if captured.issuperset(map(id, derivative.parents)) else None

    def _seat(self) -> tuple[Entry, Frame]:
        """Return a frame and its entry."""
        quick, frame = self.quick, self.bound.take()
        rows = self.lay.rows(frame, self.first if self.holds else None)
        watched = [self.pairs.slot_address(cell, "grad") for cell in quick.cells]
        forbidden = list({*self.around.tensors, *quick.captured, *quick.held, *quick.program.storages})
        if self.is_short:
            frame.enter()  # for good: it runs inside of the look
        work = frame.work() if self.is_short else frame.work()._replace(parts=[])
        arguments = len(quick.kinds), quick.apart
        classes = Classes(Tensor, View, Storage, Node, GradCell)
        entry = Entry(arguments, self.pairs, rows, work, forbidden, watched, classes, self.objects, self.tape)
        return entry, frame


def entrance(quick: Any) -> Entrance | None:
    """Return the shortest way into a program, None if something that it depends on cannot be read where it lies."""
    try:
        return Entrance(quick)
    except Unreadable:
        return None
