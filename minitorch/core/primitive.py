"""Primitives, their rules, and dispatch.

A primitive is a name with rules: how to compute it, how its shape follows, how it is batched, and how cotangents and
tangents pass through. `bind` hands an application to the interpreter with the highest level among its arguments.
Knows no operation, no transform and no device.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from . import dtypes
from .array import Array, wrap_scalar
from .config import inspector
from .errors import MinitorchError, ShapeError
from .tracer import Params, Trace, Tracer, Value, aval_of, avals_of, kind_of


class Explicit:
    """A named marker: an absence that was declared, not forgotten."""

    def __init__(self, meaning: str):
        self.meaning = meaning

    def __repr__(self) -> str:
        return self.meaning


NO_DERIVATIVE = Explicit("no derivative")  # the result never carries a gradient (indices, comparisons, random bits)
NO_BATCHING = Explicit("no batching")  # the result's shape depends on the data
LINEAR = Explicit("linear")  # the tangent is the primitive itself, applied to the tangent
DECOMPOSE = Explicit("decompose")  # forward mode and batching go through the definition in simpler operations


@dataclass(frozen=True, slots=True)
class Rule:
    """A derivative rule with the values its parameter names ask for.

    A name is `out`, an argument (`x`), the aval of one (`x_aval`, which keeps no buffer), or a static parameter.
    """

    function: Callable[..., Any]
    sources: tuple[tuple[bool, int], ...]  # (is_aval, position in (out, *args))
    statics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Whole:
    """A rule that takes a whole application over: `process(trace, primitive, args, params)`, from tracers to tracers.

    For primitives that hold functions, such as loops: their derivatives are those of the functions. As a tangent rule it
    comes with `divide`, which takes an application over whose arguments are linear in something: it computes what is not,
    once, and records what is.
    """

    process: Callable[[Any, Primitive, tuple[Any, ...], Params], Any]
    divide: Callable[[Any, Primitive, tuple[Any, ...], Params], Any] | None = None


class RuleCall(NamedTuple):
    """A rule that a plan calls: for the argument at a position, or for all of them (-1).

    `picks` says which saved values it takes (None for all), `statics` which statics. `on_buffers` does the same for values
    that are concrete arrays in host memory, on their buffers.
    """

    position: int
    function: Callable[..., Any]
    on_buffers: Callable[..., Any] | None = None
    picks: tuple[int, ...] | None = None
    statics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a tape node keeps for the arguments that need a gradient, and whom it calls.

    With several results, `fills` says whether cotangents that nobody gave are made zeros, or left as None. `on_buffers` says
    whether a rule knows a way on buffers.
    """

    primitive: Primitive
    codes: tuple[tuple[bool, int], ...]
    save: Callable[[tuple[Any, ...]], tuple[Any, ...]]
    calls: tuple[RuleCall, ...]
    fills: bool = True
    on_buffers: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "on_buffers", any(call.on_buffers is not None for call in self.calls))


@dataclass(eq=False, slots=True)
class Primitive:
    """An operation as the transforms see it. Declare one with a family from `ops/families.py`."""

    name: str
    impls: dict[type, Callable[..., Any]]
    evaluate: Callable[[Primitive, Sequence[Any], Params], Any]
    abstract: Callable[..., Any]
    batch: Any
    vjp: Any  # tuple of Rule | None per argument, one Rule for all when variadic, Whole, or NO_DERIVATIVE
    jvp: Any  # tuple of Rule | LINEAR | None per argument, LINEAR for all, DECOMPOSE, Whole, or NO_DERIVATIVE
    args: tuple[str, ...]
    statics: tuple[str, ...]
    variadic: bool = False
    holomorphic: bool = False
    decompose: Callable[..., Any] | None = None
    formula: str | None = None
    operand_dtypes: Callable[..., Any] | None = None
    fills: bool = True  # with several results: whether missing cotangents become zeros for the rule, or None
    direct: frozenset[dtypes.DType] = frozenset()  # dtypes that the impl takes and returns as they are: pointwise only
    holds_graphs: bool = False  # loops and branches: they take plain numbers as such
    plans: dict[int, Plan] = field(default_factory=dict)
    pushes: dict[Any, Callable[..., Any] | None] = field(default_factory=dict)  # see `pushing.py`

    def __call__(self, *args: Any, **params: Any) -> Any:
        return bind(self, *args, **params)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return lookup, (self.name,)


PRIMITIVES: dict[str, Primitive] = {}


def lookup(name: str) -> Primitive:
    """Return a registered primitive."""
    return PRIMITIVES[name]


def register(primitive: Primitive) -> Primitive:
    """Enter a primitive in the table; a second one of the same name is an error."""
    if primitive.name in PRIMITIVES:
        raise ValueError(f"primitive {primitive.name!r} is declared twice")
    PRIMITIVES[primitive.name] = primitive
    return primitive


def names_of(impl: Callable[..., Any]) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """Return the array names, the static names, and whether the last array name is variadic."""
    parameters = inspect.signature(impl).parameters.values()
    static = tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
    arrays = tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY)
    return arrays, static, any(p.kind is p.VAR_POSITIONAL for p in parameters)


def rule(primitive: str, function: Callable[..., Any], args: tuple[str, ...], statics: tuple[str, ...]) -> Rule:
    """Compile a rule: look up, once, where each of its parameters comes from."""
    names = tuple(inspect.signature(function).parameters)[1:]
    known = {"out": (False, 0), "out_aval": (True, 0)}
    for position, name in enumerate(args, 1):
        known[name], known[name + "_aval"] = (False, position), (True, position)
    stray = [n for n in names if n not in known and n not in statics]
    if stray:
        raise ValueError(f"{primitive}: its rule asks for {stray}, which is no argument of {args} {statics}")
    arrays = [n for n in names if n in known]
    if list(names[: len(arrays)]) != arrays:
        raise ValueError(f"{primitive}: a rule takes its arrays before its static parameters, got {names}")
    return Rule(function, tuple(known[n] for n in arrays), names[len(arrays) :])


def plan_for(primitive: Primitive, mask: int) -> Plan:
    """Return what to save and call when the arguments in `mask` (a bit set) need gradients."""
    if isinstance(primitive.vjp, Rule):
        mask = -1  # one rule serves all arguments
    found = primitive.plans.get(mask)
    if found is None:
        found = primitive.plans[mask] = _make_plan(primitive, mask)
    return found


def _make_plan(primitive: Primitive, mask: int) -> Plan:
    rules = [(-1, primitive.vjp)] if isinstance(primitive.vjp, Rule) else list(enumerate(primitive.vjp))
    wanted = [(i, r) for i, r in rules if r is not None and (i < 0 or mask >> i & 1)]
    codes = tuple(dict.fromkeys(source for _, r in wanted for source in r.sources))
    calls = []
    for i, r in wanted:
        picks = tuple(codes.index(source) for source in r.sources)
        picked = None if picks == tuple(range(len(codes))) else picks
        on_buffers = None if i < 0 else getattr(r.function, "on_buffers", None)
        calls.append(RuleCall(i, r.function, on_buffers, picked, r.statics))
    return Plan(primitive, codes, _saver(codes), tuple(calls), primitive.fills)


def _saver(codes: tuple[tuple[bool, int], ...]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """Return the function that picks saved values out of `(out, *args)`."""
    positions = [k for _, k in codes]
    if any(is_aval for is_aval, _ in codes):
        return lambda env: tuple(avals_of(env[k]) if is_aval else env[k] for is_aval, k in codes)
    if len(positions) > 1:
        return itemgetter(*positions)
    if positions:
        (only,) = positions
        return lambda env: (env[only],)
    return lambda env: ()


def bind(primitive: Primitive, *args: Value, **params: Any) -> Any:
    """Apply a primitive: the argument with the highest level decides who interprets it."""
    top: Trace | None = None
    for a in args:
        if isinstance(a, Tracer):
            trace = a._trace
            if top is None or trace.level > top.level:
                top = trace
    if top is not None:
        return top.process(primitive, args, params)
    return evaluate(primitive, args, params)


_inspector = inspector.get
_new = object.__new__
_ndarray = np.ndarray
FAILURES = (ValueError, TypeError, IndexError, ArithmeticError)  # what NumPy raises for operands that do not fit


def evaluate(primitive: Primitive, args: Sequence[Value], params: Params) -> Any:
    """Compute a primitive on arrays and numbers."""
    try:
        out = primitive.evaluate(primitive, args, params)
    except MinitorchError:
        raise
    except FAILURES as error:
        if not primitive.impls:  # it calls a function of the user's, whose errors are its own
            raise
        raise explained(primitive, args, params, error) from error
    look = _inspector()
    if look is not None:
        look(primitive, args, params, out)
    return out


def explained(primitive: Primitive, args: Sequence[Any], params: Params, error: Exception) -> Exception:
    """Turn a backend's complaint into one that names the operation: the shape rule usually knows better."""
    for a in args:
        if a is not None and not isinstance(a, Array) and type(a) not in dtypes.SCALARS:
            return TypeError(
                f"{primitive.name}: expected an array or a number, got {type(a).__name__}; "
                "convert it with minitorch.tensor(...)"
            )
    if isinstance(error, OverflowError) and (better := oversized(primitive, args)) is not None:
        return better
    avals = [avals_of(a) for a in args]
    try:
        primitive.abstract(*avals, **params)
    except MinitorchError as better:
        return better
    operands = ", ".join(str(a) for a in avals)
    kind = ShapeError if isinstance(error, (ValueError, IndexError)) else type(error)
    given = f" with {params}" if params else ""
    return kind(f"{primitive.name}({operands}){given}: {error}")


def oversized(primitive: Primitive, args: Sequence[Any]) -> Exception | None:
    """Return the error for a Python integer that a pointwise operation's dtype cannot hold, None if there is none."""
    if primitive.operand_dtypes is None:
        return None
    operands, _ = primitive.operand_dtypes(tuple(map(kind_of, args)))
    for number, dtype in zip(args, operands):
        try:
            np.asarray(number if type(number) is int else 0, dtypes.float32 if dtype in dtypes.HALVES else dtype)
        except OverflowError:
            few = number.bit_length() <= 128
            shown = number if few else f"about {'-' if number < 0 else ''}10**{math.log10(abs(number)):.0f}"
            fix = "compute in another dtype" if dtype in dtypes.INTEGERS else "write float('inf') for infinity"
            return OverflowError(
                f"{primitive.name}({', '.join(map(str, map(aval_of, args)))}): the Python number {shown} does not fit into "
                f"{dtypes.name(dtype)}; give one that does, or {fix}"
            )
    return None


def evaluate_plain(primitive: Primitive, args: Sequence[Any], params: Params) -> Any:
    """Compute on buffers: unwrap, call the backend's function, wrap. Operands are used as they are."""
    buffers = [a._data if type(a) is Array else a for a in args]
    impls = primitive.impls
    out = (impls.get(type(buffers[0])) or impls[_ndarray])(*buffers, **params)
    if type(out) is _ndarray:
        array: Array = _new(Array)
        array._data = out
        return array
    return tuple(map(wrap_scalar, out)) if type(out) is tuple else wrap_scalar(out)
