"""Primitives, their rules, and dispatch.

A primitive is a name with rules: how to compute it, how its shape follows, how it is batched, and how cotangents and
tangents pass through. `bind` hands an application to the interpreter with the highest level among its arguments.
Knows no operation, no transform and no device.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, ClassVar, NamedTuple, NoReturn

import numpy as np

from . import dtypes
from .array import Array, wrap_scalar
from .aval import Aval
from .config import inspector
from .errors import MinitorchError, ShapeError, TracerError

Value = Any  # Array, Tracer, or a weak Python scalar
Params = dict[str, Any]


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


class Trace:
    """An interpreter of primitives. Its level says which transform it belongs to: inner ones are higher.

    `arguments`, where it is set, is what messages need to name the arguments of a differentiated function: the function,
    those arguments, their positions, and the nodes of their leaves on a tape, else None.
    """

    __slots__ = ("arguments", "closed", "level")
    arguments: tuple[Callable[..., Any], Sequence[Any], Sequence[int], Sequence[Any] | None] | None
    is_derived_later: ClassVar[bool] = False  # whether derivatives may be taken of what it writes down
    expands: ClassVar[bool] = False  # into power series: a function with rules of its own is asked for them
    transform: ClassVar[str] = "a transform"

    def __init__(self, level: int):
        self.level = level
        self.closed = False

    def process(self, primitive: Primitive, args: tuple[Value, ...], params: Params) -> Any:
        """Interpret one application, binding what remains one level down."""
        raise TypeError(f"{type(self).__name__} does not interpret {primitive.name}")

    def process_call(self, call: Any, function: Callable[[list[Any]], list[Any]], leaves: list[Any]) -> list[Any]:
        """Interpret the application of a function that has rules of its own, as `call` knows them: run the function."""
        return function(leaves)

    def provenance(self, value: Any) -> Hashable:
        """Return what equals for tracers of this trace that hold the same, as far as can be told without data."""
        return id(value)


class Tracer:
    """Stands for an Array inside a transform, with the same operators."""

    __slots__ = ("__weakref__", "_trace", "value")
    __array_priority__ = 2000.0
    _trace: Trace
    value: Value
    transform: ClassVar[str] = "a transform"

    @property
    def aval(self) -> Aval:
        """Shape, dtype and device, as this transform's function sees them.

        >>> mt.zeros(2, 3).aval
        Aval(shape=(2, 3), dtype=dtype('float32'), device='cpu', weak=False)
        """
        return aval_of(self.value)

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self.aval.shape

    @property
    def dtype(self) -> dtypes.DType:
        """The data type of the elements."""
        return self.aval.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.aval.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.aval.size

    @property
    def device(self) -> str:
        """The name of the device."""
        return self.aval.device

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len: a 0-d array has no length; use .size")
        return self.shape[0]

    def concrete(self, wanted: str) -> Array:
        """Return the Array behind this value, or raise a TracerError naming what wanted it."""
        self.check_open(wanted)
        return concrete(self.value, wanted)

    def is_differentiated(self) -> bool:
        """Return whether the transform that this value belongs to takes a derivative through it."""
        return False

    def check_open(self, wanted: str) -> None:
        """Raise if the transform that this value belongs to has finished.

        >>> mt.tensor([1.0]).check_open("a reader")
        """
        if self._trace.closed:
            raise TracerError(leaked(wanted, self._trace))

    def item(self) -> Any:
        """Return the only element as a Python number.

        >>> mt.tensor([2.5]).item()
        2.5
        """
        return self.concrete(".item()").item()

    def __bool__(self) -> bool:
        return bool(self.concrete("bool() or a Python `if`"))

    def __int__(self) -> int:
        return int(self.concrete("int()"))

    def __index__(self) -> int:
        return self.concrete("an index").__index__()

    def __format__(self, spec: str) -> str:
        return format(self.concrete("print or str()"), spec) if spec else str(self)

    def __repr__(self) -> str:
        return f"Traced<{self.aval}>"

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        from_array = Array.__setitem__
        from_array(self, index, value)  # type: ignore[arg-type]

    def __reduce__(self) -> NoReturn:
        raise TracerError(f"pickle: {self.aval} is traced by {self.transform}; return it from the function first")


def leaked(wanted: Primitive | str, trace: Trace) -> str:
    """Say that a tracer outlived its transform."""
    name = wanted if isinstance(wanted, str) else wanted.name
    return (
        f"{name}: an argument was traced by a {trace.transform} that has finished; it was stored outside the transformed "
        "function. Return it from the function instead; `with minitorch.check_leaks():` finds the line that made it."
    )


def concrete(value: Value, wanted: str) -> Array:
    """Return an Array for a value whose data is known; a value known only to a transform raises."""
    if isinstance(value, Tracer):
        return value.concrete(wanted)
    return value if type(value) is Array else Array(value)


def aval_of(x: Value) -> Aval:
    """Return the aval of an array, a tracer or a Python scalar."""
    if isinstance(x, (Array, Tracer)):
        return x.aval
    if type(x) in dtypes.SCALARS:
        return Aval((), dtypes.promote(type(x)), weak=True)
    raise TypeError(f"expected an array or a number, got {type(x).__name__}; convert it with minitorch.array(...)")


def avals_of(x: Any) -> Any:
    """Return the aval of a value, tuple-wise for several, None for an absent argument."""
    if isinstance(x, tuple):
        return tuple(map(avals_of, x))
    return None if x is None else aval_of(x)


def kind_of(x: Value) -> dtypes.DType | type:
    """Return what promotion looks at: a dtype, or the type of a weak Python scalar."""
    return type(x) if type(x) in dtypes.SCALARS else x.dtype


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
