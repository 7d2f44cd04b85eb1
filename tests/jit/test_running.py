"""What runs on beside a compiled function: schedulers, an optimizer's numbers, generators, iterators, the environment.

Each is either read anew at every call, or refused when the function is recorded; its first value is never kept.
"""

from __future__ import annotations

import itertools
import math
import os
import random
from types import SimpleNamespace

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn, optim
from minitorch.errors import JitError

ONE = mt.ones(2)


def stepping(lr=0.1, momentum=0.9):
    w = nn.Parameter(mt.ones(2))
    return w, optim.SGD([w], lr=lr, momentum=momentum)


def read_from_the_group():
    optimizer = stepping()[1]
    schedule = optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    return lambda x: (x * optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["momentum"]), schedule.step


def read_from_the_schedule():
    schedule = optim.lr_scheduler.ExponentialLR(stepping()[1], 0.5)
    return lambda x: x * schedule.get_last_lr()[0] + schedule.last_epoch, schedule.step


def an_optimizer_of_the_users():
    class Descent(optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        @mt.no_grad()
        def step(self):
            for group in self.param_groups:
                for p in group["params"]:
                    p -= group["lr"] * p.grad

    w = nn.Parameter(mt.ones(2).double())
    optimizer = Descent([w], 0.1)

    def step(x):
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()
        return w.detach().clone()

    return step, optim.lr_scheduler.StepLR(optimizer, 1, 0.5).step


def a_logged_rate_beside_a_step():
    w, optimizer = stepping()

    def step(x):
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()
        return w.detach().clone(), [group["lr"] for group in optimizer.param_groups]

    return step, optim.lr_scheduler.CosineAnnealingLR(optimizer, 10).step


def a_generator_of_ours():
    generator = mt.Generator().manual_seed(1)
    return lambda x: x * mt.rand(2, generator=generator), lambda: None


def the_environment():
    os.environ["MINITORCH_TEST_SCALE"] = "1"

    def change():
        os.environ["MINITORCH_TEST_SCALE"] += "0"

    return lambda x: x * float(os.environ["MINITORCH_TEST_SCALE"]), change


READ = [
    read_from_the_group,
    read_from_the_schedule,
    an_optimizer_of_the_users,
    a_logged_rate_beside_a_step,
    a_generator_of_ours,
    the_environment,
]


def numbers(found):
    return [np.asarray(x, np.float64) for x in mt.tree.leaves(found)]


@pytest.mark.parametrize("scene", READ, ids=lambda scene: scene.__name__)
def test_it_is_read_at_each_call(scene, monkeypatch):
    monkeypatch.setenv("MINITORCH_TEST_SCALE", "")
    seen = []
    for wrap in (lambda f: f, mt.jit):
        function, change = scene()
        compiled = wrap(function)
        seen.append([])
        for _ in range(5):
            seen[-1].append(numbers(compiled(ONE)))
            change()
    for plain, compiled in zip(*seen):
        assert len(plain) == len(compiled)
        for a, b in zip(plain, compiled):
            np.testing.assert_allclose(b, a, rtol=1e-6)


def steps_a_schedule():
    schedule = optim.lr_scheduler.StepLR(stepping()[1], 1)
    return lambda x: (schedule.step(), x)[1]


def sets_the_rate():
    optimizer = stepping()[1]

    def function(x):
        for group in optimizer.param_groups:
            group["lr"] *= 0.5
        return x

    return function


def draws_from_numpy():
    generator = np.random.default_rng(0)
    return lambda x: x * generator.normal()


def draws_from_numpys_older_generator():
    here = SimpleNamespace(generator=np.random.RandomState(0))
    return lambda x: x * here.generator.rand()


def draws_from_python():
    generator = random.Random(0)
    return lambda x: x * generator.random()


def advances_an_iterator():
    here = SimpleNamespace(numbers=iter([1.0, 2.0, 3.0]))
    return lambda x: x * next(here.numbers)


def advances_a_generator():
    halves = (0.5**i for i in range(9))
    return lambda x: x * next(halves)


def counts():
    counter = itertools.count()
    return lambda x: x * next(counter)


def advances_a_loader():
    batches = iter(mt.utils.data.DataLoader(mt.utils.data.TensorDataset(mt.arange(6.0)), batch_size=2))
    return lambda x: x * next(batches)[0]


REFUSED = [
    steps_a_schedule,
    sets_the_rate,
    draws_from_numpy,
    draws_from_numpys_older_generator,
    draws_from_python,
    advances_an_iterator,
    advances_a_generator,
    counts,
    advances_a_loader,
]


@pytest.mark.parametrize("scene", REFUSED, ids=lambda scene: scene.__name__)
def test_it_is_refused(scene):
    with pytest.raises(JitError, match="only when it is recorded|stay the same|never again"):
        mt.jit(scene())(ONE)


def test_what_was_refused_is_as_it_was():
    w, optimizer = stepping()
    schedule = optim.lr_scheduler.StepLR(optimizer, 1)

    def step(x):
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()
        schedule.step()

    with pytest.raises(JitError, match="call it after"):
        mt.jit(step)(ONE)
    assert (optimizer.param_groups[0]["lr"], schedule.last_epoch, w.grad, len(optimizer.state)) == (0.1, 0, None, 0)
    assert w.tolist() == [1.0, 1.0]
    with pytest.raises(JitError, match="'lr'"):
        mt.jit(sets_the_rate())(ONE)


def test_an_iterator_that_is_only_near_is_no_hindrance():
    trainer = SimpleNamespace(batches=iter([1, 2]), schedule=optim.lr_scheduler.StepLR(stepping()[1], 1), scale=3.0)
    compiled = mt.jit(lambda x: x * trainer.scale)
    for _ in range(3):
        assert compiled(ONE).tolist() == [3.0, 3.0]
        trainer.schedule.step()
    assert compiled.records == 1
    assert next(trainer.batches) == 1 and math.isclose(trainer.schedule.get_last_lr()[0], 1e-4)
