"""Gradient transformations: what they are, how they are chained, and how a rule becomes one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ...core import dtypes, tree
from ...core.errors import ArgumentError, ShapeError
from ...core.ops.families import as_array
from ...core.ops.pointwise import add
from ...core.ops.shaping import cast, full, zeros_like
from ...core.tape import lower, muting
from ...core.tracer import Value, aval_of
from ...tensor.handle import tensor_of
from ..rules import Hyper, Rule
from ..values import fitted, ranked, scaled, started, updated

Schedule = Callable[[Any], Any]
NumberOrSchedule = Any


# Stands where a rule keeps a part of the state for parameters of another shape only.
_NOTHING = full((0,), 0, dtypes.float32)


class GradientTransformation(NamedTuple):
    """Two pure functions that make updates of gradients.

    `init(params)` returns the state; `update(updates, state, params)` the next updates and state. Updates are trees like
    the parameters, to be added to them. Most transformations do without `params`.

    >>> halved = GradientTransformation(lambda params: EmptyState(), lambda g, state, params=None: (0.5 * g, state))
    >>> halved.update(4.0, halved.init(1.0))
    (2.0, EmptyState())
    """

    init: Callable[[Any], Any]
    update: Callable[..., tuple[Any, Any]]


class EmptyState(NamedTuple):
    """The state of a transformation that remembers nothing.

    >>> tuple(EmptyState())
    ()
    """


class RuleState(NamedTuple):
    """How many updates a rule has made, and what it keeps for the parameters: a tree like theirs for each name."""

    count: Value
    parts: dict[str, Any]


class CountState(NamedTuple):
    """How many updates have been made."""

    count: Value


def stateless(function: Callable[[Any, Any], Any]) -> GradientTransformation:
    """Make a transformation of a function of updates and parameters, such as `lambda g, p: ...` on whole trees.

    >>> import minitorch as mt
    >>> halving = stateless(lambda g, p: {"w": g["w"] / 2})
    >>> halving.update({"w": mt.array(3.0)}, halving.init({"w": 1.0}))[0]
    {'w': Array(1.5, dtype=float32)}
    """
    return GradientTransformation(
        lambda params: EmptyState(), lambda updates, state, params=None: (function(updates, params), state)
    )


def identity() -> GradientTransformation:
    """Leave the updates as they are.

    >>> identity().update({"w": 1.0}, ())
    ({'w': 1.0}, ())
    """
    return stateless(lambda updates, params: updates)


def each(function: Callable[..., Any]) -> GradientTransformation:
    """Make a transformation of a function of one update."""
    return stateless(lambda updates, params: tree.map(function, updates))


def chain(*transformations: GradientTransformation) -> GradientTransformation:
    """Apply transformations one after the other; the state is a tuple of theirs.

    >>> import minitorch as mt
    >>> from minitorch.optim.functional import clip, scale
    >>> halved = chain(clip(1.0), scale(0.5))
    >>> halved.update(mt.array([0.5, 3.0]), halved.init(mt.array([0.0, 0.0])))[0]
    Array([0.25, 0.5 ], dtype=float32)
    """
    for t in transformations:
        if not isinstance(t, GradientTransformation):
            raise ArgumentError(
                f"chain: takes gradient transformations, got {type(t).__name__}; call it, as in sgd(0.1)"
            )

    def init(params: Any) -> Any:
        return tuple(t.init(params) for t in transformations)

    def update(updates: Any, state: Any, params: Any = None) -> Any:
        if len(state) != len(transformations):
            raise ArgumentError(
                f"chain: the state has {len(state)} parts for {len(transformations)}; use what init made"
            )
        found = []
        for t, part in zip(transformations, state):
            updates, part = t.update(updates, part, params)
            found.append(part)
        return updates, tuple(found)

    return GradientTransformation(init, update)


def apply_updates(params: Any, updates: Any) -> Any:
    """Add updates to parameters, in the parameters' dtypes.

    >>> import minitorch as mt
    >>> apply_updates({"w": mt.array(1.0)}, {"w": mt.array(0.5)})
    {'w': Array(1.5, dtype=float32)}
    """

    def moved(p: Any, u: Any) -> Value:
        p = lower(as_array(p))
        return cast(add(p, u), aval_of(p).dtype)

    return tree.map(moved, params, updates)


def start_count() -> Value:
    """Return 0, as an array that counts updates."""
    return full((), 0, dtypes.int32)


def needed(name: str, params: Any) -> Any:
    """Return the parameters, or raise if they were not given."""
    if params is None:
        raise ArgumentError(f"{name}: needs the parameters; call update(updates, state, params)")
    return params


def corresponding(name: str, structure: Any, other: Any, what: str) -> list[Any]:
    """Return the entries of another tree at the leaves of a structure."""
    try:
        found: list[Any] = structure.flatten_up_to(other)
    except ValueError as error:
        raise ShapeError(
            f"{name}: the updates have the structure {tree.shown(structure)} and {what} "
            f"{tree.shown(tree.structure(other))}; they must agree"
        ) from error
    return found


def of_rule(name: str, rule: Rule, hyper: Hyper) -> GradientTransformation:
    """Make a transformation of an update rule."""

    def init(params: Any) -> RuleState:
        leaves, structure = tree.flatten(params)
        options = {key: ranked(value) for key, value in hyper.items()}
        states = [started(rule, aval_of(as_array(p)), options) for p in leaves]
        with muting(True):
            names = dict.fromkeys(name for state in states for name in state)
            parts = {n: tree.unflatten(structure, [s.get(n, _NOTHING) for s in states]) for n in names}
        return RuleState(start_count(), parts)

    def update(updates: Any, state: RuleState, params: Any = None) -> tuple[Any, RuleState]:
        leaves, structure = tree.flatten(updates)
        options = {key: ranked(value) for key, value in hyper.items()}
        count = add(state.count, 1)
        step = tensor_of(cast(count, dtypes.float64))
        olds = {n: corresponding(name, structure, part, f"the state {n!r}") for n, part in state.parts.items()}
        params = needed(name, params) if rule.looks else params
        ps = leaves if params is None else corresponding(name, structure, params, "the parameters")
        changes, news = [], []
        for i, (g, p) in enumerate(zip(map(as_array, leaves), map(as_array, ps))):
            _, change, kept = updated(rule, p, g, {n: old[i] for n, old in olds.items()}, step, options)
            changes.append(fitted(change, dtypes.is_complex(g.dtype), g.dtype))
            news.append(kept)
        with muting(True):
            parts = {n: tree.unflatten(structure, [new.get(n, _NOTHING) for new in news]) for n in olds}
            return tree.unflatten(structure, changes), RuleState(count, parts)

    return GradientTransformation(init, update)


def scale(step_size: Any) -> GradientTransformation:
    """Multiply the updates by a number.

    >>> import minitorch as mt
    >>> scale(2.0).update(mt.array([1.0]), EmptyState())[0]
    Array([2.], dtype=float32)
    """
    return each(lambda g: scaled(g, step_size))


def set_to_zero() -> GradientTransformation:
    """Make all updates zero: with `multi_transform`, for parameters that stay as they are.

    >>> import minitorch as mt
    >>> set_to_zero().update(mt.array([1.0, 2.0]), EmptyState())[0]
    Array([0., 0.], dtype=float32)
    """
    return each(zeros_like)


def scale_by_schedule(step_size_fn: Schedule) -> GradientTransformation:
    """Multiply update number n, counted from 0, by `step_size_fn(n)`.

    >>> import minitorch as mt
    >>> halving = scale_by_schedule(lambda count: 0.5**count)
    >>> state = halving.init(None)
    >>> for _ in range(3):
    ...     update, state = halving.update(mt.array(8.0), state)
    >>> update
    Array(2., dtype=float32)
    """

    def update(updates: Any, state: CountState, params: Any = None) -> Any:
        factor = step_size_fn(state.count)
        return tree.map(lambda g: scaled(g, factor), updates), CountState(add(state.count, 1))

    return GradientTransformation(lambda params: CountState(start_count()), update)


def scale_by_learning_rate(learning_rate: NumberOrSchedule, *, flip_sign: bool = True) -> GradientTransformation:
    """Multiply by a learning rate, a number or a function of the count of updates, and turn toward descent.

    >>> import minitorch as mt
    >>> scale_by_learning_rate(0.5).update(mt.array(1.0), EmptyState())[0]
    Array(-0.5, dtype=float32)
    """
    sign = -1 if flip_sign else 1
    if callable(learning_rate):
        return scale_by_schedule(lambda count: sign * learning_rate(count))
    return scale(sign * learning_rate)
