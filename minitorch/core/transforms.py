"""grad, value_and_grad, vjp, jvp and vmap: flatten the arguments, run an interpreter, unflatten the results."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import numpy as np

from . import dtypes, tree
from .array import Array, wrap
from .duals import JVPTracer, Pushed, pushed
from .errors import ArgumentError, DTypeError, GradError, OutOfBoundsError, ShapeError
from .jvp import JVPTrace
from .naming import places_of
from .ops.collectives import Axis
from .ops.families import as_array
from .ops.pointwise import detach
from .ops.shaping import broadcast_to, full, moveaxis, zeros_of
from .recording import (
    EVERY,
    Recording,
    constant,
    direction,
    in_range,
    inexact_leaves,
    leaving,
    path_of,
    positions_of,
    replaced,
    split_aux,
)
from .tape import entering, lower, muting
from .tracer import Tracer, Value, aval_of
from .vmap import BatchTrace, BatchTracer, naming

_FLOAT32, _INEXACT = dtypes.float32, dtypes.INEXACT
F = TypeVar("F", bound=Callable[..., Any])
Function = Callable[..., Any]

# --------------------------------------------------------------------------- reverse mode


def grad(
    function: Function,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Function:
    """Return a function that computes the gradient of a scalar function.

    The gradient has the structure, shapes and dtypes of the argument(s) named by `argnums`; these may be any pytree.
    With `has_aux`, `function` returns `(value, aux)` and the result is `(gradient, aux)`. With `holomorphic`, arguments
    and result are complex, and the result is the complex derivative f'(z). With `allow_int`, arguments may have integer
    leaves, whose gradients are zeros of their own dtype; otherwise these raise a DTypeError that names the leaf.

    >>> from minitorch.core.ops.pointwise import sin
    >>> grad(sin)(0.0)
    Array(1., dtype=float32)
    """
    both = value_and_grad(function, argnums, has_aux, holomorphic, allow_int)

    @functools.wraps(function, updated=())
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, grads = both(*args, **kwargs)
        return (grads, value[1]) if has_aux else grads

    return gradient


def value_and_grad(
    function: Function,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Function:
    """Return a function that computes a scalar function's value and its gradient together. See `grad`.

    With `has_aux`, the result is `((value, aux), gradient)`.

    >>> value_and_grad(lambda p: p["w"] * p["w"])({"w": 3.0})
    (Array(9., dtype=float32), {'w': Array(6., dtype=float32)})
    """
    positions, single = positions_of(argnums)

    @functools.wraps(function, updated=())
    def both(*args: Any, **kwargs: Any) -> Any:
        chosen = in_range(positions, args, function)
        run = Recording("grad", function, args, kwargs, chosen, has_aux, allow_int)
        if holomorphic:
            run.require_complex("grad")
        seeds = run.seeds([_unit_cotangent(run, holomorphic)])
        grads = run.pull(seeds, keep=False, conjugate=holomorphic)
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
        directions = [direction("vjp", "a cotangent", g, aval) for g, aval in zip(given, run.avals)]
        return run.pull(run.seeds(directions), keep=True)

    return (out, pull, run.aux) if has_aux else (out, pull)


_UNITS: dict[Any, Array] = {}


def _unit_cotangent(run: Recording, holomorphic: bool) -> Value:
    if len(run.avals) != 1 or run.avals[0].shape != ():
        got = ", ".join(map(str, run.avals))
        raise GradError(
            f"grad: the function must return one scalar, got [{got}]; reduce it with .sum() or .mean(), "
            "or use vjp or jacrev for more"
        )
    _, dtype, device, _ = run.avals[0]
    if dtype not in dtypes.INEXACT:
        raise DTypeError(f"grad: the function returned {run.avals[0]}, which has no gradient; return a float")
    if dtypes.is_complex(dtype) and not holomorphic:
        raise DTypeError(
            f"grad: the function returned {run.avals[0]}, a complex number; take .real or .abs() of it, use vjp, or pass "
            "holomorphic=True if it is differentiable as a complex function"
        )
    unit = _UNITS.get((dtype, device))
    if unit is None:
        unit = _UNITS[dtype, device] = full((), 1, dtype, device)
    return unit


# --------------------------------------------------------------------------- forward mode


def jvp(function: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """Return `function(*primals)` and the directional derivative along `tangents`.

    >>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))
    (Array(6., dtype=float32), Array(3., dtype=float32))
    """
    if type(primals) is not tuple or type(tangents) is not tuple or len(primals) != len(tangents):
        primals, tangents = _paired(primals, tangents)
    with entering(JVPTrace) as trace:
        trace.arguments = function, primals, EVERY, None
        inner = _plain(trace, primals, tangents) or _moving("jvp", trace, function, primals, EVERY, tangents)
        out = function(*inner)
        if type(out) is Pushed and out._trace is trace and not has_aux:  # the common case, in line
            return wrap(out.data), (out.tangent if out.negated else wrap(out.moved))
        ends = _parted("jvp", trace, out, has_aux)
    value, tangent, aux = _joined(*ends)
    return (value, tangent, aux) if has_aux else (value, tangent)


def _paired(primals: Any, tangents: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return both as tuples of one length, or say what is wrong with them."""
    for what, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, (tuple, list)):
            raise TypeError(
                f"jvp: {what} must be a tuple with one entry for each argument, got {type(given).__name__}; write (x,)"
            )
    if len(primals) != len(tangents):
        raise ArgumentError(f"jvp: got {len(primals)} primals and {len(tangents)} tangents; give one tangent for each")
    return tuple(primals), tuple(tangents)


def push(
    name: str, function: Function, args: Any, kwargs: Any, positions: Sequence[int], tangents: Any, has_aux: bool
) -> tuple[Any, Any, Any]:
    """Run a function with tangents for the arguments at `positions`; return result, tangent and auxiliary result."""
    primals = tuple(args[i] for i in positions)
    with entering(JVPTrace) as trace:
        trace.arguments = function, primals, positions, None
        inner = _plain(trace, primals, tangents) or _moving(name, trace, function, primals, positions, tangents)
        ends = _parted(name, trace, function(*replaced(args, positions, inner), **kwargs), has_aux)
    return _joined(*ends)


def _plain(trace: JVPTrace, primals: tuple[Any, ...], tangents: Any) -> tuple[Pushed, ...]:
    """Return tracers of Arrays whose tangents have their shapes and dtypes, nothing if anything is of another kind."""
    if len(primals) == 1 == len(tangents):
        one = _dual(trace, primals[0], tangents[0])
        return () if one is None else (one,)
    if len(primals) != len(tangents):
        return ()
    made = []
    for x, t in zip(primals, tangents):
        one = _dual(trace, x, t)
        if one is None:
            return ()
        made.append(one)
    return tuple(made)


def _dual(trace: JVPTrace, x: Any, t: Any) -> Pushed | None:
    """Return a tracer of an Array whose tangent has its shape and dtype, None if either is of another kind."""
    if not type(x) is Array is type(t):
        return None
    data, moved = x._data, t._data
    dtype = data.dtype
    if dtype is not moved.dtype or data.shape != moved.shape or (dtype is not _FLOAT32 and dtype not in _INEXACT):
        return None
    return pushed(trace, data, moved)


def _moving(
    name: str, trace: JVPTrace, function: Function, primals: Any, positions: Sequence[int], tangents: Any
) -> Any:
    """Return the primals with tracers for leaves, which move along those of the tangents."""
    leaves, structure = tree.flatten(primals)
    directions, other = tree.flatten(tangents)
    if not tree.agree(structure, other):
        raise ShapeError(
            f"{name}: the tangents' structure {tree.shown(other)} is not the primals', {tree.shown(structure)}; "
            "give one array for each *"
        )
    xs = inexact_leaves(name, leaves, primals, function, positions)
    made = [JVPTracer(trace, x, direction(name, "a tangent", t, aval_of(x))) for t, x in zip(directions, xs)]
    with muting(True):
        return tree.unflatten(structure, made)


def _parted(name: str, trace: JVPTrace, out: Any, has_aux: bool) -> tuple[tree.TreeDef, list[tuple[Value, Value]], Any]:
    """Return a result as it is one level down: its structure, its leaves with their tangents, the auxiliary result."""
    out, aux = split_aux(name, out) if has_aux else (out, None)
    leaves, structure = tree.flatten(out)
    pairs = [_with_tangent(name, trace, lower(o)) for o in leaves]
    return structure, pairs, tree.map(lambda x: leaving(name, trace, x), aux) if has_aux else None


def _with_tangent(name: str, trace: JVPTrace, x: Value) -> tuple[Value, Value]:
    if isinstance(x, JVPTracer) and x._trace is trace:
        return x.value, x.tangent
    x = constant(name, trace, x)
    return x, zeros_of(aval_of(x))


def _joined(structure: tree.TreeDef, pairs: list[tuple[Value, Value]], aux: Any) -> tuple[Any, Any, Any]:
    """Return a result, its tangent and the auxiliary result."""
    value = tree.unflatten(structure, [p for p, _ in pairs])
    with muting(True):
        tangent = tree.unflatten(structure, [t for _, t in pairs])
    return value, tangent, aux


# --------------------------------------------------------------------------- batching


def vmap(
    function: Function,
    in_axes: Any = 0,
    out_axes: Any = 0,
    axis_name: Hashable | None = None,
    axis_size: int | None = None,
) -> Function:
    """Return a function that maps `function` over an axis of its arguments.

    `in_axes` is one axis for all arguments, or a tuple with one entry per argument, each an axis, None (not mapped), or
    a tree of them that is a prefix of the argument. Keyword arguments are mapped over axis 0. `out_axes` says where the
    batch axis goes in the results, likewise. By `axis_name`, the function computes across its examples: see `psum`.
    `axis_size` is the number of examples; it is needed where no argument is mapped, and checked where one is.

    >>> vmap(lambda x, y: x * y, in_axes=(0, None))(Array([1.0, 2.0]), 3.0)
    Array([3., 6.], dtype=float32)
    >>> from minitorch.core.collectives import psum
    >>> vmap(lambda x: x / psum(x, "i"), axis_name="i")(Array([1.0, 3.0]))
    Array([0.25, 0.75], dtype=float32)
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
            size = _batch_size(leaves, axes, args, kwargs, function, axis_size)
            inputs = [
                x if axis is None else BatchTracer(trace, moveaxis(as_array(x), axis, 0), 1 << i)
                for i, (x, axis) in enumerate(zip(leaves, axes, strict=True))
            ]
            trace.names = functools.partial(places_of, args, kwargs, function)
            inner_args, inner_kwargs = tree.unflatten(structure, inputs)
            with naming(trace, None if axis_name is None else Axis(axis_name, size, trace.level)):
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


def _batch_size(
    leaves: list[Any], axes: list[int | None], args: Any, kwargs: Any, function: Function, given: int | None
) -> int:
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
        if given is None:
            raise ArgumentError("vmap: no argument is mapped; give at least one an axis in in_axes, or give axis_size")
        return given
    if len(sizes) > 1:
        found = ", ".join(f"{_mapped_path(i, args, kwargs, function)} has {n}" for n, i in sizes.items())
        raise ShapeError(f"vmap: the mapped axes have different sizes: {found}; they must agree")
    size = next(iter(sizes))
    if given is not None and given != size:
        raise ShapeError(f"vmap: axis_size={given}, but the mapped axes of the arguments have size {size}")
    return size


def _mapped_path(i: int, args: tuple[Any, ...], kwargs: dict[str, Any], function: Function) -> str:
    positional = len(tree.leaves(args))
    if i < positional:
        return path_of(i, args, function, range(len(args)))
    return [p for name in sorted(kwargs) for p in tree.paths(kwargs[name], name)][i - positional]


def _unbatch(trace: BatchTrace, x: Value, size: int, axis: int | None) -> Value:
    if isinstance(x, BatchTracer) and x._trace is trace:
        if axis is None:
            raise ArgumentError("vmap: out_axes is None for a result that depends on a mapped argument; give an axis")
        return moveaxis(x.value, 0, _in_result(axis, x))
    if axis is None and not isinstance(x, Tracer):
        return x
    x = constant("vmap", trace, x)
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
