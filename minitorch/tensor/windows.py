"""Window functions of signal processing (Harris, "On the use of windows for harmonic analysis", 1978)."""

from __future__ import annotations

from collections.abc import Callable
from operator import index as as_int
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.array import wrap
from ..core.errors import ArgumentError, DTypeError
from .creation import made
from .handle import Tensor
from .texts.written import docstring
from .types import get_default_dtype

Shape = Callable[..., Any]  # of the place, from 0 to 1, and the window's own parameters


def _window(
    name: str, shape: Shape, text: str, shown: tuple[str, str], *parameters: tuple[str, float]
) -> Callable[..., Tensor]:
    """Return the function that makes windows of a shape; `shown` is an example, `parameters` are names and defaults."""
    names = [key for key, _ in parameters]

    def create(
        window_length: int,
        periodic: bool = True,
        *given: float,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        **named: float,
    ) -> Tensor:
        n = as_int(window_length)
        if n < 0 or len(given) > len(names) or set(named) - set(names[len(given) :]):
            raise ArgumentError(f"{name}: takes a length >= 0, periodic, and {names}; got {n}, {given} and {named}")
        kind = get_default_dtype() if dtype is None else dtypes.canonical(dtype)
        if kind not in dtypes.REALS:
            raise DTypeError(f"{name}: dtype must be a float, got {dtypes.name(kind)}")
        values = dict(parameters) | dict(zip(names, given)) | named
        steps = max(n if periodic else n - 1, 1)
        out = np.ones(n) if n == 1 else shape(np.arange(n) / steps, **values)
        return made(wrap(np.asarray(out).astype(kind)), device, requires_grad)

    create.__name__ = create.__qualname__ = name
    summary = f"Make a window {text}: of `window_length` points, symmetric unless `periodic`."
    create.__doc__ = docstring((summary, *shown))
    return create


def _cosines(x: Any, *weights: float) -> Any:
    return sum(w * np.cos(2 * np.pi * k * x) for k, w in enumerate(weights))


hann_window = _window(
    "hann_window",
    lambda x: _cosines(x, 0.5, -0.5),
    "that is half a cosine above 0",
    ("mt.hann_window(4)", "tensor([0.0000, 0.5000, 1.0000, 0.5000])"),
)
hamming_window = _window(
    "hamming_window",
    lambda x, alpha, beta: _cosines(x, alpha, -beta),
    "`alpha - beta * cos(2 pi x)`",
    ("mt.hamming_window(4)", "tensor([0.0800, 0.5400, 1.0000, 0.5400])"),
    ("alpha", 0.54),
    ("beta", 0.46),
)
blackman_window = _window(
    "blackman_window",
    lambda x: _cosines(x, 0.42, -0.5, 0.08),
    "of three cosines",
    ("mt.blackman_window(4)[1:]", "tensor([0.3400, 1.0000, 0.3400])"),
)
bartlett_window = _window(
    "bartlett_window",
    lambda x: 1 - np.abs(2 * x - 1),
    "that is a triangle",
    ("mt.bartlett_window(5, periodic=False)", "tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])"),
)
kaiser_window = _window(
    "kaiser_window",
    lambda x, beta: np.i0(beta * np.sqrt(np.maximum(1 - (2 * x - 1) ** 2, 0))) / np.i0(beta),
    "of a Bessel function",
    ("mt.kaiser_window(4, periodic=True, beta=2.0)", "tensor([0.4387, 0.8348, 1.0000, 0.8348])"),
    ("beta", 12.0),
)
