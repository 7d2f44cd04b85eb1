"""Statistics, distances and sums along curves under PyTorch's names."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core import dtypes
from ..core.array import Array, wrap
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.ops import gathering, joining, norms, pointwise, scanning, shaping, slicing
from ..core.ops.families import as_array
from ..core.ops.indexing import getitem
from ..core.ops.shaping import canonical_axes, canonical_axis
from ..core.tracer import Tracer, aval_of, concrete
from .algebra import _cov
from .distinct import isin, mode, unique_consecutive
from .table import Table


class Histogram(NamedTuple):
    """Counts (or densities) and the edges of the bins."""

    hist: Any
    bin_edges: Any


# --------------------------------------------------------------------------- histograms


def _check_bins(name: str, bins: Any, span: Any) -> None:
    if isinstance(bins, int) and bins < 1:
        raise ArgumentError(f"{name}: bins must be positive, got {bins}")
    if span is not None and not span[0] <= span[1]:
        raise ArgumentError(f"{name}: range must rise, got {tuple(span)}")


def _edges(name: str, data: np.ndarray[Any, Any], bins: Any, span: Any) -> np.ndarray[Any, Any]:
    if not isinstance(bins, int):
        return concrete(as_array(bins), name).numpy()
    _check_bins(name, bins, span)
    low, high = span or ((data.min(), data.max()) if data.size else (0.0, 1.0))
    low, high = (low - 0.5, high + 0.5) if low == high else (low, high)
    return np.linspace(low, high, bins + 1)


def _is_known(x: Any) -> bool:
    """Return whether a value's data can be looked at."""
    while isinstance(x, Tracer):
        x = x.value
    return type(x) is Array


def _traced_histogram(
    rows: Any, bins: list[Any], spans: Any, weight: Any, density: bool
) -> tuple[Any, tuple[Any, ...]]:
    """Count by operations on arrays, which see no data."""
    from ..numpy.statistics import histogramdd

    for b, span in zip(bins, spans or [None] * len(bins)):
        _check_bins("histogram", b, span)
    bins = [b if isinstance(b, int) else as_array(b) for b in bins]
    weights = None if weight is None else shaping.flatten(as_array(weight))
    hist, edges = histogramdd(rows, bins, range=spans, weights=weights, density=density)
    return shaping.cast(hist, rows.dtype), tuple(shaping.cast(e, rows.dtype) for e in edges)


def _histc(input: Any, bins: int = 100, min: float = 0, max: float = 0) -> Any:
    """Count elements in equal bins between `min` and `max` (the data's own if both are equal).

    >>> mt.histc(mt.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    x = concrete(as_array(input), "histc")
    data = x.numpy().ravel()
    _check_bins("histc", bins, (min, max))
    if dtypes.is_complex(x.dtype):
        raise DTypeError(f"histc: takes real numbers, got {aval_of(x)}; use .abs(), .real or .imag")
    low, high = (min, max) if min != max or not data.size else (data.min(), data.max())
    if not np.isfinite([low, high]).all():
        raise ArgumentError(f"histc: the range from {low} to {high} of {aval_of(x)} must be finite; give min and max")
    counts = np.histogram(data, bins, (low, high))[0]
    return wrap(counts.astype(x.dtype))


def _weights(weight: Any) -> np.ndarray[Any, Any] | None:
    return None if weight is None else np.asarray(as_array(weight)).ravel()


def _histogram(input: Any, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    """Count elements (or add up their weights) in bins, given by their number or their edges.

    >>> counts, edges = mt.histogram(mt.tensor([1.0, 2.0, 1.0]), bins=3, range=(0.0, 3.0))
    >>> counts
    tensor([0., 2., 1.])
    >>> edges
    tensor([0., 1., 2., 3.])
    """
    x = as_array(input)
    if x.dtype not in dtypes.REALS:
        raise DTypeError(f"histogram: takes floats, got {aval_of(x)}; cast it with .float()")
    if not _is_known(x):
        flat = shaping.reshape(x, (x.size, 1))
        hist, (edges,) = _traced_histogram(flat, [bins], None if range is None else [range], weight, density)
        return Histogram(hist, edges)
    x = concrete(x, "histogram")
    data = x.numpy().ravel()
    edges = _edges("histogram", data, bins, range)
    weights = _weights(weight)
    hist = np.histogram(data, edges, weights=weights, density=density)[0]
    return Histogram(*(wrap(np.asarray(a).astype(x.dtype)) for a in (hist, edges)))


def _histogramdd(input: Any, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    """Count points (the rows) in a grid of bins, one number or one tensor of edges for each coordinate.

    >>> points = mt.tensor([[0.0, 1.0], [1.0, 0.0], [2.0, 0.0], [2.0, 2.0]])
    >>> mt.histogramdd(points, bins=[3, 2]).hist
    tensor([[0., 1.],
            [1., 0.],
            [1., 1.]])
    """
    x = as_array(input)
    if x.ndim < 2:
        raise ShapeError(f"histogramdd: takes points as rows of a matrix, got {aval_of(x)}; reshape it")
    given = [bins] * x.shape[-1] if isinstance(bins, int) else list(bins)
    if len(given) != x.shape[-1]:
        raise ShapeError(f"histogramdd: bins must say something of each of {x.shape[-1]} coordinates, got {len(given)}")
    spans = [None] * len(given) if range is None else list(zip(range[::2], range[1::2]))
    if not _is_known(x):
        rows = shaping.reshape(x, (-1, x.shape[-1]))
        return Histogram(*_traced_histogram(rows, given, None if range is None else spans, weight, density))
    x = concrete(x, "histogramdd")
    data = x.numpy().reshape(-1, x.shape[-1])
    edges = [_edges("histogramdd", column, n, span) for column, n, span in zip(data.T, given, spans)]
    weights = _weights(weight)
    if any((np.diff(e) < 0).any() for e in edges):
        raise ArgumentError(f"histogramdd: the edges of bins must rise, got {edges}; sort them")
    hist = np.histogramdd(data, edges, weights=weights, density=density)[0]
    return Histogram(wrap(hist.astype(x.dtype)), tuple(wrap(e.astype(x.dtype)) for e in edges))


# --------------------------------------------------------------------------- distances


# How PyTorch goes about it: of no consequence here.
_CDIST_MODES = "use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"


def _cdist(x1: Any, x2: Any, p: float = 2.0, compute_mode: str | None = None) -> Any:
    """Return the p-norm distances between all rows of two matrices (or of two batches of them).

    >>> mt.cdist(mt.tensor([[0.0, 0.0], [3.0, 4.0]]), mt.tensor([[0.0, 0.0]]))
    tensor([[0.],
            [5.]])
    """
    a, b = as_array(x1), as_array(x2)
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-1]:
        raise ShapeError(f"cdist: rows must have the same length, got {aval_of(a)} and {aval_of(b)}")
    if compute_mode not in (None, *_CDIST_MODES):
        raise ArgumentError(f"cdist: compute_mode must be one of {', '.join(_CDIST_MODES)}, got {compute_mode!r}")
    if p < 0:
        raise ArgumentError(f"cdist: p must not be negative, got {p} for {aval_of(a)}")
    apart = pointwise.sub(shaping.expand_dims(a, -2), shaping.expand_dims(b, -3))
    return norms.norm(apart, p, -1)


def _pdist(input: Any, p: float = 2.0) -> Any:
    """Return the p-norm distances between all pairs of rows of a matrix, in the order of `combinations`.

    >>> mt.pdist(mt.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    tensor([5.0000, 1.0000, 4.2426])
    """
    x = as_array(input)
    if x.ndim != 2:
        raise ShapeError(f"pdist: takes a matrix, got {aval_of(x)}; reshape it to rows")
    first, second = (wrap(i) for i in np.triu_indices(x.shape[0], 1))
    return norms.norm(pointwise.sub(gathering.take(x, first, 0), gathering.take(x, second, 0)), p, -1)


def _pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    """Return the p-norms of the differences along the last dimension, to which `eps` is added.

    >>> mt.pairwise_distance(mt.tensor([[0.0, 0.0], [1.0, 1.0]]), mt.tensor([[3.0, 4.0], [1.0, 3.0]]), eps=0.0)
    tensor([5., 2.])
    """
    return norms.norm(pointwise.add(pointwise.sub(x1, x2), eps), p, -1, keepdim)


def _renorm(input: Any, p: float, dim: int, maxnorm: float) -> Any:
    """Scale the slices of a dimension whose p-norm is over `maxnorm` down to it.

    >>> mt.renorm(mt.tensor([[3.0, 4.0], [0.3, 0.4]]), p=2, dim=0, maxnorm=1.0)
    tensor([[0.6000, 0.8000],
            [0.3000, 0.4000]])
    """
    x = as_array(input)
    if p <= 0 or maxnorm < 0 or x.ndim < 2:
        raise ArgumentError(f"renorm: needs p > 0, maxnorm >= 0 and 2 dimensions, got {p}, {maxnorm} and {aval_of(x)}")
    axis = canonical_axis("renorm", dim, x.ndim)
    size = norms.norm(x, p, [a for a in range(-x.ndim, 0) if a != axis], True)
    over_it = pointwise.greater(size, maxnorm)
    scale = pointwise.div(maxnorm, pointwise.add(pointwise.where(over_it, size, 1.0), 1e-7))
    return pointwise.where(over_it, pointwise.mul(x, scale), x)


def _corrcoef(input: Any) -> Any:
    """Compute the correlation coefficients of variables in rows, observations in columns.

    >>> mt.corrcoef(mt.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    c = _cov(input)
    if not c.ndim:
        return pointwise.div(c, c)
    deviation = pointwise.sqrt(pointwise.real(getitem(c, (np.arange(c.shape[0]),) * 2)))
    scaled = pointwise.div(pointwise.div(c, shaping.expand_dims(deviation, -1)), deviation)
    return scaled if dtypes.is_complex(c.dtype) else pointwise.clip(scaled, -1.0, 1.0)


# --------------------------------------------------------------------------- along curves


def _spacing(name: str, y: Any, x: Any, dx: float, dim: int) -> Any:
    """Return the distances between neighbors along the last axis: a number, or an array that broadcasts."""
    if x is None:
        return dx
    x = as_array(x)
    x = x if x.ndim == 1 else shaping.moveaxis(x, dim, -1)
    if x.shape[-1] != y.shape[-1]:
        raise ShapeError(f"{name}: x {aval_of(x)} must have as many points as y {aval_of(y)} along dim {dim}")
    return pointwise.sub(slicing.slice_axis(x, -1, 1, None), slicing.slice_axis(x, -1, None, -1))


def _panels(name: str, y: Any, x: Any, dx: float, dim: int) -> Any:
    y = shaping.moveaxis(as_array(y), dim, -1)
    pairs = pointwise.add(slicing.slice_axis(y, -1, 1, None), slicing.slice_axis(y, -1, None, -1))
    return pointwise.div(pointwise.mul(pairs, _spacing(name, y, x, dx, dim)), 2.0)


def _trapezoid(y: Any, x: Any = None, *, dx: float = 1.0, dim: int = -1) -> Any:
    """Integrate along a dimension by the trapezoidal rule, at points `x` or `dx` apart.

    >>> mt.trapezoid(mt.tensor([1.0, 5.0, 10.0]))
    tensor(10.5000)
    >>> mt.trapezoid(mt.tensor([1.0, 5.0, 10.0]), mt.tensor([0.0, 1.0, 3.0]))
    tensor(18.)
    """
    return shaping.sum(_panels("trapezoid", y, x, dx, dim), -1)


def _cumulative_trapezoid(y: Any, x: Any = None, *, dx: float = 1.0, dim: int = -1) -> Any:
    """Integrate along a dimension by the trapezoidal rule, from the first point to each that follows.

    >>> mt.cumulative_trapezoid(mt.tensor([1.0, 5.0, 10.0]))
    tensor([ 3.0000, 10.5000])
    """
    return shaping.moveaxis(scanning.cumsum(_panels("cumulative_trapezoid", y, x, dx, dim), -1), -1, dim)


def _gradient(input: Any, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> Any:
    """Estimate derivatives along dimensions by differences of second order (`edge_order` at the ends).

    `spacing` is a number, one for each dimension, or the coordinates of the points along each.

    >>> mt.gradient(mt.tensor([1.0, 4.0, 9.0, 16.0]))
    (tensor([3., 4., 6., 7.]),)
    >>> mt.gradient(mt.tensor([1.0, 4.0, 9.0, 16.0]), spacing=2.0, edge_order=2)
    (tensor([1., 2., 3., 4.]),)
    """
    x = as_array(input)
    axes = tuple(range(-x.ndim, 0)) if dim is None else canonical_axes("gradient", dim, x.ndim)
    spacing = 1 if spacing is None else spacing
    steps = list(spacing) if isinstance(spacing, (list, tuple)) else [spacing] * len(axes)
    x = (
        shaping.cast(x, dtypes.floating(x.dtype))
        if any(hasattr(s, "shape") or isinstance(s, float) for s in steps)
        else x
    )
    if len(steps) != len(axes) or edge_order not in (1, 2):
        raise ArgumentError(
            f"gradient: needs one spacing for each of {len(axes)} dimensions and edge_order 1 or 2, got {len(steps)} "
            f"and edge_order={edge_order} for {aval_of(x)}"
        )
    return tuple(_slopes(x, axis, step, edge_order) for axis, step in zip(axes, steps))


def _slopes(x: Any, axis: int, step: Any, edge_order: int) -> Any:
    y = shaping.moveaxis(x, axis, -1)
    n = y.shape[-1]
    if n < edge_order + 1:
        raise ShapeError(f"gradient: dim {axis} of {aval_of(x)} needs at least {edge_order + 1} points")
    places = as_array(step)
    if places.ndim and places.shape[-1] != n:
        raise ShapeError(f"gradient: spacing {aval_of(places)} does not fit dim {axis} of {aval_of(x)}")
    part = slicing.slice_axis
    if places.ndim:
        h = pointwise.sub(part(places, -1, 1, None), part(places, -1, None, -1))
    else:
        h = shaping.broadcast_to(shaping.cast(step, dtypes.floating(y.dtype)), (n - 1,))
    slope = pointwise.div(pointwise.sub(part(y, -1, 1, None), part(y, -1, None, -1)), h)
    if n == 2:
        return shaping.moveaxis(joining.concatenate([slope, slope], -1), -1, axis)
    left, right = part(h, -1, None, -1), part(h, -1, 1, None)
    before, after = part(slope, -1, None, -1), part(slope, -1, 1, None)
    total = pointwise.add(left, right)
    # The slope at a point between intervals weighs each one's slope with the length of the other.
    inner = pointwise.div(pointwise.add(pointwise.mul(before, right), pointwise.mul(after, left)), total)
    ends = [part(slope, -1, 0, 1), part(slope, -1, n - 2, n - 1)]
    if edge_order == 2:
        bend = pointwise.div(pointwise.sub(after, before), total)
        ends[0] = pointwise.sub(ends[0], pointwise.mul(part(bend, -1, 0, 1), part(left, -1, 0, 1)))
        ends[1] = pointwise.add(ends[1], pointwise.mul(part(bend, -1, n - 3, n - 2), part(right, -1, n - 3, n - 2)))
    return shaping.moveaxis(joining.concatenate([ends[0], inner, ends[1]], -1), -1, axis)


def _vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """Make a matrix whose columns are powers of a vector, by default from the highest to 0.

    >>> mt.vander(mt.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [4, 2, 1],
            [9, 3, 1]])
    >>> mt.vander(mt.tensor([2, 3]), 4, increasing=True)
    tensor([[ 1,  2,  4,  8],
            [ 1,  3,  9, 27]])
    """
    x = as_array(x)
    if x.ndim != 1:
        raise ShapeError(f"vander: takes a vector, got {aval_of(x)}; flatten it")
    return vander(x, x.shape[0] if N is None else N, increasing)


def vander(x: Any, n: int, increasing: bool) -> Any:
    """Return the powers 0 to n - 1 along a new last axis."""
    powers = np.arange(n) if increasing else np.arange(n)[::-1].copy()
    return pointwise.pow(shaping.expand_dims(x, -1), wrap(powers))


# fmt: off
BOTH: Table = {
    "mode": mode,
    "unique_consecutive": unique_consecutive,
    "histc": _histc,
    "histogram": _histogram,
    "renorm": _renorm,
    "corrcoef": _corrcoef,
}
FUNCTIONS: Table = {
    "isin": isin,
    "histogramdd": _histogramdd,
    "cdist": _cdist,
    "pdist": _pdist,
    "pairwise_distance": _pairwise_distance,
    "trapezoid": _trapezoid,
    "cumulative_trapezoid": _cumulative_trapezoid,
    "gradient": _gradient,
    "vander": _vander,
}
METHODS: Table = {}
ALIASES = {"trapz": "trapezoid"}
# fmt: on
