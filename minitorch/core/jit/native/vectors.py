"""Vectors in kernel text, for loops that LLVM does not vectorize by itself: products held in registers, ragged rows.

A vector has `width.lanes` numbers of one dtype. In the text `splat(x)` makes one of equal numbers, `vload(p, i)` and
`vstore(p, i, v)` move one; `vload_first(p, i, n)` and `vstore_first(p, i, v, n)` touch the first n numbers only (none if
n <= 0; what is not loaded is 0); `vfma(x, v, t)` is `x * v + t`, where x may be a number, and `stack_block(p, 512)` is
memory for 512 such numbers. `vload_even`, `vstore_pairs`, `vload_bytes`, `vstore_bytes`, `vpick` and `vwhere_equal` are
told below.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import expressions as ex
from .functions import Instruction
from .intrinsics import expect
from .kinds import CompileError, Lanes, Pointer, Real, Value, int32, int64, lanes_of, pointer_to, uint8
from .writer import Writer


def vector_of(pointer: Value) -> Lanes:
    """Return the vector type for a pointer's elements."""
    if not isinstance(pointer.kind, Pointer) or not isinstance(pointer.kind.element, Real):
        raise CompileError(f"a vector's place is a pointer to floats, not {pointer.kind}")
    return lanes_of(pointer.kind.element)


def like(v: Value, *others: Value) -> Lanes:
    """Return the type that vectors have together."""
    if not isinstance(v.kind, Lanes) or any(o.kind != v.kind for o in others):
        raise CompileError(f"vectors of one type, not {', '.join(str(x.kind) for x in (v, *others))}")
    return v.kind


def alignment(kind: Lanes) -> int:
    """Return what vectors in memory are aligned to: one element."""
    return kind.element.bits // 8


def place(w: Writer, pointer: Value, index: Value, skip: int = 0) -> str:
    """Write the address from which on a vector lies; some of its lanes may be outside the memory."""
    return w.at(pointer, w.plus(ex.index_of(w, index), skip), plain=False)


def load(w: Writer, pointer: Value, index: Value, kind: Lanes) -> Value:
    """Write the load of a vector."""
    return Value(kind, w.op(f"load {kind.llvm}, ptr {place(w, pointer, index)}, align {alignment(kind)}"))


def store(w: Writer, pointer: Value, index: Value, value: Value) -> None:
    """Write the store of a vector."""
    kind = value.kind
    w.do(f"store {kind.llvm} {value.text}, ptr {place(w, pointer, index)}, align {alignment(kind)}")


def first(w: Writer, n: Value, count: int) -> tuple[str, str]:
    """Write the mask of the first n lanes; n may be any integer, and lanes are counted in 32 bits, which is faster."""
    n = ex.smaller_or_larger(w, "<", (ex.index_of(w, n), Value(int64, str(count))))
    n = ex.smaller_or_larger(w, ">", (n, Value(int64, "0")))
    numbers = f"<{', '.join(f'i32 {i}' for i in range(count))}>"
    mask = w.op(f"icmp slt <{count} x i32> {numbers}, {w.repeated(w.cast(n, int32), count)}")
    return f"<{count} x i1>", mask


def masked_load(w: Writer, kind: str, address: str, align: int, mask: tuple[str, str]) -> str:
    """Write the load of some lanes; the others are 0."""
    pieces = kind.strip("<>").split(" x ")
    name = f"llvm.masked.load.v{pieces[0]}{SUFFIX[pieces[1]]}.p0"
    w.declared[name] = f"declare {kind} @{name}(ptr, i32, {mask[0]}, {kind})"
    return w.op(f"call {kind} @{name}(ptr {address}, i32 {align}, {mask[0]} {mask[1]}, {kind} zeroinitializer)")


def masked_store(w: Writer, kind: str, value: str, address: str, align: int, mask: tuple[str, str]) -> None:
    """Write the store of some lanes."""
    pieces = kind.strip("<>").split(" x ")
    name = f"llvm.masked.store.v{pieces[0]}{SUFFIX[pieces[1]]}.p0"
    w.declared[name] = f"declare void @{name}({kind}, ptr, i32, {mask[0]})"
    w.do(f"call void @{name}({kind} {value}, ptr {address}, i32 {align}, {mask[0]} {mask[1]})")


SUFFIX = {"float": "f32", "double": "f64", "i8": "i8", "i16": "i16", "i32": "i32", "i64": "i64"}


def shuffled(w: Writer, kind: str, x: str, y: str, picks: Sequence[int]) -> str:
    """Write the choice of lanes of two vectors."""
    mask = f"<{len(picks)} x i32> <{', '.join(f'i32 {i}' for i in picks)}>"
    return w.op(f"shufflevector {kind} {x}, {kind} {y}, {mask}")


def total(w: Writer, vector: Value, n: int) -> str:
    """Write the sum of n lanes, added up in pairs."""
    element = vector.kind.element.llvm
    text = vector.text
    while n > 1:
        kind = f"<{n} x {element}>"
        n //= 2
        halves = [shuffled(w, kind, text, "poison", list(range(i, i + n))) for i in (0, n)]
        text = w.op(f"fadd <{n} x {element}> {halves[0]}, {halves[1]}")
    return w.op(f"extractelement <1 x {element}> {text}, i64 0")


# --------------------------------------------------------------------------- what the text names


@Instruction
def splat(w: Writer, x: Value) -> Value:
    """A vector of equal numbers."""
    if not isinstance(x.kind, Real):
        raise CompileError(f"splat takes a float, not {x.kind}")
    kind = lanes_of(x.kind)
    return Value(kind, w.repeated(x, kind.count))


@Instruction
def vload(w: Writer, pointer: Value, index: Value) -> Value:
    """The numbers from an index on."""
    return load(w, pointer, index, vector_of(pointer))


@Instruction
def vstore(w: Writer, pointer: Value, index: Value, value: Value) -> None:
    """Store a vector."""
    expect("vstore", value, vector_of(pointer))
    store(w, pointer, index, value)


@Instruction
def vload_first(w: Writer, pointer: Value, index: Value, n: Value) -> Value:
    """The first n numbers from an index on, then zeros."""
    kind = vector_of(pointer)
    mask = first(w, n, kind.count)
    return Value(kind, masked_load(w, kind.llvm, place(w, pointer, index), alignment(kind), mask))


@Instruction
def vstore_first(w: Writer, pointer: Value, index: Value, value: Value, n: Value) -> None:
    """Store the first n numbers of a vector."""
    kind = vector_of(pointer)
    expect("vstore_first", value, kind)
    masked_store(w, kind.llvm, value.text, place(w, pointer, index), alignment(kind), first(w, n, kind.count))


@Instruction
def stack_block(w: Writer, pointer: Value, n: Value) -> Value:
    """Memory for n elements of a pointer's kind, aligned, until the kernel returns; n is a number in the text."""
    if not isinstance(pointer.kind, Pointer):
        raise CompileError(f"stack_block takes a pointer, not {pointer.kind}")
    if not isinstance(n.number, int) or n.number < 1:
        raise CompileError("stack_block: the size is a positive number in the text")
    w.count += 1
    w.head.append(f"  %stack{w.count} = alloca [{n.number} x {pointer.kind.element.llvm}], align 64")
    return Value(pointer.kind, f"%stack{w.count}")


@Instruction
def vfma(w: Writer, x: Value, v: Value, t: Value) -> Value:
    """x * v + t, rounded once where the CPU can; x may be a number."""
    kind = like(v, t)
    expect("vfma", x, kind if isinstance(x.kind, Lanes) else kind.element)
    return w.fused(x if x.kind == kind else Value(kind, w.repeated(x, kind.count)), v, t)


def _where(w: Writer, kind: Lanes, condition: str, x: Value, y: Value) -> Value:
    return w.select(condition, f"<{kind.count} x i1>", x, y)


@Instruction
def vpick(w: Writer, v: Value, other: Value, x: Value, y: Value) -> Value:
    """x where v > other or v is NaN, else y."""
    kind = like(v, other, x, y)
    more = w.op(f"fcmp ogt {kind.llvm} {v.text}, {other.text}")
    is_nan = w.op(f"fcmp uno {kind.llvm} {v.text}, {v.text}")
    return _where(w, kind, w.op(f"or <{kind.count} x i1> {more}, {is_nan}"), x, y)


@Instruction
def vwhere_equal(w: Writer, v: Value, other: Value, x: Value, y: Value) -> Value:
    """x where v == other, else y."""
    kind = like(v, other, x, y)
    return _where(w, kind, w.op(f"fcmp oeq {kind.llvm} {v.text}, {other.text}"), x, y)


@Instruction
def vload_even(w: Writer, pointer: Value, index: Value, n: Value) -> Value:
    """The first n of every second number from an index on, then zeros."""
    kind = vector_of(pointer)
    last = w.plus(w.integer("mul", ex.index_of(w, n), 2), -1)
    halves = []
    for skip in (0, kind.count):
        mask = first(w, w.plus(last, -skip), kind.count)
        halves.append(masked_load(w, kind.llvm, place(w, pointer, index, skip), alignment(kind), mask))
    return Value(kind, shuffled(w, kind.llvm, halves[0], halves[1], list(range(0, 2 * kind.count, 2))))


@Instruction
def vstore_pairs(w: Writer, pointer: Value, index: Value, v: Value, other: Value, n: Value) -> None:
    """Store v[0], other[0], v[1], other[1], ...: the first n of each."""
    kind = vector_of(pointer)
    expect("vstore_pairs", v, kind, other, kind)
    count = kind.count
    numbers = w.integer("mul", ex.index_of(w, n), 2)
    for skip in (0, count):
        picks = [skip // 2 + i // 2 + (i % 2) * count for i in range(count)]
        pairs = shuffled(w, kind.llvm, v.text, other.text, picks)
        mask = first(w, w.plus(numbers, -skip), count)
        masked_store(w, kind.llvm, pairs, place(w, pointer, index, skip), alignment(kind), mask)


BYTES = pointer_to(uint8)


@Instruction
def vload_bytes(w: Writer, form: Value, pointer: Value, index: Value, n: Value) -> Value:
    """The first n bytes from an index on, as a vector like another one."""
    kind = like(form)
    expect("vload_bytes", pointer, BYTES)
    some = f"<{kind.count} x i8>"
    found = masked_load(w, some, place(w, pointer, index), 1, first(w, n, kind.count))
    return Value(kind, w.op(f"uitofp {some} {found} to {kind.llvm}"))


@Instruction
def vstore_bytes(w: Writer, pointer: Value, index: Value, v: Value, n: Value) -> None:
    """Store the first n numbers of a vector as bytes; they are whole and below 256."""
    kind = like(v)
    expect("vstore_bytes", pointer, BYTES)
    wide, some = f"<{kind.count} x i32>", f"<{kind.count} x i8>"
    whole = w.op(f"fptosi {kind.llvm} {v.text} to {wide}")
    narrow = w.op(f"trunc {wide} {whole} to {some}")
    masked_store(w, some, narrow, place(w, pointer, index), 1, first(w, n, kind.count))


INSTRUCTIONS: dict[str, Any] = {
    "splat": splat,
    "vload": vload,
    "vstore": vstore,
    "vload_first": vload_first,
    "vstore_first": vstore_first,
    "stack_block": stack_block,
    "vload_even": vload_even,
    "vstore_pairs": vstore_pairs,
    "vload_bytes": vload_bytes,
    "vstore_bytes": vstore_bytes,
    "vfma": vfma,
    "vpick": vpick,
    "vwhere_equal": vwhere_equal,
}
