"""Parameters as one vector."""

from __future__ import annotations

from collections.abc import Iterable

from ...core.ops.joining import concatenate
from ...core.ops.shaping import reshape
from ...tensor.handle import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Return all parameters as one vector.

    >>> parameters_to_vector([Tensor([[1.0, 2.0]]), Tensor([3.0])])
    tensor([1., 2., 3.])
    """
    return concatenate([reshape(p, (p.size,)) for p in parameters])  # type: ignore[no-any-return]


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write the parts of a vector to parameters.

    >>> p = Tensor([0.0, 0.0])
    >>> vector_to_parameters(Tensor([1.0, 2.0]), [p])
    >>> p
    tensor([1., 2.])
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"vector_to_parameters: expected a Tensor, but got: {type(vec).__name__}")
    start = 0
    for p in parameters:
        stop = start + p.size
        p.data = vec[start:stop].reshape(p.shape).detach()
        start = stop
