"""Taylor mode: push a truncated power series through a function.

A tracer holds the coefficients of a curve. Linear operations act on each coefficient, bilinear ones by Leibniz' rule.
For every other operation v = f(u) the declared tangent rule is read as a differential equation, v' = rule(u'; u, v), in
power series: each coefficient of v follows from the ones before it. So what has a tangent rule has a Taylor expansion.

Source: Griewank and Walther, "Evaluating Derivatives", 2008, chapter 13; Bettencourt, Johnson and Duvenaud, "Taylor-mode
automatic differentiation for higher-order derivatives in JAX", 2019.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from . import dtypes, tree
from .calling import zero_tangent
from .errors import ArgumentError, ShapeError, TracerError, UnsupportedError
from .linear import transposed
from .linearity import Group, groups
from .ops.pointwise import add, conj, div, mul, sub
from .ops.shaping import broadcast_to, cast, zeros_of
from .primitive import DECOMPOSE, LINEAR, NO_DERIVATIVE, Primitive, Rule, Whole, bind
from .recording import constant, direction, inexact_leaves
from .tape import entering, lower, muting
from .tracer import Params, Trace, Tracer, Value, aval_of, avals_of, leaked

Function = Callable[..., Any]
Series = list[Any]  # coefficients c[0], c[1], ... of c[0] + c[1] t + c[2] t² + ...; None is a zero that was never made


class JetTracer(Tracer):
    """A curve, by its Taylor coefficients. `value` is the first."""

    __slots__ = ("series",)
    transform = "jet"

    def __init__(self, trace: Trace, series: Series):
        self._trace = trace
        self.value = series[0]
        self.series = series

    def is_differentiated(self) -> bool:
        """Return whether the curve moves."""
        return any(c is not None for c in self.series[1:])


class JetTrace(Trace):
    """The trace that expands operations."""

    __slots__ = ()
    transform = "jet"
    expands = True

    def process(self, primitive: Primitive, args: tuple[Value, ...], params: Params) -> Any:
        """Compute the coefficients of a result from those of the arguments."""
        if self.closed:
            raise TracerError(leaked(primitive, self))
        if primitive.jvp is DECOMPOSE:
            assert primitive.decompose is not None
            return primitive.decompose(*args, **params)
        if type(primitive.jvp) is Whole:
            return primitive.jvp.process(self, primitive, args, params)
        mine = [isinstance(a, JetTracer) and a._trace is self for a in args]
        order = min(len(a.series) for a, m in zip(args, mine) if m) - 1
        curves = [a.series[: order + 1] if m else [a] + [None] * order for a, m in zip(args, mine)]
        rounds = primitive.jvp is LINEAR and not groups(primitive, len(args), params)  # a cast to integers
        if primitive.jvp is NO_DERIVATIVE or rounds or order == 0:
            out = bind(primitive, *(c[0] for c in curves), **params)
            return out if primitive.jvp is NO_DERIVATIVE else self._wrapped(out, [])
        moving = {i for i, c in enumerate(curves) if any(x is not None for x in c[1:])}
        if primitive.name == "div" and 1 in moving:
            return self._wrapped(*_quotient(curves))
        for expand in (_linear, _bilinear):
            found = expand(primitive, curves, moving, params)
            if found is not None:
                return self._wrapped(*found)
        return self._by_rule(primitive, curves, moving, params)

    def _wrapped(self, out: Any, higher: Sequence[Any]) -> Any:
        """Make tracers of a result and its higher coefficients, in its shape and dtype."""
        if type(out) is tuple:
            rest = [[None if c is None else c[i] for c in higher] for i in range(len(out))]
            return tuple(self._wrapped(o, r) for o, r in zip(out, rest))
        aval = aval_of(out)
        if aval.dtype not in dtypes.INEXACT:
            return out
        fitted = [None if c is None else broadcast_to(cast(c, aval.dtype), aval.shape) for c in higher]
        return JetTracer(self, [out, *fitted])

    def _by_rule(self, primitive: Primitive, curves: list[Series], moving: set[int], params: Params) -> Any:
        """Solve v' = rule(u'; u, v), coefficient by coefficient."""
        rules = _rules(primitive, moving)
        implicit = any((False, 0) in r.sources for _, r in rules)
        out = bind(primitive, *(c[0] for c in curves), **params)
        order = len(curves[0]) - 1
        higher: list[Any] = []
        for m in range(order) if implicit else [order - 1]:
            u = [self._curve(c[: m + 1]) if i in moving else c[0] for i, c in enumerate(curves)]
            slopes = [self._curve([_times(j + 1, c[j + 1]) for j in range(m + 1)]) for c in curves]
            v = self._wrapped(out, higher)
            moved = self._rate(primitive, rules, slopes, u, v, params)
            new = [_coefficient(moved, self, j) for j in ([m] if implicit else range(order))]
            higher += [_times(1 / (len(higher) + 1 + j), c) for j, c in enumerate(new)]
        return self._wrapped(out, higher)

    def _rate(self, primitive: Primitive, rules: Any, slopes: Any, u: list[Any], v: Any, params: Params) -> Any:
        """Return the derivative of the result along the curve, itself a curve."""
        env = (v, tuple(u)) if primitive.variadic else (v, *u)
        total: Any = None
        for i, rule in rules:
            t = slopes[i] if i >= 0 else tuple(zero_tangent(x) if s is None else s for s, x in zip(slopes, u))
            if t is None:
                continue
            given = [avals_of(env[k]) if is_aval else env[k] for is_aval, k in rule.sources]
            part = rule.function(t, *given, **{s: params[s] for s in rule.statics})
            total = _sum(total, part)
        return total

    def _curve(self, series: Series) -> JetTracer | None:
        """Return a tracer of a curve, None if it is zero."""
        made = next((c for c in series if c is not None), None)
        if made is None:
            return None
        return JetTracer(self, [zeros_of(aval_of(made)), *series[1:]] if series[0] is None else series)

    def taken(self, args: Sequence[Value]) -> tuple[list[Value], list[list[Value] | None], int]:
        """Return values one level down, the higher coefficients of those that have some, and how many these are."""
        mine = [isinstance(a, JetTracer) and a._trace is self for a in args]
        count = min((len(a.series) for a, m in zip(args, mine) if m), default=1) - 1
        higher: list[list[Value] | None] = [
            [zeros_of(aval_of(a.value)) if c is None else c for c in a.series[1 : count + 1]] if m else None
            for a, m in zip(args, mine)
        ]
        return [a.value if m else a for a, m in zip(args, mine)], higher, count

    def joined(self, value: Value, higher: Sequence[Value]) -> JetTracer:
        """Return the curve of a value and its higher coefficients."""
        return JetTracer(self, [value, *higher])

    def along(self, rule: Function, leaves: Sequence[Any]) -> list[Any]:
        """Expand a function that has a rule `rule(values, tangents)` for its values and tangents."""
        mine = [isinstance(x, JetTracer) and x._trace is self for x in leaves]
        order = min(len(x.series) for x, m in zip(leaves, mine) if m) - 1
        if order == 0:
            outs, _ = rule([x.value if m else x for x, m in zip(leaves, mine)], [None] * len(leaves))
            return [self._wrapped(o, []) for o in outs]
        u = [self._curve(x.series[:order]) if m else x for x, m in zip(leaves, mine)]
        slopes = [
            self._curve([_times(j + 1, x.series[j + 1]) for j in range(order)]) if m else None
            for x, m in zip(leaves, mine)
        ]
        outs, moved = rule(u, slopes)
        return [
            self._wrapped(
                _coefficient(o, self, 0), [_times(1 / (j + 1), _coefficient(t, self, j)) for j in range(order)]
            )
            for o, t in zip(outs, moved)
        ]

    def against(self, name: str, forward: Function, pull: Function, leaves: Sequence[Any]) -> list[Any]:
        """Expand a function by its rule for cotangents, linear in these, whose transpose is its rule for tangents.

        `forward(values, perturbed)` returns results and residuals, `pull(residuals, cotangents, values)` cotangents.
        """

        def rule(values: list[Any], tangents: list[Any]) -> tuple[list[Any], list[Any]]:
            outs, residuals = forward(values, [t is not None for t in tangents])
            floats = [i for i, x in enumerate(outs) if aval_of(x).dtype in dtypes.INEXACT]
            reached: list[int] = []

            def back(*cotangents: Any) -> list[Any]:
                given = dict(zip(floats, cotangents))
                found = pull(residuals, [given.get(i) for i in range(len(outs))], values)
                reached[:] = [i for i, c in enumerate(found) if c is not None and tangents[i] is not None]
                return [cast(found[i], aval_of(values[i]).dtype) for i in reached]

            forth = transposed(f"jet: the bwd of {name}", back, tuple(zeros_of(aval_of(outs[i])) for i in floats))
            found = forth([conj(tangents[i]) for i in reached]) if reached else ()
            moved = dict(zip(floats, map(conj, found)))
            return outs, [moved.get(i) for i in range(len(outs))]

        return self.along(rule, leaves)


def _rules(primitive: Primitive, moving: set[int]) -> list[tuple[int, Rule]]:
    if isinstance(primitive.jvp, Rule):
        return [(-1, primitive.jvp)]
    if type(primitive.jvp) is not tuple:
        raise UnsupportedError(f"jet: {primitive.name} has no tangent rule, so it has no Taylor expansion")
    return [(i, r) for i, r in enumerate(primitive.jvp) if i in moving and isinstance(r, Rule)]


def _times(k: float, c: Any) -> Any:
    if c is None or k == 1:
        return c
    return tuple(_times(k, x) for x in c) if type(c) is tuple else mul(c, k)


def _sum(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return b if a is None else a
    return tuple(map(_sum, a, b)) if type(a) is tuple else add(a, b)


def _coefficient(x: Any, trace: JetTrace, j: int) -> Any:
    """Return one coefficient of a curve that a rule has made."""
    if type(x) is tuple:
        parts = [_coefficient(one, trace, j) for one in x]
        return tuple(zero_tangent(one) if p is None else p for p, one in zip(parts, x))
    if isinstance(x, JetTracer) and x._trace is trace:
        return x.series[j] if j < len(x.series) else None
    return x if j == 0 else None


# --------------------------------------------------------------------------- linear and bilinear operations


def _fixed(curves: list[Series], chosen: dict[int, Any], zeros: Group) -> list[Any]:
    """Return operands: those chosen, zeros for members of a group, and the values of all others."""
    operands = []
    for i, c in enumerate(curves):
        x = chosen.get(i)
        if x is None and (i in chosen or i in zeros):
            x = None if c[0] is None else 0 if type(c[0]) in dtypes.SCALARS else zeros_of(aval_of(c[0]))
        operands.append(c[0] if x is None else x)
    return operands


def _linear(
    primitive: Primitive, curves: list[Series], moving: set[int], params: Params
) -> tuple[Any, list[Any]] | None:
    for group in groups(primitive, len(curves), params):
        if moving <= group:
            break
    else:
        return None
    out = bind(primitive, *(c[0] for c in curves), **params)
    higher = []
    for k in range(1, len(curves[0])):
        chosen = {i: curves[i][k] for i in group}
        still = all(x is None for x in chosen.values())
        higher.append(None if still else bind(primitive, *_fixed(curves, chosen, group), **params))
    return out, higher


def _bilinear(
    primitive: Primitive, curves: list[Series], moving: set[int], params: Params
) -> tuple[Any, list[Any]] | None:
    found = groups(primitive, len(curves), params)
    if len(found) != 2 or not moving <= found[0] | found[1]:
        return None
    left, right = found
    shared = left & right
    out = bind(primitive, *(c[0] for c in curves), **params)
    higher = []
    for k in range(1, len(curves[0])):
        total = None
        for i in range(k + 1):
            chosen = {n: curves[n][i] for n in left - shared} | {n: curves[n][k - i] for n in right - shared}
            chosen |= {n: curves[n][k] if i == 0 else None for n in shared}
            zero = any(x is None for n, x in chosen.items() if n not in shared)
            if zero and all(chosen[n] is None for n in shared):
                continue
            part = bind(primitive, *_fixed(curves, chosen, left | right), **params)
            total = _sum(total, part)
        higher.append(total)
    return out, higher


def _quotient(curves: list[Series]) -> tuple[Any, list[Any]]:
    """Expand u / w: w v = u gives v[k] = (u[k] - sum over j < k of v[j] w[k - j]) / w[0]."""
    u, w = curves
    v = [div(u[0], w[0])]
    for k in range(1, len(u)):
        total = u[k]
        for j in range(k):
            if w[k - j] is not None and v[j] is not None:
                part = mul(v[j], w[k - j])
                total = mul(part, -1) if total is None else sub(total, part)
        v.append(None if total is None else div(total, w[0]))
    return v[0], v[1:]


# --------------------------------------------------------------------------- the function people call


def jet(function: Function, primals: Sequence[Any], series: Sequence[Sequence[Any]]) -> tuple[Any, Any]:
    """Push a Taylor expansion through a function: return its value, and its derivatives along a curve.

    The curve through `primals` has, for each argument, the derivatives `series[i]`: first, second, and so on, as many for
    each. The result is `(value, derivatives)`, where derivatives has, in the place of each array of the value, the list
    of its derivatives along the curve, as many. These are derivatives, not coefficients: the factorials are in them.
    With `series=[[1.0, 0.0, 0.0]]` they are f', f'', f'''. The arguments are arrays; the result may be any pytree.
    An operation without a tangent rule raises, naming it.

    >>> from minitorch.core.ops.pointwise import exp
    >>> jet(lambda x: exp(2.0 * x), (0.0,), ((1.0, 0.0, 0.0),))
    (Array(1., dtype=float32), [Array(2., dtype=float32), Array(4., dtype=float32), Array(8., dtype=float32)])
    """
    if len(primals) != len(series):
        raise ArgumentError(f"jet: got {len(primals)} primals and {len(series)} series; give one series for each")
    lengths = {len(terms) for terms in series}
    if len(lengths) != 1:
        raise ArgumentError(
            f"jet: the series have lengths {[len(s) for s in series]}; pad them with zeros to one length"
        )
    (order,) = lengths
    structures = [tree.structure(x) for x in primals]
    for i, s in enumerate(structures):
        if s.num_leaves != 1:
            raise ShapeError(
                f"jet: argument {i} is the tree {tree.shown(s)}; give its arrays as arguments of their own"
            )
    with entering(JetTrace) as trace:
        leaves = [tree.leaves(x)[0] for x in primals]
        xs = inexact_leaves("jet", leaves, tuple(primals), function, range(len(primals)))
        trace.arguments = function, primals, range(len(primals)), None
        curves = []
        for x, terms in zip(xs, series):
            cs = [direction("jet", "a term of a series", tree.leaves(c)[0], aval_of(x)) for c in terms]
            curves.append(JetTracer(trace, [x, *(mul(c, 1 / math.factorial(k)) for k, c in enumerate(cs, 1))]))
        with muting(True):
            inner = [tree.unflatten(s, [c]) for s, c in zip(structures, curves)]
        ends, out_structure = tree.flatten(function(*inner))
        found = [_finished(trace, lower(x), order) for x in ends]
    with muting(True):
        value = tree.unflatten(out_structure, [v for v, _ in found])
        by_term = [tree.unflatten(out_structure, [terms[k] for _, terms in found]) for k in range(order)]
    return value, _regrouped(value, by_term)


def _regrouped(value: Any, by_term: list[Any]) -> Any:
    """Return the tree of lists from a list of trees. What is a tracer and a node at once (a Tensor) stays whole."""
    _, structure = tree.flatten_until(value, Tracer)
    whole = [tree.flatten_until(each, Tracer)[0] for each in by_term]
    return tree.unflatten(structure, [[leaves[i] for leaves in whole] for i in range(structure.num_leaves)])


def _finished(trace: JetTrace, x: Value, order: int) -> tuple[Value, list[Value]]:
    """Return a result's value and derivatives one level down."""
    if isinstance(x, JetTracer) and x._trace is trace:
        cs = x.series + [None] * (order + 1 - len(x.series))
        zero = aval_of(x.value)
        terms = [zeros_of(zero) if c is None else mul(c, math.factorial(k)) for k, c in enumerate(cs[1:], 1)]
        return x.value, [cast(t, zero.dtype) for t in terms]
    x = constant("jet", trace, x)
    return x, [zeros_of(aval_of(x))] * order
