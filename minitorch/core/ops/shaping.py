"""Structural operations and the sums that are their transposes.

Closed under its own derivative rules: `sum` lives here because it is the transpose of `broadcast_to`. Axes are negative,
counted from the end, so that a batch axis in front changes nothing.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from operator import index as as_int
from typing import Any

import numpy as np

from .. import dtypes
from ..array import Array, wrap
from ..aval import Aval
from ..errors import OutOfBoundsError, ShapeError
from ..primitive import Value, aval_of
from .families import as_array, linear

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
    given = axes if isinstance(axes, (tuple, list)) else (axes,)
    found = tuple(canonical_axis(name, a, ndim) for a in given)
    if len(set(found)) != len(found):
        raise ShapeError(f"{name}: an axis is repeated in {axes}; name each axis once")
    return found


# --------------------------------------------------------------------------- reshape


def _reshape_batch(batched: tuple[bool, ...], x: Value, *, shape: tuple[int, ...]) -> Value:
    return reshape_p(x, shape=(x.shape[0], *shape))


reshape_p = linear(
    "reshape",
    lambda x, *, shape: x.reshape(shape),
    lambda g, x_aval: reshape_p(g, shape=x_aval.shape),
    abstract=lambda x, *, shape: _same_size("reshape", x, shape),
    batch=_reshape_batch,
)


def _same_size(name: str, x: Aval, shape: tuple[int, ...]) -> Aval:
    if Aval(shape, x.dtype).size != x.size:
        raise ShapeError(f"{name}: {x} has {x.size} elements, which do not fit shape {shape}")
    return x._replace(shape=tuple(shape), weak=False)


def reshape(x: Value, shape: Sequence[int] | int) -> Value:
    """Give an array another shape with the same elements in the same order; one size may be -1."""
    x = as_array(x)
    wanted = (shape,) if isinstance(shape, int) else tuple(map(as_int, shape))
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


# --------------------------------------------------------------------------- broadcast_to and sum, each other's transpose


def _broadcast_abstract(x: Aval, *, shape: tuple[int, ...]) -> Aval:
    lead = len(shape) - x.ndim
    if lead < 0 or builtins.any(n != m and n != 1 for n, m in zip(x.shape, shape[lead:])):
        raise ShapeError(f"broadcast_to: {x} does not broadcast to {shape}; each size must match or be 1")
    return x._replace(shape=tuple(shape), weak=False)


def _broadcast_batch(batched: tuple[bool, ...], x: Value, *, shape: tuple[int, ...]) -> Value:
    n, *rest = x.shape
    x = reshape(x, (n,) + (1,) * (len(shape) - len(rest)) + tuple(rest))
    return broadcast_p(x, shape=(n, *shape))


broadcast_p = linear(
    "broadcast_to",
    lambda x, *, shape: np.broadcast_to(x, shape),
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
    if len(axes) == x.ndim and not keepdims:
        return np.add.reduce(x, axis=None, dtype=x.dtype)
    return np.add.reduce(x, axis=axes, dtype=x.dtype, keepdims=keepdims)


sum_p = linear(
    "sum",
    _sum_impl,
    lambda g, x_aval, axes, keepdims: expand_reduced(g, x_aval.shape, axes, keepdims),
    abstract=lambda x, *, axes, keepdims: x._replace(shape=reduced_shape(x.shape, axes, keepdims), weak=False),
)


def expand_reduced(g: Value, shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool = False) -> Value:
    """Repeat a reduced array over the axes that were reduced."""
    return broadcast_to(g if keepdims else reshape(g, reduced_shape(shape, axes, True)), shape)


def sum(x: Value, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Value:
    """Add elements over axes (all by default). Bools and small integers are added as int64."""
    x = as_array(x)
    wanted = dtypes.canonical(dtype) if dtype is not None else (dtypes.int64 if dtypes.rank(x.dtype) < 2 else x.dtype)
    return sum_p(cast(x, wanted), axes=canonical_axes("sum", axis, x.ndim), keepdims=bool(keepdims))


def unbroadcast(g: Value, shape: tuple[int, ...]) -> Value:
    """Sum a cotangent back to the shape its argument had before broadcasting."""
    have = g.shape
    if have == shape:
        return g
    lead = len(have) - len(shape)
    axes = tuple(i - len(have) for i, n in enumerate(have) if i < lead or (shape[i - lead] == 1 and n != 1))
    return reshape(sum_p(g, axes=axes, keepdims=False) if axes else g, shape)


# --------------------------------------------------------------------------- transpose


def _permuted(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(shape[a] for a in axes)


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    order = sorted(range(len(axes)), key=lambda i: axes[i])
    return tuple(i - len(axes) for i in order)


transpose_p = linear(
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
        raise ShapeError(f"moveaxis: {source} and {destination} name different numbers of axes")
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


# --------------------------------------------------------------------------- cast, zeros


def _cast_impl(x: Any, *, dtype: dtypes.DType) -> Any:
    if x.dtype.kind == "c" and dtype not in dtypes.COMPLEX:
        x = x.real
    return x.astype(dtype)


cast_p = linear(
    "cast",
    _cast_impl,
    lambda g, x_aval: cast(g, x_aval.dtype),
    abstract=lambda x, *, dtype: x._replace(dtype=dtype, weak=False),
)


def cast(x: Value, dtype: Any) -> Value:
    """Convert to another dtype; complex to real keeps the real part, float to integer truncates."""
    x = as_array(x)
    wanted = dtypes.canonical(dtype)
    return x if x.dtype == wanted else cast_p(x, dtype=wanted)


def full(shape: Sequence[int], value: Any, dtype: dtypes.DType, device: str = "cpu") -> Array:
    """Make an array of one repeated number, which takes no memory of its own."""
    made = wrap(np.broadcast_to(np.asarray(value, dtype), tuple(shape)))
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


