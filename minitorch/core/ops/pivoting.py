"""Row exchanges of LU factorizations: as LAPACK's pivots (1-based, in order) and as permutation matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..aval import Aval
from ..primitive import NO_DERIVATIVE
from .families import LEADING, custom


def _pivots(x: Any, *, k: int) -> Any:
    """The k exchanges that make the identity of the rows that `x` holds in other order."""
    m = x.shape[-1]
    out = np.empty((*x.shape[:-2], k), np.int32)
    for at in np.ndindex(x.shape[:-2]):
        wanted, order = x[at].real.argmax(0), list(range(m))
        for i in range(k):
            j = order.index(wanted[i])
            order[i], order[j] = order[j], order[i]
            out[(*at, i)] = j + 1
    return out


def _permutation(pivots: Any, *, m: int) -> Any:
    """The matrix P that undoes the exchanges: `P @ L @ U` is the factored matrix."""
    out = np.zeros((*pivots.shape[:-1], m, m), np.float32)
    for at in np.ndindex(pivots.shape[:-1]):
        order = list(range(m))
        for i, j in enumerate(pivots[at] - 1):
            order[i], order[j] = order[j], order[i]
        out[at][order, range(m)] = 1
    return out


pivots_p: Any = custom(
    "pivots",
    _pivots,
    abstract=lambda x, *, k: Aval((*x.shape[:-2], k), dtypes.int32, x.device),
    vjp=NO_DERIVATIVE,
    jvp=NO_DERIVATIVE,
    batch=LEADING,
)
permutation_p: Any = custom(
    "permutation",
    _permutation,
    abstract=lambda pivots, *, m: Aval((*pivots.shape[:-1], m, m), dtypes.float32, pivots.device),
    vjp=NO_DERIVATIVE,
    jvp=NO_DERIVATIVE,
    batch=LEADING,
)
