"""Kernel text into object code: `language` writes LLVM's text, LLVM optimizes it and prints machine code.

Importing this imports llvmlite.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm

from . import loader
from .kinds import CompileError
from .language import compiled
from .scalarmath import NAMES

__all__ = ["CompileError", "emit_object", "optimized"]


def emit_object(source: str, name: str, symbol: str, reassociate: bool) -> bytes:
    """Compile the function `name` of `source` to an object file that defines `symbol`. Raises CompileError."""
    return bytes(loader.target_machine().emit_object(optimized(source, name, symbol, reassociate)))


def optimized(source: str, name: str, symbol: str, reassociate: bool) -> Any:
    """Return LLVM's module of a kernel."""
    module = llvm.parse_assembly(compiled(source, name, symbol, reassociate, NAMES))
    machine = loader.target_machine()
    module.triple, module.data_layout = llvm.get_process_triple(), str(machine.target_data)
    tuning = llvm.create_pipeline_tuning_options(speed_level=3)
    tuning.loop_vectorization = True
    tuning.slp_vectorization = False
    builder = llvm.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(module, builder)
    return module
