"""A job: stages of kernel calls for a team of threads, and the choice to work alone where that is faster."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

import numpy as np

from . import team
from .team import CALLS, COUNT, FIRST, JOB_WORDS, LENGTH, LINE, TEAM, lined

Part = Sequence[Sequence[int]]  # kernel calls in order: address, slots, lo, hi

SOONEST, LATEST = 8, 256  # runs after which the slower way is tried again


class Pace:
    """Which way has been faster lately, with helpers or alone: on a busy machine helpers are in the way.

    The time of each way is followed, downwards at once and upwards slowly, as single runs are often interrupted. The slower
    way is tried again after some runs, and after twice as many each time that it proves slower.

    >>> pace = Pace()
    >>> for _ in range(6):
    ...     pace.note(pace.together, 1.0 if pace.together else 2.0)
    >>> pace.together, pace.times
    (True, [2.0, 1.0])
    """

    __slots__ = ("_best", "_period", "_rest", "times", "together")

    def __init__(self) -> None:
        self.times: list[float] = [0.0, 0.0]  # alone, together; 0: not known yet
        self.together = True  # the way of the next run
        self._best = True
        self._period = self._rest = SOONEST  # runs from one trial to the next; those that are left of them

    def note(self, together: bool, seconds: float) -> None:
        """Take note of a run, and choose the way of the next one."""
        known = self.times[together] or seconds
        change = min(seconds, 2 * known) - known
        self.times[together] = known + change / (2 if change < 0 else 4)
        alone, shared = self.times
        if not alone or not shared:
            self.together = not together
            return
        best = shared <= alone
        if best != self._best:
            self._best, self._period, self._rest = best, SOONEST, SOONEST
        elif together != best:
            self._period = self._rest = min(2 * self._period, LATEST)
        else:
            self._rest -= 1
        self.together = best if self._rest > 0 else not best


class Job:
    """Stages of parts, ready to be run again and again by one caller at a time.

    `stages[s][t]` are the parts of stage `s` that thread `t` takes first. Results do not depend on who takes what.

    >>> Job([]).run(0)
    """

    def __init__(self, stages: Sequence[Sequence[Sequence[Part]]]):
        threads = max(map(len, stages), default=1)
        parts = [part for stage in stages for share in stage for part in share]
        self._calls = [np.array(part, np.int64).reshape(-1, 4) for part in parts]
        self._parts, self._stages = lined(LINE * len(parts)), lined(LINE * len(stages))
        self._starts = np.zeros((len(stages), threads), np.int64)
        for record, calls in zip(self._parts.reshape(-1, LINE), self._calls):
            record[[CALLS, LENGTH]] = calls.ctypes.data, len(calls)
        first = 0
        for record, starts, stage in zip(self._stages.reshape(-1, LINE), self._starts, stages):
            sizes = [len(share) for share in stage]
            record[[FIRST, COUNT]] = first, sum(sizes)
            starts[1 : len(sizes)] = np.cumsum(sizes)[:-1]
            first += sum(sizes)
        self._job = lined(JOB_WORDS)
        tables = (self._stages, self._parts, self._starts)
        self._job[:] = [0, 0, len(stages), threads, *(table.ctypes.data for table in tables)]
        self._address = self._job.ctypes.data
        self._native = team.native("run")
        self.pace = Pace()
        self._is_warm = False  # the first run fills caches and wakes threads up: it tells nothing

    def run(self, helpers: int) -> None:
        """Run all stages, with the help of so many threads if they are free and it pays."""
        found = team.team()
        self._job[TEAM] = found.address
        if len(found.gates) < helpers:
            found.grow(helpers)
        together = self.pace.together
        start = perf_counter()
        if together:
            found.wake(helpers)
        self._native(self._address, together, 0)
        if self._is_warm:
            self.pace.note(together, perf_counter() - start)
        self._is_warm = True
