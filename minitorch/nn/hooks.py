"""Calling a module, with hooks before, after and behind it.

A module without hooks is called directly; the first hook on all modules changes that for good. Hooks on the backward
pass are an identity, recorded on the way in and on the way out, whose rule calls them with all gradients at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..core.ops.families import LEADING, custom
from ..core.primitive import LINEAR
from ..tensor.handle import Tensor, tensor_of
from ..tensor.hooks import RemovableHandle
from .registry import BUFFER, MODULE, PARAMETER, Registry, registration_hooks

Hook = Callable[..., Any]
FORWARD_PRE, FORWARD = "_forward_pre_hooks", "_forward_hooks"
BACKWARD_PRE, BACKWARD = "_backward_pre_hooks", "_backward_hooks"
# Hooks on the calls of every module, for tools that watch a program they have not written. They run before its own.
everywhere: dict[str, dict[int, Hook]] = {name: {} for name in (FORWARD_PRE, FORWARD, BACKWARD_PRE, BACKWARD)}


class Unhashed:
    """A function that travels as a static parameter: equal to itself only."""

    __slots__ = ("call",)

    def __init__(self, call: Hook):
        self.call = call


hooked_p = custom(
    "hooked",
    lambda *xs, call: tuple(xs),
    abstract=lambda *xs, call: tuple(xs),
    vjp=lambda g, call: call.call(g),
    jvp=LINEAR,
    batch=LEADING,
)


class Hooked(Registry):
    """The part of a module that is called."""

    _hooked = False  # whether a call has to look for hooks

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the module's result. Subclasses define it; call the module itself, which runs hooks too."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._hooked:
            return self._call_hooked(args, kwargs)
        return self.forward(*args, **kwargs) if kwargs else self.forward(*args)  # 0.1 us sooner without

    def _on_call(self, name: str, hook: Hook, prepend: bool = False) -> RemovableHandle:
        self.__dict__["_hooked"] = True
        return self._add_hook(name, hook, prepend)

    def _called(self, name: str) -> list[Hook]:
        """Return the hooks on all modules, and those on this one."""
        return [*everywhere[name].values(), *self._hooks(name).values()]

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before `forward`; what it returns, if not None, replaces the arguments.

        With `with_kwargs` it is `hook(module, args, kwargs)`, which may return both.
        """
        return self._on_call(FORWARD_PRE, _Marked(hook, with_kwargs, False), prepend)

    def register_forward_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after `forward`; what it returns, if not None, replaces the output.

        With `with_kwargs` it is `hook(module, args, kwargs, output)`; with `always_call` it runs after an error too.
        """
        return self._on_call(FORWARD, _Marked(hook, with_kwargs, always_call), prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when the gradients of the inputs are known.

        Both are tuples, with None for what needs no gradient. What the hook returns, if not None, replaces
        `grad_input`.
        """
        return self._on_call(BACKWARD, hook, prepend)

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_output)` before the backward pass; what it returns replaces `grad_output`."""
        return self._on_call(BACKWARD_PRE, hook, prepend)

    def _call_hooked(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        for hook in self._called(FORWARD_PRE):
            found = hook(self, args, kwargs) if hook.with_kwargs else hook(self, args)
            if found is not None:
                args, kwargs = found if hook.with_kwargs else (found, kwargs)
                args = args if isinstance(args, tuple) else (args,)
        watch = None
        hooks, pre_hooks = self._called(BACKWARD), self._called(BACKWARD_PRE)
        if hooks or pre_hooks:
            watch = _Watch(self, hooks, pre_hooks)
            args = watch.arguments(args)
        try:
            out = self.forward(*args, **kwargs)
        except BaseException:
            for hook in self._called(FORWARD):
                if hook.always_call:
                    hook.run(self, args, kwargs, None)
            raise
        for hook in self._called(FORWARD):
            found = hook.run(self, args, kwargs, out)
            out = out if found is None else found
        return out if watch is None else watch.results(out)


class _Marked:
    """A forward hook and how it wants to be called."""

    __slots__ = ("always_call", "hook", "with_kwargs")

    def __init__(self, hook: Hook, with_kwargs: bool, always_call: bool):
        self.hook = hook
        self.with_kwargs = with_kwargs
        self.always_call = always_call

    def __call__(self, *args: Any) -> Any:
        return self.hook(*args)

    def run(self, module: Any, args: Any, kwargs: Any, out: Any) -> Any:
        return self.hook(module, args, kwargs, out) if self.with_kwargs else self.hook(module, args, out)


def on_every_call(name: str, hook: Hook) -> RemovableHandle:
    """Enter a hook on the calls of every module; from now on every call looks for hooks."""
    Hooked._hooked = True
    return RemovableHandle(everywhere[name], hook)


def register_module_forward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, args)` before the `forward` of every module; what it returns replaces the arguments."""
    return on_every_call(FORWARD_PRE, _Marked(hook, False, False))


def register_module_forward_hook(
    hook: Hook, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call `hook(module, args, output)` after the `forward` of every module; what it returns replaces the output."""
    return on_every_call(FORWARD, _Marked(hook, with_kwargs, always_call))


def register_module_full_backward_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, grad_input, grad_output)` in the backward pass of every module."""
    return on_every_call(BACKWARD, hook)


def register_module_full_backward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, grad_output)` before the backward pass of every module."""
    return on_every_call(BACKWARD_PRE, hook)


def register_module_parameter_registration_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, name, parameter)` when a module gets a parameter; what it returns takes its place."""
    return RemovableHandle(registration_hooks[PARAMETER], hook)


def register_module_buffer_registration_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, name, buffer)` when a module gets a buffer; what it returns takes its place."""
    return RemovableHandle(registration_hooks[BUFFER], hook)


def register_module_module_registration_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, name, submodule)` when a module gets a submodule; what it returns takes its place."""
    return RemovableHandle(registration_hooks[MODULE], hook)


class _Watch:
    """One call of a module with backward hooks: collects the gradients on both sides."""

    def __init__(self, module: Hooked, hooks: list[Hook], pre_hooks: list[Hook]):
        self.module = module
        self.hooks = hooks
        self.pre_hooks = pre_hooks
        self.places: list[int] = []
        self.count = 0
        self.grad_output: tuple[Any, ...] = ()

    def arguments(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Record the identity on the arguments that need gradients."""
        self.count = len(args)
        self.places = _tracked(args)
        return _replaced(args, self.places, self._on_input)

    def results(self, out: Any) -> Any:
        """Record the identity on the results that need gradients."""
        leaves = list(_leaves(out))
        places, count = _tracked(leaves), len(leaves)

        def on_output(g: tuple[Any, ...]) -> tuple[Any, ...]:
            spread = dict(zip(places, map(tensor_of, g)))
            grads = tuple(spread.get(i) for i in range(count))
            for hook in self.pre_hooks:
                found = hook(self.module, grads)
                if found is not None:
                    grads = found if isinstance(found, tuple) else (found,)
            if self.places:
                self.grad_output = grads
            else:
                for hook in self.hooks:
                    hook(self.module, (None,) * self.count, grads)
            return tuple(_lowered(grads[i]) for i in places)

        return _rebuilt(out, iter(_replaced(tuple(leaves), places, on_output)))

    def _on_input(self, g: tuple[Any, ...]) -> tuple[Any, ...]:
        spread = dict(zip(self.places, map(tensor_of, g)))
        grads = tuple(spread.get(i) for i in range(self.count))
        grad_output, self.grad_output = self.grad_output, ()  # what is recorded may keep this object
        for hook in self.hooks:
            found = hook(self.module, grads, grad_output)
            if found is not None:
                grads = found if isinstance(found, tuple) else (found,)
        return tuple(_lowered(grads[i]) for i in self.places)


def _lowered(g: Tensor) -> Any:
    """Return the value of a gradient; one that is itself recorded stays a tensor."""
    return g.current() if g.node is None else g


def _leaves(out: Any) -> Iterator[Any]:
    """Iterate over what tuples, lists and dicts hold."""
    if isinstance(out, (tuple, list, dict)):
        for x in out.values() if isinstance(out, dict) else out:
            yield from _leaves(x)
    else:
        yield out


def _rebuilt(out: Any, leaves: Iterator[Any]) -> Any:
    if isinstance(out, dict):
        return {name: _rebuilt(x, leaves) for name, x in out.items()}
    if isinstance(out, (tuple, list)):
        parts = [_rebuilt(x, leaves) for x in out]
        return type(out)(*parts) if hasattr(out, "_fields") else type(out)(parts)
    return next(leaves)


def _tracked(values: Any) -> list[int]:
    return [i for i, x in enumerate(values) if isinstance(x, Tensor) and x.node is not None]


def _replaced(values: tuple[Any, ...], places: list[int], call: Hook) -> tuple[Any, ...]:
    if not places:
        return values
    wrapped = dict(zip(places, hooked_p(*(values[i] for i in places), call=Unhashed(call))))
    return tuple(wrapped.get(i, x) for i, x in enumerate(values))
