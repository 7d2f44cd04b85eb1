"""Modules whose initial values will not be used."""

from __future__ import annotations

import inspect
from typing import Any

from ...core.errors import ArgumentError
from ...tensor.generator import get_rng_state, set_rng_state
from ..module import Module


def skip_init(module_cls: type, *args: Any, **kwargs: Any) -> Any:
    """Make a module whose parameters are about to be written; the random numbers that come next stay the same.

    >>> import minitorch as mt
    >>> state = mt.get_rng_state()
    >>> layer = skip_init(mt.nn.Linear, 2, 3)
    >>> mt.equal(state, mt.get_rng_state())
    True
    """
    if not issubclass(module_cls, Module):
        raise ArgumentError(f"skip_init: Expected a Module; got {module_cls}")
    accepted = inspect.signature(module_cls).parameters
    if "device" not in accepted and not any(p.kind is p.VAR_KEYWORD for p in accepted.values()):
        raise ArgumentError(f"skip_init: Module must support a 'device' arg to skip initialization; got {module_cls}")
    state = get_rng_state()
    made = module_cls(*args, **kwargs)
    set_rng_state(state)
    return made
