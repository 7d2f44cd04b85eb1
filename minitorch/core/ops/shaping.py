"""Structural operations and the sums that are their transposes.

Closed under its own derivative rules: `sum` lives here because it is the transpose of `broadcast_to`. Axes are
negative, counted from the end, so that a batch axis in front changes nothing.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from operator import index as as_int
from typing import Any

import numpy as np

from .. import dtypes
from ..array import Array, wrap, wrap_scalar
from ..aval import Aval
from ..config import inspector
from ..errors import ArgumentError, OutOfBoundsError, ShapeError
from ..tracer import Tracer, Value, aval_of
from .families import as_array, broadcast_shapes, linear
from .fusing import shortcut
from .summation import add_reduce

_inspector = inspector.get
_ndarray = np.ndarray

# --------------------------------------------------------------------------- arguments


def canonical_axis(name: str, axis: int, ndim: int) -> int:
    """Return an axis counted from the end (-1 is the last), or raise."""
    try:
        found = as_int(axis)
    except TypeError:
        raise TypeError(f"{name}: axis must be an integer, got {axis!r}") from None
    if not -ndim <= found < ndim:
        raise OutOfBoundsError(f"{name}: axis {axis} is out of range for {ndim} axes; use {-ndim} to {ndim - 1}")
    return found - ndim if found >= 0 else found


def canonical_axes(name: str, axes: Any, ndim: int) -> tuple[int, ...]:
    """Return axes counted from the end; None means all of them. Repeated axes raise."""
    if axes is None:
        return tuple(range(-ndim, 0))
    if type(axes) is int:
        return (canonical_axis(name, axes, ndim),)
    given = axes if isinstance(axes, (tuple, list)) else (axes,)
    found = tuple([canonical_axis(name, a, ndim) for a in given])
    if len(set(found)) != len(found):
        raise ShapeError(f"{name}: an axis is repeated in {axes}; name each axis once")
    return found


# --------------------------------------------------------------------------- reshape


def _reshape_batch(batched: tuple[bool, ...], x: Value, *, shape: tuple[int, ...]) -> Value:
    return reshape_p(x, shape=(x.shape[0], *shape))


reshape_p: Any = linear(
    "reshape",
    lambda x, *, shape: x.reshape(shape),
    lambda g, x_aval: reshape_p(g, shape=x_aval.shape),
    abstract=lambda x, *, shape: _same_size("reshape", x, shape),
    batch=_reshape_batch,
)


def _same_size(name: str, x: Aval, shape: tuple[int, ...]) -> Aval:
    if Aval(shape, x.dtype).size != x.size:
        raise ShapeError(
            f"{name}: {x} has {x.size} elements, which do not fit shape {shape}; its sizes must multiply to {x.size}: write "
            "-1 for the one that follows from the others"
        )
    return x._replace(shape=tuple(shape), weak=False)


def reshape(x: Value, shape: Sequence[int] | int | np.integer[Any]) -> Value:
    """Give an array another shape with the same elements in the same order; one size may be -1."""
    x = as_array(x)
    wanted = (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(map(as_int, shape))
    if -1 in wanted:
        known = 1
        for n in wanted:
            known *= n if n != -1 else 1
        if wanted.count(-1) > 1 or known == 0 or x.size % known:
            raise ShapeError(f"reshape: cannot infer -1 in {wanted} for {aval_of(x)}; give every size")
        wanted = tuple(x.size // known if n == -1 else n for n in wanted)
    if builtins.any(n < 0 for n in wanted):
        raise ShapeError(f"reshape: sizes must not be negative, got {wanted} for {aval_of(x)}")
    return x if wanted == x.shape else reshape_p(x, shape=wanted)


# --------------------------------------------------------------------------- broadcast_to, and sum, its transpose


def _broadcast_abstract(x: Aval, *, shape: tuple[int, ...]) -> Aval:
    lead = len(shape) - x.ndim
    if lead < 0 or builtins.any(n != m and n != 1 for n, m in zip(x.shape, shape[lead:])):
        raise ShapeError(f"broadcast_to: {x} does not broadcast to {shape}; each size must match or be 1")
    return x._replace(shape=tuple(shape), weak=False)


def _broadcast_batch(batched: tuple[bool, ...], x: Value, *, shape: tuple[int, ...]) -> Value:
    n, *rest = x.shape
    x = reshape(x, (n,) + (1,) * (len(shape) - len(rest)) + tuple(rest))
    return broadcast_p(x, shape=(n, *shape))


def _broadcast_impl(x: Any, *, shape: tuple[int, ...]) -> Any:
    lead = len(shape) - x.ndim
    if lead < 0 or not x.flags.c_contiguous:
        return np.broadcast_to(x, shape)
    strides = [0] * lead
    for n, m, step in zip(x.shape, shape[lead:], x.strides):
        if n != m and n != 1:
            return np.broadcast_to(x, shape)  # which raises
        strides.append(step if n == m else 0)
    # np.broadcast_to takes about twice as long.
    view = np.ndarray(shape, x.dtype, x, 0, strides)
    view.flags.writeable = False
    return view


broadcast_p: Any = linear(
    "broadcast_to",
    _broadcast_impl,
    lambda g, x_aval: unbroadcast(g, x_aval.shape),
    abstract=_broadcast_abstract,
    batch=_broadcast_batch,
)


def broadcast_to(x: Value, shape: Sequence[int]) -> Value:
    """Repeat an array along new and size-1 axes, without a copy."""
    x = as_array(x)
    shape = tuple(shape)
    return x if x.shape == shape else broadcast_p(x, shape=shape)


def reduced_shape(shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool) -> tuple[int, ...]:
    """Return a shape after reducing some axes."""
    n = len(shape)
    if keepdims:
        return tuple(1 if i - n in axes else size for i, size in enumerate(shape))
    return tuple(size for i, size in enumerate(shape) if i - n not in axes)


def _sum_impl(x: Any, *, axes: tuple[int, ...], keepdims: bool) -> Any:
    # The dtype is the operand's: callers widen small integers and bools first.
    out = add_reduce(x, axes, keepdims)
    return out if out.dtype == x.dtype else out.astype(x.dtype)


def expanded(g: Any, x_aval: Aval, *, axes: tuple[int, ...], keepdims: bool) -> Any:
    """Do what `expand_reduced` does, on a buffer."""
    shape = x_aval.shape
    if len(axes) == len(shape):  # one number for all
        view = _ndarray(shape, g.dtype, g, 0, (0,) * len(shape))
        view.flags.writeable = False
        return view
    return _broadcast_impl(g if keepdims else g.reshape(reduced_shape(shape, axes, True)), shape=shape)


@shortcut(expanded)
def _sum_transpose(g: Value, x_aval: Aval, axes: tuple[int, ...], keepdims: bool) -> Value:
    return expand_reduced(g, x_aval.shape, axes, keepdims)


sum_p: Any = linear(
    "sum",
    _sum_impl,
    _sum_transpose,
    abstract=lambda x, *, axes, keepdims: x._replace(shape=reduced_shape(x.shape, axes, keepdims), weak=False),
)


def expand_reduced(g: Value, shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool = False) -> Value:
    """Repeat a reduced array over the axes that were reduced."""
    return broadcast_to(g if keepdims else reshape(g, reduced_shape(shape, axes, True)), shape)


def sum(x: Value, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Value:
    """Add elements over axes (all by default). Bools and small integers are added as int64.

    >>> mt.Array([[1, 2], [3, 4]]).sum(), mt.Array([[1, 2], [3, 4]]).sum(axis=0)
    (Array(10, dtype=int64), Array([4, 6], dtype=int64))
    """
    x = as_array(x)
    wanted = dtypes.canonical(dtype) if dtype is not None else (dtypes.int64 if dtypes.rank(x.dtype) < 2 else x.dtype)
    return sum_p(cast(x, wanted), axes=canonical_axes("sum", axis, x.ndim), keepdims=bool(keepdims))


def unbroadcast(g: Value, shape: tuple[int, ...]) -> Value:
    """Sum a cotangent back to the shape its argument had before broadcasting."""
    have = g.shape
    if have == shape:
        return g
    lead = len(have) - len(shape)
    axes = tuple([i - len(have) for i, n in enumerate(have) if i < lead or (shape[i - lead] == 1 and n != 1)])
    if axes and type(g) is Array and type(data := g._data) is _ndarray and data.itemsize > 2 and _inspector() is None:
        return wrap_scalar(add_reduce(data, axes).reshape(shape))
    return reshape(sum_p(g, axes=axes, keepdims=False) if axes else g, shape)


# --------------------------------------------------------------------------- transpose


def _permuted(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(shape[a] for a in axes)


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    order = sorted(range(len(axes)), key=lambda i: axes[i])
    return tuple(i - len(axes) for i in order)


transpose_p: Any = linear(
    "transpose",
    lambda x, *, axes: x.transpose(axes),
    lambda g, axes: transpose_p(g, axes=_inverse(axes)),
    abstract=lambda x, *, axes: x._replace(shape=_permuted(x.shape, axes), weak=False),
    batch=lambda batched, x, *, axes: transpose_p(x, axes=(-len(axes) - 1, *axes)),
)


def transpose(x: Value, axes: Sequence[int] | None = None) -> Value:
    """Permute the axes; by default reverse them."""
    x = as_array(x)
    n = x.ndim
    order = tuple(range(-1, -n - 1, -1)) if axes is None else canonical_axes("transpose", tuple(axes), n)
    if len(order) != n:
        raise ShapeError(f"transpose: axes {axes} do not name each of the {n} axes of {aval_of(x)} once")
    return x if order == tuple(range(-n, 0)) else transpose_p(x, axes=order)


def moveaxis(x: Value, source: Any, destination: Any) -> Value:
    """Move axes to other positions, keeping the order of the rest."""
    x = as_array(x)
    n = x.ndim
    src = [a + n for a in canonical_axes("moveaxis", source, n)]
    dst = [a + n for a in canonical_axes("moveaxis", destination, n)]
    if len(src) != len(dst):
        raise ShapeError(
            f"moveaxis: {source} and {destination} name different numbers of axes of {aval_of(x)}; give a destination for "
            "each source"
        )
    if src == dst:
        return x
    order = [a for a in range(n) if a not in src]
    for d, s in sorted(zip(dst, src)):
        order.insert(d, s)
    return transpose(x, order)


def expand_dims(x: Value, axis: Any) -> Value:
    """Insert axes of size 1 at the given positions of the result."""
    x = as_array(x)
    given = axis if isinstance(axis, (tuple, list)) else (axis,)
    n = x.ndim + len(given)
    axes = canonical_axes("expand_dims", given, n)
    sizes = iter(x.shape)
    return reshape(x, tuple(1 if i - n in axes else next(sizes) for i in range(n)))


def squeeze(x: Value, axis: Any = None) -> Value:
    """Drop axes of size 1: those named, or all of them. A named axis of another size raises.

    >>> mt.Array([[[1], [2]]]).squeeze(), mt.Array([[[1], [2]]]).squeeze(0).shape
    (Array([1, 2], dtype=int64), (2, 1))
    """
    x = as_array(x)
    n = x.ndim
    if axis is None:
        return reshape(x, tuple(size for size in x.shape if size != 1))
    axes = canonical_axes("squeeze", axis, n)
    for a in axes:
        if x.shape[a] != 1:
            raise ShapeError(f"squeeze: axis {a + n} of {aval_of(x)} has size {x.shape[a]}, not 1; leave it out")
    return reshape(x, reduced_shape(x.shape, axes, False))


def swapaxes(x: Value, axis1: int, axis2: int) -> Value:
    """Exchange two axes.

    >>> mt.Array([[1, 2, 3]]).swapaxes(0, 1).tolist()
    [[1], [2], [3]]
    """
    x = as_array(x)
    n = x.ndim
    a, b = canonical_axis("swapaxes", axis1, n), canonical_axis("swapaxes", axis2, n)
    order = list(range(-n, 0))
    order[a], order[b] = b, a
    return transpose(x, order)


def flatten(x: Value, start_axis: int = 0, end_axis: int = -1) -> Value:
    """Merge the axes from `start_axis` to `end_axis`, both included, into one; a 0-d array becomes 1-d.

    >>> flatten(np.zeros((2, 3, 4)), 1).shape
    (2, 12)
    """
    x = as_array(x)
    if not x.ndim:
        return reshape(x, (1,))
    n = x.ndim
    start, end = canonical_axis("flatten", start_axis, n) + n, canonical_axis("flatten", end_axis, n) + n
    if start > end:
        raise ShapeError(f"flatten: start_axis {start_axis} comes after end_axis {end_axis} in {aval_of(x)}; swap them")
    size = math.prod(x.shape[start : end + 1])
    return reshape(x, (*x.shape[:start], size, *x.shape[end + 1 :]))


def ravel(x: Value) -> Value:
    """Merge all axes into one.

    >>> mt.Array([[1, 2], [3, 4]]).ravel()
    Array([1, 2, 3, 4], dtype=int64)
    """
    return flatten(x)


def atleast_nd(x: Value, n: int) -> Value:
    """Prepend axes of size 1 until there are `n`."""
    x = as_array(x)
    return reshape(x, (1,) * (n - x.ndim) + x.shape) if x.ndim < n else x


def broadcast_arrays(*arrays: Value) -> tuple[Value, ...]:
    """Repeat arrays to their common shape, without copies."""
    values = tuple(map(as_array, arrays))
    shape = broadcast_shapes("broadcast_arrays", *map(aval_of, values))
    return tuple(broadcast_to(x, shape) for x in values)


def meshgrid(*arrays: Value, indexing: str = "xy") -> tuple[Value, ...]:
    """Return coordinate matrices from coordinate vectors; `xy` swaps the first two axes, `ij` does not."""
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"meshgrid: indexing must be 'xy' or 'ij', got {indexing!r}")
    vectors = [flatten(x) for x in arrays]
    n = len(vectors)
    places = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else list(range(n))
    spread = [reshape(x, tuple(-1 if i == place else 1 for i in range(n))) for x, place in zip(vectors, places)]
    return broadcast_arrays(*spread)


def tile(x: Value, repetitions: Sequence[int] | int) -> Value:
    """Lay copies of an array side by side, `repetitions` times along each axis.

    >>> tile(np.array([1, 2]), (2, 2))
    Array([[1, 2, 1, 2],
           [1, 2, 1, 2]], dtype=int64)
    """
    x = as_array(x)
    given = repetitions if isinstance(repetitions, (tuple, list)) else (repetitions,)
    counts = tuple(map(as_int, given))
    if builtins.any(n < 0 for n in counts):
        raise ArgumentError(f"tile: repetitions must not be negative, got {repetitions} for {aval_of(x)}")
    x = atleast_nd(x, len(counts))
    counts = (1,) * (x.ndim - len(counts)) + counts
    pairs = [n for pair in zip(counts, x.shape) for n in pair]
    ones = [n for size in x.shape for n in (1, size)]
    return reshape(broadcast_to(reshape(x, ones), pairs), tuple(n * size for n, size in zip(counts, x.shape)))


# --------------------------------------------------------------------------- cast, zeros


def _cast_impl(x: Any, *, dtype: dtypes.DType) -> Any:
    if x.dtype.kind == "c" and dtype not in dtypes.COMPLEX:
        x = x.real
    return x.astype(dtype)


cast_p: Any = linear(
    "cast",
    _cast_impl,
    lambda g, x_aval: cast(g, x_aval.dtype),
    abstract=lambda x, *, dtype: x._replace(dtype=dtype, weak=False),
)


def cast(x: Value, dtype: Any) -> Value:
    """Convert to another dtype; complex to real keeps the real part, float to integer truncates.

    >>> mt.Array([1.7, -1.7]).to("int32")
    Array([ 1, -1], dtype=int32)
    """
    if isinstance(x, (Array, Tracer)) and x.dtype is dtype:
        return x
    wanted = dtypes.canonical(dtype)
    if type(x) is float or type(x) is int:
        return Array(x, wanted)  # at once: by way of the default float, digits would be lost
    x = as_array(x)
    return x if x.dtype == wanted else cast_p(x, dtype=wanted)


def full(shape: Sequence[int], value: Any, dtype: dtypes.DType, device: str = "cpu") -> Array:
    """Make an array of one repeated number, which takes no memory of its own."""
    number = np.asarray(value, dtype)
    number.flags.writeable = False
    try:
        # A view with strides of 0, without the iterator of np.broadcast_to, which takes ten times as long.
        made = wrap(np.ndarray(tuple(shape), dtype, number, 0, (0,) * len(shape)))
    except ValueError as error:
        raise ShapeError(f"full: cannot make an array of shape {tuple(shape)}: {error}; check the sizes") from None
    return made if device == "cpu" else made.to_device(device)


def zeros_of(aval: Aval) -> Array:
    """Make zeros with the shape and dtype of an aval."""
    return full(aval.shape, 0, aval.dtype, aval.device)


def zeros_like(x: Value) -> Array:
    """Make zeros like a value."""
    return zeros_of(aval_of(x))


def ones_like(x: Value) -> Array:
    """Make ones like a value."""
    aval = aval_of(x)
    return full(aval.shape, 1, aval.dtype, aval.device)


# --------------------------------------------------------------------------- mark

# The identity, under a name. Compilers do not look through it, so that what is computed from a mark is not merged with
# what is computed from the value itself.
mark_p: Any = linear("mark", lambda x, *, name: x, lambda g: g, abstract=lambda x, *, name: x._replace(weak=False))


def mark(x: Value, name: str) -> Value:
    """Return a value under a name."""
    return mark_p(as_array(x), name=name)
