"""custom_vjp and custom_jvp: functions that bring their own derivative.

Reverse mode records one node for the whole function; forward mode asks the tangent rule, which reverse mode linearizes
and transposes; batching makes the same kind of function, batched, one level down. Outer transforms see what the rules
compute, so a function is differentiable as often as its rules are.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from . import dtypes, tree
from .aval import Aval
from .calling import (
    Batch,
    Function,
    Leaves,
    Shape,
    batch_run,
    called,
    filled,
    fitting,
    is_recorded,
    matched,
    settled,
    zero_tangent,
)
from .calls import Call, Custom, CustomVJPPrimal, SymbolicZero, gathered, zero_or_array
from .duals import JVPTracer
from .errors import ArgumentError, GradError, ShapeError
from .jvp import JVPTrace
from .ops.families import as_array
from .ops.pointwise import add
from .ops.shaping import cast
from .tape import Node, Tape, TapeTracer, entering, leaf, lower, muting
from .tracer import Value, aval_of
from .vjp import backward

# --------------------------------------------------------------------------- custom_vjp


class custom_vjp(Custom):
    """Give a function its own rule for reverse mode. Usable as a decorator.

    `fwd(*args)` returns the result and whatever `bwd` needs; `bwd(residuals, cotangent)` returns a tuple with one
    cotangent (or None, for zero) per argument. Arguments and results may be pytrees; for one that is a tree, None may
    stand for any part of its cotangent, and always does for integers. Arguments in `nondiff_argnums` have no derivative
    and come first in `bwd`. Traced values must come in as arguments: closing over one raises a GradError.

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
    symbolic_zeros: bool = False

    def defvjp(self, fwd: Function, bwd: Function, symbolic_zeros: bool = False) -> None:
        """Set the forward function, which also returns residuals, and the backward rule.

        With `symbolic_zeros`, `fwd` gets each leaf of its differentiable arguments as a `CustomVJPPrimal`, and `bwd` a
        `SymbolicZero` for each result that the gradient does not depend on.
        """
        self.fwd, self.bwd, self.symbolic_zeros = fwd, bwd, symbolic_zeros

    def _call(self, static: tuple[Any, ...], primals: tuple[Any, ...], structure: Any, shape: Shape) -> Function:
        name = self.primitive.name
        if self.fwd is None or self.bwd is None:
            raise GradError(f"{name}: it has no derivative rule yet; call {name}.defvjp(fwd, bwd) first")
        run = called(self._with(self.function, static), structure)
        run_fwd = called(self._with(self.fwd, static), structure)
        bwd = functools.partial(self.bwd, *static)
        kept = Shape()
        structures = [tree.structure(x) for x in primals]
        symbolic, avals = self.symbolic_zeros, list[Aval]()

        def forward(leaves: Leaves, perturbed: Sequence[bool]) -> tuple[Leaves, Leaves]:
            result = run_fwd([*map(CustomVJPPrimal, leaves, perturbed)] if symbolic else leaves)
            if not isinstance(result, tuple) or len(result) != 2:
                raise GradError(f"{name}: its fwd must return a pair (result, residuals)")
            residuals, kept.structure = tree.flatten(result[1])
            outs = shape.flatten(result[0])
            avals[:] = map(aval_of, outs)
            return outs, residuals

        def pull(residuals: Leaves, g: Leaves) -> Leaves:
            g = [zero_or_array(symbolic, one, aval) for one, aval in zip(g, avals, strict=True)]
            with muting(True):
                saved, cotangent = kept.unflatten(residuals), shape.unflatten(g)
            found = bwd(saved, cotangent)
            if not isinstance(found, (tuple, list)) or len(found) != len(structures):
                got = len(found) if isinstance(found, (tuple, list)) else type(found).__name__
                raise GradError(
                    f"{name}: its bwd must return a tuple of {len(structures)} cotangents, one for each argument that "
                    f"is not in nondiff_argnums, got {got}"
                )
            whats = [f"the cotangent of {self._argument(i)} from its bwd" for i in range(len(structures))]
            return [x for what, c, s in zip(whats, found, structures) for x in matched(name, what, c, s)]

        def path(i: int) -> str:
            return [p for k, x in enumerate(primals) for p in tree.paths(x, self._argument(k))][i]

        return _VJPCall(self.primitive, lambda leaves: shape.flatten(run(leaves)), forward, pull, path)


@dataclass(frozen=True, slots=True)
class _VJPCall(Call):
    fill_zeros: ClassVar[bool] = False
    forward: Function  # leaves, which of them are perturbed -> results, residual leaves
    pull: Function  # residual leaves, cotangents or None -> one cotangent or None per argument leaf
    path: Callable[[int], str]  # the printable name of an argument leaf

    def _kept(self, tape: Tape, values: Leaves, nodes: Sequence[Node | None]) -> tuple[Leaves, Any]:
        perturbed = [node is not None for node in nodes]
        outs, residuals = self.forward(values, perturbed)
        kept = settled(self.primitive.name, tape, [_untaped(tape, x) for x in residuals])
        return outs, (kept, perturbed)

    def _cotangents(self, g: tuple[Value, ...], saved: tuple[Tape, Any], values: tuple[Value, ...]) -> Leaves:
        tape, (kept, perturbed) = saved
        if is_recorded(tape, values):
            _, kept = self.forward(list(values), perturbed)
        found = self.pull(kept, list(g))
        return [self._fitting(i, c, v) for i, (c, v) in enumerate(zip(found, values, strict=True))]

    def _fitting(self, i: int, g: Any, value: Any) -> Any:
        if g is None or isinstance(g, SymbolicZero):
            return None
        try:
            return fitting(self.primitive.name, "a cotangent from its bwd", g, value)
        except ShapeError as error:
            raise ShapeError(f"{error} (argument {self.path(i)})") from None

    def _pushed(self, trace: JVPTrace, leaves: Leaves) -> Leaves:
        raise GradError(
            f"{self.primitive.name}: forward mode (jvp, jacfwd) has no rule for a custom_vjp function; define it with "
            "custom_jvp, which serves both modes, or use reverse mode"
        )

    def _expanded(self, trace: Any, leaves: Leaves) -> Leaves:
        return trace.against(self.primitive.name, self.forward, self._fitted, leaves)  # type: ignore[no-any-return]

    def _fitted(self, residuals: Leaves, g: Leaves, values: Leaves) -> Leaves:
        """Pull cotangents back, None for those that are zero."""
        return [self._fitting(i, c, v) for i, (c, v) in enumerate(zip(self.pull(residuals, g), values, strict=True))]

    def _batched(self, flags: list[bool], batch: Batch) -> Call:
        layout: list[bool] = []  # which residuals are batched

        def forward(leaves: Leaves, perturbed: Sequence[bool]) -> tuple[Leaves, Leaves]:
            count = 0

            def both(inner: Leaves) -> Leaves:
                nonlocal count
                outs, residuals = self.forward(inner, perturbed)
                count = len(outs)
                return [*outs, *residuals]

            found, batched = batch_run(both, leaves, flags, batch)
            layout[:] = batched[count:]
            return filled(found[:count], batched[:count], batch.size), found[count:]

        def pull(residuals: Leaves, g: Leaves) -> Leaves:
            n = len(residuals)
            given = layout + [x is not None for x in g]
            found, batched = batch_run(lambda inner: self._pull(inner[:n], inner[n:]), residuals + g, given, batch)
            return [gathered(c, b, flag, batch.size) for c, b, flag in zip(found, batched, flags, strict=True)]

        return _VJPCall(self.primitive, self._batched_primal(flags, batch), forward, pull, self.path)

    def _pull(self, residuals: Leaves, g: Leaves) -> Leaves:
        return [None if isinstance(c, SymbolicZero) else c for c in self.pull(residuals, g)]


def _untaped(tape: Tape, x: Any) -> Any:
    """Return a residual below the tape that records the call: only the rule gives gradients there."""
    while isinstance(x, TapeTracer) and x._trace.level >= tape.level:
        x = x.current()
    return x


# --------------------------------------------------------------------------- custom_jvp


class custom_jvp(Custom):
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
    symbolic_zeros: bool = False

    def defjvp(self, rule: Function, symbolic_zeros: bool = False) -> Function:
        """Set the tangent rule, and return it. Usable as a decorator.

        With `symbolic_zeros`, the rule gets a `SymbolicZero` as the tangent of what is not differentiated.
        """
        self.rule, self.symbolic_zeros = rule, symbolic_zeros
        return rule

    def defjvps(self, *rules: Function | None) -> None:
        """Set one tangent rule `rule(t, result, *primals)` for each argument, None for one without derivative.

        >>> from minitorch.core.transforms import grad
        >>> scaled = custom_jvp(lambda x, y: x * y)
        >>> scaled.defjvps(lambda t, out, x, y: t * y * 10.0, None)
        >>> grad(scaled, (0, 1))(2.0, 3.0)
        (Array(30., dtype=float32), Array(0., dtype=float32))
        """
        if self.nondiff:
            raise ArgumentError(f"{self.primitive.name}: defjvps leaves no place for nondiff_argnums; use defjvp")

        def rule(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
            out = self(*primals)
            if len(rules) != len(primals):
                raise ArgumentError(
                    f"{self.primitive.name}: defjvps got {len(rules)} rules for {len(primals)} arguments; give one, or "
                    "None, for each"
                )
            total = None
            for each, t in zip(rules, tangents):
                if each is not None:
                    part = each(t, out, *primals)
                    total = part if total is None else tree.map(add, total, part)
            return out, total

        self.defjvp(rule)

    def _call(self, static: tuple[Any, ...], primals: tuple[Any, ...], structure: Any, shape: Shape) -> Function:
        name = self.primitive.name
        if self.rule is None:
            raise GradError(f"{name}: it has no derivative rule yet; call {name}.defjvp(rule) first")
        run = called(self._with(self.function, static), structure)
        user_rule, symbolic = functools.partial(self.rule, *static), self.symbolic_zeros

        def rule(values: Leaves, tangents: Leaves) -> tuple[Leaves, Leaves]:
            ts = [_tangent_given(symbolic, t, x) for x, t in zip(values, tangents)]
            with muting(True):
                pair = tree.unflatten(structure, values), tree.unflatten(structure, ts)
            result = user_rule(*pair)
            if not isinstance(result, tuple) or len(result) != 2:
                raise GradError(f"{name}: its rule must return a pair (result, tangent)")
            outs = shape.flatten(result[0])
            ts = matched(name, "the tangent from its rule", result[1], shape.structure)
            ts = [None if isinstance(t, SymbolicZero) else t for t in ts]
            ts = [fitting(name, "the tangent from its rule", t, o) for t, o in zip(ts, outs, strict=True)]
            return outs, [zero_tangent(o) if t is None else t for t, o in zip(ts, outs)]

        return _JVPCall(self.primitive, lambda leaves: shape.flatten(run(leaves)), rule)


def _tangent_given(symbolic: bool, t: Any, x: Any) -> Any:
    if t is not None or not symbolic:
        return zero_tangent(x) if t is None else t
    return SymbolicZero(aval_of(as_array(x)))


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
            tangents = [None if node is None else inner.wrap(x, node) for x, node in zip(zeros, inputs)]
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
        outs, ts = self.rule(values, [x.tangent if m else None for x, m in zip(leaves, mine)])
        outs, ts = settled(self.primitive.name, trace, outs), settled(self.primitive.name, trace, ts)
        return [_paired(trace, o, t) for o, t in zip(outs, ts, strict=True)]

    def _expanded(self, trace: Any, leaves: Leaves) -> Leaves:
        return trace.along(self.rule, leaves)  # type: ignore[no-any-return]

    def _batched(self, flags: list[bool], batch: Batch) -> Call:
        def rule(values: Leaves, tangents: Leaves) -> tuple[Leaves, Leaves]:
            n = len(values)

            def both(inner: Leaves) -> Leaves:
                outs, ts = self.rule(inner[:n], inner[n:])
                return outs + ts  # type: ignore[no-any-return]

            moved = [flag and t is not None for flag, t in zip(flags, tangents)]
            found = filled(*batch_run(both, values + tangents, flags + moved, batch), batch.size)
            return found[: len(found) // 2], found[len(found) // 2 :]

        return _JVPCall(self.primitive, self._batched_primal(flags, batch), rule)


def _paired(trace: JVPTrace, out: Value, tangent: Value) -> Value:
    dtype = aval_of(out).dtype
    return JVPTracer(trace, out, cast(tangent, dtype)) if dtype in dtypes.INEXACT else out
