"""`compile_kernel`: Python text in, the address of machine code out.

    kernel = compile_kernel("def relu(P, lo, hi):\\n ...", "relu")
    kernel.address

The function takes the slots `P` (a pointer to int64), and the range `lo`, `hi`; it returns nothing. Sizes and addresses
are slots, never constants. In the text these names are known:

- `f32(P[0])`, `f64`, `i8`, `i16`, `i32`, `i64`, `u8`, `u16`, `u32`, `u64`: a slot as a pointer to elements; booleans are
  `u8` of 0 and 1.
- `load_f16(f16(P[0]), i)`, `store_f16(f16(P[1]), i, v)`, `load_bf16`, `store_bf16`: half precision, through float32.
- `float32(c)`, `float64(c)`, `int8(c)` ... `uint64(c)`, `boolean(c)`: conversions and typed constants. A bare `0.5` is
  float64 and widens what it meets.
- the functions in `minitorch.core.jit.native.scalarmath`, and `select(c, x, y)` with both sides computed.

Sums over a loop vectorize with `reassociate=True` only. NaN and infinities are right either way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from . import cache


class Kernel(NamedTuple):
    """Machine code in memory with the text it came from; it stays loaded for the life of the process."""

    address: int
    name: str
    source: str


@dataclass(slots=True)
class Counts:
    """Where the kernels of this process came from."""

    compiled: int = 0
    loaded: int = 0


_kernels: dict[tuple[str, str, bool], Kernel] = {}
_lock = threading.Lock()
counts = Counts()


def in_memory() -> int:
    """Return how many kernels there are in this process."""
    return len(_kernels)


def compile_kernel(source: str, name: str, reassociate: bool = False) -> Kernel:
    """Compile the function `name(P, lo, hi)` that `source` defines, or take it from memory or from disk."""
    key = (source, name, reassociate)
    kernel = _kernels.get(key)
    if kernel is None:
        with _lock:
            kernel = _kernels.get(key)
            if kernel is None:
                kernel = _kernels[key] = Kernel(_address(source, name, reassociate), name, source)
    return kernel


def _address(source: str, name: str, reassociate: bool) -> int:
    from . import loader

    entry, symbol = _named(source, name, reassociate)
    before = counts.compiled
    address = cache.fetch(entry, _builder(source, name, symbol, reassociate), lambda code: loader.load(code, symbol))
    counts.loaded += counts.compiled == before
    return address


def _named(source: str, name: str, reassociate: bool) -> tuple[str, str]:
    """Return a kernel's entry in the cache and its symbol."""
    from . import loader

    entry = cache.key(source, name, reassociate, *loader.host())
    return entry, f"kernel_{entry}"


def _builder(source: str, name: str, symbol: str, reassociate: bool) -> Callable[[], bytes]:
    def build() -> bytes:
        from .codegen import emit_object

        counts.compiled += 1
        return emit_object(source, name, symbol, reassociate)

    return build


# --------------------------------------------------------------------------- kernels that travel in files


class Portable(NamedTuple):
    """A kernel with its object code, which defines `symbol`."""

    source: str
    name: str
    reassociate: bool
    symbol: str
    code: bytes


def portable(address: int) -> Portable:
    """Return the kernel at an address with its object code: from the disk, or compiled again."""
    source, name, reassociate = next(key for key, kernel in list(_kernels.items()) if kernel.address == address)
    entry, symbol = _named(source, name, reassociate)
    found: list[bytes] = []

    def keep(code: bytes) -> int:
        found.append(code)
        return 0

    cache.fetch(entry, _builder(source, name, symbol, reassociate), keep)
    return Portable(source, name, reassociate, symbol, found[-1])


def adopt(kernel: Portable) -> None:
    """Let a kernel's object code serve wherever its source is asked for. Raises ValueError if it cannot be loaded."""
    from . import loader

    key = kernel[:3]
    with _lock:
        if key not in _kernels:
            _kernels[key] = Kernel(loader.load(kernel.code, kernel.symbol), kernel.name, kernel.source)
            counts.loaded += 1
