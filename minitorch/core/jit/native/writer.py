"""`Writer`: LLVM's text of one function, an instruction at a time.

The control flow of kernel text is structured, so that values get their names at once, with phis where paths meet: no
variables in memory, which LLVM would have to take apart again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .kinds import Integer, Kind, Real, Value, boolean, constant
from .width import vector_bytes

HINTS = (
    '!0 = !{!"llvm.loop.interleave.count", i32 2}',
    '!1 = !{!"llvm.loop.interleave.count", i32 1}',
    '!2 = !{!"llvm.loop.vectorize.width", i32 1}',
    '!3 = !{!"llvm.loop.vectorize.width", i32 16}',
    '!4 = !{!"llvm.loop.vectorize.predicate.enable", i1 true}',
    '!5 = !{!"llvm.loop.parallel_accesses", !6}',
    "!6 = distinct !{}",
)
ACCESS = ", !llvm.access.group !6"
# What a loop's last branch says of it. Two vectors at a time hide latencies, and are less code than LLVM's choice of four.
# With one, loops inside of others are as fast, and kernels of rows compile in two thirds of the time. A short loop has masks
# for the last vector instead of a loop for the rest: 1.1 us instead of 2.2 for 32 rows of 30 exponentials.
# Of a free loop it says besides that no step touches what another one writes, so that no addresses are compared.
LOOPS = {"long_range": "!0", "range": "!1", "short_range": "!1, !3, !4", "free_range": "!0", "scalar": "!2"}
CONTRACT = "contract "  # a product and a sum may be rounded once


class Writer:
    """Collects lines; `block` is the label of the block being written, None after a jump away."""

    def __init__(self, flags: str = CONTRACT):
        self.lines: list[str] = []
        self.head: list[str] = []  # allocations, in the first block
        self.declared: dict[str, str] = {}
        self.flags = flags
        self.block: str | None = "entry"
        self.count = 0
        self.hints: list[str] = []  # of each loop
        self.parallel = False  # whether the steps of innermost loops are independent
        self.returns = False  # an integer, or nothing
        self.depth = 0  # in loops
        self.access = ""  # what loads and stores say of the loop that they are in
        self.divisions = 0  # of integers, by what is known only when the kernel runs

    # ---------------------------------------------------------------- instructions

    def op(self, text: str) -> str:
        """Write an instruction; return the name of its result."""
        self.count += 1
        name = f"%{self.count}"
        self.lines.append(f"  {name} = {text}")
        return name

    def do(self, text: str) -> None:
        """Write an instruction without a result."""
        self.lines.append(f"  {text}")

    def made(self, kind: Any, text: str) -> Value:
        """Write an instruction; return its result."""
        return Value(kind, self.op(text))

    def integer(self, operation: str, x: Value, y: Value | int) -> Value:
        """Write an operation on two integers of one type, or floats seen as such."""
        other = constant(x.kind, y) if isinstance(y, int) else y.text
        return Value(x.kind, self.op(f"{operation} {x.kind.llvm} {x.text}, {other}"))

    def real(self, operation: str, x: Value, y: Value) -> Value:
        """Write an operation on two floats or vectors of one type."""
        return Value(x.kind, self.op(f"{operation} {self.flags}{x.kind.llvm} {x.text}, {y.text}"))

    def compare(self, relation: str, x: Value, y: Value | int) -> Value:
        """Write a comparison of scalars: LLVM's relation, with `fcmp` or `icmp` in front."""
        other = constant(x.kind, y) if isinstance(y, int) else y.text
        return Value(boolean, self.op(f"{relation} {x.kind.llvm} {x.text}, {other}"))

    def select(self, condition: str, mask: str, x: Value, y: Value) -> Value:
        """Write a choice; `mask` is the type of the condition."""
        kind = x.kind.llvm
        return Value(x.kind, self.op(f"select {mask} {condition}, {kind} {x.text}, {kind} {y.text}"))

    def bitcast(self, x: Value, kind: Any) -> Value:
        """Write a change of type that keeps the bits."""
        return Value(kind, self.op(f"bitcast {x.kind.llvm} {x.text} to {kind.llvm}"))

    def fused(self, x: Value, y: Value, z: Value) -> Value:
        """Write x * y + z, rounded once where the CPU can."""
        return self.real("fadd", self.real("fmul", x, y), z)

    def call(self, name: str, result: Any, arguments: Sequence[Any], attributes: str = "") -> Value:
        """Write a call of a function outside, given values or (LLVM type, text) pairs; it never raises."""
        pairs = [(a.kind.llvm, a.text) if isinstance(a, Value) else a for a in arguments]
        returned = result.llvm if isinstance(result, Kind) else "void"
        self.declared[name] = f"declare {returned} @{name}({', '.join(kind for kind, _ in pairs)}) nounwind"
        text = f"call {returned} @{name}({', '.join(f'{kind} {text}' for kind, text in pairs)}){attributes}"
        if result is None:
            self.do(text)
            return NOTHING
        return Value(result, self.op(text))

    # ---------------------------------------------------------------- conversions

    def converted(self, x: Value, kind: Any) -> Value:
        """Return a scalar in another type, as a conversion in the text asks."""
        if x.number is not None and (kind != boolean):
            if isinstance(kind, Integer) and isinstance(x.number, float):
                return self.cast(Value(x.kind, x.text), kind)
            return Value(kind, constant(kind, x.number))
        return x if x.kind == kind else self.cast(x, kind)

    def cast(self, x: Value, kind: Any) -> Value:
        """Write a conversion between two scalar types."""
        have = x.kind
        if kind == boolean:
            zero = constant(have, 0)
            return self.compare("fcmp une" if isinstance(have, Real) else "icmp ne", x, Value(have, zero))
        if isinstance(have, Integer) and isinstance(kind, Integer):
            if have.bits == kind.bits:
                return Value(kind, x.text)
            how = "trunc" if have.bits > kind.bits else "sext" if have.signed else "zext"
        elif isinstance(have, Real) and isinstance(kind, Real):
            how = "fptrunc" if have.bits > kind.bits else "fpext"
        elif isinstance(have, Real):
            how = "fptosi" if kind.signed else "fptoui"
        elif isinstance(kind, Real):
            how = "sitofp" if isinstance(have, Integer) and have.signed else "uitofp"
        else:
            how = "zext"
        return Value(kind, self.op(f"{how} {have.llvm} {x.text} to {kind.llvm}"))

    # ---------------------------------------------------------------- memory

    def at(self, pointer: Value, index: Value, plain: bool = True) -> str:
        """Write the address of an element; a plain one lies inside the memory that the pointer belongs to."""
        inbounds = "inbounds " if plain else ""
        return self.op(f"getelementptr {inbounds}{pointer.kind.element.llvm}, ptr {pointer.text}, i64 {index.text}")

    def load(self, pointer: Value, index: Value) -> Value:
        """Write the load of an element."""
        kind = pointer.kind.element
        place = self.at(pointer, index)
        return Value(kind, self.op(f"load {kind.llvm}, ptr {place}, align {kind.bits // 8}{self.access}"))

    def store(self, pointer: Value, index: Value, value: Value) -> None:
        """Write the store of an element."""
        kind = pointer.kind.element
        place = self.at(pointer, index)
        self.do(f"store {kind.llvm} {value.text}, ptr {place}, align {kind.bits // 8}{self.access}")

    def plus(self, x: Value, number: int) -> Value:
        """Return an integer plus a number."""
        return self.integer("add", x, number) if number else x

    def repeated(self, x: Value, count: int) -> str:
        """Write a vector of equal scalars; return its name."""
        kind = f"<{count} x {x.kind.llvm}>"
        if not x.text.startswith("%"):
            return f"<{', '.join([f'{x.kind.llvm} {x.text}'] * count)}>"
        one = self.op(f"insertelement {kind} poison, {x.kind.llvm} {x.text}, i64 0")
        return self.op(f"shufflevector {kind} {one}, {kind} poison, <{count} x i32> zeroinitializer")

    # ---------------------------------------------------------------- control flow

    def label(self) -> str:
        """Return a new label."""
        self.count += 1
        return f"b{self.count}"

    def start(self, label: str) -> None:
        """Begin a block."""
        self.lines.append(f"{label}:")
        self.block = label

    def jump(self, label: str) -> None:
        """End the block."""
        self.do(f"br label %{label}")
        self.block = None

    def branch(self, condition: Value, yes: str, no: str, hints: str = "") -> None:
        """End the block by a choice."""
        self.do(f"br i1 {condition.text}, label %{yes}, label %{no}{hints}")
        self.block = None

    def loop_hints(self, length: str, parallel: bool = False) -> str:
        """Return what a loop's last branch says of it; `scalar` ones divide integers, and are not worth vectors.

        A `parallel` one has steps of which none writes what another reads or writes: LLVM need not compare the addresses
        of all arrays before it, which is half of the time to compile a kernel with many.
        """
        has_masks = vector_bytes() == 64
        hints = LOOPS["range" if length == "short_range" and not has_masks else length]
        self.hints.append(f"{hints}, !5" if parallel else hints)
        return f", !llvm.loop !{len(HINTS) + len(self.hints) - 1}"

    def phi(self, sources: Sequence[tuple[Value, str]]) -> Value:
        """Write the value that comes from one of several blocks; all have one type."""
        kind = sources[0][0].kind
        if isinstance(sources[0][0].text, tuple):
            columns = zip(*(value.text for value, _ in sources))
            blocks = [block for _, block in sources]
            return Value(kind, tuple(self.op(phi_text(kind.lanes.llvm, column, blocks)) for column in columns))
        return Value(kind, self.op(phi_text(kind.llvm, [v.text for v, _ in sources], [b for _, b in sources])))

    # ---------------------------------------------------------------- the whole

    def function(self, name: str) -> str:
        """Return the function with the declarations it needs, as a kernel's text."""
        result = "i64" if self.returns else "void"
        signature = f"define {result} @{name}(ptr noalias readonly %P, i64 %lo, i64 %hi) nounwind {{"
        hints = [f"!{i} = distinct !{{!{i}, {hint}}}" for i, hint in enumerate(self.hints, len(HINTS))]
        return "\n".join(
            [*self.declared.values(), signature, "entry:", *self.head, *self.lines, "}", *HINTS, *hints, ""]
        )


def phi_text(kind: str, texts: Sequence[str], blocks: Sequence[str]) -> str:
    """Return the instruction that chooses by the block before."""
    return f"phi {kind} " + ", ".join(f"[ {text}, %{block} ]" for text, block in zip(texts, blocks))


NOTHING = Value(Kind("nothing", "void"), "")
