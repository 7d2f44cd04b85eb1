"""Functions that an optimizer calls around its steps, and when its state is saved and loaded."""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import chain
from typing import Any

from ..tensor.hooks import RemovableHandle

Hook = Callable[..., Any]
Table = dict[int, Hook]

# Those of every optimizer, for tools that watch a program they have not written.
before_steps: Table = {}
after_steps: Table = {}


def register_optimizer_step_pre_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` before each step of every optimizer; it may return new arguments."""
    return RemovableHandle(before_steps, hook)


def register_optimizer_step_post_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` after each step of every optimizer."""
    return RemovableHandle(after_steps, hook)


class Hooked:
    """The part of an optimizer that keeps its hooks. They are not saved, and a copy has none."""

    def __init__(self) -> None:
        self._step_pre_hooks: Table = {}
        self._step_post_hooks: Table = {}
        self._state_pre_hooks: Table = {}
        self._state_post_hooks: Table = {}
        self._load_pre_hooks: Table = {}
        self._load_post_hooks: Table = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = _with_hooks(cls.__dict__["step"])  # type: ignore[attr-defined]

    def register_step_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step; it may return new arguments."""
        return RemovableHandle(self._step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return RemovableHandle(self._step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` before `state_dict`."""
        return RemovableHandle(self._state_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` after `state_dict`; what it returns, if not None, replaces the result."""
        return RemovableHandle(self._state_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` before loading; what it returns, if not None, is loaded instead."""
        return RemovableHandle(self._load_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` after a state was loaded."""
        return RemovableHandle(self._load_post_hooks, hook, prepend)

    def _passed(self, hooks: Table, state: dict[str, Any]) -> dict[str, Any]:
        """Pass a state through hooks."""
        for hook in list(hooks.values()):
            found = hook(self, state)
            state = state if found is None else found
        return state


def _with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    """Run the hooks of all optimizers, and those of this one, around its step."""

    @functools.wraps(step)
    def wrapped(self: Hooked, *args: Any, **kwargs: Any) -> Any:
        if not (self._step_pre_hooks or self._step_post_hooks or before_steps or after_steps):
            return step(self, *args, **kwargs) if args or kwargs else step(self)
        for hook in [*before_steps.values(), *self._step_pre_hooks.values()]:
            found = hook(self, args, kwargs)
            if found is None:
                continue
            if not isinstance(found, tuple) or len(found) != 2:
                raise TypeError(
                    f"{type(self).__name__}.step: a hook before it must return None or a tuple of (new_args, new_kwargs), "
                    f"but got {found!r}"
                )
            args, kwargs = found
        out = step(self, *args, **kwargs)
        for hook in chain(list(self._step_post_hooks.values()), list(after_steps.values())):
            hook(self, args, kwargs)
        return out

    return wrapped
