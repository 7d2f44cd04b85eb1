"""Kernel text into object code: `language` writes LLVM's text, LLVM optimizes it and prints machine code.

Importing this imports llvmlite. Several threads may compile at once: each kernel has an LLVM context of its own.
"""

from __future__ import annotations

from ctypes import string_at
from typing import Any

import llvmlite.binding as llvm
from llvmlite.binding import ffi

from . import loader
from .kinds import CompileError
from .language import compiled
from .scalarmath import NAMES

__all__ = ["CompileError", "emit_object", "optimized"]


def emit_object(source: str, name: str, symbol: str, reassociate: bool) -> bytes:
    """Compile the function `name` of `source` to an object file that defines `symbol`. Raises CompileError."""
    with llvm.create_context() as context:
        module = optimized(source, name, symbol, reassociate, context)
        try:
            return _printed(module)
        finally:
            module.close()


def optimized(source: str, name: str, symbol: str, reassociate: bool, context: Any = None) -> Any:
    """Return LLVM's module of a kernel.

    Unrolling loops, and what the third level of optimization adds to the second, make code a third larger and compiling a
    third slower, and kernels no faster.
    """
    module = llvm.parse_assembly(compiled(source, name, symbol, reassociate, NAMES), context)
    machine = loader.target_machine()
    module.triple, module.data_layout = llvm.get_process_triple(), str(machine.target_data)
    tuning = llvm.create_pipeline_tuning_options(speed_level=2)
    tuning.loop_vectorization, tuning.slp_vectorization, tuning.loop_unrolling = True, False, False
    builder = llvm.create_pass_builder(machine, tuning)
    _unlocked("LLVMPY_RunNewModulePassManager")(builder.getModulePassManager(), module, builder)
    return module


def _printed(module: Any) -> bytes:
    """Return a module's object code."""
    with ffi.OutputString() as error:
        memory = _unlocked("LLVMPY_TargetMachineEmitToMemory")(loader.target_machine(), module, 1, error)
        if not memory:
            raise CompileError(str(error))
    try:
        return string_at(ffi.lib.LLVMPY_GetBufferStart(memory), ffi.lib.LLVMPY_GetBufferSize(memory))
    finally:
        ffi.lib.LLVMPY_DisposeMemoryBuffer(memory)


def _unlocked(name: str) -> Any:
    """Return one of llvmlite's functions without the lock around it, behind which threads would wait for one another."""
    function = getattr(ffi.lib, name)
    return getattr(function, "_cfn", function)
