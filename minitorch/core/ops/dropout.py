"""Dropout: elements set to 0 at random, the others scaled up so that the expectation stays.

What is kept for the derivative is one bool per element. The mask follows from a key alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..aval import Aval
from ..conversion import number
from ..errors import ArgumentError
from ..tracer import Value
from .families import LEADING, custom
from .fusing import widened
from .reductions import only_floats
from .sampling import bernoulli
from .shaping import zeros_like


def _masked(x: Any, keep: Any, *, scale: float) -> Any:
    out = np.multiply(x, keep)
    if type(out) is not np.ndarray:
        return out * scale
    out *= scale
    return out


def _abstract(x: Aval, keep: Aval, *, scale: float) -> Aval:
    return x._replace(weak=False)


dropout_p: Any = custom(
    "dropout",
    widened(_masked),
    abstract=_abstract,
    vjp=(lambda g, keep, scale: dropout_p(g, keep, scale=scale), None),
    jvp=(lambda t, keep, scale: dropout_p(t, keep, scale=scale), None),
    batch=LEADING,
)


def check_probability(name: str, p: float) -> float:
    """Return a probability, or raise."""
    p = number(p, "p")
    if not 0 <= p <= 1:
        raise ArgumentError(f"{name}: dropout probability has to be between 0 and 1, but got {p}")
    return p


def dropout(key: Value, x: Value, p: float = 0.5, shape: tuple[int, ...] | None = None) -> Value:
    """Set each element to 0 with probability `p` and divide the others by `1 - p`.

    With a `shape` that broadcasts to that of `x`, elements are dropped together. Srivastava et al. (2014).

    >>> from minitorch.core.ops.sampling import key
    >>> dropout(key(0), [1.0, 2.0], 0.0).tolist()
    [1.0, 2.0]
    """
    x = only_floats("dropout", x)
    p = check_probability("dropout", p)
    if p == 0.0:
        return x
    if p == 1.0:
        return dropout_p(x, zeros_like(x), scale=0.0)
    keep = bernoulli(key, 1.0 - p, x.shape if shape is None else shape)
    return dropout_p(x, keep, scale=1.0 / (1.0 - p))
