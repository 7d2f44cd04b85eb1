"""Schedules: functions of the count of updates, counted from 0, that return a learning rate or another option.

The count may be a Python number, an array or traced; the value is a 0-d array of the default floating-point dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import pi
from typing import Any

from ...core import config
from ...core.errors import ArgumentError
from ...core.ops.families import as_array
from ...core.ops.pointwise import (
    add,
    clip,
    cos,
    div,
    floor,
    greater_equal,
    less,
    maximum,
    minimum,
    mul,
    pow,
    sub,
    where,
)
from ...core.ops.shaping import cast

Schedule = Callable[[Any], Any]


def _floating(count: Any) -> Any:
    return cast(as_array(count), config.default_float.get())


def _positive(name: str, what: str, value: Any) -> None:
    if not value > 0:
        raise ArgumentError(f"{name}: {what} must be positive, got {value}")


def constant_schedule(value: Any) -> Schedule:
    """Return the same value always.

    >>> constant_schedule(0.5)(7)
    Array(0.5, dtype=float32)
    """
    return lambda count: _floating(value)


def polynomial_schedule(
    init_value: Any, end_value: Any, power: Any, transition_steps: int, transition_begin: int = 0
) -> Schedule:
    """Go from one value to another with a power of the part of the steps that remains.

    >>> schedule = polynomial_schedule(1.0, 0.0, power=2, transition_steps=10)
    >>> schedule(5)
    Array(0.25, dtype=float32)
    """
    _positive("polynomial_schedule", "transition_steps", transition_steps)

    def schedule(count: Any) -> Any:
        done = clip(sub(_floating(count), transition_begin), 0.0, float(transition_steps))
        rest = pow(sub(1.0, div(done, transition_steps)), power)
        return add(mul(rest, init_value - end_value), end_value)

    return schedule


def linear_schedule(init_value: Any, end_value: Any, transition_steps: int, transition_begin: int = 0) -> Schedule:
    """Go from one value to another in a straight line.

    >>> schedule = linear_schedule(0.0, 1.0, transition_steps=10)
    >>> schedule(3), schedule(20)
    (Array(0.3, dtype=float32), Array(1., dtype=float32))
    """
    return polynomial_schedule(init_value, end_value, 1, transition_steps, transition_begin)


def piecewise_constant_schedule(init_value: Any, boundaries_and_scales: Mapping[int, Any] | None = None) -> Schedule:
    """Multiply the value by a scale, once the count has reached a boundary.

    >>> schedule = piecewise_constant_schedule(1.0, {10: 0.5, 20: 0.5})
    >>> [schedule(n).item() for n in (9, 10, 20)]
    [1.0, 0.5, 0.25]
    """
    steps = sorted((boundaries_and_scales or {}).items())
    if any(scale < 0 for _, scale in steps):
        raise ArgumentError(f"piecewise_constant_schedule: scales must not be negative, got {boundaries_and_scales}")

    def schedule(count: Any) -> Any:
        value = _floating(init_value)
        for boundary, scale in steps:
            value = mul(value, where(greater_equal(as_array(count), boundary), scale, 1.0))
        return value

    return schedule


def exponential_decay(
    init_value: Any,
    transition_steps: int,
    decay_rate: float,
    transition_begin: int = 0,
    staircase: bool = False,
    end_value: Any = None,
) -> Schedule:
    """Multiply by `decay_rate` over each `transition_steps` steps, gradually or at once (`staircase`).

    `end_value` is a limit: the least value where the rate is below 1, else the largest.

    >>> schedule = exponential_decay(1.0, transition_steps=10, decay_rate=0.25)
    >>> schedule(5), schedule(10)
    (Array(0.5, dtype=float32), Array(0.25, dtype=float32))
    """
    _positive("exponential_decay", "transition_steps", transition_steps)
    _positive("exponential_decay", "decay_rate", decay_rate)
    limit = maximum if decay_rate < 1 else minimum

    def schedule(count: Any) -> Any:
        done = div(maximum(sub(_floating(count), transition_begin), 0.0), transition_steps)
        value = mul(pow(decay_rate, floor(done) if staircase else done), init_value)
        return value if end_value is None else limit(value, end_value)

    return schedule


def cosine_decay_schedule(init_value: Any, decay_steps: int, alpha: Any = 0.0, exponent: Any = 1.0) -> Schedule:
    """Go down along half a cosine to `alpha` times the first value. Loshchilov and Hutter (2016), arXiv:1608.03983.

    >>> schedule = cosine_decay_schedule(1.0, decay_steps=10)
    >>> schedule(0), schedule(5).round(4)
    (Array(1., dtype=float32), Array(0.5, dtype=float32))
    """
    _positive("cosine_decay_schedule", "decay_steps", decay_steps)

    def schedule(count: Any) -> Any:
        done = minimum(_floating(count), float(decay_steps))
        wave = mul(add(cos(mul(done, pi / decay_steps)), 1.0), 0.5)
        wave = wave if exponent == 1 else pow(wave, exponent)
        return mul(add(mul(wave, 1.0 - alpha), alpha), init_value)

    return schedule


def join_schedules(schedules: Sequence[Schedule], boundaries: Sequence[int]) -> Schedule:
    """Follow schedules one after the other, each counting from its own first step.

    >>> schedule = join_schedules([constant_schedule(1.0), linear_schedule(1.0, 0.0, 10)], [5])
    >>> schedule(4), schedule(10)
    (Array(1., dtype=float32), Array(0.5, dtype=float32))
    """
    if len(boundaries) != len(schedules) - 1:
        raise ArgumentError(
            f"join_schedules: {len(schedules)} schedules need {len(schedules) - 1} boundaries between them, got "
            f"{len(boundaries)}"
        )

    def schedule(count: Any) -> Any:
        count = as_array(count)
        value = schedules[0](count)
        for boundary, following in zip(boundaries, schedules[1:]):
            value = where(less(count, boundary), value, following(sub(count, boundary)))
        return value

    return schedule


def warmup_constant_schedule(init_value: Any, peak_value: Any, warmup_steps: int) -> Schedule:
    """Go up in a straight line, and stay there.

    >>> warmup_constant_schedule(0.0, 1.0, 10)(5)
    Array(0.5, dtype=float32)
    """
    return linear_schedule(init_value, peak_value, warmup_steps)


def warmup_cosine_decay_schedule(
    init_value: Any,
    peak_value: Any,
    warmup_steps: int,
    decay_steps: int,
    end_value: Any = 0.0,
    exponent: Any = 1.0,
) -> Schedule:
    """Go up in a straight line, then down along half a cosine; `decay_steps` counts both.

    >>> schedule = warmup_cosine_decay_schedule(0.0, 1.0, warmup_steps=10, decay_steps=30)
    >>> schedule(5), schedule(20).round(4)
    (Array(0.5, dtype=float32), Array(0.5, dtype=float32))
    """
    alpha = 0.0 if peak_value == 0 else end_value / peak_value
    down = cosine_decay_schedule(peak_value, decay_steps - warmup_steps, alpha, exponent)
    if warmup_steps == 0:
        return down
    return join_schedules([linear_schedule(init_value, peak_value, warmup_steps), down], [warmup_steps])


def warmup_exponential_decay_schedule(
    init_value: Any,
    peak_value: Any,
    warmup_steps: int,
    transition_steps: int,
    decay_rate: float,
    transition_begin: int = 0,
    staircase: bool = False,
    end_value: Any = None,
) -> Schedule:
    """Go up in a straight line, then down exponentially.

    >>> schedule = warmup_exponential_decay_schedule(0.0, 1.0, 10, transition_steps=10, decay_rate=0.25)
    >>> schedule(5), schedule(20)
    (Array(0.5, dtype=float32), Array(0.25, dtype=float32))
    """
    down = exponential_decay(peak_value, transition_steps, decay_rate, transition_begin, staircase, end_value)
    if warmup_steps == 0:
        return down
    return join_schedules([linear_schedule(init_value, peak_value, warmup_steps), down], [warmup_steps])
