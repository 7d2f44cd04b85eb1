"""Which of our functions answers a NumPy function that is called on our arrays."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import numpy as np

Function = Callable[..., Any]

# NumPy's functions that ours answer only in part, or whose name means something else there.
_OTHERWISE = frozenset(("copy", "fill_diagonal", "place", "put", "put_along_axis", "save", "load"))


def checked(name: str, ours: Function) -> Function:
    """Return a function that complains, in NumPy's words, about arguments which only NumPy's takes."""
    try:
        signature = inspect.signature(ours)
    except ValueError:
        return ours

    @wraps(ours)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(
                f"{name}: {error}: on a minitorch array it is minitorch.numpy's, which takes {signature}; leave the "
                "argument out, or convert first with .numpy()"
            ) from None
        return ours(*args, **kwargs)

    return call


def table(ours: Any, theirs: Any, prefix: str) -> dict[Any, Function]:
    """Pair the functions of a NumPy module with ours of the same names."""
    found: dict[Any, Function] = {}
    for name in ours.__all__:
        function, numpys = getattr(ours, name), getattr(theirs, name, None)
        if callable(numpys) and inspect.isroutine(function) and name not in _OTHERWISE:
            found[numpys] = checked(f"{prefix}.{name}", function)
    return found


@cache
def tables() -> dict[Any, Function]:
    """Return the pairs of all modules."""
    from . import fft, functions, linalg

    return table(functions, np, "numpy") | table(linalg, np.linalg, "numpy.linalg") | table(fft, np.fft, "numpy.fft")


def function_of(numpys: Any) -> Function | None:
    """Return our function for one of NumPy's, None if there is none."""
    return tables().get(numpys)
