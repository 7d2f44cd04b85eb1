"""linearize and linear_transpose: linear maps, recorded as programs.

A program is the list of operations that were applied to a map's argument. It is recorded once and run on any argument;
values that do not depend on the argument are constants of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from . import dtypes, tree
from .array import Array
from .aval import Aval
from .conversion import without_data
from .errors import GradError, ShapeError, TracerError
from .linearity import groups
from .ops.families import as_array
from .ops.pointwise import conj
from .ops.shaping import zeros_of
from .primitive import DECOMPOSE, NO_DERIVATIVE, Primitive, Whole, bind
from .recording import constant, direction, inexact_leaves
from .tape import entering, lower, muting
from .tracer import Params, Trace, Tracer, Value, aval_of, avals_of, leaked
from .transforms import push, vjp

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Ref:
    """A value of a program, by its number."""

    number: int


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of a program: operands are `Ref`s or constants."""

    primitive: Primitive
    operands: tuple[Any, ...]
    params: Params
    outputs: tuple[int, ...]
    many: bool


@dataclass(slots=True)
class Program:
    """A linear map from a list of arrays to a list of arrays."""

    inputs: list[Aval] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)  # `Ref`s or constants
    captured: list[int] = field(default_factory=list)  # values that are given after the inputs
    count: int = 0

    def new(self) -> int:
        """Return the number of a new value."""
        self.count += 1
        return self.count - 1

    def finish(self, outputs: list[Any]) -> None:
        """Set the results, and drop the steps that lead to none."""
        self.outputs = outputs
        needed = {o.number for o in outputs if isinstance(o, Ref)}
        kept = []
        for step in reversed(self.steps):
            if needed.intersection(step.outputs):
                kept.append(step)
                needed.update(o.number for o in step.operands if isinstance(o, Ref))
        self.steps = kept[::-1]

    def capture(self, key: Callable[[Any], Any]) -> list[Any]:
        """Turn the constants that have a key into further inputs; return the keys, each once."""
        places: dict[Any, int] = {}

        def moved(x: Any) -> Any:
            at = None if isinstance(x, Ref) else key(x)
            if at is None:
                return x
            return Ref(places[at] if at in places else places.setdefault(at, self.new()))

        self.steps = [replace(step, operands=tuple(map(moved, step.operands))) for step in self.steps]
        self.outputs = list(map(moved, self.outputs))
        self.captured = list(places.values())
        return list(places)

    def run(self, *values: Value) -> list[Value]:
        """Apply the map."""
        env: dict[int, Value] = dict(zip([*range(len(self.inputs)), *self.captured], values, strict=True))
        for step in self.steps:
            args = [env[o.number] if isinstance(o, Ref) else o for o in step.operands]
            out = bind(step.primitive, *args, **step.params)
            env.update(zip(step.outputs, out if step.many else (out,), strict=True))
        return [env[o.number] if isinstance(o, Ref) else o for o in self.outputs]


class LinearTracer(Tracer):
    """A value of a program. Behind it stand zeros, of its shape and dtype."""

    __slots__ = ("number",)
    transform = "linearize"
    _trace: LinearTrace

    def __init__(self, trace: LinearTrace, value: Value, number: int):
        self._trace = trace
        self.value = value
        self.number = number

    def concrete(self, wanted: str) -> Array:
        """Raise: whatever the map will be applied to, it is not known yet."""
        self.check_open(wanted)
        raise without_data(self, wanted, self._trace.name or "linearize")


class LinearTrace(Trace):
    """The trace that records a program. With `name` set, it checks that each operation is linear, and names culprits."""

    __slots__ = ("name", "program")
    transform = "linearize"

    def __init__(self, level: int):
        super().__init__(level)
        self.program = Program()
        self.name: str | None = None

    def input(self, aval: Aval) -> LinearTracer:
        """Add an argument to the program."""
        self.program.inputs.append(aval)
        return LinearTracer(self, zeros_of(aval), self.program.new())

    def process(self, primitive: Primitive, args: tuple[Value, ...], params: Params) -> Any:
        """Record an operation."""
        if self.closed:
            raise TracerError(leaked(primitive, self))
        if type(primitive.jvp) is Whole and primitive.jvp.divide is not None:
            return primitive.jvp.divide(self, primitive, args, params)
        mine = [self.owns(a) for a in args]
        values = [a.value if m else a for a, m in zip(args, mine)]
        if self.name is not None:
            if primitive.jvp is DECOMPOSE:
                assert primitive.decompose is not None
                return primitive.decompose(*args, **params)
            self._check(primitive, mine, values, params)
        if primitive.jvp is NO_DERIVATIVE:
            return bind(primitive, *values, **params)
        return self.record(primitive, args, params)

    def owns(self, x: Any) -> bool:
        """Return whether a value is one of the program."""
        return isinstance(x, LinearTracer) and x._trace is self

    def record(self, primitive: Primitive, args: Sequence[Value], params: Params) -> Any:
        """Add an operation to the program."""
        operands = tuple(Ref(a.number) if self.owns(a) else a for a in args)
        out = primitive.abstract(*(None if a is None else avals_of(a) for a in args), **params)
        many = type(out) is tuple
        made = tuple(LinearTracer(self, zeros_of(a), self.program.new()) for a in (out if many else (out,)))
        self.program.steps.append(Step(primitive, operands, params, tuple(x.number for x in made), many))
        return made if many else made[0]

    def refuse(self, primitive: Primitive, args: Sequence[Value]) -> NoReturn:
        """Say that an operation is not linear."""
        shown = ", ".join(str(aval_of(v)) for v in args if v is not None)
        raise GradError(
            f"{self.name}: {primitive.name}({shown}) is not linear in the function's arguments, and only linear functions "
            "have a transpose; take what is constant out of it, or use vjp at a point"
        )

    def _check(self, primitive: Primitive, mine: list[bool], values: list[Value], params: Params) -> None:
        traced = {i for i, m in enumerate(mine) if m}
        for group in groups(primitive, len(mine), params):
            if traced <= group and all(is_zero(values[i]) for i in group - traced):
                return
        self.refuse(primitive, values)

    def outcome(self, name: str, x: Value) -> Any:
        """Return a result as an output of the program."""
        x = lower(x)
        return Ref(x.number) if isinstance(x, LinearTracer) and x._trace is self else constant(name, self, x)


def is_zero(x: Value) -> bool:
    """Return whether a value is known to be zero."""
    if type(x) is Array:
        return not x.numpy().any()
    return x is None or (type(x) in dtypes.SCALARS and x == 0)


def linearize(function: Function, *primals: Any, has_aux: bool = False) -> Any:
    """Return `function(*primals)` and its derivative there: a linear function of tangents.

    The derivative has been recorded, so that calling it computes nothing of `function` again: what the steps of loops need
    is kept, those of a `while_loop` included if their number depends on no traced value. It takes one tangent for each
    primal, and gives what `jvp` gives. Both may be pytrees. With `has_aux`, `function` returns `(value, aux)`, and aux
    comes third.

    >>> from minitorch.core.ops.pointwise import sin
    >>> value, derivative = linearize(sin, 0.0)
    >>> derivative(2.0), derivative(3.0)
    (Array(2., dtype=float32), Array(3., dtype=float32))
    """
    positions = tuple(range(len(primals)))
    with entering(LinearTrace) as trace:
        leaves, structure = tree.flatten(primals)
        avals = [aval_of(x) for x in inexact_leaves("linearize", leaves, primals, function, positions)]
        with muting(True):
            tangents = tree.unflatten(structure, [trace.input(a) for a in avals])
        out, tangent, aux = push("linearize", function, primals, {}, positions, tangents, has_aux)
        ends, out_structure = tree.flatten(tangent)
        trace.program.finish([trace.outcome("linearize", x) for x in ends])
    run = _between("linearize", "a tangent", trace.program.run, avals, structure, out_structure)

    def derivative(*tangents: Any) -> Any:
        return run(tangents)

    return (out, derivative, aux) if has_aux else (out, derivative)


def linear_transpose(function: Function, *primals: Any) -> Function:
    """Return the transpose of a linear function: it takes a cotangent of the result, and gives one for each argument.

    Of the primals, only structure, shapes and dtypes count; anything with `shape` and `dtype` may stand for an array. An
    operation that is not linear raises a GradError that names it. Nothing is conjugated for complex numbers.

    >>> transpose = linear_transpose(lambda x: 3.0 * x.sum(), Array([0.0, 0.0]))
    >>> transpose(2.0)
    (Array([6., 6.], dtype=float32),)
    """
    return transposed("linear_transpose", function, primals)


def transposed(name: str, function: Function, primals: tuple[Any, ...]) -> Function:
    """Return the transpose of a linear function; messages begin with a name."""
    with entering(LinearTrace) as trace:
        trace.name = name
        trace.arguments = function, primals, range(len(primals)), None
        leaves, structure = tree.flatten(primals)
        blanks = [_blank(x) for x in leaves]
        arrays = inexact_leaves(name, blanks, tree.unflatten(structure, blanks), function, range(len(primals)))
        with muting(True):
            inner = tree.unflatten(structure, [trace.input(aval_of(x)) for x in arrays])
        ends, out_structure = tree.flatten(function(*inner))
        trace.arguments = None  # which the transpose would keep alive
        ends = [lower(x) for x in ends]
        outs = [trace.outcome(name, x) for x in ends]
        for x in outs:
            if not isinstance(x, Ref) and not is_zero(x):
                raise GradError(
                    f"{name}: a result {aval_of(x)} is a constant that is not zero, so the function is affine"
                )
        avals = [aval_of(x.value if isinstance(x, LinearTracer) else as_array(x)) for x in ends]
        trace.program.finish(outs)
    _, pull = vjp(lambda *xs: trace.program.run(*xs), *(zeros_of(a) for a in trace.program.inputs))

    def turned(*cotangents: Value) -> list[Value]:
        found = pull([conj(c) for c in cotangents])
        return [conj(x) for x in found]

    return _between(name, "a cotangent", turned, avals, out_structure, structure)


def _blank(x: Any) -> Value:
    """Return zeros of the shape and dtype of anything that has both."""
    if hasattr(x, "shape") and hasattr(x, "dtype"):
        return zeros_of(Aval(tuple(x.shape), dtypes.canonical(x.dtype)))
    return zeros_of(aval_of(as_array(x)))


def _between(
    name: str,
    what: str,
    run: Callable[..., list[Value]],
    avals: Sequence[Aval],
    inside: tree.TreeDef,
    outside: tree.TreeDef,
) -> Function:
    """Return a function of trees from a map of lists of arrays, with its arguments checked."""

    def call(given: Any) -> Any:
        leaves, structure = tree.flatten(given)
        if not tree.agree(structure, inside):
            raise ShapeError(
                f"{name}: the structure of {what}, {tree.shown(structure)}, is not {tree.shown(inside)}; give one array for "
                "each *"
            )
        found = run(*(direction(name, what, x, aval) for x, aval in zip(leaves, avals, strict=True)))
        with muting(True):
            return tree.unflatten(outside, found)

    return call
