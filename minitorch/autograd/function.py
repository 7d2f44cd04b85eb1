"""Function: an operation with a hand-written backward, in PyTorch's style.

An application is recorded as one node. The node keeps only what `forward` saved: inputs and results are found on the tape
again, so a backward written in tensor operations is itself differentiable. `forward` runs once, below all transforms.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..core import dtypes
from ..core.array import Array
from ..core.aval import Aval
from ..core.calling import Batch, batch_run, fitting, is_recorded, nameplate, settled, split
from ..core.calls import Call, gathered
from ..core.errors import GradError
from ..core.jvp import JVPTrace
from ..core.ops.families import as_array
from ..core.ops.shaping import zeros_of
from ..core.primitive import Plan, Primitive, RuleCall
from ..core.tape import Tape, TapeTracer, context, lower, muting, user_line
from ..core.tracer import Tracer, Value, aval_of
from ..tensor.handle import Tensor, ambient, tensor_of
from ..tensor.modes import no_grad

Leaves = list[Any]
_SAVED = ((True, 0), (False, 0), (False, 1))  # what the application kept, its results, its arguments


class FunctionCtx:
    """What `forward` leaves for `backward`: saved tensors, switches, and any attribute set on it.

    >>> class Cube(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x**3
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         (x,) = ctx.saved_tensors
    ...         return 3 * x**2 * grad
    >>> x = mt.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
    """

    __slots__ = ("__dict__", "_saved")

    def __init__(self, needs_input_grad: tuple[bool, ...]):
        self.needs_input_grad = needs_input_grad
        self._to_save: tuple[Any, ...] = ()
        self._dirty: tuple[Tensor, ...] = ()
        self._constants: tuple[Tensor, ...] = ()
        self._fills = True

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for `backward`, which finds them in `saved_tensors`. Inputs and results stay differentiable."""
        stray = [type(x).__name__ for x in tensors if not isinstance(x, (Tensor, type(None)))]
        if stray:
            raise TypeError(
                f"save_for_backward: takes tensors or None, got {stray[0]}; set an attribute of ctx instead"
            )
        self._to_save = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The tensors that `forward` saved."""
        try:
            return self._saved  # type: ignore[attr-defined, no-any-return]
        except AttributeError:
            raise GradError(
                "saved_tensors: they are there in backward only; forward still has its own variables"
            ) from None

    def mark_non_differentiable(self, *results: Tensor) -> None:
        """Declare results that carry no gradient."""
        self._constants = results

    def mark_dirty(self, *inputs: Tensor) -> None:
        """Declare inputs that `forward` changes in place; it must return them."""
        self._dirty = inputs

    def set_materialize_grads(self, value: bool) -> None:
        """Choose whether `backward` gets zeros (the default) or None for results without a gradient."""
        self._fills = value

    def _at(self, saved: Iterable[Any]) -> FunctionCtx:
        """Return the same context, holding the values of one backward pass."""
        here = object.__new__(FunctionCtx)
        here.__dict__ = self.__dict__
        here._saved = tuple(None if x is None else tensor_of(x) for x in saved)  # type: ignore[misc]
        return here


@dataclass(slots=True)
class _Note:
    """What the run of `forward` told: how many results, which are constant or changed inputs, where saved values are.

    A source is (`"in"`, i), (`"out"`, i), (`"kept"`, i), or None.
    """

    count: int = 0
    template: list[Any] = field(default_factory=list)
    single: bool = True
    constant: frozenset[int] = frozenset()
    changed: dict[int, int] = field(default_factory=dict)  # result -> input
    sources: list[tuple[str, int] | None] = field(default_factory=list)

    def positions(self, kind: str) -> set[int]:
        """Return the positions of the saved values of a kind."""
        return {source[1] for source in self.sources if source is not None and source[0] == kind}


class Function:
    """The base class of operations with a backward of their own.

    Subclass it with static methods `forward(ctx, *args)` and `backward(ctx, *grads)`, and call `apply`. `backward` returns
    one gradient (or None) per argument of `forward`; arguments that are no tensors get None. In place of `ctx` as the first
    argument of `forward`, a static `setup_context(ctx, inputs, output)` may save what is needed.

    >>> class Cube(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x ** 3
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return g * 3 * x ** 2
    >>> x = Tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
    """

    _primitive: Primitive

    def __init_subclass__(cls, **options: Any):
        super().__init_subclass__(**options)
        cls._primitive = nameplate(cls)

    def __init__(self) -> None:
        name = type(self).__name__
        raise TypeError(f"{name}: a Function is not instantiated; give it static methods and call {name}.apply(...)")

    @staticmethod
    def forward(*args: Any) -> Any:
        """Compute the results. Operations in here are not recorded."""
        raise NotImplementedError("forward: a subclass of Function needs a static method forward(ctx, *args)")

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Any) -> Any:
        """Return the gradients of the arguments, given those of the results."""
        raise NotImplementedError("backward: a subclass of Function needs a static method backward(ctx, *grads)")

    setup_context: Callable[[FunctionCtx, tuple[Any, ...], Any], None] | None = None

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run `forward` and record it."""
        places = [i for i, a in enumerate(args) if isinstance(a, (Array, Tracer))]
        leaves = [args[i] for i in places]
        static = tuple(None if isinstance(a, (Array, Tracer)) else a for a in args)
        ctx, note = FunctionCtx(tuple(map(_needs_grad, args))), _Note()
        run = functools.partial(_forward, cls, ctx, note, static, places)
        pull = functools.partial(_backward, cls, ctx, len(args), places)
        fills = functools.partial(getattr, ctx, "_fills")
        outs = _Application(cls._primitive, run, pull, note, fills)(leaves)
        results = [tensor_of(x) for x in outs[: note.count]]
        for j, i in note.changed.items():
            results[j] = _write_back(cls.__name__, leaves[i], results[j])
        full = [results[x] if is_tensor else x for is_tensor, x in note.template]
        return full[0] if note.single else tuple(full)


def _needs_grad(x: Any) -> bool:
    while isinstance(x, Tracer):
        if x._trace.is_derived_later:
            return x.dtype in dtypes.INEXACT
        if isinstance(x, TapeTracer) and x.node is not None:
            return True
        x = getattr(x, "value", None)
    return False


def _write_back(name: str, target: Any, result: Tensor) -> Tensor:
    """Give an input that was changed in place its new value."""
    if not isinstance(target, Tensor):
        raise GradError(f"{name}: mark_dirty needs a Tensor, got a {type(target).__name__}, which is immutable")
    if target.node is not None and target.is_leaf and result.node is not None:
        raise GradError(
            f"{name}: a leaf tensor that requires grad is being used in an in-place operation; run it under no_grad(), or "
            "give it a .clone()"
        )
    target._rebind(result.value, result.node)
    return target


def _forward(
    cls: type[Function], ctx: FunctionCtx, note: _Note, static: tuple[Any, ...], places: list[int], leaves: Leaves
) -> Leaves:
    """Run the user's forward on handles that nothing records; return the values of its results, then what it saved."""
    note.sources, note.changed = [], {}  # it may run again, on other tracers
    inputs = [ambient().wrap(x.current() if isinstance(x, TapeTracer) else x, None) for x in leaves]
    before = [x.value for x in inputs]
    full = list(static)
    for i, x in zip(places, inputs, strict=True):
        full[i] = x
    with muting(True):
        if cls.setup_context is None:
            out = cls.forward(ctx, *full)
        else:
            out = cls.forward(*full)
            cls.setup_context(ctx, tuple(full), out)
    note.single = not isinstance(out, tuple)
    results = [out] if note.single else list(out)
    tensors = [x for x in results if isinstance(x, (Array, Tracer))]
    count = iter(range(len(tensors)))
    note.template = [(True, next(count)) if isinstance(x, (Array, Tracer)) else (False, x) for x in results]
    note.count = len(tensors)
    note.constant = frozenset(j for j, x in enumerate(tensors) if _among(x, ctx._constants) is not None)
    kept = _note_saved(cls.__name__, ctx, note, inputs, tensors)
    for i, (x, value) in enumerate(zip(inputs, before, strict=True)):
        _note_change(cls.__name__, ctx, note, i, x, x.current() is not value, tensors)
    ctx._to_save = ctx._constants = ctx._dirty = ()
    return [lower(x) for x in tensors + kept]


def _among(x: Any, others: Sequence[Any]) -> int | None:
    """Return where an object is in a sequence, by identity."""
    return next((i for i, other in enumerate(others) if other is x), None)


def _note_saved(name: str, ctx: FunctionCtx, note: _Note, inputs: list[Tensor], results: list[Any]) -> list[Any]:
    """Note where each saved tensor comes from; return those that are neither inputs nor results."""
    kept: list[Any] = []
    for x in ctx._to_save:
        i, j = _among(x, inputs), _among(x, results)
        if x is None:
            note.sources.append(None)
        elif i is not None and _among(x, ctx._dirty) is None:
            note.sources.append(("in", i))
        elif j is not None:
            note.sources.append(("out", j))
        elif isinstance(x, TapeTracer) and x.node is not None:
            raise GradError(
                f"{name}: save_for_backward got a tensor {x.aval} that requires grad and is neither an input nor a result; "
                "pass it to apply as an argument"
            )
        else:
            note.sources.append(("kept", len(kept)))
            kept.append(x)
    return kept


def _note_change(
    name: str, ctx: FunctionCtx, note: _Note, i: int, x: Tensor, is_changed: bool, results: list[Any]
) -> None:
    """Note an input that was written in place, or raise if it was not declared."""
    if _among(x, ctx._dirty) is not None:
        j = _among(x, results)
        if j is None:
            raise GradError(f"{name}: an input given to mark_dirty must be returned by forward")
        note.changed[j] = i
    elif is_changed:
        raise GradError(
            f"{name}: forward changes an input of shape {x.shape} in place; say so with ctx.mark_dirty(input)"
        )


def _backward(
    cls: type[Function], ctx: FunctionCtx, count: int, places: list[int], saved: Leaves, g: Leaves
) -> list[Any]:
    """Run the user's backward; return a value or None for each tensor argument."""
    given = cls.backward(ctx._at(saved), *(None if x is None else tensor_of(x) for x in g))
    grads = list(given) if isinstance(given, tuple) else [given]
    while len(grads) > count and grads[-1] is None:
        grads.pop()
    if len(grads) != count:
        raise GradError(
            f"{cls.__name__}: backward returned an incorrect number of gradients (expected {count}, got {len(grads)}); "
            "return one for each argument of forward, None for those without"
        )
    for i, x in enumerate(grads):
        if x is not None and i not in places:
            raise GradError(
                f"{cls.__name__}: backward returned a gradient different from None at position {i}, but that argument of "
                "forward was not a tensor; return None there"
            )
    return [None if grads[i] is None else as_array(grads[i]) for i in places]


@dataclass(frozen=True, slots=True)
class _Application(Call):
    """One application, from the values of tensor arguments to those of the results, followed by what was saved."""

    pull: Callable[[Leaves, Leaves], Leaves]  # saved values, cotangents -> one or None for each argument
    note: _Note
    fills: Callable[[], bool]

    def _on_tape(self, tape: Tape, leaves: Leaves) -> Leaves:
        values, nodes = split(tape, leaves)
        outs = settled(self.primitive.name, tape, self(values))
        here = context.get()
        if not any(nodes) or here.muted >= tape.level:
            return list(tape.untracked(tuple(outs)))
        note = self.note
        results, kept = outs[: note.count], outs[note.count :]
        from_out, from_in = note.positions("out"), note.positions("in")
        saved = (
            (tape, kept, [aval_of(x) for x in results], [aval_of(x) for x in values]),
            tuple(x if j in from_out else None for j, x in enumerate(results)),
            tuple(x if i in from_in else None for i, x in enumerate(values)),
        )
        plan = Plan(self.primitive, _SAVED, lambda env: env, (RuleCall(-1, self._cotangents),), fills=False)
        line = user_line() if here.anomaly else None
        wrapped = tape.record(plan, nodes, saved, None, tuple(results), line)
        recorded = [tape.wrap(x.value, None) if j in note.constant else x for j, x in enumerate(wrapped)]
        return recorded + [tape.wrap(x, None) for x in kept]

    def _cotangents(  # type: ignore[override]
        self,
        g: tuple[Value, ...],
        meta: tuple[Tape, Leaves, list[Aval], list[Aval]],
        results: tuple[Value, ...],
        values: tuple[Value, ...],
    ) -> Leaves:
        tape, kept, out_avals, in_avals = meta
        sources = {"in": values, "out": results, "kept": kept}
        saved = [None if source is None else sources[source[0]][source[1]] for source in self.note.sources]
        if self.fills():
            g = tuple(zeros_of(aval) if x is None else x for x, aval in zip(g, out_avals, strict=True))
        again = is_recorded(tape, values)
        found = [_released(x, None if again else tape) for x in self.pull(saved, list(g))]
        name, what = self.primitive.name, "a gradient from its backward"
        return [fitting(name, what, x, zeros_of(aval)) for x, aval in zip(found, in_avals, strict=True)]

    def _pushed(self, trace: JVPTrace, leaves: Leaves) -> Leaves:
        raise GradError(
            f"{self.primitive.name}: forward mode (jvp, jacfwd, hessian) has no rule for an autograd.Function; use reverse "
            "mode (grad, jacrev), or define the operation with custom_jvp"
        )

    def _batched(self, flags: list[bool], batch: Batch) -> Call:
        note = self.note

        def pull(saved: Leaves, g: Leaves) -> Leaves:
            n = len(saved)
            layout = [s is not None and (s[0] != "in" or flags[s[1]]) for s in note.sources]
            given = layout + [x is not None for x in g]
            found, batched = batch_run(lambda inner: self.pull(inner[:n], inner[n:]), saved + g, given, batch)
            return [gathered(x, b, flag, batch.size) for x, b, flag in zip(found, batched, flags, strict=True)]

        return _Application(self.primitive, self._batched_primal(flags, batch), pull, note, self.fills)


def _released(x: Any, tape: Tape | None) -> Any:
    """Return a cotangent without tapes that do not record it; with a tape given, below that tape."""
    while isinstance(x, TapeTracer) and (x.node is None or (tape is not None and x._trace.level >= tape.level)):
        x = x.current()
    return x


# ---------------------------------------------------------------------- once_differentiable


class _Once(Function):
    """The identity of a gradient that cannot be differentiated again."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, *witnesses: Tensor) -> Tensor:
        return x

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Any) -> Any:
        raise GradError(
            "backward: trying to differentiate twice a function that was marked with @once_differentiable; write its "
            "backward in tensor operations and drop the mark"
        )


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a static `backward` that is not differentiable itself: a second derivative raises.

    >>> class Square(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...     @staticmethod
    ...     @once_differentiable
    ...     def backward(ctx, grad):
    ...         return 2 * ctx.saved_tensors[0] * grad
    >>> x = mt.tensor(3.0, requires_grad=True)
    >>> (g,) = mt.autograd.grad(Square.apply(x), x, create_graph=True)
    >>> g.item()
    6.0
    >>> g.backward()
    Traceback (most recent call last):
    ...
    minitorch.core.errors.GradError: backward: trying to differentiate twice a function that was marked ...
    """

    @functools.wraps(backward)
    def wrapped(ctx: FunctionCtx, *grads: Any) -> Any:
        tensors = [x for x in (*grads, *ctx.saved_tensors) if isinstance(x, Tensor) and x.requires_grad]
        with no_grad():
            given = backward(ctx._at(map(_cut, ctx.saved_tensors)), *map(_cut, grads))
        results = given if isinstance(given, tuple) else (given,)
        if tensors:
            results = tuple(_Once.apply(x, *tensors) if isinstance(x, Tensor) else x for x in results)
        return results if isinstance(given, tuple) else results[0]

    return wrapped


def _cut(x: Any) -> Any:
    return x.detach() if isinstance(x, Tensor) else x
