"""Looking around: find what a function can see besides its arguments, by walking from it.

Through its globals, closure and defaults, the attributes and functions it names, the modules and optimizers that these
hold; as deep as a program can plausibly depend on.
"""

from __future__ import annotations

import builtins
import dis
import functools
import inspect
import io
import os
import sys
import threading
import weakref
from collections import ChainMap, UserDict, UserList, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from operator import attrgetter
from types import CodeType, FunctionType, MappingProxyType, MethodType, ModuleType, SimpleNamespace
from typing import Any

from ..core.array import Array
from ..core.jit.native.pairs import CHANGEABLE
from ..nn.hooks import everywhere
from ..nn.module import Module
from ..optim.hooks import Hooked, after_steps, before_steps
from ..optim.optimizer import Optimizer
from ..tensor.handle import Tensor
from .guards import (
    _LIMIT,
    _MISSING,
    PLAIN,
    Attributes,
    Current,
    Names,
    Place,
    Surroundings,
    is_apart,
    is_foreign,
    position,
)
from .snapshots import options, signature, snapshot

_DEEPEST = 100  # steps from the function; derivatives of derivatives stand a few apart


def look_around(function: Callable[..., Any], given: Sequence[Any] = ()) -> Surroundings:
    """Return what a function can see; `given` are further objects that it gets to see."""
    found = Surroundings()
    for x in given:
        _visit(found, x, "an argument", 1)
    _visit(found, function, getattr(function, "__qualname__", type(function).__name__), 0)
    _settle(found)
    return found.freeze()


def defined_at(function: Callable[..., Any]) -> str:
    """Say where a function, a method or a module's `forward` is written, if that can be seen."""
    function = type(function).forward if isinstance(function, Module) else getattr(function, "func", function)
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f", at {code.co_filename}:{code.co_firstlineno}," if code is not None else ""


def look_at_imports(found: Surroundings) -> None:
    """Look at the modules that the function has imported while it ran for the first time."""
    loaded = found.imports.intersection(sys.modules)
    if loaded:
        found.imports -= loaded
        for name in loaded:
            _visit_scope(found, sys.modules[name])
        _settle(found)
        found.freeze()


def _settle(found: Surroundings) -> None:
    """Look up in classes, modules and objects of the library the names that code uses; what is found may use more."""
    if "get_last_lr" in found.names:
        found.names.add("_last_lr")
    if found.names & {"environ", "getenv"}:
        _note(found, Place(vars(os.environ), "_data", "os.environ"), 0)
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
        see(found, value, depth)
    if isinstance(value, (type, ModuleType)):
        _visit_scope(found, value)
    if isinstance(value, (*PLAIN, Tensor, Array)) or id(value) in found.seen or depth > _DEEPEST:
        return
    found.seen.add(id(value))
    for kind, visit in _VISITS:
        if isinstance(value, kind):
            visit(found, value, label, depth)
            if kind is not _CONTAINERS or is_foreign(type(value)):
                return
    _visit_scope(found, type(value))
    if (at := position(value)) is not None:
        found.running.append((label, value, at))
    if is_foreign(type(value)) and not _is_namespace(value):
        if type(value).__module__.partition(".")[0] == "minitorch":  # a scheduler, a loader
            found.scopes[id(value)] = getattr(value, "__dict__", {}), label
        wrapped = getattr(value, "__dict__", {}).get("__wrapped__")  # a compiled function, a function with rules
        if wrapped is not None:
            _visit(found, wrapped, label, depth + 1)
        return
    has_table = hasattr(value, "__dict__")
    is_kept = has_table and vars(value) is vars(value)  # not made anew whenever it is asked for
    found.owners.append((value, type(value), vars(value) if is_kept else None))
    if has_table:
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
    for each in (*scope.__mro__, *type(scope).__mro__) if isinstance(scope, type) else (scope,):
        name = each.__module__ if isinstance(each, type) else each.__name__
        if not is_apart(str(name).partition(".")[0]) and id(each) not in found.scopes:
            found.scopes[id(each)] = vars(each), each.__name__
            if isinstance(each, type):
                found.classes.append(each)


def see(found: Surroundings, x: Tensor, depth: int = 0) -> None:
    """Note a tensor, and its hooks."""
    if id(x) not in found.tensors:
        found.tensors.add(id(x))
        if x._cell is not None:
            for table in (x._cell.hooks, x._cell.post_hooks):
                _visit_hooks(found, table, "a hook of a tensor", depth)


def _visit_hooks(found: Surroundings, table: dict[int, Any], label: str, depth: int) -> None:
    found.hooks.append((table, tuple(table.values())))
    for hook in table.values():
        _visit(found, getattr(hook, "hook", hook), label, depth + 1)


def _visit_function(found: Surroundings, function: FunctionType, label: str, depth: int) -> None:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        _note(found, Place(cell, None, f"`{name}`, which {label} closes over,"), depth)
    for i in range(len(function.__defaults__ or ())):
        _hold(found, Place(function.__defaults__, i, f"default {i} of {label}"), depth)
    for name in function.__kwdefaults__ or ():
        _note(found, Place(function.__kwdefaults__, name, f"the default of `{name}` of {label}"), depth)
    wrapped = getattr(function, "__wrapped__", None)
    if wrapped is not None:
        _visit(found, wrapped, label, depth + 1)
    if is_apart(str(function.__module__).partition(".")[0]):
        return
    found.functions.append(function)
    _visit_names(found, vars(function), label, depth)
    names = function.__globals__
    found.names.update(_names(function.__code__))
    for name in _imports(function.__code__, names.get("__package__") or ""):
        if name in sys.modules:
            _visit_scope(found, sys.modules[name])
        else:
            found.imports.add(name)
    for name in _globals(function.__code__):
        if name in names:
            _note(found, Place(names, name, f"global `{name}`"), depth)
        elif hasattr(builtins, name):
            found.absent.append((names, name))


def _names(code: CodeType) -> Iterator[str]:
    """Iterate over the names that code and the functions defined in it look up, or might: `getattr(x, "scale")`."""
    yield from code.co_names
    yield from _words(code)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _words(code: CodeType) -> Iterator[str]:
    for constant in code.co_consts:
        for word in constant if isinstance(constant, tuple) else (constant,):
            if isinstance(word, str) and word.isidentifier():
                yield word


@functools.lru_cache(4096)
def _imports(code: CodeType, package: str) -> tuple[str, ...]:
    """Return the modules that code and the functions defined in it import, with the packages they are in."""
    found: list[str] = []
    instructions = list(dis.get_instructions(code))
    for level, _, each in zip(instructions, instructions[1:], instructions[2:]):
        if each.opname == "IMPORT_NAME":
            base = package.split(".")[: package.count(".") + 2 - level.argval] if level.argval else []
            parts = [*base, *filter(None, each.argval.split("."))]
            found += [".".join(parts[: i + 1]) for i in range(len(parts))]
    inner = [
        name for constant in code.co_consts if isinstance(constant, CodeType) for name in _imports(constant, package)
    ]
    return tuple(dict.fromkeys(found + inner))


@functools.lru_cache(4096)
def _globals(code: CodeType) -> tuple[str, ...]:
    """Return the names that code and the functions defined in it look up among the globals; `x.t` is no use of `t`."""
    own = [i.argval for i in dis.get_instructions(code) if "GLOBAL" in i.opname or i.opname == "LOAD_NAME"]
    inner = [name for constant in code.co_consts if isinstance(constant, CodeType) for name in _globals(constant)]
    return tuple(dict.fromkeys(own + inner + [*_words(code)] * ("globals" in own)))


def _may_change(value: Any) -> bool:
    """Return whether a value is a container whose content may change, or a tuple that holds such."""
    return any(map(_may_change, value)) if isinstance(value, tuple) else isinstance(value, CHANGEABLE)


def _hold(found: Surroundings, place: Place, depth: int) -> None:
    """Note what always stands in its place, but may change itself."""
    value = place.read()
    if _may_change(value):
        found.mutable.append((place, value, snapshot(value)))
    _visit(found, value, place.label, depth + 1)


def _note(found: Surroundings, place: Place, depth: int) -> None:
    value = place.read()
    if value is _MISSING:
        return
    found.places.append((place, value))
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    if isinstance(value, property):
        _visit(found, value.fget, place.label, depth + 1)
    if _may_change(value):
        found.mutable.append((place, value, snapshot(value)))
    if hasattr(type(value), "__next__") and is_foreign(type(value)) and not isinstance(value, io.IOBase):
        found.iterators.append((place.label, place.key))
    _visit(found, value, place.label, depth + 1)


def _visit_names(found: Surroundings, names: dict[str, Any], label: str, depth: int) -> None:
    for name in names:
        _note(found, Place(names, name, f"{label}.{name}"), depth)


def _visit_method(found: Surroundings, method: MethodType, label: str, depth: int) -> None:
    _visit(found, method.__func__, label, depth + 1)
    _visit(found, method.__self__, type(method.__self__).__name__, depth + 1)


def _visit_module(found: Surroundings, module: Module, label: str, depth: int) -> None:
    for table in everywhere.values():
        _visit_hooks(found, table, "a hook of every module", depth)
    for each in module.modules():
        if all(each is not m for m, _ in found.modules):
            found.modules.append((each, signature(each)))
            found.owners.append((each, type(each), None))  # whose table has a version
            found.names.add("forward")
            _visit_scope(found, type(each))
            for name, value in vars(each).items():
                where = f"{type(each).__name__}.{name}"
                if name.endswith("_hooks") and isinstance(value, dict):
                    _visit_hooks(found, value, where, depth)
                elif name != "_kinds" and not isinstance(value, Module):
                    if _may_change(value):
                        found.mutable.append((Place(vars(each), name, where), value, snapshot(value)))
                    _visit(found, value, where, depth + 1)


def _visit_optimizer(found: Surroundings, optimizer: Optimizer, label: str, depth: int) -> None:
    found.optimizers.append((optimizer, options(optimizer)))
    for group in optimizer.param_groups:
        for p in group["params"]:
            see(found, p, depth)
    for table in (optimizer._step_pre_hooks, optimizer._step_post_hooks, before_steps, after_steps):
        _visit_hooks(found, table, f"a hook of {label}", depth)
    found.owners.append((optimizer, type(optimizer), vars(optimizer)))
    if not is_foreign(type(optimizer)):
        found.names.add("step")
        _visit_scope(found, type(optimizer))
        own = {name: value for name, value in vars(optimizer).items() if name not in _KNOWN}
        for name in own:
            _note(found, Place(vars(optimizer), name, f"{label}.{name}"), depth)


_KNOWN = ("defaults", "state", "param_groups", "_plans", "_recorded", *vars(Hooked()))


def _visit_items(found: Surroundings, items: Any, label: str, depth: int) -> None:
    for value in items.values() if isinstance(items, Mapping) else items:
        if len(found.seen) < _LIMIT:
            _visit(found, value, label, depth + 1)


def _visit_partial(found: Surroundings, partial: Any, label: str, depth: int) -> None:
    _visit(found, partial.func, label, depth + 1)
    for i in range(len(partial.args)):
        _hold(found, Place(partial.args, i, f"argument {i} of {label}"), depth)
    _visit_names(found, partial.keywords, label, depth)


def _visit_variable(found: Surroundings, variable: ContextVar[Any], label: str, depth: int) -> None:
    place = Place(Current(variable), None, label)
    if place.read() is _MISSING:
        found.places.append((place, _MISSING))
    _note(found, place, depth)


def _visit_local(found: Surroundings, local: Any, label: str, depth: int) -> None:
    _visit_scope(found, type(local))
    for name in vars(local):
        _note(found, Place(Attributes(local), name, f"{label}.{name}"), depth)


def _visit_reference(found: Surroundings, reference: Any, label: str, depth: int) -> None:
    _visit(found, reference(), label, depth + 1)


def _visit_getter(found: Surroundings, getter: Any, label: str, depth: int) -> None:
    found.names.update(*(path.split(".") for path in getter.__reduce__()[1]))


_CONTAINERS = (list, tuple, dict, set, frozenset, deque, MappingProxyType, ChainMap, UserDict, UserList)


_VISITS: tuple[tuple[Any, Callable[..., None]], ...] = (
    (FunctionType, _visit_function),
    (MethodType, _visit_method),
    (functools.partial, _visit_partial),
    (Module, _visit_module),
    (Optimizer, _visit_optimizer),
    (attrgetter, _visit_getter),
    (ContextVar, _visit_variable),
    (threading.local, _visit_local),
    (weakref.ref, _visit_reference),
    (_CONTAINERS, _visit_items),
)
