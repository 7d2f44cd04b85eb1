"""Optimizers, with PyTorch's interface. The update rules themselves are pure functions, in `rules`."""

from . import functional, rules
from .algorithms import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Lion, NAdam, RAdam, RMSprop, Rprop
from .optimizer import Optimizer
