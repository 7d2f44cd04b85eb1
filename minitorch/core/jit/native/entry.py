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
from .enter import (
    ADDRESSES,
    ALLOC,
    ARRAY,
    BASED,
    CELL,
    CELL_KIND,
    COPY,
    COUNT,
    EMPTY,
    ENTER,
    FLAG,
    FLOAT,
    FORBIDDEN,
    FORBIDDEN_COUNT,
    FRESH,
    FRESH_COUNT,
    GRAD,
    HOOKS,
    MOST_COPIED,
    NDARRAY,
    NEGATIVE,
    NEW,
    NO_LEAF,
    NODE,
    NONE,
    OBJECT_COUNT,
    OBJECTS,
    PAIR_COUNT,
    PAIRS,
    PART_COUNT,
    PARTS,
    PLACE_COUNT,
    PLACES,
    PLAN,
    POSITIVE,
    POST_HOOKS,
    RELEASE,
    RETAIN,
    ROW_COUNT,
    ROWS,
    SEEN,
    SET,
    SET_ITEM,
    SHARED,
    SLOT,
    STORAGE,
    TAPE,
    TENSOR_COUNT,
    TENSORS,
    TRACE,
    VALUE,
    VIEW,
    WINDOW,
    WORDS,
    WRITTEN,
    ZERO,
)
from .making import Objects, functions
from .objects import offset, slot_offset, supported, word
from .pairs import Pairs, Unreadable
from .structures import INT_DIGIT, INT_TAG


class Row(NamedTuple):
    """Where one array is found, where its address goes, and what it must be.

    `where` is the place among the arguments or the new arrays, the address of the word that holds it, or, of an alias,
    the other target. `kind_of` is the tensor's class, the address of the buffer for a number, or the class of a weak one,
    whose target is an address. What is `needed` is held by nobody else, except perhaps by the word at the address `twin`,
    and by the list of new arrays, at the place `held`: there one that is to live on is entered, if it is not yet. `leaf`
    says what must wait for the gradient of a tensor. Elements that do not lie side by side are copied into `room`, if any.
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
        at |= dict(zip((POSITIVE, NEGATIVE, ZERO), integer_tags()))
        at |= {FRESH_COUNT: len(fresh), OBJECT_COUNT: 0 if objects is None else objects.count}
        at |= dict(zip((EMPTY, ALLOC, RETAIN, RELEASE, COPY, SET_ITEM, SET, WINDOW, BASED), making or ()))
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
def integer_tags() -> list[int]:
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
