"""Kernels as Python text: one fused group in, one function `kernel(P, lo, hi)` and the meaning of its slots out.

Every equation is one line; loads are `x0[...]`, stores `y0[...]`, row reductions `s0`. Sizes and strides are slots, so one
text serves all shapes. Three outlines: `map` walks elements, or rows of elements where operands broadcast or are strided;
`rows` walks rows, with one loop over the columns for each reduction that waits for another, all in cache; `columns` adds up
rows into a strip of columns. Floats are added in blocks, the blocks in float64.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ... import dtypes
from ...array import Array
from ...dtypes import DType
from ..graph import Var
from . import formulas
from .fuse import Group
from .operations import PLAIN, Operand, Operation

BLOCK = 512  # floats added up in their own precision before they go into a float64
FEW = 128  # rows that are added up without blocks, which halves the text
LONG = 256  # columns, with which a loop is worth two vectors at a time
SHORT = 64  # columns, up to which a rest that fills no vector is worth masks
LINE = 64  # elements; at multiples of it no two threads write to the same cache line
STRIP = 512  # columns whose sums stay in the first-level cache
ELEMENT = 5e-11  # seconds that it takes to move an element, in rows
OPERATION = 3e-11  # seconds for a cheap operation on an element, in a vector


class Slot(NamedTuple):
    """What goes into one element of `P`: the address of a value, a buffer, a number in memory or a kernel, or an integer."""

    kind: str  # load, store, scratch, number, size, code (a kernel that this one calls)
    source: Any
    dtype: DType = dtypes.int64
    offset: int = 0  # elements


@dataclass(slots=True)
class Kernel:
    """The text of a kernel, its slots, and the range it is called with."""

    name: str
    source: str
    slots: list[Slot]
    range: int
    seconds: float  # on one thread, roughly
    unit: int  # where threads may part the range: at its multiples
    reassociate: bool = False


class Reduction(NamedTuple):
    """How values are taken together: the neutral element and the step, in kernel text."""

    start: str
    step: str
    blocked: bool = False  # floats: in blocks, the blocks in float64
    finish: str = "{a}"


def along_rows(name: str, dtype: DType) -> Reduction:
    """Return how to reduce a dtype in one variable."""
    if name not in ("max", "min") or dtype not in formulas.REALS:
        return reduction(name, dtype)
    start = f"to_key({reduction(name, dtype).start})"
    return Reduction(start, f"{'larger' if name == 'max' else 'smaller'}_key({{a}}, {{t}})", False, "from_key({a})")


def reduction(name: str, dtype: DType) -> Reduction:
    """Return how to reduce a dtype."""
    code, is_float = formulas.CODES[dtype], dtype in formulas.REALS
    if name in ("any", "all"):
        return Reduction(str(name == "all"), "{a} & {t}" if name == "all" else "{a} | {t}")
    if name in ("sum", "prod"):
        step = "{a} + {t}" if name == "sum" else "{a} * {t}"
        start = formulas.literal(int(name == "prod"), dtype)
        return Reduction(start, step if is_float else f"{code}({step})", is_float)
    sign = "-" if name == "max" else ""
    if is_float:
        return Reduction(f"{code}({sign}math.inf)", f"{name}imum({{a}}, {{t}})")
    if dtype == dtypes.bool_:
        return Reduction(str(name == "min"), "{a} | {t}" if name == "max" else "{a} & {t}")
    limits = np.iinfo(dtype)
    start = f"{code}({limits.min if name == 'max' else limits.max})"
    return Reduction(start, f"select({{t}} {'>' if name == 'max' else '<'} {{a}}, {{t}}, {{a}})")


class Text:
    """Lines of kernel text with their slots."""

    def __init__(self) -> None:
        self.slots: list[Slot] = []
        self.names: dict[Slot, str] = {}
        self.counts: Counter[str] = Counter()  # of names by prefix
        self.head: list[str] = []
        self.body: list[str] = []
        self.depth = 1

    def slot(self, slot: Slot, prefix: str) -> str:
        """Return the name of a slot's content, entering it if it is new."""
        name = self.names.get(slot)
        if name is None:
            at = len(self.slots)
            name = self.names[slot] = f"{prefix}{self.counts[prefix]}"
            self.counts[prefix] += 1
            self.slots.append(slot)
            content = f"P[{at}]" if slot.kind == "size" else f"{formulas.POINTERS[slot.dtype]}(P[{at}])"
            self.head.append(f"    {name} = {content}")
        return name

    def size(self, key: str, value: int) -> str:
        """Return the name of a size or stride; `key` tells equal numbers with different meanings apart."""
        return self.slot(Slot("size", (key, value)), "n")

    def line(self, text: str) -> None:
        """Add a line at the present depth."""
        self.body.append("    " * self.depth + text)

    def source(self, name: str) -> str:
        """Return the whole function."""
        return "\n".join([f"def {name}(P, lo, hi):", *self.head, *self.body, ""])


def load_text(pointer: str, index: str, dtype: DType) -> str:
    """Print a load."""
    if dtype in dtypes.HALVES:
        return f"load_{formulas.POINTERS[dtype]}({pointer}, {index})"
    return f"{pointer}[{index}] != uint8(0)" if dtype == dtypes.bool_ else f"{pointer}[{index}]"


def store_text(pointer: str, index: str, value: str, dtype: DType) -> str:
    """Print a store."""
    if dtype in dtypes.HALVES:
        return f"store_{formulas.POINTERS[dtype]}({pointer}, {index}, {value})"
    return f"{pointer}[{index}] = " + (f"select({value}, uint8(1), uint8(0))" if dtype == dtypes.bool_ else value)


class Body:
    """What the three outlines share: names for values, loads with their addresses, expressions."""

    def __init__(self, group: Group, stored: Set[Var], in_place: Mapping[Var, Var] | None = None):
        self.group = group
        self.in_place = in_place or {}  # inputs that are read from the result that replaces them
        self.stored = tuple(op.out for op in group.operations if op.out in stored)
        self.text = Text()
        axes = group.axes()
        assert axes is not None
        self.axes = axes
        self.makers = {op.out: op for op in group.operations}
        self.values = {v: f"t{i}" for i, v in enumerate(self.makers)}
        self.known: dict[Any, str] = {}  # names valid in the present scope
        self.hoisted: dict[Any, str] = {}
        self.loads = 0
        self.reassociate = False

    # ---------------------------------------------------------------- operands

    def number(self, x: Operand, dtype: DType, literal: bool) -> str:
        """Print a Python number or a constant of one element."""
        value = x.source.item() if isinstance(x.source, Array) else x.source
        if literal or value in PLAIN or (type(value) is float and not math.isfinite(value)):
            return formulas.literal(value, dtype)
        return self.top(Slot("number", value, dtype))

    def top(self, slot: Slot) -> str:
        """Load a lone number before all loops."""
        if slot not in self.hoisted:
            name = self.hoisted[slot] = f"k{len(self.hoisted)}"
            pointer = self.text.slot(slot, "x")
            self.text.head.append(f"    {name} = {load_text(pointer, '0', slot.dtype)}")
        return self.hoisted[slot]

    def slot_of(self, x: Operand) -> Slot:
        """Return the slot of an operand in memory."""
        if x.source in self.in_place:
            return Slot("store", self.in_place[x.source], x.dtype)
        return Slot("load", x.source, x.dtype, x.layout.offset)

    def fresh(self) -> str:
        """Return a name for a loaded value."""
        self.loads += 1
        return f"v{self.loads - 1}"

    def converted(self, text: str, have: DType, want: DType) -> str:
        """Print a conversion."""
        found = formulas.convert(text, have, want)
        assert found is not None
        return found

    def operand(self, op: Operation, position: int) -> str:
        """Print one operand in the dtype that the operation asks for; loads it first if need be."""
        x = op.operands[position]
        want = op.params["wanted"][position] if "wanted" in op.params else x.dtype
        if not isinstance(x.source, Var) and (not isinstance(x.source, Array) or not x.source.shape):
            return self.number(x, want, position in op.params.get("fixed", ()))
        if isinstance(x.source, Var) and x.source in self.values:
            return self.converted(self.values[x.source], x.source.aval.dtype, want)
        return self.converted(self.load(x, op), x.dtype, want)

    def load(self, x: Operand, op: Operation) -> str:
        """Return the name of a loaded operand."""
        raise NotImplementedError

    def expression(self, op: Operation) -> str:
        """Print what an operation computes; reductions print the operand."""
        if op.kind != "map":
            text = self.operand(op, 0)
            is_truth = op.formula in ("any", "all") and op.dtype != dtypes.bool_
            return f"({text} != {formulas.literal(0, op.dtype)})" if is_truth else text
        names = {n: self.operand(op, i) for i, n in enumerate(op.params.get("names", ("x",)))}
        return formulas.line(op.formula, op.dtype, names)

    def compute(self, op: Operation) -> None:
        """Print the line of one operation."""
        text = self.expression(op)
        self.text.line(f"{self.values[op.out]} = {text}")

    # ---------------------------------------------------------------- addresses

    def offset(self, strides: Sequence[int], indices: Sequence[str], key: Any) -> str:
        """Print the sum of indices times strides, leaving out what is zero."""
        terms = []
        for axis, (index, step) in enumerate(zip(indices, strides)):
            if step == 1:
                terms.append(index)
            elif step:
                terms.append(f"{index} * {self.text.size(f'stride {key} {axis}', step)}")
        return " + ".join(terms)

    def inner(self, base: str, step: int, index: str, key: Any) -> str:
        """Print an address in the inner loop."""
        column = index if step == 1 else f"{index} * {self.text.size(f'stride {key} inner', step)}" if step else ""
        return " + ".join(t for t in (base, column) if t) or "0"

    def store(self, var: Var, index: str) -> None:
        """Print the store of a result."""
        pointer = self.text.slot(Slot("store", var, var.aval.dtype), "y")
        self.text.line(store_text(pointer, index, self.values[var], var.aval.dtype))

    def kernel(self, name: str, count: int, work: int, unit: int = 1) -> Kernel:
        """Return the finished kernel; each of `count` in its range stands for `work` elements."""
        weight = sum(1 if formulas.is_cheap(op.formula) else 4 for op in self.group.operations if op.kind == "map")
        seconds = count * work * (2 + weight) * OPERATION
        source = self.text.source(name)
        return Kernel(name, source, self.text.slots, count, seconds, unit, self.reassociate)
