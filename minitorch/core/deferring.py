"""Pointwise operations on large arrays, written down and computed together, block by block.

Beyond the cache, memory decides how long a pointwise operation takes. A batch takes the lines of many operations in and
runs them all on one block of the elements, then on the next, so that what lies between them never leaves the cache. Only
results that somebody still holds are ever made as whole arrays. This file knows of lines and buffers, not of derivatives.

A batch holds the operands' buffers themselves: whoever would write to a buffer in place counts its references first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from operator import itemgetter
from sys import getrefcount
from threading import RLock
from typing import Any
from weakref import ref

import numpy as np

from . import dtypes

Buffer = Any  # an ndarray
Operand = Any  # a buffer, or a Promise of one
Errors = Any  # what NumPy does about floating-point errors, as `np.geterr` says it

# Bytes that the arrays of one block take together. Measured on a core with 1 MB of L2 cache: from 1 to 2 MB hardly matters,
# half of that takes 10 % longer, for the calls.
CACHE = 3 << 19
# A block is a multiple of this many elements, so that a vector of NumPy's loops holds the same ones as in the whole array,
# and none is shorter: functions of ours take another way for few elements.
UNIT = 1 << 13
LINES = 64  # in one batch; what is written down must not grow without limit
QUIET = frozenset(("ignore", "warn"))


@dataclass(frozen=True, slots=True)
class Line:
    """`name = function(*operands)`; operands are names, or else numbers."""

    name: str
    function: Any
    operands: list[Any]
    dtype: dtypes.DType


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """What an operation computes: from its inputs, by its lines, what it makes, all by name.

    The results are inputs, or made: counted through these two.
    """

    inputs: Sequence[str]
    lines: Sequence[Line]
    made: Sequence[str]
    results: Sequence[int]


class Promise:
    """A buffer that will be filled when somebody asks for it."""

    __slots__ = ("__weakref__", "batch", "buffer", "place")

    def __init__(self, batch: Batch, place: int):
        self.batch, self.place = batch, place
        self.buffer: Buffer | None = None


def settled(x: Operand) -> Operand:
    """Return the buffer of a promise that has been kept, anything else as it is."""
    return x.buffer if type(x) is Promise and x.buffer is not None else x


def filled(x: Operand) -> Buffer:
    """Return a buffer, computing what was promised."""
    if type(x) is not Promise:
        return x
    if x.buffer is None:
        x.batch.run()
    return x.buffer


# An operation that waits: a recipe, and the places of its inputs and of the results that are not inputs.
Waiting = tuple[Recipe, tuple[int, ...], tuple[int, ...]]


class Batch:
    """Operations that wait to be run together, on arrays of one shape and dtype.

    An exception, in the middle of a line as well, leaves it so that it can be run, or run again: numbers of places are never
    given twice, nothing is known by a number before it is there, and a run keeps one promise after the other in the end.
    """

    def __init__(self, shape: tuple[int, ...], dtype: dtypes.DType, errors: Errors):
        # Has shape and dtype, and takes no memory: `np.broadcast_to` in a tenth of its time.
        self.like = np.ndarray(shape, dtype, np.zeros(1, dtype), strides=(0,) * len(shape))
        self.errors = errors
        self.lock = RLock()  # a finalizer may come back
        self.is_done = False
        self.lines = 0
        self.places = count()
        self.given: dict[int, Buffer] = {}  # operands from outside, by their places
        self.numbers: dict[int, Buffer] = {}  # arrays without axes
        self.known: dict[int, int] = {}  # the places of operands, by identity
        self.waiting: list[Waiting] = []
        self.promises: list[ref[Promise]] = []

    def write(self, recipe: Recipe, inputs: Sequence[Operand], errors: Errors) -> list[Operand] | None:
        """Take an operation in; return its results, which may be inputs. None if it has to go to another batch."""
        with self.lock:
            if self.errors != errors or not self._has_room(recipe):
                self.run()
            if self.is_done:
                return None
            places = tuple([self._place(x) for x in inputs])
            promises = [Promise(self, next(self.places)) for _ in recipe.made]
            self.promises += map(ref, promises)
            self.waiting.append((recipe, places, tuple([p.place for p in promises])))
            self.lines += len(recipe.lines)
            row = [*inputs, *promises]
            return [row[i] for i in recipe.results]

    def _has_room(self, recipe: Recipe) -> bool:
        """Return whether there is room for more, and no memory is held in vain."""
        if not self.waiting:
            return True
        if self.lines + len(recipe.lines) > LINES:
            return False
        # What only this batch holds would be freed by now if all had been computed, but then the results would be there.
        alone = sum([getrefcount(a) == _ALONE for a in self.given.values()])
        return alone == 0 or alone <= len(self._open())

    def _open(self) -> list[Promise]:
        """Return the promises that somebody holds and that have not been kept."""
        return [p for r in self.promises if (p := r()) is not None and p.buffer is None]

    def _place(self, x: Operand) -> int:
        if type(x) is Promise:
            if x.buffer is None:
                return x.place
            x = x.buffer
        place = self.known.get(id(x))
        if place is None:
            place = next(self.places)
            (self.given if x.ndim else self.numbers)[place] = x
            self.known[id(x)] = place
        return place

    def run(self) -> None:
        """Compute what is still held, and keep the promises."""
        with self.lock:
            while wanted := self._open():
                for promise, buffer in zip(wanted, self._computed(tuple([p.place for p in wanted]))):
                    promise.buffer = buffer
            self.is_done = True
            for held in (self.given, self.numbers, self.known, self.waiting, self.promises):
                held.clear()

    def _computed(self, wanted: tuple[int, ...]) -> list[Buffer]:
        size, dtype = self.like.size, self.like.dtype
        plan = planned(tuple(self.waiting), wanted, tuple(self.numbers))
        made = [np.empty(self.like.shape, dtype) for _ in wanted]
        streams = [a.reshape(-1) for a in (*[self.given[place] for place in plan.given], *made)]
        numbers = [self.numbers[place] for place in plan.numbers]
        cuts = blocks(size, _length(plan, len(streams), size, dtype.itemsize))
        scratch = [np.empty(cuts[-1].stop - cuts[-1].start, kind) for kind in plan.scratch]
        with np.errstate(**self.errors):
            for block in cuts:
                arrays = [a[block] for a in streams]
                arrays += numbers
                arrays += plan.constants
                arrays += [a[: block.stop - block.start] for a in scratch]
                for function, pick in plan.calls:
                    function(*pick(arrays))
        return made


def _length(plan: Plan, streams: int, size: int, itemsize: int) -> int:
    """Return the number of elements in a block."""
    if len(plan.calls) <= streams:
        return size  # what comes from memory and goes there is all there is
    fitting = CACHE // (itemsize * (streams + len(plan.scratch)))
    return max(fitting // UNIT, 1) * UNIT


def blocks(size: int, length: int) -> list[slice]:
    """Cut a number of elements into slices of one length; the last takes what remains."""
    starts = [k * length for k in range(max(size // length, 1))]
    return [slice(start, stop) for start, stop in zip(starts, [*starts[1:], size])]


def written(
    batches: dict[Any, Batch], recipe: Recipe, inputs: Sequence[Operand], like: Buffer, errors: Errors
) -> tuple[Batch, list[Operand]]:
    """Write an operation down in the batch for arrays like this one, a new one if there is none that takes it."""
    key = like.shape, like.dtype
    while True:
        batch = batches.get(key)
        # Outside of the lock: no thread waits for a batch while it holds another.
        inputs = [x if type(x) is Promise and x.batch is batch else filled(x) for x in inputs]
        if batch is not None and (results := batch.write(recipe, inputs, errors)) is not None:
            return batch, results
        batches[key] = Batch(*key, errors)


def _count_alone() -> int:
    """Return how many references `getrefcount` sees to what only a batch holds: that depends on the interpreter."""
    given = {0: np.zeros(1)}
    (found,) = [getrefcount(a) for a in given.values()]
    return found


_ALONE = _count_alone()


# --------------------------------------------------------------------------- plans


@dataclass(frozen=True, slots=True)
class Plan:
    """Calls, each with what picks its operands and its result from a list of arrays.

    The list holds the operands that are used, the results, numbers among the operands, those of the lines, and memory for
    what lies between.
    """

    given: list[int]
    numbers: list[int]
    constants: list[Buffer]
    scratch: list[dtypes.DType]
    calls: list[tuple[Callable[..., Any], Callable[[list[Buffer]], Any]]]


@dataclass(frozen=True, slots=True)
class Step:
    """`made = function(*operands)`, of places, names within an operation, and arrays of numbers."""

    function: Any
    operands: list[Any]
    made: Any
    dtype: dtypes.DType


@lru_cache(256)
def planned(waiting: Sequence[Waiting], wanted: tuple[int, ...], numbers: tuple[int, ...]) -> Plan:
    """Return how to compute wanted places. Programs that are run again and again look the same each time."""
    steps = _needed([step for k, one in enumerate(waiting) for step in _steps(k, one)], wanted)
    made = {step.made for step in steps}
    used = dict.fromkeys(a for step in steps for a in step.operands if type(a) is not _Number and a not in made)
    given = [a for a in used if a not in numbers]
    used_numbers = [a for a in used if a in numbers]
    constants = [a for step in steps for a in step.operands if type(a) is _Number]
    calls, scratch = _scheduled(steps, [*given, *wanted, *used_numbers, *constants])
    return Plan(given, used_numbers, [a.value for a in constants], scratch, calls)


@dataclass(frozen=True, slots=True, eq=False)
class _Number:
    """A number in a line; no two are the same."""

    value: Any


def _steps(k: int, one: Waiting) -> Iterator[Step]:
    """Number the names in the lines of a waiting operation, the k-th."""
    recipe, inputs, results = one
    names: dict[str, Any] = dict(zip((*recipe.inputs, *recipe.made), (*inputs, *results)))
    for line in recipe.lines:
        operands = [names.get(a, (k, a)) if isinstance(a, str) else _Number(a) for a in line.operands]
        yield Step(line.function, operands, names.get(line.name, (k, line.name)), line.dtype)


def _needed(steps: Sequence[Step], wanted: Sequence[int]) -> list[Step]:
    """Return the steps that lead to wanted places."""
    needed, found = set(wanted), []
    for step in reversed(steps):
        if step.made in needed:
            needed.update(step.operands)
            found.append(step)
    return found[::-1]


def _scheduled(steps: Sequence[Step], fixed: Sequence[Any]) -> tuple[list[Any], list[dtypes.DType]]:
    """Return calls, and the dtypes of arrays between them, which are behind the fixed ones.

    Such an array is used again as soon as it is read for the last time: what was just written is still near.
    """
    number = {a: i for i, a in enumerate(fixed)}
    last = {a: k for k, step in enumerate(steps) for a in step.operands}
    number |= _early(steps, number, last)
    kinds: dict[Any, dtypes.DType] = {}
    free: dict[dtypes.DType, list[int]] = {}
    scratch: list[dtypes.DType] = []
    calls = []
    for k, step in enumerate(steps):
        picked = [number[a] for a in step.operands]
        for spent in dict.fromkeys(step.operands):
            if last[spent] == k and spent in kinds:
                free[kinds[spent]].append(number[spent])
        if step.made not in number:
            kinds[step.made] = step.dtype
            if not free.setdefault(step.dtype, []):
                free[step.dtype].append(len(fixed) + len(scratch))
                scratch.append(step.dtype)
            number[step.made] = free[step.dtype].pop()
        calls.append((_writing(step.function), itemgetter(*picked, number[step.made])))
    return calls, scratch


def _early(steps: Sequence[Step], number: dict[Any, int], last: dict[Any, int]) -> dict[Any, int]:
    """Return what can lie where a result will, since it is read for the last time when that, or such another, is made."""
    kinds = {step.made: step.dtype for step in steps}
    found: dict[Any, int] = {}
    for k, step in reversed([*enumerate(steps)]):
        home = number.get(step.made, found.get(step.made))
        spent = [a for a in step.operands if last[a] == k and a not in number and kinds[a] == step.dtype]
        if home is not None and spent:
            found[spent[-1]] = home
    return found


def _writing(function: Any) -> Callable[..., Any]:
    """Return the function that writes its result to its last argument."""
    if function in (np.maximum, np.minimum):  # which take it by name, or warn
        return lambda *args: function(*args[:-1], out=args[-1])
    if isinstance(function, np.ufunc):
        return function
    return lambda *args: np.copyto(args[-1], function(*args[:-1]))
