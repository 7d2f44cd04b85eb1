"""Windows that slide over the last axes as native calls: maxima, sums, and their transposes.

Axes are three, the first ones of size 1 where fewer are pooled; what is in front of them are planes, which threads share.
Where the last step is 1 or 2, windows that do not stick out at the sides are taken a vector at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import prod
from typing import Any

import numpy as np

from ... import dtypes
from ...array import wrap
from ...ops.windowing import Sliding, Windows
from ..graph import Equation
from ..native.compile import compile_kernel
from ..native.width import lanes
from . import formulas
from .kernels import ELEMENT, Slot
from .layout import is_packed
from .operations import LOWERINGS, Lowered, Operand, Operation, Operations, refusal
from .products import Call

# Per axis: size, windows, taps, step, before, dilation. Taps of a window that lie inside are those from a to b.
MOST_UNROLLED = 16  # taps
NAMES = [f"{what}{axis}" for what in ("n", "c", "taps", "s", "p", "d") for axis in range(3)]
BOUNDS = """
    first = min((p2 + s2 - 1) // s2, c2)
    last = max(min((n2 - 1 + p2 - (taps2 - 1) * d2) // s2 + 1, c2), first)
"""
NO_BOUNDS = """
    first = 0
    last = 0
"""
ROWS = """
    for plane in range(lo, hi):
        for i0 in range(c0):
            b0 = i0 * s0 - p0
            a0 = max((d0 - 1 - b0) // d0, 0)
            e0 = min((n0 - 1 - b0) // d0 + 1, taps0)
            for i1 in range(c1):
                b1 = i1 * s1 - p1
                a1 = max((d1 - 1 - b1) // d1, 0)
                e1 = min((n1 - 1 - b1) // d1 + 1, taps1)
                out = ((plane * c0 + i0) * c1 + i1) * c2
"""
WIDE = """
for i in range(first, last, {lanes}):
    n = last - i
    best = {load}(x, ((plane * n0 + b0 + a0 * d0) * n1 + b1 + a1 * d1) * n2 + i * s2 - p2, n)
    {start}
    for t0 in range(a0, e0):
        for t1 in range(a1, e1):
            row = ((plane * n0 + b0 + t0 * d0) * n1 + b1 + t1 * d1) * n2 + i * s2 - p2
            for t2 in range(taps2):
                v = {load}(x, row + t2 * d2, n)
                {step}
    vstore_first(y, out + i, best, n)
    {finish}
"""
ALONE = """
for alone in range(c2 - (last - first)):
    i = alone if alone < first else alone + last - first
    b2 = i * s2 - p2
    a2 = max((d2 - 1 - b2) // d2, 0)
    e2 = min((n2 - 1 - b2) // d2 + 1, taps2)
    best = x[((plane * n0 + b0 + a0 * d0) * n1 + b1 + a1 * d1) * n2 + b2 + a2 * d2]
    {start}
    for t0 in range(a0, e0):
        for t1 in range(a1, e1):
            for t2 in range(a2, e2):
                v = x[((plane * n0 + b0 + t0 * d0) * n1 + b1 + t1 * d1) * n2 + b2 + t2 * d2]
                {step}
    y[out + i] = best
    {finish}
"""
# (start, step, finish) of the lines above, for vectors and for lone windows.
MAXIMA = (
    (
        "at = splat({t}((a0 * taps1 + a1) * taps2))",
        "at = vpick(v, best, splat({t}((t0 * taps1 + t1) * taps2 + t2)), at); best = vpick(v, best, v, best)",
        "vstore_bytes(k, out + i, at, n)",
    ),
    (
        "at = (a0 * taps1 + a1) * taps2 + a2",
        "at = select((v > best) | (v != v), (t0 * taps1 + t1) * taps2 + t2, at); "
        "best = select((v > best) | (v != v), v, best)",
        "k[out + i] = at",
    ),
)
SUMS = (("best = splat({t}(0))", "best = vfma({t}(1), v, best)", ""), ("best = {t}(0)", "best = best + v", ""))
MOVED = """
                for i in range(c2):
                    at = ((plane * n0 + b0) * n1 + b1) * n2 + i * s2 - p2 + places[int64(k[out + i])]
                    {move}
"""
CLEAR = """
    for i in range(lo * n0 * n1 * n2, hi * n0 * n1 * n2):
        y[i] = {t}(0)
"""
SPREAD = """
                for t0 in range(a0, e0):
                    for t1 in range(a1, e1):
                        row = ((plane * n0 + b0 + t0 * d0) * n1 + b1 + t1 * d1) * n2 - p2
                        for t2 in range(taps2):
                            start = p2 - t2 * d2
                            for i in range(max((start + s2 - 1) // s2, 0), min((n2 - 1 + start) // s2 + 1, c2)):
                                y[row + t2 * d2 + i * s2] += x[out + i]
"""
PAIRS = """
                for t0 in range(taps0):
                    for t1 in range(taps1):
                        row = ((plane * n0 + b0 + t0) * n1 + b1 + t1) * n2
                        number = {t}((t0 * taps1 + t1) * 2)
                        for i in range(0, c2, {lanes}):
                            n = c2 - i
                            g = vload_first(x, out + i, n)
                            chosen = vload_bytes(g, k, out + i, n)
                            even = vwhere_equal(chosen, splat(number), g, splat({t}(0)))
                            odd = vwhere_equal(chosen, splat(number + {t}(1)), g, splat({t}(0)))
                            vstore_pairs(y, row + 2 * i, even, odd, n)
"""


def _head(name: str, pointers: dict[str, str], windows: Windows) -> str:
    """Print the head of a kernel; small numbers of taps and steps are constants, so that their loops are unrolled."""
    lines = [f"    {key} = {kind}(P[{i}])" for i, (key, kind) in enumerate(pointers.items())]
    lines += [f"    {key} = P[{i}]" for i, key in enumerate(NAMES, len(pointers))]
    if windows[-1].stride < 3:
        lines.append(f"    s2 = {windows[-1].stride}")
    if prod(w.taps for w in windows) <= MOST_UNROLLED:
        lines += [f"    taps{axis} = {w.taps}" for axis, w in enumerate(windows)]
    return "\n".join([f"def {name}(P, lo, hi):", *lines, ""])


def _rows(windows: Windows) -> str:
    """Print the loops over rows of windows; where none sticks out, all taps lie inside."""
    text = ROWS
    for axis, w in enumerate(windows[:2]):
        if w.is_inside:
            text = (
                "\n".join(
                    line.partition("=")[0] + ("= 0" if f" a{axis} =" in line else f"= taps{axis}")
                    if f" a{axis} =" in line or f" e{axis} =" in line
                    else line
                    for line in text.splitlines()
                )
                + "\n"
            )
    return text


def _windows_text(name: str, dtype: Any, kind: str, pointers: dict[str, str], windows: Windows, parts: Any) -> str:
    """Print a kernel that reduces windows."""
    (start, each, finish), (lone_start, lone_each, lone_finish) = parts
    code, step = formulas.CODES[dtype], windows[-1].stride
    is_wide = step < 3 and dtype in formulas.REALS and kind != "i32"
    body = ""
    if is_wide:
        lines = {"start": start.format(t=code), "step": each.format(t=code), "finish": finish}
        body = WIDE.format(lanes=lanes(dtype), load=("", "vload_first", "vload_even")[step], **lines)
    body += ALONE.format(start=lone_start.format(t=code), step=lone_each.format(t=code), finish=lone_finish)
    head = _head(name, pointers, windows) + (BOUNDS if is_wide else NO_BOUNDS)
    return head + _rows(windows) + "\n".join(" " * 16 + line for line in body.splitlines()) + "\n"


def _text(op: Operation, windows: Windows) -> str:
    """Print the kernel of one operation."""
    name, dtype = op.kind, op.dtype
    pointer, code, step = formulas.POINTERS[dtype], formulas.CODES[dtype], windows[-1].stride
    kind = "u8" if prod(w.taps for w in windows) <= 256 else "i32"
    pointers = {"x": pointer, "y": pointer}
    if name == "max_pool":
        return _windows_text(name, dtype, kind, {**pointers, "k": kind}, windows, MAXIMA)
    if name == "window_sum":
        return _windows_text(name, dtype, kind, pointers, windows, SUMS)
    if name == "window_spread":
        return _head(name, pointers, windows) + CLEAR.format(t=code) + _rows(windows) + SPREAD
    head = _head(name, {"x": pointer, "k": kind, "y": pointer, "places": "i64"}, windows)
    if name == "pool_take":
        return head + _rows(windows) + MOVED.format(move="y[out + i] = x[at]")
    is_pairs = all(w.is_tiling for w in windows) and step == 2 and kind == "u8" and dtype in formulas.REALS
    if is_pairs:
        return head + _rows(windows) + PAIRS.format(t=code, lanes=lanes(dtype))
    return head + CLEAR.format(t=code) + _rows(windows) + MOVED.format(move="y[at] += x[out + i]")


def _three(windows: Windows) -> Windows:
    """Put axes that do nothing in front."""
    return (*(Sliding(1, 1, 1, 1, 0, 1),) * (3 - len(windows)), *windows)


def _places(windows: Windows) -> np.ndarray[Any, Any]:
    """List how far the taps of a window lie from its start."""
    _, n1, n2 = (w.size for w in windows)
    taps = product(*(range(w.taps) for w in windows))
    moves = [[t * w.dilation for t, w in zip(tap, windows)] for tap in taps]
    return np.array([(a * n1 + b) * n2 + c for a, b, c in moves], np.int64)


def _lowered(ops: Operations, eq: Equation) -> Lowered:
    operands = [ops.operand(a) for a in eq.inputs]
    dtype = eq.outputs[0].aval.dtype
    reason = refusal(eq, tuple(operands))
    if reason or len(eq.params["windows"]) > 3:
        return reason or "windows over more than 3 axes"
    if eq.primitive.name != "max_pool" and dtype not in formulas.REALS:
        return f"no sums of windows of {dtypes.name(dtype)}"
    if eq.primitive.name in ("pool_take", "pool_put"):
        # Kernels trust the numbers of the taps, and their dtype: both are as `max_pool` makes them.
        expected = dtypes.uint8 if prod(w.taps for w in eq.params["windows"]) <= 256 else dtypes.int32
        if operands[1].dtype != expected:
            return f"numbers of taps in {dtypes.name(operands[1].dtype)}"
    made: list[Operation] = []
    ordered = tuple(x if is_packed(x.layout) else ops.laid_out(x, made) for x in operands)
    name = eq.primitive.name
    return [*made, Operation(name, eq.outputs, ordered, operands[0].layout.shape, dtype, name, eq.params, eq)]


def _calls(op: Operation) -> list[Call]:
    windows = op.params["windows"]
    planes = prod(op.shape[: -len(windows)])
    windows = _three(windows)
    slots = [*map(_load, op.operands), *(Slot("store", v, v.aval.dtype) for v in op.outputs)]
    if op.kind in ("pool_put", "pool_take"):
        slots.append(Slot("load", wrap(_places(windows)), dtypes.int64))
    fields = ("size", "places", "taps", "stride", "before", "dilation")
    slots += [Slot("size", int(getattr(w, field))) for field in fields for w in windows]
    work = prod(w.size for w in windows) + prod(w.places * w.taps for w in windows)
    return [Call(compile_kernel(_text(op, windows), op.kind), slots, planes, planes * work * ELEMENT)]


def _load(x: Operand) -> Slot:
    return Slot("load", x.source, x.dtype, x.layout.offset)


CALLS: dict[str, Callable[[Operation], list[Call]]] = dict.fromkeys(
    ("max_pool", "pool_take", "pool_put", "window_sum", "window_spread"), _calls
)
LOWERINGS.update(dict.fromkeys(CALLS, _lowered))
