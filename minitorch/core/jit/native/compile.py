"""`compile_kernel`: Python text in, the address of machine code out.

    kernel = compile_kernel("def relu(P, lo, hi):\\n ...", "relu")
    kernel.address

The function takes the slots `P` (a pointer to int64), and the range `lo`, `hi`; it returns nothing. Sizes and addresses
are slots, never constants. In the text these names are known:

- `f32(P[0])`, `f64`, `i8`, `i16`, `i32`, `i64`, `u8`, `u16`, `u32`, `u64`: a slot as a pointer to elements; booleans are
  `u8` of 0 and 1.
- `load_f16(f16(P[0]), i)`, `store_f16(f16(P[1]), i, v)`, `load_bf16`, `store_bf16`: half precision, through float32.
- `float32(c)`, `float64(c)`, `int8(c)` ... `uint64(c)`, `boolean(c)`: conversions and typed constants. A bare number takes
  the type of what it meets.
- the functions in `minitorch.core.jit.native.scalarmath`, and `select(c, x, y)` with both sides computed.

Sums over a loop vectorize with `reassociate=True` only. NaN and infinities are right either way.

Kernels are made by threads in the background, so that a program's are compiled side by side while the next ones are still
being written; `address` waits.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import cache as once
from typing import NamedTuple

from ...errors import JitError
from . import cache


class Kernel:
    """Machine code in memory with the text it came from; it stays loaded for the life of the process."""

    __slots__ = ("_known", "_made", "name", "source")

    def __init__(self, name: str, source: str, made: Future[int]):
        self.name, self.source = name, source
        self._made = made
        self._known = 0  # the address, once somebody has waited for it

    @property
    def address(self) -> int:
        """Where the code is. Raises JitError, naming the kernel and the line, for text that cannot be compiled."""
        if not self._known:
            self._known = self._made.result()
        return self._known

    @property
    def is_made(self) -> bool:
        """Whether the address is known."""
        return self._made.done()


@dataclass(slots=True)
class Counts:
    """Where the kernels of this process came from."""

    compiled: int = 0
    loaded: int = 0


Key = tuple[str, str, bool]
_kernels: dict[Key, Kernel] = {}
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
                kernel = _kernels[key] = Kernel(name, source, _workers.submit(key))
    return kernel


class _Workers:
    """Threads that make kernels, and end when there are none left to make: a process at rest has no such threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.waiting: list[tuple[Key, Future[int]]] = []
        self.running = 0

    def submit(self, key: Key) -> Future[int]:
        """Have a kernel made."""
        made: Future[int] = Future()
        with self.lock:
            self.waiting.append((key, made))
            if self.running < _cores():
                self.running += 1
                threading.Thread(target=self.work, name="minitorch compiler").start()
        return made

    def _longest(self) -> int:
        """Return the place of the longest text that is waiting: begun last, it would keep one thread busy to the end."""
        return max(range(len(self.waiting)), key=lambda i: len(self.waiting[i][0][0]))

    def work(self) -> None:
        """Make kernels, the longest of those that are there when LLVM is, until none is waiting."""
        _import("loader")
        while True:
            with self.lock:
                if not self.waiting:
                    self.running -= 1
                    return
                key, made = self.waiting.pop(self._longest())
            try:
                made.set_result(_address(*key))
            except BaseException as error:  # raised where the address is asked for; asked for anew, it is tried again
                _kernels.pop(key, None)
                made.set_exception(error)


def _cores() -> int:
    available = getattr(os, "sched_getaffinity", None)
    return len(available(0)) if available else os.cpu_count() or 1


_workers = _Workers()


@once
def get_ready() -> threading.Thread:
    """Load LLVM in the background, which takes 0.03 to 0.06 s, while the caller sets up what there is to compile."""
    thread = threading.Thread(target=_load, name="minitorch compiler")
    thread.start()
    return thread


def _load() -> None:
    _import("codegen")


def _import(name: str) -> None:
    with suppress(ImportError):  # raised again where it is needed
        importlib.import_module(f".{name}", __package__)


_forking = threading.local()  # the locks that a thread holds while it forks the process


def _before_fork() -> None:
    """Wait until no thread is in the midst of what a forked process could never finish: importing, or calling LLVM."""
    if get_ready.cache_info().currsize:
        get_ready().join()
    _forking.locks = getattr(sys.modules.get(f"{__package__}.loader"), "LOCKS", ())
    for lock in _forking.locks:
        lock.__enter__()


def _release() -> None:
    for lock in reversed(_forking.locks):
        lock.__exit__(None, None, None)


def _after_fork() -> None:
    """A forked process has none of the threads: it makes anew what they had not finished."""
    global _workers, _lock
    _release()
    _workers, _lock = _Workers(), threading.Lock()
    for key, kernel in list(_kernels.items()):
        if not kernel._made.done():
            del _kernels[key]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_release, after_in_child=_after_fork)


def _address(source: str, name: str, reassociate: bool) -> int:
    from . import loader

    entry, symbol = _named(source, name, reassociate)
    built: list[bool] = []
    address = cache.fetch(
        entry, _builder(source, name, symbol, reassociate, built), lambda code: loader.load(code, symbol)
    )
    with _lock:
        counts.compiled += len(built)
        counts.loaded += not built
    return address


def _named(source: str, name: str, reassociate: bool) -> tuple[str, str]:
    """Return a kernel's entry in the cache and its symbol."""
    from . import loader

    entry = cache.key(source, name, reassociate, *loader.host())
    return entry, f"kernel_{entry}"


def _builder(source: str, name: str, symbol: str, reassociate: bool, built: list[bool]) -> Callable[[], bytes]:
    def build() -> bytes:
        from .codegen import CompileError, emit_object

        built.append(True)
        try:
            return emit_object(source, name, symbol, reassociate)
        except CompileError as error:
            raise JitError(f"jit: {error}") from error

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

    cache.fetch(entry, _builder(source, name, symbol, reassociate, []), keep)
    return Portable(source, name, reassociate, symbol, found[-1])


def adopt(kernel: Portable) -> None:
    """Let a kernel's object code serve wherever its source is asked for. Raises ValueError if it cannot be loaded."""
    from . import loader

    key = kernel[:3]
    with _lock:
        if key not in _kernels:
            made: Future[int] = Future()
            made.set_result(loader.load(kernel.code, kernel.symbol))
            _kernels[key] = Kernel(kernel.name, kernel.source, made)
            counts.loaded += 1
