"""Transforms against independent ways to compute the same: SciPy, PyTorch, colorsys, hand-made numbers."""

from __future__ import annotations

import colorsys
import math

import numpy as np
import pytest
import scipy.ndimage

import minitorch as mt
from minitorch import transforms as T
from minitorch.errors import ArgumentError, DTypeError, GradError, ShapeError, TracerError
from minitorch.transforms import functional as F
from minitorch.utils.data import DataLoader, Dataset

random = np.random.default_rng(0)
FLOAT = random.random((3, 9, 12)).astype(np.float32)
BYTES = random.integers(0, 256, (3, 9, 12)).astype(np.uint8)
BATCH = random.random((2, 4, 3, 9, 12)).astype(np.float32)


# --------------------------------------------------------------------------- what comes in goes out

DETERMINISTIC = {
    "hflip": F.hflip,
    "vflip": F.vflip,
    "crop": lambda x: F.crop(x, 1, -2, 5, 7),
    "center_crop": lambda x: F.center_crop(x, (4, 20)),
    "pad": lambda x: F.pad(x, (1, 2, 3, 0), 1),
    "reflect": lambda x: F.pad(x, 3, padding_mode="reflect"),
    "resize": lambda x: F.resize(x, (5, 17)),
    "nearest": lambda x: F.resize(x, 5, "nearest"),
    "rotate": lambda x: F.rotate(x, 30, "bilinear", expand=True),
    "affine": lambda x: F.affine(x, 20, (1, 2), 1.2, (5, 3), fill=(1, 0, 1)),
    "erase": lambda x: F.erase(x, 1, 2, 3, 4, 0),
    "blur": lambda x: F.gaussian_blur(x, (3, 5), 0.8),
    "gray": lambda x: F.rgb_to_grayscale(x, 3),
    "brightness": lambda x: F.adjust_brightness(x, 1.5),
    "contrast": lambda x: F.adjust_contrast(x, 0.5),
    "saturation": lambda x: F.adjust_saturation(x, 2.0),
    "hue": lambda x: F.adjust_hue(x, 0.2),
    "gamma": lambda x: F.adjust_gamma(x, 0.7, 1.1),
    "sharpness": lambda x: F.adjust_sharpness(x, 2.0),
    "invert": F.invert,
    "solarize": lambda x: F.solarize(x, 0.5),
    "autocontrast": F.autocontrast,
    "dtype": lambda x: F.convert_image_dtype(x, mt.float64),
}


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_kinds_batches_and_layouts(name):
    function = DETERMINISTIC[name]
    for image in (FLOAT, BYTES):
        expected = function(image)
        assert type(expected) is np.ndarray and not np.may_share_memory(expected, image)
        tensor, array = function(mt.tensor(image)), function(mt.array(image))
        assert type(tensor) is mt.Tensor and type(array) is mt.array
        assert expected.dtype == tensor.dtype == (np.float64 if name == "dtype" else image.dtype)
        for found in (tensor, array, function(np.asfortranarray(image)), function(image[:, ::-1][:, ::-1])):
            np.testing.assert_array_equal(np.asarray(found), expected)
    many = function(BATCH)
    for i in np.ndindex(2, 4):
        np.testing.assert_allclose(many[i], function(BATCH[i]), rtol=1e-6, atol=1e-6)


def test_what_is_no_image():
    with pytest.raises(ShapeError, match=r"hflip: takes an image \[..., C, H, W\], got shape \(2, 2\)"):
        F.hflip(np.ones((2, 2)))
    with pytest.raises(DTypeError, match="vflip: .* got list"):
        F.vflip([1])
    with pytest.raises(GradError, match="detach"):
        F.hflip(mt.ones(1, 2, 2, requires_grad=True))
    with pytest.raises(TracerError, match="outside of jit"):
        mt.vmap(F.hflip)(mt.ones(2, 1, 2, 2))


# --------------------------------------------------------------------------- resizing


@pytest.mark.torch
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(9, 12), (5, 7), (20, 30), (1, 1), (4, 25), (13, 3)])
def test_resize(mode, antialias, size):
    torch = pytest.importorskip("torch")
    x = torch.tensor(FLOAT)[None]
    expected = torch.nn.functional.interpolate(x, size=size, mode=mode, antialias=antialias, align_corners=False)[0]
    np.testing.assert_allclose(F.resize(FLOAT, size, mode, antialias=antialias), expected, rtol=1e-4, atol=2e-6)
    whole = F.resize(BYTES, size, mode, antialias=antialias)
    x = torch.tensor(BYTES)[None].float()
    expected = torch.nn.functional.interpolate(x, size=size, mode=mode, antialias=antialias, align_corners=False)[0]
    np.testing.assert_allclose(whole, expected.round().clamp(0, 255), atol=1)
    assert whole.dtype == np.uint8 and (whole == expected.round().clamp(0, 255).numpy()).mean() > 0.97  # ties


@pytest.mark.torch
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
@pytest.mark.parametrize("size", [(5, 7), (20, 30), (1, 1), (18, 24)])
def test_nearest(mode, size):
    torch = pytest.importorskip("torch")
    expected = torch.nn.functional.interpolate(torch.tensor(FLOAT)[None], size=size, mode=mode)[0]
    np.testing.assert_array_equal(F.resize(FLOAT, size, mode), expected)


def test_sizes_of_resize():
    assert F.resize(FLOAT, 18).shape == (3, 18, 24)
    assert F.resize(np.swapaxes(FLOAT, 1, 2), [6]).shape == (3, 8, 6)
    assert F.resize(FLOAT, 18, max_size=20).shape == (3, 15, 20)
    assert F.resize(FLOAT, T.InterpolationMode.BICUBIC and 9).shape == FLOAT.shape
    for call, message in [
        (lambda: F.resize(FLOAT, 0), "positive"),
        (lambda: F.resize(FLOAT, (1, 2, 3)), "height and a width"),
        (lambda: F.resize(FLOAT, 9, "lanczos"), "interpolation is one of"),
        (lambda: F.resize(FLOAT, 9, max_size=9), "must be greater"),
        (lambda: F.resize(FLOAT, (9, 9), max_size=10), "shorter side"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            call()


# --------------------------------------------------------------------------- turning


def sampled(image, forward, size, mode, fill):
    """Return an image under a map of places (x, y, 1), counted from the middle, by PyTorch's sampling."""
    torch = pytest.importorskip("torch")
    (_, rows, columns), (height, width) = image.shape, size
    back = np.linalg.inv(forward)
    x, y = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
    u, v, _ = np.einsum("ij,jhw->ihw", back, np.stack([x, y, np.ones_like(x)]))
    grid = torch.tensor(np.stack([u / (columns / 2), v / (rows / 2)], -1)[None], dtype=torch.float32)
    full = np.concatenate([image, np.ones((1, rows, columns), np.float32)])
    found = torch.nn.functional.grid_sample(torch.tensor(full)[None], grid, mode=mode, align_corners=False)[0].numpy()
    colors = np.reshape(np.broadcast_to(fill, (len(image),)), (-1, 1, 1))
    return found[:-1] + (1 - found[-1:]) * colors


def moved(x, y):
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def turned(degrees):
    """Clockwise, for y points down."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


@pytest.mark.torch
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("center", [None, (2.0, 7.5)])
@pytest.mark.parametrize("angle", [0, 13.7, -120, 200.5])
def test_rotate(angle, center, mode):
    about = moved(0, 0) if center is None else moved(center[0] - 6, center[1] - 4.5)
    forward = about @ turned(-angle) @ np.linalg.inv(about)
    expected = sampled(FLOAT, forward, (9, 12), mode, (0.3, 0.5, 1.0))
    found = F.rotate(FLOAT, angle, mode, center=center, fill=(0.3, 0.5, 1.0))
    np.testing.assert_allclose(found, expected, atol=2e-4)


@pytest.mark.torch
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize(
    ("angle", "translate", "scale", "shear"),
    [(0, (2, -3), 1, 0), (25, (1, 1), 1.3, 10), (-70, (0, 2), 0.6, (10, -20)), (180, (-1, 0), 2.0, (0, 30))],
)
def test_affine(angle, translate, scale, shear, mode):
    along_x, along_y = (math.radians(s) for s in (shear if isinstance(shear, tuple) else (shear, 0)))
    shear_y = np.array([[1, 0, 0], [math.tan(along_y), 1, 0], [0, 0, 1]])
    shear_x = np.array([[1, -math.tan(along_x), 0], [0, 1, 0], [0, 0, 1]])
    # PyTorch's decomposition: the shear along y is taken back from the turn, so that angle and shear are apart.
    forward = moved(*translate) @ turned(angle) @ shear_y_of(along_y) @ shear_x @ np.diag([scale, scale, 1])
    expected = sampled(FLOAT, forward, (9, 12), mode, 0.25)
    found = F.affine(FLOAT, angle, translate, scale, shear, mode, fill=0.25)
    np.testing.assert_allclose(found, expected, atol=2e-4)
    assert shear_y[1, 0] == math.tan(along_y)


def shear_y_of(angle):
    """Return [[1, 0], [-tan, 1]]: a shear along y by an angle, clockwise counted."""
    return np.array([[1, 0, 0], [-math.tan(angle), 1, 0], [0, 0, 1]])


def test_right_angles_and_expanding():
    for mode in ("nearest", "bilinear"):
        for k in range(-2, 5):
            np.testing.assert_array_equal(F.rotate(FLOAT, 90 * k, mode, expand=True), np.rot90(FLOAT, k, (1, 2)))
            square = FLOAT[:, :, :9]
            almost = F.rotate(square, 90 * k + 1e-5, mode)
            np.testing.assert_allclose(almost, F.rotate(square, 90 * k, mode), atol=1e-4)
    assert F.rotate(np.ones((1, 10, 10)), 45, expand=True).shape == (1, 16, 16)
    whole = F.rotate(BYTES, 33, "bilinear", fill=7)
    assert whole.dtype == np.uint8 and whole[0, 0, 0] == 7


# --------------------------------------------------------------------------- the other functions


def test_cutting_and_padding():
    np.testing.assert_array_equal(F.crop(FLOAT, 2, 3, 4, 5), FLOAT[:, 2:6, 3:8])
    padded = np.pad(FLOAT, ((0, 0), (2, 9), (3, 9)))
    np.testing.assert_array_equal(F.crop(FLOAT, -2, -3, 18, 16), padded[:, :18, :16])
    assert not F.crop(FLOAT, 20, 20, 2, 2).any()
    np.testing.assert_array_equal(F.center_crop(FLOAT, 4), FLOAT[:, 2:6, 4:8])
    np.testing.assert_array_equal(F.center_crop(FLOAT, (9, 15)), np.pad(FLOAT, ((0, 0), (0, 0), (1, 2))))
    for mode, name in (("reflect", "reflect"), ("edge", "edge"), ("symmetric", "symmetric"), ("constant", "constant")):
        np.testing.assert_array_equal(
            F.pad(FLOAT, (1, 2, 3, 4), padding_mode=mode), np.pad(FLOAT, ((0, 0), (2, 4), (1, 3)), mode=name)
        )
    np.testing.assert_array_equal(
        F.pad(FLOAT, [2, 1], 0.5), np.pad(FLOAT, ((0, 0), (1, 1), (2, 2)), constant_values=0.5)
    )
    np.testing.assert_array_equal(F.pad(FLOAT, (-1, 0, -2, 1)), np.pad(FLOAT[:, :, 1:-2], ((0, 0), (0, 1), (0, 0))))
    corners = F.five_crop(FLOAT, (4, 5))
    np.testing.assert_array_equal(corners[3], FLOAT[:, -4:, -5:])
    np.testing.assert_array_equal(F.ten_crop(FLOAT, 4)[5], FLOAT[:, :4, ::-1][:, :, :4])
    with pytest.raises(ShapeError, match="larger than the image"):
        F.five_crop(FLOAT, 10)
    with pytest.raises(ArgumentError, match="1, 2 or 4"):
        F.pad(FLOAT, (1, 2, 3))


def test_blurring():
    for size, sigma in (((3, 5), (0.5, 2.0)), ((5, 5), (1.1, 1.1))):
        expected = FLOAT.astype(np.float64)
        for axis, n, s in ((2, size[0], sigma[0]), (1, size[1], sigma[1])):
            kernel = np.exp(-0.5 * ((np.arange(n) - n // 2) / s) ** 2)
            expected = scipy.ndimage.correlate1d(expected, kernel / kernel.sum(), axis, mode="mirror")
        np.testing.assert_allclose(F.gaussian_blur(FLOAT, size, sigma), expected, rtol=1e-5)
    np.testing.assert_allclose(F.gaussian_blur(FLOAT, 3), F.gaussian_blur(FLOAT, 3, 0.8), rtol=1e-6)
    for bad in ((4, 1.0), (3, 0.0)):
        with pytest.raises(ArgumentError, match="gaussian_blur"):
            F.gaussian_blur(FLOAT, *bad)
    with pytest.raises(ShapeError, match="too large"):
        F.gaussian_blur(FLOAT, 19)


@pytest.mark.parametrize("turn", [0.0, 0.25, -0.4, 0.5])
def test_hue(turn):
    expected = np.empty_like(FLOAT)
    for i, j in np.ndindex(9, 12):
        h, s, v = colorsys.rgb_to_hsv(*map(float, FLOAT[:, i, j]))
        expected[:, i, j] = colorsys.hsv_to_rgb((h + turn) % 1, s, v)
    np.testing.assert_allclose(F.adjust_hue(FLOAT, turn), expected, atol=1e-5)
    gray = np.full((3, 2, 2), 0.3, np.float32)
    np.testing.assert_allclose(F.adjust_hue(gray, turn), gray, rtol=1e-6)
    assert F.adjust_hue(np.zeros((3, 2, 2), np.uint8), turn).sum() == 0


def test_colors():
    weights = np.array([0.2989, 0.587, 0.114]).reshape(3, 1, 1)
    gray = (FLOAT * weights).sum(0, keepdims=True)
    np.testing.assert_allclose(F.rgb_to_grayscale(FLOAT), gray, rtol=1e-5)
    np.testing.assert_allclose(F.adjust_brightness(FLOAT, 1.7), np.minimum(FLOAT * 1.7, 1), rtol=1e-6)
    np.testing.assert_allclose(F.adjust_contrast(FLOAT, 0.3), 0.3 * FLOAT + 0.7 * gray.mean(), rtol=1e-5)
    np.testing.assert_allclose(F.adjust_saturation(FLOAT, 0.3), 0.3 * FLOAT + 0.7 * gray, rtol=1e-5)
    np.testing.assert_array_equal(F.adjust_brightness(BYTES, 0.5), BYTES // 2)
    np.testing.assert_array_equal(F.invert(BYTES), 255 - BYTES)
    np.testing.assert_array_equal(F.posterize(BYTES, 3), BYTES // 32 * 32)
    np.testing.assert_array_equal(F.solarize(BYTES, 100), np.where(BYTES >= 100, 255 - BYTES, BYTES))
    low, high = BYTES.min((1, 2), keepdims=True).astype(float), BYTES.max((1, 2), keepdims=True).astype(float)
    np.testing.assert_allclose(F.autocontrast(BYTES), (BYTES - low) * 255 / (high - low), atol=1)
    flat = np.full((1, 3, 3), 9, np.uint8)
    np.testing.assert_array_equal(F.autocontrast(flat), flat)
    kernel = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13
    smooth = FLOAT.copy()
    for c in range(3):
        smooth[c, 1:-1, 1:-1] = scipy.ndimage.correlate(FLOAT[c], kernel)[1:-1, 1:-1]
    np.testing.assert_allclose(F.adjust_sharpness(FLOAT, 0.0), smooth, rtol=1e-5)
    np.testing.assert_allclose(F.adjust_gamma(FLOAT, 2.0), FLOAT**2, rtol=1e-5)
    for function, factor in ((F.adjust_brightness, -1), (F.adjust_hue, 0.6), (F.rgb_to_grayscale, 2)):
        with pytest.raises(ArgumentError, match=function.__name__):
            function(FLOAT, factor)
    with pytest.raises(ShapeError, match="3 channels"):
        F.rgb_to_grayscale(FLOAT[:2])
    with pytest.raises(DTypeError, match="posterize"):
        F.posterize(FLOAT, 3)


def test_types():
    assert F.convert_image_dtype(np.full((1, 1, 1), 255, np.uint8)).item() == 1.0
    assert F.convert_image_dtype(np.full((1, 1, 1), 1.0, np.float32), mt.uint8).item() == 255
    assert F.convert_image_dtype(np.full((1, 1, 1), 0.5, np.float32), mt.uint8).item() == 127
    assert F.convert_image_dtype(np.full((1, 1, 1), 255, np.uint8), mt.int16).item() == 255 * 128
    assert F.convert_image_dtype(np.full((1, 1, 1), 255 * 128, np.int16), mt.uint8).item() == 255
    for dtype in (mt.uint8, mt.int16, mt.float64):
        there = F.convert_image_dtype(BYTES, dtype)
        np.testing.assert_array_equal(F.convert_image_dtype(there, mt.uint8), BYTES)
    with pytest.raises(DTypeError, match="cannot hold"):
        F.convert_image_dtype(FLOAT, mt.int32)
    assert F.to_dtype(BYTES, mt.float32).max() > 1 >= F.to_dtype(BYTES, mt.float32, scale=True).max()
    picture = random.integers(0, 256, (4, 5, 3)).astype(np.uint8)
    tensor = T.ToTensor()(picture)
    assert type(tensor) is mt.Tensor and tensor.dtype == mt.float32
    np.testing.assert_allclose(tensor, np.moveaxis(picture, -1, 0) / 255.0, rtol=1e-6)
    assert T.ToTensor()(picture[..., 0]).shape == (1, 4, 5)
    np.testing.assert_allclose(T.ToTensor()(mt.tensor(BYTES)), BYTES / 255.0, rtol=1e-6)
    np.testing.assert_allclose(T.Normalize((0.1, 0.2, 0.3), (1, 2, 4))(FLOAT)[2], (FLOAT[2] - 0.3) / 4, rtol=1e-5)
    with pytest.raises(DTypeError, match="ToTensor"):
        F.normalize(BYTES, [0.5], [0.5])
    with pytest.raises(ShapeError, match="channels"):
        F.normalize(FLOAT, [0.5, 0.5], [0.5, 0.5])
    with pytest.raises(ArgumentError, match="std"):
        F.normalize(FLOAT, [0.5], [0.0])


# --------------------------------------------------------------------------- chance

RANDOM = {
    "crop": T.RandomCrop((5, 6), padding=2),
    "resized crop": T.RandomResizedCrop(6),
    "flip": T.RandomHorizontalFlip(),
    "vertical flip": T.RandomVerticalFlip(),
    "rotation": T.RandomRotation(30, fill=0.5),
    "affine": T.RandomAffine(30, (0.2, 0.1), (0.8, 1.2), 10, "bilinear"),
    "jitter": T.ColorJitter(0.4, 0.4, 0.4, 0.2),
    "blur": T.GaussianBlur(3),
    "erasing": T.RandomErasing(0.9, value="random"),
    "order": T.RandomOrder([T.RandomHorizontalFlip(), T.Resize(7), T.RandomRotation(20)]),
    "choice": T.RandomChoice([T.Resize(7), T.Resize(8), T.Lambda(lambda x: x + 1)]),
    "apply": T.RandomApply([T.ColorJitter(0.5)], 0.5),
    "all": T.Compose([
        T.RandomGrayscale(0.5), T.RandomInvert(), T.RandomAutocontrast(), T.RandomSolarize(0.5), T.RandomAdjustSharpness(2)
    ]),
}  # fmt: skip


@pytest.mark.parametrize("name", RANDOM)
def test_the_seed_decides(name):
    transform = RANDOM[name]

    def drawn(seed, image):
        mt.manual_seed(seed)
        return [np.asarray(transform(image)) for _ in range(12)]

    first, again, other = drawn(1, FLOAT), drawn(1, mt.tensor(FLOAT)), drawn(2, FLOAT)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(a.shape != b.shape or (a != b).any() for a, b in zip(first, other, strict=True))
    assert any(a.shape != first[0].shape or (a != first[0]).any() for a in first)
    assert "(" in repr(transform)


def test_crops_and_flips():
    places = np.arange(9 * 12, dtype=np.float32).reshape(1, 9, 12)
    seen = set()
    for _ in range(200):
        found = T.RandomCrop((7, 10))(places)
        i, j = divmod(int(found[0, 0, 0]), 12)
        np.testing.assert_array_equal(found, places[:, i : i + 7, j : j + 10])
        seen.add((i, j))
    assert seen == {(i, j) for i in range(3) for j in range(3)}
    np.testing.assert_array_equal(T.RandomHorizontalFlip(1.0)(FLOAT), FLOAT[..., ::-1])
    assert T.RandomVerticalFlip(0.0)(FLOAT) is FLOAT
    share = np.mean([T.RandomHorizontalFlip(0.3)(FLOAT) is not FLOAT for _ in range(500)])
    assert 0.2 < share < 0.4
    assert T.RandomCrop(14, pad_if_needed=True)(FLOAT).shape == (3, 14, 14)
    with pytest.raises(ShapeError, match="pad_if_needed"):
        T.RandomCrop(10)(FLOAT)


def test_resized_crops_keep_to_their_ranges():
    transform = T.RandomResizedCrop(4, scale=(0.2, 0.6), ratio=(0.5, 2.0))
    areas, ratios = [], []
    for _ in range(300):
        i, j, h, w = transform._place(60, 90)
        assert 0 <= i <= 60 - h and 0 <= j <= 90 - w
        areas.append(h * w / 5400)
        ratios.append(w / h)
    assert 0.18 < min(areas) < 0.25 and 0.55 < max(areas) < 0.62
    assert 0.47 < min(ratios) < 0.6 and 1.7 < max(ratios) < 2.1
    assert T.RandomResizedCrop(4, scale=(0.5, 1), ratio=(20, 30))._place(10, 10) == (4, 0, 1, 10)


def test_erasing_keeps_to_its_ranges():
    image, shares = np.ones((3, 40, 40), np.float32), []
    for _ in range(200):
        found = T.RandomErasing(1.0, (0.1, 0.3), value=(5, 6, 7))(image)
        erased = found[0] == 5
        assert ((found[2] == 7) == erased).all() and image.min() == 1
        i, j = np.nonzero(erased)
        assert erased.sum() == (np.ptp(i) + 1) * (np.ptp(j) + 1)
        shares.append(erased.mean())
    assert 0.08 < min(shares) < 0.13 and 0.27 < max(shares) < 0.33


def test_jitter_and_the_like_draw_from_their_ranges():
    white = np.full((3, 2, 2), 0.5, np.float32)
    factors = [T.ColorJitter(brightness=(0.5, 0.8))(white)[0, 0, 0] / 0.5 for _ in range(200)]
    assert 0.5 <= min(factors) < 0.53 and 0.77 < max(factors) <= 0.8
    np.testing.assert_allclose(T.ColorJitter(contrast=(0.5, 0.5))(FLOAT), F.adjust_contrast(FLOAT, 0.5))
    assert T.ColorJitter()(FLOAT) is FLOAT
    np.testing.assert_array_equal(T.RandomRotation((90, 90))(FLOAT[:, :, :9]), np.rot90(FLOAT[:, :, :9], 1, (1, 2)))
    counts = np.bincount([T.RandomChoice([lambda x, i=i: i for i in range(3)], [1, 0, 3])(0) for _ in range(400)])
    assert counts[1] == 0 and 60 < counts[0] < 140


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: T.RandomHorizontalFlip(1.5), "p is a probability"),
        (lambda: T.RandomRotation(-3), "degrees as a single number"),
        (lambda: T.RandomRotation((3, 2)), "two ends"),
        (lambda: T.RandomAffine(0, (2, 0)), "translate"),
        (lambda: T.RandomAffine(0, scale=(0, 1)), "scale"),
        (lambda: T.ColorJitter(hue=0.7), "hue"),
        (lambda: T.ColorJitter(brightness=(-1, 1)), "brightness"),
        (lambda: T.RandomErasing(value="white"), "'random'"),
        (lambda: T.RandomChoice([]), "needs transforms"),
        (lambda: T.RandomCrop(0), "positive"),
        (lambda: F.rotate(FLOAT, 3, "bicubic"), "interpolation"),
        (lambda: F.affine(FLOAT, 0, (0, 0), 0, 0), "scale must be positive"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()
    with pytest.raises(TypeError, match="function"):
        T.Lambda(3)


class Augmented(Dataset):
    transform = RANDOM["all"]

    def __len__(self):
        return 12

    def __getitem__(self, i):
        return T.RandomCrop(5)(self.transform(FLOAT))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning", "ignore:.*fork:RuntimeWarning")
def test_workers_draw_by_the_seed_of_the_loader():
    def batches(**options):
        loader = DataLoader(Augmented(), batch_size=4, generator=mt.Generator().manual_seed(4), **options)
        return np.stack([batch.numpy() for batch in loader])

    threads = batches(num_workers=3, worker_type="thread")
    np.testing.assert_array_equal(threads, batches(num_workers=2))
    flat = threads.reshape(12, -1)
    assert len({tuple(row) for row in flat.tolist()}) > 9
