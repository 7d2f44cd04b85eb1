"""Every name of the namespace but its extensions, from all themes, with the constants and NumPy's other spellings."""

import math
from typing import Any

import numpy as np

from . import (
    arranging,
    calculus,
    creation,
    grids,
    joining,
    mapping,
    nans,
    ordering,
    padding,
    pointwise,
    polynomials,
    positions,
    products,
    reducing,
    rounding,
    selecting,
    statistics,
    types,
)

THEMES = (
    types, creation, grids, pointwise, rounding, reducing, nans, arranging, joining, padding, selecting, positions, ordering,
    statistics, products, calculus, polynomials, mapping,
)  # fmt: skip
FUNCTIONS: dict[str, Any] = {name: getattr(theme, name) for theme in THEMES for name in theme.__all__}
globals().update(FUNCTIONS)

# What NumPy writes in two ways.
amax, amin, around = reducing.max, reducing.min, rounding.round
degrees, radians = pointwise.rad2deg, pointwise.deg2rad
bool, float_, int_, uint, complex_ = types.bool_, types.float32, types.int64, types.uint64, types.complex64
half, single, double, csingle, cdouble = types.float16, types.float32, types.float64, types.complex64, types.complex128
pi, e, euler_gamma, inf, nan = math.pi, math.e, float(np.euler_gamma), math.inf, math.nan
index_exp, s_ = np.index_exp, np.s_

CONSTANTS = ("e", "euler_gamma", "inf", "nan", "newaxis", "pi")
ALIASES = (
    "amax", "amin", "around", "bool", "cdouble", "complex_", "csingle", "degrees", "double", "float_", "half",
    "index_exp", "int_", "radians", "s_", "single", "uint",
)  # fmt: skip
__all__ = [*dict.fromkeys([*FUNCTIONS, *CONSTANTS, *ALIASES])]
