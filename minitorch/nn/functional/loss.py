"""Losses under PyTorch's names."""

from __future__ import annotations

import warnings
from typing import Any

from ...core import dtypes
from ...core.errors import ArgumentError, DTypeError, ShapeError
from ...core.ops import cross_entropy as ce
from ...core.ops import losses
from ...core.ops.families import as_array
from ...core.ops.fusing import check_reduction
from ...core.ops.pointwise import add, clip, detach, div, equal, exp, greater, log, mul, neg, sub, where
from ...core.ops.shaping import expand_dims, full, sum
from ...core.tracer import aval_of
from ...tensor.fast import fused
from ...tensor.peeking import known
from .arguments import check_tensors, one_dtype


def reduction_of(reduction: str, size_average: bool | None = None, reduce: bool | None = None) -> str:
    """Return the reduction meant by the two old switches, if they are given."""
    if size_average is None and reduce is None:
        return reduction
    if reduce is False:
        return "none"
    return "sum" if size_average is False else "mean"


def checked_reduction(name: str, reduction: str, size_average: bool | None = None, reduce: bool | None = None) -> str:
    """Return the reduction meant, or raise if there is no such one."""
    found = reduction_of(reduction, size_average, reduce)
    check_reduction(name, found)
    return found


def _warn_of_broadcast(name: str, input: Any, target: Any) -> None:
    if tuple(input.shape) != tuple(target.shape):
        warnings.warn(
            f"{name}: Using a target size ({list(target.shape)}) that is different to the input size "
            f"({list(input.shape)}). This will likely lead to incorrect results due to broadcasting. Please ensure "
            "they have the same size.",
            UserWarning,
            stacklevel=4,
        )


def _mse_general(input: Any, target: Any, *, reduction: str) -> Any:
    _warn_of_broadcast("mse_loss", input, as_array(target))
    return losses.mse_loss(input, target, reduction)


_mse = fused(losses.mse_p, _mse_general)


def mse_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean", weight: Any = None
) -> Any:
    """Return the squared difference of input and target; with weights for the elements, the mean is the weighted one.

    >>> mse_loss(mt.tensor([1.0, 5.0]), mt.tensor([1.0, 2.0]))
    tensor(4.5000)
    >>> mse_loss(mt.tensor([1.0, 5.0]), mt.tensor([1.0, 2.0]), reduction="none")
    tensor([0., 9.])
    """
    if size_average is not None or reduce is not None:
        reduction = reduction_of(reduction, size_average, reduce)
    if weight is not None:
        return _weighted_mean("mse_loss", losses.mse_loss(input, target, "none"), input, weight, reduction)
    return _mse(input, target, reduction=reduction)


def _weighted(name: str, loss: Any, input: Any, weight: Any) -> Any:
    """Multiply a loss with a weight for each element."""
    if tuple(weight.shape) != tuple(input.shape):
        raise ShapeError(
            f"{name}: Weights and input must have the same size, got {aval_of(weight)} for {aval_of(input)}; expand them"
        )
    return mul(loss, weight)


def _weighted_mean(name: str, loss: Any, input: Any, weight: Any, reduction: str) -> Any:
    """Reduce a loss with a weight for each element; the mean is over the weights."""
    check_reduction(name, reduction)
    weighted = _weighted(name, loss, input, weight)
    if reduction == "mean":
        return div(losses.reduce_loss(weighted, "sum"), sum(weight))
    return losses.reduce_loss(weighted, reduction)


def l1_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean", weight: Any = None
) -> Any:
    """Return the absolute difference of input and target; with weights for the elements, the mean is the weighted one.

    >>> l1_loss(mt.tensor([1.0, 5.0]), mt.tensor([1.0, 2.0]))
    tensor(1.5000)
    >>> l1_loss(mt.tensor([1.0, 5.0]), mt.tensor([1.0, 2.0]), reduction="sum")
    tensor(3.)
    """
    _warn_of_broadcast("l1_loss", input, target)
    reduction = reduction_of(reduction, size_average, reduce)
    if weight is not None:
        return _weighted_mean("l1_loss", losses.l1_loss(input, target, "none"), input, weight, reduction)
    return losses.l1_loss(input, target, reduction)


def smooth_l1_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean", beta: float = 1.0
) -> Any:
    """Return `d*d / (2 beta)` for differences below `beta`, else `|d| - beta/2`.

    >>> smooth_l1_loss(mt.tensor([0.5, 4.0]), mt.zeros(2), reduction="none")
    tensor([0.1250, 3.5000])
    >>> smooth_l1_loss(mt.tensor([0.5, 4.0]), mt.zeros(2), reduction="none", beta=2.0)
    tensor([0.0625, 3.0000])
    """
    _warn_of_broadcast("smooth_l1_loss", input, target)
    return losses.smooth_l1_loss(input, target, reduction_of(reduction, size_average, reduce), beta)


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Any:
    """Return `d*d / 2` for differences up to `delta`, else `delta * (|d| - delta/2)`.

    With weights for the elements the mean is, as in PyTorch, over the elements.

    >>> huber_loss(mt.tensor([0.5, 4.0]), mt.zeros(2), reduction="none")
    tensor([0.1250, 3.5000])
    >>> huber_loss(mt.tensor([0.5, 4.0]), mt.zeros(2), reduction="none", delta=2.0)
    tensor([0.1250, 6.0000])
    """
    _warn_of_broadcast("huber_loss", input, target)
    if weight is None:
        return losses.huber_loss(input, target, reduction, delta)
    check_reduction("huber_loss", reduction)
    each = losses.huber_loss(input, target, "none", delta)
    return losses.reduce_loss(_weighted("huber_loss", each, input, weight), reduction)


# --------------------------------------------------------------------------- classes


def _cross_entropy_general(input: Any, target: Any, *, ignore_index: int, reduction: str) -> Any:
    _check_targets("cross_entropy", input, target, ignore_index)
    axis = 0 if input.ndim == 1 else 1
    return ce.cross_entropy(input, target, axis=axis, ignore_index=ignore_index, reduction=reduction)


# With classes on the last axis, which only one or two axes make sure of, the primitive takes tensors as they are.
_cross_entropy = fused(ce.cross_entropy_p, _cross_entropy_general, second=dtypes.int64)


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    ignore_index: int = -100,
    reduce: Any = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """Return minus the log-probability that logits `[N, C, ...]` or `[C]` give to class numbers or probabilities.

    With all targets ignored, the mean is NaN.

    >>> logits = mt.tensor([[2.0, 0.0], [0.0, 2.0]])
    >>> cross_entropy(logits, mt.tensor([0, 0]), reduction="none")
    tensor([0.1269, 2.1269])
    >>> cross_entropy(logits, mt.tensor([0, -100]))
    tensor(0.1269)
    >>> cross_entropy(logits, mt.tensor([[0.5, 0.5], [0.0, 1.0]]), reduction="none")
    tensor([1.1269, 0.1269])
    """
    if size_average is not None or reduce is not None:
        reduction = reduction_of(reduction, size_average, reduce)
    if weight is None and not label_smoothing and getattr(input, "ndim", 3) <= 2:
        return _cross_entropy(input, target, ignore_index=ignore_index, reduction=reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ArgumentError(f"cross_entropy: label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    _check_targets("cross_entropy", input, target, ignore_index)
    one_dtype("cross_entropy", input=input, weight=weight)
    options = {"axis": min(1, input.ndim - 1), "ignore_index": ignore_index, "reduction": reduction}
    return ce.cross_entropy(input, target, weight, label_smoothing=label_smoothing, **options)


def _check_targets(name: str, input: Any, target: Any, ignore_index: int) -> None:
    check_tensors(name, input=input, target=target)
    if target.shape == input.shape and ignore_index >= 0:
        raise ArgumentError(
            f"{name}: ignore_index is not supported for probabilities as targets, got {ignore_index} for target "
            f"{aval_of(target)}; leave it out"
        )
    if input.ndim and target.ndim == input.ndim - 1 and target.dtype in dtypes.INEXACT:
        raise DTypeError(
            f"{name}: expected scalar type Long but found {dtypes.name(target.dtype)}: class numbers must be integers; "
            "cast the target with .long(), or give probabilities in the shape of the input"
        )
    if input.ndim > 1 and target.ndim and input.shape[0] != target.shape[0]:
        raise ShapeError(
            f"{name}: Expected input batch_size ({input.shape[0]}) to match target batch_size ({target.shape[0]}), got "
            f"{aval_of(input)} and {aval_of(target)}; give one target for each row"
        )


def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    ignore_index: int = -100,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """Return minus the log-probabilities `[N, C, ...]` of the target classes.

    >>> logs = mt.tensor([[0.5, 0.5], [0.9, 0.1]]).log()
    >>> nll_loss(logs, mt.tensor([0, 1]), reduction="none")
    tensor([0.6931, 2.3026])
    >>> nll_loss(logs, mt.tensor([0, 1]), weight=mt.tensor([3.0, 1.0]))
    tensor(1.0955)
    """
    _check_targets("nll_loss", input, target, ignore_index)
    one_dtype("nll_loss", input=input, weight=weight)
    options = {"axis": min(1, input.ndim - 1), "ignore_index": ignore_index}
    return ce.nll_loss(input, target, weight, reduction=reduction_of(reduction, size_average, reduce), **options)


# --------------------------------------------------------------------------- probabilities


def _same_size(name: str, input: Any, target: Any) -> None:
    if tuple(input.shape) != tuple(target.shape):
        raise ShapeError(
            f"{name}: Using a target size ({list(target.shape)}) that is different to the input size "
            f"({list(input.shape)}) is deprecated. Please ensure they have the same size."
        )


def binary_cross_entropy(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    """Return `-(y log p + (1-y) log(1-p))` for probabilities p; logarithms are clamped at -100.

    >>> binary_cross_entropy(mt.tensor([0.5, 0.9, 0.0]), mt.tensor([1.0, 1.0, 1.0]), reduction="none")
    tensor([  0.6931,   0.1054, 100.0000])
    """
    _same_size("binary_cross_entropy", input, target)
    return losses.binary_cross_entropy(input, target, weight, reduction_of(reduction, size_average, reduce))


def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:
    """Return the binary cross-entropy of `sigmoid(input)`, exact for logits of any size.

    >>> logits, target = mt.tensor([0.0, -1000.0]), mt.tensor([1.0, 1.0])
    >>> binary_cross_entropy_with_logits(logits, target, reduction="none")
    tensor([6.9315e-01, 1.0000e+03])
    >>> binary_cross_entropy_with_logits(logits, target, reduction="none", pos_weight=mt.tensor(2.0))
    tensor([1.3863e+00, 2.0000e+03])
    """
    if tuple(input.shape) != tuple(target.shape):
        raise ShapeError(
            f"binary_cross_entropy_with_logits: Target size ({list(target.shape)}) must be the same as input size "
            f"({list(input.shape)}); reshape one of them, as in input.squeeze(1)"
        )
    reduction = reduction_of(reduction, size_average, reduce)
    return losses.binary_cross_entropy_with_logits(input, target, weight, reduction, pos_weight)


def kl_div(
    input: Any,
    target: Any,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Any:
    """Return the divergence of the distribution whose logarithm is `input` from `target`.

    >>> guess, truth = mt.tensor([[0.5, 0.5]]), mt.tensor([[0.25, 0.75]])
    >>> kl_div(guess.log(), truth, reduction="batchmean")
    tensor(0.1308)
    """
    return losses.kl_div(input, target, reduction_of(reduction, size_average, reduce), log_target)


def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Any:
    """Return minus the log-density of normal distributions with mean `input` and variance `var`, at `target`.

    `var` has the shape of the input, or one variance for all that its last dimension holds, or for another one's, which
    has size 1; or it is a number. Variances are at least `eps`.

    >>> mean, var = mt.tensor([1.0, 1.0]), mt.tensor([1.0, 4.0])
    >>> gaussian_nll_loss(mean, mt.tensor([3.0, 3.0]), var, reduction="none")
    tensor([2.0000, 1.1931])
    """
    check_reduction("gaussian_nll_loss", reduction)
    limited = _variances(input, var, eps)
    d = sub(input, target)
    loss = mul(add(log(limited), mul(d, d) / limited), 0.5)
    return losses.reduce_loss(add(loss, 0.9189385332046727) if full else loss, reduction)


def _variances(x: Any, var: Any, eps: float) -> Any:
    """Return variances that broadcast with x, and have no slope where they are limited."""
    check_tensors("gaussian_nll_loss", input=x)
    var = full(x.shape, var, x.dtype) if isinstance(var, (int, float)) else var
    check_tensors("gaussian_nll_loss", var=var)
    values = known(var)
    if values is not None and (values.numpy() < 0).any():
        raise ArgumentError(f"gaussian_nll_loss: var has negative entry/entries, {aval_of(var)}; give variances")
    shape, mine = tuple(x.shape), tuple(var.shape)
    if mine == shape[:-1]:
        var = expand_dims(var, -1)
    elif mine != shape and (len(mine) != len(shape) or [n for m, n in zip(shape, mine) if m != n] != [1]):
        raise ShapeError(f"gaussian_nll_loss: var is of incorrect size, got {aval_of(var)} for input {aval_of(x)}")
    return add(var, detach(clip(sub(eps, var), 0.0)))


def poisson_nll_loss(
    input: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    size_average: Any = None,
    eps: float = 1e-8,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """Return minus the log-probability of counts, up to a constant, or with `full` by Stirling's formula.

    >>> poisson_nll_loss(mt.tensor([0.0, 1.0]), mt.tensor([2.0, 3.0]), reduction="none")
    tensor([ 1.0000, -0.2817])
    >>> poisson_nll_loss(mt.tensor([2.0]), mt.tensor([2.0]), log_input=False)
    tensor(0.6137)
    """
    reduction = checked_reduction("poisson_nll_loss", reduction, size_average, reduce)
    loss = sub(exp(input), mul(target, input)) if log_input else sub(input, mul(target, log(add(input, eps))))
    if full:
        large = greater(target, 1.0)
        safe = where(large, target, 1.0)
        stirling = add(sub(mul(safe, log(safe)), safe), mul(log(mul(safe, 6.283185307179586)), 0.5))
        loss = add(loss, where(large, stirling, 0.0))
    return losses.reduce_loss(loss, reduction)


def hinge_embedding_loss(
    input: Any,
    target: Any,
    margin: float = 1.0,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """Return x where the target is 1, `max(0, margin - x)` where it is -1; elsewhere, as in PyTorch, their sum.

    >>> hinge_embedding_loss(mt.tensor([0.25, 0.25, 3.0]), mt.tensor([1, -1, -1]), reduction="none")
    tensor([0.2500, 0.7500, 0.0000])
    """
    reduction = checked_reduction("hinge_embedding_loss", reduction, size_average, reduce)
    near = where(equal(target, -1), 0.0, input)
    return losses.reduce_loss(add(near, where(equal(target, 1), 0.0, clip(sub(margin, input), 0.0))), reduction)


def margin_ranking_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0.0,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """Return `max(0, -target * (input1 - input2) + margin)`.

    >>> first, second = mt.tensor([1.0, 1.0]), mt.tensor([3.0, 3.0])
    >>> margin_ranking_loss(first, second, mt.tensor([1, -1]), margin=0.5, reduction="none")
    tensor([2.5000, 0.0000])
    """
    reduction = checked_reduction("margin_ranking_loss", reduction, size_average, reduce)
    if not input1.ndim == input2.ndim == target.ndim:
        raise ShapeError(
            f"margin_ranking_loss: All input tensors should have same dimension but got sizes: {aval_of(input1)}, "
            f"{aval_of(input2)}, {aval_of(target)}; insert axes"
        )
    return losses.reduce_loss(clip(add(mul(neg(target), sub(input1, input2)), margin), 0.0), reduction)
