"""Averages of a model's parameters over the course of training, and the learning rate that goes with them.

In a training loop:

    averaged = AveragedModel(model)                                              # the mean: Izmailov et al. (2018)
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.999))    # a running mean
    for batch in loader:
        ...
        optimizer.step()
        averaged.update_parameters(model)
    update_bn(loader, averaged)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from itertools import chain
from math import cos, pi
from typing import Any, ClassVar

from ..core import dtypes
from ..core.errors import ArgumentError
from ..nn.module import Module
from ..nn.modules.normalization import _BatchNorm
from ..tensor.creation import tensor
from ..tensor.handle import Tensor
from ..tensor.modes import no_grad
from .lr_scheduler.base import LRScheduler, checked_optimizer, per_group
from .optimizer import Optimizer

Average = Callable[[Tensor, Tensor, Any], Tensor]
MultiAverage = Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]


def _checked_decay(decay: float) -> float:
    if not 0.0 <= decay <= 1.0:
        raise ArgumentError(f"EMA: Invalid decay value {decay} provided. Please provide a value in [0,1] range.")
    return decay


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """Return the function `decay * averaged + (1 - decay) * current` of an averaged and a current parameter.

    >>> get_ema_avg_fn(0.75)(Tensor([4.0]), Tensor([8.0]), 1)
    tensor([5.])
    """
    _checked_decay(decay)

    @no_grad()
    def average(averaged: Tensor, current: Tensor, count: Any) -> Tensor:
        return decay * averaged + (1 - decay) * current

    return average


def get_swa_avg_fn() -> Average:
    """Return the function that makes the mean of `count` parameters the mean of one more.

    >>> get_swa_avg_fn()(Tensor([4.0]), Tensor([7.0]), 2)
    tensor([5.])
    """

    @no_grad()
    def average(averaged: Tensor, current: Tensor, count: Any) -> Tensor:
        return averaged + (current - averaged) / (count + 1)

    return average


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAverage:
    """Return a function that moves lists of averaged parameters, in place, by `1 - decay` of the way to current ones.

    >>> means = [Tensor([4.0])]
    >>> get_ema_multi_avg_fn(0.75)(means, [Tensor([8.0])], 1)
    >>> means
    [tensor([5.])]
    """
    _checked_decay(decay)
    return _moving(lambda count: 1 - decay)


def get_swa_multi_avg_fn() -> MultiAverage:
    """Return a function that makes means of `count` parameters, in place, means of one more; for lists of them.

    >>> means = [Tensor([4.0])]
    >>> get_swa_multi_avg_fn()(means, [Tensor([7.0])], 2)
    >>> means
    [tensor([5.])]
    """
    return _moving(lambda count: 1 / (count + 1))


def _moving(part: Callable[[Any], Any]) -> MultiAverage:
    """Return a function that moves tensors by a part of the way to others."""

    @no_grad()
    def move(averaged: Sequence[Tensor], current: Sequence[Tensor], count: Any) -> None:
        weight = part(count)
        for mean, x in zip(averaged, current, strict=True):
            if mean.dtype in dtypes.INEXACT:
                mean.lerp_(x, weight)  # type: ignore[attr-defined]
            else:
                mean.copy_(mean + (x - mean) * weight)  # type: ignore[attr-defined]

    return move


class AveragedModel(Module):
    """A copy of a model whose parameters are averages of the model's: their mean, or what a function makes of them.

    `avg_fn(averaged, current, count)` returns the next average of one parameter, `multi_avg_fn` writes to lists of them;
    `count` is the number of models that were averaged so far. Buffers are copied from the model, or, with `use_buffers`,
    averaged too.

    >>> import minitorch as mt
    >>> model = mt.nn.Linear(1, 1)
    >>> averaged = AveragedModel(model)
    >>> for value in (1.0, 2.0, 6.0):
    ...     _ = mt.nn.init.constant_(model.weight, value)
    ...     averaged.update_parameters(model)
    >>> averaged.module.weight.item()
    3.0
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: MultiAverage | None = None,
        use_buffers: bool = False,
    ):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("AveragedModel: Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the averaged model."""
        return self.module(*args, **kwargs)

    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Take the model's parameters into the averages; the first ones are copied."""
        pairs = [
            (mine.detach(), theirs.detach().to(mine.device))  # type: ignore[attr-defined]
            for mine, theirs in zip(self._averaged(self.module), self._averaged(model), strict=True)
        ]
        if self.n_averaged.item() == 0:
            for mine, theirs in pairs:
                mine.copy_(theirs)
        elif self.multi_avg_fn is not None:
            self.multi_avg_fn([a for a, _ in pairs], [b for _, b in pairs], self.n_averaged)
        else:
            average = self.avg_fn or get_swa_avg_fn()
            for mine, theirs in pairs:
                mine.copy_(average(mine, theirs, self.n_averaged))
        if not self.use_buffers:
            for mine, theirs in zip(self.module.buffers(), model.buffers(), strict=True):
                mine.detach().copy_(theirs.detach().to(mine.device))
        self.n_averaged += 1

    def _averaged(self, model: Module) -> Iterable[Tensor]:
        return chain(model.parameters(), model.buffers()) if self.use_buffers else model.parameters()


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of a model's batch normalizations anew, from one pass over some data.

    A batch is the model's input, or a tuple or list that begins with it.

    >>> import minitorch as mt
    >>> model = mt.nn.BatchNorm1d(1)
    >>> update_bn([mt.tensor([[1.0], [3.0]]), mt.tensor([[5.0], [7.0]])], model)
    >>> model.running_mean
    tensor([4.])
    """
    norms: list[Any] = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    if not norms:
        return
    before = [(module, module.momentum) for module in norms]
    was_training = model.training
    model.train()
    for module in norms:
        module.reset_running_stats()
        module.momentum = None
    for batch in loader:
        x = batch[0] if isinstance(batch, (list, tuple)) else batch
        model(x if device is None else x.to(device))
    for module, momentum in before:
        module.momentum = momentum
    model.train(was_training)


def _straight(t: float) -> float:
    return t


def _cosine(t: float) -> float:
    return (1 - cos(pi * t)) / 2


class SWALR(LRScheduler):
    """The rate down (or up) to `swa_lr` within some epochs, where it stays. Izmailov et al. (2018), arXiv:1803.05407.

    >>> import minitorch as mt
    >>> optimizer = mt.optim.SGD([mt.nn.Parameter(mt.zeros(1))], lr=1.0)
    >>> scheduler = SWALR(optimizer, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear")
    >>> for _ in range(3):
    ...     print(scheduler.get_last_lr())
    ...     scheduler.step()
    [1.0]
    [0.75]
    [0.5]
    """

    _WAYS: ClassVar[dict[str, Callable[[float], float]]] = {"cos": _cosine, "linear": _straight}

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ):
        for rate, group in zip(
            per_group("SWALR: swa_lr", checked_optimizer(optimizer), swa_lr), optimizer.param_groups
        ):
            group["swa_lr"] = rate
        if anneal_strategy not in self._WAYS:
            raise ArgumentError(f"SWALR: anneal_strategy must be one of 'cos' or 'linear', got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ArgumentError(f"SWALR: anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """Return the next rate of every group."""
        way = self._WAYS[self._anneal_strategy]
        step = max(1, self._step_count - 1) if self.anneal_epochs == 0 else self._step_count - 1
        before, now = (way(max(0, min(1, n / max(1, self.anneal_epochs)))) for n in (step - 1, step))
        rates = []
        for group in self.optimizer.param_groups:
            rate, goal = group["lr"], group["swa_lr"]
            first = goal if before == 1 else (rate - before * goal) / (1 - before)
            rates.append(goal * now + first * (1 - now))
        return rates
