"""Averages of models: equal to PyTorch's, in every way to make them."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import minitorch as mt  # noqa: E402

from .cases import array  # noqa: E402
from .pairs import LIBRARIES, both_raise, pair_of  # noqa: E402

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore:Detected call of")]


def swa(lib):
    return __import__(f"{lib.__name__}.optim.swa_utils", fromlist=["swa_utils"])


def build(lib):
    return lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.BatchNorm1d(4), lib.nn.Linear(4, 2))


AVERAGES = {
    "mean": lambda s: {},
    "mean of buffers": lambda s: {"use_buffers": True},
    "ema": lambda s: {"avg_fn": s.get_ema_avg_fn(0.8)},
    "ema of buffers": lambda s: {"avg_fn": s.get_ema_avg_fn(0.8), "use_buffers": True},
    "swa": lambda s: {"avg_fn": s.get_swa_avg_fn()},
    "emas": lambda s: {"multi_avg_fn": s.get_ema_multi_avg_fn(0.7)},
    "emas of buffers": lambda s: {"multi_avg_fn": s.get_ema_multi_avg_fn(0.7), "use_buffers": True},
    "swas": lambda s: {"multi_avg_fn": s.get_swa_multi_avg_fn()},
    "own": lambda s: {"avg_fn": lambda averaged, current, count: averaged * 0.5 + current * count},
}


def batch(lib, step):
    return lib.tensor(np.random.default_rng(step).normal(size=(6, 3)).astype("float64"))


@pytest.mark.parametrize("name", AVERAGES)
def test_averages(name):
    models = pair_of(build, "float64")
    averaged = []
    for lib, model in zip(LIBRARIES, models):
        mean = swa(lib).AveragedModel(model, **AVERAGES[name](swa(lib)))
        optimizer = lib.optim.SGD(model.parameters(), lr=0.01)
        for step in range(6):
            optimizer.zero_grad()
            (model(batch(lib, step)) ** 2).mean().backward()
            optimizer.step()
            mean.update_parameters(model)
        averaged.append(mean)
    ours, theirs = (mean.state_dict() for mean in averaged)
    assert list(ours) == list(theirs)
    for key, value in theirs.items():
        np.testing.assert_allclose(array(ours[key]), array(value), rtol=1e-9, atol=1e-9, err_msg=key)
    outs = [mean.eval()(batch(lib, 99)) for lib, mean in zip(LIBRARIES, averaged)]
    np.testing.assert_allclose(array(outs[0]), array(outs[1]), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("pairs", [False, True])
def test_update_bn(pairs):
    models = pair_of(build, "float64")
    for lib, model in zip(LIBRARIES, models):
        model.eval()
        batches = [batch(lib, step) for step in range(4)]
        swa(lib).update_bn([(x, 0) for x in batches] if pairs else batches, model)
        assert not model.training and model[1].momentum == 0.1
    np.testing.assert_allclose(array(models[0][1].running_mean), array(models[1][1].running_mean), rtol=1e-9)
    np.testing.assert_allclose(array(models[0][1].running_var), array(models[1][1].running_var), rtol=1e-9)


RATES = {
    "cosine": {"swa_lr": 0.05},
    "straight": {"swa_lr": [0.05, 0.5], "anneal_epochs": 7, "anneal_strategy": "linear"},
    "at once": {"swa_lr": 0.05, "anneal_epochs": 0},
}


@pytest.mark.parametrize("name", RATES)
def test_200_rates(name):
    made = []
    for lib in LIBRARIES:
        groups = [{"params": [lib.nn.Parameter(lib.zeros(2))], "lr": lr} for lr in (0.1, 0.3)]
        made.append(swa(lib).SWALR(lib.optim.SGD(groups, lr=0.1), **RATES[name]))
    for _ in range(200):
        assert made[0].get_last_lr() == made[1].get_last_lr()
        for scheduler in made:
            scheduler.step()


BAD = {
    "two functions": lambda lib, s: s.AveragedModel(lib.nn.Linear(1, 1), avg_fn=len, multi_avg_fn=len),
    "decay": lambda lib, s: s.get_ema_avg_fn(1.5),
    "decay of many": lambda lib, s: s.get_ema_multi_avg_fn(-0.5),
    "strategy": lambda lib, s: s.SWALR(sgd(lib), 0.1, anneal_strategy="x"),
    "epochs": lambda lib, s: s.SWALR(sgd(lib), 0.1, anneal_epochs=-1),
    "rates": lambda lib, s: s.SWALR(sgd(lib), [0.1, 0.2]),
}


def sgd(lib):
    return lib.optim.SGD([lib.nn.Parameter(lib.zeros(2))], lr=0.1)


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    assert len(both_raise(lambda lib: BAD[name](lib, swa(lib)))) > 10


def test_the_namespace_loads_when_it_is_named():
    assert set(torch.optim.swa_utils.__all__) <= set(dir(mt.optim.swa_utils))
