"""The shortest way into programs of every kind: that read gradients, return views, keep a backward pass, or run long."""

import numpy as np
import pytest

import minitorch as mt
from minitorch.core.jit.native.objects import supported

from .steps import at_once, training

pytestmark = pytest.mark.skipif(not supported(), reason="objects cannot be read where they lie")

WARM = 5  # calls until the shortest way is open
LONG = 30_000  # numbers of a parameter whose update runs while others may have the GIL


class Setup:
    """Parameters with gradients, in a list, and a step that updates them."""

    def __init__(self, compiled, size=4, returns=lambda s: s.params[0].detach(), before=lambda s: None):
        rng = np.random.default_rng(0)
        draw = lambda: mt.tensor(rng.normal(size=size).astype(np.float32))  # noqa: E731
        self.params = [mt.nn.Parameter(draw()) for _ in range(3)]
        for p in self.params:
            p.grad = draw()
        self.opt = mt.optim.Adam(self.params, lr=0.1)
        self.scales = {"one": [1.0], "others": (0.5, [0.25])}
        self.x = draw()
        opt, scales = self.opt, self.scales

        def step():
            before(self)
            opt.step()
            with mt.no_grad():
                self.params[0].mul_(scales["one"][0] * scales["others"][1][0])
            return returns(self)

        self.step = mt.jit(step) if compiled else step

    def state(self):
        """Return copies of all that a step changes."""
        grads = [p.grad.numpy().copy() for p in self.params if p.grad is not None]
        kept = [v.numpy().copy() for p in self.params for v in self.opt.state[p].values()]
        return [p.detach().numpy().copy() for p in self.params] + grads + kept


def entered(step, *args):
    """Call a compiled step, and return whether it took the shortest way, and the result."""
    long_way, taken = step.quick.call, []
    step.quick.call = lambda args: taken.append(args) or long_way(args)
    try:
        out = step(*args)
    finally:
        del step.quick.call
    return not taken, out


def both(change, **options):
    """Run steps, a change, and more steps, compiled and at once, and compare."""
    made = [Setup(compiled, **options) for compiled in (True, False)]
    for s in made:
        for _ in range(WARM):
            s.step()
    assert entered(made[0].step)[0]
    made[1].step()
    kept = [change(s) for s in made]
    for _ in range(WARM):
        outs = [s.step() for s in made]
        assert (outs[0] is None) is (outs[1] is None)
        if outs[0] is not None:
            np.testing.assert_allclose(outs[0].detach().numpy(), outs[1].detach().numpy(), rtol=2e-5, atol=1e-6)
    for mine, theirs in zip(*(s.state() for s in made), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=2e-4, atol=2e-6)
    return made, kept


def _another_gradient(s):
    for p in s.params:
        p.grad = mt.ones_like(p.detach())


def _a_gradient_that_is_a_view(s):
    s.params[0].grad = mt.ones(2, *s.params[0].shape)[1]


def _one_gradient_for_two(s):
    s.params[0].grad = s.params[1].grad


def _parted_again(s):
    _one_gradient_for_two(s)
    for _ in range(WARM):
        s.step()
    s.params[0].grad = mt.ones_like(s.params[0].detach())


CHANGES = {
    "nothing": lambda s: None,
    "other gradients": _another_gradient,
    "a gradient written in place": lambda s: s.params[1].grad.mul_(2.0),
    "a gradient that is a view": _a_gradient_that_is_a_view,
    "no gradient": lambda s: setattr(s.params[1], "grad", None),
    "one gradient for two": _one_gradient_for_two,
    "one gradient for two, and no longer": _parted_again,
    "an item of a list in a dict": lambda s: s.scales["one"].__setitem__(0, 2.0),
    "an item of a list in a tuple": lambda s: s.scales["others"][1].__setitem__(0, 2.0),
    "a longer list": lambda s: s.scales["one"].insert(0, 3.0),
    "a new list": lambda s: s.scales.update(one=[0.125]),
    "parameters in another order": lambda s: s.params.reverse(),
    "a parameter replaced": lambda s: s.params.__setitem__(0, mt.nn.Parameter(s.x)),
}
RESULTS = {
    "a view of a parameter": lambda s: s.params[0].detach()[1:],
    "a parameter": lambda s: s.params[0],
    "a gradient": lambda s: s.params[2].grad,
    "something that requires grad": lambda s: (s.params[0] * s.params[1]).sum(),
    "a constant": lambda s: mt.ones(3),
    "nothing": lambda s: None,
}


@pytest.mark.parametrize("size", [4, LONG], ids=["short", "long"])
@pytest.mark.parametrize("name", CHANGES)
def test_what_changes_is_seen(name, size):
    both(CHANGES[name], size=size)


def _accumulated(s):
    sum((p * s.x).sum() for p in s.params).backward()


@pytest.mark.parametrize("size", [4, LONG], ids=["short", "long"])
@pytest.mark.parametrize("name", CHANGES)
def test_what_changes_is_seen_by_a_step_that_adds_to_gradients(name, size):
    both(CHANGES[name], size=size, before=_accumulated)


@pytest.mark.parametrize("size", [4, LONG], ids=["short", "long"])
@pytest.mark.parametrize("name", RESULTS)
def test_any_result(name, size):
    both(CHANGES["other gradients"], size=size, returns=RESULTS[name])


@pytest.mark.parametrize("size", [4, LONG], ids=["short", "long"])
@pytest.mark.parametrize(
    "take",
    [lambda p: p.current(), lambda p: p.detach().numpy(), lambda p: p.grad.numpy()],
    ids=["array", "numpy", "grad"],
)
def test_what_somebody_holds_is_left_alone(take, size):
    def accumulate(s):
        (s.params[0] * s.x).sum().backward()

    made, kept = [], []

    def hold(s):
        held = take(s.params[0])
        made.append(held)
        kept.append(np.array(held.tolist()))

    both(hold, size=size, before=accumulate)
    for held, before in zip(made, kept, strict=True):
        np.testing.assert_array_equal(np.array(held.tolist()), before)


def test_a_kept_view_sees_what_is_written_and_a_kept_copy_does_not():
    s = Setup(True)
    for _ in range(WARM):
        s.step()
    views, copies = [], []
    for _ in range(3):
        views.append(s.step())
        copies.append(views[-1].clone())
    last = s.params[0].detach().tolist()
    assert all(v.tolist() == last for v in views)
    assert copies[0].tolist() != last


@pytest.mark.parametrize("where", ["first", "in the middle", "last", "never"])
def test_gradients_may_be_cleared_anywhere(where):
    def run(compiled):
        rng = np.random.default_rng(0)
        w = mt.nn.Parameter(mt.tensor(rng.normal(size=(3, 2)).astype(np.float32)))
        opt = mt.optim.SGD([w], lr=0.1, momentum=0.9)

        def step(x):
            if where == "first":
                opt.zero_grad()
            loss = (x @ w).square().mean()
            if where == "in the middle":
                opt.zero_grad()
            loss.backward()
            opt.step()
            if where == "last":
                opt.zero_grad()
            return loss

        step = mt.jit(step) if compiled else step
        xs = [mt.tensor(rng.normal(size=(4, 3)).astype(np.float32)) for _ in range(3)]
        losses = [step(xs[k % 3]).item() for k in range(2 * WARM)]
        is_entered = entered(step, xs[0])[0] if compiled else step(xs[0]) is not None
        return is_entered, losses, w.detach().tolist(), w.grad is None

    (is_entered, *found), (_, *expected) = run(True), run(False)
    assert is_entered
    np.testing.assert_allclose(found[0], expected[0], rtol=2e-5)
    np.testing.assert_allclose(found[1], expected[1], rtol=2e-5)
    assert found[2] == expected[2]


def test_the_backward_pass_of_a_forward_pass():
    model = mt.nn.Sequential(mt.nn.Linear(3, 4), mt.nn.Tanh(), mt.nn.Linear(4, 2))
    forward = mt.jit(model)
    x = mt.tensor(np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32))
    for _ in range(WARM):
        forward(x)
    is_entered, out = entered(forward, x)
    assert is_entered and out.requires_grad
    with mt.no_grad():
        model[0].weight.mul_(2.0)  # the backward pass still uses what the forward pass has seen
    out.sum().backward()
    found = [p.grad.numpy().copy() for p in model.parameters()]
    model.zero_grad()
    with mt.no_grad():
        model[0].weight.div_(2.0)
    model(x).sum().backward()
    for mine, p in zip(found, model.parameters(), strict=True):
        np.testing.assert_allclose(mine, p.grad.numpy(), rtol=1e-5, atol=1e-6)


def test_threads_share_a_long_program():
    made = [Setup(compiled, size=LONG, returns=lambda s: None) for compiled in (True, False)]
    for s in made:
        for _ in range(WARM):
            s.step()
    at_once(*4 * [lambda: [made[0].step() for _ in range(5)]])
    assert all(np.isfinite(x).all() for x in made[0].state())


def test_slices_of_a_data_set():
    def run(compiled):
        rng = np.random.default_rng(0)
        data = mt.tensor(rng.normal(size=(40, 3)).astype(np.float32))
        w = mt.nn.Parameter(mt.tensor(rng.normal(size=(3, 2)).astype(np.float32)))
        step = training(mt.optim.SGD([w], lr=0.1), lambda x, y: (x @ w - y).square().mean())
        step = mt.jit(step) if compiled else step
        targets = mt.tensor(rng.normal(size=(40, 2)).astype(np.float32))
        losses = [step(data[i : i + 4], targets[i : i + 4]).item() for i in range(0, 40, 4)]
        x, y = data[:4], targets[:4]
        if compiled:
            is_entered, out = entered(step, x, y)
            assert is_entered
        else:
            out = step(x, y)
        data.mul_(2.0)  # x is a view of what has been written
        losses += [out.item(), step(x, y).item()]
        losses += [step(data[:8:2], targets[:4]).item(), step(data[:4] * 1.0, y).item(), step(x, y).item()]
        losses += [step(data[:4], data[i : i + 4, :2]).item() for i in (4, 2, 0)]  # both of one tensor
        return losses, w.detach().numpy()

    found, expected = run(True), run(False)
    np.testing.assert_allclose(found[0], expected[0], rtol=2e-5)
    np.testing.assert_allclose(found[1], expected[1], rtol=2e-5)


def test_a_slice_of_what_the_step_writes():
    total = mt.zeros(4)

    @mt.jit
    def add(x):
        total.add_(x.sum())
        return x * 2

    data = mt.ones(8)
    for _ in range(WARM):
        add(data[:4])
    assert entered(add, data[4:])[0] and total.tolist() == [24.0] * 4
    with pytest.raises(mt.errors.JitError, match="share memory"):
        add(total[:])
    assert total.tolist() == [24.0] * 4
