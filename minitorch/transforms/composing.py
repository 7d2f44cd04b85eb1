"""Transforms made of transforms, and what chance they draw from.

Every draw is from the default generator: `manual_seed` fixes it, and in the workers of a DataLoader it follows from the
loader's seed and the number of the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..core.ops import sampling
from ..tensor.random import next_key

Transform = Callable[[Any], Any]


def draw(count: int = 1) -> list[float]:
    """Draw numbers from [0, 1)."""
    found: list[float] = np.asarray(sampling.uniform(next_key(None), (count,))).astype(np.float64).tolist()
    return found


def between(low: float, high: float) -> float:
    """Draw a number between two."""
    return low + (high - low) * draw()[0]


def below(limit: int) -> int:
    """Draw a whole number from 0 up to a limit, which is not reached."""
    return int(np.asarray(sampling.randint(next_key(None), (), 0, limit)))


def happens(p: float) -> bool:
    """Return True with a probability."""
    return draw()[0] < p


def probability(name: str, p: float) -> float:
    """Return a probability, or raise."""
    if not 0 <= p <= 1:
        raise ArgumentError(f"{name}: p is a probability, between 0 and 1; got {p}")
    return p


class Shown:
    """What transforms have in common: they are called with an image, and show their settings."""

    def __call__(self, img: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__}: a transform needs a method __call__(img)")

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value}" for name, value in vars(self).items())
        return f"{type(self).__name__}({settings})"


class Compose(Shown):
    """One transform after the other.

    >>> from minitorch.tensor.creation import ones
    >>> Compose([lambda x: x + 1, lambda x: x * 2])(ones(2))
    tensor([4., 4.])
    """

    def __init__(self, transforms: Sequence[Transform]):
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img


class Lambda(Shown):
    """A function as a transform.

    >>> Lambda(lambda x: x / 255)(mt.tensor([51.0, 255.0]))
    tensor([0.2000, 1.0000])
    """

    def __init__(self, lambd: Transform):
        if not callable(lambd):
            raise TypeError(f"Lambda: takes a function, got {type(lambd).__name__}")
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        return self.lambd(img)


class RandomApply(Shown):
    """All of some transforms, or none, with a probability.

    >>> RandomApply([lambda x: x + 1, lambda x: x * 2], p=1.0)(mt.ones(2))
    tensor([4., 4.])
    >>> RandomApply([lambda x: x + 1], p=0.0)(mt.ones(2))
    tensor([1., 1.])
    """

    def __init__(self, transforms: Sequence[Transform], p: float = 0.5):
        self.transforms = transforms
        self.p = probability("RandomApply", p)

    def __call__(self, img: Any) -> Any:
        return Compose(self.transforms)(img) if happens(self.p) else img


class RandomChoice(Shown):
    """One of some transforms, perhaps with weights `p`.

    >>> RandomChoice([lambda x: x + 1, lambda x: -x], p=[0.0, 1.0])(mt.ones(2))
    tensor([-1., -1.])
    """

    def __init__(self, transforms: Sequence[Transform], p: Sequence[float] | None = None):
        if not transforms or (p is not None and (len(p) != len(transforms) or min(p) < 0 or sum(p) <= 0)):
            raise ArgumentError(
                f"RandomChoice: needs transforms, and a weight for each; got {len(transforms)} and p={p}"
            )
        self.transforms = transforms
        self.p = p

    def __call__(self, img: Any) -> Any:
        ends = np.cumsum(self.p or [1] * len(self.transforms))
        return self.transforms[int(np.searchsorted(ends, draw()[0] * ends[-1], side="right"))](img)


class RandomOrder(Shown):
    """Some transforms in random order.

    >>> add, double = lambda x: x + 1, lambda x: x * 2
    >>> RandomOrder([add, double])(1) in (3, 4)
    True
    """

    def __init__(self, transforms: Sequence[Transform]):
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for i in np.argsort(draw(len(self.transforms))):
            img = self.transforms[i](img)
        return img
