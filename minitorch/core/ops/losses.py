"""Losses of numbers and probabilities: how far predictions are from targets.

All take `reduction`: `mean`, `sum` or `none`. The mean squared error is fused; the rest compose ordinary operations.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..aval import Aval
from ..errors import ArgumentError, DTypeError, ShapeError
from ..tracer import Value, aval_of
from .dtype_rules import floating
from .families import as_array, broadcast_shapes, elementwise
from .fusing import REDUCTIONS, check_reduction, fused, shortcut
from .pointwise import abs, add, div, exp, less, log, log1p, maximum, mul, neg, not_equal, sub, where
from .shaping import broadcast_to, cast, sum
from .special import sigmoid, softplus
from .summation import add_reduce

# Up to this many elements, one dot product is as accurate as adding block by block.
_SHORT = 4096


def reduce_loss(x: Value, reduction: str) -> Value:
    """Average, add up, or return the elements of a loss."""
    if reduction == "none":
        return x
    total = sum(x)
    return total if reduction == "sum" else div(total, float(x.size))


# --------------------------------------------------------------------------- mean squared error


def _mse(x: Any, y: Any, *, reduction: str) -> Any:
    if x.shape != y.shape or reduction not in REDUCTIONS:
        raise ValueError("mse_loss: shapes or reduction")
    d = x - y
    if reduction == "none":
        return d * d
    if d.size <= _SHORT:
        flat = d.ravel()
        total = flat.dot(flat)
    else:
        d *= d
        total = add_reduce(d, tuple(range(-d.ndim, 0)))
    return total if reduction == "sum" else total / d.size


def _mse_abstract(x: Aval, y: Aval, *, reduction: str) -> Aval:
    if x.shape != y.shape:
        raise ShapeError(f"mse_loss: input {x} and target {y} must have the same shape; reshape or expand one of them")
    return Aval(x.shape if reduction == "none" else (), dtypes.promote(x.dtype, y.dtype), x.device)


def _mse_composed(x: Value, y: Value, *, reduction: str) -> Value:
    d = sub(x, y)
    return reduce_loss(mul(d, d), reduction)


def _mse_fast(g: Any, x: Any, y: Any, reduction: str) -> Any:
    found = x - y
    # A 0-d array is applied in half the time of a Python number.
    found *= np.asarray(g.item() * 2.0 / (x.size or 1), found.dtype) if reduction == "mean" else g * 2.0
    return found


@shortcut(_mse_fast)
def _mse_rule(g: Value, x: Value, y: Value, reduction: str) -> Value:
    scale = 2.0 / x.size if reduction == "mean" and x.size else 2.0
    return mul(mul(g, scale), sub(x, y))


@shortcut(lambda g, x, y, reduction: _mse_fast(g, y, x, reduction))
def _mse_target_rule(g: Value, x: Value, y: Value, reduction: str) -> Value:
    return neg(_mse_rule(g, x, y, reduction))


mse_p = fused("mse_loss", _mse, abstract=_mse_abstract, vjp=(_mse_rule, _mse_target_rule), decompose=_mse_composed)


def paired(name: str, x: Value, y: Value) -> tuple[Value, Value]:
    """Return prediction and target with one shape and one floating dtype."""
    x, y = as_array(x), as_array(y)
    dtype = dtypes.floating(x.dtype, y.dtype)
    shape = broadcast_shapes(name, aval_of(x), aval_of(y))
    return broadcast_to(cast(x, dtype), shape), broadcast_to(cast(y, dtype), shape)


def mse_loss(x: Value, y: Value, reduction: str = "mean") -> Value:
    """Return the squared difference of prediction and target.

    >>> mse_loss(np.array([1.0, 2.0]), np.array([0.0, 4.0]))
    Array(2.5, dtype=float64)
    """
    check_reduction("mse_loss", reduction)
    x, y = paired("mse_loss", x, y)
    if dtypes.is_complex(x.dtype):
        raise DTypeError(
            f"mse_loss: has no meaning for complex numbers, got {aval_of(x)}; use the .abs() of a difference"
        )
    return mse_p(x, y, reduction=reduction)


# --------------------------------------------------------------------------- absolute differences


def l1_loss(x: Value, y: Value, reduction: str = "mean") -> Value:
    """Return the absolute difference of prediction and target."""
    check_reduction("l1_loss", reduction)
    return reduce_loss(abs(sub(*paired("l1_loss", x, y))), reduction)


def smooth_l1_loss(x: Value, y: Value, reduction: str = "mean", beta: float = 1.0) -> Value:
    """Return the Huber loss divided by `beta`: `d*d / (2 beta)` for differences below `beta`, else `|d| - beta/2`."""
    if beta < 0:
        raise ArgumentError(f"smooth_l1_loss: beta must not be negative, got {beta}; use 0 for the l1 loss")
    if beta == 0:
        return l1_loss(x, y, reduction)
    return mul(huber_loss(x, y, reduction, beta), 1.0 / beta)


def huber_loss(x: Value, y: Value, reduction: str = "mean", delta: float = 1.0) -> Value:
    """Return `d*d / 2` for differences up to `delta`, else `delta * (|d| - delta/2)`.

    >>> huber_loss(np.array([0.5, 3.0]), np.zeros(2), "none").tolist()
    [0.125, 2.5]
    """
    check_reduction("huber_loss", reduction)
    if not delta > 0:
        raise ArgumentError(f"huber_loss: delta must be positive, got {delta}; use l1_loss for its limit at 0")
    d = sub(*paired("huber_loss", x, y))
    size = abs(d)
    loss = where(less(size, delta), mul(mul(d, d), 0.5), mul(sub(size, 0.5 * delta), delta))
    return reduce_loss(loss, reduction)


# --------------------------------------------------------------------------- probabilities

_LEAST_LOG = -100.0  # stands for log(0), as in PyTorch


def _bce(x: Any, y: Any) -> Any:
    for name, a in (("input", np.asarray(x)), ("target", np.asarray(y))):
        if a.size and not (a.min() >= 0 and a.max() <= 1):
            raise ArgumentError(
                f"binary_cross_entropy: all elements of {name} should be between 0 and 1, got {a.min()} to {a.max()}; "
                "apply sigmoid, or use binary_cross_entropy_with_logits"
            )
    return -(y * np.maximum(np.log(x), _LEAST_LOG) + (1 - y) * np.maximum(np.log1p(-x), _LEAST_LOG))


def _bce_rule(g: Value, x: Value, y: Value) -> Value:
    # PyTorch's: the slope is finite at 0 and 1, where the clamped logarithm has none.
    return div(mul(g, sub(x, y)), maximum(mul(sub(1.0, x), x), 1e-12))


def _bce_target_rule(g: Value, x: Value) -> Value:
    return mul(g, sub(maximum(log1p(neg(x)), _LEAST_LOG), maximum(log(x), _LEAST_LOG)))


bce = elementwise(
    "binary_cross_entropy",
    "-(y * maximum(log(x), -100.0) + (1 - y) * maximum(log1p(-x), -100.0))",
    _bce_rule,
    _bce_target_rule,
    dtype=floating,
    impl=_bce,
    holomorphic=False,
)


def binary_cross_entropy(x: Value, y: Value, weight: Value | None = None, reduction: str = "mean") -> Value:
    """Return `-(y log x + (1-y) log(1-x))` for probabilities `x`. Logarithms are clamped at -100, as in PyTorch.

    >>> binary_cross_entropy(np.array([0.0, 0.5]), np.array([1.0, 1.0]), reduction="none")
    Array([100.        ,   0.69314718], dtype=float64)
    """
    check_reduction("binary_cross_entropy", reduction)
    x, y = paired("binary_cross_entropy", x, y)
    return reduce_loss(_weighted(bce(x, y), weight), reduction)


def _bce_logits(x: Any, y: Any) -> Any:
    return np.maximum(x, 0) - x * y + np.log1p(np.exp(-np.abs(x)))


bce_logits = elementwise(
    "binary_cross_entropy_with_logits",
    "maximum(x, 0) - x * y + log1p(exp(-abs(x)))",
    lambda g, x, y: mul(g, sub(sigmoid(x), y)),
    lambda g, x: neg(mul(g, x)),
    dtype=floating,
    impl=_bce_logits,
    holomorphic=False,
)


def binary_cross_entropy_with_logits(
    x: Value,
    y: Value,
    weight: Value | None = None,
    reduction: str = "mean",
    pos_weight: Value | None = None,
) -> Value:
    """Return the binary cross-entropy of the probabilities `sigmoid(x)`, exact for logits of any size.

    `pos_weight` multiplies the loss of positive targets.

    >>> binary_cross_entropy_with_logits(np.array([-1000.0, 0.0]), np.array([1.0, 1.0]), reduction="none")
    Array([1.00000000e+03, 6.93147181e-01], dtype=float64)
    """
    check_reduction("binary_cross_entropy_with_logits", reduction)
    x, y = paired("binary_cross_entropy_with_logits", x, y)
    if pos_weight is None:
        loss = bce_logits(x, y)
    else:
        positive = add(mul(sub(as_array(pos_weight), 1.0), y), 1.0)
        loss = add(mul(sub(1.0, y), x), mul(positive, softplus(neg(x))))
    return reduce_loss(_weighted(loss, weight), reduction)


def _weighted(loss: Value, weight: Value | None) -> Value:
    return loss if weight is None else mul(loss, as_array(weight))


def kl_div(logp: Value, target: Value, reduction: str = "mean", log_target: bool = False) -> Value:
    """Return `target * (log target - logp)`, 0 where the target is 0; `batchmean` divides the sum by the first size.

    >>> kl_div(np.log(np.array([[0.5, 0.5]])), np.array([[0.0, 1.0]]), "batchmean")
    Array(0.69314718, dtype=float64)
    """
    if reduction != "batchmean":
        check_reduction("kl_div", reduction)
    logp, target = paired("kl_div", logp, target)
    if log_target:
        loss = mul(exp(target), sub(target, logp))
    else:
        counts = not_equal(target, 0.0)
        safe = where(counts, target, 1.0)
        loss = sub(where(counts, mul(safe, log(safe)), 0.0), mul(target, logp))
    if reduction == "batchmean":
        return div(sum(loss), float(logp.shape[0] if logp.ndim else 1))
    return reduce_loss(loss, reduction)
