"""Products of vectors and matrices under PyTorch's names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core import dtypes
from ..core.errors import ArgumentError, DTypeError, JitError, ShapeError, TracerError
from ..core.ops import contractions, pointwise, shaping
from ..core.ops import einsum as core_einsum
from ..core.ops.families import as_array
from ..core.ops.joining import stack, unstack
from ..core.ops.norms import norm
from ..core.ops.reductions import mean
from ..core.ops.shaping import canonical_axis
from ..core.tracer import aval_of, concrete
from .fast import binary, fused
from .handle import Tensor
from .shortcut import structural
from .table import Table, over
from .texts.written import docstring

_quick_matmul = fused(contractions.matmul_p, contractions.matmul)
_quick_matvec = fused(contractions.matvec_p, contractions.matmul)
_quick_inner = fused(contractions.inner_p, contractions.matmul)
_quick_transpose = structural(shaping.transpose_p)


def _vecmat(input: Tensor, other: Tensor) -> Any:
    if input.value.shape[0] != other.value.shape[0]:
        return contractions.matmul(input, other)  # which tells what is wrong
    return _quick_matvec(_quick_transpose(other, axes=(-1, -2)), input)


# The shortcuts, by the operands' numbers of dimensions.
_PRODUCTS = {
    (1, 1): _quick_inner,
    (1, 2): _vecmat,
    (2, 1): _quick_matvec,
    (3, 1): _quick_matvec,
    (2, 2): _quick_matmul,
    (3, 2): _quick_matmul,
    (3, 3): _quick_matmul,
    (4, 4): _quick_matmul,
}


def matmul(input: Any, other: Any) -> Any:
    """Multiply matrices, stacks of matrices, or vectors.

    >>> mt.matmul(mt.tensor([[1, 2], [3, 4]]), mt.tensor([1, 10]))
    tensor([21, 43])
    >>> mt.matmul(mt.zeros(5, 1, 2, 3), mt.zeros(7, 3, 4)).shape
    (5, 7, 2, 4)
    """
    if isinstance(input, Tensor) and isinstance(other, Tensor):
        x, y = input.value, other.value
        quick = _PRODUCTS.get((len(x.shape), len(y.shape)))
        if quick is not None and x.dtype is y.dtype:
            return quick(input, other)
    return contractions.matmul(input, other)


# Examples of products that a line makes.
_SHOWN = {
    "mm": ("mt.mm(mt.tensor([[1, 2], [3, 4]]), mt.tensor([[1], [10]])).tolist()", "[[21], [43]]"),
    "bmm": (
        "mt.bmm(mt.tensor([[[1, 2]], [[3, 4]]]), mt.tensor([[[1], [10]], [[1], [0]]])).tolist()",
        "[[[21]], [[3]]]",
    ),
    "mv": ("mt.mv(mt.tensor([[1, 2], [3, 4]]), mt.tensor([1, 10]))", "tensor([21, 43])"),
    "dot": ("mt.dot(mt.tensor([1, 2]), mt.tensor([3, 4]))", "tensor(11)"),
    "vdot": ("mt.vdot(mt.tensor([1j, 2]), mt.tensor([3, 4 + 0j]))", "tensor(8.-3.j)"),
    "outer": ("mt.outer(mt.tensor([1, 2]), mt.tensor([3, 4])).tolist()", "[[3, 4], [6, 8]]"),
    "addmm": (
        "mt.addmm(mt.tensor([[1, 2]]), mt.tensor([[3, 4]]), mt.tensor([[1, 0], [0, 1]]), beta=10).tolist()",
        "[[13, 24]]",
    ),
    "addmv": (
        "mt.addmv(mt.tensor([1, 2]), mt.tensor([[1, 0], [0, 1]]), mt.tensor([3, 4]), alpha=10)",
        "tensor([31, 42])",
    ),
    "baddbmm": ("mt.baddbmm(mt.ones(1, 1, 2), mt.ones(1, 1, 3), mt.ones(1, 3, 2)).tolist()", "[[[4.0, 4.0]]]"),
}


def _of_ranks(name: str, core: Callable[..., Any], *ranks: int) -> Callable[..., Any]:
    """Return a product that takes operands of the given numbers of dimensions only."""
    summary = f"Multiply a {ranks[0]}-d and a {ranks[1]}-d tensor; others raise a ShapeError."

    def call(input: Any, other: Any) -> Any:
        _check_ranks(name, (input, other), ranks)
        return core(input, other)

    call.__doc__ = docstring((summary, *_SHOWN[name]))
    return call


def _check_ranks(name: str, operands: Sequence[Any], ranks: Sequence[int]) -> None:
    values = [as_array(x) for x in operands]
    if [x.ndim for x in values] != list(ranks):
        wanted = " and ".join(f"{n}-d" for n in ranks)
        got = " and ".join(str(aval_of(x)) for x in values)
        raise ShapeError(f"{name}: takes {wanted} tensors, got {got}; use matmul for other numbers of dimensions")


_quick_reshape, _times = structural(shaping.reshape_p), binary(pointwise.mul)


def _outer(input: Any, other: Any) -> Any:
    if not isinstance(input, Tensor):
        return contractions.outer(input, other)
    return _times(_quick_reshape(input, shape=(*input.value.shape, 1)), other)


def _inner(input: Any, other: Any) -> Any:
    if as_array(input).ndim == 1 == as_array(other).ndim:
        return matmul(input, other)
    return contractions.inner(input, other)


def _vdot(input: Any, other: Any) -> Any:
    x = as_array(input)
    return matmul(pointwise.conj(x) if dtypes.is_complex(x.dtype) else input, other)


def einsum(equation: Any, *operands: Any) -> Any:
    """Sum products of operands, or of a list of them, as an equation says: `"ik,kj->ij"` is a matrix product.

    As `sum` does, it adds integers of an axis that one operand alone has in int64.

    >>> einsum("ik,jk->ij", Tensor([[1.0, 2.0]]), Tensor([[3.0, 4.0]]))
    tensor([[11.]])
    """
    if not isinstance(equation, str):
        return core_einsum.einsum(equation, *operands)
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    values = [as_array(x) for x in operands]
    is_whole = bool(values) and not any(dtypes.is_inexact(x.dtype) for x in values)
    if is_whole and core_einsum.sums_alone(equation, tuple(x.shape for x in values)):
        values = [shaping.cast(x, dtypes.int64) for x in values]
    return core_einsum.einsum(equation, *values)


def _weighed(name: str, input: Any, product: Any, beta: Any, alpha: Any) -> Any:
    """Compute `beta * input + alpha * product`; with beta 0 the input is ignored, NaN included."""
    if not dtypes.is_inexact(product.dtype) and (isinstance(beta, float) or isinstance(alpha, float)):
        raise DTypeError(
            f"{name}: beta and alpha must be integers for {aval_of(product)}, got {beta} and {alpha}; cast with .float()"
        )
    product = product if alpha == 1 else pointwise.mul(product, alpha)
    return pointwise.add(input if beta == 1 else pointwise.mul(input, beta), product) if beta else product


def _added(name: str, *ranks: int) -> Callable[..., Any]:
    def call(input: Any, first: Any, second: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
        _check_ranks(name, (first, second), ranks)
        return _weighed(name, input, matmul(first, second), beta, alpha)

    summary = f"Compute `beta * input + alpha * (first @ second)` for {ranks[0]}-d and {ranks[1]}-d tensors."
    call.__doc__ = docstring((summary, *_SHOWN[name]))
    return call


def _addr(input: Any, vec1: Any, vec2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """Compute `beta * input + alpha * outer(vec1, vec2)`.

    >>> mt.addr(mt.ones(2, 2), mt.tensor([1.0, 2.0]), mt.tensor([3.0, 4.0]))
    tensor([[4., 5.],
            [7., 9.]])
    """
    return _weighed("addr", input, contractions.outer(vec1, vec2), beta, alpha)


def _addbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """Compute `beta * input + alpha * (batch1 @ batch2).sum(0)`.

    >>> batch = mt.ones(3, 2, 2)
    >>> mt.addbmm(mt.zeros(2, 2), batch, batch)
    tensor([[6., 6.],
            [6., 6.]])
    """
    _check_ranks("addbmm", (batch1, batch2), (3, 3))
    return _weighed("addbmm", input, core_einsum.einsum("bij,bjk->ik", batch1, batch2), beta, alpha)


def _chain(*matrices: Any) -> Any:
    """Multiply matrices, from the left.

    >>> mt.chain_matmul(mt.ones(2, 3), mt.ones(3, 4), mt.ones(4, 1))
    tensor([[12.],
            [12.]])
    """
    given = matrices[0] if len(matrices) == 1 and isinstance(matrices[0], (tuple, list)) else matrices
    out = given[0]
    for matrix in given[1:]:
        out = contractions.matmul(out, matrix)
    return out


def _cross(input: Any, other: Any, dim: int = -1) -> Any:
    """Compute cross products of vectors of 3 along a dimension.

    >>> mt.cross(mt.tensor([1.0, 0.0, 0.0]), mt.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    given = as_array(input), as_array(other)
    for a in given:
        canonical_axis("cross", dim, a.ndim)
    x, y = (unstack(a, dim) for a in shaping.broadcast_arrays(*given))
    if len(x) != 3 or any(a.shape[dim] != 3 for a in given):
        raise ShapeError(
            f"cross: dim {dim} of {aval_of(as_array(input))} and {aval_of(as_array(other))} must have size 3"
        )
    turned = [
        pointwise.sub(pointwise.mul(x[(i + 1) % 3], y[(i + 2) % 3]), pointwise.mul(x[(i + 2) % 3], y[(i + 1) % 3]))
        for i in range(3)
    ]
    return stack(turned, dim)


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """Compute the cosine of the angle between vectors along a dimension; norms are at least `eps`.

    >>> x, y = mt.tensor([[3.0, 4.0], [1.0, 0.0]]), mt.tensor([[4.0, 3.0], [-2.0, 0.0]])
    >>> mt.cosine_similarity(x, y)
    tensor([ 0.9600, -1.0000])
    """
    x1, x2 = shaping.broadcast_arrays(x1, x2)
    axis = over(x1, dim)
    lengths = [pointwise.maximum(norm(x, 2, axis), eps) for x in (x1, x2)]
    return pointwise.div(shaping.sum(pointwise.mul(x1, x2), axis), pointwise.mul(*lengths))


def _frequencies(x: Any, fweights: Any, aweights: Any) -> Any:
    """Return how much each observation counts, None for all alike."""
    given = [w for w in (fweights, aweights) if w is not None]
    for weights in map(as_array, given):
        if weights.shape != x.shape[1:] or dtypes.is_complex(weights.dtype):
            raise ShapeError(f"cov: weights must be a real vector of {x.shape[1]} numbers, got {aval_of(weights)}")
        if _has_negative(weights):
            raise ArgumentError(f"cov: weights must not be negative, got {aval_of(weights)} with some that are")
    if fweights is not None and dtypes.rank(as_array(fweights).dtype) != 1:
        raise DTypeError(f"cov: fweights must be integers, got {aval_of(as_array(fweights))}; use aweights")
    return pointwise.mul(*given) if len(given) == 2 else given[0] if given else None


def _has_negative(weights: Any) -> bool:
    """Return whether a weight is negative, as far as it is known: not inside a transform."""
    try:
        return bool((concrete(weights, "cov").numpy() < 0).any())
    except (JitError, TracerError):
        return False


def _cov(input: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Any:
    """Compute the covariance matrix of variables in rows, observations in columns.

    `fweights` says how often each observation was made, `aweights` how much it counts.

    >>> x = mt.tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    >>> mt.cov(x)
    tensor([[ 1., -1.],
            [-1.,  1.]])
    >>> mt.cov(x, fweights=mt.tensor([2, 1, 1]))
    tensor([[ 0.9167, -0.9167],
            [-0.9167,  0.9167]])
    """
    if as_array(input).ndim > 2:
        raise ShapeError(f"cov: takes a vector or a matrix, got {aval_of(as_array(input))}")
    x = shaping.atleast_nd(input, 2)
    x = shaping.cast(x, dtypes.floating(x.dtype))
    weights = _frequencies(x, fweights, aweights)
    if weights is None:
        centered = spread = pointwise.sub(x, mean(x, 1, True))
        freedom: Any = max(x.shape[1] - correction, 0)
    else:
        total = shaping.sum(weights)
        middle = pointwise.div(shaping.sum(pointwise.mul(x, weights), 1, True), total)
        centered = pointwise.sub(x, middle)
        spread = pointwise.mul(centered, weights)
        excess = 1
        if aweights is not None and correction:
            excess = pointwise.div(shaping.sum(pointwise.mul(weights, aweights)), total)
        freedom = pointwise.clip(pointwise.sub(total, pointwise.mul(excess, correction)), 0, None)
    product = contractions.matmul(spread, pointwise.conj(shaping.transpose(centered)))
    out = shaping.cast(pointwise.div(product, freedom), x.dtype)
    return shaping.reshape(out, ()) if out.size == 1 else out


def _trace(input: Any) -> Any:
    """Sum the diagonal of a matrix.

    >>> mt.trace(mt.tensor([[1, 2], [3, 4]]))
    tensor(5)
    """
    if as_array(input).ndim != 2:
        raise ShapeError(f"trace: takes a matrix, got {aval_of(as_array(input))}; sum .diagonal(dim1=-2, dim2=-1)")
    return contractions.trace(input)


def _tensordot(a: Any, b: Any, dims: Any = 2) -> Any:
    """Sum products over pairs of dimensions: the last of `a` with the first of `b`, or those that `dims` names.

    >>> x, y = mt.ones(2, 3, 4), mt.ones(3, 4, 5)
    >>> mt.tensordot(x, y).shape
    (2, 5)
    >>> mt.tensordot(x, y, dims=([1], [0])).shape
    (2, 4, 4, 5)
    """
    if hasattr(dims, "tolist"):
        dims = dims.tolist()
    if isinstance(dims, int):
        return contractions.tensordot(a, b, dims)
    x, y = as_array(a), as_array(b)
    first, second = ([d] if isinstance(d, int) else list(d) for d in dims)
    if len(first) == len(second):  # a dimension of size 1 is stretched to its partner's: it is enough to sum that one
        pairs = [
            (canonical_axis("tensordot", i, x.ndim), canonical_axis("tensordot", j, y.ndim))
            for i, j in zip(first, second)
        ]
        over_x = [i for i, j in pairs if x.shape[i] != 1 == y.shape[j]]
        over_y = [j for i, j in pairs if x.shape[i] == 1 != y.shape[j]]
        x = shaping.cast(shaping.sum(x, over_x, True), x.dtype) if over_x else x
        y = shaping.cast(shaping.sum(y, over_y, True), y.dtype) if over_y else y
    return contractions.tensordot(x, y, (first, second))


# fmt: off
BOTH: Table = {
    "matmul": matmul,
    "mm": _of_ranks("mm", matmul, 2, 2),
    "bmm": _of_ranks("bmm", matmul, 3, 3),
    "mv": _of_ranks("mv", matmul, 2, 1),
    "dot": _of_ranks("dot", matmul, 1, 1),
    "vdot": _of_ranks("vdot", _vdot, 1, 1),
    "outer": _of_ranks("outer", _outer, 1, 1),
    "inner": _inner,
    "kron": lambda input, other: contractions.kron(input, other),
    "cross": _cross,
    "addmm": _added("addmm", 2, 2),
    "addmv": _added("addmv", 2, 1),
    "addr": _addr,
    "baddbmm": _added("baddbmm", 3, 3),
    "addbmm": _addbmm,
    "cov": _cov,
    "trace": _trace,
}
FUNCTIONS: Table = {
    "einsum": einsum,
    "tensordot": _tensordot,
    "chain_matmul": _chain,
    "cosine_similarity": cosine_similarity,
}
METHODS: Table = {}
ALIASES = {"ger": "outer"}
# fmt: on
