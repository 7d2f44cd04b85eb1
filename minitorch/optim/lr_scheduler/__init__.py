"""Learning rates that change while training goes on, with PyTorch's interface.

    scheduler = CosineAnnealingLR(optimizer, T_max=100)
    for batch in loader:
        ...
        optimizer.step()
        scheduler.step()

A compiled step reads the rate at each call, so a scheduler outside of it works as it does without `jit`.
"""

from .base import LRScheduler
from .cycles import CyclicLR, OneCycleLR, ReduceLROnPlateau
from .decay import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    SequentialLR,
    StepLR,
)
