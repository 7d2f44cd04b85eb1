"""Rows of the row exchanges of LU factorizations; the oracles are LAPACK's."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg
from scipy.linalg.lapack import dlaswp

from minitorch.core.ops.pivoting import permutation_p, pivots_p

from . import Case, Row, made


def permutations(*shape: int) -> Any:
    """Permutation matrices."""
    n = shape[-1]
    return made(
        lambda rng: np.stack([np.eye(n)[rng.permutation(n)] for _ in range(int(np.prod(shape[:-2])))]).reshape(shape)
    )


def exchanges(*shape: int, m: int) -> Any:
    """For each row one that is not above it, 1-based."""
    return made(lambda rng: rng.integers(np.arange(shape[-1]), m, shape).astype(np.int32) + 1)


def pivots(x: Any, k: int) -> Any:
    flat = [scipy.linalg.lu_factor(p)[1][:k] + 1 for p in x.reshape(-1, *x.shape[-2:])]
    return np.array(flat, np.int32).reshape(*x.shape[:-2], k)


def permutation(pivots: Any, m: int) -> Any:
    flat = [dlaswp(np.eye(m), row - 1).T for row in pivots.reshape(-1, pivots.shape[-1])]
    return np.array(flat, np.float32).reshape(*pivots.shape[:-1], m, m)


ROWS = [
    Row(
        "pivots",
        pivots_p,
        pivots,
        (Case((permutations(4, 4),), {"k": 4}), Case((permutations(2, 3, 3),), {"k": 2})),
        grad=False,
        dtypes=(),
    ),
    Row(
        "permutation",
        permutation_p,
        permutation,
        (Case((exchanges(4, m=4),), {"m": 4}), Case((exchanges(2, 2, m=3),), {"m": 3})),
        grad=False,
        dtypes=(),
    ),
]
