"""The less common optimizers: their options, each with its rule."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..core.errors import ArgumentError
from . import rules
from .optimizer import RuleOptimizer
from .options import options


class NAdam(RuleOptimizer):
    """Adam with Nesterov's momentum. Dozat (2016).

    >>> w = mt.tensor([1.0, -30.0], requires_grad=True)
    >>> optimizer = NAdam([w], lr=0.1)
    >>> w.square().sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([  0.8944, -29.8944], requires_grad=True)
    """

    rule = rules.NADAM

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ):
        super().__init__(params, options(locals()))


class RAdam(RuleOptimizer):
    """Adam whose first steps are rectified for the variance of their scale. Liu et al. (2019), arXiv:1908.03265.

    >>> w = mt.tensor([1.0, -30.0], requires_grad=True)
    >>> optimizer = RAdam([w], lr=0.01)
    >>> w.square().sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([  0.9800, -29.4000], requires_grad=True)
    """

    rule = rules.RADAM

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ):
        super().__init__(params, options(locals()))


class Adamax(RuleOptimizer):
    """Adam with the largest recent gradient in the place of the mean square. Kingma and Ba (2014), arXiv:1412.6980.

    >>> w = mt.tensor([1.0], requires_grad=True)
    >>> optimizer = Adamax([w], lr=0.1)
    >>> for grad in (8.0, 2.0):
    ...     w.grad = mt.tensor([grad])
    ...     optimizer.step()
    ...     print(f"{w.item():.4f}")
    0.9000
    0.8394
    """

    rule = rules.ADAMAX

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ):
        super().__init__(params, options(locals()))


class Adadelta(RuleOptimizer):
    """Steps scaled by the ratio of running mean squares of steps and of gradients. Zeiler (2012), arXiv:1212.5701.

    >>> w = mt.tensor([1.0, -30.0], requires_grad=True)
    >>> optimizer = Adadelta([w], eps=0.01)
    >>> w.square().sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([  0.6877, -29.6838], requires_grad=True)
    """

    rule = rules.ADADELTA

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        super().__init__(params, options(locals()))


class Rprop(RuleOptimizer):
    """A step size for each number, which follows the sign of its gradient only. Riedmiller and Braun (1993).

    >>> w = mt.tensor([0.0], requires_grad=True)
    >>> optimizer = Rprop([w], lr=0.1)
    >>> for grad in (1.0, 50.0, -3.0, -3.0):
    ...     w.grad = mt.tensor([grad])
    ...     optimizer.step()
    ...     print(f"{w.item():.2f}")
    -0.10
    -0.22
    -0.22
    -0.16
    """

    rule = rules.RPROP

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ArgumentError(f"Rprop: Invalid eta values: {etas[0]}, {etas[1]}; give 0 < first < 1 < second")
        super().__init__(params, options(locals()))


class Lion(RuleOptimizer):
    """Steps of one size, in the direction of the momentum's sign. Chen et al. (2023), arXiv:2302.06675.

    The weight decay is apart from the gradient, as in AdamW.

    >>> from minitorch.tensor.handle import Tensor
    >>> w = Tensor([1.0, -3.0], requires_grad=True)
    >>> optimizer = Lion([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.tolist()
    [0.75, -2.75]
    """

    rule = rules.LION

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ):
        super().__init__(params, options(locals()) | {"decoupled_weight_decay": True})


class ASGD(RuleOptimizer):
    """Gradient descent with a running average of the parameters, in the state `ax`. Polyak and Juditsky (1992).

    >>> w = mt.tensor([1.0], requires_grad=True)
    >>> optimizer = ASGD([w], lr=0.25, lambd=0.0, t0=1.0)
    >>> for _ in range(4):
    ...     w.grad = mt.tensor([1.0])
    ...     optimizer.step()
    >>> w.item(), optimizer.state[w]["ax"].item()
    (0.0, 0.125)
    """

    rule = rules.ASGD

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ):
        super().__init__(params, options(locals()))


class Adafactor(RuleOptimizer):
    """Steps scaled by mean squares kept for rows and columns only. Shazeer and Stern (2018), arXiv:1804.04235.

    >>> w = mt.ones(4, 3).requires_grad_()
    >>> optimizer = Adafactor([w], lr=0.1)
    >>> w.square().sum().backward()
    >>> optimizer.step()
    >>> w.detach()[0], optimizer.state[w]["row_var"].shape, optimizer.state[w]["col_var"].shape
    (tensor([0.9000, 0.9000, 0.9000]), (4, 1), (1, 3))
    """

    rule = rules.ADAFACTOR

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ):
        if beta2_decay > 0:
            raise ArgumentError(f"Adafactor: beta2_decay should be <= 0 but is: {beta2_decay}")
        if not d >= 1:
            raise ArgumentError(f"Adafactor: Clipping threshold d should be >= 1 but is: {d}")
        super().__init__(params, options(locals()))
        self._refuse(lambda p: p.is_complex(), "complex parameters; use Adam for them")


class Muon(RuleOptimizer):
    """Momentum whose matrices are made orthogonal. Jordan et al. (2024), https://kellerjordan.github.io/posts/muon.

    For matrices only. The steps of the polynomial are made in the dtype of the parameters, where PyTorch uses bfloat16.

    >>> w = mt.zeros(2, 2, requires_grad=True)
    >>> optimizer = Muon([w], lr=0.1, ns_steps=20, ns_coefficients=(1.5, -0.5, 0.0))
    >>> w.grad = mt.tensor([[300.0, 0.0], [0.0, -4.0]])
    >>> optimizer.step()
    >>> w
    tensor([[-0.1000,  0.0000],
            [ 0.0000,  0.1000]], requires_grad=True)
    """

    rule = rules.MUON

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ):
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ArgumentError(
                f"Muon: Adjust learning rate function {adjust_lr_fn} is not supported; use original or match_rms_adamw"
            )
        if len(ns_coefficients) != 3 or ns_steps >= 100:
            raise ArgumentError(
                f"Muon: needs 3 ns_coefficients and fewer than 100 ns_steps, got {ns_coefficients} and {ns_steps}"
            )
        super().__init__(params, options(locals()))
        self._refuse(lambda p: p.ndim != 2 or p.is_complex(), "other parameters than real matrices; use Adam for them")
