"""The form of a module among the arguments: its class, mode and attributes, and those of the modules inside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter, is_, itemgetter
from types import BuiltinFunctionType, FunctionType
from typing import Any
from weakref import ref

import numpy as np

from ..core import dtypes
from ..core.jit.native.pairs import version, versions_supported
from ..nn.module import Module
from ..tensor.handle import Tensor
from ..tensor.hooks import changes
from .snapshots import snapshot

_word = attrgetter("value")
_FEW = 8  # attributes that are compared one by one: 25 ns each, where a `map` takes 100 ns, and 15 each
# Attributes of these classes are what they are as long as they are the same objects: what functions are made of is guarded.
_PLAIN = (bool, int, float, complex, str, bytes, type(None), type, np.dtype, FunctionType, BuiltinFunctionType)


@dataclass(frozen=True, slots=True)
class Content:
    """What a list or dict holds, if these are objects that do not change; a snapshot of anything else."""

    kind: type
    keys: list[Any] | None
    items: list[Any] | None
    was: Any

    def read(self, reading: Any, value: str) -> None:
        """Write what refuses another content: 0.3 us for two elements, where a snapshot takes 1.2."""
        if self.items is None:
            reading.refuse(f"{reading.constant(snapshot)}({value}) != {reading.constant(self.was)}")
            return
        now = reading.bound(value)
        reading.refuse(f"type({now}) is not {reading.constant(self.kind)} or len({now}) != {len(self.items)}")
        if self.keys is not None:
            reading.refuse(f"[*{now}] != {reading.constant(self.keys)}")
            now = f"{now}.values()"
        reading.refuse(f"not all(map({reading.constant(is_)}, {now}, {reading.constant(self.items)}))")


def _content(x: Any) -> Content:
    items = [*x] if type(x) is list else [*x.values()] if type(x) is dict else None
    if items is None or not all(map(_is_plain, items)):
        return Content(type(x), None, None, snapshot(x))
    return Content(type(x), [*x] if type(x) is dict else None, items, None)


@dataclass(frozen=True, slots=True)
class ModuleForm:
    """What a module is like, apart from its tensors.

    `parts` has its modules, and None for each tensor; `counts` are the names of tensors of integers, `absent` those of what
    is None itself. Of `plain` attributes, the objects are compared, of `changing` ones what they hold.
    """

    kind: type
    names: list[str]
    kinds: dict[str, str]
    plain: dict[str, Any]
    changing: dict[str, Content]
    absent: list[str]
    parts: dict[str, ModuleForm | None]
    counts: list[str]

    def read(self, reading: Any, value: str) -> list[str]:
        """Write what takes such a module apart, and return the expressions for its tensors.

        The module of the last call is looked at again only when an attribute in it has been written since.
        """
        if not versions_supported():
            self._check(reading, value)
            return [*self._find(reading, value)]
        last = reading.constant(Last())
        seen = reading.bound(f"{last}.seen")
        is_other = f"{value} is not {seen}[0]() or {reading.constant(changes)}.count != {seen}[4]"
        is_written = f"[*map({reading.constant(_word)}, {seen}[1])] != {seen}[2]"
        reading.lines.append(f"if {is_other} or {is_written}:")
        with reading.indented():
            now = reading.bound(f"{last}.look({value})")
            self._check(reading, value)
            reading.lines.append(f"{last}.seen = {now}")
        return [*self._find(reading, value)]

    def _check(self, reading: Any, value: str) -> None:
        """Write what refuses a module that is not alike."""
        reading.refuse(f"type({value}) is not {reading.constant(self.kind)}")
        held = reading.bound(f"{value}.__dict__")
        reading.refuse(f"[*{held}] != {reading.constant(self.names)}")
        reading.refuse(f"{held}['_kinds'] != {reading.constant(self.kinds)}")
        if len(self.plain) > _FEW:
            take, known = itemgetter(*self.plain), tuple(self.plain.values())
            same = f"map({reading.constant(is_)}, {reading.constant(take)}({held}), {reading.constant(known)})"
            reading.refuse(f"not all({same})")
        elif self.plain:
            same = [f"{held}[{name!r}] is not {reading.constant(known)}" for name, known in self.plain.items()]
            reading.refuse(" or ".join(same))
        for name in self.absent:
            reading.refuse(f"{held}[{name!r}] is not None")
        for name, part in self.parts.items():
            if part is not None:
                part._check(reading, reading.bound(f"{held}[{name!r}]"))

    def _find(self, reading: Any, value: str) -> Iterator[str]:
        """Write what looks up the tensors, and iterate over the expressions for them; those that count come behind all."""
        if not self.is_looked_into:
            return
        held = reading.bound(f"{value}.__dict__")
        for name, content in self.changing.items():
            content.read(reading, f"{held}[{name!r}]")
        reading.behind += [f"{held}[{name!r}]" for name in self.counts]
        for name, part in self.parts.items():
            if part is None:
                yield f"{held}[{name!r}]"
            elif part.is_looked_into:
                yield from part._find(reading, f"{held}[{name!r}]")

    @property
    def is_looked_into(self) -> bool:
        """Whether there are tensors, or attributes that may change without being written."""
        own = self.changing or self.counts
        return bool(own) or any(part is None or part.is_looked_into for part in self.parts.values())


# A module, words, versions, whose these are, and the count of changes to all modules: of one whose table is exchanged, too.
Seen = tuple[Callable[[], Any], list[Any], list[int], list[Any], int]


class Last:
    """The module of the last call, and the versions of the attributes in it, which are held for as long as it lives."""

    __slots__ = ("seen",)

    def __init__(self) -> None:
        self.forget(None)

    def forget(self, reference: Any) -> None:
        """Forget the module."""
        self.seen: Seen = (lambda: None, [], [], [], 0)

    def look(self, module: Any) -> Seen | None:
        """Return what there is to remember of a module, None if it is something else."""
        if not isinstance(module, Module):
            return None
        count, held = changes.count, [vars(m) for m in module.modules()]
        words = [version(attributes) for attributes in held]
        return ref(module, self.forget), words, [word.value for word in words], held, count


def module_form(module: Module, seen: set[int] | None = None) -> ModuleForm | None:
    """Return the form of a module; None if it has a part twice.

    >>> from minitorch import nn
    >>> form = module_form(nn.Linear(2, 3))
    >>> list(form.parts), form.plain["out_features"]
    (['weight', 'bias'], 3)
    """
    seen = set() if seen is None else seen
    held = vars(module)
    there = {name: held[name] for name in module._kinds if held[name] is not None}
    known = len(seen)
    seen.update(map(id, there.values()))
    if len(seen) < known + len(there):
        return None
    forms = {name: module_form(x, seen) for name, x in there.items() if isinstance(x, Module)}
    if None in forms.values():
        return None
    counts = [name for name, x in there.items() if isinstance(x, Tensor) and x.dtype not in dtypes.INEXACT]
    others = {name: x for name, x in held.items() if name not in module._kinds and name != "_kinds"}
    plain = {name: x for name, x in others.items() if _is_plain(x)}
    return ModuleForm(
        kind=type(module),
        names=[*held],
        kinds=dict(module._kinds),
        plain=plain,
        changing={name: _content(x) for name, x in others.items() if name not in plain},
        absent=[name for name in module._kinds if held[name] is None],
        parts={name: forms.get(name) for name in there if name not in counts},
        counts=counts,
    )


def _is_plain(x: Any) -> bool:
    return all(map(_is_plain, x)) if type(x) is tuple else isinstance(x, _PLAIN)
