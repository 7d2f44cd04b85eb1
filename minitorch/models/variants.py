"""Named sizes of a model as functions that make it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..core.errors import UnsupportedError

Model = TypeVar("Model")


def variant(name: str, text: str, kind: Callable[..., Model], *sizes: Any, **fixed: Any) -> Callable[..., Model]:
    """Return a function called `name` that makes a model of these sizes; its keyword arguments are the class's others.

    It accepts `weights=None`, `pretrained=False` and `progress`, as torchvision's functions do. Other weights are an error:
    there is no download here.
    """

    def make(*, weights: Any = None, pretrained: bool = False, progress: bool = True, **options: Any) -> Model:
        if weights is not None or pretrained:
            raise UnsupportedError(
                f"{name}: weights={weights!r}, pretrained={pretrained} would need a download; make the model without, then "
                f"model.load_state_dict(mt.load('{name}.pth')) with a file you have"
            )
        return kind(*sizes, **{**fixed, **options})

    make.__name__ = make.__qualname__ = name
    make.__doc__ = text
    make.__module__ = kind.__module__
    return make
