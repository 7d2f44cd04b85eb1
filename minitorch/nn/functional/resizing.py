"""Images of other sizes: nearest, linear, cubic and area interpolation, under PyTorch's names.

Every mode works axis by axis: an element of the result is a weighted sum of a few taps of the input's axis. A mode is
which taps and which weights (Keys, 1981, for the cubic ones).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...core import dtypes
from ...core.array import wrap
from ...core.errors import ArgumentError, DTypeError, ShapeError, UnsupportedError
from ...core.ops.gathering import take
from ...core.ops.pointwise import add, mul, where
from ...core.ops.pooling import adaptive_avg_pool
from ...core.ops.shaping import cast
from ...core.tracer import aval_of

_ALIGNABLE = ("linear", "bilinear", "bicubic", "trilinear", "lanczos")
_RANKS = {"linear": (1,), "bilinear": (2,), "bicubic": (2,), "lanczos": (2,), "trilinear": (3,)}
_MODES = ("nearest", "nearest-exact", "area", *_ALIGNABLE)


class Axis(NamedTuple):
    """How one axis is resized: its sizes, the step in the input for one step in the result, and in which dtype."""

    size: int
    count: int
    step: Any
    aligned: bool

    @property
    def centers(self) -> Any:
        """The position in the input of each element of the result, in units of its elements."""
        i = np.arange(self.count).astype(self.step.dtype)
        half = self.step.dtype.type(0.5)
        return i * self.step if self.aligned else (i + half) * self.step - half


Taps = tuple[Any, Any]  # positions [taps, count], -1 for none, and weights of the same shape


# --------------------------------------------------------------------------- taps and weights


def _clamped(axis: Axis, positions: Any) -> Any:
    return np.clip(positions, 0, axis.size - 1)


def _nearest(axis: Axis, planar: bool) -> Any:
    if planar and axis.count == 2 * axis.size:  # PyTorch doubles images by halving positions, whatever the factor
        return np.arange(axis.count) // 2
    return np.arange(axis.count).astype(np.float32) * axis.step


def _nearest_exact(axis: Axis) -> Any:
    return ((np.arange(axis.count) + 0.5) * np.float64(axis.step)).astype(np.float32)


def _linear_taps(axis: Axis) -> Taps:
    centers = np.maximum(axis.centers, 0)
    first = np.minimum(np.floor(centers).astype(np.int64), axis.size - 1)
    share = np.clip(centers - first, 0, 1)
    return np.stack([first, _clamped(axis, first + 1)]), np.stack([1 - share, share])


def _cubic(x: Any, a: float) -> Any:
    x = np.abs(x)
    near, far = ((a + 2) * x - (a + 3)) * x * x + 1, ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def _cubic_taps(axis: Axis) -> Taps:
    centers = axis.centers
    first = np.minimum(np.floor(centers).astype(np.int64), axis.size - 1)
    share = np.clip(centers - first, 0, 1)
    around = np.arange(-1, 3)[:, None]
    return _clamped(axis, first + around), _cubic(share - around, -0.75)


def _lanczos(x: Any) -> Any:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)


# The filters that widen when an image shrinks: how far they reach, and their form. As in Pillow, the cubic one has -0.5.
_FILTERS: dict[str, tuple[float, Callable[[Any], Any]]] = {
    "bilinear": (1.0, lambda x: np.maximum(1 - np.abs(x), 0)),
    "bicubic": (2.0, lambda x: _cubic(x, -0.5)),
    "lanczos": (3.0, _lanczos),
}


def _smooth_taps(axis: Axis, mode: str) -> Taps:
    reach, form = _FILTERS[mode]
    step = float(axis.step)
    widening = max(step, 1.0)
    support = reach * widening
    centers = step * (np.arange(axis.count) + 0.5)  # with aligned corners too, as in PyTorch
    first = np.maximum(np.trunc(centers - support + 0.5), 0).astype(np.int64)
    stop = np.minimum(np.trunc(centers + support + 0.5), axis.size).astype(np.int64)
    positions = first + np.arange(int((stop - first).max()))[:, None]
    weights = np.where(positions < stop, form((positions - centers + 0.5) / widening), 0)
    return np.where(positions < stop, positions, -1), weights / weights.sum(0)


def _taps(axis: Axis, mode: str, antialias: bool) -> Taps:
    if antialias:
        return _smooth_taps(axis, mode)
    if axis.size == axis.count and mode != "bicubic":
        return np.arange(axis.size)[None], np.ones((1, axis.size))
    return _cubic_taps(axis) if mode == "bicubic" else _linear_taps(axis)


# --------------------------------------------------------------------------- resizing one axis


def _weighted(x: Any, at: int, taps: Taps) -> Any:
    """Add up the taps of an axis, each times its weight."""
    out: Any = None
    shape = (-1,) + (1,) * (-1 - at)
    for positions, weights in zip(*taps):
        used = positions >= 0
        part = mul(take(x, wrap(np.maximum(positions, 0)), at), wrap(weights.astype(x.dtype).reshape(shape)))
        if not used.all():
            part = where(wrap(used.reshape(shape)), part, 0.0)
        out = part if out is None else add(out, part)
    return out


def _resize_nearest(x: Any, at: int, axis: Axis, exact: bool) -> Any:
    if axis.size == axis.count:
        return x
    found = _nearest_exact(axis) if exact else _nearest(axis, planar=x.ndim == 4)
    return take(x, wrap(_clamped(axis, np.floor(found).astype(np.int64))), at)


def _axes(x: Any, counts: list[int], factors: Any, aligned: bool, dtype: Any) -> list[Axis]:
    found = []
    for size, count, factor in zip(x.shape[2:], counts, factors or [None] * len(counts)):
        if aligned:
            step = dtype(size - 1) / dtype(count - 1) if count > 1 else dtype(0)
        else:
            step = dtype(1.0 / factor) if factor else dtype(size) / dtype(count)
        found.append(Axis(size, count, step, aligned))
    return found


# --------------------------------------------------------------------------- arguments


def _counts(x: Any, size: Any, factor: Any) -> tuple[list[int], Any]:
    """Return the sizes of the result and the factors that were given, if they were."""
    n = x.ndim - 2
    if (size is None) == (factor is None):
        problem = (
            "either size or scale_factor should be defined" if size is None else "only one of size or scale_factor"
        )
        raise ArgumentError(f"interpolate: {problem}; got size={size} and scale_factor={factor}")
    given = factor if size is None else size
    each = list(given) if isinstance(given, (list, tuple)) else [given] * n
    if len(each) != n:
        raise ArgumentError(
            f"interpolate: Input and output must have the same number of spatial dimensions, but {aval_of(x)} has {n} and "
            f"{'scale_factor' if size is None else 'size'}={given} has {len(each)}"
        )
    if size is None:
        return [math.floor(m * f) for m, f in zip(x.shape[2:], each)], each
    if any(isinstance(m, (float, bool)) or not hasattr(m, "__index__") for m in each):
        raise TypeError(f"interpolate: expected size to be one of int or tuple of int, got {size!r}; use scale_factor")
    return [int(m) for m in each], None


def _check(x: Any, mode: str, align_corners: Any, antialias: bool) -> None:
    if mode not in _MODES or x.ndim not in (3, 4, 5):
        raise UnsupportedError(
            f"interpolate: Only 3D, 4D and 5D input Tensors supported (got {aval_of(x)}) for the modes {_MODES} "
            f"(got {mode!r})"
        )
    if mode not in _ALIGNABLE and align_corners is not None:
        raise ArgumentError(
            f"interpolate: align_corners option can only be set with the interpolating modes {_ALIGNABLE}, got {mode!r}"
        )
    if antialias and (mode not in _FILTERS or x.ndim != 4):
        raise ArgumentError(
            f"interpolate: antialias is restricted to the modes {tuple(_FILTERS)} and a 4-D input, got {mode!r} and "
            f"{aval_of(x)}"
        )
    if mode in _RANKS and x.ndim - 2 not in _RANKS[mode]:
        raise UnsupportedError(
            f"interpolate: Got {x.ndim}D input {aval_of(x)}, but {mode} needs {_RANKS[mode][0] + 2}D"
        )
    if mode == "lanczos" and (align_corners or not antialias):
        raise ArgumentError("interpolate: lanczos mode requires antialias=True and align_corners=False")
    if mode not in ("nearest", "nearest-exact") and x.dtype not in dtypes.REALS:
        raise DTypeError(f"interpolate: mode {mode!r} needs floats, got {aval_of(x)}; cast the input with .float()")


def interpolate(
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    """Resize the dimensions behind `[N, C]` to a size, or by a factor.

    Modes: `nearest` (with PyTorch's old rounding), `nearest-exact`, `area`, `linear`, `bilinear`, `trilinear`,
    `bicubic`; with `antialias`, filters widen as images shrink, as Pillow's, and there is `lanczos`. `align_corners`
    makes the centers of the outermost elements coincide instead of their outer edges.

    >>> from minitorch import tensor
    >>> interpolate(tensor([[[0.0, 2.0]]]), scale_factor=2, mode="linear")
    tensor([[[0.0000, 0.5000, 1.5000, 2.0000]]])
    """
    _check(input, mode, align_corners, antialias)
    counts, factors = _counts(input, size, scale_factor)
    if recompute_scale_factor:
        if size is not None:
            raise ArgumentError("interpolate: recompute_scale_factor is not meaningful with an explicit size; drop it")
        factors = None
    if min(counts) < 1 or 0 in input.shape[2:]:
        raise ShapeError(
            f"interpolate: Input and output sizes should be greater than 0, got {aval_of(input)} and {counts}"
        )
    if mode == "area":
        return adaptive_avg_pool(input, tuple(counts))
    nearest = mode.startswith("nearest")
    wide = input.dtype if not nearest and input.dtype == dtypes.float64 else dtypes.float32
    x = input if nearest else cast(input, wide)
    for at, axis in enumerate(_axes(input, counts, factors, bool(align_corners), wide.type), 2 - input.ndim):
        if nearest:
            x = _resize_nearest(x, at, axis, mode == "nearest-exact")
        else:
            x = _weighted(x, at, _taps(axis, mode, antialias))
    return cast(x, input.dtype)


# --------------------------------------------------------------------------- the older names


def upsample(
    input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Any:
    """As `interpolate`, which takes its place.

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     upsample(mt.tensor([[[1.0, 2.0]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    _warn("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """As `interpolate` with the nearest element.

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     upsample_nearest(mt.tensor([[[[1.0, 2.0]]]]), size=(1, 4))
    tensor([[[[1., 1., 2., 2.]]]])
    """
    _warn("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """As bilinear `interpolate` with aligned corners.

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     upsample_bilinear(mt.tensor([[[[1.0, 3.0]]]]), size=(1, 3))
    tensor([[[[1., 2., 3.]]]])
    """
    _warn("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def _warn(name: str) -> None:
    text = f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead."
    warnings.warn(text, UserWarning, stacklevel=3)
