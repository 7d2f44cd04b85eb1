"""Rows of the random primitives: what they must make of the bits of NumPy's Philox."""

from __future__ import annotations

import numpy as np
from scipy import special, stats

from minitorch.core.ops import quantiles as Q
from minitorch.core.ops import rejection as R
from minitorch.core.ops import reproducible
from minitorch.core.ops import sampling as S
from minitorch.core.ops import transforming as T
from minitorch.core.ops.families import as_array

from . import Case, Row, integers, made, real

KEY = made(lambda rng: rng.integers(0, 2**64, 2, np.uint64))


def philox(key, count, block=0, stream=0, round_=0):
    counter = (block + (round_ << 64) + (stream << 192) - 1) % 2**256
    limbs = np.array([counter >> s & 2**64 - 1 for s in (0, 64, 128, 192)], np.uint64)
    return np.random.Philox(key=key, counter=limbs).random_raw(count)


def bits(key, shape, dtype):
    size = int(np.prod(shape))
    return philox(key, size).view(dtype)[:size].reshape(shape)


def unit(key, shape, dtype):
    if dtype == "float64":
        return (bits(key, shape, np.uint64) >> 11) * 2.0**-53
    return ((bits(key, shape, np.uint32) >> 8) * 2.0**-24).astype(np.float32)


def normal(key, shape, dtype):
    size = int(np.prod(shape))
    words = philox(key, (size + 1) // 2 * 2).reshape(-1, 2)
    return of_pairs(words * 2.0**-64 + 2.0**-65).reshape(-1)[:size].reshape(shape)


def of_pairs(u):
    z = np.sqrt(-2 * np.log(u[:, 0])) * np.exp(2j * np.pi * u[:, 1])
    return np.stack([z.real, z.imag], -1)


def gamma(key, a):
    """Marsaglia and Tsang, one number after the other."""
    out = np.empty(a.shape)
    for n, (place, concentration) in enumerate(np.ndenumerate(a)):
        for attempt in range(100):
            u = (philox(key, 4, block=n, stream=3, round_=attempt) >> 11) * 2.0**-53 + 2.0**-54
            d = concentration + (concentration < 1) - 1 / 3
            x = np.sqrt(-2 * np.log(u[0])) * np.cos(2 * np.pi * u[1])
            v = (1 + x / np.sqrt(9 * d)) ** 3
            if v > 0 and np.log(u[2]) < x * x / 2 + d - d * v + d * np.log(v):
                break
        out[place] = d * v * (u[3] ** (1 / concentration) if concentration < 1 else 1)
    return out


def gamma_slope(z, a):
    """Differentiate the distribution function: d z / d a at fixed probability is -(dF/da) / (dF/dz)."""
    h = 1e-4
    change = (special.gammainc(a - 2 * h, z) - special.gammainc(a + 2 * h, z)) / 12
    change -= (special.gammainc(a - h, z) - special.gammainc(a + h, z)) * 2 / 3
    return -change / h / np.exp((a - 1) * np.log(z) - z - special.gammaln(a))


def of_arrays(primitive):
    return lambda *arrays, **statics: primitive(*map(as_array, arrays), **statics)


def drawn(dtypes, shapes=((), (5,), (2, 3), (0,))):
    return tuple(Case((KEY,), {"shape": s, "dtype": np.dtype(d)}) for d in dtypes for s in shapes)


OPEN = (Case((real(3, 4, low=1e-6, high=1 - 1e-6),)), Case((real(0, low=0.1, high=0.9),)))

ROWS = [
    Row("random_bits", of_arrays(S.random_bits_p), bits, drawn(("uint32", "uint64", "uint8")), grad=False, dtypes=()),
    Row(
        "split_key",
        of_arrays(S.split_key_p),
        lambda key, shape, dtype: philox(key, 2 * shape[0], stream=1).reshape(shape),
        drawn(("uint64",), ((3, 2),)),
        grad=False,
        dtypes=(),
    ),
    Row(
        "fold_in",
        of_arrays(S.fold_in_p),
        lambda key, data: philox(key, 2, int(data) % 2**64, stream=2),
        (Case((KEY, integers(high=9))), Case((KEY, integers(low=-9, high=0)))),
        grad=False,
        dtypes=(),
    ),
    Row("random_unit", of_arrays(S.random_unit_p), unit, drawn(("float32", "float64")), grad=False, dtypes=()),
    Row(
        "box_muller",
        of_arrays(T.box_muller_p),
        lambda words: of_pairs(words * 2.0**-64 + 2.0**-65).reshape(words.shape),
        (Case((made(lambda rng: rng.integers(0, 2**64, (5, 2), np.uint64)),)),),
        grad=False,
        dtypes=(),
    ),
    Row("exponential_of", T.exponential_of, lambda x: -np.log1p(-x), OPEN, grad=False),
    Row("gumbel_of", T.gumbel_of, lambda x: -np.log(-np.log1p(-x)), OPEN, grad=False),
    Row("logarithm_of", T.logarithm_of, np.log, OPEN, grad=False),
    Row("stretched", T.stretched, lambda x, y, z: x * y + z, (Case((real(3, 4), real(4), real(3, 1))),)),
    Row("natural_of", reproducible.natural_of, np.log, (Case((real(3, 4, low=0.1, high=9),)), Case((real(0, low=1),)))),
    Row("power_of", reproducible.power_of, np.exp, (Case((real(3, 4, low=-9, high=9),)), Case((real(0),)))),
    Row("sigmoid_of", reproducible.sigmoid_of, special.expit, (Case((real(3, 4, low=-9, high=9),)), Case((real(0),)))),
    Row("cauchy_of", reproducible.cauchy_of, lambda x: -1 / np.tan(np.pi * x), OPEN, grad=False),
    Row(
        "quantile_of",
        reproducible.quantile_of,
        lambda x: 2**0.5 * special.erfinv(x),
        (Case((real(3, 40, low=-0.99, high=0.99),)), Case((real(0, low=0),))),
    ),
    Row("product_of", reproducible.product_of, np.multiply, (Case((real(3, 4), real(4))), Case((real(0), real(0))))),
    Row("erf_of", of_arrays(reproducible.erf_of), special.erf, (Case((real(3, 4),)), Case((real(0),))), dtypes=()),
    Row("random_normal", of_arrays(S.random_normal_p), normal, drawn(("float64",)), grad=False, dtypes=()),
    Row(
        "gamma",
        R.gamma,
        gamma,
        (Case((KEY, real(20, low=0.3, high=5))), Case((KEY, real(low=1, high=2))), Case((KEY, real(0)))),
        grad=False,  # the derivative is not that of the accepted proposal: tests/test_sampling.py
        dtypes=(),
    ),
    Row(
        "poisson_quantile",
        of_arrays(Q.poisson_quantile_p),
        lambda p, rate: stats.poisson.ppf(p, rate),
        (Case((real(6, 5, low=1e-3, high=1), real(6, 5, low=0.01, high=400))), Case((real(0, low=0.1), real(0)))),
        grad=False,
        dtypes=(),
    ),
    Row(
        "binomial_quantile",
        of_arrays(Q.binomial_quantile_p),
        lambda p, n, chance: stats.binom.ppf(p, np.floor(n), chance),
        (Case((real(6, 5, low=1e-3, high=0.99), real(6, 5, low=1, high=90), real(6, 5, low=0.01, high=0.99))),),
        grad=False,
        dtypes=(),
    ),
    Row(
        "gamma_slope",
        of_arrays(R.gamma_slope_p),
        gamma_slope,
        (Case((real(3, 2, low=0.2, high=4), real(3, 2, low=0.5, high=4))),),
        grad=False,  # it has no second derivative, and says so
        forward_rtol=1e-7,
        dtypes=(),
    ),
]
