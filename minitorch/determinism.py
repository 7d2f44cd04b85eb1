"""PyTorch's switches for determinism and precision: taken, and already so.

Every operation gives the same result each time, and float32 products are computed in float32.
"""

from __future__ import annotations

from typing import Any

from .core.errors import ArgumentError

_PRECISIONS = ("highest", "high", "medium")


def use_deterministic_algorithms(mode: Any, *, warn_only: bool = False) -> None:
    """Do nothing: all algorithms are deterministic.

    >>> use_deterministic_algorithms(True)
    """


def are_deterministic_algorithms_enabled() -> bool:
    """Return True.

    >>> are_deterministic_algorithms_enabled()
    True
    """
    return True


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Return False: nothing is there to warn of.

    >>> is_deterministic_algorithms_warn_only_enabled()
    False
    """
    return False


def set_float32_matmul_precision(precision: str) -> None:
    """Accept the least precision that is wanted of products of float32; they have the highest.

    >>> set_float32_matmul_precision("high")
    """
    if precision not in _PRECISIONS:
        raise ArgumentError(f"set_float32_matmul_precision: {precision!r} is not one of {', '.join(_PRECISIONS)}")


def get_float32_matmul_precision() -> str:
    """Return "highest".

    >>> get_float32_matmul_precision()
    'highest'
    """
    return _PRECISIONS[0]
