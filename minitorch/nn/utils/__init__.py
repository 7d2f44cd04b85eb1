"""Helpers around modules and training loops, with PyTorch's interface. Each file loads when it is first named."""

import importlib
import typing

_MODULES = (
    "clip_grad",
    "convert_parameters",
    "fusion",
    "init",
    "parametrizations",
    "parametrize",
    "prune",
    "rnn",
    "stateless",
)
# Where each function stands.
_NAMES = {
    "clip_grad_norm": "clip_grad",
    "clip_grad_norm_": "clip_grad",
    "clip_grad_value_": "clip_grad",
    "clip_grads_with_norm_": "clip_grad",
    "fuse_conv_bn_eval": "fusion",
    "fuse_conv_bn_weights": "fusion",
    "fuse_linear_bn_eval": "fusion",
    "fuse_linear_bn_weights": "fusion",
    "get_total_norm": "clip_grad",
    "parameters_to_vector": "convert_parameters",
    "remove_spectral_norm": "norms",
    "remove_weight_norm": "norms",
    "skip_init": "init",
    "spectral_norm": "norms",
    "vector_to_parameters": "convert_parameters",
    "weight_norm": "norms",
}

if typing.TYPE_CHECKING:
    from . import clip_grad, convert_parameters, fusion, init, parametrizations, parametrize, prune, rnn, stateless
    from .clip_grad import (
        clip_grad_norm,
        clip_grad_norm_,
        clip_grad_value_,
        clip_grads_with_norm_,
        get_total_norm,
    )
    from .convert_parameters import parameters_to_vector, vector_to_parameters
    from .fusion import fuse_conv_bn_eval, fuse_conv_bn_weights, fuse_linear_bn_eval, fuse_linear_bn_weights
    from .init import skip_init
    from .norms import remove_spectral_norm, remove_weight_norm, spectral_norm, weight_norm


def __getattr__(name: str) -> typing.Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_NAMES})
