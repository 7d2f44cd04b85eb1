"""Passes: each takes a graph and returns one that computes the same, the same object where nothing changes."""

from .algebra import simplify
from .common import eliminate_common
from .constants import fold_constants
from .dead import eliminate_dead
from .decompositions import decompose
from .pipeline import optimize

__all__ = ["decompose", "eliminate_common", "eliminate_dead", "fold_constants", "optimize", "simplify"]
