"""Random programs: derivatives equal finite differences and PyTorch's, vmap equals a loop, checkpoint changes nothing,
forward, reverse and compiled derivatives agree in every nesting.

A program is a list of instructions on a growing list of arrays; each instruction makes one more from some before it.
A run draws 500 programs, the slow ones 20,000, from a seed that a failure prints; `PROGRAM_SEED=7` draws others.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, seed, settings
from hypothesis import strategies as st

import minitorch as mt
from minitorch.core.array import Array
from minitorch.core.checkpoint import checkpoint
from minitorch.core.jet import jet
from minitorch.core.linear import linearize
from minitorch.core.transforms import grad, jvp, vmap
from minitorch.test_util import check_grads

MOST = 64  # elements of a value
MOST_OPERATIONS, DEEPEST = 30, 4
SEED = int(os.environ.get("PROGRAM_SEED", "0"))

# Every operation keeps values of order one, so that finite differences stay accurate through 30 of them. Each is written
# for a library, ours (`minitorch` on core arrays) or PyTorch.
UNARY: dict[str, Callable[[Any, Any], Any]] = {
    "sin": lambda lib, x: lib.sin(x),
    "tanh": lambda lib, x: lib.tanh(x),
    "neg": lambda lib, x: -x,
    "cos": lambda lib, x: lib.cos(x),
    "sigmoid": lambda lib, x: lib.sigmoid(x) * 2.0,
    "bell": lambda lib, x: lib.exp(-(x * x)),
    "root": lambda lib, x: lib.sqrt(x * x + 0.5),
    "log": lambda lib, x: lib.log(2.0 + lib.sin(x)),
    "erf": lambda lib, x: lib.erf(x),
    "atan": lambda lib, x: lib.atan(x * 1.5),
    "softplus": lambda lib, x: lib.log1p(lib.exp(lib.sin(x))),
    "square": lambda lib, x: lib.tanh(x) ** 2,
    "cube": lambda lib, x: lib.sin(x) ** 3,
    "first axis": lambda lib, x: x.sum(0) * 0.5 if x.ndim else x,
    "mean": lambda lib, x: lib.mean(x, -1).reshape((*x.shape[:-1], 1)) if x.ndim else x,
    "variance": lambda lib, x: (
        lib.tanh(((x - lib.mean(x, -1).reshape((*x.shape[:-1], 1))) ** 2).sum(-1)) if x.ndim else x
    ),
    "logsumexp": lambda lib, x: lib.logsumexp(x, -1) if x.ndim else x,
    "softmax": lambda lib, x: lib.softmax(x, -1) * 2.0 if x.ndim else x,
    "product": lambda lib, x: lib.tanh(lib.prod(x, -1)) if x.ndim else x,
    "cumsum": lambda lib, x: lib.tanh(lib.cumsum(x, -1)) if x.ndim else x,
    "transpose": lambda lib, x: lib.permute(x, tuple(range(x.ndim))[::-1]),
    "flatten": lambda lib, x: x.reshape((-1,)),
    "column": lambda lib, x: x.reshape((*x.shape, 1)) if x.ndim < 3 else x,
    "first two": lambda lib, x: x[:2] if x.ndim else x,
    "reversed": lambda lib, x: lib.flip(x, (0,)) if x.ndim else x,
    "repeat": lambda lib, x: lib.broadcast_to(x, (2, *x.shape)) if math.prod(x.shape) * 2 <= MOST and x.ndim < 3 else x,
    "gather": lambda lib, x: x[[0, 0, -1]] if x.ndim else x,
    "masked": lambda lib, x: lib.where(lib.sin(x * 0.0) > -1.0, lib.sin(x), x),
}
BINARY: dict[str, Callable[[Any, Any, Any], Any]] = {
    "add": lambda lib, x, y: (x + y) * 0.5,
    "sub": lambda lib, x, y: (x - y) * 0.5,
    "mul": lambda lib, x, y: lib.tanh(x) * y,
    "div": lambda lib, x, y: x / (2.0 + lib.sin(y)),
    "angle": lambda lib, x, y: lib.atan2(x, 2.0 + lib.sin(y)),
    "length": lambda lib, x, y: lib.sqrt(x * x + y * y + 0.3),
    "power": lambda lib, x, y: (1.5 + lib.sin(x) * 0.5) ** lib.tanh(y),
    "matmul": lambda lib, x, y: lib.tanh(lib.matmul(x, y)),
    "join": lambda lib, x, y: lib.cat([x, y]),
}


@dataclass(frozen=True)
class Program:
    """Instructions `(operation, operands)`; operands are positions in the list of values, inputs first."""

    shapes: tuple[tuple[int, ...], ...]
    instructions: tuple[tuple[str, tuple[int, ...]], ...]

    def __call__(self, *inputs: Any, lib: Any = mt) -> Any:
        values = list(inputs)
        for name, operands in self.instructions:
            values.append(operation(name)(lib, *(values[i] for i in operands)))
        return values[-1].sum() + 0.1 * values[len(values) // 2].sum()

    def inputs(self, seed: int) -> tuple[np.ndarray, ...]:
        r = np.random.default_rng(seed)
        return tuple(r.uniform(-1, 1, shape) for shape in self.shapes)


def operation(name: str) -> Callable[..., Any]:
    return UNARY.get(name) or BINARY[name]


def fits(name: str, x: tuple[int, ...], y: tuple[int, ...]) -> bool:
    """Return whether a binary operation takes these shapes and gives a small result."""
    if name == "join":
        return 0 < len(x) == len(y) and x[1:] == y[1:] and int(np.prod(x) + np.prod(y)) <= MOST
    try:
        if name == "matmul":
            out = np.matmul(np.zeros(x), np.zeros(y)).shape if x and y else None
        else:
            out = np.broadcast_shapes(x, y)
    except ValueError:
        return False
    return out is not None and int(np.prod(out)) <= MOST and len(out) <= 3


@st.composite
def programs(draw: Any) -> Program:
    shape = st.lists(st.sampled_from([1, 2, 3]), max_size=2).map(tuple)
    shapes = tuple(draw(st.lists(shape, min_size=1, max_size=3)))
    have = list(shapes)
    instructions = []
    for _ in range(draw(st.integers(3, MOST_OPERATIONS))):
        i = draw(st.integers(max(0, len(have) - 4), len(have) - 1))
        partners = [(name, j) for name in BINARY for j in range(len(have)) if fits(name, have[i], have[j])]
        if partners and draw(st.booleans()):
            name, j = draw(st.sampled_from(partners))
            operands: tuple[int, ...] = (i, j)
        else:
            name, operands = draw(st.sampled_from(sorted(UNARY))), (i,)
        have.append(operation(name)(mt, *(Array(np.ones(have[k])) for k in operands)).shape)
        instructions.append((name, operands))
    return Program(shapes, tuple(instructions))


def check(program: Program, number: int) -> None:
    note(f"drawn with PROGRAM_SEED={SEED}")
    xs = program.inputs(number)
    check_grads(program, xs, order=1)
    plain = grad(program, tuple(range(len(xs))))
    saved = grad(checkpoint(program), tuple(range(len(xs))))
    batches = [np.stack(some) for some in zip(*(program.inputs(number + k) for k in range(2)))]
    values, grads = vmap(program)(*map(Array, batches)), vmap(plain)(*map(Array, batches))
    for k in range(2):
        example = [Array(b[k]) for b in batches]
        close(values.numpy()[k], program(*example).numpy())
        wanted, again = plain(*example), saved(*example)
        for batch, one, other in zip(grads, wanted, again):
            close(batch.numpy()[k], one.numpy())
            close(other.numpy(), one.numpy())
    mixed = vmap(program, in_axes=(0, *[None] * (len(xs) - 1)))(Array(batches[0]), *map(Array, xs[1:]))
    for k in range(2):
        close(mixed.numpy()[k], program(Array(batches[0][k]), *map(Array, xs[1:])).numpy())


def check_torch(torch: Any, program: Program, number: int) -> None:
    note(f"drawn with PROGRAM_SEED={SEED}")
    xs = program.inputs(number)
    theirs = [torch.tensor(x, requires_grad=True) for x in xs]
    out = program(*theirs, lib=torch)
    out.backward()
    ours = [mt.tensor(x, requires_grad=True) for x in xs]
    value = program(*ours)
    value.backward()
    close(value.item(), out.item())
    gradient = grad(program, tuple(range(len(xs))))(*map(Array, xs))
    for a, b, c in zip(ours, theirs, gradient):
        wanted = np.zeros(b.shape) if b.grad is None else b.grad.numpy()
        close(a.grad.numpy() if a.grad is not None else np.zeros(a.shape), wanted)
        close(c.numpy(), wanted)


# --------------------------------------------------------------------------- nesting


def by_grad(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: grad(lambda y: x * f(y))(x)


def by_jvp(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: jvp(lambda y: x * f(y), (x,), (x * 0.0 + 1.0,))[1]


def by_linearize(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: linearize(lambda y: x * f(y), x)[1](x * 0.0 + 1.0)


def by_jet(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: jet(lambda y: x * f(y), (x,), ([x * 0.0 + 1.0],))[1][0]


def by_vmap(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: vmap(lambda s: x * f(s * x))(Array(np.array([0.7, -0.5]))).sum()


def by_loop(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: x * f(0.7 * x) + x * f(-0.5 * x)


# The same map, by several means.
DERIVATIVES = {"grad": by_grad, "jvp": by_jvp, "linearize": by_linearize, "jet": by_jet}
SUMS = {"vmap": by_vmap, "loop": by_loop}


def check_nesting(program: Program, number: int, order: Sequence[str]) -> None:
    note(f"drawn with PROGRAM_SEED={SEED}")
    base, direction = program.inputs(number), program.inputs(number + 1)

    def line(t: Any) -> Any:
        return program(*(Array(x) + t * Array(d) for x, d in zip(base, direction)))

    def nested(names: Sequence[str]) -> Any:
        f: Callable[[Any], Any] = line
        for name in reversed(names):
            f = {**DERIVATIVES, **SUMS}[name](f)
        return f(Array(np.array(0.3))).item()

    plain = ["jvp" if name in DERIVATIVES else "loop" for name in order]
    wanted = nested(plain)
    np.testing.assert_allclose(nested(order), wanted, 1e-7, 1e-9 * (1 + abs(wanted)))


def close(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(found, wanted, 1e-9, 1e-11)


COMMON = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
NUMBERS = st.integers(0, 10**6)
ORDERS = st.lists(st.sampled_from([*DERIVATIVES, "vmap"]), min_size=1, max_size=DEEPEST)
EVERY_ORDER = [order for n in range(1, DEEPEST + 1) for order in product(("grad", "jvp", "vmap"), repeat=n)]


@seed(SEED)
@settings(max_examples=500, **COMMON)
@given(programs(), NUMBERS)
def test_random_programs(program, number):
    check(program, number)


@pytest.mark.torch
@seed(SEED)
@settings(max_examples=500, **COMMON)
@given(programs(), NUMBERS)
def test_random_programs_in_torch(program, number):
    check_torch(pytest.importorskip("torch"), program, number)


@seed(SEED)
@settings(max_examples=500, **COMMON)
@given(programs(), NUMBERS, ORDERS)
def test_random_programs_in_every_nesting(program, number, order):
    check_nesting(program, number, order)


@pytest.mark.parametrize("depth", range(1, DEEPEST + 1))
def test_all_orders_of_nesting(depth):
    orders = [order for order in EVERY_ORDER if len(order) == depth]

    @seed(SEED + depth)
    @settings(max_examples=5, **COMMON)
    @given(programs(), NUMBERS)
    def check_orders(program, number):
        for order in orders:
            check_nesting(program, number, order)

    check_orders()


@pytest.mark.slow
@seed(SEED)
@settings(max_examples=20_000, **COMMON)
@given(programs(), NUMBERS)
def test_many_random_programs(program, number):
    check(program, number)


@pytest.mark.slow
@pytest.mark.torch
@seed(SEED)
@settings(max_examples=20_000, **COMMON)
@given(programs(), NUMBERS)
def test_many_random_programs_in_torch(program, number):
    check_torch(pytest.importorskip("torch"), program, number)


@pytest.mark.slow
@seed(SEED)
@settings(max_examples=20_000, **COMMON)
@given(programs(), NUMBERS, ORDERS)
def test_many_random_programs_in_every_nesting(program, number, order):
    check_nesting(program, number, order)


@seed(SEED)
@settings(max_examples=500, **COMMON)
@given(programs(), NUMBERS)
def test_second_derivatives_of_random_programs(program, number):
    check_grads(program, program.inputs(number), order=2, rtol=1e-5, atol=1e-5)
