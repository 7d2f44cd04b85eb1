"""The native loop that runs a list of kernel calls, and the threads that large calls are split over.

A program is a C-contiguous int64 array of rows `[kernel address, slots address, lo, hi, grain]`. `run` executes rows in
order in one native call, without the GIL. A `Program` also splits each row with a grain > 0 over threads, into ranges of at
least `grain`; a grain of 0 keeps the row whole. The caller keeps slots and buffers alive.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np

from ...errors import ArgumentError
from .compile import compile_kernel

ADDRESS, SLOTS, LO, HI, GRAIN = range(COLUMNS := 5)

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

_lock = threading.Lock()
_threads: int | None = None
_pool: ThreadPoolExecutor | None = None


def _default_threads() -> int:
    given = os.environ.get("MINITORCH_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS") or ""
    if given.isdecimal() and int(given) > 0:
        return int(given)
    # One: handing a part to a Python thread costs 50 to 100 us, more than the kernels of small models take. Measured with
    # two threads: 0.76 times the speed of one on a GPT step of 5.5 ms whose kernels take up to 0.3 ms.
    return 1


def get_num_threads() -> int:
    """Return how many threads compiled functions split their large kernel calls over.

    The default is MINITORCH_NUM_THREADS, else OMP_NUM_THREADS, else 1: more pay for kernels of a millisecond and longer.

    >>> get_num_threads() >= 1
    True
    """
    global _threads
    if _threads is None:
        _threads = _default_threads()
    return _threads


def set_num_threads(n: int) -> None:
    """Set how many threads compiled functions split their large kernel calls over; 1 means none but the caller's.

    Raises ArgumentError unless `n` is an integer >= 1. Operations that run at once, outside `jit`, are NumPy's: they use
    one thread, except for matrix products, whose number the BLAS decides (OPENBLAS_NUM_THREADS, OMP_NUM_THREADS).

    >>> before = get_num_threads()
    >>> set_num_threads(1)
    >>> get_num_threads()
    1
    >>> set_num_threads(before)
    """
    global _threads, _pool
    if not isinstance(n, int) or n < 1:
        raise ArgumentError(f"set_num_threads: n must be an integer >= 1, got {n!r}")
    with _lock:
        old, _pool, _threads = _pool, None, n
    if old is not None:
        old.shutdown(wait=False)


def _submit(task: Native, *args: int) -> Any:
    """Hand a task to the pool, which is made when first needed; under the lock, so that nobody shuts it down meanwhile."""
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(max(get_num_threads() - 1, 1), thread_name_prefix="minitorch")
        return _pool.submit(task, *args)


def _after_fork() -> None:
    """The parent's threads do not exist in a child; neither may a lock that one of them held."""
    global _pool, _lock
    _pool, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Program:
    """Rows that run in order, the large ones split over threads.

    >>> Program(np.empty((0, COLUMNS), np.int64)).run()
    """

    __slots__ = ("_loop", "_plan", "rows")

    def __init__(self, rows: np.ndarray[Any, Any]):
        if rows.dtype != np.int64 or rows.ndim != 2 or rows.shape[1] != COLUMNS or not rows.flags.c_contiguous:
            raise ArgumentError(f"Program: needs contiguous int64 rows of {COLUMNS}, got {rows.dtype}{rows.shape}")
        self.rows = rows
        self._loop = native_loop()
        self._plan: tuple[int, list[tuple[int, int, int]], list[np.ndarray[Any, Any]]] | None = None

    def run(self) -> None:
        """Run all rows. Several threads may run programs at once, this one included if its kernels allow it."""
        plan = self._plan
        threads = _threads or get_num_threads()
        if plan is None or plan[0] != threads:
            plan = self._plan = self._split(threads)
        for address, rows, parallel in plan[1]:
            if parallel:
                self._together(address, rows)
            else:
                self._loop(address, 0, rows)

    @property
    def is_split(self) -> bool:
        """Whether a run hands parts to other threads."""
        return any(parallel for _, _, parallel in self._split(get_num_threads())[1])

    def refresh(self) -> None:
        """Take note of changes in `rows`; what lies in slots and buffers may change without."""
        self._plan = None

    def _together(self, address: int, rows: int) -> None:
        others = [_submit(self._loop, address, i, i + 1) for i in range(1, rows)]
        self._loop(address, 0, 1)
        for other in others:
            other.result()

    def _split(self, threads: int) -> tuple[int, list[tuple[int, int, int]], list[np.ndarray[Any, Any]]]:
        """Make the list of native calls: (address of the rows, how many, whether they run at the same time)."""
        calls: list[tuple[int, int, int]] = []
        tables: list[np.ndarray[Any, Any]] = []
        width = self.rows.strides[0]
        first = 0
        for i, (_, _, lo, hi, grain) in enumerate(self.rows.tolist()):
            parts = min(threads, (hi - lo) // grain) if grain > 0 else 1
            if parts < 2:
                continue
            if i > first:
                calls.append((self.rows.ctypes.data + first * width, i - first, 0))
            table = np.repeat(self.rows[i : i + 1], parts, axis=0)
            bounds = [lo + (hi - lo) * j // parts for j in range(parts + 1)]
            table[:, LO], table[:, HI] = bounds[:-1], bounds[1:]
            tables.append(table)
            calls.append((table.ctypes.data, parts, 1))
            first = i + 1
        if first < len(self.rows):
            calls.append((self.rows.ctypes.data + first * width, len(self.rows) - first, 0))
        return threads, calls, tables
