"""The compiler of kernel text: each construct against Python's own execution of the same text, types, and errors."""

from __future__ import annotations

import gc
import itertools
import math
import os
import signal
import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llvmlite import binding as llvm

from minitorch.core.errors import JitError
from minitorch.core.jit.native import compile as native
from minitorch.core.jit.native.compile import compile_kernel
from minitorch.core.jit.native.functions import parsed

from .plain import KINDS, POINTERS, check, compiled

INTEGERS = [kind for kind in KINDS if "int" in kind]
REALS = ["float32", "float64"]


def edges(kind: str) -> Any:
    """Numbers at the ends of a type and around zero."""
    if kind in REALS:
        return np.array([0.0, -0.0, 1.0, -1.5, 2.0, 0.25, math.inf, -math.inf, math.nan], kind)
    info = np.iinfo(kind)
    found = {
        info.min,
        info.min + 1,
        info.max,
        info.max - 1,
        0,
        1,
        2,
        7,
        info.max // 3,
        *((-1, -2, -7) if info.min else ()),
    }
    return np.array(sorted(found), kind)


def pairs(kind: str) -> tuple[Any, Any]:
    x, y = np.meshgrid(edges(kind), edges(kind))
    return x.ravel(), y.ravel()


def elementwise(expression: str, *kinds: str) -> str:
    """A kernel of x (and y) into the last pointer."""
    lines = [f"    p{i} = {POINTERS[kind]}(P[{i}])" for i, kind in enumerate(kinds)]
    loads = "; ".join(f"{name} = p{i}[i]" for i, name in zip(range(len(kinds) - 1), "xyz"))
    loop = ["    for i in range(lo, hi):", f"        {loads}", f"        p{len(kinds) - 1}[i] = {expression}"]
    return "\n".join(["def k(P, lo, hi):", *lines, *loop, ""])


# --------------------------------------------------------------------------- arithmetic


@pytest.mark.parametrize("op", ["+", "-", "*", "//", "%", "&", "|", "^"])
@pytest.mark.parametrize("kind", INTEGERS)
def test_integers_wrap_around_and_divide_downwards(kind: str, op: str) -> None:
    x, y = pairs(kind)
    check(elementwise(f"x {op} y", kind, kind, kind), [x, y, np.zeros_like(x)], 0, x.size)


@pytest.mark.parametrize("op", ["<<", ">>"])
@pytest.mark.parametrize("kind", INTEGERS)
def test_shifts(kind: str, op: str) -> None:
    x, y = pairs(kind)
    check(elementwise(f"x {op} (y & 7)", kind, kind, kind), [x, y, np.zeros_like(x)], 0, x.size)


@pytest.mark.parametrize("number", ["3", "-3", "-1", "1"])
@pytest.mark.parametrize("op", ["//", "%"])
@pytest.mark.parametrize("kind", ["int8", "int64", "uint8", "uint64"])
def test_divisions_by_written_numbers(kind: str, op: str, number: str) -> None:
    if number[0] == "-" and kind[0] == "u":
        return
    x = edges(kind)
    check(elementwise(f"x {op} {number}", kind, kind), [x, np.zeros_like(x)], 0, x.size)


@pytest.mark.parametrize("op", ["+", "-", "*", "/"])
@pytest.mark.parametrize("kind", REALS)
def test_floats(kind: str, op: str) -> None:
    x, y = pairs(kind)
    check(elementwise(f"x {op} y", kind, kind, kind), [x, y, np.zeros_like(x)], 0, x.size)


@pytest.mark.parametrize("op", ["==", "!=", "<", "<=", ">", ">="])
@pytest.mark.parametrize("kind", KINDS)
def test_comparisons_of_all_types_with_nan_among_the_floats(kind: str, op: str) -> None:
    x, y = pairs(kind)
    out = np.zeros(x.size, np.uint8)
    check(elementwise(f"x {op} y", kind, kind, "uint8"), [x, y, out], 0, x.size)
    check(elementwise(f"select(x {op} y, uint8(3), uint8(4))", kind, kind, "uint8"), [x, y, out], 0, x.size)


@pytest.mark.parametrize(("x", "y"), list(itertools.combinations(KINDS, 2)))
def test_types_that_meet(x: str, y: str) -> None:
    a, b = (v.ravel() for v in np.meshgrid(edges(x), edges(y)))
    source = elementwise("float64(x + y)", x, y, "float64")
    slots = [a, b, np.zeros(a.size)]
    if "uint64" in (x, y) and {x, y} & {"int8", "int16", "int32", "int64"}:
        with pytest.raises(JitError, match=r"do not mix"):
            compiled(source, slots, 0, 1)
    else:
        check(source, slots, 0, a.size)


@pytest.mark.parametrize("want", INTEGERS)
@pytest.mark.parametrize("have", INTEGERS)
def test_conversions_between_integers(have: str, want: str) -> None:
    x = edges(have)
    check(elementwise(f"{want}(x)", have, want), [x, np.zeros(x.size, want)], 0, x.size)


@pytest.mark.parametrize("want", REALS)
@pytest.mark.parametrize("have", KINDS)
def test_conversions_to_floats(have: str, want: str) -> None:
    x = edges(have)
    check(elementwise(f"{want}(x)", have, want), [x, np.zeros(x.size, want)], 0, x.size)


@pytest.mark.parametrize("want", ["int32", "int64"])
def test_conversions_from_floats_cut_off(want: str) -> None:
    x = np.array([0.0, -0.0, 0.9, -0.9, 1.5, -1.5, 1e9, -1e9])
    check(elementwise(f"{want}(x)", "float64", want), [x, np.zeros(x.size, want)], 0, x.size)


@pytest.mark.parametrize("text", ["0.1", "1e300", "-2.5", "math.inf", "-math.inf", "math.nan", "3", "1 / 3", "7 // 2"])
@pytest.mark.parametrize("kind", REALS)
def test_written_numbers(kind: str, text: str) -> None:
    (got,) = compiled(f"def k(P, lo, hi):\n    {POINTERS[kind]}(P[0])[0] = {kind}({text})\n", [np.zeros(1, kind)], 0, 1)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(got, np.array([eval(text, {"math": math})]).astype(kind))


def test_a_bare_number_takes_the_type_of_what_it_meets() -> None:
    x = np.array([1.1, 2.2], np.float32)
    (_, got) = check(elementwise("x * 0.1 + 1", "float32", "float64"), [x * 0 + 4, np.zeros(2)], 0, 2)
    assert got[0] == np.float32(np.float32(4) * np.float32(0.1) + 1)


# --------------------------------------------------------------------------- statements

STATEMENTS = {
    "branches meet": """
    x = i64(P[0]); y = i64(P[1])
    for i in range(lo, hi):
        a = x[i]
        if a > 5:
            b = a * 2
            a = a + 1
        elif a < 0:
            b = -a
        else:
            b = 0
        y[i] = b + a
""",
    "carried values": """
    x = i64(P[0]); y = i64(P[1])
    total = 0
    most = x[lo]
    for i in range(lo, hi):
        total += x[i]
        if x[i] > most:
            most = x[i]
        y[i] = total - most
    y[0] = total
""",
    "nested loops": """
    x = i64(P[0]); y = i64(P[1]); n = P[2]
    for i in range(lo, hi):
        found = 0
        for j in range(i, n, 2):
            for l in range(3):
                found = found * 3 + x[j] + l
        y[i] = found
""",
    "steps": """
    x = i64(P[0]); y = i64(P[1]); n = P[2]; down = -2
    at = 0
    for i in range(n - 1, -1, -1):
        y[at] = x[i]
        at += 1
    for i in range(n - 1, 0, down):
        y[i] += x[i] * 10
    for i in range(0, n, P[3]):
        y[i] -= 7
    for i in range(5, 2):
        y[0] = 99
""",
    "the range is computed once, and the name may change": """
    y = i64(P[1]); n = P[2]
    count = 0
    for i in range(n):
        n = n - 1
        i = i * 2
        count += i
    y[0] = count; y[1] = n
""",
    "while": """
    x = i64(P[0]); y = i64(P[1])
    for i in range(lo, hi):
        left = x[i]
        steps = 0
        while left > 1 and steps < 100:
            if left % 2 == 0:
                left = left // 2
            else:
                left = 3 * left + 1
            steps += 1
        y[i] = steps
""",
    "return": """
    x = i64(P[0]); y = i64(P[1])
    for i in range(lo, hi):
        if x[i] == 7:
            y[0] = i
            return
        for j in range(2):
            if x[i] * j == 11:
                return
        y[i] = -1
    y[1] = 5
""",
    "only what decides is computed": """
    x = i64(P[0]); y = i64(P[1]); n = P[2]
    for i in range(lo, hi + 3):
        inside = i < n and x[i] > 0
        outside = i >= n or x[i] < 3
        y[i % n] += select(inside, 2, 0) + select(outside, 1, 0)
        y[i % n] += x[i] if i < n else 100
""",
    "not, chains of and, or": """
    x = i64(P[0]); y = i64(P[1])
    for i in range(lo, hi):
        a = x[i] > 0; b = x[i] % 2 == 0; c = x[i] > 4
        y[i] = select(a and b or not c, 1, 0) + select(not (a or b) and c, 2, 0) + select((a & b) ^ c | (not a), 4, 0)
        if x[i] and not 0:
            y[i] += 8
""",
    "side by side, in place": """
    x = i64(P[0]); y = i64(P[1])
    a, b = x[0], x[1]
    for i in range(lo, hi):
        a, b = b, a + b
        y[i] = a
        y[i] *= 2
        y[i] //= 3
""",
    "a name with a new type": """
    x = i64(P[0]); y = i64(P[1])
    for i in range(lo, hi):
        a = x[i]
        a = float64(a) * 0.5
        a = int64(a)
        y[i] = min(a, 3, x[i]) + max(a, 1)
""",
    "choices that the text decides": """
    y = i64(P[1])
    if 2 > 1:
        y[0] = 4 * 2 - 1
    else:
        y[0] = nowhere
    y[1] = 5 if True else nowhere
    y[2] = ~3 + -2 % 5
""",
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_statements(name: str) -> None:
    x = np.array([3, -4, 8, 0, 27, 6, 7, 11], np.int64)
    check("def k(P, lo, hi):" + STATEMENTS[name], [x, np.zeros(8, np.int64), 8, 3], 0, 8)


def test_an_empty_range_does_nothing() -> None:
    source = "def k(P, lo, hi):" + STATEMENTS["branches meet"]
    (_, got) = check(source, [np.arange(8), np.full(8, 5)], 4, 4)
    assert (got == 5).all()


@pytest.mark.parametrize("kind", KINDS)
def test_elements_lie_at_their_own_width(kind: str) -> None:
    """Strides and offsets count elements of each type; nothing beside them is touched."""
    source = f"""
def k(P, lo, hi):
    x = {POINTERS[kind]}(P[0]); y = {POINTERS[kind]}(P[1]); n = P[2]; step = P[3]
    for i in range(lo, hi):
        y[n - 1 - i * step] = x[i * step + 1]
"""
    x = np.arange(40).astype(kind)
    check(source, [x, np.full(40, 99).astype(kind), 40, 3], 2, 11)


@pytest.mark.parametrize("kind", ["int8", "uint8", "int32", "uint32"])
def test_an_index_of_any_integer_type(kind: str) -> None:
    source = elementwise("x", kind, "float32").replace("p1[i] = x", "p1[x] = float32(i)")
    check(source, [np.array([200 if kind == "uint8" else 100, 5, 0]).astype(kind), np.zeros(256, np.float32)], 0, 3)


def test_negative_indices_are_before_the_pointer() -> None:
    x = np.arange(10, dtype=np.int32)
    source = "def k(P, lo, hi):\n    x = i32(P[0] + 20)\n    for i in range(lo, hi):\n        x[i] = x[i - 5] + 1\n"
    (got,) = compiled(source, [x], 0, 5)
    assert got.tolist() == [0, 1, 2, 3, 4, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("reassociate", [False, True])
def test_a_loop_that_reads_what_it_wrote_keeps_its_order(reassociate: bool) -> None:
    source = """
def k(P, lo, hi):
    x = f32(P[0]); y = f32(P[1])
    for i in range(lo, hi):
        y[i + 1] = y[i] + x[i]
"""
    x = np.arange(100, dtype=np.float32)
    _, got = compiled(source, [x, np.zeros(101, np.float32)], 0, 100, reassociate)
    np.testing.assert_array_equal(got[1:], np.cumsum(x))
    # The same memory under two names, one element apart.
    moved = source.replace("y = f32(P[1])", "y = f32(P[0] + 4)").replace("y[i + 1] = y[i] + x[i]", "y[i] = x[i]")
    (got,) = compiled(moved, [x], 0, 99, reassociate)
    assert not got.any()


# --------------------------------------------------------------------------- expressions by chance


@st.composite
def truths(draw: Any, kind: str, depth: int) -> str:
    if depth > 1 and draw(st.booleans()):
        x, y = draw(truths(kind, depth - 1)), draw(truths(kind, depth - 1))
        return draw(st.sampled_from([f"({x} {op} {y})" for op in ("and", "or", "&", "|", "^")] + [f"(not {x})"]))
    x, y = draw(numbers(kind, depth - 1)), draw(numbers(kind, depth - 1))
    return f"({x} {draw(st.sampled_from(['==', '!=', '<', '<=', '>', '>=']))} {y})"


@st.composite
def numbers(draw: Any, kind: str, depth: int) -> str:
    """An expression of one type. Products and sums of few small floats are exact, so that fused rounding is no matter."""
    if depth <= 0:
        return draw(st.sampled_from(["x", "y", f"{kind}(3)" if kind in INTEGERS else f"{kind}(1.5)"]))
    x, y = draw(numbers(kind, depth - 1)), draw(numbers(kind, depth - 1))
    forms = [f"({x} {op} {y})" for op in "+-*"] + [f"(-{x})", "a choice", "a branch"]
    if kind in INTEGERS:
        forms += [f"({x} {op} {y})" for op in ("&", "|", "^", "//", "%")]
        forms += [f"({x} {op} {draw(st.integers(0, 100))})" for op in ("+", "-", "*", "&", "//", "%")]
        forms += [f"({x} << ({y} & 7))", f"({x} >> ({y} & 7))", f"(~{x})"]
        forms += [f"{kind}({draw(st.sampled_from(INTEGERS))}({x}))"]
    else:
        forms += [f"({x} * 2)", f"({x} * 0.5)", f"({x} * -1.0)"]
    form = draw(st.sampled_from(forms))
    if form.startswith("a "):
        condition = draw(truths(kind, depth - 1))
        return f"select({condition}, {x}, {y})" if form == "a choice" else f"({x} if {condition} else {y})"
    return form


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_expression_of_integers(data: Any) -> None:
    kind = data.draw(st.sampled_from(INTEGERS))
    x, y = pairs(kind)
    check(elementwise(data.draw(numbers(kind, 3)), kind, kind, kind), [x, y, np.zeros_like(x)], 0, x.size)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_expression_of_floats(data: Any) -> None:
    kind = data.draw(st.sampled_from(REALS))
    x, y = pairs(kind)
    check(elementwise(data.draw(numbers(kind, 3)), kind, kind, kind), [x, y, np.zeros_like(x)], 0, x.size)


# --------------------------------------------------------------------------- errors

ERRORS = {
    "nowhere is not known": "y[0] = nowhere",
    "a name first assigned in a loop": "for i in range(3):\n        a = i\n    y[0] = a",
    "a name first assigned in a loop or branch": "if lo > 0:\n        a = 1\n    y[0] = a",
    "b is float64 before the loop and int64 in it": "b = float64(0)\n    for i in range(lo):\n        b = i",
    "1.5 meets int64": "if lo > 0:\n        b = 1.5\n    else:\n        b = lo\n    y[0] = b",
    "b is float64 or int64": "if lo > 0:\n        b = float64(1.5)\n    else:\n        b = lo\n    y[0] = b",
    "kernel text has no ListComp": "a = [i for i in range(3)]",
    "kernel text has no With": "with y:\n        pass",
    "no comparison In": "a = lo in hi",
    "one comparison at a time": "a = 0 < lo < hi",
    "has no operator Pow": "y[0] = y[0] ** 2",
    "has no operator MatMult": "y[0] = y[0] @ y[0]",
    "a loop is over range": "for i in y:\n        pass",
    "the step is 0": "for i in range(0, 3, 0):\n        pass",
    "kernel text has no Break": "for i in range(3):\n        break",
    "a kernel returns a value everywhere, or nowhere": "if lo > 3:\n        return\n    return 3",
    "not every path returns a value": "if lo > 3:\n        return 3",
    "an index is an integer, not float32": "y[0] = y[x[0]]",
    "int64 has no elements": "a = lo[0]",
    "300 does not fit into uint8": "a = u8(P[0])[0] + 300",
    "-1 does not fit into uint8": "a = u8(P[0])[0] + -1",
    "0.5 meets int64": "a = lo * 0.5",
    "the number 1 meets boolean": "a = (lo > 0) & 1",
    "float32 & float32 has no meaning": "a = x[0] & x[0]",
    "// is for integers": "a = x[0] // x[0]",
    "the condition is int64": "a = select(lo, 1, 2)",
    "exp does not take int64": "a = exp(lo)",
    "maximum does not take boolean": "a = maximum(lo > 0, hi > 0)",
    "frobnicate is no function": "a = frobnicate(lo)",
    "exp takes 1 arguments, not 2": "a = exp(x[0], x[0])",
    "select takes other arguments than 2": "a = select(lo > 0, 1)",
    "this call has no value": "a = call_kernel(lo, lo, lo, lo)",
    "vfma|vectors of one type": "a = vfma(x[0], x[0], x[0])",
    "the size is a positive number in the text": "a = stack_block(x, lo)",
    "pointer to float32 cannot be stored": "y[0] = x",
    "by position": "a = exp(x=x[0])",
    "no assignment to Attribute": "x.y = 3",
    "is no number": "a = 'text'",
    "ZeroDivision|division by zero|modulo by zero": "a = 1 // 0",
}


@pytest.mark.parametrize("reason", ERRORS)
def test_errors_name_the_kernel_the_line_and_the_reason(reason: str) -> None:
    lines = "def wrong(P, lo, hi):\n    x = f32(P[0]); y = f32(P[1])\n    " + ERRORS[reason] + "\n"
    with pytest.raises(JitError, match=rf"(?s)kernel wrong, line \d+: .*({reason})"):
        compile_kernel(lines, "wrong").address


def test_the_line_is_shown() -> None:
    with pytest.raises(JitError, match=r"line 3: nowhere is not known here.*\n    f32\(P\[0\]\)\[0\] = nowhere"):
        compile_kernel("def k(P, lo, hi):\n    a = 1\n    f32(P[0])[0] = nowhere\n", "k").address


def test_a_kernel_has_a_signature_of_its_own() -> None:
    for text in ("def other(P, lo, hi):\n    pass\n", "def k(P, lo):\n    pass\n", "k = 3\n"):
        with pytest.raises(JitError, match=r"defines no function k\(P, lo, hi\)"):
            compile_kernel(text, "k").address


# --------------------------------------------------------------------------- in the background

ADD = "def k(P, lo, hi):\n    x = f64(P[0])\n    for i in range(lo, hi):\n        x[i] = exp(x[i] * 0.0) + {n}\n"


def test_many_threads_ask_for_many_kernels() -> None:
    found: dict[int, Any] = {}

    def work(first: int) -> None:
        for n in range(first, first + 8):
            found[n] = compiled(ADD.format(n=n), [np.zeros(5)], 0, 5)[0]

    threads = [threading.Thread(target=work, args=(4 * i,)) for i in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert all((found[n] == n + 1).all() for n in range(28)) and len(found) == 28


def test_threads_that_take_turns_in_the_middle_of_parsing() -> None:
    """A collector's callback lets other threads run while a syntax tree is being built."""

    def wait(phase: str, info: dict[str, int]) -> None:
        time.sleep(1e-5)

    before = gc.get_threshold()
    gc.callbacks.append(wait)
    gc.set_threshold(20)
    try:
        kernels = [compile_kernel(ADD.format(n=3000 + n), "k") for n in range(12)]
        for n in range(200):
            parsed(f"x + {n} * (y - {n})", "eval")
        assert all(kernel.address for kernel in kernels)
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(wait)


def test_threads_end_when_nothing_is_left_to_compile() -> None:
    kernels = [compile_kernel(ADD.format(n=1000 + n), "k") for n in range(3)]
    assert len({kernel.address for kernel in kernels}) == 3
    for thread in threading.enumerate():
        if thread.name == "minitorch compiler":
            thread.join(10)
    assert not any(thread.name == "minitorch compiler" for thread in threading.enumerate())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python warns about forking with threads: that is the test
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning")  # so does JAX, if it is loaded
def test_a_child_compiles_by_itself() -> None:
    test_threads_end_when_nothing_is_left_to_compile()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = int((compiled(ADD.format(n=2000), [np.zeros(5)], 0, 5)[0] != 2001).any())
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert native.in_memory()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning")
def test_a_fork_waits_for_threads_that_call_llvm() -> None:
    compiled(ADD.format(n=2100), [np.zeros(5)], 0, 5)
    taken = threading.Event()

    def call() -> None:
        with llvm.ffi.lib._lock:
            taken.set()
            time.sleep(0.1)

    thread = threading.Thread(target=call)
    thread.start()
    taken.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(10)  # which ends it if it waits for a thread that it does not have
        os._exit(not llvm.get_host_cpu_name())
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
