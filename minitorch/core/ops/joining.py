"""Joining and splitting, and what is made of them: stacks, pads in every mode, rolls, rotations, repeats.

Each primitive stands beside its transpose: `concatenate` and `split`, `repeat` and `unrepeat`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from operator import index as as_int
from typing import Any

import numpy as np

from .. import dtypes
from ..aval import Aval
from ..errors import ArgumentError, ShapeError
from ..primitive import LINEAR
from ..tracer import Value, aval_of
from .families import LEADING, as_array, custom, linear
from .shaping import broadcast_to, canonical_axes, canonical_axis, cast, expand_dims, flatten, reshape, swapaxes
from .slicing import cut, flip, pad_p, slice_axis
from .summation import HALVES

# --------------------------------------------------------------------------- concatenate and split


def _concatenate_abstract(*xs: Aval, axis: int) -> Aval:
    first = xs[0]
    for x in xs[1:]:
        others = [i for i in range(-x.ndim, 0) if i != axis]
        if x.ndim != first.ndim or any(x.shape[i] != first.shape[i] for i in others):
            raise ShapeError(
                f"concatenate: shapes {', '.join(str(a.shape) for a in xs)} differ in more than axis "
                f"{axis + first.ndim} ({', '.join(map(str, xs))}); all other sizes must be equal"
            )
    shape = list(first.shape)
    shape[axis] = sum(x.shape[axis] for x in xs)
    return first._replace(shape=tuple(shape), weak=False)


concatenate_p: Any = custom(
    "concatenate",
    lambda *xs, axis: np.concatenate(xs, axis=axis),
    abstract=_concatenate_abstract,
    vjp=lambda g, xs_aval, axis: split_p(g, sizes=tuple(a.shape[axis] for a in xs_aval), axis=axis),
    jvp=LINEAR,
    batch=LEADING,
)


def _sequence(name: str, arrays: Any) -> list[Value]:
    if not isinstance(arrays, (tuple, list)) or not arrays:
        raise ShapeError(f"{name}: needs a list of at least one array, got {arrays!r}")
    values = [as_array(x) for x in arrays]
    dtype = dtypes.promote(*(x.dtype for x in values))
    return [cast(x, dtype) for x in values]


def concatenate(arrays: Sequence[Value], axis: int | None = 0) -> Value:
    """Join arrays along an existing axis, in their promoted dtype; `axis=None` flattens them first.

    >>> concatenate([np.array([1, 2]), np.array([3.5], "f4")])
    Array([1. , 2. , 3.5], dtype=float32)
    """
    values = _sequence("concatenate", arrays)
    if axis is None:
        values, axis = [flatten(x) for x in values], 0
    if not all(x.ndim for x in values):
        raise ShapeError(
            f"concatenate: 0-d arrays have no axis to join ({', '.join(str(aval_of(x)) for x in values)}); use stack"
        )
    place = canonical_axis("concatenate", axis, values[0].ndim)
    return concatenate_p(*values, axis=place)


def _split_impl(x: Any, *, sizes: tuple[int, ...], axis: int) -> Any:
    behind = (slice(None),) * (-axis - 1)
    return tuple(x[(..., slice(stop - n, stop), *behind)] for n, stop in zip(sizes, accumulate(sizes)))


def _split_abstract(x: Aval, *, sizes: tuple[int, ...], axis: int) -> tuple[Aval, ...]:
    head, tail = x.shape[:axis], x.shape[x.ndim + axis + 1 :]
    return tuple(x._replace(shape=(*head, n, *tail), weak=False) for n in sizes)


split_p: Any = custom(
    "split",
    _split_impl,
    abstract=_split_abstract,
    vjp=(lambda g, axis: concatenate_p(*g, axis=axis),),
    jvp=LINEAR,
    batch=LEADING,
)


def split(x: Value, sections: int | Sequence[int], axis: int = 0) -> tuple[Value, ...]:
    """Cut an array along an axis into that many equal parts, or into parts of the given sizes; no copies.

    >>> [part.shape for part in split(np.zeros((6, 2)), 3)], [part.shape for part in split(np.zeros(5), [2, 3])]
    ([(2, 2), (2, 2), (2, 2)], [(2,), (3,)])
    """
    x = as_array(x)
    place = canonical_axis("split", axis, x.ndim)
    n = x.shape[place]
    if isinstance(sections, Sequence):
        sizes = tuple(map(as_int, sections))
    else:
        count = as_int(sections)
        if count < 1 or n % count:
            raise ShapeError(f"split: axis {axis} of {aval_of(x)} does not divide into {count} equal parts; give sizes")
        sizes = (n // count,) * count
    if sum(sizes) != n or not sizes or min(sizes) < 0:
        raise ShapeError(f"split: sizes {sizes} do not add up to the {n} of axis {axis} of {aval_of(x)}")
    return split_p(x, sizes=sizes, axis=place)  # type: ignore[no-any-return]


def stack(arrays: Sequence[Value], axis: int = 0) -> Value:
    """Join arrays of one shape along a new axis.

    >>> stack([np.array([1, 2]), np.array([3, 4])], axis=1)
    Array([[1, 3],
           [2, 4]], dtype=int64)
    """
    values = _sequence("stack", arrays)
    if any(x.shape != values[0].shape for x in values):
        raise ShapeError(f"stack: shapes {', '.join(str(x.shape) for x in values)} differ; they must all be equal")
    place = canonical_axis("stack", axis, values[0].ndim + 1)
    return concatenate_p(*(expand_dims(x, place) for x in values), axis=place)


def unstack(x: Value, axis: int = 0) -> tuple[Value, ...]:
    """Cut an array into its slices along an axis, which disappears."""
    x = as_array(x)
    place = canonical_axis("unstack", axis, x.ndim)
    n = x.shape[place]
    shape = x.shape[:place] + x.shape[x.ndim + place + 1 :]
    return tuple(reshape(part, shape) for part in split(x, n, place)) if n else ()


# --------------------------------------------------------------------------- pad


def pad(x: Value, widths: Any, mode: str = "constant", value: float | complex = 0) -> Value:
    """Add elements before and after each axis.

    `widths` is one number, one `(before, after)` for all axes, or one pair per axis; negative widths cut. The modes
    are `constant` (with `value`), `edge` (the outermost element), `reflect` (mirrored at the outermost element),
    `symmetric` (mirrored behind it) and `wrap` (from the other end).

    >>> pad(np.array([1, 2, 3]), (1, 2)), pad(np.array([1, 2, 3]), (1, 2), mode="reflect")
    (Array([0, 1, 2, 3, 0, 0], dtype=int64), Array([2, 1, 2, 3, 2, 1], dtype=int64))
    """
    x = as_array(x)
    pairs = _pairs(x, widths)
    cuts = [(max(-a, 0), max(n + min(a, 0) + min(b, 0), 0), 1) for (a, b), n in zip(pairs, x.shape)]
    if any(n + a + b < 0 for (a, b), n in zip(pairs, x.shape)):
        raise ShapeError(f"pad: widths {widths} cut more than there is of {aval_of(x)}")
    if mode not in _EXTENSIONS:
        raise ArgumentError(f"pad: mode must be one of {', '.join(_EXTENSIONS)}, got {mode!r}")
    late = mode in ("edge", "reflect", "symmetric")  # these may reach elements that are cut
    x = x if late else cut(x, cuts)
    added = tuple((max(a, 0), max(b, 0)) for a, b in pairs)
    if not any(map(any, added)):
        return cut(x, cuts) if late else x
    if mode != "constant":
        for axis, (before, after) in enumerate(added):
            if before or after:
                x = _extended(x, axis - x.ndim, before, after, mode)
        ends = [n - max(-b, 0) for n, (_, b) in zip(x.shape, pairs)]
        return cut(x, [(start, end - start, 1) for (start, _, _), end in zip(cuts, ends)]) if late else x
    sizes = tuple(n + before + after for (before, after), n in zip(added, x.shape))
    return pad_p(x, starts=tuple(before for before, _ in added), steps=(1,) * x.ndim, sizes=sizes, value=value)


def _pairs(x: Value, widths: Any) -> tuple[tuple[int, int], ...]:
    try:
        table = np.broadcast_to(np.asarray(widths), (x.ndim, 2)).tolist()
        return tuple((as_int(a), as_int(b)) for a, b in table)
    except (ValueError, TypeError):
        raise ShapeError(
            f"pad: widths {widths!r} for {aval_of(x)}; give one integer, one (before, after), or {x.ndim} such pairs"
        ) from None


# How far each mode can extend an axis of n elements, and the elements it puts in front. What comes behind is the same
# on the reversed axis, except for `wrap`.
_EXTENSIONS: dict[str, Any] = {
    "constant": None,
    "edge": lambda n: math.inf if n else 0,
    "reflect": lambda n: n - 1,
    "symmetric": lambda n: n,
    "wrap": lambda n: n,
}


def _extended(x: Value, axis: int, before: int, after: int, mode: str) -> Value:
    n = x.shape[axis]
    limit = _EXTENSIONS[mode](n)
    if max(before, after) > limit:
        raise ShapeError(
            f"pad: mode {mode!r} can add at most {limit} elements to axis {axis + x.ndim} of {aval_of(x)}, "
            f"got {(before, after)}; pad in several steps"
        )
    if mode == "edge":
        front, back = slice_axis(x, axis, 0, 1), slice_axis(x, axis, n - 1, n)
        front, back = _repeated(front, axis, before), _repeated(back, axis, after)
    elif mode == "wrap":
        front, back = slice_axis(x, axis, n - before, n), slice_axis(x, axis, 0, after)
    else:
        skip = 1 if mode == "reflect" else 0
        front = flip(slice_axis(x, axis, skip, skip + before), axis)
        back = flip(slice_axis(x, axis, n - skip - after, n - skip), axis)
    return concatenate_p(front, x, back, axis=axis)


def _repeated(x: Value, axis: int, n: int) -> Value:
    return broadcast_to(x, tuple(n if i - x.ndim == axis else size for i, size in enumerate(x.shape)))


# --------------------------------------------------------------------------- rolls and rotations


def roll(x: Value, shift: Any, axis: Any = None) -> Value:
    """Move elements along axes; what leaves at one end enters at the other. Without an axis, roll the flattened array.

    >>> roll(np.arange(5), 2)
    Array([3, 4, 0, 1, 2], dtype=int64)
    """
    x = as_array(x)
    if axis is None:
        shape = x.shape
        return reshape(roll(flatten(x), shift, 0), shape)
    shifts = shift if isinstance(shift, (tuple, list)) else (shift,)
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    if len(shifts) == 1:
        shifts = tuple(shifts) * len(axes)
    if len(shifts) != len(axes):
        raise ShapeError(f"roll: shift {shift} and axis {axis} have different lengths for {aval_of(x)}")
    for by, a in zip(shifts, axes):
        place = canonical_axis("roll", a, x.ndim)
        n = x.shape[place]
        first = as_int(by) % n if n else 0
        if first:
            front, back = split(x, (n - first, first), place)
            x = concatenate_p(back, front, axis=place)
    return x


def rot90(x: Value, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Value:
    """Turn by 90 degrees `k` times in the plane of two axes, from the first toward the second."""
    x = as_array(x)
    first, second = canonical_axes("rot90", tuple(axes), x.ndim)
    turns = as_int(k) % 4
    if turns == 2:
        return flip(x, (first, second))
    if turns == 1:
        return swapaxes(flip(x, second), first, second)
    return flip(swapaxes(x, first, second), second) if turns else x


# --------------------------------------------------------------------------- repeat and its transpose


def _unrepeat_impl(x: Any, *, counts: tuple[int, ...], axis: int) -> Any:
    lengths = np.asarray(counts, np.intp)
    kept = np.flatnonzero(lengths)
    x = np.moveaxis(x, axis, 0)
    out = np.zeros((len(counts), *x.shape[1:]), x.dtype)
    if kept.size:
        starts = (np.cumsum(lengths) - lengths)[kept]
        out[kept] = np.add.reduceat(x, starts, axis=0, dtype=dtypes.float32 if x.dtype in HALVES else x.dtype)
    return np.moveaxis(out, 0, axis)


def _resized(x: Aval, axis: int, n: int) -> Aval:
    return x._replace(shape=(*x.shape[:axis], n, *x.shape[x.ndim + axis + 1 :]), weak=False)


repeat_p: Any = linear(
    "repeat",
    lambda x, *, counts, axis: np.repeat(x, counts, axis=axis),
    lambda g, counts, axis: unrepeat_p(g, counts=counts, axis=axis),
    abstract=lambda x, *, counts, axis: _resized(x, axis, sum(counts)),
)
unrepeat_p: Any = linear(
    "unrepeat",
    _unrepeat_impl,
    lambda g, counts, axis: repeat_p(g, counts=counts, axis=axis),
    abstract=lambda x, *, counts, axis: _resized(x, axis, len(counts)),
)


def repeat(x: Value, repeats: Any, axis: int | None = None) -> Value:
    """Repeat each element, `repeats` times, or as often as a sequence says for each. Without an axis, flatten first.

    >>> repeat(np.array([1, 2, 3]), 2), repeat(np.array([1, 2, 3]), [2, 0, 1])
    (Array([1, 1, 2, 2, 3, 3], dtype=int64), Array([1, 1, 3], dtype=int64))
    """
    x = as_array(x)
    if axis is None:
        return repeat(flatten(x), repeats, 0)
    place = canonical_axis("repeat", axis, x.ndim)
    n = x.shape[place]
    counts = np.asarray(repeats)
    if counts.dtype.kind not in "iu" or counts.ndim > 1 or (counts < 0).any() or counts.size not in (1, n):
        raise ShapeError(
            f"repeat: repeats {repeats!r} for {aval_of(x)}; give one count, or one for each of the {n} elements"
        )
    if counts.size != 1:
        return repeat_p(x, counts=tuple(counts.tolist()), axis=place)
    times, at = int(counts.reshape(())), x.ndim + place + 1
    wide = broadcast_to(reshape(x, (*x.shape[:at], 1, *x.shape[at:])), (*x.shape[:at], times, *x.shape[at:]))
    return reshape(wide, (*x.shape[: at - 1], n * times, *x.shape[at:]))
