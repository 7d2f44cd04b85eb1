"""Arguments: a call's arguments taken apart into what a program computes with, and what it is recorded for.

Arrays, tensors and plain numbers are inputs; numbers stay weak. Whatever else there is, strings, booleans, functions, is
static: part of the key, compared by value.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import dtypes, tree
from ..core.array import Array
from ..core.aval import Aval
from ..core.errors import JitError
from ..core.ops.families import as_array
from ..core.tracer import Tracer, aval_of
from ..tensor.handle import Tensor
from .capture import Argument, Capture
from .containers import apart, copied, counters, flatten, modules_in
from .forms import Form, form, is_number
from .snapshots import kind, signature


class Arguments:
    """The arguments of one call."""

    __slots__ = (
        "called",
        "given",
        "inner",
        "is_flat",
        "key",
        "leaves",
        "modules",
        "own",
        "storages",
        "structure",
        "viewed",
    )

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any], static: tuple[Any, ...]):
        self.leaves, self.structure = flatten((args, kwargs))
        for i, x in enumerate(self.leaves):
            if isinstance(x, (np.ndarray, np.generic)):
                self.leaves[i] = as_array(x)
        self.is_flat = not kwargs and not static and len(self.leaves) == len(args)
        self.modules = [] if self.is_flat else modules_in((args, kwargs))
        self.own = len(self.leaves)
        for m in self.modules:  # a module's tensors without gradient are no leaves of the tree
            self.leaves += [x for _, _, x in counters(m)]
        self.given: set[int] = set()  # the leaves of donated arguments
        self.called = args, kwargs, static  # with the static ones in their places, if there are any: see `form`
        self.storages = self._storages()
        # Noted before the call, which may view more.
        self.viewed = tuple([isinstance(x, Tensor) and x._view is not None for x in self.leaves])
        orders = None if self.is_flat else _orders((args, kwargs))
        self.key = (
            self.structure,
            (static, exact(static), orders, tuple(map(kind, self.modules))),
            tuple(map(_kind, self.leaves)),
            self._aliases(),
        )

    apart = staticmethod(apart)

    def form(self) -> Form | None:
        """Return the form of the call, None if it has none that is quick to compare."""
        try:
            return form(*self.called, self.leaves)
        except RecursionError:  # containers in containers, hundreds of them
            return None

    def _aliases(self) -> Any:
        """Return which tensors are the same, or share memory, as a pattern; None when none do."""
        tensors = [x for x in self.leaves if isinstance(x, Tensor)]
        grads = [x._cell.grad for x in tensors if x._cell is not None and x._cell.grad is not None]
        ids = [id(x) for x in tensors + grads]
        shared = [s for s in self.storages if s is not None]
        if len(set(ids)) == len(ids) and len(set(shared)) == len(shared):
            return None
        return tuple(map(ids.index, ids)), tuple(map(shared.index, shared))

    def _storages(self) -> list[int | None]:
        """Return the identity of each tensor's storage, None for those that share nothing."""
        found: dict[int, int | None] = {}
        for x in self.leaves:
            if isinstance(x, Tensor):
                found[id(x)] = None if x._view is None else id(x._view.storage)
        return list(found.values())

    def staged(self, capture: Capture) -> tuple[Any, Any]:
        """Return the arguments with traced values in the place of their own."""
        inner = []
        for i, x in enumerate(self.leaves):
            if isinstance(x, Tensor):
                capture.known.setdefault(id(x), Argument(i))
                capture.adopted((x,))
                inner.append(x)
            elif isinstance(x, (Array, Tracer)):
                inner.append(capture.trace.input(aval_of(x), Argument(i)))
            elif is_number(x):
                inner.append(capture.trace.input(Aval((), dtypes.promote(type(x)), weak=True), Argument(i)))
            else:
                inner.append(x)
        self.inner = inner[: self.own]
        args, kwargs = tree.unflatten(self.structure, self.inner)
        if self.modules:
            self.modules = copied(self.modules, modules_in((args, kwargs)))
        return args, kwargs

    def seen(self, static: Any) -> list[Any]:
        """Return the objects among the arguments that may change between calls."""
        found: list[Any] = [x for x in self.leaves if not isinstance(x, (Tensor, Array, Tracer))]
        for m in (inner for module in self.modules for inner in module.modules()):
            found += [type(m).forward, type(m), *(v for n, v in vars(m).items() if n not in m._kinds)]
        return [*found, static]

    def unchanged(self, args: Any, kwargs: Any) -> None:
        """Raise if the function has changed a container that it was given."""
        leaves, structure = flatten((args, kwargs))
        if any(signature(m) != before for m, before in self.modules):
            raise JitError(
                "jit: the function changes an attribute or the mode of a module that it was given; a compiled function sees "
                "a copy, so the change would be lost. Let the function close over the module, or write to a buffer"
            )
        if structure != self.structure or any(a is not b for a, b in zip(leaves, self.inner, strict=True)):
            raise JitError(
                "jit: the function changes a list or dict that it was given; a compiled function sees a copy, so the "
                "change would be lost. Return the new container instead"
            )


def exact(value: Any) -> Any:
    """Return a static value with the types of what is in it, which equality does not tell: 1, 1.0 and True."""
    if isinstance(value, tuple):
        return type(value), tuple(map(exact, value))
    return type(value), repr(value) if isinstance(value, (float, complex)) else value


def _orders(value: Any) -> Any:
    """Return the order of the keys of each dict, which its structure does not tell."""
    if isinstance(value, dict):
        return (*value, *filter(None, map(_orders, value.values())))
    return tuple(filter(None, map(_orders, value))) if isinstance(value, (list, tuple)) else ()


def _state(x: Tensor) -> Any:
    """Return whether a tensor is recorded, as a leaf or not, and whether it may share its memory."""
    return x.node and x.is_leaf, x._view is None


def _waiting(x: Tensor) -> Any:
    """Return what waits for a tensor's gradient: whether there is one already, and the hooks."""
    cell = x._cell
    return cell and (cell.grad is None, *cell.hooks.values(), *cell.post_hooks.values())


def _kind(x: Any) -> Any:
    """Return what a leaf contributes to the key."""
    if isinstance(x, Tensor):
        value = x.current()
        return Tensor, type(x), value.shape, value.dtype, _state(x), type(value) is Array, _waiting(x)
    if isinstance(x, (Array, Tracer)):
        return Array, x.shape, x.dtype
    if is_number(x):
        return type(x)
    try:
        hash(x)
    except TypeError:
        raise JitError(
            f"jit: an argument of type {type(x).__name__} is neither an array nor hashable; pass arrays and numbers in "
            "lists, tuples and dicts, or make it hashable"
        ) from None
    return "static", type(x), x


def kind_in_words(kind: Any) -> str:
    """Say what the key holds of a leaf."""
    if isinstance(kind, type):
        return f"a number ({kind.__name__}), whatever its value"
    if kind[0] is Tensor:
        _, cls, shape, dtype, (is_leaf, is_alone), *_ = kind
        needs = "" if is_leaf is None else ", requiring grad" if is_leaf else ", with a graph of its own"
        return f"a {cls.__name__} {dtypes.name(dtype)}{list(shape)}{needs}{'' if is_alone else ', perhaps a view'}"
    if kind[0] is Array:
        return f"an Array {dtypes.name(kind[2])}{list(kind[1])}"
    return f"{kind[2]!r} (static)"
