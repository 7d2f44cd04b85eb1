"""Kernel text run by Python itself: what the compiler's tests compare with.

Kernel text is Python over NumPy's scalars, so Python can execute it. Pointers are arrays, and a slot holds an array or an
integer; conversions are NumPy's types.
"""

from __future__ import annotations

import builtins
import ctypes
import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from minitorch.core.jit.native.compile import compile_kernel

KINDS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")
POINTERS = {kind: f"{kind[0]}{kind.lstrip('uintfloa')}" for kind in KINDS}


def _converted(kind: str, x: Any) -> Any:
    return np.asarray(x).astype(kind)[()]


def _range(*bounds: Any) -> Iterator[Any]:
    return (np.int64(i) for i in builtins.range(*map(int, bounds)))


NAMESPACE: dict[str, Any] = {
    **{kind: partial(_converted, kind) for kind in KINDS},
    **{pointer: lambda array: array for pointer in POINTERS.values()},
    "boolean": bool,
    "select": lambda condition, x, y: x if condition else y,
    **dict.fromkeys(("range", "long_range", "short_range", "free_range"), _range),
    "math": math,
}


def interpreted(source: str, slots: list[Any], lo: int, hi: int) -> list[Any]:
    """Run the kernel `k` in Python on copies of its arrays; return these."""
    held = [x.copy() if isinstance(x, np.ndarray) else np.int64(x) for x in slots]
    namespace = dict(NAMESPACE)
    exec(source, namespace)
    with np.errstate(all="ignore"):
        namespace["k"](held, np.int64(lo), np.int64(hi))
    return [x for x in held if isinstance(x, np.ndarray)]


def compiled(source: str, slots: list[Any], lo: int, hi: int, reassociate: bool = False) -> list[Any]:
    """Run the kernel `k` as machine code on copies of its arrays; return these."""
    held = [x.copy() if isinstance(x, np.ndarray) else x for x in slots]
    words = np.array([x.ctypes.data if isinstance(x, np.ndarray) else x for x in held], np.int64)
    address = compile_kernel(source, "k", reassociate).address
    ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)(words.ctypes.data, lo, hi)
    return [x for x in held if isinstance(x, np.ndarray)]


def check(source: str, slots: list[Any], lo: int = 0, hi: int = 1) -> list[Any]:
    """Run the kernel `k` both ways, compare all arrays, and return them."""
    expected, got = interpreted(source, slots, lo, hi), compiled(source, slots, lo, hi)
    for i, (a, b) in enumerate(zip(got, expected, strict=True)):
        np.testing.assert_array_equal(a, b, err_msg=f"array {i} after\n{source}")
    return got
