"""A module as a pytree, and calling it with other tensors in the place of its own.

The children of a module are the floating-point tensors of its whole subtree, each once, however often it is used; so
tied weights stay tied and receive one gradient. Everything else is carried along. Two modules have the same structure
when their classes, the names of their tensors and modules, and what is tied agree; plain attributes are not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..core import dtypes
from ..core.errors import ArgumentError
from ..tensor.handle import Tensor, tensor_of
from .registry import MODULE, Registry


class Fixed:
    """A tensor without gradient, such as a counter: carried along as a value, given a fresh handle when rebuilt."""

    __slots__ = ("kind", "value")

    def __init__(self, x: Tensor):
        self.kind = type(x)
        x._enter()
        self.value = x.current()

    def handle(self) -> Tensor:
        """Return a new handle on the value."""
        made = tensor_of(self.value)
        made.__class__ = self.kind
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fixed)

    def __hash__(self) -> int:
        return hash(Fixed)


class Skeleton:
    """A module without its tensors. Entries: a name with None, a place among the children, a Fixed or a Skeleton."""

    __slots__ = ("cls", "entries", "kinds", "plain")

    def __init__(self, cls: type, kinds: dict[str, str], plain: dict[str, Any], entries: tuple[tuple[str, Any], ...]):
        self.cls = cls
        self.kinds = kinds
        self.plain = plain
        self.entries = entries

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Skeleton) and self.cls is other.cls and self.entries == other.entries

    def __hash__(self) -> int:
        return hash((self.cls, tuple(name for name, _ in self.entries)))


def flatten_module(module: Registry) -> tuple[Any, ...]:
    """Return the tensors of a module, what is left of it, and the tensors' names."""
    found, skeleton = take_apart(module, _may_have_gradient)
    return tuple(x for x, _ in found), skeleton, tuple(name for _, name in found)


def _may_have_gradient(x: Any) -> bool:
    return not isinstance(x, Tensor) or x.dtype in dtypes.INEXACT


def take_apart(module: Registry, is_child: Callable[[Any], bool]) -> tuple[list[tuple[Any, str]], Skeleton]:
    """Return the tensors of a module that are children, each with its name, and what is left of it."""
    taking = _Taking(is_child)
    skeleton = taking.skeleton(module, "")
    return list(taking.found.values()), skeleton


class _Taking:
    """The children that have been found, by identity, and the skeletons of the modules that have been seen."""

    def __init__(self, is_child: Callable[[Any], bool]):
        self.is_child = is_child
        self.found: dict[int, tuple[Any, str]] = {}
        self.seen: dict[int, Skeleton] = {}

    def skeleton(self, module: Registry, prefix: str) -> Skeleton:
        """Return what is left of a module whose tensors' names begin with a prefix."""
        if id(module) not in self.seen:
            entries = tuple((name, self.entry(module.__dict__[name], prefix + name)) for name in module._kinds)
            rest = plain_attributes(module)
            self.seen[id(module)] = Skeleton(type(module), dict(module._kinds), rest, entries)
        return self.seen[id(module)]

    def entry(self, value: Any, name: str) -> Any:
        """Return what stands for an attribute that is registered."""
        if isinstance(value, Registry):
            return self.skeleton(value, f"{name}.")
        if value is None:
            return None
        if not self.is_child(value):
            return Fixed(value)
        place = list(self.found).index(id(value)) if id(value) in self.found else len(self.found)
        self.found.setdefault(id(value), (value, name))
        return place


def plain_attributes(module: Registry) -> dict[str, Any]:
    """Return the attributes that are not registered. Tables of hooks are copied, so that a copy gets its own hooks."""
    kinds = module._kinds
    return {
        name: dict(value) if name.endswith("_hooks") and isinstance(value, dict) else value
        for name, value in module.__dict__.items()
        if name not in kinds and name != "_kinds"
    }


def unflatten_module(skeleton: Skeleton, children: Iterable[Any]) -> Any:
    """Build a module of the same class around tensors."""
    return _put_together(skeleton, tuple(children), {})


def _put_together(skeleton: Skeleton, children: tuple[Any, ...], made: dict[int, Any]) -> Any:
    if id(skeleton) in made:
        return made[id(skeleton)]
    module = object.__new__(skeleton.cls)
    made[id(skeleton)] = module
    mine = module.__dict__
    mine.update(skeleton.plain)
    mine["_kinds"] = dict(skeleton.kinds)
    for name, entry in skeleton.entries:
        if isinstance(entry, Skeleton):
            mine[name] = _put_together(entry, children, made)
        elif isinstance(entry, Fixed):
            mine[name] = entry.handle()
        else:
            mine[name] = None if entry is None else children[entry]
    return module


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    args: Any = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with other tensors in the place of some of its own, by dotted name.

    The call runs on a copy that shares the tensors which are not given, so that threads may do it at the same time.

    A name that is one of several for a tied tensor stands for all, unless `tie_weights` is off. With `strict`, every
    parameter and buffer must be given. Plain attributes that `forward` sets are set on the copy.

    >>> from minitorch.nn.module import Module
    >>> class Scale(Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.register_buffer("factor", Tensor([2.0]))
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> functional_call(Scale(), {"factor": Tensor([10.0])}, (Tensor([3.0]),)).tolist()
    [30.0]
    """
    dicts = parameter_and_buffer_dicts
    given: dict[str, Any] = {}
    for each in [dicts] if isinstance(dicts, Mapping) else dicts:
        given.update(each)
    places = dict(_places(module))
    tied = {id(places[name][2]): value for name, value in given.items() if tie_weights and name in places}
    stray = [name for name in given if name not in places]
    absent = [name for name, place in places.items() if strict and name not in given and id(place[2]) not in tied]
    if stray or absent:
        detail = f"Unexpected key(s): {stray}" if stray else f"Missing key(s): {absent}"
        raise ArgumentError(f"functional_call: {detail}; {type(module).__name__} has {list(places)}")
    direct = {(id(places[name][0]), places[name][1]): value for name, value in given.items()}
    args = args if isinstance(args, tuple) else (args,)
    return _copied(module, direct, tied, {})(*args, **(kwargs or {}))


def _places(module: Any) -> Iterable[tuple[str, tuple[Registry, str, Any]]]:
    """Iterate over dotted names, each with its module, its attribute and its tensor."""
    for path, each in module.named_modules(remove_duplicate=False):
        for name, kind in each._kinds.items():
            if kind != MODULE and each.__dict__[name] is not None:
                yield f"{path}.{name}" if path else name, (each, name, each.__dict__[name])


def _copied(module: Any, direct: dict[Any, Any], tied: dict[int, Any], made: dict[int, Any]) -> Any:
    if id(module) in made:
        return made[id(module)]
    copy = made[id(module)] = object.__new__(type(module))
    mine = copy.__dict__
    mine.update(plain_attributes(module))
    mine["_kinds"] = dict(module._kinds)
    for name, kind in module._kinds.items():
        value = module.__dict__[name]
        if kind == MODULE:
            mine[name] = None if value is None else _copied(value, direct, tied, made)
        elif (id(module), name) in direct:
            mine[name] = direct[id(module), name]
        else:
            mine[name] = value if value is None else tied.get(id(value), value)
    return copy
