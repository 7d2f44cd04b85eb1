"""Optimizers as pure functions, in the manner of optax: transformations of gradients that are chained.

    optimizer = chain(clip_by_global_norm(1.0), adam(1e-3))
    state = optimizer.init(params)
    updates, state = optimizer.update(grads, state, params)
    params = apply_updates(params, updates)

Parameters, gradients and states are pytrees, so all of it goes through `jit`, `vmap` and `grad`. The rules are those of
the torch-style optimizers; defaults are optax's.
"""

from .algorithms import (
    adadelta,
    adafactor,
    adagrad,
    adam,
    adamax,
    adamw,
    amsgrad,
    lion,
    muon,
    nadam,
    radam,
    rmsprop,
    rprop,
    sgd,
)
from .base import (
    EmptyState,
    GradientTransformation,
    apply_updates,
    chain,
    identity,
    scale,
    scale_by_learning_rate,
    scale_by_schedule,
    set_to_zero,
    stateless,
)
from .losses import (
    huber_loss,
    l2_loss,
    sigmoid_binary_cross_entropy,
    softmax_cross_entropy,
    softmax_cross_entropy_with_integer_labels,
    squared_error,
)
from .schedules import (
    constant_schedule,
    cosine_decay_schedule,
    exponential_decay,
    join_schedules,
    linear_schedule,
    piecewise_constant_schedule,
    polynomial_schedule,
    warmup_constant_schedule,
    warmup_cosine_decay_schedule,
    warmup_exponential_decay_schedule,
)
from .transforms import (
    add_decayed_weights,
    clip,
    clip_by_global_norm,
    global_norm,
    incremental_update,
    scale_by_adadelta,
    scale_by_adam,
    scale_by_adamax,
    scale_by_amsgrad,
    scale_by_lion,
    scale_by_radam,
    scale_by_rms,
    scale_by_rss,
    scale_by_sign,
    scale_by_stddev,
    trace,
)
from .wrappers import inject_hyperparams, masked, multi_transform
from .wrappers import multi_transform as partition
