"""Other colors at the same places: the functions of `functional` for these."""

from __future__ import annotations

import numpy as np

from ..core.errors import ArgumentError, DTypeError, ShapeError
from .images import Pixels, bound, floats, is_float, on_pixels, size_of


def _blend(img: Pixels, other: Pixels, ratio: float) -> Pixels:
    """Return `ratio` of one image and the rest of another, kept in range; whole numbers are cut off as in torchvision."""
    return np.clip(ratio * floats(img) + (1.0 - ratio) * other, 0, bound(img)).astype(img.dtype)


def _gray(img: Pixels) -> Pixels:
    if img.shape[-3] == 1:
        return floats(img)
    _check_colors("rgb_to_grayscale", img)
    # Term by term: a product of matrices rounds as the layout of the image has it.
    red, green, blue = np.moveaxis(floats(img), -3, 0)
    found = (0.2989 * red + 0.587 * green + 0.114 * blue)[..., None, :, :]
    return found if is_float(img) else np.floor(found)


def _check_colors(name: str, img: Pixels) -> None:
    if img.shape[-3] != 3:
        raise ShapeError(f"{name}: takes 3 channels (red, green, blue), or 1; got shape {img.shape}")


def _check_factor(name: str, factor: float, argument: str) -> None:
    if not factor >= 0:
        raise ArgumentError(f"{name}: {argument} must not be negative, got {factor}")


@on_pixels
def rgb_to_grayscale(img: Pixels, num_output_channels: int = 1) -> Pixels:
    """Return how bright each pixel is, in 1 channel or in 3.

    >>> rgb_to_grayscale(mt.eye(3)[:, None])
    tensor([[[0.2989, 0.5870, 0.1140]]])
    """
    if num_output_channels not in (1, 3):
        raise ArgumentError(f"rgb_to_grayscale: num_output_channels is 1 or 3, got {num_output_channels}")
    return np.repeat(_gray(img).astype(img.dtype), num_output_channels, axis=-3)


@on_pixels
def adjust_brightness(img: Pixels, brightness_factor: float) -> Pixels:
    """Multiply: 0 is black, 1 the image.

    >>> adjust_brightness(mt.tensor([[[0.0, 0.25, 0.75]]]), 2.0)
    tensor([[[0.0000, 0.5000, 1.0000]]])
    """
    _check_factor("adjust_brightness", brightness_factor, "brightness_factor")
    return _blend(img, np.zeros((), np.float32), brightness_factor)


@on_pixels
def adjust_contrast(img: Pixels, contrast_factor: float) -> Pixels:
    """Move away from the mean brightness: 0 is gray, 1 the image.

    >>> adjust_contrast(mt.tensor([[[0.25, 0.5, 0.75]]]), 0.5)
    tensor([[[0.3750, 0.5000, 0.6250]]])
    >>> adjust_contrast(mt.tensor([[[0.25, 0.5, 0.75]]]), 0.0)
    tensor([[[0.5000, 0.5000, 0.5000]]])
    """
    _check_factor("adjust_contrast", contrast_factor, "contrast_factor")
    return _blend(img, _gray(img).mean(axis=(-3, -2, -1), keepdims=True), contrast_factor)


@on_pixels
def adjust_saturation(img: Pixels, saturation_factor: float) -> Pixels:
    """Move away from the gray image: 0 is gray, 1 the image.

    >>> red = mt.tensor([1.0, 0.0, 0.0]).reshape(3, 1, 1)
    >>> adjust_saturation(red, 0.0).flatten()
    tensor([0.2989, 0.2989, 0.2989])
    >>> adjust_saturation(red, 0.5).flatten()
    tensor([0.6495, 0.1495, 0.1495])
    """
    _check_factor("adjust_saturation", saturation_factor, "saturation_factor")
    return img if img.shape[-3] == 1 else _blend(img, _gray(img), saturation_factor)


@on_pixels
def adjust_hue(img: Pixels, hue_factor: float) -> Pixels:
    """Turn the color wheel, by -0.5 to 0.5 of a turn.

    >>> red = mt.tensor([1.0, 0.0, 0.0]).reshape(3, 1, 1)
    >>> adjust_hue(red, 0.5).flatten()
    tensor([0., 1., 1.])
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise ArgumentError(f"adjust_hue: hue_factor lies between -0.5 and 0.5, got {hue_factor}")
    if img.shape[-3] == 1:
        return img
    _check_colors("adjust_hue", img)
    hue, saturation, value = _to_hsv(floats(img) / bound(img))
    found = _from_hsv((hue + hue_factor) % 1.0, saturation, value)
    return found.astype(img.dtype) if is_float(img) else (found * (bound(img) + 1 - 1e-3)).astype(img.dtype)


def _to_hsv(img: Pixels) -> tuple[Pixels, Pixels, Pixels]:
    red, green, blue = np.moveaxis(img, -3, 0)
    value, low = img.max(-3), img.min(-3)
    spread = value - low
    safe = np.where(spread == 0, 1, spread)
    r, g, b = ((value - x) / safe for x in (red, green, blue))
    hue = np.where(value == red, b - g, np.where(value == green, 2.0 + r - b, 4.0 + g - r)) / 6.0 % 1.0
    return np.where(spread == 0, 0, hue), spread / np.where(value == 0, 1, value), value


def _from_hsv(hue: Pixels, saturation: Pixels, value: Pixels) -> Pixels:
    channels = []
    for n in (5, 3, 1):  # red, green, blue: the same ramp at other places of the wheel
        k = (n + hue * 6) % 6
        channels.append(value - value * saturation * np.clip(np.minimum(k, 4 - k), 0, 1))
    return np.stack(channels, -3)


@on_pixels
def adjust_gamma(img: Pixels, gamma: float, gain: float = 1) -> Pixels:
    """Return gain * img ** gamma, of pixels from 0 to 1.

    >>> adjust_gamma(mt.tensor([[[0.0, 0.5, 1.0]]]), 2.0)
    tensor([[[0.0000, 0.2500, 1.0000]]])
    """
    _check_factor("adjust_gamma", gamma, "gamma")
    found = np.clip(gain * (floats(img) / bound(img)) ** gamma, 0, 1)
    return found.astype(img.dtype) if is_float(img) else (found * (bound(img) + 1 - 1e-3)).astype(img.dtype)


@on_pixels
def adjust_sharpness(img: Pixels, sharpness_factor: float) -> Pixels:
    """Move away from the smoothed image: 0 is smooth, 1 the image.

    >>> image = mt.zeros(1, 3, 3)
    >>> image[0, 1, 1] = 0.5
    >>> adjust_sharpness(image, 0.0)[0, 1], adjust_sharpness(image, 1.5)[0, 1]
    (tensor([0.0000, 0.1923, 0.0000]), tensor([0.0000, 0.6538, 0.0000]))
    """
    _check_factor("adjust_sharpness", sharpness_factor, "sharpness_factor")
    rows, columns = size_of(img)
    if rows <= 2 or columns <= 2:
        return img
    data, smooth = floats(img), floats(img).copy()
    total = sum(data[..., i : rows - 2 + i, j : columns - 2 + j] for i in range(3) for j in range(3))
    middle = (total + 4 * data[..., 1:-1, 1:-1]) / 13
    smooth[..., 1:-1, 1:-1] = middle if is_float(img) else np.rint(middle)
    return _blend(img, smooth, sharpness_factor)


@on_pixels
def invert(img: Pixels) -> Pixels:
    """Return the negative.

    >>> invert(mt.tensor([[[0.0, 0.25]]])), invert(mt.tensor([[[0, 55]]], dtype=mt.uint8))
    (tensor([[[1.0000, 0.7500]]]), tensor([[[255, 200]]], dtype=uint8))
    """
    return np.asarray(bound(img), img.dtype) - img


@on_pixels
def posterize(img: Pixels, bits: int) -> Pixels:
    """Keep the highest bits of uint8 pixels.

    >>> posterize(mt.tensor([[[1, 100, 130, 255]]], dtype=mt.uint8), 1)
    tensor([[[  0,   0, 128, 128]]], dtype=uint8)
    """
    if img.dtype != np.uint8 or not 0 <= bits <= 8:
        raise DTypeError(
            f"posterize: takes uint8 and 0 to 8 bits, got {img.dtype} and {bits}; convert_image_dtype first"
        )
    return img & np.uint8((0xFF << (8 - bits)) & 0xFF)


@on_pixels
def solarize(img: Pixels, threshold: float) -> Pixels:
    """Invert what is at least as bright as a threshold.

    >>> solarize(mt.tensor([[[0, 100, 200]]], dtype=mt.uint8), 100)
    tensor([[[  0, 155,  55]]], dtype=uint8)
    """
    return np.where(img >= threshold, np.asarray(bound(img), img.dtype) - img, img)


@on_pixels
def autocontrast(img: Pixels) -> Pixels:
    """Stretch each channel, so that its darkest pixel is black and its brightest white.

    >>> autocontrast(mt.tensor([[[50, 60, 70]]], dtype=mt.uint8))
    tensor([[[  0, 127, 255]]], dtype=uint8)
    """
    data = floats(img)
    low, high = (f(axis=(-2, -1), keepdims=True) for f in (data.min, data.max))
    flat = high == low
    found = (data - np.where(flat, 0, low)) * np.where(flat, 1, bound(img) / np.where(flat, 1, high - low))
    return np.clip(found, 0, bound(img)).astype(img.dtype)
