"""Calls: applications of functions that bring their own derivative.

A call finds the transform among its arguments that has the say, and is recorded, pushed or batched as one unit. Knows
of rules only that there are some.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, ClassVar

from . import dtypes, tree
from .aval import Aval
from .calling import (
    Batch,
    ClosedOverError,
    Function,
    Leaves,
    Shape,
    batch_flags,
    batch_run,
    batch_size,
    filled,
    nameplate,
    recorded,
    settled,
    split,
    top_trace,
    underived,
)
from .errors import ArgumentError, GradError, TracerError
from .jvp import JVPTrace
from .ops.families import as_array
from .ops.shaping import broadcast_to, zeros_of
from .ops.shaping import sum as sum_
from .primitive import Primitive
from .tape import Node, Tape, context
from .tracer import Trace, Value, aval_of, leaked
from .vmap import BatchTrace, BatchTracer


class SymbolicZero:
    """A cotangent or tangent that is zero and was never made: what a rule with `symbolic_zeros` gets in its place.

    >>> SymbolicZero(aval_of(1.0)).instantiate().item()
    0.0
    """

    __slots__ = ("aval",)

    def __init__(self, aval: Aval):
        self.aval = aval

    def __repr__(self) -> str:
        return f"SymbolicZero({self.aval})"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the zeros."""
        return self.aval.shape

    @property
    def dtype(self) -> dtypes.DType:
        """The data type of the zeros."""
        return self.aval.dtype

    def instantiate(self) -> Value:
        """Return zeros as an array."""
        return zeros_of(self.aval)


class CustomVJPPrimal:
    """A leaf of an argument as the fwd of a `custom_vjp` with `symbolic_zeros` gets it.

    `value` is what the function gets, `perturbed` says whether its gradient is wanted.

    >>> CustomVJPPrimal(1.0, perturbed=True).value
    1.0
    """

    __slots__ = ("perturbed", "value")

    def __init__(self, value: Value, perturbed: bool):
        self.value = value
        self.perturbed = perturbed


def zero_or_array(symbolic: bool, g: Any, aval: Aval) -> Any:
    """Return a cotangent or tangent, where it is missing as a `SymbolicZero` or as zeros."""
    if g is not None:
        return g
    return SymbolicZero(aval) if symbolic else zeros_of(aval)


class Custom:
    """A function with rules of its own: the arguments it is differentiated in, and what applies it."""

    def __init__(self, function: Function, nondiff_argnums: Sequence[int] = ()):
        functools.update_wrapper(self, function, updated=())
        self.function = function
        self.nondiff = tuple(sorted(nondiff_argnums))
        self.primitive = nameplate(function)
        self.signature = inspect.signature(function)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = self._positional(args, kwargs)
        static = tuple(args[i] for i in self.nondiff)
        primals = tuple(x for i, x in enumerate(args) if i not in self.nondiff)
        leaves, structure = tree.flatten(primals)
        shape = Shape()
        call = self._call(static, primals, structure, shape)
        return shape.unflatten(call(leaves))

    def _argument(self, position: int) -> str:
        """Return the name of a differentiable argument."""
        names = [n for i, n in enumerate(self.signature.parameters) if i not in self.nondiff]
        return names[position] if position < len(names) else f"args[{position}]"

    def _positional(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        if bound.kwargs:
            raise ArgumentError(
                f"{self.primitive.name}: its rules take positional arguments, so it cannot take the keyword-only "
                f"arguments {', '.join(bound.kwargs)}; make them positional, with nondiff_argnums if they are no arrays"
            )
        return bound.args

    def _with(self, function: Function, static: tuple[Any, ...]) -> Function:
        """Return the function of the differentiable arguments."""

        def partial(*primals: Any) -> Any:
            args = list(primals)
            for i, x in zip(self.nondiff, static, strict=True):
                args.insert(i, x)
            return function(*args)

        return partial

    def _call(self, static: tuple[Any, ...], primals: tuple[Any, ...], structure: Any, shape: Shape) -> Function:
        """Return the application, as a function of leaves."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Call:
    """One application, from leaves to leaves. Which trace has the say is found here, once for both kinds."""

    primitive: Primitive
    primal: Function
    fill_zeros: ClassVar[bool] = True  # whether cotangents that nobody gave come as zeros, or as None

    def __call__(self, leaves: Leaves, below: float = inf) -> Leaves:
        """Apply the function. A batch that it closes over has the say first if it is `below` those already asked."""
        trace = top_trace(leaves)
        if trace is None:
            return underived(self.primitive.name, self.primal(leaves))
        try:
            return self._under(trace, leaves)
        except ClosedOverError as error:
            mapped = error.value
            if not isinstance(mapped, BatchTracer) or not trace.level < mapped._trace.level < below:
                raise
        return self._mapped(mapped._trace, leaves, len(mapped.value))  # type: ignore[arg-type]

    def _under(self, trace: Trace, leaves: Leaves) -> Leaves:
        """Apply the function as the trace wants it, which is the highest among the arguments."""
        if trace.closed:
            raise TracerError(leaked(self.primitive, trace))
        if isinstance(trace, Tape):
            return self._on_tape(trace, leaves)
        if isinstance(trace, BatchTrace):
            return self._mapped(trace, leaves, batch_size(*batch_flags(trace, leaves)))
        if isinstance(trace, JVPTrace):
            return self._pushed(trace, leaves)
        if trace.expands:
            return self._expanded(trace, leaves)
        return trace.process_call(self, self.primal, leaves)

    def _mapped(self, trace: BatchTrace, leaves: Leaves, size: int) -> Leaves:
        """Apply the function to a batch: of arguments, or of what it closes over."""
        values, flags = batch_flags(trace, leaves)
        outs = self._batched(flags, Batch(size, trace.axis, trace))(values, trace.level)
        return [BatchTracer(trace, x) for x in settled(self.primitive.name, trace, outs)]

    def over(self, function: Function) -> Call:
        """Return the same kind of call for a function that takes what this one closes over as further arguments."""
        raise GradError(
            f"{self.primitive.name}: inside a loop or a branch it closes over a traced value, and its derivative rule "
            "speaks of arguments only; pass the value as an argument"
        )

    def _on_tape(self, tape: Tape, leaves: Leaves) -> Leaves:
        values, nodes = split(tape, leaves)
        if not any(nodes) or context.get().muted >= tape.level:
            outs = settled(self.primitive.name, tape, self(values))
            return list(tape.untracked(tuple(outs)))
        outs, kept = self._kept(tape, values, nodes)
        outs = settled(self.primitive.name, tape, outs)
        saved = ((tape, kept), tuple(values))
        return recorded(tape, self.primitive, self._cotangents, nodes, saved, outs, fills=self.fill_zeros)

    def _kept(self, tape: Tape, values: Leaves, nodes: Sequence[Node | None]) -> tuple[Leaves, Any]:
        """Return results, and what the cotangents will need."""
        raise NotImplementedError

    def _cotangents(self, g: tuple[Value, ...], saved: tuple[Tape, Any], values: tuple[Value, ...]) -> Leaves:
        """Pull cotangents of the results back to the arguments."""
        raise NotImplementedError

    def _batched(self, flags: list[bool], batch: Batch) -> Call:
        """Return the application to whole batches, whose results all have the batch axis."""
        raise NotImplementedError

    def _pushed(self, trace: JVPTrace, leaves: Leaves) -> Leaves:
        """Push tangents through."""
        raise NotImplementedError

    def _expanded(self, trace: Any, leaves: Leaves) -> Leaves:
        """Return power series of the results."""
        raise GradError(
            f"{self.primitive.name}: jet has no rule for it; define the function with custom_jvp or custom_vjp"
        )

    def _batched_primal(self, flags: list[bool], batch: Batch) -> Function:
        return lambda leaves: filled(*batch_run(self.primal, leaves, flags, batch), batch.size)


def gathered(c: Any, batched: bool, flag: bool, size: int) -> Any:
    """Give a cotangent the batch axis its argument has, or sum it away for an argument that all examples share."""
    if c is None:
        return None
    if not batched:
        c = broadcast_to(as_array(c), (size, *aval_of(as_array(c)).shape))
    return c if flag else sum_(c, axis=0)
