"""LRScheduler: sets the learning rates of an optimizer's groups, one step after the other.

The rates follow by recursion from those in the groups, in PyTorch's order of operations, so they are equal to the last
bit, and so is `state_dict`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.errors import ArgumentError, JitError, StateError
from ...core.tape import context
from ...tensor.handle import Tensor
from ..optimizer import Optimizer


def checked_optimizer(optimizer: Any) -> Optimizer:
    """Return an optimizer, or raise for anything else."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer; pass one of minitorch.optim")
    return optimizer


def values_of(optimizer: Optimizer, key: str) -> list[Any]:
    """Return an option of every group; tensors are copied."""
    found = [group[key] for group in optimizer.param_groups]
    return [x.clone() if isinstance(x, Tensor) else x for x in found]


def assign(group: dict[str, Any], key: str, value: Any) -> None:
    """Set an option of a group; a tensor stays the same one."""
    if isinstance(group[key], Tensor):
        group[key].fill_(value)
    else:
        group[key] = value


def per_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """Return one value for each group, given one for all or a list."""
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * count
    if len(value) != count:
        raise ArgumentError(f"{name}: expected {count} values, one for each parameter group, got {len(value)}")
    return list(value)


class LRScheduler:
    """Base class. Subclasses define `get_lr`, which returns the next rate of every group.

    >>> class Harmonic(LRScheduler):
    ...     def get_lr(self):
    ...         return [rate / (self.last_epoch + 1) for rate in self.base_lrs]
    >>> optimizer = mt.optim.SGD([mt.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = Harmonic(optimizer)
    >>> scheduler.step()
    >>> scheduler.get_last_lr(), optimizer.param_groups[0]["lr"]
    ([0.5], 0.5)
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        self.optimizer = checked_optimizer(optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                rate = group["lr"]
                group.setdefault("initial_lr", rate.clone() if isinstance(rate, Tensor) else rate)
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{type(self).__name__}: param 'initial_lr' is not specified in param_groups[{i}] when resuming with "
                    f"last_epoch {last_epoch}; load the optimizer's state first"
                )
        self.base_lrs = values_of(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        self._initial_step()

    def _initial_step(self) -> None:
        """Set the first rates."""
        self._step_count = 0
        self._is_initial = True
        self.step()
        self._is_initial = False

    def get_lr(self) -> list[Any]:
        """Return the next rate of every group."""
        raise NotImplementedError

    def get_last_lr(self) -> list[Any]:
        """Return the rates that were set last."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Set the next rates; call it after the optimizer's step."""
        self._refuse_recording()
        self._step_count += 1
        self._update_lr(epoch)

    def _refuse_recording(self) -> None:
        """Raise inside a function that is being compiled: the epochs are counted in Python."""
        if context.get().stage is not None:
            raise JitError(
                f"{type(self).__name__}.step: inside a compiled function it would run when that is recorded, and never "
                "again; call it after the compiled function, which reads the learning rates at each call"
            )

    def _update_lr(self, epoch: int | None = None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        closed: Callable[[], list[Any]] | None = getattr(self, "_get_closed_form_lr", None)
        self._set(self.get_lr() if epoch is None or closed is None else closed())

    def _set(self, values: list[Any]) -> None:
        for group, value in zip(self.optimizer.param_groups, values, strict=True):
            assign(group, "lr", value)
        self._last_lr = values_of(self.optimizer, "lr")

    def _current(self) -> list[Any]:
        return values_of(self.optimizer, "lr")

    def _times(self, factor: float) -> list[Any]:
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer."""
        return {key: value for key, value in vars(self).items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state that `state_dict` returned."""
        vars(self).update(state_dict)


def kept_of(function: Any) -> dict[str, Any] | None:
    """Return the state of a callable object; a plain function has none that is kept."""
    return None if not hasattr(function, "__dict__") or hasattr(function, "__code__") else dict(vars(function))


class FunctionScheduler(LRScheduler):
    """One that has a function for every group; objects among them keep their state in `state_dict`."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Any, last_epoch: int = -1):
        self.lr_lambdas = per_group(f"{type(self).__name__}: lr_lambdas", checked_optimizer(optimizer), lr_lambda)
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(f"{type(self).__name__}: lr_lambda should be a function, got {type(function).__name__}")
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer and plain functions."""
        return {**super().state_dict(), "lr_lambdas": [kept_of(function) for function in self.lr_lambdas]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state that `state_dict` returned."""
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "lr_lambdas"})
        for function, kept in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=True):
            if kept is not None:
                vars(function).update(kept)


class Composite(LRScheduler):
    """Schedulers of one optimizer together."""

    _schedulers: Any

    def _check(self, schedulers: Any, optimizer: Any) -> None:
        name = type(self).__name__
        for i, scheduler in enumerate(schedulers):
            if not hasattr(scheduler, "optimizer"):
                raise TypeError(f"{name}: the scheduler at index {i} should have `optimizer` as its attribute")
            if getattr(scheduler, "needs_metrics", False):
                raise ArgumentError(
                    f"{name} does not support `{type(scheduler).__name__}`, which needs metrics in its step, but got one "
                    f"at index {i}; call its step on its own"
                )
            if scheduler.optimizer is not optimizer:
                raise ArgumentError(
                    f"{name} expects all schedulers to belong to the same optimizer, but the one at index {i}, "
                    f"{type(scheduler).__name__}, has another; make them with one"
                )

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer, with the states of the schedulers."""
        return {**super().state_dict(), "_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state that `state_dict` returned."""
        states = state_dict["_schedulers"]
        if len(states) != len(self._schedulers):
            raise StateError(
                f"{type(self).__name__}: the state has {len(states)} schedulers for {len(self._schedulers)}; make them as "
                "they were when it was saved"
            )
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "_schedulers"})
        for scheduler, state in zip(self._schedulers, states):
            scheduler.load_state_dict(state)
