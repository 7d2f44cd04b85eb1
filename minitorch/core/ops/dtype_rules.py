"""Dtype rules of pointwise operations: the dtypes that operands are cast to, and the result's.

A rule takes the operands' dtypes, and for Python scalars (which give way to arrays) their types. It knows nothing of
values or shapes; an operation's name is put before its complaint by `resolver`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from .. import config, dtypes
from ..dtypes import DType
from ..errors import DTypeError

Kinds = tuple[Any, ...]
DTypeRule = Callable[..., tuple[tuple[DType, ...], DType]]


def same(*kinds: Any) -> tuple[tuple[DType, ...], DType]:
    """Operands and result take the promoted dtype."""
    dtype = dtypes.promote(*kinds)
    return (dtype,) * len(kinds), dtype


def floating(*kinds: Any) -> tuple[tuple[DType, ...], DType]:
    """As `same`, with integers made floats."""
    dtype = dtypes.floating(*kinds)
    return (dtype,) * len(kinds), dtype


def boolean(*kinds: Any) -> tuple[tuple[DType, ...], DType]:
    """Operands are promoted, the result is bool."""
    return (dtypes.promote(*kinds),) * len(kinds), dtypes.bool_


def integral(*kinds: Any) -> tuple[tuple[DType, ...], DType]:
    """Operands and result are integers or bools."""
    dtype = dtypes.promote(*kinds)
    if dtypes.rank(dtype) > 1:
        raise DTypeError(f"takes integers or bools, got {_kinds(kinds)}; cast with .to(int64)")
    return (dtype,) * len(kinds), dtype


def real(*kinds: Any) -> tuple[tuple[DType, ...], DType]:
    """As `same`, for real numbers only."""
    dtype = dtypes.promote(*kinds)
    if dtypes.is_complex(dtype):
        raise DTypeError(f"has no meaning for complex numbers, got {_kinds(kinds)}; take .real or .abs() first")
    return (dtype,) * len(kinds), dtype


def real_floating(*kinds: Any) -> tuple[tuple[DType, ...], DType]:
    """As `floating`, for real numbers only."""
    real(*kinds)
    return floating(*kinds)


def numeric(*kinds: Any) -> tuple[tuple[DType, ...], DType]:
    """As `same`, for numbers: bools are none."""
    dtype = dtypes.promote(*kinds)
    if dtype == dtypes.bool_:
        raise DTypeError(_no_bools(kinds))
    return (dtype,) * len(kinds), dtype


def real_numeric(*kinds: Any) -> tuple[tuple[DType, ...], DType]:
    """As `numeric`, for real numbers only."""
    real(*kinds)
    return numeric(*kinds)


def _no_bools(kinds: Kinds) -> str:
    return (
        f"has no meaning for bools, got {_kinds(kinds)}; use ^ (logical_xor) or ~ (logical_not) on bools, "
        "or cast with .to(int64)"
    )


def ordering(*kinds: Any) -> tuple[tuple[DType, ...], DType]:
    """As `boolean`, for operands that have an order."""
    return real(*kinds)[0], dtypes.bool_


def magnitude(*kinds: Any) -> tuple[tuple[DType, ...], DType]:
    """Operands are promoted; a complex operand gives a real result."""
    dtype = dtypes.promote(*kinds)
    return (dtype,) * len(kinds), dtypes.real_of(dtype)


def _kinds(kinds: Kinds) -> str:
    return ", ".join(k.__name__ if isinstance(k, type) else dtypes.name(k) for k in kinds)


def resolver(name: str, rule: DTypeRule) -> Callable[[Kinds], tuple[tuple[DType, ...], DType]]:
    """Return a rule that names the operation in its errors and remembers its answers."""

    @lru_cache(maxsize=1024)
    def cached(kinds: Kinds, default: DType) -> tuple[tuple[DType, ...], DType]:
        try:
            return rule(*kinds)
        except DTypeError as error:
            raise DTypeError(f"{name}: {error}") from None

    return lambda kinds: cached(kinds, config.default_float.get())


# Dtypes on which NumPy's own result dtype agrees with the rule, so that no table is needed.
DIRECT: dict[DTypeRule, frozenset[DType]] = {
    same: dtypes.NATIVE,
    floating: dtypes.NATIVE_INEXACT,
    boolean: dtypes.NATIVE,
    integral: dtypes.NATIVE - dtypes.INEXACT,
    numeric: dtypes.NATIVE - {dtypes.bool_},
    real_numeric: dtypes.NATIVE - dtypes.COMPLEX - {dtypes.bool_},
    ordering: dtypes.NATIVE - dtypes.COMPLEX,
    real: dtypes.NATIVE - dtypes.COMPLEX,
    real_floating: dtypes.NATIVE_INEXACT - dtypes.COMPLEX,
    magnitude: dtypes.NATIVE,
}
