"""The conventions that concern reductions and running values, by E number."""

import math

import ml_dtypes
import numpy as np
import pytest

from minitorch.core.array import Array, wrap
from minitorch.core.errors import DTypeError, ShapeError
from minitorch.core.ops import extrema, joining, norms, pointwise, reductions, scanning, shaping
from minitorch.core.transforms import grad, jvp, vjp

INF, NAN = math.inf, math.nan


def gradient(function, values, weights=None):
    """Pull a cotangent (ones by default) back through `function` at float64 values."""
    out, pull = vjp(function, Array(np.array(values, np.float64)))
    return pull(Array(np.ones(out.shape) if weights is None else np.array(weights, np.float64)))[0].numpy()


def second(function, values):
    """The gradient of the sum of squares of the gradient."""
    return gradient(lambda x: shaping.sum(pointwise.square(vjp(function, x)[1](Array(1.0))[0])), values)


@pytest.mark.parametrize("p", [0, 0.5, 1, 1.5, 2, 3, -1, INF, -INF])
def test_e2_norm_has_gradient_0_at_0(p):
    assert np.array_equal(gradient(lambda x: norms.norm(x, p), [0, 0, 0]), [0, 0, 0])
    assert jvp(lambda x: norms.norm(x, p), (Array([0.0, 0.0]),), (Array([1.0, 2.0]),))[1].item() == 0


@pytest.mark.parametrize("p", [1.5, 2, 3])
def test_e2_norm_is_0_to_any_order_at_0(p):
    assert np.array_equal(second(lambda x: norms.norm(x, p), [0, 0, 0]), [0, 0, 0])


def test_e2_norm_of_single_rows_that_are_0():
    found = gradient(lambda x: norms.norm(x, axis=1), [[0, 0], [3, 4]], [5, 5])
    np.testing.assert_allclose(found, [[0, 0], [3, 4]])


def test_e2_std_has_gradient_0_at_0():
    assert np.array_equal(gradient(norms.std, [2, 2, 2]), [0, 0, 0])
    assert np.array_equal(second(norms.std, [2, 2, 2]), [0, 0, 0])


@pytest.mark.parametrize("size", [1e30, 1e-30])
def test_norm_neither_overflows_nor_vanishes(size):
    x = Array(np.array([3 * size, 4 * size], np.float32))
    np.testing.assert_allclose(norms.norm(x).item(), 5 * size, rtol=1e-6)
    np.testing.assert_allclose(grad(norms.norm)(x).numpy(), [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize(("function", "values"), [(reductions.max, [1, 3, 3, 0]), (reductions.min, [5, 2, 2, 9])])
def test_e3_max_and_min_split_evenly_over_ties(function, values):
    assert np.array_equal(gradient(function, values, 3.0), [0, 1.5, 1.5, 0])
    x, t = Array(np.array(values, float)), Array(np.array([9.0, 1, 2, 9]))
    assert jvp(function, (x,), (t,))[1].item() == 1.5


def test_e3_max_with_indices_gives_all_to_the_first():
    assert np.array_equal(gradient(lambda x: extrema.max_with_indices(x, 0)[0], [1, 3, 3, 0]), [0, 1, 0, 0])
    assert np.array_equal(gradient(lambda x: extrema.min_with_indices(x, 0)[0], [5, 2, 2, 9]), [0, 1, 0, 0])


def test_e3_cummax_gives_it_to_the_latest():
    values, indices = extrema.cummax(Array([1.0, 3.0, 3.0, 0.0]))
    assert values.tolist() == [1, 3, 3, 3] and indices.tolist() == [0, 1, 2, 2]
    assert np.array_equal(gradient(lambda x: extrema.cummax(x)[0], [1, 3, 3, 0], [1, 2, 4, 8]), [1, 2, 12, 0])


@pytest.mark.parametrize(
    ("values", "expected"),
    [([-INF, -INF], -INF), ([INF, 0], INF), ([1e38, 1e38], 1e38), ([-INF, 0], 0), ([NAN, 0], NAN), ([], -INF)],
)
def test_e5_logsumexp_at_the_edges(values, expected):
    out = reductions.logsumexp(Array(np.array(values, np.float32)))
    np.testing.assert_allclose(out.item(), expected, rtol=1e-6)


def test_e5_logsumexp_rows_of_minus_inf_have_gradient_0():
    found = gradient(lambda x: reductions.logsumexp(x, axis=1), [[-INF, -INF], [-INF, 1], [0, 0]], [2, 2, 2])
    assert np.array_equal(found, [[0, 0], [0, 2], [1, 1]])
    twice = gradient(lambda x: vjp(reductions.logsumexp, x)[1](Array(1.0))[0], [-INF, -INF])
    assert np.array_equal(twice, [0, 0])


def test_e5_logcumsumexp_starting_with_minus_inf():
    x = Array(np.array([-INF, -INF, 1.0, -INF, 1.0]))
    out, tangent = jvp(scanning.logcumsumexp, (x,), (Array(np.ones(5)),))
    np.testing.assert_allclose(out.numpy(), [-INF, -INF, 1, 1, 1 + math.log(2)])
    np.testing.assert_allclose(tangent.numpy(), [0, 0, 1, 1, 1])
    found = gradient(scanning.logcumsumexp, x.numpy(), [1, 1, 1, 1, 2])
    np.testing.assert_allclose(found, [0, 0, 3, 0, 1])


@pytest.mark.parametrize(
    ("function", "value"),
    [
        (shaping.sum, 0), (reductions.prod, 1), (reductions.all, True), (reductions.any, False),
        (reductions.mean, NAN), (norms.var, NAN), (norms.norm, 0), (reductions.count_nonzero, 0),
    ],
)  # fmt: skip
def test_e7_reductions_of_nothing(function, value):
    np.testing.assert_equal(function(Array(np.zeros(0))).item(), value)
    assert function(Array(np.zeros((0, 3))), axis=1).shape == (0,)
    assert function(Array(np.zeros((0, 3))), axis=0).shape == (3,)


@pytest.mark.parametrize("function", [reductions.max, reductions.min, reductions.argmax, reductions.argmin])
def test_e7_no_extreme_of_nothing(function):
    for x, axis in ((Array(np.zeros((0, 3))), 0), (Array(np.zeros((2, 0))), None), (Array(np.zeros((0, 0))), 1)):
        with pytest.raises(ShapeError, match=f"^{function.__name__}: ") as raised:
            function(x, axis=axis)
        assert str(list(x.shape)) in str(raised.value)
    assert function(Array(np.zeros((0, 3))), axis=1).shape == (0,)


@pytest.mark.parametrize(
    "function", [shaping.sum, reductions.prod, reductions.mean, norms.var, norms.norm, scanning.cumsum]
)
def test_e7_gradients_keep_the_shape(function):
    for shape in ((0,), (0, 3), (2, 0, 3)):
        out, pull = vjp(lambda x: function(x, axis=-1), Array(np.zeros(shape, np.float32)))
        (found,) = pull(Array(np.ones(out.shape, np.float32)))
        assert found.shape == shape and found.dtype == np.float32


def layouts(x):
    """The same values in seven memory layouts."""
    yield x
    yield x.copy(order="F")
    yield np.ascontiguousarray(x.T).T
    yield x[:, ::-1].copy()[:, ::-1]
    yield x.repeat(2, axis=1)[:, ::2]
    frozen = x.copy()
    frozen.flags.writeable = False
    yield frozen
    yield np.broadcast_to(x[:1], x.shape)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_e12_sums_in_every_layout(axis, dtype):
    x = np.random.default_rng(0).integers(-9, 9, (1500, 6)).astype(dtype)
    for laid in layouts(x):
        found = shaping.sum(wrap(laid), axis)
        assert found.dtype == dtype
        assert np.array_equal(found.numpy(), laid.astype(np.float64).sum(axis).astype(dtype))


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_halves_are_added_in_float32(dtype):
    ones = np.ones((70_000, 1), dtype)
    assert shaping.sum(Array(ones[:5000])).item() == np.array(5000).astype(dtype)
    assert reductions.mean(Array(ones)).item() == 1
    assert reductions.mean(Array(ones), axis=0).tolist() == [1]
    assert scanning.cumsum(Array(ones[:5000, 0])).numpy()[-1] == np.array(5000).astype(dtype)
    assert shaping.sum(Array(ones)).dtype == dtype


def test_long_float32_columns_keep_their_digits():
    x = np.random.default_rng(0).random((200_000, 3), dtype=np.float32)
    exact = x.astype(np.float64).sum(0)
    np.testing.assert_allclose(shaping.sum(Array(x), 0).numpy(), exact, rtol=5e-7)
    assert np.abs(np.add.reduce(x, axis=0) / exact - 1).max() > 2e-6  # what NumPy's running sum loses
    np.testing.assert_allclose(scanning.cumsum(Array(x), 0).numpy()[-1], exact, rtol=2e-7)


def test_e23_sizes_over_2_31_do_not_wrap():
    one = Array(np.ones((1, 1), np.int8))
    wide = shaping.broadcast_to(one, (2**20, 2**20))
    assert wide.size == 2**40
    long = shaping.broadcast_to(one, (1, 2**33))
    assert shaping.reshape(long, (2**31, -1)).shape == (2**31, 4)
    assert shaping.flatten(long).shape == (2**33,)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: shaping.broadcast_to(x, (2**32, 2**32)),
        lambda x: shaping.broadcast_to(x, (2**70,)),
        lambda x: shaping.tile(x, (2**32, 2**32)),
        lambda x: joining.repeat(joining.repeat(x, 2**32), 2**32),
        lambda x: joining.pad(x, 2**62),
        lambda x: shaping.full((2**40, 2**40), 0, x.dtype),
    ],
)
def test_e23_overflowing_sizes_raise(make):
    with pytest.raises((ShapeError, MemoryError)):
        make(Array([1.0]))


def test_e26_nan_is_the_largest_and_the_smallest():
    x = Array([1.0, NAN, 5.0, NAN])
    assert math.isnan(reductions.max(x).item()) and math.isnan(reductions.min(x).item())
    assert reductions.argmax(x).item() == reductions.argmin(x).item() == 1
    value, index = extrema.max_with_indices(x)
    assert math.isnan(value.item()) and index.item() == 1
    assert np.array_equal(gradient(reductions.max, [1, NAN, 5, NAN]), [0, 0.5, 0, 0.5])
    for running in (extrema.cummax, extrema.cummin):
        values, indices = running(x)
        np.testing.assert_array_equal(values.numpy(), [1, NAN, NAN, NAN])
        assert indices.tolist() == [0, 1, 1, 3]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (shaping.sum, np.int64), (reductions.prod, np.int64), (scanning.cumsum, np.int64), (scanning.cumprod, np.int64),
        (reductions.all, np.bool_), (reductions.any, np.bool_), (reductions.count_nonzero, np.int64),
        (reductions.argmax, np.int64), (reductions.logsumexp, np.float32),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int32])
def test_dtypes_of_integer_reductions(function, expected, dtype):
    assert function(Array(np.ones(3, dtype)), axis=0).dtype == expected


def test_max_keeps_the_dtype():
    assert reductions.max(Array(np.ones(3, np.uint8))).dtype == np.uint8


@pytest.mark.parametrize("function", [reductions.mean, norms.var, norms.std, norms.norm, reductions.nanmean])
def test_integers_have_no_mean(function):
    with pytest.raises(DTypeError, match=rf"^{function.__name__}: .*int64\[3\].*\.float\(\)"):
        function(Array([1, 2, 3]))


@pytest.mark.parametrize("function", [reductions.max, reductions.argmin, reductions.nansum, extrema.cummax])
def test_e11_orders_refuse_complex_numbers(function):
    with pytest.raises(DTypeError, match="complex"):
        function(Array([1j, 2.0]), axis=0)


def test_e11_spreads_of_complex_numbers_are_real():
    z = Array([1j, 2.0, 1 + 1j])
    assert norms.var(z).dtype == norms.std(z).dtype == np.float32
    assert np.allclose(norms.var(z), np.var(z.numpy())) and np.allclose(norms.std(z), np.std(z.numpy()))


@pytest.mark.parametrize("function", [norms.std, reductions.logsumexp])
def test_e11_slopes_of_constant_complex_numbers_are_finite(function):
    z = Array(np.full(3, -np.inf if function is reductions.logsumexp else 1 + 1j, np.complex64))
    _, pull = vjp(function, z)
    assert np.array_equal(pull(Array(np.float32(1)))[0], np.zeros(3))


@pytest.mark.parametrize("zeros", [(), (2,), (1, 3), (0, 1, 2, 3)])
def test_prod_with_zeros_to_third_order(zeros):
    x = np.array([2.0, -3.0, 5.0, 0.5])
    x[list(zeros)] = 0

    def corner(f):  # d/dx0 d/dx1 d/dx2 of a product of four is the fourth
        def first(x):
            return vjp(f, x)[1](Array(np.float64(1)))[0]

        def twice(x):
            return vjp(first, x)[1](Array(np.eye(4)[0]))[0]

        return gradient(lambda x: shaping.sum(pointwise.mul(twice(x), Array(np.eye(4)[1]))), x)

    for function in (reductions.prod, lambda x: joining.split(scanning.cumprod(x), (3, 1))[1].reshape(())):
        np.testing.assert_allclose(corner(function), [0, 0, x[3], x[2]], atol=1e-14)
