"""What the functions of the namespace share: reading array-likes, and arguments that NumPy has and values cannot."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import dtypes
from ..core.array import Array
from ..core.errors import ShapeError, UnsupportedError
from ..core.ops.joining import stack
from ..core.ops.shaping import cast
from ..core.tracer import Tracer, Value


def array_of(x: Any, dtype: Any = None) -> Value:
    """Return an array-like as an Array or a tracer; lists may hold arrays and tracers, too."""
    if isinstance(x, (list, tuple)) and _holds_arrays(x):
        x = stack([array_of(part) for part in x])
    if not isinstance(x, (Array, Tracer)):
        return Array(x, dtype)
    return x if dtype is None else cast(x, dtype)


def _holds_arrays(x: Any) -> bool:
    if isinstance(x, (list, tuple)):
        return any(map(_holds_arrays, x))
    return isinstance(x, (Array, Tracer))


def operand(x: Any) -> Value:
    """Return an operand of a pointwise operation: as `array_of`, with Python numbers left weak."""
    return x if type(x) in dtypes.SCALARS else array_of(x)


def inexact(x: Any) -> Value:
    """Return an array of floats: integers and bools become the default float."""
    x = array_of(x)
    return x if x.dtype in dtypes.INEXACT else cast(x, dtypes.floating(x.dtype))


def together(*xs: Any, floats: bool = False) -> tuple[Value, ...]:
    """Return array-likes in their common dtype, Python numbers giving way; `floats` makes floats of integers."""
    values = [operand(x) for x in xs]
    kinds = [type(x) if type(x) in dtypes.SCALARS else x.dtype for x in values]
    dtype = dtypes.floating(*kinds) if floats else dtypes.promote(*kinds)
    return tuple(cast(x, dtype) for x in values)


def no_out(name: str, out: Any) -> None:
    """Refuse `out=`: arrays are immutable."""
    if out is not None:
        raise UnsupportedError(f"{name}: out= is not supported, for arrays are immutable; use what is returned")


def sizes(shape: Any) -> tuple[int, ...]:
    """Return a shape given as one integer or several."""
    given = shape if isinstance(shape, (tuple, list)) else (shape,)
    found = tuple(int(n.__index__()) for n in given)
    if any(n < 0 for n in found):
        raise ShapeError(f"shape: sizes must not be negative, got {found}; use 0 for an empty axis")
    return found


def host(x: Any, name: str) -> np.ndarray:
    """Return the data of an argument that must be known, such as the order of axes or the edges of bins."""
    return array_of(x).concrete(name).numpy() if isinstance(x, Tracer) else np.asarray(x)
