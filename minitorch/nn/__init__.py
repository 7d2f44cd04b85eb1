"""Neural networks, with PyTorch's interface.

A module is a tree of tensors with a `forward`, and a pytree: every transform takes it. `functional` holds what modules
compute, `init` their initial values, `utils` limits on gradients.

Functions in small letters (`relu`, `softmax`, `one_hot`) are JAX's, for arrays and tensors, and so is `initializers`.
"""

import importlib
import typing

from ..absent import missing
from . import functional, init, utils
from .module import Module
from .parameter import Buffer, Parameter
from .structure import functional_call
from .uninitialized import UninitializedBuffer, UninitializedParameter

# Layers, and JAX's functions, load when one is first named, so that importing the package stays cheap.
_FUNCTIONS = """
    celu dot_product_attention elu gelu glu hard_sigmoid hard_silu hard_swish hard_tanh identity leaky_relu log1mexp
    log_sigmoid log_softmax logmeanexp logsumexp mish one_hot relu relu6 selu sigmoid silu soft_sign softmax softplus
    sparse_plus sparse_sigmoid squareplus standardize swish tanh
"""

if typing.TYPE_CHECKING:
    from . import initializers
    from .modules import *


def __getattr__(name: str) -> typing.Any:
    if name in ("initializers", "modules"):
        return importlib.import_module(f"{__name__}.{name}")
    if name in _FUNCTIONS.split():
        globals()[name] = getattr(importlib.import_module(f"{__name__}.functions"), name)
        return globals()[name]
    layers = _layers() if name[:1].isupper() else {}
    if name not in layers:
        raise missing(__name__, name)
    globals().update(layers)
    return layers[name]


def _layers() -> dict[str, typing.Any]:
    modules = importlib.import_module(f"{__name__}.modules")
    return {name: getattr(modules, name) for name in modules.__all__}


def __dir__() -> list[str]:
    return sorted({*globals(), *_FUNCTIONS.split(), *_layers(), "initializers"})
