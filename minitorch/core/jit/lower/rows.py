"""Kernels that walk elements or rows of elements: pointwise groups, and reductions over the columns with all around them.

In each row come the stages: loops over the columns, with the reductions that they feed in between, all in cache. What is
computed from these once a row, and read by no loop over columns, comes in a loop of its own over the rows, by vectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from math import prod
from typing import Any

from ... import dtypes
from ..graph import Var
from . import formulas
from .fuse import Group, access
from .kernels import BLOCK, FEW, LINE, LONG, SHORT, Body, Kernel, Slot, Text, along_rows, load_text, store_text
from .layout import Dims, refine
from .operations import Operand, Operation


def divide(text: Text, axes: Sequence[int], index: str) -> list[str]:
    """Split an index over several axes; return the index of each."""
    if len(axes) <= 1:
        return [index] * len(axes)
    names = [f"j{i}" for i in range(len(axes))]
    rest = index
    for i in range(len(axes) - 1, 0, -1):
        size = text.size(f"axis {i}", axes[i])
        text.line(f"q{i} = {rest} // {size}")
        text.line(f"{names[i]} = {rest} - q{i} * {size}")
        rest = f"q{i}"
    text.line(f"{names[0]} = {rest}")
    return names


class Rows(Body):
    """Walks rows; in each, the stages: loops over the columns, with the reductions that they feed in between."""

    def __init__(self, group: Group, stored: Set[Var], in_place: Mapping[Var, Var] | None = None):
        super().__init__(group, stored, in_place)
        self.outer = self.axes[:-1]
        self.outer_size = prod(self.outer)
        self.column = ""  # the index of the loop over columns, when inside one
        self.row_known: dict[Any, str] = {}  # what has been loaded for the present row
        self.row_mark, self.row_depth = 0, 2  # where such loads are put
        self.indices: list[str] = []
        self.stages = _stages(group)
        self.late = self._late()
        self.waiting = self._waiting()
        self.kept: dict[Var, Slot] = {}
        self.required: list[dict[Var, None]] = []
        self.plan_stages()

    def plan_stages(self) -> None:
        """Decide what each loop computes, and which values are kept in memory from one loop to another."""
        self.kept = {v: Slot("store", v, v.aval.dtype) for v in self.stored if self.group.levels[v] == "full"}
        loops = 1 + max([self.stages[v] for v in self.kept] + [_reads_at(op, self.stages) for op in self.reductions()])
        spilled: dict[Var, int] = {}
        targets: list[dict[Var, None]] = [{} for _ in range(loops)]
        for v in self.kept:
            targets[self.stages[v]][v] = None
        for op in self.reductions():
            source = op.operands[0].source
            if source in self.values:
                targets[_reads_at(op, self.stages)][source] = None
        for s in range(loops - 1, -1, -1):
            found: dict[Var, None] = {}
            for v in list(targets[s]):
                self._require(v, s, found, spilled, targets)
            self.required.insert(0, found)
        for v, last in spilled.items():
            self.kept[v] = self._place_for(v, last)

    def _require(self, v: Var, s: int, found: dict[Var, None], spilled: dict[Var, int], targets: list[Any]) -> None:
        """Note what a loop must compute for a value; expensive values of earlier loops are kept instead."""
        if v in found or self.group.levels[v] != "full":
            return
        op = self.makers[v]
        if self.stages[v] < s and (v in self.kept or v in spilled or not formulas.is_cheap(op.formula)):
            if v not in self.kept:
                spilled.setdefault(v, s)
                targets[self.stages[v]][v] = None
            return
        for x in op.operands:
            if isinstance(x.source, Var) and x.source in self.values:
                self._require(x.source, s, found, spilled, targets)
        found[v] = None

    def _place_for(self, v: Var, last: int) -> Slot:
        """Find memory for a value between loops: in a result that is written later, or a buffer of its own."""
        for o in self.stored:
            slot = Slot("store", o, o.aval.dtype)
            is_fit = self.group.levels[o] == "full" and self.stages[o] >= last and o.aval.dtype == v.aval.dtype
            if is_fit and not any(self.kept[k] == slot for k in self.kept if k is not o):
                return slot
        return Slot("scratch", v, v.aval.dtype, self.group.size)

    def reductions(self) -> list[Operation]:
        """Return the reductions of the group."""
        return [op for op in self.group.operations if op.kind == "rows"]

    def _late(self) -> set[Var]:
        """Return what is computed once a row and only stored, if it is worth a loop over the rows."""
        ops, needed = self.group.operations, set[Any]()
        found: set[Var] = set()
        for op in reversed(ops):
            is_last = op.kind == "map" and self.group.levels[op.out] == "row" and op.out not in needed
            if is_last and not any(x.source in self.in_place for x in op.operands if isinstance(x.source, Var)):
                found.add(op.out)
            else:
                needed.update(x.source for x in op.operands if isinstance(x.source, Var))
        is_heavy = any(not formulas.is_cheap(self.makers[v].formula) for v in found)
        has_halves = any(op.out.aval.dtype in dtypes.HALVES for op in ops)  # would be rounded in between
        return found if is_heavy and not has_halves and self.outer_size >= LINE // 4 else set()

    def _waiting(self) -> dict[Var, Slot]:
        """Return the values of each row that the loop over rows reads, and where they wait for it."""
        reads = [x.source for v in self.late for x in self.makers[v].operands if isinstance(x.source, Var)]
        own = [v for v in self.values if v in reads and v not in self.late]
        rows = self.outer_size
        return {
            v: Slot("store", v, v.aval.dtype) if v in self.stored else Slot("scratch", v, v.aval.dtype, rows)
            for v in own
        }

    # ---------------------------------------------------------------- loads

    def load(self, x: Operand, op: Operation) -> str:
        """Load where the operand varies: before all loops, once a row, or once an element."""
        slot, dims = self.slot_of(x), access(x, op)
        if not any(step for _, step in dims):
            return self.top(slot)
        is_full = self.group.level_of(op) == "full"
        sizes = self.axes if is_full else self.outer
        strides = refine(dims, sizes)
        assert strides is not None
        key = (slot, strides)
        if key in self.known or key in self.row_known:
            return self.known.get(key) or self.row_known[key]
        pointer = self.text.slot(slot, "x")
        step = strides[-1] if is_full else 0
        base = self.base(pointer, dims, strides[:-1] if is_full else strides, is_full)
        index = self.inner(base, step, self.column, pointer)
        name = self.fresh()
        line = f"{name} = {load_text(pointer, index, slot.dtype)}"
        if step or not self.outer:
            self.known[key] = name
            self.text.line(line)
        else:  # once a row: the compiler could not move it out of a loop that stores
            self.row_known[key] = name
            self.text.body.insert(self.row_mark, "    " * self.row_depth + line)
            self.row_mark += 1
        return name

    def base(self, pointer: str, dims: Dims, strides: tuple[int, ...], is_full: bool) -> str:
        """Return where the operand's present row begins."""
        if is_full and dims == ((self.group.size, 1),):
            return "i" if self.outer else ""
        if not is_full and dims == ((self.group.rows, 1),):
            return "r"
        return self.offset(strides, self.indices, (pointer, strides))

    # ---------------------------------------------------------------- the outline

    def print(self) -> Kernel:
        """Print the kernel."""
        text, count = self.text, self.group.size
        if not self.outer:
            text.line("for i in range(lo, hi):")
            text.depth += 1
            self.column = "i"
            self.elements(0)
            return self.kernel("pointwise", count, 1, LINE)
        width = self.axes[-1]
        n = text.size("columns", width)
        text.line("for r in range(lo, hi):")
        text.depth += 1
        text.line(f"i = r * {n}")
        self.indices = divide(text, self.outer, "r")
        for s in range(len(self.required)):
            self.row_values(s)
            self.loop(s, n)
        self.row_values(len(self.required))
        if self.late:
            self.loop_over_rows()
        return self.kernel("rows" if self.reductions() else "broadcast", count // width, width)

    def row_values(self, s: int) -> None:
        """Print what is computed once a row before loop `s`, and store what others read."""
        self.known = {}
        self.row_mark = len(self.text.body)
        for op in self.group.operations:
            is_here = op.kind == "map" and self.group.levels[op.out] == "row" and self.stages[op.out] == s
            if is_here and op.out not in self.late:
                self.compute(op)
        for v in self.stored:
            if self.group.levels[v] == "row" and self.stages[v] == s and v not in self.late:
                self.store(v, "r")
        for v, slot in self.waiting.items():
            if self.stages[v] == s and slot.kind == "scratch":
                self.text.line(store_text(self.text.slot(slot, "z"), "r", self.values[v], v.aval.dtype))

    def loop_over_rows(self) -> None:
        """Print the loop over rows that comes after all others."""
        text = self.text
        text.depth -= 1
        text.line("for r in long_range(lo, hi):")
        text.depth += 1
        self.known, self.row_known, self.row_mark = {}, {}, len(text.body)
        self.indices = divide(text, self.outer, "r")
        for v, slot in self.waiting.items():
            pointer = text.slot(slot, "y" if slot.kind == "store" else "z")
            text.line(f"{self.values[v]} = {load_text(pointer, 'r', v.aval.dtype)}")
        self.row_mark = len(text.body)
        for v in [v for v in self.values if v in self.late]:
            self.compute(self.makers[v])
        for v in [v for v in self.stored if v in self.late]:
            self.store(v, "r")

    def loop(self, s: int, n: str) -> None:
        """Print one loop over the columns with the reductions that it feeds."""
        text = self.text
        fed = [op for op in self.reductions() if _reads_at(op, self.stages) == s]
        hows = [along_rows(op.formula, op.dtype) for op in fed]
        self.reassociate |= any(how.blocked for how in hows)
        if self.axes[-1] <= (BLOCK if self.outer_size > 1 else FEW):
            hows = [how._replace(blocked=False) for how in hows]
        blocked = [f"s{self.values[op.out]}" for op, how in zip(fed, hows) if how.blocked]
        self.row_mark = len(text.body)
        for name, how in zip((self.values[op.out] for op in fed), hows):
            text.line(f"s{name} = float64({how.start[8:]}" if how.blocked else f"a{name} = {how.start}")
        if blocked:
            text.line(f"for b in range(0, {n}, {BLOCK}):")
            text.depth += 1
            for op, how in zip(fed, hows):
                if how.blocked:
                    text.line(f"a{self.values[op.out]} = {how.start}")
            text.line(f"for c in long_range(b, min(b + {BLOCK}, {n})):")
        else:
            text.line(f"for c in {self.length()}({n}):")
        text.depth += 1
        self.column = "c"
        self.elements(s)
        for op, how in zip(fed, hows):
            a = f"a{self.values[op.out]}"
            value = self.expression(op)
            text.line(f"{a} = {how.step.format(a=a, t=value)}")
        text.depth -= 1
        if blocked:
            for op, how in zip(fed, hows):
                if how.blocked:
                    name = self.values[op.out]
                    text.line(f"s{name} = {how.step.format(a='s' + name, t=f'float64(a{name})')}")
            text.depth -= 1
        for op, how in zip(fed, hows):
            name = self.values[op.out]
            done = how.finish.format(a=f"a{name}")
            text.line(f"{name} = {formulas.CODES[op.dtype]}(s{name})" if how.blocked else f"{name} = {done}")

    def length(self) -> str:
        """Return what the range of columns is called. A single row is often the batch, whose size may change."""
        width = self.axes[-1]
        is_short = self.outer_size > 1 and width < SHORT and width % 16 != 0
        return "long_range" if width >= LONG else "short_range" if is_short else "range"

    def elements(self, s: int) -> None:
        """Print what is computed for each element in loop `s`, and then the stores."""
        self.known = {}
        for v in self.kept:
            if self.stages[v] < s and self._is_read(v, s):
                pointer = self.text.slot(self.kept[v], "y")
                self.text.line(f"{self.values[v]} = {load_text(pointer, self.here(), v.aval.dtype)}")
        for v in self.required[s]:
            self.compute(self.makers[v])
        for v, slot in self.kept.items():
            if self.stages[v] == s:
                pointer = self.text.slot(slot, "y")
                self.text.line(store_text(pointer, self.here(), self.values[v], v.aval.dtype))

    def _is_read(self, v: Var, s: int) -> bool:
        readers = [self.makers[o] for o in self.required[s]]
        readers += [op for op in self.reductions() if _reads_at(op, self.stages) == s]
        return any(x.source is v for op in readers for x in op.operands)

    def here(self) -> str:
        """Print the place of the present element."""
        return "i + c" if self.outer else "i"


def _stages(group: Group) -> dict[Any, int]:
    """Return, for each value, before how many loops over the columns it cannot be known."""
    stages: dict[Any, int] = {}
    for op in group.operations:
        after = max((stages.get(x.source, 0) for x in op.operands if isinstance(x.source, Var)), default=0)
        stages[op.out] = after + (op.kind == "rows")
    return stages


def _reads_at(op: Operation, stages: dict[Any, int]) -> int:
    source = op.operands[0].source
    return stages.get(source, 0) if isinstance(source, Var) else 0
