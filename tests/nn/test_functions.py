"""JAX's functions of `minitorch.nn`: JAX's numbers, arrays for arrays and tensors for tensors; the initializers' spread."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import minitorch as mt
from minitorch import nn, random
from minitorch.core import errors
from minitorch.nn import initializers
from minitorch.test_util import check_grads

X = np.array([[-30.0, -3.0, -1.0, -0.5], [0.0, 0.5, 2.0, 40.0]])
SPREAD = np.random.default_rng(0).normal(size=(2, 3, 4))
MASK = np.array([True, False, True, True])

POINTWISE = "celu elu gelu hard_sigmoid hard_silu hard_swish hard_tanh identity leaky_relu log_sigmoid mish relu relu6 "
POINTWISE += "selu sigmoid silu soft_sign softplus sparse_plus sparse_sigmoid squareplus swish tanh"
CASES = {name: (name, (X,), {}) for name in POINTWISE.split()} | {
    "celu alpha": ("celu", (X, 0.5), {}),
    "elu alpha": ("elu", (X, 0.5), {}),
    "gelu exact": ("gelu", (X,), {"approximate": False}),
    "leaky_relu slope": ("leaky_relu", (X, 0.3), {}),
    "squareplus b": ("squareplus", (X, 1.0), {}),
    "glu": ("glu", (X,), {}),
    "glu axis": ("glu", (X, 0), {}),
    "log1mexp": ("log1mexp", (np.array([1e-8, 0.5, 1.0, 30.0]),), {}),
    "softmax": ("softmax", (SPREAD,), {}),
    "softmax axis": ("softmax", (SPREAD, 1), {}),
    "softmax axes": ("softmax", (SPREAD, (0, 2)), {}),
    "softmax where": ("softmax", (SPREAD,), {"where": MASK}),
    "log_softmax": ("log_softmax", (SPREAD,), {}),
    "log_softmax axes": ("log_softmax", (SPREAD, (0, 2)), {}),
    "log_softmax where": ("log_softmax", (SPREAD,), {"where": MASK}),
    "logsumexp": ("logsumexp", (SPREAD,), {}),
    "logsumexp axis": ("logsumexp", (SPREAD, 1), {"keepdims": True}),
    "logsumexp where": ("logsumexp", (SPREAD, (0, 2)), {"where": MASK}),
    "logsumexp b": ("logsumexp", (SPREAD, 0), {"b": np.array([1.0, 0.0, 2.0, 3.0])}),
    "logsumexp b keepdims": ("logsumexp", (SPREAD, -1), {"b": np.array([1.0, 0.0, 2.0, 3.0]), "keepdims": True}),
    "logsumexp sign": ("logsumexp", (SPREAD, -1), {"b": np.array([1.0, -9.0, 2.0, 3.0]), "return_sign": True}),
    "logmeanexp": ("logmeanexp", (SPREAD, -1), {}),
    "logmeanexp where": ("logmeanexp", (SPREAD, -1), {"where": MASK}),
    "standardize": ("standardize", (SPREAD,), {}),
    "standardize axes": ("standardize", (SPREAD, (0, 1)), {"epsilon": 0.1}),
    "standardize where": ("standardize", (SPREAD,), {"where": MASK}),
    "standardize given": ("standardize", (SPREAD,), {"mean": 1.0, "variance": 4.0}),
}


@pytest.mark.jax
@pytest.mark.parametrize("name", CASES)
def test_numbers_and_derivatives_are_those_of_jax(name):
    jax = pytest.importorskip("jax")
    function, args, options = CASES[name]
    ours, theirs = getattr(nn, function), getattr(jax.nn, function)
    with jax.enable_x64(True):
        expected = jax.tree.leaves(theirs(*args, **options))
        slopes = jax.grad(lambda x: sum((w * jax.numpy.where(jax.numpy.isfinite(w), w, 0)).sum()
                                        for w in jax.tree.leaves(theirs(x, *args[1:], **options))))(args[0])  # fmt: skip
    found = mt.tree.leaves(ours(mt.array(args[0]), *args[1:], **options))
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a.numpy(), b, rtol=1e-7, atol=1e-9)

    def squared(x):
        outs = mt.tree.leaves(ours(x, *args[1:], **options))
        return sum((w * mt.where(mt.isfinite(w), w, 0.0)).sum() for w in outs)

    g = mt.grad(squared)(mt.array(args[0])).numpy()
    kinks = np.isin(args[0], [-3.0, -1.0, 0.0, 0.5])  # where conventions differ
    np.testing.assert_allclose(np.where(kinks, 0, g), np.where(kinks, 0, slopes), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", CASES)
def test_arrays_give_arrays_and_tensors_give_tensors(name):
    function, args, options = CASES[name]
    given = getattr(nn, function)
    plain = mt.tree.leaves(given(mt.array(args[0]), *args[1:], **options))
    wrapped = given(mt.tensor(args[0]), *args[1:], **options)
    assert all(isinstance(x, mt.array) for x in plain)
    for x, w in zip(plain, wrapped if isinstance(wrapped, tuple) else (wrapped,)):
        assert isinstance(w, mt.Tensor)
        np.testing.assert_array_equal(x.numpy(), w.numpy())


def test_one_hot():
    x = mt.array([[0, 2], [3, -1]])
    assert nn.one_hot(x, 3).tolist()[1] == [[0.0] * 3, [0.0] * 3]
    assert nn.one_hot(x, 3, dtype="int32", axis=0).shape == (3, 2, 2)
    assert nn.one_hot(mt.tensor([1]), 2).tolist() == [[0.0, 1.0]] and isinstance(
        nn.one_hot(mt.tensor([1]), 2), mt.Tensor
    )
    with pytest.raises(errors.ArgumentError, match="num_classes"):
        nn.one_hot(x, -1)


@pytest.mark.jax
@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"scale": 0.3}, {"mask": True}, {"bias": True},
                                     {"mask": True, "bias": True}, {"groups": True}])  # fmt: skip
def test_dot_product_attention(options):
    jax = pytest.importorskip("jax")
    rng = np.random.default_rng(1)
    heads = 2 if options.pop("groups", False) else 4
    q, k, v = (rng.normal(size=(2, n, h, 8)).astype("float32") for n, h in ((5, 4), (6, heads), (6, heads)))
    extra = dict(options)
    if "mask" in extra:
        extra["mask"] = rng.random((2, 1, 5, 6)) > 0.3
        extra["mask"][..., 0] = True
    if "bias" in extra:
        extra["bias"] = rng.normal(size=(1, 4, 5, 6)).astype("float32")
    expected = jax.nn.dot_product_attention(q, k, v, **extra)
    ours = {n: mt.array(x) if isinstance(x, np.ndarray) else x for n, x in extra.items()}
    found = nn.dot_product_attention(mt.array(q), mt.array(k), mt.array(v), **ours)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-5)


def test_functions_refuse():
    with pytest.raises(errors.ShapeError, match="glu.*even"):
        nn.glu(mt.ones(3))
    with pytest.raises(errors.ShapeError, match="query"):
        nn.dot_product_attention(mt.ones(3), mt.ones(3), mt.ones(3))
    with pytest.raises(AttributeError, match="no_such"):
        nn.no_such


INITIALIZERS = {
    "uniform": (initializers.uniform(0.5), (), lambda fan: stats.uniform(0, 0.5)),
    "normal": (initializers.normal(0.5), (), lambda fan: stats.norm(0, 0.5)),
    "truncated_normal": (
        initializers.truncated_normal(0.5, lower=-1.0),
        (),
        lambda fan: stats.truncnorm(-1, 2, 0, 0.5),
    ),
    "lecun_normal": (initializers.lecun_normal(), (1.0, "in"), None),
    "lecun_uniform": (initializers.lecun_uniform(), (1.0, "in"), None),
    "he_normal": (initializers.he_normal(), (2.0, "in"), None),
    "kaiming_uniform": (initializers.kaiming_uniform(), (2.0, "in"), None),
    "xavier_normal": (initializers.xavier_normal(), (1.0, "avg"), None),
    "glorot_uniform": (initializers.glorot_uniform(), (1.0, "avg"), None),
    "fan_out": (initializers.variance_scaling(3.0, "fan_out", "normal"), (3.0, "out"), None),
    "fan_geo_avg": (initializers.variance_scaling(3.0, "fan_geo_avg", "normal"), (3.0, "geo"), None),
}


@pytest.mark.parametrize("name", INITIALIZERS)
def test_initializers_have_their_variance(name):
    init, scaling, law = INITIALIZERS[name]
    shape = (3, 3, 60, 100)
    x = init(random.key(2), shape, "float64").numpy().ravel()
    assert x.dtype == "float64"
    if law is not None:
        assert stats.kstest(x, law(None).cdf).pvalue > 1e-4
        return
    fans = {"in": 540, "out": 900, "avg": 720, "geo": (540 * 900) ** 0.5}
    scale, mode = scaling
    assert abs(x.var() * fans[mode] / scale - 1) < 0.03
    assert abs(x.mean()) < 5 * x.std() / x.size**0.5


def test_initializers_take_axes_shapes_and_dtypes():
    turned = initializers.he_normal(in_axis=0, out_axis=(1, 2))(random.key(0), (300, 5, 8)).numpy()
    assert abs(turned.var() * 300 / 2 - 1) < 0.05
    copies = initializers.lecun_normal(batch_axis=0)(random.key(0), (50, 20, 30)).numpy()
    assert abs(copies.var() * 20 - 1) < 0.05
    assert initializers.constant(2.0, "float64")(None, (2,)).tolist() == [2.0, 2.0]
    assert initializers.zeros(None, (2,), "float16").dtype == "float16"
    assert initializers.normal(dtype="bfloat16")(random.key(0), (2,)).dtype == mt.bfloat16
    q = initializers.orthogonal(column_axis=0)(random.key(0), (4, 3, 2)).numpy().reshape(4, 6)
    np.testing.assert_allclose(q @ q.T, np.eye(4), atol=1e-6)
    d = initializers.delta_orthogonal(2.0)(random.key(0), (3, 3, 2, 4)).numpy()
    np.testing.assert_allclose(d[1, 1] @ d[1, 1].T, 4 * np.eye(2), atol=1e-5)
    assert np.abs(d).sum() == pytest.approx(np.abs(d[1, 1]).sum())
    compiled = mt.jit(lambda k: initializers.glorot_uniform()(k, (4, 5)))
    np.testing.assert_allclose(
        compiled(random.key(1)).numpy(), initializers.glorot_uniform()(random.key(1), (4, 5)).numpy(), rtol=1e-6
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: initializers.he_normal()(random.key(0), (3,)), "no axes of inputs"),
        (lambda: initializers.variance_scaling(1.0, "fan", "normal"), "mode.*'fan'"),
        (lambda: initializers.variance_scaling(1.0, "fan_in", "cauchy"), "distribution.*'cauchy'"),
        (lambda: initializers.orthogonal()(random.key(0), (3,)), "two axes"),
        (lambda: initializers.delta_orthogonal()(random.key(0), (3, 4, 2)), "in <= out"),
    ],
)
def test_initializers_refuse(call, message):
    with pytest.raises(ValueError, match=message):
        call()


HEADS = mt.array(np.random.default_rng(1).normal(size=(1, 3, 2, 4)))
LEARNED = {
    "celu": lambda x, t: nn.functional.celu(x, t),
    "elu": lambda x, t: nn.functional.elu(x, t),
    "leaky_relu": lambda x, t: nn.functional.leaky_relu(x, t),
    "softplus": lambda x, t: nn.functional.softplus(x, t, 3.0),
    "softshrink": lambda x, t: nn.functional.softshrink(x, t),
    "nn.elu": nn.elu,
    "nn.leaky_relu": nn.leaky_relu,
    "attention": lambda x, t: nn.functional.scaled_dot_product_attention(HEADS * x[0], HEADS, HEADS, scale=t),
    "nn.attention": lambda x, t: nn.dot_product_attention(HEADS * x[0], HEADS, HEADS, scale=t),
    "full": lambda x, t: mt.full((2,), t, dtype=x.dtype) * x[:2],
}


@pytest.mark.parametrize("name", LEARNED)
def test_numbers_may_be_learned(name):
    function, x, t = LEARNED[name], mt.array(np.array([-1.3, 0.4, 2.0, -0.2])), mt.array(np.array(0.7))
    check_grads(function, (x, t), order=2, rtol=1e-5)
    np.testing.assert_allclose(mt.jit(function)(x, t).numpy(), function(x, 0.7).numpy(), 1e-12, 1e-12)
    learned = mt.tensor(0.7, dtype=mt.float64, requires_grad=True)
    function(mt.tensor(x), learned).sum().backward()
    wanted = mt.grad(lambda t: mt.numpy.sum(function(x, t)))(t)
    np.testing.assert_allclose(learned.grad.numpy(), wanted.numpy(), 1e-12)
    assert function(x.astype("float32"), t.astype("float32")).dtype == mt.float32 or "attention" in name


def test_gumbel_softmax_at_a_learned_temperature():
    def f(t):
        mt.manual_seed(0)
        return nn.functional.gumbel_softmax(mt.array(X[1] / 40), t)

    check_grads(f, (mt.array(np.array(0.7)),), order=1, rtol=1e-5)
