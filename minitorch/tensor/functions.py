"""The public functions, and the methods of Tensor, made of the tables.

A name is in one table: `BOTH` for what is a function and a method, `FUNCTIONS`, `METHODS`, `PROPERTIES`. Every function
accepts `axis` and `keepdims` for `dim` and `keepdim`, and tensors to write its results to (`out=`), as in PyTorch.
"""

from __future__ import annotations

import functools
from typing import Any

from ..core.array import Array
from . import (
    algebra,
    arranging,
    conversion,
    factors,
    later,
    linalg,
    parts,
    placing,
    pointwise,
    rearranging,
    reducing,
    special,
    statistics,
    views,
)
from .handle import Tensor, tensor_of
from .outputs import given_to
from .table import Function, Table, as_tensors
from .texts import described

THEMES = (
    *(
        pointwise,
        reducing,
        views,
        parts,
        arranging,
        placing,
        algebra,
        linalg,
        special,
        statistics,
        factors,
        rearranging,
    ),
    later,
)
# What returns the tensor itself where nothing changes, as in PyTorch.
RETURN_SELF = frozenset(
    (
        "positive",
        "conj",
        "real",
        "contiguous",
        "resolve_conj",
        "resolve_neg",
        "conj_physical",
        "atleast_1d",
        "atleast_2d",
        "atleast_3d",
        "detach",
    )
)
RETURN_SELF |= set(conversion.METHODS)
_RENAMED = {"axis": "dim", "keepdims": "keepdim"}


def collected(kind: str) -> Table:
    """Return the tables of one kind, from all themes, as one."""
    table: Table = {}
    for theme in THEMES:
        table |= getattr(theme, kind)
        if kind in ("BOTH", "FUNCTIONS"):
            own = getattr(theme, kind)
            table |= {alias: own[name] for alias, name in theme.ALIASES.items() if name in own}
    return table


def public(name: str, function: Function) -> Function:
    """Return a function under its public name, with a docstring."""
    if hasattr(function, "quick"):
        return _PUBLIC_POINTWISE[function.count](name, function)
    if "<" in function.__qualname__:
        function.__qualname__ = name  # what Python's own complaint about arguments shows

    @functools.wraps(described(name, function))
    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            if kwargs.get("out") is not None:
                target = kwargs.pop("out")
                return given_to(target, call(*args, **kwargs), name)
            kwargs = {_RENAMED.get(k, k): v for k, v in kwargs.items() if k != "out"}
        out = function(*args, **kwargs)
        if args and isinstance(args[0], Tensor):
            if out is args[0] and name not in RETURN_SELF:
                # The core returns what needs no change as it is; a write to the result must not reach the argument.
                return conversion.clone(out)
            if type(out) is Array:  # a constant
                return tensor_of(out)
            if isinstance(out, tuple):
                return as_tensors(out)
        return out

    call.__name__ = call.__qualname__ = name
    return call


def _public_unary(name: str, function: Function) -> Function:
    """Return a pointwise function of one argument: a frame of its own would cost 0.2 us."""
    quick = function.quick  # type: ignore[attr-defined]

    def call(input: Any, *, out: Tensor | None = None) -> Any:
        if out is not None:
            return given_to(out, call(input), name)
        return quick(input) if isinstance(input, Tensor) else function(input)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = described(name, function).__doc__
    return call


def _public_binary(name: str, function: Function) -> Function:
    """Return a pointwise function of two arguments."""
    quick = function.quick  # type: ignore[attr-defined]

    def call(input: Any, other: Any, *, out: Tensor | None = None) -> Any:
        if out is not None:
            return given_to(out, call(input, other), name)
        return quick(input, other) if isinstance(input, Tensor) else function(input, other)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = described(name, function).__doc__
    return call


_PUBLIC_POINTWISE = {1: _public_unary, 2: _public_binary}


def attach(name: str, function: Function) -> None:
    """Make a function a method of Tensor; pointwise functions take their shortcut directly."""
    if not hasattr(function, "quick"):
        setattr(Tensor, name, public(name, function))
        return
    quick = function.quick
    if quick.__doc__ is None:  # aliases share it: the first name is the function's own
        quick.__name__ = quick.__qualname__ = name
        quick.__doc__ = described(name, function).__doc__
    setattr(Tensor, name, quick)


BOTH, FUNCTIONS, METHODS = collected("BOTH"), collected("FUNCTIONS"), collected("METHODS")
PUBLIC: Table = {name: public(name, f) for name, f in (BOTH | FUNCTIONS | conversion.FUNCTIONS).items()}
for _name, _function in (BOTH | METHODS | conversion.METHODS).items():
    attach(_name, _function)
for _name, _function in (views.PROPERTIES | parts.PROPERTIES | conversion.PROPERTIES).items():
    setattr(Tensor, _name, property(described(_name, _function)))

globals().update(PUBLIC)
__all__ = list(PUBLIC)
