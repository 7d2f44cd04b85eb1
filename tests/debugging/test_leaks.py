"""Values that outlive their transform: found by check_leaks, and refused wherever they are used."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import minitorch as mt
from minitorch.errors import JitError, TracerError

from ..jit.steps import training

X = mt.array([1.0, 2.0])
STORE = []
LATEST = None


class Model:
    def remember(self, x):
        self.last = x * 2
        return (x * x).sum()


def into_a_global(x):
    global LATEST
    LATEST = mt.sin(x)
    return (x * x).sum()


def into_a_list(x):
    STORE.append(mt.sin(x))
    return (x * x).sum()


def runs(function):
    return {
        "grad": lambda: mt.grad(function)(X),
        "vmap": lambda: mt.vmap(function)(X),
        "jvp": lambda: mt.jvp(function, (X,), (X,)),
        "vmap of grad": lambda: mt.vmap(mt.grad(function))(X),
        "checkpoint": lambda: mt.grad(mt.checkpoint(function))(X),
        "tensors": lambda: mt.grad(function)(mt.tensor([1.0, 2.0])),
        "vjp": lambda: mt.vjp(function, X)[1](1.0),
        "hessian": lambda: mt.hessian(function)(X),
    }


NAMES = list(runs(into_a_list))


@pytest.fixture(autouse=True)
def forget():
    global LATEST
    yield
    STORE.clear()
    LATEST = None


@pytest.mark.parametrize("name", NAMES)
def test_a_leak_is_found_with_its_line_and_its_place(name):
    with (
        pytest.raises(TracerError, match=r"made by sin at .*test_leaks.py:\d+.*`STORE` of") as caught,
        mt.check_leaks(),
    ):
        runs(into_a_list)[name]()
    assert "which has finished, and still held" in str(caught.value)


def test_where_it_is_held():
    with pytest.raises(TracerError, match="the global `LATEST` of"), mt.check_leaks():
        mt.grad(into_a_global)(X)
    model = Model()
    with pytest.raises(TracerError, match="made by mul at .*the attribute 'last' of a Model"), mt.check_leaks():
        mt.vmap(model.remember)(X)
    held = None

    def closing(x):
        nonlocal held
        held = x + 1
        return x.sum()

    with pytest.raises(TracerError, match="`held`, which .*closing closes over"), mt.check_leaks():
        mt.grad(closing)(X)
    table = {}
    with pytest.raises(TracerError, match="used by sum"), mt.check_leaks():
        mt.grad(lambda x: table.update(x=x) or x.sum())(X)


@pytest.mark.parametrize("name", NAMES)
def test_no_leak_no_error(name):
    clean = lambda x: (mt.sin(x) * x).sum()  # noqa: E731
    expected = np.asarray(mt.grad(clean)(X))
    with mt.check_leaks():
        runs(clean)[name]()
        kept = mt.grad(clean)(X)
        value, pull = mt.vjp(clean, X)
        pull(1.0)
    np.testing.assert_array_equal(np.asarray(kept), expected)


def test_training_has_no_leaks():
    model = mt.nn.Sequential(mt.nn.Linear(2, 3), mt.nn.BatchNorm1d(3), mt.nn.Linear(3, 1))
    opt = mt.optim.Adam(model.parameters())
    step = mt.jit(training(opt, lambda x: model(x).square().mean()))
    losses = []
    with mt.check_leaks():
        for _ in range(20):
            losses.append(step(mt.ones(4, 2) * mt.arange(4.0)[:, None]).item())
            mt.vmap(mt.grad(lambda x: (x * model[0].weight).sum()))(mt.randn(4, 2))
        mt.hessian(lambda x: (x**3).sum())(X)
        mt.custom_jvp(lambda x: x * 2)
    assert losses[-1] < losses[0]


def test_an_error_in_the_block_comes_first():
    with pytest.raises(KeyError), mt.check_leaks():
        mt.grad(into_a_list)(X)
        raise KeyError


USES = {
    "operation": lambda x: x + 1,
    "from the right": lambda x: 1 + x,
    "with another array": lambda x: X * x,
    "function": mt.sin,
    "bool": bool,
    "float": float,
    "int": int,
    "item": lambda x: x.item(),
    "numpy": lambda x: x.numpy(),
    "asarray": np.asarray,
    "tolist": lambda x: x.tolist(),
    "index": lambda x: x[0] if x.ndim else x[None],
    "tensor": lambda x: mt.tensor(1.0) * x,
    "under grad": lambda x: mt.grad(lambda y: (y * x).sum())(1.0),
    "argument of grad": lambda x: mt.grad(lambda y: (y * y).sum())(x),
    "argument of vmap": lambda x: mt.vmap(lambda y: y * y)(x),
    "argument of jit": lambda x: mt.jit(lambda y: y * y)(x),
    "in jit": lambda x: mt.jit(lambda y: y * x)(X),
    "result": lambda x: mt.grad(lambda y: x)(1.0),
    "pickle": pickle.dumps,
}
MADE = {
    "grad": lambda f: mt.grad(f)(X),
    "jvp": lambda f: mt.jvp(f, (X,), (X,)),
    "vmap": lambda f: mt.vmap(f)(mt.array([[1.0, 2.0], [3.0, 4.0]])),
}


# A scalar has no axis to map over.
@pytest.mark.parametrize(("use", "scalar"), [(u, s) for u in USES for s in (True, False) if not s or "vmap" not in u])
@pytest.mark.parametrize("made", MADE)
def test_using_it_raises(made, use, scalar):
    kept = []

    def function(x):
        kept.append(x.sum() if scalar else x * 1)
        return x.sum()

    MADE[made](function)
    with pytest.raises((TracerError, JitError), match="has finished|is traced by"):
        USES[use](kept[0])
