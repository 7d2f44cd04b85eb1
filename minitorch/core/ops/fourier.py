"""Discrete Fourier transforms along one axis, without scaling: NumPy's `norm="backward"` forwards, `"forward"` back.

`fft` is a symmetric matrix, so it is its own transpose. `rfft` and `irfft` map reals to half a spectrum and back; each is
the adjoint of the other, up to the weight 2 of the frequencies that stand for two.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..array import wrap
from ..aval import Aval
from ..primitive import LINEAR
from ..tracer import Value
from .families import LEADING, custom
from .pointwise import div, mul


def _fft_impl(x: Any, *, axis: int, inverse: bool) -> Any:
    return np.fft.ifft(x, axis=axis, norm="forward") if inverse else np.fft.fft(x, axis=axis)


fft_p: Any = custom(
    "fft",
    _fft_impl,
    abstract=lambda x, *, axis, inverse: x._replace(weak=False),
    vjp=(lambda g, axis, inverse: fft_p(g, axis=axis, inverse=inverse),),
    jvp=LINEAR,
    batch=LEADING,
    holomorphic=True,
)


def _resized(x: Aval, axis: int, n: int, dtype: dtypes.DType) -> Aval:
    at = x.ndim + axis
    return x._replace(shape=(*x.shape[:at], n, *x.shape[at + 1 :]), dtype=dtype, weak=False)


def _weights(n: int, axis: int, dtype: dtypes.DType) -> Value:
    """How many of `n` frequencies each one of half a spectrum stands for."""
    weights = np.full(n // 2 + 1, 2.0)
    weights[0] = 1.0
    if n % 2 == 0:
        weights[-1] = 1.0
    return wrap(weights.astype(dtypes.real_of(dtype)).reshape((-1,) + (1,) * (-axis - 1)))


rfft_p: Any = custom(
    "rfft",
    lambda x, *, axis: np.fft.rfft(x, axis=axis),
    abstract=lambda x, *, axis: _resized(x, axis, x.shape[axis] // 2 + 1, dtypes.complex_of(x.dtype)),
    vjp=(
        lambda g, x_aval, axis: irfft_p(
            div(g, _weights(x_aval.shape[axis], axis, g.dtype)), n=x_aval.shape[axis], axis=axis
        ),
    ),
    jvp=LINEAR,
    batch=LEADING,
)
irfft_p: Any = custom(
    "irfft",
    lambda x, *, n, axis: np.fft.irfft(x, n, axis=axis, norm="forward"),
    abstract=lambda x, *, n, axis: _resized(x, axis, n, dtypes.real_of(x.dtype)),
    vjp=(lambda g, n, axis: mul(rfft_p(g, axis=axis), _weights(n, axis, g.dtype)),),
    jvp=LINEAR,
    batch=LEADING,
)
