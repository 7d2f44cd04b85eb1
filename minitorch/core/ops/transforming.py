"""From uniform numbers to others by steps that are rounded alike everywhere, so that all draws agree to the last bit.

The functions are NumPy's here; the native side compiles their text, with instructions in the place of `to_bits`,
`from_bits` and `root`, and without joining a product and a sum. They only add, multiply, divide, take roots and
move bits, for which IEEE 754 leaves no choice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import dtypes
from ..aval import Aval
from ..dtypes import DType
from ..primitive import NO_DERIVATIVE
from .dtype_rules import real_floating
from .families import LEADING, custom, elementwise
from .pointwise import mul

Function = Callable[..., Any]
root = np.sqrt

_PARTNERS = {dtypes.float32: dtypes.int32, dtypes.float64: dtypes.int64}


def to_bits(x: Any) -> Any:
    """Return the bit patterns of floats as signed integers."""
    return np.asarray(x).view(_PARTNERS[x.dtype])


def from_bits(i: Any) -> Any:
    """Return the floats with these bit patterns."""
    return np.asarray(i).view(dtypes.float32 if i.dtype == dtypes.int32 else dtypes.float64)


@dataclass(frozen=True)
class Draws:
    """The functions for one dtype. All take floats of it, the angle's quarter excepted.

    `first` and `second` are the normal numbers of a pair of uniform ones. `logarithm` takes positive normal numbers,
    `radius` is the square root of -2 log, `exponential` is -log(1 - x), and `gumbel` is -log of that. An angle is given in
    turns from 0 to 1: `quarter` holds the nearest quarter in its last bits, `angle` the rest in radians, of which `sine`
    and `cosine` are taken; `turned` puts them together. `stretched` is x * y + z.
    """

    logarithm: Function
    radius: Function
    exponential: Function
    gumbel: Function
    quarter: Function
    angle: Function
    sine: Function
    cosine: Function
    turned: Function
    stretched: Function
    first: Function
    second: Function


def _logarithm_single() -> Function:
    """Cody and Waite's reduction: m 2**e with 2/3 <= m < 4/3, and a fit of (log(1 + f) - f + f**2 / 2) / f**3."""

    def logarithm(x: Any) -> Any:
        i = to_bits(x) - 0x3F2AAAAB
        e = from_bits((i >> 23) + 0x4B400000)
        e -= 12582912.0
        f = from_bits((i & 0x7FFFFF) + 0x3F2AAAAB)
        f -= 1.0
        p = f * 0.113306172
        p -= 0.124222003
        p *= f
        p += 0.109156549
        p *= f
        p -= 0.122887217
        p *= f
        p += 0.142918676
        p *= f
        p -= 0.166733161
        p *= f
        p += 0.199999481
        p *= f
        p -= 0.249999449
        p *= f
        p += 0.333333343
        p *= f
        p -= 0.5
        p *= f * f
        p += e * -2.12194440e-4
        p += f
        p += e * 0.693359375
        return p

    return logarithm


def _logarithm_double() -> Function:
    """As in the C library of FreeBSD, log(1 + f) by s = f / (2 + f), with a fit for |s| < 0.2."""

    def logarithm(x: Any) -> Any:
        i = to_bits(x) - 0x3FE5555555555555
        e = from_bits((i >> 52) + 0x4338000000000000)
        e -= 6755399441055744.0
        f = from_bits((i & 0xFFFFFFFFFFFFF) + 0x3FE5555555555555)
        f -= 1.0
        s = f / (f + 2.0)
        z = s * s
        p = z * 0.13639164309227264
        p += 0.13205754467196695
        p *= z
        p += 0.15389070377872469
        p *= z
        p += 0.1818173251619863
        p *= z
        p += 0.2222222311396577
        p *= z
        p += 0.28571428566878854
        p *= z
        p += 0.4000000000000883
        p *= z
        p += 0.6666666666666666
        square = 0.5 * f * f
        return e * 6.93147180369123816490e-01 - ((square - (s * (square + z * p) + e * 1.90821492927058770002e-10)) - f)

    return logarithm


def _sine_single(x: Any) -> Any:
    z = x * x
    p = z * -1.9515295891e-4
    p += 8.3321608736e-3
    p *= z
    p -= 1.6666654611e-1
    p *= z
    p *= x
    p += x
    return p


def _cosine_single(x: Any) -> Any:
    z = x * x
    p = z * 2.443315711809948e-5
    p -= 1.388731625493765e-3
    p *= z
    p += 4.166664568298827e-2
    p *= z * z
    p += z * -0.5 + 1.0
    return p


def _sine_double(x: Any) -> Any:
    z = x * x
    p = z * 1.58962301576546568060e-10
    p -= 2.50507477628578072866e-8
    p *= z
    p += 2.75573136213857245213e-6
    p *= z
    p -= 1.98412698295895385996e-4
    p *= z
    p += 8.33333333332211858878e-3
    p *= z
    p -= 1.66666666666666307295e-1
    p *= z
    p *= x
    p += x
    return p


def _cosine_double(x: Any) -> Any:
    z = x * x
    p = z * -1.13585365213876817300e-11
    p += 2.08757008419747316778e-9
    p *= z
    p -= 2.75573141792967388112e-7
    p *= z
    p += 2.48015872888517045348e-5
    p *= z
    p -= 1.38888888888730564116e-3
    p *= z
    p += 4.16666666666665929218e-2
    p *= z * z
    p += z * -0.5 + 1.0
    return p


def _made(logarithm: Function, sine: Function, cosine: Function, magic: float, sign: int) -> Draws:
    def radius(x: Any) -> Any:
        return root(logarithm(x) * -2.0)

    def exponential(x: Any) -> Any:
        rest = 1.0 - x
        lost = (1.0 - rest) - x  # what rounding 1 - x took away
        return -(logarithm(rest) + lost / rest)

    def gumbel(x: Any) -> Any:
        return -logarithm(exponential(x))

    def quarter(x: Any) -> Any:
        return to_bits(x * 4.0 + magic)

    def angle(x: Any) -> Any:
        turns = x * 4.0
        return (turns - ((turns + magic) - magic)) * 1.5707963267948966

    def turned(q: Any, even: Any, odd: Any) -> Any:
        i = to_bits(even)  # the bits of `odd` in the place of its own where the quarter is odd, then the sign
        return from_bits(i ^ ((i ^ to_bits(odd)) & -(q & 1)) ^ ((q & 2) << sign))

    def stretched(x: Any, y: Any, z: Any) -> Any:
        return x * y + z

    def first(x: Any, y: Any) -> Any:
        return radius(x) * turned(quarter(y) + 1, sine(angle(y)), cosine(angle(y)))

    def second(x: Any, y: Any) -> Any:
        return radius(x) * turned(quarter(y), sine(angle(y)), cosine(angle(y)))

    return Draws(logarithm, radius, exponential, gumbel, quarter, angle, sine, cosine, turned, stretched, first, second)


SINGLE = _made(_logarithm_single(), _sine_single, _cosine_single, 12582912.0, 30)
DOUBLE = _made(_logarithm_double(), _sine_double, _cosine_double, 6755399441055744.0, 62)
OF: dict[DType, Draws] = {dtypes.float32: SINGLE, dtypes.float64: DOUBLE}


def box_muller(radial: Any, turns: Any, dtype: DType) -> tuple[Any, Any]:
    """Return `first` and `second`, with what they share computed once."""
    f = OF[dtype]
    radius, q, x = f.radius(radial), f.quarter(turns), f.angle(turns)
    sine, cosine = f.sine(x), f.cosine(x)
    return radius * f.turned(q + 1, sine, cosine), radius * f.turned(q, sine, cosine)


# --------------------------------------------------------------------------- primitives


def normal_pairs(words: Any, dtype: DType) -> tuple[Any, Any]:
    """Return pairs of normal numbers from pairs of random words, in two arrays."""
    width = words.dtype.itemsize * 8
    units = words.T.astype(dtype, order="C")
    units *= 2.0**-width
    units += 2.0 ** -(width + 1)
    return box_muller(units[0], units[1], dtype)


def _box_muller(words: Any) -> Any:
    dtype = dtypes.float32 if words.dtype == dtypes.uint32 else dtypes.float64
    return np.stack(normal_pairs(words.reshape(-1, 2), dtype), -1).reshape(words.shape)


box_muller_p: Callable[..., Any] = custom(
    "box_muller",
    _box_muller,
    abstract=lambda words: Aval(
        words.shape, dtypes.float32 if words.dtype == dtypes.uint32 else dtypes.float64, words.device
    ),
    vjp=NO_DERIVATIVE,
    jvp=NO_DERIVATIVE,
    batch=LEADING,
)


def _by_dtype(name: str) -> Callable[..., Any]:
    return lambda *xs: getattr(OF[xs[0].dtype], name)(*xs)


exponential_of = elementwise(
    "exponential_of", "exponential_of(x)", NO_DERIVATIVE, dtype=real_floating, impl=_by_dtype("exponential")
)
logarithm_of = elementwise(
    "logarithm_of", "logarithm_of(x)", NO_DERIVATIVE, dtype=real_floating, impl=_by_dtype("logarithm")
)
gumbel_of = elementwise("gumbel_of", "gumbel_of(x)", NO_DERIVATIVE, dtype=real_floating, impl=_by_dtype("gumbel"))
stretched = elementwise(
    "stretched",
    "stretched(x, y, z)",
    lambda g, y: mul(g, y),
    lambda g, x: mul(g, x),
    lambda g: g,
    dtype=real_floating,
    impl=lambda x, y, z: x * y + z,
)
