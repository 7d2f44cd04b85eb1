"""Switches for recording: no_grad, enable_grad, set_grad_enabled, inference_mode.

Each is a context manager and a decorator, of functions and of generators. The setting follows the caller (a context
variable), so it is per thread.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
from contextvars import ContextVar, Token
from typing import Any

from ..core.tape import Context, context


def is_grad_enabled() -> bool:
    """Return whether operations on tensors are being recorded.

    >>> mt.is_grad_enabled()
    True
    >>> with mt.no_grad():
    ...     mt.is_grad_enabled()
    False
    """
    here = context.get()
    return here.muted < here.frame.level


class set_grad_enabled:
    """Switch recording on or off; as a context manager or decorator, only for that long.

    >>> x = mt.tensor([1.0], requires_grad=True)
    >>> with mt.set_grad_enabled(False):
    ...     (x * 2).requires_grad
    False
    """

    def __init__(self, mode: bool):
        self.mode = mode
        self.tokens: list[Token[Context]] = []
        self._switch()

    def _switch(self) -> None:
        here = context.get()
        frame = here.frame
        self.tokens.append(context.set(here.inside(frame, frame.floor if self.mode else frame.level)))

    def __enter__(self) -> set_grad_enabled:
        if not self.tokens:
            self._switch()
        return self

    def __exit__(self, *exc: object) -> None:
        context.reset(self.tokens.pop())

    def _again(self) -> set_grad_enabled:
        """Return another switch of the same kind."""
        return set_grad_enabled(self.mode)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate a function, or a generator, each of whose steps runs under the switch."""
        if self.tokens:  # `@set_grad_enabled(False)` has switched already; what follows the function is not meant
            context.reset(self.tokens.pop())
        if inspect.isgeneratorfunction(function):
            return _stepwise(function, self._again)

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return wrapped


def _stepwise(function: Callable[..., Any], switch: Callable[[], set_grad_enabled]) -> Callable[..., Any]:
    """Return a generator function whose steps run under a switch, and what happens between them does not."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        steps = function(*args, **kwargs)
        go, given = steps.send, None
        while True:
            try:
                with switch():
                    found = go(given)
            except StopIteration as end:
                return end.value
            try:
                go, given = steps.send, (yield found)
            except GeneratorExit:
                with switch():
                    steps.close()
                raise
            except BaseException as error:  # thrown in by the caller: the generator may handle it
                go, given = steps.throw, error

    return wrapped


class _Mode(set_grad_enabled):
    """A switch that does nothing before `with`."""

    def __init__(self, mode: bool):
        self.mode = mode
        self.tokens = []

    def __enter__(self) -> _Mode:
        self._switch()
        return self


class no_grad(_Mode):
    """Do not record operations.

    >>> from minitorch.tensor.handle import Tensor
    >>> x = Tensor([1.0], requires_grad=True)
    >>> with no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    def __init__(self, function: Callable[..., Any] | None = None):
        super().__init__(False)

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        """Allow `@no_grad` without parentheses."""
        made = object.__new__(cls)
        if function is None:
            return made
        made.__init__()  # type: ignore[misc]
        return made(function)


class enable_grad(_Mode):
    """Record operations again inside `no_grad`.

    >>> x = mt.tensor([1.0], requires_grad=True)
    >>> with mt.no_grad(), mt.enable_grad():
    ...     (x * 2).requires_grad
    True
    """

    def __init__(self) -> None:
        super().__init__(True)


_inferring: ContextVar[bool] = ContextVar("inferring", default=False)


def is_inference_mode_enabled() -> bool:
    """Return whether `inference_mode` is on.

    >>> with mt.inference_mode():
    ...     mt.is_inference_mode_enabled()
    True
    """
    return _inferring.get()


class inference_mode(_Mode):
    """Do not record operations; as `no_grad`. What is made inside is an ordinary tensor, in PyTorch a restricted one.

    >>> x = mt.tensor([1.0], requires_grad=True)
    >>> with mt.inference_mode():
    ...     (x * 2).requires_grad
    False
    """

    def __init__(self, mode: bool = True):
        super().__init__(not mode)
        self.marks: list[Token[bool]] = []

    def __new__(cls, mode: Any = True) -> Any:
        """Allow `@inference_mode` without parentheses."""
        return cls()(mode) if callable(mode) else object.__new__(cls)

    def __enter__(self) -> inference_mode:
        super().__enter__()
        self.marks.append(_inferring.set(not self.mode))
        return self

    def __exit__(self, *exc: object) -> None:
        _inferring.reset(self.marks.pop())
        super().__exit__(*exc)

    def _again(self) -> inference_mode:
        return inference_mode(not self.mode)
