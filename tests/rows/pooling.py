"""Rows of pooling and sliding windows; the oracles are loops over windows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.core.ops import pooling as P
from minitorch.core.ops import windowing as W

from . import Case, Row, complexes, distinct, integers, made, real


def spread(value, n):
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * n


def slide(sizes, window, stride=None, padding=0, dilation=1, ceil_mode=False):
    """Return the number of windows along each axis, and a list of (window, tap, element) for those that meet."""
    n = len(sizes)
    window = spread(window, n)
    stride = window if stride is None else spread(stride, n)
    padding, dilation = spread(padding, n), spread(dilation, n)
    counts = []
    for size, k, s, p, d in zip(sizes, window, stride, padding, dilation):
        count = (math.ceil if ceil_mode else math.floor)((size + 2 * p - d * (k - 1) - 1) / s) + 1
        counts.append(count - (ceil_mode and (count - 1) * s >= size + p))
    found = []
    for i in np.ndindex(*counts):
        for t in np.ndindex(*window):
            at = tuple(a * s + b * d - p for a, b, s, d, p in zip(i, t, stride, dilation, padding))
            if all(0 <= a < size for a, size in zip(at, sizes)):
                found.append((i, t, at))
    return tuple(counts), found


def axes_of(window):
    return len(window) if isinstance(window, (tuple, list)) else 1


def max_pool_with_indices(x, window, stride=None, padding=0, dilation=1, ceil_mode=False):
    n = axes_of(window)
    sizes = x.shape[-n:]
    counts, meetings = slide(sizes, window, stride, padding, dilation, ceil_mode)
    values = np.full(x.shape[:-n] + counts, np.nan)
    where = np.full(values.shape, -1)
    for i, _, at in meetings:
        new, old = x[(..., *at)], values[(..., *i)]
        better = (where[(..., *i)] < 0) | (new > old) | np.isnan(new)
        values[(..., *i)] = np.where(better, new, old)
        where[(..., *i)] = np.where(better, np.ravel_multi_index(at, sizes), where[(..., *i)])
    return values, where


def max_pool(x, *args, **params):
    return max_pool_with_indices(x, *args, **params)[0]


def sum_pool(x, window, stride=None, padding=0, dilation=1, ceil_mode=False):
    n = axes_of(window)
    counts, meetings = slide(x.shape[-n:], window, stride, padding, dilation, ceil_mode)
    out = np.zeros(x.shape[:-n] + counts, x.dtype)
    for i, _, at in meetings:
        out[(..., *i)] += x[(..., *at)]
    return out


def avg_pool(x, window, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    n = axes_of(window)
    pads = spread(padding, n)
    total = sum_pool(x, window, stride, padding, 1, ceil_mode)
    ones = np.ones(x.shape[-n:])
    if count_include_pad:  # windows that stick out of the padded array count what lies inside it
        ones = np.ones([size + 2 * p for size, p in zip(ones.shape, pads)])
        counts = sum_pool(ones, window, stride, 0, 1, ceil_mode)[tuple(slice(k) for k in total.shape[-n:])]
    else:
        counts = sum_pool(ones, window, stride, padding, 1, ceil_mode)
    return total / (divisor_override or counts)


def regions(size, n):
    return [slice(math.floor(i * size / n), math.ceil((i + 1) * size / n)) for i in range(n)]


def adaptive(x, counts, reduce):
    n = len(counts)
    counts = tuple(size if k is None else k for size, k in zip(x.shape[-n:], counts))
    out = np.zeros(x.shape[:-n] + counts, x.dtype)
    cuts = [regions(size, k) for size, k in zip(x.shape[-n:], counts)]
    for i in np.ndindex(*counts):
        out[(..., *i)] = reduce(x[(..., *(cut[j] for cut, j in zip(cuts, i)))], tuple(range(-n, 0)))
    return out


def adaptive_max_pool_with_indices(x, counts):
    values = adaptive(x, counts, np.max)
    flat = x.reshape(*x.shape[: -len(counts)], -1)  # the rows use distinct values, so a value tells its position
    lead = values.reshape(*flat.shape[:-1], -1, 1)
    return values, np.argmax(flat[..., None, :] == lead, -1).reshape(values.shape)


def unfold(x, window, stride=1, padding=0, dilation=1):
    n = axes_of(window)
    counts, meetings = slide(x.shape[-n:], window, stride, padding, dilation)
    out = np.zeros((*x.shape[:-n], *spread(window, n), *counts), x.dtype)
    for i, t, at in meetings:
        out[(..., *t, *i)] = x[(..., *at)]
    return out


def fold(x, sizes, window, stride=1, padding=0, dilation=1):
    n = len(sizes)
    _, meetings = slide(sizes, window, stride, padding, dilation)
    out = np.zeros((*x.shape[: -2 * n], *sizes), x.dtype)
    for i, t, at in meetings:
        out[(..., *at)] += x[(..., *t, *i)]
    return out


WINDOWS = W.sliding("rows", (4, 3), (2, 2), 1, (1, 0))
APART = W.sliding("rows", (5,), 2, 3)


def pool_take(x, which, windows):
    taken = unfold(x, *setting(windows))
    flat = taken.reshape(*taken.shape[: -2 * len(windows)], -1, *which.shape[-len(windows) :])
    return np.take_along_axis(flat, np.expand_dims(which, -1 - len(windows)), -1 - len(windows)).squeeze(
        -1 - len(windows)
    )


def pool_put(g, which, windows):
    taps = math.prod(w.taps for w in windows)
    chosen = np.stack([np.where(which == t, g, 0) for t in range(taps)], -1 - len(windows))
    shape = (*g.shape[: -len(windows)], *(w.taps for w in windows), *g.shape[-len(windows) :])
    return fold(chosen.reshape(shape), tuple(w.size for w in windows), *setting(windows))


def setting(windows):
    return tuple(tuple(getattr(w, name) for w in windows) for name in ("taps", "stride", "before", "dilation"))


def window_spread(g, windows):
    taken = np.broadcast_to(np.expand_dims(g, -2), (*g.shape[:-1], windows[0].taps, g.shape[-1]))
    return fold(taken, (windows[0].size,), *setting(windows))


def fixed(*values: Any) -> Any:
    return made(lambda rng: np.array(values, np.float64))


def cases(make, *settings):
    return tuple(Case((make(*shape),), params) for shape, params in settings)


POOLS = (
    ((2, 4, 6), {"window": (2, 2)}),
    ((2, 5, 7), {"window": (2, 3)}),
    ((7,), {"window": 2, "stride": 1}),
    ((2, 7), {"window": 3, "stride": 2, "padding": 1}),
    ((5, 6), {"window": (3, 2), "stride": (2, 3), "padding": (1, 0), "ceil_mode": True}),
    ((3, 4, 3), {"window": (2, 2, 2), "stride": 1}),
    ((0, 4), {"window": 2}),
)
DILATED = (
    ((7, 5), {"window": (2, 2), "dilation": (3, 2), "padding": (1, 0)}),
    ((2, 8), {"window": 3, "stride": 1, "dilation": 2, "padding": 1, "ceil_mode": True}),
)
MEANS = (
    ((5, 6), {"window": (3, 2), "stride": 2, "padding": 1, "count_include_pad": False}),
    ((5, 6), {"window": (3, 3), "stride": 2, "padding": 1, "ceil_mode": True}),
    ((6,), {"window": 2, "divisor_override": 3}),
    ((2, 24), {"window": 12}),
)
SPECIAL = tuple(
    Case((fixed(*values),), {"window": 3, "stride": 1, "padding": 1})
    for values in (
        (1, np.nan, 0, 2, 3),
        (np.nan, np.nan, 1, 1, 1),
        (-np.inf, -np.inf, -np.inf, -np.inf, 0),
        (np.inf, -np.inf, 0, 0, 0),
    )
)
NUMBERS = ("float32", "float16", "bfloat16", "int64", "uint8", "bool")
HALVES = ("float32", "float16", "bfloat16")

ROWS = [
    Row(
        "max_pool",
        P.max_pool,
        max_pool,
        cases(distinct, *POOLS, *DILATED) + SPECIAL,
        ("max_pool", "pool_put"),
        dtypes=NUMBERS,
    ),
    Row(
        "max_pool_with_indices",
        P.max_pool_with_indices,
        max_pool_with_indices,
        cases(distinct, *POOLS, *DILATED) + SPECIAL,
        ("max_pool",),
    ),
    Row(
        "max_pool of ties",
        P.max_pool_with_indices,
        max_pool_with_indices,
        cases(integers, *POOLS, *DILATED),
        ("max_pool",),
        grad=False,
        dtypes=(),
    ),
    Row(
        "avg_pool",
        P.avg_pool,
        avg_pool,
        cases(real, *POOLS, *MEANS),
        ("window_sum", "window_spread"),
        dtypes=HALVES,
        complex_cases=cases(complexes, ((2, 4), {"window": 2})),
    ),
    Row(
        "sum_pool", P.sum_pool, sum_pool, cases(real, *POOLS, *DILATED), ("window_sum", "window_spread"), dtypes=HALVES
    ),
    Row(
        "window_spread",
        W.window_spread_p,
        window_spread,
        (
            Case((real(2, 2),), {"windows": APART}),
            Case((real(2, 4),), {"windows": W.sliding("rows", (5,), 2, 1)}),
        ),
        dtypes=HALVES,
    ),
    Row(
        "pool_take",
        P.pool_take_p,
        pool_take,
        (
            Case((real(2, 4, 3), integers(2, 5, 2, high=4)), {"windows": WINDOWS}),
            Case((real(2, 5), integers(2, 2, high=2)), {"windows": APART}),
        ),
        nondiff=(1,),
    ),
    Row(
        "pool_put",
        P.pool_put_p,
        pool_put,
        (
            Case((real(2, 5, 2), integers(2, 5, 2, high=4)), {"windows": WINDOWS}),
            Case((real(2, 2), integers(2, 2, high=2)), {"windows": APART}),
        ),
        nondiff=(1,),
        dtypes=HALVES,
    ),
    Row(
        "adaptive_avg_pool",
        P.adaptive_avg_pool,
        lambda x, counts: adaptive(x, counts, np.mean),
        cases(
            real,
            ((2, 6, 4), {"counts": (3, 2)}),
            ((2, 5, 7), {"counts": (3, 2)}),
            ((3,), {"counts": (5,)}),
            ((5, 4), {"counts": (None, 3)}),
            ((2, 3, 4), {"counts": (1, 1)}),
        ),
        ("window_sum", "matmul"),
        dtypes=HALVES,
    ),
    Row(
        "adaptive_max_pool",
        P.adaptive_max_pool_with_indices,
        adaptive_max_pool_with_indices,
        cases(
            distinct,
            ((2, 6, 4), {"counts": (3, 2)}),
            ((2, 5, 7), {"counts": (3, 2)}),
            ((3,), {"counts": (5,)}),
        ),
        ("max_pool", "take"),
    ),
    Row(
        "adaptive_max_pool values",
        P.adaptive_max_pool,
        lambda x, counts: adaptive(x, counts, np.max),
        cases(
            distinct,
            ((2, 5, 7), {"counts": (3, 2)}),
        ),
        ("max_pool",),
    ),
    Row(
        "unfold",
        W.unfold,
        unfold,
        cases(
            real,
            ((2, 5), {"window": 2}),
            ((2, 4, 5), {"window": (2, 3), "stride": (2, 1), "padding": (1, 0)}),
            ((7,), {"window": 3, "dilation": 2, "stride": 2}),
        ),
        ("unfold", "fold"),
        dtypes=NUMBERS,
    ),
    Row(
        "fold",
        W.fold,
        fold,
        cases(
            real,
            ((2, 2, 4), {"sizes": (5,), "window": 2}),
            ((2, 3, 3, 3), {"sizes": (4, 5), "window": (2, 3), "stride": (2, 1), "padding": (1, 0)}),
        ),
        ("unfold", "fold"),
        dtypes=HALVES,
    ),
]
