"""map and associative_scan: one after the other in the memory of one, or all prefixes in logarithmically many steps."""

from __future__ import annotations

from collections.abc import Callable
from operator import index as as_int
from typing import Any

from .. import tree
from ..calling import Leaves
from ..errors import ArgumentError, ShapeError
from ..ops.families import as_array
from ..ops.joining import concatenate, stack
from ..ops.shaping import reshape
from ..ops.slicing import slice_axis
from ..tape import muting
from ..tracer import Value, aval_of
from ..transforms import vmap
from .closing import arrays, flattened
from .loops import part_of, scan, steps_of

Function = Callable[..., Any]


def map(f: Function, xs: Any, *, batch_size: int | None = None) -> Any:
    """Apply a function to each element along the first axis of `xs`, one after the other, and stack the results.

    As `vmap(f)(xs)`, in the memory of one example; with `batch_size`, of that many at a time.

    >>> from minitorch.core.array import Array
    >>> map(lambda x: x * x, Array([1.0, 2.0, 3.0]))
    Array([1., 4., 9.], dtype=float32)
    """
    if batch_size is None:
        return scan(lambda _, x: ((), f(x)), (), xs)[1]
    rows = [as_array(x) for x in tree.leaves(xs)]
    steps = steps_of(rows, xs, None)
    size = as_int(batch_size)
    if size < 1:
        raise ArgumentError(f"map: batch_size must be >= 1, got {batch_size}")
    count, rest = divmod(steps, size)
    structure = tree.structure(xs)
    parts = []
    if count:
        main = [reshape(part_of(x, slice(0, count * size)), (count, size, *x.shape[1:])) for x in rows]
        out = scan(lambda _, x: ((), vmap(f)(x)), (), tree.unflatten(structure, main))[1]
        parts.append(tree.map(lambda y: reshape(y, (count * size, *y.shape[2:])), out))
    if rest or not parts:
        parts.append(vmap(f)(tree.unflatten(structure, [part_of(x, slice(count * size, steps)) for x in rows])))
    return parts[0] if len(parts) == 1 else tree.map(lambda *pair: concatenate(pair, 0), *parts)


def associative_scan(fn: Function, elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """Return all partial results of an associative operation along an axis, in a number of steps that grows as its log.

    `fn(a, b)` takes and returns trees like `elems`, on many elements at once: it must work element by element along the
    axis. With `reverse`, partial results start at the end.
    Source: Blelloch, "Prefix sums and their applications", 1990.

    >>> from minitorch.core.array import Array
    >>> associative_scan(lambda a, b: a * b, Array([1.0, 2.0, 3.0, 4.0]))
    Array([ 1.,  2.,  6., 24.], dtype=float32)
    """
    leaves, structure = flattened(elems)
    rows = arrays(leaves)
    if not callable(fn):
        raise ArgumentError(f"associative_scan: expected a function first, got {type(fn).__name__}")
    sizes = {_along(x, axis) for x in rows}
    if len(sizes) > 1:
        raise ShapeError(f"associative_scan: the leaves have different lengths {sorted(sizes)} along axis {axis}")
    if reverse:
        rows = [slice_axis(x, axis, None, None, -1) for x in rows]

    def joined(a: Leaves, b: Leaves) -> Leaves:
        with muting(True):
            pair = tree.unflatten(structure, a), tree.unflatten(structure, b)
        return tree.leaves(fn(*pair))

    outs = _prefixes(joined, rows, axis)
    if reverse:
        outs = [slice_axis(x, axis, None, None, -1) for x in outs]
    with muting(True):
        return tree.unflatten(structure, outs)


def _along(x: Value, axis: int) -> int:
    if not -x.ndim <= axis < x.ndim:
        raise ShapeError(f"associative_scan: {aval_of(x)} has no axis {axis}")
    return int(x.shape[axis])


def _prefixes(joined: Callable[[Leaves, Leaves], Leaves], xs: Leaves, axis: int) -> Leaves:
    """Join neighbors, take the prefixes of the pairs, and fill in those between."""
    n = xs[0].shape[axis] if xs else 0
    if n < 2:
        return xs

    def part(values: Leaves, start: int | None, stop: int | None, step: int | None = None) -> Leaves:
        return [slice_axis(x, axis, start, stop, step) for x in values]

    pairs = joined(part(xs, 0, n - 1, 2), part(xs, 1, None, 2))
    odd = _prefixes(joined, pairs, axis)
    even = joined(part(odd, 0, (n - 1) // 2), part(xs, 2, None, 2)) if n > 2 else part(xs, 0, 0)
    even = [concatenate([first, rest], axis) for first, rest in zip(part(xs, 0, 1), even)]
    return [_interleaved(a, b, axis) for a, b in zip(even, odd)]


def _interleaved(a: Value, b: Value, axis: int) -> Value:
    """Put the elements of two arrays in turn along an axis; the first may have one more."""
    at, n = axis % a.ndim, b.shape[axis]
    both = stack([slice_axis(a, axis, 0, n), b], at + 1)
    both = reshape(both, (*a.shape[:at], 2 * n, *a.shape[at + 1 :]))
    return both if a.shape[axis] == n else concatenate([both, slice_axis(a, axis, n, None)], axis)


__all__ = ["associative_scan", "map"]
