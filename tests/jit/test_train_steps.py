"""train_steps equals a loop over the compiled step, and over the plain one."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch as mt
from minitorch.compiling.steps import Loop

from .steps import training


def build(kind="mlp", optimizer=mt.optim.Adam):
    mt.manual_seed(0)
    layers = {
        "mlp": [mt.nn.Linear(3, 8), mt.nn.ReLU(), mt.nn.Linear(8, 2)],
        "dropout": [mt.nn.Linear(3, 8), mt.nn.BatchNorm1d(8), mt.nn.Dropout(0.5), mt.nn.Linear(8, 2)],
    }[kind]
    model = mt.nn.Sequential(*layers)
    opt = optimizer(model.parameters(), lr=0.05)
    return model, training(opt, lambda x, y: ((model(x) - y) ** 2).mean())


def batches(sizes):
    rng = np.random.default_rng(0)
    return [tuple(mt.tensor(rng.standard_normal((n, k)).astype(np.float32)) for k in (3, 2)) for n in sizes]


@pytest.mark.parametrize("kind", ["mlp", "dropout"])
@pytest.mark.parametrize("sizes", [[4] * 7, [4] * 3 + [2], [4], [4, 4, 3, 3, 3, 4]])
def test_equal_to_a_loop(kind, sizes):
    found = []
    for together in (False, True):
        # A bias before batch normalization has no gradient but rounding errors, which Adam would blow up.
        model, step = build(kind, mt.optim.SGD if kind == "dropout" else mt.optim.Adam)
        mt.manual_seed(1)
        data = batches(sizes)
        losses = mt.train_steps(step, data).tolist() if together else [step(*b).item() for b in data]
        found.append(
            (losses, [p.detach().numpy().copy() for p in model.parameters()], [p.grad for p in model.parameters()])
        )
    (plain, weights, grads), (compiled, others, other_grads) = found
    np.testing.assert_allclose(compiled, plain, rtol=1e-4)
    for a, b in zip(weights, others):
        np.testing.assert_allclose(b, a, rtol=1e-3, atol=1e-5)
    for a, b in zip(grads, other_grads):
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-3, atol=1e-5)


def test_it_runs_natively():
    _, step = build()
    compiled = mt.jit(step)
    data = batches([4] * 3)
    mt.train_steps(compiled, data)
    loop = compiled.quick.loop
    assert isinstance(loop, Loop) and loop.is_possible
    before = compiled.calls
    mt.train_steps(compiled, data)
    assert compiled.calls == before  # all steps ran in the native loop


def test_a_number_of_steps():
    w = mt.zeros(1, requires_grad=True)
    opt = mt.optim.SGD([w], lr=0.5)
    step = mt.jit(training(opt, lambda: ((w - 1) ** 2).sum()))
    losses = mt.train_steps(step, 20)
    assert losses.shape == (20,) and losses[0].item() == 1 and w.item() == 1
    opt.param_groups[0]["lr"] = 0.25
    w.data = mt.zeros(1)
    assert mt.train_steps(step, 2).tolist() == [1, 0.25]


def test_trees_of_results_and_single_arguments():
    total = mt.zeros(2)

    def step(x):
        total.add_(x)
        return {"total": total * 1, "n": 3}

    out = mt.train_steps(step, [mt.ones(2)] * 4)
    assert out["total"].tolist() == [[1, 1], [2, 2], [3, 3], [4, 4]] and out["n"] == 3


def test_no_batches():
    with pytest.raises(mt.errors.MinitorchError, match="no batches"):
        mt.train_steps(lambda x: x, [])


def test_what_is_held_is_not_written_over():
    w = mt.zeros(2)

    @mt.jit
    def step(x):
        w.add_(x)
        return w.sum()

    step(mt.ones(2))
    seen = w.numpy()
    assert mt.train_steps(step, [mt.ones(2)] * 3).tolist() == [4, 6, 8]
    assert seen.tolist() == [1, 1] and w.tolist() == [4, 4]
