"""How other libraries meet our arrays: the Array API standard's namespace, and NumPy's functions called on them.

The namespace lies in a package above the core, which announces how to load it; it is loaded when first asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import ArgumentError, UnsupportedError
from .tracer import Value

VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")  # of the standard
_announced: list[Callable[[], Any]] = []


def announce(load: Callable[[], Any]) -> None:
    """Say how to load the namespace: a module with a function `function_of(numpy_function)`."""
    _announced[:] = [load]


def array_namespace(self: Value, *, api_version: str | None = None) -> Any:
    """Return the namespace of array functions, `minitorch.numpy`."""
    if api_version not in (None, *VERSIONS):
        raise ArgumentError(
            f"__array_namespace__: version {api_version!r} of the Array API is not one of {', '.join(VERSIONS)}; leave "
            "it out for the newest"
        )
    return _namespace()


def _namespace() -> Any:
    if not _announced:
        raise UnsupportedError("__array_namespace__: no namespace has been announced; import minitorch")
    return _announced[0]()


def counterpart(function: Any) -> Callable[..., Any] | None:
    """Return our function for one of NumPy's, None if there is none."""
    found: Callable[..., Any] | None = _namespace().function_of(function)
    return found


def array_function(self: Value, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
    """Answer a NumPy function with ours of the same name, or refuse."""
    ours = counterpart(func)
    name = f"{func.__module__}.{func.__name__}"
    if ours is None:
        raise TypeError(
            f"{name}: does not take a minitorch array; use minitorch's operation, or convert first with .numpy()"
        )
    if kwargs.get("out") is not None:
        raise TypeError(f"{name}: out= cannot be written, for a minitorch array is immutable; use what is returned")
    return ours(*args, **{k: v for k, v in kwargs.items() if k != "out"})
