"""Dropout that keeps mean and variance, for SELU networks (Klambauer et al., 2017), and dropout of whole features."""

from __future__ import annotations

import math
from typing import Any

from ...core.errors import ShapeError
from ...core.ops.dropout import check_probability, dropout_p
from ...core.ops.pointwise import mul, where
from ...core.ops.reductions import only_floats
from ...core.ops.sampling import bernoulli
from ...core.ops.transforming import stretched
from ...core.tracer import aval_of
from ...tensor.random import next_key
from .activation import in_place

# What SELU tends to for large negative inputs: minus its scale times its alpha.
_SATURATED = -1.7580993408473766


def alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """Set elements to SELU's negative limit with probability p; then scale and shift so that mean and variance stay.

    >>> dropped = alpha_dropout(mt.randn(10_000), p=0.3, training=True)
    >>> abs(dropped.mean().item()) < 0.1, abs(dropped.std().item() - 1) < 0.1
    (True, True)
    """
    return _alpha("alpha_dropout", input, p, training, inplace, tuple(input.shape))


def feature_alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """As `alpha_dropout`, of whole channels of `[N, C, ...]`.

    >>> dropped = feature_alpha_dropout(mt.ones(4, 3, 5), p=0.5, training=True)
    >>> (dropped == dropped[:, :, :1]).all()
    tensor(True)
    """
    return _alpha("feature_alpha_dropout", input, p, training, inplace, _features("feature_alpha_dropout", input))


def feature_dropout(input: Any, p: float, train: bool) -> Any:
    """Set whole channels of `[N, C, ...]` to 0 with probability p and divide the others by 1 - p.

    >>> dropped = feature_dropout(mt.ones(4, 3, 5), 0.5, True)
    >>> bool((dropped == dropped[:, :, :1]).all())
    True
    """
    p = check_probability("feature_dropout", p)
    shape = _features("feature_dropout", input)
    if not train or p == 0.0:
        return input
    keep = bernoulli(next_key(None), 1.0 - p, shape)
    return dropout_p(only_floats("feature_dropout", input), keep, scale=0.0 if p == 1.0 else 1.0 / (1.0 - p))


def _features(name: str, x: Any) -> tuple[int, ...]:
    if x.ndim < 2:
        raise ShapeError(f"{name}: Feature dropout requires at least 2 dimensions in the input, got {aval_of(x)}")
    return (*x.shape[:2], *(1,) * (x.ndim - 2))


def _alpha(name: str, x: Any, p: float, training: bool, inplace: bool, shape: tuple[int, ...]) -> Any:
    p = check_probability(name, p)
    if not training or p == 0.0:
        return x
    only_floats(name, x)
    if p == 1.0:
        out = mul(x, 0.0)
    else:
        keep = bernoulli(next_key(None), 1.0 - p, shape)
        scale = 1.0 / math.sqrt((1.0 - p) * (1.0 + p * _SATURATED**2))
        out = stretched(where(keep, x, _SATURATED), scale, -scale * p * _SATURATED)
    return in_place(x, out) if inplace else out
