"""Parameters that are updated together: equal to PyTorch's one by one, whatever happens between the steps."""

from __future__ import annotations

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import minitorch as mt  # noqa: E402
from minitorch.optim import bundles  # noqa: E402
from minitorch.optim.bundles import FEW  # noqa: E402

from .cases import array  # noqa: E402
from .models import OPTIMIZERS  # noqa: E402
from .pairs import LIBRARIES  # noqa: E402

pytestmark = pytest.mark.torch

LENGTH = 40  # in the place of a quarter of a million: then a parameter is too long, and the others fill two vectors
SHAPES = [(3,), (2, 4), (), (5, 1, 2), (0,), (7,), (4, 4), (1,), (3, 3), (6,), (LENGTH + 3,), (2,)]
JOINT = [name for name, (kind, _) in OPTIMIZERS.items() if kind != "Muon"]


@pytest.fixture(autouse=True)
def short_vectors(monkeypatch):
    monkeypatch.setattr(bundles, "LENGTH", LENGTH)


class Pair:
    """The same parameters in both libraries, and an optimizer for each."""

    def __init__(self, name, shapes=tuple(SHAPES), dtype="float32"):
        self.rng, self.dtype = np.random.default_rng(0), dtype
        kind, options = OPTIMIZERS[name]
        if kind == "Adafactor":  # PyTorch's divides by the number of elements
            shapes = [shape for shape in shapes if 0 not in shape]
        starts = [self.draw(shape) for shape in shapes]
        self.params = [[lib.nn.Parameter(lib.tensor(x)) for x in starts] for lib in LIBRARIES]
        self.optimizers = [getattr(lib.optim, kind)(params, **options) for lib, params in zip(LIBRARIES, self.params)]

    def draw(self, shape):
        return np.asarray(self.rng.normal(size=shape)).astype(self.dtype)

    def step(self, without=()):
        for i, (ours, theirs) in enumerate(zip(*self.params)):
            g = self.draw(tuple(theirs.shape))
            for lib, p in zip(LIBRARIES, (ours, theirs)):
                p.grad = None if i in without else lib.tensor(g)
        for optimizer in self.optimizers:
            optimizer.step()

    def do(self, action):
        for lib, params, optimizer in zip(LIBRARIES, self.params, self.optimizers):
            with lib.no_grad():
                action(lib, params, optimizer)

    def check(self, tolerance=1e-5):
        for i, (ours, theirs) in enumerate(zip(*self.params)):
            np.testing.assert_allclose(array(ours), array(theirs), rtol=tolerance, atol=tolerance, err_msg=str(i))
        ours, theirs = (optimizer.state_dict()["state"] for optimizer in self.optimizers)
        assert sorted(ours) == sorted(theirs)
        for number, kept in theirs.items():
            assert set(ours[number]) == set(kept)
            for name, value in kept.items():
                got = array(ours[number][name])
                assert got.shape == array(value).shape
                np.testing.assert_allclose(got, array(value), rtol=tolerance, atol=tolerance, err_msg=name)


def set_data(lib, params, optimizer):
    params[1].data = lib.zeros(2, 4, dtype=params[1].dtype)


def set_shape(lib, params, optimizer):
    params[7].data = lib.ones(5, dtype=params[7].dtype)
    optimizer.state.pop(params[7], None)


def write_state(lib, params, optimizer):
    for value in optimizer.state.get(params[3], {}).values():
        if isinstance(value, lib.Tensor) and value.ndim:
            value.mul_(0.5)


def exchange_state(lib, params, optimizer):
    kept = optimizer.state.get(params[5], {})
    for name, value in kept.items():
        if isinstance(value, lib.Tensor) and value.ndim:
            kept[name] = value * 2.0


def younger(lib, params, optimizer):
    kept = optimizer.state.get(params[6], {})
    if "step" in kept:
        kept["step"].sub_(2.0)


def reload(lib, params, optimizer):
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))


def another(lib, params, optimizer):
    params.append(lib.nn.Parameter(lib.ones(3, dtype=params[0].dtype)))
    optimizer.add_param_group({"params": [params[-1]], "lr": 0.02})


def other_options(lib, params, optimizer):
    group = optimizer.param_groups[0]
    group.update({k: v for k, v in {"weight_decay": 0.3, "maximize": True}.items() if k in group})


# What a program may do between two steps.
BETWEEN = {
    "nothing": lambda lib, params, optimizer: None,
    "a write": lambda lib, params, optimizer: params[0].mul_(0.5),
    "a write to a view": lambda lib, params, optimizer: params[1][0].zero_(),
    "clipped data": lambda lib, params, optimizer: [p.data.clamp_(-0.5, 0.5) for p in params],
    "other data": set_data,
    "another shape": set_shape,
    "a written state": write_state,
    "an exchanged state": exchange_state,
    "a younger state": younger,
    "a forgotten state": lambda lib, params, optimizer: optimizer.state.pop(params[0], None),
    "a loaded state": reload,
    "another parameter": another,
    "other options": other_options,
    "another rate": lambda lib, params, optimizer: optimizer.param_groups[0].update(lr=0.003),
}


@pytest.mark.parametrize("name", JOINT)
def test_50_steps_of_many_parameters(name):
    pair = Pair(name)
    for _ in range(50):
        pair.step()
    pair.check(2e-5)


@pytest.mark.parametrize("name", ["sgd", "sgd momentum", "adam amsgrad", "nadam", "asgd everything", "rprop"])
@pytest.mark.parametrize("between", BETWEEN)
def test_what_happens_between_steps(name, between):
    pair = Pair(name, dtype="float64")
    for _ in range(3):
        pair.step()
    pair.do(BETWEEN[between])
    for _ in range(3):
        pair.step()
    pair.check(1e-6)


@pytest.mark.parametrize("count", [1, 12])
def test_a_momentum_that_is_switched_on(count):
    made = []
    for lib in LIBRARIES:
        params = [lib.nn.Parameter(lib.ones(2) * i) for i in range(count)]
        optimizer = lib.optim.SGD(params, lr=0.1)
        for step in range(6):
            if step == 2:
                optimizer.param_groups[0]["momentum"] = 0.9
            for p in params:
                p.grad = p.detach() + step
            optimizer.step()
        made.append([array(p) for p in params])
    np.testing.assert_allclose(*made, rtol=1e-5)


def test_a_state_with_more_in_it_is_loaded():
    made = []
    for lib in LIBRARIES:
        params = [lib.nn.Parameter(lib.ones(2) * i) for i in range(12)]
        optimizers = [lib.optim.Adam(params, lr=0.1, amsgrad=flag) for flag in (True, False)]
        for optimizer in (*optimizers, None, optimizers[1], optimizers[1]):
            if optimizer is None:
                optimizers[1].load_state_dict(optimizers[0].state_dict())
                continue
            for p in params:
                p.grad = p.detach() + 1
            optimizer.step()
        made.append([array(p) for p in params])
    np.testing.assert_allclose(*made, rtol=1e-5)


@pytest.mark.parametrize("name", JOINT)
def test_gradients_that_come_and_go(name):
    pair = Pair(name, dtype="float64")
    for without in ((), (0, 3), (), (1, 2, 4, 5, 6, 7), (), ()):
        pair.step(without)
    pair.check(1e-6)


def test_parameters_that_share_memory_are_updated_one_after_the_other():
    base = mt.ones(4)
    params = [mt.nn.Parameter(base), mt.nn.Parameter(base), *(mt.nn.Parameter(mt.ones(2)) for _ in range(FEW))]
    optimizer = mt.optim.SGD(params, lr=1.0)
    for p in params:
        p.grad = mt.ones(*p.shape)
    optimizer.step()
    assert base.tolist() == [-1.0] * 4
    assert params[2].tolist() == [0.0] * 2


@pytest.mark.parametrize("kind", ["Muon", "Adafactor"])
def test_stacked_matrices_are_updated_as_each_alone(kind):
    rng = np.random.default_rng(0)
    starts = [rng.normal(size=shape).astype("f") for shape in [(3, 4), (4, 3), (3, 4), (5, 5), (3, 4)]]
    together, alone = ([mt.nn.Parameter(mt.tensor(x)) for x in starts] for _ in range(2))
    optimizers = [getattr(mt.optim, kind)(ps, lr=0.1) for ps in (together, *([p] for p in alone))]
    for _ in range(4):
        for p, q in zip(together, alone):
            p.grad = mt.tensor(rng.normal(size=p.shape).astype("f"))
            q.grad = p.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    for p, q in zip(together, alone):
        np.testing.assert_allclose(p.tolist(), q.tolist(), rtol=1e-5, atol=1e-6)


def test_a_compiled_step_goes_on_from_eager_ones_and_back():
    params = [mt.nn.Parameter(mt.ones(3) * i) for i in range(10)]
    optimizer = mt.optim.Adam(params, lr=0.1)
    alone = [mt.nn.Parameter(mt.ones(3) * i) for i in range(10)]
    reference = [mt.optim.Adam([p], lr=0.1) for p in alone]

    def step():
        optimizer.zero_grad()
        sum((p * p).sum() for p in params).backward()
        optimizer.step()

    compiled = mt.jit(step)
    for run in (step, step, compiled, compiled, step, compiled, step):
        run()
        for p, one in zip(alone, reference):
            one.zero_grad()
            (p * p).sum().backward()
            one.step()
    for p, q in zip(params, alone):
        np.testing.assert_allclose(p.tolist(), q.tolist(), rtol=1e-5)
