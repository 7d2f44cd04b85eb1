"""Tensors as pytrees: a value that is taken out and put back.

Transforms see the value as the only child; the kind of tensor and whether it is a leaf that requires grad go along.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import dtypes, tree
from ..core.array import Array
from ..core.tape import TapeTracer, context
from ..core.tracer import Tracer
from .handle import Tensor, as_tensor, tensor_of


class Meta:
    """What a Tensor keeps besides its value when it is taken apart: carried along, never compared."""

    __slots__ = ("kind", "requires_grad")

    def __init__(self, kind: type, requires_grad: bool):
        self.kind = kind
        self.requires_grad = requires_grad

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Meta)

    def __hash__(self) -> int:
        return hash(Meta)


def flatten_tensor(x: Tensor) -> tuple[Any, ...]:
    """Return a tensor's value as its only child, still attached to the graph it is part of."""
    x._enter()
    value = x.current()
    child = value if x.node is None else TapeTracer(x._trace, value, x.node)
    return (child,), Meta(type(x), x.requires_grad and x.is_leaf), (tree.ITSELF,)


def unflatten_tensor(meta: Meta, children: Any) -> Any:
    """Make a tensor of a value. Leaves that required grad do so again, except under `no_grad`."""
    (value,) = children
    if not isinstance(value, (Array, Tracer)):
        return value if not isinstance(value, (int, float, complex, np.ndarray, np.generic)) else as_tensor(value)
    made = tensor_of(value)
    if type(made) is not meta.kind:
        made.__class__ = meta.kind
    if meta.requires_grad and made.node is None and _is_recording(made) and made.dtype in dtypes.INEXACT:
        made.requires_grad_()
    return made


def _is_recording(x: Tensor) -> bool:
    return context.get().muted < x._trace.level


tree.register(Tensor, flatten_tensor, unflatten_tensor)
