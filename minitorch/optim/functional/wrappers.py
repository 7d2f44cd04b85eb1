"""Transformations of a part of the parameters, and with options that are a part of the state."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, NamedTuple

from ...core import dtypes, tree
from ...core.array import Array
from ...core.errors import ArgumentError
from ...core.ops.families import as_array
from ...core.ops.pointwise import add
from ...core.ops.shaping import cast
from ...core.tape import muting
from ...core.tracer import Tracer, Value
from .base import GradientTransformation, start_count


class MaskedState(NamedTuple):
    """The state of a transformation of a part of the parameters, which it sees as a dict by their paths."""

    inner_state: Any


class PartitionState(NamedTuple):
    """The states of the transformations by their labels."""

    inner_states: dict[Hashable, Any]


class InjectHyperparamsState(NamedTuple):
    """The count of updates, the options in use, and the state of the transformation that has them."""

    count: Value
    hyperparams: dict[str, Any]
    inner_state: Any


def _spread(name: str, spec: Any, whole: Any) -> list[Any]:
    """Return what a prefix of a tree, or a function that makes one, says for each leaf."""
    found = tree.spread(spec(whole) if callable(spec) else spec, whole)
    if found is None:
        raise ArgumentError(f"{name}: its tree does not match the parameters, {tree.shown(tree.structure(whole))}")
    return found


def _chosen(whole: Any, flags: list[bool]) -> dict[str, Any]:
    """Return the leaves that are flagged, by their paths."""
    return {path: x for path, x, flag in zip(tree.paths(whole), tree.leaves(whole), flags) if flag}


def _put_back(whole: Any, changed: dict[str, Any]) -> Any:
    leaves, structure = tree.flatten(whole)
    with muting(True):
        return tree.unflatten(structure, [changed.get(p, x) for p, x in zip(tree.paths(whole), leaves)])


def masked(inner: GradientTransformation, mask: Any) -> GradientTransformation:
    """Apply a transformation to a part of the updates, and leave the others as they are.

    `mask` is a tree of bools that is a prefix of the parameters, or a function of them that makes one.

    >>> import minitorch as mt
    >>> from minitorch.optim.functional import scale
    >>> t = masked(scale(10.0), {"a": True, "b": False})
    >>> grads = {"a": mt.array(1.0), "b": mt.array(1.0)}
    >>> t.update(grads, t.init(grads))[0]
    {'a': Array(10., dtype=float32), 'b': Array(1., dtype=float32)}
    """

    def init(params: Any) -> MaskedState:
        return MaskedState(inner.init(_chosen(params, _spread("masked", mask, params))))

    def update(updates: Any, state: MaskedState, params: Any = None) -> Any:
        flags = _spread("masked", mask, updates)
        seen = None if params is None else _chosen(params, flags)
        found, after = inner.update(_chosen(updates, flags), state.inner_state, seen)
        return _put_back(updates, found), MaskedState(after)

    return GradientTransformation(init, update)


def multi_transform(transforms: Mapping[Any, GradientTransformation], param_labels: Any) -> GradientTransformation:
    """Apply a transformation to the parameters of each label.

    `param_labels` is a tree of labels that is a prefix of the parameters, or a function of them that makes one.

    >>> import minitorch as mt
    >>> from minitorch.optim.functional import sgd
    >>> t = multi_transform({"fast": sgd(1.0), "slow": sgd(0.1)}, {"w": "slow", "b": "fast"})
    >>> grads = {"w": mt.array(1.0), "b": mt.array(1.0)}
    >>> t.update(grads, t.init(grads))[0]
    {'w': Array(-0.1, dtype=float32), 'b': Array(-1., dtype=float32)}
    """

    def labels(whole: Any) -> list[Any]:
        found = _spread("multi_transform", param_labels, whole)
        if strangers := set(found) - set(transforms):
            raise ArgumentError(
                f"multi_transform: no transformation for the labels {sorted(map(str, strangers))}; there are "
                f"{sorted(map(str, transforms))}"
            )
        return found

    def init(params: Any) -> PartitionState:
        found = labels(params)
        return PartitionState({n: t.init(_chosen(params, [x == n for x in found])) for n, t in transforms.items()})

    def update(updates: Any, state: PartitionState, params: Any = None) -> Any:
        found, changed, after = labels(updates), {}, {}
        for n, t in transforms.items():
            flags = [x == n for x in found]
            seen = None if params is None else _chosen(params, flags)
            part, after[n] = t.update(_chosen(updates, flags), state.inner_states[n], seen)
            changed.update(part)
        return _put_back(updates, changed), PartitionState(after)

    return GradientTransformation(init, update)


def inject_hyperparams(
    inner_factory: Callable[..., GradientTransformation], static_args: str | Iterable[str] = ()
) -> Callable[..., GradientTransformation]:
    """Make the numbers that a transformation is made with a part of its state, where they can be read and changed.

    Functions among them are schedules: called with the count of updates at each one. `static_args` names those that stay
    as they are. Numbers become float64 arrays; `state.hyperparams["learning_rate"] = 0.1` changes one.

    >>> import minitorch as mt
    >>> from minitorch.optim.functional import sgd
    >>> t = inject_hyperparams(sgd)(learning_rate=0.5)
    >>> state = t.init(mt.array(0.0))
    >>> state.hyperparams["learning_rate"] = 2.0
    >>> t.update(mt.array(1.0), state)[0]
    Array(-2., dtype=float32)
    """
    signature = inspect.signature(inner_factory)
    fixed = {static_args} if isinstance(static_args, str) else set(static_args)
    if strangers := fixed - set(signature.parameters):
        raise ArgumentError(
            f"inject_hyperparams: static_args {sorted(strangers)} are no parameters; they are {list(signature.parameters)}"
        )

    @functools.wraps(inner_factory)
    def factory(*args: Any, **kwargs: Any) -> GradientTransformation:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = {n: x for n, x in bound.arguments.items() if n not in fixed and not isinstance(x, bool)}
        schedules = {n: x for n, x in given.items() if callable(x)}
        numbers = {n: x for n, x in given.items() if isinstance(x, (int, float, Array, Tracer))}
        rest = {n: x for n, x in bound.arguments.items() if n not in schedules and n not in numbers}

        def made(hyperparams: dict[str, Any]) -> GradientTransformation:
            return inner_factory(**rest, **hyperparams)

        def current(count: Value, known: dict[str, Any]) -> dict[str, Any]:
            values = {**known, **{n: schedule(count) for n, schedule in schedules.items()}}
            return {n: cast(as_array(x), dtypes.float64) for n, x in values.items()}

        def init(params: Any) -> InjectHyperparamsState:
            values = current(start_count(), numbers)
            return InjectHyperparamsState(start_count(), values, made(values).init(params))

        def update(updates: Any, state: InjectHyperparamsState, params: Any = None) -> Any:
            values = current(state.count, state.hyperparams)
            updates, inner = made(values).update(updates, state.inner_state, params)
            return updates, InjectHyperparamsState(add(state.count, 1), values, inner)

        return GradientTransformation(init, update)

    return factory
