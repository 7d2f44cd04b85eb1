"""What the examples of a mapped axis compute together.

`psum` is its own transpose, seen as a map of the whole axis; a gathered value is pulled back to the example it came
from. Their meaning over the axis is in `MAPPED`, which the batching interpreter of that axis asks; every other one sees
an ordinary linear operation.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..aval import Aval
from ..primitive import LINEAR
from ..tracer import Value, aval_of
from .families import LEADING, custom
from .gathering import take
from .pointwise import mul
from .shaping import broadcast_to, cast, moveaxis
from .shaping import sum as sum_


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """A mapped axis: its name, its size, and the level of the vmap that opened it."""

    name: Hashable
    size: int
    level: int

    def __repr__(self) -> str:
        return f"{self.name}[{self.size}]"


psum_p: Any = custom(
    "psum",
    lambda x, *, over: np.multiply(x, over.size, dtype=x.dtype),
    abstract=lambda x, *, over: x._replace(weak=False),
    vjp=(lambda g, over: psum_p(g, over=over),),
    jvp=LINEAR,
    batch=LEADING,
)


def _gathered_aval(x: Aval, index: Aval, *, over: Axis) -> Aval:
    return x._replace(shape=(over.size, *x.shape), weak=False)


def _gather_batch(batched: tuple[bool, ...], x: Value, index: Value, *, over: Axis) -> Value:
    return moveaxis(all_gather_p(x, index, over=over), 0, 1)


# The index of the example goes along for the transpose: it is what the cotangents of all examples are picked by.
all_gather_p: Any = custom(
    "all_gather",
    lambda x, index, *, over: np.broadcast_to(x, (over.size, *x.shape)).copy(),
    abstract=_gathered_aval,
    vjp=(lambda g, index, over: take(psum_p(g, over=over), index, 0), None),
    jvp=(lambda t, index, over: all_gather_p(t, index, over=over), None),
    batch=_gather_batch,
)


def _summed(axis: Axis, x: Value, mapped: bool) -> Value:
    return cast(sum_(x, axis=0), aval_of(x).dtype) if mapped else mul(x, axis.size)


def _gathered(axis: Axis, x: Value, mapped: bool) -> Value:
    return x if mapped else broadcast_to(x, (axis.size, *aval_of(x).shape))


# The same for all examples, from the operand with the mapped axis first (or without one).
MAPPED: dict[str, Callable[[Axis, Value, bool], Value]] = {"psum": _summed, "all_gather": _gathered}
