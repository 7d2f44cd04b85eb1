"""Optimizers, with PyTorch's interface. The update rules themselves are pure functions, in `rules`."""

from . import rules
from .algorithms import SGD, Adagrad, Adam, AdamW, RMSprop
from .optimizer import Optimizer
