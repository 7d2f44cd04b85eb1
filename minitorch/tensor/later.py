"""Functions and methods that few programs need: their files load when they are first called, not with the package."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .table import Function, Table

FILES = {"stft": "spectrogram", "istft": "spectrogram"}


def _later(name: str, file: str) -> Function:
    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(import_module(f"{__package__}.{file}"), name)(*args, **kwargs)

    return call


BOTH: Table = {name: _later(name, file) for name, file in FILES.items()}
FUNCTIONS: Table = {}
METHODS: Table = {}
ALIASES: dict[str, str] = {}
