"""What the tables of functions share: how a core function becomes one under PyTorch's name.

A table maps a name to a function with PyTorch's signature, usually a lambda that hands its arguments to the core under
NumPy's names. Tensors give tensors, core values (arrays and tracers) give core values, numbers become arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..core import dtypes
from ..core.array import Array
from ..core.ops.families import as_array, primitive_of
from ..core.ops.shaping import reshape
from . import fast
from .handle import Tensor, tensor_of

Function = Callable[..., Any]
Table = dict[str, Function]


class Extremes(NamedTuple):
    """Elements and where they were found."""

    values: Any
    indices: Any


def unary(core: Function) -> Function:
    """Return a pointwise function of one argument that takes the shortcut for tensors."""
    quick = fast.unary(core)

    def call(input: Any) -> Any:
        return quick(input) if isinstance(input, Tensor) else core(input)

    call.quick, call.count = quick, 1  # type: ignore[attr-defined]
    call.core = core  # type: ignore[attr-defined]
    return call


def binary(core: Function) -> Function:
    """Return a pointwise function of two arguments that takes the shortcut for tensors."""
    quick = fast.binary(core)

    def call(input: Any, other: Any) -> Any:
        return quick(input, other) if isinstance(input, Tensor) else core(input, other)

    call.quick, call.count = quick, 2  # type: ignore[attr-defined]
    call.core = core  # type: ignore[attr-defined]
    return call


def ternary(core: Function) -> Function:
    """Return a pointwise function of three arguments that takes the shortcut for tensors."""
    quick = fast.ternary(core)

    def call(first: Any, second: Any, third: Any) -> Any:
        return quick(first, second, third) if isinstance(first, Tensor) else core(first, second, third)

    return call


def is_fast(core: Function) -> bool:
    """Return whether a core function is one pointwise primitive, which can take the shortcut."""
    return hasattr(core, "direct") and primitive_of(core).formula is not None


def over(input: Any, dim: Any) -> Any:
    """Return the axes meant by a `dim`: None and an empty tuple mean all; a 0-d tensor counts as a vector of one."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return None
    return None if dim in (0, -1, (0,), (-1,), [0], [-1]) and getattr(input, "shape", None) == () else dim


def vector_like(core: Function) -> Function:
    """Let a function along a dimension take 0-d tensors, as vectors of one element."""

    def call(input: Any, *args: Any) -> Any:
        x = as_array(input)
        if x.ndim:
            return core(x, *args)
        out = core(reshape(x, (1,)), *args)
        return tuple(reshape(part, ()) for part in out) if isinstance(out, tuple) else reshape(out, ())

    return call


def sizes(given: tuple[Any, ...]) -> Any:
    """Return the sizes or axes of `f(x, 2, 3)` and `f(x, (2, 3))` alike."""
    return given[0] if len(given) == 1 and isinstance(given[0], (tuple, list)) else given


def as_dtype(dtype: Any) -> Any:
    """Return the canonical dtype, None for None."""
    return None if dtype is None else dtypes.canonical(dtype)


def as_tensors(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return several results with tensors for the constants among them."""
    if not any(type(part) is Array or isinstance(part, tuple) for part in parts):
        return parts
    made = [
        tensor_of(part) if type(part) is Array else as_tensors(part) if isinstance(part, tuple) else part
        for part in parts
    ]
    return type(parts)(*made) if hasattr(parts, "_fields") else tuple(made)
