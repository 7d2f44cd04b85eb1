"""Optimizers: 50 steps equal to PyTorch's, states that load in either, the same refusals."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import minitorch as mt  # noqa: E402

from .cases import array  # noqa: E402
from .models import OPTIMIZERS  # noqa: E402
from .pairs import LIBRARIES, both_raise, pair_of  # noqa: E402

pytestmark = pytest.mark.torch


def build(lib):
    return lib.nn.Sequential(lib.nn.Linear(4, 8), lib.nn.Tanh(), lib.nn.Linear(8, 3))


def data(lib, dtype, step):
    rng = np.random.default_rng(step)
    return lib.tensor(rng.normal(size=(6, 4)).astype(dtype)), lib.tensor(rng.integers(0, 3, 6))


def train(lib, model, optimizer, steps, dtype="float32", start=0):
    for step in range(start, start + steps):
        x, y = data(lib, dtype, step)
        optimizer.zero_grad()
        lib.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()


def same_state(ours, theirs, tolerance):
    mine, other = ours.state_dict(), theirs.state_dict()
    assert mine["param_groups"] == other["param_groups"]
    assert list(mine["state"]) == list(other["state"])
    for number, kept in other["state"].items():
        assert set(mine["state"][number]) == set(kept)
        for name, value in kept.items():
            got = mine["state"][number][name]
            assert array(got).dtype == array(value).dtype
            np.testing.assert_allclose(array(got), array(value), rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_50_steps(name, dtype):
    kind, options = OPTIMIZERS[name]
    models = pair_of(build, dtype)
    optimizers = [getattr(lib.optim, kind)(m.parameters(), **options) for lib, m in zip(LIBRARIES, models)]
    assert repr(optimizers[0]) == repr(optimizers[1])
    for lib, model, optimizer in zip(LIBRARIES, models, optimizers):
        train(lib, model, optimizer, 50, dtype)
    # PyTorch rounds NAdam's product of momenta to float32 before it uses it.
    tolerance = 1e-5 if dtype == "float32" else 1e-6 if kind == "NAdam" else 1e-10
    for (label, a), (_, b) in zip(models[0].named_parameters(), models[1].named_parameters()):
        np.testing.assert_allclose(array(a), array(b), rtol=tolerance, atol=tolerance, err_msg=label)
        assert array(a).dtype == array(b).dtype
    same_state(*optimizers, tolerance)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_state_of_the_other_library_loads(name):
    kind, options = OPTIMIZERS[name]
    ours, theirs = pair_of(build)
    there = getattr(torch.optim, kind)(theirs.parameters(), **options)
    train(torch, theirs, there, 5)
    ours.load_state_dict(theirs.state_dict())
    here = getattr(mt.optim, kind)(ours.parameters(), lr=1.0)
    here.load_state_dict(there.state_dict())
    train(mt, ours, here, 10, start=5)
    train(torch, theirs, there, 10, start=5)
    for a, b in zip(ours.parameters(), theirs.parameters()):
        np.testing.assert_allclose(array(a), array(b), rtol=1e-5, atol=1e-5)
    same_state(here, there, 1e-5)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_state_loads_in_the_other_library(name):
    kind, options = OPTIMIZERS[name]
    ours, theirs = pair_of(build)
    here = getattr(mt.optim, kind)(ours.parameters(), **options)
    train(mt, ours, here, 5)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    there = getattr(torch.optim, kind)(theirs.parameters(), lr=1.0)
    state = here.state_dict()
    state["state"] = {
        number: {k: torch.tensor(v.numpy()) if isinstance(v, mt.Tensor) else v for k, v in kept.items()}
        for number, kept in state["state"].items()
    }
    there.load_state_dict(state)
    train(mt, ours, here, 10, start=5)
    train(torch, theirs, there, 10, start=5)
    for a, b in zip(ours.parameters(), theirs.parameters()):
        np.testing.assert_allclose(array(a), array(b), rtol=1e-5, atol=1e-5)
    same_state(here, there, 1e-5)


# For matrices only, and rounded by PyTorch to 8 bits on the way: compared without the rounding.
MUON = {
    "plain": {},
    "no momentum": {"lr": 0.02, "momentum": 0.0, "weight_decay": 0.0},
    "everything": {
        "lr": 0.01,
        "weight_decay": 0.3,
        "momentum": 0.8,
        "nesterov": False,
        "ns_coefficients": (3.0, -3.2, 1.2),
        "eps": 1e-2,
        "ns_steps": 3,
        "adjust_lr_fn": "match_rms_adamw",
    },
}


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-4), ("float64", 1e-9)])
@pytest.mark.parametrize("name", MUON)
def test_50_steps_of_muon(name, dtype, tolerance, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)
    rng, made = np.random.default_rng(0), []
    starts = [rng.normal(size=shape).astype(dtype) for shape in [(3, 4), (4, 3), (3, 4), (5, 5)]]
    slopes = [[rng.normal(size=x.shape).astype(dtype) for x in starts] for _ in range(50)]
    for lib in LIBRARIES:
        params = [lib.nn.Parameter(lib.tensor(x)) for x in starts]
        optimizer = lib.optim.Muon(params, **MUON[name])
        for each in slopes:
            for p, g in zip(params, each):
                p.grad = lib.tensor(g) + 0.1 * p.detach()
            optimizer.step()
        made.append((params, optimizer))
    for ours, theirs in zip(made[0][0], made[1][0]):
        np.testing.assert_allclose(array(ours), array(theirs), rtol=tolerance, atol=tolerance)
    same_state(made[0][1], made[1][1], tolerance)


def test_every_option_is_tried():
    rows = [
        *OPTIMIZERS.values(),
        *(("LBFGS", row) for row in LBFGS.values()),
        *(("Muon", row) for row in MUON.values()),
    ]
    for kind in ("LBFGS", "Muon", *dict.fromkeys(kind for kind, _ in OPTIMIZERS.values())):
        signature = inspect.signature(getattr(torch.optim, kind))
        for option, about in signature.parameters.items():
            if option not in ("params", "foreach", "fused", "capturable", "differentiable"):
                tried = [row[option] for name, row in rows if name == kind and option in row]
                assert [value for value in tried if value != about.default], f"{kind}: {option}"


# Options that say how PyTorch goes about a step: accepted, kept in the groups, and without consequence.
WAYS = {
    "foreach": ("SGD", "Adam", "AdamW", "NAdam", "RAdam", "Adamax", "Adagrad", "Adadelta", "RMSprop", "Rprop", "ASGD"),
    "fused": ("SGD", "Adam", "AdamW", "Adagrad"),
    "capturable": ("Adam", "AdamW", "NAdam", "RAdam", "Adamax", "Adadelta", "RMSprop", "Rprop", "ASGD"),
}


@pytest.mark.parametrize(("way", "kind"), [(way, kind) for way, kinds in WAYS.items() for kind in kinds])
def test_ways_that_change_nothing(way, kind):
    made = []
    for options in ({}, {way: True}):
        p = mt.nn.Parameter(mt.tensor([1.0, -2.0]))
        optimizer = getattr(mt.optim, kind)([p], lr=0.1, **options)
        for _ in range(3):
            p.grad = p.detach() * 2
            optimizer.step()
        made.append(p.tolist())
        assert optimizer.param_groups[0][way] == options.get(way, optimizer.defaults[way])
    assert made[0] == made[1]


@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW", "NAdam", "RMSprop", "Adagrad"])
def test_a_rate_that_is_a_tensor(kind):
    made = []
    for lib in LIBRARIES:
        params = [lib.nn.Parameter(lib.ones(2) * i) for i in range(9)]
        rate = lib.tensor(0.1)
        optimizer = getattr(lib.optim, kind)(params, lr=rate)
        for step in range(4):
            for p in params:
                p.grad = p.detach() * 2 + 1
            optimizer.step()
            if step == 1:
                rate.mul_(0.5)
        made.append([array(p) for p in params])
    np.testing.assert_allclose(*made, rtol=1e-5)


def test_groups_and_a_changing_rate():
    models = pair_of(build)
    made = []
    for lib, model in zip(LIBRARIES, models):
        groups = [{"params": model[0].parameters()}, {"params": model[2].weight, "lr": 0.5, "momentum": 0.5}]
        optimizer = lib.optim.SGD(groups, lr=0.1, weight_decay=0.01)
        optimizer.add_param_group({"params": [model[2].bias], "lr": 0.2})
        for round_ in range(4):
            train(lib, model, optimizer, 3, start=round_)
            for group in optimizer.param_groups:
                group["lr"] *= 0.5
        made.append(optimizer)
    for a, b in zip(models[0].parameters(), models[1].parameters()):
        np.testing.assert_allclose(array(a), array(b), rtol=1e-5, atol=1e-6)
    same_state(*made, 1e-5)


def test_names():
    states = [lib.optim.Adam(build(lib).named_parameters()).state_dict() for lib in LIBRARIES]
    assert states[0]["param_groups"] == states[1]["param_groups"]


def test_closure_and_gradients_that_are_missing():
    results = []
    for lib in LIBRARIES:
        w, unused = lib.nn.Parameter(lib.ones(3)), lib.nn.Parameter(lib.ones(2))
        optimizer = lib.optim.Adam([w, unused], lr=0.1)

        def closure(lib=lib, w=w, optimizer=optimizer):
            optimizer.zero_grad()
            loss = (w * w).sum()
            loss.backward()
            return loss

        with lib.no_grad():
            losses = [optimizer.step(closure).item() for _ in range(3)]
        results.append((losses, array(w), array(unused), sorted(optimizer.state_dict()["state"])))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-6)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-6)
    assert results[0][3] == results[1][3]


@pytest.mark.parametrize("name", ["sgd everything", "adam amsgrad", "rmsprop everything", "adagrad decay"])
@pytest.mark.parametrize("dtype", ["complex64", "float16"])
def test_other_dtypes(name, dtype):
    kind, options = OPTIMIZERS[name]
    rng = np.random.default_rng(0)
    start, slopes = ((rng.normal(size=(2, 5)) + 1j * rng.normal(size=(2, 5))) for _ in range(2))
    if dtype == "float16":
        start, slopes = start.real, slopes.real
    made = []
    for lib in LIBRARIES:
        w = lib.nn.Parameter(lib.tensor(start.astype(dtype)))
        optimizer = getattr(lib.optim, kind)([w], **options)
        for _ in range(10):
            w.grad = lib.tensor(slopes.astype(dtype))
            optimizer.step()
        made.append(array(w))
    assert made[0].dtype == made[1].dtype == dtype
    tolerance = 1e-5 if dtype == "complex64" else 2e-2
    np.testing.assert_allclose(*made, rtol=tolerance, atol=tolerance)


def test_zero_grad():
    for lib in LIBRARIES:
        w = lib.nn.Parameter(lib.ones(3))
        optimizer = lib.optim.SGD([w], lr=0.1)
        w.sum().backward()
        optimizer.zero_grad(set_to_none=False)
        assert w.grad.tolist() == [0.0, 0.0, 0.0]
        optimizer.zero_grad()
        assert w.grad is None


def parameter(lib):
    return [lib.nn.Parameter(lib.zeros(2))]


BAD = {
    "tensor": lambda lib: lib.optim.SGD(lib.zeros(2), lr=0.1),
    "nothing": lambda lib: lib.optim.SGD([], lr=0.1),
    "numbers": lambda lib: lib.optim.SGD([1.0], lr=0.1),
    "set": lambda lib: lib.optim.SGD([{"params": set(parameter(lib))}], lr=0.1),
    "rate": lambda lib: lib.optim.SGD(parameter(lib), lr=-0.1),
    "momentum": lambda lib: lib.optim.SGD(parameter(lib), lr=0.1, momentum=-1.0),
    "nesterov": lambda lib: lib.optim.SGD(parameter(lib), lr=0.1, nesterov=True),
    "betas": lambda lib: lib.optim.Adam(parameter(lib), betas=(0.9, 1.0)),
    "eps": lambda lib: lib.optim.AdamW(parameter(lib), eps=-1.0),
    "alpha": lambda lib: lib.optim.RMSprop(parameter(lib), alpha=-1.0),
    "lr_decay": lambda lib: lib.optim.Adagrad(parameter(lib), lr_decay=-1.0),
    "accumulator": lambda lib: lib.optim.Adagrad(parameter(lib), initial_accumulator_value=-1.0),
    "non-leaf": lambda lib: lib.optim.SGD([lib.ones(2, requires_grad=True) * 2], lr=0.1),
    "group type": lambda lib: lib.optim.SGD(parameter(lib), lr=0.1).add_param_group(parameter(lib)),
    "half of the names": lambda lib: lib.optim.SGD([("a", *parameter(lib)), *parameter(lib)], lr=0.1),
    "groups of a state": lambda lib: lib.optim.SGD(parameter(lib), lr=0.1).load_state_dict(
        {"state": {}, "param_groups": []}
    ),
    "size of a state": lambda lib: lib.optim.SGD(parameter(lib), lr=0.1).load_state_dict(
        {"state": {}, "param_groups": [{"params": [0, 1]}]}
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    assert len(both_raise(BAD[name])) > 10


def rosenbrock(x):
    return ((1 - x[:-1]) ** 2).sum() + (100 * (x[1:] - x[:-1] ** 2) ** 2).sum()


LBFGS = {
    "plain": {"lr": 0.01, "max_iter": 8},
    "search": {"line_search_fn": "strong_wolfe"},
    "short memory": {"line_search_fn": "strong_wolfe", "history_size": 3, "max_iter": 7},
    "few looks": {"line_search_fn": "strong_wolfe", "max_eval": 5, "lr": 0.5},
    "loose": {"line_search_fn": "strong_wolfe", "tolerance_grad": 1e-2, "tolerance_change": 1e-3},
}


@pytest.mark.parametrize("name", LBFGS)
def test_lbfgs(name):
    results = []
    for lib in LIBRARIES:
        x = lib.nn.Parameter(lib.tensor([-1.2, 1.0, 0.3, 2.0], dtype=lib.float64))
        y = lib.nn.Parameter(lib.tensor([[1.0]], dtype=lib.float64))
        unused = lib.nn.Parameter(lib.zeros(2, dtype=lib.float64))
        optimizer = lib.optim.LBFGS([x, y, unused], **LBFGS[name])

        def closure(lib=lib, x=x, y=y, optimizer=optimizer):
            optimizer.zero_grad()
            loss = rosenbrock(x) + (y**2).sum()
            loss.backward()
            return loss

        path = [(optimizer.step(closure).item(), x.tolist(), y.item()) for _ in range(6)]
        state = optimizer.state_dict()["state"][0]
        results.append((path, {k: state[k] for k in ("n_iter", "func_evals")}))
    assert results[0][1] == results[1][1]
    for ours, theirs in zip(results[0][0], results[1][0]):
        np.testing.assert_allclose(np.hstack(ours), np.hstack(theirs), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", LBFGS)
def test_lbfgs_for_fifty_steps(name):
    """On a convex function: on Rosenbrock's, rounding errors of 1e-16 grow to 1e-5 within as many steps."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((40, 6)), rng.integers(0, 2, 40).astype(float)
    paths = []
    for lib in LIBRARIES:
        w = lib.nn.Parameter(lib.zeros(6, dtype=lib.float64))
        b = lib.nn.Parameter(lib.zeros(1, dtype=lib.float64))
        optimizer = lib.optim.LBFGS([w, b], **{"max_iter": 2, **LBFGS[name]})
        inputs, targets = lib.tensor(x), lib.tensor(y)

        def closure(lib=lib, w=w, b=b, optimizer=optimizer, inputs=inputs, targets=targets):
            optimizer.zero_grad()
            loss = lib.nn.functional.binary_cross_entropy_with_logits(inputs @ w + b, targets) + 0.01 * (w**2).sum()
            loss.backward()
            return loss

        paths.append([np.hstack((optimizer.step(closure).item(), array(w), array(b))) for _ in range(50)])
    assert paths[0][-1][0] < paths[0][0][0]
    np.testing.assert_allclose(*paths, rtol=1e-5, atol=1e-8)


def test_lbfgs_refuses():
    for call in (
        lambda lib: lib.optim.LBFGS([{"params": parameter(lib)}, {"params": parameter(lib)}]),
        lambda lib: lib.optim.LBFGS(parameter(lib), lr=-1.0),
    ):
        assert len(both_raise(call)) > 10
    with pytest.raises(ValueError, match="strong_wolfe"):
        mt.optim.LBFGS(parameter(mt), line_search_fn="x")
    with pytest.raises(ValueError, match="closure"):
        mt.optim.LBFGS(parameter(mt)).step()


def test_lbfgs_on_complex_numbers():
    results = []
    for lib in LIBRARIES:
        z = lib.nn.Parameter(lib.tensor([1 + 2j, -3j], dtype=lib.complex128))
        optimizer = lib.optim.LBFGS([z], line_search_fn="strong_wolfe")

        def closure(lib=lib, z=z, optimizer=optimizer):
            optimizer.zero_grad()
            loss = ((z - (1 - 1j)).abs() ** 4).sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        results.append(array(z))
    np.testing.assert_allclose(*results, rtol=1e-6)
