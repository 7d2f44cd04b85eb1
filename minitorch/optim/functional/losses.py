"""Losses under optax's names: one number for each example, or for each element."""

from __future__ import annotations

from typing import Any

from ...core import dtypes
from ...core.errors import DTypeError
from ...core.ops.contractions import vecdot
from ...core.ops.families import as_array
from ...core.ops.lookup import take_along_axis
from ...core.ops.losses import huber_loss as core_huber_loss
from ...core.ops.pointwise import add, mul, neg, square, sub
from ...core.ops.shaping import cast, expand_dims, squeeze, zeros_like
from ...core.ops.softmax import log_softmax
from ...core.ops.special import softplus
from ...core.tracer import Value, aval_of


def softmax_cross_entropy(logits: Any, labels: Any, axis: int = -1) -> Value:
    """Return the cross entropy of probabilities `labels` and of `logits`, which has one axis less.

    >>> softmax_cross_entropy([[0.0, 0.0]], [[0.5, 0.5]])
    Array([0.6931472], dtype=float32)
    """
    return neg(vecdot(as_array(labels), log_softmax(as_array(logits), axis), axis=axis))


def softmax_cross_entropy_with_integer_labels(logits: Any, labels: Any, axis: int = -1) -> Value:
    """Return the cross entropy of classes `labels`, which lack the classes' axis, and of `logits`.

    >>> softmax_cross_entropy_with_integer_labels([[0.0, 0.0], [9.0, 9.0]], [0, 1])
    Array([0.6931472, 0.6931472], dtype=float32)
    """
    labels = as_array(labels)
    if labels.dtype not in dtypes.INTEGERS:
        raise DTypeError(
            f"softmax_cross_entropy_with_integer_labels: labels are class numbers, got {aval_of(labels)}; for "
            "probabilities use softmax_cross_entropy"
        )
    chosen = take_along_axis(log_softmax(as_array(logits), axis), expand_dims(labels, axis), axis)
    return neg(squeeze(chosen, axis))


def sigmoid_binary_cross_entropy(logits: Any, labels: Any) -> Value:
    """Return the cross entropy of each logit's sigmoid with a probability, for which classes need not exclude each other.

    >>> sigmoid_binary_cross_entropy([0.0, -100.0], [1.0, 1.0])
    Array([  0.6931472, 100.       ], dtype=float32)
    """
    logits, labels = as_array(logits), as_array(labels)
    return add(mul(labels, softplus(neg(logits))), mul(sub(1.0, labels), softplus(logits)))


def squared_error(predictions: Any, targets: Any = None) -> Value:
    """Return the square of each difference, of each prediction if there are no targets.

    >>> squared_error([1.0, 2.0], [1.0, 5.0])
    Array([0., 9.], dtype=float32)
    """
    return square(as_array(predictions) if targets is None else sub(as_array(predictions), as_array(targets)))


def l2_loss(predictions: Any, targets: Any = None) -> Value:
    """Return half of `squared_error`.

    >>> l2_loss([1.0, 2.0], [1.0, 5.0])
    Array([0. , 4.5], dtype=float32)
    """
    return mul(squared_error(predictions, targets), 0.5)


def huber_loss(predictions: Any, targets: Any = None, delta: float = 1.0) -> Value:
    """Return `l2_loss` of differences up to `delta`, and what grows linearly beyond. Huber (1964).

    >>> huber_loss([1.0, 2.0], [1.0, 5.0])
    Array([0. , 2.5], dtype=float32)
    """
    predictions = as_array(predictions)
    targets = zeros_like(predictions) if targets is None else cast(as_array(targets), predictions.dtype)
    return core_huber_loss(predictions, targets, reduction="none", delta=delta)


__all__ = [
    "huber_loss",
    "l2_loss",
    "sigmoid_binary_cross_entropy",
    "softmax_cross_entropy",
    "softmax_cross_entropy_with_integer_labels",
    "squared_error",
]
