"""Neural networks, with PyTorch's interface.

A module is a tree of tensors with a `forward`, and a pytree: every transform takes it. `functional` holds what modules
compute, `init` their initial values, `utils` limits on gradients.

Functions in small letters (`relu`, `softmax`, `one_hot`) are JAX's, for arrays and tensors, and so is `initializers`.
"""

import importlib
import typing

from . import functional, init, utils
from .module import Module
from .modules.activation import (
    ELU,
    GELU,
    GLU,
    SELU,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softmin,
    Softplus,
    Softsign,
    Tanh,
)
from .modules.container import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from .modules.convolution import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .modules.dropout import Dropout, Dropout1d, Dropout2d, Dropout3d
from .modules.linear import Bilinear, Embedding, Flatten, Identity, Linear, Unflatten
from .modules.loss import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    GaussianNLLLoss,
    HingeEmbeddingLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MarginRankingLoss,
    MSELoss,
    NLLLoss,
    PoissonNLLLoss,
    SmoothL1Loss,
)
from .modules.normalization import BatchNorm1d, BatchNorm2d, BatchNorm3d, GroupNorm, LayerNorm, RMSNorm
from .modules.pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
)
from .parameter import Buffer, Parameter
from .structure import functional_call

# JAX's functions load when one is first named, so that importing the package stays cheap.
_FUNCTIONS = """
    celu dot_product_attention elu gelu glu hard_sigmoid hard_silu hard_swish hard_tanh identity leaky_relu log1mexp
    log_sigmoid log_softmax logmeanexp logsumexp mish one_hot relu relu6 selu sigmoid silu soft_sign softmax softplus
    sparse_plus sparse_sigmoid squareplus standardize swish tanh
"""

if typing.TYPE_CHECKING:
    from . import initializers


def __getattr__(name: str) -> typing.Any:
    if name == "initializers":
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _FUNCTIONS.split():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = getattr(importlib.import_module(f"{__name__}.functions"), name)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_FUNCTIONS.split(), "initializers"})
