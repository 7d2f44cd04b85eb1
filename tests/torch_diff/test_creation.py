"""Making tensors: shapes, dtypes and values as in PyTorch; random numbers by their distribution."""

import copy
import pickle
import threading

import numpy as np
import pytest

import minitorch as mt

from .cases import array
from .compare import same

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

# fmt: off
CREATED = {
    **{
        f"{name} of {args}": lambda lib, name=name, args=args: getattr(lib, f"{name}_window")(*args)
        for name in ("hann", "hamming", "bartlett", "kaiser")
        for args in ((6,), (5, False), (1,), (0,), (2, False))
    },
    "hamming, own": lambda lib: lib.hamming_window(6, False, 0.6, 0.4),
    "hamming, named": lambda lib: lib.hamming_window(6, False, alpha=0.6, beta=0.4),
    "kaiser, own": lambda lib: lib.kaiser_window(6, True, 3.0, dtype=lib.float64),
    "range": lambda lib: lib.range(1, 4), "range by half": lambda lib: lib.range(0, 2, 0.5),
    "scalar_tensor": lambda lib: lib.scalar_tensor(3), "frombuffer": lambda lib: lib.frombuffer(
        bytearray(range(12)), dtype=lib.int16, count=4, offset=2),
    "from_dlpack": lambda lib: lib.from_dlpack(np.arange(6.0).reshape(2, 3)),
    **{
        f"{name}Tensor": lambda lib, name=name: getattr(lib, f"{name}Tensor")([1, 0, 2])
        for name in ("Float", "Double", "Half", "Long", "Int", "Short", "Char", "Byte", "Bool")
    },
    "FloatTensor of sizes": lambda lib: lib.FloatTensor(2, 3).zero_(),
    "tensor of ints": lambda lib: lib.tensor([[1, 2], [3, 4]]),
    "tensor of floats": lambda lib: lib.tensor([1.0, 2.5]),
    "tensor of bools": lambda lib: lib.tensor([True, False]),
    "tensor of complex": lambda lib: lib.tensor([1 + 2j]),
    "tensor of int and float": lambda lib: lib.tensor([1, 2.5]),
    "tensor of a number": lambda lib: lib.tensor(3),
    "tensor of nothing": lambda lib: lib.tensor([]),
    "tensor of empty rows": lambda lib: lib.tensor([[], []]),
    "tensor of float64 data": lambda lib: lib.tensor(np.array([1.0, 2.0])),
    "tensor of int32 data": lambda lib: lib.tensor(np.array([1, 2], np.int32)),
    "tensor of a NumPy number": lambda lib: lib.tensor(np.float64(1.5)),
    "tensor of a tuple": lambda lib: lib.tensor((1.0, 2.0)),
    "tensor of 0-d tensors": lambda lib: lib.tensor([lib.tensor(1.0), lib.tensor(2.0)]),
    "tensor with dtype": lambda lib: lib.tensor([1.7, -1.7], dtype=lib.int32),
    "tensor, half": lambda lib: lib.tensor([1.0], dtype=lib.float16),
    "as_tensor": lambda lib: lib.as_tensor([1, 2]),
    "as_tensor with dtype": lambda lib: lib.as_tensor(np.array([1, 2]), dtype=lib.float64),
    "from_numpy": lambda lib: lib.from_numpy(np.arange(3.0)),
    "Tensor of list": lambda lib: lib.Tensor([1, 2, 3]),
    "zeros": lambda lib: lib.zeros(2, 3), "zeros of tuple": lambda lib: lib.zeros((2, 3)),
    "zeros of list": lambda lib: lib.zeros([2]), "zeros 0-d": lambda lib: lib.zeros(()),
    "zeros with dtype": lambda lib: lib.zeros(2, dtype=lib.int64), "ones": lambda lib: lib.ones(0, 3),
    "ones, bool": lambda lib: lib.ones(2, dtype=lib.bool),
    "full": lambda lib: lib.full((2, 2), 7), "full of float": lambda lib: lib.full((2,), 1.5),
    "full of bool": lambda lib: lib.full((2,), True), "full of complex": lambda lib: lib.full((2,), 1j),
    "full with dtype": lambda lib: lib.full([2], 1, dtype=lib.float64),
    "eye": lambda lib: lib.eye(3), "eye, wide": lambda lib: lib.eye(2, 3, dtype=lib.int64),
    "arange": lambda lib: lib.arange(5), "arange of float": lambda lib: lib.arange(3.5),
    "arange from": lambda lib: lib.arange(2, 5), "arange step": lambda lib: lib.arange(0, 1, 0.3),
    "arange down": lambda lib: lib.arange(5, 0, -2), "arange, nothing": lambda lib: lib.arange(2, 2),
    "arange with dtype": lambda lib: lib.arange(3, dtype=lib.float64),
    "arange, keywords": lambda lib: lib.arange(start=1, end=4, step=2),
    "linspace": lambda lib: lib.linspace(0, 1, 7),
    "linspace down": lambda lib: lib.linspace(3, -2, 4, dtype=lib.float64),
    "linspace of one": lambda lib: lib.linspace(2, 5, 1), "linspace of none": lambda lib: lib.linspace(2, 5, 0),
    "linspace, steps": lambda lib: lib.linspace(0, 1, steps=3),
    "logspace": lambda lib: lib.logspace(0, 2, 5), "logspace of base 2": lambda lib: lib.logspace(0, 3, 4, base=2.0),
    "zeros_like": lambda lib: lib.zeros_like(lib.ones(2, 3, dtype=lib.int64)),
    "ones_like": lambda lib: lib.ones_like(lib.zeros(2), dtype=lib.float64),
    "full_like": lambda lib: lib.full_like(lib.zeros(2, 2), 3),
    "new_zeros": lambda lib: lib.ones(1, dtype=lib.float64).new_zeros(2, 3),
    "new_ones": lambda lib: lib.ones(1, dtype=lib.int64).new_ones((2,)),
    "new_full": lambda lib: lib.ones(1).new_full((2,), 3),
    "new_tensor": lambda lib: lib.ones(1, dtype=lib.float64).new_tensor([1, 2]),
    "complex": lambda lib: lib.complex(lib.tensor([1.0]), lib.tensor([2.0])),
    "requires_grad": lambda lib: lib.zeros(2, requires_grad=True),
}
# fmt: on


@pytest.mark.parametrize("name", CREATED)
@pytest.mark.filterwarnings("ignore:torch.range is deprecated:UserWarning")
def test_created(name):
    ours, theirs = CREATED[name](mt), CREATED[name](torch)
    same(ours, theirs, "float32", name)
    assert ours.requires_grad == theirs.requires_grad
    assert repr(ours) == repr(theirs).replace("torch.", "")


@pytest.mark.parametrize("name", ["empty", "empty_like", "new_empty"])
def test_empty_has_a_shape_and_dtype(name):
    call = {
        "empty": lambda lib: lib.empty(2, 3, dtype=lib.float64),
        "empty_like": lambda lib: lib.empty_like(lib.ones(2, 3)),
        "new_empty": lambda lib: lib.ones(1, dtype=lib.int64).new_empty(2, 3),
    }[name]
    ours, theirs = call(mt), call(torch)
    assert ours.shape == tuple(theirs.shape)
    assert str(ours.dtype) == str(theirs.dtype).removeprefix("torch.")


def test_from_numpy_copies():
    data = np.zeros(3)
    x = mt.from_numpy(data)
    data[0] = 1
    assert not x.any()


def test_as_tensor_keeps_a_tensor():
    x = mt.zeros(2)
    assert mt.as_tensor(x) is x and mt.as_tensor(x, dtype=mt.float32) is x


def test_tensor_of_a_tensor_is_a_copy():
    x = mt.zeros(2, requires_grad=True)
    y = mt.tensor(x)
    y += 1
    assert not x.any() and y.is_leaf


def test_default_dtype():
    try:
        mt.set_default_dtype(mt.float64)
        assert mt.get_default_dtype() == mt.float64
        assert (
            mt.tensor([1.0]).dtype == mt.zeros(1).dtype == mt.rand(1).dtype == (mt.tensor([1]) / 2).dtype == mt.float64
        )
        assert repr(mt.tensor([1.0])) == "tensor([1.])"
    finally:
        mt.set_default_dtype(mt.float32)
    assert mt.tensor([1.0]).dtype == mt.float32


@pytest.mark.parametrize("name", ["float32", "float64", "float16", "bfloat16", "complex64"])
def test_finfo(name):
    ours, theirs = mt.finfo(getattr(mt, name)), torch.finfo(getattr(torch, name))
    for field in ("bits", "eps", "max", "min", "tiny", "smallest_normal"):
        assert getattr(ours, field) == getattr(theirs, field) and type(getattr(ours, field)) in (float, int), field
    assert repr(ours) == repr(theirs) and ours.dtype == theirs.dtype and ours.resolution == theirs.resolution


@pytest.mark.parametrize("name", ["int8", "uint8", "int64"])
def test_iinfo(name):
    ours, theirs = mt.iinfo(getattr(mt, name)), torch.iinfo(getattr(torch, name))
    assert (ours.bits, ours.max, ours.min) == (theirs.bits, theirs.max, theirs.min)


def test_dlpack_both_ways():
    x = mt.arange(6.0).reshape(2, 3)
    for theirs in (torch.from_dlpack(x), torch.from_dlpack(mt.utils.dlpack.to_dlpack(x)), np.from_dlpack(x)):
        assert array(theirs).tolist() == x.tolist()
    y = torch.arange(6).reshape(3, 2).T
    for ours in (mt.from_dlpack(y), mt.utils.dlpack.from_dlpack(torch.utils.dlpack.to_dlpack(y))):
        assert ours.tolist() == y.tolist() and ours.dtype == mt.int64
    with pytest.raises(BufferError, match="detach"):
        x.requires_grad_().__dlpack__()
    with pytest.raises(BufferError, match="Tensor.*bfloat16, to float32 first"):
        mt.from_dlpack(torch.ones(2, dtype=torch.bfloat16))


def test_a_generator_and_its_clone():
    a = mt.Generator().manual_seed(5)
    mt.rand(3, generator=a)
    b = a.clone_state()
    assert b.initial_seed() == 5 and b.device.type == "cpu"
    assert mt.rand(4, generator=a).tolist() == mt.rand(4, generator=b).tolist() != mt.rand(4, generator=a).tolist()


DTYPES = [
    "bool",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "complex64",
    "complex128",
]


@pytest.mark.parametrize("first", DTYPES)
def test_types_are_promoted_as_in_torch(first):
    for second in DTYPES:
        if {first, second} & {"complex64", "complex128"} and "float16" in (first, second):
            continue  # gives complex32 in PyTorch, which NumPy does not have
        ours = mt.promote_types(getattr(mt, first), getattr(mt, second))
        theirs = torch.promote_types(getattr(torch, first), getattr(torch, second))
        assert str(ours) == str(theirs).removeprefix("torch."), second
        assert mt.can_cast(getattr(mt, first), getattr(mt, second)) == torch.can_cast(
            getattr(torch, first), getattr(torch, second)
        ), second
        for shapes in ((2, 2), (2, ()), ((), 2), ((), ())):
            made = [
                [lib.ones(s, dtype=getattr(lib, d)) for s, d in zip(shapes, (first, second))] for lib in (mt, torch)
            ]
            ours, theirs = mt.result_type(*made[0]), torch.result_type(*made[1])
            assert str(ours) == str(theirs).removeprefix("torch."), (second, shapes)
            ours, theirs = made[0][0] * made[0][1], made[1][0] * made[1][1]
            assert str(ours.dtype) == str(theirs.dtype).removeprefix("torch."), (second, shapes)
        for number in (True, 2, 2.5, *([] if first == "float16" else [1j])):
            ours = mt.result_type(mt.ones(2, dtype=getattr(mt, first)), number)
            theirs = torch.result_type(torch.ones(2, dtype=getattr(torch, first)), number)
            assert str(ours) == str(theirs).removeprefix("torch."), number


@pytest.mark.parametrize("name", ["atleast_1d", "atleast_2d", "atleast_3d"])
@pytest.mark.parametrize("lib", [mt, torch], ids=["ours", "torch"])
def test_a_tensor_gives_a_tensor_and_a_list_a_tuple(lib, name):
    function, x = getattr(lib, name), lib.ones(2)
    assert isinstance(function(x), lib.Tensor)
    assert [(type(found), len(found)) for found in (function([x]), function(x, x))] == [(tuple, 1), (tuple, 2)]


def test_device():
    assert (mt.zeros(1).device, mt.zeros(1).device.type, mt.zeros(1).is_cuda) == ("cpu", "cpu", False)
    for text in ("cuda:1", "cuda", "cpu"):
        ours, theirs = mt.device(text), torch.device(text)
        assert (ours.type, ours.index, str(ours), repr(ours)) == (theirs.type, theirs.index, str(theirs), repr(theirs))
    x = mt.zeros(2)
    assert x.cpu() is x and x.to("cpu") is x and x.to(mt.float32) is x and x.to(x) is x and x.float() is x
    assert x.to("cpu", mt.float32, True) is x and x.to(mt.float32, True, False) is x
    assert all(y is not x for y in (x.to(mt.float32, copy=True), x.to("cpu", None, False, True), x.to(x, True, True)))


# ----------------------------------------------------------------------------------------- printing

PRINTED = {
    "tracked": lambda lib: lib.ones(2, requires_grad=True) * 2,
    "leaf": lambda lib: lib.ones(2, requires_grad=True),
    "long suffix": lambda lib: lib.ones(2, 9, requires_grad=True) * 1.23,
    "wide": lambda lib: lib.arange(30) * 1000,
    "summarized": lambda lib: lib.arange(2000).reshape(40, 50),
    "summarized vector": lambda lib: lib.arange(2000) / 7,
    "mixed sizes": lambda lib: lib.tensor([1e-6, 1.0, 1e6]),
    "special": lambda lib: lib.tensor([1.5, float("nan"), float("inf"), -float("inf"), 0.0]),
    "whole": lambda lib: lib.tensor([1.0, -200.0]),
    "deep": lambda lib: lib.ones(2, 2, 2, 2),
    "empty": lambda lib: lib.zeros(0, 3),
    "complex": lambda lib: lib.tensor([1 + 2j, -0.5j]),
    "double": lambda lib: lib.ones(2, dtype=lib.float64),
    "half": lambda lib: lib.ones(2, dtype=lib.bfloat16) / 3,
    "0-d": lambda lib: lib.tensor(7.0),
}


@pytest.mark.parametrize("name", PRINTED)
def test_printed(name):
    assert repr(PRINTED[name](mt)) == repr(PRINTED[name](torch)).replace("torch.", "")


def test_printed_random_data():
    rng = np.random.default_rng(0)
    for _ in range(200):
        shape = tuple(int(n) for n in rng.choice([0, 1, 2, 3, 7, 15], rng.integers(0, 4)))
        data = np.asarray(rng.standard_normal(shape) * 10.0 ** rng.integers(-6, 10))
        data = data.astype(rng.choice(["float32", "float64", "int64", "complex64"]).item() if data.size else "float32")
        ours, theirs = repr(mt.from_numpy(data)), repr(torch.from_numpy(np.array(data))).replace("torch.", "")
        # Where PyTorch's longer names of dtypes do not fit into the line, they go to the next.
        assert ours.replace(", dtype", ",\n       dtype") == theirs.replace(", dtype", ",\n       dtype")


def test_print_options():
    x = [1.23456, 2.0, 1000.5]
    for options in (
        {"precision": 2},
        {"sci_mode": True},
        {"profile": "short"},
        {"linewidth": 12},
        {"edgeitems": 1, "threshold": 2},
    ):
        try:
            mt.set_printoptions(**options)
            torch.set_printoptions(**options)
            assert repr(mt.tensor(x)) == repr(torch.tensor(x)), options
        finally:
            mt.set_printoptions(profile="default")
            torch.set_printoptions(profile="default")


def test_formatted():
    assert f"{mt.tensor(1.5):.3f}" == f"{torch.tensor(1.5):.3f}"
    assert f"{mt.tensor([1.5])}" == f"{torch.tensor([1.5])}"


def test_printed_inside_transforms():
    shown = []
    mt.vmap(lambda x: shown.append(repr(x)) or x)(mt.ones(3, 2))
    mt.grad(lambda x: shown.append(repr(x)) or x.sum())(mt.ones(2))
    assert all("tensor(" in text for text in shown) and len(shown) == 2


# ----------------------------------------------------------------------------------------- copies


@pytest.mark.parametrize("args", [(6,), (5, False), (1,), (0,), (2, False)])
def test_blackman(args):
    ours, theirs = mt.blackman_window(*args, dtype=mt.float64), torch.blackman_window(*args, dtype=torch.float64)
    np.testing.assert_allclose(array(ours), array(theirs), atol=1e-15)  # it is 0 at the ends, but for rounding


class Named(mt.Tensor):
    """A subclass, as users write them."""


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int64", "complex64", "bool"])
def test_copied(how, dtype):
    x = mt.ones(2, 3, dtype=getattr(mt, dtype))
    y = how(x)
    assert mt.equal(x, y) and y.dtype == x.dtype and type(y) is mt.Tensor and y is not x


def test_copies_keep_class_attributes_and_requires_grad():
    x = Named([1.0, 2.0], requires_grad=True)
    x.label = "weights"
    (x * 3).sum().backward()
    for how in (copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))):
        y = how(x)
        assert type(y) is Named and y.label == "weights" and y.requires_grad and y.is_leaf
    assert mt.equal(copy.deepcopy(x).grad, x.grad)
    shared = [x, x]
    a, b = copy.deepcopy(shared)
    assert a is b and a is not x


def test_copy_shares_and_deepcopy_does_not():
    for lib in (mt, torch):
        x = lib.zeros(3)
        shared, own = copy.copy(x), copy.deepcopy(x)
        x += 1
        assert shared.tolist() == [1, 1, 1] and own.tolist() == [0, 0, 0]


# ----------------------------------------------------------------------------------------- random numbers

# name: (call, mean, standard deviation, lower bound, upper bound)
# fmt: off
DRAWN = {
    "rand": (lambda g: mt.rand(200, 100, generator=g), 0.5, 12**-0.5, 0, 1),
    "randn": (lambda g: mt.randn((200, 100), generator=g), 0, 1, -7, 7),
    "randint": (lambda g: mt.randint(6, (20000,), generator=g), 2.5, (35 / 12) ** 0.5, 0, 5),
    "randint from": (lambda g: mt.randint(-3, 3, (20000,), generator=g), -0.5, (35 / 12) ** 0.5, -3, 2),
    "randperm": (lambda g: mt.randperm(20000, generator=g), 9999.5, 20000 * 12**-0.5, 0, 19999),
    "normal": (lambda g: mt.normal(2.0, 3.0, (20000,), generator=g), 2, 3, -20, 24),
    "normal of tensors": (lambda g: mt.normal(mt.full((20000,), 2.0), mt.tensor(3.0), generator=g), 2, 3, -20, 24),
    "bernoulli": (lambda g: mt.bernoulli(mt.full((20000,), 0.3), generator=g), 0.3, 0.21**0.5, 0, 1),
    "multinomial": (lambda g: mt.multinomial(mt.tensor([1.0, 0.0, 3.0]), 20000, True, generator=g), 1.5, 0.75**0.5,
        0, 2),
}
# fmt: on


@pytest.mark.parametrize("name", DRAWN)
def test_drawn(name):
    call, mean, std, low, high = DRAWN[name]
    data = array(call(mt.Generator().manual_seed(1))).astype(np.float64)
    assert abs(data.mean() - mean) < 5 * std / np.sqrt(data.size)
    assert abs(data.std() - std) < 0.05 * std
    assert low <= data.min() and data.max() <= high
    assert np.array_equal(array(call(mt.Generator().manual_seed(1))), data)
    assert not np.array_equal(array(call(mt.Generator().manual_seed(2))), data)


# fmt: off
RANDOM_SHAPES = {
    "rand": lambda lib: lib.rand(2, 3), "rand, double": lambda lib: lib.rand(2, dtype=lib.float64),
    "randn": lambda lib: lib.randn(2, requires_grad=True),
    "randint": lambda lib: lib.randint(3, (2, 2)),
    "randint, float": lambda lib: lib.randint(0, 3, (2,), dtype=lib.float32),
    "randint, size": lambda lib: lib.randint(high=3, size=(2,), low=0), "randperm": lambda lib: lib.randperm(4),
    "rand_like": lambda lib: lib.rand_like(lib.ones(2, 3, dtype=lib.float64)),
    "randn_like": lambda lib: lib.randn_like(lib.ones(2), dtype=lib.float64),
    "randint_like": lambda lib: lib.randint_like(lib.ones(2, dtype=lib.int64), 3, 5),
    "normal": lambda lib: lib.normal(lib.ones(2, 3), lib.ones(3)),
    "normal, std": lambda lib: lib.normal(1.0, lib.ones(3)),
    "bernoulli": lambda lib: lib.bernoulli(lib.ones(2, dtype=lib.float64)),
    "bernoulli, method": lambda lib: lib.ones(2).bernoulli(0.5),
    "multinomial": lambda lib: lib.multinomial(lib.ones(2, 5), 3),
    "multinomial, method": lambda lib: lib.ones(4).multinomial(4),
}
# fmt: on


@pytest.mark.parametrize("name", RANDOM_SHAPES)
def test_random_shapes_and_dtypes(name):
    ours, theirs = RANDOM_SHAPES[name](mt), RANDOM_SHAPES[name](torch)
    assert ours.shape == tuple(theirs.shape) and ours.requires_grad == theirs.requires_grad
    assert str(ours.dtype) == str(theirs.dtype).removeprefix("torch.")


def test_multinomial_without_replacement_repeats_nothing():
    drawn = array(mt.multinomial(mt.ones(50, 6), 6))
    assert (np.sort(drawn, 1) == np.arange(6)).all()
    assert not (array(mt.multinomial(mt.tensor([1.0, 0.0, 1.0]).repeat(500, 1), 2)) == 1).any()


def test_seed_decides_what_is_drawn():
    mt.manual_seed(5)
    state = mt.get_rng_state()
    first = [mt.rand(3), mt.randn(3), mt.randperm(5)]
    assert mt.initial_seed() == 5
    mt.manual_seed(5)
    assert all(map(mt.equal, first, [mt.rand(3), mt.randn(3), mt.randperm(5)]))
    mt.set_rng_state(state)
    assert mt.equal(first[0], mt.rand(3))
    assert not mt.equal(mt.rand(3), mt.rand(3))
    assert mt.seed() != mt.seed()


def test_generator_state_travels():
    g = mt.Generator().manual_seed(3)
    mt.rand(2, generator=g)
    other = pickle.loads(pickle.dumps(g))
    assert other.initial_seed() == 3
    assert mt.equal(mt.rand(4, generator=g), mt.rand(4, generator=other))


def test_threads_that_seed_draw_as_alone_E21():
    def draws(seed):
        mt.manual_seed(seed)
        return [mt.rand(2).tolist() for _ in range(200)]

    found = {}
    threads = [threading.Thread(target=lambda k=k: found.__setitem__(k, draws(k))) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for k, numbers in found.items():
        assert numbers == draws(k)
