"""The optimizers under optax's names and defaults: chains of transformations.

A learning rate is a number, or a schedule: a function of the count of updates. Weight decay is apart from the gradient,
and `mask` says which parameters it applies to.
"""

from __future__ import annotations

from typing import Any

from .. import rules
from .base import GradientTransformation, NumberOrSchedule, chain, identity, of_rule, scale_by_learning_rate
from .transforms import (
    add_decayed_weights,
    scale_by_adadelta,
    scale_by_adam,
    scale_by_adamax,
    scale_by_amsgrad,
    scale_by_lion,
    scale_by_radam,
    scale_by_rms,
    scale_by_rss,
    trace,
)


def _descent(direction: GradientTransformation, learning_rate: NumberOrSchedule) -> GradientTransformation:
    return chain(direction, scale_by_learning_rate(learning_rate))


def _decaying(
    direction: GradientTransformation, learning_rate: NumberOrSchedule, weight_decay: Any, mask: Any
) -> GradientTransformation:
    return chain(direction, add_decayed_weights(weight_decay, mask), scale_by_learning_rate(learning_rate))


def sgd(learning_rate: NumberOrSchedule, momentum: Any = None, nesterov: bool = False) -> GradientTransformation:
    """Stochastic gradient descent, with momentum (Polyak, 1964; Nesterov, 1983).

    >>> import minitorch as mt
    >>> optimizer = sgd(0.5)
    >>> optimizer.update(mt.array(2.0), optimizer.init(mt.array(1.0)))[0]
    Array(-1., dtype=float32)
    """
    return _descent(identity() if momentum is None else trace(momentum, nesterov), learning_rate)


def adam(
    learning_rate: NumberOrSchedule,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    eps_root: Any = 0.0,
    *,
    nesterov: bool = False,
) -> GradientTransformation:
    """Steps scaled by running moments of the gradient. Kingma and Ba (2014), arXiv:1412.6980.

    >>> import minitorch as mt
    >>> optimizer = adam(0.5)
    >>> optimizer.update(mt.array([2.0, -0.1]), optimizer.init(mt.array([1.0, 1.0])))[0]
    Array([-0.5,  0.5], dtype=float32)
    """
    return _descent(scale_by_adam(b1, b2, eps, eps_root, nesterov=nesterov), learning_rate)


def nadam(learning_rate: NumberOrSchedule, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8) -> GradientTransformation:
    """Adam with Nesterov's momentum. Dozat (2016).

    >>> import minitorch as mt
    >>> optimizer = nadam(0.1, b1=0.0)
    >>> optimizer.update(mt.array(2.0), optimizer.init(mt.array(1.0)))[0]
    Array(-0.1, dtype=float32)
    """
    return adam(learning_rate, b1, b2, eps, nesterov=True)


def adamw(
    learning_rate: NumberOrSchedule,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    eps_root: Any = 0.0,
    weight_decay: Any = 1e-4,
    mask: Any = None,
    *,
    nesterov: bool = False,
) -> GradientTransformation:
    """Adam with weight decay apart from the gradient. Loshchilov and Hutter (2017), arXiv:1711.05101.

    >>> import minitorch as mt
    >>> optimizer = adamw(0.5, weight_decay=0.25)
    >>> w = mt.array(4.0)
    >>> optimizer.update(mt.array(2.0), optimizer.init(w), w)[0].round(4)
    Array(-1., dtype=float32)
    """
    direction = scale_by_adam(b1, b2, eps, eps_root, nesterov=nesterov)
    return _decaying(direction, learning_rate, weight_decay, mask)


def amsgrad(learning_rate: NumberOrSchedule, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8) -> GradientTransformation:
    """Adam with the largest mean square so far. Reddi et al. (2018), as in PyTorch.

    >>> import minitorch as mt
    >>> optimizer = amsgrad(0.5)
    >>> optimizer.update(mt.array(2.0), optimizer.init(mt.array(1.0)))[0].round(4)
    Array(-0.5, dtype=float32)
    """
    return _descent(scale_by_amsgrad(b1, b2, eps), learning_rate)


def radam(
    learning_rate: NumberOrSchedule, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8, threshold: float = 5.0
) -> GradientTransformation:
    """Adam rectified for the variance of its first steps. Liu et al. (2019), arXiv:1908.03265.

    >>> import minitorch as mt
    >>> optimizer = radam(0.5)
    >>> optimizer.update(mt.array(2.0), optimizer.init(mt.array(1.0)))[0]
    Array(-1., dtype=float32)
    """
    return _descent(scale_by_radam(b1, b2, eps, threshold), learning_rate)


def adamax(learning_rate: NumberOrSchedule, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8) -> GradientTransformation:
    """Adam with the largest recent gradient in the place of the mean square. Kingma and Ba (2014), arXiv:1412.6980.

    >>> import minitorch as mt
    >>> optimizer = adamax(0.5)
    >>> optimizer.update(mt.array(2.0), optimizer.init(mt.array(1.0)))[0]
    Array(-0.5, dtype=float32)
    """
    return _descent(scale_by_adamax(b1, b2, eps), learning_rate)


def lion(
    learning_rate: NumberOrSchedule, b1: Any = 0.9, b2: Any = 0.99, weight_decay: Any = 1e-3, mask: Any = None
) -> GradientTransformation:
    """Steps of one size, in the direction of the momentum's sign. Chen et al. (2023), arXiv:2302.06675.

    >>> import minitorch as mt
    >>> optimizer = lion(0.5, weight_decay=0.0)
    >>> w = mt.array(1.0)
    >>> optimizer.update(mt.array(2.0), optimizer.init(w), w)[0]
    Array(-0.5, dtype=float32)
    """
    return _decaying(scale_by_lion(b1, b2), learning_rate, weight_decay, mask)


def rmsprop(
    learning_rate: NumberOrSchedule,
    decay: Any = 0.9,
    eps: Any = 1e-8,
    initial_scale: Any = 0.0,
    eps_in_sqrt: bool = True,
    centered: bool = False,
    momentum: Any = None,
    nesterov: bool = False,
) -> GradientTransformation:
    """Steps scaled by a running mean square of the gradient. Tieleman and Hinton (2012).

    >>> import minitorch as mt
    >>> optimizer = rmsprop(0.5, decay=0.75)
    >>> optimizer.update(mt.array(2.0), optimizer.init(mt.array(1.0)))[0]
    Array(-1., dtype=float32)
    """
    direction = scale_by_rms(decay, eps, initial_scale, eps_in_sqrt, centered=centered)
    found = _descent(direction, learning_rate)
    return found if momentum is None else chain(found, trace(momentum, nesterov))


def adagrad(
    learning_rate: NumberOrSchedule, initial_accumulator_value: Any = 0.1, eps: Any = 1e-7
) -> GradientTransformation:
    """Steps scaled by the root of the sum of squared gradients. Duchi, Hazan and Singer (2011).

    >>> import minitorch as mt
    >>> optimizer = adagrad(0.5, initial_accumulator_value=0.0)
    >>> optimizer.update(mt.array(2.0), optimizer.init(mt.array(1.0)))[0]
    Array(-0.5, dtype=float32)
    """
    return _descent(scale_by_rss(initial_accumulator_value, eps), learning_rate)


def adadelta(
    learning_rate: NumberOrSchedule = 1.0, rho: Any = 0.9, eps: Any = 1e-6, weight_decay: Any = 0.0, mask: Any = None
) -> GradientTransformation:
    """Steps scaled by mean squares of gradients and of steps. Zeiler (2012), arXiv:1212.5701.

    >>> import minitorch as mt
    >>> optimizer = adadelta(rho=0.75, eps=1.0)
    >>> w = mt.array(1.0)
    >>> round(optimizer.update(mt.array(2.0), optimizer.init(w), w)[0].item(), 4)
    -1.4142
    """
    direction = chain(add_decayed_weights(weight_decay, mask), scale_by_adadelta(rho, eps))
    return _descent(direction, learning_rate)


def rprop(
    learning_rate: Any,
    eta_minus: float = 0.5,
    eta_plus: float = 1.2,
    min_step_size: float = 1e-6,
    max_step_size: float = 50.0,
) -> GradientTransformation:
    """A step size for each number, `learning_rate` at first, which follows the gradient's sign.

    Riedmiller and Braun (1993), as in PyTorch.

    >>> import minitorch as mt
    >>> optimizer = rprop(0.5)
    >>> optimizer.update(mt.array(2.0), optimizer.init(mt.array(1.0)))[0]
    Array(-0.5, dtype=float32)
    """
    hyper = {"lr": learning_rate, "etas": (eta_minus, eta_plus), "step_sizes": (min_step_size, max_step_size)}
    return of_rule("rprop", rules.RPROP, hyper)


def adafactor(
    learning_rate: Any = 1e-2,
    beta2_decay: float = -0.8,
    eps: tuple[float | None, float] = (None, 1e-3),
    d: float = 1.0,
) -> GradientTransformation:
    """Steps scaled by mean squares of rows and columns. Shazeer and Stern (2018), arXiv:1804.04235, as in PyTorch.

    >>> import minitorch as mt
    >>> optimizer = adafactor(0.5)
    >>> w = mt.array([2.0, 2.0])
    >>> optimizer.update(mt.array([1.0, -3.0]), optimizer.init(w), w)[0]
    Array([-1.,  1.], dtype=float32)
    """
    return of_rule("adafactor", rules.ADAFACTOR, {"lr": learning_rate, "beta2_decay": beta2_decay, "eps": eps, "d": d})


def muon(
    learning_rate: NumberOrSchedule,
    weight_decay: Any = 0.1,
    momentum: Any = 0.95,
    nesterov: bool = True,
    ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
    eps: float = 1e-7,
    ns_steps: int = 5,
    adjust_lr_fn: str | None = None,
) -> GradientTransformation:
    """Momentum whose matrices are made orthogonal; for matrices only. Jordan et al. (2024), as in PyTorch.

    >>> import minitorch as mt
    >>> optimizer = muon(1.0, weight_decay=0.0, momentum=0.0, ns_steps=0)
    >>> w = mt.array([[3.0, 4.0]])
    >>> optimizer.update(w, optimizer.init(w), w)[0]
    Array([[-0.6, -0.8]], dtype=float32)
    """
    hyper = {
        "lr": -1.0,
        "momentum": momentum,
        "nesterov": nesterov,
        "ns_coefficients": ns_coefficients,
        "eps": eps,
        "ns_steps": ns_steps,
        "adjust_lr_fn": adjust_lr_fn,
    }
    return _decaying(of_rule("muon", rules.MUON, hyper), learning_rate, weight_decay, None)
