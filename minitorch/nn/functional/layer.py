"""What layers compute, under PyTorch's names: affine maps, lookups, normalization, attention."""

from __future__ import annotations

from typing import Any

from ...core import dtypes
from ...core.errors import ArgumentError, DTypeError, ShapeError, UnsupportedError
from ...core.ops import affine, attention, lookup, normalization
from ...core.ops.contractions import matmul
from ...core.ops.families import as_array
from ...core.ops.norms import norm
from ...core.ops.pointwise import add, div, greater, maximum, mul, rsqrt, square, sub, where
from ...core.ops.reductions import max as max_of
from ...core.ops.reductions import mean
from ...core.ops.shaping import broadcast_to, cast, expand_dims, flatten, reshape, sum, swapaxes
from ...core.tracer import aval_of
from ...tensor.fast import fused
from ...tensor.handle import Tensor
from ...tensor.modes import no_grad
from ...tensor.peeking import extent
from ...tensor.table import over
from ...tensor.types import finfo
from .activation import dropout
from .arguments import check_parameters, check_tensors, one_dtype


def _linear_general(input: Any, weight: Any, bias: Any) -> Any:
    check_tensors("linear", input=input, weight=weight)
    one_dtype("linear", input=input, weight=weight, bias=bias)
    if not input.ndim:
        raise ShapeError(f"linear: input needs a last dimension for weight {aval_of(weight)}, got {aval_of(input)}")
    if weight.ndim == 1 and bias is None:
        return matmul(input, weight)
    if bias is None or tuple(bias.shape) == tuple(weight.shape[:1]):
        return affine.linear(input, weight, bias)
    out = affine.linear(input, weight, None)
    return add(out, broadcast_to(bias, out.shape))


_linear = fused(affine.linear_p, _linear_general)


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """Return `input @ weight.T + bias`, for `input[..., in]`, `weight[out, in]` and `bias[out]`.

    As in PyTorch a bias of another shape is broadcast to the result's, and a weight `[in]` gives a result without `out`.

    >>> linear(mt.tensor([1.0, 2.0]), mt.tensor([[1.0, 1.0], [0.0, -1.0]]), mt.tensor([0.5, 0.0]))
    tensor([ 3.5000, -2.0000])
    """
    return _linear(input, weight, bias)


def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    """Return `input1 @ weight[o] @ input2 + bias[o]` for each output o.

    >>> bilinear(mt.tensor([[1.0, 2.0]]), mt.tensor([[3.0]]), mt.tensor([[[1.0], [10.0]]]), mt.tensor([0.5]))
    tensor([[63.5000]])
    """
    one_dtype("bilinear", input1=input1, input2=input2, weight=weight, bias=bias)
    check_tensors("bilinear", input1=input1, input2=input2, weight=weight)
    sizes = (*input1.shape[-1:], *input2.shape[-1:])
    if input1.shape[:-1] != input2.shape[:-1] or sizes != tuple(weight.shape[1:]):
        raise ShapeError(
            f"bilinear: inputs need the same batch, and the sizes of weight [out, in1, in2] behind it, got "
            f"{aval_of(input1)}, {aval_of(input2)} and weight {aval_of(weight)}"
        )
    left = affine.linear(input1, flatten(swapaxes(weight, 1, 2), 0, 1))
    rows = reshape(left, (*input1.shape[:-1], weight.shape[0], weight.shape[2]))
    out = sum(mul(rows, expand_dims(input2, -2)), -1)
    return out if bias is None else add(out, bias)


def embedding(
    input: Any,
    weight: Any,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    """Look up rows of a table. The row `padding_idx` receives no gradient.

    With `max_norm`, rows that are looked up and longer are first shortened to it, in place. With `scale_grad_by_freq`, the
    gradient of a row is divided by how often it is looked up. Gradients are dense.

    >>> embedding(mt.tensor([2, 0]), mt.tensor([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]))
    tensor([[3., 3.],
            [1., 1.]])
    """
    if sparse:
        raise UnsupportedError("embedding: sparse gradients are not supported; leave sparse off, gradients are dense")
    if max_norm is not None:
        shorten(weight, max_norm, norm_type, input)
    return affine.embedding(input, weight, padding_idx, scale_grad_by_freq)


def shorten(weight: Tensor, max_norm: float, norm_type: float, rows: Any) -> None:
    """Shorten rows of a table to a norm, in place."""
    with no_grad():
        chosen = weight[rows.reshape(-1)]
        length = norm(chosen, norm_type, -1, keepdims=True)
        scale = where(greater(length, max_norm), div(max_norm, add(length, 1e-7)), 1.0)  # as PyTorch has it
        weight[rows.reshape(-1)] = mul(chosen, scale)


def one_hot(tensor: Any, num_classes: int = -1) -> Any:
    """Return 0 everywhere but for a 1 at each class number, along a new last dimension.

    >>> one_hot(mt.tensor([2, 0]))
    tensor([[0, 0, 1],
            [1, 0, 0]])
    >>> one_hot(mt.tensor([1]), num_classes=4)
    tensor([[0, 1, 0, 0]])
    """
    found = extent(tensor)
    if found and found[0] < 0:
        raise ArgumentError(
            f"one_hot: class values must be non-negative, got {found[0]} in {aval_of(tensor)}; drop or replace it"
        )
    classes = int(max_of(tensor)) + 1 if num_classes == -1 else num_classes
    return lookup.one_hot(tensor, classes)


# --------------------------------------------------------------------------- normalization


def layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Normalize over the last dimensions, whose sizes are `normalized_shape`.

    >>> layer_norm(mt.tensor([[0.0, 2.0], [10.0, 30.0]]), (2,))
    tensor([[-1.0000,  1.0000],
            [-1.0000,  1.0000]])
    >>> layer_norm(mt.tensor([0.0, 2.0]), 2, weight=mt.tensor([1.0, 10.0]), bias=mt.tensor([0.0, 5.0]))
    tensor([-1.0000, 15.0000])
    """
    wanted = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not wanted or tuple(getattr(input, "shape", ())[-len(wanted) :]) != wanted:
        check_tensors("layer_norm", input=input)
        raise ShapeError(
            f"layer_norm: Given normalized_shape={list(wanted)}, expected input with shape [*, "
            f"{', '.join(map(str, wanted))}], but got input of size {list(input.shape)}; its last sizes must be these"
        )
    return normalization.layer_norm(input, weight, bias, len(wanted), eps)


def rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Any:
    """Divide by the root of the mean square over the last dimensions. Zhang and Sennrich (2019).

    >>> rms_norm(mt.tensor([[1.0, 7.0], [3.0, 3.0]]), (2,))
    tensor([[0.2000, 1.4000],
            [1.0000, 1.0000]])
    """
    check_tensors("rms_norm", input=input)
    wanted = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not wanted or tuple(input.shape[-len(wanted) :]) != wanted:
        raise ShapeError(f"rms_norm: input {aval_of(input)} does not end with normalized_shape {list(wanted)}")
    check_parameters("rms_norm", wanted, weight)
    eps = float(finfo(input.dtype).eps) if eps is None else eps
    x = cast(input, dtypes.float32) if input.dtype in dtypes.HALVES else input  # squares would overflow
    out = mul(x, rsqrt(add(mean(mul(x, x), tuple(range(-len(wanted), 0)), keepdims=True), eps)))
    return cast(out if weight is None else mul(out, weight), input.dtype)


def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Normalize each channel of `[N, C, ...]`; in training by the batch, whose statistics go into the running ones.

    A batch of nothing leaves those as they are. Beside half numbers, parameters and statistics may be float32.

    >>> mean, var = mt.zeros(1), mt.ones(1)
    >>> batch_norm(mt.tensor([[1.0], [3.0]]), mean, var, training=True)
    tensor([[-1.0000],
            [ 1.0000]])
    >>> mean, var
    (tensor([0.2000]), tensor([1.1000]))
    """
    if eps < 0:
        raise ArgumentError(f"batch_norm: eps must be non-negative, but got {eps} for {aval_of(input)}")
    if input.dtype not in dtypes.HALVES:
        one_dtype(
            "batch_norm", input=input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
        )
    if not training:
        if running_mean is None or running_var is None:
            raise ShapeError("batch_norm: Expected running_mean and running_var to be given when training=False")
        return normalization.batch_norm_fixed(input, running_mean, running_var, weight, bias, eps)
    _check_running("batch_norm", tuple(input.shape[1:2]), running_mean, running_var)
    count = input.size // input.shape[1] if input.ndim > 1 and input.shape[1] else 0
    if count == 1:
        raise ShapeError(
            f"batch_norm: Expected more than 1 value per channel when training, got input size {list(input.shape)}; "
            "use a larger batch or .eval()"
        )
    out, batch_mean, batch_var = normalization.batch_norm(input, weight, bias, eps)
    if count:
        with no_grad():
            _follow(running_mean, batch_mean, momentum)
            _follow(running_var, mul(batch_var, count / (count - 1)), momentum)
    return out


def group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Normalize each of `num_groups` groups of channels of each example. Wu and He (2018).

    >>> group_norm(mt.tensor([[[0.0, 2.0], [2.0, 0.0], [5.0, 9.0], [9.0, 5.0]]]), num_groups=2)
    tensor([[[-1.0000,  1.0000],
             [ 1.0000, -1.0000],
             [-1.0000,  1.0000],
             [ 1.0000, -1.0000]]])
    """
    if input.ndim < 2:
        raise ShapeError(f"group_norm: needs [examples, channels, ...], got {aval_of(input)}; insert an axis")
    n, channels, *rest = input.shape
    if num_groups < 1 or channels % num_groups:
        raise ShapeError(
            f"group_norm: Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(input.shape)} and num_groups={num_groups}"
        )
    check_parameters("group_norm", (channels,), weight, bias)
    grouped = reshape(input, (n, num_groups, input.size // (n * num_groups) if n else 0))
    out = reshape(normalization.layer_norm(grouped, None, None, 1, eps), input.shape)
    return _scaled(out, weight, bias, len(rest))


def instance_norm(
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Normalize each channel of each example; running statistics follow the means over the examples.

    >>> instance_norm(mt.tensor([[[1.0, 3.0], [10.0, 30.0]]]))
    tensor([[[-1.0000,  1.0000],
             [-1.0000,  1.0000]]])
    """
    check_tensors("instance_norm", input=input)
    check_parameters("instance_norm", tuple(input.shape[1:2]), weight, bias)
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise ArgumentError(
                "instance_norm: Expected running_mean and running_var to be given when use_input_stats=False"
            )
        return normalization.batch_norm_fixed(input, running_mean, running_var, weight, bias, eps)
    _check_running("instance_norm", tuple(input.shape[1:2]), running_mean, running_var)
    axes = input.ndim - 2
    count = input.size // (input.shape[0] * input.shape[1] or 1) if axes >= 0 else 0
    if count == 1 or axes < 0:
        raise ShapeError(
            f"instance_norm: Expected more than 1 spatial element when training, got input size {list(input.shape)}"
        )
    if running_mean is not None and input.shape[0]:
        with no_grad():
            spatial = tuple(range(-axes, 0))
            middle = mean(input, spatial, keepdims=True)
            variance = div(sum(square(sub(input, middle)), spatial), float(count - 1))
            _follow(running_mean, mean(reshape(middle, input.shape[:2]), 0), momentum)
            _follow(running_var, mean(variance, 0), momentum)
    return _scaled(normalization.layer_norm(input, None, None, axes, eps), weight, bias, axes)


def _check_running(name: str, shape: tuple[int, ...], mean: Any, var: Any) -> None:
    """Raise unless the running statistics are both there, with one number for each channel, or neither is."""
    if (mean is None and var is None) or not shape:  # what has no channels is refused by name
        return
    check_tensors(name, running_mean=mean, running_var=var)
    if not tuple(mean.shape) == tuple(var.shape) == shape:
        raise ShapeError(
            f"{name}: running_mean and running_var must have shape {list(shape)}, got {aval_of(mean)} and {aval_of(var)}"
        )


def _follow(running: Any, found: Any, momentum: Any) -> None:
    """Move a running statistic toward what has been found."""
    if running is not None:
        running.copy_(add(mul(running, 1.0 - momentum), mul(cast(found, running.dtype), momentum)))


def _scaled(out: Any, weight: Any, bias: Any, trailing: int) -> Any:
    """Multiply and add one number per channel."""
    if weight is not None:
        out = mul(out, reshape(weight, (-1,) + (1,) * trailing))
    return out if bias is None else add(out, reshape(bias, (-1,) + (1,) * trailing))


def normalize(input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Any:
    """Divide by the p-norm along a dimension, or by `eps` where the norm is smaller.

    >>> normalize(mt.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]])
    >>> normalize(mt.tensor([[3.0, 1.0]]), p=1.0)
    tensor([[0.7500, 0.2500]])
    """
    return div(input, maximum(norm(input, p, over(input, dim), keepdims=True), eps))


# --------------------------------------------------------------------------- attention


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """Return `softmax(query @ key.T * scale + mask) @ value`.

    A bool mask says where to look, a float one is added. A query that may look nowhere gives 0, with gradient 0.

    >>> query, key = mt.tensor([[1.0, 0.0]]), mt.tensor([[9.0, 0.0], [0.0, 9.0]])
    >>> value = mt.tensor([[1.0], [5.0]])
    >>> scaled_dot_product_attention(query, key, value)
    tensor([[1.0069]])
    >>> scaled_dot_product_attention(query, key, value, attn_mask=mt.tensor([[False, True]]))
    tensor([[5.]])
    """
    one_dtype("scaled_dot_product_attention", query=query, key=key, value=value)
    if attn_mask is not None and as_array(attn_mask).dtype not in (dtypes.bool_, query.dtype, dtypes.float32):
        raise DTypeError(
            f"scaled_dot_product_attention: Expected attn_mask dtype to be bool or to match query dtype, got "
            f"{aval_of(as_array(attn_mask))} for query {aval_of(query)}; cast it"
        )
    drop = (lambda weights: dropout(weights, dropout_p)) if dropout_p else None
    return attention.scaled_dot_product_attention(
        query, key, value, attn_mask, causal=is_causal, scale=scale, groups=enable_gqa, drop=drop
    )
