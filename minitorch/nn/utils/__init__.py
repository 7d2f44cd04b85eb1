"""Helpers for training loops: limits on gradients, parameters as one vector."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable
from typing import Any

from ...core.errors import GradError
from ...core.ops.joining import concatenate
from ...core.ops.norms import norm
from ...core.ops.pointwise import clip, div, minimum, mul
from ...core.ops.shaping import cast, reshape
from ...tensor.handle import Tensor, tensor_of
from ...tensor.modes import no_grad


def _with_grads(parameters: Any) -> list[Tensor]:
    given = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [p for p in given if p.grad is not None]


def get_total_norm(tensors: Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False) -> Tensor:
    """Return the norm of all tensors seen as one vector."""
    norms = [reshape(norm(x, float(norm_type)), (1,)) for x in tensors]
    if not norms:
        return Tensor(0.0)
    total = tensor_of(norm(concatenate(norms), float(norm_type)))
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise GradError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be "
            "clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "error_if_nonfinite=False"
        )
    return total


def clip_grads_with_norm_(parameters: Any, max_norm: float, total_norm: Any) -> None:
    """Multiply gradients with `max_norm / total_norm`, if that is below 1, in place."""
    with no_grad():
        factor = minimum(div(float(max_norm), total_norm + 1e-6), 1.0)
        for p in _with_grads(parameters):
            p.grad.overwrite(cast(mul(p.grad, factor), p.grad.dtype).current())  # type: ignore[union-attr]


def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Shorten the gradients, seen as one vector, to `max_norm` at most, in place; return the norm they had."""
    found = _with_grads(parameters)
    with no_grad():
        total = get_total_norm([p.grad for p in found if p.grad is not None], norm_type, error_if_nonfinite)
        clip_grads_with_norm_(found, max_norm, total)
    return total


def clip_grad_value_(parameters: Any, clip_value: float, foreach: bool | None = None) -> None:
    """Limit each element of the gradients to [-clip_value, clip_value], in place."""
    limit = float(clip_value)
    with no_grad():
        for p in _with_grads(parameters):
            p.grad.overwrite(clip(p.grad, -limit, limit).current())  # type: ignore[union-attr]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Return all parameters as one vector."""
    return concatenate([reshape(p, (p.size,)) for p in parameters])  # type: ignore[no-any-return]


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write the parts of a vector to parameters."""
    start = 0
    for p in parameters:
        stop = start + p.size
        p.data = vec[start:stop].reshape(p.shape).detach()
        start = stop


def __getattr__(name: str) -> Any:
    if name == "rnn":
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
