"""Aliasing: what a tensor shares with its views.

Values are immutable, so a write makes a new value for the shared `Storage`; every handle on it remembers how it was
taken and takes itself anew when the storage's version has moved on. No write is lost, and nothing saved for backward
changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.array import Array
from ..core.errors import UnsupportedError
from ..core.ops.indexing import getitem, update
from ..core.ops.shaping import reshape, transpose
from ..core.tape import Node
from ..core.tracer import Value, aval_of

Apply = Callable[[Value], Value]
Put = Callable[[Value, Value], Value]
Lay = Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]


@dataclass(eq=False, slots=True)  # never changed; a frozen one takes four times as long to make
class Step:
    """One way of looking at part of a value: `apply` takes the part, `put(whole, part)` returns a whole that has it.

    `tracked` is False for steps that cut the graph (`detach`, `.data`). `lay` does to a buffer what `apply` does to a
    value, as a view of it in PyTorch's strides: needed where `apply` copies.
    """

    apply: Apply
    put: Put
    tracked: bool = True
    lay: Lay | None = None


class Storage:
    """What a tensor and its views share: the value of the whole, and how often it was written."""

    __slots__ = ("value", "version")

    def __init__(self, value: Value, version: int = 0):
        self.value = value
        self.version = version


class Root:
    """A tensor that its views take their gradients from: its node, and how often a recorded write changed that.

    Where a step cuts the graph (`detach`, `.data`), a new root begins on the same storage.
    """

    __slots__ = ("node", "version")

    def __init__(self, node: Node | None):
        self.node = node
        self.version = 0


class View:
    """How a handle was taken: the steps from the storage, of which those from `start` on lead from its root.

    `version` and `seen` are those of the storage and the root when the handle was last up to date.
    """

    __slots__ = ("root", "seen", "start", "steps", "storage", "version")

    def __init__(self, storage: Storage, steps: tuple[Step, ...], root: Root, start: int):
        self.storage = storage
        self.steps = steps
        self.root = root
        self.start = start
        self.version = storage.version
        self.seen = root.version

    @property
    def is_root(self) -> bool:
        """Whether the handle is its own root."""
        return len(self.steps) == self.start

    def then(self, step: Step) -> View:
        """Return the view that takes one more step."""
        steps = (*self.steps, step)
        if step.tracked:
            return View(self.storage, steps, self.root, self.start)
        return View(self.storage, steps, Root(None), len(steps))

    def take(self, whole: Value) -> Value:
        """Return this view's part of the storage's value."""
        return _taken(whole, self.steps)

    def take_root(self, whole: Value) -> Value:
        """Return the root's part of the storage's value."""
        return _taken(whole, self.steps[: self.start])

    def take_from_root(self, root: Value) -> Value:
        """Return this view's part of its root's value."""
        return _taken(root, self.steps[self.start :])

    def put(self, whole: Value, part: Value) -> Value:
        """Return the storage's value with this view's part replaced."""
        return _put(whole, part, self.steps)

    def put_root(self, whole: Value, root: Value) -> Value:
        """Return the storage's value with the root's part replaced."""
        return _put(whole, root, self.steps[: self.start])

    def put_into_root(self, root: Value, part: Value) -> Value:
        """Return the root's value with this view's part replaced."""
        return _put(root, part, self.steps[self.start :])


def _taken(whole: Value, steps: tuple[Step, ...]) -> Value:
    for step in steps:
        whole = step.apply(whole)
    return whole


def _put(whole: Value, part: Value, steps: tuple[Step, ...]) -> Value:
    wholes = [whole]
    for step in steps[:-1]:
        wholes.append(step.apply(wholes[-1]))
    for step, outer in zip(reversed(steps), reversed(wholes)):
        part = step.put(outer, part)
    return part


IDENTITY = Step(lambda x: x, lambda whole, part: part)
CUT = Step(lambda x: x, lambda whole, part: part, tracked=False)


def index_step(index: Any) -> Step:
    """The step of `x[index]` for a basic index."""
    return Step(lambda x: getitem(x, index), lambda whole, part: update(whole, index, part))


def reshape_step(shape: tuple[int, ...]) -> Step:
    """The step of `x.view(shape)`."""
    return Step(lambda x: reshape(x, shape), lambda whole, part: reshape(part, whole.shape))


def transpose_step(axes: tuple[int, ...]) -> Step:
    """The step of a permutation of axes."""
    return Step(lambda x: transpose(x, axes), lambda whole, part: transpose(part, _inverse(axes)))


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(range(len(axes)), key=lambda i: axes[i] % len(axes)))


def function_step(apply: Apply, lay: Lay | None = None) -> Step:
    """The step of any function that only selects and rearranges elements; it is asked where they come from."""

    def put(whole: Value, part: Value) -> Value:
        shape = aval_of(whole).shape
        numbers = Array(np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape))
        positions = apply(numbers).numpy().ravel()
        if len(set(positions.tolist())) < len(positions):
            raise UnsupportedError(
                "in-place write: more than one element of the view refers to a single element of its base (it was made "
                "by expand or broadcast_to); write to .clone() instead"
            )
        flat = update(reshape(whole, -1), Array(positions), reshape(part, -1))
        return reshape(flat, shape)

    return Step(apply, put, lay=lay)
