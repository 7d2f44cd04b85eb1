"""The conventions that concern indexing, sorting and order statistics, by E number."""

import math

import numpy as np
import pytest

import minitorch as mt
from minitorch.core import errors
from minitorch.core.array import Array
from minitorch.core.ops import gathering, lookup, sorting
from minitorch.core.ops.indexing import getitem, update
from minitorch.core.ops.places import At
from minitorch.core.ops.pointwise import mul
from minitorch.core.ops.shaping import sum as total
from minitorch.core.transforms import grad, jvp, vjp, vmap

NAN, INF = math.nan, math.inf


def pulled(function, *values, cotangent=None):
    """Pull a cotangent (ones by default) back through `function` at float64 values."""
    out, pull = vjp(function, *(Array(np.array(v, np.float64)) for v in values))
    g = np.ones(out.shape) if cotangent is None else np.array(cotangent, np.float64)
    return [a.tolist() for a in pull(Array(g))]


@pytest.mark.parametrize("descending", [False, True])
def test_e3_sort_gives_ties_to_the_returned_index(descending):
    x, weights = [2.0, 1.0, 2.0, 1.0], [1.0, 10.0, 100.0, 1000.0]
    (g,) = pulled(lambda x: sorting.sort(x, descending=descending)[0], x, cotangent=weights)
    assert g == ([1.0, 100.0, 10.0, 1000.0] if descending else [100.0, 1.0, 1000.0, 10.0])


def test_e3_median_kthvalue_and_topk_give_ties_to_the_returned_index():
    x = [3.0, 1.0, 1.0, 1.0]
    for select in (sorting.median, sorting.nanmedian, lambda x: sorting.kthvalue(x, 2)):
        index = select(Array(x))[1].item()
        assert pulled(lambda x, f=select: f(x)[0], x) == [[float(i == index) for i in range(4)]]
    index = sorting.topk(Array(x), 2)[1].tolist()
    assert pulled(lambda x: sorting.topk(x, 2)[0], x) == [[float(i in index) for i in range(4)]]


def test_e3_extrema_of_updates_split_evenly_over_ties():
    gx, gv = pulled(lambda x, v: At(x)[[0, 0, 1]].max(v), [5.0, 1.0, 7.0], [5.0, 5.0, 1.0], cotangent=[6.0, 4.0, 1.0])
    assert gx == [2.0, 2.0, 1.0] and gv == [2.0, 2.0, 2.0]


def test_e7_empty_axes():
    x = np.zeros((0, 3))
    assert getitem(x, []).shape == (0, 3) and getitem(Array(x), np.zeros((2, 0), int)).shape == (2, 0, 3)
    assert sorting.sort(x, 0)[0].shape == (0, 3)
    assert grad(lambda x: total(getitem(x, [])))(x).shape == (0, 3)
    assert update(np.zeros(3), [], np.zeros(0), "add").tolist() == [0, 0, 0]
    with pytest.raises(errors.OutOfBoundsError, match="the axis is empty"):
        getitem(x, [0])
    with pytest.raises(errors.ShapeError, match=r"median: axis -2 of float64\[0, 3\] is empty"):
        sorting.median(x, 0)


@pytest.mark.parametrize("name", ["add", "max", "min", "multiply", "set"])
def test_updates_must_have_the_shape_of_what_is_selected(name):
    with pytest.raises(
        errors.ShapeError, match=r"selects \[2\] along axis -1 of float64\[3\], got updates float64\[3\]"
    ):
        getattr(gathering, f"scatter_{name}")(Array(np.zeros(3)), Array([0, 1]), Array(np.ones(3)), axis=-1)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "complex64"])
def test_e10_gradients_keep_the_dtype(dtype):
    x, v = Array([1, 2, 3], dtype), Array([4, 5], dtype)
    for mode in ("set", "add", "multiply"):
        out, pull = vjp(lambda x, v, m=mode: update(x, [0, 0], v, m), x, v)
        assert [out.dtype, *(g.dtype for g in pull(out))] == [x.dtype] * 3


def test_e24_repeated_indices_accumulate():
    i = [2, 0, 2, 2]
    assert pulled(lambda x: getitem(x, i), [0.0, 0.0, 0.0], cotangent=[1, 10, 100, 1000]) == [[10, 0, 1101]]
    pairs = ([0, 0, 1], [1, 1, 0])
    assert pulled(lambda x: getitem(x, pairs), np.zeros((2, 2)), cotangent=[1, 2, 4]) == [[[0, 3], [4, 0]]]
    twice = lookup.take_along_axis
    assert pulled(lambda x: twice(x, [[0, 0], [1, 1]], 1), np.zeros((2, 2)), cotangent=[[1, 2], [4, 8]]) == [
        [[3, 0], [0, 12]]
    ]
    gx, gv = pulled(lambda x, v: At(x)[i].add(v), [0.0, 0.0, 0.0], [1.0] * 4, cotangent=[1, 10, 100])
    assert gx == [1, 10, 100] and gv == [100, 1, 100, 100]
    gx, gv = pulled(lambda x, v: At(x)[[0, 0]].multiply(v), [3.0, 1.0], [5.0, 7.0])
    assert gx == [35, 1] and gv == [21, 15]


@pytest.mark.parametrize("v", [[0.0, 7.0], [5.0, 0.0], [0.0, 0.0]])
def test_e24_repeated_factors_may_be_zero(v):
    assert pulled(lambda x, v: At(x)[[0, 0]].multiply(v), [3.0, 1.0], v) == [[v[0] * v[1], 1], [3 * v[1], 3 * v[0]]]


def test_e24_set_keeps_the_last_value_and_only_that_has_a_gradient():
    i, v = [1, 0, 1, 1], [1.0, 2.0, 3.0, 4.0]
    assert update(np.zeros(3), i, v).tolist() == [2, 4, 0]
    assert pulled(lambda x, v: At(x)[i].set(v), np.zeros(3), v, cotangent=[1, 10, 100]) == [[0, 0, 100], [0, 1, 0, 10]]
    rows = np.array([i, [2, 2, 2, 0]])
    batched = vmap(grad(lambda v, i: total(mul(At(np.zeros(3))[i].set(v), np.array([1.0, 10.0, 100.0])))), (None, 0))
    assert batched(np.array(v), rows).tolist() == [[0, 1, 0, 10], [0, 0, 100, 1]]


@pytest.mark.parametrize("width", [1, 3, 200])
def test_e24_accumulation_is_deterministic_and_accurate(width):
    rng = np.random.default_rng(0)
    i, g = rng.integers(0, 7, 500), rng.standard_normal((500, width)).astype(np.float32)
    first = gathering.scatter_add(Array(np.zeros((7, width), np.float32)), Array(i), Array(g), axis=-2).numpy()
    for _ in range(5):
        again = gathering.scatter_add(Array(np.zeros((7, width), np.float32)), Array(i), Array(g), axis=-2).numpy()
        assert again.tobytes() == first.tobytes()
    exact = np.zeros((7, width))
    np.add.at(exact, i, g.astype(float))
    np.testing.assert_allclose(first, exact, atol=2e-5)


def test_e24_halves_accumulate_in_float32():
    ones = Array(np.ones(4000), "bfloat16")
    total_ = update(Array([0.0], "bfloat16"), np.zeros(4000, int), ones, "add")
    assert total_.dtype == "bfloat16" and float(total_.numpy()[0]) == 4000.0


def test_e26_nan_is_the_largest():
    x = Array([NAN, 1.0, INF, NAN, -INF])
    assert sorting.argsort(x).tolist() == [4, 1, 2, 0, 3]
    assert sorting.argsort(x, descending=True).tolist() == [0, 3, 2, 1, 4]
    assert sorting.topk(x, 3)[1].tolist() == [0, 3, 2]
    assert sorting.topk(x, 2, largest=False)[1].tolist() == [4, 1]
    assert sorting.kthvalue(x, 3)[0].item() == INF and math.isnan(sorting.kthvalue(x, 4)[0].item())
    assert lookup.searchsorted(Array([1.0, NAN]), Array([2.0, NAN]), "right").tolist() == [1, 2]


def test_e26_median_propagates_nan_and_nanmedian_skips_it():
    x = Array([[2.0, NAN, 1.0, 5.0], [2.0, 4.0, 1.0, 5.0], [NAN, NAN, NAN, NAN]])
    value, index = sorting.median(x, 1)
    assert math.isnan(value.numpy()[0]) and index.tolist()[:2] == [1, 0] and value.numpy()[1] == 2.0
    assert sorting.nanmedian(x, 1)[0].tolist()[:2] == [2.0, 2.0]
    assert math.isnan(sorting.nanmedian(x, 1)[0].numpy()[2])


def test_e26_nan_in_updates():
    assert math.isnan(At(np.array([1.0, 2.0]))[[0, 0]].max(np.array([NAN, 3.0])).numpy()[0])
    assert math.isnan(At(np.array([NAN, 2.0]))[[0]].min(np.array([1.0])).numpy()[0])


@pytest.mark.parametrize("transform", ["grad of grad", "jvp of grad", "grad of jvp", "compiled", "batched", "no zeros"])
@pytest.mark.parametrize(("shape", "places"), [((4,), (6,)), ((4,), (2, 3)), ((3, 4, 2), (5,))], ids=str)
def test_second_derivatives_of_products_with_zeros_at_shared_places(shape, places, transform):
    rng = np.random.default_rng(0)
    x, w = Array(rng.normal(size=shape)), Array(rng.normal(size=shape))
    at = rng.integers(0, shape[0], places)
    u = rng.normal(size=places + shape[1:])
    u[rng.random(u.shape) < 0.4] = 0.5 if transform == "no zeros" else 0.0
    v = Array(rng.normal(size=u.shape))

    def first(u):
        return grad(lambda u: total(mul(At(x)[at].multiply(u), w)))(u)

    def along(u):
        return total(mul(first(u), v))

    ways = {
        "jvp of grad": lambda u: jvp(first, (u,), (v,))[1],
        "grad of jvp": grad(lambda u: jvp(lambda u: total(mul(At(x)[at].multiply(u), w)), (u,), (v,))[1]),
        "compiled": mt.jit(grad(along)),
        "batched": lambda u: vmap(grad(along))(Array(np.stack([u.numpy()] * 2)))[1],
    }
    found = ways.get(transform, grad(along))(Array(u))
    wanted, step = np.zeros_like(u), 1e-5
    for k in np.ndindex(u.shape):
        higher, lower = u.copy(), u.copy()
        higher[k] += step
        lower[k] -= step
        wanted[k] = (along(Array(higher)).item() - along(Array(lower)).item()) / (2 * step)
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-6, atol=1e-8)
