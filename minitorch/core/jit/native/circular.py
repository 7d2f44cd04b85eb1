"""sin, cos and tan: by polynomials in float32, by the C library in float64.

The angle of a float32 is reduced in float64 or, from 2**23 on, in integers, so that no angle is too large.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .elementary import DOUBLE, define, fabs
from .intrinsics import libm, polynomial, select, to_bits, turns
from .kinds import float32, float64

two_over_pi, magic = DOUBLE.scalar(2 / np.pi), DOUBLE.magic
# pi / 2 in three parts; the first two, of 25 bits, have exact products with a quotient below 2**27.
P1, P2, P3 = map(float.fromhex, ("0x1.921fb5p+0", "0x1.110b46p-26", "0x1.1a62633145c07p-54"))
LARGE, EIGHTH = np.float32(2.0**23), 1 << 61  # of a turn
RADIANS = 2 * np.pi * 2.0**-64
sine = polynomial((-0.16666666666666666, 0.008333333333330936, -0.00019841269836740532, 2.7557316093198404e-06))
cosine = polynomial((0.041666666666666664, -0.0013888888888887389, 2.48015872987544e-05, -2.755731726587808e-07))


def _turned(x: Any, quarters: int) -> Any:
    """sin(x + quarters * pi / 2) of a float32, in float64."""
    wide = float64(x)
    shifted = wide * two_over_pi + magic
    n = shifted - magic
    near = ((wide - n * P1) - n * P2) - n * P3
    turned = turns(x)
    quarter = (turned + EIGHTH) >> 62
    far = float64(turned - (quarter << 62)) * RADIANS + float64(x - x)  # NaN for an infinity
    small = fabs(x) < LARGE
    r = select(small, near, far)
    quadrant = select(small, to_bits(shifted), quarter) + quarters
    z = r * r
    out = select((quadrant & 1) == 0, r + r * z * sine(z), (1.0 - 0.5 * z) + z * z * cosine(z))
    return select((quadrant & 2) == 0, out, -out)


def _sin(x: Any) -> Any:
    return float32(select(x == 0, float64(x), _turned(x, 0)))


def _cos(x: Any) -> Any:
    return float32(_turned(x, 1))


def _tan(x: Any) -> Any:
    return float32(select(x == 0, float64(x), _turned(x, 0) / _turned(x, 1)))


sin, cos, tan = map(libm, ("sin", "cos", "tan"))
define("sin", _sin, sin)
define("cos", _cos, cos)
define("tan", _tan, tan)
