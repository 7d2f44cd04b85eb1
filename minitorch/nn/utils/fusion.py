"""Batch normalizations in evaluation, taken into the layer before them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from ...core.errors import ArgumentError
from ...tensor.creation import ones_like, zeros_like
from ...tensor.functions import rsqrt
from ...tensor.handle import Tensor
from ...tensor.modes import no_grad
from ..module import Module
from ..parameter import Parameter


def _checked(name: str, layer: Module, bn: Any) -> Any:
    """Return a copy of the layer, if both are in evaluation."""
    if layer.training or bn.training:
        raise AssertionError(f"{name}: Fusion only for eval! Call .eval() on the model first")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError(f"{name}: the batch normalization has no running statistics to be fused with")
    return deepcopy(layer)


def _statistics(bn: Any) -> tuple[Any, ...]:
    return bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias


def _scale_and_shift(
    bias: Tensor | None, mean: Tensor, var: Tensor, eps: float, bn_w: Tensor | None, bn_b: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return what each output is multiplied with, and the fused bias."""
    scale = rsqrt(var + eps) * (ones_like(mean) if bn_w is None else bn_w)
    shift = zeros_like(mean) if bn_b is None else bn_b
    return scale, ((zeros_like(mean) if bias is None else bias) - mean) * scale + shift


def _parameters(weight: Tensor, scaled: Tensor, bias: Tensor | None, shifted: Tensor) -> tuple[Parameter, Parameter]:
    trained = True if bias is None else bias.requires_grad
    return Parameter(scaled.to(weight.dtype), weight.requires_grad), Parameter(shifted.to(weight.dtype), trained)


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """Return a convolution that does what a convolution and a batch normalization in evaluation do.

    >>> import minitorch as mt
    >>> conv, bn, x = mt.nn.Conv1d(2, 3, 2).eval(), mt.nn.BatchNorm1d(3).eval(), mt.randn(4, 2, 5)
    >>> mt.allclose(fuse_conv_bn_eval(conv, bn)(x), bn(conv(x)), atol=1e-5)
    True
    """
    fused = _checked("fuse_conv_bn_eval", conv, bn)
    fused.weight, fused.bias = fuse_conv_bn_weights(fused.weight, fused.bias, *_statistics(bn), transpose=transpose)
    return fused


@no_grad()
def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Return the weight and bias of the fused convolution; with `transpose` of a transposed one.

    >>> import minitorch as mt
    >>> one = mt.ones(1)
    >>> weight, bias = fuse_conv_bn_weights(mt.ones(1, 1, 1), None, one, one * 4, 0.0, one * 6, None)
    >>> weight.item(), bias.item()
    (3.0, -3.0)
    """
    scale, shift = _scale_and_shift(conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
    rest = [1] * (conv_w.ndim - 2)
    shape = [1, -1, *rest] if transpose else [-1, 1, *rest]
    return _parameters(conv_w, conv_w * scale.reshape(shape), conv_b, shift)


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """Return a linear layer that does what a linear layer and a batch normalization in evaluation do.

    >>> import minitorch as mt
    >>> linear, bn, x = mt.nn.Linear(2, 3).eval(), mt.nn.BatchNorm1d(3).eval(), mt.randn(4, 2)
    >>> mt.allclose(fuse_linear_bn_eval(linear, bn)(x), bn(linear(x)), atol=1e-5)
    True
    """
    fused = _checked("fuse_linear_bn_eval", linear, bn)
    if bn.num_features not in (1, linear.out_features):
        raise ArgumentError(
            f"fuse_linear_bn_eval: To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"{linear.out_features} and {bn.num_features}"
        )
    fused.weight, fused.bias = fuse_linear_bn_weights(fused.weight, fused.bias, *_statistics(bn))
    return fused


@no_grad()
def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """Return the weight and bias of the fused linear layer.

    >>> import minitorch as mt
    >>> one = mt.ones(1)
    >>> weight, bias = fuse_linear_bn_weights(mt.ones(1, 1), None, one, one * 4, 0.0, one * 6, None)
    >>> weight.item(), bias.item()
    (3.0, -3.0)
    """
    scale, shift = _scale_and_shift(linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
    return _parameters(linear_w, linear_w * scale.unsqueeze(-1), linear_b, shift)
