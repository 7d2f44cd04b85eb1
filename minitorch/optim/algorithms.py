"""The optimizers: their options, each with its rule."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..core.errors import ArgumentError
from . import rules
from .optimizer import RuleOptimizer
from .options import options


class SGD(RuleOptimizer):
    """Stochastic gradient descent, with momentum (Polyak; Nesterov) and weight decay.

    >>> from minitorch.tensor.handle import Tensor
    >>> w = Tensor([1.0], requires_grad=True)
    >>> optimizer = SGD([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.tolist()
    [0.5]
    """

    rule = rules.SGD

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ArgumentError("SGD: Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, options(locals()))


class Adam(RuleOptimizer):
    """Steps scaled by running moments of the gradient. Kingma and Ba (2014), arXiv:1412.6980.

    >>> w = mt.tensor([1.0, -30.0], requires_grad=True)
    >>> optimizer = Adam([w], lr=0.1)
    >>> w.square().sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([  0.9000, -29.9000], requires_grad=True)
    """

    rule = rules.ADAM

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ):
        super().__init__(params, options(locals()))


class AdamW(Adam):
    """Adam with weight decay apart from the gradient. Loshchilov and Hutter (2017), arXiv:1711.05101.

    >>> w = mt.tensor([1.0, -30.0], requires_grad=True)
    >>> optimizer = AdamW([w], lr=0.1, weight_decay=0.5)
    >>> w.square().sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([  0.8500, -28.4000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        super().__init__(params, **options(locals()), decoupled_weight_decay=True)


class RMSprop(RuleOptimizer):
    """Steps scaled by a running mean square of the gradient. Tieleman and Hinton (2012).

    >>> w = mt.tensor([1.0, -30.0], requires_grad=True)
    >>> optimizer = RMSprop([w], lr=0.1, alpha=0.75)
    >>> w.square().sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([  0.8000, -29.8000], requires_grad=True)
    """

    rule = rules.RMSPROP

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        super().__init__(params, options(locals()))


class Adagrad(RuleOptimizer):
    """Steps scaled by the root of the sum of squared gradients. Duchi, Hazan and Singer (2011).

    >>> w = mt.tensor([1.0], requires_grad=True)
    >>> optimizer = Adagrad([w], lr=0.5)
    >>> for _ in range(3):
    ...     w.grad = mt.tensor([2.0])
    ...     optimizer.step()
    ...     print(f"{w.item():.4f}")
    0.5000
    0.1464
    -0.1422
    """

    rule = rules.ADAGRAD

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        super().__init__(params, options(locals()))
        for group in self.param_groups:
            for p in group["params"]:
                self._start(p, group)
