"""custom_vjp and custom_jvp: functions that bring their own derivative.

Reverse mode records one node for the whole function; forward mode asks the tangent rule, which reverse mode linearizes
and transposes; batching makes the same kind of function, batched, one level down. Outer transforms see what the rules
compute, so a function is differentiable as often as its rules are.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import dtypes, tree
from .calling import (
    Function,
    Leaves,
    Shape,
    batch_flags,
    batch_run,
    batch_size,
    called,
    filled,
    fitting,
    is_recorded,
    matched,
    nameplate,
    recorded,
    settled,
    split,
    top_trace,
    underived,
    zero_tangent,
)
from .errors import ArgumentError, GradError, TracerError
from .jvp import JVPTrace, JVPTracer
from .ops.families import as_array
from .ops.shaping import broadcast_to, cast
from .ops.shaping import sum as sum_
from .primitive import Primitive, Value, aval_of
from .tape import Node, Tape, TapeTracer, context, entering, leaf, leaked, lower, muting
from .vjp import backward
from .vmap import BatchTrace, BatchTracer


class _Custom:
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

    def __call__(self, leaves: Leaves) -> Leaves:
        trace = top_trace(leaves)
        if trace is None:
            return underived(self.primitive.name, self.primal(leaves))
        if trace.closed:
            raise TracerError(leaked(self.primitive, trace))
        if isinstance(trace, Tape):
            return self._on_tape(trace, leaves)
        if isinstance(trace, BatchTrace):
            values, flags = batch_flags(trace, leaves)
            outs = self._batched(flags, batch_size(values, flags))(values)
            return [BatchTracer(trace, x) for x in settled(self.primitive.name, trace, outs)]
        if isinstance(trace, JVPTrace):
            return self._pushed(trace, leaves)
        return trace.process_call(self, self.primal, leaves)

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
        return recorded(tape, self.primitive, self._cotangents, nodes, saved, outs)

    def _kept(self, tape: Tape, values: Leaves, nodes: Sequence[Node | None]) -> tuple[Leaves, Any]:
        """Return results, and what the cotangents will need."""
        raise NotImplementedError

    def _cotangents(self, g: tuple[Value, ...], saved: tuple[Tape, Any], values: tuple[Value, ...]) -> Leaves:
        """Pull cotangents of the results back to the arguments."""
        raise NotImplementedError

    def _batched(self, flags: list[bool], size: int) -> Call:
        """Return the application to whole batches, whose results all have the batch axis."""
        raise NotImplementedError

    def _pushed(self, trace: JVPTrace, leaves: Leaves) -> Leaves:
        """Push tangents through."""
        raise NotImplementedError

    def _batched_primal(self, flags: list[bool], size: int) -> Function:
        return lambda leaves: filled(*batch_run(self.primal, leaves, flags), size)


# --------------------------------------------------------------------------- custom_vjp


class custom_vjp(_Custom):
    """Give a function its own rule for reverse mode. Usable as a decorator.

    `fwd(*args)` returns the result and whatever `bwd` needs; `bwd(residuals, cotangent)` returns a tuple with one
    cotangent (or None, for zero) per argument. Arguments and results may be pytrees. Arguments in `nondiff_argnums`
    have no derivative and come first in `bwd`. Traced values must come in as arguments: closing over one raises a
    GradError.

    >>> from minitorch.core.ops.pointwise import exp, log
    >>> from minitorch.core.transforms import grad
    >>> @custom_vjp
    ... def log1pexp(x):
    ...     return log(1.0 + exp(x))
    >>> log1pexp.defvjp(lambda x: (log1pexp(x), x), lambda x, g: (g * (1.0 - 1.0 / (1.0 + exp(x))),))
    >>> grad(log1pexp)(3.0)
    Array(0.95257413, dtype=float32)
    """

    fwd: Function | None = None
    bwd: Function | None = None

    def defvjp(self, fwd: Function, bwd: Function) -> None:
        """Set the forward function, which also returns residuals, and the backward rule."""
        self.fwd, self.bwd = fwd, bwd

    def _call(self, static: tuple[Any, ...], primals: tuple[Any, ...], structure: Any, shape: Shape) -> Function:
        name = self.primitive.name
        if self.fwd is None or self.bwd is None:
            raise GradError(f"{name}: it has no derivative rule yet; call {name}.defvjp(fwd, bwd) first")
        run = called(self._with(self.function, static), structure)
        run_fwd = called(self._with(self.fwd, static), structure)
        bwd = functools.partial(self.bwd, *static)
        kept = Shape()
        structures = [tree.structure(x) for x in primals]

        def forward(leaves: Leaves) -> tuple[Leaves, Leaves]:
            result = run_fwd(leaves)
            if not isinstance(result, tuple) or len(result) != 2:
                raise GradError(f"{name}: its fwd must return a pair (result, residuals)")
            residuals, kept.structure = tree.flatten(result[1])
            return shape.flatten(result[0]), residuals

        def pull(residuals: Leaves, g: Leaves) -> Leaves:
            with muting(True):
                saved, cotangent = kept.unflatten(residuals), shape.unflatten(g)
            found = bwd(saved, cotangent)
            if not isinstance(found, (tuple, list)) or len(found) != len(structures):
                got = len(found) if isinstance(found, (tuple, list)) else type(found).__name__
                raise GradError(
                    f"{name}: its bwd must return a tuple of {len(structures)} cotangents, one for each argument that "
                    f"is not in nondiff_argnums, got {got}"
                )
            return [x for c, s in zip(found, structures) for x in matched(name, "a cotangent from its bwd", c, s)]

        return _VJPCall(self.primitive, lambda leaves: shape.flatten(run(leaves)), forward, pull)


@dataclass(frozen=True, slots=True)
class _VJPCall(Call):
    forward: Function  # leaves -> results, residual leaves
    pull: Function  # residual leaves, cotangents -> one cotangent or None per argument leaf

    def _kept(self, tape: Tape, values: Leaves, nodes: Sequence[Node | None]) -> tuple[Leaves, Any]:
        outs, residuals = self.forward(values)
        return outs, [_untaped(tape, x) for x in residuals]

    def _cotangents(self, g: tuple[Value, ...], saved: tuple[Tape, Any], values: tuple[Value, ...]) -> Leaves:
        tape, kept = saved
        if is_recorded(tape, values):
            _, kept = self.forward(list(values))
        found = self.pull(kept, list(g))
        name = self.primitive.name
        return [fitting(name, "a cotangent from its bwd", c, v) for c, v in zip(found, values, strict=True)]

    def _pushed(self, trace: JVPTrace, leaves: Leaves) -> Leaves:
        raise GradError(
            f"{self.primitive.name}: forward mode (jvp, jacfwd) has no rule for a custom_vjp function; define it with "
            "custom_jvp, which serves both modes, or use reverse mode"
        )

    def _batched(self, flags: list[bool], size: int) -> Call:
        layout: list[bool] = []  # which residuals are batched

        def forward(leaves: Leaves) -> tuple[Leaves, Leaves]:
            count = 0

            def both(inner: Leaves) -> Leaves:
                nonlocal count
                outs, residuals = self.forward(inner)
                count = len(outs)
                return [*outs, *residuals]

            found, batched = batch_run(both, leaves, flags)
            layout[:] = batched[count:]
            return filled(found[:count], batched[:count], size), found[count:]

        def pull(residuals: Leaves, g: Leaves) -> Leaves:
            n = len(residuals)
            found, batched = batch_run(
                lambda inner: self.pull(inner[:n], inner[n:]), residuals + g, layout + [True] * len(g)
            )
            return [gathered(c, b, flag, size) for c, b, flag in zip(found, batched, flags, strict=True)]

        return _VJPCall(self.primitive, self._batched_primal(flags, size), forward, pull)


def _untaped(tape: Tape, x: Any) -> Any:
    """Return a residual below the tape that records the call: only the rule gives gradients there."""
    while isinstance(x, TapeTracer) and x._trace.level >= tape.level:
        x = x.current()
    return x


def gathered(c: Any, batched: bool, flag: bool, size: int) -> Any:
    """Give a cotangent the batch axis its argument has, or sum it away for an argument that all examples share."""
    if c is None:
        return None
    if not batched:
        c = broadcast_to(as_array(c), (size, *aval_of(as_array(c)).shape))
    return c if flag else sum_(c, axis=0)


# --------------------------------------------------------------------------- custom_jvp


class custom_jvp(_Custom):
    """Give a function its own rule for forward mode, which also serves reverse mode. Usable as a decorator.

    The rule takes a tuple of primals and a tuple of tangents, and returns the result and its tangent, which must be
    linear in the tangents. Arguments in `nondiff_argnums` have no derivative and come first in the rule. Traced values
    must come in as arguments: closing over one raises a GradError.

    >>> from minitorch.core.ops.pointwise import cos, sin
    >>> from minitorch.core.transforms import grad
    >>> @custom_jvp
    ... def wave(x):
    ...     return sin(x)
    >>> @wave.defjvp
    ... def rule(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return wave(x), 2.0 * cos(x) * t
    >>> grad(wave)(0.0)
    Array(2., dtype=float32)
    """

    rule: Function | None = None

    def defjvp(self, rule: Function) -> Function:
        """Set the tangent rule, and return it. Usable as a decorator."""
        self.rule = rule
        return rule

    def _call(self, static: tuple[Any, ...], primals: tuple[Any, ...], structure: Any, shape: Shape) -> Function:
        name = self.primitive.name
        if self.rule is None:
            raise GradError(f"{name}: it has no derivative rule yet; call {name}.defjvp(rule) first")
        run = called(self._with(self.function, static), structure)
        user_rule = functools.partial(self.rule, *static)

        def rule(values: Leaves, tangents: Leaves) -> tuple[Leaves, Leaves]:
            with muting(True):
                pair = tree.unflatten(structure, values), tree.unflatten(structure, tangents)
            result = user_rule(*pair)
            if not isinstance(result, tuple) or len(result) != 2:
                raise GradError(f"{name}: its rule must return a pair (result, tangent)")
            outs = shape.flatten(result[0])
            ts = matched(name, "the tangent from its rule", result[1], shape.structure)
            ts = [fitting(name, "the tangent from its rule", t, o) for t, o in zip(ts, outs, strict=True)]
            return outs, [zero_tangent(o) if t is None else t for t, o in zip(ts, outs)]

        return _JVPCall(self.primitive, lambda leaves: shape.flatten(run(leaves)), rule)


@dataclass(frozen=True, slots=True)
class _Linear:
    """The tangent map at a point: the nodes of its inputs and outputs on a tape of its own."""

    inputs: list[Node | None]
    outputs: list[Node | None]

    def transpose(self, g: Sequence[Value]) -> Leaves:
        """Pull cotangents of the outputs back to the inputs."""
        found = backward([(node, c) for node, c in zip(self.outputs, g) if node is not None], keep=True)
        return [None if node is None else found.get(node) for node in self.inputs]


@dataclass(frozen=True, slots=True)
class _JVPCall(Call):
    rule: Function  # leaves, tangents -> results, tangents

    def _kept(self, tape: Tape, values: Leaves, nodes: Sequence[Node | None]) -> tuple[Leaves, Any]:
        outs, ts, linear = self._linearized(values, nodes)
        settled(self.primitive.name, tape, ts)
        return outs, linear

    def _linearized(self, values: Leaves, nodes: Sequence[Any]) -> tuple[Leaves, Leaves, _Linear]:
        with entering(Tape) as inner:
            zeros = [zero_tangent(x) for x in values]
            inputs = [None if node is None else leaf(zero) for node, zero in zip(nodes, zeros)]
            tangents = [x if node is None else inner.wrap(x, node) for x, node in zip(zeros, inputs)]
            outs, ts = self.rule(values, tangents)
            outs, ts = settled(self.primitive.name, inner, [lower(x) for x in outs]), [lower(t) for t in ts]
        mine = [isinstance(t, TapeTracer) and t._trace is inner for t in ts]
        outputs = [t.node if m else None for t, m in zip(ts, mine)]
        return outs, [t.value if m else t for t, m in zip(ts, mine)], _Linear(inputs, outputs)

    def _cotangents(self, g: tuple[Value, ...], saved: tuple[Tape, Any], values: tuple[Value, ...]) -> Leaves:
        tape, kept = saved
        if is_recorded(tape, values):
            _, _, kept = self._linearized(list(values), kept.inputs)
        return kept.transpose(g)  # type: ignore[no-any-return]

    def _pushed(self, trace: JVPTrace, leaves: Leaves) -> Leaves:
        mine = [isinstance(x, JVPTracer) and x._trace is trace for x in leaves]
        values = [x.value if m else x for x, m in zip(leaves, mine)]
        tangents = [x.tangent if m else zero_tangent(x) for x, m in zip(leaves, mine)]
        outs, ts = self.rule(values, tangents)
        outs, ts = settled(self.primitive.name, trace, outs), settled(self.primitive.name, trace, ts)
        return [_paired(trace, o, t) for o, t in zip(outs, ts, strict=True)]

    def _batched(self, flags: list[bool], size: int) -> Call:
        def rule(values: Leaves, tangents: Leaves) -> tuple[Leaves, Leaves]:
            n = len(values)

            def both(inner: Leaves) -> Leaves:
                outs, ts = self.rule(inner[:n], inner[n:])
                return outs + ts  # type: ignore[no-any-return]

            found = filled(*batch_run(both, values + tangents, flags + flags), size)
            return found[: len(found) // 2], found[len(found) // 2 :]

        return _JVPCall(self.primitive, self._batched_primal(flags, size), rule)


def _paired(trace: JVPTrace, out: Value, tangent: Value) -> Value:
    dtype = aval_of(out).dtype
    return JVPTracer(trace, out, cast(tangent, dtype)) if dtype in dtypes.INEXACT else out
