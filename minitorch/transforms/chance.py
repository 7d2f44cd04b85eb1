"""Transforms with chance: each draws its settings, once for all images of a batch [..., C, H, W], and applies a function."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from ..core.ops import sampling
from ..tensor.random import next_key
from . import functional as F
from .composing import Shown, below, between, draw, happens, probability
from .images import on_pixels, pair, size_of
from .resampling import InterpolationMode

Range = tuple[float, float]


def _range(name: str, argument: str, value: Any, around: float = 0.0, low: float = -math.inf) -> Range:
    """Return two ends, from two numbers, or from how far they are from a middle."""
    if isinstance(value, (int, float)):
        if value < 0:
            raise ArgumentError(f"{name}: {argument} as a single number must not be negative, got {value}")
        found: tuple[float, ...] = (max(around - value, low), around + value)
    else:
        found = tuple(value)
    if len(found) != 2 or found[0] > found[1] or found[0] < low:
        raise ArgumentError(f"{name}: {argument} is a number, or the two ends of a range; got {value!r}")
    return found[0], found[1]


class _Perhaps(Shown):
    """A function that is applied with a probability."""

    def __init__(self, p: float = 0.5):
        self.p = probability(type(self).__name__, p)

    def __call__(self, img: Any) -> Any:
        return self._applied(img) if happens(self.p) else img

    def _applied(self, img: Any) -> Any:
        raise NotImplementedError


class RandomHorizontalFlip(_Perhaps):
    """Mirror left and right with a probability.

    >>> from minitorch.tensor.creation import arange
    >>> RandomHorizontalFlip(p=1.0)(arange(3).reshape(1, 1, 3))
    tensor([[[2, 1, 0]]])
    """

    def _applied(self, img: Any) -> Any:
        return F.hflip(img)


class RandomVerticalFlip(_Perhaps):
    """Mirror top and bottom with a probability.

    >>> RandomVerticalFlip(p=1.0)(mt.tensor([[[1, 2], [3, 4]]]))
    tensor([[[3, 4],
             [1, 2]]])
    """

    def _applied(self, img: Any) -> Any:
        return F.vflip(img)


class RandomGrayscale(_Perhaps):
    """Take the colors out with a probability; the number of channels stays.

    >>> RandomGrayscale(p=1.0)(mt.eye(3)[:, None])[:, 0]
    tensor([[0.2989, 0.5870, 0.1140],
            [0.2989, 0.5870, 0.1140],
            [0.2989, 0.5870, 0.1140]])
    """

    def __init__(self, p: float = 0.1):
        super().__init__(p)

    def _applied(self, img: Any) -> Any:
        return F.rgb_to_grayscale(img, img.shape[-3])


class RandomInvert(_Perhaps):
    """Return the negative with a probability.

    >>> RandomInvert(p=1.0)(mt.tensor([[[0.0, 0.25]]]))
    tensor([[[1.0000, 0.7500]]])
    """

    def _applied(self, img: Any) -> Any:
        return F.invert(img)


class RandomAutocontrast(_Perhaps):
    """Stretch the contrast with a probability.

    >>> RandomAutocontrast(p=1.0)(mt.tensor([[[0.25, 0.375, 0.5]]]))
    tensor([[[0.0000, 0.5000, 1.0000]]])
    """

    def _applied(self, img: Any) -> Any:
        return F.autocontrast(img)


class RandomPosterize(_Perhaps):
    """Keep the highest bits with a probability.

    >>> RandomPosterize(bits=1, p=1.0)(mt.tensor([[[100, 130, 255]]], dtype=mt.uint8))
    tensor([[[  0, 128, 128]]], dtype=uint8)
    """

    def __init__(self, bits: int, p: float = 0.5):
        super().__init__(p)
        self.bits = bits

    def _applied(self, img: Any) -> Any:
        return F.posterize(img, self.bits)


class RandomSolarize(_Perhaps):
    """Invert the bright pixels with a probability.

    >>> RandomSolarize(threshold=100, p=1.0)(mt.tensor([[[0, 100, 200]]], dtype=mt.uint8))
    tensor([[[  0, 155,  55]]], dtype=uint8)
    """

    def __init__(self, threshold: float, p: float = 0.5):
        super().__init__(p)
        self.threshold = threshold

    def _applied(self, img: Any) -> Any:
        return F.solarize(img, self.threshold)


class RandomAdjustSharpness(_Perhaps):
    """Sharpen or smooth with a probability.

    >>> image = mt.zeros(1, 3, 3)
    >>> image[0, 1, 1] = 0.5
    >>> RandomAdjustSharpness(sharpness_factor=1.5, p=1.0)(image)[0, 1]
    tensor([0.0000, 0.6538, 0.0000])
    """

    def __init__(self, sharpness_factor: float, p: float = 0.5):
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def _applied(self, img: Any) -> Any:
        return F.adjust_sharpness(img, self.sharpness_factor)


class RandomCrop(Shown):
    """A rectangle of a size, from anywhere in the image, to which borders may be added first.

    >>> from minitorch.tensor.creation import ones
    >>> RandomCrop(32, padding=4)(ones(3, 32, 32)).shape
    (3, 32, 32)
    """

    def __init__(
        self, size: Any, padding: Any = None, pad_if_needed: bool = False, fill: Any = 0, padding_mode: str = "constant"
    ):
        self.size = pair("RandomCrop", "size", size)
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    def __call__(self, img: Any) -> Any:
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        height, width = self.size
        if self.pad_if_needed:
            rows, columns = size_of(img)
            across, down = max(width - columns, 0), max(height - rows, 0)
            img = F.pad(img, (across, down), self.fill, self.padding_mode) if across or down else img
        rows, columns = size_of(img)
        if rows < height or columns < width:
            raise ShapeError(
                f"RandomCrop: size {self.size} is larger than the image {(rows, columns)}; use pad_if_needed=True"
            )
        return F.crop(img, below(rows - height + 1), below(columns - width + 1), height, width)


class RandomResizedCrop(Shown):
    """A part of the image, of random area and aspect ratio (width by height), resized. Szegedy et al., arXiv:1409.4842.

    >>> RandomResizedCrop(24)(mt.zeros(3, 40, 60)).shape
    (3, 24, 24)
    >>> RandomResizedCrop(2, scale=(1.0, 1.0), ratio=(1.0, 1.0))(mt.arange(4.0).reshape(1, 2, 2))
    tensor([[[0., 1.],
             [2., 3.]]])
    """

    def __init__(
        self,
        size: Any,
        scale: Range = (0.08, 1.0),
        ratio: Range = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: Any = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ):
        self.size = pair("RandomResizedCrop", "size", size)
        self.scale = _range("RandomResizedCrop", "scale", scale, low=0)
        self.ratio = _range("RandomResizedCrop", "ratio", ratio, low=1e-6)
        self.interpolation = interpolation
        self.antialias = antialias

    def __call__(self, img: Any) -> Any:
        return F.resized_crop(img, *self._place(*size_of(img)), self.size, self.interpolation, self.antialias)

    def _place(self, rows: int, columns: int) -> tuple[int, int, int, int]:
        low, high = map(math.log, self.ratio)
        for _ in range(10):
            area = rows * columns * between(*self.scale)
            aspect = math.exp(between(low, high))
            width, height = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if 0 < width <= columns and 0 < height <= rows:
                return below(rows - height + 1), below(columns - width + 1), height, width
        height, width = rows, columns  # the largest part of the middle with a ratio in the range
        if columns / rows < self.ratio[0]:
            height = max(round(columns / self.ratio[0]), 1)
        elif columns / rows > self.ratio[1]:
            width = max(round(rows * self.ratio[1]), 1)
        return (rows - height) // 2, (columns - width) // 2, height, width


class RandomRotation(Shown):
    """Turn by an angle from -degrees to degrees, or from a range.

    >>> RandomRotation(10)(mt.zeros(3, 40, 60)).shape
    (3, 40, 60)
    >>> RandomRotation((90, 90))(mt.tensor([[[1, 2], [3, 4]]]))
    tensor([[[2, 4],
             [1, 3]]])
    """

    def __init__(
        self,
        degrees: Any,
        interpolation: Any = InterpolationMode.NEAREST,
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: Any = 0,
    ):
        self.degrees = _range("RandomRotation", "degrees", degrees)
        self.interpolation = interpolation
        self.expand = expand
        self.center = center
        self.fill = fill

    def __call__(self, img: Any) -> Any:
        return F.rotate(img, between(*self.degrees), self.interpolation, self.expand, self.center, self.fill)


class RandomAffine(Shown):
    """Turn, move, scale and shear.

    `translate` holds the largest fractions of width and height; `scale` two ends; `shear` degrees along x, a range of
    them, or ranges along x and y (four numbers).

    >>> RandomAffine(10, translate=(0.1, 0.1), scale=(0.9, 1.1), shear=5)(mt.zeros(3, 40, 60)).shape
    (3, 40, 60)
    """

    def __init__(
        self,
        degrees: Any,
        translate: Sequence[float] | None = None,
        scale: Range | None = None,
        shear: Any = None,
        interpolation: Any = InterpolationMode.NEAREST,
        fill: Any = 0,
        center: Sequence[float] | None = None,
    ):
        self.degrees = _range("RandomAffine", "degrees", degrees)
        if translate is not None and (len(translate) != 2 or not all(0 <= t <= 1 for t in translate)):
            raise ArgumentError(f"RandomAffine: translate holds two fractions between 0 and 1, got {translate}")
        self.translate = translate
        self.scale = None if scale is None else _range("RandomAffine", "scale", scale, low=1e-6)
        whole = (shear,) if isinstance(shear, (int, float)) else tuple(shear or ())
        parts = [whole[:2], whole[2:]] if len(whole) == 4 else [whole[0] if len(whole) == 1 else whole or 0, 0]
        self.shear = [_range("RandomAffine", "shear", part) for part in parts]
        self.interpolation = interpolation
        self.fill = fill
        self.center = center

    def __call__(self, img: Any) -> Any:
        rows, columns = size_of(img)
        angle = between(*self.degrees)
        across, down = self.translate or (0.0, 0.0)
        u, v = draw(2)
        moved = [round((2 * u - 1) * across * columns), round((2 * v - 1) * down * rows)]
        scale = 1.0 if self.scale is None else between(*self.scale)
        shear = [between(*ends) for ends in self.shear]
        return F.affine(img, angle, moved, scale, shear, self.interpolation, self.fill, self.center)


class ColorJitter(Shown):
    """Change brightness, contrast, saturation and hue, in random order.

    A number `b` stands for factors from 1 - b to 1 + b, of the hue for turns from -b to b (0.5 at most).

    >>> jitter = ColorJitter(brightness=(0.5, 1.5))
    >>> 0.25 <= jitter(mt.full((3, 1, 1), 0.5)).max().item() <= 0.75
    True
    >>> ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)(mt.ones(3, 8, 8)).shape
    (3, 8, 8)
    """

    def __init__(self, brightness: Any = 0, contrast: Any = 0, saturation: Any = 0, hue: Any = 0):
        name = "ColorJitter"
        self.brightness = _range(name, "brightness", brightness, 1.0, 0)
        self.contrast = _range(name, "contrast", contrast, 1.0, 0)
        self.saturation = _range(name, "saturation", saturation, 1.0, 0)
        self.hue = _range(name, "hue", hue)
        if not -0.5 <= self.hue[0] <= self.hue[1] <= 0.5:
            raise ArgumentError(f"ColorJitter: hue lies between -0.5 and 0.5, got {hue}")

    def __call__(self, img: Any) -> Any:
        changes: list[tuple[Callable[[Any, float], Any], Range, float]] = [
            (F.adjust_brightness, self.brightness, 1.0),
            (F.adjust_contrast, self.contrast, 1.0),
            (F.adjust_saturation, self.saturation, 1.0),
            (F.adjust_hue, self.hue, 0.0),
        ]
        for i in np.argsort(draw(len(changes))):
            change, ends, nothing = changes[i]
            if ends != (nothing, nothing):
                img = change(img, between(*ends))
        return img


class GaussianBlur(Shown):
    """Blur with a random sigma.

    >>> image = mt.tensor([[[0.0, 0.0, 1.0, 0.0, 0.0]] * 3])
    >>> GaussianBlur(3, sigma=1.0)(image)[0, 0]
    tensor([0.0000, 0.2741, 0.4519, 0.2741, 0.0000])
    """

    def __init__(self, kernel_size: Any, sigma: Any = (0.1, 2.0)):
        self.kernel_size = kernel_size
        self.sigma = (
            (sigma, sigma) if isinstance(sigma, (int, float)) else _range("GaussianBlur", "sigma", sigma, low=0)
        )

    def __call__(self, img: Any) -> Any:
        return F.gaussian_blur(img, self.kernel_size, between(*self.sigma))


class RandomErasing(Shown):
    """Overwrite a rectangle of random area and aspect ratio with a probability. Zhong et al., arXiv:1708.04896.

    `value` is a number, one for each channel, or "random" for noise.

    >>> erased = RandomErasing(p=1.0, scale=(0.25, 0.25), ratio=(1.0, 1.0))(mt.ones(1, 8, 8))
    >>> (erased == 0).sum()
    tensor(16)
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: Range = (0.02, 0.33),
        ratio: Range = (0.3, 3.3),
        value: Any = 0,
        inplace: bool = False,
    ):
        self.p = probability("RandomErasing", p)
        self.scale = _range("RandomErasing", "scale", scale, low=0)
        self.ratio = _range("RandomErasing", "ratio", ratio, low=1e-6)
        if isinstance(value, str) and value != "random":
            raise ArgumentError(f"RandomErasing: value is a number, one for each channel, or 'random'; got {value!r}")
        self.value = value

    def __call__(self, img: Any) -> Any:
        if not happens(self.p):
            return img
        rows, columns = size_of(img)
        low, high = map(math.log, self.ratio)
        for _ in range(10):
            area, aspect = rows * columns * between(*self.scale), math.exp(between(low, high))
            height, width = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if 0 < height < rows and 0 < width < columns:
                top, left = below(rows - height + 1), below(columns - width + 1)
                return F.erase(img, top, left, height, width, self._filling(img, height, width))
        return on_pixels(lambda x: x)(img)

    def _filling(self, img: Any, height: int, width: int) -> Any:
        if isinstance(self.value, str):
            noise = np.asarray(sampling.normal(next_key(None), (*img.shape[-3:-2], height, width)))
            return noise.astype(np.dtype(img.dtype))
        value = np.asarray(self.value)
        if value.ndim and len(value) not in (1, img.shape[-3]):
            raise ShapeError(f"RandomErasing: value has {len(value)} elements for {img.shape[-3]} channels")
        return value.reshape(-1, 1, 1)
