"""Schedulers: 200 steps exactly equal to PyTorch's, states that load in either, the same refusals."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import minitorch as mt  # noqa: E402

from .pairs import LIBRARIES, both_raise  # noqa: E402

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:Detected call of"),
    pytest.mark.filterwarnings("ignore:The epoch parameter"),
]


class Waning:
    """A callable with state of its own."""

    def __init__(self):
        self.rate = 0.9

    def __call__(self, n):
        return self.rate**n


def sequence(s, o):
    parts = [s.ConstantLR(o, 0.5, 4), s.ExponentialLR(o, 0.9), s.CosineAnnealingLR(o, 20)]
    return s.SequentialLR(o, parts, [6, 30])


def nested(s, o):
    inner = s.SequentialLR(o, [s.LinearLR(o, 0.1, total_iters=5), s.StepLR(o, 7, 0.5)], [5])
    return s.SequentialLR(o, [inner, s.ExponentialLR(o, 0.95)], [40])


SCHEDULERS = {
    "lambda": lambda s, o: s.LambdaLR(o, lambda n: 0.95**n),
    "lambdas": lambda s, o: s.LambdaLR(o, [lambda n: 1 / (n + 1), Waning()]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda n: 0.97 if n % 2 else 1.01),
    "step": lambda s, o: s.StepLR(o, 30, 0.3),
    "multi step": lambda s, o: s.MultiStepLR(o, [10, 50, 50, 120], 0.5),
    "constant": lambda s, o: s.ConstantLR(o, 0.3, 40),
    "linear": lambda s, o: s.LinearLR(o, 0.1, 0.8, 70),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.99),
    "polynomial": lambda s, o: s.PolynomialLR(o, 150, 1.7),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 30, 0.01),
    "warm restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 10, 2, 1e-3),
    "warm restarts, equal": lambda s, o: s.CosineAnnealingWarmRestarts(o, 15),
    "sequential": sequence,
    "nested": nested,
    "chained": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 10), s.ExponentialLR(o, 0.98)], o),
    "cyclic": lambda s, o: s.CyclicLR(o, 0.01, 0.5, 13, 20),
    "cyclic halving": lambda s, o: s.CyclicLR(o, [0.01, 0.02], [0.5, 0.7], 13, mode="triangular2"),
    "cyclic powers": lambda s, o: s.CyclicLR(o, 0.01, 0.5, 13, mode="exp_range", gamma=0.99),
    "cyclic function": lambda s, o: s.CyclicLR(o, 0.01, 0.5, 13, scale_fn=Waning(), cycle_momentum=False),
    "one cycle": lambda s, o: s.OneCycleLR(o, 0.5, 210),
    "one cycle of epochs": lambda s, o: s.OneCycleLR(
        o, [0.5, 0.1], epochs=21, steps_per_epoch=10, anneal_strategy="linear"
    ),
    "one cycle in three": lambda s, o: s.OneCycleLR(o, 0.5, 210, three_phase=True, pct_start=0.4, cycle_momentum=False),
}


def optimizer_of(lib, kind):
    groups = [{"params": [lib.nn.Parameter(lib.zeros(2))]}, {"params": [lib.nn.Parameter(lib.zeros(1))], "lr": 0.03}]
    return lib.optim.Adam(groups, lr=0.1) if kind == "Adam" else lib.optim.SGD(groups, lr=0.1, momentum=0.9)


def options(optimizer):
    return [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_200_steps_are_equal_to_the_last_bit(name, kind):
    optimizers = [optimizer_of(lib, kind) for lib in LIBRARIES]
    ours, theirs = (SCHEDULERS[name](lib.optim.lr_scheduler, o) for lib, o in zip(LIBRARIES, optimizers))
    for _ in range(200):
        assert options(optimizers[0]) == options(optimizers[1])
        assert ours.get_last_lr() == theirs.get_last_lr()
        ours.step()
        theirs.step()


@pytest.mark.parametrize("name", SCHEDULERS)
def test_states_go_from_one_library_to_the_other(name):
    for there, here in (LIBRARIES, LIBRARIES[::-1]):
        first, second = optimizer_of(there, "SGD"), optimizer_of(here, "SGD")
        a, b = SCHEDULERS[name](there.optim.lr_scheduler, first), SCHEDULERS[name](here.optim.lr_scheduler, second)
        for _ in range(17):
            a.step()
        for mine, other in zip(second.param_groups, first.param_groups):
            mine.update({k: v for k, v in other.items() if k != "params"})
        b.load_state_dict(a.state_dict())
        for _ in range(60):
            a.step()
            b.step()
            assert a.get_last_lr() == b.get_last_lr()


PLATEAUS = {
    "plain": {"patience": 3},
    "absolute": {"patience": 2, "threshold": 0.05, "threshold_mode": "abs", "cooldown": 4},
    "largest": {"mode": "max", "patience": 2, "min_lr": [0.01, 0.002], "factor": 0.5},
    "largest absolute": {"mode": "max", "threshold_mode": "abs", "threshold": 0.1, "patience": 1, "eps": 1e-3},
}


@pytest.mark.parametrize("name", PLATEAUS)
def test_plateaus(name):
    optimizers = [optimizer_of(lib, "SGD") for lib in LIBRARIES]
    ours, theirs = (
        lib.optim.lr_scheduler.ReduceLROnPlateau(o, **PLATEAUS[name]) for lib, o in zip(LIBRARIES, optimizers)
    )
    for n in range(200):
        metric = abs((n * 37) % 23 - 11) / 10 + 1 / (n + 1)
        ours.step(mt.tensor(metric, dtype=mt.float64))
        theirs.step(metric)
        assert options(optimizers[0]) == options(optimizers[1])
        assert ours.num_bad_epochs == theirs.num_bad_epochs and ours.in_cooldown == theirs.in_cooldown
    state = {k: v for k, v in theirs.state_dict().items() if k in ours.state_dict()}
    assert {k: ours.state_dict()[k] for k in state} == state


def test_epochs_by_number():
    for make in (
        lambda s, o: s.StepLR(o, 30, 0.3),
        lambda s, o: s.MultiStepLR(o, [10, 50], 0.5),
        lambda s, o: s.ConstantLR(o, 0.3, 40),
        lambda s, o: s.LinearLR(o, 0.1, 0.8, 70),
        lambda s, o: s.ExponentialLR(o, 0.99),
        lambda s, o: s.PolynomialLR(o, 150, 1.7),
        lambda s, o: s.CosineAnnealingLR(o, 30, 0.01),
        lambda s, o: s.CosineAnnealingWarmRestarts(o, 10, 2),
        lambda s, o: s.CosineAnnealingWarmRestarts(o, 10),
    ):
        ours, theirs = (make(lib.optim.lr_scheduler, optimizer_of(lib, "SGD")) for lib in LIBRARIES)
        for epoch in (5, 33, 60, 12):
            ours.step(epoch)
            theirs.step(epoch)
            assert ours.get_last_lr() == theirs.get_last_lr()


def test_a_rate_that_is_a_tensor_stays_one():
    found = []
    for lib in LIBRARIES:
        rate = lib.tensor(0.5)
        optimizer = lib.optim.SGD([lib.nn.Parameter(lib.zeros(2))], lr=rate)
        scheduler = lib.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        scheduler.step()
        assert optimizer.param_groups[0]["lr"] is rate
        found.append((rate.item(), scheduler.get_last_lr()[0].item(), scheduler.base_lrs[0].item()))
    assert found[0] == found[1]


def test_a_compiled_step_follows_the_scheduler():
    w = mt.nn.Parameter(mt.zeros(1))
    optimizer = mt.optim.SGD([w], lr=1.0)
    scheduler = mt.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)

    @mt.jit
    def step():
        optimizer.zero_grad()
        w.sum().backward()
        optimizer.step()

    for _ in range(3):
        step()
        scheduler.step()
    assert w.item() == -1.75


def sgd(lib, **more):
    return lib.optim.SGD([lib.nn.Parameter(lib.zeros(2))], lr=0.1, **more)


BAD = {
    "no optimizer": lambda lib, s: s.StepLR(7, 3),
    "no initial rate": lambda lib, s: s.StepLR(sgd(lib), 3, last_epoch=4),
    "lambdas": lambda lib, s: s.LambdaLR(sgd(lib), [len, len]),
    "lambda": lambda lib, s: s.MultiplicativeLR(sgd(lib), 3),
    "constant": lambda lib, s: s.ConstantLR(sgd(lib), 2.0),
    "linear start": lambda lib, s: s.LinearLR(sgd(lib), 0.0),
    "linear end": lambda lib, s: s.LinearLR(sgd(lib), 0.5, 2.0),
    "restarts": lambda lib, s: s.CosineAnnealingWarmRestarts(sgd(lib), 0),
    "restarts longer": lambda lib, s: s.CosineAnnealingWarmRestarts(sgd(lib), 3, 0),
    "restarts backward": lambda lib, s: s.CosineAnnealingWarmRestarts(sgd(lib), 3).step(-2),
    "nothing in a row": lambda lib, s: s.SequentialLR(sgd(lib), [], []),
    "milestones": lambda lib, s: (lambda o: s.SequentialLR(o, [s.StepLR(o, 2)], [3]))(sgd(lib)),
    "two optimizers": lambda lib, s: s.SequentialLR(sgd(lib), [s.StepLR(sgd(lib), 2)], []),
    "metrics": lambda lib, s: (lambda o: s.ChainedScheduler([s.ReduceLROnPlateau(o)], o))(sgd(lib)),
    "nothing chained": lambda lib, s: s.ChainedScheduler([]),
    "factor": lambda lib, s: s.ReduceLROnPlateau(sgd(lib), factor=1.0),
    "mode": lambda lib, s: s.ReduceLROnPlateau(sgd(lib), "least"),
    "threshold": lambda lib, s: s.ReduceLROnPlateau(sgd(lib), threshold_mode="x"),
    "least rates": lambda lib, s: s.ReduceLROnPlateau(sgd(lib), min_lr=[0.1, 0.2]),
    "cyclic mode": lambda lib, s: s.CyclicLR(sgd(lib, momentum=0.9), 0.1, 0.2, mode="x"),
    "no momentum": lambda lib, s: s.CyclicLR(lib.optim.Adagrad([lib.nn.Parameter(lib.zeros(1))]), 0.1, 0.2),
    "length": lambda lib, s: s.OneCycleLR(sgd(lib), 0.1),
    "steps": lambda lib, s: s.OneCycleLR(sgd(lib), 0.1, 0),
    "epochs": lambda lib, s: s.OneCycleLR(sgd(lib), 0.1, epochs=-1, steps_per_epoch=3),
    "part": lambda lib, s: s.OneCycleLR(sgd(lib), 0.1, 10, pct_start=2.0),
    "strategy": lambda lib, s: s.OneCycleLR(sgd(lib), 0.1, 10, anneal_strategy="x"),
    "too far": lambda lib, s: [x.step() for x in [s.OneCycleLR(sgd(lib), 0.1, 10)] for _ in range(12)],
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    assert len(both_raise(lambda lib: BAD[name](lib, lib.optim.lr_scheduler))) > 10
