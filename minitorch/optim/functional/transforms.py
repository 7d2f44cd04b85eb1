"""Transformations of gradients: scaled by their history, clipped, with weight decay."""

from __future__ import annotations

from math import inf
from typing import Any

from ...core import tree
from ...core.errors import ArgumentError
from ...core.ops.families import as_array
from ...core.ops.pointwise import abs, add, div, less, sign, sqrt, square, where
from ...core.ops.pointwise import clip as limited
from ...core.ops.shaping import sum as total
from ...core.tape import lower
from ...core.tracer import Value
from ...tensor.handle import tensor_of
from .. import rules
from ..values import fitted, ranked, scaled
from .base import GradientTransformation, each, needed, of_rule, stateless
from .wrappers import masked

# --------------------------------------------------------------------------- by rules

# A learning rate of -1 makes a rule's change its direction, which later transformations scale.
_DIRECTION = {"lr": -1.0}


def trace(decay: Any, nesterov: bool = False) -> GradientTransformation:
    """Add up gradients, each step with the former sum times `decay`: momentum (Polyak, 1964; Nesterov, 1983).

    >>> import minitorch as mt
    >>> t = trace(0.5)
    >>> state = t.init(mt.array(0.0))
    >>> for _ in range(3):
    ...     update, state = t.update(mt.array(1.0), state)
    >>> update
    Array(1.75, dtype=float32)
    """
    return of_rule("trace", rules.TRACE, {**_DIRECTION, "momentum": decay, "dampening": 0, "nesterov": nesterov})


def scale_by_adam(
    b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8, eps_root: Any = 0.0, *, nesterov: bool = False
) -> GradientTransformation:
    """Divide the mean gradient by the root of the mean square. Kingma and Ba (2014), arXiv:1412.6980.

    `nesterov` looks one step ahead, as Dozat (2016); then `eps_root` must be 0.

    >>> import minitorch as mt
    >>> t = scale_by_adam()
    >>> t.update(mt.array([3.0, -0.1]), t.init(mt.array([0.0, 0.0])))[0]
    Array([ 1., -1.], dtype=float32)
    """
    hyper: dict[str, Any] = {**_DIRECTION, "betas": (b1, b2), "eps": eps}
    if nesterov:
        if not isinstance(eps_root, float) or eps_root:
            raise ArgumentError(f"scale_by_adam: eps_root {eps_root} is not used with nesterov; leave it at 0.0")
        # PyTorch's schedule of the momentum, at its end from the start.
        return of_rule("scale_by_adam", rules.NADAM, {**hyper, "momentum_decay": inf})
    root = {} if isinstance(eps_root, float) and eps_root == 0 else {"eps_root": eps_root}
    return of_rule("scale_by_adam", rules.ADAM, {**hyper, **root, "amsgrad": False})


def scale_by_amsgrad(b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8) -> GradientTransformation:
    """Divide as Adam does, by the largest mean square so far. Reddi et al. (2018); as in PyTorch.

    >>> import minitorch as mt
    >>> t = scale_by_amsgrad()
    >>> t.update(mt.array(3.0), t.init(mt.array(0.0)))[0]
    Array(1., dtype=float32)
    """
    return of_rule("scale_by_amsgrad", rules.ADAM, {**_DIRECTION, "betas": (b1, b2), "eps": eps, "amsgrad": True})


def scale_by_radam(b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8, threshold: float = 5.0) -> GradientTransformation:
    """Divide as Adam does, rectified for the variance of the first steps. Liu et al. (2019), arXiv:1908.03265.

    `eps` is added to the root of the mean square before its bias is corrected, as in PyTorch.

    >>> import minitorch as mt
    >>> t = scale_by_radam()
    >>> t.update(mt.array(3.0), t.init(mt.array(0.0)))[0].round(4)
    Array(3., dtype=float32)
    """
    if not threshold >= 4:
        raise ArgumentError(f"scale_by_radam: threshold {threshold} must be at least 4, where the variance is finite")
    hyper = {**_DIRECTION, "betas": (b1, b2), "eps": eps, "threshold": threshold}
    return of_rule("scale_by_radam", rules.RADAM, hyper)


def scale_by_adamax(b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8) -> GradientTransformation:
    """Divide the mean gradient by the largest recent one. Kingma and Ba (2014), arXiv:1412.6980.

    >>> import minitorch as mt
    >>> t = scale_by_adamax()
    >>> t.update(mt.array(-3.0), t.init(mt.array(0.0)))[0]
    Array(-1., dtype=float32)
    """
    return of_rule("scale_by_adamax", rules.ADAMAX, {**_DIRECTION, "betas": (b1, b2), "eps": eps})


def scale_by_lion(b1: Any = 0.9, b2: Any = 0.99) -> GradientTransformation:
    """Return the sign of the gradient and its mean, mixed. Chen et al. (2023), arXiv:2302.06675.

    >>> import minitorch as mt
    >>> t = scale_by_lion()
    >>> t.update(mt.array([-3.0, 0.1]), t.init(mt.array([0.0, 0.0])))[0]
    Array([-1.,  1.], dtype=float32)
    """
    return of_rule("scale_by_lion", rules.LION, {**_DIRECTION, "betas": (b1, b2)})


def scale_by_rms(
    decay: Any = 0.9, eps: Any = 1e-8, initial_scale: Any = 0.0, eps_in_sqrt: bool = True, *, centered: bool = False
) -> GradientTransformation:
    """Divide by the root of the mean square, or of the variance if `centered`. Tieleman and Hinton (2012).

    >>> import minitorch as mt
    >>> t = scale_by_rms(decay=0.75)
    >>> t.update(mt.array(3.0), t.init(mt.array(0.0)))[0]
    Array(2., dtype=float32)
    """
    hyper = {"alpha": decay, "eps": eps, "initial_scale": initial_scale, "eps_in_sqrt": eps_in_sqrt}
    return of_rule("scale_by_rms", rules.RMSPROP, {**_DIRECTION, **hyper, "momentum": 0, "centered": centered})


def scale_by_stddev(
    decay: Any = 0.9, eps: Any = 1e-8, initial_scale: Any = 0.0, eps_in_sqrt: bool = True
) -> GradientTransformation:
    """Divide by the running standard deviation. Graves (2013), arXiv:1308.0850.

    >>> import minitorch as mt
    >>> t = scale_by_stddev(decay=0.5)
    >>> t.update(mt.array(3.0), t.init(mt.array(0.0)))[0]
    Array(2., dtype=float32)
    """
    return scale_by_rms(decay, eps, initial_scale, eps_in_sqrt, centered=True)


def scale_by_rss(initial_accumulator_value: Any = 0.1, eps: Any = 1e-7) -> GradientTransformation:
    """Divide by the root of the sum of squares. Duchi, Hazan and Singer (2011).

    >>> import minitorch as mt
    >>> t = scale_by_rss(0.0)
    >>> t.update(mt.array(3.0), t.init(mt.array(0.0)))[0]
    Array(1., dtype=float32)
    """
    hyper = {"initial_accumulator_value": initial_accumulator_value, "eps": eps, "eps_in_sqrt": True, "lr_decay": 0.0}
    return of_rule("scale_by_rss", rules.ADAGRAD, {**_DIRECTION, **hyper})


def scale_by_adadelta(rho: Any = 0.9, eps: Any = 1e-6) -> GradientTransformation:
    """Scale by the ratio of the roots of the mean squares of steps and of gradients. Zeiler (2012), arXiv:1212.5701.

    >>> import minitorch as mt
    >>> t = scale_by_adadelta(rho=0.75, eps=1.0)
    >>> round(t.update(mt.array(2.0), t.init(mt.array(0.0)))[0].item(), 4)
    1.4142
    """
    return of_rule("scale_by_adadelta", rules.ADADELTA, {**_DIRECTION, "rho": rho, "eps": eps})


def scale_by_sign() -> GradientTransformation:
    """Keep the signs of the updates only.

    >>> import minitorch as mt
    >>> t = scale_by_sign()
    >>> t.update(mt.array([3.0, -0.1]), t.init(None))[0]
    Array([ 1., -1.], dtype=float32)
    """
    return each(sign)


# --------------------------------------------------------------------------- size


def global_norm(updates: Any) -> Value:
    """Return the Euclidean norm of all numbers of a tree.

    >>> import minitorch as mt
    >>> global_norm({"a": mt.array([3.0]), "b": mt.array(4.0)})
    Array(5., dtype=float32)
    """
    return sqrt(_squared_norm(updates))


def _squared_norm(updates: Any) -> Value:
    found = as_array(0.0)
    for x in tree.leaves(updates):
        found = add(found, total(square(abs(as_array(x)))))
    return found


def clip(max_delta: Any) -> GradientTransformation:
    """Limit each number of the updates to [-max_delta, max_delta].

    >>> import minitorch as mt
    >>> clip(1.0).update(mt.array([-3.0, 0.5]), clip(1.0).init(None))[0]
    Array([-1. ,  0.5], dtype=float32)
    """
    return each(lambda g: limited(as_array(g), -max_delta, max_delta))


def clip_by_global_norm(max_norm: Any) -> GradientTransformation:
    """Shrink the updates together, where their norm is above `max_norm`. Pascanu et al. (2012), arXiv:1211.5063.

    >>> import minitorch as mt
    >>> t = clip_by_global_norm(1.0)
    >>> t.update({"a": mt.array(3.0), "b": mt.array(4.0)}, t.init(None))[0]
    {'a': Array(0.6, dtype=float32), 'b': Array(0.8, dtype=float32)}
    """

    def shrunk(updates: Any, params: Any) -> Any:
        squared = _squared_norm(updates)
        fits = less(squared, max_norm * max_norm)
        # The root only where it is used: at 0 its slope is infinite.
        factor = where(fits, 1.0, div(max_norm, sqrt(where(fits, 1.0, squared))))
        return tree.map(lambda g: scaled(as_array(g), factor), updates)

    return stateless(shrunk)


# --------------------------------------------------------------------------- weight decay and averages


def add_decayed_weights(weight_decay: Any = 0.0, mask: Any = None) -> GradientTransformation:
    """Add the parameters times a number; `mask` is a tree of bools, or a function of the parameters that makes one.

    >>> import minitorch as mt
    >>> t = add_decayed_weights(0.1)
    >>> t.update(mt.array(1.0), t.init(mt.array(5.0)), mt.array(5.0))[0]
    Array(1.5, dtype=float32)
    """

    def decayed(g: Any, p: Any) -> Value:
        g = as_array(g)
        return fitted(rules.pulled(tensor_of(lower(as_array(p))), tensor_of(g), ranked(weight_decay)), False, g.dtype)

    decaying = stateless(lambda updates, params: tree.map(decayed, updates, needed("add_decayed_weights", params)))
    return decaying if mask is None else masked(decaying, mask)


def incremental_update(new_tensors: Any, old_tensors: Any, step_size: Any) -> Any:
    """Move a running average: `step_size * new + (1 - step_size) * old`. Polyak and Juditsky (1992).

    >>> import minitorch as mt
    >>> incremental_update(mt.array(1.0), mt.array(0.0), 0.25)
    Array(0.25, dtype=float32)
    """

    def moved(new: Any, old: Any) -> Value:
        new, old = as_array(new), as_array(old)
        return add(scaled(new, step_size), scaled(old, 1.0 - step_size))

    return tree.map(moved, new_tensors, old_tensors)
