"""What kernels need below Python: typed pointers, bit patterns, LLVM's own functions, polynomials, calls to libm.

Each is an `Instruction`, which writes a few of LLVM's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from . import expressions as ex
from .functions import Instruction
from .kinds import (
    INTEGER_OF,
    CompileError,
    Integer,
    Pointer,
    Real,
    Value,
    constant,
    float32,
    float64,
    int32,
    int64,
    pointer_to,
    uint16,
    uint64,
)  # fmt: skip
from .kinds import SCALARS as KINDS
from .writer import CONTRACT, Writer

REAL_OF = {integer: real for real, integer in INTEGER_OF.items()}


def reals(name: str, *values: Value) -> None:
    """See to it that values are floats of one type."""
    if any(not isinstance(v.kind, Real) or v.kind != values[0].kind for v in values):
        raise CompileError(f"{name} takes floats of one type, not {', '.join(str(v.kind) for v in values)}")


def expect(name: str, *pairs: Any) -> None:
    """See to it that values (first, third, ...) have the types that follow them."""
    for value, kind in zip(pairs[::2], pairs[1::2]):
        if value.kind != kind:
            raise CompileError(f"{name}: {value.kind} where {kind} belongs")


def as_pointer(element: Any) -> Instruction:
    """Make `f(address)`, which turns an integer into a pointer to elements of a type."""

    def cast(w: Writer, address: Value) -> Value:
        return Value(pointer_to(element), w.op(f"inttoptr i64 {ex.index_of(w, address).text} to ptr"))

    return Instruction(cast)


def same_type(name: str, emit: Callable[..., Value]) -> Instruction:
    """Make a function of floats of one type with a result of their type, from `emit(writer, *values)`."""

    def typed(w: Writer, *values: Value) -> Value:
        values = ex.together(w, *values)
        reals(name, *values)
        return emit(w, *values)

    return Instruction(typed)


def llvm(name: str) -> Instruction:
    """Make a function of LLVM's intrinsic of that name, which vectorizes."""

    def emit(w: Writer, *values: Value) -> Value:
        return w.call(f"llvm.{name}.f{values[0].kind.bits}", values[0].kind, values)

    return same_type(name, emit)


def polynomial(coefficients: Sequence[float]) -> Instruction:
    """Make a function that evaluates a polynomial by Horner's rule, coefficients from the constant one up."""

    def emit(w: Writer, x: Value) -> Value:
        kind = x.kind
        flags, w.flags = w.flags, CONTRACT
        total = Value(kind, constant(kind, coefficients[-1]))
        for coefficient in coefficients[-2::-1]:
            total = w.fused(total, x, Value(kind, constant(kind, coefficient)))
        w.flags = flags
        return total

    return same_type("polynomial", emit)


def libm(name: str) -> Instruction:
    """Make a function of float64 arguments that calls the C library; float32 is computed in float64 and rounded."""

    def emit(w: Writer, *values: Value) -> Value:
        made = w.call(name, float64, [w.converted(v, float64) for v in values])
        return w.converted(made, values[0].kind)

    return same_type(name, emit)


@Instruction
def to_bits(w: Writer, x: Value) -> Value:
    """The bit pattern of a float as a signed integer of the same width."""
    reals("to_bits", x)
    return w.bitcast(x, INTEGER_OF[x.kind])


@Instruction
def from_bits(w: Writer, i: Value) -> Value:
    """The float with a bit pattern."""
    if i.kind not in REAL_OF:
        raise CompileError(f"from_bits takes int32 or int64, not {i.kind}")
    return w.bitcast(i, REAL_OF[i.kind])


@Instruction
def select(w: Writer, condition: Value, x: Value, y: Value) -> Value:
    """`x if condition else y` with both computed, so that no branch stands in the way of vectorization."""
    return ex.chosen(w, condition, x, y)


@Instruction
def high_product(w: Writer, x: Value, y: Value) -> Value:
    """The upper 64 bits of the product of two uint64."""
    expect("high_product", x, uint64, y, uint64)
    wide = [w.op(f"zext i64 {v.text} to i128") for v in (x, y)]
    product = w.op(f"mul i128 {wide[0]}, {wide[1]}")
    return Value(uint64, w.op(f"trunc i128 {w.op(f'lshr i128 {product}, 64')} to i64"))


@Instruction
def call_kernel(w: Writer, address: Value, slots: Value, lo: Value, hi: Value) -> None:
    """Call the kernel at an address; its slots are at an address, too, or the caller's own."""
    function = w.op(f"inttoptr i64 {ex.index_of(w, address).text} to ptr")
    is_own = isinstance(slots.kind, Pointer)
    place = slots.text if is_own else w.op(f"inttoptr i64 {ex.index_of(w, slots).text} to ptr")
    w.do(f"call void {function}(ptr {place}, i64 {ex.index_of(w, lo).text}, i64 {ex.index_of(w, hi).text})")


@Instruction
def call_object(w: Writer, address: Value, *values: Value) -> Value:
    """Call a C function at an address, whose arguments and result are addresses or integers. The GIL must be held."""
    function = w.op(f"inttoptr i64 {ex.index_of(w, address).text} to ptr")
    given = ", ".join(f"i64 {ex.index_of(w, v).text}" for v in values)
    return Value(int64, w.op(f"call i64 {function}({given})"))


ROW_MAJOR, PLAIN, TRANSPOSED = 101, 111, 112


def cblas_gemm(real: Real, bits: int) -> Instruction:
    """Make `f(address, trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)`: a call of the C interface."""
    scalar, size = real.llvm, f"i{bits}"
    kinds = ["i32", "i32", size, size, size, scalar, "ptr", size, "ptr", size, scalar, "ptr", size]

    def passed(w: Writer, value: Value, kind: str, position: int) -> str:
        if kind == scalar:
            expect("gemm", value, real)
            return str(value.text)
        value = ex.index_of(w, value)
        if kind == "ptr":
            return w.op(f"inttoptr i64 {value.text} to ptr")
        if position < 2:
            given = w.compare("icmp ne", value, 0)
            return w.op(f"select i1 {given.text}, i32 {TRANSPOSED}, i32 {PLAIN}")
        return w.op(f"trunc i64 {value.text} to {size}") if bits < 64 else value.text

    def gemm(w: Writer, address: Value, *values: Value) -> None:
        texts = [passed(w, value, kind, i) for i, (value, kind) in enumerate(zip(values, kinds, strict=True))]
        function = w.op(f"inttoptr i64 {ex.index_of(w, address).text} to ptr")
        arguments = ", ".join([f"i32 {ROW_MAJOR}", *(f"{kind} {text}" for kind, text in zip(kinds, texts))])
        w.do(f"call void {function}({arguments})")

    return Instruction(gemm)


# --------------------------------------------------------------------------- exponents and mantissas

TWO_THIRDS = {float32: 0x3F2AAAAB, float64: 0x3FE5555555555555}


def _bias(kind: Real) -> int:
    return (1 << (kind.bits - kind.fraction - 2)) - 1


def _power(w: Writer, exponent: Value, kind: Real) -> Value:
    """2**exponent, for an exponent in the range of normal numbers."""
    return w.bitcast(w.integer("shl", w.integer("add", exponent, _bias(kind)), kind.fraction), kind)


def _rounded(w: Writer, shifted: Value) -> Value:
    """The integer n in `n + MAGIC`, whose last bits are those of n."""
    kind = shifted.kind
    left = kind.bits - kind.fraction + 1
    return w.integer("ashr", w.integer("shl", w.bitcast(shifted, INTEGER_OF[kind]), left), left)


def _scale(w: Writer, x: Value, shifted: Value) -> Value:
    n = _rounded(w, shifted)
    half = w.integer("ashr", n, 1)
    x = Value(x.kind, w.op(f"fmul {x.kind.llvm} {x.text}, {_power(w, half, x.kind).text}"))
    return Value(x.kind, w.op(f"fmul {x.kind.llvm} {x.text}, {_power(w, w.integer('sub', n, half), x.kind).text}"))


def _half_power(w: Writer, shifted: Value) -> Value:
    return _power(w, w.integer("sub", _rounded(w, shifted), 1), shifted.kind)


def _mantissa(w: Writer, x: Value) -> Value:
    offset = TWO_THIRDS[x.kind]
    bits = w.integer("sub", w.bitcast(x, INTEGER_OF[x.kind]), offset)
    low = w.integer("and", bits, (1 << x.kind.fraction) - 1)
    return w.bitcast(w.integer("add", low, offset), x.kind)


def _exponent(w: Writer, x: Value) -> Value:
    bits = w.integer("sub", w.bitcast(x, INTEGER_OF[x.kind]), TWO_THIRDS[x.kind])
    shifted = w.integer("ashr", bits, x.kind.fraction)
    # From 32 bits, because only AVX-512 turns vectors of 64-bit integers into floats.
    return w.cast(w.converted(shifted, int32), x.kind)


def _chopped(w: Writer, x: Value) -> Value:
    mask = -1 << ((x.kind.fraction + 2) // 2)
    return w.bitcast(w.integer("and", w.bitcast(x, INTEGER_OF[x.kind]), mask), x.kind)


# 2**256 / (2 pi), in words of 64 bits from the top
TURNS = [
    (0x28BE60DB9391054A7F09D5F47D4D377036D8A5664F10E4107F9458EAF7AEF158 >> shift) & 0xFFFFFFFFFFFFFFFF
    for shift in (192, 128, 64, 0)
]


@Instruction
def turns(w: Writer, x: Value) -> Value:
    """The fraction of a turn that a large float32 is, as a signed integer of 64 bits.

    x / (2 pi) without its whole part, times 2**64, for an x of 2**23 and more. With x = m 2**k, a product with the bits
    of 1 / (2 pi) from the k-th on, which overflows by whole turns only.
    """
    expect("turns", x, float32)
    bits = w.bitcast(x, int32)
    k = w.integer("sub", w.integer("and", w.integer("lshr", bits, 23), 255), 150)
    low = w.compare("icmp slt", k, 0)
    k = Value(int64, w.op(f"zext i32 {w.select(low.text, 'i1', Value(int32, '0'), k).text} to i64"))
    m = w.integer("or", w.integer("and", bits, 0x7FFFFF), 0x800000)
    m = Value(int64, w.op(f"zext i32 {m.text} to i64"))
    negative = w.compare("icmp slt", bits, 0)
    m = w.select(negative.text, "i1", w.integer("sub", Value(int64, "0"), m), m)
    far = w.compare("icmp uge", k, 64)
    s = w.integer("and", k, 63)
    after = w.integer("sub", Value(int64, "63"), s)
    words = [w.select(far.text, "i1", _word(b), _word(a)) for a, b in pairwise(TURNS)]
    windows = []
    for a, b in pairwise(words):
        rest = w.integer("lshr", w.integer("lshr", b, 1), after)
        windows.append(w.integer("or", w.integer("shl", a, s), rest))
    carry = w.integer("ashr", w.integer("mul", m, w.integer("lshr", windows[1], 32)), 32)
    return w.integer("add", w.integer("mul", m, windows[0]), carry)


def _word(number: int) -> Value:
    return Value(int64, constant(int64, number))


scale = same_type(
    "scale", _scale
)  # x, n + MAGIC -> x * 2**n with one rounding, subnormal results and overflow included
half_power = same_type("half_power", _half_power)  # n + MAGIC -> 2**(n - 1)
mantissa = same_type("mantissa", _mantissa)  # m of x = m * 2**e with 2/3 <= m < 4/3, for normal x
exponent = same_type("exponent", _exponent)  # e of the same, as a float
chopped = same_type("chopped", _chopped)  # x with so many low bits cleared that its square is exact


# --------------------------------------------------------------------------- running extremes


def _flipped(w: Writer, bits: Value) -> Value:
    """Turn the bits of floats into integers of the same order, and back."""
    sign = w.integer("ashr", bits, bits.kind.bits - 1)
    return w.integer("xor", bits, w.integer("lshr", sign, 1))


def running_extreme(relation: str) -> Instruction:
    """Make `f(key, x)`: the larger or smaller of a key and that of x. NaN has the most extreme key of all.

    Keys are integers, whose extremes over a loop vectorize with one instruction; those of floats with NaN take many.
    """

    def extreme(w: Writer, key: Value, x: Value) -> Value:
        reals("a running extreme", x)
        integer: Integer = INTEGER_OF[x.kind]
        expect("a running extreme", key, integer)
        most = (1 << (integer.bits - 1)) - 1 if relation == "sgt" else -1 << (integer.bits - 1)
        is_nan = w.compare("fcmp uno", x, x)
        flipped = _flipped(w, w.bitcast(x, integer))
        found = w.select(is_nan.text, "i1", Value(integer, str(most)), flipped)
        return w.select(w.compare(f"icmp {relation}", found, key).text, "i1", found, key)

    return Instruction(extreme)


@Instruction
def to_key(w: Writer, x: Value) -> Value:
    """The key of a float that is not NaN."""
    reals("to_key", x)
    return _flipped(w, w.bitcast(x, INTEGER_OF[x.kind]))


@Instruction
def from_key(w: Writer, key: Value) -> Value:
    """The float of a key."""
    if key.kind not in REAL_OF:
        raise CompileError(f"from_key takes int32 or int64, not {key.kind}")
    return w.bitcast(_flipped(w, key), REAL_OF[key.kind])


# --------------------------------------------------------------------------- half precision

HALVES = pointer_to(uint16)


@Instruction
def load_f16(w: Writer, pointer: Value, index: Value) -> Value:
    """A float16, as a float32."""
    expect("load_f16", pointer, HALVES)
    bits = w.load(pointer, ex.index_of(w, index))
    return Value(float32, w.op(f"fpext half {w.op(f'bitcast i16 {bits.text} to half')} to float"))


@Instruction
def store_f16(w: Writer, pointer: Value, index: Value, value: Value) -> None:
    """Store a float32 as a float16."""
    expect("store_f16", pointer, HALVES, value, float32)
    half = w.op(f"fptrunc float {value.text} to half")
    w.store(pointer, ex.index_of(w, index), Value(uint16, w.op(f"bitcast half {half} to i16")))


@Instruction
def round_f16(w: Writer, value: Value) -> Value:
    """A float32 rounded to a float16."""
    expect("round_f16", value, float32)
    return Value(float32, w.op(f"fpext half {w.op(f'fptrunc float {value.text} to half')} to float"))


@Instruction
def load_bf16(w: Writer, pointer: Value, index: Value) -> Value:
    """A bfloat16, as a float32."""
    expect("load_bf16", pointer, HALVES)
    bits = w.cast(w.load(pointer, ex.index_of(w, index)), int32)
    return w.bitcast(w.integer("shl", bits, 16), float32)


@Instruction
def store_bf16(w: Writer, pointer: Value, index: Value, value: Value) -> None:
    """Store a float32 as a bfloat16."""
    expect("store_bf16", pointer, HALVES, value, float32)
    w.store(pointer, ex.index_of(w, index), w.cast(_top_half(w, value), uint16))


@Instruction
def round_bf16(w: Writer, value: Value) -> Value:
    """A float32 rounded to a bfloat16."""
    expect("round_bf16", value, float32)
    return w.bitcast(w.integer("shl", _top_half(w, value), 16), float32)


def _top_half(w: Writer, value: Value) -> Value:
    """Round to nearest even by integer arithmetic; a NaN keeps its sign and becomes quiet."""
    bits = w.bitcast(value, int32)
    top = w.integer("lshr", bits, 16)
    upward = w.integer("add", w.integer("and", top, 1), 0x7FFF)
    rounded = w.integer("lshr", w.integer("add", bits, upward), 16)
    is_nan = w.compare("fcmp uno", value, value)
    return w.select(is_nan.text, "i1", w.integer("or", top, 0x40), rounded)


INSTRUCTIONS: dict[str, Any] = {
    "call_kernel": call_kernel,
    "call_object": call_object,
    "from_bits": from_bits,
    "high_product": high_product,
    "to_key": to_key,
    "from_key": from_key,
    "larger_key": running_extreme("sgt"),
    "smaller_key": running_extreme("slt"),
    **{
        f"cblas_{letter}gemm{bits}": cblas_gemm(real, bits)
        for letter, real in (("s", float32), ("d", float64))
        for bits in (32, 64)
    },
    "f32": as_pointer(float32),
    "f64": as_pointer(float64),
    "f16": as_pointer(uint16),
    "bf16": as_pointer(uint16),
    **{f"i{bits}": as_pointer(KINDS[f"int{bits}"]) for bits in (8, 16, 32, 64)},
    **{f"u{bits}": as_pointer(KINDS[f"uint{bits}"]) for bits in (8, 16, 32, 64)},
    "round_f16": round_f16,
    "round_bf16": round_bf16,
    "load_f16": load_f16,
    "store_f16": store_f16,
    "load_bf16": load_bf16,
    "store_bf16": store_bf16,
    "select": select,
}
