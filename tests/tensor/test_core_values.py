"""Functions under PyTorch's names take core values too, and tensors keep their ways inside transforms."""

import numpy as np
import pytest

import minitorch as mt
from minitorch.tensor import functions
from tests.torch_diff.cases import Given, Side, array, case, flat, given
from tests.torch_diff.tables import ALL

FUNCTIONS = [c for c in ALL if not c.only]


@pytest.mark.parametrize("one", FUNCTIONS, ids=str)
def test_arrays_give_arrays(one):
    tensors = Side(mt, str(one), "float64", grad=False)
    args, params = tensors.arguments(one.args, one.params)
    expected = flat(getattr(mt, one.name)(*args, **params))

    class Arrays:
        from_numpy = staticmethod(mt.array)

        def __getattr__(self, name):
            return getattr(mt, name)

    lib = Arrays()
    side = Side(lib, str(one), "float64", grad=False)
    args, params = side.arguments(one.args, one.params)
    found = flat(getattr(mt, one.name)(*args, **params))
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        if isinstance(b, mt.Tensor) and side.all:
            assert type(a) is mt.Array, type(a)
            np.testing.assert_array_equal(np.asarray(a), array(b))
            assert a.dtype == b.dtype


BATCHED = [
    c for c in FUNCTIONS if all(isinstance(a, Given) and a.kind not in ("index",) for a in c.args) and not c.params
]
# Their results' shapes or kinds depend on the data, or they answer in Python.
CONCRETE = {
    "masked_select",
    "masked_scatter",
    "nonzero",
    "argwhere",
    "where",
    "unique",
    "bincount",
    "histc",
    "histogram",
    "allclose",
    "equal",
}
CONCRETE |= {"repeat_interleave", "atleast_3d"}


@pytest.mark.parametrize("one", [c for c in BATCHED if c.name not in CONCRETE], ids=str)
def test_functions_of_tensors_under_vmap(one):
    rng = np.random.default_rng(0)
    args = [mt.from_numpy(Given((3, *a.shape), a.kind).data(rng, "float64")) for a in one.args]
    function = getattr(mt, one.name)
    batched = flat(mt.vmap(lambda *xs: function(*xs))(*args))
    for i in range(3):
        for whole, part in zip(batched, flat(function(*(a[i] for a in args)))):
            np.testing.assert_allclose(array(whole)[i], array(part), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("wrap", [mt.vmap, lambda f: mt.jit(mt.vmap(f)), mt.jit], ids=["vmap", "jit of vmap", "jit"])
def test_least_squares_asks_for_numbers_only_where_the_residuals_need_them(wrap):
    rng = np.random.default_rng(0)
    a, b = mt.from_numpy(rng.standard_normal((2, 4, 3))), mt.from_numpy(rng.standard_normal((2, 4, 1)))
    found = wrap(lambda a, b: mt.linalg.lstsq(a, b).solution)(a, b)
    for i in range(2):
        np.testing.assert_allclose(found[i].numpy(), np.linalg.lstsq(a[i].numpy(), b[i].numpy())[0])
    with pytest.raises(mt.errors.MinitorchError, match="lstsq"):
        wrap(lambda a, b: mt.linalg.lstsq(a, b, driver="gelsd").solution)(a, b)


def overwritten(x):
    y = x * 2
    part = y[1:]
    part.mul_(x[:-1])
    y.view(-1)[0] = 3.0
    y.t_() if y.ndim == 2 else y.neg_()
    return (y * y).sum() + part.sum()


@pytest.mark.parametrize("shape", [(4,), (2, 2)])
def test_writes_inside_transforms(shape):
    x = mt.linspace(0.5, 2, 4, dtype=mt.float64).reshape(shape)
    leaf = x.clone().requires_grad_()
    value = overwritten(leaf)
    value.backward()
    by_transform = mt.grad(overwritten)(x)
    np.testing.assert_allclose(array(by_transform), array(leaf.grad))
    np.testing.assert_allclose(mt.value_and_grad(overwritten)(mt.Tensor(x))[0].item(), value.item())
    rows = mt.stack([x, 2 * x])
    for i, row in enumerate(rows):
        np.testing.assert_allclose(array(mt.vmap(overwritten)(rows))[i], array(overwritten(row)))
        np.testing.assert_allclose(array(mt.vmap(mt.grad(overwritten))(rows))[i], array(mt.grad(overwritten)(row)))
    tangent = mt.ones(*shape, dtype=mt.float64)
    pushed = mt.jvp(overwritten, (x,), (tangent,))[1]
    np.testing.assert_allclose(array(pushed), array((by_transform * tangent).sum()))


def test_result_of_a_function_is_no_alias_of_its_argument():
    trivial = [
        case("roll", given(3), 0),
        case("tile", given(3), (1,)),
        case("flip", given(3), ()),
        case("repeat_interleave", given(3), 1),
        case("clamp", given(3), -9.0, 9.0),
        case("sum", given()),
        case("cumsum", given(), 0),
        case("nan_to_num", given(3, kind="integer")),
        case("squeeze", given(3)),
        case("reshape", given(3), (3,)),
        case("expand", given(3), 3),
        case("pad", given(3), (0, 0)),
        case("movedim", given(3), 0, 0),
        case("diff", given(3), 0),
        case("clone", given(3)),
        case("softmax", given(), 0),
        case("masked_fill", given(3), given(3, kind="bool"), 0.0),
        case("mean", given()),
        case("max", given()),
        case("sort", given()),
        case("cummax", given(), 0),
    ]
    for one in trivial + ALL:
        if one.only or not one.args or not isinstance(one.args[0], Given) or one.name in functions.RETURN_SELF:
            continue
        if one.name.startswith("atleast") or not hasattr(mt, one.name):
            continue
        side = Side(mt, str(one), "float64", grad=False)
        args, params = side.arguments(one.args, one.params)
        for out in flat(getattr(mt, one.name)(*args, **params)):
            assert all(out is not x for x in side.all), f"{one} returns its argument"


def test_stride_and_contiguity():
    x = mt.zeros(2, 3, 4)
    assert x.stride() == (12, 4, 1) and x.stride(1) == 4 and x.is_contiguous()
    y = x.transpose(0, 2)
    assert y.stride() == (1, 4, 12) and not y.is_contiguous()
    assert y.contiguous().stride() == (6, 2, 1) and x.contiguous() is x
    assert x[:, ::2].stride() == (12, 8, 1) and x[1].is_contiguous()
    assert x.expand(5, 2, 3, 4).stride() == (0, 12, 4, 1)
    assert mt.zeros(2, dtype=mt.complex64).real.stride() == (2,)


def test_stride_and_offset_of_views_that_are_gathered():
    def lie(x):
        return x.stride(), x.storage_offset(), x.is_contiguous()

    x, z = mt.arange(6), mt.zeros(3, 2, dtype=mt.complex64)
    assert lie(x[1:].unfold(0, 3, 2)) == ((2, 1), 1, False)
    assert lie(mt.zeros(4, 6).t().unfold(0, 2, 3)) == ((3, 6, 1), 0, False)
    assert lie(mt.tensor(1.0).unfold(0, 1, 1)) == ((1,), 0, True)
    assert lie(mt.as_strided(x, (2, 2), (1, 1), 2)) == ((1, 1), 2, False)
    assert lie(z.imag) == ((4, 2), 1, False)
    assert lie(mt.view_as_real(z.t()[1:])) == ((2, 4, 1), 2, False)
    assert lie(mt.view_as_complex(mt.zeros(4, 3, 2)[1:])) == ((3, 1), 3, True)
    windows = x.unfold(0, 2, 1).contiguous()  # which copies, for they overlap
    windows[0, 0] = 9
    assert x[0] == 0


def test_tensors_of_the_same_elements():
    x = mt.zeros(2, 3)
    assert x.is_set_to(x.view(2, 3)) and x.is_set_to(x.detach()) and x[:1].is_set_to(x[:1])
    assert not x[:1].is_set_to(x[1:]) and not x.is_set_to(x.view(3, 2)) and not x.is_set_to(x.clone())


def test_sizes():
    x = mt.zeros(2, 3)
    assert x.size() == x.shape == (2, 3) and x.size(0) == 2 and x.size(-1) == 3
    assert x.size == 6 == x.numel() == x.nelement() == mt.numel(x) and x.dim() == x.ndim == x.ndimension() == 2
    assert (x.itemsize, x.nbytes, x.element_size()) == (4, 24, 4)
    assert x.is_floating_point() and not x.is_complex() and x.is_signed() and mt.is_tensor(x) and not mt.is_tensor(1)
    assert x.is_same_size(mt.ones(2, 3)) and x.sum_to_size(1, 3).shape == (1, 3) and x.is_set_to(x)
    assert x.type() == "torch.FloatTensor" and x.type(mt.int64).dtype == mt.int64 and x.get_device() == -1
    assert bool(mt.is_nonzero(mt.tensor(2.0))) and mt.is_floating_point(x) and not mt.is_complex(x)
