"""The cross-entropy of scores with classes, and the negative log-likelihood.

With class numbers and no weights, the logits' cross-entropy is fused: it takes one logarithm a row, and its derivative
is one multiplication. Everything else composes ordinary operations.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .. import dtypes
from ..aval import Aval
from ..errors import DTypeError, OutOfBoundsError, ShapeError
from ..tracer import Value, aval_of
from .families import as_array
from .fusing import REDUCTIONS, check_reduction, fused, shortcut
from .gathering import take_p
from .lookup import gather_back, one_hot, take_along_axis
from .losses import reduce_loss
from .pointwise import add, div, equal, maximum, mul, neg, not_equal, sub, where
from .reductions import only_floats
from .shaping import cast, expand_dims, moveaxis, squeeze, sum
from .softmax import log_softmax, row_max, softmax
from .summation import row_sums, vector_sum

_max = np.maximum.reduce

# --------------------------------------------------------------------------- class numbers


@lru_cache(maxsize=64)
def _row_starts(rows: int, classes: int) -> Any:
    starts = np.arange(rows) * classes
    starts.flags.writeable = False
    return starts


def _positions(name: str, x: Any, target: Any, ignored: int) -> tuple[Any, Any]:
    """Return where the targets are in the flattened scores, and which of them count (None when all do)."""
    rows, classes = x.shape[:-1], x.shape[-1]
    if target.shape != rows:
        raise ValueError(f"{name}: shapes")
    flat = target.reshape(-1)
    kept = None
    # Seen as unsigned, a negative number is a huge one: one reduction finds both kinds of stray.
    if flat.size and (_max(flat.view(np.uint64)) >= classes or 0 <= ignored < classes):
        kept = flat != ignored
        flat = np.where(kept, flat, 0)
        if _max(flat.view(np.uint64)) >= classes:
            bad = flat[(flat < 0) | (flat >= classes)][0]
            raise OutOfBoundsError(f"{name}: Target {bad} is out of bounds: use 0 to {classes - 1}, or ignore_index")
    return _row_starts(flat.size, classes) + flat, kept


def _cross_entropy(x: Any, target: Any, *, ignore_index: int, reduction: str) -> Any:
    if reduction not in REDUCTIONS:
        raise ValueError("cross_entropy: reduction")
    at, kept = _positions("cross_entropy", x, target, ignore_index)
    slope = np.subtract(x, row_max(x, -1), order="C")
    flat, rows = slope.reshape(-1), slope.reshape(at.size, x.shape[-1])
    picked = flat[at]
    np.exp(flat, flat)
    total = row_sums(rows)
    loss = np.log(total)
    loss -= picked
    count = 1
    if reduction == "mean":
        count = loss.size if kept is None else int(np.count_nonzero(kept))
        total *= np.asarray(count or 1, total.dtype)  # which is applied in half the time of a Python number
    rows /= total[:, None]
    flat[at] -= np.asarray(1 / (count or 1), flat.dtype)
    if kept is not None:
        loss[~kept] = 0
        rows[~kept] = 0
    if reduction == "none":
        return loss.reshape(target.shape), slope
    out = vector_sum(loss)
    return (out / loss.dtype.type(count) if reduction == "mean" else out), slope


def _loss_aval(name: str, x: Aval, target: Aval, reduction: str) -> Aval:
    if not x.ndim or x.shape[:-1] != target.shape:
        raise ShapeError(f"{name}: scores {x} need one class number for each row, got targets {target}")
    return x._replace(shape=target.shape if reduction == "none" else (), weak=False)


def _cross_entropy_abstract(x: Aval, target: Aval, *, ignore_index: int, reduction: str) -> tuple[Aval, Aval]:
    return _loss_aval("cross_entropy", x, target, reduction), x._replace(weak=False)


def _weights_of_rows(kept: Value, x: Value, reduction: str) -> Value:
    """Return, for each row, what its loss counts in the result; 0 when it is ignored."""
    weights = cast(kept, x.dtype)
    if reduction == "mean":
        weights = div(weights, maximum(sum(weights), 1.0))
    return expand_dims(weights, -1)


def _cross_entropy_composed(x: Value, target: Value, *, ignore_index: int, reduction: str) -> tuple[Value, Value]:
    loss = nll_loss(log_softmax(x), target, ignore_index=ignore_index, reduction=reduction)
    kept = not_equal(target, ignore_index)
    hit = one_hot(where(kept, target, 0), x.shape[-1], x.dtype)
    return loss, mul(sub(softmax(x), hit), _weights_of_rows(kept, x, reduction))


def _cross_entropy_rule(g: Any, out: Any, target: Value, ignore_index: int, reduction: str) -> tuple[Value, None]:
    of_loss, of_slope = g
    slope = out[1]
    found = None
    if of_loss is not None:
        found = mul(slope, expand_dims(of_loss, -1) if reduction == "none" else of_loss)
    if of_slope is not None:
        # The slope is (p - hit) * weights for probabilities p, so that p = slope / weights + hit where rows count.
        kept = not_equal(target, ignore_index)
        weights = _weights_of_rows(kept, slope, reduction)
        p = add(
            div(slope, where(equal(weights, 0), 1, weights)),
            one_hot(where(kept, target, 0), slope.shape[-1], slope.dtype),
        )
        bent = mul(mul(p, sub(of_slope, sum(mul(p, of_slope), -1, keepdims=True))), weights)
        found = bent if found is None else add(found, bent)
    return found, None


# Two results: the loss, and its slope in the scores. Backward is then one multiplication, and the slope is all that is
# kept; PyTorch keeps as much.
cross_entropy_p = fused(
    "cross_entropy",
    _cross_entropy,
    abstract=_cross_entropy_abstract,
    vjp=_cross_entropy_rule,
    decompose=_cross_entropy_composed,
    fills=False,
)


def cross_entropy(
    x: Value,
    target: Value,
    weight: Value | None = None,
    *,
    axis: int = -1,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Value:
    """Return the negative log-probability that logits `x`, with classes along `axis`, give to targets.

    Targets are class numbers (the shape of `x` without the axis) or class probabilities (the shape of `x`). The mean is
    over what is not ignored, weighted by the targets' class weights; with everything ignored it is NaN, as in PyTorch.

    >>> cross_entropy(np.zeros((2, 4)), np.array([0, 3]))
    Array(1.38629436, dtype=float64)
    """
    check_reduction("cross_entropy", reduction)
    x, target = moveaxis(only_floats("cross_entropy", x), axis, -1), as_array(target)
    weight = _class_weight("cross_entropy", x, weight)
    if target.dtype in dtypes.INEXACT:
        target = moveaxis(target, axis, -1)
        return _soft_cross_entropy(x, target, weight, reduction, label_smoothing)
    target = class_numbers("cross_entropy", x, target)
    if weight is None and not label_smoothing:
        return cross_entropy_p(x, target, ignore_index=ignore_index, reduction=reduction)[0]
    options = {"ignore_index": ignore_index, "reduction": reduction}
    logp = log_softmax(x)
    hard = nll_loss(logp, target, weight, **options)  # type: ignore[arg-type]
    if not label_smoothing:
        return hard
    smooth = _spread_loss(logp, target, weight, ignore_index, reduction)
    return add(mul(hard, 1.0 - label_smoothing), mul(smooth, label_smoothing / x.shape[-1]))


def _spread_loss(logp: Value, target: Value, weight: Value | None, ignore_index: int, reduction: str) -> Value:
    """The loss of a target spread evenly over the classes, times their number."""
    kept = not_equal(target, ignore_index)
    loss = where(kept, neg(sum(logp if weight is None else mul(logp, weight), -1)), 0)
    if reduction == "none":
        return loss
    return sum(loss) if reduction == "sum" else div(sum(loss), sum(_row_weights(logp, target, weight, kept)))


def _soft_cross_entropy(x: Value, target: Value, weight: Value | None, reduction: str, label_smoothing: float) -> Value:
    if target.shape != x.shape:
        raise ShapeError(
            f"cross_entropy: class probabilities {aval_of(target)} must have the shape of the scores {aval_of(x)}; "
            "use integer targets for class numbers"
        )
    if label_smoothing:
        target = add(mul(target, 1.0 - label_smoothing), label_smoothing / x.shape[-1])
    if weight is not None:
        target = mul(target, weight)
    loss = neg(sum(mul(log_softmax(x), target), -1))
    return reduce_loss(loss, reduction)


def class_numbers(name: str, x: Value, target: Value) -> Value:
    """Return integer targets as int64, or raise when there is not one for each row of scores."""
    target = as_array(target)
    if dtypes.rank(target.dtype) != 1:
        raise DTypeError(f"{name}: class numbers must be integers, got {aval_of(target)}; cast them with .long()")
    if not x.ndim or x.shape[:-1] != target.shape:
        raise ShapeError(
            f"{name}: Expected target size {list(x.shape[:-1])} for scores {aval_of(x)}, classes last, got "
            f"{aval_of(target)}; give one class number for each row"
        )
    return cast(target, dtypes.int64)


def _class_weight(name: str, x: Value, weight: Value | None) -> Value | None:
    if weight is None:
        return None
    weight = as_array(weight)
    if weight.shape != x.shape[-1:]:
        raise ShapeError(
            f"{name}: weight tensor should be defined for all {x.shape[-1]} classes, got {aval_of(weight)} for scores "
            f"{aval_of(x)}, classes last; give one weight for each class"
        )
    return weight


# --------------------------------------------------------------------------- negative log-likelihood


def _nll(x: Any, target: Any, *, ignore_index: int, reduction: str) -> Any:
    at, kept = _positions("nll_loss", x, target, ignore_index)
    loss = np.negative(x.reshape(-1)[at])
    if kept is not None:
        loss[~kept] = 0
    if reduction == "none":
        return loss.reshape(target.shape)
    out = vector_sum(loss)
    return out if reduction == "sum" else out / loss.dtype.type(loss.size if kept is None else np.count_nonzero(kept))


def _nll_composed(x: Value, target: Value, *, ignore_index: int, reduction: str) -> Value:
    return _nll_weighed(x, target, None, ignore_index, reduction)


def _nll_weighed(logp: Value, target: Value, weight: Value | None, ignore_index: int, reduction: str) -> Value:
    kept = not_equal(target, ignore_index)
    chosen = where(kept, target, 0)
    picked = squeeze(take_along_axis(logp, expand_dims(chosen, -1), -1), -1)
    weights = _row_weights(logp, target, weight, kept)
    loss = neg(mul(where(kept, picked, 0), weights))
    if reduction == "none":
        return loss
    return sum(loss) if reduction == "sum" else div(sum(loss), sum(weights))


def _nll_back(g: Any, x_aval: Aval, target: Any, ignore_index: int, reduction: str) -> Any:
    out = np.zeros(x_aval.shape, g.dtype)
    at, kept = _positions("nll_loss", out, target, ignore_index)
    if reduction == "mean":
        g = g / g.dtype.type((at.size if kept is None else np.count_nonzero(kept)) or 1)
    slope = np.broadcast_to(np.negative(g), target.shape).reshape(-1)
    out.reshape(-1)[at] = slope if kept is None else np.where(kept, slope, 0)
    return out


@shortcut(_nll_back)
def _nll_rule(g: Value, x_aval: Aval, target: Value, ignore_index: int, reduction: str) -> Value:
    kept = not_equal(target, ignore_index)
    if reduction == "mean":
        g = div(g, sum(cast(kept, x_aval.dtype)))
    chosen = expand_dims(where(kept, target, 0), -1)
    return gather_back(expand_dims(where(kept, neg(g), 0), -1), chosen, axis=-1, sizes=x_aval.shape)


# Without weights, of log-probabilities with the classes last.
nll_p = fused(
    "nll", _nll, abstract=lambda x, target, *, ignore_index, reduction: _loss_aval("nll_loss", x, target, reduction),
    vjp=(_nll_rule, None), decompose=_nll_composed,
)  # fmt: skip


def _row_weights(logp: Value, target: Value, weight: Value | None, kept: Value) -> Value:
    """Return what each row counts: its target's class weight, 0 when ignored."""
    if weight is None:
        return cast(kept, logp.dtype)
    return where(kept, take_p(as_array(weight), where(kept, target, 0), axis=-1), 0)


def nll_loss(
    logp: Value,
    target: Value,
    weight: Value | None = None,
    *,
    axis: int = -1,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Value:
    """Return minus the log-probabilities of the target classes; see `cross_entropy` for the mean.

    >>> nll_loss(np.log(np.array([[0.5, 0.5], [0.25, 0.75]])), np.array([0, 1]), reduction="sum")
    Array(0.98082925, dtype=float64)
    """
    check_reduction("nll_loss", reduction)
    logp = moveaxis(only_floats("nll_loss", logp), axis, -1)
    target = class_numbers("nll_loss", logp, target)
    if weight is None:
        return nll_p(logp, target, ignore_index=ignore_index, reduction=reduction)
    return _nll_weighed(logp, target, _class_weight("nll_loss", logp, weight), ignore_index, reduction)
