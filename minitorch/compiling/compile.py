"""`torch.compile`: jit under PyTorch's name and with its arguments."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .jit import jit


def compile(
    model: Callable[..., Any] | None = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = "inductor",
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Any:
    """Compile a function or a module, as `jit` does; `disable` returns it as it is.

    The other arguments choose among PyTorch's compilers and have no effect. A function is compiled as a whole, as with
    `fullgraph=True`: a Python `if` on a traced value raises JitError.

    >>> from minitorch.core.ops.pointwise import sin
    >>> compile(sin, mode="max-autotune")(0.0)
    Array(0., dtype=float32)
    """
    if model is None:
        return partial(compile, disable=disable)
    return model if disable else jit(model)
