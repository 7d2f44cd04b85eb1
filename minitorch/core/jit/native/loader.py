"""Object code into memory, with llvmlite alone.

Importing this imports llvmlite, which takes 0.06 s; loading an object takes a millisecond.
"""

from __future__ import annotations

import ctypes
import struct
import sys
import threading
from functools import cache
from typing import Any

import llvmlite.binding as llvm
from llvmlite.binding import ffi

_lock = threading.RLock()
LOCKS = (_lock, ffi.lib._lock)  # that threads hold for a while; the second is llvmlite's own, taken around each call


_machines = threading.local()


def target_machine() -> Any:
    """Return this thread's code generator for this CPU."""
    if not hasattr(_machines, "own"):
        _machines.own = _target_machine()
    return _machines.own


def _target_machine() -> Any:
    with _lock:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
    name, features = host()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    reloc = "static" if target.name.startswith("x86") else "default"
    return target.create_target_machine(
        cpu=name, features=features, opt=1, reloc=reloc, codemodel="jitdefault", jit=True
    )


@cache
def host() -> tuple[str, str]:
    """Return the CPU's name and its features."""
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


@cache
def _engine() -> Any:
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target_machine())


@cache
def _libm() -> Any:
    return ctypes.CDLL("libm.so.6")


def load(code: bytes, symbol: str) -> int:
    """Load an object file and return the address of one of its functions.

    Raises ValueError for anything that is not an object file with that function, and for one that needs a symbol
    which this process lacks (LLVM would end the process over it).
    """
    with _lock:
        if sys.platform == "linux":
            _prepare(code, symbol)
        try:
            file = llvm.ObjectFileRef.from_data(code)
            _engine().add_object_file(file)
        except RuntimeError as error:
            raise ValueError(str(error)) from error
        _engine().finalize_object()
        return int(_engine().get_function_address(symbol))


def _prepare(code: bytes, symbol: str) -> None:
    """See to it that LLVM will find everything; elsewhere than on Linux, the cache's digest has to do."""
    defined, undefined = symbols(code)
    if symbol not in defined:
        raise ValueError(f"the object code does not define {symbol}")
    for name in undefined:
        _provide(name)


def _provide(name: str) -> None:
    if llvm.address_of_symbol(name) is not None:
        return
    try:
        llvm.add_symbol(name, ctypes.cast(_libm()[name], ctypes.c_void_p).value)
    except (AttributeError, OSError) as error:
        raise ValueError(f"the object code needs {name}, which this process lacks") from error


def symbols(code: bytes) -> tuple[set[str], set[str]]:
    """Return the names that a 64-bit ELF object defines and those it needs from elsewhere."""
    if code[:6] != b"\x7fELF\x02\x01":
        raise ValueError("this is no 64-bit little-endian ELF object")
    try:
        return _symbols(code)
    except (struct.error, UnicodeDecodeError) as error:
        raise ValueError("the object code is damaged") from error


def _symbols(code: bytes) -> tuple[set[str], set[str]]:
    (start,) = struct.unpack_from("<Q", code, 0x28)
    size, count = struct.unpack_from("<HH", code, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", code, start + i * size) for i in range(count)]
    defined: set[str] = set()
    undefined: set[str] = set()
    for section in sections:
        kind, offset, length, link = section[1], section[4], section[5], section[6]
        if kind != 2:  # SHT_SYMTAB
            continue
        names = sections[link][4] if link < count else len(code)
        for at in range(offset + 24, offset + length, 24):  # the first entry is empty
            name, _, _, index = struct.unpack_from("<IBBH", code, at)
            text = code[names + name : code.find(b"\0", names + name)].decode("ascii")
            if text:
                (defined if index else undefined).add(text)
    return defined, undefined
