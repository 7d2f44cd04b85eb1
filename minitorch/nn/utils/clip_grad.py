"""Limits on gradients.

Small gradients on buffers are laid end to end, so many of them cost a few array operations, not a few for each.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ...core import dtypes
from ...core.array import Array, wrap
from ...core.conversion import number
from ...core.errors import GradError
from ...core.ops.joining import concatenate
from ...core.ops.norms import norm
from ...core.ops.pointwise import clip, div, minimum, mul
from ...core.ops.shaping import cast, reshape
from ...core.tape import context
from ...tensor.handle import Tensor, tensor_of
from ...tensor.modes import no_grad


def _with_grads(parameters: Any) -> list[Tensor]:
    given = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [p for p in given if p.grad is not None]


_FEW, _LARGE = 4, 1 << 16  # tensors; elements, with which a tensor is worth operations of its own


def _parted(tensors: list[Any]) -> tuple[list[Any], list[Any]]:
    """Return those tensors that may be laid end to end, and the others."""
    small = [x for x in tensors if _is_small(x)] if context.get().stage is None else []
    if len(set(map(id, small))) < max(_FEW, len(small)) or len({x.dtype for x in small}) != 1:
        return [], tensors
    return small, [x for x in tensors if not _is_small(x)]


def _is_small(x: Tensor) -> bool:
    value = x.current()
    if type(value) is not Array or x.node is not None or value.size > _LARGE:
        return False
    return type(value._data) is np.ndarray and value.dtype in (dtypes.float32, dtypes.float64)


def _laid(tensors: list[Any]) -> Any:
    """Return the buffers of tensors end to end."""
    return np.concatenate([x.value._data.ravel() for x in tensors])


def _write(tensors: list[Any], whole: Any) -> None:
    """Give tensors the parts of a buffer."""
    start = 0
    for x in tensors:
        shape = x.value.shape
        x.overwrite(wrap(np.ndarray(shape, whole.dtype, whole, start * whole.itemsize)))
        start += x.value.size


def get_total_norm(
    tensors: Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Return the norm of all tensors seen as one vector.

    `foreach`, here and below, says how PyTorch goes about it, and changes nothing.

    >>> get_total_norm([Tensor([3.0]), Tensor([[4.0]])])
    tensor(5.)
    """
    given = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    small, rest = _parted(given) if norm_type > 0 else ([], given)  # that of order 0 counts the tensors
    parts = [wrap(_laid(small)), *rest] if small else rest
    norms = [reshape(norm(x, number(norm_type, "norm_type")), (1,)) for x in parts]
    if not norms:
        return Tensor(0.0)
    total = tensor_of(norm(concatenate(norms), number(norm_type, "norm_type")))
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise GradError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be "
            "clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "error_if_nonfinite=False"
        )
    return total


def clip_grads_with_norm_(parameters: Any, max_norm: float, total_norm: Any, foreach: bool | None = None) -> None:
    """Multiply gradients with `max_norm / total_norm`, if that is below 1, in place.

    >>> p = Tensor([1.0], requires_grad=True)
    >>> p.grad = Tensor([8.0])
    >>> clip_grads_with_norm_(p, 1.0, 16.0)
    >>> p.grad
    tensor([0.5000])
    """
    with no_grad():
        factor = minimum(div(number(max_norm, "max_norm"), total_norm + 1e-6), 1.0)
        small, rest = _parted([p.grad for p in _with_grads(parameters)])
        if small:
            _write(small, _laid(small) * np.asarray(factor.item(), small[0].dtype))
        for g in rest:
            g.overwrite(cast(mul(g, factor), g.dtype).current())


def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Shorten the gradients, seen as one vector, to `max_norm` at most, in place; return the norm they had.

    >>> p = Tensor([1.0, 1.0], requires_grad=True)
    >>> p.grad = Tensor([3.0, 4.0])
    >>> clip_grad_norm_([p], 1.0)
    tensor(5.)
    >>> p.grad
    tensor([0.6000, 0.8000])
    """
    found = _with_grads(parameters)
    with no_grad():
        total = get_total_norm([p.grad for p in found if p.grad is not None], norm_type, error_if_nonfinite)
        clip_grads_with_norm_(found, max_norm, total)
    return total


def clip_grad_value_(parameters: Any, clip_value: float, foreach: bool | None = None) -> None:
    """Limit each element of the gradients to [-clip_value, clip_value], in place.

    >>> p = Tensor([1.0, 1.0], requires_grad=True)
    >>> p.grad = Tensor([3.0, -0.5])
    >>> clip_grad_value_([p], 1.0)
    >>> p.grad
    tensor([ 1.0000, -0.5000])
    """
    limit = number(clip_value, "clip_value")
    with no_grad():
        small, rest = _parted([p.grad for p in _with_grads(parameters)])
        if small:
            _write(small, np.clip(_laid(small), -limit, limit))
        for g in rest:
            g.overwrite(clip(g, -limit, limit).current())


def clip_grad_norm(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Do what `clip_grad_norm_` does; this is its old name.

    >>> x = mt.tensor([0.0, 0.0], requires_grad=True)
    >>> x.grad = mt.tensor([3.0, 4.0])
    >>> clip_grad_norm([x], 1.0), x.grad
    (tensor(5.), tensor([0.6000, 0.8000]))
    """
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)
