"""SyntheticMNIST: handwritten digits that a program writes.

A digit is a few strokes, lines and arcs; each image bends, turns, shears and scales them at random, draws them with a pen of
random width, and adds a spot and noise. Everything follows from the seed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..core.ops import sampling
from .images import ImageDataset, Transform

Points = np.ndarray[Any, Any]
_SIDE = 28
_POINTS = 64  # of each digit, evenly along its strokes
_CHUNK = 500  # images drawn at once


def _arc(x: float, y: float, width: float, height: float, start: float, stop: float) -> Points:
    """Return points of an ellipse's arc; angles in degrees, 0 to the right and 90 downwards."""
    angles = np.radians(np.linspace(start, stop, 16))
    return np.stack([x + width * np.cos(angles), y + height * np.sin(angles)], 1)


def _line(*points: tuple[float, float]) -> Points:
    return np.array(points)


# Strokes of each digit, x to the right and y downwards, from -1 to 1; some digits are written in two ways.
_DIGITS: list[list[list[Points]]] = [
    [[_arc(0, 0, 0.55, 0.9, -90, 270)]],
    [[_line((-0.3, -0.5), (0.05, -0.9), (0.05, 0.9))], [_line((0.1, -0.9), (-0.05, 0.9))]],
    [
        [_arc(0, -0.42, 0.52, 0.48, -170, 35), _line((0.43, -0.15), (-0.55, 0.9), (0.6, 0.9))],
        [_arc(0, -0.42, 0.52, 0.48, -170, 50), _line((0.33, -0.05), (-0.5, 0.85), (-0.1, 0.7), (0.6, 0.9))],
    ],
    [
        [_arc(0, -0.45, 0.48, 0.45, -150, 90), _arc(0, 0.43, 0.55, 0.47, -90, 150)],
        [_line((-0.5, -0.9), (0.45, -0.9), (0, -0.15)), _arc(0, 0.36, 0.55, 0.52, -90, 150)],
    ],
    [
        [_line((0.2, -0.9), (-0.6, 0.3), (0.6, 0.3)), _line((0.25, -0.35), (0.25, 0.9))],
        [_line((-0.45, -0.9), (-0.5, 0.1), (0.5, 0.1)), _line((0.42, -0.9), (0.38, 0.9))],
    ],
    [[_line((0.5, -0.9), (-0.4, -0.9), (-0.45, -0.1)), _arc(-0.02, 0.36, 0.55, 0.54, -140, 140)]],
    [[_arc(0.5, 0.4, 1.0, 1.35, 180, 262), _arc(0, 0.4, 0.5, 0.5, 0, 360)]],
    [
        [_line((-0.55, -0.9), (0.55, -0.9), (-0.1, 0.9))],
        [_line((-0.55, -0.85), (0.55, -0.9), (0, 0.9)), _line((-0.25, 0.05), (0.45, 0))],
    ],
    [[_arc(0, -0.46, 0.42, 0.43, 0, 360), _arc(0, 0.44, 0.52, 0.47, 0, 360)]],
    [
        [_arc(0, -0.4, 0.48, 0.48, 0, 360), _line((0.48, -0.4), (0.38, 0.9))],
        [_arc(0, -0.4, 0.48, 0.48, 0, 360), _arc(-0.5, -0.4, 0.98, 1.3, 0, 78)],
    ],
]  # fmt: skip


def _dotted(strokes: list[Points]) -> tuple[Points, float]:
    """Return points evenly along strokes, [P, 2 coordinates], and how far apart they are."""
    lengths = [np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))]) for points in strokes]
    ends = np.cumsum([0, *(each[-1] for each in lengths)])
    places = (np.arange(_POINTS) + 0.5) * ends[-1] / _POINTS
    which = np.searchsorted(ends, places) - 1
    found = [
        [np.interp(place - ends[k], lengths[k], strokes[k][:, axis]) for axis in (0, 1)]
        for place, k in zip(places, which)
    ]
    return np.array(found), ends[-1] / _POINTS


_DOTTED = [[_dotted(strokes) for strokes in styles] for styles in _DIGITS]


class SyntheticMNIST(ImageDataset):
    """Drawn digits in MNIST's format, [1, 28, 28]; as many as `size`, by default 10,000, or 2,000 to test with.

    The classes come in random order, equally often as far as possible. The same seed gives the same images everywhere;
    those to test with are others. Drawing 10,000 takes less than a second.

    >>> data = SyntheticMNIST(size=20, seed=1)
    >>> image, label = data[0]
    >>> image.shape, image.dtype, sorted(data.targets.tolist()) == [i // 2 for i in range(20)]
    ((1, 28, 28), dtype('uint8'), True)
    """

    classes = tuple(map(str, range(10)))

    def __init__(
        self,
        train: bool = True,
        size: int | None = None,
        seed: int = 0,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ):
        size = (10_000 if train else 2_000) if size is None else size
        if size < 0:
            raise ArgumentError(f"SyntheticMNIST: size must not be negative, got {size}")
        key = sampling.fold_in(sampling.key(seed), 0 if train else 1)
        chunks = [_drawn(sampling.fold_in(key, i + 1), min(_CHUNK, size - i)) for i in range(0, size, _CHUNK)]
        data = np.concatenate([np.empty((0, _SIDE, _SIDE), np.uint8), *(images for images, _ in chunks)])
        targets = np.concatenate([np.empty(0, np.int64), *(labels for _, labels in chunks)])
        order = np.asarray(sampling.permutation(key, size))
        super().__init__(data[order][:, None], targets[order] % 10, transform, target_transform)


def _drawn(key: Any, count: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Draw images of classes in turn."""
    labels = np.arange(count)
    chance = np.asarray(sampling.uniform(sampling.fold_in(key, 0), (24, count)), np.float64)
    spread = 2 * chance - 1  # from -1 to 1
    styles = [_DOTTED[n % 10][int(u * len(_DOTTED[n % 10]))] for n, u in zip(labels, chance[0])]
    points = _placed(np.stack([dots for dots, _ in styles]), spread[1:11])
    ink = _ink(points, 0.05 + 0.045 * chance[11], 0.6 * np.array([apart for _, apart in styles]))
    spot = _ink(_spots(spread[14:18]), 0.04 + 0.05 * chance[18], 0.03 * (chance[19] < 0.4))
    noise = np.asarray(sampling.normal(sampling.fold_in(key, 1), ink.shape)) * (0.02 + 0.08 * chance[20])[:, None, None]
    pixels = np.clip(np.maximum(ink * (0.7 + 0.3 * chance[13])[:, None, None], 0.7 * spot) + noise, 0, 1)
    return np.rint(255 * pixels).astype(np.uint8), labels


def _placed(points: Points, spread: np.ndarray[Any, Any]) -> Points:
    """Bend, scale, shear, turn and move strokes, [N, P, 2], each image in its own way."""
    bend, wave, shift, turn, shear, wide, tall, x, y, squeeze = (s[:, None] for s in spread)
    across, down = points[..., 0], points[..., 1]
    across = across + 0.1 * bend * np.sin(3 * down + 3 * wave) + 0.08 * squeeze * across * down
    down = down + 0.07 * wave * np.sin(3 * across + 3 * shift)
    across, down = across * (0.85 + 0.25 * wide) + 0.22 * shear * down, down * (0.9 + 0.15 * tall)
    angle = 0.25 * turn
    turned = across * np.cos(angle) - down * np.sin(angle), across * np.sin(angle) + down * np.cos(angle)
    return np.stack([0.62 * turned[0] + 0.14 * x, 0.66 * turned[1] + 0.14 * y], -1)


def _spots(spread: np.ndarray[Any, Any]) -> Points:
    """Return a short row of points anywhere in each image."""
    start, along = 0.9 * spread[:2].T[:, None], 0.25 * spread[2:].T[:, None]
    return start + along * np.linspace(0, 1, 8)[:, None]


def _ink(points: Points, width: np.ndarray[Any, Any], apart: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return how dark each pixel is, [N, height, width]: every point leaves a Gaussian of ink, and paper saturates.

    Along a line of points that are `apart` the Gaussians add up to the same darkness, whatever their width.
    """
    ticks = (np.arange(_SIDE) + 0.5) / (_SIDE / 2) - 1
    across, down = (np.exp(-0.5 * ((ticks - points[..., axis, None]) / width[:, None, None]) ** 2) for axis in (0, 1))
    density = np.matmul(np.swapaxes(down, 1, 2), across) * (apart / (np.sqrt(2 * np.pi) * width))[:, None, None]
    return 1 - np.exp(-2.5 * density)
