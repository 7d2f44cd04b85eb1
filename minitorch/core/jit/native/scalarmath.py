"""`NAMESPACE`: every name that the text of a kernel may use, by what Numba compiles for it.

Importing this imports Numba. The functions take float32 or float64 arguments, all of one type, and return that type;
`abs`, `maximum`, `minimum`, `floor_divide`, `remainder`, `left_shift` and `right_shift` also take integers.
"""

from __future__ import annotations

import math
from typing import Any

from numba import types

from . import arithmetic, circular, errorfunctions, gammafunctions, register_tiles, vectors
from .elementary import FUNCTIONS
from .intrinsics import POINTERS, select

__all__ = ["NAMESPACE", "arithmetic", "circular", "errorfunctions", "gammafunctions", "register_tiles", "vectors"]

CASTS = ("float32", "float64", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)), "boolean")

NAMESPACE: dict[str, Any] = {
    **POINTERS,
    **{name: getattr(types, name) for name in CASTS},
    **FUNCTIONS,
    **vectors.FUNCTIONS,
    **register_tiles.FUNCTIONS,
    "select": select,
    "math": math,
}
