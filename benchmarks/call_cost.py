"""Time calls of compiled functions on arrays of a few numbers: what is left is the way in and out.

The best of many short blocks, as whatever else the machine does only adds to it. Of Python's part, which is the time of a
call without that of the native function that looks, makes what is new and computes, 3 us are allowed, and 0.1 us for each
leaf: an array among the arguments, or one that is captured.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from itertools import repeat
from typing import Any
from unittest import mock

import numpy as np

import minitorch as mt
from minitorch import nn, optim
from minitorch.compiling.entry import Entrance

from . import harness
from .report import table

FIXED, EACH = 3.0, 0.1  # us
CALLS, BLOCKS = 200, 60
TITLE = "## The Python cost of a call\n\nOf compiled functions of a few numbers; the best of many blocks.\n\n"

Step = Callable[[], Any]
Pair = namedtuple("Pair", "a b")


def array(*shape: int) -> mt.Array:
    """Make an array for the functional face."""
    return mt.Array(np.ones(shape, np.float32))


def called(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Step:
    """Compile a function, and call it with these arguments."""
    compiled = mt.jit(function)
    return lambda: compiled(*args, **kwargs)


def layer() -> tuple[nn.Module, mt.Tensor]:
    """Make a module and an input."""
    return nn.Linear(4, 3), mt.ones(2, 4)


def two_halves(x: mt.Tensor) -> Any:
    y = x * 2
    return y[0], y[1]


def network() -> tuple[nn.Module, mt.Tensor]:
    """Make a module of several, and an input."""
    return nn.Sequential(*(part for _ in range(3) for part in (nn.Linear(4, 4), nn.ReLU()))), mt.ones(2, 4)


class Rows(nn.Module):
    """Parameters made from tensors, and attributes of several kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(mt.randn(4, 3)), nn.Parameter(mt.zeros(3))
        self.shape, self.activation, self.scales = (4, 3), nn.functional.relu, [1.0, 2.0]

    def forward(self, x: mt.Tensor) -> mt.Tensor:
        return self.activation(x @ self.weight + self.bias) * self.scales[0]


def of_module(model: nn.Module, *shape: int) -> Step:
    """Compile what calls a module that is an argument."""
    return called(lambda model, x: model(x), model, mt.ones(*shape))


def tracked() -> mt.Tensor:
    return mt.ones(4, requires_grad=True)


def loss_of(model: nn.Module) -> Callable[..., Any]:
    return lambda x: model(x).square().mean()


def forward_and_backward() -> Step:
    model, x = layer()
    loss, parameters = mt.jit(loss_of(model)), list(model.parameters())

    def run() -> None:
        loss(x).backward()
        for p in parameters:
            p.grad = None

    return run


def without_gradients() -> Step:
    model, x = layer()
    here = copy_context()
    here.run(mt.no_grad().__enter__)  # once: entering takes 1 us of its own
    return partial(here.run, mt.jit(model), x)


def in_turn() -> Step:
    compiled, batches = mt.jit(lambda x: x * 2), [mt.ones(4), mt.ones(5)]

    def run() -> Any:
        batches.reverse()
        return compiled(batches[0])

    return run


def static() -> Step:
    compiled, x = mt.jit(lambda x, n: x * n, static_argnums=1), mt.ones(4)
    return lambda: compiled(x, 3)


def donated() -> Step:
    compiled = mt.jit(lambda p, g: {name: x - g for name, x in p.items()}, donate_argnums=0)
    g, kept = array(4), {"a": array(4), "b": array(4)}

    def run() -> None:
        nonlocal kept
        kept = compiled(kept, g)

    return run


def gradient() -> Step:
    compiled = mt.jit(mt.value_and_grad(lambda p, x: (x @ p["w"] + p["b"]).sum()))
    params, x = {"w": array(4, 3), "b": array(3)}, array(2, 4)
    return lambda: compiled(params, x)


def many_gradients() -> Step:
    compiled = mt.jit(mt.value_and_grad(lambda p, x: sum((v * v * x).sum() for v in p.values())))
    params, x = {str(i): array(4) for i in range(20)}, array(4)
    return lambda: compiled(params, x)


def training(*layers: nn.Module, optimizer: Callable[..., Any] = optim.SGD) -> Step:
    model = nn.Sequential(*layers)
    opt, x, y = optimizer(model.parameters(), lr=0.01), mt.randn(2, 4), mt.ones(2, 3)

    @mt.jit
    def step(x: mt.Tensor, y: mt.Tensor) -> mt.Tensor:
        opt.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        opt.step()
        return loss

    return lambda: step(x, y)


def adam() -> Step:
    return training(nn.Linear(4, 4), nn.ReLU(), nn.Dropout(0.1), nn.Linear(4, 3), optimizer=optim.Adam)


TWICE = "two calls: a loss"

# What is called, how many leaves that has, and how it is set up.
CASES: dict[str, tuple[int, Callable[[], Step]]] = {
    "x + 1, a tensor": (1, lambda: called(lambda x: x + 1, mt.ones(4))),
    "x + 1, an array": (1, lambda: called(lambda x: x + 1, array(4))),
    "exp itself": (1, lambda: called(mt.exp, mt.ones(4))),
    "a constant": (0, lambda: called(lambda: mt.ones(4))),
    "the argument itself": (1, lambda: called(lambda x: x, mt.ones(4))),
    "a view: x.T": (1, lambda: called(lambda x: x.T, mt.ones(4, 3))),
    "a view: x.reshape": (1, lambda: called(lambda x: x.reshape(2, 6), mt.ones(4, 3))),
    "a view: x[1:]": (1, lambda: called(lambda x: x[1:], mt.ones(4, 3))),
    "two views of one result": (1, lambda: called(two_halves, mt.ones(4, 3))),
    "a number as an argument": (2, lambda: called(lambda x, y: x * y, mt.ones(4), 2.5)),
    "keyword arguments": (2, lambda: called(lambda x, y: x * y, x=mt.ones(4), y=mt.ones(4))),
    "a static argument": (1, static),
    "a dict of 2": (2, lambda: called(lambda p: p["a"] + p["b"], {"a": array(4), "b": array(4)})),
    "a dict of 20": (20, lambda: called(lambda p: sum(p.values()), {str(i): array(4) for i in range(20)})),
    "a namedtuple of 2": (2, lambda: called(lambda p: p.a + p.b, Pair(mt.ones(4), mt.ones(4)))),
    "one tensor twice": (2, lambda: called(lambda x, y: x * y, tensor := mt.ones(4), tensor)),
    "an array of NumPy's": (1, lambda: called(lambda x: x + 1, np.ones(4, np.float32))),
    "a transposed tensor": (1, lambda: called(lambda x: x + 1, mt.ones(4, 3).T)),
    "a donated dict of 2": (3, donated),
    "8 results": (1, lambda: called(lambda x: tuple(x + i for i in range(8)), mt.ones(4))),
    "two shapes in turn": (1, in_turn),
    "dropout": (3, lambda: called(lambda x: nn.functional.dropout(x, 0.5), mt.ones(4))),
    "value_and_grad of a dict": (3, gradient),
    "value_and_grad of a dict of 20": (21, many_gradients),
    "a module": (3, lambda: called(*layer())),
    "a module as an argument": (3, lambda: called(lambda model, x: model(x), *layer())),
    "a network of 3 layers as an argument": (7, lambda: called(lambda model, x: model(x), *network())),
    "its value_and_grad": (7, lambda: called(mt.value_and_grad(lambda model, x: model(x).sum()), *network())),
    "a module with lists and functions": (3, lambda: of_module(Rows(), 2, 4)),
    "a convolution as an argument": (3, lambda: of_module(nn.Conv2d(1, 2, 3), 1, 1, 4, 4)),
    "batch normalization as an argument": (6, lambda: of_module(nn.BatchNorm1d(4), 2, 4)),
    "a parameter made from a tensor": (
        2,
        lambda: called(lambda w, x: x @ w, nn.Parameter(mt.randn(4, 3)), mt.ones(2, 4)),
    ),
    "a captured tensor, transposed": (2, lambda: called(partial(mt.matmul, other=mt.ones(3, 4).T), mt.ones(2, 4))),
    "20 tensors that require grad": (20, lambda: called(lambda *xs: sum(xs), *(tracked() for _ in range(20)))),
    "a module, in no_grad": (3, without_gradients),
    "a loss to be differentiated": (3, lambda: called(loss_of((pair := layer())[0]), pair[1])),
    f"{TWICE}, and its backward pass": (
        7,
        forward_and_backward,
    ),  # which is given three arrays that were kept, and a one
    "a training step, SGD": (8, lambda: training(nn.Linear(4, 3))),
    "a training step, Adam, dropout": (24, adam),
}


def cost(step: Step) -> float:
    """Return the microseconds of a call."""
    with harness.one_thread(), harness.no_gc():
        harness.block(step, 20)  # records, compiles, and looks where everything lies
        return min(harness.block(step, CALLS) for _ in repeat(None, BLOCKS)) * 1e6


def native_cost(step: Step) -> float:
    """Return the microseconds of a call that are native: those of looking, making what is new, computing, and freeing it.

    That is what a call through the shortest way leaves to one native function; 0 where it does not go that way.
    """
    return sum(cost(partial(_enter, entrance, leaves)) for entrance, leaves in _entered(step))


def _entered(step: Step) -> list[tuple[Entrance, tuple[Any, ...]]]:
    """Return the entrances that a call goes through, with the leaves of their arguments."""
    harness.block(step, 20)
    found, run = [], Entrance.run

    def noted(entrance: Entrance, leaves: tuple[Any, ...]) -> Any:
        if entrance.is_brief or not entrance.holds:
            found.append((entrance, leaves))
        return run(entrance, leaves)

    with mock.patch.object(Entrance, "run", noted):
        step()
    return found


def _enter(entrance: Entrance, leaves: tuple[Any, ...]) -> None:
    entrance.entry.run(leaves, entrance.news())


def section() -> str:
    """Report what each kind of call costs, and what it may."""
    rows = []
    for name, (leaves, make) in CASES.items():
        step = make()
        total, native = cost(step), native_cost(step)
        allowed = FIXED * (1 + name.startswith(TWICE)) + EACH * leaves
        rows.append([name, str(leaves), *(f"{us:.1f}" for us in (total, native, total - native, allowed))])
    return TITLE + table(["", "leaves", "us/call", "native", "Python", "allowed"], rows) + "\n"


if __name__ == "__main__":
    print(section())
