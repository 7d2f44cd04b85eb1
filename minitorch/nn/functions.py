"""Activations and their kin under JAX's names: `nn.relu(x)`. Arrays give arrays, tensors give tensors.

Where PyTorch's function of the same name in `nn.functional` differs, this is JAX's: `gelu` is the tanh form by default,
axes are the last ones, and classes out of range have no one in their `one_hot` vector.
"""

from __future__ import annotations

from math import log as log_of
from typing import Any

from ..core import config
from ..core.errors import ArgumentError, ShapeError
from ..core.ops import attention, reductions, special
from ..core.ops import pointwise as core
from ..core.ops import softmax as rows
from ..core.ops.families import as_array
from ..core.ops.gathering import iota
from ..core.ops.joining import split
from ..core.ops.norms import var
from ..core.ops.shaping import canonical_axis, cast, expand_dims, moveaxis, reshape
from ..core.ops.shaping import sum as total
from ..core.tracer import aval_of
from .functional import activation

INF = float("inf")
SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def identity(x: Any) -> Any:
    """Return the argument.

    >>> identity(3.0)
    3.0
    """
    return x


def relu(x: Any) -> Any:
    """Return `max(x, 0)`; its slope at 0 is 0.

    >>> import minitorch as mt
    >>> mt.nn.relu(mt.array([-1.0, 2.0]))
    Array([0., 2.], dtype=float32)
    """
    return activation.relu(x)


def relu6(x: Any) -> Any:
    """Return x limited to [0, 6].

    >>> import minitorch as mt
    >>> mt.nn.relu6(mt.array([-1.0, 7.0]))
    Array([0., 6.], dtype=float32)
    """
    return activation.relu6(x)


def sigmoid(x: Any) -> Any:
    """Return `1 / (1 + exp(-x))`.

    >>> import minitorch as mt
    >>> mt.nn.sigmoid(mt.array(0.0))
    Array(0.5, dtype=float32)
    """
    return activation.sigmoid(x)


def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent.

    >>> import minitorch as mt
    >>> mt.nn.tanh(mt.array(0.0))
    Array(0., dtype=float32)
    """
    return activation.tanh(x)


def softplus(x: Any) -> Any:
    """Return `log(1 + exp(x))`.

    >>> import minitorch as mt
    >>> mt.nn.softplus(mt.array([-1000.0, 1000.0]))
    Array([   0., 1000.], dtype=float32)
    """
    return special.softplus(x)


def sparse_plus(x: Any) -> Any:
    """Return 0 below -1, x above 1, and `(x + 1)**2 / 4` between.

    >>> import minitorch as mt
    >>> mt.nn.sparse_plus(mt.array([-2.0, 0.0, 2.0]))
    Array([0.  , 0.25, 2.  ], dtype=float32)
    """
    return core.where(
        core.less_equal(x, -1.0), 0.0, core.where(core.greater_equal(x, 1.0), x, core.square(core.add(x, 1.0)) * 0.25)
    )


def sparse_sigmoid(x: Any) -> Any:
    """Return `(x + 1) / 2` limited to [0, 1], the slope of `sparse_plus`.

    >>> import minitorch as mt
    >>> mt.nn.sparse_sigmoid(mt.array([-2.0, 0.5, 2.0]))
    Array([0.  , 0.75, 1.  ], dtype=float32)
    """
    return core.mul(core.add(core.clip(x, -1.0, 1.0), 1.0), 0.5)


def soft_sign(x: Any) -> Any:
    """Return `x / (1 + |x|)`.

    >>> import minitorch as mt
    >>> mt.nn.soft_sign(mt.array([-1.0, 3.0]))
    Array([-0.5 ,  0.75], dtype=float32)
    """
    return activation.softsign(x)


def silu(x: Any) -> Any:
    """Return `x * sigmoid(x)`; `swish` is another name.

    >>> import minitorch as mt
    >>> mt.nn.silu(mt.array(0.0))
    Array(0., dtype=float32)
    """
    return activation.silu(x)


swish = silu


def log_sigmoid(x: Any) -> Any:
    """Return `log(sigmoid(x))` without underflow.

    >>> import minitorch as mt
    >>> mt.nn.log_sigmoid(mt.array([-1000.0]))
    Array([-1000.], dtype=float32)
    """
    return activation.logsigmoid(x)


def leaky_relu(x: Any, negative_slope: Any = 1e-2) -> Any:
    """Return x where it is not negative, else `negative_slope * x`.

    >>> import minitorch as mt
    >>> mt.nn.leaky_relu(mt.array([-1.0, 2.0]), 0.5)
    Array([-0.5,  2. ], dtype=float32)
    """
    return core.where(core.greater_equal(x, 0), x, core.mul(x, negative_slope))


def hard_tanh(x: Any) -> Any:
    """Return x limited to [-1, 1].

    >>> import minitorch as mt
    >>> mt.nn.hard_tanh(mt.array([-3.0, 0.5]))
    Array([-1. ,  0.5], dtype=float32)
    """
    return activation.hardtanh(x)


def hard_sigmoid(x: Any) -> Any:
    """Return `relu6(x + 3) / 6`.

    >>> import minitorch as mt
    >>> mt.nn.hard_sigmoid(mt.array([-3.0, 0.0]))
    Array([0. , 0.5], dtype=float32)
    """
    return activation.hardsigmoid(x)


def hard_silu(x: Any) -> Any:
    """Return `x * hard_sigmoid(x)`; `hard_swish` is another name.

    >>> import minitorch as mt
    >>> mt.nn.hard_silu(mt.array([-3.0, 3.0]))
    Array([-0.,  3.], dtype=float32)
    """
    return activation.hardswish(x)


hard_swish = hard_silu


def elu(x: Any, alpha: Any = 1.0) -> Any:
    """Return x where it is positive, else `alpha * (exp(x) - 1)`.

    >>> import minitorch as mt
    >>> mt.nn.elu(mt.array([-1000.0, 2.0]))
    Array([-1.,  2.], dtype=float32)
    """
    positive = core.greater(x, 0)
    # Double where: the exponential of a large x, which is not taken, must not make the gradient NaN.
    return core.where(positive, x, core.mul(core.expm1(core.where(positive, 0.0, x)), alpha))


def celu(x: Any, alpha: Any = 1.0) -> Any:
    """Return x where it is positive, else `alpha * (exp(x / alpha) - 1)`.

    >>> import minitorch as mt
    >>> mt.nn.celu(mt.array([-1000.0, 2.0]), 0.5)
    Array([-0.5,  2. ], dtype=float32)
    """
    positive = core.greater(x, 0)
    below = core.mul(core.expm1(core.div(core.where(positive, 0.0, x), alpha)), alpha)
    return core.where(positive, x, below)


def selu(x: Any) -> Any:
    """Return `scale * elu(x, alpha)` with the constants of Klambauer et al. (2017).

    >>> import minitorch as mt
    >>> mt.nn.selu(mt.array(0.0))
    Array(0., dtype=float32)
    """
    return core.mul(elu(x, SELU_ALPHA), SELU_SCALE)


def gelu(x: Any, approximate: bool = True) -> Any:
    """Return x times the normal distribution function of x, by default in the form with tanh.

    >>> import minitorch as mt
    >>> mt.nn.gelu(mt.array([0.0, 100.0]), approximate=False)
    Array([  0., 100.], dtype=float32)
    """
    return special.gelu(x, "tanh" if approximate else "none")


def glu(x: Any, axis: int = -1) -> Any:
    """Return the first half times the sigmoid of the second half along an axis.

    >>> import minitorch as mt
    >>> mt.nn.glu(mt.array([2.0, 0.0]))
    Array([1.], dtype=float32)
    """
    place = canonical_axis("glu", axis, x.ndim)
    if x.shape[place] % 2:
        raise ShapeError(f"glu: the size of axis {axis} must be even, got {aval_of(x)}; pad it")
    first, second = split(x, 2, place)
    return core.mul(first, special.sigmoid(second))


def squareplus(x: Any, b: Any = 4) -> Any:
    """Return `(x + sqrt(x**2 + b)) / 2`. Barron (2021), arXiv:2112.11687.

    >>> import minitorch as mt
    >>> mt.nn.squareplus(mt.array(0.0))
    Array(1., dtype=float32)
    """
    return core.mul(core.add(x, core.sqrt(core.add(core.square(x), b))), 0.5)


def mish(x: Any) -> Any:
    """Return `x * tanh(softplus(x))`. Misra (2019), arXiv:1908.08681.

    >>> import minitorch as mt
    >>> mt.nn.mish(mt.array(0.0))
    Array(0., dtype=float32)
    """
    return activation.mish(x)


def log1mexp(x: Any) -> Any:
    """Return `log(1 - exp(-x))` for positive x, accurate near 0 and far from it. Mächler (2012).

    >>> import minitorch as mt
    >>> mt.nn.log1mexp(mt.array(1e-10))
    Array(-23.02585, dtype=float32)
    """
    near = core.less(x, log_of(2.0))
    below, above = core.where(near, x, 1.0), core.where(near, 1.0, x)
    return core.where(
        near, core.log(core.neg(core.expm1(core.neg(below)))), core.log1p(core.neg(core.exp(core.neg(above))))
    )


# --------------------------------------------------------------------------- along axes


def _masked(x: Any, where: Any, filler: float) -> Any:
    return x if where is None else core.where(where, x, filler)


def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False, where: Any = None
) -> Any:
    """Return `log(sum(b * exp(a)))` over axes without overflow, of the elements where `where` is true.

    A negative sum gives NaN; with `return_sign` the logarithm of its magnitude and its sign.

    >>> import minitorch as mt
    >>> mt.nn.logsumexp(mt.array([1000.0, 1000.0]))
    Array(1000.6932, dtype=float32)
    """
    a = _masked(a, where, -INF)
    if b is None:
        out = reductions.logsumexp(a, axis, keepdims)
        return (out, core.sign(core.exp(out))) if return_sign else out
    highest = core.detach(reductions.max(core.where(core.equal(b, 0), -INF, a), axis, keepdims=True))
    highest = core.where(core.isfinite(highest), highest, 0.0)
    terms = core.where(core.equal(b, 0), 0.0, core.mul(b, core.exp(core.sub(a, highest))))
    summed = total(terms, axis, keepdims)
    shift = highest if keepdims else reshape(highest, aval_of(summed).shape)
    if return_sign:
        return core.add(core.log(core.abs(summed)), shift), core.sign(summed)
    return core.add(core.log(summed), shift)


def logmeanexp(x: Any, axis: Any = None, where: Any = None, keepdims: bool = False) -> Any:
    """Return `log(mean(exp(x)))` over axes without overflow, of the elements where `where` is true.

    >>> import minitorch as mt
    >>> mt.nn.logmeanexp(mt.array([1000.0, 1000.0]))
    Array(1000., dtype=float32)
    """
    ones = core.where(True if where is None else where, core.add(core.mul(core.detach(x), 0.0), 1.0), 0.0)
    count = total(ones, axis, keepdims)
    return core.sub(logsumexp(x, axis, keepdims=keepdims, where=where), core.log(count))


def softmax(x: Any, axis: Any = -1, where: Any = None) -> Any:
    """Return `exp(x)` divided by its sum over axes; elements where `where` is false count nothing and are 0.

    >>> import minitorch as mt
    >>> mt.nn.softmax(mt.array([1.0, 1.0, 5.0]), where=mt.array([True, True, False]))
    Array([0.5, 0.5, 0. ], dtype=float32)
    """
    x = _masked(x, where, -INF)
    if isinstance(axis, int):
        return rows.softmax(x, axis)
    return core.exp(log_softmax(x, axis))


def log_softmax(x: Any, axis: Any = -1, where: Any = None) -> Any:
    """Return the logarithm of the softmax over axes; elements where `where` is false count nothing and are -inf.

    >>> import minitorch as mt
    >>> mt.nn.log_softmax(mt.array([0.0, 1000.0]))
    Array([-1000.,     0.], dtype=float32)
    """
    x = _masked(x, where, -INF)
    if isinstance(axis, int):
        return rows.log_softmax(x, axis)
    return core.sub(x, reductions.logsumexp(x, axis, keepdims=True))


def standardize(
    x: Any, axis: Any = -1, mean: Any = None, variance: Any = None, epsilon: Any = 1e-5, where: Any = None
) -> Any:
    """Return `(x - mean) / sqrt(variance + epsilon)`, over axes, of the elements where `where` is true.

    >>> import minitorch as mt
    >>> mt.nn.standardize(mt.array([1.0, 3.0]), epsilon=0.0)
    Array([-1.,  1.], dtype=float32)
    """
    if where is None:
        mean = reductions.mean(x, axis, True) if mean is None else mean
        variance = var(x, axis, 0, True) if variance is None else variance
    else:
        count = total(cast(core.where(where, core.add(core.mul(core.detach(x), 0.0), 1.0), 0.0), x.dtype), axis, True)
        if mean is None:
            mean = core.div(total(core.where(where, x, 0.0), axis, True), count)
        if variance is None:
            variance = core.div(total(core.where(where, core.square(core.sub(x, mean)), 0.0), axis, True), count)
    return core.div(core.sub(x, mean), core.sqrt(core.add(variance, epsilon)))


def one_hot(x: Any, num_classes: int, *, dtype: Any = None, axis: int = -1) -> Any:
    """Return vectors along a new axis that are 1 at the class number and 0 elsewhere; classes out of range give zeros.

    >>> import minitorch as mt
    >>> mt.nn.one_hot(mt.array([0, 2, 3]), 3).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """
    if num_classes < 0:
        raise ArgumentError(f"one_hot: num_classes must not be negative, got {num_classes}")
    x = as_array(x)
    hit = core.equal(expand_dims(x, -1), iota(num_classes, x.ndim + 1, -1))
    return moveaxis(cast(hit, config.default_float.get() if dtype is None else dtype), -1, axis)


def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    *,
    scale: float | None = None,
    is_causal: bool = False,
) -> Any:
    """Return attention of `[batch, time, heads, size]`: `softmax(query @ key.T * scale + bias) @ value`, by heads.

    `bias` is added to and the bool `mask` limits `[batch, heads, time, time of the keys]`, to which both broadcast. Keys
    and values may have fewer heads, each for as many queries in a row. The batch may be absent.

    >>> import minitorch as mt
    >>> q = k = v = mt.array([[[[1.0, 0.0]], [[0.0, 1.0]]]])
    >>> mt.nn.dot_product_attention(q, k, v, is_causal=True).shape
    (1, 2, 1, 2)
    """
    for name, x in (("query", query), ("key", key), ("value", value)):
        if x.ndim not in (3, 4):
            raise ShapeError(f"dot_product_attention: {name} must be [batch, time, heads, size], got {aval_of(x)}")
    q, k, v = (moveaxis(x, -2, -3) for x in (query, key, value))
    if mask is not None and bias is not None:
        bias = core.where(mask, bias, -INF)
    limits = mask if bias is None else bias
    out = attention.scaled_dot_product_attention(
        q, k, v, limits, causal=is_causal, scale=scale, groups=k.shape[-3] != q.shape[-3], drop=None
    )
    return moveaxis(out, -3, -2)
