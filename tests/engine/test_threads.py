"""E21: eight threads at once compute what one computes."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

from minitorch.core.array import Array
from minitorch.core.checkpoint import checkpoint
from minitorch.core.config import default_float, setting
from minitorch.core.ops.pointwise import sin
from minitorch.core.tape import context, muting
from minitorch.core.transforms import grad, jvp, vmap

THREADS, ITERATIONS = 8, 1_000


def f(x):
    return sin(x) * x * x


third = grad(grad(grad(f)))


def muted(x):
    with muting(True):
        y = x * x
    return x * y


WORK = {
    "grad": (grad(f), ITERATIONS),
    "third derivative": (third, ITERATIONS),
    "muted": (grad(muted), ITERATIONS),
    "checkpoint": (grad(checkpoint(f)), ITERATIONS // 4),
    "nested": (lambda x: vmap(grad(lambda y: jvp(f, (y * x,), (y,))[1]))(Array(np.ones(2))).sum(), ITERATIONS // 10),
}


@pytest.mark.parametrize("name", WORK)
def test_E21_threads_equal_serial(name):
    work, count = WORK[name]
    points = np.linspace(0.1, 2.0, 10)
    serial = [work(Array(x)).item() for x in points]
    barrier = Barrier(THREADS)

    def run(_):
        barrier.wait()
        return [work(Array(points[i % 10])).item() for i in range(count)]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # change threads as often as possible
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            results = list(pool.map(run, range(THREADS)))
    finally:
        sys.setswitchinterval(interval)
    wanted = [serial[i % 10] for i in range(count)]
    assert all(result == wanted for result in results)


def test_E21_settings_are_per_thread():
    barrier = Barrier(2)

    def run(wide):
        with setting(default_float, np.dtype(np.float64 if wide else np.float32)), muting(wide):
            barrier.wait()
            found = (grad(lambda x: x * 2.0)(1.0).dtype, context.get().muted > 0)
            barrier.wait()
        return found

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(run, (True, False))) == [(np.float64, True), (np.float32, False)]
