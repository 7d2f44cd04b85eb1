"""autograd and utils.data give what PyTorch's give: the same code runs in both libraries."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import minitorch as mt  # noqa: E402

from .cases import array  # noqa: E402

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore::UserWarning")]


def flat(x):
    """Return the arrays in nested tuples, lists and dicts, with their structure."""
    if isinstance(x, (tuple, list)):
        return [type(x).__name__, *(leaf for part in x for leaf in flat(part))]
    if isinstance(x, dict):
        return ["dict", *(leaf for key, part in x.items() for leaf in [key, *flat(part)])]
    return [x]


def same(run):
    """Run a function with each library, and compare everything it returns."""
    ours, theirs = flat(run(mt)), flat(run(torch))
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        if hasattr(b, "detach"):
            assert tuple(a.shape) == tuple(b.shape) and str(b.dtype) == f"torch.{a.dtype}"
            assert a.requires_grad == b.requires_grad
            np.testing.assert_allclose(array(a), array(b), rtol=1e-6)
        else:
            assert a == b


def refused(run):
    """Check that both libraries raise, ours with a class that also catches theirs."""
    with pytest.raises(Exception) as theirs:
        run(torch)
    with pytest.raises(type(theirs.value)):
        run(mt)


def points(lib):
    make = lambda *x: lib.tensor(list(x), dtype=lib.float64)  # noqa: E731
    return make(0.5, -1.0), make(2.0, 0.25)


FUNCTIONS = {
    "one": lambda lib: lambda x, y: (x * y).sum() * x,
    "two": lambda lib: lambda x, y: (lib.sin(x) * y, (x**3).sum()),
    "constant": lambda lib: lambda x, y: x * 2,
}
SCALARS = {
    "cubic": lambda lib: lambda x, y: (x**3 * y).sum(),
    "linear": lambda lib: lambda x, y: (x + 3 * y).sum(),
}


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_jacobian(name, create_graph):
    same(lambda lib: lib.autograd.functional.jacobian(FUNCTIONS[name](lib), points(lib), create_graph=create_graph))


@pytest.mark.parametrize("name", SCALARS)
def test_hessian(name):
    same(lambda lib: lib.autograd.functional.hessian(SCALARS[name](lib), points(lib)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_vjp_and_jvp(name):
    def run(lib):
        f, xs = FUNCTIONS[name](lib), points(lib)
        out = f(*xs)
        v = tuple(lib.ones_like(y) * 2 for y in out) if isinstance(out, tuple) else lib.ones_like(out) * 2
        functional = lib.autograd.functional
        return functional.vjp(f, xs, v), functional.jvp(f, xs, tuple(x * 3 for x in xs))

    same(run)


@pytest.mark.parametrize("name", SCALARS)
def test_vhp_and_hvp(name):
    def run(lib):
        f, xs = SCALARS[name](lib), points(lib)
        v = tuple(x + 1 for x in xs)
        return lib.autograd.functional.vhp(f, xs, v), lib.autograd.functional.hvp(f, xs, v)

    same(run)


@pytest.mark.parametrize("call", ["jacobian", "vjp", "hessian", "vhp", "hvp"])
def test_strict(call):
    refused(lambda lib: getattr(lib.autograd.functional, call)(lambda x, y: x.sum(), points(lib), strict=True))


def graph(lib):
    x = lib.tensor([1.0, 2.0], requires_grad=True)
    middle = x * 3
    return x, middle, (middle * middle).sum()


GRADS = {
    "of a leaf": lambda lib, x, middle, out: lib.autograd.grad(out, x),
    "of an intermediate": lambda lib, x, middle, out: lib.autograd.grad(out, [middle, x]),
    "of itself": lambda lib, x, middle, out: lib.autograd.grad(out, out),
    "with a graph": lambda lib, x, middle, out: lib.autograd.grad(out, x, create_graph=True),
    "with cotangents": lambda lib, x, middle, out: lib.autograd.grad((middle, out), x, (lib.ones(2), None)),
    "batched": lambda lib, x, middle, out: lib.autograd.grad(middle, x, lib.eye(2), is_grads_batched=True),
    "unused": lambda lib, x, middle, out: lib.autograd.grad(out, lib.ones(1, requires_grad=True), allow_unused=True),
    "unused as zeros": lambda lib, x, middle, out: lib.autograd.grad(
        out, lib.ones(1, requires_grad=True), materialize_grads=True
    ),
}


@pytest.mark.parametrize("name", GRADS)
def test_grad(name):
    same(lambda lib: GRADS[name](lib, *graph(lib)))


def test_backward_into_inputs():
    def run(lib):
        x, middle, out = graph(lib)
        lib.autograd.backward(out, inputs=[middle])
        return x.grad, middle.grad

    same(run)


REFUSED = {
    "vector": lambda lib, x, middle, out: lib.autograd.grad(middle, x),
    "no graph": lambda lib, x, middle, out: lib.autograd.grad(out.detach(), x),
    "no grad": lambda lib, x, middle, out: lib.autograd.grad(out, lib.ones(2)),
    "unused": lambda lib, x, middle, out: lib.autograd.grad(out, lib.ones(2, requires_grad=True)),
    "shape": lambda lib, x, middle, out: lib.autograd.grad(middle, x, lib.ones(3)),
    "count": lambda lib, x, middle, out: lib.autograd.grad(middle, x, (None, None)),
    "twice": lambda lib, x, middle, out: [lib.autograd.grad(out, x), lib.autograd.grad(out, x)],
    "mismatch": lambda lib, x, middle, out: lib.autograd.backward(middle, lib.ones(5)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    refused(lambda lib: REFUSED[name](lib, *graph(lib)))


def scaled(lib, fills=True):
    class Scaled(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor, y):
            ctx.factor = factor
            ctx.set_materialize_grads(fills)
            ctx.save_for_backward(x, y)
            return x * y * factor, x + y

        @staticmethod
        def backward(ctx, g, h):
            x, y = ctx.saved_tensors
            both = g * ctx.factor
            return both * y + (0 if h is None else h), None, both * x + (0 if h is None else h)

    return Scaled.apply


@pytest.mark.parametrize("fills", [True, False])
def test_function(fills):
    def run(lib):
        x = lib.tensor([1.0, 2.0], requires_grad=True)
        y = lib.tensor([3.0, -1.0], requires_grad=True)
        product, total = scaled(lib, fills)(x, 10.0, y)
        first = lib.autograd.grad(product.sum(), (x, y), create_graph=True)
        second = lib.autograd.grad(first[0].sum(), (x, y), allow_unused=True)
        return product, total, first, second

    same(run)


def test_function_that_writes_to_its_input():
    def run(lib):
        class Double(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                x.mul_(2)
                ctx.mark_dirty(x)
                return x

            @staticmethod
            def backward(ctx, g):
                return 2 * g

        leaf = lib.tensor([1.0, 2.0], requires_grad=True)
        x = leaf * 1
        out = Double.apply(x)
        (out * x).sum().backward()
        return out is x, x, leaf.grad

    same(run)


# --------------------------------------------------------------------------- utils.data

SAMPLES = {
    "numbers": [1, 2, 3],
    "floats": [0.5, 1.5],
    "bools": [True, False],
    "pairs": [(1, 2.0), (3, 4.0)],
    "dicts": [{"a": 1, "b": [2, 3]}, {"a": 4, "b": [5, 6]}],
    "strings": ["x", "y"],
    "arrays": [np.ones(2, np.float32), np.zeros(2, np.float32)],
    "numpy numbers": [np.float64(1), np.float64(2)],
}


@pytest.mark.parametrize("name", SAMPLES)
def test_default_collate(name):
    same(lambda lib: lib.utils.data.default_collate(SAMPLES[name]))


@pytest.mark.parametrize("options", [{}, {"batch_size": 3}, {"batch_size": 3, "drop_last": True}, {"batch_size": None}])
def test_loader(options):
    def run(lib):
        data = lib.utils.data.TensorDataset(lib.arange(14).reshape(7, 2), lib.arange(7))
        loader = lib.utils.data.DataLoader(data, **options)
        return [len(loader), *map(list, loader)]

    same(run)


@pytest.mark.parametrize("lengths", [[3, 4], [0.5, 0.5], [0.3, 0.3, 0.4], [0, 7]])
def test_random_split_lengths(lengths):
    same(lambda lib: [len(part) for part in lib.utils.data.random_split(range(7), lengths)])


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 0},
        {"sampler": [0], "shuffle": True},
        {"batch_sampler": [[0]], "shuffle": True},
        {"num_workers": -1},
        {"timeout": -1},
        {"prefetch_factor": 2},
        {"persistent_workers": True},
    ],
)
def test_loader_refusals(options):
    refused(lambda lib: lib.utils.data.DataLoader(range(3), **options))


def rows(lib, n, start=0):
    return lib.utils.data.TensorDataset(lib.arange(start, start + n), lib.arange(2 * n).reshape(n, 2))


def stream(lib, n):
    class Stream(lib.utils.data.IterableDataset):
        def __iter__(self):
            return iter(range(n))

        def __len__(self):
            return n

    return Stream()


DATASETS = {
    "stack": lambda lib: lib.utils.data.StackDataset(rows(lib, 5), range(5)),
    "named stack": lambda lib: lib.utils.data.StackDataset(a=rows(lib, 5), b=[*"abcde"]),
    "subset of a stack": lambda lib: lib.utils.data.Subset(lib.utils.data.StackDataset(range(5), range(5)), [4, 0, 2]),
    "concat": lambda lib: rows(lib, 3) + rows(lib, 2, 7),
    "chain": lambda lib: stream(lib, 3) + stream(lib, 2),
    "mixed numbers": lambda lib: [1, 2.5, 3],
    "bools and numbers": lambda lib: [True, 2],
}


@pytest.mark.parametrize("name", DATASETS)
@pytest.mark.parametrize("batch_size", [None, 2])
def test_datasets(name, batch_size):
    def run(lib):
        loader = lib.utils.data.DataLoader(DATASETS[name](lib), batch_size=batch_size)
        return len(loader), list(loader)

    same(run)


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize(("n", "replicas"), [(10, 3), (2, 5), (6, 2), (0, 2)])
def test_distributed_sampler(n, replicas, drop_last):
    def run(lib):
        kind = lib.utils.data.distributed.DistributedSampler
        made = [kind(range(n), replicas, rank, shuffle=False, drop_last=drop_last) for rank in range(replicas)]
        return [(len(s), list(s)) for s in made]

    if n:
        same(run)
    else:
        assert run(mt) == [(0, []), (0, [])]


def test_distributed_shuffling():
    parts = [mt.utils.data.DistributedSampler(range(12), 3, rank) for rank in range(3)]
    first = [list(s) for s in parts]
    assert sorted(i for part in first for i in part) == list(range(12)) and first == [list(s) for s in parts]
    for s in parts:
        s.set_epoch(1)
    assert [list(s) for s in parts] != first
