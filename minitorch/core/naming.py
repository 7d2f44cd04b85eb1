"""What messages call the arguments of a user's function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from . import tree
from .tracer import Tracer


def parameter_name(function: Callable[..., Any], position: int) -> str:
    """Return the name of the parameter at a position."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return f"args[{position}]"
    if position < len(parameters) and parameters[position].kind is not inspect.Parameter.VAR_POSITIONAL:
        return parameters[position].name
    return f"args[{position}]"


def places_of(args: tuple[Any, ...], kwargs: dict[str, Any], function: Callable[..., Any]) -> list[str]:
    """Return where each leaf of a call stands in the function's signature. See `places`."""
    positional = [(i, parameter_name(function, i), x) for i, x in enumerate(args)]
    return places([*positional, *((None, name, kwargs[name]) for name in sorted(kwargs))])


def places(arguments: Sequence[tuple[int | None, str, Any]]) -> list[str]:
    """Return where each leaf of a call's arguments stands: "argument 0 ('params'), leaf ['w']".

    Arguments are given by position (None for a keyword), name and value.
    """
    found = []
    for position, name, value in arguments:
        head = f"keyword argument {name!r}" if position is None else f"argument {position} ({name!r})"
        found += [f"{head}, leaf {p}" if p else head for p in tree.paths(value, whole=Tracer)]  # a Tensor is one leaf
    return found


def listed(names: Sequence[str], most: int = 4) -> str:
    """Return names for a sentence: "a", "a and b", "a, b and 3 more"."""
    shown = list(names) if len(names) <= most else [*names[:most], f"{len(names) - most} more"]
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))
