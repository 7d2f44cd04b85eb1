"""What the transforms do, without chance: torchvision's functions for tensors and arrays [..., C, H, W].

Whole numbers are pixels from 0 to the largest of their dtype, floats from 0 to 1. A function returns what it is given: a
Tensor, an Array or a NumPy array.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.array import Array
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..tensor.creation import from_numpy
from ..tensor.handle import Tensor
from .colors import (
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    adjust_sharpness,
    autocontrast,
    invert,
    posterize,
    rgb_to_grayscale,
    solarize,
)
from .images import Pixels, bound, floats, is_float, on_pixels, pixels, size_of
from .places import (
    affine,
    center_crop,
    crop,
    erase,
    five_crop,
    gaussian_blur,
    hflip,
    pad,
    resize,
    resized_crop,
    rotate,
    ten_crop,
    vflip,
)

__all__ = [
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "adjust_sharpness",
    "affine",
    "autocontrast",
    "center_crop",
    "convert_image_dtype",
    "crop",
    "erase",
    "five_crop",
    "gaussian_blur",
    "get_dimensions",
    "get_image_size",
    "hflip",
    "invert",
    "normalize",
    "pad",
    "posterize",
    "resize",
    "resized_crop",
    "rgb_to_grayscale",
    "rotate",
    "solarize",
    "ten_crop",
    "to_dtype",
    "to_tensor",
    "vflip",
]


def get_dimensions(img: Any) -> list[int]:
    """Return channels, height and width.

    >>> get_dimensions(mt.zeros(8, 3, 32, 64))
    [3, 32, 64]
    """
    return list(img.shape[-3:])


def get_image_size(img: Any) -> list[int]:
    """Return width and height, in this order.

    >>> get_image_size(mt.zeros(3, 32, 64))
    [64, 32]
    """
    height, width = size_of(img)
    return [width, height]


@on_pixels
def convert_image_dtype(img: Pixels, dtype: Any = dtypes.float32) -> Pixels:
    """Convert pixels to another dtype and its range: 255 of uint8 is 1.0 of floats.

    >>> convert_image_dtype(mt.tensor([[[0, 51, 255]]], dtype=mt.uint8))
    tensor([[[0.0000, 0.2000, 1.0000]]])
    >>> convert_image_dtype(mt.tensor([[[0.0, 0.5, 1.0]]]), mt.uint8)
    tensor([[[  0, 127, 255]]], dtype=uint8)
    """
    target = dtypes.canonical(dtype)
    if img.dtype == target:
        return img
    to_float = target in dtypes.REALS
    if is_float(img) and to_float:
        return img.astype(target)
    if is_float(img):
        if (img.dtype == np.float32 and target.itemsize >= 4) or (img.dtype == np.float64 and target.itemsize == 8):
            raise DTypeError(
                f"convert_image_dtype: {img.dtype} cannot hold the pixels of {target}; use a smaller dtype"
            )
        return (img * (np.iinfo(target).max + 1 - 1e-3)).astype(target)
    if to_float:
        return (floats(img) / bound(img)).astype(target)
    here, there = np.iinfo(img.dtype).max, np.iinfo(target).max
    if here > there:
        return (img // ((here + 1) // (there + 1))).astype(target)
    return img.astype(target) * np.array((there + 1) // (here + 1), target)


def to_dtype(img: Any, dtype: Any = dtypes.float32, scale: bool = False) -> Any:
    """Cast, or with `scale` convert pixels to the range of the dtype.

    >>> to_dtype(mt.tensor([[[0, 51, 255]]], dtype=mt.uint8))
    tensor([[[  0.,  51., 255.]]])
    >>> to_dtype(mt.tensor([[[0, 51, 255]]], dtype=mt.uint8), scale=True)
    tensor([[[0.0000, 0.2000, 1.0000]]])
    """
    if scale:
        return convert_image_dtype(img, dtype)
    return on_pixels(lambda x: x.astype(dtypes.canonical(dtype)))(img)


def to_tensor(pic: Any) -> Tensor:
    """Return a picture as a float tensor [C, H, W]; uint8 becomes 0 to 1.

    A NumPy array or a picture of PIL is [H, W] or [H, W, C]; a tensor or Array is [C, H, W] already.

    >>> import numpy as np
    >>> to_tensor(np.array([[0, 51, 255]], np.uint8))
    tensor([[[0.0000, 0.2000, 1.0000]]])
    >>> to_tensor(np.zeros((32, 64, 3), np.uint8)).shape
    (3, 32, 64)
    """
    if isinstance(pic, (Tensor, Array)):
        found = pixels("to_tensor", pic)
    else:
        found = np.asarray(pic)
        if found.ndim not in (2, 3) or found.dtype.kind not in "biuf":
            raise ShapeError(f"to_tensor: a picture is [H, W] or [H, W, C], got {found.dtype}{list(found.shape)}")
        found = np.moveaxis(found[:, :, None] if found.ndim == 2 else found, -1, 0)
    if found.dtype == np.uint8:
        found = found.astype(np.float32) / np.float32(255)
    return from_numpy(np.ascontiguousarray(found))


@on_pixels
def normalize(tensor: Pixels, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Pixels:
    """Subtract a mean and divide by a deviation, for each channel.

    >>> normalize(mt.tensor([[[0.0, 0.5, 1.0]]]), mean=[0.5], std=[0.25])
    tensor([[[-2.,  0.,  2.]]])
    """
    if not is_float(tensor):
        raise DTypeError(
            f"normalize: takes floats, got {tensor.dtype}; convert with ToTensor() or convert_image_dtype first"
        )
    middle, deviation = (np.asarray(x, tensor.dtype).reshape(-1, 1, 1) for x in (mean, std))
    if (deviation == 0).any():
        raise ArgumentError(f"normalize: std must not be 0, got {std}")
    if any(len(x) not in (1, tensor.shape[-3]) for x in (middle, deviation)):
        raise ShapeError(f"normalize: mean {mean} and std {std} do not fit the channels of shape {tensor.shape}")
    return (tensor - middle) / deviation
