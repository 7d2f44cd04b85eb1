"""erf and erfc, from one fit of exp(x**2) erfc(x), and the inverse of erf."""

from __future__ import annotations

from typing import Any

from .elementary import DOUBLE, SINGLE, Format, copysign, define, exp, exp_sum, fabs, log, sqrt
from .intrinsics import chopped, polynomial, select
from .kinds import float32, float64

# (1 + 2 t) exp(t**2) erfc(t) in (t - c) / (t + c), for t up to where erfc is 0.
SCALED_SINGLE = (2.0, (
    1.27697837, -0.0927639604, -0.166030437, 0.164055198, -0.0542138778, -0.00806206837, 0.00866199844, 0.00132876774,
    -0.0012606344, -0.00042251547,
))  # fmt: skip
SCALED_DOUBLE = (4.0, (
    1.2329951186255526, -0.13962111684056286, 0.015379652102620996, 0.06809705425473468, -0.10103906603636773,
    0.0937328349968727, -0.06633036581115447, 0.03716751556148306, -0.016197734063710445, 0.005031969762284736,
    -0.0007577733091379332, -0.00019925552619520982, 0.00015062210715057866, -2.440316536962711e-05,
    -1.1224436722701745e-05, 5.718019430428633e-06, 3.00822697160671e-07, -8.355403600708081e-07,
    6.309931892048124e-08, 1.1579545491817747e-07, -7.770852409868655e-09, -1.387063343675277e-08,
    -1.8822551750393533e-09,
))  # fmt: skip
# erf(x) / x - 1 in x**2 for |x| < 1
NEAR_SINGLE = (0.128379166, -0.376126349, 0.112836942, -0.0268592965, 0.00520072971, -0.000813879247, 8.35189712e-05)
NEAR_DOUBLE = (
    0.1283791670955126, -0.3761263890318375, 0.11283791670954879, -0.026866170645076792, 0.0052239776248180145,
    -0.000854832698083379, 0.0001205533111164271, -1.4925595266831182e-05, 1.6461000484121368e-06,
    -1.6350312701054695e-07, 1.4659775274047436e-08, -1.1372848856791674e-09, 5.957176147748911e-11,
)  # fmt: skip
# The inverse of erf at x, over x, with w = -log(1 - x**2): in w - 2.5 for w < 5, in sqrt(w) - 4 from there on.
INVERSE_NEAR = (
    1.501409360450329, 0.24664027905463662, -0.004177392875203149, -0.001252726391773229, 0.00021834938623976644,
    -4.9724196894547514e-06, -3.4639852676333717e-06, 4.6813134805534123e-07, 2.3335967195708108e-08,
    -8.931925970244222e-09,
)  # fmt: skip
INVERSE_FAR = (
    3.8397828622158268, 1.0094957721121354, 0.0012729884635479497, -0.0008881736960102013, 0.00029491109000415986,
    -8.079360352899575e-05, 6.764614326265904e-05, -5.8918113699808575e-05, 2.228756091988623e-05,
    -2.5933858472994952e-06, -1.433045882979246e-07,
)  # fmt: skip


def _make_tail(f: Format) -> Any:
    """erfc(t) for t >= 0."""
    center, coefficients = SCALED_SINGLE if f is SINGLE else SCALED_DOUBLE
    c, limit = f.scalar(center), f.scalar(11 if f is SINGLE else 28)
    scaled, one, two, exp_of = polynomial(coefficients), f.one, f.two, exp_sum[f]

    def tail(t: Any) -> Any:
        t = select(t > limit, limit, t)
        high = chopped(t)  # -t**2 as an exact part and a small one
        gauss = exp_of(-high * high, (high - t) * (high + t))
        side, wide = t + c, one + two * t
        both = one / (side * wide)  # one division for two
        return gauss * scaled((t - c) * wide * both) * (side * both)

    return tail


def _make_erfc(f: Format, tail: Any) -> Any:
    two, zero = f.two, f.zero

    def erfc(x: Any) -> Any:
        e = tail(fabs(x))
        return select(x < zero, two - e, e)

    return erfc


def _make_erf(f: Format, tail: Any) -> Any:
    one, near, edge = f.one, polynomial(NEAR_SINGLE if f is SINGLE else NEAR_DOUBLE), f.scalar(0.92)

    def erf(x: Any) -> Any:
        t = fabs(x)
        return select(t < edge, x + x * near(x * x), copysign(one - tail(t), x))

    return erf


tail = {f: _make_tail(f) for f in (SINGLE, DOUBLE)}
erf = {f: _make_erf(f, tail[f]) for f in (SINGLE, DOUBLE)}
erfc = {f: _make_erfc(f, tail[f]) for f in (SINGLE, DOUBLE)}


def _make_erfinv() -> Any:
    near, far = polynomial(INVERSE_NEAR), polynomial(INVERSE_FAR)
    erf_of, tail_of, log_of, exp_of = erf[DOUBLE], tail[DOUBLE], log[DOUBLE], exp[DOUBLE]
    slope, inf, nan = 1.1283791670955126, DOUBLE.inf, DOUBLE.nan

    def erfinv(x: Any) -> Any:
        t = fabs(x)
        w = -log_of((1.0 - t) * (1.0 + t))
        y = t * select(w < 5.0, near(w - 2.5), far(sqrt(w) - 4.0))
        # One step of Halley's method, whose error is the fit's cubed; by the tail where erf has no digits left.
        excess = select(t < 0.5, erf_of(y) - t, (1.0 - t) - tail_of(y)) / (slope * exp_of(-y * y))
        y = y - excess / (1.0 + y * excess)
        y = select(t < 1.0, y, select(t == 1.0, inf, nan))
        return copysign(select(t < 1e-8, t / slope, y), x)

    return erfinv


erfinv = _make_erfinv()


def _erfinv_single(x: Any) -> Any:
    return float32(erfinv(float64(x)))


define("erfinv", _erfinv_single, erfinv)
define("erf", erf[SINGLE], erf[DOUBLE])
define("erfc", erfc[SINGLE], erfc[DOUBLE])
