"""Reductions, scans and sorting under PyTorch's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..core import dtypes
from ..core.errors import ArgumentError
from ..core.ops import extrema, lookup, norms, pointwise, reductions, scanning, shaping, softmax, sorting, spectral
from ..core.ops.families import as_array
from .distinct import unique_slices
from .fast import fused
from .handle import Tensor
from .quantiles import nanquantile, quantile
from .shortcut import structural
from .table import Extremes, Table, as_dtype, over, vector_like


class Range(NamedTuple):
    """The smallest and the largest element."""

    min: Any
    max: Any


# --------------------------------------------------------------------------- the shortcut

_FLOATS = frozenset((dtypes.float32, dtypes.float64))
_BOOLS = frozenset((dtypes.bool_,))


def _plain_axes(input: Any, dim: Any, kinds: frozenset[Any] = _FLOATS) -> tuple[int, ...] | None:
    """Return the axes of a reduction that may take the shortcut: of a tensor that is not empty, over all or one of them.

    They are counted from the end. None for any other, which the core decides on.
    """
    if not isinstance(input, Tensor) or input.value.dtype not in kinds or not input.value.size:
        return None
    n = len(input.value.shape)
    if dim is None or dim == ():
        return tuple(range(-n, 0))
    return (dim - n if dim >= 0 else dim,) if type(dim) is int and -n <= dim < n else None


def _reduction(core: Callable[..., Any], primitive: Any, kinds: frozenset[Any] = _FLOATS) -> Callable[..., Any]:
    """Return `f(input, dim, keepdim, *more)` for a reduction of the core, where `more` is what only this takes."""
    quick = structural(primitive)

    def call(input: Any, dim: Any, keepdim: bool, *more: Any) -> Any:
        axes = _plain_axes(input, dim, kinds) if not more or more[0] is None else None
        if axes is not None:
            return quick(input, axes=axes, keepdims=bool(keepdim))
        return core(input, over(input, dim), keepdim, *more)

    return call


# --------------------------------------------------------------------------- sum and mean


def _total(core: Callable[..., Any], primitive: Callable[..., Any]) -> Any:
    reduction = _reduction(core, primitive)

    def call(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
        return reduction(input, dim, keepdim, dtype)

    return call


_logsumexp = _reduction(reductions.logsumexp, reductions.logsumexp_p)


# --------------------------------------------------------------------------- max and min


_largest = _reduction(reductions.max, reductions.max_p)
_smallest = _reduction(reductions.min, reductions.min_p)


_quick_gather = fused(lookup.gather_p, lookup.gather_p, dtypes.int64)
_quick_reshape = structural(shaping.reshape_p)


def _picked(input: Tensor, indices: Tensor, axis: int, keepdim: bool) -> Extremes:
    """Return the elements at one position of an axis for every other position, and these positions."""
    values = _quick_gather(input, indices, axis=axis, sizes=input.value.shape)
    if keepdim:
        return Extremes(values, indices)
    shape = values.value.shape
    at = len(shape) + axis
    rest = (*shape[:at], *shape[at + 1 :])
    return Extremes(_quick_reshape(values, shape=rest), _quick_reshape(indices, shape=rest))


def _extreme(whole: Callable[..., Any], along: Callable[..., Any], position: Any, pair: Callable[..., Any]) -> Any:
    quick = structural(position)

    def call(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
        if dim is not None and type(dim) is not int and hasattr(dim, "shape"):
            dim, other = None, dim
        if other is not None:
            return pair(input, other)
        if dim is None:
            return whole(input, None, False)
        axes = _plain_axes(input, dim) if type(dim) is int else None
        if axes is None:
            return Extremes(*along(input, dim, keepdim))
        return _picked(input, quick(input, axis=axes[0], keepdims=True), axes[0], keepdim)

    return call


def _argument(core: Callable[..., Any], primitive: Any) -> Callable[..., Any]:
    quick = structural(primitive)

    def call(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
        axes = _plain_axes(input, dim)
        if axes is None or (dim is None and keepdim):
            return core(input, dim, keepdim)
        if dim is None:
            return quick(_quick_reshape(input, shape=(input.value.size,)), axis=-1, keepdims=False)
        return quick(input, axis=axes[0], keepdims=bool(keepdim))

    return call


def _middle(core: Callable[..., Any]) -> Any:
    along = vector_like(core)

    def call(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
        return core(input)[0] if dim is None else Extremes(*along(input, dim, keepdim))

    return call


# --------------------------------------------------------------------------- spread


def _spread(name: str, core: Callable[..., Any], primitive: Any) -> Any:
    quick = structural(primitive)

    def call(
        input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: Any = None
    ) -> Any:
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        excess = _correction(name, unbiased, correction)
        axes = _plain_axes(input, dim)
        if axes is not None:
            return quick(input, axes=axes, correction=excess, keepdims=bool(keepdim))
        return core(input, over(input, dim), excess, keepdim)

    return call


def _correction(name: str, unbiased: bool | None, correction: Any) -> float:
    if unbiased is not None and correction is not None:
        raise ArgumentError(f"{name}: got both unbiased={unbiased} and correction={correction}; give one of them")
    if unbiased is not None:
        return int(unbiased)
    return 1 if correction is None else correction  # type: ignore[no-any-return]


_var = _spread("variance", norms.var, norms.var_p)
_std = _spread("standard deviation", norms.std, norms.std_p)


def _with_mean(spread: Callable[..., Any]) -> Callable[..., Any]:
    def call(
        input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: Any = None
    ) -> Any:
        axes = None if isinstance(dim, bool) else over(input, dim)
        return spread(input, dim, unbiased, keepdim, correction=correction), reductions.mean(input, axes, keepdim)

    return call


# --------------------------------------------------------------------------- norms


def _norm(input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """Compute the p-norm of vectors along axes (of all elements by default); "fro" is the 2-norm.

    >>> mt.norm(mt.tensor([3.0, 4.0]))
    tensor(5.)
    >>> mt.norm(mt.tensor([[3.0, 4.0], [1.0, -1.0]]), p=1, dim=1)
    tensor([7., 2.])
    """
    x = input if dtype is None else shaping.cast(input, dtype)
    if p == "nuc":
        return spectral.matrix_norm(x, "nuc", (-2, -1) if dim is None else dim, keepdim)
    if p is not None and p != "fro" and not isinstance(p, (int, float)):
        raise ArgumentError(f"norm: p must be a number, 'fro' or 'nuc', got {p!r}; other matrix norms are in linalg")
    return norms.norm(x, 2 if p is None or p == "fro" else p, over(input, dim), keepdim)


def _dist(input: Any, other: Any, p: float = 2) -> Any:
    """Return the p-norm of the difference.

    >>> mt.dist(mt.tensor([1.0, 2.0]), mt.tensor([4.0, 6.0]))
    tensor(5.)
    """
    return norms.norm(pointwise.sub(input, other), p)


# --------------------------------------------------------------------------- softmax, scans


def _normalized(core: Callable[..., Any], primitive: Any) -> Callable[..., Any]:
    quick = structural(primitive)

    def call(input: Any, dim: Any, dtype: Any = None) -> Any:
        axes = _plain_axes(input, dim) if dtype is None and type(dim) is int else None
        if axes is not None:
            return quick(input, axis=axes[0])
        return core(input if dtype is None else shaping.cast(input, dtype), dim)

    return call


normalized = _normalized(softmax.softmax, softmax.softmax_p)
log_normalized = _normalized(softmax.log_softmax, softmax.log_softmax_p)


def _running(core: Callable[..., Any]) -> Callable[..., Any]:
    return lambda input, dim, *, dtype=None: core(input, dim, as_dtype(dtype))


# --------------------------------------------------------------------------- sorting

_SORT, _ARGSORT, _TOPK, _KTH = map(vector_like, (sorting.sort, sorting.argsort, sorting.topk, sorting.kthvalue))


def _sort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """Return `(values, indices)` in ascending order along a dimension; always stable.

    >>> values, indices = mt.sort(mt.tensor([30, 10, 20]))
    >>> values
    tensor([10, 20, 30])
    >>> indices
    tensor([1, 2, 0])
    """
    return Extremes(*_SORT(input, dim, descending))


def _topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """Return `(values, indices)` of the k largest (or smallest) elements along a dimension, in order.

    >>> values, indices = mt.topk(mt.tensor([30, 10, 20]), 2)
    >>> values
    tensor([30, 20])
    >>> indices
    tensor([0, 2])
    """
    return Extremes(*_TOPK(input, k, dim, largest))


def _unique(
    input: Any, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """Return the distinct elements in order, with the inverse and the counts if asked for.

    >>> mt.unique(mt.tensor([3, 1, 3]))
    tensor([1, 3])
    >>> mt.unique(mt.tensor([3, 1, 3]), return_inverse=True, return_counts=True)
    (tensor([1, 3]), tensor([1, 0, 1]), tensor([1, 2]))
    """
    if dim is not None:
        return unique_slices(input, dim, return_inverse, return_counts)
    return lookup.unique(input, False, return_inverse, return_counts)


def _bincount(input: Any, weights: Any = None, minlength: int = 0) -> Any:
    """Count how often each integer from 0 on occurs, or add up the weights of its places: float64 unless float32.

    >>> mt.bincount(mt.tensor([0, 2, 2]), minlength=4)
    tensor([1, 0, 2, 0])
    >>> mt.bincount(mt.tensor([0, 1, 1]), weights=mt.tensor([0.5, 1.0, 2.0]))
    tensor([0.5000, 3.0000])
    """
    if weights is not None and as_array(weights).dtype != dtypes.float32:
        weights = shaping.cast(weights, dtypes.float64)
    return lookup.bincount(input, weights, minlength)


def _searchsorted(
    sorted_sequence: Any, input: Any, *, out_int32: bool = False, right: bool = False, side: str | None = None,
    sorter: Any = None,
) -> Any:  # fmt: skip
    """Return where numbers would stand in a sorted sequence: before equal ones, or after them (`right`).

    `sorter` holds the order that sorts the sequence (`argsort`).

    >>> mt.searchsorted(mt.tensor([10, 20, 20, 30]), mt.tensor([15, 20]))
    tensor([1, 1])
    >>> mt.searchsorted(mt.tensor([10, 20, 20, 30]), mt.tensor([15, 20]), right=True)
    tensor([1, 3])
    """
    if right and side == "left":
        raise ArgumentError("searchsorted: side 'left' and right=True contradict each other; give one of them")
    ordered = sorted_sequence if sorter is None else lookup.take_along_axis(sorted_sequence, sorter, -1)
    places = lookup.searchsorted(ordered, input, side or ("right" if right else "left"))
    return shaping.cast(places, dtypes.int32) if out_int32 else places


def _all_or_any(core: Callable[..., Any], primitive: Any) -> Callable[..., Any]:
    """Return a bool, and of uint8 a uint8, as in PyTorch, whose bools these once were."""
    reduction = _reduction(core, primitive, _BOOLS)

    def call(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
        out = reduction(input, dim, keepdim)
        return shaping.cast(out, dtypes.uint8) if as_array(input).dtype == dtypes.uint8 else out

    return call


# fmt: off
BOTH: Table = {
    "sum": _total(shaping.sum, shaping.sum_p),
    "mean": _total(reductions.mean, reductions.mean_p),
    "prod": lambda input, dim=None, keepdim=False, *, dtype=None: (
        reductions.prod(input, over(input, dim), keepdim, dtype)
    ),
    "nansum": lambda input, dim=None, keepdim=False: reductions.nansum(input, over(input, dim), keepdim),
    "nanmean": lambda input, dim=None, keepdim=False: reductions.nanmean(input, over(input, dim), keepdim),
    "max": _extreme(_largest, extrema.max_with_indices, reductions.argmax_p, pointwise.maximum),
    "min": _extreme(_smallest, extrema.min_with_indices, reductions.argmin_p, pointwise.minimum),
    "amax": lambda input, dim=(), keepdim=False: _largest(input, dim, keepdim),
    "amin": lambda input, dim=(), keepdim=False: _smallest(input, dim, keepdim),
    "aminmax": lambda input, *, dim=None, keepdim=False: (
        Range(*(f(input, dim, keepdim) for f in (_smallest, _largest)))
    ),
    "argmax": _argument(reductions.argmax, reductions.argmax_p),
    "argmin": _argument(reductions.argmin, reductions.argmin_p),
    "all": _all_or_any(reductions.all, reductions.all_p),
    "any": _all_or_any(reductions.any, reductions.any_p),
    "count_nonzero": lambda input, dim=None: reductions.count_nonzero(input, over(input, dim)),
    "var": _var,
    "std": _std,
    "norm": _norm,
    "dist": _dist,
    "logsumexp": lambda input, dim, keepdim=False: _logsumexp(input, dim, keepdim),
    "softmax": normalized,
    "log_softmax": log_normalized,
    "cumsum": _running(scanning.cumsum),
    "cumprod": _running(scanning.cumprod),
    "cummax": lambda input, dim: Extremes(*extrema.cummax(input, dim)),
    "cummin": lambda input, dim: Extremes(*extrema.cummin(input, dim)),
    "logcumsumexp": lambda input, dim: scanning.logcumsumexp(input, dim),
    "median": _middle(sorting.median),
    "nanmedian": _middle(sorting.nanmedian),
    "sort": _sort,
    "argsort": lambda input, dim=-1, descending=False, stable=False: _ARGSORT(input, dim, descending),
    "msort": lambda input: _SORT(input, 0)[0],
    "topk": _topk,
    "kthvalue": lambda input, k, dim=-1, keepdim=False: Extremes(*_KTH(input, k, dim, keepdim)),
    "quantile": quantile,
    "nanquantile": nanquantile,
    "unique": _unique,
    "bincount": _bincount,
}
FUNCTIONS: Table = {
    "var_mean": _with_mean(_var),
    "std_mean": _with_mean(_std),
    "searchsorted": _searchsorted,
    "bucketize": lambda input, boundaries, *, out_int32=False, right=False: (
        _searchsorted(boundaries, input, out_int32=out_int32, right=right)
    ),
    "one_hot": lambda input, num_classes=-1: lookup.one_hot(
        input, int(reductions.max(input).item()) + 1 if num_classes == -1 else num_classes
    ),
}
ALIASES: dict[str, str] = {}
METHODS: Table = {}
# fmt: on
