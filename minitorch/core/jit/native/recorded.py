"""Operations on small tensors, one call of Python's each, as kernel text: each looks at handles, computes, and records.

Functions return 0 for what they leave alone.
"""

from __future__ import annotations

from typing import Any

from .computed import cross_entropy_made, linear_made, mse_loss_made, relu_made
from .handling import Words, buffer_of, first_of_two, i64, plan_of, result
from .structures import TUPLE_ITEMS, TUPLE_SIZE
from .words import NONE, TRACE


def linear_of(W: Words, args: int) -> int:
    """Record `linear(x, w, b)`, where `b` may be None."""
    if i64(args + TUPLE_SIZE)[0] != 3:
        return 0
    given = i64(args + TUPLE_ITEMS)
    row = plan_of(W, given[0], given[1], given[2])
    if row < 0:
        return 0
    tape = i64(given[0] + W[TRACE])[0]
    x = buffer_of(W, given[0], tape)
    w = buffer_of(W, given[1], tape)
    b = W[NONE]
    if given[2] != W[NONE]:
        b = buffer_of(W, given[2], tape)
    if x == 0 or w == 0 or b == 0:
        return 0
    out = linear_made(W, x, w, b)
    if out == 0:
        return 0
    return result(W, row, 3, args, out, 0)


def mse_loss_of(W: Words, args: int, kwargs: int) -> int:
    """Record `mse_loss(x, y, reduction=)`."""
    if i64(args + TUPLE_SIZE)[0] != 2:
        return 0
    given = i64(args + TUPLE_ITEMS)
    row = plan_of(W, given[0], given[1], W[NONE])
    if row < 0:
        return 0
    tape = i64(given[0] + W[TRACE])[0]
    x = buffer_of(W, given[0], tape)
    y = buffer_of(W, given[1], tape)
    if x == 0 or y == 0:
        return 0
    out = mse_loss_made(W, x, y, kwargs)
    if out == 0:
        return 0
    return result(W, row, 2, args, out, kwargs)


def relu_of(W: Words, args: int) -> int:
    """Record `relu(x)`."""
    if i64(args + TUPLE_SIZE)[0] != 1:
        return 0
    given = i64(args + TUPLE_ITEMS)
    row = plan_of(W, given[0], W[NONE], W[NONE])
    if row < 0:
        return 0
    x = buffer_of(W, given[0], i64(given[0] + W[TRACE])[0])
    if x == 0:
        return 0
    out = relu_made(W, x)
    if out == 0:
        return 0
    return result(W, row, 1, args, out, 0)


def cross_entropy_of(W: Words, args: int, kwargs: int) -> int:
    """Record `cross_entropy(x, target, ignore_index=, reduction=)`."""
    if i64(args + TUPLE_SIZE)[0] != 2:
        return 0
    given = i64(args + TUPLE_ITEMS)
    row = plan_of(W, given[0], given[1], W[NONE])
    if row < 0:
        return 0
    tape = i64(given[0] + W[TRACE])[0]
    x = buffer_of(W, given[0], tape)
    target = buffer_of(W, given[1], tape)
    if x == 0 or target == 0:
        return 0
    both = cross_entropy_made(W, x, target, kwargs)
    if both == 0:
        return 0
    return first_of_two(W, row, args, both, kwargs)


FUNCTIONS: dict[str, Any] = {name: f for name, f in list(globals().items()) if getattr(f, "__module__", "") == __name__}
