"""Making arrays: from data, of one number, in ranges, as matrices."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.array import Array, of_dlpack, wrap
from ..core.backend import backend_for
from ..core.errors import ArgumentError, ShapeError
from ..core.ops import diagonal as D
from ..core.ops import pointwise as P
from ..core.ops import shaping as S
from ..core.tracer import Tracer, Value, aval_of
from .arguments import array_of, sizes, together


def _placed(x: Value, device: str | None) -> Value:
    if device is None or device == x.device:
        return x
    backend_for(device)
    return x.to_device(device)


def _is_float(*xs: Any) -> bool:
    return any(isinstance(x, (float, complex, np.floating, np.complexfloating)) for x in xs)


# --------------------------------------------------------------------------- from data


def array(object: Any, dtype: Any = None, copy: bool = True, order: str | None = None, ndmin: int = 0) -> Value:
    """Make an array of numbers, lists of them (arrays and tracers among them, too), or NumPy data.

    Python numbers become float32 and int64. `copy` and `order` change nothing: arrays are immutable, and their layout
    in memory is their own affair.

    >>> mnp.array([1, 2]), mnp.array([0.5, mnp.array(2.0)])
    (Array([1, 2], dtype=int64), Array([0.5, 2. ], dtype=float32))
    """
    x = array_of(object, dtype)
    return S.atleast_nd(x, ndmin)


def asarray(
    a: Any, dtype: Any = None, order: str | None = None, *, copy: bool | None = None, device: str | None = None
) -> Value:
    """Return an array-like as an array. With `copy=False`, what would have to be copied raises a ValueError.

    >>> mnp.asarray([1.5, 2.5], dtype="float16")
    Array([1.5, 2.5], dtype=float16)
    """
    if copy is False and not (isinstance(a, (Array, Tracer)) and dtype in (None, a.dtype)):
        raise ArgumentError(
            f"asarray: copy=False, but {type(a).__name__} has to be copied, for arrays own their data; leave copy out"
        )
    return _placed(array_of(a, dtype), device)


def copy(a: Any, order: str | None = None) -> Value:
    """Return the array: nobody can write to it.

    >>> mnp.copy(mnp.array([1, 2]))
    Array([1, 2], dtype=int64)
    """
    return array_of(a)


def from_dlpack(x: Any, /, *, device: str | None = None, copy: bool | None = None) -> Array:
    """Copy an array of another library that offers DLPack.

    >>> import numpy as np
    >>> mnp.from_dlpack(np.array([1, 2]))
    Array([1, 2], dtype=int64)
    """
    if isinstance(x, Array):
        return x if device is None else x.to_device(device)
    if copy is False:
        raise ArgumentError("from_dlpack: copy=False, but data of other libraries is copied; leave copy out")
    return _placed(of_dlpack(x), device)


def frombuffer(buffer: Any, dtype: Any = float, count: int = -1, offset: int = 0) -> Array:
    """Read numbers of a dtype from bytes.

    >>> mnp.frombuffer(bytes([1, 2, 3]), "uint8")
    Array([1, 2, 3], dtype=uint8)
    """
    return Array(np.frombuffer(buffer, dtypes.canonical(dtype), count, offset))


def fromiter(iterable: Iterable[Any], dtype: Any, count: int = -1) -> Array:
    """Make a vector of what an iterable yields.

    >>> mnp.fromiter((i * i for i in range(3)), int)
    Array([0, 1, 4], dtype=int64)
    """
    return Array(np.fromiter(iterable, dtypes.canonical(dtype), count))


# --------------------------------------------------------------------------- one number


def full(shape: Any, fill_value: Any, dtype: Any = None, *, device: str | None = None) -> Value:
    """Make an array of one number, or of an array that broadcasts.

    >>> mnp.full((2, 2), 7)
    Array([[7, 7],
           [7, 7]], dtype=int64)
    """
    number = array_of(fill_value, dtype)
    return _placed(S.broadcast_to(number, sizes(shape)), device)


def zeros(shape: Any, dtype: Any = None, *, device: str | None = None) -> Array:
    """Make zeros.

    >>> mnp.zeros((2, 3))
    Array([[0., 0., 0.],
           [0., 0., 0.]], dtype=float32)
    """
    return S.full(sizes(shape), 0, dtypes.canonical(dtype or float), device or "cpu")


def ones(shape: Any, dtype: Any = None, *, device: str | None = None) -> Array:
    """Make ones.

    >>> mnp.ones(3, dtype=int)
    Array([1, 1, 1], dtype=int64)
    """
    return S.full(sizes(shape), 1, dtypes.canonical(dtype or float), device or "cpu")


def empty(shape: Any, dtype: Any = None, *, device: str | None = None) -> Array:
    """Make zeros: an array that nobody can write to may as well be clean.

    >>> mnp.empty(2)
    Array([0., 0.], dtype=float32)
    """
    return zeros(shape, dtype, device=device)


def _like(x: Any, number: Any, dtype: Any, shape: Any, device: str | None) -> Value:
    aval = aval_of(array_of(x))
    wanted = aval.dtype if dtype is None else dtypes.canonical(dtype)
    return full(aval.shape if shape is None else shape, number, wanted, device=device or aval.device)


def full_like(a: Any, fill_value: Any, dtype: Any = None, shape: Any = None, *, device: str | None = None) -> Value:
    """Make an array of one number with the shape and dtype of another.

    >>> mnp.full_like(mnp.zeros(2), 7)
    Array([7., 7.], dtype=float32)
    """
    return _like(a, fill_value, dtype, shape, device)


def zeros_like(a: Any, dtype: Any = None, shape: Any = None, *, device: str | None = None) -> Value:
    """Make zeros with the shape and dtype of an array.

    >>> mnp.zeros_like(mnp.array([1, 2]))
    Array([0, 0], dtype=int64)
    """
    return _like(a, 0, dtype, shape, device)


def ones_like(a: Any, dtype: Any = None, shape: Any = None, *, device: str | None = None) -> Value:
    """Make ones with the shape and dtype of an array.

    >>> mnp.ones_like(mnp.array([1.5, 2.5]))
    Array([1., 1.], dtype=float32)
    """
    return _like(a, 1, dtype, shape, device)


def empty_like(prototype: Any, dtype: Any = None, shape: Any = None, *, device: str | None = None) -> Value:
    """Make zeros with the shape and dtype of an array.

    >>> mnp.empty_like(mnp.array([1, 2]))
    Array([0, 0], dtype=int64)
    """
    return _like(prototype, 0, dtype, shape, device)


# --------------------------------------------------------------------------- ranges


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None, *, device: str | None = None) -> Array:
    """Return numbers from `start` (0 if one number is given) up to `stop`, `step` apart. All are static.

    >>> mnp.arange(3), mnp.arange(1.0, 2.0, 0.25)
    (Array([0, 1, 2], dtype=int64), Array([1.  , 1.25, 1.5 , 1.75], dtype=float32))
    """
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    if any(isinstance(x, Tracer) for x in (start, stop, step)):
        raise ShapeError("arange: its length depends on traced values; give Python numbers, or scale arange(n)")
    start, stop, step = (x.item() if hasattr(x, "item") else x for x in (start, stop, step))
    if step == 0:
        raise ArgumentError(f"arange: the step is 0 from {start} to {stop}; give another")
    wanted = dtypes.canonical(dtype if dtype is not None else float if _is_float(start, stop, step) else int)
    wide = np.float64 if _is_float(start, stop, step) else np.int64
    return _placed(wrap(np.arange(start, stop, step, wide).astype(wanted, copy=False)), device)


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: str | None = None,
) -> Any:
    """Return `num` evenly spaced numbers from `start` to `stop`, the last one included unless told otherwise.

    `start` and `stop` may be arrays; the numbers lie along a new axis.

    >>> mnp.linspace(0.0, 1.0, 5), mnp.linspace(0, 4, 4, endpoint=False, dtype=int)
    (Array([0.  , 0.25, 0.5 , 0.75, 1.  ], dtype=float32), Array([0, 1, 2, 3], dtype=int64))
    """
    if num < 0:
        raise ArgumentError(f"linspace: num must not be negative, got {num}; use 0 for none")
    gaps = max(num - 1 if endpoint else num, 0)
    if type(start) in dtypes.SCALARS and type(stop) in dtypes.SCALARS:
        found, step = np.linspace(start, stop, num, endpoint, retstep=True)
        wanted = dtypes.canonical(dtype if dtype is not None else _kind_of_float(start, stop))
        return _spaced(wrap(_whole(found, wanted)), Array(float("nan") if not gaps else step), retstep, device)
    start, stop = S.broadcast_arrays(*together(start, stop, floats=True))
    t = S.reshape(S.cast(wrap(np.arange(num) / (gaps or 1)), start.dtype), (num,) + (1,) * start.ndim)
    out = P.add(P.mul(P.sub(1.0, t), start), P.mul(t, stop))
    if dtype is not None:
        out = S.cast(out if dtypes.is_inexact(dtypes.canonical(dtype)) else P.floor(out), dtype)
    step = P.div(P.sub(stop, start), float(gaps)) if gaps else S.cast(math.nan, start.dtype)
    return _spaced(S.moveaxis(out, 0, axis), step, retstep, device)


def _whole(x: np.ndarray, wanted: dtypes.DType) -> np.ndarray:
    return (np.floor(x) if wanted in dtypes.INTEGERS else x).astype(wanted)


def _spaced(out: Value, step: Value, retstep: bool, device: str | None) -> Any:
    out = _placed(out, device)
    return (out, step) if retstep else out


def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Value:
    """Return numbers evenly spaced on a logarithmic scale, from `base ** start` to `base ** stop`.

    >>> mnp.logspace(0, 3, 4)
    Array([   1.,   10.,  100., 1000.], dtype=float32)
    """
    if all(type(x) in dtypes.SCALARS for x in (start, stop, base)):
        return Array(np.logspace(start, stop, num, endpoint, base), dtype or float)
    exponents = linspace(start, stop, num, endpoint, dtype=None, axis=axis)
    out = P.pow(array_of(base, exponents.dtype) if type(base) in dtypes.SCALARS else array_of(base), exponents)
    return out if dtype is None else S.cast(out, dtype)


def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Value:
    """Return numbers of which each is the same multiple of the one before, from `start` to `stop`.

    >>> mnp.geomspace(1.0, 1000.0, 4)
    Array([   1.,   10.,  100., 1000.], dtype=float32)
    """
    if all(type(x) in dtypes.SCALARS for x in (start, stop)):
        return Array(np.geomspace(start, stop, num, endpoint), dtype or _kind_of_float(start, stop))
    start, stop = S.broadcast_arrays(*together(start, stop, floats=True))
    sign = P.sgn(start)
    first, last = P.div(start, sign), P.div(stop, sign)
    exponents = linspace(P.log10(first), P.log10(last), num, endpoint, axis=0)
    out = P.mul(P.pow(S.cast(10.0, exponents.dtype), exponents), sign)
    if num:
        out = out.at[0].set(start)
    if num > 1 and endpoint:
        out = out.at[-1].set(stop)
    out = S.moveaxis(out, 0, axis)
    return out if dtype is None else S.cast(out, dtype)


def _kind_of_float(*xs: Any) -> type:
    return complex if any(isinstance(x, complex) for x in xs) else float


# --------------------------------------------------------------------------- matrices


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None, *, device: str | None = None) -> Array:
    """Return a matrix with ones on diagonal `k` and zeros elsewhere.

    >>> mnp.eye(2, 3, k=1)
    Array([[0., 1., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    return _placed(wrap(np.eye(N, M, k, dtypes.canonical(dtype or float))), device)


def identity(n: int, dtype: Any = None) -> Array:
    """Return an identity matrix.

    >>> mnp.identity(2)
    Array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    return eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Array:
    """Return a matrix with ones on and below diagonal `k`.

    >>> mnp.tri(2, 3)
    Array([[1., 0., 0.],
           [1., 1., 0.]], dtype=float32)
    """
    return wrap(np.tri(N, M, k, dtypes.canonical(dtype or float)))


def tril(m: Any, k: int = 0) -> Value:
    """Set what is above diagonal `k` to zero.

    >>> mnp.tril(mnp.ones((2, 2)))
    Array([[1., 0.],
           [1., 1.]], dtype=float32)
    """
    return D.tril(array_of(m), k)


def triu(m: Any, k: int = 0) -> Value:
    """Set what is below diagonal `k` to zero.

    >>> mnp.triu(mnp.ones((2, 2)))
    Array([[1., 1.],
           [0., 1.]], dtype=float32)
    """
    return D.triu(array_of(m), k)


def diag(v: Any, k: int = 0) -> Value:
    """Make a matrix with a vector on diagonal `k`, or take that diagonal of a matrix.

    >>> mnp.diag(mnp.array([1, 2])), mnp.diag(mnp.array([[1, 2], [3, 4]]))
    (Array([[1, 0],
           [0, 2]], dtype=int64), Array([1, 4], dtype=int64))
    """
    return D.diag(array_of(v), k)


def diagflat(v: Any, k: int = 0) -> Value:
    """Make a matrix with all elements, flattened, on diagonal `k`.

    >>> mnp.diagflat(mnp.array([[1], [2]]))
    Array([[1, 0],
           [0, 2]], dtype=int64)
    """
    return D.diag_embed(S.ravel(array_of(v)), k)


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Value:
    """Return the matrix of powers of a vector's elements, the highest first unless `increasing`.

    >>> mnp.vander(mnp.array([1, 2, 3]), 3)
    Array([[1, 1, 1],
           [4, 2, 1],
           [9, 3, 1]], dtype=int64)
    """
    x = array_of(x)
    if x.ndim != 1:
        raise ShapeError(f"vander: takes one axis, got {aval_of(x)}; flatten it with x.ravel()")
    n = x.shape[0] if N is None else N
    powers = np.arange(n) if increasing else np.arange(n)[::-1]
    return P.pow(S.reshape(x, (-1, 1)), wrap(np.array(powers).astype(dtypes.int64)))


__all__ = [
    "arange", "array", "asarray", "copy", "diag", "diagflat", "empty", "empty_like", "eye", "from_dlpack",
    "frombuffer", "fromiter", "full", "full_like", "geomspace", "identity", "linspace", "logspace", "ones",
    "ones_like", "tri", "tril", "triu", "vander", "zeros", "zeros_like",
]  # fmt: skip
