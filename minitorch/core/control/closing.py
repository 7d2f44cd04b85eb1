"""Closing functions: a function of trees becomes a graph, and what it closes over becomes further arguments.

The graphs are written by the staging trace, so a Python `if` on a traced value raises, naming the user's line. Concrete
arrays stay inside as constants; values of outer transforms, and tensors, are returned beside the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from .. import dtypes, tree
from ..array import Array
from ..aval import Aval
from ..calling import Leaves, Shape, called
from ..errors import DTypeError, MinitorchError, ShapeError, TracerError
from ..jit.graph import Graph, interpret
from ..jit.staging import ADVICE, Lifted, StagedTracer, StagingTrace
from ..ops.families import LEADING, as_array, custom, primitive_of
from ..ops.shaping import cast_p
from ..primitive import LINEAR, Primitive
from ..tape import TapeTracer, context, entering, lower
from ..tracer import Params, Tracer, Value, aval_of
from ..walking import reachable
from .calls import call_p
from .purity import refuse_changes, seen_by

Function = Callable[..., Any]


# The identity, through which no cotangent passes, but tangents do: as `no_grad` has it.
unrecorded_p = custom("unrecorded", lambda x: x, abstract=lambda x: x, vjp=(None,), jvp=LINEAR, batch=LEADING)


def unrecorded(x: Value) -> Value:
    """Keep cotangents from a value that is being written down."""
    return StagingTrace.process(x._trace, primitive_of(unrecorded_p), (x,), {})


class BodyTrace(StagingTrace):
    """The staging trace of the functions that loops and branches hold. Derivative rules of their own survive in it."""

    __slots__ = ()
    is_derived_later: ClassVar[bool] = True
    where: ClassVar[str] = "the function of a loop or a branch"
    error: ClassVar[type[MinitorchError]] = TracerError
    advice: ClassVar[dict[str, str]] = ADVICE | {
        "bool() or a Python `if`": "Use cond(condition, f, g, *operands) for a branch, minitorch.where(condition, a, b) "
        "for a choice between values, or while_loop for a loop whose end depends on data.",
        "int()": "Compute with it as an array.",
        "float()": "Compute with it as an array.",
        "an index": "Index with the array itself.",
        "print or str()": "Return the value and print it outside.",
        ".item()": "Return the value and read it outside.",
    }

    def process(self, primitive: Primitive, args: tuple[Value, ...], params: Params) -> Any:
        """Write an equation; what is computed under `no_grad` stays without a gradient."""
        out = super().process(primitive, args, params)
        if context.get().muted < self.level:
            return out
        return tuple(map(unrecorded, out)) if type(out) is tuple else unrecorded(out)

    def process_call(self, call: Any, function: Function, leaves: Leaves) -> Leaves:
        """Write the application as one equation, with the function as a graph."""
        places = [i for i, x in enumerate(leaves) if isinstance(x, (Array, Tracer))]

        def run(xs: Leaves) -> Leaves:
            return function(_merged(leaves, places, xs))  # type: ignore[no-any-return]

        graph, consts = closed(run, [aval_of(leaves[i]) for i in places])
        if consts:
            apply = call.over(lambda xs: interpret(graph, xs))
        else:
            apply = lambda xs: call(_merged(leaves, places, xs))  # noqa: E731
        return list(call_p(*consts, *(leaves[i] for i in places), graph=graph, call=apply))


def _merged(leaves: Leaves, places: Sequence[int], xs: Leaves) -> Leaves:
    """Return leaves with those at some places exchanged."""
    merged = list(leaves)
    for i, x in zip(places, xs, strict=True):
        merged[i] = x
    return merged


class _Stage:
    """What the context's stage is while a function is being closed: handles are the outer one's affair.

    State that a function would advance cannot be carried from step to step, so it is refused.
    """

    def __init__(self, outer: Any):
        self.outer = outer

    @property
    def level(self) -> int:
        """The level of the compiled function around it; 0 if there is none, for then nothing is recorded."""
        return 0 if self.outer is None else self.outer.level

    def adopted(self, args: tuple[Value, ...]) -> tuple[Value, ...]:
        """Let an enclosing compiled function take its handles in."""
        return args if self.outer is None else self.outer.adopted(args)

    def generator(self, generator: Any) -> None:
        """Refuse random numbers from hidden state."""
        raise TracerError(
            "random: the function of a loop or a branch draws from a hidden generator, which would give every step the "
            "same numbers; draw before the loop and pass the numbers as xs, or pass a key and fold the step into it"
        )

    def watch_new_cell(self, x: Any) -> None:
        """Note a new place for a gradient."""
        if self.outer is not None:
            self.outer.watch_new_cell(x)

    def __getattr__(self, name: str) -> Any:
        if self.outer is None or name.startswith("__"):
            raise TracerError(
                f"{name}: an optimizer's step changes state, which the function of a loop or a branch cannot; use the "
                "functional form, and carry parameters and state"
            )
        return getattr(self.outer, name)


def closed(function: Callable[[Leaves], Sequence[Value]], avals: Sequence[Aval]) -> tuple[Graph, Leaves]:
    """Write down a function from leaves to leaves; return its graph, and what it closes over, its first inputs.

    Among these may be plain numbers that a compiled function takes; only there may inputs be weak.
    """
    with entering(BodyTrace) as trace:
        here = context.get()
        token = context.set(replace(here, stage=_Stage(_outer(here.stage))))
        try:
            outs = function([trace.input(a) for a in avals])
            _refuse_hooks(outs)
            outputs = [trace.atom(_strong(as_array(lower(x)))) for x in outs]
        finally:
            context.reset(token)
    graph = trace.graph
    given = len(avals)
    graph.inputs = graph.inputs[given:] + graph.inputs[:given]
    graph.outputs = outputs
    consts = [s.value for s in trace.sources if isinstance(s, Lifted)]
    return graph, consts


def _refuse_hooks(outs: Sequence[Value]) -> None:
    """Raise if a hook waits for a gradient inside, which the derivative of the graph would pass by."""
    ends = [x.node for x in outs if isinstance(x, TapeTracer) and x.node is not None]
    if any(getattr(node.cell, "hooks", None) for node in reachable(ends)):
        raise TracerError(
            "register_hook: a tensor inside the function of a loop or a branch has a hook, which its derivative would not "
            "call; return the tensor and register the hook on the result"
        )


def _outer(stage: Any) -> Any:
    return stage.outer if isinstance(stage, _Stage) else stage


def _strong(x: Value) -> Value:
    """Return an array whose dtype holds: a plain number that a transform traces is one no longer."""
    return cast_p(x, dtype=x.dtype) if isinstance(x, Tracer) and x.aval.weak else x


def transformed(function: Callable[[Leaves], Sequence[Value]], avals: Sequence[Aval]) -> Graph:
    """Write down what a transform makes of a graph; nothing may be closed over any more."""
    graph, consts = closed(function, avals)
    if consts:
        raise TracerError(
            "the derivative rule of a function inside a loop or a branch closes over a traced value, "
            f"{aval_of(consts[0])}; pass it to that function as an argument"
        )
    return graph


# --------------------------------------------------------------------------- functions of trees


class Result(Shape):
    """The structure of a function's result, and which of its leaves are plain numbers."""

    plain: list[bool]

    def flatten(self, out: Any) -> Leaves:
        """Take a result apart into arrays."""
        self.plain = [type(x) in dtypes.SCALARS for x in tree.leaves(out)]
        return Shape.flatten(self, out)


@dataclass(slots=True)
class Closed:
    """A function of trees as a graph of leaves, whose first inputs are what it closes over."""

    graph: Graph
    consts: Leaves
    shape: Result

    def give_way(self, i: int, aval: Aval) -> None:
        """Let result `i`, if it is a plain number, take a dtype that promotion would give it."""
        atom = self.graph.outputs[i]
        is_plain = self.shape.plain[i] and isinstance(atom, Array) and aval.shape == ()
        if is_plain and dtypes.promote(_kind(atom.dtype), aval.dtype) == aval.dtype:
            self.graph.outputs[i] = Array(atom, aval.dtype)


def close(function: Function, structure: tree.TreeDef, avals: Sequence[Aval]) -> Closed:
    """Close a function whose arguments, a tuple of trees, have this structure and these leaves."""
    run, shape, seen = called(function, structure), Result(), seen_by(function)
    graph, consts = closed(lambda leaves: shape.flatten(run(leaves)), avals)
    refuse_changes(function, seen)
    return Closed(graph, consts, shape)


def flattened(args: Any) -> tuple[Leaves, tree.TreeDef]:
    """Take arguments apart into arrays and plain numbers."""
    leaves, structure = tree.flatten(args)
    return [
        x if isinstance(x, (Array, Tracer)) or type(x) in dtypes.SCALARS else as_array(x) for x in leaves
    ], structure


def fitted(name: str, what: str, init: Leaves, found: Sequence[Aval], paths: Sequence[str]) -> Leaves | None:
    """Return the first carry as arrays with the dtypes that a step returns; None if a step must be looked at again.

    A plain number takes the dtype of what replaces it. Anything else that a step changes raises.
    """
    settled, again = [], False
    for x, aval, path in zip(init, found, paths, strict=True):
        have = aval_of(x)
        if have.weak and have.shape == aval.shape and have.dtype != aval.dtype:
            wanted = dtypes.promote(_kind(have.dtype), aval.dtype)
            if wanted == aval.dtype:
                settled.append(_number(x, wanted))
                again = True
                continue
        if have.shape != aval.shape:
            raise ShapeError(
                f"{name}: {what} {path} starts as {have} and a step returns {aval}; a carry keeps its shape: start with "
                f"an array of shape {aval.shape}, or reduce what the step returns"
            )
        if have.dtype != aval.dtype:
            raise DTypeError(
                f"{name}: {what} {path} starts as {have} and a step returns {aval}; a carry keeps its dtype: start with "
                f"x.astype({dtypes.name(aval.dtype)}), or cast what the step returns to {dtypes.name(have.dtype)}"
            )
        settled.append(x)
    return settled if again else None


def _kind(dtype: dtypes.DType) -> type:
    return (bool, int, float, complex)[dtypes.rank(dtype)]


def _number(x: Value, dtype: dtypes.DType) -> Value:
    return Array(x, dtype) if type(x) in dtypes.SCALARS else cast_p(x, dtype=dtype)


def arrays(leaves: Leaves) -> Leaves:
    """Return leaves as arrays of their own dtypes."""
    return [_strong(as_array(x)) for x in leaves]


def checked_structure(name: str, what: str, found: tree.TreeDef, wanted: tree.TreeDef) -> None:
    """Raise unless a function has returned the structure that it was given."""
    if not tree.agree(found, wanted):
        raise ShapeError(
            f"{name}: {what} has the structure {tree.shown(wanted)}, and a step returns {tree.shown(found)}; return the "
            "same containers with the same keys"
        )


__all__ = ["BodyTrace", "Closed", "StagedTracer", "arrays", "checked_structure", "close", "closed", "fitted"]
