"""The basic index: integers, slices and new axes.

Reading by it is a view (`basic_index`); the transpose writes into zeros (`basic_put`); `basic_set` writes into a copy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..aval import Aval
from .families import LEADING, custom, linear
from .shaping import zeros_of


class BasicIndex:
    """A hashable index of the last `len(sizes)` axes, whatever axes are in front.

    An item is an integer, None for a new axis, or `(start, stop, step)`. `key` is the same for NumPy; `shape` is what
    the indexed axes become.
    """

    __slots__ = ("items", "key", "shape", "sizes")
    key: Any

    def __init__(self, items: tuple[Any, ...], sizes: tuple[int, ...]):
        self.items = items
        self.sizes = sizes
        remaining = iter(sizes)
        key: list[Any] = []
        shape: list[int] = []
        for item in items:
            if item is None:
                shape.append(1)
                key.append(None)
            elif type(item) is tuple:
                chosen = slice(*item)
                shape.append(len(range(*chosen.indices(next(remaining)))))
                key.append(chosen)
            else:
                next(remaining)
                key.append(item)
        self.key = (Ellipsis, *key)
        self.shape = tuple(shape)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BasicIndex) and (self.items, self.sizes) == (other.items, other.sizes)

    def __hash__(self) -> int:
        return hash((self.items, self.sizes))

    def __repr__(self) -> str:
        return f"[{', '.join(map(_item_text, self.items))}]"


def _item_text(item: Any) -> str:
    return ":".join("" if i is None else str(i) for i in item) if type(item) is tuple else str(item)


def _basic_put(g: Any, *, index: BasicIndex) -> Any:
    lead = g.shape[: g.ndim - len(index.shape)]
    out = np.zeros(lead + index.sizes, g.dtype)
    out[index.key] = g
    return out


def _basic_set(x: Any, v: Any, *, index: BasicIndex) -> Any:
    out = x.copy()
    out[index.key] = v
    return out


def _indexed(before: int, x: Aval, shape: tuple[int, ...]) -> Aval:
    return x._replace(shape=x.shape[: x.ndim - before] + shape, weak=False)


basic_index = linear(
    "basic_index",
    lambda x, *, index: x[index.key],
    lambda g, index: basic_put(g, index=index),
    abstract=lambda x, *, index: _indexed(len(index.sizes), x, index.shape),
)
basic_put = linear(
    "basic_put",
    _basic_put,
    lambda g, index: basic_index(g, index=index),
    abstract=lambda g, *, index: _indexed(len(index.shape), g, index.sizes),
)
basic_set = custom(
    "basic_set",
    _basic_set,
    abstract=lambda x, v, *, index: x._replace(weak=False),
    vjp=(
        lambda g, v_aval, index: basic_set(g, zeros_of(v_aval), index=index),
        lambda g, index: basic_index(g, index=index),
    ),
    jvp=(
        lambda t, v_aval, index: basic_set(t, zeros_of(v_aval), index=index),
        lambda t, index: basic_put(t, index=index),
    ),
    batch=LEADING,
)
