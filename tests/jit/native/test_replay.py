"""The native loop and the threads that share its work: order, fork, many callers."""

from __future__ import annotations

import faulthandler
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minitorch.core.jit.native import replay, team
from minitorch.core.jit.native.compile import compile_kernel
from minitorch.core.jit.native.schedule import Task, Touch
from minitorch.errors import ArgumentError

ADD = """
def add(P, lo, hi):
    x = f64(P[0]); y = f64(P[1]); out = f64(P[2])
    for i in range(lo, hi):
        out[i] = x[i] + y[i]
"""
SLOW = """
def slow(P, lo, hi):
    x = f64(P[0]); out = f64(P[1])
    for i in range(lo, hi):
        value = x[i]
        for _ in range(2000):
            value = value * 0.5 + 1.0
        out[i] = value
"""
DEADLINE = 120  # seconds: threads that wait for each other forever end the run


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = replay.get_num_threads()
    faulthandler.dump_traceback_later(DEADLINE, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()
    replay.set_num_threads(before)


@pytest.fixture
def many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "cores", lambda: 8)


def touches(reads: np.ndarray[Any, Any], writes: np.ndarray[Any, Any]) -> tuple[Touch, ...]:
    pairs = ((reads, False), (writes, True))
    return tuple(Touch("memory", x.ctypes.data, x.ctypes.data + x.nbytes, written) for x, written in pairs)


class Chain:
    """x + y, doubled `steps` times, in calls that depend on one another and claim to take so many seconds."""

    def __init__(self, size: int, steps: int, seconds: float, unit: int = 1):
        self.x = np.arange(size, dtype=np.float64)
        self.values = np.zeros((steps, size))
        address = compile_kernel(ADD, "add").address
        pairs = list(zip([self.x, *self.values[:-1]], self.values))
        self.slots = np.array([[s.ctypes.data, s.ctypes.data, v.ctypes.data] for s, v in pairs])
        self.tasks = [
            Task(address, slot.ctypes.data, 0, size, seconds, unit, touches(*pair))
            for slot, pair in zip(self.slots, pairs)
        ]
        self.program = replay.Program(self.tasks)

    def check(self) -> None:
        self.values[:] = 0
        self.program.run()
        assert (self.values[-1] == self.x * 2.0 ** len(self.values)).all()


@pytest.mark.usefixtures("many_cores")
@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize(("seconds", "unit"), [(0, 1), (1e-3, 1), (1e-3, 16), (1e-3, 600), (1.0, 1), (1.0, 0)])
def test_split_or_not(count: int, seconds: float, unit: int) -> None:
    replay.set_num_threads(count)
    chain = Chain(1000, 5, seconds, unit)
    assert chain.program.is_split == (count > 1 and seconds > 0 and unit in (1, 16))
    for _ in range(20):
        chain.check()


def test_part_of_a_program() -> None:
    chain = Chain(10, 4, 0)
    replay.run(chain.program.rows, 0, 2)
    assert (chain.values[1] == chain.x * 4).all() and not chain.values[2].any()
    replay.run(chain.program.rows, 2)
    assert (chain.values[3] == chain.x * 16).all()


@pytest.mark.usefixtures("many_cores")
def test_what_must_run_alone() -> None:
    replay.set_num_threads(4)
    chain = Chain(100, 9, 1e-3)
    alone = [task._replace(touches=None) if i in (0, 4, 5) else task for i, task in enumerate(chain.tasks)]
    chain.program = replay.Program(alone)
    assert chain.program.is_split
    chain.check()


def test_the_number_of_threads_may_change() -> None:
    chain = Chain(1000, 4, 1e-3)
    for n in (2, 1, 5, 3, 2, 1):
        replay.set_num_threads(n)
        assert chain.program.is_split == (n > 1)
        chain.check()


def test_many_callers() -> None:
    replay.set_num_threads(3)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            chain = Chain(512, 3, 1e-3)
            for _ in range(200):
                chain.check()
        except BaseException as error:
            failures.append(error)

    callers = [threading.Thread(target=work) for _ in range(8)]
    for caller in callers:
        caller.start()
    for n in (1, 4, 2):
        replay.set_num_threads(n)
        time.sleep(0.01)
    for caller in callers:
        caller.join()
    assert not failures


class Slow:
    """Two calls that take milliseconds, each cut into parts; the second reads what the first writes."""

    def __init__(self, size: int = 2000):
        self.arrays = [np.linspace(0, 1, size), np.zeros(size), np.zeros(size)]
        address = compile_kernel(SLOW, "slow").address
        pairs = list(zip(self.arrays, self.arrays[1:]))
        self.slots = np.array([[x.ctypes.data, y.ctypes.data] for x, y in pairs])
        tasks = [Task(address, s.ctypes.data, 0, size, 1e-2, 1, touches(*p)) for s, p in zip(self.slots, pairs)]
        self.program = replay.Program(tasks)


@pytest.mark.usefixtures("many_cores")
def test_helpers_take_part_and_results_are_the_same() -> None:
    replay.set_num_threads(1)
    slow = Slow()
    slow.program.run()
    expected = slow.arrays[-1].copy()
    replay.set_num_threads(3)
    team.team().grow(2)
    helper = next(t for t in threading.enumerate() if t.name == "minitorch-1")
    before = helper_time(helper)
    for _ in range(20):
        slow.arrays[-1][:] = 0
        slow.program.run()
        assert (slow.arrays[-1] == expected).all()
    assert before is None or helper_time(helper) > before  # type: ignore[operator]


def helper_time(thread: threading.Thread) -> int | None:
    """Return the nanoseconds that a thread has run, where the system tells."""
    path = Path(f"/proc/self/task/{thread.native_id}/schedstat")
    return int(path.read_text().split()[0]) if path.exists() else None


@pytest.mark.usefixtures("many_cores")
def test_idle_helpers_do_nothing() -> None:
    replay.set_num_threads(3)
    slow = Slow()
    slow.program.run()
    time.sleep(0.05)
    before = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - before < 0.1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python warns about forking with threads: that is the test
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning")  # so does JAX, if it is loaded
@pytest.mark.usefixtures("many_cores")
def test_a_child_makes_helpers_of_its_own() -> None:
    replay.set_num_threads(3)
    chain = Chain(1000, 3, 1e-3)
    chain.check()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            assert not any(t.name.startswith("minitorch-") for t in threading.enumerate())
            chain.check()
            assert any(t.name.startswith("minitorch-") for t in threading.enumerate())
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    chain.check()


SCRIPT = """
import os, time
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from minitorch.core.jit.native import replay
from tests.jit.native.test_replay import Chain
replay.cores = lambda: 3
replay.set_num_threads(3)
chain = Chain(1000, 50, 1e-3)
chain.check()
start = time.perf_counter()
for _ in range(200):
    chain.check()
print(time.perf_counter() - start)
"""


def test_more_threads_than_cores_and_an_orderly_end() -> None:
    """With helpers on the caller's only core, calls take microseconds still; the interpreter ends while helpers watch."""
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=DEADLINE)
    assert run.returncode == 0 and not run.stderr, run.stderr
    assert float(run.stdout) < 5.0


def test_no_threads_before_they_are_needed() -> None:
    replay.set_num_threads(4)
    before = threading.active_count()
    Chain(1000, 3, 0).check()
    assert threading.active_count() == before


@pytest.mark.usefixtures("many_cores")
def test_where_threads_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(team, "_team", None)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    replay.set_num_threads(2)
    Chain(1000, 3, 1e-3).check()


def test_where_there_is_no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(team, "is_supported", lambda: False)
    replay.set_num_threads(2)
    chain = Chain(1000, 3, 1e-3)
    assert not chain.program.is_split
    chain.check()


def test_arguments() -> None:
    for n in (0, -1, 1.5, "2"):
        with pytest.raises(ArgumentError, match="set_num_threads"):
            replay.set_num_threads(n)  # type: ignore[arg-type]


@pytest.mark.parametrize(("given", "expected"), [("3", 3), ("0", None), ("x", None), ("", None)])
def test_the_default(monkeypatch: pytest.MonkeyPatch, given: str, expected: int | None) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MINITORCH_NUM_THREADS", given)
    assert replay._default_threads() == (expected or min(replay.cores(), 4))
