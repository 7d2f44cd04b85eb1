"""Read the buffers of Arrays without Python code: 5 ns an array, where attribute access takes 100.

`Leaves` is made for a list of expected shapes and dtypes. Its `gather` walks a list of Arrays, checks each against what is
expected, and notes the address of its data and whether nobody else holds it. It reads CPython's and NumPy's structures
directly; `supported` compares what it reads with what Python says before it is first used, and where that fails
`gather` takes `gather_python`, which has the same results.
"""

from __future__ import annotations

import ctypes
import sys
import sysconfig
from collections.abc import Sequence
from functools import cache
from types import CellType, FunctionType
from typing import Any

import numpy as np

from ...array import Array, wrap
from .compile import Kernel, compile_kernel
from .structures import (
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
)

Shape = tuple[int, ...]

LIST, COUNT, EXPECTED, REFERENCES, ADDRESSES, OWNED, ARRAY, NDARRAY, SLOT, RESULT, NEEDED = range(11)

# The reference count is its lower half: from Python 3.12 on, the upper one is something else.
GATHER = f"""
def gather(P, lo, hi):
    items = i64(i64(P[{LIST}] + {LIST_ITEMS})[0])
    expected = i64(P[{EXPECTED}]); references = i64(P[{REFERENCES}])
    addresses = i64(P[{ADDRESSES}]); owned = u8(P[{OWNED}]); needed = u8(P[{NEEDED}])
    result = i64(P[{RESULT}])
    count = P[{COUNT}]
    if i64(P[{LIST}] + {LIST_SIZE})[0] != count:
        result[0] = 0
        return
    at = 0
    for i in range(count):
        result[0] = i
        array = items[i]
        if i64(array + {TYPE})[0] != P[{ARRAY}]:
            return
        buffer = i64(array + P[{SLOT}])[0]
        if buffer == 0 or i64(buffer + {TYPE})[0] != P[{NDARRAY}]:
            return
        flags = int64(i32(buffer + {FLAGS})[0])
        if flags & {CONTIGUOUS | ALIGNED} != {CONTIGUOUS | ALIGNED} or i64(buffer + {DESCR})[0] != expected[at]:
            return
        ndim = expected[at + 1]
        if i32(buffer + {NDIM})[0] != ndim:
            return
        dimensions = i64(i64(buffer + {DIMENSIONS})[0])
        for axis in range(ndim):
            if dimensions[axis] != expected[at + 2 + axis]:
                return
        at += 2 + ndim
        addresses[i] = i64(buffer + {DATA})[0]
        free = i32(array)[0] == references[i] and i32(buffer)[0] == 1 and i64(buffer + {BASE})[0] == 0
        owned[i] = 1 if free and flags & {OWNDATA | WRITEABLE} == {OWNDATA | WRITEABLE} else 0
        if owned[i] < needed[i]:
            return
    result[0] = -1
"""


class Leaves:
    """The arrays that a compiled function expects.

    `references` is how many references each Array has when nobody but its owner and the list hold it. After `gather`,
    `addresses` and `owned` hold the answer; an Array that is `needed` for itself alone must be. For one caller at a time.

    >>> leaves = Leaves([((2,), np.dtype("float32"))], [2])
    >>> values = [Array([1.0, 2.0])]
    >>> leaves.gather(values)
    -1
    >>> int(leaves.addresses[0]) == values[0]._data.ctypes.data
    True
    """

    __slots__ = (
        "_call",
        "_dtypes",
        "_expected",
        "_place",
        "_result",
        "_slots",
        "addresses",
        "needed",
        "owned",
        "references",
        "shapes",
    )

    def __init__(self, expected: Sequence[tuple[Shape, np.dtype[Any]]], references: Sequence[int]):
        count = len(expected)
        self.shapes = [shape for shape, _ in expected]
        self._dtypes = [dtype for _, dtype in expected]
        self.references = np.array(references, np.int64)
        self.addresses = np.zeros(count, np.int64)
        self.owned = np.zeros(count, np.uint8)
        self.needed = np.zeros(count, np.uint8)
        self._expected = np.array([word for s, d in expected for word in (id(d), len(s), *s)], np.int64)
        self._result = ctypes.c_int64(-1)
        self._slots = (ctypes.c_int64 * 11)()
        self._place = ctypes.addressof(self._slots)
        self._slots[:] = [
            0, count, self._expected.ctypes.data, self.references.ctypes.data, self.addresses.ctypes.data,
            self.owned.ctypes.data, id(Array), id(np.ndarray), slot_offset(), ctypes.addressof(self._result),
            self.needed.ctypes.data,
        ]  # fmt: skip
        self._call = _native() if supported() else None

    def gather(self, values: list[Any]) -> int:
        """Look at each Array; return the index of the first that is not as expected, or -1."""
        call = self._call
        if call is None or type(values) is not list:
            return self.gather_python(values)
        self._slots[LIST] = id(values)
        call(self._place, 0, 1)
        return self._result.value

    def gather_python(self, values: Sequence[Any]) -> int:
        """Do what `gather` does, in Python."""
        if len(values) != len(self.shapes):
            return 0
        for i, (shape, dtype) in enumerate(zip(self.shapes, self._dtypes)):
            if type(values[i]) is not Array:
                return i
            buffer = getattr(values[i], "_data", None)
            if type(buffer) is not np.ndarray or buffer.dtype is not dtype or buffer.shape != shape:
                return i
            if not (buffer.flags.c_contiguous and buffer.flags.aligned):
                return i
            self.addresses[i] = buffer.ctypes.data
            free = buffer.base is None and buffer.flags.owndata and buffer.flags.writeable
            del buffer
            self.owned[i] = free and _references_are_exact() and self._sole(values, i)
            if self.owned[i] < self.needed[i]:
                return i
        return -1

    def _sole(self, values: Sequence[Any], i: int) -> bool:
        # Read as the native function does: what `sys.getrefcount` adds depends on the interpreter's version.
        array, buffer = (word(address, ctypes.c_int32) for address in (id(values[i]), id(values[i]._data)))
        return array == self.references[i] and buffer == 1


# Pairs of an address and what it must hold.
GUARD = """
def guard(P, lo, hi):
    pairs = i64(P[0])
    result = i64(P[1])
    result[0] = 0
    for i in range(lo, hi):
        if i64(pairs[2 * i])[0] != pairs[2 * i + 1]:
            return
    result[0] = 1
"""


class Guards:
    """Slots of objects that must hold what they hold now. Owners and contents are kept alive.

    >>> class Box:
    ...     __slots__ = ("content",)
    >>> box = Box()
    >>> box.content = "a"
    >>> guards = Guards([(box, "content")])
    >>> guards.hold()
    True
    >>> box.content = "b"
    >>> guards.hold()
    False
    """

    __slots__ = ("_contents", "_count", "_kernel", "_owners", "_pairs", "_place", "_result", "_slots")

    def __init__(self, slots: Sequence[tuple[Any, str]]):
        self._owners = list(slots)
        self._contents = [getattr(owner, name) for owner, name in slots]
        self._count = len(slots)
        kinds: list[Any] = [type(owner) for owner, _ in slots]
        offsets = [offset(kind, name) for kind, (_, name) in zip(kinds, slots)]
        self._result = ctypes.c_int64(0)
        self._kernel: Kernel | None = None
        if supported() and min(offsets, default=0) >= 0:
            words = [w for (o, _), at, held in zip(slots, offsets, self._contents) for w in (id(o) + at, id(held))]
            self._pairs = np.array(words or [0], np.int64)
            self._slots = (ctypes.c_int64 * 2)(self._pairs.ctypes.data, ctypes.addressof(self._result))
            self._place = ctypes.addressof(self._slots)
            self._kernel = compile_kernel(GUARD, "guard")

    def hold(self) -> bool:
        """Return whether every slot holds the same object."""
        if self._kernel is None or not self._kernel.is_made:
            return all(getattr(o, n, None) is held for (o, n), held in zip(self._owners, self._contents))
        _native_guard()(self._place, 0, self._count)
        return self._result.value == 1


@cache
def _native_guard() -> Any:
    address = compile_kernel(GUARD, "guard").address
    return ctypes.PYFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)


@cache
def offset(kind: Any, name: str) -> int:
    """Return where instances of a class keep a slot, in bytes; -1 if that cannot be seen."""
    if kind is CellType:
        return 16
    if kind is FunctionType:
        return _offset_in(_example, getattr(_example, name))
    marker = object()
    probe: Any = object.__new__(kind)
    try:
        getattr(kind, name).__set__(probe, marker)
    except (AttributeError, TypeError):
        return -1
    found = _offset_in(probe, marker)
    getattr(kind, name).__delete__(probe)
    return found


def _offset_in(probe: Any, held: Any) -> int:
    words = range(16, type(probe).__basicsize__, 8)
    found = [at for at in words if word(id(probe) + at) == id(held)]
    return found[0] if len(found) == 1 else -1


def _example(x: Any = (1,), *, y: Any = (2,)) -> None:
    """A function with defaults of both kinds, to see where functions keep them."""


@cache
def _native() -> Any:
    """The native function, called with the GIL held."""
    address = compile_kernel(GATHER, "gather").address
    return ctypes.PYFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)


@cache
def _references_are_exact() -> bool:
    """Without a GIL, a count of references is spread over threads."""
    return sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")


def word(address: int, kind: Any = ctypes.c_int64) -> int:
    """Return the integer at an address, 64 bits wide unless `kind` says otherwise."""
    return int(kind.from_address(address).value)


@cache
def slot_offset() -> int:
    """Find where an Array keeps its buffer; 0 if that cannot be seen."""
    if not _references_are_exact():
        return 0
    array = wrap(np.zeros(1, np.float32))
    places = range(16, Array.__basicsize__, 8)
    return next((at for at in places if word(id(array) + at) == id(array._data)), 0)


def _layout_fits() -> bool:
    """Compare the structures' fields with what Python says of the objects; within the objects' sizes, so harmless."""
    if sys.byteorder != "little" or ctypes.sizeof(ctypes.c_void_p) != 8 or np.ndarray.__basicsize__ < FLAGS + 4:
        return False
    buffer = np.zeros((3, 5), np.float64)
    at = id(buffer)
    references = word(at, ctypes.c_int32)
    items = [buffer]
    return (
        word(at, ctypes.c_int32) == references + 1
        and word(at + TYPE) == id(np.ndarray)
        and word(at + DATA) == buffer.ctypes.data
        and word(at + NDIM, ctypes.c_int32) == 2
        and word(at + BASE) == 0
        and word(at + DESCR) == id(buffer.dtype)
        and word(at + FLAGS, ctypes.c_int32) & 0xFFF == buffer.flags.num & 0xFFF
        and word(id(items) + LIST_SIZE) == 1
        and word(word(id(items) + LIST_ITEMS)) == at
        and [word(word(at + DIMENSIONS) + 8 * axis) for axis in range(2)] == [3, 5]
        and [word(word(at + STRIDES) + 8 * axis) for axis in range(2)] == [40, 8]
    )


@cache
def supported() -> bool:
    """Return whether objects can be read directly in this interpreter."""
    return _references_are_exact() and slot_offset() > 0 and _layout_fits()
