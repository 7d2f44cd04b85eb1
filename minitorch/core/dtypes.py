"""Data types and the promotion table.

Promotion is PyTorch's: Python scalars are weak, an integer array with a float array takes the float's dtype, and an
operation that needs floats turns integers into the default float.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import ml_dtypes
import numpy as np

from . import config
from .errors import DTypeError

DType = np.dtype[Any]

bool_: DType = np.dtype(np.bool_)
int8: DType = np.dtype(np.int8)
int16: DType = np.dtype(np.int16)
int32: DType = np.dtype(np.int32)
int64: DType = np.dtype(np.int64)
uint8: DType = np.dtype(np.uint8)
uint16: DType = np.dtype(np.uint16)
uint32: DType = np.dtype(np.uint32)
uint64: DType = np.dtype(np.uint64)
float16: DType = np.dtype(np.float16)
bfloat16: DType = np.dtype(ml_dtypes.bfloat16)
float32: DType = np.dtype(np.float32)
float64: DType = np.dtype(np.float64)
complex64: DType = np.dtype(np.complex64)
complex128: DType = np.dtype(np.complex128)

UNSIGNED = (uint8, uint16, uint32, uint64)
SIGNED = (int8, int16, int32, int64)
INTEGERS = UNSIGNED + SIGNED
REALS = (float16, bfloat16, float32, float64)
COMPLEXES = (complex64, complex128)
FLOATS = REALS + COMPLEXES
ALL = (bool_, *INTEGERS, *FLOATS)
INEXACT = frozenset(FLOATS)
COMPLEX = frozenset(COMPLEXES)
# Half precision is computed in float32 and rounded once; bfloat16 is a guest in NumPy anyway.
HALVES = frozenset((float16, bfloat16))
# Dtypes that NumPy's ufuncs compute in, with the result dtype of our table.
NATIVE = frozenset(ALL) - HALVES
NATIVE_INEXACT = INEXACT - HALVES

SCALARS = frozenset((bool, int, float, complex))
_RANK = {bool: 0, int: 1, float: 2, complex: 3}
_SHORT = {bool_: "bool"}


def name(dtype: DType) -> str:
    """Return the dtype's public name: `float32`, `bool`."""
    return _SHORT.get(dtype, dtype.name)


def canonical(dtype: Any) -> DType:
    """Return the NumPy dtype meant by a dtype, a NumPy scalar type, a name, or a Python type.

    `float` means the default float, `int` int64, `bool` bool, `complex` the complex dtype of the default float.

    >>> canonical(float), canonical("bfloat16").name
    (dtype('float32'), 'bfloat16')
    """
    if dtype is float:
        return config.default_float.get()
    if dtype is complex:
        return complex_of(config.default_float.get())
    if isinstance(dtype, str) and dtype == "bfloat16":
        return bfloat16
    try:
        found = np.dtype(dtype).newbyteorder("=")
    except TypeError as error:
        raise DTypeError(f"dtype: {dtype!r} is not a data type; choose one of {', '.join(map(name, ALL))}") from error
    known = _KNOWN.get(found)
    if known is None:
        raise DTypeError(f"dtype: {found.name} is not supported; choose one of {', '.join(map(name, ALL))}")
    return known


# One object for each dtype: NumPy makes equal ones that are not identical, and the shortcuts compare with `is`.
_KNOWN = {dtype: dtype for dtype in ALL}


def rank(kind: DType | type) -> int:
    """Return the category: 0 bool, 1 integer, 2 real, 3 complex."""
    if isinstance(kind, type):
        return _RANK[kind]
    if kind in COMPLEX:
        return 3
    if kind in INEXACT:
        return 2
    return 0 if kind == bool_ else 1


def is_inexact(dtype: DType) -> bool:
    """Return whether the dtype is real or complex floating point."""
    return dtype in INEXACT


def is_complex(dtype: DType) -> bool:
    """Return whether the dtype is complex."""
    return dtype in COMPLEX


def real_of(dtype: DType) -> DType:
    """Return the real dtype with the precision of `dtype`."""
    return {complex64: float32, complex128: float64}.get(dtype, dtype)


def complex_of(dtype: DType) -> DType:
    """Return the complex dtype that holds `dtype`."""
    return complex128 if dtype in (float64, complex128) else complex64


def promote(*kinds: DType | type) -> DType:
    """Return the common dtype of dtypes and weak Python scalar types (`bool`, `int`, `float`, `complex`).

    >>> promote(int64, float32), promote(float16, float), promote(int32, float)
    (dtype('float32'), dtype('float16'), dtype('float32'))
    """
    return _promote(kinds, config.default_float.get())


@lru_cache(maxsize=4096)
def _promote(kinds: tuple[DType | type, ...], default: DType) -> DType:
    strong = [k for k in kinds if not isinstance(k, type)]
    result: DType | None = None
    for dtype in strong:
        result = dtype if result is None else _pair(result, dtype)
    for kind in kinds:
        if isinstance(kind, type) and (result is None or rank(kind) > rank(result)):
            result = _weak(kind, result, default)
    assert result is not None, "promote() needs at least one operand"
    return result


def _weak(kind: type, current: DType | None, default: DType) -> DType:
    if kind is complex:
        return complex_of(current if current is not None and current in INEXACT else default)
    return {bool: bool_, int: int64, float: default}[kind]


def _pair(a: DType, b: DType) -> DType:
    if a == b:
        return a
    low, high = sorted((a, b), key=rank)
    if rank(low) < rank(high):
        # A real float64 with complex64 needs complex128; otherwise the higher category decides alone.
        return complex128 if high == complex64 and low == float64 else high
    if {a, b} == {float16, bfloat16}:
        return float32
    if bfloat16 in (a, b):
        return a if b == bfloat16 else b
    if rank(a) == 1 and uint64 in (a, b) and (a in SIGNED or b in SIGNED):
        raise DTypeError(f"promote: {name(a)} and {name(b)} have no common integer dtype; cast one with .to(...)")
    return np.promote_types(a, b)


def floating(*kinds: DType | type) -> DType:
    """Return the promoted dtype, with integers and bools turned into the default float."""
    found = promote(*kinds)
    return found if found in INEXACT else config.default_float.get()
