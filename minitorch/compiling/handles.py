"""Handles: how the tensors of a program's results, and what says which of them share memory, are made natively."""

from __future__ import annotations

from typing import Any

from ..core.array import Array
from ..core.jit.native.making import Objects, Place, functions
from ..core.jit.native.pairs import Unreadable
from ..tensor.alias import Root, Storage, View
from ..tensor.handle import AmbientTape, Tensor
from .program import Fresh, Program, Seen


class Handles:
    """The handles of a program's results: arrays that are new, new tensors of them, and views of these.

    `found` says where among the new arrays each output is. Anything else raises Unreadable.
    """

    def __init__(self, program: Program, found: dict[int, int], tape: AmbientTape | None, objects: Objects):
        self.program = program
        self.found = found
        self.tape = tape
        self.objects = objects
        self.storages: dict[int, tuple[Place, Place]] = {}  # of positions that results are views of, with their roots

    def places(self) -> list[int]:
        """Return the place of each result in the list of what a call makes."""
        return [self._place(i, r) for i, r in enumerate(self.program.results)]

    def _place(self, position: int, result: Any) -> int:
        if type(result) is Seen:
            return self._view(result)
        array = self._array(position)
        if result.kind is None:
            return array
        shared = any(type(r) is Seen and r.base == position for r in self.program.results)
        return self._tensor(array, self._taken(position, (), 0) if shared else None)

    def _array(self, position: int) -> Place:
        result = self.program.made[position]
        if (
            type(result) is not Fresh
            or not result.is_plain
            or result.kind not in (None, Tensor)
            or result.index not in self.found
        ):
            raise Unreadable("a result")
        return Place(self.found[result.index])

    def _tensor(self, array: Place, view: Place | None) -> Place:
        if self.tape is None or functions() is None:
            raise Unreadable("a tape")
        return self.objects.instance(Tensor, _trace=self.tape, value=array, _view=view, node=None)

    def _view(self, seen: Seen) -> Place:
        """Add a view of another result, as `Seen` makes it."""
        window, base = seen.window, seen.base
        if window is None or type(base) is not int:
            raise Unreadable("a view")
        data = self.objects.window(self._array(base), window.shape, window.dtype, window.offset, window.strides)
        part = self.objects.instance(Array, _data=data)
        view = View(Storage(None), (), Root(None), 0)
        for step in seen.steps:
            view = view.then(step)
        return self._tensor(part, self._taken(base, view.steps, view.start))

    def _taken(self, base: int, steps: tuple[Any, ...], start: int) -> Place:
        """Add what says how a handle is taken; where a step cuts the graph, a root of its own begins."""
        if base not in self.storages:
            storage = self.objects.instance(Storage, value=self._array(base), version=0)
            self.storages[base] = storage, self._root()
        storage, root = self.storages[base]
        root = self._root() if start else root
        slots = {"storage": storage, "steps": steps, "root": root, "start": start, "version": 0, "seen": 0}
        return self.objects.instance(View, **slots)

    def _root(self) -> Place:
        return self.objects.instance(Root, node=None, version=0)
