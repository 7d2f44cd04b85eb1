"""Handles: how the tensors and modules of a program's results, their nodes on a tape, and what says which of them share
memory are made natively.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.array import Array
from ..core.jit.native.making import Objects, Place, functions
from ..core.jit.native.pairs import Unreadable
from ..core.tape import FREED, Node, Pick, next_sequence
from ..nn.module import Module
from ..tensor.alias import Root, Storage, View
from ..tensor.handle import AmbientTape, Tensor
from .derivative import SPENT, Derivative
from .program import Fresh, Program, Seen

_new = object.__new__


class Nodes:
    """The node of a call of a compiled function, and those of its results on a tape.

    The call's own is made before the results, which refer to it, and filled when they are there.
    """

    def __init__(self, derivative: Derivative, live: Sequence[int], objects: Objects):
        if derivative.rule is None:  # nothing has been recorded yet
            raise Unreadable("a rule")
        self.rule, self.shapes, self.dtypes = derivative.rule, derivative.shapes, derivative.dtypes
        self.first = objects.given()  # the node itself, or the parents of those that pick a result
        self.second: Place | None = None  # of these, the place in the order of creation
        if len(live) == 1:
            self.places = {live[0]: self.first}
            self.shape, self.dtype = self.shapes[0], self.dtypes[0]
        else:
            self.second = objects.given()
            self.shape, self.dtype = self.shapes, self.dtypes
            self.places = {position: self._pick(i, objects) for i, position in enumerate(live)}

    def _pick(self, i: int, objects: Objects) -> Place:
        assert self.second is not None
        rest = {"saved": (), "params": None, "cell": None, "line": None, "pick": i}
        kinds = {"plan": self.rule, "shape": self.shapes[i], "dtype": self.dtypes[i], **rest}
        return objects.instance(Pick, parents=self.first, sequence=self.second, **kinds)

    def begin(self, made: list[Any]) -> Node:
        """Return the node of a call, and enter what refers to it in the list of what the call makes."""
        node = _new(Node)
        node.sequence = next_sequence()
        if self.second is None:
            made[self.first] = node
        else:
            made[self.first] = (node,)
            made[self.second] = next_sequence()
        return node

    def end(self, node: Node, parents: tuple[Node | None, ...], saved: Any) -> None:
        """Fill the node."""
        node.plan = self.rule
        node.parents = parents
        node.saved = saved
        node.params = node.cell = None
        node.shape = self.shape
        node.dtype = self.dtype


class Handles:
    """The handles of a program's results: arrays that are new, new tensors of them, and views of these.

    `found` says where among the new arrays each output is. While a tape is `recording`, the results' nodes are made with
    them. Anything else raises Unreadable.
    """

    def __init__(
        self,
        program: Program,
        found: dict[int, int],
        tape: AmbientTape | None,
        objects: Objects,
        recording: bool = False,
    ):
        self.program = program
        self.found = found
        self.tape = tape
        self.objects = objects
        self.storages: dict[int, tuple[Place, Place]] = {}  # of positions that results are views of, with their roots
        self.modules: dict[int, Place] = {}
        # Whether one stands behind what is made, where its place is not known yet.
        self.are_held = any(found.get(getattr(r, "index", None), 0) >= objects.arrays for r in program.made)
        self.recording = recording
        self.nodes: Nodes | None = None
        if recording and program.derivative is not None:
            self.nodes = Nodes(program.derivative, program.live, objects)
            if program.late:
                raise Unreadable("a recorded view")

    def places(self) -> list[int]:
        """Return the place of each result in the list of what a call makes."""
        found = [self._place(i, r) for i, r in enumerate(self.program.results)]
        if self.objects.count and self.are_held:
            raise Unreadable("an array that was there before")
        return found

    def _place(self, position: int, result: Any) -> int:
        if type(result) is Seen:
            return self._view(result)
        array = self._array(position)
        if result.kind is None:
            return array
        shared = any(type(r) is Seen and r.base == position for r in self.program.results)
        view = self._taken(position, (), 0) if shared else None
        return self._tensor(array, view, self._node(position, result), result.kind)

    def _node(self, position: int, result: Fresh) -> Place | None:
        if not result.spent:
            return None if self.nodes is None else self.nodes.places.get(position)
        if not self.recording:
            return None
        if any(type(r) is Seen for r in self.program.results):
            raise Unreadable("a view of what had a graph")
        aval = self.program.graph.outputs[result.index].aval
        kinds = {"plan": SPENT, "parents": (), "saved": FREED, "params": None, "cell": None}
        return self.objects.instance(Node, sequence=next_sequence(), shape=aval.shape, dtype=aval.dtype, **kinds)

    def _array(self, position: int) -> Place:
        result = self.program.made[position]
        if type(result) is not Fresh or result.own is not None or result.index not in self.found:
            raise Unreadable("a result")
        return Place(self.found[result.index])

    def _tensor(self, array: Place, view: Place | None, node: Place | None = None, kind: type = Tensor) -> Place:
        if self.tape is None or functions() is None:
            raise Unreadable("a tape")
        return self.objects.instance(kind, _trace=self.tape, value=array, _view=view, node=node)

    def module(self, module: Any) -> Place:
        """Add a module like one that has the places of its tensors; Unreadable if it is none, or has other tensors."""
        if not isinstance(module, Module) or not _has_places(module) or self.are_held:
            raise Unreadable("a container")
        if id(module) not in self.modules:
            held = vars(module)
            parts = {name: self._part(held[name]) for name in module._kinds if held[name] is not None}
            parts["_kinds"] = self.objects.table(dict(module._kinds), {})
            template = {name: None if name in parts else x for name, x in held.items()}
            self.modules[id(module)] = self.objects.holder(type(module), self.objects.table(template, parts))
        return self.modules[id(module)]

    def _part(self, x: Any) -> Place:
        return x if type(x) is Place else self.module(x)

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


def _has_places(module: Module) -> bool:
    parts = (vars(module)[name] for name in module._kinds)
    return all(x is None or type(x) is Place or (isinstance(x, Module) and _has_places(x)) for x in parts)
