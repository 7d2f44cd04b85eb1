"""`out=`: results written to tensors that the caller gives, as in PyTorch."""

from __future__ import annotations

from typing import Any

from ..core import dtypes
from ..core.errors import ArgumentError, DTypeError, GradError, ShapeError
from ..core.ops.shaping import cast
from .handle import Tensor, as_tensor
from .modes import is_grad_enabled
from .types import can_cast


def given_to(out: Any, result: Any, name: str) -> Any:
    """Write a result, or each of several, to the tensors given as `out`, and return those.

    They are cast to the tensor's dtype. The tensor must have the result's shape, or no elements: then it takes that shape.
    """
    if not isinstance(out, (tuple, list)):
        return _filled(out, result, name)
    if not isinstance(result, tuple) or len(result) != len(out):
        count = len(result) if isinstance(result, tuple) else 1
        raise ArgumentError(f"{name}: out= holds {len(out)} tensors for {count} results; give one for each")
    filled = [_filled(one, part, name) for one, part in zip(out, result, strict=True)]
    return type(result)(*filled) if hasattr(result, "_fields") else tuple(filled)


def _filled(out: Any, result: Any, name: str) -> Tensor:
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}: out must be a Tensor, got {type(out).__name__}; make one with empty(...)")
    fresh = as_tensor(result)
    if fresh.requires_grad or (out.requires_grad and is_grad_enabled()):
        raise GradError(
            f"{name}: functions with out=... arguments don't support automatic differentiation, but one of the arguments "
            "requires grad; assign the result instead, or call it under no_grad()"
        )
    if not can_cast(fresh.dtype, out.dtype):
        raise DTypeError(
            f"{name}: result type {dtypes.name(fresh.dtype)} can't be cast to the desired output type "
            f"{dtypes.name(out.dtype)} of out= {out.aval}; make that of another dtype"
        )
    value = cast(fresh.current(), out.dtype)
    if fresh.shape == out.shape:
        out._rebind(value, None)
    elif not out.value.size:
        out.data = value
    else:
        raise ShapeError(f"{name}: out= {out.aval} has another shape than the result {fresh.aval}; give it that one")
    return out
