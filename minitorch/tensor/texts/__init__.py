"""What functions do that stand in a table as a line of code: their docstrings, by their public names.

A function of another namespace goes by its last name unless the whole one is listed. Dimensions are called by letters
in brackets, `[..., m, n]`; the last two are a matrix, those before them a batch. Examples know `minitorch` as `mt`.
"""

from __future__ import annotations

from typing import Any

from ...core.ops.families import primitive_of
from ..table import Function
from . import about, algebra, along, arranged, pointwise
from .written import Text, docstring

TEXTS = pointwise.TEXTS | along.TEXTS | arranged.TEXTS | algebra.TEXTS | about.TEXTS


def described(name: str, function: Function) -> Function:
    """Give a function without a docstring the text that its name has here; an alias keeps that of the first name."""
    if function.__doc__ is None:
        last = name.rpartition(".")[2]
        text = _formula(function, last) if hasattr(function, "core") else TEXTS.get(name) or TEXTS.get(last)
        function.__doc__ = None if text is None else docstring(text)
    return function


def _formula(function: Any, name: str) -> Text:
    """Return what a pointwise function does: its formula, which kernels are printed from, says it best."""
    where = "each element x" if function.count == 1 else "each x and y of two tensors, which broadcast"
    return (f"Compute `{primitive_of(function.core).formula}` for {where}.", *pointwise.FORMULAS[name])
