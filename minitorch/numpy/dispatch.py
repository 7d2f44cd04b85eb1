"""Which of our functions answers a NumPy function that is called on our arrays."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import numpy as np

from ..core import tree
from ..core.array import Array
from ..core.primitive import Tracer
from . import arranging

Function = Callable[..., Any]

# NumPy's functions that ours answer only in part, or whose name means something else there.
_OTHERWISE = frozenset(("copy", "fill_diagonal", "place", "put", "put_along_axis", "save", "load"))


# What writes or prints numbers takes NumPy's arrays; nothing of the result is an array.
_ON_THE_HOST = (
    np.array2string, np.array_repr, np.array_str, np.may_share_memory, np.min_scalar_type, np.save, np.savetxt, np.savez,
    np.savez_compressed, np.shares_memory,
)  # fmt: skip


def on_the_host(numpys: Function) -> Function:
    """Return NumPy's function for our arrays, as NumPy's."""

    @wraps(numpys)
    def call(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = tree.map(lambda x: np.asarray(x) if isinstance(x, (Array, Tracer)) else x, (args, kwargs))
        return numpys(*args, **kwargs)

    return call


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


def _broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    """Broadcast arrays; plotting libraries put None and strings among them, which NumPy holds as objects."""
    if any(x is None or isinstance(x, str) for x in args):
        return on_the_host(np.broadcast_arrays)(*args)
    return tuple(arranging.broadcast_arrays(*args))


@cache
def tables() -> dict[Any, Function]:
    """Return the pairs of all modules."""
    from . import fft, functions, linalg

    found = {numpys: on_the_host(numpys) for numpys in _ON_THE_HOST}
    for ours, theirs, prefix in (
        (functions, np, "numpy"),
        (linalg, np.linalg, "numpy.linalg"),
        (fft, np.fft, "numpy.fft"),
    ):
        found |= table(ours, theirs, prefix)
    return found | {np.broadcast_arrays: _broadcast_arrays}


def function_of(numpys: Any) -> Function | None:
    """Return our function for one of NumPy's, None if there is none."""
    return tables().get(numpys)
