"""`Module.compile`, attached to modules without loading the compiler: that happens when it is first called."""

from __future__ import annotations

from typing import Any

from ..nn.module import Module
from ..nn.registry import changes


def _compile(self: Module, **options: Any) -> None:
    """Compile the module's `forward` in place: every later call of the module replays it."""
    from .jit import jit

    vars(self)["forward"] = jit(type(self).forward.__get__(self), **options)
    changes.count += 1


Module.compile = _compile  # the class stands below the compiler, and cannot name it
