"""What goes along one axis: running sums, products and extremes, recurrences, positions of extremes, searches, orders.

A kernel takes lanes: operands are seen as three axes, the middle one being walked, and threads share the pairs of the other
two. Sums keep their order and are kept in float64 for float32, as NumPy's are here.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from ... import dtypes
from ..native.compile import compile_kernel
from . import formulas
from .kernels import ELEMENT, Slot, reduction
from .operations import LOWERINGS, Operation, in_order
from .products import Call

LANES = """
def {name}(P, lo, hi):
{pointers}
    n = P[{at}]; width = P[{at} + 1]; {more}
    for lane in range(lo, hi):
        row = (lane // width) * n * width + lane % width
"""
RUNNING = """
        total = {start}
        for j in range(n):
            at = row + {j} * width
            total = {step}
            y[at] = {t}(total)
"""
# Several lanes side by side: what each has come to stands in memory, so that steps are taken by vectors.
COLUMNS = """
def {name}(P, lo, hi):
{pointers}
    n = P[{at}]; width = P[{at} + 1]; {more}
    for lead in range(lo // width, (hi - 1) // width + 1):
        first = max(lo - lead * width, 0)
        last = min(hi - lead * width, width)
        base = lead * width
"""
RUNNING_COLUMNS = """
        for c in range(first, last):
            total[base + c] = {start}
        for j in range(n):
            at = (lead * n + {j}) * width
            for c in range(first, last):
                total[base + c] = {step}
                y[at + c] = {t}(total[base + c])
"""
PLACE_COLUMNS = """
        for c in range(first, last):
            best[base + c] = x[base * n + c]
            y[base + c] = 0
        for j in range(1, n):
            at = (lead * n + j) * width
            for c in range(first, last):
                v = x[at + c]
                b = best[base + c]
                better = (v {relation} b) | ((v != v) & (b == b))
                best[base + c] = select(better, v, b)
                y[base + c] = select(better, j, y[base + c])
"""
RECURRENCE = """
        total = {t}(0)
        for j in range(n):
            at = row + {j} * width
            total = select(j == 0, y[at], x[at] * total + y[at])
            z[at] = total
"""
RUNNING_PLACE = """
        best = x[row]
        found = 0
        for j in range(n):
            at = row + j * width
            v = x[at]
            better = (v {relation}= best) | (v != v)
            best = select(better, v, best)
            found = select(better, j, found)
            y[at] = found
"""
PLACE = """
        best = {start}
        for j in range(n):
            v = x[row + j]
            best = {step}
        top = {finish}
        found = n
        for j in range(n):
            v = x[row + j]
            here = select((v == top) | (v != v), j, n)
            found = select(here < found, here, found)
        y[lane] = found
"""
SEARCH = """
def searchsorted(P, lo, hi):
    x = {p}(P[0]); v = {p}(P[1]); y = i64(P[2]); n = P[3]; count = P[4]; shared = P[5]; steps = P[6]
    for i in range(lo, hi):
        row = select(shared == 1, 0, (i // count) * n)
        left = 0
        right = n
        b = v[i]
        for s in range(steps):
            middle = (left + right) // 2
            a = x[row + min(middle, n - 1)]
            go = (left < right) & ({before})
            right = select((left < right) & (not go), middle, right)
            left = select(go, middle + 1, left)
        y[i] = left
"""
Scratch = dict[str, tuple[dtypes.DType, int]]
BEFORE = {
    "left": "(a < b) | ((b != b) & (a == a))",
    "right": "(a <= b) | (b != b)",
}
SORT = """
        for j in range(n):
            v = x[row + j * width]
            key[j] = {key}
            order[j] = j
        for shift in range(0, {bits}, 16):
            {pass_there}
            {pass_back}
        for j in range(n):
            y[row + j * width] = order[j]
"""
PASS = """\
            for d in range(256):
                counts[d] = 0
            for j in range(n):
                d = int64((key{a}[j] >> {u}(shift + {more})) & {u}(255))
                counts[d] = counts[d] + 1
            total = 0
            for d in range(256):
                here = counts[d]
                counts[d] = total
                total = total + here
            for j in range(n):
                d = int64((key{a}[j] >> {u}(shift + {more})) & {u}(255))
                place = counts[d]
                counts[d] = place + 1
                key{b}[place] = key{a}[j]
                order{b}[place] = order{a}[j]
"""


def _lanes(op: Operation, body: str, scratch: Scratch | None = None, head: str = LANES, unit: int = 1) -> list[Call]:
    """Return the call of a kernel whose loop over lanes has this body.

    `x`, `y`, ... are the operands and the result; `scratch` has further buffers, by name: dtype and number of elements.
    """
    assert op.equation is not None
    values = [Slot("load", x.source, x.dtype, x.layout.offset) for x in op.operands]
    values.append(Slot("store", op.out, op.out.aval.dtype))
    pointers = "; ".join(
        f"{name} = {formulas.POINTERS[s.dtype]}(P[{i}])" for i, (name, s) in enumerate(zip("xyz", values))
    )
    shape = op.shape
    n = len(shape) + op.equation.params["axis"]
    width, count = prod(shape[n + 1 :]), len(values)
    name = op.equation.primitive.name
    extra = {key: Slot("scratch", (op.out, key), *what) for key, what in (scratch or {}).items()}
    more = "; ".join(
        f"{k} = {formulas.POINTERS[s.dtype]}(P[{count + 2 + i}])" for i, (k, s) in enumerate(extra.items())
    )
    text = head.format(name=name, pointers=f"    {pointers}", at=count, more=more) + body
    slots = [*values, Slot("size", ("n", shape[n])), Slot("size", ("width", width)), *extra.values()]
    lanes = prod(shape[:n]) * width
    return [Call(compile_kernel(text, name), slots, lanes, op.size * 4 * ELEMENT, unit)]


WIDER = {dtypes.float32: dtypes.float64}


def running_calls(op: Operation) -> list[Call]:
    """Return the call for running sums and products."""
    assert op.equation is not None
    kept = WIDER.get(op.dtype, op.dtype)
    wide = formulas.CODES[kept]
    start, sign = ("0", "+") if op.equation.primitive.name == "cumsum" else ("1", "*")
    if op.equation.params["axis"] != -1:
        step = f"{wide}(total[base + c] {sign} {wide}(x[at + c]))"
        body = RUNNING_COLUMNS.format(start=f"{wide}({start})", step=step, t=formulas.CODES[op.dtype], j=_index(op))
        return _lanes(op, body, {"total": (kept, _count(op))}, COLUMNS, 16)
    body = RUNNING.format(
        start=f"{wide}({start})",
        step=f"{wide}(total {sign} {wide}(x[at]))",
        t=formulas.CODES[op.dtype],
        j=_index(op),
    )
    return _lanes(op, body)


def _count(op: Operation) -> int:
    """Return the number of lanes."""
    assert op.equation is not None
    axis: int = op.equation.params["axis"]
    return prod(op.shape) // op.shape[axis]


def _index(op: Operation) -> str:
    assert op.equation is not None
    return "(n - 1 - j)" if op.equation.params.get("reverse") else "j"


def recurrence_calls(op: Operation) -> list[Call]:
    """Return the call for `z[i] = x[i] * z[i - 1] + y[i]`."""
    return _lanes(op, RECURRENCE.format(t=formulas.CODES[op.dtype], j=_index(op)))


def running_place_calls(op: Operation) -> list[Call]:
    """Return the call for the places of running extremes."""
    assert op.equation is not None
    return _lanes(op, RUNNING_PLACE.format(relation=">" if op.equation.primitive.name == "argcummax" else "<"))


def place_calls(op: Operation) -> list[Call]:
    """Return the call for the places of extremes: first what they are, then where they are first."""
    assert op.equation is not None
    largest = op.equation.primitive.name == "argmax"
    if op.equation.params["axis"] != -1:
        kept = dtypes.uint8 if op.dtype == dtypes.bool_ else op.dtype
        body = PLACE_COLUMNS.format(relation=">" if largest else "<")
        return _lanes(op, body, {"best": (kept, _count(op))}, COLUMNS, 16)
    if op.dtype in formulas.REALS:
        start = f"to_key({reduction('max' if largest else 'min', op.dtype).start})"
        step, finish = f"{'larger' if largest else 'smaller'}_key(best, v)", "from_key(best)"
    else:
        start, finish = "x[row]", "best"
        step = f"select(v {'>' if largest else '<'} best, v, best)"
    return _lanes(op, PLACE.format(start=start, step=step, finish=finish))


def search_calls(op: Operation) -> list[Call]:
    """Return the call for binary searches."""
    assert op.equation is not None
    x, v = op.operands
    n, is_shared = x.layout.shape[-1], len(x.layout.shape) == 1
    text = SEARCH.format(p=formulas.POINTERS[op.dtype], before=BEFORE[op.equation.params["side"]])
    sizes = (n, v.layout.shape[-1] if v.layout.shape else 1, int(is_shared), n.bit_length())
    slots = [
        Slot("load", x.source, x.dtype, x.layout.offset),
        Slot("load", v.source, v.dtype, v.layout.offset),
        Slot("store", op.out, dtypes.int64),
        *(Slot("size", (str(i), size)) for i, size in enumerate(sizes)),
    ]
    seconds = v.layout.size * (n.bit_length() + 1) * 40 * ELEMENT
    return [Call(compile_kernel(text, "searchsorted"), slots, v.layout.size, seconds)]


def sort_calls(op: Operation) -> list[Call]:
    """Return the call that sorts: by digits of 8 bits, the lowest first, which keeps equal elements in order."""
    assert op.equation is not None
    bits = max(8 * op.dtype.itemsize, 16)
    unsigned, n = f"uint{bits}", op.shape[len(op.shape) + op.equation.params["axis"]]
    there = PASS.format(a="", b="2", u=unsigned, more=0).strip()
    back = PASS.format(a="2", b="", u=unsigned, more=8).strip()
    body = SORT.format(key=_key(op, unsigned, bits), bits=bits, pass_there=there, pass_back=back)
    names = ("key", "key2", "order", "order2", "counts")
    kinds = (np.dtype(unsigned), np.dtype(unsigned), dtypes.int64, dtypes.int64, dtypes.int64)
    scratch = {name: (kind, 256 if name == "counts" else n) for name, kind in zip(names, kinds)}
    return _lanes(op, body, scratch, unit=0)


def _key(op: Operation, unsigned: str, bits: int) -> str:
    """Print the unsigned integer that has an element's place in the order; NaN is the largest, -0 is 0."""
    assert op.equation is not None
    signed, half = f"int{bits}", 1 << (bits - 1)
    if op.dtype in formulas.REALS:
        t = formulas.CODES[op.dtype]
        key = f"larger_key(to_key({t}(-math.inf)), select(v == {t}(0), {t}(0), v))"
    else:
        key = f"{signed}(v)" if op.dtype.kind == "i" else ""
    key = f"({unsigned}({key}) ^ {unsigned}({half}))" if key else f"{unsigned}(v)"
    return f"~{key}" if op.equation.params["descending"] else key


FAMILIES: dict[str, tuple[str, ...]] = {
    "running": ("cumsum", "cumprod"),
    "recurrence": ("linear_recurrence",),
    "running_place": ("argcummax", "argcummin"),
    "place": ("argmax", "argmin"),
    "search": ("searchsorted",),
    "sort": ("argsort",),
}
LOWERINGS.update({name: in_order(kind) for kind, names in FAMILIES.items() for name in names})
CALLS: dict[str, Callable[[Operation], list[Call]]] = {
    "running": running_calls,
    "recurrence": recurrence_calls,
    "running_place": running_place_calls,
    "place": place_calls,
    "search": search_calls,
    "sort": sort_calls,
}
