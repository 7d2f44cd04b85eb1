"""Random numbers from explicit keys, under JAX's names.

    key = random.key(0)
    key, sub = random.split(key)
    x = random.normal(sub, (3,))

A draw is a pure function of its key: it gives the same numbers plainly, under every transform and compiled, up to the
rounding of logarithms; under `vmap` over keys, each example gets what it would draw on its own, and a key that is not
mapped gives every example the same numbers. A key is used once: `split` it first. `minitorch.debug_keys` finds the places
that do not.
"""

from .continuous import (
    beta,
    cauchy,
    chisquare,
    double_sided_maxwell,
    exponential,
    f,
    gamma,
    generalized_normal,
    gumbel,
    laplace,
    loggamma,
    logistic,
    lognormal,
    maxwell,
    normal,
    pareto,
    rayleigh,
    student_t,
    t,
    triangular,
    truncated_normal,
    uniform,
    wald,
    weibull_min,
)
from .discrete import (
    bernoulli,
    binomial,
    categorical,
    choice,
    geometric,
    multinomial,
    permutation,
    poisson,
    rademacher,
    randint,
)
from .keys import PRNGKey, bits, clone, fold_in, key, key_data, split, wrap_key_data
from .multivariate import ball, dirichlet, multivariate_normal, orthogonal
