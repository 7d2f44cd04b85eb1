"""custom_root and custom_linear_solve: solvers whose derivatives come from the equation that is solved.

The solver may do what it likes, a loop of unknown length included: nothing is differentiated through it. At a root,
`f(x, p) = 0`, the tangent solves `(df/dx) dx = -(df/dp) dp`; a linear system's solves `A dx = db - dA x`, and its cotangent
the transposed system. Source: Christianson, "Reverse accumulation and implicit functions", 1998.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import tree
from ..aval import Aval
from ..calling import Batch, Leaves, batch_flags, batch_size, filled, is_recorded, split
from ..errors import GradError, ShapeError
from ..jit.graph import Graph, interpret
from ..linear import LinearTrace
from ..ops.families import as_array
from ..ops.pointwise import neg, sub
from ..ops.shaping import zeros_of
from ..primitive import Plan, Primitive, RuleCall, Whole
from ..tape import Tape, context, muting, user_line
from ..tracer import Params, Value, aval_of
from ..transforms import jvp
from ..vmap import BatchTrace, BatchTracer
from .calls import holding, outputs_of
from .closing import Closed, arrays, checked_structure, close, flattened, transformed
from .deriving import avals_of_inputs, batched, is_differentiable, linearized, output_avals, picked, pushed, split_at
from .dividing import zero

Function = Callable[..., Any]


def _with_consts(one: Closed, consts: Leaves) -> Graph:
    """Let a graph take all that several close over."""
    places = {id(x): i for i, x in enumerate(consts)}
    where = [places[id(x)] for x in one.consts]
    given = avals_of_inputs(one.graph)[len(where) :]

    def run(values: Leaves) -> Leaves:
        return interpret(one.graph, [*(values[i] for i in where), *values[len(consts) :]])

    return transformed(run, [*map(aval_of, consts), *given])


def _flat(function: Function, structure: tree.TreeDef) -> Function:
    """Return a function of leaves, as a function of trees."""

    def call(x: Any) -> Any:
        with muting(True):
            return tree.unflatten(structure, function(arrays(tree.leaves(x))))

    return call


def _directions(graph: Graph, count: int, values: Sequence[Value], tangents: Leaves) -> Leaves:
    """Return the tangent of a graph's outputs along tangents of some of its first inputs (None: none)."""
    flags = [t is not None for t in tangents] + [False] * (len(values) - count)
    moving, _ = pushed(graph, flags, [True] * len(graph.outputs))
    outs = interpret(moving, [*values, *(t for t in tangents if t is not None)])
    return outs[len(graph.outputs) :]


def _pulled(graph: Graph, wanted: list[bool], values: Sequence[Value], cotangents: Leaves) -> Leaves:
    """Return cotangents of the wanted inputs of a graph, None for the others."""
    linear = linearized(graph, wanted)
    whole = Graph(linear.forward.inputs, linear.forward.equations, list(linear.residuals))
    kept = interpret(whole, values)
    found = iter(interpret(linear.backward, [*kept, *picked(cotangents, linear.active)]))
    reached = iter(linear.reached)
    return [next(found) if want and next(reached) else None for want in wanted]


# --------------------------------------------------------------------------- what both primitives share


def _record(pull: Any) -> Whole:
    """Record an application; `pull(values, outs, g, params, wanted)` returns the cotangents of its arguments."""

    def process(tape: Tape, primitive: Primitive, args: tuple[Value, ...], params: Params) -> Any:
        values, nodes = split(tape, list(args))
        outs = primitive(*values, **params)
        wanted = [node is not None and is_differentiable(x) for node, x in zip(nodes, values)]
        if not any(wanted) or context.get().muted >= tape.level:
            return tape.untracked(outs)

        def rule(g: tuple[Any, ...], kept: Any, values: tuple[Value, ...]) -> Leaves:
            outs = primitive(*values, **params) if is_recorded(tape, values) else kept
            filled_in = [zeros_of(aval_of(x)) if one is None else one for x, one in zip(outs, g)]
            return pull(list(values), list(outs), filled_in, params, wanted)  # type: ignore[no-any-return]

        plan = Plan(primitive, ((True, 0), (False, 1)), tuple, (RuleCall(-1, rule),), fills=False)
        line = user_line() if context.get().anomaly else None
        return tape.record(plan, nodes, (outs, tuple(values)), None, outs, line)

    return Whole(process)


def _push(tangents_of: Any, divide: Any = None) -> Whole:
    """Push tangents by `tangents_of(values, outs, tangents, params)`."""

    def process(trace: Any, primitive: Primitive, args: tuple[Value, ...], params: Params) -> tuple[Value, ...]:
        def rule(values: Leaves, tangents: Leaves) -> tuple[Leaves, Leaves]:
            outs = list(primitive(*values, **params))
            return outs, tangents_of(values, outs, tangents, params)

        return tuple(trace.along(rule, args))

    return Whole(process, divide)


# --------------------------------------------------------------------------- linear systems
# Arguments: what the functions close over, and b; every graph takes these. Results: x, and what has no derivative.


def _evaluate(*args: Value, solve: Graph, **_: Any) -> tuple[Value, ...]:
    return tuple(map(as_array, interpret(solve, args)))


def _abstract(*avals: Aval, solve: Graph, **_: Any) -> tuple[Aval, ...]:
    return outputs_of(solve)


def _solve_tangents(values: Leaves, outs: Leaves, tangents: Leaves, params: Params) -> Leaves:
    n = params["consts"]
    rhs = [zeros_of(aval_of(b)) if t is None else t for b, t in zip(values[n:], tangents[n:])]
    m = len(rhs)
    if any(t is not None for t in tangents[:n]):
        moved = _directions(params["matvec"], n, [*values[:n], *outs[:m]], tangents[:n])
        rhs = [sub(b, x) for b, x in zip(rhs, moved)]
    return [*linear_solve_p(*values[:n], *rhs, **params)[:m], *[None] * (len(outs) - m)]


def _solve_pull(values: Leaves, outs: Leaves, g: Leaves, params: Params, wanted: list[bool]) -> Leaves:
    n, m = params["consts"], len(values) - params["consts"]
    if params["transposed"] is None:
        raise GradError(
            "custom_linear_solve: reverse mode solves the transposed system; give transpose_solve, or symmetric=True if the "
            "matrix is its own transpose"
        )
    matvec, solve = params["transposed"]
    turned = (params["matvec"], params["solve"])
    duals = linear_solve_p(*values[:n], *g[:m], matvec=matvec, solve=solve, transposed=turned, consts=n)[:m]
    of_consts: Leaves = [None] * n
    if any(wanted[:n]):
        flags = [*wanted[:n], *[False] * m]
        of_consts = _pulled(params["matvec"], flags, [*values[:n], *outs[:m]], [neg(d) for d in duals])[:n]
    return [*of_consts, *(d if want else None for d, want in zip(duals, wanted[n:]))]


def _batched_graphs(params: Params, change: Callable[[Graph], Graph]) -> Params:
    """Change the graphs among static parameters, also those in pairs."""

    def one(value: Any) -> Any:
        if isinstance(value, Graph):
            return change(value)
        return tuple(map(one, value)) if isinstance(value, tuple) else value

    return {key: one(value) for key, value in params.items()}


def _batch(trace: BatchTrace, primitive: Primitive, args: tuple[Value, ...], params: Params) -> tuple[Value, ...]:
    """Solve for a whole batch at once: the unknowns of all examples are batched."""
    values, flags = batch_flags(trace, list(args))
    n, batch = params["consts"], Batch(batch_size(values, flags), trace.axis)
    values = values[:n] + filled(values[n:], flags[n:], batch.size)

    def over(graph: Graph) -> Graph:
        which = flags[:n] + [True] * (len(graph.inputs) - n)
        return batched(graph, which, batch, [True] * len(graph.outputs))[0]

    return tuple(BatchTracer(trace, x) for x in primitive(*values, **_batched_graphs(params, over)))


def _divide(trace: LinearTrace, primitive: Primitive, args: tuple[Value, ...], params: Params) -> Any:
    """Record a system whose matrix is known: the solution is linear in the right side."""
    consts, right = split_at(args, params["consts"])
    if any(map(trace.owns, consts)):
        trace.refuse(primitive, args)
    given = [x if trace.owns(x) else zero(trace, primitive, x) for x in right]
    return trace.record(primitive, [*consts, *given], params)


linear_solve_p = holding(
    "custom_linear_solve", _evaluate, _abstract, Whole(_batch), _record(_solve_pull), _push(_solve_tangents, _divide)
)


def _transpose(matvec: Graph, n: int) -> Graph:
    """Return the graph of the transposed linear function, which takes what it closes over first."""
    avals = avals_of_inputs(matvec)
    flags = [False] * n + [True] * (len(avals) - n)

    def run(values: Leaves) -> Leaves:
        point = [*values[:n], *map(zeros_of, avals[n:])]
        found = _pulled(matvec, flags, point, values[n:])[n:]
        return [zeros_of(a) if x is None else x for a, x in zip(avals[n:], found)]

    return transformed(run, [*avals[:n], *output_avals(matvec)])


def custom_linear_solve(
    matvec: Function,
    b: Any,
    solve: Function,
    transpose_solve: Function | None = None,
    symmetric: bool = False,
    has_aux: bool = False,
) -> Any:
    """Return `solve(matvec, b)`, with the derivatives of the solution of `matvec(x) = b`.

    `matvec` is linear, and may close over what is differentiated; `b` and `x` are trees of one structure and dtypes.
    Reverse mode solves the transposed system by `transpose_solve(vecmat, cotangent)`, or by `solve` if `symmetric`. With
    `has_aux`, the solvers return pairs, and what comes second has no derivative.

    >>> from minitorch.core.transforms import grad
    >>> def scaled(a):
    ...     return custom_linear_solve(lambda x: a * x, 3.0, lambda f, b: b / f(1.0), lambda f, b: b / f(1.0))
    >>> scaled(2.0), grad(scaled)(2.0)
    (Array(1.5, dtype=float32), Array(-0.75, dtype=float32))
    """
    leaves, structure = flattened(b)
    given = arrays(leaves)
    avals = list(map(aval_of, given))
    one = tree.structure((b,))
    product = close(matvec, one, avals)
    _check_unknowns("custom_linear_solve", "b", product, structure, avals)
    solver = close(lambda b: solve(matvec, b), one, avals)
    parts = [product, solver]
    if transpose_solve is not None and not symmetric:
        turned = _transpose(product.graph, len(product.consts))
        vecmat = _flat(lambda g: interpret(turned, [*product.consts, *g]), structure)
        parts += [Closed(turned, product.consts, product.shape)]
        parts += [close(lambda g: transpose_solve(vecmat, g), one, avals)]
    consts = list({id(x): x for part in parts for x in part.consts}.values())
    graphs = [_with_consts(part, consts) for part in parts]
    transposed = (graphs[0], graphs[1]) if symmetric else tuple(graphs[2:]) or None
    outs = linear_solve_p(*consts, *given, matvec=graphs[0], solve=graphs[1], transposed=transposed, consts=len(consts))
    return _result("custom_linear_solve", solver, outs, structure, avals, has_aux)


def _check_unknowns(name: str, what: str, function: Closed, structure: tree.TreeDef, avals: Sequence[Aval]) -> None:
    """Raise unless a function takes trees to trees of the same kind."""
    checked_structure(name, what, function.shape.structure, structure)
    found = output_avals(function.graph)
    if found != [a._replace(weak=False) for a in avals]:
        raise ShapeError(
            f"{name}: the function takes [{', '.join(map(str, avals))}] to [{', '.join(map(str, found))}]; there must be as "
            "many equations as unknowns, of the same shapes and dtypes"
        )


def _result(
    name: str, solver: Closed, outs: Sequence[Value], structure: tree.TreeDef, avals: Sequence[Aval], has_aux: bool
) -> Any:
    """Put what a solver returned together again."""
    whole = solver.shape.structure
    unknowns = whole.children()[0] if has_aux else whole
    checked_structure(name, "the solution", unknowns, structure)
    found = [aval_of(x) for x in outs[: len(avals)]]
    if [a[:2] for a in found] != [a[:2] for a in avals]:
        raise ShapeError(
            f"{name}: the solver returned [{', '.join(map(str, found))}] for unknowns [{', '.join(map(str, avals))}]; "
            "shapes and dtypes must agree"
        )
    with muting(True):
        return tree.unflatten(whole, outs)


# --------------------------------------------------------------------------- roots
# Arguments: what the functions close over, and the first guess. `f` and `solve` take these; `tangent` takes what is closed
# over, the root, and the right side of the linear system at the root.


def _root_tangents(values: Leaves, outs: Leaves, tangents: Leaves, params: Params) -> Leaves:
    n = params["consts"]
    m = len(values) - n
    if all(t is None for t in tangents[:n]):
        return [None] * len(outs)
    rhs = _directions(params["f"], n, [*values[:n], *outs[:m]], tangents[:n])
    found = interpret(params["tangent"], [*values[:n], *outs[:m], *rhs])
    return [*map(neg, found), *[None] * (len(outs) - m)]


def _root_pull(values: Leaves, outs: Leaves, g: Leaves, params: Params, wanted: list[bool]) -> Leaves:
    n = params["consts"]
    m = len(values) - n
    if not any(wanted[:n]):
        return [None] * len(values)
    point = [*values[:n], *outs[:m]]
    rhs = [zeros_of(a) for a in output_avals(params["f"])]
    duals = _pulled(params["tangent"], [False] * (n + m) + [True] * m, [*point, *rhs], g[:m])[n + m :]
    duals = [neg(zero if d is None else d) for d, zero in zip(duals, rhs)]
    return [*_pulled(params["f"], [*wanted[:n], *[False] * m], point, duals)[:n], *[None] * m]


root_p = holding("custom_root", _evaluate, _abstract, Whole(_batch), _record(_root_pull), _push(_root_tangents))


def custom_root(
    f: Function, initial_guess: Any, solve: Function, tangent_solve: Function, has_aux: bool = False
) -> Any:
    """Return `solve(f, initial_guess)`, with the derivatives of the root of `f`.

    `f` takes a tree to a tree of the same shapes, and may close over what is differentiated; the guess has no derivative.
    `tangent_solve(g, y)` solves `g(x) = y` for a linear function g, the derivative of `f` at the root; for reverse mode it
    must itself be differentiable in y. With `has_aux`, `solve` returns a pair, and what comes second has no derivative.

    >>> from minitorch.core.control.loops import fori_loop
    >>> from minitorch.core.transforms import grad
    >>> def root(a):
    ...     newton = lambda f, x: fori_loop(0, 20, lambda _, x: x - f(x) / (2 * x), x)
    ...     return custom_root(lambda x: x * x - a, 1.0, newton, lambda g, y: y / g(1.0))
    >>> root(4.0), grad(root)(4.0)
    (Array(2., dtype=float32), Array(0.25, dtype=float32))
    """
    leaves, structure = flattened(initial_guess)
    given = arrays(leaves)
    avals = list(map(aval_of, given))
    one = tree.structure((initial_guess,))
    residual = close(f, one, avals)
    _check_unknowns("custom_root", "the guess", residual, structure, avals)
    solver = close(lambda x: solve(f, x), one, avals)

    def tangent(x: Any, y: Any) -> Any:
        return tangent_solve(lambda t: jvp(f, (x,), (t,))[1], y)

    linear = close(tangent, tree.structure((initial_guess, initial_guess)), [*avals, *avals])
    _check_unknowns("custom_root", "the tangent", linear, structure, avals)
    parts = [residual, solver, linear]
    consts = list({id(x): x for part in parts for x in part.consts}.values())
    graphs = [_with_consts(part, consts) for part in parts]
    outs = root_p(*consts, *given, f=graphs[0], solve=graphs[1], tangent=graphs[2], consts=len(consts))
    return _result("custom_root", solver, outs, structure, avals, has_aux)


__all__ = ["custom_linear_solve", "custom_root"]
