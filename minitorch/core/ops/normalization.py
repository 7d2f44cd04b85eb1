"""Normalization to mean 0 and variance 1: over the last axes (layer), or over all but the channels (batch).

The statistics are computed first, by an operation without derivative, and handed to `normalize`, whose rules know that
they belong to its operand: so the derivative is whole, and a forward pass keeps only the operand and two small arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..aval import Aval
from ..conversion import number
from ..errors import ShapeError
from ..primitive import NO_DERIVATIVE
from ..tracer import Value, aval_of
from .families import LEADING, as_array, broadcast_shapes, custom
from .fusing import fused, shortcut
from .pointwise import add, mul, rsqrt, sub
from .reductions import mean_p, only_floats, size_over
from .shaping import cast, reduced_shape, reshape
from .summation import add_reduce

Axes = tuple[int, ...]


def _sum(x: Any, axes: Axes) -> Any:
    """Add over axes, kept with size 1: first the trailing ones, which lie together in memory."""
    inner = 0
    while -inner - 1 in axes:
        inner += 1
    if inner:
        lead = x.shape[: x.ndim - inner]
        flat = x.reshape(*lead, size_over(x.shape, axes[len(axes) - inner :]))
        x = add_reduce(flat, (-1,)).reshape(lead + (1,) * inner)
    outer = axes[: len(axes) - inner]
    return add_reduce(x, outer, True) if outer else x


def _statistics(x: Any, *, axes: Axes) -> Any:
    # Those of halves stay in float32: rounding them would cost more than rounding the result.
    x = x.astype(np.float32) if x.dtype in dtypes.HALVES else x
    n = size_over(x.shape, axes)
    mean = _sum(x, axes) / x.dtype.type(n)
    d = x - mean
    d *= d
    return mean, _sum(d, axes) / x.dtype.type(n)


def _statistics_abstract(x: Aval, *, axes: Axes) -> tuple[Aval, Aval]:
    dtype = dtypes.float32 if x.dtype in dtypes.HALVES else x.dtype
    found = x._replace(shape=reduced_shape(x.shape, axes, True), dtype=dtype, weak=False)
    return found, found


statistics_p = custom(
    "statistics",
    _statistics,
    abstract=_statistics_abstract,
    vjp=NO_DERIVATIVE,
    jvp=NO_DERIVATIVE,
    batch=LEADING,
)


def _normalize(x: Any, w: Any, b: Any, mean: Any, var: Any, *, axes: Axes, eps: float) -> Any:
    scale = 1 / np.sqrt(var + eps)
    folded = w is not None and _is_constant(w, axes)
    out = x - mean
    out *= scale * w if folded else scale
    if w is not None and not folded:
        out *= w
    if b is not None:
        out += b
    return out


def _is_constant(w: Any, axes: Axes) -> bool:
    """Whether the scale is the same for all elements normalized together."""
    return all(-a > w.ndim or w.shape[a] == 1 for a in axes)


def _standardized(x: Value, axes: Axes, eps: float) -> tuple[Value, Value]:
    """Return x with mean 0 and variance 1, and what its deviations were multiplied with."""
    d = sub(x, mean_p(x, axes=axes, keepdims=True))
    scale = rsqrt(add(mean_p(mul(d, d), axes=axes, keepdims=True), eps))
    return mul(d, scale), scale


def _composed(x: Value, w: Value, b: Value, mean: Value, var: Value, *, axes: Axes, eps: float) -> Value:
    out, _ = _standardized(x, axes, eps)
    out = out if w is None else mul(out, w)
    return out if b is None else add(out, b)


def _normalize_fast(g: Any, x: Any, w: Any, b: Any, mean: Any, var: Any, axes: Axes, eps: float) -> Any:
    if w is not None and not _is_constant(w, axes):
        return _rows_fast(g, x, w, b, mean, var, axes, eps)
    n = x.dtype.type(size_over(x.shape, axes))
    rstd = 1 / np.sqrt(var + eps)
    scale = rstd if w is None else rstd * w
    d = x - mean
    product = g * d
    total, weighted = _sum(g, axes), _sum(product, axes)
    np.multiply(g, scale, out=product)
    d *= weighted * (rstd * rstd * scale / -n)
    product += d
    product -= total * (scale / n)
    gw = None if w is None else _to_shape(weighted * rstd, w.shape)
    return product, gw, None if b is None else _to_shape(total, b.shape), None, None


def _to_shape(x: Any, shape: tuple[int, ...]) -> Any:
    """Drop leading axes, which have size 1."""
    lead = x.ndim - len(shape)
    axes = tuple(i - x.ndim for i, n in enumerate(x.shape) if i < lead or (shape[i - lead] == 1 and n != 1))
    return (add_reduce(x, axes) if axes else x).reshape(shape)


def _rows_fast(g: Any, x: Any, w: Any, b: Any, mean: Any, var: Any, axes: Axes, eps: float) -> Any:
    """The case of a scale for each element of a row: sums over rows are products of matrices."""
    n = size_over(x.shape, axes)
    shape, flat_w = x.shape, w.reshape(-1)
    g, x = g.reshape(-1, n), x.reshape(-1, n)
    scale = 1 / np.sqrt(var.reshape(-1, 1) + eps)
    d = x - mean.reshape(-1, 1)
    d *= scale
    product = g * d
    gw = add_reduce(product, (-2,)).reshape(w.shape)
    d *= (product.dot(flat_w) / x.dtype.type(n))[:, None]
    np.multiply(g, flat_w, out=product)
    product -= d
    product -= (g.dot(flat_w) / x.dtype.type(n))[:, None]
    product *= scale
    return product.reshape(shape), gw, None if b is None else add_reduce(g, (-2,)).reshape(b.shape), None, None


@shortcut(_normalize_fast)
def _rule(g: Value, x: Value, w: Value, b: Value, mean: Value, var: Value, axes: Axes, eps: float) -> Any:
    out, scale = _standardized(x, axes, eps)
    inner = g if w is None else mul(g, w)
    centered = sub(inner, mean_p(inner, axes=axes, keepdims=True))
    slope = mean_p(mul(inner, out), axes=axes, keepdims=True)
    gx = mul(sub(centered, mul(out, slope)), scale)
    return gx, None if w is None else mul(g, out), None if b is None else g, None, None


def _abstract(x: Aval, w: Aval, b: Aval, mean: Aval, var: Aval, *, axes: Axes, eps: float) -> Aval:
    for name, a in (("weight", w), ("bias", b)):
        if a is not None and broadcast_shapes("normalize", x, a) != x.shape:
            raise ShapeError(f"normalize: {name} {a} does not broadcast to {x}; reshape it")
    return x._replace(weak=False)


normalize_p = fused("normalize", _normalize, abstract=_abstract, vjp=_rule, decompose=_composed)


def layer_norm(
    x: Value, weight: Value | None = None, bias: Value | None = None, ndim: int = 1, eps: float = 1e-5
) -> Value:
    """Normalize over the last `ndim` axes, then multiply with `weight` and add `bias`, of those axes' shape.

    Ba, Kiros and Hinton (2016), arXiv:1607.06450.

    >>> layer_norm(np.array([[1.0, 3.0]]), eps=0.0)
    Array([[-1.,  1.]], dtype=float64)
    """
    x = only_floats("layer_norm", x)
    if not 0 < ndim <= x.ndim:
        raise ShapeError(f"layer_norm: cannot normalize the last {ndim} axes of {aval_of(x)}; give 1 to {x.ndim}")
    wanted = x.shape[x.ndim - ndim :]
    for name, a in (("weight", weight), ("bias", bias)):
        if a is not None and aval_of(as_array(a)).shape != wanted:
            raise ShapeError(f"layer_norm: {name} {aval_of(as_array(a))} must have shape {list(wanted)}; reshape it")
    axes = tuple(range(-ndim, 0))
    x, weight, bias = _one_dtype(x, weight, bias)
    return normalize_p(x, weight, bias, *statistics_p(x, axes=axes), axes=axes, eps=number(eps, "eps"))


def _one_dtype(x: Value, *parameters: Value | None) -> tuple[Value, ...]:
    """Promote; but halves keep their dtype beside parameters in float32, in which they are computed anyway."""
    parameters = tuple(None if p is None else as_array(p) for p in parameters)
    if x.dtype in dtypes.HALVES:
        return (x, *parameters)
    dtype = dtypes.promote(x.dtype, *(p.dtype for p in parameters if p is not None))
    return (cast(x, dtype), *(None if p is None else cast(p, dtype) for p in parameters))


def batch_norm(
    x: Value, weight: Value | None = None, bias: Value | None = None, eps: float = 1e-5
) -> tuple[Value, Value, Value]:
    """Normalize each channel of `x[n, channel, ...]` over everything else; return the result, means and variances.

    The means and (biased) variances have shape `[channel]` and carry no gradient: they are for running averages.
    Ioffe and Szegedy (2015), arXiv:1502.03167.

    >>> batch_norm(np.array([[1.0], [3.0]]), eps=0.0)[0].tolist()
    [[-1.0], [1.0]]
    """
    x, weight, bias = _per_channel("batch_norm", x, weight, bias)
    axes = tuple(a for a in range(-x.ndim, 0) if a != 1 - x.ndim)
    mean, var = statistics_p(x, axes=axes)
    out = normalize_p(x, weight, bias, mean, var, axes=axes, eps=number(eps, "eps"))
    return out, reshape(mean, (x.shape[1],)), reshape(var, (x.shape[1],))


def _per_channel(name: str, x: Value, *parameters: Value | None) -> tuple[Value, ...]:
    """Shape parameters `[channel]` to broadcast with `x[n, channel, ...]`."""
    x = only_floats(name, x)
    if x.ndim < 2:
        raise ShapeError(f"{name}: expected at least two axes, [n, channel, ...], got {aval_of(x)}; add an axis")
    for p in parameters:
        if p is not None and aval_of(as_array(p)).shape != x.shape[1:2]:
            got = aval_of(as_array(p))
            raise ShapeError(f"{name}: parameters need shape [{x.shape[1]}] for {aval_of(x)}, got {got}; reshape them")
    shaped = (None if p is None else reshape(p, (x.shape[1],) + (1,) * (x.ndim - 2)) for p in parameters)
    return _one_dtype(x, *shaped)


def batch_norm_fixed(
    x: Value, mean: Value, var: Value, weight: Value | None = None, bias: Value | None = None, eps: float = 1e-5
) -> Value:
    """Normalize each channel of `x[n, channel, ...]` with given means and variances; half numbers stay so."""
    half = x.dtype if x.dtype in dtypes.HALVES else None
    x = x if half is None else cast(x, dtypes.float32)
    x, mean, var, weight, bias = _per_channel("batch_norm", x, mean, var, weight, bias)
    scale = rsqrt(add(var, eps))
    out = mul(sub(x, mean), scale if weight is None else mul(scale, weight))
    out = out if bias is None else add(out, bias)
    return out if half is None else cast(out, half)
