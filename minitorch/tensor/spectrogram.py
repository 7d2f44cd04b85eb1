"""The Fourier transform of short windows of a signal, and back, under PyTorch's names.

Windows are views (`unfold`), and going back adds them up where they overlap (`fold`), so both have every derivative.
"""

from __future__ import annotations

import math
from typing import Any

from ..core import dtypes
from ..core.errors import ArgumentError, DTypeError, JitError, ShapeError, TracerError
from ..core.ops import fourier, joining, pointwise, shaping, slicing, windowing
from ..core.ops.families import as_array
from ..core.tracer import Value, aval_of, concrete
from .arranging import PAD_MODES


def _checked(name: str, n_fft: int, hop_length: int | None, win_length: int | None, window: Any) -> tuple[int, Any]:
    """Return the step between windows, and the window filled up to `n_fft` points, None for ones."""
    hop = n_fft // 4 if hop_length is None else hop_length
    length = n_fft if win_length is None else win_length
    if hop < 1 or not 0 < length <= n_fft:
        raise ArgumentError(
            f"{name}: needs hop_length > 0 and 0 < win_length <= n_fft, got hop_length={hop}, win_length={length} and "
            f"n_fft={n_fft}"
        )
    if window is not None and as_array(window).shape != (length,):
        raise ShapeError(f"{name}: the window must have shape ({length},), got {aval_of(as_array(window))}")
    if window is None and length == n_fft:
        return hop, None
    points = shaping.full((length,), 1.0, dtypes.floating()) if window is None else as_array(window)
    left = (n_fft - length) // 2
    return hop, joining.pad(points, [(left, n_fft - length - left)])


def _spectrum(frames: Value, onesided: bool) -> Value:
    if onesided:
        return fourier.rfft_p(frames, axis=-1)
    return fourier.fft_p(shaping.cast(frames, dtypes.complex_of(frames.dtype)), axis=-1, inverse=False)


def stft(
    input: Any,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Any = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
) -> Any:
    """Transform windows of a signal `[..., time]` to `[..., frequencies, windows]`.

    A window of `n_fft` points starts every `hop_length` points (a quarter of it by default) and is multiplied by `window`.
    With `center`, window t has its middle at point `t * hop_length`, the signal extended by `pad_mode`. `normalized`
    divides by the root of `n_fft`; `onesided` (for reals, the default) leaves out the frequencies that mirror others.
    `return_complex=False` gives real and imaginary parts in a last dimension of their own.
    Source: Griffin and Lim, "Signal estimation from modified short-time Fourier transform", 1984.
    """
    x = as_array(input)
    if x.ndim not in (1, 2) or x.dtype in dtypes.HALVES or not dtypes.is_inexact(x.dtype):
        raise DTypeError(f"stft: takes a float or complex tensor of 1 or 2 dimensions, got {aval_of(x)}")
    is_complex = any(dtypes.is_complex(y.dtype) for y in (x, window) if y is not None)
    if return_complex is None and not is_complex:
        raise ArgumentError("stft: say return_complex=True, or False for real and imaginary parts in a last dimension")
    if onesided and is_complex:
        raise ArgumentError("stft: the spectrum of complex numbers has no mirrored half; leave out onesided=True")
    if center:
        half = n_fft // 2
        if pad_mode not in PAD_MODES:
            raise ArgumentError(f"stft: pad_mode must be one of {', '.join(PAD_MODES)}, got {pad_mode!r}")
        x = joining.pad(x, [(0, 0)] * (x.ndim - 1) + [(half, half)], PAD_MODES[pad_mode])
    if not 0 < n_fft <= x.shape[-1]:
        raise ArgumentError(f"stft: needs 0 < n_fft <= {x.shape[-1]} points, got {n_fft} for {aval_of(x)}")
    hop, points = _checked("stft", n_fft, hop_length, win_length, window)
    frames = shaping.swapaxes(windowing.unfold(x, n_fft, hop), -2, -1)  # [..., windows, n_fft]
    frames = frames if points is None else pointwise.mul(frames, points)
    out = _spectrum(frames, not is_complex if onesided is None else onesided)
    out = shaping.swapaxes(pointwise.mul(out, 1 / math.sqrt(n_fft)) if normalized else out, -2, -1)
    if return_complex is False:
        return joining.stack([pointwise.real(out), pointwise.imag(out)], -1)
    return out


def _frames(spectra: Value, n_fft: int, onesided: bool) -> Value:
    """Return the windows that spectra are of, each divided by its length."""
    if onesided:
        frames = fourier.irfft_p(spectra, n=n_fft, axis=-1)
    else:
        frames = fourier.fft_p(spectra, axis=-1, inverse=True)
    return pointwise.mul(frames, 1 / n_fft)


def _overlapped(frames: Value, size: int, hop: int) -> Value:
    """Add windows `[..., windows, n_fft]` up, one starting every `hop` points."""
    return windowing.fold(shaping.swapaxes(frames, -2, -1), (size,), frames.shape[-1], hop)


def istft(
    input: Any,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Any = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Any:
    """Return the signal whose `stft`, with the same arguments, is nearest to this one in squares.

    Each point is the sum of the windows over it divided by the sum of their squared weights, which must not vanish.
    `length` cuts the signal, or fills it with zeros.
    """
    x = as_array(input)
    if x.ndim not in (2, 3) or not dtypes.is_complex(x.dtype):
        raise DTypeError(f"istft: takes a complex tensor [..., frequencies, windows], got {aval_of(x)}")
    onesided = x.shape[-2] != n_fft if onesided is None else onesided
    expected = n_fft // 2 + 1 if onesided else n_fft
    if x.shape[-2] != expected or not x.shape[-1]:
        raise ShapeError(f"istft: needs {expected} frequencies for n_fft={n_fft}, and a window, got {aval_of(x)}")
    if return_complex and onesided:
        raise ArgumentError("istft: half of a spectrum stands for reals; say onesided=False for return_complex=True")
    hop, points = _checked("istft", n_fft, hop_length, win_length, window)
    if not (onesided or return_complex):  # reals: the first half says all
        x = slicing.slice_axis(x, -2, 0, n_fft // 2 + 1)
    frames = _frames(shaping.swapaxes(x, -2, -1), n_fft, not return_complex)
    frames = pointwise.mul(frames, math.sqrt(n_fft)) if normalized else frames
    weights = shaping.full((n_fft,), 1.0, dtypes.real_of(x.dtype)) if points is None else points
    size = n_fft + hop * (x.shape[-1] - 1)
    squares = shaping.broadcast_to(pointwise.square(weights), (x.shape[-1], n_fft))
    start = n_fft // 2 if center else 0
    stop = start + length if length is not None else size - start
    envelope = slicing.slice_axis(_overlapped(squares, size, hop), 0, start, min(stop, size))
    if _vanishes(envelope):
        raise ArgumentError("istft: no window covers some points of the result; use a window without zeros, or center")
    signal = _overlapped(pointwise.mul(frames, weights), size, hop)
    signal = pointwise.div(slicing.slice_axis(signal, -1, start, min(stop, size)), envelope)
    missing = max(stop - size, 0)
    return joining.pad(signal, [(0, 0)] * (signal.ndim - 1) + [(0, missing)]) if missing else signal


def _vanishes(envelope: Value) -> bool:
    """Return whether an element is 0. Where only a transform knows them, the division by it gives what it gives."""
    try:
        return bool((abs(concrete(envelope, "istft").numpy()) <= 1e-11).any())
    except (JitError, TracerError):
        return False
