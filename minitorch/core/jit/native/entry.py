"""Look at everything a call depends on in one native call: 2 ns a guard, 5 ns an array.

`Pairs` are addresses and the words they must hold: the slots of objects, the entries of dicts, the items of lists. Reading
a dict's table where it lies needs CPython's layout, which `dicts_supported` compares with what Python says first.
`Entry` adds the arrays: those of the arguments, of handles, of recycled gradients, and numbers, each checked against the
shape and dtype it must have, and its address noted. Then it runs the kernels, still holding the GIL: nobody else can
meanwhile look at what is written. It is for short programs.
"""

from __future__ import annotations

import ctypes
import sys
from array import array
from collections import ChainMap, UserDict, UserList, deque
from collections.abc import Sequence
from functools import cache
from itertools import chain
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ...array import Array
from .compile import compile_kernel
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
    TYPE,
    WRITEABLE,
    offset,
    slot_offset,
    supported,
    word,
)
from .replay import COLUMNS

TUPLE_ITEMS, FLOAT_VALUE, INT_TAG, INT_DIGIT = 24, 16, 16, 24
DICT_USED, DICT_KEYS, DICT_VALUES = 16, 32, 40

# What a row of the table of arrays says: how its array is found.
ARGUMENT, TENSOR, VIEWED, HELD, GRADIENT, RECYCLED, FILLED, NEW, NUMBER, WEAK, ALIAS = range(11)
ROW = 10  # kind, where, type, recorded, target, needed, twin, held, dtype, number of axes; then the axes

(
    PAIRS, PAIR_COUNT, COUNT, FORBIDDEN, FORBIDDEN_COUNT, PLACES, PLACE_COUNT, ROWS, ROW_COUNT, ADDRESSES,
    ARRAY, NDARRAY, SLOT, FLOAT, NONE, VALUE, VIEW, NODE, PARTS, PART_COUNT, FLAG, STORAGE, SEEN, WRITTEN, SHARED,
    TENSORS, TENSOR_COUNT, POSITIVE, NEGATIVE, ZERO,
) = range(WORDS := 30)  # fmt: skip

# `args` is the address of the tuple of arguments, `news` that of the list of new arrays, of those to be held, and of the
# answers no and yes, which are exchanged in the end: the list is the call's own, whoever calls meanwhile.
ENTER = f"""
def enter(P, args, news):
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
    made = i64(i64(news + {LIST_ITEMS})[0])
    addresses = i64(P[{ADDRESSES}])
    none = P[{NONE}]
    shared = i64(P[{SHARED}])
    views = 0
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
                    for j in range(views):
                        if shared[j] == storage:
                            return
                    shared[views] = storage
                    views += 1
                if (i64(tensor + P[{NODE}])[0] != none) != (rows[at + 3] != 0):
                    return
                if kind == {RECYCLED} and i32(tensor)[0] != 1:
                    return
                array = i64(tensor + P[{VALUE}])[0]
            if array == 0 or i64(array + {TYPE})[0] != P[{ARRAY}]:
                return
            if rows[at + 7] >= 0 and made[rows[at + 7]] != array:
                return
            buffer = i64(array + P[{SLOT}])[0]
            if buffer == 0 or i64(buffer + {TYPE})[0] != P[{NDARRAY}]:
                return
            flags = int64(i32(buffer + {FLAGS})[0])
            if flags & {CONTIGUOUS | ALIGNED} != {CONTIGUOUS | ALIGNED} or i64(buffer + {DESCR})[0] != rows[at + 8]:
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
            addresses[target] = i64(buffer + {DATA})[0]
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
    last = i64(news + {LIST_SIZE})[0]
    no = made[last - 2]
    made[last - 2] = made[last - 1]
    made[last - 1] = no
"""


# What holds other things or numbers, and may have them replaced. Plain lists and dicts are read where they lie, so deep.
CHANGEABLE: tuple[Any, ...] = (list, dict, set, deque, bytearray, np.ndarray, array, memoryview, MappingProxyType)
CHANGEABLE += (ChainMap, UserDict, UserList, ctypes._SimpleCData, ctypes.Structure, ctypes.Union, ctypes.Array)
MOST_DEEP = 8


class Unreadable(Exception):
    """Something is not laid out as expected, or of a kind that cannot be read where it lies."""


class Row(NamedTuple):
    """Where one array is found, where its address goes, and what it must be.

    `where` is the place among the arguments or the new arrays, the address of the word that holds it, or, of an alias,
    the other target. `kind_of` is the tensor's class, the address of the buffer for a number, or the class of a weak one,
    whose target is an address. What is `needed` is
    held by nobody else, except perhaps by the word at the address `twin`, and by the list of new arrays, at the place
    `held`, where one that is to live on is handed in.
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

    def words(self) -> list[int]:
        """Return the row of the native table."""
        dtype = 0 if self.dtype is None else id(self.dtype)
        found = [self.kind, self.where, self.kind_of, int(self.recorded), self.target]
        return [*found, int(self.needed), self.twin, self.held, dtype, len(self.shape), *self.shape]


class Pairs:
    """Addresses and the words they must hold. What they belong to is kept alive.

    A table of a dict or list that has moved is noticed before anything in it is read: its address comes first.

    >>> pairs = Pairs()
    >>> pairs.items([1, 2]), pairs.entry({"a": "b"}, "a") > 0
    (None, True)
    """

    def __init__(self) -> None:
        self.words: list[int] = []
        self.kept: list[Any] = []
        self._tables: dict[int, Any] = {}

    def add(self, address: int, value: int) -> None:
        """Note a word."""
        self.words += (address, value)

    def slot(self, owner: Any, name: str) -> None:
        """Note what a slot of an object holds."""
        held = getattr(owner, name)
        self.kept += (owner, held)
        self.add(self.slot_address(owner, name), id(held))

    def slot_address(self, owner: Any, name: str) -> int:
        """Return where a slot of an object lies."""
        kind: Any = type(owner)
        at = offset(kind, name)
        if at < 0:
            raise Unreadable(f"{type(owner).__name__}.{name}")
        self.kept.append(owner)
        return id(owner) + at

    def items(self, held: list[Any]) -> None:
        """Note the items of a list."""
        self.kept += (held, *held)
        first = word(id(held) + LIST_ITEMS)
        self.add(id(held) + LIST_SIZE, len(held))
        self.add(id(held) + LIST_ITEMS, first)
        for i, x in enumerate(held):
            self.add(first + 8 * i, id(x))

    def content(self, held: Any, depth: int = MOST_DEEP) -> None:
        """Note what is in a container, and in those inside it."""
        if type(held) is list:
            self.items(held)
        elif type(held) is dict:
            self.size(held)
            for key in held:
                self._stored(held, key, True)
        elif isinstance(held, (*CHANGEABLE, tuple, frozenset)) and type(held) is not tuple:
            raise Unreadable(type(held).__name__)
        if type(held) in (list, dict, tuple):
            if not depth:
                raise Unreadable("too deep")
            self.kept.append(held)
            for inner in held.values() if type(held) is dict else held:
                self.content(inner, depth - 1)

    def size(self, table: dict[Any, Any]) -> None:
        """Note how many entries a dict has."""
        self.kept.append(table)
        self.add(id(table) + DICT_USED, len(table))

    def entry(self, table: dict[Any, Any], key: Any, compared: bool = True) -> int:
        """Note an entry of a dict, with its value or without; return the address of the word that holds the value."""
        if not isinstance(table, dict):
            raise Unreadable("dict")
        self.kept.append(key)
        key = next((k for k in table if k is key or (type(k) is str and k == key)), key)  # the object in the table
        return self._stored(table, key, compared)

    def _stored(self, table: dict[Any, Any], key: Any, compared: bool) -> int:
        if not dicts_supported() or word(id(table) + DICT_VALUES) != 0:
            raise Unreadable("dict")
        value = table[key]
        self.kept += (table, key, value)
        keys = word(id(table) + DICT_KEYS)
        if id(table) not in self._tables:
            self._tables[id(table)] = table
            self.add(id(table) + DICT_KEYS, keys)
        at = _entry_address(table, keys, key, value)
        self.add(at - 8, id(key))
        if compared:
            self.add(at, id(value))
        return at


def _entry_address(table: dict[Any, Any], keys: int, key: Any, value: Any) -> int:
    """Search a dict's table for a key with its value beside it."""
    count = (sys.getsizeof(table) - dict.__basicsize__) // 8
    if count < 2:
        raise Unreadable("dict")
    block: Any = (ctypes.c_int64 * count).from_address(keys)
    words = np.frombuffer(block, np.int64)
    found = np.flatnonzero((words[:-1] == id(key)) & (words[1:] == id(value)))
    if len(found) != 1:
        raise Unreadable("dict entry")
    return keys + 8 * int(found[0]) + 8


@cache
def dicts_supported() -> bool:
    """Return whether the entries of dicts can be read where they lie in this interpreter."""
    if not supported():
        return False
    first, second = object(), object()
    table: dict[Any, Any] = {"a": 1, "b": first, (1, 2): 3}
    try:
        for probe in (table, {k: v for k, v in table.items() if isinstance(k, str)}):
            if word(id(probe) + DICT_USED) != len(probe) or word(id(probe) + DICT_VALUES) != 0:
                return False
            at = _entry_address(probe, word(id(probe) + DICT_KEYS), "b", first)
            probe["b"] = second
            if word(at) != id(second):
                return False
            del probe["b"]
            if word(at) != 0 or word(id(probe) + DICT_USED) != len(probe):
                return False
    except Unreadable:
        return False
    return True


class Entry:
    """What a call must find, where the addresses of its arrays go, and what runs then.

    `arguments` says how many there are, and which are tensors, no two the same. `forbidden` are objects that none may be, nor the storage of one, `places` the addresses of words that hold
    such. `parts` are rows of instructions: the address of the first, how many, and whether to stop after them when the
    word `flag` is not 0. `handle` and `view` are the classes of tensors and of what says how one shares its memory.
    """

    __slots__ = ("_kept", "_native", "_place", "_slots")

    def __init__(
        self,
        arguments: tuple[int, Sequence[int]],
        pairs: Pairs,
        rows: Sequence[Row],
        addresses: np.ndarray[Any, Any],
        forbidden: Sequence[int],
        places: Sequence[int],
        parts: Sequence[tuple[int, int, bool]],
        flag: np.ndarray[Any, Any],
        handle: type,
        view: type,
        storage: type,
    ):
        steps = list(chain.from_iterable(parts))
        count, tensors = arguments
        words = (pairs.words, forbidden, places, steps, tensors, [0] * count)
        tables = [np.array([*each, 0], np.int64) for each in words]
        table = np.array([w for row in rows for w in row.words()] or [0], np.int64)
        self._slots = (ctypes.c_int64 * WORDS)()
        at = dict(zip((PAIRS, FORBIDDEN, PLACES, PARTS, TENSORS, SHARED), (t.ctypes.data for t in tables)))
        at |= {PAIR_COUNT: len(pairs.words) // 2, FORBIDDEN_COUNT: len(forbidden), PLACE_COUNT: len(places)}
        at |= dict(zip((POSITIVE, NEGATIVE, ZERO), _tags()))
        at |= {COUNT: count, TENSOR_COUNT: len(tensors), ROWS: table.ctypes.data, ROW_COUNT: len(rows)}
        at[ADDRESSES] = addresses.ctypes.data
        at |= {ARRAY: id(Array), NDARRAY: id(np.ndarray), SLOT: slot_offset()}
        at |= {FLOAT: id(float), NONE: id(None), PART_COUNT: len(parts), FLAG: flag.ctypes.data}
        slots = {VALUE: (handle, "value"), VIEW: (handle, "_view"), NODE: (handle, "node")}
        slots |= {STORAGE: (view, "storage"), SEEN: (view, "version"), WRITTEN: (storage, "version")}
        at |= {where: offset(kind, name) for where, (kind, name) in slots.items()}
        if not supported() or min(at[where] for where in slots) < 0:
            raise Unreadable(handle.__name__)
        for where, value in at.items():
            self._slots[where] = value
        self._place = ctypes.addressof(self._slots)
        self._kept = (tables, table, addresses, flag, pairs, list(rows))
        self._native = _native_enter()

    def run(self, args: tuple[Any, ...], news: list[Any]) -> bool:
        """Run the kernels if everything is as it must be, and return whether it was. Appends to the list of new arrays."""
        news += (False, True)
        self._native(self._place, args, news)
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
    return ctypes.PYFUNCTYPE(None, ctypes.c_void_p, ctypes.py_object, ctypes.py_object)(address)  # which are addresses
