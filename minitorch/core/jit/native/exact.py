"""What random numbers are made by, from the very text that NumPy runs: each step is rounded alike, to the last bit."""

from __future__ import annotations

from types import CellType, FunctionType
from typing import Any

from ... import dtypes
from ...ops import reproducible
from ...ops.transforming import DOUBLE, SINGLE
from .elementary import define, fabs, sqrt
from .functions import rounds_each_step
from .intrinsics import from_bits, select, to_bits

INSTEAD = {"root": sqrt, "to_bits": to_bits, "from_bits": from_bits, "where": select, "magnitude": fabs}


def compiled(function: Any) -> Any:
    """Return a function, and those that it closes over, with instructions in the place of NumPy's functions."""
    held = (c.cell_contents for c in function.__closure__ or ())
    cells = tuple(CellType(compiled(x) if isinstance(x, FunctionType) else x) for x in held)
    made = FunctionType(function.__code__, function.__globals__ | INSTEAD, function.__name__, None, cells)
    return rounds_each_step(made)


for _name, _part in {
    "exponential_of": "exponential",
    "gumbel_of": "gumbel",
    "logarithm_of": "logarithm",
    "stretched": "stretched",
    "first_normal": "first",
    "second_normal": "second",
}.items():
    define(_name, compiled(getattr(SINGLE, _part)), compiled(getattr(DOUBLE, _part)))
for _name, _single in reproducible.OF[dtypes.float32].items():
    define(_name, compiled(_single), compiled(reproducible.OF[dtypes.float64][_name]))
