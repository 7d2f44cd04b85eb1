"""Order statistics, averages, correlations, histograms."""

from __future__ import annotations

import math
from typing import Any

from ..core import dtypes
from ..core.errors import ArgumentError, ShapeError
from ..core.ops import gathering, lookup, sorting
from ..core.ops import joining as J
from ..core.ops import pointwise as P
from ..core.ops import reductions as R
from ..core.ops import shaping as S
from ..core.ops.contractions import matmul
from ..core.tracer import Value, aval_of
from .arguments import array_of, inexact, no_out, together
from .creation import linspace
from .pointwise import complex_of, real_numbers
from .reducing import mean

# --------------------------------------------------------------------------- order statistics

# Which of the elements below and above a fractional rank are taken, in which proportion.
_METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


def quantile(
    a: Any, q: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, method: str = "linear",
    keepdims: bool = False,
) -> Value:  # fmt: skip
    """Return the elements below which fractions `q` of all lie; several fractions give a new first axis.

    Between two elements, `method` interpolates (`linear`) or takes the `lower`, the `higher`, the `nearest`, or the
    `midpoint`. NaN if there is one.

    >>> mnp.quantile(mnp.array([1.0, 2.0, 4.0]), mnp.array([0.5, 0.75]))
    Array([2., 3.], dtype=float32)
    """
    no_out("quantile", out)
    return _quantiles("quantile", a, q, axis, method, keepdims, squash_nans=False)


def nanquantile(
    a: Any, q: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, method: str = "linear",
    keepdims: bool = False,
) -> Value:  # fmt: skip
    """Return the quantiles of the elements that are not NaN.

    >>> mnp.nanquantile(mnp.array([1.0, float("nan"), 4.0]), 0.5)
    Array(2.5, dtype=float32)
    """
    no_out("nanquantile", out)
    return _quantiles("nanquantile", a, q, axis, method, keepdims, squash_nans=True)


def percentile(
    a: Any, q: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, method: str = "linear",
    keepdims: bool = False,
) -> Value:  # fmt: skip
    """Return the elements below which `q` percent of all lie. See `quantile`.

    >>> mnp.percentile(mnp.array([1.0, 2.0, 4.0]), 50)
    Array(2., dtype=float32)
    """
    no_out("percentile", out)
    return _quantiles("percentile", a, q, axis, method, keepdims, squash_nans=False)


def nanpercentile(
    a: Any, q: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, method: str = "linear",
    keepdims: bool = False,
) -> Value:  # fmt: skip
    """Return the percentiles of the elements that are not NaN.

    >>> mnp.nanpercentile(mnp.array([1.0, float("nan"), 4.0]), 50)
    Array(2.5, dtype=float32)
    """
    no_out("nanpercentile", out)
    return _quantiles("nanpercentile", a, q, axis, method, keepdims, squash_nans=True)


def _gathered(name: str, a: Value, axis: Any) -> tuple[Value, tuple[int, ...]]:
    """Return an array with the reduced axes made one, at the end, and the shape that keepdims gives."""
    axes = S.canonical_axes(name, axis, a.ndim)
    kept = [i for i in range(-a.ndim, 0) if i not in axes]
    shape = S.reduced_shape(a.shape, axes, True)
    flat = S.reshape(S.transpose(a, [*kept, *axes]), (*(a.shape[i] for i in kept), R.size_over(a.shape, axes)))
    if not flat.shape[-1]:
        raise ShapeError(f"{name}: {aval_of(a)} has no elements over axis {axis}; check its size first")
    return flat, shape


def _quantiles(name: str, a: Any, q: Any, axis: Any, method: str, keepdims: bool, squash_nans: bool) -> Value:
    a = real_numbers(name, inexact(a))
    q = S.cast(q if type(q) is float else array_of(q), _rank_dtype(a))
    q = P.div(q, 100.0) if "percentile" in name else q
    if method not in _METHODS:
        raise ArgumentError(f"{name}: method must be one of {', '.join(_METHODS)}, got {method!r}")
    flat, kept = _gathered(name, a, axis)
    ordered = sorting.sort(flat)[0]
    nans = S.sum(P.isnan(ordered), -1, keepdims=True)
    n = ordered.shape[-1]
    last = P.sub(n - 1, nans) if squash_nans else S.full(nans.shape, n - 1, dtypes.int64)
    parts = [_at_rank(ordered, nans, last, p, method, squash_nans) for p in _each(q)]
    out = J.stack(parts) if parts else S.full((0, *ordered.shape[:-1]), 0, a.dtype)
    return S.reshape(out, q.shape + (kept if keepdims else ordered.shape[:-1]))


def _rank_dtype(a: Value) -> dtypes.DType:
    return a.dtype if a.dtype == dtypes.float64 else dtypes.float32


def _each(q: Value) -> tuple[Value, ...]:
    return J.unstack(S.ravel(q)) if q.size else ()


def _at_rank(ordered: Value, nans: Value, last: Value, q: Value, method: str, squash_nans: bool) -> Value:
    rank = P.mul(q, S.cast(P.maximum(last, 0), q.dtype))
    low, high = P.floor(rank), P.ceil(rank)
    share = P.sub(rank, low)
    if method == "nearest":
        low = high = P.rint(rank)
    elif method != "linear":
        share = {"lower": 0.0, "higher": 1.0, "midpoint": P.where(P.equal(low, high), 0.0, 0.5)}[method]
    below, above = (lookup.take_along_axis(ordered, S.cast(i, dtypes.int64), -1) for i in (low, high))
    share = S.cast(share, ordered.dtype)
    mixed = P.add(P.mul(below, P.sub(1.0, share)), P.mul(above, share))
    found = P.where(P.equal(below, above), below, mixed)  # also where both are infinite
    missing = P.less(last, 0) if squash_nans else P.greater(nans, 0)
    inside = P.logical_and(P.greater_equal(q, 0), P.less_equal(q, 1))
    return P.where(P.logical_and(P.logical_not(missing), inside), found, math.nan)[..., 0]


def median(a: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, keepdims: bool = False) -> Value:
    """Return the median: the middle element, or the mean of the two in the middle. NaN if there is one.

    >>> mnp.median(mnp.array([4.0, 1.0, 3.0, 2.0]))
    Array(2.5, dtype=float32)
    """
    no_out("median", out)
    return _quantiles("median", a, 0.5, axis, "midpoint", keepdims, squash_nans=False)


def nanmedian(
    a: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, keepdims: bool = False
) -> Value:
    """Return the median of the elements that are not NaN.

    >>> mnp.nanmedian(mnp.array([4.0, float("nan"), 3.0]))
    Array(3.5, dtype=float32)
    """
    no_out("nanmedian", out)
    return _quantiles("nanmedian", a, 0.5, axis, "midpoint", keepdims, squash_nans=True)


def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, keepdims: bool = False) -> Any:
    """Average over axes with weights, a vector along one axis or an array of the same shape; if asked, with their sum.

    >>> mnp.average(mnp.array([1.0, 3.0]), weights=mnp.array([3.0, 1.0]))
    Array(1.5, dtype=float32)
    """
    if weights is None:
        a = inexact(a)
        out = mean(a, axis, keepdims=keepdims)
        count = S.full(out.shape, R.size_over(a.shape, S.canonical_axes("average", axis, a.ndim)), a.dtype)
        return (out, count) if returned else out
    a, weights = together(array_of(a), array_of(weights), floats=True)
    if weights.shape != a.shape:
        if weights.ndim != 1 or not isinstance(axis, int) or weights.shape[0] != a.shape[axis]:
            raise ShapeError(
                f"average: weights {aval_of(weights)} for {aval_of(a)}; give the same shape, or a vector and its axis"
            )
        place = S.canonical_axis("average", axis, a.ndim)
        weights = S.broadcast_to(S.reshape(weights, (-1,) + (1,) * (-place - 1)), a.shape)
    total = S.sum(weights, axis, keepdims)
    out = P.div(S.sum(P.mul(a, weights), axis, keepdims), total)
    return (out, total) if returned else out


# --------------------------------------------------------------------------- correlations


def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None, fweights: Any = None,
    aweights: Any = None,
) -> Value:  # fmt: skip
    """Return the covariances of variables: rows of `m` (columns if `rowvar` is false), observed in its columns.

    `fweights` says how often each observation counts, `aweights` how much; `ddof` is 1 unless `bias`.

    >>> mnp.cov(mnp.array([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    Array([[ 1., -1.],
           [-1.,  1.]], dtype=float32)
    """
    x = _variables("cov", m, rowvar)
    if y is not None:
        x, other = together(x, _variables("cov", y, rowvar))
        x = J.concatenate([x, other], 0)
    ddof = (0 if bias else 1) if ddof is None else ddof
    n = x.shape[1]
    often, much = (None if w is None else S.cast(array_of(w), dtypes.real_of(x.dtype)) for w in (fweights, aweights))
    weights = often if much is None else much if often is None else P.mul(often, much)
    if weights is None:
        centered = moved = P.sub(x, R.mean(x, 1, True))
        freedom: Any = float(max(n - ddof, 0))
    else:
        total = S.sum(weights)
        centered = P.sub(x, P.div(S.sum(P.mul(x, weights), 1, True), total))
        moved = P.mul(centered, weights)
        spread = 1.0 if much is None else P.div(S.sum(P.mul(weights, much)), total)
        freedom = P.maximum(P.sub(total, P.mul(spread, float(ddof))), 0.0)
    return S.squeeze(P.div(matmul(moved, S.transpose(P.conj(centered))), freedom))


def _variables(name: str, x: Any, rowvar: bool) -> Value:
    x = inexact(x)
    if x.ndim > 2:
        raise ShapeError(f"{name}: takes a vector or a matrix, got {aval_of(x)}; use vmap for more axes")
    x = S.atleast_nd(x, 2)
    return x if rowvar or x.shape[0] == 1 else S.transpose(x)


def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Value:
    """Return the correlations of variables. See `cov`.

    >>> mnp.corrcoef(mnp.array([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    Array([[ 1., -1.],
           [-1.,  1.]], dtype=float32)
    """
    c = cov(x, y, rowvar)
    if not c.ndim:
        return P.div(c, c)
    d = P.sqrt(P.real(c.diagonal()))
    c = P.div(P.div(c, S.reshape(d, (-1, 1))), d)
    if c.dtype in dtypes.COMPLEX:
        return complex_of(P.clip(P.real(c), -1.0, 1.0), P.clip(P.imag(c), -1.0, 1.0))
    return P.clip(c, -1.0, 1.0)


# --------------------------------------------------------------------------- counts


def bincount(x: Any, weights: Any = None, minlength: int = 0, *, length: int | None = None) -> Value:
    """Count the occurrences of each integer in a vector, or add up their weights.

    The length depends on the data; with `length` it is that, also under `jit`, and larger integers are left out.

    >>> mnp.bincount(mnp.array([0, 2, 2])), mnp.bincount(mnp.array([0, 2, 2]), length=2)
    (Array([1, 0, 2], dtype=int64), Array([1, 0], dtype=int64))
    """
    x = array_of(x)
    weights = None if weights is None else array_of(weights)
    if length is None:
        return lookup.bincount(x, weights, minlength)
    x = gathering.as_index("bincount", x)
    if x.ndim != 1 or (weights is not None and weights.shape != x.shape):
        raise ShapeError(
            f"bincount: takes a vector, and weights of its shape, got {aval_of(x)}; flatten it with ravel()"
        )
    values = S.full(x.shape, 1, dtypes.int64) if weights is None else weights
    length = max(length, minlength)
    inside = P.less(x, length)
    counts = S.full((length + 1,), 0, values.dtype)
    # As JAX does, negative integers count as 0.
    return counts.at[P.where(inside, P.maximum(x, 0), length)].add(values)[:length]


def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Value:
    """Return the edges of bins: those given, or of that many equal ones over the range of the data.

    >>> mnp.histogram_bin_edges(mnp.array([0.0, 4.0]), bins=2)
    Array([0., 2., 4.], dtype=float32)
    """
    if isinstance(bins, str):
        raise ArgumentError(f"histogram_bin_edges: bins={bins!r} is a rule, which is not offered; give their number")
    bins = array_of(bins)
    if bins.ndim == 1:
        return inexact(bins)
    a = S.ravel(inexact(a))
    if range is not None:
        low, high = (S.cast(r if type(r) is float else array_of(r), a.dtype) for r in range)
    elif a.size:
        low, high = R.min(a), R.max(a)
    else:
        low, high = S.full((), 0, a.dtype), S.full((), 1, a.dtype)
    alone = P.equal(low, high)
    low, high = P.where(alone, P.sub(low, 0.5), low), P.where(alone, P.add(high, 0.5), high)
    return linspace(low, high, int(bins) + 1)


def histogram(a: Any, bins: Any = 10, range: Any = None, weights: Any = None, density: Any = None) -> Any:
    """Count the elements in bins, and return the counts and the edges. The last bin holds its right edge.

    Counts are floats, as in JAX.

    >>> mnp.histogram(mnp.array([1.0, 2.0, 1.0]), bins=2)
    (Array([2., 1.], dtype=float32), Array([1. , 1.5, 2. ], dtype=float32))
    """
    edges = histogram_bin_edges(a, bins, range, weights)
    counts = histogramdd(S.reshape(array_of(a), (-1, 1)), [edges], None, weights, density)[0]
    return counts, edges


def histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, weights: Any = None, density: Any = None
) -> tuple[Value, Value, Value]:
    """Count points in the cells of a grid; return the counts and the edges along both axes.

    >>> mnp.histogram2d(mnp.array([0.0, 1.0]), mnp.array([0.0, 1.0]), bins=2)[0]
    Array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    given = list(bins) if isinstance(bins, (list, tuple)) and len(bins) == 2 else [bins, bins]
    points = J.stack([S.ravel(v) for v in together(array_of(x), array_of(y))], 1)
    counts, (xs, ys) = histogramdd(points, given, range, weights, density)
    return counts, xs, ys


def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, weights: Any = None, density: Any = None
) -> tuple[Value, list[Value]]:
    """Count points, one a row, in the cells of a grid; return the counts and the edges along each axis.

    >>> mnp.histogramdd(mnp.array([[0.0, 0.0], [1.0, 1.0]]), bins=2)[0]
    Array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    sample = inexact(sample)
    if sample.ndim != 2:
        raise ShapeError(f"histogramdd: the sample must have one row for each point, got {aval_of(sample)}")
    n, d = sample.shape
    given = list(bins) if isinstance(bins, (list, tuple)) else [bins] * d
    ranges = [None] * d if range is None else list(range)
    if len(given) != d or len(ranges) != d:
        raise ShapeError(f"histogramdd: {aval_of(sample)} has {d} coordinates; give bins and ranges for each")
    columns = J.unstack(sample, 1)
    edges = [histogram_bin_edges(x, b, r) for x, b, r in zip(columns, given, ranges)]
    shape = tuple(e.shape[0] - 1 for e in edges)
    cell, inside = S.full((n,), 0, dtypes.int64), S.full((n,), True, dtypes.bool_)
    for x, e in zip(columns, edges):
        e = S.cast(e, dtypes.promote(x.dtype, e.dtype))
        at = P.sub(lookup.searchsorted(e, x, "right"), 1)
        at = P.where(P.equal(x, e[-1]), e.shape[0] - 2, at)
        inside = P.logical_and(inside, P.logical_and(P.greater_equal(x, e[0]), P.less_equal(x, e[-1])))
        cell = P.add(P.mul(cell, e.shape[0] - 1), at)
    counted = S.full((n,), 1, sample.dtype) if weights is None else S.ravel(inexact(weights))
    total = math.prod(shape)
    sums = S.full((total + 1,), 0, counted.dtype).at[P.where(inside, cell, total)].add(counted)[:total]
    return _density(S.reshape(sums, shape), edges) if density else S.reshape(sums, shape), edges


def _density(counts: Value, edges: list[Value]) -> Value:
    """Divide by the number of points and the size of each cell."""
    total = S.sum(counts)
    for axis, e in enumerate(edges):
        widths = P.sub(e[1:], e[:-1])
        counts = P.div(counts, S.reshape(widths, (-1,) + (1,) * (counts.ndim - axis - 1)))
    return P.div(counts, total)


__all__ = [
    "average", "bincount", "corrcoef", "cov", "histogram", "histogram2d", "histogram_bin_edges", "histogramdd",
    "median", "nanmedian", "nanpercentile", "nanquantile", "percentile", "quantile",
]  # fmt: skip
