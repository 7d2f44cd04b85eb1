"""The update of parameters by multiples of their gradients, one call of Python's for all of them, as kernel text."""

from __future__ import annotations

from typing import Any

from .fewer import add_multiple
from .handling import LOW, Words, array_of, call_object, dtype_of, elements, i32, i64, is_handle, is_like, same_shape
from .intrinsics import INSTRUCTIONS as _INSTRUCTIONS
from .kinds import float32, int64
from .structures import BASE, DATA, FLAGS, FLOAT_VALUE, LIST_ITEMS, LIST_SIZE, TUPLE_ITEMS, TUPLE_SIZE, TYPE, WRITEABLE
from .words import (
    APPEND,
    ATTRIBUTES,
    CONTAINS,
    FLOAT,
    FLOAT32,
    GET_ITEM,
    GRAD,
    HANDLE,
    INTEGER,
    LIST,
    MAPPING_KIND,
    NONE,
    RELEASE,
    RETAIN,
    SEQUENCE_KIND,
    SET_ITEM,
    SUBTYPE,
    TRACE,
    VALUE,
    VALUE_OF,
    VERSION,
    VIEW,
    WAITING,
    WAITS,
)

f32, f64 = _INSTRUCTIONS["f32"], _INSTRUCTIONS["f64"]

MANY = 1 << 14  # elements; of more, NumPy and BLAS take no longer


def descend_of(W: Words, args: int) -> int:
    """Add a multiple of its gradient to each of a list of handles; return the list of those that have to be done otherwise.

    The arguments are the list, the multiple, the handles' tape, and a dict whose keys are those that have begun.
    """
    given = i64(args + TUPLE_ITEMS)
    if i64(args + TUPLE_SIZE)[0] != 4 or i64(given[1] + TYPE)[0] != W[FLOAT]:
        return 0
    if i64(given[0] + TYPE)[0] != W[SEQUENCE_KIND]:
        return 0
    if call_object(W[SUBTYPE], i64(given[3] + TYPE)[0], W[MAPPING_KIND]) & LOW == 0:
        return 0
    rate = f64(given[1] + FLOAT_VALUE)[0]
    left = call_object(W[LIST], 0)
    i = int64(0)
    while i < i64(given[0] + LIST_SIZE)[0]:  # looked up each time: until Python 3.11, making an object may run any code
        p = i64(i64(given[0] + LIST_ITEMS)[0])[i]
        if call_object(W[CONTAINS], given[3], p) & LOW != 1 or descended(W, p, rate, given[2]) == 0:
            call_object(W[APPEND], left, p)
        i += 1
    return left  # type: ignore[no-any-return]


def descended(W: Words, p: int, rate: Any, tape: int) -> int:
    """Add a multiple of its gradient to a handle in place, if nobody else leads to its buffer; return 1 if it was done."""
    if is_handle(W, p) == 0:
        return 0
    table = call_object(W[ATTRIBUTES], p, 0)
    if table == 0:
        return 0
    call_object(W[RELEASE], table)  # the handle holds it
    cell = call_object(W[GET_ITEM], table, W[WAITING])
    if cell == 0:
        return 0
    if i64(cell + TYPE)[0] != W[WAITS]:
        return 0
    g = i64(cell + W[GRAD])[0]
    if g == W[NONE] or i64(p + W[TRACE])[0] != tape or i64(p + W[VIEW])[0] != W[NONE]:
        return 0
    x = array_of(W, p)
    if x == 0 or i64(g + TYPE)[0] != W[HANDLE]:
        return 0
    d = array_of(W, g)
    if d == 0 or i64(g + W[VIEW])[0] != W[NONE]:
        return 0
    value = i64(p + W[VALUE])[0]
    if i32(value)[0] != 1 or i32(x)[0] != 1 or i64(x + BASE)[0] != 0:
        return 0
    if add_multiple_made(W, x, d, rate) == 0:
        return 0
    before = call_object(W[GET_ITEM], table, W[VERSION])
    version = int64(0)
    if before != 0:
        version = call_object(W[VALUE_OF], before)
    after = call_object(W[INTEGER], version + 1)
    call_object(W[SET_ITEM], table, W[VERSION], after)
    call_object(W[RELEASE], after)
    return 1


def add_multiple_made(W: Words, x: int, d: int, rate: Any) -> int:
    """Add a multiple of an ndarray to another; return 1 if it was done."""
    dtype = dtype_of(W, x)
    if dtype == 0 or is_like(W, d, dtype) == 0 or same_shape(x, d) == 0:
        return 0
    count = elements(x)
    if int64(i32(x + FLAGS)[0]) & WRITEABLE == 0 or count > MANY:
        return 0
    if dtype == W[FLOAT32]:
        add_multiple(f32(i64(x + DATA)[0]), f32(i64(d + DATA)[0]), count, float32(rate))
    else:
        add_multiple(f64(i64(x + DATA)[0]), f64(i64(d + DATA)[0]), count, rate)
    return 1


def add_multiple_on(W: Words, args: int) -> int:
    """Add a multiple of an ndarray to another; return None."""
    given = i64(args + TUPLE_ITEMS)
    if i64(args + TUPLE_SIZE)[0] != 3 or i64(given[2] + TYPE)[0] != W[FLOAT]:
        return 0
    if add_multiple_made(W, given[0], given[1], f64(given[2] + FLOAT_VALUE)[0]) == 0:
        return 0
    call_object(W[RETAIN], W[NONE])
    return W[NONE]  # type: ignore[no-any-return]


FUNCTIONS: dict[str, Any] = {name: f for name, f in list(globals().items()) if getattr(f, "__module__", "") == __name__}
