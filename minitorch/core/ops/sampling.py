"""Random numbers: one counter-based generator, and the distributions made of its bits.

Every draw is a pure function of a key and a position: word `i` of a stream is word `i % 4` of the Philox-4x64-10 block
with counter `(i // 4, round, 0, stream)` (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011). A
narrower integer is a part of a word, the lowest first. What is drawn from a key, its children (`split`) and what is
folded into it come from streams of their own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from math import prod
from operator import index as as_int
from typing import Any

import numpy as np

from .. import config, dtypes
from ..array import Array, wrap
from ..aval import Aval
from ..dtypes import DType
from ..errors import ArgumentError, DTypeError, ShapeError
from ..primitive import NO_DERIVATIVE
from ..reuse import consume
from ..tracer import Tracer, Value, aval_of
from .families import LEADING, as_array, as_value, custom
from .gathering import take
from .pointwise import (
    add,
    bitwise_and,
    greater,
    less,
    minimum,
    mul,
    right_shift,
    sub,
    where,
)
from .reductions import argmax
from .shaping import broadcast_to, canonical_axis, cast, moveaxis, reshape
from .slicing import slice_axis
from .sorting import argsort
from .transforming import box_muller_p, exponential_of, gumbel_of, normal_pairs, stretched

DRAW, SPLIT, FOLD, REJECT = range(4)  # streams
STREAMS = {"random_bits": DRAW, "split_key": SPLIT, "fold_in": FOLD}  # of the primitives that draw words

# --------------------------------------------------------------------------- bits


class _Local(threading.local):
    """NumPy's Philox, one per thread: setting its state takes 0.8 us, making one 6 us."""

    def __init__(self) -> None:
        self.philox = np.random.Philox(key=0)
        zeros = np.zeros(4, np.uint64)
        self.inner = {"counter": zeros, "key": zeros[:2]}
        self.state: Any = {
            "bit_generator": "Philox",
            "state": self.inner,
            "buffer": zeros,
            "buffer_pos": 4,
            "has_uint32": 0,
            "uinteger": 0,
        }


@cache
def _locals() -> _Local:
    """Return the generators of all threads; made late, for importing `numpy.random` takes 17 ms."""
    return _Local()


@lru_cache(maxsize=256)
def _before(block: int, round_: int, stream: int) -> Any:
    """Return the counter before a block, for NumPy counts up before it generates."""
    value = (block + (round_ << 64) + (stream << 192) - 1) % (1 << 256)
    return np.array([value >> shift & (1 << 64) - 1 for shift in (0, 64, 128, 192)], np.uint64)


def started(key: Any, block: int = 0, round_: int = 0, stream: int = DRAW) -> np.random.Philox:
    """Return this thread's generator, about to give the words of a stream from a block on."""
    mine = _locals()
    inner = mine.inner
    inner["counter"] = _before(block, round_, stream)
    inner["key"] = key
    mine.philox.state = mine.state
    return mine.philox


def _per_key(draw: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function that draws a flat array for one key take keys with leading axes, and give the shape asked for."""

    def impl(key: Any, *, shape: tuple[int, ...], dtype: DType) -> Any:
        size = prod(shape)
        if key.ndim == 1:
            return draw(key, size, dtype).reshape(shape)
        out = np.empty((*key.shape[:-1], size), dtype)
        for i in np.ndindex(key.shape[:-1]):
            out[i] = draw(key[i], size, dtype)
        return out.reshape(key.shape[:-1] + shape)

    return impl


def _bits(stream: int) -> Callable[..., Any]:
    def draw(key: Any, size: int, dtype: DType) -> Any:
        return started(key, stream=stream).random_raw(-(-size * dtype.itemsize // 8)).view(dtype)[:size]

    return _per_key(draw)


# Large arrays are drawn in pieces that stay in cache: 2 to 4 times as fast.
_PIECE = 1 << 15
_PAIRS = 1 << 15


def _unit(key: Any, size: int, dtype: DType) -> Any:
    """Draw from [0, 1), each multiple of the resolution equally likely."""
    source, wide = source_of(dtype), _wide(dtype)
    out = np.empty(size, wide)
    shift, scale = source.itemsize * 8 - _DIGITS[dtype], 2.0 ** -_DIGITS[dtype]
    generator = started(key)
    for i in range(0, size, _PIECE):
        piece = out[i : i + _PIECE]
        whole = generator.random_raw(-(-piece.size * source.itemsize // 8)).view(source)[: piece.size]
        whole >>= shift
        np.multiply(whole, scale, out=piece, dtype=wide, casting="unsafe")
    return out if wide == dtype else out.astype(dtype)


def _normal(key: Any, size: int, dtype: DType) -> Any:
    """Draw pairs by Box and Muller."""
    source, wide = source_of(dtype), _wide(dtype)
    out = np.empty(((size + 1) // 2, 2), wide)
    generator = started(key)
    for i in range(0, len(out), _PAIRS):
        piece = out[i : i + _PAIRS]
        words = generator.random_raw(len(piece) * source.itemsize // 4).view(source).reshape(-1, 2)
        piece[:, 0], piece[:, 1] = normal_pairs(words, wide)
    flat = out.reshape(-1)[:size]
    return flat if wide == dtype else flat.astype(dtype)


def _fold_in(key: Any, data: Any) -> Any:
    out = np.empty(key.shape, np.uint64)
    for i in np.ndindex(data.shape):
        out[i] = started(key[i], int(data[i]) % (1 << 64), stream=FOLD).random_raw(2)
    return out


# How many random bits a uniform number has: as many as the dtype's significand.
_DIGITS: dict[DType, int] = {dtypes.float16: 11, dtypes.bfloat16: 8, dtypes.float32: 24, dtypes.float64: 53}


def source_of(dtype: DType) -> DType:
    """Return the dtype of the random words that floats of a dtype are made of."""
    return dtypes.uint64 if dtype == dtypes.float64 else dtypes.uint32


def _wide(dtype: DType) -> DType:
    return dtypes.float32 if dtype in dtypes.HALVES else dtype


def _unit_of_bits(key: Value, *, shape: tuple[int, ...], dtype: DType) -> Value:
    source, digits = source_of(dtype), _DIGITS[dtype]
    whole = right_shift(random_bits_p(key, shape=shape, dtype=source), source.itemsize * 8 - digits)
    return cast(mul(cast(whole, _wide(dtype)), 2.0**-digits), dtype)


def midpoints(key: Value, shape: tuple[int, ...], source: DType, dtype: DType) -> Value:
    """Draw from (0, 1], finer near 0: the midpoints of 2**32 or 2**64 intervals, rounded."""
    width = source.itemsize * 8
    whole = cast(random_bits_p(key, shape=shape, dtype=source), dtype)
    return add(mul(whole, 2.0**-width), 2.0 ** -(width + 1))


def _normal_of_bits(key: Value, *, shape: tuple[int, ...], dtype: DType) -> Value:
    size = prod(shape)
    pairs = box_muller_p(random_bits_p(key, shape=((size + 1) // 2, 2), dtype=source_of(dtype)))
    lead = key.shape[:-1]
    flat = slice_axis(reshape(pairs, (*lead, pairs.shape[-2] * 2)), -1, 0, size)
    return cast(reshape(flat, lead + shape), dtype)


def _declare(name: str, impl: Callable[..., Any], decompose: Callable[..., Any] | None = None) -> Callable[..., Any]:
    return custom(
        name,
        impl,
        abstract=lambda key, *, shape, dtype: Aval(key.shape[:-1] + shape, dtype, key.device),
        vjp=NO_DERIVATIVE,
        jvp=NO_DERIVATIVE,
        batch=LEADING,
        decompose=decompose,
    )


random_bits_p = _declare("random_bits", _bits(DRAW))
split_key_p = _declare("split_key", _bits(SPLIT))
# The two that matter in training loops; `decompose` says, in operations, what they do to the bits.
random_unit_p = _declare("random_unit", _per_key(_unit), _unit_of_bits)
random_normal_p = _declare("random_normal", _per_key(_normal), _normal_of_bits)
fold_in_p: Callable[..., Any] = custom(
    "fold_in",
    _fold_in,
    abstract=lambda key, data: key._replace(weak=False),
    vjp=NO_DERIVATIVE,
    jvp=NO_DERIVATIVE,
    batch=LEADING,
)

# --------------------------------------------------------------------------- keys


def key(seed: int) -> Array:
    """Make a key, two uint64, from an integer. Different seeds, modulo 2**128, give different keys.

    >>> key(7).tolist()
    [7, 0]
    """
    seed = as_int(seed)
    return wrap(np.array([seed & (1 << 64) - 1, seed >> 64 & (1 << 64) - 1], np.uint64))


def split(key: Value, num: int | Sequence[int] = 2, name: str = "split") -> Value:
    """Make independent keys of one, along new first axes; do not use the old one any more."""
    lead = checked_shape(name, num)
    return split_key_p(consumed_key(name, key), shape=(*lead, 2), dtype=dtypes.uint64)


def fold_in(key: Value, data: Any) -> Value:
    """Make a key of a key and an integer, such as a step number, which may be traced."""
    data = as_array(data)
    if dtypes.rank(data.dtype) != 1 or data.ndim:
        raise DTypeError(f"fold_in: takes one integer, got {aval_of(data)}; use vmap for several")
    found: Value = fold_in_p(checked_key("fold_in", key), data)
    return found


def checked_key(name: str, key: Value) -> Value:
    """Return a key, or raise for anything else."""
    key = as_array(key)
    if key.dtype != dtypes.uint64 or key.shape != (2,):
        raise DTypeError(
            f"{name}: a key is uint64[2], got {aval_of(key)}; make one with key(seed), and use vmap for several"
        )
    return key


def consumed_key(name: str, key: Value) -> Value:
    """Return a key that a function draws from, and that nothing else may."""
    key = checked_key(name, key)
    consume(name, key)
    return key


def bits(key: Value, shape: Sequence[int] = (), dtype: Any = dtypes.uint32) -> Value:
    """Draw unsigned integers all of whose bits are fair coins."""
    wanted = dtypes.canonical(dtype)
    if wanted not in dtypes.UNSIGNED:
        raise DTypeError(
            f"bits: the dtype must be an unsigned integer, got {dtypes.name(wanted)}; use randint for others"
        )
    return random_bits_p(consumed_key("bits", key), shape=checked_shape("bits", shape), dtype=wanted)


def checked_shape(name: str, shape: Any) -> tuple[int, ...]:
    """Return a shape given as one or several sizes."""
    sizes = (shape,) if isinstance(shape, int) else tuple(map(as_int, shape))
    if any(n < 0 for n in sizes):
        raise ShapeError(f"{name}: sizes must not be negative, got {sizes}")
    return sizes


# --------------------------------------------------------------------------- uniform


def float_dtype(name: str, dtype: Any) -> DType:
    """Return the dtype of a draw, by default the default float; raise DTypeError if it is not a real float."""
    wanted = config.default_float.get() if dtype is None else dtypes.canonical(dtype)
    if wanted not in _DIGITS:
        raise DTypeError(f"{name}: draws real floating-point numbers, not {dtypes.name(wanted)}; cast the result")
    return wanted


def uniform(key: Value, shape: Sequence[int] = (), low: Value = 0.0, high: Value = 1.0, dtype: Any = None) -> Value:
    """Draw from [low, high); rounding may give `high` where the bounds are not 0 and 1. Differentiable in the bounds.

    >>> uniform(key(0), (2, 3)).shape
    (2, 3)
    """
    wanted = float_dtype("uniform", dtype)
    unit = random_unit_p(consumed_key("uniform", key), shape=checked_shape("uniform", shape), dtype=wanted)
    if type(low) in dtypes.SCALARS and type(high) in dtypes.SCALARS:
        scale = high - low
        if low == 0:
            return unit if scale == 1 else mul(unit, float(scale))
        return stretched(unit, float(scale), float(low))
    return stretched(unit, cast(sub(as_value(high), as_value(low)), wanted), cast(low, wanted))


def bernoulli(key: Value, p: Value = 0.5, shape: Sequence[int] | None = None) -> Value:
    """Draw bools that are true with probability `p`, whose shape is the default; it has no gradient.

    >>> bernoulli(key(0), 1.0, (3,)).tolist()
    [True, True, True]
    """
    p = as_value(p)
    aval = aval_of(p)
    sizes = aval.shape if shape is None else checked_shape("bernoulli", shape)
    dtype = dtypes.float64 if aval.dtype == dtypes.float64 else dtypes.float32
    return less(random_unit_p(consumed_key("bernoulli", key), shape=sizes, dtype=dtype), p)


def randint(key: Value, shape: Sequence[int], low: Any, high: Any, dtype: Any = dtypes.int64) -> Value:
    """Draw integers from [low, high); the probability of each differs from equal by less than 2**-64.

    The bounds may be arrays of integers that broadcast to the shape; where high is not above low, the result is low.

    >>> randint(key(0), (1000,), -2, 3).numpy().max()
    np.int64(2)
    """
    wanted, sizes = dtypes.canonical(dtype), checked_shape("randint", shape)
    if wanted not in dtypes.INTEGERS:
        raise DTypeError(f"randint: draws integers, not {dtypes.name(wanted)}; cast the result")
    if any(isinstance(x, (Array, Tracer, np.ndarray)) for x in (low, high)):
        return _between(key, sizes, as_array(low), as_array(high), wanted)
    low, high = as_int(low), as_int(high)
    info = np.iinfo(wanted)
    if not info.min <= low < high <= info.max + 1:
        raise ArgumentError(f"randint: needs low < high within {dtypes.name(wanted)}, got low {low} and high {high}")
    drawn = random_bits_p(consumed_key("randint", key), shape=sizes, dtype=dtypes.uint64)
    span = high - low
    drawn = drawn if span == 1 << 64 else _high_product(drawn, span)
    return add(cast(drawn, wanted), low) if low else cast(drawn, wanted)


def _between(key: Value, sizes: tuple[int, ...], low: Value, high: Value, dtype: DType) -> Value:
    for x in (low, high):
        if x.dtype not in dtypes.INTEGERS:
            raise DTypeError(f"randint: the bounds must be integers, got {aval_of(low)} and {aval_of(high)}; cast them")
    low, high = (broadcast_to(x, sizes) for x in (low, high))
    drawn = random_bits_p(consumed_key("randint", key), shape=sizes, dtype=dtypes.uint64)
    span = sub(cast(high, dtypes.uint64), cast(low, dtypes.uint64))
    span = where(greater(high, low), span, cast(0, dtypes.uint64))
    return cast(add(_high_product(drawn, span), cast(low, dtypes.uint64)), dtype)


_MASK = (1 << 32) - 1


def _high_product(drawn: Value, span: Any) -> Value:
    """Return the upper 64 bits of the 128-bit product, which is uniform below `span` (Lemire, 2019)."""
    upper, lower = right_shift(drawn, 32), bitwise_and(drawn, _MASK)
    whole = isinstance(span, int)
    span_upper = span >> 32 if whole else right_shift(span, 32)
    span_lower = span & _MASK if whole else bitwise_and(span, _MASK)
    middle = add(mul(upper, span_lower), right_shift(mul(lower, span_lower), 32))
    if whole and not span_upper:
        return right_shift(middle, 32)
    other = add(mul(lower, span_upper), bitwise_and(middle, _MASK))
    return add(mul(upper, span_upper), add(right_shift(middle, 32), right_shift(other, 32)))


def permutation(key: Value, x: Any, axis: int = 0) -> Value:
    """Shuffle the numbers 0 ... x - 1, or the slices of an array along an axis.

    >>> sorted(permutation(key(0), 5).tolist())
    [0, 1, 2, 3, 4]
    """
    key = consumed_key("permutation", key)
    counting = type(x) is int
    x = x if counting else as_array(x)
    size = x if counting else x.shape[canonical_axis("permutation", axis, x.ndim)]
    drawn = random_bits_p(key, shape=checked_shape("permutation", size), dtype=dtypes.uint64)
    order = argsort(drawn)
    return order if counting else take(x, order, axis)


# --------------------------------------------------------------------------- continuous distributions


def normal(key: Value, shape: Sequence[int] = (), dtype: Any = None) -> Value:
    """Draw from the standard normal distribution; in float32 at most 6.8 away from 0, in float64 9.5.

    By the method of Box and Muller (1958): numbers 2i and 2i + 1 are a pair.

    >>> normal(key(0), (3,)).dtype
    dtype('float32')
    """
    wanted = float_dtype("normal", dtype)
    return random_normal_p(consumed_key("normal", key), shape=checked_shape("normal", shape), dtype=wanted)


def exponential(key: Value, shape: Sequence[int] = (), dtype: Any = None) -> Value:
    """Draw from the exponential distribution with rate 1; positive and finite."""
    wanted = float_dtype("exponential", dtype)
    return cast(
        _exponential(consumed_key("exponential", key), checked_shape("exponential", shape), _wide(wanted)), wanted
    )


def open_unit(key: Value, shape: tuple[int, ...], dtype: DType) -> Value:
    """Draw from (0, 1), finer near 0; the dtype is float32 or float64."""
    return minimum(midpoints(key, shape, source_of(dtype), dtype), 1 - 2.0 ** -_DIGITS[dtype])


def _exponential(key: Value, shape: tuple[int, ...], dtype: DType) -> Value:
    found: Value = exponential_of(open_unit(key, shape, dtype))
    return found


def gumbel(key: Value, shape: Sequence[int] = (), dtype: Any = None) -> Value:
    """Draw from the standard Gumbel distribution."""
    wanted = float_dtype("gumbel", dtype)
    return cast(_gumbel(consumed_key("gumbel", key), checked_shape("gumbel", shape), _wide(wanted)), wanted)


def _gumbel(key: Value, shape: tuple[int, ...], dtype: DType) -> Value:
    found: Value = gumbel_of(open_unit(key, shape, dtype))
    return found


def categorical(key: Value, logits: Value, axis: int = -1, shape: Sequence[int] | None = None) -> Value:
    """Draw class numbers with probabilities softmax(logits) along an axis; it has no gradient.

    `shape` is that of the result; without the axis of the classes, `logits` must broadcast to it, and is the default.

    >>> categorical(key(0), np.array([0.0, -np.inf, -np.inf]), shape=(2,)).tolist()
    [0, 0]
    """
    logits = as_array(logits)
    logits = moveaxis(logits, canonical_axis("categorical", axis, logits.ndim), -1)
    sizes = logits.shape[:-1] if shape is None else checked_shape("categorical", shape)
    dtype = dtypes.float64 if logits.dtype == dtypes.float64 else dtypes.float32
    noise = _gumbel(consumed_key("categorical", key), (*sizes, logits.shape[-1]), dtype)
    return argmax(add(noise, broadcast_to(logits, noise.shape)), -1)
