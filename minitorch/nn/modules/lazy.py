"""Layers that read their number of inputs from the first batch they are called with."""

from __future__ import annotations

from typing import Any, ClassVar

from ...core import dtypes
from ...core.errors import ArgumentError, JitError, ShapeError
from ...core.ops.shaping import full
from ...core.tape import context
from ...core.tracer import aval_of
from ...tensor.handle import tensor_of
from ..module import Module
from ..uninitialized import UninitializedBuffer, UninitializedParameter, is_lazy
from .convolution import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from .instancenorm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from .linear import Linear
from .normalization import BatchNorm1d, BatchNorm2d, BatchNorm3d


class LazyModuleMixin(Module):
    """A module that gets its shapes at its first call, and then becomes one of the class `cls_to_become`, if any.

    Subclasses define `initialize_parameters`, which takes what the call takes and materializes all that is
    uninitialized.
    """

    cls_to_become: ClassVar[type | None] = None

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Materialize what is uninitialized, from the arguments of the first call."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Return whether anything of this module itself is uninitialized."""
        return any(is_lazy(x) for x in (*self._parameters.values(), *self._buffers.values()))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if context.get().stage is not None:
            raise JitError(
                f"{self._get_name()}: its shapes are not known yet, so it cannot be compiled; call it once on a dummy batch"
            )
        self.initialize_parameters(*args, **kwargs)
        if self.has_uninitialized_params():
            raise ArgumentError(f"module {self._get_name()} has not been fully initialized")
        if self.cls_to_become is not None:
            self.__class__ = self.cls_to_become
        return Module.__call__(self, *args, **kwargs)

    def reset_parameters(self) -> None:
        """Draw new initial values, once there are shapes to fill."""
        if not self.has_uninitialized_params():
            super().reset_parameters()  # type: ignore[misc]

    def _materialize(self, **shapes: tuple[int, ...]) -> None:
        """Give shapes to those of the named tensors that wait for one, then draw initial values."""
        waiting = [name for name in shapes if is_lazy(self.__dict__[name])]
        for name in waiting:
            self.__dict__[name].materialize(shapes[name])
        if waiting:
            self.reset_parameters()


class LazyLinear(LazyModuleMixin, Linear):
    """A `Linear` that reads `in_features` from its first input.

    >>> from minitorch import ones
    >>> layer = LazyLinear(2)
    >>> layer(ones(5, 3)).shape, layer
    ((5, 2), Linear(in_features=3, out_features=2, bias=True))
    """

    cls_to_become = Linear

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__(0, 0, False)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_features = out_features
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def initialize_parameters(self, input: Any) -> None:
        """Take the last size of the input."""
        self.in_features = input.shape[-1]
        self._materialize(weight=(self.out_features, self.in_features), bias=(self.out_features,))


class _LazyConv(LazyModuleMixin):
    """What lazy convolutions have in common; they take the arguments of the eager ones but the first."""

    cls_to_become: ClassVar[type]

    def __init__(self, out_channels: int, *args: Any, **kwargs: Any):
        super().__init__(0, 0, *args, **kwargs)  # type: ignore[call-arg]
        self.out_channels = out_channels
        made: Any = self.weight
        self.weight = UninitializedParameter(device=made.device, dtype=made.dtype)
        if self.bias is not None:
            self.bias = UninitializedParameter(device=made.device, dtype=made.dtype)

    def initialize_parameters(self, input: Any, *args: Any, **kwargs: Any) -> None:
        """Take the channels of the input."""
        n = len(self.kernel_size)
        if input.ndim not in (n + 1, n + 2):
            raise ShapeError(
                f"{self._get_name()}: Expected {n + 1}D (unbatched) or {n + 2}D (batched) input, but got {aval_of(input)}"
            )
        self.in_channels = input.shape[-n - 1]
        if self.in_channels % self.groups:
            raise ArgumentError(f"{self._get_name()}: in_channels must be divisible by groups={self.groups}")
        first, second = self.out_channels, self.in_channels
        if self.transposed:
            first, second = second, first
        self._materialize(weight=(first, second // self.groups, *self.kernel_size), bias=(self.out_channels,))


class _LazyNorm(LazyModuleMixin):
    """What lazy normalizations have in common; they take the arguments of the eager ones but the first."""

    cls_to_become: ClassVar[type]

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__(0, eps, momentum, False, False, device, dtype)
        self.affine, self.track_running_stats = affine, track_running_stats
        if affine:
            self.weight = UninitializedParameter(device=device, dtype=dtype)
            if bias:
                self.bias = UninitializedParameter(device=device, dtype=dtype)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(device=device, dtype=dtype)
            self.running_var = UninitializedBuffer(device=device, dtype=dtype)
            self.num_batches_tracked = tensor_of(full((), 0, dtypes.int64))

    def initialize_parameters(self, input: Any) -> None:
        """Take the channels of the input."""
        self._check_rank(input)
        self.num_features = input.shape[self._channel_axis(input)]
        names = [name for name in ("weight", "bias", "running_mean", "running_var") if self.__dict__[name] is not None]
        self._materialize(**dict.fromkeys(names, (self.num_features,)))


_EXAMPLE = """A `{name}` that reads its `{what}` from its first input.

    >>> layer = nn.Lazy{name}({arguments})
    >>> out = layer(mt.zeros(2, 3, {sizes}))
    >>> layer.{what}
    3
    """


def _lazy(mixin: type, eager: type, what: str, arguments: str = "") -> Any:
    name = eager.__name__
    text = _EXAMPLE.format(name=name, what=what, arguments=arguments, sizes=", ".join("4" * int(name[-2])))
    body = {"__doc__": text, "__module__": __name__, "cls_to_become": eager}
    return type(f"Lazy{eager.__name__}", (mixin, eager), body)


LazyConv1d, LazyConv2d, LazyConv3d = (_lazy(_LazyConv, c, "in_channels", "8, 3") for c in (Conv1d, Conv2d, Conv3d))
LazyConvTranspose1d, LazyConvTranspose2d, LazyConvTranspose3d = (
    _lazy(_LazyConv, c, "in_channels", "8, 3") for c in (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)
)
LazyBatchNorm1d, LazyBatchNorm2d, LazyBatchNorm3d = (
    _lazy(_LazyNorm, c, "num_features") for c in (BatchNorm1d, BatchNorm2d, BatchNorm3d)
)
LazyInstanceNorm1d, LazyInstanceNorm2d, LazyInstanceNorm3d = (
    _lazy(_LazyNorm, c, "num_features") for c in (InstanceNorm1d, InstanceNorm2d, InstanceNorm3d)
)
