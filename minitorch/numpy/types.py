"""Data types: their names, what they can hold, how they combine; what the namespace says of itself."""

from __future__ import annotations

from abc import ABC
from typing import Any, NamedTuple, NoReturn

import ml_dtypes
import numpy as np

from ..core import config, dtypes
from ..core.array import Array
from ..core.backend import backend_for
from ..core.errors import ArgumentError, DTypeError
from ..core.ops.families import as_array
from ..core.ops.shaping import cast
from ..core.tracer import Tracer, Value


class ndarray(ABC):  # noqa: B024 - it is asked for, not inherited from
    """What the functions of the namespace work on: arrays, and inside a transform what stands for them.

    It is for `isinstance`, which answers alike inside and outside; `minitorch.Array` has data. It makes nothing.

    >>> x = mnp.zeros(2)
    >>> isinstance(x, mnp.ndarray), isinstance([0.0, 0.0], mnp.ndarray)
    (True, False)
    >>> import minitorch
    >>> minitorch.vmap(lambda x: isinstance(x, mnp.ndarray))(x)
    Array([ True,  True], dtype=bool)
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise: it is no function."""
        raise TypeError("numpy.ndarray: it is for isinstance; make an array with array(...) or zeros(...)")


ndarray.register(Array)
ndarray.register(Tracer)


class ScalarType:
    """A data type of the namespace. It equals NumPy's, stands for it everywhere, and makes an array of it when called.

    >>> mnp.float32(2), mnp.int8([1, 2]), mnp.float32 == mnp.zeros(2).dtype
    (Array(2., dtype=float32), Array([1, 2], dtype=int8), True)
    """

    __slots__ = ("dtype",)

    def __init__(self, dtype: dtypes.DType):
        self.dtype = dtype

    def __call__(self, x: Any = 0) -> Value:
        return cast(as_array(np.asarray(x) if isinstance(x, (list, tuple)) else x), self.dtype)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.dtype, name)  # kind, itemsize and the like

    def __eq__(self, other: object) -> bool:
        return self.dtype == other

    def __hash__(self) -> int:
        return hash(self.dtype)

    def __repr__(self) -> str:
        return dtypes.name(self.dtype)

    def __reduce__(self) -> Any:
        return ScalarType, (self.dtype,)


bool_ = ScalarType(dtypes.bool_)
int8, int16, int32, int64 = map(ScalarType, dtypes.SIGNED)
uint8, uint16, uint32, uint64 = map(ScalarType, dtypes.UNSIGNED)
float16, bfloat16, float32, float64 = map(ScalarType, dtypes.REALS)
complex64, complex128 = map(ScalarType, dtypes.COMPLEXES)

# The abstract kinds that `issubdtype` compares with.
generic, number, integer = np.generic, np.number, np.integer
signedinteger, unsignedinteger = np.signedinteger, np.unsignedinteger
inexact, floating, complexfloating = np.inexact, np.floating, np.complexfloating
dtype = np.dtype

_KINDS: dict[str, tuple[dtypes.DType, ...]] = {
    "bool": (dtypes.bool_,),
    "signed integer": dtypes.SIGNED,
    "unsigned integer": dtypes.UNSIGNED,
    "integral": dtypes.SIGNED + dtypes.UNSIGNED,
    "real floating": dtypes.REALS,
    "complex floating": dtypes.COMPLEXES,
    "numeric": dtypes.INTEGERS + dtypes.FLOATS,
}


class FloatInfo(NamedTuple):
    """The limits of a floating dtype."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    tiny: float
    dtype: Any


class IntegerInfo(NamedTuple):
    """The limits of an integer dtype."""

    bits: int
    max: int
    min: int
    dtype: Any


def _dtype_of(x: Any) -> dtypes.DType:
    return x.dtype if isinstance(x, (Array, Tracer, np.ndarray)) else dtypes.canonical(x)


def finfo(type: Any, /) -> FloatInfo:
    """Return the limits of a floating dtype, of its real part if it is complex.

    >>> mnp.finfo(mnp.float32).bits, mnp.finfo(mnp.float32).eps
    (32, 1.1920928955078125e-07)
    """
    found = _dtype_of(type)
    if found not in dtypes.INEXACT:
        raise DTypeError(f"finfo: takes a floating dtype, got {dtypes.name(found)}; use iinfo for integers")
    info = ml_dtypes.finfo(dtypes.real_of(found))
    limits = (float(x) for x in (info.eps, info.max, info.min, info.smallest_normal, info.tiny))
    return FloatInfo(int(info.bits), *limits, dtype=dtypes.real_of(found))


def iinfo(type: Any, /) -> IntegerInfo:
    """Return the limits of an integer dtype.

    >>> mnp.iinfo(mnp.int8).max
    127
    """
    found = _dtype_of(type)
    if found not in dtypes.INTEGERS:
        raise DTypeError(f"iinfo: takes an integer dtype, got {dtypes.name(found)}; use finfo for floats")
    info = np.iinfo(found)
    return IntegerInfo(info.bits, int(info.max), int(info.min), found)


def isdtype(dtype: Any, kind: Any) -> bool:
    """Return whether a dtype is of a kind: a dtype, a name such as `"real floating"`, or a tuple of these.

    >>> mnp.isdtype(mnp.float32, "real floating"), mnp.isdtype(mnp.int8, ("bool", "integral"))
    (True, True)
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, one) for one in kind)
    found = dtypes.canonical(dtype)
    if isinstance(kind, str) and kind in _KINDS:
        return found in _KINDS[kind]
    if isinstance(kind, str):
        raise ArgumentError(f"isdtype: kind {kind!r} is none of {', '.join(_KINDS)}; choose one, or give a dtype")
    return bool(found == dtypes.canonical(kind))


def issubdtype(arg1: Any, arg2: Any) -> bool:
    """Return whether a dtype belongs to a kind such as `floating` or `integer`; bfloat16 is a float here.

    >>> mnp.issubdtype(mnp.bfloat16, mnp.floating), mnp.issubdtype(mnp.int8, mnp.inexact)
    (True, False)
    """
    if arg1 is not None and not isinstance(arg1, type) and _dtype_of(arg1) == dtypes.bfloat16:
        return arg2 in (generic, number, inexact, floating) or (
            not isinstance(arg2, type) and dtypes.canonical(arg2) == dtypes.bfloat16
        )
    return bool(np.issubdtype(arg1, arg2))


def promote_types(a: Any, b: Any) -> dtypes.DType:
    """Return the dtype of an operation on arrays of two dtypes.

    >>> mnp.promote_types("int64", "float32")
    dtype('float32')
    """
    return dtypes.promote(dtypes.canonical(a), dtypes.canonical(b))


def result_type(*arrays_and_dtypes: Any) -> dtypes.DType:
    """Return the dtype of an operation on arrays, dtypes and Python numbers, which give way to the others.

    >>> mnp.result_type(mnp.float16, 3.0), mnp.result_type(mnp.zeros(2), mnp.int64)
    (dtype('float16'), dtype('float32'))
    """
    if not arrays_and_dtypes:
        raise ArgumentError("result_type: needs at least one array or dtype, got none; give some")
    return dtypes.promote(*(type(x) if type(x) in dtypes.SCALARS else _dtype_of(x) for x in arrays_and_dtypes))


def can_cast(from_: Any, to: Any, /) -> bool:
    """Return whether a dtype (or an array's) promotes to another without becoming a third.

    >>> mnp.can_cast("int32", "int64"), mnp.can_cast("float64", "float32")
    (True, False)
    """
    low, high = _dtype_of(from_), dtypes.canonical(to)
    try:
        return bool(dtypes.promote(low, high) == high)
    except DTypeError:  # uint64 and the signed integers
        return False


def iscomplexobj(x: Any) -> bool:
    """Return whether the dtype is complex.

    >>> mnp.iscomplexobj(mnp.array([1j]))
    True
    """
    return result_type(x) in dtypes.COMPLEX if type(x) in dtypes.SCALARS else np.dtype(_typed(x)).kind == "c"


def _typed(x: Any) -> Any:
    return x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype


def isrealobj(x: Any) -> bool:
    """Return whether the dtype is not complex.

    >>> mnp.isrealobj(mnp.array([1.0]))
    True
    """
    return not iscomplexobj(x)


def isscalar(element: Any) -> bool:
    """Return whether this is a number, or an array without axes.

    >>> mnp.isscalar(3.0), mnp.isscalar(mnp.array(3.0)), mnp.isscalar(mnp.array([3.0]))
    (True, True, False)
    """
    return getattr(element, "ndim", None) == 0 if hasattr(element, "ndim") else bool(np.isscalar(element))


class Info:
    """What the namespace says of itself, as the Array API standard asks."""

    def capabilities(self) -> dict[str, Any]:
        """Return what depends on the library: masks as indices, shapes that depend on data, the number of axes."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> str:
        """Return the device of arrays whose device is not given."""
        return "cpu"

    def default_dtypes(self, *, device: str | None = None) -> dict[str, dtypes.DType]:
        """Return the dtypes of arrays whose dtype is not given."""
        backend_for(device or "cpu")
        real = config.default_float.get()
        complex_ = dtypes.complex_of(real)
        return {"real floating": real, "complex floating": complex_, "integral": dtypes.int64, "indexing": dtypes.int64}

    def devices(self) -> list[str]:
        """Return the devices."""
        return ["cpu"]

    def dtypes(self, *, device: str | None = None, kind: Any = None) -> dict[str, dtypes.DType]:
        """Return the standard's dtypes by name, of all kinds or of some."""
        backend_for(device or "cpu")
        standard = [one for one in dtypes.ALL if one not in dtypes.HALVES]
        return {dtypes.name(one): one for one in standard if kind is None or isdtype(one, kind)}


def __array_namespace_info__() -> Info:
    """Return an object that answers the standard's questions.

    >>> mnp.__array_namespace_info__().default_dtypes()["integral"]
    dtype('int64')
    """
    return Info()


__all__ = [
    "__array_namespace_info__", "bfloat16", "bool_", "can_cast", "complex128", "complex64", "complexfloating",
    "dtype", "finfo", "float16", "float32", "float64", "floating", "generic", "iinfo", "inexact", "int16",
    "int32", "int64", "int8", "integer", "iscomplexobj", "isdtype", "isrealobj", "isscalar", "issubdtype",
    "ndarray", "number", "promote_types", "result_type", "signedinteger", "uint16", "uint32", "uint64", "uint8",
    "unsignedinteger",
]  # fmt: skip
