"""The kernel that looks at everything a call depends on, makes what is new, and runs the call's kernels.

What it is given are tables of words, which `entry.py` fills.
"""

from __future__ import annotations

from .making import GIVEN, HOLDER, TABLE, WINDOW_OF
from .pairs import DICT_USED
from .replay import COLUMNS
from .structures import (
    ALIGNED,
    BASE,
    CONTIGUOUS,
    DATA,
    DESCR,
    DIMENSIONS,
    FLAGS,
    FLOAT_VALUE,
    INT_DIGIT,
    INT_TAG,
    LIST_ITEMS,
    LIST_SIZE,
    NDIM,
    OWNDATA,
    STRIDES,
    TUPLE_ITEMS,
    TYPE,
    WRITEABLE,
)

# What a row of the table of arrays says: how its array is found.
ARGUMENT, TENSOR, VIEWED, HELD, GRADIENT, RECYCLED, FILLED, NEW, NUMBER, WEAK, ALIAS = range(11)
MOST_COPIED = 4096  # elements, natively: 1 ns each
NO_LEAF, NO_GRAD, HAS_GRAD = range(3)  # whether a tensor must be a leaf without hooks, and what of its gradient
TAIL = 4  # objects behind the arrays in a call's list
ROW = 13  # kind, where, type, recorded, target, needed, twin, held, dtype, axes, copy, width, leaf; then the axes' lengths

(
    PAIRS, PAIR_COUNT, COUNT, FORBIDDEN, FORBIDDEN_COUNT, PLACES, PLACE_COUNT, ROWS, ROW_COUNT, ADDRESSES,
    ARRAY, NDARRAY, SLOT, FLOAT, NONE, VALUE, VIEW, NODE, PARTS, PART_COUNT, FLAG, STORAGE, SEEN, WRITTEN, SHARED,
    TENSORS, TENSOR_COUNT, POSITIVE, NEGATIVE, ZERO, FRESH, FRESH_COUNT, EMPTY, ALLOC, RETAIN, RELEASE, WINDOW, BASED,
    OBJECTS, OBJECT_COUNT, TRACE, TAPE, PLAN, CELL, CELL_KIND, GRAD, HOOKS, POST_HOOKS, COPY, SET_ITEM, SET,
) = range(WORDS := 51)  # fmt: skip

# `news` is the address of the list of new arrays, of those to be held, and of four more: the table of words, the tuple of
# arguments, and the answers no and yes, which are exchanged in the end. The list is the call's own, whoever calls
# meanwhile; one argument instead of three saves 0.12 us, so `lo` and `hi` are whatever their registers hold. New arrays are
# made before anything is looked at: until Python 3.11, making an object may run the garbage collector, and so any code.
ENTER = f"""
def enter(news, lo, hi):
    made = i64(news[{LIST_ITEMS // 8}])
    last = news[{LIST_SIZE // 8}]
    P = i64(i64(made[last - {TAIL}] + {DATA})[0])
    args = made[last - 3]
    fresh = i64(P[{FRESH}])
    at = 0
    for i in range(P[{FRESH_COUNT}]):
        call_object(P[{RETAIN}], fresh[at])
        buffer = call_object(P[{EMPTY}], fresh[at + 1], P[{FRESH}] + 8 * (at + 2), fresh[at], 0)
        if buffer == 0:
            return
        array = call_object(P[{ALLOC}], P[{ARRAY}], 0)
        if array == 0:
            call_object(P[{RELEASE}], buffer)
            return
        i64(array + P[{SLOT}])[0] = buffer
        call_object(P[{RELEASE}], made[i])
        made[i] = array
        at += 2 + fresh[at + 1]
    objects = i64(P[{OBJECTS}])
    at = 0
    for i in range(P[{OBJECT_COUNT}]):
        kind = objects[at]
        one = int64(0)
        if kind == {GIVEN}:
            at += 1
        elif kind == {WINDOW_OF}:
            whole = i64(made[objects[at + 1]] + P[{SLOT}])[0]
            axes = objects[at + 4]
            sizes = P[{OBJECTS}] + 8 * (at + 5)
            start = i64(whole + {DATA})[0] + objects[at + 3]
            call_object(P[{RETAIN}], objects[at + 2])
            one = call_object(
                P[{WINDOW}], P[{NDARRAY}], objects[at + 2], axes, sizes, sizes + 8 * axes, start, {WRITEABLE}, 0
            )
            if one == 0:
                return
            call_object(P[{RETAIN}], whole)
            call_object(P[{BASED}], one, whole)
            at += 5 + 2 * axes
        elif kind == {TABLE}:
            one = call_object(P[{COPY}], objects[at + 1])
            if one == 0:
                return
            for j in range(objects[at + 2]):
                call_object(P[{SET_ITEM}], one, objects[at + 3 + 2 * j], made[objects[at + 4 + 2 * j]])
            at += 3 + 2 * objects[at + 2]
        elif kind == {HOLDER}:
            one = call_object(P[{ALLOC}], objects[at + 1], 0)
            if one == 0:
                return
            call_object(P[{SET}], one, objects[at + 2], made[objects[at + 3]])
            at += 4
        else:
            one = call_object(P[{ALLOC}], kind, 0)
            if one == 0:
                return
            for j in range(objects[at + 1]):
                content = objects[at + 4 + 3 * j]
                if objects[at + 3 + 3 * j] != 0:
                    content = made[content]
                call_object(P[{RETAIN}], content)
                i64(one + objects[at + 2 + 3 * j])[0] = content
            at += 2 + 3 * objects[at + 1]
        if one != 0:
            call_object(P[{RELEASE}], made[P[{FRESH_COUNT}] + i])
            made[P[{FRESH_COUNT}] + i] = one
    pairs = i64(P[{PAIRS}])
    for i in range(P[{PAIR_COUNT}]):
        if i64(pairs[2 * i])[0] != pairs[2 * i + 1]:
            return
    count = P[{COUNT}]
    if i64(args + {LIST_SIZE})[0] != count:
        return
    items = i64(args + {TUPLE_ITEMS})
    forbidden = i64(P[{FORBIDDEN}])
    places = i64(P[{PLACES}])
    tensors = i64(P[{TENSORS}])
    for i in range(P[{TENSOR_COUNT}]):
        x = items[tensors[i]]
        for j in range(i):
            if items[tensors[j]] == x:
                return
        for j in range(P[{FORBIDDEN_COUNT}]):
            if forbidden[j] == x:
                return
        for j in range(P[{PLACE_COUNT}]):
            if i64(places[j])[0] == x:
                return
    addresses = i64(P[{ADDRESSES}])
    none = P[{NONE}]
    shared = i64(P[{SHARED}])
    several = 0
    rows = i64(P[{ROWS}])
    at = 0
    for r in range(P[{ROW_COUNT}]):
        kind = rows[at]
        where = rows[at + 1]
        target = rows[at + 4]
        ndim = rows[at + 9]
        if kind == {ALIAS}:
            addresses[target] = addresses[where]
        elif kind == {FILLED}:
            if i64(where)[0] == none:
                return
        elif kind == {WEAK}:
            number = items[where]
            if i64(number + {TYPE})[0] != rows[at + 2]:
                return
            if rows[at + 2] == P[{FLOAT}]:
                f64(target)[0] = f64(number + {FLOAT_VALUE})[0]
            else:
                tag = i64(number + {INT_TAG})[0]
                digit = int64(i32(number + {INT_DIGIT})[0])
                if tag == P[{POSITIVE}]:
                    i64(target)[0] = digit
                elif tag == P[{NEGATIVE}]:
                    i64(target)[0] = -digit
                elif tag == P[{ZERO}]:
                    i64(target)[0] = 0
                else:
                    return
        elif kind == {NUMBER}:
            number = i64(where)[0]
            if number == 0 or i64(number + {TYPE})[0] != P[{FLOAT}]:
                return
            if f64(number + {FLOAT_VALUE})[0] == 0.0:
                return
            f64(rows[at + 2])[0] = f64(number + {FLOAT_VALUE})[0]
            addresses[target] = rows[at + 2]
        else:
            array = where
            if kind == {ARGUMENT}:
                array = items[where]
            elif kind == {NEW}:
                array = made[where]
            elif kind == {HELD}:
                array = i64(where)[0]
            else:
                tensor = where
                if kind == {TENSOR} or kind == {VIEWED}:
                    tensor = items[where]
                else:
                    tensor = i64(where)[0]
                if tensor == none or i64(tensor + {TYPE})[0] != rows[at + 2]:
                    return
                view = i64(tensor + P[{VIEW}])[0]
                if (view != none) != (kind == {VIEWED}):
                    return
                if kind == {VIEWED}:
                    storage = i64(view + P[{STORAGE}])[0]
                    if i64(view + P[{SEEN}])[0] != i64(storage + P[{WRITTEN}])[0]:
                        return
                    for j in range(P[{FORBIDDEN_COUNT}]):
                        if forbidden[j] == storage:
                            return
                    for j in range(several):
                        if shared[j] == storage:
                            return
                    shared[several] = storage
                    several += 1
                node = i64(tensor + P[{NODE}])[0]
                if (node != none) != (rows[at + 3] != 0):
                    return
                if node != none and i64(tensor + P[{TRACE}])[0] != P[{TAPE}]:
                    return
                if rows[at + 12] != 0:
                    cell = i64(node + P[{CELL}])[0]
                    if i64(node + P[{PLAN}])[0] != none or i64(cell + {TYPE})[0] != P[{CELL_KIND}]:
                        return
                    if i64(i64(cell + P[{HOOKS}])[0] + {DICT_USED})[0] != 0:
                        return
                    if i64(i64(cell + P[{POST_HOOKS}])[0] + {DICT_USED})[0] != 0:
                        return
                    grad = i64(cell + P[{GRAD}])[0]
                    if (grad != none) != (rows[at + 12] == {HAS_GRAD}):
                        return
                    if grad != none:
                        for j in range(P[{FORBIDDEN_COUNT}]):
                            if forbidden[j] == grad:
                                return
                        for j in range(several):
                            if shared[j] == grad:
                                return
                        for j in range(P[{TENSOR_COUNT}]):
                            if items[tensors[j]] == grad:
                                return
                        shared[several] = grad
                        several += 1
                if kind == {RECYCLED} and i32(tensor)[0] != 1:
                    return
                if kind == {GRADIENT} and i32(tensor)[0] != 1:
                    for j in range(P[{FORBIDDEN_COUNT}]):
                        if forbidden[j] == tensor:
                            return
                    for j in range(several):
                        if shared[j] == tensor:
                            return
                    shared[several] = tensor
                    several += 1
                array = i64(tensor + P[{VALUE}])[0]
            if array == 0 or i64(array + {TYPE})[0] != P[{ARRAY}]:
                return
            place = rows[at + 7]
            owners = 1
            if place >= 0:
                owners = 3
                if made[place] == none:
                    owners = 2
                    call_object(P[{RETAIN}], array)
                    made[place] = array
                    call_object(P[{RELEASE}], none)
                if made[place] != array:
                    return
            buffer = i64(array + P[{SLOT}])[0]
            if buffer == 0 or i64(buffer + {TYPE})[0] != P[{NDARRAY}]:
                return
            flags = int64(i32(buffer + {FLAGS})[0])
            if flags & {ALIGNED} == 0 or i64(buffer + {DESCR})[0] != rows[at + 8]:
                return
            if int64(i32(buffer + {NDIM})[0]) != ndim:
                return
            dimensions = i64(i64(buffer + {DIMENSIONS})[0])
            for axis in range(ndim):
                if dimensions[axis] != rows[at + {ROW} + axis]:
                    return
            if rows[at + 5] != 0:
                if rows[at + 6] != 0 and i64(rows[at + 6])[0] == array:
                    owners += 1
                if int64(i32(array)[0]) != owners or i32(buffer)[0] != 1 or i64(buffer + {BASE})[0] != 0:
                    return
                if flags & {OWNDATA | WRITEABLE} != {OWNDATA | WRITEABLE}:
                    return
            start = i64(buffer + {DATA})[0]
            if flags & {CONTIGUOUS} == 0:
                copy = rows[at + 10]
                if copy == 0:
                    return
                strides = i64(i64(buffer + {STRIDES})[0])
                inner = ndim - 1
                length = dimensions[inner]
                step = strides[inner]
                lines = 1
                for axis in range(inner):
                    lines *= dimensions[axis]
                for line in range(lines):
                    source = start
                    rest = line
                    for k in range(inner):
                        axis = inner - 1 - k
                        source += rest % dimensions[axis] * strides[axis]
                        rest = rest // dimensions[axis]
                    if rows[at + 11] == 4:
                        for k in range(length):
                            i32(copy)[line * length + k] = i32(source + k * step)[0]
                    else:
                        for k in range(length):
                            i64(copy)[line * length + k] = i64(source + k * step)[0]
                start = copy
            addresses[target] = start
        at += {ROW} + ndim
    parts = i64(P[{PARTS}])
    flag = i64(P[{FLAG}])
    for i in range(P[{PART_COUNT}]):
        first = i64(parts[3 * i])
        for k in range(parts[3 * i + 1]):
            call_kernel(first[{COLUMNS} * k], first[{COLUMNS} * k + 1], first[{COLUMNS} * k + 2], first[{COLUMNS} * k + 3])
        if parts[3 * i + 2] != 0 and flag[0] != 0:
            flag[0] = 0
            return
    no = made[last - 2]
    made[last - 2] = made[last - 1]
    made[last - 1] = no
"""
