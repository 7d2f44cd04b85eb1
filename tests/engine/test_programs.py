"""Random programs: derivatives equal finite differences, vmap equals a loop, checkpoint changes nothing.

A program is a list of instructions on a growing list of arrays; each instruction makes one more from some before it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minitorch.core.array import Array
from minitorch.core.checkpoint import checkpoint
from minitorch.core.ops.contractions import matmul
from minitorch.core.ops.joining import concatenate
from minitorch.core.ops.pointwise import cos, neg, sin, tanh
from minitorch.core.ops.reductions import logsumexp, mean
from minitorch.core.ops.shaping import broadcast_to, expand_dims, reshape, transpose
from minitorch.core.ops.shaping import sum as sum_
from minitorch.core.transforms import grad, vmap
from minitorch.test_util import check_grads

MOST = 64  # elements of a value

# Every operation keeps values of order one, so that finite differences stay accurate through 30 of them.
UNARY: dict[str, Callable[[Any], Any]] = {
    "sin": sin,
    "tanh": tanh,
    "neg": neg,
    "cos": cos,
    "square": lambda x: tanh(x) * tanh(x),
    "first axis": lambda x: sum_(x, axis=0) * 0.5 if x.ndim else x,
    "mean": lambda x: mean(x, axis=-1, keepdims=True) if x.ndim else x,
    "logsumexp": lambda x: logsumexp(x, axis=-1) if x.ndim else x,
    "transpose": transpose,
    "flatten": lambda x: reshape(x, (-1,)),
    "column": lambda x: expand_dims(x, -1) if x.ndim < 3 else x,
    "every second": lambda x: x[::2] if x.ndim else x,
    "reversed": lambda x: x[..., ::-1] if x.ndim else x,
    "repeat": lambda x: broadcast_to(x, (2, *x.shape)) if x.size * 2 <= MOST and x.ndim < 3 else x,
    "gather": lambda x: x[Array([0, 0, -1])] if x.ndim else x,
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: (x + y) * 0.5,
    "sub": lambda x, y: (x - y) * 0.5,
    "mul": lambda x, y: tanh(x) * y,
    "div": lambda x, y: x / (2.0 + sin(y)),
    "matmul": lambda x, y: tanh(matmul(x, y)),
    "join": lambda x, y: concatenate([x, y]),
}


@dataclass(frozen=True)
class Program:
    """Instructions `(operation, operands)`; operands are positions in the list of values, inputs first."""

    shapes: tuple[tuple[int, ...], ...]
    instructions: tuple[tuple[str, tuple[int, ...]], ...]

    def __call__(self, *inputs: Any) -> Any:
        values = list(inputs)
        for name, operands in self.instructions:
            function: Any = UNARY.get(name) or BINARY[name]
            values.append(function(*(values[i] for i in operands)))
        return values[-1].sum() + 0.1 * values[len(values) // 2].sum()

    def inputs(self, seed: int) -> tuple[np.ndarray, ...]:
        r = np.random.default_rng(seed)
        return tuple(r.uniform(-1, 1, shape) for shape in self.shapes)


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
    for _ in range(draw(st.integers(3, 30))):
        i = draw(st.integers(max(0, len(have) - 4), len(have) - 1))
        partners = [(name, j) for name in BINARY for j in range(len(have)) if fits(name, have[i], have[j])]
        if partners and draw(st.booleans()):
            name, j = draw(st.sampled_from(partners))
            operands: tuple[int, ...] = (i, j)
        else:
            name, operands = draw(st.sampled_from(sorted(UNARY))), (i,)
        function: Any = UNARY.get(name) or BINARY[name]
        have.append(function(*(Array(np.ones(have[k])) for k in operands)).shape)
        instructions.append((name, operands))
    return Program(shapes, tuple(instructions))


def check(program: Program, seed: int) -> None:
    xs = program.inputs(seed)
    check_grads(program, xs, order=1)
    plain = grad(program, tuple(range(len(xs))))
    saved = grad(checkpoint(program), tuple(range(len(xs))))
    batches = [np.stack(some) for some in zip(*(program.inputs(seed + k) for k in range(3)))]
    values, grads = vmap(program)(*map(Array, batches)), vmap(plain)(*map(Array, batches))
    for k in range(3):
        example = [Array(b[k]) for b in batches]
        close(values.numpy()[k], program(*example).numpy())
        wanted, again = plain(*example), saved(*example)
        for batch, one, other in zip(grads, wanted, again):
            close(batch.numpy()[k], one.numpy())
            close(other.numpy(), one.numpy())
    mixed = vmap(program, in_axes=(0, *[None] * (len(xs) - 1)))(Array(batches[0]), *map(Array, xs[1:]))
    for k in range(3):
        close(mixed.numpy()[k], program(Array(batches[0][k]), *map(Array, xs[1:])).numpy())


def close(found: np.ndarray, wanted: np.ndarray) -> None:
    np.testing.assert_allclose(found, wanted, 1e-10, 1e-12)


COMMON = {"deadline": None, "derandomize": True, "database": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=100, **COMMON)
@given(programs(), st.integers(0, 10**6))
def test_random_programs(program, seed):
    check(program, seed)


@pytest.mark.slow
@settings(max_examples=3_000, **COMMON)
@given(programs(), st.integers(0, 10**6))
def test_many_random_programs(program, seed):
    check(program, seed)


@settings(max_examples=20, **COMMON)
@given(programs(), st.integers(0, 10**6))
def test_second_derivatives_of_random_programs(program, seed):
    check_grads(program, program.inputs(seed), order=2, rtol=1e-5, atol=1e-5)
