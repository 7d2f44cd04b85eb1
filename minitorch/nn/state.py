"""Saving and loading: a flat dict of names and tensors, as PyTorch's."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..core.errors import StateError
from ..core.ops.shaping import cast
from ..core.primitive import Value
from ..tensor.handle import Tensor, as_tensor, tensor_of
from .parameter import Parameter, fresh
from .registry import BUFFER, MODULE, PARAMETER, Registry

_EXTRA = "_extra_state"


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
    """The part of a module that is saved and loaded."""

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
        for kind in (PARAMETER, BUFFER):
            for name, x in self._members(kind):
                found[prefix + name] = x if keep_vars else x.detach()
        for name, module in self._members(MODULE):
            module.state_dict(destination=found, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        if type(self).get_extra_state is not Stateful.get_extra_state:
            found[prefix + _EXTRA] = self.get_extra_state()
        return found

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
        wanted = dict(_slots(self, ""))
        missing = [
            name
            for name, (module, attribute) in wanted.items()
            if name not in state_dict and attribute not in module._may_lack
        ]
        unexpected = [name for name in state_dict if name not in wanted]
        errors = _complaints(missing, unexpected) if strict else []
        loads = []
        for name, (module, attribute) in wanted.items():
            if name in state_dict:
                given = state_dict[name]
                if attribute != _EXTRA:
                    given = as_tensor(given)
                    shape = module.__dict__[attribute].shape
                    if given.shape != shape:
                        errors.append(
                            f"size mismatch for {name}: copying a param with shape {list(given.shape)} from "
                            f"checkpoint, the shape in current model is {list(shape)}."
                        )
                loads.append((module, attribute, given))
        if errors:
            details = "\n\t".join(errors)
            raise StateError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{details}")
        for module, attribute, given in loads:
            _load(module, attribute, given, assign)
        return IncompatibleKeys(missing, unexpected)


def _complaints(missing: list[str], unexpected: list[str]) -> list[str]:
    found = []
    for what, names in (("Missing", missing), ("Unexpected", unexpected)):
        if names:
            quoted = ", ".join(f'"{name}"' for name in names)
            found.append(f"{what} key(s) in state_dict: {quoted}. Rename them, or pass strict=False.")
    return found


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
    if assign:
        made = given if type(given) is type(mine) else _like(mine, given.current())
        module._enter(attribute, module._kinds[attribute], made)
    else:
        mine.overwrite(cast(given.current(), mine.dtype))


def _like(mine: Tensor, value: Value) -> Tensor:
    if isinstance(mine, Parameter):
        return fresh(value, mine.requires_grad)
    made = tensor_of(value)
    made.__class__ = type(mine)
    return made
