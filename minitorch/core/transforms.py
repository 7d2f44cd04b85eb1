"""grad, value_and_grad, vjp, jvp and vmap: flatten the arguments, run an interpreter, unflatten the results."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from . import dtypes, tree
from .array import Array
from .errors import ArgumentError, DTypeError, GradError, ShapeError
from .jvp import JVPTrace, JVPTracer
from .ops.families import as_array
from .ops.pointwise import detach
from .ops.shaping import broadcast_to, cast, moveaxis, ones_like, zeros_of
from .primitive import Tracer, Value, aval_of
from .tape import Tape, TapeTracer, entering, leaf, lower, muting
from .vjp import backward
from .vmap import BatchTrace, BatchTracer

F = TypeVar("F", bound=Callable[..., Any])
Function = Callable[..., Any]


def grad(function: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """Return a function that computes the gradient of a scalar function.

    The gradient has the structure, shapes and dtypes of the argument(s) named by `argnums`; arguments may be any pytree.
    With `has_aux`, `function` returns `(value, aux)` and the result is `(gradient, aux)`.

    >>> from minitorch.core.ops.pointwise import sin
    >>> grad(sin)(0.0)
    Array(1., dtype=float32)
    """
    both = value_and_grad(function, argnums, has_aux)

    @functools.wraps(function)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, grads = both(*args, **kwargs)
        return (grads, value[1]) if has_aux else grads

    return gradient


def value_and_grad(function: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """Return a function that computes a scalar function's value and its gradient together.

    >>> value_and_grad(lambda p: p["w"] * p["w"])({"w": 3.0})
    (Array(9., dtype=float32), {'w': Array(6., dtype=float32)})
    """

    @functools.wraps(function)
    def both(*args: Any, **kwargs: Any) -> Any:
        positions = _positions(argnums, len(args), function)
        chosen = tuple(args[i] for i in positions)

        def closed(*inner: Any) -> Any:
            full = list(args)
            for i, value in zip(positions, inner, strict=True):
                full[i] = value
            return function(*full, **kwargs)

        names = tuple(_parameter_name(function, i) for i in positions)
        out, pull, aux = _pullback("grad", closed, chosen, has_aux, names)
        grads = pull(_unit_cotangent(out))
        result = grads[0] if isinstance(argnums, int) else grads
        return ((out, aux) if has_aux else out), result

    return both


def vjp(function: Function, *primals: Any, has_aux: bool = False) -> Any:
    """Return `function(*primals)` and the function that pulls a cotangent of it back to each argument.

    >>> out, pull = vjp(lambda x, y: x * y, 2.0, 3.0)
    >>> pull(1.0)
    (Array(3., dtype=float32), Array(2., dtype=float32))
    """
    names = tuple(_parameter_name(function, i) for i in range(len(primals)))
    out, pull, aux = _pullback("vjp", function, primals, has_aux, names)
    return (out, pull, aux) if has_aux else (out, pull)


def _pullback(
    name: str, function: Function, primals: tuple[Any, ...], has_aux: bool, names: tuple[str, ...]
) -> tuple[Any, Function, Any]:
    """Record `function` on a fresh tape."""
    with entering(Tape) as tape:
        leaves, structure = tree.flatten(primals)
        arrays = [as_array(x) for x in leaves]
        _check_inexact(name, arrays, primals, names)
        inputs = [tape.wrap(a, leaf(a)) for a in arrays]
        with muting(True):
            inner = tree.unflatten(structure, inputs)
        out = function(*inner)
        out, aux = _split_aux(out) if has_aux else (out, None)
        out_leaves, out_structure = tree.flatten(out)
        outputs = [_strip(tape, lower(o)) for o in out_leaves]
        aux = tree.map(lambda x: _strip(tape, lower(x))[0], aux)
    avals = [aval_of(value) for value, _ in outputs]

    def pull(cotangent: Any) -> tuple[Any, ...]:
        given = [as_array(g) for g in tree.leaves(cotangent)]
        if len(given) != len(outputs):
            raise ShapeError(
                f"{name}: the cotangent has {len(given)} leaves, the result {len(outputs)}; give one for each"
            )
        for g, aval in zip(given, avals):
            if g.shape != aval.shape:
                raise ShapeError(f"{name}: the cotangent of a result {aval} has shape {g.shape}; it must be the same")
        seeds = [
            (node, cast(g, node.dtype)) for (_, node), g in zip(outputs, given, strict=True) if node is not None
        ]
        wanted = {x.node for x in inputs if x.node is not None}
        found = backward(seeds, wanted=wanted, keep=True)
        grads = [found[x.node] if x.node in found else zeros_of(aval_of(x.value)) for x in inputs]
        with muting(True):
            return tree.unflatten(structure, grads)  # type: ignore[no-any-return]

    return tree.unflatten(out_structure, [value for value, _ in outputs]), pull, aux


def _strip(tape: Tape, x: Value) -> tuple[Value, Any]:
    """Split a result into its value one level down and its node."""
    if isinstance(x, TapeTracer) and x.trace is tape:
        return x.value, x.node
    return (as_array(x) if _is_number(x) else x), None


def _is_number(x: Any) -> bool:
    return not isinstance(x, (Array, Tracer)) and isinstance(x, (bool, int, float, complex))


def _unit_cotangent(out: Any) -> Value:
    leaves = tree.leaves(out)
    if len(leaves) != 1 or not isinstance(leaves[0], (Array, Tracer)) or leaves[0].shape != ():
        got = ", ".join(str(aval_of(x)) if isinstance(x, (Array, Tracer)) else repr(x) for x in leaves)
        raise GradError(
            f"grad: the function must return one scalar, got [{got}]; reduce it with .sum() or .mean(), "
            "or use vjp or jacrev for more"
        )
    if leaves[0].dtype not in dtypes.INEXACT:
        raise DTypeError(f"grad: the function returned {aval_of(leaves[0])}, which has no gradient; return a float")
    if dtypes.is_complex(leaves[0].dtype):
        raise DTypeError("grad: the function returned a complex number; take .real or .abs() of it, or use vjp")
    return ones_like(leaves[0])


def _check_inexact(name: str, arrays: list[Value], primals: tuple[Any, ...], names: tuple[str, ...]) -> None:
    for position, a in enumerate(arrays):
        if a.dtype not in dtypes.INEXACT:
            paths = [p for n, tree_ in zip(names, primals, strict=True) for p in tree.paths(tree_, n)]
            raise DTypeError(
                f"{name}: argument {paths[position]} is {aval_of(a)}, and only floats have gradients; "
                f"cast it with .to(float32), or leave it out of argnums"
            )


def _parameter_name(function: Function, position: int) -> str:
    code = getattr(function, "__code__", None)
    if code is None or position >= code.co_argcount:
        return f"args[{position}]"
    return str(code.co_varnames[position])


def _positions(argnums: int | Sequence[int], count: int, function: Function) -> tuple[int, ...]:
    given = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for i in given:
        if not -count <= i < count:
            name = getattr(function, "__name__", "function")
            raise ArgumentError(f"grad: argnums {argnums} is out of range for {name} called with {count} arguments")
    return tuple(i % count for i in given)


def _split_aux(out: Any) -> tuple[Any, Any]:
    if not isinstance(out, tuple) or len(out) != 2:
        raise GradError("grad: with has_aux=True the function must return a pair (value, aux)")
    return out


def jvp(function: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """Return `function(*primals)` and the directional derivative along `tangents`.

    >>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))
    (Array(6., dtype=float32), Array(3., dtype=float32))
    """
    if len(primals) != len(tangents):
        raise ArgumentError(f"jvp: got {len(primals)} primals and {len(tangents)} tangents; give one tangent for each")
    with entering(JVPTrace) as trace:
        xs, structure = tree.flatten(tuple(primals))
        ts = tree.leaves(tuple(tangents))
        if len(ts) != len(xs):
            raise ShapeError(f"jvp: the tangents have {len(ts)} leaves, the primals {len(xs)}; give one for each")
        xs, ts = [as_array(x) for x in xs], [as_array(t) for t in ts]
        names = tuple(_parameter_name(function, i) for i in range(len(primals)))
        _check_inexact("jvp", xs, tuple(primals), names)
        for x, t in zip(xs, ts, strict=True):
            if x.shape != t.shape:
                raise ShapeError(f"jvp: a tangent has shape {t.shape} for a primal of shape {x.shape}; they must agree")
        with muting(True):
            inner = tree.unflatten(structure, [JVPTracer(trace, x, cast(t, x.dtype)) for x, t in zip(xs, ts)])
        out = function(*inner)
        out, aux = _split_aux(out) if has_aux else (out, None)
        leaves, out_structure = tree.flatten(out)
        pairs = [_primal_tangent(trace, lower(o)) for o in leaves]
        aux = tree.map(lambda x: _primal_tangent(trace, lower(x))[0], aux)
    value = tree.unflatten(out_structure, [p for p, _ in pairs])
    with muting(True):
        tangent = tree.unflatten(out_structure, [t for _, t in pairs])
    return (value, tangent, aux) if has_aux else (value, tangent)


def _primal_tangent(trace: JVPTrace, x: Value) -> tuple[Value, Value]:
    if isinstance(x, JVPTracer) and x.trace is trace:
        return x.value, x.tangent
    x = as_array(x) if _is_number(x) else x
    return x, zeros_of(aval_of(x)) if isinstance(x, (Array, Tracer)) else x


def vmap(function: Function, in_axes: Any = 0, out_axes: Any = 0) -> Function:
    """Return a function that maps `function` over an axis of its arguments.

    `in_axes` is one axis for all arguments, or a tuple with one entry per argument, each an axis, None (not mapped), or
    a tree of them that is a prefix of the argument. `out_axes` says where the batch axis goes in the results.

    >>> vmap(lambda x, y: x * y, in_axes=(0, None))(Array([1.0, 2.0]), 3.0)
    Array([3., 6.], dtype=float32)
    """

    @functools.wraps(function)
    def batched(*args: Any, **kwargs: Any) -> Any:
        with entering(BatchTrace) as trace:
            leaves, structure = tree.flatten((args, kwargs))
            axes = _in_axes(in_axes, args, kwargs)
            size = _batch_size(leaves, axes, args, kwargs)
            inputs = [
                x if axis is None else BatchTracer(trace, moveaxis(as_array(x), axis, 0))
                for x, axis in zip(leaves, axes, strict=True)
            ]
            inner_args, inner_kwargs = tree.unflatten(structure, inputs)
            out_leaves, out_structure = tree.flatten(function(*inner_args, **inner_kwargs))
            places = _prefix("out_axes", out_axes, tree.unflatten(out_structure, out_leaves))
            outputs = [_unbatch(trace, lower(o), size, axis) for o, axis in zip(out_leaves, places, strict=True)]
        return tree.unflatten(out_structure, outputs)

    return batched


def _in_axes(in_axes: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[int | None]:
    spec = in_axes
    if isinstance(spec, list):
        spec = tuple(spec)
    if isinstance(spec, tuple) and len(spec) != len(args):
        raise ArgumentError(f"vmap: in_axes has {len(spec)} entries for {len(args)} arguments; give one for each")
    positional = _prefix("in_axes", spec, args)
    return positional + [0] * len(tree.leaves(kwargs))


def _prefix(name: str, spec: Any, full: Any) -> list[int | None]:
    """Spread a tree of axes that is a prefix of `full` over its leaves."""
    if spec is None or isinstance(spec, int):
        return [spec] * len(tree.leaves(full))
    try:
        keys, children = _children(spec)
        full_keys, full_children = _children(full)
    except TypeError:
        keys, children, full_keys, full_children = [], [], [0], []
    if keys != full_keys:
        raise ArgumentError(f"vmap: {name}={spec!r} does not match the structure of its argument; use ints or None")
    return [axis for s, f in zip(children, full_children) for axis in _prefix(name, s, f)]


def _children(node: Any) -> tuple[list[Any], list[Any]]:
    if isinstance(node, dict):
        keys = sorted(node)
        return keys, [node[k] for k in keys]
    if isinstance(node, (tuple, list)):
        return list(range(len(node))), list(node)
    raise TypeError


def _batch_size(leaves: list[Any], axes: list[int | None], args: Any, kwargs: Any) -> int:
    sizes: dict[int, str] = {}
    for x, axis, path in zip(leaves, axes, tree.paths((args, kwargs)), strict=True):
        if axis is None:
            continue
        aval = aval_of(as_array(x))
        if not -aval.ndim <= axis < aval.ndim:
            raise ShapeError(f"vmap: argument {path} is {aval}, which has no axis {axis}; give in_axes None for it")
        sizes.setdefault(aval.shape[axis], path)
    if not sizes:
        raise ArgumentError("vmap: no argument is mapped; give at least one an axis in in_axes")
    if len(sizes) > 1:
        found = ", ".join(f"{path} has {n}" for n, path in sizes.items())
        raise ShapeError(f"vmap: the mapped axes have different sizes: {found}; they must agree")
    return next(iter(sizes))


def _unbatch(trace: BatchTrace, x: Value, size: int, axis: int | None) -> Value:
    mine = isinstance(x, BatchTracer) and x.trace is trace
    if axis is None:
        if mine:
            raise ArgumentError("vmap: out_axes is None for a result that depends on a mapped argument; give an axis")
        return x
    if mine:
        return moveaxis(x.value, 0, axis)
    x = as_array(x)
    return moveaxis(broadcast_to(x, (size, *x.shape)), 0, axis)


def stop_gradient(x: Any) -> Any:
    """Return a tree whose values pass no gradient on, in forward or reverse mode."""
    return tree.map(detach, x)
