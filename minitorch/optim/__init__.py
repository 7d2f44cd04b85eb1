"""Optimizers, with PyTorch's interface, and as pure functions (`functional`).

The update rules themselves are in `rules`, once for both.
"""

import importlib
import typing

from . import rules
from .algorithms import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Lion, NAdam, RAdam, RMSprop, Rprop
from .optimizer import Optimizer

if typing.TYPE_CHECKING:
    from . import functional


def __getattr__(name: str) -> typing.Any:
    """Load `functional` when it is first named, so that importing the package stays cheap."""
    if name != "functional":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), "functional"})
