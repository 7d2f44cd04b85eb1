"""Scaled dot-product attention: its weights, fused, and the whole.

A query that may look nowhere gets weights 0, and so an output of 0 and gradients of 0, where a plain softmax has NaN.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from .. import dtypes
from ..array import Array
from ..aval import Aval
from ..errors import ArgumentError, ShapeError
from ..tracer import Tracer, Value, aval_of
from .contractions import matmul, same_dtype
from .families import as_array
from .fusing import fused, shortcut
from .joining import repeat
from .pointwise import add, detach, div, equal, exp, mul, sub, where
from .reductions import max, only_floats
from .shaping import cast, sum, swapaxes
from .softmax import row_max
from .summation import add_reduce


@lru_cache(maxsize=16)
def _causal_bias(queries: int, keys: int, dtype: Any) -> Any:
    """Return -inf where a key comes after a query, counted from the first of each."""
    bias = np.zeros((queries, keys), dtype)
    bias[np.arange(keys) > np.arange(queries)[:, None]] = -np.inf
    bias.flags.writeable = False
    return bias


def _weights(q: Any, k: Any, bias: Any, *, scale: float, causal: bool) -> Any:
    out = np.matmul(q * scale, np.swapaxes(k, -1, -2))
    if causal:
        out += _causal_bias(*out.shape[-2:], out.dtype)
    if bias is None:
        out -= row_max(out, -1)
    else:
        fits = np.broadcast_shapes(out.shape, bias.shape) == out.shape
        out = np.add(out, bias, out=out if fits else None)
        top = row_max(out, -1)
        out -= np.where(top == -np.inf, 0, top)
    np.exp(out, out)
    total = add_reduce(out, (-1,), True)
    out /= total if bias is None else np.where(total == 0, 1, total)
    return out


def _composed(q: Value, k: Value, bias: Value | None, *, scale: float, causal: bool) -> Value:
    scores = matmul(mul(q, scale), swapaxes(k, -1, -2))
    if causal:
        scores = add(scores, cast(as_array(_causal_bias(*scores.shape[-2:], np.float32)), scores.dtype))
    if bias is not None:
        scores = add(scores, bias)
    top = detach(max(scores, -1, keepdims=True))
    masked = equal(top, -math.inf)
    # Double where: the rows that see nothing take part in no arithmetic that could make NaN.
    powers = exp(sub(where(masked, 0.0, scores), where(masked, 0.0, top)))
    return where(masked, 0.0, div(powers, sum(powers, -1, keepdims=True)))


def _weights_fast(g: Any, out: Any, q: Any, k: Any, bias: Any, scale: float) -> Any:
    product = g * out
    total = add_reduce(product, (-1,), True)
    found = np.subtract(g, total, out=product)
    found *= out
    gq = np.matmul(found, k)
    gq *= scale
    gk = np.matmul(np.swapaxes(found, -1, -2), q)
    gk *= scale
    return gq, gk, None if bias is None else found


@shortcut(_weights_fast)
def _rule(g: Value, out: Value, q: Value, k: Value, bias: Value | None, scale: float) -> Any:
    found = mul(out, sub(g, sum(mul(g, out), -1, keepdims=True)))
    gq = mul(matmul(found, k), scale)
    gk = mul(matmul(swapaxes(found, -1, -2), q), scale)
    return gq, gk, None if bias is None else found


def _abstract(q: Aval, k: Aval, bias: Aval | None, *, scale: float, causal: bool) -> Aval:
    if q.ndim < 2 or k.ndim < 2 or q.shape[-1] != k.shape[-1]:
        raise ShapeError(f"attention: queries {q} and keys {k} need two axes or more and the same last size")
    shape: tuple[int, ...] = (q.shape[-2], k.shape[-2])
    try:
        shape = np.broadcast_shapes(q.shape[:-2], k.shape[:-2]) + shape
        shape = shape if bias is None else np.broadcast_shapes(shape, bias.shape)
    except ValueError:
        raise ShapeError(
            f"attention: queries {q}, keys {k} and mask {bias} do not broadcast; "
            f"the mask must fit [..., {q.shape[-2]}, {k.shape[-2]}]"
        ) from None
    return q._replace(shape=shape, weak=False)


attention_weights_p = fused("attention_weights", _weights, abstract=_abstract, vjp=_rule, decompose=_composed)


def attention_weights(q: Value, k: Value, mask: Value | None = None, causal: bool = False, scale: Any = None) -> Value:
    """Return `softmax(q @ k.T * scale + mask)`, of shape `[..., queries, keys]`.

    A bool mask says where to look; a float mask is added. With `causal`, query i sees keys 0 to i. `scale` is
    `1 / sqrt(q.shape[-1])` by default; where it is learned, an array of one number.

    >>> attention_weights(np.zeros((2, 4)), np.zeros((2, 4)), causal=True).tolist()
    [[1.0, 0.0], [0.5, 0.5]]
    """
    q, k = same_dtype("attention", only_floats("attention", q), only_floats("attention", k))
    if not (q.ndim and k.ndim):
        raise ShapeError(f"attention: needs rows of numbers, got {aval_of(q)} and {aval_of(k)}")
    bias = None if mask is None else _additive(as_array(mask), q.dtype)
    if isinstance(scale, (Array, Tracer)):
        q, scale = mul(q, cast(scale, q.dtype)), 1.0
    scale = 1.0 / math.sqrt(q.shape[-1]) if scale is None and q.shape[-1] else float(scale or 0.0)
    return attention_weights_p(q, k, bias, scale=scale, causal=bool(causal))


def _additive(mask: Value, dtype: dtypes.DType) -> Value:
    return cast(where(mask, 0.0, -math.inf) if mask.dtype == dtypes.bool_ else mask, dtype)


def scaled_dot_product_attention(
    q: Value,
    k: Value,
    v: Value,
    mask: Value | None = None,
    causal: bool = False,
    scale: Any = None,
    groups: bool = False,
    drop: Any = None,
) -> Value:
    """Return `attention_weights(q, k) @ v`, of shape `[..., queries, v.shape[-1]]`.

    With `groups`, queries may have several heads (axis -3) for each of the keys'. `drop` is applied to the weights.
    Vaswani et al. (2017), arXiv:1706.03762.
    """
    if mask is not None and causal:
        raise ArgumentError("attention: give a mask or causal, not both; combine them in the mask")
    if groups:
        k, v = (_per_head(x, q) for x in (k, v))
    weights = attention_weights(q, k, mask, causal, scale)
    return matmul(weights if drop is None else drop(weights), as_array(v))


def _per_head(x: Value, q: Value) -> Value:
    """Repeat each head of keys or values for the queries' heads that share it."""
    heads, wanted = x.shape[-3], q.shape[-3]
    if not heads or wanted % heads:
        raise ShapeError(f"attention: {wanted} heads of {aval_of(q)} cannot share {heads} heads of {aval_of(x)} evenly")
    return repeat(x, wanted // heads, axis=-3)
