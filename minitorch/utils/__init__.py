"""Helpers around training. `utils.tensorboard` loads when it is first named."""

import importlib
import typing

from . import checkpoint, data, dlpack


def __getattr__(name: str) -> typing.Any:
    if name != "tensorboard":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")
