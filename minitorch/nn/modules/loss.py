"""Losses as modules."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..functional.loss import reduction_of
from ..module import Module


class Loss(Module):
    """What losses have in common: how they reduce."""

    def __init__(self, size_average: Any = None, reduce: Any = None, reduction: str = "mean"):
        super().__init__()
        self.reduction = reduction_of(reduction, size_average, reduce)


class WeightedLoss(Loss):
    """A loss with a weight for each class or element."""

    def __init__(self, weight: Any = None, size_average: Any = None, reduce: Any = None, reduction: str = "mean"):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class MSELoss(Loss):
    """The squared difference of input and target.

    >>> nn.MSELoss()(mt.tensor([1.0, 2.0]), mt.tensor([1.0, 4.0]))
    tensor(2.)
    """

    def forward(self, input: Any, target: Any) -> Any:
        """Compute the loss."""
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Loss):
    """The absolute difference of input and target.

    >>> nn.L1Loss()(mt.tensor([1.0, 2.0]), mt.tensor([1.0, 4.0]))
    tensor(1.)
    """

    def forward(self, input: Any, target: Any) -> Any:
        """Compute the loss."""
        return F.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(Loss):
    """`d*d / (2 beta)` for differences below `beta`, else `|d| - beta/2`.

    >>> nn.SmoothL1Loss()(mt.tensor([1.0, 2.0]), mt.tensor([1.5, 4.0]))
    tensor(0.8125)
    """

    def __init__(self, size_average: Any = None, reduce: Any = None, reduction: str = "mean", beta: float = 1.0):
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Any, target: Any) -> Any:
        """Compute the loss."""
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(Loss):
    """`d*d / 2` for differences up to `delta`, else `delta * (|d| - delta/2)`.

    >>> nn.HuberLoss()(mt.tensor([1.0, 2.0]), mt.tensor([1.5, 4.0]))
    tensor(0.8125)
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0):
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Any, target: Any) -> Any:
        """Compute the loss."""
        return F.huber_loss(input, target, self.reduction, self.delta)


class CrossEntropyLoss(WeightedLoss):
    """Minus the log-probability that logits give to class numbers or class probabilities.

    >>> nn.CrossEntropyLoss()(mt.zeros(4, 10), mt.tensor([1, 0, 4, 9]))
    tensor(2.3026)
    """

    def __init__(
        self,
        weight: Any = None,
        size_average: Any = None,
        ignore_index: int = -100,
        reduce: Any = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ):
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Any, target: Any) -> Any:
        """Compute the loss."""
        return F.cross_entropy(
            input, target, self.weight, None, self.ignore_index, None, self.reduction, self.label_smoothing
        )


class NLLLoss(WeightedLoss):
    """Minus the log-probabilities of the target classes.

    >>> nn.NLLLoss()(mt.zeros(4, 10).log_softmax(1), mt.tensor([1, 0, 4, 9]))
    tensor(2.3026)
    """

    def __init__(
        self,
        weight: Any = None,
        size_average: Any = None,
        ignore_index: int = -100,
        reduce: Any = None,
        reduction: str = "mean",
    ):
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Any, target: Any) -> Any:
        """Compute the loss."""
        return F.nll_loss(input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class BCELoss(WeightedLoss):
    """The binary cross-entropy of probabilities; logarithms are clamped at -100.

    >>> nn.BCELoss()(mt.tensor([0.5, 0.5]), mt.tensor([0.0, 1.0]))
    tensor(0.6931)
    """

    def forward(self, input: Any, target: Any) -> Any:
        """Compute the loss."""
        return F.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(Loss):
    """The binary cross-entropy of logits, exact for logits of any size.

    >>> nn.BCEWithLogitsLoss()(mt.tensor([0.0, 100.0]), mt.tensor([1.0, 1.0]))
    tensor(0.3466)
    """

    def __init__(
        self,
        weight: Any = None,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
        pos_weight: Any = None,
    ):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Any, target: Any) -> Any:
        """Compute the loss."""
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )


class KLDivLoss(Loss):
    """The divergence of the distribution whose logarithm is the input from the target.

    >>> nn.KLDivLoss(reduction="batchmean")(mt.tensor([[0.5, 0.5]]).log(), mt.tensor([[0.25, 0.75]]))
    tensor(0.1308)
    """

    def __init__(self, size_average: Any = None, reduce: Any = None, reduction: str = "mean", log_target: bool = False):
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Any, target: Any) -> Any:
        """Compute the loss."""
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class GaussianNLLLoss(Loss):
    """Minus the log-density of normal distributions at the target.

    >>> nn.GaussianNLLLoss()(mt.tensor([1.0, 2.0]), mt.tensor([1.0, 4.0]), mt.ones(2))
    tensor(1.)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean"):
        super().__init__(reduction=reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Any, target: Any, var: Any) -> Any:
        """Compute the loss."""
        return F.gaussian_nll_loss(input, target, var, self.full, self.eps, self.reduction)


class PoissonNLLLoss(Loss):
    """Minus the log-probability of counts.

    >>> nn.PoissonNLLLoss()(mt.zeros(2), mt.tensor([1.0, 3.0]))
    tensor(1.)
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: Any = None,
        eps: float = 1e-8,
        reduce: Any = None,
        reduction: str = "mean",
    ):
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Any, target: Any) -> Any:
        """Compute the loss."""
        return F.poisson_nll_loss(log_input, target, self.log_input, self.full, eps=self.eps, reduction=self.reduction)


class HingeEmbeddingLoss(Loss):
    """x where the target is 1, `max(0, margin - x)` where it is -1.

    >>> nn.HingeEmbeddingLoss()(mt.tensor([0.5, 0.25]), mt.tensor([1, -1]))
    tensor(0.6250)
    """

    def __init__(self, margin: float = 1.0, size_average: Any = None, reduce: Any = None, reduction: str = "mean"):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input: Any, target: Any) -> Any:
        """Compute the loss."""
        return F.hinge_embedding_loss(input, target, self.margin, reduction=self.reduction)


class MarginRankingLoss(Loss):
    """`max(0, -target * (input1 - input2) + margin)`.

    >>> nn.MarginRankingLoss(margin=0.5)(mt.tensor([1.0]), mt.tensor([2.0]), mt.tensor([1.0]))
    tensor(1.5000)
    """

    def __init__(self, margin: float = 0.0, size_average: Any = None, reduce: Any = None, reduction: str = "mean"):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Any, input2: Any, target: Any) -> Any:
        """Compute the loss."""
        return F.margin_ranking_loss(input1, input2, target, self.margin, reduction=self.reduction)
