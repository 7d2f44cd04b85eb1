"""Shared: a handle on a value that other handles may share.

Owns reading, viewing and writing: how a handle takes its value from a storage, and how a write to one handle reaches the
others. Knows nothing of leaves, gradients or PyTorch's names.
"""

from __future__ import annotations

from sys import getrefcount
from typing import Any

import numpy as np

from ..core.array import Array, wrap
from ..core.errors import GradError
from ..core.ops.pointwise import detach
from ..core.ops.shaping import reshape_p
from ..core.tape import Node, Tape, TapeTracer, context, muting
from ..core.tracer import Tracer, Value
from .alias import CUT, IDENTITY, Root, Step, Storage, View

_context = context.get
_new = object.__new__


def _cut(value: Value) -> Value:
    """Return a value that carries no gradient of the transforms below either."""
    return detach(value) if isinstance(value, Tracer) else value


class Shared(TapeTracer):
    """A mutable handle: its value, and how it is taken from its storage once that is shared."""

    __slots__ = ("__dict__", "_view")
    _trace: Tape
    _view: View | None

    def current(self) -> Value:
        """Return the value, taken anew if the storage was written.

        >>> mt.tensor([1.0, 2.0]).current()
        Array([1., 2.], dtype=float32)
        """
        stage = _context().stage
        if stage is not None:
            stage.adopted((self,))
        view = self._view
        if view is not None and view.version != view.storage.version:
            self._refresh()
        return self.value

    def settle(self) -> None:
        """Let go of the storage, if no other handle is on it any more; everything is a little shorter without.

        >>> x = mt.tensor([1.0, 2.0])
        >>> y = x.detach()
        >>> y.settle()
        >>> y.fill_(5.0), x
        (tensor([5., 5.]), tensor([5., 5.]))
        """
        view = self._view
        if view is None or any(step is not CUT and step is not IDENTITY for step in view.steps):
            return
        self.current()
        self.__dict__["_version"] = view.storage.version  # which is not asked for while there is a view
        # One step of the interpreter counts both; from there on no other thread gets a turn to take a view, or to write.
        if [*map(getrefcount, (view, view.storage))] == _ALONE and view.version == view.storage.version:
            self._view = None

    def _enter(self) -> None:
        """Let a function that is being recorded take this handle in as state, if it comes from outside."""
        stage = _context().stage
        if stage is not None:
            stage.adopted((self,))

    def _refresh(self) -> None:
        """Take this handle's value (and node, after a recorded write) anew from its storage."""
        view = self._view
        assert view is not None
        storage, root = view.storage, view.root
        version = storage.version  # before the value: what another thread writes meanwhile is taken the next time
        if root.version == view.seen:
            self.value = view.take(storage.value)
        else:
            with muting(False):
                part = view.take_from_root(self._trace.wrap(view.take_root(storage.value), root.node))
            self.value, self.node, view.seen = part.value, part.node, root.version
        view.version = version

    def _share(self) -> View:
        """Return how this handle is taken from its storage, making one on first need."""
        if self._view is None:
            self._view = View(Storage(self.value, self._version), (), Root(self.node), 0)
        return self._view

    def _set_node(self, node: Node | None) -> None:
        """Give this handle another node, which views taken of it from now on build on."""
        self.node = node
        view = self._view
        if view is not None and view.is_root:
            view.root.node = node

    def _view_of(self, step: Step) -> Any:
        """Return the view that `step` takes of this handle."""
        self._enter()
        self.current()
        part = step.apply(self) if step.tracked else self._trace.wrap(_cut(self.value), None)
        return self._alias(part, step)

    def _alias(self, part: Any, step: Step) -> Any:
        """Note that `part` was taken from this handle by `step`."""
        self._enter()
        mine = self._share()
        if part is self:  # the step changes nothing; the view is a result all the same, with a node of its own
            part = reshape_p(self, shape=self.value.shape)
        part._view = mine.then(step)
        return part

    def _rebind(self, value: Value, node: Node | None) -> None:
        """Give this handle, and whatever shares its storage, another value."""
        self._enter()
        if self._trace is not _context().frame.ambient:
            raise GradError(
                "in-place write: the tensor comes from outside the transform that surrounds the write; pass it to the "
                "function as an argument and return the new value"
            )
        view = self._view
        if view is None:
            self.value = value
            if node is not None:
                self.node = node
            self.__dict__["_version"] = self._version + 1
            return
        self._write_through(view, value, node)

    def overwrite(self, value: Value) -> None:
        """Give this handle, and whatever shares its storage, another value; as `_rebind` does under `no_grad`.

        >>> x = mt.tensor([1.0, 2.0])
        >>> x.overwrite(mt.Array([3.0, 4.0]))
        >>> x
        tensor([3., 4.])
        """
        view = self._view
        if self._trace is not _context().frame.ambient:
            self._rebind(value, None)  # which tells what is wrong, or takes the handle in
            return
        if view is None:
            self.value = value
            mine = self.__dict__
            mine["_version"] = mine.get("_version", 0) + 1
            return
        storage = view.storage
        storage.value = view.put(storage.value, value) if view.steps else value
        self.value = value
        self.note_write()

    def note_write(self) -> None:
        """Count a write to the value, in place or not.

        >>> x = mt.tensor([1.0, 2.0])
        >>> x.note_write()
        >>> x._version
        1
        """
        view = self._view
        if view is not None:
            view.storage.version += 1
            view.version = view.storage.version
            return
        mine = self.__dict__
        mine["_version"] = mine.get("_version", 0) + 1

    def _write_through(self, view: View, value: Value, node: Node | None) -> None:
        """Write to the storage, and to the root's graph when the write is recorded."""
        storage, root = view.storage, view.root
        if (node is None and root.node is None) or _context().muted >= self._trace.level:
            storage.value = view.put(storage.value, value)
        else:
            wrap = self._trace.wrap
            before = wrap(view.take_root(storage.value), root.node)
            after = view.put_into_root(before, wrap(value, node))
            storage.value = view.put_root(storage.value, after.value)
            self.node = node if node is not None else view.take_from_root(after).node
            root.node = after.node
            root.version += 1
            view.seen = root.version
        storage.version += 1
        self.value = value
        view.version = storage.version

    @property
    def _version(self) -> int:
        return self._view.storage.version if self._view is not None else self.__dict__.get("_version", 0)


def is_sole_holder(x: Shared) -> bool:
    """Return whether nothing but this handle leads to its buffer, which may then be written in place.

    The caller must hold neither the value nor the buffer. Views and exports of a buffer hold it too.
    """
    value, view = x.value, x._view
    owners = 0
    if view is not None:  # left over from handles that are gone, or not
        storage = view.storage
        if getrefcount(storage) != _HANDLE_AND_CALLER or storage.value is not value or view.version != storage.version:
            return False
        if any(step is not CUT and step is not IDENTITY for step in view.steps):
            return False
        owners = 1
    return (
        type(value) is Array
        and getrefcount(value) == _HANDLE_AND_CALLER + owners
        and getrefcount(value._data) == _VALUE
        and value._data.base is None
    )


def _counts(x: Shared) -> tuple[int, int]:
    """Return how many references there are to a handle's value, with a local name, and to the value's buffer."""
    value = x.value
    return getrefcount(value), getrefcount(value._data)  # type: ignore[union-attr]


def _sole() -> Shared:
    handle: Shared = _new(Shared)
    handle.value = wrap(np.zeros(1))
    return handle


def _listed(x: Shared) -> list[int]:
    """Return how many references there are to a handle's value and to the value's buffer, in a tuple, too."""
    value = x.value
    return [*map(getrefcount, (value, value._data))]  # type: ignore[union-attr]


# Counted, for they depend on the interpreter's version.
_HANDLE_AND_CALLER, _VALUE = _counts(_sole())
_ALONE = _listed(_sole())  # of a view that a handle has, with a local name, and of its storage
