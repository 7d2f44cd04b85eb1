"""Operations on few numbers, natively: each looks at its operands, computes, and records, in one call.

The native forms stand in the table `FORMS`. They take the place of what NumPy does to a primitive's buffers, of its rules
on buffers, and of the whole operation on tensors. What they leave alone (strided operands, other dtypes, more than some
thousand multiplications, careful contexts) goes to the same function in Python. Measured on one core: a linear layer of one
feature, recorded, takes 0.5 us instead of 2.

A kernel is compiled when it is first needed, or taken from the disk, in 0.1 s for all of them. With `MINITORCH_NATIVE=0` in
the environment, NumPy does everything outside of compiled functions.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from operator import is_
from typing import Any, NamedTuple

import numpy as np

from ..core.jit.native import words as w
from ..core.jit.native.builtins import builtin, table
from ..core.jit.native.compile import compile_kernel
from ..core.jit.native.computed import FEW
from ..core.jit.native.objects import offset
from ..core.jit.native.pairs import Unreadable
from ..core.ops import affine, losses, pointwise
from ..core.ops import cross_entropy as crossing
from ..core.ops.families import primitive_of
from ..core.primitive import Plan, Primitive, plan_for
from ..core.tape import Context, Node, Pick, context, next_sequence
from ..core.tracer import Trace
from .handle import GradCell, Tensor

Function = Callable[..., Any]


class Form(NamedTuple):
    """The kernels of a primitive: on tensors, on buffers (none if NumPy is as good), and of its rules, by position."""

    recorded: str
    computed: str | None = None
    rules: Mapping[int, str] = {}


FORMS = {
    primitive_of(affine.linear_p): Form(
        "linear_of", "linear_on", {0: "input_rule_on", 1: "weight_rule_on", 2: "bias_rule_on"}
    ),
    primitive_of(losses.mse_p): Form("mse_loss_of", "mse_loss_on", {0: "mse_rule_on"}),
    primitive_of(crossing.cross_entropy_p): Form("cross_entropy_of", "cross_entropy_on"),
    primitive_of(pointwise.relu): Form("relu_of", None, {0: "relu_rule_on"}),
}
WITH_OPTIONS = frozenset(
    ("mse_loss_of", "mse_loss_on", "mse_rule_on", "cross_entropy_of", "cross_entropy_on"),
)
KERNELS = [k for form in FORMS.values() for k in (form.recorded, form.computed, *form.rules.values()) if k]
_TEXT = f"""
def {{name}}(P, args, kwargs):
    W = i64(P[2])
    made = {{called}}({{given}})
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


def recording(primitive: Primitive, general: Function) -> Function:
    """Return a function that does what `general` does to tensors, natively where there is a form for the primitive."""
    form = FORMS.get(primitive)
    return general if form is None else _late(partial(_recorded, form, primitive, general), general)


def computing(name: str, general: Function, written: int = 0) -> Function:
    """Return a function that does what `general` does to ndarrays by a kernel, where that can.

    Small operands that do not lie in order are put in order, as NumPy's way would differ in the last bit; but for the first
    ones, as many as are `written` to.
    """

    def make() -> Function:
        def scattered(*buffers: Any, **options: Any) -> Any:
            dense = [*buffers[:written], *map(_in_order, buffers[written:])]
            return general(*buffers, **options) if all(map(is_, dense, buffers)) else run(*dense, **options)

        run = _kernel(name, general, {w.SCATTERED: id(scattered)}, scattered)
        return run

    return _late(make, general)


def _in_order(x: Any) -> Any:
    is_small = type(x) is np.ndarray and x.size <= FEW and not x.flags.c_contiguous
    return np.ascontiguousarray(x) if is_small else x


def updating(general: Function) -> Function:
    """Return a function that does what `general` does, an update of tensors from their gradients, natively where it can."""
    return _late(lambda: _kernel("descend_of", general, {**_handles(), **_waits()}), general)


def _late(make: Callable[[], Function], general: Function) -> Function:
    """Return a function that is made when it is first called; `general` serves where it cannot be, or must not.

    Never both of them: their last bits may differ. Threads that come first at the same time make one each.
    """
    run: Function | None = None

    def load() -> Function:
        nonlocal run
        try:
            run = general if os.environ.get("MINITORCH_NATIVE") == "0" else make()
        except (Unreadable, ImportError):  # objects that cannot be read, or no compiler
            run = general
        return run

    def call(*args: Any, **options: Any) -> Any:
        return (run or load())(*args, **options)

    call.general, call.load = general, load  # type: ignore[attr-defined]
    return call


def _recorded(form: Form, primitive: Primitive, general: Function) -> Function:
    plans = [plan_for(primitive, mask) if mask else None for mask in range(1 << len(primitive.args))]
    rows = np.array([word for plan in plans for word in _row(plan)], np.int64)
    return _kernel(form.recorded, general, {**_handles(), **_places(), w.PLANS: rows.ctypes.data}, (rows, plans))


def _row(plan: Plan | None) -> list[int]:
    """Return what a plan has its nodes save, as words; without a plan that can be followed, zeros."""
    if plan is None or any(is_aval for is_aval, _ in plan.codes) or len(plan.codes) > w.PLAN_WORDS - 2:
        return [0] * w.PLAN_WORDS
    picks = [k for _, k in plan.codes]
    found = [id(plan) if plan.calls else w.NOTHING, len(picks), *picks]
    return found + [0] * (w.PLAN_WORDS - len(found))


def _text(name: str) -> str:
    return _TEXT.format(
        name=f"small_{name}", called=name, given="W, args, kwargs" if name in WITH_OPTIONS else "W, args"
    )


def _kernel(name: str, general: Function, own: Mapping[int, int], kept: Any = None) -> Function:
    for one in (name, *KERNELS):  # the others are made meanwhile
        compile_kernel(_text(one), f"small_{one}")
    names = {place: id(text) for place, text in _NAMES.items()}
    return builtin(_text(name), f"small_{name}", table(general, {**own, **names}, kept))


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


for _primitive, _form in FORMS.items():
    if _form.computed is not None:
        _impl: Any = _primitive.impls[np.ndarray]
        _impl.plain = computing(_form.computed, _impl.plain)
    for _position, _name in _form.rules.items():
        _rule = _primitive.vjp[_position].function
        _rule.on_buffers = computing(_name, _rule.on_buffers)
