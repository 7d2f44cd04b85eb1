"""Layers of other windows: blocks, norms, maxima of random windows, and the way back from maxima."""

from __future__ import annotations

from typing import Any, ClassVar

from ...core.errors import ArgumentError
from .. import functional as F
from ..module import Module
from .convolution import spread


class Fold(Module):
    """Adds blocks up where they overlap: `[N, C * kernel, blocks]` becomes `[N, C, H, W]`.

    >>> nn.Fold((4, 4), 2, stride=2)(mt.zeros(1, 12, 4)).shape
    (1, 3, 4, 4)
    """

    def __init__(self, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1):
        super().__init__()
        self.output_size, self.kernel_size = output_size, kernel_size
        self.dilation, self.padding, self.stride = dilation, padding, stride

    def forward(self, input: Any) -> Any:
        """Add the blocks up."""
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )


class Unfold(Module):
    """Returns the blocks that a kernel sees as columns: `[N, C, H, W]` becomes `[N, C * kernel, blocks]`.

    >>> nn.Unfold(2, stride=2)(mt.zeros(1, 3, 4, 4)).shape
    (1, 12, 4)
    """

    def __init__(self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1):
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input: Any) -> Any:
        """Take the blocks."""
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class _LPPool(Module):
    """The p-norm of each window."""

    _dimensions: ClassVar[int]

    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False):
        super().__init__()
        self.norm_type, self.kernel_size, self.stride, self.ceil_mode = norm_type, kernel_size, stride, ceil_mode

    def forward(self, input: Any) -> Any:
        """Pool the last dimensions."""
        pool = getattr(F, f"lp_pool{self._dimensions}d")
        return pool(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        """Return the sizes."""
        sizes = f"kernel_size={self.kernel_size}, stride={self.stride}"
        return f"norm_type={self.norm_type}, {sizes}, ceil_mode={self.ceil_mode}"


class _FractionalMaxPool(Module):
    """Maxima of windows that random samples lay out anew at each call, also in evaluation. Graham (2014)."""

    _dimensions: ClassVar[int]

    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Any = None,
    ):
        super().__init__()
        n, name = self._dimensions, type(self).__name__
        self.kernel_size = spread(kernel_size, n)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else spread(output_size, n)
        self.output_ratio = None if output_ratio is None else spread(output_ratio, n)
        if (output_size is None) == (output_ratio is None):
            raise ArgumentError(f"{name}: requires specifying either an output size, or a pooling ratio, and not both")
        if self.output_ratio is not None and not all(0 < ratio < 1 for ratio in self.output_ratio):
            raise ArgumentError(f"{name}: output_ratio must be between 0 and 1 (got {output_ratio})")
        if any(k <= 0 for k in self.kernel_size):
            raise ArgumentError(f"{name}: kernel_size must be greater than 0, but got {kernel_size}")

    def forward(self, input: Any) -> Any:
        """Pool the last dimensions."""
        pool = getattr(F, f"fractional_max_pool{self._dimensions}d")
        options = (self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples)
        return pool(input, *options)


class _MaxUnpool(Module):
    """Puts maxima back where pooling has found them, with 0 everywhere else."""

    _dimensions: ClassVar[int]

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0):
        super().__init__()
        n = self._dimensions
        self.kernel_size, self.padding = spread(kernel_size, n), spread(padding, n)
        self.stride = self.kernel_size if stride is None else spread(stride, n)

    def forward(self, input: Any, indices: Any, output_size: Any = None) -> Any:
        """Put the maxima back; `output_size` says how large the image was, where windows did not reach its end."""
        unpool = getattr(F, f"max_unpool{self._dimensions}d")
        return unpool(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


def _layer(name: str, base: type, n: int, text: str) -> Any:
    doc = text.format(n=n, large=", ".join("8" * n), small=", ".join("4" * n))
    return type(f"{name}{n}d", (base,), {"__doc__": doc, "__module__": __name__, "_dimensions": n})


_RANDOM = """Maxima of windows that random samples lay over the last {n} dimensions. Graham (2014).

    >>> nn.FractionalMaxPool{n}d(2, output_size=4)(mt.zeros(1, 3, {large})).shape
    (1, 3, {small})
    """
_NORMS = """The p-norm of each window over the last {n} dimensions.

    >>> nn.LPPool{n}d(2, kernel_size=2)(mt.zeros(1, 3, {large})).shape
    (1, 3, {small})
    """
_BACK = """Puts maxima back where `MaxPool{n}d` has found them.

    >>> values, indices = nn.MaxPool{n}d(2, return_indices=True)(mt.zeros(1, 3, {large}))
    >>> nn.MaxUnpool{n}d(2)(values, indices).shape
    (1, 3, {large})
    """
FractionalMaxPool2d, FractionalMaxPool3d = (_layer("FractionalMaxPool", _FractionalMaxPool, n, _RANDOM) for n in (2, 3))
LPPool1d, LPPool2d, LPPool3d = (_layer("LPPool", _LPPool, n, _NORMS) for n in (1, 2, 3))
MaxUnpool1d, MaxUnpool2d, MaxUnpool3d = (_layer("MaxUnpool", _MaxUnpool, n, _BACK) for n in (1, 2, 3))
