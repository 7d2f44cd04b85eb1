"""Schedulers that move the rate up and down, and the momentum against it; and the one that watches a metric."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import cos, floor, inf, pi
from typing import Any, ClassVar

from ...core.errors import ArgumentError, StateError
from ..optimizer import Optimizer
from .base import LRScheduler, assign, checked_optimizer, kept_of, per_group, values_of


def _set_momentum(group: dict[str, Any], use_beta1: bool, value: Any) -> None:
    if use_beta1:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value


class _Cyclic(LRScheduler):
    """What the two that move the momentum have in common."""

    optimizer: Optimizer
    use_beta1: bool

    def _start_momenta(self, base: Any, largest: Any, last_epoch: int) -> tuple[list[Any], list[Any]]:
        """Put the first momenta into the groups; return the smallest and the largest."""
        name, defaults = type(self).__name__, self.optimizer.defaults
        if "momentum" not in defaults and "betas" not in defaults:
            raise ArgumentError(
                f"{name}: optimizer must support momentum or beta1 with `cycle_momentum` enabled; switch it off"
            )
        self.use_beta1 = "betas" in defaults
        bases = per_group(f"{name}: base_momentum", self.optimizer, base)
        tops = per_group(f"{name}: max_momentum", self.optimizer, largest)
        if last_epoch == -1:
            for top, low, group in zip(tops, bases, self.optimizer.param_groups):
                _set_momentum(group, self.use_beta1, top)
                group["max_momentum"], group["base_momentum"] = top, low
        return bases, tops


def _triangular(x: float) -> float:
    return 1.0


def _halving(x: float) -> float:
    return 1 / 2.0 ** (x - 1)


def _power(gamma: float, x: float) -> float:
    return gamma**x


class CyclicLR(_Cyclic):
    """The rate up and down between two limits in straight lines, the momentum down and up. Smith (2015).

    >>> optimizer = mt.optim.SGD([mt.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = CyclicLR(optimizer, base_lr=1.0, max_lr=3.0, step_size_up=2, cycle_momentum=False)
    >>> for _ in range(6):
    ...     print(scheduler.get_last_lr()[0], end=" ")
    ...     scheduler.step()
    1.0 2.0 3.0 2.0 1.0 2.0
    """

    _MODES: ClassVar[dict[str, tuple[Any, str]]] = {
        "triangular": (_triangular, "cycle"),
        "triangular2": (_halving, "cycle"),
        "exp_range": (None, "iterations"),
    }

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
        last_epoch: int = -1,
    ):
        self.optimizer = checked_optimizer(optimizer)
        base_lrs = per_group("CyclicLR: base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for rate, group in zip(base_lrs, optimizer.param_groups):
                assign(group, "lr", rate)
        self.max_lrs = per_group("CyclicLR: max_lr", optimizer, max_lr)
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        if mode not in self._MODES and scale_fn is None:
            raise ArgumentError(
                f"CyclicLR: mode {mode!r} is invalid and scale_fn is None; use {', '.join(self._MODES)}"
            )
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else self._MODES[mode][1]
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            momenta = self._start_momenta(base_momentum, max_momentum, last_epoch)
            self.base_momentums, self.max_momentums = momenta
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """Return the height of a cycle, or at a step."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        found = self._MODES[self.mode][0] or partial(_power, self.gamma)
        return found(x)

    def get_lr(self) -> list[Any]:
        """Return the next rate of every group, and set its momentum."""
        cycle = floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        up = x <= self.step_ratio
        height = x / self.step_ratio if up else (x - 1) / (self.step_ratio - 1)
        at = cycle if self.scale_mode == "cycle" else self.last_epoch
        if self.cycle_momentum:
            momenta = zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums)
            for group, low, top in momenta:
                _set_momentum(group, self.use_beta1, top - (top - low) * height * self.scale_fn(at))
        return [low + (top - low) * height * self.scale_fn(at) for low, top in zip(self.base_lrs, self.max_lrs)]

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer and a plain scale function."""
        return {**super().state_dict(), "_scale_fn_custom": kept_of(self._scale_fn_custom)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state that `state_dict` returned."""
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "_scale_fn_custom"})
        if state_dict["_scale_fn_custom"] is not None:
            vars(self._scale_fn_custom).update(state_dict["_scale_fn_custom"])


def _cosine(start: Any, end: Any, part: float) -> Any:
    return end + (start - end) / 2.0 * (cos(pi * part) + 1)


def _straight(start: Any, end: Any, part: float) -> Any:
    return (end - start) * part + start


def _phase(end: float, rates: tuple[str, str], momenta: tuple[str, str]) -> dict[str, Any]:
    names = ("start_lr", "end_lr"), ("start_momentum", "end_momentum")
    return {"end_step": end, **dict(zip(names[0], rates)), **dict(zip(names[1], momenta))}


class OneCycleLR(_Cyclic):
    """The rate up to `max_lr` once and down to almost nothing, the momentum down and up. Smith and Topin (2017).

    >>> optimizer = mt.optim.SGD([mt.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
    >>> scheduler = OneCycleLR(optimizer, max_lr=1.0, total_steps=5, pct_start=0.4)
    >>> for _ in range(5):
    ...     print(f"{scheduler.get_last_lr()[0]:.4f}", end=" ")
    ...     optimizer.step()
    ...     scheduler.step()
    0.0400 1.0000 0.7500 0.2500 0.0000
    """

    _WAYS: ClassVar[dict[str, Any]] = {"cos": _cosine, "linear": _straight}

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ):
        self.optimizer = checked_optimizer(optimizer)
        self.total_steps = _length(total_steps, epochs, steps_per_epoch)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ArgumentError(f"OneCycleLR: Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in self._WAYS:
            raise ArgumentError(
                f"OneCycleLR: anneal_strategy must be one of 'cos' or 'linear', got {anneal_strategy!r}"
            )
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        self._anneal_func_type = anneal_strategy
        max_lrs = per_group("OneCycleLR: max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for top, group in zip(max_lrs, optimizer.param_groups):
                group["initial_lr"] = top / div_factor
                group["max_lr"] = top
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._start_momenta(base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """Return the next rate of every group, and set its momentum."""
        n = self.last_epoch
        if n > self.total_steps:
            raise ArgumentError(
                f"OneCycleLR: Tried to step {n} times. The specified number of total steps is {self.total_steps}"
            )
        start, phases = 0.0, list(self._schedule_phases)
        while n > phases[0]["end_step"] and len(phases) > 1:
            start = phases.pop(0)["end_step"]
        phase, part = phases[0], (n - start) / (phases[0]["end_step"] - start)
        between = self._WAYS[self._anneal_func_type]
        if self.cycle_momentum:
            for group in self.optimizer.param_groups:
                ends = group[phase["start_momentum"]], group[phase["end_momentum"]]
                _set_momentum(group, self.use_beta1, between(*ends, part))
        groups = self.optimizer.param_groups
        return [between(group[phase["start_lr"]], group[phase["end_lr"]], part) for group in groups]


def _length(total_steps: Any, epochs: Any, steps_per_epoch: Any) -> int:
    if total_steps is None and (epochs is None or steps_per_epoch is None):
        raise ArgumentError("OneCycleLR: You must define either total_steps OR (epochs AND steps_per_epoch)")
    given = {"total_steps": total_steps}
    if total_steps is None:
        given = {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
    for name, value in given.items():
        if not isinstance(value, int) or value <= 0:
            raise ArgumentError(f"OneCycleLR: Expected positive integer {name}, but got {value}")
    return int(total_steps or epochs * steps_per_epoch)


def _phases(total: int, part: float, three: bool) -> list[dict[str, Any]]:
    down, up = ("max_momentum", "base_momentum"), ("base_momentum", "max_momentum")
    first = _phase(float(part * total) - 1, ("initial_lr", "max_lr"), down)
    if not three:
        return [first, _phase(total - 1, ("max_lr", "min_lr"), up)]
    second = _phase(float(2 * part * total) - 2, ("max_lr", "initial_lr"), up)
    return [first, second, _phase(total - 1, ("initial_lr", "min_lr"), ("max_momentum", "max_momentum"))]


class ReduceLROnPlateau(LRScheduler):
    """The rate times `factor` when a metric has not improved for more than `patience` steps.

    >>> import minitorch as mt
    >>> optimizer = mt.optim.SGD([mt.nn.Parameter(mt.zeros(1))], lr=1.0)
    >>> scheduler = mt.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     scheduler.step(loss)
    >>> optimizer.param_groups[0]["lr"]
    0.1
    """

    needs_metrics = True

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0,
        eps: float = 1e-8,
    ):
        if factor >= 1.0:
            raise ArgumentError(f"ReduceLROnPlateau: Factor should be < 1.0, got {factor}")
        if mode not in ("min", "max"):
            raise ArgumentError(f"ReduceLROnPlateau: mode {mode} is unknown; use min or max")
        if threshold_mode not in ("rel", "abs"):
            raise ArgumentError(f"ReduceLROnPlateau: threshold mode {threshold_mode} is unknown; use rel or abs")
        self.factor = factor
        self.optimizer = checked_optimizer(optimizer)
        self.default_min_lr = None if isinstance(min_lr, (list, tuple)) else min_lr
        self.min_lrs = per_group("ReduceLROnPlateau: min_lr", optimizer, min_lr)
        self.patience = patience
        self.cooldown = cooldown
        self.eps = eps
        self.last_epoch = 0
        self._last_lr = self._current()
        self.mode = mode
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self._reset()

    def _reset(self) -> None:
        """Forget the metrics seen so far."""
        self.mode_worse = inf if self.mode == "min" else -inf
        self.best = self.mode_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    @property
    def in_cooldown(self) -> bool:
        """Whether the rate was reduced so lately that bad steps do not count."""
        return self.cooldown_counter > 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Note a metric, and reduce the rates if it is time."""
        self._refuse_recording()
        current = float(metrics)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        better = self._is_better(current, self.best)
        if better:
            self.best = current
        self.num_bad_epochs = 0 if better else self.num_bad_epochs + 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce_lr()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = values_of(self.optimizer, "lr")

    def _reduce_lr(self) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise StateError(
                    f"ReduceLROnPlateau: the number of param groups ({len(groups)}) differs from when it was made "
                    f"({len(self.min_lrs)}); set its min_lrs to one for each group"
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for least, group in zip(self.min_lrs, groups):
            old = float(group["lr"])
            new = max(old * self.factor, least)
            if old - new > self.eps:
                assign(group, "lr", new)

    def _is_better(self, a: float, best: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "rel":
            limit = best * (1.0 + sign * self.threshold)
        else:
            limit = best + sign * self.threshold
        return sign * a > sign * limit
