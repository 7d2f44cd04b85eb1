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


# Kernels whose vectors stand in their text, or that have no use for any. LLVM need not look for more: that takes half of
# the time to compile a matrix product (60 of 130 ms), and its code is no faster for it.
AS_WRITTEN = frozenset(
    (
        "loop",
        "patch",
        "gather",
        "guard",
        "enter",
        "check",
        "scan",
        "repeat",
        "switch",
        "gemm",
        "tiled_gemm",
        "conv",
        "conv_weight",
    ),
)


def emit_object(source: str, name: str, symbol: str, reassociate: bool) -> bytes:
    """Compile the function `name` of `source` to an object file that defines `symbol`. Raises CompileError."""
    with llvm.create_context() as context:
        module = optimized(source, name, symbol, reassociate, context)
        try:
            return _printed(module)
        finally:
            module.close()


def optimized(source: str, name: str, symbol: str, reassociate: bool, context: Any = None) -> Any:
    """Return LLVM's module of a kernel."""
    module = llvm.parse_assembly(compiled(source, name, symbol, reassociate, NAMES), context)
    machine = loader.target_machine()
    module.triple, module.data_layout = llvm.get_process_triple(), str(machine.target_data)
    builder = llvm.create_pass_builder(machine, _tuning())
    passes = _few_passes() if name in AS_WRITTEN else builder.getModulePassManager()
    _unlocked("LLVMPY_RunNewModulePassManager")(passes, module, builder)
    return module


def _tuning() -> Any:
    """Return what the passes are to do.

    Unrolling loops, vectors made of straight code, and what higher levels of optimization add to the first, make compiling
    a third slower, and kernels no faster: most come out the same to the last byte.
    """
    tuning = llvm.create_pipeline_tuning_options(speed_level=1)
    tuning.loop_vectorization, tuning.slp_vectorization, tuning.loop_unrolling = True, False, False
    return tuning


def _few_passes() -> Any:
    """Return the passes that clean text up."""
    passes = llvm.create_new_module_pass_manager()
    passes.add_new_gvn_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    return passes


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
