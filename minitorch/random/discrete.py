"""Integers, classes and orders under JAX's names. None of them has a derivative."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nan, prod
from typing import Any

from ..core import dtypes
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.ops import sampling, sorting
from ..core.ops.families import as_array, as_value
from ..core.ops.gathering import take
from ..core.ops.joining import stack
from ..core.ops.lookup import searchsorted, take_along_axis
from ..core.ops.pointwise import add, div, equal, floor, isnan, less, less_equal, minimum, mul, neg, sub, where
from ..core.ops.quantiles import binomial_quantile_p, poisson_quantile_p
from ..core.ops.reproducible import natural_of
from ..core.ops.sampling import consumed_key, open_unit
from ..core.ops.scanning import cumsum
from ..core.ops.shaping import broadcast_to, canonical_axis, cast, moveaxis, reshape
from ..core.ops.slicing import slice_axis
from ..core.ops.transforming import exponential_of, logarithm_of
from ..core.tracer import Value, aval_of
from .arguments import floats, integer_dtype, sized


def randint(key: Value, shape: Sequence[int], minval: Any, maxval: Any, dtype: Any = dtypes.int64) -> Value:
    """Draw integers from [minval, maxval), which may be arrays that broadcast to the shape.

    >>> from minitorch import random
    >>> sorted(set(random.randint(random.key(0), (100,), 0, 3).tolist()))
    [0, 1, 2]
    """
    return sampling.randint(key, shape, minval, maxval, dtype)


def bernoulli(key: Value, p: Any = 0.5, shape: Sequence[int] | None = None) -> Value:
    """Draw bools that are true with probability `p`.

    >>> from minitorch import random
    >>> random.bernoulli(random.key(0), 1.0, (3,)).tolist()
    [True, True, True]
    """
    p = as_value(p)
    if dtypes.rank(aval_of(p).dtype) > 2:
        raise DTypeError(f"bernoulli: p must be real, got {aval_of(p)}; take .real")
    return sampling.bernoulli(key, p, sized("bernoulli", shape, p))


def rademacher(key: Value, shape: Sequence[int] = (), dtype: Any = dtypes.int64) -> Value:
    """Draw -1 or 1, each with probability one half.

    >>> from minitorch import random
    >>> sorted(set(random.rademacher(random.key(0), (100,)).tolist()))
    [-1, 1]
    """
    drawn = sampling.bernoulli(key, 0.5, sampling.checked_shape("rademacher", shape))
    return cast(where(drawn, 1, -1), dtype)


def permutation(key: Value, x: Any, axis: int = 0, independent: bool = False) -> Value:
    """Shuffle the numbers 0 ... x - 1, or an array along an axis: whole slices, or each row on its own (independent).

    >>> from minitorch import random
    >>> sorted(random.permutation(random.key(0), 5).tolist())
    [0, 1, 2, 3, 4]
    """
    if type(x) is int or not independent:
        return sampling.permutation(key, x, axis)
    x = as_array(x)
    axis = canonical_axis("permutation", axis, x.ndim)
    drawn = sampling.bits(consumed_key("permutation", key), x.shape, dtypes.uint64)
    return take_along_axis(x, sorting.argsort(drawn, axis), axis)


def choice(key: Value, a: Any, shape: Sequence[int] = (), replace: bool = True, p: Any = None, axis: int = 0) -> Value:
    """Draw from the numbers 0 ... a - 1, or from the slices of an array along an axis, with probabilities `p`.

    The chosen slices take the place of the axis, in `shape`. Without replacement no slice comes twice.

    >>> from minitorch import random
    >>> sorted(random.choice(random.key(0), 3, (3,), replace=False).tolist())
    [0, 1, 2]
    """
    counting = type(a) is int
    a = a if counting else as_array(a)
    if not counting and not a.ndim:
        raise ShapeError("choice: a is a 0-d array; give a Python number, or an array with an axis")
    axis = 0 if counting else canonical_axis("choice", axis, a.ndim)
    count = a if counting else a.shape[axis]
    sizes = sampling.checked_shape("choice", shape)
    size = prod(sizes)
    if size and count < 1:
        raise ArgumentError(f"choice: there is nothing to choose from, a is {a if counting else aval_of(a)}")
    if not replace and size > count:
        raise ArgumentError(f"choice: cannot choose {size} of {count} without replacement; use replace=True")
    index = _chosen(key, count, size, replace, p)
    if counting:
        return reshape(index, sizes)
    found = take(a, index, axis)
    return reshape(found, (*a.shape[:axis], *sizes, *a.shape[a.ndim + axis + 1 :]))


def _chosen(key: Value, count: int, size: int, replace: bool, p: Any) -> Value:
    """Return the positions of what is chosen."""
    if p is None:
        many = replace and size > 0
        return sampling.randint(key, (size,), 0, count) if many else _first(sampling.permutation(key, count), size)
    p = as_array(p)
    if p.shape != (count,) or p.dtype not in dtypes.REALS:
        raise ShapeError(f"choice: p must be {count} floats, one for each choice, got {aval_of(p)}")
    if replace:
        total = cumsum(p)
        u = mul(sampling.uniform(key, (size,), dtype=p.dtype), total[-1])
        return minimum(searchsorted(total, u, "right"), count - 1)
    return sorting.topk(add(natural_of(p), sampling.gumbel(key, (count,), p.dtype)), size)[1]


def _first(x: Value, size: int) -> Value:
    return slice_axis(x, 0, 0, size)


def categorical(
    key: Value, logits: Any, axis: int = -1, shape: Sequence[int] | None = None, replace: bool = True
) -> Value:
    """Draw class numbers with probabilities softmax(logits) along an axis, by the Gumbel-max trick.

    `shape` is that of the result; without the axis of the classes, `logits` must broadcast to it, and is the default.
    Without replacement the leading sizes of `shape` are the draws from each row, no class twice.

    >>> from minitorch import random
    >>> random.categorical(random.key(0), [0.0, -1e9, -1e9], shape=(2,)).tolist()
    [0, 0]
    """
    logits = as_array(logits)
    if logits.dtype not in dtypes.REALS:
        raise DTypeError(f"categorical: logits must be real floats, got {aval_of(logits)}; cast them")
    if replace:
        return sampling.categorical(key, logits, axis, shape)
    x = moveaxis(logits, canonical_axis("categorical", axis, logits.ndim), -1)
    batch = x.shape[:-1]
    sizes = batch if shape is None else sampling.checked_shape("categorical", shape)
    lead = sizes[: len(sizes) - len(batch)]
    size = prod(lead)
    if (*lead, *batch) != sizes or size > x.shape[-1]:
        raise ShapeError(
            f"categorical: cannot draw shape {sizes} from {aval_of(logits)} without replacement; the shape must end with "
            f"{batch}, and begin with at most {x.shape[-1]} draws"
        )
    noisy = add(x, sampling.gumbel(key, x.shape, x.dtype))
    return reshape(moveaxis(sorting.topk(noisy, size)[1], -1, 0), sizes)


# --------------------------------------------------------------------------- counts


def geometric(key: Value, p: Any, shape: Sequence[int] | None = None, dtype: Any = None) -> Value:
    """Draw the number of trials up to the first success, at least 1, where each succeeds with probability `p`.

    >>> from minitorch import random
    >>> random.geometric(random.key(0), 1.0, (3,)).tolist()
    [1, 1, 1]
    """
    wanted = integer_dtype("geometric", dtype)
    sizes, _, (p,) = floats("geometric", shape, dtypes.float64, p)
    u = open_unit(consumed_key("geometric", key), sizes, dtypes.float64)
    # -log(1 - p)
    rate = where(less(p, 1.0), exponential_of(p), where(equal(p, 1.0), inf, nan))
    return cast(add(floor(div(neg(logarithm_of(u)), rate)), 1.0), wanted)


def poisson(key: Value, lam: Any, shape: Sequence[int] | None = None, dtype: Any = None) -> Value:
    """Draw from the Poisson distribution with mean `lam`, by inverting its distribution function; -1 for no legal mean.

    >>> from minitorch import random
    >>> random.poisson(random.key(0), 0.0, (3,)).tolist()
    [0, 0, 0]
    """
    wanted = integer_dtype("poisson", dtype)
    sizes, _, (rate,) = floats("poisson", shape, dtypes.float64, lam)
    drawn = poisson_quantile_p(open_unit(consumed_key("poisson", key), sizes, dtypes.float64), rate)
    return cast(where(isnan(drawn), -1.0, drawn), wanted)


def binomial(key: Value, n: Any, p: Any, shape: Sequence[int] | None = None, dtype: Any = None) -> Value:
    """Draw the number of successes among `n` trials with probability `p`, as floats; NaN for no legal n or p.

    By inverting the distribution function.

    >>> from minitorch import random
    >>> random.binomial(random.key(0), 5, 1.0, (3,)).tolist()
    [5.0, 5.0, 5.0]
    """
    sizes, wanted, _ = floats("binomial", shape, dtype, n, p)
    _, _, (n, p) = floats("binomial", sizes, dtypes.float64, n, p)
    return cast(binomial_quantile_p(open_unit(consumed_key("binomial", key), sizes, dtypes.float64), n, p), wanted)


def multinomial(key: Value, n: Any, p: Any, *, shape: Sequence[int] | None = None, dtype: Any = None) -> Value:
    """Draw how many of `n` trials fall into each class, along a last axis like that of the probabilities `p`.

    Each class in turn is a binomial variable, given those before it.

    >>> from minitorch import random
    >>> random.multinomial(random.key(0), 10, [0.2, 0.3, 0.5]).numpy().sum()
    np.float32(10.0)
    """
    p = as_array(p)
    if not p.ndim or not p.shape[-1]:
        raise ShapeError(f"multinomial: p must have a last axis, that of the classes, got {aval_of(p)}")
    classes = p.shape[-1]
    lead = sized("multinomial", None if shape is None else tuple(shape)[:-1], as_value(n), p[..., 0])
    if shape is not None and tuple(shape) != (*lead, classes):
        raise ShapeError(f"multinomial: shape {tuple(shape)} must end with the {classes} classes of p {aval_of(p)}")
    _, wanted, _ = floats("multinomial", None, dtype, n, p[..., 0])
    p = broadcast_to(cast(p, dtypes.float64), (*lead, classes))
    left, chance, found = broadcast_to(cast(as_array(n), dtypes.float64), lead), cast(1.0, dtypes.float64), []
    for i, k in enumerate(sampling.split(key, classes, "multinomial")):
        here = p[..., i]
        part = where(less_equal(chance, here), 1.0, div(here, chance)) if i < classes - 1 else cast(1.0, dtypes.float64)
        found.append(binomial(k, left, part, lead, dtypes.float64))
        left, chance = sub(left, found[-1]), sub(chance, here)
    return cast(stack(found, -1), wanted)
