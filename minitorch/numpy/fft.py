"""Discrete Fourier transforms (`minitorch.numpy.fft`).

`n` or `s` cut the input or fill it with zeros. `norm` says which direction is divided by the length: `"backward"` (the
inverse), `"forward"`, or `"ortho"` (both, by its root).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.array import Array
from ..core.conversion import number
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.ops import fourier, slicing
from ..core.ops import joining as J
from ..core.ops import pointwise as P
from ..core.ops import shaping as S
from ..core.tracer import Value, aval_of
from .arguments import array_of, inexact

_NORMS = ("backward", "ortho", "forward")


def _signal(name: str, a: Any) -> Value:
    a = inexact(a)
    if not a.ndim:
        raise ShapeError(f"{name}: needs at least one axis, got {aval_of(a)}; reshape it to (1,)")
    return S.cast(a, dtypes.float32) if a.dtype in dtypes.HALVES else a


def _reals(name: str, a: Any) -> Value:
    a = _signal(name, a)
    if a.dtype in dtypes.COMPLEX:
        raise DTypeError(f"{name}: takes reals, got {aval_of(a)}; use fft, or take .real")
    return a


def _complexes(name: str, a: Any) -> Value:
    a = _signal(name, a)
    return S.cast(a, dtypes.complex_of(a.dtype))


def _resized(name: str, x: Value, n: int, axis: int) -> Value:
    if n < 1:
        raise ArgumentError(f"{name}: the length must be positive, got {n} for axis {axis} of {aval_of(x)}; give n=")
    have = x.shape[axis]
    if have > n:
        return slicing.slice_axis(x, axis, 0, n)
    place = axis % x.ndim
    return J.pad(x, [(0, n - have) if i == place else (0, 0) for i in range(x.ndim)])


def _scaled(name: str, x: Value, n: int, norm: str | None, inverse: bool) -> Value:
    norm = norm or "backward"
    if norm not in _NORMS:
        raise ArgumentError(f"{name}: norm must be one of {', '.join(_NORMS)}, got {norm!r}")
    if norm == "ortho":
        return P.mul(x, 1 / math.sqrt(n))
    return P.mul(x, 1 / n) if (norm == "backward") == inverse else x


def _lengths(x: Value, s: Any, axes: Any) -> list[tuple[int | None, int]]:
    """Return the length and the axis of each transform, in the order given."""
    if axes is None:
        axes = range(x.ndim) if s is None else range(x.ndim - len(s), x.ndim)
    places = list(S.canonical_axes("fftn", tuple(axes), x.ndim)) if len(set(axes)) == len(axes) else list(axes)
    lengths: Sequence[Any] = [None] * len(places) if s is None else s
    if len(lengths) != len(places):
        raise ShapeError(f"fftn: s={s} and axes={axes} have different lengths for {aval_of(x)}; give one size per axis")
    return [(None if n == -1 else n, axis) for n, axis in zip(lengths, places)]


def _transform(name: str, a: Any, n: int | None, axis: int, norm: str | None, inverse: bool) -> Value:
    x = _complexes(name, a)
    place = S.canonical_axis(name, axis, x.ndim)
    n = x.shape[place] if n is None else n
    x = fourier.fft_p(_resized(name, x, n, place), axis=place, inverse=inverse)
    return _scaled(name, x, n, norm, inverse)


def fft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Value:
    """Return the Fourier transform along an axis.

    >>> mnp.fft.fft(mnp.array([1.0, 0.0, 0.0, 0.0]))
    Array([1.+0.j, 1.+0.j, 1.+0.j, 1.+0.j], dtype=complex64)
    """
    return _transform("fft", a, n, axis, norm, False)


def ifft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Value:
    """Return the inverse Fourier transform along an axis.

    >>> mnp.fft.ifft(mnp.array([4.0, 0.0, 0.0, 0.0])).real
    Array([1., 1., 1., 1.], dtype=float32)
    """
    return _transform("ifft", a, n, axis, norm, True)


def fftn(a: Any, s: Any = None, axes: Any = None, norm: str | None = None) -> Value:
    """Return the Fourier transform along several axes, by default all.

    >>> mnp.fft.fftn(mnp.ones((2, 2))).real
    Array([[4., 0.],
           [0., 0.]], dtype=float32)
    """
    a = _complexes("fftn", a)
    for n, axis in reversed(_lengths(a, s, axes)):
        a = _transform("fftn", a, n, axis, norm, False)
    return a


def ifftn(a: Any, s: Any = None, axes: Any = None, norm: str | None = None) -> Value:
    """Return the inverse Fourier transform along several axes, by default all.

    >>> mnp.fft.ifftn(mnp.ones((2, 2))).real
    Array([[1., 0.],
           [0., 0.]], dtype=float32)
    """
    a = _complexes("ifftn", a)
    for n, axis in reversed(_lengths(a, s, axes)):
        a = _transform("ifftn", a, n, axis, norm, True)
    return a


def fft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None) -> Value:
    """Return the Fourier transform along two axes.

    >>> mnp.fft.fft2(mnp.ones((2, 2))).real
    Array([[4., 0.],
           [0., 0.]], dtype=float32)
    """
    return fftn(a, s, axes, norm)


def ifft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None) -> Value:
    """Return the inverse Fourier transform along two axes.

    >>> mnp.fft.ifft2(mnp.ones((2, 2))).real
    Array([[1., 0.],
           [0., 0.]], dtype=float32)
    """
    return ifftn(a, s, axes, norm)


def rfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Value:
    """Return the first half of the Fourier transform of reals, which the rest mirrors.

    >>> mnp.fft.rfft(mnp.array([1.0, 0.0, 0.0, 0.0]))
    Array([1.+0.j, 1.+0.j, 1.+0.j], dtype=complex64)
    """
    x = _reals("rfft", a)
    place = S.canonical_axis("rfft", axis, x.ndim)
    n = x.shape[place] if n is None else n
    return _scaled("rfft", fourier.rfft_p(_resized("rfft", x, n, place), axis=place), n, norm, False)


def irfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Value:
    """Return the reals, `n` of them (by default an even number), whose Fourier transform begins like this.

    >>> mnp.fft.irfft(mnp.array([1.0 + 0j, 1.0, 1.0]))
    Array([1., 0., 0., 0.], dtype=float32)
    """
    x = _complexes("irfft", a)
    place = S.canonical_axis("irfft", axis, x.ndim)
    n = 2 * (x.shape[place] - 1) if n is None else n
    x = _resized("irfft", x, n // 2 + 1 if n > 0 else n, place)
    return _scaled("irfft", fourier.irfft_p(x, n=n, axis=place), n, norm, True)


def rfftn(a: Any, s: Any = None, axes: Any = None, norm: str | None = None) -> Value:
    """Return the Fourier transform of reals along several axes; along the last of them, only the first half.

    >>> mnp.fft.rfftn(mnp.ones((2, 2))).real
    Array([[4., 0.],
           [0., 0.]], dtype=float32)
    """
    x = _reals("rfftn", a)
    *others, (n, axis) = _lengths(x, s, axes)
    out = rfft(x, n, axis, norm)
    for n, axis in reversed(others):
        out = _transform("rfftn", out, n, axis, norm, False)
    return out


def irfftn(a: Any, s: Any = None, axes: Any = None, norm: str | None = None) -> Value:
    """Return the inverse of `rfftn`.

    >>> mnp.fft.irfftn(mnp.ones((2, 2)))
    Array([[1., 0.],
           [0., 0.]], dtype=float32)
    """
    x = _complexes("irfftn", a)
    *others, (n, axis) = _lengths(x, s, axes)
    for m, place in others:
        x = _transform("irfftn", x, m, place, norm, True)
    return irfft(x, n, axis, norm)


def rfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None) -> Value:
    """Return the Fourier transform of reals along two axes; along the last, only the first half.

    >>> mnp.fft.rfft2(mnp.ones((2, 2))).real
    Array([[4., 0.],
           [0., 0.]], dtype=float32)
    """
    return rfftn(a, s, axes, norm)


def irfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None) -> Value:
    """Return the inverse of `rfft2`.

    >>> mnp.fft.irfft2(mnp.ones((2, 2)))
    Array([[1., 0.],
           [0., 0.]], dtype=float32)
    """
    return irfftn(a, s, axes, norm)


_OPPOSITE = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}


def hfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Value:
    """Return the Fourier transform, which is real, of a signal that mirrors its first half, given here.

    >>> mnp.fft.hfft(mnp.array([1.0 + 0j, 2.0, 3.0]))
    Array([ 8., -2.,  0., -2.], dtype=float32)
    """
    return irfft(P.conj(_complexes("hfft", a)), n, axis, _OPPOSITE.get(norm, norm))


def ihfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Value:
    """Return the inverse of `hfft`.

    >>> mnp.fft.ihfft(mnp.array([4.0, 0.0, 0.0, 0.0]))
    Array([1.-0.j, 1.-0.j, 1.-0.j], dtype=complex64)
    """
    return P.conj(rfft(a, n, axis, _OPPOSITE.get(norm, norm)))


def fftfreq(n: int, d: Any = 1.0, *, dtype: Any = None, device: str | None = None) -> Array:
    """Return the frequencies of the results of `fft`, in cycles per unit of the spacing `d`.

    >>> mnp.fft.fftfreq(4)
    Array([ 0.  ,  0.25, -0.5 , -0.25], dtype=float32)
    """
    return _placed(Array(np.fft.fftfreq(n, number(d, "d")), dtype or float), device)


def rfftfreq(n: int, d: Any = 1.0, *, dtype: Any = None, device: str | None = None) -> Array:
    """Return the frequencies of the results of `rfft`.

    >>> mnp.fft.rfftfreq(4)
    Array([0.  , 0.25, 0.5 ], dtype=float32)
    """
    return _placed(Array(np.fft.rfftfreq(n, number(d, "d")), dtype or float), device)


def _placed(x: Array, device: str | None) -> Array:
    return x if device is None else x.to_device(device)


def _shifted(x: Any, axes: Any, direction: int) -> Value:
    x = array_of(x)
    places = S.canonical_axes("fftshift", axes, x.ndim)
    shifts = [(x.shape[i] // 2 if direction > 0 else -(x.shape[i] // 2)) for i in places]
    return J.roll(x, shifts, places) if places else x


def fftshift(x: Any, axes: Any = None) -> Value:
    """Move the frequency 0 to the middle.

    >>> mnp.fft.fftshift(mnp.array([0, 1, 2, -2, -1]))
    Array([-2, -1,  0,  1,  2], dtype=int64)
    """
    return _shifted(x, axes, 1)


def ifftshift(x: Any, axes: Any = None) -> Value:
    """Undo `fftshift`.

    >>> mnp.fft.ifftshift(mnp.array([-2, -1, 0, 1, 2]))
    Array([ 0,  1,  2, -2, -1], dtype=int64)
    """
    return _shifted(x, axes, -1)


__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifft2", "ifftn", "ifftshift", "ihfft", "irfft",
    "irfft2", "irfftn", "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip
