"""Whether compiled functions run compiled: a setting of the caller's, from the environment at first.

`MINITORCH_JIT=0` runs everything plainly; `MINITORCH_JIT_CHECK=1` runs both and compares.
"""

from __future__ import annotations

import os
from contextvars import ContextVar

OFF, ON, CHECK = "off", "on", "check"


def _from_environment() -> str:
    if os.environ.get("MINITORCH_JIT", "1") == "0":
        return OFF
    return CHECK if os.environ.get("MINITORCH_JIT_CHECK", "0") == "1" else ON


mode: ContextVar[str] = ContextVar("jit_mode", default=_from_environment())  # noqa: B039 (a string is immutable)
