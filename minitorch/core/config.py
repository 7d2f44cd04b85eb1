"""Settings that follow the caller: context variables, never module globals.

A setting changed in one thread (or one `with` block) is not seen by another.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

default_float: ContextVar[np.dtype[Any]] = ContextVar("default_float", default=np.dtype(np.float32))  # noqa: B039 (dtypes are immutable)
_from_environment = os.environ.get("MINITORCH_TRACEBACK", "short")
tracebacks: ContextVar[str] = ContextVar("tracebacks", default=_from_environment)


# What looks at each operation that has been computed, if anything does: called with primitive, args, params and result.
inspector: ContextVar[Any] = ContextVar("inspector", default=None)


@contextmanager
def setting(variable: ContextVar[Any], value: Any) -> Iterator[None]:
    """Set a context variable for the length of a `with` block."""
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)
