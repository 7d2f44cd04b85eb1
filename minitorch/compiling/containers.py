"""Containers of arguments and results taken apart down to their tensors, which stay whole: they are handles.

The tree of a module has no tensors of integers, such as a count of batches, as leaves; a compiled function has them as
inputs and outputs all the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..core import dtypes, tree
from ..nn.module import Module
from ..nn.structure import Skeleton, take_apart, unflatten_module
from ..tensor.handle import Tensor
from .snapshots import signature

Leaves = list[Any]


def flatten(value: Any) -> tuple[Leaves, Any]:
    """Take a tree apart down to its tensors."""
    return tree.flatten_until(value, Tensor)


def modules_in(value: Any) -> list[Module]:
    """Return the modules in a tree."""
    return [x for x in _tops(value)[0] if isinstance(x, Module)]


def _tops(value: Any) -> tuple[Leaves, Any]:
    return tree.flatten_until(value, (Tensor, Module))  # type: ignore[arg-type]


def counters(module: Module) -> list[tuple[Module, str, Tensor]]:
    """Return a module's tensors of integers, which count, and where they stand."""
    found = [(m, name, x) for m in module.modules() for name, x in vars(m).items() if name in m._kinds]
    return [(m, name, x) for m, name, x in found if isinstance(x, Tensor) and x.dtype not in dtypes.INEXACT]


def copied(modules: list[Module], copies: list[Module]) -> Any:
    """Give copies the counters of their originals; return the copies with their signatures."""
    for module, twin in zip(modules, copies, strict=True):
        for (_, _, x), (m, name, _) in zip(counters(module), counters(twin), strict=True):
            vars(m)[name] = x
    return [(m, signature(m)) for twin in copies for m in twin.modules()]


def apart(value: Any) -> tuple[Leaves, Any]:
    """Take a tree apart like `flatten`; where a module counts, with the tensors that do so."""
    if not any(map(counters, modules_in(value))):
        return flatten(value)
    tops, outer = _tops(value)
    parts = [_whole(x) if isinstance(x, Module) else ((x,), None) for x in tops]
    sizes = [(len(leaves), skeleton) for leaves, skeleton in parts]
    return [x for leaves, _ in parts for x in leaves], Whole(outer, sizes)


def _whole(module: Module) -> tuple[tuple[Tensor, ...], Skeleton]:
    found, skeleton = take_apart(module, lambda x: True)
    return tuple(x for x, _ in found), skeleton


@dataclass(frozen=True, slots=True)
class Whole:
    """A structure whose modules have all their tensors as leaves: those of each part come with their number, and what is
    left of a module.
    """

    outer: Any
    parts: list[tuple[int, Skeleton | None]]

    @property
    def type(self) -> Any:
        """The class of a module: what a file cannot hold."""
        return next(skeleton.cls for _, skeleton in self.parts if skeleton is not None)

    @property
    def num_leaves(self) -> int:
        """How many leaves there are."""
        return sum(size for size, _ in self.parts)

    @property
    def num_nodes(self) -> int:
        """How many containers and leaves there are."""
        return self.outer.num_nodes + self.num_leaves  # type: ignore[no-any-return]

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """Return the tree around leaves."""
        rest = iter(leaves)
        groups = [([next(rest) for _ in range(size)], skeleton) for size, skeleton in self.parts]
        return self.outer.unflatten([x[0] if s is None else unflatten_module(s, x) for x, s in groups])
