"""What models of published weights share: named sizes as functions, and names that have changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


def renamed(state_dict: Any, name_today: Callable[[str], str | None]) -> Any:
    """Return a state dict under other names, without those that are None; anything else as it is."""
    if not isinstance(state_dict, Mapping):
        return state_dict
    found = {name_today(name): x for name, x in state_dict.items()}
    found.pop(None, None)
    return found
