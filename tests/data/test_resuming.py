"""A loader that is stopped and resumed gives the batches that it would have given; a run goes on bit for bit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minitorch as mt
from minitorch.errors import StateError
from minitorch.utils.data import (
    DataLoader,
    DistributedSampler,
    RandomSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from .test_workers import Counting, Quiet, Share, limit, listed  # noqa: F401 (a fixture)

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning", "ignore:.*fork:RuntimeWarning"),
]
WORKERS = {
    "here": {},
    "threads": {"num_workers": 2, "worker_type": "thread"},
    "processes": {"num_workers": 2},
    "persistent": {"num_workers": 3, "persistent_workers": True, "prefetch_factor": 4},
}
ROWS = TensorDataset(mt.arange(23), mt.arange(46).reshape(23, 2))


def generator(seed):
    return mt.Generator().manual_seed(seed)


class Plain:
    """A sampler without a state."""

    def __iter__(self):
        return iter([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7])

    def __len__(self):
        return 14


def sampled(make):
    """Return a loader whose sampler draws from a generator of its own."""
    return lambda seed, **options: DataLoader(Quiet(40), 4, sampler=make(generator(seed)), **options)


LOADERS = {
    "in order": lambda seed, **options: DataLoader(Quiet(23), 4, generator=generator(seed), **options),
    "shuffled": lambda seed, **options: DataLoader(Quiet(23), 4, shuffle=True, generator=generator(seed), **options),
    "rows": lambda seed, **options: DataLoader(
        ROWS, 4, shuffle=True, generator=generator(seed), drop_last=True, **options
    ),
    "rows in order": lambda seed, **options: DataLoader(ROWS, 4, generator=generator(seed), **options),
    "default generator": lambda seed, **options: DataLoader(Quiet(23), 4, shuffle=True, **options),
    "replacement": sampled(lambda g: RandomSampler(range(23), replacement=True, num_samples=30, generator=g)),
    "several times": sampled(lambda g: RandomSampler(range(23), num_samples=60, generator=g)),
    "subset": sampled(lambda g: SubsetRandomSampler(range(3, 20), generator=g)),
    "weighted": sampled(lambda g: WeightedRandomSampler([1.0, 2.0, 3.0, 4.0] * 5, 18, generator=g)),
    "distributed": sampled(lambda g: DistributedSampler(range(40), 2, 1)),
    "plain": sampled(lambda g: Plain()),
    "single": lambda seed, **options: DataLoader(Quiet(9), None, shuffle=True, generator=generator(seed), **options),
    "stream": lambda seed, **options: DataLoader(Share(40), 4, generator=generator(seed), **options),
    "stream with a state": lambda seed, **options: DataLoader(Counting(41), 3, generator=generator(seed), **options),
    "unequal streams": lambda seed, **options: DataLoader(Counting(7), 1, generator=generator(seed), **options),
}


# Threads share the object, so that a stream cannot keep its place in it.
OF_ONE_OBJECT = ("stream with a state", "unequal streams")


@pytest.mark.parametrize(
    ("name", "workers"), [(n, w) for n in LOADERS for w in WORKERS if w != "threads" or n not in OF_ONE_OBJECT]
)
def test_a_loader_goes_on_where_it_was(name, workers, tmp_path):
    make, options = LOADERS[name], WORKERS[workers]
    draws_here = workers == "here" and name != "rows"

    def batches(it):
        return [x if not draws_here or name in ("rows", "rows in order", "stream") else x[:1] for x in it]

    for stop in (0, 1, 3):
        mt.manual_seed(7)
        loader = make(1, **options)
        it = iter(loader)
        for _ in range(stop):
            next(it)
        mt.save({"loader": loader.state_dict(), "random": mt.get_rng_state()}, tmp_path / "state")
        rest = batches(map(plain, it)), batches(map(plain, loader))
        state = mt.load(tmp_path / "state")
        mt.manual_seed(99)
        again = make(2, **options)
        if stop == 3:
            next(iter(again))
        again.load_state_dict(state["loader"])
        mt.set_rng_state(state["random"])
        assert again.state_dict()["pass"] == state["loader"]["pass"]
        assert (batches(map(plain, again)), batches(map(plain, again))) == rest
        assert rest[0] and rest[1]


def plain(batch):
    return [np.asarray(x).tolist() for x in batch] if isinstance(batch, (list, tuple)) else np.asarray(batch).tolist()


@pytest.mark.parametrize("workers", WORKERS)
def test_between_passes(workers):
    make, options = LOADERS["shuffled"], WORKERS[workers]
    loader = make(1, **options)
    list(loader)
    state = loader.state_dict()
    assert state["pass"] is None
    again = make(2, **options)
    again.load_state_dict(state)
    assert [b[0] for b in listed(again)] == [b[0] for b in listed(loader)]


def test_the_last_batch_has_been_given():
    loader = LOADERS["rows"](1)
    for _ in loader:
        state = loader.state_dict()
    again = LOADERS["rows"](1)
    again.load_state_dict(state)
    assert list(again) == [] and len(list(again)) == 5


def test_refusals():
    loader = DataLoader(Share(), num_workers=2, worker_type="thread")
    it = iter(loader)
    next(it)
    with pytest.raises(StateError, match="shared by 2 workers, this loader has 0"):
        DataLoader(Share()).load_state_dict(loader.state_dict())
    with pytest.raises(StateError, match="entries"):
        loader.load_state_dict({"a": 1})
    loader = DataLoader(range(9), num_workers=2, in_order=False, worker_type="thread")
    it = iter(loader)
    next(it)
    with pytest.raises(StateError, match="in_order=False"):
        loader.state_dict()
    list(it)
    assert loader.state_dict()["pass"] is None


RUN = """
import sys
import minitorch as mt
from minitorch.utils.data import DataLoader, Dataset

class Noisy(Dataset):
    x, y = mt.random.normal(mt.random.key(1), (50, 4)), mt.random.normal(mt.random.key(2), (50, 1))
    def __len__(self):
        return 50
    def __getitem__(self, i):
        return mt.Tensor(self.x[i]) + (0.1 * mt.rand(4) if WORKERS else 0), mt.Tensor(self.y[i])

def make(seed):
    mt.manual_seed(seed)
    model = mt.nn.Sequential(mt.nn.Linear(4, 8), mt.nn.BatchNorm1d(8), mt.nn.Dropout(0.3), mt.nn.Linear(8, 1))
    optimizer = mt.optim.Adam(model.parameters(), lr=0.01)
    scheduler = mt.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=40)
    generator = mt.Generator().manual_seed(seed + 1) if OWN else None
    loader = DataLoader(Noisy(), 6, shuffle=True, generator=generator, num_workers=WORKERS)
    return model, optimizer, scheduler, loader

def train(run, epochs, stop=None):
    model, optimizer, scheduler, loader = run
    losses = []
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss = ((model(x) - y) ** 2).mean()
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
            if len(losses) == stop:
                return losses
    return losses

def kept(run):
    return {"parts": [part.state_dict() for part in run], "random": mt.get_rng_state()}

def restore(run, state):
    for part, saved in zip(run, state["parts"]):
        part.load_state_dict(saved)
    mt.set_rng_state(state["random"])
"""


@pytest.mark.parametrize("own", [True, False], ids=["own generator", "default generator"])
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("stop", [4, 13])
def test_a_run_is_resumed_in_the_middle_of_an_epoch_bit_for_bit(stop, workers, own, tmp_path):
    settings = f"WORKERS, OWN = {workers}, {own}\n"
    space: dict = {"__name__": "run"}
    exec(settings + RUN, space)
    run = space["make"](3)
    straight = space["train"](run, 2)
    mt.save(space["kept"](run), tmp_path / "straight")
    run = space["make"](3)
    begun = space["train"](run, 2, stop)
    mt.save(space["kept"](run), tmp_path / "stopped")
    assert begun == straight[:stop] and len(straight) == 18
    program = (
        f"{settings}{RUN}run = make(8)\nrestore(run, mt.load({str(tmp_path / 'stopped')!r}))\n"
        f"losses = train(run, {2 - stop // 9})\nmt.save((kept(run), losses), {str(tmp_path / 'end')!r})\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120, cwd=ROOT)
    (end, losses), expected = mt.load(tmp_path / "end"), mt.load(tmp_path / "straight")
    assert losses == straight[stop:]
    assert repr(end) == repr(expected)
    for mine, theirs in zip(mt.tree.leaves(end), mt.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(np.asarray(mine), np.asarray(theirs))
