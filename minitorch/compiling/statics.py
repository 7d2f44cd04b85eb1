"""Static arguments: which they are, how they are taken out of a call, and put back into it.

They are compared by value; what is left of a call is what a program computes with.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..core.errors import ArgumentError, JitError


def both_ways(function: Callable[..., Any], numbers: Any, names: set[str]) -> tuple[frozenset[int], set[str]]:
    """Let a static argument be given by position or by name."""
    if not numbers and not names:
        return frozenset(), names
    try:
        parameters = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return frozenset(numbers), names
    stray = names - set(parameters)
    if stray:
        raise ArgumentError(f"jit: static_argnames {sorted(stray)} are no parameters; it has {parameters}")
    known = {parameters[i] for i in numbers if -len(parameters) <= i < len(parameters)}
    return frozenset({*numbers, *(parameters.index(n) for n in names)}), names | known


def behind_self(numbers: frozenset[int]) -> frozenset[int]:
    """Return the numbers of a function's arguments as its method counts them, to which the first is not given."""
    return frozenset(i - (i > 0) for i in numbers if i)


def split(
    name: str, numbers: frozenset[int], names: frozenset[str], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """Take the static arguments out of a call of a function, which `name` is for messages."""
    count = len(args)
    chosen = {i % count for i in numbers if -count <= i < count}
    positional = tuple((i, args[i]) for i in sorted(chosen))
    named = tuple((n, kwargs[n]) for n in sorted(names) if n in kwargs)
    try:
        hash((positional, named))
    except TypeError:
        raise JitError(
            f"jit: {name} has a static argument that is not hashable; pass a tuple instead of a list"
        ) from None
    rest = tuple(x for i, x in enumerate(args) if i not in chosen)
    return (positional, named), rest, {k: v for k, v in kwargs.items() if k not in names}


def joined(function: Callable[..., Any], static: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function with its static arguments in their places again."""
    if static:
        positional, named = static
        merged = list(args)
        for i, x in positional:
            merged.insert(i, x)
        args, kwargs = tuple(merged), {**kwargs, **dict(named)}
    return function(*args, **kwargs)
