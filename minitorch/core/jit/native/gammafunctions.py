"""The digamma function; lgamma is the C library's."""

from __future__ import annotations

import math
from typing import Any

from .elementary import DOUBLE, define, log
from .intrinsics import libm, llvm, polynomial
from .kinds import float32, float64

# digamma(x) / (x - ROOT) in x - 1.5 for 1 <= x <= 2
ROOT, ROOT_REST = 1.4616321449683622, 9.549995429965697e-17
NEAR = (
    0.9510558760318328, -0.4236274212814573, 0.24054248424078478, -0.14840492305485808, 0.09498872445354183,
    -0.06192213319072707, 0.0407608338843387, -0.026975800029253667, 0.017907250563619775, -0.011908146513976738,
    0.007926972735646359, -0.005280903066090605, 0.0035187504361950134, -0.002337552647103118, 0.0015580749137213761,
    -0.0010776863967234226, 0.0007184107969046378, -0.00035476352053371977, 0.00023650171719339814,
    -0.0003783907897248858, 0.0002522590506964885,
)  # fmt: skip
# Bernoulli numbers: the asymptotic series in 1 / x**2, good from 10 on
SERIES = (
    1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12, -3617 / 8160,
)  # fmt: skip

near, series = polynomial(NEAR), polynomial(SERIES)
log_of, tan, rint = log[DOUBLE], libm("tan"), llvm("nearbyint")
nan, pi = DOUBLE.nan, math.pi


def _digamma_of_positive(x: Any) -> Any:
    if x >= 10.0:
        z = 1.0 / (x * x)
        return log_of(x) - 0.5 / x - z * series(z)
    total = 0.0
    while x > 2.0:
        x -= 1.0
        total += 1.0 / x
    if x < 1.0:
        total -= 1.0 / x
        x += 1.0
    return total + ((x - ROOT) - ROOT_REST) * near(x - 1.5)


def _digamma(x: Any) -> Any:
    if x > 0.0:
        return _digamma_of_positive(x)
    if x == 0.0:
        return -1.0 / x
    r = x - rint(x)  # the tangent's argument, reduced before it is multiplied by pi
    if r == 0.0 or x != x:
        return nan
    return _digamma_of_positive(1.0 - x) - pi / tan(pi * r)


def _digamma_single(x: Any) -> Any:
    return float32(_digamma(float64(x)))


define("digamma", _digamma_single, _digamma)
