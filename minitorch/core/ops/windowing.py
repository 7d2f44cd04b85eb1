"""Windows that slide over the last axes, and their sums.

Two pairs of transposes: `unfold` and `fold`, `window_sum` and `window_spread`. Sums go axis by axis, folding tap by
tap, on shifted views, so that no array of all windows is made. Leading axes are free.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .. import dtypes
from ..aval import Aval
from ..errors import ShapeError
from ..tracer import Value, aval_of
from .convolution import per_axis
from .families import as_array, linear
from .patches import reach


class Sliding(NamedTuple):
    """How a window slides along one axis of `size`: `places` positions, `stride` apart, the first at `-before`."""

    size: int
    places: int
    taps: int
    stride: int
    before: int
    dilation: int

    @property
    def is_apart(self) -> bool:
        """Whether no element lies in two windows."""
        return self.stride > (self.taps - 1) * self.dilation

    @property
    def is_tiling(self) -> bool:
        """Whether every element lies in exactly one window."""
        return self.stride == self.taps and not self.before and self.dilation == 1 and self.reached == self.size

    @property
    def is_inside(self) -> bool:
        """Whether no window sticks out."""
        return not self.before and self.reached <= self.size

    @property
    def reached(self) -> int:
        """The distance from the start of the first window to the end of the last."""
        return (self.places - 1) * self.stride + (self.taps - 1) * self.dilation + 1

    def tap(self, t: int) -> tuple[slice, slice]:
        """Return the windows in which tap `t` meets an element, and these elements."""
        return reach(self.places, self.size, t * self.dilation - self.before, self.stride)


Windows = tuple[Sliding, ...]


@lru_cache(maxsize=512)
def taps_of(windows: Windows) -> tuple[tuple[Any, Any], ...]:
    """Return, for each tap in row-major order, the index of the windows and of the elements that it meets there."""
    found = []
    for ts in product(*(range(w.taps) for w in windows)):
        pairs = [w.tap(t) for w, t in zip(windows, ts)]
        found.append(((..., *(here for here, _ in pairs)), (..., *(there for _, there in pairs))))
    return tuple(found)


def counts_of(windows: Windows) -> tuple[int, ...]:
    """Return how many positions there are along each axis."""
    return tuple(w.places for w in windows)


def sizes_of(windows: Windows) -> tuple[int, ...]:
    """Return the size of each axis that windows slide along."""
    return tuple(w.size for w in windows)


def counted(x: Aval, *, windows: Windows) -> Aval:
    """Return the aval with one element for each position of the windows."""
    return x._replace(shape=x.shape[: -len(windows)] + counts_of(windows))


def sized(g: Aval, *, windows: Windows) -> Aval:
    """Return the aval with the sizes that the windows slide along."""
    return g._replace(shape=g.shape[: -len(windows)] + sizes_of(windows))


# --------------------------------------------------------------------------- sums of windows


def _wide(x: Any) -> Any:
    return x.astype(np.float32) if x.dtype in dtypes.HALVES else x


def _sum_impl(x: Any, *, windows: Windows) -> Any:
    out = _wide(x)
    for axis, w in enumerate(windows, -len(windows)):
        out = _sum_along(out, axis, w)
    return out.astype(x.dtype, copy=False)


def _sum_along(x: Any, axis: int, w: Sliding) -> Any:
    rest: Any = (slice(None),) * (-1 - axis)
    if w.taps > 8 and w.is_tiling:
        at = x.ndim + axis
        return np.add.reduce(x.reshape(*x.shape[:at], w.places, w.taps, *x.shape[at + 1 :]), axis=at + 1, dtype=x.dtype)
    first = 0
    if w.is_inside:
        out = x[(..., w.tap(0)[1], *rest)].copy()
        first = 1
    else:
        shape = list(x.shape)
        shape[axis] = w.places
        out = np.zeros(shape, x.dtype)
    for t in range(first, w.taps):
        here, there = w.tap(t)
        target = out[(..., here, *rest)]
        np.add(target, x[(..., there, *rest)], out=target)
    return out


def _spread_impl(g: Any, *, windows: Windows) -> Any:
    out = _wide(g)
    for axis, w in reversed(list(enumerate(windows, -len(windows)))):
        out = _spread_along(out, axis, w)
    return out.astype(g.dtype, copy=False)


def _spread_along(g: Any, axis: int, w: Sliding) -> Any:
    rest: Any = (slice(None),) * (-1 - axis)
    shape = list(g.shape)
    shape[axis] = w.size
    out = np.zeros(shape, g.dtype)
    for t in range(w.taps):
        here, there = w.tap(t)
        target = out[(..., there, *rest)]
        if w.is_apart:
            target[...] = g[(..., here, *rest)]
        else:
            np.add(target, g[(..., here, *rest)], out=target)
    return out


window_sum_p: Any = linear(
    "window_sum", _sum_impl, lambda g, windows: window_spread_p(g, windows=windows), abstract=counted
)
window_spread_p: Any = linear(
    "window_spread", _spread_impl, lambda g, windows: window_sum_p(g, windows=windows), abstract=sized
)


# --------------------------------------------------------------------------- the windows themselves


def _unfold_impl(x: Any, *, windows: Windows) -> Any:
    n = len(windows)
    widths = [(w.before, max(0, w.reached - w.before - w.size)) for w in windows]
    if builtins.any(before or after for before, after in widths):
        x = np.pad(x, [(0, 0)] * (x.ndim - n) + widths)
    steps = x.strides[-n:]
    strides = (*(w.dilation * s for w, s in zip(windows, steps)), *(w.stride * s for w, s in zip(windows, steps)))
    shape = (*x.shape[:-n], *(w.taps for w in windows), *counts_of(windows))
    return as_strided(x, shape, x.strides[:-n] + strides, writeable=False)


def _fold_impl(g: Any, *, windows: Windows) -> Any:
    n = len(windows)
    out = np.zeros(g.shape[: -2 * n] + sizes_of(windows), np.float32 if g.dtype in dtypes.HALVES else g.dtype)
    taps = product(*(range(w.taps) for w in windows))
    for ts, (here, there) in zip(taps, taps_of(windows)):
        target = out[there]
        np.add(target, g[(..., *ts, *here[1:])], out=target)
    return out.astype(g.dtype, copy=False)


def _unfold_abstract(x: Aval, *, windows: Windows) -> Aval:
    return x._replace(shape=x.shape[: -len(windows)] + tuple(w.taps for w in windows) + counts_of(windows))


unfold_p: Any = linear("unfold", _unfold_impl, lambda g, windows: fold_p(g, windows=windows), abstract=_unfold_abstract)
fold_p: Any = linear(
    "fold",
    _fold_impl,
    lambda g, windows: unfold_p(g, windows=windows),
    abstract=lambda g, *, windows: g._replace(shape=g.shape[: -2 * len(windows)] + sizes_of(windows)),
)


# --------------------------------------------------------------------------- arguments


def sliding(
    name: str,
    sizes: Sequence[int],
    window: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Windows:
    """Return how a window slides over axes of the given sizes, or raise a ShapeError."""
    n = len(sizes)
    taps = per_axis(name, "window", window, n, 1)
    strides = taps if stride is None else per_axis(name, "stride", stride, n, 1)
    paddings, dilations = per_axis(name, "padding", padding, n, 0), per_axis(name, "dilation", dilation, n, 1)
    found = []
    for size, k, s, p, d in zip(sizes, taps, strides, paddings, dilations):
        room = size + 2 * p - d * (k - 1) - 1
        count = (room + (s - 1 if ceil_mode else 0)) // s + 1
        if ceil_mode and (count - 1) * s >= size + p:  # the last window would start in the padding behind
            count -= 1
        if count < 1:
            raise ShapeError(
                f"{name}: window {taps} with padding {paddings} and dilation {dilations} does not fit into the axes "
                f"{tuple(sizes)}; use a smaller window or more padding"
            )
        found.append(Sliding(size, count, k, s, p, d))
    return tuple(found)


def pooled_axes(name: str, x: Value, window: Any) -> tuple[int, ...]:
    """Return the sizes of the axes that a window slides over: the last ones, one for each of its numbers."""
    n = len(window) if isinstance(window, (tuple, list)) else 1
    if not 0 < n <= x.ndim:
        raise ShapeError(f"{name}: window {window} has {n} axes, the operand is {aval_of(x)}; give at most {x.ndim}")
    return tuple(x.shape[-n:])


# --------------------------------------------------------------------------- the functions


def unfold(x: Value, window: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Value:
    """Return all windows over the last axes, `[..., *window, *counts]` from `[..., *sizes]`; no copy without padding.

    >>> unfold(np.arange(4), 2).tolist()
    [[0, 1, 2], [1, 2, 3]]
    """
    x = as_array(x)
    windows = sliding("unfold", pooled_axes("unfold", x, window), window, stride, padding, dilation)
    return unfold_p(x, windows=windows)


def fold(x: Value, sizes: Sequence[int], window: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Value:
    """Add windows up where they overlap: the transpose of `unfold`, from `[..., *window, *counts]` to `[..., *sizes]`.

    >>> fold(np.ones((2, 3)), (4,), 2)
    Array([1., 2., 2., 1.], dtype=float64)
    """
    x = as_array(x)
    windows = sliding("fold", tuple(sizes), window, stride, padding, dilation)
    expected = tuple(w.taps for w in windows) + counts_of(windows)
    if x.shape[x.ndim - len(expected) :] != expected:
        raise ShapeError(f"fold: {aval_of(x)} must end in (*window, *counts) = {expected} for sizes {tuple(sizes)}")
    return fold_p(x, windows=windows)
