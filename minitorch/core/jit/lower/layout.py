"""Layouts: how the elements of a value lie in the storage it is read from.

Reshapes, transposes, slices and broadcasts compute nothing; each turns one layout into another. A kernel reads an
operand along its own iteration space, so the layout is spread over that space and collapsed to as few axes as it needs.
Strides and offsets count elements. Knows nothing of graphs and kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

Shape = tuple[int, ...]
Dims = tuple[tuple[int, int], ...]  # (size, stride) of each axis, outermost first


class Layout(NamedTuple):
    """Where each element of a value is in its storage."""

    shape: Shape
    strides: tuple[int, ...]
    offset: int = 0

    @property
    def size(self) -> int:
        """The number of elements."""
        return prod(self.shape)


@lru_cache(maxsize=4096)
def packed(shape: Shape) -> Layout:
    """Return the layout of elements in order, without gaps.

    >>> packed((2, 3)).strides
    (3, 1)
    """
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return Layout(shape, tuple(reversed(strides)))


def collapse(shape: Sequence[int], strides: Sequence[int]) -> Dims:
    """Merge neighboring axes that are walked with one stride; axes of size 1 vanish.

    >>> collapse((2, 3, 4), (12, 4, 1)), collapse((2, 3, 4), (0, 0, 1))
    (((24, 1),), ((6, 0), (4, 1)))
    """
    out: list[tuple[int, int]] = []
    for n, step in zip(shape, strides):
        if n == 1:
            continue
        if out and out[-1][1] == n * step:
            out[-1] = (out[-1][0] * n, step)
        else:
            out.append((n, step))
    return tuple(out)


def together(shape: Sequence[int], *strides: Sequence[int]) -> list[tuple[int, tuple[int, ...]]]:
    """Merge neighboring axes that all of several operands walk with one stride each; axes of size 1 vanish.

    >>> together((2, 3, 4), (12, 4, 1), (40, 4, 1))
    [(2, (12, 40)), (12, (1, 1))]
    """
    out: list[tuple[int, tuple[int, ...]]] = []
    for n, steps in zip(shape, zip(*strides)):
        if n == 1:
            continue
        if out and out[-1][1] == tuple(n * step for step in steps):
            out[-1] = (out[-1][0] * n, steps)
        else:
            out.append((n, steps))
    return out


def is_packed(layout: Layout) -> bool:
    """Tell whether the elements lie in order, without gaps."""
    dims = collapse(layout.shape, layout.strides)
    return dims == () or (len(dims) == 1 and dims[0][1] == 1)


@lru_cache(maxsize=4096)
def boundaries(layout: Layout) -> frozenset[int]:
    """Return after how many innermost elements an axis of a layout ends, for each boundary between axes."""
    return cuts(collapse(layout.shape, layout.strides))


@lru_cache(maxsize=4096)
def spread(layout: Layout, shape: Shape) -> Dims:
    """Return the axes of a layout broadcast to a shape, collapsed."""
    lead = len(shape) - len(layout.shape)
    steps = [0] * lead + [0 if n == 1 else step for n, step in zip(layout.shape, layout.strides)]
    return collapse(shape, steps)


def refine(dims: Dims, sizes: Sequence[int]) -> tuple[int, ...] | None:
    """Return the stride of each of finer axes, or None when an axis would have to be cut in two.

    >>> refine(((24, 1),), (2, 3, 4)), refine(((4, 1), (6, 0)), (3, 8))
    ((12, 4, 1), None)
    """
    strides: list[int] = []
    left = list(dims)
    n, step = left.pop() if left else (1, 0)
    for size in reversed(sizes):
        if n == 1 and left:
            n, step = left.pop()
        if n % size:
            return None
        strides.append(step)
        n, step = n // size, step * size
    return tuple(reversed(strides)) if n == 1 and not left else None


@lru_cache(maxsize=4096)
def cuts(dims: Dims) -> frozenset[int]:
    """Return after how many innermost elements an axis ends, for each boundary between axes.

    >>> sorted(cuts(((2, 0), (3, 5), (4, 1))))
    [4, 12]
    """
    found, inner = [], 1
    for n, _ in reversed(dims[1:]):
        inner *= n
        found.append(inner)
    return frozenset(found)


@lru_cache(maxsize=4096)
def axes_between(boundaries: frozenset[int], size: int) -> tuple[int, ...] | None:
    """Return the sizes of the axes between boundaries, or None when they do not nest.

    >>> axes_between(frozenset({4, 12}), 24), axes_between(frozenset({4, 6}), 24)
    ((2, 3, 4), None)
    """
    sizes, inner = [], 1
    for edge in (*sorted(boundaries), size):
        if edge % inner:
            return None
        sizes.append(edge // inner)
        inner = edge
    return tuple(reversed(sizes))


# --------------------------------------------------------------------------- what operations do to a layout


def _reshape(x: Layout, *, shape: Shape) -> Layout | None:
    """Give new axes to the same elements, if their strides can be told."""
    if 0 in shape:
        return packed(tuple(shape))
    sizes = tuple(n for n in shape if n != 1)
    strides = refine(collapse(x.shape, x.strides), sizes)
    if strides is None:
        return None
    steps = iter(strides)
    return Layout(tuple(shape), tuple(0 if n == 1 else next(steps) for n in shape), x.offset)


def _broadcast(x: Layout, *, shape: Shape) -> Layout:
    lead = len(shape) - len(x.shape)
    steps = [0] * lead + [0 if n == 1 else step for n, step in zip(x.shape, x.strides)]
    return Layout(tuple(shape), tuple(steps), x.offset)


def _transpose(x: Layout, *, axes: tuple[int, ...]) -> Layout:
    return Layout(tuple(x.shape[a] for a in axes), tuple(x.strides[a] for a in axes), x.offset)


def _slice(x: Layout, *, starts: Shape, stops: Any, steps: Shape) -> Layout:
    free = len(x.shape) - len(starts)
    ranges = [range(*slice(*one).indices(n)) for one, n in zip(zip(starts, stops, steps), x.shape[free:])]
    offset = x.offset + sum(r.start * step for r, step in zip(ranges, x.strides[free:]) if len(r))
    strides = tuple(r.step * step for r, step in zip(ranges, x.strides[free:]))
    return Layout(x.shape[:free] + tuple(map(len, ranges)), x.strides[:free] + strides, offset)


VIEWS: dict[str, Callable[..., Layout | None]] = {
    "reshape": _reshape,
    "broadcast_to": _broadcast,
    "transpose": _transpose,
    "strided_slice": _slice,
    "detach": lambda x: x,
    "mark": lambda x, *, name: x,
}
