"""The exception classes, under their public name, and what is printed of them."""

from .core.errors import *  # noqa: F403
from .core.tracebacks import set_tracebacks as set_tracebacks
