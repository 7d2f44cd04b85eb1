"""Helpers around modules and training loops, with PyTorch's interface. Each file loads when it is first named."""

import importlib
import typing

# A module is named by its own name; a function loads the module beside it.
_MODULES = ("clip_grad", "convert_parameters")
_NAMES = {
    "clip_grad_norm_": "clip_grad",
    "clip_grad_value_": "clip_grad",
    "clip_grads_with_norm_": "clip_grad",
    "get_total_norm": "clip_grad",
    "parameters_to_vector": "convert_parameters",
    "vector_to_parameters": "convert_parameters",
}

if typing.TYPE_CHECKING:
    from . import clip_grad, convert_parameters
    from .clip_grad import clip_grad_norm_, clip_grad_value_, clip_grads_with_norm_, get_total_norm
    from .convert_parameters import parameters_to_vector, vector_to_parameters


def __getattr__(name: str) -> typing.Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_NAMES})
