"""A program in words: what its inputs and targets are called, and what must hold for it to be replayed."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from types import MethodType
from typing import Any

from ..core import dtypes, tree
from ..core.naming import places
from ..nn.module import Module
from ..tensor.handle import Tensor
from .arguments import kind_in_words
from .capture import Argument, ArgumentGrad, Field, Handle, Number, Shared, Slot
from .guards import Surroundings
from .program import Program, Refill, Same
from .snapshots import LIFTED

_SHOWN = (bool, int, float, complex, str)
_MOST = 8  # names in a list

# --------------------------------------------------------------------------- names


class Called:
    """What a program's arguments, tensors, optimizers and their state are called where the function is written."""

    def __init__(self, function: Callable[..., Any], static: frozenset[int], structure: Any, around: Surroundings):
        self.arguments = argument_names(function, static, structure)
        self.places = argument_places(function, static, structure)
        self.tensors: dict[int, str] = {}
        self.cells: dict[int, str] = {}
        self.storages: dict[int, str] = {}
        self.groups: dict[int, str] = {}
        self.optimizers: dict[int, str] = {}
        owner = function.__self__ if isinstance(function, MethodType) else function
        seen = [("self", owner), *((_plain(p.label), v) for p, v in around.places)]
        for label, value in seen:
            self._note(label, value)
        labels = {id(value): label for label, value in reversed(seen)}
        for optimizer, _ in around.optimizers:
            label = self.optimizers[id(optimizer)] = labels.get(id(optimizer), type(optimizer).__name__)
            for i, group in enumerate(optimizer.param_groups):
                self.groups[id(group)] = f"{label}.param_groups[{i}]"
                self._note(f"{self.groups[id(group)]}['params']", group["params"])

    def _note(self, label: str, value: Any) -> None:
        for name, x in _walk(label, value, 4):
            self.tensors.setdefault(id(x), name)
            if x._cell is not None:
                self.cells.setdefault(id(x._cell), name)
            if x._view is not None:
                self.storages.setdefault(id(x._view.storage), name)

    def origin(self, source: Any) -> str:
        """Return where a source stands in the function's signature, or what it is called elsewhere."""
        if isinstance(source, Argument) and source.index < len(self.places):
            return self.places[source.index]
        return f"`{self.source(source)}` from outside"

    def source(self, source: Any) -> str:
        """Return what a source or a target is called."""
        match source:
            case Argument():
                return self.argument(source.index)
            case ArgumentGrad():
                return f"{self.argument(source.index)}.grad"
            case Handle():
                return self.tensor(source.tensor)
            case Shared():
                return f"{self.storages.get(id(source.storage), 'a tensor')} and its views"
            case Slot(holder=None):
                return f"{self.cells.get(id(source.owner), 'a tensor')}.grad"
            case Slot():
                label = self.optimizers.get(id(source.holder), type(source.holder).__name__)
                return f"{label}.state[{self.tensor(source.owner)}][{source.name!r}]"
            case Number():
                return f"{self.groups.get(id(source.owner), 'a dict')}[{source.name!r}]"
            case Field():
                return f"{type(source.owner).__name__.lower()}.{source.name}"
            case Refill():
                return self.source(source.slot)
        return "a value of an outer transform"

    def same(self, result: Same) -> str:
        """Return the name of a tensor from outside that is returned, or put in a slot."""
        if result.argument is not None:
            return self.argument(result.argument)
        return self.tensor(result.tensor) if result.slot is None else self.source(result.slot)

    def argument(self, index: int) -> str:
        """Return the name of a leaf of the arguments; behind them come the buffers of modules among them."""
        count = len(self.arguments)
        return self.arguments[index] if index < count else f"buffer {index - count} of the modules among the arguments"

    def tensor(self, x: Any) -> str:
        """Return the name of a tensor."""
        return self.tensors.get(id(x), "a tensor")


def _plain(label: str) -> str:
    """Return the name in a label: "global `x`" or "`x`, which f closes over,"."""
    return re.sub(r"^global |, which .* closes over,|`", "", label)


def _walk(label: str, value: Any, depth: int) -> Iterator[tuple[str, Tensor]]:
    """Yield the names of the tensors in a tensor, a module, or nested containers."""
    if isinstance(value, Tensor):
        yield label, value
    elif isinstance(value, Module):
        for name, x in (*value.named_parameters(), *value.named_buffers()):
            yield f"{label}.{name}", x
    elif depth and isinstance(value, dict):
        for key, x in value.items():
            yield from _walk(f"{label}[{key!r}]", x, depth - 1)
    elif depth and isinstance(value, (list, tuple)):
        for i, x in enumerate(value):
            yield from _walk(f"{label}[{i}]", x, depth - 1)


def argument_names(function: Callable[..., Any], static: frozenset[int], structure: Any) -> list[str]:
    """Return what the leaves of the arguments are called: `x`, `batch[0]`, `params['w']`."""
    args, kwargs = tree.unflatten(structure, range(structure.num_leaves))
    free = [name for _, name in _free(function, static)]
    found: list[str] = []
    for i, value in enumerate(args):
        found += tree.paths(value, free[i] if i < len(free) else f"args[{i}]")
    for name in sorted(kwargs):
        found += tree.paths(kwargs[name], name)
    return found


def argument_places(function: Callable[..., Any], static: frozenset[int], structure: Any) -> list[str]:
    """Return where the leaves of the arguments stand: "argument 0 ('params'), leaf ['w']"."""
    args, kwargs = tree.unflatten(structure, range(structure.num_leaves))
    free = _free(function, static)
    free += [(i, f"args[{i}]") for i in range(len(free), len(args))]
    positional = [(i, name, x) for (i, name), x in zip(free, args)]
    return places([*positional, *((None, name, kwargs[name]) for name in sorted(kwargs))])


def _free(function: Callable[..., Any], static: frozenset[int]) -> list[tuple[int, str]]:
    """Return the positions and names of the parameters that are not static."""
    names = _parameters(function)
    skipped = {i % len(names) for i in static if names and -len(names) <= i < len(names)}
    return [(i, name) for i, name in enumerate(names) if i not in skipped]


def _parameters(function: Callable[..., Any]) -> list[str]:
    """Return the names of the parameters that can be given by position."""
    try:
        kinds = inspect.signature(function.forward if isinstance(function, Module) else function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in kinds if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


# --------------------------------------------------------------------------- guards


def conditions(program: Program, around: Surroundings, key: Any, called: Called) -> Iterator[str]:
    """Say what must be as it was when the program was recorded."""
    yield from _arguments(key, called)
    yield from _seen(around)
    if around.modules:
        kinds = _listed(dict.fromkeys(type(m).__name__ for m, _ in around.modules))
        yield f"{_counted(len(around.modules), 'module')} ({kinds}): layers, mode, hooks and plain attributes"
    for optimizer, _ in around.optimizers:
        yield _options(optimizer, called)
    if program.handles:
        yield (
            f"{_counted(len(program.handles), 'captured tensor')}: requires_grad, and whether it is a view; their shapes "
            "and dtypes"
        )
    for slot, check in _slots(program):
        yield f"{called.source(slot)} is {'None' if check.empty else 'not None'}"
    for pin in program.pins:
        yield f"{called.source(pin.slot)} is the same tensor, which others hold, too"


def _arguments(key: Any, called: Called) -> Iterator[str]:
    ((_, (static, *_), kinds, aliases), (muted, default)) = key
    for i, kind in enumerate(kinds):
        yield f"{called.argument(i)} is {kind_in_words(kind)}"
    positional, named = static or ((), ())
    for name, value in (*((f"argument {i}", v) for i, v in positional), *named):
        yield f"{name} is {value!r} (static)"
    yield "arguments share no memory" if aliases is None else "the same arguments share memory, or are one tensor"
    yield f"gradients are {'off' if muted else 'on'}, and the default dtype is {dtypes.name(default)}"


def _seen(around: Surroundings) -> Iterator[str]:
    plain = [(p.label, v) for p, v in around.places if isinstance(v, _SHOWN) or v is None]
    for label, value in plain[:_MOST]:
        yield f"{label.rstrip(',')} is {value!r}"
    if len(plain) > _MOST:
        yield f"{len(plain) - _MOST} more plain values that it sees"
    others = [_plain(p.label) for p, v in around.places if not isinstance(v, _SHOWN) and v is not None]
    if others:
        yield f"the same objects under {_listed(others)}"
    inside = [_plain(p.label) for p, _, _ in around.mutable]
    if inside:
        yield f"the same plain contents of {_listed(inside)}"


def _options(optimizer: Any, called: Called) -> str:
    lifted = [
        name
        for name in LIFTED
        if any(type(group.get(name)) is float and group[name] for group in optimizer.param_groups)
    ]
    read = (
        f", except {_listed(lifted)}, which {'is' if len(lifted) == 1 else 'are'} read at each call" if lifted else ""
    )
    return f"{called.optimizers[id(optimizer)]} ({type(optimizer).__name__}): parameters and options{read}"


def _slots(program: Program) -> Iterator[tuple[Any, Any]]:
    """Pair each slot that must be empty, or must not, with its condition."""
    known = set(map(id, _known_slots(program)))
    return ((check.slot, check) for check in program.slots if id(check.slot) in known)


def _known_slots(program: Program) -> Iterator[Any]:
    for source in (*program.sources, *(target for target, _ in program.writes)):
        yield source.slot if isinstance(source, Refill) else source


def _listed(names: Any) -> str:
    names = list(names)
    rest = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(f"`{name}`" for name in names[:_MOST]) + rest


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"
