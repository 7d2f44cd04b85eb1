"""Pruning: setting the least important numbers of a parameter to 0, and keeping them there.

The parameter becomes `weight_orig`, a buffer `weight_mask` says what remains, and the product is computed before each
call. Pruned again, a parameter loses a part of what is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...core.errors import ArgumentError
from ...tensor.creation import ones_like
from ...tensor.handle import Tensor
from ...tensor.modes import no_grad
from ..module import Module
from .computed import computed, take_out
from .convert_parameters import parameters_to_vector
from .pruning_methods import (
    BasePruningMethod,
    CustomFromMask,
    Identity,
    L1Unstructured,
    LnStructured,
    PruningContainer,
    RandomStructured,
    RandomUnstructured,
)

__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]


def identity(module: Module, name: str) -> Module:
    """Have a parameter pruned without setting anything to 0.

    >>> from minitorch.nn.modules.linear import Linear
    >>> sorted(identity(Linear(2, 3), "bias").state_dict())
    ['bias_mask', 'bias_orig', 'weight']
    """
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: float) -> Module:
    """Set random numbers of a parameter to 0: so many of them, or such a part.

    >>> from minitorch.nn.modules.linear import Linear
    >>> random_unstructured(Linear(2, 3), "weight", 2).weight_mask.sum().item()
    4.0
    """
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Module, name: str, amount: float, importance_scores: Tensor | None = None) -> Module:
    """Set the numbers of a parameter with the least magnitude, or score, to 0: so many of them, or such a part.

    >>> from minitorch.nn.modules.linear import Linear
    >>> layer = Linear(3, 1)
    >>> layer.weight.data = Tensor([[0.1, -3.0, 2.0]])
    >>> l1_unstructured(layer, "weight", 1).weight.tolist()
    [[0.0, -3.0, 2.0]]
    """
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: float, dim: int) -> Module:
    """Set random slices of a parameter along a dimension to 0: so many of them, or such a part.

    >>> from minitorch.nn.modules.linear import Linear
    >>> random_structured(Linear(2, 3), "weight", 1, 0).weight_mask.sum().item()
    4.0
    """
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Module, name: str, amount: float, n: Any, dim: int, importance_scores: Tensor | None = None
) -> Module:
    """Set the slices of a parameter along a dimension with the least norm of order `n` to 0.

    >>> from minitorch.nn.modules.linear import Linear
    >>> layer = Linear(2, 2)
    >>> layer.weight.data = Tensor([[0.1, 0.2], [-3.0, 2.0]])
    >>> ln_structured(layer, "weight", 1, 2, 0).weight.tolist()
    [[0.0, 0.0], [-3.0, 2.0]]
    """
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Set what a mask has as 0 to 0 in a parameter.

    >>> from minitorch.nn.modules.linear import Linear
    >>> custom_from_mask(Linear(3, 1), "weight", Tensor([[0, 1, 0]])).weight_mask.tolist()
    [[0.0, 1.0, 0.0]]
    """
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: Mapping[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune several parameters as if they were one: pairs of a module and a name.

    >>> from minitorch.nn.modules.linear import Linear
    >>> layers = [Linear(2, 3), Linear(3, 1)]
    >>> global_unstructured([(layer, "weight") for layer in layers], L1Unstructured, amount=4)
    >>> sum(layer.weight_mask.sum().item() for layer in layers)
    5.0
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured: parameters is not an Iterable of pairs (module, name)")
    if importance_scores is not None and not isinstance(importance_scores, Mapping):
        raise TypeError("global_unstructured: importance_scores must be of type dict, by pairs (module, name)")
    pairs, scores = list(parameters), importance_scores or {}
    method = pruning_method(**kwargs)
    method.name = "all"
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            f'global_unstructured: Only "unstructured" PRUNING_TYPE supported, {pruning_method.__name__} is '
            f"{method.PRUNING_TYPE}"
        )
    tensors = [getattr(module, name) for module, name in pairs]
    masks = [getattr(module, f"{name}_mask", ones_like(t)) for (module, name), t in zip(pairs, tensors)]
    with no_grad():
        given = parameters_to_vector(scores.get(pair, t) for pair, t in zip(pairs, tensors))
        mask = PruningContainer(method).compute_mask(given, parameters_to_vector(masks))
    start = 0
    for (module, name), t in zip(pairs, tensors):
        custom_from_mask(module, name, mask[start : start + t.numel()].reshape(t.shape))
        start += t.numel()


def remove(module: Module, name: str) -> Module:
    """Make a pruned parameter an ordinary one again, which keeps its zeros until it is trained.

    >>> from minitorch.nn.modules.linear import Linear
    >>> sorted(remove(identity(Linear(2, 3), "bias"), "bias").state_dict())
    ['bias', 'weight']
    """
    found = take_out(module, BasePruningMethod, name)
    if not found:
        raise ArgumentError(
            f"prune: Parameter '{name}' of module {type(module).__name__} has to be pruned before pruning can be removed"
        )
    found[0].remove(module)
    return module


def is_pruned(module: Module) -> bool:
    """Return whether a parameter of a module, or of one inside it, is pruned.

    >>> from minitorch.nn.modules.linear import Linear
    >>> is_pruned(Linear(2, 3)), is_pruned(identity(Linear(2, 3), "bias"))
    (False, True)
    """
    return any(computed(each, BasePruningMethod) for each in module.modules())
