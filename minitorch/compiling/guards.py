"""Guards: what a compiled program took for granted about Python, checked before each replay.

A program is recorded once, so every plain number, function, module setting and optimizer option that its function can
see is part of what was recorded. `Surroundings` finds them, by walking from the function through its globals, closure,
attributes and the functions it names, and compares: by identity where that decides, by value for what can change in
place.
"""

from __future__ import annotations

import functools
import pickle
import random
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter, getitem, is_
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from ..core.array import Array
from ..nn.module import Module
from ..optim.optimizer import Optimizer
from ..tensor.handle import Tensor
from ..tensor.hooks import changes
from .snapshots import Group, options, signature, snapshot

PLAIN = (bool, int, float, complex, str, bytes, type(None), type, np.dtype, np.generic, BuiltinFunctionType, ModuleType)
_LIMIT = 1000
_FOREIGN = frozenset(sys.stdlib_module_names) | {"minitorch", "numpy", "scipy", "torch", "pytest", "_pytest"}
_MISSING = object()
_MUTABLE = (list, dict, set, deque, bytearray, np.ndarray)


def is_foreign(function: Any) -> bool:
    """Return whether a function or class belongs to a library whose globals are no settings of the user's."""
    return str(getattr(function, "__module__", "") or "").partition(".")[0] in _FOREIGN


@dataclass
class Place:
    """Something that a name stands for: where it is read, and how to say where."""

    where: Mapping[Any, Any] | Any
    key: Any
    label: str

    def read(self) -> Any:
        """Return what stands there now."""
        if isinstance(self.where, CellType):
            try:
                return self.where.cell_contents
            except ValueError:
                return _MISSING
        try:
            return self.where[self.key]
        except (KeyError, IndexError, TypeError):
            return _MISSING


class Names(Place):
    """The names in a dict: what is added may hide what a class has."""

    def read(self) -> Any:
        """Return the names that stand there now."""
        return [*self.where]


class Attributes:
    """The attributes of an object with slots, as a table."""

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value

    def __getitem__(self, name: str) -> Any:
        return getattr(self.value, name, _MISSING)


@dataclass
class Surroundings:
    """What a function can see besides its arguments, as it is now."""

    places: list[tuple[Place, Any]] = field(default_factory=list)  # compared by identity, then by value
    mutable: list[tuple[Place, Any, Any]] = field(default_factory=list)  # containers, compared by snapshot
    modules: list[tuple[Module, Any]] = field(default_factory=list)
    optimizers: list[tuple[Optimizer, Any]] = field(default_factory=list)
    tensors: set[int] = field(default_factory=set)  # the identities of the tensors that are seen
    hooks: list[tuple[dict[int, Any], tuple[Any, ...]]] = field(default_factory=list)  # tables, and what stood there
    names: set[str] = field(default_factory=set)  # what the code looks up, in scopes and in objects
    scopes: dict[int, tuple[Any, str]] = field(default_factory=dict)  # the user's classes and modules
    seen: set[int] = field(default_factory=set)
    epoch: int = -1

    def freeze(self) -> Surroundings:
        """Prepare the quick comparison."""
        cells = [(p, v) for p, v in self.places if isinstance(p.where, CellType)]
        items = [(p, v) for p, v in self.places if not isinstance(p.where, CellType)]
        self.cells, self.contents = [p.where for p, _ in cells], [v for _, v in cells]
        self.maps, self.keys = [p.where for p, _ in items], [p.key for p, _ in items]
        self.values = [v for _, v in items]
        self.epoch = changes.count
        self.drawn = _drawn()
        self.groups = [Group(o, group) for o, _ in self.optimizers for group in o.param_groups]
        return self

    def hold(self) -> bool:
        """Return whether nothing has changed. Measured: about 0.1 us for each name."""
        try:
            same = all(map(is_, map(_contents, self.cells), self.contents))
        except ValueError:
            return False
        return (same or self._equal()) and self.hold_but_cells()

    def hold_but_cells(self) -> bool:
        """Return whether nothing has changed, except perhaps what the cells of closures hold."""
        if self.maps:
            try:
                same = all(map(is_, map(getitem, self.maps, self.keys), self.values))
            except KeyError:
                return False
            if not same and not self._equal():
                return False
        if self.mutable and any(snapshot(p.read()) != v for p, _, v in self.mutable):
            return False
        if self.epoch != changes.count:
            if any(signature(m) != v for m, v in self.modules):
                return False
            if any(tuple(table.values()) != v for table, v in self.hooks):
                return False
            self.epoch = changes.count
        return all(group.same() for group in self.groups) or all(options(o) == v for o, v in self.optimizers)

    def _equal(self) -> bool:
        """Compare by value what is no longer the same object: 0.1 is 0.1."""
        return all(_agree(p.read(), v) for p, v in self.places)

    def differences(self) -> Iterator[str]:
        """Say what has changed."""
        for p, v in self.places:
            if not _agree(p.read(), v):
                yield f"{p.label} was {_shown(v)} and is {_shown(p.read())}"
        for p, _, frozen in self.mutable:
            if snapshot(p.read()) != frozen:
                yield f"{p.label} has changed in place"
        if self.drawn is not None and _drawn() not in (self.drawn, None):
            yield "it draws from a random generator of Python or NumPy, whose numbers would stay the same"
        for table, hooks in self.hooks:
            if tuple(table.values()) != hooks:
                yield "the hooks of a tensor or an optimizer have changed"
        for m, frozen in self.modules:
            before, now = dict(frozen), dict(signature(m))
            for name in {**before, **now}:
                if before.get(name, _MISSING) != now.get(name, _MISSING):
                    yield f"{type(m).__name__}.{name} has changed"
        for o, frozen in self.optimizers:
            if options(o) != frozen:
                yield f"an option or parameter of {type(o).__name__} has changed"

    def see(self, x: Tensor, depth: int = 0) -> None:
        """Note a tensor, and its hooks."""
        if id(x) not in self.tensors:
            self.tensors.add(id(x))
            if x._cell is not None:
                _visit_hooks(self, x._cell.hooks, "a hook of a tensor", depth)


_contents = attrgetter("cell_contents")


def _drawn() -> Any:
    """Return what changes when a number is drawn from the random generators of Python and NumPy.

    Other threads may draw, too; where there are any, nothing is compared.
    """
    if threading.active_count() > 1:
        return None
    return random.getstate(), pickle.dumps(np.random.get_state(legacy=False))


def _shown(value: Any) -> str:
    return (
        repr(value) if isinstance(value, (bool, int, float, complex, str, type(None))) else f"a {type(value).__name__}"
    )


def _agree(a: Any, b: Any) -> bool:
    if a is b:
        return True
    plain = (bool, int, float, complex, str, bytes)
    if type(a) is not type(b) or not isinstance(a, plain):
        return False
    return repr(a) == repr(b)  # which tells 0.0 from -0.0, and takes a NaN for itself


# --------------------------------------------------------------------------- finding


def look_around(function: Callable[..., Any], given: Sequence[Any] = ()) -> Surroundings:
    """Return what a function can see; `given` are further objects that it gets to see."""
    found = Surroundings()
    for x in given:
        _visit(found, x, "an argument", 1)
    _visit(found, function, getattr(function, "__qualname__", type(function).__name__), 0)
    _settle(found)
    return found.freeze()


def _settle(found: Surroundings) -> None:
    """Look up in classes and modules the names that code uses; what is found there may use further names."""
    done: set[tuple[int, str]] = set()
    while True:
        scopes = list(found.scopes.items())
        new = [(key, name) for key, (scope, _) in scopes for name in found.names.intersection(scope)]
        new = [item for item in new if item not in done]
        if not new:
            return
        for key, name in new:
            done.add((key, name))
            scope, label = found.scopes[key]
            _note(found, Place(scope, name, f"{label}.{name}"), 1)


def _visit(found: Surroundings, value: Any, label: str, depth: int) -> None:
    """Note what can be seen from a value."""
    if isinstance(value, Tensor):
        found.see(value, depth)
    if isinstance(value, (type, ModuleType)):
        _visit_scope(found, value)
    if isinstance(value, (*PLAIN, Tensor, Array)) or id(value) in found.seen or depth > 8:
        return
    found.seen.add(id(value))
    for kind, visit in _VISITS:
        if isinstance(value, kind):
            visit(found, value, label, depth)
            return
    _visit_scope(found, type(value))
    if is_foreign(type(value)) and not _is_namespace(value):
        return
    if hasattr(value, "__dict__"):
        found.mutable.append((Names(vars(value), None, f"the attributes of {label}"), None, snapshot([*vars(value)])))
        _visit_names(found, vars(value), label, depth)
    for name in {name for kind in type(value).__mro__ for name in _slots(kind)}:
        _note(found, Place(Attributes(value), name, f"{label}.{name}"), depth)


def _slots(kind: type) -> tuple[str, ...]:
    names = vars(kind).get("__slots__", ())
    return (names,) if isinstance(names, str) else tuple(n for n in names if n not in ("__dict__", "__weakref__"))


def _is_namespace(value: Any) -> bool:
    return isinstance(value, SimpleNamespace) or type(value).__module__ == "argparse"


def _visit_scope(found: Surroundings, scope: Any) -> None:
    """Note a class with its bases, or a module, in which names of the code will be looked up."""
    for each in scope.__mro__ if isinstance(scope, type) else (scope,):
        name = each.__module__ if isinstance(each, type) else each.__name__
        if str(name).partition(".")[0] not in _FOREIGN:
            found.scopes.setdefault(id(each), (vars(each), each.__name__))


def _visit_hooks(found: Surroundings, table: dict[int, Any], label: str, depth: int) -> None:
    found.hooks.append((table, tuple(table.values())))
    for hook in table.values():
        _visit(found, getattr(hook, "hook", hook), label, depth + 1)


def _visit_function(found: Surroundings, function: FunctionType, label: str, depth: int) -> None:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        _note(found, Place(cell, None, f"`{name}`, which {label} closes over,"), depth)
    for i, default in enumerate(function.__defaults__ or ()):
        _visit(found, default, f"default {i} of {label}", depth + 1)
    wrapped = getattr(function, "__wrapped__", None)
    if wrapped is not None:
        _visit(found, wrapped, label, depth + 1)
    if is_foreign(function):
        return
    _visit_names(found, vars(function), label, depth)
    names = function.__globals__
    found.names.update(_names(function.__code__))
    for name in dict.fromkeys(_names(function.__code__)):
        if name in names:
            _note(found, Place(names, name, f"global `{name}`"), depth)


def _names(code: CodeType) -> Iterator[str]:
    """Iterate over the names that code and the functions defined in it look up."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _note(found: Surroundings, place: Place, depth: int) -> None:
    value = place.read()
    if value is _MISSING:
        return
    found.places.append((place, value))
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    if isinstance(value, property):
        _visit(found, value.fget, place.label, depth + 1)
    if isinstance(value, _MUTABLE):
        found.mutable.append((place, value, snapshot(value)))
    _visit(found, value, place.label, depth + 1)


def _visit_names(found: Surroundings, names: dict[str, Any], label: str, depth: int) -> None:
    for name in names:
        _note(found, Place(names, name, f"{label}.{name}"), depth)


def _visit_method(found: Surroundings, method: MethodType, label: str, depth: int) -> None:
    _visit(found, method.__func__, label, depth + 1)
    _visit(found, method.__self__, type(method.__self__).__name__, depth + 1)


def _visit_module(found: Surroundings, module: Module, label: str, depth: int) -> None:
    for each in module.modules():
        if all(each is not m for m, _ in found.modules):
            found.modules.append((each, signature(each)))
            found.names.add("forward")
            _visit_scope(found, type(each))
            for name, value in vars(each).items():
                where = f"{type(each).__name__}.{name}"
                if name.endswith("_hooks") and isinstance(value, dict):
                    _visit_hooks(found, value, where, depth)
                elif name != "_kinds" and not isinstance(value, Module):
                    if isinstance(value, _MUTABLE):
                        found.mutable.append((Place(vars(each), name, where), value, snapshot(value)))
                    _visit(found, value, where, depth + 1)


def _visit_optimizer(found: Surroundings, optimizer: Optimizer, label: str, depth: int) -> None:
    found.optimizers.append((optimizer, options(optimizer)))
    for group in optimizer.param_groups:
        for p in group["params"]:
            found.see(p, depth)
    for table in (optimizer._step_pre_hooks, optimizer._step_post_hooks):
        _visit_hooks(found, table, f"a hook of {label}", depth)
    if not is_foreign(type(optimizer)):
        found.names.add("step")
        _visit_scope(found, type(optimizer))
        own = {name: value for name, value in vars(optimizer).items() if name not in _KNOWN}
        for name in own:
            _note(found, Place(vars(optimizer), name, f"{label}.{name}"), depth)


_KNOWN = ("defaults", "state", "param_groups", "_step_pre_hooks", "_step_post_hooks")


def _visit_items(found: Surroundings, items: Any, label: str, depth: int) -> None:
    for value in items.values() if isinstance(items, dict) else items:
        if len(found.seen) < _LIMIT:
            _visit(found, value, label, depth + 1)


def _visit_partial(found: Surroundings, partial: Any, label: str, depth: int) -> None:
    for part in (partial.func, *partial.args, *partial.keywords.values()):
        _visit(found, part, label, depth + 1)


_VISITS: tuple[tuple[Any, Callable[..., None]], ...] = (
    (FunctionType, _visit_function),
    (MethodType, _visit_method),
    (functools.partial, _visit_partial),
    (Module, _visit_module),
    (Optimizer, _visit_optimizer),
    ((list, tuple, dict, set, frozenset, deque), _visit_items),
)
