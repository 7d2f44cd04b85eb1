"""train_steps: many steps of a compiled function in one native call.

The loop over batches runs natively where a step is one stretch of kernels whose state can be written in place: then only
the addresses of the batches and of the results change from step to step. Otherwise the steps are called one by one.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ..core.array import Array, wrap
from ..core.errors import ArgumentError
from ..core.jit.native import replay
from ..core.jit.native.compile import compile_kernel
from ..core.jit.native.objects import Leaves
from ..core.jit.native.replay import COLUMNS
from ..core.ops.joining import concatenate
from ..core.ops.shaping import expand_dims
from ..core.tape import context
from ..tensor.handle import Tensor, tensor_of
from .containers import flatten
from .jit import Compiled, jit
from .program import Fresh
from .quick import Quick

STEPS = f"""
def steps(P, lo, hi):
    table = i64(P[0])
    width = P[1]
    slots = i64(P[2])
    columns = i64(P[3])
    offsets = i64(P[4])
    patches = P[5]
    rows = i64(P[6])
    count = P[7]
    for k in range(lo, hi):
        for i in range(patches):
            i64(slots[i])[0] = table[k * width + columns[i]] + offsets[i]
        for r in range(count):
            call_kernel(rows[{COLUMNS} * r], rows[{COLUMNS} * r + 1], rows[{COLUMNS} * r + 2], rows[{COLUMNS} * r + 3])
"""


def train_steps(step: Callable[..., Any], data: Iterable[Any] | int) -> Any:
    """Call a step for each batch, and return its results, stacked along a first axis.

    `data` is an iterable of batches, each a tuple of arguments or one argument, or the number of steps for a step without
    arguments. All batches have the same shapes; a smaller last one is allowed, and its step is called on its own. Does what
    a loop over `mt.jit(step)` does, without returning to Python between steps where that is possible.

    >>> import minitorch as mt
    >>> w = mt.zeros(1)
    >>> def step(x):
    ...     w.add_(x)
    ...     return w * 2
    >>> train_steps(step, [mt.ones(1), mt.ones(1), mt.ones(1)]).tolist()
    [[2.0], [4.0], [6.0]]
    """
    compiled = step if isinstance(step, Compiled) else jit(step)
    batches = [()] * data if isinstance(data, int) else [b if isinstance(b, tuple) else (b,) for b in data]
    if not batches:
        raise ArgumentError("train_steps: data has no batches; give at least one")
    chunks: list[Any] = []
    done = 0
    while done < len(batches):
        count, chunk = _together(compiled, batches[done:])
        if count == 0:
            count, chunk = 1, _mapped(_alone, compiled(*batches[done]))
        chunks.append(chunk)
        done += count
    return chunks[0] if len(chunks) == 1 else _mapped(_joined, *chunks)


def _mapped(function: Callable[..., Any], *results: Any) -> Any:
    """Map a function over the corresponding leaves of results; tensors are leaves."""
    leaves, (structure, *_) = zip(*map(flatten, results))
    return structure.unflatten([function(*xs) for xs in zip(*leaves, strict=True)])


def _alone(x: Any) -> Any:
    """Give a result the axis of steps."""
    return expand_dims(x.detach() if isinstance(x, Tensor) else x, 0) if isinstance(x, (Tensor, Array)) else x


def _joined(*parts: Any) -> Any:
    return concatenate(parts, 0) if isinstance(parts[0], (Tensor, Array)) else parts[-1]


def _together(compiled: Compiled, batches: Sequence[tuple[Any, ...]]) -> tuple[int, Any]:
    """Run as many steps as fit one native call; return how many, and their results, stacked."""
    if context.get().stage is not None:
        return 0, None
    with compiled.lock:
        return _run_together(compiled, batches)


def _run_together(compiled: Compiled, batches: Sequence[tuple[Any, ...]]) -> tuple[int, Any]:
    quick = compiled.quick
    values = None if quick is None or len(batches) < 2 else quick.values(batches[0])
    if quick is None or values is None:
        return 0, None
    if quick.loop is None:
        quick.loop = Loop(quick)
    return quick.loop.run(batches, values) if quick.loop.is_possible else (0, None)


class Loop:
    """The native loop of a program: where the addresses that change from step to step go."""

    def __init__(self, quick: Quick):
        self.quick, self.program, self.bound = quick, quick.program, quick.bound
        self.arguments = len(quick.kinds)

    @property
    def is_possible(self) -> bool:
        """Whether a step is one stretch of kernels that needs nothing from Python, and returns fresh results only."""
        quick, program, bound = self.quick, self.program, self.bound
        if bound is None or program.derivative is not None or quick.fields or quick.rest or not bound.is_one_stretch:
            return False
        if bound.plan.numbers or quick.donated or not quick.form.is_plain:
            return False
        fresh = [bound.plan.recipes[r.index][1] for r in program.results if type(r) is Fresh and r.own is None]
        return len(fresh) == len(program.results) and sorted(fresh) == [k for k, _, _ in bound.new]

    def run(self, batches: Sequence[tuple[Any, ...]], values: list[Any]) -> tuple[int, Any]:
        """Run the steps that are alike; return how many, and their results."""
        assert self.bound is not None
        count, given = self._addresses(batches)
        again = self.quick.recycled()
        if count < 2 or again is None:
            return 0, None
        outs = [np.empty((count, *shape), dtype) for _, shape, dtype in self.bound.new]
        columns = [o.ctypes.data + np.arange(count) * (o.nbytes // count) for o in outs]
        table = np.ascontiguousarray(np.column_stack([*columns, given]), np.int64)
        if not self.bound.loop(values, again, lambda frame: self._loop(frame, table)):
            return 0, None
        self.quick.note_writes()
        place = {k: at for at, (k, _, _) in enumerate(self.bound.new)}
        recipes = self.bound.plan.recipes
        made = [self._result(r, outs[place[recipes[r.index][1]]], recipes[r.index][2]) for r in self.program.results]
        return count, self.program.structure.unflatten(made)

    def _result(self, result: Any, out: np.ndarray[Any, Any], shape: tuple[int, ...]) -> Any:
        out = out.reshape(len(out), *shape)
        return wrap(out) if result.kind is None else tensor_of(wrap(out))

    def _addresses(self, batches: Sequence[tuple[Any, ...]]) -> tuple[int, np.ndarray[Any, Any]]:
        """Return how many batches are alike, and the addresses of their arguments, one row a batch."""
        assert self.bound is not None
        if not self.arguments:
            return len(batches), np.empty((len(batches), 0), np.int64)
        row_of: dict[int, int] = {}  # of each batch that is another object
        flat: list[Array] = []
        rows: list[int] = []
        for batch in batches:
            row = row_of.get(id(batch))
            if row is None:
                if not self.quick.admits(batch):
                    break
                row = row_of[id(batch)] = len(row_of)
                flat += [x if type(x) is Array else x.value for x in batch]
            rows.append(row)
        leaves = Leaves(self.bound.expected[: self.arguments] * len(row_of), [0] * len(flat))
        bad = leaves.gather(flat)
        if bad >= 0:
            rows = rows[: rows.index(bad // self.arguments)]
        self.flat = flat  # keeps them alive
        return len(rows), leaves.addresses.reshape(-1, self.arguments)[rows]

    def _loop(self, frame: Any, table: np.ndarray[Any, Any]) -> None:
        """Run the native loop in a frame."""
        assert self.bound is not None
        first = len(self.bound.blank)
        places = [k for k, _, _ in self.bound.new] + list(range(first, first + self.arguments))
        column = {place: i for i, place in enumerate(places)}
        changing = [(slot, column[place], offset) for slot, place, offset in frame.patches if place in column]
        patches = [np.array(part or [0], np.int64) for part in zip(*changing)] or [np.zeros(1, np.int64)] * 3
        rows = frame.stretch.rows
        replay.run(rows, 0, 1)  # the patch of all addresses; the loop changes those that change
        slots = np.array([table.ctypes.data, table.shape[1], *(p.ctypes.data for p in patches), len(changing),
                          rows.ctypes.data + rows.strides[0], len(rows) - 1], np.int64)  # fmt: skip
        _native()(slots.ctypes.data, 0, len(table))


@cache
def _native() -> Any:
    address = compile_kernel(STEPS, "steps").address
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)
