"""Pooling layers in 1, 2 and 3 dimensions."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..module import Module
from .convolution import spread


class _MaxPool(Module):
    """The largest element of each window."""

    _function: Any

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Any) -> Any:
        """Pool the last dimensions."""
        options = (self.padding, self.dilation, self.ceil_mode, self.return_indices)
        return self._function(input, self.kernel_size, self.stride, *options)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class _AvgPool(Module):
    """The mean of each window."""

    _function: Any

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Any) -> Any:
        """Pool the last dimensions."""
        options = (self.padding, self.ceil_mode, self.count_include_pad, self.divisor_override)
        return self._function(input, self.kernel_size, self.stride, *options)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPoolOfSeries(_AvgPool):
    """In one dimension, PyTorch keeps the sizes as tuples."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ):
        sizes = (spread(x, 1) for x in (kernel_size, kernel_size if stride is None else stride, padding))
        super().__init__(*sizes, ceil_mode, count_include_pad)


class _AdaptivePool(Module):
    """Windows such that the result has given sizes."""

    _function: Any

    def __init__(self, output_size: Any, return_indices: bool = False):
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, input: Any) -> Any:
        """Pool the last dimensions."""
        return self._function(input, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"output_size={self.output_size}"


_EXAMPLE = """{text}

    >>> nn.{name}(2)(mt.zeros(1, 3, {before})).shape
    (1, 3, {after})
    """


def _layer(name: str, base: type, function: Any, text: str) -> Any:
    n = int(name[-2])
    size = "2" if base is _AdaptivePool else "4"
    doc = _EXAMPLE.format(text=text, name=name, before=", ".join("8" * n), after=", ".join(size * n))
    return type(name, (base,), {"__doc__": doc, "__module__": __name__, "_function": staticmethod(function)})


# fmt: off
MaxPool1d = _layer("MaxPool1d", _MaxPool, F.max_pool1d, "The largest element of each window of `[N, C, L]`.")
MaxPool2d = _layer("MaxPool2d", _MaxPool, F.max_pool2d, "The largest element of each window of `[N, C, H, W]`.")
MaxPool3d = _layer("MaxPool3d", _MaxPool, F.max_pool3d, "The largest element of each window of `[N, C, D, H, W]`.")
AvgPool1d = _layer("AvgPool1d", _AvgPoolOfSeries, F.avg_pool1d, "The mean of each window of `[N, C, L]`.")
AvgPool2d = _layer("AvgPool2d", _AvgPool, F.avg_pool2d, "The mean of each window of `[N, C, H, W]`.")
AvgPool3d = _layer("AvgPool3d", _AvgPool, F.avg_pool3d, "The mean of each window of `[N, C, D, H, W]`.")
AdaptiveAvgPool1d = _layer("AdaptiveAvgPool1d", _AdaptivePool, F.adaptive_avg_pool1d, "Means down to a given length.")
AdaptiveAvgPool2d = _layer("AdaptiveAvgPool2d", _AdaptivePool, F.adaptive_avg_pool2d, "Means down to given sizes.")
AdaptiveAvgPool3d = _layer("AdaptiveAvgPool3d", _AdaptivePool, F.adaptive_avg_pool3d, "Means down to given sizes.")
AdaptiveMaxPool1d = _layer("AdaptiveMaxPool1d", _AdaptivePool, F.adaptive_max_pool1d, "Maxima down to a given length.")
AdaptiveMaxPool2d = _layer("AdaptiveMaxPool2d", _AdaptivePool, F.adaptive_max_pool2d, "Maxima down to given sizes.")
AdaptiveMaxPool3d = _layer("AdaptiveMaxPool3d", _AdaptivePool, F.adaptive_max_pool3d, "Maxima down to given sizes.")
# fmt: on
