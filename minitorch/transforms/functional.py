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
from .images import Pixels, bound, floats, is_float, on_pixels, pair, pixels, rounded, size_of
from .resampling import InterpolationMode, inverse_matrix, mode_of, resized, warped

_PADDINGS = {"constant": "constant", "edge": "edge", "reflect": "reflect", "symmetric": "symmetric"}
_WARPS = (InterpolationMode.NEAREST, InterpolationMode.BILINEAR)


# --------------------------------------------------------------------------- types


def get_dimensions(img: Any) -> list[int]:
    """Return channels, height and width."""
    return list(img.shape[-3:])


def get_image_size(img: Any) -> list[int]:
    """Return width and height, in this order."""
    height, width = size_of(img)
    return [width, height]


@on_pixels
def convert_image_dtype(img: Pixels, dtype: Any = dtypes.float32) -> Pixels:
    """Convert pixels to another dtype and its range: 255 of uint8 is 1.0 of floats."""
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
    """Cast, or with `scale` convert pixels to the range of the dtype."""
    if scale:
        return convert_image_dtype(img, dtype)
    return on_pixels(lambda x: x.astype(dtypes.canonical(dtype)))(img)


def to_tensor(pic: Any) -> Tensor:
    """Return a picture as a float tensor [C, H, W]; uint8 becomes 0 to 1.

    A NumPy array or a picture of PIL is [H, W] or [H, W, C]; a tensor or Array is [C, H, W] already.
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
    """Subtract a mean and divide by a deviation, for each channel."""
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


# --------------------------------------------------------------------------- places


@on_pixels
def hflip(img: Pixels) -> Pixels:
    """Mirror left and right."""
    return img[..., ::-1]


@on_pixels
def vflip(img: Pixels) -> Pixels:
    """Mirror top and bottom."""
    return img[..., ::-1, :]


def _borders(padding: Any) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom from one number, two (left and right, top and bottom) or four."""
    found = (padding,) if isinstance(padding, int) else tuple(padding)
    if len(found) not in (1, 2, 4):
        raise ArgumentError(f"pad: padding has 1, 2 or 4 elements, got {padding!r}")
    left, top, right, bottom = found * (4 // len(found))
    return left, top, right, bottom


@on_pixels
def pad(img: Pixels, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Pixels:
    """Add borders, of a color or of what is at the edge; negative ones cut off."""
    if padding_mode not in _PADDINGS:
        raise ArgumentError(f"pad: padding_mode is one of {sorted(_PADDINGS)}, got {padding_mode!r}")
    left, top, right, bottom = _borders(padding)
    rows, columns = size_of(img)
    img = img[..., max(-top, 0) : rows - max(-bottom, 0), max(-left, 0) : columns - max(-right, 0)]
    widths = [(0, 0)] * (img.ndim - 2) + [(max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0))]
    if padding_mode != "constant":
        return np.pad(img, widths, mode=padding_mode)  # type: ignore[call-overload, no-any-return]
    color = np.asarray(fill, img.dtype).reshape(-1, 1, 1)
    out = np.empty([n + a + b for n, (a, b) in zip(img.shape, widths)], img.dtype)
    out[...] = color
    out[..., widths[-2][0] : widths[-2][0] + img.shape[-2], widths[-1][0] : widths[-1][0] + img.shape[-1]] = img
    return out


@on_pixels
def crop(img: Pixels, top: int, left: int, height: int, width: int) -> Pixels:
    """Cut out a rectangle; what lies outside of the image is 0."""
    inside = img[..., max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    if inside.shape[-2:] == (height, width):
        return inside
    out = np.zeros((*img.shape[:-2], height, width), img.dtype)
    i, j = max(-top, 0), max(-left, 0)
    out[..., i : i + inside.shape[-2], j : j + inside.shape[-1]] = inside
    return out


def center_crop(img: Any, output_size: Any) -> Any:
    """Cut out the middle; smaller images get borders of 0."""
    height, width = pair("center_crop", "output_size", output_size)
    rows, columns = size_of(img)
    if rows < height or columns < width:
        across, down = max(width - columns, 0), max(height - rows, 0)
        img = pad(img, (across // 2, down // 2, (across + 1) // 2, (down + 1) // 2))
        rows, columns = size_of(img)
    return crop(img, round((rows - height) / 2.0), round((columns - width) / 2.0), height, width)


def resize(
    img: Any,
    size: Any,
    interpolation: Any = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """Resize to a height and width; one number is the shorter side, and `max_size` at most the longer one."""
    mode = mode_of("resize", interpolation)
    rows, columns = size_of(img)
    if isinstance(size, int) or len(size) == 1:
        short = size if isinstance(size, int) else size[0]
        height, width = _by_shorter_side(rows, columns, *pair("resize", "size", short)[:1], max_size)
    elif max_size is not None:
        raise ArgumentError("resize: max_size goes with a single size, that of the shorter side")
    else:
        height, width = pair("resize", "size", size)
    if (height, width) == (rows, columns):
        return on_pixels(lambda x: x)(img)
    return on_pixels(resized)(img, height, width, mode, bool(antialias))


def _by_shorter_side(rows: int, columns: int, short: int, max_size: int | None) -> tuple[int, int]:
    if max_size is not None and max_size <= short:
        raise ArgumentError(f"resize: max_size={max_size} must be greater than the size {short} of the shorter side")
    long = int(short * max(rows, columns) / min(rows, columns))
    if max_size is not None and long > max_size:
        short, long = int(max_size * short / long), max_size
    return (long, short) if rows > columns else (short, long)


def resized_crop(
    img: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: Any,
    interpolation: Any = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:
    """Cut out a rectangle and resize it."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def five_crop(img: Any, size: Any) -> tuple[Any, ...]:
    """Return the four corners, from the top left on, and the middle."""
    height, width = pair("five_crop", "size", size)
    rows, columns = size_of(img)
    if height > rows or width > columns:
        raise ShapeError(f"five_crop: size {(height, width)} is larger than the image {(rows, columns)}")
    corners = [(i, j) for i in (0, rows - height) for j in (0, columns - width)]
    return (*(crop(img, i, j, height, width) for i, j in corners), center_crop(img, (height, width)))


def ten_crop(img: Any, size: Any, vertical_flip: bool = False) -> tuple[Any, ...]:
    """Return the crops of `five_crop`, and those of the mirrored image."""
    return five_crop(img, size) + five_crop(vflip(img) if vertical_flip else hflip(img), size)


def rotate(
    img: Any,
    angle: float,
    interpolation: Any = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: Any = 0,
) -> Any:
    """Turn counterclockwise by degrees about the middle, or about a point (x, y); `expand` makes room for all of it."""
    rows, columns = size_of(img)
    if angle % 90 == 0 and center is None and (expand or rows == columns or angle % 180 == 0):
        return on_pixels(lambda x: np.rot90(x, int(angle // 90), (-2, -1)))(img)
    middle = [0.0, 0.0] if center is None else [center[0] - columns * 0.5, center[1] - rows * 0.5]
    matrix = inverse_matrix(middle, -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    size = _expanded(matrix, rows, columns) if expand else (rows, columns)
    return on_pixels(warped)(img, matrix, size, mode_of("rotate", interpolation, _WARPS), fill)


def _expanded(matrix: Pixels, rows: int, columns: int) -> tuple[int, int]:
    corners = np.array([[x * columns / 2, y * rows / 2, 1.0] for x in (-1, 1) for y in (-1, 1)]) @ matrix.T
    corners += (columns / 2, rows / 2)
    low, high = (np.trunc(x * 1e4) / 1e4 for x in (corners.min(0), corners.max(0)))
    width, height = np.ceil(high) - np.floor(low)
    return int(height), int(width)


def affine(
    img: Any,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: Any,
    interpolation: Any = InterpolationMode.NEAREST,
    fill: Any = 0,
    center: Sequence[float] | None = None,
) -> Any:
    """Turn clockwise, move by (x, y) pixels, scale, and shear by degrees along x, or along x and y."""
    if scale <= 0:
        raise ArgumentError(f"affine: scale must be positive, got {scale}")
    rows, columns = size_of(img)
    sheared = [float(shear), 0.0] if isinstance(shear, (int, float)) else [*shear, 0.0][:2]
    middle = [0.0, 0.0] if center is None else [center[0] - columns * 0.5, center[1] - rows * 0.5]
    matrix = inverse_matrix(middle, angle, translate, scale, sheared)
    return on_pixels(warped)(img, matrix, (rows, columns), mode_of("affine", interpolation, _WARPS), fill)


@on_pixels
def erase(img: Pixels, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False) -> Pixels:
    """Overwrite a rectangle with a value, or with an array that fits."""
    out = img.copy()
    out[..., i : i + h, j : j + w] = v.numpy() if isinstance(v, (Tensor, Array)) else v
    return out


@on_pixels
def gaussian_blur(img: Pixels, kernel_size: Any, sigma: Any = None) -> Pixels:
    """Blur with Gaussian kernels of odd sizes (along x and y); sigma is 0.15 of a size + 0.35 if not given."""
    sizes = (kernel_size, kernel_size) if isinstance(kernel_size, int) else tuple(kernel_size)
    if any(n < 1 or n % 2 == 0 for n in sizes):
        raise ArgumentError(f"gaussian_blur: kernel_size must be odd and positive, got {kernel_size!r}")
    sigma = [0.15 * n + 0.35 for n in sizes] if sigma is None else sigma
    sigmas = (sigma, sigma) if isinstance(sigma, (int, float)) else tuple(sigma) * (2 if len(sigma) == 1 else 1)
    if any(s <= 0 for s in sigmas):
        raise ArgumentError(f"gaussian_blur: sigma must be positive, got {sigma!r}")
    found = floats(img)
    for axis, n, s in ((-1, sizes[0], sigmas[0]), (-2, sizes[1], sigmas[1])):
        if n // 2 >= img.shape[axis]:
            raise ShapeError(f"gaussian_blur: kernel_size {kernel_size} is too large for an image {size_of(img)}")
        places = np.arange(n) - n // 2
        kernel = np.exp(-0.5 * (places / s) ** 2)
        kernel = (kernel / kernel.sum()).astype(found.dtype)
        borders = [(0, 0)] * img.ndim
        borders[axis] = (n // 2, n // 2)
        wide = np.pad(found, borders, mode="reflect")
        windows = np.lib.stride_tricks.sliding_window_view(wide, n, axis=axis)
        found = windows @ kernel
    return rounded(found, img.dtype)


# --------------------------------------------------------------------------- colors


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
    """Return how bright each pixel is, in 1 channel or in 3."""
    if num_output_channels not in (1, 3):
        raise ArgumentError(f"rgb_to_grayscale: num_output_channels is 1 or 3, got {num_output_channels}")
    return np.repeat(_gray(img).astype(img.dtype), num_output_channels, axis=-3)


@on_pixels
def adjust_brightness(img: Pixels, brightness_factor: float) -> Pixels:
    """Multiply: 0 is black, 1 the image."""
    _check_factor("adjust_brightness", brightness_factor, "brightness_factor")
    return _blend(img, np.zeros((), np.float32), brightness_factor)


@on_pixels
def adjust_contrast(img: Pixels, contrast_factor: float) -> Pixels:
    """Move away from the mean brightness: 0 is gray, 1 the image."""
    _check_factor("adjust_contrast", contrast_factor, "contrast_factor")
    return _blend(img, _gray(img).mean(axis=(-3, -2, -1), keepdims=True), contrast_factor)


@on_pixels
def adjust_saturation(img: Pixels, saturation_factor: float) -> Pixels:
    """Move away from the gray image: 0 is gray, 1 the image."""
    _check_factor("adjust_saturation", saturation_factor, "saturation_factor")
    return img if img.shape[-3] == 1 else _blend(img, _gray(img), saturation_factor)


@on_pixels
def adjust_hue(img: Pixels, hue_factor: float) -> Pixels:
    """Turn the color wheel, by -0.5 to 0.5 of a turn."""
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
    """Return gain * img ** gamma, of pixels from 0 to 1."""
    _check_factor("adjust_gamma", gamma, "gamma")
    found = np.clip(gain * (floats(img) / bound(img)) ** gamma, 0, 1)
    return found.astype(img.dtype) if is_float(img) else (found * (bound(img) + 1 - 1e-3)).astype(img.dtype)


@on_pixels
def adjust_sharpness(img: Pixels, sharpness_factor: float) -> Pixels:
    """Move away from the smoothed image: 0 is smooth, 1 the image."""
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
    """Return the negative."""
    return np.asarray(bound(img), img.dtype) - img


@on_pixels
def posterize(img: Pixels, bits: int) -> Pixels:
    """Keep the highest bits of uint8 pixels."""
    if img.dtype != np.uint8 or not 0 <= bits <= 8:
        raise DTypeError(
            f"posterize: takes uint8 and 0 to 8 bits, got {img.dtype} and {bits}; convert_image_dtype first"
        )
    return img & np.uint8((0xFF << (8 - bits)) & 0xFF)


@on_pixels
def solarize(img: Pixels, threshold: float) -> Pixels:
    """Invert what is at least as bright as a threshold."""
    return np.where(img >= threshold, np.asarray(bound(img), img.dtype) - img, img)


@on_pixels
def autocontrast(img: Pixels) -> Pixels:
    """Stretch each channel, so that its darkest pixel is black and its brightest white."""
    data = floats(img)
    low, high = (f(axis=(-2, -1), keepdims=True) for f in (data.min, data.max))
    flat = high == low
    found = (data - np.where(flat, 0, low)) * np.where(flat, 1, bound(img) / np.where(flat, 1, high - low))
    return np.clip(found, 0, bound(img)).astype(img.dtype)
