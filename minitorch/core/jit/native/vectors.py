"""Vectors in kernel text, for loops that LLVM does not vectorize by itself: products held in registers, ragged rows.

A vector has `width.lanes` numbers of one dtype. In the text `splat(x)` makes one of equal numbers, `vload(p, i)` and
`vstore(p, i, v)` move one; `vload_first(p, i, n)` and `vstore_first(p, i, v, n)` touch the first n numbers only (none if
n <= 0; what is not loaded is 0); `vfma(x, v, t)` is `x * v + t` with a number x; `vadd_first(p, i, v, n)` adds to
what is stored, and `stack_block(p, 512)` is memory for 512 such numbers. `vload_even`, `vstore_pairs`,
`vload_bytes`, `vstore_bytes`, `vpick` and `vwhere_equal` are told below. Importing this imports Numba.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core.datamodel import registry
from numba.core.datamodel.models import PrimitiveModel
from numba.extending import intrinsic

from .intrinsics import FLAGS
from .width import lanes

INT64, WORD = ir.IntType(64), ir.IntType(32)


class Lanes(types.Type):  # type: ignore[misc]
    """The type of a vector of floats."""

    def __init__(self, element: Any):
        self.element = element
        self.count = lanes(element.name)
        super().__init__(name=f"lanes({element})")


@registry.register_default(Lanes)
class _LanesModel(PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Lanes):
        super().__init__(manager, kind, llvm_type(kind))


def llvm_type(kind: Lanes) -> Any:
    """LLVM's type of a vector."""
    return ir.VectorType(ir.FloatType() if kind.element == types.float32 else ir.DoubleType(), kind.count)


VECTORS = {element: Lanes(element) for element in (types.float32, types.float64)}


def vector_of(pointer: Any) -> Any:
    """Return the vector type for a pointer's elements, None if there is none."""
    return VECTORS.get(pointer.dtype) if isinstance(pointer, types.CPointer) else None


def _alignment(kind: Lanes) -> int:
    return int(kind.element.bitwidth) // 8


def repeated(builder: Any, value: Any, count: int) -> Any:
    """A vector of equal numbers."""
    kind = ir.VectorType(value.type, count)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, WORD(0))
    return builder.shuffle_vector(
        one, ir.Constant(kind, ir.Undefined), ir.Constant(ir.VectorType(WORD, count), [0] * count)
    )


def at_index(builder: Any, pointer: Any, index: Any, kind: Lanes) -> Any:
    """A pointer to the vector at an index."""
    return builder.bitcast(builder.gep(pointer, [index]), llvm_type(kind).as_pointer())


def _first(builder: Any, n: Any, count: int) -> Any:
    """The mask of the first n lanes."""
    numbers = ir.Constant(ir.VectorType(WORD, count), list(range(count)))
    return builder.icmp_signed("<", numbers, repeated(builder, builder.trunc(n, WORD), count))


def _masked(builder: Any, what: str, vector: Any, arguments: list[Any]) -> Any:
    """Call one of LLVM's masked loads and stores."""
    letter, bits = (
        ("i", 8) if vector.element == ir.IntType(8) else ("f", 32 if vector.element == ir.FloatType() else 64)
    )
    name = f"llvm.masked.{what}.v{vector.count}{letter}{bits}.p0"
    function = builder.module.globals.get(name)
    if function is None:
        result = ir.VoidType() if what == "store" else vector
        function = ir.Function(builder.module, ir.FunctionType(result, [a.type for a in arguments]), name)
    return builder.call(function, arguments)


@intrinsic
def splat(typing_context: Any, x: Any) -> Any:
    """A vector of equal numbers."""
    kind = VECTORS.get(x)
    if kind is None:
        return None
    return kind(x), lambda context, builder, signature, args: repeated(builder, args[0], kind.count)


@intrinsic
def vload(typing_context: Any, pointer: Any, index: Any) -> Any:
    """The numbers from an index on."""
    kind = vector_of(pointer)
    if kind is None:
        return None

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(at_index(builder, args[0], args[1], kind), align=_alignment(kind))

    return kind(pointer, types.int64), emit


@intrinsic
def vstore(typing_context: Any, pointer: Any, index: Any, value: Any) -> Any:
    """Store a vector."""
    kind = vector_of(pointer)
    if kind is None or value != kind:
        return None

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], at_index(builder, args[0], args[1], kind), align=_alignment(kind))
        return context.get_dummy_value()

    return types.void(pointer, types.int64, kind), emit


@intrinsic
def vload_first(typing_context: Any, pointer: Any, index: Any, n: Any) -> Any:
    """The first n numbers from an index on, then zeros."""
    kind = vector_of(pointer)
    if kind is None:
        return None

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        zero = ir.Constant(llvm_type(kind), None)
        place, mask = at_index(builder, args[0], args[1], kind), _first(builder, args[2], kind.count)
        return _masked(builder, "load", llvm_type(kind), [place, WORD(_alignment(kind)), mask, zero])

    return kind(pointer, types.int64, types.int64), emit


@intrinsic
def vstore_first(typing_context: Any, pointer: Any, index: Any, value: Any, n: Any) -> Any:
    """Store the first n numbers of a vector."""
    kind = vector_of(pointer)
    if kind is None or value != kind:
        return None

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place, mask = at_index(builder, args[0], args[1], kind), _first(builder, args[3], kind.count)
        _masked(builder, "store", llvm_type(kind), [args[2], place, WORD(_alignment(kind)), mask])
        return context.get_dummy_value()

    return types.void(pointer, types.int64, kind, types.int64), emit


@intrinsic
def vadd_first(typing_context: Any, pointer: Any, index: Any, value: Any, n: Any) -> Any:
    """Add the first n numbers of a vector to what is stored."""
    kind = vector_of(pointer)
    if kind is None or value != kind:
        return None

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place, mask = at_index(builder, args[0], args[1], kind), _first(builder, args[3], kind.count)
        align = WORD(_alignment(kind))
        old = _masked(builder, "load", llvm_type(kind), [place, align, mask, ir.Constant(llvm_type(kind), None)])
        _masked(builder, "store", llvm_type(kind), [builder.fadd(old, args[2]), place, align, mask])
        return context.get_dummy_value()

    return types.void(pointer, types.int64, kind, types.int64), emit


@intrinsic(prefer_literal=True)
def stack_block(typing_context: Any, pointer: Any, n: Any) -> Any:
    """Memory for n elements of a pointer's kind, aligned, until the kernel returns; n is a number in the text."""
    kind = vector_of(pointer)
    if kind is None or not isinstance(n, types.IntegerLiteral):
        return None

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        with builder.goto_entry_block():
            block = builder.alloca(llvm_type(kind).element, INT64(n.literal_value))
            block.align = 64
        return block

    return pointer(pointer, n), emit


def fused(builder: Any, x: Any, v: Any, t: Any) -> Any:
    """x * v + t, rounded once where the CPU can."""
    return builder.fadd(builder.fmul(x, v, flags=FLAGS), t, flags=FLAGS)


@intrinsic
def vfma(typing_context: Any, x: Any, v: Any, t: Any) -> Any:
    """x * v + t."""
    if not isinstance(v, Lanes) or t != v or x != v.element:
        return None

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return fused(builder, repeated(builder, args[0], v.count), *args[1:])

    return v(x, v, v), emit


def total(builder: Any, vector: Any, n: int) -> Any:
    """The sum of n lanes, added up in pairs."""
    while n > 1:
        n //= 2
        masks = [ir.Constant(ir.VectorType(WORD, n), list(range(i, i + n))) for i in (0, n)]
        vector = builder.fadd(*(builder.shuffle_vector(vector, vector, mask) for mask in masks))
    return builder.extract_element(vector, WORD(0))


@intrinsic
def vpick(typing_context: Any, v: Any, w: Any, x: Any, y: Any) -> Any:
    """x where v > w or v is NaN, else y."""
    if not isinstance(v, Lanes) or not v == w == x == y:
        return None

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        more = builder.fcmp_ordered(">", args[0], args[1])
        return builder.select(builder.or_(more, builder.fcmp_unordered("uno", args[0], args[0])), *args[2:])

    return v(v, v, v, v), emit


@intrinsic
def vwhere_equal(typing_context: Any, v: Any, w: Any, x: Any, y: Any) -> Any:
    """x where v == w, else y."""
    if not isinstance(v, Lanes) or not v == w == x == y:
        return None

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("==", args[0], args[1]), *args[2:])

    return v(v, v, v, v), emit


@intrinsic
def vload_even(typing_context: Any, pointer: Any, index: Any, n: Any) -> Any:
    """The first n of every second number from an index on, then zeros."""
    kind = vector_of(pointer)
    if kind is None:
        return None

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        count, vector = kind.count, llvm_type(kind)
        last = builder.sub(builder.mul(args[2], INT64(2)), INT64(1))
        halves = []
        for skip in (0, count):
            place = at_index(builder, args[0], builder.add(args[1], INT64(skip)), kind)
            mask = _first(builder, builder.sub(last, INT64(skip)), count)
            zero = ir.Constant(vector, None)
            halves.append(_masked(builder, "load", vector, [place, WORD(_alignment(kind)), mask, zero]))
        return builder.shuffle_vector(*halves, ir.Constant(ir.VectorType(WORD, count), list(range(0, 2 * count, 2))))

    return kind(pointer, types.int64, types.int64), emit


@intrinsic
def vstore_pairs(typing_context: Any, pointer: Any, index: Any, v: Any, w: Any, n: Any) -> Any:
    """Store v[0], w[0], v[1], w[1], ...: the first n of each."""
    kind = vector_of(pointer)
    if kind is None or not v == w == kind:
        return None

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        count, vector = kind.count, llvm_type(kind)
        total = builder.mul(args[4], INT64(2))
        for skip in (0, count):
            lanes_taken = [skip // 2 + i // 2 + (i % 2) * count for i in range(count)]
            pairs = builder.shuffle_vector(args[2], args[3], ir.Constant(ir.VectorType(WORD, count), lanes_taken))
            place = at_index(builder, args[0], builder.add(args[1], INT64(skip)), kind)
            mask = _first(builder, builder.sub(total, INT64(skip)), count)
            _masked(builder, "store", vector, [pairs, place, WORD(_alignment(kind)), mask])
        return context.get_dummy_value()

    return types.void(pointer, types.int64, kind, kind, types.int64), emit


BYTES = types.CPointer(types.uint8)


@intrinsic
def vload_bytes(typing_context: Any, like: Any, pointer: Any, index: Any, n: Any) -> Any:
    """The first n bytes from an index on, as a vector like another one."""
    if not isinstance(like, Lanes) or pointer != BYTES:
        return None

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = ir.VectorType(ir.IntType(8), like.count)
        place = builder.bitcast(builder.gep(args[1], [args[2]]), vector.as_pointer())
        mask = _first(builder, args[3], like.count)
        found = _masked(builder, "load", vector, [place, WORD(1), mask, ir.Constant(vector, None)])
        return builder.uitofp(found, llvm_type(like))

    return like(like, BYTES, types.int64, types.int64), emit


@intrinsic
def vstore_bytes(typing_context: Any, pointer: Any, index: Any, v: Any, n: Any) -> Any:
    """Store the first n numbers of a vector as bytes; they are whole and below 256."""
    if not isinstance(v, Lanes) or pointer != BYTES:
        return None

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = ir.VectorType(ir.IntType(8), v.count)
        place = builder.bitcast(builder.gep(args[0], [args[1]]), vector.as_pointer())
        wide = builder.fptosi(args[2], ir.VectorType(WORD, v.count))
        _masked(
            builder, "store", vector, [builder.trunc(wide, vector), place, WORD(1), _first(builder, args[3], v.count)]
        )
        return context.get_dummy_value()

    return types.void(BYTES, types.int64, v, types.int64), emit


FUNCTIONS: dict[str, Any] = {
    f.__name__: f
    for f in (
        splat, vload, vstore, vload_first, vstore_first, vadd_first, stack_block, vload_even, vstore_pairs, vload_bytes,
        vstore_bytes,
        vfma, vpick, vwhere_equal,
    )
}  # fmt: skip
