"""Saving and loading: a flat dict of names and tensors, as PyTorch's."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from ..core.errors import ArgumentError, StateError
from ..core.ops.shaping import cast
from ..core.tracer import Value
from ..tensor.handle import Tensor, as_tensor, tensor_of
from ..tensor.hooks import RemovableHandle
from .parameter import Parameter, fresh
from .registry import BUFFER, MODULE, PARAMETER, Hook, Registry
from .uninitialized import Uninitialized

_EXTRA = "_extra_state"
_BEFORE_SAVING, _AFTER_SAVING = "_state_dict_pre_hooks", "_state_dict_hooks"
_BEFORE_LOADING, _AFTER_LOADING = "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks"


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` did not find, and what it had no use for."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"

    __str__ = __repr__


class Stateful(Registry):
    """The part of a module that is saved and loaded. `_version` is for hooks that convert states of other versions."""

    _version: int | None = 1
    _may_lack: tuple[str, ...] = ()  # tensors that the files of older versions do not hold; they stay as they are

    def get_extra_state(self) -> Any:
        """Return what a subclass wants to save beside its tensors."""
        raise NotImplementedError

    def set_extra_state(self, state: Any) -> None:
        """Take what `get_extra_state` returned."""
        raise NotImplementedError

    def state_dict(
        self, *, destination: dict[str, Any] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """Return the parameters and persistent buffers by dotted name, cut from the graph unless `keep_vars`.

        They share data with the module: what training does next shows in them.
        """
        found = OrderedDict() if destination is None else destination
        metadata = {"version": self._version}
        if isinstance(found, OrderedDict):  # which takes attributes, as a plain dict does not
            vars(found).setdefault("_metadata", {})[prefix[:-1]] = metadata
        for hook in list(self._hooks(_BEFORE_SAVING).values()):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(found, prefix, keep_vars)
        for name, module in self._members(MODULE):
            module.state_dict(destination=found, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in list(self._hooks(_AFTER_SAVING).values()):
            replaced = hook(self, found, prefix, metadata)
            found = found if replaced is None else replaced
        return found

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        """Put what this module itself holds into a state."""
        for kind in (PARAMETER, BUFFER):
            for name, x in self._members(kind):
                destination[prefix + name] = x if keep_vars else x.detach()
        if type(self).get_extra_state is not Stateful.get_extra_state:
            destination[prefix + _EXTRA] = self.get_extra_state()

    def register_state_dict_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before this module's part of a `state_dict`."""
        return self._add_hook(_BEFORE_SAVING, hook)

    def register_state_dict_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` after this module's part; it may change the dict."""
        return self._add_hook(_AFTER_SAVING, partial(_returning_nothing, hook))

    def register_load_state_dict_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call a hook before this module's part of a state is loaded. It may change a copy of the state.

        The call is `hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)`;
        what it adds to the lists is reported with the rest.
        """
        return self._add_hook(_BEFORE_LOADING, hook)

    def register_load_state_dict_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after loading; taking names out of the lists forgives them."""
        return self._add_hook(_AFTER_LOADING, hook)

    def _register_state_dict_hook(self, hook: Hook) -> RemovableHandle:
        return self._add_hook(_AFTER_SAVING, hook)

    def _register_load_state_dict_pre_hook(self, hook: Hook, with_module: bool = False) -> RemovableHandle:
        return self._add_hook(_BEFORE_LOADING, hook if with_module else partial(_without_module, hook))

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy values by name into parameters and buffers; with `assign`, put them in the place of the tensors.

        Values may be tensors or anything array-like. With `strict`, names must be the same on both sides. All values
        are checked before the first is copied; a StateError lists all that does not fit.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                f"load_state_dict: Expected state_dict to be dict-like, got {type(state_dict).__name__}; pass what "
                "state_dict() returned"
            )
        given_metadata = getattr(state_dict, "_metadata", {})
        state_dict, told = OrderedDict(state_dict), ([], [], [])  # type: ignore[var-annotated]
        for path, module in self.named_modules(remove_duplicate=False):
            for hook in list(module._hooks(_BEFORE_LOADING).values()):
                hook(module, state_dict, f"{path}." if path else "", given_metadata.get(path, {}), strict, *told)
        wanted = dict(_slots(self, ""))
        absent = [(name, place) for name, place in wanted.items() if name not in state_dict]
        missing = [*told[0], *(name for name, (module, attribute) in absent if attribute not in module._may_lack)]
        unexpected = [*told[1], *(name for name in state_dict if name not in wanted)]
        keys, errors = IncompatibleKeys(missing, unexpected), told[2]
        loads = self._fitting(state_dict, wanted, errors)
        hooks = [(module, hook) for module in self.modules() for hook in module._hooks(_AFTER_LOADING).values()]
        if errors or not hooks:
            self._check_loaded(keys, errors, strict)
        for module, attribute, given in loads:
            _load(module, attribute, given, assign)
        for module, hook in hooks:
            _returning_nothing(hook, module, keys)
        self._check_loaded(keys, errors, strict)
        return keys

    def _fitting(self, state_dict: Mapping[str, Any], wanted: dict[str, Any], errors: list[str]) -> list[Any]:
        """Return what is to be loaded where, and note what does not fit."""
        loads = []
        for name, (module, attribute) in wanted.items():
            if name in state_dict:
                given = state_dict[name]
                if attribute != _EXTRA:
                    given = as_tensor(given)
                    errors += _misfit(name, module.__dict__[attribute], given)
                loads.append((module, attribute, given))
        return loads

    def _check_loaded(self, keys: IncompatibleKeys, errors: list[str], strict: bool) -> None:
        found = [*(_complaints(*keys) if strict else []), *errors]
        if found:
            details = "\n\t".join(found)
            raise StateError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{details}")


def _without_module(hook: Hook, module: Any, *rest: Any) -> Any:
    return hook(*rest)


def _returning_nothing(hook: Hook, *args: Any) -> None:
    if hook(*args) is not None:
        raise ArgumentError(
            "state_dict: a hook on saving or loading must return None; change what it is given in place"
        )


def _complaints(missing: list[str], unexpected: list[str]) -> list[str]:
    found = []
    for what, names in (("Missing", missing), ("Unexpected", unexpected)):
        if names:
            quoted = ", ".join(f'"{name}"' for name in names)
            found.append(f"{what} key(s) in state_dict: {quoted}. Rename them, or pass strict=False.")
    return found


def _misfit(name: str, mine: Tensor, given: Tensor) -> list[str]:
    """Return the complaint about a value that cannot be copied into a tensor, if it is one."""
    if isinstance(given, Uninitialized):
        return (
            [] if isinstance(mine, Uninitialized) else [f"size mismatch for {name}: it is uninitialized in checkpoint."]
        )
    if isinstance(mine, Uninitialized) or given.shape == mine.shape:
        return []
    return [
        f"size mismatch for {name}: copying a param with shape {list(given.shape)} from checkpoint, the shape in current "
        f"model is {list(mine.shape)}."
    ]


def _slots(module: Stateful, prefix: str) -> Any:
    """Iterate over the names that a state has, and the module and attribute each stands for."""
    for kind in (PARAMETER, BUFFER):
        for name, _ in module._members(kind):
            yield prefix + name, (module, name)
    for name, child in module._members(MODULE):
        yield from _slots(child, f"{prefix}{name}.")
    if type(module).get_extra_state is not Stateful.get_extra_state:
        yield prefix + _EXTRA, (module, _EXTRA)


def _load(module: Stateful, attribute: str, given: Any, assign: bool) -> None:
    if attribute == _EXTRA:
        module.set_extra_state(given)
        return
    mine = module.__dict__[attribute]
    if isinstance(given, Uninitialized):
        return
    if isinstance(mine, Uninitialized):
        mine.materialize(given.shape)
    if assign:
        made = given if type(given) is type(mine) else _like(mine, given.current())
        module._enter(attribute, module._kinds[attribute], made)
    else:
        mine.overwrite(cast(given.current(), mine.dtype))
        mine.settle()  # what `state_dict` handed out is gone, as a rule


def _like(mine: Tensor, value: Value) -> Tensor:
    if isinstance(mine, Parameter):
        return fresh(value, mine.requires_grad)
    made = tensor_of(value)
    made.__class__ = type(mine)
    return made
