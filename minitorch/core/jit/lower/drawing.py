"""Random bits as native calls: the blocks of Philox-4x64-10, each computed from its number alone.

A key's elements are a row; threads share the blocks of all rows. What else is drawn is made of the bits by pointwise
operations.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from ...ops.sampling import STREAMS
from ..native.compile import compile_kernel
from . import formulas
from .kernels import ELEMENT, Slot
from .operations import LOWERINGS, Operation, in_order
from .products import Call

# Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011: what multiplies, and what is added to the key.
ROUND = f"""\
        a = high_product(c0, uint64({0xD2E7470EE14C6C93})); b = c0 * uint64({0xD2E7470EE14C6C93})
        c = high_product(c2, uint64({0xCA5A826395121157})); d = c2 * uint64({0xCA5A826395121157})
        c0 = c ^ c1 ^ k0; c1 = d; c2 = a ^ c3 ^ k1; c3 = b
"""
NEXT = f"""\
        k0 = k0 + uint64({0x9E3779B97F4A7C15}); k1 = k1 + uint64({0xBB67AE8584CAA73B})
"""
ROUNDS = NEXT.join([ROUND] * 10)
BITS = """
def random_bits(P, lo, hi):
    key = u64(P[0]); y = {pointer}(P[1]); size = P[2]; blocks = P[3]; stream = uint64(P[4])
    for i in range(lo, hi):
        row = i // blocks
        at = (i - row * blocks) * {count}
        k0 = key[2 * row]; k1 = key[2 * row + 1]
        c0 = uint64(i - row * blocks); c1 = uint64(0); c2 = uint64(0); c3 = stream
{rounds}
        left = size - at
        at = at + row * size
        if left >= {count}:
{stores}
        else:
{last}
"""
FOLD = """
def fold_in(P, lo, hi):
    key = u64(P[0]); data = {pointer}(P[1]); y = u64(P[2]); stream = uint64(P[3])
    for i in range(lo, hi):
        k0 = key[2 * i]; k1 = key[2 * i + 1]
        c0 = uint64(data[i]); c1 = uint64(0); c2 = uint64(0); c3 = stream
{rounds}
        y[2 * i] = c0
        y[2 * i + 1] = c1
"""
NORMAL = """
def box_muller(P, lo, hi):
    x = {source}(P[0]); y = {pointer}(P[1])
    for i in range(lo, hi):
        u = {t}(x[2 * i]) * {t}({unit}) + {t}({half})
        v = {t}(x[2 * i + 1]) * {t}({unit}) + {t}({half})
        y[2 * i] = first_normal(u, v)
        y[2 * i + 1] = second_normal(u, v)
"""
BLOCK = 60 * ELEMENT  # seconds for one


def _bits_text(itemsize: int) -> str:
    """Return the kernel for elements of a size: a word has several, the lowest first."""
    per, bits = 8 // itemsize, 8 * itemsize
    parts = [f"uint{bits}(c{n // per}" + (f" >> uint64({n % per * bits}))" if n % per else ")") for n in range(4 * per)]
    stores = "\n".join(f"            y[at + {n}] = {part}" for n, part in enumerate(parts))
    last = "\n".join(
        f"            if left > {n}:\n                y[at + {n}] = {part}" for n, part in enumerate(parts[:-1])
    )
    return BITS.format(pointer=f"u{bits}", count=4 * per, rounds=ROUNDS, stores=stores, last=last)


def bits_calls(op: Operation) -> list[Call]:
    """Return the call that draws bits, for one key or several."""
    assert op.equation is not None
    x, aval = op.operands[0], op.out.aval
    keys, name = prod(op.shape[:-1]), op.equation.primitive.name
    slots = [Slot("load", x.source, x.dtype, x.layout.offset)]
    stream = Slot("size", STREAMS[name])
    if name == "fold_in":
        data = op.operands[1]
        text = FOLD.format(pointer=formulas.POINTERS[data.dtype], rounds=ROUNDS)
        slots += [Slot("load", data.source, data.dtype, data.layout.offset), Slot("store", op.out, aval.dtype), stream]
        return [Call(compile_kernel(text, name), slots, keys, keys * BLOCK)]
    size = aval.size // keys
    blocks = -(-size * aval.dtype.itemsize // 32)
    slots += [Slot("store", op.out, aval.dtype), Slot("size", size), Slot("size", blocks), stream]
    text = _bits_text(aval.dtype.itemsize)
    return [Call(compile_kernel(text, "random_bits"), slots, keys * blocks, keys * blocks * BLOCK, 8)]


def normal_calls(op: Operation) -> list[Call]:
    """Return the call that makes pairs of normal numbers from pairs of random words."""
    (x,), dtype = op.operands, op.out.aval.dtype
    width = 8 * x.dtype.itemsize
    text = NORMAL.format(
        source=formulas.POINTERS[x.dtype],
        pointer=formulas.POINTERS[dtype],
        t=formulas.CODES[dtype],
        unit=repr(2.0**-width),
        half=repr(2.0 ** -(width + 1)),
    )
    slots = [Slot("load", x.source, x.dtype, x.layout.offset), Slot("store", op.out, dtype)]
    pairs = op.out.aval.size // 2
    return [Call(compile_kernel(text, "box_muller"), slots, pairs, pairs * 100 * ELEMENT, 64)]


LOWERINGS.update({**dict.fromkeys(STREAMS, in_order("random_bits")), "box_muller": in_order("box_muller")})
CALLS: dict[str, Callable[[Operation], list[Call]]] = {"random_bits": bits_calls, "box_muller": normal_calls}
