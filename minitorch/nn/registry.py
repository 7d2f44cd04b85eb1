"""What a module holds: parameters, buffers and submodules, found by name.

Everything lies in the instance's `__dict__`, so reading an attribute costs what it always costs in Python. A table
beside it says which names are parameters, buffers or modules, in the order in which they were registered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

from ..core.errors import ArgumentError
from ..tensor.handle import Tensor
from ..tensor.hooks import RemovableHandle, changes
from .parameter import Buffer, Parameter

PARAMETER, BUFFER, TRANSIENT, MODULE = "parameter", "buffer", "transient buffer", "module"
BUFFERS = (BUFFER, TRANSIENT)
_EXPECTED = {
    PARAMETER: "as parameter '{}' (Parameter or None expected)",
    BUFFER: "as buffer '{}' (Tensor or None expected)",
    TRANSIENT: "as buffer '{}' (Tensor or None expected)",
    MODULE: "as child module '{}' (Module or None expected)",
}

Named = Iterator[tuple[str, Any]]
Hook = Callable[..., Any]
# Called with every module, name and value that is registered anywhere, by the kind of what is registered.
registration_hooks: dict[str, dict[int, Hook]] = {PARAMETER: {}, BUFFER: {}, MODULE: {}}


class Registry:
    """The part of a module that knows what it is made of."""

    training = True
    _kinds: dict[str, str]

    def __init__(self) -> None:
        self.__dict__["training"] = True
        self.__dict__["_kinds"] = {}

    # ------------------------------------------------------------------ attributes

    def __setattr__(self, name: str, value: Any) -> None:
        changes.count += 1
        kinds = self.__dict__.get("_kinds")
        kind = _kind_of(value)
        if kind is None or (kind == MODULE and kinds is not None and kinds.get(name) == PARAMETER):
            kind = None if kinds is None else kinds.get(name)
            if kind is None:
                object.__setattr__(self, name, value)
                return
            if value is not None and not (kind in BUFFERS and isinstance(value, Tensor)):
                expected = _EXPECTED[kind].format(name)
                raise TypeError(f"cannot assign '{type(value).__name__}' object {expected}")
        if kinds is None:
            raise AttributeError(f"cannot assign {kind} before {type(self).__name__} calls super().__init__()")
        if kind == BUFFER and kinds.get(name) == TRANSIENT and type(value) is not Buffer:
            kind = TRANSIENT
        self._enter(name, kind, value)

    def _enter(self, name: str, kind: str, value: Any) -> None:
        changes.count += 1
        for hook in list(registration_hooks[BUFFER if kind in BUFFERS else kind].values()) if value is not None else ():
            found = hook(self, name, value)
            value = value if found is None else found
        if self._kinds.get(name) != kind:
            self.__dict__.pop(name, None)
            self._kinds.pop(name, None)
            self._kinds[name] = kind
        self.__dict__[name] = value

    def __delattr__(self, name: str) -> None:
        changes.count += 1
        object.__delattr__(self, name)
        self._kinds.pop(name, None)

    def _check_name(self, what: str, name: str) -> None:
        if "_kinds" not in self.__dict__:
            raise AttributeError(f"cannot assign {what} before {type(self).__name__} calls super().__init__()")
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string. Got {type(name).__name__}")
        if "." in name:
            raise KeyError(f'{what} name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError(f'{what} name can\'t be empty string ""')
        if hasattr(self, name) and not self._kinds.get(name, "").endswith(what):
            raise KeyError(f"attribute '{name}' already exists")

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under a name, or None to reserve the name."""
        self._check_name("parameter", name)
        if param is not None and not isinstance(param, Parameter):
            got = type(param).__name__
            raise TypeError(f"cannot assign '{got}' object to parameter '{name}' (Parameter or None required)")
        if param is not None and not param.is_leaf:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. To "
                f"express '{name}' as a function of another Tensor, compute the value in the forward() method."
            )
        self._enter(name, PARAMETER, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but not trained, such as a running mean; only persistent ones are saved."""
        self._check_name("buffer", name)
        if tensor is not None and not isinstance(tensor, Tensor):
            got = type(tensor).__name__
            raise TypeError(f"cannot assign '{got}' object to buffer '{name}' (Tensor or None required)")
        self._enter(name, BUFFER if persistent else TRANSIENT, tensor)

    def register_module(self, name: str, module: Registry | None) -> None:
        """Add a submodule under a name."""
        self._check_name("module", name)
        if module is not None and not isinstance(module, Registry):
            raise TypeError(f"{type(module).__name__} is not a Module subclass")
        self._enter(name, MODULE, module)

    add_module = register_module

    def _hooks(self, name: str) -> dict[int, Hook]:
        """Return a table of hooks."""
        return self.__dict__.get(name, {})  # type: ignore[no-any-return]

    def _add_hook(self, name: str, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Put a hook into a table, which is made on first need."""
        return RemovableHandle(self.__dict__.setdefault(name, {}), hook, prepend)

    # ------------------------------------------------------------------ what a module holds

    def _members(self, *kinds: str) -> Named:
        """Return the names and values of some kinds, without those that are None."""
        mine = self.__dict__
        for name, kind in self._kinds.items():
            if kind in kinds and mine[name] is not None:
                yield name, mine[name]

    def _table(self, *kinds: str) -> MappingProxyType[str, Any]:
        return MappingProxyType({name: self.__dict__[name] for name, kind in self._kinds.items() if kind in kinds})

    @property
    def _parameters(self) -> MappingProxyType[str, Any]:
        return self._table(PARAMETER)

    @property
    def _buffers(self) -> MappingProxyType[str, Any]:
        return self._table(*BUFFERS)

    @property
    def _modules(self) -> MappingProxyType[str, Any]:
        return self._table(MODULE)

    def named_modules(
        self, memo: set[Registry] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Registry]]:
        """Iterate over this module and all below it, with dotted names; a module in two places counts once."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in list(self._members(MODULE)):
            yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def _named_members(self, kinds: tuple[str, ...], prefix: str, recurse: bool, remove_duplicate: bool) -> Named:
        seen: dict[int, Any] = {}  # by identity: what stands for tensors elsewhere may be equal without being the same
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, value in module._members(*kinds):
                if remove_duplicate:
                    if id(value) in seen:
                        continue
                    seen[id(value)] = value
                yield (f"{path}.{name}" if path else name), value

    def named_parameters(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True) -> Named:
        """Iterate over parameters with dotted names."""
        return self._named_members((PARAMETER,), prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Iterate over parameters."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True) -> Named:
        """Iterate over buffers with dotted names."""
        return self._named_members(BUFFERS, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Iterate over buffers."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    def named_children(self) -> Iterator[tuple[str, Registry]]:
        """Iterate over direct submodules with their names; one under two names counts once."""
        seen = set()
        for name, module in self._members(MODULE):
            if module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Registry]:
        """Iterate over direct submodules."""
        return (module for _, module in self.named_children())

    def modules(self) -> Iterator[Registry]:
        """Iterate over this module and all below it."""
        return (module for _, module in self.named_modules())

    def get_submodule(self, target: str) -> Registry:
        """Return the submodule with a dotted name, this module for the empty one."""
        module = self
        for name in target.split(".") if target else ():
            found = module.__dict__.get(name)
            if not isinstance(found, Registry):
                raise AttributeError(f"{type(module).__name__} has no submodule `{name}` (looking for '{target}')")
            module = found
        return module

    def set_submodule(self, target: str, module: Registry, strict: bool = False) -> None:
        """Put a module in the place with a dotted name; with `strict`, there has to be one that it replaces."""
        path, _, name = target.rpartition(".")
        if not name:
            raise ArgumentError(f"set_submodule: Cannot set the submodule without a target name, got {target!r}")
        if not isinstance(module, Registry):
            raise ArgumentError(f"set_submodule: `module` is not an nn.Module, got {type(module).__name__}")
        parent = self.get_submodule(path)
        held = parent.__dict__.get(name)
        if not isinstance(held, Registry) and (strict or hasattr(parent, name)):
            raise AttributeError(
                f"set_submodule: {type(parent).__name__} has no submodule `{name}` (looking for '{target}')"
            )
        parent._enter(name, MODULE, module)

    def _get_member(self, target: str, what: str, kinds: tuple[str, ...]) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if module._kinds.get(name) not in kinds:
            raise AttributeError(f"{type(module).__name__} has no {what} `{name}` (looking for '{target}')")
        return module.__dict__[name]

    def get_parameter(self, target: str) -> Parameter:
        """Return the parameter with a dotted name."""
        return self._get_member(target, "parameter", (PARAMETER,))  # type: ignore[no-any-return]

    def get_buffer(self, target: str) -> Tensor:
        """Return the buffer with a dotted name."""
        return self._get_member(target, "buffer", BUFFERS)  # type: ignore[no-any-return]


def _kind_of(value: Any) -> str | None:
    if isinstance(value, Parameter):
        return PARAMETER
    if isinstance(value, Registry):
        return MODULE
    if isinstance(value, Buffer):
        return BUFFER if value.__dict__.get("persistent", True) else TRANSIENT
    return None
