"""Index expressions against NumPy: reading and writing, on arrays and inside each transform, and their errors."""

import re

import numpy as np
import pytest

import minitorch as mt
from minitorch.core import errors, transforms
from minitorch.core.array import Array
from minitorch.core.ops import indexing, lookup
from minitorch.core.ops.basic import BasicIndex
from minitorch.core.ops.indexing import getitem, update
from minitorch.core.ops.places import At
from minitorch.core.ops.pointwise import greater, mul
from minitorch.core.ops.shaping import sum as total
from minitorch.test_util import check_grads

SHAPES = [(), (5,), (3, 4), (2, 3, 4), (3, 2, 4, 2), (2, 0, 3)]


def random_slice(rng, n):
    bound = [None, *range(-n - 2, n + 3)]
    start, stop = (bound[i] for i in rng.integers(len(bound), size=2))
    return slice(start, stop, [None, 1, 2, 3, -1, -2, -3][rng.integers(7)])


def random_index(rng, shape):
    """Any index NumPy takes: ints, slices, None, one Ellipsis, masks, arrays of integers, in any order."""
    entries, axis = [], 0
    while axis < len(shape) and rng.random() < 0.85:
        n = shape[axis]
        kind = rng.choice(["slice", "int", "array", "mask", "none", "list"], p=[0.3, 0.2, 0.25, 0.1, 0.1, 0.05])
        if kind == "none":
            entries.append(None)
            continue
        if kind == "slice" or n == 0:
            entries.append(random_slice(rng, n))
        elif kind == "int":
            entries.append(int(rng.integers(-n, n)))
        elif kind == "array":
            entries.append(rng.integers(-n, n, [(), (2,), (3, 1), (3, 2), (1,)][rng.integers(5)]))
        elif kind == "list":
            entries.append(rng.integers(-n, n, 2).tolist())
        else:
            many = int(rng.integers(1, len(shape) - axis + 1))
            entries.append(rng.random(shape[axis : axis + many]) < 0.5)
            axis += many - 1
        axis += 1
    if rng.random() < 0.4:
        entries.insert(int(rng.integers(len(entries) + 1)), Ellipsis)
    return tuple(entries) if len(entries) != 1 or rng.random() < 0.5 else entries[0]


def cases(count, seed):
    rng = np.random.default_rng(seed)
    while count:
        shape = SHAPES[rng.integers(len(SHAPES))]
        x, index = rng.standard_normal(shape), random_index(rng, shape)
        try:
            expected = x[index]
        except IndexError:  # arrays or masks that do not broadcast with each other
            continue
        count -= 1
        yield rng, x, index, expected


@pytest.mark.parametrize("seed", range(8))
def test_reading_equals_numpy(seed):
    for _, x, index, expected in cases(150, seed):
        direct = getitem(Array(x), index).numpy()
        np.testing.assert_array_equal(direct, expected, err_msg=repr(index))
        traced, pull = transforms.vjp(lambda a, i=index: getitem(a, i), x)
        np.testing.assert_array_equal(traced.numpy(), expected, err_msg=repr(index))
        g = np.random.default_rng(0).standard_normal(expected.shape)
        slow = np.zeros_like(x)
        np.add.at(slow, index, g)
        np.testing.assert_allclose(pull(g)[0].numpy(), slow, err_msg=repr(index))


@pytest.mark.parametrize("mode", ["set", "add", "multiply", "min", "max"])
def test_writing_equals_numpy(mode):
    combine = {"add": np.add, "multiply": np.multiply, "min": np.minimum, "max": np.maximum}
    for rng, x, index, selected in cases(300, 99):
        shape = selected.shape if rng.random() < 0.7 else selected.shape[selected.ndim // 2 :]
        v = rng.standard_normal(shape)
        expected = x.copy()
        if mode == "set":
            expected[index] = v
        else:
            # A copy, for ufunc.at of NumPy 2.4 reads beyond values that it has to broadcast.
            combine[mode].at(expected, index, np.broadcast_to(v, selected.shape).copy())
        out = update(Array(x), index, v, mode).numpy()
        np.testing.assert_allclose(out, expected, rtol=1e-12, err_msg=repr(index))


@pytest.mark.parametrize("read", [True, False])
def test_batching_equals_a_loop(read):
    for rng, x, index, selected in cases(150, 5):
        xs = rng.standard_normal((3, *x.shape))
        if read:
            out = transforms.vmap(lambda a, i=index: getitem(mul(a, 1.0), i))(xs).numpy()
            loop = np.stack([a[index] for a in xs])
        else:
            v = rng.standard_normal(selected.shape)
            out = transforms.vmap(lambda a, i=index, v=v: update(mul(a, 1.0), i, v, "add"))(xs).numpy()
            loop = xs.copy()
            for k in range(3):
                np.add.at(loop[k : k + 1].reshape(x.shape), index, v)
        np.testing.assert_allclose(out, loop, err_msg=repr(index))


@pytest.mark.parametrize("mapped", [(0, 0), (0, None), (None, 0)])
@pytest.mark.parametrize("mode", ["get", "set", "add", "max"])
def test_batched_indices(mapped, mode):
    rng = np.random.default_rng(1)
    x, i = rng.standard_normal((3, 4, 5, 2)), rng.integers(-5, 5, (3, 2, 3))
    x, i = (x if mapped[0] == 0 else x[0]), (i if mapped[1] == 0 else i[0])
    values = rng.standard_normal((4, 2, 3, 2))

    def f(x, i):
        place = At(x)[:, i]
        return place.get() if mode == "get" else getattr(place, mode)(values)

    out = transforms.vmap(f, in_axes=mapped)(x, i).numpy()
    loop = [f(x[k] if mapped[0] == 0 else x, i[k] if mapped[1] == 0 else i).numpy() for k in range(3)]
    np.testing.assert_allclose(out, np.stack(loop))


def test_traced_indices_next_to_slices_and_integers():
    x = np.arange(120.0).reshape(2, 3, 4, 5)
    i, j = np.array([[0, 1], [1, 2], [2, 0]]), np.array([3, 0])
    out = transforms.vmap(lambda i: getitem(x, (1, i, slice(None, None, -2), j)))(i).numpy()
    np.testing.assert_array_equal(out, np.stack([x[1, k, ::-2, j] for k in i]))
    out = transforms.vmap(lambda i: getitem(x, (slice(1), getitem(i, 0), ..., None)))(i).numpy()
    np.testing.assert_array_equal(out, np.stack([x[:1, k, ..., None] for k in i[:, 0]]))


def test_ranges_are_lists_of_integers():
    x = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(getitem(Array(x), (range(2), range(3, 1, -1))).numpy(), x[range(2), range(3, 1, -1)])
    assert update(Array(x), range(0), np.ones((0, 4))).tolist() == x.tolist()


@pytest.mark.torch
def test_select_first_places_axes_as_torch():
    torch = pytest.importorskip("torch")
    x = np.arange(120.0).reshape(2, 3, 4, 5)
    i = np.array([2, 0, 1])
    for index in [(0, slice(None), i), (0, slice(None), i, 1), (i[:2] // 2, 1, slice(None), i[1:]), (1, i, i)]:
        expected = torch.tensor(x)[tuple(torch.tensor(e) if isinstance(e, np.ndarray) else e for e in index)].numpy()
        for a in (x, Array(x)):
            np.testing.assert_array_equal(getitem(a, index, select_first=True).numpy(), expected)
        written = update(x, index, expected * 2, select_first=True)
        np.testing.assert_array_equal(getitem(written, index, select_first=True).numpy(), expected * 2)


def test_masks_inside_transforms():
    x = np.array([1.0, -2.0, 3.0])
    g = transforms.grad(lambda x: total(mul(getitem(x, x_is_positive(x)), 2.0)))(x)
    assert g.tolist() == [2.0, 0.0, 2.0]
    with pytest.raises(errors.UnsupportedError, match="nonzero at .*: the shape of its result depends on the data"):
        transforms.vmap(lambda x: getitem(x, x_is_positive(x)))(np.stack([x, x]))
    out = transforms.vmap(lambda x: At(x)[x_is_positive(x)].set(0.0))(np.stack([x, -x]))
    assert out.tolist() == [[0.0, -2.0, 0.0], [-1.0, 0.0, -3.0]]


def x_is_positive(x):
    return greater(x, 0.0)


def test_update_methods():
    x = Array([1.0, 2.0, 3.0, 4.0])
    assert At(x)[1].get().item() == 2.0
    assert At(x)[[0, 0]].subtract([1.0, 2.0]).tolist() == [-2.0, 2.0, 3.0, 4.0]
    assert At(x)[[0, 0, 1]].divide([2.0, 2.0, 4.0]).tolist() == [0.25, 0.5, 3.0, 4.0]
    assert At(x)[[0, 0]].apply(lambda y: mul(y, 10.0)).tolist() == [10.0, 2.0, 3.0, 4.0]
    assert At(x)[x.numpy() > 2].multiply(2).tolist() == [1.0, 2.0, 6.0, 8.0]
    assert At(x)[::2].min(2.5).tolist() == [1.0, 2.0, 2.5, 4.0]
    assert update(Array([1, 2, 3]), 0, 7.9).tolist() == [7, 2, 3]
    assert update(np.zeros((2, 3)), 0, np.ones((1, 1, 3))).tolist() == [[1, 1, 1], [0, 0, 0]]


NAN = float("nan")
OUTSIDE = {  # name: (of x = [1, 2, 3], what it is)
    "get, clip": (lambda x: x.at[np.array([-9, -1, 9])].get(mode="clip"), [1, 3, 3]),
    "get, fill": (lambda x: x.at[np.array([-4, -3, 3])].get(mode="fill"), [NAN, 1, NAN]),
    "get, fill value": (lambda x: x.at[7].get(mode="fill", fill_value=-1), -1),
    "get, drop": (lambda x: x.at[3].get(mode="drop", fill_value=5), 5),
    "get, in bounds": (lambda x: x.at[1].get(mode="promise_in_bounds", indices_are_sorted=True), 2),
    "set, clip": (lambda x: x.at[9].set(7, mode="clip"), [1, 2, 7]),
    "set, drop": (lambda x: x.at[np.array([0, 3])].set([7, 8], mode="drop"), [7, 2, 3]),
    "set, fill": (lambda x: x.at[-4].set(7, mode="fill"), [1, 2, 3]),
    "add, drop": (lambda x: x.at[np.array([2, 3, 2])].add(1, mode="drop", unique_indices=False), [1, 2, 5]),
    "mul, drop": (lambda x: x.at[np.array([0, 9])].mul(3, mode="drop"), [3, 2, 3]),
    "divide, drop": (lambda x: x.at[np.array([0, 9])].divide(2, mode="drop"), [0.5, 2, 3]),
    "power, drop": (lambda x: x.at[np.array([1, 9])].power(2, mode="drop"), [1, 4, 3]),
    "apply, drop": (lambda x: x.at[np.array([1, 9])].apply(lambda v: -v, mode="drop"), [1, -2, 3]),
    "min, clip": (lambda x: x.at[5].min(0, mode="clip"), [1, 2, 0]),
    "two axes": (
        lambda x: (x[:, None] * x).at[np.array([0, 3]), np.array([3, 1])].get(mode="fill", fill_value=0),
        [0, 0],
    ),
    "a slice between": (lambda x: x[None].at[..., 1:, None].get(mode="fill")[0, :, 0], [2, 3]),
    "a mask": (lambda x: x.at[x > 1.5].set(0, mode="drop"), [1, 0, 0]),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_indices_out_of_bounds(name):
    function, expected = OUTSIDE[name]
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(np.asarray(function(Array(x))), expected)
    np.testing.assert_array_equal(np.asarray(transforms.vmap(function)(Array(x[None])))[0], expected)
    np.testing.assert_array_equal(np.asarray(mt.jit(function)(Array(x))), expected)
    if name != "get, fill":  # whose slope is none
        check_grads(function, (Array(x),))


def test_what_is_filled_in():
    for dtype, blank in {"float16": NAN, "int8": -128, "uint8": 255, "bool": True, "complex64": NAN}.items():
        np.testing.assert_array_equal(np.asarray(mt.array([0, 1]).astype(dtype).at[5].get(mode="fill")), blank)
    with pytest.raises(errors.OutOfBoundsError):
        At(np.zeros(3))[3].get()
    with pytest.raises(errors.ArgumentError, match=r"at\[\.\.\.\]\.set: mode must be one of clip, fill, drop"):
        At(np.zeros(3))[3].set(0.0, mode="wrap")


def test_a_slice_of_an_array_is_a_view():
    x = Array(np.arange(10.0))
    assert np.shares_memory(getitem(x, slice(2, None, 3))._data, x._data)
    assert getitem(x, 3).shape == ()


@pytest.mark.parametrize(
    ("index", "error", "words"),
    [
        (3, errors.OutOfBoundsError, "getitem: index 3 is out of bounds for axis 0 of shape (3, 4)"),
        ((0, -5), errors.OutOfBoundsError, "getitem: index -5 is out of bounds for axis 1"),
        ([0, 3], errors.OutOfBoundsError, "getitem: index 3 is out of bounds for an axis of size 3; use -3 to 2"),
        (
            ([0, 1], [0, -5]),
            errors.OutOfBoundsError,
            "getitem: index -5 is out of bounds for an axis of size 4",
        ),
        ((0, 0, 0), errors.OutOfBoundsError, "getitem: 3 indices for an array of 2 axes"),
        ((..., 0, ...), errors.OutOfBoundsError, "only one ellipsis"),
        (np.ones(4, bool), errors.OutOfBoundsError, "a boolean index of shape (4,) does not match axes 0 to 0"),
        (1.0, errors.DTypeError, "got float"),
        ("a", errors.DTypeError, "got str"),
        ([0.5], errors.DTypeError, "indices must be integers, got float32[1]"),
        (slice(0.5, None), errors.DTypeError, "the bounds of a slice must be integers"),
        (slice(None, None, 0), errors.ArgumentError, "the step of a slice must not be zero"),
        (([0, 1], [0, 1, 2]), errors.ShapeError, "must broadcast, got shapes (2,), (3,)"),
    ],
)
@pytest.mark.parametrize("traced", [False, True])
def test_bad_indices(index, error, words, traced):
    x = np.zeros((3, 4))
    with pytest.raises(error, match=re.escape(words)):
        if traced:
            transforms.vjp(lambda x: getitem(x, index), x)
        else:
            getitem(Array(x), index)


def test_bad_updates():
    x = np.zeros((3, 4))
    with pytest.raises(errors.ShapeError, match=r"at\[...\].set: values float64\[3\] do not broadcast"):
        update(x, 0, np.zeros(3))
    with pytest.raises(errors.DTypeError, match="complex64"):
        update(x, 0, 1j)
    with pytest.raises(errors.DTypeError, match=r"at\[...\].add: values float32\[\] do not fit into int64\[1\]"):
        update(Array([1]), 0, 0.5, "add")
    with pytest.raises(errors.ArgumentError, match="mode 'plus'"):
        update(x, 0, 0.5, "plus")
    with pytest.raises(errors.OutOfBoundsError, match=r"at\[...\].add: index 3 is out of bounds"):
        update(x, [3], 1.0, "add")
    with pytest.raises(errors.ShapeError, match="reach beyond"):
        lookup.gather(x, np.zeros((4, 1), int), 1)
    with pytest.raises(errors.ShapeError, match="as many axes"):
        lookup.take_along_axis(x, [0], 1)
    with pytest.raises(errors.OutOfBoundsError, match="take_along_axis: index 4 is out of bounds"):
        lookup.take_along_axis(x, [[4]], 1)
    with pytest.raises(errors.OutOfBoundsError, match="put_along_axis: index -5 is out of bounds"):
        lookup.put_along_axis(x, [[-5]], 1.0, 1)
    with pytest.raises(errors.OutOfBoundsError, match="one_hot: index 3 is out of bounds"):
        lookup.one_hot([3], 3)


def test_basic_indices_hash_and_compare():
    a, b = (BasicIndex(((0, 4, 2), None, 1), (4, 3)) for _ in range(2))
    assert a == b and hash(a) == hash(b) and a.shape == (2, 1) and repr(a) == "[0:4:2, None, 1]"
    assert a != BasicIndex(((0, 4, 2), None, 1), (5, 3))


def test_halves_and_integers_scatter():
    for dtype in ("float16", "bfloat16", "int32", "bool", "complex64"):
        x = Array([0, 1, 0], dtype)
        out = update(x, [0, 0], Array([1, 1], dtype), "add")
        assert out.dtype == x.dtype
        assert out.numpy().astype(complex).tolist() == [1 if dtype == "bool" else 2, 1, 0]
    assert indexing.nonzero(Array([[0, 3], [4, 0]]))[1].tolist() == [1, 0]
