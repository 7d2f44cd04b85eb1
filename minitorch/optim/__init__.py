"""Optimizers, with PyTorch's interface, as pure functions (`functional`), and learning rates that change (`lr_scheduler`).

The update rules themselves are in `rules`, once for both.
"""

import importlib
import typing

from ..absent import missing
from . import rules
from .algorithms import SGD, Adagrad, Adam, AdamW, RMSprop
from .optimizer import Optimizer

_MODULES = ("functional", "lr_scheduler", "swa_utils")
_VARIANTS = ("ASGD", "Adadelta", "Adafactor", "Adamax", "Lion", "Muon", "NAdam", "RAdam", "Rprop")
_NAMES = {"LBFGS": "lbfgs", **dict.fromkeys(_VARIANTS, "variants")}

if typing.TYPE_CHECKING:
    from . import functional, lr_scheduler, swa_utils
    from .lbfgs import LBFGS
    from .variants import ASGD, Adadelta, Adafactor, Adamax, Lion, Muon, NAdam, RAdam, Rprop


def __getattr__(name: str) -> typing.Any:
    """Load what is not needed by every program when it is first named, so that importing the package stays cheap."""
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _NAMES:
        raise missing(__name__, name)
    return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_NAMES})
