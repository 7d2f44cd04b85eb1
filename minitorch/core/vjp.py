"""Reverse mode: walk a tape backwards.

Owns the accumulation of cotangents. Broadcasting and dtype changes are undone here and nowhere else, so a rule may
pretend that every argument already had the result's shape. Iterative, in reverse creation order; saved values are freed
as the walk goes. Knows no operation but addition, and of devices that host memory has shortcuts (`on_buffers`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextvars import ContextVar
from operator import attrgetter
from typing import Any

from numpy import ndarray

from .array import Array, wrap_scalar
from .aval import Aval
from .config import inspector, setting
from .errors import GradError
from .ops.pointwise import add, conj
from .ops.shaping import cast, unbroadcast, zeros_of
from .tape import FREED, Node, Tape, context, pick, pulling
from .tracer import Tracer, Value
from .walking import leading_to, reachable

_buffer_of = attrgetter("_data")
_inspector = inspector.get
_NOTHING: dict[str, Any] = {}
# Nodes whose hooks a walk to wanted nodes leaves alone: they are run when what it finds is handed on.
unhooked: ContextVar[Collection[Node]] = ContextVar("unhooked", default=())


def backward(
    seeds: Iterable[tuple[Node, Value]],
    *,
    wanted: Collection[Node] = (),
    keep: bool = False,
    recorder: Tape | None = None,
    since: int = -1,
) -> dict[Node, Value]:
    """Walk from seeded nodes to the leaves; return the cotangents of `wanted` nodes (of all leaves when empty).

    Cells on the way receive theirs. `keep` retains saved values for another walk. With a `recorder`, the rules run on
    that tape's tracers, so the walk itself is differentiable. Nodes made before `since` count as leaves without cells.
    """
    cotangents: dict[Node, Any] = {}
    for node, g in seeds:
        accumulate(cotangents, node, g)
    return descend(cotangents, wanted=wanted, keep=keep, recorder=recorder, since=since)


def descend(
    cotangents: dict[Node, Any],
    *,
    wanted: Collection[Node] = (),
    keep: bool = False,
    recorder: Tape | None = None,
    since: int = -1,
) -> dict[Node, Value]:
    """Walk from nodes whose cotangents are given, in the nodes' shapes and dtypes. See `backward`."""
    order = reachable(cotangents, since)
    if wanted:
        order = leading_to(order, wanted)
    found: dict[Node, Value] = {}
    hookless = unhooked.get() if wanted else ()
    for node in order:
        g = cotangents.pop(node, None)
        if g is None:
            continue
        if node.sequence < since:
            found[node] = g
            continue
        cell = node.cell
        if cell is not None and node not in hookless:
            g = cell.filtered(g) if wanted else cell.receive(g)
        if wanted:
            if node in wanted:
                found[node] = g
        elif node.plan is None:
            found[node] = g
            continue
        if node.pick is not None:
            _deposit(cotangents, node, g)
        elif node.plan is not None:
            if node.line is None:
                _pull(cotangents, node, g, recorder)
            else:
                with setting(pulling, node):
                    _pull(cotangents, node, g, recorder)
            if not keep:
                node.saved = FREED
    return found


def accumulate(cotangents: dict[Node, Any], node: Node, g: Value) -> None:
    """Add a cotangent to a node's, in the node's shape and dtype."""
    if type(g) is Array:
        shape, dtype = g._data.shape, g._data.dtype
    else:
        shape, dtype = g.shape, g.dtype
    if shape != node.shape:
        g = unbroadcast(g, node.shape)
    if dtype != node.dtype:
        g = cast(g, node.dtype)
    have = cotangents.get(node)
    cotangents[node] = g if have is None else add(have, g)


def _deposit(cotangents: dict[Node, Any], node: Node, g: Value) -> None:
    """Hand the cotangent of one result to its many-result node."""
    (owner,) = node.parents
    assert owner is not None and node.pick is not None
    slots = cotangents.setdefault(owner, [None] * len(owner.shape))
    have = slots[node.pick]
    slots[node.pick] = g if have is None else add(have, g)


def _pull(cotangents: dict[Node, Any], node: Node, g: Any, recorder: Tape | None) -> None:
    """Run a node's rules and pass the results to its parents."""
    plan = node.plan
    assert plan is not None
    saved = node.saved
    if saved is FREED:
        raise GradError(_second_time(node))
    if recorder is not None:
        saved = _recorded(node, saved, recorder)
    if type(g) is list:
        g = tuple(_zeros(node, i) if one is None and plan.fills else one for i, one in enumerate(g))
    conjugate = plan.primitive.holomorphic and type(node.dtype) is not list and node.dtype.kind == "c"
    if conjugate:
        g = conj(g)
    parents, params = node.parents, node.params
    result: Any
    plain = not conjugate and node.line is None
    is_buffer = plan.on_buffers and plain and type(g) is Array and type(g._data) is ndarray
    is_buffer = is_buffer and g._data.itemsize > 2 and not _inspector()
    for position, function, on_buffers, picks, statics in plan.calls:
        values = saved if picks is None else [saved[k] for k in picks]
        if statics:
            assert params is not None
            named = params if len(statics) == len(params) else {s: params[s] for s in statics}
        else:
            named = _NOTHING
        if is_buffer and on_buffers is not None:
            try:
                result = wrap_scalar(on_buffers(g._data, *map(_buffer_of, values), **named))
            except AttributeError:  # a tracer, an aval or an absent argument among the values
                result = function(g, *values, **named)
        else:
            result = function(g, *values, **named)
        if plain and type(result) is Array:  # the common case, in line
            parent: Any = parents[position]
            data = result._data
            if data.dtype is parent.dtype and data.shape == parent.shape:
                have = cotangents.get(parent)
                cotangents[parent] = result if have is None else add(have, result)
                continue
        if position >= 0:
            _pass_on(cotangents, node, parents[position], result, conjugate)
        else:
            for parent, part in zip(parents, result, strict=True):
                if plain and type(part) is Array and parent is not None and parent not in cotangents:  # in line, too
                    data = part._data
                    if data.dtype is parent.dtype and data.shape == parent.shape:
                        cotangents[parent] = part
                        continue
                _pass_on(cotangents, node, parent, part, conjugate)


def _pass_on(cotangents: dict[Node, Any], node: Node, parent: Node | None, g: Value, conjugate: bool) -> None:
    """Give a parent what a rule made for it, if it wants any."""
    if parent is None or g is None:
        return
    if node.line is not None and context.get().stage is None:  # a recording notes lines, and looks for nothing
        _check_nan(node, g)
    accumulate(cotangents, parent, conj(g) if conjugate else g)


def _check_nan(node: Node, contribution: Value) -> None:
    """In anomaly mode, name the line whose derivative is not a number (in any example of a batch)."""
    while isinstance(contribution, Tracer):
        contribution = getattr(contribution, "value", None)
    if isinstance(contribution, Array) and bool((contribution.numpy() != contribution.numpy()).any()):
        raise GradError(
            f"backward: {node.name} returned nan values in its gradient; the operation was recorded at {node.line}"
        )


def _zeros(node: Node, i: int) -> Array:
    return zeros_of(Aval(node.shape[i], node.dtype[i]))


def _recorded(node: Node, saved: tuple[Any, ...], tape: Tape) -> tuple[Any, ...]:
    """Turn saved values back into the tracers they came from, so that rules applied to them are recorded."""
    plan = node.plan
    assert plan is not None
    rebuilt = []
    for (is_aval, k), value in zip(plan.codes, saved, strict=True):
        if is_aval:
            rebuilt.append(value)
        elif k == 0 and type(value) is tuple:
            rebuilt.append(tuple(tape.wrap(v, pick(node, i)) for i, v in enumerate(value)))
        elif k == 0:
            rebuilt.append(tape.wrap(value, node))
        elif type(value) is tuple:
            rebuilt.append(tuple(v if p is None else tape.wrap(v, p) for v, p in zip(value, node.parents, strict=True)))
        else:
            parent = node.parents[k - 1]
            rebuilt.append(value if parent is None else tape.wrap(value, parent))
    return tuple(rebuilt)


def _second_time(node: Node) -> str:
    where = f" recorded at {node.line}" if node.line else ""
    return (
        f"backward: the saved values of {node.name}{where} have already been freed by an earlier backward through this "
        "graph; trying to backward through the graph a second time needs retain_graph=True the first time"
    )
