"""Continuous distributions under JAX's names. Where parameters are arrays, the numbers have derivatives in them.

`shape` is the shape of the result, `dtype` its dtype: by default that of the parameters where they are arrays of floats,
and otherwise the default floating-point dtype.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt as root_of
from typing import Any

from ..core import dtypes
from ..core.errors import ArgumentError
from ..core.ops import rejection, sampling, truncation
from ..core.ops.families import as_value
from ..core.ops.pointwise import (
    add,
    div,
    less,
    mul,
    neg,
    sqrt,
    square,
    sub,
    where,
)
from ..core.ops.reproducible import cauchy_of, natural_of, power_of, product_of, sigmoid_of
from ..core.ops.sampling import consumed_key, float_dtype, open_unit
from ..core.ops.shaping import cast
from ..core.ops.transforming import exponential_of, logarithm_of, stretched
from ..core.tracer import Value
from .arguments import floats, sized, widened


def uniform(key: Value, shape: Sequence[int] = (), dtype: Any = None, minval: Any = 0.0, maxval: Any = 1.0) -> Value:
    """Draw from [minval, maxval); rounding may give `maxval` where the bounds are not 0 and 1.

    >>> from minitorch import random
    >>> random.uniform(random.key(0), (2, 3)).shape
    (2, 3)
    """
    low, high = as_value(minval), as_value(maxval)
    return sampling.uniform(key, sized("uniform", shape, low, high), low, high, dtype)


def normal(key: Value, shape: Sequence[int] = (), dtype: Any = None) -> Value:
    """Draw from the standard normal distribution; complex numbers have independent parts, and variance 1 together.

    >>> from minitorch import random
    >>> random.normal(random.key(0), (3,)).dtype
    dtype('float32')
    """
    wanted = None if dtype is None else dtypes.canonical(dtype)
    if wanted not in dtypes.COMPLEX:
        return sampling.normal(key, shape, dtype)
    part = dtypes.float32 if wanted == dtypes.complex64 else dtypes.float64
    real, imaginary = (sampling.normal(k, shape, part) for k in sampling.split(key, 2, "normal"))
    return cast(mul(add(real, mul(imaginary, 1j)), root_of(0.5)), wanted)


def truncated_normal(
    key: Value, lower: Any, upper: Any, shape: Sequence[int] | None = None, dtype: Any = None
) -> Value:
    """Draw from the standard normal distribution restricted to [lower, upper].

    >>> from minitorch import random
    >>> x = random.truncated_normal(random.key(0), -2.0, 2.0, (1000,))
    >>> bool((abs(x.numpy()) <= 2).all())
    True
    """
    values = [as_value(lower), as_value(upper)]
    sizes, wanted, _ = floats("truncated_normal", shape, dtype, *values)
    return truncation.truncated_normal(key, *values, sizes, wanted)


def exponential(key: Value, shape: Sequence[int] = (), dtype: Any = None) -> Value:
    """Draw from the exponential distribution with rate 1.

    >>> from minitorch import random
    >>> random.exponential(random.key(0), (3,)).shape
    (3,)
    """
    return sampling.exponential(key, shape, dtype)


def gumbel(key: Value, shape: Sequence[int] = (), dtype: Any = None) -> Value:
    """Draw from the standard Gumbel distribution.

    >>> from minitorch import random
    >>> random.gumbel(random.key(0), (3,)).shape
    (3,)
    """
    return sampling.gumbel(key, shape, dtype)


def _unit(name: str, key: Value, shape: Any, dtype: Any) -> tuple[Value, Any]:
    wanted = float_dtype(name, dtype)
    return open_unit(consumed_key(name, key), sampling.checked_shape(name, shape), widened(wanted)), wanted


def laplace(key: Value, shape: Sequence[int] = (), dtype: Any = None) -> Value:
    """Draw from the Laplace distribution, with density `exp(-|x|) / 2`.

    >>> from minitorch import random
    >>> random.laplace(random.key(0), (3,)).shape
    (3,)
    """
    u, wanted = _unit("laplace", key, shape, dtype)
    lower = less(u, 0.5)
    # Each half from its own end, where the numbers are fine.
    return cast(where(lower, logarithm_of(mul(u, 2.0)), neg(logarithm_of(mul(sub(1.0, u), 2.0)))), wanted)


def logistic(key: Value, shape: Sequence[int] = (), dtype: Any = None) -> Value:
    """Draw from the logistic distribution, whose distribution function is the sigmoid.

    >>> from minitorch import random
    >>> random.logistic(random.key(0), (3,)).shape
    (3,)
    """
    u, wanted = _unit("logistic", key, shape, dtype)
    return cast(add(logarithm_of(u), exponential_of(u)), wanted)


def cauchy(key: Value, shape: Sequence[int] = (), dtype: Any = None) -> Value:
    """Draw from the Cauchy distribution, with density `1 / (pi * (1 + x**2))`.

    >>> from minitorch import random
    >>> random.cauchy(random.key(0), (3,)).shape
    (3,)
    """
    u, wanted = _unit("cauchy", key, shape, dtype)
    return cast(cauchy_of(u), wanted)


# --------------------------------------------------------------------------- gamma and its kin


def gamma(key: Value, a: Any, shape: Sequence[int] | None = None, dtype: Any = None) -> Value:
    """Draw from the gamma distribution with concentration `a` and rate 1, differentiable in `a` once.

    By rejection (Marsaglia and Tsang, 2000) and implicit reparameterization (Figurnov et al., 2018). A concentration
    that is not positive gives NaN; a small one may give 0, where `loggamma` is finite.

    >>> from minitorch import random
    >>> random.gamma(random.key(0), 2.0, (3,)).shape
    (3,)
    """
    _, wanted, (a,) = floats("gamma", shape, dtype, a)
    return cast(rejection.gamma(key, a), wanted)


def loggamma(key: Value, a: Any, shape: Sequence[int] | None = None, dtype: Any = None) -> Value:
    """Draw the logarithm of a gamma variable; finite where the variable itself would underflow.

    Below 1 by `gamma(a) = gamma(a + 1) * u**(1 / a)`.

    >>> from minitorch import random
    >>> bool(random.loggamma(random.key(0), 1e-4) < -100)
    True
    """
    _, wanted, (a,) = floats("loggamma", shape, dtype, a)
    return cast(_loggamma("loggamma", key, a), wanted)


def _loggamma(name: str, key: Value, a: Value) -> Value:
    first, second = sampling.split(key, 2, name)
    small = less(a, 1.0)
    main = natural_of(rejection.gamma(first, where(small, add(a, 1.0), a)))
    boost = div(logarithm_of(open_unit(second, a.shape, a.dtype)), where(small, a, 1.0))
    return where(small, add(main, boost), main)


def beta(key: Value, a: Any, b: Any, shape: Sequence[int] | None = None, dtype: Any = None) -> Value:
    """Draw from the beta distribution, differentiable in `a` and `b`.

    >>> from minitorch import random
    >>> random.beta(random.key(0), 2.0, 3.0, (4,)).shape
    (4,)
    """
    _, wanted, (a, b) = floats("beta", shape, dtype, a, b)
    first, second = sampling.split(key, 2, "beta")
    # x / (x + y) = sigmoid(log x - log y)
    gap = sub(_loggamma("beta", first, a), _loggamma("beta", second, b))
    return cast(sigmoid_of(gap), wanted)


def chisquare(key: Value, df: Any, shape: Sequence[int] | None = None, dtype: Any = None) -> Value:
    """Draw the sum of `df` squared standard normal variables; `df` need not be whole.

    >>> from minitorch import random
    >>> random.chisquare(random.key(0), 3.0, (4,)).shape
    (4,)
    """
    _, wanted, (df,) = floats("chisquare", shape, dtype, df)
    return cast(_chisquare("chisquare", key, df), wanted)


def _chisquare(name: str, key: Value, df: Value) -> Value:
    return mul(power_of(_loggamma(name, key, mul(df, 0.5))), 2.0)


def f(key: Value, dfnum: Any, dfden: Any, shape: Sequence[int] | None = None, dtype: Any = None) -> Value:
    """Draw the ratio of two mean squares, of `dfnum` and of `dfden` standard normal variables.

    >>> from minitorch import random
    >>> random.f(random.key(0), 3.0, 5.0, (4,)).shape
    (4,)
    """
    _, wanted, (above, below) = floats("f", shape, dtype, dfnum, dfden)
    first, second = sampling.split(key, 2, "f")
    ratio = sub(_loggamma("f", first, mul(above, 0.5)), _loggamma("f", second, mul(below, 0.5)))
    return cast(mul(power_of(ratio), div(below, above)), wanted)


def t(key: Value, df: Any, shape: Sequence[int] | None = None, dtype: Any = None) -> Value:
    """Draw from Student's t distribution with `df` degrees of freedom.

    >>> from minitorch import random
    >>> random.t(random.key(0), 3.0, (4,)).shape
    (4,)
    """
    sizes, wanted, (df,) = floats("t", shape, dtype, df)
    first, second = sampling.split(key, 2, "t")
    half = mul(df, 0.5)
    scale = power_of(mul(sub(natural_of(half), _loggamma("t", second, half)), 0.5))
    return cast(mul(sampling.normal(first, sizes, half.dtype), scale), wanted)


student_t = t

# --------------------------------------------------------------------------- positive numbers


def rayleigh(key: Value, scale: Any, shape: Sequence[int] | None = None, dtype: Any = None) -> Value:
    """Draw the length of a plane vector whose coordinates are normal with deviation `scale`.

    >>> from minitorch import random
    >>> random.rayleigh(random.key(0), 2.0, (4,)).shape
    (4,)
    """
    sizes, wanted, (scale,) = floats("rayleigh", shape, dtype, scale)
    return cast(mul(sqrt(mul(sampling.exponential(key, sizes, scale.dtype), 2.0)), scale), wanted)


def weibull_min(
    key: Value, scale: Any, concentration: Any, shape: Sequence[int] | None = None, dtype: Any = None
) -> Value:
    """Draw from the Weibull distribution: an exponential variable to the power `1 / concentration`, times `scale`.

    >>> from minitorch import random
    >>> random.weibull_min(random.key(0), 2.0, 3.0, (4,)).shape
    (4,)
    """
    sizes, wanted, (scale, power) = floats("weibull_min", shape, dtype, scale, concentration)
    return cast(mul(power_of(div(logarithm_of(sampling.exponential(key, sizes, scale.dtype)), power)), scale), wanted)


def pareto(key: Value, b: Any, shape: Sequence[int] | None = None, dtype: Any = None) -> Value:
    """Draw from the Pareto distribution on [1, inf), with tail `x**-b`.

    >>> from minitorch import random
    >>> random.pareto(random.key(0), 2.0, (4,)).shape
    (4,)
    """
    sizes, wanted, (b,) = floats("pareto", shape, dtype, b)
    return cast(power_of(div(sampling.exponential(key, sizes, b.dtype), b)), wanted)


def lognormal(key: Value, sigma: Any = 1.0, shape: Sequence[int] | None = None, dtype: Any = None) -> Value:
    """Draw the exponential of a normal variable with deviation `sigma`.

    >>> from minitorch import random
    >>> random.lognormal(random.key(0), 0.5, (4,)).shape
    (4,)
    """
    sizes, wanted, (sigma,) = floats("lognormal", shape, dtype, sigma)
    return cast(power_of(mul(sampling.normal(key, sizes, sigma.dtype), sigma)), wanted)


def maxwell(key: Value, shape: Sequence[int] = (), dtype: Any = None) -> Value:
    """Draw the length of a vector of three standard normal variables.

    >>> from minitorch import random
    >>> random.maxwell(random.key(0), (4,)).shape
    (4,)
    """
    sizes, wanted, _ = floats("maxwell", shape, dtype)
    x = sampling.normal(key, (3, *sizes), widened(wanted))
    return cast(sqrt(add(add(product_of(x[0], x[0]), product_of(x[1], x[1])), product_of(x[2], x[2]))), wanted)


def double_sided_maxwell(
    key: Value, loc: Any, scale: Any, shape: Sequence[int] | None = None, dtype: Any = None
) -> Value:
    """Draw `loc + scale * x`, where x is a Maxwell variable with a random sign.

    >>> from minitorch import random
    >>> random.double_sided_maxwell(random.key(0), 1.0, 2.0, (4,)).shape
    (4,)
    """
    sizes, wanted, (loc, scale) = floats("double_sided_maxwell", shape, dtype, loc, scale)
    first, second = sampling.split(key, 2, "double_sided_maxwell")
    size = maxwell(first, sizes, loc.dtype)
    return cast(stretched(where(sampling.bernoulli(second, 0.5, sizes), size, neg(size)), scale, loc), wanted)


def wald(key: Value, mean: Any, shape: Sequence[int] | None = None, dtype: Any = None) -> Value:
    """Draw from the Wald (inverse Gaussian) distribution with scale 1. Michael, Schucany and Haas (1976).

    >>> from minitorch import random
    >>> random.wald(random.key(0), 2.0, (4,)).shape
    (4,)
    """
    sizes, wanted, (mean,) = floats("wald", shape, dtype, mean)
    first, second = sampling.split(key, 2, "wald")
    y = square(sampling.normal(first, sizes, mean.dtype))
    product = product_of(mean, y)
    # The smaller root of its quadratic, without cancellation.
    small = div(mul(mean, 2.0), add(add(product, 2.0), sqrt(product_of(product, add(product, 4.0)))))
    chosen = less(sampling.uniform(second, sizes, dtype=mean.dtype), div(mean, add(mean, small)))
    return cast(where(chosen, small, div(square(mean), small)), wanted)


def triangular(
    key: Value, left: Any, mode: Any, right: Any, shape: Sequence[int] | None = None, dtype: Any = None
) -> Value:
    """Draw from the triangular distribution on [left, right] with its peak at `mode`.

    >>> from minitorch import random
    >>> random.triangular(random.key(0), 0.0, 1.0, 3.0, (4,)).shape
    (4,)
    """
    sizes, wanted, (left, mode, right) = floats("triangular", shape, dtype, left, mode, right)
    u = open_unit(consumed_key("triangular", key), sizes, left.dtype)
    width = sub(right, left)
    below = less(mul(u, width), sub(mode, left))
    rising = add(left, sqrt(mul(mul(u, width), sub(mode, left))))
    falling = sub(right, sqrt(mul(mul(sub(1.0, u), width), sub(right, mode))))
    return cast(where(below, rising, falling), wanted)


def generalized_normal(key: Value, p: float, shape: Sequence[int] = (), dtype: Any = None) -> Value:
    """Draw from the distribution with density proportional to `exp(-|x|**p)`.

    >>> from minitorch import random
    >>> random.generalized_normal(random.key(0), 1.5, (4,)).shape
    (4,)
    """
    if not p > 0:
        raise ArgumentError(f"generalized_normal: p must be positive, got {p}")
    sizes, wanted, (inverse,) = floats("generalized_normal", shape, dtype, 1.0 / p)
    first, second = sampling.split(key, 2, "generalized_normal")
    size = power_of(mul(_loggamma("generalized_normal", first, inverse), 1.0 / p))
    return cast(where(sampling.bernoulli(second, 0.5, sizes), size, neg(size)), wanted)
