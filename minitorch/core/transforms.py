"""grad, value_and_grad, vjp, jvp and vmap: flatten the arguments, run an interpreter, unflatten the results."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from operator import index as as_int
from typing import Any, TypeVar

import numpy as np

from . import dtypes, tree
from .array import Array
from .errors import ArgumentError, DTypeError, GradError, MinitorchError, OutOfBoundsError, ShapeError, TracerError
from .jvp import JVPTrace, JVPTracer
from .naming import parameter_name, places_of
from .ops.families import as_array
from .ops.pointwise import detach
from .ops.shaping import broadcast_to, cast, full, moveaxis, zeros_of
from .primitive import Trace, Tracer, Value, aval_of
from .tape import Node, Tape, TapeTracer, entering, leaf, lower, muting
from .vjp import backward
from .vmap import BatchTrace, BatchTracer

F = TypeVar("F", bound=Callable[..., Any])
Function = Callable[..., Any]

# --------------------------------------------------------------------------- reverse mode


def grad(function: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """Return a function that computes the gradient of a scalar function.

    The gradient has the structure, shapes and dtypes of the argument(s) named by `argnums`; these may be any pytree.
    With `has_aux`, `function` returns `(value, aux)` and the result is `(gradient, aux)`.

    >>> from minitorch.core.ops.pointwise import sin
    >>> grad(sin)(0.0)
    Array(1., dtype=float32)
    """
    both = value_and_grad(function, argnums, has_aux)

    @functools.wraps(function, updated=())
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, grads = both(*args, **kwargs)
        return (grads, value[1]) if has_aux else grads

    return gradient


def value_and_grad(function: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """Return a function that computes a scalar function's value and its gradient together.

    >>> value_and_grad(lambda p: p["w"] * p["w"])({"w": 3.0})
    (Array(9., dtype=float32), {'w': Array(6., dtype=float32)})
    """
    positions, single = positions_of(argnums)

    @functools.wraps(function, updated=())
    def both(*args: Any, **kwargs: Any) -> Any:
        chosen = in_range(positions, args, function)
        run = Recording("grad", function, args, kwargs, chosen, has_aux)
        seeds = run.seeds([_unit_cotangent(run)])
        grads = run.pull(seeds, keep=False)
        out = run.result()
        return ((out, run.aux) if has_aux else out), (grads[0] if single else grads)

    return both


def vjp(function: Function, *primals: Any, has_aux: bool = False) -> Any:
    """Return `function(*primals)` and the function that pulls a cotangent of it back to each argument.

    >>> out, pull = vjp(lambda x, y: x * y, 2.0, 3.0)
    >>> pull(1.0)
    (Array(3., dtype=float32), Array(2., dtype=float32))
    """
    run = Recording("vjp", function, primals, {}, tuple(range(len(primals))), has_aux)
    out = run.result()
    run.forget_values()

    def pull(cotangent: Any) -> tuple[Any, ...]:
        given, structure = tree.flatten(cotangent)
        if not tree.agree(structure, run.out_structure):
            raise ShapeError(
                f"vjp: the cotangent's structure {tree.shown(structure)} is not the result's, "
                f"{tree.shown(run.out_structure)}; give one array for each *"
            )
        directions = [_direction("vjp", "a cotangent", g, aval) for g, aval in zip(given, run.avals)]
        return run.pull(run.seeds(directions), keep=True)

    return (out, pull, run.aux) if has_aux else (out, pull)


class Recording:
    """A run of a function on a fresh tape: the nodes of its inputs, and the values and nodes of its results."""

    __slots__ = ("aux", "avals", "in_avals", "inputs", "nodes", "out_structure", "structure", "values")

    def __init__(
        self, name: str, function: Function, args: Any, kwargs: Any, positions: tuple[int, ...], has_aux: bool
    ):
        primals = args if positions == tuple(range(len(args))) else tuple(args[i] for i in positions)
        with entering(Tape) as tape:
            leaves, self.structure = tree.flatten(primals)
            arrays = inexact_leaves(name, leaves, primals, function, positions)
            self.inputs = [leaf(a) for a in arrays]
            with muting(True):
                inner = tree.unflatten(self.structure, map(tape.wrap, arrays, self.inputs))
            self.in_avals = [None if type(a) is Array else aval_of(a) for a in arrays]
            out = function(*_replaced(args, positions, inner), **kwargs)
            out, aux = _split_aux(name, out) if has_aux else (out, None)
            leaves, self.out_structure = tree.flatten(out)
            pairs = [_stripped(name, tape, x) for x in leaves]
            self.aux = tree.map(lambda x: _leaving(name, tape, x), aux) if has_aux else None
        self.values: list[Value] = [value for value, _ in pairs]
        self.nodes: list[Node | None] = [node for _, node in pairs]
        self.avals = [aval_of(value) for value in self.values]

    def result(self) -> Any:
        """Return what the function returned, one level down."""
        return tree.unflatten(self.out_structure, self.values)

    def forget_values(self) -> None:
        """Keep no results alive."""
        self.values = []

    def seeds(self, cotangents: list[Value]) -> list[tuple[Node, Value]]:
        """Pair the cotangents with the results that depend on an input."""
        return [(node, g) for node, g in zip(self.nodes, cotangents) if node is not None]

    def pull(self, seeds: list[tuple[Node, Value]], keep: bool) -> tuple[Any, ...]:
        """Walk back to the inputs."""
        found = backward(seeds, keep=keep)
        grads = [found[node] if node in found else _zeros_for(node, a) for node, a in zip(self.inputs, self.in_avals)]
        with muting(True):
            return tree.unflatten(self.structure, grads)  # type: ignore[no-any-return]


def _zeros_for(node: Node, aval: Any) -> Array:
    return full(node.shape, 0, node.dtype) if aval is None else zeros_of(aval)


def _stripped(name: str, tape: Tape, x: Value) -> tuple[Value, Node | None]:
    """Split a result into its value one level down and its node."""
    if isinstance(x, TapeTracer) and x._trace is tape:
        return x.value, x.node
    x = lower(x)
    if isinstance(x, TapeTracer) and x._trace is tape:
        return x.value, x.node
    return _constant(name, tape, x), None


def _leaving(name: str, trace: Trace, x: Value) -> Value:
    """Return an auxiliary result as it is one level down; whatever is no array stays as it is."""
    x = lower(x)
    if isinstance(x, Tracer) and x._trace is trace:
        return x.value
    return _constant(name, trace, x) if isinstance(x, Tracer) else x


def _constant(name: str, trace: Trace, x: Any) -> Value:
    """Return a result that the transform has not touched, checked for tracers that belong elsewhere."""
    if isinstance(x, Array):
        return x
    if isinstance(x, Tracer):
        if x._trace.closed or x._trace.level > trace.level:
            raise TracerError(
                f"{name}: the function returned {x.aval}, traced by a {x.transform} that has finished; it was stored "
                "outside that transform's function. Return it from the function instead."
            )
        return x
    if isinstance(x, (bool, int, float, complex, np.generic, np.ndarray)):
        return as_array(x)
    kind = type(x).__name__
    raise TypeError(f"{name}: the function returned a {kind}; return arrays, or use has_aux=True for the rest")


_UNITS: dict[Any, Array] = {}


def _unit_cotangent(run: Recording) -> Value:
    if len(run.avals) != 1 or run.avals[0].shape != ():
        got = ", ".join(map(str, run.avals))
        raise GradError(
            f"grad: the function must return one scalar, got [{got}]; reduce it with .sum() or .mean(), "
            "or use vjp or jacrev for more"
        )
    _, dtype, device, _ = run.avals[0]
    if dtype not in dtypes.INEXACT:
        raise DTypeError(f"grad: the function returned {run.avals[0]}, which has no gradient; return a float")
    if dtypes.is_complex(dtype):
        raise DTypeError(
            f"grad: the function returned {run.avals[0]}, a complex number; take .real or .abs() of it, or use vjp"
        )
    unit = _UNITS.get((dtype, device))
    if unit is None:
        unit = _UNITS[dtype, device] = full((), 1, dtype, device)
    return unit


def _direction(name: str, what: str, g: Any, aval: Any) -> Value:
    """Check a cotangent or a tangent against the value it belongs to, and give it that value's dtype."""
    g = as_array(g)
    if g.shape != aval.shape:
        raise ShapeError(f"{name}: {what} has shape {g.shape} for {aval}; they must agree")
    if g.dtype != aval.dtype and g.dtype in dtypes.COMPLEX and aval.dtype not in dtypes.COMPLEX:
        raise DTypeError(f"{name}: {what} is {aval_of(g)} for {aval}; give a real one")
    return cast(g, aval.dtype)


def inexact_leaves(
    name: str, leaves: list[Any], primals: tuple[Any, ...], function: Function, positions: Sequence[int]
) -> list[Value]:
    """Return the leaves as arrays, all of them floats, or raise an error that names the first which is not."""
    arrays = []
    for i, x in enumerate(leaves):
        try:
            a = x if type(x) is Array else as_array(x)
        except MinitorchError as error:
            raise type(error)(f"{name}: argument {_path(i, primals, function, positions)}: {error}") from None
        if a.dtype not in dtypes.INEXACT:
            raise DTypeError(
                f"{name}: argument {_path(i, primals, function, positions)} is {aval_of(a)}, and only floats have "
                f"gradients; cast it with .to(float32), or leave it out of argnums"
            )
        arrays.append(a)
    return arrays


def _path(i: int, primals: tuple[Any, ...], function: Function, positions: Sequence[int]) -> str:
    """Return the printable path of a leaf: `params['w']`."""
    paths = [p for x, k in zip(primals, positions) for p in tree.paths(x, parameter_name(function, k))]
    return paths[i]


def positions_of(argnums: int | Sequence[int]) -> tuple[tuple[int, ...], bool]:
    """Return the positions asked for, and whether it was one number."""
    try:
        return (as_int(argnums),), True  # type: ignore[arg-type]
    except TypeError:
        return tuple(as_int(i) for i in argnums), False  # type: ignore[union-attr]


def in_range(positions: tuple[int, ...], args: tuple[Any, ...], function: Function) -> tuple[int, ...]:
    """Return the positions counted from the start; raise if one names no argument, or two name the same."""
    count = len(args)
    for i in positions:
        if not -count <= i < count:
            name = getattr(function, "__name__", type(function).__name__)
            raise ArgumentError(
                f"grad: argnums {i} is out of range for {name} called with {count} positional arguments; "
                "arguments passed by keyword are not differentiated"
            )
    found = tuple(i % count for i in positions)
    if len(set(found)) != len(found):
        raise ArgumentError(f"grad: argnums {positions} names an argument twice; name each once")
    return found


def _split_aux(name: str, out: Any) -> tuple[Any, Any]:
    if not isinstance(out, tuple) or len(out) != 2:
        got = f"{len(out)} values" if isinstance(out, tuple) else "no tuple"
        raise GradError(f"{name}: with has_aux=True the function must return a pair (value, aux), got {got}")
    return out


# --------------------------------------------------------------------------- forward mode


def jvp(function: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """Return `function(*primals)` and the directional derivative along `tangents`.

    >>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))
    (Array(6., dtype=float32), Array(3., dtype=float32))
    """
    for what, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, (tuple, list)):
            raise TypeError(
                f"jvp: {what} must be a tuple with one entry for each argument, got {type(given).__name__}; write (x,)"
            )
    if len(primals) != len(tangents):
        raise ArgumentError(f"jvp: got {len(primals)} primals and {len(tangents)} tangents; give one tangent for each")
    found = push("jvp", function, tuple(primals), {}, tuple(range(len(primals))), tuple(tangents), has_aux)
    return found if has_aux else found[:2]


def push(
    name: str, function: Function, args: Any, kwargs: Any, positions: tuple[int, ...], tangents: Any, has_aux: bool
) -> tuple[Any, Any, Any]:
    """Run a function with tangents for the arguments at `positions`; return result, tangent and auxiliary result."""
    primals = args if positions == tuple(range(len(args))) else tuple(args[i] for i in positions)
    with entering(JVPTrace) as trace:
        leaves, structure = tree.flatten(primals)
        directions, other = tree.flatten(tangents)
        if not tree.agree(structure, other):
            raise ShapeError(
                f"{name}: the tangents' structure {tree.shown(other)} is not the primals', {tree.shown(structure)}; "
                "give one array for each *"
            )
        xs = inexact_leaves(name, leaves, primals, function, positions)
        ts = [_direction(name, "a tangent", t, aval_of(x)) for t, x in zip(directions, xs)]
        with muting(True):
            inner = tree.unflatten(structure, [JVPTracer(trace, x, t) for x, t in zip(xs, ts)])
        out = function(*_replaced(args, positions, inner), **kwargs)
        out, aux = _split_aux(name, out) if has_aux else (out, None)
        leaves, out_structure = tree.flatten(out)
        pairs = [_parted(name, trace, lower(o)) for o in leaves]
        aux = tree.map(lambda x: _leaving(name, trace, x), aux)
    value = tree.unflatten(out_structure, [p for p, _ in pairs])
    with muting(True):
        tangent = tree.unflatten(out_structure, [t for _, t in pairs])
    return value, tangent, aux


def _replaced(args: tuple[Any, ...], positions: tuple[int, ...], inner: tuple[Any, ...]) -> Sequence[Any]:
    """Return the arguments with those at `positions` exchanged."""
    if positions == tuple(range(len(args))):
        return inner
    swapped = list(args)
    for i, x in zip(positions, inner, strict=True):
        swapped[i] = x
    return swapped


def _parted(name: str, trace: JVPTrace, x: Value) -> tuple[Value, Value]:
    if isinstance(x, JVPTracer) and x._trace is trace:
        return x.value, x.tangent
    x = _constant(name, trace, x)
    return x, zeros_of(aval_of(x))


# --------------------------------------------------------------------------- batching


def vmap(function: Function, in_axes: Any = 0, out_axes: Any = 0) -> Function:
    """Return a function that maps `function` over an axis of its arguments.

    `in_axes` is one axis for all arguments, or a tuple with one entry per argument, each an axis, None (not mapped), or
    a tree of them that is a prefix of the argument. Keyword arguments are mapped over axis 0. `out_axes` says where the
    batch axis goes in the results, likewise.

    >>> vmap(lambda x, y: x * y, in_axes=(0, None))(Array([1.0, 2.0]), 3.0)
    Array([3., 6.], dtype=float32)
    """
    per_argument = tuple(in_axes) if isinstance(in_axes, list) else in_axes

    @functools.wraps(function, updated=())
    def batched(*args: Any, **kwargs: Any) -> Any:
        if isinstance(per_argument, tuple) and len(per_argument) != len(args):
            raise ArgumentError(
                f"vmap: in_axes has {len(per_argument)} entries for {len(args)} arguments; give one for each"
            )
        with entering(BatchTrace) as trace:
            leaves, structure = tree.flatten((args, kwargs))
            axes = _spread("in_axes", per_argument, args)
            axes += [0] * (len(leaves) - len(axes))
            size = _batch_size(leaves, axes, args, kwargs, function)
            inputs = [
                x if axis is None else BatchTracer(trace, moveaxis(as_array(x), axis, 0), 1 << i)
                for i, (x, axis) in enumerate(zip(leaves, axes, strict=True))
            ]
            trace.names = functools.partial(places_of, args, kwargs, function)
            inner_args, inner_kwargs = tree.unflatten(structure, inputs)
            out = function(*inner_args, **inner_kwargs)
            out_leaves, out_structure = tree.flatten(out)
            places = _spread("out_axes", out_axes, out)
            outputs = [_unbatch(trace, lower(o), size, axis) for o, axis in zip(out_leaves, places, strict=True)]
        return tree.unflatten(out_structure, outputs)

    return batched


def _spread(name: str, spec: Any, full_tree: Any) -> list[int | None]:
    """Spread a tree of axes that is a prefix of another tree over that tree's leaves."""
    if spec is None or type(spec) is int:
        return [spec] * len(tree.leaves(full_tree))
    axes = tree.spread(spec, full_tree)
    if axes is None or not all(a is None or isinstance(a, (int, np.integer)) for a in axes):
        raise ArgumentError(
            f"vmap: {name}={spec!r} does not match the structure {tree.shown(tree.structure(full_tree))}; "
            "give an axis or None for each argument, or for each of its leaves"
        )
    return [None if a is None else int(a) for a in axes]


def _batch_size(leaves: list[Any], axes: list[int | None], args: Any, kwargs: Any, function: Function) -> int:
    sizes: dict[int, int] = {}
    for i, (x, axis) in enumerate(zip(leaves, axes, strict=True)):
        if axis is None:
            continue
        aval = aval_of(as_array(x))
        if not -aval.ndim <= axis < aval.ndim:
            raise ShapeError(
                f"vmap: argument {_mapped_path(i, args, kwargs, function)} is {aval}, which has no axis {axis}; "
                "give in_axes None for it (a keyword argument: close over it)"
            )
        sizes.setdefault(aval.shape[axis], i)
    if not sizes:
        raise ArgumentError("vmap: no argument is mapped; give at least one an axis in in_axes")
    if len(sizes) > 1:
        found = ", ".join(f"{_mapped_path(i, args, kwargs, function)} has {n}" for n, i in sizes.items())
        raise ShapeError(f"vmap: the mapped axes have different sizes: {found}; they must agree")
    return next(iter(sizes))


def _mapped_path(i: int, args: tuple[Any, ...], kwargs: dict[str, Any], function: Function) -> str:
    positional = len(tree.leaves(args))
    if i < positional:
        return _path(i, args, function, range(len(args)))
    return [p for name in sorted(kwargs) for p in tree.paths(kwargs[name], name)][i - positional]


def _unbatch(trace: BatchTrace, x: Value, size: int, axis: int | None) -> Value:
    if isinstance(x, BatchTracer) and x._trace is trace:
        if axis is None:
            raise ArgumentError("vmap: out_axes is None for a result that depends on a mapped argument; give an axis")
        return moveaxis(x.value, 0, _in_result(axis, x))
    if axis is None and not isinstance(x, Tracer):
        return x
    x = _constant("vmap", trace, x)
    return x if axis is None else moveaxis(broadcast_to(x, (size, *x.shape)), 0, _in_result(axis, x))


def _in_result(axis: int, x: Value) -> int:
    if not -x.ndim - 1 <= axis <= x.ndim:
        raise OutOfBoundsError(
            f"vmap: out_axes={axis} is out of range for a result {aval_of(x)} of each example; use {-x.ndim - 1} to {x.ndim}"
        )
    return axis


def stop_gradient(x: Any) -> Any:
    """Return a tree whose values pass no gradient on, in forward or reverse mode.

    >>> grad(lambda x: x * stop_gradient(x))(3.0)
    Array(3., dtype=float32)
    """
    return tree.map(lambda leaf: detach(leaf) if isinstance(leaf, (Array, Tracer)) else leaf, x)
