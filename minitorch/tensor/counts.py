"""Random counts, and reductions over segments, under PyTorch's names."""

from __future__ import annotations

from typing import Any

from ..core import dtypes
from ..core.errors import ArgumentError, DTypeError, ShapeError, UnsupportedError
from ..core.ops import sampling
from ..core.ops.families import as_array, broadcast_shapes
from ..core.ops.gathering import iota
from ..core.ops.lookup import scatter
from ..core.ops.pointwise import add, div, equal, less, sub
from ..core.ops.quantiles import binomial_quantile_p, poisson_quantile_p
from ..core.ops.scanning import cumsum
from ..core.ops.shaping import broadcast_to, cast, expand_dims, full, reshape, sum
from ..core.tracer import Value, aval_of
from .generator import Generator
from .handle import Tensor, tensor_of
from .peeking import known
from .random import next_key

# --------------------------------------------------------------------------- random counts


def _rates(name: str, *operands: Any) -> list[Value]:
    """Return float64 operands of one shape, which the quantile functions take."""
    values = [as_array(x) for x in operands]
    for x in values:
        if x.dtype not in dtypes.REALS:
            raise DTypeError(f"{name}: only supports floating-point dtypes, got {aval_of(x)}; cast with .float()")
    shape = broadcast_shapes(name, *map(aval_of, values))
    return [broadcast_to(cast(x, dtypes.float64), shape) for x in values]


def _drawn(counts: Value, like: Any) -> Any:
    out = cast(counts, as_array(like).dtype)
    return tensor_of(out) if isinstance(like, Tensor) else out


def poisson(input: Any, generator: Generator | None = None) -> Any:
    """Draw counts from Poisson distributions with the rates `input`, in its dtype.

    >>> poisson(Tensor([0.0, 0.0]))
    tensor([0., 0.])
    """
    (rate,) = _rates("poisson", input)
    given = known(input)
    if given is not None and bool(less(given, 0).any()):
        raise ArgumentError("poisson: invalid Poisson rate, expected rate to be non-negative; take .abs()")
    chance = sampling.open_unit(next_key(generator), rate.shape, dtypes.float64)
    return _drawn(poisson_quantile_p(chance, rate), input)


def binomial(count: Any, prob: Any, generator: Generator | None = None) -> Any:
    """Draw the number of successes among `count` trials with probability `prob`, in the dtype of `count`.

    >>> binomial(Tensor([3.0, 5.0]), Tensor([0.0, 1.0]))
    tensor([0., 5.])
    """
    trials, chance = _rates("binomial", count, prob)
    u = sampling.open_unit(next_key(generator), trials.shape, dtypes.float64)
    return _drawn(binomial_quantile_p(u, trials, chance), count)


# --------------------------------------------------------------------------- segments

# How each reduction combines, and what an empty segment gives.
_REDUCTIONS = {
    "sum": ("add", 0.0),
    "mean": ("add", 0.0),
    "prod": ("multiply", 1.0),
    "max": ("max", -float("inf")),
    "min": ("min", float("inf")),
}


def segment_reduce(
    data: Any,
    reduce: str,
    *,
    lengths: Any = None,
    indices: Any = None,
    offsets: Any = None,
    axis: int = 0,
    unsafe: bool = False,
    initial: float | None = None,
) -> Any:
    """Reduce consecutive segments of an axis: `sum`, `mean`, `max`, `min` or `prod`.

    `lengths` of the segments, or `offsets` where they start and the last ends, whose last dimension is `axis` of the
    data. An empty segment gives `initial`, by default what the reduction starts from; NaN for the mean.

    >>> segment_reduce(Tensor([1.0, 2.0, 3.0]), "sum", lengths=Tensor([2, 1]).long())
    tensor([3., 3.])
    """
    data = as_array(data)
    if reduce not in _REDUCTIONS:
        raise ArgumentError(f"segment_reduce: reduce must be one of {', '.join(_REDUCTIONS)}, got {reduce!r}")
    if data.dtype not in dtypes.REALS:
        raise DTypeError(f"segment_reduce: data must be floats, got {aval_of(data)}; cast with .float()")
    if indices is not None:
        raise UnsupportedError("segment_reduce: indices are not supported, as in PyTorch; give lengths or offsets")
    sizes = _lengths(data, lengths, offsets, axis, unsafe)
    count, lead = sizes.shape[-1], sizes.ndim - 1
    mode, start = _REDUCTIONS[reduce]
    shape = (*data.shape[:lead], count, *data.shape[lead + 1 :])
    base = full(shape, start if initial is None else initial, data.dtype)
    trailing = (1,) * (data.ndim - lead - 1)
    where_to = broadcast_to(
        reshape(_numbers(sizes, data.shape[lead]), (*data.shape[: lead + 1], *trailing)), data.shape
    )
    out = scatter(base, where_to, data, lead, mode)
    if reduce != "mean":
        return out
    divisor = cast(reshape(sizes, (*sizes.shape, *trailing)), data.dtype)
    # With an initial value, PyTorch leaves it as it is in an empty segment.
    return div(out, divisor) if initial is None else div(out, add(divisor, cast(less(divisor, 1), data.dtype)))


def _lengths(data: Value, lengths: Any, offsets: Any, axis: int, unsafe: bool) -> Value:
    if (lengths is None) == (offsets is None):
        raise ArgumentError("segment_reduce: give either lengths or offsets")
    given = as_array(lengths if offsets is None else offsets)
    place = axis % data.ndim if data.ndim else 0
    if given.ndim != place + 1 or tuple(given.shape[:-1]) != tuple(data.shape[:place]):
        raise ShapeError(
            f"segment_reduce: Expected axis to be the last dimension of lengths, got axis {axis}, data {aval_of(data)} and "
            f"{aval_of(given)}"
        )
    sizes = given if offsets is None else sub(given[..., 1:], given[..., :-1])
    found = None if unsafe else known(sizes)
    if found is not None and not bool(less(-1, found).all() & equal(sum(found, -1), data.shape[place]).all()):
        raise ArgumentError(
            f"segment_reduce: lengths {found} must not be negative and must add up to the {data.shape[place]} of axis "
            f"{axis} of {aval_of(data)}"
        )
    return sizes


def _numbers(sizes: Value, size: int) -> Value:
    """Return which segment each of `size` elements lies in."""
    ends = expand_dims(cumsum(sizes, -1), -2)
    passed = cast(less(ends, add(iota(size, ends.ndim, -2), 1)), dtypes.int64)
    return sum(passed, -1)
