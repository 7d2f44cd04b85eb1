"""The form of a module among the arguments: its class, mode and plain attributes, and those of the modules inside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import is_, itemgetter
from typing import Any

from ..core import dtypes
from ..nn.module import Module
from ..tensor.handle import Tensor

_FEW = 8  # attributes that are compared one by one: 25 ns each, where a `map` takes 100 ns, and 15 each
# Attributes of these classes never change, so it is enough that they are the same objects.
_PLAIN = (bool, int, float, complex, str, bytes, type(None), type)


@dataclass(frozen=True, slots=True)
class ModuleForm:
    """What a module is like, apart from its tensors; `parts` has None for each of these, and for what is None itself."""

    kind: type
    names: list[str]
    kinds: dict[str, str]
    plain: dict[str, Any]
    absent: list[str]
    parts: dict[str, ModuleForm | None]

    def read(self, reading: Any, value: str) -> Iterator[str]:
        """Write what takes such a module apart, and iterate over the expressions for its tensors."""
        reading.refuse(f"type({value}) is not {reading.constant(self.kind)}")
        held = reading.bound(f"{value}.__dict__")
        reading.refuse(f"[*{held}] != {reading.constant(self.names)}")
        reading.refuse(f"{held}['_kinds'] != {reading.constant(self.kinds)}")
        if len(self.plain) > _FEW:
            take, known = itemgetter(*self.plain), tuple(self.plain.values())
            same = f"map({reading.constant(is_)}, {reading.constant(take)}({held}), {reading.constant(known)})"
            reading.refuse(f"not all({same})")
        else:
            same = [f"{held}[{name!r}] is not {reading.constant(known)}" for name, known in self.plain.items()]
            if same:
                reading.refuse(" or ".join(same))
        for name in self.absent:
            reading.refuse(f"{held}[{name!r}] is not None")
        for name, part in self.parts.items():
            inside = reading.bound(f"{held}[{name!r}]")
            yield from [inside] if part is None else part.read(reading, inside)


def module_form(module: Module, seen: set[int] | None = None) -> ModuleForm | None:
    """Return the form of a module; None if it counts, has a part twice, or attributes that could change unseen.

    >>> from minitorch import nn
    >>> form = module_form(nn.Linear(2, 3))
    >>> list(form.parts), form.plain["out_features"]
    (['weight', 'bias'], 3)
    """
    seen = set() if seen is None else seen
    held = vars(module)
    plain = {name: x for name, x in held.items() if name not in module._kinds and name != "_kinds"}
    if not all(isinstance(x, _PLAIN) for x in plain.values()):
        return None
    parts: dict[str, ModuleForm | None] = {}
    for name in module._kinds:
        x = held[name]
        if x is None:
            continue
        if id(x) in seen or (isinstance(x, Tensor) and x.dtype not in dtypes.INEXACT):
            return None
        seen.add(id(x))
        parts[name] = module_form(x, seen) if isinstance(x, Module) else None
        if isinstance(x, Module) and parts[name] is None:
            return None
    absent = [name for name in module._kinds if held[name] is None]
    return ModuleForm(type(module), [*held], dict(module._kinds), plain, absent, parts)
