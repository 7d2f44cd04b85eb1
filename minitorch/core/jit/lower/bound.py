"""Bound runs: a plan whose state stays where it is.

Results that replace state are written over it, and results that nobody but a known owner has held since the last call are
written again. Nothing is allocated but what is really returned. Whenever somebody else holds any of it, the general run
of the plan takes over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...array import Array, wrap
from ...tracer import Value
from .plan import Frame, OutOfBounds, Plan


class Bound:
    """Runs a plan in place.

    `recycled` are the numbers of outputs whose last Arrays are handed back at each run, to be written again.
    """

    def __init__(self, plan: Plan, recycled: Sequence[int]):
        self.plan = plan
        fresh = {at for at, _ in plan.donated}
        self.recycled = [plan.recipes[j][1] for j in recycled]
        taken = fresh.union(self.recycled)
        self.new = [(k, shape, dtype) for k, (shape, dtype) in enumerate(plan.fresh) if k not in taken]
        self.blank: list[Any] = [None] * len(plan.fresh)
        self.frames: list[Frame] = []

    def run(self, values: list[Value], again: list[Array]) -> list[Value] | None:
        """Return the outputs; None, with nothing written, if the state cannot be written in place."""
        outs = self._outs(values, again)
        frame = self.take()
        try:
            leaves = self.leaves(outs, values)
            if frame.leaves.gather(leaves) >= 0:
                return None
            frame.write_numbers(values)
            return frame.replay(values, outs, leaves)
        except OutOfBounds:
            return None
        finally:
            self.frames.append(frame)

    def loop(self, values: list[Value], again: list[Array], run: Callable[[Frame], None]) -> bool:
        """Let `run` replay a frame whose state is in place; False, with nothing written, if it is not."""
        outs = self._outs(values, again)
        frame = self.take()
        try:
            if frame.leaves.gather(self.leaves(outs, values)) >= 0:
                return False
            room = frame.enter()
            try:
                run(frame)
            finally:
                frame.leave(room)
            return True
        finally:
            self.frames.append(frame)

    @property
    def expected(self) -> list[Any]:
        """The shapes and dtypes of the inputs."""
        return [(v.aval.shape, v.aval.dtype) for v in self.plan.program.graph.inputs]

    @property
    def is_one_stretch(self) -> bool:
        """Whether a run is one native call without checks between, on one thread."""
        frame = self.take()
        self.frames.append(frame)
        return frame.stretch is not None and not frame.stretch.is_split

    def take(self) -> Frame:
        """Take a frame that nobody else uses now."""
        try:
            return self.frames.pop()
        except IndexError:
            return self._frame()

    def leaves(self, outs: list[Any], values: list[Value]) -> list[Any]:
        """Return the arrays: what the results are written to, and the inputs that are no plain numbers."""
        return outs + ([values[i] for i in self.plan.arrays] if self.plan.numbers else values)

    def _outs(self, values: list[Value], again: list[Array]) -> list[Any]:
        """Return what the results are written to."""
        return self.arranged(values, again, [wrap(np.empty(shape, dtype)) for _, shape, dtype in self.new])

    def arranged(self, values: Sequence[Value], again: Sequence[Array], news: Sequence[Array]) -> list[Any]:
        """Put what the results are written to in order: inputs in place, recycled and new arrays."""
        outs = self.blank.copy()
        for (k, _, _), new in zip(self.new, news):
            outs[k] = new
        for at, i in self.plan.donated:
            outs[at] = values[i]
        for k, place in enumerate(self.recycled):
            outs[place] = again[k]
        return outs

    def _frame(self) -> Frame:
        """Make a frame that needs what it writes to for itself; of one that the plan has for its general runs, if any."""
        plan = self.plan
        try:
            frame = plan.frames.pop()
        except IndexError:
            frame = Frame(plan)
        for place in self.recycled:  # held by its owner, in `again`, in `outs` and in `leaves`
            frame.leaves.needed[place], frame.leaves.references[place] = 1, 4
        for place in plan.donated_arrays:  # by its owner, in `values`, in `outs`, and twice in `leaves`
            frame.leaves.needed[place], frame.leaves.references[place] = 1, 5
        return frame


def bound(plan: Plan, recycled: Sequence[int]) -> Bound | None:
    """Return what runs a plan in place, None if it cannot be."""
    kinds = [plan.recipes[j] for j in recycled]
    used = [which for kind, which, _ in plan.recipes if kind == "fresh"]
    donated = {at for at, _ in plan.donated}
    returned = any(kind == "input" and which in plan.numbers for kind, which, _ in plan.recipes)  # as they are
    alone = all(used.count(at) == 1 for at in (*donated, *(which for kind, which, _ in kinds if kind == "fresh")))
    whole = all(
        kind == "fresh" and plan.fresh[which][0] == shape and which not in donated for kind, which, shape in kinds
    )
    return Bound(plan, recycled) if alone and whole and not returned else None
