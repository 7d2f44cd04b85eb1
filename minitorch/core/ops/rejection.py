"""Distributions drawn by rejection: gamma, and its derivative with respect to the concentration.

Element `i` uses, in round `r` of its own, the four words of block `(i, r)` of a stream that belongs to rejection alone;
so what it becomes depends on the key, its position and its concentration, and on no other element.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from .. import dtypes
from ..errors import DTypeError, GradError
from ..tracer import Value, aval_of
from .families import LEADING, as_array, custom
from .pointwise import mul
from .sampling import REJECT, checked_shape, consumed_key, started
from .shaping import broadcast_to, cast


def _gamma(key: Any, concentration: Any) -> Any:
    out = np.empty(concentration.shape, concentration.dtype)
    for i in np.ndindex(key.shape[:-1]):
        out[i] = _gamma_of_key(key[i], concentration[i].astype(np.float64).reshape(-1)).reshape(out[i].shape)
    return out


def _gamma_of_key(key: Any, concentration: Any) -> Any:
    """Draw by Marsaglia and Tsang, "A simple method for generating gamma variables" (2000)."""
    out = np.where(concentration == np.inf, np.inf, np.nan)
    pending = np.flatnonzero((concentration > 0) & (concentration < np.inf))
    attempt = 0
    while pending.size:
        generator = started(key, round_=attempt, stream=REJECT)
        words = generator.random_raw(4 * (int(pending[-1]) + 1)).reshape(-1, 4)[pending]
        u = ((words >> 11) * 2.0**-53 + 2.0**-54).T
        a = concentration[pending]
        d = np.where(a < 1, a + 1, a) - 1 / 3
        x = np.sqrt(-2 * np.log(u[0])) * np.cos(2 * np.pi * u[1])
        v = (1 + x / np.sqrt(9 * d)) ** 3
        accepted = (v > 0) & (np.log(u[2]) < x * x / 2 + d - d * v + d * np.log(np.where(v > 0, v, 1)))
        # Below 1, by gamma(a) = gamma(a + 1) * u ** (1 / a).
        sample = d * v * np.where(a < 1, u[3] ** (1 / a), 1)
        out[pending[accepted]] = sample[accepted]
        pending = pending[~accepted]
        attempt += 1
    return out


def _gamma_slope(sample: Any, concentration: Any) -> Any:
    """Return d sample / d concentration at a fixed probability, from the inverse distribution function.

    The logarithm of the inverse is smooth on the scale of the concentration, so a five-point difference of it is exact
    to about 1e-10.
    """
    from scipy import special

    a, z = concentration.astype(np.float64), sample.astype(np.float64)
    upper = z > a
    p = np.where(upper, special.gammaincc(a, z), special.gammainc(a, z))

    def inverse(b: Any) -> Any:
        return np.log(np.where(upper, special.gammainccinv(b, p), special.gammaincinv(b, p)))

    h = 1e-3 * a
    near, far = inverse(a + h) - inverse(a - h), inverse(a + 2 * h) - inverse(a - 2 * h)
    slope = z * (8 * near - far) / (12 * h)
    return np.where(z == 0, 0, slope).astype(sample.dtype)


def _no_second_derivative(g: Value) -> NoReturn:
    raise GradError(
        "gamma: its derivative with respect to the concentration cannot be differentiated again; "
        "use stop_gradient on the sample or on the concentration"
    )


gamma_slope_p: Callable[..., Any] = custom(
    "gamma_slope",
    _gamma_slope,
    abstract=lambda sample, concentration: sample._replace(weak=False),
    vjp=(_no_second_derivative, _no_second_derivative),
    jvp=(_no_second_derivative, _no_second_derivative),
    batch=LEADING,
)
gamma_p: Callable[..., Any] = custom(
    "gamma",
    _gamma,
    abstract=lambda key, concentration: concentration._replace(weak=False),
    vjp=(None, lambda g, out, concentration: mul(g, gamma_slope_p(out, concentration))),
    jvp=(None, lambda t, out, concentration: mul(t, gamma_slope_p(out, concentration))),
    batch=LEADING,
)


def gamma(key: Value, concentration: Value, shape: Sequence[int] | None = None) -> Value:
    """Draw from the gamma distribution with rate 1; the shape of `concentration`, which is the default, broadcasts.

    Differentiable once in the concentration, by implicit reparameterization (Figurnov et al., 2018). A concentration
    that is not positive gives NaN; a small one may give 0, where the result underflows.
    """
    concentration = as_array(concentration)
    if dtypes.rank(concentration.dtype) != 2:
        raise DTypeError(f"gamma: the concentration must be real floats, got {aval_of(concentration)}; cast it first")
    sizes = concentration.shape if shape is None else checked_shape("gamma", shape)
    wide = dtypes.float32 if concentration.dtype in dtypes.HALVES else concentration.dtype
    drawn = gamma_p(consumed_key("gamma", key), broadcast_to(cast(concentration, wide), sizes))
    return cast(drawn, concentration.dtype)
