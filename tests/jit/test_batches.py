"""One compiled function on batches of many sizes: it gives what it gives plainly, and what a new size need not do again."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import minitorch as mt
from minitorch import nn
from minitorch.compiling import backend, recording
from minitorch.core.jit import graph as graphs
from minitorch.core.jit.lower import fuse
from minitorch.core.jit.passes import optimize, pipeline
from minitorch.optim import optimizer as optimizers

from .comparing import compare, look, same
from .steps import training

# One, none, and sizes that other axes have, too; beyond 512, sums of floats are added up in blocks.
SIZES = (4, 1, 3, 8, 0, 2, 600, 8, 1)


def model():
    return nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 3)).double()


def batch(size):
    rng = np.random.default_rng(size)
    return mt.tensor(rng.normal(size=(size, 4))), mt.tensor(rng.integers(0, 3, size))


def stepping(net, optimizer, wrap):
    return wrap(training(optimizer, lambda x, y: nn.functional.cross_entropy(net(x), y, reduction="sum")))


# --------------------------------------------------------------------------- the same as plainly

OPTIMIZERS = {
    "sgd": ("SGD", {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1}),
    "adam": ("Adam", {"lr": 0.01, "amsgrad": True}),
    "adamw": ("AdamW", {"lr": 0.01}),
    "nadam": ("NAdam", {"lr": 0.01}),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_on_batches_of_every_size(name):
    kind, options = OPTIMIZERS[name]

    def make(wrap):
        net = model()
        optimizer = getattr(mt.optim, kind)(net.parameters(), **options)
        step = stepping(net, optimizer, wrap)
        return lambda i: step(*batch(SIZES[i])), [net, optimizer]

    compare(make, len(SIZES))


@pytest.mark.filterwarnings("ignore:jit. step has been recorded")
def test_options_that_change_between_sizes():
    """Updates are copied for the options that they were recorded with, and for no others."""

    def make(wrap):
        net = model()
        optimizer = mt.optim.Adam(net.parameters(), lr=0.01)
        step = stepping(net, optimizer, wrap)

        def call(i):
            optimizer.param_groups[0].update(
                betas=[(0.9, 0.99), (0.5, 0.99)][i % 2], lr=0.01 * (i % 3), weight_decay=[0.0, 0.1, 0, False][i % 4]
            )
            return step(*batch(SIZES[i]))

        return call, [net, optimizer]

    compare(make, len(SIZES))


# fmt: off
OPERATIONS = [
    lambda x, y: x.tanh(), lambda x, y: x * 0.5 + 1, lambda x, y: x + y, lambda x, y: x * y, lambda x, y: x - y * 2,
    lambda x, y: x.sum(0), lambda x, y: x.mean(-1, keepdim=True), lambda x, y: x.sum(), lambda x, y: x.softmax(-1),
    lambda x, y: x.mT, lambda x, y: x.reshape(-1), lambda x, y: x[1:], lambda x, y: x[..., ::2], lambda x, y: x.unsqueeze(0),
    lambda x, y: x @ y.mT, lambda x, y: x.mT @ y, lambda x, y: mt.cat([x, y]), lambda x, y: mt.stack([x, y]).sum(0),
    lambda x, y: x.amax(-1), lambda x, y: mt.where(x > y, x, 0.5), lambda x, y: x.cumsum(0), lambda x, y: x[:, 0] * 3,
    lambda x, y: nn.functional.layer_norm(x, x.shape[-1:]), lambda x, y: x * x.shape[0], lambda x, y: x.var(0),
    lambda x, y: x if x.shape[0] > 2 else -x, lambda x, y: x.expand(2, *x.shape), lambda x, y: x.flip(0).square(),
]
# fmt: on
INSTRUCTION = st.tuples(st.sampled_from(range(len(OPERATIONS))), st.integers(0, 99), st.integers(0, 99))
REFUSED = (RuntimeError, ValueError, TypeError, IndexError)


def run(program, x, y):
    values = [x, y]
    for which, i, j in program:
        values.append(OPERATIONS[which](values[i % len(values)], values[j % len(values)]))
    return values[-1], values[-1].sum()


@settings(max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.lists(INSTRUCTION, min_size=2, max_size=9), st.permutations((0, 1, 2, 3, 5, 40)))
def test_random_programs_on_batches_of_every_size(program, sizes):
    """One compiled function meets all sizes, in any order; what raises plainly raises compiled."""
    compiled = mt.jit(lambda x, y: run(program, x, y))
    for n in sizes:
        rng = np.random.default_rng(n)
        x, y = (mt.tensor(rng.normal(size=(n, 3))) for _ in range(2))
        try:
            expected = run(program, x, y)
        except REFUSED:
            with pytest.raises(REFUSED):
                compiled(x, y)
            continue
        same(look(compiled(x, y)), look(expected))


# --------------------------------------------------------------------------- what is done once


def test_updates_are_recorded_once_for_each_shape(monkeypatch):
    done = []
    plain = optimizers.stepped
    monkeypatch.setattr(optimizers, "stepped", lambda rule, p, *rest: done.append(p.shape) or plain(rule, p, *rest))
    net = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 8)).double()
    optimizer = mt.optim.AdamW(net.parameters(), lr=0.01)
    step = stepping(net, optimizer, mt.jit)
    step(*batch(4))
    step(*batch(4))
    assert sorted(done) == [(8,), (8, 4), (8, 8)]
    step(*batch(7))
    assert len(done) == 3
    optimizer.param_groups[0]["betas"] = (0.5, 0.5)
    step(*batch(7))
    assert sorted(done[3:]) == [(8,), (8, 4), (8, 8)]


def attention(x):
    weights = mt.softmax(x @ x.mT, -1)
    return mt.softmax(nn.functional.layer_norm(weights @ x, x.shape[-1:]) * 2, -1).sum(0)


def recorded(function, *args):
    """Return the graph of a function as it goes into the passes."""
    return mt.jit(function).recorded(*args).graph


def test_definitions_that_are_written_twice_have_results_of_their_own():
    found = optimize(recorded(attention, mt.ones(5, 5)))
    graphs.check(found)
    assert sum(eq.primitive.name == "exp" for eq in found.equations) == 2


def test_rounds_leave_nothing_that_is_settled_unsimplified(monkeypatch):
    """Asking the rules about every equation in every round finds no more."""
    net = model()
    step = stepping(net, mt.optim.Adam(net.parameters(), lr=0.01), mt.jit)
    for graph in (recorded(attention, mt.ones(5, 5)), step.recorded(*batch(5)).graph):
        found = str(optimize(graph))
        with monkeypatch.context() as patch:
            patch.setattr(pipeline._Rounds, "_is_settled", lambda *args: False)
            assert str(optimize(graph)) == found


def test_merged_groups_are_those_of_their_operations(monkeypatch):
    """Groups are merged, and joined, by what is known of them; grouping their operations anew gives the same."""
    united, merged, joined, seen = fuse.united, fuse.merged, fuse.joined, []

    def together(maker, home):
        for part in (maker, home):
            part.unfold()
        return fuse.grouped(sorted(maker.operations + home.operations, key=lambda op: op.place))

    def first_checked(maker, home):
        both = united(maker, home)
        if both is None and maker.levels and home.levels and maker.count + home.count <= fuse.MOST_OPERATIONS:
            assert together(maker, home) is None
            seen.append(False)
        return both

    def checked(maker, home):
        both = merged(maker, home)
        anew = together(maker, home)
        if len(maker.operations) + len(home.operations) <= fuse.MOST_OPERATIONS:
            assert describe(both) == describe(anew)
        seen.append(both is not None)
        return both

    def also_checked(group, op):
        group.unfold()
        anew = fuse.grouped([*group.operations, op])
        found = joined(group, op)
        seen.append(found)
        assert describe(group if found else None) == describe(anew if found else None)
        assert found or op.kind != "map" or op.size != group.size or anew is None or not group.levels or is_full(group)
        return found

    monkeypatch.setattr(fuse, "united", first_checked)
    monkeypatch.setattr(fuse, "merged", checked)
    monkeypatch.setattr(fuse, "joined", also_checked)
    net = model()
    step = stepping(net, mt.optim.NAdam(net.parameters(), lr=0.01), mt.jit)
    for size in (5, 1, 8):
        backend.build(step.recorded(*batch(size)), backend.Rooms())
        backend.build(mt.jit(attention).recorded(mt.ones(size, 3)), backend.Rooms())
    assert any(seen) and not all(seen)


def is_full(group):
    return len(group.operations) == fuse.MOST_OPERATIONS


def describe(group):
    if group is None:
        return None
    space = group.kind, group.size, group.rows, group.abc, group.axes()
    return *space, group.operations, group.levels, group.reads, group.sizes, group.spaces


# --------------------------------------------------------------------------- garbage


def test_collections_of_garbage_are_put_off_and_resumed():
    def function(x):
        assert not gc.isenabled()
        if x.shape[0] == 2:
            raise KeyError
        return x * 2

    compiled = mt.jit(function)
    compiled(mt.ones(3))
    assert gc.isenabled()
    with pytest.raises(KeyError):
        compiled(mt.ones(2))
    assert gc.isenabled()
    gc.disable()
    try:
        with recording.uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()
