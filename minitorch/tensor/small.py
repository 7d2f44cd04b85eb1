"""Native forms of operations on tensors: each looks at its operands, computes, and records, in one call.

Pointwise operations have NumPy compute. Those in the table `FORMS` compute natively, up to a few thousand multiplications;
there, native forms take the place of what NumPy does to the primitive's buffers, and of its rules on buffers, too, so that
sizes decide who computes, and nothing else does. What forms leave alone (other dtypes, shared memory, careful contexts)
goes to the same function in Python. Measured on one core: a linear layer of one feature takes 0.5 us instead of 2,
recorded, and a product of two small tensors 0.7 instead of 1.1.

A kernel is compiled when it is first needed, or taken from the disk, in 0.1 s for all of them. With `MINITORCH_NATIVE=0` in
the environment, NumPy and Python do everything outside of compiled functions.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..core import dtypes
from ..core.ops import affine, losses, pointwise
from ..core.ops import cross_entropy as crossing
from ..core.ops.families import primitive_of
from ..core.primitive import Primitive
from ..core.tape import context

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
_POINTWISE = {1: Form("unary_of"), 2: Form("binary_of")}  # by the number of arguments


def recording(primitive: Primitive, general: Function) -> Function:
    """Return a function that does what `general` does to tensors, natively where there is a form for the primitive."""
    form = FORMS.get(primitive) or _pointwise(primitive)
    if form is None:
        return general
    name = form.recorded  # all that a compiled function has to look at when it is this one

    def make() -> Function:
        from .kernels import recorded

        return recorded(name, primitive, general)

    return _late(make, general)


def _pointwise(primitive: Primitive) -> Form | None:
    """Return the form of a pointwise primitive: the call of what computes it, and the record.

    Of two arguments, that has to be a function of NumPy's, which takes a number as an array without axes.
    """
    if not {dtypes.float32, dtypes.float64} <= primitive.direct:
        return None
    if len(primitive.args) == 2 and not isinstance(primitive.impls[np.ndarray], np.ufunc):
        return None
    return _POINTWISE.get(len(primitive.args))


def computing(name: str, general: Function, written: int = 0) -> Function:
    """Return a function that does what `general` does to ndarrays by a kernel, where that can.

    Small operands that do not lie in order are put in order, as NumPy's way would differ in the last bit; but for the first
    ones, as many as are `written` to.
    """

    def make() -> Function:
        from .kernels import computed

        return computed(name, general, written)

    return _late(make, general)


def updating(general: Function) -> Function:
    """Return a function that does what `general` does, an update of tensors from their gradients, natively where it can."""

    def make() -> Function:
        from .kernels import updated

        return updated(general)

    return _late(make, general)


def _late(make: Callable[[], Function], general: Function) -> Function:
    """Return a function that is made when it is first called; `general` serves where it cannot be, or must not.

    Never both of them: their last bits may differ. Threads that come first at the same time make one each. What is being
    recorded, or watched, is `general`'s business anyway, and no reason to make the other.
    """
    run: Function | None = None

    def load() -> Function:
        nonlocal run
        run = general if os.environ.get("MINITORCH_NATIVE") == "0" else make()
        return run

    def call(*args: Any, **options: Any) -> Any:
        if run is None and context.get().careful:
            return general(*args, **options)
        return (run or load())(*args, **options)

    call.general, call.load = general, load  # type: ignore[attr-defined]
    return call


for _primitive, _form in FORMS.items():
    if _form.computed is not None:
        _impl: Any = _primitive.impls[np.ndarray]
        _impl.plain = computing(_form.computed, _impl.plain)
    for _position, _name in _form.rules.items():
        _rule = _primitive.vjp[_position].function
        _rule.on_buffers = computing(_name, _rule.on_buffers)
