"""Guards: what a compiled program took for granted about Python, checked before each replay.

A program is recorded once, so every plain number, function, module setting and optimizer option that its function can
see is part of what was recorded. `Surroundings` finds them, by walking from the function through its globals, closure,
attributes and the functions it names, and compares: by identity where that decides, by value for what can change in
place.
"""

from __future__ import annotations

import gc
import pickle
import random
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from operator import attrgetter, contains, getitem, is_
from pathlib import Path
from types import BuiltinFunctionType, CellType, FunctionType, ModuleType
from typing import Any

import numpy as np

from ..core.jit.native.pairs import version, versions_supported
from ..nn.module import Module
from ..optim.optimizer import Optimizer
from ..tensor.hooks import changes
from .snapshots import Group, options, signature, snapshot

PLAIN = (bool, int, float, complex, str, bytes, type(None), type, np.dtype, np.generic, BuiltinFunctionType, ModuleType)
_LIMIT = 100_000
_FOREIGN = frozenset(sys.stdlib_module_names) | {"minitorch", "numpy", "scipy", "torch", "pytest", "_pytest"}
_MISSING = object()


def is_foreign(function: Any) -> bool:
    """Return whether a function or class belongs to a library whose globals are no settings of the user's."""
    return str(getattr(function, "__module__", "") or "").partition(".")[0] in _FOREIGN


@cache
def is_apart(package: str) -> bool:
    """Return whether a package is none to look into: this one, Python's, or one that is installed and uses no minitorch."""
    if package in _FOREIGN:
        return True
    module = sys.modules.get(package)
    places = getattr(module, "__path__", None) or [getattr(module, "__file__", None) or ""]
    if not any(part in ("site-packages", "dist-packages") for place in places for part in Path(place).parts):
        return False
    own = [
        m for name, m in list(sys.modules.items()) if name.partition(".")[0] == package and isinstance(m, ModuleType)
    ]
    held = (x for m in own for x in list(vars(m).values()) if isinstance(x, (FunctionType, ModuleType, type)))
    homes = (x.__name__ if isinstance(x, ModuleType) else x.__module__ for x in held)
    return not any(str(home).partition(".")[0] == "minitorch" for home in homes)


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


class Current:
    """What a context variable holds, as a table of one entry."""

    __slots__ = ("variable",)

    def __init__(self, variable: ContextVar[Any]):
        self.variable = variable

    def __getitem__(self, key: None) -> Any:
        return self.variable.get(_MISSING)


@dataclass
class Surroundings:
    """What a function can see besides its arguments, as it is now."""

    places: list[tuple[Place, Any]] = field(default_factory=list)  # compared by identity, then by value
    mutable: list[tuple[Place, Any, Any]] = field(default_factory=list)  # containers, compared by snapshot
    owners: list[tuple[Any, dict[str, Any]]] = field(
        default_factory=list
    )  # objects, and the tables of their attributes
    modules: list[tuple[Module, Any]] = field(default_factory=list)
    optimizers: list[tuple[Optimizer, Any]] = field(default_factory=list)
    tensors: set[int] = field(default_factory=set)  # the identities of the tensors that are seen
    hooks: list[tuple[dict[int, Any], tuple[Any, ...]]] = field(default_factory=list)  # tables, and what stood there
    names: set[str] = field(default_factory=set)  # what the code looks up, in scopes and in objects
    scopes: dict[int, tuple[Any, str]] = field(default_factory=dict)  # the user's classes and modules
    classes: list[type] = field(default_factory=list)  # the user's: what is added to one may hide what its bases have
    absent: list[tuple[Mapping[str, Any], str]] = field(default_factory=list)  # globals that would hide builtins
    # Generators of random numbers, and where they are; iterators: what they are called, and by which attribute.
    running: list[tuple[str, Any, Any]] = field(default_factory=list)
    iterators: list[tuple[str, str | None]] = field(default_factory=list)
    functions: list[FunctionType] = field(default_factory=list)  # the user's: their code may be replaced in place
    imports: set[str] = field(default_factory=set)  # the modules that code imports and nobody has imported yet
    seen: set[int] = field(default_factory=set)
    epoch: int = -1
    versions: list[tuple[Any, Any, int]] = field(default_factory=list)  # of the modules' attributes

    def freeze(self) -> Surroundings:
        """Prepare the quick comparison."""
        cells = [(p, v) for p, v in self.places if isinstance(p.where, CellType)]
        items = [(p, v) for p, v in self.places if not isinstance(p.where, CellType)]
        self.cells, self.contents = [p.where for p, _ in cells], [v for _, v in cells]
        self.codes = [_made_of(f) for f in self.functions]
        self.maps, self.keys = [p.where for p, _ in items], [p.key for p, _ in items]
        self.values = [v for _, v in items]
        self.tables = [vars(c) for c in self.classes]
        self.ends = _ends(self.tables)
        self.may_hide = bool(self.classes or self.absent)
        self.lacking, self.unset = [m for m, _ in self.absent], [n for _, n in self.absent]
        self.words, self.known = _words(self.tables, self.lacking), []
        self.epoch, self.versions = changes.count, versions(m for m, _ in self.modules)
        self.drawn = _drawn()
        self.groups = [Group(o, group) for o, _ in self.optimizers for group in o.param_groups]
        return self

    def iterator(self) -> str | None:
        """Return what an iterator is called that the code names: it would be advanced by the recording alone."""
        return next((label.rstrip(",") for label, key in self.iterators if key is None or key in self.names), None)

    def groups_looked_into(self) -> list[dict[str, Any]]:
        """Return the groups of the optimizers, if the code names them."""
        return [group for o, _ in self.optimizers for group in o.param_groups] if "param_groups" in self.names else []

    def hold(self) -> bool:
        """Return whether nothing has changed. Measured: about 0.1 us for each name."""
        try:
            same = all(map(is_, map(_contents, self.cells), self.contents))
        except ValueError:
            return False
        return (same or self._equal()) and self._same_code() and self.hold_but_cells()

    def _same_code(self) -> bool:
        return all(map(is_, chain.from_iterable(map(_made_of, self.functions)), chain.from_iterable(self.codes)))

    def hold_but_cells(self) -> bool:
        """Return whether nothing has changed, except perhaps what closures hold and the code of functions."""
        if self.maps:
            try:
                same = all(map(is_, map(getitem, self.maps, self.keys), self.values))
            except KeyError:
                return False
            if not same and not self._equal():
                return False
        if self.may_hide and self.hides():
            return False
        if not all(map(_is_of, self.owners)):
            return False
        if self.mutable and any(snapshot(p.read()) != v for p, _, v in self.mutable):
            return False
        if not self.catches_up():
            return False
        return all(group.same() for group in self.groups) or all(options(o) == v for o, v in self.optimizers)

    def catches_up(self) -> bool:
        """Return whether modules and hooks are as they were, which is asked when any has changed."""
        now = changes.count
        if self.epoch != now or self.is_written():
            if any(signature(m) != v for m, v in self.modules):
                return False
            if any(tuple(table.values()) != v for table, v in self.hooks):
                return False
            self.epoch, self.versions = now, versions(m for m, _ in self.modules)
        return True

    def is_written(self) -> bool:
        """Return whether attributes of modules have been written, in whatever way."""
        return any(word.value != known for _, word, known in self.versions)

    def hides(self) -> bool:
        """Return whether a name may stand somewhere now that hides another: in a class a base's, among globals a builtin."""
        now = [*map(_value, self.words)]
        if now and now == self.known:
            return False  # nobody has written there since
        if _ends(self.tables) != self.ends or any(map(contains, self.lacking, self.unset)):
            return True
        self.known = now
        return False

    def _equal(self) -> bool:
        """Compare by value what is no longer the same object: 0.1 is 0.1."""
        return all(_agree(p.read(), v) for p, v in self.places)

    def differences(self) -> Iterator[str]:
        """Say what has changed."""
        for p, v in self.places:
            if not _agree(p.read(), v):
                yield f"{p.label} was {_shown(v)} and is {_shown(p.read())}"
        for x, kind, table in self.owners:
            if type(x) is not kind:
                yield f"the class of a {kind.__name__} is now {type(x).__name__}"
            elif not _is_of((x, kind, table)):
                yield f"`__dict__` of a {kind.__name__} is another dict"
        for p, _, frozen in self.mutable:
            if snapshot(p.read()) != frozen:
                yield f"{p.label} has changed in place"
        for f, was in zip(self.functions, self.codes):
            if not all(map(is_, _made_of(f), was)):
                yield f"{f.__qualname__} has got other code or defaults"
        for c, table, end in zip(self.classes, self.tables, self.ends):
            if _ends([table]) != [end]:
                yield f"{c.__name__} has got or lost an attribute"
        for globals_, name in self.absent:
            if name in globals_:
                yield f"a global `{name}` now hides the builtin"
        if self.drawn is not None and _drawn() not in (self.drawn, None):
            yield "it draws from a random generator of Python or NumPy, whose numbers would stay the same"
        for label, generator, at in self.running:
            if position(generator) != at:
                where = label.rstrip(",")
                yield f"it draws from {where}, a random generator of Python or NumPy, whose numbers would stay the same"
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


def _is_of(owner: tuple[Any, type, dict[str, Any] | None]) -> bool:
    """Return whether an object has its class and its table still."""
    x, kind, table = owner
    return type(x) is kind and (table is None or vars(x) is table)


def versions(modules: Iterable[Any]) -> list[tuple[Any, Any, int]]:
    """Return the attributes of modules, and where their versions stand, with those of now."""
    kind = version if versions_supported() else Unversioned
    return [(held, word := kind(held), word.value) for held in map(vars, modules)]


class Unversioned:
    """The version of attributes where Python counts none: 0 as long as they are the same objects."""

    __slots__ = ("held", "known")

    def __init__(self, held: dict[str, Any]):
        self.held, self.known = held, tuple(held.values())

    @property
    def value(self) -> int:
        """Whether they have been written."""
        return int(len(self.held) != len(self.known) or not all(map(is_, self.held.values(), self.known)))


def position(generator: Any) -> Any:
    """Return what changes when a number is drawn from a generator of NumPy's or Python's; None for anything else."""
    if isinstance(generator, np.random.Generator):
        generator = generator.bit_generator
    if isinstance(generator, np.random.BitGenerator):
        return pickle.dumps(generator.state)
    if isinstance(generator, np.random.RandomState):
        return pickle.dumps(generator.get_state(legacy=False))
    return generator.getstate() if isinstance(generator, random.Random) else None


_contents, _value = attrgetter("cell_contents"), attrgetter("value")
_made_of = attrgetter("__code__", "__defaults__", "__kwdefaults__")


def _ends(tables: list[Mapping[str, Any]]) -> list[tuple[int, str]]:
    """Return the length and the last name of each class's table, where any new name would stand."""
    return [(len(t), next(reversed(t))) for t in tables]  # type: ignore[call-overload]


def _words(tables: Sequence[Any], scopes: Sequence[Any]) -> list[Any]:
    """Return where the versions of classes' tables and of globals stand; none if Python counts none."""
    if not versions_supported():
        return []
    behind = [d for table in tables for d in gc.get_referents(table)]
    dicts = {id(d): d for d in (*behind, *scopes)}.values()
    return [version(d) for d in dicts] if all(isinstance(d, dict) for d in dicts) else []


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
