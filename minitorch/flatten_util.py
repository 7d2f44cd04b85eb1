"""Trees of arrays as one vector, as `jax.flatten_util`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import numpy as mnp
from .core.errors import DTypeError, ShapeError
from .core.ops.families import as_array
from .core.tracer import Value, aval_of
from .tree import flatten, unflatten


def ravel_pytree(pytree: Any) -> tuple[Value, Callable[[Value], Any]]:
    """Return the leaves of a tree as one vector, and the function that makes such a tree of a vector.

    The vector's dtype is the one to which those of the leaves promote; the function takes a vector of that dtype and
    length, and gives each leaf its own dtype again.

    >>> vector, unravel = ravel_pytree({"w": mnp.ones((2, 2)), "b": mnp.zeros(1)})
    >>> vector
    Array([0., 1., 1., 1., 1.], dtype=float32)
    >>> unravel(2 * vector)["w"].tolist()
    [[2.0, 2.0], [2.0, 2.0]]
    """
    leaves, structure = flatten(pytree)
    avals = [aval_of(as_array(x)) for x in leaves]
    wanted = mnp.result_type(*(a.dtype for a in avals)) if avals else mnp.float32
    parts = [mnp.ravel(as_array(x)).astype(wanted) for x in leaves]
    vector = mnp.concatenate(parts) if parts else mnp.zeros(0, wanted)

    def unravel(flat: Value) -> Any:
        given = as_array(flat)
        if given.shape != vector.shape:
            raise ShapeError(f"unravel: takes a vector of {vector.size} elements, got {aval_of(given)}; reshape it")
        if given.dtype != wanted:
            raise DTypeError(f"unravel: takes {aval_of(vector)}, got {aval_of(given)}; cast it with .astype()")
        pieces, start = [], 0
        for a in avals:
            pieces.append(given[start : start + a.size].reshape(a.shape).astype(a.dtype))
            start += a.size
        return unflatten(structure, pieces)

    return vector, unravel


__all__ = ["ravel_pytree"]
