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


def register_dataclass(cls: type, static: Iterable[str] | None = None) -> type:
    """Make a dataclass a pytree node whose children are its fields, but for static ones, which are metadata.

    By default those are static whose field has `metadata={"static": True}`. Usable as a decorator.
    """
    fields = dataclasses.fields(cls)
    fixed = {f.name for f in fields if f.metadata.get("static", False)} if static is None else set(static)
    names = tuple(f.name for f in fields if f.name not in fixed)
    kept = tuple(f.name for f in fields if f.name in fixed)

    def flatten_one(node: Any) -> tuple[Any, ...]:
        return tuple(getattr(node, n) for n in names), tuple(getattr(node, n) for n in kept), names

    def unflatten_one(metadata: Any, children: Iterable[Any]) -> Any:
        node: Any = object.__new__(cls)
        for name, child in zip((*names, *kept), (*children, *metadata), strict=True):
            object.__setattr__(node, name, child)
        return node

    register(cls, flatten_one, unflatten_one)
    return cls


def apart(cls: type) -> Callable[[Any], tuple[Any, ...]] | None:
    """Return what takes nodes of a registered class apart, into `(children, metadata, ...)`; None for other classes."""
    known = optree.register_pytree_node.get(cls, namespace=NAMESPACE)
    return known.flatten_func if known is not None and known.kind is optree.PyTreeKind.CUSTOM else None


def flatten(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], TreeDef]:
    """Return the leaves and the structure of a tree; nodes for which `is_leaf` is true stay whole."""
    leaves, structure = optree.tree_flatten(tree, is_leaf, namespace=NAMESPACE)
    for leaf in leaves:
        if hasattr(type(leaf), "__dataclass_fields__") and not (is_leaf is not None and is_leaf(leaf)):
            register_dataclass(type(leaf))  # met for the first time
            return flatten(tree, is_leaf)
    return leaves, structure


def flatten_until(tree: Any, kind: type) -> tuple[list[Any], TreeDef]:
    """Like `flatten`, but instances of a class stay whole, even if they are nodes."""
    return flatten(tree, lambda x: isinstance(x, kind))


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


def paths(tree: Any, root: str = "", whole: type | tuple[()] = ()) -> list[str]:
    """Return a printable path for each leaf: `params['w']`, `args[0].bias`; instances of `whole` stay whole."""
    flatten(tree)
    found = optree.tree_paths(tree, is_leaf=lambda x: isinstance(x, whole), namespace=NAMESPACE)
    return [_path(p, root) for p in found]


def _path(entries: Sequence[Any], root: str) -> str:
    return root + "".join(f"[{entry!r}]" for entry in entries if entry is not ITSELF)
