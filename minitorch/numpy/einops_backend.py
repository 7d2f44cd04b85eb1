"""Arrays, tracers and Tensors for einops: after `import minitorch.numpy.einops_backend`, its functions take them.

>>> import einops, minitorch.numpy.einops_backend
>>> einops.rearrange(mnp.arange(6).reshape(2, 3), "a b -> (b a)")
Array([0, 3, 1, 4, 2, 5], dtype=int64)
"""

from __future__ import annotations

from typing import Any

from ..core.array import Array
from ..core.errors import MissingExtraError
from ..core.jit.staging import StagedTracer
from ..core.tracer import Tracer, Value
from . import functions

try:
    from einops._backends import AbstractBackend, get_backend
except ImportError:
    raise MissingExtraError("einops", "test") from None


class Backend(AbstractBackend):  # type: ignore[misc]
    """What einops asks of a library. That this class exists is enough for einops to find it."""

    framework_name = "minitorch"

    def is_appropriate_type(self, tensor: Any) -> bool:
        """Return whether this is a value of ours."""
        return isinstance(tensor, (Array, Tracer))

    def from_numpy(self, x: Any) -> Value:
        """Return NumPy data as an Array."""
        return functions.asarray(x)

    def to_numpy(self, x: Value) -> Any:
        """Return the data as a NumPy array."""
        return x.numpy()

    def arange(self, start: int, stop: int) -> Value:
        """Return the integers of a range."""
        return functions.arange(start, stop)

    def reduce(self, x: Value, operation: str, axes: Any) -> Value:
        """Reduce by the name of an operation."""
        return getattr(functions, operation)(x, axis=tuple(axes))

    def transpose(self, x: Value, axes: Any) -> Value:
        """Permute the axes."""
        return functions.transpose(x, axes)

    def reshape(self, x: Value, shape: Any) -> Value:
        """Give another shape."""
        return functions.reshape(x, tuple(shape))

    def tile(self, x: Value, repeats: Any) -> Value:
        """Repeat along each axis."""
        return functions.tile(x, repeats)

    def stack_on_zeroth_dimension(self, tensors: list[Value]) -> Value:
        """Join along a new first axis."""
        return functions.stack(tensors)

    def add_axis(self, x: Value, new_position: int) -> Value:
        """Insert an axis."""
        return functions.expand_dims(x, new_position)

    def add_axes(self, x: Value, n_axes: int, pos2len: dict[int, int]) -> Value:
        """Insert axes of given lengths."""
        for position in sorted(pos2len):
            x = functions.expand_dims(x, position)
        shape = [pos2len.get(i, n) for i, n in enumerate(x.shape)]
        return functions.broadcast_to(x, shape)

    def concat(self, tensors: list[Value], axis: int) -> Value:
        """Join along an axis."""
        return functions.concatenate(tensors, axis=axis)

    def is_float_type(self, x: Value) -> bool:
        """Return whether these are floats."""
        return bool(functions.isdtype(x.dtype, ("real floating", "complex floating")))

    def einsum(self, pattern: str, *x: Value) -> Value:
        """Sum products."""
        return functions.einsum(pattern, *x)


def kinds(base: type) -> list[type]:
    """Return a class and all that derive from it."""
    return [base, *(kind for sub in base.__subclasses__() for kind in kinds(sub))]


# einops keeps a table of the types it has met; what a compiled function meets must stand there before it is recorded.
for _kind in {Array, StagedTracer, *kinds(Tracer)}:
    get_backend(object.__new__(_kind))
