"""What kernels that Python calls read of handles, tapes and buffers, and what they make of results, as kernel text.

Functions return 0 for what is not as they expect; objects are returned as new references. `W` are the kernel's words.
"""

from __future__ import annotations

from typing import Any

from .intrinsics import INSTRUCTIONS as _INSTRUCTIONS
from .kinds import int64
from .structures import (
    ALIGNED,
    CONTIGUOUS,
    DESCR,
    DIMENSIONS,
    FLAGS,
    INT_DIGIT,
    INT_TAG,
    LIST_ITEMS,
    NDIM,
    TUPLE_ITEMS,
    TUPLE_SIZE,
    TYPE,
)
from .words import (
    ALLOC,
    ARRAY,
    CAREFUL,
    CELL,
    CLOSED,
    CONTEXT,
    CONTEXT_GET,
    COUNTER,
    DTYPE,
    EMPTY,
    FALSE,
    FLOAT32,
    FLOAT64,
    HANDLE,
    INTEGER,
    LEVEL,
    LINE,
    LIST,
    MUTED,
    NDARRAY,
    NEXT,
    NO_AXES,
    NODE,
    NONE,
    NOTHING,
    NOUGHT,
    PARAMS,
    PARENTS,
    PICK,
    PICKED,
    PLAN,
    PLAN_WORDS,
    PLANS,
    POSITIVE,
    RECORD,
    RELEASE,
    RETAIN,
    SAVED,
    SCRATCH,
    SEQUENCE,
    SHAPE,
    SLOT,
    SUBTYPE,
    TRACE,
    TUPLE,
    VALUE,
    VIEW,
    ZERO,
)

call_object, i32, i64 = (_INSTRUCTIONS[name] for name in ("call_object", "i32", "i64"))

DENSE = CONTIGUOUS | ALIGNED
LOW = 0xFFFFFFFF  # what C functions return as an int

Words = Any


# --------------------------------------------------------------------------- reading


def axis(buffer: int, i: int) -> int:
    """Return the length of an axis."""
    return i64(i64(buffer + DIMENSIONS)[0])[i]  # type: ignore[no-any-return]


def axes(buffer: int) -> int:
    """Return the number of axes."""
    return int64(i32(buffer + NDIM)[0])  # type: ignore[no-any-return]


def elements(buffer: int) -> int:
    """Return the number of elements."""
    count = int64(1)
    for i in range(axes(buffer)):
        count *= axis(buffer, i)
    return count  # type: ignore[no-any-return]


def is_like(W: Words, buffer: int, dtype: int) -> int:
    """Return 1 for an ndarray of a dtype whose elements lie in order."""
    if i64(buffer + TYPE)[0] != W[NDARRAY] or i64(buffer + DESCR)[0] != dtype:
        return 0
    if int64(i32(buffer + FLAGS)[0]) & DENSE != DENSE:
        return 0
    return 1


def same_shape(x: int, y: int) -> int:
    """Return 1 for buffers of one shape."""
    if axes(x) != axes(y):
        return 0
    for i in range(axes(x)):
        if axis(x, i) != axis(y, i):
            return 0
    return 1


def is_scattered(W: Words, args: int) -> int:
    """Return 1 if the elements of an ndarray among arguments do not lie in order."""
    given = i64(args + TUPLE_ITEMS)
    for i in range(i64(args + TUPLE_SIZE)[0]):
        if i64(given[i] + TYPE)[0] == W[NDARRAY] and int64(i32(given[i] + FLAGS)[0]) & CONTIGUOUS == 0:
            return 1
    return 0


def dtype_of(W: Words, buffer: int) -> int:
    """Return the dtype of an ndarray of floats whose elements lie in order."""
    if i64(buffer + TYPE)[0] != W[NDARRAY]:
        return 0
    dtype = i64(buffer + DESCR)[0]
    if dtype != W[FLOAT32] and dtype != W[FLOAT64]:
        return 0
    if int64(i32(buffer + FLAGS)[0]) & DENSE != DENSE:
        return 0
    return dtype  # type: ignore[no-any-return]


def is_handle(W: Words, x: int) -> int:
    """Return 1 for a handle."""
    kind = i64(x + TYPE)[0]
    if kind != W[HANDLE] and call_object(W[SUBTYPE], kind, W[HANDLE]) & LOW == 0:
        return 0
    return 1


def array_of(W: Words, x: int) -> int:
    """Return the buffer of a concrete handle."""
    value = i64(x + W[VALUE])[0]
    if value == 0:
        return 0
    if i64(value + TYPE)[0] != W[ARRAY]:
        return 0
    return i64(value + W[SLOT])[0]  # type: ignore[no-any-return]


def buffer_of(W: Words, x: int, tape: int) -> int:
    """Return the buffer of a concrete handle, if that is on a tape, and shares its memory with no other."""
    if i64(x + W[VIEW])[0] != W[NONE] or i64(x + W[TRACE])[0] != tape:
        return 0
    return array_of(W, x)


def tape_of(W: Words, x: int) -> int:
    """Return the tape of a handle, if it is open."""
    if is_handle(W, x) == 0:
        return 0
    tape = i64(x + W[TRACE])[0]
    if tape == 0 or i64(tape + W[CLOSED])[0] != W[FALSE]:
        return 0
    return tape  # type: ignore[no-any-return]


def here_of(W: Words) -> int:
    """Return the context, if shortcuts may be taken in it."""
    if call_object(W[CONTEXT_GET], W[CONTEXT], 0, W[SCRATCH]) & LOW != 0:
        return 0
    here = i64(W[SCRATCH])[0]
    call_object(W[RELEASE], here)  # the variable holds it
    if i64(here + W[CAREFUL])[0] != W[FALSE]:
        return 0
    return here  # type: ignore[no-any-return]


def digit_of(W: Words, number: int) -> int:
    """Return a small integer that is not negative; -1 for others."""
    tag = i64(number + INT_TAG)[0]
    if tag != W[POSITIVE] and tag != W[NOUGHT]:
        return -1
    return int64(i32(number + INT_DIGIT)[0])  # type: ignore[no-any-return]


def plan_of(W: Words, x: int, y: int, z: int) -> int:
    """Return the address of the plan for three handles, or None, by which of them carry a gradient.

    It is 0 where nothing is recorded, and -1 where this must be left to Python: for other objects, in careful contexts, on
    closed tapes, for plans that cannot be followed here, and where levels are larger than a digit of Python's integers.
    """
    here = here_of(W)
    tape = tape_of(W, x)
    if here == 0 or tape == 0:
        return -1
    if (y != W[NONE] and is_handle(W, y) == 0) or (z != W[NONE] and is_handle(W, z) == 0):
        return -1
    muted = digit_of(W, i64(here + W[MUTED])[0])
    level = digit_of(W, i64(tape + W[LEVEL])[0])
    if muted < 0 or level < 0:
        return -1
    mask = int64(0)
    if i64(x + W[NODE])[0] != W[NONE]:
        mask += 1
    if y != W[NONE] and i64(y + W[NODE])[0] != W[NONE]:
        mask += 2
    if z != W[NONE] and i64(z + W[NODE])[0] != W[NONE]:
        mask += 4
    if mask == 0 or muted >= level:
        return 0
    row = W[PLANS] + 8 * PLAN_WORDS * mask
    plan = i64(row)[0]
    if plan == 0:
        return -1
    if plan == NOTHING:
        return 0
    return row  # type: ignore[no-any-return]


# --------------------------------------------------------------------------- making


def new_buffer(W: Words, dtype: int, ndim: int, first: int, second: int) -> int:
    """Make an ndarray with up to two axes."""
    sizes = i64(W[SCRATCH])
    sizes[1] = first
    sizes[2] = second
    call_object(W[RETAIN], dtype)
    return call_object(W[EMPTY], ndim, W[SCRATCH] + 8, dtype, 0)  # type: ignore[no-any-return]


def like_buffer(W: Words, buffer: int) -> int:
    """Make an ndarray of another's shape and dtype."""
    dtype = i64(buffer + DESCR)[0]
    call_object(W[RETAIN], dtype)
    return call_object(W[EMPTY], axes(buffer), i64(buffer + DIMENSIONS)[0], dtype, 0)  # type: ignore[no-any-return]


def put(W: Words, place: int, held: int) -> int:
    """Let a place hold an object."""
    call_object(W[RETAIN], held)
    i64(place)[0] = held
    return held


def wrapped(W: Words, buffer: int) -> int:
    """Make an Array that takes a buffer over."""
    array = call_object(W[ALLOC], W[ARRAY], 0)
    i64(array + W[SLOT])[0] = buffer
    return array  # type: ignore[no-any-return]


def handle(W: Words, x: int, array: int, node: int) -> int:
    """Make a handle on the tape of another that takes a value and a node over."""
    made = call_object(W[ALLOC], W[HANDLE], 0)
    put(W, made + W[TRACE], i64(x + W[TRACE])[0])
    put(W, made + W[VIEW], W[NONE])
    i64(made + W[VALUE])[0] = array
    i64(made + W[NODE])[0] = node
    return made  # type: ignore[no-any-return]


def shape_of(W: Words, buffer: int) -> int:
    """Make the tuple of a buffer's shape."""
    count = axes(buffer)
    made = call_object(W[TUPLE], count)
    for i in range(count):
        i64(made + TUPLE_ITEMS)[i] = call_object(W[INTEGER], axis(buffer, i))
    return made  # type: ignore[no-any-return]


def parents_of(W: Words, args: int, count: int) -> int:
    """Make the tuple of the nodes of handles; None for arguments that are none."""
    given = i64(args + TUPLE_ITEMS)
    made = call_object(W[TUPLE], count)
    for i in range(count):
        parent = W[NONE]
        if is_handle(W, given[i]) != 0:
            parent = i64(given[i] + W[NODE])[0]
        put(W, made + TUPLE_ITEMS + 8 * i, parent)
    return made  # type: ignore[no-any-return]


def values_of(W: Words, args: int, count: int) -> int:
    """Make the tuple of the values of handles, and of arguments that are none."""
    given = i64(args + TUPLE_ITEMS)
    made = call_object(W[TUPLE], count)
    for i in range(count):
        value = given[i]
        if is_handle(W, value) != 0:
            value = i64(value + W[VALUE])[0]
        put(W, made + TUPLE_ITEMS + 8 * i, value)
    return made  # type: ignore[no-any-return]


def node_of(W: Words, row: int, args: int, values: int, out: int, params: int) -> int:
    """Make the node of an operation on handles; shape and dtype are still missing."""
    plan = i64(row)
    node = call_object(W[ALLOC], W[RECORD], 0)
    put(W, node + W[PLAN], plan[0])
    i64(node + W[PARENTS])[0] = parents_of(W, args, i64(args + TUPLE_SIZE)[0])
    count = plan[1]
    saved = call_object(W[TUPLE], count)
    for i in range(count):
        pick = plan[2 + i]
        kept = out
        if pick > 0:
            kept = i64(values + TUPLE_ITEMS)[pick - 1]
        put(W, saved + TUPLE_ITEMS + 8 * i, kept)
    i64(node + W[SAVED])[0] = saved
    put(W, node + W[PARAMS], params if params != 0 else W[NONE])
    i64(node + W[SEQUENCE])[0] = call_object(W[NEXT], W[COUNTER])
    put(W, node + W[CELL], W[NONE])
    return node  # type: ignore[no-any-return]


def first_of_two(W: Words, row: int, args: int, values: int, both: int, params: int) -> int:
    """Make the handle of the first of two results, and the nodes if there is a plan; what is given is taken over."""
    first = i64(both + TUPLE_ITEMS)[0]
    second = i64(both + TUPLE_ITEMS)[1]
    array = wrapped(W, first)
    other = wrapped(W, second)
    i64(both + TUPLE_ITEMS)[0] = array
    i64(both + TUPLE_ITEMS)[1] = other
    call_object(W[RETAIN], array)
    node = W[NONE]
    if row != 0:
        owner = node_of(W, row, args, values, both, params)
        shapes = call_object(W[LIST], 2)
        shape = shape_of(W, first)
        i64(i64(shapes + LIST_ITEMS)[0])[0] = shape
        i64(i64(shapes + LIST_ITEMS)[0])[1] = shape_of(W, second)
        i64(owner + W[SHAPE])[0] = shapes
        dtypes = call_object(W[LIST], 2)
        put(W, i64(dtypes + LIST_ITEMS)[0], i64(first + DESCR)[0])
        put(W, i64(dtypes + LIST_ITEMS)[0] + 8, i64(second + DESCR)[0])
        i64(owner + W[DTYPE])[0] = dtypes
        node = call_object(W[ALLOC], W[PICK], 0)
        put(W, node + W[PLAN], i64(row)[0])
        parents = call_object(W[TUPLE], 1)
        i64(parents + TUPLE_ITEMS)[0] = owner
        i64(node + W[PARENTS])[0] = parents
        put(W, node + W[SAVED], W[NO_AXES])
        put(W, node + W[PARAMS], W[NONE])
        put(W, node + W[SHAPE], shape)
        put(W, node + W[DTYPE], i64(first + DESCR)[0])
        i64(node + W[SEQUENCE])[0] = call_object(W[NEXT], W[COUNTER])
        put(W, node + W[CELL], W[NONE])
        put(W, node + W[PICKED], W[ZERO])
        put(W, node + W[LINE], W[NONE])
    else:
        call_object(W[RETAIN], node)
    call_object(W[RELEASE], both)
    call_object(W[RELEASE], values)
    return handle(W, i64(args + TUPLE_ITEMS)[0], array, node)


def result(W: Words, row: int, args: int, values: int, buffer: int, params: int) -> int:
    """Make the handle of a result, and its node if there is a plan; the buffer, and the tuple of values, are taken over."""
    array = wrapped(W, buffer)
    node = W[NONE]
    if row != 0:
        node = node_of(W, row, args, values, array, params)
        i64(node + W[SHAPE])[0] = shape_of(W, buffer)
        put(W, node + W[DTYPE], i64(buffer + DESCR)[0])
    else:
        call_object(W[RETAIN], node)
    call_object(W[RELEASE], values)
    return handle(W, i64(args + TUPLE_ITEMS)[0], array, node)


FUNCTIONS: dict[str, Any] = {name: f for name, f in list(globals().items()) if getattr(f, "__module__", "") == __name__}
