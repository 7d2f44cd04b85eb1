"""Kernels that reduce over rows: sums of columns, with the pointwise operations in front of them.

A strip of columns is walked row by row; the running results of the strip stay in cache. Floats are added in blocks of
rows, and the blocks in float64.
"""

from __future__ import annotations

from math import prod

from ... import dtypes
from . import formulas
from .fuse import access
from .kernels import BLOCK, FEW, STRIP, Body, Kernel, Reduction, Slot, load_text, reduction, store_text
from .layout import refine
from .operations import Operand, Operation


class Columns(Body):
    """Walks strips of columns. The axes are (a, b, c), of which b is reduced."""

    def print(self) -> Kernel:
        """Print the kernel."""
        text = self.text
        a, b, c = (text.size(name, n) for name, n in zip("abc", self.axes))
        self.size_c = c
        self.sums = [op for op in self.group.operations if op.kind == "columns"]
        self.hows = {op: self.how(op) for op in self.sums}
        for one in (f"for a in range({a}):", f"for c0 in range(lo, hi, {STRIP}):"):
            text.line(one)
            text.depth += 1
        text.line(f"c1 = min(c0 + {STRIP}, hi)")
        for op in self.sums:
            self.start(op)
        self.blocks(b)
        for op in self.sums:
            self.finish(op)
        return self.kernel("columns", self.axes[2], prod(self.axes[:2]), 16)

    def how(self, op: Operation) -> Reduction:
        """Return how a reduction goes; over few rows, there are no blocks."""
        found = reduction(op.formula, op.dtype)
        return found if self.axes[1] > FEW else found._replace(blocked=False)

    def over_strip(self, line: str) -> None:
        """Print a loop of one line over the strip."""
        self.text.line("for c in range(c0, c1):")
        self.text.line("    " + line)

    def running(self, op: Operation, wide: bool = False) -> tuple[str, dtypes.DType]:
        """Return the buffer of running results: of the block, or wide, of all blocks."""
        dtype = dtypes.float64 if wide else op.dtype
        if not wide and op.formula in ("any", "all"):
            dtype = dtypes.bool_
        return self.text.slot(Slot("scratch", (op.out, wide), dtype, self.axes[2]), "z" if wide else "w"), dtype

    def start(self, op: Operation) -> None:
        """Print what sets the running results to the neutral element."""
        how = self.hows[op]
        pointer, dtype = self.running(op, how.blocked)
        self.over_strip(store_text(pointer, "c", f"float64({how.start[8:]}" if how.blocked else how.start, dtype))

    def finish(self, op: Operation) -> None:
        """Print what stores the results."""
        how = self.hows[op]
        pointer, dtype = self.running(op, how.blocked)
        value = load_text(pointer, "c", dtype)
        value = f"{formulas.CODES[op.dtype]}({value})" if how.blocked else value
        target = self.text.slot(Slot("store", op.out, op.out.aval.dtype), "y")
        self.over_strip(store_text(target, f"a * {self.size_c} + c", value, op.out.aval.dtype))

    def blocks(self, b: str) -> None:
        """Print the loops over blocks of rows, rows and columns."""
        text = self.text
        blocked = [(op, how) for op, how in self.hows.items() if how.blocked]
        self.reassociate = False
        if not blocked:
            self.rows(b, f"range({b})")
            return
        text.line(f"for b0 in range(0, {b}, {BLOCK}):")
        text.depth += 1
        for op, how in blocked:
            self.over_strip(f"{self.running(op)[0]}[c] = {how.start}")
        self.rows(b, f"range(b0, min(b0 + {BLOCK}, {b}))")
        for op, how in blocked:
            z, w = self.running(op, True)[0], self.running(op)[0]
            self.over_strip(f"{z}[c] = {how.step.format(a=f'{z}[c]', t=f'float64({w}[c])')}")
        text.depth -= 1

    def rows(self, b: str, numbers: str) -> None:
        """Print the loops over rows and columns."""
        text = self.text
        text.line(f"for b in {numbers}:")
        text.depth += 1
        self.row_mark = len(text.body)
        text.line("for c in range(c0, c1):")
        text.depth += 1
        self.elements(b)
        text.depth -= 2

    def elements(self, b: str) -> None:
        """Print what is done for each element."""
        for op in self.group.operations:
            if op.kind == "map":
                self.compute(op)
        for op, how in self.hows.items():
            pointer, dtype = self.running(op)
            value = self.expression(op)
            step = how.step.format(a=f"({load_text(pointer, 'c', dtype)})", t=value)
            self.text.line(store_text(pointer, "c", step, dtype))
        for v in self.stored:
            if self.group.levels[v] == "full":
                self.store(v, f"(a * {b} + b) * {self.size_c} + c")

    def load(self, x: Operand, op: Operation) -> str:
        """Load an operand in the innermost loop, or once a row."""
        slot, dims = self.slot_of(x), access(x, op)
        if not any(step for _, step in dims):
            return self.top(slot)
        strides = refine(dims, self.axes)
        assert strides is not None
        key = (slot, strides)
        if key not in self.known:
            pointer = self.text.slot(slot, "x")
            base = self.offset(strides[:-1], ["a", "b"], pointer)
            name = self.known[key] = self.fresh()
            line = f"{name} = {load_text(pointer, self.inner(base, strides[-1], 'c', pointer), slot.dtype)}"
            if strides[-1]:
                self.text.line(line)
            else:
                self.text.body.insert(self.row_mark, "    " * (self.text.depth - 1) + line)
        return self.known[key]
