"""Convolution layers in 1, 2 and 3 dimensions, and their transposes."""

from __future__ import annotations

import math
from typing import Any

from ...core.errors import ArgumentError
from .. import functional as F
from .. import init
from ..module import Module
from .linear import uniform_parameter

_PADDING = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


def spread(value: Any, n: int) -> tuple[Any, ...]:
    """Return one number for each dimension."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * n


def _bound(shape: tuple[int, ...]) -> float:
    """Return the largest initial value for weights of a shape."""
    fan_in = math.prod(shape[1:])
    return 1 / math.sqrt(fan_in) if fan_in > 0 else 0.0


class _Conv(Module):
    """What the layers have in common; weights and biases are uniform with bound `1 / sqrt(fan_in)`."""

    _dimensions: int
    _transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self._check(in_channels, out_channels, groups, padding, stride, padding_mode)
        n = self._dimensions
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride, self.dilation = (spread(x, n) for x in (kernel_size, stride, dilation))
        self.padding = padding if isinstance(padding, str) else spread(padding, n)
        self.transposed = self._transposed
        self.output_padding = (0,) * n
        self.padding_mode = padding_mode
        first, second = (in_channels, out_channels) if self._transposed else (out_channels, in_channels)
        shape = (first, second // groups, *self.kernel_size)
        bound = _bound(shape)
        self.weight = uniform_parameter(shape, bound, dtype, device)
        self.register_parameter("bias", uniform_parameter((out_channels,), bound, dtype, device) if bias else None)

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        bound = _bound(self.weight.shape)
        for p in (self.weight, self.bias):
            if p is not None:
                init.uniform_(p, -bound, bound)

    def _check(self, inputs: int, outputs: int, groups: int, padding: Any, stride: Any, mode: str) -> None:
        name = type(self).__name__
        if groups <= 0:
            raise ArgumentError(f"{name}: groups must be a positive integer, got {groups}")
        if inputs % groups or outputs % groups:
            which = "in_channels" if inputs % groups else "out_channels"
            raise ArgumentError(
                f"{name}: {which} must be divisible by groups, got {inputs}, {outputs}, {groups} for in_channels, "
                f"out_channels, groups; change one of them"
            )
        if mode not in _PADDING:
            raise ArgumentError(f"{name}: padding_mode must be one of {list(_PADDING)}, but got padding_mode={mode!r}")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ArgumentError(f"{name}: Invalid padding string {padding!r}, should be one of 'same', 'valid'")
            if padding == "same" and any(s != 1 for s in spread(stride, self._dimensions)):
                raise ArgumentError(f"{name}: padding='same' is not supported for strided convolutions; give numbers")

    def _margins(self) -> list[int]:
        """Return (before, after) for each dimension, the last one first, as `pad` takes them."""
        if self.padding == "valid":
            return [0] * (2 * self._dimensions)
        if self.padding == "same":
            totals = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size)]
            pairs = [(total // 2, total - total // 2) for total in totals]
        else:
            pairs = [(p, p) for p in self.padding]
        return [width for pair in reversed(pairs) for width in pair]

    def forward(self, input: Any) -> Any:
        """Slide the kernel over the input."""
        return self._conv_forward(input, self.weight, self.bias)

    def _conv_forward(self, input: Any, weight: Any, bias: Any) -> Any:
        """Convolve with another kernel, for subclasses that change it; as in PyTorch."""
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._margins(), _PADDING[self.padding_mode])
            padding = 0
        convolve = getattr(F, f"conv{self._dimensions}d")
        return convolve(input, weight, bias, self.stride, padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        """Return the sizes."""
        n = self._dimensions
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        text += "" if self.padding == (0,) * n else f", padding={self.padding}"
        text += "" if self.dilation == (1,) * n else f", dilation={self.dilation}"
        text += "" if self.output_padding == (0,) * n else f", output_padding={self.output_padding}"
        text += "" if self.groups == 1 else f", groups={self.groups}"
        text += "" if self.bias is not None else ", bias=False"
        return text + ("" if self.padding_mode == "zeros" else f", padding_mode={self.padding_mode}")


class Conv1d(_Conv):
    """Slides a kernel over `[N, C, L]`.

    >>> nn.Conv1d(3, 8, 5, padding=2)(mt.zeros(2, 3, 16)).shape
    (2, 8, 16)
    """

    _dimensions = 1


class Conv2d(_Conv):
    """Slides a kernel over `[N, C, H, W]`.

    >>> Conv2d(1, 8, 3, padding=1)
    Conv2d(1, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
    """

    _dimensions = 2


class Conv3d(_Conv):
    """Slides a kernel over `[N, C, D, H, W]`.

    >>> nn.Conv3d(3, 8, 3, padding=1)(mt.zeros(2, 3, 4, 4, 4)).shape
    (2, 8, 4, 4, 4)
    """

    _dimensions = 3


class _ConvTranspose(_Conv):
    """The transpose of a convolution: sizes grow where those of the convolution shrink."""

    _transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        if padding_mode != "zeros":
            raise ArgumentError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        if isinstance(padding, str):
            raise ArgumentError(f"{type(self).__name__}: padding must be given in numbers, got {padding!r}")
        sizes = in_channels, out_channels, kernel_size, stride, padding, dilation
        super().__init__(*sizes, groups, bias, padding_mode, device, dtype)
        self.output_padding = spread(output_padding, self._dimensions)

    def _extra(self, input: Any, output_size: Any) -> Any:
        """Return the output padding that leads to an output size."""
        if output_size is None:
            return self.output_padding
        n = self._dimensions
        wanted = tuple(output_size)[-n:]
        least = [
            (size - 1) * s - 2 * p + d * (k - 1) + 1
            for size, s, p, d, k in zip(input.shape[-n:], self.stride, self.padding, self.dilation, self.kernel_size)
        ]
        extra = tuple(w - m for w, m in zip(wanted, least))
        if any(not 0 <= e < s for e, s in zip(extra, self.stride)):
            raise ArgumentError(
                f"{type(self).__name__}: requested an output size of {wanted}, but valid sizes range from {least} to "
                f"{[m + s - 1 for m, s in zip(least, self.stride)]} (for an input of {list(input.shape)})"
            )
        return extra

    def forward(self, input: Any, output_size: Any = None) -> Any:
        """Apply the transpose; `output_size` chooses among the sizes that the convolution maps to the input's."""
        apply = getattr(F, f"conv_transpose{self._dimensions}d")
        extra = self._extra(input, output_size)
        return apply(input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation)


class ConvTranspose1d(_ConvTranspose):
    """The transpose of `Conv1d`.

    >>> nn.ConvTranspose1d(8, 3, 2, stride=2)(mt.zeros(2, 8, 16)).shape
    (2, 3, 32)
    """

    _dimensions = 1


class ConvTranspose2d(_ConvTranspose):
    """The transpose of `Conv2d`.

    >>> nn.ConvTranspose2d(8, 3, 2, stride=2)(mt.zeros(2, 8, 4, 4)).shape
    (2, 3, 8, 8)
    """

    _dimensions = 2


class ConvTranspose3d(_ConvTranspose):
    """The transpose of `Conv3d`.

    >>> nn.ConvTranspose3d(8, 3, 2, stride=2)(mt.zeros(2, 8, 4, 4, 4)).shape
    (2, 3, 8, 8, 8)
    """

    _dimensions = 3
