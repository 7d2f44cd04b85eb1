"""Brief runs: a short plan whose arrays are looked at, and whose kernels run, in one native call.

That takes a third of the time of the general run, which remains for whatever is not laid out as expected. As the call holds
the GIL, all threads share one frame.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...array import wrap
from ...tracer import Value
from ..native.enter import ARGUMENT, NEW, WEAK
from ..native.entry import Entry, Row, is_copied
from ..native.making import maker
from ..native.pairs import Pairs, Unreadable
from .plan import Frame, Plan


class Brief:
    """Runs a plan that replaces none of its inputs; the first time, as any plan is run."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self.is_new = True
        self.frame: Frame | None = None
        self.entry: Entry | None = None
        self.news = maker(plan.fresh)
        self.found: list[tuple[bool, Any, Any]] = []
        self.is_direct = plan.is_direct

    def run(self, values: list[Value]) -> list[Value]:
        """Compute the outputs, one value per input."""
        if self.entry is None:
            if not self.is_new:
                return self.plan.run(values)
            self.is_new, outs = False, self.plan.run(values)
            self._begin(values)
            return outs
        news = self.news()
        if not self.entry.run((*values,), news):
            return self.plan.run(values)
        if self.is_direct:
            return news[: len(self.found)]
        return [
            which if is_here else news[which] if shape is None else wrap(news[which]._data.reshape(shape))
            for is_here, which, shape in self.found
        ]

    def _begin(self, values: list[Value]) -> None:
        """Make the entry, if the plan is short and reads and returns nothing out of the ordinary."""
        plan = self.plan
        kinds = [kind for kind, _, _ in plan.recipes]
        if plan.donated or not plan.is_short or not {"fresh", "constant"}.issuperset(kinds):
            return
        self.found = [
            (kind == "constant", which, None if kind == "constant" or plan.fresh[which][0] == shape else shape)
            for kind, which, shape in plan.recipes
        ]
        frame = self.frame = Frame(plan)
        frame.enter()  # for good: it runs inside of the look
        first = len(plan.fresh)
        rows = [Row(NEW, i, i, shape, dtype) for i, (shape, dtype) in enumerate(plan.fresh)]
        for at, i in enumerate(plan.arrays, first):
            room = np.empty(*frame.expected[at]) if is_copied(values[i]) else None
            rows.append(Row(ARGUMENT, i, at, *frame.expected[at], room=room))
        at = frame.numbers.ctypes.data
        rows += [Row(WEAK, i, at + 8 * k, kind_of=id(type(values[i]))) for k, i in enumerate(plan.numbers)]
        if any(type(values[i]) not in (int, float) for i in plan.numbers):
            return
        try:
            self.entry = Entry((len(values), ()), Pairs(), rows, frame.work())
        except Unreadable:
            return
