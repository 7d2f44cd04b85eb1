"""Which kernel calls run at the same time: from a list of calls with the memory they touch to stages for several threads.

Two calls have to run in order if both touch the same memory and one of them writes there. A call goes to the earliest
stage after all those that it has to follow. In a stage large calls are cut into parts of their range, and small ones are
dealt out; stages too small to be shared are joined to one part, for one thread. Estimated times decide, so a schedule
depends on the program and the number of threads alone, and so do the results.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

PART = 4e-6  # seconds of work that are worth being a part of their own
MEETING = 1e-6  # what it costs threads to wait for each other at the end of a stage


class Touch(NamedTuple):
    """A range of some memory that a call reads, or may write to as well. Different names are different memory."""

    where: Hashable
    start: int
    stop: int
    writes: bool


class Task(NamedTuple):
    """A call: rows for one thread, the seconds it takes, and what it touches; None means that it must run alone.

    The range `lo` to `hi` may be cut at multiples of `unit`; 0 keeps it whole.
    """

    address: int
    slots: int
    lo: int
    hi: int
    seconds: float = 0.0
    unit: int = 0
    touches: tuple[Touch, ...] | None = None

    @property
    def row(self) -> list[int]:
        """What the native loop reads."""
        return [self.address, self.slots, self.lo, self.hi]


Calls = list[list[int]]
Share = list[Calls]  # the parts that one thread takes first


class Schedule(NamedTuple):
    """The stages, for each the share of each thread, and the seconds that threads are expected to save."""

    stages: list[list[Share]]
    saved: float


def levels(tasks: Iterable[Task]) -> list[int]:
    """Return the earliest stage of each task.

    >>> x, y = (Touch(name, 0, 8, True) for name in "xy")
    >>> levels([Task(0, 0, 0, 1, touches=t) for t in ((x,), (y,), (x, y), (y,))])
    [0, 0, 1, 2]
    """
    found: list[int] = []
    seen: dict[Hashable, list[tuple[int, int, bool, int]]] = {}
    for task in tasks:
        assert task.touches is not None
        level = 0
        for where, start, stop, writes in task.touches:
            for begin, end, wrote, at in seen.get(where, ()):
                if at >= level and begin < stop and start < end and (writes or wrote):
                    level = at + 1
        for where, start, stop, writes in task.touches:
            others = seen.get(where, [])
            if writes:  # whoever has to follow what this covers has to follow this
                others = [one for one in others if one[0] < start or one[1] > stop]
            seen[where] = [*others, (start, stop, writes, level)]
        found.append(level)
    return found


def parts_of(task: Task, threads: int) -> Calls:
    """Cut a call into as many parts as threads, or as many as are worth it.

    >>> [row[2:] for row in parts_of(Task(0, 0, 0, 100, 1e-3, unit=16), 3)]
    [[0, 32], [32, 64], [64, 100]]
    """
    lo, hi, unit = task.lo, task.hi, task.unit
    count = min(threads, int(task.seconds / PART), (hi - lo) // unit) if unit else 1
    if count < 2:
        return [task.row]
    bounds = [lo + (hi - lo) * i // count // unit * unit for i in range(count)] + [hi]
    return [[task.address, task.slots, *pair] for pair in pairwise(bounds)]


def shared(tasks: Sequence[Task], threads: int) -> tuple[list[Share], float]:
    """Deal the tasks of a stage out; return each thread's parts, and the seconds that the busiest one needs."""
    shares: list[Share] = [[] for _ in range(threads)]
    busy = [0.0] * threads
    rest: list[Task] = []
    for task in tasks:
        cut = parts_of(task, threads)
        if len(cut) == threads:
            for i, row in enumerate(cut):
                shares[i].append([row])
                busy[i] += task.seconds / threads
        elif len(cut) > 1:
            rest += [task._replace(lo=row[2], hi=row[3], seconds=task.seconds / len(cut)) for row in cut]
        else:
            rest.append(task)
    bundles: list[Calls] = [[] for _ in range(threads)]
    for task in sorted(rest, key=lambda one: -one.seconds):
        i = busy.index(min(busy))
        busy[i] += task.seconds
        if task.seconds < PART:
            bundles[i].append(task.row)
        else:
            shares[i].append([task.row])
    for share, bundle in zip(shares, bundles):
        share += [bundle] if bundle else []
    return shares, max(busy)


def schedule(tasks: Sequence[Task], threads: int) -> Schedule:
    """Divide tasks into stages, and these among threads.

    >>> schedule([Task(7, 8, 0, 2, 1e-3, 1, ())], 2).stages
    [[[[[7, 8, 0, 1]]], [[[7, 8, 1, 2]]]]]
    """
    order = levels(tasks)
    stages: list[list[Share]] = []
    lone: Calls = []  # of the small stages since the last one that was shared
    saved = 0.0
    for level in range(max(order, default=-1) + 1):
        here = [task for task, at in zip(tasks, order) if at == level]
        seconds = sum(task.seconds for task in here)
        shares, busiest = shared(here, threads)
        if seconds - busiest < MEETING:
            lone += [task.row for task in here]
        else:
            stages += [[[lone]], shares] if lone else [shares]
            lone = []
            saved += seconds - busiest - MEETING
    return Schedule(stages + ([[[lone]]] if lone else []), saved)
