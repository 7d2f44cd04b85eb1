"""Functions of functions: along axes, over axes, over the elements that broadcast together."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from ..core.ops import shaping as S
from ..core.tracer import Value, aval_of
from ..core.transforms import vmap
from .arguments import array_of

Function = Callable[..., Any]


def apply_along_axis(func1d: Function, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Value:
    """Apply a function of vectors to every vector along an axis; what it returns takes the axis's place.

    >>> mnp.apply_along_axis(mnp.cumsum, 0, mnp.array([[1, 2], [3, 4]]))
    Array([[1, 2],
           [4, 6]], dtype=int64)
    """
    arr = array_of(arr)
    place = S.canonical_axis("apply_along_axis", axis, arr.ndim) + arr.ndim

    def function(x: Value) -> Any:
        return func1d(x, *args, **kwargs)

    for _ in range(1, arr.ndim - place):
        function = vmap(function, in_axes=1, out_axes=-1)
    for _ in range(place):
        function = vmap(function, in_axes=0, out_axes=0)
    return function(arr)


def apply_over_axes(func: Function, a: Any, axes: Any) -> Value:
    """Apply `func(a, axis)` for one axis after the other; axes that it drops stay with size 1.

    >>> mnp.apply_over_axes(mnp.sum, mnp.ones((2, 3)), (0, 1))
    Array([[6.]], dtype=float32)
    """
    a = array_of(a)
    for axis in axes if isinstance(axes, (tuple, list)) else (axes,):
        out = func(a, axis=axis)
        a = S.expand_dims(out, axis) if out.ndim == a.ndim - 1 else out
    return a


_ARGUMENT = r"\(\s*(?:\w+(?:\s*,\s*\w+)*)?\s*\)"
_SIGNATURE = re.compile(rf"^\s*{_ARGUMENT}(?:\s*,\s*{_ARGUMENT})*\s*->\s*{_ARGUMENT}(?:\s*,\s*{_ARGUMENT})*\s*$")


def vectorize(pyfunc: Function, *, excluded: Collection[int | str] = (), signature: str | None = None) -> Function:
    """Return a function that applies `pyfunc` to every element of arguments that broadcast, by `vmap`.

    A signature such as `"(n),(n)->()"` says which last axes one call takes and returns. Arguments named in `excluded`,
    by position or keyword, are passed as they are; keyword arguments must be among them.

    >>> mnp.vectorize(lambda x, y: x if x is y else x + y)(mnp.array([1, 2]), 10)
    Array([11, 12], dtype=int64)
    >>> mnp.vectorize(mnp.dot, signature="(n),(n)->()")(mnp.ones((2, 3)), mnp.ones(3))
    Array([3., 3.], dtype=float32)
    """
    inputs, outputs = (None, None) if signature is None else _parsed(signature)

    @functools.wraps(pyfunc, updated=())
    def vectorized(*args: Any, **kwargs: Any) -> Any:
        stray = set(kwargs) - {e for e in excluded if isinstance(e, str)}
        if stray:
            raise ArgumentError(f"vectorize: keyword arguments {sorted(stray)} must be excluded or passed by position")
        places = [i for i in range(len(args)) if i not in excluded]
        values = [array_of(args[i]) for i in places]
        cores = inputs or [()] * len(values)
        if len(cores) != len(values):
            raise ArgumentError(f"vectorize: {signature!r} takes {len(cores)} arrays, got {len(values)}")

        def call(*inner: Any) -> Any:
            full = list(args)
            for i, x in zip(places, inner):
                full[i] = x
            return _checked(pyfunc(*full, **kwargs), outputs, sizes, str(signature))

        sizes = _core_sizes(values, cores, str(signature))
        return _mapped(call, values, [len(core) for core in cores])

    return vectorized


def _parsed(signature: str) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    if not _SIGNATURE.match(signature):
        raise ArgumentError(f"vectorize: {signature!r} is no signature; write one such as '(n,m),(m)->(n)'")
    sides = [re.findall(_ARGUMENT, side) for side in signature.split("->")]
    inputs, outputs = ([tuple(re.findall(r"\w+", one)) for one in side] for side in sides)
    return inputs, outputs


def _core_sizes(values: list[Value], cores: Any, signature: str) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for x, core in zip(values, cores):
        if x.ndim < len(core):
            raise ShapeError(f"vectorize: {aval_of(x)} has too few axes for {core} of {signature!r}")
        for name, n in zip(core, x.shape[x.ndim - len(core) :]):
            if sizes.setdefault(name, n) != n or (name.isdigit() and int(name) != n):
                raise ShapeError(f"vectorize: the axis {name!r} of {signature!r} has sizes {sizes[name]} and {n}")
    return sizes


def _checked(out: Any, outputs: Any, sizes: dict[str, int], signature: str) -> Any:
    if outputs is None:
        return out
    found = out if isinstance(out, tuple) else (out,)
    if len(found) != len(outputs):
        raise ShapeError(f"vectorize: {signature!r} returns {len(outputs)} arrays, the function {len(found)}")
    for x, core in zip(map(array_of, found), outputs):
        known = tuple(sizes.get(name, n) for name, n in zip(core, x.shape))
        if len(core) != x.ndim or known != x.shape:
            raise ShapeError(
                f"vectorize: the function returned {aval_of(x)}, which does not fit {core} of {signature!r}"
            )
    return out


def _mapped(call: Function, values: list[Value], core_ranks: list[int]) -> Any:
    """Map over the axes in front, which broadcast; axes of size 1 are dropped, and not mapped."""
    fronts = [x.shape[: x.ndim - rank] for x, rank in zip(values, core_ranks)]
    try:
        shape = np.broadcast_shapes(*fronts)
    except ValueError:
        raise ShapeError(
            f"vectorize: shapes {', '.join(map(str, fronts))} do not broadcast; reshape an argument"
        ) from None
    if not shape:
        return call(*values)
    function, squeezed = call, []
    axes: list[list[int | None]] = []
    for x, front in zip(values, fronts):
        missing = len(shape) - len(front)
        varies = [n == m for n, m in zip(front, shape[missing:])]
        axes.append([None] * missing + [0 if v else None for v in varies])
        kept = tuple(n for n, v in zip(front, varies) if v)
        squeezed.append(S.reshape(x, kept + x.shape[len(front) :]))
    for axis in reversed(range(len(shape))):
        function = vmap(function, in_axes=tuple(row[axis] for row in axes))
    return function(*squeezed)


__all__ = [
    "apply_along_axis", "apply_over_axes", "vectorize",
]  # fmt: skip
