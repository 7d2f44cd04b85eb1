"""Losses with margins, of pairs, triplets and several labels, under PyTorch's names; a linear map and cross-entropy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...core import dtypes
from ...core.errors import ArgumentError, DTypeError, ShapeError
from ...core.ops.families import as_array
from ...core.ops.fusing import check_reduction
from ...core.ops.gathering import take
from ...core.ops.lookup import one_hot, take_along_axis
from ...core.ops.losses import reduce_loss
from ...core.ops.pointwise import (
    add,
    clip,
    div,
    equal,
    less,
    logical_and,
    logical_not,
    minimum,
    mul,
    neg,
    relu,
    sqrt,
    square,
    sub,
    where,
)
from ...core.ops.reductions import any as any_of
from ...core.ops.scanning import cumsum
from ...core.ops.shaping import cast, expand_dims, reshape, sum
from ...core.ops.special import softplus
from ...core.tracer import Value, aval_of
from ...tensor.functions import PUBLIC
from ...tensor.peeking import extent
from . import layer, loss
from .arguments import check_tensors
from .loss import checked_reduction, reduction_of

Distance = Callable[[Any, Any], Any]


# --------------------------------------------------------------------------- pairs and triplets


def cosine_embedding_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0.0,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """Return `1 - cos` of the angle of two vectors where the target is 1, `max(0, cos - margin)` where it is -1.

    >>> first, second = mt.tensor([[1.0, 0.0], [1.0, 0.0]]), mt.tensor([[0.0, 1.0], [2.0, 0.0]])
    >>> cosine_embedding_loss(first, second, mt.tensor([1, -1]), margin=0.25, reduction="none")
    tensor([1.0000, 0.7500])
    """
    reduction = checked_reduction("cosine_embedding_loss", reduction, size_average, reduce)
    check_tensors("cosine_embedding_loss", input1=input1, input2=input2, target=target)
    if as_array(target).ndim not in (0, 1) or input1.ndim != as_array(target).ndim + 1 or input2.ndim != input1.ndim:
        raise ShapeError(
            f"cosine_embedding_loss: 1D target tensor expects 2D input tensors, 0D target 1D inputs, but found inputs "
            f"{aval_of(input1)}, {aval_of(input2)} and target {aval_of(as_array(target))}"
        )
    # As in PyTorch, the squares of the norms are kept from 0 by addition, not as in `cosine_similarity`.
    squares = mul(add(sum(square(input1), -1), 1e-12), add(sum(square(input2), -1), 1e-12))
    cos = div(sum(mul(input1, input2), -1), sqrt(squares))
    far = where(equal(target, -1), clip(sub(cos, margin), 0.0), 0.0)
    return reduce_loss(where(equal(target, 1), sub(1.0, cos), far), reduction)


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """Return `max(0, d(anchor, positive) - d(anchor, negative) + margin)` for p-norm distances.

    With `swap`, the negative's distance is the smaller of those to the anchor and to the positive (Balntas et al., 2016).

    >>> anchor, near, far = mt.tensor([[0.0]]), mt.tensor([[1.0]]), mt.tensor([[1.5]])
    >>> triplet_margin_loss(anchor, near, far)
    tensor(0.5000)
    >>> triplet_margin_loss(anchor, near, far, swap=True)
    tensor(1.5000)
    """
    return triplet_margin_with_distance_loss(
        anchor,
        positive,
        negative,
        distance_function=lambda x, y: PUBLIC["pairwise_distance"](x, y, p, eps),
        margin=margin,
        swap=swap,
        reduction=reduction_of(reduction, size_average, reduce),
    )


def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Distance | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """As `triplet_margin_loss`, with a distance of one's own.

    >>> anchor, near, far = mt.tensor([[0.0]]), mt.tensor([[3.0]]), mt.tensor([[2.0]])
    >>> triplet_margin_with_distance_loss(anchor, near, far, distance_function=lambda x, y: (x - y).square().sum(1))
    tensor(6.)
    """
    check_reduction("triplet_margin_loss", reduction)
    if margin <= 0:
        raise ArgumentError(f"triplet_margin_loss: margin must be greater than 0, got {margin}")
    check_tensors("triplet_margin_loss", anchor=anchor, positive=positive, negative=negative)
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise ShapeError(
            f"triplet_margin_loss: anchor, positive and negative must have the same number of dimensions, got "
            f"{aval_of(anchor)}, {aval_of(positive)} and {aval_of(negative)}"
        )
    distance = PUBLIC["pairwise_distance"] if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return reduce_loss(clip(add(sub(near, far), margin), 0.0), reduction)


# --------------------------------------------------------------------------- classes and labels


def soft_margin_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    """Return `log(1 + exp(-target * input))` for targets 1 and -1.

    >>> soft_margin_loss(mt.tensor([0.0, 1.0, 1.0]), mt.tensor([1, 1, -1]), reduction="none")
    tensor([0.6931, 0.3133, 1.3133])
    """
    reduction = checked_reduction("soft_margin_loss", reduction, size_average, reduce)
    return reduce_loss(softplus(mul(neg(target), input)), reduction)


def multi_margin_loss(
    input: Any,
    target: Any,
    p: int = 1,
    margin: float = 1.0,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """Return the sum over wrong classes of `max(0, margin - x[target] + x[class]) ** p`, divided by the classes.

    `weight` holds a factor for each target class.

    >>> multi_margin_loss(mt.tensor([[1.0, 0.5, -3.0]]), mt.tensor([0]))
    tensor(0.1667)
    >>> multi_margin_loss(mt.tensor([[1.0, 0.5, -3.0]]), mt.tensor([1]), p=2)
    tensor(0.7500)
    """
    reduction = checked_reduction("multi_margin_loss", reduction, size_average, reduce)
    if p not in (1, 2):
        raise ArgumentError(f"multi_margin_loss: only p == 1 and p == 2 supported, got {p}")
    check_tensors("multi_margin_loss", input=input, target=target)
    target = as_array(target)
    if input.ndim not in (1, 2) or 0 in input.shape[-1:] or tuple(target.shape) != tuple(input.shape[:-1]):
        raise ShapeError(
            f"multi_margin_loss: Expected input [N, C] or [C] and target [N] or [], got {aval_of(input)} and "
            f"{aval_of(target)}"
        )
    _check_classes("multi_margin_loss", target, 0, input.shape[-1])
    if weight is not None and tuple(weight.shape) != tuple(input.shape[-1:]):
        raise ShapeError(
            f"multi_margin_loss: expected a weight for each class of {aval_of(input)}, got {aval_of(weight)}"
        )
    at = expand_dims(target, -1)
    gaps = relu(add(sub(input, take_along_axis(input, at, -1)), margin))
    gaps = gaps if p == 1 else square(gaps)
    gaps = gaps if weight is None else mul(gaps, take(weight, at))
    wrong = where(one_hot(target, input.shape[-1], dtypes.bool_), 0.0, gaps)
    return reduce_loss(div(sum(wrong, -1), float(input.shape[-1])), reduction)


def _check_classes(name: str, target: Value, low: int, count: int) -> None:
    """Refuse class numbers out of range where they are known, and other than integers everywhere."""
    if target.dtype not in dtypes.INTEGERS:
        raise DTypeError(f"{name}: class numbers must be integers, got {aval_of(target)}; cast the target with .long()")
    found = extent(target)
    if found and not low <= found[0] <= found[1] < count:
        raise ArgumentError(
            f"{name}: target out of range: classes are {low} to {count - 1}, got {found[0]} to {found[1]}"
        )


def multilabel_margin_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    """Return the sum over labels and other classes of `max(0, 1 - x[label] + x[class])`, divided by the classes.

    A target lists the labels of an example, ended by the first -1.

    >>> multilabel_margin_loss(mt.tensor([0.5, 1.0, 0.0, 0.25]), mt.tensor([1, 3, -1, 0]))
    tensor(0.6250)
    """
    reduction = checked_reduction("multilabel_margin_loss", reduction, size_average, reduce)
    check_tensors("multilabel_margin_loss", input=input, target=target)
    target = as_array(target)
    if input.ndim not in (1, 2) or not input.shape[-1] or tuple(target.shape) != tuple(input.shape):
        raise ShapeError(
            f"multilabel_margin_loss: Expected input and target [N, C] or [C], got {aval_of(input)} and {aval_of(target)}"
        )
    classes = input.shape[-1]
    _check_classes("multilabel_margin_loss", target, -1, classes)
    listed = equal(cumsum(cast(less(target, 0), dtypes.int64), -1), 0)
    labels = where(listed, target, 0)
    ours = logical_and(one_hot(labels, classes, dtypes.bool_), expand_dims(listed, -1))
    others = logical_not(any_of(ours, -2, keepdims=True))
    gaps = relu(add(sub(expand_dims(input, -2), expand_dims(take_along_axis(input, labels, -1), -1)), 1.0))
    counted = where(logical_and(expand_dims(listed, -1), others), gaps, 0.0)
    return reduce_loss(div(sum(counted, (-2, -1)), float(classes)), reduction)


def multilabel_soft_margin_loss(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    """Return the binary cross-entropy of logits, averaged over the classes of each example.

    >>> multilabel_soft_margin_loss(mt.tensor([[0.0, 2.0]]), mt.tensor([[1.0, 0.0]]))
    tensor(1.4100)
    """
    reduction = checked_reduction("multilabel_soft_margin_loss", reduction, size_average, reduce)
    check_tensors("multilabel_soft_margin_loss", input=input, target=target)
    if not input.ndim or tuple(target.shape) != tuple(input.shape):
        raise ShapeError(
            "multilabel_soft_margin_loss: Expected input and target of one shape, [N, C] or [C], got "
            f"{aval_of(input)} and {aval_of(target)}"
        )
    each = add(mul(target, softplus(neg(input))), mul(sub(1, target), softplus(input)))
    each = each if weight is None else mul(each, weight)
    return reduce_loss(div(sum(each, -1), float(input.shape[-1])), reduction)


def linear_cross_entropy(
    input: Any,
    linear_weight: Any,
    target: Any,
    *,
    linear_bias: Any = None,
    weight: Any = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Any:
    """Return the cross-entropy of the logits `linear(input, linear_weight, linear_bias)`.

    Weights are `[C, ..., in]`; a target with class numbers has no dimension for the classes. `options` chooses how
    PyTorch chunks the batch, which changes no result, and is ignored.

    >>> x, weight, target = mt.tensor([[1.0, 2.0]]), mt.tensor([[2.0, 0.0], [0.0, 0.0]]), mt.tensor([0])
    >>> linear_cross_entropy(x, weight, target)
    tensor(0.1269)
    >>> mt.nn.functional.cross_entropy(mt.nn.functional.linear(x, weight), target)
    tensor(0.1269)
    """
    if input.ndim not in (1, 2) or linear_weight.ndim < 2 or input.shape[-1] != linear_weight.shape[-1]:
        raise ShapeError(
            f"linear_cross_entropy: expected input [N, in] or [in] and linear_weight [C, ..., in], got {aval_of(input)} "
            f"and {aval_of(linear_weight)}"
        )
    *outer, features = linear_weight.shape
    if linear_bias is not None and list(linear_bias.shape) != outer:
        raise ShapeError(f"linear_cross_entropy: expected linear_bias shape {outer}, got {aval_of(linear_bias)}")
    if len(outer) > 1 and input.ndim == 1:
        raise ShapeError(f"linear_cross_entropy: weights {aval_of(linear_weight)} need a batch, got {aval_of(input)}")
    shape = (*input.shape[:-1], *outer)
    if tuple(target.shape) == shape and ignore_index is not None:
        raise ArgumentError("linear_cross_entropy: ignore_index has no meaning for probabilities; leave it out")
    table = reshape(linear_weight, (math.prod(outer), features))
    bias = None if linear_bias is None else reshape(linear_bias, (math.prod(outer),))
    logits = reshape(layer.linear(input, table, bias), shape)
    ignored = -100 if ignore_index is None else ignore_index
    return loss.cross_entropy(
        logits, target, weight, None, ignored, reduction=reduction, label_smoothing=label_smoothing
    )
