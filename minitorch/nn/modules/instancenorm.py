"""Normalization of each channel of each example, and by the channels around."""

from __future__ import annotations

import warnings
from typing import Any

from ...core.errors import ShapeError
from ...core.tracer import aval_of
from .. import functional as F
from ..module import Module
from .normalization import Tracking


class _InstanceNorm(Tracking):
    """Normalizes by the statistics of each channel of each example, in evaluation by running ones if they are tracked."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _channel_axis(self, input: Any) -> int:
        return int(input.ndim - self._ranks[0])

    def forward(self, input: Any) -> Any:
        """Normalize, and in training track the statistics, if asked to."""
        self._check_rank(input)
        axis = self._channel_axis(input)
        if input.shape[axis] != self.num_features:
            problem = (
                f"{self._get_name()}: expected input's size at dim={axis} to match num_features ({self.num_features}), but "
                f"got: {input.shape[axis]}, of {aval_of(input)}"
            )
            if self.affine or self.track_running_stats:
                raise ShapeError(problem)
            warnings.warn(f"{problem}; without scales it is not used", UserWarning, stacklevel=2)
        x = input if axis else input[None]
        momentum = 0.0 if self.momentum is None else self.momentum
        mine = self.training or not self.track_running_stats
        out = F.instance_norm(x, self.running_mean, self.running_var, self.weight, self.bias, mine, momentum, self.eps)
        return out if axis else out[0]


class InstanceNorm1d(_InstanceNorm):
    """Instance normalization of `[N, C, L]` or `[C, L]`. Ulyanov, Vedaldi and Lempitsky (2016).

    >>> nn.InstanceNorm1d(3)(mt.zeros(2, 3, 8)).shape
    (2, 3, 8)
    """

    _ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Instance normalization of `[N, C, H, W]` or `[C, H, W]`. Ulyanov, Vedaldi and Lempitsky (2016).

    >>> nn.InstanceNorm2d(3)(mt.zeros(2, 3, 8, 8)).shape
    (2, 3, 8, 8)
    """

    _ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Instance normalization of `[N, C, D, H, W]` or `[C, D, H, W]`. Ulyanov, Vedaldi and Lempitsky (2016).

    >>> nn.InstanceNorm3d(3)(mt.zeros(2, 3, 4, 4, 4)).shape
    (2, 3, 4, 4, 4)
    """

    _ranks = (4, 5)


class LocalResponseNorm(Module):
    """Divides by a power of the mean square of the channels around. Krizhevsky et al. (2012).

    >>> nn.LocalResponseNorm(2)(mt.zeros(2, 4, 8, 8)).shape
    (2, 4, 8, 8)
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0):
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Any) -> Any:
        """Normalize."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(LocalResponseNorm):
    """The older name of `LocalResponseNorm`, for `[N, C, H, W]` only.

    PyTorch's class of this name adds up its windows incrementally and never takes the first channel out again; this one
    computes what the formula says.

    >>> nn.CrossMapLRN2d(2)(mt.zeros(2, 4, 8, 8)).shape
    (2, 4, 8, 8)
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1):
        super().__init__(size, alpha, beta, k)

    def forward(self, input: Any) -> Any:
        """Normalize."""
        if input.ndim != 4:
            raise ShapeError(f"CrossMapLRN2d: Expected input to be 4D, got {input.ndim}D instead ({aval_of(input)})")
        return super().forward(input)
