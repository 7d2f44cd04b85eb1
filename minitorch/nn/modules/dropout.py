"""Dropout layers: active in training, the identity in evaluation."""

from __future__ import annotations

from typing import Any

from ...core.ops.dropout import check_probability
from .. import functional as F
from ..module import Module


class Dropout(Module):
    """Sets elements to 0 with probability p in training, and divides the others by 1 - p.

    >>> nn.Dropout(0.5).eval()(mt.ones(3)), nn.Dropout(0.5)(mt.ones(2, 3)).shape
    (tensor([1., 1., 1.]), (2, 3))
    """

    def __init__(self, p: float = 0.5, inplace: bool = False):
        super().__init__()
        self.p = p
        check_probability(type(self).__name__, p)
        self.inplace = inplace

    def forward(self, input: Any) -> Any:
        """Drop elements."""
        return F.dropout(input, self.p, self.training, self.inplace) if self.training else input

    def extra_repr(self) -> str:
        """Return the probability."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout1d(Dropout):
    """Sets whole channels of `[N, C, L]` to 0.

    >>> nn.Dropout1d(0.5)(mt.ones(2, 3, 8)).shape
    (2, 3, 8)
    """

    def forward(self, input: Any) -> Any:
        """Drop channels."""
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(Dropout):
    """Sets whole channels of `[N, C, H, W]` to 0.

    >>> nn.Dropout2d(0.5)(mt.ones(2, 3, 8, 8)).shape
    (2, 3, 8, 8)
    """

    def forward(self, input: Any) -> Any:
        """Drop channels."""
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(Dropout):
    """Sets whole channels of `[N, C, D, H, W]` to 0.

    >>> nn.Dropout3d(0.5)(mt.ones(2, 3, 4, 4, 4)).shape
    (2, 3, 4, 4, 4)
    """

    def forward(self, input: Any) -> Any:
        """Drop channels."""
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(Dropout):
    """Sets elements to SELU's negative limit in training, and keeps mean and variance. Klambauer et al. (2017).

    >>> nn.AlphaDropout(0.5)(mt.ones(2, 3)).shape
    (2, 3)
    """

    def forward(self, input: Any) -> Any:
        """Drop elements."""
        return F.alpha_dropout(input, self.p, self.training, self.inplace)


class FeatureAlphaDropout(Dropout):
    """Sets whole channels of `[N, C, ...]` to SELU's negative limit in training, and keeps mean and variance.

    >>> nn.FeatureAlphaDropout(0.5)(mt.ones(2, 3, 8)).shape
    (2, 3, 8)
    """

    def forward(self, input: Any) -> Any:
        """Drop channels."""
        return F.feature_alpha_dropout(input, self.p, self.training, self.inplace)
