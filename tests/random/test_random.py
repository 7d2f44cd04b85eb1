"""`minitorch.random`: shapes of the distributions, one stream under every transform, derivatives, arguments.

Seeds are fixed, so a test passes or fails for good; the thresholds are those of a p-value of 1e-4.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import minitorch as mt
from minitorch import random
from minitorch.core import errors

N = 40_000
COV = [[2.0, 0.6, 0.0], [0.6, 1.0, -0.3], [0.0, -0.3, 0.5]]

# Each: a draw of a shape and dtype, and the distribution.
CONTINUOUS = {
    "uniform": (lambda k, s, d: random.uniform(k, s, d, -1.0, 3.0), stats.uniform(-1, 4)),
    "normal": (random.normal, stats.norm()),
    "truncated_normal": (lambda k, s, d: random.truncated_normal(k, -0.5, 2.0, s, d), stats.truncnorm(-0.5, 2)),
    "exponential": (random.exponential, stats.expon()),
    "gumbel": (random.gumbel, stats.gumbel_r()),
    "laplace": (random.laplace, stats.laplace()),
    "logistic": (random.logistic, stats.logistic()),
    "cauchy": (random.cauchy, stats.cauchy()),
    "gamma": (lambda k, s, d: random.gamma(k, 0.7, s, d), stats.gamma(0.7)),
    "loggamma": (lambda k, s, d: random.loggamma(k, 0.3, s, d), stats.loggamma(0.3)),
    "loggamma, large": (lambda k, s, d: random.loggamma(k, 30.0, s, d), stats.loggamma(30.0)),
    "beta": (lambda k, s, d: random.beta(k, 0.5, 2.0, s, d), stats.beta(0.5, 2)),
    "chisquare": (lambda k, s, d: random.chisquare(k, 3.0, s, d), stats.chi2(3)),
    "f": (lambda k, s, d: random.f(k, 3.0, 7.0, s, d), stats.f(3, 7)),
    "t": (lambda k, s, d: random.t(k, 2.5, s, d), stats.t(2.5)),
    "rayleigh": (lambda k, s, d: random.rayleigh(k, 2.0, s, d), stats.rayleigh(scale=2)),
    "weibull_min": (lambda k, s, d: random.weibull_min(k, 2.0, 1.5, s, d), stats.weibull_min(1.5, scale=2)),
    "pareto": (lambda k, s, d: random.pareto(k, 3.0, s, d), stats.pareto(3)),
    "lognormal": (lambda k, s, d: random.lognormal(k, 0.5, s, d), stats.lognorm(0.5)),
    "maxwell": (random.maxwell, stats.maxwell()),
    "double_sided_maxwell": (
        lambda k, s, d: (random.double_sided_maxwell(k, 1.0, 2.0, s, d) - 1) ** 2 / 4, stats.chi2(3)),
    "wald": (lambda k, s, d: random.wald(k, 2.0, s, d), stats.invgauss(2.0)),
    "triangular": (lambda k, s, d: random.triangular(k, -1.0, 0.0, 3.0, s, d), stats.triang(0.25, -1, 4)),
    "generalized_normal": (lambda k, s, d: random.generalized_normal(k, 1.5, s, d), stats.gennorm(1.5)),
    "dirichlet": (lambda k, s, d: random.dirichlet(k, [0.5, 2.0, 1.0], s, d)[..., 1], stats.beta(2, 1.5)),
    "multivariate_normal": (
        lambda k, s, d: random.multivariate_normal(k, [1.0, 0.0, 0.0], COV, s, d)[..., 0], stats.norm(1, 2**0.5)),
    "orthogonal": (
        # A coordinate of a point of the sphere is even in [-1, 1] in three dimensions.
        lambda k, s, d: random.orthogonal(k, 3, s, d)[..., 2, 1], stats.uniform(-1, 2)),
    "ball": (lambda k, s, d: (random.ball(k, 3, 2, s, d) ** 2).sum(-1) ** 1.5, stats.uniform()),
}  # fmt: skip
DISCRETE = {
    "bernoulli": (lambda k, s: random.bernoulli(k, 0.3, s), stats.bernoulli(0.3)),
    "rademacher": (lambda k, s: random.rademacher(k, s, "int8") > 0, stats.bernoulli(0.5)),
    "randint": (lambda k, s: random.randint(k, s, -3, 4), stats.randint(-3, 4)),
    "randint of arrays": (lambda k, s: random.randint(k, s, mt.array(-3), mt.array(4)), stats.randint(-3, 4)),
    "geometric": (lambda k, s: random.geometric(k, 0.2, s), stats.geom(0.2)),
    "poisson": (lambda k, s: random.poisson(k, 1.5, s), stats.poisson(1.5)),
    "poisson, large": (lambda k, s: random.poisson(k, 300.0, s), stats.poisson(300)),
    "binomial": (lambda k, s: random.binomial(k, 10, 0.3, s), stats.binom(10, 0.3)),
    "binomial, large": (lambda k, s: random.binomial(k, 1000, 0.7, s), stats.binom(1000, 0.7)),
    "multinomial": (
        lambda k, s: random.multinomial(k, 12, [0.2, 0.5, 0.3], shape=(*s, 3))[..., 2],
        stats.binom(12, 0.3),
    ),
    "categorical": (lambda k, s: random.categorical(k, np.log([0.7, 0.3]), shape=s), stats.bernoulli(0.3)),
    "choice": (lambda k, s: random.choice(k, 5, s), stats.randint(0, 5)),
    "choice with p": (lambda k, s: random.choice(k, 2, s, p=np.array([0.7, 0.3])), stats.bernoulli(0.3)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_distributions(name, dtype):
    draw, law = CONTINUOUS[name]
    x = draw(random.key(3), (N,), dtype)
    assert x.dtype == dtype and x.shape == (N,)
    assert stats.kstest(x.numpy().astype(float), law.cdf).pvalue > 1e-4


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_distributions(name):
    draw, law = DISCRETE[name]
    values, counts = np.unique(draw(random.key(3), (N,)).numpy().astype(float), return_counts=True)
    expected = N * law.pmf(values)
    common = expected > 8
    rest = [counts[~common].sum(), max(N - expected[common].sum(), 1e-9)] if (~common).any() else None
    seen = np.append(counts[common], rest[0]) if rest else counts
    wanted = np.append(expected[common], rest[1]) if rest else expected
    assert (law.pmf(values) > 0).all()
    assert stats.chisquare(seen, wanted * seen.sum() / wanted.sum()).pvalue > 1e-4


def cases():
    yield from ((name, lambda k, d=draw: d(k, (4, 3), "float32")) for name, (draw, _) in CONTINUOUS.items())
    yield from ((name, lambda k, d=draw: d(k, (4, 3))) for name, (draw, _) in DISCRETE.items())
    yield "permutation", lambda k: random.permutation(k, np.arange(12.0).reshape(4, 3), 1)
    yield "independent", lambda k: random.permutation(k, np.arange(12.0).reshape(4, 3), 0, independent=True)
    yield "choice of rows", lambda k: random.choice(k, np.arange(12.0).reshape(4, 3), (2, 2), replace=False)
    yield "choice by weights", lambda k: random.choice(k, 4, (3,), replace=False, p=np.array([0.1, 0.2, 0.3, 0.4]))
    yield "categorical without", lambda k: random.categorical(k, np.zeros((2, 5)), shape=(3, 2), replace=False)
    yield "bits", lambda k: random.bits(k, (3,), "uint16")
    yield "split and fold", lambda k: random.fold_in(random.split(k, (2, 2))[1, 0], 7)
    yield "complex", lambda k: random.normal(k, (3,), "complex64")


CASES = dict(cases())


@pytest.mark.parametrize("name", CASES)
def test_plain_compiled_and_batched_draw_the_same(name):
    draw = CASES[name]
    plain = draw(random.key(5)).numpy()
    compiled = mt.jit(draw)(random.key(5)).numpy()
    assert compiled.dtype == plain.dtype
    close = {"rtol": 2e-4, "atol": 1e-5}
    np.testing.assert_allclose(compiled, plain, **close)
    keys = random.split(random.key(6), 3)
    batch = mt.vmap(draw)(keys).numpy()
    for row, k in zip(batch, keys.numpy()):
        np.testing.assert_allclose(row, draw(mt.array(k)).numpy(), **close)


@pytest.mark.parametrize("p", [None, np.array([0.1, 0.2, 0.3, 0.4])])
@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize("shape", [(), (3,), (2, 1)])
def test_choices_from_an_array_are_its_slices_along_any_axis(shape, replace, p):
    k = random.key(0)
    index = random.choice(k, 4, shape, replace, p).numpy()
    for sizes in ((4,), (4, 3), (2, 4), (2, 4, 3)):
        a = np.arange(float(np.prod(sizes))).reshape(sizes)
        axis = sizes.index(4)
        for place in (axis, axis - a.ndim):
            found = random.choice(k, a, shape, replace, p, place)
            np.testing.assert_array_equal(found.numpy(), np.take(a, index, axis))


def test_a_key_that_is_not_mapped_draws_the_same_for_every_example():
    k = random.key(0)
    x = mt.vmap(lambda scale: scale * random.normal(k, (2,)))(mt.array([1.0, 2.0])).numpy()
    np.testing.assert_array_equal(x[1], 2 * x[0])


# --------------------------------------------------------------------------- derivatives

MEANS = {  # the derivative of the mean in a parameter, against the known one
    "gamma": (lambda k, a: random.gamma(k, a, (N,)), 2.0, 1.0),
    "loggamma": (lambda k, a: random.loggamma(k, a, (N,)), 0.5, 4.934802200544679),
    "beta in a": (lambda k, a: random.beta(k, a, 2.0, (N,)), 0.5, 2 / 2.5**2),
    "beta in b": (lambda k, b: random.beta(k, 2.0, b, (N,)), 3.0, -2 / 25),
    "dirichlet": (lambda k, a: random.dirichlet(k, mt.array([1.0, 1.0]) * a, (N,))[:, 0] ** 2, 1.0, -1 / 18),
    "chisquare": (lambda k, df: random.chisquare(k, df, (N,)), 3.0, 1.0),
    "uniform": (lambda k, b: random.uniform(k, (N,), minval=0.0, maxval=b), 3.0, 0.5),
    "rayleigh": (lambda k, s: random.rayleigh(k, s, (N,)), 2.0, (np.pi / 2) ** 0.5),
    "pareto": (lambda k, b: random.pareto(k, b, (N,)), 5.0, -1 / 16),
    "lognormal": (lambda k, s: random.lognormal(k, s, (N,)), 0.5, 0.5 * np.exp(0.125)),
    "weibull": (lambda k, s: random.weibull_min(k, s, 2.0, (N,)), 3.0, np.pi**0.5 / 2),
    "truncated": (lambda k, b: random.truncated_normal(k, -b, b, (N,)) ** 2, 1.0, None),
    "normal covariance": (
        lambda k, c: random.multivariate_normal(k, [0.0, 0.0], mt.array(np.eye(2)) * c, (N,)).sum(-1) ** 2, 3.0, 2.0),
}  # fmt: skip


@pytest.mark.parametrize("name", MEANS)
def test_derivatives_of_means(name):
    draw, at, expected = MEANS[name]
    if expected is None:  # the variance of the truncated normal, differenced
        var = [stats.truncnorm(-b, b).var() for b in (at + 1e-4, at - 1e-4)]
        expected = (var[0] - var[1]) / 2e-4
    slopes = mt.jvp(lambda a: draw(random.key(1), a), (mt.array(at, "float64"),), (mt.array(1.0, "float64"),))[
        1
    ].numpy()
    assert abs(slopes.mean() - expected) < 4.5 * slopes.std() / N**0.5
    g = mt.grad(lambda a: draw(random.key(1), a).mean())(mt.array(at, "float64"))
    assert g.dtype == "float64"
    np.testing.assert_allclose(g.item(), slopes.mean(), rtol=1e-9)


def test_multivariate_normal_has_its_covariance():
    for method in ("cholesky", "svd", "eigh"):
        x = random.multivariate_normal(random.key(0), [1.0, 2.0, 3.0], COV, (N,), "float64", method).numpy()
        assert np.abs(x.mean(0) - [1, 2, 3]).max() < 0.04
        assert np.abs(np.cov(x.T) - COV).max() < 0.06
    singular = random.multivariate_normal(random.key(0), [0.0, 0.0], [[1.0, 1.0], [1.0, 1.0]], method="eigh").numpy()
    np.testing.assert_allclose(singular[0], singular[1], rtol=1e-5)


def test_orthogonal_rows_or_columns():
    for n, m in [(4, 4), (5, 3), (3, 5)]:
        q = random.orthogonal(random.key(0), n, (2,), "float64", m).numpy()
        assert q.shape == (2, n, m)
        product = q @ q.swapaxes(1, 2) if n < m else q.swapaxes(1, 2) @ q
        np.testing.assert_allclose(product, np.broadcast_to(np.eye(min(n, m)), product.shape), atol=1e-12)


def test_shapes_and_dtypes_follow_the_parameters():
    a, b = np.ones((3, 1)), np.full(4, 2.0)
    assert random.beta(random.key(0), a, b).shape == (3, 4)
    assert random.beta(random.key(0), a, b).dtype == "float64"
    assert random.beta(random.key(0), 1.0, 2).dtype == "float32"
    assert random.beta(random.key(0), a, b, (2, 3, 4), "float16").dtype == "float16"
    assert random.gamma(random.key(0), mt.array(1.0, "bfloat16")).dtype == mt.bfloat16
    assert random.poisson(random.key(0), b, dtype="int32").dtype == "int32"
    assert random.uniform(random.key(0), (2, 4), minval=b, maxval=3.0).shape == (2, 4)
    assert random.dirichlet(random.key(0), b, (5,)).shape == (5, 4)
    x = random.normal(random.key(0), (N,), "complex128").numpy()
    assert x.dtype == "complex128" and abs(np.mean(np.abs(x) ** 2) - 1) < 0.03 and abs(np.mean(x**2)) < 0.03


def test_edges():
    k = random.key(0)
    assert random.poisson(k, [0.0, -1.0, np.nan, np.inf]).tolist() == [0, -1, -1, -1]
    assert random.binomial(k, [5, 5, 0], [0.0, 1.0, 0.5]).tolist() == [0, 5, 0]
    assert np.isnan(random.binomial(k, [-1.0, 2.0], [0.5, 1.5]).numpy()).all()
    counts = random.poisson(k, 1e8, (2000,)).numpy()
    assert abs((counts - 1e8).mean()) < 4.5 * 1e4 / 2000**0.5
    assert np.isfinite(random.loggamma(k, 1e-6, (N,)).numpy()).all()
    assert ((x := random.beta(k, 1e-3, 1e-3, (N,)).numpy()) >= 0).all() and (x <= 1).all()
    assert np.allclose(random.dirichlet(k, np.full(3, 1e-3), (N,)).numpy().sum(-1), 1)
    assert (random.randint(k, (50,), np.array(3), np.array(3)).numpy() == 3).all()
    assert random.choice(k, 0, (0,)).shape == (0,) and random.permutation(k, 0).shape == (0,)
    assert (random.multinomial(k, 10, [0.2, 0.8, 0.0], shape=(100, 3)).numpy().sum(-1) == 10).all()


BAD = {
    "no key": (lambda: random.normal(7), errors.DTypeError, "normal: a key is"),
    "several keys": (lambda: random.normal(random.split(random.key(0))), errors.DTypeError, "vmap"),
    "integers": (lambda: random.normal(random.key(0), (), "int64"), errors.DTypeError, "normal.*int64"),
    "shape": (lambda: random.gamma(random.key(0), np.ones(3), (2,)), errors.ShapeError, r"gamma.*\(3,\).*\(2,\)"),
    "larger shape": (lambda: random.beta(random.key(0), np.ones((2, 3)), 1.0, (3,)), errors.ShapeError, "beta"),
    "no broadcast": (lambda: random.beta(random.key(0), np.ones(2), np.ones(3)), errors.ShapeError, "beta"),
    "complex": (lambda: random.gamma(random.key(0), 1j), errors.DTypeError, "gamma.*real"),
    "count dtype": (lambda: random.poisson(random.key(0), 1.0, (), "float32"), errors.DTypeError, "poisson.*integers"),
    "uniform bounds": (lambda: random.uniform(random.key(0), (2,), minval=np.zeros(3)), errors.ShapeError, "uniform"),
    "choice": (lambda: random.choice(random.key(0), 3, (4,), replace=False), errors.ArgumentError, "4 of 3"),
    "choice of none": (lambda: random.choice(random.key(0), 0, (1,)), errors.ArgumentError, "nothing"),
    "choice weights": (lambda: random.choice(random.key(0), 3, p=np.ones(2)), errors.ShapeError, "p must be 3"),
    "choice of a number": (lambda: random.choice(random.key(0), 3.0), errors.ShapeError, "0-d"),
    "categorical": (lambda: random.categorical(random.key(0), [1, 2]), errors.DTypeError, "categorical.*floats"),
    "few classes": (
        lambda: random.categorical(random.key(0), np.zeros(3), shape=(4,), replace=False), errors.ShapeError, "3 draws"),
    "dirichlet": (lambda: random.dirichlet(random.key(0), 1.0), errors.ShapeError, "dirichlet.*axis"),
    "covariance": (
        lambda: random.multivariate_normal(random.key(0), np.zeros(2), np.eye(3)), errors.ShapeError, "float64.3, 3"),
    "method": (
        lambda: random.multivariate_normal(random.key(0), [0.0], [[1.0]], method="lu"), errors.ArgumentError, "'lu'"),
    "generalized": (lambda: random.generalized_normal(random.key(0), 0.0), errors.ArgumentError, "positive"),
    "multinomial": (lambda: random.multinomial(random.key(0), 3, 0.5), errors.ShapeError, "classes"),
    "randint bounds": (lambda: random.randint(random.key(0), (), np.zeros(()), 3), errors.DTypeError, "integers"),
    "wrapped": (lambda: random.wrap_key_data(np.zeros(2)), errors.DTypeError, "wrap_key_data.*uint64"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments(name):
    call, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        call()
