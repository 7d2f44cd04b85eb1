"""Random numbers: the generator's known answers, purity, independence, and the distributions' shapes.

Seeds are fixed, so a test passes or fails for good; the thresholds are those of a p-value of 1e-4.
"""

import threading

import numpy as np
import pytest
from scipy import special, stats

from minitorch.core import errors, transforms
from minitorch.core.array import Array
from minitorch.core.ops import rejection, sampling, truncation
from minitorch.core.ops.pointwise import mul
from minitorch.core.ops.sampling import key, split
from minitorch.core.ops.shaping import sum as total
from minitorch.core.primitive import PRIMITIVES

ALL = (1 << 64) - 1
PI_COUNTER = (0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89)
N = 200_000


@pytest.mark.parametrize(
    ("counter", "the_key", "words"),
    [  # kat_vectors of Random123: philox4x64 10
        ((0,) * 4, (0, 0), (0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B)),
        ((ALL,) * 4, (ALL, ALL), (0x87B092C3013FE90B, 0x438C3C67BE8D0224, 0x9CC7D7C69CD777B6, 0xA09CAEBF594F0BA0)),
        (
            PI_COUNTER,
            (0x452821E638D01377, 0xBE5466CF34E90C6C),
            (0xA528F45403E61D95, 0x38C72DBD566E9788, 0xA5A1610E72FD18B5, 0x57BD43B5E52B7FE6),
        ),
    ],
)
def test_known_answers(counter, the_key, words):
    block, round_, between, stream = counter
    generator = sampling.started(np.array(the_key, np.uint64), block + (between << 128), round_, stream)
    assert generator.random_raw(4).tolist() == list(words)


def test_words_are_where_the_documentation_says():
    k = key(5)
    words = sampling.bits(k, (9,), "uint64").numpy()
    for i in (0, 3, 4, 8):
        assert sampling.started(k.numpy(), i // 4).random_raw(4)[i % 4] == words[i]
    halves = sampling.bits(k, (18,)).numpy()
    assert halves[6] == words[3] & 0xFFFFFFFF and halves[7] == words[3] >> 32
    assert sampling.bits(k, (3, 5)).tolist() == halves[:15].reshape(3, 5).tolist()


def test_a_prefix_is_the_same_whatever_the_length():
    k, long = key(1), 3 * sampling._PIECE + 17
    for draw in (sampling.uniform, sampling.normal, sampling.exponential):
        for dtype in ("float32", "float64"):
            assert draw(k, (long,), dtype=dtype).numpy()[:11].tolist() == draw(k, (11,), dtype=dtype).tolist()


@pytest.mark.parametrize("name", ["random_unit", "random_normal"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (3,), (40_001,), (2, 70_000)])
def test_fused_draws_equal_their_definition(name, dtype, shape):
    primitive = PRIMITIVES[name]
    statics = {"shape": shape, "dtype": Array(0, dtype).dtype}
    fast, slow = primitive(key(3), **statics).numpy(), primitive.decompose(key(3), **statics).numpy()
    assert fast.dtype == slow.dtype and fast.shape == slow.shape
    ulps = np.abs(fast.astype(float) - slow.astype(float)) / np.spacing(np.abs(slow)).astype(float)
    assert ulps.max() <= 4


def test_streams_and_keys_are_independent():
    k = key(0)
    a, b = split(k)
    many = [k, a, b, *split(a, 3), key(1), key(1 << 64), sampling.fold_in(k, 0), sampling.fold_in(k, -1)]
    draws = np.stack([sampling.uniform(x, (N,), dtype="float64").numpy() for x in many])
    correlations = np.corrcoef(draws)[np.triu_indices(len(many), 1)]
    assert np.abs(correlations).max() < 4.5 / np.sqrt(N)
    shifted = [np.corrcoef(draws[0][s:], draws[0][:-s])[0, 1] for s in (1, 2, 3, 4, 8, 1024)]
    assert np.abs(shifted).max() < 4.5 / np.sqrt(N)
    assert len({tuple(x.tolist()) for x in many}) == len(many)
    assert split(k, (2, 3)).shape == (2, 3, 2)
    assert split(k, 5).tolist()[:2] == split(k).tolist()


def test_keys_batch():
    keys = split(key(2), 4)
    for draw in (sampling.uniform, sampling.normal, lambda k, s: sampling.randint(k, s, 0, 99), lambda k, s: split(k)):
        rows = transforms.vmap(lambda k, draw=draw: draw(k, (2, 3)))(keys).numpy()
        for i, row in enumerate(rows):
            np.testing.assert_allclose(row, draw(Array(keys.numpy()[i]), (2, 3)).numpy(), rtol=1e-6)
    folded = transforms.vmap(lambda i: sampling.fold_in(key(2), i))(np.arange(3)).numpy()
    assert folded[2].tolist() == sampling.fold_in(key(2), 2).tolist()


def test_threads_draw_what_one_thread_draws():
    serial = [sampling.normal(key(i), (1000,)).tolist() for i in range(40)]
    found: dict[int, list[float]] = {}

    def work(start):
        for i in range(start, 40, 8):
            found[i] = sampling.normal(key(i), (1000,)).tolist()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert [found[i] for i in range(40)] == serial


TRUNCATED = stats.truncnorm(-0.5, 2.0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("draw", "cdf"),
    [
        (lambda k, d: sampling.uniform(k, (N,), -1.0, 3.0, d), stats.uniform(-1, 4).cdf),
        (lambda k, d: sampling.normal(k, (N,), d), stats.norm.cdf),
        (lambda k, d: sampling.exponential(k, (N,), d), stats.expon.cdf),
        (lambda k, d: sampling.gumbel(k, (N,), d), stats.gumbel_r.cdf),
        (lambda k, d: truncation.truncated_normal(k, -0.5, 2.0, (N,), d), TRUNCATED.cdf),
        (lambda k, d: rejection.gamma(k, Array(0.3, d), (N,)), stats.gamma(0.3).cdf),
        (lambda k, d: rejection.gamma(k, Array(1.0, d), (N,)), stats.gamma(1.0).cdf),
        (lambda k, d: rejection.gamma(k, Array(40.0, d), (N,)), stats.gamma(40.0).cdf),
    ],
    ids=["uniform", "normal", "exponential", "gumbel", "truncated", "gamma0.3", "gamma1", "gamma40"],
)
def test_distributions(draw, cdf, dtype):
    x = draw(key(11), dtype)
    assert x.dtype == dtype
    assert stats.kstest(x.numpy().astype(float), cdf).pvalue > 1e-4


def test_normal_moments_tails_and_pairs():
    x = sampling.normal(key(4), (1 << 21,)).numpy().astype(float)
    n = x.size
    for power, mean, variance in [(1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)]:
        assert abs((x**power).mean() - mean) < 4.5 * np.sqrt(variance / n), power
    for bound in (3.0, 4.0, 4.5):
        expected = n * 2 * stats.norm.sf(bound)
        assert abs((np.abs(x) > bound).sum() - expected) < 4.5 * np.sqrt(expected)
    assert abs(np.corrcoef(x[::2] ** 2, x[1::2] ** 2)[0, 1]) < 4.5 / np.sqrt(n / 2)
    assert np.abs(x).max() < 6.8 and np.isfinite(x).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_uniform_stays_below_one(dtype):
    x = sampling.uniform(key(9), (N,), dtype=dtype).numpy().astype(float)
    assert x.min() >= 0 and x.max() < 1 and abs(x.mean() - 0.5) < 0.005


def test_bernoulli():
    p = np.array([0.0, 0.1, 0.5, 1.0])
    x = sampling.bernoulli(key(0), p, (N, 4)).numpy()
    assert x.dtype == bool and not x[:, 0].any() and x[:, 3].all()
    assert np.abs(x.mean(0) - p).max() < 4.5 * np.sqrt(0.25 / N)
    assert sampling.bernoulli(key(0), p).shape == (4,)


@pytest.mark.parametrize(
    ("low", "high", "dtype"),
    [(0, 10, "int64"), (-3, 4, "int8"), (0, 256, "uint8"), (-128, 128, "int8"), (5, 6, "int32")],
)
def test_randint_small_ranges(low, high, dtype):
    x = sampling.randint(key(8), (N,), low, high, dtype).numpy()
    values, counts = np.unique(x, return_counts=True)
    assert x.dtype == dtype and values.tolist() == list(range(low, high))
    assert len(counts) == 1 or stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize(("low", "high"), [(0, 2**33 + 5), (-(2**62), 2**61), (-(2**63), 2**63), (0, 2**63)])
def test_randint_large_ranges(low, high):
    x = [(int(v) - low) / (high - low) for v in sampling.randint(key(8), (N,), low, high).tolist()]
    assert stats.kstest(x, "uniform").pvalue > 1e-4


def test_randint_is_the_high_product():
    drawn = sampling.bits(key(8), (50,), "uint64").tolist()
    for span in (7, 2**32 - 1, 2**32, 2**40 + 3, 2**63 - 1):
        assert sampling.randint(key(8), (50,), 0, span).tolist() == [w * span >> 64 for w in drawn]


def test_permutation():
    x = np.stack([sampling.permutation(k, 5).numpy() for k in split(key(0), 5000)])
    assert (np.sort(x, 1) == np.arange(5)).all()
    counts = np.stack([(x == v).sum(0) for v in range(5)])
    assert stats.chisquare(counts, axis=1).pvalue.min() > 1e-4
    rows = np.arange(12.0).reshape(3, 4)
    shuffled = sampling.permutation(key(3), rows, axis=1).numpy()
    assert sorted(shuffled.T.tolist()) == rows.T.tolist()


def test_categorical():
    logits = np.log(np.array([[0.1, 0.2, 0.7], [1e-30, 0.5, 0.5]]))
    logits[1, 0] = -np.inf
    x = sampling.categorical(key(5), logits, shape=(N, 2)).numpy()
    assert stats.chisquare(np.bincount(x[:, 0]), N * np.array([0.1, 0.2, 0.7])).pvalue > 1e-4
    assert set(np.unique(x[:, 1])) == {1, 2}
    assert sampling.categorical(key(5), logits.T, axis=0).shape == (2,)


def test_uniform_is_differentiable_in_its_bounds():
    k = key(0)
    unit = sampling.uniform(k, (3,)).numpy()
    low, high = transforms.grad(lambda a, b: total(sampling.uniform(k, (3,), a, b)), (0, 1))(1.0, 2.0)
    np.testing.assert_allclose([low.item(), high.item()], [(1 - unit).sum(), unit.sum()], rtol=1e-6)


def test_gamma_slope():
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(40):
        for a, q in [(0.05, 0.5), (0.3, 0.01), (1.0, 0.5), (2.5, 0.999), (2.5, 1 - 1e-6), (30.0, 1e-3), (1e4, 0.3)]:
            z = float(special.gammaincinv(a, q))
            by_a = mpmath.diff(lambda b, z=z: mpmath.gammainc(b, 0, z, regularized=True), a)
            density = mpmath.exp((a - 1) * mpmath.log(z) - z - mpmath.loggamma(a))
            slope = rejection.gamma_slope_p(Array(z, "float64"), Array(a, "float64")).item()
            assert slope == pytest.approx(float(-by_a / density), rel=1e-7), (a, q)


def test_gamma_gradient_moves_the_mean():
    a = Array(np.full(50_000, 2.5))
    g = transforms.grad(lambda a: total(rejection.gamma(key(1), a)))(a).numpy()
    assert abs(g.mean() - 1) < 4.5 * g.std() / np.sqrt(g.size)  # the mean of gamma(a) is a
    tangent = transforms.jvp(lambda a: rejection.gamma(key(1), a), (a,), (np.ones(50_000),))[1].numpy()
    np.testing.assert_array_equal(tangent, g)


def test_gamma_edges():
    drawn = rejection.gamma(key(0), np.array([0.0, -1.0, np.nan, np.inf, 1e-4])).numpy()
    assert np.isnan(drawn[:3]).all() and drawn[3] == np.inf and 0 <= drawn[4] < 1
    with pytest.raises(errors.GradError, match="cannot be differentiated again"):
        transforms.grad(transforms.grad(lambda a: mul(rejection.gamma(key(0), a), 1.0)))(2.0)
    each = rejection.gamma(key(6), np.array([1.5, 0.4, 7.0])).numpy()
    assert rejection.gamma(key(6), np.array([9.0, 0.4])).numpy()[1] == each[1]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: sampling.uniform(3), errors.DTypeError, r"uniform: a key is uint64\[2\], got int64\[\]"),
        (lambda: sampling.uniform(key(0), (2, -1)), errors.ShapeError, "uniform: sizes must not be negative"),
        (lambda: sampling.normal(key(0), dtype="int32"), errors.DTypeError, "normal: draws real floating-point"),
        (lambda: sampling.bits(key(0), dtype="int32"), errors.DTypeError, "bits: the dtype must be an unsigned"),
        (lambda: sampling.randint(key(0), (), 5, 5), errors.ArgumentError, "randint: needs low < high"),
        (lambda: sampling.randint(key(0), (), 0, 300, "uint8"), errors.ArgumentError, "within uint8"),
        (lambda: sampling.randint(key(0), (), 0, 3, "float32"), errors.DTypeError, "draws integers, not float32"),
        (lambda: truncation.truncated_normal(key(0), 1, 0), errors.ArgumentError, "needs low < high"),
        (lambda: truncation.truncated_normal(key(0), 8, 9), errors.ArgumentError, "too far in the tail"),
        (lambda: sampling.fold_in(key(0), 0.5), errors.DTypeError, "fold_in: takes one integer"),
        (lambda: rejection.gamma(key(0), 1), errors.DTypeError, "must be real floats, got int64"),
    ],
)
def test_bad_arguments(call, error, words):
    with pytest.raises(error, match=words):
        call()
