"""Normalization layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import dtypes
from ...core.array import wrap
from ...core.errors import ArgumentError, ShapeError
from ...core.tracer import aval_of
from ...tensor.handle import tensor_of
from ...tensor.types import get_default_dtype
from .. import functional as F
from .. import init
from ..module import Module
from .linear import located, placed


def _filled(shape: Any, value: float, dtype: Any) -> Any:
    return wrap(np.full(shape, value, get_default_dtype() if dtype is None else dtypes.canonical(dtype)))


class _Scaled(Module):
    """A layer that multiplies with a weight, 1 at first, and adds a bias, 0 at first."""

    def _register_affine(self, shape: Any, weight: bool, bias: bool, device: Any, dtype: Any) -> None:
        self.register_parameter("weight", placed(_filled(shape, 1, dtype), device) if weight else None)
        self.register_parameter("bias", placed(_filled(shape, 0, dtype), device) if bias else None)

    def reset_parameters(self) -> None:
        """Set weight and bias to 1 and 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.__dict__.get("bias") is not None:
            init.zeros_(self.bias)


class Tracking(_Scaled):
    """Normalizes each channel by statistics of the input, or by running ones."""

    _ranks: tuple[int, ...]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._register_affine(num_features, affine, affine and bias, device, dtype)
        track = track_running_stats
        for name, shape, value, kind in (
            ("running_mean", num_features, 0, dtype),
            ("running_var", num_features, 1, dtype),
            ("num_batches_tracked", (), 0, dtypes.int64),
        ):
            self.register_buffer(name, tensor_of(located(_filled(shape, value, kind), device)) if track else None)

    _may_lack = ("num_batches_tracked",)  # PyTorch counts since version 0.4.1

    def reset_running_stats(self) -> None:
        """Forget what was tracked."""
        if self.track_running_stats:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Forget what was tracked and set weight and bias to 1 and 0."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_rank(self, input: Any) -> None:
        if input.ndim not in self._ranks:
            wanted = " or ".join(f"{n}D" for n in self._ranks)
            raise ShapeError(
                f"{type(self).__name__}: expected {wanted} input (got {input.ndim}D input, {aval_of(input)}); reshape it"
            )

    def _channel_axis(self, input: Any) -> int:
        return 1

    def extra_repr(self) -> str:
        """Return the sizes."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(Tracking):
    """Normalizes each channel by the statistics of the batch in training, by running ones in evaluation."""

    def _check(self, input: Any) -> None:
        self._check_rank(input)
        if input.shape[1] != self.num_features:
            raise ShapeError(
                f"{type(self).__name__}({self.num_features}) got input {list(input.shape)} with {input.shape[1]} channels; "
                f"it needs {self.num_features} on axis 1"
            )

    def forward(self, input: Any) -> Any:
        """Normalize, and in training track the statistics."""
        self._check(input)
        momentum = 0.0 if self.momentum is None else self.momentum
        tracking = self.training and self.track_running_stats and self.num_batches_tracked is not None
        if tracking:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                momentum = 1.0 / self.num_batches_tracked.double()
        use_batch = self.training or self.running_mean is None
        keep = not self.training or self.track_running_stats
        mean, var = (self.running_mean, self.running_var) if keep else (None, None)
        return F.batch_norm(input, mean, var, self.weight, self.bias, use_batch, momentum, self.eps)


class BatchNorm1d(_BatchNorm):
    """Batch normalization of `[N, C]` or `[N, C, L]`. Ioffe and Szegedy (2015).

    >>> nn.BatchNorm1d(3)(mt.zeros(2, 3)).shape
    (2, 3)
    """

    _ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalization of `[N, C, H, W]`. Ioffe and Szegedy (2015).

    >>> nn.BatchNorm2d(3)(mt.zeros(2, 3, 8, 8)).shape
    (2, 3, 8, 8)
    """

    _ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch normalization of `[N, C, D, H, W]`. Ioffe and Szegedy (2015).

    >>> nn.BatchNorm3d(3)(mt.zeros(2, 3, 4, 4, 4)).shape
    (2, 3, 4, 4, 4)
    """

    _ranks = (5,)


class LayerNorm(_Scaled):
    """Normalizes over the last dimensions. Ba, Kiros and Hinton (2016).

    >>> nn.LayerNorm(4)(mt.zeros(2, 3, 4)).shape
    (2, 3, 4)
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape = shape
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._register_affine(shape, elementwise_affine, elementwise_affine and bias, device, dtype)

    def forward(self, input: Any) -> Any:
        """Normalize."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the sizes."""
        text = f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        return f"{text}, bias={self.bias is not None}"


class RMSNorm(_Scaled):
    """Divides by the root of the mean square over the last dimensions. Zhang and Sennrich (2019).

    >>> nn.RMSNorm(4)(mt.zeros(2, 3, 4)).shape
    (2, 3, 4)
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape = shape
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.register_parameter("weight", placed(_filled(shape, 1, dtype), device) if elementwise_affine else None)

    def forward(self, input: Any) -> Any:
        """Normalize."""
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(_Scaled):
    """Normalizes groups of channels of each example. Wu and He (2018).

    >>> nn.GroupNorm(2, 4)(mt.zeros(2, 4, 8, 8)).shape
    (2, 4, 8, 8)
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__()
        if num_channels % num_groups:
            raise ArgumentError(
                f"GroupNorm: num_channels ({num_channels}) must be divisible by num_groups ({num_groups})"
            )
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self._register_affine(num_channels, affine, affine and bias, device, dtype)

    def forward(self, input: Any) -> Any:
        """Normalize."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the sizes."""
        text = f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"
        return f"{text}, bias={self.bias is not None}"
