"""Measure steps fairly: one process, one thread, interleaved rounds, medians.

Each round gives every contender a block of calls long enough for the clock, in an order that rotates, with the garbage
collector off inside the block. Ratios are medians over rounds, so a machine that slows down slows all alike.
Knows nothing of what the steps do.
"""

from __future__ import annotations

import compileall
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import minitorch

from .registry import Step, Workload

AGREE_STEPS, AGREE_TOLERANCE = 5, 1e-3
WARM_UP = 3  # the first call compiles, and the second may compile again, as gradients are there by then


@dataclass
class Timing:
    """Seconds per step, one figure a round."""

    rounds: list[float]

    @property
    def median(self) -> float:
        return median(self.rounds)

    @property
    def spread(self) -> float:
        """Half the interquartile range, relative to the median."""
        if len(self.rounds) < 2:
            return 0.0
        low, _, high = quantiles(self.rounds, n=4, method="inclusive")
        return (high - low) / 2 / self.median

    def speedup_over(self, other: Timing) -> float:
        """How many times faster than `other`: the median over rounds."""
        return median(theirs / ours for ours, theirs in zip(self.rounds, other.rounds, strict=True))


@dataclass
class Machine:
    """What the hardware gives one thread: FLOP/s of a float32 matrix product, bytes/s of a streaming add."""

    flops: float
    bandwidth: float

    def floor(self, work: Workload) -> float:
        """Seconds below which no implementation of the workload can go."""
        return max(work.flops / self.flops, work.bytes / self.bandwidth)


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep every library that is loaded by now to one thread."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
    if minitorch := sys.modules.get("minitorch"):
        minitorch.set_num_threads(1)
    with threadpool_limits(1):
        yield


@contextmanager
def no_gc() -> Iterator[None]:
    """Collect now and not again inside the block."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def block(step: Step, calls: int) -> float:
    """Return seconds per call, over `calls` calls."""
    start = perf_counter()
    for _ in repeat(None, calls):
        step()
    return (perf_counter() - start) / calls


def calibrate(step: Step, seconds: float) -> int:
    """Warm a step up and return the number of calls that fill a block."""
    block(step, WARM_UP)
    calls, elapsed = 1, 0.0
    while elapsed < seconds / 4 and calls < 1_000_000:
        elapsed = block(step, calls) * calls
        calls *= 2
    return max(1, round(seconds * (calls / 2) / elapsed))


def measure(steps: dict[str, Step], rounds: int, seconds: float) -> dict[str, Timing]:
    """Time all steps in interleaved rounds with blocks of about `seconds`."""
    for step in steps.values():  # loads what they need
        step()
    with one_thread():
        calls = {name: calibrate(step, seconds) for name, step in steps.items()}
        timings: dict[str, Timing] = {name: Timing([]) for name in steps}
        names = list(steps)
        for i in range(rounds):
            for name in names[i % len(names) :] + names[: i % len(names)]:
                with no_gc():
                    timings[name].rounds.append(block(steps[name], calls[name]))
    return timings


def write_bytecode() -> None:
    """Compile the library to bytecode, as its installation does; in a working tree it may not be there."""
    compileall.compile_dir(Path(minitorch.__file__).parent, quiet=1)


def probe_machine() -> Machine:
    """Measure the matrix-product peak and the memory bandwidth of one thread."""
    x = np.ones((1024, 1024), np.float32)
    a = np.ones(1 << 24, np.float32)
    out, total = np.empty_like(x), np.empty_like(a)
    with one_thread():
        product = best(lambda: np.matmul(x, x, out=out))
        add = best(lambda: np.add(a, a, out=total))
    return Machine(flops=2 * 1024**3 / product, bandwidth=2 * a.nbytes / add)


def best(step: Callable[[], Any], tries: int = 7) -> float:
    return min(block(step, 1) for _ in range(tries))


def check(steps: dict[str, Step]) -> None:
    """Assert that all contenders compute the same: their first losses (or results) agree."""
    with one_thread():
        results = {name: [value(step()) for _ in range(AGREE_STEPS)] for name, step in steps.items()}
    (first, expected), *others = results.items()
    for name, got in others:
        np.testing.assert_allclose(
            got, expected, rtol=AGREE_TOLERANCE, atol=1e-5, err_msg=f"{name} and {first} do not do the same work"
        )


def value(result: Any) -> np.ndarray:
    """Return a step's result as a NumPy array, whatever library it is from."""
    return np.array(result.detach().numpy() if hasattr(result, "detach") else result)
