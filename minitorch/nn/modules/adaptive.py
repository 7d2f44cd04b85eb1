"""The adaptive softmax: many classes, most of them rare (Grave et al., "Efficient softmax approximation", 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from ...core.errors import ArgumentError, ShapeError
from ...core.ops.joining import concatenate
from ...core.ops.lookup import take_along_axis
from ...core.ops.pointwise import add, greater_equal, less, logical_and, neg, where
from ...core.ops.reductions import argmax, mean
from ...core.ops.shaping import expand_dims, reshape
from ...core.tracer import aval_of
from ...tensor.peeking import extent
from .. import functional as F
from ..module import Module
from .container import ModuleList, Sequential
from .linear import Linear


class _Output(NamedTuple):
    """The log-probability of each target, and minus its mean."""

    output: Any
    loss: Any


class AdaptiveLogSoftmaxWithLoss(Module):
    """A log-softmax over frequent classes and clusters of rarer ones, each with a narrower layer of its own.

    `cutoffs` are the numbers of the first class of each cluster; cluster i has `in_features // div_value**(i + 1)`
    hidden features.

    >>> layer = nn.AdaptiveLogSoftmaxWithLoss(8, 100, cutoffs=[10, 50])
    >>> out, loss = layer(mt.zeros(4, 8), mt.tensor([1, 20, 60, 99]))
    >>> out.shape, loss.shape, layer.log_prob(mt.zeros(4, 8)).shape
    ((4,), (), (4, 100))
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        given = list(cutoffs)
        if not given or given != sorted(set(given)) or given[0] <= 0 or given[-1] > n_classes - 1:
            raise ArgumentError(
                f"AdaptiveLogSoftmaxWithLoss: cutoffs should be a sequence of unique, positive integers sorted in an "
                f"increasing order, where each value is between 1 and n_classes-1 = {n_classes - 1}, got {given}"
            )
        if any(int(c) != c for c in given):
            raise ArgumentError(f"AdaptiveLogSoftmaxWithLoss: cutoffs should be integers, got {given}")
        self.in_features, self.n_classes, self.cutoffs = in_features, n_classes, [*given, n_classes]
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(given)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, head_bias, device, dtype)
        self.tail = ModuleList()
        for i, (low, high) in enumerate(pairwise(self.cutoffs)):
            hidden = int(in_features // div_value ** (i + 1))
            down = Linear(in_features, hidden, False, device, dtype)
            self.tail.append(Sequential(down, Linear(hidden, high - low, False, device, dtype)))

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        for layer in (self.head, *(each for cluster in self.tail for each in cluster)):
            layer.reset_parameters()

    def forward(self, input_: Any, target_: Any) -> _Output:
        """Return the log-probabilities of the targets, and minus their mean."""
        if target_.ndim not in (0, 1) or tuple(input_.shape) != (*target_.shape, self.in_features):
            raise ShapeError(
                f"AdaptiveLogSoftmaxWithLoss: expected input [N, in_features] and target [N], or both without N, got "
                f"{aval_of(input_)} and {aval_of(target_)}"
            )
        self._check_classes(target_)
        target = reshape(target_, (-1,))
        input = reshape(input_, (target.shape[0], self.in_features))
        head = F.log_softmax(self.head(input), dim=1)
        place, output = target, None
        for i, (low, high) in enumerate(pairwise(self.cutoffs)):
            here = logical_and(greater_equal(target, low), less(target, high))
            place = where(here, self.shortlist_size + i, place)
            # Every example goes through every cluster: shapes do not depend on the targets.
            inner = F.log_softmax(self.tail[i](input), dim=1)
            at = expand_dims(where(here, add(target, -low), 0), 1)
            part = where(here, reshape(take_along_axis(inner, at, 1), target.shape), 0.0)
            output = part if output is None else add(output, part)
        output = add(output, reshape(take_along_axis(head, expand_dims(place, 1), 1), target.shape))
        return _Output(reshape(output, target_.shape), neg(mean(output)))

    def _check_classes(self, target: Any) -> None:
        found = extent(target)
        if found and not 0 <= found[0] <= found[1] < self.n_classes:
            raise ArgumentError(
                f"AdaptiveLogSoftmaxWithLoss: Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"{list(found)} were found."
            )

    def log_prob(self, input: Any) -> Any:
        """Return the log-probabilities of all classes, `[N, n_classes]`."""
        head = F.log_softmax(self.head(input), dim=1)
        parts = [head[:, : self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            share = head[:, self.shortlist_size + i : self.shortlist_size + i + 1]
            parts.append(add(F.log_softmax(cluster(input), dim=1), share))
        return concatenate(parts, 1)

    def predict(self, input: Any) -> Any:
        """Return the most probable class of each example."""
        # Among examples whose first choice is a frequent class, that is the answer, as in PyTorch.
        first = argmax(self.head(input), 1)
        return where(less(first, self.shortlist_size), first, argmax(self.log_prob(input), 1))
