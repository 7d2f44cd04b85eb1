"""Running a function on a fresh tape: what grad, vjp and the Jacobians have in common.

Owns the checks of arguments, results and directions, and the way in and out of a transform. Knows no transform by name.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from operator import index as as_int
from typing import Any

import numpy as np

from . import dtypes, tree
from .array import Array
from .errors import ArgumentError, DTypeError, GradError, MinitorchError, ShapeError, TracerError
from .naming import parameter_name
from .ops.families import as_array
from .ops.pointwise import conj
from .ops.shaping import cast, full, zeros_of
from .tape import Node, Tape, TapeTracer, entering, leaf, lower, muting
from .tracer import Trace, Tracer, Value, aval_of
from .vjp import backward

Function = Callable[..., Any]


class Recording:
    """A run of a function on a fresh tape: the nodes of its inputs, and the values and nodes of its results."""

    __slots__ = ("aux", "avals", "in_avals", "inputs", "nodes", "out_structure", "structure", "values")

    def __init__(
        self,
        name: str,
        function: Function,
        args: Any,
        kwargs: Any,
        positions: tuple[int, ...],
        has_aux: bool,
        allow_int: bool = False,
    ):
        primals = args if positions == tuple(range(len(args))) else tuple(args[i] for i in positions)
        with entering(Tape) as tape:
            leaves, self.structure = tree.flatten(primals)
            arrays = inexact_leaves(name, leaves, primals, function, positions, allow_int)
            self.inputs = [leaf(a) for a in arrays]
            recorded = (
                [node if node.dtype in dtypes.INEXACT else None for node in self.inputs] if allow_int else self.inputs
            )
            with muting(True):
                inner = tree.unflatten(self.structure, map(tape.wrap, arrays, recorded))
            self.in_avals = [None if type(a) is Array else aval_of(a) for a in arrays]
            tape.arguments = function, primals, positions, self.inputs
            out = function(*replaced(args, positions, inner), **kwargs)
            tape.arguments = None  # which would keep the arguments alive for as long as the tape
            out, aux = split_aux(name, out) if has_aux else (out, None)
            leaves, self.out_structure = tree.flatten(out)
            pairs = [stripped(name, tape, x) for x in leaves]
            self.aux = tree.map(lambda x: leaving(name, tape, x), aux) if has_aux else None
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

    def require_complex(self, name: str) -> None:
        """Raise unless every input and every result is complex."""
        what = [("argument", node.dtype) for node in self.inputs] + [("result", aval.dtype) for aval in self.avals]
        for kind, dtype in what:
            if dtype not in dtypes.COMPLEX:
                raise DTypeError(
                    f"{name}: holomorphic=True takes complex arguments and results, got a {kind} of "
                    f"{dtypes.name(dtype)}; cast it with .to(complex64), or leave holomorphic out"
                )

    def pull(self, seeds: list[tuple[Node, Value]], keep: bool, conjugate: bool = False) -> tuple[Any, ...]:
        """Walk back to the inputs. The conjugate of what arrives is the transposed map, without a conjugation."""
        found = backward(seeds, keep=keep)
        grads = [found[node] if node in found else _zeros_for(node, a) for node, a in zip(self.inputs, self.in_avals)]
        if conjugate:
            grads = [conj(g) for g in grads]
        with muting(True):
            return tree.unflatten(self.structure, grads)  # type: ignore[no-any-return]


def _zeros_for(node: Node, aval: Any) -> Array:
    return full(node.shape, 0, node.dtype) if aval is None else zeros_of(aval)


def stripped(name: str, tape: Tape, x: Value) -> tuple[Value, Node | None]:
    """Split a result into its value one level down and its node."""
    if isinstance(x, TapeTracer) and x._trace is tape:
        return x.value, x.node
    x = lower(x)
    if isinstance(x, TapeTracer) and x._trace is tape:
        return x.value, x.node
    return constant(name, tape, x), None


def leaving(name: str, trace: Trace, x: Value) -> Value:
    """Return an auxiliary result as it is one level down; whatever is no array stays as it is."""
    x = lower(x)
    if isinstance(x, Tracer) and x._trace is trace:
        return x.value
    return constant(name, trace, x) if isinstance(x, Tracer) else x


def constant(name: str, trace: Trace, x: Any) -> Value:
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


def direction(name: str, what: str, g: Any, aval: Any) -> Value:
    """Check a cotangent or a tangent against the value it belongs to, and give it that value's dtype."""
    g = as_array(g)
    if g.shape != aval.shape:
        raise ShapeError(f"{name}: {what} has shape {g.shape} for {aval}; they must agree")
    if g.dtype != aval.dtype and g.dtype in dtypes.COMPLEX and aval.dtype not in dtypes.COMPLEX:
        raise DTypeError(f"{name}: {what} is {aval_of(g)} for {aval}; give a real one")
    return cast(g, aval.dtype)


def inexact_leaves(
    name: str,
    leaves: list[Any],
    primals: tuple[Any, ...],
    function: Function,
    positions: Sequence[int],
    allow_int: bool = False,
) -> list[Value]:
    """Return the leaves as arrays, all of them floats unless `allow_int`; an error names the first which is not."""
    arrays = []
    for i, x in enumerate(leaves):
        try:
            a = x if type(x) is Array else as_array(x)
        except MinitorchError as error:
            raise type(error)(f"{name}: argument {path_of(i, primals, function, positions)}: {error}") from None
        if a.dtype not in dtypes.INEXACT and not allow_int:
            raise DTypeError(
                f"{name}: argument {path_of(i, primals, function, positions)} is {aval_of(a)}, and only floats have "
                f"gradients; cast it with .to(float32), or leave it out of argnums"
            )
        arrays.append(a)
    return arrays


def path_of(i: int, primals: tuple[Any, ...], function: Function, positions: Sequence[int]) -> str:
    """Return the printable path of a leaf: `params['w']`."""
    paths = [p for x, k in zip(primals, positions) for p in tree.paths(x, parameter_name(function, k))]
    return paths[i]


# The positions of all arguments, however many.
EVERY = range(sys.maxsize)


def positions_of(argnums: int | Sequence[int]) -> tuple[tuple[int, ...], bool]:
    """Return the positions asked for, and whether it was one number."""
    try:
        return (as_int(argnums),), True  # type: ignore[arg-type]
    except TypeError:
        pass
    try:
        return tuple(as_int(i) for i in argnums), False  # type: ignore[union-attr]
    except TypeError:
        raise DTypeError(
            f"argnums: the positions of arguments are an integer or several, got {argnums!r}; write 0 or (0, 1)"
        ) from None


def in_range(
    positions: tuple[int, ...], args: tuple[Any, ...], function: Function, what: str = "grad: argnums"
) -> tuple[int, ...]:
    """Return the positions counted from the start; raise if one names no argument, or two name the same."""
    count = len(args)
    for i in positions:
        if not -count <= i < count:
            name = getattr(function, "__name__", type(function).__name__)
            raise ArgumentError(
                f"{what} {i} is out of range for {name} called with {count} positional arguments; "
                "arguments passed by keyword do not count"
            )
    found = tuple(i % count for i in positions)
    if len(set(found)) != len(found):
        raise ArgumentError(f"{what} {positions} names an argument twice; name each once")
    return found


def split_aux(name: str, out: Any) -> tuple[Any, Any]:
    """Return the value and the auxiliary result of a function with `has_aux`; raise GradError if it is no pair."""
    if not isinstance(out, tuple) or len(out) != 2:
        got = f"{len(out)} values" if isinstance(out, tuple) else "no tuple"
        raise GradError(f"{name}: with has_aux=True the function must return a pair (value, aux), got {got}")
    return out


def replaced(args: tuple[Any, ...], positions: Sequence[int], inner: Sequence[Any]) -> Sequence[Any]:
    """Return the arguments with those at `positions` exchanged."""
    if positions == tuple(range(len(args))):
        return inner
    swapped = list(args)
    for i, x in zip(positions, inner, strict=True):
        swapped[i] = x
    return swapped
