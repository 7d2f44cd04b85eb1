"""The rest of JAX's top level: other names for what is here, and what is next to nothing where operations run at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .compiling.show import make_graph as make_jaxpr
from .core import dtypes, tree
from .core.array import Array
from .core.aval import Aval
from .core.calling import Shape, called
from .core.checkpoint import checkpoint as remat
from .core.jacobian import jacrev as jacobian
from .core.jit.staging import StagingTrace
from .core.ops.families import as_array
from .core.tape import entering, lower
from .core.tracer import Tracer, aval_of


class ShapeDtypeStruct:
    """A shape and a dtype, which stand for an array of which nothing else matters.

    >>> ShapeDtypeStruct((2, 3), "float32")
    ShapeDtypeStruct(shape=(2, 3), dtype=float32)
    """

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: Any, dtype: Any):
        self.shape: tuple[int, ...] = tuple(shape)
        self.dtype = dtypes.canonical(dtype)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return Aval(self.shape, self.dtype).size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ShapeDtypeStruct) and (self.shape, self.dtype) == (other.shape, other.dtype)

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))

    def __repr__(self) -> str:
        return f"ShapeDtypeStruct(shape={self.shape}, dtype={dtypes.name(self.dtype)})"


def eval_shape(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return the result of a function with a `ShapeDtypeStruct` in the place of each array; nothing is computed.

    Of the arguments, too, only shapes and dtypes count: anything that has both may stand for an array.

    >>> eval_shape(lambda x: {"y": x @ x.T}, ShapeDtypeStruct((2, 3), "float32"))
    {'y': ShapeDtypeStruct(shape=(2, 2), dtype=float32)}
    """
    leaves, structure = tree.flatten((args, kwargs))
    run, shape = called(lambda args, kwargs: function(*args, **kwargs), structure), Shape()
    with entering(StagingTrace) as trace:
        outs = shape.flatten(run([trace.input(_aval(x)) for x in leaves]))
        found = [aval_of(lower(x)) for x in outs]
    return shape.unflatten([ShapeDtypeStruct(a.shape, a.dtype) for a in found])


def _aval(x: Any) -> Aval:
    if isinstance(x, (Array, Tracer)) or not (hasattr(x, "shape") and hasattr(x, "dtype")):
        return aval_of(as_array(x))
    return Aval(tuple(x.shape), dtypes.canonical(x.dtype))


def device_put(x: Any, device: str | None = None) -> Any:
    """Return a tree of arrays, on a device if one is named: `"cpu"`.

    >>> device_put({"a": np.zeros(2)})
    {'a': Array([0., 0.], dtype=float64)}
    """
    arrays = tree.map(as_array, x)
    return arrays if device is None else tree.map(lambda a: a.to_device(device), arrays)


def device_get(x: Any) -> Any:
    """Return a tree of arrays as NumPy's, which are read-only.

    >>> device_get({"a": Array([1.0, 2.0])})
    {'a': array([1., 2.], dtype=float32)}
    """
    return tree.map(np.asarray, x)


def block_until_ready(x: Any) -> Any:
    """Return a tree as it is: operations are done when they return. So is an array's method of this name.

    >>> block_until_ready((Array([1.0, 2.0]) * 2).block_until_ready())
    Array([2., 4.], dtype=float32)
    """
    return x


__all__ = [
    "ShapeDtypeStruct",
    "block_until_ready",
    "device_get",
    "device_put",
    "eval_shape",
    "jacobian",
    "make_jaxpr",
    "remat",
]
