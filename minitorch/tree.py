"""Pytrees: nested containers as trees of arrays, under JAX's names.

Tuples, lists, dicts (by sorted keys), named tuples, dataclasses, Modules and registered classes are nodes. `None` is a node
without leaves, and a Tensor a node whose only leaf is its value, so functions see arrays and trees of tensors come back as
tensors. `is_leaf(x)` stops at nodes for which it is true.
"""

from __future__ import annotations

import builtins
import dataclasses
import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import optree

from .core import tree as core
from .core.errors import ArgumentError, ShapeError
from .tensor.handle import Tensor

TreeDef = core.TreeDef
IsLeaf = Callable[[Any], bool] | None


def flatten(tree: Any, is_leaf: IsLeaf = None) -> tuple[list[Any], TreeDef]:
    """Return the leaves and the structure of a tree.

    >>> flatten({"b": (1, 2), "a": 0})[0]
    [0, 1, 2]
    """
    return core.flatten(tree, is_leaf)


def unflatten(treedef: TreeDef, leaves: Iterable[Any]) -> Any:
    """Build a tree of a structure from leaves.

    >>> unflatten(structure({"a": 0, "b": (0, 0)}), [1, 2, 3])
    {'a': 1, 'b': (2, 3)}
    """
    given = list(leaves)
    if len(given) != treedef.num_leaves:
        raise ShapeError(f"tree.unflatten: got {len(given)} leaves for {core.shown(treedef)}; give one for each *")
    return core.unflatten(treedef, given)


def leaves(tree: Any, is_leaf: IsLeaf = None) -> list[Any]:
    """Return the leaves of a tree.

    >>> leaves([1, (2, None), {"a": 3}])
    [1, 2, 3]
    """
    return core.flatten(tree, is_leaf)[0]


def structure(tree: Any, is_leaf: IsLeaf = None) -> TreeDef:
    """Return the structure of a tree.

    >>> structure([1, 2]) == structure([3, 4])
    True
    """
    return core.flatten(tree, is_leaf)[1]


def map(f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: IsLeaf = None) -> Any:
    """Apply a function to the leaves of a tree, and to what stands in their places in the others.

    >>> map(lambda x, y: x + y, {"a": 1, "b": (2, 3)}, {"a": 10, "b": (20, 30)})
    {'a': 11, 'b': (22, 33)}
    """
    first, treedef = core.flatten(tree, is_leaf)
    return core.unflatten(treedef, [f(*xs) for xs in zip(first, *_aligned("tree.map", treedef, rest), strict=True)])


def _aligned(name: str, treedef: TreeDef, rest: Sequence[Any]) -> list[list[Any]]:
    try:
        return [treedef.flatten_up_to(other) for other in rest]
    except ValueError as error:
        shapes = ", ".join(core.shown(core.structure(other)) for other in rest)
        raise ShapeError(
            f"{name}: the first tree is {core.shown(treedef)}, the others {shapes}; they must agree"
        ) from error


def reduce(function: Callable[[Any, Any], Any], tree: Any, *initializer: Any, is_leaf: IsLeaf = None) -> Any:
    """Combine the leaves from first to last: `function(function(initializer, first), second)` and so on.

    >>> reduce(lambda x, y: x + y, [1, (2, 3)])
    6
    """
    return functools.reduce(function, leaves(tree, is_leaf), *initializer)


def reduce_associative(operation: Callable[[Any, Any], Any], tree: Any, *identity: Any, is_leaf: IsLeaf = None) -> Any:
    """Combine the leaves in pairs, then the results, and so on: for operations where the grouping does not matter.

    >>> reduce_associative(lambda x, y: x + y, [1, (2, 3)])
    6
    """
    found = leaves(tree, is_leaf)
    if not found and not identity:
        raise ArgumentError("tree.reduce_associative: the tree has no leaves; give the identity of the operation")
    while len(found) > 1:
        pairs = zip(found[::2], found[1::2])
        found = [operation(a, b) for a, b in pairs] + found[len(found) & ~1 :]
    return found[0] if found else identity[0]


def all(tree: Any, *, is_leaf: IsLeaf = None) -> bool:
    """Return whether every leaf is true.

    >>> all({"a": True, "b": (1, 0)})
    False
    """
    return builtins.all(leaves(tree, is_leaf))


def transpose(outer_treedef: TreeDef, inner_treedef: TreeDef | None, pytree_to_transpose: Any) -> Any:
    """Turn an outer tree of inner trees into an inner tree of outer trees.

    >>> transpose(structure([0, 0]), structure((0, 0, 0)), [(1, 2, 3), (4, 5, 6)])
    ([1, 4], [2, 5], [3, 6])
    """
    (parts,) = _aligned("tree.transpose", outer_treedef, [pytree_to_transpose])
    if inner_treedef is None:
        inner_treedef = core.structure(parts[0]) if parts else core.structure(None)
    rows = _aligned("tree.transpose", inner_treedef, parts)
    return core.unflatten(inner_treedef, [core.unflatten(outer_treedef, column) for column in zip(*rows)])


def broadcast(prefix_tree: Any, full_tree: Any, is_leaf: IsLeaf = None) -> Any:
    """Repeat each leaf of a prefix of a tree over the part of the tree that it stands for. None is a leaf of the prefix.

    >>> broadcast((1, 2), (0, {"a": 0, "b": 0}))
    (1, {'a': 2, 'b': 2})
    """
    whole, treedef = core.flatten(full_tree, is_leaf)
    found = core.spread(prefix_tree, core.unflatten(treedef, [_Leaf(x) for x in whole]))
    if found is None:
        raise ShapeError(
            f"tree.broadcast: {core.shown(core.structure(prefix_tree))} is no prefix of {core.shown(treedef)}"
        )
    return core.unflatten(treedef, found)


class _Leaf:
    """A box, which no registry takes for a node."""

    def __init__(self, value: Any):
        self.value = value


# --------------------------------------------------------------------------- paths


class DictKey(NamedTuple):
    """The step to an entry of a dict.

    >>> leaves_with_path({"w": 1})[0][0], str(DictKey("w"))
    ((DictKey(key='w'),), "['w']")
    """

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"


class SequenceKey(NamedTuple):
    """The step to an entry of a tuple or list.

    >>> leaves_with_path([7])[0][0], str(SequenceKey(0))
    ((SequenceKey(idx=0),), '[0]')
    """

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx}]"


class GetAttrKey(NamedTuple):
    """The step to an attribute: of a named tuple, a dataclass, a Module.

    >>> str(GetAttrKey("weight"))
    '.weight'
    """

    name: str

    def __str__(self) -> str:
        return f".{self.name}"


class FlattenedIndexKey(NamedTuple):
    """The step to a child that its class has given no name.

    >>> str(FlattenedIndexKey(1))
    '[<flat index 1>]'
    """

    key: Any

    def __str__(self) -> str:
        return f"[<flat index {self.key}>]"


def flatten_with_path(tree: Any, is_leaf: IsLeaf = None) -> tuple[list[tuple[tuple[Any, ...], Any]], TreeDef]:
    """Return pairs of path and leaf, and the structure.

    >>> flatten_with_path({"a": (1, 2)})[0]
    [((DictKey(key='a'), SequenceKey(idx=0)), 1), ((DictKey(key='a'), SequenceKey(idx=1)), 2)]
    """
    found, treedef = core.flatten(tree, is_leaf)
    accessors = treedef.accessors()
    return [(tuple(_step(e) for e in a if _is_step(e)), x) for a, x in zip(accessors, found, strict=True)], treedef


def _is_step(entry: Any) -> bool:
    """Return whether a step is one that the user sees: from a Tensor to its value is none."""
    return not (isinstance(entry.type, type) and issubclass(entry.type, Tensor))


def _step(entry: Any) -> Any:
    if isinstance(entry, optree.SequenceEntry):
        return GetAttrKey(entry.field) if isinstance(entry, optree.NamedTupleEntry) else SequenceKey(entry.entry)
    if isinstance(entry, optree.MappingEntry):
        return DictKey(entry.entry)
    return GetAttrKey(entry.entry) if isinstance(entry.entry, str) else FlattenedIndexKey(entry.entry)


def leaves_with_path(tree: Any, is_leaf: IsLeaf = None) -> list[tuple[tuple[Any, ...], Any]]:
    """Return pairs of path and leaf.

    >>> [(keystr(path), x) for path, x in leaves_with_path({"a": (1, 2)})]
    [("['a'][0]", 1), ("['a'][1]", 2)]
    """
    return flatten_with_path(tree, is_leaf)[0]


def map_with_path(f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: IsLeaf = None) -> Any:
    """Apply a function to path and leaf, and what stands in the leaf's place in the other trees.

    >>> map_with_path(lambda path, x: keystr(path), {"a": (1, 2)})
    {'a': ("['a'][0]", "['a'][1]")}
    """
    pairs, treedef = flatten_with_path(tree, is_leaf)
    others = _aligned("tree.map_with_path", treedef, rest)
    return core.unflatten(treedef, [f(*pair, *xs) for pair, *xs in zip(pairs, *others, strict=True)])


def keystr(keys: Sequence[Any], *, simple: bool = False, separator: str = "") -> str:
    """Return a path as text: as Python would write it, or only the names and numbers.

    >>> keystr((DictKey("a"), SequenceKey(0)), simple=True, separator="/")
    'a/0'
    """
    return separator.join(str(key[0]) if simple else str(key) for key in keys)


# --------------------------------------------------------------------------- classes

register = core.register


def register_pytree_node(
    nodetype: type, flatten_func: Callable[[Any], tuple[Any, ...]], unflatten_func: Callable[[Any, Any], Any]
) -> None:
    """Make a class a node: `flatten_func(node)` gives children and metadata, `unflatten_func(metadata, children)` undoes it.

    Metadata must be hashable and comparable.

    >>> class Pair:
    ...     def __init__(self, a, b):
    ...         self.a, self.b = a, b
    >>> register_pytree_node(Pair, lambda p: ((p.a, p.b), None), lambda _, children: Pair(*children))
    >>> leaves(Pair(1, (2, 3)))
    [1, 2, 3]
    """
    core.register(nodetype, flatten_func, unflatten_func)


def register_pytree_node_class(cls: type) -> type:
    """Make a class with methods `tree_flatten()` and `tree_unflatten(metadata, children)` a node. Usable as a decorator.

    >>> @register_pytree_node_class
    ... class Box:
    ...     def __init__(self, content):
    ...         self.content = content
    ...     def tree_flatten(self):
    ...         return (self.content,), None
    ...     @classmethod
    ...     def tree_unflatten(cls, metadata, children):
    ...         return cls(*children)
    >>> leaves(Box(5))
    [5]
    """
    core.register(cls, lambda node: node.tree_flatten(), cls.tree_unflatten)  # type: ignore[attr-defined]
    return cls


def register_dataclass(
    nodetype: type, data_fields: Sequence[str] | None = None, meta_fields: Sequence[str] | None = None
) -> type:
    """Make a dataclass a node, with some fields as metadata: those named, or those that `static` has made.

    Dataclasses are nodes without this, too; it is for metadata. Usable as a decorator.

    >>> @register_dataclass
    ... @dataclasses.dataclass
    ... class Layer:
    ...     w: float
    ...     name: str = static(default="layer")
    >>> map(lambda x: x * 2, Layer(1.5, "first"))
    Layer(w=3.0, name='first')
    """
    if (data_fields is None) != (meta_fields is None):
        raise ArgumentError("tree.register_dataclass: give both data_fields and meta_fields, or neither")
    if data_fields is not None and meta_fields is not None:
        known = {field.name for field in dataclasses.fields(nodetype) if field.init}
        if {*data_fields, *meta_fields} != known or set(data_fields) & set(meta_fields):
            raise ArgumentError(
                f"tree.register_dataclass: {nodetype.__name__} has the fields {sorted(known)}, each of which must stand in "
                f"data_fields {list(data_fields)} or in meta_fields {list(meta_fields)}"
            )
    return core.register_dataclass(nodetype, meta_fields)


def static(**options: Any) -> Any:
    """Make a field of a dataclass metadata: `name: str = static(default="layer")`.

    >>> static().metadata["static"]
    True
    """
    return dataclasses.field(**options, metadata={**options.pop("metadata", {}), "static": True})


def register_static(cls: type) -> type:
    """Make a class a node without leaves, kept as metadata; it must be hashable and comparable. Usable as a decorator.

    >>> @register_static
    ... class Mode(str):
    ...     pass
    >>> leaves([Mode("train"), 1])
    [1]
    """
    core.register(cls, lambda node: ((), node), lambda node, _: node)
    return cls


class Partial(functools.partial):  # type: ignore[type-arg]
    """A `functools.partial` whose arguments are leaves, so that it can be given to a transformed function.

    >>> leaves(Partial(max, 1, key=None))
    [1]
    """


core.register(
    Partial,
    lambda p: ((p.args, p.keywords), p.func, ("args", "keywords")),
    lambda func, children: Partial(func, *children[0], **children[1]),
)
