"""Data types and devices under PyTorch's names."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from ..core import config, dtypes
from ..core.backend import backend_for
from ..core.errors import ArgumentError, DTypeError
from ..core.ops.families import as_value
from ..core.tracer import kind_of

# fmt: off
NAMES: dict[str, dtypes.DType] = {
    "bool": dtypes.bool_,
    "uint8": dtypes.uint8, "uint16": dtypes.uint16, "uint32": dtypes.uint32, "uint64": dtypes.uint64,
    "int8": dtypes.int8, "int16": dtypes.int16, "int32": dtypes.int32, "int64": dtypes.int64,
    "byte": dtypes.uint8, "char": dtypes.int8, "short": dtypes.int16, "int": dtypes.int32, "long": dtypes.int64,
    "float16": dtypes.float16, "bfloat16": dtypes.bfloat16, "float32": dtypes.float32, "float64": dtypes.float64,
    "half": dtypes.float16, "float": dtypes.float32, "double": dtypes.float64,
    "complex64": dtypes.complex64, "complex128": dtypes.complex128,
    "cfloat": dtypes.complex64, "cdouble": dtypes.complex128,
}
# fmt: on


# What PyTorch calls tensors of a dtype, as `x.type()` says.
KINDS: dict[dtypes.DType, str] = {
    dtypes.float32: "FloatTensor", dtypes.float64: "DoubleTensor", dtypes.float16: "HalfTensor",
    dtypes.bfloat16: "BFloat16Tensor", dtypes.int64: "LongTensor", dtypes.int32: "IntTensor", dtypes.int16: "ShortTensor",
    dtypes.int8: "CharTensor", dtypes.uint8: "ByteTensor", dtypes.bool_: "BoolTensor",
    dtypes.complex64: "ComplexFloatTensor", dtypes.complex128: "ComplexDoubleTensor",
    dtypes.uint16: "UInt16Tensor", dtypes.uint32: "UInt32Tensor", dtypes.uint64: "UInt64Tensor",
}  # fmt: skip


class device(str):
    """The name of a device: `cpu`, `cuda`, `cuda:1`; equal to the string, with its `type` and `index`.

    >>> device("cuda:1").type, device("cuda", 1) == "cuda:1", device("cpu")
    ('cuda', True, device(type='cpu'))
    """

    __slots__ = ()

    def __new__(cls, type: str, index: int | None = None) -> device:
        return str.__new__(cls, type if index is None else f"{type}:{index}")

    @property
    def type(self) -> str:
        """The family: `cpu` or `cuda`."""
        return str(self).partition(":")[0]

    @property
    def index(self) -> int | None:  # type: ignore[override]
        """The number within the family, None for the current one."""
        number = str(self).partition(":")[2]
        return int(number) if number else None

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{index})"


def checked_device(name: Any) -> str:
    """Return a device's name, or raise a DeviceError when this installation has no such device."""
    wanted = f"cuda:{name}" if isinstance(name, int) else str(name)
    backend_for(wanted)
    return wanted


def get_default_dtype() -> dtypes.DType:
    """Return the dtype of floats whose dtype is not given: float32 unless changed.

    >>> mt.get_default_dtype()
    dtype('float32')
    """
    return config.default_float.get()


def set_default_dtype(dtype: Any) -> None:
    """Set the dtype of floats whose dtype is not given, for this thread and the contexts it starts.

    Raises a DTypeError for anything but a real floating dtype.

    >>> mt.set_default_dtype(mt.float64)
    >>> mt.tensor([0.5]).dtype
    dtype('float64')
    >>> mt.set_default_dtype(mt.float32)
    """
    found = dtypes.canonical(dtype)
    if found not in dtypes.REALS:
        raise DTypeError(f"set_default_dtype: only floating-point dtypes can be the default, got {dtypes.name(found)}")
    config.default_float.set(found)


class FloatInfo(NamedTuple):
    """The limits of a floating dtype, as Python numbers."""

    resolution: float
    min: float
    max: float
    eps: float
    smallest_normal: float
    tiny: float
    dtype: str
    bits: int

    def __repr__(self) -> str:
        shown = ", ".join(f"{key}={value:g}" for key, value in zip(self._fields[:6], self))
        return f"finfo({shown}, dtype={self.dtype})"


def finfo(dtype: Any = None) -> FloatInfo:
    """Return the limits of a floating dtype (of a complex one, those of its parts).

    >>> finfo(dtypes.float32).max, finfo(dtypes.float16).eps
    (3.4028234663852886e+38, 0.0009765625)
    """
    found = get_default_dtype() if dtype is None else dtypes.canonical(dtype)
    if found not in dtypes.INEXACT:
        raise DTypeError(f"finfo: takes a floating dtype, got {dtypes.name(found)}; use iinfo for integers")
    limits = ml_dtypes.finfo(found)
    tiny = float(limits.tiny)
    sizes = (
        float(f"{float(limits.resolution):.0e}"),
        float(limits.min),
        float(limits.max),
        float(limits.eps),
        tiny,
        tiny,
    )
    return FloatInfo(*sizes, dtypes.name(dtypes.real_of(found)), int(limits.bits))


def iinfo(dtype: Any) -> Any:
    """Return the limits of an integer dtype: `min`, `max`, `bits`.

    >>> mt.iinfo(mt.int8).min, mt.iinfo(mt.int8).max, mt.iinfo(mt.uint16).bits
    (-128, 127, 16)
    """
    found = dtypes.canonical(dtype)
    if found not in dtypes.INTEGERS:
        raise DTypeError(f"iinfo: takes an integer dtype, got {dtypes.name(found)}; use finfo for floats")
    return np.iinfo(found)


@lru_cache
def _range(dtype: dtypes.DType) -> tuple[float, float]:
    """Return the least and the largest number that may be written to a dtype, or to its real part."""
    limits = iinfo(dtype) if dtype in dtypes.INTEGERS else finfo(dtype)
    return limits.min, limits.max


def check_fits(name: str, number: Any, dtype: dtypes.DType) -> None:
    """Raise where a Python number has no place in a dtype: NaN among integers, 300 among bytes, 1e9 among halves.

    Unsigned integers wrap negative ones around (-1 is 255), and floats take infinities, as in PyTorch.
    """
    if (type(number) is not int and type(number) is not float) or dtype == dtypes.bool_:
        return
    low, high = _range(dtype)
    if type(number) is int and dtype in dtypes.UNSIGNED:
        low = -high
    if not low <= number <= high and (type(number) is int or dtype in dtypes.INTEGERS or math.isfinite(number)):
        raise ArgumentError(
            f"{name}: value {number} cannot be converted to {dtypes.name(dtype)} without overflow; use one from {low} to "
            f"{high}, or a tensor of another dtype"
        )


def promote_types(first: Any, second: Any) -> dtypes.DType:
    """Return the dtype that an operation on tensors of two dtypes has.

    >>> mt.promote_types(mt.int64, mt.float16), mt.promote_types(mt.float16, mt.bfloat16)
    (dtype('float16'), dtype('float32'))
    """
    return dtypes.promote(dtypes.canonical(first), dtypes.canonical(second))


def result_type(first: Any, second: Any) -> dtypes.DType:
    """Return the dtype of an arithmetic operation on two tensors or numbers: 0-d tensors and numbers give way.

    >>> half = mt.tensor([0.5], dtype=mt.float16)
    >>> mt.result_type(mt.tensor([1, 2]), 0.5), mt.result_type(half, mt.tensor(0.5))
    (dtype('float32'), dtype('float16'))
    """
    operands = [as_value(first), as_value(second)]
    kinds = [kind_of(x) for x in operands]
    shaped = [k for k, x in zip(kinds, operands) if getattr(x, "shape", ())]
    if len(shaped) != 1:
        return dtypes.promote(*kinds)
    (strong,), highest = shaped, max(map(dtypes.rank, kinds))
    if highest == dtypes.rank(strong):
        return strong
    return dtypes.complex_of(strong) if (highest, dtypes.rank(strong)) == (3, 2) else dtypes.promote(*kinds)


def can_cast(source: Any, target: Any) -> bool:
    """Return whether a result of one dtype may be written to a tensor of another: not to a lower category.

    >>> mt.can_cast(mt.int64, mt.float16), mt.can_cast(mt.float32, mt.int64)
    (True, False)
    """
    low, high = dtypes.rank(dtypes.canonical(target)), dtypes.rank(dtypes.canonical(source))
    return high <= low or (high == 1 and low == 1)
