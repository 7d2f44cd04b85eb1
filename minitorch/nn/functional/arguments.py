"""What the functions of layers and images ask of their arguments, and how those that differ in rank alone are named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.errors import DTypeError, ShapeError
from ...core.ops.families import as_array
from ...core.tracer import aval_of
from .examples import EXAMPLES

Function = Callable[..., Any]


def named(function: Function, name: str, text: str) -> Function:
    """Give a function that was made its name and docstring, which ends with its example."""
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{text}\n{EXAMPLES[name]}"
    return function


def last(n: int) -> str:
    """Return what texts call the last n dimensions."""
    return "the last dimension" if n == 1 else f"the last {n} dimensions"


def check_tensors(name: str, **operands: Any) -> None:
    """Raise unless every operand is a tensor, or a value with shape and dtype."""
    for key, x in operands.items():
        if not hasattr(x, "dtype"):
            raise DTypeError(f"{name}: {key} must be a tensor, got {type(x).__name__}; make one with tensor(...)")


def check_rank(name: str, n: int, input: Any) -> None:
    """Raise unless there are n dimensions behind the channels, with or without a batch."""
    check_tensors(name, input=input)
    if input.ndim not in (n + 1, n + 2):
        raise ShapeError(
            f"{name}: Expected {n + 1}D (unbatched) or {n + 2}D (batched) input, got {aval_of(input)}; "
            f"it needs channels and {n} dimensions"
        )


def one_dtype(name: str, **operands: Any) -> None:
    """Raise unless all operands that are given have the same dtype."""
    given = {key: as_array(x) for key, x in operands.items() if x is not None}
    if len({x.dtype for x in given.values()}) > 1:
        *first, last = given
        shown = ", ".join(str(aval_of(x)) for x in given.values())
        raise DTypeError(
            f"{name}: {', '.join(first)} and {last} must have the same dtype, got {shown}; cast with .to(dtype)"
        )


def check_parameters(name: str, shape: tuple[int, ...], weight: Any, bias: Any = None) -> None:
    """Raise unless the parameters that are given have a shape."""
    given = {key: x for key, x in (("weight", weight), ("bias", bias)) if x is not None}
    check_tensors(name, **given)
    for key, x in given.items():
        if tuple(x.shape) != shape:
            raise ShapeError(f"{name}: Expected {key} to have shape {list(shape)}, got {aval_of(x)}; reshape it")
