"""Special functions under PyTorch's names: `special.*`, and what of it has a name of its own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.errors import ArgumentError
from ..core.ops import pointwise as core
from ..core.ops import reductions, special
from ..core.ops import scipy_functions as scipy
from ..core.ops import softmax as normal
from ..core.ops.families import as_array
from ..core.ops.shaping import cast
from ..core.tracer import aval_of, concrete
from .pointwise import BOTH as POINTWISE
from .table import Table, over
from .texts.written import docstring

# --------------------------------------------------------------------------- normal distribution, entropy


def _ndtr(input: Any) -> Any:
    """Compute the standard normal distribution function."""
    return core.mul(special.erfc(core.mul(input, -math.sqrt(0.5))), 0.5)


def _xlog1py(input: Any, other: Any) -> Any:
    """Compute `x log(1 + y)`: 0 where x is 0, unless y is NaN.

    >>> mt.special.xlog1py(mt.tensor([0.0, 2.0]), mt.tensor([-1.0, 1.0]))
    tensor([0.0000, 1.3863])
    """
    numbers = (int, float, complex)
    dtype = dtypes.floating(*(type(x) if isinstance(x, numbers) else as_array(x).dtype for x in (input, other)))
    x, y = cast(input, dtype), cast(other, dtype)
    nothing = core.logical_and(core.equal(x, 0), core.logical_not(core.isnan(y)))
    safe = core.where(nothing, 0, y)
    return core.where(nothing, 0.0, core.mul(x, core.log1p(safe)))


def _spherical_bessel_j0(x: Any) -> Any:
    """Compute `sin(x) / x`, 1 at 0."""
    x = cast(x, dtypes.floating(as_array(x).dtype))
    none = core.equal(x, 0)
    ratio = core.div(core.sin(x), core.where(none, 1.0, x))
    return core.where(core.isinf(x), 0.0, core.where(none, 1.0, ratio))


def _mvlgamma(input: Any, p: int) -> Any:
    """Compute the logarithm of the multivariate gamma function of dimension p (Muirhead, 1982, theorem 2.1.12).

    >>> mt.mvlgamma(mt.tensor([3.0, 4.0]), p=2)
    tensor([1.5502, 3.5651])
    """
    if p < 1:
        raise ArgumentError(f"mvlgamma: p must be at least 1, got {p} for {aval_of(as_array(input))}")
    x = cast(input, dtypes.floating(as_array(input).dtype))
    out = special.lgamma(x)
    for j in range(1, p):
        out = core.add(out, special.lgamma(core.sub(x, j / 2)))
    return core.add(out, p * (p - 1) / 4 * math.log(math.pi))


def _polygamma(n: int, input: Any) -> Any:
    return special.polygamma(n, input)


# --------------------------------------------------------------------------- orthogonal polynomials

Step = Callable[[int, Any, Any, Any], Any]


# What the polynomials of degree 3 are at 0.5 and 2.
_CUBIC = {
    "chebyshev_polynomial_t": "-1., 26.",
    "chebyshev_polynomial_u": "-1., 56.",
    "chebyshev_polynomial_v": "-1., 41.",
    "chebyshev_polynomial_w": "-1., 71.",
    "shifted_chebyshev_polynomial_t": "-0., 99.",
    "shifted_chebyshev_polynomial_u": " -0., 204.",
    "shifted_chebyshev_polynomial_v": "  1., 169.",
    "shifted_chebyshev_polynomial_w": " -1., 239.",
    "hermite_polynomial_h": "-5., 40.",
    "hermite_polynomial_he": "-1.3750,  2.0000",
    "laguerre_polynomial_l": "-0.1458, -0.3333",
    "legendre_polynomial_p": "-0.4375, 17.0000",
}


def _polynomial(name: str, first: Callable[[Any], Any], step: Step) -> Any:
    """Return `p(x, n)` for polynomials with `p0 = 1`, `p1 = first(x)` and `p_{k+1} = step(k, x, p_k, p_{k-1})`."""

    def call(input: Any, n: Any) -> Any:
        x, degrees = as_array(input), cast(as_array(n), dtypes.int64)  # which drops fractions, as in PyTorch
        x = cast(x, dtypes.floating(x.dtype))
        highest = int(np.max(concrete(degrees, name).numpy(), initial=-1))
        before = core.add(core.mul(x, 0.0), 1.0)
        here = first(x)
        out = core.where(core.less(degrees, 0), 0.0, core.where(core.equal(degrees, 0), before, here))
        for k in range(1, highest):
            before, here = here, step(k, x, here, before)
            out = core.where(core.equal(degrees, k + 1), here, out)
        return out

    summary = f"Compute the {name.replace('_', ' ')} of degree n, by its recurrence (Abramowitz and Stegun, 22.7)."
    call.__doc__ = docstring((summary, f"mt.special.{name}(mt.tensor([0.5, 2.0]), 3)", f"tensor([{_CUBIC[name]}])"))
    return call


def _double(x: Any) -> Any:
    return core.mul(x, 2.0)


def _shift(x: Any) -> Any:
    return core.sub(core.mul(x, 2.0), 1.0)


def _chebyshev(k: int, x: Any, here: Any, before: Any) -> Any:
    return core.sub(core.mul(_double(x), here), before)


def _shifted(k: int, x: Any, here: Any, before: Any) -> Any:
    return _chebyshev(k, _shift(x), here, before)


def _hermite(k: int, x: Any, here: Any, before: Any) -> Any:
    return core.sub(core.mul(_double(x), here), core.mul(before, 2.0 * k))


def _hermite_e(k: int, x: Any, here: Any, before: Any) -> Any:
    return core.sub(core.mul(x, here), core.mul(before, float(k)))


def _laguerre(k: int, x: Any, here: Any, before: Any) -> Any:
    return core.div(core.sub(core.mul(core.sub(2.0 * k + 1, x), here), core.mul(before, float(k))), k + 1.0)


def _legendre(k: int, x: Any, here: Any, before: Any) -> Any:
    return core.div(core.sub(core.mul(core.mul(x, 2.0 * k + 1), here), core.mul(before, float(k))), k + 1.0)


_KINDS: dict[str, Callable[[Any], Any]] = {
    "t": lambda x: x,
    "u": _double,
    "v": lambda x: core.sub(_double(x), 1.0),
    "w": lambda x: core.add(_double(x), 1.0),
}
POLYNOMIALS: Table = {
    **{
        f"{prefix}chebyshev_polynomial_{kind}": _polynomial(
            f"{prefix}chebyshev_polynomial_{kind}", lambda x, f=f, at=at: f(at(x)), step
        )
        for prefix, at, step in (("", lambda x: x, _chebyshev), ("shifted_", _shift, _shifted))
        for kind, f in _KINDS.items()
    },
    "hermite_polynomial_h": _polynomial("hermite_polynomial_h", _double, _hermite),
    "hermite_polynomial_he": _polynomial("hermite_polynomial_he", lambda x: x, _hermite_e),
    "laguerre_polynomial_l": _polynomial("laguerre_polynomial_l", lambda x: core.sub(1.0, x), _laguerre),
    "legendre_polynomial_p": _polynomial("legendre_polynomial_p", lambda x: x, _legendre),
}
# --------------------------------------------------------------------------- tables


def _ordinary(name: str, primitive: Any, text: str, at: str, found: str) -> Any:
    """Return a function of one argument; the example in its docstring says what is found at some numbers."""

    def call(input: Any) -> Any:
        return primitive(input)

    shown = f"mt.special.{name}(mt.tensor([{at}]))", f"tensor([{found}])"
    call.__doc__ = docstring((f"Compute {text}, element by element.", *shown))
    return call


# fmt: off
_J, _Y = (f"the Bessel function of the {which} kind and order" for which in ("first", "second"))
_I, _K = (f"the modified Bessel function of the {which} kind and order" for which in ("first", "second"))
SPECIAL: Table = POLYNOMIALS | {
    row[0]: _ordinary(*row) for row in (
        ("i0", scipy.i0, f"{_I} 0", "0.0, 1.0", "1.0000, 1.2661"),
        ("i0e", scipy.i0e, f"{_I} 0, times `exp(-abs(x))`", "0.0, 100.0", "1.0000, 0.0399"),
        ("i1", scipy.i1, f"{_I} 1", "0.0, 1.0", "0.0000, 0.5652"),
        ("i1e", scipy.i1e, f"{_I} 1, times `exp(-abs(x))`", "0.0, 100.0", "0.0000, 0.0397"),
        ("erfcx", scipy.erfcx, "`exp(x**2) * erfc(x)`", "0.0, 100.0", "1.0000, 0.0056"),
        ("ndtri", scipy.ndtri, "the inverse of `ndtr`", "0.0, 0.5, 0.975", "  -inf, 0.0000, 1.9600"),
        ("log_ndtr", scipy.log_ndtr, "the logarithm of `ndtr`", "0.0, -100.0", "-6.9315e-01, -5.0055e+03"),
        ("airy_ai", scipy.airy_ai, "the Airy function Ai", "0.0, 1.0", "0.3550, 0.1353"),
        ("bessel_j0", scipy.j0, f"{_J} 0", "0.0, 1.0", "1.0000, 0.7652"),
        ("bessel_j1", scipy.j1, f"{_J} 1", "0.0, 1.0", "0.0000, 0.4401"),
        ("bessel_y0", scipy.y0, f"{_Y} 0", "0.0, 1.0", "  -inf, 0.0883"),
        ("bessel_y1", scipy.y1, f"{_Y} 1", "0.0, 1.0", "   -inf, -0.7812"),
        ("modified_bessel_i0", scipy.i0, f"{_I} 0", "0.0, 1.0", "1.0000, 1.2661"),
        ("modified_bessel_i1", scipy.i1, f"{_I} 1", "0.0, 1.0", "0.0000, 0.5652"),
        ("modified_bessel_k0", scipy.k0, f"{_K} 0", "0.0, 1.0", "   inf, 0.4210"),
        ("modified_bessel_k1", scipy.k1, f"{_K} 1", "0.0, 1.0", "   inf, 0.6019"),
        ("scaled_modified_bessel_k0", scipy.k0e, f"{_K} 0, times `exp(x)`", "1.0, 100.0", "1.1445, 0.1252"),
        ("scaled_modified_bessel_k1", scipy.k1e, f"{_K} 1, times `exp(x)`", "1.0, 100.0", "1.6362, 0.1258"),
        ("gammaln", special.lgamma, "the logarithm of the size of the gamma function", "1.0, 5.0", "0.0000, 3.1781"),
        ("psi", special.digamma, "the digamma function, the derivative of `gammaln`", "1.0, 2.0", "-0.5772,  0.4228"),
        ("expit", special.sigmoid, "`1 / (1 + exp(-x))`", "0.0, 2.0", "0.5000, 0.8808"),
        ("ndtr", _ndtr, "the standard normal distribution function", "0.0, 1.96", "0.5000, 0.9750"),
        ("entr", scipy.entr, "`-x log x`, 0 at 0 and -inf for negative numbers", "-1.0, 0.0, 0.5", "  -inf, 0.0000, 0.3466"),
        ("spherical_bessel_j0", _spherical_bessel_j0, "`sin(x) / x`, 1 at 0", "0.0, 1.0", "1.0000, 0.8415"),
    )
} | {
    name: POINTWISE[name]
    for name in ("digamma", "erf", "erfc", "erfinv", "exp2", "expm1", "log1p", "logit", "round", "sinc", "xlogy")
} | {
    "gammainc": lambda input, other: scipy.gammainc(input, other),
    "gammaincc": lambda input, other: scipy.gammaincc(input, other),
    "zeta": lambda input, other: scipy.zeta(input, other),
    "xlog1py": _xlog1py,
    "multigammaln": _mvlgamma,
    "polygamma": _polygamma,
    "logsumexp": lambda input, dim, keepdim=False: reductions.logsumexp(input, over(input, dim), keepdim),
    "softmax": lambda input, dim, *, dtype=None: normal.softmax(input if dtype is None else cast(input, dtype), dim),
    "log_softmax": lambda input, dim, *, dtype=None: (
        normal.log_softmax(input if dtype is None else cast(input, dtype), dim)
    ),
}
BOTH: Table = {
    "i0": SPECIAL["i0"],
    "igamma": SPECIAL["gammainc"],
    "igammac": SPECIAL["gammaincc"],
    "mvlgamma": _mvlgamma,
}
FUNCTIONS: Table = {}
METHODS: Table = {}
ALIASES: dict[str, str] = {}
# fmt: on
