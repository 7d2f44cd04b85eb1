"""Losses as modules: margins, pairs and triplets, several labels, sequences without alignment."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...core.errors import ArgumentError, ShapeError
from ...core.tracer import aval_of
from .. import functional as F
from .linear import Linear
from .loss import Loss, NLLLoss, WeightedLoss
from .resizing import PairwiseDistance


class NLLLoss2d(NLLLoss):
    """The older name of `NLLLoss` for images.

    >>> nn.NLLLoss2d()(mt.zeros(1, 10, 2, 2).log_softmax(1), mt.tensor([[[0, 1], [2, 3]]]))
    tensor(2.3026)
    """


class SoftMarginLoss(Loss):
    """`log(1 + exp(-target * input))` for targets 1 and -1.

    >>> nn.SoftMarginLoss()(mt.zeros(2), mt.tensor([1.0, -1.0]))
    tensor(0.6931)
    """

    def forward(self, input: Any, target: Any) -> Any:
        """Compute the loss."""
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class MultiLabelMarginLoss(Loss):
    """The sum over labels and other classes of `max(0, 1 - x[label] + x[class])`, divided by the classes.

    >>> nn.MultiLabelMarginLoss()(mt.zeros(1, 3), mt.tensor([[2, -1, -1]]))
    tensor(0.6667)
    """

    def forward(self, input: Any, target: Any) -> Any:
        """Compute the loss."""
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(WeightedLoss):
    """The binary cross-entropy of logits, averaged over the classes of each example.

    >>> nn.MultiLabelSoftMarginLoss()(mt.zeros(1, 3), mt.tensor([[1.0, 0.0, 1.0]]))
    tensor(0.6931)
    """

    def forward(self, input: Any, target: Any) -> Any:
        """Compute the loss."""
        return F.multilabel_soft_margin_loss(input, target, self.weight, reduction=self.reduction)


class MultiMarginLoss(WeightedLoss):
    """The sum over wrong classes of `max(0, margin - x[target] + x[class]) ** p`, divided by the classes.

    >>> nn.MultiMarginLoss()(mt.zeros(1, 4), mt.tensor([2]))
    tensor(0.7500)
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Any = None,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
    ):
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ArgumentError(f"MultiMarginLoss: only p == 1 and p == 2 supported, got {p}")
        if weight is not None and weight.ndim != 1:
            raise ShapeError(f"MultiMarginLoss: expected weight to be None or 1D tensor, got {aval_of(weight)}")
        self.p = p
        self.margin = margin

    def forward(self, input: Any, target: Any) -> Any:
        """Compute the loss."""
        return F.multi_margin_loss(input, target, self.p, self.margin, self.weight, reduction=self.reduction)


class CosineEmbeddingLoss(Loss):
    """`1 - cos` of the angle of two vectors where the target is 1, `max(0, cos - margin)` where it is -1.

    >>> nn.CosineEmbeddingLoss()(mt.tensor([[1.0, 0.0]]), mt.tensor([[3.0, 4.0]]), mt.tensor([1]))
    tensor(0.4000)
    """

    def __init__(self, margin: float = 0.0, size_average: Any = None, reduce: Any = None, reduction: str = "mean"):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Any, input2: Any, target: Any) -> Any:
        """Compute the loss."""
        return F.cosine_embedding_loss(input1, input2, target, self.margin, reduction=self.reduction)


def _checked_margin(name: str, margin: float) -> float:
    if margin <= 0:
        raise ArgumentError(f"{name}: expected margin to be greater than 0, got {margin} instead")
    return margin


class TripletMarginLoss(Loss):
    """`max(0, d(anchor, positive) - d(anchor, negative) + margin)` for p-norm distances.

    >>> nn.TripletMarginLoss()(mt.zeros(1, 2), mt.tensor([[3.0, 4.0]]), mt.tensor([[0.0, 2.0]]))
    tensor(4.0000)
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
    ):
        super().__init__(size_average, reduce, reduction)
        self.margin = _checked_margin("TripletMarginLoss", margin)
        self.p, self.eps, self.swap = p, eps, swap

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Any:
        """Compute the loss."""
        options = (self.margin, self.p, self.eps, self.swap)
        return F.triplet_margin_loss(anchor, positive, negative, *options, reduction=self.reduction)


class TripletMarginWithDistanceLoss(Loss):
    """As `TripletMarginLoss`, with a distance of one's own.

    >>> loss = nn.TripletMarginWithDistanceLoss(distance_function=lambda x, y: (x - y).abs().sum(-1))
    >>> loss(mt.zeros(1, 2), mt.tensor([[3.0, 4.0]]), mt.tensor([[0.0, 2.0]]))
    tensor(6.)
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Any, Any], Any] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ):
        super().__init__(reduction=reduction)
        self.distance_function = PairwiseDistance() if distance_function is None else distance_function
        self.margin = _checked_margin("TripletMarginWithDistanceLoss", margin)
        self.swap = swap

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Any:
        """Compute the loss."""
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


class CTCLoss(Loss):
    """Minus the log-probability of label sequences, whatever their alignment in time. Graves et al. (2006).

    >>> log_probs = mt.zeros(12, 2, 5).log_softmax(2)  # time, batch, classes
    >>> nn.CTCLoss()(log_probs, mt.tensor([[1, 2, 3], [1, 4, 4]]), (12, 12), (3, 3)).shape
    ()
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False):
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(self, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any) -> Any:
        """Compute the loss."""
        options = (self.blank, self.reduction, self.zero_infinity)
        return F.ctc_loss(log_probs, targets, input_lengths, target_lengths, *options)


@dataclass(frozen=True)
class LinearCrossEntropyOptions:
    """How PyTorch chunks the batch of `LinearCrossEntropyLoss`; kept and printed here, and of no effect.

    >>> options = nn.LinearCrossEntropyOptions(batch_chunk_size=2)
    >>> nn.LinearCrossEntropyLoss(8, 10, options=options)(mt.zeros(4, 8), mt.tensor([1, 0, 4, 9])).round(decimals=4)
    tensor(2.3026, grad_fn=<DivBackward0>)
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: Any = None

    def __post_init__(self) -> None:
        if self.acc_policy not in ("auto", "accurate", "balanced", "compact"):
            raise ArgumentError(f"LinearCrossEntropyOptions: invalid acc_policy: {self.acc_policy!r}")


class LinearCrossEntropyLoss(WeightedLoss):
    """A `Linear` layer to logits, and their cross-entropy.

    >>> nn.LinearCrossEntropyLoss(8, 10)(mt.zeros(4, 8), mt.tensor([1, 0, 4, 9])).shape
    ()
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Any = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: LinearCrossEntropyOptions | None = None,
    ):
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise ShapeError(f"LinearCrossEntropyLoss: expected weight shape ({num_classes},), got {aval_of(weight)}")
        if not 0.0 <= label_smoothing <= 1.0:
            raise ArgumentError(f"LinearCrossEntropyLoss: expected label_smoothing in [0, 1], got {label_smoothing}")
        super().__init__(weight, reduction=reduction)
        self.num_classes, self.out_features = num_classes, out_features
        self.ignore_index, self.label_smoothing, self.options = ignore_index, label_smoothing, options
        self.linear = Linear(in_features, num_classes * math.prod(out_features), bias, device, dtype)

    def forward(self, input: Any, target: Any) -> Any:
        """Compute the loss."""
        outer = (self.num_classes, *self.out_features)
        bias = self.linear.bias
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape((*outer, self.linear.in_features)),
            target,
            linear_bias=None if bias is None else bias.reshape(outer),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
        )

    def extra_repr(self) -> str:
        """Return the sizes and options."""
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, out_features={self.out_features}, "
            f"bias={self.linear.bias is not None}, reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )
