"""Distributions of vectors and matrices under JAX's names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..core import dtypes
from ..core.conversion import number
from ..core.errors import ArgumentError, ShapeError
from ..core.ops import sampling
from ..core.ops.contractions import matrix_transpose, reproducible_matmul
from ..core.ops.diagonal import diagonal
from ..core.ops.factorizations import cholesky, qr
from ..core.ops.families import as_array
from ..core.ops.pointwise import abs, add, detach, div, less, maximum, mul, sqrt, sub, where
from ..core.ops.reductions import max as largest
from ..core.ops.reproducible import natural_of, power_of, total
from ..core.ops.sampling import checked_shape, float_dtype
from ..core.ops.shaping import broadcast_to, cast, expand_dims, reshape
from ..core.ops.spectral import eigh, svd
from ..core.tracer import Value, aval_of
from .arguments import sized, widened
from .continuous import _loggamma, generalized_normal


def dirichlet(key: Value, alpha: Any, shape: Sequence[int] | None = None, dtype: Any = None) -> Value:
    """Draw probabilities that add up to 1 along the last axis, differentiable in `alpha`.

    `shape` is that of the batch; the result has a last axis like `alpha`'s.

    >>> from minitorch import random
    >>> random.dirichlet(random.key(0), [1.0, 2.0, 3.0], (4,)).shape
    (4, 3)
    """
    alpha = as_array(alpha)
    if not alpha.ndim:
        raise ShapeError("dirichlet: alpha must have an axis, that of the classes, got a 0-d array")
    wanted = float_dtype("dirichlet", alpha.dtype if dtype is None and alpha.dtype in dtypes.REALS else dtype)
    lead = sized("dirichlet", shape, alpha[..., 0])
    alpha = broadcast_to(cast(alpha, widened(wanted)), (*lead, alpha.shape[-1]))
    logs = _loggamma("dirichlet", key, alpha)
    parts = power_of(sub(logs, detach(largest(logs, -1, keepdims=True))))
    return cast(div(parts, expand_dims(total(parts), -1)), wanted)


def multivariate_normal(
    key: Value,
    mean: Any,
    cov: Any,
    shape: Sequence[int] | None = None,
    dtype: Any = None,
    method: str = "cholesky",
) -> Value:
    """Draw vectors with a mean `[..., n]` and a covariance `[..., n, n]`, differentiable in both.

    `shape` is that of the batch. `method` says how the root of the covariance is taken: "cholesky", "svd" or "eigh"; the
    last two take singular ones.

    >>> from minitorch import random
    >>> random.multivariate_normal(random.key(0), [0.0, 1.0], [[2.0, 1.0], [1.0, 2.0]], (5,)).shape
    (5, 2)
    """
    mean, cov = as_array(mean), as_array(cov)
    if not mean.ndim or cov.ndim < 2 or cov.shape[-2:] != mean.shape[-1:] * 2:
        raise ShapeError(
            f"multivariate_normal: mean must be [..., n] and cov [..., n, n], got {aval_of(mean)} and {aval_of(cov)}"
        )
    if method not in _ROOTS:
        raise ArgumentError(f"multivariate_normal: method must be one of {', '.join(_ROOTS)}, got {method!r}")
    strong = [x.dtype for x in (mean, cov) if x.dtype in dtypes.REALS]
    wanted = float_dtype("multivariate_normal", dtypes.floating(*strong) if dtype is None and strong else dtype)
    lead = sized("multivariate_normal", shape, mean[..., 0], cov[..., 0, 0])
    wide = widened(wanted)
    noise = sampling.normal(key, (*lead, mean.shape[-1]), wide)
    turned = matrix_transpose(_ROOTS[method](cast(cov, wide)))
    if cov.ndim == 2:
        drawn = reproducible_matmul(reshape(noise, (math.prod(lead), noise.shape[-1])), turned)
    else:
        drawn = reproducible_matmul(expand_dims(noise, -2), turned)
    return cast(add(cast(mean, wide), reshape(drawn, noise.shape)), wanted)


def _eigen_root(cov: Value) -> Value:
    values, vectors = eigh(cov)
    return mul(vectors, expand_dims(sqrt(maximum(values, 0.0)), -2))


def _singular_root(cov: Value) -> Value:
    left, values, _ = svd(cov)
    return mul(left, expand_dims(sqrt(values), -2))


_ROOTS = {"cholesky": cholesky, "svd": _singular_root, "eigh": _eigen_root}


def orthogonal(key: Value, n: int, shape: Sequence[int] = (), dtype: Any = None, m: int | None = None) -> Value:
    """Draw matrices `[*shape, n, m]` with orthonormal columns or rows, evenly: by the Haar measure where m is n.

    >>> from minitorch import random
    >>> q = random.orthogonal(random.key(0), 3).numpy()
    >>> bool((abs(q.T @ q - 1.0 * (q.T @ q > 0.5)) < 1e-5).all())
    True
    """
    m = n if m is None else m
    wanted = float_dtype("orthogonal", dtype)
    lead = checked_shape("orthogonal", shape)
    z = sampling.normal(key, (*lead, max(n, m), min(n, m)), widened(wanted))
    q, r = qr(z)
    signs = where(less(diagonal(r, 0, -2, -1), 0.0), -1.0, 1.0)
    q = mul(q, expand_dims(cast(signs, q.dtype), -2))
    return cast(q if n >= m else q.mT, wanted)


def ball(key: Value, d: int, p: float = 2, shape: Sequence[int] = (), dtype: Any = None) -> Value:
    """Draw evenly from the unit ball of the p-norm in d dimensions. Barthe et al. (2005), arXiv:math/0503650.

    >>> from minitorch import random
    >>> x = random.ball(random.key(0), 3, shape=(5,)).numpy()
    >>> x.shape, bool(((x**2).sum(-1) <= 1).all())
    ((5, 3), True)
    """
    wanted = float_dtype("ball", dtype)
    lead = checked_shape("ball", shape)
    first, second = sampling.split(key, 2, "ball")
    wide = widened(wanted)
    g = generalized_normal(first, p, (*lead, d), wide)
    e = sampling.exponential(second, lead, wide)
    powers = power_of(mul(natural_of(abs(g)), number(p, "p")))
    size = power_of(mul(natural_of(add(total(powers), e)), 1.0 / p))
    return cast(div(g, expand_dims(size, -1)), wanted)
