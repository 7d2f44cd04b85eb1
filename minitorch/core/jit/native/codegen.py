"""Python text into object code, through Numba's type inference and lowering and one pass of LLVM's optimizer.

Importing this imports Numba. Numba's own driver optimizes three times, adds wrappers with error handling and keeps the
code in an engine of its own; without those a kernel compiles in 30 ms instead of 100 and refers to nothing in Numba.
"""

from __future__ import annotations

import linecache
from typing import Any

import llvmlite.binding as llvm
from numba import types
from numba.core import codegen, compiler
from numba.core.compiler_lock import global_compiler_lock
from numba.core.cpu import FastMathOptions
from numba.core.registry import cpu_target

from . import loader
from .scalarmath import NAMESPACE

SIGNATURE = (types.CPointer(types.int64), types.int64, types.int64)

# The inner function's status is ignored: with NumPy's error model a kernel has nothing to raise.
WRAPPER = """
declare i32 @{inner}(ptr, ptr, ptr, i64, i64)
define void @{outer}(ptr noalias readonly %slots, i64 %lo, i64 %hi) {{
  %result = alloca ptr
  %error = alloca ptr
  %status = call i32 @{inner}(ptr %result, ptr %error, ptr noalias readonly %slots, i64 %lo, i64 %hi) alwaysinline
  ret void
}}
"""


class _Library(codegen.JITCodeLibrary):  # type: ignore[misc]
    """Collects the code of a function and of those it calls, and leaves it as it is."""

    def add_linking_library(self, library: Any) -> None:
        if library.name != "nrt":  # reference counts of Numba's own arrays, of which kernels have none
            super().add_linking_library(library)

    def _optimize_functions(self, module: Any) -> None:
        pass

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalized = True

    def module(self) -> Any:
        """Link everything together and return it."""
        self.finalize()
        return self._final_module


def emit_object(source: str, name: str, symbol: str, reassociate: bool) -> bytes:
    """Compile the function `name` of `source` to an object file that defines `symbol`."""
    with global_compiler_lock:
        module = _lowered(source, name, symbol, {"contract", "reassoc"} if reassociate else {"contract"})
        _optimize(module)
        return bytes(loader.target_machine().emit_object(module))


def _lowered(source: str, name: str, symbol: str, fastmath: set[str]) -> Any:
    file = f"<kernel {symbol}>"
    namespace = dict(NAMESPACE)
    exec(compile(source, file, "exec"), namespace)
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    flags = compiler.Flags()
    flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
    flags.error_model = "numpy"
    flags.fastmath = FastMathOptions(fastmath)
    typing, target = cpu_target.typing_context, cpu_target.target_context
    typing.refresh()
    target.refresh()
    library = _Library(target.codegen(), symbol)
    result = compiler.compile_extra(typing, target, namespace[name], SIGNATURE, types.void, flags, {}, library=library)
    inner = result.fndesc.llvm_func_name
    module = library.module()
    module.link_in(llvm.parse_assembly(WRAPPER.format(inner=inner, outer=symbol)))
    for value in (*module.functions, *module.global_variables):
        if not value.is_declaration and value.name != symbol:
            value.linkage = "internal"
    module.verify()
    return module


def _optimize(module: Any) -> None:
    tuning = llvm.create_pipeline_tuning_options(speed_level=3)
    tuning.loop_vectorization = True
    tuning.slp_vectorization = False
    builder = llvm.create_pass_builder(loader.target_machine(), tuning)
    builder.getModulePassManager().run(module, builder)
