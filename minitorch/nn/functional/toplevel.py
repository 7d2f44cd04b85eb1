"""Functions of modules as PyTorch has them beside `nn.functional`, at top level: some with arguments in another order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.errors import ArgumentError
from . import activation, image, layer, loss

# fmt: off
SAME = {
    name: getattr(module, name)
    for module, names in (
        (image, "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d max_pool1d max_pool2d "
                "max_pool3d avg_pool1d adaptive_avg_pool1d pixel_shuffle pixel_unshuffle channel_shuffle"),
        (layer, "layer_norm group_norm rms_norm bilinear"),
        (activation, "prelu rrelu selu celu threshold hardshrink"),
    )
    for name in names.split()
}
# fmt: on


def dropout(input: Any, p: float, train: bool) -> Any:
    """Zero elements with probability p, and scale the others by `1 / (1 - p)`, if `train`.

    >>> mt.dropout(mt.ones(3), 0.5, False)
    tensor([1., 1., 1.])
    >>> sorted({*mt.dropout(mt.ones(100), 0.5, True).tolist()})
    [0.0, 2.0]
    """
    return activation.dropout(input, p, train)


def embedding(
    weight: Any, indices: Any, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Any:
    """Look up rows of a table, which comes first here; a `padding_idx` of -1 means none.

    >>> mt.embedding(mt.tensor([[1.0, 2.0], [3.0, 4.0]]), mt.tensor([1, 0, 1]))
    tensor([[3., 4.],
            [1., 2.],
            [3., 4.]])
    """
    chosen = None if padding_idx < 0 else padding_idx
    return layer.embedding(indices, weight, chosen, scale_grad_by_freq=scale_grad_by_freq, sparse=sparse)


def batch_norm(
    input: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = False,
) -> Any:
    """As `nn.functional.batch_norm`, with the weights before the statistics.

    >>> x, mean, var = mt.tensor([[1.0], [3.0]]), mt.zeros(1), mt.ones(1)
    >>> mt.batch_norm(x, None, None, mean, var, True, 0.5, 1e-5, False)
    tensor([[-1.0000],
            [ 1.0000]])
    >>> mean, var
    (tensor([1.]), tensor([1.5000]))
    """
    return layer.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def instance_norm(
    input: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = False,
) -> Any:
    """As `nn.functional.instance_norm`, with the weights before the statistics.

    >>> x = mt.tensor([[[1.0, 3.0], [10.0, 30.0]]])
    >>> mt.instance_norm(x, None, None, None, None, True, 0.1, 1e-5, False)
    tensor([[[-1.0000,  1.0000],
             [-1.0000,  1.0000]]])
    """
    return layer.instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


def adaptive_max_pool1d(input: Any, output_size: Any) -> Any:
    """Return the largest elements of windows that cover the last dimension, and their indices.

    >>> mt.adaptive_max_pool1d(mt.tensor([[0.0, 9.0, 4.0, 6.0, 8.0]]), 2)
    (tensor([[9., 8.]]), tensor([[1, 4]]))
    """
    return image.adaptive_max_pool1d(input, output_size, return_indices=True)


def max_pool1d_with_indices(input: Any, kernel_size: Any, stride: Any = None, *options: Any, **named: Any) -> Any:
    """Return the largest elements of sliding windows, and their indices.

    >>> mt.max_pool1d_with_indices(mt.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    (tensor([[3., 2.]]), tensor([[1, 2]]))
    """
    return image.max_pool1d(input, kernel_size, stride, *options, return_indices=True, **named)


_REDUCTIONS = ("none", "mean", "sum")


def numbered(function: Callable[..., Any], order: str, given: str, found: str) -> Callable[..., Any]:
    """Return a loss whose arguments stand in PyTorch's order at top level, and whose `reduction` is a number.

    Its docstring shows what is found for the arguments `given`.
    """
    name, names = function.__name__, order.split()

    def call(*args: Any, **kwargs: Any) -> Any:
        if len(args) > len(names) or not kwargs.keys().isdisjoint(names[: len(args)]):
            raise TypeError(f"{name}: takes {', '.join(names)}, each once")
        given = {**dict(zip(names, args)), **kwargs}
        number = given.pop("reduction", 0)
        if number not in (0, 1, 2):
            raise ArgumentError(f"{name}: reduction must be 0, 1 or 2, got {number!r}; nn.functional takes names")
        return function(**given, reduction=_REDUCTIONS[number])

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"""As `nn.functional.{name}`, with a number for `reduction`: 0 none (the default), 1 mean, 2 sum.

    The arguments in order: {", ".join(f"`{each}`" for each in names)}.

    >>> mt.{name}({given})
    {found}
    """
    return call


LOSSES = {
    function.__name__: numbered(function, *row)
    for function, *row in (
        (
            loss.binary_cross_entropy_with_logits,
            "input target weight pos_weight reduction",
            "mt.tensor([0.0, 2.0]), mt.tensor([1.0, 0.0]), None, None, 2",
            "tensor(2.8201)",
        ),
        (
            loss.hinge_embedding_loss,
            "input target margin reduction",
            "mt.tensor([0.25, 0.25]), mt.tensor([1.0, -1.0]), 2.0",
            "tensor([0.2500, 1.7500])",
        ),
        (
            loss.kl_div,
            "input target reduction",
            "mt.log(mt.tensor([0.5, 0.5])), mt.tensor([1.0, 0.0]), reduction=2",
            "tensor(0.6931)",
        ),
        (
            loss.margin_ranking_loss,
            "input1 input2 target margin reduction",
            "mt.tensor([1.0, 1.0]), mt.tensor([3.0, 3.0]), mt.tensor([1.0, -1.0])",
            "tensor([2., 0.])",
        ),
    )
}


WRITING = {name: getattr(activation, name) for name in ("rrelu_", "selu_", "celu_", "threshold_")}
WRITING["dropout_"] = activation.writing("dropout_", dropout)
globals().update(SAME | LOSSES | WRITING)
__all__ = [
    *SAME,
    *LOSSES,
    *WRITING,
    "dropout",
    "embedding",
    "batch_norm",
    "instance_norm",
    "adaptive_max_pool1d",
    "max_pool1d_with_indices",
]
