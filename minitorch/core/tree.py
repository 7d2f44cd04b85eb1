"""Pytrees, by optree: dict keys sorted, `None` is a node without leaves.

Classes join with `register`; dataclasses join on first sight. Knows nothing about what the leaves are.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import optree

NAMESPACE = "minitorch"
ITSELF = ""  # the entry of a node's only child that stands for the node: paths leave it out
TreeDef = optree.PyTreeSpec


def register(
    cls: type, flatten_one: Callable[[Any], tuple[Any, ...]], unflatten_one: Callable[[Any, Any], Any]
) -> None:
    """Make a class a pytree node.

    `flatten_one(node)` returns `(children, metadata)` or `(children, metadata, entries)`; metadata must be hashable
    and comparable; `unflatten_one(metadata, children)` undoes it.
    """
    optree.register_pytree_node(cls, flatten_one, unflatten_one, namespace=NAMESPACE)


def register_dataclass(cls: type) -> type:
    """Make a dataclass a pytree node whose children are its fields. Usable as a decorator."""
    names = tuple(field.name for field in dataclasses.fields(cls))

    def flatten_one(node: Any) -> tuple[Any, ...]:
        return tuple(getattr(node, name) for name in names), None, names

    def unflatten_one(_: Any, children: Iterable[Any]) -> Any:
        node: Any = object.__new__(cls)
        for name, child in zip(names, children, strict=True):
            object.__setattr__(node, name, child)
        return node

    register(cls, flatten_one, unflatten_one)
    return cls


def flatten(tree: Any) -> tuple[list[Any], TreeDef]:
    """Return the leaves and the structure of a tree."""
    leaves, structure = optree.tree_flatten(tree, namespace=NAMESPACE)
    for leaf in leaves:
        if hasattr(type(leaf), "__dataclass_fields__"):  # a dataclass met for the first time
            register_dataclass(type(leaf))
            return flatten(tree)
    return leaves, structure


def flatten_until(tree: Any, kind: type) -> tuple[list[Any], TreeDef]:
    """Like `flatten`, but instances of a class stay whole, even if they are nodes."""
    leaves, structure = optree.tree_flatten(tree, is_leaf=lambda x: isinstance(x, kind), namespace=NAMESPACE)
    for leaf in leaves:
        if hasattr(type(leaf), "__dataclass_fields__"):
            register_dataclass(type(leaf))
            return flatten_until(tree, kind)
    return leaves, structure


def unflatten(structure: TreeDef, leaves: Iterable[Any]) -> Any:
    """Build a tree of the given structure from leaves."""
    return structure.unflatten(leaves)


def leaves(tree: Any) -> list[Any]:
    """Return the leaves of a tree."""
    return flatten(tree)[0]


def structure(tree: Any) -> TreeDef:
    """Return the structure of a tree."""
    return flatten(tree)[1]


def map(function: Callable[..., Any], tree: Any, *rest: Any) -> Any:
    """Apply a function to the corresponding leaves of trees of one structure.

    >>> map(lambda x, y: x + y, {"a": 1, "b": (2, 3)}, {"a": 10, "b": (20, 30)})
    {'a': 11, 'b': (22, 33)}
    """
    first, spec = flatten(tree)
    others = [spec.flatten_up_to(other) for other in rest]
    return unflatten(spec, [function(*xs) for xs in zip(first, *others, strict=True)])


def spread(prefix: Any, tree: Any) -> list[Any] | None:
    """Return, for each leaf of a tree, the entry of a prefix of that tree which covers it; None if it is no prefix.

    In the prefix, None is an entry like any other.

    >>> spread({"a": None, "b": 1}, {"a": (2, 3), "b": [4]})
    [None, None, 1]
    """
    marked = optree.tree_map(lambda x: _Entry(x), prefix, none_is_leaf=True, namespace=NAMESPACE)
    try:
        entries = optree.broadcast_prefix(marked, tree, namespace=NAMESPACE)
    except ValueError:
        return None
    return [entry.value for entry in entries]


def agree(a: TreeDef, b: TreeDef) -> bool:
    """Return whether two trees have the same keys, where a node with one leaf (a Tensor) may stand for that leaf."""
    if a == b:
        return True
    return a.num_leaves == b.num_leaves and all(p[: len(q)] == q[: len(p)] for p, q in zip(a.paths(), b.paths()))


_CUSTOM = re.compile(r"CustomTreeNode\((\w+)\[[^\[\]]*\], \[([^\[\]]*)\]\)")


def shown(structure: TreeDef) -> str:
    """Return a structure for a message: leaves are `*`.

    >>> shown(structure({"a": 1, "b": (2, 3)}))
    "{'a': *, 'b': (*, *)}"
    """
    text, count = str(structure), 1
    while count:
        text, count = _CUSTOM.subn(r"\1(\2)", text)
    return text.removeprefix("PyTreeSpec(").removesuffix(")").removesuffix(f", namespace={NAMESPACE!r}")


class _Entry:
    """A box around an entry, so that None counts as one."""

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value


def paths(tree: Any, root: str = "") -> list[str]:
    """Return a printable path for each leaf: `params['w']`, `args[0].bias`."""
    flatten(tree)
    return [_path(p, root) for p in optree.tree_paths(tree, namespace=NAMESPACE)]


def _path(entries: Sequence[Any], root: str) -> str:
    return root + "".join(f"[{entry!r}]" for entry in entries if entry is not ITSELF)
