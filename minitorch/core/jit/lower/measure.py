"""The time that each step of a plan takes, on copies of its inputs.

Steps run in their order, each one over and over while what it reads is in place: afterwards the arena is reused.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from ...array import Array, wrap
from ...errors import JitError
from ...tracer import Value
from ..native import replay
from .plan import Frame, Plan
from .program import Step

LASTING = 1e-3  # seconds that a series of the same call lasts
MOST = 100  # calls in a series: one that updates state does so again and again
SERIES = 3


def measured(plan: Plan, values: Sequence[Value]) -> list[float]:
    """Return the seconds that each step takes. The inputs are copied: nothing that anybody holds is changed."""
    frame = Frame(plan)
    frame.enter()  # for good
    inputs = [_copy(x) for x in values]
    outs = [wrap(np.empty(shape, dtype)) for shape, dtype in plan.fresh]
    for at, i in plan.donated:
        outs[at] = _copy(inputs[i])
    leaves = outs + [inputs[i] for i in plan.arrays]
    if frame.leaves.gather(leaves) >= 0:
        raise JitError("explain: the arguments do not fit the program; leave measure=True out, or pass others")
    frame.values, frame.arrays = dict(zip(plan.program.graph.inputs, inputs)), leaves
    frame.write_numbers(inputs)
    return [_seconds(frame, step, inputs) for step in plan.program.steps]


def _copy(x: Value) -> Any:
    return wrap(np.array(x._data, order="C")) if isinstance(x, Array) else x


def _seconds(frame: Frame, step: Step, inputs: Sequence[Value]) -> float:
    """Time one step, and leave what one execution leaves."""
    restore = partial(_restore, frame, step, inputs)
    run = frame._segment([step]) if step.python is None else partial(frame._call, step.python)
    run()
    restore()
    first = _timed(run)
    count = int(min(MOST, max(1.0, LASTING / max(first, 1e-9))))
    series = _repeated(run, count)
    best = first
    for _ in range(SERIES):
        restore()
        best = min(best, _timed(series) / count)
    restore()
    run()
    return best


def _repeated(run: Callable[[], None], count: int) -> Callable[[], None]:
    """Return what runs a step several times: a native one in one native call, whose cost is not the step's."""
    program = getattr(run, "__self__", None)
    if isinstance(program, replay.Program):
        return replay.Program(program.tasks[-1:] * count).run  # without the patches, already made

    def series() -> None:
        for _ in range(count):
            run()

    return series


def _timed(run: Callable[[], None]) -> float:
    start = perf_counter()
    run()
    return perf_counter() - start


def _restore(frame: Frame, step: Step, inputs: Sequence[Value]) -> None:
    """Give state that a step writes in place the value it had."""
    program = frame.plan.program
    for slot in step.slots:
        given = program.donated.get(slot.source) if slot.kind == "store" else None
        if given is not None:
            data = inputs[program.graph.inputs.index(given)]._data
            ctypes.memmove(int(frame.leaves.addresses[program.outputs[slot.source]]), data.ctypes.data, data.nbytes)
