"""What the distributions ask of their parameters, shapes and dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import dtypes
from ..core.errors import DTypeError, ShapeError
from ..core.ops.families import as_array, as_value, broadcast_shapes
from ..core.ops.sampling import checked_shape, float_dtype
from ..core.ops.shaping import broadcast_to, cast
from ..core.tracer import Value, aval_of


def floats(name: str, shape: Any, dtype: Any, *parameters: Any) -> tuple[tuple[int, ...], Any, list[Value]]:
    """Return the shape, the dtype to compute in, and the parameters in that shape and dtype.

    The shape is by default that of the parameters together, which must broadcast to one that is given. The dtype is by
    default that of the parameters which are arrays of floats, and otherwise the default one.
    """
    values = [as_value(x) for x in parameters]
    for x in values:
        if dtypes.rank(aval_of(x).dtype) > 2:
            raise DTypeError(f"{name}: its parameters must be real, got {aval_of(x)}; take .real")
    strong = [x.dtype for x in values if hasattr(x, "dtype") and x.dtype in dtypes.REALS]
    wanted = float_dtype(name, dtypes.floating(*strong) if dtype is None and strong else dtype)
    wide = widened(wanted)
    sizes = sized(name, shape, *values)
    return sizes, wanted, [broadcast_to(cast(as_array(x), wide), sizes) for x in values]


def widened(dtype: Any) -> Any:
    """Return the dtype that numbers of a dtype are computed in."""
    return dtypes.float32 if dtype in dtypes.HALVES else dtype


def sized(name: str, shape: Any, *values: Value) -> tuple[int, ...]:
    """Return the shape of the result: the one given, to which the parameters must broadcast, or theirs together."""
    avals = [aval_of(x) for x in values]
    common = broadcast_shapes(name, *avals) if avals else ()
    if shape is None:
        return common
    sizes = checked_shape(name, shape)
    try:
        fits = np.broadcast_shapes(common, sizes) == sizes
    except ValueError:
        fits = False
    if not fits:
        shapes = ", ".join(str(a.shape) for a in avals)
        raise ShapeError(
            f"{name}: parameters of shapes {shapes} do not broadcast to shape {sizes}; leave shape out, or "
            "end it with theirs"
        )
    return sizes


def integer_dtype(name: str, dtype: Any) -> Any:
    """Return an integer dtype, int64 by default."""
    wanted = dtypes.int64 if dtype is None else dtypes.canonical(dtype)
    if wanted not in dtypes.INTEGERS:
        raise DTypeError(f"{name}: draws integers, not {dtypes.name(wanted)}; cast the result")
    return wanted
