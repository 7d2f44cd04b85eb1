"""Random programs on tensors, compiled: results, gradients and all touched state are those of the plain runs.

A program is a list of instructions on a growing list of handles: arguments, tensors from outside and their views, and
what the instructions make. It is called three times, so that state is carried along.
"""

from __future__ import annotations

import os
import random
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import Phase, find, given, note, seed, settings
from hypothesis import strategies as st

import minitorch as mt
from minitorch.compiling import backend, jit
from minitorch.compiling.program import Interpreter
from minitorch.core.jit.passes import optimize
from minitorch.errors import JitError

from ..engine.test_programs import COMMON
from .comparing import look, same

MOST = 200  # elements of a value
SEED = int(os.environ.get("PROGRAM_SEED", "0"))


def ends(x):
    """Return where the first and the last row are. A compiled function meets an index that does not exist when it runs."""
    return mt.tensor(sorted({0, x.shape[0] - 1}) if x.shape[0] else [], dtype=mt.int64)


# fmt: off
VIEWS = [
    lambda x: x.detach(), lambda x: x.unsqueeze(0), lambda x: x.reshape(-1), lambda x: x.view(x.shape),
    lambda x: x.contiguous(), lambda x: x.data, lambda x: x.transpose(0, -1), lambda x: x[0], lambda x: x[1:],
    lambda x: x[..., ::2], lambda x: x.select(-1, -1), lambda x: x.mT, lambda x: x.flatten(), lambda x: x.squeeze(),
    lambda x: x.chunk(2, -1)[0], lambda x: x.expand(2, *x.shape), lambda x: x.diagonal(), lambda x: x.narrow(0, 0, 1),
]
UNARY = [
    lambda x: x.tanh(), lambda x: x.sin() * 2, lambda x: -x, lambda x: x * 0.5 + 1, lambda x: x.relu(),
    lambda x: x.sum(), lambda x: x.mean(0), lambda x: x.sum(-1, keepdim=True), lambda x: x.softmax(-1),
    lambda x: x.logsumexp(-1), lambda x: x.sort(0).values, lambda x: x.abs(), lambda x: x.float(), lambda x: x.double(),
    lambda x: x.flip(0), lambda x: x.clone(), lambda x: x[ends(x)], lambda x: x.argmax(-1), lambda x: x.std(),
    lambda x: x.cumsum(0), lambda x: x.amax(-1), lambda x: x.sigmoid(), lambda x: x.square().mean(), lambda x: x > 0.25,
    lambda x: x.clone().detach().requires_grad_(), lambda x: x.repeat(2), lambda x: mt.nn.functional.pad(x, (1, 1)),
    lambda x: mt.nn.functional.layer_norm(x, x.shape[-1:]), lambda x: x.prod(), lambda x: x.to(mt.float32) * 3,
    lambda x: (x * 2).detach_(), lambda x: mt.stack([x, x.tanh()]), lambda x: mt.zeros_like(x),
    lambda x: x.tril(), lambda x: mt.where(x > 0, x, 0.1),
]
BINARY = [
    lambda x, y: x + y, lambda x, y: x * y, lambda x, y: x - y, lambda x, y: x / (1 + y * y), lambda x, y: x @ y,
    lambda x, y: mt.maximum(x, y), lambda x, y: mt.where(x > y, x, y), lambda x, y: mt.cat([x, y]),
    lambda x, y: mt.stack([x, y]), lambda x, y: x.tanh() @ y.mT, lambda x, y: mt.minimum(x, y.detach()),
    lambda x, y: (x * y).sum(-1), lambda x, y: x.masked_fill(y > 0, 0.5), lambda x, y: mt.einsum("...i,...i->...", x, y),
]
# The last two arguments are a handle and the same without a gradient, for what may not be recorded.
WRITES = [
    lambda x, y: x.add_(1.5), lambda x, y: x.mul_(-0.5), lambda x, y: x.zero_(), lambda x, y: x.fill_(0.75),
    lambda x, y: x.add_(y), lambda x, y: x.mul_(y.tanh()), lambda x, y: x.copy_(y), lambda x, y: x.sub_(y, alpha=2),
    lambda x, y: x.masked_fill_(x > 0.3, 0.25), lambda x, y: x.clamp_(-1, 1), lambda x, y: x.tanh_(),
    lambda x, y: x.__setitem__(0, 0.5), lambda x, y: x.__setitem__((..., 0), y), lambda x, y: x.__setitem__(0, y),
    lambda x, y: x.__setitem__(slice(1, None), y), lambda x, y: x.__iadd__(y), lambda x, y: x.__imul__(0.9),
    lambda x, y: x.__setitem__(ends(x), y), lambda x, y: x.__setitem__(x > 0.4, 0.1), lambda x, y: x.neg_(),
    lambda x, y: x.index_add_(0, ends(x) * 0, y), lambda x, y: x[0].mul_(3.0), lambda x, y: x.lerp_(y, 0.25),
    lambda x, y: x.__setitem__(Ellipsis, y), lambda x, y: x.view(-1)[1:].add_(0.5), lambda x, y: x.data.mul_(0.5),
    lambda x, y: x.copy_(y.mT),
]
# fmt: on
KINDS = {"view": VIEWS, "unary": UNARY, "binary": BINARY, "write": WRITES}
REFUSED = (RuntimeError, ValueError, TypeError, IndexError, AttributeError)


class State:
    """Tensors that stay between calls."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.w = mt.tensor(rng.normal(size=(2, 3)), requires_grad=True)
        self.v = mt.tensor(rng.normal(size=3).astype("f"), requires_grad=True)
        self.table = mt.tensor(rng.normal(size=(3, 3)))
        self.row, self.turned = self.table[1], self.table.t()
        self.numbers = mt.tensor(rng.integers(0, 4, 3))
        self.alone = mt.tensor(rng.normal(size=(2, 2)).astype("f"))
        self.xs = [mt.tensor(rng.normal(size=(2, 3)), requires_grad=bool(seed % 2)) for _ in range(3)]
        self.ys = [mt.tensor(rng.normal(size=3).astype("f")) for _ in range(3)]

    def look(self):
        return look([self.w, self.v, self.table, self.row, self.turned, self.numbers, self.alone, self.xs, self.ys])


class Handles:
    """The handles of one run; `outside` says which are tensors from outside the function, or their views."""

    def __init__(self, state, x, y):
        self.made = [x, y, state.w, state.v, state.table, state.row, state.turned, state.numbers, state.alone]
        self.outside = [True] * len(self.made)

    def add(self, x, outside):
        if isinstance(x, mt.Tensor) and x.numel() <= MOST and x.ndim <= 4:
            self.made.append(x)
            self.outside.append(outside)

    def run(self, kind, choice, i, j, muted):
        """Run one instruction, or skip it where it is refused."""
        i %= len(self.made)
        x = self.made[i]
        others = [y for y in self.made if fits(y.shape, x.shape)] if j % 2 else self.made
        y = others[j % len(others)]
        function = KINDS[kind][choice]
        try:
            with mt.set_grad_enabled(not muted):
                if kind == "view":
                    self.add(function(x), self.outside[i])
                elif kind == "unary":
                    self.add(function(x), False)
                elif kind == "binary":
                    self.add(function(x, y), False)
                else:  # a tensor from outside may not be made to require grad
                    function(x, y.detach() if self.outside[i] else y)
        except JitError:
            raise
        except REFUSED:
            return


def fits(shape, into):
    """Return whether a value of one shape may be written to one of another."""
    return len(shape) <= len(into) and all(n in (1, m) for n, m in zip(shape[::-1], into[::-1]))


def function_of(program, state, inside):
    def function(x, y):
        if inside == "zeroed":
            state.w.grad = state.v.grad = None
        handles = Handles(state, x, y)
        for instruction in program:
            handles.run(*instruction)
        made = handles.made
        floats = [h for h in made if h.requires_grad and h.dtype in (mt.float32, mt.float64)]
        total = sum(h.tanh().mean() * (k + 1) for k, h in enumerate(floats)) if floats else mt.zeros(())
        if inside != "outside" and total.requires_grad:
            total.backward()
            total = total.detach()
        return total, [h.detach().clone() for h in made], [h.requires_grad for h in made]

    return function


def run(program, seed, inside, wrap):
    state = State(seed)
    compiled = wrap(function_of(program, state, inside))
    seen = []
    for i in range(3):
        total, *rest = compiled(state.xs[i], state.ys[i])
        if total.requires_grad:
            total.backward()
        seen.append([look([total.detach(), *rest]), state.look()])
    return seen


BOUNDS = {4: 2e-5, 8: 2e-5}  # some float64 come from float32


def check(program, seed, inside):
    expected = run(program, seed, inside, lambda f: f)
    found = run(program, seed, inside, mt.jit)
    for i in range(3):
        same(found[i], expected[i], f"call {i}", BOUNDS)


WHERE = ("inside", "zeroed", "outside")
# Every kind has its share, and so has every operation in it.
SHARES = {"view": 2, "unary": 1, "binary": 3, "write": 3}
OPERATIONS = [(kind, k) for kind, share in SHARES.items() for k in range(len(KINDS[kind])) for _ in range(share)]
HANDLES = st.integers(0, 59)
INSTRUCTIONS = st.builds(
    lambda operation, i, j, third: (*operation, i, j, third == 2),
    st.sampled_from(OPERATIONS), HANDLES, HANDLES, st.integers(0, 2),
)  # fmt: skip


def programs(most=30):
    """Return a strategy of programs, the seeds of their states, and where `backward` is called."""
    return st.tuples(st.lists(INSTRUCTIONS, min_size=2, max_size=most), st.integers(0, 9), st.sampled_from(WHERE))


def run_programs(part, count):
    """Check so many programs of one part. One that fails is made as short and simple as it can be.

    Parts are drawn from seeds of their own: Hypothesis varies what it has drawn before, and in 500 programs from one seed
    some operations hardly occur.
    """

    @seed(1_000_000 * SEED + part)
    @settings(max_examples=count, **COMMON)
    @given(programs())
    def run(drawn):
        note(f"check(*{drawn}), drawn in part {part} with PROGRAM_SEED={SEED}")
        check(*drawn)

    run()


def test_random_programs_as_graphs(monkeypatch):
    """What is recorded and optimized, run equation by equation: where this fails, no kernel is to blame."""
    monkeypatch.setattr(backend, "plan", lambda graph, *rest: Graph(optimize(graph)))
    monkeypatch.setattr(jit, "quick", lambda *args: None)
    run_programs(20, 100)


class Graph(Interpreter):
    donated = ()


@pytest.mark.parametrize("part", range(20))
def test_random_programs(part):
    """500 programs through native kernels, in parts that several workers can take.

    Kernels are shared: about one for each program is new. Measured: 50 s of one core.
    """
    run_programs(part, 25)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(40))
def test_many_random_programs(part):
    """20,000 programs."""
    run_programs(100 + part, 500)


def test_what_is_wrong_is_found(monkeypatch):
    compiled = []

    def wrong(function):
        def call(*args):
            compiled.append(True)
            try:
                return function(*args)
            finally:
                compiled.pop()

        return call

    monkeypatch.setattr(mt, "jit", wrong)
    monkeypatch.setitem(KINDS, "unary", [lambda x: x * 2 if compiled else x.clone()] * len(UNARY))

    def fails(drawn):
        with suppress(AssertionError):
            check(*drawn)
            return False
        return True

    found, *_ = find(programs(8), fails, settings=settings(**COMMON, phases=[Phase.generate]), random=random.Random(0))
    assert "unary" in {kind for kind, *_ in found}
