"""The native loop: order, threads, fork, many callers."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from minitorch.core.jit.native import replay
from minitorch.core.jit.native.compile import compile_kernel
from minitorch.errors import ArgumentError

ADD = """
def add(P, lo, hi):
    x = f64(P[0]); y = f64(P[1]); out = f64(P[2])
    for i in range(lo, hi):
        out[i] = x[i] + y[i]
"""


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = replay.get_num_threads()
    yield
    replay.set_num_threads(before)


class Chain:
    """x + y, doubled `steps` times, in rows that depend on one another."""

    def __init__(self, size: int, steps: int, grain: int):
        self.x = np.arange(size, dtype=np.float64)
        self.values = np.zeros((steps, size))
        address = compile_kernel(ADD, "add").address
        sources = [self.x, *self.values[:-1]]
        self.slots = np.array([[s.ctypes.data, s.ctypes.data, v.ctypes.data] for s, v in zip(sources, self.values)])
        rows = [[address, slot.ctypes.data, 0, size, grain] for slot in self.slots]
        self.program = replay.Program(np.array(rows))

    def check(self) -> None:
        self.values[:] = 0
        self.program.run()
        assert (self.values[-1] == self.x * 2.0 ** len(self.values)).all()


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("grain", [0, 1, 10, 499, 500, 501, 10_000])
def test_split_or_not(count: int, grain: int) -> None:
    replay.set_num_threads(count)
    Chain(1000, 5, grain).check()


def test_part_of_a_program() -> None:
    chain = Chain(10, 4, 0)
    replay.run(chain.program.rows, 0, 2)
    assert (chain.values[1] == chain.x * 4).all() and not chain.values[2].any()
    replay.run(chain.program.rows, 2)
    assert (chain.values[3] == chain.x * 16).all()


def test_mixed_rows_and_changed_ranges() -> None:
    replay.set_num_threads(4)
    chain = Chain(100, 6, 10)
    chain.program.rows[::2, replay.GRAIN] = 0
    chain.program.refresh()
    chain.check()
    chain.program.rows[:, replay.HI] = 7
    chain.program.refresh()
    chain.values[:] = 0
    chain.program.run()
    assert chain.values[-1, 6] == 6 * 64 and not chain.values[:, 7:].any()


def test_many_callers() -> None:
    replay.set_num_threads(3)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            chain = Chain(512, 3, 16)
            for _ in range(50):
                chain.check()
        except BaseException as error:
            failures.append(error)

    callers = [threading.Thread(target=work) for _ in range(8)]
    for caller in callers:
        caller.start()
    for n in (1, 4, 2):
        replay.set_num_threads(n)
    for caller in callers:
        caller.join()
    assert not failures


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python warns about forking with threads: that is the test
def test_a_child_makes_threads_of_its_own() -> None:
    replay.set_num_threads(3)
    chain = Chain(1000, 3, 10)
    chain.check()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            chain.check()
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    chain.check()


def test_no_threads_before_they_are_needed() -> None:
    replay.set_num_threads(4)
    before = threading.active_count()
    Chain(1000, 3, 0).check()
    assert threading.active_count() == before


def test_arguments() -> None:
    for n in (0, -1, 1.5, "2"):
        with pytest.raises(ArgumentError, match="set_num_threads"):
            replay.set_num_threads(n)  # type: ignore[arg-type]
    bad: list[Any] = [np.zeros((2, 4), np.int64), np.zeros((2, 5)), np.zeros((5, 2), np.int64).T]
    for rows in bad:
        with pytest.raises(ArgumentError, match="Program"):
            replay.Program(rows)


@pytest.mark.parametrize(("given", "expected"), [("3", 3), ("0", None), ("x", None), ("", None)])
def test_the_default(monkeypatch: pytest.MonkeyPatch, given: str, expected: int | None) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MINITORCH_NUM_THREADS", given)
    assert replay._default_threads() == (expected or 1)
