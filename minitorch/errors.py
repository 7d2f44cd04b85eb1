"""The exception classes, under their public name."""

from .core.errors import *  # noqa: F403
