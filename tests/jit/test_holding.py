"""Random steps on gradients and state that others hold, replace, or write to: as without jit, or a JitError."""

from __future__ import annotations

import random

import pytest

import minitorch as mt
from minitorch.errors import JitError
from minitorch.nn.utils import clip_grad_norm_

from .comparing import look, same

pytestmark = pytest.mark.filterwarnings("ignore:jit. step has been recorded")
CALLS = 14


class World:
    """Two parameters and their optimizer, a buffer, and what is held of them elsewhere."""

    def __init__(self):
        self.w = mt.nn.Parameter(mt.tensor([1.0, 2.0]))
        self.v = mt.nn.Parameter(mt.tensor([3.0, -1.0]))
        self.buffer = mt.tensor([0.5, 0.25])
        self.opt = mt.optim.SGD([self.w, self.v], lr=0.1, momentum=0.5)
        self.held = None
        self.kept = []

    def state(self, result):
        each = result if isinstance(result, tuple) else (result,)
        tensors = [self.w.grad, self.v.grad, self.held, self.buffer, self.w, *each]
        return [look([*tensors, *self.kept]), [[a is b for b in tensors] for a in tensors]]


def filling(name, value):
    return lambda s, x: setattr(getattr(s, name), "grad", value(s, x))


def where(tensor, act):
    """Return what acts on a tensor if it is there."""
    return lambda s, x: None if tensor(s) is None else act(s, tensor(s), x)


def gradient(s):
    return s.w.grad


def held(s):
    return s.held


INSIDE = [
    lambda s, x: (s.w * x * s.v).sum().backward(),
    lambda s, x: (s.w * s.w + x).sum().backward(),
    lambda s, x: s.opt.zero_grad(),
    lambda s, x: s.opt.zero_grad(set_to_none=False),
    lambda s, x: s.opt.step(),
    where(gradient, lambda s, g, x: g.mul_(0.5)),
    where(gradient, lambda s, g, x: s.buffer.add_(g)),
    where(gradient, lambda s, g, x: clip_grad_norm_([s.w, s.v], 1.0)),
    where(held, lambda s, g, x: s.buffer.add_(g)),
    filling("w", lambda s, x: x * 1),
    filling("w", lambda s, x: s.v.grad),
    filling("w", lambda s, x: mt.zeros(2)),
    filling("v", lambda s, x: x),
    filling("v", lambda s, x: None),
    lambda s, x: s.w.data.mul_(0.9),
    lambda s, x: s.w.detach().sub_(0.01),
    lambda s, x: s.buffer.mul_(x),
]
RESULTS = [
    lambda s, x: x * 1,
    lambda s, x: s.w.grad,
    lambda s, x: s.v.grad,
    lambda s, x: s.buffer,
    lambda s, x: (s.w * x).sum(),
    lambda s, x: (s.w.detach(), s.buffer[:1]),
]
BETWEEN = [
    lambda s, x: None,
    lambda s, x: None,
    lambda s, x: s.kept.append(s.w.grad),
    lambda s, x: s.kept.append(s.w.detach()),
    lambda s, x: setattr(s, "held", s.w.grad),
    lambda s, x: setattr(s, "held", mt.tensor([2.0, 2.0])),
    lambda s, x: setattr(s, "held", None),
    filling("w", lambda s, x: None),
    filling("w", lambda s, x: mt.tensor([7.0, 8.0])),
    filling("v", lambda s, x: s.w.grad),
    where(gradient, lambda s, g, x: g.detach().mul_(2.0)),
    where(held, lambda s, g, x: g.add_(1.0)),
    lambda s, x: s.opt.param_groups[0].update(lr=0.05),
    lambda s, x: [state["momentum_buffer"].data.mul_(0.5) for state in s.opt.state.values()],
    lambda s, x: s.w.data.add_(0.1),
]


def run(seed, wrap):
    """Return what is to be seen after each call, up to a JitError."""
    draw = random.Random(seed)
    inside = draw.choices(INSIDE, k=draw.randint(1, 5))
    result, between = draw.choice(RESULTS), draw.choices(BETWEEN, k=CALLS)
    world = World()

    @wrap
    def step(x):
        for act in inside:
            act(world, x)
        return result(world, x)

    seen = []
    for k in range(CALLS):
        x = mt.tensor([1 + 0.1 * k, 0.5])
        try:
            seen.append(world.state(step(x)))
        except JitError:
            break
        between[k](world, x)
    return seen


@pytest.mark.parametrize("part", range(10))
def test_what_others_hold(part):
    for seed in range(12 * part, 12 * part + 12):
        expected, found = run(seed, lambda f: f), run(seed, mt.jit)
        for k, (a, b) in enumerate(zip(found, expected, strict=False)):
            same(a, b, f"seed {seed}, call {k}", {4: 1e-4})


def test_few_are_refused():
    refused = [seed for seed in range(120) if len(run(seed, mt.jit)) < CALLS]
    assert len(refused) < 12


def test_a_gradient_that_is_constant():
    """Beside a parameter that is written in place."""
    w = mt.nn.Parameter(mt.ones(2))

    @mt.jit
    def step(x):
        w.grad = mt.zeros(2)
        w.detach().sub_(x)

    for k in range(4):
        step(mt.ones(2))
        assert w.grad.tolist() == [0, 0] and w.tolist() == [-k, -k]
