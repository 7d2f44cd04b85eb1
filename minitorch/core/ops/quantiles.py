"""Quantile functions of counts: the Poisson and binomial distributions, which random numbers are put through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..primitive import NO_DERIVATIVE
from .families import LEADING, custom


def _smallest(cdf: Callable[[Any], Any], guess: Any, p: Any, largest: Any) -> Any:
    """Return the smallest whole number whose distribution function is at least p, near a guess."""
    count = np.clip(np.ceil(np.where(np.isfinite(guess), guess, 0.0)), 0.0, largest)
    while True:
        high = (count > 0) & (cdf(count - 1) >= p)
        low = (count < largest) & (cdf(count) < p)
        if not (high | low).any():
            return count
        count = count - high + (low & ~high)


def _poisson(p: Any, rate: Any) -> Any:
    from scipy import special

    legal = (rate > 0) & np.isfinite(rate)
    mean = np.where(legal, rate, 1.0)
    count = _smallest(lambda k: special.gammaincc(np.maximum(k, 0) + 1, mean), special.pdtrik(p, mean), p, np.inf)
    return np.where(legal, count, np.where(rate == 0, 0.0, np.nan))


def _binomial(p: Any, n: Any, chance: Any) -> Any:
    from scipy import special

    n = np.floor(n)
    legal = (n >= 0) & np.isfinite(n) & (chance >= 0) & (chance <= 1)
    inside = legal & (n > 0) & (chance > 0) & (chance < 1)
    size, q = np.where(inside, n, 1.0), np.where(inside, chance, 0.5)

    def cdf(k: Any) -> Any:
        below = k < size
        return np.where(below, special.betainc(np.where(below, size - k, 1.0), np.maximum(k, 0) + 1, 1 - q), 1.0)

    count = _smallest(cdf, special.bdtrik(p, size, q), p, size)
    return np.where(inside, count, np.where(legal, np.where(chance == 1, n, 0.0), np.nan))


# All operands are float64 and have one shape.
poisson_quantile_p: Callable[..., Any] = custom(
    "poisson_quantile",
    _poisson,
    abstract=lambda p, rate: p._replace(weak=False),
    vjp=NO_DERIVATIVE,
    jvp=NO_DERIVATIVE,
    batch=LEADING,
)
binomial_quantile_p: Callable[..., Any] = custom(
    "binomial_quantile",
    _binomial,
    abstract=lambda p, n, chance: p._replace(weak=False),
    vjp=NO_DERIVATIVE,
    jvp=NO_DERIVATIVE,
    batch=LEADING,
)
