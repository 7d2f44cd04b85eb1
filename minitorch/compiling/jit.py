"""jit: compile a function, or a whole training step, on its first call; replay it afterwards.

A call looks for a program whose guards hold, and records a new one when there is none. Inside another recording, and
where a transform's tracers come in, the function is run through: what is compiled then is what surrounds it.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import Any

from ..core import tree
from ..core.array import Array
from ..core.config import default_float, inspector
from ..core.errors import ArgumentError, JitError
from ..core.jit.graph import has_effect
from ..core.jit.native.compile import get_ready
from ..core.jit.staging import Lifted, StagedTracer
from ..core.tape import context
from ..core.tracebacks import warn
from ..core.tracer import Tracer, Value
from ..tensor.handle import Tensor
from .arguments import Arguments, exact, kind_in_words
from .backend import Rooms, build, prepare
from .checking import checked
from .describing import Called
from .donation import donated_leaves, given_up, pairs
from .entry import MISS
from .explaining import Subject, explained
from .guards import Surroundings
from .higher import higher
from .looking import defined_at, look_around, look_at_imports, see
from .modes import CHECK, OFF, mode
from .program import Fresh, Program, ready, replay
from .quick import Last, Quick, quick
from .recording import record, uncollected
from .statics import behind_self, both_ways, joined, split
from .stats import tally
from .through import Family, blank, in_named_axes

_RECORDING = threading.RLock()  # one recording at a time: it swaps the values of handles that others may read
_MANY = 8
_WAYS = 4  # to be tried, at some 0.5 us each


class Compiled:
    """A function that is compiled for each kind of arguments it meets."""

    def __init__(
        self,
        function: Callable[..., Any],
        static: frozenset[int],
        names: frozenset[str],
        donated: frozenset[int] = frozenset(),
    ):
        functools.update_wrapper(self, function, updated=())
        self.__name__ = getattr(function, "__name__", type(function).__name__)
        self.function = function
        self.static = static
        self.names = names
        self.donated = donated
        self.programs: dict[Any, list[tuple[Program, Surroundings]]] = {}
        self.quick: Quick | None = None  # the way into the program of the last call
        self.ways: tuple[Quick, ...] = ()  # those of the last calls, the last one first
        self.families: dict[Any, Family | None] = {}
        self.rooms = Rooms()
        self.last: Last | None = None
        self.records = self.calls = 0
        # Calls take turns unless they write nothing: where two read the same state, an update would be lost.
        self.lock = threading.RLock()
        self.turns: Any = self.lock
        self.acts = False
        tally.functions += 1

    def __getattr__(self, name: str) -> Any:
        """Look up what the function, a module perhaps, has."""
        if name.startswith("__") or "function" not in vars(self):
            raise AttributeError(name)
        return getattr(self.function, name)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else _bound(self, instance)

    def __reduce__(self) -> Any:
        """Copy or pickle the function and its options, not what was recorded; a function of a module by its name."""
        if getattr(sys.modules.get(self.__module__), self.__name__, None) is self:
            return self.__name__
        return Compiled, (self.function, self.static, self.names, self.donated)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        turns = self.turns
        for way in self.ways:
            entrance = way.entrance if turns is None else way.atomic
            if entrance is not None:
                leaves = args if way.is_plain and not kwargs else way.form.leaves(args, kwargs)
                if leaves is not None and (out := entrance.run(leaves)) is not MISS:
                    self.calls += 1
                    tally.calls += 1
                    if way is not self.quick or way is not self.ways[0]:
                        self._prefer(way)
                    return out
        if turns is None or context.get().stage is not None:
            return self._call(args, kwargs)
        with turns:
            return self._call(args, kwargs)

    def _prefer(self, way: Quick) -> None:
        """Note the way of the last call; one that is taken twice running is tried first from then on."""
        if way is self.quick:
            self.ways = (way, *(w for w in self.ways if w is not way))
        self.quick, self.last = way, way.last

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        is_tried = self.turns is None
        for way in self.ways:
            out = way.enter(args, kwargs, is_tried)
            if out is not MISS:
                self.calls += 1
                tally.calls += 1
                if way is not self.quick or way is not self.ways[0]:
                    self._prefer(way)
                return out
        called = args, kwargs
        if context.get().stage is not None or mode.get() is OFF:
            return self.function(*args, **kwargs)
        static, args, kwargs = self._split(args, kwargs) if self.static or self.names else ((), args, kwargs)
        arguments = Arguments(args, kwargs, static)
        arguments.called = *called, static
        if self.donated:
            moved = (i - sum(k < i for k in self.static) if i >= 0 else i for i in self.donated)
            arguments.given = donated_leaves(args, frozenset(moved))
        if any(map(_is_traced, arguments.leaves)):
            return self._through(static, args, kwargs, arguments)
        key = (arguments.key, _setting())
        self.calls += 1
        tally.calls += 1
        for program, around in self.programs.get(key, ()):
            found = ready(program, around, arguments.leaves)
            if found is not None:
                self.last = last = key, program, around
                return self._run(last, arguments, found, static)
        with _RECORDING:
            return self._first(key, arguments, static)

    def _run(self, last: Last, arguments: Arguments, values: list[Value], static: Any) -> Any:
        _, program, _ = last
        if mode.get() is not CHECK:
            with given_up(program, arguments.given, values) if arguments.given else nullcontext():
                out = replay(program, arguments.leaves, values)
            if inspector.get() is None:
                self.quick = quick(last, arguments)
                others = [w for w in self.ways if w.program is not program]
                self.ways = (*([] if self.quick is None else [self.quick]), *others)[:_WAYS]
            return out
        args, kwargs = tree.unflatten(arguments.structure, arguments.leaves[: arguments.own])
        plain = functools.partial(self._joined, static, args, kwargs)
        return checked(plain, program, arguments.leaves, values, self.__name__)

    def _through(self, static: Any, args: tuple[Any, ...], kwargs: dict[str, Any], arguments: Arguments) -> Any:
        """Apply the function to the tracers of other transforms: as one compiled unit, if it is pure."""
        leaves = arguments.leaves
        where = [i for i, x in enumerate(leaves) if isinstance(x, (Array, Tracer)) and not isinstance(x, Tensor)]
        rest = tuple((i, x) for i, x in enumerate(leaves) if i not in where)
        if any(isinstance(x, (Tensor, StagedTracer)) for x in leaves) or any(_is_staged(x) for x in leaves):
            return self._joined(static, args, kwargs)
        key = (arguments.structure, exact(static), exact(rest))
        if key not in self.families:
            self.families[key] = self._family(static, arguments, tuple(where), rest)
        family = self.families[key]
        return self._joined(static, args, kwargs) if family is None else family.run([leaves[i] for i in where])

    def _family(self, static: Any, arguments: Arguments, where: tuple[int, ...], rest: Any) -> Family | None:
        """Return the function of the arrays alone, None if it does more than compute."""
        structure = arguments.structure

        def function(*arrays: Any) -> Any:
            merged = {**dict(zip(where, arrays, strict=True)), **dict(rest)}
            args, kwargs = tree.unflatten(structure, [merged[i] for i in range(len(merged))])
            return self._joined(static, args, kwargs)

        function.__name__ = self.__name__
        blanks = [blank(x) for x in arguments.leaves]
        args, kwargs = tree.unflatten(structure, blanks)
        with _RECORDING:
            program = record(lambda *a, **k: in_named_axes(self._joined, static, a, k), Arguments(args, kwargs, static))
        tensors = any(not isinstance(r, Fresh) or r.kind is not None for r in program.results)
        acts = program.writes or any(map(has_effect, program.graph.equations))
        return None if acts or program.once or tensors else Family(function, jit)

    def recorded(self, *args: Any, **kwargs: Any) -> Program:
        """Return a program for these arguments, neither compiled nor remembered."""
        static, args, kwargs = self._split(args, kwargs)
        with _RECORDING:
            return record(lambda *a, **k: self._joined(static, a, k), Arguments(args, kwargs, static))

    def explain(self, *args: Any, measure: bool = False, **kwargs: Any) -> str:
        """Return in words what a call with these arguments runs; without arguments, what the last call has run.

        That is: the state that is read and written, the conditions under which it is replayed, the graph before and after
        optimization, each kernel as Python text, what was not fused and why, and the memory. Nothing is run or changed,
        and no new program is kept; with `measure=True`, each step is timed on copies of its inputs.

        >>> print(jit(lambda x: x * 2).explain(1.0))
        <lambda>: what goes in
            a  x  float32[]  argument
        ...
        """
        if self.last is not None and not args and not kwargs:
            (key, program, around), values = self.last, None
        else:
            static, args, kwargs = self._split(args, kwargs)
            arguments = Arguments(args, kwargs, static)
            key = (arguments.key, _setting())
            program, around, values = self._found(key, arguments, static)
        return explained(Subject(self.__name__, self.function, self.static, key, program, around, values), measure)

    def _found(self, key: Any, arguments: Arguments, static: Any) -> tuple[Program, Surroundings, list[Value]]:
        """Return the program for these arguments, recorded for this once if there is none."""
        with _RECORDING:
            for program, around in self.programs.get(key, ()):
                values = ready(program, around, arguments.leaves)
                if values is not None:
                    return program, around, values
            program, around = self._record(arguments, static)
            for begun in program.begun:
                begun.make()
            values = _values(program, arguments)
            for begun in program.begun:
                begun.remove()
            return program, around, values

    # ------------------------------------------------------------------ arguments

    def _split(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
        """Take the static arguments out."""
        return split(self.__name__, self.static, self.names, args, kwargs)

    def _joined(self, static: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the function with its static arguments in their places again."""
        return joined(self.function, static, args, kwargs)

    # ------------------------------------------------------------------ recording

    def _first(self, key: Any, arguments: Arguments, static: Any) -> Any:
        for program, around in self.programs.get(key, ()):  # another thread may have been faster
            found = ready(program, around, arguments.leaves)
            if found is not None:
                return self._run((key, program, around), arguments, found, static)
        prepare()
        program, around = self._record(arguments, static)
        self._remember(key, program, around)
        self.last = last = key, program, around
        for begun in program.begun:
            begun.make()
        return self._run(last, arguments, _values(program, arguments), static)

    def _record(self, arguments: Arguments, static: Any) -> tuple[Program, Surroundings]:
        """Record and compile a program, without a trace in Python."""
        with uncollected():
            return self._compiled(arguments, static)

    def _compiled(self, arguments: Arguments, static: Any) -> tuple[Program, Surroundings]:
        around = look_around(self.function, arguments.seen(static))
        if around.iterator() is not None:
            raise JitError(
                f"jit: {self.__name__}{defined_at(self.function)} takes from {around.iterator()}, an iterator; "
                "a compiled function would advance it only when it is recorded. "
                "Take from it outside, and pass what it gives as an argument"
            )
        entangled = {i: id(x) for i, x in enumerate(arguments.leaves) if id(x) in around.tensors}
        with tally.timed("recording"):
            names = lambda source: Called(self.function, self.static, arguments.structure, around).origin(source)  # noqa: E731
            program = record(lambda *a, **k: self._joined(static, a, k), arguments, names, around.groups_looked_into())
        program.entangled = entangled
        for check in program.handles:
            see(around, check.tensor)
        changed = list(around.differences())
        if changed:
            raise JitError(
                f"jit: {self.__name__}{defined_at(self.function)} changes Python state while it runs ({changed[0]}); "
                "a compiled function would do so only when it is recorded. "
                "Return the value, or keep it in a tensor that is written in place"
            )
        look_at_imports(around)
        program.given = pairs(program, arguments.given)
        if program.derivative is not None:
            run = functools.partial(joined, self.function, static)
            program.derivative.higher = higher(program, around, run, jit, arguments.structure, arguments.own)
        build(program, self.rooms)
        return program, around

    def _remember(self, key: Any, program: Program, around: Surroundings) -> None:
        self.records += 1
        tally.programs += 1
        self.acts = self.acts or bool(program.writes)
        self.turns = self.lock if self.acts else None
        if program.once:
            return
        known = self.programs.get(key, [])
        if self.records % _MANY == 0:
            self._warn(key, known)
        self.programs[key] = known
        known.insert(0, (program, around))
        del known[_MANY:]

    def _warn(self, key: Any, known: list[tuple[Program, Surroundings]]) -> None:
        if known:
            reasons = list(known[0][1].differences()) or ["a captured tensor or its gradient has changed its kind"]
            what = reasons[0]
        else:
            what = f"its arguments: {_difference(key, self.programs)}"
        warn(
            f"jit: {self.__name__} has been recorded {self.records} times; the last time because of {what}. Each time "
            "costs as much as several calls: keep shapes and plain numbers the same, or pass numbers as arrays"
        )


def _difference(key: Any, programs: dict[Any, Any]) -> str:
    """Say in what a key differs from the last known one."""
    last = next(reversed(programs), None)
    if last is None:
        return "new kinds"
    (structure, static, kinds, _), _ = key
    (structure0, static0, kinds0, _), _ = last
    if structure != structure0:
        return "another structure of containers"
    for i, (a, b) in enumerate(zip(kinds, kinds0)):
        if a != b:
            was, now = kind_in_words(b), kind_in_words(a)
            return f"leaf {i} " + (f"was {was} and is {now}" if was != now else "has other hooks, or another gradient")
    return "another static argument" if static != static0 else "another sharing of memory or setting"


def _values(program: Program, arguments: Arguments) -> list[Value]:
    """Return the values of a new program's inputs."""
    return [s.value if isinstance(s, Lifted) else s.read(arguments.leaves) for s in program.sources]


def _is_traced(x: Any) -> bool:
    value = x.value if isinstance(x, Tensor) else x
    return isinstance(value, Tracer) and (not isinstance(x, Tensor) or isinstance(value, (StagedTracer, Tracer)))


def _is_staged(x: Any) -> bool:
    while isinstance(x, Tracer):
        if isinstance(x, StagedTracer):
            return True
        x = getattr(x, "value", None)
    return False


def _setting() -> Any:
    """Return what the context contributes to the key."""
    here = context.get()
    return here.muted >= here.frame.level, default_float.get()


def _bound(compiled: Compiled, instance: Any) -> Any:
    """Compile a method for each instance, or class, on its own, and keep it there."""
    name = f"_compiled_{compiled.__name__}"
    kept = getattr(instance, "__dict__", None)
    if kept is None:
        raise JitError(
            f"jit: {compiled.__name__} is a method of {type(instance).__name__}, whose __slots__ leave no room for what is "
            "compiled; add '__dict__' to them, or compile a function that takes the object as a static argument"
        )
    made = kept.get(name)
    if made is None or getattr(made.function, "__func__", None) is not compiled.function:
        method = compiled.function.__get__(instance)
        made = Compiled(method, behind_self(compiled.static), compiled.names, behind_self(compiled.donated))
        if isinstance(instance, type):
            setattr(instance, name, made)
        else:
            kept[name] = made
    return made


def jit(
    function: Callable[..., Any] | None = None,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Iterable[str] = (),
    donate_argnums: int | Sequence[int] = (),
) -> Any:
    """Compile a function: a pure one of arrays, or a PyTorch-style step with its model and optimizer.

    The first call with arguments of some structure, shapes and dtypes records what the function does; later calls replay
    it. Tensors that the function closes over are read at each call and written back after it. Static arguments are
    compared by value, and each value is compiled for itself. Donated arguments are given up by the caller: results of the
    same shape and dtype may be written into their memory, and using them afterwards raises.

    Raises JitError for what cannot be recorded: a Python `if` on a traced value, `.item()`, a side effect.

    >>> from minitorch.core.ops.pointwise import sin
    >>> jit(sin)(0.0)
    Array(0., dtype=float32)
    """
    if function is None:
        return functools.partial(
            jit, static_argnums=static_argnums, static_argnames=static_argnames, donate_argnums=donate_argnums
        )
    if not callable(function):
        raise ArgumentError(f"jit: expected a function or a module, got {type(function).__name__}")
    numbers = frozenset((static_argnums,) if isinstance(static_argnums, int) else static_argnums)
    names = {static_argnames} if isinstance(static_argnames, str) else set(static_argnames)
    numbers, names = both_ways(function, numbers, names)
    donated = frozenset((donate_argnums,) if isinstance(donate_argnums, int) else donate_argnums)
    if donated & numbers:
        raise ArgumentError(f"jit: arguments {sorted(donated & numbers)} are both static and donated; choose one")
    if mode.get() is not OFF:
        get_ready()
    return Compiled(function, frozenset(numbers), frozenset(names), donated)


__all__ = ["Compiled", "jit"]
