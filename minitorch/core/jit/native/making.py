"""Make arrays natively: 0.1 us each, where Python takes 0.25; and other objects with slots, tensors for one: 0.05 us; and
objects with attributes of any name, modules for one: 0.15 us, where Python takes 0.5.

The C functions that CPython and NumPy make objects with are called at their addresses; `functions` tries them before
they are first used. Where they do not do what is expected, Python makes the arrays.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from ...array import Array
from .objects import offset
from .pairs import Unreadable
from .structures import WRITEABLE

# What is made of the words behind; any other first word is the address of a class.
WINDOW_OF, TABLE, HOLDER, GIVEN = range(4)
ATTRIBUTES = "__dict__"
# The places of functions in NumPy's table of C functions, which is the same in all versions.
_WINDOW, _EMPTY, _BASED = 94, 184, 282
Shapes = Sequence[tuple[tuple[int, ...], np.dtype[Any]]]


class Functions(NamedTuple):
    """The addresses of `PyArray_Empty(ndim, dims, dtype, 0)`, of `PyType_GenericAlloc(type, 0)`, `Py_IncRef(object)` and
    `Py_DecRef(object)`, of `PyDict_Copy(dict)`, `PyDict_SetItem(dict, key, value)` and
    `PyObject_GenericSetAttr(object, name, value)`, of
    `PyArray_NewFromDescr(type, dtype, ndim, dims, strides, data, flags, 0)` and `PyArray_SetBaseObject(array, base)`.
    References to dtypes and bases are taken over.
    """

    empty: int
    alloc: int
    retain: int
    release: int
    copy: int
    enter: int
    set: int
    window: int
    based: int


_IN_PYTHON = "PyType_GenericAlloc", "Py_IncRef", "Py_DecRef", "PyDict_Copy", "PyDict_SetItem", "PyObject_GenericSetAttr"


@cache
def functions() -> Functions | None:
    """Return the addresses of the functions that make arrays; None if they do not."""
    try:
        found = Functions(_in_table(_EMPTY), *map(_in_python, _IN_PYTHON), *map(_in_table, (_WINDOW, _BASED)))
        return found if _work(found) else None
    except (AttributeError, ImportError, ValueError):
        return None


def _in_python(name: str) -> int:
    return ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0


def _in_table(place: int) -> int:
    capsule = import_module("numpy._core._multiarray_umath")._ARRAY_API
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    return ctypes.cast(pointer(capsule, None), ctypes.POINTER(ctypes.c_void_p))[place] or 0


def _work(found: Functions) -> bool:
    """Return whether the functions make what they should."""
    if not all(found):
        return False
    empty = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_int64, ctypes.c_void_p, ctypes.py_object, ctypes.c_int64)
    alloc = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object, ctypes.c_int64)
    count = ctypes.PYFUNCTYPE(None, ctypes.py_object)
    dtype, sizes = np.dtype(np.float32), np.array([3, 0, 2], np.int64)
    for ndim in range(4):
        count(found.retain)(dtype)
        made = empty(found.empty)(ndim, sizes.ctypes.data, dtype, 0)
        flags = made.flags
        if type(made) is not np.ndarray or made.shape != tuple(sizes[:ndim]) or made.dtype is not dtype:
            return False
        if not (flags.c_contiguous and flags.owndata and flags.writeable and flags.aligned):
            return False
    return type(alloc(found.alloc)(Array, 0)) is Array and _windows_work(found) and _attributes_work(found)


class _Plain:
    """An object with attributes of any name."""


def _attributes_work(found: Functions) -> bool:
    alloc = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object, ctypes.c_int64)(found.alloc)
    copy = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(found.copy)
    enter = ctypes.PYFUNCTYPE(ctypes.c_int, *[ctypes.py_object] * 3)(found.enter)
    put = ctypes.PYFUNCTYPE(ctypes.c_int, *[ctypes.py_object] * 3)(found.set)
    template, one = {"a": 1, "b": 2}, alloc(_Plain, 0)
    attributes = copy(template)
    if enter(attributes, "b", 3) != 0 or put(one, ATTRIBUTES, attributes) != 0:
        return False
    one.c = 4
    seen = [getattr(one, name) for name in ("a", "b", "c")]
    return type(one) is _Plain and [*vars(one).values()] == seen == [1, 3, 4] and template == {"a": 1, "b": 2}


def _windows_work(found: Functions) -> bool:
    kinds = [ctypes.py_object] * 2 + [ctypes.c_int64] + [ctypes.c_void_p] * 3 + [ctypes.c_int64] * 2
    window = ctypes.PYFUNCTYPE(ctypes.py_object, *kinds)(found.window)
    count = ctypes.PYFUNCTYPE(None, ctypes.py_object)(found.retain)
    based = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.py_object)(found.based)
    whole, sizes = np.arange(6, dtype=np.float32), np.array([2, 2, 12, 4], np.int64)
    count(whole.dtype)
    at = sizes.ctypes.data
    part = window(np.ndarray, whole.dtype, 2, at, at + 16, whole.ctypes.data + 4, WRITEABLE, 0)
    count(whole)
    if based(part, whole) != 0 or type(part) is not np.ndarray or part.base is not whole:
        return False
    return part.tolist() == [[1, 2], [4, 5]] and part.flags.writeable and not part.flags.c_contiguous


class Place(int):
    """A place in the list of what a call makes."""


class Objects:
    """What a call makes behind its new arrays, in this order: windows into their memory, and objects of several kinds.

    Each has its `Place` in the list of all that is made. What the slots hold from the start is kept alive.

    >>> objects = Objects(1)
    >>> objects.instance(Array, _data=objects.window(0, (2,), np.dtype("float32"), 4, (4,)))
    2
    """

    def __init__(self, arrays: int):
        self.arrays = arrays
        self.count = 0
        self.words: list[int] = []
        self.kept: list[Any] = []

    def window(
        self, array: int, shape: Sequence[int], dtype: np.dtype[Any], start: int, strides: Sequence[int]
    ) -> Place:
        """Add a view, an ndarray, of the memory of a new array."""
        return self._added([WINDOW_OF, array, id(dtype), start, len(shape), *shape, *strides], dtype)

    def instance(self, kind: type, **slots: Any) -> Place:
        """Add an object of a class with these slots, whose contents are objects, or places of such. Raises Unreadable."""
        words = [id(kind), len(slots)]
        for name, content in slots.items():
            at = offset(kind, name)
            if at < 0:
                raise Unreadable(f"{kind.__name__}.{name}")
            is_made = type(content) is Place
            words += (at, is_made, int(content) if is_made else id(content))
        return self._added(words, slots)

    def table(self, template: dict[str, Any], parts: dict[str, Place]) -> Place:
        """Add a copy of a dict with other contents under the keys of its parts."""
        words = [word for name, place in parts.items() for word in (id(name), int(place))]
        return self._added([TABLE, id(template), len(parts), *words], (template, parts))

    def holder(self, kind: type, attributes: Place) -> Place:
        """Add an object of a class that keeps its attributes in a dict, with these."""
        return self._added([HOLDER, id(kind), id(ATTRIBUTES), int(attributes)], kind)

    def given(self) -> Place:
        """Add an object that the call is given."""
        return self._added([GIVEN], None)

    def _added(self, words: Sequence[int], kept: Any) -> Place:
        self.words += words
        self.kept.append(kept)
        self.count += 1
        return Place(self.arrays + self.count - 1)


def maker(new: Shapes, objects: int = 0, held: int = 0) -> Callable[[], list[Any]]:
    """Return what begins the list of a call's new arrays, objects, and what is held: None where the native entry enters it.

    >>> [x if x is None else x.shape for x in maker([((2,), np.dtype("float32"))])()] in ([None], [(2,)])
    True
    """
    return partial(_arrays, tuple(new)) if functions() is None else ([None] * (len(new) + objects + held)).copy


def _arrays(new: Shapes) -> list[Any]:
    made = []
    for shape, dtype in new:
        array: Array = object.__new__(Array)
        array._data = np.empty(shape, dtype)
        made.append(array)
    return made
