"""Pixels at other places, and cut, added, overwritten or blurred: the functions of `functional` for these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.array import Array
from ..core.errors import ArgumentError, ShapeError
from ..tensor.handle import Tensor
from .images import Pixels, floats, on_pixels, pair, rounded, size_of
from .resampling import InterpolationMode, inverse_matrix, mode_of, resized, warped

_PADDINGS = {"constant": "constant", "edge": "edge", "reflect": "reflect", "symmetric": "symmetric"}
_WARPS = (InterpolationMode.NEAREST, InterpolationMode.BILINEAR)


@on_pixels
def hflip(img: Pixels) -> Pixels:
    """Mirror left and right.

    >>> hflip(mt.tensor([[[1, 2], [3, 4]]]))
    tensor([[[2, 1],
             [4, 3]]])
    """
    return img[..., ::-1]


@on_pixels
def vflip(img: Pixels) -> Pixels:
    """Mirror top and bottom.

    >>> vflip(mt.tensor([[[1, 2], [3, 4]]]))
    tensor([[[3, 4],
             [1, 2]]])
    """
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
    """Add borders, of a color or of what is at the edge; negative ones cut off.

    >>> pad(mt.tensor([[[1, 2]]]), (1, 0), fill=9)
    tensor([[[9, 1, 2, 9]]])
    >>> pad(mt.tensor([[[1, 2, 3]]]), (2, 0, 0, 0), padding_mode="reflect")
    tensor([[[3, 2, 1, 2, 3]]])
    """
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
    """Cut out a rectangle; what lies outside of the image is 0.

    >>> crop(mt.tensor([[[1, 2, 3], [4, 5, 6]]]), top=1, left=1, height=1, width=3)
    tensor([[[5, 6, 0]]])
    """
    inside = img[..., max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    if inside.shape[-2:] == (height, width):
        return inside
    out = np.zeros((*img.shape[:-2], height, width), img.dtype)
    i, j = max(-top, 0), max(-left, 0)
    out[..., i : i + inside.shape[-2], j : j + inside.shape[-1]] = inside
    return out


def center_crop(img: Any, output_size: Any) -> Any:
    """Cut out the middle; smaller images get borders of 0.

    >>> center_crop(mt.tensor([[[1, 2, 3, 4], [5, 6, 7, 8]]]), (1, 2))
    tensor([[[2, 3]]])
    >>> center_crop(mt.tensor([[[5]]]), 3)
    tensor([[[0, 0, 0],
             [0, 5, 0],
             [0, 0, 0]]])
    """
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
    """Resize to a height and width; one number is the shorter side, and `max_size` at most the longer one.

    >>> resize(mt.tensor([[[0.0, 1.0]]]), (1, 4))
    tensor([[[0.0000, 0.2500, 0.7500, 1.0000]]])
    >>> resize(mt.zeros(3, 20, 40), 10).shape, resize(mt.zeros(3, 20, 40), 10, max_size=16).shape
    ((3, 10, 20), (3, 8, 16))
    """
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
    """Cut out a rectangle and resize it.

    >>> image = mt.tensor([[[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0]]])
    >>> resized_crop(image, top=0, left=2, height=2, width=2, size=(1, 2))
    tensor([[[4., 5.]]])
    """
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def five_crop(img: Any, size: Any) -> tuple[Any, ...]:
    """Return the four corners, from the top left on, and the middle.

    >>> [int(part) for part in five_crop(mt.arange(9).reshape(1, 3, 3), 1)]
    [0, 2, 6, 8, 4]
    """
    height, width = pair("five_crop", "size", size)
    rows, columns = size_of(img)
    if height > rows or width > columns:
        raise ShapeError(f"five_crop: size {(height, width)} is larger than the image {(rows, columns)}")
    corners = [(i, j) for i in (0, rows - height) for j in (0, columns - width)]
    return (*(crop(img, i, j, height, width) for i, j in corners), center_crop(img, (height, width)))


def ten_crop(img: Any, size: Any, vertical_flip: bool = False) -> tuple[Any, ...]:
    """Return the crops of `five_crop`, and those of the mirrored image.

    >>> [int(part) for part in ten_crop(mt.arange(9).reshape(1, 3, 3), 1)]
    [0, 2, 6, 8, 4, 2, 0, 8, 6, 4]
    """
    return five_crop(img, size) + five_crop(vflip(img) if vertical_flip else hflip(img), size)


def rotate(
    img: Any,
    angle: float,
    interpolation: Any = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: Any = 0,
) -> Any:
    """Turn counterclockwise by degrees about the middle, or about a point (x, y); `expand` makes room for all of it.

    >>> rotate(mt.tensor([[[1, 2], [3, 4]]]), 90)
    tensor([[[2, 4],
             [1, 3]]])
    >>> rotate(mt.ones(1, 10, 10), 45, expand=True).shape
    (1, 16, 16)
    """
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
    """Turn clockwise, move by (x, y) pixels, scale, and shear by degrees along x, or along x and y.

    >>> affine(mt.tensor([[[1.0, 2.0, 3.0]]]), angle=0, translate=[1, 0], scale=1.0, shear=0)
    tensor([[[0., 1., 2.]]])
    >>> affine(mt.tensor([[[1.0, 2.0], [3.0, 4.0]]]), angle=90, translate=[0, 0], scale=1.0, shear=0)
    tensor([[[3., 1.],
             [4., 2.]]])
    """
    if scale <= 0:
        raise ArgumentError(f"affine: scale must be positive, got {scale}")
    rows, columns = size_of(img)
    sheared = [float(shear), 0.0] if isinstance(shear, (int, float)) else [*shear, 0.0][:2]
    middle = [0.0, 0.0] if center is None else [center[0] - columns * 0.5, center[1] - rows * 0.5]
    matrix = inverse_matrix(middle, angle, translate, scale, sheared)
    return on_pixels(warped)(img, matrix, (rows, columns), mode_of("affine", interpolation, _WARPS), fill)


@on_pixels
def erase(img: Pixels, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False) -> Pixels:
    """Overwrite a rectangle with a value, or with an array that fits.

    >>> erase(mt.ones(1, 2, 3), i=0, j=1, h=2, w=1, v=0)
    tensor([[[1., 0., 1.],
             [1., 0., 1.]]])
    """
    out = img.copy()
    out[..., i : i + h, j : j + w] = v.numpy() if isinstance(v, (Tensor, Array)) else v
    return out


@on_pixels
def gaussian_blur(img: Pixels, kernel_size: Any, sigma: Any = None) -> Pixels:
    """Blur with Gaussian kernels of odd sizes (along x and y); sigma is 0.15 of a size + 0.35 if not given.

    >>> gaussian_blur(mt.tensor([[[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]]), [3, 1], sigma=1.0)
    tensor([[[0.0000, 0.0000, 0.0000],
             [0.5481, 0.4519, 0.5481],
             [0.0000, 0.0000, 0.0000]]])
    """
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
