"""Fused operations at the edges (E5, E6, E7, E10), and their shortcuts on buffers against their compositions."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from minitorch.core.array import Array
from minitorch.core.ops import attention, cross_entropy, losses, normalization, softmax
from minitorch.core.transforms import grad, jvp, vjp, vmap

from ..rows.fused import ROWS

INF = np.inf


def cases():
    for row in ROWS:
        if row.grad:
            for i, case in enumerate(row.cases):
                yield pytest.param(row, case, id=f"{row.name}-{i}")


@pytest.mark.parametrize(("row", "case"), list(cases()))
def test_a_shortcut_equals_its_composition(row, case):
    rng = np.random.default_rng(0)
    args = [None if a is None else np.asarray(a) for a in case.build(rng)]
    wanted = [i for i, a in enumerate(args) if a is not None and a.dtype == np.float64 and i not in row.nondiff]

    def function(*values):
        full = [None if a is None else Array(a) for a in args]
        for i, value in zip(wanted, values):
            full[i] = value
        return row.function(*full, **case.params)

    values = [Array(args[i]) for i in wanted]
    out, pull = vjp(function, *values)
    one = out if not isinstance(out, tuple) else out[0]
    cotangent = Array(rng.normal(size=one.shape))
    cotangent = cotangent if one is out else (cotangent, *(o * 0.0 for o in out[1:]))

    def pulled(*values):
        return vjp(function, *values)[1](cotangent)

    # Inside another transform the values are traced, so the rules cannot take their shortcuts.
    traced, _ = jvp(pulled, values, [Array(np.ones(v.shape)) for v in values])
    for fast, composed in zip(pull(cotangent), traced):
        np.testing.assert_allclose(fast.numpy(), composed.numpy(), rtol=1e-9, atol=1e-12)


ROWS_E5 = [[-INF, 0.0, 1.0], [1e38, -1e38, 0.0], [1e-40, 0.0, -1e-40], [88.0, 89.0, 90.0]]


@pytest.mark.parametrize("row", ROWS_E5)
def test_e5_softmax_is_finite_where_it_exists(row):
    x = np.array([row], np.float32)
    p, logp = softmax.softmax(x), softmax.log_softmax(x)
    np.testing.assert_allclose(p.numpy().sum(), 1.0, rtol=1e-6)
    assert not np.isnan(logp.numpy()).any()
    g = grad(lambda x: cross_entropy.cross_entropy(x, np.array([2])))(x)
    assert np.isfinite(g.numpy()).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_e5_a_masked_row_gives_0_with_gradient_0(dtype):
    rng = np.random.default_rng(0)
    q, k, v = (rng.normal(size=(2, 3, 4)).astype(dtype) for _ in range(3))
    bias = np.zeros((3, 3), dtype)
    bias[1] = -INF
    for mask in (np.isfinite(bias), bias):

        def total(q, k, v, mask=mask):
            return (attention.scaled_dot_product_attention(q, k, v, mask) * 1.5).sum()

        out = attention.scaled_dot_product_attention(q, k, v, mask)
        assert not out.numpy()[:, 1].any()
        fast = grad(total, argnums=(0, 1, 2))(q, k, v)
        composed = vmap(grad(total, argnums=(0, 1, 2)))(*(x[None] for x in (q, k, v)))
        for a, b in zip(fast, composed):
            assert np.isfinite(a.numpy()).all()
            np.testing.assert_allclose(a.numpy(), b.numpy()[0], rtol=1e-5, atol=1e-6)
        assert not fast[0].numpy()[:, 1].any()


def test_e6_logarithms_of_probabilities_are_clamped():
    p, y = np.array([0.0, 1.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0, 1.0])
    assert losses.binary_cross_entropy(p, y, reduction="none").tolist() == [100.0, 100.0, 0.0, 0.0]
    g = grad(lambda p: losses.binary_cross_entropy(p, y, reduction="sum"))(p)
    np.testing.assert_allclose(g.numpy(), [-1e12, 1e12, 0.0, 0.0])


def test_e6_logits_are_exact():
    x = np.array([-1e30, -800.0, -40.0, 0.0, 40.0, 800.0, 1e30])
    zeros = losses.binary_cross_entropy_with_logits(x, np.zeros(7), reduction="none").numpy()
    np.testing.assert_allclose(zeros, [0, 0, np.exp(-40), np.log(2), 40, 800, 1e30], rtol=1e-14)
    ones = losses.binary_cross_entropy_with_logits(x, np.ones(7), reduction="none").numpy()
    np.testing.assert_allclose(ones, zeros[::-1], rtol=1e-14)
    weighted = losses.binary_cross_entropy_with_logits(x, np.ones(7), reduction="none", pos_weight=np.ones(7))
    np.testing.assert_allclose(weighted.numpy(), ones, rtol=1e-14)


def test_e6_everything_ignored_is_nan_with_gradient_0():
    x, target = np.ones((3, 4)), np.full(3, -100)
    assert np.isnan(cross_entropy.cross_entropy(x, target).item())
    assert cross_entropy.cross_entropy(x, target, reduction="sum").item() == 0.0
    assert not grad(lambda x: cross_entropy.cross_entropy(x, target))(x).numpy().any()


def test_e7_empty_batches_keep_their_shapes():
    x, target = np.zeros((0, 4)), np.zeros(0, np.int64)
    for function in (
        lambda x: cross_entropy.cross_entropy(x, target, reduction="sum"),
        lambda x: losses.mse_loss(x, np.zeros((0, 4)), "sum"),
        lambda x: normalization.layer_norm(x, np.ones(4), np.ones(4)).sum(),
        lambda x: softmax.softmax(x).sum(),
    ):
        assert function(x).item() == 0.0
        assert grad(function)(x).shape == (0, 4)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_e10_halves_are_computed_in_float32(dtype):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 300)).astype(dtype)
    exact = x.astype(np.float64)
    for function in (
        softmax.log_softmax,
        normalization.layer_norm,
        lambda x: losses.mse_loss(x, x * 0, "sum"),
    ):
        out = function(x)
        assert out.dtype == dtype
        wanted = function(exact).numpy()
        step = float(ml_dtypes.finfo(dtype).eps)
        np.testing.assert_allclose(out.numpy().astype(np.float64), wanted, rtol=step, atol=1e-6)
        assert grad(lambda x, f=function: f(x).sum() * 1.0)(x).dtype == dtype
