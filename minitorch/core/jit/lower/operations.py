"""From equations to operations: what each equation asks of a kernel, with views resolved into layouts.

An operation is pointwise (`map`), a reduction over trailing axes (`rows`) or over axes in front of others (`columns`), a
matrix product, a gather, a scatter, or a call of Python for what no kernel does (with the reason). Equations that only
rearrange become layouts and cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ... import dtypes
from ...array import Array
from ...aval import Aval
from ...dtypes import DType
from ...primitive import Primitive
from ..graph import Atom, Equation, Graph, Var, atom_aval
from . import formulas
from .layout import VIEWS, Layout, Shape, boundaries, collapse, is_packed, packed

MOST_AXES = 6  # that a kernel walks
KERNEL_DTYPES = frozenset((dtypes.bool_, dtypes.float32, dtypes.float64, *dtypes.INTEGERS))
MOVED_DTYPES = KERNEL_DTYPES | dtypes.HALVES  # what is laid out and converted; halves are computed in float32
PLAIN = frozenset((0, 1, -1, 2, 0.5))  # literals in kernel text; any other number is data, so that kernels are shared


class Operand(NamedTuple):
    """What an operation reads: a variable or an array through a layout, or a Python number."""

    source: Atom
    layout: Layout

    @property
    def dtype(self) -> DType:
        """The dtype that the elements have in memory."""
        return memory_dtype(self.source)


@dataclass(eq=False, slots=True)
class Operation:
    """One step of the program. `shape` is the iteration space of a map and the input's of a reduction."""

    kind: str
    outputs: tuple[Var, ...]
    operands: tuple[Operand, ...]
    shape: Shape = ()
    dtype: DType = dtypes.float32  # what it computes in
    formula: str = ""  # of a map; the name of a reduction
    params: dict[str, Any] = field(default_factory=dict)
    equation: Equation | None = None
    reason: str = ""  # why it is Python
    place: int = 0  # in the program
    home: Any = None  # the group that it stands for, see `patterns`
    count: int = 1  # of operations, if it stands for several
    size: int = field(init=False)  # how many elements are visited

    def __post_init__(self) -> None:
        self.size = prod(self.shape)

    @property
    def out(self) -> Var:
        """The only result."""
        return self.outputs[0]


def memory_dtype(source: Atom) -> DType:
    """Return the dtype in memory: weak numbers are kept in full precision."""
    if isinstance(source, (Var, Array)):
        aval = source.aval
        return _WEAK[dtypes.rank(aval.dtype)] if aval.weak else aval.dtype
    return _WEAK[dtypes.rank(type(source))]


_WEAK = (dtypes.bool_, dtypes.int64, dtypes.float64, dtypes.complex128)


class Operations:
    """The operations of a graph, in order."""

    def __init__(self, graph: Graph, nest: Callable[[Graph, dict[int, int]], Any], is_nested: bool = False):
        self.list: list[Operation] = []
        self.views: dict[Var, Operand] = {}
        self.inputs = frozenset(graph.inputs)
        self.nest = nest  # makes the program of a graph inside
        self.copies: dict[Equation, dict[Var, Var]] = {}  # of bundles: what their templates' variables have become
        for eq in graph.equations:
            self.add(eq)
        self.outputs: list[Atom] = []
        for atom in graph.outputs:
            self.outputs.append(self.own(atom) if is_nested else self.whole(atom))

    def operand(self, atom: Atom) -> Operand:
        """Resolve the views behind an atom."""
        if isinstance(atom, Var):
            return self.views.get(atom) or Operand(atom, packed(atom.aval.shape))
        if isinstance(atom, Array):
            return _constant(atom)
        return Operand(atom, packed(()))

    def live(self) -> list[Operation]:
        """Return the operations that something depends on; those that may raise always count."""
        needed = {self.operand(a).source for a in self.outputs if isinstance(a, Var)}
        kept = []
        for op in reversed(self.list):
            if op.kind in ("check", "take", "scatter_add", "python") or not needed.isdisjoint(op.outputs):
                kept.append(op)
                needed.update(x.source for x in op.operands if isinstance(x.source, Var))
        return kept[::-1]

    def whole(self, atom: Atom) -> Atom:
        """Return the variable that holds a graph output in order; one that is only a view is copied."""
        if not isinstance(atom, Var):
            return atom
        found = self.operand(atom)
        is_whole = isinstance(found.source, Var) and found.source not in self.inputs and _covers(found)
        if atom not in self.views or is_whole:
            return atom
        return self.laid_out(found, self.list).source

    def own(self, atom: Atom) -> Atom:
        """Return the variable that holds a graph output and nothing else; what is given, or shared, is copied."""
        found = self.operand(atom)
        is_own = isinstance(found.source, Var) and found.source not in self.inputs and _covers(found)
        if is_own and found.source not in self.outputs:
            return found.source
        return self.laid_out(found, self.list).source

    def laid_out(self, x: Operand, made: list[Operation]) -> Operand:
        """Return a view as a variable with its elements in order; `made` takes the copying operation."""
        aval = Aval(x.layout.shape, x.dtype)
        var = Var(aval)
        made.append(_copying(x, var))
        return Operand(var, packed(aval.shape))

    def add(self, eq: Equation) -> None:
        """Lower one equation."""
        name = eq.primitive.name
        if name in VIEWS and self._view(eq):
            return
        lower = LOWERINGS.get(name, _elementwise if eq.primitive.formula is not None else _unknown)
        found = lower(self, eq)
        if isinstance(found, str):
            operands = tuple(self.operand(a) for a in eq.inputs if a is not None)
            found = [Operation("python", eq.outputs, operands, equation=eq, reason=found)]
        self.list.extend(found)

    def _view(self, eq: Equation) -> bool:
        x = self.operand(eq.inputs[0])
        if not isinstance(x.source, (Var, Array)) or x.source.aval.weak:
            return False
        layout = VIEWS[eq.primitive.name](x.layout, **eq.params)
        if layout is not None:
            self.views[eq.outputs[0]] = Operand(x.source, layout)
        return layout is not None


def _covers(x: Operand) -> bool:
    """Tell whether a view is all of its variable, in order."""
    return is_packed(x.layout) and x.layout.offset == 0 and x.layout.size == x.source.aval.size


def _constant(array: Array) -> Operand:
    """Read a constant; one number repeated (zeros, ones) is that number."""
    data = array._data
    if type(data) is not np.ndarray:
        return Operand(array, packed(array.shape))
    if data.size and not any(data.strides) and data.dtype in KERNEL_DTYPES:
        number = wrap_number(data.flat[0], data.dtype)
        return Operand(number, Layout(data.shape, (0,) * data.ndim))
    return Operand(array, packed(array.shape))


def wrap_number(value: Any, dtype: DType) -> Array:
    """Make the 0-d constant of a dtype."""
    return Array(np.asarray(value, dtype))


def _fits(*operands: Operand) -> bool:
    return all(x.dtype in MOVED_DTYPES and _on_host(x.source) for x in operands)


def _on_host(source: Atom) -> bool:
    return not isinstance(source, (Var, Array)) or source.aval.device == "cpu"


def _copying(x: Operand, out: Var) -> Operation:
    """Lay out a view in order."""
    fits = _fits(x) and out.aval.size > 0 and len(collapse(x.layout.shape, x.layout.strides)) <= MOST_AXES
    params = {"names": ("x",), "wanted": (x.dtype,)}
    reason = "" if fits else "a view that no kernel reads"
    return Operation("map" if fits else "python", (out,), (x,), x.layout.shape, x.dtype, "x", params, None, reason)


Lowered = list[Operation] | str  # operations, or the reason why it stays Python


def _unknown(_: Operations, eq: Equation) -> Lowered:
    return "no kernel for this operation"


def refusal(eq: Equation, operands: tuple[Operand, ...], kinds: frozenset[DType] = KERNEL_DTYPES) -> str:
    """Return why an equation cannot be a kernel, whatever it does; nothing if it can."""
    for aval in [v.aval for v in eq.outputs] + [atom_aval(x.source) for x in operands]:
        if aval.dtype not in kinds:
            return f"{dtypes.name(aval.dtype)} has no kernels"
        if aval.device != "cpu":
            return f"on {aval.device}"
        if 0 in aval.shape:
            return "no elements"
    edges: frozenset[int] = frozenset()
    for x in operands:
        if 0 in x.layout.shape:  # an empty view of something else
            return "no elements"
        if len(x.layout.shape) > 1:
            edges |= boundaries(x.layout)
    return f"more than {MOST_AXES} axes" if len(edges) >= MOST_AXES else ""


def in_order(kind: str) -> Callable[[Operations, Equation], Lowered]:
    """Return what lowers an equation to one operation of a kind, with its operands laid out in order."""

    def lower(ops: Operations, eq: Equation) -> Lowered:
        operands = [ops.operand(a) for a in eq.inputs]
        reason = refusal(eq, tuple(operands))
        if reason:
            return reason
        made: list[Operation] = []
        ordered = tuple(x if is_packed(x.layout) else ops.laid_out(x, made) for x in operands)
        return [*made, Operation(kind, eq.outputs, ordered, ordered[0].layout.shape, ordered[0].dtype, equation=eq)]

    return lower


# --------------------------------------------------------------------------- pointwise


def _kind(source: Atom) -> Any:
    aval = atom_aval(source)
    return (bool, int, float, complex)[dtypes.rank(aval.dtype)] if aval.weak else aval.dtype


class Scalar(NamedTuple):
    """How a kernel computes a pointwise operation on operands of some kinds: in a dtype, or not for a reason."""

    wanted: tuple[DType, ...]
    formula: str | None = None
    reason: str = ""

    @property
    def dtype(self) -> DType:
        """What it computes in."""
        return self.wanted[-1]


@lru_cache(maxsize=4096)
def _scalar(primitive: Primitive, kinds: tuple[Any, ...]) -> Scalar:
    assert primitive.operand_dtypes is not None
    wanted, result = primitive.operand_dtypes(kinds)
    name = dtypes.name(wanted[-1])
    formula = formulas.formula_of(primitive, wanted[-1])
    if formula is None:
        return Scalar(wanted, reason=f"no kernel formula for {name}")
    have = (_WEAK[dtypes.rank(kind)] if isinstance(kind, type) else kind for kind in kinds)
    fits = all(formulas.convert("x", h, w) is not None for h, w in zip(have, wanted))
    return Scalar(wanted, formula, "" if fits and {*wanted, result} <= KERNEL_DTYPES else f"no conversion to {name}")


def _elementwise(ops: Operations, eq: Equation) -> Lowered:
    operands = tuple([ops.operand(a) for a in eq.inputs])
    reason = refusal(eq, operands)
    if reason:
        return reason
    name, found = eq.primitive.name, _scalar(eq.primitive, tuple([_kind(x.source) for x in operands]))
    if found.formula is None:
        return found.reason
    if name in formulas.PARTIAL and formulas.kind_of(found.dtype) in "iu" and not _is_total(eq):
        return "integers for which it raises"
    if found.reason:
        return found.reason
    params = {"names": eq.primitive.args, "wanted": found.wanted}
    if name == "pow" and not isinstance(eq.inputs[1], Var):
        params["fixed"] = (1,)  # the exponent decides how the power is computed
    return [Operation("map", eq.outputs, operands, eq.outputs[0].aval.shape, found.dtype, found.formula, params, eq)]


def _is_total(eq: Equation) -> bool:
    """Tell whether an integer division or power raises for no first operand: the second is a constant that fits."""
    second = eq.inputs[1]
    if second is None or isinstance(second, Var):
        return False
    values = np.asarray(second._data if isinstance(second, Array) else second)
    return bool((values >= 0).all() if eq.primitive.name == "pow" else values.all())


def _convertible(x: Operand, target: DType) -> bool:
    return formulas.convert("x", x.dtype, target) is not None


def _cast(ops: Operations, eq: Equation) -> Lowered:
    x = ops.operand(eq.inputs[0])
    reason = refusal(eq, (x,), MOVED_DTYPES)
    target = eq.params["dtype"]
    if reason or not _convertible(x, target):
        return reason or f"no conversion to {dtypes.name(target)}"
    params = {"names": ("x",), "wanted": (target,)}
    return [Operation("map", eq.outputs, (x,), x.layout.shape, target, "x", params, eq)]


def _rearrange(ops: Operations, eq: Equation) -> Lowered:
    """A view whose strides cannot be told: the elements are laid out in order."""
    x = ops.operand(eq.inputs[0])
    reason = refusal(eq, (x,), MOVED_DTYPES)
    if reason or eq.primitive.name != "reshape":
        return reason or "a view of a number"
    params = {"names": ("x",), "wanted": (eq.outputs[0].aval.dtype,)}
    return [Operation("map", eq.outputs, (x,), x.layout.shape, eq.outputs[0].aval.dtype, "x", params, eq)]


# --------------------------------------------------------------------------- reductions


def blocks_of(shape: Shape, axes: tuple[int, ...]) -> list[list[int]]:
    """Return the runs of neighboring axes that are reduced, axes of size 1 left out.

    >>> blocks_of((2, 3, 1, 4, 5), (-5, -3, -2, -1))
    [[0], [3, 4]]
    """
    n = len(shape)
    runs: list[list[int]] = []
    fresh = True
    for i, size in enumerate(shape):
        if size == 1:
            continue
        if i - n not in axes:
            fresh = True
            continue
        if fresh:
            runs.append([])
        runs[-1].append(i)
        fresh = False
    return runs


def _reduction(ops: Operations, eq: Equation) -> Lowered:
    x = ops.operand(eq.inputs[0])
    reason = refusal(eq, (x,))
    name, dtype = eq.primitive.name, x.dtype
    if reason or (dtype == dtypes.bool_ and name not in ("any", "all", "max", "min")):
        return reason or "arithmetic of bools"
    made: list[Operation] = []
    if not is_packed(x.layout):
        x = ops.laid_out(x, made)
        if isinstance(eq.inputs[0], Var):
            ops.views[eq.inputs[0]] = x  # what reads it later is likely to be fused with the reduction
    return [*made, *_reduction_steps(x, eq, name, dtype)]


def _reduction_steps(x: Operand, eq: Equation, name: str, dtype: DType) -> Iterator[Operation]:
    """Reduce run by run, the last axes first; the result's elements are in order whatever its axes are."""
    shape = x.layout.shape
    runs = blocks_of(shape, eq.params["axes"])
    count = prod(shape[i] for run in runs for i in run)
    step = {"mean": "sum"}.get(name, name)
    result = eq.outputs[0].aval.dtype
    scaled = name == "mean" and bool(runs)
    if not runs:
        fixed = {"names": ("x",), "wanted": (result,)}
        yield Operation("map", eq.outputs, (x,), shape, result, "x", fixed, eq)
        return
    while runs:
        run = runs.pop()
        last = not runs
        after = tuple(1 if i in run else n for i, n in enumerate(shape))
        out = eq.outputs[0] if last and not scaled else Var(Aval(after, result))
        a, b = prod(shape[: run[0]]), prod(shape[i] for i in run)
        c = prod(shape) // (a * b)
        yield Operation("rows" if c == 1 else "columns", (out,), (x,), shape, x.dtype, step, {"abc": (a, b, c)}, eq)
        shape, x = after, Operand(out, packed(after))
    if scaled:
        params = {"names": ("x", "y"), "wanted": (dtype, dtype)}
        operands = (x, Operand(float(count), packed(())))
        yield Operation("map", eq.outputs, operands, shape, dtype, "x / y", params, eq)


LOWERINGS: dict[str, Callable[[Operations, Equation], Lowered]] = {
    "cast": _cast,
    **dict.fromkeys(VIEWS.keys() - {"detach"}, _rearrange),
    **dict.fromkeys(("sum", "mean", "prod", "max", "min", "any", "all"), _reduction),
}

__all__ = ["LOWERINGS", "Operand", "Operation", "Operations", "collapse", "memory_dtype"]
