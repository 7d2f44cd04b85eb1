"""More of what PyTorch has at top level beside `nn.functional`: what few programs name, so it loads when it is named."""

from __future__ import annotations

from typing import Any

from ...core.errors import ShapeError
from ...core.ops.norms import norm
from ...core.primitive import aval_of
from . import alpha, ctc, loss, margins
from .activation import writing
from .toplevel import reduction_named


def alpha_dropout(input: Any, p: float, train: bool) -> Any:
    """As `nn.functional.alpha_dropout`, with no defaults."""
    return alpha.alpha_dropout(input, p, train)


def feature_alpha_dropout(input: Any, p: float, train: bool) -> Any:
    """As `nn.functional.feature_alpha_dropout`, with no defaults."""
    return alpha.feature_alpha_dropout(input, p, train)


feature_dropout = alpha.feature_dropout
alpha_dropout_, feature_alpha_dropout_, feature_dropout_ = (
    writing(f"{f.__name__}_", f) for f in (alpha_dropout, feature_alpha_dropout, feature_dropout)
)


# --------------------------------------------------------------------------- losses: 0 none, 1 mean, 2 sum


def cosine_embedding_loss(input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: int = 0) -> Any:
    """As `nn.functional.cosine_embedding_loss`, with a number for `reduction`."""
    how = reduction_named("cosine_embedding_loss", reduction)
    return margins.cosine_embedding_loss(input1, input2, target, margin, reduction=how)


def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: int = 0,
    zero_infinity: bool = False,
) -> Any:
    """As `nn.functional.ctc_loss`, with a number for `reduction`."""
    how = reduction_named("ctc_loss", reduction)
    return ctc.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, how, zero_infinity)


def poisson_nll_loss(input: Any, target: Any, log_input: bool, full: bool, eps: float, reduction: int) -> Any:
    """As `nn.functional.poisson_nll_loss`, with a number for `reduction`."""
    how = reduction_named("poisson_nll_loss", reduction)
    return loss.poisson_nll_loss(input, target, log_input, full, eps, reduction=how)


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: int = 0,
) -> Any:
    """As `nn.functional.triplet_margin_loss`, with a number for `reduction`."""
    how = reduction_named("triplet_margin_loss", reduction)
    return margins.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, reduction=how)


# --------------------------------------------------------------------------- norms


def norm_except_dim(v: Any, pow: int = 2, dim: int = 0) -> Any:
    """Return the norms over all dimensions but one, which are kept with size 1; `dim=-1` takes the norm of everything.

    >>> from minitorch import tensor
    >>> norm_except_dim(tensor([[3.0, 4.0], [0.0, 2.0]]), 2, 0)
    tensor([[5.],
            [2.]])
    """
    if dim == -1:
        return norm(v.reshape(-1), pow)
    if not 0 <= dim < v.ndim:
        raise ShapeError(f"norm_except_dim: dim {dim} is not a dimension of {aval_of(v)}")
    kept = v.movedim(dim, 0).reshape(v.shape[dim], -1)
    return norm(kept, pow, -1).reshape(tuple(n if i == dim else 1 for i, n in enumerate(v.shape)))
