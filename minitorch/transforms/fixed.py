"""Transforms without chance: functions and their settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core import dtypes
from . import functional as F
from .composing import Shown
from .images import pair
from .resampling import InterpolationMode


class ToTensor(Shown):
    """Pictures as float tensors [C, H, W] from 0 to 1: see `functional.to_tensor`.

    >>> import numpy as np
    >>> ToTensor()(np.full((1, 2, 3), 255, np.uint8)).shape
    (3, 1, 2)
    """

    def __call__(self, pic: Any) -> Any:
        return F.to_tensor(pic)


class ConvertImageDtype(Shown):
    """Pixels in another dtype and its range.

    >>> ConvertImageDtype(mt.float32)(mt.tensor([[[0, 51, 255]]], dtype=mt.uint8))
    tensor([[[0.0000, 0.2000, 1.0000]]])
    """

    def __init__(self, dtype: Any):
        self.dtype = dtypes.canonical(dtype)

    def __call__(self, img: Any) -> Any:
        return F.convert_image_dtype(img, self.dtype)


class ToDtype(Shown):
    """Values in another dtype, with `scale` also in its range.

    >>> image = mt.tensor([[[0, 51, 255]]], dtype=mt.uint8)
    >>> ToDtype(mt.float32, scale=True)(image)
    tensor([[[0.0000, 0.2000, 1.0000]]])
    """

    def __init__(self, dtype: Any, scale: bool = False):
        self.dtype = dtypes.canonical(dtype)
        self.scale = scale

    def __call__(self, img: Any) -> Any:
        return F.to_dtype(img, self.dtype, self.scale)


class Normalize(Shown):
    """Subtract a mean and divide by a deviation, for each channel.

    >>> Normalize(mean=[0.5, 0.0], std=[0.25, 1.0])(mt.tensor([[[1.0]], [[1.0]]])).flatten()
    tensor([2., 1.])
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False):
        self.mean = mean
        self.std = std

    def __call__(self, img: Any) -> Any:
        return F.normalize(img, self.mean, self.std)


class Resize(Shown):
    """Another size: a height and width, or the shorter side.

    >>> Resize(16)(mt.zeros(3, 32, 64)).shape, Resize((16, 16))(mt.zeros(3, 32, 64)).shape
    ((3, 16, 32), (3, 16, 16))
    """

    def __init__(
        self,
        size: Any,
        interpolation: Any = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ):
        self.size = size
        self.interpolation = interpolation
        self.max_size = max_size
        self.antialias = antialias

    def __call__(self, img: Any) -> Any:
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)


class CenterCrop(Shown):
    """The middle of an image.

    >>> CenterCrop((1, 2))(mt.tensor([[[1, 2, 3, 4]]]))
    tensor([[[2, 3]]])
    """

    def __init__(self, size: Any):
        self.size = pair("CenterCrop", "size", size)

    def __call__(self, img: Any) -> Any:
        return F.center_crop(img, self.size)


class Pad(Shown):
    """Borders around an image.

    >>> Pad((1, 0), fill=9)(mt.tensor([[[1, 2]]]))
    tensor([[[9, 1, 2, 9]]])
    """

    def __init__(self, padding: Any, fill: Any = 0, padding_mode: str = "constant"):
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    def __call__(self, img: Any) -> Any:
        return F.pad(img, self.padding, self.fill, self.padding_mode)


class Grayscale(Shown):
    """Brightness, in 1 channel or in 3.

    >>> white = mt.ones(3, 1, 1)
    >>> Grayscale()(white), Grayscale(3)(white).shape
    (tensor([[[0.9999]]]), (3, 1, 1))
    """

    def __init__(self, num_output_channels: int = 1):
        self.num_output_channels = num_output_channels

    def __call__(self, img: Any) -> Any:
        return F.rgb_to_grayscale(img, self.num_output_channels)


class FiveCrop(Shown):
    """The corners and the middle of an image, as a tuple.

    >>> [part.shape for part in FiveCrop(4)(mt.zeros(3, 8, 8))]
    [(3, 4, 4), (3, 4, 4), (3, 4, 4), (3, 4, 4), (3, 4, 4)]
    """

    def __init__(self, size: Any):
        self.size = pair("FiveCrop", "size", size)

    def __call__(self, img: Any) -> Any:
        return F.five_crop(img, self.size)


class TenCrop(Shown):
    """The corners and the middle of an image and of its mirror image, as a tuple.

    >>> len(TenCrop(4)(mt.zeros(3, 8, 8)))
    10
    >>> mt.stack(TenCrop(4)(mt.zeros(3, 8, 8))).shape
    (10, 3, 4, 4)
    """

    def __init__(self, size: Any, vertical_flip: bool = False):
        self.size = pair("TenCrop", "size", size)
        self.vertical_flip = vertical_flip

    def __call__(self, img: Any) -> Any:
        return F.ten_crop(img, self.size, self.vertical_flip)
