"""Images looked up at computed places: affine grids, and sampling along grids (Jaderberg et al., 2015)."""

from __future__ import annotations

import functools
import itertools
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core import dtypes
from ...core.array import wrap
from ...core.errors import ArgumentError, DTypeError, ShapeError, UnsupportedError
from ...core.ops import pointwise as core
from ...core.ops.contractions import matmul
from ...core.ops.families import as_array
from ...core.ops.gathering import iota, take
from ...core.ops.shaping import cast, expand_dims, moveaxis, reshape, swapaxes
from ...core.tracer import Value, aval_of
from .arguments import check_tensors

_MODES = ("bilinear", "nearest", "bicubic")
_PADDINGS = ("zeros", "border", "reflection")
Pad = Callable[[Value, int, bool], Value]


def _aligned(name: str, align_corners: bool | None) -> bool:
    if align_corners is None:
        warnings.warn(
            f"{name}: align_corners is False by default; pass it to say which of the two is meant",
            UserWarning,
            stacklevel=3,
        )
    return bool(align_corners)


# --------------------------------------------------------------------------- grids


def affine_grid(theta: Any, size: Sequence[int], align_corners: bool | None = None) -> Any:
    """Return where `grid_sample` has to look for an affine map `theta[N, 2, 3]` (`[N, 3, 4]`) of an image of a size.

    Coordinates are (x, y) or (x, y, z), from -1 to 1: the centers of the outermost pixels with `align_corners`, else
    their outer edges.

    >>> from minitorch import tensor
    >>> affine_grid(tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]), (1, 1, 1, 2), align_corners=False)
    tensor([[[[-0.5000,  0.0000],
              [ 0.5000,  0.0000]]]])
    """
    aligned = _aligned("affine_grid", align_corners)
    if theta.dtype not in dtypes.REALS:
        raise DTypeError(f"affine_grid: Expected theta to have floating point type, but got {aval_of(theta)}")
    if len(size) not in (4, 5):
        raise UnsupportedError(f"affine_grid: only supports 4D and 5D sizes, got {tuple(size)}")
    n = len(size) - 2
    if theta.ndim != 3 or tuple(theta.shape[1:]) != (n, n + 1) or theta.shape[0] != size[0]:
        raise ShapeError(
            f"affine_grid: Expected a batch of affine matrices of shape {(size[0], n, n + 1)} for size {tuple(size)}, got "
            f"{aval_of(theta)}"
        )
    if min(size) <= 0:
        raise ArgumentError(f"affine_grid: Expected non-zero, positive output size. Got {tuple(size)}")
    lines = [_line(m, aligned) for m in size[2:]]
    places = np.meshgrid(*lines, indexing="ij")[::-1]
    base = np.stack([*places, np.ones_like(places[0])], -1).reshape(-1, n + 1).astype(theta.dtype)
    return reshape(matmul(wrap(base), swapaxes(theta, -1, -2)), (size[0], *size[2:], n))


def _line(count: int, aligned: bool) -> Any:
    line = np.linspace(-1.0, 1.0, count) if count > 1 else np.zeros(1)
    return line if aligned else line * (count - 1) / count


# --------------------------------------------------------------------------- coordinates


def _unnormalized(x: Value, size: int, aligned: bool) -> Value:
    """Return a coordinate from -1 to 1 in pixels, 0 being the center of the first."""
    if aligned:
        return core.mul(core.add(x, 1.0), (size - 1) / 2)
    return core.div(core.sub(core.mul(core.add(x, 1.0), float(size)), 1.0), 2.0)


def _inside(x: Value, size: int) -> Value:
    """Limit a coordinate to the pixels; outside, and for NaN, which becomes 0, the slope is 0."""
    positive = core.where(core.greater(x, 0.0), x, core.detach(core.mul(core.sign(core.abs(x)), 0.0)))
    finite = core.where(core.isnan(positive), 0.0, positive)
    return core.where(core.less(finite, size - 1.0), finite, float(size - 1))


def _reflected(x: Value, size: int, aligned: bool) -> Value:
    """Mirror a coordinate at the centers (aligned) or edges of the outermost pixels until it lies between them."""
    low, span = (0.0, float(size - 1)) if aligned else (-0.5, float(size))
    if span == 0:
        return core.mul(x, 0.0)
    away = core.abs(core.sub(x, low))
    turns = core.floor(core.div(core.detach(away), span))
    rest = core.sub(away, core.mul(turns, span))
    odd = core.not_equal(core.remainder(turns, 2.0), 0.0)
    return core.add(core.where(odd, core.sub(span, rest), rest), low)


_PAD: dict[str, Pad] = {
    "zeros": lambda x, size, aligned: x,
    "border": lambda x, size, aligned: _inside(x, size),
    "reflection": lambda x, size, aligned: _inside(_reflected(x, size, aligned), size),
}


# --------------------------------------------------------------------------- sampling


def _pixels(rows: Value, sizes: Sequence[int], places: Sequence[Value]) -> Value:
    """Return `[N, points, C]` of images at whole places `[N, points]`, 0 outside; `rows[N * pixels, C]` are their pixels."""
    legal: Any = True
    flat: Any = iota(places[0].shape[0], 2, 0)
    for size, place in zip(sizes, places):
        inside = core.logical_and(core.greater_equal(place, 0.0), core.less_equal(place, size - 1.0))
        legal = core.logical_and(legal, inside)
        flat = core.add(core.mul(flat, size), cast(core.where(inside, place, 0.0), dtypes.int64))
    return core.where(expand_dims(legal, -1), take(rows, core.detach(flat), 0), 0.0)


def _blend(image: Value, taps: Sequence[Sequence[tuple[Value, Value]]]) -> Value:
    """Add up the pixels at all combinations of the taps (place, weight) of each axis: `[N, points, C]`."""
    count, channels, *sizes = image.shape
    # Pixels with their channels side by side: one place, many numbers.
    rows = reshape(moveaxis(image, 1, -1), (count * math.prod(sizes), channels))
    out: Any = None
    for corner in itertools.product(*taps):
        weight = functools.reduce(core.mul, (w for _, w in corner))
        part = core.mul(_pixels(rows, sizes, [place for place, _ in corner]), expand_dims(weight, -1))
        out = part if out is None else core.add(out, part)
    return out


def _nearest(image: Value, places: Sequence[Value]) -> Value:
    # Half-way places go to the even pixel; the weight is 1, with slope 0.
    return _blend(image, [[(core.round(core.detach(x)), core.where(False, x, 1.0))] for x in places])


def _bilinear(image: Value, places: Sequence[Value]) -> Value:
    taps = []
    for x in places:
        first = core.floor(core.detach(x))
        share = core.sub(x, first)
        taps.append([(first, core.sub(1.0, share)), (core.add(first, 1.0), share)])
    return _blend(image, taps)


def _cubic_weights(t: Value) -> list[Value]:
    """Return the weights of the four neighbors of a place, `t` behind the second (Keys, 1981, with -0.75)."""
    a = -0.75

    def near(x: Value) -> Value:
        return core.add(core.mul(core.mul(core.sub(core.mul(x, a + 2), a + 3), x), x), 1.0)

    def far(x: Value) -> Value:
        return core.sub(core.mul(core.add(core.mul(core.sub(core.mul(x, a), 5 * a), x), 8 * a), x), 4 * a)

    back = core.sub(1.0, t)
    return [far(core.add(t, 1.0)), near(t), near(back), far(core.add(back, 1.0))]


def _bicubic(image: Value, places: Sequence[Value], padded: Sequence[Callable[[Value], Value]]) -> Value:
    taps = []
    for x, pad in zip(places, padded):
        first = core.floor(core.detach(x))
        weights = _cubic_weights(core.sub(x, first))
        taps.append([(pad(core.add(first, float(k - 1))), weight) for k, weight in enumerate(weights)])
    return _blend(image, taps)


def grid_sample(
    input: Any, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None
) -> Any:
    """Look an image `[N, C, H, W]` (or `[N, C, D, H, W]`) up at the places of a grid `[N, ..., 2]` (3), as `affine_grid`'s.

    Modes: `bilinear`, `nearest`, and for images `bicubic`. Outside is 0 (`zeros`), the nearest pixel (`border`), or
    what is seen in mirrors around the image (`reflection`); with the last two, NaN counts as -1 where not bicubic.

    >>> from minitorch import tensor
    >>> grid_sample(tensor([[[[1.0, 3.0]]]]), tensor([[[[0.0, 0.0]]]]), align_corners=False)
    tensor([[[[2.]]]])
    """
    aligned = _aligned("grid_sample", align_corners)
    _check(input, grid, mode, padding_mode)
    sizes = input.shape[2:]
    pads = [functools.partial(lambda x, size: _PAD[padding_mode](x, size, aligned), size=size) for size in sizes]
    flat = reshape(grid, (grid.shape[0], math.prod(grid.shape[1:-1]), len(sizes)))
    found = [_unnormalized(flat[..., len(sizes) - 1 - i], size, aligned) for i, size in enumerate(sizes)]
    if mode == "bicubic":
        out = _bicubic(input, found, pads)
    else:
        out = (_bilinear if mode == "bilinear" else _nearest)(input, [pad(x) for pad, x in zip(pads, found)])
    return reshape(moveaxis(out, -1, 1), (*input.shape[:2], *grid.shape[1:-1]))


def _check(input: Any, grid: Any, mode: str, padding_mode: str) -> None:
    for what, given, known in (("mode", mode, _MODES), ("padding_mode", padding_mode, _PADDINGS)):
        if given not in known:
            raise ArgumentError(f"grid_sample: expected {what} to be one of {known}, but got {given!r}")
    check_tensors("grid_sample", input=input, grid=grid)
    if input.dtype != as_array(grid).dtype or input.dtype not in dtypes.REALS:
        raise DTypeError(
            f"grid_sample: expected input and grid to have the same floating-point dtype, got {aval_of(input)} and "
            f"{aval_of(grid)}; cast one with .to(dtype)"
        )
    n = input.ndim - 2
    if n not in (2, 3) or grid.ndim != input.ndim or grid.shape[-1] != n or grid.shape[0] != input.shape[0]:
        raise ShapeError(
            f"grid_sample: expected input [N, C, H, W] and grid [N, H', W', 2], or both with one dimension more, got "
            f"{aval_of(input)} and {aval_of(grid)}"
        )
    if 0 in input.shape[2:]:
        raise ShapeError(f"grid_sample: expected input to have non-empty spatial dimensions, got {aval_of(input)}")
    if mode == "bicubic" and n != 2:
        raise ArgumentError(f"grid_sample: bicubic interpolation only supports 4D input, got {aval_of(input)}")


# --------------------------------------------------------------------------- with numbers for modes


def affine_grid_generator(theta: Any, size: Sequence[int], align_corners: bool) -> Any:
    """As `nn.functional.affine_grid`, with no defaults.

    >>> identity = mt.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> mt.affine_grid_generator(identity, (1, 1, 1, 2), True)
    tensor([[[[-1.,  0.],
              [ 1.,  0.]]]])
    """
    return affine_grid(theta, size, align_corners)


def grid_sampler(input: Any, grid: Any, interpolation_mode: int, padding_mode: int, align_corners: bool) -> Any:
    """As `nn.functional.grid_sample`, with numbers: 0 bilinear, 1 nearest, 2 bicubic; 0 zeros, 1 border, 2 reflection.

    >>> mt.grid_sampler(mt.tensor([[[[1.0, 3.0]]]]), mt.tensor([[[[0.5, 0.0]]]]), 0, 0, True)
    tensor([[[[2.5000]]]])
    >>> mt.grid_sampler(mt.tensor([[[[1.0, 3.0]]]]), mt.tensor([[[[0.5, 0.0]]]]), 1, 0, True)
    tensor([[[[3.]]]])
    """
    if interpolation_mode not in (0, 1, 2) or padding_mode not in (0, 1, 2):
        raise ArgumentError(f"grid_sampler: modes are 0, 1 or 2, got {interpolation_mode} and {padding_mode}")
    return grid_sample(input, grid, _MODES[interpolation_mode], _PADDINGS[padding_mode], align_corners)


grid_sampler_2d = grid_sampler_3d = grid_sampler
