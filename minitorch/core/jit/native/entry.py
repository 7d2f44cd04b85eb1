"""Look at everything a call depends on in one native call: 2 ns a guard, 5 ns an array.

`Entry` compares words (`Pairs`), and looks at the arrays: those of the arguments, of handles, of recycled gradients, and
numbers, each checked against the shape and dtype it must have, and its address noted. Then it runs the kernels, still
holding the GIL: nobody else can meanwhile look at what is written. It is for short programs.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from ...array import Array
from .compile import compile_kernel
from .making import Objects, functions
from .objects import (
    ALIGNED,
    BASE,
    CONTIGUOUS,
    DATA,
    DESCR,
    DIMENSIONS,
    FLAGS,
    LIST_ITEMS,
    LIST_SIZE,
    NDIM,
    OWNDATA,
    STRIDES,
    TYPE,
    WRITEABLE,
    offset,
    slot_offset,
    supported,
    word,
)
from .pairs import DICT_USED, Pairs, Unreadable
from .replay import COLUMNS

TUPLE_ITEMS, FLOAT_VALUE, INT_TAG, INT_DIGIT = 24, 16, 16, 24

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
    OBJECTS, OBJECT_COUNT, TRACE, TAPE, PLAN, CELL, CELL_KIND, GRAD, HOOKS, POST_HOOKS,
) = range(WORDS := 48)  # fmt: skip

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
        if objects[at] == 0:
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
        else:
            one = call_object(P[{ALLOC}], objects[at], 0)
            if one == 0:
                return
            for j in range(objects[at + 1]):
                content = objects[at + 4 + 3 * j]
                if objects[at + 3 + 3 * j] != 0:
                    content = made[content]
                call_object(P[{RETAIN}], content)
                i64(one + objects[at + 2 + 3 * j])[0] = content
            at += 2 + 3 * objects[at + 1]
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
            if rows[at + 7] >= 0 and made[rows[at + 7]] != array:
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
                owners = 1 if rows[at + 7] < 0 else 3
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


class Row(NamedTuple):
    """Where one array is found, where its address goes, and what it must be.

    `where` is the place among the arguments or the new arrays, the address of the word that holds it, or, of an alias,
    the other target. `kind_of` is the tensor's class, the address of the buffer for a number, or the class of a weak one,
    whose target is an address. What is `needed` is held by nobody else, except perhaps by the word at the address `twin`,
    and by the list of new arrays, at the place `held`, where one that is to live on is handed in. `leaf` says what must
    wait for a tensor's gradient. Elements that do not lie side by side are copied into `room`, if there is any.
    """

    kind: int
    where: int
    target: int
    shape: tuple[int, ...] = ()
    dtype: np.dtype[Any] | None = None
    kind_of: int = 0
    recorded: bool = False
    needed: bool = False
    twin: int = 0
    held: int = -1
    leaf: int = NO_LEAF
    room: np.ndarray[Any, Any] | None = None

    def words(self) -> list[int]:
        """Return the row of the native table."""
        dtype, width = (0, 0) if self.dtype is None else (id(self.dtype), self.dtype.itemsize)
        room = 0 if self.room is None else self.room.ctypes.data
        found = [self.kind, self.where, self.kind_of, int(self.recorded), self.target, int(self.needed), self.twin]
        return [*found, self.held, dtype, len(self.shape), room, width, self.leaf, *self.shape]


def is_copied(array: Array) -> bool:
    """Return whether the elements of an array do not lie side by side, and are few: NumPy copies many as fast."""
    data = array._data
    return not data.flags.c_contiguous and data.dtype.itemsize in (4, 8) and data.size <= MOST_COPIED


class Classes(NamedTuple):
    """The classes of tensors, of what says how one shares its memory, and of that memory; of a node, and its cell."""

    tensor: Any
    view: Any
    storage: Any
    node: Any
    cell: Any

    def offsets(self) -> dict[int, int]:
        """Return where their instances keep what is looked at; -1 if that cannot be seen."""
        slots = {VALUE: (self.tensor, "value"), VIEW: (self.tensor, "_view"), NODE: (self.tensor, "node")}
        slots |= {STORAGE: (self.view, "storage"), SEEN: (self.view, "version"), WRITTEN: (self.storage, "version")}
        slots |= {TRACE: (self.tensor, "_trace"), PLAN: (self.node, "plan"), CELL: (self.node, "cell")}
        slots |= {GRAD: (self.cell, "grad"), HOOKS: (self.cell, "hooks"), POST_HOOKS: (self.cell, "post_hooks")}
        return {where: offset(kind, name) for where, (kind, name) in slots.items()}


class Work(NamedTuple):
    """What runs: the table that its arrays' addresses go to, and rows of instructions.

    Of these, there are the address of the first, how many, and whether to stop after them when the word `flag` is not 0.
    """

    addresses: np.ndarray[Any, Any]
    parts: Sequence[tuple[int, int, bool]]
    flag: np.ndarray[Any, Any]


class Entry:
    """What a call must find, where the addresses of its arrays go, and what runs then.

    `arguments` says how many there are, and which are tensors, no two the same. `forbidden` are objects that none may be,
    nor the storage of one, nor a gradient, `places` the addresses of words that hold such. Views share no storage, and no
    two gradients are one tensor. What is recorded is so on `tape`. Without `classes` there are no tensors. The `objects`
    are made with the new arrays, and stand behind them in the list.
    """

    __slots__ = ("_kept", "_native", "_words")

    def __init__(
        self,
        arguments: tuple[int, Sequence[int]],
        pairs: Pairs,
        rows: Sequence[Row],
        work: Work,
        forbidden: Sequence[int] = (),
        places: Sequence[int] = (),
        classes: Classes | None = None,
        objects: Objects | None = None,
        tape: Any = None,
    ):
        steps = list(chain.from_iterable(work.parts))
        count, tensors = arguments
        making = functions()
        fresh = sorted(row for row in rows if row.kind == NEW) if making is not None else []
        blanks = [word for row in fresh for word in (id(row.dtype), len(row.shape), *row.shape)]
        made = [] if objects is None else objects.words
        words = (pairs.words, forbidden, places, steps, tensors, [0] * 2 * len(rows), blanks, made)
        tables = [np.array([*each, 0], np.int64) for each in words]
        table = np.array([w for row in rows for w in row.words()] or [0], np.int64)
        self._words = np.zeros(WORDS, np.int64)
        each = PAIRS, FORBIDDEN, PLACES, PARTS, TENSORS, SHARED, FRESH, OBJECTS
        at = dict(zip(each, (t.ctypes.data for t in tables)))
        at |= {PAIR_COUNT: len(pairs.words) // 2, FORBIDDEN_COUNT: len(forbidden), PLACE_COUNT: len(places)}
        at |= dict(zip((POSITIVE, NEGATIVE, ZERO), _tags()))
        at |= {FRESH_COUNT: len(fresh), OBJECT_COUNT: 0 if objects is None else objects.count}
        at |= dict(zip((EMPTY, ALLOC, RETAIN, RELEASE, WINDOW, BASED), making or ()))
        at |= {COUNT: count, TENSOR_COUNT: len(tensors), ROWS: table.ctypes.data, ROW_COUNT: len(rows)}
        at[ADDRESSES] = work.addresses.ctypes.data
        at |= {ARRAY: id(Array), NDARRAY: id(np.ndarray), SLOT: slot_offset()}
        at |= {FLOAT: id(float), NONE: id(None), PART_COUNT: len(work.parts), FLAG: work.flag.ctypes.data}
        slots = {} if classes is None else classes.offsets()
        if not supported() or min(slots.values(), default=0) < 0:
            raise Unreadable("tensors")
        at |= slots
        at |= {TAPE: id(tape), CELL_KIND: 0 if classes is None else id(classes.cell)}
        for where, value in at.items():
            self._words[where] = value
        self._kept = (tables, table, work, pairs, list(rows), objects, tape)
        self._native = _native_enter()

    def expect(self, place: int, word: int) -> None:
        """Expect another word at a place of the pairs."""
        self._kept[0][0][place] = word

    def run(self, args: tuple[Any, ...], news: list[Any]) -> bool:
        """Run the kernels if everything is as it must be, and return whether it was.

        The list begins with the new arrays, as a `maker` gives them; a `TAIL` is appended to it.
        """
        news += (self._words, args, False, True)
        self._native(news)
        return news[-2]  # type: ignore[no-any-return]


@cache
def _tags() -> list[int]:
    """Return what stands before the digits of a positive integer of one digit, of a negative one, and of zero.

    Small integers, made with the interpreter, may have other tags than the rest.
    """
    examples = [int(text) for text in ("1234567", "-1234567", "0")]
    digits = [word(id(x) + INT_DIGIT, ctypes.c_int32) for x in examples[:2]]
    tags = [word(id(x) + INT_TAG) for x in examples]
    return tags if digits == [1234567, 1234567] and len(set(tags)) == 3 else [1 << 62] * 3


@cache
def _native_enter() -> Any:
    address = compile_kernel(ENTER, "enter").address
    return ctypes.PYFUNCTYPE(None, ctypes.py_object)(address)  # its address
