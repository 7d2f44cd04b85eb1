"""Kernels that Python calls like built-in functions: 0.03 us, where `ctypes` takes 0.15.

Such a kernel is `name(P, args, kwargs)`, where `i64(P[2])` are its words (`words.py`), `args` is the address of a tuple, and
`kwargs` that of a dict, or 0. It returns the address of a new reference. The GIL is held. What a kernel leaves alone it
hands on to a function of Python's, its fallback.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...array import Array
from . import words as w
from .compile import compile_kernel
from .entry import integer_tags
from .making import functions
from .objects import slot_offset, supported
from .pairs import Unreadable
from .structures import DATA

_VARARGS, _KEYWORDS = 0x1, 0x2

_C = {
    w.CALL: "PyObject_Call",
    w.CLEAR: "PyErr_Clear",
    w.MATCHES: "PyErr_ExceptionMatches",
    w.TUPLE: "PyTuple_New",
    w.INTEGER: "PyLong_FromLongLong",
    w.NEXT: "PyIter_Next",
    w.SUBTYPE: "PyType_IsSubtype",
    w.CONTEXT_GET: "PyContextVar_Get",
    w.GET_ITEM: "PyDict_GetItem",
    w.SET_ITEM: "PyDict_SetItem",
    w.VALUE_OF: "PyLong_AsLongLong",
    w.CONTAINS: "PyDict_Contains",
    w.LIST: "PyList_New",
    w.APPEND: "PyList_Append",
    w.ATTRIBUTES: "PyObject_GenericGetDict",
}
_OBJECTS = {
    w.NONE: None,
    w.FALSE: False,
    w.NO_AXES: (),
    w.ZERO: 0,
    w.NDARRAY: np.ndarray,
    w.ARRAY: Array,
    w.FLOAT: float,
    w.INT: int,
    w.SEQUENCE_KIND: list,
    w.MAPPING_KIND: dict,
    w.FLOAT32: np.dtype("float32"),
    w.FLOAT64: np.dtype("float64"),
    w.INT64: np.dtype("int64"),
}


class _Method(ctypes.Structure):
    """What CPython keeps of a built-in function (`PyMethodDef`)."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("call", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("text", ctypes.c_char_p),
    )


class Words(np.ndarray[Any, Any]):
    """The words of a kernel, with what they are addresses of: a function lives as long as it is called, and so do they."""

    kept: list[Any]


def table(fallback: Callable[..., Any], own: Mapping[int, int], kept: Any = None) -> Words:
    """Return the words of a kernel that leaves to a fallback what it cannot do.

    `own` are those that only some kernels have, and `kept` is what these are addresses of. Raises Unreadable.
    """
    making = functions()
    if not supported() or making is None or min(own.values(), default=0) < 0:
        raise Unreadable("objects")
    scratch = np.zeros(4, np.int64)
    positive, negative, nought = integer_tags()
    found = {
        place: ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0 for place, name in _C.items()
    }
    found |= {w.RETAIN: making.retain, w.RELEASE: making.release, w.ALLOC: making.alloc, w.EMPTY: making.empty}
    found |= {place: id(one) for place, one in _OBJECTS.items()}
    found |= {w.FALLBACK: id(fallback), w.SLOT: slot_offset(), w.SCRATCH: scratch.ctypes.data}
    found |= {w.POSITIVE: positive, w.NEGATIVE: negative, w.NOUGHT: nought, **own}
    made = np.zeros(max(found) + 1, np.int64).view(Words)
    for place, word in found.items():
        made[place] = word
    made.kept = [fallback, scratch, kept]
    return made


def builtin(source: str, name: str, words: Words) -> Callable[..., Any]:
    """Return the kernel `name` of a text as a function.

    >>> text = "def echo(P, args, kwargs):\\n    W = i64(P[2])\\n    return call_object(W[{}], W[{}], args, kwargs)"
    >>> text = text.format(w.CALL, w.FALLBACK)
    >>> builtin(text, "echo", table(max, {}))(3, 5)
    5
    """
    method = _Method(name.encode(), compile_kernel(source, name).address, _VARARGS | _KEYWORDS, None)
    words.kept.append(method)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype, make.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
    return make(ctypes.addressof(method), words, None)  # type: ignore[no-any-return]


assert DATA == 16  # the words are an ndarray, `P`, whose elements are at `P[2]`
