"""How many numbers this CPU's vectors hold, and how many vectors it can hold in registers."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np


@cache
def vector_bytes() -> int:
    """Return the bytes of the widest vector."""
    features = _features()
    return 64 if "+avx512f" in features else 32 if "+avx2" in features else 16


@cache
def registers() -> int:
    """Return how many vectors fit into registers."""
    return 16 if "+sse2" in _features() and "+avx512f" not in _features() else 32


def lanes(dtype: Any) -> int:
    """Return how many numbers of a dtype a vector holds."""
    return vector_bytes() // int(np.dtype(dtype).itemsize)


def square(dtype: Any) -> int:
    """Return how many numbers of a dtype the squares are wide that `turn` transposes."""
    return min(lanes(dtype), vector_bytes() // 4)


def _features() -> frozenset[str]:
    from .loader import host

    return frozenset(host()[1].split(","))
