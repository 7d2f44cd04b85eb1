"""Images as NumPy arrays [..., C, H, W] and back: what every transform does first and last."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.array import Array, wrap
from ..core.errors import ArgumentError, DTypeError, GradError, ShapeError, TracerError
from ..core.tracer import Tracer
from ..tensor.handle import Tensor, tensor_of

Pixels = np.ndarray[Any, Any]


def pixels(name: str, x: Any, axes: int = 3) -> Pixels:
    """Return the data of an image, or of a batch of them; raises for what is none."""
    if isinstance(x, Tensor):
        if x.requires_grad:
            raise GradError(f"{name}: transforms prepare data and record nothing; pass x.detach()")
        x = x.current()
    if isinstance(x, Tracer):
        raise TracerError(f"{name}: transforms prepare data, outside of jit, vmap and grad; got a traced value")
    if not isinstance(x, (Array, np.ndarray)):
        raise DTypeError(f"{name}: takes a tensor or array [..., C, H, W], got {type(x).__name__}; try np.asarray(x)")
    found = x.numpy() if isinstance(x, Array) else x
    if found.ndim < axes:
        raise ShapeError(f"{name}: takes an image [..., C, H, W], got shape {found.shape}; add an axis with x[None]")
    return found


def like(x: Any, found: Pixels) -> Any:
    """Return pixels as what `x` is: a Tensor, an Array or a NumPy array."""
    found = np.ascontiguousarray(found)
    if isinstance(x, np.ndarray):
        return found.copy() if np.may_share_memory(found, x) else found
    array = wrap(found)
    return tensor_of(array) if isinstance(x, Tensor) else array


def on_pixels(function: Callable[..., Pixels]) -> Callable[..., Any]:
    """Let a function of NumPy arrays take tensors and arrays, and return what it was given."""

    @wraps(function)
    def applied(img: Any, *args: Any, **kwargs: Any) -> Any:
        return like(img, function(pixels(function.__name__, img), *args, **kwargs))

    return applied


def is_float(x: Pixels) -> bool:
    """Return whether pixels are from 0 to 1, rather than whole numbers."""
    return x.dtype in dtypes.REALS


def bound(x: Pixels) -> float:
    """Return what white is."""
    return 1.0 if is_float(x) else float(np.iinfo(x.dtype).max)


def size_of(x: Any) -> tuple[int, int]:
    """Return the height and the width of an image."""
    height, width = x.shape[-2:]
    return height, width


def pair(name: str, argument: str, value: Any) -> tuple[int, int]:
    """Return a height and a width from a number, or from a sequence of one or two."""
    found = (value, value) if isinstance(value, int) else tuple(value) * (2 if len(value) == 1 else 1)
    if len(found) != 2 or any(not isinstance(n, (int, np.integer)) or n < 1 for n in found):
        raise ArgumentError(f"{name}: {argument} is a positive number, or a height and a width; got {value!r}")
    return int(found[0]), int(found[1])


def floats(x: Pixels) -> Pixels:
    """Return pixels to calculate with."""
    return x if x.dtype in (np.float32, np.float64) else x.astype(np.float32)


def rounded(found: Pixels, dtype: Any) -> Pixels:
    """Return calculated pixels in the dtype of the image; whole numbers are rounded and kept in their range."""
    if dtype in dtypes.REALS:
        return found.astype(dtype, copy=False)
    info = np.iinfo(dtype)
    return np.clip(np.rint(found), info.min, info.max).astype(dtype)
