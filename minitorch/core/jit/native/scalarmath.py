"""`NAMES`: every name that the text of a kernel may use, by what is compiled for it.

The functions take float32 or float64 arguments, all of one type, and return that type; `abs`, `maximum`, `minimum`,
`floor_divide`, `remainder`, `left_shift` and `right_shift` also take integers.
"""

from __future__ import annotations

import math
from typing import Any

from . import (
    arithmetic,
    circular,
    computed,
    descent,
    errorfunctions,
    exact,
    gammafunctions,
    intrinsics,
    recorded,
    register_tiles,
    vectors,
)
from .elementary import FUNCTIONS
from .kinds import SCALARS

__all__ = ["NAMES", "arithmetic", "circular", "errorfunctions", "exact", "gammafunctions"]

NAMES: dict[str, Any] = {
    **SCALARS,
    **intrinsics.INSTRUCTIONS,
    **vectors.INSTRUCTIONS,
    **register_tiles.INSTRUCTIONS,
    **FUNCTIONS,
    **computed.FUNCTIONS,
    **recorded.FUNCTIONS,
    **descent.FUNCTIONS,
    "math": math,
}
