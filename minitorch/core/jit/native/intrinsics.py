"""What kernels need below Python: typed pointers, bit patterns, LLVM's own functions, polynomials, calls to libm.

Importing this imports Numba. Everything here is emitted as a few LLVM instructions, at no cost in type inference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

INT64 = ir.IntType(64)
FLAGS = ("contract",)
BITS = {types.float32: types.int32, types.float64: types.int64}


def pointer_to(element: Any) -> Any:
    """Make `f(address)`, which turns an integer into a pointer to elements of a type."""

    @intrinsic
    def cast(typing_context: Any, address: Any) -> Any:
        signature = types.CPointer(element)(types.int64)

        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

        return signature, emit

    return cast


def same_type(emit: Callable[..., Any], arity: int) -> Any:
    """Make a function of float32 or float64 arguments with a result of their type, from `emit(builder, *values)`."""

    def typed(first: Any, others: tuple[Any, ...]) -> Any:
        if first not in BITS or any(other != first for other in others):
            return None
        return first(first, *others), lambda context, builder, signature, args: emit(builder, *args)

    if arity == 1:
        return intrinsic(lambda typing_context, x: typed(x, ()))
    if arity == 2:
        return intrinsic(lambda typing_context, x, y: typed(x, (y,)))
    return intrinsic(lambda typing_context, x, y, z: typed(x, (y, z)))


def llvm(name: str, arity: int = 1) -> Any:
    """Make a function of LLVM's intrinsic of that name, which vectorizes."""

    def emit(builder: Any, *values: Any) -> Any:
        signature = ir.FunctionType(values[0].type, [value.type for value in values])
        return builder.call(builder.module.declare_intrinsic(f"llvm.{name}", [values[0].type], signature), values)

    return same_type(emit, arity)


def polynomial(coefficients: Sequence[float]) -> Any:
    """Make a function that evaluates a polynomial by Horner's rule, coefficients from the constant one up."""

    def emit(builder: Any, x: Any) -> Any:
        total = x.type(coefficients[-1])
        for coefficient in coefficients[-2::-1]:
            total = builder.fadd(builder.fmul(total, x, flags=FLAGS), x.type(coefficient), flags=FLAGS)
        return total

    return same_type(emit, 1)


def libm(name: str, arity: int = 1) -> Any:
    """Make a function of float64 arguments that calls the C library; float32 is computed in float64 and rounded."""

    def emit(builder: Any, *values: Any) -> Any:
        narrow = values[0].type == ir.FloatType()
        wide = [builder.fpext(value, ir.DoubleType()) for value in values] if narrow else list(values)
        function = builder.module.globals.get(name)
        if function is None:
            function = ir.Function(builder.module, ir.FunctionType(ir.DoubleType(), [ir.DoubleType()] * arity), name)
            function.attributes.add("nounwind")
        out = builder.call(function, wide)
        return builder.fptrunc(out, ir.FloatType()) if narrow else out

    return same_type(emit, arity)


@intrinsic
def to_bits(typing_context: Any, x: Any) -> Any:
    """The bit pattern of a float as a signed integer of the same width."""
    if x not in BITS:
        return None
    return BITS[x](x), lambda context, builder, signature, args: builder.bitcast(
        args[0], context.get_value_type(signature.return_type)
    )


@intrinsic
def from_bits(typing_context: Any, i: Any) -> Any:
    """The float with a bit pattern."""
    for real, integer in BITS.items():
        if i == integer:
            return real(integer), lambda context, builder, signature, args: builder.bitcast(
                args[0], context.get_value_type(signature.return_type)
            )
    return None


@intrinsic
def select(typing_context: Any, condition: Any, x: Any, y: Any) -> Any:
    """`x if condition else y` with both computed, so that no branch stands in the way of vectorization."""
    if condition != types.boolean or x != y:
        return None
    return x(condition, x, y), lambda context, builder, signature, args: builder.select(*args)


@intrinsic
def call_kernel(typing_context: Any, address: Any, slots: Any, lo: Any, hi: Any) -> Any:
    """Call the kernel at an address."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        function = ir.FunctionType(ir.VoidType(), [INT64.as_pointer(), INT64, INT64])
        target = builder.inttoptr(args[0], function.as_pointer())
        builder.call(target, [builder.inttoptr(args[1], INT64.as_pointer()), args[2], args[3]])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64, types.int64), emit


ROW_MAJOR, PLAIN, TRANSPOSED = 101, 111, 112


def cblas_gemm(real: Any, bits: int) -> Any:
    """Make `f(address, trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)`: a call of the C interface."""
    scalar = ir.FloatType() if real == types.float32 else ir.DoubleType()
    enum, size, memory = ir.IntType(32), ir.IntType(bits), scalar.as_pointer()
    kinds = [enum, enum, enum, size, size, size, scalar, memory, size, memory, size, scalar, memory, size]

    def converted(builder: Any, value: Any, kind: Any) -> Any:
        if kind is memory:
            return builder.inttoptr(value, memory)
        if kind is enum:
            given = builder.icmp_signed("!=", value, INT64(0))
            return builder.select(given, enum(TRANSPOSED), enum(PLAIN))
        return builder.trunc(value, size) if kind is size and bits < 64 else value

    @intrinsic
    def gemm(
        typing_context: Any, address: Any, trans_a: Any, trans_b: Any, m: Any, n: Any, k: Any, alpha: Any, a: Any,
        lda: Any, b: Any, ldb: Any, beta: Any, c: Any, ldc: Any,
    ) -> Any:  # fmt: skip
        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            values = [converted(builder, value, kind) for value, kind in zip(args[1:], kinds[1:])]
            function = ir.FunctionType(ir.VoidType(), kinds)
            builder.call(builder.inttoptr(args[0], function.as_pointer()), [enum(ROW_MAJOR), *values])
            return context.get_dummy_value()

        given = [real if kind is scalar else types.int64 for kind in kinds[1:]]
        return types.void(types.int64, *given), emit

    return gemm


# --------------------------------------------------------------------------- exponents and mantissas


class Layout:
    """Where the parts of a float are, and the numbers that make bit tricks work."""

    def __init__(self, bits: int, fraction: int):
        self.integer = ir.IntType(bits)
        self.fraction = fraction
        self.bias = (1 << (bits - fraction - 2)) - 1
        self.two_thirds = {32: 0x3F2AAAAB, 64: 0x3FE5555555555555}[bits]


LAYOUTS = {ir.FloatType(): Layout(32, 23), ir.DoubleType(): Layout(64, 52)}


def _power(builder: Any, exponent: Any, layout: Layout) -> Any:
    """2**exponent, for an exponent in the range of normal numbers."""
    biased = builder.add(exponent, layout.integer(layout.bias))
    real = ir.FloatType() if layout.fraction == 23 else ir.DoubleType()
    return builder.bitcast(builder.shl(biased, layout.integer(layout.fraction)), real)


def _rounded(builder: Any, shifted: Any, layout: Layout) -> Any:
    """The integer n in `n + MAGIC`, whose last bits are those of n."""
    left = layout.integer(layout.integer.width - layout.fraction + 1)
    return builder.ashr(builder.shl(builder.bitcast(shifted, layout.integer), left), left)


def _scale(builder: Any, x: Any, shifted: Any) -> Any:
    layout = LAYOUTS[x.type]
    n = _rounded(builder, shifted, layout)
    half = builder.ashr(n, layout.integer(1))
    x = builder.fmul(x, _power(builder, half, layout))
    return builder.fmul(x, _power(builder, builder.sub(n, half), layout))


def _half_power(builder: Any, shifted: Any) -> Any:
    layout = LAYOUTS[shifted.type]
    return _power(builder, builder.sub(_rounded(builder, shifted, layout), layout.integer(1)), layout)


def _mantissa(builder: Any, x: Any) -> Any:
    layout = LAYOUTS[x.type]
    integer, offset = layout.integer, layout.integer(layout.two_thirds)
    bits = builder.sub(builder.bitcast(x, integer), offset)
    low = builder.and_(bits, integer((1 << layout.fraction) - 1))
    return builder.bitcast(builder.add(low, offset), x.type)


def _exponent(builder: Any, x: Any) -> Any:
    layout = LAYOUTS[x.type]
    bits = builder.sub(builder.bitcast(x, layout.integer), layout.integer(layout.two_thirds))
    shifted = builder.ashr(bits, layout.integer(layout.fraction))
    # From 32 bits, because only AVX-512 turns vectors of 64-bit integers into floats.
    narrow = shifted if layout.integer.width == 32 else builder.trunc(shifted, ir.IntType(32))
    return builder.sitofp(narrow, x.type)


def _chopped(builder: Any, x: Any) -> Any:
    layout = LAYOUTS[x.type]
    mask = layout.integer(-1 << ((layout.fraction + 2) // 2))
    return builder.bitcast(builder.and_(builder.bitcast(x, layout.integer), mask), x.type)


# 2**256 / (2 pi), in words of 64 bits from the top
TURNS = [
    (0x28BE60DB9391054A7F09D5F47D4D377036D8A5664F10E4107F9458EAF7AEF158 >> shift) & 0xFFFFFFFFFFFFFFFF
    for shift in (192, 128, 64, 0)
]


def _turns(builder: Any, x: Any) -> Any:
    """x / (2 pi) without its whole part, times 2**64, for a float32 x of 2**23 and more.

    With x = m 2**k, a product with the bits of 1 / (2 pi) from the k-th on, which overflows by whole turns only.
    """
    word = ir.IntType(32)
    bits = builder.bitcast(x, word)
    k = builder.sub(builder.and_(builder.lshr(bits, word(23)), word(255)), word(150))
    k = builder.zext(builder.select(builder.icmp_signed("<", k, word(0)), word(0), k), INT64)
    m = builder.zext(builder.or_(builder.and_(bits, word(0x7FFFFF)), word(0x800000)), INT64)
    m = builder.select(builder.icmp_signed("<", bits, word(0)), builder.neg(m), m)
    far = builder.icmp_unsigned(">=", k, INT64(64))
    s = builder.and_(k, INT64(63))
    words = [builder.select(far, INT64(b), INT64(a)) for a, b in pairwise(TURNS)]
    windows = []
    for a, b in pairwise(words):
        after = builder.lshr(builder.lshr(b, INT64(1)), builder.sub(INT64(63), s))
        windows.append(builder.or_(builder.shl(a, s), after))
    carry = builder.ashr(builder.mul(m, builder.lshr(windows[1], INT64(32))), INT64(32))
    return builder.add(builder.mul(m, windows[0]), carry)


@intrinsic
def turns(typing_context: Any, x: Any) -> Any:
    """The fraction of a turn that a large float32 is, as a signed integer of 64 bits."""
    if x != types.float32:
        return None
    return types.int64(x), lambda context, builder, signature, args: _turns(builder, args[0])


scale = same_type(_scale, 2)  # x, n + MAGIC -> x * 2**n with one rounding, subnormal results and overflow included
half_power = same_type(_half_power, 1)  # n + MAGIC -> 2**(n - 1)
mantissa = same_type(_mantissa, 1)  # m of x = m * 2**e with 2/3 <= m < 4/3, for normal x
exponent = same_type(_exponent, 1)  # e of the same, as a float
chopped = same_type(_chopped, 1)  # x with so many low bits cleared that its square is exact


# --------------------------------------------------------------------------- running extremes


def _flipped(builder: Any, bits: Any) -> Any:
    """Turn the bits of floats into integers of the same order, and back."""
    sign = builder.ashr(bits, bits.type(bits.type.width - 1))
    return builder.xor(bits, builder.lshr(sign, bits.type(1)))


def running_extreme(relation: str) -> Any:
    """Make `f(key, x)`: the larger or smaller of a key and that of x. NaN has the most extreme key of all.

    Keys are integers, whose extremes over a loop vectorize with one instruction; those of floats with NaN take many.
    """

    @intrinsic
    def extreme(typing_context: Any, key: Any, x: Any) -> Any:
        if BITS.get(x) != key:
            return None

        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            integer = args[0].type
            most = (1 << (integer.width - 1)) - 1 if relation == ">" else -1 << (integer.width - 1)
            is_nan = builder.fcmp_unordered("uno", args[1], args[1])
            found = builder.select(is_nan, integer(most), _flipped(builder, builder.bitcast(args[1], integer)))
            return builder.select(builder.icmp_signed(relation, found, args[0]), found, args[0])

        return key(key, x), emit

    return extreme


@intrinsic
def to_key(typing_context: Any, x: Any) -> Any:
    """The key of a float that is not NaN."""
    if x not in BITS:
        return None

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _flipped(builder, builder.bitcast(args[0], context.get_value_type(signature.return_type)))

    return BITS[x](x), emit


@intrinsic
def from_key(typing_context: Any, key: Any) -> Any:
    """The float of a key."""
    for real, integer in BITS.items():
        if key == integer:
            return real(integer), lambda context, builder, signature, args: builder.bitcast(
                _flipped(builder, args[0]), context.get_value_type(signature.return_type)
            )
    return None


# --------------------------------------------------------------------------- half precision


def _half_load(builder: Any, pointer: Any, index: Any) -> Any:
    bits = builder.load(builder.gep(pointer, [index]))
    return builder.fpext(builder.bitcast(bits, ir.HalfType()), ir.FloatType())


def _half_store(builder: Any, pointer: Any, index: Any, value: Any) -> None:
    bits = builder.bitcast(builder.fptrunc(value, ir.HalfType()), ir.IntType(16))
    builder.store(bits, builder.gep(pointer, [index]))


def _bfloat_load(builder: Any, pointer: Any, index: Any) -> Any:
    bits = builder.zext(builder.load(builder.gep(pointer, [index])), ir.IntType(32))
    return builder.bitcast(builder.shl(bits, ir.IntType(32)(16)), ir.FloatType())


def _bfloat_store(builder: Any, pointer: Any, index: Any, value: Any) -> None:
    """Round to nearest even by integer arithmetic; a NaN keeps its sign and becomes quiet."""
    word = ir.IntType(32)
    bits = builder.bitcast(value, word)
    top = builder.lshr(bits, word(16))
    rounded = builder.lshr(builder.add(bits, builder.add(builder.and_(top, word(1)), word(0x7FFF))), word(16))
    quiet = builder.or_(top, word(0x40))
    out = builder.select(builder.fcmp_unordered("uno", value, value), quiet, rounded)
    builder.store(builder.trunc(out, ir.IntType(16)), builder.gep(pointer, [index]))


def _loader(emit: Callable[..., Any]) -> Any:
    @intrinsic
    def load(typing_context: Any, pointer: Any, index: Any) -> Any:
        signature = types.float32(types.CPointer(types.uint16), types.int64)
        return signature, lambda context, builder, signature, args: emit(builder, *args)

    return load


def _storer(emit: Callable[..., Any]) -> Any:
    @intrinsic
    def store(typing_context: Any, pointer: Any, index: Any, value: Any) -> Any:
        signature = types.void(types.CPointer(types.uint16), types.int64, types.float32)

        def emit_store(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            emit(builder, *args)
            return context.get_dummy_value()

        return signature, emit_store

    return store


POINTERS: dict[str, Any] = {
    "call_kernel": call_kernel,
    "from_bits": from_bits,
    "to_key": to_key,
    "from_key": from_key,
    "larger_key": running_extreme(">"),
    "smaller_key": running_extreme("<"),
    **{
        f"cblas_{kind}gemm{bits}": cblas_gemm(real, bits)
        for kind, real in (("s", types.float32), ("d", types.float64))
        for bits in (32, 64)
    },
    "f32": pointer_to(types.float32),
    "f64": pointer_to(types.float64),
    "f16": pointer_to(types.uint16),
    "bf16": pointer_to(types.uint16),
    **{f"i{bits}": pointer_to(getattr(types, f"int{bits}")) for bits in (8, 16, 32, 64)},
    **{f"u{bits}": pointer_to(getattr(types, f"uint{bits}")) for bits in (8, 16, 32, 64)},
    "load_f16": _loader(_half_load),
    "store_f16": _storer(_half_store),
    "load_bf16": _loader(_bfloat_load),
    "store_bf16": _storer(_bfloat_store),
}
