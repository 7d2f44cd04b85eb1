"""The native loop that runs a list of kernel calls, and the threads that run it together.

A program is a C-contiguous int64 array of rows `[kernel address, slots address, lo, hi]`. `run` executes rows in order in
one native call, without the GIL. A `Program` is made from tasks, which also know how long they take and what memory they
touch, and runs them on several threads where that saves time. The caller keeps slots and buffers alive.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import groupby
from typing import Any

import numpy as np

from ...errors import ArgumentError
from . import team
from .compile import compile_kernel
from .job import Job
from .schedule import Task, schedule

ADDRESS, SLOTS, LO, HI = range(COLUMNS := 4)

WORTHWHILE = 20e-6  # seconds that threads must be expected to save

# In the shape of a kernel, whose slots are the program and whose range is rows.
LOOP = f"""
def loop(P, lo, hi):
    for i in range(lo, hi):
        call_kernel(P[i * {COLUMNS}], P[i * {COLUMNS} + 1], P[i * {COLUMNS} + 2], P[i * {COLUMNS} + 3])
"""

Native = Callable[[int, int, int], None]


@cache
def native_loop() -> Native:
    """Return the loop as a function of the program's address, the first row and the row after the last."""
    address = compile_kernel(LOOP, "loop").address
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)


def run(program: np.ndarray[Any, Any], first: int = 0, count: int | None = None) -> None:
    """Run `count` rows of a program, from the row `first` on."""
    native_loop()(program.ctypes.data, first, len(program) if count is None else first + count)


# --------------------------------------------------------------------------- threads

MOST_BY_DEFAULT = 4  # the more threads, the larger the programs have to be that gain by them
_threads: int | None = None


def _default_threads() -> int:
    given = os.environ.get("MINITORCH_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS") or ""
    return int(given) if given.isdecimal() and int(given) > 0 else min(cores(), MOST_BY_DEFAULT)


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def get_num_threads() -> int:
    """Return how many threads a compiled function is run by, where that saves time.

    The default is MINITORCH_NUM_THREADS, else OMP_NUM_THREADS, else the number of cores that the process may use, but not
    more than 4.

    >>> get_num_threads() >= 1
    True
    """
    global _threads
    if _threads is None:
        _threads = _default_threads()
    return _threads


def set_num_threads(n: int) -> None:
    """Set how many threads compiled functions are run by, where that saves time; 1 means none but the caller's.

    Results may depend on the number in the last bits, and on nothing else: not on how threads meet. Raises ArgumentError
    unless `n` is an integer >= 1. Operations that run at once, outside `jit`, are NumPy's: they use one thread, except for
    matrix products, whose number the BLAS decides (OPENBLAS_NUM_THREADS, OMP_NUM_THREADS).

    >>> before = get_num_threads()
    >>> set_num_threads(1)
    >>> get_num_threads()
    1
    >>> set_num_threads(before)
    """
    global _threads
    if not isinstance(n, int) or n < 1:
        raise ArgumentError(f"set_num_threads: n must be an integer >= 1, got {n!r}")
    _threads = n


class Program:
    """Tasks that run as if in order, on several threads where that saves time. For one caller at a time.

    >>> Program([]).run()
    """

    __slots__ = ("_calls", "_jobs", "_loop", "_threads", "rows", "tasks")

    def __init__(self, tasks: Sequence[Task]):
        self.tasks = list(tasks)
        self.rows = np.array([task.row for task in self.tasks], np.int64).reshape(-1, COLUMNS)
        self._loop = native_loop()
        self._threads = 0
        self._calls: list[Callable[[], None]] = []
        self._jobs: list[Job] = []

    def run(self) -> None:
        """Run all tasks."""
        if self._threads != (_threads or get_num_threads()):
            self._prepare(get_num_threads())
        for call in self._calls:
            call()

    @property
    def is_split(self) -> bool:
        """Whether a run is shared with other threads."""
        self._prepare(get_num_threads())
        return bool(self._jobs)

    def _prepare(self, threads: int) -> None:
        """List the native calls: of jobs for all threads, and of the loop where one thread does as well."""
        calls: list[Callable[[], None]] = []
        jobs: list[Job] = []
        first = at = 0
        for is_alone, group in groupby(self.tasks, key=lambda task: task.touches is None):
            tasks = list(group)
            plan = schedule(tasks if threads > 1 and not is_alone and team.is_supported() else [], threads)
            if plan.saved > WORTHWHILE:
                jobs.append(Job(plan.stages))
                calls += [self._plain(first, at)] if at > first else []
                calls.append(partial(jobs[-1].run, min(threads, cores()) - 1))
                first = at + len(tasks)
            at += len(tasks)
        calls += [self._plain(first, at)] if at > first else []
        self._calls, self._jobs, self._threads = calls, jobs, threads

    def _plain(self, first: int, last: int) -> Callable[[], None]:
        return partial(self._loop, self.rows.ctypes.data, first, last)
