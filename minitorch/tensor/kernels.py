"""The kernels of operations on few numbers, as functions that Python calls; `small.py` imports this when it must."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from operator import is_
from typing import Any

import numpy as np

from ..core.jit.native import words as w
from ..core.jit.native.builtins import builtin, table
from ..core.jit.native.compile import compile_kernel
from ..core.jit.native.computed import FEW
from ..core.jit.native.objects import offset
from ..core.jit.native.pairs import Unreadable
from ..core.primitive import FAILURES, NO_DERIVATIVE, Plan, Primitive, plan_for
from ..core.tape import Context, Node, Pick, context, next_sequence
from ..core.tracer import Trace
from .handle import GradCell, Tensor

Function = Callable[..., Any]
# The names of the kernels, and whether they read options.
KERNELS = {
    "linear_of": False,
    "linear_on": False,
    "input_rule_on": False,
    "weight_rule_on": False,
    "bias_rule_on": False,
    "mse_loss_of": True,
    "mse_loss_on": True,
    "mse_rule_on": True,
    "cross_entropy_of": True,
    "cross_entropy_on": True,
    "relu_of": False,
    "unary_of": False,
    "binary_of": False,
    "relu_rule_on": False,
    "add_multiple_on": False,
    "descend_of": False,
}
ALONE = ("unary_of", "binary_of")  # which call for no others
_TEXT = f"""
def {{name}}(P, args, kwargs):
    W = i64(P[2])
    made = {{called}}({{given}})
    if made == {w.RAISED}:
        return 0
    if made == 0:
        call_object(W[{w.CLEAR}])
        if W[{w.SCATTERED}] != 0 and is_scattered(W, args) != 0:
            return call_object(W[{w.CALL}], W[{w.SCATTERED}], args, kwargs)
        return call_object(W[{w.CALL}], W[{w.FALLBACK}], args, kwargs)
    return made
"""
# Names of attributes and options.
_NAMES = {w.WAITING: "_cell", w.VERSION: "_version", w.REDUCTION: "reduction", w.IGNORED: "ignore_index"}
_NAMES = {place: sys.intern(name) for place, name in {**_NAMES, w.MEAN: "mean", w.SUM: "sum"}.items()}


def recorded(name: str, primitive: Primitive, general: Function) -> Function:
    """Return an operation on tensors that records as the primitive's plans say; `general` does what it leaves alone."""
    passes = primitive.vjp is not NO_DERIVATIVE
    plans = [plan_for(primitive, mask) if mask and passes else None for mask in range(1 << len(primitive.args))]
    rows = np.array([word for plan in plans for word in (_row(plan) if passes else _NO_PLAN)], np.int64)
    impl = primitive.impls[np.ndarray]
    own = {**_handles(), **_places(), w.PLANS: rows.ctypes.data, w.UFUNC: id(impl), w.FAILURES: id(FAILURES)}
    return _kernel(name, general, own, (rows, plans, impl))


def computed(name: str, general: Function, written: int) -> Function:
    """Return an operation on ndarrays, of which the first are written to."""

    def scattered(*buffers: Any, **options: Any) -> Any:
        dense = [*buffers[:written], *map(_in_order, buffers[written:])]
        return general(*buffers, **options) if all(map(is_, dense, buffers)) else run(*dense, **options)

    run = _kernel(name, general, {w.SCATTERED: id(scattered)}, scattered)
    return run


def updated(general: Function) -> Function:
    """Return the update of tensors from their gradients."""
    return _kernel("descend_of", general, {**_handles(), **_waits()})


def _in_order(x: Any) -> Any:
    is_small = type(x) is np.ndarray and x.size <= FEW and not x.flags.c_contiguous
    return np.ascontiguousarray(x) if is_small else x


def _kernel(name: str, general: Function, own: Mapping[int, int], kept: Any = None) -> Function:
    """Return a kernel; `general` where objects cannot be read, or there is no compiler."""
    names = {place: id(text) for place, text in _NAMES.items()}
    try:
        words = table(general, {**own, **names}, kept)
        for one in (name, *(() if name in ALONE else KERNELS)):  # the others are made meanwhile
            compile_kernel(_text(one), f"small_{one}")
        return builtin(_text(name), f"small_{name}", words)
    except (Unreadable, ImportError):
        return general


def _text(name: str) -> str:
    return _TEXT.format(name=f"small_{name}", called=name, given="W, args, kwargs" if KERNELS[name] else "W, args")


_NO_PLAN = [w.NOTHING] + [0] * (w.PLAN_WORDS - 1)


def _row(plan: Plan | None) -> list[int]:
    """Return what a plan has its nodes save, as words; without a plan that can be followed, zeros."""
    if plan is None or any(is_aval for is_aval, _ in plan.codes) or len(plan.codes) > w.PLAN_WORDS - 2:
        return [0] * w.PLAN_WORDS
    picks = [k for _, k in plan.codes]
    found = [id(plan) if plan.calls else w.NOTHING, len(picks), *picks]
    return found + [0] * (w.PLAN_WORDS - len(found))


def _handles() -> dict[int, int]:
    """Return the words that say where handles have their slots."""
    names = {w.TRACE: "_trace", w.VALUE: "value", w.VIEW: "_view", w.NODE: "node"}
    return {w.HANDLE: id(Tensor), **{place: offset(Tensor, name) for place, name in names.items()}}


def _waits() -> dict[int, int]:
    """Return the words that say what waits for a gradient, and where it has that."""
    return {w.WAITS: id(GradCell), w.GRAD: offset(GradCell, "grad")}


def _places() -> dict[int, int]:
    """Return the words that say where contexts, tapes and nodes have their slots, and what numbers nodes."""
    named: dict[type, dict[int, str]] = {
        Context: {w.CAREFUL: "careful", w.MUTED: "muted"},
        Trace: {w.CLOSED: "closed", w.LEVEL: "level"},
        Node: {
            w.PLAN: "plan",
            w.PARENTS: "parents",
            w.SAVED: "saved",
            w.PARAMS: "params",
            w.SHAPE: "shape",
            w.DTYPE: "dtype",
            w.SEQUENCE: "sequence",
            w.CELL: "cell",
        },
        Pick: {w.PICKED: "pick", w.LINE: "line"},
    }
    found = {place: offset(kind, name) for kind, names in named.items() for place, name in names.items()}
    found |= {w.RECORD: id(Node), w.PICK: id(Pick), w.CONTEXT: id(context)}
    return {**found, w.COUNTER: id(next_sequence.__self__)}  # type: ignore[attr-defined]
