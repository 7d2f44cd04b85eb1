"""Promotion as PyTorch has it: a 0-d tensor gives way to tensors with dimensions.

The core promotes all arrays alike; the ambient tape lets its operands pass through here first.
"""

from __future__ import annotations

from ..core import dtypes
from ..core.ops.shaping import cast
from ..core.tracer import Value


def weaken(args: tuple[Value, ...]) -> tuple[Value, ...]:
    """Cast 0-d operands to the dtype of the dimensioned ones when those are of the same or a higher category."""
    strong, weak = [], []
    for a in args:
        if type(a) not in dtypes.SCALARS:
            (strong if a.shape else weak).append(a.dtype)
    if not strong or all([w in strong for w in weak]):
        return args
    target = dtypes.promote(*strong)
    limit = dtypes.rank(target)

    def weakened(a: Value) -> Value:
        if type(a) in dtypes.SCALARS or a.shape:
            return a
        own = dtypes.rank(a.dtype)
        if 0 < own <= limit:
            return cast(a, target)
        return cast(a, dtypes.complex_of(target)) if (own, limit) == (3, 2) else a

    return tuple(map(weakened, args))
