"""Index expressions: what `x[...]` means, read and written to.

An expression is taken apart once into a basic index and arrays of integers; reading it and every way of writing to it
are compositions of the primitives in `gathering.py`. The rules are NumPy's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import dtypes
from ..array import Array, wrap_scalar
from ..errors import ArgumentError, DTypeError, OutOfBoundsError, ShapeError
from ..primitive import NO_BATCHING, NO_DERIVATIVE
from ..tracer import Tracer, Value, aval_of
from . import gathering
from .basic import BasicIndex, basic_index, basic_set
from .families import as_array, custom
from .gathering import as_index, move_axes, ravel_index, renamed, take_p
from .pointwise import add, maximum, minimum, mul, where
from .shaping import broadcast_to, cast, reshape, transpose

# --------------------------------------------------------------------------- positions of true elements


def _unknown_length(mask: Any) -> Any:
    raise ShapeError(f"nonzero: the length of the result depends on the data of {mask}; call it on concrete arrays")


nonzero_p: Callable[..., Any] = custom(
    "nonzero",
    lambda x: x.nonzero(),
    abstract=_unknown_length,
    vjp=NO_DERIVATIVE,
    jvp=NO_DERIVATIVE,
    batch=NO_BATCHING,
)


def nonzero(x: Value) -> tuple[Value, ...]:
    """Return the positions of the nonzero elements, one array of indices per axis; a 0-d array raises.

    >>> nonzero([0.0, 2.0, 3.0])
    (Array([1, 2], dtype=int64),)
    """
    x = as_array(x)
    if not x.ndim:
        raise ShapeError(f"nonzero: takes at least one axis, got {aval_of(x)}; reshape it to (1,)")
    found: tuple[Value, ...] = nonzero_p(x)
    return found


# --------------------------------------------------------------------------- taking an expression apart


class Selection(NamedTuple):
    """An index expression: first `basic`, then `arrays` on the axes `axes` of that, their axes ending up at `place`."""

    basic: BasicIndex
    axes: tuple[int, ...]
    arrays: tuple[Value, ...]
    place: int

    @property
    def is_everything(self) -> bool:
        """Whether the basic part changes nothing."""
        items = self.basic.items
        return len(items) == len(self.basic.sizes) and all(
            type(item) is tuple and item == (0, n, 1) for item, n in zip(items, self.basic.sizes, strict=True)
        )


def select(name: str, index: Any, shape: tuple[int, ...], select_first: bool = False) -> Selection:
    """Take an index expression apart for an array of the given shape, or raise.

    Where integers stand next to arrays, they count as arrays in deciding where the arrays' axes go, as in NumPy; with
    `select_first` they do not, as in PyTorch.
    """
    entries = entries_of(name, index, len(shape))
    if select_first:
        entries = [e for e in entries if e is not Ellipsis]
    items: list[Any] = []
    axes: list[int] = []
    arrays: list[Value] = []
    advanced: list[tuple[int, int]] = []  # (position among the entries, axis of the basic result) of each array or int
    axis = kept = 0
    for position, e in enumerate(entries):
        if e is Ellipsis:
            continue
        if e is None:
            items.append(None)
            kept += 1
        elif type(e) is slice:
            items.append(_resolved(name, e, shape[axis]))
            axis, kept = axis + 1, kept + 1
        elif type(e) is int:
            items.append(_in_range(name, e, axis, shape))
            if not select_first:
                advanced.append((position, kept))
            axis += 1
        else:
            found, used = _as_integers(name, e, shape, axis)
            advanced.append((position, kept))
            arrays += found
            axes += range(kept, kept + len(found))
            items += [(0, n, 1) for n in shape[axis : axis + used]] if used else [None]
            axis, kept = axis + used, kept + len(found)
    return Selection(BasicIndex(tuple(items), shape), tuple(axes), tuple(arrays), _place(advanced, axes))


def entries_of(name: str, index: Any, ndim: int) -> list[Any]:
    """Return the entries of an index expression, one for each axis that it says something of; see `_entry`."""
    return _expanded(name, [_entry(name, e) for e in (index if type(index) is tuple else (index,))], ndim)


def _entry(name: str, e: Any) -> Any:
    """Return an entry as None, Ellipsis, an int, a slice, or an array of integers or bools."""
    if e is None or e is Ellipsis or type(e) is int or type(e) is slice:
        return e
    if isinstance(e, (Array, Tracer)):
        array = e
    elif isinstance(e, (list, tuple, range, np.ndarray, bool, np.bool_)):
        array = as_array(e)
    elif hasattr(e, "__index__"):
        return e.__index__()
    elif hasattr(e, "__array__"):
        array = as_array(e)
    else:
        raise DTypeError(
            f"{name}: an index must be made of integers, slices, None, ..., and arrays of integers or bools, "
            f"got {type(e).__name__}; convert it with int(x) or .to(int64)"
        )
    return array if array.dtype == dtypes.bool_ else as_index(name, array)


def _expanded(name: str, entries: list[Any], ndim: int) -> list[Any]:
    """Write out an ellipsis, by default at the end, as full slices. It stays in front of them: even an ellipsis that
    stands for no axis separates, in NumPy, the arrays on either side."""
    used = sum(e.ndim if _is_mask(e) else e is not None and e is not Ellipsis for e in entries)
    if used > ndim:
        raise OutOfBoundsError(f"{name}: {used} indices for an array of {ndim} axes; leave some out")
    dots = [i for i, e in enumerate(entries) if e is Ellipsis]
    if len(dots) > 1:
        raise OutOfBoundsError(f"{name}: an index can have only one ellipsis ('...'), got {len(dots)}; use : instead")
    at = dots[0] if dots else len(entries)
    return entries[:at] + [Ellipsis] * len(dots) + [slice(None)] * (ndim - used) + entries[at + 1 :]


def _is_mask(e: Any) -> bool:
    return isinstance(e, (Array, Tracer)) and e.dtype == dtypes.bool_


def _resolved(name: str, e: slice, size: int) -> tuple[int, int | None, int]:
    try:
        start, stop, step = e.indices(size)
    except TypeError:
        raise DTypeError(f"{name}: the bounds of a slice must be integers or None, got {e}; use int(x)") from None
    except ValueError:
        raise ArgumentError(f"{name}: the step of a slice must not be zero, got {e}") from None
    if not len(range(start, stop, step)):
        return 0, 0, 1
    return start, None if stop < 0 else stop, step


def _in_range(name: str, e: int, axis: int, shape: tuple[int, ...]) -> int:
    n = shape[axis]
    if not -n <= e < n:
        legal = f"use {-n} to {n - 1}" if n else "the axis is empty, so nothing can be selected from it"
        raise OutOfBoundsError(
            f"{name}: index {e} is out of bounds for axis {axis} of shape {shape} (size {n}); {legal}"
        )
    return e + n if e < 0 else e


def _as_integers(name: str, e: Value, shape: tuple[int, ...], axis: int) -> tuple[list[Value], int]:
    """Return an array entry as arrays of integers, and the number of axes it indexes. A 0-d mask makes a new axis."""
    if e.dtype != dtypes.bool_:
        return [e], 1
    have = shape[axis : axis + e.ndim]
    if e.shape != have:
        raise OutOfBoundsError(
            f"{name}: a boolean index of shape {e.shape} does not match axes {axis} to {axis + e.ndim - 1} of shape "
            f"{shape}; a mask must have the shape of the axes it selects from"
        )
    return list(nonzero_p(reshape(e, e.shape or (1,)))), e.ndim


def _place(advanced: list[tuple[int, int]], axes: list[int]) -> int:
    if not axes:
        return 0
    positions = [p for p, _ in advanced]
    together = positions[-1] - positions[0] == len(positions) - 1
    return advanced[0][1] if together else 0


# --------------------------------------------------------------------------- reading

_BASIC = frozenset((int, slice, type(None), type(Ellipsis)))
_CONCRETE = _BASIC | {Array}


def native_index(index: Any, select_first: bool) -> Any:
    """Return an index as NumPy takes it, or None where that needs more than a look: lists, tracers, other rules."""
    kind = type(index)
    if kind is tuple:
        kinds = set(map(type, index))
        if kinds <= _BASIC:
            return index
        if kinds <= _CONCRETE and not (select_first and int in kinds):
            return tuple(e._data if type(e) is Array else e for e in index)
        return None
    if kind in _BASIC:
        return index
    return index._data if kind is Array else None


def getitem(x: Value, index: Any, select_first: bool = False) -> Value:
    """Select elements as NumPy does: by integers, slices, None, ..., boolean masks and arrays of integers.

    What is out of bounds raises OutOfBoundsError. A mask must be concrete, for the result's shape depends on it.

    >>> getitem(np.arange(12).reshape(3, 4), ([0, 2], slice(None, None, -2))).tolist()
    [[3, 1], [11, 9]]
    """
    if type(x) is Array:
        native = native_index(index, select_first)
        if native is not None:
            try:
                return wrap_scalar(x._data[native])
            except (IndexError, TypeError, ValueError):
                pass  # told in our words below
    try:
        return _selected(as_array(x), index, select_first)
    except OutOfBoundsError as error:
        raise renamed("getitem", error) from None


def _selected(x: Value, index: Any, select_first: bool) -> Value:
    chosen = select("getitem", index, x.shape, select_first)
    x = x if chosen.is_everything else basic_index(x, index=chosen.basic)
    if not chosen.arrays:
        return x
    flat, indices, axis = _merged("getitem", x, chosen)
    out = take_p(flat, indices, axis=axis - flat.ndim)
    return move_axes(out, axis, indices.ndim, chosen.place)


def _merged(name: str, x: Value, chosen: Selection) -> tuple[Value, Value, int]:
    """Make the indexed axes one; return the array, the combined indices, and the axis."""
    axes, first = chosen.axes, chosen.axes[0]
    if len(axes) == 1:
        return x, chosen.arrays[0], first
    _check_broadcast(name, chosen.arrays)
    sizes = tuple(x.shape[a] for a in axes)
    x = transpose(x, _together(axes, x.ndim))
    shape = x.shape[:first] + (int(np.prod(sizes)),) + x.shape[first + len(axes) :]
    return reshape(x, shape), ravel_index(chosen.arrays, sizes), first


def _check_broadcast(name: str, arrays: tuple[Value, ...]) -> None:
    try:
        np.broadcast_shapes(*(a.shape for a in arrays))
    except ValueError:
        shapes = ", ".join(str(a.shape) for a in arrays)
        raise ShapeError(f"{name}: arrays used as indices must broadcast, got shapes {shapes}") from None


def _together(axes: tuple[int, ...], ndim: int) -> list[int]:
    """Return the order of axes that brings the indexed ones together, at the first of them."""
    rest = [a for a in range(ndim) if a not in axes]
    return rest[: axes[0]] + list(axes) + rest[axes[0] :]


# --------------------------------------------------------------------------- writing

SCATTERS: dict[str, Callable[..., Any]] = {
    "set": gathering.scatter_set,
    "add": gathering.scatter_add,
    "multiply": gathering.scatter_multiply,
    "min": gathering.scatter_min,
    "max": gathering.scatter_max,
}
_POINTWISE: dict[str, Callable[..., Any]] = {
    "set": lambda old, new: new,
    "add": add,
    "multiply": mul,
    "min": minimum,
    "max": maximum,
}


def update(x: Value, index: Any, values: Any, mode: str = "set", select_first: bool = False) -> Value:
    """Return a copy of `x` with the selected elements set, or combined with values that broadcast to them.

    `mode` is set, add, multiply, min or max. Where an index repeats, every mode but `set` combines all its values, in
    their order; `set` keeps the last one, and only that one receives a gradient.

    >>> update(np.zeros(3), [0, 2, 0], [1.0, 2.0, 3.0], "add").tolist()
    [4.0, 0.0, 2.0]
    """
    name = f"at[...].{mode}"
    if mode not in SCATTERS:
        raise ArgumentError(f"update: mode {mode!r} is not one of {', '.join(SCATTERS)}")
    x = as_array(x)
    values = as_values(name, x, values, mode)
    if isinstance(index, (Array, Tracer)) and index.dtype == dtypes.bool_ and not values.ndim:
        return _masked(name, x, index, values, mode)
    chosen = select(name, index, x.shape, select_first)
    inner = x if chosen.is_everything else basic_index(x, index=chosen.basic)
    if chosen.arrays:
        try:
            inner = _scattered(name, inner, chosen, values, mode)
        except OutOfBoundsError as error:
            raise renamed(name, error) from None
    else:
        inner = _POINTWISE[mode](inner, fitted(name, values, inner.shape))
    return inner if chosen.is_everything else basic_set(x, inner, index=chosen.basic)


def as_number(value: Any, dtype: np.dtype[Any]) -> Value:
    """Return a value as an array; a Python number has the precision of the dtype it is written to, and no less."""
    if type(value) in (float, complex) and dtypes.rank(dtype) >= dtypes.rank(type(value)):
        return Array(value, dtype)
    return as_array(value)


def as_values(name: str, x: Value, values: Any, mode: str) -> Value:
    """Return values in the dtype of the array they are written to, or raise; `set` may truncate them."""
    values = as_number(values, x.dtype)
    low, high = dtypes.rank(x.dtype), dtypes.rank(values.dtype)
    if high > low and (mode != "set" or high == 3):
        raise DTypeError(
            f"{name}: values {aval_of(values)} do not fit into {aval_of(x)}; cast one of them with .to(...)"
        )
    return cast(values, x.dtype)


def _masked(name: str, x: Value, mask: Value, value: Value, mode: str) -> Value:
    """Update with one number under a mask, without asking how many elements that selects."""
    if mask.shape != x.shape[: mask.ndim]:
        raise OutOfBoundsError(f"{name}: a boolean index {aval_of(mask)} does not match the first axes of {aval_of(x)}")
    mask = reshape(mask, mask.shape + (1,) * (x.ndim - mask.ndim))
    return where(mask, _POINTWISE[mode](x, value), x)


def fitted(name: str, values: Value, shape: tuple[int, ...]) -> Value:
    """Broadcast values to the selected shape; leading axes of size 1 may be too many."""
    extra = values.ndim - len(shape)
    if extra > 0 and values.shape[:extra] == (1,) * extra:
        values = reshape(values, values.shape[extra:])
    try:
        fits = np.broadcast_shapes(values.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            f"{name}: values {aval_of(values)} do not broadcast to the selected shape {shape}; reshape them"
        )
    return broadcast_to(values, shape)


def _scattered(name: str, x: Value, chosen: Selection, values: Value, mode: str) -> Value:
    flat, indices, axis = _merged(name, x, chosen)
    rest = flat.shape[:axis] + flat.shape[axis + 1 :]
    selected = rest[: chosen.place] + indices.shape + rest[chosen.place :]
    updates = move_axes(fitted(name, values, selected), chosen.place, indices.ndim, axis)
    out = SCATTERS[mode](flat, indices, updates, axis=axis - flat.ndim)
    if len(chosen.axes) == 1:
        return out
    order = _together(chosen.axes, x.ndim)
    return transpose(reshape(out, tuple(x.shape[a] for a in order)), np.argsort(order).tolist())
