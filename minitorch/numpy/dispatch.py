"""Which of our functions answers a NumPy function that is called on our arrays."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import numpy as np

from ..core.array import Array
from ..core.tracer import Tracer
from . import arranging, fft, functions, linalg

Function = Callable[..., Any]

# What writes to its argument in NumPy.
_WRITING = frozenset(("fill_diagonal", "place", "put", "put_along_axis"))


# What writes or prints numbers takes NumPy's arrays; nothing of the result is an array.
_ON_THE_HOST = (
    np.array2string, np.array_repr, np.array_str, np.may_share_memory, np.min_scalar_type, np.save, np.savetxt, np.savez,
    np.savez_compressed, np.shares_memory,
)  # fmt: skip


def on_the_host(numpys: Function) -> Function:
    """Return NumPy's function for our arrays, as NumPy's."""

    @wraps(numpys)
    def call(*args: Any, **kwargs: Any) -> Any:
        return numpys(*map(_lowered, args), **{key: _lowered(value) for key, value in kwargs.items()})

    return call


def _lowered(x: Any) -> Any:
    """Return NumPy's array for one of ours, also inside lists and tuples."""
    if isinstance(x, (list, tuple)):
        return type(x)(map(_lowered, x))
    return np.asarray(x) if isinstance(x, (Array, Tracer)) else x


# What NumPy calls otherwise, at a place where the other name stands, too.
_RENAMED = {"a_min": "min", "a_max": "max"}


def answering(name: str, numpys: Function, ours: Function) -> Function:
    """Return our function with the signature of NumPy's, whose arguments may be called or placed otherwise.

    What ours does not take may have its default value; anything else raises a TypeError.
    """
    theirs, mine = inspect.signature(numpys), inspect.signature(ours)
    targets = _targets(theirs, mine)

    @wraps(ours)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            given = theirs.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from None
        accepted: dict[str, Any] = {}
        for key, value in given.items():
            if key in targets:
                accepted[targets[key]] = value
            elif not _says_nothing(theirs.parameters[key], value):
                raise TypeError(
                    f"{name}: a minitorch array takes no {key}=, for it is minitorch.numpy's function that answers; it "
                    f"takes {mine}: leave the argument out, or convert first with .numpy()"
                )
        bound = inspect.BoundArguments(mine, accepted)  # type: ignore[arg-type]
        return ours(*bound.args, **bound.kwargs)

    return call


def _targets(theirs: inspect.Signature, mine: inspect.Signature) -> dict[str, str]:
    """Return what each of NumPy's arguments is called here: the same, or what stands in its place."""
    found: dict[str, str] = {}
    names = list(mine.parameters)
    for place, key in enumerate(theirs.parameters):
        wanted = _RENAMED.get(key, key)
        if wanted in mine.parameters:
            found[key] = wanted
        elif place < len(names) and names[place] not in theirs.parameters:
            found[key] = names[place]
    return found


def _says_nothing(parameter: inspect.Parameter, value: Any) -> bool:
    if parameter.kind is parameter.VAR_KEYWORD:
        return not value
    default = parameter.default
    return value is None or value is default or (isinstance(value, (str, bool)) and value == default)


def checked(name: str, ours: Function) -> Function:
    """Return a function whose complaint about its arguments names NumPy's function."""
    signature = inspect.signature(ours)

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


def _is_spelled_out(numpys: Any) -> bool:
    """Return whether NumPy says which arguments a function takes; some of its versions do not say of functions in C."""
    if isinstance(numpys, np.ufunc):
        return False
    try:
        parameters = inspect.signature(numpys).parameters.values()
    except ValueError:
        return False
    return not any(p.kind is p.VAR_POSITIONAL for p in parameters)


def table(ours: Any, theirs: Any, prefix: str) -> dict[Any, Function]:
    """Pair the functions of a NumPy module with ours of the same names."""
    found: dict[Any, Function] = {}
    for name in ours.__all__:
        function, numpys = getattr(ours, name), getattr(theirs, name, None)
        if callable(numpys) and inspect.isroutine(function) and name not in _WRITING:
            public = f"{prefix}.{name}"
            spelled = _is_spelled_out(numpys)
            found[numpys] = answering(public, numpys, function) if spelled else checked(public, function)
    return found


def _broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    """Broadcast arrays; plotting libraries put None and strings among them, which NumPy holds as objects."""
    if any(x is None or isinstance(x, str) for x in args):
        return on_the_host(np.broadcast_arrays)(*args)
    return tuple(arranging.broadcast_arrays(*args))


@cache
def tables() -> dict[Any, Function]:
    """Return the pairs of all modules."""
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
