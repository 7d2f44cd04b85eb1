"""Products of vectors and matrices under PyTorch's names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.errors import ShapeError
from ..core.ops import contractions, einsum, pointwise, shaping
from ..core.ops.families import as_array
from ..core.ops.joining import stack, unstack
from ..core.ops.norms import norm
from ..core.ops.reductions import mean
from ..core.primitive import aval_of
from .fast import fused
from .handle import Tensor
from .table import Table

_quick_matmul = fused(contractions.matmul_p, contractions.matmul)


def matmul(input: Any, other: Any) -> Any:
    """Multiply matrices, stacks of matrices, or vectors; two matrices take the shortcut."""
    if isinstance(input, Tensor) and isinstance(other, Tensor):
        x, y = input.value, other.value
        if len(x.shape) == 2 == len(y.shape) and x.dtype is y.dtype:
            return _quick_matmul(input, other)
    return contractions.matmul(input, other)


def _of_ranks(name: str, core: Callable[..., Any], *ranks: int) -> Callable[..., Any]:
    """Return a product that takes operands of the given numbers of dimensions only."""

    def call(input: Any, other: Any) -> Any:
        _check_ranks(name, (input, other), ranks)
        return core(input, other)

    call.__doc__ = f"Multiply a {ranks[0]}-d and a {ranks[1]}-d tensor; others raise a ShapeError."
    return call


def _check_ranks(name: str, operands: Sequence[Any], ranks: Sequence[int]) -> None:
    avals = [aval_of(as_array(x)) for x in operands]
    if any(a.ndim != n for a, n in zip(avals, ranks)):
        wanted = " and ".join(f"{n}-d" for n in ranks)
        got = " and ".join(map(str, avals))
        raise ShapeError(f"{name}: takes {wanted} tensors, got {got}; use matmul for other numbers of dimensions")


def _added(name: str, *ranks: int) -> Callable[..., Any]:
    def call(input: Any, first: Any, second: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
        _check_ranks(name, (first, second), ranks)
        product = contractions.matmul(first, second)
        product = product if alpha == 1 else pointwise.mul(product, alpha)
        # With beta 0 the input is ignored, NaN included.
        return pointwise.add(input if beta == 1 else pointwise.mul(input, beta), product) if beta else product

    call.__doc__ = f"Compute `beta * input + alpha * (first @ second)` for {ranks[0]}-d and {ranks[1]}-d tensors."
    return call


def _addr(input: Any, vec1: Any, vec2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """Compute `beta * input + alpha * outer(vec1, vec2)`."""
    return pointwise.add(pointwise.mul(input, beta), pointwise.mul(contractions.outer(vec1, vec2), alpha))


def _addbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """Compute `beta * input + alpha * (batch1 @ batch2).sum(0)`."""
    _check_ranks("addbmm", (batch1, batch2), (3, 3))
    product = shaping.sum(contractions.matmul(batch1, batch2), 0)
    product = product if alpha == 1 else pointwise.mul(product, alpha)
    return pointwise.add(input if beta == 1 else pointwise.mul(input, beta), product) if beta else product


def _chain(*matrices: Any) -> Any:
    """Multiply matrices, from the left."""
    given = matrices[0] if len(matrices) == 1 and isinstance(matrices[0], (tuple, list)) else matrices
    out = given[0]
    for matrix in given[1:]:
        out = contractions.matmul(out, matrix)
    return out


def _cross(input: Any, other: Any, dim: int = -1) -> Any:
    """Compute cross products of vectors of 3 along a dimension."""
    x, y = (unstack(a, dim) for a in shaping.broadcast_arrays(input, other))
    if len(x) != 3:
        raise ShapeError(
            f"cross: dim {dim} of {aval_of(as_array(input))} and {aval_of(as_array(other))} must have size 3"
        )
    turned = [
        pointwise.sub(pointwise.mul(x[(i + 1) % 3], y[(i + 2) % 3]), pointwise.mul(x[(i + 2) % 3], y[(i + 1) % 3]))
        for i in range(3)
    ]
    return stack(turned, dim)


def _cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """Compute the cosine of the angle between vectors along a dimension; norms are at least `eps`."""
    lengths = [pointwise.maximum(norm(x, 2, dim), eps) for x in (x1, x2)]
    return pointwise.div(shaping.sum(pointwise.mul(x1, x2), dim), pointwise.mul(*lengths))


def _cov(input: Any, *, correction: int = 1) -> Any:
    """Compute the covariance matrix of variables in rows, observations in columns."""
    x = shaping.atleast_nd(input, 2)
    centered = pointwise.sub(x, mean(x, 1, True))
    product = contractions.matmul(centered, pointwise.conj(shaping.transpose(centered)))
    out = pointwise.div(product, max(x.shape[1] - correction, 0))
    return shaping.reshape(out, ()) if as_array(input).ndim < 2 else out


# fmt: off
BOTH: Table = {
    "matmul": matmul,
    "mm": _of_ranks("mm", matmul, 2, 2),
    "bmm": _of_ranks("bmm", contractions.matmul, 3, 3),
    "mv": _of_ranks("mv", contractions.matmul, 2, 1),
    "dot": _of_ranks("dot", contractions.matmul, 1, 1),
    "vdot": _of_ranks("vdot", lambda x, y: contractions.matmul(pointwise.conj(x), y), 1, 1),
    "outer": _of_ranks("outer", contractions.outer, 1, 1),
    "inner": lambda input, other: contractions.inner(input, other),
    "kron": lambda input, other: contractions.kron(input, other),
    "cross": _cross,
    "addmm": _added("addmm", 2, 2),
    "addmv": _added("addmv", 2, 1),
    "addr": _addr,
    "baddbmm": _added("baddbmm", 3, 3),
    "addbmm": _addbmm,
    "cov": _cov,
    "trace": lambda input: contractions.trace(input),
}
FUNCTIONS: Table = {
    "einsum": einsum.einsum,
    "tensordot": lambda a, b, dims=2: contractions.tensordot(a, b, dims),
    "chain_matmul": _chain,
    "cosine_similarity": _cosine_similarity,
}
METHODS: Table = {}
ALIASES = {"ger": "outer"}
# fmt: on
