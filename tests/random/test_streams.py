"""Every distribution gives the same bits computed at once and compiled, in both faces and both precisions.

Products and sums that a compiler joins, and functions with a text of their own in kernels, differ in the last place for
some numbers in a thousand; so there are many.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

import minitorch as mt
from minitorch import random
from minitorch.core.ops import reproducible
from minitorch.nn import functional as F
from minitorch.nn import init

N = 100_003
WEIGHTS = np.linspace(0.1, 1.0, 30)
MEAN = np.linspace(-1.3, 2.9, 5)
COV = np.eye(5) + np.outer(MEAN, MEAN)
COVS = np.stack([COV, COV @ COV])

# Parameters are no powers of two, with which products would be exact.
FLOATS = {
    "uniform": lambda k, s, d: random.uniform(k, s, d, 0.13, 2.9),
    "normal": random.normal,
    "normal, complex": lambda k, s, d: random.normal(k, s, "complex64" if d == "float32" else "complex128"),
    "truncated_normal": lambda k, s, d: random.truncated_normal(k, -0.7, 2.3, s, d),
    "truncated_normal, tails": lambda k, s, d: random.truncated_normal(k, -9.0, 9.0, s, d),
    "truncated_normal, arrays": lambda k, s, d: random.truncated_normal(k, mt.array(-0.7), mt.array(2.3), s, d),
    "exponential": random.exponential,
    "gumbel": random.gumbel,
    "laplace": random.laplace,
    "logistic": random.logistic,
    "cauchy": random.cauchy,
    "gamma": lambda k, s, d: random.gamma(k, 0.7, s, d),
    "loggamma": lambda k, s, d: random.loggamma(k, 0.3, s, d),
    "loggamma, large": lambda k, s, d: random.loggamma(k, 30.0, s, d),
    "beta": lambda k, s, d: random.beta(k, 0.5, 2.1, s, d),
    "beta, small": lambda k, s, d: random.beta(k, 1e-3, 2e-3, s, d),
    "chisquare": lambda k, s, d: random.chisquare(k, 3.0, s, d),
    "f": lambda k, s, d: random.f(k, 3.0, 7.0, s, d),
    "t": lambda k, s, d: random.t(k, 2.5, s, d),
    "rayleigh": lambda k, s, d: random.rayleigh(k, 1.7, s, d),
    "weibull_min": lambda k, s, d: random.weibull_min(k, 1.7, 0.6, s, d),
    "pareto": lambda k, s, d: random.pareto(k, 3.0, s, d),
    "lognormal": lambda k, s, d: random.lognormal(k, 0.6, s, d),
    "maxwell": random.maxwell,
    "double_sided_maxwell": lambda k, s, d: random.double_sided_maxwell(k, 0.3, 1.7, s, d),
    "wald": lambda k, s, d: random.wald(k, 1.7, s, d),
    "triangular": lambda k, s, d: random.triangular(k, -1.3, 0.1, 2.9, s, d),
    "generalized_normal": lambda k, s, d: random.generalized_normal(k, 1.5, s, d),
    "multivariate_normal": lambda k, s, d: random.multivariate_normal(k, MEAN, COV, s, d),
    "multivariate_normal, svd": lambda k, s, d: random.multivariate_normal(k, MEAN, COV, s, d, "svd"),
    "multivariate_normal, eigh": lambda k, s, d: random.multivariate_normal(k, MEAN, COV, s, d, "eigh"),
    "multivariate_normal, many": lambda k, s, d: random.multivariate_normal(k, MEAN, COVS, (*s, 2), d),
    "multivariate_normal, traced": lambda k, s, d: random.multivariate_normal(k, mt.array(MEAN), mt.array(COV) * 1.3, s, d),
    "dirichlet": lambda k, s, d: random.dirichlet(k, [0.5, 2.1, 1.0, 0.3, 4.0], s, d),
    "ball": lambda k, s, d: random.ball(k, 5, 2, s, d),
    "orthogonal": lambda k, s, d: random.orthogonal(k, 3, s, d),
    "choice": lambda k, s, d: random.choice(k, 30, s, p=WEIGHTS.astype(d)),
    "choice without": lambda k, s, d: random.choice(
        k, N, (1000,), replace=False, p=np.linspace(0.1, 1.0, N).astype(d)),
    "categorical": lambda k, s, d: random.categorical(k, np.log(WEIGHTS).astype(d), shape=s),
    "binomial": lambda k, s, d: random.binomial(k, 30, 0.3, s, d),
    "multinomial": lambda k, s, d: random.multinomial(k, 12, [0.2, 0.5, 0.3], shape=(*s, 3), dtype=d),
}  # fmt: skip
OTHERS = {
    "bits": lambda k, s: random.bits(k, s),
    "randint": lambda k, s: random.randint(k, s, -3, 14),
    "bernoulli": lambda k, s: random.bernoulli(k, 0.3, s),
    "rademacher": lambda k, s: random.rademacher(k, s),
    "permutation": lambda k, s: random.permutation(k, s[0]),
    "geometric": lambda k, s: random.geometric(k, 0.3, s),
    "poisson": lambda k, s: random.poisson(k, 7.3, s),
}
FACE = {  # of a tensor x of the shape and dtype, with elements from 0.1 to 0.9
    "rand": lambda x: mt.rand(x.shape, dtype=x.dtype),
    "randn": lambda x: mt.randn(x.shape, dtype=x.dtype),
    "rand_like": mt.rand_like,
    "randn_like": mt.randn_like,
    "randint": lambda x: mt.randint(3, 17, x.shape),
    "randperm": lambda x: mt.randperm(x.numel()),
    "normal": lambda x: mt.normal(0.7, 1.3, x.shape, dtype=x.dtype),
    "normal of tensors": lambda x: mt.normal(x, x + 0.3),
    "bernoulli": mt.bernoulli,
    "multinomial": lambda x: mt.multinomial(x.reshape(-1), 100),
    "multinomial with": lambda x: mt.multinomial(x.reshape(-1)[:30], 10_000, True),
    "poisson": lambda x: mt.poisson(x * 7),
    "binomial": lambda x: mt.binomial(mt.full_like(x, 30), x),
    "normal_": lambda x: x.clone().normal_(0.7, 1.3),
    "uniform_": lambda x: x.clone().uniform_(0.13, 2.7),
    "cauchy_": lambda x: x.clone().cauchy_(0.7, 1.3),
    "exponential_": lambda x: x.clone().exponential_(1.3),
    "geometric_": lambda x: x.clone().geometric_(0.3),
    "log_normal_": lambda x: x.clone().log_normal_(0.7, 1.3),
    "bernoulli_": lambda x: x.clone().bernoulli_(0.3),
    "random_": lambda x: x.clone().random_(3, 17),
    "dropout": lambda x: F.dropout(x, 0.3),
    "dropout1d": lambda x: F.dropout1d(x[:, :, 0], 0.3),
    "dropout2d": lambda x: F.dropout2d(x, 0.3),
    "dropout3d": lambda x: F.dropout3d(x[:, :, None], 0.3),
    "alpha_dropout": lambda x: F.alpha_dropout(x, 0.3, True),
    "feature_alpha_dropout": lambda x: F.feature_alpha_dropout(x, 0.3, True),
    "rrelu": lambda x: F.rrelu(x - 0.5, 0.1, 0.4, True),
    "gumbel_softmax, hard": lambda x: F.gumbel_softmax(x, 1.3, True),
    "init.uniform_": lambda x: init.uniform_(x.clone(), 0.3, 1.7),
    "init.normal_": lambda x: init.normal_(x.clone(), 0.3, 1.7),
    "init.trunc_normal_": lambda x: init.trunc_normal_(x.clone(), 0.3, 1.7, -1.0, 2.0),
    "init.kaiming_normal_": lambda x: init.kaiming_normal_(x.clone()),
}
SHAPES = [(N,), (), (3, 1, 7)]
PRECISIONS = ["float32", "float64"]
EXACT = {
    "natural_of": np.log,
    "power_of": np.exp,
    "sigmoid_of": lambda x: np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x))),
    "quantile_of": lambda x: 2**0.5 * special.erfinv(x),
}


def check(draw, again):
    plain, compiled = draw().numpy(), again().numpy()
    assert compiled.dtype == plain.dtype and compiled.shape == plain.shape
    assert np.isfinite(plain).all() and (plain.size < N or len(np.unique(plain)) > 1)
    np.testing.assert_array_equal(compiled, plain)


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("name", FLOATS)
def test_distributions(name, dtype):
    for shape in SHAPES:
        draw = lambda key, s=shape: FLOATS[name](key, s, dtype)  # noqa: E731
        check(lambda d=draw: d(random.key(5)), lambda d=draw: mt.jit(d)(random.key(5)))


@pytest.mark.parametrize("name", OTHERS)
def test_whole_numbers(name):
    for shape in [(N,), (1,), (7,)]:
        draw = lambda key, s=shape: OTHERS[name](key, s)  # noqa: E731
        check(lambda d=draw: d(random.key(5)), lambda d=draw: mt.jit(d)(random.key(5)))


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("name", FACE)
def test_tensors(name, dtype):
    def seeded(draw, x):
        mt.manual_seed(3)
        return draw(x)

    for shape in [(50, 20, 10, 11), (2, 3, 5, 7)]:
        x = mt.linspace(0.1, 0.9, int(np.prod(shape)), dtype=getattr(mt, dtype)).reshape(shape)
        check(lambda x=x: seeded(FACE[name], x), lambda x=x: seeded(mt.jit(FACE[name]), x))


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("name", EXACT)
def test_what_they_are_made_by_at_the_edges(name, dtype):
    info, function = np.finfo(dtype), getattr(reproducible, name)
    x = [0.0, 1.0, np.inf, info.tiny, info.tiny / 8, info.max, 0.5, 2.0, 88.7, 100.0, 103.5, 709.7, 740.0, 745.0, 1e30]
    x = np.array([*x, np.nan, *np.negative(x)], dtype)
    plain, compiled = function(mt.array(x)).numpy(), mt.jit(function)(mt.array(x)).numpy()
    np.testing.assert_array_equal(compiled, plain)
    np.testing.assert_array_equal(np.signbit(compiled[plain == 0]), np.signbit(plain[plain == 0]))
    with np.errstate(all="ignore"):
        exact = EXACT[name](x.astype(float)).astype(dtype)
    np.testing.assert_allclose(plain, exact, rtol=8 * info.eps, atol=info.smallest_subnormal)


def test_every_distribution_is_among_these():
    drawn = {name.split(",")[0].split()[0] for name in (*FLOATS, *OTHERS)}
    functions = {name for name in dir(random) if name[0] != "_" and callable(getattr(random, name))}
    keys = {"PRNGKey", "clone", "fold_in", "key", "key_data", "split", "wrap_key_data"}
    assert functions - drawn - keys == {"student_t"}  # t under another name
