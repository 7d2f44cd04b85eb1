"""Arrays made natively are those that Python makes: of their own memory, held by nobody else, freed with their owner."""

import gc
import sys
import weakref

import numpy as np
import pytest

import minitorch as mt
from minitorch.compiling import handles
from minitorch.core.array import Array
from minitorch.core.jit.native import entry, making
from minitorch.core.jit.native.enter import NEW
from minitorch.core.jit.native.entry import Entry, Row, Work
from minitorch.core.jit.native.objects import supported
from minitorch.core.jit.native.pairs import Pairs

pytestmark = pytest.mark.skipif(not supported() or not making.functions(), reason="arrays cannot be made natively")

NEW_ONES = [
    ((), np.dtype(np.float32)),
    ((3,), np.dtype(np.float64)),
    ((2, 0, 4), np.dtype(np.int8)),
    ((2, 3, 4, 5), np.dtype(np.complex128)),
    ((7, 1), np.dtype(np.bool_)),
]


def made(new=NEW_ONES):
    rows = [Row(NEW, i, i, shape, dtype) for i, (shape, dtype) in enumerate(new)]
    work = Work(np.zeros(len(new) + 1, np.int64), [], np.zeros(1, np.int64))
    news = making.maker(new)()
    looked = Entry((0, ()), Pairs(), rows, work)
    assert looked.run((), news)
    return news[:-4], work.addresses[:-1]


def test_they_are_what_python_makes():
    assert making.maker(NEW_ONES)() == [None] * len(NEW_ONES)
    arrays, addresses = made()
    for array, address, (shape, dtype) in zip(arrays, addresses, NEW_ONES, strict=True):
        data, twin = array._data, Array(np.empty(shape, dtype))._data
        assert type(array) is Array and type(data) is np.ndarray
        assert data.shape == shape and data.dtype is dtype and data.ctypes.data == address
        assert data.flags.c_contiguous and data.flags.owndata and data.flags.writeable and data.base is None
        assert sys.getrefcount(data) == sys.getrefcount(twin) + 1  # the array
        assert gc.is_tracked(array)


def test_nothing_is_left_behind():
    dtype = NEW_ONES[0][1]
    arrays, _ = made()
    watched = [weakref.ref(x) for x in arrays]
    held, nones = sys.getrefcount(dtype), sys.getrefcount(None)
    for _ in range(1000):
        arrays, _ = made()
    assert sys.getrefcount(dtype) - held < 100 and abs(sys.getrefcount(None) - nones) < 500
    assert all(ref() is None for ref in watched)


def test_results_are_each_calls_own():
    f = mt.jit(lambda x: tuple(x + i for i in range(4)))
    seen = [f(mt.ones(3)) for _ in range(50)]
    for row in seen:
        assert [y.tolist() for y in row] == [[1.0 + i] * 3 for i in range(4)]
    assert len({y.numpy().ctypes.data for row in seen for y in row}) == 200


def test_a_call_that_is_turned_away_makes_nothing_that_lasts():
    f = mt.jit(lambda x: (x * 2, x * 3))
    for n in (3, 4) * 10:
        a, b = f(mt.ones(n))
        assert a.tolist() == [2.0] * n and b.tolist() == [3.0] * n


VIEWS = {
    "halves": lambda y: (y[0], y[1]),
    "with the whole": lambda y: (y, y[0], y.T),
    "the whole last": lambda y: [y[:, 1], y],
    "steps": lambda y: {"a": y.T[1:], "b": y.reshape(-1)[::2]},
    "backwards": lambda y: (y.flip(0), y[1:], y[1:, 0]),
    "cut": lambda y: (y.detach()[0], y[0], y.detach()),
    "apart": lambda y: (y[0], (y * 3)[1], y.sum(), (y + 1, (y * 5)[0])),
}


def tensors(x):
    """Return the tensors in containers, as they are."""
    return (
        [x]
        if isinstance(x, mt.Tensor)
        else [t for part in (x.values() if type(x) is dict else x) for t in tensors(part)]
    )


@pytest.mark.parametrize("name", VIEWS)
def test_views_share_as_they_do_without_jit(name):
    def plain(x):
        return VIEWS[name](x * 2)

    def written(results):
        """Write to each result in turn, and look at all."""
        leaves = tensors(results)
        seen = []
        for i, x in enumerate(leaves):
            x.mul_(10 + i)
            seen.append([y.tolist() for y in leaves])
        return seen

    compiled, x = mt.jit(plain), mt.arange(6.0).reshape(2, 3)
    for _ in range(5):
        found, wanted = compiled(x), plain(x)
        assert mt.tree.structure(found) == mt.tree.structure(wanted)
        for a, b in zip(tensors(found), tensors(wanted), strict=True):
            assert type(a) is mt.Tensor and a.node is None and not a.requires_grad
            assert a.tolist() == b.tolist() and a.dtype == b.dtype and a.is_contiguous() == b.is_contiguous()
        assert written(found) == written(wanted)
    assert compiled.quick.entrance.finish is not None


def test_gradients_of_views():
    compiled = mt.jit(lambda x: (lambda y: (y[0], y[1]))(x * 2))
    for _ in range(4):
        a, b = compiled(mt.ones(2, 3))
        w = mt.ones(3, requires_grad=True)
        b.mul_(w)
        (a.sum() * b.sum()).backward()
        assert w.grad.tolist() == [12.0] * 3


def test_views_leave_nothing_behind():
    compiled = mt.jit(lambda x: (lambda y: (y[0], y[1]))(x * 2))
    x = mt.ones(2, 3)
    compiled(x), compiled(x)
    a, b = compiled(x)
    memory = a.value._data.base
    watched = [weakref.ref(o) for o in (a, b, memory)]
    assert memory is b.value._data.base and sys.getrefcount(a) == 2
    del a, b, memory
    assert all(ref() is None for ref in watched)
    nothing, held = sys.getrefcount(None), len(gc.get_objects())
    for _ in range(1000):
        compiled(x)
    assert abs(sys.getrefcount(None) - nothing) < 500 and len(gc.get_objects()) - held < 100


def test_without_the_functions_python_makes_them(monkeypatch):
    for where in (making, entry, handles):
        monkeypatch.setattr(where, "functions", lambda: None)
    assert [x.shape for x in making.maker(NEW_ONES)()] == [shape for shape, _ in NEW_ONES]
    arrays, addresses = made()
    assert [x._data.ctypes.data for x in arrays] == addresses.tolist()
    halves = mt.jit(lambda x: (lambda y: (y[0], y[1]))(x * 2))
    assert [[y.tolist() for y in halves(mt.ones(2, 2))] for _ in range(4)] == [[[2.0, 2.0]] * 2] * 4
    model = mt.nn.Linear(3, 2)
    f = mt.jit(lambda x: (model(x).sum(), x * 2, x + 1))
    for _ in range(10):
        loss, doubled, more = f(mt.ones(1, 3))
        model.zero_grad()
        loss.backward()
        assert model.weight.grad.tolist() == [[1.0] * 3] * 2
        assert doubled.tolist() == [[2.0] * 3] and more.tolist() == [[2.0] * 3]
