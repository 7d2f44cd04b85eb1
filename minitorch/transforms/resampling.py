"""Pixels at other places: resizing by one matrix for each axis, affine maps by looking up where a pixel comes from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from .images import Pixels, floats, rounded, size_of


class InterpolationMode(StrEnum):
    """How pixels between pixels are made.

    >>> from minitorch.transforms import Resize
    >>> Resize((1, 4), InterpolationMode.NEAREST)(mt.tensor([[[0.0, 1.0]]]))
    tensor([[[0., 0., 1., 1.]]])
    >>> InterpolationMode("bicubic") is InterpolationMode.BICUBIC
    True
    """

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"


def mode_of(name: str, interpolation: Any, known: Sequence[InterpolationMode] = tuple(InterpolationMode)) -> str:
    """Return the name of an interpolation."""
    names = [mode.value for mode in known]
    if interpolation not in names:
        raise ArgumentError(f"{name}: interpolation is one of {names}, got {interpolation!r}")
    return str(interpolation)


def _triangle(t: Pixels, sharpness: float) -> Pixels:
    return np.maximum(1 - np.abs(t), 0)


def _cubic(t: Pixels, a: float) -> Pixels:
    """Keys' kernel: "Cubic convolution interpolation for digital image processing", 1981."""
    t = np.abs(t)
    near, far = ((a + 2) * t - (a + 3)) * t * t + 1, ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
    return np.where(t <= 1, near, np.where(t < 2, far, 0))


_KERNELS = {"bilinear": (_triangle, 1), "bicubic": (_cubic, 2)}  # and how far each reaches


@lru_cache(maxsize=64)
def _weights(source: int, target: int, mode: str, antialias: bool) -> Pixels:
    """Return the matrix [target, source] that resizes an axis.

    With `antialias` a kernel is as wide as the pixels that it makes, and what lies beyond the edge is left out; without,
    the pixel at the edge stands for it. Cubic kernels have a = -0.5 and -0.75, as in PyTorch.
    """
    scale = source / target
    kernel, reach = _KERNELS[mode]
    wide = max(scale, 1.0) if antialias else 1.0
    centers = (np.arange(target) + 0.5) * scale - 0.5
    if mode == "bilinear" and not antialias:
        centers = np.maximum(centers, 0)
    found = np.zeros((target, source))
    span = math.ceil(reach * wide) + 1
    for offset in range(-span, span + 1):
        places = np.floor(centers).astype(np.int64) + offset
        weight = kernel((places - centers) / wide, -0.5 if antialias else -0.75)
        if antialias:
            weight = np.where((places >= 0) & (places < source), weight, 0)
        np.add.at(found, (np.arange(target), np.clip(places, 0, source - 1)), weight)
    return (found / found.sum(1, keepdims=True)).astype(np.float32)


def resized(x: Pixels, height: int, width: int, mode: str, antialias: bool) -> Pixels:
    """Return images in another size."""
    rows, columns = size_of(x)
    if mode.startswith("nearest"):
        shift = 0.5 if mode == "nearest-exact" else 0.0
        i, j = (
            np.minimum(((np.arange(n) + shift) * (m / n)).astype(np.int64), m - 1)
            for n, m in ((height, rows), (width, columns))
        )
        return x[..., i[:, None], j]
    found = floats(x)
    if width != columns:
        found = found @ _weights(columns, width, mode, antialias).T
    if height != rows:
        found = _weights(rows, height, mode, antialias) @ found
    return rounded(found, x.dtype)


def inverse_matrix(
    center: Sequence[float], angle: float, translate: Sequence[float], scale: float, shear: Sequence[float]
) -> Pixels:
    """Return the 2 x 3 matrix from the places of the result to those of the image, both counted from the middle.

    The map is: move the center to the origin, shear, turn clockwise, scale, move back and by `translate`.
    """
    turn, (along_x, along_y) = math.radians(angle), map(math.radians, shear)
    a = math.cos(turn - along_y) / math.cos(along_y)
    b = -math.cos(turn - along_y) * math.tan(along_x) / math.cos(along_y) - math.sin(turn)
    c = math.sin(turn - along_y) / math.cos(along_y)
    d = -math.sin(turn - along_y) * math.tan(along_x) / math.cos(along_y) + math.cos(turn)
    back = np.array([[d, -b], [-c, a]]) / scale
    offset = np.array(center) - back @ (np.array(center) + np.array(translate))
    return np.concatenate([back, offset[:, None]], 1)


def warped(x: Pixels, matrix: Pixels, size: tuple[int, int], mode: str, fill: Any) -> Pixels:
    """Return images [..., C, H, W] whose pixels come from where `matrix` says; what comes from outside is `fill`."""
    (rows, columns), (height, width) = size_of(x), size
    across, down = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
    u = matrix[0, 0] * across + matrix[0, 1] * down + matrix[0, 2] + columns / 2 - 0.5
    v = matrix[1, 0] * across + matrix[1, 1] * down + matrix[1, 2] + rows / 2 - 0.5
    filled = np.broadcast_to(np.reshape(np.asarray(fill, np.float32), (-1, 1, 1)), (x.shape[-3], 1, 1))
    if mode == "nearest":
        i, j = np.rint(v).astype(np.int64), np.rint(u).astype(np.int64)
        inside = (i >= 0) & (i < rows) & (j >= 0) & (j < columns)
        return np.where(inside, x[..., np.clip(i, 0, rows - 1), np.clip(j, 0, columns - 1)], filled.astype(x.dtype))
    left, top = np.floor(u), np.floor(v)
    found, covered = np.zeros((), np.float32), np.zeros((height, width), np.float32)
    data = floats(x)
    for i, j in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
        inside = (i >= 0) & (i < rows) & (j >= 0) & (j < columns)
        share = np.where(inside, (1 - np.abs(v - i)) * (1 - np.abs(u - j)), 0).astype(np.float32)
        place = np.clip(i, 0, rows - 1).astype(np.int64), np.clip(j, 0, columns - 1).astype(np.int64)
        found = found + share * data[..., place[0], place[1]]
        covered += share
    return rounded(found + (1 - covered) * filled, x.dtype)
