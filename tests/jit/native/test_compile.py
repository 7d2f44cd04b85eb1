"""Kernels from text: what is compiled, that it vectorizes, and what its object code leans on."""

from __future__ import annotations

import re
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest

from minitorch.core.jit.native import codegen, loader
from minitorch.core.jit.native.compile import compile_kernel
from minitorch.core.jit.native.scalarmath import NAMES
from minitorch.core.primitive import PRIMITIVES

LOOP = """
def k(P, lo, hi):
    x = {p}(P[0]); out = {p}(P[1])
    for i in range(lo, hi):
        out[i] = {f}(x[i])
"""
SUM = """
def k(P, lo, hi):
    x = f32(P[0]); out = f32(P[1]); n = P[2]
    for i in range(lo, hi):
        total = float32(0)
        for j in range(n):
            total += x[i * n + j]
        out[i] = total
"""
VECTORS = ["exp", "expm1", "log", "log1p", "sigmoid", "tanh", "sinh", "cosh", "erf", "erfc"]


def vectorized(source: str, reassociate: bool = False) -> bool:
    module = codegen.optimized(source, "k", "symbol", reassociate)
    return re.search(r"f(add|mul|cmp)[^\n]*<\d+ x (float|double)>", str(module)) is not None


@pytest.mark.parametrize("pointer", ["f32", "f64"])
@pytest.mark.parametrize("name", VECTORS)
def test_functions_vectorize(name: str, pointer: str) -> None:
    assert vectorized(LOOP.format(p=pointer, f=name))


@pytest.mark.parametrize("name", ["sin", "cos", "erfinv"])
def test_functions_that_vectorize_in_float32(name: str) -> None:
    assert vectorized(LOOP.format(p="f32", f=name))


def test_sums_vectorize_where_they_may_reassociate() -> None:
    assert vectorized(SUM, reassociate=True) and not vectorized(SUM)


CHAIN = """
def {name}(P, lo, hi):
    n = P[0]
    x = f32(P[1]); y = f32(P[2]); z = f32(P[3]); w = f32(P[4])
    for r in range(lo, hi):
        for c in range(n):
            a = x[r * n + c] * y[c]
            z[r * n + c] = a + 1.0
            y[c] = a
            w[c] = a
"""


def test_addresses_are_compared_only_where_steps_may_depend_on_one_another() -> None:
    for name, count in (("broadcast", 0), ("other", 1)):
        module = str(codegen.optimized(CHAIN.format(name=name), name, "symbol", False))
        assert "vector.body" in module
        assert (re.search(r"icmp ult ptr", module) is not None) == bool(count)


def test_steps_at_a_distance_that_is_known_only_later_are_compared() -> None:
    """They may lie side by side, for which LLVM has code of its own."""
    text = CHAIN.format(name="broadcast").replace("w[c]", "w[c * n]")
    assert re.search(r"icmp ult ptr", str(codegen.optimized(text, "broadcast", "symbol", False)))


def test_loops_around_others_are_not_said_to_be_independent() -> None:
    """Each row takes up what the one before has written; the steps within a row do not."""
    x, y = np.full((5, 40), 2, np.float32), np.ones(40, np.float32)
    z = np.zeros_like(x)
    w = np.empty_like(y)
    slots = np.array([40, *(a.ctypes.data for a in (x, y, z, w))], np.int64)
    address = compile_kernel(CHAIN.format(name="broadcast"), "broadcast").address
    from minitorch.core.jit.native import replay

    replay.run(np.array([[address, slots.ctypes.data, 0, 5]], np.int64))
    np.testing.assert_array_equal(z, np.repeat(2.0 ** np.arange(1, 6)[:, None], 40, 1) + 1)
    np.testing.assert_array_equal(y, 32)


def test_range_reduction_survives_reassociation() -> None:
    from .test_scalarmath import apply

    x = np.linspace(-80, 80, 1000, dtype=np.float32)
    kernel = compile_kernel(LOOP.format(p="f32", f="exp"), "k", reassociate=True)
    from minitorch.core.jit.native import replay

    out = np.empty_like(x)
    slots = np.array([x.ctypes.data, out.ctypes.data])
    replay.run(np.array([[kernel.address, slots.ctypes.data, 0, x.size]]))
    np.testing.assert_array_equal(out, apply("exp(x)", x))


def test_a_kernel_is_compiled_once() -> None:
    first = compile_kernel(SUM, "k", reassociate=True)
    assert compile_kernel(SUM, "k", reassociate=True) is first
    assert compile_kernel(SUM, "k").address != first.address
    assert first.name == "k" and first.source == SUM


def test_object_code_needs_only_the_c_library() -> None:
    for f in ("exp", "digamma", "lgamma", "erfinv", "tan", "atan"):
        defined, undefined = loader.symbols(codegen.emit_object(LOOP.format(p="f64", f=f), "k", "symbol", False))
        assert "symbol" in defined
        assert undefined <= {"tan", "lgamma", "atan", "memset", "memcpy"}, undefined


@pytest.mark.parametrize("damage", [b"", b"\x7fELF", b"garbage" * 100, "cut", "renamed"])
def test_damaged_object_code_is_refused(damage: Any) -> None:
    code = codegen.emit_object(SUM, "k", "symbol", False)
    bad = {"cut": code[: len(code) // 2], "renamed": code.replace(b"symbol", b"sumbol")}.get(damage, damage)
    with pytest.raises(ValueError):
        loader.load(bad, "symbol")


def test_unknown_symbols_are_refused() -> None:
    text = "declare void @no_such_function()\ndefine void @k() {\n  call void @no_such_function()\n  ret void\n}"
    module = llvm.parse_assembly(text)
    module.triple = llvm.get_process_triple()
    with pytest.raises(ValueError, match="no_such_function"):
        loader.load(loader.target_machine().emit_object(module), "k")


def test_every_name_in_the_formulas_is_known() -> None:
    import ast

    complex_only = {"complex", "imag"}
    for name, primitive in PRIMITIVES.items():
        if primitive.formula is None:
            continue
        called = {n.func.id for n in ast.walk(ast.parse(primitive.formula)) if isinstance(n, ast.Call)}  # type: ignore[attr-defined]
        assert called <= NAMES.keys() | complex_only, name
