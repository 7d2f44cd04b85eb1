"""More of what PyTorch has at top level beside `nn.functional`: what few programs name, so it loads when it is named."""

from __future__ import annotations

from typing import Any

from ...core.errors import ShapeError
from ...core.ops.norms import norm
from ...core.tracer import aval_of
from . import alpha, ctc, loss, margins
from .activation import writing
from .toplevel import numbered


def alpha_dropout(input: Any, p: float, train: bool) -> Any:
    """As `nn.functional.alpha_dropout`, with no defaults.

    >>> mt.alpha_dropout(mt.ones(3), 0.5, False)
    tensor([1., 1., 1.])
    >>> mt.alpha_dropout(mt.ones(3), 1.0, True)
    tensor([0., 0., 0.])
    """
    return alpha.alpha_dropout(input, p, train)


def feature_alpha_dropout(input: Any, p: float, train: bool) -> Any:
    """As `nn.functional.feature_alpha_dropout`, with no defaults.

    >>> dropped = mt.feature_alpha_dropout(mt.ones(4, 3, 5), 0.5, True)
    >>> bool((dropped == dropped[:, :, :1]).all())
    True
    """
    return alpha.feature_alpha_dropout(input, p, train)


feature_dropout = alpha.feature_dropout
alpha_dropout_, feature_alpha_dropout_, feature_dropout_ = (
    writing(f"{f.__name__}_", f) for f in (alpha_dropout, feature_alpha_dropout, feature_dropout)
)


cosine_embedding_loss = numbered(
    margins.cosine_embedding_loss,
    "input1 input2 target margin reduction",
    "mt.tensor([[1.0, 0.0]]), mt.tensor([[3.0, 4.0]]), mt.tensor([1.0])",
    "tensor([0.4000])",
)
ctc_loss = numbered(
    ctc.ctc_loss,
    "log_probs targets input_lengths target_lengths blank reduction zero_infinity",
    "mt.log(mt.full((2, 1, 2), 0.5)), mt.tensor([[1]]), mt.tensor([2]), mt.tensor([1])",
    "tensor([0.2877])",
)
poisson_nll_loss = numbered(
    loss.poisson_nll_loss,
    "input target log_input full eps reduction",
    "mt.tensor([0.0, 1.0]), mt.tensor([2.0, 3.0]), True, False, 1e-8, 0",
    "tensor([ 1.0000, -0.2817])",
)
triplet_margin_loss = numbered(
    margins.triplet_margin_loss,
    "anchor positive negative margin p eps swap reduction",
    "mt.zeros(1, 2), mt.tensor([[3.0, 4.0]]), mt.tensor([[2.0, 0.0]])",
    "tensor([4.0000])",
)


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
