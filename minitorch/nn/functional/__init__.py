"""What modules compute, as functions, under PyTorch's names and with its arguments.

A thin layer: each function translates names and checks what PyTorch checks; the numbers come from `core/ops`.
"""

import importlib
import typing

from ...tensor.functions import PUBLIC
from .activation import (
    celu,
    celu_,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    elu,
    elu_,
    gelu,
    glu,
    gumbel_softmax,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    hardtanh_,
    leaky_relu,
    leaky_relu_,
    log_softmax,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    relu_,
    rrelu,
    rrelu_,
    selu,
    selu_,
    sigmoid,
    silu,
    softmax,
    softmin,
    softplus,
    softshrink,
    softsign,
    tanh,
    tanhshrink,
    threshold,
    threshold_,
)
from .image import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    channel_shuffle,
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    pad,
    pixel_shuffle,
    pixel_unshuffle,
)
from .layer import (
    batch_norm,
    bilinear,
    embedding,
    group_norm,
    instance_norm,
    layer_norm,
    linear,
    normalize,
    one_hot,
    rms_norm,
    scaled_dot_product_attention,
)
from .loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    gaussian_nll_loss,
    hinge_embedding_loss,
    huber_loss,
    kl_div,
    l1_loss,
    margin_ranking_loss,
    mse_loss,
    nll_loss,
    poisson_nll_loss,
    smooth_l1_loss,
)

cosine_similarity, pairwise_distance, pdist = (
    PUBLIC[name] for name in ("cosine_similarity", "pairwise_distance", "pdist")
)

# What few programs need loads when it is first named, so that importing the package stays cheap: its names by file.
_LATER = {
    "alpha": "alpha_dropout feature_alpha_dropout",
    "attention": "multi_head_attention_forward",
    "bags": "embedding_bag",
    "ctc": "ctc_loss",
    "grids": "affine_grid grid_sample",
    "margins": "cosine_embedding_loss linear_cross_entropy multi_margin_loss multilabel_margin_loss "
    "multilabel_soft_margin_loss soft_margin_loss triplet_margin_loss triplet_margin_with_distance_loss",
    "resizing": "interpolate upsample upsample_bilinear upsample_nearest",
    "windows": "adaptive_max_pool1d_with_indices adaptive_max_pool2d_with_indices adaptive_max_pool3d_with_indices fold "
    "fractional_max_pool2d fractional_max_pool2d_with_indices fractional_max_pool3d "
    "fractional_max_pool3d_with_indices local_response_norm lp_pool1d lp_pool2d lp_pool3d "
    "max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices max_unpool1d max_unpool2d "
    "max_unpool3d unfold",
}


def __getattr__(name: str) -> typing.Any:
    module = next((file for file, names in _LATER.items() if name in names.split()), None)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *" ".join(_LATER.values()).split()})
