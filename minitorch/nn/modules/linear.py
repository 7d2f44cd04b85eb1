"""Affine layers, and layers that only reshape."""

from __future__ import annotations

import math
from typing import Any

from ...core.errors import ArgumentError, ShapeError
from ...core.ops import sampling
from ...core.ops.shaping import flatten
from ...core.tracer import Value
from ...tensor.functions import PUBLIC
from ...tensor.handle import Tensor
from ...tensor.random import next_key
from ...tensor.types import get_default_dtype
from .. import functional as F
from .. import init
from ..module import Module
from ..parameter import Parameter, fresh


def uniform_parameter(shape: tuple[int, ...], bound: float, dtype: Any, device: Any = None) -> Parameter:
    """Return a parameter drawn uniformly from [-bound, bound)."""
    dtype = get_default_dtype() if dtype is None else dtype
    return placed(sampling.uniform(next_key(None), shape, -bound, bound, dtype), device)


def placed(value: Value, device: Any) -> Parameter:
    """Return a parameter on a device."""
    return fresh(located(value, device))


def located(value: Value, device: Any) -> Value:
    """Return a value on a device."""
    return value if device in (None, "cpu") else value.to_device(str(device))


class Identity(Module):
    """Returns its input; takes any arguments and ignores them.

    >>> nn.Identity()(mt.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__()

    def forward(self, input: Any) -> Any:
        """Return the input."""
        return input


class Linear(Module):
    """The affine map `x @ weight.T + bias`, for `weight [out_features, in_features]`.

    Both are drawn uniformly with bound `1 / sqrt(in_features)`, as in PyTorch.

    >>> Linear(3, 2)
    Linear(in_features=3, out_features=2, bias=True)
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        bound = 1 / math.sqrt(in_features) if in_features > 0 else 0.0
        self.weight = uniform_parameter((out_features, in_features), bound, dtype, device)
        self.register_parameter("bias", uniform_parameter((out_features,), bound, dtype, device) if bias else None)

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features else 0.0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Any) -> Any:
        """Apply the map to the last dimension."""
        try:
            return F.linear(input, self.weight, self.bias)
        except ShapeError as error:
            if input.ndim and input.shape[-1] == self.in_features:
                raise
            raise ShapeError(
                f"{self._arrow()} got input {list(input.shape)}, whose last size is not {self.in_features}: mat1 and "
                "mat2 shapes cannot be multiplied; flatten or reshape the input, or change in_features"
            ) from error

    def _arrow(self) -> str:
        return f"Linear({self.in_features} -> {self.out_features})"

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(Module):
    """The map `x1 @ weight[o] @ x2 + bias[o]`.

    >>> nn.Bilinear(3, 4, 5)(mt.zeros(2, 3), mt.zeros(2, 4)).shape
    (2, 5)
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        if in1_features <= 0:
            raise ArgumentError(f"Bilinear: in1_features must be > 0, but got {in1_features}")
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        bound = 1 / math.sqrt(in1_features)
        self.weight = uniform_parameter((out_features, in1_features, in2_features), bound, dtype, device)
        self.register_parameter("bias", uniform_parameter((out_features,), bound, dtype, device) if bias else None)

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        bound = 1 / math.sqrt(self.in1_features)
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def forward(self, input1: Any, input2: Any) -> Any:
        """Apply the map to the last dimensions."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return the sizes."""
        sizes = f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}"
        return f"{sizes}, bias={self.bias is not None}"


class Flatten(Module):
    """Merges dimensions, by default all but the first.

    >>> nn.Flatten()(mt.zeros(2, 3, 4, 4)).shape
    (2, 48)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1):
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Any) -> Any:
        """Merge them."""
        return (
            input.flatten(self.start_dim, self.end_dim)
            if isinstance(input, Tensor)
            else flatten(input, self.start_dim, self.end_dim)
        )

    def extra_repr(self) -> str:
        """Return the dimensions."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Splits a dimension into several.

    >>> nn.Unflatten(1, (3, 4, 4))(mt.zeros(2, 48)).shape
    (2, 3, 4, 4)
    """

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]):
        super().__init__()
        self.dim = dim
        self.unflattened_size = tuple(unflattened_size)

    def forward(self, input: Any) -> Any:
        """Split it."""
        return PUBLIC["unflatten"](input, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
