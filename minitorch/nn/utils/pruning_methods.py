"""The ways to choose what pruning sets to 0: classes, which the functions of `prune.py` apply."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar

from ...core.errors import ArgumentError, OutOfBoundsError
from ...tensor.creation import ones_like, zeros_like
from ...tensor.functions import topk
from ...tensor.handle import Tensor
from ...tensor.modes import no_grad
from ...tensor.random import rand_like
from ..module import Module
from .computed import Computed, computed, parameter_of, take_out


class BasePruningMethod(Computed):
    """A way to choose what is set to 0. Subclasses define `compute_mask` and `PRUNING_TYPE`.

    The type says what a mask is computed from when the tensor is pruned again: of the "unstructured" numbers, or the
    "structured" slices along `dim`, that are left, or from all ("global").

    >>> import minitorch as mt
    >>> class FirstRow(BasePruningMethod):
    ...     PRUNING_TYPE = "global"
    ...     def compute_mask(self, t, default_mask):
    ...         mask = default_mask.clone()
    ...         mask[0] = 0
    ...         return mask
    >>> layer = mt.nn.Linear(2, 2)
    >>> _ = FirstRow.apply(layer, "weight")
    >>> layer.weight[0].abs().tolist(), layer.weight_mask.tolist()
    ([0.0, 0.0], [[0.0, 0.0], [1.0, 1.0]])
    """

    PRUNING_TYPE: ClassVar[str]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return what remains of a tensor of importances, given what remains so far."""
        raise NotImplementedError

    def apply_mask(self, module: Module) -> Tensor:
        """Return the pruned tensor."""
        mask, original = getattr(module, f"{self.name}_mask"), getattr(module, f"{self.name}_orig")
        return mask.to(original.dtype) * original  # type: ignore[no-any-return]

    compute = apply_mask

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any
    ) -> BasePruningMethod:
        """Prune a parameter of a module; the other arguments are those of the method."""
        method = cls(*args, **kwargs)
        method.name = name
        before = next(iter(computed(module, BasePruningMethod, name).values()), None)
        original = getattr(module, name) if before is not None else parameter_of(module, name, "prune")
        scores = _checked_scores(importance_scores, original, name)
        with no_grad():
            if before is None:
                mask = method.compute_mask(scores, ones_like(original))
                delattr(module, name)
                module.register_parameter(f"{name}_orig", original)
            else:
                method = _joined(before, method)
                mask = method.compute_mask(scores, getattr(module, f"{name}_mask").clone())
        take_out(module, BasePruningMethod, name)
        module.register_buffer(f"{name}_mask", mask)
        method.refresh(module)
        method.enter(module)
        return method

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """Return a pruned tensor."""
        scores = _checked_scores(importance_scores, t, "t")
        with no_grad():
            mask = self.compute_mask(scores.detach(), ones_like(t) if default_mask is None else default_mask)
        return t * mask

    def remove(self, module: Module) -> None:
        """Make the pruned tensor a parameter again."""
        with no_grad():
            pruned = self.apply_mask(module)
        original = getattr(module, f"{self.name}_orig")
        original.data = pruned
        for name in (self.name, f"{self.name}_orig", f"{self.name}_mask"):
            delattr(module, name)
        module.register_parameter(self.name, original)


def _checked_scores(scores: Tensor | None, t: Tensor, name: str) -> Tensor:
    if scores is not None and scores.shape != t.shape:
        raise AssertionError(
            f"prune: importance_scores should have the same shape as {name}, got {tuple(scores.shape)} vs {tuple(t.shape)}"
        )
    return t.detach() if scores is None else scores.detach()


def _joined(before: BasePruningMethod, method: BasePruningMethod) -> PruningContainer:
    container = before if isinstance(before, PruningContainer) else PruningContainer(before)
    container.add_pruning_method(method)
    return container


class PruningContainer(BasePruningMethod):
    """The methods by which one tensor was pruned, one after the other.

    >>> layer = nn.Linear(4, 1)
    >>> _ = L1Unstructured.apply(layer, "weight", 1)
    >>> method = L1Unstructured.apply(layer, "weight", 2)
    >>> type(method).__name__, len(method), layer.weight_mask.sum().item()
    ('PruningContainer', 2, 1.0)
    """

    PRUNING_TYPE = "global"

    def __init__(self, *methods: BasePruningMethod):
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        for method in methods:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Add a method for the same tensor."""
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"PruningContainer: {type(method).__name__} is not a BasePruningMethod subclass")
        if not self._pruning_methods:
            self.name = method.name
        if method.name != self.name:
            raise ArgumentError(
                f"PruningContainer: Can only add pruning methods acting on the parameter named '{self.name}', found "
                f"'{method.name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, index: int) -> BasePruningMethod:
        return self._pruning_methods[index]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Let the last method prune what the others have left."""
        method = self._pruning_methods[-1]
        left = _LEFT.get(method.PRUNING_TYPE)
        if left is None:
            raise ArgumentError(
                f"prune: Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}; use one of {', '.join(_LEFT)}"
            )
        index = left(method, t, default_mask)
        mask = default_mask.to(t.dtype).clone()
        mask[index] = method.compute_mask(t[index], default_mask[index]).to(t.dtype)
        return mask


def _slices_left(method: Any, t: Tensor, mask: Tensor) -> Any:
    dim = method.dim % t.ndim
    kept = mask.sum([d for d in range(t.ndim) if d != dim]) != 0
    return (slice(None),) * dim + (kept,)


# What a method works on when it is not the first, by its type: an index of the tensor.
_LEFT = {
    "unstructured": lambda method, t, mask: mask == 1,
    "structured": _slices_left,
    "global": lambda method, t, mask: (slice(None),) * t.ndim,
}


# --------------------------------------------------------------------------- how much


def _checked_amount(amount: Any) -> Any:
    if not isinstance(amount, Real):
        raise TypeError(f"prune: Invalid type for amount: {amount}. Must be int or float.")
    if amount < 0 or (not isinstance(amount, Integral) and amount > 1.0):
        raise ArgumentError(
            f"prune: amount={amount} should either be a float in the range [0, 1] or a non-negative integer"
        )
    return amount


def _count(amount: Any, size: int) -> int:
    """Return how many of some things are pruned."""
    count = int(amount) if isinstance(amount, Integral) else round(amount * size)
    if count > size:
        raise ArgumentError(f"prune: amount={amount} should be smaller than the number of parameters to prune={size}")
    return count


def _count_of_slices(amount: Any, t: Tensor, dim: int) -> int:
    if t.ndim <= 1:
        raise ArgumentError(
            f"prune: Structured pruning can only be applied to multidimensional tensors, found shape {tuple(t.shape)}"
        )
    if not -t.ndim <= dim < t.ndim:
        raise OutOfBoundsError(f"prune: Invalid index {dim} for tensor of size {tuple(t.shape)}")
    return _count(amount, t.shape[dim])


def _without_least(importance: Tensor, count: int, mask: Tensor) -> Tensor:
    """Return a mask without the elements of least importance."""
    mask = mask.clone()
    if count:
        least = topk(importance.reshape(-1), count, largest=False).indices
        flat = mask.reshape(-1)
        flat[least] = 0
        return flat.reshape(mask.shape)
    return mask


def _with_largest_slices(importance: Tensor, count: int, mask: Tensor, dim: int) -> Tensor:
    """Return a mask of the slices of most importance only."""
    kept = topk(importance, importance.shape[0] - count).indices
    slices = zeros_like(mask)
    slices[(slice(None),) * (dim % mask.ndim) + (kept,)] = 1
    return slices * mask


# --------------------------------------------------------------------------- the methods


class Identity(BasePruningMethod):
    """Sets nothing to 0, but has the parameter pruned.

    >>> Identity().prune(mt.tensor([1.0, -2.0]))
    tensor([ 1., -2.])
    """

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return the mask as it is."""
        return default_mask


class RandomUnstructured(BasePruningMethod):
    """Sets random numbers to 0: so many of them, or such a part.

    >>> (RandomUnstructured(amount=0.25).prune(mt.ones(2, 4)) == 0).sum()
    tensor(2)
    """

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: float):
        self.amount = _checked_amount(amount)

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return the next mask."""
        return _without_least(rand_like(t), _count(self.amount, t.numel()), default_mask)


class L1Unstructured(RandomUnstructured):
    """Sets the numbers of least magnitude to 0: so many of them, or such a part.

    >>> L1Unstructured(amount=0.5).prune(mt.tensor([[1.0, -4.0], [0.5, 3.0]]))
    tensor([[ 0., -4.],
            [ 0.,  3.]])
    >>> L1Unstructured(amount=1).prune(mt.tensor([[1.0, -4.0], [0.5, 3.0]]))
    tensor([[ 1., -4.],
            [ 0.,  3.]])
    """

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return the next mask."""
        return _without_least(t.abs(), _count(self.amount, t.numel()), default_mask)


class RandomStructured(BasePruningMethod):
    """Sets random slices along a dimension to 0: so many of them, or such a part.

    >>> pruned = RandomStructured(amount=1, dim=1).prune(mt.ones(2, 3))
    >>> sorted(pruned.sum(0).tolist())
    [0.0, 2.0, 2.0]
    """

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1):
        self.amount = _checked_amount(amount)
        self.dim = dim

    def importance(self, t: Tensor) -> Tensor:
        """Return a number for each slice."""
        return rand_like(t.movedim(self.dim, 0).reshape(t.shape[self.dim], -1)[:, 0])

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return the next mask."""
        count = _count_of_slices(self.amount, t, self.dim)
        if not count:
            return default_mask
        return _with_largest_slices(self.importance(t), count, default_mask, self.dim)


class LnStructured(RandomStructured):
    """Sets the slices of least norm, of order `n`, along a dimension to 0: so many of them, or such a part.

    >>> LnStructured(amount=1, n=2, dim=0).prune(mt.tensor([[1.0, 2.0], [3.0, 0.0], [1.0, 1.0]]))
    tensor([[1., 2.],
            [3., 0.],
            [0., 0.]])
    """

    def __init__(self, amount: float, n: Any, dim: int = -1):
        super().__init__(amount, dim)
        self.n = n

    def importance(self, t: Tensor) -> Tensor:
        """Return the norms of the slices."""
        dim = self.dim % t.ndim
        return t.norm(self.n, [d for d in range(t.ndim) if d != dim])


class CustomFromMask(BasePruningMethod):
    """Sets what a mask has as 0 to 0.

    >>> CustomFromMask(mt.tensor([1, 0, 1])).prune(mt.tensor([5.0, 6.0, 7.0]))
    tensor([5., 0., 7.])
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor):
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return the next mask."""
        if default_mask.shape != self.mask.shape:
            raise AssertionError(
                f"prune: the mask has shape {tuple(self.mask.shape)}, what it prunes {tuple(default_mask.shape)}"
            )
        return default_mask * self.mask.to(default_mask.dtype)
