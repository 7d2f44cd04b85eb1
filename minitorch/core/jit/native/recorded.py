"""Operations on small tensors, one call of Python's each, as kernel text: each looks at handles, computes, and records.

Functions return 0 for what they leave alone.
"""

from __future__ import annotations

from typing import Any

from .computed import cross_entropy_made, linear_made, mse_loss_made, relu_made
from .handling import (
    LOW,
    Words,
    axes,
    buffer_of,
    call_object,
    digit_of,
    first_of_two,
    i32,
    i64,
    new_buffer,
    plan_of,
    put,
    result,
    values_of,
)
from .intrinsics import INSTRUCTIONS as _INSTRUCTIONS
from .kinds import float64
from .structures import DATA, DESCR, FLOAT_VALUE, INT_DIGIT, INT_TAG, TUPLE_ITEMS, TUPLE_SIZE, TYPE
from .words import (
    CALL,
    FAILURES,
    FLOAT,
    FLOAT32,
    FLOAT64,
    INT,
    MATCHES,
    NDARRAY,
    NEGATIVE,
    NONE,
    RAISED,
    RELEASE,
    TRACE,
    TUPLE,
    UFUNC,
)

f32, f64 = _INSTRUCTIONS["f32"], _INSTRUCTIONS["f64"]

LARGE = 3e38  # what float32 can hold


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
    return result(W, row, args, values_of(W, args, 3), out, 0)


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
    return result(W, row, args, values_of(W, args, 2), out, kwargs)


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
    return result(W, row, args, values_of(W, args, 1), out, 0)


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
    return first_of_two(W, row, args, values_of(W, args, 2), both, kwargs)


# --------------------------------------------------------------------------- pointwise, by NumPy's functions


def is_float(W: Words, buffer: int) -> int:
    """Return 1 for an ndarray of floats."""
    if i64(buffer + TYPE)[0] != W[NDARRAY]:
        return 0
    dtype = i64(buffer + DESCR)[0]
    if dtype != W[FLOAT32] and dtype != W[FLOAT64]:
        return 0
    return 1


def applied(W: Words, row: int, args: int, a: int, b: int) -> int:
    """Apply a function to one buffer or two, and record that; 0 for what is no array, and for errors to be explained."""
    count = i64(args + TUPLE_SIZE)[0]
    values = values_of(W, args, count)  # which they keep, whoever writes to the handles meanwhile
    operands = call_object(W[TUPLE], count)
    put(W, operands + TUPLE_ITEMS, a)
    if count == 2:
        put(W, operands + TUPLE_ITEMS + 8, b)
    out = call_object(W[CALL], W[UFUNC], operands, 0)
    call_object(W[RELEASE], operands)
    if out == 0:
        call_object(W[RELEASE], values)
        return 0 if call_object(W[MATCHES], W[FAILURES]) & LOW != 0 else RAISED
    if i64(out + TYPE)[0] != W[NDARRAY]:  # a number, of operands without axes
        call_object(W[RELEASE], values)
        call_object(W[RELEASE], out)
        return 0
    return result(W, row, args, values, out, 0)


def unary_of(W: Words, args: int) -> int:
    """Record a pointwise function of one tensor."""
    if i64(args + TUPLE_SIZE)[0] != 1:
        return 0
    x = i64(args + TUPLE_ITEMS)[0]
    row = plan_of(W, x, W[NONE], W[NONE])
    if row < 0:
        return 0
    a = buffer_of(W, x, i64(x + W[TRACE])[0])
    if a == 0:
        return 0
    if is_float(W, a) == 0 or axes(a) == 0:
        return 0
    return applied(W, row, args, a, 0)


def binary_of(W: Words, args: int) -> int:
    """Record a pointwise function of a tensor and a tensor of its dtype, or a number."""
    if i64(args + TUPLE_SIZE)[0] != 2:
        return 0
    x = i64(args + TUPLE_ITEMS)[0]
    y = i64(args + TUPLE_ITEMS)[1]
    if y == W[NONE]:
        return 0
    kind = i64(y + TYPE)[0]
    if kind == W[FLOAT] or kind == W[INT]:
        row = plan_of(W, x, W[NONE], W[NONE])
        if row < 0:
            return 0
        a = buffer_of(W, x, i64(x + W[TRACE])[0])
        if a == 0:
            return 0
        if is_float(W, a) == 0 or axes(a) == 0:
            return 0
        b = number_like(W, a, y)
        if b == 0:
            return 0
        made = applied(W, row, args, a, b)
        call_object(W[RELEASE], b)
        return made
    row = plan_of(W, x, y, W[NONE])
    if row < 0:
        return 0
    tape = i64(x + W[TRACE])[0]
    a = buffer_of(W, x, tape)
    b = buffer_of(W, y, tape)
    if a == 0 or b == 0:
        return 0
    if is_float(W, a) == 0 or is_float(W, b) == 0 or i64(a + DESCR)[0] != i64(b + DESCR)[0]:
        return 0
    if axes(a) == 0 and axes(b) == 0:
        return 0
    return applied(W, row, args, a, b)


def number_like(W: Words, buffer: int, number: int) -> int:
    """Make an ndarray without axes of a Python number, in another's dtype; 0 for numbers that are large, or none."""
    value = float64(0.0)
    if i64(number + TYPE)[0] == W[FLOAT]:
        value = f64(number + FLOAT_VALUE)[0]
    elif i64(number + INT_TAG)[0] == W[NEGATIVE]:
        value = -float64(i32(number + INT_DIGIT)[0])
    else:
        digit = digit_of(W, number)
        if digit < 0:
            return 0
        value = float64(digit)
    if value > LARGE or value < -LARGE or value != value:
        return 0
    made = new_buffer(W, i64(buffer + DESCR)[0], 0, 0, 0)
    if made == 0:
        return 0
    if i64(buffer + DESCR)[0] == W[FLOAT32]:
        f32(i64(made + DATA)[0])[0] = value
    else:
        f64(i64(made + DATA)[0])[0] = value
    return made


FUNCTIONS: dict[str, Any] = {name: f for name, f in list(globals().items()) if getattr(f, "__module__", "") == __name__}
