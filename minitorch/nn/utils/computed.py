"""Tensors that a module computes anew before each call, from parameters that stand in their place.

Between calls the attribute is a plain tensor: it is neither a parameter nor in `state_dict`. What a call that is recorded
by `jit` has computed is not left behind.
"""

from __future__ import annotations

from typing import Any, TypeVar

from ...core.errors import ArgumentError
from ...core.tape import context
from ...tensor.handle import Tensor
from ...tensor.hooks import changes
from ..hooks import FORWARD, FORWARD_PRE
from ..module import Module
from ..parameter import Parameter

Hook = TypeVar("Hook", bound="Computed")


class Computed:
    """A hook that sets the tensor `name` of a module before each call."""

    name: str

    def compute(self, module: Module) -> Tensor:
        """Return the tensor; subclasses define it."""
        raise NotImplementedError

    def refresh(self, module: Module) -> None:
        """Set the tensor."""
        setattr(module, self.name, self.compute(module))

    def __call__(self, module: Module, inputs: Any) -> None:
        if context.get().stage is not None:
            self.held.append(module.__dict__.get(self.name))
        self.refresh(module)

    @property
    def held(self) -> list[Any]:
        """The tensors that recorded calls are to leave behind, of the calls that are under way."""
        return self.__dict__.setdefault("_held", [])  # type: ignore[no-any-return]

    def enter(self, module: Module) -> None:
        """Set the tensor before each call from now on."""
        module.register_forward_pre_hook(self)
        module.register_forward_hook(_Leave(self), always_call=True)


class _Leave:
    """The hook after a call, which belongs to the one before."""

    def __init__(self, entered: Computed):
        self.entered = entered

    def __call__(self, module: Module, inputs: Any, out: Any) -> None:
        if context.get().stage is not None:
            setattr(module, self.entered.name, self.entered.held.pop())


def computed(module: Module, kind: type[Hook], name: str | None = None) -> dict[int, Hook]:
    """Return the hooks of a kind that a module has, for one tensor or for all, with their numbers."""
    marked = {key: mark.hook for key, mark in module._hooks(FORWARD_PRE).items()}
    return {key: hook for key, hook in marked.items() if isinstance(hook, kind) and name in (None, hook.name)}


def take_out(module: Module, kind: type[Hook], name: str) -> list[Hook]:
    """Remove the hooks of a kind from a tensor, and return them."""
    found = computed(module, kind, name)
    for key in found:
        del module._hooks(FORWARD_PRE)[key]
    after = module._hooks(FORWARD)
    for key in [key for key, mark in after.items() if getattr(mark.hook, "entered", None) in found.values()]:
        del after[key]
    changes.count += 1
    return list(found.values())


def parameter_of(module: Module, name: str, what: str) -> Parameter:
    """Return a parameter that is to be replaced, or raise."""
    found = module._parameters.get(name)
    if found is None:
        raise ArgumentError(
            f"{what}: {type(module).__name__} has no parameter {name!r}; it has {', '.join(module._parameters) or 'none'}"
        )
    return found  # type: ignore[no-any-return]
