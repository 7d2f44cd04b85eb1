"""Rows of the fused operations: linear, softmax, losses, normalization, attention, embedding."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.core.ops import affine, attention, cross_entropy, dropout, losses, normalization, sampling, softmax
from minitorch.nn.hooks import Unhashed, hooked_p

from . import Case, Row, boolean, integers, made, real

INF = float("inf")


def _softmax(x: Any, axis: int = -1) -> Any:
    x = np.asarray(x)
    if not x.ndim:
        return np.ones_like(x)
    powers = np.exp(x - np.max(x, axis, keepdims=True, initial=-1e300))
    return powers / powers.sum(axis, keepdims=True)


def _log_softmax(x: Any, axis: int = -1) -> Any:
    x = np.asarray(x)
    if not x.ndim:
        return np.zeros_like(x)
    shifted = x - np.max(x, axis, keepdims=True, initial=-1e300)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


def _linear(x: Any, w: Any, b: Any = None) -> Any:
    out = np.einsum("...i,oi->...o", x, w)
    return out if b is None else out + b


def _reduced(loss: Any, reduction: str, weights: Any = None) -> Any:
    if reduction == "none":
        return loss
    total = loss.sum()
    return total if reduction == "sum" else total / (loss.size if weights is None else weights.sum())


def _nll(
    logp: Any, target: Any, weight: Any = None, axis: int = -1, ignore_index: int = -100, reduction: str = "mean"
) -> Any:
    logp = np.moveaxis(logp, axis, -1)
    kept = target != ignore_index
    chosen = np.where(kept, target, 0)
    weights = kept * (1.0 if weight is None else np.asarray(weight)[chosen])
    picked = np.take_along_axis(logp, chosen[..., None], -1)[..., 0]
    return _reduced(-picked * weights, reduction, weights)


def _cross_entropy(
    x: Any,
    target: Any,
    weight: Any = None,
    axis: int = -1,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    x = np.moveaxis(x, axis, -1)
    target, classes = np.asarray(target), x.shape[-1]
    logp, scale = _log_softmax(x), np.ones(classes) if weight is None else weight
    if target.dtype.kind == "f":
        target = np.moveaxis(target, axis, -1) * (1 - label_smoothing) + label_smoothing / classes
        return _reduced(-(logp * target * scale).sum(-1), reduction)
    kept = target != ignore_index
    weights = kept * scale[np.where(kept, target, 0)]
    hard = _nll(logp, target, weight, -1, ignore_index, reduction)
    spread = _reduced(np.where(kept, -(logp * scale).sum(-1), 0.0), reduction, weights)
    return (1 - label_smoothing) * hard + label_smoothing / classes * spread


def _bce(x: Any, y: Any, weight: Any = 1.0, reduction: str = "mean") -> Any:
    loss = -(y * np.maximum(np.log(x), -100) + (1 - y) * np.maximum(np.log(1 - x), -100))
    return _reduced(loss * weight, reduction)


def _bce_logits(x: Any, y: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = 1.0) -> Any:
    loss = pos_weight * y * np.logaddexp(0, -x) + (1 - y) * np.logaddexp(0, x)
    return _reduced(loss if weight is None else loss * weight, reduction)


def _huber(x: Any, y: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    d = np.abs(x - y)
    return _reduced(np.where(d < delta, d * d / 2, delta * (d - delta / 2)), reduction)


def _kl(logp: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    weights = np.exp(target) if log_target else target
    loss = weights * ((target if log_target else np.log(target)) - logp)
    return loss.sum() / len(loss) if reduction == "batchmean" else _reduced(loss, reduction)


def _standard(x: Any, axes: Any, eps: float) -> Any:
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def _layer_norm(x: Any, w: Any = None, b: Any = None, ndim: int = 1, eps: float = 1e-5) -> Any:
    out = _standard(x, tuple(range(-ndim, 0)), eps)
    return out * (1 if w is None else w) + (0 if b is None else b)


def _channels(p: Any, x: Any) -> Any:
    return p.reshape((-1,) + (1,) * (x.ndim - 2))


def _batch_norm(x: Any, w: Any = None, b: Any = None, eps: float = 1e-5) -> Any:
    out = _standard(x, (0, *range(2, x.ndim)), eps)
    return out * (1 if w is None else _channels(w, x)) + (0 if b is None else _channels(b, x))


def _batch_norm_fixed(x: Any, mean: Any, var: Any, w: Any = None, b: Any = None, eps: float = 1e-5) -> Any:
    out = (x - _channels(mean, x)) / np.sqrt(_channels(var, x) + eps)
    return out * (1 if w is None else _channels(w, x)) + (0 if b is None else _channels(b, x))


def _weights(q: Any, k: Any, mask: Any = None, causal: bool = False, scale: float | None = None) -> Any:
    scores = q @ np.swapaxes(k, -1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:], dtype=bool), scores, -INF)
    if mask is not None:
        scores = np.where(mask, scores, -INF) if mask.dtype == bool else scores + mask
    top = scores.max(-1, keepdims=True)
    powers = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = powers.sum(-1, keepdims=True)
    return powers / np.where(total == 0, 1, total)


def _attention(q: Any, k: Any, v: Any, mask: Any = None, **options: Any) -> Any:
    return _weights(q, k, mask, **options) @ v


def _embedding(indices: Any, table: Any, padding_row: int | None = None) -> Any:
    return table[indices]


def _statistics(x: Any, axes: Any) -> Any:
    return x.mean(axes, keepdims=True), x.var(axes, keepdims=True)


def _dropout(x: Any, p: float, shape: Any = None) -> Any:
    return x * sampling.bernoulli(KEY, 1.0 - p, x.shape if shape is None else shape).numpy() / (1.0 - p)


KEY = sampling.key(3)


def _with_ignored(*shape: int) -> Any:
    def make(rng: np.random.Generator) -> Any:
        target = rng.integers(0, 5, shape)
        target.flat[::3] = -100
        return target

    return made(make)


def _probabilities(*shape: int) -> Any:
    return made(lambda rng: _softmax(rng.normal(size=shape)))


def _no_empty_row(*shape: int) -> Any:
    """A float mask with some -inf, one row of nothing else."""

    def make(rng: np.random.Generator) -> Any:
        mask = np.where(rng.random(shape) < 0.4, -INF, rng.normal(size=shape))
        mask[..., 0, :] = -INF
        mask[..., 1:, 0] = 0.5
        return mask

    return made(make)


MATRIX = Case((real(3, 4), real(3, 4)))
PAIRS = (
    MATRIX,
    Case((real(3, 4), real(4)), {"reduction": "sum"}),
    Case((real(2, 1), real(3)), {"reduction": "none"}),
    Case((real(), real())),
    Case((real(0, 3), real(0, 3)), {"reduction": "sum"}),
)
SCORES = (
    Case((real(6, 5), integers(6))),
    Case((real(6, 5), integers(6)), {"reduction": "sum"}),
    Case((real(2, 3, 5), integers(2, 3)), {"reduction": "none"}),
    Case((real(2, 5, 3), integers(2, 3)), {"axis": 1}),
    Case((real(5), integers())),
    Case((real(6, 5), _with_ignored(6))),
    Case((real(6, 5), _with_ignored(6)), {"reduction": "none"}),
    Case((real(6, 5), integers(6)), {"ignore_index": 2, "reduction": "sum"}),
    Case((real(0, 5), integers(0)), {"reduction": "sum"}),
)

ROWS = [
    Row(
        "linear",
        affine.linear,
        _linear,
        (
            Case((real(5, 3), real(2, 3), real(2))),
            Case((real(5, 3), real(2, 3))),
            Case((real(3), real(2, 3), real(2))),
            Case((real(2, 4, 3), real(5, 3), real(5))),
            Case((real(2, 2, 4, 1), real(1, 1), real(1))),
            Case((real(0, 3), real(2, 3), real(2))),
            Case((real(4, 0), real(2, 0), real(2))),
        ),
    ),
    Row(
        "embedding",
        affine.embedding,
        _embedding,
        (
            Case((integers(7), real(5, 3))),
            Case((integers(2, 3), real(5, 3))),
            Case((integers(), real(5, 3))),
            Case((integers(0), real(5, 3))),
        ),
        primitives=("row_numbers",),
        nondiff=(0,),
    ),
    # Its derivative is not that of what it computes.
    Row(
        "scaled_gradient",
        affine.scaled_gradient_p,
        lambda x, factor: x,
        (Case((real(3, 4), real(3, 1))),),
        grad=False,
    ),
    Row(
        "softmax",
        softmax.softmax,
        _softmax,
        (
            Case((real(3, 4),)),
            Case((real(3, 4),), {"axis": 0}),
            Case((real(2, 3, 4),), {"axis": 1}),
            Case((real(),)),
            Case((real(0, 3),)),
            Case((real(3, 0),)),
        ),
        special=(0.0, -INF, 1e300, -1e300, 1.0),
    ),
    Row(
        "log_softmax",
        softmax.log_softmax,
        _log_softmax,
        (
            Case((real(3, 4),)),
            Case((real(3, 4),), {"axis": 0}),
            Case((real(2, 3, 4),), {"axis": -2}),
            Case((real(),)),
            Case((real(0, 3),)),
        ),
        special=(0.0, -INF, 700.0, -1e300, 1.0),
    ),
    Row(
        "mse_loss",
        losses.mse_loss,
        lambda x, y, reduction="mean": _reduced((x - y) ** 2 + np.zeros(np.broadcast(x, y).shape), reduction),
        PAIRS,
    ),
    Row("huber_loss", losses.huber_loss, _huber, (*PAIRS, Case(MATRIX.args, {"delta": 0.3})), primitives=()),
    Row(
        "smooth_l1_loss",
        losses.smooth_l1_loss,
        lambda x, y, reduction="mean", beta=1.0: _huber(x, y, reduction, beta) / beta,
        (MATRIX, Case(MATRIX.args, {"beta": 0.5, "reduction": "none"})),
    ),
    Row(
        "l1_loss",
        losses.l1_loss,
        lambda x, y, reduction="mean": _reduced(np.abs(x - y) + np.zeros(np.broadcast(x, y).shape), reduction),
        PAIRS,
    ),
    Row(
        "binary_cross_entropy",
        losses.binary_cross_entropy,
        _bce,
        (
            Case((real(3, 4, low=0.1, high=0.9), real(3, 4, low=0.1, high=0.9))),
            Case((real(3, 4, low=0.1, high=0.9), real(4, low=0, high=1), real(4)), {"reduction": "sum"}),
            Case((real(low=0.1, high=0.9), real(low=0, high=1)), {"reduction": "none"}),
        ),
    ),
    Row(
        "binary_cross_entropy_with_logits",
        losses.binary_cross_entropy_with_logits,
        _bce_logits,
        (
            Case((real(3, 4), real(3, 4, low=0, high=1))),
            Case((real(3, 4), real(4, low=0, high=1), real(4)), {"reduction": "sum"}),
            Case((real(3, 4), real(3, 4, low=0, high=1), None), {"reduction": "none"}),
        ),
    ),
    Row(
        "binary_cross_entropy_with_logits(pos_weight)",
        lambda x, y, p: losses.binary_cross_entropy_with_logits(x, y, pos_weight=p),
        lambda x, y, p: _bce_logits(x, y, pos_weight=p),
        (Case((real(3, 4), real(3, 4, low=0, high=1), real(4, low=0.5, high=2))),),
        primitives=("binary_cross_entropy_with_logits",),
    ),
    Row(
        "kl_div",
        losses.kl_div,
        _kl,
        (
            Case((real(3, 4), _probabilities(3, 4))),
            Case((real(3, 4), _probabilities(3, 4)), {"reduction": "batchmean"}),
            Case((real(3, 4), real(3, 4)), {"reduction": "sum", "log_target": True}),
        ),
    ),
    Row("cross_entropy", cross_entropy.cross_entropy, _cross_entropy, SCORES, nondiff=(1,)),
    Row(
        "cross_entropy(weights)",
        cross_entropy.cross_entropy,
        _cross_entropy,
        (
            Case((real(6, 5), integers(6), real(5, low=0.5, high=2))),
            Case((real(6, 5), integers(6)), {"label_smoothing": 0.2}),
            Case((real(6, 5), _with_ignored(6), real(5, low=0.5, high=2)), {"label_smoothing": 0.3}),
            Case((real(6, 5), _with_ignored(6)), {"label_smoothing": 0.3, "reduction": "none"}),
        ),
        primitives=("cross_entropy",),
        nondiff=(1,),
    ),
    Row(
        "cross_entropy(probabilities)",
        cross_entropy.cross_entropy,
        _cross_entropy,
        (
            Case((real(6, 5), _probabilities(6, 5))),
            Case((real(2, 5, 3), _probabilities(2, 5, 3), real(5)), {"axis": 1, "label_smoothing": 0.1}),
            Case((real(5), _probabilities(5)), {"reduction": "none"}),
        ),
        primitives=("cross_entropy",),
    ),
    Row(
        "nll_loss",
        cross_entropy.nll_loss,
        _nll,
        (*SCORES, Case((real(6, 5), _with_ignored(6), real(5, low=0.5, high=2)))),
        primitives=("nll",),
        nondiff=(1,),
    ),
    Row(
        "statistics",
        lambda x, axes: normalization.statistics_p(x, axes=axes),
        _statistics,
        (
            Case((real(3, 4),), {"axes": (-1,)}),
            Case((real(2, 3, 4, 5),), {"axes": (-4, -2, -1)}),
            Case((real(2, 3),), {"axes": (-2,)}),
            Case((real(2, 3, 4),), {"axes": (-2, -1)}),
            Case((real(2, 3),), {"axes": (-2, -1)}),
        ),
        grad=False,
    ),
    Row(
        "layer_norm",
        normalization.layer_norm,
        _layer_norm,
        (
            Case((real(3, 4), real(4), real(4))),
            Case((real(3, 4), real(4))),
            Case((real(3, 4),)),
            Case((real(2, 3, 4), real(3, 4), real(3, 4)), {"ndim": 2}),
            Case((real(4), real(4), real(4)), {"eps": 0.1}),
            Case((real(3, 1), real(1), real(1))),
            Case((real(0, 3), real(3), real(3))),
        ),
        primitives=("normalize",),
        forward_rtol=1e-10,
    ),
    Row(
        "batch_norm",
        lambda *args, **params: normalization.batch_norm(*args, **params)[0],
        _batch_norm,
        (
            Case((real(4, 3), real(3), real(3))),
            Case((real(4, 3), None, real(3))),
            Case((real(2, 3, 4),)),
            Case((real(2, 3, 2, 4), real(3), real(3)), {"eps": 0.1}),
            Case((real(2, 1, 3), real(1))),
        ),
        primitives=("normalize",),
        forward_rtol=1e-10,
    ),
    Row(
        "batch_norm_fixed",
        normalization.batch_norm_fixed,
        _batch_norm_fixed,
        (
            Case((real(4, 3), real(3), real(3, low=0.5), real(3), real(3))),
            Case((real(2, 3, 4), real(3), real(3, low=0.5))),
        ),
        primitives=("normalize",),
    ),
    Row(
        "attention_weights",
        attention.attention_weights,
        _weights,
        (
            Case((real(3, 4), real(5, 4))),
            Case((real(2, 3, 4), real(2, 5, 4)), {"causal": True}),
            Case((real(2, 3, 4), real(5, 4)), {"scale": 0.7}),
            Case((real(4, 3), real(5, 3), boolean(4, 5))),
            Case((real(2, 4, 3), real(2, 5, 3), real(4, 5))),
            Case((real(4, 3), real(5, 3), real(2, 4, 5))),
        ),
    ),
    Row(
        "attention_weights(float mask)",
        attention.attention_weights,
        _weights,
        (Case((real(2, 4, 3), real(2, 5, 3), _no_empty_row(2, 4, 5))),),
        primitives=("attention_weights",),
        nondiff=(2,),
    ),
    Row(
        "scaled_dot_product_attention",
        attention.scaled_dot_product_attention,
        _attention,
        (
            Case((real(2, 3, 4), real(2, 5, 4), real(2, 5, 6))),
            Case((real(3, 4), real(3, 4), real(3, 2)), {"causal": True}),
            Case((real(4, 3), real(5, 3), real(5, 2), boolean(4, 5))),
        ),
        primitives=("attention_weights",),
    ),
    Row(
        "dropout",
        lambda x, **params: dropout.dropout(KEY, x, **params),
        _dropout,
        (
            Case((real(3, 4),), {"p": 0.4}),
            Case((real(3, 4),), {"p": 0.5, "shape": (3, 1)}),
            Case((real(0, 4),), {"p": 0.5}),
        ),
    ),
    Row(
        "hooked",
        lambda x, y: hooked_p(x, y, call=Unhashed(lambda g: g)),
        lambda x, y: (x, y),
        (Case((real(3, 4), real(2))),),
    ),
]
